"""A network: layers under a head, the layout of its theta, and what a training step of it costs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.initializers import draws_from, legacy_draws
from nnlab.maths.losses import Head
from nnlab.maths.randomness import Purpose, stream
from nnlab.networks.layers.base import Layer, Shape, Start, units_of
from nnlab.networks.layout import Layout, ParameterSpec

Array = NDArray[Any]


@dataclass(frozen=True)
class Network:
    """A network as described: it holds no numbers, theta does. `shape` is that of one sample of its inputs."""

    shape: Shape
    layers: tuple[Layer, ...]
    head: Head

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of a sample before the first layer and behind each; ValueError where layers do not fit."""
        shapes = [self.shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return tuple(shapes)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many numbers these samples have: the widths of the inputs and of each layer's outputs."""
        return tuple(map(units_of, self.shapes))

    @property
    def inputs(self) -> int:
        """How many numbers a sample has."""
        return self.widths[0]

    @property
    def outputs(self) -> int:
        """The number of outputs, of which each may need several logits."""
        return self.widths[-1] // self.head.per_output

    @cached_property
    def layout(self) -> Layout:
        """Where each parameter lies in theta."""
        return Layout([spec for layer, shape in self._with_inputs() for spec in layer.parameter_specs(shape)])

    @cached_property
    def statistics(self) -> Layout:
        """Where each running statistic lies in the array beside theta."""
        return Layout([spec for layer, shape in self._with_inputs() for spec in layer.statistic_specs(shape)])

    def _with_inputs(self) -> Iterator[tuple[Layer, Shape]]:
        """Each layer with the shape of a sample that it is given."""
        return zip(self.layers, self.shapes, strict=False)

    @cached_property
    def bounded(self) -> tuple[ParameterSpec, ...]:
        """The weights whose units have a largest norm."""
        return tuple(s for s in self.layout.specs if s.penalties and np.isfinite(s.penalties.max_norm))

    def start(self, seeds: Sequence[int], dtype: Any, generator: str = "pcg64") -> Array:
        """The initial theta, (R, P), one replica per seed."""
        theta = np.empty((len(seeds), self.layout.size), dtype)
        views = self.layout.views(theta)
        for replica, seed in enumerate(seeds):
            self._start_replica(replica, seed, generator, views)
        return theta

    def _start_replica(self, replica: int, seed: int, generator: str, views: dict[str, Array]) -> None:
        legacy = np.random.RandomState(seed) if generator == "legacy" else None
        for layer, shape in self._with_inputs():
            draws = _legacy(legacy) if legacy else _streamed(seed, layer.name)
            for name, values in layer.start(shape, draws).items():
                views[name][replica] = values

    def operations(self, batch: int) -> int:
        """Multiplications and additions in the matrix products of one training step of a replica on a batch."""
        pairs = enumerate(self._with_inputs())
        return sum(layer.operations(shape, batch, needs_dx=depth > 0) for depth, (layer, shape) in pairs)

    def workspace(self, batch: int, itemsize: int) -> int:
        """Bytes of the buffers of one replica in a training step: those of the layers, the outputs and dL/dz."""
        pairs = enumerate(self._with_inputs())
        layers = sum(layer.workspace(shape, batch, itemsize, needs_dx=depth > 0) for depth, (layer, shape) in pairs)
        return layers + batch * (self.widths[-1] + self.outputs) * itemsize


def _legacy(state: np.random.RandomState) -> Start:
    return lambda shape: legacy_draws(state, shape)


def _streamed(seed: int, layer: str) -> Start:
    # By name: `dense2` starts from the same draws whatever activation stands before it.
    generator = stream(seed, Purpose.WEIGHTS, zlib.crc32(layer.encode()))
    return lambda shape: draws_from(generator, shape)
