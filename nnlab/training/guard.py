"""The guard against divergence: no replica is ever left with weights that are not finite, unless it began with some.

Every gradient is looked at before it is clipped and its update done; the loss is, wherever it is measured. A replica
where one of them is not finite, or a loss is above `LARGEST_GROWTH` times the initial one, has diverged: it is held at
the weights that it had before, and the others go on as if it were not there. Weights are looked at before each record:
where an update has left the range of its numbers, the steps since the last copy are done once more to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlab.training.state import NORMS_KEPT, State, sound

Array = NDArray[Any]

# A loss above this many times the loss before the first step counts as diverged, although it is finite.
LARGEST_GROWTH = 1e6
_STEPS_BETWEEN_COPIES = 256


class Steps(Protocol):
    """What takes training steps on a state: the gradient of a step, then its update."""

    gradient: Array

    def differentiate(self, step: int, *, measured: bool = False) -> None:
        """Write the gradient for update number `step` + 1."""

    def apply(self, step: int) -> None:
        """Do update number `step` + 1."""


class Guard:
    """Watches the gradient, (R, P), and the weights of a state. `steps_on(state)` trains another state alike."""

    def __init__(self, state: State, gradient: Array, steps_on: Callable[[State], Steps]) -> None:
        self.state, self.gradient, self.steps_on = state, gradient, steps_on
        self.flat_gradient, self.flat_theta = gradient.ravel("K"), state.theta.ravel("K")  # views
        self.held_rows: list[tuple[Array, Array]] = []  # each array that an update changes, and the rows of those held
        self.copy, self.next_copy = state, state.step
        self._note_initial_losses()
        self._hold(state.diverged)

    # --- around a step ------------------------------------------------------------------------------------------------

    def keep_copy(self) -> bool:
        """Keep a copy to which a replica can go back: due before the step that follows `next_copy` others.

        False where weights turn out to be not finite, and no replica is left to go on with.
        """
        if self.copy is not self.state:
            self.check_weights()
        self.copy = self.state.copy_moving()
        self.next_copy = self.state.step + _STEPS_BETWEEN_COPIES
        return bool(self.state.running.any())

    def copy_again(self) -> None:
        """Slots have changed outside of an update: the next step needs a new copy."""
        self.next_copy = self.state.step

    def admits(self, step: int, *, measured: bool) -> bool:
        """Look at the gradient of the step that follows `step` others, and at its loss where that was `measured`.

        The replicas whose gradient or loss cannot be used are held. False where none is left: the step counts as taken.
        """
        # One number, in one pass of BLAS, tells whether there is anything to look for.
        square = float(self.flat_gradient.dot(self.flat_gradient))
        self.state.squares[step % NORMS_KEPT] = square
        is_finite = isfinite(square)
        if is_finite and (not measured or is_everywhere(self.state.batch_loss <= self.limit)):  # false for nan as well
            return True
        self._examine(step, is_finite=is_finite, measured=measured)
        return bool(self.state.running.any())

    def clear_held_gradient(self) -> None:
        """Let the gradient of held replicas be 0."""
        self.gradient[self.held] = 0

    def restore_held(self) -> None:
        """Give the replicas that are held what they had."""
        for array, rows in self.held_rows:
            array[self.held] = rows

    # --- looking ------------------------------------------------------------------------------------------------------

    def _examine(self, step: int, *, is_finite: bool, measured: bool) -> None:
        """`is_finite` is True where the sum of all squares of the gradient is."""
        state = self.state
        bad = np.zeros(len(self.held), bool)
        if not is_finite:
            # The sum of float32 squares may overflow although every entry is finite.
            bad |= ~np.isfinite(self.gradient).all(axis=-1)
            exact = self.gradient.astype(np.float64).ravel("K")
            state.squares[step % NORMS_KEPT] = exact.dot(exact)
        if measured:
            bad |= self._too_large(state.batch_loss)
        self._take_out(bad, step + 1, has_moved=state.statistics.shape[1] > 0)
        if not state.running.any():
            state.step = step + 1

    def check_weights(self) -> None:
        """Hold the replicas whose last updates have left weights that are not finite."""
        if self.state.statistics.size == 0 and isfinite(self.flat_theta.dot(self.flat_theta)):
            return
        bad = ~sound(self.state.theta, self.state.statistics)
        self._take_out(bad, self.state.step, has_moved=True)

    def check_losses(self, losses: Sequence[Array]) -> None:
        """Hold the replicas of which a loss after the present step is bad; the very first ones are the initial ones."""
        state = self.state
        if not all(is_everywhere(loss <= self.limit) for loss in losses):
            bad = np.logical_or.reduce([self._too_large(loss) for loss in losses]) & ~self.held
            state.update_done[bad] = True
            self._take_out(bad, state.step, has_moved=False)
        if losses and self.lacks_initial:
            unknown = np.isnan(state.initial_loss)
            state.initial_loss[unknown] = np.max(losses, axis=0)[unknown]
            self._note_initial_losses()

    def _note_initial_losses(self) -> None:
        """Whether an initial loss is still unknown, and what a loss must not exceed."""
        self.lacks_initial = bool(np.isnan(self.state.initial_loss).any())
        self.limit = _limit(self.state.initial_loss)

    def _too_large(self, loss: Array) -> Array:
        """Where a loss (R,) is not finite or far above the initial one."""
        result: Array = ~(loss <= self.limit)
        return result

    # --- taking out ---------------------------------------------------------------------------------------------------

    def _take_out(self, bad: Array, step: int, *, has_moved: bool) -> None:
        """Hold bad replicas at the weights that they had before they went bad, in step number `step` or earlier.

        Where the weights are not finite, or statistics have moved in this step, the last steps are done once more.
        """
        state = self.state
        new = bad & ~self.held
        if not new.any():
            return
        state.bad_step[new] = step
        broken = new if has_moved else new & ~sound(state.theta, state.statistics)
        if broken.any():
            self._rewind(broken, step)
        state.diverged |= new & state.running
        state.running = state.running & ~state.diverged
        self.restore_held()  # statistics of those held before have moved in this step
        self._hold(self.held | new)

    def _rewind(self, broken: Array, last: int) -> None:
        """Give broken replicas what they had before the step that broke them, found by doing the steps again.

        All replicas are trained once more, from the last copy to step number `last`, with the same bits as before.
        """
        state, past, left = self.state, self.copy.copy_moving(), broken.copy()
        again = self.steps_on(past)
        for step in range(past.step, last):
            before = past.copy_moving().moving()
            again.differentiate(step)
            lost = left & ~np.isfinite(again.gradient).all(axis=-1)
            again.apply(step)
            lost |= left & ~sound(past.theta, past.statistics)
            lost = left if step + 1 == last else lost
            for array, earlier in zip(state.moving(), before, strict=True):
                array[lost] = earlier[lost]
            state.bad_step[lost] = step + 1
            left = left & ~lost

    def _hold(self, held: Array) -> None:
        """From now on, these replicas stay as they are."""
        self.held = held.copy()
        self.held_rows = [(array, array[held].copy()) for array in self.state.moving()] if held.any() else []


def is_everywhere(mask: Array) -> bool:
    """Whether all are true; `all` takes five times as long for a few replicas."""
    result: bool = np.count_nonzero(mask) == mask.size
    return result


def _limit(initial: Array) -> Array:
    """The largest loss (R,) that counts as sound: finite, and not far above the initial one where that is known."""
    largest = np.finfo(np.float64).max
    return np.where(initial > 0, np.minimum(LARGEST_GROWTH * np.abs(initial), largest), largest)
