"""Where the paths of an experiment's data lead, as absolute paths, since its run folder is elsewhere.

A path in the file is seen from the file's folder, one of an option from where the command is run. The file may also
name what is in the working directory, if there is nothing of that name beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnlab.config.document import Document, KeyPath
from nnlab.config.experiment import Finding, refusal
from nnlab.config.schema import Experiment, Files
from nnlab.data.catalogue import CATALOGUE, entry_files
from nnlab.data.files import quoted
from nnlab.errors import printable
from nnlab.paths import expanded

SOURCE: KeyPath = ("data", "source", "name")


@dataclass(frozen=True)
class DataPaths:
    """An experiment whose data have absolute paths, with what a user is told of them and what must be seen."""

    experiment: Experiment
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files and folders that the rows are read from; none for rows that are computed."""
        data = self.experiment.data
        if data.files is not None:
            return tuple(_paths_of(data.files).values())
        if data.source.name in CATALOGUE:
            return tuple(map(str, entry_files(data.source.name)))
        return (data.source.name,)


def folder_of_key(document: Document | None, key: KeyPath, folder: Path) -> Path:
    """The folder from which the path under `key` is seen: the file's `folder`, or here for what an option sets."""
    from_option = document is not None and document.position(key)[0] != document.position(())[0]
    return Path() if from_option else folder


def with_absolute_paths(experiment: Experiment, folder: Path) -> DataPaths:
    """The experiment, read from a file in `folder`, with the paths of its data made absolute.

    A source that is no file stays as it is; that of several files is the first of them. ConfigError for `~user` without
    such a user.
    """
    finder = _Finder(experiment, folder)
    source, files, update = experiment.data.source, experiment.data.files, dict[str, Any]()
    if files is None:
        name = finder.source(source.name)
    else:
        paths = {part: finder.file(part, path) for part, path in _paths_of(files).items()}
        update["files"], name = files.model_copy(update=paths), paths["train"]
    update["source"] = source.model_copy(update={"name": name})
    if finder.findings:
        raise refusal(experiment, finder.findings)
    return DataPaths(_with_data(experiment, update), tuple(finder.notes), tuple(finder.warnings))


def _with_data(experiment: Experiment, update: Mapping[str, Any]) -> Experiment:
    return experiment.model_copy(update={"data": experiment.data.model_copy(update=update)})


def reading_from(experiment: Experiment, source: str) -> Experiment:
    """The experiment with the same data at another place."""
    named = experiment.data.source.model_copy(update={"name": source})
    return _with_data(experiment, {"source": named})


def without_places(experiment: Experiment) -> Experiment:
    """The experiment without the names of the files in which its data lie; a set of the catalogue keeps its name."""
    data = experiment.data
    if data.files is None and data.source.name in CATALOGUE:
        return experiment
    files = None if data.files is None else data.files.model_copy(update=dict.fromkeys(_paths_of(data.files), ""))
    return _with_data(reading_from(experiment, ""), {"files": files})


def moved_with(paths: DataPaths, then: Path, now: Path) -> DataPaths:
    """The data of a run whose folder was `then` and is `now`: where they were, else at the same place beside the run.

    Both folders are absolute. A note says which files are read from another place.
    """
    data, update = paths.experiment.data, dict[str, Any]()
    if data.files is not None:
        found = {part: _beside(path, then, now) for part, path in _paths_of(data.files).items()}
        update["files"] = data.files.model_copy(update=found)
    update["source"] = data.source.model_copy(update={"name": _beside(data.source.name, then, now)})
    moved = DataPaths(_with_data(paths.experiment, update), paths.notes, paths.warnings)
    pairs = zip(paths.files, moved.files, strict=True)
    notes = [f"{printable(a)} is gone: read from {printable(b)}, beside the run as then" for a, b in pairs if a != b]
    return replace(moved, notes=(*paths.notes, *notes))


def places_in(keys: Mapping[str, Any], then: Path, now: Path) -> list[str]:
    """The files and folders of the data in the keys of a run, `moved_with` it, which need not be a valid experiment."""
    parts = [path for key, path in keys.items() if key.startswith("data.files.")]
    source = str(keys.get("data.source", ""))
    if source in CATALOGUE and not parts:
        return [*map(str, entry_files(source))]
    return [_beside(str(path), then, now) for path in parts or [source] if path]


def _beside(path: str, then: Path, now: Path) -> str:
    """The path of a file that is gone as it is seen from the run's folder now, if there is one."""
    if not Path(path).is_absolute() or os.path.lexists(path):
        return path
    there = os.path.normpath(now / os.path.relpath(path, then))
    return there if os.path.lexists(there) else path


def _paths_of(files: Files) -> dict[str, str]:
    """The path of each part that has a file."""
    return {part: path for part, path in files if path is not None}


class _Finder:
    """Finds the files of one experiment, and collects what is to be said about them."""

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        self.document, self.folder = experiment.document, folder
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.findings: list[Finding] = []

    def source(self, name: str) -> str:
        """The source, absolute if it is a file or a folder; a name of the catalogue is no path."""
        if name not in CATALOGUE:
            path = self.expanded(SOURCE, name)
            return self.existing(SOURCE, path) or path
        same = self.home(SOURCE) / name
        if os.path.lexists(same):
            found = f"data.source {quoted(name)} is the set of the catalogue, not {printable(str(same.absolute()))}"
            self.warnings.append(f"{found}; ./{name} would be that")
        return name

    def file(self, part: str, text: str) -> str:
        """The absolute path of the file of a part, whether there is one or not."""
        key = ("data", "files", part)
        path = self.expanded(key, text)
        return self.existing(key, path) or os.path.abspath(self.home(key) / path)  # noqa: PTH100 - keeps a link's name

    def home(self, key: KeyPath) -> Path:
        """The folder from which the path under `key` is seen."""
        return folder_of_key(self.document, key, self.folder)

    def expanded(self, key: KeyPath, path: str) -> str:
        """The path with the home folder for ~."""
        try:
            return expanded(path)
        except ValueError as error:
            self.findings.append((key, str(error)))
            return path

    def existing(self, key: KeyPath, path: str) -> str | None:
        """The absolute path of what there is at `path`: in the folder of the key, else in the working directory."""
        own, here = self.home(key) / path, Path(path)
        if not os.path.lexists(own):
            if not os.path.lexists(here):
                return None
            self.notes.append(f"{_named(key, path)}: read from the working directory, {printable(_absolute(here))}")
            return _absolute(here)
        if os.path.lexists(here) and _absolute(here) != _absolute(own):
            read, other = printable(_absolute(own)), printable(_absolute(here))
            self.warnings.append(f"{_named(key, path)}: read {read}, beside the experiment file, not {other}")
        return _absolute(own)


def _named(key: KeyPath, path: str) -> str:
    return f"{'.'.join(map(str, key)).removesuffix('.name')} {quoted(path)}"


def _absolute(path: Path) -> str:
    """The path without links; a broken link keeps its own name, for the message."""
    return os.path.realpath(path) if path.exists() else os.path.abspath(path)  # noqa: PTH100 - as `realpath`
