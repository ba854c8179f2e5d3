"""`nnlab sweep`: one experiment at many settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlab.cli import options as o
from nnlab.cli import work as w
from nnlab.cli.gates import Gates, require
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result

if TYPE_CHECKING:
    from nnlab.cli.terminal import Screen

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
        typer.Option("--metric", metavar="FIGURE", help="What ranks the points; by default the task's, on validation."),
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
    junit: o.Junit = None,
    debug: o.Debug = False,
) -> None:
    """Train the same experiment at many settings, and rank them by a figure on validation data."""
    with exit_codes(debug=debug):
        job = Job(config, overrides(sets, seed, name), plugin, threads)
        from nnlab.cli.terminal import show_gates
        from nnlab.config.arms import check_seeds, check_widths, target_for
        from nnlab.config.gates import gates_from
        from nnlab.config.points import points
        from nnlab.experiments.compare import compare, final_figures
        from nnlab.experiments.setup import read_rows
        from nnlab.experiments.sweep import check_best_gates, hold_best, metric_for, sum_up_by, sweep_variants
        from nnlab.experiments.tune import check_choosing

        parsed, gates = gates_from(gate or ()), Gates(runs_dir, None, junit)
        experiment = job.experiment
        figure = metric_for(metric, experiment)
        chosen_seeds = range(experiment.seed, experiment.seed + seeds)
        check_seeds(experiment, chosen_seeds)
        tried = points(grid or (), random or (), budget, experiment.seed)
        arms = sweep_variants(experiment, tried, job.activations)
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
                sum_up=sum_up_by(figure),
                hold_gates=lambda summary: hold_best(parsed, summary),
            )
        summary, outcomes = found.compared.summary, found.compared.gates
        w.tell(screen, found)
        _show(screen, summary)
        show_gates(screen, outcomes)
        gates.write(found.compared.folder, outcomes, summary["seconds"])
        result(as_text(summary) if as_json else str(found.compared.folder))
        w.end(found, len(arms))
        require(outcomes)


def _show(screen: Screen, summary: Mapping[str, Any]) -> None:
    """The best points, one a line."""
    sweep = summary["sweep"]
    ranking, headline = sweep["ranking"], summary["figure"]
    own = sweep["ranked_by"].removeprefix("mean ")
    rows = [
        [line["point"], _number(line["value"]), _number(line["means"][headline]), str(line["diverged"])]
        for line in ranking[:_SHOWN]
    ]
    more = f"; the best {_SHOWN} of {len(ranking)}" if len(ranking) > _SHOWN else ""
    title = f"Points by {sweep['ranked_by']} over {len(summary['seeds'])} seeds{more}"
    screen.table(title, ["settings", own, headline, "diverged"], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"
