"""What an exported model takes, as other programs see it: its inputs, named and described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, InputColumn
from nnlab.data.files import counted
from nnlab.data.unseen import as_other, taken_out
from nnlab.errors import ConfigError, printable
from nnlab.setup.model import Model

InputsForm = Literal["array", "columns"]
ARRAY = "input"  # the name of the input that is one array
OUTPUT, LABEL = "output", "label"

_MOST_NAMES = 200

# So many deviations from 0, float32 rounds a value by some 1e-5 of a deviation.
_FAR = 128


@dataclass(frozen=True)
class Port:
    """An input or output: type (float32, float64, int64 or string), shape, in which N counts rows, and words."""

    name: str
    type: str
    shape: tuple[int | str, ...]
    about: str = ""

    def document(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {"name": self.name, "type": self.type, "shape": [*self.shape], "about": self.about}


def input_ports(model: Model, form: InputsForm) -> tuple[Port, ...]:
    """The inputs: one array as nnlab encodes a table, or an input for each column. ConfigError where it has none."""
    if form == "array":
        about = f"the inputs of a row in this order: {listed_inputs(model.columns)}"
        return (Port(ARRAY, _number_type(model, slice(None)), ("N", model.columns.width), about),)
    if model.columns.image is not None:
        raise ConfigError("--inputs: found columns, but the inputs are the pixels of an image; expected array")
    ports = tuple(port for start, column in placed(model.columns) for port in _ports_of(model, start, column))
    for name, times in Counter([OUTPUT, LABEL, *(port.name for port in ports)]).items():
        if times > 1:
            found = f"found a column named {printable(name)}, as another input or an output of the model is"
            raise ConfigError(f"--inputs: {found}; expected array, or another name of the column")
    return ports


def output_port(model: Model) -> Port:
    """The outputs (N, K): probabilities, or values in the targets' own units."""
    columns, task = model.columns, model.experiment.task
    each = columns.classes if task == "multiclass" else columns.targets
    about = f"of {columns.classes[1]}" if task == "binary" else f"in this order: {', '.join(each[:_MOST_NAMES])}"
    return Port(OUTPUT, str(model.theta.dtype), ("N", model.network.outputs), about)


def placed(columns: Columns) -> Iterator[tuple[int, InputColumn]]:
    """Each input column with the index of its first network input."""
    starts = accumulate((column.width for column in columns.inputs), initial=0)
    yield from zip(starts, columns.inputs, strict=False)


def listed_inputs(columns: Columns) -> str:
    """What the inputs are, in their order."""
    if columns.image is not None:
        assert columns.image.shape is not None
        channels, rows, width = columns.image.shape
        return f"the pixels of {counted(channels, 'channel')} of {rows} × {width}, channel after channel, row by row"
    names = columns.input_names
    more = f", … ({len(names):,} in all)" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _ports_of(model: Model, start: int, column: InputColumn) -> Iterator[Port]:
    if column.categories is not None:
        yield Port(column.name, "string", ("N",), f"one of {', '.join(column.categories[:_MOST_NAMES])}")
        return
    for offset, name in enumerate(column.input_names):
        at = slice(start + offset, start + offset + 1)
        yield Port(name, _number_type(model, at), ("N",), _about(column, offset))


def _about(column: InputColumn, offset: int) -> str:
    if column.date:
        part = column.date.parts[offset]
        words = {
            "days": f"days since {column.date.origin}",
            "weekday": "1 (Monday) to 7",
            "hour": "hours, in parts too",
        }
        return f"{words.get(part, part)} of the date {column.name}"
    if column.is_time:
        return "hours since midnight"
    return f"the number without its {column.symbol}" if column.symbol else "a number"


def _number_type(model: Model, at: slice) -> str:
    """float32, unless the network computes in float64, or float32 would blur what scaling makes of a column."""
    return "float64" if model.theta.dtype == np.float64 or _is_far(model)[at].any() else "float32"


def _is_far(model: Model) -> NDArray[np.bool_]:
    """Whether each input varies so little, so far from 0, that float32 would blur it."""
    found: NDArray[np.bool_] = np.abs(model.scaling.shift) > _FAR * model.scaling.divisor
    return found


def blurred(model: Model) -> list[str]:
    """The names of the inputs for which a float32 network is given float64."""
    if model.theta.dtype == np.float64:
        return []
    names = model.columns.input_names
    return [names[i] for i in np.flatnonzero(_is_far(model)).tolist()]


def merged_inputs(model: Model) -> dict[int, list[int]]:
    """By the index of a category for rare texts, the inputs that count as it: categories that training never saw."""
    unseen = taken_out(model.columns, model.scaling)
    if not len(unseen):
        return {}
    every = np.eye(model.columns.width)
    moved = as_other(every, model.columns, unseen) - every
    return {other: np.flatnonzero(moved[:, other]).tolist() for other in np.flatnonzero(moved.any(axis=0)).tolist()}
