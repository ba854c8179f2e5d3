"""Evaluate a finished run: on one of its own parts, or on a file it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.document import read_file
from nnlab.config.experiment import validate
from nnlab.config.gates import Gate
from nnlab.config.schema import Experiment
from nnlab.data.catalogue import load_new
from nnlab.errors import CheckpointError
from nnlab.experiments.gates import Measured, Outcome, check_gates, hold
from nnlab.experiments.model import Model
from nnlab.experiments.setup import SPLITS, prepare_rows, read_rows, report_names
from nnlab.maths.activations import AnyActivation
from nnlab.maths.metrics import Figures, predictions
from nnlab.records import checkpoints
from nnlab.records.files import write_csv
from nnlab.records.runs import RunFolder, cell

Array = NDArray[Any]


@dataclass(frozen=True)
class Evaluation:
    """Figures and outputs (N, K) of each part evaluated; no figures where targets are unknown."""

    run: Path
    checkpoint: str
    step: int
    figures: dict[str, Figures]
    model: Model
    outputs: dict[str, Array]
    gates: tuple[Outcome, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows were evaluated."""
        return sum(map(len, self.outputs.values()))

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "run": str(self.run),
            "checkpoint": self.checkpoint,
            "step": self.step,
            "rows": self.rows,
            "figures": _flat(self.figures),
            "gates": [gate.document() for gate in self.gates],
        }


def _flat(figures: Mapping[str, Figures]) -> Figures:
    """Figures by part and name as figures by `part/name`."""
    return {f"{part}/{name}": value for part, report in figures.items() for name, value in report.items()}


@dataclass(frozen=True)
class Opened:
    """A finished run: its experiment, and the model of one of its checkpoints."""

    experiment: Experiment
    model: Model
    checkpoint: str
    about: Mapping[str, Any]


def weights_of(experiment: Experiment) -> str:
    """The checkpoint whose figures a run reports: the best weights if it stops early, else the last."""
    return "best" if experiment.training.early_stopping else "last"


def open_run(run: RunFolder, name: str | None, activations: Mapping[str, AnyActivation]) -> Opened:
    """The experiment of a run, and its model and the checkpoint behind it; without a name the run's own result."""
    experiment = validate(read_file(run.path / "config.yaml"), activations)
    name = name or weights_of(experiment)
    checkpoint = checkpoints.load(run.checkpoint(name))
    return Opened(experiment, Model.from_checkpoint(experiment, checkpoint, activations), name, checkpoint.about)


def evaluate(
    run: RunFolder,
    *,
    activations: Mapping[str, AnyActivation],
    checkpoint: str | None = None,
    split: str | None = None,
    data: str | None = None,
    gates: Sequence[Gate] = (),
    baseline: Measured | None = None,
) -> Evaluation:
    """Evaluate a run's checkpoint (None: its result) on a split (None: every one it has), or on the rows of a file.

    The gates are held against the figures found; ConfigError for one on what is never measured here.
    """
    opened = open_run(run, checkpoint, activations)
    experiment, model = opened.experiment, opened.model
    figures, outputs = (
        _on_file(model, experiment, data)
        if data is not None
        else _on_splits(model, experiment, run, split, str(opened.about["fingerprint"]))
    )
    outcomes = _held(gates, model, figures, list(outputs), baseline)
    return Evaluation(run.path, opened.checkpoint, int(opened.about["step"]), figures, model, outputs, outcomes)


def _held(
    gates: Sequence[Gate],
    model: Model,
    figures: Mapping[str, Figures],
    parts: Sequence[str],
    baseline: Measured | None,
) -> tuple[Outcome, ...]:
    """The outcomes of gates on figures of these parts, and on entries of theta."""
    layout, measured = model.network.layout, Measured(final=dict(_flat(figures)))
    measured.add_parameters(gates, layout, model.theta[0])
    names = report_names(model.experiment.task, model.columns, model.network.outputs)
    known = {f"{part}/{name}" for part in parts for name in names} | measured.final.keys()
    check_gates(gates, known, baseline=baseline is not None)
    return tuple(hold(gates, measured, baseline))


def _on_file(model: Model, experiment: Experiment, data: str) -> tuple[dict[str, Figures], dict[str, Array]]:
    """Figures where the file has targets, and outputs."""
    blanks_allowed = model.scaling.fill is not None
    rows = load_new(data, model.columns, task=experiment.task, blanks_allowed=blanks_allowed)
    x = model.scaled(rows.x)
    figures = {} if rows.y is None else {"data": model.report(x, model.scaled_targets(rows.y))}
    return figures, {"data": model.outputs_of_scaled(x)}


def _on_splits(
    model: Model, experiment: Experiment, run: RunFolder, split: str | None, fingerprint: str
) -> tuple[dict[str, Figures], dict[str, Array]]:
    dataset = read_rows(experiment, None, run.path)
    if dataset.fingerprint != fingerprint:
        raise CheckpointError(
            f"{run.path}: the data have changed since the run (fingerprint {dataset.fingerprint[:12]}, then "
            f"{fingerprint[:12]}), expected the same rows; use --data for other rows"
        )
    prepared = prepare_rows(experiment, dataset, [experiment.seed]).of(0)
    found = [name for name in SPLITS if getattr(prepared, name) is not None]
    if split is not None and split not in found:
        raise CheckpointError(f"{run.path}: the run has no {split} part, expected one of {', '.join(found)}")
    wanted = [split] if split else found
    parts = {name: getattr(prepared, name) for name in wanted}
    figures = {name: model.report(part.x, part.y) for name, part in parts.items()}
    return figures, {name: model.outputs_of_scaled(part.x) for name, part in parts.items()}


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """Write the decision and the outputs of each row as CSV; where there are several parts, each row says its own."""
    header = _header(evaluation.model)
    rows = [[part, *row] for part, outputs in evaluation.outputs.items() for row in _rows(evaluation.model, outputs)]
    several = len(evaluation.outputs) > 1
    write_csv(path, [["split", *header], *rows] if several else [header, *(row[1:] for row in rows)])


def _header(model: Model) -> list[str]:
    """What is decided, then the outputs behind it."""
    columns, task = model.columns, model.experiment.task
    if columns.classes:
        return [columns.targets[0], *_probability_names(task, columns.classes)]
    probabilities = [f"probability/{name}" for name in columns.targets] if task == "multilabel" else []
    return [*columns.targets, *probabilities]


def _rows(model: Model, outputs: Array) -> list[list[str]]:
    task, classes = model.experiment.task, model.columns.classes
    decided = predictions(task, outputs).reshape(len(outputs), -1)
    if classes:
        named = [[_class_name(classes, row[0])] for row in decided]
    elif task == "multilabel":
        named = [[str(int(value)) for value in row] for row in decided]
    else:
        named = [[] for _ in outputs]
    return [[*names, *map(cell, row)] for names, row in zip(named, outputs.tolist(), strict=True)]


def _probability_names(task: str, classes: tuple[str, ...]) -> list[str]:
    shown = classes[1:] if task == "binary" else classes
    return [f"probability/{name}" for name in shown]


def _class_name(classes: tuple[str, ...], index: Any) -> str:
    return classes[int(index)] if int(index) >= 0 and np.isfinite(index) else ""
