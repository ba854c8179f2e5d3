"""Gates: sentences about figures that a run must make true, such as `test/accuracy >= 0.97`.

    gate    = figure [@STEP] OP NUMBER [+- TOLERANCE] [by epoch N | by step N]
    OP      = >= | <= | > | < | ==

A figure without a step is the run's final one. `by` asks for the best value reached until then. A figure that was not
measured fails its gate.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nnlab.errors import printable, suggestion

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_GATE = re.compile(
    rf"\s*(?P<figure>[^\s@<>=]+?)(?:@(?P<step>\d{{1,10}}))?\s*(?P<operator>>=|<=|==|>|<)\s*(?P<bound>{_NUMBER})"
    rf"(?:\s*\+-\s*(?P<tolerance>{_NUMBER}))?(?:\s+by\s+(?P<unit>epoch|step)\s+(?P<limit>\d{{1,10}}))?\s*"
)


@dataclass(frozen=True)
class Gate:
    """One parsed gate; `text` is how it was written."""

    text: str
    figure: str
    operator: str
    bound: float
    tolerance: float = 0.0
    step: int | None = None
    by_epoch: int | None = None
    by_step: int | None = None

    def met(self, value: float | None) -> bool:
        """Whether a measured value meets the gate; None and nan, not measured, never do."""
        if value is None or math.isnan(value):
            return False
        if self.operator == "==":
            return abs(value - self.bound) <= self.tolerance
        return OPERATORS[self.operator](value, self.bound)

    def best(self, values: Sequence[float]) -> float | None:
        """The value among several that comes nearest to meeting the gate, or None of none."""
        if not values:
            return None
        if self.operator == "==":
            return min(values, key=lambda value: abs(value - self.bound))
        return max(values) if self.operator.startswith(">") else min(values)


def parse_gate(text: str) -> Gate:
    """The gate that `text` states. ValueError says what was found and expected."""
    match = _GATE.fullmatch(text)
    if not match:
        expected = "FIGURE OP NUMBER such as 'test/accuracy >= 0.95' or 'batch/loss@999 == 0.0142 +- 5e-5'"
        raise ValueError(f"found gate '{printable(text)}', expected {expected}")
    parts = match.groupdict()
    bound, tolerance = float(parts["bound"]), float(parts["tolerance"] or 0)
    _check(text, parts, bound, tolerance)
    limit = int(parts["limit"]) if parts["limit"] else None
    return Gate(
        text=text.strip(),
        figure=parts["figure"],
        operator=parts["operator"],
        bound=bound,
        tolerance=tolerance,
        step=int(parts["step"]) if parts["step"] else None,
        by_epoch=limit if parts["unit"] == "epoch" else None,
        by_step=limit if parts["unit"] == "step" else None,
    )


def _check(text: str, parts: dict[str, str | None], bound: float, tolerance: float) -> None:
    if not math.isfinite(bound) or not math.isfinite(tolerance) or tolerance < 0:
        raise ValueError(f"found gate '{printable(text)}', expected finite numbers and a tolerance of at least 0")
    if parts["tolerance"] and parts["operator"] != "==":
        raise ValueError(
            f"found a tolerance after {parts['operator']} in gate '{printable(text)}', expected it after =="
        )
    if parts["limit"] and parts["step"]:
        raise ValueError(f"found both @STEP and 'by' in gate '{printable(text)}', expected one of them")


def unknown_figure(gate: Gate, known: Sequence[str]) -> str | None:
    """Why the gate's figure can never be measured, with a near name, or None if it is known."""
    if gate.figure in known:
        return None
    return f"unknown figure '{printable(gate.figure)}' in gate '{gate.text}'{suggestion(gate.figure, known)}"
