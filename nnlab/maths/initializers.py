"""Initial weights: each entry turns standard random numbers into a weight matrix; one table holds all entries.

A scheme's `scale` maps fan-in and fan-out to the bounds or the standard deviation. For a seed and a layer, every scheme
draws the same standard uniforms or normals and then scales them, so that two activations compared under different
schemes still start from matched draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import special
from nnlab.maths.parameters import Parameter, by_name

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Initializer:
    """How a weight matrix of shape (fan_in, fan_out) is initialised.

    `weights(draws, fan_in, fan_out, **parameters)` gives the matrix; `draws(kind)` gives standard random numbers of
    that shape: "uniform" in [0, 1), "normal" with mean 0 and standard deviation 1.
    """

    name: str
    weights: Callable[..., Array]
    formula: str
    source: str
    parameters: tuple[Parameter, ...] = ()


Draws = Callable[[str], Array]


def zeros(_draws: Draws, fan_in: int, fan_out: int) -> Array:
    """All weights 0."""
    return np.zeros((fan_in, fan_out))


def constant(_draws: Draws, fan_in: int, fan_out: int, *, value: float) -> Array:
    """All weights the same."""
    return np.full((fan_in, fan_out), value)


def uniform(draws: Draws, _fan_in: int, _fan_out: int, *, low: float, high: float) -> Array:
    """Uniform in [low, high)."""
    return low + (high - low) * draws("uniform")


def normal(draws: Draws, _fan_in: int, _fan_out: int, *, mean: float, std: float) -> Array:
    """Normal with a mean and a standard deviation."""
    return mean + std * draws("normal")


def truncated_normal(draws: Draws, _fan_in: int, _fan_out: int, *, mean: float, std: float) -> Array:
    """Normal, truncated at two standard deviations: x = Φ⁻¹(Φ(-2) + u (Φ(2) - Φ(-2))), u a standard uniform.

    `std` is the standard deviation before truncation; after it, it is 0.8796 of that.
    """
    low, high = special.ndtr(-2.0), special.ndtr(2.0)
    cut: Array = np.clip(special.ndtri(low + (high - low) * draws("uniform")), -2, 2)
    return mean + std * cut


def orthogonal(draws: Draws, fan_in: int, fan_out: int, *, gain: float) -> Array:
    """Orthonormal columns, or rows if there are fewer, times `gain`; every rotation is equally likely.

    Q of the QR decomposition of a matrix of normals, each column with the sign that makes R's diagonal positive;
    otherwise the signs would depend on the algorithm (Mezzadri 2007, arXiv:math-ph/0609050).
    """
    normals = draws("normal")
    q, r = np.linalg.qr(normals if fan_in >= fan_out else normals.T)
    q *= np.copysign(gain, np.diagonal(r))
    return q if fan_in >= fan_out else q.T


def identity(_draws: Draws, fan_in: int, fan_out: int, *, gain: float) -> Array:
    """`gain` on the diagonal, 0 elsewhere: the layer starts by passing its input on, as far as it is wide enough."""
    return gain * np.eye(fan_in, fan_out)


def _glorot_variance(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _he_variance(fan_in: int, _fan_out: int) -> float:
    return 2 / fan_in


def _lecun_variance(fan_in: int, _fan_out: int) -> float:
    return 1 / fan_in


def _uniform_with(variance: Callable[[int, int], float]) -> Callable[..., Array]:
    def weights(draws: Draws, fan_in: int, fan_out: int) -> Array:
        # A uniform on [-limit, limit) has the variance limit² / 3.
        limit = math.sqrt(3 * variance(fan_in, fan_out))
        return uniform(draws, fan_in, fan_out, low=-limit, high=limit)

    return weights


def _normal_with(variance: Callable[[int, int], float]) -> Callable[..., Array]:
    def weights(draws: Draws, fan_in: int, fan_out: int) -> Array:
        return normal(draws, fan_in, fan_out, mean=0.0, std=math.sqrt(variance(fan_in, fan_out)))

    return weights


def _gain() -> Parameter:
    return Parameter("gain", 1.0, "factor of the matrix", low=0, open_=(0,))


_GLOROT, _HE, _LECUN = (
    "Glorot, Bengio 2010, AISTATS",
    "He, Zhang, Ren, Sun 2015, ICCV",
    "LeCun et al. 1998, Efficient BackProp",
)

INITIALIZERS: dict[str, Initializer] = by_name(
    Initializer("zeros", zeros, "0", "for biases; hidden units that start alike stay alike"),
    Initializer("constant", constant, "value", "for hand-worked examples", (Parameter("value", None, "every weight"),)),
    Initializer(
        "uniform", uniform, "U[low, high)", "the notebooks",
        (Parameter("low", -0.05, "lower bound"), Parameter("high", 0.05, "upper bound, not reached")),
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
