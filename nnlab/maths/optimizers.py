"""Optimizers: each is a few in-place lines on whole arrays, and one table, `OPTIMIZERS`, holds them all.

`update(theta, gradient, slots, step, rate, **parameters)` changes theta, (R, P), and its slots in place; `gradient`
may be overwritten. `step` counts updates from 1. `rate` is the learning rate, a number or (R, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.parameters import Parameter, Value, by_name

Array = NDArray[Any]
Slots = Mapping[str, Array]


@dataclass(frozen=True)
class Optimizer:
    """An update rule, its parameters, and the names of its slots: arrays shaped like theta that start at zero."""

    name: str
    update: Callable[..., None]
    formula: str
    source: str
    parameters: tuple[Parameter, ...]
    slots: Callable[[Mapping[str, Value]], tuple[str, ...]]

    def start(self, theta: Array, chosen: Mapping[str, Value]) -> dict[str, Array]:
        """Fresh slots for theta."""
        return {name: np.zeros_like(theta) for name in self.slots(chosen)}


def sgd(
    theta: Array, gradient: Array, slots: Slots, _step: int, rate: Any, *, momentum: float = 0.0, nesterov: bool = False
) -> None:
    """Gradient descent, with momentum if it is not 0.

    v ← momentum · v + g; θ ← θ - rate · v, or with Nesterov's look-ahead θ ← θ - rate · (g + momentum · v).
    """
    if momentum:
        velocity = slots["velocity"]
        velocity *= momentum
        velocity += gradient
        if nesterov:
            gradient += momentum * velocity
        else:
            gradient[...] = velocity
    gradient *= rate
    theta -= gradient


def adam(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *, beta1: float, beta2: float, epsilon: float
) -> None:
    """Adam: the running mean of g over the root of the running mean of g², both corrected for their start at zero.

    m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; θ ← θ - rate · (m / (1 - β1^t)) / (√(v / (1 - β2^t)) + ε).
    """
    mean, square = slots["mean"], slots["square"]
    mean *= beta1
    mean += (1 - beta1) * gradient
    np.multiply(gradient, gradient, out=gradient)
    gradient *= 1 - beta2
    square *= beta2
    square += gradient
    root = np.sqrt(square, out=gradient)
    root *= (1 - beta2**step) ** -0.5
    root += epsilon
    np.divide(mean, root, out=root)
    root *= rate / (1 - beta1**step)
    theta -= root


def _rate(default: float) -> Parameter:
    return Parameter("learning_rate", default, "size of a step", low=0, open_=(0,))


OPTIMIZERS: dict[str, Optimizer] = by_name(
    Optimizer(
        "sgd", sgd, "θ ← θ - rate · v, v ← momentum · v + g", "Robbins, Monro 1951; Nesterov 1983",
        (
            _rate(0.1),
            Parameter("momentum", 0.0, "share of the last velocity that is kept", low=0, high=1, open_=(1,)),
            Parameter("nesterov", default=False, description="look ahead along the velocity"),
        ),
        slots=lambda chosen: ("velocity",) if chosen["momentum"] else (),
    ),
    Optimizer(
        "adam", adam, "θ ← θ - rate · m̂ / (√v̂ + ε)", "Kingma, Ba 2015, ICLR",
        (
            _rate(0.001),
            Parameter("beta1", 0.9, "memory of the mean", low=0, high=1, open_=(1,)),
            Parameter("beta2", 0.999, "memory of the square", low=0, high=1, open_=(1,)),
            Parameter("epsilon", 1e-8, "added to the root", low=0, open_=(0,)),
        ),
        slots=lambda _chosen: ("mean", "square"),
    ),
)  # fmt: skip
