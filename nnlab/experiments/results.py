"""The results of a training: figures of every split, the summary, and the data of its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import SPLITS
from nnlab.data.dataset import Dataset
from nnlab.data.described import columns_of
from nnlab.data.stored import pick
from nnlab.experiments.baselines import Beside
from nnlab.experiments.pictures import RunPlotData
from nnlab.gates.hold import Measured, Outcome
from nnlab.maths.metrics import TRAINING_METRICS
from nnlab.networks.feature_maps import feature_maps, first_kernels
from nnlab.runs.metrics import finite
from nnlab.runs.run import Status
from nnlab.runs.summary import BestStep, TrainingSummary
from nnlab.setup.model import Model
from nnlab.setup.setup import Setup
from nnlab.training import health
from nnlab.training.state import State

Array = NDArray[Any]
Reports = dict[str, dict[str, float | None]]


def evaluate_parts(model: Model, setup: Setup) -> Reports:
    """All figures of each existing split."""
    prepared = setup.rows.of(0)
    parts = {name: getattr(prepared, name) for name in SPLITS}
    return {name: model.report(part.x, part.y, part.weights) for name, part in parts.items() if part is not None}


def figure_names(setup: Setup) -> list[str]:
    """The columns of metrics.csv after step and epoch."""
    metrics = ["loss", *TRAINING_METRICS[setup.experiment.task]]
    quick = [f"{split}/{metric}" for split in setup.plan.evaluate for metric in metrics]
    running = ["batch/running_loss"] if setup.plan.running_loss else []
    return [
        "batch/loss",
        *running,
        *quick,
        *(health.figure_names(setup.network) if setup.experiment.training.health else ()),
    ]


def summary_of(
    setup: Setup,
    state: State,
    measured: Measured,
    *,
    folder: Path,
    status: Status,
    reports: Mapping[str, Any],
    beside: Beside,
    gates: Sequence[Outcome],
    seconds: float,
) -> TrainingSummary:
    """The content of summary.json."""
    best, step = state.best, int(state.best.step[0])
    at_best = {
        n: v for n, rows in measured.history.items() for s, _, v in rows if s == step and not n.startswith("gradcheck/")
    }
    return TrainingSummary(
        run=str(folder),
        status=status,
        final={f"{split}/{name}": value for split, figures in reports.items() for name, value in figures.items()},
        best=BestStep(
            step=step,
            monitor=setup.plan.watch.monitor,
            value=finite(float(best.value[0])),
            **{name: finite(value) for name, value in at_best.items()},
        ),
        baselines=beside.figures,
        sentences=beside.sentences,
        gates=tuple(gate.line() for gate in gates),
        steps=state.step,
        parameters=setup.network.layout.size,
        seconds=round(seconds, 3),
    )


def plot_data_of(setup: Setup, state: State, measured: Measured, model: Model) -> RunPlotData:
    """The data of the pictures of a training."""
    rows, prepared, names = setup.rows, setup.rows.of(0), figure_names(setup)
    split, picked = _shown_rows(prepared.split)
    dataset = rows.dataset
    steps = sorted({step for name in names for step, *_ in measured.history.get(name, [])})
    curves = {name: _curve(measured.history.get(name, []), steps) for name in names}
    trained = np.zeros(len(dataset.x), bool)
    trained[prepared.split.train] = True
    best = state.best
    return RunPlotData(
        title=setup.experiment.name,
        task=dataset.task,
        loss=str(setup.experiment.network.head.loss),
        columns=dataset.columns,
        image_shape=dataset.image_shape,
        steps=np.array(steps),
        curves={name: curve for name, curve in curves.items() if np.isfinite(curve).any()},
        epoch_steps=setup.epoch_steps,
        best_step=int(best.step[0]) if np.isfinite(best.value[0]) else None,
        split=split,
        x=pick(dataset.x, picked),
        y=dataset.y[picked],
        outputs=model.outputs(pick(dataset.x, picked)),
        predict=model.outputs,
        all_x=pick(dataset.x),
        all_y=dataset.y,
        trained=trained,
        uses_best=setup.stops_early,
        scaled_targets=prepared.target_scaling is not None,
        portraits=health.portraits(setup.network, model.theta, model.statistics, prepared.train.x),
        depths=health.depths(setup.network),
        kernels=first_kernels(setup.network, model.theta),
        stages=feature_maps(setup.network, model.theta, model.statistics, model.scaled(pick(dataset.x, picked[:1]))[:]),
    )


def data_facts(setup: Setup) -> dict[str, Any]:
    """The facts about the data of a training in run.json."""
    return facts_of(setup.rows.dataset) | {"rows": setup.rows.of(0).split.sizes()}


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """The facts about a data set in run.json."""
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "read_from": dataset.read_from,
        "columns": [asdict(column) for column in columns_of(dataset)] if dataset.readings else [],
        "notes": list(dataset.notes),
    }


def _curve(history: Sequence[tuple[int, float, float]], steps: Sequence[int]) -> Array:
    values = {step: value for step, _, value in history}
    return np.array([values.get(step, np.nan) for step in steps])


def _shown_rows(split: Any) -> tuple[str, Array]:
    """Name and rows of the part that pictures show: test if there is one, else validation, else training."""
    if len(split.test):
        return "test", split.test
    return ("validation", split.validation) if len(split.validation) else ("training", split.train)
