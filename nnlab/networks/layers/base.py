"""What a layer is: a description that knows shapes, and beside it a bound form that computes.

A description (`Dense`, `Dropout` …) is frozen and holds no numbers. It is given the shape of one sample and tells the
shape it gives, the parameters it needs, how they start, how many operations a step takes and how many bytes its buffers
do. `bind` ties it to views of one theta and its gradient, and to buffers that are allocated once and reused at every
step. The bound form has `forward`, `backward`, and its derivative in forward mode, which the gradient check holds
`backward` against. A kind of layer is such a pair in a file beside this one.

Shapes: a sample is (784,) for a table or (28, 28, 1) for an image of rows, columns and channels. Buffers are flat:
(R, m, units) for R replicas and m samples of a batch, where units is the product of the sample's shape. Where there is
one replica the first axis is left out, (m, units): products of two-axis arrays take a fraction of the call's overhead.
Layers therefore count axes from the end.

The units of an image stand plane by plane, each channel row by row: unit (channel · rows + row) · columns + column. The
buffers of what a layer gives as an image lie in memory samples last, so that their transposes (…, units, m) are
contiguous, and so are the rows of pixels that convolutions and pools work on. `image_view` and `channel_rows` are the
two ways in which layers look at such a buffer.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.initializers import Draws
from nnlab.maths.randomness import Purpose, Streams
from nnlab.maths.signal.normal import NOT_KNOWN, STANDARD, Moments
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]
Shape = tuple[int, ...]
Views = Mapping[str, Array]
DrawsFor = Callable[[tuple[int, int]], Draws]  # standard random numbers of a shape, for each of R replicas


class InputSignal(NamedTuple):
    """What a layer gets: the moments of its inputs, and whether they are those of the network."""

    signal: Moments = STANDARD
    is_first: bool = False


STANDARD_INPUTS = InputSignal()


class PassContext:
    """When a pass takes place, and for which seeds: all that noise may depend on.

    Without seeds the pass evaluates: there is no noise, and normalisation uses its running statistics. `learns` is
    False where running statistics must stay as they are, as in a gradient check. `piece` counts the parts of a batch
    that goes through the network a few samples at a time.
    """

    def __init__(self, seeds: Sequence[int] | None = None, *, learns: bool = True) -> None:
        self.seeds, self.learns, self.step, self.piece = seeds, learns, 0, 0

    @property
    def trains(self) -> bool:
        """Whether this is a training pass."""
        return self.seeds is not None

    def uniforms(self, layer: str, like: Array) -> Array:
        """Uniform numbers in [0, 1) for the units of `like`, in its dtype: each replica's own."""
        return self._drawn(layer, like, lambda numbers, shape: numbers.random(shape, np.float64))

    def normals(self, layer: str, like: Array) -> Array:
        """Standard normal numbers for the units of `like`, in its dtype: each replica's own."""
        return self._drawn(layer, like, lambda numbers, shape: numbers.standard_normal(shape))

    def _drawn(self, layer: str, like: Array, draw: Callable[[np.random.Generator, Shape], Array]) -> Array:
        """(seeds, m, units), which broadcasts against `like`; (m, units) where that has no axis of replicas."""
        assert self.seeds is not None
        place = (zlib.crc32(layer.encode()), self.step, *([self.piece] if self.piece else []))
        streams = Streams(self.seeds, Purpose.NOISE, *place)
        drawn = np.stack([draw(streams[r], like.shape[-2:]) for r in range(len(self.seeds))]).astype(like.dtype)
        return drawn[0] if like.ndim == 2 else drawn


class ReplicaContext(PassContext):
    """A pass of several seeds that takes place for one `replica` at a time, at the step at which the whole is."""

    def __init__(self, whole: PassContext) -> None:
        self.whole, self.learns, self.replica, self.piece = whole, whole.learns, 0, 0

    @property
    def seeds(self) -> Sequence[int] | None:  # type: ignore[override]
        """The seed of the replica."""
        return None if self.whole.seeds is None else self.whole.seeds[self.replica : self.replica + 1]

    @property
    def step(self) -> int:  # type: ignore[override]
        """The step of the whole."""
        return self.whole.step


@dataclass(frozen=True)
class Buffers:
    """What a layer is bound to: views of theta, its gradient (None: no backward pass) and the running statistics.

    `shape` is that of a sample as the layer gets it. Outputs go to `outputs`, (R, m, units) or (m, units). `wants_dx`
    is False for the first layer of a network: nobody wants the derivative by the inputs.
    """

    parameters: Views
    gradients: Views | None
    statistics: Views
    outputs: Array
    context: PassContext
    wants_dx: bool = True
    shape: Shape = ()


class BoundLayer:
    """A layer bound to one theta, one gradient and one batch size. `y` are its outputs; activations keep inputs `z`."""

    y: Array
    z: Array

    def forward(self, x: Array) -> Array:
        """The layer's outputs for x, in a buffer of its own; x must stay as it is until `backward`."""
        raise NotImplementedError

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Write the gradient of the layer's own parameters; return the loss's derivative by x if it is wanted."""
        raise NotImplementedError

    def forward_mode(self) -> ForwardMode:
        """The layer's derivative at the x that went forward last, of one replica, worked out apart from `backward`."""
        raise NotImplementedError

    def curve_at(self, z: Array) -> tuple[Array, Array]:
        """Value and slope of an activation at any z; only layers whose `health` has `dead` have one."""
        raise NotImplementedError

    def intermediates(self) -> dict[str, Array]:
        """What the forward pass computes on the way to the outputs, by name; each (m, units), (m, 1) or (1, units).

        These are of the x that went forward last, and of a single replica.
        """
        return {}

    def kinks(self) -> Array:
        """Where the layer's function has kinks, (kinks, units or 1)."""
        return np.empty((0, 1))

    def typical_kinks(self) -> list[float]:
        """The finite kinks where every unit has the mean of the units' parameters."""
        return []

    def sides(self, _kinks: Array) -> list[Array]:
        """For each kink the side on which each unit stands: -1, 0 or 1. A change of sides makes differences invalid."""
        return []


@dataclass(frozen=True)
class Layer:
    """A layer as described in an experiment: shapes and names, no numbers. `name` is unique, such as `dense1`.

    This one keeps the shape of a sample, and has nothing to learn. `health` names what `nnlab.training.health` measures
    of the layer; `output_name` says what its outputs are, in words; `slope_is_by_complex_step` where its slope is
    itself measured.

    Two attributes of a kind are for images: one that `needs_image` takes nothing else, and one that works
    `over_channels` treats the pixels of an image as samples and its channels as units. A kind that `mixes_samples` in
    training has to see a batch as a whole.
    """

    name: str
    needs_image: ClassVar[bool] = False
    over_channels: ClassVar[bool] = False
    mixes_samples: ClassVar[bool] = False

    @property
    def health(self) -> tuple[str, ...]:
        """The figures that are measured of the layer."""
        return ()

    @property
    def output_name(self) -> str:
        """What the outputs are, in words."""
        return "output"

    @property
    def details(self) -> str:
        """What the layer is set to, in a few words, where its name and its parameters do not say it."""
        return ""

    @property
    def slope_is_by_complex_step(self) -> bool:
        """Whether the slope is measured by a complex step, as that of a plugin without a slope is."""
        return False

    @property
    def increases(self) -> bool:
        """Whether each output grows with its input, so that equal outputs of different inputs are rounding."""
        return False

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of a sample behind the layer; ValueError where the layer cannot take `shape`."""
        return shape

    def parameter_specs(self, _shape: Shape) -> tuple[ParameterSpec, ...]:
        """The parameters it needs in theta."""
        return ()

    def signal(self, _incoming: Moments) -> Moments:
        """The moments of what it gives, where theory knows them, from those of what it gets; see `maths.signal`."""
        return NOT_KNOWN

    def start(self, _shape: Shape, _draws: DrawsFor, _incoming: InputSignal = STANDARD_INPUTS) -> dict[str, Array]:
        """Initial values of its parameters, in float64, each with an axis of R replicas in front or alike for all.

        `draws(shape)` gives standard random numbers, (R, *shape).
        """
        return {}

    def statistic_specs(self, _shape: Shape) -> tuple[ParameterSpec, ...]:
        """The running statistics it keeps beside theta; they start as their `fill` says."""
        return ()

    def needs_two_rows(self, _shape: Shape) -> bool:
        """Whether a training batch of one row means nothing to the layer."""
        return False

    def equations(self, shape: Shape) -> Equations:
        """What it computes of samples of `shape`, and what flows back, as formulas."""
        names = [spec.name.rpartition("/")[2] for spec in self.parameter_specs(shape)]
        function = re.sub(r"\d+$", "", self.name)
        return Equations(f"{function}({{x}})", parameters={name: f"Σ {{dy}} · ∂{{y}}/∂{{{name}}}" for name in names})

    def operations(self, _shape: Shape, _batch: int, *, wants_dx: bool) -> int:  # noqa: ARG002 - the interface's name
        """Multiplications and additions in the matrix products of a training step of one replica."""
        return 0

    def workspace(self, shape: Shape, batch: int, itemsize: int, *, wants_dx: bool) -> int:  # noqa: ARG002 - as above
        """Bytes of the buffers of one replica in a training step: its outputs and as much again on the way back."""
        return 2 * batch * units_of(self.output_shape(shape)) * itemsize

    def bind(self, buffers: Buffers) -> BoundLayer:
        """The layer at work on one theta and one batch size."""
        raise NotImplementedError


def units_of(shape: Shape) -> int:
    """How many numbers a sample has."""
    return math.prod(shape)


def is_image(shape: Shape) -> bool:
    """Whether a sample of this shape has rows, columns and channels."""
    return len(shape) == 3


def features_of(shape: Shape) -> int:
    """How many parameters there are where each unit has its own: the units of a flat sample, or its channels."""
    return shape[-1]


def image_view(values: Array, shape: Shape) -> Array:
    """Images (…, m, units) of this shape as (…, channels, rows, columns, m): always a view."""
    rows, columns, channels = shape
    return values.mT.reshape(*values.shape[:-2], channels, rows, columns, values.shape[-2])


def flat_view(images: Array) -> Array:
    """The inverse of `image_view`: (…, channels, rows, columns, m) as (…, m, units)."""
    *lead, _, _, _, m = images.shape
    return images.reshape(*lead, -1, m).mT


def channel_rows(values: Array, shape: Shape) -> Array:
    """Images (…, m, units) as (…, pixels · m, channels), a row for each pixel of each sample.

    It is a view where samples lie last in memory, else a copy.
    """
    return values.mT.reshape(*values.shape[:-2], shape[-1], -1).mT


class Identity(BoundLayer):
    """A layer that does nothing, as noise and dropout do in an evaluation."""

    def forward(self, x: Array) -> Array:
        """Return x itself."""
        return x

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Return dy itself."""
        return dy if wants_dx else None

    def forward_mode(self) -> ForwardMode:
        """The identity."""
        return ForwardMode()
