"""A terminal that breaks its lines anew when its window changes, as most do: enough of one to see what it shows."""

from __future__ import annotations

import re

from rich.console import Console, ConsoleDimensions

_PIECE = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


class Terminal:
    """A stream; `lines` are what was printed, each as it is before it is broken at `width` columns."""

    def __init__(self, width=80):
        self.width, self.lines, self.line, self.column = width, [""], 0, 0

    def write(self, text):
        """Print text, with the control sequences that move up, erase what follows, and colour."""
        for piece in _PIECE.finditer(text):
            if piece[2] == "A":
                for _ in range(int(piece[1] or 1)):
                    self._up()
            elif piece[2] == "J":
                self.lines[self.line :] = [self.lines[self.line][: self.column]]
            elif piece[0] == "\r":
                self.column -= self.column % self.width
            elif piece[0] == "\n":
                self._down()
            elif piece[2] is None:
                self._print(piece[0])
        return len(text)

    def flush(self):
        """Nothing is kept back."""

    def isatty(self):
        """It is a terminal."""
        return True

    def _print(self, text):
        line = self.lines[self.line].ljust(self.column)
        self.lines[self.line] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    def _up(self):
        if self.column >= self.width:
            self.column -= self.width
        elif self.line:
            self.line -= 1
            self.column = len(self.lines[self.line]) // self.width * self.width

    def _down(self):
        below = (self.column // self.width + 1) * self.width
        if below < len(self.lines[self.line]):
            self.column = below
            return
        self.line, self.column = self.line + 1, 0
        if self.line == len(self.lines):
            self.lines.append("")


class ConsoleOf(Console):
    """A console whose size is that of a terminal, which may change."""

    def __init__(self, terminal, **options):
        self.terminal = terminal
        super().__init__(file=terminal, force_terminal=True, color_system=None, **options)

    @property
    def size(self):
        """The columns and lines of the window as it is now."""
        return ConsoleDimensions(self.terminal.width, 24)
