"""What live.html shows of a comparison or a sweep: the curves of its arms and their seeds, and how far the whole is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.tasks import Failure, Outcome, Task
from nnlab.comparison.variants import Variant
from nnlab.config.experiment import SPLITS
from nnlab.experiments.live_page import MEMBERS, Content, LiveCurve, LivePage, median_of
from nnlab.experiments.train import Progress
from nnlab.report.page import shown
from nnlab.setup.readings import RATE
from nnlab.storage.metrics import finite

Array = NDArray[Any]

_ARMS = 7  # that are drawn: as many as there are colours
_TO_GO_ON = "the same command with --needed --live, which trains the rest and has a page of its own"
_COLUMNS = ("arm", "state", "step", "seeds", "latest medians of the seeds")


class NoLiveArms:
    """What a comparison without --live has in the place of a page."""

    def begin(self, tasks: Sequence[Task], share: Callable[[], float]) -> None:
        """Nothing."""

    def note(self, number: int, progress: Progress) -> None:
        """Nothing."""

    def end(self, number: int, outcome: Outcome) -> None:
        """Nothing."""

    def write(self, status: str) -> None:
        """Nothing."""


class LiveArms(NoLiveArms):
    """The page of a comparison or a sweep with these arms."""

    def __init__(self, page: LivePage, variants: Sequence[Variant], noun: str) -> None:
        self.page, self.noun, self.begun = page, noun, time.perf_counter()
        self.arms = {variant.label: _LiveArm(variant) for variant in variants}
        self.tasks: Sequence[Task] = ()
        self.share: Callable[[], float] = float
        self.present: _LiveArm | None = None

    def begin(self, tasks: Sequence[Task], share: Callable[[], float]) -> None:
        """Take note of the work that is left; `share` gives the share of it that is done."""
        self.tasks, self.share = tasks, share
        for number, task in enumerate(tasks):
            for variant in task.variants:
                self.arms[variant.label].seeds[number] = len(task.seeds)

    def note(self, number: int, progress: Progress) -> None:
        """Take the figures of a task, and write if it is time."""
        task = self.tasks[number]
        for index, variant in enumerate(task.variants):
            own = slice(index * len(task.seeds), (index + 1) * len(task.seeds))
            figures = {name: (step, np.asarray(values)[own]) for name, (step, values) in progress.replicas.items()}
            self.arms[variant.label].add(number, progress, figures)
        self.present = self.arms[task.variants[0].label]
        if self.page.is_due():
            self.write("training")

    def end(self, number: int, outcome: Outcome) -> None:
        """Take note that a task has ended."""
        for variant in self.tasks[number].variants:
            self.arms[variant.label].end(number, failed=isinstance(outcome, Failure))

    def write(self, status: str) -> None:
        """Write the page's data."""
        self.page.write(status, self._content)

    def _content(self) -> Content:
        from nnlab.experiments.live_charts import chart_of  # noqa: PLC0415 - it loads matplotlib

        arms, seconds = [*self.arms.values()], time.perf_counter() - self.begun
        share = self.share()
        begun = [arm for arm in arms if arm.curves]
        drawn = begun[-_ARMS:]
        curves = {
            figure: [one for arm in drawn for one in arm.series(figure, arms.index(arm))]
            for figure in dict.fromkeys(name for arm in drawn for name in arm.figures)
        }
        present = self.present or arms[0]
        return {
            "what": f"{self.noun} {1 + arms.index(present)} of {len(arms)}, {present.label}",
            "step": present.step,
            "steps": present.steps,
            "epoch": None,
            "seconds": seconds,
            "done": share,
            "left": seconds * (1 - share) / share if share else None,
            "charts": [
                chart_of(_title(figure, series), figure, series)
                for figure, series in curves.items()
                if figure != RATE or len({rate for one in series for rate in one["y"]}) > 1
            ],
            "region": None,
            "arms": {
                "title": f"{self.noun.capitalize()}s",
                "columns": _COLUMNS,
                "done": sum(arm.is_done for arm in arms),
                "rows": [arm.row() for arm in arms],
            },
            "goOn": _TO_GO_ON,
            "notes": [*_notes(begun, drawn, self.noun)],
        }


def _title(figure: str, series: Sequence[Content]) -> str:
    from nnlab.pictures.style import plain_name  # noqa: PLC0415 - see above

    if figure == RATE:
        return "Learning rate"
    words = plain_name(figure)
    over = ", median of the seeds" if any("members" in one for one in series) else ""
    return words[:1].upper() + words[1:] + over


def _notes(begun: Sequence[_LiveArm], drawn: Sequence[_LiveArm], noun: str) -> Iterable[str]:
    """Sentences about what the curves are."""
    yield "Bold lines are medians of the seeds, thin ones single seeds, at most ten of them."
    yield "A seed that has stopped or diverged counts with its last value; its thin line ends."
    if len(begun) > len(drawn):
        yield f"Drawn are the last {len(drawn)} {noun}s of {len(begun)} that have begun."


class _LiveArm:
    """An arm: its tasks by their numbers, each with its seeds, its progress and its curves."""

    def __init__(self, variant: Variant) -> None:
        self.label, self.legend = variant.label, variant.legend
        self.seeds: dict[int, int] = {}
        self.latest: dict[int, Progress] = {}
        self.ended: set[int] = set()
        self.has_failed = False
        self.stopped: dict[int, int] = {}
        self.curves: dict[int, dict[str, LiveCurve]] = {}

    def add(self, number: int, progress: Progress, figures: Mapping[str, tuple[int, Array]]) -> None:
        """Add the progress of a task, with its figures, each with its step and its values (seeds,)."""
        self.latest[number] = progress
        curves = self.curves.setdefault(number, {})
        for name, (step, values) in figures.items():
            if not name.startswith("health/"):
                curves.setdefault(name, LiveCurve()).add(step, values)
                if name.endswith("/loss"):
                    self.stopped[number] = int(np.isnan(values).sum())

    def end(self, number: int, *, failed: bool) -> None:
        """Take note that a task has ended."""
        self.ended.add(number)
        self.has_failed |= failed

    @property
    def figures(self) -> list[str]:
        """The names of the figures, losses first."""
        names = dict.fromkeys(name for curves in self.curves.values() for name in curves)
        return sorted(names, key=lambda name: (name == RATE, not name.endswith("/loss"), name.startswith("batch/")))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.ended == self.seeds.keys()

    @property
    def steps(self) -> int:
        """The steps of its training."""
        return max((progress.steps for progress in self.latest.values()), default=0)

    @property
    def step(self) -> int:
        """The step that its seeds have reached on average."""
        reached = sum(self.seeds[number] * progress.step for number, progress in self.latest.items())
        return round(reached / max(sum(self.seeds.values()), 1))

    def row(self) -> list[str]:
        """The texts of its row in the table."""
        if not self.seeds:
            return [self.legend, "was trained before", "", "", ""]
        state = "failed" if self.has_failed else "done" if self.is_done else "training" if self.latest else "waiting"
        stopped = sum(self.stopped.values())
        seeds = f"{sum(self.seeds.values()):,}" + (f", {stopped:,} stopped" if stopped else "")
        latest = [f"{name} {shown(self._median(name), 4)}" for name in self.figures if name.startswith(SPLITS)]
        return [self.legend, state, f"{self.step:,} of {self.steps:,}" if self.steps else "", seeds, " · ".join(latest)]

    def _median(self, figure: str) -> float | None:
        """The latest median of a figure, over the seeds of all tasks that have one."""
        found = [curves[figure].known for curves in self.curves.values() if figure in curves]
        return finite(median_of(np.concatenate(found))) if found else None

    def series(self, figure: str, look: int) -> list[Content]:
        """Its curve of a figure, if it has one: the median of all tasks' seeds; tasks may have other steps."""
        from nnlab.experiments.live_charts import series_of  # noqa: PLC0415 - it loads matplotlib

        found = {number: curves[figure] for number, curves in self.curves.items() if figure in curves}
        points = {number: curve.points() for number, curve in found.items()}
        if len(found) < 2:
            return [series_of(self.legend, *one, look=look) for one in points.values()]
        steps = max((steps for steps, _ in points.values()), key=len)
        counted = [
            _over(steps, points[number][0], curve.replicas(), kept=number in self.ended)
            for number, curve in found.items()
        ]
        medians = [median_of(values) for values in np.hstack(counted)]
        rows = [_over(steps, own, row[:, 1:] if row.shape[1] > 1 else row, kept=False) for own, row in points.values()]
        members = np.hstack(rows)[:, :MEMBERS]
        return [series_of(self.legend, steps, np.column_stack([medians, members]), look=look)]


def _over(steps: Array, own: Array, rows: Array, *, kept: bool) -> Array:
    """The rows of a task (t, R) over the steps of another, (T, R); beyond its last it keeps the values, or has nan."""
    beyond = {} if kept else {"right": np.nan}
    return np.column_stack([np.interp(steps, own, column, **beyond) for column in rows.T])
