"""Check the gradient of a network: every hand-derived derivative against others measured on the function itself.

The strong check needs no tolerance (`gradient_point`); plain central differences, with the step and the threshold that
the user gives, are kept as they are taught, and as the notebooks recorded them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import GradientError
from nnlab.gradients.derivatives import Check, Objective, central_differences
from nnlab.gradients.point import Examined, examine
from nnlab.gradients.points import fitting, frozen, report_at
from nnlab.gradients.report import PointReport, exact_fault
from nnlab.networks.layers.base import PassContext
from nnlab.networks.network import Network, Pass
from nnlab.setup.setup import Setup
from nnlab.storage.metrics import finite
from nnlab.training.state import State

__all__ = ["check_exactly", "check_gradients", "check_step", "document", "failures", "frozen", "objective", "report"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Row:
    """One line of the report: a tensor and its worst entry."""

    name: str
    checked: int
    worst: str
    analytic: float
    numeric: float
    error: float
    passed: bool


@dataclass(frozen=True)
class StepReport:
    """The check before one update; steps count from 0."""

    step: int
    rows: tuple[Row, ...]
    check: Check
    labels: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every derivative passed."""
        return self.check.passed

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every parameter with both derivatives and their difference."""
        values = (self.check.analytic, self.check.numeric, self.check.errors)
        for label, analytic, numeric, error in zip(self.labels, *values, strict=True):
            yield {"parameter": label, "analytic": finite(analytic), "numeric": finite(numeric), "error": finite(error)}


def check_gradients(
    setup: Setup, *, steps: int, epsilon: float, threshold: float, theta: Array | None = None
) -> Iterator[StepReport]:
    """Central differences before each of the first `steps` updates of a training, from `theta` (1, P) if it is given.

    All computes in float64.
    """
    for step, state, batch in _before_updates(setup, steps, theta):
        check = _central(setup.network, state.theta, batch, frozen(setup, step), epsilon, threshold)
        yield report(setup.network, check, step)


def check_exactly(setup: Setup, *, steps: int, theta: Array | None = None) -> Iterator[PointReport]:
    """The strong check before each of the first `steps` updates of a training, from `theta` (1, P) if it is given."""
    for step, state, batch in _before_updates(setup, steps, theta):
        yield report_at(setup, f"before update {step + 1}", state.theta, batch, step)


def _before_updates(setup: Setup, steps: int, theta: Array | None) -> Iterator[tuple[int, State, tuple[Array, Array]]]:
    """The steps, counted from 0, with the state and the batch before each update."""
    state = setup.start()
    if theta is not None:
        state.theta[...] = fitting(setup, theta)
    batches = setup.batches()
    checked = range(min(steps, max(1, setup.plan.steps)))
    plan = replace(setup.plan, steps=len(checked), log_every=1, evaluate=(), steps_to_measure=frozenset(), health=False)
    for record in setup.fit(state, plan):
        if record.step in checked:
            yield record.step, state, batches.at(record.step)


def check_step(
    network: Network,
    theta: Array,
    batch: tuple[Array, Array],
    context: PassContext,
    epsilon: float | None,
    threshold: float | None,
) -> Check | Examined:
    """The gradient of the objective, loss and penalties, at theta (1, P) for one batch and its frozen noise.

    With `epsilon` and `threshold` by central differences, without them by the strong check.
    """
    if epsilon is None or threshold is None:
        return examine(network, theta, batch, context)
    return _central(network, theta, batch, context, epsilon, threshold)


def _central(
    network: Network, theta: Array, batch: tuple[Array, Array], context: PassContext, epsilon: float, threshold: float
) -> Check:
    x, y = batch
    theta = theta.astype(np.float64)
    gradient = np.empty_like(theta)
    checked = Pass(network, theta, gradient, x.shape[1], context=context)
    buffers = x.shape[1] * sum(network.widths[1:])
    with np.errstate(all="ignore"):
        checked.forward(x)
        checked.backward(y)
        numeric = central_differences(objective(network, x, y, context), theta[0], epsilon, buffers)
    return Check(gradient[0], numeric, threshold)


def objective(network: Network, x: Array, y: Array, context: PassContext | None = None) -> Objective:
    """The objective on one batch as a function of parameter vectors (K, P)."""

    def values(thetas: Array) -> Array:
        checked = Pass(network, thetas, None, x.shape[1], context=context)
        checked.forward(x)
        total: Array = checked.loss(y) + checked.penalty()
        return total

    return values


def report(network: Network, check: Check, step: int) -> StepReport:
    """The check summed up tensor by tensor."""
    labels = tuple(map(network.layout.label, range(network.layout.size)))
    rows = tuple(_row(name, place, check, labels) for name, place in network.layout.places.items())
    return StepReport(step, rows, check, labels)


def _row(name: str, place: slice, check: Check, labels: tuple[str, ...]) -> Row:
    errors = check.errors[place]
    # An error that is not a number is the worst of all.
    worst = place.start + int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    return Row(
        name,
        len(errors),
        labels[worst],
        float(check.analytic[worst]),
        float(check.numeric[worst]),
        float(check.errors[worst]),
        bool(np.all(errors <= check.threshold)),
    )


def failures(network: Network, check: Check | Examined, step: int) -> GradientError:
    """An error that names the worst entry of a failed check."""
    what = f"the gradient check before update {step + 1}"
    if isinstance(check, Examined):
        return GradientError(f"{what} {exact_fault(network, check)}")
    rows = [row for row in report(network, check, step).rows if not row.passed]
    worst = max(rows, key=lambda row: np.inf if np.isnan(row.error) else row.error)
    return GradientError(
        f"{what} failed: {worst.worst} is {worst.analytic:.6g}, measured "
        f"{worst.numeric:.6g}, error {worst.error:.3g} above {check.threshold:g}"
    )


def document(reports: Sequence[StepReport], epsilon: float, threshold: float) -> dict[str, Any]:
    """What `--json` prints: every parameter at every step."""
    return {
        "passed": all(report.passed for report in reports),
        "method": "central",
        "epsilon": epsilon,
        "threshold": threshold,
        "steps": [
            {"step": report.step + 1, "passed": report.passed, "entries": list(report.entries())} for report in reports
        ],
    }
