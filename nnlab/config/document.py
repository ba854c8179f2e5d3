r"""The text of an experiment file: YAML read strictly, with the place of every key and value.

Only the YAML that an experiment needs is accepted: mappings, lists, text, numbers, true, false and null, in one
document. Anything that two YAML readers may interpret differently (`017`, `1:30`, `1e400`) is refused, and so are tags,
anchors and merge keys. `1e-3` is a number. The words `yes`, `no`, `on`, `off`, `y` and `n` are text: a column may have
such a name. What the values mean is checked by the schema, not by this module.

    text ──► YAML events ──► plain values + places          read_file, read_text, read_value
    plain values ──► text                                   write

Only PyYAML's events are used: no objects are constructed, no aliases expanded, no code run.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from nnlab.errors import ConfigError, Fault, StorageError, printable

KeyPath = tuple[str | int, ...]  # ("network", "layers", 1)
Place = tuple[str, int | None, int | None]  # file, line and column from 1; an option has neither line nor column
_Event = Any  # PyYAML's stubs allow an event and an error to have no mark; those that a parser makes have one
_Mark = Any

STDIN = "<stdin>"
_DESCRIPTOR = re.compile(r"/(dev|proc/self)/fd/[0-9]+")  # what bash and zsh write for <(…)
MOST_BYTES = 2**20  # room for 40,000 layers with all their keys, and a few seconds of reading
MOST_DEPTH = 50
MOST_FAULTS = 50  # further ones are only counted
LINE_WIDTH = 100  # longest line for a list written on one line


@dataclass(frozen=True)
class Document:
    """Plain values as read (dict, list, str, int, float, bool, None), and where in the text each of them stands."""

    values: Any
    places: Mapping[KeyPath, Place]
    key_places: Mapping[KeyPath, Place]

    def position(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """(file, line, column) of the value under `path`, or of its key; of the nearest parent where it is missing."""
        places = self.key_places if of_key else self.places
        return next(places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in places)


class BooleanWord(str):
    """`yes`, `No`, `on`, `y`, `True`, … without quotes: a name where text is wanted, and never a boolean.

    The type is kept, so that a key that wants a boolean can say what to write instead.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """The word as it stands in the file, for messages."""
        return str(self)


def read_file(path: str | os.PathLike[str]) -> Document:
    """Read the experiment file at `path`. ConfigError lists every fault; StorageError if it cannot be read.

    `-` and /dev/stdin are standard input; a shell's `<(…)` is read as well, other named pipes are refused. Of what is a
    table by its name the last fault says how an experiment is made for it.
    """
    try:
        return _read_file(path)
    except ConfigError as error:
        if not _is_table_file(path):
            raise
        *others, last = error.faults
        command = printable(shlex.join(["nnlab", "init", os.fspath(path)]))
        hint = replace(last, message=f"{last.message}; is it a table? first: {command}")
        raise ConfigError([*others, hint]) from error


def _is_table_file(path: str | os.PathLike[str]) -> bool:
    from nnlab.data.catalogue import is_table  # noqa: PLC0415 - YAML is read without NumPy

    return os.path.isfile(path) and is_table(Path(path))  # noqa: PTH113 - a Path would turn '' into '.'


def _read_file(path: str | os.PathLike[str]) -> Document:
    name, shown_name = os.fspath(path), shown_path(path)
    if shown_name != STDIN:
        _require_regular_file(name)
    try:
        data = _standard_input() if shown_name == STDIN else _content(name)
    except OSError as error:
        raise StorageError(f"cannot read {printable(shown_name)}: {error.strerror}") from error
    return read_text(_decoded(data, shown_name), shown_name)


def shown_path(path: str | os.PathLike[str]) -> str:
    """The experiment file at `path` in messages."""
    name = os.fspath(path)
    return STDIN if name in ("-", "/dev/stdin") else name


def folder_of(path: str | os.PathLike[str]) -> Path:
    """The folder from which relative paths in an experiment file are seen: its own; here for what a shell pipes in."""
    return Path() if shown_path(path) == STDIN or _DESCRIPTOR.fullmatch(os.fspath(path)) else Path(path).parent


def read_text(text: str, file_name: str) -> Document:
    """Read an experiment from its text, a mapping at the top level. ConfigError lists every fault, sorted by place."""
    return _read(text, file_name, top_level="'key: value' lines")


def of_values(values: Mapping[str, Any]) -> Document:
    """An experiment that a program gives as plain values; the place of each is its key, such as `network.layers[1]`.

    Tuples are read as lists, paths as text, and numbers of NumPy as those of Python.
    """
    places: dict[KeyPath, Place] = {(): ("experiment", None, None)}
    return Document(_plain_copy(values, (), places), places, places)


def _plain_copy(value: Any, path: KeyPath, places: dict[KeyPath, Place]) -> Any:
    """A copy of plain values, each with its place put into `places`."""
    if path:
        places[path] = (key_text(path), None, None)
    if isinstance(value, Mapping):
        return {key: _plain_copy(inner, (*path, key), places) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_copy(inner, (*path, index), places) for index, inner in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def key_text(path: KeyPath) -> str:
    """The path of a key as text, such as `network.layers[1]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def read_value(text: str, file_name: str) -> Document:
    """Read a value from its text, such as the part of an override after the `=`."""
    return _read(text, file_name, top_level=None)


# --- Unquoted scalars ------------------------------------------------------------------------------------------------


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number below 1.8e308")
    return value


_QUOTE = "; quote it if text is meant"

# The first pattern that matches the whole scalar decides: its function reads the value, or its string says what is
# expected instead. A scalar that matches no pattern is text.
_SCALARS: list[tuple[re.Pattern[str], Callable[[str], Any] | str]] = [
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"|~|null", lambda _: None),
        (r"true", lambda _: True),
        (r"false", lambda _: False),
        (r"[-+]?[0-9]{101,}", "an integer of at most 100 digits"),
        (r"[-+]?(0|[1-9][0-9]*)", int),
        (r"[-+]?0[0-9]+", "a number without leading zeros, which some readers take for octal" + _QUOTE),
        (r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", _finite),
        (r"(?i:true|false|yes|no|on|off|y|n)", BooleanWord),
        (r"(?i:null)", "null in lower case" + _QUOTE),
        (r"(?i:[-+]?\.?(nan|inf|infinity))", "a finite number" + _QUOTE),
        (r"(?i:[-+]?0[box][0-9a-f_]+)", "a number in decimal digits" + _QUOTE),
        (r"[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?", "a number in decimal digits, not to base 60" + _QUOTE),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?", "a number or a name: there are no dates here" + _QUOTE),
        (r"[-+]?\.?[0-9][0-9._,]*([eE][-+]?[0-9]+)?", "a number such as 1000 or 0.1, in digits and one point" + _QUOTE),
    )
]


def _read_scalar(text: str) -> Any:
    """The value of an unquoted scalar. ValueError, with what is expected instead, for one that is refused."""
    rule = next((rule for pattern, rule in _SCALARS if pattern.fullmatch(text)), str)
    if isinstance(rule, str):
        raise ValueError(rule)  # noqa: TRY004 - the value is wrong, not a type
    return rule(text)


# --- From YAML events to values --------------------------------------------------------------------------------------


def _read(text: str, file_name: str, top_level: str | None) -> Document:
    text = text.removeprefix("\ufeff")
    if len(text) > MOST_BYTES:
        raise ConfigError(Fault(f"found more than {MOST_BYTES:,} characters, expected an experiment", file_name))
    _require_printable(text, file_name)
    reader = _DocumentReader(text, file_name)
    return Document(reader.document(top_level), reader.places, reader.key_places)


class _DocumentReader:
    """Walks the events of one text and collects its values, the place of each key and value, and every fault."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.loader = yaml.SafeLoader(text)  # asked for events only: it composes and constructs nothing
        self.faults: list[Fault] = []
        self.places: dict[KeyPath, Place] = {}
        self.key_places: dict[KeyPath, Place] = {}

    def document(self, top_level: str | None) -> Any:
        """The value of the whole text; `top_level`, if given, requires a mapping and describes it in messages."""
        self.next_event()  # the start of the stream
        first = self.next_event()
        if isinstance(first, yaml.StreamEndEvent):
            self.stop(first.start_mark, f"found nothing, expected {top_level or 'a value'}")
        root = self.next_event()
        if top_level and not isinstance(root, yaml.MappingStartEvent):
            self.stop(root.start_mark, f"found {_kind(root)}, expected {top_level}")
        value = self.value(root, ())
        self.next_event()  # the end of the document
        after = self.next_event()
        if not isinstance(after, yaml.StreamEndEvent):
            self.stop(after.start_mark, "found a second document, expected a single one")
        if self.faults:
            raise ConfigError(_in_order(self.faults))
        return value

    def value(self, event: _Event, path: KeyPath) -> Any:
        """The value that `event` starts."""
        self.places[path] = self.place(event.start_mark)
        self.key_places.setdefault(path, self.places[path])  # an item of a list has no key of its own
        self.check_properties(event)
        if len(path) > MOST_DEPTH:
            self.stop(event.start_mark, f"found values nested deeper than {MOST_DEPTH} levels, expected fewer")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        return self.mapping(path) if isinstance(event, yaml.MappingStartEvent) else self.items(path)

    def items(self, path: KeyPath) -> list[Any]:
        """The items of a list."""
        items: list[Any] = []
        for event in self.events_until(yaml.SequenceEndEvent):
            items.append(self.value(event, (*path, len(items))))
        return items

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        """The keys and values of a mapping."""
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for event in self.events_until(yaml.MappingEndEvent):
            key = self.key(event)
            if key in lines:
                again = f"found the key {shown(key)} a second time, expected only the one on line {lines[key]}"
                self.note(event.start_mark, again)
            lines.setdefault(key, event.start_mark.line + 1)
            self.key_places[*path, key] = self.place(event.start_mark)
            values[key] = self.value(self.next_event(), (*path, key))
        return values

    def key(self, event: _Event) -> str:
        """The text of a key, also of one that is refused."""
        if not isinstance(event, yaml.ScalarEvent):
            self.stop(event.start_mark, f"found {_kind(event)} as a key, expected a name{_QUOTE}")
        self.check_properties(event)
        key: str = event.value
        self.check_characters(event)
        if event.style is None and key == "<<":
            self.note(event.start_mark, "found the merge key <<, expected the keys themselves")
        elif event.style is None and ":" in key:
            self.note(event.start_mark, f"found {shown(key)} as a key, expected a space after its ':'")
        elif event.style is None and not _is_name(key):
            self.note(event.start_mark, f"found {shown(key)} as a key, expected a name{_QUOTE}")
        return key

    def scalar(self, event: _Event) -> Any:
        """Quoted and block scalars are text; an unquoted one is what the table says."""
        self.check_characters(event)
        if event.style is not None or event.tag is not None:
            return event.value
        if event.start_mark.line != event.end_mark.line:  # usually a missing colon or dash
            self.note(event.start_mark, "found unquoted text over several lines, expected one line or quotes around it")
            return event.value
        try:
            return _read_scalar(event.value)
        except ValueError as refusal:
            self.note(event.start_mark, f"found {shown(event.value, quotes=False)}, expected {refusal}")
            return None

    def check_properties(self, event: _Event) -> None:
        """Refuse tags, and stop at the first anchor or alias: expanding aliases may never end."""
        if isinstance(event, yaml.AliasEvent):
            self.stop(event.start_mark, f"found the alias {shown(f'*{event.anchor}')}, expected a value{_QUOTE}")
        if event.anchor is not None:
            self.stop(event.start_mark, f"found the anchor {shown(f'&{event.anchor}')}, expected a value{_QUOTE}")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.note(event.start_mark, f"found the tag {shown(tag)}, expected a plain value{_QUOTE}")

    def check_characters(self, event: _Event) -> None:
        """Refuse lone surrogates: only an escape sequence can produce them, and no UTF-8 file can hold them."""
        for half in re.findall("[\ud800-\udfff]", event.value):
            self.note(event.start_mark, f"found the escape {printable(half)}, expected the whole character")

    def events_until(self, end: type[yaml.Event]) -> Iterator[_Event]:
        """The events up to the next `end`; the caller consumes those of nested values from the same stream."""
        while not isinstance(event := self.next_event(), end):
            yield event

    def next_event(self) -> _Event:
        """The next event. ConfigError where the text is no valid YAML."""
        try:
            return self.loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as error:
            self.stop(*_in_plain_words(error))
        except (ValueError, OverflowError):  # PyYAML's own: \UFFFFFFFF, or %YAML with a 5,000-digit version
            self.stop(self.loader.get_mark(), r"found a code beyond \U0010ffff, expected one of a character")

    def place(self, mark: _Mark) -> Place:
        """The place of `mark`, counted from 1."""
        return self.file, mark.line + 1, mark.column + 1

    def note(self, mark: _Mark, message: str) -> None:
        """Record a fault and continue."""
        self.faults.append(Fault(message, *self.place(mark)))

    def stop(self, mark: _Mark, message: str) -> NoReturn:
        """Record a fault after which the rest cannot be read sensibly, and raise all faults."""
        self.note(mark, message)
        raise ConfigError(_in_order(self.faults))


def _in_order(faults: list[Fault]) -> list[Fault]:
    """The faults in the order of the text; those beyond MOST_FAULTS are only counted."""
    ordered = sorted(faults, key=lambda fault: (fault.line or 0, fault.column or 0))
    if len(ordered) <= MOST_FAULTS:
        return ordered
    return [*ordered[:MOST_FAULTS], Fault(f"{len(ordered) - MOST_FAULTS} more faults are not shown", faults[0].file)]


def _is_name(scalar: str) -> bool:
    """Whether the scalar, without quotes, can be a key: text, or a word for true or false."""
    try:
        return isinstance(_read_scalar(scalar), str | bool)
    except ValueError:
        return False


def _is_text(scalar: str) -> bool:
    """Whether every reader of YAML takes the scalar, without quotes, for text."""
    try:
        return type(_read_scalar(scalar)) is str
    except ValueError:
        return False


def shown(text: str, *, quotes: bool = True) -> str:
    """`text` for a message: escaped, shortened, and by default in quotes."""
    short = printable(text if len(text) <= 60 else text[:59] + "…")
    return f"'{short}'" if quotes else short


def _kind(event: _Event) -> str:
    """What `event` starts, in words."""
    if isinstance(event, yaml.ScalarEvent):
        return f"the single value {shown(event.value)}" if event.value or event.style else "nothing"
    names = {yaml.SequenceStartEvent: "a list", yaml.MappingStartEvent: "a mapping", yaml.AliasEvent: "an alias"}
    return names[type(event)]


# --- Faults of YAML itself -------------------------------------------------------------------------------------------

_SYNTAX = (
    (r"found character '\\t' .*", "found a tab, expected spaces: YAML is indented with spaces only"),
    (r"found character (.*) that cannot start any token", r"found \1 where a value starts, expected quotes around it"),
    (r"found unknown escape character '(.*)'", r"found the escape \\\1, expected one of YAML's, or single quotes"),
    (r"mapping values .*", "found a ':' too many, expected one key to a line (did an earlier ':' lose its space?)"),
    (r"sequence entries .*", "found '-' on the line of a key, expected the list to start on a line of its own"),
    (r"could not find expected ':'", "found a line without ':', expected 'key: value'"),
    (r"found unexpected end of stream", "found a quote that is never closed, expected its partner"),
    (r"found unexpected document separator", "found a quote that is never closed, expected its partner"),
    (r".*but found '<block mapping start>'", "found an indentation that fits no line above, expected the same spaces"),
    (r"expected <block end>, but found (.*)", r"found \1 out of place, expected the next key or item"),
    (r"expected (.*), but (?:found|got) (.*)", r"found \2, expected \1"),
    (r"(.*)", r"found text that is not YAML (\1), expected 'key: value' lines"),
)
_TERMS = {
    "the node content": "a value",
    "alphabetic or numeric character": "a letter or a digit",
    r"'<stream end>'": "the end of the text",
    r"'\x00'": "the end of the text",
    r"'<scalar>'": "more text",
    r"'<block end>'": "the end of an indented part",
    r"'<block sequence start>'": "an indented list",
    r"'<document start>'": "the start of a document",
    r"'?'": "a key",
}


def _in_plain_words(error: Any) -> tuple[_Mark, str]:
    """Where the YAML parser failed, and why."""
    pattern, message = next(row for row in _SYNTAX if re.fullmatch(row[0], error.problem or "", re.DOTALL))
    message = re.sub(pattern, message, error.problem or "", count=1, flags=re.DOTALL)
    for term, words in _TERMS.items():
        message = message.replace(term, words)
    if "flow" in (error.context or ""):
        message += f" (of the bracket that opens on line {error.context_mark.line + 1})"
    # A missing end is reported at its start: the end of the file is no help.
    starts_earlier = message.startswith(("found a quote", "found a line without"))
    return error.context_mark if starts_earlier else error.problem_mark, printable(message)


# --- Files and characters --------------------------------------------------------------------------------------------

_SPECIAL_FILES = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Characters that YAML calls unprintable, and those that some editors and readers take for the end of a line. There are
# two classes because `re` is ten times slower with a single one that spans a wide range.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]")


def _require_regular_file(name: str) -> None:
    """Check before opening: opening a named pipe would block until somebody writes into it.

    One that is already open, as a descriptor of this process, has a writer.
    """
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - a Path would turn '' into '.'
    except PermissionError as error:
        raise StorageError(f"cannot read {printable(name)}: {error.strerror}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ConfigError(Fault(f"found {_missing(name)}, expected an experiment file", name or None)) from error
    for is_kind, kind in _SPECIAL_FILES:
        if is_kind(mode) and not (stat.S_ISFIFO(mode) and _DESCRIPTOR.fullmatch(name)):
            raise ConfigError(Fault(f"found {kind}, expected an experiment file", name))


def _content(name: str) -> bytes:
    with open(name, "rb") as file:  # noqa: PTH123 - a Path would turn '' into '.'
        return file.read(MOST_BYTES + 1)


def _standard_input() -> bytes:
    """What is piped in. ConfigError for a terminal, where nobody knows that they are waited for."""
    if sys.stdin is None or sys.stdin.isatty():
        found = "a terminal" if sys.stdin else "no standard input"
        raise ConfigError(
            Fault(f"found {found}, expected an experiment, as in: nnlab train - < experiment.yaml", STDIN)
        )
    return sys.stdin.buffer.read(MOST_BYTES + 1)


def _missing(name: str) -> str:
    if not name:
        return "an empty path"
    return "a link that leads to no file" if os.path.islink(name) else "no file of this name"  # noqa: PTH114 - as above


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MOST_BYTES:
        raise ConfigError(Fault(f"found more than {MOST_BYTES:,} bytes, expected an experiment file", name))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        looks = " (it looks like UTF-16)" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        message = f"found the byte 0x{data[error.start]:02x} at offset {error.start}, expected UTF-8 text{looks}"
        place = _line_and_column(data[: error.start].decode("utf-8"))
        raise ConfigError(Fault(message, name, *place)) from error


def _require_printable(text: str, file_name: str) -> None:
    """Refuse control characters and lone surrogates; each kind is reported once, at its first place."""
    faults = []
    for character, count in Counter(_UNPRINTABLE.findall(text)).items():
        times = f" ({count} times, here first)" if count > 1 else ""
        message = f"found the character {printable(character)}{times}, expected printable text"
        faults.append(Fault(message, file_name, *_line_and_column(text[: text.index(character)])))
    if faults:
        raise ConfigError(_in_order(faults))


def _line_and_column(before: str) -> tuple[int, int]:
    """Line and column, from 1, of the character after the text `before`."""
    lines = re.split(r"\r\n?|\n", before)
    return len(lines), len(lines[-1]) + 1


# --- From values to text ---------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z_/]([\w ./<>=+@-]*[\w./<>=+@-])?", re.ASCII)


def write(values: Mapping[str, Any]) -> str:
    """YAML text that `read_text` and any other YAML reader read back to exactly these values.

    Mappings are written one key per line, lists of scalars on one line if they fit. A tuple is written as a list.
    ValueError for values that cannot be read back (nan, a lone surrogate), TypeError for values that are not plain.
    """
    return "".join(line + "\n" for line in _block(values))


def _block(value: Any) -> Iterator[str]:
    """The lines of a value that starts on a line of its own."""
    inline = _inline(value)
    if inline is not None:
        yield inline
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{_text(key)}:", item)
    else:
        for item in value:
            yield from _indented("- ", _block(item))


def _entry(key: str, value: Any) -> Iterator[str]:
    inline = _inline(value)
    if inline is not None:
        yield f"{key} {inline}"
    else:
        yield key
        yield from _indented("  ", _block(value))


def _indented(first: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield ("  " if number else first) + line


def _inline(value: Any) -> str | None:
    """A scalar, or a short list of scalars, on one line; None if several lines are needed."""
    if isinstance(value, Mapping):
        return None if value else "{}"
    if not isinstance(value, list | tuple):
        return _scalar(value)
    items = [_inline(item) for item in value]
    line = f"[{', '.join(item or '' for item in items)}]"
    return None if None in items or len(line) > LINE_WIDTH else line


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, int | float | None):
        raise TypeError(f"no plain value: {value!r}")
    text = _float(value) if isinstance(value, float) else json.dumps(value)
    _read_scalar(text)  # raises for text that would not be read back
    return text


def _float(value: float) -> str:
    """The shortest text that reads back to `value`, with the point that YAML 1.1 requires before an exponent."""
    return re.sub(r"^(-?[0-9]+)e", r"\1.0e", repr(float(value)))


def _text(text: str) -> str:
    """`text` unquoted if every reader takes it for text, else in double quotes with invisible characters escaped."""
    text.encode()  # half of a surrogate pair is a ValueError: no file can hold it
    if _PLAIN.fullmatch(text) and _is_text(text):
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in json.dumps(text, ensure_ascii=False))


def _escape(character: str) -> str:
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"
