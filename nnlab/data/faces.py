"""How faces are drawn: layers from the back to the front, some of them on the faces alone that have an attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nnlab.data.drawing import Canvas, Float, Length, bow, box, circle, ellipse, polygon, ring
from nnlab.data.portraits import ATTRIBUTES, VARIATIONS

Colours = tuple[tuple[float, float, float], ...]
"""Some colours, each as red, green and blue from 0 to 1."""

SKIN: Colours = ((0.98, 0.86, 0.76), (0.87, 0.66, 0.5), (0.55, 0.36, 0.26))
DARK_HAIR: Colours = ((0.08, 0.07, 0.09), (0.2, 0.1, 0.05), (0.32, 0.17, 0.08))
LIGHT_HAIR: Colours = ((0.97, 0.8, 0.3), (0.99, 0.9, 0.6), (0.86, 0.86, 0.84))
SHIRTS: Colours = ((0.75, 0.2, 0.22), (0.2, 0.55, 0.42), (0.35, 0.3, 0.6), (0.85, 0.6, 0.2), (0.3, 0.35, 0.4))
HATS: Colours = ((0.15, 0.3, 0.6), (0.7, 0.15, 0.2), (0.1, 0.45, 0.4), (0.45, 0.25, 0.55), (0.95, 0.92, 0.85))
TIES: Colours = ((0.7, 0.1, 0.15), (0.1, 0.2, 0.45), (0.08, 0.08, 0.1))
BLUE: Colours = ((0.16, 0.3, 0.6), (0.32, 0.58, 0.9), (0.68, 0.85, 0.98))
WARM: Colours = ((0.62, 0.46, 0.22), (0.92, 0.74, 0.38), (0.97, 0.92, 0.78))
INK = np.array([[0.08, 0.06, 0.08]], np.float32)
WHITE = np.array([[0.98, 0.98, 0.98]], np.float32)
LENS = np.array([[0.8, 0.93, 1.0]], np.float32)
GOLD = np.array([[1.0, 0.85, 0.25]], np.float32)
MOUTH = np.array([[0.35, 0.04, 0.08]], np.float32)
LIPS = np.array([[0.72, 0.12, 0.16]], np.float32)


class Face(Canvas):
    """Faces while they are drawn: `has` tells each attribute and `look` each variation, as arrays (N, 1, 1)."""

    def __init__(self, has: NDArray[np.bool_], draws: NDArray[np.float64], size: int) -> None:
        columns = has.astype(np.float32).T[:, :, np.newaxis, np.newaxis]
        self.has: Mapping[str, Float] = MappingProxyType(dict(zip(ATTRIBUTES, columns, strict=True)))
        spans = zip(VARIATIONS.items(), draws.T[len(ATTRIBUTES) :], strict=True)
        values = {name: (low + (high - low) * u).astype(np.float32) for (name, (low, high)), u in spans}
        self.look = {name: value[:, np.newaxis, np.newaxis] for name, value in values.items()}
        look = self.look
        super().__init__(size, (look["right"], look["down"]), look["scale"], look["slope"])
        self.skin = self.blend(SKIN, "skin")
        self.hair = self.either("dark_hair", self.blend(DARK_HAIR, "hair"), self.blend(LIGHT_HAIR, "hair"))

    def blend(self, colours: Colours, by: str) -> Float:
        """Colours (N, 3) between neighbours of a row of colours: a variation from 0 to 1 says how far along."""
        place = self.look[by][:, :, 0] * (len(colours) - 1)
        left = np.minimum(place.astype(np.int64), len(colours) - 2)
        share = place - left.astype(np.float32)
        start, end = (np.array(colours, np.float32)[left[:, 0] + i] for i in (0, 1))
        mixed: Float = start + share * (end - start)
        return mixed

    def pick(self, colours: Colours, by: str) -> Float:
        """One of the colours for each face, (N, 3)."""
        place = (self.look[by][:, 0, 0] * len(colours)).astype(np.int64)
        picked: Float = np.array(colours, np.float32)[np.minimum(place, len(colours) - 1)]
        return picked

    def either(self, attribute: str, yes: Float, no: Float) -> Float:
        """Colours (N, 3) that depend on an attribute."""
        return np.where(self.has[attribute][:, :, 0] > 0, yes, no)

    def outlined(self, distance: Float, colour: Float, shown: Length = 1.0, line: float = 0.035) -> None:
        """Fill a figure that has a dark line around it, so that it stands out from any colour behind it."""
        self.fill(distance - line, colour * 0.35, shown)
        self.fill(distance, colour, shown)


# --- layers -----------------------------------------------------------------------------------------------------------


def _background(face: Face) -> None:
    blue, warm = face.blend(BLUE, "backdrop"), face.blend(WARM, "backdrop")
    face.picture += face.either("blue_background", blue, warm)[:, :, np.newaxis, np.newaxis]
    spots = face.either("blue_background", warm, blue)
    for i in range(3):
        right, down, radius = (face.look[f"spot_{i}_{name}"] for name in ("right", "down", "radius"))
        face.fill(circle(face.x - right, face.y - down, radius), spots, 0.85)


def _long_hair(face: Face, shown: Length) -> None:
    length = face.look["hair_length"]
    middle = (length - 0.4) / 2
    half = (length + 0.4) / 2
    face.outlined(box(face.x, face.y - middle, face.look["head_width"] + 0.13, half, 0.2), face.hair, shown)


def _shirt(face: Face) -> None:
    face.outlined(ellipse(face.x, face.y - 1.15, 0.82, 0.56), face.pick(SHIRTS, "shirt"))


def _neck(face: Face) -> None:
    face.fill(box(face.x, face.y - 0.5, 0.17, 0.22, 0.1), face.skin * 0.8)


def _tie(face: Face, shown: Length) -> None:
    colour = face.pick(TIES, "tie_colour")
    face.fill(polygon(face.x, face.y, [(-0.3, 0.58), (0.3, 0.58), (0.16, 1.3), (-0.16, 1.3)]), WHITE, shown)
    blade = [(-0.08, 0.6), (0.08, 0.6), (0.05, 0.7), (0.12, 1.3), (-0.12, 1.3), (-0.05, 0.7)]
    face.fill(polygon(face.x, face.y, blade) - 0.02, colour, shown)


def _head(face: Face) -> None:
    width, height = face.look["head_width"], face.look["head_height"]
    face.outlined(ellipse(face.x, face.y + 0.12, width + 0.07, height + 0.05), face.hair)
    for side in (-1, 1):
        face.outlined(ellipse(face.x - side * width, face.y + 0.02, 0.09, 0.12), face.skin * 0.9)
    face.outlined(_outline(face), face.skin, line=0.03)


def _outline(face: Face) -> Float:
    return ellipse(face.x, face.y, face.look["head_width"], face.look["head_height"])


def _fringe(face: Face) -> None:
    width = face.look["head_width"]
    below = ellipse(face.x - face.look["parting"], face.y - 0.22, width + 0.08, 0.56)
    face.fill(np.maximum(_outline(face) - 0.05, np.maximum(-below, face.y + 0.2)), face.hair)


def _earrings(face: Face, shown: Length) -> None:
    for side in (-1, 1):
        place = circle(face.x - side * (face.look["head_width"] + 0.04), face.y - 0.2, 0.075)
        face.outlined(place, GOLD, shown)


def _freckles(face: Face, shown: Length) -> None:
    places = [(side * x, y) for side in (-1, 1) for x, y in ((0.16, 0.11), (0.29, 0.1), (0.23, 0.17), (0.36, 0.14))]
    for i, (x, y) in enumerate(places):
        right, down = face.look[f"freckle_{i}_right"] + x, face.look[f"freckle_{i}_down"] + y
        face.fill(circle(face.x - right, face.y - down, 0.042), face.skin * 0.38, shown)


def _eyes(face: Face) -> None:
    for side in (-1, 1):
        x, y = face.x - side * 0.2, face.y - face.look["eye_height"]
        face.fill(ellipse(x, y, 0.1, 0.085), WHITE)
        face.fill(circle(x - face.look["gaze"], y, 0.055), INK)
        face.fill(bow(x, y + 0.16, -1.5, 0.1, 0.05), face.hair * 0.6)


def _nose(face: Face) -> None:
    face.fill(ellipse(face.x - 0.01, face.y - 0.04, 0.045, 0.065), face.skin * 0.75)


def _beard(face: Face, shown: Length) -> None:
    chin = ellipse(face.x, face.y - 0.03, face.look["head_width"] + 0.01, face.look["head_height"])
    cheeks = ellipse(face.x, face.y - 0.05, face.look["head_width"] - 0.05, 0.23)
    shape = np.maximum(np.maximum(chin, -cheeks), 0.05 - face.y)
    face.outlined(shape, face.hair, shown)
    window = ellipse(face.x, face.y - face.look["mouth_height"] - 0.01, face.look["mouth_width"] + 0.06, 0.12)
    face.fill(window, face.skin, shown)


def _moustache(face: Face, shown: Length) -> None:
    for side in (-1, 1):
        x, y = face.x - side * 0.09, face.y - face.look["mouth_height"] + 0.14
        face.outlined(ellipse(x, y - side * x * 0.35, 0.13, 0.045), face.hair, shown, 0.025)


def _mouth(face: Face) -> None:
    smile, opened = face.has["smile"], face.has["open_mouth"]
    x, y = face.x, face.y - face.look["mouth_height"]
    width = face.look["mouth_width"]
    bend = smile * 6.0 - 2.2
    face.fill(bow(x, y + 0.05 - smile * 0.1, bend, width, 0.06), LIPS, 1 - opened)
    face.fill(ellipse(x, y - 0.03, 0.1, 0.12), LIPS, opened * (1 - smile))
    face.fill(ellipse(x, y - 0.03, 0.065, 0.085), MOUTH, opened * (1 - smile))
    grin = np.maximum(ellipse(x, y + 0.05, width + 0.03, 0.2), -y - 0.05)
    face.fill(grin, MOUTH, opened * smile)
    face.fill(np.maximum(grin, y - 0.02), WHITE, opened * smile)


def _glasses(face: Face, shown: Length) -> None:
    y = face.y - face.look["eye_height"]
    for side in (-1, 1):
        x = face.x - side * 0.2
        face.fill(circle(x, y, 0.17), LENS, shown * 0.45)
        face.fill(ring(x, y, 0.17, 0.06), INK, shown)
    face.fill(box(np.abs(face.x) - 0.42, y, 0.06, 0.03), INK, shown)
    face.fill(box(face.x, y, 0.05, 0.03), INK, shown)


def _hat(face: Face, shown: Length) -> None:
    colour = face.pick(HATS, "hat_colour")
    width = face.look["head_width"]
    face.outlined(box(face.x, face.y + 0.66, width - 0.04, 0.3, 0.12), colour, shown)
    face.fill(box(face.x, face.y + 0.5, width - 0.04, 0.06), colour * 0.45, shown)
    face.outlined(box(face.x, face.y + 0.4, width + 0.2, 0.05, 0.05), colour, shown)


LAYERS: Mapping[str, Callable[..., None]] = {
    # From the back to the front. A layer with the name of an attribute is drawn on the faces that have it.
    "background": _background,
    "shirt": _shirt,
    "tie": _tie,
    "long_hair": _long_hair,
    "neck": _neck,
    "head": _head,
    "freckles": _freckles,
    "eyes": _eyes,
    "nose": _nose,
    "beard": _beard,
    "mouth": _mouth,
    "moustache": _moustache,
    "fringe": _fringe,
    "earrings": _earrings,
    "glasses": _glasses,
    "hat": _hat,
}


def draw_portraits(has: NDArray[np.bool_], draws: NDArray[np.float64], size: int) -> Float:
    """Pictures (N, 3, size, size) from 0 to 1 of faces with attributes (N, 12), varied by draws (N, DRAWS)."""
    face = Face(has, draws, size)
    for name, draw in LAYERS.items():
        if name not in ATTRIBUTES:
            draw(face)
        elif face.has[name].any():
            draw(face, face.has[name])
    face.picture *= face.look["light"][:, np.newaxis]
    return face.picture
