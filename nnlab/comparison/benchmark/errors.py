"""The figures of arms as errors, of which smaller ones are better, and the error of chance.

Chance is the simple baseline of `nnlab.maths.baselines`, fitted on the training rows of each seed: always the largest
class, or the mean of the targets. A seed that diverged has no figure, and counts as chance; so does one with a larger
error, as no training is worse than one that diverged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.tasks import RowSource
from nnlab.config.experiment import nameable, unmeasured
from nnlab.config.schema import Experiment
from nnlab.config.suite import ERROR
from nnlab.errors import ConfigError, printable, suggestion
from nnlab.experiments.baselines import Baselines, parts_of
from nnlab.maths.baselines import SIMPLE
from nnlab.maths.metrics import TRAINING_METRICS, metric_of

Values = NDArray[np.float64]

_PARTS = ("test", "val", "train")  # the first that a set has is the one that arms are compared on
_LEAST_SHARE = 1e-6  # of chance: a smaller error of a regression is one of rounding


@dataclass(frozen=True)
class Measure:
    """What the arms are compared by on a set: the figure `name` of a part, by default the first of test, val, train."""

    name: str
    part: str | None = None

    @property
    def larger_is_better(self) -> bool:
        """Whether larger values of the figure are better; its error is then 1 minus it."""
        return metric_of(self.name).larger_is_better

    @property
    def words(self) -> str:
        """How the error is made of the figure."""
        return f"1 - {self.name}" if self.larger_is_better else self.name

    def figure(self, figures: Sequence[str]) -> str:
        """The figure, such as `test/accuracy`, among the final ones. ConfigError if they do not have its part."""
        parts = _PARTS if self.part is None else (self.part,)
        found = next((figure for part in parts if (figure := f"{part}/{self.name}") in figures), None)
        if found is None:
            raise ConfigError(f"metric: {self.part}/{self.name} is never measured: there is no such part of the data")
        return found

    def tuning_figure(self, figures: Sequence[str]) -> str:
        """The figure that chooses settings: that of the validation part, or of the training part without one."""
        return Measure(self.name).figure([name for name in figures if not name.startswith("test/")])

    def errors(self, values: Values) -> Values:
        """The errors of values of the figure."""
        return 1 - values if self.larger_is_better else values


def measure_of(metric: str, experiment: Experiment) -> Measure:
    """The measure that a suite's metric is for an experiment; ConfigError if its task has none."""
    task = experiment.task
    if metric == ERROR:
        return Measure(next(iter(TRAINING_METRICS[task])))
    part, slash, name = metric.rpartition("/")
    fault = unmeasured(task, name)
    known = [one for one in nameable(task) if one != "loss"]
    if slash and part not in _PARTS:
        fault = f"found the part '{printable(part)}', expected {', '.join(_PARTS)}"
    elif name == "loss":
        fault = "found loss, of which chance has none; expected a figure of merit"
    if fault is not None:
        hint = suggestion(name, known) or f"; expected {ERROR}, or one of {', '.join(known)}"
        raise ConfigError(f"metric: {fault or f'a {task} task has no figure {printable(name)!r}{hint}'}")
    return Measure(name, part or None)


@dataclass(frozen=True)
class ErrorScale:
    """The errors between which those of a set lie: `chance`, and the `floor`, the smallest that the rows can show.

    `rows` are those on which errors are measured. Of classes the floor is half a row; of a regression a millionth of
    chance.
    """

    chance: float
    floor: float
    rows: int

    def counted(self, errors: Values) -> Values:
        """The errors, with chance in place of larger ones and of those of seeds that diverged."""
        return np.where(np.isfinite(errors), np.minimum(errors, self.chance), self.chance)


def scale_of(
    source: RowSource, experiment: Experiment, seeds: Sequence[int], measure: Measure, figure: str
) -> ErrorScale:
    """The scale of the errors of an experiment by a figure such as `test/accuracy`: chance is the mean over the seeds.

    Where no rows are drawn, all seeds share them.
    """
    part, found, rows = figure.partition("/")[0], list[float](), list[int]()
    for seed in seeds if experiment.data.draws_a_part else seeds[:1]:
        prepared = source.rows(experiment, (seed,)).of(0)
        examples = parts_of(prepared)[part]
        figures = Baselines.fit(source.dataset, prepared.split.train).figures({part: examples})
        value = figures.get(f"baseline/{SIMPLE[experiment.task][0]}/{figure}")
        found.append(np.nan if value is None else value)
        rows.append(len(examples.y))
    errors = measure.errors(np.array(found))
    if not np.isfinite(errors).any():
        raise ConfigError(f"metric: {figure} of chance has no value, expected another metric")
    chance = float(np.mean(errors[np.isfinite(errors)]))
    is_share = metric_of(measure.name).bounds == (0.0, 1.0)
    return ErrorScale(chance, 1 / (2 * min(rows)) if is_share else chance * _LEAST_SHARE, min(rows))
