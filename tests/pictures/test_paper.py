"""A picture at another width, and for print."""

import numpy as np
import pytest
from matplotlib.text import Text

from nnlab import pictures as plots

LEGIBLE = 6  # points


def drawn():
    steps = np.arange(0, 100, 10)
    curves = {"train/loss": 1 / (1 + steps), "val/loss": 1.2 / (1 + steps)}
    about = {
        "best_step": 40,
        "loss_name": "cross_entropy",
        "title": "a title that a caption replaces, and longer than a narrow picture",
    }
    return plots.cost(steps, curves, epoch_steps=5.0, scaled_targets=False, **about)


def sizes(figure):
    return [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("inches", [2.5, 6.3])
def test_a_picture_for_print_has_no_title_small_serif_type_and_thin_lines(inches):
    screen, figure = drawn(), drawn()
    plots.fit_to(figure, inches, style="paper")
    plots.to_format(figure, "png")
    assert figure.get_figwidth() == inches
    assert not any("caption replaces" in text.get_text() for text in figure.findobj(Text))
    assert LEGIBLE - 0.01 <= min(sizes(figure)) <= max(sizes(figure)) < 10
    shown = [text for text in figure.findobj(Text) if text.get_text()]
    assert {text.get_fontname() for text in shown} == {"STIXGeneral"}
    widths = [[line.get_linewidth() for line in one.axes[0].get_lines()] for one in (figure, screen)]
    assert all(thin < usual for thin, usual in zip(*widths, strict=True))


@pytest.mark.parametrize("inches", [3.0, 16.0])
def test_type_follows_the_width_and_stays_legible(inches):
    screen, figure = drawn(), drawn()
    plots.fit_to(figure, inches)
    plots.to_format(figure, "png")
    assert min(sizes(figure)) == pytest.approx(max(LEGIBLE, min(sizes(screen)) * inches / screen.get_figwidth()))


@pytest.mark.parametrize(("inches", "style"), [(2.5, "paper"), (5.0, "paper"), (2.5, "screen"), (12.0, "screen")])
def test_no_word_leaves_the_picture(inches, style):
    figure = drawn()
    plots.fit_to(figure, inches, style=style)
    plots.to_format(figure, "png")
    width, height = figure.get_size_inches() * figure.dpi
    axes = figure.axes[0]
    for text in (axes.xaxis.label, axes.yaxis.label, *figure.texts, *figure.legends[0].get_texts()):
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text


def test_without_a_width_a_picture_of_the_screen_stays_as_it_is():
    figure = drawn()
    plots.fit_to(figure)
    assert plots.to_format(figure, "png") == plots.to_format(drawn(), "png")
