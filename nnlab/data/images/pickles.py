"""Pickles that hold data alone, read without running anything that stands in them.

A pickle is a program for a small stack machine, and Python's own reader calls whatever it names. This one knows the
instructions of protocols 0 to 5 that make dicts, lists, tuples, texts, bytes and numbers, and recognises by their names
the few calls with which NumPy rebuilds a plain array. It imports nothing and calls nothing that a file names; any other
name or instruction is refused. Source of the format: Python's pickletools.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import quoted, refuse

MOST_INSTRUCTIONS = 2**21  # CIFAR-100 needs a tenth: each makes at most one object of some 60 bytes
_LONGEST_LINE = 2**16
_PLAIN = re.compile(r"[|<>=]?[iu][1248]")

# The names that stand for something here: never imported, only recognised.
_NAMES = {
    **dict.fromkeys(["numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"], "new array"),
    **dict.fromkeys(["numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer"], "array of bytes"),
    "numpy ndarray": "array type",
    "numpy dtype": "new type",
    "_codecs encode": "encode",
    "__builtin__ bytes": "no bytes",
}


class BadPickleError(ValueError):
    """The content is no pickle of data alone."""


@dataclass(frozen=True)
class _Name:
    """One of the recognised names."""

    meaning: str


class _Type:
    """A NumPy type: its code such as `u1`, and its byte order once that is known."""

    def __init__(self, code: str) -> None:
        self.code = code

    def dtype(self) -> np.dtype[Any]:
        """The type, one of plain integers."""
        _require(bool(_PLAIN.fullmatch(self.code)), f"an array of type {quoted(self.code)}", "plain integers")
        return np.dtype(self.code)


class _Boxed:
    """An array, whose values come after it was made."""

    values: NDArray[Any] | None = None


def read_pickle(content: bytes, file: Path | str) -> dict[str, Any]:
    """The dict that is pickled in `content`, with its keys as text.

    Its values are what the file holds: dicts, lists, tuples, text, bytes (Python 2's strings too), numbers, and arrays
    of integers. DataError, which names `file`, for all else.
    """
    try:
        found = _Machine(content).run()
        _require(isinstance(found, dict), f"a pickled {type(found).__name__.lstrip('_').lower()}", "a dict")
        return {_as_text(key): value.values if isinstance(value, _Boxed) else value for key, value in found.items()}
    except (BadPickleError, ValueError, struct.error, LookupError) as error:
        message = str(error) if isinstance(error, BadPickleError) else "found a corrupt pickle, expected a sound one"
        refuse(file, message)


def _require(holds: bool, found: str, expected: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise BadPickleError(f"found {found}, expected {expected}")


def _as_text(key: Any) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)


class _Machine:
    """The stack machine: a position in the content, a stack with marks, and a memo."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The one value that is left on the stack at the end of the content."""
        for _ in range(MOST_INSTRUCTIONS):
            code = self.take(1)
            if code == b".":
                _require(self.position == len(self.content), "extra bytes after the pickle", "none")
                _require(len(self.stack) == 1 and not self.marks, "a pickle of several values", "one")
                return self.stack[0]
            if code not in _INSTRUCTIONS:
                asked = _REFUSED.get(code, f"the byte 0x{code.hex()}")
                raise BadPickleError(f"found {asked} in a pickle, expected one of data alone")
            _INSTRUCTIONS[code](self)
        raise BadPickleError(f"found a pickle of more than {MOST_INSTRUCTIONS:,} instructions, expected fewer")

    # --- what stands in the content ---

    def take(self, size: int) -> bytes:
        """The next bytes. BadPickleError if there are not that many."""
        left = len(self.content) - self.position
        _require(size <= left, f"a pickle that ends {size - left:,} bytes early", "a whole one")
        self.position += size
        return self.content[self.position - size : self.position]

    def number(self, form: str) -> Any:
        """A number in a form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """The text up to the next end of line."""
        end = self.content.find(b"\n", self.position, self.position + _LONGEST_LINE)
        _require(end >= 0, "a line without an end in a pickle", "a whole one")
        return self.take(end + 1 - self.position)[:-1].decode("latin-1")

    # --- the stack ---

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the uppermost value, which must lie above the last mark."""
        _require(len(self.stack) > (self.marks[-1] if self.marks else 0), "a pickle that takes what it lacks", "none")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        """Take all values above the last mark, and the mark."""
        _require(bool(self.marks), "a pickle that lacks a mark", "one")
        begin = self.marks.pop()
        values = self.stack[begin:]
        del self.stack[begin:]
        return values

    # --- containers ---

    def extend(self, values: list[Any]) -> None:
        """Append values to the list below them."""
        target = self.pop()
        _require(isinstance(target, list), "a pickle that appends to no list", "one")
        target.extend(values)
        self.push(target)

    def update(self, values: list[Any]) -> None:
        """Put pairs of keys and values into the dict below them."""
        target = self.pop()
        _require(isinstance(target, dict) and len(values) % 2 == 0, "a pickle that puts pairs into no dict", "one")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Hashing a tuple of tuples may take for ever.
            _require(isinstance(key, str | bytes | int), "a key that is neither text nor number", "one")
            target[key] = value
        self.push(target)

    # --- names and what is made with them ---

    def name(self, module: Any, name: Any) -> None:
        """Recognise a name; any other is refused."""
        asked = f"{module} {name}"
        shown = quoted(f"{module}.{name}")
        _require(asked in _NAMES, f"a pickle that asks for {shown}", "one of data alone, which is never run")
        self.push(_Name(_NAMES[asked]))

    def reduce(self) -> None:
        """What NumPy's pickles call: a new type, a new array, bytes from text."""
        arguments, function = self.pop(), self.pop()
        known = isinstance(function, _Name) and isinstance(arguments, tuple)
        _require(known and function.meaning in _CALLS, "a call of no known name in a pickle", "none")
        self.push(_CALLS[function.meaning](*_several(arguments)))

    def build(self) -> None:
        """Give a type its byte order, or an array its values."""
        state, target = self.pop(), self.pop()
        _require(isinstance(state, tuple), "a state that is no tuple in a pickle", "one")
        if isinstance(target, _Type):
            _require(len(state) >= 2, "a type without a byte order in a pickle", "one")
            target.code = _text(state[1]) + target.code.lstrip("|<>=")
        elif isinstance(target, _Boxed):
            _require(len(state) == 5 and target.values is None, "an array with another state in a pickle", "one")
            _, shape, kind, is_fortran, raw = state
            target.values = _array(raw, kind, shape, is_fortran=bool(is_fortran))
        else:
            raise BadPickleError("found a pickle that sets the state of an object, expected one of data alone")
        self.push(target)


def _several(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    _require(len(arguments) <= 4, "a call with too many arguments in a pickle", "fewer")
    return (*arguments, *(None,) * (4 - len(arguments)))


def _text(value: Any) -> str:
    _require(isinstance(value, str | bytes) and len(value) < 100, "a name that is no short text in a pickle", "one")
    return _as_text(value)


def _array(raw: Any, kind: Any, shape: Any, *, is_fortran: bool) -> NDArray[Any]:
    """An array of these bytes, if they are as many as its shape needs."""
    _require(isinstance(kind, _Type) and isinstance(raw, bytes), "an array that is not of plain bytes", "one")
    sizes = isinstance(shape, tuple) and all(type(size) is int and 0 <= size < 2**40 for size in shape)
    _require(sizes and len(shape) <= 4, "an array of no plain shape in a pickle", "one")
    dtype = kind.dtype()
    promised = math.prod(shape) * dtype.itemsize
    _require(promised == len(raw), f"{len(raw)} bytes for an array of shape {shape}", f"{promised}")
    flat = np.frombuffer(raw, dtype)
    values = flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)
    return np.asarray(values, dtype.newbyteorder("="))


def _new_type(code: Any, _align: Any, _copy: Any, _none: Any) -> _Type:
    return _Type(_text(code))


def _new_array(kind: Any, _shape: Any, _code: Any, _none: Any) -> _Boxed:
    _require(kind == _Name("array type"), "an array of another class in a pickle", "NumPy's own")
    return _Boxed()


def _array_of_bytes(raw: Any, kind: Any, shape: Any, order: Any) -> _Boxed:
    boxed = _Boxed()
    boxed.values = _array(raw, kind, shape, is_fortran=order == "F")
    return boxed


def _encode(text: Any, codec: Any, _a: Any, _b: Any) -> bytes:
    """Bytes, which Python 3 writes as text for readers of Python 2."""
    _require(isinstance(text, str) and codec in ("latin1", "latin-1"), "text in another encoding", "latin1")
    encoded: bytes = text.encode("latin-1")
    return encoded


def _no_bytes(argument: Any, *_none: Any) -> bytes:
    """Empty bytes, which Python 3 writes as a call without arguments."""
    _require(argument is None, "bytes made of something in a pickle", "none")
    return b""


_CALLS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "new type": _new_type,
    "new array": _new_array,
    "array of bytes": _array_of_bytes,
    "encode": _encode,
    "no bytes": _no_bytes,
}


# --- instructions -----------------------------------------------------------------------------------------------------


def _whole(text: str) -> int | bool:
    """A whole number as text; Python 2 writes booleans as 00 and 01."""
    if text in ("00", "01"):
        return text == "01"
    _require(len(text) <= 22 and bool(re.fullmatch(r"-?[0-9]+L?", text)), "a number of another form", "a whole one")
    return int(text.rstrip("L"))


def _real(text: str) -> float:
    _require(len(text) <= 40, "a number of more than 40 characters", "a shorter one")
    return float(text)


def _little(content: bytes) -> int:
    _require(len(content) <= 8, "a number of more than 8 bytes", "a smaller one")
    return int.from_bytes(content, "little", signed=True)


_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def _literal(text: str) -> bytes:
    """The bytes of a string literal of Python 2."""
    quotes = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    _require(quotes, "a text without quotes in a pickle", "one with")

    def plain(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes.fromhex(match[1].decode())
        if match[2]:
            return bytes([int(match[2], 8) & 255])
        return _LETTERS.get(match[3], match[3])

    return _ESCAPE.sub(plain, text[1:-1].encode("latin-1"))


def _memoize(machine: _Machine, index: int) -> None:
    _require(bool(machine.stack), "a pickle that keeps what it lacks", "none")
    machine.memo[index] = machine.stack[-1]


def _recall(machine: _Machine, index: int) -> None:
    _require(index in machine.memo, "a pickle that recalls what it did not keep", "none")
    machine.push(machine.memo[index])


def _tuple_of(machine: _Machine, count: int) -> None:
    machine.push(tuple(reversed([machine.pop() for _ in range(count)])))


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.extend([value])


def _set_item(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.update([key, value])


def _dict_of(machine: _Machine) -> None:
    pairs = machine.since_mark()
    machine.push({})
    machine.update(pairs)


def _stack_name(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.name(_text(module), _text(name))


def _bytes_of(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)))


def _text_of(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)).decode("utf-8"))


def _number_of(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.number(form))


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], Any]] = {
    # the pickle itself
    b"\x80": lambda m: _require(m.take(1)[0] <= 5, "a pickle of a newer protocol", "0 to 5"),
    b"\x95": lambda m: _require(m.number("<Q") <= len(m.content), "a frame beyond the end", "a smaller one"),
    # the stack and the memo
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.pop(),
    b"1": lambda m: m.since_mark(),
    b"2": lambda m: m.stack.extend([m.pop()] * 2),
    b"p": lambda m: _memoize(m, int(_whole(m.line()))),
    b"q": lambda m: _memoize(m, m.number("<B")),
    b"r": lambda m: _memoize(m, m.number("<I")),
    b"\x94": lambda m: _memoize(m, len(m.memo)),
    b"g": lambda m: _recall(m, int(_whole(m.line()))),
    b"h": lambda m: _recall(m, m.number("<B")),
    b"j": lambda m: _recall(m, m.number("<I")),
    # None, booleans, numbers
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),  # noqa: FBT003 - a value, not an option
    b"\x89": lambda m: m.push(False),  # noqa: FBT003 - the same
    b"I": lambda m: m.push(_whole(m.line())),
    b"L": lambda m: m.push(_whole(m.line())),
    b"F": lambda m: m.push(_real(m.line())),
    b"J": _number_of("<i"),
    b"K": _number_of("<B"),
    b"M": _number_of("<H"),
    b"G": _number_of(">d"),
    b"\x8a": lambda m: m.push(_little(m.take(m.number("<B")))),
    # bytes, which are Python 2's strings too, and text
    b"S": lambda m: m.push(_literal(m.line())),
    b"T": _bytes_of("<I"),
    b"U": _bytes_of("<B"),
    b"B": _bytes_of("<I"),
    b"C": _bytes_of("<B"),
    b"\x8e": _bytes_of("<Q"),
    b"\x96": _bytes_of("<Q"),
    b"V": lambda m: m.push(m.line().encode("latin-1").decode("raw-unicode-escape")),
    b"X": _text_of("<I"),
    b"\x8c": _text_of("<B"),
    b"\x8d": _text_of("<Q"),
    # containers
    b"]": lambda m: m.push([]),
    b"}": lambda m: m.push({}),
    b")": lambda m: m.push(()),
    b"l": lambda m: m.push(m.since_mark()),
    b"t": lambda m: m.push(tuple(m.since_mark())),
    b"d": _dict_of,
    b"\x85": lambda m: _tuple_of(m, 1),
    b"\x86": lambda m: _tuple_of(m, 2),
    b"\x87": lambda m: _tuple_of(m, 3),
    b"a": _append,
    b"e": lambda m: m.extend(m.since_mark()),
    b"s": _set_item,
    b"u": lambda m: m.update(m.since_mark()),
    # names and calls
    b"c": lambda m: m.name(m.line(), m.line()),
    b"\x93": _stack_name,
    b"R": lambda m: m.reduce(),
    b"b": lambda m: m.build(),
}

_REFUSED = {
    b"P": "a persistent id",
    b"Q": "a persistent id",
    b"i": "an instance of a class",
    b"o": "an instance of a class",
    b"\x81": "an instance of a class",
    b"\x92": "an instance of a class",
    b"\x82": "an extension code",
    b"\x83": "an extension code",
    b"\x84": "an extension code",
    b"\x8b": "a huge number",
    b"\x8f": "a set",
    b"\x90": "a set",
    b"\x91": "a set",
    b"\x97": "a buffer from outside",
    b"\x98": "a buffer from outside",
}
