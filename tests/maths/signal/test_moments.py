"""Moments of activations under normal pre-activations, against closed forms and a recorded table."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.expressions.formula import Formula
from nnlab.maths.parameters import resolved
from nnlab.maths.signal.moments import moments
from nnlab.maths.signal.normal import Moments, expectation

# Moments under N(0, 1) by adaptive quadrature split at kinks, recorded apart from this code.
TABLE = (Path(__file__).parent / "activation_moments.csv").read_text()
RECORDED = {row["name"]: row for row in csv.DictReader(TABLE.splitlines())}


def entry_of(text):
    return ACTIVATIONS.get(text) or Formula.parse(text, ()).to_activation("formula", {})


def of(text, q=1.0):
    entry = entry_of(text)
    return moments(entry, resolved(entry, {}), q)


@pytest.mark.parametrize("name", RECORDED)
def test_moments_agree_with_the_recorded_ones(name):
    found, row = of(name), RECORDED[name]
    recorded = [float(row[key] or "nan") for key in ("mean", "second", "slope", "chi", "mean_share", "kurtosis")]
    known = [found.mean, found.second, found.slope, found.chi, found.mean_share, found.kurtosis]
    pairs = [(ours, theirs) for ours, theirs in zip(known, recorded, strict=True) if math.isfinite(theirs)]
    assert len(pairs) >= 4
    tolerance = 0.01 if name == "rrelu" else 2e-5  # recorded with the mean slope, not with those that are drawn
    np.testing.assert_allclose(*zip(*pairs, strict=True), rtol=tolerance, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "q", "expected"),
    [
        ("relu", 4.0, Moments(2 / math.sqrt(2 * math.pi), 2.0, 0.5, 24.0, 1.0)),
        ("x**3", 2.0, Moments(0.0, 120.0, 108.0, 10395.0 * 64, 3.0)),
        ("exp(2*x)", 1.0, Moments(math.exp(2), math.exp(8), 4 * math.exp(8), math.exp(32), 8.0)),
        ("sin(30*x)", 1.0, Moments(0.0, 0.5, 450.0, 0.375, 0.0)),
    ],
)
def test_closed_forms(text, q, expected):
    found = of(text, q)
    for ours, theirs in zip(vars(found).values(), vars(expected).values(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-15)


def test_a_kink_in_the_tail_is_no_less_exact():
    # Of z ~ N(0, 1) above k: E[z - k] = φ(k) - k Q(k), E[(z - k)²] = (1 + k²) Q(k) - k φ(k), with Q(k) = P(z > k).
    k, found = 3.01, of("where(x > 3.01, x - 3.01, 0)")
    above, density = math.erfc(k / math.sqrt(2)) / 2, math.exp(-k * k / 2) / math.sqrt(2 * math.pi)
    assert found.mean == pytest.approx(density - k * above, rel=1e-11)
    assert found.second == pytest.approx((1 + k * k) * above - k * density, rel=1e-11)
    assert found.slope == pytest.approx(above, rel=1e-11)


@pytest.mark.parametrize(("text", "finite"), [("exp(x*x)", 0), ("exp(x*x/4)", 1), ("exp(x*x/5)", 3), ("exp(x*x/9)", 4)])
def test_what_grows_too_fast_has_infinite_moments(text, finite):
    found = of(text)
    assert sum(map(math.isfinite, [found.mean, found.second, found.slope, found.fourth])) == finite


def test_the_mean_of_a_negative_function_that_grows_too_fast_is_minus_infinity():
    assert expectation(lambda z: -np.exp(z * z)) == -math.inf


def test_an_undefined_function_has_no_moments():
    assert math.isnan(expectation(np.log))


def test_moments_are_worked_out_once_for_an_activation():
    """A comparison asks for them for every arm and each task."""
    entry = ACTIVATIONS["elu"]
    assert moments(entry, {"alpha": 1.0}) is moments(entry, {"alpha": 1.0})
    assert moments(entry, {"alpha": 0.5}) != moments(entry, {"alpha": 1.0})
