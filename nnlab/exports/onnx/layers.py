"""Every kind of layer in ONNX operators, and the head.

A tensor is (N, units), or (N, channels, rows, columns) where a sample is an image: the units of an image stand plane by
plane, so that both are the same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError
from nnlab.exports.layer_numbers import LayerNumbers, channels_first, layers_of
from nnlab.exports.onnx.activations import ELEMENTWISE, ROWWISE, Parameter, exp, sigmoid, sqrt, square
from nnlab.exports.onnx.formulas import formula
from nnlab.exports.onnx.graph import Tensor, over, reshaped, unary, whole
from nnlab.maths.expressions import FormulaError
from nnlab.maths.functions import curves, rows, sigmoids
from nnlab.maths.losses import classes, numbers
from nnlab.networks.layers.augment import Augment
from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import Layer, Shape, is_image
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.conv2d import Conv2D
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.flatten import Flatten
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.max_pool import MaxPooling
from nnlab.networks.layers.noise import Noise
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layers.windows import Windows
from nnlab.setup.model import Model

Array = NDArray[Any]


def stored(x: Tensor, given: LayerNumbers, name: str, *axes: int) -> Tensor:
    """A tensor of the layer; `axes` as in `numpy.transpose`."""
    array = given.arrays[name].transpose(axes) if axes else given.arrays[name]
    return x.graph.stored(f"{given.name}/{name}", np.ascontiguousarray(array))


def by_unit(x: Tensor, given: LayerNumbers, name: str) -> Tensor:
    """A tensor (units,), or (channels, 1, 1) beside images, which broadcasts against x."""
    array = given.arrays[name]
    return x.graph.stored(f"{given.name}/{name}", array.reshape(-1, 1, 1) if is_image(given.shape) else array)


def flat(x: Tensor, shape: Shape) -> Tensor:
    """(N, units), whatever the shape of a sample is."""
    return unary("Flatten", axis=1)(x) if is_image(shape) else x


def as_images(x: Tensor, shape: Shape) -> Tensor:
    """Flat samples as images, if that is what they are."""
    return reshaped(x, *channels_first(shape)) if is_image(shape) else x


def _dense(x: Tensor, given: LayerNumbers) -> Tensor:
    return x.graph.op("Gemm", flat(x, given.shape), stored(x, given, "weights"), stored(x, given, "bias"))


def _conv2d(x: Tensor, given: LayerNumbers) -> Tensor:
    """Weights (rows, columns, channels, filters) become (filters, channels, rows, columns)."""
    (above, below), (left, right) = given.layer.windows.margins(given.shape)
    weights = stored(x, given, "weights", 3, 2, 0, 1)
    pads = [above, left, below, right]
    return x.graph.op("Conv", x, weights, stored(x, given, "bias"), pads=pads, **_sizes(given.layer.windows))


def _sizes(windows: Windows) -> dict[str, Any]:
    return {"kernel_shape": [*windows.kernel], "strides": [*windows.stride]}


def _pooled(kind: str) -> Any:
    return lambda x, given: x.graph.op(kind, x, **_sizes(given.layer.windows))


def _global_mean(x: Tensor, _given: LayerNumbers) -> Tensor:
    return x.graph.op("ReduceMean", x, whole(x.graph, 2, 3), keepdims=0)


def _batch_norm(x: Tensor, given: LayerNumbers) -> Tensor:
    """By the running statistics. ε is added to the variance here: as an attribute it would be a float32."""
    names = ("gamma", "beta", "mean")
    variance = x.graph.stored(f"{given.name}/variance+epsilon", given.arrays["variance"] + given.layer.epsilon)
    numbers = [stored(x, given, name) for name in names]
    return x.graph.op("BatchNormalization", x, *numbers, variance, epsilon=0.0)


def _layer_norm(x: Tensor, given: LayerNumbers) -> Tensor:
    """Over all units of a sample; of an image over its channels, rows and columns."""
    values = flat(x, given.shape)
    centred = values - over("ReduceMean", values, 1)
    normalized = centred / sqrt(over("ReduceMean", square(centred), 1) + given.layer.epsilon)
    scaled = normalized * stored(x, given, "gamma") + stored(x, given, "beta")
    return as_images(scaled, given.shape)


def _elementwise(x: Tensor, given: LayerNumbers) -> Tensor:
    """By its entry of ELEMENTWISE; a formula, and an activation without an entry, by what its formula says."""
    given.refuse_plugin()
    layer, activation = given.layer, given.layer.activation
    fixed = {name: float(value) for name, value in layer.chosen.items() if name not in layer.learned}
    parameters: dict[str, Parameter] = {**fixed, **{name: by_unit(x, given, name) for name in layer.learned}}
    if activation.name in ELEMENTWISE:
        return ELEMENTWISE[activation.name](x, **parameters)
    try:
        return formula(x, activation.formula, parameters)
    except FormulaError as error:
        raise given.lacking("ONNX") from error


def _rowwise(x: Tensor, given: LayerNumbers) -> Tensor:
    given.refuse_plugin()
    if given.layer.activation.name not in ROWWISE:
        raise given.lacking("ONNX")
    return ROWWISE[given.layer.activation.name](x, channels_first(given.shape), **given.layer.chosen)


def _unchanged(x: Tensor, _given: LayerNumbers) -> Tensor:
    """What draws random numbers in training lets all through afterwards."""
    return x


LAYERS: dict[type[Layer], Callable[[Tensor, LayerNumbers], Tensor]] = {
    Dense: _dense,
    Conv2D: _conv2d,
    MaxPooling: _pooled("MaxPool"),
    AveragePooling: _pooled("AveragePool"),
    GlobalAveragePooling: _global_mean,
    Flatten: lambda x, given: flat(x, given.shape),
    BatchNormalization: _batch_norm,
    LayerNormalization: _layer_norm,
    Elementwise: _elementwise,
    Rowwise: _rowwise,
    Dropout: _unchanged,
    Noise: _unchanged,
    Augment: _unchanged,
}

# What the head makes of the logits, by its function; None where the last layer gives the outputs.
HEADS: dict[Any, Callable[[Tensor, int], Tensor]] = {
    None: lambda z, _outputs: z,
    sigmoids.sigmoid: lambda z, _outputs: sigmoid(z),
    classes.textbook_sigmoid: lambda z, _outputs: sigmoid(z),
    rows.softmax: lambda z, _outputs: ROWWISE["softmax"](z, ()),
    rows.softmin: lambda z, _outputs: ROWWISE["softmin"](z, ()),
    curves.exponential: lambda z, _outputs: exp(z),
    numbers.mean_of: lambda z, outputs: z.graph.op("Slice", z, *(whole(z.graph, at) for at in (0, outputs, 1))),
}


def outputs_of(x: Tensor, model: Model) -> Tensor:
    """The outputs (N, K) of a network for scaled inputs (N, inputs); ConfigError for what ONNX cannot express."""
    network = model.network
    x = as_images(x, network.shape)
    for given in layers_of(model):
        if type(given.layer) not in LAYERS:
            raise given.lacking("ONNX")
        with x.graph.within(given.name):
            x = LAYERS[type(given.layer)](x, given)
    if network.head.outputs not in HEADS:
        raise ConfigError("found a head that nnlab has no form of in ONNX, expected another loss")
    with x.graph.within("head"):
        return HEADS[network.head.outputs](flat(x, network.shapes[-1]), network.outputs)
