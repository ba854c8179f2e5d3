"""Run folders: how they are named, made, found again, and what is written into them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nnlab.errors import StorageError, printable
from nnlab.runs.files import remove, storage_errors, sweep, sync_folder, temporary_for, write_json, write_text
from nnlab.runs.lock import take_lock

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
            descriptor = take_lock(path)
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
