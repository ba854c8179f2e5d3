"""How the units of a network fare while it trains: who is dead or saturated, how signals, gradients and updates spread.

Everything is measured on a sample of the training part: at most 256 rows, evenly spread over it (the rows of a file are
often sorted by class) and the same at every step, so that figures differ only by what the network has learned. Of large
images there are fewer rows, down to 16, since each row needs memory in every layer.

    health/<activation layer>/dead           share of units whose |slope| is at most 1e-6 of the steepest on every row
    health/<activation layer>/saturated      share of units and rows whose |slope| is at most 5 % of the steepest
    health/<activation layer>/mean           mean of the activations over units and rows
    health/<activation layer>/deviation      their standard deviation
    health/<layer>/gradient_norm             Euclidean norm of the gradient by the layer's weights and bias
    health/<layer>/update_ratio              norm of the last update of the weights over the norm they had before it

In layers of images a unit is a channel, and its rows are the pixels of all rows: a dead channel is dead at every pixel.

Both shares look at |f'| alone, and so mean the same for every activation. The steepest is the largest |f'| within ±3,
where units live whose pre-activations have a deviation of 1, as initialisers want it, or up to half as far again as
the outermost kink; an unbounded slope such as that of exp has a largest one there too. A unit with a millionth of that
slope on every row needs a million times the steps of its neighbours; most have a slope of exactly 0.

An activation of a whole row (softmax, maxout) has no slope of its own, but a matrix of them: neither share is measured.

Activations are those of an evaluation, without noise; the gradient is that of the objective as training would have it
at this step, with noise, and before clipping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Layer, PassContext, is_image
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.over_channels import OverChannels
from nnlab.networks.learned import learned_words
from nnlab.networks.network import Network, Pass, rows_of
from nnlab.training.evaluation import Part
from nnlab.training.plan import Plan, Timer, Update
from nnlab.training.state import State

Array = NDArray[Any]

MOST_ROWS, LEAST_ROWS = 256, 16
_MOST_NUMBERS = 1 << 24  # that the sampled rows have in all layers together, if they are more than 16 rows
DEAD = 1e-6
SATURATED = 0.05
_REACH, _POINTS = 3.0, 601
_MOST_DRAWN = 1 << 18  # pre-activations of a layer that a portrait keeps

_SLOPES, _SPREAD, _WEIGHTS = ("dead", "saturated"), ("mean", "deviation"), ("gradient_norm", "update_ratio")


def figure_names(network: Network) -> list[str]:
    """What is measured of a network, layer by layer."""
    return [f"health/{layer.name}/{quantity}" for layer in network.layers for quantity in layer.health]


def depths(network: Network) -> dict[str, int]:
    """For each layer with figures the number of the layer with weights, from 1, that it is or that stands before it."""
    found, depth = {}, 0
    for layer in network.layers:
        depth += _has_weights(layer)
        if layer.health:
            found[layer.name] = max(depth, 1)
    return found


def _has_weights(layer: Layer) -> bool:
    return "update_ratio" in layer.health


def _with_weights(network: Network) -> list[str]:
    return [layer.name for layer in network.layers if _has_weights(layer)]


def sampled(network: Network, rows: int) -> NDArray[np.intp]:
    """The numbers of at most 256 out of `rows` rows, evenly spread, the first among them.

    They are fewer where samples are large, but 16 at least: all layers together get at most 2^24 numbers of them.
    """
    taken = min(rows, MOST_ROWS, max(LEAST_ROWS, _MOST_NUMBERS // sum(network.widths)))
    numbers: NDArray[np.intp] = np.arange(taken) * rows // taken
    return numbers


class Health:
    """Looks at a network on a sample of rows, without changing a bit of its training.

    `x` (R or 1, N, inputs) and `y` (R or 1, N, outputs), as the head takes it, are the training part; `theta` (R, P)
    and the running `statistics` (R, Q) may change in place between two looks. `ratios`, (R, layers with weights), keeps
    the update ratios of the last watched update.
    """

    def __init__(
        self, network: Network, theta: Array, statistics: Array, x: Array, y: Array, seeds: Sequence[int], ratios: Array
    ) -> None:
        rows = sampled(network, x.shape[1])
        self.network, self.theta, self.statistics, self.ratios = network, theta, statistics, ratios
        # An index leaves the axes of several replicas in another order in memory, which BLAS may round otherwise.
        self.x, self.y = np.ascontiguousarray(x[:, rows]), np.ascontiguousarray(y[:, rows])
        self.seeds = tuple(seeds)
        # The buffers of images are large: one replica has them at a time, and only while it is looked at.
        self.kept = None if network.has_images else _Look(network, theta, statistics, self.seeds, self.x, self.y)

    def watched(self, update: Update, is_due: Callable[[int], bool]) -> Update:
        """`update`, which takes note of its size where it `is_due` after that step."""

        def watching(theta: Array, gradient: Array, slots: Mapping[str, Array], step: int) -> None:
            before = theta.copy("K") if is_due(step) else None
            update(theta, gradient, slots, step)
            if before is not None:
                self._note(before, theta)

        return watching

    def _note(self, before: Array, after: Array) -> None:
        layout = self.network.layout
        for index, name in enumerate(_with_weights(self.network)):
            place = layout.places[f"{name}/weights"]
            self.ratios[:, index] = _norm(after[:, place] - before[:, place]) / _norm(before[:, place])

    def figures(self, step: int) -> dict[str, Array]:
        """Every figure, (R,), after `step` updates; nan for updates where there was none."""
        with np.errstate(all="ignore"):
            found = [look.figures(step) for look in self._looks()]
        measured = {name: np.concatenate([own[name] for own in found]) for name in found[0]}
        for index, name in enumerate(_with_weights(self.network)):
            measured[f"health/{name}/update_ratio"] = self.ratios[:, index].copy()
        return {name: measured[name] for name in figure_names(self.network)}

    def _looks(self) -> Iterator[_Look]:
        if self.kept is not None:
            yield self.kept
            return
        for replica in range(len(self.theta)):
            one = slice(replica, replica + 1)
            own = (rows_of(values, one) for values in (self.x, self.y))
            network = self.network.of_replica(replica)
            yield _Look(network, self.theta[one], self.statistics[one], self.seeds[one], *own)


class _Look:
    """A look at some replicas, all arguments as in `Health`: an evaluation of the sampled rows and a training pass."""

    def __init__(
        self, network: Network, theta: Array, statistics: Array, seeds: Sequence[int], x: Array, y: Array
    ) -> None:
        self.network, self.x, self.y = network, x, y
        self.context, self.gradient = PassContext(seeds, learns=False), np.zeros_like(theta, order="C")
        self.evaluation = Pass(network, theta, None, x.shape[1], statistics)
        self.training = Pass(network, theta, self.gradient, x.shape[1], statistics, self.context)
        # Only learned parameters change the steepest slope while a network trains.
        learning = {spec.name.partition("/")[0] for spec in network.layout.specs}
        bounds = {layer.name: bound for layer, bound in _curves(network, self.evaluation)}
        with np.errstate(all="ignore"):
            self.steepest = {name: _steepest(bound) for name, bound in bounds.items() if name not in learning}

    def figures(self, step: int) -> dict[str, Array]:
        """Every figure but the updates'."""
        self.evaluation.forward(self.x)
        self.context.step = step
        self.training.forward(self.x)
        self.training.backward(self.y)
        return dict(self._of_units()) | dict(self._of_gradients())

    def _of_units(self) -> Iterator[tuple[str, Array]]:
        for layer, bound in _curves(self.network, self.evaluation):
            known = self.steepest.get(layer.name)
            flat = self.evaluation.outer(_flatness(bound, _steepest(bound) if known is None else known))
            yield f"health/{layer.name}/dead", _mean(np.all(flat <= DEAD, axis=1, keepdims=True))
            yield f"health/{layer.name}/saturated", _mean(flat <= SATURATED)
        for layer, bound in zip(self.network.layers, self.evaluation.layers, strict=True):
            if "mean" in layer.health:
                values = self.evaluation.outer(bound.y).astype(np.float64)
                mean = _mean(values)
                yield f"health/{layer.name}/mean", mean
                yield f"health/{layer.name}/deviation", np.sqrt(_mean((values - mean[:, None, None]) ** 2))

    def _of_gradients(self) -> Iterator[tuple[str, Array]]:
        for name in _with_weights(self.network):
            yield f"health/{name}/gradient_norm", _norm(self.gradient[:, self.network.layout.place_of(name)])


def _curves(network: Network, evaluation: Pass) -> Iterator[tuple[Layer, BoundLayer]]:
    """The layers that apply a function with a slope to each unit, with their bound forms."""
    return ((layer, b) for layer, b in zip(network.layers, evaluation.layers, strict=True) if "dead" in layer.health)


def _norm(values: Array) -> Array:
    """The Euclidean norm of each row of values (R, n), (R,), in float64."""
    wide = values.astype(np.float64, order="C")
    norm: Array = np.sqrt((wide * wide).sum(axis=-1))
    return norm


def _mean(values: Array) -> Array:
    """The mean of all that belongs to a replica, values (R, …), as (R,) in float64."""
    mean: Array = values.reshape(len(values), -1).astype(np.float64).mean(axis=-1)
    return mean


def _flatness(bound: BoundLayer, steepest: Array) -> Array:
    """|slope| over the steepest, for every unit and row that went forward last."""
    share: Array = np.abs(bound.curve_at(bound.z)[1]) / steepest
    return share


def _steepest(bound: BoundLayer) -> Array:
    """The largest finite |slope| around 0, (…, 1, units or 1), and the smallest number above 0 if all are 0."""
    reach = _reach(bound)
    grid = np.linspace(-reach, reach, _POINTS, dtype=bound.y.dtype)
    slopes = np.abs(bound.curve_at(grid[:, None])[1])
    largest = np.where(np.isfinite(slopes), slopes, 0).max(axis=-2, keepdims=True)
    floor: Array = np.maximum(largest, np.finfo(largest.dtype).tiny)
    return floor


def _reach(bound: BoundLayer) -> float:
    """How far from 0 the bends and the kinks of an activation reach."""
    return max([_REACH, *(1.5 * abs(kink) for kink in bound.typical_kinks())])


def watch_health(
    network: Network,
    train: Part,
    seeds: Sequence[int],
    plan: Plan,
    state: State,
    update: Update,
    timer: Timer,
) -> tuple[Update, Callable[[], dict[str, Array]]]:
    """`update` as it must be called so that its size is known, and what measures health at the state's present step."""
    ratios = state.keep_ratios(network)
    looker = Health(network, state.theta, state.statistics, train.x, train.y_and_weights, seeds, ratios)

    def figures() -> dict[str, Array]:
        with timer():
            return looker.figures(state.step)

    return looker.watched(update, plan.evaluates), figures


# --- what an activation layer does to the pre-activations that it gets ------------------------------------------------


@dataclass(frozen=True)
class Portrait:
    """An activation layer of one network at work: the function and its slope over the range of its pre-activations.

    The range also holds the bends and kinks of the function, which pre-activations on one side would hide. `grid`,
    `value` and `slope` are (G,), averaged over the units; `saturated` (G,) is true where the slope is at most 5 % of
    the steepest; `z` holds the pre-activations of all units and sampled rows, at most some 262,144 of them, evenly
    spread. In a layer of images `saturated_by_channel` (channels,) is each channel's share of saturated pixels,
    `dead_channels` (channels,) is true for channels that are dead at all of them, and `images` is the number of images
    that were looked at. `parameters` are those of the activation in words: their value, or the range of learned ones
    over the units; with `are_means` units have different ones, and the curves are the units' mean.
    """

    name: str
    grid: Array
    value: Array
    slope: Array
    saturated: NDArray[np.bool_]
    kinks: tuple[float, ...]
    z: Array
    dead_share: float
    saturated_share: float
    saturated_by_channel: Array = field(default_factory=lambda: np.empty(0))
    dead_channels: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    images: int = 0
    parameters: str = ""
    are_means: bool = False


def activation_layers(network: Network) -> dict[str, bool]:
    """Each layer that applies a function with a slope to each unit, and whether its units are channels of images."""
    pairs = zip(network.layers, network.shapes[:-1], strict=True)
    return {layer.name: is_image(shape) for layer, shape in pairs if "dead" in layer.health}


def at_the_ends(network: Network) -> set[str]:
    """The activation layers that pictures show: the first and the last three, and those of images likewise."""
    found = activation_layers(network)
    of_images = [name for name, is_of_images in found.items() if is_of_images]
    return {name for names in ([*found], of_images) for name in (*names[:3], *names[-3:])}


def portraits(
    network: Network,
    theta: Array,
    statistics: Array,
    x: Array,
    reach: tuple[float, float] | None = None,
    only: Collection[str] | None = None,
) -> list[Portrait]:
    """A portrait of each elementwise activation layer of one network, theta (1, P), on a sample of rows x (N, inputs).

    Its curves go at least from one end of `reach` to the other. A layer none of whose pre-activations is finite has
    none. With `only`, other layers have none either.
    """
    rows = sampled(network, len(x))
    evaluation = Pass(network, theta, None, len(rows), statistics)
    with np.errstate(all="ignore"):
        evaluation.forward(x[rows][None])
        drawn = [
            _portrait(layer.name, bound, reach, len(rows))
            for layer, bound in _curves(network, evaluation)
            if only is None or layer.name in only
        ]
    words = _parameter_words(network, theta)
    return [replace(one, parameters=words.get(one.name, "")) for one in drawn if one is not None]


_NOTHING = (0, math.inf)  # defaults of parameters that then do nothing


def _parameter_words(network: Network, theta: Array) -> dict[str, str]:
    """The parameters of each activation layer, fixed ones first: `alpha = 0.01`, `beta = 1.23 learned`.

    Fixed ones are left out at a default that does nothing: a relu has a `threshold` of 0 and an infinite `max_value`.
    """
    learned = learned_words(network.layout, theta)
    activations = [layer for layer in network.layers if isinstance(layer, Elementwise)]
    fixed = {
        layer.name: [
            f"{parameter.name} = {layer.chosen[parameter.name]}"
            for parameter in layer.activation.parameters
            if parameter.name not in layer.learned
            and not (layer.chosen[parameter.name] == parameter.default and parameter.default in _NOTHING)
        ]
        for layer in activations
    }
    return {name: ", ".join(filter(None, [*words, learned.get(name, "")])) for name, words in fixed.items()}


def _portrait(name: str, bound: BoundLayer, reach: tuple[float, float] | None, rows: int) -> Portrait | None:
    z = bound.z[np.isfinite(bound.z)]
    if not z.size:
        return None
    steepest = _steepest(bound)
    flat = _flatness(bound, steepest)
    lowest, highest = float(z.min()), float(z.max())
    margin = max(0.05 * (highest - lowest), 0.1)
    least, most = reach or (lowest, highest)
    left, right = min(lowest - margin, least, -_reach(bound)), max(highest + margin, most, _reach(bound))
    grid = np.linspace(left, right, 2 * _POINTS)
    by_unit = bound.curve_at(grid[:, None].astype(bound.y.dtype))
    value, slope = (values.mean(axis=-1) for values in by_unit)
    dead, saturated = np.all(flat <= DEAD, axis=0, keepdims=True)[0], (flat <= SATURATED).mean(axis=0)
    has_channels = isinstance(bound, OverChannels)
    return Portrait(
        name=name,
        grid=grid,
        value=value,
        slope=slope,
        saturated=np.abs(slope) <= SATURATED * float(steepest.mean()),
        kinks=tuple(kink for kink in bound.typical_kinks() if grid[0] < kink < grid[-1]),
        z=_thinned(z, bound.z.shape[-1]).astype(np.float64),
        dead_share=float(dead.mean()),
        saturated_share=float(saturated.mean()),
        saturated_by_channel=saturated if has_channels else np.empty(0),
        dead_channels=dead if has_channels else np.empty(0, bool),
        images=rows if has_channels else 0,
        are_means=by_unit[0].shape[-1] > 1,
    )


def _thinned(z: Array, units: int) -> Array:
    """Every n-th of the values of rows of `units`; n shares no factor with these, so that every unit has its part."""
    step = -(-z.size // _MOST_DRAWN)
    while step > 1 and math.gcd(step, units) > 1:
        step += 1
    return z[::step]
