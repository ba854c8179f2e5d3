"""Shared by all readers: collecting faults in one pass, and checking files before and while they are read."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar, cast

from numpy.typing import NDArray

from nnlab.errors import DataError, Fault, Question, StorageError, printable

MOST_FAULTS = 20
CHUNK = 2**20
TEXT_LIMIT = 2**28  # bytes of one unpacked table, whose cells need a few GB as Python strings
ARRAY_LIMIT = 2**32  # bytes of one array, unpacked
UNSUSPECTED = 2**26  # bytes that a packed array may always unpack to, whatever its ratio
UNSUSPECTED_TEXT = 2**24  # the same for a packed table, whose cells need more memory than its text
HIGHEST_RATIO = (
    200  # beyond that: real data pack to a tenth, MNIST as float64 to a twenty-fifth, a bomb to a thousandth
)

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_NO_SUCH_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}
_CORRUPT = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # zipfile: a version or a packing method that does not exist
    RuntimeError,  # zipfile: a member that claims to be encrypted
    struct.error,  # zipfile: a header that ends early
    OverflowError,
    ValueError,  # zipfile: a place before the file's beginning, a name that is no text
)

Key = tuple[str | int, ...]  # the path of a key of an experiment file: ("data", "target", 1)
SOURCE: Key = ("data", "source")

Wrong = TypeVar("Wrong", list[int], list[str], NDArray[Any])


class FaultList:
    """The faults of one file: the first 20 are kept, the others counted."""

    def __init__(self, file: Path | str) -> None:
        self.file = str(file)
        self.faults: list[Fault] = []
        self.more = 0

    def __len__(self) -> int:
        """The number of faults, including those that are only counted."""
        return len(self.faults) + self.more

    def add(
        self,
        message: str,
        line: int | None = None,
        column: int | None = None,
        *,
        key: Key | None = None,
        question: Question | None = None,
    ) -> None:
        """Record one fault; `line` is the file's line and `column` the cell's number in it, both from 1.

        `key` is the key of the experiment file that causes it, and `question` what it asks.
        """
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(message, self.file, line, column, key, question))
        else:
            self.more += 1

    def take(self, items: Wrong) -> Wrong:
        """The first of `items` that still fit; the others are only counted, so that no messages are made for them."""
        room = MOST_FAULTS - len(self.faults)
        self.more += max(0, len(items) - room)
        return items[:room]

    def raise_if_any(self) -> None:
        """Raise a DataError with all faults, in the file's order, if there are any."""
        if self.faults:
            ordered = sorted(self.faults, key=lambda fault: (fault.line or 0, fault.column or 0))
            raise DataError([*ordered, Fault(f"and {self.more} more", self.file)] if self.more else ordered)


def refuse(
    file: Path | str | None,
    message: str,
    line: int | None = None,
    *,
    key: Key | None = None,
    question: Question | None = None,
) -> NoReturn:
    """Raise a DataError with one fault, of a file, of a key of the experiment file, or of both."""
    raise DataError(Fault(message, None if file is None else str(file), line, key=key, question=question))


def quoted(text: str) -> str:
    """`text` in quotes for a message: control characters escaped, and cut after 40 characters."""
    safe = printable(text)
    return f"'{safe}'" if len(safe) <= 40 else f"'{safe[:40]}…'"


def counted(count: int, noun: str, nouns: str = "") -> str:
    """`1 row`, `3 rows`, `2 classes`: a count with its noun, whose plural may be given."""
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"


def stat_of(path: Path | str) -> os.stat_result:
    """The status of the file at `path`, following links. DataError if there is none."""
    try:
        if str(path):
            return Path(path).stat()
    except ValueError:  # a NUL or a lone surrogate: no file can have that name
        pass
    except OSError as error:
        if error.errno not in _NO_SUCH_FILE:
            raise StorageError(f"{printable(str(path))}: {error.strerror}") from error
        if error.errno in (errno.ENOENT, errno.ELOOP) and Path(path).is_symlink():
            refuse(path, "found a link that leads nowhere, expected a file")
    refuse(path, f"found no file '{printable(str(path))}', expected one to read", key=SOURCE)


def size_of(path: Path | str) -> int:
    """The size in bytes of the regular file `path`; anything else is refused before it is opened."""
    status = stat_of(path)
    if not stat.S_ISREG(status.st_mode):
        refuse(path, f"found {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}, expected a file")
    return status.st_size


def unpacked_limit(packed: int, *, text: bool = False) -> int:
    """The most bytes that a file of `packed` bytes may unpack to before it is refused as a decompression bomb."""
    return max(UNSUSPECTED_TEXT if text else UNSUSPECTED, HIGHEST_RATIO * packed)


def is_packed(path: Path) -> bool:
    """Whether the file's name ends as that of a packed one: .gz, or .zip."""
    return path.name.lower().endswith((".gz", ".zip"))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file opened for reading, unpacked if it is a .gz or a .zip of one file; errors as in `reading`."""
    with reading(path), path.open("rb") as file, ExitStack() as members:
        name = path.name.lower()
        if name.endswith(".zip"):
            yield members.enter_context(_only_member(zipfile.ZipFile(file), path))
        else:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if name.endswith(".gz") else file


def _only_member(archive: zipfile.ZipFile, path: Path) -> IO[bytes]:
    """The one file of an archive; what a Mac adds for itself does not count."""
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        names = ", ".join(quoted(one.filename) for one in members[:3]) + (", …" if members[3:] else "")
        found = f"found an archive of {counted(len(members), 'file')}"
        refuse(path, f"{found}, expected one of a single table{': ' if members else ''}{names}")
    check_member(members[0], path)
    return archive.open(members[0])


def check_member(member: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a file of an archive that needs a password, or whose packing cannot be undone piece by piece."""
    if member.flag_bits & 1:
        refuse(path, f"found {quoted(member.filename)} with a password in the archive, expected it without")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = f"found {quoted(member.filename)} packed by method {member.compress_type} in the archive"
        refuse(path, f"{found}, expected the usual one, deflate")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Translate errors while `path` is read: DataError for a corrupt file, StorageError for a failing disk."""
    try:
        yield
    except _CORRUPT as error:
        refuse(path, f"found a corrupt or truncated file ({printable(str(error))}), expected a sound one")
    except OSError as error:
        if error.errno == errno.EINVAL:  # zipfile was sent to a place before the file's beginning
            refuse(path, "found a corrupt file, expected a sound one")
        raise StorageError(f"{printable(str(path))}: {error.strerror}") from error


def read_all(path: Path) -> bytes:
    """All bytes of a text, as in `pieces`."""
    return b"".join(pieces(path))


def pieces(path: Path, size: int = CHUNK) -> Iterator[bytes]:
    """The bytes of a table piece by piece, unpacked if it is a .gz or a .zip of one file; refused beyond a limit."""
    packed = size_of(path)
    limit = min(TEXT_LIMIT, unpacked_limit(packed, text=True)) if is_packed(path) else TEXT_LIMIT
    count = 0
    with opened(path) as stream:
        while data := stream.read(size):
            count += len(data)
            if count > limit:
                found = f"found more than {limit // 2**20} MiB of text"
                refuse(path, f"{found}, expected less (store a larger set as .npz)")
            yield data


def fill(stream: IO[bytes], buffer: memoryview) -> int:
    """Read from `stream` into `buffer` until either ends, and return the number of bytes read."""
    position = 0
    for chunk in _chunks(stream, len(buffer)):
        buffer[position : position + len(chunk)] = chunk
        position += len(chunk)
    return position


def _chunks(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """The content of the stream in chunks, up to `limit` bytes in all."""
    while limit > 0 and (chunk := stream.read(min(CHUNK, limit))):
        limit -= len(chunk)
        yield chunk
