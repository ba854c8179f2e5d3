"""Sweep: one experiment at many settings, ranked by a figure on validation data, never on test data.

summary.json is that of a comparison (conclusions.py), with these differences: `figure` ranks the points;
`pairs` compare the best point with each other point; there are no shares, wins and best; and

    sweep
      searched              keys: for each its values, or low, high and log; points; combinations of the grid;
                            drawn_by_seed, null if nothing was drawn
      ranked_by, best       the best point's label, with its settings
      test.<figure>         mean, low, high and note of the best point on the test part, not used for ranking
      ranking[]             point, settings; value, low, high of the figure; diverged; means of all figures except those
                            of the test part; behind: distance from the best point, as difference, low, high,
                            p_adjusted, told_apart, seeds; null for the best point itself
    verdict.searched        the search in words
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnlab.comparison.conclusions import (
    MOST_NAMED,
    Compared,
    Trained,
    comparison_of,
    figure_for,
    head_of,
    missing,
    pair_summary,
    scores_of,
    tail_of,
)
from nnlab.comparison.points import Range, ranges
from nnlab.comparison.tasks import Arm
from nnlab.comparison.tune import choice_warnings, choosing_figure, larger_is_better, ranked
from nnlab.comparison.variants import Settings, Variant, grid, settle, short
from nnlab.comparison.write import write_sweep
from nnlab.config.experiment import nameable, unmeasured
from nnlab.config.schema import Experiment
from nnlab.errors import ConfigError, few, listed, printable, suggestion
from nnlab.gates.hold import Measured, arm_figures, check_gates, figures_of_arms, hold
from nnlab.gates.parse import Gate
from nnlab.maths.statistics import (
    FEWEST,
    Pair,
    compare_with_best,
    power_warnings,
    same_but_for_rounding,
    seeds_of,
)
from nnlab.report.page import counted
from nnlab.storage.metrics import finite
from nnlab.storage.summary import (
    BEST,
    ArmSummary,
    Behind,
    DrawnRange,
    OverSeeds,
    RankedPoint,
    Searched,
    SweepResult,
    SweepSummary,
    SweepVerdict,
    TestedFigure,
)


def sweep_variants(experiment: Experiment, points: Sequence[Settings]) -> list[Variant]:
    """A variant for each distinct point; ConfigError with the faults of all values."""
    family = experiment.network.activation.label
    return [
        Variant(
            " ".join(short(settings)),
            own.network.activation,
            own.model_copy(update={"gates": []}),
            settings,
            family=family,
        )
        for settings, own in settle(experiment, list(dict.fromkeys(points)), "--grid or --random")
    ]


def metric_for(text: str | None, experiment: Experiment) -> str:
    """The figure that ranks the points; ConfigError for one that is not measured, or is measured on the test part."""
    figure = choosing_figure(experiment) if text is None else text
    part, _, name = figure.partition("/")
    fault = unmeasured(experiment.task, name, f"{part}/")
    if part == "test" and fault is None:
        found = f"--metric: found {printable(figure)}: what the best is chosen by says nothing about new data any more"
        raise ConfigError(f"{found}; expected val/{name}")
    if part not in ("val", "train") or fault is not None:
        known = [f"{part}/{name}" for part in ("val", "train") for name in nameable(experiment.task)]
        hint = suggestion(figure, known) or f"; expected one of {', '.join(known)}"
        raise ConfigError("--metric: " + (fault or f"unknown figure '{printable(figure)}'{hint}"))
    if part == "val" and not experiment.data.may_validate:
        raise ConfigError(f"--metric: {printable(figure)} is never measured, expected data.validation")
    return figure


# --- what is searched -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Search:
    """The points that a sweep tries: all combinations of the values in `grid`, with draws from `ranges`.

    `points` is their number, `seed` that of the draws.
    """

    grid: Mapping[str, Sequence[str]]
    ranges: Sequence[Range]
    points: int
    seed: int

    @property
    def combinations(self) -> int:
        """The number of combinations of the whole grid."""
        return math.prod(len(values) for values in self.grid.values())

    def sentences(self) -> Iterator[str]:
        """The search in sentences."""
        for key, values in self.grid.items():
            yield f"{key}: {', '.join(values)}."
        for one in self.ranges:
            even = "even in the logarithm" if one.is_log else "even"
            yield f"{one.key}: from {one.low:g} to {one.high:g}, {even}."
        yield f"{counted(self.points, 'point')}: {self._how()}."

    def _how(self) -> str:
        if self.ranges:
            crossed = f", on the {self.combinations:,} combinations of the grid in turn" if self.grid else ""
            return f"drawn by seed {self.seed}{crossed}"
        if self.points < self.combinations:
            return f"a part of the {self.combinations:,} combinations of the grid, drawn by seed {self.seed}"
        return "every combination of the grid"

    def summary(self) -> Searched:
        """The search in the form of summary.json."""
        drawn = {one.key: DrawnRange(low=one.low, high=one.high, log=one.is_log) for one in self.ranges}
        is_drawn = bool(self.ranges) or self.points < self.combinations
        return Searched(
            keys={**{key: tuple(values) for key, values in self.grid.items()}, **drawn},
            points=self.points,
            combinations=self.combinations if self.grid else None,
            drawn_by_seed=self.seed if is_drawn else None,
        )


def search_of(grid_texts: Sequence[str], random_texts: Sequence[str], points: int, seed: int) -> Search:
    """The search given by the texts of a command line, with its number of points."""
    return Search(grid(grid_texts, "--grid"), ranges(random_texts), points, seed)


# --- what came of it --------------------------------------------------------------------------------------------------


def conclude_sweep(trained: Trained, search: Search, figure: str, gates: Sequence[Gate] = ()) -> Compared:
    """Rank the points by the mean of a figure, compare the best with the others, check gates, and write the files."""
    order, found = ranked(trained.arms, figure), trained.measured()
    about = figure_for(trained.experiment, figure, larger_is_better(figure))
    scores = {arm.label: scores_of(arm, trained.seeds, figure) for arm in order}
    best = order[0].label
    behind = compare_with_best(scores, best, larger_is_better=about.larger_is_better, within=about.bounds)
    arms = trained.summaries(found)
    finals = figures_of_arms({BEST: arms[best]}, len(trained.seeds))
    outcomes = hold(
        gates if trained.has_ended else (), Measured(finals, scaled_targets=trained.experiment.data.scale_targets)
    )
    summary = SweepSummary(
        **head_of(trained, figure, larger_is_better=about.larger_is_better),
        arms=arms,
        pairs=tuple(pair_summary(pair) for pair in behind.values()),
        sweep=SweepResult(
            searched=search.summary(),
            ranked_by=f"mean {figure}",
            best=best,
            settings=dict(order[0].settings),
            test=_tested(arms[best]),
            ranking=tuple(_line(arm.label, arms[arm.label], behind.get(arm.label), figure) for arm in order),
        ),
        verdict=SweepVerdict(
            ranking=tuple(arm.label for arm in order),
            searched=(*search.sentences(), *trained.remarks),
            sentences=(
                *_best_sentences(order, arms, behind, figure, about.name),
                *_other_sentences(order, behind, len(trained.seeds), about.name),
            ),
            warnings=(*missing(trained), *_warnings(order, behind, figure, trained)),
        ),
        **tail_of(trained, outcomes),
    )
    comparison = comparison_of(trained, found, summary)
    warnings = write_sweep(trained.folder, comparison, trained.formats)
    return Compared(trained.folder.path, summary, warnings, outcomes, comparison)


def _tested(arm: ArmSummary) -> dict[str, TestedFigure]:
    """Mean and interval of an arm's figures on the test part; empty if there is no such part."""
    found = {name: final for name, final in arm.final.items() if name.startswith("test/")}
    return {
        name: TestedFigure(mean=final.mean, low=final.low, high=final.high, note=final.note)
        for name, final in found.items()
    }


def _line(label: str, arm: ArmSummary, pair: Pair | None, figure: str) -> RankedPoint:
    """The entry of a point in the ranking."""
    return RankedPoint(
        point=label,
        settings=arm.settings,
        value=arm.final[figure].mean,
        low=arm.final[figure].low,
        high=arm.final[figure].high,
        diverged=arm.diverged,
        means={name: one.mean for name, one in arm.final.items() if not name.startswith("test/")},
        behind=None if pair is None else _behind(label, pair),
    )


def _behind(label: str, pair: Pair) -> Behind:
    """Distance of a point from the best; negative if its mean is better but more of its seeds diverged."""
    low, high = (None if end is None else finite(end) for end in (pair.margin.low, pair.margin.high))
    is_behind = pair.worse == label
    if not is_behind:
        low, high = (None if end is None else -end for end in (high, low))
    return Behind(
        difference=pair.margin.estimate if is_behind else -pair.margin.estimate,
        low=low,
        high=high,
        p_adjusted=pair.adjusted,
        told_apart=pair.told_apart and is_behind,
        seeds=pair.seeds,
    )


# --- in words ---------------------------------------------------------------------------------------------------------


def _best_sentences(
    order: Sequence[Arm], arms: Mapping[str, ArmSummary], behind: Mapping[str, Pair], figure: str, name: str
) -> Iterator[str]:
    """Sentences on the best point: its ranking figure, of that name in words, and the same figure on the test part."""
    arm = arms[order[0].label]
    if arm.final[figure].mean is None:
        yield f"No point has a {name}: {_why_none(order)}."
        return
    yield f"{_choice(order, arms, behind, figure)}: {_mean(arm.final[figure], figure, name)}."
    for tested, final in _tested(arm).items():
        if final.mean is not None and tested.partition("/")[2] == figure.partition("/")[2]:
            shown = name.replace(figure.partition("/")[0], "test", 1)
            found = _mean(final, tested, shown)
            whose = f"Of {order[0].label}, the" if _tied(order, arms, figure) else "Its"
            yield f"{whose} {found}, is an estimate for new rows: the test part had no say in the choice."


def _choice(order: Sequence[Arm], arms: Mapping[str, ArmSummary], behind: Mapping[str, Pair], figure: str) -> str:
    """Which point is the best, or only has the best mean because others can't be told from it."""
    best, others = order[0].label, len(order) - 1
    if not others:
        return f"The only point is {best}"
    still_open = others - sum(pair.told_apart and pair.better == best for pair in behind.values())
    tied = _tied(order, arms, figure)
    if tied:
        head = "No best" if still_open == others else "No single best"
        return f"{head} of {len(order):,} points can be told: {listed(few([best, *tied], MOST_NAMED))} tie"
    if still_open == others:
        return f"No best of {len(order):,} points can be told, but {best} has the best mean"
    if still_open:
        return f"The best of {len(order):,} points by its mean, not told apart from {still_open:,} of them, is {best}"
    return f"The best of {len(order):,} points is {best}"


def _tied(order: Sequence[Arm], arms: Mapping[str, ArmSummary], figure: str) -> list[str]:
    """The other points with the best mean, but for rounding, and no more diverged seeds."""
    first = arms[order[0].label]
    best = first.final[figure].mean
    assert best is not None
    means = {arm.label: arms[arm.label].final[figure].mean for arm in order[1:]}
    return [
        label for label, mean in means.items()
        if mean is not None and arms[label].diverged == first.diverged and same_but_for_rounding(best, mean, (best,))
    ]  # fmt: skip


def _why_none(order: Sequence[Arm]) -> str:
    """Why no seed of any point has the figure by which points are ranked."""
    sound = ~np.all([arm.diverged for arm in order], axis=0)
    if not sound.any():
        return "every seed of each diverged"
    others = ", and all other seeds diverged" if not sound.all() else ""
    return f"it is undefined in the parts of {seeds_of(int(sound.sum()))}{others}"


def _undefined(order: Sequence[Arm], figure: str, name: str) -> Iterator[str]:
    """That some seeds which did not diverge have no figure, though others have one."""
    missing = np.any([~arm.diverged & np.isnan(arm.finals[figure]) for arm in order], axis=0)
    if missing.any() and not missing.all():
        found = f"{name} is undefined in the parts of {int(missing.sum()):,} of {seeds_of(len(missing))}"
        yield f"{found}: means are over the others"


def _mean(final: OverSeeds | TestedFigure, figure: str, name: str) -> str:
    """`mean val accuracy 97.1 %, 95 % 95 % to 98.9 %`."""
    unit, scale = (" %", 100) if figure.endswith("accuracy") else ("", 1)
    ends = (final.mean, final.low, final.high)
    mean, low, high = (None if end is None else f"{scale * end:.4g}{unit}" for end in ends)
    return f"mean {name} {mean}" + ("" if low is None else f", 95 % {low} to {high}")


def _other_sentences(order: Sequence[Arm], behind: Mapping[str, Pair], seeds: int, name: str) -> Iterator[str]:
    """Which points are ruled out as the best and which are not; nothing if there are too few seeds for any test."""
    if not behind or [*power_warnings([*behind.values()])]:
        return
    places = {arm.label: place for place, arm in enumerate(order, 1) if arm.label in behind}
    worse = [place for label, place in places.items() if behind[label].told_apart and behind[label].worse == label]
    others = [place for place in places.values() if place not in worse]
    if worse:
        yield f"{name}: ruled out as the best by {seeds_of(seeds)}: {_placed(worse)}."
    if others:
        yield f"{name}: not told apart from the best by {seeds_of(seeds)}: {_placed(others)}."


def _placed(places: Sequence[int]) -> str:
    """Places of the ranking in words: `place 3`, `places 2 to 4 and 6`."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    words = [word for run in runs for word in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"place{'s' * (len(places) > 1)} {listed} of the ranking"


def _warnings(order: Sequence[Arm], behind: Mapping[str, Pair], figure: str, trained: Trained) -> Iterator[str]:
    """Warnings on the ranking: measured on training rows, diverged seeds, too few seeds."""
    if len(order) > 1:
        yield from choice_warnings(figure, order[0].finals)
    name = figure_for(trained.experiment, figure, larger_is_better(figure)).name
    yield from (*_undefined(order, figure, name), *trained.lacking(figure), *trained.start_warnings())
    lost = [arm for arm in order if arm.diverged.any()]
    if lost:
        yield f"{counted(len(lost), 'point')} lost seeds that diverged: fewer lost seeds rank before a better mean"
    if len(trained.seeds) == 1:
        yield "1 seed a point: how much seeds differ is unknown, and so is whether points do"
    elif len(trained.seeds) < FEWEST:
        yield f"{seeds_of(len(trained.seeds))} a point: intervals hold only for figures without skew"
    yield from power_warnings([*behind.values()])


# --- gates ------------------------------------------------------------------------------------------------------------


def check_best_gates(gates: Sequence[Gate], figures: Sequence[str]) -> None:
    """ConfigError for gates on anything but `best.` and a figure of an arm."""
    check_gates(gates, arm_figures(BEST, figures), baseline=False)
