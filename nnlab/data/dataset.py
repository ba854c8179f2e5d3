"""A data set as read: rows of inputs and targets, not yet split or scaled, and how table columns were encoded."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dates import DateCode
from nnlab.data.stored import StoredRows
from nnlab.maths.one_hot import OneHot

Task = Literal["binary", "multiclass", "multilabel", "regression"]


MOST_PIXELS = 2**22  # inputs of one image, each of which has a name

_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class InputColumn:
    """One input column: a number, text that is one-hot encoded over `categories`, a date, or all pixels of an image.

    At numbers in the file there may stand a `symbol`, such as $, and those of `is_time` are times of day, which become
    hours. Texts in `rare` are read as the category "other". A `date` says how dates become numbers. An image has a
    `shape`: (channels, rows, columns). Its pixels are inputs channel after channel, each row by row; `is_bytes` says
    that they are the bytes 0 to 255 of an image file, and not numbers of any kind.
    """

    name: str
    categories: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None
    is_bytes: bool = False
    symbol: str = ""
    is_time: bool = False
    rare: tuple[str, ...] = ()
    date: DateCode | None = None

    @property
    def width(self) -> int:
        """The number of network inputs."""
        return math.prod(self.shape) if self.shape else len(self.input_names)

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name per input: `size`; `island=Biscoe`, `island=Dream`; `sold/days`, `sold/year`; `pixel_0_0`."""
        if self.shape:
            return _pixel_names(self.name, self.shape)
        if self.date:
            return tuple(f"{self.name}/{part}" for part in self.date.parts)
        return (self.name,) if self.categories is None else tuple(f"{self.name}={text}" for text in self.categories)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; name and categories, and of the others those that say something."""
        plain: dict[str, Any] = {"name": self.name, "categories": self.categories}
        if self.shape:
            plain |= {"shape": self.shape, "is_bytes": self.is_bytes}
        if self.date:
            plain["date"] = asdict(self.date)
        return plain | {key: value for key in ("symbol", "is_time", "rare") if (value := getattr(self, key))}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InputColumn:
        """The inverse of `to_dict`, also after a round trip through JSON."""
        categories, shape, date = values["categories"], values.get("shape"), values.get("date")
        return cls(
            values["name"],
            None if categories is None else tuple(categories),
            None if shape is None else (shape[0], shape[1], shape[2]),
            bool(values.get("is_bytes", False)),
            str(values.get("symbol", "")),
            bool(values.get("is_time", False)),
            tuple(values.get("rare", ())),
            None if date is None else DateCode(**date),
        )


@lru_cache(maxsize=4)
def _pixel_names(name: str, shape: tuple[int, int, int]) -> tuple[str, ...]:
    """The name of each pixel of an image: `pixel_0_0` of one channel, `red_0_0` of three, else `channel1_0_0`."""
    channels, rows, columns = shape
    several = _COLOURS if channels == 3 else tuple(f"channel{number}" for number in range(1, channels + 1))
    ends = [f"_{row}_{column}" for row in range(rows) for column in range(columns)]
    return tuple([channel + end for channel in ((name,) if channels == 1 else several) for end in ends])


@dataclass(frozen=True, eq=False)
class Columns:
    """How a table's columns become inputs and targets. Stored with a model, so that new files are read the same way.

    `classes` names the classes in the order of their index: two for a binary task, n for a multiclass one, and empty
    for the others. `targets` names one column for binary and multiclass tasks, one per output for the others. At
    numbers to predict there may stand `symbols` in the file, one for each target; empty where there are none.
    """

    inputs: tuple[InputColumn, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The number of inputs of the network."""
        return sum(column.width for column in self.inputs)

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name per input of the network, in order: a text column has one for each of its categories."""
        return tuple(chain.from_iterable(column.input_names for column in self.inputs))

    @property
    def image(self) -> InputColumn | None:
        """The column of an image, if the inputs are one."""
        return self.inputs[0] if len(self.inputs) == 1 and self.inputs[0].shape else None

    def __eq__(self, other: object) -> bool:
        """Whether both read a row alike; an image equals the list of its pixels, as older checkpoints have it."""
        if not isinstance(other, Columns):
            return NotImplemented
        if (self.targets, self.classes) != (other.targets, other.classes):
            return False
        return self.inputs == other.inputs or (self.width == other.width and self.listed() == other.listed())

    def __hash__(self) -> int:
        return hash((self.targets, self.classes, self.width))

    def listed(self) -> tuple[InputColumn, ...]:
        """The inputs with a column for each pixel of an image, as in a table."""
        if self.image is None:
            return self.inputs
        return tuple([InputColumn(name) for name in self.image.input_names])

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and strings, for JSON."""
        inputs = [column.to_dict() for column in self.inputs]
        plain = {"inputs": inputs, "targets": self.targets, "classes": self.classes}
        return {**plain, "symbols": self.symbols} if self.symbols else plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Columns:
        """The inverse of `to_dict`, also after a round trip through JSON."""
        inputs = tuple(InputColumn.from_dict(column) for column in values["inputs"])
        return cls(inputs, tuple(values["targets"]), tuple(values["classes"]), tuple(values.get("symbols", ())))


def image_column(channels: int, rows: int, columns: int, *, is_bytes: bool) -> tuple[InputColumn]:
    """The inputs of a set of images."""
    return (InputColumn("pixel", shape=(channels, rows, columns), is_bytes=is_bytes),)


PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class RowFacts:
    """What a table says of its rows beside inputs and targets; arrays are (N,), and None where it says nothing.

    `lines` are the lines of the file in which rows begin, from 1. `parts` are the parts that the table gives its rows
    to, as indices into PARTS. Rows with the same number in `groups` stay in one part, and rows with a larger number in
    `times` are later. `weights` say how much each row counts, above or equal to 0. `kept` has the cells of each column
    that is carried into predictions, by name, and `unseen` for each row the categories, as `column=text`, that were not
    among those of training; it is empty where there are none.
    """

    lines: NDArray[np.int64] | None = None
    parts: NDArray[np.int8] | None = None
    groups: NDArray[np.int64] | None = None
    times: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnReading:
    """How a column of a table was read: what a person sees of it in a table of columns.

    `role` is input, target, left out, weight, split, group, time or kept; `read_as` is number, category, date, class
    and so on. `different` and `missing` count values and blanks; `different` is None until `columns_of` counts numbers.
    `shown` is the range or a few examples, `inputs` the number of network inputs, and `why` the reason, empty where it
    is plain.
    """

    name: str
    role: str
    read_as: str
    different: int | None
    missing: int
    shown: str
    inputs: int
    why: str = ""


@dataclass(frozen=True)
class Dataset:
    """Rows of inputs and targets.

    Shapes: `x` is (N, inputs), float64, or uint8 where the inputs are image pixels; a blank cell that the experiment
    allows is nan. It may stay in its file. `y` is (N, outputs) float64: 0 or 1 in one column for a binary task, one-hot
    over the classes for a multiclass one (of more than 1,000 classes a `OneHot`), 0 or 1 per label for a multilabel
    one, the values themselves for a regression.

    The last `own_test` rows are the test part that comes with the set (0 if there is none), and the `own_validation`
    rows before them its validation part. `image_shape` is (height, width) where a row of `x` is an image, channel after
    channel and each row by row. `fingerprint` is the SHA-256 of what was read, in hex. `notes` are sentences about the
    set, and `warnings` those that a user must see before training. `rows` says more of the rows of a table, and
    `readings` how each of its columns was read. `read_from` is the absolute path of its file or folder, empty for a set
    that is computed.
    """

    name: str
    task: Task
    x: NDArray[Any] | StoredRows
    y: NDArray[np.float64]
    columns: Columns
    own_test: int = 0
    image_shape: tuple[int, int] | None = None
    fingerprint: str = ""
    own_validation: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rows: RowFacts = RowFacts()
    readings: tuple[ColumnReading, ...] = ()
    read_from: str = ""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample: (rows, columns, channels) of an image, else (inputs,)."""
        return sample_shape(int(self.x.shape[1]), self.image_shape)

    def has_own(self, part: Literal["val", "test"]) -> bool:
        """Whether the set comes with a validation or a test part."""
        if self.rows.parts is not None:
            return bool((self.rows.parts == PARTS.index(part)).any())
        return (self.own_test if part == "test" else self.own_validation) > 0


def sample_shape(inputs: int, image_shape: tuple[int, int] | None) -> tuple[int, ...]:
    """The shape of a sample with so many inputs: those of an image are its channels, one after the other."""
    return (inputs,) if image_shape is None else (*image_shape, inputs // math.prod(image_shape))


@dataclass(frozen=True)
class NewRows:
    """New rows, read in the way of an earlier set: `x` and `y` as in `Dataset`; `y` is None without targets.

    `names` are the names of the files of images, (N,), as they are, or empty; `warnings` and `rows` are as in
    `Dataset`.
    """

    x: NDArray[Any] | StoredRows
    y: NDArray[np.float64] | None
    fingerprint: str
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rows: RowFacts = RowFacts()


def fingerprint_of(x: NDArray[Any] | StoredRows, y: NDArray[Any], columns: Columns, rows: RowFacts = RowFacts()) -> str:
    """The SHA-256, in hex, of the values of `x` and `y` (row by row, little-endian) and of the columns' names.

    Of very many classes y has their number and the class of each row. Of `rows` it covers what a training depends on:
    parts, groups, times and weights. The same values give the same
    fingerprint on every machine, for every file format and byte order, in memory or not.
    """
    digest = hashlib.sha256()
    targets = [np.array([y.classes]), y.codes] if isinstance(y, OneHot) else [y]
    for values in chain(x.blocks() if isinstance(x, StoredRows) else [x], targets):
        digest.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)
    digest.update("\n".join((*columns.input_names, *columns.targets)).encode())
    for name in ("parts", "groups", "times", "weights"):
        if (facts := getattr(rows, name)) is not None:
            digest.update(name.encode() + np.ascontiguousarray(facts, dtype=facts.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
