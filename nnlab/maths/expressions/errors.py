"""What is wrong with a formula, and where in it."""

from __future__ import annotations

from nnlab.errors import printable

_SHOWN = 100  # characters of a formula that `pointed` shows around the place


class FormulaError(ValueError):
    """A formula that cannot be used: `width` characters from `column` (0-based) on are at fault."""

    def __init__(self, message: str, formula: str, column: int = 0, width: int = 1) -> None:
        self.message, self.formula, self.column, self.width = message, formula, column, max(width, 1)
        super().__init__(f"{message} (at column {column + 1} of the formula)" if column else message)

    def pointed(self) -> str:
        """The formula and below it a caret under the place; of a long formula, the part around the place."""
        start = max(0, self.column - _SHOWN // 2) if len(self.formula) > _SHOWN else 0
        before, after = self.formula[start : self.column], self.formula[self.column : start + _SHOWN]
        left = ("…" if start else "") + printable(before)
        right = printable(after) + ("…" if len(self.formula) > start + _SHOWN else "")
        width = min(self.width, max(len(after), 1))
        return f"{left}{right}\n{' ' * len(left)}^{'~' * (width - 1)}"
