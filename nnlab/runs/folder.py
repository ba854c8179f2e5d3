"""Run folders: how they are named, made, found again, and what is written into them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from nnlab.errors import CheckpointError, StorageError, printable
from nnlab.runs.documents import RunDocument, read_values
from nnlab.runs.files import (
    open_plain,
    refuse_other_than_file,
    refuse_other_than_folder,
    remove,
    storage_errors,
    sweep,
    sync_folder,
    temporary_for,
    write_json,
    write_text,
)
from nnlab.runs.lock import take_lock
from nnlab.runs.run import AnyRun, read_run
from nnlab.runs.summary import AnySummary, ComparisonSummary, SweepSummary, TrainingSummary, read_summary

LATEST = "latest"
CONFIG = "config.yaml"
INNER = ("checkpoints", "plots")

# What a training writes. A checkpoint that is no file counts as damaged, for there is one before it.
_WRITTEN = (
    *("train.log", "metrics.csv", "hashes.csv", ".lock", CONFIG, "run.json", "summary.json", "autopsy.json"),
    *("report.html", "checkpoints/best.npz"),
)

SummaryKind = TypeVar("SummaryKind", TrainingSummary, ComparisonSummary, SweepSummary)


class RunFolder:
    """One run's folder and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, name: str, inner: Sequence[str] = INNER, config: str | None = None) -> RunFolder:
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

    def make_inner(self) -> None:
        """Make the folders that a training writes into, where somebody has removed them."""
        for name in INNER:
            with storage_errors(self.path / name):
                (self.path / name).mkdir(exist_ok=True)

    def set_aside(self, name: str) -> None:
        """Rename a checkpoint that cannot be used, so that no save takes it for one to keep."""
        path = self.checkpoint(name)
        with storage_errors(path), contextlib.suppress(FileNotFoundError):
            path.replace(self.checkpoint("damaged"))
            sync_folder(path.parent)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into this run; the lock ends with the process, however it ends.

        CheckpointError if another one has it, or if what is to be written lies behind a link or is no file. Temporary
        files that a killed process left are removed.
        """
        self._refuse_what_leads_elsewhere()
        path = self.path / ".lock"
        with storage_errors(path):
            descriptor = take_lock(path)
        try:
            for folder in (self.path, self.path / "checkpoints", self.plots):
                sweep(folder, is_locked=True)
            yield
        finally:
            remove(path)
            os.close(descriptor)

    def _refuse_what_leads_elsewhere(self) -> None:
        with storage_errors(self.path):
            for name in INNER:
                refuse_other_than_folder(self.path / name)
            for name in _WRITTEN:
                refuse_other_than_file(self.path / name)

    def write_config(self, text: str) -> None:
        """The resolved experiment file."""
        write_text(self.path / CONFIG, text)

    def write_run(self, document: AnyRun) -> None:
        """run.json: status, command, environment, times."""
        self._write(document, "run.json")

    def read_run(self) -> AnyRun | None:
        """What run.json holds; None if it was never written. CheckpointError where it is no such document."""
        return read_run(self.path / "run.json")

    def write_summary(self, document: AnySummary) -> None:
        """summary.json: what came of it."""
        self._write(document, "summary.json")

    def read_summary(self) -> AnySummary | None:
        """What summary.json holds; None before the end of a run. CheckpointError where it is no such document."""
        return read_summary(self.path / "summary.json")

    def summary(self, kind: type[SummaryKind]) -> SummaryKind:
        """The summary, which is of this kind of run. CheckpointError where there is none, or one of another kind."""
        found = self.read_summary()
        if not isinstance(found, kind):
            what = "no summary" if found is None else "the summary of another kind of run"
            raise CheckpointError(f"{printable(str(self.path))}: found {what}, expected a {kind.__name__}")
        return found

    def _write(self, document: RunDocument, name: str) -> None:
        write_json(self.path / name, document.document())

    def write_autopsy(self, document: Mapping[str, Any]) -> None:
        """autopsy.json: why a training diverged."""
        write_json(self.path / "autopsy.json", document)

    def read_autopsy(self) -> dict[str, Any]:
        """What autopsy.json holds; empty where the training did not diverge."""
        return read_values(self.path / "autopsy.json") or {}

    def log(self, line: str) -> None:
        """Add a dated line to train.log."""
        path = self.path / "train.log"
        with storage_errors(path):
            descriptor = open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
                stream.write(f"{now()} {printable(line)}\n")


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
