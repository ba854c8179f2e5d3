"""Intervals of one arm against scipy 1.17 and against their own promise of coverage; the rest by hand."""

import statistics as exact

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from nnlab.maths.statistics import (
    Interval,
    mean_interval,
    mean_over_seeds,
    median,
    median_interval,
    samples,
    share_interval,
    two_groups,
    unseen_share,
)

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
    for interval in (mean_interval, mean_over_seeds, median_interval):
        with pytest.raises(ValueError, match="between 0 and 1"):
            interval([1.0, 2.0], confidence)
    with pytest.raises(ValueError, match="between 0 and 1"):
        share_interval(1, 2, confidence)
    with pytest.raises(ValueError, match="between 0 and 1"):
        unseen_share(5, confidence)


# --- Means over seeds -------------------------------------------------------------------------------------------------

SKEWED = [0.91, 0.97, 0.96, 0.95, 0.975, 0.93, 0.968]


def halls_t(t, r):
    """Hall's transformation as it is printed."""
    return t + r * t**2 / 3 + r**2 * t**3 / 27 + r / 6


def by_the_definition(values, confidence):
    """The hull of Student's interval and Hall's, whose transformation is inverted by a search."""
    mean, error, count = np.mean(values), stats.sem(values), len(values)
    r = stats.skew(values, bias=False) / np.sqrt(count)
    q = stats.t.ppf((1 + confidence) / 2, count - 1)
    ends = [optimize.brentq(lambda t, y=y: halls_t(t, r) - y, -1e4, 1e4, xtol=1e-13) for y in (q, -q)]
    return min(mean - q * error, mean - error * ends[0]), max(mean + q * error, mean - error * ends[1])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-40, 40), min_size=3, max_size=20), CONFIDENCES)
def test_a_mean_over_seeds_is_halls_and_students(values, confidence):
    assume(len(set(values)) > 1)
    groups = two_groups(values)
    assume(groups is None or min(map(len, groups)) == 1)
    interval = mean_over_seeds(values, confidence)
    assert interval.estimate == pytest.approx(np.mean(values), abs=1e-12)
    assert bounds(interval) == pytest.approx(by_the_definition(values, confidence), rel=1e-9, abs=1e-9)


def test_a_mean_over_seeds_is_five_lines_of_scipy():
    mean, error, q = np.mean(SKEWED), stats.sem(SKEWED), stats.t.ppf([0.975, 0.025], len(SKEWED) - 1)
    r = stats.skew(SKEWED, bias=False) / np.sqrt(len(SKEWED))
    halls = mean - error * 3 / r * (np.cbrt(1 + r * (q - r / 6)) - 1)
    students = mean - error * q
    expected = min(halls[0], students[0]), max(halls[1], students[1])
    assert bounds(mean_over_seeds(SKEWED)) == pytest.approx(expected, rel=1e-12)
    assert mean_over_seeds(SKEWED).low < mean_interval(SKEWED).low  # the long tail is below
    assert mean_over_seeds(SKEWED).high == mean_interval(SKEWED).high


def test_two_groups_have_students_interval():
    values = [0.75, 0.751, 0.749, 0.98, 0.981, 0.979, 0.98]
    assert bounds(mean_over_seeds(values)) == bounds(mean_interval(values))
    assert mean_over_seeds(values).note == (
        "two groups of seeds, 3 low and 4 high: look at the share instead of the mean"
    )


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([0.5], "a single seed: its spread is unknown"),
        ([0.1, 0.1, 0.1], "all 3 seeds gave the same: the spread of others is unknown"),
        ([0.3, 0.1 + 0.2, 0.3], "all 3 seeds gave the same: the spread of others is unknown"),
        ([1, 2, 3, 4], "fewer than 5 seeds: the interval holds 95 % only for figures without skew"),
        (
            [0.97, 0.98, 0.97, 0.75, 0.98],
            "one seed stands apart: the mean's interval does not hold its 95 %; look at the share instead",
        ),
        (
            [0.97, 0.98, 0.75, 0.75, 0.98],
            "2 seeds stand apart: the mean's interval does not hold its 95 %; look at the share instead",
        ),
        (SKEWED, ""),
    ],
)
def test_a_mean_over_seeds_says_where_it_does_not_hold(values, note):
    assert mean_over_seeds(values).note == note


def test_a_mean_over_few_seeds_is_students():
    assert bounds(mean_over_seeds([1.0, 4.0])) == bounds(mean_interval([1.0, 4.0]))
    assert bounds(mean_over_seeds([1.0])) == (None, None)
    assert bounds(mean_over_seeds([0.1] * 6)) == (0.1, 0.1)


@pytest.mark.parametrize("bad", [[], [1.0, NAN], [1.0, np.inf], [[1.0, 2.0]], 3.0])
def test_a_mean_over_seeds_refuses_what_is_no_list_of_finite_values(bad):
    with pytest.raises(ValueError, match=r"finite|nan|at least one"):
        mean_over_seeds(bad)


@settings(deadline=None, max_examples=60)
@given(VALUES, st.randoms(), st.integers(-8, 8), st.sampled_from([-4, -0.5, 0.25, 8]))
def test_a_mean_over_seeds_follows_its_values(values, random, shift, scale):
    interval = mean_over_seeds(values)
    shuffled = random.sample(values, len(values))
    assert bounds(mean_over_seeds(shuffled)) == pytest.approx(bounds(interval), rel=1e-9, abs=1e-9)
    moved = mean_over_seeds([scale * value + shift for value in values])
    expected = sorted(scale * bound + shift for bound in bounds(interval))
    assert bounds(moved) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_huge_and_tiny_values_do_not_overflow():
    for scale in (1e-200, 1e200):
        interval = mean_over_seeds([scale * value for value in SKEWED])
        expected = [scale * bound for bound in bounds(mean_over_seeds(SKEWED))]
        assert bounds(interval) == pytest.approx(expected, rel=1e-12)
        assert two_groups([scale, scale, scale, 2 * scale, 2 * scale]) == ([scale] * 3, [2 * scale] * 2)


BOUNDED = st.lists(st.integers(0, 40).map(lambda hits: hits / 40), min_size=1, max_size=15)


@given(BOUNDED)
def test_an_interval_ends_where_figures_do_and_nothing_else_changes(values):
    whole, cut = mean_over_seeds(values), mean_over_seeds(values, within=(0.0, 1.0))
    assert (cut.estimate, cut.note) == (whole.estimate, whole.note)
    if whole.low is None:
        assert cut == whole
    else:
        assert (cut.low, cut.high) == (max(whole.low, 0.0), min(whole.high, 1.0))
        assert 0 <= cut.low <= cut.estimate <= cut.high <= 1


def test_an_interval_never_ends_before_its_estimate():
    """Bounds that the figures themselves leave are not to be trusted."""
    found = mean_over_seeds([2.0, 2.5, 3.0], within=(0.0, 1.0))
    assert found.high == found.estimate == 2.5


# --- Groups of seeds --------------------------------------------------------------------------------------------------


def test_groups_are_split_at_the_widest_gap():
    assert two_groups([0.98, 0.75, 0.98, 0.75, 0.98]) == ([0.75, 0.75], [0.98, 0.98, 0.98])
    assert two_groups([1, 1, 1, 1, 9]) == ([1, 1, 1, 1], [9])
    assert two_groups([1, 2, 3, 4, 5, 6]) is None
    assert two_groups([3, 3, 3, 3, 3]) is None
    assert two_groups([0, 0, 1, 1]) is None  # of four nobody can tell


def test_groups_stand_apart_from_six_standard_deviations_on():
    group, other = [0.0, 1.0], [0.0, 1.0, 0.0, 1.0]
    within = np.sqrt((0.5 + 1.0) / 4)
    assert two_groups([*group, *(1 + 6.001 * within + value for value in other)]) is not None
    assert two_groups([*group, *(1 + 5.999 * within + value for value in other)]) is None


def test_groups_do_not_depend_on_the_direction():
    """Of two gaps that are equally wide, the one that leaves the closest groups splits, from either side."""
    values = [0.0, 0.0, *[5.0] * 40, 10.0]
    assert two_groups(values) == ([0, 0], [*[5] * 40, 10])
    assert two_groups([10 - value for value in values]) == ([0, *[5] * 40], [10, 10])
    assert mean_over_seeds(values).low == 10 - mean_over_seeds([10 - value for value in values]).high


def test_groups_are_seldom_found_where_there_are_none():
    generator = np.random.default_rng(0)
    found = {n: np.mean([two_groups(row) is not None for row in generator.normal(size=(2000, n))]) for n in (5, 10, 30)}
    assert found[5] < 0.085
    assert found[10] < 0.005
    assert found[30] == 0


def test_an_unseen_group_by_hand():
    assert unseen_share(1) == pytest.approx(0.95)
    assert [round(unseen_share(n), 3) for n in (5, 10, 30)] == [0.451, 0.259, 0.095]
    assert (1 - unseen_share(7, 0.9)) ** 7 == pytest.approx(0.1)
    with pytest.raises(ValueError, match="no seed"):
        unseen_share(0)


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
    assert median(np.nan_to_num([NAN, 2, 1], nan=np.inf)) == 2
    for bad in ([], [1.0, NAN]):
        with pytest.raises(ValueError, match=r"nan|at least one"):
            median(bad)


@pytest.mark.parametrize("count", [6, 7, 10, 25])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_a_median_interval_is_scipys(count, confidence):
    values = np.random.default_rng(count).permutation(count) ** 2.0
    interval = median_interval(values, confidence)
    expected = stats.quantile_test(values, p=0.5).confidence_interval(confidence)
    assert interval.estimate == np.median(values)
    if interval.low is None:
        assert np.isnan(expected.low)
        assert np.isnan(expected.high)
    else:
        assert bounds(interval) == (expected.low, expected.high)


def test_a_median_interval_by_hand():
    assert bounds(median_interval([3, 1, 2, 6, 5, 4])) == (1, 6)  # 2/64 < 5 %
    assert median_interval([1, 2, 3, 4, 5]) == Interval(3, None, None, "5 seeds are too few to bound a median")
    assert bounds(median_interval([1, 2, np.inf, 3, 4, np.inf])) == (1, np.inf)
    with pytest.raises(ValueError, match="nan"):
        median_interval([1, NAN])


@pytest.mark.parametrize("count", range(6, 40))
def test_a_median_interval_holds_its_coverage_and_is_the_shortest_that_does(count):
    low, high = bounds(median_interval(np.arange(count)))
    k = int(low) + 1
    assert high == count - k
    assert 1 - 2 * stats.binom.cdf(k - 1, count, 0.5) >= 0.95
    assert 1 - 2 * stats.binom.cdf(k, count, 0.5) < 0.95


# --- Samples of any size ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [500, 501, 3_000])
def test_moments_of_many_values_are_those_of_rational_arithmetic(count):
    values = (1e6 + np.random.default_rng(count).standard_normal(count)).tolist()
    assert samples.mean(values) == pytest.approx(exact.mean(values), rel=1e-15)
    assert samples.deviation(values) == pytest.approx(exact.stdev(values), rel=1e-9)
    assert samples.root_of_squares(values) == pytest.approx(exact.pstdev(values) * count**0.5, rel=1e-9)
    assert samples.deviation([value * 1e200 for value in values]) == pytest.approx(
        1e200 * exact.stdev(values), rel=1e-9
    )


@pytest.mark.parametrize("value", [0.1, 1 / 3, -7e-5])
def test_many_equal_values_have_themselves_for_a_mean_and_no_spread(value):
    values = [value] * 1_237
    assert (samples.mean(values), samples.deviation(values), samples.root_of_squares(values)) == (value, 0, 0)
