"""Run folders: how they are named, made, found again, and what is written into them."""

from __future__ import annotations

import contextlib
import csv
import errno
import fcntl
import hashlib
import io
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from nnlab.errors import CheckpointError, StorageError, printable, suggestion
from nnlab.records.files import remove, storage_errors, sweep, sync_folder, temporary_for, write_json, write_text

LATEST = "latest"
CONFIG = "config.yaml"


class RunFolder:
    """One run's folder and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, root: Path, name: str, inner: Sequence[str] = ("checkpoints", "plots"), config: str | None = None
    ) -> RunFolder:
        """Make `<root>/<time>_<name>` with folders and the experiment file in it; `latest` points to it.

        It appears whole or not at all, and never in place of another: a clash gets -2, -3 …
        """
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        with storage_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            sweep(root)
            draft = temporary_for(root / f"{stamp}_{name}")
            try:
                for folder in ("", *inner):
                    (draft / folder).mkdir()
                if config is not None:
                    write_text(draft / CONFIG, config)
                path = _take_free_name(draft, root, f"{stamp}_{name}")
            except BaseException:
                remove(draft)
                raise
        _point_latest(root, path.name)
        return cls(path)

    @property
    def plots(self) -> Path:
        """The folder of pictures."""
        return self.path / "plots"

    def checkpoint(self, name: str) -> Path:
        """The file of a checkpoint such as `best`."""
        return self.path / "checkpoints" / f"{name}.npz"

    def set_aside(self, name: str) -> None:
        """Rename a checkpoint that cannot be used, so that no save takes it for one to keep."""
        path = self.checkpoint(name)
        with storage_errors(path), contextlib.suppress(FileNotFoundError):
            path.replace(self.checkpoint("damaged"))
            sync_folder(path.parent)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into this run; the lock ends with the process, however it ends.

        CheckpointError if another one has it. Temporary files that a killed process left are removed.
        """
        path = self.path / ".lock"
        with storage_errors(path):
            descriptor = _lock(path)
        try:
            for folder in (self.path, self.path / "checkpoints", self.plots):
                sweep(folder, is_locked=True)
            yield
        finally:
            remove(path)
            os.close(descriptor)

    def write_config(self, text: str) -> None:
        """The resolved experiment file."""
        write_text(self.path / CONFIG, text)

    def write_run(self, document: Mapping[str, Any]) -> None:
        """run.json: status, command, environment, times."""
        write_json(self.path / "run.json", document)

    def read_run(self) -> dict[str, Any]:
        """What run.json holds; empty if it was never written or is not JSON."""
        return _read_json(self.path / "run.json")

    def write_summary(self, document: Mapping[str, Any]) -> None:
        """summary.json: what came of it."""
        write_json(self.path / "summary.json", document)

    def read_summary(self) -> dict[str, Any]:
        """What summary.json holds; empty before the end of a run."""
        return _read_json(self.path / "summary.json")

    def write_autopsy(self, document: Mapping[str, Any]) -> None:
        """autopsy.json: why a training diverged."""
        write_json(self.path / "autopsy.json", document)

    def read_autopsy(self) -> dict[str, Any]:
        """What autopsy.json holds; empty where the training did not diverge."""
        return _read_json(self.path / "autopsy.json")

    def log(self, line: str) -> None:
        """Add a dated line to train.log."""
        path = self.path / "train.log"
        with storage_errors(path), path.open("a", encoding="utf-8") as stream:
            stream.write(f"{now()} {printable(line)}\n")


def _read_json(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(path.read_bytes())
        if isinstance(document, dict):
            return document
    return {}


# A process that is killed while it starts another leaves that one with its lock, until it begins its own program.
_AFTERLIFE = 2.0  # seconds


def _lock(path: Path) -> int:
    """An open descriptor of the lock file, with this process's number in it."""
    deadline = time.monotonic() + _AFTERLIFE
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):  # whoever had the lock before removes the file
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            if not _is_gone(holder) or time.monotonic() > deadline:
                os.close(descriptor)
                raise CheckpointError(f"{printable(str(path.parent))}: locked by pid {holder or 'unknown'}") from error
            time.sleep(0.01)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_gone(holder: str) -> bool:
    """Whether no process has this number any more."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OverflowError, PermissionError):
        pass
    return False


def _is_still(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


@dataclass(frozen=True)
class Mark:
    """How far a file had been written when a checkpoint was saved: its length in bytes and the SHA-256 of them."""

    length: int
    digest: str


class Table:
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


class Metrics(Table):
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


_SHOWN = 5


def _not_found(root: Path, name: str, names: list[str], matches: list[str]) -> str:
    if matches:
        newest, more = matches[-_SHOWN:], len(matches) - _SHOWN
        listed = ", ".join(newest) + (f" and {more} older" if more > 0 else "")
        return f"'{printable(name)}' means {len(matches)} runs ({listed}), expected one of these names or '{LATEST}'"
    if not names:
        return f"found no run in {printable(str(root))}, expected one made by `nnlab train`"
    hint = suggestion(name, names) or f", expected one such as {names[-1]}"
    return f"found no run '{printable(name)}' in {printable(str(root))}{hint}"


def _is_run(path: Path) -> bool:
    """Whether a path is a run folder; one that the file system cannot even look up is not."""
    with contextlib.suppress(OSError):
        return (path / CONFIG).is_file()
    return False


def _runs_in(root: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(
            p.name for p in root.iterdir() if _is_run(p) and not p.is_symlink() and not p.name.startswith(".")
        )
    return []


def _take_free_name(draft: Path, root: Path, name: str) -> Path:
    """Give a folder the first name that is free. A rename replaces no folder that has something in it."""
    for attempt in range(1, 10_000):
        path = root / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            draft.rename(path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        else:
            return path
    raise StorageError(f"{printable(str(root / name))}: ten thousand runs of that name and second exist")


def _point_latest(root: Path, name: str) -> None:
    """Swing `latest` over in one rename. Where links cannot be made there is no `latest`, and that is no fault."""
    link = temporary_for(root / LATEST)
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(name, target_is_directory=True)
        try:
            link.replace(root / LATEST)
        finally:
            link.unlink(missing_ok=True)
