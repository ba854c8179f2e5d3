"""How the units of a network fare while it trains: who is dead or saturated, how signals, gradients and updates spread.

Everything is measured on a sample of the training part: at most 256 rows, evenly spread over it (the rows of a file are
often sorted by class) and the same at every step, so that figures differ only by what the network has learned.

    health/<activation layer>/dead           share of units whose |slope| is at most 1e-6 of the steepest on every row
    health/<activation layer>/saturated      share of units and rows whose |slope| is at most 5 % of the steepest
    health/<activation layer>/mean           mean of the activations over units and rows
    health/<activation layer>/deviation      their standard deviation
    health/<dense layer>/gradient_norm       Euclidean norm of the gradient by the layer's weights and bias
    health/<dense layer>/update_ratio        norm of the last update of the weights over the norm they had before it

Both shares look at |f'| alone, and so mean the same for every activation. The steepest is the largest |f'| within ±3,
where units live whose pre-activations have a deviation of 1, as initialisers want it, or up to half as far again as
the outermost kink; an unbounded slope such as that of exp has a largest one there too. A unit with a millionth of that
slope on every row needs a million times the steps of its neighbours; most have a slope of exactly 0.

An activation of a whole row (softmax, maxout) has no slope of its own, but a matrix of them: neither share is measured.

Activations are those of an evaluation, without noise; the gradient is that of the objective as training would have it
at this step, with noise, and before clipping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.activation_layers import BoundElementwise, Elementwise, Rowwise
from nnlab.networks.layers.dense import Dense, Layer, PassContext
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network, Pass

Array = NDArray[Any]
Update = Callable[..., None]

MOST_ROWS = 256
DEAD = 1e-6
SATURATED = 0.05
_REACH, _POINTS = 3.0, 601

_SLOPES, _SPREAD, _WEIGHTS = ("dead", "saturated"), ("mean", "deviation"), ("gradient_norm", "update_ratio")


def figure_names(network: Network) -> list[str]:
    """What is measured of a network, layer by layer."""
    return [f"health/{layer.name}/{quantity}" for layer in network.layers for quantity in _quantities(layer)]


def _quantities(layer: Layer) -> tuple[str, ...]:
    if isinstance(layer, Dense):
        return _WEIGHTS
    if isinstance(layer, Elementwise):
        return _SLOPES + _SPREAD
    return _SPREAD if isinstance(layer, Rowwise) else ()


def depths(network: Network) -> dict[str, int]:
    """The number of the dense layer, from 1, of each layer that figures tell of: an activation's is the one before."""
    found, depth = {}, 0
    for layer in network.layers:
        depth += isinstance(layer, Dense)
        if _quantities(layer):
            found[layer.name] = max(depth, 1)
    return found


def no_ratios(network: Network, replicas: int) -> Array:
    """Room for the update ratios of the dense layers, (R, dense layers), of which none is known yet."""
    return np.full((replicas, len(_dense(network))), np.nan)


def _dense(network: Network) -> list[str]:
    return [layer.name for layer in network.layers if isinstance(layer, Dense)]


def sampled(rows: int) -> NDArray[np.intp]:
    """The numbers of at most 256 out of `rows` rows, evenly spread, the first among them."""
    taken = min(rows, MOST_ROWS)
    numbers: NDArray[np.intp] = np.arange(taken) * rows // taken
    return numbers


class Health:
    """Looks at a network on a sample of rows, without changing a bit of its training.

    `x` (R or 1, N, inputs) and `y` (R or 1, N, outputs) are the training part; `theta` (R, P) and the running
    `statistics` (R, Q) may change in place between two looks. `ratios`, as made by `no_ratios`, keeps the update ratios
    of the last watched update.
    """

    def __init__(
        self, network: Network, theta: Array, statistics: Array, x: Array, y: Array, seeds: Sequence[int], ratios: Array
    ) -> None:
        rows = sampled(x.shape[1])
        self.network, self.ratios = network, ratios
        self.x, self.y = x[:, rows], y[:, rows]
        self.context, self.gradient = PassContext(tuple(seeds), learns=False), np.zeros_like(theta)
        self.evaluation = Pass(network, theta, None, len(rows), statistics)
        # Only learned parameters change the steepest slope while a network trains.
        bounds = [bound for bound in self.evaluation.layers if isinstance(bound, BoundElementwise)]
        with np.errstate(all="ignore"):
            self.steepest = {b.layer.name: _steepest(b) for b in bounds if not b.layer.learned}
        self.training = Pass(network, theta, self.gradient, len(rows), statistics, self.context)

    def watched(self, update: Update, is_due: Callable[[int], bool]) -> Update:
        """`update`, which takes note of its size where it `is_due` after that step."""

        def watching(theta: Array, gradient: Array, slots: Mapping[str, Array], step: int) -> None:
            before = theta.copy() if is_due(step) else None
            update(theta, gradient, slots, step)
            if before is not None:
                self._note(before, theta)

        return watching

    def _note(self, before: Array, after: Array) -> None:
        layout = self.network.layout
        for index, name in enumerate(_dense(self.network)):
            place = layout.places[f"{name}/weights"]
            self.ratios[:, index] = _norm(after[:, place] - before[:, place]) / _norm(before[:, place])

    def figures(self, step: int) -> dict[str, Array]:
        """Every figure, (R,), after `step` updates; nan for updates where there was none."""
        with np.errstate(all="ignore"):
            self.evaluation.forward(self.x)
            self.context.step = step
            self.training.forward(self.x)
            self.training.backward(self.y)
            measured = dict(self._of_units()) | dict(self._of_weights())
        return {name: measured[name] for name in figure_names(self.network)}

    def _of_units(self) -> Iterator[tuple[str, Array]]:
        for layer, bound in zip(self.network.layers, self.evaluation.layers, strict=True):
            if isinstance(bound, BoundElementwise):
                steepest = self.steepest.get(layer.name)
                flat = _flatness(bound, _steepest(bound) if steepest is None else steepest)
                yield f"health/{layer.name}/dead", _mean(np.all(flat <= DEAD, axis=1, keepdims=True))
                yield f"health/{layer.name}/saturated", _mean(flat <= SATURATED)
            if isinstance(layer, Elementwise | Rowwise):
                values = np.asarray(bound.y, np.float64)  # type: ignore[attr-defined]
                mean = _mean(values)
                yield f"health/{layer.name}/mean", mean
                yield f"health/{layer.name}/deviation", np.sqrt(_mean((values - mean[:, None, None]) ** 2))

    def _of_weights(self) -> Iterator[tuple[str, Array]]:
        for index, name in enumerate(_dense(self.network)):
            yield f"health/{name}/gradient_norm", _norm(self.gradient[:, _place(self.network.layout, name)])
            yield f"health/{name}/update_ratio", self.ratios[:, index].copy()


def _place(layout: Layout, dense: str) -> slice:
    """The columns of a dense layer's weights and bias, which follow each other."""
    return slice(layout.places[f"{dense}/weights"].start, layout.places[f"{dense}/bias"].stop)


def _norm(values: Array) -> Array:
    """The Euclidean norm of each row of values (R, n), (R,), in float64."""
    wide = values.astype(np.float64)
    norm: Array = np.sqrt((wide * wide).sum(axis=-1))
    return norm


def _mean(values: Array) -> Array:
    """The mean of all that belongs to a replica, values (R, …), as (R,) in float64."""
    mean: Array = values.reshape(len(values), -1).astype(np.float64).mean(axis=-1)
    return mean


def _flatness(bound: BoundElementwise, steepest: Array) -> Array:
    """|slope| over the steepest, for every unit and row that went forward last, (R, rows, units)."""
    share: Array = np.abs(bound.at(bound.z)[1]) / steepest
    return share


def _steepest(bound: BoundElementwise) -> Array:
    """The largest finite |slope| around 0, (R or 1, 1, units or 1), and the smallest number above 0 if all are 0."""
    reach = max([_REACH, *(1.5 * abs(kink) for kink in _kinks(bound))])
    grid = np.linspace(-reach, reach, _POINTS, dtype=bound.y.dtype)
    slopes = np.abs(bound.at(grid[None, :, None])[1])
    largest = np.where(np.isfinite(slopes), slopes, 0).max(axis=1, keepdims=True)
    floor: Array = np.maximum(largest, np.finfo(largest.dtype).tiny)
    return floor


def _kinks(bound: BoundElementwise) -> list[float]:
    """The finite kinks with the layer's present parameters, those of its units averaged."""
    present = {name: float(np.mean(value)) for name, value in bound.parameters.items()}
    return [kink for kink in bound.layer.activation.kinks(**present) if np.isfinite(kink)]


# --- what an activation layer does to the pre-activations that it gets ------------------------------------------------


@dataclass(frozen=True)
class Portrait:
    """An activation layer of one network at work: the function and its slope over the range of its pre-activations.

    `grid`, `value` and `slope` are (G,), with the parameters of the units averaged; `saturated` (G,) is true where the
    slope is at most 5 % of the steepest; `z` holds the pre-activations of all units and sampled rows.
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


def portraits(
    network: Network, theta: Array, statistics: Array, x: Array, reach: tuple[float, float] | None = None
) -> list[Portrait]:
    """A portrait of each elementwise activation layer of one network, theta (1, P), on a sample of rows x (N, inputs).

    Its curves go at least from one end of `reach` to the other. A layer none of whose pre-activations is finite has
    none.
    """
    rows = sampled(len(x))
    tied = Pass(network, theta, None, len(rows), statistics)
    with np.errstate(all="ignore"):
        tied.forward(x[rows][None])
        pairs = zip(network.layers, tied.layers, strict=True)
        drawn = [_portrait(layer.name, bound, reach) for layer, bound in pairs if isinstance(bound, BoundElementwise)]
    return [portrait for portrait in drawn if portrait is not None]


def _portrait(name: str, bound: BoundElementwise, reach: tuple[float, float] | None) -> Portrait | None:
    z = bound.z[np.isfinite(bound.z)].astype(np.float64)
    if not z.size:
        return None
    kinks, steepest = tuple(_kinks(bound)), _steepest(bound)
    flat = _flatness(bound, steepest)
    margin = max(0.05 * np.ptp(z), 0.1)
    least, most = reach or (z.min(), z.max())
    grid = np.linspace(min(z.min() - margin, least), max(z.max() + margin, most), 2 * _POINTS)
    value, slope = (values.mean(axis=(0, 2)) for values in bound.at(grid[None, :, None].astype(bound.y.dtype)))
    return Portrait(
        name=name,
        grid=grid,
        value=value,
        slope=slope,
        saturated=np.abs(slope) <= SATURATED * float(steepest.mean()),
        kinks=tuple(kink for kink in kinks if grid[0] < kink < grid[-1]),
        z=z,
        dead_share=float((flat <= DEAD).all(axis=1).mean()),
        saturated_share=float((flat <= SATURATED).mean()),
    )
