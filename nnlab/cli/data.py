"""`nnlab data show`: how the columns of a table are read, without an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from nnlab.cli import completion
from nnlab.cli.groups import BareOutput, command_of
from nnlab.cli.output import aligned
from nnlab.errors import printable

if TYPE_CHECKING:
    from nnlab.experiments.data_table import DataTable

Source = Annotated[
    str,
    typer.Argument(
        autocompletion=completion.entries("data"),
        metavar="FILE|NAME",
        help="A table, another file of data, or a name of the catalogue.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        autocompletion=completion.settings_of_data,
        metavar="KEY=VALUE",
        help="How to read it, as in data.separator=;. Repeatable.",
    ),
]


def data() -> typer.Typer:
    """The group of commands on data."""
    group = typer.Typer(help="Show how data are read.", no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_data)
    group.command("show")(command_of(show))
    return group


def _data() -> None:
    """Show how data are read."""


def show(source: Source, *, sets: Settings = None, output: BareOutput) -> None:
    """Show the columns of a table as nnlab reads them: kind, different values, blanks, range, inputs and why."""
    from nnlab import api

    found = api.show_data(source, set=sets or ())
    output.result(found.document(), *_lines(found))


def _lines(found: DataTable) -> Iterator[str]:
    """The columns as a table of text, then what is told, then what must be seen."""
    from nnlab.data.described import COLUMNS, rows_of

    since = f", task: {found.task}, since {found.why}" if found.why else ""
    yield printable(f"{found.source}: {found.rows:,} rows{since}")
    yield ""
    yield from aligned([[*COLUMNS], *rows_of(found.columns)])
    sentences = [*found.notes, *(f"warning: {warning}" for warning in found.warnings)]
    yield from ["", *map(printable, sentences)] if sentences else []
