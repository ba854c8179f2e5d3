"""Tables that grow while a run goes on, metrics.csv above all, and how numbers are written."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nnlab.errors import CheckpointError, printable
from nnlab.runs.files import storage_errors


@dataclass(frozen=True)
class Mark:
    """How far a file had been written when a checkpoint was saved: its length in bytes and the SHA-256 of them."""

    length: int
    digest: str


class GrowingTable:
    """A CSV file that only grows: one header, then a row at a time, cut back to a mark when a run is resumed."""

    def __init__(self, path: Path, columns: Sequence[str], mark: Mark | None = None) -> None:
        """Begin the file, or cut it to `mark` and go on. CheckpointError if it no longer is what it was there."""
        self.path, self.columns = path, list(columns)
        self._digest = hashlib.sha256()
        self._stream: BinaryIO | None = None
        with storage_errors(path):
            self._stream = path.open("wb" if mark is None else "r+b")
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
        if self._digest.hexdigest() != mark.digest:
            found = f"found other rows than those the checkpoint was saved with, expected its first {mark.length} bytes"
            raise CheckpointError(f"{printable(str(self.path))}: {found}")
        stream.seek(mark.length)
        stream.truncate()

    def _write(self, line: str) -> None:
        assert self._stream is not None
        content = line.encode()
        self._stream.write(content)
        self._stream.flush()
        self._digest.update(content)

    def add_row(self, cells: Sequence[str]) -> None:
        """Write a row, for others to read at once; cells need no quotes."""
        with storage_errors(self.path):
            self._write(",".join(cells) + "\n")

    def mark(self) -> Mark:
        """How far the file has been written, once that is on the disk."""
        assert self._stream is not None
        with storage_errors(self.path):
            os.fsync(self._stream.fileno())
            return Mark(self._stream.tell(), self._digest.hexdigest())

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            with storage_errors(self.path):
                self._stream.close()


class Metrics(GrowingTable):
    """metrics.csv: one header, one row per step at which something was measured, an empty cell where not."""

    def __init__(self, path: Path, figures: Sequence[str], mark: Mark | None = None) -> None:
        super().__init__(path, ["step", "epoch", *figures], mark)

    def add(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Write the row of a step; figures that are not numbers become empty cells."""
        self.add_row([str(step), cell(epoch), *(cell(figures.get(name)) for name in self.columns[2:])])

    def rows(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Step, epoch and figures of every row so far."""
        with storage_errors(self.path), self.path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                figures = {name: float(row[name]) for name in self.columns[2:] if row[name]}
                yield int(row["step"]), float(row["epoch"]), figures


def cell(value: float | None) -> str:
    """A number as a CSV cell that reads back to the same bits; empty if there is none."""
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def finite(value: float | None) -> float | None:
    """A number for JSON, or None if it is not one."""
    return None if value is None or not math.isfinite(value) else float(value)
