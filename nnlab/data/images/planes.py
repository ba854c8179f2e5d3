"""Images in arrays: (N, rows, columns), or (N, rows, columns, channels), or (N, channels, rows, columns).

A data set holds an image as a flat row, channel after channel and each row by row.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nnlab.data.dataset import MOST_PIXELS
from nnlab.data.files import Key, refuse
from nnlab.data.stored import InPlanes, StoredArray, in_planes

CHANNELS_KEY: Key = ("data", "channels")
ORDERS = ("first", "last")
_USUAL = (1, 3, 4)  # gray, red-green-blue, and with transparency

Planes = tuple[int, int, int]  # channels, rows, columns


def planes_of(shape: tuple[int, ...], channels: str | None, file: Path) -> Planes | None:
    """Channels, rows and columns of the images in an array of this shape; None for plain rows (N, inputs).

    `channels` is "first", "last" or None, which means last unless that is unlikely: then DataError asks.
    """
    if len(shape) == 2:
        return None
    if len(shape) == 3:
        planes: Planes = (1, shape[1], shape[2])
    elif channels == "first":
        planes = (shape[1], shape[2], shape[3])
    else:
        planes = (shape[3], shape[1], shape[2])
        if channels is None and shape[3] not in _USUAL and shape[1] in _USUAL:
            _ask(shape, file)
    if math.prod(planes) > MOST_PIXELS:
        found = f"found images of {described(planes)}"
        refuse(file, f"{found}, expected at most {MOST_PIXELS:,} pixels of all channels together")
    return planes


def _ask(shape: tuple[int, ...], file: Path) -> None:
    first, last = (shape[1], shape[2], shape[3]), (shape[3], shape[1], shape[2])
    readings = f"{described(first)} (data.channels: first) or {described(last)} (data.channels: last)"
    refuse(file, f"found images of shape {shape}, which may be {readings}; expected data.channels", key=CHANNELS_KEY)


def described(planes: Planes) -> str:
    """`32 × 32 pixels of 3 channels`."""
    channels, rows, columns = planes
    return f"{rows} × {columns} pixels of {channels} channel{'' if channels == 1 else 's'}"


def check_order(channels: str | None, dimensions: int, file: Path) -> None:
    """Refuse `data.channels` for an array that it says nothing about, and a value that is for image files."""
    if channels is not None and channels not in ORDERS:
        found = f"found data.channels: {channels} for an array"
        refuse(file, f"{found}, expected first or last ({channels} is for image files)", key=CHANNELS_KEY)
    if channels is not None and dimensions != 4:
        found = f"found data.channels: {channels} for an array of {dimensions} dimensions"
        refuse(file, f"{found}, expected it for four: images with channels", key=CHANNELS_KEY)


def flat(images: NDArray[Any], channels: str | None) -> NDArray[Any]:
    """The images of an array as rows (N, inputs)."""
    return in_planes(images) if images.ndim == 4 and channels != "first" else images.reshape(len(images), -1)


def flat_stored(images: StoredArray, channels: str | None) -> StoredArray | InPlanes:
    """The same of an array that stays in its file."""
    return InPlanes(images) if images.ndim == 4 and channels != "first" else images
