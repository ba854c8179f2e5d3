"""Evaluate a finished run on its own parts, or on a file with new rows."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.choices import OF_A_PLUGIN
from nnlab.config.document import read_file
from nnlab.config.experiment import SPLITS, validate
from nnlab.config.overrides import override_all
from nnlab.config.schema import Experiment
from nnlab.data.catalogue import load_new
from nnlab.data.cells import Cells
from nnlab.data.dataset import Dataset, NewRows
from nnlab.data.files import quoted
from nnlab.data.prepare import Examples, relative_weights
from nnlab.data.stored import is_lazy
from nnlab.errors import CheckpointError, ConfigError, DataError, Fault, StorageError, few, listed, printable
from nnlab.experiments.answers import Answer, answers_of, drawn
from nnlab.experiments.baselines import NOTHING, Baselines, Beside
from nnlab.experiments.pictures import draw_all
from nnlab.experiments.predictions import Predicted
from nnlab.experiments.row_warnings import (
    blank_warning,
    count_trained_on,
    flattery,
    rounding_warning,
    unseen_warnings,
    with_unseen,
)
from nnlab.experiments.unchanged import (
    GO_ON,
    Trust,
    newest_whole,
    refuse_edited,
    refuse_foreign,
    refuse_lost,
    refuse_other_columns,
    refuse_other_parts,
    refuse_other_plugins,
    refuse_other_rows,
)
from nnlab.gates.hold import Measured, Outcome, asks_for, check_gates, hold
from nnlab.gates.parse import Gate
from nnlab.maths.activations import AnyActivation
from nnlab.maths.baselines import LINEAR, baseline_figures
from nnlab.maths.decisions import Decisions, keeps_decisions
from nnlab.maths.metrics import Figures, Scored
from nnlab.networks.learned import learned_parameters
from nnlab.setup.gates import report_names
from nnlab.setup.model import Model
from nnlab.setup.paths import DataPaths, moved_with, with_absolute_paths
from nnlab.setup.rows import read_rows, split_rows, table_options
from nnlab.storage import checkpoints
from nnlab.storage.about import WeightsAbout
from nnlab.storage.cache import UserCache
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.lock import present_status
from nnlab.storage.run import ArmsRun, SuiteRun, TrainingRun
from nnlab.storage.summary import ComparisonSummary, SweepSummary

Array = NDArray[Any]


@dataclass(frozen=True)
class ArmNetwork:
    """Which network of a comparison or a sweep: the label of its arm, and its seed; `why` it is this seed's."""

    label: str
    seed: int
    why: str

    def __str__(self) -> str:
        """The same in words."""
        return f"the network is that of {self.label}, seed {self.seed}: {self.why}"


@dataclass(frozen=True)
class Evaluation:
    """Figures and predictions of each evaluated part; no figures without targets.

    `step` is None where nothing has recorded it, `arm` says which network of a comparison it is.
    `flattery` is a sentence on new rows that were trained on, or empty. `warnings` are about the run and about the
    rows, `notes` about where the rows were read. `trusted` are the differences from what the checkpoint recorded.
    """

    run: Path
    status: str
    checkpoint: str
    step: int | None
    figures: dict[str, Figures]
    model: Model
    predicted: dict[str, Predicted]
    gates: tuple[Outcome, ...] = ()
    answers: tuple[Answer, ...] = ()
    picture: str = ""
    flattery: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    beside: Beside = NOTHING
    arm: ArmNetwork | None = None
    escaped: tuple[str, ...] = ()  # columns of the predictions with a text that a spreadsheet would run

    @property
    def rows(self) -> int:
        """The number of rows with a prediction."""
        return sum(part.rows for part in self.predicted.values())

    @property
    def keeps_decisions(self) -> bool:
        """Whether of the outputs for very many classes only the decisions are kept."""
        return keeps_decisions(self.model.experiment.task, self.model.network.outputs)

    @property
    def learned(self) -> Figures:
        """The learned activation parameters."""
        return {**learned_parameters(self.model.network.layout, self.model.theta)}

    def document(self) -> dict[str, Any]:
        """The evaluation as a document for `--json`."""
        return {
            "run": str(self.run),
            **({"arm": self.arm.label, "seed": self.arm.seed} if self.arm else {}),
            "status": self.status,
            "checkpoint": self.checkpoint,
            "step": self.step,
            "rows": self.rows,
            **({"scaled_targets": True} if self.model.target_scaling is not None else {}),
            "figures": _flat(self.figures) | self.learned,
            "baselines": self.beside.figures,
            "sentences": [*self.beside.sentences],
            "gates": [gate.document() for gate in self.gates],
            "warnings": [*([self.flattery] if self.flattery else []), *self.warnings],
            **({"trusted": [*self.trusted]} if self.trusted else {}),
            **({"images": [one.document() for one in self.answers], "picture": self.picture} if self.answers else {}),
        }


def _flat(figures: Mapping[str, Figures]) -> Figures:
    """Figures keyed by `part/name` instead of by part and name."""
    return {f"{part}/{name}": value for part, report in figures.items() for name, value in report.items()}


@dataclass(frozen=True)
class Opened:
    """A finished run: its experiment, and the model of one of its checkpoints; `trust` has what differs from it.

    `fingerprint` is that of its rows, which are in `dataset` if they had to be read. `step` is that of the weights,
    None if nothing has recorded it, `planned` the last one. `status` is that of the training, `has_ended` says whether
    it has. `gradient_faults` are what its gradient check has found wrong, `arm` says which network of many it is.
    """

    paths: DataPaths
    model: Model
    checkpoint: str
    fingerprint: str
    step: int | None
    planned: int
    status: str
    trust: Trust
    has_ended: bool = True
    gradient_faults: Sequence[str] = ()
    arm: ArmNetwork | None = None
    dataset: Dataset | None = None

    @property
    def experiment(self) -> Experiment:
        """The experiment, with the paths where its data lie now."""
        return self.paths.experiment


def weights_of(experiment: Experiment) -> str:
    """The name of the checkpoint whose figures a run reports: best with early stopping, else last."""
    return "best" if experiment.training.early_stopping else "last"


def open_run(
    run: RunFolder,
    name: str | None,
    activations: Mapping[str, AnyActivation],
    *,
    sets: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    trust: Trust | None = None,
) -> Opened:
    """Open a run with the model of a checkpoint; without a name, the checkpoint whose figures the run reports.

    `sets` say where the data are now, `plugins` are the files of the activations. CheckpointError if experiment or
    plugins are not those with which the checkpoint was trained, or if it is another run's, unless that is trusted.
    """
    require_one_network(run)
    document = override_all(read_file(run.path / CONFIG), sets)
    with plugins_named(run):
        experiment = validate(document, activations)
    name, trust = name or weights_of(experiment), trust or Trust()
    state = newest_whole(run) if name == "best" else None
    checkpoint = checkpoints.load(run.checkpoint(name))
    about = WeightsAbout.of(checkpoint.about, printable(str(run.checkpoint(name))))
    refuse_edited(run, about, experiment, document.values, trust)
    refuse_other_plugins(run, about, plugins, trust)
    refuse_foreign(run, name, checkpoint, about, state, trust)
    paths = moved_with(with_absolute_paths(experiment, run.path), run.then(), run.path.resolve())
    faults = checkpoint.about.get("gradient_faults", ()) if state is None else state.about.gradient_faults
    known = run.read_run()
    return Opened(
        paths,
        Model.from_checkpoint(experiment, checkpoint),
        name,
        about.fingerprint,
        about.step,
        about.planned[-1][1],
        "unknown" if known is None else present_status(known.status, run.path / ".lock"),
        trust,
        has_ended=not (isinstance(known, TrainingRun) and known.stopped_by == "max_seconds"),
        gradient_faults=faults,
    )


@contextlib.contextmanager
def plugins_named(run: RunFolder) -> Iterator[None]:
    """Add the plugins with which a run was trained to a fault that says that an activation is unknown."""
    try:
        yield
    except ConfigError as error:
        with contextlib.suppress(CheckpointError, StorageError):
            about = run.read_run()
            words = [word for plugin in (about.plugins if about else ()) for word in ("--plugin", plugin)]
            if words:
                hint = f"; the run was trained with {printable(shlex.join(words))}"
                raise ConfigError([_with_hint(fault, hint) for fault in error.faults]) from error
        raise


def _with_hint(fault: Fault, hint: str) -> Fault:
    is_one = "unknown activation" in fault.message
    return replace(fault, message=fault.message.removesuffix(OF_A_PLUGIN) + hint) if is_one else fault


_SEVERAL = {"compare-activations": ("comparison", "network.activation=NAME"), "sweep": ("sweep", "KEY=VALUE")}


def require_one_network(run: RunFolder) -> None:
    """CheckpointError for the folder of a comparison or a sweep, with the way to one of its networks.

    One that has lost its run.json is known by its pieces.
    """
    found = run.read_run()
    refuse_benchmark(run)
    if isinstance(found, ArmsRun) or (found is None and run.pieces.exists()):
        name, setting = _SEVERAL[found.kind] if found else ("comparison or sweep", "KEY=VALUE")
        where, arms = printable(str(run.path)), _arms_of(run)
        raise CheckpointError(
            f"{where}: found a {name} of many networks, expected a run of one; its figures are in summary.json, "
            f"results.csv and report.html; to look at one of them: nnlab eval '{where}:ARM', where ARM is {arms}; "
            f"to train one of them alone: nnlab train {where}/config.yaml --set {setting}"
        )


def refuse_benchmark(run: RunFolder) -> None:
    """CheckpointError for the folder of a benchmark, with the way to one of its networks."""
    if isinstance(run.read_run(), SuiteRun):
        where = printable(str(run.path))
        raise CheckpointError(
            f"{where}: found a benchmark of many networks, expected a run of one; its figures are in summary.json, "
            f"results.csv and report.html; nnlab compare-activations {where}/experiments/SET.yaml -a ARM --needed "
            "makes a comparison of one of its sets, without training anything anew"
        )


_MOST_ARMS = 5


def _arms_of(run: RunFolder) -> str:
    """The labels that may stand for ARM, in words."""
    summary = None
    with contextlib.suppress(CheckpointError):
        summary = run.read_summary()
    labels = [*summary.arms] if isinstance(summary, ComparisonSummary | SweepSummary) else []
    shown = few([*map(printable, labels)], _MOST_ARMS)
    return listed(shown, "or") if shown else "a label of summary.json"


def evaluate(
    run: RunFolder,
    *,
    activations: Mapping[str, AnyActivation],
    checkpoint: str | None = None,
    split: str | None = None,
    data: str | None = None,
    gates: Sequence[Gate] = (),
    baseline: Measured | None = None,
    sets: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    trust: bool = False,
    formats: Sequence[str] = (),
) -> Evaluation:
    """Evaluate a checkpoint (None: the reported one) on a split (None: all), or on the rows of a file.

    Gates are checked against the figures; ConfigError for a gate on a figure that is not measured. The simple baselines
    are set beside the figures of splits; the linear one, and any beside the figures of a file, only if a gate compares
    with it, for they are fitted on the run's own training rows. `sets`, `plugins` and `trust` are those of `open_run`.
    A picture of image files is drawn as PNG, and in the other `formats`.
    """
    held = Trust(given=trust, hint=GO_ON)
    opened = open_run(run, checkpoint, activations, sets=sets, plugins=plugins, trust=held)
    about: dict[str, Any] = {"split": split, "data": data, "gates": gates, "baseline": baseline, "formats": formats}
    return evaluate_opened(opened, run, **about)


def evaluate_opened(
    opened: Opened,
    run: RunFolder,
    *,
    split: str | None = None,
    data: str | None = None,
    gates: Sequence[Gate] = (),
    baseline: Measured | None = None,
    formats: Sequence[str] = (),
) -> Evaluation:
    """Evaluate the network of a run, or one of those of a comparison, as `evaluate` does."""
    model = opened.model
    rows = None if data is None else _new_rows(model, opened.experiment, data)
    figures, predicted, beside = (
        _on_splits(opened, run, split, gates) if rows is None else _on_rows(opened, run, rows, str(data), gates)
    )
    asked = _asked(run, model, rows, predicted, formats)
    outcomes = _held(gates, model, figures, list(predicted), beside, baseline)
    about = (run.path, opened.status, opened.checkpoint, opened.step)
    found = Evaluation(*about, figures, model, predicted, outcomes, beside=beside, arm=opened.arm, **asked)
    trained = _count_trained_on(opened, run, rows)
    warnings = (
        *warnings_on(opened),
        *found.warnings,
        *_on_predicted(model, predicted),
    )
    warnings += () if rows is None else (*rounding_warning(model, rows, predicted["data"].blank),)
    notes = (*([str(opened.arm)] if opened.arm else ()), *(opened.paths.notes if rows is None else ()))
    told: dict[str, Any] = {"flattery": flattery(trained, found.rows), "warnings": warnings, "notes": notes}
    return replace(found, trusted=tuple(opened.trust.differences), **told)


def _count_trained_on(opened: Opened, run: RunFolder, new: NewRows | None) -> int:
    """How many of new rows that have figures were in the training part; the run's own parts have figures each."""
    if new is None or new.y is None:
        return 0
    return count_trained_on(run, opened.experiment, opened.model.columns, opened.fingerprint, new)


def warnings_on(opened: Opened) -> list[str]:
    """Sentences on a network that is no result of a training, or was trained with a wrong gradient."""
    return [*_on_gradient(opened.gradient_faults), *_on_status(opened)]


def _on_gradient(faults: Sequence[str]) -> Iterator[str]:
    """A sentence where the run's own check found that it was trained with a wrong gradient."""
    if faults:
        yield f"no figure of this run is to be trusted. The gradient is wrong: {faults[0]}"


def _on_status(opened: Opened) -> Iterator[str]:
    """A sentence where the weights are not those of a training that ended."""
    status = opened.status
    if status == "diverged":
        yield "the run diverged: its weights are the last that were sound, and no result of a training"
    elif status in ("running", "interrupted", "killed", "failed") or not opened.has_ended:
        ended = f"the training had not ended: status {status}, weights of step {opened.step:,}"
        yield f"{ended} of {opened.planned:,}; nnlab train --resume goes on with it"


def _on_predicted(model: Model, predicted: Mapping[str, Predicted]) -> Iterator[str]:
    """Sentences on rows without a prediction, and on categories never seen."""
    for part in predicted.values():
        yield from blank_warning(part)
    yield from unseen_warnings(model.columns, predicted)


def _held(
    gates: Sequence[Gate],
    model: Model,
    figures: Mapping[str, Figures],
    parts: Sequence[str],
    beside: Beside,
    baseline: Measured | None,
) -> tuple[Outcome, ...]:
    """The outcomes of gates on figures of these parts, on those of baselines, and on entries of theta."""
    layout, learned = model.network.layout, learned_parameters(model.network.layout, model.theta)
    final, scaled = {**_flat(figures), **beside.figures, **learned}, model.target_scaling is not None
    measured = Measured(final, scaled_targets=scaled)
    measured.add_parameters(gates, layout, model.theta[0])
    names = report_names(model.experiment.task, model.columns, model.network.outputs)
    known = [f"{part}/{name}" for part in parts for name in names]
    known += [*baseline_figures(model.experiment.task, known, model.network.outputs), *measured.final]
    check_gates(gates, known, baseline=baseline is not None)
    return tuple(hold(gates, measured, baseline))


def _new_rows(model: Model, experiment: Experiment, data: str) -> NewRows:
    """The rows of a file or folder, read in the way of the model's own data."""
    new = load_new(
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
    weight = experiment.data.weight
    if weight is None or new.y is None or new.rows.weights is not None:
        return new
    found = f"found no column {quoted(weight)} in {quoted(data)}: its rows count alike, whatever their weights"
    return replace(new, warnings=(*new.warnings, found))


Results = tuple[dict[str, Figures], dict[str, Predicted], Beside]


def _on_rows(opened: Opened, run: RunFolder, new: NewRows, file: str, gates: Sequence[Gate]) -> Results:
    """Predictions for new rows of a file, with figures if they have targets; none for those with a blank not filled."""
    model = opened.model
    blank = _blank_rows(model, new)
    rows, y, weights, truth = np.delete(np.arange(len(new.x)), blank), None, None, None
    with Cells(file, new.x, lambda: model.columns.input_names, new.rows.lines).named(rows):
        x = model.scaled(new.x, rows if len(blank) else None)
    if new.y is not None and len(rows):
        with Cells(file, new.y, lambda: model.columns.targets, new.rows.lines).named(rows):
            truth, weights = new.y[rows], relative_weights(new.rows.weights, rows, quoted(file))
            y = model.scaled_targets(truth)
    known, figures = _measured(model, x, y, weights, truth)
    outputs, scores = (_spread(values, rows, len(new.x)) for values in (known.outputs, known.scores))
    facts, own = with_unseen(model, new.x, new.rows), scores if model.network.has_scores else None
    part = Predicted(outputs, np.arange(1, len(new.x) + 1), new.y, new.names, facts, blank, own)
    if truth is None:
        return {}, {"data": part}, NOTHING
    beside = NOTHING
    if asks_for(gates):
        dataset = own_rows(opened, run)
        baselines = _baselines(model, dataset, split_rows(opened.experiment, dataset).train, gates)
        beside = Beside(baselines.figures({"data": Examples(x, truth, truth, weights)}))
    return {"data": figures}, {"data": part}, beside


def predict(opened: Opened, run: RunFolder, data: str | Array) -> Predicted:
    """Predictions for the rows of a file, or for raw inputs (N, inputs); nan where a row has a blank not filled."""
    model, file = opened.model, data if isinstance(data, str) else "X"
    if isinstance(data, str):
        return _on_rows(opened, run, _new_rows(model, opened.experiment, data), file, ())[1]["data"]
    if data.ndim != 2 or data.shape[1] != model.columns.width:
        raise DataError(f"X: found shape {data.shape}, expected (rows, {model.columns.width:,})")
    return _on_rows(opened, run, NewRows(data, None, ""), file, ())[1]["data"]


def own_rows(opened: Opened, run: RunFolder) -> Dataset:
    """The rows that the run was made from. CheckpointError for others than those."""
    if opened.dataset is not None:
        return opened.dataset
    refuse_lost(opened.paths)
    dataset = read_rows(opened.experiment, None, run.path)
    hint = "; use --data for other rows"
    refuse_other_rows(run.path, dataset, opened.fingerprint, hint, opened.trust)
    refuse_other_columns(run.path, opened.model.columns, dataset.columns)
    return dataset


def _baselines(model: Model, dataset: Dataset, train: NDArray[np.int64], gates: Sequence[Gate]) -> Baselines:
    """The simple baselines of the training rows `train`, and the linear one if a gate compares with it."""
    x = model.scaled(dataset.x, train) if asks_for(gates, LINEAR) else None
    return Baselines.fit(dataset, train, x, model.network.head.weights)


def _blank_rows(model: Model, new: NewRows) -> NDArray[np.int64]:
    """The indices of the rows with a blank that the model does not fill; rows in a file have none."""
    if model.scaling.fill is not None or is_lazy(new.x):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.isnan(new.x).any(axis=1))


def _measured(
    model: Model, x: Any, y: Array | None, weights: Array | None, truth: Array | None
) -> tuple[Scored, Figures]:
    """Outputs for scaled inputs, and figures if there are scaled targets, of rows with weights if they have some."""
    return (model.scored(x), {}) if y is None else model.scored_and_report(x, y, weights, truth)


def _spread(values: Any, rows: NDArray[np.int64], count: int) -> Any:
    """The values of some rows (n, K) among nan for the others of `count`, (count, K)."""
    if isinstance(values, Decisions):
        return values.spread(rows, count)
    spread = np.full((count, values.shape[1]), np.nan, values.dtype)
    spread[rows] = values
    return spread


PICTURE = "answers"


def _asked(
    run: RunFolder, model: Model, rows: NewRows | None, predicted: Mapping[str, Predicted], formats: Sequence[str]
) -> dict[str, Any]:
    """What the network says of image files, the path of a picture of them, and what a user should know of the rows."""
    if rows is None:
        return {}
    if not rows.names:
        return {"warnings": rows.warnings}
    answers = answers_of(model, rows.names, predicted["data"].outputs, rows.y)
    failures = _draw(run, partial(drawn, model, rows.x, answers), formats)
    picture = "" if failures else str(run.plots / f"{PICTURE}.png")
    return {"answers": answers, "picture": picture, "warnings": (*rows.warnings, *failures)}


def _draw(run: RunFolder, picture: Callable[[], Any], formats: Sequence[str]) -> list[str]:
    """Draw the answers into the run's plots; a warning where that failed, also where nothing can be written there."""
    try:
        return draw_all({PICTURE: picture}, run.plots, formats=formats)
    except StorageError as error:
        return [f"no picture of the images: {error}"]


def _on_splits(opened: Opened, run: RunFolder, split: str | None, gates: Sequence[Gate]) -> Results:
    """Figures and predictions of the run's own parts, or of one; others are scaled for a linear model only."""
    model, dataset = opened.model, own_rows(opened, run)
    parts = split_rows(opened.experiment, dataset)
    refuse_other_parts(run, parts, opened.trust)
    found = {
        name: rows for name, rows in zip(SPLITS, (parts.train, parts.validation, parts.test), strict=True) if len(rows)
    }
    if split is not None and split not in found:
        raise CheckpointError(f"{run.path}: the run has no {split} part, expected one of {', '.join(found)}")
    figures, predicted, facts = {}, dict[str, Predicted](), with_unseen(model, dataset.x, dataset.rows)
    scored, baselines = {}, _baselines(model, dataset, parts.train, gates)
    for name in [split] if split else found:
        rows, y = found[name], dataset.y[found[name]]
        weights = relative_weights(dataset.rows.weights, rows, f"the {name} part")
        x, targets = model.scaled(dataset.x, rows), model.scaled_targets(y)
        known, figures[name] = _measured(model, x, targets, weights, y)
        scores = known.scores if model.network.has_scores else None
        predicted[name] = Predicted(known.outputs, rows + 1, y, facts=facts, scores=scores)
        inputs = x if LINEAR in baselines.predictors else known.outputs
        scored[name] = Examples(inputs, y, y, weights)
    return figures, predicted, baselines.beside(scored, figures, lambda part: predicted[part].scored)
