"""Resume a run that was paused or killed, or extend it, with the same bits as an uninterrupted run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nnlab.config.document import read_file
from nnlab.config.experiment import to_plain, to_yaml
from nnlab.config.plugins import once_written
from nnlab.errors import CheckpointError, printable
from nnlab.experiments.evaluate import require_one_network
from nnlab.experiments.live_page import Announce
from nnlab.experiments.saving import check_tables, newest, streams
from nnlab.experiments.train import Observer, Training, TrainingResult
from nnlab.experiments.unchanged import (
    refuse_another_experiment,
    refuse_changes,
    refuse_edited,
    refuse_foreign_best,
    refuse_other_parts,
    refuse_other_plugins,
    refuse_other_rows,
)
from nnlab.gates.hold import Measured
from nnlab.loggers.logged import Logger
from nnlab.maths.schedules import is_the_same
from nnlab.setup.optimizer import BoundOptimizer
from nnlab.setup.setup import Setup
from nnlab.storage import checkpoints
from nnlab.storage.about import SavedState, WeightsAbout
from nnlab.storage.checkpoints import DamagedCheckpointError, MissingCheckpointError
from nnlab.storage.environment import differences, environment
from nnlab.storage.files import ignore
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.summary import TrainingSummary


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
    formats: Sequence[str] = (),
    live: Announce | None = None,
    loggers: Sequence[Logger] = (),
) -> TrainingResult:
    """Resume the run in `folder`. The experiment of `setup` is the run's own, perhaps with a longer training.

    CheckpointError, before anything is changed, if the run cannot be resumed: another experiment, other data, no intact
    checkpoint, a file that was modified, or another process that works on the run. Warnings are passed to `say` before
    training. A finished run is not changed, and its status is `finished`; the gates are checked against its figures.
    `max_seconds`, by default those of the experiment, are those of this session alone. With `live` there is a page that
    follows the training; `live` is told its path. Pictures are drawn as PNG, in the other `formats`, and in those in
    which the run has them. At the end the folder is handed to `loggers`, also that of a finished run.
    """
    more: dict[str, Any] = {"baselines": baselines, "max_seconds": max_seconds, "live": live, "formats": formats}
    more |= {"loggers": loggers, "say": say}
    require_one_network(folder)
    with folder.locked():
        refuse_changes(str(folder.path), read_file(folder.path / CONFIG).values, to_plain(setup.experiment))
        folder.read_summary(), folder.read_autopsy()  # those of before are replaced at the end, if they are whole
        begin, notes = newest(folder)
        plugins = (facts or {}).get("plugins", ())
        refuse_another(folder, setup, begin, plugins)
        training_of = partial(Training, setup, folder, command, facts or {}, observe, baseline, begin, **more)
        if begin is not None:
            check_tables(setup, folder, begin)
            if ended := _ended(folder, setup, begin):
                return _finished(training_of(), begin, ended)
            notes += [f"not bit-exact: {text}" for text in changes(begin.about, plugins)]
            notes += _schedule_warnings(setup, begin)
            notes += _lost_best(folder)
        else:
            notes.append("found no checkpoint: the run begins anew")
        training = training_of(notes=notes)
        for text in notes:
            say(text)
        _make_ready(folder, setup, begin)
        with once_written():
            return training.run()


def changes(about: WeightsAbout, plugins: Sequence[str]) -> list[str]:
    """Changes of the environment since a checkpoint was saved that may change bits; other plugins are refused."""
    before, now = ({**one, "plugins": None} for one in (about.environment, environment(plugins)))
    found = list(differences(before, now))
    return found if about.streams == streams() else [*found, "the random streams of this version are others"]


# --- what may not have changed ----------------------------------------------------------------------------------------


def refuse_another(
    folder: RunFolder, setup: Setup, begin: SavedState | None, plugins: Sequence[str | Path] = ()
) -> None:
    """CheckpointError for another experiment, other data or plugins, a checkpoint of another run or beyond the end."""
    refuse_other_plugins(folder, None if begin is None else begin.about, plugins)
    if begin is None:
        refuse_another_experiment(folder, setup.experiment)
        refuse_other_rows(folder.path, setup.rows.dataset, _recorded_print(folder) or setup.rows.dataset.fingerprint)
        return
    refuse_edited(folder, begin.about, setup.experiment)
    refuse_other_rows(folder.path, setup.rows.dataset, begin.about.fingerprint)
    refuse_other_parts(folder, setup.rows.of(0).split)
    refuse_foreign_best(folder, setup.experiment, begin)
    if setup.plan.steps < begin.about.step:
        asked, done = (_length(steps, setup) for steps in (setup.plan.steps, begin.about.step))
        found = f"found {asked} to train, but the run has already done {done}; expected at least as many"
        raise CheckpointError(f"{printable(str(folder.path))}: {found}")


def _length(steps: int, setup: Setup) -> str:
    """The length of a training, in epochs where the experiment counts these: `60 epochs`."""
    in_epochs = setup.experiment.training.steps is None
    number = round(steps / setup.epoch_steps, 2) if in_epochs else steps
    return f"{number:.12g} {'epoch' if in_epochs else 'step'}{'s' * (number != 1)}"


def _recorded_print(folder: RunFolder) -> str | None:
    """The fingerprint of the data in run.json."""
    run = folder.read_run()
    return run.data.fingerprint if run is not None and run.data is not None else None


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
    moved = {"run": str(training.folder.path)}  # where it is now
    held = summary.model_copy(update={"gates": tuple(gate.line() for gate in gates), **moved})
    checks = [summary.gradcheck] if summary.gradcheck else []
    return TrainingResult(training.folder.path, "finished", {}, gates, held, [message, *training.log()], checks=checks)


def _stopped_early(training: Training) -> str:
    """Message for a run that stopped early, which cannot be extended."""
    watch, anew = training.setup.plan.watch, shlex.join(["nnlab", "train", str(training.folder.path / CONFIG)])
    if training.never_measured:
        why = f"at step {training.state.step}, for {watch.monitor} was never a number"
        other = f"{anew} --set training.early_stopping.monitor={watch.monitor.partition('/')[0]}/loss"
        return f"nothing to do: the run stopped early, {why}; to watch another figure: {other}"
    better = f"without a better {watch.monitor}" + (f" by more than {watch.min_delta:g}" if watch.min_delta else "")
    return (
        f"nothing to do: the run stopped early, at step {training.state.step}, after {watch.patience} evaluations "
        f"{better}; for a longer one: {anew} --set training.early_stopping.patience=N"
    )


def _lost_best(folder: RunFolder) -> list[str]:
    """A note if the best weights are to be written anew, from the newest checkpoint, which has them too."""
    try:
        checkpoints.load(folder.checkpoint("best"))
    except (MissingCheckpointError, DamagedCheckpointError) as error:
        return [f"{error}; it is written anew from the best weights in the newest checkpoint"]
    return []


def _schedule_warnings(setup: Setup, begin: SavedState) -> list[str]:
    """A warning if the steps done had other learning rates than a run of the new length would have given them."""
    schedule, planned = setup.experiment.optimizer.schedule, begin.about.planned
    if schedule is None or setup.optimizer.plateau is not None or planned[-1][1] == setup.plan.steps:
        return []
    ends = [*(begun for begun, _ in planned[1:]), begin.about.step]
    for (begun, steps), end in zip(planned, ends, strict=True):
        if steps != setup.plan.steps and _rates_differ(setup.optimizer, steps, range(end, begun, -1)):
            return [
                f"the schedule {schedule.name} goes on as one of {setup.plan.steps} steps; it began as one of {steps}"
            ]
    return []


def _rates_differ(optimizer: BoundOptimizer, steps: int, done: range) -> bool:
    """Whether any of the steps done had another rate in a training of `steps` than in the optimizer's own.

    From the last one back: that is where most schedules of two lengths are farthest apart.
    """
    schedule = optimizer.choice.schedule
    values: dict[str, Any] = {} if schedule is None else schedule.values
    if schedule is None or is_the_same(schedule.name, steps, optimizer.steps, values):
        return False
    before, now = replace(optimizer, steps=steps).rate, optimizer.rate
    return any(before(None, None, step) != now(None, None, step) for step in done)


def _make_ready(folder: RunFolder, setup: Setup, begin: SavedState | None) -> None:
    """Set aside a damaged checkpoint, and write the experiment with its new length."""
    folder.sweep()
    folder.make_inner()
    if begin is not None:
        try:
            checkpoints.load(folder.checkpoint("last"))
        except CheckpointError:
            folder.set_aside("last")
    folder.write_config(to_yaml(setup.experiment))
