"""Train one network: one experiment in, one run folder out."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import to_yaml
from nnlab.config.plugins import once_written
from nnlab.errors import StorageError
from nnlab.experiments.baselines import NOTHING, Baselines, Beside, inputs_for_linear, parts_of
from nnlab.experiments.divergence import Autopsy, examine
from nnlab.experiments.first_batch import NO_START, first_batch
from nnlab.experiments.gradient_checks import GradientChecks
from nnlab.experiments.interrupts import Stop, break_off, briefly, leaving, stopping
from nnlab.experiments.live import LiveTraining, NotLive
from nnlab.experiments.live_page import Announce
from nnlab.experiments.log_to import log_to, logged_training
from nnlab.experiments.parameter_table import ParameterTable, parameter_way
from nnlab.experiments.pictures import RunPlotData, draw, load_drawing
from nnlab.experiments.report import write_training_report
from nnlab.experiments.results import Reports, curves_of, data_facts, evaluate_parts, plot_data_of, summary_of
from nnlab.experiments.saving import Saver, marked_steps, restore
from nnlab.experiments.unchanged import digest_of
from nnlab.gates.hold import Measured, Outcome, hold, read_baseline
from nnlab.loggers.logged import Logger
from nnlab.maths.baselines import LINEAR
from nnlab.maths.metrics import Scored
from nnlab.maths.one_hot import MOST_DENSE
from nnlab.networks.learned import FAMILY, learned_parameters
from nnlab.setup.paths import reading_from
from nnlab.setup.readings import RATE
from nnlab.setup.setup import Setup
from nnlab.storage.about import SavedState
from nnlab.storage.environment import environment
from nnlab.storage.files import ignore
from nnlab.storage.folder import RunFolder, now
from nnlab.storage.gradients import GradientSummary
from nnlab.storage.run import UNFINISHED, ArmsRun, Session, Status, StoppedBy, SuiteRun, TrainingRun
from nnlab.storage.summary import TrainingSummary
from nnlab.training.plan import Plan, Record

Array = NDArray[Any]

_SECONDS_OF_A_BEAT = 1.0


@dataclass(frozen=True)
class Whole:
    """How far the arms of a comparison are together: `arm` of `arms` reports, `left` have not ended.

    `share` of all updates is done, in [0, 1]; `seconds_left` is nan before any is.
    """

    arm: int
    arms: int
    left: int
    share: float
    seconds_left: float


@dataclass(frozen=True)
class Progress:
    """Progress of a training, shown while it runs; the figures are those measured at its step, often none.

    The first figure is the one that is watched. Where the step is that of several trainings together, the figures were
    `measured_at` a step of one of them. `scaled_targets` says that losses are those of scaled targets, `ended` that
    there will be no more, and `whole` how far all arms of a comparison are. `replicas` are all figures, each with the
    step at which it was measured and its values (R,), where several networks train at once. `parameters` are tables of
    the weights and biases, where they are to be shown at this step.
    """

    step: int
    steps: int
    epoch: float
    figures: Mapping[str, float]
    seconds: float
    scaled_targets: bool = False
    measured_at: int | None = None
    ended: bool = False
    whole: Whole | None = None
    replicas: Mapping[str, tuple[int, Array]] = field(default_factory=dict)
    parameters: Sequence[ParameterTable] = ()


Observer = Callable[[Progress], None]


def shown(setup: Setup, figures: Mapping[str, float]) -> dict[str, float]:
    """The figures that progress shows: no learned parameters, and the learning rate only if a schedule changes it.

    The rate stands early, or it would be left out where there are many figures.
    """
    rate = {RATE: figures[RATE]} if setup.experiment.optimizer.schedule and RATE in figures else {}
    rest = {name: value for name, value in figures.items() if not name.startswith((RATE, f"{FAMILY}/"))}
    return setup.plan.watched_first(rate | rest)


@dataclass
class TrainingResult:
    """The outcome of a training."""

    folder: Path
    status: str
    reports: Reports
    gates: list[Outcome]
    summary: TrainingSummary
    warnings: list[str] = field(default_factory=list)
    costs: list[str] = field(default_factory=list)
    autopsy: Autopsy | None = None
    uses_best: bool = False  # the figures belong to the best weights, as with early stopping
    to_go_on: str = ""  # where a training stopped by max_seconds is, and the command that resumes it
    checks: list[GradientSummary] = field(default_factory=list)


def train(
    setup: Setup,
    *,
    runs: Path,
    command: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    observe: Observer = ignore,
    baseline: Measured | None = None,
    baselines: bool | None = None,
    max_seconds: float | None = None,
    formats: Sequence[str] = (),
    live: Announce | None = None,
    loggers: Sequence[Logger] = (),
    say: Callable[[str], None] = ignore,
    kept: Path | None = None,
) -> TrainingResult:
    """Train the network of a setup with one seed and write its run folder under `runs`, with the file `kept` of data.

    `baselines` says whether a linear model is fitted as well, to set the network's figures beside its own; by default
    it is for a table of up to 50,000 training rows, or if a gate compares with it.
    If the training is interrupted or fails, the folder records that, with the state reached so far. After
    `max_seconds`, by default those of the experiment, it ends with its state saved; resume goes on with it.
    With `live` there is a page that follows the training; `live` is told its path. Pictures are drawn as PNG, and in
    the other `formats` beside. At the end, however it comes, the folder is handed to `loggers`; where there is no
    result to say that one has failed, `say` is called.
    """
    setup, folder = begun(setup, runs, kept)
    about: dict[str, Any] = {"baselines": baselines, "max_seconds": max_seconds, "live": live, "formats": formats}
    about |= {"loggers": loggers, "say": say}
    with folder.locked(), once_written():
        return Training(setup, folder, command, facts or {}, observe, baseline, **about).run()


def begun(setup: Setup, runs: Path, kept: Path | None) -> tuple[Setup, RunFolder]:
    """The run folder of a training, and the setup, which reads the data from there if they are `kept` in it."""
    name, experiment = setup.experiment.name, setup.experiment
    if kept is None:
        return setup, RunFolder.create(runs, name, config=to_yaml(experiment))
    folder = RunFolder.create(runs, name, config=to_yaml(reading_from(experiment, kept.name)), kept=kept)
    return setup.reading_from(folder.path.resolve() / kept.name), folder


class Training:
    """A training and its run folder, from the start or from the checkpoint `begin`."""

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        command: Sequence[str],
        facts: Mapping[str, Any],
        observe: Observer,
        baseline: Measured | None,
        begin: SavedState | None = None,
        notes: Sequence[str] = (),
        *,
        baselines: bool | None = None,
        max_seconds: float | None = None,
        formats: Sequence[str] = (),
        live: Announce | None = None,
        loggers: Sequence[Logger] = (),
        say: Callable[[str], None] = ignore,
    ) -> None:
        self.loggers, self.say = loggers, say
        self.max_seconds = max_seconds or setup.experiment.training.max_seconds
        self.setup, self.folder, self.observe, self.baseline, self.begin = setup, folder, observe, baseline, begin
        self.baselines, self.formats = baselines, formats
        self.state = setup.start()
        if setup.experiment.training.health:
            self.state.keep_ratios(setup.network)
        self.health, self.training = Stopwatch(), Stopwatch()
        if begin:
            restore(self.state, begin)
        self.checks = GradientChecks(setup, self.state, begin, folder.log)
        self.stop, self.measured = Stop(), Measured(scaled_targets=setup.experiment.data.scale_targets)
        self.environment = environment(facts.get("plugins", ()))
        earlier = folder.read_run()
        assert not isinstance(earlier, ArmsRun | SuiteRun), "one of many networks is refused before"
        self.sessions = Sessions(earlier, self.state.step, command, self.environment, notes)
        own = {"command": list(command), **facts, "environment": self.environment, "data": data_facts(setup)}
        before = {} if earlier is None else earlier.document()
        self.facts = {name: before.get(name, value) for name, value in own.items()}
        self.facts["folder"] = str(folder.path.resolve())  # its data may be moved with it
        self.facts["experiment"] = digest_of(setup.experiment)
        self.warnings, self.start = list(setup.warnings), NO_START
        self.announce, self.live = live, NotLive()

    def run(self) -> TrainingResult:
        """Train, complete the folder in any case, and hand it to the loggers."""
        try:
            result = self._run()
        except Exception:
            for warning in self.log():
                self.folder.log(f"warning: {warning}")
                self.say(warning)
            raise
        self.warnings += self.log()
        return result

    def log(self) -> list[str]:
        """Hand the folder to the loggers; a warning for each that failed."""
        again = shlex.join(["nnlab", "train", "--resume", str(self.folder.path), "--log-to"])
        read = partial(logged_training, self.folder)
        return log_to(self.loggers, self.folder, read, self.stop.seconds_to_log, f"to log it again: {again}")

    def _run(self) -> TrainingResult:
        """Train, and complete the folder in any case."""
        with contextlib.closing(self._saver()) as saver:
            try:
                self._write_run("running")
                self.folder.log(self._beginning())
                self.start = first_batch(self.setup, None if self.state.step else self.state)
                self._go_live()
                ended = self._train(saver)
                self.live.write("finishing")
                with leaving(self._resumed_by) as self.stop:
                    result = self._finish(ended)
            except BaseException as error:
                break_off(error, partial(self._end, saver), partial(self._report_unfinished, error))
                raise
            self._end(saver, ended)
            return result

    def hold_again(self) -> list[Outcome]:
        """Check the gates of a finished run against its figures; nothing is written."""
        self.measured = read_baseline(self.folder)
        for step, errors in enumerate(self.checks.first.errors):
            self._note_gradient(step, errors)
        self._measure_final({}, self.setup.chosen(self.state).theta)
        return hold(self.setup.experiment.parsed_gates, self.measured, self.baseline)

    def _report_unfinished(self, error: BaseException, status: Status) -> None:
        """Write the summary and the report of a training without an end, with the pictures that its metrics allow."""
        about: dict[str, Any] = {"folder": self.folder.path, "seconds": self.sessions.seconds()}
        about |= {"gradcheck": self.checks.summary(), "start": self.start}
        self.folder.write_summary(summary_of(self.setup, self.state, self.measured, status=status, **about))
        data = curves_of(self.setup, self.state, self.measured)
        with briefly(self.stop.seconds_to_draw()):
            self.warnings += draw(self._with_way(data), self.folder.plots, self.formats)
        self._write_report([f"{status} at step {self.state.step:,}: {error}", *self.warnings], data)

    def _write_report(self, warnings: Sequence[str], data: RunPlotData) -> None:
        """Write report.html with the curves of the training."""
        experiment = self.setup.experiment
        write_training_report(self.folder, experiment.name, warnings, data=data, experiment=experiment)

    def _end(self, saver: Saver, status: str) -> None:
        """Record how the training ended."""
        self.folder.log(f"{status} at step {self.state.step}")
        digests: dict[str, str] = {}
        with contextlib.suppress(*([StorageError] if status in UNFINISHED else [])):  # it may be why the run failed
            digests = saver.digests()
        self._write_run(status, digests)
        self.live.write(status)

    def _saver(self) -> Saver:
        """Open the files of the run, and load the figures measured before a resume."""
        saver = Saver(self.setup, self.folder, self.state, self.environment, self.begin, self.checks)
        with contextlib.ExitStack() as opened:
            opened.callback(saver.close)
            for step, epoch, figures in saver.metrics.rows():
                self.measured.add(step, epoch, figures)
            for step, errors in enumerate(self.checks.first.errors):
                self._note_gradient(step, errors)
            opened.pop_all()
        return saver

    def _go_live(self) -> None:
        """Begin the page that follows the training, if it is asked for."""
        if self.announce is not None:
            own = (self.setup, self.state, self.folder, self.sessions.seconds, self._resume_command("--live"))
            self.live = LiveTraining(*own, self.announce, self.warnings.append)
            self.live.begin(self.measured)

    def _beginning(self) -> str:
        begun = f"resumed at step {self.state.step}" if self.begin else "started"
        return f"{begun}: {self.setup.plan.steps} steps, {self.setup.network.layout.size} parameters"

    def _resumed_by(self) -> str:
        """A message with the command to resume.

        Of a training that is over it makes what was broken off: evaluation, pictures, summary and report.
        """
        where, line = self.folder.path, self._resume_command()
        if not self.state.running.any() or self.state.step >= self.setup.plan.steps:
            over = f"the training was over, at step {self.state.step}, and its weights are in {where}"
            return f"{over}; only its report is missing, which this writes: {line}"
        return f"the weights of step {self.state.step} are in {where}; to go on: {line}"

    def _resume_command(self, *options: str) -> str:
        """The command to resume, with these options; it repeats those that affect the arithmetic."""
        threads = [] if self.facts.get("threads", 1) == 1 else ["--threads", str(self.facts["threads"])]
        plugins = [word for plugin in self.facts.get("plugins", ()) for word in ("--plugin", plugin)]
        return shlex.join(["nnlab", "train", "--resume", str(self.folder.path), *options, *threads, *plugins])

    def _train(self, saver: Saver) -> Status:
        """Train until the end or a signal, save, and return the final status."""
        with stopping() as self.stop:
            stop = self.stop
            with self.training():
                ended = self._loop(saver, stop)
            saver.save()
        if stop():
            raise stop.error(self._resumed_by())
        return ended

    def _loop(self, saver: Saver, stop: Stop) -> Status:
        """Iterate the training loop, write and show its records, and return the final status."""
        setup, state = self.setup, self.state
        plan = own_plan(setup)
        plan = replace(plan, steps_to_mark=plan.steps_to_mark | frozenset(self.checks.of_resumed))
        is_over, beat = self._limited(stop), Beat()
        loop = setup.fit(state, plan, stop=is_over, pause=lambda: saver.is_due() or beat(), timer=self.health)
        if self.begin and state.recorded == state.step:  # this step was measured before the pause, but not updated
            self._check_gradient(state.step)
        for record in loop:
            self._note(record, saver)
            self._check_gradient(record.step)
            if saver.save_if_due():
                self._write_run("running")
            if self.sessions.present() > _SECONDS_OF_A_BEAT:
                load_drawing()  # which the end needs anyway: after a signal there is little time for it
        if state.step < plan.steps:
            self._show(replace(self._progress(Record(state.step, state.step / setup.epoch_steps), {}, ()), ended=True))
        if state.diverged.any():
            return "diverged"
        return "completed" if state.step >= plan.steps else "stopped"

    def _limited(self, stop: Stop) -> Callable[[], bool]:
        """Whether to stop: at a signal, or once the session has lasted for its `max_seconds` and has steps left."""
        most, state, steps = self.max_seconds, self.state, self.setup.plan.steps
        if most is None:
            return stop
        return lambda: stop() or (self.sessions.present() >= most and state.step < steps)

    def _note(self, record: Record, saver: Saver) -> None:
        figures = {name: float(values[0]) for name, values in record.figures.items()}
        self.measured.add(record.step, record.epoch, figures)
        if figures:
            saver.metrics.add(record.step, record.epoch, figures)
        tables = saver.note(record.step, record.epoch)
        self.live.note(record)
        self._show(self._progress(record, shown(self.setup, figures), tables))

    def _show(self, progress: Progress) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not end the run
            self.observe(progress)

    def _progress(self, record: Record, figures: Mapping[str, float], tables: Sequence[ParameterTable]) -> Progress:
        return Progress(
            record.step,
            self.setup.plan.steps,
            record.epoch,
            figures,
            self.sessions.seconds(),
            scaled_targets=self.setup.experiment.data.scale_targets,
            parameters=tables,
        )

    def _check_gradient(self, step: int) -> None:
        """The experiment's gradient check after `step` updates, if it is due; its errors become figures."""
        errors = self.checks.errors_at(step)
        if errors is not None:
            self._note_gradient(step, errors)

    def _note_gradient(self, step: int, errors: Array) -> None:
        """Record the errors (P,) of a gradient check before update number `step` + 1."""
        layout = self.setup.network.layout
        figures = {f"gradcheck/{layout.label(column)}": float(error) for column, error in enumerate(errors)}
        epoch = step / self.setup.epoch_steps
        self.measured.add(step + 1, epoch, figures | {"gradcheck/error": float(np.max(errors))})

    def _finish(self, status: Status) -> TrainingResult:
        """Evaluate, draw, and write summary and report."""
        chosen = self.setup.chosen(self.state)
        model = self.setup.model(chosen.theta, chosen.statistics)
        reports, shown = (Reports(), None) if status == "diverged" else evaluate_parts(model, self.setup)
        autopsy = self._examine() if status == "diverged" else None
        if reports and self.never_measured:
            self.warnings.append(self._of_the_monitor())
        elif reports and self.setup.stops_early and self.state.step and not self.state.best.step[0]:
            self.warnings.append(self._of_the_start())
        beside = self._beside(reports, shown)
        self._measure_final(reports, chosen.theta, beside)
        gates = hold(self.setup.experiment.parsed_gates, self.measured, self.baseline)
        if shown:
            data = plot_data_of(self.setup, self.state, self.measured, model, shown.outputs)
            self.warnings += draw(self._with_way(data), self.folder.plots, self.formats)
        else:
            data = curves_of(self.setup, self.state, self.measured)
        for line in (*self._costs(), *beside.sentences, *(f"warning: {warning}" for warning in self.warnings)):
            self.folder.log(line)
        summary = summary_of(
            self.setup,
            self.state,
            self.measured,
            folder=self.folder.path,
            status=status,
            reports=reports,
            learned=learned_parameters(self.setup.network.layout, chosen.theta),
            beside=beside,
            gates=gates,
            seconds=self.sessions.seconds(),
            stopped_by=self._stopped_by(status),
            gradcheck=self.checks.summary(),
            start=self.start,
        )
        self.folder.write_summary(summary)
        if self.checks.resumed.steps:
            self._write_run("running")  # with what this session has checked again, for the report
        self._write_report(self.warnings, data)
        return TrainingResult(
            self.folder.path,
            status,
            reports,
            gates,
            summary,
            self.warnings,
            self._costs(),
            autopsy,
            self.setup.stops_early and not self.never_measured,
            self._resumed_by() if summary.stopped_by == "max_seconds" else "",
            [check for check in (self.checks.summary(), self.checks.summary_of_resumed()) if check is not None],
        )

    def _with_way(self, data: RunPlotData) -> RunPlotData:
        """The data of the pictures, with the way of the parameters where it was recorded."""
        return replace(data, way=partial(parameter_way, self.folder.path, self.setup))

    @property
    def never_measured(self) -> bool:
        """Whether early stopping has watched a figure that was never a number, so that no weights are the best."""
        return self.setup.stops_early and bool(np.isnan(self.state.best.value).all())

    def _of_the_monitor(self) -> str:
        """That the figures are not those of the best weights, for nothing says which these are."""
        monitor, step = self.setup.plan.watch.monitor, int(self.state.best.step[0])
        found = f"{monitor}, which early stopping watches, was never a number"
        return f"{found}: the weights kept are the last ones it was measured with, of step {step:,}, not the best"

    def _of_the_start(self) -> str:
        """That nothing was learned: the figures are those of the network before its first update."""
        monitor = self.setup.plan.watch.monitor
        found = f"the best weights are those before training, step 0: {monitor} was never better after an update"
        return f"{found}; a lower learning rate may help"

    def _stopped_by(self, status: str) -> StoppedBy | None:
        """What has ended a training whose status is stopped."""
        if status != "stopped":
            return None
        return "max_seconds" if self.state.running.any() else "early_stopping"

    def _beside(self, reports: Reports, shown: Scored | None) -> Beside:
        """What the figures are worth, with the outputs on the part shown; nothing for a training that diverged."""
        if shown is None:
            return NOTHING
        return self._fit_baselines().beside(parts_of(self.setup.rows.of(0)), reports, lambda _part: shown)

    def _fit_baselines(self) -> Baselines:
        gates, rows = self.setup.experiment.parsed_gates, self.setup.rows
        prepared = rows.of(0)
        x = inputs_for_linear(gates, rows.dataset.columns, prepared.train, chosen=self.baselines)
        fitted = Baselines.fit(rows.dataset, prepared.split.train, x, self.setup.network.head.weights)
        if self.baselines and LINEAR not in fitted.predictors:
            why = f"it would take too much memory, as of more than {MOST_DENSE:,} classes"
            self.warnings.append(f"there is no {LINEAR} baseline: {why}")
        return fitted

    def _examine(self) -> Autopsy:
        """Diagnose why the training diverged, and write autopsy.json."""
        autopsy = examine(self.setup, self.state)
        self.folder.write_autopsy(autopsy.document)
        for line in autopsy.lines:
            self.folder.log(line)
        return autopsy

    def _costs(self) -> list[str]:
        """The time that measuring the health of units has taken, in words."""
        if not self.setup.experiment.training.health:
            return []
        return [f"health: {100 * self.health.seconds / self.training.seconds:.2g} % of the time"]

    def _measure_final(self, reports: Reports, theta: Array, beside: Beside = NOTHING) -> None:
        along = ("batch/", "health/", "optimizer/")
        looked_at = {
            name: series.values[-1] for name, series in self.measured.history.items() if name.startswith(along)
        }
        learned = learned_parameters(self.setup.network.layout, theta)
        self.measured.final |= looked_at | learned | beside.figures
        for split, figures in reports.items():
            self.measured.final |= {f"{split}/{name}": value for name, value in figures.items()}
        self.measured.add_parameters(self.setup.experiment.parsed_gates, self.setup.network.layout, theta[0])

    def _write_run(self, status: str, tables: Mapping[str, str] = MappingProxyType({})) -> None:
        checked, stopped_by = self.checks.summary_of_resumed(), self._stopped_by(status)
        own = {"status": status, "kind": "train"} | ({"stopped_by": stopped_by} if stopped_by else {})
        times = self.sessions.document(status, {"gradcheck": checked.document()} if checked else {})
        about = {**own, **times, **self.facts, "tables": dict(tables)}
        self.folder.write_run(TrainingRun.of(about, "run.json"))


class Sessions:
    """The sessions of a run: each from the start or a resume to a pause or the end."""

    def __init__(
        self,
        earlier: TrainingRun | None,
        step: int,
        command: Sequence[str],
        environment: Mapping[str, Any],
        notes: Sequence[str],
    ) -> None:
        self.earlier, self.clock, self.begun = earlier, time.perf_counter(), now()
        self.before = [_ended(session) for session in earlier.sessions] if earlier else []
        self.own = {"from_step": step, "command": list(command), "warnings": [*notes], "environment": dict(environment)}

    def seconds(self) -> float:
        """The total seconds of all sessions."""
        return self.present() + sum(float(session.seconds) for session in self.before)

    def present(self) -> float:
        """The seconds of this session."""
        return time.perf_counter() - self.clock  # never negative, even if the time of day is set back

    def document(self, status: str, found: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of run.json on the sessions, the present one with what it has `found`, and on the whole run."""
        times = {"begun": self.begun, "ended": None if status == "running" else now()}
        present = {**times, "status": status, "seconds": round(self.present(), 3), **self.own, **found}
        begun = self.earlier.begun if self.earlier and self.earlier.begun else self.begun
        total = {**times, "begun": begun, "seconds": round(self.seconds(), 3)}
        return {**total, "sessions": [*(session.document() for session in self.before), present]}


def _ended(session: Session) -> Session:
    """An earlier session; one without a recorded end was killed."""
    return session.model_copy(update={"status": "killed"}) if session.status == "running" else session


def own_plan(setup: Setup) -> Plan:
    """The plan, with a record wherever the gradient is checked, or the weights are hashed or shown."""
    check = setup.experiment.training.gradcheck
    extra = frozenset(range(min(check.steps, setup.plan.steps))) if check else frozenset()
    shown = setup.experiment.training.show_parameters
    return replace(
        setup.plan,
        steps_to_measure=setup.plan.steps_to_measure | extra,
        steps_to_mark=marked_steps(setup),
        mark_every=shown and shown * setup.epoch_steps,
    )


class Beat:
    """Whether a second has passed since it last was true: progress is shown however rarely anything is measured."""

    def __init__(self) -> None:
        self.next = time.monotonic() + _SECONDS_OF_A_BEAT

    def __call__(self) -> bool:
        """Whether it is time."""
        present = time.monotonic()
        is_time = present >= self.next
        if is_time:
            self.next = present + _SECONDS_OF_A_BEAT
        return is_time


class Stopwatch:
    """Adds up the seconds spent within it: `with stopwatch(): …`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Context whose duration is added."""
        begun = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begun
