"""The table of loggers. Each needs a package of its own, an extra of nnlab, which is loaded when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from nnlab.errors import ConfigError, listed, printable, suggestion
from nnlab.loggers.logged import Logger


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Turn a missing package into a ConfigError that says how to install it."""
    try:
        yield
    except ImportError as error:
        found = f"found no package {(error.name or name).partition('.')[0]}, expected an installation of it"
        raise ConfigError(f"--log-to {name}: {found}: pip install 'nnlab[{name}]'") from error


def _tensorboard() -> Logger:
    with _extra("tensorboard"):
        from nnlab.loggers.tensorboard import TensorBoardLogger
    return TensorBoardLogger()


def _mlflow() -> Logger:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # unless a user has set it, before it is loaded
    with _extra("mlflow"):
        from nnlab.loggers.mlflow import MlflowLogger
    return MlflowLogger()


LOGGERS: Mapping[str, Callable[[], Logger]] = {"tensorboard": _tensorboard, "mlflow": _mlflow}


def loggers_for(names: Sequence[str]) -> list[Logger]:
    """The loggers of these names, ready to write.

    ConfigError for an unknown name, for a package that is not installed, and where MLflow has no place for runs.
    """
    for name in names:
        if name not in LOGGERS:
            hint = suggestion(name, LOGGERS)
            raise ConfigError(f"--log-to: found '{printable(name[:40])}', expected {listed([*LOGGERS], 'or')}{hint}")
    return [LOGGERS[name]() for name in dict.fromkeys(names)]
