"""Activation functions: each with its slope beside it, and one table, `ACTIVATIONS`, that holds them all.

A function takes the pre-activation z (any shape) and writes f(z) into `out`; its slope takes z and the activation
a = f(z) and writes f'(z) into `out`. Parameters arrive by keyword as scalars or as arrays that broadcast against z:
(R, 1, 1) where one learnable number serves a layer, (R, 1, units) where each unit has its own.

Slopes are computed from z where a would not do: 1 - tanh² and s(1 - s) lose every digit in the tails, while the forms
below keep their relative accuracy until the slope itself underflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.parameters import Parameter, by_name

Array = NDArray[Any]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Activation:
    """One activation function and all that nnlab and its user need to know about it.

    `value(z, out, **parameters)` and `slope(z, a, out, **parameters)` write into `out`. `parameter_slopes` holds, for
    each parameter that can be learned, a function like `slope` that writes the derivative with respect to it.
    `kinks` are the points without a derivative and `at_kink` says which slope is taken there. `initializer` is the
    one that keeps the signal's variance for this function, used where an experiment names none.
    """

    name: str
    value: Function
    slope: Function
    formula: str
    slope_formula: str
    range: str
    initializer: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    parameter_slopes: Mapping[str, Function] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()
    at_kink: str = ""

    @classmethod
    def from_functions(
        cls,
        name: str,
        value: Callable[..., Array],
        slope: Callable[..., Array],
        *,
        parameters: tuple[Parameter, ...] = (),
        parameter_slopes: Mapping[str, Callable[..., Array]] | None = None,
        **about: Any,
    ) -> Activation:
        """An activation from plain functions of z and its parameters that return arrays: the form for plugins."""
        known: dict[str, Any] = {"formula": "user-defined", "slope_formula": "user-defined", "range": "unknown"}
        known |= {"initializer": "glorot_uniform", "source": "a plugin"} | about
        slopes = {key: _into_out(function) for key, function in (parameter_slopes or {}).items()}

        def write_value(z: Array, out: Array, **chosen: Any) -> None:
            out[...] = value(z, **chosen)

        return cls(name, write_value, _into_out(slope), parameters=parameters, parameter_slopes=slopes, **known)


def _into_out(function: Callable[..., Array]) -> Function:
    def write(z: Array, _a: Array, out: Array, **chosen: Any) -> None:
        out[...] = function(z, **chosen)

    return write


def identity(z: Array, out: Array) -> None:
    """f(z) = z."""
    out[...] = z


def identity_slope(_z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1."""
    out[...] = 1


def sigmoid(z: Array, out: Array) -> None:
    """f(z) = 1 / (1 + exp(-z)), written with e = exp(-|z|) <= 1 so that nothing overflows.

    For z >= 0 that is 1 / (1 + e), for z < 0 it is e / (1 + e): min(exp(z), 1) is the numerator of both.
    """
    np.exp(np.minimum(z, 0), out=out)
    np.divide(out, 1 + np.exp(-np.abs(z)), out=out)


def sigmoid_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = f(z) f(-z) = e / (1 + e)² with e = exp(-|z|): no cancellation, unlike f (1 - f)."""
    e = np.exp(-np.abs(z))
    np.add(e, 1, out=out)
    np.multiply(out, out, out=out)
    np.divide(e, out, out=out)


def tanh(z: Array, out: Array) -> None:
    """f(z) = (exp(z) - exp(-z)) / (exp(z) + exp(-z))."""
    np.tanh(z, out=out)


def tanh_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 / cosh²(z) = 4 e / (1 + e)² with e = exp(-2|z|): no cancellation, unlike 1 - tanh²."""
    sigmoid_slope(2 * z, _a, out)
    np.multiply(out, 4, out=out)


def relu(z: Array, out: Array) -> None:
    """f(z) = max(z, 0)."""
    np.maximum(z, 0, out=out)


def relu_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 for z > 0, else 0; at the kink z = 0 the left slope, 0."""
    np.greater(z, 0, out=out)
    _keep_nan(z, out)


def leaky_relu(z: Array, out: Array, negative_slope: Any) -> None:
    """f(z) = z for z > 0, negative_slope · z otherwise."""
    np.multiply(z, negative_slope, out=out)
    np.copyto(out, z, where=z > 0)


def leaky_relu_slope(z: Array, _a: Array, out: Array, negative_slope: Any) -> None:
    """f'(z) = 1 for z > 0, else negative_slope; at the kink the left slope."""
    out[...] = negative_slope
    np.copyto(out, 1, where=z > 0)
    _keep_nan(z, out)


def leaky_relu_by_slope(z: Array, _a: Array, out: Array, **_parameters: Any) -> None:
    """df/d(negative_slope) = min(z, 0)."""
    np.minimum(z, 0, out=out)


def prelu(z: Array, out: Array, alpha: Any) -> None:
    """f(z) = z for z > 0, alpha · z otherwise, alpha learned with the weights."""
    leaky_relu(z, out, alpha)


def prelu_slope(z: Array, a: Array, out: Array, alpha: Any) -> None:
    """f'(z) = 1 for z > 0, else alpha; at the kink the left slope."""
    leaky_relu_slope(z, a, out, alpha)


def elu(z: Array, out: Array, alpha: Any) -> None:
    """f(z) = z for z > 0, alpha (exp(z) - 1) otherwise."""
    np.multiply(np.expm1(np.minimum(z, 0)), alpha, out=out)
    np.copyto(out, z, where=z > 0)


def elu_slope(z: Array, _a: Array, out: Array, alpha: Any) -> None:
    """f'(z) = 1 for z > 0, else alpha exp(z); at z = 0 the left slope, alpha."""
    np.multiply(np.exp(np.minimum(z, 0)), alpha, out=out)
    np.copyto(out, 1, where=z > 0)


def elu_by_alpha(z: Array, _a: Array, out: Array, **_parameters: Any) -> None:
    """df/d(alpha) = exp(z) - 1 for z <= 0, else 0."""
    np.expm1(np.minimum(z, 0), out=out)


def softplus(z: Array, out: Array) -> None:
    """f(z) = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)): nothing overflows."""
    np.log1p(np.exp(-np.abs(z)), out=out)
    np.add(out, np.maximum(z, 0), out=out)


def softplus_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = sigmoid(z)."""
    sigmoid(z, out)


def softsign(z: Array, out: Array) -> None:
    """f(z) = z / (1 + |z|)."""
    size = np.abs(z)
    np.divide(z, 1 + size, out=out, where=np.isfinite(z))
    np.sign(z, out=out, where=~np.isfinite(z))


def softsign_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 / (1 + |z|)²; the reciprocal is squared, since the square could overflow."""
    np.reciprocal(1 + np.abs(z), out=out)
    np.multiply(out, out, out=out)


def bent_identity(z: Array, out: Array) -> None:
    """f(z) = (sqrt(z² + 1) - 1) / 2 + z.

    With u = |z| and h = hypot(u, 1), sqrt(z² + 1) - 1 = u · (u / (h + 1)): no cancellation near 0, and `hypot` does
    not overflow where z² would.
    """
    size = np.abs(z)
    np.divide(size, np.hypot(size, 1) + 1, out=out, where=np.isfinite(z))
    np.copyto(out, 1, where=np.isinf(z))
    np.multiply(out, size / 2, out=out)
    np.add(out, z, out=out, where=~np.isneginf(z))
    np.copyto(out, z, where=~np.isfinite(z))


def bent_identity_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = z / (2 sqrt(z² + 1)) + 1."""
    np.divide(z, np.hypot(z, 1), out=out, where=np.isfinite(z))
    np.sign(z, out=out, where=~np.isfinite(z))
    np.multiply(out, 0.5, out=out)
    np.add(out, 1, out=out)


def softmax(z: Array, out: Array) -> None:
    """f(z)_k = exp(z_k) / sum_j exp(z_j) along the last axis; the largest z is subtracted first, against overflow."""
    np.subtract(z, z.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


def _keep_nan(z: Array, out: Array) -> None:
    """A comparison turns nan into False; an unknown z has an unknown slope."""
    np.copyto(out, z, where=np.isnan(z))


_NEGATIVE_SLOPE = Parameter("negative_slope", 0.01, "slope for z <= 0", learnable=True)
_PRELU_ALPHA = Parameter("alpha", 0.25, "slope for z <= 0", learnable=True, learn_by_default=True)
_ELU_ALPHA = Parameter("alpha", 1.0, "minus the value at -∞", low=0, open_=(0,), learnable=True)
_LEFT_SLOPE = "the left slope"

ACTIVATIONS: dict[str, Activation] = by_name(
    Activation(
        "identity", identity, identity_slope,
        formula="z", slope_formula="1", range="(-∞, ∞)", initializer="glorot_uniform",
        source="the linear unit",
    ),
    Activation(
        "sigmoid", sigmoid, sigmoid_slope,
        formula="1 / (1 + exp(-z))", slope_formula="f(z) f(-z)", range="(0, 1)", initializer="glorot_uniform",
        source="Rumelhart, Hinton, Williams 1986, Nature 323",
    ),
    Activation(
        "tanh", tanh, tanh_slope,
        formula="(exp(z) - exp(-z)) / (exp(z) + exp(-z))", slope_formula="1 / cosh²(z)", range="(-1, 1)",
        initializer="glorot_uniform", source="LeCun, Bottou, Orr, Müller 1998, Efficient BackProp",
    ),
    Activation(
        "relu", relu, relu_slope,
        formula="max(z, 0)", slope_formula="1 for z > 0, else 0", range="[0, ∞)", initializer="he_normal",
        source="Nair, Hinton 2010, ICML", kinks=(0.0,), at_kink=_LEFT_SLOPE,
    ),
    Activation(
        "leaky_relu", leaky_relu, leaky_relu_slope,
        formula="z for z > 0, else negative_slope · z", slope_formula="1 for z > 0, else negative_slope",
        range="(-∞, ∞)", initializer="he_normal", source="Maas, Hannun, Ng 2013, ICML",
        parameters=(_NEGATIVE_SLOPE,), parameter_slopes={"negative_slope": leaky_relu_by_slope},
        kinks=(0.0,), at_kink=_LEFT_SLOPE,
    ),
    Activation(
        "prelu", prelu, prelu_slope,
        formula="z for z > 0, else alpha · z", slope_formula="1 for z > 0, else alpha",
        range="(-∞, ∞)", initializer="he_normal", source="He, Zhang, Ren, Sun 2015, ICCV",
        parameters=(_PRELU_ALPHA,), parameter_slopes={"alpha": leaky_relu_by_slope},
        kinks=(0.0,), at_kink=_LEFT_SLOPE,
    ),
    Activation(
        "elu", elu, elu_slope,
        formula="z for z > 0, else alpha (exp(z) - 1)", slope_formula="1 for z > 0, else alpha exp(z)",
        range="(-alpha, ∞)", initializer="he_normal", source="Clevert, Unterthiner, Hochreiter 2016, ICLR",
        parameters=(_ELU_ALPHA,), parameter_slopes={"alpha": elu_by_alpha},
        kinks=(0.0,), at_kink=_LEFT_SLOPE,
    ),
    Activation(
        "softplus", softplus, softplus_slope,
        formula="log(1 + exp(z))", slope_formula="1 / (1 + exp(-z))", range="(0, ∞)", initializer="he_normal",
        source="Dugas, Bengio, Bélisle, Nadeau, Garcia 2001, NeurIPS",
    ),
    Activation(
        "softsign", softsign, softsign_slope,
        formula="z / (1 + |z|)", slope_formula="1 / (1 + |z|)²", range="(-1, 1)", initializer="glorot_uniform",
        source="Glorot, Bengio 2010, AISTATS",
    ),
    Activation(
        "bent_identity", bent_identity, bent_identity_slope,
        formula="(sqrt(z² + 1) - 1) / 2 + z", slope_formula="z / (2 sqrt(z² + 1)) + 1", range="(-∞, ∞)",
        initializer="glorot_uniform", source="the notebooks' catalogue",
    ),
)  # fmt: skip
