"""Every operation that a formula may use, in ONNX operators, and formulas as chains of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nnlab.exports.onnx.activations import (
    Parameter,
    absolute,
    erf,
    exp,
    expm1,
    log,
    log1p,
    log_sigmoid,
    relu,
    sigmoid,
    sin,
    softplus,
    sqrt,
    square,
    tanh,
)
from nnlab.exports.onnx.graph import Graph, Tensor, clip, joined, unary, where
from nnlab.maths.expressions import parse
from nnlab.maths.expressions.tree import CONSTANTS, Call, Expression, Name, Number, Program


def _bell(u: Tensor) -> Tensor:
    """The slope of sigmoid: e / (1 + e)² with e = exp(-|u|)."""
    e = exp(-absolute(u))
    return e / (1 + e) / (1 + e)


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "sqrt": sqrt,
    "sin": sin,
    "cos": unary("Cos"),
    "tan": unary("Tan"),
    "sinh": unary("Sinh"),
    "cosh": unary("Cosh"),
    "tanh": tanh,
    "tanh_slope": lambda u: 4 * _bell(2 * u),
    "arctan": unary("Atan"),
    "erf": erf,
    "sigmoid": sigmoid,
    "sigmoid_slope": _bell,
    "softplus": softplus,
    "log_sigmoid": log_sigmoid,
    "relu": relu,
    "abs": absolute,
    "sign": unary("Sign"),
    "max": lambda *each: joined("Max", each),
    "min": lambda *each: joined("Min", each),
    "clip": clip,
    "where": where,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: joined("Pow", (a, b)),
    "negative": unary("Neg"),
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "not": unary("Not"),
    "and": lambda *each: joined("And", each),
    "or": lambda *each: joined("Or", each),
}


def formula(x: Tensor, text: str, parameters: Mapping[str, Parameter]) -> Tensor:
    """A formula of x and its parameters; what occurs twice in it is computed once."""
    values = {"x": x, **{name: _tensor(x.graph, value) for name, value in parameters.items()}}
    results: list[Tensor] = []
    for node, places in Program(parse(text, tuple(parameters))).steps:
        results.append(_step(x.graph, node, values, [results[place] for place in places]))
    return results[-1]


def _step(graph: Graph, node: Expression, values: Mapping[str, Tensor], arguments: list[Tensor]) -> Tensor:
    match node:
        case Number(value):
            return graph.constant(value)
        case Name(name):
            return values[name] if name in values else graph.constant(CONSTANTS[name])
        case Call("**", (_, Number(2))):
            return square(arguments[0])
        case Call(function, _):
            return OPERATIONS[function](*arguments)
    raise AssertionError(node)


def _tensor(graph: Graph, value: Parameter) -> Tensor:
    return value if isinstance(value, Tensor) else graph.constant(value)
