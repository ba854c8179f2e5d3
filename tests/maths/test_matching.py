"""Which known function a function is, up to its scales and an offset."""

import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.expressions.formula import Formula
from nnlab.maths.matching import matches, with_defaults
from nnlab.maths.parameters import resolved

KNOWN = with_defaults(ACTIVATIONS)


def found(text, **parameters):
    entry = ACTIVATIONS.get(text) or Formula.parse(text, ()).to_activation("formula", {})
    return {match.name: match for match in matches(BoundActivation(entry, resolved(entry, parameters)), KNOWN)}


@pytest.mark.parametrize(
    ("text", "name", "numbers"),
    [
        ("x * sigmoid(x)", "silu", (1, 1, 0)),
        ("1.5 * x / (1 + exp(-x))", "silu", (1.5, 1, 0)),
        ("x * sigmoid(1.702 * x)", "silu", (1 / 1.702, 1.702, 0)),
        ("x * tanh(log(1 + exp(x)))", "mish", (1, 1, 0)),
        ("2 * tanh(x / 3) - 1", "tanh", (2, 1 / 3, -1)),
        ("tanh", "sigmoid", (2, 2, -1)),
        ("softplus", "log_sigmoid", (-1, -1, 0)),
        ("max(-3 * x, 0)", "relu", (3, -1, 0)),  # any scale of x is one of y: the simplest is told
        ("0.001 * tanh(x)", "tanh", (0.001, 1, 0)),
        ("sin(0.05 * x)", "sin", (1, 0.05, 0)),
        ("sin(2.5 * x)", "sin", (1, 2.5, 0)),
        ("2 - sin(30 * x)", "sin", (-1, 30, 2)),
        ("tanh(x / 100)", "tanh", (1, 0.01, 0)),
        ("softplus(-300 * x)", "softplus", (1, -300, 0)),
        ("3 * exp(-(25 * x)**2)", "gaussian", (3, 25, 0)),  # its slope at 0 is 0
        ("max(-1, min(1, x / 300))", "hard_tanh", (1, 1 / 300, 0)),
        ("max(min(x, 2), -1)", "relu6", None),
    ],
)
def test_a_function_is_recognised_with_its_scales(text, name, numbers):
    match = found(text).get(name)
    if numbers is None:
        assert match is None or not match.exact
        return
    assert match.exact
    assert (match.a, match.b, match.c) == pytest.approx(numbers, rel=1e-9, abs=1e-12)


def test_an_approximation_is_told_with_its_error():
    match = found("gelu_tanh")["gelu"]
    assert not match.exact
    assert (match.a, match.b, match.c) == (1, 1, 0)
    assert match.error == pytest.approx(4.73e-4, rel=0.01)  # the largest difference, at x = ±2.3


def test_a_function_with_other_parameters_is_one_of_another_scale():
    match = found("swish", beta=2.0)["silu"]
    assert match.exact
    assert (match.a, match.b, match.c) == pytest.approx((0.5, 2, 0))


@pytest.mark.parametrize("text", ["relu", "sin(30 * x) + sin(11 * x)", "exp(x * x)"])
def test_what_is_like_no_other_is_not_said_to_be(text):
    assert [match for match in found(text).values() if match.error < 0.1] == []


def test_a_cut_beyond_the_points_that_are_fitted_is_seen():
    assert not any(match.exact for match in found("relu").values())  # relu6 of x / 8, times 8, is cut at 48
