"""Class weights: from the loss of an experiment to the numbers that the head multiplies with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.choices import ClassWeights
from nnlab.config.document import KeyPath
from nnlab.config.experiment import Finding, refusal
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Columns
from nnlab.data.prepare import Examples
from nnlab.errors import printable, suggestion
from nnlab.maths.losses import balanced

Array = NDArray[Any]

_PATH: KeyPath = ("network", "head", "loss", "class_weights")


def weight_findings(experiment: Experiment, columns: Columns) -> Iterator[Finding]:
    """Weights for unknown classes, or too few or too many weights."""
    weights, names = _asked(experiment), _names(columns)
    if isinstance(weights, dict):
        for name in weights:
            if name not in names:
                hint = suggestion(name, names) or f"; expected one of {', '.join(map(printable, names))}"
                yield (*_PATH, name), f"unknown key '{printable(name)}': no class is called so{hint}"
    elif isinstance(weights, list) and len(weights) != len(names):
        listed = ", ".join(map(printable, names[:5])) + (", …" if len(names) > 5 else "")
        yield _PATH, f"found {len(weights)} weights, expected one for each of the {len(names)} classes ({listed})"


def class_weights(experiment: Experiment, columns: Columns, training: Sequence[Examples]) -> Array | None:
    """The weights (R, 2, K) as `nnlab.maths.losses.weights` takes them; None if the experiment has none.

    `training` holds each replica's training part, from whose targets and weights of rows `balanced` is computed.
    ConfigError if one of them has no row of a class.
    """
    weights = _asked(experiment)
    if weights is None:
        return None
    if weights != "balanced":
        return _given(weights, experiment.task, _names(columns)).astype(experiment.precision)[np.newaxis]
    found = np.stack([balanced(part.y, experiment.task, part.weights) for part in training])
    if not np.isfinite(found).all():
        name = _names(columns)[_lacking(found, experiment.task)]
        message = f"found balanced, but the training part has rows of one kind alone as to class '{printable(name)}'"
        raise refusal(experiment, [(_PATH, f"{message}; expected weights as numbers")])
    return found.astype(experiment.precision)


def _asked(experiment: Experiment) -> ClassWeights | None:
    loss = experiment.network.head.loss
    return None if loss is None else loss.class_weights


def _names(columns: Columns) -> tuple[str, ...]:
    """The names that weights are for: classes, or labels if a row may have several."""
    return columns.classes or columns.targets


def _given(weights: dict[str, float] | list[float], task: str, names: Sequence[str]) -> Array:
    """Weights (2, K) as given; classes without a weight, and labels that a row does not have, count 1."""
    each = np.array([weights.get(name, 1.0) for name in names] if isinstance(weights, dict) else weights)
    if task == "binary":
        return each[:, np.newaxis]
    return np.stack([np.full(len(each), 0.0 if task == "multiclass" else 1.0), each])


def _lacking(found: Array, task: str) -> int:
    """The first class or label without a row, whose balanced weight is infinite."""
    _, value, output = np.argwhere(~np.isfinite(found))[0]
    return int(value if task == "binary" else output)
