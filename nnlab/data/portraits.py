"""Portraits have twelve yes or no attributes: how often each occurs, and what else differs from face to face.

Six attributes depend on another one, with these probabilities where that is present and where it is absent:

    P(beard | long_hair) = 0.1, else 0.5
    P(moustache | beard) = 0.65, else 0.2
    P(earrings | long_hair) = 0.6, else 0.2
    P(freckles | dark_hair) = 0.2, else 0.5
    P(open_mouth | smile) = 0.5, else 0.25
    P(tie | beard) = 0.55, else 0.25

The others are independent. Colours, place, size and turn of a face vary, so that no pixel alone tells an attribute, and
what tells them does not need colour vision: hair is dark or light, grounds are blue or yellow to brown.

A new attribute is a line in ATTRIBUTES and a layer in `nnlab.data.faces`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chance:
    """The probability of an attribute: `yes` where the attribute `given` is present, `no` where it is absent."""

    yes: float
    no: float
    given: str = ""


def _alone(probability: float) -> Chance:
    return Chance(probability, probability)


ATTRIBUTES: Mapping[str, Chance] = {
    # An attribute stands behind the one it depends on. The order is part of every result.
    "long_hair": _alone(0.5),
    "dark_hair": _alone(0.5),
    "beard": Chance(0.1, 0.5, given="long_hair"),
    "moustache": Chance(0.65, 0.2, given="beard"),
    "earrings": Chance(0.6, 0.2, given="long_hair"),
    "freckles": Chance(0.2, 0.5, given="dark_hair"),
    "smile": _alone(0.5),
    "open_mouth": Chance(0.5, 0.25, given="smile"),
    "glasses": _alone(0.4),
    "hat": _alone(0.35),
    "tie": Chance(0.55, 0.25, given="beard"),
    "blue_background": _alone(0.5),
}

VARIATIONS: Mapping[str, tuple[float, float]] = {
    # What differs from face to face: drawn evenly from low to high. The order is part of every result.
    "right": (-0.09, 0.09),
    "down": (-0.07, 0.07),
    "scale": (0.9, 1.06),
    "slope": (-0.06, 0.06),
    "head_width": (0.44, 0.5),
    "head_height": (0.5, 0.56),
    "skin": (0.0, 1.0),
    "hair": (0.0, 1.0),
    "shirt": (0.0, 1.0),
    "hat_colour": (0.0, 1.0),
    "tie_colour": (0.0, 1.0),
    "backdrop": (0.0, 1.0),
    "light": (0.9, 1.06),
    "parting": (-0.3, 0.3),
    "gaze": (-0.025, 0.025),
    "eye_height": (-0.12, -0.06),
    "mouth_height": (0.28, 0.32),
    "mouth_width": (0.16, 0.2),
    "hair_length": (0.42, 0.64),
    **{f"spot_{i}_{axis}": (-1.0, 1.0) for i in range(3) for axis in ("right", "down")},
    **{f"spot_{i}_radius": (0.15, 0.4) for i in range(3)},
    **{f"freckle_{i}_{axis}": (-0.03, 0.03) for i in range(8) for axis in ("right", "down")},
}
DRAWS = len(ATTRIBUTES) + len(VARIATIONS)
"""How many random numbers from [0, 1) make a face."""


def attributes_of(draws: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The attributes (N, 12) of faces from their draws (N, DRAWS), the first 12 of which decide, each by its Chance."""
    names = list(ATTRIBUTES)
    has = np.zeros((len(draws), len(names)), bool)
    for i, chance in enumerate(ATTRIBUTES.values()):
        condition = has[:, names.index(chance.given)] if chance.given else np.zeros(len(draws), bool)
        has[:, i] = draws[:, i] < np.where(condition, chance.yes, chance.no)
    return has
