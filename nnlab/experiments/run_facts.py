"""Everything that the documents of a run say of it, and in what two runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.keys import keys_of
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.listing import RunEntry, entry_of
from nnlab.storage.run import AnyRun
from nnlab.storage.summary import AnySummary, BenchmarkSummary, Figures, TrainingSummary


@dataclass(frozen=True)
class RunFacts:
    """A run with its whole documents, which are checked; there is no summary before its end."""

    entry: RunEntry
    run: AnyRun | None
    summary: AnySummary | None
    config: dict[str, Any]

    @classmethod
    def read(cls, folder: RunFolder) -> RunFacts:
        """The facts of the run in a folder. CheckpointError or ConfigError if one of its files is invalid."""
        text = (folder.path / CONFIG).read_text(encoding="utf-8", errors="replace")
        config = keys_of(text, str(folder.path / CONFIG))
        return cls(entry_of(folder.path), folder.read_run(), folder.read_summary(), config)

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.entry.path

    @property
    def environment(self) -> dict[str, Any]:
        """Where it ran: versions, machine and threads, and the fingerprint of its data."""
        if self.run is None:
            return {}
        data = {"data": self.run.data.fingerprint} if self.run.data else {}
        return {**self.run.environment, "threads": self.run.threads, **data}

    @property
    def figures(self) -> Figures:
        """The figures of a training, without those of baselines; else the mean of what the arms are ranked by.

        Those of a benchmark are the mean errors of each arm on each set.
        """
        if self.summary is None or isinstance(self.summary, TrainingSummary):
            return {name: value for name, value in self.entry.figures.items() if not name.startswith("baseline/")}
        if isinstance(self.summary, BenchmarkSummary):
            return self.summary.figures
        ranked = dict.fromkeys((*self.summary.verdict.ranking, *self.summary.arms))
        figure = self.summary.figure
        return {f"{label}.{figure}": self.summary.arms[label].final[figure].mean for label in ranked}

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the run says of its result."""
        if self.summary is None:
            return ()
        return self.summary.sentences if isinstance(self.summary, TrainingSummary) else self.summary.verdict.sentences

    def document(self) -> dict[str, Any]:
        """The facts for JSON."""
        entry, run = self.entry, self.run
        return {
            "run": str(self.path),
            **{name: getattr(entry, name) for name in ("kind", "status", "started", "seconds", "steps", "headline")},
            "command": [] if run is None else [*run.command],
            "sentences": [*self.sentences],
            "figures": dict(self.figures),
            "gates": [] if self.summary is None else [gate.document() for gate in self.summary.gates],
            "config": self.config,
            "environment": self.environment,
        }


@dataclass(frozen=True)
class KeyDifference:
    """The value of a key in two runs; None where it is not there."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class RunDiff:
    """In what two runs differ, by section: config, environment and figures."""

    old: RunFacts
    new: RunFacts

    def sections(self) -> dict[str, list[KeyDifference]]:
        """The differences of each section."""
        old, new = self.old, self.new
        return {
            "config": [*_differences(old.config, new.config)],
            "environment": [*_differences(old.environment, new.environment)],
            "figures": [*_differences(old.figures, new.figures)],
        }

    def document(self) -> dict[str, Any]:
        """The differences for JSON."""
        found = {
            section: {one.key: {"old": one.old, "new": one.new} for one in differences}
            for section, differences in self.sections().items()
        }
        return {"old": str(self.old.path), "new": str(self.new.path), **found}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[KeyDifference]:
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield KeyDifference(key, old.get(key), new.get(key))
