"""A user's own activation with two learnable parameters: a soft exponential of x, its reciprocal shifted by beta.

f(x) = 1 / ((exp(αx) - 1) / α + α) + β            for α > 0
f(x) = 1 / (-log(1 - α (x + α)) / α) + β          for α < 0
f(x) = x                                          for α = 0

With g the inner function, f = 1/g + β, so that df/dx = -g'(x) / g², df/dα = -(dg/dα) / g² and df/dβ = 1.
For α > 0: dg/dx = exp(αx) and dg/dα = (αx exp(αx) - exp(αx) + 1) / α² + 1.
For α < 0: with u = 1 - α (x + α), dg/dx = 1 / u and dg/dα = log(u) / α² + (x + 2α) / (αu).
"""

import numpy as np

from nnlab.maths.activations import Activation, Parameter


def inner(x, alpha):
    """g(x), for the sign that alpha has."""
    if alpha > 0:
        return np.expm1(alpha * x) / alpha + alpha
    return -np.log(1 - alpha * (x + alpha)) / alpha


def inner_by_x(x, alpha):
    """dg/dx."""
    return np.exp(alpha * x) if alpha > 0 else 1 / (1 - alpha * (x + alpha))


def inner_by_alpha(x, alpha):
    """dg/dα."""
    if alpha > 0:
        return (alpha * x * np.exp(alpha * x) - np.expm1(alpha * x)) / alpha**2 + 1
    u = 1 - alpha * (x + alpha)
    return np.log(u) / alpha**2 + (x + 2 * alpha) / (alpha * u)


def each(function):
    """Apply a function of (x, alpha, beta) replica by replica, for the sign of alpha chooses the formula."""

    def stacked(x, alpha, beta):
        alphas, betas = np.broadcast_to(alpha, (len(x), 1, 1)).ravel(), np.broadcast_to(beta, (len(x), 1, 1)).ravel()
        return np.stack([function(*parts) for parts in zip(x, alphas, betas, strict=True)])

    return stacked


ACTIVATIONS = [
    Activation.from_functions(
        "shifted_soft_exponential",
        value=each(lambda x, a, b: x if a == 0 else 1 / inner(x, a) + b),
        slope=each(lambda x, a, b: np.ones_like(x) if a == 0 else -inner_by_x(x, a) / inner(x, a) ** 2),
        parameters=(
            Parameter("alpha", 0.1, "curvature", learnable=True, learn_by_default=True),
            Parameter("beta", 7.0, "shift", learnable=True, learn_by_default=True),
        ),
        parameter_slopes={
            "alpha": each(lambda x, a, b: np.zeros_like(x) if a == 0 else -inner_by_alpha(x, a) / inner(x, a) ** 2),
            "beta": each(lambda x, a, b: np.zeros_like(x) if a == 0 else np.ones_like(x)),
        },
        formula="1 / ((exp(αx) - 1) / α + α) + β",
        slope_formula="-g'(x) / g(x)²",
    )
]
