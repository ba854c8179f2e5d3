"""From a validated experiment to the objects that compute: the network, its optimizer and the plan of its training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from nnlab.config.choices import Choice, activation_of
from nnlab.config.experiment import line_search_findings, refusal
from nnlab.config.schema import Experiment, Init, LayerSpec
from nnlab.maths.activations import AnyActivation, RowActivation
from nnlab.maths.initializers import INITIALIZERS, Initializer
from nnlab.maths.losses import bound, unfused, worked_out
from nnlab.maths.metrics import metric_of
from nnlab.maths.optimizers import OPTIMIZERS, Descent, Optimizer
from nnlab.maths.schedules import SCHEDULES, Plateau
from nnlab.networks.activation_layers import Elementwise, Rowwise
from nnlab.networks.layers import Dense, Layer
from nnlab.networks.layout import Layout, Penalties
from nnlab.networks.network import Network
from nnlab.networks.noise_layers import Dropout, Noise
from nnlab.networks.normalization import BatchNormalization, LayerNormalization
from nnlab.training.loop import Plan, Update
from nnlab.training.stopping import Watch

# A head's last dense layer feeds a sigmoid or softmax where the pair is fused; both want what sigmoid wants.
_HEAD_INITIALIZER = "glorot_uniform"


@dataclass(frozen=True)
class Rule:
    """An optimizer with its chosen parameters, its schedule, and the weights its own decay may shrink.

    With `rates` the replicas fall into as many blocks of the same length, each with a learning rate of its own. A rule
    that `folds` takes gradients of which `factors` have been folded into the loss, block by block.
    """

    entry: Optimizer
    choice: Choice
    decayed: Any
    steps: int
    plateau: Plateau | None = None
    rates: tuple[float, ...] = ()
    folds: bool = False

    def start(self, theta: Any) -> dict[str, Any]:
        """Fresh slots; those of a plateau are (R,), all others (R, P)."""
        slots = self.entry.start(theta, self.choice.values)
        state = self.plateau.start(len(theta)) if self.plateau else {}
        return slots | {f"{_PLATEAU}{name}": values for name, values in state.items()}

    @cached_property
    def update(self) -> Update:
        """The in-place update as the training loop calls it."""
        if self.folds:
            return Descent(self._bases)
        updates = [self._update_from(base) for base in self._bases]
        return updates[0] if len(updates) == 1 else partial(_update_blocks, updates)

    def _update_from(self, base: float) -> Update:
        others = {key: value for key, value in self.choice.values.items() if key != "learning_rate"}
        if self.entry.decays:
            others["decay_mask"] = self.decayed
        if self.choice.schedule is None:  # two calls less in every step
            return partial(self.entry.update, rate=base, **others)
        return partial(_update, self.entry.update, self.rate_from(base), others)

    @property
    def factors(self) -> tuple[float, ...]:
        """What the gradient of each block's loss is to be multiplied by."""
        return self.update.factors if isinstance(self.update, Descent) else (1.0,)

    @property
    def _base(self) -> float:
        return float(self.choice.values["learning_rate"])

    @property
    def _bases(self) -> tuple[float, ...]:
        return self.rates or (self._base,)

    @cached_property
    def rate(self) -> Callable[[Any, Any, int], Any]:
        """The learning rate as a function of theta, slots and step, counted from 1."""
        return self.rate_from(self._base)

    def rate_from(self, base: float) -> Callable[[Any, Any, int], Any]:
        """The learning rate over another base."""
        schedule = self.choice.schedule
        if schedule is None:
            return lambda _theta, _slots, _step: base
        if self.plateau is not None:
            return lambda theta, slots, _step: (base * slots[f"{_PLATEAU}scale"][:, None]).astype(theta.dtype)
        entry, values, steps = SCHEDULES[schedule.name], schedule.values, self.steps
        return lambda _theta, _slots, step: entry.rate(base, step, steps, **values)

    def observe(self, slots: Mapping[str, Any], values: Any) -> None:
        """Tell a plateau schedule the watched figure of an evaluation, (R,)."""
        if self.plateau is not None:
            state = {name.removeprefix(_PLATEAU): array for name, array in slots.items() if name.startswith(_PLATEAU)}
            self.plateau.observe(values, state)


_PLATEAU = "plateau/"


def _update(
    update: Any, rate: Any, others: dict[str, Any], theta: Any, gradient: Any, slots: Any, step: int, **more: Any
) -> None:
    update(theta, gradient, slots, step, rate(theta, slots, step), **others, **more)


def _update_blocks(
    updates: Sequence[Update], theta: Any, gradient: Any, slots: Mapping[str, Any], step: int, **more: Any
) -> None:
    """An update of its own for each block of replicas.

    A column of rates would be one call, but not the same bits: numbers that are made from a rate are rounded once where
    it is a plain number, and an array of float32 would round at every step of the way.
    """
    length = len(theta) // len(updates)
    for first, update in zip(range(0, len(theta), length), updates, strict=True):
        rows = slice(first, first + length)
        own = {name: partial(_of_block, objective, first) for name, objective in more.items()}
        update(theta[rows], gradient[rows], {name: slot[rows] for name, slot in slots.items()}, step, **own)


def _of_block(objective: Any, first: int, theta: Any, replica: int) -> Any:
    return objective(theta, first + replica)


def rule_for(experiment: Experiment, layout: Layout, plan: Plan) -> Rule:
    """The experiment's optimizer for a network with this layout."""
    choice, decayed = experiment.optimizer, layout.decayed(dtype_of(experiment))
    plateau = None
    if choice.schedule is not None and choice.schedule.name == Plateau.name:
        plateau = Plateau(**choice.schedule.values, larger_is_better=plan.watch.larger_is_better)
    entry = OPTIMIZERS[choice.name]
    # What is done to a gradient, or added to it, takes it as it is.
    folds = choice.schedule is None and entry.is_descent(choice.values) and not (plan.clips or layout.is_penalised)
    return Rule(entry, choice, decayed, plan.steps, plateau, folds=folds)


def network_for(
    experiment: Experiment,
    inputs: int,
    outputs: int,
    activations: Mapping[str, AnyActivation],
    weights: Any = None,
) -> Network:
    """The experiment's network between `inputs` columns and `outputs` targets; `weights` are those of the classes."""
    spec = experiment.network
    head = spec.head
    assert head.activation is not None
    assert head.loss is not None
    loss = head.loss.name
    fused = worked_out(experiment.task, head.activation.name, loss, logits=head.logits)
    ended = bound(fused or unfused(loss), experiment.task, loss, head.loss.values, weights)
    entry = activation_of(head.activation, activations)
    builder = _Builder(experiment, activations)
    for layer in spec.layers or []:
        builder.add(layer, spec.activation)
    if head.dense:
        width = outputs * ended.per_output if fused else _inputs_for(outputs, entry, head.activation)
        builder.add_last(width, _HEAD_INITIALIZER if fused else entry.initializer)
    if not fused and head.activation.name != "identity":
        builder.add_activation(head.activation)
    return Network(inputs, tuple(builder.layers), ended)


def _inputs_for(outputs: int, entry: AnyActivation, choice: Choice) -> int:
    """How many units an activation makes `outputs` of: maxout and glu have fewer outputs than inputs."""
    if not isinstance(entry, RowActivation):
        return outputs
    share = int(choice.values.get("pieces", 2))
    return next((n for n in (outputs, share * outputs) if _units(entry, choice, n) == outputs), outputs)


def _units(entry: RowActivation, choice: Choice, inputs: int) -> int | None:
    try:
        return entry.units(inputs, **choice.values)
    except ValueError:
        return None


class _Builder:
    """Collects layers, numbering each kind from 1."""

    def __init__(self, experiment: Experiment, activations: Mapping[str, AnyActivation]) -> None:
        self.spec, self.activations = experiment.network, activations
        self.layers: list[Layer] = []
        self.counts: Counter[str] = Counter()

    def add(self, layer: LayerSpec, otherwise: Choice) -> None:
        """A layer of the experiment file; a dense one comes with its activation."""
        if layer.kind in {"dense", "activation"}:
            self._add_dense_and_activation(layer, layer.activation or otherwise)
        elif layer.dropout is not None:
            self.layers.append(Dropout(self._numbered("dropout"), layer.dropout))
        elif layer.noise is not None:
            self.layers.append(Noise(self._numbered("noise"), layer.noise))
        elif layer.batch_norm is not None:
            norm = layer.batch_norm
            self.layers.append(BatchNormalization(self._numbered("batch_norm"), norm.epsilon, norm.momentum))
        elif layer.layer_norm is not None:
            self.layers.append(LayerNormalization(self._numbered("layer_norm"), layer.layer_norm.epsilon))

    def _add_dense_and_activation(self, layer: LayerSpec, activation: Choice) -> None:
        if layer.dense is not None:
            recommended = activation_of(activation, self.activations).initializer
            own = {key: getattr(layer, key) for key in ("l1", "l2", "max_norm") if getattr(layer, key) is not None}
            self._add_dense(layer.dense, layer.init or self.spec.init, recommended, replace(self._penalties(), **own))
        self.add_activation(activation)

    def _penalties(self) -> Penalties:
        limit = math.inf if self.spec.max_norm is None else self.spec.max_norm
        return Penalties(self.spec.l1, self.spec.l2, limit)

    def add_last(self, outputs: int, recommended: str) -> None:
        """The dense layer of the head."""
        self._add_dense(outputs, self.spec.init, recommended, self._penalties())

    def _add_dense(self, width: int, init: Init, recommended: str, penalties: Penalties) -> None:
        weights, values = _initializer(init.weights, recommended)
        bias, bias_values = _initializer(init.bias, "zeros")
        name = self._numbered("dense")
        self.layers.append(Dense(name, width, weights, values, bias, bias_values, penalties))

    def add_activation(self, choice: Choice) -> None:
        """An activation as a layer of its own; identity needs none."""
        if choice.name != "identity":
            entry = activation_of(choice, self.activations)
            name = self._numbered(choice.name)
            if isinstance(entry, RowActivation):
                self.layers.append(Rowwise(name, entry, choice.values))
            else:
                self.layers.append(Elementwise(name, entry, choice.values, choice.learned, choice.per_unit))

    def _numbered(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}{self.counts[kind]}"


def _initializer(choice: Choice | str, recommended: str) -> tuple[Initializer, Mapping[str, Any]]:
    if isinstance(choice, Choice):
        return INITIALIZERS[choice.name], choice.values
    return INITIALIZERS[recommended], {}


def plan_for(experiment: Experiment, rows: int, evaluate: tuple[str, ...]) -> Plan:
    """When to update, measure, evaluate and save, for a training part of `rows` rows; `evaluate` names the parts.

    ConfigError where the optimizer searches along lines and something is in its way, as are batches of some rows.
    """
    training, optimizer = experiment.training, experiment.optimizer.name
    batch = rows if training.batch_size == "all" else min(training.batch_size, rows)
    findings = list(line_search_findings(experiment))
    if OPTIMIZERS[optimizer].needs_objective and batch < rows:
        found = f"found batches of {batch} of the {rows} training rows with {optimizer}, whose line search compares"
        findings.append((("training", "batch_size"), f"{found} losses of the same rows; expected all"))
    if findings:
        raise refusal(experiment, findings)
    per_epoch = -(-rows // batch)
    steps = training.steps if training.steps is not None else (training.epochs or 0) * per_epoch
    # About a hundred points make a curve; more cost time and show nothing new.
    log_every = training.log_every or max(1, steps // 100)
    return Plan(
        task=experiment.task,
        steps=steps,
        batch_size=batch,
        shuffle=training.shuffle,
        log_every=log_every,
        evaluate_every=training.evaluate_every or _evaluate_every(experiment, per_epoch, log_every),
        watch=_watch(experiment, evaluate),
        evaluate=tuple(part for part in training.evaluate if part in evaluate),
        checkpoint_every=training.checkpoint_every if isinstance(training.checkpoint_every, int) else None,
        clip_norm=training.clip_norm,
        clip_value=training.clip_value,
        steps_to_measure=frozenset(_gate_steps(experiment, steps)),
        needs_objective=OPTIMIZERS[optimizer].needs_objective,
    )


def _evaluate_every(experiment: Experiment, per_epoch: int, log_every: int) -> int:
    """Once an epoch; where epochs are short and nobody waits for an early stop, only as often as the log."""
    return per_epoch if experiment.training.early_stopping else max(per_epoch, log_every)


def _gate_steps(experiment: Experiment, steps: int) -> Iterator[int]:
    asked = (asked for gate in experiment.parsed_gates for asked in gate.asks)
    return (gate.step for gate in asked if gate.step is not None and gate.step <= steps)


def _watch(experiment: Experiment, parts: tuple[str, ...]) -> Watch:
    """Early stopping as the experiment says; without it the best weights by loss are still kept."""
    stopping = experiment.training.early_stopping
    if stopping is None:
        evaluated = [part for part in experiment.training.evaluate if part in parts]
        return Watch("val/loss" if "val" in evaluated else "train/loss", larger_is_better=False)
    better = metric_of(stopping.monitor.split("/", 1)[1]).larger_is_better
    return Watch(stopping.monitor, better, stopping.patience, stopping.min_delta)


def dtype_of(experiment: Experiment) -> Any:
    """The floating-point type of theta and the data."""
    return np.dtype(experiment.precision)
