"""A network: layers under a head, as described (`Network`) and at work on one theta and one batch size (`Pass`).

All trainable numbers lie in one array, theta (R, P), for R replicas (one per seed) and P parameters; its gradient has
the same shape. A pass binds each layer to its part of both: a dense layer's W and b are views of theta, its dW and db
views of the gradient. So `backward` fills the gradient, and the next `forward` sees an update of theta in place.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.maths.initializers import Draws, draws_from, legacy_draws
from nnlab.maths.losses import Head
from nnlab.maths.randomness import Purpose, Streams
from nnlab.maths.signal.normal import STANDARD, Moments
from nnlab.networks.layers.base import (
    BoundLayer,
    Buffers,
    DrawsFor,
    InputSignal,
    Layer,
    PassContext,
    Shape,
    is_image,
    units_of,
)
from nnlab.networks.layers.over_channels import bound_to
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.layers.windows import times
from nnlab.networks.layout import Layout, ParameterSpec

Array = NDArray[Any]


# Whole batches of images would leave the cache between two layers; fewer at a time cost more calls. The number is the
# same on every machine and for any number of replicas, since rounding depends on it.
IMAGES_AT_ONCE = 16

_NUMBERS_AT_ONCE = 2**20  # parameters that are started together: many replicas of a small layer, few of a large one


class LayerShapeError(ValueError):
    """A layer that cannot take the samples it is given; `layer` is its name."""

    def __init__(self, layer: str, message: str) -> None:
        super().__init__(message)
        self.layer = layer


class LayerStartError(LayerShapeError):
    """A layer whose initialiser cannot start from the signal that it is given."""


@dataclass(frozen=True)
class Inputs:
    """Some rows of scaled inputs, (m, inputs), and how much each counts, (m,), for starts that look at them."""

    rows: Array
    weights: Array | None = None

    @property
    def few(self) -> Array:
        """At most 256 of the rows, spread evenly: a batch."""
        return self.rows[:: -(-len(self.rows) // 256)]

    @cached_property
    def second(self) -> float:
        """E[x²], over rows and columns."""
        return float(np.average(np.square(self.rows, dtype=np.float64).mean(axis=1), weights=self.weights))


@dataclass(frozen=True)
class Network:
    """A network as described: it holds no numbers, theta does. `shape` is that of one sample; `Pass` computes."""

    shape: Shape
    layers: tuple[Layer, ...]
    head: Head

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of a sample before the first layer and after each; LayerShapeError where a layer does not fit."""
        shapes = [self.shape]
        for layer in self.layers:
            shapes.append(_given_by(layer, shapes[-1]))
        return tuple(shapes)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many numbers these samples have: the widths of the inputs and of each layer's outputs."""
        return tuple(map(units_of, self.shapes))

    @property
    def has_images(self) -> bool:
        """Whether there are layers of images."""
        return any(layer.needs_image for layer in self.layers)

    @cached_property
    def needs_two_rows(self) -> str | None:
        """The name of a layer for which a training batch of one row means nothing, if there is one."""
        return next((layer.name for layer, shape in self._with_inputs() if layer.needs_two_rows(shape)), None)

    def of_replica(self, replica: int) -> Network:
        """The network of one replica, whose head may weigh classes differently."""
        return replace(self, head=self.head.of_replica(replica))

    def rows_at_once(self, batch: int, *, trains: bool) -> int:
        """How many samples of a batch go through the network together: all, or up to 16 with layers of images.

        The buffers of 16 images stay in the processor's cache from layer to layer. Pieces are of one size, so that
        they need one set of buffers: 100 images are six pieces of 15, and one that is filled up from 10 to 15. A layer
        that mixes samples in training has to see the whole batch.
        """
        if not self.has_images:
            return batch
        if trains and any(layer.mixes_samples for layer in self.layers):
            return batch
        pieces = -(-batch // IMAGES_AT_ONCE)
        return -(-batch // pieces)

    @property
    def inputs(self) -> int:
        """How many numbers a sample has."""
        return self.widths[0]

    @property
    def outputs(self) -> int:
        """The number of outputs, of which each may need several logits."""
        return self.widths[-1] // self.head.per_output

    @cached_property
    def has_scores(self) -> bool:
        """Whether other numbers than the outputs rank them: see `Pass.scores`."""
        if self.head.outputs is not None:
            return self.head.per_output == 1
        return bool(self.layers) and self.layers[-1].increases and not is_image(self.shapes[-2])

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
        return zip(self.layers, self.shapes[:-1], strict=True)

    @cached_property
    def bounded(self) -> tuple[ParameterSpec, ...]:
        """The weights under a max-norm constraint."""
        return tuple(s for s in self.layout.specs if s.penalties and np.isfinite(s.penalties.max_norm))

    @cached_property
    def signals(self) -> tuple[Moments, ...]:
        """The moments of what each layer gets, as far as they are known without data; inputs are taken for standard."""
        found = [STANDARD]
        for layer in self.layers:
            found.append(layer.signal(found[-1]))
        return tuple(found[:-1])

    @cached_property
    def first(self) -> int:
        """The place of the first layer with weights, which the inputs go into."""
        return next((place for place, layer in enumerate(self.layers) if isinstance(layer, Weighted)), -1)

    def check_start(self) -> None:
        """Raise LayerStartError where an initialiser cannot start from the signal that its layer gets."""
        for place, (layer, shape) in enumerate(self._with_inputs()):
            if isinstance(layer, Weighted):
                fault = layer.start_fault(shape, InputSignal(self.signals[place], place == self.first))
                if fault is not None:
                    raise LayerStartError(layer.name, f"{layer.name}: {fault}")

    def start(
        self,
        seeds: Sequence[int],
        dtype: Any,
        generator: str = "pcg64",
        inputs: Callable[[int], Inputs] | None = None,
    ) -> Array:
        """The initial theta, (R, P), one replica per seed.

        `inputs(replica)` are some training rows, from which starts that depend on the signal take E[x²] and measure
        what theory does not know; without it inputs are taken for standard normal.
        """
        theta = np.empty((len(seeds), self.layout.size), dtype)
        views = self.layout.views(theta)
        draws_of = _legacy(seeds) if generator == "legacy" else partial(StreamDraws, seeds)
        looks = any(isinstance(layer, Weighted) and layer.looks_at_signal for layer in self.layers)
        seen = [inputs(replica) for replica in range(len(seeds))] if looks and inputs is not None else None
        for place, (layer, shape) in enumerate(self._with_inputs()):
            most = max(1, _NUMBERS_AT_ONCE // max(1, sum(spec.size for spec in layer.parameter_specs(shape))))
            for incoming, alike in self._replicas_by_signal(place, seeds, theta, seen):
                for replicas in (alike[first : first + most] for first in range(0, len(alike), most)):
                    for name, values in layer.start(shape, draws_of(layer.name, replicas), incoming).items():
                        views[name][replicas] = values
        return theta

    def _replicas_by_signal(
        self, place: int, seeds: Sequence[int], theta: Array, seen: Sequence[Inputs] | None
    ) -> list[tuple[InputSignal, list[int]]]:
        """The replicas whose layer at `place` gets the same signal, with this signal; a layer may not look at it."""
        layer = self.layers[place]
        if not (isinstance(layer, Weighted) and layer.looks_at_signal):
            return [(InputSignal(), [*range(len(seeds))])]
        found: dict[InputSignal, list[int]] = {}
        shared = seen is None or all(rows is seen[0] for rows in seen)
        is_known = place == self.first or not math.isnan(self.signals[place].second)
        for replica, seed in enumerate(seeds[:1] if shared and is_known else seeds):
            rows = self._standard_inputs if seen is None else seen[replica]
            signal = self._incoming(place, seed, theta[replica : replica + 1], rows)
            found.setdefault(signal, []).append(replica)
        return [*found.items()] if len(found) > 1 else [(next(iter(found)), [*range(len(seeds))])]

    @cached_property
    def _standard_inputs(self) -> Inputs:
        return Inputs(np.random.default_rng(0).standard_normal((256, self.inputs)))

    def _incoming(self, place: int, seed: int, theta: Array, inputs: Inputs) -> InputSignal:
        """What a layer with weights gets: the inputs, what theory knows, or what the layers below give, as started."""
        known = self.signals[place]
        if place == self.first:
            return InputSignal(Moments(math.nan, inputs.second), is_first=True)
        if not math.isnan(known.second):
            return InputSignal(known)
        rows = inputs.few[None].astype(theta.dtype)
        context = PassContext([seed], learns=False)
        below = Pass(self, theta, None, rows.shape[1], context=context).forward_by_layer(rows)
        with np.errstate(all="ignore"):
            given = next(itertools.islice(below, place - 1, None)).astype(np.float64)
        return InputSignal(Moments(float(given.mean()), float(np.square(given).mean()), known.slope))

    def operations(self, batch: int) -> int:
        """Multiplications and additions in the matrix products of one training step of a replica on a batch."""
        pairs = enumerate(self._with_inputs())
        return sum(layer.operations(shape, batch, wants_dx=depth > 0) for depth, (layer, shape) in pairs)

    def workspace(self, batch: int, itemsize: int) -> int:
        """Bytes of one replica's buffers in a training step: the layers', the outputs, and dL/dz of the logits z.

        A batch that goes through in pieces has buffers for a piece, a second gradient, and rows for a short piece.
        """
        rows = self.rows_at_once(batch, trains=True)
        pairs = enumerate(self._with_inputs())
        layers = sum(layer.workspace(shape, rows, itemsize, wants_dx=depth > 0) for depth, (layer, shape) in pairs)
        of_a_piece = layers + rows * (self.widths[-1] + self.outputs) * itemsize
        filled_up = rows * self.inputs if batch % rows else 0
        return of_a_piece + (rows < batch) * (self.layout.size + filled_up) * itemsize


def _given_by(layer: Layer, shape: Shape) -> Shape:
    if layer.needs_image and not is_image(shape):
        found = f"{layer.name} was given {_units(shape)}, expected images of rows × columns × channels"
        raise LayerShapeError(layer.name, found)
    try:
        return layer.output_shape(shape)
    except ValueError as error:
        raise LayerShapeError(layer.name, f"{layer.name} was given {_worded(shape)}: {error}") from error


def _units(shape: Shape) -> str:
    return "1 unit" if units_of(shape) == 1 else f"{units_of(shape)} units"


def _worded(shape: Shape) -> str:
    return f"images of {times(shape)}" if is_image(shape) else _units(shape)


def _legacy(seeds: Sequence[int]) -> Callable[[str, Sequence[int]], DrawsFor]:
    states = [np.random.RandomState(seed) for seed in seeds]

    def of_layer(_layer: str, replicas: Sequence[int]) -> DrawsFor:
        return lambda shape: lambda kind: np.stack([legacy_draws(states[r], shape)(kind) for r in replicas])

    return of_layer


class StreamDraws:
    """The draws of some replicas for a layer, stacked: (R, *shape) standard uniforms or normals.

    Each replica has a stream by its seed and the layer's name: `dense2` starts from the same draws whatever activation
    stands before it. What is drawn later comes from further on in the same stream.
    """

    def __init__(self, seeds: Sequence[int], layer: str, replicas: Sequence[int]) -> None:
        own = [seeds[replica] for replica in replicas]
        self.streams = Streams(own, Purpose.WEIGHTS, zlib.crc32(layer.encode()))
        self.count, self.drawn = len(own), list[tuple[tuple[int, int], str]]()

    def __call__(self, shape: tuple[int, int]) -> Draws:
        """The draws of a matrix."""
        return partial(self._draw, shape)

    def _draw(self, shape: tuple[int, int], kind: str) -> Array:
        values = np.empty((self.count, *shape))
        for replica in range(self.count):
            generator = self.streams[replica]
            for earlier, of_kind in self.drawn:
                draws_from(generator, earlier)(of_kind)
            values[replica] = draws_from(generator, shape)(kind)
        self.drawn.append((shape, kind))
        return values


class Pass:
    """A network bound to one theta and one batch size: forward, loss and gradient, in buffers that are reused.

    x (R or 1, m, inputs) and y (R or 1, m, outputs); theta and gradient (R, P); running statistics (R, Q), fresh ones
    if there are none. Without a gradient the pass only evaluates. Theta may change in place between calls, but must
    stay the same array. `context` says whether the pass trains, and in which step. Where its samples are `part_of` so
    many, the gradient of the loss is that of their share of the mean.

    Where there is one replica, layers work on arrays without the axis of replicas: `_inner` drops it, `outer` puts it
    back. What goes into a pass and comes out of it always has that axis.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        gradient: Array | None,
        batch: int,
        statistics: Array | None = None,
        context: PassContext | None = None,
        part_of: int | None = None,
    ) -> None:
        self.head, self.given, self.given_gradient = network.head.forms(theta.dtype), theta, gradient
        self.theta, self.gradient = self._own(theta), None if gradient is None else self._own(gradient)
        self.copies_theta = self.theta is not theta
        self.has_one_replica, self.context = len(self.theta) == 1, PassContext() if context is None else context
        fills = network.statistics.fills(len(theta), theta.dtype) if statistics is None else statistics
        self.layers = self._bound(network, batch, fills)
        self.from_last = self.layers[:0:-1]  # all but the first, from the last on
        self.a, self.dz = self._room(batch, (network.outputs,)), self._room(batch, (network.widths[-1],))
        self.inner_dz = self._inner(self.dz)
        self.x = self.inner_x = self.inner_z = np.empty(0)  # the arrays that came last: none yet
        self.l1 = network.layout.coefficients("l1", theta.dtype)
        self.l2 = network.layout.coefficients("l2", theta.dtype)
        self.has_scores = network.has_scores
        self.has_penalties = self.l1 is not None or self.l2 is not None
        self.share = np.asarray(1 / (part_of or batch), theta.dtype)

    def _bound(self, network: Network, batch: int, statistics: Array) -> list[BoundLayer]:
        """The layers, each bound to its parameters and to buffers of its own."""
        parameters = self._views(network.layout, self.theta)
        gradients = None if self.gradient is None else self._views(network.layout, self.gradient)
        kept = self._views(network.statistics, statistics)
        bound = []
        for depth, (layer, shape, given) in enumerate(
            zip(network.layers, network.shapes[:-1], network.shapes[1:], strict=True)
        ):
            outputs = self._inner(self._room(batch, given))
            buffers = Buffers(parameters, gradients, kept, outputs, self.context, depth > 0, shape)
            bound.append(self._bind(layer, buffers))
        return bound

    def _own(self, values: Array) -> Array:
        """Theta or its gradient as this pass needs it: the array itself, or room for a copy where it lies otherwise."""
        return values if values.flags.c_contiguous else np.empty(values.shape, values.dtype)

    def _room(self, batch: int, shape: Shape) -> Array:
        """A buffer (R, m, units); images lie in memory samples last."""
        if is_image(shape):
            return memory.empty((len(self.theta), units_of(shape), batch), self.theta.dtype).mT
        return memory.empty((len(self.theta), batch, units_of(shape)), self.theta.dtype)

    def _bind(self, layer: Layer, buffers: Buffers) -> BoundLayer:
        """The layer at work in this pass."""
        return bound_to(layer, buffers)

    def _views(self, layout: Layout, values: Array) -> dict[str, Array]:
        return {name: self._inner(view) for name, view in layout.views(values).items()}

    def _inner(self, values: Array) -> Array:
        """An array as layers see it: without the axis of replicas where there is one of them."""
        return values[0] if self.has_one_replica else values

    def outer(self, values: Array) -> Array:
        """An array of the layers with its axis of replicas: (R, m, units)."""
        return values[None] if self.has_one_replica else values

    def _enter(self, x: Array) -> Array:
        """The inputs as the first layer wants them. Making a view takes time: it is kept while x is the same."""
        self.x, self.inner_x = x, self._inner(x)
        return self.inner_x

    def _begin(self, x: Array) -> Array:
        """Theta and the inputs as the layers want them."""
        if self.copies_theta:
            self.theta[...] = self.given
        return self.inner_x if x is self.x else self._enter(x)

    def forward(self, x: Array) -> Array:
        """The outputs (R, m, K) for x; logits stay in `self.z`."""
        values = self._begin(x) if self.copies_theta or x is not self.x else self.inner_x
        for layer in self.layers:
            values = layer.forward(values)
        if values is not self.inner_z:
            self.inner_z, self.z = values, values[None] if self.has_one_replica else values
        if self.head.outputs is None:
            self.a = self.z
        else:
            self.head.outputs(self.z, self.a)
        return self.a

    @property
    def scores(self) -> Array:
        """What ranks the rows and classes of the batch that went forward last, (R, m, K), in the order of the outputs.

        Where the last activation increases these are its inputs, the logits, since rounded outputs tie: a sigmoid is
        exactly 1 from z = 17 on in float32. Elsewhere they are the outputs themselves.
        """
        if not self.has_scores:
            return self.a
        return self.outer(self.layers[-1].z) if self.head.outputs is None else self.head.sign * self.z

    def intermediates(self) -> list[dict[str, Array]]:
        """What each layer computes on the way to its outputs, by name, (m, units) and the like; of a single replica."""
        return [{name: values.copy() for name, values in layer.intermediates().items()} for layer in self.layers]

    def forward_by_layer(self, x: Array) -> Iterator[Array]:
        """The outputs of each layer in turn, (R, m, units); `forward` must come after it before anything else."""
        values = self._begin(x)
        for layer in self.layers:
            values = layer.forward(values)
            yield self.outer(values)

    def differentiate(self, x: Array, y: Array, *, measured: bool = False) -> Array | None:
        """Write the gradient of the objective for a batch; its mean loss (R,) where that is `measured`."""
        self.forward(x)
        loss = self.loss(y) if measured else None
        self.backward_loss(y)
        if self.has_penalties:
            self.add_penalties(self.gradient)
        return loss

    def loss(self, y: Array) -> Array:
        """The mean loss of the batch that went forward last, (R,), without penalties."""
        return mean_over_samples(self.losses(y))

    def losses(self, y: Array) -> Array:
        """The loss of each sample that went forward last, (R, m)."""
        return self.head.losses(self.z, y)

    def penalty(self) -> Array:
        """The penalties' part of the objective, sum of l1 |w| + l2/2 w² over weights, (R,)."""
        total: Array = np.zeros(len(self.theta), self.theta.dtype)
        for terms in self.penalties(self.theta):
            total += terms.sum(axis=-1)
        return total

    def penalties(self, theta: Any) -> Iterator[Any]:
        """What each parameter adds to the objective by L1 and by L2, (R, P) each."""
        if self.l1 is not None:
            yield self.l1 * np.abs(theta)
        if self.l2 is not None:
            yield self.l2 * theta * theta / 2

    def backward(self, y: Array) -> None:
        """Write the gradient of the objective, loss plus penalties, for the batch that went forward last.

        The head gives each sample's dL/dz; the mean over the m samples of a batch divides it by m.
        """
        self.backward_loss(y)
        self.add_penalties(self.gradient)

    def backward_loss(self, y: Array) -> None:
        """Write the gradient of the loss alone."""
        self.head.gradient(self.z, self.a, y, self.dz)
        np.multiply(self.dz, self.share, self.dz)
        dy = self.inner_dz
        for layer in self.from_last:
            dy = layer.backward(dy, wants_dx=True)  # type: ignore[assignment]
        self.layers[0].backward(dy, wants_dx=False)

    def add_penalties(self, gradient: Any) -> None:
        """Add the gradient of the penalties to that of the loss, (R, P)."""
        theta = self.theta[: len(gradient)]
        if self.l1 is not None:
            gradient += self.l1 * np.sign(theta)
        if self.l2 is not None:
            gradient += self.l2 * theta

    def backward_by_layer(self, y: Array) -> Iterator[Array | None]:
        """dL/dz, (R, m, units), then from the last layer on dL/dx of each, whose own gradient is then written.

        Of the first layer it is None. Penalties are not added.
        """
        self.head.gradient(self.z, self.a, y, self.dz)
        np.multiply(self.dz, self.share, self.dz)
        dy: Array | None = self.inner_dz
        yield self.dz
        for depth in reversed(range(len(self.layers))):
            dy = self.layers[depth].backward(dy, wants_dx=depth > 0)  # type: ignore[arg-type]
            yield None if dy is None else self.outer(dy)

    def adjoints(self, y: Array) -> list[Array]:
        """The loss's derivative by each layer's outputs, from the first layer on, (R, m, units) each."""
        found = [dy.copy() for dy in self.backward_by_layer(y) if dy is not None]
        return found[::-1]


def rows_of(values: Any, replicas: slice) -> Any:
    """The rows of some replicas, from values (R, m, columns), or (1, m, columns) that all replicas share."""
    return values[replicas] if len(values) > 1 else values


def mean_over_samples(losses: Array) -> Array:
    """The mean loss of each replica, (R, m) -> (R,). NumPy's `mean` has the same bits and takes twice as long."""
    mean: Array = losses.sum(axis=-1) / losses.dtype.type(losses.shape[-1])
    return mean
