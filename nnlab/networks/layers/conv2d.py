"""Convolution: each filter is a weighted sum over a window of the image, and a bias, at every place of the window.

What is called convolution here, as everywhere in this field, is cross-correlation: the kernel is not turned round. For
channel c, filter f, stride (s, t) and margins (above, left), with x = 0 outside the image,

    y[f, p, q] = b[f] + Σ_ijc  x[c, p s + i - above, q t + j - left] W[i, j, c, f]

As a product of matrices: each row of the image is written out once for each column j of the kernel, shifted by j, which
gives U with U[h, (j, c), (q, sample)] = x[c, h - above, q t + j - left]. The kernel rows i = 0, 1 … of the output row p
are the rows p s, p s + 1 … of U, which follow each other in memory: they are one matrix already, (i, j, c) by (q,
sample), whose product with the weights is a row of the output. So the image is copied once for each kernel column, not
once for each weight, and one stacked product gives all rows.

Backwards, with d = dL/dy:

    dL/dW[i, j, c, f] = Σ_p Σ_q,sample  U[p s + i, (j, c), (q, sample)] d[f, p, q]       the same matrices, transposed
    dL/db[f]          = Σ_p,q,sample  d[f, p, q]
    dL/dx[c, h, w]    = Σ_ijf  d[f, (h + above - i)/s, (w + left - j)/t] W[i, j, c, f]   where these are whole places

The last is itself a convolution, of d with s - 1 and t - 1 zeros between its pixels, by the kernel turned round in both
directions; it is computed in the same way. (Dumoulin, Visin 2016, arXiv:1603.07285, chapter 4.)

Sums over windows are products with ones, and all sizes follow from shapes and the batch alone: a replica has the same
bits among others as alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.networks.layers.base import BoundLayer, Buffers, Shape, channel_rows, flat_view, image_view, units_of
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode, in_portions, of_sum, widened
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.layers.windows import Windows, reached

Array = NDArray[Any]

# Products for the weights' gradient, one a row of the output, are kept up to this many bytes before they are added.
_KEPT = 1 << 19


@dataclass(frozen=True)
class Conv2D(Weighted):
    """`width` filters over windows of an image; weights (kernel rows, kernel columns, channels, filters)."""

    needs_image = True
    windows: Windows = field(kw_only=True)

    def output_shape(self, shape: Shape) -> Shape:
        """A channel for each filter, a pixel for each place of the window; ValueError where none fits."""
        return (*self.windows.counts(shape), self.width)

    def weights_shape(self, shape: Shape) -> Shape:
        """(kernel rows, kernel columns, channels, filters)."""
        return (*self.windows.kernel, shape[-1], self.width)

    def fans(self, shape: Shape) -> tuple[int, int]:
        """Kernel times channels, and kernel times filters."""
        rows, columns = self.windows.kernel
        return rows * columns * shape[-1], rows * columns * self.width

    @property
    def details(self) -> str:
        """Its windows."""
        return self.windows.details

    def equations(self, shape: Shape) -> Equations:
        """The sums at the top of this file, over windows and kernels."""
        own = {"weights": "{x} ∗ {dy}", "bias": "Σ {dy}, over all pixels too"}
        where = f"∗: sums over windows of an image, {self.windows.over(shape)}"
        return Equations("{x} ∗ {weights} + {bias}", "{dy} ∗ {weights} turned round by 180°", own, where)

    def operations(self, shape: Shape, batch: int, *, wants_dx: bool) -> int:
        """The products for y and for dL/dW, and that for dL/dx, which has a window for each pixel of the image."""
        kernel = units_of(self.weights_shape(shape))
        places, pixels = (height * width for height, width, _ in (self.output_shape(shape), shape))
        return 2 * batch * kernel * (2 * places + wants_dx * pixels)

    def workspace(self, shape: Shape, batch: int, itemsize: int, *, wants_dx: bool) -> int:
        """Outputs and dL/dx, the image and dL/dy written out for the kernel's columns, dL/dW of some rows."""
        (rows, columns, channels), kernel, stride = shape, self.windows.kernel, self.windows.stride
        high, wide, _ = given = self.output_shape(shape)
        numbers = units_of(given) + ((high - 1) * stride[0] + kernel[0]) * kernel[1] * channels * wide
        if wants_dx:
            numbers += units_of(shape) + (rows + kernel[0] - 1) * kernel[1] * self.width * columns
        size = units_of(self.weights_shape(shape))
        weights = (_rows_at_once(high, size * itemsize) + 1 + wants_dx) * size  # products, their sum, the turned kernel
        return (batch * numbers + weights) * itemsize

    def bind(self, buffers: Buffers) -> BoundLayer:
        """W and b are views of theta, dW and db of its gradient: an update in place is seen at once."""
        return BoundConv2D(self, buffers)


class BoundConv2D(BoundLayer):
    """A convolution at work. Where there are several replicas, arrays have their axis in front."""

    def __init__(self, layer: Conv2D, buffers: Buffers) -> None:
        self.windows, self.shape, self.given = layer.windows, buffers.shape, layer.output_shape(buffers.shape)
        weights, bias = f"{layer.name}/weights", f"{layer.name}/bias"
        self.W, self.b, self.y = buffers.parameters[weights], buffers.parameters[bias][..., None], buffers.outputs
        self.W_transposed = _matrix(self.W).mT[..., None, :, :]
        self.planes, self.rows = channel_rows(self.y, self.given).mT, _rows(image_view(self.y, self.given))
        self.x = self.dy = self.own = np.empty((0, 0), self.y.dtype)  # the arrays that came last: none yet
        if buffers.gradients is not None:
            self.dW, self.db = _matrix(buffers.gradients[weights]), buffers.gradients[bias][..., None]
            self.ones = np.ones((self.planes.shape[-1], 1), self.y.dtype)
            self._room_for_dW()
            self.dx = self._room_for_dx() if buffers.wants_dx else None

    def _room_for_dW(self) -> None:
        """Products of some rows of the output at once, and their sum."""
        *lead, inputs, filters = self.dW.shape
        rows = _rows_at_once(self.given[0], inputs * filters * self.y.itemsize)
        self.groups = [slice(begin, min(begin + rows, self.given[0])) for begin in range(0, self.given[0], rows)]
        self.products = memory.empty((*lead, rows, inputs, filters), self.y.dtype)
        self.sum = memory.empty_like(self.dW)

    def _room_for_dx(self) -> Array:
        """The kernel turned round, dL/dy written out for its columns, and dL/dx."""
        (*lead, high, wide, channels, filters), (height, width, _) = self.W.shape, self.shape
        self.turned = memory.empty((*lead, channels, high, wide, filters), self.y.dtype)
        self.dy_columns = memory.zeros((*lead, height + high - 1, wide, filters, width, self.y.shape[-2]), self.y.dtype)
        dx = memory.empty((*lead, channels, height, width, self.y.shape[-2]), self.y.dtype)
        self.dx_product = (
            self.turned.reshape(*lead, 1, channels, -1),
            _matrices(self.dy_columns, height, 1, high),
            _rows(dx),
        )
        return flat_view(dx)

    def forward(self, x: Array) -> Array:
        """See the module: the image written out for the kernel's columns, then a product for each row of the output."""
        if x is not self.x:
            self._enter(x)
        for target, source in self.entering + self.copies:
            np.copyto(target, source)
        np.matmul(self.W_transposed, self.matrices, self.rows)
        np.add(self.planes, self.b, self.planes)
        return self.y

    def _enter(self, x: Array) -> None:
        """Have the images x in memory samples last; a batch of rows is copied so in each pass, once for all columns."""
        self.x, images = x, image_view(x, self.shape)
        if x.mT.flags.c_contiguous:
            self.entering = []
            self._plan(images)
            return
        if self.own.shape != images.shape:
            self.own = memory.empty(images.shape, images.dtype)
            self._plan(self.own)
        self.entering = [(self.own, images)]

    def _plan(self, images: Array) -> None:
        """Say what is copied where for each column of the kernel, and which matrices it makes."""
        (above, _), (left, _) = self.windows.margins(self.shape)
        (high, wide), (step, stride), (rows, columns, _) = self.windows.kernel, self.windows.stride, self.given
        height = (rows - 1) * step + high
        shape = (*images.shape[:-4], height, wide, self.shape[-1], columns, images.shape[-1])
        written = memory.zeros(shape, images.dtype)
        source_rows, target_rows = reached(self.shape[0], 1, above, height)
        self.copies = []
        for j in range(wide):
            target_columns, source_columns = reached(columns, stride, j - left, self.shape[1])
            target = written[..., target_rows, j, :, target_columns, :]
            self.copies.append((target, images[..., source_rows, source_columns, :].swapaxes(-4, -3)))
        self.matrices = _matrices(written, rows, step, high)

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """See the module."""
        if dy is not self.dy:
            self._enter_backward(dy)
        for group in self.groups:
            self._add_dW(group)
        np.matmul(self.dy_planes, self.ones, self.db)
        if not wants_dx or self.dx is None:
            return None
        np.copyto(self.turned, np.moveaxis(self.W[..., ::-1, ::-1, :, :], -2, -4))
        for target, source in self.dy_copies:
            np.copyto(target, source)
        kernel, matrices, rows = self.dx_product
        np.matmul(kernel, matrices, rows)
        return self.dx

    def _add_dW(self, group: slice) -> None:
        """Add the products of some rows of the output to dL/dW; the first ones are written over what was there."""
        target = self.dW if group.start == 0 else self.sum
        d, rows = self.dy_rows[..., group, :, :].mT, group.stop - group.start
        products = target[..., None, :, :] if rows == 1 else self.products[..., :rows, :, :]
        np.matmul(self.matrices[..., group, :, :], d, products)
        if rows > 1:
            flat = products.reshape(*products.shape[:-2], -1)
            np.matmul(self.ones[:rows].mT, flat, target.reshape(*target.shape[:-2], 1, -1))
        if group.start:
            np.add(self.dW, self.sum, self.dW)

    def _enter_backward(self, dy: Array) -> None:
        """As `_enter`, for dL/dy; where its samples do not lie last it is copied each time."""
        self.dy = dy
        if not dy.mT.flags.c_contiguous:
            self.dy, dy = self.x, np.ascontiguousarray(dy.mT).mT  # self.x: never the same as the next dL/dy
        images = image_view(dy, self.given)
        self.dy_planes, self.dy_rows = channel_rows(dy, self.given).mT, _rows(images)
        if self.dx is not None:
            self.dy_copies = [*self._dy_copies(images)]

    def _dy_copies(self, images: Array) -> Iterator[tuple[Array, Array]]:
        """From dL/dy to where it stands for each column of the turned kernel, with the gaps that the stride leaves."""
        (above, _), (left, _) = self.windows.margins(self.shape)
        (high, wide), (step, stride) = self.windows.kernel, self.windows.stride
        source_rows, target_rows = reached(self.given[0], step, high - 1 - above, self.dy_columns.shape[-5])
        for j in range(wide):
            source_columns, target_columns = reached(self.given[1], stride, wide - 1 - left - j, self.shape[1])
            target = self.dy_columns[..., target_rows, j, :, target_columns, :]
            yield target, images[..., source_rows, source_columns, :].swapaxes(-4, -3)

    def forward_mode(self) -> ForwardMode:
        """The convolution as it is defined."""
        return ConvolutionForwardMode(self)


class ConvolutionForwardMode(ForwardMode):
    """dy by the definition of a convolution, one place (i, j) of the kernel after the other.

    By W_ijcf the output (f, p, q) has as its derivative the pixel that this weight sees, and by b_f it has 1. Images
    are (…, channels, rows, columns), with their margins of zeros: nothing is shared with `backward`.
    """

    def __init__(self, bound: BoundConv2D) -> None:
        self.W, self.windows, self.shape, self.given = bound.W, bound.windows, bound.shape, bound.given
        self.images = self._padded(bound.x)

    def _padded(self, values: Array) -> Array:
        """Flat images (…, units) of any number of channels, with margins."""
        rows, columns, _ = self.shape
        images = values.reshape(*values.shape[:-1], -1, rows, columns)
        return np.pad(images, (*[(0, 0)] * (images.ndim - 2), *self.windows.margins(self.shape)))

    def _seen(self, images: Array, i: int, j: int) -> Array:
        """The view (…, channels, rows, columns) of padded images that a weight at (i, j) sees in each window."""
        (step, stride), (rows, columns, _) = self.windows.stride, self.given
        return images[..., i::step, j::stride][..., :rows, :columns]

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Only the channels count whose pixels move."""
        pixels = self.shape[0] * self.shape[1]
        wide, at = widened(dx, at, pixels)
        images, W = self._padded(wide), self.W[:, :, at.start // pixels : at.stop // pixels]
        dy = np.zeros((*dx.shape[:-1], W.shape[-1], self.given[0] * self.given[1]))
        for i, j in np.ndindex(*self.windows.kernel):
            dy += W[i, j].T @ _flattened(self._seen(images, i, j))
        return dy.reshape(*dx.shape[:-1], -1), slice(0, units_of(self.given))

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """Filter by filter: a weight or bias of one moves its plane alone."""
        filters, places = self.W.shape[-1], self.given[0] * self.given[1]
        for f in range(filters):
            (ours,) = np.nonzero(columns % filters == f)
            for portion in in_portions(ours, most):
                chosen = columns[ours[portion]] // filters
                dy = np.ones((len(chosen), len(self.images), places)) if parameter == "bias" else self._pixels(chosen)
                yield ours[portion], dy, slice(f * places, (f + 1) * places)

    def _pixels(self, inputs: Array) -> Array:
        """What some inputs of a filter see in each window, (inputs, m, windows)."""
        *at, channels = np.unravel_index(inputs, self.W.shape[:-1])
        seen = [self._seen(self.images[:, c], i, j) for i, j, c in zip(*at, channels, strict=True)]
        return np.stack(seen).reshape(len(seen), len(self.images), -1)

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """Sums over samples, windows and the pixels of a kernel are bounded one by one, sums over filters as roots.

        Pixels of a plain background have all the same value, and so the same error.
        """
        m, filters, kernel = len(dy), self.W.shape[-1], self.windows.kernel
        size, error = (np.abs(values).reshape(m, filters, -1) for values in (dy, np.broadcast_to(error, dy.shape)))
        by_samples = error + of_sum(m * size.shape[-1]) * size
        by_filters = error + of_sum(filters * units_of(kernel)) * size
        largest = by_filters.max(initial=0.0) or 1.0  # its square could overflow
        squares, padded = np.square(by_filters / largest), np.zeros_like(self.images)
        weights = np.empty_like(self.W)
        for i, j in np.ndindex(*kernel):
            seen = np.abs(_flattened(self._seen(self.images, i, j)))
            weights[i, j] = np.einsum("mcp,mfp->cf", seen, by_samples, optimize=True)
            target = self._seen(padded, i, j)
            target += np.sqrt(np.square(self.W[i, j]) @ squares).reshape(target.shape)
        (above, _), (left, _) = self.windows.margins(self.shape)
        inside = padded[..., above : above + self.shape[0], left : left + self.shape[1]]
        return {"weights": weights, "bias": by_samples.sum(axis=(0, 2))}, largest * inside.reshape(m, -1)


def _flattened(images: Array) -> Array:
    """(…, rows, columns) as (…, pixels)."""
    return images.reshape(*images.shape[:-2], -1)


def _rows_at_once(rows: int, size: int) -> int:
    """How many rows of the output give a product of `size` bytes for the weights' gradient before these are added."""
    return min(rows, max(1, _KEPT // size))


def _matrix(weights: Array) -> Array:
    """(…, kernel rows, kernel columns, channels, filters) as (…, inputs of a filter, filters)."""
    return weights.reshape(*weights.shape[:-4], -1, weights.shape[-1])


def _rows(images: Array) -> Array:
    """(…, channels, rows, columns, m) as (…, rows, channels, columns · m), a view where samples lie last."""
    turned = images.swapaxes(-4, -3)
    return turned.reshape(*turned.shape[:-2], -1)


def _matrices(written: Array, count: int, step: int, high: int) -> Array:
    """The overlapping matrices (…, count, inputs of a filter, columns · m) in what is written out for each column."""
    *lead, _, wide, channels, columns, m = written.shape
    *outer, row, _, _, _, item = written.strides
    shape = (*lead, count, high * wide * channels, columns * m)
    return as_strided(written, shape, (*outer, step * row, columns * m * item, item))
