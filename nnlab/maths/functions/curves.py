"""The other elementwise functions: straight, exponential, bell-shaped, periodic, bent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.functions.exact import square
from nnlab.maths.parameters import of_type

Array = NDArray[Any]


def identity(z: Array, out: Array) -> None:
    """f(z) = z."""
    np.copyto(out, z)


def identity_slope(_z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1."""
    np.copyto(out, 1)
    np.copyto(out, _z, where=np.isnan(_z))


def exponential(z: Array, out: Array) -> None:
    """f(z) = exp(z)."""
    with np.errstate(over="ignore"):
        np.exp(z, out=out)


def exponential_slope(_z: Array, a: Array, out: Array) -> None:
    """f'(z) = f(z)."""
    np.copyto(out, a)


def gaussian(z: Array, out: Array) -> None:
    """f(z) = exp(-z²), corrected for the square's rounding; beyond ±40 it is 0."""
    rounded, error = square(np.clip(z, -40, 40))
    np.multiply(np.exp(-rounded), 1 - error, out=out)


def gaussian_slope(z: Array, a: Array, out: Array) -> None:
    """f'(z) = -2 z exp(-z²)."""
    np.multiply(z, -2 * a, out=out, where=(a != 0))
    np.copyto(out, 0, where=a == 0)


def sin(z: Array, out: Array) -> None:
    """The sine of z; it has no limit at ±∞."""
    with np.errstate(invalid="ignore"):
        np.sin(z, out=out)


def sin_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = cos(z)."""
    with np.errstate(invalid="ignore"):
        np.cos(z, out=out)


def snake(z: Array, out: Array, frequency: Any) -> None:
    """f(z) = z + sin²(frequency z) / frequency."""
    with np.errstate(invalid="ignore", over="ignore"):
        np.square(np.sin(z * frequency), out=out)
    np.divide(out, frequency, out=out)
    np.add(out, z, out=out)
    np.copyto(out, z, where=~np.isfinite(out))  # the sine of an infinite number is nan; beside z it would be negligible


def snake_slope(z: Array, _a: Array, out: Array, frequency: Any) -> None:
    """f'(z) = 1 + sin(2 frequency z)."""
    with np.errstate(invalid="ignore", over="ignore"):
        np.sin(2 * (z * frequency), out=out)
    np.add(out, 1, out=out)


def snake_by_frequency(z: Array, _a: Array, out: Array, frequency: Any) -> None:
    """df/d(frequency) = (z sin(2u) - sin²(u)/frequency) / frequency with u = frequency z."""
    with np.errstate(invalid="ignore", over="ignore"):
        u = z * frequency
        np.multiply(z, np.sin(2 * u), out=out)
        np.subtract(out, np.square(np.sin(u)) / frequency, out=out)
    np.divide(out, frequency, out=out)


def bent_identity(z: Array, out: Array) -> None:
    """f(z) = (sqrt(z² + 1) - 1) / 2 + z.

    With u = |z| and h = hypot(u, 1), sqrt(z² + 1) - 1 = u · (u / (h + 1)): no cancellation near 0, and `hypot` does
    not overflow where z² would.
    """
    size = np.abs(z)
    np.divide(size, np.hypot(size, 1) + 1, out=out, where=np.isfinite(z))
    np.copyto(out, 1, where=np.isinf(z))
    np.multiply(out, size / 2, out=out)
    np.add(out, z, out=out, where=np.isfinite(z))
    np.copyto(out, z, where=~np.isfinite(z))


def bent_identity_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = z / (2 sqrt(z² + 1)) + 1."""
    np.divide(z, np.hypot(z, 1), out=out, where=np.isfinite(z))
    np.copyto(out, np.sign(z), where=~np.isfinite(z))
    np.multiply(out, 0.5, out=out)
    np.add(out, 1, out=out)


def squareplus(z: Array, out: Array, b: Any) -> None:
    """f(z) = (z + sqrt(z² + b)) / 2; for z < 0 as b / (2 (sqrt(z² + b) - z)), which does not cancel."""
    half = np.abs(z) / 2 + np.hypot(z, np.sqrt(b)) / 2
    np.copyto(out, half)
    np.divide(b / 4, half, out=out, where=z < 0)


def squareplus_slope(z: Array, _a: Array, out: Array, b: Any) -> None:
    """f'(z) = (1 + z / sqrt(z² + b)) / 2; for z < 0 as b / (2 h (h - z)) with h = sqrt(z² + b)."""
    h = np.hypot(z, np.sqrt(b))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        below = (b / 2 / h) / (h - z)
        above = (1 + z / h) / 2
    np.copyto(out, np.where(z < 0, below, above))
    np.copyto(out, z > 0, where=np.isinf(z))


def squareplus_by_b(z: Array, _a: Array, out: Array, b: Any) -> None:
    """df/db = 1 / (4 sqrt(z² + b))."""
    np.divide(0.25, np.hypot(z, np.sqrt(b)), out=out)


def soft_exponential(z: Array, out: Array, alpha: Any) -> None:
    """f(z) = -log(1 - alpha (z + alpha)) / alpha for alpha < 0, z for 0, (exp(alpha z) - 1) / alpha + alpha above."""
    alpha = of_type(alpha, z.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        above = np.expm1(alpha * z) / alpha + alpha
        below = -np.log1p(-alpha * (z + alpha)) / alpha
    np.copyto(out, np.where(alpha > 0, above, np.where(alpha < 0, below, z)))


def soft_exponential_slope(z: Array, _a: Array, out: Array, alpha: Any) -> None:
    """f'(z) = 1 / (1 - alpha (z + alpha)) for alpha < 0, exp(alpha z) otherwise; nan beyond the logarithm's end."""
    alpha = of_type(alpha, z.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        inside = 1 - alpha * (z + alpha)
        below = np.where(inside < 0, np.nan, 1 / inside)
        above = np.exp(alpha * z)
    np.copyto(out, np.where(alpha < 0, below, np.where((alpha == 0) & ~np.isnan(z), 1, above)))


def soft_exponential_by_alpha(z: Array, _a: Array, out: Array, alpha: Any) -> None:
    """df/d(alpha), with u = alpha z: z² (u exp(u) - exp(u) + 1) / u² + 1 above 0.

    Below 0, with v = z + alpha and t = alpha v: v² (log(1 - t) + t / (1 - t)) / t² + 1 / (1 - t). Both quotients cancel
    near 0, where their series are used: sum of u^k / (k! (k + 2)), and sum of t^k (k + 1) / (k + 2).
    """
    alpha = of_type(alpha, z.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        v = z + alpha
        u, t = alpha * z, alpha * v
        above = z * z * _quotient(u, (u * np.exp(u) - np.expm1(u)) / (u * u), _EXPONENTIAL_SERIES) + 1
        below = v * v * _quotient(t, (np.log1p(-t) + t / (1 - t)) / (t * t), _LOGARITHMIC_SERIES) + 1 / (1 - t)
    np.copyto(out, np.where(alpha >= 0, above, below))


_EXPONENTIAL_SERIES = tuple(1 / (math.factorial(k) * (k + 2)) for k in range(12))
_LOGARITHMIC_SERIES = tuple((k + 1) / (k + 2) for k in range(24))


def _quotient(x: Array, quotient: Array, series: tuple[float, ...]) -> Array:
    """The series for |x| < 0.2, the quotient elsewhere."""
    near = np.abs(x) < 0.2
    inside = np.polynomial.polynomial.polyval(np.where(near, x, 0), series)
    result: Array = np.where(near, inside, quotient)
    return result
