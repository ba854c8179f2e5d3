"""Rows that stay in their file and are read when they are asked for: a data set need not fit into memory.

They are read, not memory-mapped: a file that is cut short under a map ends the process by a signal, where a read is a
line on stderr, and the pages of a map count as the process's own memory. A packed file is unpacked once, into a file
without a name in the folder for temporary files, and read there.
"""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.data.files import CHUNK, reading, refuse
from nnlab.errors import StorageError, printable

Array = NDArray[Any]

_MOST_BYTES = 2**23  # read at once
_SMALLEST_GAP = 2**16  # bytes between two wanted rows that are stepped over; fewer are read along
_CHANGED = "the file has changed since it was opened, expected it to stay as it was while it is read in blocks"


class LazyRows(Protocol):
    """What stands for an array (N, columns) without being one: indexing with row numbers or a slice gives arrays."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the arrays that indexing gives."""

    @property
    def in_blocks(self) -> int:
        """How many rows are to be in memory at once while a network trains."""

    def __len__(self) -> int:
        """The number of rows."""

    def __getitem__(self, key: Any) -> Array:
        """Rows as an array."""


class StoredArray:
    """An array of `shape` in C's order from byte `offset` of a file on, or of what the packed file `path` unpacks to.

    `open_again`, with arguments, gives the same array in another process; it is an error if the file has changed.
    """

    def __init__(
        self,
        path: Path,
        descriptor: int,
        offset: int,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        open_again: tuple[Callable[..., StoredArray], tuple[Any, ...]],
    ) -> None:
        self.path, self.offset, self.dtype, self.shape = path, offset, dtype, shape
        self.row_bytes = math.prod(shape[1:]) * dtype.itemsize
        self._descriptor, self._open_again = descriptor, open_again
        self._stamp, self._origin = _stamp(os.fstat(descriptor)), _stamp(path.stat())
        weakref.finalize(self, os.close, descriptor)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        """The number of rows."""
        return self.shape[0]

    def read(self, first: int, last: int) -> Array:
        """The rows from `first` up to `last`, flat (last - first, columns). DataError if the file has changed."""
        size, position = (last - first) * self.row_bytes, self.offset + first * self.row_bytes
        with reading(self.path):
            chunks = [os.pread(self._descriptor, size, position)]
            while chunks[-1] and (found := sum(map(len, chunks))) < size:  # a read may end early
                chunks.append(os.pread(self._descriptor, size - found, position + found))
            if not chunks[-1] or _stamp(os.fstat(self._descriptor)) != self._stamp:
                refuse(self.path, _CHANGED)
        return np.frombuffer(b"".join(chunks), self.dtype).reshape(last - first, -1)

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process, what opens the same file there."""
        return _open_unchanged, (self._origin, *self._open_again)


def _open_unchanged(
    origin: tuple[int, int], opening: Callable[..., StoredArray], arguments: tuple[Any, ...]
) -> StoredArray:
    found = opening(*arguments)
    if found._origin != origin:  # noqa: SLF001 - its own
        refuse(found.path, _CHANGED)
    return found


def _stamp(status: os.stat_result) -> tuple[int, int]:
    """What tells that a file has changed: its size and the time of its last change."""
    return status.st_size, status.st_mtime_ns


def unpacked(stream: IO[bytes], path: Path, most: int) -> tuple[int, int]:
    """A descriptor of what the stream unpacks `path` to, in a temporary file without a name, and its size.

    No more than `most` + 1 bytes are unpacked. StorageError where there is no room for them.
    """
    size = 0
    with tempfile.TemporaryFile(buffering=0) as file:
        while size <= most and (chunk := stream.read(min(CHUNK, most + 1 - size))):
            _write(file, chunk, path)
            size += len(chunk)
        return os.dup(file.fileno()), size


def _write(file: Any, chunk: bytes, path: Path) -> None:
    """Write all of a chunk of what `path` unpacks to."""
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        where = f"{printable(tempfile.gettempdir())}: cannot unpack {printable(str(path))} there: {error.strerror}"
        raise StorageError(f"{where}; TMPDIR may name another folder") from error


class StoredRows:
    """The rows (N, columns) of one or two arrays of files that follow each other, or those of them that are `picked`.

    Bytes stay uint8, all else becomes float64, as where rows are in memory. `in_blocks` is how many are to be there at
    once.
    """

    def __init__(self, arrays: Sequence[StoredArray], in_blocks: int, picked: NDArray[np.int64] | None = None) -> None:
        self.arrays, self.in_blocks, self.picked = tuple(arrays), in_blocks, picked
        self.starts = np.cumsum([0, *map(len, arrays)])
        self.row_bytes = max(array.row_bytes for array in arrays)
        self.raw = np.result_type(*(array.dtype for array in arrays))
        self.dtype = np.dtype(np.uint8 if self.raw == np.uint8 else np.float64)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), math.prod(self.arrays[0].shape[1:])

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        """The number of rows."""
        return int(self.starts[-1]) if self.picked is None else len(self.picked)

    def pick(self, rows: NDArray[np.int64]) -> StoredRows:
        """Some of the rows, which stay in their file too."""
        return StoredRows(self.arrays, self.in_blocks, rows if self.picked is None else self.picked[rows])

    def blocks(self) -> Iterator[Array]:
        """All rows, a few MB at a time."""
        step = max(1, _MOST_BYTES // (self.shape[1] * self.dtype.itemsize))
        return (self[start : start + step] for start in range(0, len(self), step))

    def __array__(self, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> Array:
        """All rows in memory: for sets of a column or two, which are drawn."""
        values: Array = np.asarray(self[:], dtype)
        return values

    def __getitem__(self, key: Any) -> Array:
        """The rows of a slice, of an array of numbers in any order, or one row (columns,)."""
        if isinstance(key, int | np.integer):
            row: Array = self[[int(key)]][0]
            return row
        rows = numbers(key, len(self))
        rows = rows if self.picked is None else self.picked[rows]
        if (np.diff(rows) > 0).all():
            return self._ascending(rows)
        different, places = np.unique(rows, return_inverse=True)
        return self._ascending(different)[places]

    def _ascending(self, rows: NDArray[np.int64]) -> Array:
        """The rows of these different numbers, read with what lies between those that are near each other."""
        taken = np.empty((len(rows), self.shape[1]), self.dtype)
        of = np.searchsorted(self.starts, rows, side="right") - 1  # which of the arrays
        places = (rows - self.starts[of]) * self.row_bytes
        is_far = (np.diff(places) > self.row_bytes + _SMALLEST_GAP) | (np.diff(of) != 0)
        cuts = np.flatnonzero(is_far | (np.diff(places // _MOST_BYTES) != 0)) + 1
        for begin, end in pairwise([0, *cuts.tolist(), len(rows)] if len(rows) else []):
            array, start = self.arrays[of[begin]], self.starts[of[begin]]
            own = rows[begin:end] - start
            block = array.read(int(own[0]), int(own[-1]) + 1)
            taken[begin:end] = block if len(block) == len(own) else block[own - own[0]]
        return taken


def numbers(key: Any, rows: int) -> NDArray[np.int64]:
    """The row numbers that a slice of `rows` rows means, or the numbers as they are."""
    return np.arange(*key.indices(rows)) if isinstance(key, slice) else np.asarray(key, np.int64)


class Stacked:
    """Rows that stay in their files for each replica, or for all of them together: (R or 1, N, columns)."""

    def __init__(self, parts: Sequence[LazyRows]) -> None:
        self.parts = tuple(parts)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Replicas, rows and columns."""
        return (len(self.parts), *self.parts[0].shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.parts[0].dtype

    @property
    def in_blocks(self) -> int:
        """How many rows of each replica are to be in memory at once."""
        return self.parts[0].in_blocks

    def __len__(self) -> int:
        """The number of replicas, or 1 where they share their rows."""
        return len(self.parts)

    def __getitem__(self, key: tuple[slice, Any]) -> Array:
        """`x[:, rows]`: rows of every replica, (R or 1, n, columns)."""
        every, rows = key
        if every != slice(None):
            raise TypeError("rows that stay in their file are read for every replica")
        return self.take([rows] * len(self.parts))

    def take(self, rows: Sequence[Any]) -> Array:
        """Rows of its own for each replica, (len(rows), n, columns)."""
        parts = self.parts if len(self.parts) > 1 else self.parts * len(rows)
        read = [part[own] for part, own in zip(parts, rows, strict=True)]
        return read[0][None] if len(read) == 1 else np.stack(read)


def is_lazy(x: Any) -> TypeGuard[LazyRows]:
    """Whether rows are read only when they are asked for."""
    return not isinstance(x, np.ndarray)


def stack(arrays: Sequence[Any]) -> Any:
    """Rows along a new first axis, read or not; a single array without a copy."""
    if is_lazy(arrays[0]):
        return Stacked(arrays)
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def pick(x: Any, rows: NDArray[np.int64] | None = None) -> Any:
    """Some rows of a data set, or all: in memory, unless they are wider than can be drawn and stay in their file."""
    if isinstance(x, StoredRows) and x.shape[1] > 2:
        return x if rows is None else x.pick(rows)
    return x[:] if rows is None else x[rows]
