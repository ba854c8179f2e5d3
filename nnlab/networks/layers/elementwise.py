"""Layers that apply an activation to each unit by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.maths.activations import BY_COMPLEX_STEP, Activation
from nnlab.maths.dual import DualArray, NotAnalyticError, along
from nnlab.maths.parameters import Value, changed, in_words
from nnlab.maths.signal.moments import moments
from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import (
    STANDARD_INPUTS,
    BoundLayer,
    Buffers,
    DrawsFor,
    InputSignal,
    Layer,
    Shape,
    features_of,
)
from nnlab.networks.layers.equations import GREEK, Equations
from nnlab.networks.layers.forward_mode import UNIT_ROUNDOFF, UNKNOWN, ForwardMode, Sides, known, of_sum, one_by_one
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]

_LETTERS = {"sigmoid": "σ"}  # of activations that textbooks do not write by their name


@dataclass(frozen=True)
class Elementwise(Layer):
    """y = f(z), an activation standing on its own; its learned parameters are tensors of theta.

    A learned parameter is one number for the layer, or with `per_unit` one for each unit, for each channel of an image.
    """

    over_channels = True
    activation: Activation
    chosen: Mapping[str, Value]
    learned: tuple[str, ...] = ()
    per_unit: bool = False

    @property
    def health(self) -> tuple[str, ...]:
        """Who is dead or saturated, and how the activations spread."""
        return "dead", "saturated", "mean", "deviation"

    @property
    def output_name(self) -> str:
        """What comes of a pre-activation."""
        return "activation"

    @property
    def slope_is_by_complex_step(self) -> bool:
        """Where nobody has derived a slope."""
        return self.activation.slope_formula == BY_COMPLEX_STEP

    @property
    def increases(self) -> bool:
        """As the activation does; what is learned may turn it round, and unit by unit."""
        return self.activation.increasing and not self.learned

    def parameter_specs(self, shape: Shape) -> tuple[ParameterSpec, ...]:
        """One tensor for each learned parameter, never decayed."""
        size = features_of(shape) if self.per_unit else 1
        return tuple(
            ParameterSpec(f"{self.name}/{parameter}", (size,), of_activation=True) for parameter in self.learned
        )

    def signal(self, incoming: Moments) -> Moments:
        """Those of the activation for normal pre-activations; of others the slope alone, as if they were normal."""
        if not incoming.is_normal:
            return Moments(math.nan, math.nan, incoming.slope * moments(self.activation, self.chosen).slope)
        found = moments(self.activation, self.chosen, incoming.second)
        return replace(found, slope=incoming.slope * found.slope, log_slope=incoming.log_slope * found.log_slope)

    def start(self, shape: Shape, _draws: DrawsFor, _incoming: InputSignal = STANDARD_INPUTS) -> dict[str, Array]:
        """The values that the experiment gives."""
        specs = zip(self.learned, self.parameter_specs(shape), strict=True)
        return {spec.name: np.full(spec.shape, self.chosen[parameter]) for parameter, spec in specs}

    @property
    def details(self) -> str:
        """The parameters that are not at their defaults and are not learned; a formula in full."""
        if self.activation.name == "formula":
            return ", ".join(filter(None, [self.activation.formula, in_words(self._fixed)]))
        return in_words(changed(self.activation.parameters, self._fixed))

    @property
    def _fixed(self) -> dict[str, Value]:
        """The values that are not learned."""
        return {name: value for name, value in self.chosen.items() if name not in self.learned}

    def equations(self, _shape: Shape) -> Equations:
        """Value and slope as textbooks write them; f′ by its name where the slope is given in other words."""
        f, over = _LETTERS.get(self.activation.name, self.activation.name), "" if self.per_unit else ", over all units"
        own = {parameter: f"Σ {{dy}} · ∂{{y}}/∂{{{parameter}}}{over}" for parameter in self.learned}
        value, slope = self._value_and_slope()
        named = [f"{f}({{x}})"] * (f != "formula" or value is None)
        forward = " = ".join(dict.fromkeys([*named, *([value] if value else [])]))
        backward = {"1": "{dy}", "0": "0"}.get(slope or "", f"{{dy}} · {slope or f'{f}′({{x}})'}")
        return Equations(forward, backward, own, self._where(value, slope))

    def _value_and_slope(self) -> tuple[str | None, str | None]:
        """Value and slope in the symbols of this layer; None for a text that is no formula, such as a plugin's."""
        from nnlab.maths.expressions.textbook import textbook  # noqa: PLC0415 - slow to import, rarely needed

        value, slope = self.activation.formula, self.activation.slope_formula
        if self.activation.name == "relu" and not self.details and not self.learned:
            value, slope = "max(x, 0)", "where(x > 0, 1, 0)"
        symbols = {name: f"{{{name}}}" if name in self.learned else GREEK.get(name, name) for name in self.chosen}
        symbols["x"] = "{x}"
        return textbook(value, symbols), textbook(slope, symbols, factor=True)

    def _where(self, value: str | None, slope: str | None) -> str:
        """Formulas in the words of a user, and the values of parameters that are not learned."""
        entry, f = self.activation, self.activation.name
        fixed = {GREEK.get(name, name): number for name, number in self._fixed.items() if name in entry.formula}
        lines = [
            f"in the experiment: {entry.formula}" if f == "formula" else "",
            f"{f}(x) = {entry.formula}" if value is None else "",
            f"{f}′(x) = {entry.slope_formula}" if slope is None else "",
            in_words(fixed).replace("=", " = ") if self.details or f != "relu" else "",
        ]
        return "; ".join(filter(None, lines))

    def bind(self, buffers: Buffers) -> BoundLayer:
        """At work with its learned parameters in theta."""
        return BoundElementwise(self, buffers)


class BoundElementwise(BoundLayer):
    """An activation at work."""

    def __init__(self, layer: Elementwise, buffers: Buffers) -> None:
        self.layer, self.y, self.context = layer, buffers.outputs, buffers.context
        forms = layer.activation.forms(self.y.dtype)
        self.value, self.slope = forms.value, forms.slope
        learned = {p: buffers.parameters[f"{layer.name}/{p}"][..., None, :] for p in layer.learned}
        self.parameters: dict[str, Any] = {**layer.chosen, **learned}
        self.randomized = layer.activation.randomized if buffers.context.trains else None
        if buffers.gradients is not None:
            self.gradients = {p: buffers.gradients[f"{layer.name}/{p}"][..., None, :] for p in layer.learned}
            self.dz = memory.empty_like(self.y)
            self.ones = np.ones((1, self.y.shape[-2]), self.y.dtype)

    def forward(self, x: Array) -> Array:
        """Y = f(x)."""
        self.z = x
        if self.randomized is not None:
            draws = self.context.uniforms(self.layer.name, self.y)
            self.parameters = self.randomized(draws, **self.layer.chosen)
        self.value(x, self.y, **self.parameters)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dz = dL/dy · f'(z); for a learned parameter p, dL/dp = sum over samples of dL/dy · df/dp."""
        for parameter, gradient in self.gradients.items():
            self.layer.activation.parameter_slopes[parameter](self.z, self.y, self.dz, **self.parameters)
            np.multiply(self.dz, dy, out=self.dz)
            by_unit = np.matmul(self.ones, self.dz)  # (…, 1, units)
            gradient[...] = by_unit if self.layer.per_unit else by_unit.sum(axis=-1, keepdims=True)
        if not wants_dx:
            return None
        self.slope(self.z, self.y, self.dz, **self.parameters)
        return np.multiply(self.dz, dy, self.dz)

    def curve_at(self, z: Array) -> tuple[Array, Array]:
        """f(z) and f'(z) with the present parameters, for any z that broadcasts against them."""
        shape = np.broadcast_shapes(z.shape, *(np.shape(value) for value in self.parameters.values()))
        z = np.array(np.broadcast_to(z, shape))
        value, slope = np.empty_like(z), np.empty_like(z)
        self.value(z, value, **self.parameters)
        self.slope(z, value, slope, **self.parameters)
        return value, slope

    def intermediates(self) -> dict[str, Array]:
        """f'(z), and df/dp for each learned parameter p, as `backward` takes them."""
        found = {"slope": self.slope} | {
            f"{p}_slope": self.layer.activation.parameter_slopes[p] for p in self.layer.learned
        }
        values = {name: np.empty_like(self.y) for name in found}
        for name, slope in found.items():
            slope(self.z, self.y, values[name], **self.parameters)
        return values

    def kinks(self) -> Array:
        """The kinks that the activation declares, (kinks, units or 1), under each unit's own parameters."""
        learned = {name: self.parameters[name] for name in self.layer.learned}
        parameters = {name: np.ravel(value) for name, value in {**self.layer.chosen, **learned}.items()}
        units = max([len(values) for values in parameters.values()], default=1)
        own = [{name: float(v[unit % len(v)]) for name, v in parameters.items()} for unit in range(units)]
        found = list(zip_longest(*(self.layer.activation.kinks(**one) for one in own), fillvalue=np.inf))
        return np.array(found).reshape(len(found), units)

    def typical_kinks(self) -> list[float]:
        """For pictures and scales, where one curve stands for all units."""
        present = {name: float(np.mean(value)) for name, value in self.parameters.items()}
        return [kink for kink in self.layer.activation.kinks(**present) if np.isfinite(kink)]

    def sides(self, kinks: Array) -> list[Array]:
        """-1, 0 or 1 for each unit and kink."""
        return [np.sign(self.z - kink).astype(np.int8) for kink in kinks]

    def forward_mode(self) -> ForwardMode:
        """The slope, worked out from the value alone."""
        return ElementwiseForwardMode(self)


class ElementwiseForwardMode(ForwardMode):
    """dy = f'(z) dz, with f' from the value alone, followed as a dual array: the hand-derived slope is not asked.

    On a kink the slope taken is the one that the activation announces, or else the analytic one.
    """

    def __init__(self, bound: BoundElementwise) -> None:
        self.bound, self.entry, shape = bound, bound.layer.activation, bound.y.shape
        right, left = (along(bound.value, bound.z, shape, side, **bound.parameters) for side in (1.0, -1.0))
        analytic, doubt = self._analytic(bound.slope, right)
        found = Sides.of(right, left)
        if np.any(np.isfinite(bound.y) & np.isnan(found.right)):
            raise NotAnalyticError(f"{self.entry.name} has no derivative at a point where it has a value")
        self.slope, self.kinks = found.settled(analytic, self.entry.announced)
        self.on_kink = found.differ if len(self.kinks.where) else None
        self.doubt = doubt + known(found.error, self.slope)
        self.noise = known(right.error, right.value)

    def _analytic(self, slope: Any, a: DualArray) -> tuple[Array, Array]:
        """A hand-derived slope at z, (m, units), and what rounding may have done to it."""
        z, out = self.bound.z, np.empty_like(self.bound.y)
        slope(z, self.bound.y, out, **self.bound.parameters)
        followed = DualArray(np.empty_like(out))
        try:
            with np.errstate(all="ignore"):
                slope(DualArray(z), DualArray(a.value, 0.0, a.error), followed, **self.bound.parameters)
        except (TypeError, ValueError, AttributeError):  # a user's code may do what cannot be followed
            followed.error[...] = UNKNOWN * np.abs(out)
        return out, known(followed.error, out) + UNIT_ROUNDOFF * np.abs(out)

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Unit by unit."""
        return dx * self.slope[:, at], at

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """By a learned parameter: of one unit, or of all of them at once."""
        by_unit = self._by(parameter)[0]
        if self.bound.layer.per_unit:
            yield from one_by_one(by_unit, columns, most)
        else:
            yield np.arange(1), by_unit[None], slice(0, by_unit.shape[1])

    def _by(self, parameter: str) -> tuple[Array, Array]:
        """The derivative by a learned parameter, (m, units), and its error."""
        bound = self.bound

        def value(p: Any, out: Any) -> None:
            bound.value(bound.z, out, **{**bound.parameters, parameter: p})

        right, left = (along(value, bound.parameters[parameter], bound.y.shape, side) for side in (1.0, -1.0))
        analytic, doubt = self._analytic(self.entry.parameter_slopes[parameter], right)
        found = Sides.of(right, left)
        if np.any(np.isfinite(bound.y) & np.isnan(found.right)):
            raise NotAnalyticError(f"{self.entry.name} has no derivative by {parameter} where it has a value")
        return found.settled(analytic, None)[0], known(found.error, analytic) + doubt

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """A product for each unit; by a learned parameter a sum over samples, and over units where they share it."""
        own = {}
        for parameter in self.bound.layer.learned:
            try:
                by_unit, doubt = self._by(parameter)
            except NotAnalyticError:  # `tangents` says so
                own[parameter] = np.full(self.bound.parameters[parameter].size, np.nan)
                continue
            each = np.abs(by_unit) * (error + of_sum(by_unit.size) * np.abs(dy)) + doubt * np.abs(dy)
            own[parameter] = each.sum(axis=0) if self.bound.layer.per_unit else each.sum().reshape(1)
        slope = np.abs(self.slope)
        return own, slope * error + (self.doubt + 2 * UNIT_ROUNDOFF * slope) * np.abs(dy)
