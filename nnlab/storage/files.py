"""Writing files so that a reader never sees half of one: a temporary file in the same folder, flushed, then renamed.

A run's own files are opened without following links and without blocking, so that nothing outside its folder is
written.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from nnlab.errors import CheckpointError, StorageError, printable

T = TypeVar("T")

TEMPORARY = ".part"  # suffix of files that are being written
_OURS = re.compile(rf"\..+\.(\d+){re.escape(TEMPORARY)}")

# Errors of file systems without hard links.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


# Errors of opening, without following links or blocking, a link, a folder, and a pipe or socket without a reader.
_NO_PLAIN_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}


class NotAFileError(CheckpointError):
    """A link, a pipe, a device or a folder is in the place of a run's file."""


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{printable(str(path))}: cannot write: {reason}") from error


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a run's own file, opened with `flags` of `os.open`.

    One to write to is the run's alone: if it has other names, as in a copy made of hard links, these keep the content.

    Raises:
        NotAFileError: it is a link, a pipe, a device or a folder, which is neither followed nor waited for.
        OSError: the file cannot be opened.

    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno in _NO_PLAIN_FILE:
            raise _not_a_file(path) from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise _not_a_file(path)
    if found.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR):
        os.close(descriptor)
        _part_from_other_names(path)
        return open_plain(path, flags)
    return descriptor


def _part_from_other_names(path: Path) -> None:
    """Put a copy of a file in its place, so that what is written to it does not reach it by its other names."""
    temporary = temporary_for(path)
    try:
        shutil.copy2(path, temporary, follow_symlinks=False)
        temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise


def read_plain(path: Path) -> bytes:
    """The bytes of a run's own file.

    Raises:
        FileNotFoundError: there is none.
        NotAFileError: it is a link, a pipe, a device or a folder.
        StorageError: it cannot be read.

    """
    content: bytes = _from_plain(path, lambda stream: stream.read())
    return content


def sha256_of(path: Path) -> str:
    """The SHA-256 of a run's own file, which may be larger than memory; errors as for `read_plain`."""
    return _from_plain(path, lambda stream: hashlib.file_digest(stream, "sha256").hexdigest())


def _from_plain(path: Path, read: Callable[[Any], T]) -> T:
    try:
        with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as stream:
            return read(stream)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"{printable(str(path))}: cannot read: {error.strerror or error}") from error


def refuse_other_than_file(path: Path) -> None:
    """NotAFileError if the path of a run's file exists and is anything else."""
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise _not_a_file(path)


def refuse_other_than_folder(path: Path) -> None:
    """NotAFileError if the path of a run's folder exists and is anything else, or a link to a folder."""
    if os.path.lexists(path) and not stat.S_ISDIR(path.lstat().st_mode):
        raise _not_a_file(path, "a folder")


def _not_a_file(path: Path, expected: str = "a file") -> NotAFileError:
    found = "something else"
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        found = next((name for is_kind, name in _KINDS if is_kind(mode)), found)
    return NotAFileError(f"{printable(str(path))}: found {found}, expected {expected}")


_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISREG, "a file"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def temporary_for(path: Path) -> Path:
    """The temporary file, in the same folder, that this process renames to `path` once it is written."""
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def write_atomically(path: Path, write: Callable[[IO[bytes]], None], *, keep: Path | None = None) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`; removed if writing fails.

    The previous file is kept as `keep`, after the new one is on the disk; `path` exists at every moment.
    """
    _refuse_what_is_no_file(path)
    temporary = temporary_for(path)
    with storage_errors(path):
        try:
            with os.fdopen(open_new(temporary), "wb") as stream:
                _keep_mode_and_owner(stream.fileno(), path)
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            if keep is not None and path.exists():
                _keep(path, keep)
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            remove(temporary)
            raise


def open_new(path: Path) -> int:
    """A descriptor of a new temporary file, open for writing; what a killed process left there is removed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        return os.open(path, flags, 0o666)
    remove(path)
    return os.open(path, flags, 0o666)


def _keep_mode_and_owner(descriptor: int, path: Path) -> None:
    """Give a new file the owner, if permitted, and the mode of the file at `path` that it will replace."""
    with contextlib.suppress(OSError):  # there is none, or the file system knows no modes
        before = path.lstat()
        if stat.S_ISREG(before.st_mode):
            for owner, group in ((before.st_uid, -1), (-1, before.st_gid)):
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, owner, group)
            os.fchmod(descriptor, before.st_mode & 0o777)


def keeps_owner(path: Path) -> bool:
    """Whether a new file may get the owner and the group of the file at `path`, if there is one."""
    if not path.exists():
        return True
    before, probe = path.stat(), temporary_for(path)
    with os.fdopen(open_new(probe), "wb") as stream:
        probe.unlink()
        try:
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        except PermissionError:
            return False
    return True


def write_in_place(path: Path, content: bytes) -> None:
    """Write the content into the file at `path`, which stays the same file; cut off what is left of before."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "wb") as stream:
        before = os.fstat(stream.fileno()).st_size
        try:
            os.posix_fallocate(stream.fileno(), 0, max(1, len(content)))  # a full disk is found before a byte is lost
        except OSError:
            stream.truncate(before)
            raise
        stream.write(content)
        stream.truncate(len(content))
        os.fsync(stream.fileno())


def check_folder_of(place: Path, path: Path) -> None:
    """StorageError, which names `path`, if no file can be made beside `place`. Called before anything is computed."""
    probe = temporary_for(place)
    with storage_errors(path):
        os.close(open_new(probe))
        probe.unlink()


def _refuse_what_is_no_file(path: Path) -> None:
    """Refuse devices such as /dev/null: a rename would replace them by a file, for everybody."""
    expected = "expected the name of a file"
    if not path.name:
        raise StorageError(f"{printable(str(path))}: cannot write: it is a folder, {expected}")
    with storage_errors(path):
        special = path.exists() and not path.is_file() and not path.is_dir()
    if special:
        raise StorageError(f"{printable(str(path))}: cannot write: it is a device, a pipe or a socket, {expected}")


def _keep(path: Path, keep: Path) -> None:
    """Give the file at `path` the second name `keep`, by a hard link or, where there are none, by a rename."""
    link = temporary_for(keep)
    try:
        remove(link)
        link.hardlink_to(path)
        link.replace(keep)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        path.replace(keep)
    finally:
        remove(link)


def remove(path: Path) -> None:
    """Remove a temporary file or folder as far as possible, ignoring errors."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sweep(folder: Path, *, is_locked: bool = False) -> None:
    """Remove temporary files of processes that were killed; in a locked folder, all of them."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            ours = _OURS.fullmatch(path.name)
            if ours and (is_locked or not is_alive(int(ours[1]))):
                remove(path)


def is_alive(pid: int) -> bool:
    """Whether a process with this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda stream: ignore(stream.write(text.encode())))


def write_blocks(path: Path, blocks: Iterable[str]) -> None:
    """Write a UTF-8 text file atomically, one block of text after the other, so that none but one is in memory."""
    write_atomically(path, lambda stream: stream.writelines(block.encode() for block in blocks))


class FileInParts:
    """A UTF-8 text file that several processes write at the same time, each its own parts, until they are joined.

    Parts have no names: whatever becomes of the processes, nothing is left of them. They are made before this process
    is copied, and belong to its copies as well.
    """

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.parts = path, list[Any]()
        try:
            with storage_errors(path):
                for _ in range(count):
                    self.parts.append(tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115 - see `close`
        except BaseException:  # as where the system gives no more open files
            self.close()
            raise

    def write(self, number: int, blocks: Iterable[str]) -> None:
        """Write a part, one block of text after the other; what a process that failed wrote of it is gone."""
        part = self.parts[number]
        with storage_errors(self.path):
            part.seek(0)
            part.truncate()
            part.writelines(block.encode() for block in blocks)
            part.flush()

    def join(self) -> None:
        """Write the file atomically: its parts in the order of their numbers. All of them must have been written."""
        write_atomically(self.path, self._copy)

    def _copy(self, stream: IO[bytes]) -> None:
        for part in self.parts:
            part.seek(0)
            shutil.copyfileobj(part, stream, 2**20)

    def close(self) -> None:
        """Give up the parts, with what could not be written of them: whoever wrote has been told."""
        for part in self.parts:
            with contextlib.suppress(OSError):
                part.close()


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, to_json(document) + "\n")


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file atomically."""
    write_text(path, to_csv(rows))


def to_csv(rows: Iterable[Sequence[str]]) -> str:
    """The text of a CSV file, with cells quoted as needed."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    careful = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:  # a carriage return ends a line for readers, and is not quoted by every version of Python
        (careful if "\r" in "".join(row) else plain).writerow(row)
    return text.getvalue()


def to_json(document: Any) -> str:
    """Indented, strict JSON; numbers that are not finite must have been replaced by None."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def ignore(_value: object) -> None:
    """Forget a result."""


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
