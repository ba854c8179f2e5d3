"""Early stopping, replica by replica: watch one figure, keep the best weights, stop when it no longer improves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Watch:
    """Which figure is watched, and how long to be patient.

    An evaluation improves on the best so far if the figure is better by more than `min_delta`. After `patience`
    evaluations in a row without improvement a replica stops; `patience` None never stops and only keeps the best.
    """

    monitor: str
    larger_is_better: bool
    patience: int | None = None
    min_delta: float = 0.0

    def improved(self, value: Array, best: Array) -> Array:
        """Where `value` is better than `best`, (R,); nan never is, and anything beats a best of nan."""
        gain = value - best if self.larger_is_better else best - value
        result: Array = (gain > self.min_delta) | (np.isnan(best) > np.isnan(value))
        return result


@dataclass
class Best:
    """The best weights of each replica so far, and when and how good they were."""

    theta: Array
    statistics: Array
    value: Array
    step: NDArray[np.int64]
    waited: NDArray[np.int64]

    @classmethod
    def start(cls, theta: Array, statistics: Array) -> Best:
        """Nothing seen yet: value nan, step 0."""
        counts = np.zeros(len(theta), np.int64)
        return cls(theta.copy(), statistics.copy(), np.full(len(theta), np.nan), counts, counts.copy())

    def arrays(self) -> dict[str, Array]:
        """Every array by name, no copies."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def observe(self, watch: Watch, value: Array, theta: Array, statistics: Array, step: int, running: Array) -> Array:
        """Take note of an evaluation; which of the `running` replicas have run out of patience, (R,)."""
        improved = running & watch.improved(value, self.value)
        self.waited += running
        if improved.any():
            rows: Any = slice(None) if improved.all() else improved  # all of them take a tenth of the time
            self.theta[rows] = theta[rows]
            self.statistics[rows] = statistics[rows]
            self.value[rows] = value[rows]
            self.step[rows] = step
            self.waited[rows] = 0
        if watch.patience is None:
            return np.zeros_like(running)
        spent: Array = running & (self.waited >= watch.patience)
        return spent
