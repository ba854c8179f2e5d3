"""Everything a training needs: the rows of each replica, the network, the optimizer and the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nnlab.config.experiment import SPLITS, Finding, refusal
from nnlab.config.schema import Experiment
from nnlab.networks.layout import Layout
from nnlab.networks.network import LayerShapeError, Network
from nnlab.networks.replicas_first import laid_out
from nnlab.setup.gates import gate_findings
from nnlab.setup.model import Model
from nnlab.setup.network import dtype_of, network_for, place_of_layer
from nnlab.setup.optimizer import BoundOptimizer, optimizer_for
from nnlab.setup.paths import reading_from
from nnlab.setup.plan import (
    batch_findings,
    epoch_for,
    part_findings,
    plan_for,
    schedule_findings,
    steps_for,
    watch_for,
)
from nnlab.setup.readings import readings_of
from nnlab.setup.rows import Rows
from nnlab.setup.start_warnings import start_warnings
from nnlab.setup.watched import reported_figures, reported_findings
from nnlab.setup.weights import class_weights
from nnlab.training.batches import Batches, batches_of
from nnlab.training.evaluation import Part
from nnlab.training.loop import fit
from nnlab.training.plan import Plan, Record, Timer, never
from nnlab.training.state import State
from nnlab.training.stopping import Best

Array = NDArray[Any]


@dataclass(frozen=True)
class Setup:
    """An experiment ready to run for its seeds."""

    experiment: Experiment
    rows: Rows
    network: Network
    optimizer: BoundOptimizer
    plan: Plan

    @cached_property
    def parts(self) -> dict[str, Part]:
        """The splits that exist, stacked along the replica axis."""
        return self.rows.parts()

    @cached_property
    def epoch_steps(self) -> int:
        """The number of steps in an epoch."""
        return self.plan.epoch.steps

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What to know before training: of the rows, and of the network's start."""
        return (*self.rows.of(0).warnings, *start_warnings(self.network))

    def start(self) -> State:
        """The state before the first step, one replica per seed."""
        experiment = self.experiment
        theta = self.network.start(self.rows.seeds, dtype_of(experiment), experiment.generator, self.rows.inputs)
        theta = laid_out(theta, self.network, max(self.plan.epoch.sizes))
        statistics = self.network.statistics.fills(len(theta), theta.dtype)
        state = State.start(theta, self.optimizer.start(theta), statistics)
        if self.plan.running_loss:
            state.keep_losses()
        return state

    def batches(self) -> Batches:
        """The batches of the training part."""
        train = self.parts["train"]
        y = train.y_and_weights
        return batches_of(train.x, y, self.rows.seeds, self.plan.epoch, shuffle=self.plan.shuffle)

    def fit(
        self,
        state: State,
        plan: Plan | None = None,
        *,
        stop: Callable[[], bool] = never,
        pause: Callable[[], bool] = never,
        timer: Timer = nullcontext,
    ) -> Iterator[Record]:
        """Train from `state` by this setup's plan, or by another; see `nnlab.training.loop.fit`."""
        seeds, update = self.rows.seeds, self.optimizer.update
        return fit(self.network, self.parts, seeds, update, plan or self.plan, state, stop, pause, timer)

    def chosen(self, state: State) -> Best | State:
        """The weights whose figures a run reports: the best ones with early stopping, else the last."""
        return state.best_to_report() if self.stops_early else state

    @property
    def stops_early(self) -> bool:
        """Whether the training stops early and reports the best weights."""
        return self.experiment.training.early_stopping is not None

    def model(self, theta: Array, statistics: Array) -> Model:
        """The network of the first seed with theta (1, P) and running statistics (1, Q), for use on new rows."""
        prepared, dataset = self.rows.of(0), self.rows.dataset
        return Model(
            self.experiment,
            self.network,
            theta,
            statistics,
            dataset.columns,
            prepared.scaling,
            prepared.target_scaling,
            dataset.image_shape,
        )

    def reading_from(self, source: Path) -> Setup:
        """A copy whose data lie at another place, where they have been copied to."""
        return replace(self, experiment=reading_from(self.experiment, str(source)))

    def with_rates(self, rates: Iterable[float]) -> Setup:
        """A copy with one learning rate for each of as many blocks of replicas."""
        optimizer = replace(self.optimizer, rates=tuple(rates))
        plan = replace(self.plan, readings=readings_of(optimizer, self.network))
        return replace(self, optimizer=optimizer, plan=plan)


def set_up(experiment: Experiment, rows: Rows) -> Setup:
    """Network, optimizer and plan for prepared rows.

    ConfigError for layers that do not fit, a schedule that does not fit the number of steps, parts to be watched that
    are not there, and gates that are never met.
    """
    dataset, first = rows.dataset, rows.prepared[0]
    weights = class_weights(experiment, dataset.columns, [prepared.train for prepared in rows.prepared])
    network = network_for(experiment, dataset.sample_shape, dataset.y.shape[1], weights)
    parts = tuple(name for name in SPLITS if getattr(first, name) is not None)
    layout, count = _checked_layout(experiment, network, dataset.y.shape[1]), len(first.train.x)
    larger = watch_for(experiment, parts).larger_is_better
    epoch = epoch_for(experiment, network, count)
    optimizer = optimizer_for(experiment, layout, steps_for(experiment, epoch), larger_is_better=larger)
    observe, readings = optimizer.observe if optimizer.plateau else None, readings_of(optimizer, network)
    plan = plan_for(experiment, epoch, parts, observe, readings)
    findings = [
        *batch_findings(experiment, network, count),
        *schedule_findings(experiment, plan.steps),
        *part_findings(experiment, parts),
        *reported_findings(experiment, dataset),
        *gate_findings(experiment, rows, network, plan, parts),
    ]
    if findings:
        raise refusal(experiment, findings)
    plan = replace(plan, reported=reported_figures(experiment, dataset))
    return Setup(experiment, rows, network, optimizer, plan)


def shape_finding(experiment: Experiment, error: ValueError) -> Finding:
    """What is said of layers that do not fit each other, at the place of the one that cannot take what it is given."""
    at = place_of_layer(experiment, error.layer) if isinstance(error, LayerShapeError) else ("network", "layers")
    return at, str(error)


def _checked_layout(experiment: Experiment, network: Network, outputs: int) -> Layout:
    """The layout of a network whose layers fit each other and the data, and can start. ConfigError otherwise."""
    try:
        found = network.widths[-1]
        network.check_start()
    except ValueError as error:
        raise refusal(experiment, [shape_finding(experiment, error)]) from error
    each = network.head.per_output
    if found != outputs * each:
        own = experiment.network.head.dense
        where = "behind the head's activation" if own else "before a head without a dense layer"
        wanted = f", for which {experiment.network.head.loss} needs {outputs * each}" if each > 1 else ""
        message = f"found {found} units {where}, but the data have {outputs} targets{wanted}"
        raise refusal(experiment, [(("network", "head", "activation" if own else "dense"), message)])
    return network.layout
