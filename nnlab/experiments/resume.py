"""Go on with a run that was paused, killed or is to be longer, so that it ends as if nothing had happened."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nnlab.config.document import read_file, read_text
from nnlab.config.experiment import to_yaml
from nnlab.config.schema import Experiment
from nnlab.errors import CheckpointError, Fault, printable
from nnlab.experiments.saving import streams
from nnlab.experiments.train import Observer, Training, TrainingResult
from nnlab.gates.hold import Measured
from nnlab.runs import checkpoints
from nnlab.runs.checkpoints import Checkpoint, DamagedCheckpointError, MissingCheckpointError
from nnlab.runs.environment import differences, environment
from nnlab.runs.files import ignore
from nnlab.runs.folder import CONFIG, RunFolder
from nnlab.setup.setup import Setup

# The keys that may be changed: how long to train.
_MAY_CHANGE = ("training.steps", "training.epochs")


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

    CheckpointError if the run cannot be gone on with: another experiment, other data, no checkpoint that is whole, or
    another process at work on it. What the user should know before is told to `say`. A run that is finished stays as
    it is, and its status is `finished`; the gates are held against what it measured.
    """
    if folder.read_run().get("kind", "train") != "train":
        raise CheckpointError(f"{printable(str(folder.path))}: found a comparison, expected a run of `nnlab train`")
    with folder.locked():
        _refuse_changes(str(folder.path), _plain(read_file(folder.path / CONFIG).values), setup.experiment)
        begin, said = newest(folder)
        if begin is not None:
            refuse_another(folder, setup, begin)
            if _is_finished(folder, setup, begin):
                training = Training(setup, folder, command, facts or {}, observe, baseline, begin)
                return _finished(training, begin)
            said += [f"not bit-exact: {text}" for text in changes(begin, (facts or {}).get("plugins", ()))]
            said += _stretched(setup, begin)
        else:
            said.append("found no checkpoint: the run begins anew")
        for text in said:
            say(text)
        training = Training(setup, folder, command, facts or {}, observe, baseline, begin, said)
        _make_ready(folder, setup, begin)
        return training.run()


def newest(folder: RunFolder) -> tuple[Checkpoint | None, list[str]]:
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
            return found, [f"{text}; used the one before, of step {found.about['step']}" for text in damaged]
    if damaged:
        raise CheckpointError([Fault(text) for text in [*damaged, "found no other checkpoint to go on from"]])
    return None, []


def changes(begin: Checkpoint, plugins: Sequence[str]) -> list[str]:
    """What is no longer as it was when a checkpoint was saved and may change bits."""
    found = list(differences(begin.about["environment"], environment(plugins)))
    return found if begin.about["streams"] == streams() else [*found, "the random streams of this version are others"]


# --- what may not have changed ----------------------------------------------------------------------------------------


def refuse_another(folder: RunFolder, setup: Setup, begin: Checkpoint) -> None:
    """Refuse a checkpoint of another experiment, of other data, or one that is already beyond the planned end."""
    about, path = begin.about, str(folder.path)
    saved = read_text(str(about["config"]), "checkpoint").values
    _refuse_changes(f"{path}: the checkpoint", _plain(saved), setup.experiment)
    fingerprint = setup.rows.dataset.fingerprint
    if about["fingerprint"] != fingerprint:
        found = f"fingerprint {fingerprint[:12]}, then {str(about['fingerprint'])[:12]}"
        raise CheckpointError(f"{printable(path)}: the data have changed since the run ({found}), expected the same")
    if setup.plan.steps < about["step"]:
        done = f"the run has already done {about['step']}"
        raise CheckpointError(f"{printable(path)}: found {setup.plan.steps} steps to train, but {done}")


def _refuse_changes(what: str, saved: Mapping[str, Any], experiment: Experiment) -> None:
    """Refuse an experiment that differs from the one saved in more than its length, with each difference."""
    own = _plain(read_text(to_yaml(experiment), CONFIG).values)
    names = [name for name in dict.fromkeys((*saved, *own)) if name not in _MAY_CHANGE]
    changed = [name for name in names if saved.get(name) != own.get(name)]
    if changed:
        said = f"{printable(what)} is of another experiment; only {' and '.join(_MAY_CHANGE)} may change"
        lines = [f"{name}: found {_shown(own, name)}, there it is {_shown(saved, name)}" for name in changed]
        raise CheckpointError([Fault(said), *map(Fault, lines)])


def _shown(values: Mapping[str, Any], name: str) -> str:
    return printable(repr(values[name])) if name in values else "nothing"


def _plain(values: Any) -> dict[str, Any]:
    """An experiment as one flat mapping from dotted keys to values."""
    return dict(_leaves(values, ()))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping | list) and value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            yield from _leaves(inner, (*path, str(key)))
    elif value is not None:
        yield ".".join(path), value


# --- runs that are finished, or made longer ---------------------------------------------------------------------------


def _is_finished(folder: RunFolder, setup: Setup, begin: Checkpoint) -> bool:
    """Whether there is nothing left to train, and all that comes after the training has been written."""
    trained = begin.about["step"] >= setup.plan.steps or not begin.arrays["running"].any()
    return trained and folder.read_run().get("status") in {"completed", "stopped"} and bool(folder.read_summary())


def _finished(training: Training, begin: Checkpoint) -> TrainingResult:
    folder, summary = training.folder, training.folder.read_summary()
    said = f"nothing to do: the run is {summary['status']}, at step {begin.about['step']}"
    if not begin.arrays["running"].any():
        said = _stopped_early(training)
    gates = training.hold_again(begin)
    summary["gates"] = [gate.document() for gate in gates]
    return TrainingResult(folder.path, "finished", {}, gates, summary, [said])


def _stopped_early(training: Training) -> str:
    """Why there is nothing to do, however long the run is to be; and what to do."""
    watch, anew = training.setup.plan.watch, shlex.join(["nnlab", "train", str(training.folder.path / CONFIG)])
    return (
        f"nothing to do: the run stopped early, at step {training.state.step}, after {watch.patience} evaluations "
        f"without a better {watch.monitor}; for a longer one: {anew} --set training.early_stopping.patience=N"
    )


def _stretched(setup: Setup, begin: Checkpoint) -> list[str]:
    """What is to be said of a schedule that follows the number of steps, where that number changes."""
    schedule, before = setup.experiment.optimizer.schedule, begin.about["planned"][-1][1]
    if schedule is None or before == setup.plan.steps:
        return []
    return [f"the schedule {schedule.name} goes on as one of {setup.plan.steps} steps; it began as one of {before}"]


def _make_ready(folder: RunFolder, setup: Setup, begin: Checkpoint | None) -> None:
    """Put away a damaged checkpoint, and note how long the run is now to be."""
    if begin is not None:
        try:
            checkpoints.load(folder.checkpoint("last"))
        except CheckpointError:
            folder.set_aside("last")
    folder.write_config(to_yaml(setup.experiment))
