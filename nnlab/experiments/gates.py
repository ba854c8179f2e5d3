"""Gates held against what a run measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnlab.config.gates import Gate
from nnlab.records.runs import finite


@dataclass
class Measured:
    """Every figure a run measured: the final ones, and those along the way as (step, epoch, value)."""

    final: dict[str, float | None] = field(default_factory=dict)
    history: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)

    def add(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Take note of figures measured at a step."""
        for name, value in figures.items():
            self.history.setdefault(name, []).append((step, epoch, value))


@dataclass(frozen=True)
class Outcome:
    """A gate, the value it was held against (None: not measured) and whether that met it."""

    gate: str
    value: float | None
    met: bool


def hold(gates: Sequence[Gate], measured: Measured) -> list[Outcome]:
    """The outcome of each gate."""
    return [_outcome(gate, _value(gate, measured)) for gate in gates]


def _outcome(gate: Gate, value: float | None) -> Outcome:
    return Outcome(gate.text, finite(value), gate.met(value))


def _value(gate: Gate, measured: Measured) -> float | None:
    """The value that a gate asks for, or None if it was not measured."""
    history = measured.history.get(gate.figure, [])
    if gate.step is not None:
        return next((value for step, _, value in history if step == gate.step), None)
    if gate.by_epoch is not None:
        return gate.best([value for _, epoch, value in history if epoch <= gate.by_epoch])
    if gate.by_step is not None:
        return gate.best([value for step, _, value in history if step <= gate.by_step])
    return measured.final.get(gate.figure)
