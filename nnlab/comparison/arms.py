"""The parts of a comparison, read and checked: activations (arms), seeds, and the target that each run should reach.

Nothing is trained or written before these checks have passed. An arm is the name of an activation, if need be with
parameters: `relu`, or `leaky_relu:negative_slope=0.1`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from nnlab.config.choices import ActivationChoice, activation_mapping, choose_activation
from nnlab.config.document import KeyPath
from nnlab.config.experiment import Finding, evaluated_parts, refusal, watchable
from nnlab.config.schema import LARGEST_SEED, Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import ConfigError, Fault, printable, suggestion
from nnlab.gates.parse import Gate, parse_gate
from nnlab.maths.activations import AnyActivation
from nnlab.maths.baselines import constant
from nnlab.maths.metrics import TRAINING_METRICS
from nnlab.networks.layers.base import Shape
from nnlab.setup.network import network_for
from nnlab.setup.plan import batch_findings, epoch_for, schedule_findings, steps_for
from nnlab.setup.rows import split_rows
from nnlab.setup.setup import shape_finding

LARGEST_LEGACY_SEED = 2**32 - 1

# --- arms -------------------------------------------------------------------------------------------------------------


def arms_from(words: Sequence[str], activations: Mapping[str, AnyActivation]) -> list[ActivationChoice]:
    """The activations named on a command line; ConfigError for unknown and repeated ones."""
    faults: list[Fault] = []
    choices: list[ActivationChoice] = []
    for word in words:
        try:
            choices.append(choose_activation(activation_mapping(word), activations))
        except ConfigError as error:
            faults += [Fault(f"{_option(word)}: {fault.message}") for fault in error.faults]
    labels = [choice.label for choice in choices]
    faults += [
        Fault(f"--activation {label}: found it twice, expected different ones")
        for label in sorted({*labels})
        if labels.count(label) > 1
    ]
    if faults:
        raise ConfigError(faults)
    return choices


def labels_of(choices: Sequence[ActivationChoice]) -> list[str]:
    """The label of each arm: the activation's own, and f1, f2 … for formulas, which fit neither tables nor gates."""
    taken = {choice.label for choice in choices if choice.formula is None}
    short = (name for name in map("f{}".format, count(1)) if name not in taken)
    return [choice.label if choice.formula is None else next(short) for choice in choices]


def _option(word: str) -> str:
    return f"--activation {printable(word)}"


def arm_experiment(experiment: Experiment, choice: ActivationChoice) -> Experiment:
    """The experiment, without gates, with another activation in each hidden layer that does not name one itself."""
    network = experiment.network.model_copy(update={"activation": choice})
    return experiment.model_copy(update={"network": network, "gates": []})


def check_arms_used(experiment: Experiment) -> None:
    """ConfigError where every hidden layer names its own activation, so that all arms would be the same."""
    layers = experiment.network.layers or []
    if any(layer.width is not None and layer.activation is None for layer in layers):
        return
    found = "each layer that has an activation names its own" if layers else "there are no hidden layers"
    message = f"nothing to compare: {found}; expected a layer with weights that takes the one of network.activation"
    raise refusal(experiment, [(("network", "layers"), message)])


def check_widths(experiment: Experiment, arms: Mapping[str, Experiment], shape: Shape, outputs: int) -> None:
    """ConfigError for arms that do not fit the layers, such as glu after an odd number of units, or cannot start."""
    findings = list(_width_findings(arms, shape, outputs))
    if findings:
        raise refusal(experiment, findings)


def _width_findings(arms: Mapping[str, Experiment], shape: Shape, outputs: int) -> Iterator[tuple[KeyPath, str]]:
    for label, experiment in arms.items():
        network = network_for(experiment, shape, outputs)
        try:
            found = network.widths[-1]
            network.check_start()
        except ValueError as error:
            place, message = shape_finding(experiment, error)
            yield place, f"with {label}: {message}"
        else:
            if found != outputs * network.head.per_output:
                text = f"with {label}: found {found} outputs of the network, but the data have {outputs} targets"
                yield ("network", "head"), text


def check_steps(experiment: Experiment, arms: Mapping[str, Experiment], dataset: Dataset) -> None:
    """ConfigError for batches and learning-rate schedules of arms that do not fit their rows, layers and optimizers."""
    labels: dict[Finding, list[str]] = {}
    rows: dict[str, int] = {}  # of the training part, by what splits the data
    for label, arm in arms.items():
        key = repr((arm.data.test, arm.data.validation))
        rows[key] = rows.get(key) or len(split_rows(arm, dataset).train)
        network = network_for(arm, dataset.sample_shape, dataset.y.shape[1])
        steps = steps_for(arm, epoch_for(arm, network, rows[key]))
        for finding in (*batch_findings(arm, network, rows[key]), *schedule_findings(arm, steps)):
            labels.setdefault(finding, []).append(label)
    if labels:
        whole = len(arms)
        found = [(path, _with(own, whole, text)) for (path, text), own in labels.items()]
        raise refusal(experiment, found)


def _with(labels: Sequence[str], arms: int, text: str) -> str:
    """The text, which begins with the first arm that it is about unless it is about all."""
    return text if len(labels) == arms else f"with {labels[0]}: {text}"


# --- seeds ------------------------------------------------------------------------------------------------------------


def check_seeds(experiment: Experiment, seeds: range) -> None:
    """ConfigError for a seed beyond the largest one allowed: `train --seed` must accept each seed of a comparison."""
    legacy = experiment.generator == "legacy"
    largest = LARGEST_LEGACY_SEED if legacy else LARGEST_SEED
    if seeds and seeds[-1] > largest:
        kind = " with generator: legacy" if legacy else ""
        raise ConfigError(f"--seeds: found seeds {seeds[0]} to {seeds[-1]}, expected at most {largest}{kind}")


# --- the target -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A level of a figure that a run should reach: `val/accuracy >= 0.95`."""

    figure: str
    level: float
    larger_is_better: bool

    @property
    def text(self) -> str:
        """The target as text, such as `val/accuracy >= 0.95`."""
        return f"{self.figure} {'>=' if self.larger_is_better else '<='} {self.level:g}"


def target_for(text: str, experiment: Experiment) -> Target:
    """The target given on the command line; ConfigError if malformed or never measured."""
    try:
        target = target_from(text)
    except ValueError as error:
        raise ConfigError(f"--target: {error}") from error
    parts = evaluated_parts(experiment)
    known = [*(f"{part}/{name}" for part in parts for name in watchable(experiment)), "batch/loss"]
    if target.figure not in known:
        raise ConfigError(f"--target: {_not_measured(target.figure, experiment, known)}")
    return target


def _not_measured(figure: str, experiment: Experiment, known: Sequence[str]) -> str:
    """Why a figure cannot be a target."""
    name, (part, _, metric) = printable(figure), figure.partition("/")
    if part == "val" and not experiment.data.may_validate:
        return f"{name} is never measured: there is no validation part; expected data.validation"
    if part in ("train", "val") and metric in watchable(experiment):
        return f"{name} is not measured while the network trains; expected {part} in training.evaluate"
    hint = suggestion(figure, known) or f", expected one of {', '.join(known)}"
    return f"unknown figure '{name}'{hint}"


def default_target(experiment: Experiment, y: NDArray[np.float64]) -> Target:
    """95 % accuracy, or 90 % of the variance explained, on the validation part if that is measured.

    Where always the largest class of the targets y (N, outputs) has more than 90 %, which says nothing of a network,
    the accuracy is halfway between that and 1.
    """
    split = "val" if "val" in evaluated_parts(experiment) else "train"
    if experiment.task == "regression":
        return Target(f"{split}/r2", 0.9, larger_is_better=True)
    metric, accuracy = next(iter(TRAINING_METRICS[experiment.task].items()))
    always = float(accuracy(np.broadcast_to(constant("majority", y), y.shape), y))
    level = 0.95 if always <= 0.9 else math.ceil(1e4 * (1 + always) / 2) / 1e4
    return Target(f"{split}/{metric}", level, larger_is_better=True)


def measured(target: Target, figures: Sequence[str]) -> Target:
    """The target, on training rows if it is for a validation part that the table does not have.

    `figures` are the final ones; only a table with a column `split` tells its parts no earlier than when it is read.
    """
    part, _, metric = target.figure.partition("/")
    return replace(target, figure=f"train/{metric}") if part == "val" and target.figure not in figures else target


def target_from(text: str) -> Target:
    """Parse `FIGURE >= NUMBER` or `FIGURE <= NUMBER`; ValueError for anything else."""
    gate: Gate = parse_gate(text)
    more = (gate.step, gate.by_epoch, gate.by_step, gate.of)
    if gate.operator not in (">=", "<=") or any(part is not None for part in more):
        raise ValueError(f"found target '{printable(text)}', expected FIGURE >= NUMBER or FIGURE <= NUMBER")
    return Target(gate.figure, gate.bound, gate.operator == ">=")
