"""Baselines: what a network has to beat, fitted on the training rows alone, and whether it does.

    name      for           what it says of any row
    majority  classes       the shares of the classes among the training rows, so that it decides for the largest one
    majority  multilabel    label by label, the share of the rows that have it: it decides for the more common value
    mean      regression    the mean of each target, the constant with the smallest squared error
    median    regression    the median of each target, the constant with the smallest absolute error
    linear    every task    a linear model of the network's own inputs: least squares, or logistic regression

All are scored by `metrics.report`, as the network is, on the same rows. Weights of rows, (N,) and at least 0, count as
in `metrics`: a row of weight 2 as two rows; without them each row counts 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.decisions import Decisions, keeps_decisions
from nnlab.maths.losses.heads import FUSED, bound
from nnlab.maths.metrics import Scored, Task, confusion_counts, predictions, report
from nnlab.maths.one_hot import OneHot
from nnlab.maths.statistics import Interval, paired_difference, share_difference, sign_test

Array = NDArray[Any]
Predictor = Callable[[Any], Array]  # inputs (N, inputs) -> outputs (N, K), as those of a network's head

LINEAR = "linear"
SIMPLE: dict[Task, tuple[str, ...]] = {
    "binary": ("majority",),
    "multiclass": ("majority",),
    "multilabel": ("majority",),
    "regression": ("mean", "median"),
}


def baseline_figures(task: Task, figures: Iterable[str], outputs: int = 1) -> list[str]:
    """What baselines have of figures such as `test/accuracy`: `baseline/majority/test/accuracy` and so on.

    They have no loss, which is the head's own, and nothing of single classes or targets, of batches or of units. Of
    very many outputs there is no linear model.
    """
    scored = [figure for figure in figures if re.fullmatch(r"(train|val|test|data)/(?!loss\Z)\w+", figure)]
    names = SIMPLE[task] if keeps_decisions(task, outputs) else (*SIMPLE[task], LINEAR)
    return [f"baseline/{name}/{figure}" for name in names for figure in scored]


# --- constants --------------------------------------------------------------------------------------------------------


def constant(name: str, y: Array, weights: Array | None = None) -> Array:
    """The outputs (K,) that a simple baseline gives for every row, from training targets y (N, K).

    The shares of `majority` decide, by the rules of `metrics`, for the largest class or the more common value; of
    equal ones for the first, or for no.
    """
    if isinstance(y, OneHot):
        each = np.ones(len(y)) if weights is None else weights
        shares: Array = np.bincount(y.codes, each, y.classes) / each.sum()
        return shares
    values = np.asarray(y, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        if name == "median":
            return np.array([_median(column, weights) for column in values.T])
        row: Array = np.average(values, axis=0, weights=weights)
    return row


def _median(values: Array, weights: Array | None) -> float:
    """The value with half of the weight on either side, or the mean of the two between which that half lies."""
    if weights is None:
        return float(np.median(values))
    order = values.argsort()
    below = np.cumsum(weights[order])
    half = below[-1] / 2
    places = np.searchsorted(below, half, side="left"), np.searchsorted(below, half, side="right")
    return float(np.mean(values[order][np.minimum(places, len(values) - 1)]))


def always(row: Array) -> Predictor:
    """The predictor of these outputs (K,) for any inputs."""
    return lambda x: np.broadcast_to(row, (len(x), len(row)))


# --- the linear model -------------------------------------------------------------------------------------------------

_MOST_ITERATIONS = 300
_FLAT = 1e-5  # the largest derivative of a mean loss at its minimum


@dataclass(frozen=True)
class LinearModel:
    """z = ((x - centre) · scale) W + b, and the head's activation of z, if it has one."""

    centre: Array
    scale: Array
    weights: Array
    bias: Array
    activation: Callable[[Array, Array], None] | None = None

    def __call__(self, x: Any) -> Array:
        """The outputs (N, K) for inputs (N, inputs)."""
        a = self.scores(x)
        if self.activation is not None:
            with np.errstate(all="ignore"):
                self.activation(a, a)
        return a

    def scores(self, x: Any) -> Array:
        """What ranks the outputs: z itself, (N, K)."""
        with np.errstate(all="ignore"):
            z: Array = _standardised(x[:], self.centre, self.scale) @ self.weights + self.bias
        return z


def scores_of(predictor: Predictor, x: Any) -> Array:
    """What ranks the outputs of a baseline for inputs (N, inputs), (N, K): see `nnlab.maths.metrics`."""
    return predictor.scores(x) if isinstance(predictor, LinearModel) else predictor(x)


_OUTPUTS_AT_ONCE = 2**20


def scored_by(predictor: Predictor, x: Any, y: Array) -> Scored:
    """What a baseline gives for inputs (N, inputs) with targets y (N, K); of very many classes, block by block."""
    if not isinstance(y, OneHot):
        return Scored(predictor(x), scores_of(predictor, x))
    step = max(1, _OUTPUTS_AT_ONCE // y.classes)
    blocks = [slice(begin, begin + step) for begin in range(0, len(y), step)]
    decided = [Decisions.of(predictor(x[rows]), scores_of(predictor, x[rows]), y.codes[rows]) for rows in blocks]
    return Scored(Decisions.joined(decided), Decisions.joined(decided))


def fit_linear(
    task: Task, x: Any, y: Array, weights: Array | None = None, class_weights: Array | None = None
) -> LinearModel:
    """The linear model of inputs x (N, inputs) and targets y (N, K): one fit, without anything to choose.

    Each input is brought to mean 0 and deviation 1, so that the penalty means the same whatever the inputs' units are;
    one that does not vary is left out. The penalty is half the sum of the squared weights, on a loss that is summed
    over the rows: the weight of about one row, just enough that inputs which depend on each other, and classes that a
    plane separates, have one solution. It is scikit-learn's default, `Ridge(alpha=1)` and `LogisticRegression(C=1)` on
    standardised inputs, with which the tests compare. `class_weights` are those of a network's loss, (1, 2, K) as
    `nnlab.maths.losses.weights` has them, and multiply the losses as scikit-learn's class_weight does.
    """
    inputs, targets = np.asarray(x[:]), np.asarray(y, np.float64)
    counts = np.ones(len(targets)) if weights is None else weights * (len(weights) / weights.sum())
    with np.errstate(all="ignore"):
        centre, deviation = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
        varies = np.isfinite(deviation) & (deviation > 1e-12 * np.abs(centre))
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies)
        centre = np.where(varies, centre, 0)
        standardised = _standardised(inputs, centre, scale)
        if task == "regression":
            return LinearModel(centre, scale, *_least_squares(standardised, targets, counts))
        pair = ("softmax", "cross_entropy") if task == "multiclass" else ("sigmoid", "binary_cross_entropy")
        head = bound(FUSED[pair], task, pair[1], {}, class_weights)
        return LinearModel(centre, scale, *_logistic(head, standardised, targets, counts), head.outputs)


def _standardised(x: Array, centre: Array, scale: Array) -> Array:
    """(x - centre) · scale in float64, (N, inputs); inputs with a scale of 0 are 0, also where x is not finite."""
    result = np.subtract(x, centre, dtype=np.float64)
    result *= scale
    result[:, scale == 0] = 0
    return result


def _least_squares(x: Array, y: Array, counts: Array) -> tuple[Array, Array]:
    """Weights W (inputs, K) and bias (K,) that make ½ Σ c (xW + b - y)² + ½ ΣW² smallest, c the rows' counts (N,).

    The derivative by b is Σ c (xW + b - y), which is 0 for b = y̅ - x̅ W with the means by these counts. With that, and
    X and Y for √c (x - x̅) and √c (y - y̅), the one by W is Xᵀ(XW - Y) + W: it is 0 for W = (XᵀX + I)⁻¹ XᵀY
    = Xᵀ(XXᵀ + I)⁻¹ Y, of which the smaller system is solved. (Hoerl, Kennard 1970, Technometrics 12.)
    """
    centre, level = (np.average(each, axis=0, weights=counts) for each in (x, y))
    root = np.sqrt(counts)[:, None]
    X, Y = root * (x - centre), root * (y - level)
    rows, inputs = x.shape
    wide = inputs > rows
    system = (X @ X.T if wide else X.T @ X) + np.eye(min(rows, inputs))
    try:
        weights = X.T @ np.linalg.solve(system, Y) if wide else np.linalg.solve(system, X.T @ Y)
    except np.linalg.LinAlgError:  # only of numbers that are not finite
        weights = np.full((inputs, y.shape[1]), np.nan)
    return weights, level - centre @ weights


def _logistic(head: Any, x: Array, y: Array, counts: Array) -> tuple[Array, Array]:
    """Weights (inputs, K) and bias (K,) of logistic regression: L-BFGS on the mean loss from W = 0, b = 0.

        L(W, b) = 1/N Σ c ℓ(xW + b, y) + 1/(2N) ΣW²

    c are the counts (N,) of the rows, and ℓ is the loss of the head: cross-entropy, of softmax for classes and of a
    sigmoid for each label, times the weight w of the class if it has weights. Both have g = dℓ/dz = w (a - y) (see
    `nnlab.maths.losses.classes.residual`). With z = xW + b, dz_k/dW_jk = x_j and dz_k/db_k = 1, so that

        dL/dW = (xᵀ c g + W)/N        dL/db = 1/N Σ c g

    L is convex, and strictly so in W. It ends where no derivative exceeds 1e-5, `_FLAT`, or after 300 iterations.
    (Nocedal 1980, Mathematics of Computation 35; Byrd, Lu, Nocedal, Zhu 1995, SIAM J. Sci. Comput. 16.)
    """
    (rows, inputs), outputs = x.shape, y.shape[1]
    y = y[np.newaxis]  # (1, N, K): heads with class weights take replicas
    a, gradient = np.empty_like(y), np.empty_like(y)

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        weights, bias = theta[:-outputs].reshape(inputs, outputs), theta[-outputs:]
        z = (x @ weights + bias)[np.newaxis]
        head.outputs(z, a)
        head.gradient(z, a, y, gradient)
        g = gradient[0] * counts[:, None]
        loss = counts @ head.losses(z, y)[0] + (weights * weights).sum() / 2
        return float(loss / rows), np.concatenate([(x.T @ g + weights).ravel(), g.sum(axis=0)]) / rows

    start: Any = np.zeros((inputs + 1) * outputs)
    if np.abs(loss_and_gradient(start)[1]).max(initial=0) <= _FLAT:  # as for XOR, in which no line has a slope
        return start[:-outputs].reshape(inputs, outputs), start[-outputs:]
    from scipy.optimize import minimize  # noqa: PLC0415 - it loads for a fifth of a second

    options: Any = {"maxiter": _MOST_ITERATIONS, "gtol": _FLAT, "ftol": 1e-12}
    found: Array = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=options).x
    return found[:-outputs].reshape(inputs, outputs), found[-outputs:]


# --- a network beside a baseline --------------------------------------------------------------------------------------

_SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Margin:
    """How far a network is ahead of a baseline on the same `rows`, negative where it is behind, with its interval.

    Of classes and labels `margin` is the difference between the shares of right rows, and `more` the number of rows
    that the network has right more, None where rows have weights. Of a regression it is the mean over the rows of the
    difference between the squared errors, each target's in units of the baseline's own mean squared error; `more` is
    None. `sign_p` is the p-value of the exact sign test on the rows that are in favour of the one that is ahead; 1
    where `margin` is not a mean of differences, or most rows are in favour of the other one.
    """

    rows: int
    margin: Interval
    more: int | None = None
    sign_p: float = 1.0

    @property
    def within_chance(self) -> bool:
        """Whether neither the 95 % interval of the difference nor the sign test at 5 % tells the two apart.

        The interval does not if it holds 0, or is unknown for a single row. A few rows with large errors widen the t
        interval of a mean of squared errors so that it holds 0 even where one of them is closer on each of 20 rows; the
        sign test (p = 2e-6 for these) does not depend on the sizes of the errors.
        """
        low, high = self.margin.low, self.margin.high
        return (low is None or high is None or low <= 0 <= high) and self.sign_p >= _SIGNIFICANCE


def margin_over(task: Task, outputs: Array, baseline: Array, targets: Array, weights: Array | None = None) -> Margin:
    """Compare the outputs of a network with those of a baseline, all (N, K), row by row.

    Of classes only the rows count that one of them alone has right, by the interval of `share_difference`; of squared
    errors, and of classes whose rows have weights, the differences by that of `paired_difference`, and their signs by
    `sign_test`. Raises ValueError for outputs of a regression that are not finite.
    """
    counts = np.ones(len(targets)) if weights is None else weights * (len(weights) / weights.sum())
    if task == "regression":
        errors = [np.square(np.subtract(a, targets, dtype=np.float64)) for a in (outputs, baseline)]
        unit = np.average(errors[1], axis=0, weights=counts)
        unit = np.where(unit > 0, unit, 1)
        network, other = (counts * (error / unit).mean(axis=1) for error in errors)
        return _mean_margin(other, network)
    right, others = (right_rows(task, a, targets) for a in (outputs, baseline))
    if weights is not None:
        return _mean_margin(counts * right, counts * others)
    only_network, only_baseline = int((right & ~others).sum()), int((others & ~right).sum())
    interval = share_difference(only_network, only_baseline, len(targets))
    return Margin(len(targets), interval, only_network - only_baseline)


def _mean_margin(a: Array, b: Array) -> Margin:
    """The margin of means of rows (N,), a - b in favour of the network; equal rows have no sign."""
    interval, ahead, behind = paired_difference(a, b), int((a > b).sum()), int((a < b).sum())
    agree = (ahead - behind) * interval.estimate > 0
    return Margin(len(a), interval, sign_p=sign_test(ahead, behind) if agree else 1.0)


def right_rows(task: Task, outputs: Array, targets: Array) -> NDArray[np.bool_]:
    """Whether each row is decided as it should be, (N, K) -> (N,); of labels, all of them."""
    right = predictions(task, outputs) == predictions(task, targets)
    result: NDArray[np.bool_] = right.all(axis=-1) if task == "multilabel" else right
    return result


def answers_alike(task: Task, outputs: Array) -> bool:
    """Whether every row is decided alike: one class, or one set of labels, for all of outputs (N, K)."""
    decided = predictions(task, outputs)
    return bool((decided == decided[:1]).all())


def beyond_chance(
    task: Task, outputs: Array, targets: Array, scores: Array | None = None
) -> dict[str, tuple[float, float]]:
    """Figures of classes that show something learned where accuracy shows nothing: each with what chance would give.

    With rare classes, always the largest one has an accuracy that is hard to beat, but a balanced accuracy of 1/K and
    an area under the ROC curve of ½. A figure is named if it exceeds these by more than 1.96 standard errors that it
    has where outputs know nothing of the classes:

        balanced_accuracy    √(Σ q_k (1 - q_k)/n_k)/K      of n_k rows of class k, a share q_k of all is decided as k
        roc_auc              √((n⁺ + n⁻ + 1)/(12 n⁺ n⁻))   (Mann, Whitney 1947, Ann. Math. Statist. 18)

    Empty for other tasks. What is ranked are the `scores`, or without them the outputs.
    """
    if task not in ("binary", "multiclass"):
        return {}
    confused, figures = confusion_counts(outputs, targets), report(task, outputs, targets, scores=scores)
    counts = confused.of_truth()
    there = counts > 0
    counts, decided = counts[there], confused.of_predicted()[there] / max(confused.counts.sum(), 1)
    classes = max(len(counts), 1)
    chance = {
        "balanced_accuracy": (decided.sum() / classes, np.sqrt((decided * (1 - decided) / counts).sum()) / classes)
    }
    if task == "binary" and classes == 2:
        chance["roc_auc"] = (0.5, np.sqrt((counts.sum() + 1) / (12 * counts.prod())))
    return {
        name: (value, float(expected))
        for name, (expected, error) in chance.items()
        if (value := figures[name]) is not None and value > expected + 1.96 * error
    }
