"""The files written during a training: metrics, hashes of the weights, the parameters if asked, and checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import to_yaml
from nnlab.config.schema import Duration
from nnlab.errors import CheckpointError, Fault, printable
from nnlab.experiments.gradient_checks import GradientChecks
from nnlab.experiments.parameter_table import (
    PARAMETERS,
    ParameterTable,
    parameter_columns,
    parameter_tables,
    parameter_values,
    shows_parameters,
)
from nnlab.experiments.results import figure_names
from nnlab.maths.randomness import Purpose
from nnlab.setup.setup import Setup
from nnlab.storage import checkpoints
from nnlab.storage.about import MarkFacts, SavedState, StateAbout, StreamFacts, WeightsAbout
from nnlab.storage.checkpoints import DamagedCheckpointError, MissingCheckpointError
from nnlab.storage.folder import RunFolder
from nnlab.storage.metrics import METRICS, GrowingTable, Mark, Metrics, cell, read_figures, read_rows
from nnlab.training.state import State, sound

Array = NDArray[Any]

HASHES: Final = "hashes.csv"
SECONDS_BETWEEN_SAVES = 30.0
_LARGEST_SHARE = 0.01  # largest share of the time spent on saving, if checkpoints are saved by the clock
_MOST_HASHES = 100  # approximate number of epochs whose weights are hashed


def marked_steps(setup: Setup) -> frozenset[int]:
    """The steps whose weights are hashed: the start, the end, and the ends of about a hundred epochs between them."""
    steps, epoch = setup.plan.steps, setup.epoch_steps
    every = epoch * max(1, -(-(steps // epoch) // _MOST_HASHES))
    return frozenset({*range(0, steps + 1, every), steps})


def tensors(setup: Setup, state: State) -> Iterator[tuple[str, Array]]:
    """All tensors that training changes: those of theta, then the running statistics."""
    for layout, values in ((setup.network.layout, state.theta), (setup.network.statistics, state.statistics)):
        for name, view in layout.views(values).items():
            yield name, view[0]


def tensor_names(setup: Setup) -> list[str]:
    """The names of these tensors: the columns of hashes.csv after step and epoch."""
    return [spec.name for layout in (setup.network.layout, setup.network.statistics) for spec in layout.specs]


def check_tables(setup: Setup, folder: RunFolder, begin: SavedState) -> None:
    """CheckpointError if metrics.csv, hashes.csv or parameters.csv was modified since a checkpoint was saved."""
    path, marks = folder.path, {name: facts.mark() for name, facts in begin.about.marks.items()}
    _read_all(read_figures(path / METRICS, figure_names(setup), marks[METRICS]))
    _read_all(read_rows(path / HASHES, tensor_names(setup), marks[HASHES]))
    if setup.experiment.training.show_parameters is not None:
        if PARAMETERS not in marks:
            raise CheckpointError(f"{printable(str(path))}: found no mark of {PARAMETERS} in the checkpoint")
        _read_all(read_figures(path / PARAMETERS, parameter_columns(setup), marks[PARAMETERS]))


def _read_all(rows: Iterator[Any]) -> None:
    for _ in rows:
        pass


def hashes(setup: Setup, state: State) -> dict[str, str]:
    """The SHA-256 of every tensor's bytes."""
    return {name: hashlib.sha256(a.tobytes()).hexdigest() for name, a in tensors(setup, state)}


class Saver:
    """Writes the files of a training: new ones, or the existing ones from the point where a checkpoint was saved."""

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        state: State,
        environment: Mapping[str, Any],
        begin: SavedState | None = None,
        checks: GradientChecks | None = None,
    ) -> None:
        self.checks = checks or GradientChecks(setup, state, begin)
        self.setup, self.folder, self.state, self.environment = setup, folder, state, environment
        self.planned = list(begin.about.planned) if begin else []
        if not self.planned or self.planned[-1][1] != setup.plan.steps:
            self.planned.append((state.step, setup.plan.steps))
        self.saved_at = (state.step, state.recorded) if begin else None
        self._best_saved: int | None = None
        self._marked = marked_steps(setup)
        every = setup.experiment.training.checkpoint_every
        self._interval = every.seconds if isinstance(every, Duration) else SECONDS_BETWEEN_SAVES
        self._steps = every if isinstance(every, int) else None
        self._next = time.monotonic() + self._interval
        self._open({name: facts.mark() for name, facts in begin.about.marks.items()} if begin else {})

    def _open(self, marks: Mapping[str, Mark]) -> None:
        path, names = self.folder.path, tensor_names(self.setup)
        with contextlib.ExitStack() as opened:
            self.metrics = Metrics(path / METRICS, figure_names(self.setup), marks.get(METRICS))
            opened.callback(self.metrics.close)
            self.hashes = GrowingTable(path / HASHES, ["step", "epoch", *names], marks.get(HASHES))
            opened.callback(self.hashes.close)
            self.parameters = None
            if self.setup.experiment.training.show_parameters is not None:
                columns = ["step", "epoch", *parameter_columns(self.setup)]
                self.parameters = GrowingTable(path / PARAMETERS, columns, marks.get(PARAMETERS))
                opened.callback(self.parameters.close)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def is_due(self) -> bool:
        """Whether it is time to save; always false if checkpoints are saved every so many steps."""
        return self._steps is None and time.monotonic() >= self._next

    def note(self, step: int, epoch: float) -> list[ParameterTable]:
        """Handle a record of the loop: hash the weights, and record the parameters, if its step is one for that.

        Returns the parameters that are to be shown, which are in train.log then.
        """
        is_last = not self.state.running.any()
        if step in self._marked or is_last:
            self.hashes.add_row([str(step), cell(epoch), *hashes(self.setup, self.state).values()])
        if self.parameters is None or not (is_last or shows_parameters(self.setup, step)):
            return []
        layout, theta = self.setup.network.layout, self.state.theta
        self.parameters.add_row([str(step), cell(epoch), *map(cell, parameter_values(layout, theta))])
        self.parameters.flush()  # the picture is drawn from the file
        tables = parameter_tables(layout, theta, step, epoch)
        self.folder.log(*(line for table in tables for line in table.lines()))
        return tables

    def save_if_due(self) -> bool:
        """Save if it is time, and return whether it was."""
        step = self.state.step
        due = self.is_due() if self._steps is None else step > 0 and step % self._steps == 0
        if due:
            self.save()
        return due

    def save(self) -> None:
        """Save the state and the best weights, unless this state is already saved.

        Weights that are not finite are never written.
        """
        now = (self.state.step, self.state.recorded)
        if not sound(self.state.theta, self.state.statistics).all():
            return
        if now == self.saved_at:
            self.save_best()  # somebody may have removed the file between two sessions
            return
        begun = time.monotonic()
        # These files must be on disk before the checkpoint that refers to them.
        marks = {table.path.name: MarkFacts(**asdict(table.mark())) for table in self._tables}
        self.save_best()
        extra = {**self.state.arrays(), "gradient_errors": self._gradient_errors()}
        about = self._about(self.state.step) | {"marks": marks, "recorded": self.state.recorded}
        about["gradient_faults"] = self.checks.first.faults
        model = self.setup.model(self.state.theta, self.state.statistics)
        last = model.to_checkpoint(extra, StateAbout, about)
        checkpoints.save(self.folder.checkpoint("last"), last, keep=self.folder.checkpoint("previous"))
        self.saved_at = now
        ended = time.monotonic()
        self._next = ended + max(self._interval, (ended - begun) / _LARGEST_SHARE)

    @property
    def _tables(self) -> list[GrowingTable]:
        return [self.metrics, self.hashes, *([self.parameters] if self.parameters else [])]

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each table as it is now. StorageError where they cannot be written."""
        return {table.path.name: table.digest() for table in self._tables}

    def save_best(self) -> None:
        """Save the best weights so far, if they have changed since they were last saved."""
        best = self.state.best_to_report()
        step = int(best.step[0])
        if step != self._best_saved:
            model = self.setup.model(best.theta, best.statistics)
            checkpoints.save(self.folder.checkpoint("best"), model.to_checkpoint({}, WeightsAbout, self._about(step)))
            self._best_saved = step

    def _gradient_errors(self) -> Array:
        """The errors found by the gradient check of the first steps, (checks, P)."""
        errors = self.checks.first.errors
        return np.array(errors, np.float64).reshape(len(errors), self.setup.network.layout.size)

    @cached_property
    def _config(self) -> str:
        """The experiment as text, which takes long for very many layers."""
        return to_yaml(self.setup.experiment)

    def _about(self, step: int) -> dict[str, Any]:
        """The facts stored with a checkpoint: its position, and everything on which the further training depends."""
        setup, config = self.setup, self._config
        schedule = setup.experiment.optimizer.schedule
        return {
            "step": step,
            "epoch": step // setup.epoch_steps,
            "position": step % setup.epoch_steps,
            "planned": self.planned,
            "seed": setup.rows.seeds[0],
            "streams": streams(),
            "schedule": {"name": schedule.name if schedule else "constant", "of": setup.plan.steps},
            "config": config,
            "config_sha256": hashlib.sha256(config.encode()).hexdigest(),
            "fingerprint": setup.rows.dataset.fingerprint,
            "environment": dict(self.environment),
        }


def streams() -> StreamFacts:
    """How the key of a random stream is made from seed, purpose and index (an epoch, layer or step)."""
    purposes = {purpose.name: int(purpose) for purpose in Purpose}
    return StreamFacts(generator="PCG64", spawn_key=("purpose", "index"), purposes=purposes)


def newest(folder: RunFolder) -> tuple[SavedState | None, list[str]]:
    """The newest intact checkpoint, or None if there never was one, with warnings.

    CheckpointError if all checkpoints are damaged, or if one cannot be used for another reason.
    """
    damaged: list[str] = []
    for name in ("last", "previous"):
        try:
            found = checkpoints.load(folder.checkpoint(name))
        except MissingCheckpointError:
            continue
        except DamagedCheckpointError as error:
            damaged.append(str(error))
        else:
            state = SavedState.of(found.arrays, found.about, printable(str(folder.checkpoint(name))))
            return state, [f"{text}; used the one before, of step {state.about.step}" for text in damaged]
    if damaged:
        raise CheckpointError([Fault(text) for text in [*damaged, "found no other checkpoint to go on from"]])
    return None, []


def restore(state: State, begin: SavedState) -> None:
    """Restore `state` from a checkpoint; CheckpointError if its network or optimizer is another one."""
    try:
        state.restore(begin.arrays, begin.about.step, begin.about.recorded)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the checkpoint is not one of this experiment: {error}") from error
