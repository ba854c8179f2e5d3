"""`nnlab sweep`: one experiment at many settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli import work as w
from nnlab.cli.gates import Gates, require
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen
    from nnlab.runs.summary import RankedPoint, SweepSummary

_SHOWN = 20


def sweep(
    config: o.Config,
    *,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="KEY=V1,V2,…", help="Values of a key, crossed with the others. Repeatable."),
    ] = None,
    random: Annotated[
        list[str] | None,
        typer.Option(
            "--random", metavar="KEY=LOW..HIGH[:log]", help="Draw a key from a range, by the seed. Repeatable."
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", parser=o.count, metavar="N", help="Points to draw, or the most to try of a grid."),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option("--seeds", parser=o.count, metavar="N", help="Seeds per point: the config's and the next."),
    ] = 3,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="FIGURE",
            help="What ranks the points; by default the task's, on validation data if any.",
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
    gate: o.SweepGate = None,
    junit: o.Junit = None,
    debug: o.Debug = False,
) -> None:
    """Train the same experiment at many settings, and rank them by a figure on validation data."""
    with exit_codes(debug=debug):
        job = Job(config, overrides(sets, seed, name), plugin, threads)
        from nnlab.cli.terminal import show_gates
        from nnlab.comparison.arms import check_seeds, check_widths, target_for
        from nnlab.comparison.compare import compare, final_figures
        from nnlab.comparison.points import points
        from nnlab.comparison.sweep import check_best_gates, conclude_sweep, metric_for, search_of, sweep_variants
        from nnlab.comparison.tune import check_choosing
        from nnlab.gates.parse import gates_from
        from nnlab.runs.summary import SweepSummary
        from nnlab.setup.rows import read_rows

        parsed, gates = gates_from(gate or ()), Gates(runs_dir, None, junit)
        experiment = job.experiment
        figure = metric_for(metric, experiment)
        chosen_seeds = range(experiment.seed, experiment.seed + seeds)
        check_seeds(experiment, chosen_seeds)
        tried = points(grid or (), random or (), budget, experiment.seed)
        arms = sweep_variants(experiment, tried, job.activations)
        search = search_of(grid or (), random or (), len(arms), experiment.seed)
        screen = screen_for(quiet=quiet or as_json)
        dataset = read_rows(experiment, job.document, job.base)
        figures = final_figures(experiment, dataset)
        if metric is None:
            check_choosing(figure, figures)
        check_best_gates(parsed, figures)
        experiments = {arm.label: arm.experiment for arm in arms}
        check_widths(experiment, experiments, dataset.x.shape[1], dataset.y.shape[1], job.activations)
        with w.workers(jobs, dask) as workers, screen.arms() as report:
            found = compare(
                experiment,
                dataset,
                arms,
                chosen_seeds,
                kind="sweep",
                suffix="sweep",
                runs=runs_dir,
                activations=job.activations,
                target=target_for(None, experiment),
                workers=workers,
                plugins=plugin or (),
                needed=needed,
                command=command_line(),
                facts=job.facts,
                report=report,
                conclude=lambda trained: conclude_sweep(trained, search, figure, parsed),
            )
        summary, outcomes = found.compared.summary, found.compared.gates
        assert isinstance(summary, SweepSummary)
        w.tell(screen, found)
        _show(screen, summary)
        show_gates(screen, outcomes)
        gates.write(found.compared.folder, outcomes, summary.seconds)
        result(as_text(summary.document()) if as_json else str(found.compared.folder))
        w.end(found, len(arms))
        require(outcomes)


def _show(screen: Screen, summary: SweepSummary) -> None:
    """What was searched, the best points one a line, and what they say."""
    from nnlab.cli.terminal import show_verdict

    sweep, verdict = summary.sweep, summary.verdict
    ranking, seeds = sweep.ranking, len(summary.seeds)
    screen.say("")
    for sentence in verdict.searched:
        screen.say(sentence)
    figure = sweep.ranked_by.removeprefix("mean ")
    more = f"; the best {_SHOWN} of {len(ranking):,}" if len(ranking) > _SHOWN else ""
    title = f"Points by {sweep.ranked_by} over {seeds:,} seed{'s' * (seeds > 1)}, with 95 % intervals{more}"
    rows = [[str(place), *_row(line)] for place, line in enumerate(ranking[:_SHOWN], 1)]
    columns = ["place", "settings", figure, "behind the best", "told apart", "diverged"]
    screen.table(title, columns, rows, numbers_from=2)
    show_verdict(screen, verdict.sentences, verdict.warnings)


def _row(line: RankedPoint) -> list[str]:
    """A point: its figure, how far it is behind the best, and whether the seeds tell these apart."""
    from nnlab.cli.terminal import interval

    behind = line.behind
    own = interval(line.value, line.low, line.high)
    if behind is None:
        return [line.point, own, "–", "–", f"{line.diverged:,}"]
    difference = interval(behind.difference, behind.low, behind.high)
    return [line.point, own, difference, "yes" if behind.told_apart else "no", f"{line.diverged:,}"]
