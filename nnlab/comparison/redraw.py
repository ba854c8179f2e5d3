"""Pictures of a finished comparison or sweep, drawn again from its summary.json, results.csv and metrics.csv.

The data and the networks of the median seeds at every step are not kept, so that the pictures of these cannot be drawn
again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.contents import Comparison
from nnlab.comparison.tables import name_cells, name_columns
from nnlab.config.experiment import SPLITS
from nnlab.config.schema import Experiment
from nnlab.errors import CheckpointError, printable
from nnlab.experiments.redraw import KeptPictures
from nnlab.report.parts import Drawing
from nnlab.storage.files import read_plain
from nnlab.storage.folder import RunFolder
from nnlab.storage.metrics import number_in
from nnlab.storage.summary import ComparisonSummary, SeveralSummary, SweepSummary

Array = NDArray[Any]

_AGAIN = "the command of the run again, with --needed --figures svg,pdf, draws it without training anew"
_LOST = {
    **dict.fromkeys(("boundaries", "film", "units"), _AGAIN),
    "architecture": "nnlab draw RUN:ARM draws that of an arm, nnlab draw CONFIG that of the experiment",
}


@dataclass(frozen=True)
class KeptArm:
    """What is kept of an arm for pictures: curves are (R, T) over `steps`, finals and `diverged` (R,)."""

    steps: Array
    curves: dict[str, Array]
    finals: dict[str, Array]
    diverged: Array


def arms_pictures(folder: RunFolder, experiment: Experiment) -> KeptPictures:
    """The pictures of a comparison or a sweep of `experiment`. CheckpointError if it has no summary."""
    from nnlab.comparison.pictures import pictures_of  # noqa: PLC0415 - it loads matplotlib
    from nnlab.comparison.sweep_pictures import sweep_pictures  # noqa: PLC0415

    summary = folder.read_summary()
    if not isinstance(summary, ComparisonSummary | SweepSummary):
        raise CheckpointError(f"{printable(str(folder.path))}: found no summary, expected a comparison that has ended")
    tables = sweep_pictures if isinstance(summary, SweepSummary) else pictures_of
    table: dict[str, Drawing[Comparison]] = tables(summary.figure)
    return KeptPictures(folder, table, lambda: _read(folder, experiment, summary), _LOST)


def _read(folder: RunFolder, experiment: Experiment, summary: SeveralSummary) -> Comparison:
    """The data of the pictures."""
    curves = _Table.of(folder, "metrics.csv", summary)
    results = _Table.of(folder, "results.csv", summary)
    arms = {label: _arm(label, summary, curves) for label in summary.arms}
    return Comparison(
        experiment.name,
        summary.figure,
        summary.larger_is_better,
        list(summary.seeds),
        arms,
        {label: {"steps_to_target": results.column(label, "steps_to_target")} for label in summary.arms},
        {},
        summary,
        watched=max(int(arm.steps[-1]) for arm in arms.values()),
        loss=str(experiment.network.head.loss),
        scaled_targets=experiment.data.scale_targets,
    )


def _arm(label: str, summary: SeveralSummary, table: _Table) -> KeptArm:
    about, seeds = summary.arms[label], len(summary.seeds)
    steps = table.column(label, "step").reshape(seeds, -1)[0].astype(int)
    curves = {name: table.column(label, name).reshape(seeds, -1) for name in table.figures}
    # Layers and parameters that only other arms have are empty here.
    own = {name: curve for name, curve in curves.items() if _is_of_all(name) or np.isfinite(curve).any()}
    finals = {name: np.array(one.values, float) for name, one in about.final.items()}
    return KeptArm(steps, own, finals, np.array([step is not None for step in about.diverged_at]))


def _is_of_all(figure: str) -> bool:
    return figure.partition("/")[0] in (*SPLITS, "batch")


@dataclass(frozen=True)
class _Table:
    """A table of a comparison: the rows of each arm, as cells in the order of the file."""

    shown: str
    header: list[str]
    names: int  # the columns that identify an arm
    rows: Mapping[tuple[str, ...], list[tuple[int, list[str]]]]
    summary: SeveralSummary

    @classmethod
    def of(cls, folder: RunFolder, name: str, summary: SeveralSummary) -> _Table:
        """Read a table. CheckpointError if there is none, if it was changed, or if it is not that of this summary."""
        folder.check_table(name)
        shown, lines = printable(str(folder.path / name)), _lines(folder, name)
        columns = [*name_columns(summary), "seed"]
        _, header = next(lines, (1, []))
        if header[: len(columns)] != columns:
            raise CheckpointError(f"{shown}: found other columns than those of this run, expected {columns[0]}, …")
        rows: dict[tuple[str, ...], list[tuple[int, list[str]]]] = {}
        for number, cells in lines:
            if len(cells) != len(header):
                raise CheckpointError(f"{shown}:{number}: found {len(cells)} cells, expected {len(header)}")
            rows.setdefault(tuple(cells[: len(columns) - 1]), []).append((number, cells))
        return cls(shown, header, len(columns) - 1, rows, summary)

    @property
    def figures(self) -> list[str]:
        """The columns behind arm, seed and step."""
        return self.header[self.names + 2 :]

    def column(self, label: str, name: str) -> Array:
        """The numbers of an arm in a column, row by row; nan for an empty cell."""
        rows, seeds = self.rows.get(tuple(name_cells(self.summary, label)), []), len(self.summary.seeds)
        if not rows or len(rows) % seeds or name not in self.header:
            found = f"found {len(rows)} rows of {printable(label)}"
            raise CheckpointError(f"{self.shown}: {found}, expected as many for each of {seeds} seeds, with {name}")
        at = self.header.index(name)
        return np.array([self._number(cells[at], number, name) for number, cells in rows])

    def _number(self, text: str, line: int, name: str) -> float:
        return number_in(text, self.shown, line, name) if text else np.nan


def _lines(folder: RunFolder, name: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line of a table. CheckpointError if it is no table."""
    shown = printable(str(folder.path / name))
    try:
        content = io.StringIO(read_plain(folder.path / name).decode(), newline="")
        yield from enumerate(csv.reader(content, strict=True), 1)
    except FileNotFoundError as error:
        raise CheckpointError(f"{shown}: found no such file, expected a comparison that has ended") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CheckpointError(f"{shown}: found no table ({error}), expected rows of cells with commas") from error
