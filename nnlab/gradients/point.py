"""The strong check of a gradient at one point: one theta, one batch, one frozen noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.gradients.derivatives import CheckVerdict, ExactCheck, Objective
from nnlab.gradients.differences import confirmed, extrapolated
from nnlab.gradients.forward_mode import LayerKinks, exact_gradient, penalties
from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.forward_mode import UNIT_ROUNDOFF
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network, Pass

Array = NDArray[Any]
Batch = tuple[Array, Array]
Plant = Callable[[Pass], None]

BOTH, DATA, REGULARISER = "both", "data loss alone", "regulariser alone"
# The second oracle looks at every entry of a theta up to this size, else at some of each tensor. Of the weights of a
# convolution, each of which is used at many pixels, it looks at more: at this many, divided by the samples, which for
# the eight of the largest point is all that a LeNet has.
_ALL, _SOME, _OF_CONVOLUTION = 2_000, 64, 20_000
_NUMBERS_AT_ONCE = 250_000  # 2 MB: buffers of this size are reused, larger ones are given back to the system


@dataclass(frozen=True)
class Examined:
    """What was found at one point: a check of each part of the objective, and the units on a kink.

    `refused` says of tensors (or by "" of all) why the second oracle alone has checked them. `by_step` are the layers
    whose slope is itself measured by complex step: there the second oracle is the only independent one.
    """

    checks: dict[str, ExactCheck]
    kinks: tuple[LayerKinks, ...]
    on_kink: Array
    refused: dict[str, str]
    by_step: tuple[str, ...] = ()

    @property
    def verdict(self) -> CheckVerdict:
        """The worst of all parts; a slope on a kink that is not what the activation announces is a failure."""
        if any(not layer.kinks.agrees.all() for layer in self.kinks):
            return CheckVerdict.FAIL
        return max(check.verdict for check in self.checks.values())

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong or in doubt."""
        return self.verdict <= CheckVerdict.PASS

    @property
    def analytic(self) -> Array:
        """The gradient of the whole objective, (P,)."""
        return self.checks[BOTH].analytic

    @property
    def errors(self) -> Array:
        """Its distance from the measured one, (P,)."""
        return self.checks[BOTH].errors


def nothing(_tied: Pass) -> None:
    """No defect is planted."""


def examine(
    network: Network, theta: Array, batch: Batch, context: PassContext, *, seed: int = 0, plant: Plant = nothing
) -> Examined:
    """Check the gradient at theta (1, P) for a batch. `plant` may break the pass, as the self-test does."""
    x, y = (values.astype(np.float64) for values in batch)
    theta = theta.astype(np.float64)
    checked = Pass(network, theta, np.zeros_like(theta), x.shape[1], context=context)
    plant(checked)
    with np.errstate(all="ignore"):
        inputs = [x, *(outputs.copy() for outputs in checked.forward_by_layer(x))]
        checked.forward(x)
        analytic = dict(_gradients(checked, y))
        adjoints = checked.adjoints(y)
        found = exact_gradient(network, checked, y, adjoints)
        regulariser, its_bound, on_kink = penalties(checked)
        on_kink |= found.on_kink
        # The second oracle has nothing to say where a unit stands on a kink: it sees both sides at once.
        columns = _looked_at(network.layout, x.shape[1], seed)
        parts = list(_from_each_layer(network, theta, inputs[:-1], y, context))
        second = _Second(parts, columns[~on_kink[columns]], found.noise + _noise(inputs[1:-1], adjoints[:-1]))
        checks = {BOTH: second.check(analytic[BOTH], found.gradient + regulariser, found.bound + its_bound)}
    unseen = np.full(len(on_kink), np.nan)
    if REGULARISER in analytic:
        checks[REGULARISER] = ExactCheck(analytic[REGULARISER], regulariser, its_bound, unseen, unseen)
        if not found.refused:
            checks[DATA] = ExactCheck(analytic[DATA], found.gradient, found.bound, unseen, unseen)
    return Examined(checks, found.kinks, on_kink, found.refused, tuple(_by_step(network)))


def _by_step(network: Network) -> Iterator[str]:
    for layer in network.layers:
        if layer.slope_is_by_complex_step:
            yield layer.name


def _gradients(checked: Pass, y: Array) -> Iterator[tuple[str, Array]]:
    """The gradient of the objective, and where it has penalties of each part alone, (P,)."""
    assert checked.gradient is not None
    checked.backward(y)
    yield BOTH, checked.gradient[0].copy()
    l1, l2 = checked.l1, checked.l2
    if l1 is None and l2 is None:
        return
    checked.l1 = checked.l2 = None
    checked.backward(y)
    checked.l1, checked.l2 = l1, l2
    yield DATA, checked.gradient[0].copy()
    checked.gradient[...] = 0
    checked.add_penalties(checked.gradient)
    yield REGULARISER, checked.gradient[0].copy()


class _Second:
    """The second oracle: extrapolated differences of the objective, by some columns of theta."""

    def __init__(self, parts: list[_Part], columns: Array, noise: float) -> None:
        self.parts, self.columns, self.noise = parts, columns, noise

    def check(self, analytic: Array, numeric: Array, bound: Array) -> ExactCheck:
        """The verdict of both oracles; where they differ the second one is asked again, with other steps."""
        values, errors = np.full_like(analytic, np.nan), np.full_like(analytic, np.nan)
        check = ExactCheck(analytic, numeric, bound, values, errors)
        for part in self.parts:
            ours = part.among(self.columns)
            values[ours], errors[ours] = extrapolated(*part.question(ours), self.noise)
            doubtful = ours[(check.apart | check.alone)[ours]]
            if len(doubtful):
                found = values[doubtful], errors[doubtful]
                values[doubtful], errors[doubtful] = confirmed(*part.question(doubtful), self.noise, found)
        return check


@dataclass(frozen=True)
class _Part:
    """The network from one layer on: all that the parameters of this layer can change."""

    objective: Objective
    theta: Array
    begin: int
    end: int
    at_once: int

    def among(self, columns: Array) -> Array:
        """Those of the columns that are this layer's."""
        return columns[(columns >= self.begin) & (columns < self.end)]

    def question(self, columns: Array) -> tuple[Objective, Array, Array, int]:
        """What to differentiate, where, by what, and how many copies to make at a time."""
        return self.objective, self.theta, columns - self.begin, self.at_once


def _from_each_layer(
    network: Network, theta: Array, inputs: list[Array], y: Array, context: PassContext
) -> Iterator[_Part]:
    """A part for each layer that has parameters, fed with what goes into this layer."""
    begin = 0
    for depth, (layer, x) in enumerate(zip(network.layers, inputs, strict=True)):
        end = begin + sum(spec.size for spec in layer.parameter_specs(network.shapes[depth]))
        if end > begin:
            rest, own = Network(network.shapes[depth], network.layers[depth:], network.head), theta[:, begin:end]
            at_once = max(1, _NUMBERS_AT_ONCE // max(end - begin, x.shape[1] * max(rest.widths[1:])))
            objective = sided_objective(rest, own, theta[:, end:], x, y, context)
            yield _Part(objective, own[0], begin, end, at_once)
        begin = end


def _noise(inputs: list[Array], adjoints: list[Array]) -> float:
    """What the rounding of what goes from layer to layer may have done to the loss."""
    shares = [np.abs(x * dy) for x, dy in zip(inputs, adjoints, strict=True)]
    return 2 * UNIT_ROUNDOFF * float(sum(np.nan_to_num(share).sum() for share in shares))


def _looked_at(layout: Layout, rows: int, seed: int) -> Array:
    """The columns of theta that the second oracle looks at, for a batch of so many rows."""
    if layout.size <= _ALL:
        return np.arange(layout.size)
    draws = np.random.default_rng(seed)
    drawn = []
    for spec in layout.specs:
        place, most = layout.places[spec.name], max(_SOME, _OF_CONVOLUTION // rows if len(spec.shape) == 4 else 0)
        drawn.append(draws.choice(np.arange(place.start, place.stop), min(most, spec.size), replace=False))
    return np.sort(np.concatenate(drawn))


def sided_objective(network: Network, own: Array, others: Array, x: Array, y: Array, context: PassContext) -> Objective:
    """The objective as a function of copies of the first layer's parameters, nan where a unit crosses a kink.

    `own`, (1, own), are these parameters, and `others`, (1, P - own), those of all layers behind: of them there is one
    copy in memory for all.
    """
    first = Network(network.shape, network.layers[:1], network.head)
    behind = Network(network.shapes[1], network.layers[1:], network.head)

    @lru_cache(maxsize=2)  # to allocate buffers for each portion would take as long as to fill them
    def passes_for(copies: int) -> tuple[Pass, Pass]:
        moved, shared = np.empty((copies, own.shape[1])), np.broadcast_to(others, (copies, others.shape[1]))
        begun, ended = ((first, moved), (behind, shared))
        rows = x.shape[1]
        return Pass(*begun, None, rows, context=context), Pass(*ended, None, rows, context=context)

    def passed(thetas: Array) -> tuple[Pass, Pass]:
        begun, ended = passes_for(len(thetas))
        begun.theta[...] = thetas
        (outputs,) = begun.forward_by_layer(x)
        ended.forward(outputs)
        return begun, ended

    begun, ended = passed(own)
    home = [*begun.layers, *ended.layers]
    kinks = [layer.kinks() for layer in home]
    sides = [layer.sides(at) for layer, at in zip(home, kinks, strict=True)]
    bent = None if begun.l1 is None else begun.l1 > 0  # |w| has a kink at 0

    def values(thetas: Array) -> Array:
        begun, ended = passed(thetas)
        total: Array = ended.loss(y) + begun.penalty() + ended.penalty()
        if bent is not None:
            total[np.any((np.sign(thetas) != np.sign(own)) & bent, axis=-1)] = np.nan
        for layer, at, here in zip([*begun.layers, *ended.layers], kinks, sides, strict=True):
            for side, home_side in zip(layer.sides(at), here, strict=True):
                total[np.broadcast_to(np.any(side != home_side, axis=(-2, -1)), total.shape)] = np.nan
        return total

    return values
