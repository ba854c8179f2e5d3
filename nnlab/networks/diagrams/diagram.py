"""What a diagram is: nodes and edges from the inputs of a network to its loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from numpy.typing import NDArray

from nnlab.networks.layers.base import Layer, Shape, is_image
from nnlab.networks.layers.dense import Dense

Array = NDArray[Any]
Kind = Literal["input", "scaling", "layer", "left out", "activation", "output", "loss"]

MOST_LAYERS = 40  # nodes of layers in a diagram; of deeper networks the first and the last layers are shown


@dataclass(frozen=True)
class Scaled:
    """How numbers are scaled before a network gets them: a word, a formula in {x}, and where its numbers come from."""

    name: str
    formula: str
    where: str


@dataclass(frozen=True)
class Names:
    """What a network does not know of itself: the names of its inputs, outputs, last activation and loss.

    `activation` is empty where the outputs are those of the last layer. `loss_formula` is that of one sample; `smooths`
    says that the loss changes the targets, and `from_logits` that it is computed without the last activation. There may
    be no names of inputs and outputs. `scaled` is how inputs are, if they are; `scales_targets` says that the network
    learns standardised targets, so that its outputs are brought back to their units.
    """

    title: str
    task: str
    activation: str
    loss: str
    loss_label: str
    loss_formula: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    smooths: bool = False
    from_logits: bool = False
    scaled: Scaled | None = None
    scales_targets: bool = False


@dataclass(frozen=True)
class Node:
    """A box of a diagram: a layer, what goes in, or what comes out.

    `lines` stand below its name, `notes` are those that a picture prints where it shows shapes and weights itself; in a
    diagram of operations `back` are the derivatives that belong to it. `shape` is
    that of a sample behind it. `has_units` is true where these are units of its own and not those of the node before.
    `left_out` counts the layers that a node stands for. `weights` (inputs, units) and `bias` (units,) are those of a
    dense layer, where there are any to show.
    """

    key: str
    kind: Kind
    name: str
    lines: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    shape: Shape = ()
    has_units: bool = False
    left_out: int = 0
    notes: tuple[str, ...] = ()
    weights: Array | None = field(default=None, compare=False)
    bias: Array | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Edge:
    """An arrow from one node to the next with what flows along it; `is_back` where a derivative flows back."""

    source: str
    target: str
    label: str
    is_back: bool = False


@dataclass(frozen=True)
class Diagram:
    """Nodes in the order of a forward pass, and the edges between them. `about` is a sentence on the whole."""

    names: Names
    about: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def shown_layers(count: int, most: int = MOST_LAYERS) -> tuple[range, range]:
    """The numbers of the first and of the last layers that are shown of so many: all, or `most` of them."""
    if count <= most:
        return range(count), range(0)
    return range(most - most // 2), range(count - most // 2, count)


def left_out(count: int) -> Node:
    """The node that stands for so many layers."""
    return Node("more", "left out", f"… {count:,} more layer{'s' * (count > 1)} …", left_out=count)


def flattens(layer: Layer, shape: Shape) -> bool:
    """Whether a layer takes images of `shape` as rows of numbers, without a flatten layer before it."""
    return isinstance(layer, Dense) and is_image(shape)


def chained(nodes: Sequence[Node], labels: Sequence[str]) -> Iterator[Edge]:
    """The edges from each node to the next with the label of the first."""
    for (node, following), label in zip(pairwise(nodes), labels, strict=False):
        yield Edge(node.key, following.key, label)


def counted_units(count: int) -> str:
    """A number of units in words."""
    return f"{count:,} unit{'s' * (count != 1)}"
