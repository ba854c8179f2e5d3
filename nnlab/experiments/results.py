"""The results of a training: figures of every split, the summary, and the data of its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import SPLITS, watchable
from nnlab.data.dataset import Dataset
from nnlab.data.described import columns_of
from nnlab.data.stored import pick
from nnlab.experiments.baselines import NOTHING, Beside
from nnlab.experiments.pictures import RunPlotData
from nnlab.gates.hold import Measured, Outcome, Series
from nnlab.maths.metrics import Scored
from nnlab.networks.feature_maps import feature_maps, first_kernels
from nnlab.networks.first_layer import incoming_weights
from nnlab.setup.diagrams import architecture_of
from nnlab.setup.model import Model
from nnlab.setup.setup import Setup
from nnlab.storage.gradients import GradientSummary
from nnlab.storage.metrics import finite
from nnlab.storage.run import Status, StoppedBy
from nnlab.storage.summary import BestStep, LastMeasured, StartSummary, TrainingSummary
from nnlab.training import health
from nnlab.training.state import State

Array = NDArray[Any]
Reports = dict[str, dict[str, float | None]]


def evaluate_parts(model: Model, setup: Setup) -> tuple[Reports, Scored]:
    """All figures of each existing split, and the outputs on the last one, which sentences and pictures are about."""
    prepared, reports = setup.rows.of(0), Reports()
    for name in SPLITS:
        part = getattr(prepared, name)
        if part is not None:
            shown, reports[name] = model.scored_and_report(part.x, part.y, part.weights, part.truth)
    return reports, shown


def figure_names(setup: Setup) -> list[str]:
    """The columns of metrics.csv after step and epoch."""
    whole = [f"{split}/{metric}" for split in setup.plan.evaluate for metric in watchable(setup.experiment)]
    running = ["batch/running_loss"] if setup.plan.running_loss else []
    return [
        "batch/loss",
        *running,
        *whole,
        *(health.figure_names(setup.network) if setup.experiment.training.health else ()),
        *setup.plan.readings,
    ]


def summary_of(
    setup: Setup,
    state: State,
    measured: Measured,
    *,
    folder: Path,
    status: Status,
    learned: Mapping[str, float] = MappingProxyType({}),
    seconds: float,
    reports: Mapping[str, Any] | None = None,
    beside: Beside = NOTHING,
    gates: Sequence[Outcome] = (),
    stopped_by: StoppedBy | None = None,
    gradcheck: GradientSummary | None = None,
    start: StartSummary | None = None,
) -> TrainingSummary:
    """The content of summary.json; a training without an end has no `reports`, and no gates are held of it."""
    best = state.best_to_report()
    step = int(best.step[0])
    own = {name: series.at(step) for name, series in measured.history.items() if not name.startswith("gradcheck/")}
    at_best = {name: value for name, value in own.items() if value is not None}
    final = {f"{split}/{name}": v for split, figures in (reports or {}).items() for name, v in figures.items()}
    return TrainingSummary(
        run=str(folder),
        status=status,
        **({"stopped_by": stopped_by} if stopped_by else {}),
        final={
            **final,
            **({"gradcheck/error": gradcheck.error} if gradcheck else {}),
            **{name: finite(value) for name, value in learned.items()},
        },
        **({"last": last} if reports is None and (last := _last(measured)) else {}),
        best=BestStep(
            step=step,
            monitor=setup.plan.watch.monitor,
            value=finite(float(best.value[0])),
            **{name: finite(value) for name, value in at_best.items()},
        ),
        **({"start": start} if start and start.layers else {}),
        **({"gradcheck": gradcheck} if gradcheck else {}),
        **({"scaled_targets": True} if setup.experiment.data.scale_targets else {}),
        baselines=beside.figures,
        sentences=beside.sentences,
        gates=tuple(gate.line() for gate in gates),
        steps=state.step,
        parameters=setup.network.layout.size,
        seconds=round(seconds, 3),
    )


def _last(measured: Measured) -> LastMeasured | None:
    """The figures of the last step at which whole splits were measured; None if none ever was."""
    series = {name: one for name, one in measured.history.items() if name.partition("/")[0] in SPLITS and one.steps}
    step = max((one.steps[-1] for one in series.values()), default=None)
    if step is None:
        return None
    return LastMeasured(
        step=step, **{name: finite(one.values[-1]) for name, one in series.items() if one.steps[-1] == step}
    )


def curves_of(setup: Setup, state: State, measured: Measured) -> RunPlotData:
    """The data of those pictures of a training that need its metrics alone: there are no rows."""
    dataset, best = setup.rows.dataset, state.best_to_report()
    series = {name: measured.history.get(name, Series()) for name in figure_names(setup)}
    steps = np.unique(np.concatenate([one.steps for one in series.values()])).astype(int)
    curves = {name: _curve(one, steps) for name, one in series.items()}
    return RunPlotData(
        title=setup.experiment.name,
        task=dataset.task,
        loss=str(setup.experiment.network.head.loss),
        columns=dataset.columns,
        image_shape=dataset.image_shape,
        steps=steps,
        curves={name: curve for name, curve in curves.items() if np.isfinite(curve).any()},
        epoch_steps=setup.epoch_steps,
        best_step=int(best.step[0]) if np.isfinite(best.value[0]) else None,
        uses_best=setup.stops_early,
        scaled_targets=setup.rows.of(0).target_scaling is not None,
        depths=health.depths(setup.network),
        diagram=architecture_of(setup.experiment, setup.network, dataset.columns),
        rates=setup.optimizer.planned_rates(state.step),
        schedule=setup.experiment.optimizer.schedule.name if setup.experiment.optimizer.schedule else "",
    )


def plot_data_of(
    setup: Setup, state: State, measured: Measured, model: Model, outputs: Array | None = None
) -> RunPlotData:
    """The data of all pictures of a training; `outputs` on the shown part are computed if they are not given."""
    dataset, prepared = setup.rows.dataset, setup.rows.of(0)
    split, picked = _shown_rows(prepared.split)
    trained, validating = (np.zeros(len(dataset.x), bool) for _ in range(2))
    trained[prepared.split.train], validating[prepared.split.validation] = True, True
    return replace(
        curves_of(setup, state, measured),
        split=split,
        weights=({"test": prepared.test, "validation": prepared.val}.get(split) or prepared.train).weights,
        x=pick(dataset.x, picked),
        y=dataset.y[picked],
        outputs=model.outputs(pick(dataset.x, picked)) if outputs is None else outputs,
        predict=model.outputs,
        all_x=pick(dataset.x),
        all_y=dataset.y,
        trained=trained,
        validating=validating,
        portraits=health.portraits(
            setup.network,
            model.theta,
            model.statistics,
            prepared.train.x,
            only=health.at_the_ends(setup.network),
        ),
        activations=health.activation_layers(setup.network),
        layers=len(setup.network.layers),
        incoming=incoming_weights(setup.network, model.theta),
        scaled=prepared.scaling.name != "none",
        diagram=architecture_of(setup.experiment, setup.network, dataset.columns, model.theta),
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


def _curve(series: Series, steps: Array) -> Array:
    """The values at each of `steps`, (T,), nan where there is none."""
    values = np.full(len(steps), np.nan)
    values[np.searchsorted(steps, series.steps)] = series.values
    return values


def _shown_rows(split: Any) -> tuple[str, Array]:
    """Name and rows of the part that pictures show: test if there is one, else validation, else training."""
    if len(split.test):
        return "test", split.test
    return ("validation", split.validation) if len(split.validation) else ("training", split.train)
