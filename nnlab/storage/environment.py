"""Where a run took place: versions, machine, BLAS, threads, commit. Part of every run.json."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from threadpoolctl import threadpool_info

import nnlab

# Facts that may differ between two machines without changing a bit of the results.
_HARMLESS = ("system", "cores")


def environment(plugins: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Everything that may change the last bits of a result, for run.json."""
    return {
        "nnlab": nnlab.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "git_commit": _git_commit(),
        "machine": platform.machine(),
        "processor": _processor(),
        "simd": np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", []),
        "libc": " ".join(platform.libc_ver()),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "blas": _blas(),
        "plugins": [file_digest(Path(plugin)) for plugin in plugins],
    }


def differences(before: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[str]:
    """Differences that may change bits between two environments, each as `numpy: 2.1.0, now 2.2.0`."""
    for name in dict.fromkeys((*before, *present)):
        if name not in _HARMLESS and before.get(name) != present.get(name):
            yield f"{name}: {_shown(before.get(name))}, now {_shown(present.get(name))}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_shown(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " ".join(map(_shown, value)) or "none"
    return "unknown" if value is None else str(value)


def file_digest(path: Path) -> str | None:
    """The SHA-256 of a file, in hex; None if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _blas() -> list[dict[str, Any]]:
    """The libraries that NumPy's products may come from: its bundled one, else every one that is loaded.

    SciPy bundles another, which is loaded at times but not used for products.
    """
    found = threadpool_info()
    own = [info for info in found if "numpy" in str(info.get("filepath"))]
    return sorted(map(_library, own or found), key=str)


def _library(info: dict[str, Any]) -> dict[str, Any]:
    return {key: info.get(key) for key in ("internal_api", "version", "num_threads", "architecture")}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()  # slow: it starts a process


@cache
def _git_commit() -> str | None:
    """The commit of the checkout that nnlab runs from, or None if it is installed.

    Asked for once: a commit that is made while a process trains is not the code that the process has loaded.
    """
    root = Path(nnlab.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
