"""Options that several commands share, in groups: a command names a group once, and typer sees its single options.

A command is a function with a parameter for each option of its own, and one for each group, which is annotated with the
group's class. `command_of` makes of it what typer wants: a function with all single options in its signature.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from nnlab.cli import options as o
from nnlab.cli.output import as_text, exit_codes, result

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen


@dataclass(frozen=True)
class PluginOptions:
    """Where runs are, and what chooses the arithmetic."""

    runs_dir: o.RunsDir = Path("runs")
    plugin: o.Plugin = None
    threads: o.Threads = 1

    @property
    def plugins(self) -> list[Path]:
        """The files of plugins."""
        return self.plugin or []


@dataclass(frozen=True)
class UnnamedOptions(PluginOptions):
    """How an experiment file is read, where no run folder will have its name."""

    sets: o.Set = None
    seed: o.Seed = None

    @property
    def reading(self) -> dict[str, Any]:
        """What `nnlab.api.resolve` takes of it."""
        return {"set": self.sets or (), "seed": self.seed, "plugins": self.plugins, "threads": self.threads}


@dataclass(frozen=True)
class FileOptions(UnnamedOptions):
    """How an experiment file is read."""

    name: o.Name = None

    @property
    def reading(self) -> dict[str, Any]:
        """What `nnlab.api.resolve` takes of it."""
        return {**super().reading, "name": self.name}


@dataclass(frozen=True)
class WorkOptions:
    """Where many networks are trained, and what need not be trained again."""

    jobs: o.Jobs = 1
    needed: o.Needed = False
    dask: o.Dask = None

    @property
    def chosen(self) -> dict[str, Any]:
        """What `nnlab.api.compare` takes of it."""
        return {"jobs": self.jobs, "needed": self.needed, "dask": self.dask}


@dataclass(frozen=True)
class GateOptions:
    """What must hold, what it is compared with, and where the outcome is reported."""

    gate: o.Gate = None
    baseline: o.Baseline = None
    junit: o.Junit = None

    @property
    def gates(self) -> list[str]:
        """The gates as they were typed."""
        return self.gate or []

    @property
    def held(self) -> dict[str, Any]:
        """The arguments `gates`, `baseline` and `junit` of a function of `nnlab.api`."""
        return {"gates": self.gates, "baseline": self.baseline, "junit": self.junit}


@dataclass(frozen=True)
class Debugging:
    """What is shown of an error."""

    debug: o.Debug = False


@dataclass(frozen=True)
class BareOutput(Debugging):
    """How a command that only shows something ends."""

    as_json: o.Json = False

    def result(self, document: Any, *lines: str) -> None:
        """The result on stdout: one JSON document where that is asked for, else the lines."""
        for line in [as_text(document)] if self.as_json else lines:
            result(line)


@dataclass(frozen=True)
class Output(BareOutput):
    """What a command shows, and how it ends."""

    quiet: o.Quiet = False

    @cached_property
    def screen(self) -> Screen:
        """Where everything that people read goes."""
        from nnlab.cli.terminal import Screen

        return Screen(quiet=self.quiet or self.as_json)


def command_of(function: Callable[..., None]) -> Callable[..., None]:
    """The function with the single options of its groups in its signature, errors turned into exit codes.

    BLAS threads are limited before the command loads NumPy, where one of its groups has `threads`.
    """
    hints, groups, parameters = get_type_hints(function, include_extras=True), dict[str, Any](), []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if is_dataclass(hint):
            groups[parameter.name] = hint
            parameters += _options_of(hint)
        else:
            parameters.append(parameter.replace(annotation=hint))

    @functools.wraps(function)
    def command(**given: Any) -> None:
        own = {name: group(**{f.name: given.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        with exit_codes(debug=any(group.debug for group in own.values() if isinstance(group, Debugging))):
            for group in own.values():
                if isinstance(group, PluginOptions):
                    o.use_threads(group.threads)
            function(**given, **own)

    command.__signature__ = inspect.Signature(sorted(parameters, key=lambda one: one.kind))  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _options_of(group: Any) -> list[inspect.Parameter]:
    """A parameter for each field of a group."""
    hints, keyword = get_type_hints(group, include_extras=True), inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(f.name, keyword, default=f.default, annotation=hints[f.name]) for f in fields(group)]
