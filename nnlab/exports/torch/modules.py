"""Every kind of layer, and every activation that PyTorch has, as modules of an `nn.Sequential`.

Samples are (N, units), or (N, channels, rows, columns) where they are images. A module's tensors have PyTorch's names
and shapes; in the Sequential its number stands before them: `0.weight`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError
from nnlab.exports.layer_numbers import LayerNumbers, channels_first, layers_of
from nnlab.maths.functions import curves, rows, sigmoids
from nnlab.maths.losses import classes, numbers
from nnlab.networks.layers.augment import Augment
from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import Layer, is_image
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
from nnlab.setup.model import Model

Array = NDArray[Any]


@dataclass(frozen=True)
class TorchModule:
    """A module as Python code, what it is, and its tensors by PyTorch's names."""

    code: str
    about: str
    tensors: Mapping[str, Array] = field(default_factory=dict)


_FLATTEN = "nn.Flatten()"


def _dense(given: LayerNumbers) -> Iterator[TorchModule]:
    """Weights (inputs, units) become (units, inputs)."""
    if is_image(given.shape):
        yield TorchModule(_FLATTEN, "plane by plane")
    weights = given.arrays["weights"]
    inputs, units = weights.shape
    tensors = {"weight": weights.T, "bias": given.arrays["bias"]}
    yield TorchModule(f"nn.Linear({inputs}, {units})", given.name, tensors)


def _conv2d(given: LayerNumbers) -> Iterator[TorchModule]:
    """Weights (rows, columns, channels, filters) become (filters, channels, rows, columns)."""
    windows, weights = given.layer.windows, given.arrays["weights"]
    (above, below), (left, right) = windows.margins(given.shape)
    padding = f", padding={(above, left)}" if above or left else ""
    if (above, left) != (below, right):
        yield TorchModule(f"nn.ZeroPad2d({(left, right, above, below)})", f"the margins of {given.name}")
        padding = ""
    *_, channels, filters = weights.shape
    sizes = f"kernel_size={windows.kernel}, stride={windows.stride}{padding}"
    tensors = {"weight": weights.transpose(3, 2, 0, 1), "bias": given.arrays["bias"]}
    yield TorchModule(f"nn.Conv2d({channels}, {filters}, {sizes})", given.name, tensors)


def _pooled(kind: str) -> Callable[[LayerNumbers], Iterator[TorchModule]]:
    def modules(given: LayerNumbers) -> Iterator[TorchModule]:
        windows = given.layer.windows
        yield TorchModule(f"nn.{kind}({windows.kernel}, stride={windows.stride})", given.name)

    return modules


def _global_mean(given: LayerNumbers) -> Iterator[TorchModule]:
    yield TorchModule("nn.AdaptiveAvgPool2d(1)", given.name)
    yield TorchModule(_FLATTEN, "a number for each channel")


def _flatten(given: LayerNumbers) -> Iterator[TorchModule]:
    yield TorchModule(_FLATTEN, f"{given.name}, plane by plane")


def _batch_norm(given: LayerNumbers) -> Iterator[TorchModule]:
    arrays, layer = given.arrays, given.layer
    names = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
    kind = "BatchNorm2d" if is_image(given.shape) else "BatchNorm1d"
    code = f"nn.{kind}({len(arrays['gamma'])}, eps={layer.epsilon!r}, momentum={layer.momentum!r})"
    yield TorchModule(code, given.name, {torch: arrays[name] for name, torch in names.items()})


def _layer_norm(given: LayerNumbers) -> Iterator[TorchModule]:
    shape = channels_first(given.shape)
    tensors = {"weight": given.arrays["gamma"].reshape(shape), "bias": given.arrays["beta"].reshape(shape)}
    yield TorchModule(f"nn.LayerNorm({[*shape]}, eps={given.layer.epsilon!r})", given.name, tensors)


def _dropout(given: LayerNumbers) -> Iterator[TorchModule]:
    yield TorchModule(f"nn.Dropout({given.layer.rate!r})", given.name)


def _in_training_only(given: LayerNumbers) -> Iterator[TorchModule]:
    yield TorchModule("nn.Identity()", f"{given.name}, in training only: {given.layer.details}")


def _elementwise(given: LayerNumbers) -> Iterator[TorchModule]:
    layer, name = given.layer, given.layer.activation.name
    given.refuse_plugin()
    if (name, layer.learned) in (("prelu", ("alpha",)), ("leaky_relu", ("negative_slope",))):
        slopes = given.arrays[layer.learned[0]]
        yield TorchModule(f"nn.PReLU({len(slopes)})", given.name, {"weight": slopes})
        return
    if layer.learned:
        raise _lacking(given, f"{name} with a learned {layer.learned[0]}")
    code = ELEMENTWISE[name](**layer.chosen) if name in ELEMENTWISE else None
    if code is None:
        raise _lacking(given, " ".join(filter(None, [name, layer.details])))
    yield TorchModule(code, given.name)


def _rowwise(given: LayerNumbers) -> Iterator[TorchModule]:
    given.refuse_plugin()
    name = given.layer.activation.name
    if name not in ROWWISE:
        raise _lacking(given, name)
    yield TorchModule(ROWWISE[name], given.name)


def _lacking(given: LayerNumbers, what: str) -> ConfigError:
    found = f"{given.name}: found {what}, of which PyTorch has no module"
    return ConfigError(f"{found}; expected an ONNX file, or --layout nnlab")


def _relu(negative_slope: float, max_value: float, threshold: float) -> str | None:
    if threshold != 0 or (negative_slope != 0 and max_value != math.inf):
        return None
    if max_value != math.inf:
        return f"nn.Hardtanh(0.0, {max_value!r})"
    return f"nn.LeakyReLU({negative_slope!r})" if negative_slope else "nn.ReLU()"


# Softplus is a straight line beyond 40, where float64 knows no difference; PyTorch's own limit of 20 is for float32.
ELEMENTWISE: dict[str, Callable[..., str | None]] = {
    "sigmoid": lambda: "nn.Sigmoid()",
    "hard_sigmoid": lambda: "nn.Hardsigmoid()",
    "log_sigmoid": lambda: "nn.LogSigmoid()",
    "tanh": lambda: "nn.Tanh()",
    "hard_tanh": lambda: "nn.Hardtanh()",
    "tanh_shrink": lambda: "nn.Tanhshrink()",
    "relu": _relu,
    "relu6": lambda: "nn.ReLU6()",
    "leaky_relu": lambda negative_slope: f"nn.LeakyReLU({negative_slope!r})",
    "prelu": lambda alpha: f"nn.LeakyReLU({alpha!r})",
    "rrelu": lambda lower, upper: f"nn.RReLU({lower!r}, {upper!r})",
    "threshold": lambda threshold, value: f"nn.Threshold({threshold!r}, {value!r})",
    "elu": lambda alpha: f"nn.ELU({alpha!r})",
    "selu": lambda: "nn.SELU()",
    "celu": lambda alpha: f"nn.CELU({alpha!r})",
    "gelu": lambda: "nn.GELU()",
    "gelu_tanh": lambda: 'nn.GELU(approximate="tanh")',
    "silu": lambda: "nn.SiLU()",
    "swish": lambda beta: "nn.SiLU()" if beta == 1 else None,
    "hard_silu": lambda: "nn.Hardswish()",
    "mish": lambda: "nn.Mish()",
    "softplus": lambda beta: f"nn.Softplus(beta={beta!r}, threshold=40)",
    "softsign": lambda: "nn.Softsign()",
    "soft_shrink": lambda threshold: f"nn.Softshrink({threshold!r})",
    "hard_shrink": lambda threshold: f"nn.Hardshrink({threshold!r})",
}
ROWWISE = {
    "softmax": "nn.Softmax(dim=1)",
    "softmin": "nn.Softmin(dim=1)",
    "log_softmax": "nn.LogSoftmax(dim=1)",
    "glu": "nn.GLU(dim=1)",
}

MODULES: dict[type[Layer], Callable[[LayerNumbers], Iterator[TorchModule]]] = {
    Dense: _dense,
    Conv2D: _conv2d,
    MaxPooling: _pooled("MaxPool2d"),
    AveragePooling: _pooled("AvgPool2d"),
    GlobalAveragePooling: _global_mean,
    Flatten: _flatten,
    BatchNormalization: _batch_norm,
    LayerNormalization: _layer_norm,
    Elementwise: _elementwise,
    Rowwise: _rowwise,
    Dropout: _dropout,
    Noise: _in_training_only,
    Augment: _in_training_only,
}

# What the head makes of the logits, by its function: a module, or "" where `FINISHES` says the rest.
HEADS: dict[Any, str] = {
    None: "",
    sigmoids.sigmoid: "nn.Sigmoid()",
    classes.textbook_sigmoid: "nn.Sigmoid()",
    rows.softmax: ROWWISE["softmax"],
    rows.softmin: ROWWISE["softmin"],
    curves.exponential: "",
    numbers.mean_of: "",
}
FINISHES: dict[Any, str] = {
    curves.exponential: "outputs = torch.exp(outputs)",
    numbers.mean_of: "outputs = outputs[:, :{outputs}]  # means; logarithms of variances follow",
}


def modules_of(model: Model) -> list[TorchModule]:
    """The modules of a network's Sequential, which takes scaled inputs. ConfigError for what PyTorch has not."""
    network = model.network
    found = [module for given in layers_of(model) for module in _modules(given)]
    if is_image(network.shapes[-1]):
        found.append(TorchModule(_FLATTEN, "plane by plane"))
    if network.head.outputs not in HEADS:
        raise ConfigError("found a head that nnlab has no form of in PyTorch, expected another loss")
    head = HEADS[network.head.outputs]
    return [*found, *([TorchModule(head, "the head")] if head else [])]


def _modules(given: LayerNumbers) -> Iterator[TorchModule]:
    if type(given.layer) not in MODULES:
        raise given.lacking("PyTorch")
    return MODULES[type(given.layer)](given)


def torch_tensors(modules: list[TorchModule]) -> dict[str, Array]:
    """The tensors of the Sequential by their names."""
    return {
        f"{number}.{name}": np.ascontiguousarray(array)
        for number, module in enumerate(modules)
        for name, array in module.tensors.items()
    }
