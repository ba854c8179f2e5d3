"""One network per arm for pictures: that of the median seed; with two inputs also its state at several steps.

A seed trained alone gives the same bits as among a thousand, so intermediate networks are not stored: the seed is
trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.arms import arm_experiment
from nnlab.comparison.contents import Frame, MedianNetwork
from nnlab.comparison.tasks import Arm
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.maths.metrics import metric_of
from nnlab.setup.rows import prepare_rows
from nnlab.setup.setup import Setup, set_up
from nnlab.training.health import Portrait, portraits

Array = NDArray[Any]

# Fractions of the training at which a film shows the network; denser at the start, where most changes.
_SHARES = (0.0, 0.02, 0.08, 0.25, 0.5, 1.0)


def median_networks_of(
    experiment: Experiment,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    figure: str,
    dataset: Dataset,
    experiments: Mapping[str, Experiment],
) -> dict[str, MedianNetwork]:
    """The median network of each arm in which a seed did not diverge; `experiments` maps labels to experiments."""
    replicas = []
    for arm in arms:
        replica = median_replica(arm.finals, figure)
        if replica is not None:
            own = experiments.get(arm.label) or arm_experiment(experiment, arm.choice)
            setup = set_up(own, prepare_rows(own, dataset, [seeds[replica]]))
            replicas.append(_MedianReplica(setup, arm, replica))
    steps = film_steps(max((one.last_step for one in replicas), default=0)) if is_plane(dataset) else []
    reach = _reach([portrait for one in replicas for portrait in one.portraits()])
    return {one.arm.label: one.median_network(steps, reach) for one in replicas}


def is_plane(dataset: Dataset) -> bool:
    """Whether the data have two inputs and classes, so that decision boundaries can be drawn."""
    return dataset.x.shape[1] == 2 and bool(dataset.columns.classes)


def film_steps(end: int) -> list[int]:
    """The steps at which a film shows a network that was trained for `end` steps."""
    return sorted({round(share * end) for share in _SHARES})


def median_replica(finals: Mapping[str, Array], figure: str) -> int | None:
    """The replica with the median of one of the `finals`, (R,), ties broken by the loss; None if all diverged."""
    split, _, metric = figure.partition("/")
    values = finals[figure] * (1 if metric_of(metric).larger_is_better else -1)
    losses = finals[f"{split}/loss"]
    known = np.flatnonzero(np.isfinite(values) & np.isfinite(losses))
    if not len(known):
        return None
    order = known[np.lexsort((-losses[known], values[known]))]
    return int(order[(len(order) - 1) // 2])


@dataclass(frozen=True)
class _MedianReplica:
    """A replica of an arm, with the setup that trains its seed alone."""

    setup: Setup
    arm: Arm
    replica: int

    @property
    def weights(self) -> tuple[Array, Array]:
        """Theta (1, P) and statistics (1, Q)."""
        one = slice(self.replica, self.replica + 1)
        return self.arm.theta[one], self.arm.statistics[one]

    @property
    def last_step(self) -> int:
        """The last step at which anything was measured of this replica."""
        known = [np.isfinite(curve[self.replica]) for curve in self.arm.curves.values()]
        return int(self.arm.steps[np.any(known, axis=0)].max(initial=0))

    def portraits(self, reach: tuple[float, float] | None = None) -> list[Portrait]:
        return portraits(self.setup.network, *self.weights, self.setup.rows.of(0).train.x, reach)

    def median_network(self, steps: Sequence[int], reach: tuple[float, float] | None) -> MedianNetwork:
        setup, found = self.setup, dict[int, tuple[Array, Array]]()
        ended = _train_to(setup, steps, found) if steps else 0
        frames = [Frame(step, setup.model(*weights).outputs) for step, weights in found.items()]
        predict = setup.model(*self.weights).outputs
        return MedianNetwork(setup.rows.seeds[0], predict, frames, self.portraits(reach), ended)


def _reach(drawn: Sequence[Portrait]) -> tuple[float, float] | None:
    """The common range of all pre-activations."""
    return (min(one.grid[0] for one in drawn), max(one.grid[-1] for one in drawn)) if drawn else None


def _train_to(setup: Setup, at: Sequence[int], found: dict[int, tuple[Array, Array]]) -> int:
    """Put theta (1, P) and statistics (1, Q) after each of the steps `at` into `found`; the step that ended it."""
    state = setup.start()
    plan = replace(setup.plan, steps_to_mark=frozenset(at), health=False)
    for record in setup.fit(state, plan):
        if record.step in at:
            found[record.step] = state.theta.copy(), state.statistics.copy()
    return state.step
