"""Losses, and heads: a last activation together with a loss, computed on logits.

A loss of a sample sums over classes or labels (cross-entropies) or averages over targets (squared error); the loss of
a batch is the mean over its samples. Arrays have shape (R, m, K): replicas, samples, outputs.

A head is where exactness is won. Cross-entropy of a sigmoid or softmax that has rounded to 0 is infinite, while the
same loss written on the logits z is finite and exact; and its gradient with respect to z is simply a - y. `FUSED` is
the table of such pairs; any other activation and loss are composed by the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlog1py, xlogy

from nnlab.maths.functions.rows import log_sum_of_rest, softmax
from nnlab.maths.functions.sigmoids import sigmoid
from nnlab.maths.parameters import Parameter, by_name

Array = NDArray[Any]


@dataclass(frozen=True)
class Loss:
    """A loss of activations a and targets y, both (..., m, K).

    `value(a, y)` gives the loss of each sample, (..., m); `slope(a, y, out)` writes its derivative by a into `out`.
    """

    name: str
    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array, Array], None]
    formula: str
    tasks: tuple[str, ...]
    source: str
    parameters: tuple[Parameter, ...] = ()


def mse(a: Array, y: Array) -> Array:
    """Mean squared error: mean over targets of (a - y)²."""
    difference: Array = a - y
    mean: Array = (difference * difference).mean(axis=-1)
    return mean


def mse_slope(a: Array, y: Array, out: Array) -> None:
    """2 (a - y) / K."""
    np.subtract(a, y, out=out)
    np.multiply(out, 2 / a.shape[-1], out=out)


def binary_cross_entropy(a: Array, y: Array) -> Array:
    """Sum over outputs of -(y log a + (1 - y) log(1 - a)); 0 log 0 counts as 0."""
    return -_row_sum(xlogy(y, a) + xlog1py(1 - y, -a))


def binary_cross_entropy_slope(a: Array, y: Array, out: Array) -> None:
    """(a - y) / (a (1 - a))."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(a - y, a * (1 - a), out=out)


def cross_entropy(a: Array, y: Array) -> Array:
    """-sum over classes of y log a; 0 log 0 counts as 0."""
    return -_row_sum(xlogy(y, a))


def cross_entropy_slope(a: Array, y: Array, out: Array) -> None:
    """-y / a."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(-y, a, out=out)


def sigmoid_cross_entropy(z: Array, y: Array) -> Array:
    """Binary cross-entropy on logits, per sample.

    With a = sigmoid(z): -log a = softplus(-z) and -log(1 - a) = softplus(z) = softplus(-z) + z, so that
    -(y log a + (1 - y) log(1 - a)) = max(z, 0) - z y + log(1 + exp(-|z|)), and max(z, 0) - z y is |z| times the part of
    the target that z's sign denies: 1 - y for z > 0, else y.
    """
    size = np.abs(z)
    return _row_sum(size * np.where(z > 0, 1 - y, y) + np.log1p(np.exp(-size)))


def softmax_cross_entropy(z: Array, y: Array) -> Array:
    """Cross-entropy on logits, per sample: sum_k y_k (logsumexp(z) - z_k), with the largest z subtracted first."""
    log_sum, shifted = log_sum_of_rest(z)
    return _row_sum(np.where(y == 0, 0, y * (log_sum - shifted)))


def _row_sum(values: Array) -> Array:
    result: Array = values.sum(axis=-1)
    return result


LOSSES: dict[str, Loss] = by_name(
    Loss(
        "mse", mse, mse_slope, "mean_k (a_k - y_k)²", ("regression", "binary", "multiclass", "multilabel"), "Gauss 1809"
    ),
    Loss(
        "binary_cross_entropy", binary_cross_entropy, binary_cross_entropy_slope,
        "-sum_k (y_k log a_k + (1 - y_k) log(1 - a_k))", ("binary", "multiclass", "multilabel"),
        "Bishop 2006, Pattern Recognition and Machine Learning, 4.90",
    ),
    Loss(
        "cross_entropy", cross_entropy, cross_entropy_slope, "-sum_k y_k log a_k", ("multiclass",),
        "Bishop 2006, Pattern Recognition and Machine Learning, 4.108",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Head:
    """What ends a network: outputs a from logits z, the loss of each sample, and the loss's derivative by z.

    `outputs(z, out)` writes a; None where the outputs are z itself. `losses(z, y)` gives each sample's loss, (..., m).
    `gradient(a, y, out)` writes the derivative of each sample's loss by its own logits.
    """

    outputs: Callable[[Array, Array], None] | None
    losses: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array, Array], None]


def residual(a: Array, y: Array, out: Array) -> None:
    """dL/dz = a - y, for sigmoid with binary cross-entropy and for softmax with cross-entropy.

    Sigmoid: dL/da = (a - y) / (a (1 - a)) and da/dz = a (1 - a). Softmax: dL/da_j = -y_j / a_j and
    da_j/dz_k = a_j (δ_jk - a_k), which sum to a_k sum_j y_j - y_k, and sum_j y_j = 1. (Bishop 2006, section 4.3.6.)
    """
    np.subtract(a, y, out=out)


FUSED: dict[tuple[str, str], Head] = {
    ("sigmoid", "binary_cross_entropy"): Head(sigmoid, sigmoid_cross_entropy, residual),
    ("softmax", "cross_entropy"): Head(softmax, softmax_cross_entropy, residual),
}


def textbook_residual(a: Array, y: Array, out: Array) -> None:
    """dL/dz of sigmoid and binary cross-entropy as the chain rule gives it: (-y/a + (1 - y)/(1 - a)) a (1 - a)."""
    np.copyto(out, (-(y / a) + (1 - y) / (1 - a)) * a * (1 - a))


def textbook_sigmoid(z: Array, out: Array) -> None:
    """1 / (1 + exp(-z)), by scipy, whose rounding does not depend on the processor's vector units."""
    expit(z, out=out)


def textbook_cross_entropy(z: Array, y: Array) -> Array:
    """Binary cross-entropy from the probability a = sigmoid(z), per sample; infinite where a rounds to 0 or 1."""
    a = expit(z)
    return _row_sum(-(y * np.log(a) + (1 - y) * np.log(1 - a)))


# Pairs worked out from the activations, as textbooks and old notebooks do: `logits: false`. They lose what rounding the
# probabilities loses, which is what reproducing an old figure, or showing a class why logits matter, asks for.
TEXTBOOK: dict[tuple[str, str], Head] = {
    ("sigmoid", "binary_cross_entropy"): Head(textbook_sigmoid, textbook_cross_entropy, textbook_residual),
}

# The head a task gets when the experiment names none: (activation, loss).
DEFAULT_HEADS: dict[str, tuple[str, str]] = {
    "binary": ("sigmoid", "binary_cross_entropy"),
    "multiclass": ("softmax", "cross_entropy"),
    "multilabel": ("sigmoid", "binary_cross_entropy"),
    "regression": ("identity", "mse"),
}


def unfused(loss: str) -> Head:
    """The head of a network whose last activation is a layer of its own: the loss alone, by its slope."""
    entry = LOSSES[loss]
    return Head(None, entry.value, entry.slope)


def head_fault(task: str, activation: str, loss: str, outputs: int | None) -> str | None:
    """Why this head makes no sense for the task and number of outputs (None: not known yet), or None if it does."""
    if task not in LOSSES[loss].tasks:
        return f"{loss} measures {_what(loss)}, not a {task} task; expected {_either(task)}"
    if loss == "cross_entropy" and activation != "softmax":
        return (
            f"cross_entropy needs class probabilities that sum to 1, which {activation} does not give; expected softmax"
        )
    if activation == "softmax" and loss != "cross_entropy":
        return f"softmax shares probability 1 among classes; expected it with cross_entropy, found {loss}"
    if activation == "softmax" and outputs == 1:
        return "softmax over one output is always 1 and learns nothing; expected sigmoid, or at least 2 classes"
    if loss == "binary_cross_entropy" and activation != "sigmoid":
        return f"binary_cross_entropy needs probabilities, and {activation} may leave (0, 1); expected sigmoid"
    return None


def _what(loss: str) -> str:
    return "class probabilities" if "entropy" in loss else "distances"


def _either(task: str) -> str:
    return " or ".join(name for name, entry in LOSSES.items() if task in entry.tasks)
