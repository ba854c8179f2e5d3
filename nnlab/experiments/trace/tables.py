"""The numbers of a traced step as tables of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.experiments.trace.quantities import TracedQuantity, TraceSection

Array = NDArray[Any]

BLANK = "____"
DIGITS = 6
_ON_ZEROS = "a sum that is 0 but for rounding is shown as 0; --json has its bits"


@dataclass(frozen=True)
class TraceTable:
    """A table of texts: the first column has words, the others have numbers. There may be no title."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def number(value: float, digits: int = DIGITS) -> str:
    """A number with so many significant digits."""
    return f"{value + 0.0:.{digits}g}"  # + 0.0 makes 0 of -0


def formulas(section: TraceSection) -> list[tuple[str, str]]:
    """Each formula of a section, and the name of its cells; a quantity without a formula by its symbol."""
    own = [one for one in section.quantities if one.formula or not one.name.startswith("batch.")]
    shown = [one for one in own if not section.in_a_list and not one.name.endswith(".old")]
    return [(f"{one.symbol} = {one.formula}" if one.formula else one.symbol, one.name) for one in shown]


def notes(section: TraceSection) -> list[str]:
    """The notes of a section, with one on numbers that are shown as 0 though they are not."""
    has_zeros = any(one.cancelled is not None and one.cancelled.any() for one in section.quantities if not one.is_blank)
    return [*section.notes, *[_ON_ZEROS] * has_zeros]


def results(section: TraceSection, digits: int) -> list[str]:
    """Each single number of a section as an equation."""
    return [f"{one.symbol} = {shown(one, digits)[()]}" for one in section.quantities if not one.labels]


def grids(section: TraceSection, digits: int) -> Iterator[TraceTable]:
    """The numbers of a section: of rows side by side, of parameters below each other, of images channel by channel."""
    if section.in_a_list:
        yield _list_of_parameters(section.quantities, digits)
        return
    arrays = [one for one in section.quantities if one.labels]
    for kind, group in groupby(arrays, key=_kind):
        some = list(group)
        if kind == "rows":
            yield _side_by_side(some, digits)
        elif kind == "parameters":
            yield from _below_each_other(some, digits)
        else:
            yield from (grid for one in some for grid in _by_channel(one, digits))


def _kind(quantity: TracedQuantity) -> str:
    if quantity.values.ndim > 2:
        return "images"
    return "rows" if quantity.rows else "parameters"


def shown(quantity: TracedQuantity, digits: int) -> Array:
    """The numbers as texts, or blanks in their places; 0 for what is the rounding of a sum that is 0."""
    values = quantity.values if quantity.cancelled is None else np.where(quantity.cancelled, 0, quantity.values)
    texts = [BLANK if quantity.is_blank else number(value, digits) for value in values.ravel().tolist()]
    return np.array(texts, object).reshape(quantity.values.shape)


def _side_by_side(some: Sequence[TracedQuantity], digits: int) -> TraceTable:
    """A line for each row of the batch."""
    columns = [heading for one in some for heading in _headings(one)]
    cells = np.concatenate([shown(one, digits) for one in some], axis=1)
    rows = zip(some[0].labels[0], cells.tolist(), strict=True)
    return TraceTable("", ("", *columns), tuple((label, *texts) for label, texts in rows))


def _headings(quantity: TracedQuantity) -> list[str]:
    """Units are those of the symbol, and a single unit is the symbol; other labels stand for themselves."""
    units = quantity.labels[1]
    if units == ("unit 0",):
        return [quantity.symbol]
    return [f"{quantity.symbol} {unit}" if unit.startswith("unit ") else unit for unit in units]


def _below_each_other(some: Sequence[TracedQuantity], digits: int) -> Iterator[TraceTable]:
    """A line for each input of the units, and for each vector; one table of all with the same units."""
    for units, group in groupby(some, key=lambda one: one.labels[-1]):
        rows: list[tuple[str, ...]] = []
        for one in group:
            words = [one.symbol] if len(one.labels) == 1 else [f"{one.symbol} from {label}" for label in one.labels[0]]
            cells = shown(one, digits).reshape(len(words), -1).tolist()
            rows += [(label, *texts) for label, texts in zip(words, cells, strict=True)]
        yield TraceTable("", ("", *units), tuple(rows))


def _by_channel(quantity: TracedQuantity, digits: int) -> Iterator[TraceTable]:
    """A table of pixels for each row of the batch and each channel, or of weights for each pair of channels."""
    for words, texts in matrices(quantity, digits):
        rows = tuple((f"[{number}]", *line) for number, line in enumerate(texts.tolist()))
        yield TraceTable(f"{quantity.symbol} {words}", ("", *(f"[{number}]" for number in range(texts.shape[1]))), rows)


def matrices(quantity: TracedQuantity, digits: int) -> Iterator[tuple[str, Array]]:
    """The matrices of an image of each row (rows, height, width, channels), or of weights (height, width, in, out)."""
    texts = shown(quantity, digits)
    if quantity.rows:
        for (place, row), channel in _pairs(enumerate(quantity.rows), range(texts.shape[3])):
            yield f"of row {row}, channel {channel}", texts[place, :, :, channel]
    else:
        for given, made in _pairs(range(texts.shape[2]), range(texts.shape[3])):
            yield f"from channel {given} to channel {made}", texts[:, :, given, made]


def _pairs(first: Iterable[Any], second: Sequence[int]) -> Iterator[tuple[Any, int]]:
    return ((one, other) for one in first for other in second)


def _list_of_parameters(quantities: Sequence[TracedQuantity], digits: int) -> TraceTable:
    """A line for each parameter, with its name."""
    tensors: dict[str, list[TracedQuantity]] = {}
    for one in quantities:
        tensors.setdefault(one.name.rpartition(".")[0], []).append(one)
    headings = [one.heading for one in next(iter(tensors.values()))]
    rows: list[tuple[str, ...]] = []
    for some in tensors.values():
        labels = [label.replace(f".{some[0].name.rpartition('.')[2]}", "", 1) for label, _ in some[0].cells()]
        columns = [shown(one, digits).ravel().tolist() for one in some]
        rows += zip(labels, *columns, strict=True)
    return TraceTable("", ("", *headings), tuple(rows))
