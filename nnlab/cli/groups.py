"""Groups of options that several commands share: a command takes a group as one parameter, typer sees single options.

A command is a function with a parameter for each specific option and one for each group, annotated with the group's
class. `command_of` turns it into a function with all single options in its signature, as typer requires. Nobody prints
or compares a group: methods for that would be generated anew at every start.
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
from nnlab.cli.output import as_text, complain, exit_codes, result
from nnlab.errors import ConfigError

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen


@dataclass(frozen=True, repr=False, eq=False)
class CodeOptions:
    """Plugins and threads."""

    plugin: o.Plugin = None
    threads: o.Threads = 1

    @property
    def plugins(self) -> list[Path]:
        """The files given by --plugin."""
        return self.plugin or []


@dataclass(frozen=True, repr=False, eq=False)
class PluginOptions(CodeOptions):
    """The same, and the folder of runs."""

    runs_dir: o.RunsDir = Path("runs")


@dataclass(frozen=True, repr=False, eq=False)
class RunOptions(PluginOptions):
    """The same for a command on a run, and where the run's data are now."""

    sets: o.Place = None

    @property
    def opening(self) -> dict[str, Any]:
        """The arguments for a function of `nnlab.api` on a run."""
        return {"runs_dir": self.runs_dir, "plugins": self.plugins, "set": self.sets or ()}


@dataclass(frozen=True, repr=False, eq=False)
class UnnamedOptions(PluginOptions):
    """Options for reading an experiment file, for commands without a run folder."""

    sets: o.Set = None
    seed: o.Seed = None

    @property
    def reading(self) -> dict[str, Any]:
        """The arguments for `nnlab.api.resolve`."""
        return {"set": self.sets or (), "seed": self.seed, "plugins": self.plugins, "threads": self.threads}


@dataclass(frozen=True, repr=False, eq=False)
class FileOptions(UnnamedOptions):
    """Options for reading an experiment file."""

    name: o.Name = None

    @property
    def reading(self) -> dict[str, Any]:
        """The arguments for `nnlab.api.resolve`."""
        return {**super().reading, "name": self.name}


@dataclass(frozen=True, repr=False, eq=False)
class PictureOptions:
    """The formats of the pictures."""

    figures: o.Figures = None

    @property
    def chosen(self) -> dict[str, Any]:
        """The argument `figures` of a function of `nnlab.api`; ConfigError for a format that is none."""
        from nnlab.storage.folder import refuse_other_formats

        formats = [] if self.figures is None else self.figures.split(",")
        refuse_other_formats(formats)
        return {"figures": formats}


@dataclass(frozen=True, repr=False, eq=False)
class LengthOptions(PictureOptions):
    """How long to train, the seconds of this session, and whether a page follows it."""

    steps: o.Steps = None
    epochs: o.Epochs = None
    max_seconds: o.MaxSeconds = None
    live: o.Live = False
    log_to: o.LogTo = None

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments `max_seconds`, `live`, `figures` and `log_to` of a function of `nnlab.api`."""
        return {
            **super().chosen,
            "max_seconds": self.max_seconds,
            "live": self.live,
            "log_to": self.log_to or (),
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments `steps` and `epochs` of `nnlab.api.resolve`."""
        return {"steps": self.steps, "epochs": self.epochs}


@dataclass(frozen=True, repr=False, eq=False)
class WorkOptions(PictureOptions):
    """Options for training many networks: processes, cluster, reuse, a page that follows."""

    jobs: o.Jobs = 1
    needed: o.Needed = False
    dask: o.Dask = None
    dask_timeout: o.DaskTimeout = None
    live: o.Live = False
    log_to: o.LogTo = None

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments for `nnlab.api.compare`."""
        own = {"jobs": self.jobs, "needed": self.needed, "live": self.live, "log_to": self.log_to or ()}
        return {**super().chosen, **own, "dask": self.dask, "dask_timeout": self.dask_timeout}


@dataclass(frozen=True, repr=False, eq=False)
class GateOptions:
    """Gates, the baseline with which they compare, and the JUnit report."""

    gate: o.Gate = None
    baseline: o.Baseline = None
    junit: o.Junit = None

    @property
    def gates(self) -> list[str]:
        """The gates as texts."""
        return self.gate or []

    @property
    def compared(self) -> dict[str, Any]:
        """The arguments `baseline` and `junit` of a function of `nnlab.api`."""
        return {"baseline": self.baseline, "junit": self.junit}

    @property
    def held(self) -> dict[str, Any]:
        """The same with `gates`."""
        return {"gates": self.gates, **self.compared}


@dataclass(frozen=True, repr=False, eq=False)
class BaselineOptions(GateOptions):
    """The same, and whether a linear model is fitted to compare with."""

    baselines: o.Baselines = None

    @property
    def compared(self) -> dict[str, Any]:
        """The arguments `baseline`, `baselines` and `junit` of a function of `nnlab.api`."""
        return {**super().compared, "baselines": self.baselines}


@dataclass(frozen=True, repr=False, eq=False)
class Debugging:
    """The option --debug."""

    debug: o.Debug = False


@dataclass(frozen=True, repr=False, eq=False)
class BareOutput(Debugging):
    """The output options of commands that only list something."""

    as_json: o.Json = False

    def result(self, document: Any, *lines: str) -> None:
        """Print the result on stdout: one JSON document with --json, else the lines."""
        for line in [as_text(document)] if self.as_json else lines:
            result(line)


@dataclass(frozen=True, repr=False, eq=False)
class Output(BareOutput):
    """The output options of commands that train or evaluate."""

    quiet: o.Quiet = False

    def beside(self, *outputs: Path | None) -> Output:
        """The options of a command that writes these outputs: where one is stdout, the result goes to stderr.

        ConfigError for --json, which wants stdout as well.
        """
        from nnlab.storage.outputs import is_stdout

        if not any(path is not None and is_stdout(path) for path in outputs):
            return self
        if self.as_json:
            raise ConfigError("found --json and an output on stdout, expected one of them: stdout holds one document")
        return _BesideStdout(debug=self.debug, quiet=self.quiet)

    @cached_property
    def screen(self) -> Screen:
        """The screen on stderr."""
        from nnlab.cli.terminal import Screen

        return Screen(quiet=self.quiet or self.as_json)


@dataclass(frozen=True, repr=False, eq=False)
class _BesideStdout(Output):
    """The output options of a command whose stdout carries an output that the user has named."""

    def result(self, _document: Any, *lines: str) -> None:
        """Print the lines on stderr."""
        for line in lines:
            complain(line)


def command_of(function: Callable[..., None]) -> Callable[..., None]:
    """The function with the single options of its groups in its signature, errors turned into exit codes.

    If one of the groups has `threads`, BLAS threads are limited before the command loads NumPy.
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
        chosen = {name: group(**{f.name: given.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        with exit_codes(debug=any(group.debug for group in chosen.values() if isinstance(group, Debugging))):
            for group in chosen.values():
                if isinstance(group, CodeOptions):
                    o.use_threads(group.threads)
            function(**given, **chosen)

    command.__signature__ = inspect.Signature(sorted(parameters, key=lambda one: one.kind))  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _options_of(group: Any) -> list[inspect.Parameter]:
    """A parameter for each field of a group."""
    hints, keyword = get_type_hints(group, include_extras=True), inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(f.name, keyword, default=f.default, annotation=hints[f.name]) for f in fields(group)]
