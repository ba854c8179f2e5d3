"""Texts that a spreadsheet would run as a formula, and how they are written to a CSV file."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=@+\-\t\r].", re.DOTALL)
_NUMBER = re.compile(r"'*[+-]?[$€£¥]?[0-9., ]+(?:[eE][+-]?[0-9]+)?[%$€£¥]?")


def escaped(text: str) -> str:
    """A text for a CSV file: with an apostrophe before it where a spreadsheet would take it for a formula.

    Such a text goes on behind `=`, `@`, `+`, `-`, a tab or a carriage return, with which it begins, perhaps behind
    apostrophes, and is no number: `-`, `-1.5`, `+3%` and `-$5` stay as they are. `unescaped` is the inverse.
    """
    return f"'{text}" if _is_formula(text) else text


def unescaped(text: str) -> str:
    """The text that `escaped` wrote; one that it never writes stays as it is."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
