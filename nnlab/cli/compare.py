"""`nnlab compare-activations`: one experiment under several activations and many seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlab.cli import options as o
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen

DEFAULT_ARMS = ("sigmoid", "tanh", "relu")


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

        job = Job(config, overrides(sets, seed, name), plugin, threads)
        from nnlab.config.arms import arms_from, check_arms_used, check_seeds, check_widths, target_for
        from nnlab.experiments.compare import compare
        from nnlab.experiments.setup import read_rows

        choices = arms_from(activation or DEFAULT_ARMS, job.activations)
        level = target_for(target, job.experiment)
        chosen_seeds = range(job.experiment.seed, job.experiment.seed + seeds)
        check_arms_used(job.experiment)
        check_seeds(job.experiment, chosen_seeds)
        screen = screen_for(quiet=quiet or as_json)
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
                command=command_line(),
                facts=job.facts,
                observe=observe,
            )
        for warning in found.warnings:
            screen.warn(warning)
        show_comparison(screen, found.summary)
        result(as_text(found.summary) if as_json else str(found.folder))


@contextmanager
def _bars(screen: Screen) -> Iterator[Callable[[str], Any]]:
    """A progress line for each activation in turn."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def observe(label: str) -> Any:
            stack.pop_all().close()
            return stack.enter_context(screen.progress(label))

        yield observe
