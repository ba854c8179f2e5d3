"""The layers of a network as a diagram: names and shapes, and the weights where there are any to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from nnlab.networks.diagrams.diagram import (
    Diagram,
    Edge,
    Names,
    Node,
    chained,
    counted_units,
    flattens,
    left_out,
    shown_layers,
)
from nnlab.networks.layers.base import Shape, is_image, units_of
from nnlab.networks.layers.equations import with_symbols
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
    return Diagram(names, about, tuple(nodes), tuple(_edges(nodes)))


def _edges(nodes: list[Node]) -> Iterator[Edge]:
    """From each node to the next; where outputs are brought back to other units, the loss gets them before that."""
    chain = [node for node in nodes if node.key not in ("unscaling", "output")] if _unscales(nodes) else nodes
    yield from chained(chain, [_flowing(node.shape) for node in chain])
    if _unscales(nodes):
        ends = [chain[-2], *(node for node in nodes if node not in chain)]
        yield from chained(ends, [_flowing(node.shape) for node in ends])


def _unscales(nodes: list[Node]) -> bool:
    return any(node.key == "unscaling" for node in nodes)


def _nodes(network: Network, names: Names, theta: Array | None) -> Iterator[Node]:
    first, last = shown_layers(len(network.layers))
    inputs = (_size(network.shape).replace("unit", "input"), *_listed(names.inputs))
    yield Node("input", "input", "input", inputs, shape=network.shape, has_units=True)
    if names.scaled:
        formula = with_symbols(names.scaled.formula, {"x": "x"})
        lines = tuple(filter(None, (formula, names.scaled.where)))
        yield Node("scaling", "scaling", names.scaled.name, lines, shape=network.shape)
    for index in first:
        yield from _layers(network, index, theta)
    if last:
        yield left_out(last.start - first.stop)
    for index in last:
        yield from _layers(network, index, theta)
    if network.head.outputs is not None and names.activation:
        yield Node("activation", "activation", names.activation, shape=network.shapes[-1])
    if names.scales_targets:
        lines = ("x · deviation + mean", "deviation and mean of the targets of the training rows")
        yield Node("unscaling", "scaling", "scaling undone", lines, shape=network.shapes[-1])
    outputs = (counted_units(network.outputs).replace("unit", "output"), *_listed(names.outputs))
    yield Node("output", "output", "output", outputs, shape=(network.outputs,))
    on = "of the logits" if names.from_logits and names.activation else ""
    scaled = "of standardised targets" if names.scales_targets else ""
    yield Node("loss", "loss", "loss", tuple(filter(None, (names.loss_label, on, scaled))))


def _layers(network: Network, index: int, theta: Array | None) -> Iterator[Node]:
    """A layer, and before it the step that makes rows of numbers of images, if it needs one."""
    shape = network.shapes[index]
    if flattens(network.layers[index], shape):
        flat = (units_of(shape),)
        yield Node(f"flatten{index + 1}", "layer", "flatten", (_size(flat),), shape=flat, has_units=True)
    yield _layer(network, index, theta)


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
