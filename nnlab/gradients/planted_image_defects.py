"""Defects in the backward pass of layers of images, each planted in a small network; see `planted_defects`.

Images are (channels, rows, columns, m) here, as `image_view` gives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.gradients.planted_defects import ROWS, Defect, act, dense, drawn, handed_down, handed_in
from nnlab.gradients.point import Plant
from nnlab.networks.layers.augment import Augment
from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import Layer, channel_rows, flat_view, image_view
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.conv2d import Conv2D
from nnlab.networks.layers.flatten import Flatten
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.max_pool import MaxPooling
from nnlab.networks.layers.over_channels import images_of
from nnlab.networks.layers.windows import Padding, Pair, Windows
from nnlab.networks.network import Pass

Array = NDArray[Any]

SHAPE = (6, 5, 2)  # rows, columns and channels, all different


def conv(
    name: str, kernel: Pair = (3, 3), stride: Pair = (1, 1), padding: Padding = "same", filters: int = 2
) -> Conv2D:
    """A convolution whose weights and biases are drawn."""
    initializer, chosen = drawn()
    return Conv2D(name, filters, initializer, chosen, initializer, chosen, windows=Windows(kernel, stride, padding))


def _net(*layers: Layer) -> tuple[Layer, ...]:
    """The layers, and a dense one that gives three classes."""
    return (*layers, dense("dense1", 3))


# --- ways to plant ----------------------------------------------------------------------------------------------------


def afterwards(depth: int, change: Callable[[Any, Array], None]) -> Plant:
    """Let `change(bound layer, dL/dy as images)` spoil what a layer has written."""

    def plant(broken: Pass) -> None:
        bound: Any = broken.layers[depth]
        right = bound.backward

        def backward(dy: Array, *, wants_dx: bool) -> Any:
            images = image_view(dy, bound.given).copy()
            dx = right(dy, wants_dx=wants_dx)
            change(bound, images)
            return dx

        bound.backward = backward

    return plant


def changed(depth: int, change: Callable[[Array], Array]) -> Plant:
    """Let a layer hand down `change(dL/dx as images)`."""

    def plant(broken: Pass) -> None:
        bound: Any = broken.layers[depth]
        right = bound.backward
        bound.backward = lambda dy, *, wants_dx: flat_view(
            change(image_view(right(dy, wants_dx=wants_dx), bound.shape))
        )

    return plant


def instead(depth: int, wrong: Callable[[Any, Array], Array]) -> Plant:
    """Let a layer hand down `wrong(bound layer, dL/dy as images)`."""
    return handed_down(depth, lambda bound, dy: flat_view(wrong(bound, image_view(dy, bound.given))))


def _set(target: Array, values: Any) -> None:
    target[...] = values


# --- convolution ------------------------------------------------------------------------------------------------------


def _with_kernel(change: Callable[[Array], Array]) -> Plant:
    """The second convolution hands down what another kernel would."""

    def wrong(bound: Any, dy: Array) -> Any:
        right, bound.W = bound.W, change(bound.W)
        dx = type(bound).backward(bound, dy, wants_dx=True)
        bound.W = right
        return dx

    return handed_down(2, wrong)


def _dx(bound: Any, d: Array, stride: Pair, above: int) -> Array:
    """dL/dx of a convolution pixel by pixel, under a stride and a margin of some mistake."""
    rows, columns, channels = bound.shape
    dx = np.zeros((channels, rows + 20, columns + 20, d.shape[-1]))
    (_, _), (left, _) = bound.windows.margins(bound.shape)
    for p, q in np.ndindex(*d.shape[1:3]):
        for i, j in np.ndindex(*bound.windows.kernel):
            at = p * stride[0] + i - above + 10, q * stride[1] + j - left + 10
            dx[:, at[0], at[1]] += bound.W[i, j] @ d[:, p, q]
    return dx[:, 10 : 10 + rows, 10 : 10 + columns]


def _dW(bound: Any, d: Array, stride: Pair, above: int) -> Array:
    """dL/dW of a convolution weight by weight, in the same way."""
    (_, _), (left, _) = bound.windows.margins(bound.shape)
    x = np.pad(image_view(bound.x, bound.shape), ((0, 0), (10, 10), (10, 10), (0, 0)))
    dW = np.zeros(bound.W.shape)
    for p, q in np.ndindex(*d.shape[1:3]):
        for i, j in np.ndindex(*bound.windows.kernel):
            dW[i, j] += x[:, p * stride[0] + i - above + 10, q * stride[1] + j - left + 10] @ d[:, p, q].T
    return dW.reshape(-1, d.shape[0])


def _above(bound: Any) -> int:
    above: int = bound.windows.margins(bound.shape)[0][0]
    return above


def _weights_of(change: Callable[[Any, Array], Any]) -> Plant:
    """The first convolution writes `change(bound, dL/dW)`, (kernel rows, kernel columns, channels, filters)."""

    def spoil(bound: Any, _d: Array) -> None:
        bound.dW[...] = np.array(change(bound, bound.dW.reshape(bound.W.shape))).reshape(bound.dW.shape)

    return afterwards(0, spoil)


def _bias_of(change: Callable[[Array], Array]) -> Plant:
    """The first convolution writes as dL/db `change(dL/dy as images)`, (filters,)."""
    return afterwards(0, lambda bound, d: np.copyto(bound.db, change(d)[:, None]))


def _without_last_row(broken: Pass) -> None:
    layer: Any = broken.layers[0]
    layer.groups = [slice(0, layer.given[0] - 1)]


def _without_last_samples(_bound: Any, dy: Array) -> Array:
    kept = dy.copy(order="K")
    kept[ROWS // 2 :] = 0
    return kept


_TWO = _net(conv("conv2d1"), act("tanh"), conv("conv2d2"))
_STRIDED = _net(conv("conv2d1", stride=(2, 1)), act("tanh"), conv("conv2d2", stride=(2, 2)))
_PADDED = _net(conv("conv2d1", padding=(1, 2)), act("tanh"), conv("conv2d2", (2, 3), padding=(2, 1)))


# --- pooling, and what goes over channels -----------------------------------------------------------------------------


def _to_all(bound: Any, d: Array) -> Array:
    """Every entry that is as large as the largest gets dL/dy."""
    return _handed(bound, lambda place: (place == bound.pooled) * d)


def _to_last(bound: Any, d: Array) -> Array:
    """The last entry that is as large as the largest gets dL/dy."""
    left = d.copy()
    dx = np.zeros(image_view(bound.x, bound.shape).shape)
    for place, target in reversed(_pairs(bound, dx)):
        own = (place == bound.pooled) * left
        np.subtract(left, own, out=left)
        np.add(target, own, out=target)
    return dx


def _shared(bound: Any, d: Array) -> Array:
    """Entries that are as large as the largest share dL/dy."""
    equal = sum((place == bound.pooled).astype(float) for place in bound.places)
    return _handed(bound, lambda place: (place == bound.pooled) * d / equal)


def _pairs(bound: Any, dx: Array) -> list[tuple[Array, Array]]:
    """The views of a pool's inputs at each place of a window, and those of dL/dx."""
    (high, wide), (step, stride), (rows, columns, _) = bound.windows.kernel, bound.windows.stride, bound.given
    at = np.ndindex(high, wide)
    views = [dx[:, i::step, j::stride][:, :rows, :columns] for i, j in at]
    return list(zip(bound.places, views, strict=True))


def _handed(bound: Any, share: Callable[[Array], Array], *, adds: bool = True) -> Array:
    """dL/dx of a pool from each place's share of dL/dy."""
    dx = np.zeros(image_view(bound.x, bound.shape).shape)
    for place, target in _pairs(bound, dx):
        target[...] = target * adds + share(place)
    return dx


def _over_samples_alone(bound: Any, dy: Array) -> Array:
    """Batch normalisation of an image with a mean for each pixel."""
    inner, m = bound.inner, len(dy)
    d, hat = (values.reshape(-1, m, SHAPE[-1]) for values in (_rows(dy) * inner.gamma, inner.normalized))
    dx = d - d.mean(axis=1, keepdims=True) - hat * (d * hat).mean(axis=1, keepdims=True)
    return images_of((dx * inner.scale_down).reshape(-1, SHAPE[-1]), m)


def _rows(dy: Array) -> Array:
    return channel_rows(dy, SHAPE)


def _averaged_over_pixels(bound: Any, _d: Array) -> None:
    bound.inner.gradients["alpha"][...] /= SHAPE[0] * SHAPE[1]


def _repeated(bound: Any, dy: Array) -> Array:
    """dL/dy of a global average at each pixel."""
    return np.repeat(dy, bound.ones.shape[-1], axis=-1)


def _copies_not_added(bound: Any, dy: Array) -> Array:
    """A pixel that was copied keeps the derivative of one of its copies alone."""
    d = image_view(dy, SHAPE)
    dx = np.zeros(d.shape)
    for sample, (rows, columns) in enumerate(zip(*bound.sources, strict=True)):
        dx[:, rows[:, None], columns, sample] = d[..., sample]
    return flat_view(dx)


def _in_another_order(bound: Any, dy: Array) -> Array:
    """dL/dx of a dense layer behind images whose channels, not planes, would be flattened."""
    dx: Array = (dy @ bound.W.T).reshape(len(dy), -1, SHAPE[-1])
    return dx.swapaxes(1, 2).reshape(len(dy), -1)


_MAX = _net(conv("conv2d1", (1, 1)), MaxPooling("pool1", Windows((2, 2), (2, 2))))
_OVERLAPPING = _net(conv("conv2d1", (1, 1)), MaxPooling("pool1", Windows((3, 2), (2, 1))))
_AVERAGE = _net(conv("conv2d1", (1, 1)), AveragePooling("pool1", Windows((2, 3), (2, 1))))
_GLOBAL = _net(conv("conv2d1", (1, 1)), act("tanh"), GlobalAveragePooling("pool1"))
_NORMALIZED = _net(conv("conv2d1"), BatchNormalization("norm1", 1e-5, 0.1))
_PRELU = _net(conv("conv2d1"), act("prelu", ("alpha",), per_unit=True))
_SOFTMAX = _net(conv("conv2d1"), act("softmax"))
_AUGMENTED = _net(conv("conv2d1"), Augment("augment1", "both", 2))
_FLAT = _net(conv("conv2d1"), Flatten("flatten1"))

_DEFECTS = (
    Defect("kernel not turned round", _TWO, _with_kernel(lambda W: W[::-1, ::-1])),
    Defect("kernel turned round in its rows alone", _TWO, _with_kernel(lambda W: W[:, ::-1])),
    Defect("kernel's rows for its columns", _TWO, _with_kernel(lambda W: W.swapaxes(0, 1))),
    Defect("channels for filters on the way back", _TWO, _with_kernel(lambda W: W.swapaxes(2, 3))),
    Defect("padding off by one on the way back", _PADDED, instead(2, lambda b, d: _dx(b, d, (1, 1), _above(b) + 1))),
    Defect("padding at the wrong end on the way back", _TWO, changed(2, lambda dx: np.roll(dx, 1, axis=2))),
    Defect("stride forgotten on the way back", _STRIDED, instead(2, lambda b, d: _dx(b, d, (1, 1), _above(b)))),
    Defect("rows' stride for columns on the way back", _STRIDED, instead(2, lambda b, d: _dx(b, d, (2, 1), _above(b)))),
    Defect(
        "padding off by one in the weights' gradient",
        _PADDED,
        afterwards(0, lambda b, d: _set(b.dW, _dW(b, d, (1, 1), _above(b) + 1))),
    ),
    Defect(
        "stride forgotten in the weights' gradient",
        _STRIDED,
        afterwards(0, lambda b, d: _set(b.dW, _dW(b, d, (1, 1), _above(b)))),
    ),
    Defect("weights' gradient with channels for filters", _TWO, _weights_of(lambda _b, dW: dW.swapaxes(2, 3))),
    Defect("weights' gradient with planes in another order", _TWO, _weights_of(lambda _b, dW: dW[..., ::-1])),
    Defect("weights' gradient turned round", _TWO, _weights_of(lambda _b, dW: dW[::-1, ::-1])),
    Defect(
        "weights' gradient averaged over windows, not summed",
        _TWO,
        _weights_of(lambda b, dW: dW / (b.given[0] * b.given[1])),
    ),
    Defect("weights' gradient without the last row of windows", _TWO, _without_last_row),
    Defect("weights' gradient of some samples alone", _TWO, handed_in(0, _without_last_samples)),
    Defect("bias of the first row of pixels alone", _TWO, _bias_of(lambda d: d[:, 0].sum(axis=(1, 2)))),
    Defect("bias averaged over pixels", _TWO, _bias_of(lambda d: d.mean(axis=(1, 2)).sum(axis=-1))),
    Defect("bias with planes in another order", _TWO, _bias_of(lambda d: d.sum(axis=(1, 2, 3))[::-1])),
    Defect("max pool: a tie to all", _MAX, instead(1, _to_all), tied=True),
    Defect("max pool: a tie to the last", _MAX, instead(1, _to_last), tied=True),
    Defect("max pool: a tie shared", _MAX, instead(1, _shared), tied=True),
    Defect("max pool: to the wrong place", _MAX, changed(1, lambda dx: np.roll(dx, 1, axis=2))),
    Defect("max pool: to the whole window", _MAX, instead(1, lambda b, d: _handed(b, lambda _place: d))),
    Defect(
        "max pool: overlapping windows not added",
        _OVERLAPPING,
        instead(1, lambda b, d: _handed(b, lambda place: (place == b.pooled) * d, adds=False)),
    ),
    Defect("average pool not divided", _AVERAGE, changed(1, lambda dx: 6 * dx)),
    Defect(
        "average pool: overlapping windows not added",
        _AVERAGE,
        instead(1, lambda b, d: _handed(b, lambda _place: d / 6, adds=False)),
    ),
    Defect("global average divided twice", _GLOBAL, handed_down(2, lambda b, dy: _repeated(b, dy) * b.share**2)),
    Defect("global average not divided", _GLOBAL, handed_down(2, _repeated)),
    Defect("batch norm of a channel over samples alone", _NORMALIZED, handed_down(1, _over_samples_alone)),
    Defect("learned alpha of a channel averaged over pixels", _PRELU, afterwards(1, _averaged_over_pixels)),
    Defect(
        "diagonal of a channels' softmax alone",
        _SOFTMAX,
        handed_down(1, lambda b, dy: images_of(b.y * (1 - b.y) * _rows(dy), len(dy))),
    ),
    Defect("augmentation not undone", _AUGMENTED, handed_down(1, lambda _b, dy: dy)),
    Defect("augmentation: copies of an edge not added", _AUGMENTED, handed_down(1, _copies_not_added)),
    Defect("flattened channel by channel in each pixel", _FLAT, handed_down(2, _in_another_order)),
)
IMAGE_DEFECTS = tuple(replace(defect, shape=SHAPE) for defect in _DEFECTS)
