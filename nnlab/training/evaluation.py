"""The rows of a split for every replica, and the figures that are quick enough to be measured during training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from nnlab.maths.losses import with_row_weights
from nnlab.maths.metrics import TRAINING_METRICS, ReportedFigure, Scored, Task
from nnlab.networks.evaluator import Evaluator

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Rows of one split for every replica: x (R or 1, N, inputs), which may stay in its file, y (R or 1, N, outputs).

    `unit` turns scaled targets and outputs back into the targets' own units, as value · divisor + mean with arrays
    (R or 1, 1, outputs); None where targets are not scaled. `weights` (R or 1, N) say how much each row counts, with a
    mean of 1; None where all count alike. `truth` are the targets as in the data, in the shape of y, for the figures of
    merit; None where they are y.
    """

    x: Array
    y: Array
    unit: tuple[Array, Array] | None = None
    weights: Array | None = None
    truth: Array | None = None

    @cached_property
    def y_and_weights(self) -> Array:
        """The targets as the head takes them: with the weights of the rows as a last column, where there are any."""
        return self.y if self.weights is None else with_row_weights(self.y, self.weights)

    def in_own_units(self, values: Array) -> Array:
        """Outputs or targets in the targets' own units."""
        if self.unit is None:
            return values
        mean, divisor = self.unit
        result: Array = values * divisor + mean
        return result


def figures_of(
    evaluator: Evaluator, task: Task, parts: Mapping[str, Part], reported: Sequence[ReportedFigure] = ()
) -> dict[str, Array]:
    """Loss and quick figures of each split, and those `reported` that were asked for, (R,) each, such as `val/loss`."""
    found: dict[str, Array] = {}
    for split, part in parts.items():
        scored, loss = evaluator.scored_and_loss(task, part.x, part.y_and_weights, ranked=bool(reported))
        assert loss is not None
        outputs, targets = part.in_own_units(scored.outputs), part.y if part.truth is None else part.truth
        found[f"{split}/loss"] = loss
        metrics = TRAINING_METRICS[task].items()
        found |= {f"{split}/{name}": figure(outputs, targets, part.weights) for name, figure in metrics}
        scored = Scored(outputs, scored.scores)
        found |= {f"{split}/{figure.name}": figure(scored, targets, part.weights) for figure in reported}
    return found
