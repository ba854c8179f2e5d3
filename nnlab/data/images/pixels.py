"""The pixels of many image files as one array of bytes: decoded once, and kept in a cache file.

A cache file holds the rows one after the other, then a description in JSON, the SHA-256 of both, the length of the
description and a magic number. Its name is the SHA-256 of the files' bytes and of how they were decoded, so that it is
never out of date; a file that was damaged is noticed by the SHA-256 in it, and made again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import PIL
from numpy.typing import NDArray

from nnlab.data.dataset import MOST_PIXELS
from nnlab.data.files import ARRAY_LIMIT, CHUNK, MOST_FAULTS, SOURCE, Key, counted, fill, reading, refuse, size_of
from nnlab.data.images.decode import LARGEST_FILE, BadImageError, Pixels, Wanted, decode_from
from nnlab.data.images.planes import CHANNELS_KEY, Planes
from nnlab.data.stored import StoredArray, StoredRows, spooled
from nnlab.errors import DataError, Fault, printable

_RESIZE_KEY: Key = ("data", "resize")
_BAD_KEY: Key = ("data", "bad_images")

_FORM = "nnlab pixels 2"
_MAGIC = b"nnlabpx1"
_END = 32 + 8 + len(_MAGIC)  # bytes behind the description
_CHANGED = "found another content than a moment ago, expected files that stay as they are while they are read"

Bad = tuple[tuple[int, str], ...]  # numbers of files that are no sound pictures, from 0, and what was found in them
Write = Callable[[IO[bytes]], None]


class Cache(Protocol):
    """Where decoded pixels are kept between runs."""

    def path(self, name: str) -> Path:
        """The path of the file of this name, which need not exist."""

    def store(self, name: str, write: Write) -> str:
        """Let `write` fill the file of this name. Returns why that failed, or an empty text."""


@dataclass(frozen=True)
class Changed:
    """How many pictures were brought to another size or to other channels, and the first: its number and planes."""

    count: int = 0
    first: int = 0
    planes: Planes = (0, 0, 0)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.count > 0

    def and_one(self, number: int, planes: Planes) -> Changed:
        """The same with one picture more."""
        return replace(self, count=self.count + 1) if self else Changed(1, number, planes)

    def plain(self) -> list[int]:
        """Whole numbers, from which `of` makes it again."""
        return [self.count, self.first, *self.planes]

    @classmethod
    def of(cls, numbers: Sequence[Any]) -> Changed:
        """The inverse of `plain`. ValueError for other numbers."""
        count, first, channels, rows, columns = (int(number) for number in numbers)
        return cls(count, first, (channels, rows, columns))


_UNCHANGED = Changed()


@dataclass(frozen=True)
class About:
    """What is known of decoded files: channels, rows and columns of each picture, how many there are, the bad ones.

    `resized` and `recoloured` are the pictures that had another size or other channels.
    """

    planes: Planes
    count: int
    bad: Bad
    resized: Changed = _UNCHANGED
    recoloured: Changed = _UNCHANGED

    @property
    def width(self) -> int:
        """The number of bytes of a picture."""
        return math.prod(self.planes)

    @property
    def kept(self) -> NDArray[np.int64]:
        """The numbers of the sound files, from 0."""
        files = np.arange(self.count + len(self.bad))
        return np.setdiff1d(files, np.array([number for number, _ in self.bad], np.int64))

    def to_json(self) -> bytes:
        """The description in a cache file."""
        changed = {"resized": self.resized.plain(), "recoloured": self.recoloured.plain()}
        values = {"form": _FORM, "planes": self.planes, "count": self.count, "bad": self.bad, **changed}
        return json.dumps(values).encode()

    @classmethod
    def from_json(cls, text: bytes) -> About:
        """The inverse of `to_json`. ValueError, LookupError or TypeError for another text."""
        values = json.loads(text)
        channels, rows, columns = values["planes"]
        bad = tuple((int(number), str(message)) for number, message in values["bad"])
        changed = (Changed.of(values["resized"]), Changed.of(values["recoloured"]))
        about = cls((channels, rows, columns), values["count"], bad, *changed)
        sizes = (*about.planes, about.count)
        if values["form"] != _FORM or not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError("found another form or size")
        return about


@dataclass(frozen=True)
class Decoded:
    """The pixels of the sound files, (count, channels × rows × columns), and `warnings` for the user."""

    rows: NDArray[np.uint8] | StoredRows
    about: About
    warnings: tuple[str, ...] = ()


def read_pixels(
    paths: Sequence[Path],
    wanted: Wanted,
    *,
    skip: bool,
    in_blocks: int | None = None,
    cache: Cache | None = None,
    new_in: Path | None = None,
) -> Decoded:
    """The pixels of image files in their order, from the cache or decoded now; with `in_blocks` they stay in a file.

    DataError for files that are no sound pictures, up to 20 in one pass; with `skip` they are left out. Without a size
    and a number of channels that are `wanted`, DataError asks for them where pictures differ. `new_in` is the place of
    new images for a model: messages name it, and no keys of an experiment file, which says nothing of these.
    """
    decoding = _Decoding(paths, wanted, skip=skip, new_in=new_in)
    if cache is None:
        return decoding.now(in_blocks)
    name = decoding.name()
    path = cache.path(name)
    found = _kept(path, len(paths), in_blocks)
    if found is not None:
        decoding.refuse_bad(found.about.bad)
        return replace(found, warnings=decoding.warnings(found.about.bad))
    if in_blocks is None:
        found = decoding.now(None)
        blocks, about = [found.rows[:]], found.about
        reason = cache.store(name, lambda stream: _write(stream, blocks, lambda: about))
    else:
        reason = cache.store(name, lambda stream: _write(stream, decoding.rows(), decoding.about))
        kept = None if reason else _kept(path, len(paths), in_blocks)
        found = decoding.now(in_blocks) if kept is None else kept
    unkept = (f"the decoded pixels are not kept for the next time: {reason}",) if reason else ()
    return replace(found, warnings=(*decoding.warnings(found.about.bad), *unkept))


class _Decoding:
    """Image files that are decoded one after the other."""

    def __init__(self, paths: Sequence[Path], wanted: Wanted, *, skip: bool, new_in: Path | None = None) -> None:
        self.paths, self.wanted, self.skip, self.new_in = paths, wanted, skip, new_in
        self.digests: list[bytes] = []
        self._begin()

    def _begin(self) -> None:
        self.planes: Planes | None = None
        self.first, self.count = 0, 0
        self.bad: list[tuple[int, str]] = []
        self.resized = self.recoloured = _UNCHANGED
        self.questions: dict[Key, Fault] = {}

    def name(self) -> str:
        """The SHA-256 of the contents of all files, in their order, and of what becomes of them."""
        self.digests = [_digest(path) for path in self.paths]
        how = repr((_FORM, PIL.__version__, self.wanted))
        return hashlib.sha256(how.encode() + b"".join(self.digests)).hexdigest()

    def now(self, in_blocks: int | None) -> Decoded:
        """All pixels, decoded now: in memory, or in an unnamed temporary file."""
        rows: NDArray[np.uint8] | StoredRows
        if in_blocks is None:
            rows = self._in_memory()
        else:
            again = (_decoded_again, (self.paths, self.wanted, self.skip))
            folder = self.paths[0].parent
            descriptor, _ = spooled(self.rows(), folder)
            shape = (self.count, *self.about().planes)
            rows = StoredRows([StoredArray(folder, descriptor, 0, np.dtype(np.uint8), shape, again)], in_blocks)
        return Decoded(rows, self.about(), self.warnings(self.about().bad))

    def _in_memory(self) -> NDArray[np.uint8]:
        taken = np.empty((0, 0), np.uint8)
        for number, row in enumerate(self.rows()):
            if number == 0:
                if len(self.paths) * len(row) > ARRAY_LIMIT:
                    found = f"found {len(self.paths):,} pictures of {len(row):,} bytes"
                    most = f"expected at most {ARRAY_LIMIT // 2**30} GiB"
                    advice = "" if self.new_in else " (or data.in_blocks, or a smaller data.resize)"
                    refuse(self.new_in, f"{found}, {most}{advice}", key=SOURCE)
                taken = np.empty((len(self.paths), len(row)), np.uint8)
            taken[number] = row
        return taken[: self.count]

    def rows(self) -> Iterator[NDArray[np.uint8]]:
        """The pixels of one sound file after the other. DataError at the end for what is wrong with the files."""
        self._begin()
        for number, path in enumerate(self.paths):
            try:
                content = _content(path)
                if self.digests and hashlib.sha256(content).digest() != self.digests[number]:
                    refuse(path, _CHANGED)
                pixels, own = decode_from(content, self.wanted)
            except BadImageError as error:
                self.bad.append((number, str(error)))
                continue
            if self._is_like_the_first(pixels, number):
                self.count += 1
                self._note_change(number, own)
                yield pixels.reshape(-1)
        self.refuse_bad(self.bad)
        if not self.count:
            refuse(self.paths[0].parent, "found no sound picture, expected at least one", key=SOURCE)

    def _note_change(self, number: int, own: Planes) -> None:
        """Count a picture that had another size or other channels of its `own`."""
        assert self.planes is not None
        if own[1:] != self.planes[1:]:
            self.resized = self.resized.and_one(number, own)
        if own[0] != self.planes[0]:
            self.recoloured = self.recoloured.and_one(number, own)

    def _is_like_the_first(self, pixels: Pixels, number: int) -> bool:
        """Whether a picture has the size and the channels of the first sound one; else a question is noted."""
        shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        if self.planes is None:
            self.planes, self.first = shape, number
        if shape == self.planes:
            return True
        if shape[0] != self.planes[0]:
            self._ask(CHANNELS_KEY, number, _colours(shape), _colours(self.planes), "rgb or gray")
        if shape[1:] != self.planes[1:]:
            self._ask(_RESIZE_KEY, number, _size(shape), _size(self.planes), f"[{self.planes[1]}, {self.planes[2]}]")
        return False

    def _ask(self, key: Key, number: int, found: str, first: str, expected: str) -> None:
        path, before = (printable(str(self.paths[i])) for i in (number, self.first))
        message = f"found {found} in {path} and {first} in {before}, expected {'.'.join(map(str, key))}: {expected}"
        self.questions.setdefault(key, Fault(message, key=key))

    def refuse_bad(self, bad: Sequence[tuple[int, str]]) -> None:
        """Raise a DataError if there are bad files that are not to be skipped, or open questions."""
        faults = list(self.questions.values())
        if bad and not self.skip:
            faults += self._bad_in_all(len(bad))
            faults += [Fault(message, str(self.paths[number])) for number, message in bad[:MOST_FAULTS]]
        if bad[MOST_FAULTS:] and not self.skip:
            faults.append(Fault(f"and {len(bad) - MOST_FAULTS} more", str(self.paths[0].parent)))
        if faults:
            raise DataError(faults)

    def _bad_in_all(self, bad: int) -> Iterator[Fault]:
        """How many files are bad, with the key that leaves them out; of one new image, its own fault says all."""
        are = "is no sound picture" if bad == 1 else "are no sound pictures"
        found = f"found {counted(bad, 'file')} of {len(self.paths)} that {are}, expected none"
        if self.new_in is None:
            yield Fault(f"{found} (data.bad_images: skip leaves them out)", key=_BAD_KEY)
        elif len(self.paths) > 1:
            yield Fault(found, str(self.new_in))

    def warnings(self, bad: Bad) -> tuple[str, ...]:
        """How many files were left out, and the first of them."""
        if not bad:
            return ()
        number, message = bad[0]
        of = f"{counted(len(bad), 'file')} of {len(self.paths)} left out, the first: "
        return (f"{of}{printable(str(self.paths[number]))}: {message}",)

    def about(self) -> About:
        """What is known once `rows` has come to its end."""
        assert self.planes is not None
        return About(self.planes, self.count, tuple(self.bad), self.resized, self.recoloured)


def _decoded_again(paths: Sequence[Path], wanted: Wanted, skip: bool) -> StoredArray:  # noqa: FBT001 - by position, for pickle
    rows = _Decoding(paths, wanted, skip=skip).now(1).rows
    assert isinstance(rows, StoredRows)
    array = rows.arrays[0]
    assert isinstance(array, StoredArray)
    return array


def _content(path: Path) -> bytes:
    """The bytes of an image file. BadImageError if it is no plain file; StorageError if it cannot be read."""
    try:
        if size_of(path) <= LARGEST_FILE:
            with reading(path), path.open("rb") as stream:
                return stream.read(LARGEST_FILE)
    except DataError as error:
        raise BadImageError(error.faults[0].message) from None
    raise BadImageError(f"found more than {LARGEST_FILE // 2**20} MiB, expected a smaller file")


def _digest(path: Path) -> bytes:
    """The SHA-256 of an image file, or of what is wrong with it."""
    try:
        return hashlib.sha256(_content(path)).digest()
    except BadImageError as error:
        return hashlib.sha256(str(error).encode()).digest()


def _colours(planes: Planes) -> str:
    return "a gray picture" if planes[0] == 1 else "a picture in colour"


def _size(planes: Planes) -> str:
    return f"{planes[1]} × {planes[2]} pixels"


# --- cache files ------------------------------------------------------------------------------------------------------


def _write(stream: IO[bytes], rows: Iterable[NDArray[np.uint8]], about: Callable[[], About]) -> None:
    """Write a cache file; `about` is asked after the last of the rows."""
    digest = hashlib.sha256()
    for block in rows:
        digest.update(block.data)
        stream.write(block.data)
    text = about().to_json()
    digest.update(text)
    stream.write(text + digest.digest() + len(text).to_bytes(8, "little") + _MAGIC)


def _kept(path: Path, files: int, in_blocks: int | None) -> Decoded | None:
    """What a cache file holds; None if there is none, or it is not sound."""
    try:
        size = size_of(path)
        with path.open("rb") as stream:
            about = _about(stream, size)
            if about.count + len(about.bad) != files:
                return None
            if in_blocks is None:
                taken = np.empty((about.count, about.width), np.uint8)
                is_sound = fill(stream, taken.reshape(-1).data) == taken.size
                return Decoded(taken, about) if is_sound and _is_sealed(stream, hashlib.sha256(taken.data)) else None
            digest, left = hashlib.sha256(), about.count * about.width
            while left and (chunk := stream.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            return Decoded(StoredRows([_stored(path)], in_blocks), about) if _is_sealed(stream, digest) else None
    except (DataError, OSError, ValueError, LookupError, TypeError, RecursionError, OverflowError, MemoryError):
        return None


def _about(stream: IO[bytes], size: int) -> About:
    """The description at the end of a cache file of `size` bytes, with the stream at its beginning then."""
    stream.seek(size - _END)
    end = stream.read(_END)
    length = int.from_bytes(end[32:40], "little")
    if end[40:] != _MAGIC or length > size - _END:
        raise ValueError("found another end")
    stream.seek(size - _END - length)
    about = About.from_json(stream.read(length))
    if about.width > MOST_PIXELS or about.count * about.width != size - _END - length:
        raise ValueError("found another size")
    stream.seek(0)
    return about


def _is_sealed(stream: IO[bytes], digest: Any) -> bool:
    """Whether the rest of the stream, from the end of the rows on, has the SHA-256 of both in it."""
    rest = stream.read()
    digest.update(rest[:-_END])
    return bool(digest.digest() == rest[-_END : 32 - _END])


def _stored(path: Path) -> StoredArray:
    """The rows of a sound cache file, which stay there."""
    size = size_of(path)
    with reading(path), path.open("rb") as stream:
        about = _about(stream, size)
        shape = (about.count, *about.planes)
        return StoredArray(path, os.dup(stream.fileno()), 0, np.dtype(np.uint8), shape, (_stored, (path,)))
