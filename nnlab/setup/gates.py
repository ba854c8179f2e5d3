"""Gates that a run can never meet, found before it starts from what it will measure and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.document import KeyPath
from nnlab.config.experiment import SPLITS, watchable
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Columns, Task
from nnlab.errors import printable, suggestion
from nnlab.gates.parse import Gate, WhenMeasured, names_a_parameter, never_met, unknown_figure
from nnlab.maths.baselines import baseline_figures
from nnlab.maths.metrics import report, top_k_for
from nnlab.networks.layout import Layout
from nnlab.networks.learned import FAMILY
from nnlab.networks.network import Network
from nnlab.setup.readings import RATE
from nnlab.setup.rows import Rows
from nnlab.training import health
from nnlab.training.plan import Plan

Array = NDArray[Any]


def gate_findings(
    experiment: Experiment, rows: Rows, network: Network, plan: Plan, parts: Sequence[str]
) -> Iterator[tuple[KeyPath, str]]:
    """The gates that a training of this network can never meet, each with the reason; `parts` are its splits."""
    if not experiment.gates:
        return
    measured = _measured_when(experiment, rows, network, plan, parts)
    for index, gate in enumerate(experiment.parsed_gates):
        for asked in gate.asks:
            fault = _figure_fault(network.layout, asked, measured, parts)
            if fault:
                yield ("gates", index), fault


def _figure_fault(layout: Layout, gate: Gate, measured: Mapping[str, WhenMeasured], parts: Sequence[str]) -> str | None:
    """Why a gate can never be met, or None."""
    split, _, name = gate.figure.partition("/")
    if split == "baseline":
        return unknown_figure(gate, measured)
    if split in SPLITS and split not in parts:
        return f"{printable(gate.figure)} is never measured: there is no {split} part; expected data.{_KEYS[split]}"
    label = name if split == "gradcheck" else gate.figure
    if names_a_parameter(label) and split not in SPLITS:
        fault = _label_fault(layout, label)
        otherwise = measured["gradcheck/error"] if split == "gradcheck" else WhenMeasured(final=True)
        return fault or never_met(gate, otherwise)
    if split == FAMILY and gate.figure not in measured:
        return _not_learned(gate.figure, [figure for figure in measured if figure.startswith(f"{FAMILY}/")])
    return unknown_figure(gate, measured) or never_met(gate, measured[gate.figure])


def _not_learned(figure: str, known: Sequence[str]) -> str:
    """Why there is no such figure of a learned activation parameter."""
    hint = suggestion(figure, known) or (f"; expected one of {', '.join(known[:6])}" if known else "")
    expected = hint or "; expected an activation that learns, such as {name: swish, learn: [beta]}"
    return f"{printable(figure)} is never measured: it is no learned parameter of an activation{expected}"


_KEYS = {"train": "source", "val": "validation", "test": "test"}


def _measured_when(
    experiment: Experiment, rows: Rows, network: Network, plan: Plan, parts: Sequence[str]
) -> dict[str, WhenMeasured]:
    """When each figure of this run is measured; entries of theta are not listed."""
    check, dataset = experiment.training.gradcheck, rows.dataset
    figures = report_names(dataset.task, dataset.columns, dataset.y.shape[1])
    quick = {f"{part}/{name}" for part in plan.evaluate for name in watchable(experiment)}
    measured = {name: WhenMeasured(final=True) for part in parts for name in (f"{part}/{figure}" for figure in figures)}
    beside = baseline_figures(dataset.task, [*measured], network.outputs)
    measured |= {name: WhenMeasured(final=True) for name in beside}
    measured |= {name: WhenMeasured(name in measured, range(plan.steps + 1)) for name in quick}
    logged = min([plan.log_every, *(step for step in plan.steps_to_measure if step > 0)])
    of_batches = ["batch/loss", *(["batch/running_loss"] if plan.running_loss else [])]
    measured |= {
        name: WhenMeasured(plan.steps > 0, range(1, plan.steps + 1), (logged, logged / plan.epoch.steps))
        for name in of_batches
    }
    checked = range(1, min(check.steps, plan.steps) + 1) if check else range(0)
    measured |= {name: _read_when(name, plan, 1 / plan.epoch.steps) for name in plan.readings}
    if experiment.training.health:
        measured |= {name: _health_measured_when(name, plan.steps) for name in health.figure_names(network)}
    return measured | {"gradcheck/error": WhenMeasured(final=False, steps=checked, first=(1, 0.0))}


def _read_when(name: str, plan: Plan, epochs: float) -> WhenMeasured:
    """When a reading is taken, where a step is so many `epochs`; there is a learning rate from the first update on."""
    if name != RATE:
        return WhenMeasured(final=True, steps=range(plan.steps + 1))
    first = plan.next_measured(0)
    return WhenMeasured(plan.steps > 0, range(1, plan.steps + 1), (first, first * epochs))


def _health_measured_when(name: str, steps: int) -> WhenMeasured:
    """When a health figure is measured; update ratios need an update, and so start at step 1."""
    is_update = name.endswith("/update_ratio")
    return WhenMeasured(final=steps > 0 or not is_update, steps=range(1 if is_update else 0, steps + 1))


def report_names(task: Task, columns: Columns, outputs: int) -> list[str]:
    """The figures of a split at the end of a run, named as by `Model.report`."""
    nothing = np.zeros((1, outputs))
    top_k = top_k_for(task, outputs)
    figures = report(task, nothing, nothing, classes=columns.classes, target_names=columns.targets, top_k=top_k)
    return ["loss", *figures]


def _label_fault(layout: Layout, label: str) -> str | None:
    """Why a label such as `dense1/weights[0,0]` names no entry of theta, or None if it does."""
    if layout.column(label) is not None:
        return None
    tensor, _, index = label.partition("[")
    shapes = {spec.name: spec.shape for spec in layout.specs}
    if tensor in shapes:
        return f"found {printable(label)}, expected an index into {tensor} of shape {list(shapes[tensor])}"
    near = {f"{name}[{index}": name for name in shapes}
    hint = suggestion(label, near) or f"; expected an entry of one of {', '.join(shapes)}"
    return f"unknown figure '{printable(label)}'{hint}"
