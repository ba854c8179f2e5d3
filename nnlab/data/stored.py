"""Rows that stay in their file and are read on access, for data sets that do not fit into memory.

They are read, not memory-mapped: if the file is truncated meanwhile, a map ends the process by SIGBUS, where a read is
an ordinary error, and mapped pages count as the process's own memory. A packed file is unpacked once, into an unnamed
temporary file, and read there.
"""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.data.files import CHUNK, reading, refuse
from nnlab.errors import StorageError, printable
from nnlab.maths.one_hot import OneHot

Array = NDArray[Any]

_MOST_BYTES = 2**23  # read at once
_SMALLEST_GAP = 2**16  # bytes; smaller gaps between wanted rows are read as well
_CHANGED = "the file has changed since it was opened, expected it to stay as it was while it is read in blocks"


class LazyRows(Protocol):
    """Stands for an array (N, columns) in a file: indexing with row numbers or a slice reads arrays."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the arrays that indexing gives."""

    @property
    def in_blocks(self) -> int:
        """How many rows are in memory at once during training."""

    def __len__(self) -> int:
        """The number of rows."""

    def __getitem__(self, key: Any) -> Array:
        """Rows as an array."""


class StoredArray:
    """An array of `shape` in C order, from byte `offset` of a file or of what the packed file `path` unpacks to.

    `open_again`, with arguments, opens the same array in another process; it is an error if the file has changed.
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
        """Rows `first` to `last` (exclusive) as (last - first, columns). DataError if the file has changed."""
        size, position = (last - first) * self.row_bytes, self.offset + first * self.row_bytes
        with reading(self.path):
            chunks = [os.pread(self._descriptor, size, position)]
            while chunks[-1] and (found := sum(map(len, chunks))) < size:  # a read may end early
                chunks.append(os.pread(self._descriptor, size - found, position + found))
            if not chunks[-1] or _stamp(os.fstat(self._descriptor)) != self._stamp:
                refuse(self.path, _CHANGED)
        return np.frombuffer(b"".join(chunks), self.dtype).reshape(last - first, -1)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the arguments that open the same file again in another process."""
        return _open_unchanged, (self._origin, *self._open_again)


@dataclass(frozen=True)
class InPlanes:
    """A stored array of images (N, rows, columns, channels) whose rows are read channel after channel."""

    array: StoredArray

    @property
    def path(self) -> Path:
        """The file of the array."""
        return self.array.path

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.array.dtype

    @property
    def row_bytes(self) -> int:
        """The size of a row in bytes."""
        return self.array.row_bytes

    @property
    def shape(self) -> tuple[int, ...]:
        """Images, channels, rows and columns."""
        count, rows, columns, channels = self.array.shape
        return (count, channels, rows, columns)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.array)

    def read(self, first: int, last: int) -> Array:
        """Rows `first` to `last` (exclusive) as (last - first, channels × rows × columns)."""
        return in_planes(self.array.read(first, last).reshape(last - first, *self.array.shape[1:]))


def in_planes(images: Array) -> Array:
    """Images (N, rows, columns, channels) as flat rows, channel after channel: (N, channels × rows × columns)."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def _open_unchanged(
    origin: tuple[int, int], opening: Callable[..., StoredArray], arguments: tuple[Any, ...]
) -> StoredArray:
    found = opening(*arguments)
    if found._origin != origin:  # noqa: SLF001 - its own
        refuse(found.path, _CHANGED)
    return found


def _stamp(status: os.stat_result) -> tuple[int, int]:
    """The size and modification time of a file, by which a change is noticed."""
    return status.st_size, status.st_mtime_ns


def unpacked(stream: IO[bytes], path: Path, most: int) -> tuple[int, int]:
    """Unpack the stream of `path` to an unnamed temporary file; returns its descriptor and size.

    At most `most` + 1 bytes are unpacked. StorageError if there is no space for them.
    """
    return spooled(_chunks(stream, most + 1), path)


def _chunks(stream: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (chunk := stream.read(min(CHUNK, left))):
        yield chunk
        left -= len(chunk)


def spooled(chunks: Iterable[Any], path: Path) -> tuple[int, int]:
    """Write what was unpacked or decoded of `path` to an unnamed temporary file; returns its descriptor and size."""
    size = 0
    with _temporary(path) as file:
        for chunk in chunks:
            _write(file, chunk, path)
            size += memoryview(chunk).nbytes
        return os.dup(file.fileno()), size


def _write(file: Any, chunk: Any, path: Path) -> None:
    """Write all of a chunk of the unpacked content of `path`."""
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _not_unpacked(path, tempfile.gettempdir(), error) from error


def _temporary(path: Path) -> IO[bytes]:
    """A temporary file for the content of `path`, which has no name."""
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError as error:  # no folder for temporary files, or too many open files
        raise _not_unpacked(path, os.environ.get("TMPDIR", "TMPDIR"), error) from error


def _not_unpacked(path: Path, folder: str, error: OSError) -> StorageError:
    where = f"{printable(folder)}: cannot unpack {printable(str(path))} there: {error.strerror}"
    return StorageError(f"{where}; TMPDIR may name another folder")


class StoredRows:
    """The rows (N, columns) of one array or of several consecutive ones in files, or the `picked` rows among them.

    Bytes stay uint8, all else becomes float64, as for rows in memory. `in_blocks` is the number of rows to hold in
    memory at once.
    """

    def __init__(
        self, arrays: Sequence[StoredArray | InPlanes], in_blocks: int, picked: NDArray[np.int64] | None = None
    ) -> None:
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
        """Some of the rows, left in their file."""
        rows = numbers(rows, len(self))
        return StoredRows(self.arrays, self.in_blocks, rows if self.picked is None else self.picked[rows])

    def blocks(self) -> Iterator[Array]:
        """All rows, a few MB at a time."""
        step = max(1, _MOST_BYTES // (self.shape[1] * self.dtype.itemsize))
        return (self[start : start + step] for start in range(0, len(self), step))

    def __array__(self, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> Array:
        """All rows in memory: for sets of a column or two, which are plotted."""
        values: Array = np.asarray(self[:], dtype)
        return values

    def __getitem__(self, key: Any) -> Array:
        """The rows of a slice, of a mask, of an array of numbers in any order, or one row (columns,)."""
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
        """The rows with these distinct numbers; rows between neighbours that are close are read as well."""
        taken = np.empty((len(rows), self.shape[1]), self.dtype)
        of = np.searchsorted(self.starts, rows, side="right") - 1  # index of the array that holds each row
        places = (rows - self.starts[of]) * self.row_bytes
        is_far = (np.diff(places) > self.row_bytes + _SMALLEST_GAP) | (np.diff(of) != 0)
        cuts = np.flatnonzero(is_far | (np.diff(places // _MOST_BYTES) != 0)) + 1
        for begin, end in pairwise([0, *cuts.tolist(), len(rows)] if len(rows) else []):
            array, start = self.arrays[of[begin]], self.starts[of[begin]]
            own = rows[begin:end] - start
            block = array.read(int(own[0]), int(own[-1]) + 1)
            taken[begin:end] = block[own - own[0]]
        return taken


def numbers(key: Any, rows: int) -> NDArray[np.int64]:
    """The numbers, from 0, of the rows that `key` takes of `rows` rows, with NumPy's meaning of it.

    `key` is a slice, a mask of all rows, or numbers in any order, of which those below 0 count from the end. IndexError
    for a number beyond the rows.
    """
    if isinstance(key, slice):
        return np.arange(*key.indices(rows))
    given = np.asarray(key)
    taken: NDArray[np.int64] = np.arange(rows)[given if given.dtype == bool else given.astype(np.int64)]
    return taken


class Stacked:
    """Rows that stay in their files, for each replica or shared by all: (R or 1, N, columns)."""

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
        """How many rows of each replica are in memory at once."""
        return self.parts[0].in_blocks

    def __len__(self) -> int:
        """The number of replicas, or 1 if they share their rows."""
        return len(self.parts)

    def __getitem__(self, key: tuple[slice, Any]) -> Array:
        """`x[:, rows]`: rows of every replica, (R or 1, n, columns)."""
        every, rows = key
        if every != slice(None):
            raise TypeError("rows that stay in their file are read for every replica")
        return self.take([rows] * len(self.parts))

    def take(self, rows: Sequence[Any]) -> Array:
        """Different rows for each replica, (len(rows), n, columns)."""
        parts = self.parts if len(self.parts) > 1 else self.parts * len(rows)
        read = [part[own] for part, own in zip(parts, rows, strict=True)]
        return read[0][None] if len(read) == 1 else np.stack(read)


def is_lazy(x: Any) -> TypeGuard[LazyRows]:
    """Whether rows are read only on access."""
    return not isinstance(x, np.ndarray)


def stack(arrays: Sequence[Any]) -> Any:
    """Rows or one-hot targets along a new first axis, in memory or not; a single array is not copied."""
    if isinstance(arrays[0], OneHot):
        return OneHot.stack(arrays)
    if is_lazy(arrays[0]):
        return Stacked(arrays)
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def pick(x: Any, rows: NDArray[np.int64] | None = None) -> Any:
    """Some rows of a data set, or all, in memory; rows of more than two columns that are in a file stay there."""
    if isinstance(x, StoredRows) and x.shape[1] > 2:
        return x if rows is None else x.pick(rows)
    return x[:] if rows is None else x[rows]
