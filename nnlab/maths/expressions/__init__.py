"""A formula as an activation: `x * sigmoid(beta * x)` read safely, derived symbolically, checked for jumps and kinks.

    text ──parse──► Expression ──derivative──► Expression        trees of numbers, names and calls, never run as Python
                        └── Formula(text, parameters).to_activation(name, defaults) ──► Activation

`functions` holds the one table of what a formula may call, each value with its derivative beside it; `tree` the
arithmetic; `parser` the reading; `textbook` the writing for people; `kinks` the search for points without a derivative.
A formula that cannot be read or
cannot serve as an activation raises `FormulaError`, which can point at the place.
"""

from nnlab.maths.expressions.errors import FormulaError
from nnlab.maths.expressions.formula import Formula
from nnlab.maths.expressions.functions import FUNCTIONS
from nnlab.maths.expressions.kinks import Kink, kinks
from nnlab.maths.expressions.parser import parse
from nnlab.maths.expressions.tree import Expression

__all__ = ["FUNCTIONS", "Expression", "Formula", "FormulaError", "Kink", "kinks", "parse"]
