"""Scaling: shift and divisor of each column, fitted on the training part and applied to every part alike.

Statistics are computed on the columns divided by a power of two that brings them below 1. This changes no bit of the
result, and neither sums nor squares of columns near 1e308 overflow. All work is done block by block in float64, so that
a set of uint8 images is never held in float64 as a whole. Where all 256 byte values give the same bits in the target
precision, images are scaled in that precision, which is eight times faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.data.files import Key, quoted, refuse
from nnlab.data.stored import StoredRows, numbers
from nnlab.errors import DataError, Fault, suggestion

Inputs = NDArray[Any] | StoredRows
Floats = NDArray[np.float64]
Rows = NDArray[np.integer[Any]]

NAMES = ("none", "standard", "minmax", "range")
FILLS = ("mean", "median")
_BLANKS_KEY: Key = ("data", "blanks")
SCALE_KEY: Key = ("data", "scale")
_MOST_RUNS = 4  # of neighbouring columns that are scaled alike: the channels of an image
_BLOCK = 2**20  # values at a time: 8 MB in float64, about a processor's cache


class UnscalableError(DataError):
    """A blank, or a value that is not finite once scaled, at `row` and `column`, from 0, of what was to be scaled.

    `row` is None where a whole column is at fault. `nnlab.data.cells` knows the names of both.
    """

    def __init__(self, found: str, expected: str, key: Key, column: int, row: int | None = None) -> None:
        where = f"column {column + 1}" if row is None else f"column {column + 1} (row {row + 1} of its part)"
        super().__init__(Fault(f"found {found} in {where}, expected {expected}", key=key))
        self.found, self.expected, self.key, self.column, self.row = found, expected, key, column, row


@dataclass(frozen=True, eq=False)
class Scaling:
    """`(x - shift) / divisor` per column, after blanks (nan) have been filled with `fill`.

    `shift`, `divisor` and `fill` have shape (inputs,); `fill` is None where blanks are refused. `standard` shifts by
    the mean and divides by the standard deviation (of the N values, not N - 1) plus `epsilon`; `minmax` shifts by the
    least value and divides by the range. With `together`, all columns share one shift and one divisor; with several
    `channels`, those of a channel do, which are neighbours. `range` brings one given range to another, whatever the
    values are. `constant` names the columns that do not vary in the training part; their divisor is infinite where it
    would be 0, so that they become 0 everywhere.
    """

    name: str
    epsilon: float
    together: bool
    shift: Floats
    divisor: Floats
    fill: Floats | None = None
    constant: tuple[int, ...] = ()
    channels: int | None = None

    @classmethod
    def fit(
        cls,
        x_train: Inputs,
        name: str = "standard",
        epsilon: float = 0.0,
        *,
        together: bool = False,
        channels: int | None = None,
        fill: str | None = None,
        rows: Rows | None = None,
        source_range: tuple[float, float] | None = None,
        target_range: tuple[float, float] = (0.0, 1.0),
    ) -> Scaling:
        """Fit a scaling on the training part (N, inputs), or on the `rows` of a larger `x_train`.

        `fill` is "mean" or "median" of the known values, None if blanks are refused. `source_range` and `target_range`
        are for "range"; the source is 0 to 255 for bytes, and must be given for other numbers. DataError for a blank
        that is refused, for a column that is all blank, and for a range beyond float64's.
        """
        _check_option("scaling", name, NAMES)
        filling = None if fill is None else _fit_fill(x_train, rows, fill)
        inputs = x_train.shape[1]
        if name in ("none", "range"):
            known = source_range or ((0.0, 255.0) if x_train.dtype == np.uint8 else None)
            one, by = (0.0, 1.0) if name == "none" else _between(known, target_range)
            return cls(name, epsilon, together, np.full(inputs, one), np.full(inputs, by), filling)
        groups = 1 if together else channels
        blocks = _Blocks(x_train, rows, filling, groups=groups)
        low, high = blocks.extremes()
        shift, divisor = (low, blocks.range(low, high)) if name == "minmax" else blocks.mean_and_deviation(low, high)
        divisor = divisor + epsilon if name == "standard" else divisor
        divisor = np.where(divisor == 0, np.inf, divisor)
        shift, divisor, same = (np.repeat(values, inputs // len(values)) for values in (shift, divisor, low == high))
        constant = tuple(np.flatnonzero(same).tolist())
        return cls(name, epsilon, together, shift, divisor, filling, constant, channels)

    def without(self, columns: Rows) -> Scaling:
        """A copy that makes these columns, by index, 0 in every row: columns that are 0 wherever it was fitted."""
        shift, divisor = self.shift.copy(), self.divisor.copy()
        shift[columns], divisor[columns] = 0.0, np.inf
        return replace(self, shift=shift, divisor=divisor)

    @overload
    def apply(self, x: NDArray[Any], dtype: DTypeLike = ..., rows: Rows | None = ...) -> NDArray[Any]: ...
    @overload
    def apply(self, x: StoredRows, dtype: DTypeLike = ..., rows: Rows | None = ...) -> ScaledRows: ...

    def apply(self, x: Inputs, dtype: DTypeLike = np.float64, rows: Rows | None = None) -> NDArray[Any] | ScaledRows:
        """The scaled rows of `x` (N, inputs), or its `rows`, as a new C-contiguous array.

        Rows that stay in their file are checked now and scaled on access, as `ScaledRows`. DataError for a blank
        without a fill value, and for a value that is not finite once scaled.
        """
        if x.shape[1] != len(self.shift):
            raise DataError(f"found {x.shape[1]} input columns, expected {len(self.shift)}")
        if isinstance(x, StoredRows):
            scaled = ScaledRows(self, x if rows is None else x.pick(numbers(rows, len(x))), np.dtype(dtype))
            scaled.check()
            return scaled
        return self.applied(x, np.dtype(dtype), rows)

    def applied(self, x: Inputs, dtype: np.dtype[Any], rows: Rows | None = None) -> NDArray[Any]:
        """The scaled rows as an array, whether `x` is in memory or not."""
        scaled = np.empty((len(x) if rows is None else len(rows), x.shape[1]), dtype)
        if x.dtype == np.uint8 and self._keeps_bytes_exact(dtype):
            _scale_bytes(x, rows, self._runs, scaled)
            return scaled
        for start, block in self.blocks(x, rows):
            part = scaled[start : start + len(block)]
            with np.errstate(over="ignore", invalid="ignore"):
                part[...] = block
            _require_scaled(part, start)
        return scaled

    @cached_property
    def _runs(self) -> list[_Run]:
        """The runs of neighbouring columns that share a shift and a divisor; empty if there are many."""
        changes = np.diff(self.shift).astype(bool) | (self.divisor[1:] != self.divisor[:-1])
        ends = [0, *(np.flatnonzero(changes) + 1).tolist(), len(self.shift)] if len(self.shift) else []
        runs = pairwise(ends if len(ends) <= _MOST_RUNS + 1 else [])
        return [_Run(slice(a, b), float(self.shift[a]), float(self.divisor[a])) for a, b in runs]

    def _keeps_bytes_exact(self, dtype: np.dtype[Any]) -> bool:
        """Whether bytes may be scaled in `dtype` itself, run by run."""
        return bool(self._runs) and all(_keeps_bits(run.shift, run.divisor, dtype) for run in self._runs)

    def blocks(self, x: Inputs, rows: Rows | None = None) -> Iterator[tuple[int, Floats]]:
        """Blocks of scaled rows in float64, each with the number of its first row."""
        for start, block in _float_blocks(x, rows, self.fill):
            with np.errstate(over="ignore", invalid="ignore"):
                np.subtract(block, self.shift, out=block)
                np.divide(block, self.divisor, out=block)
            yield start, block

    def invert(self, y: NDArray[Any]) -> Floats:
        """The inverse of `apply` for `y` (…, inputs), in float64."""
        with np.errstate(over="ignore", invalid="ignore"):  # predictions of a network that diverged stay infinite
            return np.asarray(y, np.float64) * np.where(np.isinf(self.divisor), 0.0, self.divisor) + self.shift

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays of numbers, for an .npz file; the name is stored as its ASCII bytes."""
        arrays: dict[str, NDArray[Any]] = {
            "name": np.frombuffer(self.name.encode("ascii"), np.uint8),
            "epsilon": np.array(self.epsilon),
            "together": np.array(self.together),
            "shift": self.shift,
            "divisor": self.divisor,
            "constant": np.array(self.constant, np.int64),
        }
        if self.channels is not None:
            arrays["channels"] = np.array(self.channels)
        return arrays if self.fill is None else {**arrays, "fill": self.fill}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Scaling:
        """The inverse of `to_arrays`. ValueError or KeyError for arrays that are no scaling."""
        name = arrays["name"].tobytes().decode("ascii")
        constant = tuple(int(i) for i in arrays["constant"])
        shift, divisor, fill = arrays["shift"], arrays["divisor"], arrays.get("fill")
        columns = [shift, divisor] if fill is None else [shift, divisor, fill]
        if name not in NAMES or {(values.dtype.str, values.shape) for values in columns} != {("<f8", (len(shift),))}:
            raise ValueError("found a scaling of another kind or size")
        if not all(np.isfinite(values).all() for values in (shift, *columns[2:])) or not (divisor > 0).all():
            raise ValueError("found a scaling by numbers that are not finite, or not above 0")
        channels = int(arrays["channels"]) if "channels" in arrays else None
        return cls(name, float(arrays["epsilon"]), bool(arrays["together"]), shift, divisor, fill, constant, channels)


@dataclass(frozen=True)
class _Run:
    """Neighbouring columns with one shift and one divisor."""

    columns: slice
    shift: float
    divisor: float


@lru_cache
def _keeps_bits(shift: float, divisor: float, dtype: np.dtype[Any]) -> bool:
    """Whether scaling in `dtype` itself gives the bits of float64 rounded once, finite, for each of the 256 bytes."""
    every, tried = np.arange(256, dtype=np.uint8)[:, None], np.empty((256, 1), dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        exact = ((every.astype(np.float64) - shift) / divisor).astype(dtype)
    _scale_bytes(every, None, [_Run(slice(None), shift, divisor)], tried)
    return bool(np.isfinite(exact).all()) and exact.tobytes() == tried.tobytes()


def _scale_bytes(x: Inputs, rows: Rows | None, runs: Sequence[_Run], scaled: NDArray[Any]) -> None:
    """Scale bytes in the precision of `scaled`."""
    with np.errstate(all="ignore"):
        for start, block in _blocks(x, rows):
            part = scaled[start : start + len(block)]
            part[...] = block
            for run in runs:
                columns = part[:, run.columns]
                np.subtract(columns, scaled.dtype.type(run.shift), out=columns)
                np.divide(columns, scaled.dtype.type(run.divisor), out=columns)


class ScaledRows:
    """Rows that stay in their file and are scaled on access, with the same bits as `Scaling.apply`."""

    def __init__(self, scaling: Scaling, stored: StoredRows, dtype: np.dtype[Any]) -> None:
        self.scaling, self.stored, self.dtype = scaling, stored, dtype
        self.shape, self.in_blocks = stored.shape, stored.in_blocks

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.stored)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """The rows of a slice or of an array of numbers, scaled."""
        return self.scaling.applied(self.stored, self.dtype, numbers(key, len(self)))

    def check(self) -> None:
        """DataError for a value that is not finite once scaled."""
        if self.stored.raw.kind == "f":
            for start, block in self.scaling.blocks(self.stored):
                with np.errstate(over="ignore"):
                    _require_scaled(block.astype(self.dtype), start)


class _Blocks:
    """Statistics of the columns of a set read block by block, or of as many `groups` of neighbouring columns."""

    def __init__(self, x: Inputs, rows: Rows | None, fill: Floats | None, *, groups: int | None) -> None:
        self.x, self.rows, self.fill, self.groups = x, rows, fill, groups
        self.count = (len(x) if rows is None else len(rows)) * (x.shape[1] // groups if groups else 1)
        if not self.count:
            raise DataError("found no row to learn the scaling from, expected at least one")

    def __iter__(self) -> Iterator[Floats]:
        yield from self._in_columns(_float_blocks(self.x, self.rows, self.fill))

    def _in_columns(self, blocks: Iterator[tuple[int, NDArray[Any]]]) -> Iterator[NDArray[Any]]:
        """Blocks with a column for each column or group of them."""
        for _, block in blocks:
            if self.groups is None:
                yield block
            else:
                yield block.reshape(len(block), self.groups, -1).swapaxes(1, 2).reshape(-1, self.groups)

    def extremes(self) -> tuple[Floats, Floats]:
        """The least and the largest value of each column."""
        if self._counts_bytes:
            there = self._counts > 0
            return there.argmax(axis=1).astype(np.float64), 255.0 - there[:, ::-1].argmax(axis=1)
        # Bytes can be compared without converting them to float64.
        blocks = self._in_columns(_blocks(self.x, self.rows)) if self.x.dtype == np.uint8 else self
        ends = [(block.min(axis=0), block.max(axis=0)) for block in blocks]
        low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
        return low.astype(np.float64), high.astype(np.float64)

    def mean_and_deviation(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each column between `low` and `high`."""
        if self.x.dtype == np.uint8:
            return self._of_bytes()
        unit = _unit(low, high)
        mean = np.sum([(block * unit).sum(axis=0) for block in self], axis=0) / self.count
        mean = np.clip(mean, low * unit, high * unit)  # exact for equal values, so that their deviation is 0
        squares = np.sum([np.square(block * unit - mean).sum(axis=0) for block in self], axis=0)
        with np.errstate(over="ignore"):
            return mean / unit, self._finite(np.sqrt(squares / self.count) / unit)

    def range(self, low: Floats, high: Floats) -> Floats:
        """The range of each column."""
        with np.errstate(over="ignore"):
            return self._finite(high - low)

    def _finite(self, spreads: Floats) -> Floats:
        """Refuse what is too wide for float64; a group of columns has no name."""
        what, expected = "a range beyond float64", "smaller values"
        for column in np.flatnonzero(~np.isfinite(spreads)).tolist():
            if self.groups is None:
                raise UnscalableError(what, expected, SCALE_KEY, column)
            refuse(None, f"found {what} in the inputs, expected {expected}", key=SCALE_KEY)
        return spreads

    def _of_bytes(self) -> tuple[Floats, Floats]:
        """The mean and deviation of bytes, whose sums are exact: the deviation is √(N Σx² - (Σx)²) / N."""
        n, values = self.count, np.arange(256.0)
        if self._counts_bytes:
            sums, squares = self._counts @ values, self._counts @ np.square(values)
        else:
            sums = np.sum([block.sum(axis=0) for block in self], axis=0)
            squares = np.sum([np.square(block).sum(axis=0) for block in self], axis=0)
        totals = [(int(s), int(q)) for s, q in zip(sums, squares, strict=True)]
        return sums / n, np.sqrt([(n * q - s * s) / (n * n) for s, q in totals])

    @property
    def _counts_bytes(self) -> bool:
        """Whether a few groups of bytes are described by how often each byte occurs, which is quick to count."""
        return self.x.dtype == np.uint8 and self.groups is not None

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        """How often each byte occurs in each group, (groups, 256)."""
        assert self.groups is not None
        counts = np.zeros((self.groups, 256), np.int64)
        for _, block in _blocks(self.x, self.rows):
            for group, values in enumerate(block.reshape(len(block), self.groups, -1).swapaxes(0, 1)):
                counts[group] += np.bincount(values.reshape(-1), minlength=256)
        return counts


def _unit(low: Floats, high: Floats) -> Floats:
    """Per column the power of two that brings its values below 1: exact, and no sum of them overflows."""
    _, exponent = np.frexp(np.maximum(np.abs(low), np.abs(high)))
    return np.ldexp(1.0, -np.maximum(exponent, -1000))


def _between(source: tuple[float, float] | None, target: tuple[float, float]) -> tuple[float, float]:
    """The shift and the divisor that bring one range to another."""
    if source is None:
        found = "found scaling range for numbers that are no bytes, expected from: [a, b], the range that they are in"
        refuse(None, found, key=SCALE_KEY)
    divisor = (source[1] - source[0]) / (target[1] - target[0])
    shift = source[0] - target[0] * divisor
    if not 0 < divisor < np.inf or not np.isfinite(shift):
        refuse(None, "found ranges beyond float64, expected others", key=SCALE_KEY)
    return shift, divisor


def _blocks(x: Inputs, rows: Rows | None) -> Iterator[tuple[int, NDArray[Any]]]:
    """Blocks (n, inputs) of the unscaled rows, each with the number of its first row."""
    step = max(1, _BLOCK // max(1, x.shape[1]))
    for start in range(0, len(x) if rows is None else len(rows), step):
        yield start, x[start : start + step] if rows is None else x[rows[start : start + step]]


def _float_blocks(x: Inputs, rows: Rows | None, fill: Floats | None) -> Iterator[tuple[int, Floats]]:
    """Blocks of the unscaled rows as new float64 arrays, blanks filled."""
    for start, picked in _blocks(x, rows):
        block = picked.astype(np.float64)
        if x.dtype.kind == "f":
            if fill is not None:
                np.copyto(block, fill, where=np.isnan(block))
            expected = "a number (data.blanks in the config may be drop, mean or median)"
            _require_finite(block, start, expected, _BLANKS_KEY)
        yield start, block


def _require_scaled(part: NDArray[Any], start: int) -> None:
    _require_finite(part, start, f"one that is finite once scaled and in {part.dtype}", SCALE_KEY)


def _require_finite(block: NDArray[Any], start: int, expected: str, key: Key) -> None:
    """Refuse nan and infinity in a block whose first row is row `start` of a part; `key` is the key to change."""
    if not np.isfinite(block).all():
        row, column = np.argwhere(~np.isfinite(block))[0].tolist()
        found = "a blank" if np.isnan(block[row, column]) else "a value that is too large"
        raise UnscalableError(found, expected, key, column, start + row)


def _fit_fill(x: Any, rows: Rows | None, fill: str) -> Floats:
    """The fill value of each column (inputs,): the mean or the median of its known values."""
    _check_option("filling of blanks", fill, FILLS)
    columns = range(x.shape[1])
    return np.array([_centre(x[:, i] if rows is None else x[rows, i], fill, i) for i in columns], np.float64)


def _centre(values: NDArray[Any], fill: str, column: int) -> float:
    known = values[~np.isnan(values)].astype(np.float64)
    if not known.size:
        raise UnscalableError("only blanks", "a known value in the training part", _BLANKS_KEY, column)
    unit = _unit(known.min(), known.max())
    return float((known * unit).mean() / unit if fill == "mean" else np.median(known * unit) / unit)


def _check_option(what: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        expected = f"one of {', '.join(known)}{suggestion(found, known)}"
        raise DataError(f"found {what} {quoted(found)}, expected {expected}")
