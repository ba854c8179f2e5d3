"""`nnlab train`: one experiment in, one run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlab.cli import options as o
from nnlab.cli.gates import Gates, require
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result
from nnlab.errors import ConfigError, DivergedError

if TYPE_CHECKING:
    from nnlab.config.overrides import Setting
    from nnlab.experiments.train import TrainingResult as Trained
    from nnlab.runs.folder import RunFolder
    from nnlab.setup.setup import Setup


def train(
    config: o.OptionalConfig = None,
    *,
    resume: o.Resume = None,
    sets: o.Set = None,
    seed: o.Seed = None,
    steps: o.Steps = None,
    epochs: o.Epochs = None,
    runs_dir: o.RunsDir = Path("runs"),
    name: o.Name = None,
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    dry_run: o.DryRun = False,
    print_config: o.PrintConfig = False,
    gate: o.Gate = None,
    baseline: o.Baseline = None,
    junit: o.Junit = None,
    debug: o.Debug = False,
) -> None:
    """Train one network and leave a run folder with metrics, curves and pictures."""
    with exit_codes(debug=debug):
        run = None if resume is None else _found_run(runs_dir, resume)
        file = config if config is not None or run is None else str(run.path / "config.yaml")
        if file is None:
            raise ConfigError("found no CONFIG, expected an experiment file, or --resume RUN")
        job = Job(file, [*overrides(sets, seed, name), *_length(steps, epochs)], plugin, threads, gate)
        if print_config:
            from nnlab.config.experiment import to_yaml

            result(to_yaml(job.experiment).rstrip("\n"))
        elif dry_run:
            _dry_run(job.setup(), as_json=as_json)
        else:
            _train(job, run or runs_dir, Gates(runs_dir, baseline, junit), quiet=quiet, as_json=as_json)


def _found_run(runs: Path, name: str) -> RunFolder:
    from nnlab.runs.lookup import find

    return find(runs, name)


def _length(steps: int | None, epochs: int | None) -> list[Setting]:
    """How long to train, as overrides: the one given takes the place of the other in the file."""
    if steps is not None and epochs is not None:
        raise ConfigError("found both --steps and --epochs, expected one of them")
    from nnlab.config.overrides import Setting

    given, other = ("steps", "epochs") if steps is not None else ("epochs", "steps")
    if (count := steps if steps is not None else epochs) is None:
        return []
    return [Setting(f"training.{key}", value, f"--{given}") for key, value in ((other, None), (given, count))]


def _dry_run(setup: Setup, *, as_json: bool) -> None:
    from nnlab.experiments.dry_run import dry_run

    found = dry_run(setup)
    if as_json:
        result(as_text(found.document()))
        return
    from nnlab.cli.terminal import show_setup

    screen = screen_for(quiet=False)
    for warning in setup.rows.of(0).warnings:
        screen.warn(warning)
    show_setup(screen, setup, found.sentence())


def _weights(trained: Trained) -> str:
    """Which weights a training ends with, and whether it stopped before its last step."""
    best, steps = trained.summary.best.step, trained.summary.steps
    early = f"; stopped early, at step {steps:,}" if trained.status == "stopped" else ""
    return f"the best weights, step {best:,}{early}" if trained.uses_best else f"the last weights, step {steps:,}"


def _train(job: Job, place: Path | RunFolder, gates: Gates, *, quiet: bool, as_json: bool) -> None:
    """Train in a new folder under a path, or go on in the folder of a run."""
    from nnlab.cli.terminal import show_gates, show_reports
    from nnlab.experiments.resume import resume as resume_experiment
    from nnlab.experiments.train import train as train_experiment

    screen, setup = screen_for(quiet=quiet or as_json), job.setup()
    gates.check(job.experiment)
    for warning in setup.rows.of(0).warnings:
        screen.warn(warning)
    with screen.progress(job.experiment.name) as observe:
        about: dict[str, Any] = {
            "command": command_line(),
            "facts": job.facts,
            "observe": observe,
            "baseline": gates.baseline,
        }
        trained = (
            train_experiment(setup, runs=place, **about)
            if isinstance(place, Path)
            else resume_experiment(place, setup, say=screen.warn, **about)
        )
    if trained.status == "finished":
        screen.say("; ".join(trained.warnings))
    else:
        for warning in trained.warnings[len(setup.rows.of(0).warnings) :]:
            screen.warn(warning)
    for cost in trained.costs:
        screen.say(cost)
    if trained.reports:
        show_reports(screen, trained.reports, _weights(trained))
    show_gates(screen, trained.gates)
    for line in trained.autopsy.lines[1:] if trained.autopsy else ():
        screen.say(line)
    gates.write(trained.folder, trained.gates, trained.summary.seconds)
    result(as_text(trained.summary.document()) if as_json else str(trained.folder))
    if trained.autopsy is not None:
        raise DivergedError(f"the training {trained.autopsy.headline}; see {trained.folder / 'autopsy.json'}")
    require(trained.gates)
