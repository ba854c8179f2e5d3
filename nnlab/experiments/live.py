"""What live.html shows of a training: every figure that it has measured so far, from the records of its loop.

A run without --live has a `NotLive` instead, and pays for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nnlab.experiments.live_page import Announce, Array, Content, LiveCurve, LivePage
from nnlab.gates.hold import Measured
from nnlab.setup.setup import Setup
from nnlab.storage.folder import RunFolder
from nnlab.training.plan import Record
from nnlab.training.state import State


class NotLive:
    """What a run without --live has in the place of a page."""

    def begin(self, measured: Measured) -> None:
        """Nothing."""

    def note(self, record: Record) -> None:
        """Nothing."""

    def write(self, status: str) -> None:
        """Nothing."""


class LiveTraining(NotLive):
    """The page of a training; `seconds` gives those of all its sessions so far, `resume` is the command to go on."""

    def __init__(
        self,
        setup: Setup,
        state: State,
        folder: RunFolder,
        seconds: Callable[[], float],
        resume: str,
        announce: Announce,
        warn: Callable[[str], None],
    ) -> None:
        self.setup, self.state, self.seconds, self.resume = setup, state, seconds, resume
        self.curves: dict[str, LiveCurve] = {}
        self.page = LivePage(folder, setup.experiment.name, announce, warn)

    def begin(self, measured: Measured) -> None:
        """Take the figures measured before a resume."""
        for name, series in measured.history.items():
            for step, _, value in series if not name.startswith("gradcheck/") else ():
                self._add(step, {name: np.array([value])})

    def note(self, record: Record) -> None:
        """Take the figures of a record, and write if it is time."""
        self._add(record.step, record.figures)
        if self.page.is_due():
            self.write("training")

    def write(self, status: str) -> None:
        """Write the page's data."""
        self.page.write(status, self._content)

    def _add(self, step: int, figures: Mapping[str, Array]) -> None:
        for name, values in figures.items():
            self.curves.setdefault(name, LiveCurve()).add(step, values)

    def _content(self) -> Content:
        from nnlab.experiments.live_charts import charts_of, region_of  # noqa: PLC0415 - it loads matplotlib

        step, steps, seconds = self.state.step, self.setup.plan.steps, self.seconds()
        epoch_steps = self.setup.epoch_steps
        charts = [chart | {"perEpoch": epoch_steps} for chart in charts_of(self.curves)]
        thinned = max((curve.every for curve in self.curves.values()), default=1)
        return {
            "step": step,
            "steps": steps,
            "epoch": step / epoch_steps,
            "seconds": seconds,
            "left": seconds * (steps - step) / step if step else None,
            "charts": charts,
            "region": region_of(self.setup, self.state),
            "goOn": f"{self.resume}; then look again",
            "notes": [] if thinned == 1 else [f"Of the longest curves every {thinned}th value is drawn, and the last."],
        }
