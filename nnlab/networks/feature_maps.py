"""What a network sees of an image: the kernels of its first convolution, and what each of them gives of an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import image_view, is_image
from nnlab.networks.layers.conv2d import Conv2D
from nnlab.networks.network import Network, Pass

Array = NDArray[Any]


@dataclass(frozen=True)
class Kernels:
    """The weights of a convolution, (kernel rows, kernel columns, channels, filters)."""

    layer: str
    weights: Array


@dataclass(frozen=True)
class FeatureMaps:
    """What one image is after a stage: a convolution and the layers up to the next; maps (channels, rows, columns)."""

    layers: tuple[str, ...]
    maps: Array


def first_kernels(network: Network, theta: Array) -> Kernels | None:
    """The kernels of the first convolution, for theta (1, P); None without a convolution."""
    names = [layer.name for layer in network.layers if isinstance(layer, Conv2D)]
    return Kernels(names[0], network.layout.views(theta)[f"{names[0]}/weights"][0]) if names else None


def feature_maps(network: Network, theta: Array, statistics: Array, x: Array) -> list[FeatureMaps]:
    """The maps after each stage of the network, for theta (1, P) and one image x (1, inputs)."""
    stages = [*_stages(network)]
    if not stages:
        return []
    with np.errstate(all="ignore"):
        outputs = [values[0] for values in Pass(network, theta, None, 1, statistics).forward_by_layer(x[None])]
    return [_maps(network, stage, outputs[stage.stop - 1]) for stage in stages]


def _stages(network: Network) -> Iterator[range]:
    """The layers of each stage, by their numbers: they end before the next convolution, or where images end."""
    starts = [depth for depth, layer in enumerate(network.layers) if isinstance(layer, Conv2D)]
    for start, following in pairwise([*starts, len(network.layers)]):
        given = range(start, following)
        yield range(start, next((depth for depth in given if not is_image(network.shapes[depth + 1])), following))


def _maps(network: Network, stage: range, outputs: Array) -> FeatureMaps:
    names = tuple(network.layers[depth].name for depth in stage)
    return FeatureMaps(names, image_view(outputs, network.shapes[stage.stop])[..., 0].copy())
