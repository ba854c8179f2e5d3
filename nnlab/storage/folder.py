"""Run folders: naming, creating and finding them, and writing their files."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from nnlab.errors import CheckpointError, ConfigError, StorageError, printable
from nnlab.storage.documents import RunDocument, read_values
from nnlab.storage.files import (
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
from nnlab.storage.lock import take_lock
from nnlab.storage.metrics import check_table
from nnlab.storage.run import AnyRun, read_run
from nnlab.storage.summary import (
    AnySummary,
    BenchmarkSummary,
    ComparisonSummary,
    SweepSummary,
    TrainingSummary,
    read_summary,
)

LATEST = "latest"
CONFIG = "config.yaml"
ARRAYS = "data.npz"  # the arrays that a program has given
LIVE_PAGE, LIVE_DATA = "live.html", "live.js"
TENSORBOARD, MLFLOW = "tensorboard", "mlflow.json"  # what loggers are given: a folder of event files; names of runs
INNER = ("checkpoints", "plots")
EXPERIMENTS = "experiments"  # of a benchmark: the experiment file of each set
PICTURE_FORMATS = ("png", "svg", "pdf")

# The files of a training. The last checkpoint is not refused if it is no file but counts as damaged: there is an older
# one.
_WRITTEN = (
    *("train.log", "metrics.csv", "hashes.csv", "parameters.csv", ".lock", CONFIG, "run.json", "summary.json"),
    *("autopsy.json", "report.html", "checkpoints/best.npz", "checkpoints/previous.npz", LIVE_PAGE, LIVE_DATA),
    MLFLOW,
)

# What nnlab writes into the folders of trainings, comparisons, sweeps and benchmarks; nobody else's output takes its
# place.
_OWN = (
    *(*_WRITTEN, "checkpoints", "plots", "weights", "pieces", TENSORBOARD, "table.md", "table.tex"),
    *("results.csv", "arms.csv", "shares.csv", "points.csv", "pairs.csv", ARRAYS),
    *("sets.csv", "set_pairs.csv", "tuning.csv", EXPERIMENTS),
)
_FOLDERS = (*INNER, "weights", "pieces", TENSORBOARD, EXPERIMENTS)


SummaryKind = TypeVar("SummaryKind", TrainingSummary, ComparisonSummary, SweepSummary, BenchmarkSummary)


class RunFolder:
    """One run's folder and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls,
        root: Path,
        name: str,
        inner: Sequence[str] = INNER,
        config: str | None = None,
        kept: Path | None = None,
    ) -> RunFolder:
        """Create `<root>/<time>_<name>` with its folders and the experiment file; `latest` points to it.

        It appears complete or not at all, and never replaces another: a clash gets -2, -3 … The file `kept` is copied
        into it. ConfigError for the name `latest`.
        """
        if name == LATEST:
            raise ConfigError(f"name: found {LATEST}, which means the newest run, expected another name")
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        with storage_errors(root):
            if root.exists() and not root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "found a file, expected a folder for runs")
            root.mkdir(parents=True, exist_ok=True)
            sweep(root)
            draft = temporary_for(root / f"{stamp}_{name}")
            try:
                for folder in ("", *inner):
                    (draft / folder).mkdir()
                if config is not None:
                    write_text(draft / CONFIG, config)
                if kept is not None:
                    shutil.copyfile(kept, draft / kept.name)
                path = take_free_name(draft, root, f"{stamp}_{name}")
            except BaseException:
                remove(draft)
                raise
        point_latest(root, path.name)
        return cls(path)

    def refuse_links(self) -> None:
        """NotAFileError if the experiment file or an inner folder is behind a link, or is something else.

        The run folder itself may be reached through links.
        """
        refuse_other_than_file(self.path / CONFIG)
        for name in _FOLDERS:
            refuse_other_than_folder(self.path / name)

    @property
    def plots(self) -> Path:
        """The folder of plots."""
        return self.path / "plots"

    @property
    def pieces(self) -> Path:
        """The folder of finished pieces, which comparisons and sweeps have."""
        return self.path / "pieces"

    def checkpoint(self, name: str) -> Path:
        """The path of a checkpoint such as `best`."""
        return self.path / "checkpoints" / f"{name}.npz"

    def make_inner(self) -> None:
        """Create the folders that a training writes into, in case somebody has removed them."""
        for name in INNER:
            with storage_errors(self.path / name):
                (self.path / name).mkdir(exist_ok=True)

    def set_aside(self, name: str) -> None:
        """Rename a checkpoint that cannot be used, so that the next save does not keep it as the previous one."""
        path = self.checkpoint(name)
        with storage_errors(path), contextlib.suppress(FileNotFoundError):
            path.replace(self.checkpoint("damaged"))
            sync_folder(path.parent)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into this run; the lock ends with the process, even if it is killed.

        CheckpointError if another process holds it, or if a file to be written is behind a link or is no file.
        """
        self._refuse_what_leads_elsewhere()
        path = self.path / ".lock"
        with storage_errors(path):
            descriptor = take_lock(path)
        try:
            yield
        finally:
            remove(path)
            os.close(descriptor)

    def sweep(self) -> None:
        """Remove the temporary files of killed processes; only for the process that has the lock."""
        for folder in (self.path, self.path / "checkpoints", self.plots):
            sweep(folder, is_locked=True)

    def _refuse_what_leads_elsewhere(self) -> None:
        with storage_errors(self.path):
            self.refuse_links()
            pictures = (path for kind in PICTURE_FORMATS for path in self.plots.glob(f"*.{kind}"))
            for path in (*(self.path / name for name in _WRITTEN), *pictures):
                refuse_other_than_file(path)

    def write_config(self, text: str) -> None:
        """Write the resolved experiment file."""
        write_text(self.path / CONFIG, text)

    def write_run(self, document: AnyRun) -> None:
        """Write run.json: status, command, environment, times."""
        self._write(document, "run.json")

    def read_run(self) -> AnyRun | None:
        """The content of run.json; None if there is none. CheckpointError if it is invalid."""
        return read_run(self.path / "run.json")

    def check_table(self, name: str) -> None:
        """CheckpointError if a CSV file of a run that has ended was changed; older runs say nothing of theirs."""
        run = self.read_run()
        check_table(self.path / name, None if run is None else run.tables.get(name))

    def then(self) -> Path:
        """Where the run lay when it was last trained, if run.json says so; else where it is."""
        run = self.read_run()
        return Path(run.folder) if run is not None and run.folder else self.path.resolve()

    def write_summary(self, document: AnySummary) -> None:
        """Write summary.json: the results."""
        self._write(document, "summary.json")

    def read_summary(self) -> AnySummary | None:
        """The content of summary.json; None before the end of a run. CheckpointError if it is invalid."""
        return read_summary(self.path / "summary.json")

    def summary(self, kind: type[SummaryKind]) -> SummaryKind:
        """The summary of this kind of run. CheckpointError if there is none, or if it is of another kind."""
        found = self.read_summary()
        if not isinstance(found, kind):
            what = "no summary" if found is None else "the summary of another kind of run"
            raise CheckpointError(f"{printable(str(self.path))}: found {what}, expected a {kind.__name__}")
        return found

    def _write(self, document: RunDocument, name: str) -> None:
        write_json(self.path / name, document.document())

    def write_autopsy(self, document: Mapping[str, Any]) -> None:
        """Write autopsy.json: why a training diverged."""
        write_json(self.path / "autopsy.json", document)

    def read_autopsy(self) -> dict[str, Any]:
        """The content of autopsy.json; empty if the training did not diverge."""
        return read_values(self.path / "autopsy.json") or {}

    def log(self, *lines: str) -> None:
        """Add dated lines to train.log."""
        path = self.path / "train.log"
        with storage_errors(path):
            descriptor = open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
                stream.writelines(f"{now()} {printable(line)}\n" for line in lines)


def refuse_other_formats(formats: Sequence[str]) -> None:
    """ConfigError for a format in which no picture can be drawn."""
    for name in formats:
        if name not in PICTURE_FORMATS:
            raise ConfigError(f"--figures: found '{printable(name)}', expected some of {', '.join(PICTURE_FORMATS)}")


def files_of_run(folder: Path) -> list[Path]:
    """The files and folders that nnlab writes, or may write, in a run folder."""
    return [folder / name for name in _OWN]


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def take_free_name(draft: Path, root: Path, name: str) -> Path:
    """Rename a folder to the first name that is free. A rename never replaces a folder that is not empty."""
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


def point_latest(root: Path, name: str) -> None:
    """Point `latest` to a folder, in one rename; what somebody else keeps under that name stays.

    Without support for links there is no `latest`, which is no error.
    """
    if os.path.lexists(root / LATEST) and not (root / LATEST).is_symlink():
        return
    link = temporary_for(root / LATEST)
    with contextlib.suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(name, target_is_directory=True)
        try:
            link.replace(root / LATEST)
        finally:
            link.unlink(missing_ok=True)
