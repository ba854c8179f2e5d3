"""The gradient check of a training: before its first updates, and again before the first ones after a resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nnlab.config.schema import GradientCheck
from nnlab.errors import GradientError
from nnlab.gradients.checks import check_step, failures
from nnlab.gradients.points import frozen
from nnlab.networks.layout import Layout
from nnlab.setup.setup import Setup
from nnlab.storage.about import SavedState
from nnlab.storage.files import ignore
from nnlab.storage.gradients import GradientSummary
from nnlab.storage.metrics import finite
from nnlab.training.batches import Batches
from nnlab.training.state import State

Array = NDArray[np.float64]


@dataclass
class Found:
    """What checks have found: the updates done before each, its errors (P,), and what did not pass."""

    steps: list[int]
    errors: list[Array]
    faults: list[str]

    def summary(self, layout: Layout) -> GradientSummary | None:
        """The outcome with its largest error, as which one counts that is no number; None if nothing was checked."""
        if not self.errors:
            return None
        errors = np.stack(self.errors)
        check, column = np.unravel_index(int(np.argmax(np.nan_to_num(errors, nan=np.inf))), errors.shape)
        return GradientSummary(
            passed=not self.faults,
            before_update=self.steps[0] + 1,
            updates=len(errors),
            error=finite(float(errors[check, column])),
            worst=layout.label(int(column)),
            worst_before_update=self.steps[check] + 1,
            faults=tuple(self.faults),
        )


class GradientChecks:
    """The checks that an experiment asks for; `errors` and `faults` of the first updates are kept in checkpoints.

    What is checked again after a resume belongs to the session, so that the figures of a run that was resumed are those
    of one that was not; only what it finds wrong is kept with the run.
    """

    def __init__(
        self, setup: Setup, state: State, begin: SavedState | None, log: Callable[[str], None] = ignore
    ) -> None:
        self.log = log
        self.setup, self.state, self.wanted = setup, state, setup.experiment.training.gradcheck
        steps, planned = (self.wanted.steps if self.wanted else 0), setup.plan.steps
        self.of_first = range(min(steps, planned))
        self.of_resumed = range(state.step, min(state.step + steps, planned)) if begin else range(0)
        errors, faults = (begin.arrays["gradient_errors"], begin.about.gradient_faults) if begin else ((), ())
        self.first, self.resumed = Found([*range(len(errors))], [*errors], [*faults]), Found([], [], [])

    def errors_at(self, step: int) -> Array | None:
        """Check before update `step` + 1 if that is asked for; the errors (P,) if they are new figures of the run.

        GradientError if the check does not pass and is to stop the run.
        """
        is_due = step in self.of_first or step in self.of_resumed
        return self._check(step, self.wanted) if self.wanted and is_due else None

    @cached_property
    def _batches(self) -> Batches:
        return self.setup.batches()

    def _check(self, step: int, wanted: GradientCheck) -> Array | None:
        network, context = self.setup.network, frozen(self.setup, step)
        batch, limits = self._batches.at(step), (wanted.epsilon, wanted.threshold)
        check = check_step(network, self.state.theta, batch, context, *limits)
        is_new = step in self.of_first and step == len(self.first.errors)
        found = self.first if is_new else self.resumed
        found.steps.append(step)
        found.errors.append(check.errors)
        if not is_new:
            self.log(f"gradient check before update {step + 1}: {'passed' if check.passed else 'failed'}")
        if not check.passed:
            self._note(failures(network, check, step), wanted)
        return check.errors if is_new else None

    def _note(self, error: GradientError, wanted: GradientCheck) -> None:
        for found in (self.first, self.resumed):
            if str(error) not in found.faults:
                found.faults.append(str(error))
        if wanted.on_failure == "stop":
            raise error

    def summary(self) -> GradientSummary | None:
        """The outcome for the run: that of its first updates, and whatever any check has found wrong."""
        return self.first.summary(self.setup.network.layout)

    def summary_of_resumed(self) -> GradientSummary | None:
        """The outcome of what this session has checked again."""
        return self.resumed.summary(self.setup.network.layout)


def check_first_steps(setup: Setup) -> GradientSummary | None:
    """The check that an experiment asks for, on a training of its own of these steps; None if it asks for none.

    GradientError if the check does not pass and is to stop the run.
    """
    state = setup.start()
    checks = GradientChecks(setup, state, None)
    if not checks.of_first:
        return None
    plan = replace(setup.plan, steps=len(checks.of_first), log_every=1, evaluate=(), steps_to_measure=frozenset())
    for record in setup.fit(state, replace(plan, health=False)):
        checks.errors_at(record.step)
    return checks.summary()
