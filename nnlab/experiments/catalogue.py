"""The tables of activations, losses, optimizers and so on as plain documents, and one activation in detail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.choices import name_and_values
from nnlab.config.document import write
from nnlab.errors import ConfigError, Fault, printable, suggestion
from nnlab.maths.activations import ACTIVATIONS, Activation, AnyActivation
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.expressions import Formula, FormulaError
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.literature import (
    ALL_ACTIVATIONS,
    ALL_ALIASES,
    Published,
    ambiguity,
    listed_entries,
    published,
)
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import Parameter, resolved
from nnlab.maths.schedules import SCHEDULES, Plateau
from nnlab.maths.statistics import SATURATED_BELOW
from nnlab.storage.outputs import NamedOutput, format_of

Array = NDArray[Any]

TABLES: dict[str, Mapping[str, Any]] = {
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "initializers": INITIALIZERS,
    "optimizers": OPTIMIZERS,
    "schedules": {**SCHEDULES, Plateau.name: Plateau()},
}

# For each table the word for one of its entries, and where an experiment file chooses it.
_CHOSEN: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "activations": ("activation", lambda chosen: {"network": {"activation": chosen}}),
    "losses": ("loss", lambda chosen: {"network": {"head": {"loss": chosen}}}),
    "initializers": ("initialiser", lambda chosen: {"network": {"init": chosen}}),
    "optimizers": ("optimizer", lambda chosen: {"optimizer": chosen}),
    "schedules": ("schedule", lambda chosen: {"optimizer": {"learning_rate": chosen | {"base": 0.01}}}),
}

_REACH, _POINTS = 6.0, 1201
_MOST_CHANGES, _NOISE = 30, 1e-6  # of the sign of a slope in a picture, and the share of it that has none


def listed(
    kind: str, activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS, *, everything: bool = False
) -> list[dict[str, Any]]:
    """Every entry of a table: name, formula, parameters, source; of activations, `everything` adds the literature."""
    entries = listed_entries(activations) if kind == "activations" else TABLES[kind].values()
    return [_about(entry) for entry in entries if everything or not isinstance(entry, Published)]


def entry(kind: str, name: str, activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS) -> dict[str, Any]:
    """An entry of a table with an example of the lines that choose it. ConfigError for an unknown name."""
    table = activations if kind == "activations" else TABLES[kind]
    if name not in table:
        hint = suggestion(name, table) or f"; expected one of {', '.join(table)}"
        raise ConfigError(f"unknown {_CHOSEN[kind][0]} '{printable(name)}'{hint}")
    return {**_about(table[name]), **_example(kind, table[name])}


def _example(kind: str, entry: Any) -> dict[str, str]:
    """The lines of an experiment file that choose an entry, with its parameters at their defaults, if it may be chosen.

    A formula stands for its own name.
    """
    if getattr(entry, "untrainable", ""):
        return {}
    given = {parameter["name"]: parameter["default"] for parameter in map(_parameter, entry.parameters)}
    needed = {parameter.name: 0.1 for parameter in entry.parameters if parameter.default is None}
    name = {"formula": entry.formula} if entry.name == "formula" else {"name": entry.name}
    chosen = {**name, **{name: value for name, value in given.items() if value is not None}, **needed}
    return {"example": write(_CHOSEN[kind][1](entry.name if chosen == {"name": entry.name} else chosen))}


def _about(entry: Any) -> dict[str, Any]:
    more = {
        key: getattr(entry, key) for key in ("slope_formula", "range", "initializer", "tasks") if hasattr(entry, key)
    }
    return {
        "name": entry.name,
        "formula": entry.formula,
        **more,
        "parameters": [
            *map(_parameter, entry.parameters),
            *([_CLASS_WEIGHTS] if getattr(entry, "weighted", False) else []),
        ],
        "source": entry.source,
        **_literature(entry),
    }


def _literature(entry: Any) -> dict[str, Any]:
    """What only a published function has: other names, how certain it is, where it was seen again, and a note."""
    found = entry if isinstance(entry, Published) else published(entry)
    if found is None:
        return {}
    own = {"also": [*found.also], "certainty": found.certainty, "seen_again": found.seen_again}
    return {**own, **({"note": found.note} if found.note else {})}


_CLASS_WEIGHTS = {
    "name": "class_weights",
    "default": None,
    "expected": "balanced, a mapping from class to weight, or a list of weights",
    "learnable": False,
    "description": "how much a row of each class counts",
}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    default = parameter.default
    finite = isinstance(default, bool | str) or (default is not None and np.isfinite(default))
    return {
        "name": parameter.name,
        "default": default if finite else None,
        "expected": parameter.expected,
        "learnable": parameter.learnable,
        "description": parameter.description,
    }


@dataclass(frozen=True)
class Description:
    """One activation in detail; `x`, `value` and `slope` are (G,), over the range that a picture shows.

    `text` is what was asked for: a name, a formula, or a name with values as in `elu:alpha=0.5`.
    """

    about: dict[str, Any]
    x: Array
    value: Array
    slope: Array
    kinks: tuple[float, ...]
    saturated: Array
    text: str

    @property
    def label(self) -> str:
        """Its name in a picture of several, with the values given with it; a formula itself."""
        if ":" in self.text:
            return self.text
        return str(self.about["formula" if self.about["name"] == "formula" else "name"])


def describe(
    text: str,
    activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS,
    values: Mapping[str, float] | None = None,
    least: float | None = None,
) -> Description:
    """Describe an activation, given by name or formula, with these values of its parameters.

    A name may have values itself, as in `elu:alpha=0.5`; `values` come first. Its range is at least from -`least` to
    `least`, and holds its kinks; without a `least` it is ±6, or shorter for a function of short waves.

    Raises ConfigError, with a caret at the place for a malformed formula, and for unknown parameters.
    """
    entry, chosen = entry_and_values(text, activations, values or {})
    if not isinstance(entry, Activation):
        about = _about(entry) | _example("activations", entry)
        return Description(about, *(np.empty(0),) * 3, (), np.empty(0, bool), text)
    kinks = entry.kinks(**chosen)
    reach = max([_reach(entry, chosen) if least is None else least, *(1.5 * abs(kink) for kink in kinks)])
    x = np.linspace(-reach, reach, _POINTS)
    value, slope = BoundActivation(entry, chosen).both(x)
    saturated = np.abs(slope) < SATURATED_BELOW * np.nanmax(np.abs(slope), initial=0.0)
    about = _about(entry) | {"kinks": [_kink(entry, chosen, kink) for kink in kinks], "at_kink": entry.at_kink}
    about |= {"untrainable": entry.untrainable} if entry.untrainable else _example("activations", entry)
    return Description(about, x, value, slope, kinks, saturated, text)


def _reach(entry: Activation, chosen: Mapping[str, Any]) -> float:
    """6, or a sixth of that and so on until the slope changes its sign at most 30 times, as it does in 15 waves."""
    for reach in _REACH / 6.0 ** np.arange(8):
        x = np.linspace(-reach, reach, _POINTS)
        slope = BoundActivation(entry, chosen).slope(x)
        signs = np.where(np.abs(slope) > _NOISE * np.nanmax(np.abs(slope), initial=0.0), np.sign(slope), 0)
        changes = np.count_nonzero(signs[1:] * signs[:-1] < 0)
        if changes <= _MOST_CHANGES:
            return float(reach)
    return _REACH


def entry_and_values(
    text: str, activations: Mapping[str, AnyActivation], values: Mapping[str, float]
) -> tuple[AnyActivation, dict[str, Any]]:
    """The entry that a name or a formula means, and the values of all its parameters. ConfigError as `describe`."""
    name, own = name_and_values(text)
    given = {**own, **values}
    entry = activations.get(ALL_ALIASES.get(name, name)) or _from_formula(name, activations, {} if own else given)
    return entry, _chosen(entry, given, printable(text) if own else "--set")


def _kink(entry: Activation, chosen: Mapping[str, Any], kink: float) -> dict[str, float]:
    """A kink with the slopes on both sides and the slope used there."""
    x = np.array([np.nextafter(kink, -np.inf), np.nextafter(kink, np.inf), kink])
    value, slope = np.empty_like(x), np.empty_like(x)
    entry.value(x, value, **chosen)
    entry.slope(x, value, slope, **chosen)
    return {"x": kink, "left": float(slope[0]), "right": float(slope[1]), "taken": float(slope[2])}


def _chosen(entry: AnyActivation, values: Mapping[str, float], where: str) -> dict[str, Any]:
    """The values of an activation's parameters: given ones, else defaults; `where` they are given stands in errors."""
    try:
        chosen = resolved(entry, values)
        if values and (found := published(entry)) is not None:
            found.with_values({name: float(value) for name, value in chosen.items()})
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return chosen


def _from_formula(text: str, activations: Mapping[str, AnyActivation], values: dict[str, float]) -> Activation:
    if text.isidentifier() and not values and text not in {"x", "pi", "e"}:
        raise ConfigError(ambiguity(text) or f"unknown activation '{printable(text)}'{suggestion(text, activations)}")
    try:
        return Formula.parse(text, tuple(values)).to_activation("formula", values)
    except FormulaError as error:
        hint = "; a parameter gets its value by --set, as in --set beta=1" if "unknown name" in error.message else ""
        raise ConfigError([Fault(line) for line in (error.message + hint, *error.pointed().splitlines())]) from error


def describe_all(
    texts: Sequence[str],
    activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS,
    values: Mapping[str, float] | None = None,
) -> list[Description]:
    """Describe several activations over the same range; each takes the values of the parameters that it has.

    ConfigError for a parameter that none of them has.
    """
    if len(texts) == 1:
        return [describe(texts[0], activations, values)]
    given = {text: _values_for(text, activations, values or {}) for text in texts}
    unused = sorted(set(values or {}).difference(*given.values()))
    if unused:
        raise ConfigError(f"--set: none of {', '.join(map(printable, texts))} has a parameter '{printable(unused[0])}'")
    found = [describe(text, activations, given[text]) for text in texts]
    reach = max((one.x[-1] for one in found if len(one.x)), default=_REACH)
    return [describe(text, activations, given[text], reach) for text in texts]


def _values_for(
    text: str, activations: Mapping[str, AnyActivation], values: Mapping[str, float]
) -> Mapping[str, float]:
    """The values of those parameters that an activation has, or that a formula names."""
    name, _ = name_and_values(text)
    known = activations.get(ALL_ALIASES.get(name, name))
    names = re.findall(r"\w+", text) if known is None else [parameter.name for parameter in known.parameters]
    return {name: value for name, value in values.items() if name in names}


_MOST_TOGETHER = 8


def picture(descriptions: Sequence[Description], output: NamedOutput) -> None:
    """Draw functions and their slopes into an output, whose name says in which format."""
    output.write(drawn(descriptions, format_of(output.path)))


def drawn(descriptions: Sequence[Description], kind: str) -> bytes:
    """A picture of functions and their slopes as a file of this kind: one with kinks and saturation, or several.

    ConfigError for a function of whole rows, and for more than can be told apart.
    """
    from nnlab import pictures as plots  # noqa: PLC0415 - matplotlib is loaded when the first picture is drawn

    for one in descriptions:
        if not len(one.x):
            raise ConfigError(f"{one.about['name']} works on a whole row of units, so that it has no picture")
    if len(descriptions) > _MOST_TOGETHER:
        raise ConfigError(f"found {len(descriptions)} functions, expected at most {_MOST_TOGETHER} in one picture")
    first = descriptions[0]
    if len(descriptions) > 1:
        curves = [plots.FunctionCurve(one.label, one.value, one.slope, one.kinks) for one in descriptions]
        return plots.to_format(plots.functions(first.x, curves), kind)
    figure = plots.activation(
        first.x,
        first.value,
        first.slope,
        kinks=first.kinks,
        saturated=first.saturated,
        formula=str(first.about["formula"]),
        slope_formula=str(first.about["slope_formula"]),
        title=str(first.about["name"]),
    )
    return plots.to_format(figure, kind)
