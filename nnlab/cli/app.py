"""The application: its commands, each in a file of this folder, and its exit codes.

Only the standard library and typer are loaded at first; a command loads the rest when it runs. So `nnlab --help` is
fast, and the number of BLAS threads can be set before NumPy is loaded.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import nnlab
from nnlab.cli import completion
from nnlab.cli.benchmark import benchmark
from nnlab.cli.catalogue import catalogues
from nnlab.cli.compare import compare_activations
from nnlab.cli.config import config
from nnlab.cli.data import data
from nnlab.cli.draw import draw
from nnlab.cli.evaluate import evaluate
from nnlab.cli.export import export
from nnlab.cli.gradcheck import gradcheck
from nnlab.cli.groups import command_of
from nnlab.cli.init import init
from nnlab.cli.output import complain, result, unwritten
from nnlab.cli.plot import plot
from nnlab.cli.runs import runs
from nnlab.cli.sweep import sweep
from nnlab.cli.trace import trace
from nnlab.cli.train import train
from nnlab.cli.verify import verify
from nnlab.errors import NnlabError


class Commands(TyperGroup):
    """The group of all commands; suggests the full name for an abbreviated one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve the command as typer does, after checking for an abbreviated name."""
        near = [name for name in self.commands if args[0] and name.startswith(args[0])]
        if not ctx.resilient_parsing and near and args[0] not in near:
            ctx.fail(f"No such command '{args[0]}'. Did you mean {' or '.join(map(repr, near))}?")
        for word in () if ctx.resilient_parsing else args[1:]:
            if fault := _REPLACED.get((args[0], word.partition("=")[0])):
                ctx.fail(fault)
        return super().resolve_command(ctx, args)


# Options that there were once, and what is in their place.
_REPLACED = {
    ("compare-activations", "--init"): "No such option: --init. In its place is --starts: fair, same (one initialiser "
    "for all) or own (the one recommended for each activation), or several with commas between."
}

# Each with a line for `nnlab --help` that fits into 80 columns.
COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "train": (train, "Train one network and leave a run folder."),
    "eval": (evaluate, "Evaluate a finished run, also on new rows."),
    "gradcheck": (gradcheck, "Check every derivative of the network."),
    "compare-activations": (compare_activations, "Compare activations over many seeds."),
    "benchmark": (benchmark, "Compare activations over many data sets."),
    "sweep": (sweep, "Train at many settings, and rank these."),
    "plot": (plot, "Draw a picture of a run again, also for print."),
    "init": (init, "Write an experiment for a table of your own."),
    "export": (export, "Write a network as ONNX, or its weights."),
    "draw": (draw, "Draw the architecture of a network."),
    "trace": (trace, "Work out one training step as by hand."),
    "verify": (verify, "Train a run again and compare every bit."),
}


def app_of(words: Sequence[str] = ()) -> typer.Typer:
    """The application for these arguments: if they begin with a command, only that one is registered.

    Typer inspects all parameters of all registered commands, which takes as long as reading an experiment.
    """
    app = typer.Typer(
        cls=Commands,
        help="A laboratory for activation functions and small neural networks: one YAML file in, one run folder out.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback()(_nnlab)
    called = words[0] if words and words[0] in COMMANDS else None
    for name, (function, line) in COMMANDS.items():
        if called in {None, name}:
            app.command(name, short_help=line)(command_of(function))
    groups = {"runs": runs(), "data": data(), "config": config(), **catalogues()}
    for name, group in groups.items() if called is None else ():
        app.add_typer(group, name=name)
    return app


def main() -> None:
    """Run the command line and exit with its exit code (see docs/exit-codes.md)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the end
    try:
        _run(sys.argv[1:])
    except NnlabError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == 1 and _reader_is_gone():  # typer exits with 1 if a pipe is closed
            sys.exit(0)
        raise


def _run(words: Sequence[str]) -> None:
    """Run a command; StorageError where typer could not write its help."""
    try:
        completion.answer(app_of) if completion.is_asked() else app_of(words)()
    except OSError as error:
        if not {"-h", "--help"} & {*words}:
            raise
        raise unwritten(error) from error


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe whose reader has closed it."""
    poll = select.poll()
    poll.register(1, select.POLLERR)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _version(*, shown: bool) -> None:
    if shown and not completion.is_asked():
        result(f"nnlab {nnlab.__version__}")
        raise typer.Exit


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
