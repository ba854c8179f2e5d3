"""Show the result of each command: tables and sentences on stderr, the result on stdout, then the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nnlab.cli.groups import Output
from nnlab.cli.output import complain
from nnlab.cli.progress import duration
from nnlab.cli.terminal import (
    Screen,
    interval,
    say_all,
    show_benchmark,
    show_check,
    show_comparison,
    show_exact_check,
    show_figures,
    show_gates,
    show_learned,
    show_setup,
    show_start,
    show_verdict,
)
from nnlab.errors import DivergedError, GateError, GradientError, printable

if TYPE_CHECKING:
    from nnlab.comparison.benchmark.dry_run import BenchmarkPlan, PlannedSet
    from nnlab.comparison.benchmark.run import BenchmarkResult
    from nnlab.comparison.compare import ComparisonResult
    from nnlab.experiments.answers import Answer
    from nnlab.experiments.drafting.draft import Draft
    from nnlab.experiments.dry_run import DryRun
    from nnlab.experiments.evaluate import Evaluation
    from nnlab.experiments.train import TrainingResult
    from nnlab.exports.export import Exported
    from nnlab.gates.hold import Outcome
    from nnlab.gradients.results import CheckResult
    from nnlab.gradients.self_test import SelfTest
    from nnlab.setup.setup import Setup
    from nnlab.storage.summary import ComparisonSummary, RankedPoint, SweepSummary, TunedSummary

_SHOWN = 20  # points of a sweep that are listed
_MISSED = 50  # gates not met that get a line each


def require(gates: Iterable[Outcome]) -> None:
    """Raise GateError, with a line for each gate that was not met, or for fifty of more."""
    from nnlab.experiments.gating import missed

    lines = [missed(gate) for gate in gates if not gate.met]
    if len(lines) > _MISSED:
        lines = [*lines[:_MISSED], f"{len(lines) - _MISSED:,} more gates not met are not shown; summary.json has all"]
    if lines:
        raise GateError("\n".join(lines))


# --- one network ------------------------------------------------------------------------------------------------------


def draft(output: Output, drafted: Draft) -> None:
    """Show what was read, what is open, and the command that comes next."""
    screen = output.screen
    for warning in drafted.known.dataset.warnings:
        screen.warn(warning)
    for sentence in drafted.sentences():
        screen.say(sentence)
    screen.say(f"wrote {drafted.path}; {'answer what it asks, then' if drafted.questions else 'next'}:")
    screen.say(f"    nnlab train {shlex.quote(drafted.to_train)}", to_type=True)
    output.result(drafted.document(), str(drafted.path))


def cost(output: Output, setup: Setup, found: DryRun, to_draw: str) -> None:
    """Show the network, the data, the cost of a step, and the command that draws the network."""
    if not output.as_json:
        screen = Screen(quiet=False)
        for warning in found.warnings:
            screen.warn(warning)
        for note in setup.rows.dataset.notes:
            screen.tell(note)
        show_setup(screen, setup)
        show_start(screen, found.start)
        screen.say(found.sentence())
        screen.say("to draw this network:")
        screen.say(f"    {to_draw}", to_type=True)
    output.result(found.document())


def training(output: Output, trained: TrainingResult) -> None:
    """Show the figures of a training, its gates, and the diagnosis if it diverged."""
    screen = output.screen
    if trained.status == "finished":
        screen.say("; ".join(trained.warnings))
    _show_checks(screen, trained)
    for line in trained.costs:
        screen.say(line)
    if trained.reports:
        about = _weights(trained), trained.summary.baselines
        show_figures(screen, trained.reports, *about, by_class=False, scaled_targets=trained.summary.scaled_targets)
        say_all(screen, trained.summary.sentences)
        show_learned(screen, trained.summary.learned)
    show_gates(screen, trained.gates)
    for line in trained.autopsy.lines[1:] if trained.autopsy else ():
        screen.say(line)
    if trained.to_go_on:
        screen.say(f"stopped by max_seconds: {trained.to_go_on}", to_type=True)
    output.result(trained.summary.document(), str(trained.folder))
    if trained.autopsy is not None:
        raise DivergedError(f"the training {trained.autopsy.headline}; see {trained.folder / 'autopsy.json'}")
    _require_gradient(trained)
    require(trained.gates)


def _show_checks(screen: Screen, trained: TrainingResult) -> None:
    """Print what the gradient checks have found; one that has not passed in red, and before any figure."""
    for check in trained.checks:
        (screen.say if check.passed else screen.alarm)(check.sentence())


def _require_gradient(trained: TrainingResult) -> None:
    """GradientError for a gradient that was found wrong, unless gates on the errors of each step say what is right."""
    from nnlab.gates.parse import parse_gate

    check = trained.summary.gradcheck
    if check is None or check.passed:
        return
    gates = [parse_gate(outcome.gate) for outcome in trained.gates]
    held = {gate.step for gate in gates if gate.figure.startswith("gradcheck/")}
    if not held.issuperset(range(1, check.updates + 1)):
        raise GradientError(f"{check.faults[0]}; no figure of this run is to be trusted")


def _weights(trained: TrainingResult) -> str:
    """Which weights the figures belong to, and whether the training stopped early, in words."""
    best, steps = trained.summary.best.step, trained.summary.steps
    early = f"; stopped early, at step {steps:,}" if trained.summary.stopped_by == "early_stopping" else ""
    which = f"the best weights, step {best:,}" if trained.uses_best else f"the last weights, step {steps:,}"
    return which + early


def evaluation(output: Output, found: Evaluation, predictions: Path | None) -> None:
    """Show the figures of each part, and the path of the predictions."""
    screen = output.screen
    _trusted(screen, found.trusted)
    for warning in found.warnings:
        screen.warn(warning)
    for note in found.notes:
        screen.tell(note)
    if found.flattery and not output.quiet:  # --quiet shows no figures
        screen.warn(found.flattery)
    weights = f"the {found.checkpoint} weights" + (f", step {found.step}" if found.step is not None else "")
    scaled = found.model.target_scaling is not None
    show_figures(screen, found.figures, weights, found.beside.figures, scaled_targets=scaled)
    say_all(screen, found.beside.sentences)
    show_learned(screen, found.learned)
    _show_answers(screen, found)
    if predictions is not None:
        _tell_of_predictions(screen, found, predictions)
    elif not found.figures and not found.answers:
        screen.say(f"{found.rows:,} rows without targets: no figures; --predictions FILE.csv writes predictions")
    show_gates(screen, found.gates)
    output.result(found.document(), str(found.run))
    require(found.gates)


def _tell_of_predictions(screen: Screen, found: Evaluation, predictions: Path) -> None:
    """How many predictions were written, and what a reader of the file should know."""
    screen.say(f"{found.rows:,} predictions written to {predictions}")
    if found.keeps_decisions:
        rank = "the rank of the true one" if found.figures else "no rank, since no true one is known"
        screen.tell(f"of so many classes they have the probability of the predicted one, and {rank}")
    if found.escaped:
        what = "an apostrophe stands before each text that a spreadsheet would run as a formula"
        screen.tell(f"{what}, in {', '.join(found.escaped)}")


def exported(output: Output, found: Exported) -> None:
    """Show how near an exported model is to nnlab, or what is in the file, and the paths of what was written."""
    screen = output.screen
    _trusted(screen, found.trusted)
    for warning in found.warnings:
        screen.warn(warning)
    for note in [*([str(found.arm)] if found.arm else ()), *found.notes]:
        screen.tell(note)
    if found.difference is not None:
        rows = f"{found.rows:,} rows of the {found.part} part"
        screen.say(f"largest difference from nnlab's outputs: {found.difference:.3g}, for {rows}")
    names = ", ".join(f"{port.name} ({port.type})" for port in found.inputs[:_MOST_PORTS])
    more = f" and {len(found.inputs) - _MOST_PORTS:,} more" if len(found.inputs) > _MOST_PORTS else ""
    screen.say(f"inputs: {names}{more}")
    output.result(found.document(), *map(str, filter(None, [found.path, found.code])))


_MOST_PORTS = 20


def _trusted(screen: Screen, differences: Iterable[str]) -> None:
    """Show what of a run is not as its checkpoint recorded it, where that was trusted."""
    for difference in differences:
        screen.warn(f"trusted, though the run was trained otherwise: {difference}")


_MOST_ANSWERS = 50


def _show_answers(screen: Screen, found: Evaluation) -> None:
    """Show what each image is, and where there is a picture of them."""
    if not found.answers:
        return
    columns: dict[str, Callable[[Answer], str]] = {
        "file": lambda one: one.file,
        "answer": lambda one: ", ".join(one.says) or "no label",
    }
    if any(one.confidence is not None for one in found.answers):
        columns["sure"] = lambda one: "" if one.confidence is None else f"{100 * one.confidence:.3g} %"
    if any(one.truth is not None for one in found.answers):
        columns["truth, where wrong"] = lambda one: ", ".join(one.truth or ()) if one.is_wrong else ""
    rows = [[cell(one) for cell in columns.values()] for one in found.answers[:_MOST_ANSWERS]]
    screen.table("What each image is", list(columns), rows, 2)
    if len(found.answers) > _MOST_ANSWERS:
        left = len(found.answers) - _MOST_ANSWERS
        screen.say(f"and {left:,} more; --predictions FILE.csv writes all")
    if found.picture:
        screen.say(f"a picture of them: {found.picture}")


# --- gradients --------------------------------------------------------------------------------------------------------


def check(output: Output, found: CheckResult) -> None:
    """Show a gradient check tensor by tensor; GradientError if it has not passed."""
    _trusted(output.screen, found.trusted)
    for report in found.central:
        show_check(output.screen, report)
    if found.exact:
        show_exact_check(output.screen, found.exact, found.seed, found.reproduce)
    for warning in found.warnings:
        output.screen.warn(warning)
    output.result(found.document, printable(found.line))
    if found.fault is not None:
        raise GradientError(found.fault)


def self_test(output: Output, found: SelfTest) -> None:
    """Show each planted defect with the check that detected it; GradientError if one was missed."""
    rows = [[one.defect, "CAUGHT" if one.caught else "MISSED", " and ".join(one.by)] for one in found.defects]
    output.screen.table("Planted defects", ["defect", "", "by"], rows, numbers_from=3)
    output.result(found.document, found.line)
    if found.missed:
        raise GradientError(f"the gradient check missed a planted defect: {found.missed[0].defect}")


# --- many networks ----------------------------------------------------------------------------------------------------


def comparison(output: Output, found: ComparisonResult) -> None:
    """Show the arms of a comparison, its verdict, and tuned settings."""
    from nnlab.storage.summary import ComparisonSummary

    summary = found.compared.summary
    assert isinstance(summary, ComparisonSummary)
    _begin(output.screen, found)
    show_comparison(output.screen, summary)
    if summary.tuned is not None:
        _show_tuned(output.screen, summary, summary.tuned)
    _end(output, found)


def sweep(output: Output, found: ComparisonResult) -> None:
    """Show the ranking of a sweep."""
    from nnlab.storage.summary import SweepSummary

    summary = found.compared.summary
    assert isinstance(summary, SweepSummary)
    _begin(output.screen, found)
    _show_points(output.screen, summary)
    _end(output, found)


def plan(output: Output, found: BenchmarkPlan) -> None:
    """Show what a benchmark would train, set by set."""
    if not output.as_json:
        screen = Screen(quiet=False)
        columns = ["set", "family", "parameters", "rows", "steps", "tuning", "trainings", "about"]
        rows = [[one.set, one.family, *map("{:,}".format, _counts(one)), duration(one.seconds)] for one in found.sets]
        screen.table(f"Arms: {', '.join(found.arms)}", columns, rows, numbers_from=2)
        say_all(screen, [*found.sentences()])
        for warning in found.warnings:
            screen.warn(warning)
    output.result(found.document())


def _counts(one: PlannedSet) -> tuple[int, ...]:
    return one.parameters, one.rows, one.steps, one.tuning, one.trainings


def benchmark(output: Output, found: BenchmarkResult) -> None:
    """Show the errors of each arm on each set, and the verdict across sets."""
    screen, summary = output.screen, found.summary
    if found.reused:
        screen.say(f"reused {found.reused:,} trainings of earlier runs")
    for warning in found.warnings:
        screen.warn(warning)
    show_benchmark(screen, summary)
    if found.to_go_on:
        screen.say(f"stopped by --max-seconds: {found.to_go_on}", to_type=True)
    output.result(summary.document(), str(found.folder))
    if found.error is not None:
        complain(str(found.error))
        raise typer.Exit(found.error.exit_code)
    if found.has_only_diverged:
        raise DivergedError("every seed of every arm diverged on every set")


def _begin(screen: Screen, found: ComparisonResult) -> None:
    """Show the number of reused trainings, and warnings."""
    if found.reused:
        screen.say(f"reused {found.reused} trainings of earlier comparisons")
    for warning in found.compared.warnings:
        screen.warn(warning)
    summary = found.compared.summary
    show = screen.alarm if [*summary.wrong_gradients()] else screen.say
    for sentence in summary.gradient_sentences():
        show(sentence)


def _end(output: Output, found: ComparisonResult) -> None:
    """Show gates and result, then raise the error of failed arms, of divergence, or of gates that are not met."""
    summary, outcomes = found.compared.summary, found.compared.gates
    show_gates(output.screen, outcomes)
    output.result(summary.document(), str(found.compared.folder))
    if found.error is not None:
        complain(str(found.error))
        raise typer.Exit(found.error.exit_code)
    if all(arm.diverged == len(summary.seeds) for arm in summary.arms.values()):
        raise DivergedError(f"every seed of every arm diverged; `nnlab train --seed {summary.seeds[0]}` says why")
    if wrong := [*summary.wrong_gradients()]:
        if output.screen.quiet:  # the alarm is the last line already
            raise typer.Exit(GradientError.exit_code)
        raise GradientError(" ".join(wrong))
    require(outcomes)


def _show_tuned(screen: Screen, summary: ComparisonSummary, tuned: TunedSummary) -> None:
    """Show each family at the same and at its best settings."""
    from nnlab.comparison.tables import settings_text

    common = settings_text(tuned.same_settings.settings) or "none"
    rows = [
        [family, _figure(summary, arm.same), _figure(summary, arm.best), settings_text(arm.settings)]
        for family, arm in tuned.arms.items()
    ]
    figure, chosen_by = summary.shown(summary.figure), summary.shown(tuned.chosen_by)
    title = f"Mean {figure}; the same settings: {common}; each at its best by {chosen_by}"
    screen.table(title, ["", "at the same settings", "at its best", "its best settings"], rows)


def _figure(summary: ComparisonSummary, label: str | None) -> str:
    if label is None:
        return "–"
    found = summary.arms[label].final[summary.figure]
    return interval(found.mean, found.low, found.high)


def _show_points(screen: Screen, summary: SweepSummary) -> None:
    """Show the search, a line for each of the best points, and the verdict."""
    found, verdict = summary.sweep, summary.verdict
    ranking, seeds = found.ranking, len(summary.seeds)
    screen.say("")
    for sentence in verdict.searched:
        screen.say(sentence)
    ranked_by = summary.shown(found.ranked_by)
    figure = ranked_by.removeprefix("mean ")
    more = f"; the best {_SHOWN} of {len(ranking):,}" if len(ranking) > _SHOWN else ""
    title = f"Points by {ranked_by} over {seeds:,} seed{'s' * (seeds > 1)}, with 95 % intervals{more}"
    rows = [[str(place), *_point(line)] for place, line in enumerate(ranking[:_SHOWN], 1)]
    columns = ["place", "settings", figure, "behind the best", "told apart", "diverged"]
    screen.table(title, columns, rows, numbers_from=2)
    show_verdict(screen, verdict.sentences, verdict.warnings)


def _point(line: RankedPoint) -> list[str]:
    """The cells of a point: its figure, its distance from the best, and whether the difference is significant."""
    behind = line.behind
    value = interval(line.value, line.low, line.high)
    if behind is None:
        return [line.point, value, "–", "–", f"{line.diverged:,}"]
    difference = interval(behind.difference, behind.low, behind.high)
    return [line.point, value, difference, "yes" if behind.told_apart else "no", f"{line.diverged:,}"]
