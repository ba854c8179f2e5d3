"""live.html and live.js in the folder of a run, and the curves that they show.

live.js is written by a clock: never in the first second, then at most once a second and for at most a twentieth of the
time, and at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import told
from nnlab.experiments.pictures import load_drawing
from nnlab.report.live import live_page, live_script
from nnlab.storage.files import write_text
from nnlab.storage.folder import LIVE_DATA, LIVE_PAGE, RunFolder

Array = NDArray[Any]
Announce = Callable[[Path], None]  # told where the page is
Content = dict[str, Any]

MOST_POINTS = 500
_SECONDS_BETWEEN_WRITES, _SHARE_OF_TIME = 1.0, 0.05
MEMBERS = 10  # thin lines of a curve, such as seeds


class LivePage:
    """The two files. If one cannot be written, `warn` is told so once, and no more is written."""

    def __init__(self, folder: RunFolder, name: str, announce: Announce, warn: Callable[[str], None]) -> None:
        self.folder, self.name, self.warn = folder, name, warn
        self.written = time.monotonic()
        self.next, self.longest, self.is_broken = self.written + _SECONDS_BETWEEN_WRITES, 0.0, False
        write_text(folder.path / LIVE_PAGE, live_page(name))
        announce(folder.path / LIVE_PAGE)

    def is_due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() >= self.next and not self.is_broken

    def write(self, status: str, content: Callable[[], Content]) -> None:
        """Write live.js."""
        if self.is_broken:
            return
        load_drawing()  # whose scales and words are used; the end needs it anyway
        begun = time.monotonic()
        self.longest, self.written = max(self.longest, begun - self.written), begun
        about = {"name": self.name, "status": status, "written": time.time_ns() // 10**6, "every": self.longest}
        try:
            write_text(self.folder.path / LIVE_DATA, live_script(about | content()))
        except Exception as error:  # noqa: BLE001 - a page to look at must not end the run
            self.is_broken = True
            self.warn(f"{LIVE_PAGE} shows no more: {told(error)}")
        ended = time.monotonic()
        self.next = begun + max(_SECONDS_BETWEEN_WRITES, (ended - begun) / _SHARE_OF_TIME)


class LiveCurve:
    """A figure over the steps in at most 500 points: when there are more, every other one is dropped. The last stays.

    A point is a row: the median of the replicas and, where there are several, the values of the first ten. A replica
    that has stopped or diverged, nan from then on, counts with its last value in the median: `counted` has the values
    of all replicas that count, (R,), for each row.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.rows: list[Array] = []
        self.counted: list[Array] = []
        self.last: tuple[int, Array] | None = None
        self.known: Array = np.empty(0)
        self.every, self.count = 1, 0

    def add(self, step: int, values: Array) -> None:
        """Add the values (R,) measured at a step."""
        self.known = np.array(values) if not len(self.known) else np.where(np.isfinite(values), values, self.known)
        self.last = step, values if len(values) == 1 else np.array([median_of(self.known), *values[:MEMBERS]])
        if self.count % self.every == 0:
            self.steps.append(step)
            self.rows.append(self.last[1])
            self.counted.append(self.known)
        self.count += 1
        if len(self.steps) == MOST_POINTS:
            del self.steps[1::2], self.rows[1::2], self.counted[1::2]
            self.every *= 2

    def points(self) -> tuple[Array, Array]:
        """Steps (T,) and rows (T, 1 + members)."""
        steps, rows = self.steps[:], self.rows[:]
        if self.last is not None and self.last[0] != steps[-1]:
            steps.append(self.last[0])
            rows.append(self.last[1])
        return np.array(steps), np.array(rows)

    def replicas(self) -> Array:
        """The values of all replicas that count at the steps of `points`, (T, R)."""
        is_between = self.last is not None and self.last[0] != self.steps[-1]
        return np.array([*self.counted, self.known] if is_between else self.counted)


def median_of(values: Array) -> float:
    """The median of the finite values; nan if there is none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan
