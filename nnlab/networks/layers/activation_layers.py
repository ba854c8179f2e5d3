"""Layers that apply an activation: unit by unit, or to a whole row of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.activations import Activation, RowActivation
from nnlab.maths.parameters import Value
from nnlab.networks.layers.dense import Bound, Buffers, Start
from nnlab.networks.layers.forward_mode import ForwardMode
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]


@dataclass(frozen=True)
class Elementwise:
    """y = f(z), an activation standing on its own; its learnable parameters are stretches of theta."""

    name: str
    activation: Activation
    chosen: Mapping[str, Value]
    learned: tuple[str, ...] = ()
    per_unit: bool = False

    def units(self, inputs: int) -> int:
        """As many as it has inputs."""
        return inputs

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """One stretch for each learned parameter: one number for the layer, or one for each unit; never decayed."""
        return tuple(ParameterSpec(f"{self.name}/{p}", (inputs if self.per_unit else 1,)) for p in self.learned)

    def start(self, inputs: int, _draws: Start) -> dict[str, Array]:
        """The values the experiment gives."""
        prefix = f"{self.name}/"
        return {
            s.name: np.full(s.shape, self.chosen[s.name.removeprefix(prefix)]) for s in self.parameter_specs(inputs)
        }

    def running(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        return BoundElementwise(self, buffers)


class BoundElementwise:
    """An activation at work."""

    def __init__(self, layer: Elementwise, buffers: Buffers) -> None:
        self.layer, self.y, self.context = layer, buffers.buffer, buffers.context
        entry = layer.activation.forms(self.y.dtype)
        self.value, self.slope = entry.value, entry.slope
        learned = {p: buffers.views[f"{layer.name}/{p}"][:, None, :] for p in layer.learned}
        self.parameters: dict[str, Any] = {**layer.chosen, **learned}
        self.randomized = layer.activation.randomized if buffers.context.trains else None
        if buffers.gradients is not None:
            self.gradients = {p: buffers.gradients[f"{layer.name}/{p}"][:, None, :] for p in layer.learned}
            self.dz = np.empty_like(self.y)
            self.ones = np.ones((1, self.y.shape[1]), self.y.dtype)

    def forward(self, x: Array) -> Array:
        """Y = f(x)."""
        self.z = x
        if self.randomized is not None:
            draws = self.context.uniforms(self.layer.name, self.y.shape[1:], self.y.dtype)
            self.parameters = self.randomized(draws, **self.layer.chosen)
        self.value(x, self.y, **self.parameters)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dz = dL/dy · f'(z); for a learned parameter p, dL/dp = sum over samples of dL/dy · df/dp."""
        for parameter, gradient in self.gradients.items():
            self.layer.activation.parameter_slopes[parameter](self.z, self.y, self.dz, **self.parameters)
            np.multiply(self.dz, dy, out=self.dz)
            by_unit = np.matmul(self.ones, self.dz)  # (R, 1, units)
            gradient[...] = by_unit if self.layer.per_unit else by_unit.sum(axis=-1, keepdims=True)
        if not wants_dx:
            return None
        self.slope(self.z, self.y, self.dz, **self.parameters)
        return np.multiply(self.dz, dy, self.dz)

    def at(self, z: Array) -> tuple[Array, Array]:
        """f(z) and f'(z) with the present parameters, for any z that broadcasts against them: (R, n, units)."""
        shape = np.broadcast_shapes(z.shape, *(np.shape(value) for value in self.parameters.values()))
        z = np.array(np.broadcast_to(z, shape))
        value, slope = np.empty_like(z), np.empty_like(z)
        self.value(z, value, **self.parameters)
        self.slope(z, value, slope, **self.parameters)
        return value, slope

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        from nnlab.networks.layers.linear_activations import ElementwiseForwardMode  # noqa: PLC0415 - each needs the other

        return ElementwiseForwardMode(self)


@dataclass(frozen=True)
class Rowwise:
    """An activation of a whole row of units: softmax and its relations, maxout, glu."""

    name: str
    activation: RowActivation
    chosen: Mapping[str, Value]

    def units(self, inputs: int) -> int:
        """As many as the activation makes of its inputs."""
        return self.activation.units(inputs, **self.chosen)

    def parameter_specs(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None: these have nothing to learn."""
        return ()

    def start(self, _inputs: int, _draws: Start) -> dict[str, Array]:
        """Nothing to start."""
        return {}

    def running(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        return BoundRowwise(self.activation, self.chosen, buffers.buffer)


class BoundRowwise:
    """A row activation at work."""

    def __init__(self, activation: RowActivation, chosen: Mapping[str, Value], y: Array) -> None:
        self.activation, self.chosen, self.y = activation.forms(y.dtype), chosen, y

    def forward(self, x: Array) -> Array:
        """Y = f(x)."""
        self.z = x
        self.activation.value(x, self.y, **self.chosen)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dz = dL/dy times the matrix of derivatives, row by row."""
        if not wants_dx:
            return None
        dz = np.empty((*dy.shape[:-1], self.z.shape[-1]), dy.dtype)
        self.activation.backward(self.z, self.y, dy, dz, **self.chosen)
        return dz

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        from nnlab.networks.layers.linear_activations import RowwiseForwardMode  # noqa: PLC0415 - each needs the other

        return RowwiseForwardMode(self)
