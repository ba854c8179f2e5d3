"""`nnlab gradcheck`: every derivative of a network against others measured on the function itself."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnlab.cli import options as o
from nnlab.cli.job import Job, as_text, command_line, overrides, screen_for
from nnlab.cli.output import exit_codes, result
from nnlab.errors import ConfigError, GradientError

if TYPE_CHECKING:
    from nnlab.setup.setup import Setup


class Method(StrEnum):
    """How the numeric derivative is measured."""

    exact = "exact"
    central = "central"


def gradcheck(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG|RUN", help="Experiment file, or a run whose weights are checked.", show_default=False
        ),
    ] = None,
    *,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            parser=o.count,
            metavar="N",
            help="Check before each of the first N updates. By default: exact at several points, central before one.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            parser=lambda given: Method(o.one_of(*Method)(given)),
            metavar="exact|central",
            help="Exact derivatives, which need no tolerance, or the notebooks' differences.",
        ),
    ] = Method.exact,
    epsilon: Annotated[
        float | None,
        typer.Option(
            "--epsilon",
            parser=o.positive,
            metavar="E",
            help="With --method central: half the step of the differences, by default 1e-7.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            parser=o.positive,
            metavar="T",
            help="With --method central: largest absolute error that passes, by default 1e-8.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where fewer than 95 % of the entries could be tested.")
    ] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Plant defects in small networks and see that each is caught.")
    ] = False,
    sets: o.Set = None,
    seed: o.Seed = None,
    runs_dir: o.RunsDir = Path("runs"),
    plugin: o.Plugin = None,
    threads: o.Threads = 1,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Check every derivative of the network, in float64, and say which error can be excluded."""
    with exit_codes(debug=debug):
        if self_test:
            _only_self_test(target)
            o.use_threads(threads)
            _self_test(seed or 0, quiet=quiet, as_json=as_json)
            return
        if target is None:
            raise ConfigError("found no CONFIG|RUN, expected an experiment file or a run, or --self-test")
        _fitting(method, epsilon, threshold, strict=strict)
        path, run = _config_or_run(target, runs_dir)
        job = Job(str(path), [*overrides(sets, seed, None), "precision=float64"], plugin, threads)
        from nnlab.experiments.evaluate import open_run
        from nnlab.runs.folder import RunFolder

        start = None if run is None else open_run(RunFolder(run), None, job.activations).model.theta
        if method is Method.central:
            _central(job.setup(), steps or 1, epsilon or 1e-7, threshold or 1e-8, start, quiet=quiet, as_json=as_json)
        else:
            _exact(job.setup(), steps, start, strict=strict, quiet=quiet, as_json=as_json)


def _only_self_test(target: str | None) -> None:
    if target is not None:
        raise ConfigError("found --self-test and CONFIG|RUN, expected one of them: the self-test has its own networks")


def _fitting(method: Method, epsilon: float | None, threshold: float | None, *, strict: bool) -> None:
    """ConfigError for options of the other method."""
    given = [name for name, value in (("--epsilon", epsilon), ("--threshold", threshold)) if value is not None]
    if method is Method.exact and given:
        raise ConfigError(
            f"found {given[0]}, but the exact check has no step and needs no tolerance; "
            f"expected it with --method central"
        )
    if method is Method.central and strict:
        raise ConfigError("found --strict with --method central, which tests every entry; expected it with exact")


def _central(
    setup: Setup, steps: int, epsilon: float, threshold: float, theta: object, *, quiet: bool, as_json: bool
) -> None:
    """Plain central differences, as they are taught."""
    from nnlab.cli.terminal import show_check
    from nnlab.gradcheck.checks import check_gradients, document

    screen, reports = screen_for(quiet=quiet or as_json), []
    for report in check_gradients(setup, steps=steps, epsilon=epsilon, threshold=threshold, theta=theta):  # type: ignore[arg-type]
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


def _exact(setup: Setup, steps: int | None, theta: object, *, strict: bool, quiet: bool, as_json: bool) -> None:
    """The strong check, at several points or before the first updates."""
    from nnlab.cli.terminal import show_exact_check
    from nnlab.gradcheck.checks import check_exactly
    from nnlab.gradcheck.points import check_points
    from nnlab.gradcheck.report import LEAST_TESTED, exact_document, share_tested, summary, verdict_of

    if steps is None:
        reports = list(check_points(setup, theta))  # type: ignore[arg-type]
    else:
        reports = list(check_exactly(setup, steps=steps, theta=theta))  # type: ignore[arg-type]
    screen, verdict = screen_for(quiet=quiet or as_json), verdict_of(reports, strict=strict)
    seed, reproduce = setup.rows.seeds[0], shlex.join(command_line())
    show_exact_check(screen, reports, seed, reproduce)
    if share_tested(reports) < LEAST_TESTED:
        screen.warn(f"{share_tested(reports):.1%} of the entries could be tested: of the others nothing can be said")
    if as_json:
        result(as_text(exact_document(reports, seed=seed, reproduce=reproduce, strict=strict)))
    else:
        result(summary(reports, verdict))
    if verdict.name == "FAIL":
        raise GradientError("the gradient check failed")
    if verdict.name == "INCONCLUSIVE":
        raise GradientError("the gradient check could not decide")


def _self_test(seed: int, *, quiet: bool, as_json: bool) -> None:
    """Plant every defect, and fail if one is missed."""
    from nnlab.gradcheck.self_test import self_test

    screen, found = screen_for(quiet=quiet or as_json), list(self_test(seed))
    missed = [one for one in found if not one.caught]
    rows = [[one.defect, "CAUGHT" if one.caught else "MISSED", " and ".join(one.by)] for one in found]
    screen.table("Planted defects", ["defect", "", "by"], rows, numbers_from=3)
    if as_json:
        defects = [{"defect": one.defect, "caught": one.caught, "by": list(one.by)} for one in found]
        result(as_text({"passed": not missed, "seed": seed, "defects": defects}))
    else:
        result(f"{'FAILED' if missed else 'passed'}: {len(found) - len(missed)} of {len(found)} planted defects caught")
    if missed:
        raise GradientError(f"the gradient check missed a planted defect: {missed[0].defect}")


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
    from nnlab.runs.lookup import find

    run = find(runs, target)
    return run.path / "config.yaml", run.path
