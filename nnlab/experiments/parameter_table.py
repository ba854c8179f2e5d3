"""The weights and biases of a training as it goes: tables for people, the columns of parameters.csv, and their way.

Of a network of up to a hundred parameters each is shown by its name, such as `dense1/weights[0,1]`; of a larger one the
norm of each tensor, `dense1/weights/norm`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layout import Layout
from nnlab.setup.setup import Setup
from nnlab.storage.metrics import read_figures

Array = NDArray[Any]

PARAMETERS: Final = "parameters.csv"
MOST_SHOWN = 100


@dataclass(frozen=True)
class ParameterTable:
    """A table for people: a title, the headings of its columns, and rows of as many cells; the first is a name."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> Iterator[str]:
        """The table as lines of text: names to the left, numbers to the right."""
        cells = [self.columns, *self.rows]
        first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
        yield self.title
        for name, *numbers in cells:
            padded = (number.rjust(width) for number, width in zip(numbers, others, strict=True))
            yield "  ".join([name.ljust(first), *padded]).rstrip()


@dataclass(frozen=True)
class ParameterWay:
    """The parameters over the recorded steps (T,): of each tensor its entries, (T, *shape), or its norms, (T,)."""

    steps: Array
    tensors: dict[str, Array]
    are_norms: bool


def is_small(layout: Layout) -> bool:
    """Whether every parameter is shown, and not norms."""
    return layout.size <= MOST_SHOWN


def shows_parameters(setup: Setup, step: int) -> bool:
    """Whether the parameters after `step` updates are shown: at the start, every so many epochs, and at the end."""
    every = setup.experiment.training.show_parameters
    return every is not None and (step % (every * setup.epoch_steps) == 0 or step == setup.plan.steps)


def parameter_columns(setup: Setup) -> list[str]:
    """The columns of parameters.csv after step and epoch."""
    layout = setup.network.layout
    if is_small(layout):
        return [layout.label(column) for column in range(layout.size)]
    return [f"{spec.name}/norm" for spec in layout.specs]


def parameter_values(layout: Layout, theta: Array) -> list[float]:
    """The values of these columns for one network, theta (1, P)."""
    if is_small(layout):
        return [float(value) for value in theta[0]]
    return [float(np.linalg.norm(view.astype(np.float64))) for view in layout.views(theta).values()]


def parameter_tables(layout: Layout, theta: Array, step: int, epoch: float) -> list[ParameterTable]:
    """Tables of one network, theta (1, P): one for each layer, or a single one of the norms."""
    when = f"at step {step:,}, epoch {epoch:,.4g}"
    if not is_small(layout):
        shapes = [" × ".join(map(str, spec.shape)) for spec in layout.specs]
        norms = map(_number, parameter_values(layout, theta))
        rows = [[spec.name, *row] for spec, *row in zip(layout.specs, shapes, norms, strict=True)]
        return [ParameterTable(f"norms of weights and biases {when}", ["tensor", "shape", "norm"], rows)]
    by_layer = groupby(layout.views(theta).items(), key=lambda view: view[0].partition("/")[0])
    return [_of_layer(f"{layer} {when}", {name: view[0] for name, view in views}) for layer, views in by_layer]


def _of_layer(title: str, tensors: dict[str, Array]) -> ParameterTable:
    """The tensors of one layer: a column for each unit (the last axis), a row for each number that comes into it."""
    units = max(view.shape[-1] for view in tensors.values())
    rows = [
        [f"{name.partition('/')[2]}{_index(place)}", *map(_number, view[place]), *[""] * (units - view.shape[-1])]
        for name, view in tensors.items()
        for place in np.ndindex(view.shape[:-1])
    ]
    return ParameterTable(title, ["of unit", *map(str, range(units))], rows)


def _index(place: Sequence[int]) -> str:
    return f"[{','.join(map(str, place))}]" if place else ""


def _number(value: float) -> str:
    """Four decimals, so that a column can be compared; very small and very large numbers by their power of ten."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def parameter_way(folder: Path, setup: Setup) -> ParameterWay | None:
    """The way of the parameters as parameters.csv tells it; None where nothing is recorded."""
    if setup.experiment.training.show_parameters is None:
        return None
    layout, columns = setup.network.layout, parameter_columns(setup)
    rows = [*read_figures(folder / PARAMETERS, columns)]
    values = np.array([[figures.get(name, np.nan) for name in columns] for _, _, figures in rows])
    values, steps = values.reshape(len(rows), len(columns)), np.array([step for step, _, _ in rows], int)
    if is_small(layout):
        shapes = {spec.name: (len(rows), *spec.shape) for spec in layout.specs}
        tensors = {name: values[:, layout.places[name]].reshape(shape) for name, shape in shapes.items()}
    else:
        tensors = {spec.name: values[:, place] for place, spec in enumerate(layout.specs)}
    return ParameterWay(steps, tensors, not is_small(layout))
