"""A layer's forward pass, and the derivatives that flow back through it, as formulas for people to read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Equations:
    """The right sides of y = …, dL/dx = … and, for each parameter p, dL/dp = …, with names in braces.

    {x} is the layer's input, {y} its output, {dy} stands for dL/dy, and {weights} for the parameter of this name.
    `where` explains what else is in the formulas. A sum Σ is over the rows of a batch.
    """

    forward: str
    backward: str = "{dy} · ∂{y}/∂{x}"
    parameters: Mapping[str, str] = field(default_factory=dict)
    where: str = ""


def with_symbols(formula: str, symbols: Mapping[str, str]) -> str:
    """A formula with the symbols of the names that stand in braces; other braces stay, such as those of a plugin."""
    return re.sub(r"\{(\w+)\}", lambda found: symbols.get(found[1], found[0]), formula)
