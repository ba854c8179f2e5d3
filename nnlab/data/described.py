"""The columns of a data set as they were read: one entry for each column of a table, of an image one for all pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import ColumnReading, Dataset
from nnlab.data.files import quoted

_MANY = 50  # columns of an array, which have no names of their own


def columns_of(dataset: Dataset) -> tuple[ColumnReading, ...]:
    """How each column was read, with the number of different values of inputs and targets counted."""
    if dataset.readings and not dataset.image_shape:
        places = _places(dataset)
        return tuple(_counted(reading, places) for reading in dataset.readings)
    return (*_inputs(dataset), *_targets(dataset))


def _places(dataset: Dataset) -> dict[str, NDArray[Any]]:
    """The values of each number that is an input or a target, by its column."""
    found, start = dict[str, NDArray[Any]](), 0
    for column in dataset.columns.inputs:
        if column.categories is None and column.width == 1:
            found[column.name] = dataset.x[:, start]
        start += column.width
    if dataset.task == "regression":
        found |= {name: dataset.y[:, place] for place, name in enumerate(dataset.columns.targets)}
    return found


def _counted(reading: ColumnReading, places: dict[str, NDArray[Any]]) -> ColumnReading:
    if reading.different is not None or reading.name not in places:
        return reading
    return replace(reading, different=different(places[reading.name]))


def different(values: NDArray[Any]) -> int:
    """The number of different values, blanks left out."""
    return len(np.unique(values[~np.isnan(values)]))


def _inputs(dataset: Dataset) -> Iterator[ColumnReading]:
    """The inputs of a set that is no table."""
    inputs, image = dataset.columns.inputs, dataset.columns.image
    if dataset.image_shape or len(inputs) > _MANY:
        count = int(dataset.x.shape[1])
        name = image.name if image else f"{inputs[0].name} … {inputs[-1].name}"
        shape = " × ".join(map(str, dataset.sample_shape)) if dataset.image_shape else ""
        yield ColumnReading(name, "input", f"image {shape}" if shape else "number", None, 0, "", count)
        return
    for place, column in enumerate(inputs):
        values = np.asarray(dataset.x[:, place], np.float64)
        shown = f"{np.nanmin(values):g} … {np.nanmax(values):g}"
        missing = int(np.isnan(values).sum())
        yield ColumnReading(column.name, "input", "number", different(values), missing, shown, 1)


def _targets(dataset: Dataset) -> Iterator[ColumnReading]:
    columns, y = dataset.columns, dataset.y
    for place, name in enumerate(columns.targets):
        if columns.classes:
            shown = ", ".join(map(quoted, columns.classes[:3])) + (", …" if len(columns.classes) > 3 else "")
            yield ColumnReading(name, "target", "class", len(columns.classes), 0, shown, 0)
        else:
            values = y[:, place]
            read_as = "label" if dataset.task == "multilabel" else "number"
            yield ColumnReading(
                name, "target", read_as, different(values), 0, f"{values.min():g} … {values.max():g}", 0
            )


COLUMNS = ("column", "read as", "different", "missing", "range or examples", "inputs", "why")


def rows_of(columns: tuple[ColumnReading, ...]) -> list[list[str]]:
    """The columns as rows of a table with the headings COLUMNS."""
    return [
        [
            one.name or "(no name)",
            {"input": one.read_as, "target": f"target: {one.read_as}"}.get(one.role, one.role),
            "" if one.different is None else f"{one.different:,}",
            f"{one.missing:,}" if one.missing else "",
            one.shown,
            f"{one.inputs:,}" if one.inputs else "",
            one.why,
        ]
        for one in columns
    ]
