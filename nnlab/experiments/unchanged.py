"""Check that the experiment file and the data of a run are still those from which its checkpoints were trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nnlab.config.document import read_text
from nnlab.config.experiment import to_yaml
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import CheckpointError, Fault, listed, printable
from nnlab.runs.about import WeightsAbout
from nnlab.runs.folder import CONFIG, RunFolder

# The keys that may be changed: how long to train.
_MAY_CHANGE = ("training.steps", "training.epochs", "training.max_seconds")


def refuse_edited(folder: RunFolder, about: WeightsAbout, experiment: Experiment, values: Any = None) -> None:
    """CheckpointError, with each change, if the experiment is not the one from which a checkpoint was trained.

    If the run's file has exactly the `values` of the checkpoint, they are compared without resolving them: a later
    version of nnlab may have more keys.
    """
    saved = read_text(about.config, "checkpoint").values
    if values != saved:
        refuse_changes(f"{folder.path}: the checkpoint", saved, values_of(experiment))


def values_of(experiment: Experiment) -> Any:
    """The values of a resolved experiment file."""
    return read_text(to_yaml(experiment), CONFIG).values


def refuse_changes(what: str, saved_values: Any, values: Any) -> None:
    """CheckpointError, with each difference, if an experiment differs from the saved one in more than its length."""
    saved, current = _plain(saved_values), _plain(values)
    names = [name for name in dict.fromkeys((*saved, *current)) if name not in _MAY_CHANGE]
    changed = [name for name in names if saved.get(name) != current.get(name)]
    if changed:
        message = f"{printable(what)} is of another experiment; only {listed(_MAY_CHANGE)} may change"
        lines = [f"{name}: found {_shown(current, name)}, there it is {_shown(saved, name)}" for name in changed]
        raise CheckpointError([Fault(message), *map(Fault, lines)])


def refuse_other_rows(folder: Path, dataset: Dataset, fingerprint: str, hint: str = "") -> None:
    """CheckpointError if the data of a run no longer have the fingerprint that its checkpoint recorded."""
    if dataset.fingerprint != fingerprint:
        found = (
            f"fingerprint {dataset.fingerprint[:12]}, then {printable(fingerprint[:12])}{_other_file(folder, dataset)}"
        )
        where = printable(str(folder))
        raise CheckpointError(f"{where}: the data have changed since the run ({found}), expected the same rows{hint}")


def _other_file(folder: Path, dataset: Dataset) -> str:
    """Where the rows are read from now and where they were, if that is another file."""
    run = RunFolder(folder).read_run()
    before = run.data.read_from if run is not None and run.data is not None else ""
    if not before or before == dataset.read_from:
        return ""
    return f"; read from {printable(dataset.read_from or 'no file')}, then from {printable(before)}"


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
    elif value is not None:
        yield ".".join(path), value
