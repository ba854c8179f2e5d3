"""`nnlab eval`: a finished run on its own parts, or on rows it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli.gates import Gates, require
from nnlab.cli.job import as_text, screen_for
from nnlab.cli.output import exit_codes, result
from nnlab.errors import ConfigError


def evaluate(
    run: o.Run,
    *,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            parser=o.one_of("train", "val", "test"),
            metavar="train|val|test",
            help="Part to evaluate; every one by default.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="FILE", help="Rows never seen: same columns in any order, targets may be absent."
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            parser=o.one_of("best", "last", "previous"),
            metavar="best|last|previous",
            help="Which weights to use; by default those whose figures `train` printed.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions", metavar="FILE.csv", help="Write for each row its number, the prediction and the truth."
        ),
    ] = None,
    runs_dir: o.RunsDir = Path("runs"),
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    gate: o.Gate = None,
    baseline: o.Baseline = None,
    junit: o.Junit = None,
    debug: o.Debug = False,
) -> None:
    """Evaluate a finished run on its own parts, or on a file it never saw."""
    with exit_codes(debug=debug):
        o.use_threads(threads)
        import time

        from nnlab.cli.terminal import show_all_figures, show_gates
        from nnlab.config.plugins import with_plugins
        from nnlab.experiments.evaluate import evaluate as evaluate_run
        from nnlab.experiments.evaluate import write_predictions
        from nnlab.gates.parse import gates_from
        from nnlab.runs.files import check_place
        from nnlab.runs.lookup import find

        if split and data is not None:
            raise ConfigError("found both --split and --data, expected one of them")
        if predictions is not None:
            check_place(predictions)
        parsed, gates, clock = gates_from(gate or ()), Gates(runs_dir, baseline, junit), time.perf_counter()
        gates.check_used(parsed)
        found = evaluate_run(
            find(runs_dir, run),
            activations=with_plugins(plugin or ()),
            checkpoint=checkpoint,
            split=split,
            data=data,
            gates=parsed,
            baseline=gates.baseline,
        )
        screen = screen_for(quiet=quiet or as_json)
        if found.status == "diverged":
            screen.warn("the run diverged: its weights are the last that were sound, and no result of a training")
        show_all_figures(screen, found.figures, f"the {found.checkpoint} weights, step {found.step}")
        if predictions is not None:
            write_predictions(found, predictions)
            screen.say(f"{found.rows:,} predictions written to {predictions}")
        elif not found.figures:
            screen.say(f"{found.rows:,} rows without targets: no figures; --predictions FILE.csv writes predictions")
        show_gates(screen, found.gates)
        gates.write(found.run, found.gates, time.perf_counter() - clock)
        result(as_text(found.document()) if as_json else str(found.run))
        require(found.gates)
