"""summary.json: the results of a training, of a comparison, of a sweep, or of a benchmark. Scripts rely on its keys.

The keys of a comparison and a sweep are explained in `nnlab.comparison.conclusions` and `nnlab.comparison.sweep`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, StrictStr, model_validator

from nnlab.storage.documents import Digest, DocumentPart, Number, Plain, SealedDocument, Seconds, Whole, read_values
from nnlab.storage.gradients import GradientSummary
from nnlab.storage.labels import typed
from nnlab.storage.run import Status, StoppedBy

Text = StrictStr
Figures = dict[Text, Number | None]  # None: not measured, or not finite
FigureName = Annotated[Text, Field(pattern=r"^[^/]+/")]
BaselineName = Annotated[Text, Field(pattern=r"^baseline/[^/]+/[^/]+/[^/]+\z")]  # baseline/majority/test/accuracy
TextPairs = dict[Text, Text]


class GateLine(DocumentPart):
    """A gate and its outcome, with the bound if it is not a plain number of the gate."""

    gate: Text
    value: Number | None
    met: StrictBool
    bound: Number | None = None


# --- a training -------------------------------------------------------------------------------------------------------


class BestStep(DocumentPart):
    """The step with the best value of the monitored figure, and all figures measured there, by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: Figures = Field(init=False)

    step: Whole
    monitor: Text
    value: Number | None


class LastMeasured(DocumentPart):
    """The last step at which whole splits were measured, and all figures measured there, by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: Figures = Field(init=False)

    step: Whole


class StartLayer(DocumentPart):
    """A layer with weights before training, on the first batch, and what theory expects of a fair start.

    `signal` is the root mean square of its pre-activations, `gradient` the norm of the loss's gradient by them over
    that of the last layer; None where that is not finite, or not known.
    """

    layer: Text
    signal: Number | None
    signal_expected: Number | None
    gradient: Number | None
    gradient_expected: Number | None


class StartSummary(DocumentPart):
    """A network before training: its layers with weights, and a `sentence` on how far theory may be trusted."""

    layers: tuple[StartLayer, ...]
    sentence: Text


class TrainingSummary(SealedDocument):
    """summary.json of `nnlab train`; `sentences` say what its figures are beside those of the baselines.

    A training that was interrupted or failed has no `final` figures, but those that were `last` measured. `stopped_by`
    says what ended one with the status stopped, `gradcheck` what the check of its gradients found, `start` what it was
    like before training, and `scaled_targets` that losses are measured on scaled targets, and are not in
    the targets' units.
    """

    run: Text
    status: Status
    stopped_by: StoppedBy | None = None
    final: dict[FigureName, Number | None]
    last: LastMeasured | None = None
    best: BestStep
    start: StartSummary | None = None
    gradcheck: GradientSummary | None = None
    scaled_targets: StrictBool = False
    baselines: dict[BaselineName, Number | None] = Field(default_factory=dict)
    sentences: tuple[Text, ...] = ()
    gates: tuple[GateLine, ...]
    steps: Whole
    parameters: Whole
    seconds: Seconds

    @property
    def learned(self) -> Figures:
        """Of the final figures those of learned activation parameters."""
        return {name: value for name, value in self.final.items() if name.startswith("parameters/")}

    def wrong_gradients(self) -> Iterator[str]:
        """A sentence if the gradient was found wrong."""
        if self.gradcheck is not None and not self.gradcheck.passed:
            yield f"The gradient is wrong: {self.gradcheck.faults[0]}."

    @model_validator(mode="after")
    def _best_is_reached(self) -> Self:
        if self.best.step > self.steps:
            raise ValueError(f"best.step: found {self.best.step}, expected at most the {self.steps} steps of the run")
        return self


OVER_UNITS = ("min", "mean", "max")


def learned_rows(learned: Mapping[str, float | None]) -> dict[str, list[float | None]]:
    """What is shown of learned activation parameters, by name: the smallest, the mean and the largest over the units.

    One that all units of a layer share, `parameters/swish1.beta`, is all three at once.
    """
    rows: dict[str, list[float | None]] = {}
    for figure, value in learned.items():
        name, _, statistic = figure.removeprefix("parameters/").partition("/")
        row = rows.setdefault(name, [None] * len(OVER_UNITS))
        row[:] = [value if statistic in ("", one) else old for one, old in zip(OVER_UNITS, row, strict=True)]
    return rows


def baseline_columns(baselines: Mapping[str, float | None]) -> dict[str, dict[str, float | None]]:
    """What is shown of baselines beside a network's figures, by the headings of its columns, such as `majority, test`.

    Of the figures `baseline/majority/test/accuracy` those of one part: test if there is one, else validation, else
    training, or the rows of a file.
    """
    named = {tuple(name.split("/")[1:4]): value for name, value in baselines.items()}
    split = next((part for part in ("test", "val", "train", "data") if any(part == s for _, s, _ in named)), None)
    columns: dict[str, dict[str, float | None]] = {}
    for (baseline, part, figure), value in named.items():
        if part == split:
            columns.setdefault(f"{baseline}, {part}", {})[figure] = value
    return columns


# --- arms of a comparison, points of a sweep --------------------------------------------------------------------------


class OverSeeds(DocumentPart):
    """A figure over the seeds of an arm: mean and median with their 95 % intervals, and the value of each seed."""

    mean: Number | None
    low: Number | None
    high: Number | None
    note: Text
    median: Number | None
    median_low: Number | None
    median_high: Number | None
    values: tuple[Number | None, ...]


class ShareOfSeeds(DocumentPart):
    """The share of an arm's seeds, such as those that diverged, with its 95 % interval."""

    estimate: Number
    low: Number | None
    high: Number | None
    note: Text


class SecondsToTarget(DocumentPart):
    """The median over the seeds with its 95 % interval; None is beyond the end of training."""

    median: Number | None
    low: Number | None
    high: Number | None
    note: Text


class StepsToTarget(SecondsToTarget):
    """The same in steps; `censored` counts the seeds that never reached the target."""

    censored: Whole


class ArmSummary(DocumentPart):
    """One arm of a comparison, or one point of a sweep.

    `experiment` holds the sections of its experiment that are others than in config.yaml, `weights` the SHA-256 of the
    weights of all its seeds. Its weights started by `initializer`, times `gain`; of a comparison under several starts
    it is the arm of the activation `name` under `starts`.
    """

    activation: Plain
    family: Text
    settings: TextPairs
    parameters: Whole
    final: dict[FigureName, OverSeeds]
    reached: Whole
    reached_share: ShareOfSeeds
    median_steps_to_target: Number | None
    steps_to_target: StepsToTarget
    seconds_to_target: SecondsToTarget
    area: OverSeeds
    diverged: Whole
    diverged_share: ShareOfSeeds
    diverged_at: tuple[Whole | None, ...]
    seconds: Seconds
    steps: Whole
    time_per_step: Number | None
    health: dict[Text, OverSeeds] = Field(default_factory=dict)
    gradcheck: GradientSummary | None = None
    experiment: dict[Text, Plain] = Field(default_factory=dict)
    weights: Digest | None = None
    initializer: Text = ""
    gain: Number = 1.0
    name: Text = ""
    starts: tuple[Text, ...] = ()

    @property
    def start(self) -> str:
        """The initialiser and the gain in words: `he_normal × 2`; empty where an older nnlab wrote neither."""
        return self.initializer if self.gain == 1 else f"{self.initializer} × {self.gain:g}"

    @property
    def formula(self) -> str | None:
        """The formula of its activation, if it is given by one."""
        found = self.activation.get("formula") if isinstance(self.activation, Mapping) else None
        return found if isinstance(found, str) else None

    def mean_health(self, name: str) -> float | None:
        """The mean share of `dead` or `saturated` units; None if it was not measured."""
        return self.health[name].mean if name in self.health else None

    def faults(self, figure: str, seeds: int) -> Iterator[str]:
        """What is inconsistent in an arm of so many seeds that is compared by `figure`."""
        if figure not in self.final:
            yield f"final: found no {figure}, expected the figure of the comparison"
        for name, found in {**self.final, "area": self.area, **self.health}.items():
            if len(found.values) != seeds:
                yield f"{name}: found {len(found.values)} values, expected one for each of {seeds} seeds"
        for name, count in (("reached", self.reached), ("diverged", self.diverged)):
            if count > seeds:
                yield f"{name}: found {count}, expected at most {seeds} seeds"


def formulas_of(arms: Iterable[ArmSummary]) -> TextPairs:
    """The formula of each short label, such as f1, by which these arms are named instead."""
    found = {arm.family.partition(" ")[0]: arm.formula for arm in arms if arm.formula}
    return {short: formula for short, formula in found.items() if re.fullmatch("f[0-9]+", short)}


class PairSummary(DocumentPart):
    """Two arms compared by a figure, on the seeds that both have."""

    better: Text
    worse: Text
    seeds: Whole
    difference: Number | None
    low: Number | None
    high: Number | None
    note: Text
    chance: Number | None
    chance_low: Number | None
    chance_high: Number | None
    p: Number
    p_adjusted: Number
    told_apart: StrictBool
    seeds_needed: Whole | None


class SharePairSummary(DocumentPart):
    """Two arms compared by the share of their seeds that reached the target."""

    better: Text
    worse: Text
    seeds: Whole
    better_share: Number
    worse_share: Number
    difference: Number
    low: Number | None
    high: Number | None
    only_better: Whole
    only_worse: Whole
    p: Number
    p_adjusted: Number
    told_apart: StrictBool
    seeds_needed: Whole | None


class VerdictSummary(DocumentPart):
    """The arms from best to worst, and the conclusions in sentences."""

    ranking: tuple[Text, ...]
    sentences: tuple[Text, ...]
    warnings: tuple[Text, ...]


class UnderStarts(DocumentPart):
    """By how much the better arm of a pair is better under each start; None where that is not known.

    `is_robust` says whether the sign is the same under all of them, None where the arms were not told apart.
    """

    better: Text
    worse: Text
    differences: Figures
    is_robust: StrictBool | None


class StartsSummary(DocumentPart):
    """The starts of a comparison, that under which the arms were `tested` first, and the pairs under each of them.

    `pairs` are compared by the figure, `shares` by the share of seeds that reached the target.
    """

    names: Annotated[tuple[Text, ...], Field(min_length=2)]
    tested: Text
    pairs: tuple[UnderStarts, ...]
    shares: tuple[UnderStarts, ...]


class SweepVerdict(DocumentPart):
    """The same for a sweep, with a description of the search."""

    ranking: tuple[Text, ...]
    searched: tuple[Text, ...]
    sentences: Annotated[tuple[Text, ...], Field(min_length=1)]
    warnings: tuple[Text, ...]


class SameSettings(DocumentPart):
    """The settings that all families share, and how they were found."""

    settings: TextPairs
    why: Text


class TunedArm(DocumentPart):
    """A family of arms: the labels of its arm at the shared settings and of its best arm, with the best settings."""

    same: Text | None
    best: Text
    settings: TextPairs


class TunedSummary(DocumentPart):
    """Results of tuning: the figure that chose the settings, and each family at shared and at its best settings."""

    chosen_by: Text
    same_settings: SameSettings
    arms: dict[Text, TunedArm]

    @property
    def figure(self) -> str:
        """The figure whose mean chose the settings."""
        return self.chosen_by.removeprefix("mean ")


class ArmsSummary(SealedDocument):
    """The keys that the summaries of a comparison and of a sweep share.

    `scaled_targets` says that losses are measured on scaled targets, and are not in the targets' units.
    """

    run: Text
    status: Status
    seeds: Annotated[tuple[Whole, ...], Field(min_length=1)]
    figure: FigureName
    larger_is_better: StrictBool
    target: Text
    arms: Annotated[dict[Text, ArmSummary], Field(min_length=1)]
    baselines: dict[BaselineName, OverSeeds] = Field(default_factory=dict)
    pairs: tuple[PairSummary, ...]
    scaled_targets: StrictBool = False

    @property
    def formulas(self) -> TextPairs:
        """The formula of each short label, such as f1, that an arm has instead of it."""
        return formulas_of(self.arms.values())

    def full_label(self, label: str) -> str:
        """A label with the formula in place of its short label, which in another comparison may be another's."""
        short = self.arms[label].family.partition(" ")[0]
        return self.formulas.get(short, short) + label.removeprefix(short)

    def legend(self) -> Iterator[str]:
        """A sentence for each short label, which says its formula."""
        yield from (f"{short} = {formula}" for short, formula in self.formulas.items())

    def wrong_gradients(self) -> Iterator[str]:
        """A sentence for each arm whose gradient was found wrong."""
        for label, arm in self.arms.items():
            if arm.gradcheck is not None and not arm.gradcheck.passed:
                yield f"The gradient of {label} is wrong: {arm.gradcheck.faults[0]}."

    def gradient_sentences(self) -> Iterator[str]:
        """What the gradient checks of the arms have found: what is wrong, else the largest error of all."""
        checked = {label: arm.gradcheck for label, arm in self.arms.items() if arm.gradcheck is not None}
        if wrong := [*self.wrong_gradients()]:
            yield from wrong
        elif checked:
            label, worst = max(checked.items(), key=lambda pair: pair[1].error or 0)
            about = f"{worst.steps()} of seed {self.seeds[0]}"
            yield f"Gradient check of the {about}: passed for all {len(checked):,} arms, {worst.largest()} of {label}."

    def shown(self, figure: str) -> str:
        """The name under which a figure such as `test/loss`, or `mean test/loss`, is shown."""
        from nnlab.maths.metrics import shown_name  # noqa: PLC0415 - NumPy, without which runs are found and listed

        return shown_name(figure, scaled_targets=self.scaled_targets)

    def check_arms(self, ranking: Iterable[str]) -> None:
        """ValueError for arms with different numbers of seeds, and for pairs or ranks of unknown arms."""
        figures = next(iter(self.arms.values())).final
        for label, arm in self.arms.items():
            if arm.final.keys() != figures.keys():
                raise ValueError(f"arms.{label}.final: found other figures than those of the first arm")
            for fault in arm.faults(self.figure, len(self.seeds)):
                raise ValueError(f"arms.{label}.{fault}")
        require_known("pairs", (name for pair in self.pairs for name in (pair.better, pair.worse)), self.arms)
        require_known("verdict.ranking", ranking, self.arms)


class ComparisonSummary(ArmsSummary):
    """summary.json of `nnlab compare-activations`."""

    shares: tuple[SharePairSummary, ...]
    wins: dict[Text, Figures]
    verdict: VerdictSummary
    best: TextPairs = Field(default_factory=dict)
    tuned: TunedSummary | None = None
    starts: StartsSummary | None = None
    failed: TextPairs = Field(default_factory=dict)
    seconds: Seconds
    gates: tuple[GateLine, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        ranking = self.verdict.ranking
        self.check_arms(ranking)
        if self.starts is not None:
            self._check_starts(self.starts)
        require_known("shares", (name for pair in self.shares for name in (pair.better, pair.worse)), self.arms)
        require_known("verdict.ranking", ranking if self.pairs else (), self.wins)
        for row, found in self.wins.items():
            require_known(f"wins.{row}", self.wins, found)
        if self.tuned is not None:
            self._check_tuned(self.tuned)
        return self

    def _check_starts(self, starts: StartsSummary) -> None:
        pairs = (*starts.pairs, *starts.shares)
        require_known("starts", (name for pair in pairs for name in (pair.better, pair.worse)), self.arms)
        known = dict.fromkeys(starts.names)
        require_known("starts", [starts.tested, *(name for pair in pairs for name in pair.differences)], known)

    def _check_tuned(self, tuned: TunedSummary) -> None:
        labels = [label for arm in tuned.arms.values() for label in (arm.best, arm.same) if label is not None]
        require_known("tuned.arms", labels, self.arms)
        require_known("verdict.ranking", (self.arms[label].family for label in self.verdict.ranking), tuned.arms)
        for label, arm in self.arms.items():
            require_known("tuned.chosen_by", [tuned.figure], arm.final, f"a final figure of {label}")


class DrawnRange(DocumentPart):
    """A key whose values were drawn between two bounds, uniformly or, with `log`, log-uniformly."""

    low: Number
    high: Number
    log: StrictBool


class Searched(DocumentPart):
    """The search of a sweep: the values or the range of each key, and how many points of which grid."""

    keys: dict[Text, tuple[Text, ...] | DrawnRange]
    points: Whole
    combinations: Whole | None
    drawn_by_seed: Whole | None


class TestedFigure(DocumentPart):
    """A figure of the best point on the test part, which was not used for choosing."""

    mean: Number | None
    low: Number | None
    high: Number | None
    note: Text


class Behind(DocumentPart):
    """How far a point is behind the best one, on the seeds that both have."""

    difference: Number
    low: Number | None
    high: Number | None
    p_adjusted: Number
    told_apart: StrictBool
    seeds: Whole


class RankedPoint(DocumentPart):
    """A point in the ranking of a sweep; `behind` is None for the best one."""

    point: Text
    settings: TextPairs
    value: Number | None
    low: Number | None
    high: Number | None
    diverged: Whole
    means: Figures
    behind: Behind | None


class SweepResult(DocumentPart):
    """What a sweep searched, and its result."""

    searched: Searched
    ranked_by: Text
    best: Text
    settings: TextPairs
    test: dict[Text, TestedFigure]
    ranking: tuple[RankedPoint, ...]


class SweepSummary(ArmsSummary):
    """summary.json of `nnlab sweep`."""

    sweep: SweepResult
    verdict: SweepVerdict
    failed: TextPairs = Field(default_factory=dict)
    seconds: Seconds
    gates: tuple[GateLine, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.check_arms(self.verdict.ranking)
        require_known("sweep.best", [self.sweep.best], self.arms)
        require_known("sweep.ranking", (line.point for line in self.sweep.ranking), self.arms)
        keys = {key for arm in self.arms.values() for key in arm.settings}
        for label, arm in self.arms.items():
            require_known(f"arms.{label}.settings", keys, arm.settings)
        for line in self.sweep.ranking:
            require_known("sweep.ranking", keys, line.settings)
        require_known("sweep.searched.keys", keys, self.sweep.searched.keys)
        return self


def require_known(place: str, names: Iterable[str], known: Mapping[str, object], expected: str = "") -> None:
    """ValueError for a name that is not in `known`."""
    for name in names:
        if name not in known:
            few = ", ".join([*known][:5])
            raise ValueError(f"{place}: found {name}, expected {expected or f'one of {few}'}")


# --- a benchmark ------------------------------------------------------------------------------------------------------


class SetArm(DocumentPart):
    """An arm on one set of a benchmark, at the settings that tuning chose for it.

    `values` are its figures by seed, None where it diverged; `errors` the same as errors, chance where it diverged.
    `mean`, `low` and `high` are those of the errors with their 95 % interval. Its weights started by `initializer`,
    times `gain`. `steps` are the updates of each seed.
    """

    mean: Number
    low: Number | None
    high: Number | None
    values: tuple[Number | None, ...]
    errors: tuple[Number, ...]
    diverged: Whole
    settings: TextPairs
    initializer: Text
    gain: Number = 1.0
    steps: tuple[Whole, ...]
    seconds: Seconds


class TuningSummary(DocumentPart):
    """The settings that every arm tried, and by arm the mean error of each by `figure`, over `seeds` of their own.

    `best_of` has, by arm, the error to expect of the best of 1, 2, … of these settings; `chance` is the error of chance
    on the same rows.
    """

    figure: FigureName
    chance: Number
    seeds: tuple[Whole, ...]
    points: tuple[TextPairs, ...]
    errors: dict[Text, tuple[Number, ...]]
    best_of: dict[Text, tuple[Number, ...]]


class SetSummary(DocumentPart):
    """One set of a benchmark: its arms, compared by `figure` as an error, and every pair of them on the same seeds.

    `chance` is the error of the simple baseline, `floor` half a row. `ranking` is by mean error.
    """

    family: Text
    task: Text
    figure: FigureName
    larger_is_better: StrictBool
    chance: Number | None
    floor: Number | None
    rows: Whole
    parameters: Whole
    seeds: Annotated[tuple[Whole, ...], Field(min_length=1)]
    arms: Annotated[dict[Text, SetArm], Field(min_length=1)]
    ranking: tuple[Text, ...]
    pairs: tuple[PairSummary, ...]
    sentences: tuple[Text, ...]
    warnings: tuple[Text, ...] = ()
    tuning: TuningSummary | None = None
    failed: TextPairs = Field(default_factory=dict)


class Estimate(DocumentPart):
    """An estimate with its 95 % interval."""

    estimate: Number | None
    low: Number | None
    high: Number | None


class SetsPair(DocumentPart):
    """Two arms over the families of sets, the better one by the mean log ratio of errors first.

    `mean` and `next_set` are log(error of better / error of worse) over all such sets, and for the next one; `between`
    is the standard deviation between sets; `differences` those of each family.
    """

    better: Text
    worse: Text
    mean: Estimate
    next_set: Estimate
    between: Number | None
    differences: dict[Text, Estimate]
    wins: Whole
    ties: Whole
    losses: Whole
    p_better: Number
    p_same: Number
    p_worse: Number
    p: Number
    p_adjusted: Number
    told_apart: StrictBool
    at_least: Whole


class FriedmanSummary(DocumentPart):
    """Friedman's test with the F of Iman and Davenport, for information."""

    chi_squared: Number | None
    chi_squared_p: Number | None
    f: Number | None
    f_degrees: tuple[Whole, Whole]
    p: Number | None


class AcrossSummary(DocumentPart):
    """The arms over the families of sets: average ranks, best first, pairs, and groups that are not told apart."""

    families: tuple[Text, ...]
    average_ranks: dict[Text, Number]
    friedman: FriedmanSummary | None
    pairs: tuple[SetsPair, ...]
    cliques: tuple[tuple[Text, ...], ...]


class BenchmarkSummary(SealedDocument):
    """summary.json of `nnlab benchmark`: each set, and all sets together if two or more can be compared.

    `activations` are the arms by label. One that was stopped or interrupted has the sets that are complete.
    """

    run: Text
    status: Status
    metric: Text
    baseline: Text
    equivalence: Number
    activations: Annotated[dict[Text, Plain], Field(min_length=1)]
    sets: dict[Text, SetSummary]
    unfinished: tuple[Text, ...] = ()
    across: AcrossSummary | None
    verdict: VerdictSummary
    seconds: Seconds
    gates: tuple[GateLine, ...] = ()

    @property
    def formulas(self) -> TextPairs:
        """The formula of each short label, such as f1."""
        return {
            label: str(plain["formula"])
            for label, plain in self.activations.items()
            if isinstance(plain, Mapping) and "formula" in plain
        }

    def legend(self) -> Iterator[str]:
        """A sentence for each short label, which says its formula."""
        yield from (f"{short} = {formula}" for short, formula in self.formulas.items())

    @property
    def figures(self) -> Figures:
        """The mean error of each arm on each set: `iris.relu.error`."""
        return {f"{name}.{label}.error": arm.mean for name, one in self.sets.items() for label, arm in one.arms.items()}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, one in self.sets.items():
            require_known(f"sets.{name}.arms", one.arms, self.activations)
            require_known(f"sets.{name}.ranking", one.ranking, one.arms)
            require_known(
                f"sets.{name}.pairs", (end for pair in one.pairs for end in (pair.better, pair.worse)), one.arms
            )
            for label, arm in one.arms.items():
                if {len(arm.values), len(arm.errors), len(arm.steps)} != {len(one.seeds)}:
                    raise ValueError(f"sets.{name}.arms.{label}: expected a value for each of {len(one.seeds)} seeds")
        require_known("verdict.ranking", self.verdict.ranking, self.activations)
        if self.across is not None:
            ends = (end for pair in self.across.pairs for end in (pair.better, pair.worse))
            require_known("across.pairs", (*ends, *self.across.average_ranks), self.activations)
        return self


SeveralSummary = ComparisonSummary | SweepSummary
BEST = "best"  # the name of the best point of a sweep


def arm_labels(summary: SeveralSummary) -> dict[str, str]:
    """The label of each arm by its names: label, formula, as given to -a, and `best` of a sweep or a tuned family."""
    found: dict[str, str] = {}  # of a name that is there twice the later one counts
    for label, arm in summary.arms.items():
        if isinstance(summary, ComparisonSummary) and arm.formula is not None:
            found[arm.formula] = label
        found[typed(label)] = label
    found |= {BEST: summary.sweep.best} if isinstance(summary, SweepSummary) else summary.best
    return found | {label: label for label in summary.arms}


AnySummary = TrainingSummary | SeveralSummary | BenchmarkSummary


def summary_from(values: dict[str, object], shown: str) -> AnySummary:
    """The summary in the values of a document, of the kind that its keys show. CheckpointError lists every fault."""
    if "sets" in values:
        return BenchmarkSummary.of(values, shown)
    if "arms" not in values:
        return TrainingSummary.of(values, shown)
    return (SweepSummary if "sweep" in values else ComparisonSummary).of(values, shown)


def read_summary(path: Path) -> AnySummary | None:
    """The summary.json at a path; None if there is none. CheckpointError if it is invalid."""
    values = read_values(path)
    return None if values is None else summary_from(values, str(path))
