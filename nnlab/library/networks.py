"""A trained network as a function of rows."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError
from nnlab.experiments.diagrams import of_model
from nnlab.experiments.evaluate import Opened, predict
from nnlab.experiments.predictions import Predicted
from nnlab.experiments.row_warnings import unseen_warnings
from nnlab.library import html
from nnlab.library.arrays import called, numbers
from nnlab.maths.decisions import keeps_decisions
from nnlab.maths.metrics import predictions
from nnlab.maths.one_hot import MOST_DENSE
from nnlab.storage.folder import RunFolder

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network of a run, with the weights of one of its checkpoints.

    Rows to predict are an array X (N, inputs) of raw inputs in the order of `inputs`, unscaled; the path of a file; or
    a table with named columns, such as a pandas DataFrame, which is read as the run's own table was.
    """

    opened: Opened
    folder: RunFolder

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order; a text column has one for each of its categories."""
        return self.opened.model.columns.input_names

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of what is predicted."""
        return self.opened.model.columns.targets

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their index; empty for a regression and for several labels."""
        return self.opened.model.columns.classes

    @cached_property
    def parameters(self) -> Mapping[str, Array]:
        """The tensors by name, such as `dense1/weights` (inputs, units) and `dense1/bias` (units,); read only."""
        model = self.opened.model
        return MappingProxyType(dict(_read_only(model.network.layout.views(model.theta))))

    def predict(self, X: Any) -> Array:
        """The decision for each row of X.

        Classes are (N,) names, or integers if all their names are whole numbers; several labels (N, labels) of 0 and 1;
        numbers (N,) for one target, (N, targets) for several, in the targets' units. A row with a blank that the
        network does not fill has no prediction: nan among numbers, -1 among integers, an empty text among names.
        """
        found, model = self._told(self._predicted(X)), self.opened.model
        decided = predictions(model.experiment.task, found.outputs)
        if self.classes:
            return _named(decided, self.classes)
        return decided[:, 0] if model.experiment.task == "regression" and decided.shape[1] == 1 else decided

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, classes), or of each label (N, labels).

        ConfigError for a regression, and for more than 1,000 classes, of which `predict` gives the decisions alone.
        """
        task = self.opened.model.experiment.task
        if task == "regression":
            raise ConfigError(
                "found a regression, expected classes or labels: numbers to predict have no probabilities"
            )
        if keeps_decisions(task, len(self.classes)):
            found = f"found {len(self.classes):,} classes, expected at most {MOST_DENSE:,}"
            raise ConfigError(f"{found}: of more, a network gives the class of each row, and not each probability")
        outputs = self._told(self._predicted(X)).outputs
        return np.concatenate([1 - outputs, outputs], axis=1) if task == "binary" else outputs

    def _told(self, found: Predicted) -> Predicted:
        """Warn, as `nnlab eval` does, of texts that training never saw."""
        for text in unseen_warnings(self.opened.model.columns, {"data": found}):
            warnings.warn(text, stacklevel=3)
        return found

    def _predicted(self, rows: Any) -> Predicted:
        if isinstance(rows, str | PathLike):
            return predict(self.opened, self.folder, str(rows))
        if hasattr(rows, "to_csv"):
            return self._of_table(rows)
        found = numbers(rows, "X")
        is_images = found.ndim > 2 and self.opened.model.columns.image is not None
        return predict(self.opened, self.folder, found.reshape(len(found), -1) if is_images else found)

    def _of_table(self, table: Any) -> Predicted:
        """Predictions for a table with named columns, read as a file is; faults name it X."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "X.csv"
            table.to_csv(path, index=False)
            with called(path, "X"):
                return predict(self.opened, self.folder, str(path))

    def __repr__(self) -> str:
        opened = self.opened
        return f"<nnlab network of {self.folder.path}, {opened.checkpoint}, step {opened.step}>"

    def _repr_html_(self) -> str:
        opened = self.opened
        told = f"{opened.model.network.layout.size:,} parameters, weights {opened.checkpoint} of step {opened.step:,}"
        shown = html.picture(of_model(opened.model, "svg", operations=False), "the network with its weights")
        return html.block(opened.experiment.name, html.sentences([told]), shown)


def _read_only(views: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """The tensors of the one network, which nobody can change."""
    for name, view in views.items():
        tensor = view[0]
        tensor.setflags(write=False)
        yield name, tensor


def _named(decided: Array, classes: tuple[str, ...]) -> Array:
    """The classes (N,) of class indices, of which -1 is none."""
    if all(name.isdecimal() for name in classes):
        return np.array([*map(int, classes), -1])[decided]
    return np.array([*classes, ""])[decided]
