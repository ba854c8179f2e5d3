"""Which built-in activation a formula says, so that both compute with the same bits."""

from __future__ import annotations

from functools import cache

from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.expressions.parser import parse
from nnlab.maths.expressions.tree import Call, Expression

# Other writings of built-in activations than `ACTIVATIONS` has.
OTHER_WRITINGS = {
    "x / (1 + exp(-x))": "silu",
    "0.5 * x * (1 + erf(x / sqrt(2)))": "gelu",
    "0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))": "gelu_tanh",
    "x * tanh(softplus(x))": "mish",
}
_IN_ANY_ORDER = {"+", "*", "max", "min"}


def built_in(expression: Expression) -> Activation | None:
    """The built-in activation without parameters whose formula this is, whatever the order of sums and products."""
    return _by_formula().get(_ordered(expression))


@cache
def _by_formula() -> dict[Expression, Activation]:
    found = {entry.name: entry for entry in ACTIVATIONS.values() if isinstance(entry, Activation)}
    texts = {entry.formula: name for name, entry in found.items() if not entry.parameters} | OTHER_WRITINGS
    return {_ordered(parse(text)): found[name] for text, name in texts.items()}


def _ordered(node: Expression) -> Expression:
    """The same with the arguments of sums and products in a fixed order, those of sums in sums as of one."""
    if not isinstance(node, Call):
        return node
    arguments = [_ordered(argument) for argument in node.arguments]
    if node.function in _IN_ANY_ORDER:
        arguments = sorted((part for one in arguments for part in _parts(one, node.function)), key=Expression.text)
    return Call(node.function, tuple(arguments))


def _parts(node: Expression, function: str) -> tuple[Expression, ...]:
    return node.arguments if isinstance(node, Call) and node.function == function else (node,)
