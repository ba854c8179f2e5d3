"""Write the files of a comparison or a sweep: tidy tables, the weights of each replica, pictures, the report.

results.csv   a row per arm and seed with its start, then of each baseline    metrics.csv   one per arm, seed and step
arms.csv      a row per arm and statistic                         pairs.csv     a row per pair of arms, by the figure
shares.csv    a row per pair of arms, by the share of seeds that reached the target
table.md, table.tex   tables for people    summary.json  all conclusions

The arms of a sweep are its points: points.csv replaces arms.csv, pairs.csv compares the best point with each other
point, and there is no shares.csv. Each tuned or swept key has a column.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.contents import ArmLike, Comparison
from nnlab.comparison.sweep_tables import sweep_tables
from nnlab.comparison.tables import (
    arm_rows,
    baseline_cells,
    baseline_rows,
    name_cells,
    name_columns,
    pair_rows,
    share_rows,
    starts_tables,
    tables_of,
)
from nnlab.comparison.weights import file_names, write_weights
from nnlab.experiments.pictures import draw_all
from nnlab.report.page import HtmlTable
from nnlab.report.parts import Drawing
from nnlab.report.tables import latex, markdown
from nnlab.storage.cells import cells_of
from nnlab.storage.files import FileInParts, sha256_of, to_csv, write_blocks, write_csv, write_text
from nnlab.storage.folder import RunFolder, files_of_run
from nnlab.storage.metrics import cell
from nnlab.storage.summary import ComparisonSummary, SweepSummary

Array = NDArray[Any]

START_COLUMNS = ("initializer", "gain")  # behind all others, where scripts for older tables miss none


def write_comparison(folder: RunFolder, comparison: Comparison, formats: Sequence[str] = ()) -> list[str]:
    """Write tables, weights, pictures, summary and report of a comparison; a warning for each picture that failed."""
    from nnlab.comparison.pictures import pictures_of
    from nnlab.comparison.report import write_comparison_report

    summary = comparison.summary
    assert isinstance(summary, ComparisonSummary)
    folder.write_summary(summary)  # first, for what follows may be broken off
    write_csv(folder.path / "arms.csv", arm_rows(summary))
    write_csv(folder.path / "shares.csv", share_rows(summary))
    _write_tables(folder, comparison, [*starts_tables(summary), *tables_of(summary)], summary.verdict.sentences)
    warnings = _write_rows_and_draw(folder, comparison, pictures_of(comparison.figure), formats)
    write_comparison_report(folder, comparison.name, warnings, comparison)
    return warnings


def write_sweep(folder: RunFolder, comparison: Comparison, formats: Sequence[str] = ()) -> list[str]:
    """Write tables, weights, pictures, summary and report of a sweep; a warning for each picture that failed."""
    from nnlab.comparison.sweep_pictures import sweep_pictures
    from nnlab.comparison.sweep_report import write_sweep_report

    summary = comparison.summary
    assert isinstance(summary, SweepSummary)
    verdict = summary.verdict
    folder.write_summary(summary)  # first, for what follows may be broken off
    write_csv(folder.path / "points.csv", arm_rows(summary))
    _write_tables(folder, comparison, sweep_tables(summary), [*verdict.sentences, *verdict.searched])
    warnings = _write_rows_and_draw(folder, comparison, sweep_pictures(comparison.figure), formats)
    write_sweep_report(folder, comparison.name, warnings, comparison)
    return warnings


def table_digests(folder: RunFolder) -> dict[str, str]:
    """The SHA-256 of each CSV file that is there."""
    paths = [path for path in files_of_run(folder.path) if path.suffix == ".csv" and path.exists()]
    return {path.name: sha256_of(path) for path in paths}


def _write_rows(folder: RunFolder, comparison: Comparison) -> None:
    """Write results.csv, pairs.csv and the weights."""
    write_blocks(folder.path / "results.csv", _result_lines(comparison))
    write_csv(folder.path / "pairs.csv", pair_rows(comparison.summary))
    for name, label in file_names(comparison.arms).items():
        arm, path = comparison.arms[label], folder.path / "weights" / f"{name}.npz"
        write_weights(path, arm.theta, arm.statistics, comparison.seeds, comparison.layouts[label])


def _write_tables(
    folder: RunFolder, comparison: Comparison, tables: Sequence[HtmlTable], sentences: Sequence[str]
) -> None:
    """Write table.md, which begins with the verdict, and table.tex."""
    summary = comparison.summary
    wrong, legend = [*summary.wrong_gradients()], [*summary.legend()]
    warnings = [*wrong, *summary.verdict.warnings]
    write_text(folder.path / "table.md", markdown(comparison.name, [*sentences, *legend], warnings, tables))
    write_text(folder.path / "table.tex", latex(tables, [*wrong, *legend]))


def _write_rows_and_draw(
    folder: RunFolder, comparison: Comparison, pictures: Mapping[str, Drawing[Comparison]], formats: Sequence[str]
) -> list[str]:
    """Draw the pictures and meanwhile write the rows; a warning for each picture that failed.

    The small tables come first, in case the disk is full; all processors write metrics.csv, which takes longest.
    """
    rows, parts = partial(_write_rows, folder, comparison), _metric_parts(comparison)
    drawn = {name: partial(drawing.draw, comparison) for name, drawing in pictures.items()}
    with contextlib.closing(FileInParts(folder.path / "metrics.csv", len(parts))) as metrics:
        tasks = [partial(metrics.write, number, lines) for number, lines in enumerate(parts)]
        failed = draw_all(drawn, folder.plots, [rows, *tasks], formats=formats)
        metrics.join()
    return failed


def _result_lines(comparison: Comparison) -> Iterator[str]:
    """A line per arm and seed: final figures, how long it took, whether it diverged and at which step, its start.

    The baselines follow, with the final figures that they have for the rows of each seed. A block of lines at a time.
    """
    figures = list(next(iter(comparison.arms.values())).finals)
    columns = list(dict.fromkeys(name for own in comparison.columns.values() for name in own))
    names = name_columns(comparison.summary)
    yield _csv_line([*names, "seed", *figures, *columns, "diverged", "diverged_at", *START_COLUMNS])
    seeds = list(map(str, comparison.seeds))
    missing = np.full(len(seeds), np.nan)
    for label, arm in comparison.arms.items():
        own, about = comparison.columns[label], comparison.summary.arms[label]
        numbers = [*(arm.finals[name] for name in figures), *(own.get(name, missing) for name in columns)]
        diverged = [("false", "true")[lost] for lost in arm.diverged.tolist()]
        at = ["" if step < 0 else str(step) for step in np.where(arm.diverged, arm.bad_step, -1).tolist()]
        cells = [seeds, *map(cells_of, numbers), diverged, at]
        yield _lines(name_cells(comparison.summary, label), cells, [about.initializer, cell(about.gain)])
    for label, over_seeds in baseline_rows(comparison.summary).items():
        known = [list(map(cell, over_seeds[name].values)) if name in over_seeds else None for name in figures]
        cells = [seeds, *(one or [""] * len(seeds) for one in known)]
        end = [*("" for _ in columns), "false", "", *("" for _ in START_COLUMNS)]
        yield _lines(baseline_cells(comparison.summary, label), cells, end)


_ROWS_AT_ONCE = 2**17  # of metrics.csv, whose cells take about 70 bytes each before they are written


@dataclass(frozen=True)
class _MetricLines:
    """A line per arm, seed and step: every figure along the way. As often as they are asked for."""

    arms: Sequence[tuple[Sequence[str], ArmLike]]  # each behind the cells that name it
    seeds: Sequence[int]
    figures: Sequence[str]

    def __iter__(self) -> Iterator[str]:
        return (lines for begin, arm in self.arms for lines in self._of(begin, arm))

    def _of(self, begin: Sequence[str], arm: ArmLike) -> Iterator[str]:
        """A block of seeds at a time, column by column."""
        steps = [f",{step}" for step in arm.steps.tolist()]
        at_once = max(1, _ROWS_AT_ONCE // len(steps))
        for first in range(0, len(self.seeds), at_once):
            seeds = self.seeds[first : first + at_once]
            missing = np.full((len(seeds), len(steps)), np.nan)
            places = [seed + step for seed in map(str, seeds) for step in steps]
            curves = (arm.curves.get(name) for name in self.figures)
            own = (missing if curve is None else curve[first : first + at_once] for curve in curves)
            yield _lines(begin, [places, *map(cells_of, own)])


_MOST_PARTS = 12


def _metric_parts(comparison: Comparison) -> list[Iterable[str]]:
    """The names of the columns, and the lines of one arm after the other, in parts of several arms if they are many."""
    figures = list(dict.fromkeys(name for arm in comparison.arms.values() for name in arm.curves))
    header = [_csv_line([*name_columns(comparison.summary), "seed", "step", *figures])]
    arms = [(name_cells(comparison.summary, label), arm) for label, arm in comparison.arms.items()]
    at_once = -(-len(arms) // _MOST_PARTS)
    parts = (arms[first : first + at_once] for first in range(0, len(arms), at_once))
    return [header, *(_MetricLines(part, comparison.seeds, figures) for part in parts)]


def _lines(begin: Sequence[str], columns: Sequence[Sequence[str]], end: Sequence[str] = ()) -> str:
    """Lines of a CSV file: each row of the columns, which hold no text to be quoted, between the same cells."""
    before, after = (_csv_line(cells).rstrip("\n") if cells else "" for cells in (begin, end))
    between = f"{',' * bool(end)}{after}\n{before},"
    return f"{before},{between.join(map(','.join, zip(*columns, strict=True)))}{',' * bool(end)}{after}\n"


def _csv_line(cells: Sequence[str]) -> str:
    return to_csv([cells])
