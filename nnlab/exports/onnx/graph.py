"""An ONNX graph under construction, and its tensors, on which Python's operators add nodes.

    graph = Graph(np.float32)
    x = graph.input("x", kind_of(np.float32), ("N", 3), "three numbers")
    y = x * sigmoid(1.702 * x)        # three nodes: Mul, Sigmoid, Mul

Numbers become constants in the graph's precision. onnxruntime lacks some operators of float64: in a float64 graph these
are computed in float32, between two casts, and `Graph.in_single` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from nnlab.exports.ports import LABEL, OUTPUT

Array = NDArray[Any]

# What onnxruntime 1.32 computes in float32 only.
_SINGLE_ONLY = {"Atan", "AveragePool", "Conv", "Cosh", "Erf", "Sinh", "Tan"}

_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float64): TensorProto.DOUBLE}
BOOL, TEXT, WHOLE = TensorProto.BOOL, TensorProto.STRING, TensorProto.INT64


class Graph:
    """The nodes, constants, inputs and outputs so far; `dtype` is float32 or float64."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[NodeProto] = []
        self.inputs: list[ValueInfoProto] = []
        self.outputs: list[ValueInfoProto] = []
        self.in_single: set[str] = set()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._stored: list[TensorProto] = []
        self._scope = ""
        self._used = {OUTPUT, LABEL}

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        """Context in which nodes are named after a layer: `dense1/Gemm`."""
        before, self._scope = self._scope, f"{scope}/"
        yield
        self._scope = before

    def input(self, name: str, kind: int, shape: Sequence[int | str], about: str) -> Tensor:
        """An input of the graph, with a sentence about it."""
        self._used.add(name)
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape, doc_string=about))
        return Tensor(self, name)

    def output(self, name: str, tensor: Tensor, kind: int, shape: Sequence[int | str], about: str) -> None:
        """Give a tensor out under a name."""
        self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape, doc_string=about))

    def constant(self, values: Any) -> Tensor:
        """An array, or a number in the graph's precision; the same one is stored once."""
        array = np.asarray(values, self.dtype if isinstance(values, int | float) else None)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.stored("constant", array)
        return self._constants[key]

    def stored(self, name: str, array: Array) -> Tensor:
        """An array under a name, such as `dense1/weights`."""
        tensor = Tensor(self, self._fresh(name))
        texts = array.astype(object) if array.dtype.kind == "U" else array
        self._stored.append(numpy_helper.from_array(texts, tensor.name))
        return tensor

    def op(self, kind: str, *inputs: Tensor | float, **attributes: Any) -> Tensor:
        """Add a node of the operator `kind`; the tensor it gives."""
        given = [self._tensor(one) for one in inputs]
        if self.dtype != np.float64 or kind not in _SINGLE_ONLY:
            return self._nodes(kind, given, 1, attributes)[0]
        self.in_single.add(kind)
        single = [self.cast(one, TensorProto.FLOAT) for one in given]
        return self.cast(self._nodes(kind, single, 1, attributes)[0], self.kind)

    def pair(self, kind: str, *inputs: Tensor, **attributes: Any) -> tuple[Tensor, Tensor]:
        """Add a node that gives two tensors."""
        first, second = self._nodes(kind, inputs, 2, attributes)
        return first, second

    def cast(self, tensor: Tensor, kind: int) -> Tensor:
        """The tensor in another type of ONNX."""
        return self._nodes("Cast", [tensor], 1, {"to": kind})[0]

    @property
    def kind(self) -> int:
        """The type of the graph's numbers in ONNX."""
        return kind_of(self.dtype)

    def build(self, name: str) -> GraphProto:
        """The finished graph, with the constants that something needs."""
        needed = {one for node in self.nodes for one in node.input}
        stored = [one for one in self._stored if one.name in needed]
        return helper.make_graph(self.nodes, name, self.inputs, self.outputs, stored)

    def _nodes(self, kind: str, inputs: Sequence[Tensor], outputs: int, attributes: dict[str, Any]) -> list[Tensor]:
        name = self._fresh(kind)
        names = [name] if outputs == 1 else [f"{name}:{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, [one.name for one in inputs], names, name=name, **attributes))
        return [Tensor(self, one) for one in names]

    def _tensor(self, value: Tensor | float) -> Tensor:
        return value if isinstance(value, Tensor) else self.constant(value)

    def _fresh(self, name: str) -> str:
        """A name that nothing has yet: those of a user's columns may be anything."""
        full = name if "/" in name else f"{self._scope}{name}"
        numbered = (full if number == 1 else f"{full}_{number}" for number in count(1))
        fresh = next(one for one in numbered if one not in self._used)
        self._used.add(fresh)
        return fresh


def kind_of(dtype: DTypeLike) -> int:
    """The type in ONNX of float32 or float64."""
    return int(_TYPES[np.dtype(dtype)])


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a graph."""

    graph: Graph
    name: str

    def __add__(self, other: Tensor | float) -> Tensor:
        return self._with("Add", other)

    def __radd__(self, other: float) -> Tensor:
        return self._behind("Add", other)

    def __sub__(self, other: Tensor | float) -> Tensor:
        return self._with("Sub", other)

    def __rsub__(self, other: float) -> Tensor:
        return self._behind("Sub", other)

    def __mul__(self, other: Tensor | float) -> Tensor:
        return self._with("Mul", other)

    def __rmul__(self, other: float) -> Tensor:
        return self._behind("Mul", other)

    def __truediv__(self, other: Tensor | float) -> Tensor:
        return self._with("Div", other)

    def __rtruediv__(self, other: float) -> Tensor:
        return self._behind("Div", other)

    def __neg__(self) -> Tensor:
        return unary("Neg")(self)

    def __gt__(self, other: Tensor | float) -> Tensor:
        return self._with("Greater", other)

    def __ge__(self, other: Tensor | float) -> Tensor:
        return self._with("GreaterOrEqual", other)

    def __lt__(self, other: Tensor | float) -> Tensor:
        return self._with("Less", other)

    def __le__(self, other: Tensor | float) -> Tensor:
        return self._with("LessOrEqual", other)

    def _with(self, kind: str, other: Tensor | float) -> Tensor:
        return self.graph.op(kind, self, other)

    def _behind(self, kind: str, other: float) -> Tensor:
        return self.graph.op(kind, other, self)


def unary(kind: str, **attributes: Any) -> Callable[[Tensor], Tensor]:
    """The function of one tensor that is one operator."""

    def function(x: Tensor) -> Tensor:
        return x.graph.op(kind, x, **attributes)

    return function


def equal(a: Tensor, b: Tensor) -> Tensor:
    """Where both are the same."""
    return a._with("Equal", b)  # noqa: SLF001 - its own


def where(condition: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """`a` where the condition holds, else b."""
    return condition.graph.op("Where", condition, a, b)


def maximum(a: Tensor, b: Tensor | float) -> Tensor:
    """The larger of both."""
    return a.graph.op("Max", a, b)


def minimum(a: Tensor, b: Tensor | float) -> Tensor:
    """The smaller of both."""
    return a.graph.op("Min", a, b)


def clip(x: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """`x` between two bounds."""
    return minimum(maximum(x, low), high)


def joined(kind: str, tensors: Sequence[Tensor]) -> Tensor:
    """The tensors joined by an operator of two."""
    return reduce(lambda a, b: a._with(kind, b), tensors)  # noqa: SLF001 - its own


def whole(graph: Graph, *numbers: int) -> Tensor:
    """A constant of whole numbers (len,), such as axes or a shape."""
    return graph.constant(np.array(numbers, np.int64))


def over(kind: str, x: Tensor, axis: int) -> Tensor:
    """A reduction such as ReduceMax along an axis, which stays with length 1."""
    return x.graph.op(kind, x, whole(x.graph, axis), keepdims=1)


def reshaped(x: Tensor, *shape: int) -> Tensor:
    """Each sample in another shape."""
    return x.graph.op("Reshape", x, whole(x.graph, 0, *shape))
