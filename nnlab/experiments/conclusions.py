"""Sum up a comparison: what the seeds of each arm say about the arms.

summary.json, whose keys scripts rely on; a figure that could not be measured is null:

    run, status, seconds
    seeds                     the seeds, in the order of all lists of values
    figure                    the headline: what the arms are ranked and compared by, with `larger_is_better`
    target                    the level whose steps are counted
    arms.<label>
      activation, family, settings, parameters, seconds
      steps                   updates of all its seeds together
      time_per_step           seconds per update of one network, where all seeds are trained at once
      final.<figure>          mean with low and high (95 %) and a note on them, median with its median_low and
                              median_high, and the values seed by seed, null where a seed diverged
      reached                 seeds that reached the target; reached_share their share: estimate, low, high, note
      median_steps_to_target  steps_to_target.median
      steps_to_target         median, low, high, note; null lies beyond the end of training; `censored` seeds never did
      seconds_to_target       the same steps in seconds
      area                    the mean height of each seed's curve of the target's figure, summed up as a final figure
      diverged                seeds that diverged, diverged_share their share, diverged_at the step of each seed
      health                  with training.health: dead, saturated, as final figures, of the last look, over all layers
    pairs[]                   better, worse, seeds in common; difference in favour of the better one with low, high,
                              note; chance that it beats the other on a seed with chance_low, chance_high; p of the
                              paired permutation test, p_adjusted by Holm; told_apart; seeds_needed, null beyond 10,000
    wins.<row>.<column>       share of the seeds on which the arm of the row beats that of the column, ties half
    verdict                   ranking, sentences, warnings
    best.<family>             where settings were tuned, the label of the best arm; pairs, wins and verdict
                              are then of these best arms alone
    failed                    of each arm that could not be trained the reason
    gates                     each gate and its outcome
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.arms import Target
from nnlab.config.gates import Gate
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import printable
from nnlab.experiments.gates import Measured, Outcome, figures_of_arms, hold
from nnlab.experiments.pieces import Arm
from nnlab.experiments.specimens import specimens_of
from nnlab.maths.activations import AnyActivation
from nnlab.maths.metrics import TRAINING_METRICS, metric_of
from nnlab.maths.statistics import (
    Figure,
    Interval,
    Pair,
    Verdict,
    area_under_curve,
    mean_over_seeds,
    median_interval,
    median_steps,
    share_interval,
    steps_to_target,
    verdict,
    win_matrix,
)
from nnlab.records.comparison import MOST_DRAWN, Comparison, write_comparison
from nnlab.records.runs import RunFolder, finite

Array = NDArray[Any]
Summary = dict[str, Any]


@dataclass
class Compared:
    """The folder of a comparison and what its summary.json holds."""

    folder: Path
    summary: Summary
    warnings: list[str]
    gates: list[Outcome]


def finish(
    experiment: Experiment,
    folder: RunFolder,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    target: Target,
    seconds: float,
    gates: Sequence[Gate],
    baseline: Measured | None,
    *,
    dataset: Dataset | None = None,
    activations: Mapping[str, AnyActivation] | None = None,
    experiments: Mapping[str, Experiment] | None = None,
    best: Mapping[str, str] | None = None,
    failed: Mapping[str, str] | None = None,
) -> Compared:
    """Hold the arms against each other and the gates, and write what the folder of a comparison holds.

    With `dataset` and `activations` there are also pictures of the networks themselves. `experiments` gives arms that
    were trained by another experiment than this one with their activation; `failed` tells why arms are missing. Where
    settings were tuned, `best` names the best arm of each family, and these alone are set against each other.
    """
    arms = [_aligned(arm) for arm in arms]
    split = next(name for name in ("test", "val", "train") if f"{name}/loss" in arms[0].finals)
    metric = next(iter(TRAINING_METRICS[experiment.task]))
    headline, larger = f"{split}/{metric}", metric_of(metric).larger_is_better
    found = {arm.label: Measurements(arm, target, watched(arms)) for arm in arms}
    compared = [arm for arm in arms if not best or arm.label in best.values()]
    told = _verdict(compared, seeds, headline, larger_is_better=larger)
    summary: Summary = {
        "run": str(folder.path),
        "status": "completed",
        "seeds": list(seeds),
        "figure": headline,
        "larger_is_better": larger,
        "target": target.text,
        "arms": {label: one.summary() for label, one in found.items()},
        "pairs": [_pair(pair) for pair in told.pairs],
        "wins": _wins(compared, headline, larger_is_better=larger),
        "verdict": {
            "ranking": list(told.ranking),
            "sentences": [*told.sentences, *_target_sentences(told.ranking, found, target)],
            "warnings": [*_failures(failed or {}), *told.warnings],
        },
        **({"best": dict(best)} if best else {}),
        **({"failed": dict(failed)} if failed else {}),
        "seconds": round(seconds, 3),
    }
    outcomes = hold(gates, Measured(final=figures_of_arms(summary)), baseline)
    summary["gates"] = [gate.document() for gate in outcomes]
    drawn = [arm for arm in compared if arm.label in told.ranking[:MOST_DRAWN]]
    specimens = (
        specimens_of(experiment, drawn, seeds, headline, dataset, activations, experiments or {})
        if dataset is not None and activations is not None
        else {}
    )
    comparison = Comparison(
        experiment.name,
        headline,
        larger,
        list(seeds),
        {arm.label: arm for arm in arms},
        {label: one.columns() for label, one in found.items()},
        {label: one.health() for label, one in found.items()},
        summary,
        watched=watched(arms),
        loss=str(experiment.network.head.loss),
        scaled_targets=experiment.data.scale_targets,
        specimens=specimens,
        dataset=dataset,
    )
    warnings = write_comparison(folder, comparison)
    return Compared(folder.path, summary, warnings, outcomes)


def watched(arms: Sequence[Arm]) -> int:
    """The step up to which every seed was given its chance: the end of training."""
    return max(int(arm.steps[-1]) for arm in arms)


def _aligned(arm: Arm) -> Arm:
    """The arm with its activation layers called by their place, activation1 for tanh1, so that arms share columns."""
    layers = dict.fromkeys(name.split("/")[1] for name in arm.curves if name.startswith("health/"))
    own = [layer for layer in layers if f"health/{layer}/mean" in arm.curves]
    names = {f"health/{layer}": f"health/activation{place}" for place, layer in enumerate(own, 1)}
    aligned = {_renamed(name, names): curve for name, curve in arm.curves.items()}
    return replace(arm, curves=aligned)


def _renamed(name: str, names: Mapping[str, str]) -> str:
    layer, slash, quantity = name.rpartition("/")
    return f"{names.get(layer, layer)}{slash}{quantity}"


# --- one arm ----------------------------------------------------------------------------------------------------------


class Measurements:
    """What the seeds of an arm did, (R,) each, and what they say together."""

    def __init__(self, arm: Arm, target: Target, end: int) -> None:
        self.arm, self.end = arm, end
        self.steps_to_target = reached(arm, target)
        self.steps = _steps_run(arm)
        total = float(self.steps.sum())
        self.time_per_step = arm.seconds / total if total else float("nan")
        self.area = _area(arm, target)

    def columns(self) -> dict[str, Array]:
        """What results.csv has beside the final figures."""
        return {
            "steps": self.steps,
            "seconds": self.steps * self.time_per_step,
            "steps_to_target": self.steps_to_target,
            "seconds_to_target": self.steps_to_target * self.time_per_step,
            "area": self.area,
        }

    def summary(self) -> Summary:
        """The arm's part of summary.json."""
        arm, seeds = self.arm, len(self.arm.diverged)
        hits, lost = int(np.isfinite(self.steps_to_target).sum()), int(arm.diverged.sum())
        steps = median_steps(self.steps_to_target, self.end)
        health = {"health": {name: over_seeds(values) for name, values in self.health().items()}}
        return {
            "activation": arm.choice.plain(),
            "family": arm.family or arm.label,
            "settings": dict(arm.settings),
            "parameters": arm.parameters,
            "final": {name: over_seeds(values) for name, values in arm.finals.items()},
            "reached": hits,
            "reached_share": _share(hits, seeds),
            "median_steps_to_target": finite(steps.estimate),
            "steps_to_target": {**_bounds(steps), "censored": seeds - hits},
            "seconds_to_target": _bounds(steps, self.time_per_step),
            "area": over_seeds(self.area),
            "diverged": lost,
            "diverged_share": _share(lost, seeds),
            "diverged_at": [int(step) if step >= 0 else None for step in arm.bad_step],
            "seconds": round(arm.seconds, 3),
            "steps": int(self.steps.sum()),
            "time_per_step": finite(self.time_per_step),
            **(health if self.health() else {}),
        }

    def health(self) -> dict[str, Array]:
        """Dead and saturated share of each seed at the last look, (R,), the mean of its activation layers."""
        found = {}
        for name in ("dead", "saturated"):
            layers = [_last(curve) for key, curve in self.arm.curves.items() if _is_health(key, name)]
            if layers:
                found[name] = np.where(self.arm.diverged, np.nan, np.mean(layers, axis=0))
        return found


def reached(arm: Arm, target: Target) -> Array:
    """The first step at which each seed reached the target, (R,), nan if it never did or it was not measured."""
    if target.figure not in arm.curves:
        return np.full(len(arm.diverged), np.nan)
    curve = arm.curves[target.figure]
    return steps_to_target(arm.steps, curve, target.level, larger_is_better=target.larger_is_better)


def over_seeds(values: Array) -> Summary:
    """Mean and median of values (R,) with their 95 % intervals, nan left out, and the values."""
    known = values[np.isfinite(values)]
    mean = mean_over_seeds(known) if len(known) else Interval(np.nan, None, None, "no seed has it")
    middle = median_interval(known) if len(known) else mean
    return {
        "mean": finite(mean.estimate),
        "low": finite(mean.low),
        "high": finite(mean.high),
        "note": mean.note,
        "median": finite(middle.estimate),
        "median_low": finite(middle.low),
        "median_high": finite(middle.high),
        "values": [finite(float(value)) for value in values],
    }


def _bounds(steps: Interval, seconds: float = 1) -> Summary:
    """A median of steps, or of the seconds that they take; None for what lies beyond the end of training."""
    low, high = (None if bound is None else finite(bound * seconds) for bound in (steps.low, steps.high))
    return {"median": finite(steps.estimate * seconds), "low": low, "high": high, "note": steps.note}


def _share(count: int, total: int) -> Summary:
    share = share_interval(count, total)
    return {"estimate": share.estimate, "low": share.low, "high": share.high, "note": share.note}


def _steps_run(arm: Arm) -> Array:
    """How many steps each seed took, (R,): to the one at which it diverged, or to the last at which it was measured."""
    known = np.any([np.isfinite(curve) for curve in arm.curves.values()], axis=0)
    last = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    steps: Array = np.where(known.any(axis=1), arm.steps[last], 0)
    return np.where(arm.diverged, arm.bad_step, steps)


def _area(arm: Arm, target: Target) -> Array:
    """The mean height of each seed's curve of the target's figure, (R,), nan where it diverged."""
    curve = arm.curves.get(target.figure)
    if curve is None:
        return np.full(len(arm.diverged), np.nan)
    finite_only = np.where(np.isfinite(curve), curve, np.nan)
    return np.where(arm.diverged, np.nan, area_under_curve(arm.steps, finite_only))


def _is_health(key: str, name: str) -> bool:
    return key.startswith("health/") and key.endswith(f"/{name}")


def _last(curve: Array) -> Array:
    """The last known value of each seed's curve (R, T), (R,)."""
    known = np.isfinite(curve)
    last = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.take_along_axis(curve, last[:, None], axis=1)[:, 0]


# --- arms against each other ------------------------------------------------------------------------------------------


def _verdict(arms: Sequence[Arm], seeds: Sequence[int], figure: str, *, larger_is_better: bool) -> Verdict:
    scores = {arm.label: dict(zip(seeds, _known(arm.finals[figure]).tolist(), strict=True)) for arm in arms}
    return verdict(scores, Figure(larger_is_better, share=figure.endswith("accuracy")))


def _known(values: Array) -> Array:
    """Figures that overflowed count as none."""
    return np.where(np.isfinite(values), values, np.nan)


def _pair(pair: Pair) -> Summary:
    return {
        "better": pair.better,
        "worse": pair.worse,
        "seeds": pair.seeds,
        "difference": finite(pair.margin.estimate),
        "low": finite(pair.margin.low),
        "high": finite(pair.margin.high),
        "note": pair.margin.note,
        "chance": finite(pair.chance.estimate),
        "chance_low": finite(pair.chance.low),
        "chance_high": finite(pair.chance.high),
        "p": pair.p,
        "p_adjusted": pair.adjusted,
        "told_apart": pair.told_apart,
        "seeds_needed": pair.needed,
    }


def _wins(arms: Sequence[Arm], figure: str, *, larger_is_better: bool) -> dict[str, dict[str, float | None]]:
    shares = win_matrix([_known(arm.finals[figure]) for arm in arms], larger_is_better=larger_is_better)
    labels = [arm.label for arm in arms]
    return {
        row: {column: finite(float(share)) for column, share in zip(labels, line, strict=True)}
        for row, line in zip(labels, shares, strict=True)
    }


def _target_sentences(ranking: Sequence[str], found: Mapping[str, Measurements], target: Target) -> Iterator[str]:
    """Which share of its seeds each arm fails the target with, unless none of them measured it or none failed."""
    for label in ranking:
        one = found[label]
        seeds = len(one.steps_to_target)
        failed = seeds - int(np.isfinite(one.steps_to_target).sum())
        if failed and target.figure in one.arm.curves:
            share = share_interval(failed, seeds)
            yield f"{label} fails {target.text} on {_percent(share)} ({failed:,} of {seeds:,})."


def _percent(share: Interval) -> str:
    """`73.5 % of seeds, 95 % 70.6 % to 76.2 %`."""
    assert share.low is not None
    assert share.high is not None
    estimate, low, high = (f"{100 * value:.1f}".removesuffix(".0") for value in (share.estimate, share.low, share.high))
    return f"{estimate} % of seeds, 95 % {low} % to {high} %"


def _failures(failed: Mapping[str, str]) -> Iterator[str]:
    for label, reason in failed.items():
        yield f"{printable(label)} is missing: {printable(reason)}"
