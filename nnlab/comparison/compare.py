"""Compare variants of an experiment: train each under the same seeds, many at once, and write the results to a folder.

A seed determines the split, the order of the rows and the initial draws; all arms share them.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nnlab.comparison.arms import Target
from nnlab.comparison.conclusions import Compared, Trained, finish, possible
from nnlab.comparison.live import LiveArms, NoLiveArms
from nnlab.comparison.log_to import logged_arms
from nnlab.comparison.pieces import (
    Piece,
    PieceForm,
    files_of,
    first_seed,
    key_of,
    read_piece,
    refuse_unfit,
    taken,
    write_piece,
)
from nnlab.comparison.tasks import Arm, Failure, Task, joined, named, some, tasks_for
from nnlab.comparison.unfinished import write_unfinished_report
from nnlab.comparison.variants import COMPARED, LEARNING_RATE, Variant, short
from nnlab.comparison.workers import SerialWorkers, Shared, Workers
from nnlab.comparison.write import table_digests
from nnlab.config.experiment import to_plain, to_yaml, watchable
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import CheckpointError, GradientError, NnlabError, StorageError, printable
from nnlab.experiments.gradient_checks import check_first_steps
from nnlab.experiments.interrupts import Stop, break_off, briefly, stopping
from nnlab.experiments.live_page import Announce, LivePage
from nnlab.experiments.log_to import log_to
from nnlab.experiments.pictures import load_drawing
from nnlab.experiments.results import facts_of
from nnlab.experiments.train import Progress, Whole
from nnlab.experiments.unchanged import digest_of
from nnlab.gates.hold import Measured, check_arm_gates
from nnlab.gates.parse import Gate
from nnlab.loggers.logged import Logger
from nnlab.maths.baselines import baseline_figures
from nnlab.networks.learned import parameter_figures
from nnlab.setup.network import dtype_of, network_for
from nnlab.setup.paths import reading_from, without_places
from nnlab.setup.readings import RATE
from nnlab.setup.rows import prepare_rows
from nnlab.setup.setup import set_up
from nnlab.storage.environment import environment
from nnlab.storage.files import ignore
from nnlab.storage.folder import RunFolder, now
from nnlab.storage.gradients import GradientSummary
from nnlab.storage.run import ArmsRun, Status
from nnlab.training.health import figure_names

ArmReport = Callable[[str, Progress], None]


@dataclass
class ComparisonResult:
    """The outcome of a comparison: folder and summary, the failed arms, and how many trainings were reused."""

    compared: Compared
    failures: Mapping[str, Failure]
    reused: int

    @property
    def error(self) -> NnlabError | None:
        """The error that reports the failed arms; None if no arm failed."""
        arms = len(self.failures) + len(self.compared.summary.arms)
        return failure_of(self.failures, arms) if self.failures else None


Conclude = Callable[[Trained], Compared]

TO_GO_ON = "to go on: the same with --needed"


def compare(
    experiment: Experiment,
    dataset: Dataset,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    *,
    runs: Path,
    target: Target,
    kind: str = "compare-activations",
    suffix: str = "compare",
    workers: Workers | None = None,
    plugins: Sequence[Path] = (),
    needed: bool = False,
    command: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    report: ArmReport = lambda _label, _progress: None,
    gates: Sequence[Gate] = (),
    baseline: Measured | None = None,
    baselines: bool | None = None,
    remarks: Sequence[str] = (),
    starts: Sequence[str] = (),
    conclude: Conclude | None = None,
    formats: Sequence[str] = (),
    live: Announce | None = None,
    loggers: Sequence[Logger] = (),
    say: Callable[[str], None] = ignore,
    kept: Path | None = None,
) -> ComparisonResult:
    """Train every variant with every seed and write a folder with figures, curves, pictures and weights.

    Finished work is saved in pieces; with `needed`, the pieces of all comparisons under `runs` are reused. Gates are
    checked against the figures of the arms; a gate that could never be met is a ConfigError before anything is written.
    The other arms go on when one fails; NnlabError if all fail. `conclude` replaces the conclusions of a comparison,
    as a sweep does, and `remarks` are sentences added to the verdict. `starts` are the names of the variants' starts,
    of which the first is tested. `baselines` says whether a linear model is fitted to compare with; by default it is
    for tables that are not too large. Pictures are drawn as PNG and in the other `formats`.
    If it is interrupted or fails, the folder records that, with the conclusions on the arms that are trained.
    With `live` there is a page that follows the trainings; `live` is told its path. The file `kept` of data goes into
    the folder. At the end, however it comes, the folder is handed to `loggers`; where there is no result to say that
    one has failed, `say` is called.
    """
    figures = final_figures(experiment, dataset)
    labels = [variant.label for variant in variants]
    own = baseline_figures(experiment.task, figures, dataset.y.shape[1])
    check_arm_gates(gates, labels, figures, len(seeds), baseline=baseline is not None, baselines=own)
    facts = dict(facts or {})
    about: dict[str, Any] = {"kind": kind, "begun": now(), "command": list(command), **facts}
    data = facts_of(dataset)
    about |= {"data": data, "environment": environment(plugins)}
    with stopping() as stop:  # whatever is being done, a signal leaves a folder that says so
        inner = ("plots", "weights", "pieces")
        written = experiment if kept is None else reading_from(experiment, kept.name)
        folder = RunFolder.create(runs, f"{experiment.name}_{suffix}", inner, to_yaml(written), kept)
        shared = Shared(dataset, contents_of(plugins), int(facts.get("threads", 1)))
        trained = Trained(
            experiment,
            folder,
            (),
            seeds,
            target,
            0.0,
            dataset=dataset,
            experiments={variant.label: variant.experiment for variant in variants},
            remarks=remarks,
            baselines=baselines,
            formats=formats,
            starts=starts,
        )
        work = Work(folder, variants, seeds, shared, about["environment"])
        conclude = conclude or partial(finish, gates=gates, baseline=baseline)
        comparison = _Comparison(work, trained, conclude, about, stop, live, loggers, say)
        with folder.locked():
            result = comparison.run(workers or SerialWorkers(), report, runs if needed else None)
    if stop():  # it came too late to stop anything
        raise stop.error(f"{printable(str(folder.path))} is complete")
    return result


class _Comparison:
    """A comparison or a sweep in its folder, which is completed however the work ends."""

    def __init__(
        self,
        work: Work,
        trained: Trained,
        conclude: Conclude,
        about: Mapping[str, Any],
        stop: Stop,
        live: Announce | None,
        loggers: Sequence[Logger],
        say: Callable[[str], None],
    ) -> None:
        self.loggers, self.say = loggers, say
        self.work, self.trained, self.conclude, self.about, self.stop = work, trained, conclude, about, stop
        self.live = live
        self.clock = time.perf_counter()

    def run(self, workers: Workers, report: ArmReport, reused_from: Path | None) -> ComparisonResult:
        """Train what is left to train, conclude, complete the folder in any case, and hand it to the loggers."""
        try:
            compared = self._train(workers, report, reused_from)
        except BaseException as error:
            break_off(error, self._write_run, partial(self._report_unfinished, error))
            if isinstance(error, Exception):
                for warning in self._log():
                    self.say(warning)
            raise
        compared.warnings += [*self.work.warnings, *self._log()]
        return ComparisonResult(compared, self.work.failures, self.work.reused)

    def _train(self, workers: Workers, report: ArmReport, reused_from: Path | None) -> Compared:
        """Train and conclude; a StorageError says how to go on, as does the error of a signal."""
        work = self.work
        try:
            self._write_run("running")
            self._go_live()
            with self.stop.at_once(self._to_go_on):
                self.trained = replace(self.trained, checks=work.check_gradients())
                if reused_from is not None:
                    work.reuse(reused_from)
            work.do(workers, report, self.stop)
            work.page.write("finishing")
            with self.stop.at_once(self._to_go_on):
                compared = self.conclude(self._trained("failed" if work.failures else "completed"))
            self._write_run(compared.summary.status, table_digests(work.folder))
        except StorageError as error:
            raise StorageError(f"{error}; {self._to_go_on()}") from error
        return compared

    def _log(self) -> list[str]:
        """Hand the folder to the loggers; a warning for each that failed."""
        folder, read = self.work.folder, lambda: logged_arms(self.work.folder, self.work.arms())
        again = "to log it: the same command with --needed, which trains nothing anew, --log-to"
        return log_to(self.loggers, folder, read, self.stop.seconds_to_log, again)

    def _go_live(self) -> None:
        """Begin the page that follows the trainings, if it is asked for."""
        if self.live is not None:
            work, name = self.work, self.trained.experiment.name
            page = LivePage(work.folder, name, self.live, work.warnings.append)
            noun = "point" if self.about["kind"] == "sweep" else "arm"
            work.page = LiveArms(page, work.variants, noun)

    def _to_go_on(self) -> str:
        """How much is trained and saved, and how to train the rest."""
        done, wanted = len(self.work.arms()), len(self.work.variants)
        what, arms = ("sweep", "points") if self.about["kind"] == "sweep" else ("comparison", "arms")
        where = f"the {what} in {printable(str(self.work.folder.path))} is incomplete"
        return f"{where}, with {done:,} of {wanted:,} {arms} trained; {TO_GO_ON}"

    def _trained(self, status: Status, **more: Any) -> Trained:
        """The input of the conclusions; NnlabError if no arm is trained."""
        work, arms = self.work, self.work.arms()
        if not arms:
            raise failure_of(work.failures, len(work.variants))
        failed = {label: failure.reason for label, failure in work.failures.items()}
        seconds = time.perf_counter() - self.clock
        return replace(self.trained, arms=arms, failed=failed, seconds=seconds, status=status, **more)

    def _report_unfinished(self, error: BaseException, status: Status) -> None:
        """Write what the trained arms allow: tables, summary and pictures, as far as there is time, and the report."""
        folder, warnings, comparison = self.work.folder, self.work.warnings, None
        with contextlib.suppress(StorageError), briefly(self.stop.seconds_to_draw()):
            if self.work.arms():
                more: dict[str, Any] = {"unfinished": self.work.unfinished()}
                if folder.read_summary() is None:  # else they were fitted in time once
                    more["baselines"] = False
                compared = self.conclude(self._trained(status, has_ended=False, **more))
                warnings, comparison = warnings + compared.warnings, compared.comparison
        name = self.trained.experiment.name
        write_unfinished_report(folder, name, status, [f"{status}: {error}", *warnings], comparison)
        self._write_run(status, table_digests(folder))

    def _write_run(self, status: Status, tables: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write run.json."""
        ended: dict[str, Any] = {}
        if status != "running":
            seconds = round(time.perf_counter() - self.clock, 3)
            ended = {"ended": now(), "seconds": seconds, "reused": self.work.reused, "tables": dict(tables)}
        whose = {"folder": str(self.work.folder.path.resolve()), "experiment": digest_of(self.trained.experiment)}
        self.work.folder.write_run(ArmsRun(status=status, **whose, **self.about, **ended))
        if status != "running":
            self.work.page.write(status)


def final_figures(experiment: Experiment, dataset: Dataset) -> list[str]:
    """The names of the final figures of each arm, such as `test/accuracy`."""
    data = experiment.data
    there = {
        "val": data.validation is not None or dataset.has_own("val"),
        "test": data.test is not None or dataset.has_own("test"),
    }
    parts = ["train", *(part for part, is_there in there.items() if is_there)]
    return [f"{part}/{name}" for part in parts for name in watchable(experiment)]


def failure_of(failures: Mapping[str, Failure], arms: int) -> NnlabError:
    """The error of a comparison with failed arms; its exit code is that of the worst failure."""
    reasons = "; ".join(f"{label}: {failure.reason}" for label, failure in failures.items())
    saved = f"; what is trained is saved; {TO_GO_ON}" if len(failures) < arms else ""
    error = NnlabError(f"{len(failures)} of {arms} arms failed: {reasons}{saved}")
    codes = [failure.exit_code for failure in failures.values()]
    error.exit_code = 1 if 1 in codes else max(codes)  # a fault of nnlab or of a plugin: the worst
    return error


def contents_of(plugins: Sequence[Path]) -> tuple[tuple[str, bytes], ...]:
    """The name and the content of each plugin."""
    return tuple((plugin.name, plugin.read_bytes()) for plugin in plugins)


# --- the work ---------------------------------------------------------------------------------------------------------


class Work:
    """Finished and remaining work of variants of one experiment, by key; variants with the same key are trained once.

    Each piece is written to `folder` as soon as it is trained.
    """

    def __init__(
        self,
        folder: RunFolder,
        variants: Sequence[Variant],
        seeds: Sequence[int],
        shared: Shared,
        surroundings: Mapping[str, Any],
    ) -> None:
        self.folder, self.variants, self.seeds, self.shared = folder, variants, tuple(seeds), shared
        facts = {name: surroundings[name] for name in _DECIDING} | {"threads": shared.threads}
        facts |= {"data": shared.dataset.fingerprint}
        self.keys = {
            variant.label: key_of({**facts, "experiment": _deciding(variant.experiment)}) for variant in variants
        }
        self.firsts = {self.keys[variant.label]: variant for variant in reversed(variants)}
        self.done: dict[str, list[tuple[tuple[int, ...], Arm]]] = {key: [] for key in self.keys.values()}
        self.failed: dict[str, Failure] = {}
        self.warnings: list[str] = []
        self.page = NoLiveArms()
        self.reused = 0

    def reuse(self, runs: Path) -> None:
        """Load the pieces of earlier comparisons; a piece that cannot be read is trained again."""
        files = files_of(runs)
        for key, variant in self.firsts.items():
            form = _form_of(variant.experiment, self.shared)
            paths = [path for path in files.get(key, ()) if first_seed(path) <= max(self.seeds)]
            pieces = {path: piece for path in paths for piece in self._read(path, key, form)}
            own = [piece for path, piece in pieces.items() if path.parent == self.folder.pieces]
            for piece, rows in taken([*pieces.values()], self.seeds):
                seeds = tuple(piece.seeds[row] for row in rows)
                arm = some(_arm_of(piece, variant), rows, len(rows) / len(piece.seeds))
                self.keep(key, seeds, arm, is_written=any(piece is one for one in own))
                self.reused += len(seeds)

    def _read(self, path: Path, key: str, form: PieceForm) -> Iterator[Piece]:
        try:
            piece = read_piece(path, key)
            refuse_unfit(piece, form, path)
            yield piece
        except CheckpointError as error:
            self.warnings.append(f"{error}; it is trained again")

    def check_gradients(self) -> dict[str, GradientSummary]:
        """What the gradient check that the experiments ask for finds for each variant, in the first steps of one seed.

        A variant whose check does not pass and is to stop the run has failed; GradientError if all have. A variant that
        cannot be set up fails when it is trained.
        """
        found: dict[str, GradientSummary] = {}
        stopped: dict[str, GradientError] = {}
        for variant in [one for one in self.variants if one.experiment.training.gradcheck]:
            try:
                rows = prepare_rows(variant.experiment, self.shared.dataset, self.seeds[:1])
                check = check_first_steps(set_up(variant.experiment, rows))
            except GradientError as error:
                stopped[variant.label] = error
                self.failed[self.keys[variant.label]] = Failure(str(error), error.exit_code)
            except NnlabError:
                continue
            else:
                found |= {variant.label: check} if check else {}
        if len(stopped) == len(self.variants):
            label, first = next(iter(stopped.items()))
            raise GradientError(f"{printable(label)}: {first}") from first
        return found

    def do(self, workers: Workers, report: ArmReport, stop: Stop, enough: Callable[[], bool] = lambda: False) -> None:
        """Train the remaining seeds, until they are trained, a stop is requested, or it is `enough` after a task."""
        wanted = [(variant, self._left(key)) for key, variant in self.firsts.items() if key not in self.failed]
        wanted = sorted(((v, seeds) for v, seeds in wanted if seeds), key=lambda pair: self.variants.index(pair[0]))
        tasks = tasks_for(wanted, self.shared.dataset, workers.jobs)
        meter = _Meter(tasks, report)
        self.page.begin(tasks, meter.share)

        def note(number: int, progress: Progress) -> None:
            meter(number, progress)
            self.page.note(number, progress)

        with contextlib.closing(workers.run_all(tasks, self.shared, note, stop)) as outcomes:  # type: ignore[type-var]
            for number, outcome in outcomes:
                meter.end(number)
                self.page.end(number, outcome)
                self._note(tasks[number], outcome)
                load_drawing()  # which the end needs anyway: after a signal there is little time for it
                if enough():
                    return

    def _left(self, key: str) -> tuple[int, ...]:
        done = {seed for seeds, _ in self.done[key] for seed in seeds}
        return tuple(seed for seed in self.seeds if seed not in done)

    def _note(self, task: Task, outcome: list[Arm] | Failure | None) -> None:
        for index, variant in enumerate(task.variants):
            key = self.keys[variant.label]
            if isinstance(outcome, Failure):
                self.failed.setdefault(key, outcome)
            elif outcome is not None:
                self.keep(key, task.seeds, outcome[index])

    def keep(self, key: str, seeds: tuple[int, ...], arm: Arm, *, is_written: bool = False) -> None:
        """Write a piece as soon as it is trained, so that a later failure does not lose it."""
        if not is_written:
            write_piece(self.folder.path, key, _piece_of(arm, seeds))
        self.done[key].append((seeds, arm))

    @property
    def failures(self) -> dict[str, Failure]:
        """The failed arms, by label."""
        return {label: self.failed[key] for label, key in self.keys.items() if key in self.failed}

    def variant_of(self, label: str) -> Variant:
        """The variant of this label."""
        return next(variant for variant in self.variants if variant.label == label)

    def arms(self) -> list[Arm]:
        """Every complete arm, with its seeds in the order of the comparison."""
        return [
            named(self._whole(self.keys[variant.label]), variant)
            for variant in self.variants
            if self._is_trained(self.keys[variant.label])
        ]

    def unfinished(self) -> list[str]:
        """The labels of the arms that have not failed and are not complete."""
        keys = {key for key in self.keys.values() if key not in self.failed and not self._is_trained(key)}
        return [label for label, key in self.keys.items() if key in keys]

    def _is_trained(self, key: str) -> bool:
        return key not in self.failed and not self._left(key)

    def _whole(self, key: str) -> Arm:
        places = {seed: place for place, seed in enumerate(self.seeds)}
        parts = sorted(self.done[key], key=lambda part: places[part[0][0]])
        rows = {seed: row for row, seed in enumerate(seed for seeds, _ in parts for seed in seeds)}
        order, whole = [rows[seed] for seed in self.seeds], joined([arm for _, arm in parts])
        return whole if order == [*range(len(rows))] else some(whole, order, 1.0)  # without a copy of every curve


# Facts beside experiment and data on which the bits of a figure may depend.
_DECIDING = ("nnlab", "git_commit", "numpy", "processor", "plugins")


def _deciding(experiment: Experiment) -> dict[str, Any]:
    """The part of an experiment on which figures depend: neither its seed nor where its data lie."""
    plain = to_plain(without_places(experiment))
    for name in ("max_seconds", "show_parameters"):  # they do not hold in a comparison
        plain["training"].pop(name, None)
    return {name: value for name, value in plain.items() if name not in {"name", "seed", "gates"}}


def _form_of(experiment: Experiment, shared: Shared) -> PieceForm:
    """The form that the pieces of an experiment must have."""
    dataset, training = shared.dataset, experiment.training
    network = network_for(experiment, dataset.sample_shape, dataset.y.shape[1])
    finals = final_figures(experiment, dataset)
    evaluated = [name for name in finals if name.partition("/")[0] in training.evaluate]
    looks = dict.fromkeys(figure_names(network) if training.health else (), (-np.inf, np.inf))
    looks |= dict.fromkeys(parameter_figures(network.layout), (-np.inf, np.inf)) | {RATE: (0.0, np.inf)}
    shares = {name: (0.0, 1.0) for name in looks if name.endswith(("/dead", "/saturated"))}
    return PieceForm(
        dtype_of(experiment),
        network.layout.size,
        network.statistics.size,
        training.steps or (training.epochs or 0) * len(dataset.x),
        frozenset(finals),
        frozenset(evaluated),
        looks | shares | {name: possible(experiment, name) for name in (*finals, *evaluated, "batch/loss")},
    )


def _piece_of(arm: Arm, seeds: tuple[int, ...]) -> Piece:
    arrays = {name: getattr(arm, name) for name in ("theta", "statistics", "steps", "diverged", "bad_step")}
    arrays |= {f"curves/{name}": curve for name, curve in arm.curves.items()}
    arrays |= {f"finals/{name}": values for name, values in arm.finals.items()}
    return Piece(seeds, arrays, arm.seconds)


def _arm_of(piece: Piece, variant: Variant) -> Arm:
    arrays = piece.arrays
    return Arm(
        variant.label,
        variant.choice,
        arrays["theta"].shape[1],
        arrays["theta"],
        arrays["statistics"],
        arrays["steps"],
        piece.group("curves/"),
        piece.group("finals/"),
        arrays["diverged"],
        arrays["bad_step"],
        piece.seconds,
    )


class _Meter:
    """Adds up the progress of tasks by arm: an arm's seeds may be spread over tasks, a task may train several rates."""

    def __init__(self, tasks: Sequence[Task], report: ArmReport) -> None:
        self.report = report
        self.titles = [_title(task) for task in tasks]
        self.arms = {title: _ArmMeter(number + 1) for number, title in enumerate(dict.fromkeys(self.titles))}
        self.seeds = [len(task.seeds) for task in tasks]
        self.latest: dict[int, Progress] = {}
        self.done, self.begun = 0.0, time.perf_counter()  # seeds that are done, of those in training their share
        self.all_seeds, self.left = sum(self.seeds), len(self.arms)  # a report must not look at every task again
        for title, seeds in zip(self.titles, self.seeds, strict=True):
            self.arms[title].add_task(seeds)

    def __call__(self, number: int, progress: Progress) -> None:
        """Report the progress of task `number`, added to that of the other tasks of its arm."""
        before, seeds, arm = self.latest.get(number), self.seeds[number], self.arms[self.titles[number]]
        more = progress.step - (before.step if before else 0)
        arm.updates += more * seeds
        self.done += more * seeds / max(progress.steps, 1)
        self.latest[number] = progress
        arm.begin(time.perf_counter() - progress.seconds)
        self._report(number)

    def end(self, number: int) -> None:
        """Note that task `number` has ended; an arm that ends before its last step is reported once more."""
        latest, arm = self.latest.get(number), self.arms[self.titles[number]]
        missing = 1 - latest.step / max(latest.steps, 1) if latest else 1.0
        self.done += missing * self.seeds[number]
        arm.left -= 1
        self.left -= not arm.left
        if latest and not arm.left and arm.updates < latest.steps * arm.seeds:
            self._report(number)

    def _report(self, number: int) -> None:
        progress, title, present = self.latest[number], self.titles[number], time.perf_counter()
        at = progress.step if progress.measured_at is None else progress.measured_at
        step, arm = self.arms[title].updates // self.arms[title].seeds, self.arms[title]
        about: dict[str, Any] = {"measured_at": at, "ended": not arm.left, "whole": self._whole(arm, present)}
        self.report(title, replace(progress, step=step, seconds=present - arm.begun, **about))

    def share(self) -> float:
        """The share of all updates that is done."""
        return min(self.done / self.all_seeds, 1.0) if self.all_seeds else 1.0

    def _whole(self, arm: _ArmMeter, present: float) -> Whole:
        share = self.share()
        seconds_left = (present - self.begun) * (1 - share) / share if share else math.nan
        return Whole(arm.number, len(self.arms), self.left, share, max(seconds_left, 0.0))


class _ArmMeter:
    """How far an arm is: its tasks that are left, its seeds, and the updates of all of them."""

    def __init__(self, number: int) -> None:
        self.number, self.left, self.seeds, self.updates = number, 0, 0, 0
        self.begun = math.inf

    def add_task(self, seeds: int) -> None:
        self.left += 1
        self.seeds += seeds

    def begin(self, present: float) -> None:
        self.begun = min(self.begun, present)


def _title(task: Task) -> str:
    """The name under which a task's progress is shown; in a sweep the settings may name the activation themselves."""
    first, count = task.variants[0], len(task.variants)
    if count == 1:
        return first.label
    others = tuple(setting for setting in first.settings if setting[0] != LEARNING_RATE)
    family = [] if any(key == COMPARED for key, _ in others) else [first.family]
    return " ".join([*family, *short(others), f"at {count} learning rates"])
