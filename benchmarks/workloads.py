"""The workloads: one table, the rows they train on, and the weights they start from. Needs NumPy alone."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Weights = list[tuple[Array, Array]]  # W (inputs, units) and b (units,) of each layer; a leading seeds axis if seeds > 1

DATA = Path(__file__).resolve().parents[1] / "data"


@dataclass(frozen=True)
class Workload:
    """A network, its batches and its rule. `turn` is how many steps a peer takes when it is its turn."""

    name: str
    title: str
    source: str  # mnist | xor
    sizes: tuple[int, ...]
    hidden: str  # activation of the hidden layers
    head: str  # sigmoid (with binary cross-entropy for each output) | softmax (with cross-entropy)
    batch: int
    rule: str  # sgd | adam
    rate: float
    duration: str  # of the experiment, as in its file: decides how often nnlab logs
    turn: int
    quick_turn: int
    seeds: int = 1
    shuffle: bool = False  # anew for each epoch, or as the file has them


class Runner(Protocol):
    """A training that goes on for as many steps as it is told."""

    def run(self, steps: int) -> None:
        """Train for `steps` more steps, and return when they are done."""

    def weights(self) -> Weights | None:
        """What was learned so far; None where nothing learns."""


class SkipError(Exception):
    """Why a peer does not take part in a workload."""


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload(
            "W1", "notebook digits: 784-50-10 sigmoid, sigmoid + BCE, batch 64 in file order, SGD",
            "mnist", (784, 50, 10), "sigmoid", "sigmoid", 64, "sgd", 0.1, "steps: 5000", 938, 938,
        ),
        Workload(
            "W2", "modern digits: 784-128-64-10 relu, softmax + CE, batch 128 shuffled, Adam",
            "mnist", (784, 128, 64, 10), "relu", "softmax", 128, "adam", 0.001, "epochs: 5", 469, 469, shuffle=True,
        ),
        Workload(
            "W3", "XOR: 2-2-1 tanh, sigmoid + BCE, full batch of 4, SGD",
            "xor", (2, 2, 1), "tanh", "sigmoid", 4, "sgd", 1.0, "steps: 1000", 1000, 500,
        ),
        Workload(
            "W3x100", "XOR, 100 seeds at once",
            "xor", (2, 2, 1), "tanh", "sigmoid", 4, "sgd", 1.0, "steps: 1000", 1000, 200, 100,
        ),
        Workload(
            "W3x1000", "XOR, 1,000 seeds at once",
            "xor", (2, 2, 1), "tanh", "sigmoid", 4, "sgd", 1.0, "steps: 1000", 500, 100, 1000,
        ),
        Workload(
            "W4", "wide: 784-1024-1024-10 relu, softmax + CE, batch 256 shuffled, SGD",
            "mnist", (784, 1024, 1024, 10), "relu", "softmax", 256, "sgd", 0.1, "epochs: 1", 118, 40, shuffle=True,
        ),
    )
}  # fmt: skip


@cache
def rows(source: str) -> tuple[Array, Array]:
    """All training rows: x (N, inputs) scaled, y (N, outputs) of 0 and 1, both float32."""
    if source == "xor":
        x = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
        return x, np.array([[0], [1], [1], [0]], np.float32)
    images, labels = _idx("train-images-idx3-ubyte.gz", 16), _idx("train-labels-idx1-ubyte.gz", 8)
    return (images.reshape(len(labels), -1) / np.float32(255)), np.eye(10, dtype=np.float32)[labels]


def _idx(name: str, header: int) -> Array:
    return np.frombuffer(gzip.decompress((DATA / "mnist" / name).read_bytes()), np.uint8, offset=header)


def start(workload: Workload) -> Weights:
    """Where every peer but nnlab and scikit-learn starts: Glorot's uniform weights, biases of 0, in float32."""
    random = np.random.default_rng(1)
    lead = (workload.seeds,) if workload.seeds > 1 else ()
    found = []
    for inputs, units in zip(workload.sizes, workload.sizes[1:], strict=False):
        limit = np.sqrt(6 / (inputs + units))
        weights = random.uniform(-limit, limit, (*lead, inputs, units)).astype(np.float32)
        found.append((weights, np.zeros((*lead, units), np.float32)))
    return found


def loss(workload: Workload, weights: Weights) -> float:
    """The mean loss of the first 2,000 training rows, in float64: that all have trained the same thing."""
    x, y = (part[:2000].astype(np.float64) for part in rows(workload.source))
    *hidden, (W_last, b_last) = weights
    for W, b in hidden:
        x = _HIDDEN[workload.hidden](x @ W + b[..., None, :])
    z = x @ W_last + b_last[..., None, :]
    if workload.head == "sigmoid":
        return float((np.logaddexp(0, z) - y * z).sum(axis=-1).mean())
    largest = z.max(axis=-1, keepdims=True)
    log_sum = largest + np.log(np.exp(z - largest).sum(axis=-1, keepdims=True))
    return float((log_sum - (y * z).sum(axis=-1, keepdims=True)).mean())


_HIDDEN = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
}


class Order:
    """Which rows each step takes: in file order from the beginning each epoch, or shuffled anew each epoch.

    The last batch of an epoch is short where the rows do not divide evenly.
    """

    def __init__(self, workload: Workload) -> None:
        self.rows = len(rows(workload.source)[0])
        self.batch, self.shuffle = workload.batch, workload.shuffle
        self.per_epoch = -(-self.rows // self.batch)
        self.random, self.epoch = np.random.default_rng(2), -1
        self.step = 0

    def slices(self, steps: int) -> list[slice]:
        """The next `steps` batches as slices of the epoch."""
        places = [(self.step + i) % self.per_epoch for i in range(steps)]
        self.step += steps
        return [slice(place * self.batch, min((place + 1) * self.batch, self.rows)) for place in places]

    def batches(self, steps: int) -> list[slice | Array]:
        """The next `steps` batches as something to index rows with."""
        begin = self.step
        parts = self.slices(steps)
        if not self.shuffle:
            return list(parts)
        found = []
        for step, part in enumerate(parts, begin):
            if step // self.per_epoch != self.epoch:
                self.epoch, self.order = step // self.per_epoch, self.random.permutation(self.rows)
            found.append(self.order[part])
        return found
