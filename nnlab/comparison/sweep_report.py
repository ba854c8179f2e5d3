"""The report of a sweep, made from the files in its run folder."""

from __future__ import annotations

from collections.abc import Sequence

from nnlab.comparison.report import outcome, titled
from nnlab.comparison.sweep_pictures import sweep_pictures
from nnlab.comparison.sweep_tables import sweep_tables
from nnlab.comparison.tables import settings_keys
from nnlab.maths.statistics import seeds_of
from nnlab.report.page import FILE, Page, Section, counted, write_page
from nnlab.report.parts import (
    begun_in,
    config_text,
    data_section,
    environment_tables,
    filled,
    gates_tables,
    pictures_in,
)
from nnlab.runs.folder import RunFolder
from nnlab.runs.summary import SweepSummary


def write_sweep_report(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> None:
    """Write report.html into the folder of a sweep that has its summary and its pictures.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    write_page(folder.path / FILE, sweep_page(folder, name, warnings))


def sweep_page(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> Page:
    """The page of the sweep `name`; empty sections are left out."""
    summary, run = folder.summary(SweepSummary), folder.read_run()
    verdict = summary.verdict
    keys = " and ".join(settings_keys(summary))
    sections = [
        Section("Result", verdict.sentences),
        Section("Searched", [*verdict.searched, _ranked_by(summary)]),
        Section("Gradient check", [*summary.gradient_sentences()]),
        Section("Warnings", [*verdict.warnings, *warnings]),
        Section("Gates", tables=[*gates_tables(summary, "What the best point had to reach")]),
        Section("Figures", tables=sweep_tables(summary)),
        Section("Pictures", pictures=[*pictures_in(folder.plots, sweep_pictures(summary.figure))]),
        data_section(run),
        Section("Experiment", [f"config.yaml: each point is this experiment with its own {keys}."],
                text=config_text(folder.path)),
        Section("Environment", tables=[*environment_tables(run)]),
    ]  # fmt: skip
    points = counted(len(summary.arms), "point")
    about = f"nnlab sweep, begun {begun_in(run)}, {points}, {seeds_of(len(summary.seeds))} each"
    return Page(titled(name, summary.status), about, *outcome(summary, verdict.sentences[0]), filled(sections))


def _ranked_by(summary: SweepSummary) -> str:
    seeds = summary.seeds
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    tested = "; the test part is looked at for the best point alone" if summary.sweep.test else ""
    return f"Ranked by {summary.shown(summary.sweep.ranked_by)} over {which}{tested}."
