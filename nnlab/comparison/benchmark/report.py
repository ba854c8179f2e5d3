"""The report of a benchmark, made from its summary and the files in its run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnlab.comparison.benchmark.pictures import BENCHMARK_PICTURES
from nnlab.comparison.benchmark.tables import errors_table, tables_of
from nnlab.comparison.report import parted
from nnlab.errors import few, listed
from nnlab.maths.statistics import seeds_of
from nnlab.report.page import FILE, Page, Section, counted, write_page
from nnlab.report.parts import begun_in, environment_section, experiment_section, filled, pictures_in
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import Status
from nnlab.storage.summary import BenchmarkSummary, SetSummary

_LEADING = ("pairs", "forest")
_MOST_NAMED = 5
_SENTENCES_ABOVE = 6  # of the verdict, the headline among them


def write_benchmark_report(
    folder: RunFolder, name: str, summary: BenchmarkSummary, warnings: Sequence[str] = ()
) -> None:
    """Write report.html into the folder of a benchmark that has its pictures."""
    write_page(folder.path / FILE, benchmark_page(folder, name, summary, warnings))


def write_unfinished_benchmark(folder: RunFolder, name: str, status: Status, why: str) -> None:
    """Write report.html of a benchmark that was interrupted or failed, on the sets of its summary, if it has one."""
    summary = folder.read_summary()
    if isinstance(summary, BenchmarkSummary) and summary.status == status:
        write_benchmark_report(folder, name, summary, [why])
        return
    run = folder.read_run()
    headline = f"{status.capitalize()} before there was a result."
    sections = [Section("Warnings", [why]), experiment_section(folder.path), environment_section(run)]
    about = f"nnlab benchmark, begun {begun_in(run)}"
    write_page(folder.path / FILE, Page(f"{name} ({status})", about, headline, "plain", filled(sections)))


def benchmark_page(folder: RunFolder, name: str, summary: BenchmarkSummary, warnings: Sequence[str] = ()) -> Page:
    """The page of a benchmark; empty sections are left out."""
    run, sentences, legend = folder.read_run(), summary.verdict.sentences, [*summary.legend()]
    first, *others = tables_of(summary) or [errors_table(summary)]
    leading, pictures = parted(pictures_in(folder.plots, BENCHMARK_PICTURES), _LEADING)
    sections = [
        Section("Result", [*sentences[1:_SENTENCES_ABOVE], *legend], [first] if first.rows else [], leading),
        Section("Warnings", [*summary.verdict.warnings, *warnings]),
        Section("Verdict", sentences, folded=True),
        Section("Pictures", pictures=pictures),
        Section("Tables", tables=others, folded=True),
        Section("Set by set", [*_set_by_set(summary)], folded=True),
        experiment_section(folder.path, "config.yaml: the suite; its experiments lie beside it."),
        environment_section(run),
    ]
    is_whole = summary.status == "completed"
    title = name if is_whole else f"{name} ({summary.status})"
    about = f"nnlab benchmark, begun {begun_in(run)}, {_size(summary)}"
    headline = next(iter(sentences), "Nothing could be compared.")
    return Page(title, about, headline if is_whole else f"{_left(summary)} {headline}", "plain", filled(sections))


def _set_by_set(summary: BenchmarkSummary) -> Iterator[str]:
    """What each set says alone, and what limits that."""
    for name, one in summary.sets.items():
        yield from one.sentences
        yield from (f"{name}: warning: {warning}" for warning in one.warnings)


def _size(summary: BenchmarkSummary) -> str:
    """How many sets, arms and seeds."""
    sets, arms = counted(len(summary.sets), "set"), counted(len(summary.activations), "arm")
    return f"{sets}, {arms}, {_seeds(next(iter(summary.sets.values()), None))}"


def _seeds(one: SetSummary | None) -> str:
    return seeds_of(len(one.seeds)) if one else "no seed"


def _left(summary: BenchmarkSummary) -> str:
    """Which sets are not complete, in a sentence."""
    names, status = summary.unfinished, summary.status.capitalize()
    return f"{status}; not complete: {listed(few(names, _MOST_NAMED))}." if names else f"{status}."
