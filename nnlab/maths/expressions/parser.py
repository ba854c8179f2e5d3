"""The parser of formulas: Python's grammar, restricted to what `functions` lists. Nothing is ever run as Python.

The text passes three gates: its length and its characters (quotes, brackets and colons are not among them), Python's
parser, and a walk over the syntax tree that knows numbers, names, arithmetic, calls and, inside `where`, conditions.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import warnings
from collections.abc import Iterable

from nnlab.errors import listed, printable, suggestion
from nnlab.maths.expressions.errors import FormulaError
from nnlab.maths.expressions.functions import FUNCTIONS, call
from nnlab.maths.expressions.tree import CONSTANTS, Call, Expression, Name, Number

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 50  # calls and operators inside each other
MAX_NODES = 300
MAX_WHOLE = 2**53  # the whole numbers that a float holds exactly

ALIASES = {"atan": "arctan"}
_OTHER_WORDS = {
    "^": "** for a power", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "²": "**2", "³": "**3", "√": "sqrt(…)",
    "π": "pi", "≤": "<=", "≥": ">=", "[": "( )", "]": "( )", "{": "( )", "}": "( )", "&": "and", "|": "abs(…)",
    "%": "numbers, names, + - * / ** and calls",
}  # fmt: skip
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_ +\-*/().,<>=!]")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ARITHMETIC: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
}  # fmt: skip
_COMPARISONS: dict[type[ast.AST], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_REFUSALS: dict[type[ast.AST], str] = {
    ast.Compare: "found a comparison in place of a number, expected where(condition, a, b)",
    ast.BoolOp: "found a condition in place of a number, expected where(condition, a, b)",
    ast.IfExp: "found if … else, expected where(condition, a, b)",
    ast.Attribute: "found a name behind a dot, expected a function's or parameter's plain name",
    ast.Tuple: "found a comma outside of a call, expected a decimal point or an operator",
}


def parse(text: str, parameters: Iterable[str] = ()) -> Expression:
    """The expression that a formula of x and the named parameters says; FormulaError for any other text."""
    return _FormulaReader(text, tuple(parameters)).expression()


class _FormulaReader:
    """One formula on its way through the gates."""

    def __init__(self, text: str, parameters: tuple[str, ...]) -> None:
        self.text = text
        self.indent = 0
        self.nodes = 0
        self._check_parameters(parameters)
        self.names = ("x", *parameters, *CONSTANTS)

    def expression(self) -> Expression:
        return self._number(self._tree(), 1)

    def _refused(self, message: str, column: int = 0, width: int = 1) -> FormulaError:
        return FormulaError(message, self.text, column, width)

    def _refused_at(self, node: ast.expr, message: str) -> FormulaError:
        return self._refused(message, self.indent + node.col_offset, (node.end_col_offset or 0) - node.col_offset)

    # --- Gates one and two: characters and Python's parser

    def _check_parameters(self, parameters: tuple[str, ...]) -> None:
        for name in parameters:
            if not _PARAMETER.fullmatch(name) or "__" in name:
                raise self._refused(f"found parameter '{printable(name)}', expected a name of letters, digits and _")
            if name in {"x", *CONSTANTS, *FUNCTIONS, *ALIASES} or keyword.iskeyword(name):
                raise self._refused(
                    f"found parameter '{name}', a word with another meaning; expected a name of its own"
                )

    def _checked_text(self) -> str:
        if len(self.text) > MAX_LENGTH:
            raise self._refused(f"found {len(self.text)} characters, expected at most {MAX_LENGTH}", MAX_LENGTH)
        text = re.sub(r"[\t\n\r]", " ", self.text)
        if not text.strip():
            raise self._refused("found an empty formula, expected one such as x * sigmoid(x)")
        if wrong := _FORBIDDEN.search(text):
            expected = _OTHER_WORDS.get(wrong[0], "letters, digits and operators")
            raise self._refused(f"found '{printable(wrong[0])}', expected {expected}", wrong.start())
        return text

    def _tree(self) -> ast.expr:
        text = self._checked_text()
        self.indent = len(text) - len(text.lstrip())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns of `1if`
                return ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            column = self.indent + error.offset - 1 if error.offset else len(self.text)  # 0: at the end
            message = f"cannot be read as a formula: {printable(error.msg)}"
            raise self._refused(message, min(column, len(self.text))) from None
        except (MemoryError, RecursionError, ValueError):
            raise self._refused("found too many levels of parentheses or signs, expected fewer") from None

    # --- Gate three: the syntax tree

    def _number(self, node: ast.expr, depth: int) -> Expression:
        """A number, a name, arithmetic or a call."""
        self._count(node, depth)
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return call(_ARITHMETIC[type(op)], self._number(left, depth + 1), self._number(right, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._number(operand, depth + 1)
                return -inner if isinstance(inner, Number) else call("negative", inner)
            case ast.Call():
                return self._call(node, depth)
        expected = "found what is no part of a formula, expected numbers, names, + - * / ** and calls"
        raise self._refused_at(node, _REFUSALS.get(type(node), expected))

    def _count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise self._refused_at(node, f"found more than {MAX_DEPTH} levels inside each other, expected fewer")
        if self.nodes > MAX_NODES:
            raise self._refused_at(node, f"found more than {MAX_NODES} numbers, names and operators, expected fewer")

    def _constant(self, node: ast.Constant) -> Expression:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused_at(node, "found what is no real number, expected one such as 0.5 or 1e-3")
        if isinstance(value, int) and value > MAX_WHOLE:
            raise self._refused_at(node, "found a whole number beyond 2**53, expected a form such as 1e20")
        if not math.isfinite(value):
            raise self._refused_at(node, "found a number beyond the range of floating point, expected a finite one")
        return Number(float(value))

    def _name(self, node: ast.Name) -> Expression:
        if node.id in self.names:
            return Name(node.id)
        if node.id in FUNCTIONS or node.id in ALIASES:
            raise self._refused_at(node, f"found the function '{node.id}' without arguments, expected {node.id}(…)")
        near = suggestion(node.id, [*self.names, *FUNCTIONS])
        raise self._refused_at(node, f"found unknown name '{node.id}', expected {listed(self.names, 'or')}{near}")

    def _call(self, node: ast.Call, depth: int) -> Expression:
        name = self._function(node.func)
        low, high = FUNCTIONS[name].arity
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self._refused_at(node, f"found a named or starred argument of {name}, expected plain ones")
        if not low <= len(node.args) <= high:
            expected = f"{low} or more" if high == math.inf else f"{low}"
            raise self._refused_at(node, f"found {_counted(len(node.args))} of {name}, expected {expected}")
        readers = [self._condition if name == "where" and i == 0 else self._number for i in range(len(node.args))]
        return Call(name, tuple(read(argument, depth + 1) for read, argument in zip(readers, node.args, strict=True)))

    def _function(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise self._refused_at(
                node, _REFUSALS.get(type(node), "found ( behind a value, expected an operator first")
            )
        name = ALIASES.get(node.id, node.id)
        if name in self.names:
            raise self._refused_at(node, f"found '{name}' called like a function, expected {name} * (…)")
        if name not in FUNCTIONS:
            near = suggestion(name, FUNCTIONS)
            raise self._refused_at(
                node, f"found unknown function '{name}', expected {listed(tuple(FUNCTIONS), 'or')}{near}"
            )
        return name

    def _condition(self, node: ast.expr, depth: int) -> Expression:
        """Comparisons, alone, chained or joined by `and`, `or` and `not`."""
        self._count(node, depth)
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
                terms = [self._number(term, depth + 1) for term in (left, *others)]
                signs = [_COMPARISONS[type(op)] for op in ops]
                pairs = [call(sign, a, b) for sign, a, b in zip(signs, terms, terms[1:], strict=False)]
                return pairs[0] if len(pairs) == 1 else call("and", *pairs)
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return call(word, *(self._condition(value, depth + 1) for value in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return call("not", self._condition(operand, depth + 1))
            case ast.Compare():
                raise self._refused_at(node, "found another comparison, expected < <= > or >=")
        raise self._refused_at(node, "found no condition, expected a comparison such as x > 0")


def _counted(arguments: int) -> str:
    return f"{arguments} argument{'' if arguments == 1 else 's'}"
