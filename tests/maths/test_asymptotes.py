"""What functions tend to, and their least and largest values."""

import math

import numpy as np
import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.asymptotes import asymptote, extremes
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.expressions.formula import Formula
from nnlab.maths.parameters import resolved

INF = math.inf


def bound(text):
    entry = ACTIVATIONS.get(text) or Formula.parse(text, ()).to_activation("formula", {})
    return BoundActivation(entry, resolved(entry, {}))


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("relu", (0, 0), (1, 0)),
        ("tanh_shrink", (1, 1), (1, -1)),
        ("bent_identity", (0.5, -0.5), (1.5, -0.5)),
        ("selu", (0, -1.7580993408473766), (1.0507009873554805, 0)),
        ("softsign", (0, -1), (0, 1)),  # which it nears like 1 / x
        ("log(1 + exp(x))", (0, 0), (1, 0)),  # which overflows at 710
        ("1/sqrt(1 + abs(x))", (0, 0), (0, 0)),
    ],
)
def test_lines_and_limits(text, left, right):
    for side, expected in ((-1, left), (1, right)):
        found = asymptote(bound(text), side)
        assert found.growth == "line"
        assert (found.slope, found.offset) == pytest.approx(expected, abs=1e-3 if "sqrt" in text else 1e-8)


@pytest.mark.parametrize(
    ("text", "growth", "slope", "power"),
    [
        ("sin", "oscillates", 0, None),
        ("snake", "oscillates", 1, None),
        ("x*cos(x)", "oscillates", None, None),
        ("exponential", "faster", None, INF),
        ("exp(x*x)", "faster", None, INF),
        ("x**3", "faster", None, 3),
        ("sqrt(1 + abs(x))", "slower", None, 0.5),
        ("log(1 + x*x)", "slower", 0, None),
        ("x + log(1 + x*x)", "slower", 1, None),
    ],
)
def test_what_tends_to_no_line(text, growth, slope, power):
    found = asymptote(bound(text), 1)
    assert found.growth == growth
    for known, expected in ((found.slope, slope), (found.power, power)):
        assert math.isnan(known) if expected is None else known == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "lowest", "highest"),
    [
        ("silu", (-0.27846454276107374, -1.2784645427610738), (INF, None)),  # W(1/e), x = -1 - W(1/e)
        ("relu6", (0, None), (6, None)),
        ("tanh", (-1, None), (1, None)),
        ("gaussian", (0, None), (1, 0)),
        ("sin(3*x) - 2", (-3, None), (-1, None)),
        ("x*exp(x)", (-math.exp(-1), -1), (INF, None)),
        ("x*cos(x)", (-INF, None), (INF, None)),
        ("abs(x - 2)", (0, 2), (INF, None)),
        ("exp(x*x)", (1, 0), (INF, None)),
    ],
)
def test_least_and_largest_values(text, lowest, highest):
    f = bound(text)
    found = extremes(f, asymptote(f, -1), asymptote(f, 1))
    for extreme, (value, at) in zip(found, (lowest, highest), strict=True):
        assert extreme.value == pytest.approx(value, abs=1e-9)
        if at is not None or np.isinf(value):
            assert extreme.at == (None if at is None else pytest.approx(at, abs=1e-6))
