"""What a network's figures are worth: those of baselines on the same rows, and sentences that set them side by side.

In summary.json `baselines` holds `baseline/majority/test/accuracy` and so on, beside the figures of `final`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import SPLITS
from nnlab.data.dataset import Columns, Dataset, Task
from nnlab.data.prepare import Examples, Prepared
from nnlab.data.stored import is_lazy
from nnlab.errors import ConfigError, listed, printable
from nnlab.gates.hold import asks_for
from nnlab.gates.parse import Gate, option
from nnlab.maths.baselines import (
    LINEAR,
    SIMPLE,
    Margin,
    Predictor,
    always,
    answers_alike,
    beyond_chance,
    constant,
    fit_linear,
    margin_over,
    scored_by,
)
from nnlab.maths.metrics import TRAINING_METRICS, Figures, Scored, metric_of, predictions, report, top_k_for
from nnlab.maths.one_hot import OneHot

Array = NDArray[Any]

MOST_ROWS, MOST_NUMBERS = 50_000, 2**26  # of the training part, up to which the linear model is fitted unasked
_NO_BETTER = 1e-3  # a regression whose error is smaller by less than this share of it has learned nothing
_UNEVEN = 0.75  # share of the largest class from which accuracy says little
_ROUNDING = 1e-12  # of an accuracy, and of a mean of some
_JUDGE, _TRAIN = "; judge by balanced_accuracy", ", or train with class_weights: balanced"
_CALLED = {"test": "test part", "val": "validation part", "train": "training part", "data": "data"}
_MOST_NAMED = 3  # classes
PARTS = ("test", "val", "train", "data")  # the first that is there is the one that sentences are about


def inputs_for_linear(gates: Sequence[Gate], columns: Columns, train: Examples, *, chosen: bool | None) -> Any:
    """The scaled inputs of the training part if the linear model is to be fitted on them, else None.

    It is as `chosen`, else if a gate needs it, or for a table that is not too large.
    """
    rows, inputs = train.x.shape
    is_small = rows <= MOST_ROWS and rows * inputs <= MOST_NUMBERS
    unasked = asks_for(gates, LINEAR) or (is_small and columns.image is None and not is_lazy(train.x))
    return train.x if (unasked if chosen is None else chosen) else None


def check_chosen(gates: Sequence[Gate], *, chosen: bool | None) -> None:
    """ConfigError for --no-baselines with a gate that compares with the linear model."""
    needing = [gate for gate in gates if asks_for([gate], LINEAR)]
    if chosen is False and needing:
        raise ConfigError(
            f"--no-baselines: found {option(needing[0].text)}, expected --baselines for a gate on {LINEAR}"
        )


@dataclass(frozen=True)
class Beside:
    """The figures of baselines, by names such as `baseline/majority/test/accuracy`, and sentences on the network's."""

    figures: Figures
    sentences: tuple[str, ...] = ()


NOTHING = Beside({})


def parts_of(prepared: Prepared) -> dict[str, Examples]:
    """The parts that exist, by name: scaled inputs, and targets in their own units, as `Model.report` takes them."""
    found = {name: getattr(prepared, name) for name in SPLITS}
    return {name: replace(part, y=part.truth) for name, part in found.items() if part is not None}


@dataclass(frozen=True)
class Baselines:
    """The baselines of a training part, by name, at work on scaled inputs.

    `weighs_classes` says whether the network's loss has class weights.
    """

    columns: Columns
    task: Task
    predictors: Mapping[str, Predictor]
    weighs_classes: bool = False

    @classmethod
    def fit(
        cls, dataset: Dataset, rows: NDArray[np.int64], x: Any = None, class_weights: Array | None = None
    ) -> Baselines:
        """Fit them on these training rows of a data set, and given their scaled inputs x the linear model too.

        The linear model has the `class_weights` (1, 2, K) of the network's loss, if it has some; constants have none.
        It is not fitted to very many classes: each of some hundred iterations needs a number for each row and class.
        """
        task, y, weights = dataset.task, dataset.y[rows], dataset.rows.weights
        weights = None if weights is None else weights[rows]
        found: dict[str, Predictor] = {name: always(constant(name, y, weights)) for name in SIMPLE[task]}
        with contextlib.suppress(MemoryError):  # a run must not fail by what it is only compared with
            fits = x is not None and not isinstance(y, OneHot)
            found |= {LINEAR: fit_linear(task, x, y, weights, class_weights)} if fits else {}
        return cls(dataset.columns, task, found, class_weights is not None)

    def figures(self, parts: Mapping[str, Examples]) -> Figures:
        """The figures of each baseline on each part; none of single classes or targets."""
        return {
            f"baseline/{name}/{split}/{figure}": value
            for name, predictor in self.predictors.items()
            for split, part in parts.items()
            for figure, value in self._report(predictor, part).items()
        }

    def _report(self, predictor: Predictor, part: Examples) -> Figures:
        top_k, found = top_k_for(self.task, part.y.shape[1]), scored_by(predictor, part.x, part.y)
        figures = report(self.task, found.outputs, part.y, part.weights, top_k=top_k, scores=found.scores)
        return {name: value for name, value in figures.items() if "/" not in name}

    def beside(
        self, parts: Mapping[str, Examples], reports: Mapping[str, Figures], scored_on: Callable[[str], Scored]
    ) -> Beside:
        """The figures on these parts, and sentences on the first of test, validation and training part.

        `reports` are the network's figures, and `scored_on` gives its outputs on a part and their scores.
        """
        figures, split = self.figures(parts), next(name for name in PARTS if name in parts)
        figure = next(iter(TRAINING_METRICS[self.task]))
        found = [
            reports[split].get(figure),
            *(figures[f"baseline/{name}/{split}/{figure}"] for name in self.predictors),
        ]
        if any(value is None for value in found):
            return Beside(figures)
        return Beside(figures, tuple(_InWords(self, scored_on(split), split, parts[split]).all()))

    @property
    def always(self) -> str:
        """The constant that the network has to beat, in words: `always 'no'`."""
        row = self.predictors[SIMPLE[self.task][0]](np.zeros((1, 1)))
        if self.task == "multilabel":
            return "always the more common value of each label"
        if self.task == "regression":
            return "always the training mean"
        return f"always {self.named(row)}"

    def advice(self, split: str, targets: Array) -> str:
        """What to do where one class is so large that accuracy says little of a part; empty elsewhere.

        Class weights are not advised where the loss has some already. Where all `targets` (N, K) of the part are of one
        class, no other figure says more, and none will by class weights.
        """
        row = self.predictors[SIMPLE[self.task][0]](np.zeros((1, 1)))
        largest = max(row.max(), 1 - row[0, 0] if self.task == "binary" else 0)
        if not self.columns.classes or largest < _UNEVEN:
            return ""
        present = np.unique(predictions(self.task, targets))
        if len(present) == 1:
            absent = [f"'{printable(name)}'" for i, name in enumerate(self.columns.classes) if i != present[0]]
            which = listed(absent, "or") if len(absent) <= _MOST_NAMED else "any other class"
            return f"; no row of the {_CALLED[split]} is of {which}, so that no figure there says more"
        return _JUDGE if self.weighs_classes else _JUDGE + _TRAIN

    def named(self, outputs: Array) -> str:
        """The class that is decided for in the first row of outputs, quoted."""
        return f"'{printable(self.columns.classes[int(predictions(self.task, outputs)[0])])}'"


_BY_CHANCE = "lead may be chance"


class _InWords:
    """Sentences on a network's outputs on a part, beside those of the baselines."""

    def __init__(self, baselines: Baselines, scored: Scored, split: str, part: Examples) -> None:
        self.baselines, self.outputs, self.scores, self.split = baselines, scored.outputs, scored.scores, split
        self.task, self.targets, self.weights = baselines.task, part.y, part.weights
        self.figure = next(iter(TRAINING_METRICS[self.task]))
        self.others = {
            name: scored_by(predictor, part.x, part.y).outputs for name, predictor in baselines.predictors.items()
        }
        self.value = self._value(self.outputs)

    def _value(self, outputs: Array) -> float:
        return float(TRAINING_METRICS[self.task][self.figure](outputs, self.targets, self.weights))

    def _margin(self, outputs: Array, others: Array) -> Margin:
        return margin_over(self.task, outputs, others, self.targets, self.weights)

    def all(self) -> Iterator[str]:
        """Beside the simple baseline, what that means, and beside the linear model."""
        simple, always = self.others[SIMPLE[self.task][0]], self.baselines.always
        value, margin = self._value(simple), self._margin(self.outputs, simple)
        name = self.figure.replace("_", " ").capitalize() if self.figure != "rmse" else "RMSE"
        where = {"test": "", "val": " on the validation part", "train": " on the training part"}[self.split]
        learned = is_better(self.figure, self.value, value)
        beside = f"{always} scores {self._shown(value)} ({self._distance(value, margin)})"
        begin = f"{name} {self._shown(self.value)}{where}; {beside}"
        yield f"{begin}: this {_BY_CHANCE}." if learned and margin.within_chance else f"{begin}."
        if not learned:
            yield from self._no_better(always)
        if LINEAR in self.others:
            yield from self._linear(self.others[LINEAR])

    def _distance(self, value: float, margin: Margin) -> str:
        """By how much the network is ahead: `+5 points, 12 more of 240 right`, or `65 % less`."""
        if margin.more is not None:
            count = f"{abs(margin.more):,} {'more' if margin.more > 0 else 'fewer'} of {margin.rows:,} right"
            return f"{self._points(value)}, {count}" if margin.more else f"the same of {margin.rows:,} rows right"
        if self.task != "regression":
            return f"{self._points(value)} by weight"
        if value == self.value or not value:
            return "the same" if value == self.value else "no error at all"
        return f"{100 * abs(1 - self.value / value):.3g} % {'less' if self.value < value else 'more'}"

    def _shown(self, value: float) -> str:
        """A figure in words: a share in percent, an error in its units."""
        return f"{value:.4g}" if self.task == "regression" else f"{100 * value:.4g} %"

    def _points(self, value: float) -> str:
        """How far the network's share is from another."""
        return f"{100 * (self.value - value):+.4g} points"

    def _no_better(self, always: str) -> Iterator[str]:
        """That nothing was learned, unless figures that heed rare classes say otherwise, and what may help."""
        found = beyond_chance(self.task, self.outputs, self.targets, self.scores)
        advice = self.baselines.advice(self.split, self.targets)
        if found:
            others = listed([f"{name} is {value:.3g} against {chance:.3g}" for name, (value, chance) in found.items()])
            yield f"No better than {always} by accuracy, but {others}."
        else:
            yield f"No better than {always}: nothing learned."
        if self.baselines.columns.classes and answers_alike(self.task, self.outputs):
            yield f"It predicts {self.baselines.named(self.outputs)} for all {len(self.targets):,} rows{advice}."
        elif advice:
            yield f"{advice.removeprefix('; ').capitalize()}."

    def _linear(self, outputs: Array) -> Iterator[str]:
        """That a linear model is as good or better; nothing where the network is ahead for certain."""
        value, margin = self._value(outputs), self._margin(outputs, self.outputs)
        if value == self.value:
            yield f"A linear model is as good: {self._shown(value)}."
        elif metric_of(self.figure).larger_is_better == (value > self.value):
            by_chance = f": its {_BY_CHANCE}" if margin.within_chance else ""
            yield f"A linear model is better: {self._shown(value)}{by_chance}."
        elif margin.within_chance:
            yield f"A linear model scores {self._shown(value)}: the network's {_BY_CHANCE}."


def is_better(figure: str, value: float, baseline: float) -> bool:
    """Whether a network's figure is better than a baseline's; an error counts as smaller from 0.1 % less on."""
    larger = metric_of(figure).larger_is_better
    return value - baseline > _ROUNDING if larger else value < baseline * (1 - _NO_BETTER)
