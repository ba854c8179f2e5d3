"""`nnlab plot`: one picture of a run, drawn again in another format, at another width or for print."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import aligned, complain

Picture = Annotated[
    str | None,
    typer.Argument(
        autocompletion=completion.pictures,
        metavar="[NAME]",
        help="Picture to draw, such as cost; without a name the pictures are listed.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=o.picture,
        metavar="FILE",
        help="Where it goes: a name that ends in .png, .svg or .pdf, by default NAME.png; - is stdout, as PNG.",
        show_default=False,
    ),
]
Width = Annotated[
    float | None,
    typer.Option(
        "--width",
        parser=o.width,
        metavar="WIDTH",
        help="How wide it is: 8.5cm, 5in, or a number of centimetres; for print 16cm by default.",
        show_default=False,
    ),
]
Style = Annotated[
    str,
    typer.Option(
        "--style",
        parser=o.one_of("screen", "paper"),
        autocompletion=completion.one_of("screen", "paper"),
        metavar="screen|paper",
        help="paper: without a title, in small serif type, with thin lines; PNG with 300 dots per inch, not 120.",
    ),
]


def plot(
    run: o.Run,
    name: Picture = None,
    *,
    out: Out = None,
    width: Width = None,
    style: Style = "screen",
    file: g.RunOptions,
    output: g.Output,
) -> None:
    """Draw a picture of a run again: in another format, at another width, or for print. Its caption is on stderr."""
    from nnlab import api

    output = output.beside(out)
    if name is None:
        found = api.list_pictures(run, **file.opening)
        output.result([asdict(one) for one in found], *aligned([(one.name, one.text) for one in found]))
    else:
        drawn = api.plot(run, name, out, width=width, style=style, **file.opening)
        output.result({"picture": str(drawn.path), "caption": drawn.caption}, str(drawn.path))
        if not (output.quiet or output.as_json):
            complain(drawn.caption)
