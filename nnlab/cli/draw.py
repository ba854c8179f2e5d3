"""`nnlab draw`: the architecture of a network, or each operation of a forward pass with its derivatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import result, written

Target = Annotated[
    str,
    typer.Argument(
        parser=o.path_text,
        autocompletion=completion.experiments_and_networks,
        metavar="CONFIG|RUN",
        help="Experiment file, - for standard input, or a run whose weights are drawn.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=o.output,
        metavar="FILE",
        help="Where it goes: a name that ends in .svg, .pdf, .png, .mmd or .dot. By default Mermaid on stdout.",
        show_default=False,
    ),
]
Operations = Annotated[
    bool,
    typer.Option("--operations", help="Draw each operation with its shapes, and the derivatives that flow back."),
]


def draw(
    target: Target,
    *,
    out: Out = None,
    operations: Operations = False,
    sets: o.Set = None,
    file: g.PluginOptions,
    _errors: g.Debugging,
) -> None:
    """Draw the architecture of an experiment or a run."""
    from nnlab import api

    about: dict[str, Any] = {"runs_dir": file.runs_dir, "plugins": file.plugins, "set": sets or ()}
    drawn = api.draw(target, out, operations=operations, **about)
    if out is None:
        result(drawn.decode().rstrip("\n"))
    else:
        written(out)
