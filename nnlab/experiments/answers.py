"""What a network says of new images: each file's class, labels or numbers, and a picture of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import sample_shape
from nnlab.data.splits import class_indices
from nnlab.errors import printable
from nnlab.experiments.pictures import confidence_of
from nnlab.maths.metrics import Task, predictions
from nnlab.setup.model import Model

if TYPE_CHECKING:
    from nnlab.pictures import Figure

Array = NDArray[Any]

MOST_DRAWN, _COLUMNS = 30, 6


@dataclass(frozen=True)
class Answer:
    """What a network says of one image, what is true where that is known, and how sure it is of a class."""

    file: str
    says: tuple[str, ...]
    truth: tuple[str, ...] | None = None
    confidence: float | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether the truth is known to be another."""
        return self.truth is not None and self.truth != self.says

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        truth = None if self.truth is None else list(self.truth)
        return {"file": written_name(self.file), "says": list(self.says), "confidence": self.confidence, "truth": truth}


def written_name(name: str) -> str:
    """The name of a file for CSV and JSON: the name itself, or where it is no UTF-8, percent-encoded behind `./`.

    No other name within a folder begins with `./`, and with the percent signs decoded it is a path to the file.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return f"./{quote_from_bytes(os.fsencode(name))}"
    return name


def answers_of(model: Model, names: tuple[str, ...], outputs: Array, targets: Array | None) -> tuple[Answer, ...]:
    """An answer for each named image, from outputs (N, K) and targets (N, K) where there are any."""
    task = model.experiment.task
    said = [*_words(model, predictions(task, outputs).reshape(len(outputs), -1))]
    truths: list[Any] = [None] * len(names)
    if targets is not None:
        truths = [*_words(model, class_indices(targets)[:, np.newaxis] if model.columns.classes else targets)]
    rows = zip(names, said, truths, _confidences(task, outputs), strict=True)
    return tuple(Answer(*row) for row in rows)


def _words(model: Model, decided: Array) -> Iterator[tuple[str, ...]]:
    """Decisions (N, 1 or labels) as the name of a class, those of the labels that are given, or numbers."""
    columns, task = model.columns, model.experiment.task
    for row in decided:
        if columns.classes:
            index = int(row[0]) if np.isfinite(row[0]) else -1
            yield (columns.classes[index] if index >= 0 else "undecided",)
        elif task == "multilabel":
            yield tuple(name for name, given in zip(columns.targets, row, strict=True) if given > 0)
        else:
            yield tuple(f"{name} {value:.6g}" for name, value in zip(columns.targets, row.tolist(), strict=True))


def _confidences(task: Task, outputs: Array) -> list[float | None]:
    """The probability of the class that is said; None where outputs are no probabilities, or there are many labels."""
    if task not in ("binary", "multiclass"):
        return [None] * len(outputs)
    sure = confidence_of(task, outputs).max(axis=1)
    return [float(one) for one in sure] if np.isfinite(sure).all() else [None] * len(outputs)


def drawn(model: Model, x: Any, answers: tuple[Answer, ...]) -> Figure:
    """The first images, raw rows x (N, units) plane by plane, each above what is said of it; mistakes come first."""
    from nnlab import pictures as plots  # noqa: PLC0415 - slow to import

    order = sorted(range(len(answers)), key=lambda row: not answers[row].is_wrong)[:MOST_DRAWN]
    shape: Any = sample_shape(model.network.inputs, model.image_shape)
    rows = np.stack([x[row : row + 1][0] for row in order])
    limits = (0.0, 255.0) if rows.dtype == np.uint8 else (float(rows.min()), float(rows.max()))
    return plots.answered(
        plots.as_pictures(rows, shape, limits),
        [printable(answers[row].file) for row in order],
        [answers[row].says for row in order],
        [answers[row].truth for row in order],
        [answers[row].confidence for row in order],
        columns=_COLUMNS,
        total=len(answers),
        title=model.experiment.name,
    )
