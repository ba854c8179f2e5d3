"""Tables that grow during a run, such as metrics.csv, and how numbers are written."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from nnlab.errors import CheckpointError, printable
from nnlab.storage.files import open_plain, read_plain, sha256_of, storage_errors

METRICS: Final = "metrics.csv"


@dataclass(frozen=True)
class Mark:
    """How far a file was written when a checkpoint was saved: its length in bytes and their SHA-256."""

    length: int
    digest: str


class StepRow(NamedTuple):
    """A row of such a table: its line in the file, step, epoch, and the other cells by column."""

    line: int
    step: int
    epoch: float
    cells: Mapping[str, str]


def read_rows(path: Path, columns: Sequence[str] | None = None, mark: Mark | None = None) -> Iterator[StepRow]:
    """The rows of a table, up to the `mark` if given; none if its rows are not of steps and epochs.

    The file is read, and held against the mark, before the first row is given; the rows are read one by one.

    Raises:
        CheckpointError: there is no such file, its content differs from the mark, it is no table, or it has other
            columns than those given, after step and epoch.
        StorageError: the file cannot be read.

    """
    shown = printable(str(path))
    try:
        content = read_plain(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{shown}: found no such file, expected a run of `nnlab train`") from error
    if mark is not None:
        is_cut = len(content) < mark.length
        content = content[: mark.length]
        _check_digest("cut" if is_cut else hashlib.sha256(content).hexdigest(), mark, shown)
    return _rows(content, columns, shown)


def check_mark(path: Path, mark: Mark) -> None:
    """CheckpointError if a table no longer begins as it did when the checkpoint with this `mark` was saved.

    Raises FileNotFoundError if there is none.
    """
    content = read_plain(path)[: mark.length]
    is_cut = len(content) < mark.length
    _check_digest("cut" if is_cut else hashlib.sha256(content).hexdigest(), mark, printable(str(path)))


def check_table(path: Path, digest: str | None) -> None:
    """CheckpointError if the SHA-256 of a table is not the one in run.json; None, for a table without one, is any.

    A table that is not there is left to the reader of its rows.
    """
    if digest is None:
        return
    with contextlib.suppress(FileNotFoundError):
        if sha256_of(path) != digest:
            found = "found other rows than those the run ended with, expected the table whose SHA-256 is in run.json"
            raise CheckpointError(f"{printable(str(path))}: {found}")


def _check_digest(digest: str, mark: Mark, shown: str) -> None:
    if digest != mark.digest:
        found = f"found other rows than those the checkpoint was saved with, expected its first {mark.length} bytes"
        raise CheckpointError(f"{shown}: {found}")


def _rows(content: bytes, columns: Sequence[str] | None, shown: str) -> Iterator[StepRow]:
    lines = _lines(content, shown)
    header = next(lines, [])
    if columns is not None and header != ["step", "epoch", *columns]:
        raise CheckpointError(f"{shown}: found other columns than those of this run, expected {_few(columns)}")
    if header[:2] == ["step", "epoch"]:
        for number, cells in enumerate(lines, 2):
            yield _row(number, header, cells, shown)


def _lines(content: bytes, shown: str) -> Iterator[list[str]]:
    """The cells of each line; one line at a time, since a table may have a million."""
    try:
        yield from csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""), strict=True)
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{shown}: found bytes that are not UTF-8, expected a table") from error
    except csv.Error as error:
        raise CheckpointError(f"{shown}: found no table ({error}), expected rows of cells with commas") from error


def _few(columns: Sequence[str]) -> str:
    names = ["step", "epoch", *map(printable, columns)]
    return ", ".join(names if len(names) < 6 else [*names[:5], "…"])


_is_step = re.compile("[0-9]{1,18}").fullmatch
_is_number = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?(e[-+]?[0-9]{1,3})?").fullmatch


def _row(line: int, header: Sequence[str], cells: Sequence[str], shown: str) -> StepRow:
    if len(cells) != len(header):
        raise CheckpointError(f"{shown}:{line}: found {len(cells)} cells, expected {len(header)}")
    if not _is_step(cells[0]):
        raise CheckpointError(f"{shown}:{line}: step: found {printable(cells[0][:40])}, expected a whole number")
    epoch = number_in(cells[1], shown, line, "epoch")
    return StepRow(line, int(cells[0]), epoch, dict(zip(header[2:], cells[2:], strict=True)))


def number_in(text: str, shown: str, line: int, name: str) -> float:
    """The number in a cell of the file `shown`. CheckpointError if it is not a finite number."""
    if _is_number(text) and math.isfinite(value := float(text)):
        return value
    raise CheckpointError(f"{shown}:{line}: {name}: found {printable(text[:40])}, expected a number")


def read_figures(
    path: Path, columns: Sequence[str] | None = None, mark: Mark | None = None
) -> Iterator[tuple[int, float, dict[str, float]]]:
    """Step, epoch and figures of every row of metrics.csv, read by `read_rows`; empty cells are left out."""
    shown = printable(str(path))
    for row in read_rows(path, columns, mark):
        figures = {name: number_in(text, shown, row.line, name) for name, text in row.cells.items() if text}
        yield row.step, row.epoch, figures


_SECONDS_BETWEEN_FLUSHES = 0.2


class GrowingTable:
    """A CSV file that only grows: a header, then row by row; truncated to a mark when a run is resumed."""

    def __init__(self, path: Path, columns: Sequence[str], mark: Mark | None = None) -> None:
        """Create the file, or truncate it to `mark` and continue. CheckpointError if it differs from the mark."""
        self.path, self.columns = path, list(columns)
        self._digest = hashlib.sha256()
        self._stream: BinaryIO | None = None
        self._next_flush = 0.0
        with storage_errors(path):
            how, mode = (os.O_WRONLY | os.O_CREAT | os.O_TRUNC, "wb") if mark is None else (os.O_RDWR, "r+b")
            self._stream = cast("BinaryIO", os.fdopen(open_plain(path, how), mode))
            try:
                if mark is None:
                    text = io.StringIO()
                    csv.writer(text, lineterminator="\n").writerow(self.columns)
                    self._write(text.getvalue())
                else:
                    self._cut(self._stream, mark)
            except BaseException:
                self._stream.close()
                raise

    def _cut(self, stream: BinaryIO, mark: Mark) -> None:
        self._digest.update(stream.read(mark.length))
        _check_digest(self._digest.hexdigest(), mark, printable(str(self.path)))
        stream.seek(mark.length)
        stream.truncate()

    def _write(self, line: str) -> None:
        assert self._stream is not None
        content = line.encode()
        self._stream.write(content)
        self._digest.update(content)
        if time.perf_counter() >= self._next_flush:  # a flush takes longer than a step of a small network
            self.flush()

    def flush(self) -> None:
        """Let other processes see every row."""
        assert self._stream is not None
        with storage_errors(self.path):
            self._stream.flush()
        self._next_flush = time.perf_counter() + _SECONDS_BETWEEN_FLUSHES

    def add_row(self, cells: Sequence[str]) -> None:
        """Append a row, which others see at once unless rows come fast; cells must not need quotes."""
        with storage_errors(self.path):
            self._write(",".join(cells) + "\n")

    def digest(self) -> str:
        """The SHA-256 of what has been written; others see all of it."""
        self.flush()
        return self._digest.hexdigest()

    def mark(self) -> Mark:
        """How far the file has been written; it is flushed to disk first."""
        assert self._stream is not None
        with storage_errors(self.path):
            self.flush()
            os.fsync(self._stream.fileno())
            return Mark(self._stream.tell(), self._digest.hexdigest())

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            with storage_errors(self.path):
                self._stream.close()


class Metrics(GrowingTable):
    """metrics.csv: a header, then one row per step with measurements; a figure not measured is an empty cell."""

    def __init__(self, path: Path, figures: Sequence[str], mark: Mark | None = None) -> None:
        super().__init__(path, ["step", "epoch", *figures], mark)

    def add(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Append the row of a step; figures that are not finite become empty cells."""
        self.add_row([str(step), cell(epoch), *(cell(figures.get(name)) for name in self.columns[2:])])

    def rows(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Step, epoch and figures of every row so far."""
        self.flush()
        return read_figures(self.path, self.columns[2:])


def cell(value: float | None) -> str:
    """A number as a CSV cell that reads back to the same bits; empty if it is None or not finite."""
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def finite(value: float | None) -> float | None:
    """A number for JSON, or None if it is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)
