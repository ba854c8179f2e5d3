"""The console on stderr, or on stdout: how wide it is, and which characters it can show."""

from __future__ import annotations

import os
import sys
from typing import Any

from rich.console import Console

_NARROWEST, _WIDTH_OF_A_FILE = 40, 140


class _Wide(Console):
    """A console that tables find at least 40 columns wide, also where its window becomes narrower."""

    @property
    def width(self) -> int:
        """The columns for tables and sentences."""
        return max(super().width, _NARROWEST)

    @width.setter
    def width(self, columns: int) -> None:
        self._width = columns


def console(*, stderr: bool = True) -> Console:
    """The console on stderr, at least 40 columns wide; 140 if that is not a screen and COLUMNS is not set.

    Else the console on stdout, for a result that is a table.
    """
    colours: dict[str, Any] = {"color_system": None} if _is_plain() else {}
    made = _Wide(stderr=stderr, highlight=False, soft_wrap=False, emoji=False, markup=False, **colours)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDTH_OF_A_FILE
    return made


def is_live() -> bool:
    """Whether stderr is a terminal on which lines can be redrawn."""
    return sys.stderr.isatty() and not console().is_dumb_terminal and not _is_plain()


def _is_plain() -> bool:
    """Whether to print without colours and live lines: with NO_COLOR, or if COLUMNS is below 40."""
    columns = os.environ.get("COLUMNS", "")
    return bool(os.environ.get("NO_COLOR")) or (columns.isdecimal() and 0 < int(columns[:9]) < _NARROWEST)


def has_width(shown_on: Console) -> bool:
    """Whether the width of the screen is known or was set."""
    return shown_on.is_terminal or "COLUMNS" in os.environ


def encodable(text: str) -> str:
    """Text with characters replaced or escaped that the encoding of stderr lacks."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_PLAIN)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


_PLAIN = str.maketrans(
    {"·": "|", "–": "-", "±": "+-", "…": "...", "×": "x", "²": "2", "µ": "u", "≈": "~", "≥": ">=", "≤": "<="}
)
