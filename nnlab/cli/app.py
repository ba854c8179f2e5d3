"""The commands. Each parses, calls one experiment function, and shows what came of it.

Only the standard library and typer are loaded here; a command loads the rest when it runs, so that `nnlab --help` is
quick and the number of BLAS threads can be set before NumPy loads.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import nnlab
from nnlab.cli import options as o
from nnlab.cli.catalogue import catalogues
from nnlab.cli.output import complain, exit_codes, result
from nnlab.errors import (
    ConfigError,
    DivergedError,
    GateError,
    GradientError,
    NnlabError,
)

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen
    from nnlab.config.document import Document
    from nnlab.config.schema import Experiment
    from nnlab.experiments.setup import Setup

app = typer.Typer(
    help="A laboratory for activation functions and small neural networks: one YAML file in, one run folder out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for _name, _group in catalogues().items():
    app.add_typer(_group, name=_name)

DEFAULT_ARMS = ("sigmoid", "tanh", "relu")


def main() -> None:
    """Run the command line; every way to leave it has its exit code (see README)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the end
    try:
        app()
    except NnlabError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == 1 and _reader_is_gone():  # typer's word for a closed pipe
            sys.exit(0)
        raise


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(1, select.POLLERR)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _document(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def _version(*, shown: bool) -> None:
    if shown:
        result(f"nnlab {nnlab.__version__}")
        raise typer.Exit


@app.callback()
def _nnlab(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda shown: _version(shown=shown), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of nnlab itself."""


class _Job:
    """What every command on an experiment file begins with: threads, plugins, the file, overrides."""

    def __init__(self, config: str, sets: Sequence[str] | None, plugins: Sequence[Path] | None, threads: int) -> None:
        o.use_threads(threads)
        from nnlab.config.experiment import load
        from nnlab.config.plugins import with_plugins
        from nnlab.experiments.setup import with_absolute_source

        self.activations = with_plugins(plugins or ())
        self.document: Document
        experiment, self.document = load(config, sets or (), self.activations)
        self.base = Path(config).parent
        self.experiment: Experiment = with_absolute_source(experiment, self.base)
        self.facts = {"config": config, "plugins": [str(plugin) for plugin in plugins or ()], "threads": threads}

    def setup(self) -> Setup:
        """Data, network and optimizer, ready to run."""
        from nnlab.experiments.setup import prepare_rows, read_rows, set_up

        dataset = read_rows(self.experiment, self.document, self.base)
        return set_up(self.experiment, prepare_rows(self.experiment, dataset, [self.experiment.seed]), self.activations)


def _overrides(sets: list[str] | None, seed: int | None, name: str | None) -> list[str]:
    more = [] if seed is None else [f"seed={seed}"]
    more += [] if name is None else [f"name={json.dumps(name)}"]
    return [*(sets or []), *more]


def _screen(*, quiet: bool) -> Screen:
    from nnlab.cli.terminal import Screen

    return Screen(quiet=quiet)


def _command() -> list[str]:
    return ["nnlab", *sys.argv[1:]]


@app.command()
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
        job = _Job(config, _overrides(sets, seed, name), plugin, threads)
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
        result(_document(found.document()))
        return
    from nnlab.cli.terminal import show_setup

    screen = _screen(quiet=False)
    for warning in setup.rows.of(0).warnings:
        screen.warn(warning)
    show_setup(screen, setup, found.sentence())


def _train(job: _Job, runs: Path, *, quiet: bool, as_json: bool) -> None:
    from nnlab.cli.terminal import show_gates, show_reports
    from nnlab.experiments.train import train as train_experiment

    screen, setup = _screen(quiet=quiet or as_json), job.setup()
    for warning in setup.rows.of(0).warnings:
        screen.warn(warning)
    with screen.progress(job.experiment.name) as observe:
        trained = train_experiment(
            setup, runs=runs, activations=job.activations, command=_command(), facts=job.facts, observe=observe
        )
    for warning in trained.warnings[len(setup.rows.of(0).warnings) :]:
        screen.warn(warning)
    if trained.reports:
        show_reports(screen, trained.reports)
    show_gates(screen, trained.gates)
    result(_document(trained.summary) if as_json else str(trained.folder))
    if trained.status == "diverged":
        raise DivergedError(
            f"the training diverged at step {trained.summary['steps']}: the loss is no longer a finite number"
        )
    missed = [gate for gate in trained.gates if not gate.met]
    if missed:
        raise GateError("; ".join(f"gate not met: {gate.gate} (found {_found(gate.value)})" for gate in missed))


def _found(value: float | None) -> str:
    return "no such figure" if value is None else f"{value:.12g}"


@app.command(name="eval")
def evaluate(
    run: o.Run,
    *,
    split: Annotated[
        Literal["train", "val", "test"] | None, typer.Option("--split", help="Part to evaluate; every one by default.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="FILE", help="Rows never seen: same columns in any order, targets may be absent."
        ),
    ] = None,
    checkpoint: Annotated[
        Literal["best", "last"] | None,
        typer.Option("--checkpoint", help="Which weights to use; by default those whose figures `train` printed."),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE.csv", help="Write a prediction for each row.")
    ] = None,
    runs_dir: o.RunsDir = Path("runs"),
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Evaluate a finished run on its own parts, or on a file it never saw."""
    with exit_codes(debug=debug):
        o.use_threads(threads)
        from nnlab.cli.terminal import show_all_figures
        from nnlab.config.plugins import with_plugins
        from nnlab.experiments.evaluate import evaluate as evaluate_run
        from nnlab.experiments.evaluate import write_predictions
        from nnlab.records.runs import find

        if split and data is not None:
            raise ConfigError("found both --split and --data, expected one of them")
        found = evaluate_run(
            find(runs_dir, run), activations=with_plugins(plugin or ()), checkpoint=checkpoint, split=split, data=data
        )
        screen = _screen(quiet=quiet or as_json)
        show_all_figures(screen, found.figures, f"the {found.checkpoint} weights, step {found.step}")
        if predictions:
            write_predictions(found, predictions)
            screen.say(f"{found.rows:,} predictions written to {predictions}")
        elif not found.figures:
            screen.say(f"{found.rows:,} rows without targets: no figures; --predictions FILE.csv writes predictions")
        result(_document(found.document()) if as_json else str(found.run))


@app.command()
def gradcheck(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|RUN", help="Experiment file, or a run whose weights are checked.", show_default=False
        ),
    ],
    *,
    steps: Annotated[
        int, typer.Option("--steps", parser=o.count, metavar="N", help="Check before each of the first N updates.")
    ] = 1,
    epsilon: Annotated[
        float, typer.Option("--epsilon", parser=o.positive, metavar="E", help="Half the step of the differences.")
    ] = 1e-7,
    threshold: Annotated[
        float, typer.Option("--threshold", parser=o.positive, metavar="T", help="Largest absolute error that passes.")
    ] = 1e-8,
    sets: o.Set = None,
    seed: o.Seed = None,
    runs_dir: o.RunsDir = Path("runs"),
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Check every derivative of the network against central differences, in float64."""
    with exit_codes(debug=debug):
        from nnlab.cli.terminal import show_check

        path, run = _config_or_run(target, runs_dir)
        job = _Job(str(path), [*_overrides(sets, seed, None), "precision=float64"], plugin, threads)
        from nnlab.experiments.check_gradients import check_gradients, document
        from nnlab.experiments.evaluate import open_run
        from nnlab.records.runs import RunFolder

        start = None if run is None else open_run(RunFolder(run), None, job.activations).model.theta
        screen, reports = _screen(quiet=quiet or as_json), []
        for report in check_gradients(job.setup(), steps=steps, epsilon=epsilon, threshold=threshold, theta=start):
            reports.append(report)
            show_check(screen, report)
        passed = all(report.passed for report in reports)
        if as_json:
            result(_document(document(reports, epsilon, threshold)))
        else:
            checked = sum(row.checked for row in reports[0].rows)
            outcome = "passed" if passed else "FAILED"
            result(f"{outcome}: {checked} parameters, before {len(reports)} update{'s' if len(reports) > 1 else ''}")
        if not passed:
            raise GradientError("the gradient check failed")


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a name that the file system cannot even look up
        return False


def _config_or_run(target: str, runs: Path) -> tuple[Path, Path | None]:
    """The experiment file to check, and the run folder to take weights from where a run was named."""
    path = Path(target)
    if path.suffix in {".yaml", ".yml"} or _is_file(path):
        return path, None
    from nnlab.records.runs import find

    run = find(runs, target)
    return run.path / "config.yaml", run.path


@app.command(name="compare-activations")
def compare_activations(
    config: o.Config,
    *,
    activation: Annotated[
        list[str] | None,
        typer.Option(
            "--activation",
            "-a",
            metavar="NAME",
            help=f"Activation to compare. Repeatable; by default {', '.join(DEFAULT_ARMS)}.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option("--seeds", parser=o.count, metavar="N", help="Seeds per activation: the config's and the next."),
    ] = 10,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="GATE", help="Level whose steps are counted, as in 'val/accuracy >= 0.9'."),
    ] = None,
    sets: o.Set = None,
    seed: o.Seed = None,
    runs_dir: o.RunsDir = Path("runs"),
    name: o.Name = None,
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Train the same experiment under several activations and many seeds, and compare them."""
    with exit_codes(debug=debug):
        from nnlab.cli.terminal import show_comparison

        job = _Job(config, _overrides(sets, seed, name), plugin, threads)
        from nnlab.config.arms import arms_from, check_arms_used, check_seeds, check_widths, target_for
        from nnlab.experiments.compare import compare
        from nnlab.experiments.setup import read_rows

        choices = arms_from(activation or DEFAULT_ARMS, job.activations)
        level = target_for(target, job.experiment)
        chosen_seeds = range(job.experiment.seed, job.experiment.seed + seeds)
        check_arms_used(job.experiment)
        check_seeds(job.experiment, chosen_seeds)
        screen = _screen(quiet=quiet or as_json)
        dataset = read_rows(job.experiment, job.document, job.base)
        check_widths(job.experiment, choices, dataset.x.shape[1], dataset.y.shape[1], job.activations)
        with _bars(screen) as observe:
            found = compare(
                job.experiment,
                dataset,
                choices,
                chosen_seeds,
                runs=runs_dir,
                activations=job.activations,
                target=level,
                command=_command(),
                facts=job.facts,
                observe=observe,
            )
        for warning in found.warnings:
            screen.warn(warning)
        show_comparison(screen, found.summary)
        result(_document(found.summary) if as_json else str(found.folder))


@contextmanager
def _bars(screen: Screen) -> Iterator[Callable[[str], Any]]:
    """A progress line for each activation in turn."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def observe(label: str) -> Any:
            stack.pop_all().close()
            return stack.enter_context(screen.progress(label))

        yield observe


def command_line(words: Sequence[str]) -> str:
    """A command as it can be typed again."""
    return shlex.join(words)
