"""Runs as results: a training, and many networks that were compared or searched."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab import api
from nnlab.errors import CheckpointError, NnlabError, listed, printable
from nnlab.experiments.evaluate import Evaluation
from nnlab.experiments.run_list import RunTable
from nnlab.experiments.trace.markdown import markdown
from nnlab.experiments.trace.quantities import Trace
from nnlab.experiments.verify import Verification
from nnlab.library import html
from nnlab.library.columns import TableColumns, frame
from nnlab.library.networks import TrainedNetwork
from nnlab.library.values import Paths, paths, whole_or_none, width_of
from nnlab.storage.folder import RunFolder
from nnlab.storage.listing import entry_of
from nnlab.storage.run import ArmsRun, SuiteRun
from nnlab.storage.summary import (
    AcrossSummary,
    ArmSummary,
    BenchmarkSummary,
    ComparisonSummary,
    GateLine,
    SetSummary,
    SweepSummary,
    TrainingSummary,
)


class _Result:
    """What a training and a comparison have in common: a folder with a summary."""

    _kinds: tuple[type[TrainingSummary | ComparisonSummary | SweepSummary | BenchmarkSummary], ...]
    _table: str
    _pictures: tuple[str, ...]

    def __init__(self, path: str | PathLike[str], warnings: Sequence[str] = (), plugin: Paths = ()) -> None:
        self.path = Path(path).absolute()
        self.warnings = tuple(warnings)
        self._folder = RunFolder(self.path)
        self._plugins = paths(plugin)

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.path.name

    @property
    def status(self) -> str:
        """The word that `nnlab runs list` has: completed, finished early, stopped, running, killed and so on."""
        return entry_of(self.path).status

    @property
    def seconds(self) -> float:
        """How long it took."""
        return float(self._found.seconds)

    @property
    def gates(self) -> tuple[GateLine, ...]:
        """The gates with their outcomes; `met` says whether one holds."""
        found: tuple[GateLine, ...] = self._found.gates
        return found

    @property
    def _found(self) -> Any:
        """The typed summary. CheckpointError before the end of a run."""
        found = self._folder.read_summary()
        if not isinstance(found, self._kinds):
            expected = listed([kind.__name__ for kind in self._kinds], "or")
            raise CheckpointError(f"{printable(str(self.path))}: found no summary, expected a {expected}")
        return found

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json as plain values: what `--json` prints."""
        found: dict[str, Any] = self._found.document()
        return found

    @property
    def pictures(self) -> list[str]:
        """The names of its pictures, which `plot` draws again."""
        listed = api.list_pictures(str(self.path), plugins=self._plugins)
        return [picture.name for picture in listed]

    def plot(
        self,
        name: str,
        out: str | PathLike[str] | None = None,
        *,
        width: str | float | None = None,
        style: str = "screen",
    ) -> NotebookPicture:
        """Draw a picture again as SVG, which a notebook shows; with `out`, into that file, by its ending.

        `width` is `8.5cm`, `3.35in` or a number of centimetres, `style` screen or paper, as of `nnlab plot`.
        """
        how: dict[str, Any] = {"width": width_of(width), "style": style}
        if out is not None:
            api.plot(str(self.path), name, Path(out), plugins=self._plugins, **how)
            return NotebookPicture(Path(out).read_bytes(), name, Path(out).suffix.lower())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.svg"
            api.plot(str(self.path), name, path, plugins=self._plugins, **how)
            return NotebookPicture(path.read_bytes(), name, ".svg")

    def to_frame(self) -> Any:
        """Its table as a pandas DataFrame. ConfigError where pandas is not installed."""
        return TableColumns(self.path / self._table).to_frame()

    def _opened(self, name: str, checkpoint: str | None) -> TrainedNetwork:
        opened, folder = api.open_network_of(name, checkpoint=checkpoint, plugins=self._plugins)
        return TrainedNetwork(opened, folder)

    def _shown(self) -> str:
        """Those of its leading pictures that can be drawn again."""
        there = self.pictures
        drawn = [self.plot(name) for name in self._pictures if name in there]
        return "".join(picture._repr_html_() or "" for picture in drawn)


@dataclass(frozen=True)
class NotebookPicture:
    """A picture as the bytes of a file of this `suffix`; a notebook shows it if it is SVG or PNG."""

    content: bytes
    name: str
    suffix: str = ".svg"

    def _repr_html_(self) -> str | None:
        return html.picture(self.content, self.name) if self.suffix == ".svg" else None

    def _repr_png_(self) -> bytes | None:
        return self.content if self.suffix == ".png" else None


class Run(_Result):
    """A training: its folder, figures and network.

    `path` is the folder, and `warnings` say what may change the meaning of its figures.
    """

    _kinds, _table, _pictures = (TrainingSummary,), "metrics.csv", ("cost",)

    @property
    def figures(self) -> dict[str, float | None]:
        """The final figures, such as `test/accuracy`; of a run that did not end those that were measured last.

        None stands for one that is not finite; there are none before the first is measured.
        """
        entry = entry_of(self.path)
        if entry.is_broken:
            raise CheckpointError(f"{printable(str(self.path))}: {entry.headline}")
        return {name: value for name, value in entry.figures.items() if not name.startswith("baseline/")}

    @property
    def metrics(self) -> TableColumns:
        """Every figure along the training: `metrics["val/loss"]` is (T,), nan where it was not measured.

        `step` and `epoch` say when.
        """
        return TableColumns(self.path / self._table)

    def model(self, checkpoint: str | None = None) -> TrainedNetwork:
        """The network with its `best`, `last` or `previous` weights; by default those whose figures the run reports."""
        return self._opened(str(self.path), checkpoint)

    def evaluate(self, *, split: str | None = None, data: str | PathLike[str] | None = None, **how: Any) -> Evaluation:
        """Every figure of merit on its own parts, on one of them, or on the rows of a file, as `nnlab eval`."""
        rows = None if data is None else str(data)
        return api.evaluate(str(self.path), split=split, data=rows, plugins=self._plugins, **how)

    def verify(self, *, epochs: int | None = None) -> Verification:
        """Train it again, or its first epochs, and compare its weights with its recorded hashes."""
        return api.verify(str(self.path), epochs=whole_or_none(epochs, "epochs", 1), plugins=self._plugins)

    def __repr__(self) -> str:
        return f"<nnlab run {self.name}: {_status_of(self)}>"

    def _repr_html_(self) -> str:
        found = self._found
        told = [*self.warnings, *(_outcome(gate) for gate in found.gates), *found.sentences]
        parts = [html.sentences(told), html.figures_table(found.final), self._shown()]
        return html.block(f"{self.name}: {found.status}, {found.steps:,} steps, {found.seconds:.3g} s", *parts)


class ComparisonRun(_Result):
    """Many networks that were compared, or searched by a sweep: arms or points, each under the same seeds.

    `path` is the folder, and `warnings` say what may change the meaning of its figures.
    """

    _kinds, _table, _pictures = (ComparisonSummary, SweepSummary), "results.csv", ("ranking", "cost")

    @property
    def arms(self) -> dict[str, ArmSummary]:
        """The results of each arm, or point, by its label; a figure's intervals are in `final`."""
        return dict(self._found.arms)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, which are the same for all arms."""
        found: tuple[int, ...] = self._found.seeds
        return found

    @property
    def ranking(self) -> tuple[str, ...]:
        """The labels from the best to the worst, whether or not they can be told apart."""
        return tuple(getattr(place, "point", place) for place in self._verdict.ranking)

    @property
    def verdict(self) -> str:
        """The conclusions in sentences, a line each, with what limits them."""
        found = self._verdict
        return "\n".join([*found.sentences, *found.warnings])

    @property
    def results(self) -> TableColumns:
        """One row for each arm and seed: `results["test/accuracy"]`, then those of baselines, `baseline/majority`.

        `activation` and `seed` say which; of a sweep `point`.
        """
        return TableColumns(self.path / self._table)

    def model(self, arm: str, seed: int | None = None) -> TrainedNetwork:
        """The network of an arm and a seed; without a seed, that of the arm's median seed."""
        name = f"{self.path}:{arm}" if seed is None else f"{self.path}:{arm}@seed{seed}"
        return self._opened(name, None)

    @property
    def _verdict(self) -> Any:
        found = self._found
        return found.sweep if isinstance(found, SweepSummary) else found.verdict

    def __repr__(self) -> str:
        return f"<nnlab {len(self.arms):,} arms x {len(self.seeds):,} seeds {self.name}: {_status_of(self)}>"

    def _repr_html_(self) -> str:
        found, verdict = self._found, self._verdict
        figure = found.figure
        heads = ["", f"mean {figure}", "95 % from", "to", "reached the target", "diverged"]
        rows = [
            [label, *_interval(arm, figure), f"{arm.reached} of {len(found.seeds)}", arm.diverged]
            for label, arm in ((label, found.arms[label]) for label in self.ranking if label in found.arms)
        ]
        told = html.sentences([*self.warnings, *verdict.sentences, *verdict.warnings])
        title = f"{self.name}: {found.status}, {len(found.seeds):,} seeds, {found.seconds:.3g} s"
        return html.block(title, told, html.table(heads, rows), self._shown())


class BenchmarkRun(_Result):
    """Several activations on several data sets: `sets` are the results on each, `verdict` what holds across them.

    `path` is the folder, and `warnings` say what may change the meaning of its figures.
    """

    _kinds, _table, _pictures = (BenchmarkSummary,), "results.csv", ("pairs", "forest")

    @property
    def sets(self) -> dict[str, SetSummary]:
        """The results on each set by its name: `sets["iris"].arms["relu"].mean` is the mean error."""
        return dict(self._found.sets)

    @property
    def across(self) -> AcrossSummary | None:
        """The arms over all sets: average ranks and pairs; None where fewer than two arms can be compared."""
        found: AcrossSummary | None = self._found.across
        return found

    @property
    def ranking(self) -> tuple[str, ...]:
        """The labels by average rank over the sets, the best first, whether or not they can be told apart."""
        found: tuple[str, ...] = self._found.verdict.ranking
        return found

    @property
    def verdict(self) -> str:
        """The conclusions over the sets in sentences, a line each, with what limits them."""
        found = self._found.verdict
        return "\n".join([*found.sentences, *found.warnings])

    @property
    def results(self) -> TableColumns:
        """One row for each set, arm and seed: `results["error"]`."""
        return TableColumns(self.path / self._table)

    def __repr__(self) -> str:
        sets, arms = len(self._found.sets), len(self._found.activations)
        return f"<nnlab {arms:,} arms x {sets:,} sets {self.name}: {_status_of(self)}>"

    def _repr_html_(self) -> str:
        found = self._found
        rows = [
            [label, *(one.arms[label].mean if label in one.arms else None for one in found.sets.values())]
            for label in self.ranking
        ]
        told = html.sentences([*self.warnings, *found.verdict.sentences, *found.verdict.warnings])
        title = f"{self.name}: {found.status}, {len(found.sets):,} sets, {found.seconds:.3g} s"
        return html.block(title, told, html.table(["mean error", *found.sets], rows), self._shown())


def _interval(arm: ArmSummary, figure: str) -> tuple[Any, ...]:
    over = arm.final[figure]
    return over.mean, over.low, over.high


def _status_of(result: _Result) -> str:
    try:
        return result.status
    except NnlabError:
        return "without a summary"


def _outcome(gate: GateLine) -> str:
    return f"{'met' if gate.met else 'NOT MET'}: {gate.gate}"


class Runs(Sequence[Run | ComparisonRun | BenchmarkRun]):
    """Runs as a table, one row each; an item is the run itself. A broken run has a row that says so."""

    def __init__(self, listed: RunTable) -> None:
        self._listed = listed

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns: run, kind, status, started and so on, then the keys that differ."""
        return self._listed.columns

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The values of each run by column."""
        return list(self._listed.rows())

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame. ConfigError where pandas is not installed."""
        return frame({column: [row[column] for row in self.rows] for column in self.columns})

    def __len__(self) -> int:
        return len(self._listed.runs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return result_in(self._listed.runs[index].entry.path)

    def __repr__(self) -> str:
        return f"<{len(self):,} nnlab runs: {', '.join(run.entry.run for run in self._listed.runs[-3:])}>"

    def _repr_html_(self) -> str:
        return html.block(f"{len(self):,} runs", html.table(self.columns, [[*row.values()] for row in self.rows]))


class WorkedStep(Trace):
    """A training step worked out by hand: `step["dense1/weights.gradient"]` are the numbers of one quantity."""

    def _repr_markdown_(self) -> str:
        return markdown(self)


def result_in(path: Path, plugin: Paths = ()) -> Run | ComparisonRun | BenchmarkRun:
    """The result in a run's folder."""
    run = RunFolder(path).read_run()
    if isinstance(run, SuiteRun):
        return BenchmarkRun(path, plugin=plugin)
    return (ComparisonRun if isinstance(run, ArmsRun) else Run)(path, plugin=plugin)
