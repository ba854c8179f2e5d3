"""What a traced step is: quantities with a name, a symbol and a formula, in the order of a calculation by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class TracedQuantity:
    """A scalar, vector, matrix or larger array of a step, such as `dense1.z` or `dense1/weights.gradient`.

    `labels` has the words for each index of each axis. Where `rows` are given, the first axis counts these rows of the
    batch, and cells have their numbers. `rounding` is how far the values may be off for the precision of the training.
    `heading` is what it is of a parameter, in a word or two. `cancelled`, of the shape of the values, is true where a
    number is nothing but the rounding of a sum that is 0.
    """

    name: str
    symbol: str
    values: Array
    labels: tuple[tuple[str, ...], ...]
    formula: str = ""
    heading: str = ""
    rows: tuple[int, ...] = ()
    rounding: float = 0.0
    cancelled: Array | None = None
    is_blank: bool = False

    def cells(self) -> Iterator[tuple[str, float]]:
        """Each number with the name of its cell: `dense1.z[3,0]`; a scalar has no index."""
        first = [self.rows] if self.rows else []
        indices = product(*first, *map(range, self.values.shape[len(first) :]))
        for index, value in zip(indices, self.values.ravel().tolist(), strict=True):
            yield f"{self.name}[{','.join(map(str, index))}]" if index else self.name, value

    def zeros(self) -> Iterator[str]:
        """The names of the cells that are cancelled."""
        if self.cancelled is not None:
            marked = zip(self.cells(), self.cancelled.ravel().tolist(), strict=True)
            yield from (name for (name, _), is_zero in marked if is_zero)

    def document(self) -> dict[str, Any]:
        """The quantity for `--json`; the values of a blank one are None."""
        about = {"symbol": self.symbol, "formula": self.formula, "shape": list(self.values.shape)}
        rows = {"rows": list(self.rows)} if self.rows else {}
        return {**about, **rows, "values": None if self.is_blank else self.values.tolist()}


@dataclass(frozen=True)
class TraceSection:
    """A part of the calculation: what is computed, and notes that explain it.

    `quantities` may be named again that an earlier section has; `in_a_list` is true where they all have the same shape
    as parameters, and are best shown with a line for each parameter.
    """

    title: str
    quantities: tuple[TracedQuantity, ...]
    notes: tuple[str, ...] = ()
    in_a_list: bool = False


@dataclass(frozen=True)
class Trace:
    """A training step, worked out: `step` counts from 1, and `rows` are those rows of the batch that are shown.

    Values are in the precision of the training. `loss` is the mean over all `batch` rows, before the update.
    `giveaways` has for each quantity those that it could be read back from.
    """

    name: str
    step: int
    steps: int
    seed: int
    precision: str
    batch: int
    rows: tuple[int, ...]
    learning_rate: float
    loss: float
    sections: tuple[TraceSection, ...]
    giveaways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def quantities(self) -> dict[str, TracedQuantity]:
        """Every quantity by its name."""
        return {quantity.name: quantity for section in self.sections for quantity in section.quantities}

    @property
    def blanks(self) -> tuple[str, ...]:
        """The names of the quantities that are left out."""
        return tuple(name for name, quantity in self.quantities.items() if quantity.is_blank)

    @property
    def title(self) -> str:
        """The step in a line."""
        return f"{self.name}: step {self.step:,} of {self.steps:,} by hand, seed {self.seed}, {self.precision}"

    def __getitem__(self, name: str) -> Array:
        """The values of a quantity, such as `trace["dense1/weights.gradient"]`."""
        return self.quantities[name].values

    def document(self) -> dict[str, Any]:
        """The trace for `--json`; the loss of a trace in which it is left out is None."""
        own = ("name", "step", "steps", "seed", "precision", "batch", "learning_rate")
        is_hidden = self.quantities["loss.mean"].is_blank
        return {
            **{name: getattr(self, name) for name in own},
            "rows": list(self.rows),
            "loss": None if is_hidden else self.loss,
            "sections": [
                {"title": s.title, "notes": list(s.notes), "quantities": [q.name for q in s.quantities]}
                for s in self.sections
            ],
            "quantities": {name: quantity.document() for name, quantity in self.quantities.items()},
        }
