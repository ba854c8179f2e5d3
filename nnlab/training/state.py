"""All that changes in training, in arrays: what a checkpoint holds, and what a run goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.networks.network import Network
from nnlab.training.stopping import Best, Watch

Array = NDArray[Any]

NORMS_KEPT = 20


@dataclass
class State:
    """All that changes in training: what a checkpoint must hold.

    A replica that has `diverged` keeps the last weights that were sound. Its `bad_step` (-1: none) is the first step
    whose batch or update was not, and its weights are those before that step; where `update_done`, a loss of a whole
    split was the first that was bad, and they are those after it. `initial_loss` is nan until a loss was measured.
    `squares`, (20,), holds the squared norm of the gradient of step k, summed over the replicas, at (k - 1) % 20.
    `ratios`, (R, layers with weights), are the update ratios of the last step where health is measured, else None.
    `losses`, (2, R), are the sum and the number of batch losses since the last log, where their mean is wanted, else
    None. `end_value`, (R,), is the watched figure after a last step that is off the schedule of evaluations, where it
    is better than the best on the schedule, else nan; None where it is better for no replica, or training goes on.
    """

    theta: Array
    statistics: Array
    slots: dict[str, Array]
    step: int
    best: Best
    running: Array
    diverged: Array
    batch_loss: Array  # of the last step at which it was due, (R,)
    bad_step: Array
    update_done: Array
    initial_loss: Array
    squares: Array
    recorded: int = -1  # the last step that was measured: going on from a pause does not measure it again
    ratios: Array | None = None
    losses: Array | None = None
    end_value: Array | None = None

    @classmethod
    def start(cls, theta: Array, slots: dict[str, Array], statistics: Array | None = None) -> State:
        """The state before the first step; `statistics` are those that normalising layers keep, (R, Q)."""
        replicas = len(theta)
        kept = np.empty((replicas, 0), theta.dtype) if statistics is None else statistics
        return cls(
            theta,
            kept,
            slots,
            step=0,
            best=Best.start(theta, kept),
            running=np.ones(replicas, bool),
            diverged=np.zeros(replicas, bool),
            batch_loss=np.full(replicas, np.nan),
            bad_step=np.full(replicas, -1),
            update_done=np.zeros(replicas, bool),
            initial_loss=np.full(replicas, np.nan),
            squares=np.full(NORMS_KEPT, np.nan),
        )

    def no_gradient(self) -> Array:
        """Room for a gradient (R, P), which lies in memory as theta does; all 0."""
        return memory.zeros_like(self.theta)

    def arrays(self) -> dict[str, Array]:
        """Every array by name, no copies. With `step` and `recorded` they are the whole state."""
        own = {name: getattr(self, name) for name in _ARRAYS}
        best = {f"best/{name}": array for name, array in self.best.arrays().items()}
        asked = {"ratios": self.ratios, "losses": self.losses, "end_value": self.end_value}
        some = {name: array for name, array in asked.items() if array is not None}
        return own | best | some | {f"slots/{name}": array for name, array in self.slots.items()}

    def keep_ratios(self, network: Network) -> Array:
        """The update ratios, from now on part of the state."""
        if self.ratios is None:
            layers = sum("update_ratio" in layer.health for layer in network.layers)
            self.ratios = np.full((len(self.theta), layers), np.nan)
        return self.ratios

    def keep_losses(self) -> None:
        """Keep the sum of the batch losses since the last log, from now on part of the state."""
        if self.losses is None:
            self.losses = np.zeros((2, len(self.theta)))

    def note_loss(self, loss: Array) -> None:
        """Take note of a batch's loss, (R,)."""
        self.batch_loss[...] = loss
        if self.losses is not None:
            self.losses += [loss, np.ones_like(loss)]

    def batch_figures(self) -> dict[str, Array]:
        """The loss of the last batch and, where it is wanted, the mean since it was asked for last, each (R,)."""
        own = {"batch/loss": self.batch_loss.copy()}
        return own if self.losses is None else own | {"batch/running_loss": self.mean_loss()}

    def mean_loss(self) -> Array:
        """The mean of the batch losses since it was asked for last, (R,)."""
        assert self.losses is not None
        mean: Array = self.losses[0] / self.losses[1]
        self.losses[...] = 0
        return mean

    def note_watched(self, watch: Watch, values: Array) -> None:
        """Take note of the watched figure, (R,): keep the best weights, and stop replicas that improve no longer."""
        spent = self.best.observe(watch, values, self.theta, self.statistics, self.step, self.running)
        self.running = self.running & ~spent

    def note_end(self, watch: Watch, values: Array) -> None:
        """Take note of the watched figure, (R,), after a last step at which a longer training would not observe it."""
        better = self.running & watch.is_better(values, self.best.value)
        self.end_value = np.where(better, values, np.nan) if better.any() else None

    def best_to_report(self) -> Best:
        """The best weights of each replica, those after the last step among them: what a finished run reports.

        Training goes on with `best`, from which a last step off the schedule is left out: it was evaluated only because
        the training was to end there, and patience and best weights must not depend on that.
        """
        if self.end_value is None:
            return self.best
        ours = ~np.isnan(self.end_value)
        return replace(
            self.best,
            theta=np.where(ours[:, None], self.theta, self.best.theta),
            statistics=np.where(ours[:, None], self.statistics, self.best.statistics),
            value=np.where(ours, self.end_value, self.best.value),
            step=np.where(ours, self.step, self.best.step),
        )

    def restore(self, arrays: Mapping[str, Array], step: int, recorded: int) -> None:
        """Become the state that `arrays`, `step` and `recorded` tell of; ValueError if it is another training's."""
        self.end_value = np.full(len(self.theta), np.nan) if "end_value" in arrays else None
        own = self.arrays()
        for name, array in own.items():
            found = arrays.get(name)
            if found is None or (found.shape, found.dtype) != (array.shape, array.dtype):
                shown = "none" if found is None else f"{found.dtype} of shape {list(found.shape)}"
                raise ValueError(f"{name}: found {shown}, expected {array.dtype} of shape {list(array.shape)}")
        for name, array in own.items():
            array[...] = arrays[name]
        self.step, self.recorded = step, recorded

    def moving(self) -> list[Array]:
        """The arrays that an update changes, no copies; each has a row per replica."""
        return [self.theta, self.statistics, *self.slots.values()]

    def copy_moving(self) -> State:
        """A state at the same step with copies of the arrays that an update changes; the others as at a start."""
        slots = {name: array.copy("K") for name, array in self.slots.items()}
        copied = State.start(self.theta.copy("K"), slots, self.statistics.copy())
        copied.step = self.step
        return copied

    def gradient_norms(self) -> list[tuple[int, float]]:
        """The last steps of a single replica, at most 20, each with the norm of its gradient before any clipping."""
        steps = range(max(1, self.step - NORMS_KEPT + 1), self.step + 1)
        found = [(step, float(np.sqrt(self.squares[(step - 1) % NORMS_KEPT]))) for step in steps]
        return [(step, norm) for step, norm in found if not np.isnan(norm)]


_ARRAYS = (
    *("theta", "statistics", "running", "diverged", "batch_loss"),
    *("bad_step", "update_done", "initial_loss", "squares"),
)


def sound(theta: Array, statistics: Array) -> Array:
    """Which replicas' weights (R, P) and running statistics (R, Q) are finite throughout, (R,)."""
    with np.errstate(all="ignore"):
        flat = theta.ravel("K")
        if isfinite(flat.dot(flat)) and isfinite(statistics.sum()):
            return np.ones(len(theta), bool)
    return np.logical_and(np.isfinite(theta).all(axis=-1), np.isfinite(statistics).all(axis=-1))
