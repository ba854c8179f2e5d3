"""A layer's forward pass, and the derivatives that flow back through it, as formulas for people to read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda_": "λ", "mu": "μ",
    "sigma": "σ", "tau": "τ", "omega": "ω",
}  # fmt: skip


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


def indexed(text: str, symbols: Mapping[str, str], *, is_single: bool = False) -> str:
    """A formula with indices in textbook form: −Σₖ yₖ log aₖ of -sum_k y_k log a_k.

    `symbols` stand for letters with an index. With `is_single`, k has one value, and is left out.
    """
    k, total, mean = ("", "", "") if is_single else ("ₖ", "Σₖ ", "1/K Σₖ ")
    words = {"sum_k ": total, "mean_k ": mean, "sum_j ": "Σⱼ ", "_jk": "ⱼₖ", "_j": "ⱼ", "_true": " of the true class"}
    signs = {"-": "−", " * ": " · ", "<=": "≤", "sigmoid(": "σ(", "delta": "δ", "gamma": "γ"}
    for code, sign in (words | signs).items():
        text = text.replace(code, sign)
    return re.sub(r"(\w)_k", lambda found: symbols.get(found[1], found[1]) + k, text)
