"""Writing files so that a reader never sees half of one: a temporary neighbour, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from nnlab.errors import StorageError, printable

TEMPORARY = ".part"  # the ending of files that are being written
_OURS = re.compile(rf"\..+\.(\d+){re.escape(TEMPORARY)}")

# What a file system says that knows no second name for a file.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{printable(str(path))}: cannot write: {reason}") from error


def temporary_for(path: Path) -> Path:
    """The neighbour under which this process writes what will become `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def write_atomically(path: Path, write: Callable[[IO[bytes]], None], *, keep: Path | None = None) -> None:
    """Have `write` fill a temporary file beside `path`, then put it in path's place; nothing is left if it fails.

    What stood at `path` is kept as `keep`: once the new file is on the disk, and without an instant in which `path`
    does not exist.
    """
    _refuse_what_is_no_file(path)
    temporary = temporary_for(path)
    with storage_errors(path):
        try:
            with temporary.open("wb") as stream:
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


def check_place(path: Path) -> None:
    """Refuse, before anything is computed, a path at which no file can be written. StorageError."""
    _refuse_what_is_no_file(path)
    probe = temporary_for(path)
    with storage_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        probe.touch()
        probe.unlink()


def _refuse_what_is_no_file(path: Path) -> None:
    """A rename would put a file in the place of a device, such as /dev/null, and nobody else could use it any more."""
    expected = "expected the name of a file"
    if not path.name:
        raise StorageError(f"{printable(str(path))}: cannot write: it is a folder, {expected}")
    with storage_errors(path):
        special = path.exists() and not path.is_file() and not path.is_dir()
    if special:
        raise StorageError(f"{printable(str(path))}: cannot write: it is a device, a pipe or a socket, {expected}")


def _keep(path: Path, keep: Path) -> None:
    """Give the file at `path` the name `keep` as well; where files have one name only, rename it."""
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
    """Remove a temporary file or folder as far as that is possible; nobody reads it."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sweep(folder: Path, *, is_locked: bool = False) -> None:
    """Remove temporary files of ours whose process was killed before it could; in a locked folder, every one."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            ours = _OURS.fullmatch(path.name)
            if ours and (is_locked or not is_alive(int(ours[1]))):
                remove(path)


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
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


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, to_json(document) + "\n")


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file atomically, quoting where a cell needs it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def to_json(document: Any) -> str:
    """JSON as nnlab writes it: strict (a figure that is not a number must have become null before), indented."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def ignore(_value: object) -> None:
    """Forget a result."""


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
