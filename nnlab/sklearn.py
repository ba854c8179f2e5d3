"""Networks as estimators of scikit-learn, which is the extra `sklearn`.

    from nnlab.sklearn import NetworkClassifier
    NetworkClassifier(layers=(16,), activation="gelu").fit(X, y).predict(X)

The parameters are words of the experiment file. Nothing is written: an estimator is trained in memory, and leaves no
run folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.comparison.portable import blas_threads
from nnlab.config.document import of_values
from nnlab.config.experiment import validate
from nnlab.config.overrides import Setting, override_all
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Columns, Dataset, InputColumn, RowFacts, Task
from nnlab.data.targets import class_targets
from nnlab.errors import NnlabError
from nnlab.setup.model import Model
from nnlab.setup.rows import prepare_rows
from nnlab.setup.setup import set_up

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("nnlab.sklearn needs scikit-learn: pip install 'nnlab[sklearn]'") from error

Array = NDArray[Any]

_PARAMETERS = """
    `n_iter_` is the number of epochs trained, `model_` the network.

    Args:
        layers: widths of the hidden layers, or mappings such as `{"dropout": 0.2}`.
        activation: of the hidden layers; a name, or a mapping such as `{"formula": "x * sigmoid(x)"}`.
        init: initialiser of the weights; by default one that is fair to every activation.
        head: last activation and loss as a mapping; by default those of the task.
        optimizer: a name, or a mapping without the learning rate.
        learning_rate: above 0.
        scale: none, standard or minmax: how inputs are scaled by the training rows.
        epochs: how often training goes through all rows, at least 1.
        batch_size: rows of a step; fewer rows are one batch.
        shuffle: whether each epoch has its own order of rows.
        validation: share of the rows that early stopping watches.
        early_stopping: such as `{"monitor": "val/loss", "patience": 10}`.
        precision: float64 or float32.
        seed: of the initial weights, the order of rows and the validation part.
        set: further keys of the experiment file, such as `{"optimizer.momentum": 0.9}`.
"""


class _Network(BaseEstimator):  # type: ignore[misc]
    """What a classifier and a regressor have in common: parameters that are words of the experiment file."""

    def __init__(
        self,
        layers: Sequence[Any] = (32,),
        activation: str | Mapping[str, Any] = "relu",
        *,
        init: str | Mapping[str, Any] | None = None,
        head: Mapping[str, Any] | None = None,
        optimizer: str | Mapping[str, Any] = "adam",
        learning_rate: float = 0.01,
        scale: str = "none",
        epochs: int = 200,
        batch_size: int = 200,
        shuffle: bool = True,
        validation: float | None = None,
        early_stopping: Mapping[str, Any] | None = None,
        precision: str = "float64",
        seed: int = 0,
        set: Mapping[str, Any] | None = None,  # noqa: A002 - the option's name
    ) -> None:
        self.layers = layers
        self.activation = activation
        self.init = init
        self.head = head
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.scale = scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation = validation
        self.early_stopping = early_stopping
        self.precision = precision
        self.seed = seed
        self.set = set

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _train(self, x: Array, y: Array, task: Task, columns: Columns, weights: Array | None) -> None:
        """Train a network on inputs (N, inputs) and targets (N, outputs); ValueError for what nnlab refuses."""
        if weights is not None and (weights < 0).any():
            raise ValueError("found a negative sample_weight, expected weights of at least 0")
        if self.epochs < 1:
            raise ValueError(f"found epochs={self.epochs!r}, expected at least 1")
        try:
            experiment = self._experiment(task, len(x), weighted=weights is not None)
            with blas_threads(1):
                self.model_, self.n_iter_ = _trained(experiment, x, y, columns, weights)
        except NnlabError as error:
            raise ValueError(str(error)) from error

    def _experiment(self, task: Task, rows: int, *, weighted: bool) -> Experiment:
        optimizer = {"name": self.optimizer} if isinstance(self.optimizer, str) else dict(self.optimizer)
        network = {
            "layers": list(self.layers) if isinstance(self.layers, Sequence) else [self.layers],
            "activation": self.activation,
            "init": self.init,
            "head": self.head,
        }
        training = {"epochs": self.epochs, "batch_size": min(self.batch_size, rows), "shuffle": self.shuffle}
        weight = {"weight": "sample_weight"} if weighted else {}
        values: dict[str, Any] = {
            "name": type(self).__name__,
            "task": task,
            "seed": self.seed,
            "precision": self.precision,
            "data": {"source": "arrays", "scale": self.scale, "validation": self.validation, **weight},
            "network": {key: value for key, value in network.items() if value is not None},
            "optimizer": {**optimizer, "learning_rate": self.learning_rate},
            "training": {**training, "early_stopping": self.early_stopping},
        }
        more = [Setting(key, value, f"set {key}") for key, value in (self.set or {}).items()]
        return validate(override_all(of_values(values), more))

    def _outputs(self, x: ArrayLike) -> Array:
        """The outputs (N, K) for raw inputs."""
        check_is_fitted(self)
        checked = validate_data(self, x, reset=False, dtype=np.float64)
        with np.errstate(all="ignore"):
            return self.model_.every_output(checked).astype(np.float64)

    def _columns(self, inputs: int, targets: tuple[str, ...], classes: tuple[str, ...] = ()) -> Columns:
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(inputs)])
        return Columns(tuple(InputColumn(str(name)) for name in names), targets, classes)


class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network that tells classes apart; its parameters are words of the experiment file."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on X (N, inputs) and the class of each row (N,), with weights of the rows (N,) if some count more."""
        checked, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        labels = column_or_1d(labels, warn=True)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, checked)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"found 1 class, {self.classes_[0]!r}, expected at least 2")
        task: Task = "binary" if len(self.classes_) == 2 else "multiclass"
        names = tuple(str(i) for i in range(len(self.classes_)))
        columns = self._columns(checked.shape[1], ("y",), names)
        self._train(checked, class_targets(codes, len(names), task), task, columns, weights)
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class (N, classes), in the order of `classes_`."""
        outputs = self._outputs(X)
        return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs

    def predict(self, X: ArrayLike) -> Array:
        """The class (N,) of each row."""
        winners = self.predict_proba(X).argmax(axis=1)
        decided: Array = self.classes_[winners]
        return decided


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A network that predicts numbers; its parameters are words of the experiment file."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on X (N, inputs) and numbers (N,) or (N, targets), with weights of the rows (N,) if some count more."""
        checked, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, checked)
        self._is_flat = targets.ndim == 1
        targets = targets.astype(np.float64).reshape(len(targets), -1)
        columns = self._columns(checked.shape[1], tuple(f"y{i}" for i in range(targets.shape[1])))
        self._train(checked, targets, "regression", columns, weights)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The numbers (N,), or (N, targets) where training had several columns."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_flat else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


for _kind in (NetworkClassifier, NetworkRegressor):
    _kind.__doc__ = f"{_kind.__doc__}\n{_PARAMETERS}"


def _trained(experiment: Experiment, x: Array, y: Array, columns: Columns, weights: Array | None) -> tuple[Model, int]:
    """The network of an experiment, trained in memory, and the epochs begun; NnlabError if it diverges."""
    facts = RowFacts(weights=weights)
    dataset = Dataset(experiment.name, experiment.task, x, y, columns, rows=facts)
    setup = set_up(experiment, prepare_rows(experiment, dataset, [experiment.seed]))
    state = setup.start()
    for _record in setup.fit(state):
        pass
    if state.diverged.any():
        raise NnlabError(f"the training diverged at step {state.step}; a lower learning rate may help")
    chosen = setup.chosen(state)
    return setup.model(chosen.theta, chosen.statistics), math.ceil(state.step / setup.epoch_steps)
