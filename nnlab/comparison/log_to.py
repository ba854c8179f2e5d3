"""Hand a comparison or a sweep to loggers: the whole with its conclusions, and each arm with its medians over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nnlab.comparison.tasks import Arm
from nnlab.comparison.weights import file_names
from nnlab.experiments.log_to import about, files_of, named
from nnlab.loggers.logged import LoggedRun, Row, flattened
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.summary import ComparisonSummary, SeveralSummary, SweepSummary, SweepVerdict

_TABLES = ("table.md", "table.tex", "arms.csv", "points.csv", "pairs.csv", "shares.csv", "results.csv")


def logged_arms(folder: RunFolder, arms: Sequence[Arm]) -> LoggedRun:
    """A comparison or a sweep as its folder holds it, with the curves of the trained arms."""
    run, summary = folder.read_run(), folder.read_summary()
    assert run is not None
    whole = LoggedRun(**about(folder, run), files=files_of(folder, [CONFIG, *_TABLES]))
    if not isinstance(summary, ComparisonSummary | SweepSummary):
        return whole
    trained = {arm.label: arm for arm in arms}
    logged = {
        name: _arm(replace(whole, name=summary.full_label(label)), trained[label], summary)
        for name, label in file_names(summary.arms).items()
    }
    verdict = summary.verdict
    searched = verdict.searched if isinstance(verdict, SweepVerdict) else ()
    return replace(whole, notes=[*verdict.sentences, *searched, *verdict.warnings], arms=logged)


def _arm(whole: LoggedRun, arm: Arm, summary: SeveralSummary) -> LoggedRun:
    """An arm: medians over the seeds along the way, means and medians at the end."""
    own = summary.arms[arm.label]
    final = named("final_mean", {name: one.mean for name, one in own.final.items()})
    final |= named("final_median", {name: one.median for name, one in own.final.items()})
    counts = {"seeds": len(summary.seeds), "diverged": own.diverged, "reached_target": own.reached}
    shared = {key: value for key, value in whole.config.items() if key.partition(".")[0] not in own.experiment}
    return replace(
        whole,
        config={**shared, **dict(flattened(own.experiment))},
        rows=_medians(arm),
        steps=own.steps,
        final=final | named("number_of_seeds", counts),
        files={},
    )


def _medians(arm: Arm) -> list[Row]:
    """The median of each figure over the seeds that have it, at each step where any has."""
    rows: list[Row] = []
    for index, step in enumerate(arm.steps.tolist()):
        values = {name: curve[:, index][np.isfinite(curve[:, index])] for name, curve in arm.curves.items()}
        medians = {name: float(np.median(known)) for name, known in values.items() if len(known)}
        rows.append((step, named("median_over_seeds", medians)))
    return rows
