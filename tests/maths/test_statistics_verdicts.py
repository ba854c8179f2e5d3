"""Verdicts: the plain sentences about arms whose figures are made so that the truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.maths.statistics import (
    Figure,
    Reached,
    chance_to_beat,
    compare_pairs,
    compare_shares,
    compare_with_best,
    holm,
    paired_difference,
    permutation_test,
    ranking,
    seeds_needed,
    seeds_needed_for_shares,
    share_difference,
    share_interval,
    sign_test,
    verdict,
)

NAN = float("nan")
ACCURACY = Figure(larger_is_better=True, share=True)
LOSS = Figure(larger_is_better=False)

# What ten seeds do to every arm, and what each arm adds to it.
SEEDS = np.array([0.900, 0.912, 0.905, 0.921, 0.897, 0.915, 0.903, 0.909, 0.918, 0.899])
JITTER = np.array([1, -1, 2, -2, 0, 1, -1, 3, -3, 0]) / 1000


def arm(values, first=1):
    """Figures by seed."""
    return {first + place: float(value) for place, value in enumerate(values)}


CLEAR = {"sigmoid": arm(SEEDS), "tanh": arm(SEEDS + 0.021 + JITTER), "relu": arm(SEEDS + 0.0205 - JITTER[::-1])}


# --- Sentences --------------------------------------------------------------------------------------------------------


def test_a_verdict_names_winners_in_order_of_rank_and_then_ties():
    found = verdict(CLEAR, ACCURACY)
    assert found.ranking == ("tanh", "relu", "sigmoid")
    assert found.sentences == (
        (
            "tanh and relu each beat sigmoid: tanh by 2.10 points, 95 % 1.97 to 2.23; "  # 2.10 ± 2.262 · 0.183/√10
            "relu by 2.05 points, 95 % 1.92 to 2.18."
        ),
        "tanh and relu can't be told apart with 10 seeds, about 500 would be needed.",
    )
    assert found.warnings == ()


def test_every_sentence_names_its_figure_or_its_target():
    """A sentence is quoted alone: `relu beats sigmoid by 1.0 points` says nothing without what was measured."""
    named = replace(ACCURACY, name="test accuracy")
    arms = {**CLEAR, "elu": CLEAR["tanh"], "selu": STUCK}
    (first, _) = verdict({label: CLEAR[label] for label in ("tanh", "sigmoid")} | {"selu": STUCK}, named).sentences[:2]
    assert first == "test accuracy: tanh beats sigmoid by 2.10 points, 95 % 1.97 to 2.23."
    sentences = verdict(arms, named).sentences
    assert all(sentence.startswith("test accuracy: ") for sentence in sentences)
    for kind in ("each beat", "can't be told apart", "gave the same", "falls into two groups"):
        assert any(kind in sentence for sentence in sentences), kind
    (sentence,) = verdict({"relu": STUCK}, named, reached(relu=STUCK)).sentences
    assert sentence.startswith("relu fails train/accuracy >= 0.95 on ")
    assert sentence.endswith("; its seeds end with a test accuracy near 75.0 % or near 98.0 %.")


def test_smaller_is_better_for_a_loss():
    found = verdict({label: arm([1 - v for v in scores.values()]) for label, scores in CLEAR.items()}, LOSS)
    assert found.ranking == ("tanh", "relu", "sigmoid")
    assert found.sentences[0].startswith("tanh and relu each beat sigmoid: tanh by 0.0210, 95 % 0.0197 to 0.0223; ")
    assert found.pairs[1].margin.estimate == pytest.approx(0.021)


def test_every_figure_of_a_pair_is_that_of_its_own_function():
    pairs = compare_pairs(CLEAR, larger_is_better=True)
    assert [(pair.better, pair.worse) for pair in pairs] == [("tanh", "relu"), ("tanh", "sigmoid"), ("relu", "sigmoid")]
    for pair in pairs:
        a, b = (list(CLEAR[label].values()) for label in (pair.better, pair.worse))
        assert pair.margin == paired_difference(a, b)
        assert pair.chance == chance_to_beat(a, b)
        assert pair.p == permutation_test(a, b)
        assert pair.needed == seeds_needed(a, b, significance=0.05 / 3)
    assert [pair.adjusted for pair in pairs] == holm([pair.p for pair in pairs])
    assert [pair.told_apart for pair in pairs] == [False, True, True]


def test_arms_that_are_the_same_are_said_to_be():
    found = verdict({"elu": arm(SEEDS), "celu": arm(SEEDS)}, ACCURACY)
    assert found.sentences == ("elu and celu gave the same on all 10 seeds.",)
    assert found.warnings == ()


def test_a_difference_of_means_by_rounding_alone_is_none():
    """The differences of 0.9, 0.95 and 0.2 from the same figures in another order do not quite add up to 0."""
    figures = [0.9, 0.95, 0.2] * 3
    (pair,) = compare_pairs({"relu": arm(figures), "f1": arm(np.roll(figures, 1))}, larger_is_better=True)
    assert math.fsum(np.array(figures) - np.roll(figures, 1)) != 0
    assert (pair.better, pair.margin.estimate, pair.needed, pair.told_apart) == ("relu", 0, None, False)
    shifted = [np.nextafter(value, 1) for value in figures]
    (pair,) = compare_pairs({"relu": arm(figures), "f1": arm(shifted)}, larger_is_better=True)
    assert (pair.better, pair.margin.low, pair.margin.high) == ("relu", 0, 0)


def test_a_difference_that_no_number_of_seeds_shows():
    noise = np.array([1, -1, 2, -2, 3, -3, 4, -4, 5, -5]) / 100
    found = verdict({"a": arm(SEEDS + noise + 5e-4), "b": arm(SEEDS)}, ACCURACY)
    assert found.sentences == ("a and b can't be told apart with 10 seeds, more than 10,000 would be needed.",)


def test_a_difference_that_is_the_same_on_every_seed():
    found = verdict({"a": arm(np.arange(10) + 2), "b": arm(np.arange(10))}, LOSS)
    assert found.sentences == ("b beats a by 2 on every seed.",)
    assert found.warnings == (
        "b against a, their differences: all 10 seeds gave the same: the spread of others is unknown",
    )


def test_what_was_told_apart_is_never_shown_as_reaching_0():
    differences = [0.4, 1.3, 4.3, 6.7, 1.1, 0.9, 1.4, 0.4]  # 2.06 from 0.18 to 9.2: whole numbers would be wide enough
    found = verdict({"a": arm(differences), "b": arm([0] * 8)}, LOSS)
    assert found.sentences == ("b beats a by 2.1, 95 % 0.2 to 9.2.",)


@pytest.mark.parametrize(
    ("scale", "sentence"),
    [
        (1e4, "a beats b by 210, 95 % 202 to 218."),
        (1.0, "a beats b by 0.0210, 95 % 0.0202 to 0.0218."),
        (1e-8, "a beats b by 2.1e-10, 95 % 2e-10 to 2.2e-10."),
    ],
)
def test_digits_follow_the_width_of_the_interval(scale, sentence):
    steady = np.array([1, -1] * 5) / 1000
    arms = {"a": arm(scale * (2 - SEEDS - 0.021 + steady)), "b": arm(scale * (2 - SEEDS))}
    assert verdict(arms, LOSS).sentences == (sentence,)


def test_all_pairs_told_apart_are_spoken_of_by_the_arm_that_loses():
    generator = np.random.default_rng(0)
    arms = {f"arm{rank}": arm(SEEDS - 0.02 * rank + generator.normal(0, 1e-3, 10)) for rank in range(5)}
    found = verdict(arms, ACCURACY)
    assert len(found.pairs) == 10
    assert [sentence.split(" by ")[0].split(": ")[0] for sentence in found.sentences] == [
        "arm0 beats arm1",
        "arm0 and arm1 each beat arm2",
        "arm0, arm1 and arm2 each beat arm3",
        "arm0, arm1, arm2 and arm3 each beat arm4",
    ]
    assert ": the closest, arm3, by " in found.sentences[-1]
    assert (found.rest_of_pairs, found.rest_of_shares) == (3, 0)  # the others against arm4


def test_arms_that_cannot_be_told_apart_share_a_sentence():
    """a to d can't be told apart, nor b to e; a beats e."""
    generator = np.random.default_rng(3)
    arms = {label: arm(SEEDS - 5e-4 * place + generator.normal(0, 4e-4, 10)) for place, label in enumerate("abcde")}
    found = verdict(arms, ACCURACY)
    told = [pair for pair in found.pairs if pair.told_apart]
    for pair in told:
        assert any(pair.better in s and f" {pair.worse}" in s for s in found.sentences if " beat" in s)
    runs = [
        sentence.split(" can't ")[0] for sentence in found.sentences if "can't be told apart with 10 seeds" in sentence
    ]
    for pair in found.pairs:
        if not pair.told_apart:
            assert any({pair.better, pair.worse} <= {*run.replace(" and", ",").split(", ")} for run in runs)


def test_arms_that_tie_are_said_to():
    """Their order is the given one."""
    arms = {"relu": arm([0.9, 0.95, 0.2] * 3), "f1": arm([0.2, 0.9, 0.95] * 3), "elu": arm([0.95, 0.2, 0.9] * 3)}
    found = verdict(arms, ACCURACY)
    assert found.sentences[0] == "relu, f1 and elu have the same mean over 9 seeds."
    assert found.ranking == ("relu", "f1", "elu")


def test_the_best_is_set_against_each_other_arm_and_these_pairs_are_corrected_alone():
    pairs = compare_with_best(CLEAR, "tanh", larger_is_better=True)
    assert list(pairs) == ["relu", "sigmoid"]
    values = {label: list(scores.values()) for label, scores in CLEAR.items()}
    assert [pair.p for pair in pairs.values()] == [permutation_test(values["tanh"], values[other]) for other in pairs]
    assert [pair.adjusted for pair in pairs.values()] == holm([pair.p for pair in pairs.values()])
    assert [pair.told_apart for pair in pairs.values()] == [False, True]
    assert compare_with_best({"a": arm(SEEDS)}, "a", larger_is_better=True) == {}


def test_a_thousand_seeds_have_their_comma():
    noise = np.random.default_rng(1).normal(0, 1, (2, 1000))
    (sentence,) = verdict({"a": arm(noise[0]), "b": arm(noise[1])}, LOSS).sentences
    assert " 1,000 seeds" in sentence


def test_one_arm_alone_has_no_pair():
    found = verdict({"relu": arm(SEEDS)}, ACCURACY)
    assert (found.ranking, found.pairs, found.sentences, found.warnings) == (("relu",), (), (), ())
    with pytest.raises(ValueError, match="no arms"):
        verdict({}, ACCURACY)


# --- Two groups of seeds ----------------------------------------------------------------------------------------------

STUCK = arm([0.75, 0.98, 0.751, 0.979, 0.981, 0.98, 0.749, 0.98, 0.982, 0.978])


def test_arms_in_two_groups_are_spoken_of_by_shares():
    (sentence,) = verdict({"relu": STUCK}, ACCURACY).sentences
    share = share_interval(7, 10)
    assert sentence == (
        f"relu falls into two groups of seeds: near 98.0 % on 70 % of seeds, "
        f"95 % {100 * share.low:.1f} % to {100 * share.high:.1f} %, near 75.0 % on the others."
    )
    missed = share_interval(3, 10)
    (sentence,) = verdict({"relu": STUCK}, ACCURACY, reached(relu=STUCK)).sentences
    assert sentence == (
        f"relu fails train/accuracy >= 0.95 on 30 % of seeds, 95 % {100 * missed.low:.1f} % to {100 * missed.high:.1f} "
        "% (3 of 10); its seeds end near 75.0 % or near 98.0 %."
    )
    assert verdict({"tanh": arm(SEEDS)}, ACCURACY, Reached("x >= 0", {"tanh": dict.fromkeys(range(1, 11), True)})
                   ).sentences == ()  # fmt: skip


def reached(**arms):
    """Which seeds of arms are above 95 %."""
    return Reached("train/accuracy >= 0.95", {
        label: {seed: bool(value > 0.95) for seed, value in scores.items()} for label, scores in arms.items()
    })  # fmt: skip


# Thirty seeds, of which one arm gets stuck on the first twenty, and another on the first five.
OFTEN = arm(np.where(np.arange(30) < 20, 0.75, 0.98) + np.tile(JITTER, 3))
SELDOM = arm(np.where(np.arange(30) < 5, 0.75, 0.98) - np.tile(JITTER, 3))

SOLVED = arm(np.full(30, 0.98) + np.tile(JITTER, 3))


def test_where_seeds_get_stuck_the_verdict_leads_with_shares_and_tests_them():
    arms = {"relu": OFTEN, "tanh": SELDOM, "elu": arm(np.tile(SEEDS, 3) / 10)}
    found = verdict(arms, ACCURACY, reached(**arms))
    (pair,) = (pair for pair in found.shares if {pair.better, pair.worse} == {"tanh", "relu"})
    assert (pair.better, pair.only_better, pair.only_worse, pair.seeds) == ("tanh", 15, 0, 30)
    assert pair.shares == pytest.approx((25 / 30, 10 / 30))
    assert pair.margin == share_difference(15, 0, 30)
    assert pair.p == pytest.approx(2 * 0.5**15)
    assert pair.told_apart
    first = found.sentences[0]
    assert first.startswith(
        "tanh reaches train/accuracy >= 0.95 on more seeds than relu: 83.3 % against 33.3 %, 50.0 po"
    )
    fails = [place for place, sentence in enumerate(found.sentences) if " fails " in sentence]
    assert len(fails) == 3
    assert not any("tanh beats relu" in sentence for sentence in found.sentences)
    assert not any("falls into two groups" in sentence for sentence in found.sentences)


def test_all_arms_that_reach_the_target_more_often_are_named_and_the_worst_fails_first():
    arms = {"tanh": SOLVED, "relu": SOLVED, "elu": SELDOM, "sigmoid": OFTEN}
    found = verdict(arms, ACCURACY, reached(**arms))
    first, worst, next_worst, *untold = found.sentences
    assert first.startswith("tanh, relu and elu each reach train/accuracy >= 0.95 on more seeds than sigmoid: tanh 100")
    assert worst.startswith("sigmoid fails train/accuracy >= 0.95 on 66.7 %")
    assert next_worst.startswith("elu fails train/accuracy >= 0.95 on 16.7 %")
    assert untold[0].startswith("tanh, relu and elu can't be told apart by the share of seeds that reach ")
    assert ", 100 % to 83.3 %, with 30 seeds; at least about " in untold[0]
    assert (found.rest_of_pairs, found.rest_of_shares) == (0, 2)
    alike = {**arms, "elu": SOLVED}
    first = verdict(alike, ACCURACY, reached(**alike)).sentences[0]
    assert first.startswith("tanh, relu and elu each reach train/accuracy >= 0.95 on more seeds than sigmoid: 100 % ag")


def test_shares_that_differ_are_spoken_of_where_means_do_not():
    """Every seed of one arm is just below the target, and of the other just above."""
    arms = {"a": arm(np.full(10, 0.9501)), "b": arm([0.9499] * 9 + [0.9521])}
    found = verdict(arms, ACCURACY, reached(**arms))
    assert not found.pairs[0].told_apart
    assert found.sentences[0].startswith("a reaches train/accuracy >= 0.95 on more seeds than b: 100 % against 10 %, ")


def test_shares_that_chance_would_give_are_not_told_apart():
    arms = {"relu": OFTEN, "tanh": arm(np.roll(list(OFTEN.values()), 7))}
    found = verdict(arms, ACCURACY, reached(**arms))
    *fails, buffers = found.sentences
    assert [sentence.partition(" (")[0][:10] for sentence in fails] == ["relu fails", "tanh fails"]
    assert "can't be told apart by the share of seeds that reach train/accuracy >= 0.95, 33.3 % and 33.3 %" in buffers


def test_arms_that_get_stuck_on_the_same_seeds():
    arms = {"relu": OFTEN, "tanh": dict(OFTEN)}
    found = verdict(arms, ACCURACY, reached(**arms))
    assert found.sentences[-1] == "relu and tanh reach train/accuracy >= 0.95 on the same seeds, 33.3 % of 30."


def test_a_target_that_lies_elsewhere_tells_no_groups_apart():
    """All seeds of both groups reach it, or none, or others: then the groups themselves are spoken of."""
    for level in (0.5, 0.99):
        hits = {seed: bool(value > level) for seed, value in OFTEN.items()}
        found = verdict({"relu": OFTEN}, ACCURACY, Reached("t", {"relu": hits}))
        assert any(sentence.startswith("relu falls into two groups") for sentence in found.sentences)
    turned = {seed: value > 0.95 for seed, value in OFTEN.items()}
    worse = verdict({"relu": {seed: -value for seed, value in OFTEN.items()}}, LOSS, Reached("t", {"relu": turned}))
    assert any("its seeds end near -0.75 or near -0.98." in sentence for sentence in worse.sentences)


def test_mcnemars_pairs_are_corrected_together():
    arms = {"a": OFTEN, "b": SELDOM, "c": arm(np.roll(list(SELDOM.values()), 3))}
    pairs = compare_shares(reached(**arms))
    assert [pair.adjusted for pair in pairs] == holm([pair.p for pair in pairs])
    for pair in pairs:
        assert pair.p == sign_test(pair.only_better, pair.only_worse)
        assert pair.needed == seeds_needed_for_shares(pair.only_better, pair.only_worse, 30, significance=0.05 / 3)


def test_a_pair_is_in_the_order_of_the_seeds_that_both_have():
    """Over all of its seeds a is ahead; on those that b has too it is behind."""
    a = dict.fromkeys(range(8), False) | dict.fromkeys(range(8, 40), True)
    b = dict.fromkeys(range(8), True) | dict.fromkeys(range(40, 80), False)
    (pair,) = compare_shares(Reached("t", {"a": a, "b": b}))
    assert (pair.better, pair.worse, pair.seeds, pair.only_better, pair.only_worse) == ("b", "a", 8, 8, 0)
    assert pair.shares == (1.0, 0.0)


def test_differences_in_two_groups_are_warned_of():
    note = "two groups of seeds, 3 low and 7 high: look at the share instead of the mean"
    found = verdict({"relu": {seed: value + 0.1 for seed, value in STUCK.items()}, "tanh": arm(SEEDS)}, ACCURACY)
    assert found.warnings == (f"relu against tanh, their differences: {note}",)


# --- Warnings ---------------------------------------------------------------------------------------------------------


def test_seeds_that_diverged_are_left_out_and_counted():
    lost = CLEAR | {"relu": CLEAR["relu"] | {3: NAN, 7: NAN}, "sigmoid": CLEAR["sigmoid"] | {1: NAN}}
    found = verdict(lost, ACCURACY)
    assert found.warnings[:2] == (
        "1 of 10 seeds of sigmoid diverged and is left out: its figures are those of the others",
        "2 of 10 seeds of relu diverged and are left out: its figures are those of the others",
    )
    counts = {frozenset((pair.better, pair.worse)): pair.seeds for pair in found.pairs}
    assert counts == {
        frozenset(("tanh", "relu")): 8,
        frozenset(("tanh", "sigmoid")): 9,
        frozenset(("relu", "sigmoid")): 7,
    }


def test_an_arm_that_always_diverged_comes_last():
    found = verdict({"exp": arm([NAN] * 10), **CLEAR}, ACCURACY)
    assert found.ranking == ("tanh", "relu", "sigmoid", "exp")
    assert found.warnings == ("exp is not compared: all of its 10 seeds diverged",)
    assert found.sentences == verdict(CLEAR, ACCURACY).sentences


@pytest.mark.parametrize(
    ("seeds", "warnings"),
    [
        (
            4,
            (
                "fewer than 5 seeds of sigmoid, tanh and relu: intervals hold only for figures without skew",
                "a group of 53 % of all seeds is missed by 4 seeds one time in 20",
                "4 seeds cannot tell any difference in 3 pairs from chance: at least 7 are needed",
            ),
        ),
        (
            5,
            (
                "a group of 45 % of all seeds is missed by 5 seeds one time in 20",
                "5 seeds cannot tell any difference in 3 pairs from chance: at least 7 are needed",
            ),
        ),
        (7, ("a group of 35 % of all seeds is missed by 7 seeds one time in 20",)),
        (10, ()),
    ],
)
def test_too_few_seeds_are_a_warning(seeds, warnings):
    few = {label: {seed: value for seed, value in scores.items() if seed <= seeds} for label, scores in CLEAR.items()}
    found = verdict(few, ACCURACY)
    assert found.warnings == warnings
    assert any(pair.told_apart for pair in found.pairs) == (seeds >= 7)


def test_two_arms_of_five_seeds_need_a_sixth():
    found = verdict({label: arm(list(CLEAR[label].values())[:5]) for label in ("tanh", "sigmoid")}, ACCURACY)
    assert found.sentences == ("tanh and sigmoid can't be told apart with 5 seeds, about 6 would be needed.",)
    assert found.warnings[-1] == "5 seeds cannot tell any difference in 1 pair from chance: at least 6 are needed"


def test_more_pairs_than_any_number_of_seeds_can_tell_apart_are_a_warning():
    """Of 9,999 drawn patterns of signs p is at least 1 in 10,000, and 33 arms have 528 pairs."""
    many = {f"arm {k}": arm([k + 0.01 * s for s in range(20)]) for k in range(33)}
    assert verdict(many, ACCURACY).warnings[0] == (
        "20 seeds cannot tell any difference in 528 pairs from chance: compare fewer arms, for more than 500 pairs "
        "need more than any number of seeds can show"
    )


def test_arms_that_are_not_paired_are_a_warning():
    apart = {"tanh": CLEAR["tanh"], "relu": arm(SEEDS, first=100), "elu": arm(SEEDS, first=10)}
    found = verdict(apart, ACCURACY)
    assert (found.pairs, found.sentences) == ((), ())
    assert found.warnings == (
        "tanh and relu are not compared: they are not paired by at least two seeds",
        "tanh and elu are not compared: they are not paired by at least two seeds",
        "relu and elu are not compared: they are not paired by at least two seeds",
    )


def test_arms_with_some_seeds_in_common_are_compared_on_those():
    found = verdict({"tanh": CLEAR["tanh"], "sigmoid": {s: v for s, v in CLEAR["sigmoid"].items() if s > 2}}, ACCURACY)
    assert found.pairs[0].seeds == 8
    assert "tanh and sigmoid ran on different seeds: they are compared on the 8 that they share" in found.warnings


def test_a_pair_is_turned_where_its_common_seeds_say_the_opposite_of_the_ranks():
    a = {1: 0.9, 2: 0.9, 3: 0.9, 4: 0.1}
    b = {1: 0.8, 2: 0.8, 3: 0.8, 4: NAN}
    assert ranking({"a": a, "b": b}, larger_is_better=True) == ["b", "a"]
    (pair,) = compare_pairs({"a": a, "b": b}, larger_is_better=True)
    assert (pair.better, pair.worse) == ("a", "b")
    assert pair.margin.estimate == pytest.approx(0.1)


# --- What every verdict has in common ---------------------------------------------------------------------------------

FIGURES = st.one_of(st.integers(0, 40).map(lambda hits: hits / 40), st.just(NAN))
ARMS = st.dictionaries(
    st.sampled_from(["relu", "tanh", "elu", "sigmoid"]),
    st.dictionaries(st.integers(1, 12), FIGURES, min_size=1, max_size=12),
    min_size=1,
)


@settings(deadline=None, max_examples=60)
@given(ARMS, st.booleans())
def test_any_arms_have_a_verdict(arms, larger):
    found = verdict(arms, Figure(larger_is_better=larger, share=True))
    assert sorted(found.ranking) == sorted(arms)
    for sentence in found.sentences:
        assert sentence.endswith(".")
    text = " ".join([*found.sentences, *found.warnings])
    assert "*" not in text
    assert "nan" not in text
    for pair in found.pairs:
        assert pair.margin.estimate >= 0
        assert pair.p <= pair.adjusted <= 1
        assert not (pair.told_apart and pair.seeds < 6)


@settings(deadline=None, max_examples=40)
@given(ARMS)
def test_a_verdict_of_losses_is_that_of_the_same_figures_turned_round(arms):
    turned = {label: {seed: -value for seed, value in scores.items()} for label, scores in arms.items()}
    one, other = compare_pairs(arms, larger_is_better=True), compare_pairs(turned, larger_is_better=False)
    assert one == other


def test_a_figure_that_is_infinite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        verdict({"a": arm([1, np.inf])}, LOSS)
