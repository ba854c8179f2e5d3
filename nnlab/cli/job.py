"""What the commands share: how each begins, and how its result becomes text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlab.cli import options as o

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen
    from nnlab.config.document import Document
    from nnlab.config.overrides import Setting
    from nnlab.config.schema import Experiment
    from nnlab.setup.setup import Setup


class Job:
    """What every command on an experiment file begins with: threads, plugins, the file, overrides."""

    def __init__(
        self,
        config: str,
        sets: Sequence[str | Setting] | None,
        plugins: Sequence[Path] | None,
        threads: int,
        gates: Sequence[str] | None = None,
    ) -> None:
        o.use_threads(threads)
        from nnlab.config.experiment import load
        from nnlab.config.plugins import with_plugins
        from nnlab.setup.rows import with_absolute_source

        self.activations = with_plugins(plugins or ())
        self.document: Document
        experiment, self.document = load(config, sets or (), self.activations, gates or ())
        self.base = Path(config).parent
        self.experiment: Experiment = with_absolute_source(experiment, self.base)
        self.facts = {"config": config, "plugins": [str(plugin) for plugin in plugins or ()], "threads": threads}

    def setup(self) -> Setup:
        """Data, network and optimizer, ready to run."""
        from nnlab.setup.rows import prepare_rows, read_rows
        from nnlab.setup.setup import set_up

        dataset = read_rows(self.experiment, self.document, self.base)
        return set_up(self.experiment, prepare_rows(self.experiment, dataset, [self.experiment.seed]))


def overrides(sets: list[str] | None, seed: int | None, name: str | None) -> list[str | Setting]:
    """Options that stand for a key, as overrides."""
    from nnlab.config.overrides import Setting

    given = (("seed", seed), ("name", name))
    return [*(sets or []), *(Setting(key, value, f"--{key}") for key, value in given if value is not None)]


def screen_for(*, quiet: bool) -> Screen:
    """Where everything that people read goes."""
    from nnlab.cli.terminal import Screen

    return Screen(quiet=quiet)


def command_line() -> list[str]:
    """The command that is running, as it can be typed again."""
    return ["nnlab", *sys.argv[1:]]


def as_text(document: Any) -> str:
    """A document as JSON."""
    import json

    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
