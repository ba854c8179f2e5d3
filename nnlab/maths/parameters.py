"""The parameters of table entries: numbers, switches or words, with defaults and ranges.

Activations, losses, initialisers and optimizers all describe their parameters with `Parameter`, so that the same code
validates and prints all of them, and a new entry needs no code elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

Value = float | bool | str


@dataclass(frozen=True)
class Parameter:
    """A number in [low, high] (bounds in `open_` are excluded), a switch if the default is True or False, or a word.

    A word is one of `choices`.

    A parameter whose default is None must be given. `learnable` parameters may be part of theta; those that also
    `learn_by_default` are learned unless the experiment says otherwise. `at_most` names a parameter of the same entry
    that this one must not exceed.
    """

    name: str
    default: Value | None
    description: str
    low: float = -math.inf
    high: float = math.inf
    open_: tuple[float, ...] = ()
    whole: bool = False
    learnable: bool = False
    learn_by_default: bool = False
    choices: tuple[str, ...] = ()
    at_most: str = ""

    @property
    def expected(self) -> str:
        """The values that are allowed, in words: `a number in (0, 1]`."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if isinstance(self.default, bool):
            return "true or false"
        number = "a whole number" if self.whole else "a number"
        if self.low == -math.inf and self.high == math.inf:
            return number
        left = "(" if self.low in self.open_ or self.low == -math.inf else "["
        right = ")" if self.high in self.open_ or self.high == math.inf else "]"
        return f"{number} in {left}{_bound(self.low)}, {_bound(self.high)}{right}"

    def allows(self, value: object) -> bool:
        """Whether `value` is of the right kind, finite and in range."""
        if self.choices:
            return value in self.choices
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(self.default, bool) and isinstance(value, bool)
        if not isinstance(value, int | float) or not (math.isfinite(value) or value == self.default):
            return False
        if self.whole and value != int(value):
            return False
        return self.low <= value <= self.high and value not in self.open_


class Entry(Protocol):
    """The interface of all table entries."""

    @property
    def name(self) -> str:
        """The name in an experiment file."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that an experiment file may set."""


AnyEntry = TypeVar("AnyEntry", bound=Entry)


def by_name(*entries: AnyEntry) -> dict[str, AnyEntry]:
    """The entries as a table from name to entry, in the order given."""
    return {entry.name: entry for entry in entries}


def resolved(entry: Entry, given: Mapping[str, Value]) -> dict[str, Value]:
    """`given` completed by the entry's defaults. ValueError for what is missing, unknown or out of range."""
    unknown = set(given) - {parameter.name for parameter in entry.parameters}
    if unknown:
        raise ValueError(f"{entry.name} has no parameter '{min(unknown)}'")
    values = {parameter.name: _checked(entry, parameter, given) for parameter in entry.parameters}
    for _, fault in disordered(entry, values):
        raise ValueError(fault)
    return values


def changed(parameters: Iterable[Parameter], values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that are there and are not the defaults."""
    return {p.name: values[p.name] for p in parameters if p.name in values and values[p.name] != p.default}


def in_words(values: Mapping[str, Value]) -> str:
    """Values of parameters in words: `negative_slope=0.1, threshold=0`."""
    shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in values.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items())


def disordered(entry: Entry, values: Mapping[str, Any]) -> Iterator[tuple[Parameter, str]]:
    """The parameters that exceed the one which they must not exceed, each with what is wrong."""
    for parameter in entry.parameters:
        if parameter.at_most and values[parameter.name] > values[parameter.at_most]:
            low, high = (f"{name}: {values[name]:g}" for name in (parameter.name, parameter.at_most))
            yield parameter, f"found {low} above {high} of {entry.name}, expected at most as much"


def of_type(value: Any, dtype: np.dtype[Any]) -> Any:
    """A parameter's value (number, array or dual array) in this dtype."""
    return value.astype(dtype, copy=False) if hasattr(value, "astype") else dtype.type(value)


def _checked(entry: Entry, parameter: Parameter, given: Mapping[str, Value]) -> Value:
    value = given.get(parameter.name, parameter.default)
    if value is None or not parameter.allows(value):
        raise ValueError(f"found {value} for {parameter.name} of {entry.name}, expected {parameter.expected}")
    return value


def _bound(value: float) -> str:
    return {math.inf: "∞", -math.inf: "-∞"}.get(value, f"{value:g}")
