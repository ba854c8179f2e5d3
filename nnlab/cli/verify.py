"""`nnlab verify`: replay a run and compare its weights with the hashes it left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli.job import Job, as_text, screen_for
from nnlab.cli.output import exit_codes, result
from nnlab.errors import GateError


def verify(
    run: o.Run,
    *,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", parser=o.count, metavar="K", help="Replay the first K epochs alone.", show_default=False
        ),
    ] = None,
    runs_dir: o.RunsDir = Path("runs"),
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Train a run once more and compare its weights, bit for bit; exit code 3 names the first that differ."""
    with exit_codes(debug=debug):
        from nnlab.experiments.interrupts import leaving
        from nnlab.runs.lookup import find

        folder = find(runs_dir, run)
        job = Job(str(folder.path / "config.yaml"), None, plugin, threads)
        from nnlab.experiments.evaluate import require_one_network
        from nnlab.experiments.verify import verify as verify_run

        with leaving(lambda: "the run was not compared to its end"):
            require_one_network(folder)
            plugins = [str(path) for path in plugin or ()]
            found = verify_run(folder, job.setup(), epochs=epochs, plugins=plugins)
        result(as_text(found.document()) if as_json else str(found.run))
        if found.differs is not None:
            raise GateError(found.sentence())
        for line in found.sentence().splitlines():
            screen_for(quiet=quiet or as_json).say(line)
