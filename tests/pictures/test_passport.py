"""The page of an activation: every panel labelled, nothing cut, and no number that cannot be drawn in the way."""

import numpy as np
import pytest
from matplotlib import image as picture_file
from matplotlib.text import Text

from nnlab import pictures as plots
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.signal.gradients import MeasuredRatio
from nnlab.maths.signal.theory import theory_of
from nnlab.pictures import style

NAN, INF = np.nan, np.inf


def drawn(name, *, theory, measured=(), predicted=()):
    entry = ACTIVATIONS[name]
    f = BoundActivation(entry, {parameter.name: parameter.default for parameter in entry.parameters})
    x = np.linspace(-6, 6, 601)
    return plots.passport(
        plots.PassportCurve(x, f(x), f.slope(x), f.kinks, [(-1, 0.0, -1.758), (1, 1.05, 0.0)]),
        plots.PassportTimes(3.0, 4.0, 0.2, 0.5),
        theory=theory_of(f) if theory else None,
        gradients=plots.PassportGradients(predicted, measured, 256),
        title="$x_{",
        note="It is what it is. " * 20,
    )


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    measured = [MeasuredRatio(2, 1.04, 1.0, 1.1), MeasuredRatio(50, 6.0, 0.0, 9.0), MeasuredRatio(90, NAN, NAN, INF)]
    figure, path = (
        drawn("selu", theory=True, measured=measured, predicted=[1.03, 5.4, INF]),
        tmp_path_factory.mktemp("page") / "passport.png",
    )
    plots.save(figure, path)
    return figure, path


def test_nothing_is_cut_at_the_edge(page):
    pixels = picture_file.imread(page[1])
    assert all((edge == 1).all() for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]))


def test_every_panel_has_labels_and_legible_type(page):
    panels = panels_of(page[0])
    assert len(panels) == 8
    assert all(axes.get_xlabel() and axes.get_title(loc="left") for axes in panels)
    assert all(axes.get_ylabel() or axes.get_yticklabels()[0].get_text() for axes in panels)
    sizes = {text.get_fontsize() for text in page[0].findobj(Text) if text.get_text()}
    assert sizes <= {style.SMALL, style.NORMAL, style.LARGE}


def test_no_text_leaves_the_page_or_lies_over_the_title_of_another_panel(page):
    figure = page[0]
    titles = [axes.title if axes.title.get_text() else axes._left_title for axes in figure.axes]
    boxes = [title.get_window_extent() for title in titles if title.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
    overlaps = [(i, j) for i, a in enumerate(boxes) for j, b in enumerate(boxes) if i < j and a.overlaps(b)]
    assert overlaps == []


@pytest.mark.parametrize("name", ["relu", "heaviside", "exponential", "sin", "gaussian", "threshold", "sigmoid"])
def test_functions_of_all_kinds_can_be_drawn(name):
    assert len(panels_of(drawn(name, theory=True, measured=[MeasuredRatio(2, 0.0, 0.0, 0.0)], predicted=[0.0]))) == 8


def test_without_a_theory_the_function_and_its_time_are_left():
    assert len(panels_of(drawn("exponential", theory=False))) == 2
