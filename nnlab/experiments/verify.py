"""Replay a run and compare its weights, bit for bit, with the hashes in its hashes.csv."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from nnlab.config.schema import Experiment
from nnlab.errors import CheckpointError, printable
from nnlab.experiments.resume import changes, refuse_another
from nnlab.experiments.saving import HASHES, hashes, newest, tensor_names
from nnlab.experiments.train import own_plan
from nnlab.setup.setup import Setup, set_up
from nnlab.storage.about import SavedState
from nnlab.storage.folder import RunFolder
from nnlab.storage.metrics import read_rows
from nnlab.training.plan import never
from nnlab.training.state import State


@dataclass(frozen=True)
class Hashed:
    """The weights after a step: the SHA-256 of each tensor's bytes, by name."""

    step: int
    epoch: float
    tensors: Mapping[str, str]


@dataclass(frozen=True)
class Verification:
    """The number of compared hashes, the first difference with its tensor, and changes of the environment."""

    run: Path
    compared: int
    last: Hashed
    differs: tuple[Hashed, str] | None
    environment: list[str]

    def document(self) -> dict[str, Any]:
        """The verification as a document for `--json`."""
        first = None
        if self.differs is not None:
            hashed, tensor = self.differs
            first = {"step": hashed.step, "epoch": hashed.epoch, "tensor": tensor}
        return {
            "run": str(self.run),
            "same": self.differs is None,
            "compared": self.compared,
            "to_step": self.last.step,
            "first_difference": first,
            "environment": self.environment,
        }

    def sentence(self) -> str:
        """The outcome in words, followed by a line for each change of the environment."""
        if self.differs is None:
            times = f"{self.compared} step{'' if self.compared == 1 else 's'}, the last of them {self.last.step}"
            outcome = f"reproduced: the weights are the same bits at {times}"
        else:
            hashed, tensor = self.differs
            outcome = f"not reproduced: {tensor} first differs at epoch {hashed.epoch:g}, step {hashed.step}"
        return "\n".join([outcome, *(f"the environment has changed: {text}" for text in self.environment)])


def verify(
    folder: RunFolder,
    setup: Setup,
    *,
    epochs: int | None = None,
    plugins: Sequence[str] = (),
) -> Verification:
    """Replay a run up to its newest checkpoint, or to the first hashed epoch that is not before `epochs`.

    `setup` must be made from the run's own experiment.

    CheckpointError without hashes to compare with, for more epochs than have them, or if experiment, data or plugins
    have changed since the run.
    """
    begin, _ = newest(folder)
    refuse_another(folder, setup, begin, plugins)
    wanted = _wanted(folder, setup, begin, epochs)
    compared, differs = 0, None
    for row, found in _replayed(setup, wanted, begin):
        compared += 1
        tensor = next((name for name, digest in row.tensors.items() if found.get(name) != digest), None)
        if tensor is not None:
            differs = (row, tensor)
            break
    else:
        if compared < len(wanted):  # the replay ended earlier than the run
            differs = (wanted[compared], next(iter(wanted[compared].tensors)))
    return Verification(folder.path, compared, wanted[-1], differs, changes(begin.about, plugins) if begin else [])


def _wanted(folder: RunFolder, setup: Setup, begin: SavedState | None, epochs: int | None) -> list[Hashed]:
    """The rows of hashes to compare with. CheckpointError if there are none, or fewer than are asked for."""
    shown = printable(str(folder.path))
    if not tensor_names(setup):
        raise CheckpointError(f"{shown}: found no tensor to compare, expected a network with parameters")
    rows = [row for row in _read(folder, setup) if begin is None or row.step <= begin.about.step]
    if begin is not None and (folder.path / HASHES).stat().st_size < begin.about.marks[HASHES].length:
        raise CheckpointError(f"{shown}: found {HASHES} cut, expected all rows that the checkpoint was saved with")
    if not rows:
        raise CheckpointError(f"{shown}: found no hashes of weights to compare with")
    if epochs is not None and epochs > math.ceil(rows[-1].epoch):
        raise CheckpointError(f"{shown}: found --epochs {epochs}, but its hashes end with epoch {rows[-1].epoch:g}")
    return rows if epochs is None else rows[: sum(row.epoch < epochs for row in rows) + 1]


def _read(folder: RunFolder, setup: Setup) -> Iterator[Hashed]:
    path = folder.path / HASHES
    for row in read_rows(path, tensor_names(setup)):
        for name, digest in row.cells.items():
            if not re.fullmatch("[0-9a-f]{64}", digest):
                place = f"{printable(str(path))}:{row.line}: {printable(name)}"
                raise CheckpointError(f"{place}: found {printable(digest[:40])}, expected a SHA-256")
        yield Hashed(row.step, row.epoch, row.cells)


def _replayed(
    setup: Setup, wanted: Sequence[Hashed], begin: SavedState | None
) -> Iterator[tuple[Hashed, dict[str, str]]]:
    """Each wanted row of hashes, paired with that of the replay."""
    rows, state = {row.step: row for row in wanted}, setup.start()
    for planned, end in _segments(setup, begin):
        segment = set_up(_of_length(setup.experiment, planned), setup.rows)
        plan = replace(own_plan(segment), steps_to_mark=frozenset(rows))
        stop = partial(_has_done, state, end) if end < planned else never
        for record in segment.fit(state, plan, stop=stop):
            if record.step in rows:
                yield rows.pop(record.step), hashes(segment, state)
            if not rows:
                return


def _has_done(state: State, steps: int) -> bool:
    return state.step >= steps


def _segments(setup: Setup, begin: SavedState | None) -> Iterator[tuple[int, int]]:
    """For each segment between two changes of the run's length: the steps planned then, and its last step."""
    planned = begin.about.planned if begin else ((0, setup.plan.steps),)
    yield from ((steps, following) for (_, steps), (following, _) in pairwise(planned))
    yield planned[-1][1], planned[-1][1]


def _of_length(experiment: Experiment, steps: int) -> Experiment:
    training = experiment.training.model_copy(update={"steps": steps, "epochs": None})
    return experiment.model_copy(update={"training": training})
