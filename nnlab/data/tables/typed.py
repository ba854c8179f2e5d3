"""Shared by the readers of files that are no text: their packages, and the keys that are for text files alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnlab.data.files import SOURCE, quoted, refuse
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.table import Grid

GridAt = Callable[[str], Grid]  # the grid of a file whose texts are read with this decimal mark


def needed_package(path: Path, module: str, package: str, extra: str) -> Any:
    """A module of a package that need not be installed. DataError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        found = f"found a {path.suffix.lower()} file, expected the package {package}"
        refuse(path, f"{found}: pip install 'nnlab[{extra}]'", key=SOURCE)


def refuse_text_keys(path: Path, options: TableOptions, keys: Sequence[str]) -> None:
    """Refuse keys of `data:` that say how a text file is written."""
    for key in keys:
        if getattr(options, key) != getattr(TableOptions(), key):
            refuse(
                path, f"found data.{key} for {quoted(path.name)}; expected it for text files only", key=("data", key)
            )


def ignored_columns(options: TableOptions) -> set[str]:
    """The names of the columns that the user leaves out."""
    return {*options.ignore, *(name for name, (kind, _) in options.columns.items() if kind == "ignore")}
