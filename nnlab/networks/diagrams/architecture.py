"""The layers of a network as a diagram: names and shapes, and the weights where there are any to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from nnlab.networks.diagrams.diagram import Diagram, Names, Node, chained, counted_units, left_out, shown_layers
from nnlab.networks.layers.base import Shape, is_image, units_of
from nnlab.networks.layers.windows import times
from nnlab.networks.layout import ParameterSpec
from nnlab.networks.network import Network

Array = NDArray[Any]

_MOST_NAMES = 4


def architecture(network: Network, names: Names, theta: Array | None = None) -> Diagram:
    """The layers from the inputs to the loss, with the weights of theta (1, P) if it is given."""
    nodes = [*_nodes(network, names, theta)]
    weighted = sum("update_ratio" in layer.health for layer in network.layers)
    layers = f"{weighted:,} layer{'s' * (weighted != 1)} with weights"
    inputs = f"Images of {times(network.shape)}" if is_image(network.shape) else f"{network.inputs:,} inputs"
    about = f"{inputs if network.inputs != 1 else '1 input'}, {layers}, {network.layout.size:,} parameters"
    return Diagram(names, about, tuple(nodes), tuple(chained(nodes, [_flowing(node.shape) for node in nodes])))


def _nodes(network: Network, names: Names, theta: Array | None) -> Iterator[Node]:
    first, last = shown_layers(len(network.layers))
    inputs = (_size(network.shape).replace("unit", "input"), *_listed(names.inputs))
    yield Node("input", "input", "input", inputs, shape=network.shape, has_units=True)
    for index in first:
        yield _layer(network, index, theta)
    if last:
        yield left_out(last.start - first.stop)
    for index in last:
        yield _layer(network, index, theta)
    if network.head.outputs is not None and names.activation:
        yield Node("activation", "activation", names.activation, shape=network.shapes[-1])
    outputs = (counted_units(network.outputs).replace("unit", "output"), *_listed(names.outputs))
    yield Node("output", "output", "output", outputs, shape=(network.outputs,))
    yield Node("loss", "loss", "loss", (names.loss_label,))


def _layer(network: Network, index: int, theta: Array | None) -> Node:
    """A layer with what it is set to, the shape that it gives, and its parameters."""
    layer, shape, given = network.layers[index], network.shapes[index], network.shapes[index + 1]
    specs = layer.parameter_specs(shape)
    own = [f"{spec.name.rpartition('/')[2]} ({times(spec.shape)})" for spec in specs]
    has_weights = "update_ratio" in layer.health
    has_units = given != shape or has_weights
    lines = (layer.details, _size(given) if has_units else "", ", ".join(own))
    is_dense = [len(spec.shape) for spec in specs if has_weights] == [2, 1]
    weights, bias = _values(network, specs, theta) if is_dense and theta is not None else (None, None)
    return Node(
        f"layer{index + 1}",
        "layer",
        layer.name,
        tuple(filter(None, lines)),
        shape=given,
        has_units=has_units,
        notes=tuple(filter(None, (layer.details, *([] if has_weights else own)))),
        weights=weights,
        bias=bias,
    )


def _values(network: Network, specs: Sequence[ParameterSpec], theta: Array) -> Iterator[Array]:
    """The tensors of a layer; those of all layers would take long in a network of thousands."""
    for spec in specs:
        yield theta[0, network.layout.places[spec.name]].reshape(spec.shape)


def _size(shape: Shape) -> str:
    return times(shape) if is_image(shape) else counted_units(units_of(shape))


def _flowing(shape: Shape) -> str:
    return times(shape)


def _listed(names: tuple[str, ...]) -> list[str]:
    """The first names in one line."""
    shown = ", ".join(names[:_MOST_NAMES])
    return [f"{shown}, …" if len(names) > _MOST_NAMES else shown] if names else []
