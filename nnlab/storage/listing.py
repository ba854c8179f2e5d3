"""What a list shows of each run: kind, status, times, figures, and of a broken folder why.

A list reads a few values of each run's documents and checks these alone, so that a thousand runs are listed at once.
NumPy is not loaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from nnlab.errors import CheckpointError, InputError, NnlabError, printable
from nnlab.storage.documents import Digest, DocumentPart, Plain, SealedDocument, Seconds, Whole
from nnlab.storage.files import read_plain
from nnlab.storage.folder import CONFIG
from nnlab.storage.lock import is_locked, present_status
from nnlab.storage.lookup import run_folders
from nnlab.storage.metrics import read_figures
from nnlab.storage.run import Status, StoppedBy
from nnlab.storage.summary import Figures, LastMeasured, Text

PARTS = ("test", "val", "train", "batch")  # the first that was measured says most of a training,
HEADLINES = ("accuracy", "subset_accuracy", "r2", "loss")  # and so does the first of its figures
BROKEN = "broken"
FINISHED_EARLY = "finished early"  # by early stopping: nothing is left to resume, as there is of one that was stopped


@dataclass(frozen=True)
class RunEntry:
    """A run in a list.

    `status` is that of run.json, but killed for one that no process trains any more, and finished early for one that
    early stopping has ended. `figures` are those of a training, the last measured ones until it ends; `config` is the
    text of config.yaml, and `tables` the SHA-256 of its CSV files. Of a broken run the headline says what is wrong with
    it, and nothing else is known.
    """

    path: Path
    status: str
    headline: str
    kind: str = ""
    started: str | None = None  # in UTC, as 2026-11-29T15:35:45Z
    seconds: float | None = None
    steps: int | None = None
    figures: Figures = field(default_factory=dict)
    config: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def is_broken(self) -> bool:
        """Whether its files cannot be used."""
        return self.status == BROKEN

    def broken(self, error: NnlabError) -> RunEntry:
        """The entry of this run once `error` was found in one of its files."""
        return broken_entry(self.path, error)


def entries(root: Path) -> Iterator[RunEntry]:
    """The runs in a folder, the oldest first. CheckpointError if there is no such folder."""
    if not root.is_dir():
        raise CheckpointError(f"{printable(str(root))}: found no folder, expected one with runs of `nnlab train`")
    for name in run_folders(root):
        yield entry_of(root / name)


def entry_of(path: Path) -> RunEntry:
    """The run in a folder, which may be broken."""
    try:
        return _read(path)
    except NnlabError as error:
        return broken_entry(path, error)


def broken_entry(path: Path, error: NnlabError) -> RunEntry:
    """A run with a fault in one of its files, in one line that begins with the file's name."""
    fault = str(error.faults[0] if isinstance(error, InputError) else error)
    return RunEntry(path, BROKEN, fault.replace(f"{printable(str(path))}/", "", 1).splitlines()[0])


class _ListedRun(SealedDocument):
    """What a list needs of run.json."""

    status: Status
    stopped_by: StoppedBy | None = None
    kind: Literal["train", "compare-activations", "sweep", "benchmark"] = "train"
    begun: Text | None = None
    seconds: Seconds = 0
    tables: dict[Text, Digest] = Field(default_factory=dict)

    def status_now(self, lock: Path) -> str:
        """The status to list."""
        ended_early = self.status == "stopped" and self.stopped_by == "early_stopping"
        return FINISHED_EARLY if ended_early else present_status(self.status, lock)


class _ListedVerdict(DocumentPart):
    """What a list needs of the verdict of a comparison or a sweep."""

    sentences: tuple[Text, ...] = ()


class _ListedSummary(SealedDocument):
    """What a list needs of summary.json."""

    final: Figures = Field(default_factory=dict)
    last: LastMeasured | None = None
    baselines: dict[Text, Plain] = Field(default_factory=dict)
    steps: Whole | None = None
    verdict: _ListedVerdict = _ListedVerdict()


def _read(path: Path) -> RunEntry:
    config = _config(path / CONFIG)
    run, lock = _ListedRun.at(path / "run.json"), path / ".lock"
    if run is None and not is_locked(lock):
        raise CheckpointError("run.json: found no such file, expected a run's")
    run = run or _ListedRun(status="running")  # it has only just begun
    summary = _ListedSummary.at(path / "summary.json") or _ListedSummary()
    steps, figures = summary.steps, _figures(summary)
    if not figures and run.kind == "train":
        steps, figures = _measured_so_far(path / "metrics.csv", steps)
    return RunEntry(
        path,
        run.status_now(lock),
        next(iter(summary.verdict.sentences), "") or headline(figures),
        run.kind,
        run.begun,
        None if run.status == "running" else run.seconds,
        steps,
        figures,
        config,
        run.tables,
    )


def _config(path: Path) -> str:
    try:
        return read_plain(path).decode()
    except FileNotFoundError as error:
        raise CheckpointError(f"{CONFIG}: found no such file, expected a run's") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{CONFIG}: found bytes that are not UTF-8, expected an experiment") from error


def _figures(summary: _ListedSummary) -> Figures:
    """The final figures or, of an unfinished run, the last ones, with those of the baselines."""
    own: Figures = summary.final or (summary.last and summary.last.model_extra) or {}
    baselines: Figures = {name: value for name, value in summary.baselines.items() if isinstance(value, int | float)}
    return own | baselines if own else {}


def _measured_so_far(path: Path, steps: int | None) -> tuple[int | None, Figures]:
    """The last step in metrics.csv, and the last value of each figure; a row that is being written is left out."""
    figures: Figures = {}
    with contextlib.suppress(CheckpointError):
        for step, _, found in read_figures(path):
            steps = step
            figures |= found
    return steps, figures


def headline(figures: Mapping[str, float | None]) -> str:
    """The figure that says most of a training: `test/accuracy 0.9667`."""
    names = (f"{part}/{name}" for part in PARTS for name in HEADLINES)
    found = ((name, figures.get(name)) for name in names)
    return next((f"{name} {value:.4g}" for name, value in found if value is not None), "")


def local_time(started: str | None) -> str:
    """A time of run.json in the local time zone, as in the names of runs: 2026-11-29 15:35."""
    try:
        return datetime.fromisoformat(started or "").astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return printable(started or "")
