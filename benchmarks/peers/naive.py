"""The form of teaching notebooks: a column per sample, float64, fresh arrays at every step, the textbook's formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads import Array, Order, SkipError, Weights, Workload, rows, start

PACKAGES = ("numpy",)


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    """Down each column."""
    e = np.exp(z - np.max(z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


ACTIVATIONS: dict[str, Any] = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(0, z), lambda z: (z > 0).astype(float)),
}


class Notebook:
    """Parameters in a dictionary, `W1` (units, inputs), `b1` (units, 1) and so on."""

    def __init__(self, workload: Workload) -> None:
        if workload.seeds > 1:
            raise SkipError("the notebooks' form trains one seed at a time")
        self.workload, self.order, self.t = workload, Order(workload), 0
        x, y = rows(workload.source)
        self.x, self.y = x.T.astype(float), y.T.astype(float)
        self.depth = len(workload.sizes) - 1
        self.parameters: dict[str, Array] = {}
        for i, (W, b) in enumerate(start(workload), 1):
            self.parameters |= {f"W{i}": W.T.astype(float), f"b{i}": b[:, None].astype(float)}
        self.m = {name: np.zeros_like(value) for name, value in self.parameters.items()}
        self.v = {name: np.zeros_like(value) for name, value in self.parameters.items()}

    def run(self, steps: int) -> None:
        """Forward, cost, backward, update."""
        costs = []
        for batch in self.order.batches(steps):
            x, y = self.x[:, batch], self.y[:, batch]
            cache = self.forward(x)
            costs.append(self.cost(cache[f"A{self.depth}"], y))
            self.update(self.backward(cache, y))

    def forward(self, x: Array) -> dict[str, Array]:
        """Every Z and A."""
        cache = {"A0": x}
        for i in range(1, self.depth + 1):
            z = np.dot(self.parameters[f"W{i}"], cache[f"A{i - 1}"]) + self.parameters[f"b{i}"]
            cache[f"Z{i}"] = z
            if i < self.depth:
                cache[f"A{i}"] = ACTIVATIONS[self.workload.hidden][0](z)
            else:
                cache[f"A{i}"] = sigmoid(z) if self.workload.head == "sigmoid" else softmax(z)
        return cache

    def cost(self, a: Array, y: Array) -> float:
        """Mean over the samples."""
        if self.workload.head == "softmax":
            return float(-np.sum(y * np.log(a + 1e-12)) / y.shape[1])
        return float(-np.sum(y * np.log(a + 1e-12) + (1 - y) * np.log(1 - a + 1e-12)) / y.shape[1])

    def backward(self, cache: dict[str, Array], y: Array) -> dict[str, Array]:
        """DW and db of every layer."""
        m, gradients = y.shape[1], {}
        dz = cache[f"A{self.depth}"] - y
        for i in range(self.depth, 0, -1):
            gradients[f"W{i}"] = np.dot(dz, cache[f"A{i - 1}"].T) / m
            gradients[f"b{i}"] = np.sum(dz, axis=1, keepdims=True) / m
            if i > 1:
                da = np.dot(self.parameters[f"W{i}"].T, dz)
                dz = da * ACTIVATIONS[self.workload.hidden][1](cache[f"Z{i - 1}"])
        return gradients

    def update(self, gradients: dict[str, Array]) -> None:
        """Gradient descent, or Adam as in the paper."""
        rate = self.workload.rate
        self.t += 1
        for name, g in gradients.items():
            if self.workload.rule == "sgd":
                self.parameters[name] = self.parameters[name] - rate * g
                continue
            self.m[name] = 0.9 * self.m[name] + 0.1 * g
            self.v[name] = 0.999 * self.v[name] + 0.001 * g**2
            mean, square = self.m[name] / (1 - 0.9**self.t), self.v[name] / (1 - 0.999**self.t)
            self.parameters[name] = self.parameters[name] - rate * mean / (np.sqrt(square) + 1e-8)

    def weights(self) -> Weights:
        """As (inputs, units) and (units,)."""
        return [(self.parameters[f"W{i}"].T, self.parameters[f"b{i}"][:, 0]) for i in range(1, self.depth + 1)]


FORMS = {"naive NumPy": Notebook}
