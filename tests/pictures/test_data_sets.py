"""Pictures of arms over several data sets: what they show, and that every word of theirs can be read."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from legible import COLUMN, LEGIBLE, assert_whole_and_apart, lay_out, sizes
from matplotlib import image as picture_file
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Polygon
from matplotlib.text import Text

from nnlab import pictures as plots
from nnlab.maths.statistics.across.comparison import compare_sets
from nnlab.maths.statistics.across.profiles import WinTieLoss
from nnlab.maths.statistics.across.sets import set_errors
from nnlab.maths.statistics.intervals import Interval
from nnlab.pictures import style

STRANGE = (
    "$x_{",
    "_hidden",
    "猫 \n\x1b[31m",
    "where(x > 0, x, exp(x) - 1) + 0.1 * sin(3 * x)",
    "leaky_relu(negative_slope=0.1)",
)
MANY = tuple(f"{name}_{index}" for index in range(4) for name in ("relu", "hard_swish", "silu", "softplus", "tanh"))
SETS = ("xor", "$moons_{", "a data set with quite a long name indeed", "breast_cancer", "mnist", "wine", "digits")


@pytest.fixture(scope="module")
def comparison():
    """Three arms over seven sets: b has twice the error of a on each, and c about as much as b."""
    base = np.linspace(0.05, 0.4, 7)[:, None, None]
    ratios = np.array([[1, 2, 2 * factor] for factor in (1.1, 0.9, 1.2, 1.01, 0.95, 1.02, 1.03)])[:, None]
    seeds = 1 + 0.02 * np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1]])
    floors, chance = [0.001] * 7, [1.0] * 7
    return compare_sets(
        set_errors(base * ratios * seeds, sets=SETS, arms=("a", "b", "c"), floors=floors, chance=chance)
    )


def over_many(comparison, arms):
    """The arms in this order; the figures of their pairs are made up, and told apart where far from each other."""
    pairs = [
        replace(
            comparison.pairs[0],
            better=arms[i],
            worse=arms[j],
            adjusted=1.0 if j - i < 7 else 0.0004,
            record=WinTieLoss(10 + (j - i) % 3, 10, 10),
            effect=replace(comparison.pairs[0].effect, mean=Interval(0.13 * (i - j), None, None)),
        )
        for i, j in combinations(range(len(arms)), 2)
    ]
    return replace(
        comparison,
        ranking=tuple(arms),
        average_ranks=tuple(np.linspace(1.4, len(arms) - 0.3, len(arms)).tolist()),
        pairs=tuple(pairs),
        cliques=tuple(tuple(arms[k : k + 7]) for k in range(0, len(arms) - 3, 3)),
    )


def words(figure):
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def errors_of(arms, sets=12):
    errors = np.exp(np.random.default_rng(3).normal(-1.2, 0.5, (len(arms), sets)))
    return dict(zip(arms, np.where(errors < 0.1, np.nan, errors), strict=True))


def budgets_of(arms, largest=16):
    falls = [np.exp(-k / 20) + 1 / np.arange(1, largest + 1) for k in range(len(arms))]
    return {name: np.stack([fall, 0.8 * fall, 1.2 * fall]) for name, fall in zip(arms, falls, strict=True)}


# --- all of them ------------------------------------------------------------------------------------------------------

TITLE = "A title that is somewhat longer than a narrow picture is wide"
DRAWN = {
    "matrix": lambda some, arms: plots.pair_matrix(over_many(some, arms), title=TITLE),
    "ranks": lambda some, arms: plots.critical_difference(over_many(some, arms), title=TITLE),
    "forest": lambda some, arms: plots.forest(over_many(some, arms).pairs[-1], SETS, equivalence=0.05, title=TITLE),
    "profiles": lambda _, arms: plots.performance_profiles(errors_of(arms), title=TITLE),
    "budgets": lambda _, arms: plots.budget_curves(budgets_of(arms), label="error", band="95 %", title=TITLE),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_every_text_of_twenty_arms_is_whole_and_upon_no_other(kind, comparison):
    figure = DRAWN[kind](comparison, MANY)
    lay_out(figure)
    assert figure.get_suptitle()
    assert {*sizes(figure)} <= {style.SMALL, style.NORMAL, style.LARGE}
    assert_whole_and_apart(figure)


@pytest.mark.parametrize("kind", DRAWN)
def test_strange_and_long_names_are_legible_and_nothing_is_cut_at_the_edge(kind, comparison, tmp_path):
    figure = DRAWN[kind](comparison, STRANGE)
    plots.save(figure, tmp_path / "picture.png")
    pixels = picture_file.imread(tmp_path / "picture.png")
    assert all((edge == 1).all() for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]))
    assert_whole_and_apart(figure)


@pytest.mark.parametrize("kind", DRAWN)
def test_in_a_column_of_a_journal_every_text_is_whole_and_legible_too(kind, comparison):
    for arms, look in ((MANY, "screen"), (STRANGE[2:], "paper")):
        with plots.page_for(COLUMN, style=look):
            figure = DRAWN[kind](comparison, arms)
        plots.fit_to(figure, COLUMN, style=look)  # lays it out, too
        figure.draw_without_rendering()
        assert figure.get_figwidth() == COLUMN
        assert min(sizes(figure)) >= LEGIBLE - 0.01
        assert_whole_and_apart(figure)


# --- the pairs --------------------------------------------------------------------------------------------------------


def cells(figure):
    """The texts of the cells by their row and column."""
    return {tuple(map(int, text.get_position()[::-1])): text for text in figure.axes[0].texts}


def test_a_cell_tells_difference_record_and_p_from_its_row_and_is_bold_where_told_apart(comparison):
    figure = plots.pair_matrix(comparison, title="t")
    assert comparison.ranking == ("a", "b", "c")
    found = cells(figure)
    assert [found[cell].get_text().split("\n")[:2] for cell in ((0, 1), (1, 0))] == [
        ["−50 %", "7/0/0"],
        ["+100 %", "0/0/7"],
    ]
    wins = found[1, 2].get_text().split("\n")[1].split("/")
    assert found[2, 1].get_text().split("\n")[1].split("/") == wins[::-1]
    told = {pair.worse: pair.told_apart for pair in comparison.pairs if "a" in {pair.better, pair.worse}}
    assert told["b"]
    assert {cell: text.get_fontweight() == "bold" for cell, text in found.items()} == {
        (0, 1): True, (1, 0): True, (0, 2): True, (2, 0): True, (1, 2): False, (2, 1): False,
    }  # fmt: skip
    image = figure.axes[0].images[0]
    red, _, blue = image.to_rgba(image.get_array())[0, 1, :3]
    assert blue > red  # the row has less error
    assert "of 7 data sets" in words(figure)


def test_of_many_arms_the_best_are_drawn_and_the_sentence_says_so(comparison):
    arms = [*MANY, *(f"late_{index}" for index in range(5))]
    some = over_many(comparison, arms)
    for figure in (plots.pair_matrix(some, title="t"), plots.critical_difference(some, title="t")):
        assert "The best 20 of 25 arms are drawn." in words(figure)
        assert "late" not in words(figure)
    with plots.page_for(COLUMN):
        assert "arms are drawn" in words(plots.pair_matrix(over_many(comparison, MANY), title="t"))


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.5, "−50 %"), (1.0, "0 %"), (1.004, "+0.4 %"), (25.0, "× 25"), (1 + 1e-9, "0 %"), (math.nan, "no figure")],
)
def test_a_ratio_is_told_in_percent_and_a_large_one_as_a_factor(ratio, expected):
    assert plots.scales.relative_change(math.log(ratio)) == expected


# --- one pair ---------------------------------------------------------------------------------------------------------


def first_pair(comparison, **changes):
    return replace(comparison.pairs[0], **changes)


def test_a_forest_has_a_row_for_each_set_a_diamond_for_the_mean_and_a_bar_for_the_next_one(comparison):
    pair = next(pair for pair in comparison.pairs if {pair.better, pair.worse} == {"b", "c"})
    figure = plots.forest(pair, SETS, equivalence=0.05, title="t")
    (axes,) = figure.axes
    (diamond,) = [patch for patch in axes.patches if type(patch) is Polygon and len(patch.get_xy()) == 5]
    mean = pair.effect.mean
    assert {round(x, 9) for x in diamond.get_xy()[:, 0]} == {round(x, 9) for x in (mean.low, mean.estimate, mean.high)}
    labels = [label.get_text() for label in axes.get_yticklabels()]
    estimates = dict(zip(SETS, (one.estimate for one in pair.differences), strict=True))
    assert [label.replace("\n", " ") for label in labels[:7]] == sorted(SETS, key=estimates.get)
    widest = max(axes.get_lines(), key=lambda line: line.get_linewidth())
    assert widest.get_xdata().tolist() == [pair.effect.next_set.low, pair.effect.next_set.high]
    (shaded,) = [patch for patch in axes.patches if type(patch) is not Polygon]
    assert shaded.get_x() == pytest.approx(-math.log(1.05))


def test_a_forest_is_in_colour_where_the_seeds_tell_the_arms_apart(comparison):
    """Three seeds have intervals that do not hold 0, but no p-value below 0.25."""
    few = next(pair for pair in comparison.pairs if {pair.better, pair.worse} == {"a", "b"})
    assert all(one.high < 0 for one in few.differences)
    assert min(few.seeds_p) >= 0.25
    for pair, colour in ((few, style.INK), (replace(few, seeds_p=(0.01,) * 7), style.BLUE)):
        figure = plots.forest(pair, SETS, equivalence=0, title="t")
        drawn = {line.get_color() for line in figure.axes[0].get_lines() if line.get_marker() == "s"}
        assert drawn == {colour}


def test_a_forest_against_a_baseline_that_is_better_turns_the_differences_round(comparison):
    pair = next(pair for pair in comparison.pairs if {pair.better, pair.worse} == {"a", "b"})
    usual, turned = (plots.forest(pair, SETS, equivalence=0, title="t", baseline=name) for name in ("b", "a"))
    assert "Error of a against b" in words(usual)
    assert "−50 % [" in words(usual)
    assert "Error of b against a" in words(turned)
    assert "+100 % [" in words(turned)
    assert "Shaded" not in words(turned)


def test_an_interval_that_would_take_most_of_the_room_ends_in_an_arrow(comparison):
    wide = (Interval(-0.7, -60.0, 55.0), *comparison.pairs[0].differences[1:])
    figure = plots.forest(first_pair(comparison, differences=wide), SETS, equivalence=0.05, title="t")
    assert "An arrow" in words(figure)
    assert np.ptp(figure.axes[0].get_xlim()) < 10
    assert "An arrow" not in words(plots.forest(comparison.pairs[0], SETS, equivalence=0.05, title="t"))


def test_one_seed_and_one_set_have_estimates_without_intervals(comparison):
    unknown = Interval(-0.1, None, None)
    effect = replace(comparison.pairs[0].effect, mean=unknown, next_set=unknown)
    alone = first_pair(comparison, differences=(unknown,), seeds_p=(1.0,), effect=effect)
    assert words(plots.forest(alone, ["xor"], equivalence=0.05, title="t")).count("−9.5 %") == 3


# --- profiles ---------------------------------------------------------------------------------------------------------


def heights(line, *factors):
    """The height of a step curve at the factors."""
    x, y = line.get_data()
    return [y[np.searchsorted(x, factor, side="right") - 1] for factor in factors]


def test_a_profile_is_the_share_of_sets_within_each_factor_of_the_best():
    errors = {"a": np.array([0.1, 0.2, 0.3, 0.4]), "b": np.array([0.2, 0.2, 0.1, np.nan])}
    a, b = plots.performance_profiles(errors, title="t").axes[0].get_lines()[:2]
    assert heights(a, 1.0, 2.9, 3.01) == [0.75, 0.75, 1.0]
    assert heights(b, 1.0, 1.9, 2.01, 3.1) == [0.5, 0.5, 0.75, 0.75]


def test_an_arm_no_better_than_chance_is_never_close_to_the_best():
    figure = plots.performance_profiles({"a": np.array([0.9, 1.0]), "b": np.array([1.0, 1.0])}, title="t")
    a, b, *chance = figure.axes[0].get_lines()
    assert (heights(a, 1.04), heights(b, 1.04)) == ([0.5], [0.0])
    assert len(chance) <= 1
    assert "a (best on 1)" in words(figure)


def test_arms_that_differ_by_rounding_alone_are_both_the_best():
    errors = {"a": np.array([0.1 + 0.2, 0.2, np.nan]), "b": np.array([0.3, 0.1, np.nan])}
    figure = plots.performance_profiles(errors, title="t")
    assert "a (best on 1)" in words(figure)
    assert "b (best on 2)" in words(figure)
    assert heights(figure.axes[0].get_lines()[1], 1.0) == [1 / 3]


def test_of_many_arms_the_best_seven_are_in_colour():
    figure = plots.performance_profiles(errors_of(MANY), title="t")
    assert "the other 13 arms" in words(figure)
    grey = [line for line in figure.axes[0].get_lines() if to_hex(line.get_color()) == style.FAINT]
    assert len(grey) == 13


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_names_stand_at_the_ends_of_budget_curves_in_their_order_and_bands_have_panels():
    arms = budgets_of(("worst", "middle", "best"))
    figure = plots.budget_curves(arms, label="error", band="10th to 90th percentile", title="t")
    main, *panels = figure.axes
    assert [text.get_text() for text in main.texts] == ["best", "middle", "worst"]
    assert [panel.get_title(loc="left") for panel in panels] == ["best", "middle", "worst"]
    assert all(panel.collections for panel in panels)
    assert "10th to 90th percentile" in words(figure)
    assert main.get_xticks()[[0, -1]].tolist() == [1, 16]
    many = plots.budget_curves(budgets_of(MANY), label="error", band="95 %", title="t")
    assert len(many.axes) == 1
    assert "without bands; in colour: the best 7" in words(many)


def test_the_axis_of_an_error_does_not_go_below_0():
    arms = {name: np.array([[0.2, 0.1, 0.01], [0.0, 0.0, 0.0], [0.4, 0.3, 0.2]]) for name in ("a", "b")}
    figure = plots.budget_curves(arms, label="error", band="95 %", title="t")
    assert {axes.get_ylim()[0] for axes in figure.axes} == {0.0}


def test_an_arm_without_a_figure_has_no_curve():
    arms = budgets_of(("a", "b"), largest=4) | {"lost": np.full((3, 4), np.nan)}
    figure = plots.budget_curves(arms, label="error", band="95 %", title="t")
    assert "the best 2 of 3 arms" in words(figure)
    assert "lost" not in words(figure)
    assert "no arm has a finite value" in words(
        plots.budget_curves({"lost": np.full((3, 4), np.inf)}, label="error", band="95 %", title="t")
    )


# --- ranks ------------------------------------------------------------------------------------------------------------


def test_ranks_have_a_bar_for_each_clique_and_the_caveat(comparison):
    some = replace(comparison, average_ranks=(1.1, 2.2, 2.7), cliques=(("b", "c"),))
    figure = plots.critical_difference(some, title="t")
    (bar,) = [line for line in figure.axes[0].get_lines() if to_rgb(line.get_color()) == to_rgb(style.BLUE)]
    assert bar.get_xdata().tolist() == [2.2, 2.7]
    assert "a 1.10" in words(figure)
    assert "depend on the arms that take part" in words(figure)
    apart = plots.critical_difference(replace(some, cliques=()), title="t")
    assert "Neighbours in rank are all told apart" in words(apart)


def test_below_the_ranks_stand_the_pairs_that_are_told_apart_or_their_number(comparison):
    """One arm is told apart from two, so that it shares no bar with a third that it is not told apart from."""
    arms = tuple("abcdefgh")
    few = replace(comparison, ranking=arms, average_ranks=tuple(range(1, 9)), cliques=(arms[:7], arms[1:]))
    pairs = [replace(comparison.pairs[0], better="a", worse=worse, adjusted=0.04) for worse in arms[1:]]
    for told, expected in (
        (pairs[6:], "Told apart: a – h."),
        (pairs[5:], "Told apart: a – g, a – h."),
        (pairs, "7 of all 7 pairs are told apart."),
        ([replace(pairs[0], adjusted=1.0)], "No two are told apart."),
    ):
        drawn = words(plots.critical_difference(replace(few, pairs=tuple(told)), title="t"))
        assert expected in drawn
        assert ("Two arms without a common bar need not be told apart." in drawn) == told[0].told_apart


def test_sets_of_one_family_are_one_row_that_says_how_many_and_families_are_counted(comparison):
    some = replace(comparison, family_sizes=(1, 1, 1, 1, 1, 1, 2))
    forest = plots.forest(some.pairs[0], some.family_labels, equivalence=0.05, title="t")
    assert "digits (2 sets)" in words(forest)
    for figure in (plots.pair_matrix(some, title="t"), plots.critical_difference(some, title="t")):
        assert "7 families of data sets" in words(figure)
