"""scikit-learn's MLPClassifier. One-hot targets give it a sigmoid for each output, class numbers a softmax."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from workloads import Order, SkipError, Weights, Workload, rows

PACKAGES = ("scikit-learn", "numpy", "scipy")


class Classifier:
    """`fit` with a warm start, for as many epochs of as many rows as make the wanted steps."""

    def __init__(self, workload: Workload) -> None:
        if workload.seeds > 1:
            raise SkipError("MLPClassifier trains one seed at a time")
        self.workload, (self.x, y) = workload, rows(workload.source)
        self.y = y.argmax(axis=1) if workload.head == "softmax" else y.squeeze()
        self.per_epoch = Order(workload).per_epoch
        self.model = MLPClassifier(
            workload.sizes[1:-1], activation=workload.hidden.replace("sigmoid", "logistic"), solver=workload.rule,
            alpha=0.0, batch_size=workload.batch, learning_rate_init=workload.rate, shuffle=workload.shuffle,
            momentum=0.0, nesterovs_momentum=False, tol=0.0, n_iter_no_change=10**9, warm_start=True, random_state=1,
        )  # fmt: skip

    def run(self, steps: int) -> None:
        """Whole epochs of the first rows; the set has one batch for each step if it is larger than that."""
        per_epoch = min(steps, self.per_epoch)
        count = min(per_epoch * self.workload.batch, len(self.x))
        self.model.max_iter = steps // per_epoch
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(self.x[:count], self.y[:count])

    def weights(self) -> Weights:
        """Its coefficients."""
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))


FORMS = {"MLPClassifier": Classifier}
