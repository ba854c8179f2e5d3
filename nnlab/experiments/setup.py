"""What every experiment starts from: the rows as each replica sees them, the network, the optimizer and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.build import Rule, dtype_of, network_for, plan_for, rule_for
from nnlab.config.document import Document
from nnlab.config.experiment import faults_at, memory_fault
from nnlab.config.schema import Experiment
from nnlab.data.catalogue import CATALOGUE, load
from nnlab.data.dataset import Dataset
from nnlab.data.prepare import Prepared, prepare
from nnlab.errors import ConfigError
from nnlab.maths.activations import ACTIVATIONS, AnyActivation
from nnlab.networks.network import Network
from nnlab.training.loop import Part, Plan, State

Array = NDArray[Any]
SPLITS = ("train", "val", "test")


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
        x, y = _stack([part.x for part in parts]), _stack([part.y for part in parts])
        return Part(x, y, self._unit())

    def _unit(self) -> tuple[Array, Array] | None:
        """How scaled targets turn back: mean and divisor, (R or 1, 1, outputs)."""
        scalings = [prepared.target_scaling for prepared in self.prepared]
        if any(scaling is None for scaling in scalings):
            return None
        mean = _stack([scaling.shift[None] for scaling in scalings if scaling])
        divisor = _stack([scaling.divisor[None] for scaling in scalings if scaling])
        return mean, divisor


def _stack(arrays: Sequence[Array]) -> Array:
    """Arrays along a new first axis; a single one without a copy."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


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


def with_absolute_source(experiment: Experiment, base: Path) -> Experiment:
    """The experiment with the path of its data, if it is one, made absolute: its run folder lies elsewhere."""
    source = experiment.data.source
    path = base / source.name
    if source.name in CATALOGUE or not path.exists():
        return experiment
    absolute = source.model_copy(update={"name": str(path.resolve())})
    data = experiment.data.model_copy(update={"source": absolute})
    return experiment.model_copy(update={"data": data})


def read_rows(experiment: Experiment, document: Document | None, base: Path) -> Dataset:
    """The data set of an experiment; what the experiment says about its columns is checked here."""
    data = experiment.data
    dataset = load(
        data.source.name,
        task=experiment.task,
        parameters=data.source.parameters,
        target=data.target,
        ignore=data.ignore,
        blanks=data.blanks,
        base=base,
    )
    findings = list(_data_findings(experiment, dataset))
    if findings:
        raise ConfigError(
            faults_at(document or Document(None, {(): ("config", 1, 1)}, {(): ("config", 1, 1)}), findings)
        )
    return dataset


def _data_findings(experiment: Experiment, dataset: Dataset) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong between the experiment and the data: input size, output size, network size."""
    inputs, outputs = dataset.x.shape[1], dataset.y.shape[1]
    spec = experiment.network
    findings: list[tuple[tuple[str | int, ...], str]] = []
    if spec.inputs not in (None, inputs):
        findings.append(
            (("network", "inputs"), f"found inputs: {spec.inputs}, but the data have {inputs} input columns")
        )
    if not spec.head.dense:
        widths = [layer.dense for layer in spec.layers or [] if layer.dense]
        last = widths[-1] if widths else inputs
        if last != outputs:
            message = f"found {last} units before a head without a dense layer, but the data have {outputs} targets"
            findings.append((("network", "head", "dense"), message))
    sizes = [inputs, *(layer.dense for layer in spec.layers or [] if layer.dense), outputs]
    fault = memory_fault(sum(a * (b + 1) for a, b in zip(sizes[1:], sizes, strict=False)), experiment.precision)
    return [*findings, (("network", "layers"), fault)] if fault else findings


def prepare_rows(experiment: Experiment, dataset: Dataset, seeds: Sequence[int]) -> Rows:
    """Split and scale for each seed; once for all of them where no split is drawn."""
    data = experiment.data
    drawn = data.validation is not None or data.test is not None
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
    """Network, optimizer and plan for rows that are ready."""
    dataset, first = rows.dataset, rows.prepared[0]
    network = network_for(experiment, dataset.x.shape[1], dataset.y.shape[1], activations)
    parts = tuple(name for name in SPLITS if getattr(first, name) is not None)
    try:
        layout = network.layout
    except ValueError as error:
        raise ConfigError(f"network.layers: {error}") from error
    plan = plan_for(experiment, len(first.train.x), parts)
    rule = rule_for(experiment, layout, plan)
    return Setup(experiment, rows, network, rule, replace(plan, observe=rule.observe if rule.plateau else None))
