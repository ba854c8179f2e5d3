"""The report of a comparison, made from the files in its run folder."""

from __future__ import annotations

from collections.abc import Sequence

from nnlab.comparison.pictures import pictures_of
from nnlab.comparison.tables import tables_of
from nnlab.maths.statistics import seeds_of
from nnlab.report.page import FILE, Page, Section, Tone, counted, write_page
from nnlab.report.parts import (
    begun_in,
    config_text,
    data_section,
    environment_tables,
    filled,
    gates_tables,
    pictures_in,
    tone_of,
)
from nnlab.runs.folder import RunFolder
from nnlab.runs.run import UNFINISHED, Status
from nnlab.runs.summary import ComparisonSummary, SweepSummary


def write_comparison_report(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> None:
    """Write report.html into the folder of a comparison that has its summary and its pictures.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    write_page(folder.path / FILE, comparison_page(folder, name, warnings))


def comparison_page(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> Page:
    """The page of the comparison `name`; empty sections are left out."""
    summary, run = folder.summary(ComparisonSummary), folder.read_run()
    sentences = [*summary.verdict.sentences, *summary.legend()]
    arms, seeds = len(summary.arms), len(summary.seeds)
    sections = [
        Section("Verdict", sentences),
        Section("Gradient check", [*summary.gradient_sentences()]),
        Section("Warnings", [*summary.verdict.warnings, *warnings]),
        Section("Gates", tables=[*gates_tables(summary, "What the comparison had to reach")]),
        Section("Figures", tables=tables_of(summary)),
        Section("Pictures", pictures=[*pictures_in(folder.plots, pictures_of(summary.figure))]),
        data_section(run),
        Section("Experiment", [f"config.yaml: each arm is this experiment with its own {_varied(summary)}."],
                text=config_text(folder.path)),
        Section("Environment", tables=[*environment_tables(run)]),
    ]  # fmt: skip
    about = f"nnlab compare-activations, begun {begun_in(run)}, {arms} arms, {seeds_of(seeds)}"
    return Page(titled(name, summary.status), about, *outcome(summary, _headline(summary)), filled(sections))


def titled(name: str, status: Status) -> str:
    """The title of the page of a comparison or a sweep."""
    return f"{name} ({status})" if status in UNFINISHED else name


def outcome(summary: ComparisonSummary | SweepSummary, headline: str) -> tuple[str, Tone]:
    """The headline with what is wrong before it, and its tone."""
    wrong, has_failed = [*summary.wrong_gradients()], summary.status == "failed"
    if wrong:
        return wrong[0], "bad"
    if summary.status in UNFINISHED:
        arms = counted(len(summary.arms), "point" if isinstance(summary, SweepSummary) else "arm")
        headline = f"{summary.status.capitalize()}, with {arms} trained. Of these alone: {headline}"
    return headline, tone_of(summary.gates, is_wrong=has_failed)


def _varied(summary: ComparisonSummary) -> str:
    """What differs between the arms, in words."""
    keys = list(dict.fromkeys(key for arm in summary.arms.values() for key in arm.settings))
    return f"activation, {' and '.join(keys)}" if keys else "activation"


def _headline(summary: ComparisonSummary) -> str:
    """The first sentence of the verdict, or why there is none."""
    sentences = summary.verdict.sentences
    if sentences:
        return sentences[0]
    return "One arm alone: nothing to compare it with." if len(summary.arms) == 1 else "Nothing could be compared."
