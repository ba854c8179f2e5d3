"""Overrides from the command line: `--set optimizer.learning_rate=0.01` puts one value into a document.

The key is a path of names and list indexes joined by dots; the value is read as it would be in the file. A name that
stands for a mapping grows into one: over `optimizer: adam`, `optimizer.learning_rate=0.1` gives
`{name: adam, learning_rate: 0.1}`.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from nnlab.config.document import MOST_DEPTH, Document, KeyPath, Place, read_value, shown
from nnlab.errors import ConfigError, Fault
from nnlab.gates.parse import option

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = re.compile(r"[\w/-]+(\.[\w/-]+)*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Setting:
    """A value that an option such as `--name` sets under a key; the option is its place in messages."""

    key: str
    value: Any
    option: str


def override_all(document: Document, settings: Iterable[str | Setting]) -> Document:
    """A changed copy of `document` with each KEY=VALUE or setting put in, in order. ConfigError lists all faults.

    One that would replace what was set before it is a fault, for nothing that was asked for may be lost.
    """
    faults: list[Fault] = []
    before: list[str] = []
    for setting in settings:
        try:
            document = override(document, setting) if isinstance(setting, str) else _set(document, setting)
        except ConfigError as error:
            faults += error.faults
        key = setting.partition("=")[0] if isinstance(setting, str) else setting.key
        lost = [other for other in before if other.startswith((f"{key}.", f"{key}["))]
        faults += [_lost(shown(key, quotes=False), shown(other, quotes=False)) for other in lost]
        before.append(key)
    if faults:
        raise ConfigError(faults)
    return document


def _lost(key: str, other: str) -> Fault:
    return Fault(f"it would replace {other}, which was set before; expected {key} first", f"--set {key}")


def override(document: Document, text: str) -> Document:
    """A changed copy of `document` with one KEY=VALUE put in.

    The place of the new value is `--set KEY=…`, with the line and column counted in `text`.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(Fault("found no '=', expected KEY=VALUE", f"--set {shown(text, quotes=False)}"))
    file = f"--set {shown(key, quotes=False)}=…"
    names = _names(key, file)
    # Blanks in place of the key, so that columns count in the whole text.
    assigned = _sign(value, (file, 1, len(key) + 2)) or read_value(" " * (len(key) + 1) + value, file)
    columns = accumulate((len(name) + 1 for name in names), initial=1)
    draft = _Draft(document)
    draft.put([(name, (file, 1, column)) for name, column in zip(names, columns, strict=False)], assigned)
    return Document(draft.values, draft.places, draft.key_places)


def _sign(value: str, place: Place) -> Document | None:
    """A sign alone, such as the comma of data.decimal=, stands for itself: YAML would take it for its own."""
    if value not in {",", ";", "|", ".", " ", "'", "\t", "\\t", "?", "-"}:
        return None
    return Document("\t" if value == "\\t" else value, {(): place}, {})


def _set(document: Document, setting: Setting) -> Document:
    """A changed copy of `document` with the value of one option."""
    place: Place = (setting.option, None, None)
    draft = _Draft(document)
    draft.put([(name, place) for name in setting.key.split(".")], Document(setting.value, {(): place}, {}))
    return Document(draft.values, draft.places, draft.key_places)


def with_gates(document: Document, texts: Iterable[str]) -> Document:
    """`document` with more gates after its own; the place of each is the option that set it."""
    gates = document.values.get("gates")
    texts = [text for text in texts if gates is None or isinstance(gates, list)]  # else the file's own fault is enough
    more: dict[KeyPath, Place] = {
        ("gates", index): (option(text), None, None) for index, text in enumerate(texts, start=len(gates or []))
    }
    if not more:
        return document
    values = {**document.values, "gates": [*(gates or []), *texts]}
    return Document(values, {**document.places, **more}, {**document.key_places, **more})


def _names(key: str, file: str) -> list[str]:
    """The parts of a dotted key."""
    if not _KEY.fullmatch(key):
        raise ConfigError(Fault(f"found the key {shown(key)}, expected names joined by dots", file, 1, 1))
    names = key.split(".")
    if len(names) > MOST_DEPTH:
        raise ConfigError(Fault(f"found a key of {len(names)} names, expected at most {MOST_DEPTH}", file, 1, 1))
    return names


class _Draft:
    """A copy of a document while it is being changed."""

    def __init__(self, document: Document) -> None:
        self.values = copy.deepcopy(document.values)
        self.places = dict(document.places)
        self.key_places = dict(document.key_places)

    def put(self, steps: list[tuple[str, Place]], assigned: Document) -> None:
        """Walk down to the last container, creating missing ones, and set the value in it."""
        container: Any = self.values
        path: KeyPath = ()
        for name, place in steps[:-1]:
            path = (*path, _key_in(container, name, place))
            self.open(container, path, place)
            container = container[path[-1]]
        name, place = steps[-1]
        path = (*path, _key_in(container, name, place))
        container[path[-1]] = assigned.values
        self.record(path, place, assigned)

    def open(self, container: Any, path: KeyPath, place: Place) -> None:
        """Turn the value under `path` into a container: missing or null becomes {}, a name becomes {name: …}."""
        child = container.get(path[-1]) if isinstance(container, dict) else container[path[-1]]
        if child is None:
            container[path[-1]] = {}
            self.places[path] = place
            self.key_places.setdefault(path, place)
        elif isinstance(child, str):
            container[path[-1]] = {"name": child}
            self.places[*path, "name"] = self.key_places[*path, "name"] = self.places[path]
        elif not isinstance(child, dict | list):
            where = ".".join(map(str, path))
            raise ConfigError(
                Fault(f"found {child!r} at {shown(where)}, expected a mapping or a list to step into", *place)
            )

    def record(self, path: KeyPath, place: Place, assigned: Document) -> None:
        """Replace the places of the old value under `path` by those of the new one."""
        for places, new in ((self.places, assigned.places), (self.key_places, assigned.key_places)):
            for old in [old for old in places if old[: len(path)] == path]:
                del places[old]
            places.update({(*path, *below): there for below, there in new.items()})
        self.key_places[path] = place


def _key_in(container: dict[str, Any] | list[Any], name: str, place: Place) -> str | int:
    """`name` as a key of a mapping, or as an existing index of a list."""
    if isinstance(container, dict):
        return name
    if not _INDEX.fullmatch(name) or int(name) >= len(container):
        expected = f"an index from 0 to {len(container) - 1}" if container else "no index: the list is empty"
        raise ConfigError(Fault(f"found {shown(name)}, expected {expected}", *place))
    return int(name)
