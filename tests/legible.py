"""The texts of a picture: how large they are, and whether each can be read."""

import numpy as np
from matplotlib.text import Text

COLUMN = 8.5 / 2.54  # inches, of a journal
LEGIBLE = 6  # points


def sizes(figure):
    return [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]


def shown_texts(figure):
    """The visible texts of a figure with their boxes in pixels; ticks outside their axis are not drawn."""
    outside = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            gone = [tick for tick in ticks if not (axes.axison and low <= tick.get_loc() <= high)]
            outside |= {label for tick in gone for label in (tick.label1, tick.label2)}
    texts = [text for text in figure.findobj(Text) if text not in outside and text.get_visible()]
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text().strip()]


def lay_out(figure):
    """Put everything in its place as saving does, without the time that painting takes."""
    figure.get_layout_engine().execute(figure)
    figure.draw_without_rendering()


def assert_whole_and_apart(figure):
    """No text leaves the picture, and none lies upon another."""
    texts, size = shown_texts(figure), figure.get_size_inches() * figure.dpi
    ends = np.array([box.extents for _, box in texts])  # (T, 4): left, bottom, right, top
    cut = np.any(ends < -1, axis=1) | np.any(ends[:, 2:] > size + 1, axis=1)
    assert [text for (text, _), is_cut in zip(texts, cut, strict=True) if is_cut] == []
    common = np.minimum(ends[:, None, 2:], ends[None, :, 2:]) - np.maximum(ends[:, None, :2], ends[None, :, :2])
    clash = np.argwhere(np.triu((common[..., 0] > 1) & (common[..., 1] > 2), k=1))
    assert [(texts[one][0], texts[other][0]) for one, other in clash] == []
