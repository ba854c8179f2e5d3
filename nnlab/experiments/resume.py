"""Go on with a run that was paused, killed or is to be longer, so that it ends as if nothing had happened."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnlab.config.document import read_file
from nnlab.config.experiment import to_yaml
from nnlab.errors import CheckpointError, Fault, printable
from nnlab.experiments.saving import check_tables, streams
from nnlab.experiments.train import Observer, Training, TrainingResult
from nnlab.experiments.unchanged import refuse_changes, refuse_edited, values_of
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
) -> TrainingResult:
    """Go on with the run in `folder` as `setup` says, whose experiment is the run's own, perhaps made longer.

    CheckpointError if the run cannot be gone on with: another experiment, other data, no checkpoint that is whole, a
    file that is not what was written, or another process at work on it; then nothing was changed. What the user should
    know before is told to `say`. A run that is finished stays as it is, and its status is `finished`; the gates are
    held against what it measured.
    """
    if isinstance(folder.read_run(), ArmsRun):
        raise CheckpointError(f"{printable(str(folder.path))}: found a comparison, expected a run of `nnlab train`")
    with folder.locked():
        refuse_changes(str(folder.path), read_file(folder.path / CONFIG).values, values_of(setup.experiment))
        begin, said = newest(folder)
        if begin is not None:
            refuse_another(folder, setup, begin.about)
            if ended := _ended(folder, setup, begin):
                training = Training(setup, folder, command, facts or {}, observe, baseline, begin)
                return _finished(training, begin, ended)
            check_tables(setup, folder, begin)
            said += [f"not bit-exact: {text}" for text in changes(begin.about, (facts or {}).get("plugins", ()))]
            said += _stretched(setup, begin)
        else:
            said.append("found no checkpoint: the run begins anew")
        for text in said:
            say(text)
        training = Training(setup, folder, command, facts or {}, observe, baseline, begin, said)
        _make_ready(folder, setup, begin)
        return training.run()


def newest(folder: RunFolder) -> tuple[SavedState | None, list[str]]:
    """The newest checkpoint that is whole, None if there never was one, and what is to be said about it.

    CheckpointError if there are checkpoints and none is whole, or one that must not be passed over.
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
    """What is no longer as it was when a checkpoint was saved and may change bits."""
    found = list(differences(about.environment, environment(plugins)))
    return found if about.streams == streams() else [*found, "the random streams of this version are others"]


# --- what may not have changed ----------------------------------------------------------------------------------------


def refuse_another(folder: RunFolder, setup: Setup, about: WeightsAbout) -> None:
    """Refuse a checkpoint of another experiment, of other data, or one that is already beyond the planned end."""
    path = str(folder.path)
    refuse_edited(folder, about, setup.experiment)
    fingerprint = setup.rows.dataset.fingerprint
    if about.fingerprint != fingerprint:
        found = f"fingerprint {fingerprint[:12]}, then {printable(about.fingerprint[:12])}"
        raise CheckpointError(f"{printable(path)}: the data have changed since the run ({found}), expected the same")
    if about.seed != setup.rows.seeds[0]:
        found = f"found seed {about.seed}, expected that of its experiment, {setup.rows.seeds[0]}"
        raise CheckpointError(f"{printable(path)}: the checkpoint: seed: {found}")
    if setup.plan.steps < about.step:
        done = f"the run has already done {about.step}"
        raise CheckpointError(f"{printable(path)}: found {setup.plan.steps} steps to train, but {done}")


# --- runs that are finished, or made longer ---------------------------------------------------------------------------


def _ended(folder: RunFolder, setup: Setup, begin: SavedState) -> TrainingSummary | None:
    """The summary of a run with nothing left to train, of which all that comes after has been written; else None."""
    trained = begin.about.step >= setup.plan.steps or not begin.arrays["running"].any()
    run = folder.read_run()
    is_over = trained and run is not None and run.status in {"completed", "stopped"}
    return folder.summary(TrainingSummary) if is_over and folder.read_summary() is not None else None


def _finished(training: Training, begin: SavedState, summary: TrainingSummary) -> TrainingResult:
    said = f"nothing to do: the run is {summary.status}, at step {begin.about.step}"
    if not begin.arrays["running"].any():
        said = _stopped_early(training)
    gates = training.hold_again(begin)
    held = summary.model_copy(update={"gates": tuple(gate.line() for gate in gates)})
    return TrainingResult(training.folder.path, "finished", {}, gates, held, [said])


def _stopped_early(training: Training) -> str:
    """Why there is nothing to do, however long the run is to be; and what to do."""
    watch, anew = training.setup.plan.watch, shlex.join(["nnlab", "train", str(training.folder.path / CONFIG)])
    return (
        f"nothing to do: the run stopped early, at step {training.state.step}, after {watch.patience} evaluations "
        f"without a better {watch.monitor}; for a longer one: {anew} --set training.early_stopping.patience=N"
    )


def _stretched(setup: Setup, begin: SavedState) -> list[str]:
    """What is to be said of a schedule that follows the number of steps, where that number changes."""
    schedule, before = setup.experiment.optimizer.schedule, begin.about.planned[-1][1]
    if schedule is None or before == setup.plan.steps:
        return []
    return [f"the schedule {schedule.name} goes on as one of {setup.plan.steps} steps; it began as one of {before}"]


def _make_ready(folder: RunFolder, setup: Setup, begin: SavedState | None) -> None:
    """Put away a damaged checkpoint, and note how long the run is now to be."""
    folder.make_inner()
    if begin is not None:
        try:
            checkpoints.load(folder.checkpoint("last"))
        except CheckpointError:
            folder.set_aside("last")
    folder.write_config(to_yaml(setup.experiment))
