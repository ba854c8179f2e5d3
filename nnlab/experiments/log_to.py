"""Hand a run to loggers, from what its folder holds once it has ended, been stopped or broken off."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nnlab.config.document import read_text
from nnlab.errors import NnlabError, told
from nnlab.experiments.interrupts import briefly
from nnlab.loggers.logged import LoggedRun, Logger, flattened
from nnlab.storage.files import read_plain
from nnlab.storage.folder import CONFIG, PICTURE_FORMATS, RunFolder
from nnlab.storage.metrics import METRICS, read_figures
from nnlab.storage.run import AnyRun
from nnlab.storage.summary import TrainingSummary


def log_to(
    loggers: Sequence[Logger],
    folder: RunFolder,
    read: Callable[[], LoggedRun],
    seconds: Callable[[], float],
    again: str,
) -> list[str]:
    """Let loggers write what `read` gives, each for at most `seconds()` or until a signal; a warning for each failure.

    `again` says how to log the run once more. What loggers print goes to stderr.
    """
    warnings = []
    for logger in loggers:
        reason = "broken off"
        try:
            with briefly(seconds()), contextlib.redirect_stdout(sys.stderr):
                logger.write(folder.path, read())
                reason = ""
        except Exception as error:  # noqa: BLE001 - a run is worth more than a copy of its figures elsewhere
            reason = str(error) if isinstance(error, NnlabError) else told(error)
        if reason:
            warnings.append(f"--log-to {logger.name}: {reason}; the run itself is unharmed; {again} {logger.name}")
    return warnings


def logged_training(folder: RunFolder) -> LoggedRun:
    """A training as its folder holds it."""
    run, summary = folder.read_run(), folder.read_summary()
    assert run is not None
    found = summary if isinstance(summary, TrainingSummary) else None
    return LoggedRun(
        **about(folder, run),
        rows=[(step, figures) for step, _, figures in read_figures(folder.path / METRICS)],
        steps=found.steps if found else 0,
        final=named("final", found.final) if found else {},
        notes=found.sentences if found else (),
        files=files_of(folder, [CONFIG]),
    )


def about(folder: RunFolder, run: AnyRun) -> dict[str, Any]:
    """The fields of a `LoggedRun` that trainings, comparisons and sweeps have in common."""
    values = read_text(read_plain(folder.path / CONFIG).decode(), CONFIG).values
    where = {"status": run.status, "folder": str(folder.path.resolve()), "version": str(run.environment.get("nnlab"))}
    return {
        "name": folder.path.resolve().name,
        "experiment": str(values["name"]),
        "status": run.status,
        "begun": _seconds(run.begun),
        "ended": _seconds(run.ended),
        "config": dict(flattened(values)),
        "facts": where,
    }


def named(kind: str, figures: Mapping[str, float | None]) -> dict[str, float]:
    """Figures that have a value, under names that say their kind: `final/test/loss`."""
    return {f"{kind}/{name}": value for name, value in figures.items() if value is not None}


def files_of(folder: RunFolder, names: Sequence[str]) -> dict[str, bytes]:
    """The content of these files of a run, as far as there are any, and of its pictures, none opened through a link."""
    folder.refuse_links()
    pictures = [f"plots/{path.name}" for path in sorted(folder.plots.iterdir()) if path.suffix[1:] in PICTURE_FORMATS]
    return dict(_read(folder, [*names, *pictures]))


def _read(folder: RunFolder, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            yield name, read_plain(folder.path / name)


def _seconds(time: str | None) -> float:
    """A time of run.json in seconds since 1970; the present one for none."""
    return (datetime.now(UTC) if time is None else datetime.fromisoformat(time)).timestamp()
