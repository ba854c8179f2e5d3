"""The pictures of a sweep: the table `PICTURES` maps a file name to a drawing function and a caption.

This module loads matplotlib: import it only to draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnlab import pictures as plots
from nnlab.comparison import pictures as common
from nnlab.comparison.sweep_tables import setting_cells
from nnlab.comparison.tables import settings_keys
from nnlab.pictures.style import letters_for
from nnlab.report.parts import Drawing
from nnlab.storage.summary import DrawnRange, SweepSummary

if TYPE_CHECKING:
    from nnlab.comparison.contents import Comparison


def keys(comparison: Comparison) -> Any:
    """Draw the ranking figure of every point and seed over each swept key."""
    summary = comparison.summary
    assert isinstance(summary, SweepSummary)
    labels, searched = summary.verdict.ranking, summary.sweep.searched.keys
    settings = [summary.arms[label].settings for label in labels]
    found = {key: setting_cells([one[key] for one in settings]) for key in settings_keys(summary)}
    return plots.sweep_keys(
        [plots.Key(key, values, _source(searched[key])) for key, values in found.items()],  # type: ignore[arg-type]
        np.stack([comparison.arms[label].finals[comparison.figure] for label in labels]),
        best=0,
        metric_name=comparison.figure,
        larger_is_better=comparison.larger_is_better,
        loss=comparison.loss,
        scaled_targets=comparison.scaled_targets,
        title=f"{comparison.name}: {len(labels):,} points of a sweep",
    )


def _source(searched: tuple[str, ...] | DrawnRange) -> Literal["grid", "even", "log"]:
    """How the values of a key were chosen: from a grid, or drawn uniformly, perhaps in the logarithm."""
    if not isinstance(searched, DrawnRange):
        return "grid"
    return "log" if searched.log else "even"


def final(comparison: Comparison) -> Any:
    """Draw the final ranking figure of every seed of the best points."""
    return common.final(_by_place(comparison))


def cost(comparison: Comparison) -> Any:
    """Draw the loss of the best points over the steps."""
    return common.cost(_by_place(comparison))


def metric(comparison: Comparison) -> Any:
    """Draw the ranking figure of the best points over the steps; None if it was not measured during training."""
    return common.metric(_by_place(comparison))


def learned_parameters(comparison: Comparison) -> Any:
    """Draw what the activations of the best points learn over the steps; None where they learn nothing."""
    return common.learned_parameters(_by_place(comparison))


def _by_place(comparison: Comparison) -> Comparison:
    """The comparison with its points from best to worst, each named by place and settings, shortened if too long."""
    summary = comparison.summary
    ranking = summary.verdict.ranking
    short = max(map(len, ranking)) <= letters_for(*_LONGEST)
    names = {
        label: f"{place}: {label if short else _values(summary.arms[label].settings)}"
        for place, label in enumerate(ranking, 1)
    }
    arms = {names[label]: summary.arms[label] for label in ranking}
    verdict = summary.verdict.model_copy(update={"ranking": tuple(names.values())})
    keys_ = [
        key.rpartition(".")[2] if not key.rpartition(".")[2].isdecimal() else key for key in settings_keys(summary)
    ]
    return replace(
        comparison,
        name=comparison.name if short else f"{comparison.name}: {' · '.join(keys_)}",
        arms={names[label]: comparison.arms[label] for label in ranking},
        columns={names[label]: comparison.columns[label] for label in ranking},
        summary=summary.model_copy(update={"arms": arms, "verdict": verdict}),
    )


_LONGEST = 40, 20  # characters of a name that fit into a picture, and into a narrow one


def _values(settings: Mapping[str, str]) -> str:
    """The values alone, to three digits: `tanh · 0.0112 · 63`."""
    cells = [setting_cells([value])[0] for value in settings.values()]
    return " · ".join(f"{cell:.3g}" if isinstance(cell, float) else plots.shortened(str(cell), 18) for cell in cells)


PICTURES: dict[str, Drawing[Comparison]] = {
    "keys": Drawing(
        keys,
        "What the points are ranked by, over each of the keys that were varied, point by point and seed by seed. "
        "Look for a slope: a key without one matters little; a best point at an end asks for a wider range.",
    ),
    "final": Drawing(
        final,
        "What the points are ranked by, for every seed of each of the best points: the figure at the end of training "
        "or, with early stopping, of the best weights. Look which of the first points have intervals that overlap: "
        "their order may be chance.",
    ),
    "cost": Drawing(
        cost,
        "The cost of the best points over the steps, as the median of the seeds. Look whether any still falls at the "
        "end and would gain by more steps.",
    ),
    "metric": Drawing(
        metric,
        "The figure of the best points over the steps, as the median of the seeds, of the rows that its axis names. "
        "Look whether the order at the end was the order all along.",
    ),
    "learned_parameters": Drawing(
        learned_parameters,
        "What the activations of the best points learn of their own parameters, as the median of the seeds. Look "
        "where they settle, and whether the points agree.",
    ),
}


def sweep_pictures(figure: str) -> dict[str, Drawing[Comparison]]:
    """`PICTURES` with the entry `metric` renamed to the ranking figure, such as accuracy."""
    name = figure.split("/")[1]  # without a class, whose name need not be one for a file
    pictures = {key: common.with_formulas(drawing) for key, drawing in PICTURES.items()}
    if name == "loss":  # cost.png shows it
        return {key: drawing for key, drawing in pictures.items() if key != "metric"}
    return {name if key == "metric" else key: drawing for key, drawing in pictures.items()}
