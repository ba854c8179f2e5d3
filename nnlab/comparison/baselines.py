"""The baselines beside the arms of a comparison, seed by seed, and what it means that no arm beats them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.arms import arm_experiment
from nnlab.comparison.tasks import Arm, RowSource
from nnlab.config.experiment import watchable
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import listed, printable
from nnlab.experiments.baselines import Baselines, inputs_for_linear, is_better, parts_of
from nnlab.gates.parse import Gate
from nnlab.maths.baselines import SIMPLE, answers_alike
from nnlab.maths.metrics import metric_of
from nnlab.setup.setup import set_up
from nnlab.setup.weights import class_weights

Values = NDArray[np.float64]

_MOST_FITS = 10  # seeds with rows of their own for which the linear model is fitted, so that it stays a small part


@dataclass(frozen=True)
class ArmsBeside:
    """The figures of the baselines for each seed, (R,), nan where the linear model was not fitted.

    `idle` arms give every row of the reported part the same answer, on every seed. `first` opens the verdict where no
    arm is better than the simple baseline in its mean over the seeds, and `last` closes it where that holds for some
    arms only, and where some are idle.
    """

    finals: Mapping[str, Values] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


def arms_beside(
    dataset: Dataset,
    arms: Sequence[Arm],
    experiment: Experiment,
    experiments: Mapping[str, Experiment],
    seeds: Sequence[int],
    figure: str,
    gates: Sequence[Gate] = (),
    *,
    chosen: bool | None = None,
) -> ArmsBeside:
    """Fit the baselines for each seed on its own training rows, once where all seeds share them.

    `experiments` has each arm's experiment by label; `figure` is the one by which arms are compared, and `chosen`
    whether the linear model was asked for.
    """
    known, source = [arm for arm in arms if not arm.diverged.all()], RowSource(dataset)
    if not known:
        return ArmsBeside()
    split = figure.partition("/")[0]
    fitted = _FittedForSeeds(source, experiment, seeds, gates, split, chosen=chosen)
    level = fitted.finals[f"baseline/{SIMPLE[dataset.task][0]}/{figure}"]
    behind = [arm for arm in known if _is_behind(arm, figure, level)]
    own = {arm.label: experiments.get(arm.label) or arm_experiment(experiment, arm.choice) for arm in behind}
    idle = [arm for arm in behind if _is_idle(arm, source, own[arm.label], seeds, split)]
    words = _ArmsInWords(fitted, known, behind, idle, figure, level)
    return ArmsBeside(fitted.finals, frozenset(arm.label for arm in idle), tuple(words.first()), tuple(words.last()))


class _FittedForSeeds:
    """The baselines of all seeds: their figures (R,), the constants in words, and what to do about uneven classes."""

    def __init__(
        self,
        source: RowSource,
        experiment: Experiment,
        seeds: Sequence[int],
        gates: Sequence[Gate],
        split: str,
        *,
        chosen: bool | None,
    ) -> None:
        drawn = experiment.data.draws_a_part
        fitted = []
        for number, seed in enumerate(seeds if drawn else seeds[:1]):
            prepared, dataset, x = source.rows(experiment, (seed,)).of(0), source.dataset, None
            if number < _MOST_FITS:
                x = inputs_for_linear(gates, dataset.columns, prepared.train, chosen=chosen)
            weights = class_weights(experiment, dataset.columns, [prepared.train])
            baselines = Baselines.fit(dataset, prepared.split.train, x, weights)
            parts = parts_of(prepared)
            fitted.append((baselines.always, baselines.advice(split, parts[split].y), baselines.figures(parts)))
        self.always = {always for always, _, _ in fitted}
        # What helps on the part of one seed is worth saying, though the part of another has one class alone.
        self.advice = next((advice for _, advice, _ in fitted if "judge" in advice), fitted[0][1])
        found = [figures for _, _, figures in fitted] * (1 if drawn else len(seeds))
        compared = [name for name in found[0] if name.rpartition("/")[2] in watchable(experiment)]
        self.finals = {name: np.array([_number(figures.get(name)) for figures in found]) for name in compared}


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _is_behind(arm: Arm, figure: str, level: Values) -> bool:
    """Whether the mean of an arm is no better than the baseline's on the same seeds: those that did not diverge."""
    known = np.isfinite(arm.finals[figure]) & np.isfinite(level)
    if not known.any():
        return False
    return not is_better(figure.partition("/")[2], arm.finals[figure][known].mean(), level[known].mean())


def _is_idle(arm: Arm, source: RowSource, experiment: Experiment, seeds: Sequence[int], split: str) -> bool:
    """Whether the network of each seed that did not diverge answers all rows of a part alike."""
    for replica, seed in enumerate(seeds):
        if not arm.diverged[replica]:
            setup, own = set_up(experiment, source.rows(experiment, (seed,))), slice(replica, replica + 1)
            part = getattr(setup.rows.of(0), split)
            outputs = setup.model(arm.theta[own], arm.statistics[own]).outputs_of_scaled(part.x)
            if not answers_alike(experiment.task, outputs):
                return False
    return True


# --- in words ---------------------------------------------------------------------------------------------------------

PARTS = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class _ArmsInWords:
    """Sentences on the arms `behind`, no better than the baseline; `level` is its figure for each seed, (R,)."""

    fitted: _FittedForSeeds
    arms: Sequence[Arm]
    behind: Sequence[Arm]
    idle: Sequence[Arm]
    figure: str
    level: Values

    @property
    def always(self) -> str:
        """The constant: `always 'no'`."""
        return next(iter(self.fitted.always)) if len(self.fitted.always) == 1 else "always the largest class"

    @property
    def rows(self) -> str:
        """What the reported part has: `test rows`."""
        return f"{PARTS[self.figure.partition('/')[0]]} rows"

    def first(self) -> Iterator[str]:
        """That no arm is better than the baseline, and what their figures are."""
        if self._all_are_constant():
            yield self._nothing_learned()
        elif len(self.behind) == len(self.arms):
            found = listed([f"{value:.4g} for {label}" for label, value in self._means()])
            yield f"No better than {self._baseline()}: {self._figure()} is {found}{self.fitted.advice}."

    def last(self) -> Iterator[str]:
        """Which arms are no better, where others are, and which answer all rows alike."""
        if 0 < len(self.behind) < len(self.arms):
            named = listed([f"{label} ({value:.4g})" for label, value in self._means()])
            verb = "is" if len(self.behind) == 1 else "are"
            yield f"{named} {verb} no better than {self._baseline()} by {self._figure()}{self.fitted.advice}."
        if self.idle and not self._all_are_constant():
            yield self._idle_arms()

    def _baseline(self) -> str:
        """The constant with the mean of its figure: `always 'no' (0.9333)`."""
        return f"{self.always} ({np.nanmean(self.level):.4g})"

    def _figure(self) -> str:
        """The figure by which arms are compared: `mean test accuracy`."""
        part, _, name = self.figure.partition("/")
        name = "RMSE" if name == "rmse" else name.replace("_", " ")
        return " ".join([*(["mean"] if len(self.level) > 1 else []), PARTS[part], name])

    def _means(self) -> list[tuple[str, float]]:
        """The label and the mean figure of each arm behind, over the seeds that did not diverge; the best first."""
        values = {arm.label: arm.finals[self.figure] for arm in self.behind}
        means = [(printable(label), float(found[np.isfinite(found)].mean())) for label, found in values.items()]
        larger = metric_of(self.figure.partition("/")[2]).larger_is_better
        return sorted(means, key=lambda pair: pair[1], reverse=larger)

    def _all_are_constant(self) -> bool:
        """Whether every arm decides for the class of the baseline in all rows, on every seed that did not diverge."""
        one_class = self.always.startswith("always '") and self.figure.endswith("accuracy")
        return one_class and len(self.idle) == len(self.arms) and all(map(self._has_level, self.arms))

    def _has_level(self, arm: Arm) -> bool:
        """Whether each seed has exactly the baseline's figure, or diverged."""
        return bool(np.all((arm.finals[self.figure] == self.level) | arm.diverged))

    def _nothing_learned(self) -> str:
        """That no arm has learned anything, where all of them decide for one class."""
        who = "every arm" if len(self.arms) > 1 else printable(self.arms[0].label)
        share, class_name = f"{100 * float(np.mean(self.level)):.4g} %", self.always.removeprefix("always ")
        found = f"{who} predicts {class_name} for all {self.rows} (majority share {share})"
        return f"No better than {self.always}: nothing learned, for {found}{self.fitted.advice}."

    def _idle_arms(self) -> str:
        """Which arms answer all rows alike."""
        named = listed([printable(arm.label) for arm in self.idle])
        verb = "gives" if len(self.idle) == 1 else "give"
        return f"{named} {verb} all {self.rows} the same answer on every seed: nothing learned."
