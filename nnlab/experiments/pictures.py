"""Which pictures suit a run, and drawing them: one table, `PICTURES`, from file name to what it shows.

matplotlib is loaded when the first picture is drawn, not before: importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Task
from nnlab.errors import StorageError
from nnlab.experiments.side_by_side import side_by_side
from nnlab.maths.metrics import TRAINING_METRICS, confusion_matrix, predictions, report
from nnlab.report.parts import Drawing
from nnlab.training.health import Portrait

if TYPE_CHECKING:
    from nnlab.pictures import Figure

Array = NDArray[Any]


@dataclass(frozen=True)
class RunPlotData:
    """What there is to draw of a run.

    `split` names the part that outputs and targets belong to: the one nearest to unseen rows. `x` are its raw inputs
    (N, inputs), `y` its targets and `outputs` the network's (N, K), both in the targets' own units; `predict` maps raw
    inputs to outputs. `curves` holds each figure at `steps`, (T,), nan where it was not measured.

    `trained` (N of all rows,) is true where the network was trained on the row. `uses_best` tells that the weights of
    `best_step` are drawn, not those of the last step; `scaled_targets` that the loss is measured on scaled targets.

    `portraits` show the activation layers at work; `depths` numbers the dense layers from 1, and gives each activation
    layer the number of the one before it.
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
    split: str
    x: Array
    y: Array
    outputs: Array
    predict: Callable[[Array], Array]
    all_x: Array = field(default_factory=lambda: np.empty((0, 0)))
    all_y: Array = field(default_factory=lambda: np.empty((0, 0)))
    trained: Array = field(default_factory=lambda: np.empty(0, bool))
    uses_best: bool = True
    scaled_targets: bool = False
    portraits: Sequence[Portrait] = ()
    depths: Mapping[str, int] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.columns.classes

    @property
    def used_step(self) -> int | None:
        """The step whose weights are drawn, where it is not simply the last."""
        return self.best_step if self.uses_best else None

    @property
    def part_title(self) -> str:
        """The title of a picture that shows one part."""
        return f"{self.title}, {self.split} part"


def cost(material: RunPlotData) -> Figure | None:
    """Training and validation cost over the steps."""
    from nnlab import pictures as plots

    curves = {
        name: material.curves[name] for name in ("batch/loss", "train/loss", "val/loss") if name in material.curves
    }
    return plots.cost(
        material.steps,
        curves,
        epoch_steps=material.epoch_steps,
        best_step=material.used_step,
        loss_name=material.loss,
        title=material.title,
        scaled_targets=material.scaled_targets,
    )


def accuracy(material: RunPlotData) -> Figure | None:
    """Accuracy, or what comes nearest to it in the task, over the steps."""
    from nnlab import pictures as plots

    metric = next(iter(TRAINING_METRICS[material.task]))
    curves = {n: material.curves[n] for n in (f"train/{metric}", f"val/{metric}") if n in material.curves}
    if material.task == "regression" or not curves:
        return None
    return plots.accuracy(
        material.steps,
        curves,
        metric_name=metric,
        best_step=material.used_step,
        title=material.title,
        epoch_steps=material.epoch_steps,
    )


def confusion(material: RunPlotData) -> Figure | None:
    """Which class is taken for which."""
    from nnlab import pictures as plots

    if not material.classes:
        return None
    matrix = confusion_matrix(material.outputs, material.y)
    right = float(TRAINING_METRICS[material.task]["accuracy"](material.outputs, material.y))
    return plots.confusion(matrix, material.classes, split=material.split, accuracy=right, title=material.title)


def labels(material: RunPlotData) -> Figure | None:
    """How well each label is given, where a row may have several."""
    from nnlab import pictures as plots

    if material.task != "multilabel":
        return None
    names = material.columns.targets
    figures = report(material.task, material.outputs, material.y, target_names=names)
    rates = {
        rate: np.array([figures[f"{rate}/{name}"] for name in names], float) for rate in ("precision", "recall", "f1")
    }
    present = (material.y > 0.5).sum(axis=0)
    return plots.label_rates(
        rates, names, present=present, samples=len(material.y), split=material.split, title=material.title
    )


def misclassified(material: RunPlotData) -> Figure | None:
    """Images that the network gets wrong, the most confident mistakes first."""
    if material.image_shape is None or material.task == "regression":
        return None
    return _mislabelled(material) if material.task == "multilabel" else _taken_for_others(material)


def _taken_for_others(material: RunPlotData) -> Figure:
    """Images that are given the wrong class."""
    from nnlab import pictures as plots

    truth, predicted = _decisions(material)
    confidence = _confidence(material).max(axis=1)
    wrong, first = _surest(truth != predicted, confidence)
    names = [*material.classes, "undecided"]  # a decision is -1 where there is none
    return plots.misclassified(
        _images(material, first),
        [names[i] for i in truth[first]],
        [names[i] for i in predicted[first]],
        confidence[first],
        total_wrong=wrong,
        total=len(truth),
        title=material.part_title,
    )


def _mislabelled(material: RunPlotData) -> Figure:
    """Images that are given a wrong label, or miss one that they have."""
    from nnlab import pictures as plots

    given, has = predictions(material.task, material.outputs), predictions(material.task, material.y)
    confidence = _confidence(material)
    mistaken = given != has
    wrong, first = _surest(mistaken.any(axis=1), np.where(mistaken, confidence, -np.inf).max(axis=1))
    names = material.columns.targets
    return plots.mislabelled(
        _images(material, first),
        [
            [(names[k], bool(given[row, k] > 0), float(confidence[row, k])) for k in np.flatnonzero(mistaken[row])]
            for row in first
        ],
        total_wrong=wrong,
        total=len(has),
        title=material.part_title,
    )


def _confidence(material: RunPlotData) -> Array:
    """The probability of what each output says; nan where the outputs are no probabilities."""
    outputs = np.asarray(material.outputs, float)
    if np.nanmin(outputs, initial=0) < 0 or np.nanmax(outputs, initial=0) > 1:
        return np.full(outputs.shape, np.nan)
    return outputs if material.task == "multiclass" else np.maximum(outputs, 1 - outputs)


def _surest(wrong: Array, confidence: Array) -> tuple[int, Array]:
    """How many rows are wrong, and the first 25 of them, the most confident first."""
    rows = np.flatnonzero(wrong)
    return len(rows), rows[np.argsort(-confidence[rows], kind="stable")][:25]


def _images(material: RunPlotData, rows: Array) -> Array:
    assert material.image_shape is not None
    return material.x[rows].reshape(-1, *material.image_shape)


def boundary(material: RunPlotData) -> Figure | None:
    """What the network decides everywhere in the plane of its two inputs, with all rows on top."""
    from nnlab import pictures as plots

    if not material.classes or material.all_x.shape[1] != 2:
        return None
    first, second = material.columns.input_names
    task: Any = material.task
    return plots.boundary(
        material.predict,
        material.all_x,
        material.all_y,
        names=(first, second),
        classes=material.classes,
        task=task,
        title=material.title,
        trained=material.trained if len(material.trained) else None,
    )


def truth_and_prediction(material: RunPlotData) -> Figure | None:
    """True classes beside predicted ones, for two inputs."""
    from nnlab import pictures as plots

    if not material.classes or material.x.shape[1] != 2:
        return None
    truth, predicted = _decisions(material)
    first, second = material.columns.input_names
    names, title = (first, second), material.part_title
    return plots.truth_and_prediction(
        np.asarray(material.x, float), truth, predicted, names=names, classes=material.classes, title=title
    )


def fit(material: RunPlotData) -> Figure | None:
    """A regression's curve over its one input, or predicted against true values."""
    from nnlab import pictures as plots

    if material.task != "regression":
        return None
    targets = material.columns.targets
    if material.all_x.shape[1] == 1 and len(targets) == 1:
        return _curve(material)
    return plots.fit(material.y, material.outputs, targets=targets, split=material.split, title=material.title)


def _curve(material: RunPlotData) -> Figure:
    from nnlab import pictures as plots

    x = material.all_x[:, 0]
    grid = np.linspace(x.min(), x.max(), 400)
    return plots.fit_curve(
        x,
        material.all_y[:, 0],
        grid,
        material.predict(grid[:, None])[:, 0],
        input_name=material.columns.input_names[0],
        target_name=material.columns.targets[0],
        title=material.title,
        train_mask=material.trained if not material.trained.all() else None,
    )


def units(material: RunPlotData) -> Figure | None:
    """The activations and their slopes over the pre-activations that the network really has."""
    from nnlab import pictures as plots

    return plots.units(material.portraits, title=material.title) if material.portraits else None


def health(material: RunPlotData) -> Figure | None:
    """Dead and saturated units, activations, gradients and updates of each layer over the steps."""
    from nnlab import pictures as plots

    return plots.health(material.steps, material.curves, material.depths, title=material.title)


def gradients(material: RunPlotData) -> Figure | None:
    """The norm of the gradient over the depth of the network, at the start and at the end."""
    from nnlab import pictures as plots

    norms = {layer: material.curves.get(f"health/{layer}/gradient_norm") for layer in material.depths}
    found = {layer: curve for layer, curve in norms.items() if curve is not None}
    if not found:
        return None
    profiles = np.stack([*found.values()])  # (layers, T)
    measured = np.flatnonzero(np.isfinite(profiles).any(axis=0))[[0, -1]]
    at = {int(material.steps[index]): profiles[:, index] for index in measured}
    return plots.gradients(list(found), at, title=material.title)


def _decisions(material: RunPlotData) -> tuple[Array, Array]:
    """True and predicted class indices, (N,)."""
    truth, predicted = predictions(material.task, material.y), predictions(material.task, material.outputs)
    return truth.reshape(len(truth)).astype(int), predicted.reshape(len(predicted)).astype(int)


PICTURES: dict[str, Drawing[RunPlotData]] = {
    "cost": Drawing(cost, "Training and validation cost over the steps."),
    "accuracy": Drawing(accuracy, "Accuracy, or what comes nearest to it in the task, over the steps."),
    "confusion": Drawing(confusion, "Which class is taken for which."),
    "labels": Drawing(labels, "How well each label is given, where a row may have several."),
    "misclassified": Drawing(misclassified, "Images that the network gets wrong, the most confident mistakes first."),
    "boundary": Drawing(
        boundary,
        "What the network decides everywhere in the plane of its two inputs, with all rows on top.",
    ),
    "predictions": Drawing(truth_and_prediction, "True classes beside predicted ones, for two inputs."),
    "fit": Drawing(fit, "A regression's curve over its one input, or predicted against true values."),
    "units": Drawing(units, "The activations and their slopes over the pre-activations that the network really has."),
    "health": Drawing(
        health,
        "Dead and saturated units, activations, gradients and updates of each layer over the steps.",
    ),
    "gradients": Drawing(
        gradients,
        "The norm of the gradient over the depth of the network, at the start and at the end.",
    ),
}


def draw(material: RunPlotData, folder: Path) -> list[str]:
    """Draw every picture that suits the run into `folder`; a warning for each that failed."""
    return draw_all({name: partial(drawing.draw, material) for name, drawing in PICTURES.items()}, folder)


_SLOW = {"boundary", "boundaries", "film", "health", "units"}  # with many panels: two to five times as long as others


def draw_all(
    pictures: Mapping[str, Callable[[], Any]], folder: Path, beside: Sequence[Callable[[], None]] = ()
) -> list[str]:
    """Draw each picture, where there is one, as a PNG file of its name; a warning for each that failed.

    What is to be done `beside` them is done at the same time, where there is a second processor.
    """
    import_module("nnlab.pictures")  # here, lest each copy of the process load it
    slow_first = sorted(pictures, key=lambda name: name not in _SLOW)
    drawing = [partial(_attempt, folder / f"{name}.png", pictures[name]) for name in slow_first]
    tasks: list[Callable[[], str | None]] = [*beside, *drawing]
    return [warning for warning in side_by_side(tasks) if warning]


def _attempt(path: Path, picture: Callable[[], Any]) -> str | None:
    """Draw one picture, if there is one; a picture that fails costs a warning, never the run."""
    from nnlab import pictures as plots

    try:
        figure = picture()
        if figure is not None:
            plots.save(figure, path)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is worth more than a picture
        return f"the picture {path.name} could not be drawn: {type(error).__name__}: {error}"
    return None
