"""Start-robust or not: what the sentence on a difference says of its sign under other starts."""

import math

import pytest

from nnlab.maths.statistics import Figure, Reached, Starts, verdict

ACCURACY = Figure(larger_is_better=True, share=True)
LOSS = Figure(larger_is_better=False)
SPREAD = [0.01, -0.02, 0.0, 0.03, -0.01, 0.02, -0.03, 0.015, -0.005, 0.005]


def arm(mean, by=1.0):
    """Ten seeds around a mean; `by` makes other seeds differ by more."""
    return {seed: mean + by * jitter for seed, jitter in enumerate(SPREAD)}


def sentences(under, figure=ACCURACY):
    """The verdict on the arms of the first start, given those of every start."""
    first = next(iter(under.values()))
    starts = Starts(under, figure.larger_is_better)
    return verdict(first, figure, starts=starts).sentences, verdict(first, figure)


FAIR = {"silu": arm(0.9), "sigmoid": arm(0.7, by=1.1)}
SMALLER = {"silu": arm(0.8), "sigmoid": arm(0.79, by=1.1)}
TURNED = {"silu": arm(0.7), "sigmoid": arm(0.9)}
EQUAL = {"silu": arm(0.8), "sigmoid": arm(0.8)}


def test_a_sign_that_holds_under_all_starts_is_start_robust_however_small_the_difference():
    (sentence, *_), plain = sentences({"fair": FAIR, "same": SMALLER, "own × 2": SMALLER})
    assert sentence == f"{plain.sentences[0][:-1]}; the sign holds under all 3 starts: start-robust."


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"own × 2": TURNED}, "with own × 2 the sign turns"),
        ({"same": EQUAL, "own": TURNED}, "with same both tie, with own the sign turns"),
        ({"a": TURNED, "b": TURNED, "c": SMALLER}, "with a and b the sign turns"),
        (dict.fromkeys("abcde", TURNED), "with a, b, c and 2 more the sign turns"),
        ({"own": {"silu": arm(0.9)}}, "with own it is not known"),  # sigmoid failed
        ({"own": {"silu": arm(0.9), "sigmoid": dict.fromkeys(range(10), math.nan)}}, "with own it is not known"),
    ],
)
def test_a_sign_that_does_not_hold_says_where(others, words):
    (sentence, *_), plain = sentences({"fair": FAIR, **others})
    assert sentence == f"{plain.sentences[0][:-1]}, but not start-robust: {words}."


def test_the_smaller_loss_is_the_better_one_under_every_start():
    (sentence, *_), _ = sentences({"fair": FAIR, "same": SMALLER}, LOSS)
    assert sentence.startswith("sigmoid beats silu by ")
    assert sentence.endswith("; the sign holds under all 2 starts: start-robust.")
    assert Starts({"fair": FAIR, "own": TURNED}, larger_is_better=False).differences(
        verdict(FAIR, LOSS).pairs[0]
    ) == pytest.approx({"fair": 0.2, "own": -0.2}, abs=1e-3)


def test_of_several_arms_that_beat_the_same_one_each_is_named():
    fair = {**FAIR, "relu": arm(0.85, by=0.9)}
    of_all = {"fair": fair, "own": {**SMALLER, "relu": arm(0.7)}}
    told = next(one for one in sentences(of_all)[0] if one.startswith("silu and relu each beat sigmoid: "))
    assert told.endswith(
        "; start-robust, its sign the same under all 2 starts, is silu; "
        "not start-robust is relu: with own the sign turns."
    )
    told = next(one for one in sentences({"fair": fair, "own": fair})[0] if one.startswith("silu and relu each beat"))
    assert told.endswith("; the signs hold under all 2 starts: start-robust.")


def test_pairs_that_cannot_be_told_apart_claim_nothing():
    found, plain = sentences({"fair": SMALLER | {"silu": arm(0.7901)}, "own": TURNED})
    assert found == plain.sentences


def test_shares_of_seeds_are_held_to_the_same():
    figures = {"a": {seed: float(seed < 9) for seed in range(10)}, "b": {seed: float(seed < 1) for seed in range(10)}}
    hits = {label: {seed: value > 0.5 for seed, value in scores.items()} for label, scores in figures.items()}
    turned = {"a": hits["b"], "b": hits["a"]}
    for other, words in ((hits, "; the sign holds under all 2 starts: start-robust."), (turned, "the sign turns.")):
        starts = Starts({"fair": figures, "own": figures}, larger_is_better=True, reached={"fair": hits, "own": other})
        found = verdict(figures, ACCURACY, Reached("train/accuracy >= 0.5", hits), starts=starts)
        assert found.sentences[0].startswith("a reaches train/accuracy >= 0.5 on more seeds than b")
        assert found.sentences[0].endswith(words)


def test_the_tests_are_those_of_the_first_start_alone():
    plain = verdict(FAIR, ACCURACY)
    found = verdict(FAIR, ACCURACY, starts=Starts({"fair": FAIR, "own": TURNED}, larger_is_better=True))
    assert (found.pairs, found.shares, found.warnings) == (plain.pairs, plain.shares, plain.warnings)
