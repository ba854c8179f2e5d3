"""Intervals against scipy and against their own promise of coverage; the rest by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnlab.maths.statistics import Interval, mean_interval, median, paired_difference, share_interval, steps_to_target

NAN = float("nan")
VALUES = st.lists(st.integers(-1000, 1000).map(lambda value: value / 8), min_size=2, max_size=20)
CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.99])


def bounds(interval):
    return interval.low, interval.high


# --- Means ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(VALUES, CONFIDENCES)
def test_a_mean_interval_is_scipys(values, confidence):
    interval = mean_interval(values, confidence)
    assert interval.estimate == pytest.approx(np.mean(values), rel=1e-12, abs=1e-12)
    if len(set(values)) == 1:
        assert bounds(interval) == (interval.estimate, interval.estimate)
        return
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assert bounds(interval) == pytest.approx((expected.low, expected.high), rel=1e-10, abs=1e-10)


def test_a_mean_interval_by_hand():
    interval = mean_interval([1, 2, 3])
    assert interval.estimate == 2
    t = 0.95 * (2 / (1 - 0.95**2)) ** 0.5  # two degrees of freedom have a closed form
    half = t / 3**0.5  # s = 1
    assert bounds(interval) == pytest.approx((2 - half, 2 + half), rel=1e-12)


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([0.1] * 3) == Interval(0.1, 0.1, 0.1)
    assert mean_interval(np.array([0.5, 0.5], dtype=np.float32)) == Interval(0.5, 0.5, 0.5)


def test_one_value_has_no_bounds():
    assert mean_interval([0.25]) == Interval(0.25, None, None)


def test_huge_values_do_not_overflow():
    interval = mean_interval([1e300, 3e300])
    assert interval.estimate == 2e300
    assert bounds(interval) == pytest.approx((2e300 - 12.706204736e300, 2e300 + 12.706204736e300))


@pytest.mark.parametrize("bad", [[], [1.0, NAN], [1.0, np.inf], [[1.0, 2.0]], 3.0])
def test_a_mean_refuses_what_is_no_list_of_finite_values(bad):
    with pytest.raises(ValueError, match=r"finite|nan|at least one"):
        mean_interval(bad)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, NAN])
def test_a_confidence_is_a_chance(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([1.0, 2.0], confidence)
    with pytest.raises(ValueError, match="between 0 and 1"):
        share_interval(1, 2, confidence)


# --- Paired differences -----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=15), CONFIDENCES)
def test_a_paired_difference_is_scipys(pairs, confidence):
    a, b = np.array(pairs, dtype=float).T
    interval = paired_difference(a, b, confidence)
    assert interval.estimate == pytest.approx(np.mean(a - b), rel=1e-12, abs=1e-12)
    if len(set(a - b)) > 1:
        expected = stats.ttest_rel(a, b).confidence_interval(confidence)
        assert bounds(interval) == pytest.approx((expected.low, expected.high), rel=1e-10, abs=1e-10)


def test_pairing_takes_out_what_the_seeds_share():
    seeds = np.array([0.0, 10.0, 20.0, 30.0])
    interval = paired_difference(seeds + np.array([1.0, 1.5, 1.0, 1.5]), seeds)
    assert interval.estimate == 1.25
    assert 0 < interval.low < interval.high < 2
    assert paired_difference([3.0], [1.0]) == Interval(2.0, None, None)


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1]), ([1, NAN], [1, 2]), ([1, 2], [NAN, 2]), ([], [])])
def test_pairs_need_a_value_on_both_sides(a, b):
    with pytest.raises(ValueError, match=r"both sides|nan|at least one"):
        paired_difference(a, b)


def test_an_infinite_pair_is_refused_without_a_warning():
    with pytest.raises(ValueError, match="finite"):
        paired_difference([np.inf, 1.0], [np.inf, 2.0])


# --- Shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [1, 2, 5, 10, 37])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_share_interval_is_scipys_exact_one(total, confidence):
    for successes in range(total + 1):
        interval = share_interval(successes, total, confidence)
        expected = stats.binomtest(successes, total).proportion_ci(confidence, method="exact")
        assert interval.estimate == successes / total
        assert bounds(interval) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("total", [1, 3, 5, 10, 20])
def test_a_share_interval_holds_its_coverage_for_every_share(total):
    low, high = np.array([bounds(share_interval(k, total)) for k in range(total + 1)]).T
    shares = np.linspace(0, 1, 2001)[:, None]
    chance = stats.binom.pmf(np.arange(total + 1), total, shares)
    coverage = np.sum(chance * ((low <= shares) & (shares <= high)), axis=1)
    assert coverage.min() >= 0.95


def test_a_share_interval_by_hand():
    none, every = share_interval(0, 5), share_interval(5, 5)
    assert bounds(none) == pytest.approx((0, 1 - 0.025 ** (1 / 5)), rel=1e-12)
    assert bounds(every) == pytest.approx((0.025 ** (1 / 5), 1), rel=1e-12)
    assert (none.low, every.high) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "total"), [(0, 0), (3, 2), (-1, 2), (0, -1)])
def test_a_share_refuses_counts_that_cannot_be(successes, total):
    with pytest.raises(ValueError, match=f"no share of {successes} in {total}"):
        share_interval(successes, total)


# --- Medians and steps ------------------------------------------------------------------------------------------------


@given(VALUES)
def test_a_median_is_numpys(values):
    assert median(values) == np.median(values)


def test_a_median_counts_what_was_not_reached_as_infinite():
    assert median([10, np.inf, 20]) == 20
    assert median([10, np.inf]) == np.inf
    assert (
        median(np.nan_to_num(steps_to_target([1, 2], [[0, 1], [0, 0], [1, 1]], 1, larger_is_better=True), nan=np.inf))
        == 2
    )
    for bad in ([], [1.0, NAN]):
        with pytest.raises(ValueError, match=r"nan|at least one"):
            median(bad)


def test_steps_to_target_by_hand():
    steps = [10, 20, 30, 40]
    losses = np.array([[4, 3, 2, 1], [4, 4, 4, 4], [2, 9, 9, 9], [NAN, 2, NAN, NAN], [9, NAN, NAN, NAN]])
    np.testing.assert_array_equal(steps_to_target(steps, losses, 2, larger_is_better=False), [30, NAN, 10, 20, NAN])
    np.testing.assert_array_equal(steps_to_target(steps, -losses, -2, larger_is_better=True), [30, NAN, 10, 20, NAN])


def test_steps_to_target_of_one_run_and_of_none_measured():
    assert steps_to_target([1, 2], [0.5, 0.9], 0.9, larger_is_better=True) == 2
    assert np.isnan(steps_to_target([], np.empty((2, 0)), 1, larger_is_better=True)).all()


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 6), st.integers(1, 8), st.booleans())
def test_steps_to_target_is_the_first_in_a_plain_loop(data, runs, length, larger):
    values = np.array(data.draw(st.lists(st.integers(0, 5), min_size=runs * length, max_size=runs * length)))
    values, steps = values.reshape(runs, length), np.arange(length) * 10
    good = [[v >= 3 if larger else v <= 3 for v in run] for run in values]
    expected = [steps[run.index(True)] if True in run else NAN for run in good]
    np.testing.assert_array_equal(steps_to_target(steps, values, 3, larger_is_better=larger), expected)


def test_steps_to_target_refuses_what_does_not_match():
    with pytest.raises(ValueError, match="do not match"):
        steps_to_target([1, 2, 3], [[1, 2]], 1, larger_is_better=True)
    with pytest.raises(ValueError, match="not nan"):
        steps_to_target([1, 2], [[1, 2]], NAN, larger_is_better=True)
