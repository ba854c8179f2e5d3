"""`nnlab init`: an experiment for a table, every setting with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o

Table = Annotated[
    str | None,
    typer.Argument(
        parser=o.path_text,
        autocompletion=completion.entries("data"),
        metavar="FILE|NAME",
        help="A table, or a name of the catalogue; moons by default.",
        show_default=False,
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="COLUMN", help="The column to predict; guessed by default. Repeatable."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=lambda given: o.output(given) if given == "-" else o.path(given),
        metavar="FILE.yaml",
        help="Where the experiment goes; - is stdout.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")]


def init(
    table: Table = None, *, target: Target = None, out: Out = None, force: Force = False, output: g.Output
) -> None:
    """Write an experiment for a table: every setting with its reason, and a question where the table leaves one."""
    from nnlab import api
    from nnlab.cli import show

    output = output if out is None else output.beside(out)
    show.draft(output, api.init(table, target=target or (), out=out, force=force))
