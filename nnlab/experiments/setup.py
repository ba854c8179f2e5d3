"""What every experiment starts from: the rows as each replica sees them, the network, the optimizer and the plan."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.build import Rule, dtype_of, network_for, plan_for, rule_for
from nnlab.config.document import Document, KeyPath
from nnlab.config.experiment import SPLITS, memory_fault, refusal, watchable
from nnlab.config.gates import Gate, Moments, names_a_parameter, never_met, unknown_figure
from nnlab.config.schema import Experiment
from nnlab.config.weights import class_weights, weight_findings
from nnlab.data.catalogue import CATALOGUE, load
from nnlab.data.dataset import Columns, Dataset, Task
from nnlab.data.files import quoted
from nnlab.data.prepare import Prepared, prepare
from nnlab.data.stored import stack
from nnlab.errors import DataError, Fault, printable, suggestion
from nnlab.maths.activations import ACTIVATIONS, AnyActivation
from nnlab.maths.metrics import report
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network
from nnlab.training import health
from nnlab.training.loop import Part, Plan
from nnlab.training.state import State

__all__ = ["SPLITS", "Rows", "Setup", "prepare_rows", "read_rows", "set_up", "with_absolute_source"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """A data set prepared for some seeds: one `Prepared` for each, or a single one that all of them share."""

    dataset: Dataset
    seeds: tuple[int, ...]
    prepared: tuple[Prepared, ...]

    def of(self, replica: int) -> Prepared:
        """What replica number `replica` sees."""
        return self.prepared[replica if len(self.prepared) > 1 else 0]

    def parts(self) -> dict[str, Part]:
        """The splits that exist, stacked along the replica axis."""
        return {name: self._stacked(name) for name in SPLITS if getattr(self.prepared[0], name) is not None}

    def _stacked(self, name: str) -> Part:
        parts = [getattr(prepared, name) for prepared in self.prepared]
        x, y = stack([part.x for part in parts]), stack([part.y for part in parts])
        return Part(x, y, self._unit())

    def _unit(self) -> tuple[Array, Array] | None:
        """How scaled targets turn back: mean and divisor, (R or 1, 1, outputs)."""
        scalings = [prepared.target_scaling for prepared in self.prepared]
        if any(scaling is None for scaling in scalings):
            return None
        mean = stack([scaling.shift[None] for scaling in scalings if scaling])
        divisor = stack([scaling.divisor[None] for scaling in scalings if scaling])
        return mean, divisor


@dataclass(frozen=True)
class Setup:
    """An experiment ready to run for its seeds."""

    experiment: Experiment
    rows: Rows
    network: Network
    rule: Rule
    plan: Plan

    def start(self) -> State:
        """The state before the first step, one replica per seed."""
        theta = self.network.start(self.rows.seeds, dtype_of(self.experiment), self.experiment.generator)
        return State.start(theta, self.rule.start(theta), self.network.statistics.fills(len(theta), theta.dtype))

    def with_rates(self, rates: Iterable[float]) -> Setup:
        """The same with a learning rate for each of as many blocks of replicas."""
        rule = replace(self.rule, rates=tuple(rates))
        return replace(self, rule=rule, plan=replace(self.plan, factors=rule.factors))


def with_absolute_source(experiment: Experiment, base: Path) -> Experiment:
    """The experiment with the path of its data, if it is one, made absolute: its run folder lies elsewhere."""
    source = experiment.data.source
    # As the data are looked for: beside the experiment file, then from the working directory.
    places = [place for place in (base / source.name, Path(source.name)) if os.path.lexists(place)]
    if source.name in CATALOGUE or not places:
        return experiment
    # A link that leads nowhere keeps its own name, which the message is to tell.
    path = os.path.realpath(places[0]) if places[0].exists() else os.path.abspath(places[0])  # noqa: PTH100 - as `realpath`
    absolute = source.model_copy(update={"name": path})
    data = experiment.data.model_copy(update={"source": absolute})
    return experiment.model_copy(update={"data": data})


def read_rows(experiment: Experiment, document: Document | None, base: Path) -> Dataset:
    """The data set of an experiment; what the experiment says about its columns is checked here."""
    experiment = experiment if document is None else experiment.read_from(document)
    data = experiment.data
    with _placed(experiment):
        dataset = load(
            data.source.name,
            task=experiment.task,
            parameters=data.source.parameters,
            target=data.target,
            ignore=data.ignore,
            blanks=data.blanks,
            in_blocks=data.in_blocks,
            base=base,
        )
    findings = list(_data_findings(experiment, dataset))
    if findings:
        raise refusal(experiment, findings)
    return dataset


@contextmanager
def _placed(experiment: Experiment) -> Iterator[None]:
    """Give the faults of data the place of the key that causes them; those of a line of a data file have their own."""
    try:
        yield
    except MemoryError as error:
        found = f"found a data set that does not fit into memory, {_SMALLER}"
        raise refusal(experiment, [(("data", "source"), found)]) from error
    except DataError as error:
        causes = [(fault, _cause(experiment, fault)) for fault in error.faults]
        findings = [(path, fault.message) for fault, path in causes if path is not None]
        own = [fault for fault, path in causes if path is None]
        raise DataError([*(refusal(experiment, findings).faults if findings else ()), *own]) from error


_SMALLER = "expected a smaller one (inputs in .npz, .npy and IDX files may stay there: data.in_blocks: 16384)"

# What the message of a fault tells of the key in the experiment file; the first pattern that is found decides.
_CAUSES = tuple(
    (re.compile(pattern), path)
    for pattern, path in (
        (r"found (?:source|no file|file name|no data)", ("data", "source")),
        (r"found (target|ignore) ('.*?'), expected the name", ("data",)),
        (r"found parameter '(\w+)'", ("data", "source")),
        (r"for a set that takes none: '(\w+)'", ("data", "source")),
        (r"found (samples|noise|classes|seed): ", ("data", "source")),
        (r"\bdata\.(target|ignore|test|validation|in_blocks)\b", ("data",)),
        (r"target column|in target and ignore|no column left", ("data", "target")),
        (r"\btask\b", ("task",)),
        (r"\bblanks\b", ("data", "blanks")),
        (r"finite once scaled|beyond float64", ("data", "scale")),
    )
)


def _cause(experiment: Experiment, fault: Fault) -> KeyPath | None:
    """The key that a fault of the data comes from; None for one within a data file."""
    if fault.line is not None:
        return None
    for pattern, path in _CAUSES:
        match = pattern.search(fault.message)
        if match:
            return (*path, *match.groups()[:1], *_index(experiment, match.groups()))
    return ("data", "source") if fault.file is None else None


def _index(experiment: Experiment, found: Sequence[str]) -> list[int]:
    """Where a column that the data do not have stands in its list."""
    if len(found) < 2:
        return []
    names = getattr(experiment.data, found[0]) or []
    return [index for index, name in enumerate(names) if quoted(name) == found[1]][:1]


def _data_findings(experiment: Experiment, dataset: Dataset) -> list[tuple[KeyPath, str]]:
    """What is wrong between the experiment and the data: input size, output size, network size."""
    inputs, outputs = dataset.x.shape[1], dataset.y.shape[1]
    spec = experiment.network
    findings: list[tuple[KeyPath, str]] = [*_loss_findings(experiment, dataset)]
    if spec.inputs not in (None, inputs):
        findings.append(
            (("network", "inputs"), f"found inputs: {spec.inputs}, but the data have {inputs} input columns")
        )
    sizes = [inputs, *(layer.dense for layer in spec.layers or [] if layer.dense), outputs]
    fault = memory_fault(sum(a * (b + 1) for a, b in zip(sizes[1:], sizes, strict=False)), experiment)
    return [*findings, (("network", "layers"), fault)] if fault else findings


def _loss_findings(experiment: Experiment, dataset: Dataset) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong between the loss and the targets: classes that there are not, counts below 0."""
    yield from weight_findings(experiment, dataset.columns)
    loss = experiment.network.head.loss
    if loss is not None and loss.name == "poisson" and dataset.y.min(initial=0) < 0:
        row, column = np.argwhere(dataset.y < 0)[0]
        found = f"found {dataset.y[row, column]:g} in target {quoted(dataset.columns.targets[column])}"
        yield ("network", "head", "loss"), f"{found}, but poisson is for counts; expected no target below 0"


def prepare_rows(experiment: Experiment, dataset: Dataset, seeds: Sequence[int]) -> Rows:
    """Split and scale for each seed; once for all of them where no split is drawn."""
    data = experiment.data
    drawn = data.validation is not None or data.test is not None
    with _placed(experiment):
        prepared = tuple(_prepared(experiment, dataset, seed) for seed in (seeds if drawn else seeds[:1]))
    return Rows(dataset, tuple(seeds), prepared)


def _prepared(experiment: Experiment, dataset: Dataset, seed: int) -> Prepared:
    data = experiment.data
    return prepare(
        dataset,
        seed=seed,
        test=data.test,
        validation=data.validation,
        scale_name=data.scale.name,
        epsilon=data.scale.epsilon,
        together=data.scale.together,
        blanks=data.blanks,
        scale_targets=data.scale_targets,
        dtype=dtype_of(experiment),
    )


def set_up(experiment: Experiment, rows: Rows, activations: Mapping[str, AnyActivation] = ACTIVATIONS) -> Setup:
    """Network, optimizer and plan for rows that are ready. ConfigError for layers that do not fit, and for gates."""
    dataset, first = rows.dataset, rows.prepared[0]
    weights = class_weights(experiment, dataset.columns, [prepared.train.y for prepared in rows.prepared])
    network = network_for(experiment, dataset.x.shape[1], dataset.y.shape[1], activations, weights)
    parts = tuple(name for name in SPLITS if getattr(first, name) is not None)
    layout = _checked_layout(experiment, network, dataset.y.shape[1])
    plan = plan_for(experiment, len(first.train.x), parts)
    rule = rule_for(experiment, layout, plan)
    plan = replace(plan, observe=rule.observe if rule.plateau else None, factors=rule.factors)
    setup = Setup(experiment, rows, network, rule, plan)
    findings = list(_gate_findings(setup, parts))
    if findings:
        raise refusal(experiment, findings)
    return setup


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


def _gate_findings(setup: Setup, parts: Sequence[str]) -> Iterator[tuple[KeyPath, str]]:
    experiment = setup.experiment
    if not experiment.gates:
        return
    moments = _moments(setup, parts)
    for index, gate in enumerate(experiment.parsed_gates):
        for asked in gate.asks:
            fault = _figure_fault(setup, asked, moments, parts)
            if fault:
                yield ("gates", index), fault


def _figure_fault(setup: Setup, gate: Gate, moments: Mapping[str, Moments], parts: Sequence[str]) -> str | None:
    """Why a gate can never be met, or None."""
    split, _, name = gate.figure.partition("/")
    if split in SPLITS and split not in parts:
        return f"{printable(gate.figure)} is never measured: there is no {split} part; expected data.{_KEYS[split]}"
    label = name if split == "gradcheck" else gate.figure
    if names_a_parameter(label) and split not in SPLITS:
        fault = _label_fault(setup.network.layout, label)
        otherwise = moments["gradcheck/error"] if split == "gradcheck" else Moments(final=True)
        return fault or never_met(gate, otherwise)
    return unknown_figure(gate, moments) or never_met(gate, moments[gate.figure])


_KEYS = {"train": "source", "val": "validation", "test": "test"}


def _moments(setup: Setup, parts: Sequence[str]) -> dict[str, Moments]:
    """When each figure of this run is measured; entries of theta are not listed."""
    plan, check = setup.plan, setup.experiment.training.gradcheck
    dataset = setup.rows.dataset
    figures = report_names(dataset.task, dataset.columns, dataset.y.shape[1])
    quick = {f"{part}/{name}" for part in plan.evaluate for name in watchable(plan.task)}
    moments = {name: Moments(final=True) for part in parts for name in (f"{part}/{figure}" for figure in figures)}
    moments |= {name: Moments(name in moments, range(plan.steps + 1)) for name in quick}
    logged = min([plan.log_every, *(step for step in plan.steps_to_measure if step > 0)])
    epoch = logged / -(-len(setup.rows.prepared[0].train.x) // plan.batch_size)
    moments["batch/loss"] = Moments(plan.steps > 0, range(1, plan.steps + 1), (logged, epoch))
    checked = range(1, min(check.steps, plan.steps) + 1) if check else range(0)
    if setup.experiment.training.health:
        moments |= {name: _moment_of_health(name, plan.steps) for name in health.figure_names(setup.network)}
    return moments | {"gradcheck/error": Moments(final=False, steps=checked, first=(1, 0.0))}


def _moment_of_health(name: str, steps: int) -> Moments:
    """Before the first step there is no update."""
    is_update = name.endswith("/update_ratio")
    return Moments(final=steps > 0 or not is_update, steps=range(1 if is_update else 0, steps + 1))


def report_names(task: Task, columns: Columns, outputs: int) -> list[str]:
    """The figures of a part at the end of a run, as `Model.report` names them."""
    nothing = np.zeros((1, outputs))
    top_k = (3, 5) if task == "multiclass" and outputs > 5 else ()
    figures = report(task, nothing, nothing, classes=columns.classes, target_names=columns.targets, top_k=top_k)
    return ["loss", *figures]


def _label_fault(layout: Layout, label: str) -> str | None:
    """Why a label such as `dense1/weights[0,0]` names no entry of theta, or None if it does."""
    if layout.column(label) is not None:
        return None
    tensor, _, index = label.partition("[")
    shapes = {stretch.name: stretch.shape for stretch in layout.stretches}
    if tensor in shapes:
        return f"found {printable(label)}, expected an index into {tensor} of shape {list(shapes[tensor])}"
    near = {f"{name}[{index}": name for name in shapes}
    hint = suggestion(label, near) or f"; expected an entry of one of {', '.join(shapes)}"
    return f"unknown figure '{printable(label)}'{hint}"
