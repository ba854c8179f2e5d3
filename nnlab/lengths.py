"""Lengths on paper, as a person writes them."""

from __future__ import annotations

import re

from nnlab.errors import printable

_INCHES = {"": 1 / 2.54, "cm": 1 / 2.54, "mm": 1 / 25.4, "in": 1.0}
_LEAST, _MOST = 1.0, 40.0


def inches_of(given: str | float) -> float:
    """A width in inches from `8.5cm`, `85mm`, `3.35in`, or a number of centimetres.

    ValueError, with what is expected, for other units and for what is no width of a picture.
    """
    text = str(given)
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([a-z]*)\s*", text)
    if found is None or found[2] not in _INCHES:
        raise ValueError(f"found '{printable(text[:40])}', expected centimetres or inches: 8.5cm or 5in")
    inches = float(found[1]) * _INCHES[found[2]]
    if not _LEAST <= inches <= _MOST:
        raise ValueError(f"found '{printable(text[:40])}', expected a width from 2.54cm (1in) to 101.6cm")
    return inches
