"""The pictures of a run: the table `PICTURES` maps a file name to a drawing function and a caption.

matplotlib is loaded when the first picture is drawn, not before: importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Task
from nnlab.errors import StorageError, told
from nnlab.experiments.parameter_table import ParameterWay
from nnlab.experiments.side_by_side import side_by_side
from nnlab.maths.decisions import Decisions
from nnlab.maths.metrics import TRAINING_METRICS, confusion_counts, predictions, report
from nnlab.maths.one_hot import OneHot
from nnlab.maths.schedules import Plateau
from nnlab.networks.diagrams.diagram import Diagram
from nnlab.networks.feature_maps import FeatureMaps, Kernels
from nnlab.networks.first_layer import Incoming
from nnlab.networks.learned import FAMILY
from nnlab.report.parts import Drawing
from nnlab.setup.readings import RATE
from nnlab.storage.folder import PICTURE_FORMATS
from nnlab.training.health import Portrait

if TYPE_CHECKING:
    from nnlab.pictures import Figure

Array = NDArray[Any]


@dataclass(frozen=True)
class RunPlotData:
    """The data from which the pictures of a run are drawn.

    `split` names the part to which `x`, `y` and `outputs` belong: test, else validation, else training. `x` holds raw
    inputs (N, inputs), `y` the targets and `outputs` those of the network, both (N, K) in the targets' units; `predict`
    maps raw inputs to outputs. `weights` (N,) are those of the rows, None where all count alike. `curves` holds each
    figure at `steps`, (T,), nan where it was not measured.

    `all_x` and `all_y` hold all rows; `trained` is true for the rows on which the network was trained, `validating` for
    those on which it was validated; the others are test rows. With `uses_best` the weights are those of `best_step`,
    else those of the last step. `scaled_targets`: the loss is measured on scaled targets.

    Without rows, as of a training that was interrupted, only the pictures `FROM_METRICS` are drawn: those of the curves
    and the architecture.

    `portraits` describe activation layers, the first and the last among them; `activations` names them all, and says of
    which the units are channels of images. `layers` is how many layers the network has. `depths` numbers the layers
    with weights from 1 and gives each activation layer the number of the one before it.

    `diagram` has the layers of the network. `kernels` are those of the first convolution, and `stages` the maps that
    the first row of `x` has behind each convolution. `schedule` names what changes the learning rate, if anything does;
    `rates` are steps and the learning rates that were planned for them, both (S,). `way` reads the recorded way of the
    parameters, if there is any.

    `incoming` are the weights of the first layer, by inputs as the network gets them, which are `scaled` or raw.
    """

    title: str
    task: Task
    loss: str
    columns: Columns
    image_shape: tuple[int, int] | None
    steps: Array
    curves: Mapping[str, Array]
    epoch_steps: float
    best_step: int | None
    split: str = ""
    x: Array = field(default_factory=lambda: np.empty((0, 0)))
    y: Array = field(default_factory=lambda: np.empty((0, 0)))
    outputs: Array = field(default_factory=lambda: np.empty((0, 0)))
    predict: Callable[[Array], Array] = lambda x: x
    weights: Array | None = None
    all_x: Array = field(default_factory=lambda: np.empty((0, 0)))
    all_y: Array = field(default_factory=lambda: np.empty((0, 0)))
    trained: Array = field(default_factory=lambda: np.empty(0, bool))
    validating: Array = field(default_factory=lambda: np.empty(0, bool))
    uses_best: bool = True
    scaled_targets: bool = False
    portraits: Sequence[Portrait] = ()
    activations: Mapping[str, bool] = field(default_factory=dict)
    layers: int = 0
    depths: Mapping[str, int] = field(default_factory=dict)
    kernels: Kernels | None = None
    stages: Sequence[FeatureMaps] = ()
    diagram: Diagram | None = None
    schedule: str = ""
    rates: tuple[Array, Array] = (np.empty(0), np.empty(0))
    way: Callable[[], ParameterWay | None] = lambda: None
    incoming: Incoming | None = None
    scaled: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.columns.classes

    @property
    def parts(self) -> dict[str, Array]:
        """Masks (N,) of the rows for training, validation and test, as far as there are any."""
        masks = {
            "training": self.trained,
            "validation": self.validating,
            "test": ~(self.trained | self.validating),
        }
        return {part: mask for part, mask in masks.items() if mask.any()}

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Rows, columns and channels of an image; None for tables."""
        return (*self.image_shape, self.x.shape[1] // math.prod(self.image_shape)) if self.image_shape else None

    @property
    def used_step(self) -> int | None:
        """The step of the weights that are drawn; None for the last one."""
        return self.best_step if self.uses_best else None

    @property
    def part_title(self) -> str:
        """The title of a picture of one part of the data."""
        return f"{self.title}, {self.split} part"


def cost(data: RunPlotData) -> Figure | None:
    """Draw batch, training and validation loss over the steps."""
    from nnlab import pictures as plots

    curves = {name: data.curves[name] for name in ("batch/loss", "train/loss", "val/loss") if name in data.curves}
    if "batch/running_loss" in data.curves:
        curves["running/loss"] = data.curves["batch/running_loss"]
    return plots.cost(
        data.steps,
        curves,
        epoch_steps=data.epoch_steps,
        best_step=data.used_step,
        loss_name=data.loss,
        title=data.title,
        scaled_targets=data.scaled_targets,
    )


def accuracy(data: RunPlotData) -> Figure | None:
    """Draw the first training metric of the task over the steps; None for a regression."""
    from nnlab import pictures as plots

    metric = next(iter(TRAINING_METRICS[data.task]))
    curves = {n: data.curves[n] for n in (f"train/{metric}", f"val/{metric}") if n in data.curves}
    if data.task == "regression" or not curves:
        return None
    return plots.accuracy(
        data.steps,
        curves,
        metric_name=metric,
        best_step=data.used_step,
        title=data.title,
        epoch_steps=data.epoch_steps,
    )


def learning_rate(data: RunPlotData) -> Figure | None:
    """Draw the learning rate over the steps; None without a schedule, for a straight line shows nothing."""
    from nnlab import pictures as plots

    steps, rates = data.rates
    if not data.schedule or not len(steps):
        return None
    logged = data.curves.get(RATE)
    if data.schedule == Plateau.name and logged is not None:  # it is changed by evaluations, at which it is logged
        steps, rates = (np.concatenate(pair) for pair in ((steps, data.steps), (rates, logged)))
    return plots.learning_rate(
        steps, rates, schedule=data.schedule, epoch_steps=data.epoch_steps, title=f"{data.title}, learning rate"
    )


def parameters(data: RunPlotData) -> Figure | None:
    """Draw the way of weights and biases; None where it was not recorded."""
    from nnlab import pictures as plots

    way = data.way()
    if way is None or not way.tensors or not len(way.steps):
        return None
    return plots.parameters(
        way.steps, way.tensors, are_norms=way.are_norms, epoch_steps=data.epoch_steps, title=f"{data.title}, parameters"
    )


def learned_parameters(data: RunPlotData) -> Figure | None:
    """Draw the way of the learned parameters of activations; None where there are none."""
    from nnlab import pictures as plots

    curves = {name: values for name, values in data.curves.items() if name.startswith(f"{FAMILY}/")}
    if not curves:
        return None
    title = f"{data.title}, learned parameters of activations"
    return plots.learned_parameters(data.steps, curves, epoch_steps=data.epoch_steps, title=title)


def first_layer(data: RunPlotData) -> Figure | None:
    """Draw the weights of the first layer; None unless it is a dense one that gets the inputs themselves."""
    from nnlab import pictures as plots

    found = data.incoming
    if found is None or found.weights.shape[0] != data.x.shape[1]:
        return None
    title = f"{data.title}, first layer"
    if data.shape is not None:
        return plots.first_layer_of_images(found.weights, data.shape, layer=found.layer, title=title)
    names = data.columns.input_names
    return plots.first_layer(found.weights, names, layer=found.layer, scaled=data.scaled, title=title)


def confusion(data: RunPlotData) -> Figure | None:
    """Draw the confusion matrix; None without classes."""
    from nnlab import pictures as plots

    if not data.classes:
        return None
    confused, title = confusion_counts(data.outputs, data.y), data.title
    right = float(TRAINING_METRICS[data.task]["accuracy"](data.outputs, data.y, data.weights))
    weighted = data.weights is not None
    return plots.confusion(confused, data.classes, split=data.split, accuracy=right, title=title, weighted=weighted)


def labels(data: RunPlotData) -> Figure | None:
    """Draw precision, recall and F1 of each label; None unless the task is multilabel."""
    from nnlab import pictures as plots

    if data.task != "multilabel":
        return None
    names = data.columns.targets
    figures = report(data.task, data.outputs, data.y, data.weights, target_names=names)
    rates = {
        rate: np.array([figures[f"{rate}/{name}"] for name in names], float) for rate in ("precision", "recall", "f1")
    }
    present = (data.y > 0.5).sum(axis=0)
    return plots.label_rates(
        rates,
        names,
        present=present,
        samples=len(data.y),
        split=data.split,
        title=data.title,
        weighted=data.weights is not None,
    )


def misclassified(data: RunPlotData) -> Figure | None:
    """Draw misclassified images, the most confident mistakes first; None unless the rows are images with classes."""
    if data.image_shape is None or data.task == "regression":
        return None
    return _mislabelled(data) if data.task == "multilabel" else _taken_for_others(data)


def _taken_for_others(data: RunPlotData) -> Figure:
    """Images with a wrong class."""
    from nnlab import pictures as plots

    truth, predicted = _decisions(data)
    confidence = confidence_of(data.task, data.outputs).max(axis=1)
    wrong, first = _surest(truth != predicted, confidence)
    names = [*data.classes, "undecided"]  # a prediction of -1 means that no class was chosen
    return plots.misclassified(
        _images(data, data.x[first]),
        [names[i] for i in truth[first]],
        [names[i] for i in predicted[first]],
        confidence[first],
        total_wrong=wrong,
        total=len(truth),
        title=data.part_title,
    )


def _mislabelled(data: RunPlotData) -> Figure:
    """Images with a wrong or a missing label."""
    from nnlab import pictures as plots

    given, has = predictions(data.task, data.outputs), predictions(data.task, data.y)
    confidence = confidence_of(data.task, data.outputs)
    mistaken = given != has
    wrong, first = _surest(mistaken.any(axis=1), np.where(mistaken, confidence, -np.inf).max(axis=1))
    names = data.columns.targets
    return plots.mislabelled(
        _images(data, data.x[first]),
        [
            [(names[k], bool(given[row, k] > 0), float(confidence[row, k])) for k in np.flatnonzero(mistaken[row])]
            for row in first
        ],
        total_wrong=wrong,
        total=len(has),
        title=data.part_title,
    )


def confidence_of(task: Task, outputs: Array) -> Array:
    """The probability of each predicted class or label, from outputs (N, K); nan if these are no probabilities.

    Of very many classes that of the winner alone, (N, 1).
    """
    if isinstance(outputs, Decisions):
        return _confidence_of_winners(outputs)[:, np.newaxis]
    outputs = np.asarray(outputs, float)
    if np.nanmin(outputs, initial=0) < 0 or np.nanmax(outputs, initial=0) > 1:
        return np.full(outputs.shape, np.nan)
    return outputs if task == "multiclass" else np.maximum(outputs, 1 - outputs)


def _confidence_of_winners(decided: Decisions) -> Array:
    """The probability of each winner, (N,); nan if the outputs are no probabilities, and where one of them is nan."""
    known = np.nanmin(decided.lowest, initial=0) >= 0 and np.nanmax(decided.highest, initial=0) <= 1
    return np.where((decided.winner >= 0) & known, decided.highest, np.nan).astype(float)


def _surest(wrong: Array, confidence: Array) -> tuple[int, Array]:
    """The number of wrong rows, and the 25 most confident of them."""
    rows = np.flatnonzero(wrong)
    return len(rows), rows[np.argsort(-confidence[rows], kind="stable")][:25]


def _images(data: RunPlotData, x: Array) -> Array:
    """Raw rows x (N, inputs) as pictures; black is the smallest and full the largest value in some rows of the set."""
    from nnlab import pictures as plots

    assert data.shape is not None
    everything = data.all_x if len(data.all_x) else data.x
    some = np.asarray(
        everything[np.unique(np.linspace(0, len(everything) - 1, _ROWS_FOR_RANGE).astype(np.intp))], float
    )
    known = some[np.isfinite(some)]
    limits = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return plots.as_pictures(x, data.shape, limits)


_ROWS_FOR_RANGE = 256  # of a set, whose values tell the range of all


def samples(data: RunPlotData) -> Figure | None:
    """Draw images of the training part with their labels, each class in turn; None unless the rows are images."""
    from nnlab import pictures as plots

    if data.shape is None or not data.trained.any():
        return None
    rows = np.flatnonzero(data.trained)
    groups, columns = _groups(data, rows)
    shown = rows[in_turn(groups, min(max(_SAMPLES, groups.shape[1] if data.classes else 0), 2 * _SAMPLES))]
    return plots.samples(
        _images(data, data.all_x[shown]),
        [_labels_of(data, data.all_y[row]) for row in shown],
        columns=columns,
        total=len(rows),
        channels=data.shape[2],
        title=f"{data.title}, training images",
    )


_SAMPLES = 30  # training images, or as many as there are classes, up to twice as many


def _groups(data: RunPlotData, rows: Array) -> tuple[Array, int]:
    """To which groups the rows belong, (rows, groups): classes, labels or none; and the columns of the picture."""
    y = data.all_y[rows]
    if data.task == "regression":
        return np.ones((len(rows), 1), bool), 6
    if data.task == "binary":
        return np.hstack([y < 0.5, y >= 0.5]), 6
    if data.task == "multilabel":
        return np.hstack([y > 0.5, (y <= 0.5).all(axis=1, keepdims=True)]), 6
    return _members(y), y.shape[1] if 5 <= y.shape[1] <= 10 else 6


def _members(y: Any) -> Array:
    """Which rows are in each class, (rows, classes); of very many classes in the first of those that there are."""
    if isinstance(y, OneHot):
        first: Array = np.unique(y.codes)[: 2 * _SAMPLES]
        return np.equal.outer(y.codes, first)
    there: Array = y > 0.5
    return there


def in_turn(groups: Array, count: int) -> Array:
    """The numbers of at most `count` rows of groups (N, K): each group in turn gives its next."""
    waiting = [iter(np.flatnonzero(members)) for members in groups.T]
    taken: dict[int, None] = {}
    while waiting and len(taken) < count:
        for members in [*waiting]:
            row = next((row for row in members if int(row) not in taken), None)
            if row is None:
                waiting.remove(members)
            elif len(taken) < count:
                taken[int(row)] = None
    return np.array([*taken], np.intp)


def _labels_of(data: RunPlotData, y: Array) -> list[str]:
    """The class of a row, its labels, or its values."""
    if data.task == "regression":
        return [f"{name} = {value:.4g}" for name, value in zip(data.columns.targets, y, strict=True)]
    if data.task == "multilabel":
        return [name for name, has in zip(data.columns.targets, y > 0.5, strict=True) if has]
    return [data.classes[int(y[0] >= 0.5) if data.task == "binary" else int(y.argmax())]]


def filters(data: RunPlotData) -> Figure | None:
    """Draw the kernels of the first convolution; None without one."""
    from nnlab import pictures as plots

    return (
        plots.filters(data.kernels, title=f"{data.title}, filters of the first convolution") if data.kernels else None
    )


def feature_maps(data: RunPlotData) -> Figure | None:
    """Draw the first image of the shown part on its way through the convolutions; None without convolutions."""
    from nnlab import pictures as plots

    if not data.stages or data.shape is None:
        return None
    labels = ", ".join(_labels_of(data, data.y[0])) or "no label"
    return plots.feature_maps(
        _images(data, data.x[:1])[0],
        data.stages,
        about=f"the first of the {data.split} part: {labels}",
        channels=data.shape[2],
        title=f"{data.title}, feature maps",
    )


def channels(data: RunPlotData) -> Figure | None:
    """Draw how often each channel is saturated; None without activation layers of images."""
    from nnlab import pictures as plots

    found = [portrait for portrait in data.portraits if portrait.saturated_by_channel.size]
    of = sum(data.activations.values())
    return plots.channels(found, of=of, title=f"{data.title}, channels") if found else None


def boundary(data: RunPlotData) -> Figure | None:
    """Draw the decision regions and all rows; None unless there are two inputs and classes."""
    from nnlab import pictures as plots

    if not data.classes or data.all_x.shape[1] != 2:
        return None
    first, second = data.columns.input_names
    task: Any = data.task
    return plots.boundary(
        data.predict,
        data.all_x,
        data.all_y,
        names=(first, second),
        classes=data.classes,
        task=task,
        title=data.title,
        parts=data.parts,
        along=plots.grid_along(data.layers),
    )


def truth_and_prediction(data: RunPlotData) -> Figure | None:
    """Draw true beside predicted classes; None unless there are two inputs and classes."""
    from nnlab import pictures as plots

    if not data.classes or data.x.shape[1] != 2:
        return None
    truth, predicted = _decisions(data)
    first, second = data.columns.input_names
    names, title = (first, second), data.part_title
    weighted = data.weights is not None
    return plots.truth_and_prediction(
        np.asarray(data.x, float), truth, predicted, names=names, classes=data.classes, title=title, weighted=weighted
    )


def fit(data: RunPlotData) -> Figure | None:
    """Draw a regression: the curve over a single input, else predicted against true values; None for other tasks."""
    from nnlab import pictures as plots

    if data.task != "regression":
        return None
    targets = data.columns.targets
    if data.all_x.shape[1] == 1 and len(targets) == 1:
        return _curve(data)
    return plots.fit(data.y, data.outputs, targets=targets, split=data.split, title=data.title, weights=data.weights)


def _curve(data: RunPlotData) -> Figure:
    from nnlab import pictures as plots

    x = data.all_x[:, 0]
    grid = np.linspace(x.min(), x.max(), 400)
    return plots.fit_curve(
        x,
        data.all_y[:, 0],
        grid,
        data.predict(grid[:, None])[:, 0],
        input_name=data.columns.input_names[0],
        target_name=data.columns.targets[0],
        title=data.title,
        parts=data.parts,
    )


def units(data: RunPlotData) -> Figure | None:
    """Draw each activation layer with its pre-activations; None without activation layers."""
    from nnlab import pictures as plots

    return plots.units(data.portraits, of=len(data.activations), title=data.title) if data.portraits else None


def health(data: RunPlotData) -> Figure | None:
    """Draw the health of each layer over the steps; None if it was not measured."""
    from nnlab import pictures as plots

    channels = {name for name, is_of_images in data.activations.items() if is_of_images}
    return plots.health(data.steps, data.curves, data.depths, title=data.title, channels=channels)


def gradients(data: RunPlotData) -> Figure | None:
    """Draw the norm of the gradient over depth, first and last measured; None if it was not measured."""
    from nnlab import pictures as plots

    norms = {layer: data.curves.get(f"health/{layer}/gradient_norm") for layer in data.depths}
    found = {layer: curve for layer, curve in norms.items() if curve is not None}
    if not found:
        return None
    profiles = np.stack([*found.values()])  # (layers, T)
    measured = np.flatnonzero(np.isfinite(profiles).any(axis=0))[[0, -1]]
    at = {int(data.steps[index]): profiles[:, index] for index in measured}
    return plots.gradients(list(found), at, title=data.title)


def architecture(data: RunPlotData) -> Figure | None:
    """Draw the layers of the network, and its weights if the diagram has them."""
    from nnlab import pictures as plots

    return plots.architecture(data.diagram) if data.diagram else None


def _decisions(data: RunPlotData) -> tuple[Array, Array]:
    """True and predicted class indices, (N,)."""
    truth, predicted = predictions(data.task, data.y), predictions(data.task, data.outputs)
    return truth.reshape(len(truth)).astype(int), predicted.reshape(len(predicted)).astype(int)


PICTURES: dict[str, Drawing[RunPlotData]] = {
    "cost": Drawing(
        cost,
        "The cost over the steps. Look whether it still falls: if it falls on the training rows alone and rises on "
        "others, that is overfitting.",
    ),
    "accuracy": Drawing(
        accuracy,
        "How well the network answers, over the steps. Look whether that still rises, and how far the curves of "
        "different rows are apart.",
    ),
    "learning_rate": Drawing(
        learning_rate,
        "The learning rate of the updates, as the schedule gives it. Look whether the cost falls further where "
        "the rate drops.",
    ),
    "parameters": Drawing(
        parameters,
        "How weights and biases move in the training, tensor by tensor. Look whether they settle, and which of them "
        "grow.",
    ),
    "learned_parameters": Drawing(
        learned_parameters, "What each activation has learned of its own parameters. Look whether that still changes."
    ),
    "first_layer": Drawing(
        first_layer,
        "What the strongest units of the first layer look for: purple inputs drive a unit up, orange ones down. "
        "Look which inputs are strong: units in which all are alike, or no pattern is to be seen, have learned little.",
    ),
    "confusion": Drawing(
        confusion,
        "Which class is taken for which: a cell counts the rows of a true class that were given a predicted one. Look "
        "for dark cells off the diagonal, and whether a pair is confused both ways.",
    ),
    "labels": Drawing(
        labels,
        "How well each label is given, where a row may have several. Look for a label with a short bar: one of low "
        "precision is given too often, one of low recall too seldom.",
    ),
    "misclassified": Drawing(
        misclassified,
        "Images that the network gets wrong, the most confident mistakes first. Look whether you would have known "
        "better, and whether the label itself is wrong.",
    ),
    "samples": Drawing(
        samples,
        "Training images with their labels, each class in turn. Look for wrong labels, and for what tells the "
        "classes apart.",
    ),
    "filters": Drawing(
        filters,
        "The filters of the first convolution: what each of its channels looks for in a small window. Look for "
        "edges and spots; noise and filters alike have learned little.",
    ),
    "feature_maps": Drawing(
        feature_maps,
        "One image on its way through the convolutions: what each channel makes of it, stage by stage. Look for "
        "channels that pick out a part of the image, and for those that are 0 everywhere.",
    ),
    "channels": Drawing(
        channels,
        "How often each channel of an activation layer is saturated, and which channels are dead. Look for "
        "crosses: a dead channel learns no more.",
    ),
    "boundary": Drawing(
        boundary,
        "What the network decides everywhere in the plane of its two inputs, with all rows on top. Look for "
        "points on the wrong side, for a border that winds around single points, and for hatched areas, where it "
        "decides nothing.",
    ),
    "predictions": Drawing(
        truth_and_prediction,
        "True classes beside predicted ones, for two inputs. Look where the ringed mistakes are: at a border, or "
        "as a group that the network does not know.",
    ),
    "fit": Drawing(
        fit,
        "What the network predicts, beside the true values. Look where many points lie on the same side of the line: "
        "that is an error with a direction.",
    ),
    "units": Drawing(
        units,
        "The activations and their slopes over the pre-activations that the network really has. Look how much of "
        "the histogram lies in the grey, where the slope is nearly 0 and little is learned.",
    ),
    "health": Drawing(
        health,
        "Dead and saturated units, activations, gradients and updates of each layer over the steps. Look for "
        "layers that go apart, for dead units that increase, and for updates far from a thousandth of the "
        "weights.",
    ),
    "gradients": Drawing(
        gradients,
        "The norm of the gradient over the depth of the network, at the start and at the end. Look for a slope: a "
        "gradient that shrinks towards the inputs vanishes, one that grows explodes.",
    ),
    "architecture": Drawing(
        architecture,
        "The layers of the network from its inputs to its outputs, and its weights where it was trained. "
        "Look which layer has most of the parameters.",
    ),
}


@cache
def load_drawing() -> None:
    """Load matplotlib, if it can be loaded; what is wrong with it is said where pictures are drawn.

    It is asked for after each record, and does its work once.
    """
    with contextlib.suppress(Exception):
        import_module("nnlab.pictures")


FROM_METRICS = (
    *("cost", "accuracy", "learning_rate", "parameters", "learned_parameters", "health", "gradients"),
    "architecture",
)


def draw(data: RunPlotData, folder: Path, formats: Sequence[str] = ()) -> list[str]:
    """Draw the pictures of a run into `folder`; a warning for each picture that failed."""
    names = PICTURES if len(data.x) else FROM_METRICS
    return draw_all({name: partial(PICTURES[name].draw, data) for name in names}, folder, formats=formats)


_SLOW = {
    "boundary",
    "boundaries",
    "film",
    "first_layer",
    "health",
    "misclassified",
    "parameters",
    "samples",
    "units",
}  # two to five times the others


def draw_all(
    pictures: Mapping[str, Callable[[], Any]],
    folder: Path,
    beside: Sequence[Callable[[], None]] = (),
    *,
    formats: Sequence[str] = (),
) -> list[str]:
    """Draw each picture that is not None as `<name>.png`; a warning for each picture that failed.

    Other `formats`, and those in which the folder already has the picture, are drawn beside. The functions in `beside`
    run at the same time if there is a second processor.
    """
    try:
        import_module("nnlab.pictures")  # before the process is copied, or each copy would load it
    except Exception as error:  # noqa: BLE001 - no folder for temporary files, too many open files, no memory
        side_by_side(beside)
        return [f"no picture could be drawn: {told(error)}"]
    slow_first = sorted(pictures, key=lambda name: name not in _SLOW)
    drawing = [partial(_attempt, folder / f"{name}.png", pictures[name], formats) for name in slow_first]
    tasks: list[Callable[[], str | None]] = [*beside, *drawing]
    return [warning for warning in side_by_side(tasks) if warning]


def _attempt(path: Path, picture: Callable[[], Any], formats: Sequence[str]) -> str | None:
    """Draw one picture and return None, or a warning if it failed: a picture must not fail the run."""
    from nnlab import pictures as plots

    try:
        figure = picture()
        if figure is not None:
            there = [kind for kind in PICTURE_FORMATS if os.path.lexists(path.with_suffix(f".{kind}"))]
            plots.save(figure, path, [*formats, *there])
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - no fault of a picture may fail the run
        return f"the picture {path.name} could not be drawn: {told(error)}"
    return None
