"""`nnlab compare-activations`: one experiment under several activations and many seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli import work as w
from nnlab.cli.gates import Gates, require
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result

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
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            metavar="N",
            help="Vary the activation of one hidden dense layer alone: its number, from 1, or name.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            metavar="WHICH",
            help="One initialiser for all (same), each activation's own (recommended), or both, side by side.",
            show_default=False,
        ),
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(
            "--tune",
            metavar="KEY=V1,V2,…",
            help="Try each value; the best are chosen on validation data, if any. Repeatable.",
        ),
    ] = None,
    jobs: w.Jobs = 1,
    needed: w.Needed = False,
    dask: w.Dask = None,
    sets: o.Set = None,
    seed: o.Seed = None,
    runs_dir: o.RunsDir = Path("runs"),
    name: o.Name = None,
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    gate: o.Gate = None,
    baseline: o.Baseline = None,
    junit: o.Junit = None,
    debug: o.Debug = False,
) -> None:
    """Train the same experiment under several activations and many seeds, and compare them."""
    with exit_codes(debug=debug):
        from nnlab.cli.terminal import show_comparison, show_gates
        from nnlab.gates.parse import gates_from

        job = Job(config, overrides(sets, seed, name), plugin, threads)
        from nnlab.comparison.arms import arms_from, check_arms_used, check_seeds, check_widths, target_for
        from nnlab.comparison.compare import compare, final_figures
        from nnlab.comparison.tune import check_choosing, choosing_figure
        from nnlab.comparison.variants import check_init, variants, without_twins
        from nnlab.gates.hold import name_arms
        from nnlab.runs.summary import ComparisonSummary
        from nnlab.setup.rows import read_rows

        words = activation or DEFAULT_ARMS
        choices = arms_from(words, job.activations)
        labels = {word: choice.label for word, choice in zip(words, choices, strict=True)}
        parsed, gates = name_arms(gates_from(gate or ()), labels), Gates(runs_dir, baseline, junit)
        gates.check_used(parsed)
        level = target_for(target, job.experiment)
        chosen_seeds = range(job.experiment.seed, job.experiment.seed + seeds)
        if layer is None:
            check_arms_used(job.experiment)
        check_seeds(job.experiment, chosen_seeds)
        all_arms = variants(
            job.experiment, choices, job.activations, layer=layer, init=check_init(init), tune=tune or ()
        )
        arms, remarks = without_twins(all_arms, job.activations)
        screen = screen_for(quiet=quiet or as_json)
        dataset = read_rows(job.experiment, job.document, job.base)
        if tune:
            check_choosing(choosing_figure(job.experiment), final_figures(job.experiment, dataset))
        experiments = {arm.label: arm.experiment for arm in arms}
        check_widths(job.experiment, experiments, dataset.x.shape[1], dataset.y.shape[1], job.activations)
        with w.workers(jobs, dask) as workers, screen.arms() as report:
            found = compare(
                job.experiment,
                dataset,
                arms,
                chosen_seeds,
                runs=runs_dir,
                activations=job.activations,
                target=level,
                workers=workers,
                plugins=plugin or (),
                needed=needed,
                command=command_line(),
                facts=job.facts,
                report=report,
                gates=parsed,
                baseline=gates.baseline,
                remarks=remarks,
            )
        summary, outcomes = found.compared.summary, found.compared.gates
        assert isinstance(summary, ComparisonSummary)
        w.tell(screen, found)
        show_comparison(screen, summary)
        if summary.tuned is not None:
            w.show_tuned(screen, summary, summary.tuned)
        show_gates(screen, outcomes)
        gates.write(found.compared.folder, outcomes, summary.seconds)
        result(as_text(summary.document()) if as_json else str(found.compared.folder))
        w.end(found, len(arms))
        require(outcomes)
