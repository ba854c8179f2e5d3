"""Write the files of a comparison or a sweep: tidy tables, the weights of each replica, pictures, the report.

results.csv   a row per arm and seed with its start, then of each baseline    metrics.csv   one per arm, seed and step
arms.csv      a row per arm and statistic                         pairs.csv     a row per pair of arms, by the figure
shares.csv    a row per pair of arms, by the share of seeds that reached the target
table.md, table.tex   tables for people    summary.json  all conclusions

The arms of a sweep are its points: points.csv replaces arms.csv, pairs.csv compares the best point with each other
point, and there is no shares.csv. Each tuned or swept key has a column.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.contents import Comparison
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
from nnlab.storage.files import read_plain, write_csv, write_text
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
    return {path.name: hashlib.sha256(read_plain(path)).hexdigest() for path in paths}


def _write_rows(folder: RunFolder, comparison: Comparison) -> None:
    """Write results.csv, metrics.csv, pairs.csv and the weights."""
    write_csv(folder.path / "results.csv", _result_rows(comparison))
    write_text(folder.path / "metrics.csv", "".join(_metric_lines(comparison)))
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
    """Draw the pictures and meanwhile write the rows; a warning for each picture that failed."""
    rows = partial(_write_rows, folder, comparison)
    drawn = {name: partial(drawing.draw, comparison) for name, drawing in pictures.items()}
    return draw_all(drawn, folder.plots, [rows], formats=formats)


def _result_rows(comparison: Comparison) -> Iterator[list[str]]:
    """One row per arm and seed: final figures, how long it took, whether it diverged and at which step, its start.

    The baselines follow, with the final figures that they have for the rows of each seed.
    """
    figures = list(next(iter(comparison.arms.values())).finals)
    columns = list(dict.fromkeys(name for own in comparison.columns.values() for name in own))
    yield [*name_columns(comparison.summary), "seed", *figures, *columns, "diverged", "diverged_at", *START_COLUMNS]
    for label, arm in comparison.arms.items():
        own, name = comparison.columns[label], name_cells(comparison.summary, label)
        about = comparison.summary.arms[label]
        start = [about.initializer, cell(about.gain)]
        for replica, seed in enumerate(comparison.seeds):
            finals = [cell(float(arm.finals[figure][replica])) for figure in figures]
            more = [cell(float(own[column][replica])) if column in own else "" for column in columns]
            diverged = bool(arm.diverged[replica])
            at = str(int(arm.bad_step[replica])) if diverged else ""
            yield [*name, str(seed), *finals, *more, str(diverged).lower(), at, *start]
    for label, over_seeds in baseline_rows(comparison.summary).items():
        name = baseline_cells(comparison.summary, label)
        for replica, seed in enumerate(comparison.seeds):
            known = {figure: one.values[replica] for figure, one in over_seeds.items()}
            yield [
                *name,
                str(seed),
                *(cell(known.get(figure)) for figure in figures),
                *("" for _ in columns),
                *("false", ""),
                *("" for _ in START_COLUMNS),
            ]


def _metric_lines(comparison: Comparison) -> Iterator[str]:
    """One line per arm, seed and step: every figure along the way, column by column for speed."""
    figures = list(dict.fromkeys(name for arm in comparison.arms.values() for name in arm.curves))
    yield _csv_line([*name_columns(comparison.summary), "seed", "step", *figures])
    for label, arm in comparison.arms.items():
        seeds, steps = len(comparison.seeds), len(arm.steps)
        missing = np.full((seeds, steps), np.nan)
        begin = _csv_line(name_cells(comparison.summary, label)).rstrip("\n")
        places = [f"{begin},{seed},{step}" for seed in comparison.seeds for step in arm.steps.tolist()]
        columns = [_cells(arm.curves.get(name, missing)) for name in figures]
        yield "\n".join(map(",".join, zip(places, *columns, strict=True))) + "\n"


def _cells(values: Array) -> list[str]:
    """The text that `cell` gives for each value (R, T), row by row."""
    # Values such as accuracies on few rows repeat: format each once. Compare bits, because -0.0 == 0.0.
    different, places = np.unique(values.astype(np.float64).ravel().view(np.int64), return_inverse=True)
    texts = [cell(value) for value in different.view(np.float64).tolist()]
    return list(map(texts.__getitem__, places.tolist()))


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
