"""`nnlab export`: a trained network for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o

Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        parser=o.output,
        metavar="FILE",
        help="Where it goes: a name that ends in .onnx or .safetensors; - is stdout, as ONNX.",
        show_default=False,
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        "--layout",
        parser=o.one_of("nnlab", "torch"),
        autocompletion=completion.one_of("nnlab", "torch"),
        metavar="nnlab|torch",
        help="Names of the tensors in a .safetensors file; torch writes a PyTorch module beside it as .py.",
    ),
]
Inputs = Annotated[
    str,
    typer.Option(
        "--inputs",
        parser=o.one_of("array", "columns"),
        autocompletion=completion.one_of("array", "columns"),
        metavar="array|columns",
        help="What an ONNX model takes: one array of numbers, or the columns of the table, texts as texts.",
    ),
]


def export(
    run: o.Network,
    *,
    out: Out,
    layout: Layout = "nnlab",
    inputs: Inputs = "array",
    checkpoint: o.Checkpoint = None,
    trust: o.Trust = False,
    file: g.RunOptions,
    output: g.Output,
) -> None:
    """Write a trained network for other programs: as ONNX, or its tensors."""
    from nnlab import api
    from nnlab.cli import show

    output = output.beside(out)
    how: dict[str, Any] = {"layout": layout, "inputs": inputs, "checkpoint": checkpoint}
    found = api.export(run, out, trust=trust, **how, **file.opening)
    show.exported(output, found)
