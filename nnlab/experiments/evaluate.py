"""Evaluate a finished run on its own parts, or on a file with new rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.document import read_file
from nnlab.config.experiment import SPLITS, validate
from nnlab.config.schema import Experiment
from nnlab.data.catalogue import load_new
from nnlab.data.cells import Cells
from nnlab.data.dataset import NewRows
from nnlab.data.prepare import Examples
from nnlab.data.splits import class_indices
from nnlab.errors import CheckpointError, StorageError, printable
from nnlab.experiments.answers import Answer, answers_of, drawn, written_name
from nnlab.experiments.baselines import NOTHING, Baselines, Beside
from nnlab.experiments.pictures import draw_all
from nnlab.experiments.unchanged import refuse_edited, refuse_other_rows
from nnlab.gates.hold import Measured, Outcome, asks_for, check_gates, hold
from nnlab.gates.parse import Gate
from nnlab.maths.activations import AnyActivation
from nnlab.maths.baselines import LINEAR, baseline_figures
from nnlab.maths.metrics import Figures, predictions
from nnlab.runs import checkpoints
from nnlab.runs.about import WeightsAbout
from nnlab.runs.cache import UserCache
from nnlab.runs.files import write_csv
from nnlab.runs.folder import CONFIG, RunFolder
from nnlab.runs.metrics import cell
from nnlab.runs.run import ArmsRun
from nnlab.setup.gates import report_names
from nnlab.setup.model import Model
from nnlab.setup.rows import Rows, prepare_rows, read_rows, table_options

Array = NDArray[Any]


@dataclass(frozen=True)
class Predicted:
    """Outputs (N, K) for the rows of a part, their row numbers (N,) in the data set, from 1, and known targets.

    `names` are the names of image files, (N,), or empty.
    """

    outputs: Array
    numbers: Array
    targets: Array | None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """Figures and predictions of each evaluated part; no figures without targets. `warnings` are about new rows."""

    run: Path
    status: str
    checkpoint: str
    step: int
    figures: dict[str, Figures]
    model: Model
    predicted: dict[str, Predicted]
    gates: tuple[Outcome, ...] = ()
    answers: tuple[Answer, ...] = ()
    picture: str = ""
    warnings: tuple[str, ...] = ()
    beside: Beside = NOTHING

    @property
    def rows(self) -> int:
        """The number of evaluated rows."""
        return sum(len(part.outputs) for part in self.predicted.values())

    def document(self) -> dict[str, Any]:
        """The evaluation as a document for `--json`."""
        return {
            "run": str(self.run),
            "status": self.status,
            "checkpoint": self.checkpoint,
            "step": self.step,
            "rows": self.rows,
            "figures": _flat(self.figures),
            "baselines": self.beside.figures,
            "sentences": [*self.beside.sentences],
            "gates": [gate.document() for gate in self.gates],
            **({"images": [one.document() for one in self.answers], "picture": self.picture} if self.answers else {}),
        }


def _flat(figures: Mapping[str, Figures]) -> Figures:
    """Figures keyed by `part/name` instead of by part and name."""
    return {f"{part}/{name}": value for part, report in figures.items() for name, value in report.items()}


@dataclass(frozen=True)
class Opened:
    """A finished run: its experiment, and the model of one of its checkpoints."""

    experiment: Experiment
    model: Model
    checkpoint: str
    about: WeightsAbout


def weights_of(experiment: Experiment) -> str:
    """The name of the checkpoint whose figures a run reports: best with early stopping, else last."""
    return "best" if experiment.training.early_stopping else "last"


def open_run(run: RunFolder, name: str | None, activations: Mapping[str, AnyActivation]) -> Opened:
    """Open a run with the model of a checkpoint; without a name, the checkpoint whose figures the run reports.

    CheckpointError if the experiment file is no longer the one from which the checkpoint was trained.
    """
    require_one_network(run)
    document = read_file(run.path / CONFIG)
    experiment = validate(document, activations)
    name = name or weights_of(experiment)
    checkpoint = checkpoints.load(run.checkpoint(name))
    about = WeightsAbout.of(checkpoint.about, printable(str(run.checkpoint(name))))
    refuse_edited(run, about, experiment, document.values)
    return Opened(experiment, Model.from_checkpoint(experiment, checkpoint), name, about)


_SEVERAL = {"compare-activations": ("comparison", "network.activation=NAME"), "sweep": ("sweep", "KEY=VALUE")}


def require_one_network(run: RunFolder) -> None:
    """CheckpointError for the folder of a comparison or a sweep, with a hint how to train one of its networks."""
    found = run.read_run()
    if isinstance(found, ArmsRun):
        name, setting = _SEVERAL[found.kind]
        where = printable(str(run.path))
        raise CheckpointError(
            f"{where}: found a {name} of many networks, expected a run of one; its figures are in summary.json, "
            f"results.csv and report.html; to train one of them alone: nnlab train {where}/config.yaml --set {setting}"
        )


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
    """Evaluate a checkpoint (None: the reported one) on a split (None: all), or on the rows of a file.

    Gates are checked against the figures; ConfigError for a gate on a figure that is not measured. The simple baselines
    are set beside the figures of a split, the linear one, and any beside those of a file, only if a gate compares with
    it: they are fitted on the run's own training rows.
    """
    opened = open_run(run, checkpoint, activations)
    experiment, model = opened.experiment, opened.model
    rows = None if data is None else _new_rows(model, experiment, data)
    own = _OwnRows(run, opened)
    figures, predicted, beside = (
        _on_splits(own, split, gates) if rows is None else _on_rows(model, rows, str(data), own, gates)
    )
    asked = _asked(run, model, rows, predicted)
    outcomes = _held(gates, model, figures, list(predicted), beside, baseline)
    known = run.read_run()
    status = "unknown" if known is None else known.status
    about = (run.path, status, opened.checkpoint, opened.about.step)
    return Evaluation(*about, figures, model, predicted, outcomes, beside=beside, **asked)


def _held(
    gates: Sequence[Gate],
    model: Model,
    figures: Mapping[str, Figures],
    parts: Sequence[str],
    beside: Beside,
    baseline: Measured | None,
) -> tuple[Outcome, ...]:
    """The outcomes of gates on figures of these parts, on those of baselines, and on entries of theta."""
    layout, measured = model.network.layout, Measured(final=_flat(figures) | beside.figures)
    measured.add_parameters(gates, layout, model.theta[0])
    names = report_names(model.experiment.task, model.columns, model.network.outputs)
    known = [f"{part}/{name}" for part in parts for name in names]
    known += [*baseline_figures(model.experiment.task, known), *measured.final]
    check_gates(gates, known, baseline=baseline is not None)
    return tuple(hold(gates, measured, baseline))


def _new_rows(model: Model, experiment: Experiment, data: str) -> NewRows:
    """The rows of a file or folder, read in the way of the model's own data."""
    return load_new(
        data,
        model.columns,
        task=experiment.task,
        blanks_allowed=model.scaling.fill is not None,
        table=table_options(experiment.data),
        in_blocks=experiment.data.in_blocks,
        channels=experiment.data.channels,
        bad_images=experiment.data.bad_images,
        cache=UserCache.of(),
    )


@dataclass(frozen=True)
class _OwnRows:
    """The rows that a run was made from, read when they are needed."""

    run: RunFolder
    opened: Opened

    def read(self) -> Rows:
        """The rows of all parts, prepared as for the training. CheckpointError for others than those."""
        experiment, path = self.opened.experiment, self.run.path
        dataset = read_rows(experiment, None, path)
        refuse_other_rows(path, dataset, self.opened.about.fingerprint, "; use --data for other rows")
        if dataset.columns != self.opened.model.columns:
            raise CheckpointError(f"{path}: the checkpoint: columns: found others than those of its data")
        return prepare_rows(experiment, dataset, [experiment.seed])


def _on_rows(
    model: Model, rows: NewRows, file: str, own: _OwnRows, gates: Sequence[Gate]
) -> tuple[dict[str, Figures], dict[str, Predicted], Beside]:
    """Predictions for new rows of a file, with figures if they have targets, and baselines if gates ask for them."""
    with Cells(file, rows.x, lambda: model.columns.input_names, rows.rows.lines).named():
        x = model.scaled(rows.x)
    figures: dict[str, Figures] = {}
    beside = NOTHING
    if rows.y is not None:
        with Cells(file, rows.y, lambda: model.columns.targets, rows.rows.lines).named():
            y = model.scaled_targets(rows.y)
        figures = {"data": model.report(x, y)}
        if asks_for(gates):
            beside = Beside(_baselines(own.read(), gates).figures({"data": Examples(x, y)}))
    outputs = model.outputs_of_scaled(x)
    return figures, {"data": Predicted(outputs, np.arange(1, len(outputs) + 1), rows.y, rows.names)}, beside


def _baselines(rows: Rows, gates: Sequence[Gate]) -> Baselines:
    """The simple baselines, and the linear one if a gate compares with it."""
    return Baselines.fit(rows.dataset, rows.of(0), linear=asks_for(gates, LINEAR))


PICTURE = "answers"


def _asked(run: RunFolder, model: Model, rows: NewRows | None, predicted: Mapping[str, Predicted]) -> dict[str, Any]:
    """What the network says of image files, the path of a picture of them, and what a user should know of the rows."""
    if rows is None:
        return {}
    if not rows.names:
        return {"warnings": rows.warnings}
    answers = answers_of(model, rows.names, predicted["data"].outputs, rows.y)
    failures = _draw(run, partial(drawn, model, rows.x, answers))
    picture = "" if failures else str(run.plots / f"{PICTURE}.png")
    return {"answers": answers, "picture": picture, "warnings": (*rows.warnings, *failures)}


def _draw(run: RunFolder, picture: Callable[[], Any]) -> list[str]:
    """Draw the answers into the run's plots; a warning where that failed, also where nothing can be written there."""
    try:
        return draw_all({PICTURE: picture}, run.plots)
    except StorageError as error:
        return [f"no picture of the images: {error}"]


def _on_splits(
    own: _OwnRows, split: str | None, gates: Sequence[Gate]
) -> tuple[dict[str, Figures], dict[str, Predicted], Beside]:
    rows, model = own.read(), own.opened.model
    dataset, prepared = rows.dataset, rows.of(0)
    found = [name for name in SPLITS if getattr(prepared, name) is not None]
    if split is not None and split not in found:
        raise CheckpointError(f"{own.run.path}: the run has no {split} part, expected one of {', '.join(found)}")
    wanted = [split] if split else found
    parts = {name: getattr(prepared, name) for name in wanted}
    figures = {name: model.report(part.x, part.y) for name, part in parts.items()}
    numbers = dict(zip(SPLITS, (prepared.split.train, prepared.split.validation, prepared.split.test), strict=True))
    predicted = {
        name: Predicted(model.outputs_of_scaled(part.x), numbers[name] + 1, dataset.y[numbers[name]])
        for name, part in parts.items()
    }
    return figures, predicted, _baselines(rows, gates).beside(model, parts, figures)


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """Write a CSV row for each data row: its number, the prediction, the outputs, and the target if known.

    With several parts, the first column is the part. Row numbers count the rows of the data set, from 1; rows of image
    files have the file's `written_name` behind it.
    """
    model, several = evaluation.model, len(evaluation.predicted) > 1
    knows = all(part.targets is not None for part in evaluation.predicted.values())
    files = any(part.names for part in evaluation.predicted.values())
    header = [
        "row",
        *(["file"] if files else []),
        *_header(model),
        *(f"true/{name}" for name in model.columns.targets if knows),
    ]
    rows = [[name, *row] for name, part in evaluation.predicted.items() for row in _rows(model, part)]
    write_csv(path, [["split", *header], *rows] if several else [header, *(row[1:] for row in rows)])


def _header(model: Model) -> list[str]:
    """The columns of the prediction and of the outputs."""
    columns, task = model.columns, model.experiment.task
    if columns.classes:
        return [columns.targets[0], *_probability_names(task, columns.classes)]
    probabilities = [f"probability/{name}" for name in columns.targets] if task == "multilabel" else []
    return [*columns.targets, *probabilities]


def _rows(model: Model, part: Predicted) -> list[list[str]]:
    task, outputs = model.experiment.task, part.outputs
    decided = predictions(task, outputs).reshape(len(outputs), -1)
    named = _named(model, decided) if task != "regression" else [[] for _ in outputs]
    truth = [[] for _ in outputs] if part.targets is None else _named(model, _truth(model, part.targets))
    files = [[written_name(name)] for name in part.names] or [[] for _ in outputs]
    columns = (part.numbers.tolist(), files, named, outputs.tolist(), truth)
    return [
        [str(number), *file, *names, *map(cell, row), *known]
        for number, file, names, row, known in zip(*columns, strict=True)
    ]


def _truth(model: Model, targets: Array) -> Array:
    """Targets (N, outputs) in the form of `predictions`: a class as its index (N, 1)."""
    return class_indices(targets)[:, np.newaxis] if model.columns.classes else targets


def _named(model: Model, values: Array) -> list[list[str]]:
    """Predictions or targets, (N, 1) or (N, targets), as cells: names of classes, 0 and 1, or numbers."""
    if model.columns.classes:
        return [[_class_name(model.columns.classes, row[0])] for row in values]
    as_text = (lambda value: str(int(value))) if model.experiment.task == "multilabel" else cell
    return [[as_text(value) for value in row] for row in values.tolist()]


def _probability_names(task: str, classes: tuple[str, ...]) -> list[str]:
    shown = classes[1:] if task == "binary" else classes
    return [f"probability/{name}" for name in shown]


def _class_name(classes: tuple[str, ...], index: Any) -> str:
    return classes[int(index)] if int(index) >= 0 and np.isfinite(index) else ""
