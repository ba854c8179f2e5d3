"""Arrays that begin where a line of the cache does.

NumPy's arrays begin 16 bytes after such a place, or after none in particular. Vector instructions that read and write
64 bytes at a time then take two lines each, and an operation on an array that does not fit the nearest cache takes up
to twice as long. Arrays that every training step goes through are made here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LINE = 64  # bytes


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of any values in C order."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    values: Array = room[begin : begin + size].view(dtype).reshape(shape)
    return values


def zeros(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of 0 in C order."""
    values = empty(shape, dtype)
    values[...] = 0
    return values


def empty_like(array: Array) -> Array:
    """An array of any values whose axes lie in memory in the order of the other's."""
    from_outermost = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    values = empty(tuple(array.shape[axis] for axis in from_outermost), array.dtype)
    return values.transpose([from_outermost.index(axis) for axis in range(array.ndim)])


def zeros_like(array: Array) -> Array:
    """The same, filled with 0."""
    values = empty_like(array)
    values[...] = 0
    return values
