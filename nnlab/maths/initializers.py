"""Initial weights: each entry turns standard random numbers into a weight matrix; one table holds all entries.

For a seed and a layer, every scheme that draws normals draws the same standard normals and then scales them, and so do
those that draw uniforms: two activations compared under different schemes of one kind start from matched draws. Under
`fair` the kind is the same for every activation, and the scale follows from the activation below.

Fans of a dense layer are the sides of its matrix. A convolution's matrix has a row for each weight of a filter and a
column for each filter; its fan-in is the number of rows, its fan-out the kernel's size times the filters, since each
input goes into a filter that often.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import special
from nnlab.maths.parameters import Parameter, by_name
from nnlab.maths.signal.normal import STANDARD, Moments

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Initializer:
    """How a weight matrix is initialised, or the one row of a bias.

    `weights(draws, shape, fans, **parameters)` gives the matrices of R replicas, (R, *shape), or one for all of them,
    for what goes into a unit and comes out of it, `fans`; `draws(kind)` gives standard random numbers for each replica,
    (R, *shape): "uniform" in [0, 1), "normal" with mean 0 and standard deviation 1. `bias` is a function like `weights`
    for the row of biases that belongs to them, zeros where there is none. A bias that is started by a scheme of its own
    has one input, or the fans of its layer where the scheme is `by_layer`. A scheme that looks at the moments of what
    the layer gets has a `fault(fans, **parameters)`, which says why it cannot start from them, or None, and
    `variances(fans, **parameters)`, those that it gives.
    """

    name: str
    weights: Callable[..., Array]
    formula: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    by_layer: bool = False
    bias: Callable[..., Array] | None = None
    fault: Callable[..., str | None] | None = None
    variances: Callable[..., Variances] | None = None


class Variances(NamedTuple):
    """The variances of initial weights times the fan-in, σw², and of biases, σb².

    Where the weights are `centred`, those of each unit add up to 0.
    """

    weights: float
    bias: float
    centred: bool = False


class Fans(NamedTuple):
    """How many inputs go into a unit, how many units an input goes into, and the moments of these inputs.

    `is_first` says that they are the inputs of the network.
    """

    fan_in: int
    fan_out: int
    signal: Moments = STANDARD
    is_first: bool = False


Draws = Callable[[str], Array]
Shape = tuple[int, int]


def zeros(_draws: Draws, shape: Shape, _fans: Fans) -> Array:
    """All weights 0."""
    return np.zeros(shape)


def constant(_draws: Draws, shape: Shape, _fans: Fans, *, value: float) -> Array:
    """All weights the same."""
    return np.full(shape, value)


def uniform(draws: Draws, _shape: Shape, _fans: Fans, *, low: float, high: float) -> Array:
    """Uniform in [low, high)."""
    return low + (high - low) * draws("uniform")


def normal(draws: Draws, _shape: Shape, _fans: Fans, *, mean: float, std: float) -> Array:
    """Normal with a mean and a standard deviation."""
    return mean + std * draws("normal")


def truncated_normal(draws: Draws, _shape: Shape, _fans: Fans, *, mean: float, std: float) -> Array:
    """Normal, truncated at two standard deviations: x = Φ⁻¹(Φ(-2) + u (Φ(2) - Φ(-2))), u a standard uniform.

    `std` is the standard deviation before truncation; after it, it is 0.8796 of that.
    """
    low, high = special.ndtr(-2.0), special.ndtr(2.0)
    cut: Array = np.clip(special.ndtri(low + (high - low) * draws("uniform")), -2, 2)
    return mean + std * cut


def orthogonal(draws: Draws, shape: Shape, _fans: Fans, *, gain: float) -> Array:
    """Orthonormal columns, or rows if there are fewer, times `gain`; every rotation is equally likely.

    Q of the QR decomposition of a matrix of normals, each column with the sign that makes R's diagonal positive;
    otherwise the signs would depend on the algorithm (Mezzadri 2007, arXiv:math-ph/0609050).
    """
    normals, is_tall = draws("normal"), shape[0] >= shape[1]
    q, r = np.linalg.qr(normals if is_tall else normals.swapaxes(-1, -2))
    q *= np.copysign(gain, np.diagonal(r, axis1=-2, axis2=-1))[..., np.newaxis, :]
    return q if is_tall else q.swapaxes(-1, -2)


def identity(_draws: Draws, shape: Shape, _fans: Fans, *, gain: float) -> Array:
    """`gain` on the diagonal, 0 elsewhere: the layer starts by passing its input on, as far as it is wide enough."""
    return gain * np.eye(*shape)


def variance_scaling(draws: Draws, shape: Shape, fans: Fans, *, scale: float, mode: str, distribution: str) -> Array:
    """Variance scale / n, with n the fan-in, the fan-out or the mean of both.

    A truncated normal is widened so that it has this variance after the cut. `scale: 1/3` with fan_in and uniform is
    U[-1/√fan_in, 1/√fan_in), from which PyTorch starts both weights and biases of its linear and convolutional layers.
    """
    n = {"fan_in": fans.fan_in, "fan_out": fans.fan_out, "fan_avg": (fans.fan_in + fans.fan_out) / 2}[mode]
    std = math.sqrt(scale / n)
    if distribution == "uniform":
        return uniform(draws, shape, fans, low=-math.sqrt(3) * std, high=math.sqrt(3) * std)
    if distribution == "normal":
        return normal(draws, shape, fans, mean=0.0, std=std)
    return truncated_normal(draws, shape, fans, mean=0.0, std=std / _STD_AFTER_CUT)


def fair(draws: Draws, _shape: Shape, fans: Fans, *, aim: str) -> Array:
    """N(0, γ² / fan_in), with the gain γ that makes up for what the activation f below does to a standard normal z.

    A pre-activation is a sum of fan_in terms w f(z), and has the variance γ² E[f²] / fan_in · fan_in.
    - forward: γ² = 1 / E[f(z)²] keeps it at 1 from layer to layer (for relu: He, Zhang, Ren, Sun 2015; for any f:
      Mishkin, Matas 2016, arXiv:1511.06422, who measure what is worked out here).
    - gradient: γ² = 1 / E[f'(z)²] keeps the mean squared gradient instead, which is multiplied by γ² E[f'²] on its way
      through a layer.
    - critical: that, and biases of variance 1 - E[f²] / E[f'²], so that the pre-activations keep their variance too
      (Schoenholz, Gilmer, Ganguli, Sohl-Dickstein 2017; Hayou, Doucet, Rousseau 2019, arXiv:1902.06853).
    - centred: each unit's weights have a mean of 0, so that what is the same for every input, E[f], cancels, and
      γ² = 1 / Var f.

    The first layer, whose inputs no activation gives, has γ² = 1 / E[x²] whatever the aim. Where a moment was measured
    and is 0 or infinite, γ is 1.
    """
    weights = fair_gain(fans, aim=aim) / math.sqrt(fans.fan_in) * draws("normal")
    if fair_variances(fans, aim=aim).centred:
        weights -= weights.mean(axis=-2, keepdims=True)
    return weights


def fair_gain(fans: Fans, *, aim: str) -> float:
    """γ of `fair`."""
    moment = fans.signal.second if fans.is_first else _MOMENTS[aim].of(fans.signal)
    return 1 / math.sqrt(moment) if 0 < moment < math.inf else 1.0


def fair_bias(draws: Draws, shape: Shape, fans: Fans, *, aim: str) -> Array:
    """N(0, 1 - E[f²] / E[f'²]) behind an activation for the aim critical, else zeros; see `fair`."""
    variance = fair_variances(fans, aim=aim).bias
    return math.sqrt(variance) * draws("normal") if variance else np.zeros(shape)


def fair_variances(fans: Fans, *, aim: str) -> Variances:
    """γ² and the variance of the biases; see `fair`."""
    weights = fair_gain(fans, aim=aim) ** 2
    if fans.is_first:
        return Variances(weights, 0.0)
    bias = max(1 - fans.signal.second / fans.signal.slope, 0.0) if aim == "critical" else 0.0
    return Variances(weights, bias, aim == "centred" and fans.fan_in > 1)


def fair_fault(fans: Fans, *, aim: str) -> str | None:
    """Why `fair` has no gain for these inputs; a second moment that is yet to be measured is no fault."""
    signal, wanted = fans.signal, _MOMENTS[aim]
    moment, is_measured = wanted.of(signal), wanted.is_measured and math.isnan(signal.second)
    if fans.is_first or is_measured:
        return None
    if math.isnan(moment):
        return f"aim {aim} needs {wanted.name}, which is not known of what goes into the layer; expected aim: forward"
    if not 0 < moment < math.inf:
        size = "infinite" if moment > 0 else "0"
        found = (
            f"{wanted.name} of what goes into the layer is {size} for normal pre-activations, so that it has no gain"
        )
        return f"{found}; expected another activation, or another initialiser"
    if aim == "critical" and signal.second > signal.slope * (1 + 1e-9):
        found = f"E[f'²] = {signal.slope:.4g} is below E[f²] = {signal.second:.4g}"
        return f"aim critical needs biases of a negative variance, since {found}; expected another aim"
    return None


class _Moment(NamedTuple):
    """The moment that an aim makes up for, by its name; `is_measured` where the outputs of a layer tell it."""

    of: Callable[[Moments], float]
    name: str
    is_measured: bool


_MOMENTS = {
    "forward": _Moment(lambda signal: signal.second, "E[f²]", True),  # noqa: FBT003 - a row of a table
    "gradient": _Moment(lambda signal: signal.slope, "E[f'²]", False),  # noqa: FBT003
    "critical": _Moment(lambda signal: signal.slope, "E[f'²]", False),  # noqa: FBT003
    "centred": _Moment(lambda signal: signal.variance, "Var f", True),  # noqa: FBT003
}


# The standard deviation of a standard normal cut at ±2: √(1 - 4 φ(2) / (2 Φ(2) - 1)).
_STD_AFTER_CUT = 0.8796256610342398


def _glorot_variance(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _he_variance(fan_in: int, _fan_out: int) -> float:
    return 2 / fan_in


def _lecun_variance(fan_in: int, _fan_out: int) -> float:
    return 1 / fan_in


def _uniform_with(variance: Callable[[int, int], float]) -> Callable[..., Array]:
    def weights(draws: Draws, shape: Shape, fans: Fans) -> Array:
        # A uniform on [-limit, limit) has the variance limit² / 3.
        limit = math.sqrt(3 * variance(fans.fan_in, fans.fan_out))
        return uniform(draws, shape, fans, low=-limit, high=limit)

    return weights


def _normal_with(variance: Callable[[int, int], float]) -> Callable[..., Array]:
    def weights(draws: Draws, shape: Shape, fans: Fans) -> Array:
        return normal(draws, shape, fans, mean=0.0, std=math.sqrt(variance(fans.fan_in, fans.fan_out)))

    return weights


def _gain() -> Parameter:
    return Parameter("gain", 1.0, "factor of the matrix", low=0, open_=(0,))


_GLOROT, _HE, _LECUN = (
    "Glorot, Bengio 2010, AISTATS",
    "He, Zhang, Ren, Sun 2015, ICCV",
    "LeCun et al. 1998, Efficient BackProp",
)

INITIALIZERS: dict[str, Initializer] = by_name(
    Initializer(
        "fair", fair, "N(0, γ²/fan_in), γ² = 1 / E[f(z)²] of the activation f below, z ~ N(0, 1)",
        "He, Zhang, Ren, Sun 2015, ICCV, for relu; Schoenholz et al. 2017, arXiv:1611.01232, for the aim critical",
        (
            Parameter(
                "aim", "forward", "what is kept from layer to layer",
                choices=("forward", "gradient", "critical", "centred"),
            ),
        ),
        by_layer=True, bias=fair_bias, fault=fair_fault, variances=fair_variances,
    ),
    Initializer("zeros", zeros, "0", "for biases; hidden units that start alike stay alike"),
    Initializer("constant", constant, "value", "for hand-worked examples", (Parameter("value", None, "every weight"),)),
    Initializer(
        "uniform", uniform, "U[low, high)", "the notebooks",
        (Parameter("low", -0.05, "lower bound", at_most="high"), Parameter("high", 0.05, "upper bound, not reached")),
    ),
    Initializer(
        "normal", normal, "N(mean, std²)", "the usual small random start",
        (Parameter("mean", 0.0, "mean"), Parameter("std", 0.05, "standard deviation", low=0)),
    ),
    Initializer(
        "truncated_normal", truncated_normal, "N(mean, std²) within mean ± 2 std", "Abadi et al. 2016, OSDI",
        (Parameter("mean", 0.0, "mean"), Parameter("std", 0.05, "standard deviation before the cut", low=0)),
    ),
    Initializer(
        "orthogonal", orthogonal, "gain · Q, QR = N(0, 1), diagonal of R > 0",
        "Saxe, McClelland, Ganguli 2014, ICLR", (_gain(),),
    ),
    Initializer("identity", identity, "gain · I", "Le, Jaitly, Hinton 2015, arXiv:1504.00941", (_gain(),)),
    Initializer(
        "variance_scaling", variance_scaling, "variance scale / n, n by mode",
        "He, Zhang, Ren, Sun 2015, ICCV, for scale 2; Glorot, Bengio 2010, AISTATS, for fan_avg",
        (
            Parameter("scale", 1.0, "variance times n", low=0, open_=(0,)),
            Parameter("mode", "fan_in", "which n", choices=("fan_in", "fan_out", "fan_avg")),
            Parameter(
                "distribution", "truncated_normal", "how they are drawn",
                choices=("normal", "truncated_normal", "uniform"),
            ),
        ),
        by_layer=True,
    ),
    Initializer("glorot_uniform", _uniform_with(_glorot_variance), "U[-√(6/(fan_in+fan_out)), …)", _GLOROT),
    Initializer("glorot_normal", _normal_with(_glorot_variance), "N(0, 2/(fan_in+fan_out))", _GLOROT),
    Initializer("he_uniform", _uniform_with(_he_variance), "U[-√(6/fan_in), …)", _HE),
    Initializer("he_normal", _normal_with(_he_variance), "N(0, 2/fan_in)", _HE),
    Initializer("lecun_uniform", _uniform_with(_lecun_variance), "U[-√(3/fan_in), …)", _LECUN),
    Initializer("lecun_normal", _normal_with(_lecun_variance), "N(0, 1/fan_in)", _LECUN),
)  # fmt: skip


def draws_from(generator: np.random.Generator, shape: tuple[int, int]) -> Draws:
    """Standard uniforms or normals of `shape` from a random stream."""

    def draws(kind: str) -> Array:
        return generator.random(shape) if kind == "uniform" else generator.standard_normal(shape)

    return draws


def legacy_draws(state: np.random.RandomState, shape: tuple[int, int]) -> Draws:
    """The notebooks' draws: from one `RandomState`, layer by layer, each matrix drawn as (out, in)."""
    fan_in, fan_out = shape

    def draws(kind: str) -> Array:
        drawn: NDArray[Any] = state.rand(fan_out, fan_in) if kind == "uniform" else state.randn(fan_out, fan_in)
        return drawn.T

    return draws
