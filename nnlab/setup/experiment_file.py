"""An experiment file ready to run: read, overridden and validated, with the facts for run.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnlab.config.document import STDIN, Document, folder_of, shown_path
from nnlab.config.experiment import read, refusal, to_yaml, validate
from nnlab.config.overrides import Setting
from nnlab.config.plugins import with_plugins
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.maths.activations import AnyActivation
from nnlab.setup.paths import SOURCE, DataPaths, folder_of_key, moved_with, with_absolute_paths
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import Setup, set_up
from nnlab.setup.task import with_task
from nnlab.setup.watched import monitor_findings


@dataclass(frozen=True)
class ExperimentFile:
    """A validated experiment and its origin; `activations` are the built-in ones and those of plugins.

    Its relative paths are seen from `folder`, and `paths` is where those of the data lead. `kept` is a file of data
    that goes into the run folder, as nobody else keeps it.
    """

    path: str
    folder: Path
    paths: DataPaths
    document: Document
    activations: Mapping[str, AnyActivation]
    plugins: tuple[Path, ...] = ()
    threads: int = 1
    kept: Path | None = None

    @classmethod
    def read(
        cls,
        path: str | Path | Mapping[str, Any],
        overrides: Sequence[str | Setting] = (),
        *,
        plugins: Sequence[Path] = (),
        threads: int = 1,
        gates: Sequence[str] = (),
        activations: Mapping[str, AnyActivation] | None = None,
    ) -> ExperimentFile:
        """Read, override and validate an experiment file, with `gates` after its own. ConfigError lists every fault.

        The path `-` is standard input. Instead of a path there may be the values of such a file, whose relative paths
        are seen from here. `activations` are those of plugins that have been run already.
        """
        shown, folder = ("", Path()) if isinstance(path, Mapping) else (shown_path(path), folder_of(path))
        activations = with_plugins(plugins) if activations is None else activations
        document, told = with_task(read(path, overrides, gates), folder)
        paths = with_absolute_paths(validate(document, activations), folder)
        paths = replace(paths, notes=(*told, *paths.notes))
        return cls(shown, folder, paths, document, activations, tuple(plugins), threads)

    def moved_with(self, then: Path, now: Path) -> ExperimentFile:
        """The file of a run whose folder was `then` and is `now`, with its data beside it if they were moved along."""
        return replace(self, paths=moved_with(self.paths, then, now))

    @property
    def experiment(self) -> Experiment:
        """The experiment, with absolute paths."""
        return self.paths.experiment

    @property
    def read_files(self) -> tuple[str | Path, ...]:
        """The files and folders that the experiment is read from: itself, its plugins and its data."""
        own = ["/dev/stdin" if self.path == STDIN else self.path] if self.path else []
        return (*own, *self.plugins, *self.paths.files)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts for run.json: the file, its plugins, and the number of threads, which may change the last bits."""
        return {"config": self.path, "plugins": [str(plugin) for plugin in self.plugins], "threads": self.threads}

    def to_yaml(self) -> str:
        """The resolved experiment as a complete experiment file."""
        return to_yaml(self.experiment)

    def dataset(self) -> Dataset:
        """The rows, read and checked against the experiment, with what there is to say about their places."""
        base = folder_of_key(self.document, SOURCE, self.folder)
        dataset = read_rows(self.experiment, self.document, base)
        notes, warnings = (*self.paths.notes, *dataset.notes), (*self.paths.warnings, *dataset.warnings)
        dataset = replace(dataset, notes=notes, warnings=warnings)
        return dataset if self.kept is None else replace(dataset, read_from=self.kept.name)

    def setup(self) -> Setup:
        """Data, network and optimizer for the experiment's own seed, ready to run."""
        rows = prepare_rows(self.experiment, self.dataset(), [self.experiment.seed])
        return set_up(self.experiment, rows)

    def setup_to_train(self) -> Setup:
        """The setup of a training that is to begin; ConfigError as well if it watches a figure that its part lacks.

        A run that has begun is not refused for that: its end says that the figure was never a number.
        """
        setup = self.setup()
        findings = [*monitor_findings(self.experiment, setup.rows.dataset, setup.rows.of(0).split)]
        if findings:
            raise refusal(self.experiment, findings)
        return setup


def settings(sets: Sequence[str | Setting], **given: str | int | None) -> list[str | Setting]:
    """Overrides: `KEY=VALUE` texts, then the keys with options of their own, such as `--seed`."""
    own = [Setting(key, value, f"--{key}") for key, value in given.items() if value is not None]
    return [*sets, *own]


def length_settings(steps: int | None, epochs: int | None) -> list[str | Setting]:
    """The length of the training as overrides: `steps` or `epochs`, whichever is given, replaces both in the file."""
    given, other, count = ("steps", "epochs", steps) if steps is not None else ("epochs", "steps", epochs)
    if count is None:
        return []
    return [Setting(f"training.{key}", value, f"--{given}") for key, value in ((other, None), (given, count))]
