"""Heads: what ends a network, worked out on its logits where that is exact, else composed by the chain rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.functions import float32
from nnlab.maths.functions.curves import exponential
from nnlab.maths.functions.rows import softmax, softmin
from nnlab.maths.functions.sigmoids import sigmoid
from nnlab.maths.losses import classes, margins, numbers
from nnlab.maths.losses.table import LOSSES
from nnlab.maths.losses.weights import (
    row_weighted_gradient,
    row_weighted_losses,
    weighted_gradient,
    weighted_losses,
)
from nnlab.maths.parameters import Value

Array = NDArray[Any]


@dataclass(frozen=True)
class Head:
    """What ends a network: outputs a from logits z, the loss of each sample, and the loss's derivative by z.

    `outputs(z, out)` writes a; None where the outputs are z itself. `sign` is 1 where a larger z makes a larger a, as
    it does in all but softmin: sign · z ranks as a does, without the ties of rounding. `losses(z, y)` gives each
    sample's loss, (..., m).
    `gradient(z, a, y, out)` writes the derivative of each sample's loss by its own logits, of which there are
    `per_output` for each output. `weights` are those of the classes, as `weighted_losses` takes them, if there are any;
    `reweighted` gives the same head with others. A head that `weighs_rows` takes targets with the weights of their rows
    as a last column, (..., m, K + 1), as `with_row_weights` makes them. One that `is_textbook` computes from
    activations, as old notebooks do; its network leaves products to BLAS, as theirs, so that their last digits come
    out. `outputs_float32` and `gradient_float32` are quicker forms for float32, where there are any: `forms` gives
    those to call.
    """

    outputs: Callable[[Array, Array], None] | None
    losses: Callable[..., Array]
    gradient: Callable[..., None]
    per_output: int = 1
    sign: int = 1
    weights: Array | None = field(default=None, compare=False)
    reweighted: Callable[[Array], Head] | None = field(default=None, compare=False)
    weighs_rows: bool = False
    is_textbook: bool = False
    outputs_float32: Callable[[Array, Array], None] | None = None
    gradient_float32: Callable[..., None] | None = None

    def forms(self, dtype: np.dtype[Any]) -> Head:
        """The head with the `outputs` and `gradient` to call for arrays of this dtype."""
        if dtype != np.float32:
            return self
        gradient = self.gradient_float32 or self.gradient
        return replace(self, outputs=self.outputs_float32 or self.outputs, gradient=gradient)

    def of_replica(self, replica: int) -> Head:
        """The head of one replica, with its own class weights where replicas have different ones."""
        if self.weights is None or self.reweighted is None or len(self.weights) == 1:
            return self
        return self.reweighted(self.weights[replica : replica + 1])

    def changed(
        self,
        losses: Callable[[Callable[..., Array]], Callable[..., Array]],
        gradient: Callable[[Callable[..., None]], Callable[..., None]],
    ) -> Head:
        """The head with its losses and its gradient, in every form, replaced by functions of them."""
        single = self.gradient_float32 and gradient(self.gradient_float32)
        return replace(self, losses=losses(self.losses), gradient=gradient(self.gradient), gradient_float32=single)


# The float32 forms of the outputs, and how logits rank them.
_SIGMOID: dict[str, Any] = {"outputs_float32": float32.sigmoid}
_SOFTMAX: dict[str, Any] = {"outputs_float32": float32.softmax}
_SOFTMIN: dict[str, Any] = {"outputs_float32": float32.softmin, "sign": -1}

# A last activation and a loss, worked out together; parameters of the loss are bound by `bound`.
FUSED: dict[tuple[str, str], Head] = {
    ("sigmoid", "binary_cross_entropy"): Head(sigmoid, classes.sigmoid_cross_entropy, classes.residual, **_SIGMOID),
    ("softmax", "cross_entropy"): Head(softmax, classes.softmax_cross_entropy, classes.residual, **_SOFTMAX),
    ("softmin", "cross_entropy"): Head(softmin, classes.softmin_cross_entropy, classes.softmin_residual, **_SOFTMIN),
    ("sigmoid", "focal"): Head(
        sigmoid, classes.sigmoid_focal, classes.sigmoid_focal_gradient,
        **_SIGMOID, gradient_float32=float32.built_on_sigmoid(classes.sigmoid_focal_gradient),
    ),
    ("softmax", "focal"): Head(
        softmax, classes.softmax_focal, classes.softmax_focal_gradient,
        **_SOFTMAX, gradient_float32=float32.built_on_sigmoid(classes.softmax_focal_gradient),
    ),
    ("identity", "hinge"): Head(sigmoid, margins.hinge, margins.hinge_gradient, **_SIGMOID),
    ("identity", "squared_hinge"): Head(sigmoid, margins.squared_hinge, margins.squared_hinge_gradient, **_SIGMOID),
    ("exponential", "poisson"): Head(exponential, numbers.poisson, numbers.poisson_gradient),
    ("identity", "gaussian_nll"): Head(numbers.mean_of, numbers.gaussian_nll, numbers.gaussian_nll_gradient, 2),
}  # fmt: skip

# Pairs of FUSED that a multiclass task works out otherwise: its classes compete, instead of each deciding for itself.
CLASSES: dict[tuple[str, str], Head] = {
    ("identity", "hinge"): Head(softmax, margins.class_hinge, margins.class_hinge_gradient, **_SOFTMAX),
    ("identity", "squared_hinge"): Head(
        softmax, margins.squared_class_hinge, margins.squared_class_hinge_gradient, **_SOFTMAX
    ),
}

# Pairs computed from the activations, as textbooks and old notebooks do: `logits: false`. They lose precision where a
# probability rounds to 0 or 1; they reproduce old figures, and show why logits matter.
TEXTBOOK: dict[tuple[str, str], Head] = {
    ("sigmoid", "binary_cross_entropy"): Head(
        classes.textbook_sigmoid, classes.textbook_cross_entropy, classes.textbook_residual, is_textbook=True
    ),
}


def worked_out(task: str, activation: str, loss: str, *, logits: bool = True) -> Head | None:
    """The head that computes this activation and loss together; None where the activation is a layer of its own."""
    pair = (activation, loss)
    if not logits:
        return TEXTBOOK.get(pair)
    return CLASSES[pair] if task == "multiclass" and pair in CLASSES else FUSED.get(pair)


def unfused(loss: str) -> Head:
    """The head of a network whose last activation is a layer of its own: the loss alone, by its slope."""
    entry = LOSSES[loss]
    if entry.value is None or entry.slope is None:
        raise ValueError(f"{loss} is worked out on logits alone")
    return Head(None, entry.value, partial(_by_slope, entry.slope))


def _by_slope(slope: Callable[..., None], _z: Array, a: Array, y: Array, out: Array, **chosen: Value) -> None:
    slope(a, y, out, **chosen)


def bound(head: Head, task: str, loss: str, values: Mapping[str, Value], weights: Array | None = None) -> Head:
    """A head with the loss's parameters set, its targets smoothed and its classes weighted, where that is asked for.

    Without parameters, smoothing and weights the head is returned unchanged. Weights are chosen by the original
    targets, before smoothing.
    """
    chosen = {name: value for name, value in values.items() if name != "smoothing"}
    if chosen:
        head = head.changed(lambda losses: partial(losses, **chosen), lambda gradient: partial(gradient, **chosen))
    if values.get("smoothing"):
        head = _smoothed(head, float(values["smoothing"]), among_classes=loss == "cross_entropy")
    if weights is not None:
        head = _weighted(head, weights, by_row=task == "multiclass")
    return head


def _smoothed(head: Head, share: float, *, among_classes: bool) -> Head:
    """The head with targets y (1 - share) + share / n, n the number of classes, or 2 where each output is yes or no.

    (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, CVPR, section 7.)
    """

    def soft(y: Array) -> Array:
        result: Array = y * (1 - share) + share / (y.shape[-1] if among_classes else 2)
        return result

    def losses(hard: Callable[..., Array]) -> Callable[..., Array]:
        return lambda z, y: hard(z, soft(y))

    def gradient(hard: Callable[..., None]) -> Callable[..., None]:
        return lambda z, a, y, out: hard(z, a, soft(y), out)

    return head.changed(losses, gradient)


def _weighted(head: Head, weights: Array, *, by_row: bool) -> Head:
    weighted = head.changed(
        lambda losses: partial(weighted_losses, losses, weights, by_row=by_row),
        lambda gradient: partial(weighted_gradient, gradient, weights, by_row=by_row),
    )
    return replace(weighted, weights=weights, reweighted=partial(_weighted, head, by_row=by_row))


def row_weighted(head: Head) -> Head:
    """The head that multiplies the loss of each sample by the weight of its row, the last column of its targets.

    It comes after `bound`: smoothing and class weights look at targets alone.
    """
    weighted = head.changed(
        lambda losses: partial(row_weighted_losses, losses),
        lambda gradient: partial(row_weighted_gradient, gradient),
    )
    again = head.reweighted
    reweighted = None if again is None else lambda weights: row_weighted(again(weights))
    return replace(weighted, reweighted=reweighted, weighs_rows=True)
