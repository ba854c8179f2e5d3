"""Categories that training never saw: one-hot inputs that are 0 in each of its rows, so that no weight learns of them.

What a weight that was never trained makes of its input is chance. `Scaling.without` takes such inputs out, in training
and for every row that the model sees later; a column that has a category for rare texts, "other", reads them as that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np

from nnlab.data.dataset import Columns, Dataset, InputColumn
from nnlab.data.files import counted, quoted
from nnlab.data.scaling import Scaling
from nnlab.data.splits import Rows, Split
from nnlab.data.tables.encode import OTHER


def never_seen(dataset: Dataset, rows: Rows) -> Rows:
    """The one-hot inputs, by index, that are 0 in all the training `rows`."""
    found = [np.zeros(0, np.int64)]
    for start, column in _one_hot(dataset.columns):
        seen = (dataset.x[rows, start : start + column.width] > 0).any(axis=0)
        found.append(start + np.flatnonzero(~seen))
    return np.concatenate(found)


def taken_out(columns: Columns, scaling: Scaling) -> Rows:
    """The one-hot inputs, by index, that `Scaling.without` has taken out."""
    out = (scaling.shift == 0) & np.isinf(scaling.divisor)
    found = [start + np.flatnonzero(out[start : start + column.width]) for start, column in _one_hot(columns)]
    return np.concatenate([np.zeros(0, np.int64), *found])


def as_other(x: Any, columns: Columns, unseen: Rows) -> Any:
    """Raw inputs (N, inputs) in which the inputs `unseen` are read as other; a copy, if a column has that category."""
    moved = x
    for start, column in _one_hot(columns) if len(unseen) else ():
        mine, other = _unseen_in(start, column, unseen), _other(start, column, unseen)
        if len(mine) and other is not None:
            moved = x.copy() if moved is x else moved
            moved[:, other] = np.maximum(moved[:, other], moved[:, mine].max(axis=1))
    return moved


def unseen_warnings(dataset: Dataset, parts: Split, unseen: Rows) -> Iterator[str]:
    """A sentence for each column with categories that validation or test rows have, and training never saw.

    They are among the inputs `unseen`, or have no input, as those of another file, which `RowFacts.unseen` names.
    """
    names = [name for name, rows in (("validation", parts.validation), ("test", parts.test)) if len(rows)]
    others = np.concatenate([parts.validation, parts.test])
    marked = _marked(dataset, others)
    for start, column in _one_hot(dataset.columns):
        mine = _unseen_in(start, column, unseen)
        rows_of = (dataset.x[np.ix_(others, mine)] > 0).sum(axis=0).tolist()
        of_inputs = {column.input_names[i - start]: count for i, count in zip(mine, rows_of, strict=True) if count}
        of_texts = {text: count for text, count in marked.items() if text.startswith(f"{column.name}=")}
        found = {text.removeprefix(f"{column.name}="): n for text, n in (of_inputs | of_texts).items()}
        if found:
            where = (
                f"in {counted(sum(found.values()), 'row')} of the {' and '.join(names)} part{'s' * (len(names) > 1)}"
            )
            is_other = _other(start, column, unseen) is not None
            yield f"{_never_saw(column, list(found))} {where}: {_count_as(len(found), is_other=is_other)} there"


def _marked(dataset: Dataset, rows: Rows) -> Counter[str]:
    """How many of some rows have each category without an input, as `column=text`."""
    if not dataset.rows.unseen:
        return Counter()
    return Counter(text for row in rows.tolist() for text in dataset.rows.unseen[row].split("; ") if text)


def _never_saw(column: InputColumn, texts: list[str]) -> str:
    listed = ", ".join(map(quoted, texts[:3])) + (", …" if len(texts) > 3 else "")
    categories = counted(len(texts), "category", "categories")
    return f"column {quoted(column.name)} has {categories} that training never saw ({listed})"


def _count_as(categories: int, *, is_other: bool) -> str:
    if is_other:
        return f"{'it counts' if categories == 1 else 'they count'} as '{OTHER}'"
    return "its input counts as 0" if categories == 1 else "their inputs count as 0"


def _one_hot(columns: Columns) -> Iterator[tuple[int, InputColumn]]:
    """The columns of categories, each with the index of its first input."""
    starts = accumulate((column.width for column in columns.inputs), initial=0)
    yield from ((start, column) for start, column in zip(starts, columns.inputs, strict=False) if column.categories)


def _unseen_in(start: int, column: InputColumn, unseen: Rows) -> Rows:
    """Those of the inputs `unseen` that are of a column."""
    mine: Rows = unseen[(start <= unseen) & (unseen < start + column.width)]
    return mine


def _other(start: int, column: InputColumn, unseen: Rows) -> int | None:
    """The input for rare texts of a column that has one, if training saw it."""
    if not column.rare or not column.categories:
        return None
    other = start + column.categories.index(OTHER)
    return None if other in unseen else other
