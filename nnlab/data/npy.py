"""Single arrays in NumPy's format, from a file or a member of an .npz archive: read into memory or left in the file.

The headers are parsed here, not by `numpy.load`: the size that a header promises is compared with the file's real size
before anything is allocated, and only plain numbers are read, so that no file can run code.
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import ARRAY_LIMIT, CHUNK, fill, quoted, reading, refuse, size_of, unpacked_limit
from nnlab.data.stored import StoredArray, unpacked

Arrays = dict[str, NDArray[Any] | StoredArray]
Leave = Container[str]  # the names of the arrays to leave in their files

_LONGEST_HEADER = 10_000
_HEADER = re.compile(
    r"\{(?=.*'descr': (?:'(?P<descr>[^']*)'|\[))"
    r"(?=.*'fortran_order': (?P<fortran>True|False))"
    r"(?=.*'shape': \((?P<shape>(?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\))"
    r".*\}\s*"
)
_PLAIN = re.compile(r"\|b1|[<>|][iu][1248]|[<>]f[248]")
_TOO_LARGE = f"expected at most {ARRAY_LIMIT // 2**30} GiB to read at once (larger x: data.in_blocks in the config)"


# --- files of their own -----------------------------------------------------------------------------------------------


def read_files(folder: Path, wanted: Sequence[str], leave: Leave = ()) -> Arrays:
    """The arrays of the .npy files in a folder that have one of the wanted names."""
    paths = {name: folder / f"{name}.npy" for name in wanted}
    found = {name: path for name, path in paths.items() if os.path.lexists(path)}
    return {name: stored_file(path) if name in leave else _read_file(path) for name, path in found.items()}


def _read_file(path: Path) -> NDArray[Any]:
    size = size_of(path)
    with reading(path), path.open("rb") as stream:
        header = _header(stream, path.name, path)
        header.check_size(size)
        if size > ARRAY_LIMIT:
            refuse(path, f"found {size} bytes, {_TOO_LARGE}")
        return header.values(stream)


def stored_file(path: Path) -> StoredArray:
    """The array of an .npy file, which stays there."""
    size = size_of(path)
    with reading(path), path.open("rb") as stream:
        header = _header(stream, path.name, path)
        header.check_size(size)
        return header.stored(os.dup(stream.fileno()), 0, (stored_file, (path,)))


# --- members of an archive --------------------------------------------------------------------------------------------


def read_members(path: Path, wanted: Sequence[str], leave: Leave = ()) -> Arrays:
    """The arrays of an .npz file that have one of the wanted names."""
    with _archive(path) as archive:
        members = [info for info in archive.infolist() if info.filename.removesuffix(".npy") in wanted]
        names = [info.filename.removesuffix(".npy") for info in members]
        if len(set(names)) < len(names):
            refuse(path, f"found an array twice among {', '.join(names)}, expected each once")
        return {
            name: (_stored_member if name in leave else _read_member)(archive, info, path)
            for name, info in zip(names, members, strict=True)
        }


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    size_of(path)
    with reading(path), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        _require_nothing_around(archive, file, path)
        yield archive


def _require_nothing_around(archive: zipfile.ZipFile, file: IO[bytes], path: Path) -> None:
    """Refuse bytes before the first member or after the archive's end, which `zipfile` would skip."""
    end = b"PK\x05\x06"  # begins the record of 22 bytes and a comment with which every archive ends
    file.seek(-22 - len(archive.comment), os.SEEK_END)
    if file.read(4) != end or min((info.header_offset for info in archive.infolist()), default=0) != 0:
        refuse(path, "found extra bytes before or after the arrays, expected none")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    """One array of the file, its header checked first. The last read compares the checksum."""
    _check_member(info, path)
    if info.file_size > ARRAY_LIMIT:
        refuse(path, f"found {info.file_size} bytes in {info.filename}, {_TOO_LARGE}")
    with archive.open(info) as stream:
        header = _header(stream, info.filename, path)
        header.check_size(info.file_size)
        return header.values(stream)


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refuse(path, f"found packing method {info.compress_type} in {info.filename}, expected stored or deflated")
    if info.file_size > unpacked_limit(info.compress_size):
        refuse(
            path, f"found {info.file_size} bytes packed into {info.compress_size} in {info.filename}, expected fewer"
        )


def _stored_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> StoredArray:
    """One array left in its file, or in a temporary file if it is packed; read once to check it."""
    _check_member(info, path)
    with archive.open(info) as stream:
        header = _header(stream, info.filename, path)
        header.check_size(info.file_size)
    opening = (_stored_member_again, (path, info.filename))
    with archive.open(info) as stream:  # once more from its beginning; the last read compares the checksum
        if info.compress_type == zipfile.ZIP_DEFLATED:
            begin, (descriptor, size) = 0, unpacked(stream, path, info.file_size)
        else:
            size = sum(map(len, iter(lambda: stream.read(CHUNK), b"")))
            descriptor, begin = _place(archive, info)
    if size != info.file_size:
        os.close(descriptor)
        header.refuse_corrupt()
    return header.stored(descriptor, begin, opening)


def _stored_member_again(path: Path, filename: str) -> StoredArray:
    with _archive(path) as archive:
        return _stored_member(archive, archive.getinfo(filename), path)


def _place(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, int]:
    """A descriptor of the archive, and the offset of the bytes of a member that is not packed.

    Before them is a header of 30 bytes with the lengths of a name and extra fields that follow it. Source: APPNOTE
    4.3.7.
    """
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset + 26)
    lengths = file.read(4)
    before = 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    return os.dup(file.fileno()), info.header_offset + before


# --- the format -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Header:
    """The header of `length` bytes of the array `name` in the file `path`."""

    path: Path
    name: str
    length: int
    dtype: np.dtype[Any]
    is_fortran: bool
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The size of the values in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def check_size(self, found: int) -> None:
        """Refuse a header that promises another size than `found` bytes, header included."""
        if self.length + self.size != found:
            words = "more bytes than" if self.length + self.size < found else "fewer bytes than"
            promised = f"expected {self.size} for shape {self.shape}"
            refuse(self.path, f"found {words} its header promises in {self.name}, {promised}")

    def refuse_corrupt(self) -> NoReturn:
        """Refuse an array that does not unpack to its size."""
        refuse(self.path, f"found a corrupt array {self.name}, expected {self.size} bytes")

    def values(self, stream: IO[bytes]) -> NDArray[Any]:
        """The values after the header, in C order and this machine's byte order."""
        raw = np.empty(self.size, np.uint8)
        if fill(stream, raw.data) + len(stream.read(1)) != self.size:
            self.refuse_corrupt()
        flat, shape = raw.view(self.dtype), self.shape
        values = flat.reshape(shape[::-1]).T if self.is_fortran else flat.reshape(shape)
        return np.asarray(values, self.dtype.newbyteorder("="), order="C")

    def stored(
        self, descriptor: int, begin: int, opening: tuple[Callable[..., StoredArray], tuple[Any, ...]]
    ) -> StoredArray:
        """The array left in the file, with its header at byte `begin`."""
        if self.is_fortran and len(self.shape) > 1:
            os.close(descriptor)
            found = f"found {self.name} column by column, in Fortran's order, with data.in_blocks"
            refuse(self.path, f"{found}; expected rows in C's order, as np.ascontiguousarray makes them")
        return StoredArray(self.path, descriptor, begin + self.length, self.dtype, self.shape, opening)


def _header(stream: IO[bytes], name: str, path: Path) -> _Header:
    """The header at the beginning of a stream. Source: NEP 1, the .npy format."""
    start = stream.read(8)
    width = {b"\x01\x00": 2, b"\x02\x00": 4}.get(start[6:], 0)
    if start[:6] != b"\x93NUMPY" or not width:
        refuse(path, f"found {name} that does not begin as a plain .npy array, expected one")
    length = int.from_bytes(stream.read(width), "little")
    text = stream.read(min(length, _LONGEST_HEADER)).decode("latin-1")
    match = _HEADER.fullmatch(text)
    if not match or len(text) != length:
        refuse(path, f"found a corrupt header in {name}, expected one as numpy.save writes it")
    if not _PLAIN.fullmatch(match["descr"] or ""):
        found = quoted(match["descr"]) if match["descr"] else "a structure"
        refuse(path, f"found elements of type {found} in {name}, expected bool, integer or float")
    shape = tuple(int(part) for part in match["shape"].split(",") if part.strip())
    return _Header(path, name, 8 + width + length, np.dtype(match["descr"]), match["fortran"] == "True", shape)
