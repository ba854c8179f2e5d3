"""A picture at another width, and for print."""

import io

import numpy as np
import pytest
from legible import COLUMN, LEGIBLE, assert_whole_and_apart, lay_out, sizes
from matplotlib import image as picture_file
from matplotlib.text import Text

from nnlab import pictures as plots
from nnlab.maths.decisions import ConfusionCounts
from nnlab.networks.feature_maps import Kernels


def drawn():
    steps = np.arange(0, 100, 10)
    curves = {"train/loss": 1 / (1 + steps), "val/loss": 1.2 / (1 + steps)}
    about = {
        "best_step": 40,
        "loss_name": "cross_entropy",
        "title": "a title that a caption replaces, and longer than a narrow picture",
    }
    return plots.cost(steps, curves, epoch_steps=5.0, scaled_targets=False, **about)


@pytest.mark.parametrize("inches", [2.5, 6.3])
def test_a_picture_for_print_has_no_title_small_serif_type_and_thin_lines(inches):
    screen, figure = drawn(), drawn()
    plots.fit_to(figure, inches, style="paper")
    lay_out(figure)
    assert figure.get_figwidth() == inches
    assert not any("caption replaces" in text.get_text() for text in figure.findobj(Text))
    assert LEGIBLE - 0.01 <= min(sizes(figure)) <= max(sizes(figure)) < 10
    shown = [text for text in figure.findobj(Text) if text.get_text()]
    assert {text.get_fontname() for text in shown} == {"STIXGeneral"}
    widths = [[line.get_linewidth() for line in one.axes[0].get_lines()] for one in (figure, screen)]
    assert all(thin < usual for thin, usual in zip(*widths, strict=True))


def said_in(figure):
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def test_a_picture_for_print_leaves_out_its_title_alone():
    notes = "f1 = x * sigmoid(1.7 * x); f2 = max(0, x)"
    for draw, sentence in ((draw_finals, "Marks: single seeds"), (draw_curves_of_arms, "Line: median of the seeds")):
        figure = draw()
        figure.suptitle("a title of its own")
        plots.add_note(figure, notes)  # at the foot, or above the legend
        plots.fit_to(figure, style="paper")
        lay_out(figure)
        said = said_in(figure)
        assert (sentence in said, notes in said, "a title of its own" in said) == (True, True, False)
        assert {text.get_fontname() for text in figure.findobj(Text) if text.get_text()} == {"STIXGeneral"}


def test_a_picture_for_print_has_three_hundred_dots_per_inch():
    dots = {}
    for style in ("screen", "paper"):
        figure = drawn()
        plots.fit_to(figure, 2.5, style=style)
        dots[style] = picture_file.imread(io.BytesIO(plots.to_format(figure, "png"))).shape[1] / 2.5
    assert dots == {"screen": 120, "paper": 300}


@pytest.mark.parametrize("inches", [3.0, 16.0])
def test_type_follows_the_width_and_stays_legible(inches):
    screen, figure = drawn(), drawn()
    plots.fit_to(figure, inches)
    lay_out(figure)
    assert min(sizes(figure)) == pytest.approx(max(LEGIBLE, min(sizes(screen)) * inches / screen.get_figwidth()))


@pytest.mark.parametrize(("inches", "style"), [(2.5, "paper"), (5.0, "paper"), (2.5, "screen"), (12.0, "screen")])
def test_no_word_leaves_the_picture(inches, style):
    figure = drawn()
    plots.fit_to(figure, inches, style=style)
    lay_out(figure)
    width, height = figure.get_size_inches() * figure.dpi
    axes = figure.axes[0]
    for text in (axes.xaxis.label, axes.yaxis.label, *figure.texts, *figure.legends[0].get_texts()):
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text


# --- pictures of several panels, in a column of a journal -------------------------------------------------------------

ARMS = ["relu", "tanh", "leaky_relu(negative_slope=0.1)", "prelu", "swish(beta=1.25)"]


def random():
    return np.random.default_rng(5)


def draw_rankings():
    found = {name: (0.9 - 0.1 * index, 0.3, 0.99) for index, name in enumerate(ARMS)}
    about = {"metric_name": "test/accuracy", "larger_is_better": True, "target": "val/accuracy >= 0.95", "title": "t"}
    return plots.rankings(ARMS, found, found, styles=plots.arm_style(ARMS), **about)


def draw_curves_of_arms():
    arms = {name: random().uniform(0, 1, (12, 30)) for name in ARMS}
    return plots.compare_curves(np.arange(0, 3000, 100), arms, metric_name="val/loss", title="t", loss="cross_entropy")


def draw_finals():
    arms = {name: random().uniform(0.5, 1, 12) for name in ARMS}
    about = {"metric_name": "test/accuracy", "larger_is_better": True, "title": "t"}
    return plots.compare_finals(arms, dict.fromkeys(ARMS, (0.61, 0.75, 0.9)), **about)


def draw_confusion():
    names = [f"letter {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    confused = ConfusionCounts.of_matrix(random().integers(0, 900, (26, 26)))
    return plots.confusion(confused, names, split="test", accuracy=0.8, title="t")


def draw_first_layer():
    inputs = [f"a long name of an input {index}" for index in range(12)]
    return plots.first_layer(random().normal(size=(12, 30)), inputs, layer="dense1", scaled=True, title="t")


def draw_fits():
    truth = 1e4 + random().normal(size=(30, 3))
    return plots.fit(truth, truth + 0.1, targets=["first", "second", "third"], split="test", title="t")


def draw_parameters():
    way = {"dense1/weights": random().normal(size=(30, 2, 3)), "dense1/bias": random().normal(size=(30, 3))}
    return plots.parameters(np.arange(0, 3000, 100), way, are_norms=False, epoch_steps=10.0, title="t")


def draw_filters():
    weights = random().normal(size=(3, 3, 1, 16))
    return plots.filters(Kernels("conv2d1", weights), title="t")


@pytest.mark.parametrize("style", ["screen", "paper"])
@pytest.mark.parametrize(
    "draw",
    [
        draw_rankings,
        draw_curves_of_arms,
        draw_finals,
        draw_confusion,
        draw_first_layer,
        draw_fits,
        draw_parameters,
        draw_filters,
    ],
)
def test_in_a_column_of_a_journal_no_text_is_cut_small_or_upon_another(draw, style):
    with plots.page_for(COLUMN, style=style):
        figure = draw()
    plots.fit_to(figure, COLUMN, style=style)
    lay_out(figure)
    assert figure.get_figwidth() == COLUMN
    assert min(sizes(figure)) >= LEGIBLE - 0.01
    assert_whole_and_apart(figure)


def test_a_wide_picture_is_drawn_for_a_narrow_page_alone():
    with plots.page_for(COLUMN):
        narrow = draw_rankings()
    assert len({axes.get_position().x0 for axes in narrow.axes}) == 1  # one below the other
    assert len({axes.get_position().x0 for axes in draw_rankings().axes}) == 2


def test_without_a_width_a_picture_of_the_screen_stays_as_it_is():
    figure = drawn()
    plots.fit_to(figure)
    assert plots.to_format(figure, "png") == plots.to_format(drawn(), "png")
