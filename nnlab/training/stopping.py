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

    `min_delta` decides how long to wait, not what is best. The reference of a replica is its figure at the last
    improvement, the first one that is no nan to begin with, and an evaluation is an improvement if its figure is better
    than the reference by more than `min_delta`: many small gains are one as soon as they add up to more. After
    `patience` evaluations in a row without an improvement a replica stops; `patience` None never stops. The best
    weights are those of the best figure, however little better it is, and the earlier ones of two that are equal. The
    network as it starts is the first evaluation, and a figure that is nan is neither better nor an improvement: while
    it was never a number, the weights kept are those of the last evaluation.

    Evaluations are those on the schedule (see `Plan.watches`): what is measured beside them, for a gate or as a
    training ends in the middle of an epoch, costs no patience.

    The rule for waiting is that of `cumulative_delta=True` in Ignite's EarlyStopping, and of `min_delta` in Keras.
    """

    monitor: str
    larger_is_better: bool
    patience: int | None = None
    min_delta: float = 0.0

    def is_better(self, value: Array, than: Array, by_more_than: float = 0.0) -> Array:
        """Where `value` is better than another one, (R,); nan never is, and any number is better than nan."""
        gain = value - than if self.larger_is_better else than - value
        result: Array = (gain > by_more_than) | (np.isnan(than) > np.isnan(value))
        return result


@dataclass
class Best:
    """The best weights of each replica so far, when and how good they were, and what patience counts from.

    `reference`, (R,), is the figure at the last improvement by more than `min_delta`, and `waited`, (R,), the number of
    evaluations since then.
    """

    theta: Array
    statistics: Array
    value: Array
    step: NDArray[np.int64]
    reference: Array
    waited: NDArray[np.int64]

    @classmethod
    def start(cls, theta: Array, statistics: Array) -> Best:
        """Nothing seen yet: value and reference nan, step 0."""
        counts, unknown = np.zeros(len(theta), np.int64), np.full(len(theta), np.nan)
        return cls(theta.copy("K"), statistics.copy(), unknown, counts, unknown.copy(), counts.copy())

    def arrays(self) -> dict[str, Array]:
        """Every array by name, no copies."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def observe(self, watch: Watch, value: Array, theta: Array, statistics: Array, step: int, running: Array) -> Array:
        """Take note of an evaluation; which of the `running` replicas have run out of patience, (R,)."""
        improved = running & watch.is_better(value, self.reference, watch.min_delta)
        self.reference[improved] = value[improved]
        self.waited += running
        self.waited[improved] = 0
        better = running & (watch.is_better(value, self.value) | np.isnan(self.value))
        if better.any():
            rows: Any = slice(None) if better.all() else better  # all of them take a tenth of the time
            self.theta[rows] = theta[rows]
            self.statistics[rows] = statistics[rows]
            self.value[rows] = value[rows]
            self.step[rows] = step
        if watch.patience is None:
            return np.zeros_like(running)
        spent: Array = running & (self.waited >= watch.patience)
        return spent
