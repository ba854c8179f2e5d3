"""The arms of a benchmark over all its sets, of which each is one observation: see `nnlab.maths.statistics.across`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nnlab.comparison.benchmark.sets import BenchmarkSuite
from nnlab.comparison.benchmark.train import TrainedSet
from nnlab.errors import listed
from nnlab.maths.statistics import Interval
from nnlab.maths.statistics.across import Friedman, SetComparison, SetErrors, SetPair, compare_sets, set_errors
from nnlab.storage.metrics import finite
from nnlab.storage.summary import AcrossSummary, Estimate, FriedmanSummary, SetsPair


def errors_of(trained: Sequence[TrainedSet], labels: Sequence[str]) -> SetErrors | None:
    """The errors of the arms that every set has, on the sets where chance errs; None for fewer than two of them."""
    usable = [found for found in trained if _is_usable(found)]
    arms = [label for label in labels if all(label in found.arms for found in usable)]
    if not usable or len(arms) < 2:
        return None
    raw = [[found.one.measure.errors(found.arms[label].values) for label in arms] for found in usable]
    return set_errors(
        np.array(raw).transpose(0, 2, 1),
        sets=[found.one.label for found in usable],
        arms=arms,
        floors=[found.scale.floor for found in usable],
        chance=[found.scale.chance for found in usable],
        families=[found.one.family for found in usable],
    )


def _is_usable(found: TrainedSet) -> bool:
    return 0 < found.scale.floor < found.scale.chance


def compared(suite: BenchmarkSuite, errors: SetErrors) -> SetComparison:
    """Every pair of arms over the sets, or the baseline with each other arm."""
    baseline = suite.baseline if suite.baseline in errors.arms else ""
    return compare_sets(errors, baseline=baseline, equivalence=suite.suite.equivalence)


def left_out(suite: BenchmarkSuite, trained: Sequence[TrainedSet], errors: SetErrors | None) -> Iterator[str]:
    """Which sets and arms are not compared over the sets, and why."""
    certain = [found.one.label for found in trained if not _is_usable(found)]
    if certain:
        yield f"not compared over the sets: {listed(certain)}, where always the largest class makes no error"
    arms = [label for label in suite.arms if errors is not None and label not in errors.arms]
    if arms:
        yield f"not compared over the sets: {listed(arms)}, missing on some of them"


def across_summary(found: SetComparison) -> AcrossSummary:
    """The comparison in the form of summary.json."""
    return AcrossSummary(
        families=found.families,
        average_ranks=dict(zip(found.ranking, found.average_ranks, strict=True)),
        friedman=None if found.friedman is None else _friedman(found.friedman),
        pairs=tuple(_pair(pair, found.families) for pair in found.pairs),
        cliques=found.cliques,
    )


def _pair(pair: SetPair, families: Sequence[str]) -> SetsPair:
    return SetsPair(
        better=pair.better,
        worse=pair.worse,
        mean=_estimate(pair.effect.mean),
        next_set=_estimate(pair.effect.next_set),
        between=finite(pair.effect.between),
        differences=_by_family(families, pair),
        wins=pair.record.wins,
        ties=pair.record.ties,
        losses=pair.record.losses,
        p_better=pair.beliefs.better,
        p_same=pair.beliefs.same,
        p_worse=pair.beliefs.worse,
        p=pair.p,
        p_adjusted=pair.adjusted,
        told_apart=pair.told_apart,
        at_least=pair.at_least,
    )


def _by_family(families: Sequence[str], pair: SetPair) -> Mapping[str, Estimate]:
    return {family: _estimate(one) for family, one in zip(families, pair.differences, strict=True)}


def _estimate(found: Interval) -> Estimate:
    return Estimate(estimate=finite(found.estimate), low=finite(found.low), high=finite(found.high))


def _friedman(found: Friedman) -> FriedmanSummary:
    return FriedmanSummary(
        chi_squared=finite(found.chi_squared),
        chi_squared_p=finite(found.chi_squared_p),
        f=finite(found.f),
        f_degrees=found.f_degrees,
        p=finite(found.f_p),
    )
