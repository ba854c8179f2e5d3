"""Conclusions of a comparison: statistics over the seeds of each arm, and of each arm against the others.

The keys of summary.json, on which scripts rely; a figure that could not be measured is null:

    schema                    1: the version of this format
    run, status, seconds
    seeds                     the seeds, in the order of all lists of values
    figure                    the headline figure, by which arms are ranked and compared, with `larger_is_better`
    target                    the level to reach, as text
    arms.<label>
      activation, family, settings, parameters, seconds
      steps                   updates of all its seeds together
      time_per_step           wall-clock seconds divided by the updates of all its seeds, counting each seed up to
                              where it stopped or diverged; it depends on the load of the machine and on how many seeds
                              were trained at once
      final.<figure>          mean with low and high (95 % interval, within the range of the figure) and a note on it,
                              median with median_low and median_high, and the values by seed, null where one diverged
      reached                 number of seeds that reached the target; reached_share: estimate, low, high, note
      median_steps_to_target  steps_to_target.median
      steps_to_target         median, low, high, note; null: beyond the end of training; `censored`: seeds that never
                              reached it
      seconds_to_target       the same in seconds
      area                    the mean over the steps of the target's figure, in the form of a final figure
      diverged                number of seeds that diverged; diverged_share; diverged_at: the step of each seed
      health                  with training.health: dead and saturated, in the form of final figures, as last measured,
                              averaged over the layers
      gradcheck               with training.gradcheck: what the check of the first seed's first steps has found
      initializer, gain       how its weights started, such as `fair γ = 1.677`, and the factor of all of them
      name, starts            the label of its activation alone, and the starts under which it is trained so
    baselines.<figure>        baseline/majority/test/accuracy and so on, in the form of a final figure; the linear model
                              is fitted for the first ten seeds, null for the others
    pairs[]                   better, worse, common seeds; difference in favour of the better one with low, high,
                              note; chance that it is better on a seed with chance_low, chance_high; p of the paired
                              permutation test, p_adjusted by Holm; told_apart; seeds_needed, null beyond 10,000
    shares[]                  better, worse, common seeds; the shares that reached the target, better_share and
                              worse_share, their difference with low, high; seeds only_better and only_worse; p of
                              McNemar's exact test, p_adjusted by Holm; told_apart; seeds_needed
    wins.<row>.<column>       share of the seeds on which the row's arm beats the column's arm; a tie counts half
    verdict                   ranking, sentences, warnings
    best.<family>             if settings were tuned: the label of the best arm; pairs, shares, wins and verdict then
                              compare these best arms only
    tuned                     if settings were tuned: chosen_by; same_settings: settings, why; arms.<family>: labels
                              of the arms `same` and `best`, and the best settings
    starts                    if there were several: their names; tested: the one under which pairs, shares, wins and
                              verdict compare the arms; pairs[] and shares[]: for each of these pairs the differences
                              in favour of the better arm by start, null if not known, and is_robust: whether all are
                              above 0, null if the pair was not told apart
    failed                    the reason for each arm that could not be trained
    gates                     each gate and its outcome
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.arms import Target, arm_experiment
from nnlab.comparison.baselines import ArmsBeside, arms_beside
from nnlab.comparison.contents import MOST_DRAWN, Comparison
from nnlab.comparison.lacking import lacking_figures
from nnlab.comparison.median_networks import median_networks_of
from nnlab.comparison.start_warnings import warnings_of_starts
from nnlab.comparison.tasks import Arm
from nnlab.comparison.tune import choice_warnings, tuned_from
from nnlab.comparison.weights import Layouts, weights_digest
from nnlab.comparison.write import write_comparison
from nnlab.config.experiment import to_plain
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import few, listed, printable
from nnlab.gates.hold import Measured, Outcome, figures_of_arms, hold, with_short_labels
from nnlab.gates.parse import Gate
from nnlab.maths.metrics import TRAINING_METRICS, figure_words, metric_of
from nnlab.maths.statistics import (
    Figure,
    Interval,
    Pair,
    Reached,
    SharePair,
    Starts,
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
from nnlab.networks.learned import parameter_figures
from nnlab.report.page import counted
from nnlab.setup.network import network_for
from nnlab.setup.starts import start_of
from nnlab.storage.folder import RunFolder
from nnlab.storage.gradients import GradientSummary
from nnlab.storage.metrics import finite
from nnlab.storage.run import Status
from nnlab.storage.summary import (
    ArmSummary,
    ComparisonSummary,
    OverSeeds,
    PairSummary,
    SecondsToTarget,
    SeveralSummary,
    ShareOfSeeds,
    SharePairSummary,
    StartsSummary,
    StepsToTarget,
    UnderStarts,
    VerdictSummary,
    formulas_of,
)

Array = NDArray[Any]


@dataclass
class Compared:
    """The folder of a comparison or a sweep, with its summary, warnings, gate outcomes and the data of its files."""

    folder: Path
    summary: SeveralSummary
    warnings: list[str]
    gates: list[Outcome]
    comparison: Comparison


@dataclass(frozen=True)
class Trained:
    """Input of the conclusions: the trained arms of an experiment, all under the same seeds, and their folder.

    With `dataset`, the networks themselves are drawn too. `experiments` holds, by label, the experiment of each arm
    that differs from `experiment` in more than its activation; `failed` the reasons for missing arms; `remarks`
    sentences to add to the verdict; `baselines` says whether a linear model was asked for; `checks` are the outcomes of
    the arms' gradient checks. `status` is that of the summary. Of a comparison that was broken off, which has not
    ended, `unfinished` are the labels of the arms that were to follow; its gates are not held. Pictures are
    drawn as PNG and in the other `formats`. `starts` are the names of all starts, the one in which arms are compared
    first.
    """

    experiment: Experiment
    folder: RunFolder
    arms: Sequence[Arm]
    seeds: Sequence[int]
    target: Target
    seconds: float
    dataset: Dataset | None = None
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    baselines: bool | None = None
    checks: Mapping[str, GradientSummary] = field(default_factory=dict)
    status: Status = "completed"
    has_ended: bool = True
    unfinished: Sequence[str] = ()
    formats: Sequence[str] = ()
    starts: Sequence[str] = ()

    @property
    def tested(self) -> str | None:
        """The start under which arms are compared: the first of several that has trained arms."""
        known = {start for arm in self.arms for start in arm.starts}
        return next((start for start in self.starts if start in known), None) if len(self.starts) > 1 else None

    def measured(self) -> dict[str, Measurements]:
        """The measurements of each arm, by label."""
        end = watched(self.arms)
        return {
            arm.label: Measurements(_aligned(arm), self.target, end, self._of(arm), self._learned(arm))
            for arm in self.arms
        }

    def summaries(self, found: Mapping[str, Measurements]) -> dict[str, ArmSummary]:
        """The parts of summary.json on the arms, by label: what was measured, and what makes an arm of config.yaml."""
        shared = to_plain(self.experiment)
        return {
            label: one.summary(
                self.checks.get(label), _sections(to_plain(self._exactly(one.arm)), shared), self._start(one.arm)
            )
            for label, one in found.items()
        }

    def _start(self, arm: Arm) -> tuple[str, float]:
        """How the weights of an arm started, in words where its data are there, and the factor of all of them."""
        experiment = self._exactly(arm)
        gain = experiment.network.init.gain
        if self.dataset is None:
            return "", gain
        return start_of(network_for(experiment, self.dataset.sample_shape, self.dataset.y.shape[1]), gain), gain

    def _exactly(self, arm: Arm) -> Experiment:
        return self.experiments.get(arm.label) or arm_experiment(self.experiment, arm.choice)

    def lacking(self, ranked_by: str | None = None) -> list[str]:
        """A warning for each figure that stops or ranks arms and that the parts of some seeds do not have."""
        experiments = [self._of(arm) for arm in self.arms]
        return [] if self.dataset is None else lacking_figures(experiments, self.dataset, self.seeds, ranked_by)

    def start_warnings(self) -> list[str]:
        """A warning for each thing that is wrong with the starts of the arms."""
        experiments = {arm.label: self._of(arm) for arm in self.arms}
        return [] if self.dataset is None else warnings_of_starts(experiments, self.dataset)

    def _learned(self, arm: Arm) -> dict[str, Array]:
        """The learned activation parameters of each seed, (R,), nan where it diverged."""
        layouts = self.layouts_of(arm)
        figures = {} if layouts is None else parameter_figures(layouts[0])
        return {name: np.where(arm.diverged, np.nan, figure(arm.theta)) for name, figure in figures.items()}

    def layouts_of(self, arm: Arm) -> Layouts | None:
        """How theta and the running statistics of an arm are packed; None where its network is not known."""
        if self.dataset is None or arm.label not in self.experiments:
            return None
        network = network_for(self._of(arm), self.dataset.sample_shape, self.dataset.y.shape[1])
        return network.layout, network.statistics

    def _of(self, arm: Arm) -> Experiment:
        return self.experiments.get(arm.label, self.experiment)

    def split(self) -> str:
        """The part on which figures are reported: test if there is one, else validation, else training."""
        return next(name for name in ("test", "val", "train") if f"{name}/loss" in self.arms[0].finals)


def _sections(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of an arm's experiment that are others than in the experiment that all arms share."""
    return {key: value for key, value in own.items() if key != "gates" and value != shared.get(key)}


def finish(trained: Trained, gates: Sequence[Gate] = (), baseline: Measured | None = None) -> Compared:
    """Compare the arms with each other, evaluate the gates, and write the files of a comparison.

    If settings were tuned, only the best arm of each family is compared, and of several starts only the first.
    """
    experiment, gates = trained.experiment, gates if trained.has_ended else ()
    metric = next(iter(TRAINING_METRICS[experiment.task]))
    headline, larger = f"{trained.split()}/{metric}", metric_of(metric).larger_is_better
    found, tuned = trained.measured(), tuned_from(trained.arms, experiment)
    best = [one for label, one in found.items() if tuned is None or label in tuned.best.values()]
    compared = [one for one in best if trained.tested is None or trained.tested in one.arm.starts]
    starts = _under_starts(best, trained, headline, larger_is_better=larger)
    beside = _beside(trained, [one.arm for one in compared], headline, gates)
    verdict = _verdict(compared, trained, headline, beside.idle, starts, larger_is_better=larger)
    arms = trained.summaries(found)
    baselines = {name: over_seeds(values, _possible_of(experiment, name)) for name, values in beside.finals.items()}
    measured = figures_of_arms(arms, len(trained.seeds)) | {name: one.mean for name, one in baselines.items()}
    baseline = baseline and with_short_labels(baseline, formulas_of(arms.values()))
    outcomes = hold(gates, Measured(measured, scaled_targets=trained.experiment.data.scale_targets), baseline)
    summary = ComparisonSummary(
        **head_of(trained, headline, larger_is_better=larger),
        arms=arms,
        baselines=baselines,
        pairs=tuple(pair_summary(pair) for pair in verdict.pairs),
        shares=tuple(_share_pair(pair) for pair in verdict.shares),
        wins=_wins(compared, headline, larger_is_better=larger),
        verdict=VerdictSummary(
            ranking=verdict.ranking,
            sentences=(
                *beside.first,
                *verdict.sentences,
                *beside.last,
                *_pairs_left_out(verdict),
                *trained.remarks,
            ),
            warnings=(
                *missing(trained),
                *trained.lacking(),
                *trained.start_warnings(),
                *(choice_warnings(tuned.figure, trained.arms[0].finals) if tuned else ()),
                *verdict.warnings,
            ),
        ),
        **({"best": dict(tuned.best), "tuned": tuned.summary()} if tuned else {}),
        **({"starts": _starts_summary(starts, trained, verdict)} if starts else {}),
        **tail_of(trained, outcomes),
    )
    drawn = [one.arm for one in compared if one.arm.label in verdict.ranking[:MOST_DRAWN]]
    median_networks = (
        median_networks_of(experiment, drawn, trained.seeds, headline, trained.dataset, trained.experiments)
        if trained.dataset is not None and trained.has_ended
        else {}
    )
    comparison = comparison_of(trained, found, summary, median_networks=median_networks, dataset=trained.dataset)
    warnings = write_comparison(trained.folder, comparison, trained.formats)
    return Compared(trained.folder.path, summary, warnings, outcomes, comparison)


def head_of(trained: Trained, figure: str, *, larger_is_better: bool) -> dict[str, Any]:
    """The first fields of the summary of a comparison or a sweep."""
    return {
        "run": str(trained.folder.path),
        "status": trained.status,
        "seeds": list(trained.seeds),
        "figure": figure,
        "larger_is_better": larger_is_better,
        "target": trained.target.text,
        **({"scaled_targets": True} if trained.experiment.data.scale_targets else {}),
    }


def tail_of(trained: Trained, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The last fields of the summary of a comparison or a sweep."""
    failed = {"failed": dict(trained.failed)} if trained.failed else {}
    return {**failed, "seconds": round(trained.seconds, 3), "gates": tuple(gate.line() for gate in outcomes)}


def comparison_of(
    trained: Trained, found: Mapping[str, Measurements], summary: SeveralSummary, **networks: Any
) -> Comparison:
    """The content of the folder: arms, summary, and the median `networks` if they are drawn."""
    return Comparison(
        trained.experiment.name,
        summary.figure,
        summary.larger_is_better,
        list(trained.seeds),
        {label: one.arm for label, one in found.items()},
        {label: one.columns() for label, one in found.items()},
        {label: one.health() for label, one in found.items()},
        summary,
        watched=watched(trained.arms),
        loss=str(trained.experiment.network.head.loss),
        scaled_targets=trained.experiment.data.scale_targets,
        experiments=trained.experiments,
        layouts={label: trained.layouts_of(one.arm) for label, one in found.items()},
        **networks,
    )


def watched(arms: Sequence[Arm]) -> int:
    """The step up to which every seed could reach the target: the end of training."""
    return max(int(arm.steps[-1]) for arm in arms)


def _aligned(arm: Arm) -> Arm:
    """The arm with its activation layers renamed by position, tanh1 to activation1, so that all arms share columns."""
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
    """Measurements of the seeds of an arm, (R,) each; `learned` are its learned activation parameters."""

    def __init__(
        self, arm: Arm, target: Target, end: int, experiment: Experiment, learned: Mapping[str, Array] | None = None
    ) -> None:
        self.arm, self.target, self.end, self.experiment, self.learned = arm, target, end, experiment, learned or {}
        self.steps_to_target = reached(arm, target)
        self.steps = steps_run(arm)
        total = float(self.steps.sum())
        self.time_per_step = arm.seconds / total if total else float("nan")
        self.area = _area(arm, target)

    def columns(self) -> dict[str, Array]:
        """The columns of results.csv beside the final figures."""
        return {
            "steps": self.steps,
            "seconds": self.steps * self.time_per_step,
            "steps_to_target": self.steps_to_target,
            "seconds_to_target": self.steps_to_target * self.time_per_step,
            "area": self.area,
            **self.learned,
        }

    def summary(
        self,
        gradcheck: GradientSummary | None = None,
        sections: Mapping[str, Any] | None = None,
        start: tuple[str, float] = ("", 1.0),
    ) -> ArmSummary:
        """The arm's part of summary.json, with its own `sections` of config.yaml, and its initialiser and gain."""
        arm, seeds = self.arm, len(self.arm.diverged)
        hits, lost = int(np.isfinite(self.steps_to_target).sum()), int(arm.diverged.sum())
        steps = median_steps(self.steps_to_target, self.end)
        health = {"health": {name: over_seeds(values, (0.0, 1.0)) for name, values in self.health().items()}}
        return ArmSummary(
            activation=arm.choice.plain(),
            family=arm.family or arm.label,
            settings=dict(arm.settings),
            parameters=arm.parameters,
            final={name: over_seeds(values, possible(self.experiment, name)) for name, values in arm.finals.items()},
            reached=hits,
            reached_share=_share(hits, seeds),
            median_steps_to_target=finite(steps.estimate),
            steps_to_target=StepsToTarget(**_bounds(steps), censored=seeds - hits),
            seconds_to_target=SecondsToTarget(**_bounds(steps, self.time_per_step)),
            area=over_seeds(self.area, possible(self.experiment, self.target.figure)),
            diverged=lost,
            diverged_share=_share(lost, seeds),
            diverged_at=tuple(int(step) if step >= 0 else None for step in arm.bad_step),
            seconds=round(arm.seconds, 3),
            steps=int(self.steps.sum()),
            time_per_step=finite(self.time_per_step),
            **(health if self.health() else {}),
            **({"gradcheck": gradcheck} if gradcheck else {}),
            experiment=dict(sections or {}),
            weights=weights_digest(arm.theta, arm.statistics),
            initializer=start[0],
            gain=start[1],
            name=arm.name,
            starts=arm.starts,
        )

    def hits(self, seeds: Sequence[int]) -> dict[int, bool]:
        """Whether each seed reached the target."""
        return dict(zip(seeds, np.isfinite(self.steps_to_target).tolist(), strict=True))

    def health(self) -> dict[str, Array]:
        """Last measured dead and saturated share of each seed, (R,), averaged over the activation layers."""
        found = {}
        for name in ("dead", "saturated"):
            layers = [_last(curve) for key, curve in self.arm.curves.items() if _is_health(key, name)]
            if layers:
                found[name] = np.where(self.arm.diverged, np.nan, np.mean(layers, axis=0))
        return found


def possible(experiment: Experiment, figure: str) -> tuple[float, float]:
    """The range of a figure such as `val/accuracy` in an experiment: smallest and largest possible value."""
    name = figure.partition("/")[2]
    loss = experiment.network.head.loss
    if name == "loss" and loss is not None:
        return loss.entry.least, np.inf
    return metric_of(name).bounds


def reached(arm: Arm, target: Target) -> Array:
    """The first step at which each seed reached the target, (R,), nan if it never did or it was not measured."""
    if target.figure not in arm.curves:
        return np.full(len(arm.diverged), np.nan)
    curve = arm.curves[target.figure]
    return steps_to_target(arm.steps, curve, target.level, larger_is_better=target.larger_is_better)


def over_seeds(values: Array, within: tuple[float, float]) -> OverSeeds:
    """Mean and median of values (R,) with 95 % intervals, ignoring nan. All values lie `within` these bounds."""
    known = values[np.isfinite(values)]
    mean = mean_over_seeds(known, within=within) if len(known) else Interval(np.nan, None, None, "no seed has it")
    middle = median_interval(known) if len(known) else mean
    return OverSeeds(
        mean=finite(mean.estimate),
        low=finite(mean.low),
        high=finite(mean.high),
        note=mean.note,
        median=finite(middle.estimate),
        median_low=finite(middle.low),
        median_high=finite(middle.high),
        values=tuple(finite(float(value)) for value in values),
    )


def _bounds(steps: Interval, seconds: float = 1) -> dict[str, Any]:
    """A median number of steps, or of seconds; None for a bound beyond the end of training."""
    low, high = (None if bound is None else finite(bound * seconds) for bound in (steps.low, steps.high))
    return {"median": finite(steps.estimate * seconds), "low": low, "high": high, "note": steps.note}


def _share(count: int, total: int) -> ShareOfSeeds:
    share = share_interval(count, total)
    return ShareOfSeeds(estimate=share.estimate, low=share.low, high=share.high, note=share.note)


def steps_run(arm: Arm) -> Array:
    """The number of steps of each seed, (R,): up to its divergence, or else up to its last measurement."""
    known = np.any([np.isfinite(curve) for curve in arm.curves.values()], axis=0)
    last = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    steps: Array = np.where(known.any(axis=1), arm.steps[last], 0)
    return np.where(arm.diverged, arm.bad_step, steps)


def _area(arm: Arm, target: Target) -> Array:
    """The mean over the steps of the target's figure for each seed, (R,), nan where it diverged."""
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


def _beside(trained: Trained, arms: Sequence[Arm], figure: str, gates: Sequence[Gate]) -> ArmsBeside:
    """The baselines of the data set beside the arms that are compared; nothing without a data set."""
    if trained.dataset is None:
        return ArmsBeside()
    about = (trained.dataset, arms, trained.experiment, trained.experiments, trained.seeds, figure, gates)
    return arms_beside(*about, chosen=trained.baselines)


def _possible_of(experiment: Experiment, baseline: str) -> tuple[float, float]:
    """The range of a baseline's figure, such as `baseline/majority/test/accuracy`."""
    return possible(experiment, baseline.split("/", 2)[2])


def _verdict(
    arms: Sequence[Measurements],
    trained: Trained,
    figure: str,
    idle: frozenset[str],
    starts: Starts | None,
    *,
    larger_is_better: bool,
) -> Verdict:
    """Statistical verdict on the arms by a figure, and by the target if that was measured."""
    scores = {one.arm.label: scores_of(one.arm, trained.seeds, figure) for one in arms}
    hits = {one.arm.label: one.hits(trained.seeds) for one in arms if trained.target.figure in one.arm.curves}
    about = figure_for(trained.experiment, figure, larger_is_better)
    return verdict(scores, about, Reached(trained.target.text, hits), idle=idle, starts=starts)


def _under_starts(
    arms: Sequence[Measurements], trained: Trained, figure: str, *, larger_is_better: bool
) -> Starts | None:
    """The figures of each activation under each start, under the label of its arm that is tested."""
    if trained.tested is None:
        return None
    tested = {one.arm.name: one.arm.label for one in arms if trained.tested in one.arm.starts}
    scores: dict[str, dict[str, dict[int, float]]] = {start: {} for start in trained.starts}
    hits: dict[str, dict[str, dict[int, bool]]] = {start: {} for start in trained.starts}
    for one in arms:
        for start in one.arm.starts if one.arm.name in tested else ():
            scores[start][tested[one.arm.name]] = scores_of(one.arm, trained.seeds, figure)
            hits[start][tested[one.arm.name]] = one.hits(trained.seeds)
    return Starts(scores, larger_is_better, hits)


def _starts_summary(starts: Starts, trained: Trained, verdict: Verdict) -> StartsSummary:
    """The starts in the form of summary.json."""
    pairs, shares = ([_under(pair, starts) for pair in found] for found in (verdict.pairs, verdict.shares))
    return StartsSummary(
        names=tuple(trained.starts), tested=str(trained.tested), pairs=tuple(pairs), shares=tuple(shares)
    )


def _under(pair: Pair | SharePair, starts: Starts) -> UnderStarts:
    return UnderStarts(
        better=pair.better,
        worse=pair.worse,
        differences={start: finite(difference) for start, difference in starts.differences(pair).items()},
        is_robust=starts.is_robust(pair) if pair.told_apart else None,
    )


def scores_of(arm: Arm, seeds: Sequence[int], figure: str) -> dict[int, float]:
    """The final figure of each seed, nan where it diverged."""
    return dict(zip(seeds, without_infinite(arm.finals[figure]).tolist(), strict=True))


def figure_for(experiment: Experiment, figure: str, larger_is_better: bool) -> Figure:  # noqa: FBT001 - as in Figure
    """Description of a figure for the statistics: direction, bounds, whether it is a share."""
    share, name = figure.endswith("accuracy"), figure_words(figure, scaled_targets=experiment.data.scale_targets)
    return Figure(larger_is_better, share=share, bounds=possible(experiment, figure), name=name)


def without_infinite(values: Array) -> Array:
    """The values with nan in place of infinite ones, which the statistics treat as missing."""
    return np.where(np.isfinite(values), values, np.nan)


def _pairs_left_out(verdict: Verdict) -> Iterator[str]:
    """A sentence for each file that alone has the figures of some pairs."""
    for file, count in (("pairs.csv", verdict.rest_of_pairs), ("shares.csv", verdict.rest_of_shares)):
        if count:
            yield f"The figures of {counted(count, 'more pair')} are in {file}."


def pair_summary(pair: Pair) -> PairSummary:
    """A compared pair in the form of summary.json."""
    return PairSummary(
        better=pair.better,
        worse=pair.worse,
        seeds=pair.seeds,
        difference=finite(pair.margin.estimate),
        low=finite(pair.margin.low),
        high=finite(pair.margin.high),
        note=pair.margin.note,
        chance=finite(pair.chance.estimate),
        chance_low=finite(pair.chance.low),
        chance_high=finite(pair.chance.high),
        p=pair.p,
        p_adjusted=pair.adjusted,
        told_apart=pair.told_apart,
        seeds_needed=pair.needed,
    )


def _share_pair(pair: SharePair) -> SharePairSummary:
    return SharePairSummary(
        better=pair.better,
        worse=pair.worse,
        seeds=pair.seeds,
        better_share=pair.shares[0],
        worse_share=pair.shares[1],
        difference=pair.margin.estimate,
        low=pair.margin.low,
        high=pair.margin.high,
        only_better=pair.only_better,
        only_worse=pair.only_worse,
        p=pair.p,
        p_adjusted=pair.adjusted,
        told_apart=pair.told_apart,
        seeds_needed=pair.needed,
    )


def _wins(arms: Sequence[Measurements], figure: str, *, larger_is_better: bool) -> dict[str, dict[str, float | None]]:
    shares = win_matrix([without_infinite(one.arm.finals[figure]) for one in arms], larger_is_better=larger_is_better)
    labels = [one.arm.label for one in arms]
    return {
        row: {column: finite(float(share)) for column, share in zip(labels, line, strict=True)}
        for row, line in zip(labels, shares, strict=True)
    }


MOST_NAMED = 5  # arms that a sentence lists


def missing(trained: Trained) -> Iterator[str]:
    """A warning for each arm that failed, with the reason, and one on those that were to follow."""
    for label, reason in trained.failed.items():
        yield f"{printable(label)} is missing: {printable(reason)}"
    if labels := [printable(label) for label in trained.unfinished]:
        yield f"not trained to the end, and missing: {listed(few(labels, MOST_NAMED))}"
