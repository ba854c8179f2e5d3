"""The keys of a run's config.yaml, such as `optimizer.learning_rate`: those of a thousand runs are read at once.

A mapping with a `name` is a choice: `optimizer: {name: adam, learning_rate: 0.1}` are the keys `optimizer`, which is
adam, and `optimizer.learning_rate`. A list is one value, and a dense layer in it its width.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from nnlab.config.document import read_text, read_value
from nnlab.errors import ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TOP_LEVEL = re.compile(r"^(?=[^\s#-])", re.MULTILINE)  # where a key of the top level begins
_MOST_CHARACTERS = 10_000  # of a text that is read fast: a deeply nested one takes time with the square of its length


def keys_of(text: str, file_name: str) -> dict[str, Any]:
    """The keys of a config.yaml, in its order. ConfigError if it is no experiment file.

    The parts below the keys of the top level are read one by one, and each only once: those of a thousand runs are
    mostly the same. What that cannot read, the reader of experiment files does.
    """
    if len(text) <= _MOST_CHARACTERS and "&" not in text:  # an anchor could unfold to any size
        try:
            return {key: value for part in _TOP_LEVEL.split(text) for key, value in _keys_of_part(part)}
        except (yaml.YAMLError, ValueError, TypeError, RecursionError):
            pass
    return dict(_flat("", read_text(text, file_name).values))


@functools.lru_cache(maxsize=10_000)
def _keys_of_part(text: str) -> tuple[tuple[str, Any], ...]:
    values = yaml.load(text, _LOADER)  # noqa: S506 - a safe loader, the quick one where there is one
    if values is None:
        return ()
    if not isinstance(values, dict):
        raise ValueError("found no key")  # noqa: TRY004 - the value is wrong, not a type
    json.dumps(values, allow_nan=False)  # raises for dates, bytes, nan and deep nesting, as no experiment has them
    return tuple(_flat("", values))


def _flat(place: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each key with its value."""
    for key, value in values.items():
        path = f"{place}.{key}" if place and key != "name" else place or str(key)
        if isinstance(value, Mapping) and value:
            yield from _flat(path, value)
        else:
            yield path, [_layer(one) for one in value] if isinstance(value, list) else value


def _layer(value: Any) -> Any:
    """An entry of a list; a dense layer without settings as its width, an experiment of a suite as its name."""
    if isinstance(value, Mapping) and "config" in value:
        return value.get("name", value["config"])
    return value["dense"] if isinstance(value, Mapping) and [*value] == ["dense"] else value


def shown(value: Any) -> str:
    """The value of a key in one line; empty if the run has no such key."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def is_value(text: str, value: Any) -> bool:
    """Whether a value is the one that a text such as `0.1`, `relu` or `[64, 32]` means."""
    if text == shown(value):
        return True
    try:
        meant = read_value(text, "value").values
    except ConfigError:
        return False
    return type(meant) is not bool and not isinstance(value, bool) and bool(meant == value)
