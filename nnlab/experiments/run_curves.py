"""The curves of several trainings over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.keys import keys_of
from nnlab.errors import CheckpointError, ConfigError, listed, printable, suggestion
from nnlab.gates.hold import check_metrics
from nnlab.setup.paths import places_in
from nnlab.storage.files import read_plain
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.listing import HEADLINES
from nnlab.storage.metrics import METRICS, read_figures
from nnlab.storage.outputs import NamedOutput, format_of
from nnlab.storage.run import ArmsRun, SuiteRun

MOST_RUNS = 20
_PARTS = ("val", "test", "train", "batch")

Curve = tuple[NDArray[Any], NDArray[Any]]  # steps (t,), values (t,)


def draw_runs(folders: Sequence[RunFolder], figures: Sequence[str], output: NamedOutput) -> list[str]:
    """Draw figures of trainings over their steps, in the format of the file's name, and return which.

    By default they are the loss and the main figure of the part that counts most, of those that all have measured.
    """
    from nnlab import pictures as plots  # noqa: PLC0415 - matplotlib is loaded when the first picture is drawn

    if not 1 <= len(folders) <= MOST_RUNS:
        raise ConfigError(f"found {len(folders)} runs to draw, expected 1 to {MOST_RUNS}: more cannot be told apart")
    curves = {name: _curves(folder) for name, folder in zip(_names(folders), folders, strict=True)}
    chosen = [*(figures or _main_figures([*curves.values()]))]
    panels = {figure: _panel(curves, figure) for figure in chosen}
    figure = plots.run_curves(panels, title=f"{len(folders)} runs" if len(folders) > 1 else "1 run")
    output.write(plots.to_format(figure, format_of(output.path)))
    return chosen


def data_of(folder: RunFolder) -> list[str]:
    """The files and folders of a run's data, also of one whose plugins are not given."""
    keys = keys_of(read_plain(folder.path / CONFIG).decode(errors="replace"), str(folder.path / CONFIG))
    return places_in(keys, folder.then(), folder.path.resolve())


def _names(folders: Sequence[RunFolder]) -> list[str]:
    """The runs' names without their times, where these are not needed to tell them apart."""
    names = [folder.path.name for folder in folders]
    short = [name.partition("_")[2] or name for name in names]
    return short if len({*short}) == len(short) else names


def _curves(folder: RunFolder) -> dict[str, Curve]:
    """Every figure of a training at the steps at which it was measured."""
    if isinstance(folder.read_run(), ArmsRun | SuiteRun):
        found = (
            "found a comparison, a sweep or a benchmark, expected a training; curves of its arms are in its report.html"
        )
        raise CheckpointError(f"{printable(str(folder.path))}: {found}")
    measured: dict[str, list[tuple[int, float]]] = {}
    check_metrics(folder)
    for step, _, figures in read_figures(folder.path / METRICS):
        for name, value in figures.items():
            measured.setdefault(name, []).append((step, value))
    columns = {name: np.array(pairs).T for name, pairs in measured.items()}
    return {name: (steps, values) for name, (steps, values) in columns.items()}


def _main_figures(runs: Sequence[dict[str, Curve]]) -> list[str]:
    shared = [name for name in runs[0] if all(name in run for run in runs)]
    for part in _PARTS:
        found = [f"{part}/{name}" for name in ("loss", *HEADLINES[:-1]) if f"{part}/{name}" in shared]
        if found:
            return found[:2]
    raise ConfigError("found no loss that all of these runs have measured, expected --figure NAME")


def _panel(curves: dict[str, dict[str, Curve]], figure: str) -> dict[str, Curve]:
    """The curve of one figure by the names of the runs that have it. ConfigError if none has."""
    found = {name: of_run[figure] for name, of_run in curves.items() if figure in of_run}
    if not found:
        known = list(dict.fromkeys(name for of_run in curves.values() for name in of_run))
        hint = suggestion(figure, known) or f"; expected {listed(known[:8], 'or')}" if known else ""
        raise ConfigError(f"--figure {printable(figure)}: no run has measured it{printable(hint)}")
    return found
