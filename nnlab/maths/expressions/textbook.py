"""Expressions as textbooks write them: σ(x) (1 − σ(x)), tanh²(x), |x|, [x > 0], x if x > 0, else α x."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial, reduce

from nnlab.maths.expressions.errors import FormulaError
from nnlab.maths.expressions.functions import call, exp, log, sigmoid, tanh
from nnlab.maths.expressions.parser import parse
from nnlab.maths.expressions.tree import ZERO, Binds, Call, Expression, Name, Number

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_POWERED = {"sin", "cos", "tan", "sinh", "cosh", "tanh", "sigmoid"}  # f²(x) instead of f(x)²


def textbook(text: str, symbols: Mapping[str, str], *, factor: bool = False) -> str | None:
    """A formula in textbook form, with a symbol for x and each parameter; None for a text that is no formula.

    As a `factor` it stands in parentheses where a product with it would be misread.
    """
    *parts, last = text.split(", ")  # definitions may follow: s + x * s, s = 1 / (1 + exp(-x))
    name, is_defined, meaning = last.partition(" = ")
    if is_defined and name.isidentifier():
        value = textbook(", ".join(parts), {**symbols, name: name}, factor=factor)
        defined = textbook(meaning, symbols)
        return None if value is None or defined is None else f"{value}, {name} = {defined}"
    try:
        expression = _plain(parse(text, [name for name in symbols if name != "x"]))
    except FormulaError:
        return None
    is_quotient = isinstance(expression, Call) and expression.function == "/"
    words, level = _written(expression, symbols)
    return f"({words})" if factor and (level < Binds.PRODUCT or is_quotient) else words


# --- Functions of the formula language that textbooks do not have -----------------------------------------------------

_MEANINGS: dict[str, Callable[..., Expression]] = {
    "sigmoid_slope": lambda u: sigmoid(u) * (1 - sigmoid(u)),
    "tanh_slope": lambda u: 1 - tanh(u) ** 2,
    "expm1": lambda u: exp(u) - 1,
    "log1p": lambda u: log(1 + u),
    "softplus": lambda u: log(1 + exp(u)),
    "log_sigmoid": lambda u: log(sigmoid(u)),
    "relu": lambda u: call("max", u, ZERO),
    "clip": lambda u, low, high: call("min", call("max", u, low), high),
}


def _plain(node: Expression) -> Expression:
    """An equal expression of the functions that textbooks use, in the forms that they use."""
    if not isinstance(node, Call):
        return node
    arguments = tuple(map(_plain, node.arguments))
    meaning = _MEANINGS.get(node.function)
    return meaning(*arguments) if meaning else _usual(Call(node.function, arguments))


def _usual(node: Call) -> Expression:
    """1 − tanh² for 1 / cosh², σ (1 − σ) for σ(u) σ(−u), and numbers and powers put together."""
    match node:
        case Call("/", (a, Call("**", (Call("cosh", (u,)), Number(2))))):
            return a * (1 - tanh(u) ** 2)
        case Call("*", (Call("sigmoid", (u,)), Call("sigmoid", (v,)))) if _negated(u) == v:
            return sigmoid(u) * (1 - sigmoid(u))
        case Call("/", (Call("/", (a, b)), c)) if b == c:
            return a / b**2
        case Call("/", (Call("*", (Number(v), a)), Number(w))) if w and (v / w).is_integer():
            return v / w * a
        case Call("+", (a, b)) if a == b:
            return 2 * a
    return node


def _negated(u: Expression) -> Expression:
    """-u as the parser reads it."""
    match u:
        case Call("*", (a, b)):
            return call("*", _negated(a), b)
    return call("negative", u)


# --- Writing ----------------------------------------------------------------------------------------------------------

_Words = tuple[str, Binds]  # a text, and how tightly it binds


def _written(node: Expression, symbols: Mapping[str, str]) -> _Words:
    """A node in textbook form."""
    match node:
        case Number(value):
            return f"{value:.6g}".replace("-", "−"), node.level
        case Name(name):
            return symbols.get(name, name) if name != "pi" else "π", Binds.ATOM
        case Call(function, arguments):
            return _FORMS.get(function, partial(_function, function))(arguments, partial(_written, symbols=symbols))
    raise TypeError(f"found {type(node).__name__}")


_Arguments = tuple[Expression, ...]
_Write = Callable[[Expression], _Words]


def _inner(write: _Write, node: Expression, least: Binds) -> str:
    """A node's text, in parentheses if it binds less tightly than `least`."""
    words, level = write(node)
    return words if level >= least else f"({words})"


def _function(name: str, arguments: _Arguments, write: _Write) -> _Words:
    shown = {"sigmoid": "σ"}.get(name, name)
    return f"{shown}({', '.join(write(argument)[0] for argument in arguments)})", Binds.ATOM


def _sum(arguments: _Arguments, write: _Write, sign: str = "+", opposite: str = "−") -> _Words:
    """Both terms, joined by the opposite sign where the second begins with a minus."""
    a, b = _inner(write, arguments[0], Binds.SUM), _inner(write, arguments[1], Binds.PRODUCT)
    return f"{a} {opposite} {b[1:]}" if b.startswith("−") else f"{a} {sign} {b}", Binds.SUM


def _negative(arguments: _Arguments, write: _Write) -> _Words:
    return _product((Number(-1.0), *arguments), write)


def _product(arguments: _Arguments, write: _Write) -> _Words:
    """Factors side by side, numbers first; with a dot where two would run into each other."""
    found = _factors(call("*", *arguments))
    number = math.prod(one.value for one in found if isinstance(one, Number))
    counts = Counter(one for one in found if not isinstance(one, Number))
    factors = [one if count == 1 else one ** float(count) for one, count in counts.items()]
    factors = [Number(abs(number)), *factors] if abs(number) != 1 or not factors else factors
    words = reduce(_joined, [_as_factor(write, one) for one in factors])
    return (f"−{words}", Binds.MINUS) if number < 0 else (words, Binds.PRODUCT)


def _factors(node: Expression) -> list[Expression]:
    match node:
        case Call("*", (a, b)):
            return [*_factors(a), *_factors(b)]
        case Call("negative", (a,)):
            return [Number(-1.0), *_factors(a)]
    return [node]


def _as_factor(write: _Write, node: Expression) -> str:
    words, level = write(node)
    return words if level == Binds.ATOM or (level >= Binds.PRODUCT and " " not in words) else f"({words})"


def _joined(left: str, right: str) -> str:
    last, first = left.rsplit(" ", 1)[-1], right.split(" ", 1)[0]
    is_fraction = "/" in re.sub(r"\(.*\)", "", left) + re.sub(r"\(.*\)", "", right)
    is_close = not (_is_word(last) or _is_word(first) or is_fraction or right[0].isdigit() or right[0] == "−")
    return f"{left} {right}" if is_close else f"{left} · {right}"


def _is_word(text: str) -> bool:
    """Whether a factor is a name of several letters, such as a parameter's."""
    letters = text.strip("{}").rstrip(_SUBSCRIPTS)
    return len(letters) > 1 and letters.replace("_", "").isalpha()


def _quotient(arguments: _Arguments, write: _Write) -> _Words:
    a, (b, level) = _inner(write, arguments[0], Binds.PRODUCT), write(arguments[1])
    b = b if level > Binds.MINUS else f"({b})"
    return f"{a}/{b}" if " " not in a + b else f"{a} / {b}", Binds.PRODUCT


def _power(arguments: _Arguments, write: _Write) -> _Words:
    base, exponent = arguments
    if not (isinstance(exponent, Number) and exponent.value.is_integer()):
        return f"{_inner(write, base, Binds.ATOM)}^{_inner(write, exponent, Binds.ATOM)}", Binds.POWER
    raised = f"{exponent.value:.0f}".translate(_SUPERSCRIPTS)
    if isinstance(base, Call) and base.function in _POWERED:
        name, rest = write(base)[0].split("(", 1)
        return f"{name}{raised}({rest}", Binds.ATOM
    words = _inner(write, base, Binds.ATOM)
    return f"({words}){raised}" if words.startswith("√") else f"{words}{raised}", Binds.ATOM


def _root(arguments: _Arguments, write: _Write) -> _Words:
    words, _ = write(arguments[0])
    return f"√{words}" if words.strip("{}").isalnum() else f"√({words})", Binds.ATOM


def _absolute(arguments: _Arguments, write: _Write) -> _Words:
    return f"|{write(arguments[0])[0]}|", Binds.ATOM


def _cases(arguments: _Arguments, write: _Write) -> _Words:
    """[c] for 1 where c holds and 0 elsewhere, a [c] for a there; in other cases all of them, one after the other."""
    condition, a, b = arguments
    match a, b:
        case Number(0), _ if not _is_where(b) and (opposite := _opposite(condition)):
            return _cases((opposite, b, a), write)
        case Number(1), Number(0):
            return f"[{write(condition)[0]}]", Binds.ATOM
        case _, Number(0):
            return f"{_as_factor(write, a)} [{write(condition)[0]}]", Binds.PRODUCT
    words = [f"{_inner(write, a, Binds.COMPARISON)} if {write(condition)[0]}"]
    while isinstance(b, Call) and b.function == "where":
        condition, a, b = b.arguments
        words.append(f"{_inner(write, a, Binds.COMPARISON)} if {write(condition)[0]}")
    return f"{', '.join(words)}, else {_inner(write, b, Binds.COMPARISON)}", Binds.OR


def _is_where(node: Expression) -> bool:
    return isinstance(node, Call) and node.function == "where"


def _opposite(condition: Expression) -> Expression | None:
    """The condition that holds where this comparison does not."""
    if isinstance(condition, Call) and condition.function in _OPPOSITES:
        return Call(_OPPOSITES[condition.function], condition.arguments)
    return None


def _comparison(sign: str, arguments: _Arguments, write: _Write) -> _Words:
    a, b = arguments
    return f"{write(a)[0]} {_SIGNS[sign]} {write(b)[0]}", Binds.COMPARISON


def _and(arguments: _Arguments, write: _Write) -> _Words:
    """−3 < x ≤ 3 of two comparisons of the same number, x > -3 and x <= 3."""
    match arguments:
        case (Call(">" | ">=" as lower, (x, low)), Call("<" | "<=" as upper, (y, high))) if x == y:
            turned = {">": "<", ">=": "≤"}[lower]
            return f"{write(low)[0]} {turned} {write(x)[0]} {_SIGNS[upper]} {write(high)[0]}", Binds.COMPARISON
    return " and ".join(_inner(write, one, Binds.NOT) for one in arguments), Binds.AND


def _or(arguments: _Arguments, write: _Write) -> _Words:
    return " or ".join(_inner(write, one, Binds.AND) for one in arguments), Binds.OR


def _not(arguments: _Arguments, write: _Write) -> _Words:
    return f"not {_inner(write, arguments[0], Binds.ATOM)}", Binds.NOT


_FORMS: dict[str, Callable[[_Arguments, _Write], _Words]] = {
    "+": _sum, "-": partial(_sum, sign="−", opposite="+"), "*": _product, "/": _quotient, "**": _power,
    "negative": _negative, "sqrt": _root, "abs": _absolute, "where": _cases, "and": _and, "or": _or, "not": _not,
    **{sign: partial(_comparison, sign) for sign in _SIGNS},
}  # fmt: skip
