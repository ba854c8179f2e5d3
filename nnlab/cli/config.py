"""`nnlab config schema`: the JSON Schema of the experiment file, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli.groups import Debugging, command_of
from nnlab.cli.output import as_text, result, written

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=o.output,
        metavar="FILE.json",
        help="Where the schema goes; stdout by default.",
        show_default=False,
    ),
]


def config() -> typer.Typer:
    """The group of commands on the experiment file."""
    group = typer.Typer(help="Describe the experiment file.", no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_config)
    group.command("schema")(command_of(schema))
    return group


def _config() -> None:
    """Describe the experiment file."""


def schema(*, out: Out = None, plugin: o.Plugin = None, _errors: Debugging) -> None:
    """Print the JSON Schema of the experiment file, for help and checks in an editor."""
    from nnlab import api

    found = api.config_schema(out, plugins=plugin or ())
    if out is None:
        result(as_text(found))
    else:
        written(out)
