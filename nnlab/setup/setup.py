"""What every experiment starts from: the rows as each replica sees them, the network, the optimizer and the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from nnlab.config.experiment import SPLITS, refusal
from nnlab.config.schema import Experiment
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network
from nnlab.setup.gates import gate_findings
from nnlab.setup.network import dtype_of, network_for
from nnlab.setup.optimizer import BoundOptimizer, optimizer_for
from nnlab.setup.plan import plan_for
from nnlab.setup.rows import Rows
from nnlab.setup.weights import class_weights
from nnlab.training.loop import Plan
from nnlab.training.state import State

Array = NDArray[Any]


@dataclass(frozen=True)
class Setup:
    """An experiment ready to run for its seeds."""

    experiment: Experiment
    rows: Rows
    network: Network
    optimizer: BoundOptimizer
    plan: Plan

    def start(self) -> State:
        """The state before the first step, one replica per seed."""
        theta = self.network.start(self.rows.seeds, dtype_of(self.experiment), self.experiment.generator)
        return State.start(theta, self.optimizer.start(theta), self.network.statistics.fills(len(theta), theta.dtype))

    def with_rates(self, rates: Iterable[float]) -> Setup:
        """The same with a learning rate for each of as many blocks of replicas."""
        rule = replace(self.optimizer, rates=tuple(rates))
        return replace(self, optimizer=rule, plan=replace(self.plan, factors=rule.factors))


def set_up(experiment: Experiment, rows: Rows) -> Setup:
    """Network, optimizer and plan for rows that are ready. ConfigError for layers that do not fit, and for gates."""
    dataset, first = rows.dataset, rows.prepared[0]
    weights = class_weights(experiment, dataset.columns, [prepared.train.y for prepared in rows.prepared])
    network = network_for(experiment, dataset.x.shape[1], dataset.y.shape[1], weights)
    parts = tuple(name for name in SPLITS if getattr(first, name) is not None)
    layout = _checked_layout(experiment, network, dataset.y.shape[1])
    plan = plan_for(experiment, len(first.train.x), parts)
    rule = optimizer_for(experiment, layout, plan)
    plan = replace(plan, observe=rule.observe if rule.plateau else None, factors=rule.factors)
    findings = list(gate_findings(experiment, rows, network, plan, parts))
    if findings:
        raise refusal(experiment, findings)
    return Setup(experiment, rows, network, rule, plan)


def _checked_layout(experiment: Experiment, network: Network, outputs: int) -> Layout:
    """The layout of a network whose layers fit each other and the data. ConfigError otherwise."""
    try:
        found = network.sizes[-1]
    except ValueError as error:
        raise refusal(experiment, [(("network", "layers"), str(error))]) from error
    each = network.head.per_output
    if found != outputs * each:
        own = experiment.network.head.dense
        where = "behind the head's activation" if own else "before a head without a dense layer"
        wanted = f", for which {experiment.network.head.loss} needs {outputs * each}" if each > 1 else ""
        message = f"found {found} units {where}, but the data have {outputs} targets{wanted}"
        raise refusal(experiment, [(("network", "head", "activation" if own else "dense"), message)])
    return network.layout


# --- gates that this run could never meet -----------------------------------------------------------------------------
