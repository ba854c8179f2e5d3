"""The theory of signals in wide networks against closed forms, published figures, and networks that are drawn."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.expressions.formula import Formula
from nnlab.maths.parameters import resolved
from nnlab.maths.signal.criticality import chi, chi_field, critical_curve, is_twice_critical_everywhere
from nnlab.maths.signal.gradients import measured_ratios, predicted_ratio
from nnlab.maths.signal.moments import moments
from nnlab.maths.signal.theory import correlation_under, theory_of
from nnlab.maths.signal.variance import VarianceMap

# By adaptive quadrature, recorded apart from this code.
TABLE = (Path(__file__).parent / "activation_moments.csv").read_text()
RECORDED = {row["name"]: row for row in csv.DictReader(TABLE.splitlines())}


def bound(text, **parameters):
    entry = ACTIVATIONS.get(text) or Formula.parse(text, ()).to_activation("formula", {})
    return BoundActivation(entry, resolved(entry, parameters))


def theory(text, **parameters):
    return theory_of(bound(text, **parameters))


# --- the variance map -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gelu", "relu6", "hard_shrink", "sin", "exponential", "soft_exponential"])
def test_the_variance_map_has_the_moments_for_any_variance(name):
    f = bound(name)
    variance = VarianceMap(f)
    for q in (1e-3, 0.3, 1.0, 20.0):
        exact = moments(f.entry, f.chosen, q)
        assert variance.value(q) == pytest.approx(exact.second, rel=1e-8)
        assert variance.slope_moment(q) == pytest.approx(exact.slope, rel=1e-8)


@pytest.mark.parametrize("name", RECORDED)
def test_slopes_of_the_variance_map_and_linear_shares_agree_with_the_recorded_ones(name):
    found, row = theory(name), RECORDED[name]
    assert found.log_slope == pytest.approx(float(row["variance_slope"]), rel=2e-5, abs=1e-9)
    share = 0.01 if name == "rrelu" else 2e-5  # recorded with the mean slope, not with those that are drawn
    assert found.shares.linear == pytest.approx(float(row["linear_share"]), rel=share, abs=1e-9)


def test_a_variance_that_grows_too_fast_is_infinite():
    variance = VarianceMap(bound("exp(x*x/5)"))
    assert variance.value(1.0) == pytest.approx(math.sqrt(5), rel=1e-10)  # (1 - 4 q / 5)^(-1/2)
    assert variance.value(1.3) == math.inf


def test_fixed_points_are_stable_and_unstable_in_turn():
    points = theory("snake").fixed_points  # x + sin(x)²: the mean adds to the variance, the more the larger it is
    assert [round(point.q, 4) for point in points] == [0, 0.177, 1]
    assert [point.stable for point in points] == [True, False, True]
    assert [round(point.q, 9) for point in theory("tanh").fixed_points] == [0, 1]
    assert theory("relu").fixed_points == []
    assert theory("relu").variance.ignores_scale


def test_biases_give_relu_a_fixed_point():
    (point,) = VarianceMap(bound("relu")).fixed_points(1.0, 0.25)  # q = q / 2 + 1/4
    assert point.q == pytest.approx(0.5, rel=1e-9)
    assert point.slope == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize(("weights", "reached"), [(1.9, 0.0), (2.0, 1.0), (2.1, math.inf)])
def test_without_biases_a_relu_network_keeps_its_variance_at_one_weight_variance_only(weights, reached):
    assert VarianceMap(bound("relu")).reached(weights, 0.0) == reached


# --- critical starts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("gelu", {}, (3.5616, 1.98306, 0.172922)),  # Roberts, Yaida, Hanin 2022, chapter 5
        ("silu", {}, (14.3202, 1.98800, 0.555143)),  # there, too
        ("swish", {"beta": 5.0}, (0.572807, 1.98800, 0.0222057)),  # as silu, with x scaled by 5
        ("1.5*x*sigmoid(x)", {}, (14.3202, 0.883558, 0.555143)),
        ("mish", {}, (1.6702, 2.01352, 0.0945218)),
        ("snake", {}, (0.30469, 0.686667, 0.0171359)),
        ("tanh", {}, (0.0, 1.0, 0.0)),
    ],
)
def test_the_start_that_is_critical_twice(name, parameters, expected):
    (point,) = theory(name, **parameters).twice_critical
    assert (point.q, point.weights, point.bias) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize(("name", "everywhere"), [("relu", True), ("soft_shrink", True), ("gelu", False)])
def test_functions_whose_bends_lie_on_the_axis_are_critical_twice_everywhere(name, everywhere):
    found = theory(name)
    assert is_twice_critical_everywhere(found.variance) is everywhere
    assert bool(found.twice_critical) is not everywhere


def test_sigmoid_is_critical_only_with_very_large_weights():
    found = theory("sigmoid")
    assert found.critical is None
    assert found.twice_critical == []
    assert min(point.weights for point in critical_curve(found.variance)) > 25


def test_critical_starts_keep_the_variance_and_the_gradient():
    variance = VarianceMap(bound("elu"))
    for point in critical_curve(variance)[::8]:
        assert variance.next(point.q, point.weights, point.bias) == pytest.approx(point.q, rel=1e-9)
        assert point.weights * variance.slope_moment(point.q) == pytest.approx(1, rel=1e-9)


def test_chi_of_tanh_at_a_published_critical_start():
    variance = VarianceMap(bound("tanh"))
    assert chi(variance, 1.76, 0.05, 1.0) == pytest.approx(0.9998, abs=5e-5)  # Schoenholz et al. 2017
    field = chi_field(variance, np.array([[1.76, 1.0, 4.0]]), np.array([[0.05, 0.05, 0.05]]))
    exact = [chi(variance, weights, 0.05, 1.0) for weights in (1.76, 1.0, 4.0)]
    np.testing.assert_allclose(field[0], exact, rtol=2e-3)


# --- correlations and Hermite coefficients ----------------------------------------------------------------------------

C = np.array([0.0, 0.2, 0.5, 0.9, 0.99, 1.0])


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("relu", (np.sqrt(1 - C**2) + C * (np.pi - np.arccos(C))) / np.pi),  # Cho, Saul 2009
        ("erf(x)", np.arcsin(2 * C / 3) / np.arcsin(2 / 3)),  # Williams 1997
        ("sin", np.sinh(C) / np.sinh(1)),
        ("x**3", 0.6 * C + 0.4 * C**3),
        ("exponential", np.exp(C - 1)),
    ],
)
def test_correlation_maps_have_their_closed_forms(text, exact):
    np.testing.assert_allclose(theory(text).correlation(C), exact, atol=4e-5)


def test_a_jump_drives_even_close_inputs_apart():
    found = theory("heaviside").correlation  # C(c) = 1/2 + asin(c) / π
    np.testing.assert_allclose(found(C[:4]), 0.5 + np.arcsin(C[:4]) / np.pi, atol=2e-3)
    end = found.fixed_point()
    assert end == pytest.approx(0.5 + np.arcsin(end) / np.pi, abs=2e-3)
    assert end < 0.9


@pytest.mark.parametrize(("name", "end"), [("sigmoid", 1.0), ("relu", 1.0), ("tanh", 0.0), ("sin", 0.0)])
def test_where_the_correlation_of_two_inputs_ends(name, end):
    assert theory(name).correlation.fixed_point() == end


def test_between_order_and_chaos_the_correlation_ends_where_it_is_kept():
    found = theory("silu").correlation
    end = found.fixed_point()
    assert 0.5 < end < 0.8
    assert float(found(np.array(end))) == pytest.approx(end, abs=1e-6)
    # A difference to it shrinks to 1 / e in `depth` layers.
    c, layers = end - 1e-4, found.depth()
    for _ in range(round(layers)):
        c = float(found(np.array(c)))
    assert (end - c) / 1e-4 == pytest.approx(math.exp(-round(layers) / layers), rel=0.02)


def test_relu_neither_orders_nor_mixes_at_an_exponential_pace():
    assert theory("relu").correlation.depth() == math.inf


def test_coefficients_of_a_polynomial_are_those_of_its_hermite_polynomials():
    found = theory("x**3").coefficients  # x³ = 3 h_1 + √6 h_3
    np.testing.assert_allclose(found[:5], [0, 3, 0, math.sqrt(6), 0], atol=1e-12)


def test_shares_add_up_to_one():
    shares = theory("gelu").shares
    assert shares.mean + shares.linear + shares.rest == pytest.approx(1, abs=1e-12)
    assert shares.mean == pytest.approx(0.187144, rel=1e-5)


@pytest.mark.parametrize("text", ["exp(x*x)", "max(x - 60, 0)"])
def test_there_is_no_theory_without_a_second_moment(text):
    assert theory(text) is None


# --- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "predicted", "measured"),
    [("tanh", 2.09, 2.08), ("elu", 1.17, 1.16), ("sin", 3.41, 3.46), ("sigmoid", 2.13e-4, 2.10e-4)],
)
def test_gradients_of_ten_layers_are_those_predicted(name, predicted, measured):
    found = theory(name)
    assert predicted_ratio(found.moments.chi, 10) == pytest.approx(predicted, rel=0.01)
    (ten,) = measured_ratios(found.f, found.gains.forward, depths=(10,))
    assert ten.ratio == pytest.approx(measured, rel=0.05)
    assert ten.least <= ten.ratio <= ten.largest


def test_a_ratio_beyond_all_numbers_is_infinite():
    assert predicted_ratio(1e300, 50) == math.inf
    assert predicted_ratio(0.0, 50) == 0.0


@pytest.mark.parametrize(("weights", "layers"), [(1, 3.6), (1.25, 6.8), (1.5, 15.8), (1.7, 75), (2, 25), (4, 7.0)])
def test_tanh_passes_a_difference_through_so_many_layers(weights, layers):
    """The depth scales of Schoenholz et al. 2017 for σb² = 0.05."""
    found = correlation_under(bound("tanh"), weights, 0.05)
    assert found.depth() == pytest.approx(layers, rel=0.01)
    assert (found.fixed_point() == 1) == (weights < 1.76)


def test_a_signal_that_dies_out_or_explodes_has_no_correlation_map():
    for name, weights in (("tanh", 0.5), ("relu", 3.0)):
        with pytest.raises(ValueError, match="the variance tends to"):
            correlation_under(bound(name), weights, 0.0)
