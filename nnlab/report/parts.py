"""Parts shared by the pages of trainings and comparisons: gates, pictures, experiment file, environment."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from nnlab.data.dataset import ColumnReading
from nnlab.data.described import COLUMNS, rows_of
from nnlab.errors import StorageError, printable
from nnlab.maths.metrics import shown_gate
from nnlab.report.page import Amount, Cell, HtmlTable, Picture, Section, Tone
from nnlab.storage.files import read_plain
from nnlab.storage.folder import CONFIG
from nnlab.storage.run import AnyRun
from nnlab.storage.summary import ComparisonSummary, GateLine, SweepSummary, TrainingSummary

T = TypeVar("T")  # the data that is drawn

_PHOTOGRAPHIC = {"misclassified", "samples", "feature_maps"}  # pictures whose brightness is that of images in the data
_ASKED = {">=": "at least", "<=": "at most", "==": "exactly", ">": "more than", "<": "less than"}


@dataclass(frozen=True)
class Drawing(Generic[T]):
    """An entry of a table of pictures: `draw` makes a figure of some data, `caption` is the sentence that explains it.

    `draw` returns None where the data have nothing to show. This room does not know matplotlib, hence Any.
    """

    draw: Callable[[T], Any]
    caption: str


def filled(sections: Sequence[Section]) -> list[Section]:
    """The sections that are not empty."""
    return [part for part in sections if not part.is_empty]


def begun_in(run: AnyRun | None) -> str:
    """The time at which a run was begun, in words."""
    return run.begun if run and run.begun else "at an unknown time"


def gates_tables(summary: TrainingSummary | ComparisonSummary | SweepSummary, caption: str) -> Iterator[HtmlTable]:
    """A table of the gates, if there are any."""
    if summary.gates:
        shown = [shown_gate(gate.gate, scaled_targets=summary.scaled_targets) for gate in summary.gates]
        rows: list[list[Cell]] = [
            [words, "met" if gate.met else "NOT MET", gate.value]
            for words, gate in zip(shown, summary.gates, strict=True)
        ]
        yield HtmlTable(caption, ["gate", "outcome", "value"], rows)


def missed_gates(summary: TrainingSummary | ComparisonSummary | SweepSummary, most: int = 3) -> str:
    """Sentences for the first gates that are not met; none if all are."""
    missed = [gate for gate in summary.gates if not gate.met]
    if not missed:
        return ""
    told = [_missed(gate, scaled_targets=summary.scaled_targets) for gate in missed[:most]]
    more = [f"{len(missed) - most:,} more are below."] if len(missed) > most else []
    alone = (
        "Its gate is not met." if len(summary.gates) == 1 else f"{len(missed)} of {len(summary.gates):,} gates not met."
    )
    return " ".join([alone, *told, *more])


def _missed(gate: GateLine, *, scaled_targets: bool) -> str:
    """What was asked of a figure, and what it is."""
    words = shown_gate(gate.gate, scaled_targets=scaled_targets)
    sign = next((sign for sign in _ASKED if f" {sign} " in words), None)
    found = "has no value" if gate.value is None else f"is {gate.value:.4g}"
    if sign is None:
        return f"{words}: it {found}."
    figure, _, bound = words.partition(f" {sign} ")
    return f"{figure} {found}; {_ASKED[sign]} {bound} was asked for."


def amount(figure: str, value: float | None) -> Amount | None:
    """A figure in four significant digits, shares of rows in percent as in sentences."""
    if value is None:
        return None
    return Amount(value, f"{100 * value:.4g} %" if is_share(figure) else f"{value:.4g}")


def is_share(figure: str) -> bool:
    """Whether sentences tell a figure in percent."""
    return figure.rpartition("/")[2].endswith("accuracy")


def data_section(run: AnyRun | None) -> Section:
    """How the data were read: what was told of them, and each column of a table."""
    facts = None if run is None else run.data
    if facts is None:
        return Section("Data", folded=True)
    rows = rows_of(tuple(ColumnReading(**column.model_dump()) for column in facts.columns))
    parts: list[list[Cell]] = [[part, count] for part, count in facts.rows.items() if count]
    tables = [HtmlTable("Rows of each part", ["part", "rows"], parts)] if parts else []
    tables += [HtmlTable("Columns as read", [*COLUMNS], [[*row] for row in rows])] if rows else []
    return Section("Data", facts.notes, tables, folded=True)


def tone_of(gates: Sequence[GateLine], *, is_wrong: bool = False) -> Tone:
    """The tone of a verdict: good if all gates are met, else bad; plain without gates. Bad if something `is_wrong`."""
    if is_wrong:
        return "bad"
    if not gates:
        return "plain"
    return "good" if all(gate.met for gate in gates) else "bad"


def pictures_in(folder: Path, drawings: Mapping[str, Drawing[Any]]) -> Iterator[Picture]:
    """The pictures of the table `drawings` that are in the folder, in the table's order, with their captions."""
    for name, drawing in drawings.items():
        path = folder / f"{name}.png"
        if os.path.lexists(path):
            yield Picture(f"plots/{path.name}", _read(path), drawing.caption, name in _PHOTOGRAPHIC)


def experiment_section(folder: Path, about: str = "") -> Section:
    """The experiment file of a run, under a sentence about it."""
    return Section("Experiment", [about] if about else [], text=_config_text(folder), folded=True)


def environment_section(run: AnyRun | None) -> Section:
    """Command, data and machine."""
    return Section("Environment", tables=[*environment_tables(run)], folded=True)


def _config_text(folder: Path) -> str:
    return _read(folder / CONFIG).decode("utf-8", "backslashreplace").rstrip("\n")


def _read(path: Path) -> bytes:
    try:
        return read_plain(path)
    except FileNotFoundError as error:
        raise StorageError(f"{printable(str(path))}: cannot read: {error.strerror}") from error


def environment_tables(run: AnyRun | None) -> Iterator[HtmlTable]:
    """A table of command, data and machine, from run.json."""
    if run is None:
        return
    threads = run.threads if "threads" in run.model_fields_set else None
    data = {f"data {name}": value for name, value in run.data.document().items()} if run.data else {}
    facts = {"command": shlex.join(run.command), "threads": threads, **data, **run.environment}
    rows = [[name.replace("_", " "), text] for name, value in facts.items() if (text := _text(value))]
    if rows:
        yield HtmlTable("Command, data and machine", ["what", "value"], rows)


def _text(value: Any) -> str:
    """A value as text, lists and nested documents in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_text(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(_text(inner) for inner in value)
    return "" if value is None else str(value)
