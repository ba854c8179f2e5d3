"""Pictures of a comparison: which there are, what they show, and that they look the same for an arm everywhere."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from strategies import setup_of
from support import XOR

from nnlab import pictures as plots
from nnlab.comparison.contents import MOST_DRAWN, Comparison, Frame, MedianNetwork
from nnlab.comparison.pictures import PICTURES, carried_on, pictures_of
from nnlab.comparison.sweep_pictures import sweep_pictures
from nnlab.data.catalogue import load
from nnlab.experiments import pictures as run_pictures
from nnlab.experiments.catalogue import describe
from nnlab.maths.statistics import share_interval, survival
from nnlab.storage.summary import (
    ArmSummary,
    ComparisonSummary,
    OverSeeds,
    ShareOfSeeds,
    SweepSummary,
    VerdictSummary,
)
from nnlab.training.health import Portrait

NAN = np.nan
EVERY_TENTH = [0.9, NAN, 0.5, NAN, 0.1]
STOPPED = [0.9, NAN, 0.7, NAN, NAN]


@dataclass
class Arm:
    steps: np.ndarray
    curves: dict
    finals: dict
    diverged: np.ndarray


def arm(loss=(EVERY_TENTH, STOPPED), accuracy=None, diverged=(False, False), steps=(0, 5, 10, 15, 20), **more):
    curves = {
        "batch/loss": np.full((2, len(steps)), 0.5),
        "val/loss": np.array(loss),
        "val/accuracy": np.array(loss if accuracy is None else accuracy),
        **more,
    }
    return Arm(np.array(steps), curves, {"test/accuracy": np.array([0.8, 1.0])}, np.array(diverged))


def summary_of(arms, ranking=None, kind=ComparisonSummary, settings=lambda _label: {}):
    """As much of a summary as pictures show."""
    final = {"test/accuracy": OverSeeds.model_construct(mean=0.9, low=0.8, high=1.1)}
    share = ShareOfSeeds.model_construct(estimate=0.5, low=0.1, high=0.9)
    return kind.model_construct(
        target="val/accuracy >= 0.95",
        arms={
            label: ArmSummary.model_construct(
                final=final,
                reached_share=share,
                settings=settings(label),
                activation={"formula": "x * sigmoid(1.7 * x)"} if label == "f1" else label,
                family=label,
            )
            for label in arms
        },
        verdict=VerdictSummary(ranking=tuple(ranking or arms), sentences=(), warnings=()),
    )


def compared(arms, reached=(10.0, NAN), ranking=None, **more):
    return Comparison(
        name="small",
        figure="test/accuracy",
        larger_is_better=True,
        seeds=[0, 1],
        arms=arms,
        columns={label: {"steps_to_target": np.array(reached)} for label in arms},
        health={},
        summary=summary_of(arms, ranking),
        watched=20,
        **more,
    )


def picture(name, one):
    return PICTURES[name].draw(one)


def words(figure):
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def drawn(figure):
    line = figure.axes[0].get_lines()[0]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


# --- Curves -----------------------------------------------------------------------------------------------------------


def test_a_seed_that_stopped_early_keeps_its_last_value():
    figure = picture("cost", compared({"a": arm()}))
    steps, means = drawn(figure)
    assert steps == [0, 10, 20]
    np.testing.assert_allclose(means, [0.9, 0.6, 0.4])
    assert "a seed that stopped early keeps its last value" in words(figure)
    assert "diverged" not in words(figure)


def test_a_diverged_seed_drops_out_and_is_counted():
    figure = picture("cost", compared({"a": arm(diverged=(False, True))}))
    np.testing.assert_allclose(drawn(figure)[1], [0.9, 0.6, 0.1])
    assert "a (2 seeds, 1 diverged)" in words(figure)
    assert "keeps its last value" not in words(figure)


def test_an_arm_that_ended_before_the_others_goes_on_to_their_end():
    short = arm([STOPPED[:3], STOPPED[:3]], steps=(0, 5, 10))
    long = arm([EVERY_TENTH, EVERY_TENTH])
    figure = picture("metric", compared({"short": short, "long": long}))
    assert drawn(figure) == ([0, 10, 20], [0.9, 0.7, 0.7])


def test_each_curve_goes_on_from_its_own_last_value():
    curve = np.array([[1.0, NAN, 3.0, NAN, NAN], [NAN] * 5, [1.0, 2.0, NAN, NAN, NAN], [1.0, NAN, np.inf, NAN, NAN]])
    carried = carried_on(curve, np.array([False, False, True, False]))
    np.testing.assert_array_equal(carried[0], [1, NAN, 3, 3, 3])
    np.testing.assert_array_equal(carried[1], [NAN] * 5)
    np.testing.assert_array_equal(carried[2], [1, 2, NAN, NAN, NAN])
    np.testing.assert_array_equal(carried[3], [1, NAN, np.inf, np.inf, np.inf])


def test_at_steps_of_other_arms_there_is_no_mean_of_the_seeds_that_have_stopped():
    """Arms with batches of other sizes are measured at other steps."""
    mine = arm([[0.9, 0.5, 0.1], [0.8, NAN, NAN]], steps=(0, 10, 20), accuracy=[[1, 1, 1]] * 2)
    other = arm([[0.9] * 6] * 2, steps=(0, 5, 10, 15, 20, 25), accuracy=[[1] * 6] * 2)
    line = picture("cost", compared({"mine": mine, "other": other})).axes[0].get_lines()[0]
    assert line.get_xdata().tolist() == [0, 10, 20, 25]
    np.testing.assert_allclose(line.get_ydata(), [0.85, 0.65, 0.45, 0.45])


def test_drawing_changes_nothing_of_what_was_measured():
    one = compared({"a": arm()})
    picture("cost", one)
    assert one.arms["a"].curves["val/loss"][1].tolist()[2] == 0.7
    assert np.isnan(one.arms["a"].curves["val/loss"][1, 3:]).all()


def test_a_comparisons_loss_is_named_and_its_interval_possible():
    one = compared({"a": arm()}, loss="cross_entropy")
    assert picture("cost", one).axes[0].get_ylabel() == "validation loss (cross-entropy)"
    assert picture("metric", one).axes[0].get_ylabel() == "validation accuracy (%)"
    assert "[80 %, 100 %]" in words(picture("final", one))


def test_curves_are_called_by_what_the_arms_are_compared_by():
    assert list(pictures_of("test/r2"))[3] == "r2"
    assert "metric" not in pictures_of("test/accuracy")


@pytest.mark.parametrize("table", [PICTURES, sweep_pictures("test/accuracy"), run_pictures.PICTURES])
def test_every_caption_tells_what_to_look_for(table):
    assert [name for name, drawing in table.items() if " Look " not in drawing.caption] == []


# --- Many arms, one look ----------------------------------------------------------------------------------------------


def test_of_many_arms_the_best_eight_are_drawn_and_the_title_says_so():
    arms = {f"arm{index}": arm() for index in range(11)}
    one = compared(arms, ranking=[f"arm{index}" for index in (3, 10, 4, 5, 6, 7, 8, 9, 0, 1, 2)])
    figure = picture("cost", one)
    assert "the best 8 of 11 arms" in words(figure)
    assert "arm10 (2 seeds)" in words(figure)
    assert "arm1 (2 seeds)" not in words(figure)


def test_an_arm_has_one_colour_in_all_pictures():
    arms = {f"arm{index}": arm() for index in range(10)}
    one = compared(arms, ranking=[f"arm{9 - index}" for index in range(10)])
    looks = plots.arm_style([f"arm{index}" for index in (2, 3, 4, 5, 6, 7, 8, 9, 0, 1)])
    for name in ("cost", "metric", "survival"):
        lines = [line for line in picture(name, one).axes[0].get_lines() if len(line.get_xdata()) > 1]
        assert [to_hex(line.get_color()).upper() for line in lines] == [look[0] for look in [*looks.values()][:8]]
    for name in ("final", "ranking"):
        axes = picture(name, one).axes[0]
        assert {to_hex(line.get_color()).upper() for line in axes.get_lines()} >= {look[0] for look in looks.values()}


def test_no_picture_has_more_than_forty_rows():
    one = compared({f"arm{index}": arm() for index in range(45)})
    for name in ("final", "ranking"):
        figure = picture(name, one)
        assert len(figure.axes[0].get_yticks()) == 40
        assert "the best 40 of 45 arms" in words(figure)


@pytest.mark.parametrize(("count", "spread"), [(5, True), (6, False)])
def test_of_many_arms_only_the_medians_are_drawn(count, spread):
    one = compared({f"arm{index}": arm() for index in range(count)})
    assert bool(picture("cost", one).axes[0].collections) == spread
    assert ("without their spread" in words(picture("cost", one))) != spread


def test_each_of_eight_arms_has_its_survival_curve_and_band_in_a_panel_of_its_own():
    one = compared({f"arm{index}": arm() for index in range(8)})  # all curves are equal
    above, *panels = (figure := picture("survival", one)).axes
    assert not above.collections
    assert [len(panel.collections) for panel in panels] == [1] * 8
    styles = plots.arm_style(one.arms)
    for panel, (colour, line, _) in zip(panels, styles.values(), strict=True):
        own = [each for each in panel.get_lines() if each.get_linewidth() > 1]
        assert [(to_hex(each.get_color()).upper(), each.get_linestyle()) for each in own] == [(colour, line)]
    assert "in grey: the other arms" in words(figure)
    assert "in grey" not in words(picture("survival", compared({"a": arm()})))


def test_pictures_say_at_their_foot_what_a_short_label_stands_for():
    """Above the legend, or below the axes where there is none."""
    one = compared({"f1": arm(), "relu": arm()})
    said, silent = pictures_of("test/accuracy"), compared({"relu": arm()})
    for name in ("cost", "final"):
        notes = [[text.get_text() for text in said[name].draw(each).findobj(Text)] for each in (one, silent)]
        assert [texts.count("f1 = x * sigmoid(1.7 * x)") for texts in notes] == [1, 0]


def test_the_architecture_says_what_a_short_label_stands_for():
    setup = setup_of(XOR.read_text(encoding="utf-8"))
    experiments = dict.fromkeys(("f1", "relu"), setup.experiment)
    one = compared({"f1": arm(), "relu": arm()}, dataset=setup.rows.dataset, experiments=experiments)
    figure = pictures_of("test/accuracy")["architecture"].draw(one)
    assert "f1 = x * sigmoid(1.7 * x)" in [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("count", [1, 2])
def test_the_health_of_several_arms_has_no_bands_that_would_hide_each_other(count):
    health = {"health/activation1/dead": np.array([[0.0, NAN, 0.2, NAN, 0.4]] * 2)}
    figure = picture("health", compared({f"arm{index}": arm(**health) for index in range(count)}))
    assert bool(figure.axes[0].collections) == (count == 1)
    assert ("percentile" in words(figure)) == (count == 1)


def test_every_look_of_eight_arms_differs_in_more_than_colour():
    looks = [look[1:] for look in plots.arm_style([f"arm{index}" for index in range(MOST_DRAWN)]).values()]
    assert len(set(looks)) == MOST_DRAWN


# --- Steps to the target ----------------------------------------------------------------------------------------------


def test_the_survival_curve_goes_down_in_steps_and_marks_those_that_never_reached():
    reached = np.array([10.0, 10.0, 30.0, NAN])
    curve = survival(reached, 50)
    figure = plots.survival(
        {"a": curve}, {"a": 1}, 4, watched=50, target="x >= 1", title="t", styles=plots.arm_style("a")
    )
    cross, line = figure.axes[0].get_lines()
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0, 10, 30, 50], [1, 0.5, 0.25, 0.25])
    assert line.get_drawstyle() == "steps-post"
    assert (cross.get_marker(), *cross.get_xdata(), *cross.get_ydata()) == ("x", 50, 0.25)
    assert "a (1 of 4 never)" in words(figure)


@pytest.mark.parametrize("reaching", [0, 2, 5])
def test_the_band_goes_from_the_first_step_to_the_last_and_ends_at_the_interval_of_the_ranking(reaching):
    reached = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    reached[reaching:] = NAN
    curve, share, styles = survival(reached, 60), share_interval(reaching, 5), plots.arm_style("a")
    along = plots.survival({"a": curve}, {"a": 5 - reaching}, 5, watched=60, target="x >= 1", title="t", styles=styles)
    assert "band: 95 % Clopper-Pearson interval of each step" in " ".join(words(along).split())
    (band,) = along.axes[0].collections
    corners = band.get_paths()[0].vertices
    begin, end = (np.unique(corners[corners[:, 0] == step, 1]) for step in (0, 60))
    none = share_interval(0, 5)
    assert begin == pytest.approx([1 - none.high, 1 - none.low])
    assert end == pytest.approx([1 - share.high, 1 - share.low])
    found = {"a": (share.estimate, share.low, share.high)}
    about = {"metric_name": "test/accuracy", "larger_is_better": True, "target": "x >= 1", "title": "t"}
    ended = plots.rankings(["a"], found, found, styles=styles, **about)
    assert "95 % Clopper-Pearson interval" in " ".join(words(ended).split())


def test_an_arm_none_of_whose_seeds_reached_the_target_stays_at_the_top():
    curves = {"a": survival([NAN, NAN], 50), "b": survival([10.0, 20.0], 50)}
    figure = plots.survival(
        curves, {"a": 2, "b": 0}, 2, watched=50, target="x >= 1", title="t", styles=plots.arm_style("ab")
    )
    _, never, soon = figure.axes[0].get_lines()
    assert (never.get_xdata().tolist(), never.get_ydata().tolist()) == ([0, 50], [1, 1])
    assert soon.get_ydata().tolist() == [1, 0.5, 0, 0]
    assert figure.axes[0].get_xlim()[1] > 50


def test_steps_end_soon_after_the_last_seed_where_all_have_reached_the_target():
    figure = plots.survival({"a": survival([10.0, 20.0], 5000)}, {"a": 0}, 2, watched=5000, target="x", title="t",
                            styles=plots.arm_style("a"))  # fmt: skip
    assert 20 < figure.axes[0].get_xlim()[1] < 25


def test_there_is_no_survival_curve_where_nobody_reached_the_target():
    assert picture("survival", compared({"a": arm()}, reached=(NAN, NAN))) is None


# --- The ranking ------------------------------------------------------------------------------------------------------


def test_the_ranking_shows_means_and_shares_with_their_intervals_the_best_on_top():
    styles = plots.arm_style("ab")
    means, shares = {"b": (0.9, 0.85, 1.2), "a": (0.5, None, None)}, {"b": (0.75, 0.5, 0.9), "a": (0.0, 0.0, 0.3)}
    figure = plots.rankings(["b", "a"], means, shares, metric_name="test/accuracy", larger_is_better=True, target="x",
                            title="t", styles=styles)  # fmt: skip
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["b", "a"]
    assert left.get_lines()[0].get_xdata().tolist() == [0.85, 1.0]  # a share ends at 100 %
    assert right.get_lines()[0].get_xdata().tolist() == [0.5, 0.9]
    assert to_hex(left.get_lines()[1].get_color()).upper() == styles["b"][0]
    assert "90 % [85 %, 100 %]" in words(figure)


def test_an_arm_without_a_figure_is_ranked_in_words():
    figure = plots.rankings(["a"], {}, {"a": (0.0, 0.0, 0.3)}, metric_name="test/rmse", larger_is_better=False,
                            target="x", title="t", styles=plots.arm_style("a"))  # fmt: skip
    assert "no figure" in words(figure)


def test_names_are_whole_where_there_is_room_and_never_hide_each_other():
    names = [
        "learning_rate=0.001 layers.0=16",
        "learning_rate=0.002 layers.0=16",
        "relu [same] learning_rate=0.01",
    ]
    one = compared({name: arm() for name in names})
    for picture_name in ("cost", "survival"):
        figure = picture(picture_name, one)
        shown = [text.get_text() for text in figure.legends[0].get_texts()]
        assert len([text for text in shown if "other arms" not in text]) == 3
        assert all(any(text.startswith(f"{name} (") for text in shown) for name in names)
    for picture_name in ("ranking", "final"):
        labels = [label.get_text() for label in picture(picture_name, one).axes[0].get_yticklabels()]
        assert [label.replace("\n", " ") for label in labels] == names


# --- Sweeps -----------------------------------------------------------------------------------------------------------


def swept(keys, finals, best=0, metric="val/accuracy"):
    return plots.sweep_keys(keys, np.array(finals), best=best, metric_name=metric, larger_is_better=True, title="t")


RATES, WIDTHS = [0.001, 0.01, 0.1, 0.001, 0.01, 0.1], [4, 4, 4, 8, 8, 8]
POINTS = [[0.5, 0.7], [0.6, 0.8], [0.7, 0.9], [0.6, 0.8], [0.9, 1.0], [0.4, NAN]]


def test_a_sweep_has_a_frame_for_each_key_with_every_seed_and_point():
    figure = swept([plots.Key("optimizer.learning_rate", RATES), plots.Key("network.layers.0", WIDTHS)], POINTS, best=4)
    left, right = figure.axes
    assert left.get_xlabel() == "optimizer.learning_rate (logarithmic)"
    assert left.get_ylabel() == "validation accuracy (%), more is better"
    assert (left.get_xscale(), right.get_xscale()) == ("log", "linear")
    for axes, values in ((left, RATES), (right, WIDTHS)):
        seeds, shared, points, best = axes.get_lines()
        np.testing.assert_array_equal(seeds.get_ydata(), np.ravel(POINTS))
        np.testing.assert_allclose(points.get_ydata(), [0.6, 0.7, 0.8, 0.7, 0.95, 0.4])
        np.testing.assert_array_equal(points.get_xdata(), values)
        assert (*best.get_xdata(), *best.get_ydata()) == (values[4], 0.95)
        means = [np.mean([y for x, y in zip(values, points.get_ydata(), strict=True) if x == value])
                 for value in sorted(set(values))]  # fmt: skip
        np.testing.assert_allclose(shared.get_ydata(), means)
    assert "mean of all points with the value" in words(figure)


@pytest.mark.parametrize(("count", "hides"), [(20, True), (200, False)])
def test_the_marks_of_many_points_hide_no_others(count, hides):
    figure = swept([plots.Key("a", list(np.linspace(1, 2, count)), "even")], np.full((count, 1), 0.5))
    mark = figure.axes[0].get_lines()[0]
    assert (mark.get_markeredgewidth() > 0) == hides
    assert (mark.get_alpha() is None) == hides
    assert (mark.get_markersize() >= 5) == hides


def test_seeds_stand_at_the_number_that_they_were_trained_with_and_beside_a_word():
    numbers, words_ = swept([plots.Key("a", RATES), plots.Key("b", [*"uvwxyz"])], POINTS).axes
    np.testing.assert_array_equal(numbers.get_lines()[0].get_xdata(), np.repeat(RATES, 2))
    for word, own in enumerate(words_.get_lines()[0].get_xdata().reshape(6, 2)):
        assert word - 0.3 < own[0] < word < own[1] < word + 0.3


@pytest.mark.parametrize(
    ("values", "is_log"),
    [
        ([1, 2, 4, 8], True),
        ([0.1, 0.2, 0.3], False),
        ([0.001, 0.1], True),
        ([0, 1, 10, 100], False),
        ([0.0011, 0.02, 0.5, 0.07], True),
        (["tanh", "relu"], False),
        ([5], False),
    ],
    ids=str,
)
def test_the_axis_of_a_key_is_logarithmic_where_its_values_are(values, is_log):
    assert plots.Key("k", values).is_log == is_log
    assert (swept([plots.Key("k", values)], [[0.5]] * len(values)).axes[0].get_xscale() == "log") == is_log


def test_the_axis_of_a_key_that_was_drawn_is_as_it_was_drawn():
    assert not plots.Key("k", [1e-6, 1e-3, 0.1], "even").is_log
    assert plots.Key("k", [11, 12, 13], "log").is_log
    figure = swept([plots.Key("k", [8, 8, 9], "even")], [[0.1], [0.2], [0.3]])
    assert "mean of all points" not in words(figure)


def test_points_of_a_sweep_are_called_by_their_place_and_long_names_by_their_values_alone():
    for key, name, title in (
        ("l2", "1: l2=0.1", "small"),
        (
            "optimizer.a_rather_long_name_of_a_key_of_the_file",
            "1: 0.1",
            "small: a_rather_long_name_of_a_key_of_the_file",
        ),
    ):
        labels = [f"{key}={value}" for value in ("0.25", "0.1")]
        one = compared({label: arm() for label in labels}, ranking=labels[::-1])
        own = summary_of(labels, labels[::-1], SweepSummary, lambda label, key=key: {key: label.partition("=")[2]})
        one = replace(one, summary=own)
        figure = sweep_pictures("val/accuracy")["final"].draw(one)
        assert figure.axes[0].get_yticklabels()[0].get_text().replace("\n", " ") == name
        assert figure.get_suptitle().replace("\n", " ") == title
        legend = sweep_pictures("val/accuracy")["cost"].draw(one).legends[0]
        assert legend.get_texts()[0].get_text().startswith(f"{name} (")


def test_words_stand_side_by_side_and_draws_are_not_joined():
    figure = swept([plots.Key("network.activation", ["tanh", "relu"]), plots.Key("l2", [0.1, 0.3])], [[0.5, 1], [1, 1]])
    left, right = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["tanh", "relu"]
    assert len(right.get_lines()) == 3  # seeds, points, the best: no value is shared
    assert "mean of all points" not in words(figure)


def test_points_that_all_diverged_are_said_to_have_nothing_to_show():
    assert "no seed has a finite value" in words(swept([plots.Key("a", [1, 2])], [[NAN], [NAN]]))


# --- Networks ---------------------------------------------------------------------------------------------------------


def portrait(name="tanh1"):
    grid = np.linspace(-4, 4, 81)
    slope = 1 - np.tanh(grid) ** 2
    z = np.random.default_rng(2).normal(size=500)
    return Portrait(name, grid, np.tanh(grid), slope, slope < 0.05, (), z, 0.0, 0.25)


def with_networks(labels=("a", "b"), source="xor", task="binary"):
    classes = 1 if task == "binary" else 3
    dataset = load(source, task=task)

    def predict(x):
        return np.tile(1 / (1 + np.exp(-4 * (x[:, :1] - 0.5))), (1, classes))

    frames = [Frame(step, predict) for step in (0, 5, 20)]
    median_networks = {label: MedianNetwork(1, predict, frames, [portrait()]) for label in labels}
    return compared({label: arm() for label in labels}, median_networks=median_networks, dataset=dataset)


def test_boundaries_have_a_panel_for_each_arm_and_one_scale():
    figure = picture("boundaries", with_networks())
    assert len(figure.axes) == 2
    assert len({(*axes.get_xlim(), *axes.get_ylim()) for axes in figure.axes}) == 1
    assert {image.get_clim() for axes in figure.axes for image in axes.get_images()} == {(0, 1)}
    assert "seed 1: test accuracy 100 %" in words(figure)


def test_a_film_has_a_row_for_each_arm_and_a_panel_for_each_moment():
    figure = picture("film", with_networks())
    assert len(figure.axes) == 6
    assert [axes.get_title() for axes in figure.axes[:3]] == ["at the start", "step 5", "step 20"]
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["a", "b"]


def test_a_film_says_where_a_network_was_trained_no_more():
    comparison = with_networks()
    own = comparison.median_networks["b"]
    comparison.median_networks["b"] = replace(own, frames=own.frames[:2], ended=7)
    figure = picture("film", comparison)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["at the start", "step 5", "step 20"]
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes[3:]] == [[], [], ["ended at\nstep 7"]]


def test_names_beside_a_film_are_not_broken_within_a_word():
    figure = picture("film", with_networks(labels=("leaky_relu(negative_slope=0.1)", "b")))
    assert figure.axes[0].get_ylabel() == "leaky_relu(\nnegative_slope=0.1)"


def test_a_parameter_in_the_name_of_an_arm_is_not_said_again_and_layers_are_told_apart():
    one = with_networks(labels=("leaky_relu(negative_slope=0.1)", "prelu"))
    own = {
        "leaky_relu(negative_slope=0.1)": ["negative_slope = 0.1"] * 2,
        "prelu": ["alpha = 0.07 learned", "alpha = 0.4 learned"],
    }
    networks = {
        label: replace(network, portraits=[replace(portrait(), parameters=each) for each in own[label]])
        for label, network in one.median_networks.items()
    }
    figure = picture("units", replace(one, median_networks=networks))
    first, second = (axes.get_title(loc="left") for axes in figure.axes[:2])
    assert (first.count("negative_slope"), first.count("\n")) == (1, 2)
    assert "layer 1: alpha = 0.07 learned\nlayer 2: alpha = 0.4 learned" in second


def test_a_sweep_draws_what_the_activations_of_its_points_learn():
    values = np.array([[0.25, NAN, 0.2, NAN, 0.1]] * 2)
    arms = {"prelu": arm(**{"parameters/prelu1.alpha/mean": values}), "relu": arm()}
    one = replace(compared(arms), summary=summary_of(arms, kind=SweepSummary, settings=lambda label: {"a": label}))
    figure = sweep_pictures("val/accuracy")["learned_parameters"].draw(one)
    assert "median and 10th to 90th percentile of the seeds" in words(figure).replace("\n", " ")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1: prelu"]


def test_a_film_of_many_points_shows_some_and_says_so():
    figure = picture("film", with_networks(source="blobs", task="multiclass"))
    assert re.search(r"200 of [\d,]+ points", words(figure))
    assert sum(len(line.get_xdata()) for line in figure.axes[0].get_lines()) == 200


@pytest.mark.parametrize("name", ["boundaries", "film"])
def test_without_two_inputs_there_is_no_plane(name):
    assert picture(name, with_networks(source="iris", task="multiclass")) is None
    assert picture(name, compared({"a": arm()})) is None


def test_units_share_their_axes_and_show_every_preactivation_within_them():
    figure = picture("units", with_networks())
    above, below = figure.axes[:2], figure.axes[4:6]
    assert len({(*axes.get_xlim(), *axes.get_ylim()) for axes in above}) == 1
    assert "0 % dead, 25 % saturated" in words(figure)
    for axes in below:
        heights = axes.patches[0].get_data().values
        assert 0.97 < heights.sum() <= 1


def test_units_are_drawn_in_the_colour_of_their_arm():
    one = with_networks()
    figure, looks = picture("units", one), plots.arm_style(one.arms)
    found = [to_hex(axes.get_lines()[0].get_color()).upper() for axes in figure.axes[:2]]
    assert found == [looks["a"][0], looks["b"][0]]


def test_arms_without_portraits_have_no_picture_of_units():
    assert picture("units", compared({"a": arm()})) is None


def test_saturated_means_the_same_of_an_activation_and_of_the_units_of_a_network():
    found = describe("tanh")
    np.testing.assert_array_equal(found.saturated, np.tanh(found.x) ** 2 > 0.95)
    grey = "the slope is {} 5 % of the steepest"
    about = {"kinks": (), "saturated": found.saturated, "formula": "f", "slope_formula": "s", "title": "t"}
    assert grey.format("below") in words(plots.activation(found.x, found.value, found.slope, **about))
    assert grey.format("at most") in words(picture("units", with_networks()))


# --- Health -----------------------------------------------------------------------------------------------------------


def test_health_has_a_row_for_each_quantity_and_a_column_for_each_layer():
    shares = np.array([[0.0, NAN, 0.2, NAN, 0.4], [0.2, NAN, 0.4, NAN, 0.6]])
    curves = {f"health/activation{layer}/dead": shares for layer in (1, 2)}
    curves |= {f"health/dense{layer}/gradient_norm": shares + 1 for layer in (1, 2, 3)}
    figure = picture("health", compared({"a": arm(**curves), "b": arm()}))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [
        "activation1",
        "activation2",
        "dense1",
        "dense2",
        "dense3",
    ]
    assert len({axes.get_ylim() for axes in shown[:2]}) == 1
    line = shown[0].get_lines()[0]
    assert line.get_xdata().tolist() == [0, 10, 20]
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.3, 0.5])


def test_layers_stand_in_their_order_whatever_their_names():
    layers = ("conv2d1", "conv2d2", "dense1")
    curves = {f"health/{layer}/gradient_norm": np.full((2, 5), 0.5) for layer in layers}
    shown = picture("health", compared({"b": arm(), "a": arm(**curves)})).axes
    assert [axes.get_title(loc="left") for axes in shown] == [*layers]


def test_units_of_images_are_called_channels():
    curves = {"health/activation1/dead": np.full((2, 5), 0.5)}
    one = with_networks()
    one = replace(one, arms={label: arm(**curves) for label in one.arms})
    assert picture("health", one).axes[0].get_ylabel() == "dead units (%)"
    networks = {
        label: replace(network, portraits=[replace(p, saturated_by_channel=np.ones(3)) for p in network.portraits])
        for label, network in one.median_networks.items()
    }
    of_images = replace(one, median_networks=networks)
    assert picture("health", of_images).axes[0].get_ylabel() == "dead channels or units (%)"


def test_without_health_there_is_no_picture_of_it():
    assert picture("health", compared({"a": arm()})) is None


# --- All of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_says_what_it_shows_and_can_be_saved(name, tmp_path):
    one = with_networks(("a" * 40, "$x_{", "猫"))
    assert PICTURES[name].caption.endswith(".")
    figure = picture(name, one)
    if figure is not None:
        plots.save(figure, tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 1000


@pytest.mark.parametrize("pictures", [pictures_of, sweep_pictures])
def test_a_picture_of_a_class_has_the_name_of_its_figure_alone(pictures):
    """A class may be called like no file."""
    names = {*pictures("val/f1/../a b")}
    assert "f1" in names
    assert not any("/" in name for name in names)
