"""The arithmetic of windows that move over an image: their size, how far they step, what lies at the margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nnlab.networks.layers.base import Shape

Pair = tuple[int, int]  # for rows and for columns
Padding = Literal["valid", "same"] | Pair


@dataclass(frozen=True)
class Windows:
    """Windows of `kernel` rows and columns that step by `stride` over an image with margins of zeros.

    `padding` is a margin on both sides for rows and for columns; `valid` means none; with `same`, there are as many
    windows as pixels / stride, rounded up, and what is odd of the margin lies below and at the right.
    """

    kernel: Pair
    stride: Pair
    padding: Padding = "valid"

    @property
    def details(self) -> str:
        """The windows in words: `kernel 3 × 3, stride 1 × 1, padding same`."""
        padding = {"valid": "no padding", "same": "padding same"}.get(str(self.padding))
        words = padding or f"padding {times(self.padding)}"  # type: ignore[arg-type]
        return f"kernel {times(self.kernel)}, stride {times(self.stride)}, {words}"

    def over(self, shape: Shape) -> str:
        """The windows over an image of this shape in words, with the zeros at its margins if there are any."""
        (above, below), (left, right) = self.margins(shape)
        has_zeros = any((above, below, left, right))
        zeros = f" ({above} + {below} rows and {left} + {right} columns of zeros)"
        return f"{self.details}{zeros if has_zeros else ''}"

    def margins(self, shape: Shape) -> tuple[Pair, Pair]:
        """Rows of zeros (above, below) and columns of zeros (left, right) of an image of this shape."""
        rows, columns = (self._margin(axis, shape[axis]) for axis in (0, 1))
        return rows, columns

    def _margin(self, axis: int, size: int) -> Pair:
        if isinstance(self.padding, tuple):
            return self.padding[axis], self.padding[axis]
        if self.padding == "valid":
            return 0, 0
        steps = -(-size // self.stride[axis]) - 1
        total = max(0, steps * self.stride[axis] + self.kernel[axis] - size)
        return total // 2, total - total // 2

    def counts(self, shape: Shape) -> Pair:
        """How many windows there are in rows and in columns. ValueError where not one fits into the image."""
        margins = self.margins(shape)
        left = [shape[axis] + sum(margins[axis]) - self.kernel[axis] for axis in (0, 1)]
        if min(left) < 0:
            padded = f", with margins of {sum(margins[0])} and {sum(margins[1])}" if any(map(sum, margins)) else ""
            raise ValueError(f"its windows of {times(self.kernel)} pixels do not fit{padded}")
        return left[0] // self.stride[0] + 1, left[1] // self.stride[1] + 1


def times(sizes: Shape) -> str:
    """A shape in words: `28 × 28 × 1`."""
    return " × ".join(map(str, sizes))


def reached(count: int, step: int, offset: int, size: int) -> tuple[slice, slice]:
    """The i in [0, count) for which i · step + offset lies in [0, size), and these places."""
    first = max(0, -(offset // step))
    last = min(count - 1, (size - 1 - offset) // step)
    if last < first:
        return slice(0, 0), slice(0, 0)
    return slice(first, last + 1), slice(first * step + offset, last * step + offset + 1, step)
