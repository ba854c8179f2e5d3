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


def by_sign(alpha, positive, negative):
    """`positive` where alpha > 0, else `negative`: both are computed, and what the other sign gives is not used."""
    return np.where(alpha > 0, positive, negative)


def inner(x, alpha):
    """g(x), for the sign that alpha has."""
    return by_sign(alpha, np.expm1(alpha * x) / alpha + alpha, -np.log(1 - alpha * (x + alpha)) / alpha)


def inner_by_x(x, alpha):
    """dg/dx."""
    return by_sign(alpha, np.exp(alpha * x), 1 / (1 - alpha * (x + alpha)))


def inner_by_alpha(x, alpha):
    """dg/dα."""
    u = 1 - alpha * (x + alpha)
    positive = (alpha * x * np.exp(alpha * x) - np.expm1(alpha * x)) / alpha**2 + 1
    return by_sign(alpha, positive, np.log(u) / alpha**2 + (x + 2 * alpha) / (alpha * u))


def unless_zero(function):
    """A function of x, alpha and beta, which may be arrays that broadcast: `otherwise` where alpha is 0."""

    def chosen(x, alpha, beta, otherwise):
        safe = np.where(alpha == 0, 1, alpha).astype(x.dtype)
        with np.errstate(all="ignore"):  # the formula of the other sign may fail, and is not used
            return np.where(alpha == 0, otherwise, function(x, safe, beta))

    return chosen


value = unless_zero(lambda x, a, b: 1 / inner(x, a) + b)
slope = unless_zero(lambda x, a, b: -inner_by_x(x, a) / inner(x, a) ** 2)
slope_by_alpha = unless_zero(lambda x, a, b: -inner_by_alpha(x, a) / inner(x, a) ** 2)


ACTIVATIONS = [
    Activation.from_functions(
        "shifted_soft_exponential",
        value=lambda x, alpha, beta: value(x, alpha, beta, otherwise=x),
        slope=lambda x, alpha, beta: slope(x, alpha, beta, otherwise=1),
        parameters=(
            Parameter("alpha", 0.1, "curvature", learnable=True, learn_by_default=True),
            Parameter("beta", 7.0, "shift", learnable=True, learn_by_default=True),
        ),
        parameter_slopes={
            "alpha": lambda x, alpha, beta: slope_by_alpha(x, alpha, beta, otherwise=0),
            "beta": lambda x, alpha, beta: np.where(alpha == 0, 0, np.ones_like(x)),
        },
        formula="1 / ((exp(αx) - 1) / α + α) + β",
        slope_formula="-g'(x) / g(x)²",
    )
]
