"""Train one network: one experiment in, one run folder out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import to_yaml
from nnlab.errors import StorageError
from nnlab.experiments.check_gradients import check_step, failures, frozen
from nnlab.experiments.gates import Measured, Outcome, hold
from nnlab.experiments.interrupts import Stop, stopping
from nnlab.experiments.model import Model
from nnlab.experiments.setup import SPLITS, Setup
from nnlab.maths.activations import AnyActivation
from nnlab.maths.metrics import TRAINING_METRICS
from nnlab.records import checkpoints
from nnlab.records.environment import environment
from nnlab.records.files import void
from nnlab.records.pictures import Material, draw
from nnlab.records.runs import Metrics, RunFolder, finite, now
from nnlab.training.batches import Batches
from nnlab.training.loop import Record, State, fit
from nnlab.training.stopping import Best

Array = NDArray[Any]


@dataclass(frozen=True)
class Progress:
    """Where a training is: shown while it runs."""

    step: int
    steps: int
    epoch: float
    figures: Mapping[str, float]
    seconds: float


Observer = Callable[[Progress], None]


@dataclass
class Result:
    """What came of a training; `summary` is what summary.json holds."""

    folder: Path
    status: str
    reports: dict[str, dict[str, float | None]]
    gates: list[Outcome]
    summary: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def train(
    setup: Setup,
    *,
    runs: Path,
    activations: Mapping[str, AnyActivation],
    command: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    observe: Observer = void,
) -> Result:
    """Train the network of a setup with one seed and write its run folder under `runs`.

    A training that is interrupted or fails leaves a folder that says so, with the weights it had reached.
    """
    folder = RunFolder.create(runs, setup.experiment.name)
    return _Training(setup, folder, activations, {"command": list(command), **(facts or {})}, observe).run()


class _Training:
    """One training and the folder it writes."""

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        activations: Mapping[str, AnyActivation],
        facts: dict[str, Any],
        observe: Observer,
    ) -> None:
        self.setup, self.folder, self.activations, self.observe = setup, folder, activations, observe
        self.state = setup.start()
        self.measured = Measured()
        self.begun = now()
        self.clock = time.perf_counter()
        self.facts = facts | {"environment": environment(), "data": _data_facts(setup)}
        self.figures = _figure_names(setup)
        self.warnings = list(setup.rows.prepared[0].warnings)

    def run(self) -> Result:
        """Train, and leave the folder complete whatever happens."""
        self.folder.write_config(to_yaml(self.setup.experiment))
        self._write_run("running")
        self.folder.log(f"started: {self.setup.plan.steps} steps, {self.setup.network.layout.size} parameters")
        metrics = Metrics(self.folder.path / "metrics.csv", self.figures)
        status = "failed"
        try:
            with stopping() as stop:
                ended = self._loop(metrics, stop)
            if stop():
                self._save_both()
                status = "interrupted"
                raise stop.error(f"the weights of step {self.state.step} are in {self.folder.path}")
            result = self._finish(ended)
            status = ended
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        else:
            return result
        finally:
            metrics.close()
            with contextlib.suppress(StorageError):  # or it would hide what happened before
                self.folder.log(f"{status} at step {self.state.step}")
                self._write_run(status)

    def _loop(self, metrics: Metrics, stop: Stop) -> str:
        """Iterate the training loop, writing and showing what it yields; the status it ends with."""
        setup, state = self.setup, self.state
        parts = setup.rows.parts()
        plan = _with_checked_steps(setup)
        loop = fit(setup.network, parts, setup.rows.seeds, setup.rule.update, plan, state, stop)
        train_part = parts["train"]
        batches = Batches(train_part.x, train_part.y, setup.rows.seeds, plan.batch_size, shuffle=plan.shuffle)
        for record in loop:
            self._note(record, metrics, plan.steps)
            self._check_gradient(batches, record.step)
            if plan.checkpoint_every and record.step and record.step % plan.checkpoint_every == 0:
                self._save_both()
        if state.diverged.any():
            return "diverged"
        return "completed" if state.step >= plan.steps else "stopped"

    def _note(self, record: Record, metrics: Metrics, steps: int) -> None:
        figures = {name: float(values[0]) for name, values in record.figures.items()}
        self.measured.add(record.step, record.epoch, figures)
        if figures:
            metrics.add(record.step, record.epoch, figures)
        self.observe(Progress(record.step, steps, record.epoch, figures, time.perf_counter() - self.clock))

    def _check_gradient(self, batches: Batches, step: int) -> None:
        """The config's gradient check, before the update of each of its first steps; `step` updates are done."""
        wanted = self.setup.experiment.training.gradcheck
        if wanted is None or step >= min(wanted.steps, self.setup.plan.steps):
            return
        moment, network = frozen(self.setup, step), self.setup.network
        check = check_step(network, self.state.theta, batches.at(step), moment, wanted.epsilon, wanted.threshold)
        labels = map(self.setup.network.layout.label, range(self.setup.network.layout.size))
        errors = {f"gradcheck/{label}": float(e) for label, e in zip(labels, check.errors, strict=True)}
        self.measured.add(step + 1, step / batches.per_epoch, errors | {"gradcheck/error": float(np.max(check.errors))})
        if not check.passed and wanted.on_failure == "stop":
            raise failures(self.setup.network, check, step)

    def _finish(self, status: str) -> Result:
        """Save, evaluate, draw and sum up."""
        state, seconds = self.state, time.perf_counter() - self.clock
        stops_early = self.setup.experiment.training.early_stopping is not None
        chosen: Best | State = state.best if stops_early else state
        if status != "diverged":
            self._save("last", state)
        self._save("best", state.best)
        model = self.model(chosen)
        reports = {} if status == "diverged" else evaluate_parts(model, self.setup)
        self._measure_final(reports, chosen.theta)
        gates = hold(self.setup.experiment.parsed_gates, self.measured)
        if reports:
            self.warnings += draw(self._material(model), self.folder.plots)
        for warning in self.warnings:
            self.folder.log(f"warning: {warning}")
        summary = self._summary(status, reports, gates, seconds)
        self.folder.write_summary(summary)
        return Result(self.folder.path, status, reports, gates, summary, self.warnings)

    def _measure_final(self, reports: Mapping[str, Mapping[str, float | None]], theta: Array) -> None:
        if "batch/loss" in self.measured.history:
            self.measured.final["batch/loss"] = self.measured.history["batch/loss"][-1][2]
        for split, figures in reports.items():
            self.measured.final |= {f"{split}/{name}": value for name, value in figures.items()}
        layout = self.setup.network.layout
        for gate in self.setup.experiment.parsed_gates:
            column = layout.column(gate.figure)
            if column is not None:
                self.measured.final[gate.figure] = float(theta[0, column])

    def _summary(
        self, status: str, reports: Mapping[str, Any], gates: Sequence[Outcome], seconds: float
    ) -> dict[str, Any]:
        best, step = self.state.best, int(self.state.best.step[0])
        at_best = {
            n: v
            for n, rows in self.measured.history.items()
            for s, _, v in rows
            if s == step and not n.startswith("gradcheck/")
        }
        return {
            "run": str(self.folder.path),
            "status": status,
            "final": {
                f"{split}/{name}": value for split, figures in reports.items() for name, value in figures.items()
            },
            "best": {
                "step": step,
                "monitor": self.setup.plan.watch.monitor,
                "value": finite(float(best.value[0])),
                **{name: finite(value) for name, value in at_best.items()},
            },
            "gates": [asdict(gate) for gate in gates],
            "steps": self.state.step,
            "parameters": self.setup.network.layout.size,
            "seconds": round(seconds, 3),
        }

    def model(self, weights: Best | State) -> Model:
        """The network with these weights, ready to be used."""
        prepared, dataset = self.setup.rows.of(0), self.setup.rows.dataset
        return Model(
            self.setup.experiment,
            self.setup.network,
            weights.theta,
            weights.statistics,
            dataset.columns,
            prepared.scaling,
            prepared.target_scaling,
            dataset.image_shape,
        )

    def _save_both(self) -> None:
        self._save("last", self.state)
        self._save("best", self.state.best)

    def _save(self, name: str, weights: Best | State) -> None:
        state = self.state
        about = {
            "step": state.step,
            "seed": self.setup.rows.seeds[0],
            "fingerprint": self.setup.rows.dataset.fingerprint,
        }
        extra = checkpoints.theta_group("slots", state.slots) if name == "last" else {}
        if name == "best":
            about["step"] = int(state.best.step[0])
        checkpoints.save(self.folder.checkpoint(name), self.model(weights).to_checkpoint(extra, about))

    def _write_run(self, status: str) -> None:
        seconds = round(time.perf_counter() - self.clock, 3)
        times = {"begun": self.begun, "ended": None if status == "running" else now(), "seconds": seconds}
        self.folder.write_run({"status": status, "kind": "train", **times, **self.facts})

    def _material(self, model: Model) -> Material:
        rows, prepared = self.setup.rows, self.setup.rows.of(0)
        split, picked = _shown_rows(prepared.split)
        dataset = rows.dataset
        steps = sorted({step for name in self.figures for step, *_ in self.measured.history.get(name, [])})
        curves = {name: _curve(self.measured.history.get(name, []), steps) for name in self.figures}
        trained = np.zeros(len(dataset.x), bool)
        trained[prepared.split.train] = True
        best = self.state.best
        return Material(
            title=self.setup.experiment.name,
            task=dataset.task,
            loss=str(self.setup.experiment.network.head.loss),
            columns=dataset.columns,
            image_shape=dataset.image_shape,
            steps=np.array(steps),
            curves={name: curve for name, curve in curves.items() if np.isfinite(curve).any()},
            epoch_steps=-(-len(prepared.split.train) // self.setup.plan.batch_size),
            best_step=int(best.step[0]) if np.isfinite(best.value[0]) else None,
            split=split,
            x=dataset.x[picked],
            y=dataset.y[picked],
            outputs=model.outputs(dataset.x[picked]),
            predict=model.outputs,
            all_x=dataset.x,
            all_y=dataset.y,
            trained=trained,
            uses_best=self.setup.experiment.training.early_stopping is not None,
            scaled_targets=prepared.target_scaling is not None,
        )


def evaluate_parts(model: Model, setup: Setup) -> dict[str, dict[str, float | None]]:
    """The whole report of each split that exists."""
    prepared = setup.rows.of(0)
    parts = {name: getattr(prepared, name) for name in SPLITS}
    return {name: model.report(part.x, part.y) for name, part in parts.items() if part is not None}


def _with_checked_steps(setup: Setup) -> Any:
    """The plan, with a pause at every step whose gradient is to be checked."""
    check = setup.experiment.training.gradcheck
    extra = frozenset(range(min(check.steps, setup.plan.steps))) if check else frozenset()
    return replace(setup.plan, steps_to_measure=setup.plan.steps_to_measure | extra)


def _figure_names(setup: Setup) -> list[str]:
    """The columns of metrics.csv after step and epoch."""
    metrics = ["loss", *TRAINING_METRICS[setup.experiment.task]]
    return ["batch/loss", *(f"{split}/{metric}" for split in setup.plan.evaluate for metric in metrics)]


def _curve(history: Sequence[tuple[int, float, float]], steps: Sequence[int]) -> Array:
    values = {step: value for step, _, value in history}
    return np.array([values.get(step, np.nan) for step in steps])


def _shown_rows(split: Any) -> tuple[str, Array]:
    """The part that pictures show: test if there is one, else validation, else training."""
    if len(split.test):
        return "test", split.test
    return ("validation", split.validation) if len(split.validation) else ("training", split.train)


def _data_facts(setup: Setup) -> dict[str, Any]:
    dataset, split = setup.rows.dataset, setup.rows.of(0).split
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "rows": {"train": len(split.train), "val": len(split.validation), "test": len(split.test)},
    }
