"""From the layers and the head of an experiment to a network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnlab.config.choices import ActivationChoice, Choice, InitializerChoice
from nnlab.config.schema import Experiment, Init, LayerSpec
from nnlab.maths.activations import AnyActivation, RowActivation
from nnlab.maths.initializers import INITIALIZERS, Initializer
from nnlab.maths.losses import bound, unfused, worked_out
from nnlab.networks.layers.base import Layer, Shape, units_of
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.noise import Noise
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layout import Penalties
from nnlab.networks.network import Network

# A head that is fused with its loss is a sigmoid or softmax; both get the initialisation of sigmoid.
_HEAD_INITIALIZER = "glorot_uniform"

# What a key of `LayerSpec` builds, from the layer's name and the key's value. Dense layers and activations are not
# here: they also look at their neighbours and at the settings of the whole network.
LAYERS: dict[str, Callable[[str, Any], Layer]] = {
    "dropout": Dropout,
    "noise": Noise,
    "batch_norm": lambda name, norm: BatchNormalization(name, norm.epsilon, norm.momentum),
    "layer_norm": lambda name, norm: LayerNormalization(name, norm.epsilon),
}


def network_for(
    experiment: Experiment,
    shape: Shape,
    outputs: int,
    weights: Any = None,
) -> Network:
    """The experiment's network from samples of `shape` to `outputs` targets; `weights` are the class weights.

    No layer uses rows and columns of images yet, so they are flattened.
    """
    spec = experiment.network
    head = spec.head
    assert head.activation is not None
    assert head.loss is not None
    loss = head.loss.name
    fused = worked_out(experiment.task, head.activation.name, loss, logits=head.logits)
    ended = bound(fused or unfused(loss), experiment.task, loss, head.loss.values, weights)
    entry = head.activation.entry
    builder = _Builder(experiment)
    for layer in spec.layers or []:
        builder.add(layer, spec.activation)
    if head.dense:
        width = outputs * ended.per_output if fused else _inputs_for(outputs, entry, head.activation)
        builder.add_last(width, _HEAD_INITIALIZER if fused else entry.initializer)
    if not fused and head.activation.name != "identity":
        builder.add_activation(head.activation)
    return Network((units_of(shape),), tuple(builder.layers), ended)


def _inputs_for(outputs: int, entry: AnyActivation, choice: Choice) -> int:
    """How many inputs an activation needs for `outputs` outputs: maxout and glu have fewer outputs than inputs."""
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
    """Collects layers, and numbers the layers of each kind from 1."""

    def __init__(self, experiment: Experiment) -> None:
        self.spec = experiment.network
        self.layers: list[Layer] = []
        self.counts: Counter[str] = Counter()

    def add(self, layer: LayerSpec, otherwise: ActivationChoice) -> None:
        """Add a layer of the experiment file; a dense one with its activation."""
        if layer.kind in {"dense", "activation"}:
            self._add_dense_and_activation(layer, layer.activation or otherwise)
        else:
            self.layers.append(LAYERS[layer.kind](self._numbered(layer.kind), getattr(layer, layer.kind)))

    def _add_dense_and_activation(self, layer: LayerSpec, activation: ActivationChoice) -> None:
        if layer.dense is not None:
            recommended = activation.entry.initializer
            own = {key: getattr(layer, key) for key in ("l1", "l2", "max_norm") if getattr(layer, key) is not None}
            self._add_dense(layer.dense, layer.init or self.spec.init, recommended, replace(self._penalties(), **own))
        self.add_activation(activation)

    def _penalties(self) -> Penalties:
        limit = math.inf if self.spec.max_norm is None else self.spec.max_norm
        return Penalties(self.spec.l1, self.spec.l2, limit)

    def add_last(self, outputs: int, recommended: str) -> None:
        """Add the dense layer of the head."""
        self._add_dense(outputs, self.spec.init, recommended, self._penalties())

    def _add_dense(self, width: int, init: Init, recommended: str, penalties: Penalties) -> None:
        weights, values = _initializer(init.weights, recommended)
        bias, bias_values = _initializer(init.bias, "zeros")
        name = self._numbered("dense")
        self.layers.append(Dense(name, width, weights, values, bias, bias_values, penalties))

    def add_activation(self, choice: ActivationChoice) -> None:
        """Add an activation as a layer; identity adds none."""
        if choice.name != "identity":
            entry = choice.entry
            name = self._numbered(choice.name)
            if isinstance(entry, RowActivation):
                self.layers.append(Rowwise(name, entry, choice.values))
            else:
                self.layers.append(Elementwise(name, entry, choice.values, choice.learned, choice.per_unit))

    def _numbered(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}{self.counts[kind]}"


def _initializer(choice: InitializerChoice | str, recommended: str) -> tuple[Initializer, Mapping[str, Any]]:
    if isinstance(choice, InitializerChoice):
        return choice.entry, choice.values
    return INITIALIZERS[recommended], {}


def dtype_of(experiment: Experiment) -> Any:
    """The floating-point type of theta and the data."""
    return np.dtype(experiment.precision)
