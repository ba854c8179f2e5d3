"""The gradient of a network without a backward pass and without a step, with a running bound of the rounding error.

It is the derivative in forward mode, with each layer's own from its value, followed with dual arrays.

Both derivatives, this one and that of `backward`, are taken at the same computed activations, which are the ordinary
forward pass's own. What rounding has done to these is common to both, so that no bound has to cover it: B covers what
rounding does to the slopes, and to the sums and products along both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.dual import DualArray, NotAnalyticError
from nnlab.networks.layers.forward_mode import UNIT_ROUNDOFF, ForwardMode, Kinks, Sides, known, of_sum
from nnlab.networks.network import Network, Pass

Array = NDArray[Any]

# Tangents are carried for so many parameters at once that they take about this many numbers, to stay in the cache.
_NUMBERS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class LayerKinks:
    """The units of one layer that stand on a kink."""

    layer: str
    kinks: Kinks


@dataclass(frozen=True)
class ExactGradient:
    """The gradient of the loss alone, (P,), with B for each entry; nan where an entry was not measured.

    `on_kink` marks the entries that move a unit which stands exactly on a kink. `noise` is what rounding may have done
    to the loss itself. `refused` says why the derivative of the loss, or by a tensor of theta, could not be followed:
    by the name of the tensor, or by "" for all of them.
    """

    gradient: Array
    bound: Array
    on_kink: Array
    kinks: tuple[LayerKinks, ...] = ()
    noise: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)


def exact_gradient(network: Network, checked: Pass, y: Array, adjoints: list[Array]) -> ExactGradient:
    """The loss's derivative by every entry of theta (1, P), for the batch that went forward last through `checked`.

    `adjoints` are what the backward pass hands from layer to layer; they serve the bound alone.
    """
    size = network.layout.size
    nothing = ExactGradient(np.full(size, np.nan), np.full(size, np.nan), np.zeros(size, bool))
    try:
        with np.errstate(all="ignore"):
            slopes, doubt, differ, noise = _head(checked, y)
            modes = [layer.forward_mode() for layer in checked.layers]
            found = _Tangents(network, modes, slopes, differ).measured(_bounds(network, modes, adjoints, doubt))
            return replace(found, noise=noise + _noise(modes, adjoints))
    except NotAnalyticError as error:
        nothing.refused[""] = str(error)
        return nothing


def penalties(checked: Pass) -> tuple[Array, Array, Array]:
    """The derivative of the penalties by each entry, (P,), B, and which weights stand on the kink of L1 at 0."""
    total, bound = np.zeros(checked.theta.shape[1]), np.zeros(checked.theta.shape[1])
    on_kink = np.zeros(checked.theta.shape[1], bool)
    above, below = (checked.penalties(DualArray(checked.theta, side)) for side in (1.0, -1.0))
    for (right,), (left,) in zip(above, below, strict=True):
        sides = Sides.of(right, left)
        total += sides.settled(np.zeros_like(total), "zero")[0]
        bound += sides.error
        on_kink |= sides.differ
    return total, bound + 2 * UNIT_ROUNDOFF * np.abs(total), on_kink


def _head(checked: Pass, y: Array) -> tuple[Array, Array, Array, float]:
    """The derivative of the mean loss by each logit, (m, K), its error, where the loss has a kink; its own error."""
    z, head, share = checked.z, checked.head, 1 / checked.z.shape[1]
    logits = z.shape[-1]
    copies, each = np.repeat(z, logits, axis=0), np.eye(logits)[:, None, :]
    analytic = np.empty_like(z)
    head.gradient(z, checked.a, y, analytic)
    try:
        with np.errstate(all="ignore"):
            losses: Any = head.losses
            right, left = (losses(DualArray(copies, side * each), y) for side in (1.0, -1.0))
            followed, a = DualArray(np.empty_like(z)), DualArray(checked.a if head.outputs else z)
            if head.outputs:
                outputs: Any = head.outputs
                outputs(DualArray(z), a)
            head.gradient(DualArray(z), a, y, followed)
    except (ValueError, AttributeError, IndexError) as failure:
        raise NotAnalyticError(str(failure)) from failure
    sides = Sides.of(right.T, left.T)
    slopes, _ = sides.settled(analytic[0], None)
    doubt = known(sides.error, slopes) + known(followed.error[0], analytic[0])
    error = doubt + 4 * UNIT_ROUNDOFF * np.abs(slopes)
    return slopes * share, error * share, sides.differ, float(np.nan_to_num(right.error).mean())


def _bounds(network: Network, modes: list[ForwardMode], adjoints: list[Array], doubt: Array) -> dict[str, Array]:
    """B for each tensor of theta, by a pass from the loss to the inputs."""
    bounds: dict[str, Array] = {}
    error = doubt
    for layer, mode, dy in reversed(list(zip(network.layers, modes, adjoints, strict=True))):
        own, error = mode.errors(dy[0], error)
        bounds |= {f"{layer.name}/{parameter}": bound.ravel() for parameter, bound in own.items()}
    return bounds


def _noise(modes: list[ForwardMode], adjoints: list[Array]) -> float:
    """What the rounding within activations may have done to the loss."""
    pairs = [(mode.noise, dy) for mode, dy in zip(modes, adjoints, strict=True) if mode.noise is not None]
    return float(sum(np.nan_to_num(noise * np.abs(dy)).sum() for noise, dy in pairs))


class _Tangents:
    """Tangents pushed from the layer whose parameters move to the loss."""

    def __init__(self, network: Network, modes: list[ForwardMode], slopes: Array, differ: Array) -> None:
        self.network, self.modes, self.slopes, self.differ = network, modes, slopes, differ

    def measured(self, bounds: dict[str, Array]) -> ExactGradient:
        """The derivative by every tensor of every layer."""
        size, places = self.network.layout.size, self.network.layout.places
        found = ExactGradient(np.full(size, np.nan), np.full(size, np.nan), np.zeros(size, bool))
        for depth, (layer, shape) in enumerate(zip(self.network.layers, self.network.shapes, strict=False)):
            for spec in layer.parameter_specs(shape):
                place, parameter = places[spec.name], spec.name.rsplit("/", 1)[1]
                try:
                    for columns, slopes, on_kink in self._portions(depth, parameter, np.arange(spec.size)):
                        found.gradient[place.start + columns] = slopes
                        found.on_kink[place.start + columns] = on_kink
                except NotAnalyticError as error:
                    found.refused[spec.name] = str(error)
                found.bound[place] = bounds[spec.name] + of_sum(self.slopes.size) * np.abs(found.gradient[place])
        return replace(found, kinks=self._kinks())

    def _portions(self, depth: int, parameter: str, columns: Array) -> Iterator[tuple[Array, Array, Array]]:
        """Portions of a tensor: which entries, the loss's derivative by each, whether it moves a unit on a kink."""
        widest = max(self.network.widths[depth + 1 :])
        most = max(1, _NUMBERS_AT_ONCE // (len(self.slopes) * widest))
        for places, moved, at in self.modes[depth].tangents(parameter, columns, most):
            dy, on_kink = moved, np.zeros(len(places), bool)
            for mode in self.modes[depth + 1 :]:
                met = mode.meets_kink(dy, at)
                on_kink |= False if met is None else met
                dy, at = mode.push(dy, at)  # noqa: PLW2901 - from layer to layer
            if self.differ.any():
                on_kink |= np.any((dy != 0) & self.differ[:, at], axis=(1, 2))
            yield places, np.einsum("cmk,mk->c", dy, self.slopes[:, at]), on_kink

    def _kinks(self) -> tuple[LayerKinks, ...]:
        pairs = zip(self.network.layers, self.modes, strict=True)
        found = [LayerKinks(layer.name, mode.kinks) for layer, mode in pairs]
        return tuple(layer for layer in found if len(layer.kinks.where))
