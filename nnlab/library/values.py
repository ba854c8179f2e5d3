"""Arguments of a program, checked: what the command line refuses as text is refused here as a value."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.config.document import of_values
from nnlab.config.overrides import Setting
from nnlab.errors import ConfigError, printable
from nnlab.lengths import inches_of

Settings = Mapping[str, Any] | Sequence[str]
Several = str | Sequence[str]
Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


def settings_of(given: Settings | None) -> list[str | Setting]:
    """Overrides: a mapping from keys to values, or texts KEY=VALUE."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        return [*several(given, "set")]
    for key in given:
        _require(isinstance(key, str), "set", key, "keys that are text")
    return [Setting(key, of_values({"value": value}).values["value"], f"set {key}") for key, value in given.items()]


def texts_of(given: Settings | None) -> list[str]:
    """Overrides as texts KEY=VALUE."""
    if isinstance(given, Mapping):
        return [f"{key}={value}" for key, value in given.items()]
    return several(given or (), "set")


def choices_of(given: Several | Mapping[str, Any], name: str) -> list[str]:
    """What a sweep goes through: texts `KEY=V1,V2`, or a mapping from keys to sequences of values or to texts."""
    if not isinstance(given, Mapping):
        return several(given, name)
    return [f"{key}={value if isinstance(value, str) else ','.join(map(str, value))}" for key, value in given.items()]


def several(given: Several, name: str) -> list[str]:
    """One text or several as a list."""
    texts = [given] if isinstance(given, str) else list(given) if isinstance(given, Sequence) else [given]
    for text in texts:
        _require(isinstance(text, str), name, text, "a text or a sequence of texts")
    return texts


def paths(given: Paths) -> list[Path]:
    """One path or several as a list."""
    listed = [given] if isinstance(given, str | PathLike) else list(given)
    for path in listed:
        _require(isinstance(path, str | PathLike), "plugin", path, "a path or a sequence of paths")
    return [Path(path) for path in listed]


def whole(given: Any, name: str, least: int = 0) -> int:
    """A whole number, also one of NumPy, that is at least so large."""
    try:
        number = operator.index(given)
    except TypeError:
        number = least - 1
    _require(number >= least and not isinstance(given, bool), name, given, f"a whole number of at least {least}")
    return number


def whole_or_none(given: Any, name: str, least: int = 0) -> int | None:
    """The same, or None."""
    return None if given is None else whole(given, name, least)


def positive_or_none(given: Any, name: str) -> float | None:
    """A finite number above 0, or None."""
    if given is None:
        return None
    is_one = isinstance(given, int | float) or (hasattr(given, "item") and getattr(given, "ndim", None) == 0)
    _require(is_one and 0 < float(given) < math.inf, name, given, "a number above 0")
    return float(given)


def numbers_above_0(given: Any, name: str) -> list[float]:
    """One finite number above 0 or several as a list."""
    is_several = isinstance(given, Sequence) or getattr(given, "ndim", 0) == 1
    numbers = [positive_or_none(one, name) for one in (given if is_several else [given])]
    return [number for number in numbers if number is not None]


def width_of(given: Any) -> float | None:
    """The width of a picture in inches, or None."""
    if given is None:
        return None
    try:
        return inches_of(given)
    except ValueError as error:
        raise ConfigError(f"width: {error}") from error


def folder(given: Any) -> Path:
    """The folder of runs."""
    _require(isinstance(given, str | PathLike) and str(given) != "", "runs_dir", given, "the path of a folder")
    return Path(given)


def _require(holds: bool, name: str, given: Any, expected: str) -> None:  # noqa: FBT001 - a condition, not an option
    if not holds:
        raise ConfigError(f"{name}: found {printable(repr(given))[:60]}, expected {expected}")
