"""The layers of a trained network, each with its numbers: what every kind of export walks through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnlab.errors import ConfigError, printable
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.networks.layers.base import Shape
from nnlab.setup.model import Model

Array = NDArray[Any]

FORMULA = "formula"  # the name of the entry of an activation that is a formula


@dataclass(frozen=True)
class LayerNumbers:
    """A layer, the shape of the samples it is given, and its tensors of theta and of the running statistics.

    `arrays` has them by their names without the layer's: weights, bias.
    """

    layer: Any
    shape: Shape
    arrays: Mapping[str, Array]

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.name)

    def refuse_plugin(self) -> None:
        """ConfigError for an activation that is neither of the catalogue nor a formula."""
        activation = self.layer.activation
        if activation is not ALL_ACTIVATIONS.get(activation.name) and activation.name != FORMULA:
            name = printable(activation.name)
            found = f"{self.name}: found the activation {name} of a plugin, whose code cannot be exported"
            raise ConfigError(f"{found}; expected one of `nnlab activations list`, or a formula")

    def lacking(self, where: str) -> ConfigError:
        """The error for a layer that has no entry in the tables of an export to `where`."""
        return ConfigError(f"{self.name}: found a layer that nnlab has no form of in {where}, expected another layer")


def layers_of(model: Model) -> Iterator[LayerNumbers]:
    """The layers in their order."""
    network, arrays = model.network, named_tensors(model)
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        begin = f"{layer.name}/"
        own = {name.removeprefix(begin): array for name, array in arrays.items() if name.startswith(begin)}
        yield LayerNumbers(layer, shape, own)


def named_tensors(model: Model) -> dict[str, Array]:
    """Each tensor of theta and each running statistic by its name, such as `dense1/weights`."""
    network = model.network
    views = {**network.layout.views(model.theta), **network.statistics.views(model.statistics)}
    return {name: view[0] for name, view in views.items()}


def channels_first(shape: Shape) -> Shape:
    """(channels, rows, columns) of an image, (units,) of other samples."""
    return (shape[-1], *shape[:-1])
