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
from collections.abc import Callable, Iterable, Sequence
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
        values = [value for value in values if not math.isnan(value)]
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


def unknown_figure(gate: Gate, known: Iterable[str]) -> str | None:
    """Why the gate's figure can never be measured, with a near name, or None if it is known."""
    known = list(known)
    if gate.figure in known:
        return None
    return f"unknown figure '{printable(gate.figure)}' in gate '{printable(gate.text)}'{_hint(gate.figure, known)}"


def _hint(figure: str, known: Sequence[str]) -> str:
    """A near name; for a name that lacks its split, the names that end in it."""
    ends = [name for name in known if name.endswith(f"/{figure}")]
    return suggestion(figure, known) or (f"; expected {' or '.join(ends)}" if ends else "")


# --- gates that can never be met --------------------------------------------------------------------------------------


def names_a_parameter(figure: str) -> bool:
    """Whether the figure has the form of one entry of a tensor: `dense1/weights[0,0]`."""
    return re.fullmatch(r"[^\[\]]+/[^\[\]]+\[\d+(,\d+)*\]", figure) is not None


@dataclass(frozen=True)
class Moments:
    """When a figure is measured: at the end of a run (`final`), and at some steps on the way (none: an empty range).

    A gate may ask for any of `steps`. Without being asked, the figure is first measured at `first` = (step, epoch).
    """

    final: bool
    steps: range = range(0)
    first: tuple[int, float] = (0, 0.0)


def never_met(gate: Gate, moments: Moments) -> str | None:
    """Why a gate asks for a moment at which its figure is not measured, or None."""
    asks_on_the_way = gate.step is not None or gate.by_step is not None or gate.by_epoch is not None
    name, steps, (first, first_epoch) = printable(gate.figure), moments.steps, moments.first
    if not asks_on_the_way:
        return None if moments.final else f"{name} is measured step by step alone; expected {_asked(name, steps)}"
    if not steps:
        return f"{name} is measured at the end alone; expected no @STEP and no 'by'"
    if gate.step is not None and gate.step not in steps:
        return f"found step {gate.step} for {name}, expected one from {steps[0]} to {steps[-1]}"
    if gate.by_step is not None and gate.by_step < first:
        return f"{name} is first measured at step {first}; found by step {gate.by_step}"
    if gate.by_epoch is not None and gate.by_epoch < first_epoch:
        return f"{name} is first measured at epoch {first_epoch:.3g}; found by epoch {gate.by_epoch}"
    return None


def _asked(name: str, steps: range) -> str:
    return f"{name}@STEP with a step from {steps[0]} to {steps[-1]}" if steps else "a training of at least one step"
