"""The pictures of a benchmark: which are drawn, and with which captions."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnlab import pictures as plots
from nnlab.comparison.benchmark.contents import BenchmarkContents
from nnlab.report.parts import Drawing

_FEWEST_FOR_RANKS = 3  # arms of which an axis of ranks says more than a sentence


def pairs(contents: BenchmarkContents) -> Any:
    """Draw every pair of arms in a square of cells; None with a baseline, where not every pair is compared."""
    found = contents.comparison
    if found is None or found.baseline or not found.pairs:
        return None
    return plots.pair_matrix(found, title=contents.name)


def forest(contents: BenchmarkContents) -> Any:
    """Draw the best two arms, or the baseline and the best other arm, on each set."""
    found = contents.comparison
    if found is None or not found.pairs:
        return None
    others = [label for label in found.ranking if label != found.baseline]
    both = {others[0], found.baseline or others[1]}
    pair = next(pair for pair in found.pairs if {pair.better, pair.worse} == both)
    region, baseline = found.equivalence, found.baseline
    return plots.forest(pair, found.family_labels, equivalence=region, title=contents.name, baseline=baseline)


def profiles(contents: BenchmarkContents) -> Any:
    """Draw the share of sets on which each arm's error is close to the least."""
    errors = contents.errors
    if errors is None:
        return None
    shares = errors.means / errors.chance[:, None]
    found = {label: shares[:, place] for place, label in enumerate(errors.arms)}
    return plots.performance_profiles(found, title=contents.name)


def ranks(contents: BenchmarkContents) -> Any:
    """Draw the average rank of each arm; None with a baseline, and for two arms."""
    found = contents.comparison
    if found is None or found.baseline or len(found.ranking) < _FEWEST_FOR_RANKS or not found.pairs:
        return None
    return plots.critical_difference(found, title=contents.name)


def budget(contents: BenchmarkContents) -> Any:
    """Draw the error to expect of the best of so many settings; None if no more than one was tried."""
    curves = contents.budget_curves()
    if not curves or len(next(iter(curves.values()))[0]) < 2:
        return None
    sets = len(contents.summary.sets)
    band = f"95 % interval of the mean over {sets:,} sets"
    shown = {label: np.asarray(values) for label, values in curves.items()}
    return plots.budget_curves(shown, label="validation error, share of chance's", band=band, title=contents.name)


BENCHMARK_PICTURES: dict[str, Drawing[BenchmarkContents]] = {
    "pairs": Drawing(
        pairs, "Each arm of a row against that of the column, over the sets: how much smaller or larger its error is."
    ),
    "forest": Drawing(
        forest,
        "Two arms on each set, in colour where the test over its seeds, corrected for all pairs, tells them apart; "
        "their mean difference, and what to expect on the next set.",
    ),
    "profiles": Drawing(profiles, "How often each arm comes close to the least error of all arms."),
    "ranks": Drawing(
        ranks,
        "Average ranks over the sets; a bar joins neighbours in rank of which no two are told apart. Two arms without "
        "a common bar need not be told apart.",
    ),
    "budget": Drawing(budget, "What tuning is worth: the error to expect of the best of so many settings."),
}
