"""Packages of the extra `export`, which need not be installed."""

from __future__ import annotations

import importlib
from pathlib import Path

from nnlab.errors import ConfigError, printable


def require(package: str, out: Path) -> None:
    """ConfigError that says how to install the package that a file of this name needs."""
    try:
        importlib.import_module(package)
    except ImportError:
        found = f"{printable(str(out))}: found no package {package}, which writes {out.suffix} files"
        raise ConfigError(f"{found}: pip install 'nnlab[export]'") from None
