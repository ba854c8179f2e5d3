"""`nnlab train`: one experiment in, one run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nnlab.cli import options as o
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result
from nnlab.errors import DivergedError, GateError

if TYPE_CHECKING:
    from nnlab.experiments.setup import Setup


def train(
    config: o.Config,
    *,
    sets: o.Set = None,
    seed: o.Seed = None,
    runs_dir: o.RunsDir = Path("runs"),
    name: o.Name = None,
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    dry_run: o.DryRun = False,
    print_config: o.PrintConfig = False,
    debug: o.Debug = False,
) -> None:
    """Train one network and leave a run folder with metrics, curves and pictures."""
    with exit_codes(debug=debug):
        job = Job(config, overrides(sets, seed, name), plugin, threads)
        if print_config:
            from nnlab.config.experiment import to_yaml

            result(to_yaml(job.experiment).rstrip("\n"))
        elif dry_run:
            _dry_run(job.setup(), as_json=as_json)
        else:
            _train(job, runs_dir, quiet=quiet, as_json=as_json)


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


def _train(job: Job, runs: Path, *, quiet: bool, as_json: bool) -> None:
    from nnlab.cli.terminal import show_gates, show_reports
    from nnlab.experiments.train import train as train_experiment

    screen, setup = screen_for(quiet=quiet or as_json), job.setup()
    for warning in setup.rows.of(0).warnings:
        screen.warn(warning)
    with screen.progress(job.experiment.name) as observe:
        trained = train_experiment(
            setup, runs=runs, activations=job.activations, command=command_line(), facts=job.facts, observe=observe
        )
    for warning in trained.warnings[len(setup.rows.of(0).warnings) :]:
        screen.warn(warning)
    if trained.reports:
        show_reports(screen, trained.reports)
    show_gates(screen, trained.gates)
    result(as_text(trained.summary) if as_json else str(trained.folder))
    if trained.status == "diverged":
        raise DivergedError(
            f"the training diverged at step {trained.summary['steps']}: the loss is no longer a finite number"
        )
    missed = [gate for gate in trained.gates if not gate.met]
    if missed:
        raise GateError("; ".join(f"gate not met: {gate.gate} (found {_found(gate.value)})" for gate in missed))


def _found(value: float | None) -> str:
    return "no such figure" if value is None else f"{value:.12g}"
