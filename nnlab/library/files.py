"""From what a program gives, a path, values or an experiment, to an experiment file that is ready to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab import api
from nnlab.config.experiment import to_plain
from nnlab.config.overrides import Setting
from nnlab.config.schema import Experiment
from nnlab.errors import ConfigError, printable
from nnlab.library.arrays import written
from nnlab.setup.experiment_file import ExperimentFile

Config = str | PathLike[str] | Mapping[str, Any] | Experiment


@contextmanager
def experiment_file(config: Config, data: tuple[Any, Any] | None, **how: Any) -> Iterator[ExperimentFile]:
    """Context with an experiment, read with overrides `how`, on its own data or on the arrays `data`.

    A faulty experiment is a ConfigError, a faulty array a DataError.
    """
    source = plain(config)
    if data is None:
        yield api.resolve(source, **how)
        return
    _refuse_both(source)
    with written(data) as path:
        place = Setting("data.source", str(path), "data")
        file = api.resolve(source, **{**how, "set": [place, *how.get("set", ())]})
        yield replace(file, kept=path)


# What the values of an experiment may leave out, beside what a file may.
DEFAULTS: Mapping[str, Any] = {"name": "python", "training": {"epochs": 100, "batch_size": 32}}


def plain(config: Config) -> str | Path | Mapping[str, Any]:
    """What `nnlab.api` takes: a path, or the values of an experiment."""
    if isinstance(config, Experiment):
        values: Mapping[str, Any] = to_plain(config)
        return values
    if isinstance(config, Mapping):
        return {**DEFAULTS, **config}
    if not isinstance(config, str | PathLike):
        found = printable(repr(config))[:60]
        raise ConfigError(f"found {found}, expected the path of an experiment file, its values, or an experiment")
    return Path(config)


def _refuse_both(source: str | Path | Mapping[str, Any]) -> None:
    given = source.get("data") if isinstance(source, Mapping) else None
    if isinstance(given, Mapping) and "source" in given:
        raise ConfigError("found data.source in the experiment and data=(X, y) as well, expected one of them")
