"""A folder for matplotlib's settings and font cache where the home folder is not writable (containers, CI)."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path


def ensure_matplotlib_folder() -> None:
    """Set MPLCONFIGDIR to a temporary folder, removed at exit, if matplotlib's default one is not writable.

    Matplotlib would do the same, but with a warning on stderr.
    """
    if "matplotlib" in sys.modules or all(_can_be_written(folder) for folder in _default_folders()):
        return
    folder = tempfile.mkdtemp(prefix="nnlab-matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder


def _default_folders() -> list[Path | None]:
    """Matplotlib's folders for settings and caches; None if there is no home folder."""
    if chosen := os.environ.get("MPLCONFIGDIR"):
        return [Path(chosen)]
    if not sys.platform.startswith(("linux", "freebsd")):
        return [_below_home(".matplotlib")]
    return [_xdg_folder("XDG_CONFIG_HOME", ".config"), _xdg_folder("XDG_CACHE_HOME", ".cache")]


def _xdg_folder(variable: str, default: str) -> Path | None:
    base = os.environ.get(variable)
    return Path(base, "matplotlib") if base else _below_home(f"{default}/matplotlib")


def _below_home(name: str) -> Path | None:
    try:
        return Path.home() / name
    except RuntimeError:
        return None


def _can_be_written(folder: Path | None) -> bool:
    """Whether `folder` is a writable folder or could be created as one; nothing is created to find out."""
    if folder is None:
        return False
    try:
        nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError:
        return False
    return nearest.is_dir() and os.access(nearest, os.W_OK)
