"""What the commands that train many arms share: where the work is done, and how they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli.output import complain
from nnlab.errors import ConfigError, DivergedError

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen
    from nnlab.comparison.compare import ComparisonResult
    from nnlab.comparison.workers import Workers
    from nnlab.runs.summary import ComparisonSummary, TunedSummary

Jobs = Annotated[
    int, typer.Option("--jobs", "-j", parser=o.count, metavar="N", help="Processes that train at the same time.")
]
Needed = Annotated[
    bool, typer.Option("--needed", help="Train only what no comparison or sweep in the runs folder has trained.")
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Train on a Dask cluster: tcp://HOST:PORT of its scheduler, or local for one on this machine.",
        show_default=False,
    ),
]


@contextmanager
def workers(jobs: int, dask: str | None) -> Iterator[Workers]:
    """Where the work is done: on a cluster, in processes, or here."""
    from nnlab.comparison.workers import Processes, SerialWorkers

    if dask is None:
        yield SerialWorkers() if jobs == 1 else Processes(jobs)
        return
    if jobs != 1:
        raise ConfigError("found both --jobs and --dask, expected one of them: a cluster has workers of its own")
    from nnlab.comparison.cluster import dask_workers

    with dask_workers(dask) as cluster:
        yield cluster


def show_tuned(screen: Screen, summary: ComparisonSummary, tuned: TunedSummary) -> None:
    """Everyone at the same settings beside each at its best."""
    common = _settings(tuned.same_settings.settings) or "none"
    rows = [
        [family, _figure(summary, arm.same), _figure(summary, arm.best), _settings(arm.settings)]
        for family, arm in tuned.arms.items()
    ]
    title = f"Mean {summary.figure}; the same settings: {common}; each at its best by {tuned.chosen_by}"
    screen.table(title, ["", "at the same settings", "at its best", "its best settings"], rows)


def _figure(summary: ComparisonSummary, label: str | None) -> str:
    from nnlab.cli.terminal import interval

    if label is None:
        return "–"
    found = summary.arms[label].final[summary.figure]
    return interval(found.mean, found.low, found.high)


def _settings(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def tell(screen: Screen, found: ComparisonResult) -> None:
    """What was reused, and what went wrong."""
    if found.reused:
        screen.say(f"reused {found.reused} trainings of earlier comparisons")
    for warning in found.compared.warnings:
        screen.warn(warning)


def end(found: ComparisonResult, arms: int) -> None:
    """Leave with the exit code of the worst failure, if any arm has failed."""
    if found.failures:
        from nnlab.comparison.compare import failure_of

        error = failure_of(found.failures, arms)
        complain(str(error))
        raise typer.Exit(error.exit_code)
    summary = found.compared.summary
    if all(arm.diverged == len(summary.seeds) for arm in summary.arms.values()):
        raise DivergedError(f"every seed of every arm diverged; `nnlab train --seed {summary.seeds[0]}` says why")
