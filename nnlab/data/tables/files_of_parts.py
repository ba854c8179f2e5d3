"""One table in several files, one for each part: rows of training, validation and test become one data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import PARTS, Dataset, NewRows, RowFacts, Task
from nnlab.data.files import counted, refuse
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.reading import read_csv, read_csv_like
from nnlab.errors import printable
from nnlab.maths.one_hot import OneHot

# The facts of rows that are arrays, each with what stands for a row of a file that does not know the fact.
_UNKNOWN = {"lines": 0, "groups": -1, "times": np.nan, "weights": 1.0}


def read_parts(path: Path, *, task: Task, options: TableOptions) -> Dataset:
    """The data set of a table whose training part is the file `path`, and whose other parts are `options.files`.

    Rows of the other parts are dropped as those of the first one, or have their blanks filled from it. DataError for a
    blank that is neither, with all faults of a file.
    """
    train = read_csv(path, task=task, options=replace(options, files=None))
    others = {
        part: _part(Path(file), train, options) for part, file in (options.files or {}).items() if part != "train"
    }
    return joined(train, others)


def _part(path: Path, train: Dataset, options: TableOptions) -> NewRows:
    filled = options.blanks in ("mean", "median")
    rows = read_csv_like(path, train.columns, task=train.task, blanks_allowed=filled, options=options)
    blank: NDArray[np.bool_] = np.isnan(np.asarray(rows.x)).any(axis=1)
    if filled or not blank.any():
        return rows
    lines = np.zeros(len(blank), np.int64) if rows.rows.lines is None else rows.rows.lines
    some = ", ".join(map(str, lines[blank][:3].tolist())) + (", …" if blank.sum() > 3 else "")
    found = f"{counted(int(blank.sum()), 'row')} of {len(blank)} with blanks (lines {some})"
    if options.blanks == "refuse":
        refuse(
            path, f"found {found}, expected values (data.blanks: drop leaves such rows out, mean or median fill them)"
        )
    told = f"{found} dropped from {printable(str(path))}"
    return replace(_picked(rows, np.flatnonzero(~blank)), warnings=(*rows.warnings, told))


def _picked(rows: NewRows, kept: NDArray[np.int64]) -> NewRows:
    """These rows alone, with what is known of them."""
    facts = rows.rows
    arrays = {name: None if (values := getattr(facts, name)) is None else values[kept] for name in _UNKNOWN}
    texts = {name: tuple(cells[row] for row in kept.tolist()) for name, cells in facts.kept.items()}
    unseen = tuple(facts.unseen[row] for row in kept.tolist()) if facts.unseen else ()
    y = None if rows.y is None else rows.y[kept]
    return replace(rows, x=rows.x[kept], y=y, rows=replace(facts, **arrays, kept=texts, unseen=unseen))


def joined(train: Dataset, others: Mapping[str, NewRows]) -> Dataset:
    """The rows of `train`, then those of the other parts, "val" and "test", with `rows.parts` saying which are which.

    The others are read in the way of `train`, whose columns, readings and name the set keeps. Its fingerprint covers
    all files and which part each of them is. A fact of rows that `train` does not have is dropped; one that another
    file does not have is line 0, group -1, time nan, weight 1, or an empty cell. Groups are numbers within each file,
    and mean nothing beyond it. DataError for a file without targets.
    """
    read = {part: others[part] for part in PARTS[1:] if part in others}
    for part, rows in read.items():
        if rows.y is None:
            expected = f"expected the targets of the file for train: {', '.join(train.columns.targets)}"
            refuse(None, f"found no targets in the file for {part}, {expected}", key=("data", "files", part))
    shared = [_shared(train, part, rows) for part, rows in read.items()]
    return replace(
        train,
        x=np.concatenate([train.x, *(rows.x for rows in read.values())]),
        y=_one_after_the_other([train.y, *(rows.y for rows in read.values() if rows.y is not None)]),
        fingerprint=_fingerprint(
            {"train": train.fingerprint} | {part: rows.fingerprint for part, rows in read.items()}
        ),
        warnings=(*train.warnings, *(text for rows in read.values() for text in rows.warnings), *filter(None, shared)),
        rows=_joined_facts(train, read),
    )


def _one_after_the_other(targets: Sequence[Any]) -> Any:
    """The targets of several files, (N, outputs)."""
    return OneHot.concatenate(targets) if isinstance(targets[0], OneHot) else np.concatenate(targets)


def _whole_rows(x: Any, y: Any) -> NDArray[Any]:
    """Inputs and targets side by side, (N, columns); of very many classes the number of the class."""
    return np.column_stack([x, y.codes if isinstance(y, OneHot) else y])


def _shared(train: Dataset, part: str, rows: NewRows) -> str:
    """A warning of rows that are in the file for training too; "" where there are none."""
    known = {row.tobytes() for row in _whole_rows(train.x, train.y)}
    again = 0 if rows.y is None else sum(row.tobytes() in known for row in _whole_rows(rows.x, rows.y))
    if not again:
        return ""
    found = f"{again:,} of {counted(len(rows.x), 'row')} in the file for {part}"
    return f"{found} {'is' if again == 1 else 'are'} in that for train too: figures on them flatter"


def _fingerprint(of_parts: Mapping[str, str]) -> str:
    """The SHA-256, in hex, of the parts with their fingerprints."""
    return hashlib.sha256("\n".join(f"{part} {digest}" for part, digest in of_parts.items()).encode()).hexdigest()


def _joined_facts(train: Dataset, others: Mapping[str, NewRows]) -> RowFacts:
    sizes = [len(train.y), *(len(rows.x) for rows in others.values())]
    facts = [train.rows, *(rows.rows for rows in others.values())]
    numbers = [0, *(PARTS.index(part) for part in others)]
    arrays = {name: _arrays(name, facts, sizes) for name in _UNKNOWN if getattr(train.rows, name) is not None}
    return RowFacts(
        parts=np.repeat(np.array(numbers, np.int8), sizes),
        kept={name: _texts([of.kept.get(name, ()) for of in facts], sizes) for name in train.rows.kept},
        unseen=_texts([of.unseen for of in facts], sizes) if any(of.unseen for of in facts) else (),
        **arrays,
    )


def _arrays(name: str, facts: Sequence[RowFacts], sizes: Sequence[int]) -> Any:
    """One fact of all rows (N,)."""
    values = [getattr(of, name) for of in facts]
    filled = [np.full(size, _UNKNOWN[name]) if v is None else v for v, size in zip(values, sizes, strict=True)]
    return np.concatenate(filled).astype(values[0].dtype)


def _texts(values: Sequence[tuple[str, ...]], sizes: Sequence[int]) -> tuple[str, ...]:
    """One text of all rows; empty where a file has none."""
    return tuple(text for texts, size in zip(values, sizes, strict=True) for text in (texts or ("",) * size))
