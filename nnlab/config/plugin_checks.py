"""What an activation of a plugin says of itself, and what its functions give, checked before it is used."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnlab.errors import printable
from nnlab.maths.activations import Activation, AnyActivation
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.parameters import Parameter

_RESERVED = ("name", "learn", "per_unit")  # other keys beside the parameters in an experiment file
_MOST_KINKS, _FARTHEST_KINK = 1_000, 1e100
_LONGEST = 60  # characters of a name, and of a value in a message
_NAME = f"up to {_LONGEST} letters, digits and _"


class WrongError(Exception):
    """What nnlab finds wrong with a plugin, without its file."""


# --- attributes -------------------------------------------------------------------------------------------------------

Check = tuple[Callable[[Any], bool], str]  # whether a value can be used, and what is expected


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    """Whether a value is a number or ±∞, but no NaN and no integer beyond the floating point numbers."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (abs(value) <= sys.float_info.max or abs(value) == math.inf)


def _is_function_or_none(value: Any) -> bool:
    return value is None or callable(value)


def _are(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda values: isinstance(values, tuple | list) and all(map(kind, values))


def _is_parameter(value: Any) -> bool:
    return type(value) is Parameter


def _are_slopes(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value)) and all(map(callable, value.values()))


_TEXT: Check = (_is_text, "text")
_SWITCH: Check = (_is_switch, "True or False")
_NUMBER: Check = (_is_number, "a number")
_FUNCTION: Check = (callable, "a function")
_OPTIONAL: Check = (_is_function_or_none, "a function or None")

_OF_ACTIVATIONS: dict[str, Check] = {
    **dict.fromkeys(("value", "slope", "backward", "units"), _FUNCTION),
    **dict.fromkeys(("formula", "slope_formula", "range", "initializer", "source", "at_kink", "untrainable"), _TEXT),
    **dict.fromkeys(("randomized", "piece", "value_float32", "slope_float32", "backward_float32"), _OPTIONAL),
    "kinks": (callable, "a function or a list of numbers"),
    "increasing": _SWITCH,
    "parameters": (_are(_is_parameter), "a list of nnlab.maths.parameters.Parameter"),
    "parameter_slopes": (_are_slopes, "a dict from the names of parameters to functions"),
}
_OF_PARAMETERS: dict[str, Check] = {
    "name": (lambda name: _is_text(name) and len(name) <= _LONGEST and name.isidentifier(), _NAME),
    "default": (
        lambda value: value is None or isinstance(value, bool | str) or _is_number(value),
        "a number, True, False, text or None",
    ),
    "description": _TEXT,
    "low": _NUMBER,
    "high": _NUMBER,
    "open_": (_are(_is_number), "a list of numbers"),
    **dict.fromkeys(("whole", "learnable", "learn_by_default"), _SWITCH),
    "choices": (_are(_is_text), "a list of texts"),
    "at_most": _TEXT,
}


def checked(activation: AnyActivation) -> AnyActivation:
    """The activation, with tuples for lists and a function for a list of kinks; WrongError for what cannot be used."""
    if not isinstance(activation.name, str) or not re.fullmatch(rf"[A-Za-z_]\w{{0,{_LONGEST - 1}}}", activation.name):
        raise WrongError(f"found {_shown(activation.name)} as the name of an activation, expected {_NAME}")
    what = f"activation '{activation.name}'"
    activation = _with_kinks(activation)
    for name, (is_right, expected) in _OF_ACTIVATIONS.items():
        if hasattr(activation, name) and not is_right(value := getattr(activation, name)):
            raise WrongError(f"found {_kind(value)} as {name} of {what}, expected {expected}")
    if activation.initializer not in INITIALIZERS:
        raise WrongError(
            f"{what} names the initializer {_shown(activation.initializer)}, expected one of the catalogue"
        )
    parameters = tuple(_checked_parameter(parameter, what) for parameter in activation.parameters)
    for fault in _mismatches(parameters):
        raise WrongError(f"{what} has {fault}")
    return replace(activation, parameters=parameters)


def _with_kinks(activation: AnyActivation) -> AnyActivation:
    """The activation with `kinks` as a function, where a plugin gives a list of points."""
    if isinstance(activation, Activation) and isinstance(activation.kinks, Iterable):
        given = tuple(activation.kinks)
        return replace(activation, kinks=lambda **_parameters: given)
    return activation


def _checked_parameter(parameter: Parameter, what: str) -> Parameter:
    """A parameter whose attributes, each by itself and all together, can be used."""
    for name, (is_right, expected) in _OF_PARAMETERS.items():
        if not is_right(value := getattr(parameter, name)):
            owner = f"a parameter of {what}" if name == "name" else f"parameter '{parameter.name}' of {what}"
            raise WrongError(f"found {_shown(value)} as {name} of {owner}, expected {expected}")
    made = replace(parameter, open_=tuple(parameter.open_), choices=tuple(parameter.choices))
    if not (made.low <= made.high and made.low < math.inf and made.high > -math.inf):
        raise WrongError(
            f"found {made.low} as low and {made.high} as high of parameter '{made.name}' of {what}, expected a range"
        )
    if made.default is not None and not made.allows(made.default):
        raise WrongError(
            f"found {_shown(made.default)} as default of parameter '{made.name}' of {what}, "
            f"expected {printable(made.expected)}"
        )
    return made


def _mismatches(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    """What is wrong with the parameters of an activation among each other."""
    names = [parameter.name for parameter in parameters]
    numbers = {p.name for p in parameters if not p.choices and not isinstance(p.default, bool)}
    for parameter in parameters:
        if parameter.name in _RESERVED:
            yield f"a parameter named {' or '.join(_RESERVED)}, expected another name"
        if names.count(parameter.name) > 1:
            yield f"two parameters named '{parameter.name}', expected different names"
        if parameter.learnable and (parameter.name not in numbers or parameter.whole):
            yield f"a learnable parameter '{parameter.name}', expected a number that is not whole"
        if parameter.learn_by_default and not parameter.learnable:
            yield f"learn_by_default of '{parameter.name}', expected a learnable parameter"
        if parameter.at_most and not {parameter.name, parameter.at_most} <= numbers:
            yield f"{_shown(parameter.at_most)} as at_most of '{parameter.name}', expected the name of a number"


def _kind(value: Any) -> str:
    return printable(type(value).__name__)


def _shown(value: Any) -> str:
    """A value of a plugin, in one short printable line."""
    text = printable(repr(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# --- results ----------------------------------------------------------------------------------------------------------


def points(found: Any) -> tuple[float, ...]:
    """What `kinks` may give: up to 1,000 numbers that a picture can reach."""
    if not (isinstance(found, tuple | list) or (isinstance(found, np.ndarray) and found.ndim == 1)):
        raise WrongError(f"{_kind(found)}, expected a list of numbers")
    if len(found) > _MOST_KINKS:
        raise WrongError(f"{len(found):,} points, expected at most {_MOST_KINKS:,}")
    plain = [point.item() if isinstance(point, np.generic) else point for point in found]
    for point in plain:
        if not _is_number(point) or abs(point) > _FARTHEST_KINK:
            raise WrongError(f"{_shown(point)}, expected numbers from {-_FARTHEST_KINK:g} to {_FARTHEST_KINK:g}")
    return tuple(map(float, plain))


def whole_units(found: Any) -> int:
    """What `units` may give."""
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise WrongError(f"{_shown(found)}, expected a whole number of at least 1")
    return found


def drawn_values(found: Any) -> dict[str, Any]:
    """What `randomized` may give; the function that gets the values says what is wrong with them."""
    if not isinstance(found, dict) or not all(map(_is_text, found)):
        raise WrongError(f"{_kind(found)}, expected a dict from the names of parameters to their values")
    return found


def piece_numbers(found: Any) -> np.ndarray[Any, Any]:
    """What `piece` may give."""
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
        raise WrongError(f"{_kind(found)}, expected an array of numbers")
    return found
