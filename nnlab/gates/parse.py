"""Gates: conditions on the figures of a run, such as `test/accuracy >= 0.97`.

    gate     = figure OP factor {* factor} [+ NUMBER | - NUMBER] [+- NUMBER] [by epoch N | by step N]
    OP       = >= | <= | > | < | ==
    factor   = NUMBER | figure | baseline | majority | mean | median | linear     at most one is not a number
    figure   = NAME [@STEP]

A figure without a step is the run's final one. `by` asks for the best value reached until then. `baseline` is the
same figure of another run; `majority`, `mean`, `median` and `linear` are what these baselines (see
`nnlab.maths.baselines`) reach of it on the same rows: `test/accuracy >= majority + 0.05`. In comparisons a name begins
with an arm, by its label as it is, and may end in a statistic over the seeds: `relu.val/accuracy.low`; of a baseline
the mean over them counts. Any other name that holds spaces or one of `< > = * @ "` stands in double quotes, in which a
double quote is written twice: `"test/f1/""no"" at first" >= 0.5`. A part of a name may stand in them alone.
A figure that was not measured fails its gate.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NoReturn

from nnlab.errors import ConfigError, Fault, listed, printable, suggestion

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
BASELINES = ("majority", "mean", "median", "linear")  # of `nnlab.maths.baselines`, which would load NumPy


@dataclass(frozen=True)
class GateFigure:
    """A figure that a gate compares with, at a step or at the end."""

    name: str
    step: int | None = None


_ROUNDING = 1e-14  # of a sum, as a share of it
BASELINE = GateFigure("baseline")  # the gate's own figure, of another run


@dataclass(frozen=True)
class Gate:
    """One parsed gate; `text` is as written. With `of`, the bound is `bound` times that figure, plus `offset`."""

    text: str
    figure: str
    operator: str
    bound: float
    tolerance: float = 0.0
    step: int | None = None
    by_epoch: int | None = None
    by_step: int | None = None
    of: GateFigure | None = None
    offset: float = 0.0

    def met(self, value: float | None, bound: float | None = None) -> bool:
        """Whether a measured value meets the gate; None (not measured) and values that are not finite never do.

        `bound` replaces the gate's own where it had to be computed. To a sum with an `offset` a value is equal within
        its rounding: 0.85 meets 0.8 + 0.05, which is 0.8500000000000001.
        """
        bound = self.bound if self.of is None else bound
        if value is None or bound is None or not math.isfinite(value) or not math.isfinite(bound):
            return False
        if self.offset and math.isclose(value, bound, rel_tol=_ROUNDING):
            bound = value
        if self.operator == "==":
            return abs(value - bound) <= self.tolerance
        return OPERATORS[self.operator](value, bound)

    def best(self, values: Sequence[float], bound: float | None = None) -> float | None:
        """The value that is nearest to meeting the gate, or None if there is none."""
        centre = self.bound if bound is None else bound
        values = [value for value in values if not math.isnan(value)]
        if not values:
            return None
        if self.operator == "==":
            return min(values, key=lambda value: abs(value - centre))
        return max(values) if self.operator.startswith(">") else min(values)

    @property
    def asks(self) -> tuple[Gate, ...]:
        """The gate itself and, if it compares with another figure, a copy that asks for that figure."""
        if self.of is None or self.of == BASELINE:
            return (self,)
        return self, replace(self, figure=self.of.name, step=self.of.step, by_epoch=None, by_step=None, of=None)


# --- from text to gates -----------------------------------------------------------------------------------------------

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_QUOTED = r'"((?:[^"]|"")*)"'
_WORD = r'(?:"(?:[^"]|"")*"|(?!\+-)[^\s@<>=*"])+'
_TOKEN = (
    rf"(?:(?P<operator>!?[<>=]+)|(?P<mark>\+-|[*@])|(?P<number>{_NUMBER})(?=\+-|[\s@<>=*]|\Z)"
    rf"|(?P<baseline>(?:{'|'.join(BASELINES)})(?=[\s@<>=*+-]|\Z))"
    rf'|(?P<word>{_WORD})|(?P<end>\Z)|(?P<quote>"))'
)
_COMPARABLE = re.compile(r"(?![0-9.+-])[^/.]+[/.].+", re.DOTALL)  # a figure, not `high`, `nan` or `1.5x`
_FORM = "FIGURE OP NUMBER such as 'test/accuracy >= 0.95' or 'batch/loss@999 == 0.0142 +- 5e-5'"
_COMPARED = f"a number, baseline or a figure such as val/loss, or one of {', '.join(BASELINES)}"
# `test/accuracy` in `relu.test/accuracy.low`
_SCORED = re.compile(r"(?:.*\.)?((?:train|val|test|data)/\w+)(?:\.(?:mean|low|high|median|min|max))?", re.DOTALL)


def parse_gate(text: str, arms: Sequence[str] = ()) -> Gate:
    """The gate that `text` describes. ValueError says in one line what was found, where, and what was expected.

    The labels of `arms` need no quotes.
    """
    return _GateReader(text, _tokens(tuple(arms))).gate()


@lru_cache(maxsize=8)
def _tokens(arms: tuple[str, ...]) -> re.Pattern[str]:
    """What finds the next token; a figure may begin with the label of one of the `arms`, the longest that fits."""
    labels = "|".join(re.escape(label) for label in sorted(arms, key=len, reverse=True) if label)
    arm = rf"(?P<arm>{labels})(?P<figure>\.{_WORD})|" if labels else ""
    return re.compile(rf"\s*(?:{arm}{_TOKEN})")


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _without_quotes(token: str) -> str:
    return re.sub(_QUOTED, lambda part: part[1].replace('""', '"'), token)


def gates_from(texts: Iterable[str], arms: Sequence[str] = ()) -> list[Gate]:
    """The gates of a command line; the labels of `arms` need no quotes. ConfigError lists the faults of all of them."""
    faults: list[Fault] = []
    gates: list[Gate] = []
    for text in texts:
        try:
            gates.append(parse_gate(text, arms))
        except ValueError as error:
            faults.append(Fault(str(error), option(text)))
    if faults:
        raise ConfigError(faults)
    return gates


def option(text: str) -> str:
    """The name of a command-line gate in messages."""
    return f"--gate {_shown(text)}"


def _shown(text: str) -> str:
    """`text` for a message: escaped and shortened."""
    short = printable(text)
    return short if len(short) <= 80 else short[:79] + "…"


class _GateReader:
    """Reads the tokens of one gate from left to right; `kind`, `token` and `place` are those of the next one."""

    def __init__(self, text: str, tokens: re.Pattern[str]) -> None:
        self.text, self.tokens, self.position = text, tokens, 0
        self.advance()

    def advance(self) -> None:
        """Go on to the next token."""
        match = self.tokens.match(self.text, self.position)
        assert match is not None  # its last branches match any character, and the end
        assert match.lastgroup is not None
        self.kind, self.token, self.place = match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1
        self.position = match.end()
        if self.kind == "figure":  # of an arm, whose label is quoted where a user need not
            self.kind, self.token, self.place = "word", _quoted(match["arm"]) + self.token, match.start("arm") + 1

    def gate(self) -> Gate:
        """Read the whole gate."""
        figure = self.figure("the name of a figure")
        operator_ = self.one_of(OPERATORS, f"one of {' '.join(OPERATORS)}")
        bound, of = self.side(figure.name)
        offset = self.offset()
        toleranced = self.took("+-")
        tolerance = self.number("a tolerance") if toleranced else 0.0
        limits = self.limits() if self.took("by") else {}
        if self.kind != "end":
            self.fail("the end, '+ NUMBER', '+- NUMBER' after ==, 'by epoch N' or 'by step N'")
        bound, offset = (bound + offset, 0.0) if of is None else (bound, offset)
        about = (tolerance, figure.step)
        gate = Gate(self.text.strip(), figure.name, operator_, bound, *about, **limits, of=of, offset=offset)
        self.check(gate, toleranced=toleranced)
        return gate

    def figure(self, expected: str) -> GateFigure:
        """Read a name and an optional @STEP."""
        name = _without_quotes(self.token)
        if self.kind != "word" or not name or self.token[0].isdigit():
            self.fail(expected)
        self.advance()
        return GateFigure(name, self.count("a step") if self.took("@") else None)

    def side(self, figure: str) -> tuple[float, GateFigure | None]:
        """Read the product that bounds `figure`: the product of its numbers, and the figure among its factors."""
        bound, of = 1.0, None
        while True:
            if self.kind == "number":
                bound *= self.number(_COMPARED)
            elif of is None and self.took(BASELINE.name):
                of = BASELINE
            elif of is None and self.kind == "baseline":
                of = GateFigure(_baseline_figure(self.token, figure))
                self.advance()
            elif of is None and _COMPARABLE.fullmatch(self.token):
                of = self.figure(_COMPARED)
            else:
                self.fail(_COMPARED if of is None else "a number")
            if not self.took("*"):
                return bound, of

    def offset(self) -> float:
        """Read what is added to the product, or taken from it; 0 if there is nothing."""
        sign = {"+": 1.0, "-": -1.0}.get(self.token)
        if sign is not None:
            self.advance()
            return sign * self.number("a number")
        return self.number("a number") if self.kind == "number" and self.token[0] in "+-" else 0.0

    def limits(self) -> dict[str, int]:
        """Read the limit after `by`."""
        unit = self.one_of(("epoch", "step"), "epoch N or step N")
        return {f"by_{unit}": self.count(f"the number of the {unit}")}

    def took(self, token: str) -> bool:
        """Consume the next token if it is this one; returns whether it was."""
        found = self.token == token
        if found:
            self.advance()
        return found

    def one_of(self, tokens: Iterable[str], expected: str) -> str:
        """Read one of these tokens."""
        token = self.token if self.token in tokens else self.fail(expected)
        self.advance()
        return token

    def number(self, expected: str) -> float:
        """Read a number."""
        token = self.token if self.kind == "number" else self.fail(expected)
        self.advance()
        return float(token)

    def count(self, expected: str) -> int:
        """Read a whole number of digits only."""
        token = self.token if re.fullmatch("[0-9]{1,10}", self.token) else self.fail(expected)
        self.advance()
        return int(token)

    def fail(self, expected: str) -> NoReturn:
        """ValueError for the next token."""
        found = {"end": "the end", "quote": "a quote that is never closed"}.get(self.kind, f"'{_shown(self.token)}'")
        where = f"at character {self.place} found {found} instead of {expected}"
        raise ValueError(f"found gate '{_shown(self.text)}', expected {_FORM}; {where}")

    def check(self, gate: Gate, *, toleranced: bool) -> None:
        """Refuse gates that are well formed but make no sense."""
        shown = f"gate '{_shown(self.text)}'"
        if not all(map(math.isfinite, (gate.bound, gate.offset, gate.tolerance))) or gate.tolerance < 0:
            raise ValueError(f"found {shown}, expected finite numbers and a tolerance of at least 0")
        if toleranced and gate.operator != "==":
            raise ValueError(f"found a tolerance after {gate.operator} in {shown}, expected it after ==")
        if gate.step is not None and (gate.by_epoch, gate.by_step) != (None, None):
            raise ValueError(f"found both @STEP and 'by' in {shown}, expected one of them")


def _baseline_figure(name: str, figure: str) -> str:
    """The figure that a baseline has beside `figure`: `baseline/majority/test/accuracy`."""
    found = _SCORED.fullmatch(figure)
    return f"baseline/{name}/{found[1] if found else figure}"


# --- gates that can never be met --------------------------------------------------------------------------------------


def unknown_figure(gate: Gate, known: Iterable[str]) -> str | None:
    """Why the gate's figure is never measured, with a similar name, or None if it is known."""
    known = list(known)
    if gate.figure in known:
        return None
    if gate.figure.startswith("baseline/"):
        return _unknown_baseline(gate, known)
    known = [name for name in known if not name.startswith("baseline/")]
    return f"unknown figure '{_shown(gate.figure)}' in gate '{_shown(gate.text)}'{_hint(gate.figure, known)}"


def _unknown_baseline(gate: Gate, known: Sequence[str]) -> str | None:
    """Why there is no such baseline; None where the figure itself is unknown, which is said of it alone."""
    _, name, figure = gate.figure.split("/", 2)
    if not any(figure in one for one in known):
        return None
    others = [one.split("/")[1] for one in known if one.startswith("baseline/") and one.endswith(f"/{figure}")]
    expected = (
        f"expected {listed(others, 'or')}" if others else "expected a figure that baselines have, with this command"
    )
    return f"found {name} in gate '{_shown(gate.text)}', which is no baseline of {_shown(figure)}; {expected}"


def _hint(figure: str, known: Sequence[str]) -> str:
    """A similar name; for a name without its split, the names that end in it."""
    ends = [name for name in known if name.endswith(f"/{figure}")]
    return suggestion(figure, known) or (f"; expected {' or '.join(ends)}" if ends else "")


def names_a_parameter(figure: str) -> bool:
    """Whether the figure has the form of one entry of a tensor: `dense1/weights[0,0]`."""
    return re.fullmatch(r"[^\[\]]+/[^\[\]]+\[[0-9]{1,10}(,[0-9]{1,10})*\]", figure) is not None


@dataclass(frozen=True)
class WhenMeasured:
    """When a figure is measured: at the end of a run (`final`), and at some steps during it (none: an empty range).

    A gate may ask for any of `steps`; otherwise the figure is first measured at `first` = (step, epoch).
    """

    final: bool
    steps: range = range(0)
    first: tuple[int, float] = (0, 0.0)


def never_met(gate: Gate, moments: WhenMeasured) -> str | None:
    """Why a gate asks for a time at which its figure is not measured, or None."""
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
