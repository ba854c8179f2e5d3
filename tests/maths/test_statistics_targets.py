"""Steps to a target against scipy 1.17's survival functions, worked examples and plain loops; areas under curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnlab.maths.statistics import (
    area_under_curve,
    chance_to_beat,
    logrank_test,
    median_interval,
    median_steps,
    race,
    sign_test,
    steps_to_target,
    survival,
)

NAN, INF = float("nan"), float("inf")


# --- The first step ---------------------------------------------------------------------------------------------------


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


# --- Survival ---------------------------------------------------------------------------------------------------------

# Freireich and others 1963: weeks until leukaemia came back under 6-mercaptopurine and placebo.
DRUG = [6, 6, 6, NAN, 7, NAN, 10, NAN, NAN, 13, 16, NAN, NAN, NAN, 22, 23, NAN, NAN, NAN, NAN, NAN]
DRUG_WATCHED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

SEEDS = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=25)


def censored(seeds):
    """Steps to the target and lengths of watching, from (step, whether the target was reached there)."""
    return [step if hit else NAN for step, hit in seeds], [step for step, _ in seeds]


def scipys(steps, watched):
    """The same seeds for scipy."""
    steps, watched = np.array(steps, dtype=float), np.broadcast_to(watched, len(steps))
    return stats.CensoredData(uncensored=steps[~np.isnan(steps)], right=watched[np.isnan(steps)])


def test_a_survival_curve_by_hand():
    curve = survival(DRUG, DRUG_WATCHED)
    np.testing.assert_array_equal(curve.steps, [6, 7, 10, 13, 16, 22, 23])
    expected = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]  # printed in every textbook of the subject
    np.testing.assert_allclose(curve.share, expected, atol=6e-4)
    assert median_steps(DRUG, DRUG_WATCHED).estimate == 23
    assert median_steps(PLACEBO, 35).estimate == 8


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined:RuntimeWarning")
@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_a_survival_curve_is_scipys(seeds):
    steps, watched = censored(seeds)
    curve = survival(steps, watched)
    expected = stats.ecdf(scipys(steps, watched)).sf
    np.testing.assert_allclose(curve.share, expected.evaluate(curve.steps), atol=1e-12)
    if len(curve.share) == 0:
        return
    interval = expected.confidence_interval(0.95, method="log-log")
    inner = curve.share > 0
    for ours, theirs in ((curve.low, interval.low), (curve.high, interval.high)):
        np.testing.assert_allclose(ours[inner], theirs.evaluate(curve.steps)[inner], atol=1e-9)
    assert np.all((curve.low <= curve.share) & (curve.share <= curve.high))


def test_a_survival_curve_that_ends_at_0_keeps_its_upper_bound():
    curve = survival([1, 2, 3], 3)
    assert curve.share[-1] == 0
    assert (curve.low[-1], curve.high[-1]) == (0, curve.high[-2])
    assert survival([5, 5], 9).high.tolist() == [1]
    assert survival([NAN, NAN], 9).steps.size == 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.integers(1, 9), st.just(NAN)), min_size=1, max_size=15))
def test_a_median_of_seeds_watched_equally_long_is_exact(steps):
    expected = median_interval(np.nan_to_num(steps, nan=INF))
    assert median_steps(steps, 10) == expected


def test_a_median_of_seeds_watched_for_different_lengths():
    interval = median_steps(DRUG, DRUG_WATCHED)
    assert interval.note == "seeds were watched for different lengths: the interval is approximate"
    assert (interval.low, interval.high) == (13, INF)  # R's survfit with conf.type = "log-log"
    between = median_steps([1, NAN, 3, 4, NAN], [1, 1, 3, 4, 9])
    assert between.estimate == pytest.approx(4)  # shares 0.8, then 8/15, then 4/15


def test_a_median_lies_between_two_steps_where_exactly_half_have_arrived():
    # 1 of 4 arrives, another is lost from sight, then half of the remaining share: 3/4, 3/8, 0
    assert median_steps([1, NAN, 3, 4], [1, 2, 3, 4]).estimate == 3
    assert median_steps([1, 2, NAN, 5, NAN], [1, 2, 3, 5, 3]).estimate == 5
    assert median_steps([1, 4, NAN, 6, 9, NAN], [1, 4, 4, 6, 9, 0.5]).estimate == 6  # 4/5, 3/5, 3/10
    assert median_steps([1, NAN, 7, 8], [1, 0.5, 7, 8]).estimate == 7
    assert median_steps([2, 3, NAN, 5, 7], [2, 3, 1, 5, 7]).estimate == 4  # 3/4, 1/2, 1/4: between 3 and 5


@pytest.mark.parametrize(
    ("steps", "watched", "message"),
    [
        ([], 1, "one per seed"),
        ([[1]], 1, "one per seed"),
        ([1, 2], [3, 3, 3], "do not match"),
        ([5], 4, "after it was watched"),
        ([1], NAN, "after it was watched"),
    ],
)
def test_survival_refuses_what_cannot_be(steps, watched, message):
    for function in (survival, median_steps):
        with pytest.raises(ValueError, match=message):
            function(steps, watched)


# --- Two arms ---------------------------------------------------------------------------------------------------------


def test_a_logrank_test_of_a_textbook():
    p = logrank_test(DRUG, DRUG_WATCHED, PLACEBO, 35)
    assert p == pytest.approx(stats.chi2.sf(16.793, 1), rel=1e-3)  # R's survdiff prints 16.8


@settings(deadline=None, max_examples=60)
@given(SEEDS, SEEDS)
def test_a_logrank_test_is_scipys(first, second):
    (a, watched_a), (b, watched_b) = censored(first), censored(second)
    p = logrank_test(a, watched_a, b, watched_b)
    assert p == pytest.approx(logrank_test(b, watched_b, a, watched_a), abs=1e-12)
    with np.errstate(all="ignore"):
        expected = stats.logrank(scipys(a, watched_a), scipys(b, watched_b)).pvalue
    if np.isfinite(expected):
        assert p == pytest.approx(expected, abs=1e-9)
    else:
        assert p == 1


def test_a_race_counts_who_never_arrives():
    found = race([10, 20, NAN, NAN, 5], [20, 10, 30, NAN, NAN])
    assert found.chance == chance_to_beat([10, 20, INF, INF, 5], [20, 10, 30, INF, INF], larger_is_better=False)
    assert found.chance.estimate == 0.5
    assert found.p == sign_test(2, 2) == 1
    assert race([1] * 9, [NAN] * 9).p == 2 / 2**9
    with pytest.raises(ValueError, match="both sides"):
        race([1], [1, 2])


# --- Areas ------------------------------------------------------------------------------------------------------------


def test_an_area_by_hand():
    assert area_under_curve([0, 1, 3], [0, 2, 2]) == pytest.approx((1 + 4) / 3)
    curves = [[[1, 1, 1], [NAN, 2, 4]], [[0, NAN, 6], [NAN, 7, NAN]]]
    np.testing.assert_allclose(area_under_curve([0, 1, 3], curves), [[1, 3], [3, 7]])
    assert np.isnan(area_under_curve([1, 2], [NAN, NAN]))
    assert np.isnan(area_under_curve([], np.empty((2, 0)))).all()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(-50, 50)), min_size=2, max_size=12),
    st.sampled_from([-2, 0.5, 4]),
    st.integers(-9, 9),
)
def test_an_area_has_the_figure_s_unit(points, scale, shift):
    gaps, values = np.array(points, dtype=float).T
    steps = np.cumsum(gaps)
    area = area_under_curve(steps, values)
    assert area == pytest.approx(np.trapezoid(values, steps) / np.ptp(steps))
    assert values.min() - 1e-9 <= area <= values.max() + 1e-9
    assert area_under_curve(steps, scale * values + shift) == pytest.approx(scale * area + shift, abs=1e-9)
    assert area_under_curve(10 * steps, values) == pytest.approx(area)


def test_an_area_of_one_run_has_the_bits_of_that_run_among_many():
    curves = np.random.default_rng(0).random((50, 101)).astype(np.float32)
    steps = np.arange(101)
    together = area_under_curve(steps, curves)
    assert [float(area_under_curve(steps, curve)) for curve in curves] == together.tolist()


def test_an_area_refuses_what_is_no_curve():
    with pytest.raises(ValueError, match="do not match"):
        area_under_curve([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="must increase"):
        area_under_curve([1, 1], [1, 2])
