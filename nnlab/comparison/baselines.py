"""The baselines beside the arms of a comparison, seed by seed, and what it means that no arm beats them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.arms import arm_experiment
from nnlab.comparison.tasks import Arm, RowSource
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import listed, printable
from nnlab.experiments.baselines import Baselines, inputs_for_linear, is_better, parts_of
from nnlab.gates.parse import Gate
from nnlab.maths.baselines import SIMPLE, answers_alike
from nnlab.maths.metrics import TRAINING_METRICS
from nnlab.setup.setup import set_up

Values = NDArray[np.float64]

_MOST_FITS = 10  # seeds with rows of their own for which the linear model is fitted, so that it stays a small part


@dataclass(frozen=True)
class ArmsBeside:
    """The figures of the baselines for each seed, (R,), nan where the linear model was not fitted.

    `idle` arms give every row of the reported part the same answer, on every seed. `first` opens the verdict where no
    arm is better than the simple baseline on any seed, and `last` closes it where some arms are idle.
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
    fitted = _FittedForSeeds(source, experiment, seeds, gates, chosen=chosen)
    level, split = fitted.finals[f"baseline/{SIMPLE[dataset.task][0]}/{figure}"], figure.partition("/")[0]
    behind = [arm for arm in known if _is_behind(arm, figure, level)]
    own = {arm.label: experiments.get(arm.label) or arm_experiment(experiment, arm.choice) for arm in behind}
    idle = [arm for arm in behind if _is_idle(arm, source, own[arm.label], seeds, split)]
    words, all_behind = _ArmsInWords(fitted, known, idle, figure, level), len(behind) == len(known)
    return ArmsBeside(
        fitted.finals,
        frozenset(arm.label for arm in idle),
        (words.nothing_learned(),) if all_behind else (),
        (words.idle_arms(),) if idle and not all_behind else (),
    )


class _FittedForSeeds:
    """The baselines of all seeds: their figures (R,), the constants in words, and what to do about uneven classes."""

    def __init__(
        self,
        source: RowSource,
        experiment: Experiment,
        seeds: Sequence[int],
        gates: Sequence[Gate],
        *,
        chosen: bool | None,
    ) -> None:
        drawn = experiment.data.draws_a_part
        fitted = []
        for number, seed in enumerate(seeds if drawn else seeds[:1]):
            prepared, dataset, x = source.rows(experiment, (seed,)).of(0), source.dataset, None
            if number < _MOST_FITS:
                x = inputs_for_linear(gates, dataset.columns, prepared.train, chosen=chosen)
            baselines = Baselines.fit(dataset, prepared.split.train, x)
            fitted.append((baselines.always, baselines.advice, baselines.figures(parts_of(prepared))))
        self.always = {always for always, _, _ in fitted}
        self.advice = fitted[0][1]
        found = [figures for _, _, figures in fitted] * (1 if drawn else len(seeds))
        quick = [name for name in found[0] if name.rpartition("/")[2] in TRAINING_METRICS[experiment.task]]
        self.finals = {name: np.array([_number(figures.get(name)) for figures in found]) for name in quick}


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _is_behind(arm: Arm, figure: str, level: Values) -> bool:
    """Whether no seed of an arm is better than the baseline; seeds that diverged are left out."""
    pairs = zip(arm.finals[figure].tolist(), level.tolist(), strict=True)
    known = [pair for pair in pairs if np.isfinite(pair).all()]
    return bool(known) and not any(is_better(figure.partition("/")[2], *pair) for pair in known)


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

_ROWS = {"train": "training rows", "val": "validation rows", "test": "test rows"}


@dataclass(frozen=True)
class _ArmsInWords:
    """Sentences on arms that are no better than the baseline; `level` is its figure for each seed, (R,)."""

    fitted: _FittedForSeeds
    arms: Sequence[Arm]
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
        return _ROWS[self.figure.partition("/")[0]]

    def nothing_learned(self) -> str:
        """That no arm has learned anything, and how that shows."""
        who = "every arm" if len(self.arms) > 1 else printable(self.arms[0].label)
        begin = f"No better than {self.always}: nothing learned, for"
        if not self.figure.endswith("accuracy"):
            return f"{begin} {who} has no smaller error on any seed."
        share = f"{100 * float(np.mean(self.level)):.4g} %"
        class_name = self.always.removeprefix("always ")
        if len(self.idle) == len(self.arms) and class_name.startswith("'") and all(map(self._has_level, self.arms)):
            return (
                f"{begin} {who} predicts {class_name} for all {self.rows} (majority share {share}){self.fitted.advice}."
            )
        return f"{begin} {who} has at most {share} of the {self.rows} right{self.fitted.advice}."

    def _has_level(self, arm: Arm) -> bool:
        """Whether each seed has exactly the baseline's figure, or diverged."""
        return bool(np.all((arm.finals[self.figure] == self.level) | arm.diverged))

    def idle_arms(self) -> str:
        """Which arms answer all rows alike."""
        one = len(self.idle) == 1
        named = listed([printable(arm.label) for arm in self.idle])
        same = f"{'gives' if one else 'give'} all {self.rows} the same answer on every seed"
        return f"{named} {same}: nothing learned{self.fitted.advice}."
