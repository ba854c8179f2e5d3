"""A data set as read: rows of inputs and targets, not yet split or scaled, and how table columns were encoded."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.stored import StoredRows

Task = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True)
class InputColumn:
    """One input column of a table: a number, or text that is one-hot encoded over `categories`."""

    name: str
    categories: tuple[str, ...] | None = None

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name per network input: `size`, or `island=Biscoe`, `island=Dream`."""
        return (self.name,) if self.categories is None else tuple(f"{self.name}={text}" for text in self.categories)


@dataclass(frozen=True)
class Columns:
    """How a table's columns become inputs and targets. Stored with a model, so that new files are read the same way.

    `classes` names the classes in the order of their index: two for a binary task, n for a multiclass one, and empty
    for the others. `targets` names one column for binary and multiclass tasks, one per output for the others.
    """

    inputs: tuple[InputColumn, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name per input of the network, in order: a text column has one for each of its categories."""
        return tuple(name for column in self.inputs for name in column.input_names)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and strings, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Columns:
        """The inverse of `to_dict`, also after a round trip through JSON."""
        inputs = tuple(
            InputColumn(column["name"], None if column["categories"] is None else tuple(column["categories"]))
            for column in values["inputs"]
        )
        return cls(inputs, tuple(values["targets"]), tuple(values["classes"]))


@dataclass(frozen=True)
class Dataset:
    """Rows of inputs and targets.

    Shapes: `x` is (N, inputs), float64, or uint8 where the inputs are image pixels; a blank cell that the experiment
    allows is nan. It may stay in its file. `y` is (N, outputs) float64: 0 or 1 in one column for a binary task, one-hot
    over the classes for a multiclass one, 0 or 1 per label for a multilabel one, the values themselves for a
    regression.

    The last `own_test` rows are the test part that comes with the set (0 if there is none). `image_shape` is (height,
    width) where a row of `x` is an image, row by row. `fingerprint` is the SHA-256 of what was read, in hex.
    """

    name: str
    task: Task
    x: NDArray[Any] | StoredRows
    y: NDArray[np.float64]
    columns: Columns
    own_test: int = 0
    image_shape: tuple[int, int] | None = None
    fingerprint: str = ""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample: (rows, columns, channels) of an image, else (inputs,)."""
        return sample_shape(int(self.x.shape[1]), self.image_shape)


def sample_shape(inputs: int, image_shape: tuple[int, int] | None) -> tuple[int, ...]:
    """The shape of a sample with so many inputs: those of an image are its channels, one after the other."""
    return (inputs,) if image_shape is None else (*image_shape, inputs // math.prod(image_shape))


@dataclass(frozen=True)
class NewRows:
    """New rows, read in the way of an earlier set: `x` and `y` as in `Dataset`; `y` is None without targets."""

    x: NDArray[Any] | StoredRows
    y: NDArray[np.float64] | None
    fingerprint: str


def fingerprint_of(x: NDArray[Any] | StoredRows, y: NDArray[Any], columns: Columns) -> str:
    """The SHA-256, in hex, of the values of `x` and `y` (row by row, little-endian) and of the columns' names.

    The same values give the same fingerprint on every machine, for every file format and byte order, in memory or not.
    """
    digest = hashlib.sha256()
    for values in chain(x.blocks() if isinstance(x, StoredRows) else [x], [y]):
        digest.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)
    digest.update("\n".join((*columns.input_names, *columns.targets)).encode())
    return digest.hexdigest()
