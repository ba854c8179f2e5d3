"""What a user should know of the rows that are evaluated: trained on, blank, or with categories never seen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.schema import Experiment
from nnlab.data.dataset import Columns, InputColumn, NewRows, RowFacts
from nnlab.data.files import quoted
from nnlab.data.rounding import rounded_columns, rounded_inputs, rounded_new_target
from nnlab.data.scaling import Scaling
from nnlab.data.stored import is_lazy
from nnlab.data.unseen import taken_out
from nnlab.errors import NnlabError
from nnlab.experiments.predictions import Predicted
from nnlab.setup.model import Model
from nnlab.setup.rows import read_rows, split_rows
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import TrainingRun

_MOST_COMPARED = 2**22  # inputs of a data set that is read once more to find its rows in a new file
_NAMED = 3  # lines or values that a sentence names


# --- rows of the training part ----------------------------------------------------------------------------------------


def flattery(trained: int, rows: int) -> str:
    """A sentence for `rows` evaluated rows of which so many were trained on; empty for none."""
    if not trained:
        return ""
    count = f"all {rows:,} rows" if trained == rows > 1 else f"{trained:,} of {_rows(rows)}"
    verb, whose = ("was", "its") if trained == 1 else ("were", "their")
    return f"{count} {verb} in the training part: {whose} figures flatter the network"


def count_trained_on(run: RunFolder, experiment: Experiment, columns: Columns, fingerprint: str, new: NewRows) -> int:
    """How many new rows have the inputs of a row of the training part; 0 where that cannot be known.

    The data set with this `fingerprint` is read once more, unless it is large or stays in its file. In a set whose rows
    often have the same inputs, only more such rows count than chance explains.
    """
    about = run.read_run()
    parts = about.data.rows if isinstance(about, TrainingRun) and about.data else {}
    if new.fingerprint == fingerprint and "train" in parts:
        return parts["train"]
    if is_lazy(new.x) or columns.width * sum(parts.values()) > _MOST_COMPARED:
        return 0
    try:
        dataset = read_rows(experiment, None, run.path)
    except NnlabError:  # the data are no longer there
        return 0
    if dataset.fingerprint != fingerprint:
        return 0
    return count_equal(new.x, dataset.x[split_rows(experiment, dataset).train])


def count_equal(x: Any, training: Any) -> int:
    """How many rows of x (N, inputs) are rows of `training` (M, inputs); 0 if no more than are so by chance.

    A fresh row equals one of the training part about as often as one of its own rows equals another: for a share s of
    those, N s fresh rows are expected, and √(N s (1 - s)) is their standard deviation.
    """
    known, rows = Counter(_keys(training)), _keys(x)
    found = sum(key in known for key in rows)
    share = sum(count for count in known.values() if count > 1) / known.total()
    by_chance = len(rows) * share + 2 * math.sqrt(len(rows) * share * (1 - share))
    return found if found > by_chance else 0


def _keys(x: Any) -> list[bytes]:
    """The bytes of each row as float64; equal numbers have equal bytes."""
    values = np.ascontiguousarray(x, np.float64) + 0.0  # -0 becomes 0
    values[np.isnan(values)] = np.nan
    return [row.tobytes() for row in values]


# --- rows that cannot be predicted, or only in part -------------------------------------------------------------------


def blank_warning(part: Predicted) -> Iterator[str]:
    """A sentence on the rows without a prediction, if there are any."""
    blank, rows = len(part.blank), len(part.outputs)
    if blank:
        verb, them = ("has", "it") if blank == 1 else ("have", "them")
        figures = f", and figures are of the other {part.rows:,}" if part.targets is not None and part.rows else ""
        found = f"{blank:,} of {_rows(rows)} {verb} a blank ({_places(part)})"
        yield f"{found}: no prediction for {them}{figures}; {_CURE}"


def _places(part: Predicted) -> str:
    """The lines of the blank rows, or their numbers where lines are not known."""
    lines = part.facts.lines
    places = part.numbers[part.blank] if lines is None else lines[part.blank]
    what = ("row" if lines is None else "line") + ("s" if len(places) > 1 else "")
    return f"{what} {_listed([str(place) for place in places.tolist()])}"


_CURE = "fill or delete such rows, or train with data.blanks: mean or median"


def rounding_warning(model: Model, new: NewRows, blank: NDArray[np.int64]) -> Iterator[str]:
    """Sentences on inputs and targets of new rows, but for `blank` ones, that fall together in the run's precision."""
    rows = np.delete(np.arange(len(new.x)), blank)
    found = rounded_columns(new.x, rows, model.scaling, model.theta.dtype)
    yield from rounded_inputs(found, model.columns.input_names, None)
    if new.y is None or model.experiment.task != "regression":
        return
    scaling = model.target_scaling or Scaling.fit(new.y, "none")
    for one in rounded_columns(new.y, rows, scaling, model.theta.dtype):
        yield rounded_new_target(one, model.columns.targets[one.column], scaled=model.target_scaling is not None)


def with_unseen(model: Model, x: Any, facts: RowFacts) -> RowFacts:
    """The facts of rows x (N, inputs), in which categories are marked, too, that are known but in no training row."""
    unseen = taken_out(model.columns, model.scaling)
    if not len(unseen):
        return facts
    names, marks = model.columns.input_names, list(facts.unseen) or [""] * len(x)
    for i in unseen.tolist():
        for row in np.flatnonzero(x[:, i] > 0).tolist():
            marks[row] += f"; {names[i]}" if marks[row] else names[i]
    return replace(facts, unseen=tuple(marks))


def unseen_warnings(columns: Columns, predicted: Mapping[str, Predicted]) -> Iterator[str]:
    """A sentence for each column with categories that training never saw."""
    marks = [mark for part in predicted.values() if part.facts.unseen for mark in part.of_rows(part.facts.unseen)]
    texts = {column.name: column for column in columns.inputs if column.categories is not None}
    values = Counter(chain.from_iterable(_unseen_values(tuple(texts), mark) for mark in marks))
    for name, column in texts.items():
        of = {value: count for (own, value), count in values.most_common() if own == name}
        if of:
            rows, most = sum(of.values()), [quoted(value) for value in of]
            found = f"column {quoted(name)}: {rows:,} of {_rows(len(marks))} {'has' if rows == 1 else 'have'}"
            yield f"{found} a value that training never saw ({_listed(most)}), read as {_read_as(column)}"


def _read_as(column: InputColumn) -> str:
    return "'other'" if column.rare else "none of those it knows"


def _unseen_values(names: Sequence[str], mark: str) -> list[tuple[str, str]]:
    """Column and value of each category in `column=value; column=value`; a value may have these signs, too."""
    found: list[tuple[str, str]] = []
    for piece in mark.split("; ") if mark else ():
        name = max((name for name in names if piece.startswith(f"{name}=")), key=len, default=None)
        if name is not None:
            found.append((name, piece[len(name) + 1 :]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}; {piece}")
    return found


def _listed(items: Sequence[str]) -> str:
    """The first of some items."""
    return ", ".join(items[:_NAMED]) + (", …" if len(items) > _NAMED else "")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
