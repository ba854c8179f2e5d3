"""Categories that training never saw: one-hot inputs that are 0 in each of its rows, so that no weight learns of them.

`Scaling.without` takes such inputs out, in training and for every row that the model sees later: what a weight that was
never trained would make of them is chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from nnlab.data.dataset import Dataset, InputColumn
from nnlab.data.files import counted, quoted
from nnlab.data.splits import Rows, Split


def never_seen(dataset: Dataset, rows: Rows) -> Rows:
    """The one-hot inputs, by index, that are 0 in all the training `rows`."""
    found = [np.zeros(0, np.int64)]
    for start, column in _one_hot(dataset):
        seen = (dataset.x[rows, start : start + column.width] > 0).any(axis=0)
        found.append(start + np.flatnonzero(~seen))
    return np.concatenate(found)


def unseen_warnings(dataset: Dataset, parts: Split, unseen: Rows) -> Iterator[str]:
    """A sentence for each column with categories that are among the inputs `unseen`, but in other parts."""
    names = [name for name, rows in (("validation", parts.validation), ("test", parts.test)) if len(rows)]
    others = np.concatenate([parts.validation, parts.test])
    for start, column in _one_hot(dataset):
        mine = unseen[(start <= unseen) & (unseen < start + column.width)]
        rows_of = (dataset.x[np.ix_(others, mine)] > 0).sum(axis=0)
        texts = [column.input_names[i - start].removeprefix(f"{column.name}=") for i in mine[rows_of > 0]]
        if texts:
            listed = ", ".join(map(quoted, texts[:3])) + (", …" if len(texts) > 3 else "")
            categories = counted(len(texts), "category", "categories")
            found = f"column {quoted(column.name)} has {categories} that training never saw ({listed})"
            where = f"in {counted(int(rows_of.sum()), 'row')} of the {' and '.join(names)} part{'s' * (len(names) > 1)}"
            yield f"{found} {where}: {'its input counts' if len(texts) == 1 else 'their inputs count'} as 0 there"


def _one_hot(dataset: Dataset) -> Iterator[tuple[int, InputColumn]]:
    """The columns of categories, each with the index of its first input."""
    columns = dataset.columns.inputs
    starts = accumulate((column.width for column in columns), initial=0)
    yield from ((start, column) for start, column in zip(starts, columns, strict=False) if column.categories)
