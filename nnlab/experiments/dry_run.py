"""Dry run: what a training step will cost in operations, memory and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.config.experiment import bytes_kept
from nnlab.experiments.first_batch import first_batch
from nnlab.networks.diagrams.text import mermaid
from nnlab.networks.layers.base import PassContext, units_of
from nnlab.networks.pieces import training_pass
from nnlab.report.page import counted
from nnlab.setup.diagrams import architecture_of
from nnlab.setup.setup import Setup
from nnlab.storage.summary import StartSummary
from nnlab.training.epochs import Epoch
from nnlab.training.objective import Objective

_SECONDS, _LONGEST = 0.002, 0.5  # spent measuring at least, and the time after which two steps are enough
_REPEATS = 7  # the fastest of so many steps counts, as the one least disturbed by other load


def _amount(count: int) -> str:
    """A large count with three digits: 4,350, 2.59 million, 12 billion."""
    for word, size in (("billion", 1e9), ("million", 1e6)):
        if count >= size:
            return f"{count / size:,.3g} {word}"
    return f"{count:,}"


@dataclass(frozen=True)
class DryRun:
    """The cost of a training step, measured on the first batch, and of the whole training."""

    parameters: int
    batch: int
    epoch: Epoch
    steps: int
    operations: int
    bytes: int
    workspace: int
    seconds: float
    rows: dict[str, int]
    layers: list[dict[str, Any]]
    diagram: str  # Mermaid
    start: StartSummary
    warnings: tuple[str, ...]
    shuffled: bool = True

    def sentence(self) -> str:
        """The cost in words."""
        return (
            f"A step on {counted(self.batch, 'row')}: {_amount(self.operations)} operations in matrix products, about "
            f"{self.seconds * 1e6:,.0f} µs; {counted(self.steps, 'step')}: about {self.steps * self.seconds:,.3g} s "
            f"without evaluations; {_amount(self.bytes)} bytes for parameters and buffers, "
            f"{_amount(self.workspace)} of them for the buffers of a step.{self._of_the_rest()}"
        )

    def _of_the_rest(self) -> str:
        """Where the last batch of an epoch is not simply the rest of the rows, what becomes of them."""
        if self.epoch.joins:
            last = self.epoch.size + self.epoch.left_over
            return f" The row left over is joined to the last batch of an epoch, which has {last:,} rows."
        if self.epoch.dropped:
            left_out, which = _amount(self.epoch.dropped), "" if self.shuffled else ", the last ones"
            return f" Each epoch leaves out {left_out} of {self.epoch.rows:,} rows (drop_last){which}."
        return ""

    def document(self) -> dict[str, Any]:
        """The cost as a document for `--json`."""
        return {
            "parameters": self.parameters,
            "rows": self.rows,
            "layers": self.layers,
            "diagram": self.diagram,
            "start": self.start.document(),
            "warnings": list(self.warnings),
            "batch_size": self.batch,
            "batches": {
                "per_epoch": self.epoch.steps,
                "last": self.epoch.rows_of(self.epoch.steps - 1),
                "left_out": self.epoch.dropped,
            },
            "steps": self.steps,
            "flops_per_step": self.operations,
            "bytes": self.bytes,
            "workspace_bytes": self.workspace,
            "seconds_per_step": self.seconds,
        }


def dry_run(setup: Setup) -> DryRun:
    """Measure a few steps on the first batch; nothing is written."""
    split, network, batch = setup.rows.of(0).split, setup.network, max(setup.plan.epoch.sizes)
    state = setup.start()
    start = first_batch(setup, state)  # before the steps that are measured
    itemsize = state.theta.itemsize
    workspace = network.workspace(batch, itemsize)
    buffers = workspace + batch * network.inputs * itemsize
    return DryRun(
        network.layout.size,
        setup.plan.batch_size,
        setup.plan.epoch,
        setup.plan.steps,
        network.operations(setup.plan.batch_size),
        network.layout.size * bytes_kept(setup.experiment) + buffers,
        workspace,
        _fastest_step(setup, state),
        {"train": len(split.train), "val": len(split.validation), "test": len(split.test)},
        [
            {
                "name": layer.name,
                "units": units_of(given),
                "shape": list(given),
                "shapes": {s.name: list(s.shape) for s in layer.parameter_specs(shape)},
            }
            for layer, shape, given in zip(network.layers, network.shapes[:-1], network.shapes[1:], strict=True)
        ],
        mermaid(architecture_of(setup.experiment, network, setup.rows.dataset.columns)),
        start,
        setup.warnings,
        setup.plan.shuffle,
    )


def _fastest_step(setup: Setup, state: Any) -> float:
    train, batches = setup.parts["train"], setup.batches()
    gradient = np.zeros_like(state.theta)
    context = PassContext(setup.rows.seeds)
    size = setup.plan.epoch.rows_of(0)
    first = training_pass(setup.network, state.theta, gradient, size, state.statistics, context)
    update = setup.optimizer.update
    more = {"objective": Objective(setup.network, train.x, train.y_and_weights)} if setup.plan.needs_objective else {}
    with np.errstate(all="ignore"):
        if more:
            update(state.theta, gradient, state.slots, 1, **more)  # the first step loads the line search

        def step() -> None:
            first.differentiate(*batches.at(0))
            update(state.theta, gradient, state.slots, 1, **more)

        return fastest(step)


def fastest(step: Callable[[], None]) -> float:
    """The seconds of the fastest of several calls: a hiccup of the machine in one, or in the first, does not count."""
    found: list[float] = []
    spent = 0.0
    while spent < _SECONDS or len(found) < (_REPEATS if spent < _LONGEST else 2):
        begun = time.perf_counter()
        step()
        found.append(time.perf_counter() - begun)
        spent += found[-1]
    return min(found)
