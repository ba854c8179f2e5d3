"""`nnlab verify`: replay a run and compare its weights with the hashes it left."""

from __future__ import annotations

from typing import Annotated

import typer

from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.errors import GateError

Epochs = Annotated[
    int | None,
    typer.Option("--epochs", parser=o.count, metavar="K", help="Replay the first K epochs alone.", show_default=False),
]


def verify(run: o.Run, *, epochs: Epochs = None, file: g.RunOptions, output: g.Output) -> None:
    """Train a run once more and compare its weights, bit for bit; exit code 3 names the first that differ."""
    from nnlab import api

    found = api.verify(run, epochs=epochs, threads=file.threads, **file.opening)
    output.result(found.document(), str(found.run))
    if found.differs is not None:
        raise GateError(found.sentence())
    for line in found.sentence().splitlines():
        output.screen.say(line)
