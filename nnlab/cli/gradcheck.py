"""`nnlab gradcheck`: every derivative of a network against one measured on the function itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli.job import Job, as_text, overrides, screen_for
from nnlab.cli.output import exit_codes, result
from nnlab.errors import GradientError


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
        job = Job(str(path), [*overrides(sets, seed, None), "precision=float64"], plugin, threads)
        from nnlab.experiments.check_gradients import check_gradients, document
        from nnlab.experiments.evaluate import open_run
        from nnlab.records.runs import RunFolder

        start = None if run is None else open_run(RunFolder(run), None, job.activations).model.theta
        screen, reports = screen_for(quiet=quiet or as_json), []
        for report in check_gradients(job.setup(), steps=steps, epsilon=epsilon, threshold=threshold, theta=start):
            reports.append(report)
            show_check(screen, report)
        passed = all(report.passed for report in reports)
        if as_json:
            result(as_text(document(reports, epsilon, threshold)))
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
