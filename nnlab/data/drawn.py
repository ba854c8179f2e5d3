"""Image sets that are drawn: portraits with twelve yes or no labels each, and shapes of six classes.

Row i depends on the seed, the size, the noise and i alone, never on how many rows are asked for: it has a random
stream of its own. The bits are the same on every machine (see `nnlab.data.drawing`): of random numbers only uniform
ones and bytes are used, and the noise is a sum of four bytes, close to normal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, Task, fingerprint_of, image_column
from nnlab.data.drawing import Canvas, Float, box, circle, polygon, ring
from nnlab.data.faces import draw_portraits
from nnlab.data.files import SOURCE, refuse
from nnlab.data.portraits import ATTRIBUTES, DRAWS, attributes_of
from nnlab.data.synthetic import checked
from nnlab.data.targets import check_classes
from nnlab.maths.randomness import Purpose, stream

Draws = NDArray[np.float64]
"""Random numbers in [0, 1), (rows, as many as the set needs): all that differs between two rows, but for noise."""

MOST_IMAGES = 100_000
_PIXELS_AT_ONCE = 8192  # the pictures that are drawn together then stay in a processor's cache
_BYTES_DEVIATION = 147.80  # of the sum of four random bytes: sqrt(4 · (256² - 1) / 12)


# --- shapes -----------------------------------------------------------------------------------------------------------

_TRIANGLE = [(0.0, -1.0), (0.866, 0.5), (-0.866, 0.5)]
_STAR = [
    *[(0.0, -1.0), (0.235, -0.324), (0.951, -0.309), (0.38, 0.124), (0.588, 0.809)],
    *[(0.0, 0.4), (-0.588, 0.809), (-0.38, 0.124), (-0.951, -0.309), (-0.235, -0.324)],
]
FIGURES: Mapping[str, Callable[[Float, Float], Float]] = {
    # Signed distances to figures that reach about 1 from their centre. The order is that of the classes.
    "circle": partial(circle, radius=0.85),
    "square": partial(box, width=0.68, height=0.68),
    "triangle": partial(polygon, corners=_TRIANGLE),
    "star": partial(polygon, corners=_STAR),
    "cross": lambda x, y: np.minimum(box(x, y, 0.95, 0.3), box(x, y, 0.3, 0.95)),
    "ring": partial(ring, radius=0.7, thickness=0.4),
}
LEAST_CONTRAST = 0.35
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: ITU-R BT.601


def _in_turn(rows: NDArray[np.int64], _: Draws) -> NDArray[np.bool_]:
    """Classes in turn, one-hot: row i has class i modulo 6."""
    classes: NDArray[np.bool_] = rows[:, np.newaxis] % len(FIGURES) == np.arange(len(FIGURES))
    return classes


def draw_shapes(classes: NDArray[np.bool_], draws: Draws, size: int) -> Float:
    """Pictures (N, 3, size, size) from 0 to 1 of figures, one-hot (N, 6), that draws (N, 10) place, turn and colour.

    A figure is 0.35 to 0.8 of half the picture large, lies within it and is turned by any angle. The luminances of
    figure and ground differ by LEAST_CONTRAST or more.
    """
    numbers = draws.astype(np.float32)
    scale = 0.35 + 0.45 * numbers[:, 0]
    room = 0.9 - scale
    right, down, slope = ((2 * numbers[:, i] - 1) for i in (1, 2, 3))
    placed = [value[:, np.newaxis, np.newaxis] for value in (right * room, down * room, scale, slope)]
    figure, ground = numbers[:, 4:7], _contrasting(numbers[:, 7:10], numbers[:, 4:7])
    picture: Float = np.empty((len(draws), 3, size, size), np.float32)
    for has, distance in zip(classes.T, FIGURES.values(), strict=True):
        x, y, scales, slopes = (value[has] for value in placed)
        canvas = Canvas(size, (x, y), scales, slopes)
        canvas.picture += ground[has][:, :, np.newaxis, np.newaxis]
        canvas.fill(distance(canvas.x, canvas.y), figure[has])
        picture[has] = canvas.picture
    return picture


def luminance(colours: Float) -> Float:
    """How light colours (N, 3) are, (N, 1), from 0 to 1."""
    red, green, blue = (colours[:, i : i + 1] * _LUMINANCE[i] for i in range(3))
    light: Float = red + green + blue
    return light


def _contrasting(ground: Float, figure: Float) -> Float:
    """Ground colours (N, 3), mixed with white behind dark figures, with black behind light ones, as far as needed."""
    of_figure, of_ground = luminance(figure), luminance(ground)
    dark = of_figure < 0.5
    lighter = np.maximum(of_ground, of_figure + LEAST_CONTRAST)
    darker = np.minimum(of_ground, of_figure - LEAST_CONTRAST)
    end = dark.astype(np.float32)  # the luminance of white or black
    share = (np.where(dark, lighter, darker) - of_ground) / (end - of_ground)
    mixed: Float = ground + share * (end - ground)
    return mixed


# --- the sets ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DrawnSet:
    """A set that is drawn.

    `number` is that of its random streams: part of every result, never reused. A row needs `draws` random numbers;
    `targets` makes labels of rows and their numbers, and `draw` pictures of labels, numbers and a size.
    """

    number: int
    draws: int
    targets: Callable[[NDArray[np.int64], Draws], NDArray[np.bool_]]
    draw: Callable[[NDArray[np.bool_], Draws, int], Float]
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()


DRAWN: Mapping[str, DrawnSet] = {
    "portraits": DrawnSet(4, DRAWS, lambda _, draws: attributes_of(draws), draw_portraits, tuple(ATTRIBUTES)),
    "shapes": DrawnSet(5, 10, _in_turn, draw_shapes, ("shape",), tuple(FIGURES)),
}
DEFAULTS: Mapping[str, int | float] = MappingProxyType({"samples": 2000, "noise": 0.04, "size": 32, "seed": 0})


def drawn(name: str, task: Task, parameters: Mapping[str, object]) -> Dataset:
    """One of DRAWN as a data set of colour images: `x` is uint8 (samples, 3 × size × size), plane by plane.

    Parameters: `samples`, `size` (32 or 64 pixels), `noise` (its standard deviation, as a share of the range from black
    to white) and `seed`. DataError for one out of range.
    """
    kind = DRAWN[name]
    values = {**DEFAULTS, **checked(name, parameters, DEFAULTS, MOST_IMAGES, most_noise=1.0)}
    samples, size = int(values["samples"]), int(values["size"])
    if kind.classes:
        check_classes(kind.classes, task, name)
    if samples < len(kind.classes):
        found = f"found samples: {samples} for {name}, expected at least one for each of {len(kind.classes)} classes"
        refuse(None, found, key=(*SOURCE, "samples"))
    x = np.empty((samples, 3 * size * size), np.uint8)
    y = np.empty((samples, len(kind.classes or kind.columns)))
    together = _PIXELS_AT_ONCE // size**2
    for start in range(0, samples, together):
        rows = np.arange(start, min(start + together, samples))
        x[rows], y[rows] = _drawn_rows(kind, rows, size, float(values["noise"]), int(values["seed"]))
    columns = Columns(image_column(3, size, size, is_bytes=True), kind.columns, kind.classes)
    return Dataset(name, task, x, y, columns, 0, (size, size), fingerprint_of(x, y, columns))


def _drawn_rows(
    kind: DrawnSet, rows: NDArray[np.int64], size: int, noise: float, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Images (rows, 3 × size × size) and labels of some rows, each from its own stream."""
    streams = [stream(seed, Purpose.DATA, kind.number, int(row)) for row in rows]
    draws = np.array([random.random(kind.draws) for random in streams])
    targets = kind.targets(rows, draws)
    images = kind.draw(targets, draws, size).reshape(len(rows), -1)
    if noise:
        images += noise * np.array([_noise(random, images.shape[1]) for random in streams])
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8), targets


def _noise(random: np.random.Generator, count: int) -> Float:
    """Numbers of mean 0 and standard deviation 1, nearly normal, each from the sum of four random bytes."""
    total = np.frombuffer(random.bytes(4 * count), np.uint8).reshape(4, count).sum(axis=0, dtype=np.int32)
    centred: Float = total.astype(np.float32) - 510
    return centred / _BYTES_DEVIATION
