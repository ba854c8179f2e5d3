"""Every activation of the catalogue in ONNX operators, in the forms of `nnlab.maths.functions`: nothing overflows.

x has the units, or the channels of an image, along axis 1. A parameter is a number, or a tensor where it is learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnlab.exports.onnx.graph import (
    Tensor,
    clip,
    maximum,
    minimum,
    over,
    unary,
    where,
    whole,
)
from nnlab.maths.functions.rectifiers import SELU_SCALE

Parameter = Tensor | float
Function = Callable[..., Tensor]

_SELU_ALPHA = 1.6732632423543772
_FARTHEST = 40.0  # beyond, the gate of gelu_tanh is open or shut, and x³ could overflow

absolute, exp, log, erf = unary("Abs"), unary("Exp"), unary("Log"), unary("Erf")
sin, sqrt, tanh, sigmoid = unary("Sin"), unary("Sqrt"), unary("Tanh"), unary("Sigmoid")
relu = unary("Relu")


# --- building blocks --------------------------------------------------------------------------------------------------


def square(x: Tensor) -> Tensor:
    """x²."""
    return x * x


def expm1(u: Tensor) -> Tensor:
    """exp(u) - 1; near 0, where that cancels, 2 t / (1 - t) with t = tanh(u / 2)."""
    t = tanh(u / 2)
    return where(absolute(u) < 1, 2 * t / (1 - t), exp(u) - 1)


def log1p(u: Tensor) -> Tensor:
    """log(1 + u); below 1 as log(w) u / (w - 1) with w = 1 + u, which undoes the rounding of w (Kahan)."""
    w = 1 + u
    lost = w - 1
    return where(u < 1, where(absolute(lost) > 0, log(w) * (u / lost), u), log(w))


def hypot(a: Tensor, b: Parameter) -> Tensor:
    """√(a² + b²) for a >= 0 and b > 0, without squares that overflow."""
    large, small = maximum(a, b), minimum(a, b)
    return large * sqrt(1 + square(small / large))


def root(b: Parameter) -> Parameter:
    """√b."""
    return sqrt(b) if isinstance(b, Tensor) else math.sqrt(b)


def softplus(x: Tensor, beta: Parameter = 1.0) -> Tensor:
    """log(1 + exp(beta x)) / beta = max(x, 0) + log(1 + exp(-|beta x|)) / beta."""
    return maximum(x, 0.0) + log1p(exp(-absolute(x * beta))) / beta


def log_sigmoid(x: Tensor) -> Tensor:
    """min(x, 0) - log(1 + exp(-|x|))."""
    return minimum(x, 0.0) - log1p(exp(-absolute(x)))


# --- activations that take more than a line ---------------------------------------------------------------------------


def _relu(x: Tensor, negative_slope: Parameter, max_value: Parameter, threshold: Parameter) -> Tensor:
    if (negative_slope, max_value, threshold) == (0.0, math.inf, 0.0):
        return relu(x)
    above = x if max_value == math.inf else minimum(x, max_value)
    return where(x > threshold, above, (x - threshold) * negative_slope)


def _gelu_tanh(x: Tensor) -> Tensor:
    near = clip(x, -_FARTHEST, _FARTHEST)
    return x * sigmoid(2 * math.sqrt(2 / math.pi) * (near + 0.044715 * (near * near * near)))


def _mish(x: Tensor) -> Tensor:
    """The gate tanh(softplus(x)) with e = exp(-|x|), as in `nnlab.maths.functions.gates`."""
    e = exp(-absolute(x))
    above = (1 + 2 * e) / (1 + 2 * e + 2 * e * e)
    below = e * (e + 2) / (e * (e + 2) + 2)
    return x * where(x > 0, above, below)


def _squareplus(x: Tensor, b: Parameter) -> Tensor:
    half = absolute(x) / 2 + hypot(absolute(x), root(b)) / 2
    return where(x < 0, b / 4 / half, half)


def _bent_identity(x: Tensor) -> Tensor:
    size = absolute(x)
    return size / (hypot(size, 1.0) + 1) * (size / 2) + x


def _soft_exponential(x: Tensor, alpha: Parameter) -> Tensor:
    if not isinstance(alpha, Tensor):
        alpha = x.graph.constant(np.array([alpha], x.graph.dtype))
    above = expm1(x * alpha) / alpha + alpha
    below = -log1p(-alpha * (x + alpha)) / alpha
    return where(alpha > 0, above, where(alpha < 0, below, x))


def _log_softmax(x: Tensor) -> Tensor:
    shifted = x - over("ReduceMax", x, 1)
    return shifted - log(over("ReduceSum", exp(shifted), 1))


def _softmax(x: Tensor) -> Tensor:
    return unary("Softmax", axis=1)(x)


def _sparsemax(x: Tensor, units: int, rank: int) -> Tensor:
    """The simplex point nearest to x: sorted downwards, the support is where 1 + k x_(k) > sum of the first k."""
    graph = x.graph
    shifted = x - over("ReduceMax", x, 1)
    ordered, _ = graph.pair("TopK", shifted, whole(graph, units), axis=1)
    sums = graph.op("CumSum", ordered, graph.constant(np.array(1, np.int64))) - 1
    ranks = np.arange(1, units + 1, dtype=graph.dtype).reshape(-1, *(1,) * (rank - 2))
    inside = graph.cast(graph.constant(ranks) * ordered > sums, graph.kind)
    tau = (over("ReduceSum", ordered * inside, 1) - 1) / over("ReduceSum", inside, 1)
    return maximum(shifted - tau, 0.0)


def _maxout(x: Tensor, shape: tuple[int, ...], pieces: float) -> Tensor:
    """The largest of each group of neighbouring units or channels; `shape` is that of a sample, axis 1 first."""
    units, *pixels = shape
    groups = x.graph.op("Reshape", x, whole(x.graph, 0, units // int(pieces), int(pieces), *pixels))
    return x.graph.op("ReduceMax", groups, whole(x.graph, 2), keepdims=0)


def _glu(x: Tensor) -> Tensor:
    value, gate = x.graph.pair("Split", x, axis=1, num_outputs=2)
    return value * sigmoid(gate)


# Functions of x and the activation's parameters by keyword.
ELEMENTWISE: dict[str, Function] = {
    "identity": lambda x: x,
    "heaviside": lambda x: x.graph.cast(x > 0, x.graph.kind),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: clip(x, -3.0, 3.0) / 6 + 0.5,
    "log_sigmoid": log_sigmoid,
    "tanh": tanh,
    "hard_tanh": lambda x: clip(x, -1.0, 1.0),
    "tanh_shrink": lambda x: x - tanh(x),
    "relu": _relu,
    "relu6": lambda x: clip(x, 0.0, 6.0),
    "leaky_relu": lambda x, negative_slope: where(x > 0, x, x * negative_slope),
    "prelu": lambda x, alpha: where(x > 0, x, x * alpha),
    "rrelu": lambda x, lower, upper: where(x > 0, x, x * ((lower + upper) / 2)),
    "threshold": lambda x, threshold, value: where(x > threshold, x, value),
    "elu": lambda x, alpha: where(x > 0, x, expm1(minimum(x, 0.0)) * alpha),
    "selu": lambda x: SELU_SCALE * where(x > 0, x, _SELU_ALPHA * expm1(minimum(x, 0.0))),
    "celu": lambda x, alpha: where(x > 0, x, expm1(minimum(x, 0.0) / alpha) * alpha),
    "gelu": lambda x: x * ((1 + erf(x / math.sqrt(2))) / 2),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x, beta: x * sigmoid(x * beta),
    "hard_silu": lambda x: x * (clip(x, -3.0, 3.0) / 6 + 0.5),
    "mish": _mish,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + absolute(x)),
    "squareplus": _squareplus,
    "sparse_plus": lambda x: where(x >= 1, x, square((clip(x, -1.0, 1.0) + 1) / 2)),
    "sparse_sigmoid": lambda x: (clip(x, -1.0, 1.0) + 1) / 2,
    "soft_shrink": lambda x, threshold: x - clip(x, -threshold, threshold),
    "hard_shrink": lambda x, threshold: where(absolute(x) > threshold, x, 0.0),
    "exponential": exp,
    "gaussian": lambda x: exp(-square(x)),
    "sin": sin,
    "snake": lambda x, frequency: x + square(sin(x * frequency)) / frequency,
    "bent_identity": _bent_identity,
    "soft_exponential": _soft_exponential,
}

# Functions of x, the shape of a sample with axis 1 first, and the activation's parameters by keyword.
ROWWISE: dict[str, Callable[..., Tensor]] = {
    "softmax": lambda x, _shape: _softmax(x),
    "softmin": lambda x, _shape: _softmax(-x),
    "log_softmax": lambda x, _shape: _log_softmax(x),
    "sparsemax": lambda x, shape: _sparsemax(x, shape[0], 1 + len(shape)),
    "maxout": _maxout,
    "glu": lambda x, _shape: _glu(x),
}
