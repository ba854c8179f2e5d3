"""Run folders: how they are named, made, found again, and what is written into them."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nnlab.errors import CheckpointError, StorageError, printable, suggestion
from nnlab.records.files import storage_errors, write_json, write_text

LATEST = "latest"


class RunFolder:
    """One run's folder and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, name: str, inner: Sequence[str] = ("checkpoints", "plots")) -> RunFolder:
        """Make `<root>/<time>_<name>` exclusively with folders in it; a clash gets -2, -3 …; `latest` points to it."""
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        with storage_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            path = _make_exclusively(root, f"{stamp}_{name}")
            for folder in inner:
                (path / folder).mkdir()
        _point_latest(root, path.name)
        return cls(path)

    @property
    def plots(self) -> Path:
        """The folder of pictures."""
        return self.path / "plots"

    def checkpoint(self, name: str) -> Path:
        """The file of a checkpoint such as `best`."""
        return self.path / "checkpoints" / f"{name}.npz"

    def write_config(self, text: str) -> None:
        """The resolved experiment file."""
        write_text(self.path / "config.yaml", text)

    def write_run(self, document: Mapping[str, Any]) -> None:
        """run.json: status, command, environment, times."""
        write_json(self.path / "run.json", document)

    def write_summary(self, document: Mapping[str, Any]) -> None:
        """summary.json: what came of it."""
        write_json(self.path / "summary.json", document)

    def log(self, line: str) -> None:
        """Add a dated line to train.log."""
        path = self.path / "train.log"
        with storage_errors(path), path.open("a", encoding="utf-8") as stream:
            stream.write(f"{now()} {printable(line)}\n")


class Metrics:
    """metrics.csv: one header, one row per step at which something was measured, an empty cell where not."""

    def __init__(self, path: Path, figures: Sequence[str]) -> None:
        self.path, self.columns = path, ["step", "epoch", *figures]
        self._stream: io.TextIOWrapper | None = None
        with storage_errors(path):
            self._stream = path.open("w", encoding="utf-8", newline="")
            csv.writer(self._stream, lineterminator="\n").writerow(self.columns)

    def add(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Write the row of a step; figures that are not numbers become empty cells."""
        assert self._stream is not None
        row = [str(step), cell(epoch), *(cell(figures.get(name)) for name in self.columns[2:])]
        with storage_errors(self.path):
            self._stream.write(",".join(row) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            with storage_errors(self.path):
                self._stream.close()


def cell(value: float | None) -> str:
    """A number as a CSV cell that reads back to the same bits; empty if there is none."""
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def finite(value: float | None) -> float | None:
    """A number for JSON, or None if it is not one."""
    return None if value is None or not math.isfinite(value) else float(value)


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find(root: Path, name: str) -> RunFolder:
    """The run that `name` means: a path, `latest`, a folder's name in `root`, or a unique beginning of one.

    The name without its time is fine too. CheckpointError if there is none, or more than one.
    """
    for path in (Path(name), root / name):
        if _is_run(path):
            return RunFolder(path.resolve() if path.name == LATEST else path)
    names = _runs_in(root)
    matches = [run for run in names if run.partition("_")[2] == name]
    if len(matches) != 1 and name:
        matches = [run for run in names if run.startswith(name) or run.partition("_")[2].startswith(name)]
    if len(matches) == 1:
        return RunFolder(root / matches[0])
    raise CheckpointError(_not_found(root, name, names, matches))


def _not_found(root: Path, name: str, names: list[str], matches: list[str]) -> str:
    if matches:
        return f"'{printable(name)}' means {len(matches)} runs ({', '.join(matches[:5])} …), expected one"
    if not names:
        return f"found no run in {printable(str(root))}, expected one made by `nnlab train`"
    hint = suggestion(name, names) or f", expected one such as {names[-1]}"
    return f"found no run '{printable(name)}' in {printable(str(root))}{hint}"


def _is_run(path: Path) -> bool:
    """Whether a path is a run folder; one that the file system cannot even look up is not."""
    with contextlib.suppress(OSError):
        return (path / "config.yaml").is_file()
    return False


def _runs_in(root: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(p.name for p in root.iterdir() if (p / "config.yaml").is_file() and not p.is_symlink())
    return []


def _make_exclusively(root: Path, name: str) -> Path:
    for attempt in range(1, 10_000):
        path = root / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise StorageError(f"{printable(str(root / name))}: ten thousand runs of that name and second exist")


def _point_latest(root: Path, name: str) -> None:
    """Swing `latest` over in one rename. Where links cannot be made there is no `latest`, and that is no fault."""
    link = root / f".{LATEST}.{os.getpid()}"
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(name, target_is_directory=True)
        try:
            link.replace(root / LATEST)
        finally:
            link.unlink(missing_ok=True)
