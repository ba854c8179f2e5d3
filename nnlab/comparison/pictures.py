"""Which pictures suit a comparison: one table, `PICTURES`, from file name to what it shows.

Every arm has its colour, line and marker in all of them. Where more arms were compared than a frame can show, the best
eight are drawn and the title says so.

This module loads matplotlib: import it only to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlab import pictures as plots
from nnlab.comparison.contents import MOST_DRAWN
from nnlab.maths.metrics import predictions
from nnlab.maths.statistics import survival as survival_curve
from nnlab.pictures import Plane
from nnlab.pictures.scales import metric_value
from nnlab.runs.summary import ComparisonSummary, SweepSummary

if TYPE_CHECKING:
    from nnlab.comparison.contents import Comparison

Array = NDArray[Any]


def cost(comparison: Comparison) -> Any:
    """The cost of each arm over the steps: mean over the seeds, and the seeds or a band of most of them."""
    return _curves(comparison, _first(comparison, ("val/loss", "train/loss", "batch/loss")))


def metric(comparison: Comparison) -> Any:
    """What the arms are compared by, over the steps."""
    name = comparison.figure.split("/", 1)[1]
    along = [figure for figure in (f"val/{name}", f"train/{name}") if figure in _all_curves(comparison)]
    return _curves(comparison, along[0]) if along else None


def ranking(comparison: Comparison) -> Any:
    """The arms from best to worst, by the mean of the final figure and by the share that reached the target."""
    arms = comparison.summary.arms
    finals = {label: arm.final[comparison.figure] for label, arm in arms.items()}
    means = {label: (final.mean, final.low, final.high) for label, final in finals.items() if final.mean is not None}
    shares = {label: arm.reached_share for label, arm in arms.items()}
    rows = comparison.summary.verdict.ranking[:_MOST_ROWS]
    return plots.rankings(
        rows,
        means,
        {label: (share.estimate, share.low, share.high) for label, share in shares.items()},
        metric_name=comparison.figure,
        larger_is_better=comparison.larger_is_better,
        target=comparison.summary.target,
        title=_title(comparison, comparison.name, len(rows)),
        styles=_styles(comparison),
    )


def final(comparison: Comparison) -> Any:
    """The final figure of every seed of each arm, with the mean and its interval."""
    rows = list(dict.fromkeys([*comparison.summary.verdict.ranking, *comparison.arms]))[:_MOST_ROWS]
    return plots.compare_finals(
        {label: comparison.arms[label].finals[comparison.figure] for label in rows},
        {label: interval for label, interval in comparison.intervals.items() if label in rows},
        metric_name=comparison.figure,
        larger_is_better=comparison.larger_is_better,
        title=_title(comparison, comparison.name, len(rows)),
        styles=_styles(comparison),
    )


def survival(comparison: Comparison) -> Any:
    """The share of each arm's seeds that have not reached the target yet, over the steps."""
    steps = {label: comparison.columns[label]["steps_to_target"] for label in _shown(comparison)}
    if not any(np.isfinite(found).any() for found in steps.values()):
        return None
    return plots.survival(
        {label: survival_curve(found, comparison.watched) for label, found in steps.items()},
        {label: int(np.isnan(found).sum()) for label, found in steps.items()},
        len(comparison.seeds),
        watched=comparison.watched,
        target=comparison.summary.target,
        title=_title(comparison, comparison.name),
        styles=_styles(comparison),
    )


def boundaries(comparison: Comparison) -> Any:
    """What the median seed's network of each arm decides in the plane of the two inputs."""
    plane = _plane(comparison)
    if plane is None:
        return None
    networks = {
        label: (_about(comparison, label), comparison.median_networks[label].predict)
        for label in _specimens(comparison)
    }
    title = f"{comparison.name}: what the networks decide, median seeds"
    return plots.boundaries(plane, networks, title=_title(comparison, title))


def film(comparison: Comparison) -> Any:
    """How the median seed's network of each arm came to its decisions, from left to right."""
    plane = _plane(comparison)
    if plane is None:
        return None
    strips = {
        label: {frame.step: frame.predict for frame in comparison.median_networks[label].frames}
        for label in _specimens(comparison)
    }
    title = f"{comparison.name}: what the networks decide while they train, median seeds"
    return plots.film(plane, strips, title=_title(comparison, title))


def units(comparison: Comparison) -> Any:
    """Each arm's activation and slope over the pre-activations of its median seed's trained network."""
    portraits = {
        label: median_network.portraits
        for label in _specimens(comparison)
        if (median_network := comparison.median_networks[label]).portraits
    }
    if not portraits:
        return None
    title = f"{comparison.name}: activations at work, median seeds"
    return plots.arm_units(portraits, title=_title(comparison, title), styles=_styles(comparison))


def health(comparison: Comparison) -> Any:
    """Dead and saturated units and the gradient of each arm over the steps, layer by layer."""
    measured = {label: (arm.steps, arm.curves) for label, arm in _arms(comparison).items()}
    spread = " and 10th to 90th percentile" if len(measured) <= plots.MOST_SPREADS else ""
    title = f"{comparison.name}: mean{spread} of seeds"
    return plots.arm_health(measured, title=_title(comparison, title), styles=_styles(comparison))


_MOST_ROWS = 40  # arms that have a row each

PICTURES: dict[str, Callable[[Comparison], Any]] = {
    "ranking": ranking,
    "final": final,
    "cost": cost,
    "metric": metric,
    "survival": survival,
    "boundaries": boundaries,
    "film": film,
    "units": units,
    "health": health,
}


def pictures_of(figure: str) -> dict[str, Callable[[Comparison], Any]]:
    """`PICTURES` with the curves of the compared figure under its own name, such as accuracy."""
    return {figure.split("/", 1)[1] if name == "metric" else name: draw for name, draw in PICTURES.items()}


# --- what they share --------------------------------------------------------------------------------------------------


def _styles(comparison: Comparison) -> Any:
    """Each arm's colour, line and marker; those that are drawn wherever there is room for a few come first."""
    shown = _shown(comparison)
    return plots.arm_style([*shown, *(label for label in comparison.arms if label not in shown)])


def _shown(comparison: Comparison) -> list[str]:
    """The arms that a picture with one frame shows: all, or the best of many, in the order of the comparison."""
    best = set(comparison.summary.verdict.ranking[:MOST_DRAWN])
    return [label for label in comparison.arms if label in best]


def _arms(comparison: Comparison) -> dict[str, Any]:
    return {label: comparison.arms[label] for label in _shown(comparison)}


def _specimens(comparison: Comparison) -> list[str]:
    return [label for label in _shown(comparison) if label in comparison.median_networks]


def _title(comparison: Comparison, title: str, shown: int | None = None) -> str:
    """The title, with how many arms are `shown` where these are not all."""
    shown, total = len(_shown(comparison)) if shown is None else shown, len(comparison.arms)
    if shown == total:
        return title
    is_sweep = isinstance(comparison.summary, SweepSummary)
    is_tuned = isinstance(comparison.summary, ComparisonSummary) and comparison.summary.tuned is not None
    which = "each at its best," if is_tuned else "the best"
    return f"{title} ({which} {shown} of {total:,} {'points' if is_sweep else 'arms'})"


def _about(comparison: Comparison, label: str) -> str:
    """`seed 17: 75 %`, which network it is and how good."""
    seed = comparison.median_networks[label].seed
    value = float(comparison.arms[label].finals[comparison.figure][list(comparison.seeds).index(seed)])
    return f"seed {seed}: {comparison.figure.replace('/', ' ')} {metric_value(value, comparison.figure)}"


def _plane(comparison: Comparison) -> Plane | None:
    """The points of a set with two inputs and classes; None for others, or where no network is left to draw."""
    dataset = comparison.dataset
    if dataset is None or dataset.x.shape[1] != 2 or not dataset.columns.classes or not _specimens(comparison):
        return None
    first, second = dataset.columns.input_names
    labels = predictions(dataset.task, dataset.y).reshape(len(dataset.y)).astype(np.intp)
    x = np.asarray(dataset.x, float)
    return Plane(x, labels, (first, second), dataset.columns.classes, is_binary=dataset.task == "binary")


def _all_curves(comparison: Comparison) -> list[str]:
    return list(next(iter(comparison.arms.values())).curves)


def _first(comparison: Comparison, names: Sequence[str]) -> str:
    return next(name for name in names if name in _all_curves(comparison))


def _curves(comparison: Comparison, figure: str) -> Any:
    steps, measured = _measured(comparison, figure)
    gone_on = {label: carried_on(curve, comparison.arms[label].diverged) for label, curve in measured.items()}
    kept = any((np.isfinite(curve) & ~np.isfinite(measured[label])).any() for label, curve in gone_on.items())
    return plots.compare_curves(
        steps,
        gone_on,
        metric_name=figure,
        title=_title(comparison, comparison.name),
        loss=comparison.loss,
        scaled_targets=comparison.scaled_targets,
        kept=kept,
        styles=_styles(comparison),
    )


def _measured(comparison: Comparison, figure: str) -> tuple[Array, dict[str, Array]]:
    """The steps (T,) at which any seed of any arm has the figure, and there every arm's seeds (R, T)."""
    arms = _arms(comparison)
    steps = np.unique(np.concatenate([arm.steps[np.isfinite(arm.curves[figure]).any(axis=0)] for arm in arms.values()]))
    return steps, {label: _at(steps, arm.steps, arm.curves[figure]) for label, arm in arms.items()}


def _at(steps: Array, own_steps: Array, curve: Array) -> Array:
    """A curve (R, t) of an arm's own steps at the `steps` of all (R, T), nan where the arm has none."""
    _, here, there = np.intersect1d(steps, own_steps, assume_unique=True, return_indices=True)
    spread = np.full((len(curve), len(steps)), np.nan)
    spread[:, here] = curve[:, there]
    return spread


def carried_on(curve: Array, diverged: Array) -> Array:
    """A curve (R, T) in which each seed that stopped early keeps its last value to the end, unless it diverged (R,).

    Without this, a mean over the seeds would jump wherever one of them stops. Steps at which other arms alone were
    measured stay empty as long as a seed goes on, or the mean would be that of those that have stopped.
    """
    known = ~np.isnan(curve)
    last = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    over = known.any(axis=1) & ~diverged
    steps, measured = np.arange(curve.shape[1]), known.any(axis=0)
    own = measured | (steps > np.flatnonzero(measured).max(initial=-1))
    ended = over[:, None] & (steps > last[:, None]) & own
    return np.where(ended, np.take_along_axis(curve, last[:, None], axis=1), curve)
