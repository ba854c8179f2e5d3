"""Train one network: one experiment in, one run folder out."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import to_yaml
from nnlab.errors import StorageError
from nnlab.experiments.baselines import NOTHING, Baselines, Beside, inputs_for_linear, parts_of
from nnlab.experiments.divergence import Autopsy, examine
from nnlab.experiments.interrupts import Stop, is_pause, leaving, stopping
from nnlab.experiments.pictures import draw
from nnlab.experiments.report import write_training_report
from nnlab.experiments.results import Reports, data_facts, evaluate_parts, plot_data_of, summary_of
from nnlab.experiments.saving import Saver, marked_steps, restore
from nnlab.gates.hold import Measured, Outcome, hold, read_baseline
from nnlab.gradcheck.checks import check_step, failures
from nnlab.gradcheck.points import frozen
from nnlab.runs.about import SavedState
from nnlab.runs.environment import environment
from nnlab.runs.files import ignore
from nnlab.runs.folder import RunFolder, now
from nnlab.runs.run import ArmsRun, Session, Status, TrainingRun
from nnlab.runs.summary import TrainingSummary
from nnlab.setup.model import Model
from nnlab.setup.setup import Setup
from nnlab.training.batches import Batches
from nnlab.training.plan import Plan, Record

Array = NDArray[Any]


@dataclass(frozen=True)
class Progress:
    """Progress of a training, shown while it runs."""

    step: int
    steps: int
    epoch: float
    figures: Mapping[str, float]
    seconds: float


Observer = Callable[[Progress], None]


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


def train(
    setup: Setup,
    *,
    runs: Path,
    command: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    observe: Observer = ignore,
    baseline: Measured | None = None,
    baselines: bool | None = None,
) -> TrainingResult:
    """Train the network of a setup with one seed and write its run folder under `runs`.

    `baselines` says whether a linear model is fitted as well, to set the network's figures beside its own; by default
    it is for a table of up to 50,000 training rows, or if a gate compares with it.
    If the training is interrupted or fails, the folder records that, with the state reached so far.
    """
    folder = RunFolder.create(runs, setup.experiment.name, config=to_yaml(setup.experiment))
    with folder.locked():
        return Training(setup, folder, command, facts or {}, observe, baseline, baselines=baselines).run()


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
    ) -> None:
        self.setup, self.folder, self.observe, self.baseline, self.begin = setup, folder, observe, baseline, begin
        self.baselines = baselines
        self.state = setup.start()
        if setup.experiment.training.health:
            self.state.keep_ratios(setup.network)
        self.health, self.training = Stopwatch(), Stopwatch()
        if begin:
            restore(self.state, begin)
        self.checked_again = self._checked_again()
        self.measured = Measured()
        self.environment = environment(facts.get("plugins", ()))
        earlier = folder.read_run()
        assert not isinstance(earlier, ArmsRun), "a comparison is refused before"
        self.sessions = Sessions(earlier, self.state.step, command, self.environment, notes)
        own = {"command": list(command), **facts, "environment": self.environment, "data": data_facts(setup)}
        before = {} if earlier is None else earlier.document()
        self.facts = {name: before.get(name, value) for name, value in own.items()}
        self.facts["folder"] = str(folder.path.resolve())  # its data may be moved with it
        self.warnings = list(setup.rows.prepared[0].warnings)

    def run(self) -> TrainingResult:
        """Train, and complete the folder in any case."""
        with contextlib.closing(self._saver()) as saver:
            try:
                self._write_run("running")
                self.folder.log(self._beginning())
                ended = self._train(saver)
                with leaving(self._resumed_by):
                    result = self._finish(ended)
            except BaseException as error:
                with contextlib.suppress(StorageError):  # it must not replace the original error
                    self._end("interrupted" if is_pause(error) else "failed")
                raise
            self._end(ended)
            return result

    def hold_again(self, begin: SavedState) -> list[Outcome]:
        """Check the gates of a finished run against its figures; nothing is written."""
        self.measured = read_baseline(self.folder)
        for step, errors in enumerate(begin.arrays["gradient_errors"]):
            self._note_gradient(step, errors)
        self._measure_final({}, self.setup.chosen(self.state).theta)
        return hold(self.setup.experiment.parsed_gates, self.measured, self.baseline)

    def _end(self, status: str) -> None:
        """Record how the training ended."""
        self.folder.log(f"{status} at step {self.state.step}")
        self._write_run(status)

    def _saver(self) -> Saver:
        """Open the files of the run, and load the figures measured before a resume."""
        saver = Saver(self.setup, self.folder, self.state, self.environment, self.begin)
        with contextlib.ExitStack() as opened:
            opened.callback(saver.close)
            for step, epoch, figures in saver.metrics.rows():
                self.measured.add(step, epoch, figures)
            for step, errors in enumerate(saver.gradient_errors):
                self._note_gradient(step, errors)
            opened.pop_all()
        return saver

    def _beginning(self) -> str:
        begun = f"resumed at step {self.state.step}" if self.begin else "started"
        return f"{begun}: {self.setup.plan.steps} steps, {self.setup.network.layout.size} parameters"

    def _resumed_by(self) -> str:
        """A message with the command to resume; it repeats the options that affect the arithmetic."""
        threads = [] if self.facts.get("threads", 1) == 1 else ["--threads", str(self.facts["threads"])]
        plugins = [word for plugin in self.facts.get("plugins", ()) for word in ("--plugin", plugin)]
        line = shlex.join(["nnlab", "train", "--resume", str(self.folder.path), *threads, *plugins])
        return f"the weights of step {self.state.step} are in {self.folder.path}; to go on: {line}"

    def _train(self, saver: Saver) -> Status:
        """Train until the end or a signal, save, and return the final status."""
        with stopping() as stop:
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
        plan = replace(plan, steps_to_mark=plan.steps_to_mark | frozenset(self.checked_again))
        loop = setup.fit(state, plan, stop=stop, pause=saver.is_due, timer=self.health)
        batches = setup.batches()
        if self.begin and state.recorded == state.step:  # this step was measured before the pause, but not updated
            self._check_gradient(batches, state.step, saver)
        for record in loop:
            self._note(record, saver)
            self._check_gradient(batches, record.step, saver)
            if saver.save_if_due():
                self._write_run("running")
        if state.diverged.any():
            return "diverged"
        return "completed" if state.step >= plan.steps else "stopped"

    def _note(self, record: Record, saver: Saver) -> None:
        figures = {name: float(values[0]) for name, values in record.figures.items()}
        self.measured.add(record.step, record.epoch, figures)
        if figures:
            saver.metrics.add(record.step, record.epoch, figures)
        saver.note(record.step, record.epoch)
        with contextlib.suppress(OSError):  # a closed terminal must not end the run
            self.observe(Progress(record.step, self.setup.plan.steps, record.epoch, figures, self.sessions.seconds()))

    def _checked_again(self) -> range:
        """The first steps after a resume, whose gradients are checked like those of the first steps."""
        wanted, begun = self.setup.experiment.training.gradcheck, self.state.step
        if wanted is None or self.begin is None:
            return range(0)
        return range(begun, min(begun + wanted.steps, self.setup.plan.steps))

    def _check_gradient(self, batches: Batches, step: int, saver: Saver) -> None:
        """The config's gradient check before the updates of the first steps; `step` is the number of updates done.

        After a resume the result goes to train.log only, so that figures equal those of an uninterrupted run.
        """
        wanted = self.setup.experiment.training.gradcheck
        is_first = wanted is not None and step < min(wanted.steps, self.setup.plan.steps)
        if wanted is None or not (is_first or step in self.checked_again):
            return
        context, network = frozen(self.setup, step), self.setup.network
        check = check_step(network, self.state.theta, batches.at(step), context, wanted.epsilon, wanted.threshold)
        if is_first and step == len(saver.gradient_errors):
            self._note_gradient(step, check.errors)
            saver.gradient_errors.append(check.errors)
        else:
            self.folder.log(f"gradient check before update {step + 1}: {'passed' if check.passed else 'failed'}")
        if not check.passed and wanted.on_failure == "stop":
            raise failures(self.setup.network, check, step)

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
        reports = {} if status == "diverged" else evaluate_parts(model, self.setup)
        autopsy = self._examine() if status == "diverged" else None
        beside = self._beside(model, reports)
        self._measure_final(reports, chosen.theta, beside)
        gates = hold(self.setup.experiment.parsed_gates, self.measured, self.baseline)
        if reports:
            self.warnings += draw(plot_data_of(self.setup, self.state, self.measured, model), self.folder.plots)
        for line in (*self._costs(), *beside.sentences, *(f"warning: {warning}" for warning in self.warnings)):
            self.folder.log(line)
        summary = summary_of(
            self.setup,
            self.state,
            self.measured,
            folder=self.folder.path,
            status=status,
            reports=reports,
            beside=beside,
            gates=gates,
            seconds=self.sessions.seconds(),
        )
        self.folder.write_summary(summary)
        write_training_report(self.folder, self.setup.experiment.name, self.warnings)
        return TrainingResult(
            self.folder.path,
            status,
            reports,
            gates,
            summary,
            self.warnings,
            self._costs(),
            autopsy,
            self.setup.stops_early,
        )

    def _beside(self, model: Model, reports: Reports) -> Beside:
        """What the figures are worth; nothing for a training that diverged."""
        if not reports:
            return NOTHING
        parts = parts_of(self.setup.rows.of(0))
        return self._fit_baselines().beside(parts, reports, lambda part: model.outputs_of_scaled(parts[part].x))

    def _fit_baselines(self) -> Baselines:
        gates, rows = self.setup.experiment.parsed_gates, self.setup.rows
        prepared = rows.of(0)
        x = inputs_for_linear(gates, rows.dataset.columns, prepared.train, chosen=self.baselines)
        return Baselines.fit(rows.dataset, prepared.split.train, x, self.setup.network.head.weights)

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
        along = ("batch/", "health/")
        looked_at = {name: rows[-1][2] for name, rows in self.measured.history.items() if name.startswith(along)}
        self.measured.final |= looked_at | beside.figures
        for split, figures in reports.items():
            self.measured.final |= {f"{split}/{name}": value for name, value in figures.items()}
        self.measured.add_parameters(self.setup.experiment.parsed_gates, self.setup.network.layout, theta[0])

    def _write_run(self, status: str) -> None:
        times = self.sessions.document(status)
        self.folder.write_run(TrainingRun.of({"status": status, "kind": "train", **times, **self.facts}, "run.json"))


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
        return self._present() + sum(float(session.seconds) for session in self.before)

    def _present(self) -> float:
        return time.perf_counter() - self.clock  # never negative, even if the time of day is set back

    def document(self, status: str) -> dict[str, Any]:
        """The fields of run.json on the sessions and on the whole run."""
        times = {"begun": self.begun, "ended": None if status == "running" else now()}
        present = {**times, "status": status, "seconds": round(self._present(), 3), **self.own}
        begun = self.earlier.begun if self.earlier and self.earlier.begun else self.begun
        total = {**times, "begun": begun, "seconds": round(self.seconds(), 3)}
        return {**total, "sessions": [*(session.document() for session in self.before), present]}


def _ended(session: Session) -> Session:
    """An earlier session; one without a recorded end was killed."""
    return session.model_copy(update={"status": "killed"}) if session.status == "running" else session


def own_plan(setup: Setup) -> Plan:
    """The plan, with a record at every step at which the gradient is checked or the weights are hashed."""
    check = setup.experiment.training.gradcheck
    extra = frozenset(range(min(check.steps, setup.plan.steps))) if check else frozenset()
    measured = setup.plan.steps_to_measure | extra
    return replace(setup.plan, steps_to_measure=measured, steps_to_mark=marked_steps(setup))


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
