"""The report of a comparison, made of what its run folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnlab.errors import StorageError, printable
from nnlab.records.comparison_pictures import pictures_of
from nnlab.records.comparison_tables import tables_of
from nnlab.records.report import FILE, Page, Picture, Section, Table, Tone, write_page
from nnlab.records.report_training import environment_tables
from nnlab.records.runs import CONFIG, RunFolder


def write_comparison_report(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> None:
    """Write report.html into the folder of a comparison that has its summary and its pictures.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    write_page(folder.path / FILE, comparison_page(folder, name, warnings))


def comparison_page(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> Page:
    """The page of a comparison called `name`; a section for which there is nothing is left out."""
    summary, run = folder.read_summary(), folder.read_run()
    sentences = summary["verdict"]["sentences"]
    arms, seeds = len(summary["arms"]), len(summary["seeds"])
    sections = [
        Section("Verdict", sentences),
        Section("Warnings", [*summary["verdict"]["warnings"], *warnings]),
        Section("Gates", tables=[*_gates(summary)]),
        Section("Figures", tables=tables_of(summary)),
        Section("Pictures", pictures=[*_pictures(folder.plots, summary["figure"])]),
        Section("Experiment", ["config.yaml: each arm is this experiment with its own activation."],
                text=_read(folder.path / CONFIG).decode("utf-8", "backslashreplace").rstrip("\n")),
        Section("Environment", tables=[*environment_tables(run)]),
    ]  # fmt: skip
    about = f"nnlab compare-activations, begun {run.get('begun', 'at an unknown time')}, {arms} arms, {seeds:,} seeds"
    filled = [part for part in sections if part.paragraphs or part.tables or part.pictures or part.text]
    return Page(name, about, _headline(summary), _tone(summary), filled)


def _headline(summary: Mapping[str, Any]) -> str:
    """The first sentence of the verdict, or why there is none."""
    sentences = summary["verdict"]["sentences"]
    if sentences:
        return str(sentences[0])
    return "One arm alone: nothing to compare it with." if len(summary["arms"]) == 1 else "Nothing could be compared."


def _tone(summary: Mapping[str, Any]) -> Tone:
    gates = summary["gates"]
    if not gates:
        return "plain"
    return "good" if all(gate["met"] for gate in gates) else "bad"


def _gates(summary: Mapping[str, Any]) -> Iterator[Table]:
    if summary["gates"]:
        rows = [[gate["gate"], "met" if gate["met"] else "NOT MET", gate["value"]] for gate in summary["gates"]]
        yield Table("What the comparison had to reach", ["gate", "outcome", "value"], rows)


def _pictures(folder: Path, figure: str) -> Iterator[Picture]:
    for name, draws in pictures_of(figure).items():
        path = folder / f"{name}.png"
        if path.is_file():
            yield Picture(f"plots/{path.name}", _read(path), (draws.__doc__ or name).split("\n")[0])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{printable(str(path))}: cannot read: {error.strerror}") from error
