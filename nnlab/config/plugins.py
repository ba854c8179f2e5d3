"""Plugins: Python files, named on the command line alone, that add activations to the table of a run."""

from __future__ import annotations

import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnlab.errors import ConfigError, printable
from nnlab.maths.activations import ACTIVATIONS, Activation, AnyActivation, RowActivation


def with_plugins(files: Sequence[Path]) -> Mapping[str, AnyActivation]:
    """The built-in activations and those of the plugin files; ConfigError if a file cannot be used."""
    table = dict(ACTIVATIONS)
    for file in files:
        for activation in _activations_of(file):
            if activation.name in table:
                raise ConfigError(
                    f"{printable(str(file))}: activation '{activation.name}' exists already, expected a new name"
                )
            table[activation.name] = activation
    return table


def _activations_of(file: Path) -> list[AnyActivation]:
    found = _run(file).get("ACTIVATIONS")
    if not isinstance(found, list | tuple) or not all(isinstance(item, Activation | RowActivation) for item in found):
        raise ConfigError(
            f"{printable(str(file))}: found {type(found).__name__} as ACTIVATIONS, expected a list of "
            "nnlab.maths.activations.Activation"
        )
    return list(found)


def _run(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ConfigError(f"{printable(str(file))}: found no file, expected a plugin written in Python")
    try:
        return runpy.run_path(str(file), run_name="nnlab_plugin")
    except Exception as error:
        raise ConfigError(f"{printable(str(file))}: the plugin raised {type(error).__name__}: {error}") from error
