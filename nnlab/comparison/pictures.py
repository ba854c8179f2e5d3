"""The pictures of a comparison: the table `PICTURES` maps a file name to a drawing function and a caption.

An arm has the same colour, line and marker in all pictures. If more arms were compared than fit into a frame, the best
eight are drawn and the title says so.

This module loads matplotlib: import it only to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlab import pictures as plots
from nnlab.comparison.contents import MOST_DRAWN, which_are_drawn
from nnlab.maths.metrics import predictions
from nnlab.maths.statistics import survival as survival_curve
from nnlab.pictures import Plane
from nnlab.pictures.scales import metric_value
from nnlab.pictures.style import plain_name
from nnlab.report.parts import Drawing
from nnlab.setup.diagrams import architecture_of_arms

if TYPE_CHECKING:
    from nnlab.comparison.contents import Comparison

Array = NDArray[Any]


def cost(comparison: Comparison) -> Any:
    """Draw the validation loss, else the training or batch loss, of each arm over the steps."""
    return _curves(comparison, _first(comparison, ("val/loss", "train/loss", "batch/loss")))


def metric(comparison: Comparison) -> Any:
    """Draw the headline figure of each arm over the steps; None if it was never a number during training."""
    name = comparison.figure.split("/", 1)[1]
    along = [figure for figure in (f"val/{name}", f"train/{name}") if _is_known(comparison, figure)]
    return _curves(comparison, along[0]) if along else None


def ranking(comparison: Comparison) -> Any:
    """Draw mean final figure and share of seeds at the target, a row for each of the best 40 arms."""
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
    """Draw the final figure of every seed, a row for each of the best 40 arms."""
    rows = list(dict.fromkeys([*comparison.summary.verdict.ranking, *comparison.arms]))[:_MOST_ROWS]
    return plots.compare_finals(
        {label: comparison.arms[label].finals[comparison.figure] for label in rows},
        {label: interval for label, interval in comparison.intervals.items() if label in rows},
        metric_name=comparison.figure,
        larger_is_better=comparison.larger_is_better,
        loss=comparison.loss,
        scaled_targets=comparison.scaled_targets,
        title=_title(comparison, comparison.name, len(rows)),
        styles=_styles(comparison),
    )


def survival(comparison: Comparison) -> Any:
    """Draw the survival curves of each arm; None if no seed reached the target."""
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
    """Draw the decision regions of each arm's median network; None unless the data have two inputs and classes."""
    plane = _plane(comparison)
    if plane is None:
        return None
    networks = {
        label: (_network_title(comparison, label), comparison.median_networks[label].predict)
        for label in _with_networks(comparison)
    }
    title = f"{comparison.name}: what the networks decide, median seeds"
    return plots.boundaries(plane, networks, title=_title(comparison, title))


def film(comparison: Comparison) -> Any:
    """Draw the decision regions of each arm's median network at several steps; None as for `boundaries`."""
    plane = _plane(comparison)
    if plane is None:
        return None
    networks = {label: comparison.median_networks[label] for label in _with_networks(comparison)}
    strips = {label: {frame.step: frame.predict for frame in network.frames} for label, network in networks.items()}
    ends = {label: network.ended for label, network in networks.items()}
    title = f"{comparison.name}: what the networks decide while they train, median seeds"
    return plots.film(plane, strips, ends, title=_title(comparison, title))


def units(comparison: Comparison) -> Any:
    """Draw activation, slope and pre-activations of each arm's median network; None without portraits."""
    portraits = {
        label: median_network.portraits
        for label in _with_networks(comparison)
        if (median_network := comparison.median_networks[label]).portraits
    }
    if not portraits:
        return None
    title = f"{comparison.name}: activations at work, median seeds"
    return plots.arm_units(portraits, title=_title(comparison, title), styles=_styles(comparison))


def learned_parameters(comparison: Comparison) -> Any:
    """Draw what each arm's activations learn over the steps; None where they learn nothing."""
    measured = {label: (arm.steps, arm.curves) for label, arm in _arms(comparison).items()}
    title = f"{comparison.name}: learned parameters of activations"
    return plots.arm_parameters(measured, title=_title(comparison, title), styles=_styles(comparison))


def health(comparison: Comparison) -> Any:
    """Draw the health of each arm's layers over the steps; None if it was not measured."""
    measured = {label: (arm.steps, arm.curves) for label, arm in _arms(comparison).items()}
    spread = " and 10th to 90th percentile" if len(measured) == 1 else ""
    title = f"{comparison.name}: median{spread} of seeds"
    networks = comparison.median_networks.values()
    has_channels = any(portrait.saturated_by_channel.size for network in networks for portrait in network.portraits)
    title = _title(comparison, title)
    return plots.arm_health(measured, title=title, styles=_styles(comparison), has_channels=has_channels)


def architecture(comparison: Comparison) -> Any:
    """Draw the layers that all arms share, with the activation as each arm's; None where arms differ by more."""
    if comparison.dataset is None or not comparison.experiments:
        return None
    diagram = architecture_of_arms(comparison.experiments, comparison.dataset)
    return plots.architecture(diagram, [*comparison.summary.legend()]) if diagram else None


_MOST_ROWS = 40  # arms in pictures with a row for each arm

PICTURES: dict[str, Drawing[Comparison]] = {
    "ranking": Drawing(
        ranking,
        "The arms from best to worst, by the mean of the final figure and by the share that reached the target. "
        "Look which intervals overlap: the order of such arms may be chance.",
    ),
    "final": Drawing(
        final,
        "The final figure of every seed of each arm, with the mean and its interval. Look for arms whose seeds "
        "fall into groups: there the mean is the figure of no seed.",
    ),
    "cost": Drawing(
        cost,
        "The cost of each arm over the steps, as the median of the seeds. Look who falls fast, who falls far, and "
        "whose seeds go so far apart that a single one tells little.",
    ),
    "metric": Drawing(
        metric,
        "The figure of the arms over the steps, as the median of the seeds, of the rows that its axis names. Look "
        "whether the order at the end was the order all along; the arms are compared by the final figure of the "
        "ranking, which may be that of other rows.",
    ),
    "survival": Drawing(
        survival,
        "The share of each arm's seeds that have not reached the target yet, over the steps. Look for curves that "
        "fall early, and for those that end above 0: these seeds never arrived.",
    ),
    "boundaries": Drawing(
        boundaries,
        "What the median seed's network of each arm decides in the plane of the two inputs. Look at the borders: "
        "those of activations with kinks are straight with corners, those of smooth ones are round.",
    ),
    "film": Drawing(
        film,
        "How the median seed's network of each arm came to its decisions, from left to right. Look when the "
        "border first has its shape, and who is still undecided late.",
    ),
    "units": Drawing(
        units,
        "Each arm's activation and slope over the pre-activations of its median seed's trained network. Look how "
        "much of each histogram lies in the grey, where the slope is nearly 0.",
    ),
    "learned_parameters": Drawing(
        learned_parameters,
        "What each arm's activations learn of their own parameters, as the median of the seeds. Look where they "
        "settle, and whether layers or arms go apart.",
    ),
    "health": Drawing(
        health,
        "Dead and saturated units and the gradient of each arm over the steps, layer by layer, as the median of "
        "the seeds. Look for arms whose gradient is far below the others' in the first layers, and for dead units "
        "that increase.",
    ),
    "architecture": Drawing(
        architecture,
        "The network that all arms share, drawn once: only the activation is each arm's own. The weights of an "
        "arm's network are drawn by nnlab draw RUN:ARM. Look which layers take it.",
    ),
}


def pictures_of(figure: str) -> dict[str, Drawing[Comparison]]:
    """`PICTURES` with the entry `metric` renamed to the headline figure, such as accuracy."""
    drawn = {
        name: drawing if name == "architecture" else with_formulas(drawing)  # which has room for them itself
        for name, drawing in PICTURES.items()
    }
    return {figure.split("/")[1] if name == "metric" else name: drawing for name, drawing in drawn.items()}


def with_formulas(drawing: Drawing[Comparison]) -> Drawing[Comparison]:
    """A drawing whose pictures say at their foot what the short labels of formulas stand for."""

    def draw(comparison: Comparison) -> Any:
        figure = drawing.draw(comparison)
        if figure is not None:
            plots.add_note(figure, "; ".join(comparison.summary.legend()))
        return figure

    return Drawing(draw, drawing.caption)


# --- what they share --------------------------------------------------------------------------------------------------


def _styles(comparison: Comparison) -> Any:
    """Each arm's colour, line and marker; the first, most distinct ones go to the arms that every picture shows."""
    shown = _shown(comparison)
    return plots.arm_style([*shown, *(label for label in comparison.arms if label not in shown)])


def _shown(comparison: Comparison) -> list[str]:
    """The arms in pictures with a single frame: all, or the best eight, in the order of the comparison."""
    best = set(comparison.summary.verdict.ranking[:MOST_DRAWN])
    return [label for label in comparison.arms if label in best]


def _arms(comparison: Comparison) -> dict[str, Any]:
    return {label: comparison.arms[label] for label in _shown(comparison)}


def _with_networks(comparison: Comparison) -> list[str]:
    return [label for label in _shown(comparison) if label in comparison.median_networks]


def _title(comparison: Comparison, title: str, shown: int | None = None) -> str:
    """The title, with which arms are `shown` if these are not all."""
    which = which_are_drawn(comparison.summary, len(_shown(comparison)) if shown is None else shown)
    return f"{title} ({which})" if which else title


def _network_title(comparison: Comparison, label: str) -> str:
    """Seed and headline figure of an arm's median network: `seed 17: training accuracy 75 %`."""
    seed = comparison.median_networks[label].seed
    value = float(comparison.arms[label].finals[comparison.figure][list(comparison.seeds).index(seed)])
    return f"seed {seed}: {plain_name(comparison.figure)} {metric_value(value, comparison.figure)}"


def _plane(comparison: Comparison) -> Plane | None:
    """The data of a set with two inputs and classes; None for other data, or without a network to draw."""
    dataset = comparison.dataset
    if dataset is None or dataset.x.shape[1] != 2 or not dataset.columns.classes or not _with_networks(comparison):
        return None
    first, second = dataset.columns.input_names
    labels = predictions(dataset.task, dataset.y).reshape(len(dataset.y)).astype(np.intp)
    x = np.asarray(dataset.x, float)
    return Plane(x, labels, (first, second), dataset.columns.classes, is_binary=dataset.task == "binary")


def _all_curves(comparison: Comparison) -> list[str]:
    return list(next(iter(comparison.arms.values())).curves)


def _is_known(comparison: Comparison, figure: str) -> bool:
    """Whether any seed of any drawn arm has a number for the figure; those of some parts are undefined throughout."""
    return any(np.isfinite(arm.curves[figure]).any() for arm in _arms(comparison).values() if figure in arm.curves)


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
    """The steps (T,) at which any seed of any arm has the figure, and the values of each arm at these steps (R, T)."""
    arms = _arms(comparison)
    steps = np.unique(np.concatenate([arm.steps[np.isfinite(arm.curves[figure]).any(axis=0)] for arm in arms.values()]))
    return steps, {label: _at(steps, arm.steps, arm.curves[figure]) for label, arm in arms.items()}


def _at(steps: Array, own_steps: Array, curve: Array) -> Array:
    """A curve (R, t) over `own_steps` (t,), spread over `steps` (T,): (R, T), nan where it has no value."""
    _, target, source = np.intersect1d(steps, own_steps, assume_unique=True, return_indices=True)
    spread = np.full((len(curve), len(steps)), np.nan)
    spread[:, target] = curve[:, source]
    return spread


def carried_on(curve: Array, diverged: Array) -> Array:
    """Extend a curve (R, T): each seed that stopped early keeps its last value to the end, unless it diverged (R,).

    Otherwise the median of the seeds would jump wherever one of them stops. Steps at which only other arms were
    measured stay nan until the last seed has stopped: the median there would be one over the stopped seeds only.
    """
    known = ~np.isnan(curve)
    last = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    over = known.any(axis=1) & ~diverged
    steps, measured = np.arange(curve.shape[1]), known.any(axis=0)
    filled = measured | (steps > np.flatnonzero(measured).max(initial=-1))
    ended = over[:, None] & (steps > last[:, None]) & filled
    return np.where(ended, np.take_along_axis(curve, last[:, None], axis=1), curve)
