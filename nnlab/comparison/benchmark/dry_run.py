"""What a benchmark would train, and about how long that would take; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from nnlab.comparison.benchmark.sets import BenchmarkSuite
from nnlab.comparison.benchmark.train import trainings_of
from nnlab.experiments.dry_run import dry_run
from nnlab.maths.statistics.across import sets_of, too_few_sets
from nnlab.report.page import counted
from nnlab.setup.rows import prepare_rows
from nnlab.setup.setup import set_up


@dataclass(frozen=True)
class PlannedSet:
    """A set with its trainings: `seconds` are those of all of them one by one, by a step of the first arm."""

    set: str
    family: str
    parameters: int
    rows: int
    steps: int
    tuning: int
    trainings: int
    seconds: float


@dataclass(frozen=True)
class BenchmarkPlan:
    """The sets, arms, seeds and settings of a benchmark, what they cost, and what is to be known before training."""

    sets: tuple[PlannedSet, ...]
    arms: tuple[str, ...]
    seeds: int
    tuning_seeds: int
    points: int
    warnings: tuple[str, ...]

    @property
    def trainings(self) -> int:
        """The number of all trainings, those that tune among them."""
        return sum(one.tuning + one.trainings for one in self.sets)

    @property
    def seconds(self) -> float:
        """About how long they take one by one, without evaluations."""
        return sum(one.seconds for one in self.sets)

    def sentences(self) -> Iterator[str]:
        """The plan in words."""
        arms, sets = counted(len(self.arms), "arm"), counted(len(self.sets), "set")
        yield f"{arms} on {sets}, {counted(self.seeds, 'seed')} each: {counted(self.trainings, 'training')}."
        if self.points:
            tuned = f"{counted(self.points, 'setting')} on {counted(self.tuning_seeds, 'seed')} of their own"
            yield f"Tuning tries {tuned}, with every arm on every set."
        yield (
            f"One by one, the steps of training alone take about {self.seconds:,.3g} s, without evaluations, pictures "
            "and the start of processes; seeds train together."
        )

    def document(self) -> dict[str, Any]:
        """The plan for JSON."""
        own = {name: value for name, value in asdict(self).items() if name != "sets"}
        return {**own, "trainings": self.trainings, "seconds": self.seconds, "sets": [asdict(one) for one in self.sets]}


def plan_of(suite: BenchmarkSuite) -> BenchmarkPlan:
    """Measure a step of the first arm on each set, and count the trainings."""
    sets = []
    for one, tuning, trainings in trainings_of(suite):
        first = one.variant(next(iter(one.choices)), next(iter(one.settled))).experiment
        setup = set_up(first, prepare_rows(first, one.dataset(), [first.seed]))
        cost = dry_run(setup)
        seconds = (tuning + trainings) * cost.steps * cost.seconds
        rows = sum(cost.rows.values())
        sets.append(PlannedSet(one.label, one.family, cost.parameters, rows, cost.steps, tuning, trainings, seconds))
    first_set = suite.sets[0]
    return BenchmarkPlan(
        sets=tuple(sets),
        arms=tuple(suite.arms),
        seeds=len(first_set.seeds),
        tuning_seeds=len(first_set.tuning_seeds),
        points=len(first_set.points),
        warnings=(*suite.warnings(), *_too_few(suite)),
    )


def _too_few(suite: BenchmarkSuite) -> Iterator[str]:
    """What so few sets cannot show, whatever comes of their training."""
    families = len({one.family for one in suite.sets})
    words = sets_of(families, len(suite.sets))
    return too_few_sets(families, len(suite.arms), words, baseline=bool(suite.baseline))
