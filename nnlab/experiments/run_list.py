"""Runs as a table: which of them, in which order, and which columns. Every format shows the same table.

A column is one of STANDARD, a key of the experiment such as `optimizer.learning_rate`, or a figure such as
`test/accuracy`. Of comparisons and sweeps figures are named as in their gates, `relu.val/loss.high`; `best` is their
best arm.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnlab.config.keys import is_value, keys_of, shown
from nnlab.errors import CheckpointError, ConfigError, Fault, NnlabError, printable, suggestion
from nnlab.gates.hold import Measured, figures_of_arms, hold, needs_baseline
from nnlab.gates.parse import Gate, parse_gate
from nnlab.storage.listing import RunEntry, entries
from nnlab.storage.metrics import METRICS, check_table, read_figures
from nnlab.storage.summary import BenchmarkSummary, Figures, SweepSummary, TrainingSummary, read_summary

STANDARD = ("run", "kind", "status", "started", "seconds", "steps", "headline")
MOST_KEYS = 8  # columns of keys that a reader takes in beside these


@dataclass(frozen=True)
class ListedRun:
    """A run with its keys; a broken one has none."""

    entry: RunEntry
    keys: dict[str, Any]

    @classmethod
    def of(cls, entry: RunEntry) -> ListedRun:
        """An entry with the keys of its experiment file; broken, if that is no such file."""
        try:
            return cls(entry, keys_of(entry.config, "config.yaml"))
        except ConfigError as error:
            return cls(entry.broken(error), {})

    @cached_property
    def figures(self) -> Figures:
        """The figures by the names that gates have for them; empty if they cannot be read."""
        if self.entry.kind in ("", "train"):
            return self.entry.figures
        try:
            return arm_figures_of(self.entry.path)
        except NnlabError:
            return {}

    def value(self, column: str) -> Any:
        """What stands in a column; None if the run has nothing there."""
        if column in STANDARD:
            return getattr(self.entry, column)
        return self.keys[column] if column in self.keys else self.figures.get(column)


def arm_figures_of(path: Path) -> Figures:
    """The figures of the arms of a comparison or a sweep, also under `best`, or a benchmark's; none before its end."""
    summary = read_summary(path / "summary.json")
    if summary is None or isinstance(summary, TrainingSummary):
        return {}
    if isinstance(summary, BenchmarkSummary):
        return summary.figures
    best = summary.sweep.best if isinstance(summary, SweepSummary) else next(iter(summary.verdict.ranking), "")
    arms = summary.arms | ({"best": summary.arms[best]} if best in summary.arms else {})
    return figures_of_arms(arms, len(summary.seeds))


@dataclass(frozen=True)
class RunTable:
    """Runs by columns."""

    columns: tuple[str, ...]
    runs: tuple[ListedRun, ...]
    left_out: int  # runs in the folder that are not in the table
    keys_left_out: int = 0  # keys in which the runs differ, but few of them
    hint: str = ""  # where no run is in it: `; did you mean 'completed'?`

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each run's values by column."""
        return ({column: run.value(column) for column in self.columns} for run in self.runs)


def list_runs(
    root: Path,
    *,
    where: Sequence[str] = (),
    sort: str | None = None,
    reverse: bool = False,
    last: int | None = None,
    columns: Sequence[str] = (),
    all_keys: bool = False,
) -> RunTable:
    """The `last` runs in a folder that meet all conditions; by default with the keys in which they differ.

    Of more than eight such keys the table has those in which most runs differ, and counts the others. The runs are
    sorted by a column, by default the newest last. ConfigError for conditions that cannot be read, and for columns that
    no run has.
    """
    every = [ListedRun.of(entry) for entry in entries(root)]
    names = _Columns(every)
    conditions = _conditions(where, names)
    runs = [run for run in every if all(meets(run) for meets in conditions)]
    runs = runs[-last:] if last is not None else runs
    if sort is not None:
        runs = _sorted(runs, names.known(sort, f"--sort {sort}"), reverse=reverse)
    elif reverse:
        runs.reverse()
    chosen = [names.known(name, f"--columns {name}") for name in columns]
    keys = _keys(runs, differing=not all_keys) if all_keys or not columns else []
    shown_keys = keys if all_keys else _most_telling(runs, keys)
    shown_columns = tuple(dict.fromkeys([*(chosen or STANDARD), *shown_keys]))
    left_out, hint = len(keys) - len(shown_keys), "" if runs else _hint(where, every)
    return RunTable(shown_columns, tuple(runs), len(every) - len(runs), left_out, hint)


class _Columns:
    """The columns that runs have."""

    def __init__(self, runs: Sequence[ListedRun]) -> None:
        self.runs = runs
        self.keys = {*STANDARD, *(key for run in runs for key in run.keys)}

    @cached_property
    def figures(self) -> set[str]:
        """All figures; those of comparisons take time to read."""
        return {name for run in self.runs for name in run.figures}

    def known(self, name: str, option: str) -> str:
        """A column of this name, also for the `.name` of a choice. ConfigError if no run has it."""
        for column in (name, name.removesuffix(".name")):
            if not self.runs or column in self.keys or column in self.figures:
                return column
        hint = suggestion(name, sorted(self.keys | self.figures))
        expected = hint or "; expected a column of the list, a key or a figure"
        raise ConfigError(Fault(f"found no run with {printable(name)}{expected}", printable(option)))


def _keys(runs: Sequence[ListedRun], *, differing: bool) -> list[str]:
    """The keys of these runs, or those in which they differ; not the name, which stands in the folder's."""
    whole = [run.keys for run in runs if not run.entry.is_broken]
    keys = dict.fromkeys(key for one in whole for key in one if key != "name")
    return [key for key in keys if not differing or any(one.get(key) != whole[0].get(key) for one in whole)]


def _most_telling(runs: Sequence[ListedRun], keys: list[str]) -> list[str]:
    """Up to eight of the keys, in their order: those in which most runs differ from the most frequent value."""
    if len(keys) <= MOST_KEYS:
        return keys
    whole = [run.keys for run in runs if not run.entry.is_broken]
    alike = {key: max(Counter(repr(one.get(key)) for one in whole).values()) for key in keys}
    telling = sorted(keys, key=alike.__getitem__)[:MOST_KEYS]
    return [key for key in keys if key in telling]


def _sorted(runs: Iterable[ListedRun], column: str, *, reverse: bool) -> list[ListedRun]:
    """The runs by their values in a column, numbers before texts; those without one come last."""
    values = [(run, run.value(column)) for run in runs]
    there = sorted((pair for pair in values if pair[1] is not None), key=lambda pair: _order(pair[1]), reverse=reverse)
    return [run for run, _ in (*there, *(pair for pair in values if pair[1] is None))]


def _order(value: Any) -> tuple[bool, float, str]:
    number = _number(value)
    return (number is None, number or 0.0, "" if number is not None else shown(value))


# --- conditions -------------------------------------------------------------------------------------------------------

_Condition = Callable[[ListedRun], bool]
_SETTING = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*=(?!=)\s*(.*?)\s*", re.DOTALL)


def _conditions(texts: Sequence[str], names: _Columns) -> list[_Condition]:
    """What runs must meet. ConfigError lists the faults of all texts."""
    faults: list[Fault] = []
    found: list[_Condition] = []
    for text in texts:
        option = f"--where {printable(text)}"
        try:
            setting = _SETTING.fullmatch(text)
            found.append(_has(setting, names, option) if setting else _gate(text, names, option))
        except ConfigError as error:
            faults += error.faults
        except ValueError as error:
            faults.append(Fault(f"{error}; or KEY=VALUE such as network.activation=relu", option))
    if faults:
        raise ConfigError(faults)
    return found


def _has(setting: re.Match[str], names: _Columns, option: str) -> _Condition:
    """Whether a run has a value in a column, most often of a key."""
    column, value = names.known(setting[1], option), setting[2]
    return lambda run: is_value(value, run.value(column))


def _hint(texts: Sequence[str], runs: Sequence[ListedRun]) -> str:
    """`; did you mean …?` for the first text that no run has in its column, but nearly; else empty."""
    for setting in filter(None, map(_SETTING.fullmatch, texts)):
        values = [run.value(column) for run in runs for column in (setting[1], setting[1].removesuffix(".name"))]
        hint = suggestion(setting[2], [value for value in values if isinstance(value, str)])
        if hint and not any(is_value(setting[2], value) for value in values):
            return hint
    return ""


def _gate(text: str, names: _Columns, option: str) -> _Condition:
    """Whether a run meets a gate. ValueError if it cannot be read."""
    gate = parse_gate(text)
    if needs_baseline([gate]):
        raise ConfigError(Fault("found baseline, expected a number or a figure of the same run", option))
    for asked in gate.asks:
        names.known(asked.figure, option)
    return lambda run: _meets(run, gate)


def _meets(run: ListedRun, gate: Gate) -> bool:
    measured = Measured({asked.figure: _number(run.value(asked.figure)) for asked in gate.asks})
    is_later = any((asked.step, asked.by_epoch, asked.by_step) != (None, None, None) for asked in gate.asks)
    if is_later and run.entry.kind == "train":
        try:
            check_table(run.entry.path / METRICS, run.entry.tables.get(METRICS))
            for step, epoch, figures in read_figures(run.entry.path / METRICS):
                measured.add(step, epoch, figures)
        except NnlabError:
            return False
    return hold([gate], measured)[0].met


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


# --- the newest -------------------------------------------------------------------------------------------------------


def newest(root: Path, count: int) -> list[str]:
    """The names of the newest runs that are not broken. CheckpointError if there are fewer."""
    whole = [entry.run for entry in entries(root) if not entry.is_broken]
    if len(whole) < count:
        found = f"found {len(whole)} runs that are not broken, expected at least {count}"
        raise CheckpointError(f"{printable(str(root))}: {found}")
    return whole[-count:]
