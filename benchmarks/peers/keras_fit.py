"""Keras' `fit` on each of its back ends."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import partial

import numpy as np
from workloads import Order, SkipError, Weights, Workload, rows, start

PACKAGES = ("keras", "numpy")


class Sequential:
    """A Sequential of Dense layers; the head's activation is left to the loss."""

    def __init__(self, backend: str, workload: Workload) -> None:
        if workload.seeds > 1:
            raise SkipError("a Keras model holds one seed")
        os.environ |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._limit_threads(backend)
        import keras

        self.workload, self.order = workload, Order(workload)
        self.x, self.y = rows(workload.source)
        widths = workload.sizes[1:]
        layers = [keras.layers.Dense(units, activation=workload.hidden) for units in widths[:-1]]
        model = keras.Sequential([keras.Input(workload.sizes[:1]), *layers, keras.layers.Dense(widths[-1])])
        model.set_weights([array for pair in start(workload) for array in pair])
        rule = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[workload.rule]
        if workload.head == "sigmoid":
            # Keras averages over outputs as well; the workloads' loss adds them up.
            rate, loss = workload.rate * workload.sizes[-1], keras.losses.BinaryCrossentropy(from_logits=True)
        else:
            rate, loss = workload.rate, keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=rule(learning_rate=rate), loss=loss)
        self.model = model

    @staticmethod
    def _limit_threads(backend: str) -> None:
        threads = int(os.environ["OMP_NUM_THREADS"])
        library = importlib.import_module({"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}[backend])
        if backend == "tensorflow":
            library.config.threading.set_intra_op_parallelism_threads(threads)
            library.config.threading.set_inter_op_parallelism_threads(1)
        elif backend == "torch":
            library.set_num_threads(threads)

    def run(self, steps: int) -> None:
        """One epoch of as many rows as make the wanted steps; XOR's four rows are repeated."""
        repeats = -(-steps // self.order.per_epoch)
        count = min(steps * self.workload.batch, len(self.x) * repeats)
        x, y = self.x, self.y
        if repeats > 1:
            x, y = np.tile(x, (repeats, 1)), np.tile(y, (repeats, 1))
        self.model.fit(x[:count], y[:count], batch_size=self.workload.batch, shuffle=self.workload.shuffle, verbose=0)

    def weights(self) -> Weights:
        """Kernel and bias by turns."""
        arrays = self.model.get_weights()
        return list(zip(arrays[::2], arrays[1::2], strict=True))


FORMS: dict[str, Callable[[Workload], Sequential]] = {
    f"fit on {backend}": partial(Sequential, backend) for backend in ("tensorflow", "jax", "torch")
}
