"""Check that a run is what its checkpoints recorded: the same experiment, data and plugins, and checkpoints of its own.

Where the data and plugins lie is no part of that: the fingerprint of the rows and the SHA-256 of a plugin decide.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.config.document import read_text
from nnlab.config.experiment import to_plain
from nnlab.config.schema import Experiment
from nnlab.data.catalogue import CATALOGUE
from nnlab.data.dataset import Columns, Dataset
from nnlab.data.splits import Split
from nnlab.errors import CheckpointError, ConfigError, Fault, listed, printable
from nnlab.experiments.saving import HASHES, newest
from nnlab.networks.network import Network
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.setup.paths import DataPaths
from nnlab.storage import checkpoints
from nnlab.storage.about import SavedState, WeightsAbout
from nnlab.storage.checkpoints import Checkpoint, DamagedCheckpointError, MissingCheckpointError
from nnlab.storage.environment import file_digest
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.metrics import check_mark
from nnlab.storage.run import SuiteRun, TrainingRun
from nnlab.storage.summary import TrainingSummary

# The keys that may be changed: how long to train.
_MAY_CHANGE = ("training.steps", "training.epochs", "training.max_seconds")
_MOST_LETTERS = 120
GO_ON = "--trust goes on all the same, and says so in the result"


class Trust:
    """What becomes of differences between a run and its checkpoint: refused, or noted if the user trusts the run.

    `hint` is a last line for those who are refused. `differences` are those that were trusted.
    """

    def __init__(self, *, given: bool = False, hint: str = "") -> None:
        self.given, self.hint, self.differences = given, hint, list[str]()

    def hold(self, what: str, differences: Iterable[str]) -> None:
        """CheckpointError with `what` is wrong and each of the differences, unless they are trusted."""
        found = list(differences)
        if found and not self.given:
            raise CheckpointError([Fault(line) for line in (what, *found, self.hint) if line])
        self.differences += found


# --- the experiment ---------------------------------------------------------------------------------------------------


def refuse_edited(
    folder: RunFolder, about: WeightsAbout, experiment: Experiment, values: Any = None, trust: Trust | None = None
) -> None:
    """CheckpointError, with each change, if the experiment is not the one from which a checkpoint was trained.

    If the run's file has the `values` of the checkpoint, they are compared without resolving them: a later version of
    nnlab may have more keys.
    """
    trust, what = trust or Trust(), f"{folder.path}: the checkpoint"
    saved = _values(about.config)
    if values is None or [*_changes(saved, values)]:
        refuse_changes(what, saved, to_plain(experiment), trust)
    if about.seed != experiment.seed:
        found = f"seed: found seed {about.seed}, expected that of its experiment, {experiment.seed}"
        trust.hold(f"{printable(what)} is of another run", [found])


@lru_cache(maxsize=2)
def _values(text: str) -> Any:
    """The values in the text of a resolved experiment; mostly it is one text that is asked for several times."""
    return read_text(text, "checkpoint").values


def refuse_changes(what: str, saved_values: Any, values: Any, trust: Trust | None = None) -> None:
    """CheckpointError, with each difference, if an experiment differs from the saved one in more than its length."""
    message = f"{printable(what)} is of another experiment; only {listed(_MAY_CHANGE)} may change"
    (trust or Trust()).hold(message, _changes(saved_values, values))


def _changes(saved_values: Any, values: Any) -> Iterator[str]:
    """A line for each key whose value is another, in more than the length of the training and the place of the data."""
    saved, current = _plain(saved_values), _plain(values)
    for name in dict.fromkeys((*saved, *current)):
        found, before = current.get(name), saved.get(name)
        if found != before and name not in _MAY_CHANGE and not (_is_place(name, found) and _is_place(name, before)):
            yield f"{name}: found {_shown(current, name)}, there it is {_shown(saved, name)}"


def digest_of(experiment: Experiment) -> str:
    """The SHA-256 of what must stay of an experiment, as run.json holds it for a run without a checkpoint."""
    fixed = {
        name: value
        for name, value in _plain(to_plain(experiment)).items()
        if name not in _MAY_CHANGE and not _is_place(name, value)
    }
    return hashlib.sha256(json.dumps(fixed, sort_keys=True, default=str).encode()).hexdigest()


def refuse_another_experiment(folder: RunFolder, experiment: Experiment) -> None:
    """CheckpointError if the experiment is not the one that run.json recorded; where no checkpoint knows it."""
    run = folder.read_run()
    if run is not None and not isinstance(run, SuiteRun) and run.experiment not in ("", digest_of(experiment)):
        found = f"found another experiment in {CONFIG} than the run was begun with, expected the same"
        raise CheckpointError(f"{printable(str(folder.path))}: {found}; nnlab train {CONFIG} makes a run of its own")


def _is_place(name: str, value: Any) -> bool:
    """Whether a key says in which file or folder data lie."""
    is_key = name in ("data.source", "data.source.name") or name.startswith("data.files.")
    return is_key and isinstance(value, str) and value not in CATALOGUE


def _shown(values: Mapping[str, Any], name: str) -> str:
    return printable(repr(values[name])) if name in values else "nothing"


def _plain(values: Any) -> dict[str, Any]:
    """An experiment as a flat mapping from dotted keys to values."""
    return dict(_leaves(values, ()))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping | list) and value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            yield from _leaves(inner, (*path, str(key)))
    elif value not in (None, [], {}):
        yield ".".join(path), value


# --- data and plugins -------------------------------------------------------------------------------------------------


def refuse_other_rows(
    folder: Path, dataset: Dataset, fingerprint: str, hint: str = "", trust: Trust | None = None
) -> None:
    """CheckpointError if the data of a run no longer have the fingerprint that its checkpoint recorded."""
    what = f"{printable(str(folder))}: the data have changed since the run, expected the same rows{hint}"
    (trust or Trust()).hold(what, _other_rows(folder, dataset, fingerprint))


def _other_rows(folder: Path, dataset: Dataset, fingerprint: str) -> Iterator[str]:
    if dataset.fingerprint != fingerprint:
        prints = f"found fingerprint {dataset.fingerprint[:12]}, there it is {printable(fingerprint[:12])}"
        yield f"data: {prints}{_other_file(folder, dataset)}"


def _other_file(folder: Path, dataset: Dataset) -> str:
    """Where the rows are read from now and where they were, if that is another file."""
    run = RunFolder(folder).read_run()
    before = run.data.read_from if run is not None and run.data is not None else ""
    if not before or before == dataset.read_from:
        return ""
    return f"; read from {printable(dataset.read_from or 'no file')}, then from {printable(before)}"


def refuse_other_parts(folder: RunFolder, split: Split, trust: Trust | None = None) -> None:
    """CheckpointError if the parts have other sizes than in run.json.

    A fingerprint covers the rows of an array file, not how many of them are its own test part.
    """
    run = folder.read_run()
    sizes = run.data.rows if run is not None and run.data is not None else {}
    lines = [
        f"{part}: found {size} rows, there it is {sizes[part]}"
        for part, size in split.sizes().items()
        if sizes.get(part, size) != size
    ]
    (trust or Trust()).hold(f"{printable(str(folder.path))}: the data are divided otherwise than in the run", lines)


def beside(folder: RunFolder, file: ExperimentFile) -> ExperimentFile:
    """The experiment of a run with its data where they are now: moved along with the run, if they are gone."""
    moved = file.moved_with(folder.then(), folder.path.resolve())
    refuse_lost(moved.paths)
    return moved


def refuse_lost(paths: DataPaths) -> None:
    """ConfigError for files of the data that are neither where they were nor beside the run as then."""
    lost = [path for path in paths.files if not os.path.lexists(path)]
    if lost:
        hint = "--set data.source=FILE (or data.files.PART=FILE) says where they are now"
        faults = [f"found no file {printable(repr(path))}, expected the data of the run; {hint}" for path in lost]
        raise ConfigError([*map(Fault, faults)])


def refuse_other_columns(folder: Path, columns: Columns, of_data: Columns) -> None:
    """CheckpointError, with what differs, if a checkpoint reads the columns of its data in another way."""
    lines = []
    for field in fields(Columns):
        found, there = getattr(columns, field.name), getattr(of_data, field.name)
        pairs = [(a, b) for a, b in zip_longest(found, there) if a != b]
        lines += [f"{field.name}: found {_few(a)}, the data have {_few(b)}" for a, b in pairs[:1]]
    what = f"{printable(str(folder))}: the checkpoint: columns: found others than those of its data"
    Trust().hold(what, lines)


def _few(value: Any) -> str:
    """A column, or the name of one, in few letters."""
    text = "nothing" if value is None else repr(value)
    return printable(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…")


def refuse_other_network(folder: Path, network: Network, trained: Network) -> None:
    """CheckpointError if a network has other tensors than the one that was trained."""
    found, there = ({spec.name: spec.shape for spec in one.layout.specs} for one in (network, trained))
    names = [name for name in dict.fromkeys((*found, *there)) if found.get(name) != there.get(name)]
    lines = [f"{name}: found {_few(found.get(name))}, there it is {_few(there.get(name))}" for name in names]
    Trust().hold(f"{printable(str(folder))}: the weights are of another network", lines)


def refuse_settings(sets: Sequence[str]) -> None:
    """ConfigError for settings of a run that say anything else than where its data are."""
    others = [one.partition("=")[0] for one in sets if not _is_place(one.partition("=")[0], "")]
    if others:
        named = printable(", ".join(others))
        raise ConfigError(
            f"--set {named}: found a change, expected data.source or data.files.PART: a run stays as it is"
        )


def refuse_other_plugins(
    folder: RunFolder, about: WeightsAbout | None, plugins: Sequence[str | Path], trust: Trust | None = None
) -> None:
    """CheckpointError if a plugin stands in the place of one that the run was trained with; its path does not matter.

    Without a checkpoint's document `about`, the environment in run.json is compared.
    """
    run, now = folder.read_run(), {file_digest(Path(plugin)): str(plugin) for plugin in plugins}
    lines = [line for one in (about, run) if one is not None for line in _other_plugins(one.environment, now)]
    found = f"{printable(str(folder.path))}: found another plugin than the run was trained with, expected the same"
    (trust or Trust()).hold(found, dict.fromkeys(lines))


def _other_plugins(environment: Mapping[str, Any], now: Mapping[str | None, str]) -> Iterator[str]:
    """A line for each new plugin, if one of before is missing.

    One that is only added or left out changes nothing: no plugin can redefine the activation of another.
    """
    recorded = environment.get("plugins")
    before = [one for one in recorded if isinstance(one, str)] if isinstance(recorded, list | tuple) else []
    missing = " or ".join(printable(digest[:12]) for digest in before if digest not in now)
    for digest, path in now.items():
        if missing and digest not in before:
            yield f"plugin {printable(path)}: found SHA-256 {str(digest)[:12]}, there it is {missing}"


# --- checkpoints of its own -------------------------------------------------------------------------------------------


def newest_whole(folder: RunFolder) -> SavedState | None:
    """The newest state that is whole, if there is one."""
    with contextlib.suppress(CheckpointError):
        return newest(folder)[0]
    return None


def refuse_foreign(
    folder: RunFolder,
    name: str,
    checkpoint: Checkpoint,
    about: WeightsAbout,
    newest_state: SavedState | None,
    trust: Trust | None = None,
) -> None:
    """CheckpointError if a checkpoint was not saved by the run in whose folder it lies.

    A state to resume from knows how far hashes.csv was written, and the best weights so far; run.json knows the
    fingerprint of the data. The `newest_state` must have been read before best.npz: a training may be saving both.
    """
    shown = printable(str(folder.checkpoint(name)))
    state = newest_state if name == "best" else SavedState.of(checkpoint.arrays, checkpoint.about, shown)
    lines = [*_of_other_data(folder, about)]
    if state is not None:
        lines += [*_of_other_hashes(folder, state), *(_other_best(checkpoint, about, state) if name == "best" else ())]
    trust = trust or Trust()
    trust.hold(f"{shown}: the checkpoint is of another run", lines)
    if name == "last":
        trust.hold(f"{shown}: the checkpoint is an earlier one of the run", _of_another_step(folder, about))


def refuse_foreign_best(folder: RunFolder, experiment: Experiment, state: SavedState) -> None:
    """CheckpointError if best.npz is of another run than a state; none, or a damaged one, is written anew."""
    path = folder.checkpoint("best")
    with contextlib.suppress(MissingCheckpointError, DamagedCheckpointError):
        best = checkpoints.load(path)
        about = WeightsAbout.of(best.about, printable(str(path)))
        refuse_edited(folder, about, experiment)
        Trust().hold(f"{printable(str(path))}: the checkpoint is of another run", _other_best(best, about, state))


def _of_other_data(folder: RunFolder, about: WeightsAbout) -> Iterator[str]:
    run = folder.read_run()
    if isinstance(run, TrainingRun) and run.data is not None and run.data.fingerprint != about.fingerprint:
        prints = f"found fingerprint {printable(about.fingerprint[:12])}, in run.json it is"
        yield f"data: {prints} {printable(run.data.fingerprint[:12])}"


def _of_another_step(folder: RunFolder, about: WeightsAbout) -> Iterator[str]:
    """What is wrong with the last weights of a run that has ended, as where they were exchanged for earlier ones."""
    run, summary = folder.read_run(), None
    with contextlib.suppress(CheckpointError):  # a summary at fault is that of no weights
        summary = folder.read_summary()
    has_ended = isinstance(run, TrainingRun) and run.status in ("completed", "stopped")
    if has_ended and isinstance(summary, TrainingSummary) and summary.steps != about.step:
        yield f"step: found {about.step}, in summary.json it is {summary.steps}"


def _of_other_hashes(folder: RunFolder, state: SavedState) -> Iterator[str]:
    try:
        check_mark(folder.path / HASHES, state.about.marks[HASHES].mark())
    except FileNotFoundError:
        pass
    except CheckpointError as error:
        yield str(error)


def _other_best(best: Checkpoint, about: WeightsAbout, state: SavedState) -> Iterator[str]:
    """What is wrong with best weights of a step that the state knows; later ones were saved just before a kill."""
    if about.step > state.about.step:
        return
    known = _known_best(state)
    if about.fingerprint != state.about.fingerprint:
        yield f"data: found fingerprint {printable(about.fingerprint[:12])}, there it is {state.about.fingerprint[:12]}"
    if about.step not in known:
        yield f"step: found {about.step}, there the best is of step {max(known)}"
    elif not np.array_equal(best.arrays.get("theta"), known[about.step]):  # type: ignore[arg-type]
        yield f"theta: found other weights than the best there, of step {about.step}"


def _known_best(state: SavedState) -> dict[int, Any]:
    """The weights that may be in best.npz beside a state, by their step.

    Those after the last step, if they are better than the best on the schedule of evaluations; and these all the same,
    for a training that is made longer goes back to them, and may be killed once it has saved them.
    """
    arrays = state.arrays
    known = {int(arrays["best/step"][0]): arrays.get("best/theta")}
    return known | ({state.about.step: arrays["theta"]} if "end_value" in arrays else {})
