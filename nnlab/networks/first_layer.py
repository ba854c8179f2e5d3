"""What the first layer of a network looks for: the weights by which its units take the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.network import Network

Array = NDArray[Any]


@dataclass(frozen=True)
class Incoming:
    """The weights of a dense layer, (inputs, units)."""

    layer: str
    weights: Array


def incoming_weights(network: Network, theta: Array) -> Incoming | None:
    """The weights of the first layer that has some, for theta (1, P); None unless it is a dense one."""
    first = next((layer for layer in network.layers if isinstance(layer, Weighted)), None)
    if not isinstance(first, Dense):
        return None
    return Incoming(first.name, network.layout.views(theta)[f"{first.name}/weights"][0])
