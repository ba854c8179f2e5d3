"""The commands, each in a file beside this one, which parses, calls one experiment function and shows what came of it.

Only the standard library and typer are loaded here; a command loads the rest when it runs, so that `nnlab --help` is
quick and the number of BLAS threads can be set before NumPy loads.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import Annotated

import typer

import nnlab
from nnlab.cli.catalogue import catalogues
from nnlab.cli.compare import compare_activations
from nnlab.cli.evaluate import evaluate
from nnlab.cli.gradcheck import gradcheck
from nnlab.cli.output import complain, result
from nnlab.cli.sweep import sweep
from nnlab.cli.train import train
from nnlab.cli.verify import verify
from nnlab.errors import NnlabError

app = typer.Typer(
    help="A laboratory for activation functions and small neural networks: one YAML file in, one run folder out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command(name="train")(train)
app.command(name="eval")(evaluate)
app.command(name="gradcheck")(gradcheck)
app.command(name="compare-activations")(compare_activations)
app.command(name="sweep")(sweep)
app.command(name="verify")(verify)

for _name, _group in catalogues().items():
    app.add_typer(_group, name=_name)


def main() -> None:
    """Run the command line; every way to leave it has its exit code (see README)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the end
    try:
        app()
    except NnlabError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == 1 and _reader_is_gone():  # typer's word for a closed pipe
            sys.exit(0)
        raise


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(1, select.POLLERR)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _version(*, shown: bool) -> None:
    if shown:
        result(f"nnlab {nnlab.__version__}")
        raise typer.Exit


@app.callback()
def _nnlab(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda shown: _version(shown=shown), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of nnlab itself."""
