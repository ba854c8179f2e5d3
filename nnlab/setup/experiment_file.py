"""An experiment file ready to run: read, overridden and validated, with the facts for run.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.document import Document
from nnlab.config.experiment import load, to_yaml
from nnlab.config.overrides import Setting
from nnlab.config.plugins import with_plugins
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.maths.activations import AnyActivation
from nnlab.setup.rows import prepare_rows, read_rows, with_absolute_source
from nnlab.setup.setup import Setup, set_up


@dataclass(frozen=True)
class ExperimentFile:
    """A validated experiment and its origin; `activations` are the built-in ones and those of plugins."""

    path: str
    experiment: Experiment
    document: Document
    activations: Mapping[str, AnyActivation]
    plugins: tuple[Path, ...] = ()
    threads: int = 1

    @classmethod
    def read(
        cls,
        path: str | Path,
        overrides: Sequence[str | Setting] = (),
        *,
        plugins: Sequence[Path] = (),
        threads: int = 1,
        gates: Sequence[str] = (),
    ) -> ExperimentFile:
        """Read, override and validate an experiment file, with `gates` after its own. ConfigError lists every fault."""
        activations = with_plugins(plugins)
        experiment, document = load(str(path), overrides, activations, gates)
        experiment = with_absolute_source(experiment, Path(path).parent)
        return cls(str(path), experiment, document, activations, tuple(plugins), threads)

    @property
    def read_files(self) -> tuple[str | Path, ...]:
        """The files and folders that the experiment is read from: itself, its plugins and its own data."""
        data = self.experiment.data
        named = {data.source.name, *(name for _, name in data.files or () if name is not None)}
        return (self.path, *self.plugins, *sorted(name for name in named if Path(name).is_absolute()))

    @property
    def facts(self) -> dict[str, Any]:
        """The facts for run.json: the file, its plugins, and the number of threads, which may change the last bits."""
        return {"config": self.path, "plugins": [str(plugin) for plugin in self.plugins], "threads": self.threads}

    def to_yaml(self) -> str:
        """The resolved experiment as a complete experiment file."""
        return to_yaml(self.experiment)

    def dataset(self) -> Dataset:
        """The rows, read and checked against the experiment."""
        return read_rows(self.experiment, self.document, Path(self.path).parent)

    def setup(self) -> Setup:
        """Data, network and optimizer for the experiment's own seed, ready to run."""
        rows = prepare_rows(self.experiment, self.dataset(), [self.experiment.seed])
        return set_up(self.experiment, rows)


def settings(sets: Sequence[str], **given: str | int | None) -> list[str | Setting]:
    """Overrides: `KEY=VALUE` texts, then the keys with options of their own, such as `--seed`."""
    own = [Setting(key, value, f"--{key}") for key, value in given.items() if value is not None]
    return [*sets, *own]


def length_settings(steps: int | None, epochs: int | None) -> list[str | Setting]:
    """The length of the training as overrides: `steps` or `epochs`, whichever is given, replaces both in the file."""
    given, other, count = ("steps", "epochs", steps) if steps is not None else ("epochs", "steps", epochs)
    if count is None:
        return []
    return [Setting(f"training.{key}", value, f"--{given}") for key, value in ((other, None), (given, count))]
