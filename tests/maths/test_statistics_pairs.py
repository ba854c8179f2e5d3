"""Pairs of arms against scipy 1.17, against worked examples and against what symmetry demands."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnlab.maths.statistics import (
    Interval,
    chance_to_beat,
    holm,
    mean_over_seeds,
    paired_difference,
    permutation_test,
    power,
    seeds_needed,
    seeds_needed_for_shares,
    share_difference,
    sign_test,
    smallest_p,
    win_matrix,
)

NAN = float("nan")
CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.99])
PAIRS = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=12)


def bounds(interval):
    return interval.low, interval.high


# --- Paired differences -----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=15), CONFIDENCES)
def test_a_paired_difference_is_the_mean_over_seeds_of_differences(pairs, confidence):
    a, b = np.array(pairs, dtype=float).T
    interval = paired_difference(a, b, confidence)
    assert interval == mean_over_seeds(a - b, confidence)
    if len(a) == 2 and len(set(a - b)) > 1:  # of two, no skewness can be told
        expected = stats.ttest_rel(a, b).confidence_interval(confidence)
        assert bounds(interval) == pytest.approx((expected.low, expected.high), rel=1e-10, abs=1e-10)


def test_pairing_takes_out_what_the_seeds_share():
    seeds = np.array([0.0, 10.0, 20.0, 30.0])
    interval = paired_difference(seeds + np.array([1.0, 1.5, 1.0, 1.5]), seeds)
    assert interval.estimate == 1.25
    assert 0 < interval.low < interval.high < 2
    assert paired_difference([3.0], [1.0]) == Interval(2.0, None, None, "a single seed: its spread is unknown")


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1]), ([1, NAN], [1, 2]), ([1, 2], [NAN, 2]), ([], [])])
def test_pairs_need_a_value_on_both_sides(a, b):
    with pytest.raises(ValueError, match=r"both sides|nan|at least one"):
        paired_difference(a, b)


def test_an_infinite_pair_is_refused_without_a_warning():
    with pytest.raises(ValueError, match="finite"):
        paired_difference([np.inf, 1.0], [np.inf, 2.0])


@settings(deadline=None, max_examples=40)
@given(PAIRS)
def test_a_paired_difference_turns_its_sign_with_the_arms(pairs):
    a, b = np.array(pairs, dtype=float).T
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one.estimate == -other.estimate
    if one.low is not None:
        assert bounds(one) == pytest.approx((-other.high, -other.low), rel=1e-12, abs=1e-12)


# --- The permutation test ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(PAIRS.filter(lambda pairs: 1 < len(pairs) < 11))
def test_a_permutation_test_is_scipys(pairs):
    a, b = np.array(pairs).T

    def total(x, y, axis):
        return np.sum(x - y, axis=axis)

    # SciPy is given whole numbers, in which ties are exact: it counts a sum of 0 that rounding has moved as smaller.
    expected = stats.permutation_test((a, b), total, permutation_type="samples", vectorized=True, n_resamples=np.inf)
    # We are given accuracies of 40 samples: many ties, none of them exact in binary.
    assert permutation_test(a / 40, b / 40) == pytest.approx(expected.pvalue, rel=1e-12)


def test_a_permutation_test_by_hand():
    assert permutation_test([1, 2, 3], [0, 0, 0]) == 2 / 8  # only +++ and --- are as far out
    assert permutation_test([1, 1, -1], [0, 0, 0]) == 1  # every pattern is at least 1 away from 0
    assert permutation_test([1, 2, -3], [0, 0, 0]) == 1  # a sum of 0, but for its rounding
    assert permutation_test([0.1, 0.2, -0.3], [0, 0, 0]) == 1
    assert permutation_test([5.0], [5.0]) == 1
    assert permutation_test([5.0], [1.0]) == 1


def test_darwins_maize():
    """Fisher's own example, The Design of Experiments section 21: 863 of 32768 patterns are as far out, in one tail."""
    differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert permutation_test(differences, [0] * 15) == 2 * 863 / 32768


@pytest.mark.parametrize("count", [17, 40, 200])
def test_many_pairs_are_drawn_the_same_way_each_time(count):
    generator = np.random.default_rng(count)
    b = generator.normal(size=count)
    a = b + generator.normal(0.4, 1, size=count)
    p = permutation_test(a, b)
    assert p == permutation_test(a, b) == permutation_test(b, a) == permutation_test(a[::-1], b[::-1])
    assert p == permutation_test(4 * a, 4 * b)
    exact = stats.ttest_rel(a, b).pvalue  # close to the exact p of so many pairs
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999) + 2e-3)


def test_seventeen_pairs_are_close_to_all_patterns():
    differences = np.array([3, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8, -9, 7, 9, 3, 2.0])
    signs = np.array(list(itertools.product([1, -1], repeat=17)), dtype=float)
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()))
    assert permutation_test(differences, np.zeros(17)) == pytest.approx(exact, abs=0.008)


@settings(deadline=None, max_examples=40)
@given(PAIRS, st.randoms(), st.integers(-9, 9), st.sampled_from([-2, 0.5, 4]))
def test_a_permutation_test_is_the_same_for_what_means_the_same(pairs, random, shift, scale):
    a, b = np.array(pairs, dtype=float).T
    p = permutation_test(a, b)
    assert p == permutation_test(b, a)
    assert p == permutation_test(scale * a + shift, scale * b + shift)
    shuffled = np.array(random.sample(pairs, len(pairs)), dtype=float).T
    assert p == permutation_test(*shuffled)
    assert smallest_p(len(pairs)) <= p <= 1


def test_the_smallest_p_is_reached():
    for count in (1, 2, 5, 6, 16, 30):
        assert permutation_test(np.arange(count) + 1.0, np.zeros(count)) == smallest_p(count)
    assert smallest_p(5) == 0.0625
    assert smallest_p(6) == 0.03125
    assert smallest_p(30) == 1e-4


def exact_p(sizes, total):
    """The share of patterns of signs of whole sizes whose sum is at least `total` from 0, by convolution."""
    chances = np.ones(1)
    for size in sizes:
        chances = np.convolve(chances, [0.5, *[0] * (2 * size - 1), 0.5])
    sums = np.arange(len(chances)) - sum(sizes)
    return chances[abs(sums) >= total].sum()


@pytest.mark.parametrize(
    "sizes",
    [
        [1] * 501,
        [1] * 400 + [0] * 2000,
        [1] * 600 + [2] * 300 + [3] * 150,
        [2, 3] * 300,
        [10, 15] * 300,
        [4, 6, 9] * 200,
    ],
)
@pytest.mark.parametrize("z", [0.0, 0.7, 1.5, 2.0, 2.5])
def test_many_pairs_are_tested_by_the_limit_within_the_error_that_is_told(sizes, z):
    signs = np.resize([1, -1], len(sizes))
    differences, wanted = signs * sizes, z * np.sqrt(np.square(sizes).sum())
    for place in np.flatnonzero(signs < 0):  # as many other signs as put the sum there
        if differences.sum() < wanted:
            differences[place] *= -1
    p = permutation_test(differences / 8, np.zeros(len(sizes)))
    assert p == pytest.approx(exact_p([size for size in sizes if size], abs(differences.sum())), abs=0.0004)
    assert p == permutation_test(np.zeros(len(sizes)), differences[::-1] / 8)


def test_the_limit_holds_for_differences_that_lie_on_no_lattice():
    sizes = np.random.default_rng(3).gamma(2.0, size=1_200)
    differences = sizes * np.where(np.arange(1_200) < 640, 1, -1)
    z = differences.sum() / np.sqrt(np.square(sizes).sum())
    assert permutation_test(differences, np.zeros(1_200)) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)


def test_few_differences_among_many_seeds_are_not_taken_for_normal():
    differences = np.zeros(1_500)
    differences[:3] = 1.0  # two of eight patterns are as far out
    assert permutation_test(differences, np.zeros(1_500)) == pytest.approx(0.25, abs=0.02)
    assert permutation_test(np.zeros(1_500), np.zeros(1_500)) == 1
    assert permutation_test(np.ones(1_500), np.zeros(1_500)) == smallest_p(1_500) == 0.0001


@pytest.mark.parametrize("test", [permutation_test, seeds_needed])
@pytest.mark.parametrize(("a", "b"), [([1, 2], [1]), ([1, NAN], [1, 2]), ([1, 2], [np.inf, 2]), ([], [])])
def test_tests_of_pairs_refuse_what_is_not_paired(test, a, b):
    with pytest.raises(ValueError, match=r"both sides|nan|finite|at least one"):
        test(a, b)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 5), (9, 1), (0, 6), (30, 12)])
def test_a_sign_test_is_scipys(wins, losses):
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_test(wins, losses) == pytest.approx(expected, rel=1e-12)
    assert sign_test(losses, wins) == sign_test(wins, losses)
    with pytest.raises(ValueError, match="no test"):
        sign_test(-1, 2)


# --- Shares -----------------------------------------------------------------------------------------------------------


def test_the_difference_of_shares_by_hand():
    """Of 10 seeds, a alone succeeds on 4 and b alone on 1: p = 5/12, q = 2/12."""
    found = share_difference(4, 1, 10)
    half = 1.959963984540054 * np.sqrt((5 / 12 + 2 / 12 - (3 / 12) ** 2) / 12)
    assert found.estimate == pytest.approx(0.3)
    assert bounds(found) == pytest.approx((3 / 12 - half, 3 / 12 + half))
    assert bounds(share_difference(5, 0, 5))[1] == 1


@pytest.mark.parametrize("count", [5, 10, 20])
def test_the_difference_of_shares_holds_whatever_the_shares(count):
    """Summed over every outcome, for shares of one success alone that differ by anything."""
    outcomes = [(a, b) for a in range(count + 1) for b in range(count + 1 - a)]
    found = {outcome: share_difference(*outcome, count) for outcome in outcomes}
    for p, q in [(0, 0), (0.1, 0), (0.5, 0), (0.8, 0), (0.1, 0.1), (0.3, 0.1), (0.5, 0.2), (0.6, 0.3), (0.95, 0.02)]:
        chances = stats.multinomial([count] * len(outcomes), [p, q, 1 - p - q]).pmf(
            [(a, b, count - a - b) for a, b in outcomes]
        )
        holds = [found[outcome].low - 1e-12 <= p - q <= found[outcome].high + 1e-12 for outcome in outcomes]
        assert chances[holds].sum() >= 0.93


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_the_difference_of_shares_turns_its_sign_with_the_arms(only_a, only_b, neither):
    total = only_a + only_b + neither + 1
    one, other = share_difference(only_a, only_b, total), share_difference(only_b, only_a, total)
    assert one.low <= one.estimate <= one.high
    assert (one.estimate, one.low, one.high) == pytest.approx((-other.estimate, -other.high, -other.low))


@pytest.mark.parametrize(("only_a", "only_b", "total"), [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_the_difference_of_shares_refuses_counts_that_cannot_be(only_a, only_b, total):
    with pytest.raises(ValueError, match="no difference of"):
        share_difference(only_a, only_b, total)


def test_seeds_needed_for_shares_have_the_power():
    """McNemar's exact test on so many seeds finds single successes of 50 % and 20 % about four times in five."""
    count = seeds_needed_for_shares(25, 10, 50)
    assert count is not None
    drawn = np.random.default_rng(0).multinomial(count, [0.5, 0.2, 0.3], 2000)
    found = np.mean([sign_test(int(a), int(b)) <= 0.05 for a, b, _ in drawn])
    assert 0.72 <= found <= 0.88  # the normal quantiles are those of a test that is not exact
    assert seeds_needed_for_shares(5, 5, 10) is None
    assert seeds_needed_for_shares(5001, 5000, 20000) is None
    assert seeds_needed_for_shares(10, 0, 10) == 6  # fewer can never reach 5 %


# --- Holm -------------------------------------------------------------------------------------------------------------


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # R's p.adjust(p, "holm")
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_lies_between_no_correction_and_bonferronis(p_values, random):
    adjusted = holm(p_values)
    assert all(p <= q <= min(1, len(p_values) * p) for p, q in zip(p_values, adjusted, strict=True))
    assert min(adjusted) == min(1, len(p_values) * min(p_values))
    places = random.sample(range(len(p_values)), len(p_values))
    assert holm([p_values[i] for i in places]) == [adjusted[i] for i in places]


@pytest.mark.parametrize("bad", [[1.1], [-0.1, 0.5], [NAN]])
def test_holm_refuses_what_is_no_p_value(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(bad)


# --- Who wins on a seed -----------------------------------------------------------------------------------------------


def test_the_chance_to_beat_by_hand():
    interval = chance_to_beat([3, 3, 3, 1, 2], [1, 2, 3, 3, 1])
    assert interval.estimate == (3 + 0.5) / 5
    assert chance_to_beat([3, 3, 3, 1, 2], [1, 2, 3, 3, 1], larger_is_better=False).estimate == 1.5 / 5
    expected = stats.binomtest(4, 5).proportion_ci(method="exact")
    assert bounds(chance_to_beat([1, 1, 1, 1, 0], [0, 0, 0, 0, 1])) == pytest.approx(tuple(expected))
    assert chance_to_beat([np.inf, 5], [np.inf, 7], larger_is_better=False).estimate == 0.75
    assert bounds(chance_to_beat([1, 1], [0, 0]))[1] == 1


@settings(deadline=None, max_examples=40)
@given(PAIRS)
def test_one_arm_s_chance_is_what_the_other_s_leaves(pairs):
    a, b = np.array(pairs, dtype=float).T
    one, other = chance_to_beat(a, b), chance_to_beat(b, a)
    assert one.estimate == pytest.approx(1 - other.estimate)
    assert bounds(one) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)
    assert one == chance_to_beat(b, a, larger_is_better=False)


@pytest.mark.parametrize("count", [3, 5, 8, 10, 20, 30])
def test_the_chance_to_beat_holds_its_coverage_with_ties_too(count):
    """Summed over every outcome of `count` seeds, for 231 shares of wins and ties."""
    scores = np.arange(2 * count + 1) / 2
    found = [
        chance_to_beat([1.0] * int(s) + [0.5] * (int(2 * s) % 2) + [0.0] * (count - int(np.ceil(s))), [0.5] * count)
        for s in scores
    ]
    low, high = np.array([bounds(interval) for interval in found]).T
    worst = 1.0
    for ties, wins in itertools.product(np.linspace(0, 1, 21), repeat=2):
        if wins + ties <= 1 + 1e-9:
            outcomes = np.ones(1)
            for _ in range(count):
                outcomes = np.convolve(outcomes, [max(0, 1 - wins - ties), ties, wins])
            chance = wins + ties / 2
            worst = min(worst, outcomes[(low <= chance + 1e-12) & (chance <= high + 1e-12)].sum())
    assert worst >= 0.95


def test_a_win_matrix_by_hand():
    values = [[3, 1, NAN, 2], [1, 1, 5, 3], [NAN, NAN, 7, NAN]]
    np.testing.assert_array_equal(win_matrix(values), [[0.5, 0.5, NAN], [0.5, 0.5, 0], [NAN, 1, 0.5]])
    np.testing.assert_array_equal(
        win_matrix(values, larger_is_better=False), [[0.5, 0.5, NAN], [0.5, 0.5, 1], [NAN, 0, 0.5]]
    )
    with pytest.raises(ValueError, match="arms and seeds"):
        win_matrix([1.0, 2.0])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=9))
def test_a_win_matrix_holds_the_chances_of_all_pairs(rows):
    values = np.array(rows, dtype=float).T
    matrix = win_matrix(values)
    np.testing.assert_allclose(matrix + matrix.T, 1)
    for i, j in itertools.product(range(3), repeat=2):
        assert matrix[i, j] == pytest.approx(chance_to_beat(values[i], values[j]).estimate)


# --- How many seeds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [0.0, 0.2, 0.5, 1.0, 2.5])
@pytest.mark.parametrize("seeds", [2, 5, 10, 34, 200])
def test_power_is_that_of_scipys_noncentral_t(effect, seeds):
    critical, shift = stats.t.isf(0.025, seeds - 1), effect * np.sqrt(seeds)
    expected = stats.nct.sf(critical, seeds - 1, shift) + stats.nct.cdf(-critical, seeds - 1, shift)
    # scipy's own sum is nan where the difference is so large that the lower tail is less than 1e-16.
    assert power(effect, seeds) == pytest.approx(1.0 if np.isnan(expected) else expected, abs=1e-8)
    assert power(-effect, seeds) == power(effect, seeds)


def test_power_has_the_textbook_s_sample_sizes():
    """Cohen 1988, as G*Power 3.1 gives them for a paired t test: 34, 15 and 199 pairs for d = 0.5, 0.8 and 0.2."""
    for effect, seeds in [(0.5, 34), (0.8, 15), (0.2, 199)]:
        assert power(effect, seeds - 1) < 0.8 <= power(effect, seeds)
    with pytest.raises(ValueError, match="two seeds"):
        power(1.0, 1)


@pytest.mark.parametrize("seeds", [2, 6, 1000])
def test_power_grows_up_to_differences_without_a_spread(seeds):
    powers = [power(effect, seeds) for effect in (0, 0.1, 1, 3, 10, 30, 100, 1e4, 1e16)]
    assert powers == sorted(powers)
    assert powers[0] == pytest.approx(0.05)
    assert powers[-1] == pytest.approx(1)


def differences_of(effect):
    """Ten differences whose mean is `effect` standard deviations."""
    values = np.arange(10.0)
    return (values - values.mean()) / values.std(ddof=1) + effect


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 34), (0.8, 15), (0.2, 199), (5.0, 6), (0.03, 8723)])
def test_seeds_needed_have_the_power(effect, seeds):
    found = seeds_needed(differences_of(effect), np.zeros(10))
    assert found == seeds
    assert found == 6 or power(effect, found - 1) < 0.8 <= power(effect, found)


def test_seeds_needed_are_unknown_where_it_is_hopeless():
    assert seeds_needed(differences_of(0.02), np.zeros(10)) is None
    assert seeds_needed([1.0, 2.0], [1.0, 2.0]) is None
    assert seeds_needed([1.0], [0.0]) is None


def test_seeds_needed_are_never_too_few_for_the_permutation_test():
    assert seeds_needed([1.0, 1.0], [0.0, 0.0]) == 6
    assert seeds_needed([1.0, 1.0], [0.0, 0.0], significance=0.05 / 6) == 8
    for significance, seeds in [(0.05, 6), (0.05 / 6, 8)]:
        assert smallest_p(seeds) <= significance < smallest_p(seeds - 1)


@settings(deadline=None, max_examples=30)
@given(PAIRS.filter(lambda pairs: len(pairs) > 1), st.sampled_from([-2, 0.5, 4]))
def test_seeds_needed_depend_on_neither_unit_nor_order(pairs, scale):
    a, b = np.array(pairs, dtype=float).T
    assert seeds_needed(a, b) == seeds_needed(b, a) == seeds_needed(scale * a, scale * b)
