"""Resume a run that was paused or killed, or extend it, with the same bits as an uninterrupted run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnlab.config.document import read_file
from nnlab.config.experiment import to_yaml
from nnlab.errors import CheckpointError, Fault, printable
from nnlab.experiments.saving import check_tables, streams
from nnlab.experiments.train import Observer, Training, TrainingResult
from nnlab.experiments.unchanged import refuse_changes, refuse_edited, refuse_other_rows, values_of
from nnlab.gates.hold import Measured
from nnlab.runs import checkpoints
from nnlab.runs.about import SavedState, WeightsAbout
from nnlab.runs.checkpoints import DamagedCheckpointError, MissingCheckpointError
from nnlab.runs.environment import differences, environment
from nnlab.runs.files import ignore
from nnlab.runs.folder import CONFIG, RunFolder
from nnlab.runs.run import ArmsRun
from nnlab.runs.summary import TrainingSummary
from nnlab.setup.setup import Setup


def resume(
    folder: RunFolder,
    setup: Setup,
    *,
    command: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    observe: Observer = ignore,
    say: Callable[[str], None] = ignore,
    baseline: Measured | None = None,
    baselines: bool | None = None,
    max_seconds: float | None = None,
) -> TrainingResult:
    """Resume the run in `folder`. The experiment of `setup` is the run's own, perhaps with a longer training.

    CheckpointError, before anything is changed, if the run cannot be resumed: another experiment, other data, no intact
    checkpoint, a file that was modified, or another process that works on the run. Warnings are passed to `say` before
    training. A finished run is not changed, and its status is `finished`; the gates are checked against its figures.
    `max_seconds`, by default those of the experiment, are those of this session alone.
    """
    more: dict[str, Any] = {"baselines": baselines, "max_seconds": max_seconds}
    if isinstance(folder.read_run(), ArmsRun):
        raise CheckpointError(f"{printable(str(folder.path))}: found a comparison, expected a run of `nnlab train`")
    with folder.locked():
        refuse_changes(str(folder.path), read_file(folder.path / CONFIG).values, values_of(setup.experiment))
        begin, notes = newest(folder)
        if begin is not None:
            refuse_another(folder, setup, begin.about)
            if ended := _ended(folder, setup, begin):
                training = Training(setup, folder, command, facts or {}, observe, baseline, begin, **more)
                return _finished(training, begin, ended)
            check_tables(setup, folder, begin)
            notes += [f"not bit-exact: {text}" for text in changes(begin.about, (facts or {}).get("plugins", ()))]
            notes += _schedule_warnings(setup, begin)
        else:
            notes.append("found no checkpoint: the run begins anew")
        for text in notes:
            say(text)
        training = Training(setup, folder, command, facts or {}, observe, baseline, begin, notes, **more)
        _make_ready(folder, setup, begin)
        return training.run()


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


def changes(about: WeightsAbout, plugins: Sequence[str]) -> list[str]:
    """Changes of the environment since a checkpoint was saved that may change bits."""
    found = list(differences(about.environment, environment(plugins)))
    return found if about.streams == streams() else [*found, "the random streams of this version are others"]


# --- what may not have changed ----------------------------------------------------------------------------------------


def refuse_another(folder: RunFolder, setup: Setup, about: WeightsAbout) -> None:
    """CheckpointError for a checkpoint of another experiment, of other data, or beyond the planned end."""
    path = str(folder.path)
    refuse_edited(folder, about, setup.experiment)
    refuse_other_rows(folder.path, setup.rows.dataset, about.fingerprint)
    if about.seed != setup.rows.seeds[0]:
        found = f"found seed {about.seed}, expected that of its experiment, {setup.rows.seeds[0]}"
        raise CheckpointError(f"{printable(path)}: the checkpoint: seed: {found}")
    if setup.plan.steps < about.step:
        done = f"the run has already done {about.step}"
        raise CheckpointError(f"{printable(path)}: found {setup.plan.steps} steps to train, but {done}")


# --- runs that are finished, or made longer ---------------------------------------------------------------------------


def _ended(folder: RunFolder, setup: Setup, begin: SavedState) -> TrainingSummary | None:
    """The summary of a run that is completely trained and written; else None."""
    trained = begin.about.step >= setup.plan.steps or not begin.arrays["running"].any()
    run = folder.read_run()
    is_over = trained and run is not None and run.status in {"completed", "stopped"}
    return folder.summary(TrainingSummary) if is_over and folder.read_summary() is not None else None


def _finished(training: Training, begin: SavedState, summary: TrainingSummary) -> TrainingResult:
    message = f"nothing to do: the run is {summary.status}, at step {begin.about.step}"
    if not begin.arrays["running"].any():
        message = _stopped_early(training)
    gates = training.hold_again()
    held = summary.model_copy(update={"gates": tuple(gate.line() for gate in gates)})
    checks = [summary.gradcheck] if summary.gradcheck else []
    return TrainingResult(training.folder.path, "finished", {}, gates, held, [message], checks=checks)


def _stopped_early(training: Training) -> str:
    """Message for a run that stopped early, which cannot be extended."""
    watch, anew = training.setup.plan.watch, shlex.join(["nnlab", "train", str(training.folder.path / CONFIG)])
    better = f"without a better {watch.monitor}" + (f" by more than {watch.min_delta:g}" if watch.min_delta else "")
    return (
        f"nothing to do: the run stopped early, at step {training.state.step}, after {watch.patience} evaluations "
        f"{better}; for a longer one: {anew} --set training.early_stopping.patience=N"
    )


def _schedule_warnings(setup: Setup, begin: SavedState) -> list[str]:
    """A warning if there is a learning-rate schedule and the number of steps changes."""
    schedule, before = setup.experiment.optimizer.schedule, begin.about.planned[-1][1]
    if schedule is None or before == setup.plan.steps:
        return []
    return [f"the schedule {schedule.name} goes on as one of {setup.plan.steps} steps; it began as one of {before}"]


def _make_ready(folder: RunFolder, setup: Setup, begin: SavedState | None) -> None:
    """Set aside a damaged checkpoint, and write the experiment with its new length."""
    folder.make_inner()
    if begin is not None:
        try:
            checkpoints.load(folder.checkpoint("last"))
        except CheckpointError:
            folder.set_aside("last")
    folder.write_config(to_yaml(setup.experiment))
