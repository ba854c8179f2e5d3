"""Pictures of a finished comparison or sweep, drawn again from its summary.json, results.csv and metrics.csv.

The data and the networks of the median seeds at every step are not kept, so that the pictures of these cannot be drawn
again.
"""

from __future__ import annotations

import csv
import math
import os
from array import array
from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.contents import Comparison
from nnlab.comparison.tables import name_cells, name_columns
from nnlab.config.experiment import SPLITS
from nnlab.config.schema import Experiment
from nnlab.errors import CheckpointError, StorageError, printable
from nnlab.experiments.redraw import KeptPictures
from nnlab.report.parts import Drawing
from nnlab.storage.files import open_plain
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
    results = _Table.of(folder, "results.csv", summary, ["steps_to_target"])
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
    """A table of a comparison: numbers of each arm, column by column in the order of the file.

    A table of many seeds has millions of rows: it is read row by row, and nothing but numbers is kept.
    """

    shown: str
    header: list[str]
    names: int  # the columns that identify an arm
    numbers: Mapping[tuple[str, ...], Mapping[str, MutableSequence[float]]]
    summary: SeveralSummary

    @classmethod
    def of(cls, folder: RunFolder, name: str, summary: SeveralSummary, wanted: Sequence[str] = ()) -> _Table:
        """Read the `wanted` columns of a table, or all behind the seeds.

        CheckpointError if there is no table, if it was changed, or if it is not that of this summary.
        """
        folder.check_table(name)
        shown, lines = printable(str(folder.path / name)), _lines(folder, name)
        columns = [*name_columns(summary), "seed"]
        _, header = next(lines, (1, []))
        if header[: len(columns)] != columns:
            raise CheckpointError(f"{shown}: found other columns than those of this run, expected {columns[0]}, …")
        places = {column: header.index(column) for column in wanted or header[len(columns) :] if column in header}
        found: dict[tuple[str, ...], dict[str, MutableSequence[float]]] = {}
        for number, cells in lines:
            if len(cells) != len(header):
                raise CheckpointError(f"{shown}:{number}: found {len(cells)} cells, expected {len(header)}")
            own = found.setdefault(tuple(cells[: len(columns) - 1]), {column: array("d") for column in places})
            for column, place in places.items():
                text = cells[place]
                own[column].append(number_in(text, shown, number, column) if text else math.nan)
        return cls(shown, header, len(columns) - 1, found, summary)

    @property
    def figures(self) -> list[str]:
        """The columns behind arm, seed and step."""
        return self.header[self.names + 2 :]

    def column(self, label: str, name: str) -> Array:
        """The numbers of an arm in a column, row by row; nan for an empty cell."""
        found = self.numbers.get(tuple(name_cells(self.summary, label)), {}).get(name, ())
        seeds = len(self.summary.seeds)
        if not len(found) or len(found) % seeds:
            rows = f"found {len(found)} rows of {printable(label)}"
            raise CheckpointError(f"{self.shown}: {rows}, expected as many for each of {seeds} seeds, with {name}")
        return np.array(found)


def _lines(folder: RunFolder, name: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line of a table. CheckpointError if it is no table."""
    path = folder.path / name
    shown = printable(str(path))
    try:
        with os.fdopen(open_plain(path, os.O_RDONLY), encoding="utf-8", newline="") as stream:
            yield from enumerate(csv.reader(stream, strict=True), 1)
    except FileNotFoundError as error:
        raise CheckpointError(f"{shown}: found no such file, expected a comparison that has ended") from error
    except OSError as error:
        raise StorageError(f"{shown}: cannot read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CheckpointError(f"{shown}: found no table ({error}), expected rows of cells with commas") from error
