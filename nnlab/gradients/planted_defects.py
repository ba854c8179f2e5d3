"""Defects as people make them, each with a small network in whose backward pass it is planted.

A plant breaks a `Pass` that is to be checked, by putting something else in the place of a method, as a mistake in the
code would; the forward pass and both oracles stay as they are. `self_test` sees that each is caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.gradients.point import Plant
from nnlab.maths.activations import ACTIVATIONS, Activation, RowActivation
from nnlab.maths.initializers import INITIALIZERS, Initializer
from nnlab.maths.losses import FUSED, Head, unfused
from nnlab.maths.parameters import Value, resolved
from nnlab.networks.layers.base import Layer, Shape
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layout import Penalties
from nnlab.networks.network import Pass

Array = NDArray[Any]

INPUTS, ROWS = 4, 6
_DRAWN = INITIALIZERS["normal"], {"mean": 0.0, "std": 0.5}


def drawn() -> tuple[Initializer, dict[str, Value]]:
    """How weights and biases start."""
    return _DRAWN[0], resolved(_DRAWN[0], _DRAWN[1])


def dense(name: str, width: int, penalties: Penalties | None = None) -> Dense:
    """A dense layer whose weights and biases are drawn."""
    return Dense(name, width, *drawn(), *drawn(), penalties or Penalties())


def act(name: str, learned: tuple[str, ...] = (), *, per_unit: bool = False) -> Layer:
    """An activation of the catalogue with its defaults."""
    entry = ACTIVATIONS[name]
    chosen = resolved(entry, {})
    if isinstance(entry, RowActivation):
        return Rowwise(f"{name}1", entry, chosen)
    assert isinstance(entry, Activation)
    return Elementwise(f"{name}1", entry, chosen, learned, per_unit)


_CLASSES, _SQUARES = FUSED["softmax", "cross_entropy"], unfused("mse")


@dataclass(frozen=True)
class Defect:
    """One kind of mistake, the network that can show it, and how it is planted.

    `on_kink` puts the first sample's units exactly on the kink of their activation; `tied` sets the first weights to 0,
    so that all entries of a window are equal. `shape` is that of a sample.
    """

    name: str
    layers: tuple[Layer, ...]
    plant: Plant
    head: Head = field(default_factory=lambda: _CLASSES)
    on_kink: bool = False
    tied: bool = False
    shape: Shape = (INPUTS,)


# --- ways to plant ----------------------------------------------------------------------------------------------------


def afterwards(change: Callable[[Pass], None]) -> Plant:
    """Let `change` spoil the gradient when the backward pass is done."""

    def plant(broken: Pass) -> None:
        right = broken.backward

        def backward(y: Array) -> None:
            right(y)
            change(broken)

        broken.backward = backward  # type: ignore[method-assign]

    return plant


def handed_down(depth: int, wrong: Callable[[Any, Array], Any]) -> Plant:
    """Let `wrong(bound layer, dy)` be what a layer hands down, after it has written its own gradient rightly."""

    def plant(broken: Pass) -> None:
        bound: Any = broken.layers[depth]
        right = bound.backward

        def backward(dy: Array, *, wants_dx: bool) -> Any:
            given = dy.copy()
            right(dy, wants_dx=wants_dx)
            return wrong(bound, given) if wants_dx else None

        bound.backward = backward

    return plant


def handed_in(depth: int, wrong: Callable[[Any, Array], Array]) -> Plant:
    """Let the layer work with `wrong(bound layer, dy)` in the place of dy."""

    def plant(broken: Pass) -> None:
        bound: Any = broken.layers[depth]
        right = bound.backward
        bound.backward = lambda dy, *, wants_dx: right(wrong(bound, dy), wants_dx=wants_dx)

    return plant


def at_kinks(value: float) -> Plant:
    """Another slope where z is 0."""

    def plant(broken: Pass) -> None:
        bound: Any = broken.layers[1]
        right = bound.slope

        def slope(z: Any, a: Any, out: Any, **chosen: Any) -> None:
            right(z, a, out, **chosen)
            np.copyto(out, value, where=z == 0)

        bound.slope = slope

    return plant


def first(broken: Pass) -> Any:
    """The first dense layer, bound."""
    return broken.layers[0]


def second(broken: Pass) -> Any:
    """What stands behind it, bound."""
    return broken.layers[1]


def _set(target: Array, values: Any) -> None:
    target[...] = values


def _without_term(term: str) -> Callable[[Any, Array], Array]:
    """The backward pass of a normalisation with one of its terms forgotten."""

    def wrong(bound: Any, dy: Array) -> Array:
        axis = -2 if isinstance(bound.layer, BatchNormalization) else -1
        d = dy if term == "gamma" else dy * bound.gamma
        by_mean = 0.0 if term == "mean" else d.mean(axis=axis, keepdims=True)
        by_size = 0.0 if term == "variance" else (d * bound.normalized).mean(axis=axis, keepdims=True)
        result: Array = (d - by_mean - bound.normalized * by_size) * bound.scale_down
        return result

    return wrong


def _short_batch(broken: Pass) -> None:
    broken.share = np.array(1 / (ROWS + 2))


def _no_mean(broken: Pass) -> None:
    broken.share = np.array(1.0)


def _no_penalty(broken: Pass) -> None:
    broken.add_penalties = lambda gradient: None  # type: ignore[method-assign]  # noqa: ARG005 - the method's name


def _summed_outputs(broken: Pass) -> None:
    right = broken.head.gradient

    def gradient(z: Array, a: Array, y: Array, out: Array) -> None:
        right(z, a, y, out)
        out *= y.shape[-1]

    broken.head = replace(broken.head, gradient=gradient)


def _accumulated(broken: Pass) -> None:
    first(broken).dW += 0.5 * first(broken).dW[::-1]


def _stale(broken: Pass) -> None:
    layer = first(broken)
    earlier = np.random.default_rng(1).normal(size=layer.x.shape)
    layer.dW[...] = earlier.mT @ _coming_in(broken)


def _coming_in(broken: Pass) -> Array:
    """dL/dy of the first layer, from its weights' gradient."""
    layer = first(broken)
    found: Array = np.linalg.pinv(layer.x.mT) @ layer.dW
    return found


def _swapped(broken: Pass) -> None:
    one, other = first(broken).dW, broken.layers[2].dW  # type: ignore[attr-defined]
    one[...], other[...] = other.copy(), one.copy()


def _one_sample(bound: Any, dy: Array) -> Any:
    bound.gradients["alpha"][...] = (np.minimum(bound.z, 0) * dy)[:1].sum()
    return np.where(bound.z > 0, dy, bound.parameters["alpha"] * dy)


def _averaged(bound: Any, dy: Array) -> Any:
    bound.gradients["alpha"][...] /= len(dy)
    return np.where(bound.z > 0, dy, bound.parameters["alpha"] * dy)


_PENALISED = Penalties(l1=0.01, l2=0.1)


def _net(*between: Layer, width: int = 4, penalties: Penalties | None = None) -> tuple[Layer, ...]:
    """Dense, what stands between, dense."""
    return (dense("dense1", width, penalties), *between, dense("dense2", 3, penalties))


def _deep(name: str) -> tuple[Layer, ...]:
    return (dense("dense1", 4), act(name), dense("dense2", 4), replace(act(name), name=f"{name}2"), dense("dense3", 3))


_TANH, _RELU = _net(act("tanh")), _net(act("relu"))
_DECAYED = _net(act("tanh"), penalties=_PENALISED)
_PRELU = _net(act("prelu", ("alpha",)))

DEFECTS = (
    Defect("wrong slope", _TANH, handed_down(1, lambda b, dy: (1 - b.y) * dy)),
    Defect("slope of the activation, not of its input", _net(act("silu")), handed_down(1, lambda b, dy: b.y * dy)),
    Defect("slope off by a factor of 1 + 1e-8", _TANH, handed_down(1, lambda b, dy: (1 + 1e-8) * (1 - b.y**2) * dy)),
    Defect(
        "slope of the wrong side",
        _net(act("leaky_relu")),
        handed_down(1, lambda b, dy: np.where(b.z < 0, dy, 0.01 * dy)),
    ),
    Defect(
        "slope of another layer",
        _deep("tanh"),
        lambda broken: handed_down(3, lambda _b, dy: (1 - second(broken).y ** 2) * dy)(broken),
    ),
    Defect("missing 1/m", _TANH, _no_mean),
    Defect("batch size of the full batch for the short last one", _TANH, _short_batch),
    Defect("sum instead of mean over outputs", _TANH, _summed_outputs, _SQUARES),
    Defect("missing transpose of a square layer", _deep("tanh"), handed_down(2, lambda b, dy: dy @ b.W)),
    Defect("bias summed twice", _TANH, afterwards(lambda t: _set(first(t).db, 2 * first(t).db))),
    Defect("bias forgotten", _TANH, afterwards(lambda t: _set(first(t).db, 0))),
    Defect("bias averaged instead of summed", _TANH, afterwards(lambda t: _set(first(t).db, first(t).db / ROWS))),
    Defect("stale cache: inputs of the previous batch", _TANH, afterwards(_stale)),
    Defect("dropped regulariser", _DECAYED, _no_penalty),
    Defect("regulariser on biases", _DECAYED, afterwards(lambda t: _set(first(t).db, first(t).db + 0.1 * first(t).b))),
    Defect(
        "L1 with the wrong sign",
        _DECAYED,
        afterwards(lambda t: _set(first(t).dW, first(t).dW - 0.02 * np.sign(first(t).W))),
    ),
    Defect("L2 without its half", _DECAYED, afterwards(lambda t: _set(first(t).dW, first(t).dW + 0.1 * first(t).W))),
    Defect("sign flipped", _TANH, afterwards(lambda t: _set(t.gradient, -t.gradient))),  # type: ignore[arg-type, operator]
    Defect("off by one unit", _TANH, afterwards(lambda t: _set(first(t).dW, np.roll(first(t).dW, 1, axis=-1)))),
    Defect(
        "one entry wrong by 1e-9",
        _TANH,
        afterwards(lambda t: _set(first(t).dW[1, 2:3], first(t).dW[1, 2] * (1 + 1e-9))),
    ),
    Defect(
        "float32 leak in the gradient", _TANH, afterwards(lambda t: _set(first(t).dW, first(t).dW.astype(np.float32)))
    ),
    Defect("float32 leak between layers", _TANH, handed_in(1, lambda _b, dy: dy.astype(np.float32).astype(np.float64))),
    Defect("dropout without its mask", _net(Dropout("dropout1", 0.5)), handed_down(1, lambda _b, dy: dy)),
    Defect(
        "dropout without its scale", _net(Dropout("dropout1", 0.5)), handed_down(1, lambda b, dy: dy * (b.mask > 0))
    ),
    Defect(
        "batch norm without the variance's term",
        _net(BatchNormalization("norm1", 1e-5, 0.1)),
        handed_down(1, _without_term("variance")),
    ),
    Defect(
        "batch norm without the mean's term",
        _net(act("tanh"), BatchNormalization("norm1", 1e-5, 0.1), act("softplus")),
        handed_down(2, _without_term("mean")),
    ),
    Defect("layer norm without gamma", _net(LayerNormalization("norm1", 1e-5)), handed_down(1, _without_term("gamma"))),
    Defect(
        "layer norm without the variance's term",
        _net(LayerNormalization("norm1", 1e-5)),
        handed_down(1, _without_term("variance")),
    ),
    Defect(
        "gamma's gradient without the normalised values",
        _net(LayerNormalization("norm1", 1e-5)),
        afterwards(lambda t: _set(second(t).dgamma, second(t).dbeta)),
    ),
    Defect("learned alpha of the first sample alone", _PRELU, handed_down(1, _one_sample)),
    Defect("learned alpha averaged over the batch", _PRELU, handed_down(1, _averaged)),
    Defect(
        "diagonal of a softmax's matrix alone", _net(act("softmax")), handed_down(1, lambda b, dy: b.y * (1 - b.y) * dy)
    ),
    Defect("samples in another order", _TANH, handed_in(0, lambda _b, dy: dy[::-1].copy())),
    Defect("gradients of two layers swapped", _deep("tanh"), afterwards(_swapped)),
    Defect("added to the old gradient, not written over it", _TANH, afterwards(_accumulated)),
    Defect("zeroed tensor", _TANH, afterwards(lambda t: _set(first(t).dW, 0))),
    Defect("not a number", _TANH, afterwards(lambda t: _set(first(t).dW[0, 0:1], np.nan))),
    Defect("clipped", _TANH, afterwards(lambda t: np.clip(t.gradient, -0.01, 0.01, out=t.gradient))),  # type: ignore[arg-type]
    Defect("slope on a kink outside its two sides", _RELU, at_kinks(2.0), on_kink=True),
    Defect("slope on a kink of the other side", _RELU, at_kinks(1.0), on_kink=True),
)
