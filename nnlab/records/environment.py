"""Where a run took place: versions, machine, BLAS, threads, commit. Part of every run.json."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import nnlab


def environment() -> dict[str, Any]:
    """Everything that may decide the last bits of a result, for run.json."""
    return {
        "nnlab": nnlab.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": metadata.version("scipy"),
        "git_commit": _git_commit(),
        "machine": platform.machine(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "blas": [_library(info) for info in threadpool_info()],
    }


def _library(info: dict[str, Any]) -> dict[str, Any]:
    return {key: info.get(key) for key in ("internal_api", "version", "num_threads", "architecture")}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _git_commit() -> str | None:
    """The commit of the checkout that nnlab runs from, or None where it is installed."""
    root = Path(nnlab.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
