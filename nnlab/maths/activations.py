"""The table of activation functions, `ACTIVATIONS`, and what an entry of it says.

A function takes the pre-activation z (any shape) and writes f(z) into `out`; its slope takes z and the activation
a = f(z) and writes f'(z) into `out`. Parameters arrive by keyword as scalars or as arrays that broadcast against z:
(R, 1, 1) where one learnable number serves a layer, (R, 1, units) where each unit has its own. The functions
themselves, with their derivations, are in `nnlab.maths.functions`.

Slopes are computed from z where computing them from a would lose digits: 1 - tanh² and s (1 - s) cancel in the tails.
The forms used keep their relative accuracy until the slope itself underflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.dual import DualArray, NotAnalyticError, along
from nnlab.maths.functions import curves, float32, gates, rectifiers, rows, sigmoids
from nnlab.maths.parameters import Parameter, by_name
from nnlab.maths.signal.normal import Moments, of_gate, of_largest

__all__ = ["ACTIVATIONS", "ALIASES", "Activation", "Parameter", "RowActivation"]

Array = NDArray[Any]
Function = Callable[..., Any]
Kinks = Callable[..., tuple[float, ...]]


def smooth(**_parameters: Any) -> tuple[float, ...]:
    """No kinks."""
    return ()


@dataclass(frozen=True)
class Activation:
    """One elementwise activation function and all that nnlab and its user need to know about it.

    `value(z, out, **parameters)` and `slope(z, a, out, **parameters)` write into `out`. `formula` and `slope_formula`
    are written in x. `parameter_slopes` holds, for each parameter that can be learned, a function like `slope` that
    writes the derivative with respect to it. `kinks(**parameters)` gives the points without a derivative and `at_kink`
    says which slope is taken there. `initializer` is the one that keeps the signal's variance for this function, used
    where an experiment names none. `untrainable` is the reason why a network with it cannot be trained, if there is
    one. `increasing` says that f increases strictly, whatever its parameters are: equal values of different z are then
    due to rounding. `randomized(draws, **parameters)`, where there is one, gives the parameters of a training step from
    uniform draws shaped like z. `value_float32` and `slope_float32` are quicker forms for float32, where there are any:
    `forms` gives those to call.
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
    parameter_slopes: Mapping[str, Function] = field(default_factory=dict, hash=False)  # a dict has no hash
    kinks: Kinks = smooth
    at_kink: str = ""
    untrainable: str = ""
    increasing: bool = False
    randomized: Callable[..., dict[str, Any]] | None = None
    value_float32: Function | None = None
    slope_float32: Function | None = None

    def forms(self, dtype: np.dtype[Any]) -> Activation:
        """The entry with the `value` and `slope` to call for arrays of this dtype."""
        if dtype != np.float32 or not (self.value_float32 or self.slope_float32):
            return self
        return replace(self, value=self.value_float32 or self.value, slope=self.slope_float32 or self.slope)

    @property
    def announced(self) -> str | None:
        """The slope that `at_kink` says is taken at a kink: `left`, `right`, `zero`, or None where it says neither."""
        return {"the left slope": "left", "the right slope": "right", "0": "zero"}.get(self.at_kink)

    @classmethod
    def from_functions(
        cls,
        name: str,
        value: Callable[..., Array],
        slope: Callable[..., Array] | None = None,
        *,
        parameters: tuple[Parameter, ...] = (),
        parameter_slopes: Mapping[str, Callable[..., Array]] | None = None,
        **about: Any,
    ) -> Activation:
        """An activation from plain functions of z and its parameters that return arrays: the form for plugins.

        Without a slope, it and the slopes by learnable parameters that are missing are measured by complex step, on the
        left side of a kink. That takes several times as long, and needs a value made of NumPy's functions, without
        conversions such as `np.asarray`, which lose the derivative.
        """
        known: dict[str, Any] = {"formula": "user-defined", "slope_formula": "user-defined", "range": "unknown"}
        known |= {"initializer": "glorot_uniform", "source": "a plugin"} | about
        if isinstance(known.get("kinks"), Iterable):
            known["kinks"] = _at(*known["kinks"])  # a plugin may simply list the points
        slopes = {key: _into_out(function) for key, function in (parameter_slopes or {}).items()}

        def write_value(z: Array, out: Array, **chosen: Any) -> None:
            _put(value(z, **chosen), z, out, chosen)

        if slope is not None:
            return cls(name, write_value, _into_out(slope), parameters=parameters, parameter_slopes=slopes, **known)
        measured = {p.name: _by_complex_step(write_value, p.name) for p in parameters if p.learnable}
        known |= {"slope_formula": BY_COMPLEX_STEP, "at_kink": _LEFT}
        slopes = measured | slopes
        return cls(
            name, write_value, _by_complex_step(write_value), parameters=parameters, parameter_slopes=slopes, **known
        )


@dataclass(frozen=True)
class RowActivation:
    """An activation of a whole row of units, whose derivative is a matrix.

    `value(z, out, **parameters)` writes a (…, units); `backward(z, a, da, out, **parameters)` writes dL/dz (…, inputs).
    `units(inputs, **parameters)` is the number of outputs; ValueError says which inputs are possible.
    `moments(**parameters)` are those of the outputs for standard normal z, where they do not depend on the width.
    `piece(z, a, **parameters)`, for a function in pieces, gives numbers that tell its pieces apart. `value_float32` and
    `backward_float32` are quicker forms for float32, where there are any: `forms` gives those to call.
    """

    name: str
    value: Function
    backward: Function
    formula: str
    slope_formula: str
    range: str
    initializer: str
    source: str
    units: Callable[..., int] = lambda inputs: inputs
    parameters: tuple[Parameter, ...] = ()
    untrainable: str = ""
    piece: Callable[..., Array] | None = None
    moments: Callable[..., Moments] | None = None
    value_float32: Function | None = None
    backward_float32: Function | None = None

    def forms(self, dtype: np.dtype[Any]) -> RowActivation:
        """The entry with the `value` and `backward` to call for arrays of this dtype."""
        if dtype != np.float32:
            return self
        return replace(self, value=self.value_float32 or self.value, backward=self.backward_float32 or self.backward)


AnyActivation = Activation | RowActivation


def _into_out(function: Callable[..., Array]) -> Function:
    def write(z: Array, _a: Array, out: Array, **chosen: Any) -> None:
        _put(function(z, **chosen), z, out, chosen)

    return write


def _put(found: Any, z: Array, out: Array, chosen: Mapping[str, Any]) -> None:
    """Write to `out` what a function of z gave: real numbers in the shape of z, of a parameter or of a single number.

    TypeError or ValueError for anything else, which NumPy would stretch, or rob of its imaginary part, in silence.
    """
    if not isinstance(found, DualArray):
        found = np.asarray(found)
        if found.dtype.kind not in "biuf":
            raise TypeError(f"found an array of {found.dtype}, expected real numbers")
        if found.shape not in ((), z.shape, out.shape, *map(np.shape, chosen.values())):
            raise ValueError(f"found an array of shape {found.shape}, expected {z.shape}")
    out[...] = found


_LEFT = "the left slope"
# The `slope_formula` of an activation without a slope of its own.
BY_COMPLEX_STEP = "by complex step"


def _by_complex_step(value: Function, by: str | None = None) -> Function:
    """The slope of `value(z, out, **parameters)`, or its derivative by a parameter; see `nnlab.maths.dual`."""

    def write(z: Array, _a: Array, out: Array, **chosen: Any) -> None:
        def function(moved: Any, target: Any) -> None:
            if by is None:
                value(moved, target, **chosen)
            else:
                value(z, target, **{**chosen, by: moved})

        if isinstance(z, DualArray):
            raise NotAnalyticError("found a slope by complex step, which cannot be followed once more")
        out[...] = -along(function, z if by is None else chosen[by], out.shape, -1.0).tangent

    return write


def _at(*points: float) -> Kinks:
    return lambda **_parameters: points


def _at_ends(threshold: float) -> tuple[float, ...]:
    return (-threshold, threshold)


def _relu_kinks(max_value: float, threshold: float, **_others: float) -> tuple[float, ...]:
    return (threshold, max_value) if np.isfinite(max_value) else (threshold,)


def _rrelu_slope(draws: Array, lower: float, upper: float) -> dict[str, Any]:
    return {"lower": lower + (upper - lower) * draws, "upper": lower + (upper - lower) * draws}


def _rrelu(z: Array, out: Array, lower: Any, upper: Any) -> None:
    rectifiers.leaky_relu(z, out, (lower + upper) / 2)


def _rrelu_slope_at(z: Array, a: Array, out: Array, lower: Any, upper: Any) -> None:
    rectifiers.leaky_relu_slope(z, a, out, (lower + upper) / 2)


def _pieces(inputs: int, pieces: float) -> int:
    if inputs % int(pieces):
        raise ValueError(f"maxout of {int(pieces)} pieces needs a multiple of {int(pieces)} inputs, found {inputs}")
    return inputs // int(pieces)


def _half(inputs: int) -> int:
    if inputs % 2:
        raise ValueError(f"glu needs an even number of inputs, found {inputs}")
    return inputs // 2


def _maxout(z: Array, out: Array, pieces: float) -> None:
    rows.maxout(z, out, int(pieces))


def _largest_piece(z: Array, a: Array, pieces: float) -> Array:
    largest: Array = z.reshape(*a.shape, int(pieces)).argmax(axis=-1)
    return largest


def _maxout_backward(z: Array, a: Array, da: Array, out: Array, pieces: float) -> None:
    rows.maxout_backward(z, a, da, out, int(pieces))


_NEGATIVE_SLOPE = Parameter("negative_slope", 0.01, "slope for x <= 0", learnable=True)
_ALPHA = Parameter("alpha", 1.0, "minus the limit at -∞", low=0, open_=(0,), learnable=True)
_BETA = Parameter("beta", 1.0, "steepness", low=0, open_=(0,), learnable=True)
_THRESHOLD = Parameter("threshold", 0.5, "half the width of the middle", low=0, learnable=True)
_GLOROT, _HE, _LECUN = "glorot_uniform", "he_normal", "lecun_normal"

ACTIVATIONS: dict[str, AnyActivation] = by_name(
    Activation(
        "identity", curves.identity, curves.identity_slope,
        "x", "1",
        "(-∞, ∞)", _GLOROT, "the linear unit", increasing=True,
    ),
    Activation(
        "heaviside", rectifiers.heaviside, rectifiers.zero_slope,
        "where(x > 0, 1, 0)", "0",
        "{0, 1}", _GLOROT, "McCulloch, Pitts 1943",
        kinks=_at(0.0), at_kink="0",
        untrainable="its slope is 0 everywhere, so that no gradient passes; expected a smooth step such as sigmoid",
    ),
    Activation(
        "sigmoid", sigmoids.sigmoid, sigmoids.sigmoid_slope,
        "1 / (1 + exp(-x))", "sigmoid(x) * sigmoid(-x)",
        "(0, 1)", _GLOROT, "Rumelhart, Hinton, Williams 1986, Nature 323",
        value_float32=float32.sigmoid, slope_float32=float32.sigmoid_slope, increasing=True,
    ),
    Activation(
        "hard_sigmoid", sigmoids.hard_sigmoid, sigmoids.hard_sigmoid_slope,
        "min(max(x / 6 + 1 / 2, 0), 1)", "where(x > -3 and x <= 3, 1 / 6, 0)",
        "[0, 1]", _GLOROT, "Courbariaux, Bengio, David 2015, NeurIPS; cut at ±3",
        kinks=_at(-3.0, 3.0), at_kink=_LEFT,
    ),
    Activation(
        "log_sigmoid", sigmoids.log_sigmoid, sigmoids.log_sigmoid_slope,
        "-log(1 + exp(-x))", "sigmoid(-x)",
        "(-∞, 0)", _GLOROT, "the log-likelihood of logistic regression",
        slope_float32=float32.built_on_sigmoid(sigmoids.log_sigmoid_slope), increasing=True,
    ),
    Activation(
        "tanh", sigmoids.tanh, sigmoids.tanh_slope,
        "tanh(x)", "1 / cosh(x)**2",
        "(-1, 1)", _GLOROT, "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp",
        slope_float32=float32.tanh_slope, increasing=True,
    ),
    Activation(
        "hard_tanh", sigmoids.hard_tanh, sigmoids.hard_tanh_slope,
        "min(max(x, -1), 1)", "where(x > -1 and x <= 1, 1, 0)",
        "[-1, 1]", _GLOROT, "Collobert 2004",
        kinks=_at(-1.0, 1.0), at_kink=_LEFT,
    ),
    Activation(
        "tanh_shrink", sigmoids.tanh_shrink, sigmoids.tanh_shrink_slope,
        "x - tanh(x)", "tanh(x)**2",
        "(-∞, ∞)", _GLOROT, "Torch7", increasing=True,
    ),
    Activation(
        "relu", rectifiers.relu, rectifiers.relu_slope,
        "where(x > threshold, min(x, max_value), negative_slope * (x - threshold))",
        "where(x > threshold, where(x > max_value, 0, 1), negative_slope)",
        "[0, ∞)", _HE, "Nair, Hinton 2010, ICML; the parameters as in Keras",
        (
            Parameter("negative_slope", 0.0, "slope below the threshold", learnable=True),
            Parameter("max_value", np.inf, "largest value", low=0, open_=(0,), learnable=True),
            Parameter("threshold", 0.0, "where the unit opens", low=0, learnable=True),
        ),
        parameter_slopes={
            "negative_slope": rectifiers.relu_by_negative_slope,
            "max_value": rectifiers.relu_by_max_value,
            "threshold": rectifiers.relu_by_threshold,
        },
        kinks=_relu_kinks, at_kink=_LEFT,
    ),
    Activation(
        "relu6", rectifiers.relu6, rectifiers.relu6_slope,
        "min(max(x, 0), 6)", "where(x > 0 and x <= 6, 1, 0)",
        "[0, 6]", _HE, "Krizhevsky 2010",
        kinks=_at(0.0, 6.0), at_kink=_LEFT,
    ),
    Activation(
        "leaky_relu", rectifiers.leaky_relu, rectifiers.leaky_relu_slope,
        "where(x > 0, x, negative_slope * x)", "where(x > 0, 1, negative_slope)",
        "(-∞, ∞)", _HE, "Maas, Hannun, Ng 2013, ICML",
        (_NEGATIVE_SLOPE,),
        parameter_slopes={"negative_slope": rectifiers.leaky_relu_by_slope},
        kinks=_at(0.0), at_kink=_LEFT,
    ),
    Activation(
        "prelu", rectifiers.prelu, rectifiers.prelu_slope,
        "where(x > 0, x, alpha * x)", "where(x > 0, 1, alpha)",
        "(-∞, ∞)", _HE, "He, Zhang, Ren, Sun 2015, ICCV",
        (Parameter("alpha", 0.25, "slope for x <= 0", learnable=True, learn_by_default=True),),
        parameter_slopes={"alpha": rectifiers.leaky_relu_by_slope},
        kinks=_at(0.0), at_kink=_LEFT,
    ),
    Activation(
        "rrelu", _rrelu, _rrelu_slope_at,
        "where(x > 0, x, (lower + upper) / 2 * x)", "where(x > 0, 1, (lower + upper) / 2)",
        "(-∞, ∞)", _HE, "Xu, Wang, Chen, Li 2015, arXiv 1505.00853; slopes are drawn in training",
        (
            Parameter("lower", 1 / 8, "least slope for x <= 0", low=0, at_most="upper"),
            Parameter("upper", 1 / 3, "largest slope for x <= 0", low=0),
        ),
        kinks=_at(0.0), at_kink=_LEFT, randomized=_rrelu_slope,
    ),
    Activation(
        "threshold", rectifiers.threshold, rectifiers.threshold_slope,
        "where(x > threshold, x, value)", "where(x > threshold, 1, 0)",
        "(-∞, ∞)", _HE, "Konda, Memisevic, Krueger 2015, ICLR",
        (Parameter("threshold", 1.0, "where the unit opens"), Parameter("value", 0.0, "value below the threshold")),
        kinks=lambda threshold, **_: (threshold,), at_kink=_LEFT,
    ),
    Activation(
        "elu", rectifiers.elu, rectifiers.elu_slope,
        "where(x > 0, x, alpha * (exp(x) - 1))", "where(x > 0, 1, alpha * exp(x))",
        "(-alpha, ∞)", _HE, "Clevert, Unterthiner, Hochreiter 2016, ICLR",
        (_ALPHA,),
        parameter_slopes={"alpha": rectifiers.elu_by_alpha},
        kinks=lambda alpha: () if alpha == 1 else (0.0,), at_kink=_LEFT, increasing=True,
    ),
    Activation(
        "selu", rectifiers.selu, rectifiers.selu_slope,
        "1.0507009873554805 * where(x > 0, x, 1.6732632423543772 * (exp(x) - 1))",
        "1.0507009873554805 * where(x > 0, 1, 1.6732632423543772 * exp(x))",
        "(-1.759, ∞)", _LECUN, "Klambauer, Unterthiner, Mayr, Hochreiter 2017, NeurIPS",
        kinks=_at(0.0), at_kink=_LEFT, increasing=True,
    ),
    Activation(
        "celu", rectifiers.celu, rectifiers.celu_slope,
        "where(x > 0, x, alpha * (exp(x / alpha) - 1))", "where(x > 0, 1, exp(x / alpha))",
        "(-alpha, ∞)", _HE, "Barron 2017, arXiv 1704.07483",
        (_ALPHA,),
        parameter_slopes={"alpha": rectifiers.celu_by_alpha}, increasing=True,
    ),
    Activation(
        "gelu", gates.gelu, gates.gelu_slope,
        "x * (1 + erf(x / sqrt(2))) / 2", "(1 + erf(x / sqrt(2))) / 2 + x * exp(-x**2 / 2) / sqrt(2 * pi)",
        "[-0.170, ∞)", _HE, "Hendrycks, Gimpel 2016, arXiv 1606.08415",
    ),
    Activation(
        "gelu_tanh", gates.gelu_tanh, gates.gelu_tanh_slope,
        "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))",
        "s + x * s * (1 - s) * 2 * sqrt(2 / pi) * (1 + 0.134145 * x**2), "
        "s = (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2",
        "[-0.171, ∞)", _HE, "Hendrycks, Gimpel 2016, arXiv 1606.08415",
        value_float32=float32.built_on_sigmoid(gates.gelu_tanh),
        slope_float32=float32.built_on_sigmoid(gates.gelu_tanh_slope),
    ),
    Activation(
        "silu", gates.silu, gates.silu_slope,
        "x * sigmoid(x)", "sigmoid(x) * (1 + x * sigmoid(-x))",
        "[-0.279, ∞)", _HE, "Elfwing, Uchibe, Doya 2018, Neural Networks 107",
        value_float32=float32.built_on_sigmoid(gates.silu), slope_float32=float32.built_on_sigmoid(gates.silu_slope),
    ),
    Activation(
        "swish", gates.swish, gates.swish_slope,
        "x * sigmoid(beta * x)", "sigmoid(beta * x) * (1 + beta * x * sigmoid(-beta * x))",
        "[-0.279 / beta, ∞)", _HE, "Ramachandran, Zoph, Le 2017, arXiv 1710.05941",
        (Parameter("beta", 1.0, "steepness of the gate", learnable=True),),
        parameter_slopes={"beta": gates.swish_by_beta},
        value_float32=float32.built_on_sigmoid(gates.swish), slope_float32=float32.built_on_sigmoid(gates.swish_slope),
    ),
    Activation(
        "hard_silu", gates.hard_silu, gates.hard_silu_slope,
        "x * min(max(x / 6 + 1 / 2, 0), 1)", "where(x <= -3, 0, where(x > 3, 1, x / 3 + 1 / 2))",
        "[-0.375, ∞)", _HE, "Howard et al. 2019, ICCV",
        kinks=_at(-3.0, 3.0), at_kink=_LEFT,
    ),
    Activation(
        "mish", gates.mish, gates.mish_slope,
        "x * tanh(log(1 + exp(x)))", "g + x * sigmoid(x) * (1 - g**2), g = tanh(log(1 + exp(x)))",
        "[-0.309, ∞)", _HE, "Misra 2020, BMVC",
        slope_float32=float32.built_on_sigmoid(gates.mish_slope),
    ),
    Activation(
        "softplus", sigmoids.softplus, sigmoids.softplus_slope,
        "log(1 + exp(beta * x)) / beta", "sigmoid(beta * x)",
        "(0, ∞)", _HE, "Dugas, Bengio, Bélisle, Nadeau, Garcia 2001, NeurIPS",
        (_BETA,),
        parameter_slopes={"beta": sigmoids.softplus_by_beta},
        slope_float32=float32.built_on_sigmoid(sigmoids.softplus_slope), increasing=True,
    ),
    Activation(
        "softsign", sigmoids.softsign, sigmoids.softsign_slope,
        "x / (1 + abs(x))", "1 / (1 + abs(x))**2",
        "(-1, 1)", _GLOROT, "Glorot, Bengio 2010, AISTATS", increasing=True,
    ),
    Activation(
        "squareplus", curves.squareplus, curves.squareplus_slope,
        "(x + sqrt(x**2 + b)) / 2", "(1 + x / sqrt(x**2 + b)) / 2",
        "(0, ∞)", _HE, "Barron 2021, arXiv 2112.11687",
        (Parameter("b", 4.0, "width of the bend", low=0, open_=(0,), learnable=True),),
        parameter_slopes={"b": curves.squareplus_by_b}, increasing=True,
    ),
    Activation(
        "sparse_plus", rectifiers.sparse_plus, rectifiers.sparse_plus_slope,
        "where(x <= -1, 0, where(x >= 1, x, (x + 1)**2 / 4))", "min(max((x + 1) / 2, 0), 1)",
        "[0, ∞)", _HE, "Martins, Astudillo 2016, ICML",
    ),
    Activation(
        "sparse_sigmoid", sigmoids.sparse_sigmoid, sigmoids.sparse_sigmoid_slope,
        "min(max((x + 1) / 2, 0), 1)", "where(x > -1 and x <= 1, 1 / 2, 0)",
        "[0, 1]", _GLOROT, "Martins, Astudillo 2016, ICML",
        kinks=_at(-1.0, 1.0), at_kink=_LEFT,
    ),
    Activation(
        "soft_shrink", rectifiers.soft_shrink, rectifiers.soft_shrink_slope,
        "where(x > threshold, x - threshold, where(x < -threshold, x + threshold, 0))",
        "where(x > threshold or x <= -threshold, 1, 0)",
        "(-∞, ∞)", _GLOROT, "Donoho 1995, IEEE Trans. Inf. Theory 41",
        (_THRESHOLD,),
        parameter_slopes={"threshold": rectifiers.soft_shrink_by_threshold},
        kinks=_at_ends, at_kink=_LEFT,
    ),
    Activation(
        "hard_shrink", rectifiers.hard_shrink, rectifiers.hard_shrink_slope,
        "where(abs(x) > threshold, x, 0)", "where(abs(x) > threshold, 1, 0)",
        "(-∞, ∞)", _GLOROT, "Donoho 1995, IEEE Trans. Inf. Theory 41",
        (Parameter("threshold", 0.5, "half the width of the middle", low=0),),
        kinks=_at_ends, at_kink="0",
    ),
    Activation(
        "exponential", curves.exponential, curves.exponential_slope,
        "exp(x)", "exp(x)",
        "(0, ∞)", _GLOROT, "Keras", increasing=True,
    ),
    Activation(
        "gaussian", curves.gaussian, curves.gaussian_slope,
        "exp(-x**2)", "-2 * x * exp(-x**2)",
        "(0, 1]", _GLOROT, "Broomhead, Lowe 1988, Complex Systems 2",
    ),
    Activation(
        "sin", curves.sin, curves.sin_slope,
        "sin(x)", "cos(x)",
        "[-1, 1]", _LECUN, "Sitzmann, Martel, Bergman, Lindell, Wetzstein 2020, NeurIPS",
    ),
    Activation(
        "snake", curves.snake, curves.snake_slope,
        "x + sin(frequency * x)**2 / frequency", "1 + sin(2 * frequency * x)",
        "(-∞, ∞)", _LECUN, "Ziyin, Hartwig, Ueda 2020, NeurIPS",
        (Parameter("frequency", 1.0, "waves per 2π of x, twice", low=0, open_=(0,), learnable=True),),
        parameter_slopes={"frequency": curves.snake_by_frequency}, increasing=True,
    ),
    Activation(
        "bent_identity", curves.bent_identity, curves.bent_identity_slope,
        "(sqrt(x**2 + 1) - 1) / 2 + x", "x / (2 * sqrt(x**2 + 1)) + 1",
        "(-∞, ∞)", _GLOROT, "the notebooks’ catalogue", increasing=True,
    ),
    Activation(
        "soft_exponential", curves.soft_exponential, curves.soft_exponential_slope,
        "where(alpha < 0, -log(1 - alpha * (x + alpha)) / alpha, "
        "where(alpha > 0, (exp(alpha * x) - 1) / alpha + alpha, x))",
        "where(alpha < 0, 1 / (1 - alpha * (x + alpha)), exp(alpha * x))",
        "(-∞, ∞)", _GLOROT, "Godfrey, Gashler 2016, arXiv 1602.01321",
        (Parameter("alpha", 0.0, "logarithm below 0, exponential above", learnable=True, learn_by_default=True),),
        parameter_slopes={"alpha": curves.soft_exponential_by_alpha},
    ),
    RowActivation(
        "softmax", rows.softmax, rows.softmax_backward, "exp(x_k) / sum_j exp(x_j)", "a_j (δ_jk - a_k)",
        "(0, 1), sums to 1", _GLOROT, "Bridle 1990",
        value_float32=float32.softmax,
    ),
    RowActivation(
        "softmin", rows.softmin, rows.softmin_backward, "exp(-x_k) / sum_j exp(-x_j)", "-a_j (δ_jk - a_k)",
        "(0, 1), sums to 1", _GLOROT, "PyTorch",
        value_float32=float32.softmin,
    ),
    RowActivation(
        "log_softmax", rows.log_softmax, rows.log_softmax_backward, "x_k - log(sum_j exp(x_j))", "δ_jk - exp(a_k)",
        "(-∞, 0)", _GLOROT, "the log-likelihood of softmax",
    ),
    RowActivation(
        "sparsemax", rows.sparsemax, rows.sparsemax_backward, "max(x_k - τ, 0), τ such that they sum to 1",
        "δ_jk - 1 / |S| on the support S",
        "[0, 1], sums to 1", _GLOROT, "Martins, Astudillo 2016, ICML",
        piece=lambda _z, a: a > 0,
    ),
    RowActivation(
        "maxout", _maxout, _maxout_backward, "max of each group of x", "1 at the first largest of its group, else 0",
        "(-∞, ∞)", _HE, "Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013, ICML", _pieces,
        (Parameter("pieces", 2, "inputs per unit", low=2, high=1000, whole=True),),
        piece=_largest_piece, moments=of_largest,
    ),
    RowActivation(
        "glu", rows.glu, rows.glu_backward, "first half * sigmoid(second half)",
        "sigmoid(g) by v, v sigmoid(g) (1 - sigmoid(g)) by g, the halves v and g of x",
        "(-∞, ∞)", _GLOROT, "Dauphin, Fan, Auli, Grangier 2017, ICML", _half, moments=of_gate,
        value_float32=float32.built_on_sigmoid(rows.glu), backward_float32=float32.built_on_sigmoid(rows.glu_backward),
    ),
)  # fmt: skip

# Names that other frameworks use for an entry.
ALIASES = {"linear": "identity", "hard_swish": "hard_silu", "soft_sign": "softsign"}
