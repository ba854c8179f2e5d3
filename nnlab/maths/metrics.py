"""Metrics: how good a network's outputs are, from the quick ones during training to a full report.

`outputs` are the head's activations and `targets` their true values, N rows of K columns each:

    task         outputs                               targets       a decision is
    binary       (N, 1) probability of class 1         0 or 1        class 1 where the output is above 0.5
    multiclass   (N, K) one number per class, K >= 2   one-hot       the class of the largest output, first of equals
    multilabel   (N, K) one probability per label      0 or 1        label by label, yes where the output is above 0.5
    regression   (N, K) values                         values        the value itself

The figures that rank rows or classes, `roc_auc`, `average_precision` and `top_k_accuracy`, are made from `scores`
(N, K): they rank as the outputs do in exact arithmetic, without the ties of rounding. A sigmoid is exactly 1 from
z = 17 on in float32; its scores are the logits z. Without scores the outputs themselves are ranked. `average_precision`
is for binary tasks alone: over labels or classes it has several means (micro, macro, weighted, by sample).

An output that is nan decides nothing and never counts as right. Every figure takes `weights` of the rows, (N,) above or
equal to 0 and not all 0: a row of weight 2 counts as two rows, one of weight 0 as none, and only the ratios of weights
matter. Without weights, or with equal ones, rows are counted. Definitions, and the conventions for undefined cases
(0/0 is 0, a constant target's r2 is 1 or 0), are scikit-learn's; the tests compare the figures with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import suggestion
from nnlab.maths.decisions import ConfusionCounts, classes_ahead, winners

Task = Literal["binary", "multiclass", "multilabel", "regression"]
Array = NDArray[Any]
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Scored:
    """Outputs of a head (..., N, K), and the scores of the same shape that rank them (see above).

    Of very many classes both are `nnlab.maths.decisions.Decisions`, which have all that the figures read of outputs.
    """

    outputs: Any
    scores: Any


QuickFigure = Callable[..., NDArray[np.float64]]  # of outputs, targets and weights, of which there may be none


@dataclass(frozen=True)
class Metric:
    """What a metric means, the tasks it is for, whether larger is better, and its smallest and largest value."""

    tasks: tuple[Task, ...]
    better: Literal["larger", "smaller"]
    formula: str
    description: str
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def larger_is_better(self) -> bool:
        """Whether the larger of two values is the better one."""
        return self.better == "larger"


_ALL: tuple[Task, ...] = ("binary", "multiclass", "multilabel", "regression")
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_DECIDED: tuple[Task, ...] = ("binary", "multiclass", "multilabel")
_LABELS: tuple[Task, ...] = ("multilabel",)
_BINARY: tuple[Task, ...] = ("binary",)
_MULTICLASS: tuple[Task, ...] = ("multiclass",)
_VALUES: tuple[Task, ...] = ("regression",)
_POSITIVE = (0.0, math.inf)
_OF_THE_LOSS = (-math.inf, math.inf)  # it depends on the loss: see `least` in the table of losses

# TP, FP and FN are the true positives, false positives and false negatives of one class or label.
METRICS: dict[str, Metric] = {
    "loss": Metric(_ALL, "smaller", "mean loss of a row", "what the training makes smaller", _OF_THE_LOSS),
    "accuracy": Metric(_CLASSES, "larger", "right / N", "share of the rows given their class"),
    "balanced_accuracy": Metric(_CLASSES, "larger", "mean of recall", "mean recall of the classes among the targets"),
    "subset_accuracy": Metric(_LABELS, "larger", "right rows / N", "share of the rows with every label right"),
    "hamming_loss": Metric(_LABELS, "smaller", "wrong / (N K)", "share of the single labels that are wrong"),
    "micro_precision": Metric(_LABELS, "larger", "ΣTP / Σ(TP + FP)", "precision over all labels taken together"),
    "micro_recall": Metric(_LABELS, "larger", "ΣTP / Σ(TP + FN)", "recall over all labels taken together"),
    "micro_f1": Metric(_LABELS, "larger", "2 ΣTP / Σ(2 TP + FP + FN)", "F1 over all labels taken together"),
    "macro_precision": Metric(_DECIDED, "larger", "mean of precision", "mean precision of the classes or labels"),
    "macro_recall": Metric(_DECIDED, "larger", "mean of recall", "mean recall of the classes or labels"),
    "macro_f1": Metric(_DECIDED, "larger", "mean of f1", "mean F1 of the classes or labels"),
    "precision": Metric(_DECIDED, "larger", "TP / (TP + FP)", "share of the rows given a class that have it"),
    "recall": Metric(_DECIDED, "larger", "TP / (TP + FN)", "share of the rows of a class that are given it"),
    "f1": Metric(_DECIDED, "larger", "2 TP / (2 TP + FP + FN)", "harmonic mean of precision and recall"),
    "roc_auc": Metric(_BINARY, "larger", "P(a⁺ > a⁻) + P(a⁺ = a⁻)/2", "chance that a row of class 1 outranks one of 0"),
    "average_precision": Metric(
        _BINARY, "larger", "Σ (R_n - R_n-1) P_n", "precision at each larger recall, weighted with what recall gains"
    ),
    "top_k_accuracy": Metric(_MULTICLASS, "larger", "in top k / N", "share of rows with their class among the k best"),
    "mae": Metric(_VALUES, "smaller", "mean |a - y|", "mean absolute error", _POSITIVE),
    "mse": Metric(_VALUES, "smaller", "mean (a - y)²", "mean squared error, in the targets' units squared", _POSITIVE),
    "rmse": Metric(_VALUES, "smaller", "√mean (a - y)²", "root mean squared error", _POSITIVE),
    "r2": Metric(
        _VALUES,
        "larger",
        "1 - Σ(a - y)² / Σ(y - mean y)²",
        "share of the targets' variance explained",
        (-math.inf, 1.0),
    ),
}


def metric_of(name: str) -> Metric:
    """The entry of METRICS for a reported name: `f1` for `f1/cat`, `top_k_accuracy` for `top_3_accuracy`.

    Raises ValueError for a name that no entry covers.
    """
    family = re.sub(r"^top_[1-9][0-9]*_accuracy$", "top_k_accuracy", name.partition("/")[0])
    if family not in METRICS:
        raise ValueError(f"no metric is called '{name}'{suggestion(family, METRICS)}")
    return METRICS[family]


SCALED = " (of scaled targets)"


def shown_name(figure: str, *, scaled_targets: bool) -> str:
    """The name under which a figure such as `loss` or `val/loss` is shown.

    A loss of scaled targets is named as such: other figures of a regression are in the targets' own units.
    """
    return figure + SCALED if scaled_targets and figure.rpartition("/")[2] == "loss" else figure


def shown_gate(gate: str, *, scaled_targets: bool) -> str:
    """A gate such as `val/loss <= 0.3` as it is shown, for its losses in the way of `shown_name`."""
    return gate + SCALED if scaled_targets and re.search(r"/loss(?![\w/])", gate) else gate


def figure_words(figure: str, *, scaled_targets: bool = False) -> str:
    """A figure in the words of a sentence: `test accuracy` for `test/accuracy`."""
    return shown_name(figure, scaled_targets=scaled_targets).replace("/", " ").replace("_", " ")


# --- Decisions --------------------------------------------------------------------------------------------------------


def predictions(task: Task, outputs: Array) -> Array:
    """The decisions for outputs, row by row; for targets, the true values in the same form.

    Shapes: (..., N) class indices for binary and multiclass tasks, (..., N, K) of 0 and 1 for multilabel ones, and the
    outputs themselves for a regression. A decision is -1 where the output is nan.
    """
    if task == "regression":
        return outputs
    if task == "multiclass":
        return winners(outputs)
    decided = np.where(np.isnan(outputs), -1, outputs > 0.5)
    return decided if task == "multilabel" else decided[..., 0]


def confusion_counts(outputs: Array, targets: Array, weights: Array | None = None) -> ConfusionCounts:
    """How often each class was predicted as each, for outputs (N, K), or (N, 1) of a binary task, whose K is 2.

    Rows whose output is nan are not counted. With weights the counts are sums of weights, float64.
    """
    task: Task = "binary" if outputs.shape[-1] == 1 else "multiclass"
    return ConfusionCounts.of(
        predictions(task, outputs), predictions(task, targets), max(2, outputs.shape[-1]), weights
    )


def confusion_matrix(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[Any]:
    """The same as a matrix (K, K), whose rows are true classes and columns predicted ones."""
    return confusion_counts(outputs, targets, weights).matrix()


def _right(outputs: Array, targets: Array) -> NDArray[np.bool_]:
    """Whether each yes-or-no decision is right, elementwise; never for nan."""
    return np.where(targets > 0.5, outputs > 0.5, outputs <= 0.5)


def _share(right: Array, weights: Array | None) -> NDArray[np.float64]:
    """The share of True along the last axis; counts are exact, so the bits are the same in a batch as alone."""
    share: NDArray[np.float64]
    if weights is None:
        share = right.sum(axis=-1, dtype=np.intp) / np.float64(right.shape[-1])
    else:
        share = np.multiply(right, weights, dtype=np.float64, order="C").sum(axis=-1) / _total(weights)
    return share


def _mean(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean along the last axis; inf on overflow."""
    with np.errstate(over="ignore"):
        mean: NDArray[np.float64] = figures.mean(axis=-1)
    return mean


def _total(weights: Array) -> NDArray[np.float64]:
    """The sum of weights, (..., N) -> (...)."""
    total: NDArray[np.float64] = weights.sum(axis=-1, dtype=np.float64)
    return total


def _mean_over_rows(values: NDArray[np.float64], weights: Array | None) -> NDArray[np.float64]:
    """The mean over the rows, (..., N, K) -> (..., K); overwrites `values` given weights. inf on overflow."""
    rows = np.float64(values.shape[-2]) if weights is None else _total(weights)[..., np.newaxis]
    with np.errstate(over="ignore"):
        mean: NDArray[np.float64] = _sum_over_rows(values, weights) / rows
    return mean


def _sum_over_rows(values: NDArray[np.float64], weights: Array | None) -> NDArray[np.float64]:
    """The sum over the rows, (..., N, K) -> (..., K); overwrites `values` given weights. inf on overflow."""
    with np.errstate(over="ignore", invalid="ignore"):  # 0 inf is nan
        weighted = values if weights is None else np.multiply(values, weights[..., np.newaxis], out=values)
        total: NDArray[np.float64] = weighted.sum(axis=-2)
    return total


# --- Quick figures, for every replica at once -------------------------------------------------------------------------


def binary_accuracy(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """Share of the rows on the right side of 0.5, (..., N, 1) -> (...)."""
    return _share(_right(outputs, targets)[..., 0], weights)


def multiclass_accuracy(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """Share of the rows whose largest output is at the true class, (..., N, K) -> (...)."""
    return _share(winners(outputs) == targets.argmax(axis=-1), weights)


def subset_accuracy(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """Share of the rows with every label right, (..., N, K) -> (...)."""
    return _share(np.all(_right(outputs, targets), axis=-1), weights)


def hamming_loss(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """Share of the single labels that are wrong, (..., N, K) -> (...)."""
    wrong = ~_right(outputs, targets)
    each = None if weights is None else np.repeat(weights, wrong.shape[-1], axis=-1)
    return _share(wrong.reshape(*wrong.shape[:-2], -1), each)


def rmse(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """Root mean squared error √mean (a - y)² of each target, then their mean, (..., N, K) -> (...); nan from nan."""
    return _mean(_target_rmse(outputs, targets, weights))


def r2(outputs: Array, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
    """Coefficient of determination 1 - Σ(a - y)² / Σ(y - mean y)² of each target, then their mean.

    Shapes: (..., N, K) -> (...). For a constant target it is 1 if every output equals it, else 0. It is nan if any
    value is nan, or for fewer than two rows. With weights w both sums are of w times the square, and the mean is
    Σ w y / Σ w.
    """
    return _mean(_target_r2(outputs, targets, weights))


TRAINING_METRICS: dict[Task, dict[str, QuickFigure]] = {
    "binary": {"accuracy": binary_accuracy},
    "multiclass": {"accuracy": multiclass_accuracy},
    "multilabel": {"subset_accuracy": subset_accuracy, "hamming_loss": hamming_loss},
    "regression": {"rmse": rmse, "r2": r2},
}


def _difference(outputs: Array, targets: Array) -> NDArray[np.float64]:
    """The error a - y as a new array, in float64 and C order: its sums have the same bits in a batch as alone."""
    return np.subtract(outputs, targets, dtype=np.float64, order="C")


def _squares(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """The squares, in place; inf on overflow."""
    with np.errstate(over="ignore"):
        return np.square(difference, out=difference)


def _target_mae(outputs: Array, targets: Array, weights: Array | None) -> NDArray[np.float64]:
    """Mean absolute error of each target, (..., N, K) -> (..., K)."""
    difference = _difference(outputs, targets)
    return _mean_over_rows(np.abs(difference, out=difference), weights)


def _target_mse(outputs: Array, targets: Array, weights: Array | None) -> NDArray[np.float64]:
    """Mean squared error of each target, (..., N, K) -> (..., K)."""
    return _mean_over_rows(_squares(_difference(outputs, targets)), weights)


def _target_rmse(outputs: Array, targets: Array, weights: Array | None) -> NDArray[np.float64]:
    """Root mean squared error of each target, (..., N, K) -> (..., K)."""
    return np.sqrt(_target_mse(outputs, targets, weights))


def _target_r2(outputs: Array, targets: Array, weights: Array | None) -> NDArray[np.float64]:
    """Coefficient of determination of each target, (..., N, K) -> (..., K)."""
    residual = _sum_over_rows(_squares(_difference(outputs, targets)), weights)
    if outputs.shape[-2] < 2:
        return np.full_like(residual, np.nan)
    total = _sum_over_rows(_squares(_centred(targets, weights)), weights)
    # For a constant target: 0/0 becomes 0/1, so r2 = 1, and x/0 becomes x/x, so r2 = 0.
    total = np.where(total > 0, total, np.where(residual > 0, residual, 1.0))
    with np.errstate(invalid="ignore", over="ignore"):
        explained: NDArray[np.float64] = 1.0 - residual / total
    return explained


def _centred(targets: Array, weights: Array | None) -> NDArray[np.float64]:
    """The targets minus their mean over the rows, (..., N, K); exactly 0 for constant targets."""
    # Subtracting the first row that counts makes a constant target exactly 0, and so its mean: no rounding remains.
    if weights is None:
        shifted = _difference(targets, targets[..., :1, :])
        shifted -= shifted.mean(axis=-2, keepdims=True)
        return shifted
    first = (weights > 0).argmax(axis=-1)[..., np.newaxis, np.newaxis]
    shifted = _difference(targets, np.take_along_axis(targets, first, axis=-2))
    shifted -= _mean_over_rows(shifted.copy(), weights)[..., np.newaxis, :]
    return shifted


# --- The whole report of one network ----------------------------------------------------------------------------------


def top_k_for(task: Task, outputs: int) -> tuple[int, ...]:
    """The k of the `top_k_accuracy` that is measured: 3 and 5, where there are more than five classes."""
    return (3, 5) if task == "multiclass" and outputs > 5 else ()


def report(
    task: Task,
    outputs: Array,
    targets: Array,
    weights: Array | None = None,
    *,
    classes: Sequence[str] = (),
    target_names: Sequence[str] = (),
    top_k: Sequence[int] = (),
    scores: Array | None = None,
) -> Figures:
    """Every metric of one network on one set, by name, in display order.

    Shapes: outputs, targets and scores (N, K), N >= 1, and weights (N,); without scores the outputs are ranked.
    `classes` names the classes of a binary or multiclass task and `target_names` the labels of a multilabel task or the
    targets of a regression, as in `precision/cat` or `mae/price`; without them they are 0, 1, …. `top_k` asks for
    `top_3_accuracy` and so on, measured for more than two classes.

    Every value is a finite number, or None where it is undefined: a `roc_auc` of one class only, an
    `average_precision` without a row of class 1, the f1 of a class that neither occurs nor is predicted, an error from
    outputs that are not finite.

    Raises ValueError for shapes that do not fit the task, for names that do not fit the shapes, for a k below 1.
    """
    scores = outputs if scores is None else scores
    _check_shapes(task, outputs, targets, weights, scores)
    if task == "multilabel":
        figures = _multilabel_report(outputs, targets, weights, _names(target_names, outputs.shape[1]))
    elif task == "regression":
        figures = _regression_report(outputs, targets, weights, _names(target_names, outputs.shape[1]))
    else:
        figures = _class_report(task, outputs, targets, weights, _names(classes, max(2, outputs.shape[1])))
        figures |= _ranking_report(task, scores, targets, weights, top_k)
    return {name: float(figure) if np.isfinite(figure) else None for name, figure in figures.items()}


@dataclass(frozen=True)
class ReportedFigure:
    """A figure of `report` for many replicas, one after the other: those that have no quick form are sorted or counted.

    `name` is one of those that `report` gives with these `classes` and `target_names`.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()

    def __call__(self, scored: Scored, targets: Array, weights: Array | None = None) -> NDArray[np.float64]:
        """The figure of each replica, (R,), nan where it is undefined.

        Shapes: outputs and scores (R, N, K), targets (R or 1, N, K), weights (R or 1, N).
        """
        rows = zip(scored.outputs, scored.scores, strict=True)
        of_rows = [(_of(targets, r), None if weights is None else _of(weights, r)) for r in range(len(scored.outputs))]
        return np.array([self._of_one(*one, *own) for one, own in zip(rows, of_rows, strict=True)])

    def _of_one(self, outputs: Array, scores: Array, targets: Array, weights: Array | None) -> float:
        top_k = top_k_for(self.task, outputs.shape[1])
        if self.name in _RANKING_OF_ROWS:  # half the time of a report
            return _ranking_report(self.task, scores, targets, weights, top_k)[self.name]
        names = {"classes": self.classes, "target_names": self.target_names}
        value = report(self.task, outputs, targets, weights, top_k=top_k, scores=scores, **names)[self.name]
        return math.nan if value is None else value


def _of(values: Array, replica: int) -> Array:
    """The values of one replica, from its own or from those that all replicas share."""
    own: Array = values[replica if len(values) > 1 else 0]
    return own


def _check_shapes(task: Task, outputs: Array, targets: Array, weights: Array | None, scores: Array) -> None:
    """ValueError unless all are (N, K) with N >= 1 and weights (N,), and with a K that is possible for the task."""
    if outputs.ndim != 2 or outputs.shape != targets.shape or 0 in outputs.shape:
        raise ValueError(f"outputs {outputs.shape} and targets {targets.shape} must be (N, K) alike, with N, K >= 1")
    if scores.shape != outputs.shape:
        raise ValueError(f"scores {scores.shape} must be of the shape of the outputs, {outputs.shape}")
    if weights is not None and weights.shape != outputs.shape[:1]:
        raise ValueError(f"weights {weights.shape} must be ({len(outputs)},), one for each row")
    columns = outputs.shape[1]
    if (task == "binary" and columns != 1) or (task == "multiclass" and columns < 2):
        raise ValueError(f"a {task} task cannot have {columns} column(s) of outputs")


def _names(names: Sequence[str], count: int) -> Sequence[str]:
    """The given names, by default 0, 1, …."""
    names = names or [str(index) for index in range(count)]
    if len(names) != count or len(set(names)) != count:
        raise ValueError(f"expected {count} different names, got {list(names)}")
    return names


def _class_report(
    task: Task,
    outputs: Array,
    targets: Array,
    weights: Array | None,
    names: Sequence[str],
) -> dict[str, float]:
    counts = confusion_counts(outputs, targets, weights)
    # True classes are counted separately, since rows without a prediction are not among the counts.
    actual = np.bincount(predictions(task, targets), weights, len(names))
    rates = _rates(counts.right(), counts.of_predicted(), actual)
    # A class that neither occurs nor is predicted has no figures and is left out of means.
    seen = (counts.of_predicted() + actual) > 0
    return {
        "accuracy": float(TRAINING_METRICS[task]["accuracy"](outputs, targets, weights)),
        "balanced_accuracy": rates["recall"][actual > 0].mean(),
        **{f"macro_{kind}": rate[seen].mean() for kind, rate in rates.items()},
        **_each({kind: np.where(seen, rate, np.nan) for kind, rate in rates.items()}, names),
    }


def _ranking_report(
    task: Task, scores: Array, targets: Array, weights: Array | None, top_k: Sequence[int]
) -> dict[str, float]:
    """The figures that depend on an order alone: of the rows of a binary task, of the classes of each row."""
    if task == "binary":
        return _ranking_of_rows(scores[:, 0], targets[:, 0] > 0.5, weights)
    return {f"top_{k}_accuracy": _top_k_accuracy(scores, targets, weights, k) for k in top_k if scores.shape[1] > 2}


def _multilabel_report(outputs: Array, targets: Array, weights: Array | None, names: Sequence[str]) -> dict[str, float]:
    predicted, actual = outputs > 0.5, targets > 0.5
    each = None if weights is None else weights[:, np.newaxis]
    counts = [_counted(array, each) for array in (predicted & actual, predicted, actual)]
    rates = _rates(*counts)
    return {
        "subset_accuracy": float(subset_accuracy(outputs, targets, weights)),
        "hamming_loss": float(hamming_loss(outputs, targets, weights)),
        **{f"micro_{kind}": float(rate) for kind, rate in _rates(*(count.sum() for count in counts)).items()},
        **{f"macro_{kind}": rate.mean() for kind, rate in rates.items()},
        **_each(rates, names),
    }


def _regression_report(outputs: Array, targets: Array, weights: Array | None, names: Sequence[str]) -> dict[str, float]:
    errors = {
        "mae": _target_mae(outputs, targets, weights),
        "mse": _target_mse(outputs, targets, weights),
        "rmse": _target_rmse(outputs, targets, weights),
        "r2": _target_r2(outputs, targets, weights),
    }
    means = {kind: error.mean() for kind, error in errors.items()}
    return means | _each(errors, names) if len(names) > 1 else means


def _counted(there: NDArray[np.bool_], weights: Array | None) -> Array:
    """How many rows there are for each label, or their weights, (N, K) -> (K,); weights are (N, 1)."""
    counted: Array = (there if weights is None else there * weights).sum(axis=0)
    return counted


def _each(figures: Mapping[str, NDArray[np.float64]], names: Sequence[str]) -> dict[str, float]:
    """One figure per name, as `precision/cat`, `precision/dog`, `recall/cat`, …."""
    return {
        f"{kind}/{name}": value for kind, values in figures.items() for name, value in zip(names, values, strict=True)
    }


def _rates(right: Array, predicted: Array, actual: Array) -> dict[str, NDArray[np.float64]]:
    """Precision, recall and F1 from counts, or sums of weights: TP, TP + FP and TP + FN."""
    return {
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, actual),
        "f1": _ratio(2 * right, predicted + actual),
    }


def _ratio(part: Array, whole: Array) -> NDArray[np.float64]:
    """Part / whole, where 0/0 is 0; `part` is never larger than `whole`."""
    return np.divide(part, np.where(whole > 0, whole, 1))


_RANKING_OF_ROWS = ("roc_auc", "average_precision")


def _ranking_of_rows(scores: Array, positive: NDArray[np.bool_], weights: Array | None) -> dict[str, float]:
    """The area under the ROC curve and the average precision of scores (N,); a row counts with its weight.

    Rows of one score are one level: no threshold tells them apart. nan with a score that is nan.
    """
    each = np.ones(len(scores)) if weights is None else weights
    _, level = np.unique(scores, return_inverse=True)
    levels = np.bincount(level, positive * each), np.bincount(level, ~positive * each)
    known = not np.isnan(scores).any()
    return {
        "roc_auc": _roc_auc(*levels) if known else math.nan,
        "average_precision": _average_precision(*levels) if known else math.nan,
    }


def _roc_auc(positive: Array, negative: Array) -> float:
    """The area under the ROC curve: the chance that a positive row scores above a negative one, a tie counting half.

    From the positive and the negative rows at each distinct score s, in ascending order: the (positive, negative) pairs
    n⁺(s) (n⁻(below s) + n⁻(s)/2), summed, over n⁺ n⁻ (Mann and Whitney 1947). A pair counts with the product of its
    weights. nan with one class only.
    """
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return math.nan
    won = positive @ (np.cumsum(negative) - negative / 2)
    return min(1.0, float(won / pairs))  # sums of weights are rounded


def _average_precision(positive: Array, negative: Array) -> float:
    """The average precision Σ (R_n - R_n-1) P_n over the distinct scores as thresholds, the highest first.

    From the positive and the negative rows at each, in ascending order. P_n is the precision among the rows that score
    at least the n-th threshold, and R_n the recall. Nothing is interpolated, so that rows with equal scores enter
    together (scikit-learn's `average_precision_score`). nan without a positive row.
    """
    found, taken = np.cumsum(positive[::-1]), np.cumsum((positive + negative)[::-1])
    if not len(found) or found[-1] == 0:
        return math.nan
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    return min(1.0, float(positive[::-1] @ precision / found[-1]))  # sums of weights are rounded


def _top_k_accuracy(scores: Array, targets: Array, weights: Array | None, k: int) -> float:
    """Share of the rows whose true class is among the k largest scores; of equal scores the last ranks first.

    The order of ties is scikit-learn's, and not that of `accuracy`, which takes the first of equals: with ties the two
    may differ at k = 1. A row with a nan does not count as right.
    """
    if k < 1:
        raise ValueError(f"top_k must be at least 1, got {k}")
    return float(_share(classes_ahead(scores, targets.argmax(axis=1)) < k, weights))
