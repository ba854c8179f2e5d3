"""From the layers and the head of an experiment to a network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnlab.config.choices import ActivationChoice, Choice, InitializerChoice
from nnlab.config.document import KeyPath
from nnlab.config.schema import Experiment, Init, LayerSpec
from nnlab.maths.activations import ACTIVATIONS, AnyActivation, RowActivation
from nnlab.maths.initializers import INITIALIZERS, Initializer
from nnlab.maths.losses import bound, row_weighted, unfused, worked_out
from nnlab.networks.layers.augment import Augment
from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import Layer, Shape, units_of
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.conv2d import Conv2D
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.flatten import Flatten
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.max_pool import MaxPooling
from nnlab.networks.layers.noise import Noise
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layers.windows import Windows
from nnlab.networks.layout import Penalties
from nnlab.networks.network import Network

# A head that is fused with its loss is a sigmoid or softmax; both get what is recommended for sigmoid.
_HEAD_INITIALIZER = "glorot_uniform"

# What a key of `LayerSpec` builds, from the layer's name and all that the file says of it. Layers with weights and
# activations are not here: they also look at their neighbours and at the settings of the whole network.
LAYERS: dict[str, Callable[[str, Any], Layer]] = {
    "max_pool": lambda name, spec: MaxPooling(name, Windows(spec.max_pool, spec.stride or spec.max_pool)),
    "avg_pool": lambda name, spec: AveragePooling(name, Windows(spec.avg_pool, spec.stride or spec.avg_pool)),
    "global_avg_pool": lambda name, _spec: GlobalAveragePooling(name),
    "flatten": lambda name, _spec: Flatten(name),
    "augment": lambda name, spec: Augment(name, spec.augment.flip, spec.augment.shift),
    "dropout": lambda name, spec: Dropout(name, spec.dropout),
    "noise": lambda name, spec: Noise(name, spec.noise),
    "batch_norm": lambda name, spec: BatchNormalization(name, spec.batch_norm.epsilon, spec.batch_norm.momentum),
    "layer_norm": lambda name, spec: LayerNormalization(name, spec.layer_norm.epsilon),
}


def network_for(
    experiment: Experiment,
    shape: Shape,
    outputs: int,
    weights: Any = None,
) -> Network:
    """The experiment's network from samples of `shape` to `outputs` targets; `weights` are the class weights.

    Where the data have weights of rows, its head takes them behind the targets (see `nnlab.maths.losses.weights`).
    Where no layer needs images, rows, columns and channels are inputs like any others.
    """
    spec = experiment.network
    head = spec.head
    assert head.activation is not None
    assert head.loss is not None
    loss = head.loss.name
    fused = worked_out(experiment.task, head.activation.name, loss, logits=head.logits)
    ended = bound(fused or unfused(loss), experiment.task, loss, head.loss.values, weights)
    entry = head.activation.entry
    builder = _Builder.of_layers(experiment)
    if head.dense:
        width = outputs * ended.per_output if fused else _inputs_for(outputs, entry, head.activation)
        builder.add_last(width, _HEAD_INITIALIZER if fused else entry.initializer)
    if not fused and head.activation.name != "identity":
        builder.add_activation(head.activation)
    has_images = any(layer.needs_image for layer in builder.layers)
    ended = ended if experiment.data.weight is None else row_weighted(ended)
    return Network(shape if has_images else (units_of(shape),), tuple(builder.layers), ended)


def place_of_layer(experiment: Experiment, name: str) -> KeyPath:
    """The key that a layer of the network comes from, for messages about it."""
    builder = _Builder.of_layers(experiment)
    return ("network", "layers", builder.places[name]) if name in builder.places else ("network", "head")


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


# How weights and biases start: an initialiser and its parameters for each; without one, biases start as the weights'.
_Started = tuple[Initializer, Mapping[str, Any], Initializer | None, Mapping[str, Any]]


class _Builder:
    """Collects layers, and numbers the layers of each kind from 1."""

    def __init__(self, experiment: Experiment) -> None:
        self.spec = experiment.network
        self.layers: list[Layer] = []
        self.counts: Counter[str] = Counter()
        self.places: dict[str, int] = {}  # the index of each layer in the experiment file

    @classmethod
    def of_layers(cls, experiment: Experiment) -> _Builder:
        """All layers of the experiment file, without what the head adds."""
        builder = cls(experiment)
        for index, layer in enumerate(experiment.network.layers or []):
            builder.add(layer, experiment.network.activation, index)
        return builder

    def add(self, layer: LayerSpec, otherwise: ActivationChoice, index: int) -> None:
        """Add layer number `index` of the experiment file; one with weights with its activation."""
        known = len(self.layers)
        if layer.width is not None or layer.kind == "activation":
            self._add_weighted_and_activation(layer, layer.activation or otherwise)
        else:
            self._add_other(LAYERS[layer.kind](self._numbered(layer.kind), layer))
        for built in self.layers[max(known - 1, 0) :]:  # max pooling may stand before one that was known
            self.places.setdefault(built.name, index)

    def _add_other(self, layer: Layer) -> None:
        """Add a layer; max pooling goes before a relu that stands there, on a fraction of whose entries it leaves.

        Relu never decreases, so that both orders give the same numbers, and the same derivatives: of the entries that
        are the largest the first counts, and where it is not above 0 none does.
        """
        at = len(self.layers)
        if isinstance(layer, MaxPooling) and self.layers and _is_plain_relu(self.layers[-1]):
            at -= 1
        self.layers.insert(at, layer)

    def _add_weighted_and_activation(self, layer: LayerSpec, activation: ActivationChoice) -> None:
        if layer.width is not None:
            recommended = activation.entry.initializer
            own = {key: getattr(layer, key) for key in ("l1", "l2", "max_norm") if getattr(layer, key) is not None}
            init = layer.init or self.spec.init
            started = _started(init, recommended)
            self._add_weighted(layer, layer.width, started, replace(self._penalties(), **own), init.gain)
        self.add_activation(activation)

    def _add_weighted(self, layer: LayerSpec, width: int, started: _Started, penalties: Penalties, gain: float) -> None:
        name = self._numbered(layer.kind)
        if layer.conv2d is None:
            self.layers.append(Dense(name, width, *started, penalties, gain))
        else:
            assert layer.kernel is not None
            windows = Windows(layer.kernel, layer.stride or (1, 1), layer.padding or "valid")
            self.layers.append(Conv2D(name, width, *started, penalties, gain, windows=windows))

    def _penalties(self) -> Penalties:
        limit = math.inf if self.spec.max_norm is None else self.spec.max_norm
        return Penalties(self.spec.l1, self.spec.l2, limit)

    def add_last(self, outputs: int, recommended: str) -> None:
        """Add the dense layer of the head."""
        init = self.spec.init
        started = _started(init, recommended)
        self.layers.append(Dense(self._numbered("dense"), outputs, *started, self._penalties(), init.gain))

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


def _is_plain_relu(layer: Layer) -> bool:
    if not isinstance(layer, Elementwise) or layer.activation is not ACTIVATIONS["relu"] or layer.learned:
        return False
    return all(layer.chosen[parameter.name] == parameter.default for parameter in layer.activation.parameters)


def _started(init: Init, recommended: str) -> _Started:
    weights, bias = init.weights, init.bias
    own = (weights.entry, weights.values) if isinstance(weights, InitializerChoice) else (INITIALIZERS[recommended], {})
    return *own, *((None, {}) if bias is None else (bias.entry, bias.values))


def dtype_of(experiment: Experiment) -> Any:
    """The floating-point type of theta and the data."""
    return np.dtype(experiment.precision)
