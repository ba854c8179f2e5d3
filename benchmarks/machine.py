"""Where the figures come from: processor, versions, BLAS, and whether somebody else was at work."""

from __future__ import annotations

import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Variables that decide which kernels and threads numerical libraries use; those of threads are set by the benchmarks.
_VARIABLES = ("OPENBLAS_", "MKL_", "BLIS_", "OMP_", "XLA_", "ATEN_", "DNNL_", "ONEDNN_", "NPY_")

BUSY = 0.1  # processors that others may use before a measurement is called disturbed


class Watch:
    """How many processors others keep busy from now on."""

    def __init__(self) -> None:
        self.begun, self.busy = time.perf_counter(), _busy_seconds()

    def others(self, own: float) -> float:
        """The mean number of processors that others have used, when `own` processor seconds were ours."""
        seconds = time.perf_counter() - self.begun
        return round(max(0.0, _busy_seconds() - self.busy - own) / seconds, 3)


def _busy_seconds() -> float:
    """Processor seconds that all processes of this machine have used since it started; 0 where /proc is missing."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, fields[:8])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, Any]:
    """The machine and the moment."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "load": load(),
        "variables": {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)},
    }


def load() -> float | None:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    fields = dict(line.split(":", 1) for line in lines[:40] if ":" in line)
    known = {key.strip(): value.strip() for key, value in fields.items()}
    return f"{known.get('model name', platform.processor())} (family {known.get('cpu family')}, {known.get('model')})"
