"""Writing files so that a reader never sees half of one: a temporary neighbour, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from nnlab.errors import StorageError, printable

TEMPORARY = ".part"  # the ending of files that are being written


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{printable(str(path))}: cannot write: {reason}") from error


def write_atomically(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Have `write` fill a temporary file beside `path`, then put it in path's place; nothing is left if it fails."""
    if not path.name:
        raise StorageError(f"{printable(str(path))}: cannot write: it is a folder, expected the name of a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    with storage_errors(path):
        try:
            with temporary.open("wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda stream: void(stream.write(text.encode())))


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


def void(_value: object) -> None:
    """Forget a result."""


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
