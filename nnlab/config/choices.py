"""A named entry of a table with its parameters: `relu`, or `{name: prelu, alpha: 0.1}`.

Activations, losses, initialisers and optimizers are all chosen this way, so they are validated here, by the entry's own
description of its parameters. The entry is looked up once, here, and travels with the choice as `choice.entry`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PrivateAttr, ValidationInfo
from pydantic_core import PydanticCustomError

from nnlab.config.document import read_value
from nnlab.errors import ConfigError, Fault, printable, suggestion
from nnlab.maths.activations import Activation, AnyActivation
from nnlab.maths.initializers import INITIALIZERS, Initializer
from nnlab.maths.literature import ALL_ACTIVATIONS, ALL_ALIASES, LITERATURE, ambiguity, published
from nnlab.maths.losses import LOSSES, Loss
from nnlab.maths.optimizers import OPTIMIZERS, Optimizer
from nnlab.maths.parameters import Entry, Parameter, Value, disordered
from nnlab.maths.schedules import SCHEDULES, Plateau, Schedule

# A fault inside a value: the path from the value to the wrong part, and what is wrong with it.
Inner = tuple[tuple[str | int, ...], str]
# From the class frequencies, by class name, or in the order of the classes.
ClassWeights = Literal["balanced"] | dict[str, float] | list[float]


@dataclass(frozen=True)
class _TableEntry:
    """Holds the table entry of a choice, and takes no part in comparing or pickling it: all holders are equal.

    An entry holds functions, and those of a plugin cannot be pickled by name; see `restore_entries`.
    """

    value: Any = field(default=None, compare=False)

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[_TableEntry], tuple[()]]:
        return _TableEntry, ()


class Choice(BaseModel):
    """An entry's name, its parameters completed by their defaults, and which of them are learned."""

    kind: ClassVar[str] = "entry"
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    values: dict[str, Value]
    learn: tuple[str, ...] | None = None
    per_unit: bool = False
    changed: tuple[str, ...] = ()
    formula: str | None = None
    schedule: ScheduleChoice | None = None
    class_weights: ClassWeights | None = None
    _entry: _TableEntry = PrivateAttr(default=_TableEntry())

    @property
    def entry(self) -> Entry:
        """The chosen entry. LookupError if the choice was not made by `choose`, or came out of a pickle."""
        entry: Entry = self._known_entry()
        return entry

    def _known_entry(self) -> Any:
        if self._entry.value is None:
            raise LookupError(f"the {self.kind} {self.name} has no entry: it was not chosen from a table, or pickled")
        return self._entry.value

    def with_entry(self, entry: Entry) -> Self:
        """A copy of this choice that refers to `entry`."""
        choice = self.model_copy()
        choice._entry = _TableEntry(entry)  # noqa: SLF001 - its own
        return choice

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changed fields; if its name or formula changes, it has no entry until `with_entry` sets one."""
        choice = super().model_copy(update=update, deep=deep)
        if (choice.name, choice.formula) != (self.name, self.formula):
            choice._entry = _TableEntry()  # noqa: SLF001 - its own
        return choice

    def plain(self) -> str | dict[str, Any]:
        """The choice as in an experiment file: the name alone where nothing else is set."""
        learned = {} if self.learn is None else {"learn": list(self.learn), "per_unit": self.per_unit}
        more: dict[str, Any] = {key: value for key, value in self.values.items() if value != math.inf} | learned
        if self.schedule is not None:
            base = {"base": self.values["learning_rate"]}
            more["learning_rate"] = {"name": self.schedule.name, **base, **self.schedule.values}
        if self.class_weights is not None:
            more["class_weights"] = self.class_weights
        if self.formula is not None:
            return {"formula": self.formula, **more}
        return {"name": self.name, **more} if more else self.name

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the parameters that are learned."""
        return self.learn or ()

    @property
    def label(self) -> str:
        """A short name for tables and legends: `prelu(alpha=0.1)`; parameters at their defaults are left out."""
        shown_values = self.changed if self.formula is None else tuple(self.values)
        weights = [] if self.class_weights is None else [f"class_weights={_weights_text(self.class_weights)}"]
        inner = ", ".join([*(f"{key}={_number(self.values[key])}" for key in shown_values), *weights])
        if self.formula is not None:
            return f"{self.formula} with {inner}" if inner else self.formula
        return f"{self.name}({inner})" if inner else self.name

    def __str__(self) -> str:
        """The label."""
        return self.label


class ActivationChoice(Choice):
    """An activation from the table, or one given by a formula."""

    kind = "activation"

    @property
    def entry(self) -> AnyActivation:
        """The activation."""
        entry: AnyActivation = self._known_entry()
        return entry


class InitializerChoice(Choice):
    """An initialiser."""

    kind = "initializer"

    @property
    def entry(self) -> Initializer:
        """The initialiser."""
        entry: Initializer = self._known_entry()
        return entry


class LossChoice(Choice):
    """A loss, optionally with class weights."""

    kind = "loss"

    @property
    def entry(self) -> Loss:
        """The loss."""
        entry: Loss = self._known_entry()
        return entry


class ScheduleChoice(Choice):
    """How the learning rate changes."""

    kind = "schedule"

    @property
    def entry(self) -> Schedule | Plateau:
        """The schedule."""
        entry: Schedule | Plateau = self._known_entry()
        return entry


class OptimizerChoice(Choice):
    """An optimizer, optionally with a learning-rate schedule."""

    kind = "optimizer"

    @property
    def entry(self) -> Optimizer:
        """The optimizer."""
        entry: Optimizer = self._known_entry()
        return entry


def restore_entries(value: Any, activations: Mapping[str, AnyActivation]) -> None:
    """Look up the entry of every choice in a model again, in place, after the model came from another process.

    Activations are looked up in `activations`, which includes those of plugins. LookupError for an unknown name.
    """
    if isinstance(value, Choice):
        value._entry = _TableEntry(_entry_named_by(value, activations))  # noqa: SLF001 - see `Choice`
    if isinstance(value, BaseModel):
        for _, item in value:
            restore_entries(item, activations)
    elif isinstance(value, list | tuple):
        for item in value:
            restore_entries(item, activations)


def _entry_named_by(choice: Choice, activations: Mapping[str, AnyActivation]) -> Entry:
    if choice.formula is not None:
        return _from_formula(choice.formula, tuple(choice.values.items()))
    table: Mapping[str, Entry] = activations if isinstance(choice, ActivationChoice) else _TABLES[type(choice)]
    return table[choice.name]


def inner_faults(faults: list[Inner]) -> PydanticCustomError:
    """An error that carries several faults within one value; `nnlab.config.experiment` unpacks them."""
    return PydanticCustomError("inner", "faults inside a value", {"faults": faults})


def faults_of(error: PydanticCustomError) -> list[Inner]:
    """The faults that such an error carries."""
    found: list[Inner] = (error.context or {})["faults"]
    return found


def activation_table(info: ValidationInfo) -> Mapping[str, AnyActivation]:
    """The activations available to this validation: those of nnlab and of plugins."""
    table: Mapping[str, AnyActivation] = (info.context or {}).get("activations", ALL_ACTIVATIONS)
    return table


@lru_cache
def _from_formula(formula: str, values: tuple[tuple[str, Any], ...]) -> Activation:
    from nnlab.maths.expressions import Formula  # noqa: PLC0415 - slow to import, rarely needed

    return Formula.parse(formula, tuple(name for name, _ in values)).to_activation("formula", dict(values))


def _choose_formula(mapping: dict[str, Any]) -> ActivationChoice:
    """An activation given by a formula in x: `{formula: "x * sigmoid(beta * x)", beta: 1.0, learn: [beta]}`."""
    from nnlab.maths.expressions import FormulaError  # noqa: PLC0415 - see above

    text, given = mapping["formula"], {k: v for k, v in mapping.items() if k not in _BESIDE_A_FORMULA}
    if not isinstance(text, str):
        raise inner_faults([(("formula",), f"found {shown(text)}, expected a formula in x, as text")])
    wrong: list[Inner] = [
        ((name,), f"found {shown(value)} for {name} of the formula, expected a number")
        for name, value in given.items()
        if isinstance(value, bool) or not isinstance(value, int | float)
    ]
    if wrong:
        raise inner_faults(wrong)
    try:
        entry = _from_formula(text, tuple((name, float(value)) for name, value in given.items()))
    except FormulaError as error:
        raise inner_faults([(("formula",), f"{error.message}\n{error.pointed()}")]) from error
    rest = {key: value for key, value in mapping.items() if key != "formula"}
    chosen = _complete(entry, {"name": "formula", **rest}, ActivationChoice)
    return chosen.model_copy(update={"formula": text}).with_entry(entry)


_BESIDE_A_FORMULA = ("formula", "learn", "per_unit")


def activation_mapping(word: str) -> dict[str, Any]:
    """An activation in a word, as an experiment file would have it: a name, name:key=value,… or a formula in x.

    ConfigError for a part after the `:` that is no key with a value.
    """
    if re.search(r"[()*/+ ]", word.partition(":")[0]):
        return {"formula": word}
    name, colon, rest = word.partition(":")
    found: dict[str, Any] = {"name": name}
    for pair in rest.split(",") if colon else ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ConfigError(f"found '{printable(pair)}', expected KEY=VALUE after the ':'")
        if key in found:
            raise ConfigError(f"found '{printable(key)}' again, expected it once")
        try:
            found[key] = read_value(value, "").values
        except ConfigError as error:
            raise ConfigError(f"{printable(key)}: {error.faults[0].message}") from error
    return found


def name_and_values(word: str) -> tuple[str, dict[str, Any]]:
    """The name or the formula of an activation in a word, and the values given with a name; as `activation_mapping`."""
    named = activation_mapping(word)
    return named.pop("formula", None) or named.pop("name"), named


def choose_activation(value: Any, table: Mapping[str, AnyActivation]) -> ActivationChoice:
    """The activation of `table` that `value` names; one that passes no gradient is refused.

    ConfigError lists everything wrong with `value`; its faults have no place, since `value` comes from no file.
    """
    try:
        return _choose_activation(value, table)
    except PydanticCustomError as error:
        raise ConfigError([Fault(message) for _, message in faults_of(error)]) from error


def _choose_activation(value: Any, table: Mapping[str, AnyActivation]) -> ActivationChoice:
    if isinstance(value, dict) and "formula" in value and "name" not in value:
        return _choose_formula(value)
    chosen = choose(_without_alias(value, table), table, ActivationChoice)
    if chosen.entry.untrainable:
        raise inner_faults([(_name_path(value), f"{chosen.name} cannot be trained: {chosen.entry.untrainable}")])
    _check_values(chosen)
    return chosen


def _check_values(chosen: ActivationChoice) -> None:
    """Refuse parameters of a formula of the literature with which it jumps or is not finite."""
    entry = published(chosen.entry) if chosen.changed else None
    if entry is None:
        return
    from nnlab.maths.expressions import FormulaError  # noqa: PLC0415 - see above

    try:
        entry.with_values({name: float(value) for name, value in chosen.values.items()})
    except FormulaError as error:
        raise inner_faults([((chosen.changed[0],), f"found {chosen.label}: {error.message}")]) from error


def _without_alias(value: Any, table: Mapping[str, AnyActivation]) -> Any:
    """Replace another framework's or another paper's name for an activation by nnlab's."""
    name = value.get("name") if isinstance(value, dict) else value
    if not isinstance(name, str) or name in table or name not in ALL_ALIASES:
        return value
    return {**value, "name": ALL_ALIASES[name]} if isinstance(value, dict) else ALL_ALIASES[name]


def _activation(value: Any, info: ValidationInfo) -> Any:
    return value if isinstance(value, Choice) else _choose_activation(value, activation_table(info))


def _initializer(value: Any) -> Any:
    return value if isinstance(value, Choice) else choose(value, INITIALIZERS, InitializerChoice)


def _weights(value: Any) -> Any:
    if isinstance(value, Choice) or value == _RECOMMENDED:
        return value
    return choose(value, INITIALIZERS, InitializerChoice, others=(_RECOMMENDED,))


def _loss(value: Any) -> Any:
    """A loss with its class weights; the faults of both are raised together."""
    if isinstance(value, Choice) or not isinstance(value, dict) or "class_weights" not in value:
        return value if isinstance(value, Choice) else choose(value, LOSSES, LossChoice)
    given = {key: item for key, item in value.items() if key != "class_weights"}
    faults: list[Inner] = []
    chosen = None
    try:
        chosen = choose(given, LOSSES, LossChoice)
    except PydanticCustomError as error:
        faults += faults_of(error)
    faults += [(("class_weights", *path), text) for path, text in _weight_faults(value)]
    if chosen is None or faults:
        raise inner_faults(faults)
    weights = value["class_weights"]
    if isinstance(weights, dict):
        weights = {name: float(weight) for name, weight in weights.items()}
    elif isinstance(weights, list):
        weights = [float(weight) for weight in weights]
    return chosen.model_copy(update={"class_weights": weights})


def _weight_faults(loss: dict[str, Any]) -> list[Inner]:
    """What is wrong with class weights apart from their class names, which need the data."""
    name, weights = loss.get("name"), loss["class_weights"]
    taking = [entry.name for entry in LOSSES.values() if entry.weighted]
    if isinstance(name, str) and name in LOSSES and name not in taking:
        return [((), f"found class_weights with {name}, which knows no classes; expected {', '.join(taking)}")]
    if weights == "balanced":
        return []
    if not isinstance(weights, dict | list) or not weights:
        expected = "balanced, a mapping from class to weight, or a list of weights"
        return [((), f"found {shown(weights)}, expected {expected}")]
    items = weights.items() if isinstance(weights, dict) else enumerate(weights)
    faults: list[Inner] = [
        ((key,), f"found {shown(weight)} as the weight of a class, expected a number of at least 0")
        for key, weight in items
        if not _CLASS_WEIGHT.allows(weight)
    ]
    if not faults and not any(weights.values() if isinstance(weights, dict) else weights):
        return [((), f"found {shown(weights)}, expected a weight above 0")]
    return faults


_CLASS_WEIGHT = Parameter("weight", 1.0, "how much a row of the class counts", low=0)


def _optimizer(value: Any) -> Any:
    """An optimizer, Adam by default; a learning rate given as a name or a mapping is a schedule."""
    if isinstance(value, Choice):
        return value
    given = {"name": "adam", **value} if isinstance(value, dict) else value
    rate = given.get("learning_rate") if isinstance(given, dict) else None
    return _with_schedule(given, rate) if isinstance(rate, dict | str) else choose(given, OPTIMIZERS, OptimizerChoice)


def _with_schedule(given: dict[str, Any], rate: dict[str, Any] | str) -> OptimizerChoice:
    """An optimizer with a schedule; the faults of both are raised together."""
    rest = {key: item for key, item in given.items() if key != "learning_rate"}
    has_base = isinstance(rate, dict) and "base" in rate
    if isinstance(rate, dict):
        rest |= {"learning_rate": rate["base"]} if has_base else {}
        rate = {key: item for key, item in rate.items() if key != "base"}
    faults: list[Inner] = []
    optimizer, schedule = None, None
    try:
        optimizer = choose(rest, OPTIMIZERS, OptimizerChoice)
    except PydanticCustomError as error:
        faults += [(_base_path(path), text) for path, text in faults_of(error)]
    try:
        schedule = _schedule(rate)
    except PydanticCustomError as error:
        faults += [(("learning_rate", *path), text) for path, text in faults_of(error)]
    if optimizer is None or schedule is None:
        raise inner_faults(faults)
    return _scheduled(optimizer, schedule)


def _base_path(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path of a fault of the learning rate in the file, where it is the `base` of the schedule."""
    return ("learning_rate", "base") if path == ("learning_rate",) else path


def _schedule(value: dict[str, Any] | str) -> ScheduleChoice:
    if isinstance(value, str) and value not in ALL_SCHEDULES:
        hint = suggestion(value, ALL_SCHEDULES)
        text = f"unknown schedule {shown(value)}, expected a number or one of {', '.join(ALL_SCHEDULES)}{hint}"
        raise inner_faults([((), text)])
    return choose(value, ALL_SCHEDULES, ScheduleChoice)


def _scheduled(optimizer: OptimizerChoice, schedule: ScheduleChoice) -> OptimizerChoice:
    if not optimizer.entry.follows_rate:
        text = f"{optimizer.name} looks at the learning rate in its first step alone; expected a number, no schedule"
        raise inner_faults([(("learning_rate",), text)])
    return optimizer.model_copy(update={"schedule": schedule})


_RECOMMENDED = "recommended"
ALL_SCHEDULES: dict[str, Entry] = {**SCHEDULES, Plateau.name: Plateau()}
_TABLES: dict[type[Choice], Mapping[str, Entry]] = {
    InitializerChoice: INITIALIZERS,
    LossChoice: LOSSES,
    OptimizerChoice: OPTIMIZERS,
    ScheduleChoice: ALL_SCHEDULES,
}

ActivationField = Annotated[ActivationChoice, BeforeValidator(_activation)]
InitializerField = Annotated[InitializerChoice, BeforeValidator(_initializer)]
WeightsField = Annotated[InitializerChoice | Literal["recommended"], BeforeValidator(_weights)]
LossField = Annotated[LossChoice, BeforeValidator(_loss)]
OptimizerField = Annotated[OptimizerChoice, BeforeValidator(_optimizer)]

AnyChoice = TypeVar("AnyChoice", bound=Choice)


def choose(value: Any, table: Mapping[str, Entry], as_: type[AnyChoice], others: tuple[str, ...] = ()) -> AnyChoice:
    """The entry of `table` that `value` names, its parameters checked and completed; all faults are raised together."""
    kind = as_.kind
    mapping = {"name": value} if isinstance(value, str) else value
    if not isinstance(mapping, dict) or "name" not in mapping:
        raise inner_faults([((), f"found {shown(value)}, expected the name of {_a(kind)} or {{name: …, …}}")])
    name = mapping["name"]
    if not isinstance(name, str) or name not in table:
        raise inner_faults([(_name_path(value), _unknown(kind, name, [*table, *others]))])
    return _complete(table[name], mapping, as_)


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _name_path(value: Any) -> tuple[str, ...]:
    return () if isinstance(value, str) else ("name",)


OF_A_PLUGIN = " (one of a plugin needs --plugin FILE.py)"


def _unknown(kind: str, name: Any, known: list[str]) -> str:
    if kind != "activation":
        hint = suggestion(str(name), known) or f"; expected one of {', '.join(known)}"
        return f"unknown {kind} {shown(name)}{hint}"
    if isinstance(name, str) and re.search(r"[+*/(]", name):
        return f"unknown {kind} {shown(name)}; expected a name, or a formula written as {{formula: '…'}}"
    return ambiguity(str(name)) or f"unknown {kind} {shown(name)}{_near_activation(str(name), known)}{OF_A_PLUGIN}"


def _near_activation(name: str, known: list[str]) -> str:
    """The activation that was perhaps meant, or all but those of the literature."""
    own = [other for other in known if other not in LITERATURE]
    return suggestion(name, known) or f"; expected one of {', '.join(own)}, or of `nnlab activations list --all`"


def _complete(entry: Entry, mapping: dict[str, Any], as_: type[AnyChoice]) -> AnyChoice:
    """Check each parameter of the mapping and fill in the defaults."""
    known = {parameter.name: parameter for parameter in entry.parameters}
    extra = ("learn", "per_unit") if any(p.learnable for p in entry.parameters) else ()
    known_keys = [*known, *extra, *(["class_weights"] if getattr(entry, "weighted", False) else [])]
    faults: list[Inner] = [
        ((key,), f"unknown key '{key}' of {entry.name}{suggestion(key, known_keys)}")
        for key in mapping
        if key not in known and key != "name" and key not in extra
    ]
    values = {name: mapping.get(name, parameter.default) for name, parameter in known.items()}
    faults += [fault for name, value in values.items() if (fault := _parameter_fault(entry, known[name], value))]
    learn, more = _learned(entry, mapping)
    if not faults:
        more += [((_written(p, mapping),), fault) for p, fault in disordered(entry, values)]
        more += [
            (("learn",), f"found {name}, which would begin as {values[name]}; expected a finite {name} beside learn")
            for name in learn or ()
            if values[name] in (math.inf, -math.inf)
        ]
    if faults or more:
        raise inner_faults(faults + more)
    changed = tuple(name for name, value in values.items() if value != known[name].default)
    per_unit = mapping.get("per_unit", False)
    choice = as_(name=entry.name, values=values, learn=learn, per_unit=per_unit, changed=changed)
    return choice.with_entry(entry)


def _written(parameter: Parameter, mapping: dict[str, Any]) -> str:
    """Of a parameter and the one that it must not exceed, the one that the file has."""
    return parameter.name if parameter.name in mapping else parameter.at_most


def _parameter_fault(entry: Entry, parameter: Parameter, value: Any) -> Inner | None:
    if value is None:
        return (), f"{entry.name} needs '{parameter.name}', expected {parameter.expected}"
    if parameter.allows(value):
        return None
    return (
        parameter.name,
    ), f"found {shown(value)} for {parameter.name} of {entry.name}, expected {parameter.expected}"


def _learned(entry: Entry, mapping: dict[str, Any]) -> tuple[tuple[str, ...] | None, list[Inner]]:
    """The names under `learn`, else those learned by default (None: nothing can be learned), and their faults."""
    learnable = [p.name for p in entry.parameters if p.learnable]
    if not learnable:
        return None, []
    default = [p.name for p in entry.parameters if p.learn_by_default]
    learn, faults = mapping.get("learn", default), list[Inner]()
    if not isinstance(mapping.get("per_unit", False), bool):
        faults.append((("per_unit",), f"found {shown(mapping['per_unit'])}, expected true or false"))
    if not isinstance(learn, list) or any(name not in learnable for name in learn) or len(set(learn)) != len(learn):
        faults.append((("learn",), f"found {shown(learn)}, expected a list of names out of {', '.join(learnable)}"))
        return (), faults
    return tuple(learn), faults


def shown(value: Any) -> str:
    """A value roughly as the user wrote it, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _weights_text(weights: ClassWeights) -> str:
    if isinstance(weights, str):
        return weights
    if isinstance(weights, list):
        return f"[{', '.join(map(_number, weights))}]"
    return f"{{{', '.join(f'{name}: {_number(weight)}' for name, weight in weights.items())}}}"


def _number(value: Value) -> str:
    """A number for a label, shortened only if no digit is lost: different activations need different labels."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
