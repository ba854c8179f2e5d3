"""The tables of activations, losses, optimizers and so on as plain documents, and one activation in detail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError, Fault, printable, suggestion
from nnlab.maths.activations import ACTIVATIONS, ALIASES, Activation, AnyActivation
from nnlab.maths.expressions import Formula, FormulaError
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import Parameter, resolved
from nnlab.maths.schedules import SCHEDULES, Plateau
from nnlab.maths.statistics import SATURATED_BELOW
from nnlab.runs.outputs import NamedOutput

Array = NDArray[Any]

TABLES: dict[str, Mapping[str, Any]] = {
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "initializers": INITIALIZERS,
    "optimizers": OPTIMIZERS,
    "schedules": {**SCHEDULES, Plateau.name: Plateau()},
}

_REACH, _POINTS = 6.0, 1201


def listed(kind: str, activations: Mapping[str, AnyActivation] = ACTIVATIONS) -> list[dict[str, Any]]:
    """Every entry of a table: name, formula, parameters, source."""
    table = activations if kind == "activations" else TABLES[kind]
    return [_about(entry) for entry in table.values()]


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
    }


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
    """One activation in detail; `x`, `value` and `slope` are (G,), over the range that a picture shows."""

    about: dict[str, Any]
    x: Array
    value: Array
    slope: Array
    kinks: tuple[float, ...]
    saturated: Array


def describe(
    text: str, activations: Mapping[str, AnyActivation] = ACTIVATIONS, values: Mapping[str, float] | None = None
) -> Description:
    """Describe an activation, given by name or formula, with these values of its parameters.

    Raises ConfigError, with a caret at the place for a malformed formula, and for unknown parameters.
    """
    values = dict(values or {})
    entry = activations.get(ALIASES.get(text, text)) or _from_formula(text, activations, values)
    chosen = _chosen(entry, values)
    if not isinstance(entry, Activation):
        return Description(_about(entry), *(np.empty(0),) * 3, (), np.empty(0, bool))
    kinks = entry.kinks(**chosen)
    reach = max([_REACH, *(1.5 * abs(kink) for kink in kinks)])
    x = np.linspace(-reach, reach, _POINTS)
    value, slope = np.empty_like(x), np.empty_like(x)
    with np.errstate(all="ignore"):
        entry.value(x, value, **chosen)
        entry.slope(x, value, slope, **chosen)
    saturated = np.abs(slope) < SATURATED_BELOW * np.nanmax(np.abs(slope), initial=0.0)
    about = _about(entry) | {"kinks": [_kink(entry, chosen, kink) for kink in kinks], "at_kink": entry.at_kink}
    about |= {"untrainable": entry.untrainable} if entry.untrainable else {}
    return Description(about, x, value, slope, kinks, saturated)


def _kink(entry: Activation, chosen: Mapping[str, Any], kink: float) -> dict[str, float]:
    """A kink with the slopes on both sides and the slope used there."""
    x = np.array([np.nextafter(kink, -np.inf), np.nextafter(kink, np.inf), kink])
    value, slope = np.empty_like(x), np.empty_like(x)
    entry.value(x, value, **chosen)
    entry.slope(x, value, slope, **chosen)
    return {"x": kink, "left": float(slope[0]), "right": float(slope[1]), "taken": float(slope[2])}


def _chosen(entry: AnyActivation, values: Mapping[str, float]) -> dict[str, Any]:
    """The values of an activation's parameters: given ones, else defaults."""
    try:
        return resolved(entry, values)
    except ValueError as error:
        raise ConfigError(f"--set: {error}") from error


def _from_formula(text: str, activations: Mapping[str, AnyActivation], values: dict[str, float]) -> Activation:
    if text.isidentifier() and not values and text not in {"x", "pi", "e"}:
        raise ConfigError(f"unknown activation '{printable(text)}'{suggestion(text, activations)}")
    try:
        return Formula.parse(text, tuple(values)).to_activation("formula", values)
    except FormulaError as error:
        hint = "; a parameter gets its value by --set, as in --set beta=1" if "unknown name" in error.message else ""
        raise ConfigError([Fault(line) for line in (error.message + hint, *error.pointed().splitlines())]) from error


def picture(description: Description, output: NamedOutput) -> None:
    """Draw the function and its slope as PNG."""
    from nnlab import pictures as plots  # noqa: PLC0415 - matplotlib is loaded when the first picture is drawn

    about = description.about
    if not len(description.x):
        raise ConfigError(f"{about['name']} works on a whole row of units, so that it has no picture")
    figure = plots.activation(
        description.x,
        description.value,
        description.slope,
        kinks=description.kinks,
        saturated=description.saturated,
        formula=str(about["formula"]),
        slope_formula=str(about["slope_formula"]),
        title=str(about["name"]),
    )
    output.write(plots.to_png(figure))
