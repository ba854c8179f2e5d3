"""`nnlab eval`: a finished run on its own parts, or on rows it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o

Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        parser=o.one_of("train", "val", "test"),
        autocompletion=completion.one_of("train", "val", "test"),
        metavar="train|val|test",
        help="Part to evaluate; every one by default.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        parser=o.path_text,
        metavar="FILE",
        help="Rows never seen, targets may be absent: a table, arrays, or a folder of images.",
    ),
]
Predictions = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        parser=o.output,
        metavar="FILE.csv",
        help="Write for each row its place, the prediction and the truth; - is stdout.",
    ),
]


def evaluate(
    run: o.Network,
    *,
    split: Split = None,
    data: Data = None,
    checkpoint: o.Checkpoint = None,
    predictions: Predictions = None,
    trust: o.Trust = False,
    file: g.RunOptions,
    gates: g.GateOptions,
    pictures: g.PictureOptions,
    output: g.Output,
) -> None:
    """Evaluate a finished run on its own parts, or on a file it never saw."""
    from nnlab import api
    from nnlab.cli import show

    output = output.beside(predictions, gates.junit)
    which: dict[str, Any] = {"split": split, "data": data, "checkpoint": checkpoint, "predictions": predictions}
    found = api.evaluate(run, trust=trust, **file.opening, **which, **gates.held, **pictures.chosen)
    show.evaluation(output, found, predictions)
