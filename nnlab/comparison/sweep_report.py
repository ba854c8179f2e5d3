"""The report of a sweep, made from the files in its run folder."""

from __future__ import annotations

from collections.abc import Sequence

from nnlab.comparison.contents import Comparison
from nnlab.comparison.report import (
    arms_tables,
    charts_of,
    checks_section,
    figures_section,
    outcome,
    parted,
    result_table,
    titled,
)
from nnlab.comparison.sweep_pictures import sweep_pictures
from nnlab.comparison.sweep_tables import sweep_tables
from nnlab.comparison.tables import settings_keys
from nnlab.maths.statistics import seeds_of
from nnlab.report.page import FILE, Page, Section, counted, write_page
from nnlab.report.parts import (
    begun_in,
    data_section,
    environment_section,
    experiment_section,
    filled,
    gates_tables,
    pictures_in,
)
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import SweepSummary

_LEADING = ("keys", "final")  # the picture that carries a sweep: the first that there is


def write_sweep_report(
    folder: RunFolder, name: str, warnings: Sequence[str] = (), comparison: Comparison | None = None
) -> None:
    """Write report.html into the folder of a sweep that has its summary and its pictures.

    `comparison` gives it curves and the table of how each point was made.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    write_page(folder.path / FILE, sweep_page(folder, name, warnings, comparison))


def sweep_page(
    folder: RunFolder, name: str, warnings: Sequence[str] = (), comparison: Comparison | None = None
) -> Page:
    """The page of the sweep `name`; empty sections are left out."""
    summary, run = folder.summary(SweepSummary), folder.read_run()
    verdict = summary.verdict
    keys = " and ".join(settings_keys(summary))
    formulas = [*summary.legend()]
    pictures = pictures_in(folder.plots, sweep_pictures(summary.figure))
    leading, others = parted(pictures, _LEADING)
    sections = [
        Section(
            "Result",
            [*verdict.sentences[1:], *formulas],
            [result_table(summary, comparison)],
            leading,
            charts=charts_of(comparison),
        ),
        Section("Warnings", [*verdict.warnings, *warnings]),
        Section("Gates", tables=[*gates_tables(summary, "What the best point had to reach")], folded=True),
        Section("Searched", [*verdict.searched, _ranked_by(summary)], folded=True),
        figures_section(sweep_tables(summary), comparison),
        Section("Points", tables=[*arms_tables(comparison)], folded=True),
        checks_section(summary),
        Section("Pictures", pictures=others, folded=True),
        data_section(run),
        experiment_section(folder.path, f"config.yaml: each point is this experiment with its own {keys}."),
        environment_section(run),
    ]
    points = counted(len(summary.arms), "point")
    about = f"nnlab sweep, begun {begun_in(run)}, {points}, {seeds_of(len(summary.seeds))} each"
    return Page(titled(name, summary.status), about, *outcome(summary, verdict.sentences[0]), filled(sections))


def _ranked_by(summary: SweepSummary) -> str:
    seeds = summary.seeds
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    tested = "; the test part is looked at for the best point alone" if summary.sweep.test else ""
    return f"Ranked by {summary.shown(summary.sweep.ranked_by)} over {which}{tested}."
