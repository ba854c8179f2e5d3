"""The statistics over data sets, against brute force, closed forms, SciPy, recorded figures of autorank and baycomp."""

import json
import math
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats
from support import ROOT

from nnlab.maths.statistics.across import (
    average_ranks,
    bayesian_signed_rank,
    best_of,
    better_on_at_least,
    cliques,
    compare_set_pairs,
    compare_sets,
    conjunction_p,
    friedman,
    least_sets,
    log_errors,
    profiles,
    random_effects,
    seed_noise,
    set_errors,
    sign_flip_test,
    signed_rank_test,
    win_tie_loss,
)

RECORDED = json.loads((ROOT / "tests" / "references" / "across.json").read_text(encoding="utf-8"))
ARMS = RECORDED["arms"]
ERRORS = np.array(RECORDED["errors"]) / 100  # (12, 5)
LOGS = np.log(ERRORS)


def made(errors, families=None, floors=0.001, chance=0.9, arms=None):
    """Errors (N, R, K) of sets s0, s1 … and arms a, b …"""
    errors = np.asarray(errors, dtype=float)
    sets, _, count = errors.shape
    return set_errors(
        errors,
        sets=[f"s{n}" for n in range(sets)],
        arms=arms or [*"abcdefgh"[:count]],
        floors=np.full(sets, floors),
        chance=np.full(sets, chance),
        families=families,
    )


def drawn(sets=12, seeds=8, ratios=(1.0, 1.0, 1.5), noise=0.05, seed=0):
    """Errors of arms that have these ratios of errors on every set, but for a noise of the sets and of the seeds."""
    generator = np.random.default_rng(seed)
    size = np.exp(generator.normal(-2, 0.5, (sets, 1, 1)))
    scatter = generator.normal(0, noise, (sets, 1, len(ratios))) + generator.normal(
        0, noise, (sets, seeds, len(ratios))
    )
    return size * np.array(ratios) * np.exp(scatter)


# --- What counts as an error ------------------------------------------------------------------------------------------


def test_an_error_lies_between_half_a_row_and_chance_and_a_diverged_run_is_the_worst():
    errors = made([[[0.0, 0.2], [math.nan, 0.95], [0.1, math.inf]]])
    np.testing.assert_array_equal(errors.errors, [[[0.001, 0.2], [0.9, 0.9], [0.1, 0.9]]])
    np.testing.assert_array_equal(errors.diverged, [[1, 1]])


def test_differences_are_logarithms_of_ratios_of_means_over_seeds():
    single = made([[[0.1, 0.3], [0.3, 0.5]], [[0.01, 0.02], [0.02, 0.01]]])
    np.testing.assert_allclose(np.diff(log_errors(single))[:, 0], [math.log(2), 0], atol=1e-12)


def test_a_family_counts_once_with_the_mean_of_its_differences():
    errors = drawn(sets=3)
    logs = log_errors(made(errors))
    family = made(errors, families=["digits", "s1", "digits"])
    assert family.families == ("digits", "s1")
    np.testing.assert_allclose(log_errors(family), [(logs[0] + logs[2]) / 2, logs[1]], atol=1e-12)
    twice = made(np.concatenate([errors, errors[:1]]), families=["s0", "s1", "s2", "s0"])
    for counted, plain in zip(
        compare_set_pairs(twice, equivalence=0), compare_set_pairs(made(errors), equivalence=0), strict=True
    ):
        assert counted.p == plain.p
        assert counted.effect == plain.effect
        assert counted.at_least == plain.at_least


def test_the_noise_of_seeds_gives_the_standard_error_of_a_log_ratio():
    """Against the spread of the log ratios that many draws of seeds give."""
    generator = np.random.default_rng(3)
    runs = np.exp(generator.normal([-1.0, -1.5], [0.3, 0.2], (4000, 10, 2)) + generator.normal(0, 0.2, (4000, 10, 1)))
    spread = np.std(np.log(runs.mean(axis=1)) @ [1, -1])
    noise = seed_noise(made(runs[:500], chance=100.0))
    variances = np.var(noise[:, :, 0] - noise[:, :, 1], axis=1, ddof=1) / 10
    assert math.sqrt(variances.mean()) == pytest.approx(spread, rel=0.05)


def test_sets_that_tell_nothing_apart_are_left_out():
    errors = drawn(sets=4)
    errors[1], errors[2] = 0, 5
    found = made(errors)
    np.testing.assert_array_equal(found.at_floor, [False, True, False, False])
    np.testing.assert_array_equal(found.at_chance, [False, False, True, False])
    assert found.families == ("s0", "s3")
    np.testing.assert_array_equal(log_errors(found), log_errors(made(errors[[0, 3]])))
    families = made(errors, families=["x", "x", "y", "z"])
    assert families.families == ("x", "z")
    np.testing.assert_array_equal(log_errors(families), log_errors(found))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"errors": [[[0.1, -0.2]]]}, "not negative"),
        ({"errors": [[[0.1]]], "arms": ["a"]}, "at least two arms"),
        ({"arms": ["a", "a"]}, "twice"),
        ({"arms": ["a", "b", "c"]}, "1 sets, some seeds and 3 arms"),
        ({"floors": [0.0]}, "floor"),
        ({"chance": [0.001]}, "floor"),
        ({"chance": [0.9, 0.9]}, "one value for each"),
        ({"families": ["x", "y"]}, "one value for each"),
    ],
)
def test_what_is_no_table_of_errors_is_refused(change, message):
    given = {"errors": [[[0.1, 0.2]]], "sets": ["s"], "arms": ["a", "b"], "floors": [0.01], "chance": [0.5]}
    with pytest.raises(ValueError, match=message):
        set_errors(**{**given, **change})


# --- Tests of pairs ---------------------------------------------------------------------------------------------------


def brute_force(differences):
    """Wilcoxon's p-value from all patterns of signs, with SciPy's ranks."""
    sizes = np.array([round(d, 12) for d in differences if d])
    ranks = stats.rankdata(abs(sizes))
    sums = [np.dot(signs, ranks) for signs in product((-1, 1), repeat=len(ranks))]
    return np.mean(np.abs(sums) >= abs(np.dot(np.sign(sizes), ranks)) - 1e-9)


@pytest.mark.parametrize(
    "differences", [[1, 1, -2, 3, 0], [2, -2, 2, 2, 2, 5, 5], [0.1, 0.2, 0.30000000000000004, -0.3], [1]]
)
def test_the_signed_rank_test_counts_every_pattern_of_signs(differences):
    assert signed_rank_test(differences) == pytest.approx(brute_force(differences), rel=1e-12)


def test_the_signed_rank_test_is_scipys_where_that_is_exact():
    generator = np.random.default_rng(0)
    for sets in (2, 7, 12, 30, 50):
        differences = generator.normal(0.3, 1, sets)
        expected = stats.wilcoxon(differences, method="exact").pvalue
        assert signed_rank_test(differences) == pytest.approx(expected, rel=1e-12)
        assert signed_rank_test(-differences[::-1]) == pytest.approx(expected, rel=1e-12)


def test_the_signed_rank_test_gives_the_recorded_figures():
    for names, expected in RECORDED["scipy"]["wilcoxon of logarithms"].items():
        a, b = map(ARMS.index, names.split("/"))
        assert signed_rank_test(LOGS[:, a] - LOGS[:, b]) == pytest.approx(expected, rel=1e-12)
    relu, sigmoid = ERRORS[:, ARMS.index("relu")], ERRORS[:, ARMS.index("sigmoid")]
    one_sided = RECORDED["autorank"]["relu/sigmoid"]["one-sided p of errors"]
    assert signed_rank_test(relu - sigmoid) == pytest.approx(2 * one_sided, rel=1e-12)


def test_arms_that_are_the_same_on_every_set_have_nothing_to_test():
    assert signed_rank_test([0.0, 0.0]) == 1
    assert sign_flip_test([0.0, 0.0]) == 1


def test_sign_flips_weigh_differences_by_their_size():
    differences = [10.0, -1.0, -1.0, 2.0, 0.5]
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=5)]
    assert sign_flip_test(differences) == np.mean(np.array(sums) >= abs(sum(differences)))


# --- Ranks ------------------------------------------------------------------------------------------------------------


def test_average_ranks_and_friedmans_test_give_the_recorded_figures():
    ranks = RECORDED["autorank"]["mean_ranks"]
    np.testing.assert_allclose(average_ranks(ERRORS), [ranks[arm] for arm in ARMS], rtol=1e-12)
    found = friedman(ERRORS)
    np.testing.assert_allclose([found.chi_squared, found.chi_squared_p], RECORDED["scipy"]["friedman"], rtol=1e-10)
    assert found.chi_squared_p == pytest.approx(RECORDED["autorank"]["p"], rel=1e-10)
    f = 11 * found.chi_squared / (12 * 4 - found.chi_squared)
    assert (found.f, found.f_degrees) == (pytest.approx(f, rel=1e-12), (4, 44))
    assert found.f_p == pytest.approx(stats.f.sf(f, 4, 44), rel=1e-10)


def test_friedmans_test_corrects_for_ties():
    errors = np.array([[1, 1, 2, 3], [1, 2, 2, 2], [3, 1, 2, 4], [1, 2, 1, 2], [5, 6, 7, 7]])
    assert friedman(errors).chi_squared == pytest.approx(stats.friedmanchisquare(*errors.T).statistic, rel=1e-12)


def test_friedmans_test_at_its_ends():
    assert friedman([[1, 1], [2, 2]]).f_p == 1
    agreed = friedman([[1, 2, 3], [2, 4, 9], [0, 1, 2]])
    assert (agreed.f, agreed.f_p) == (math.inf, 0)
    with pytest.raises(ValueError, match="two sets and two arms"):
        friedman([[1, 2, 3]])


def test_cliques_are_the_longest_stretches_without_a_difference():
    told = {frozenset("ad"), frozenset("ae"), frozenset("be")}
    assert cliques("abcde", told) == [("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e")]
    assert cliques("ab", {frozenset("ab")}) == []


# --- Beliefs ----------------------------------------------------------------------------------------------------------


def test_beliefs_are_those_of_baycomp():
    region = math.log1p(RECORDED["baycomp"]["equivalence"])
    for names, expected in RECORDED["baycomp"]["better, same, worse"].items():
        a, b = map(ARMS.index, names.split("/"))
        found = bayesian_signed_rank(LOGS[:, a] - LOGS[:, b], region)
        assert [found.better, found.same, found.worse] == pytest.approx(expected, abs=0.012)


def test_beliefs_depend_neither_on_the_order_of_sets_nor_on_that_of_arms():
    differences = np.random.default_rng(2).normal(0.05, 0.1, 9)
    found = bayesian_signed_rank(differences, 0.03)
    assert bayesian_signed_rank(differences[::-1], 0.03) == found
    turned = bayesian_signed_rank(-differences, 0.03)
    assert (turned.better, turned.same, turned.worse) == (found.worse, found.same, found.better)
    assert bayesian_signed_rank([0.0] * 5, 0).same == 1
    with pytest.raises(ValueError, match="negative"):
        bayesian_signed_rank([0.1], -0.1)


# --- The mean and the next set ----------------------------------------------------------------------------------------


def test_the_mean_and_the_next_set_have_their_closed_forms():
    differences, noise = np.array([-0.3, -0.1, -0.4, 0.1, -0.2]), np.array([0.05, 0.1, 0.1, 0.05, 0.2])
    found, spread = random_effects(differences, noise), differences.std(ddof=1)
    half = stats.t.ppf(0.975, 4) * spread / math.sqrt(5)
    assert (found.mean.estimate, found.mean.low, found.mean.high) == pytest.approx((-0.18, -0.18 - half, -0.18 + half))
    reach = stats.t.ppf(0.975, 3) * spread * math.sqrt(1.2)
    assert (found.next_set.low, found.next_set.high) == pytest.approx((-0.18 - reach, -0.18 + reach))
    assert found.between == pytest.approx(math.sqrt(spread**2 - np.mean(noise**2)))
    assert random_effects(differences, noise * 10).between == 0
    assert random_effects(differences).between is None


def test_one_set_has_no_interval_and_two_have_none_for_the_next():
    one, two = random_effects([0.1], [0.1]), random_effects([0.1, 0.3], [0.1, 0.1])
    assert (one.mean.low, one.next_set.low, one.between) == (None, None, None)
    assert two.mean.low is not None
    assert two.next_set.low is None
    with pytest.raises(ValueError, match="2 standard errors do not match 3"):
        random_effects([0.1, 0.2, 0.3], [0.1, 0.1])


# --- At least u of N --------------------------------------------------------------------------------------------------


def test_partial_conjunction_by_hand():
    p = [0.2, 0.001, 0.04, 0.01]
    assert conjunction_p(p, 1) == pytest.approx(0.004)  # Simes: 4 · 0.001
    assert conjunction_p(p, 2) == pytest.approx(0.03)  # of 0.01, 0.04, 0.2: 3 · 0.01
    assert conjunction_p(p, 3) == pytest.approx(0.08)
    assert conjunction_p(p, 4) == 0.2
    assert better_on_at_least(p) == 2
    assert better_on_at_least(p, 0.005) == 1
    assert better_on_at_least([0.5, 0.9]) == 0
    assert better_on_at_least([0.01, 0.02]) == 2


def test_what_is_no_p_value_and_no_claim_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        conjunction_p([0.1, 1.2], 1)
    with pytest.raises(ValueError, match="no claim"):
        conjunction_p([0.1], 2)


# --- The best of b ----------------------------------------------------------------------------------------------------


def test_the_best_of_b_is_the_mean_over_all_choices_of_b_draws():
    generator = np.random.default_rng(4)
    tuning, test = generator.normal(size=(2, 7)), generator.normal(size=(2, 7))
    for found, values in ((best_of(tuning), tuning), (best_of(tuning, test), test)):
        for row, b in product(range(2), range(1, 8)):
            chosen = [values[row, min(some, key=lambda i: tuning[row, i])] for some in combinations(range(7), b)]
            assert found[row, b - 1] == pytest.approx(np.mean(chosen), rel=1e-12)


def test_draws_of_the_same_tuning_error_are_chosen_equally_often():
    np.testing.assert_allclose(best_of([0.1, 0.1, 0.5], [1.0, 3.0, 8.0]), [4, (2 + 2 + 2) / 3, 2])


def test_the_best_of_a_thousand_draws_is_stable():
    """Uniform draws 1/B … 1: the best of b has the expectation (B + 1)/(b + 1)/B exactly."""
    draws = np.random.default_rng(5).permutation(np.arange(1, 1001)) / 1000
    np.testing.assert_allclose(best_of(draws), 1.001 / (np.arange(1, 1001) + 1), rtol=1e-11)


def test_the_best_of_what_diverged_is_refused():
    with pytest.raises(ValueError, match="finite"):
        best_of([0.1, math.inf])
    with pytest.raises(ValueError, match="same draws"):
        best_of([0.1, 0.2], [0.1])


# --- Without a test ---------------------------------------------------------------------------------------------------


def test_wins_ties_and_losses():
    record = win_tie_loss([-0.2, -0.05, 0.0, 0.05, 0.06], 0.05)
    assert (record.wins, record.ties, record.losses) == (1, 3, 1)


def test_profiles_step_at_the_shares_of_chance_and_count_a_family_once():
    errors = made([[[0.09, 0.45]], [[0.27, 0.18]], [[0.18, 0.9]]], families=["x", "y", "x"])
    found = profiles(errors)
    np.testing.assert_allclose(found.errors, [[0.1, 0.2, 0.3], [0.2, 0.5, 1.0]])
    np.testing.assert_allclose(found.shares, [[0.25, 0.5, 1], [0.5, 0.75, 1]])


# --- All of it --------------------------------------------------------------------------------------------------------


def test_the_number_of_sets_that_any_rejection_needs():
    assert [least_sets(arms) for arms in (2, 3, 5, 10)] == [6, 7, 9, 11]
    assert [least_sets(arms, baseline=True) for arms in (2, 3, 10)] == [6, 7, 9]
    for arms in (3, 5, 10):  # all sets on one side: the smallest p-value there is
        p = [
            signed_rank_test(np.arange(1, n + 1)) * math.comb(arms, 2) for n in (least_sets(arms) - 1, least_sets(arms))
        ]
        assert p[1] <= 0.05 < p[0]


@pytest.fixture(scope="module")
def compared():
    return compare_sets(made(drawn(), arms=["relu", "gelu", "sigmoid"]))


def test_a_comparison_tells_apart_what_differs_and_no_more(compared):
    told = {(pair.better, pair.worse) for pair in compared.pairs if pair.told_apart}
    assert told == {("relu", "sigmoid"), ("gelu", "sigmoid")}
    assert compared.ranking[2] == "sigmoid"
    assert [{*clique} for clique in compared.cliques] == [{"relu", "gelu"}]
    same = next(pair for pair in compared.pairs if "sigmoid" not in (pair.better, pair.worse))
    assert same.beliefs.same > 0.8
    worse = next(pair for pair in compared.pairs if (pair.better, pair.worse) == ("relu", "sigmoid"))
    assert worse.effect.mean.low < -math.log(1.5) < worse.effect.mean.high
    assert (worse.record.wins, worse.record.losses, worse.at_least) == (12, 0, 12)
    assert worse.p == 2 * 2.0**-12
    assert worse.adjusted == 3 * worse.p


def test_the_order_of_arms_and_sets_changes_nothing(compared):
    turned = compare_sets(made(drawn()[::-1, :, ::-1], arms=["sigmoid", "gelu", "relu"]))
    assert turned.ranking == compared.ranking
    for pair in compared.pairs:
        other = next(p for p in turned.pairs if {p.better, p.worse} == {pair.better, pair.worse})
        assert (other.better, other.p, other.adjusted) == (pair.better, pair.p, pair.adjusted)
        assert (other.beliefs, other.record, other.at_least) == (pair.beliefs, pair.record, pair.at_least)
    assert turned.cliques == compared.cliques


def test_a_baseline_is_compared_with_each_other_arm_alone(compared):
    found = compare_sets(made(drawn(), arms=["relu", "gelu", "sigmoid"]), baseline="relu")
    assert len(found.pairs) == 2
    assert all("relu" in (pair.better, pair.worse) for pair in found.pairs)
    assert found.cliques == ()
    assert next(p for p in found.pairs if p.worse == "sigmoid").adjusted == 2 * 2 * 2.0**-12
    assert "relu and gelu can't be told apart over 12 data sets." in found.sentences
    with pytest.raises(ValueError, match="none of the arms"):
        compare_sets(made(drawn()), baseline="relu")
    with pytest.raises(ValueError, match="negative"):
        compare_sets(made(drawn()), equivalence=-0.1)


def test_many_arms_that_are_like_the_baseline_are_told_in_one_sentence():
    errors = np.tile(np.linspace(0.1, 0.17, 8), (4, 2, 1))
    found = compare_sets(made(errors), baseline="d")
    assert found.sentences[0] == "d can't be told apart from a, b, c, e, f or 2 more over 4 data sets."


def test_a_mean_that_contradicts_the_ranks_tells_nothing_apart():
    """One set on which the arm that wins everywhere else is a thousand times worse."""
    ratios = np.array([0.9] * 11 + [0.899, 1000.0])
    errors = np.stack([0.0008 * ratios, np.full(13, 0.0008)], axis=1)[:, None, :]
    (pair,) = compare_set_pairs(made(errors, floors=1e-5), equivalence=0.0)
    assert pair.p < 0.05
    assert pair.better == "b"
    assert pair.effect.mean.estimate < 0
    assert not pair.told_apart


def test_the_sentences_of_a_comparison():
    errors = np.tile(np.array([0.1, 0.1, 0.2]), (12, 2, 1))
    errors[:, :, 1] *= 1.001
    found = compare_sets(made(errors, arms=["relu", "gelu", "sigmoid"]))
    over = "over 12 data sets: errors"
    half = "50 % smaller, 95 % 50 % smaller, and on the next data set 50 % smaller; 12 won, 0 the same, 0 lost."
    little = half.replace("50 %", "0.1 %").replace("12 won, 0 the same", "0 won, 12 the same")
    assert found.sentences == (
        f"relu beats gelu {over} {little}",
        f"relu beats sigmoid {over} {half}",
        f"gelu beats sigmoid {over} {half}",
        "relu and gelu: errors are most often the same within 5 % (probability more than 99.9 %).",
    )


@pytest.mark.parametrize(("sets", "is_told"), [(1, False), (5, False), (6, True)])
def test_too_few_sets_to_tell_arms_apart_do_not_show_them_to_be_the_same(sets, is_told):
    found = compare_sets(made(np.full((sets, 2, 2), 0.1)))
    assert found.pairs[0].beliefs.same > 0.95
    assert any("the same within" in sentence for sentence in found.sentences) == is_told


def test_a_comparison_names_what_it_cannot_say():
    errors = drawn(sets=7, seeds=1)
    errors[0], errors[1], errors[2, 0, 0], errors[3, 0, 2] = 0, math.nan, 0, math.nan
    found = compare_sets(made(errors, families=["s0", "s1", "digits", "s3", "digits", "s5", "s6"]))
    assert found.warnings == (
        "s0 is left out: no arm makes an error there with any seed",
        "s1 is left out: no arm is better than chance there with any seed",
        "s2 and s4 are of one family, digits, and count as one data set",
        "4 families of data sets cannot tell any of 3 pairs apart: at least 7 are needed",
        "fewer than 12 data sets: another choice of them may well give another order",
        "1 of 7 runs of a diverged and count as chance",
        "1 of 7 runs of b diverged and count as chance",
        "2 of 7 runs of c diverged and count as chance",
        "on s2 some runs make no error and count as half a row there",
        "with 1 seed, what a seed does cannot be told from what a data set does",
        "1 seed cannot show on how many data sets an arm is better: at least 7 are needed",
    )
    assert not any(pair.told_apart for pair in found.pairs)
    assert found.pairs[0].differences[0].low is None


def test_sets_that_tell_nothing_leave_nothing_to_compare():
    found = compare_sets(made(np.zeros((2, 3, 2))))
    assert (found.pairs, found.friedman, found.families, found.cliques) == ((), None, (), ())
    assert "0 data sets cannot tell the pair apart: at least 6 are needed" in found.warnings
