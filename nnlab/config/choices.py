"""A named entry of a table with its parameters: `relu`, or `{name: prelu, alpha: 0.1}`.

Activations, initialisers and optimizers are all chosen this way, so they are validated here, by the entry's own
description of its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo
from pydantic_core import PydanticCustomError

from nnlab.errors import suggestion
from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import Entry, Parameter, Value

# A fault inside a value: the path from the value to the wrong part, and what is wrong with it.
Inner = tuple[tuple[str | int, ...], str]


class Choice(BaseModel):
    """An entry's name, its parameters completed by their defaults, and which of them are learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    values: dict[str, Value]
    learn: tuple[str, ...] = ()
    per_unit: bool = False

    def plain(self) -> str | dict[str, Any]:
        """As it stands in an experiment file: the name alone where there is nothing else to say."""
        learned = {"learn": list(self.learn), "per_unit": self.per_unit} if self.learn else {}
        more = self.values | learned
        return {"name": self.name, **more} if more else self.name

    @property
    def label(self) -> str:
        """A short name for tables and legends: `prelu(alpha=0.1)`."""
        inner = ", ".join(f"{key}={_number(value)}" for key, value in self.values.items())
        return f"{self.name}({inner})" if inner else self.name


def inner_faults(faults: list[Inner]) -> PydanticCustomError:
    """An error that carries several faults within one value; `nnlab.config.experiment` unpacks them."""
    return PydanticCustomError("inner", "faults inside a value", {"faults": faults})


def activation_table(info: ValidationInfo) -> Mapping[str, Activation]:
    """The activations that are known here: the built-in ones and those of plugins."""
    table: Mapping[str, Activation] = (info.context or {}).get("activations", ACTIVATIONS)
    return table


def _activation(value: Any, info: ValidationInfo) -> Any:
    return value if isinstance(value, Choice) else choose(value, activation_table(info), "activation")


def _last_activation(value: Any, info: ValidationInfo) -> Any:
    """A head may also end in softmax, which is not elementwise and so no entry of the table."""
    return Choice(name="softmax", values={}) if value == "softmax" else _activation(value, info)


def _initializer(value: Any) -> Any:
    if isinstance(value, Choice) or value == "recommended":
        return value
    return choose(value, INITIALIZERS, "initializer", others=("recommended",))


def _optimizer(value: Any) -> Any:
    return value if isinstance(value, Choice) else choose(value, OPTIMIZERS, "optimizer")


ActivationChoice = Annotated[Choice, BeforeValidator(_activation)]
LastActivationChoice = Annotated[Choice, BeforeValidator(_last_activation)]
InitializerChoice = Annotated[Choice, BeforeValidator(_initializer)]
OptimizerChoice = Annotated[Choice, BeforeValidator(_optimizer)]


def choose(value: Any, table: Mapping[str, Entry], kind: str, others: tuple[str, ...] = ()) -> Choice:
    """The entry of `table` that `value` names, its parameters checked and completed; all faults raised at once."""
    mapping = {"name": value} if isinstance(value, str) else value
    if not isinstance(mapping, dict) or "name" not in mapping:
        raise inner_faults([((), f"found {shown(value)}, expected the name of an {kind} or {{name: …, …}}")])
    name = mapping["name"]
    if not isinstance(name, str) or name not in table:
        raise inner_faults([(_name_path(value), _unknown(kind, name, [*table, *others]))])
    return _complete(table[name], mapping)


def _name_path(value: Any) -> tuple[str, ...]:
    return () if isinstance(value, str) else ("name",)


def _unknown(kind: str, name: Any, known: list[str]) -> str:
    hint = suggestion(str(name), known) or f"; expected one of {', '.join(known)}"
    return f"unknown {kind} {shown(name)}{hint}"


def _complete(entry: Entry, mapping: dict[str, Any]) -> Choice:
    """Check each parameter of the mapping and fill in the defaults."""
    known = {parameter.name: parameter for parameter in entry.parameters}
    extra = ("learn", "per_unit") if any(p.learnable for p in entry.parameters) else ()
    faults: list[Inner] = [
        ((key,), f"unknown key '{key}' of {entry.name}{suggestion(key, [*known, *extra])}")
        for key in mapping
        if key not in known and key != "name" and key not in extra
    ]
    values = {name: mapping.get(name, parameter.default) for name, parameter in known.items()}
    faults += [fault for name, value in values.items() if (fault := _parameter_fault(entry, known[name], value))]
    learn, more = _learned(entry, mapping)
    if faults or more:
        raise inner_faults(faults + more)
    return Choice(name=entry.name, values=values, learn=learn, per_unit=mapping.get("per_unit", False))


def _parameter_fault(entry: Entry, parameter: Parameter, value: Any) -> Inner | None:
    if value is None:
        return (), f"{entry.name} needs '{parameter.name}', expected {parameter.expected}"
    if parameter.allows(value):
        return None
    return (
        parameter.name,
    ), f"found {shown(value)} for {parameter.name} of {entry.name}, expected {parameter.expected}"


def _learned(entry: Entry, mapping: dict[str, Any]) -> tuple[tuple[str, ...], list[Inner]]:
    """The names under `learn`, or those learned by default, and what is wrong with them."""
    learnable = [p.name for p in entry.parameters if p.learnable]
    default = [p.name for p in entry.parameters if p.learn_by_default]
    learn, faults = mapping.get("learn", default), list[Inner]()
    if not isinstance(mapping.get("per_unit", False), bool):
        faults.append((("per_unit",), f"found {shown(mapping['per_unit'])}, expected true or false"))
    if not isinstance(learn, list) or any(name not in learnable for name in learn) or len(set(learn)) != len(learn):
        faults.append((("learn",), f"found {shown(learn)}, expected a list of names out of {', '.join(learnable)}"))
        return (), faults
    return tuple(learn), faults


def shown(value: Any) -> str:
    """A value as the user wrote it, near enough, and short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _number(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
