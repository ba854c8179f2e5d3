"""Which pictures suit a run, and drawing them: one table, `PICTURES`, from file name to what it shows.

matplotlib is loaded when the first picture is drawn, not before: importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Task
from nnlab.errors import StorageError
from nnlab.maths.metrics import TRAINING_METRICS, confusion_matrix, predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]


@dataclass(frozen=True)
class Material:
    """What there is to draw of a run.

    `split` names the part that outputs and targets belong to: the one nearest to unseen rows. `x` are its raw inputs
    (N, inputs), `y` its targets and `outputs` the network's (N, K), both in the targets' own units; `predict` maps raw
    inputs to outputs. `curves` holds each figure at `steps`, (T,), nan where it was not measured.
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

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.columns.classes


def cost(material: Material) -> Figure | None:
    """Training and validation cost over the steps."""
    from nnlab.records import plots

    curves = {
        name: material.curves[name] for name in ("batch/loss", "train/loss", "val/loss") if name in material.curves
    }
    return plots.cost(
        material.steps,
        curves,
        epoch_steps=material.epoch_steps,
        best_step=material.best_step,
        loss_name=material.loss,
        title=material.title,
    )


def accuracy(material: Material) -> Figure | None:
    """The first quick figure of the task, such as accuracy, over the steps."""
    from nnlab.records import plots

    metric = next(iter(TRAINING_METRICS[material.task]))
    curves = {n: material.curves[n] for n in (f"train/{metric}", f"val/{metric}") if n in material.curves}
    if material.task == "regression" or not curves:
        return None
    return plots.accuracy(
        material.steps, curves, metric_name=metric, best_step=material.best_step, title=material.title
    )


def confusion(material: Material) -> Figure | None:
    """Which class is taken for which."""
    from nnlab.records import plots

    if not material.classes:
        return None
    matrix = confusion_matrix(material.outputs, material.y)
    right = float(TRAINING_METRICS[material.task]["accuracy"](material.outputs, material.y))
    return plots.confusion(matrix, material.classes, split=material.split, accuracy=right, title=material.title)


def misclassified(material: Material) -> Figure | None:
    """Images that the network gets wrong, the most confident mistakes first."""
    from nnlab.records import plots

    if not material.classes or material.image_shape is None:
        return None
    truth, predicted = _decisions(material)
    confidence = material.outputs.max(axis=1)
    wrong = np.flatnonzero(truth != predicted)
    first = wrong[np.argsort(-confidence[wrong], kind="stable")][:25]
    return plots.misclassified(
        material.x[first].reshape(-1, *material.image_shape),
        [material.classes[i] for i in truth[first]],
        [material.classes[i] for i in predicted[first]],
        confidence[first],
        total_wrong=len(wrong),
        total=len(truth),
        title=f"{material.title}, {material.split} part",
    )


def boundary(material: Material) -> Figure | None:
    """What the network decides everywhere in the plane of its two inputs, with all rows on top."""
    from nnlab.records import plots

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
    )


def truth_and_prediction(material: Material) -> Figure | None:
    """True classes beside predicted ones, for two inputs."""
    from nnlab.records import plots

    if not material.classes or material.x.shape[1] != 2:
        return None
    truth, predicted = _decisions(material)
    first, second = material.columns.input_names
    title = f"{material.title}, {material.split} part"
    names = (first, second)
    return plots.truth_and_prediction(
        np.asarray(material.x, float), truth, predicted, names=names, classes=material.classes, title=title
    )


def fit(material: Material) -> Figure | None:
    """A regression's curve over its one input, or predicted against true values."""
    from nnlab.records import plots

    if material.task != "regression":
        return None
    targets = material.columns.targets
    if material.all_x.shape[1] == 1 and len(targets) == 1:
        return _curve(material)
    return plots.fit(material.y, material.outputs, targets=targets, split=material.split, title=material.title)


def _curve(material: Material) -> Figure:
    from nnlab.records import plots

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


def _decisions(material: Material) -> tuple[Array, Array]:
    """True and predicted class indices, (N,)."""
    truth, predicted = predictions(material.task, material.y), predictions(material.task, material.outputs)
    return truth.reshape(len(truth)).astype(int), predicted.reshape(len(predicted)).astype(int)


PICTURES: dict[str, Callable[[Material], Any]] = {
    "cost": cost,
    "accuracy": accuracy,
    "confusion": confusion,
    "misclassified": misclassified,
    "boundary": boundary,
    "predictions": truth_and_prediction,
    "fit": fit,
}


def draw(material: Material, folder: Path) -> Iterator[str]:
    """Draw every picture that suits the run into `folder`; yield a warning for each that failed."""
    for name, picture in PICTURES.items():
        warning = _attempt(folder / f"{name}.png", partial(picture, material))
        if warning:
            yield warning


def _attempt(path: Path, picture: Callable[[], Any]) -> str | None:
    """Draw one picture; a picture that fails costs a warning, never the run."""
    from nnlab.records import plots

    try:
        figure = picture()
        if figure is not None:
            plots.save(figure, path)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is worth more than a picture
        return f"the picture {path.name} could not be drawn: {type(error).__name__}: {error}"
    return None
