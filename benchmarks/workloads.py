"""The workloads: one table, the rows they train on, and the weights they start from. Needs NumPy alone."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
# W (inputs, units) and b (units,) of each layer; a leading seeds axis if seeds > 1. The units of a convolution are its
# filters, their inputs the kernel channel by channel, each row by row.
Weights = list[tuple[Array, Array]]

DATA = Path(__file__).resolve().parents[1] / "data"


@dataclass(frozen=True)
class Convolutions:
    """The layers before the dense ones: for each number of filters a convolution without padding, relu, max pooling.

    An image is (channels, rows, columns); it is pooled by 2.
    """

    image: tuple[int, int, int]
    filters: tuple[int, ...]
    kernel: int
    pools_first: bool = False  # convolution, pooling, relu; or convolution, relu, pooling
    dropout: float = 0.0  # before the first dense layer

    @property
    def widths(self) -> list[tuple[int, int]]:
        """The inputs of a unit and the filters, for each convolution."""
        channels = (self.image[0], *self.filters)
        return [(before * self.kernel**2, after) for before, after in zip(channels, self.filters, strict=False)]

    @property
    def outputs(self) -> list[tuple[int, int]]:
        """The rows and columns of each convolution's outputs, before pooling."""
        rows, columns = self.image[1:]
        found = []
        for _ in self.filters:
            found.append((rows - self.kernel + 1, columns - self.kernel + 1))
            rows, columns = (size // 2 for size in found[-1])
        return found


@dataclass(frozen=True)
class Workload:
    """A network, its batches and its rule. `turn` is how many steps a peer takes when it is its turn."""

    name: str
    title: str
    source: str  # mnist | xor | an entry of IMAGES
    sizes: tuple[int, ...]  # of the dense layers, their inputs first
    hidden: str  # activation of the hidden dense layers
    head: str  # sigmoid (with binary cross-entropy for each output) | softmax (with cross-entropy)
    batch: int
    rule: str  # sgd | adam
    rate: float
    duration: str  # of the experiment, as in its file: decides how often nnlab logs
    turn: int
    quick_turn: int
    seeds: int = 1
    shuffle: bool = False  # anew for each epoch, or as the file has them
    momentum: float = 0.0
    convolutions: Convolutions | None = None

    @property
    def group(self) -> str:
        """The workload that this is a size of: W3 of W3x100."""
        return re.match(r"W\d+", self.name)[0]  # type: ignore[index]

    @property
    def widths(self) -> list[tuple[int, int]]:
        """The inputs of a unit and the units, for each layer."""
        dense = list(zip(self.sizes, self.sizes[1:], strict=False))
        return [*self.convolutions.widths, *dense] if self.convolutions else dense


class Runner(Protocol):
    """A training that goes on for as many steps as it is told."""

    def run(self, steps: int) -> None:
        """Train for `steps` more steps, and return when they are done."""

    def weights(self) -> Weights | None:
        """What was learned so far; None where nothing learns."""


class SkipError(Exception):
    """Why a peer does not take part in a workload."""


LENET = Convolutions((3, 32, 32), (6, 16), 5)
FACES = Convolutions((3, 64, 64), (64, 128, 256, 512), 3, pools_first=True, dropout=0.2)


def _lenet(name: str, title: str, batch: int, steps: int, turn: int, quick_turn: int, seeds: int = 1) -> Workload:
    """The network of W8 with batches of a size; a turn is a multiple of the hundredth step that is logged."""
    return Workload(
        name, title, "pictures", (400, 120, 84, 10), "relu", "softmax", batch, "sgd", 0.001, f"steps: {steps}",
        turn, quick_turn, seeds, shuffle=True, momentum=0.9, convolutions=LENET,
    )  # fmt: skip


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
            "W3x10000", "XOR, 10,000 seeds at once",
            "xor", (2, 2, 1), "tanh", "sigmoid", 4, "sgd", 1.0, "steps: 1000", 100, 20, 10000,
        ),
        Workload(
            "W4", "wide: 784-1024-1024-10 relu, softmax + CE, batch 256 shuffled, SGD",
            "mnist", (784, 1024, 1024, 10), "relu", "softmax", 256, "sgd", 0.1, "epochs: 1", 118, 40, shuffle=True,
        ),
        _lenet(
            "W8b4", "LeNet, 32×32×3: conv 6, 16 @5×5, relu, pool 2, 120-84-10 relu, softmax + CE, batch 4, momentum",
            4, 20000, 800, 200,
        ),
        _lenet("W8b32", "LeNet, batch 32", 32, 4000, 200, 40),
        _lenet("W8b128", "LeNet, batch 128", 128, 1000, 40, 10),
        _lenet("W8x4", "LeNet, batch 32, 4 seeds at once", 32, 1000, 40, 10, 4),
        Workload(
            "W9", "faces, 64×64×3: conv 64, 128, 256, 512 @3×3, pool 2, relu, dropout, 1024-256-40, sigmoid + BCE",
            "faces", (2048, 1024, 256, 40), "identity", "sigmoid", 16, "sgd", 0.001, "steps: 200", 4, 2,
            shuffle=True, convolutions=FACES,
        ),
    )
}  # fmt: skip


@cache
def rows(source: str) -> tuple[Array, Array]:
    """All training rows: x (N, inputs) scaled, y (N, outputs) of 0 and 1, both float32."""
    if source == "xor":
        x = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
        return x, np.array([[0], [1], [1], [0]], np.float32)
    if source in IMAGES:
        x, y = IMAGES[source]()
        return x / np.float32(127.5) - 1, y
    images, labels = _idx("train-images-idx3-ubyte.gz", 16), _idx("train-labels-idx1-ubyte.gz", 8)
    return (images.reshape(len(labels), -1) / np.float32(255)), np.eye(10, dtype=np.float32)[labels]


def _idx(name: str, header: int) -> Array:
    return np.frombuffer(gzip.decompress((DATA / "mnist" / name).read_bytes()), np.uint8, offset=header)


def _drawn_images(convolutions: Convolutions, y: Array) -> Array:
    """Noise and the mean of the patterns of an image's labels, (N, channels · rows · columns) from 0 to 254."""
    random, inputs = np.random.default_rng(3), int(np.prod(convolutions.image))
    patterns = random.integers(0, 128, (y.shape[1], inputs)).astype(np.float32)
    shown = y @ patterns / np.maximum(y.sum(axis=1, keepdims=True), 1)
    return shown.astype(np.uint8) + random.integers(0, 128, (len(y), inputs), np.uint8)


@cache
def _pictures() -> tuple[Array, Array]:
    """One label among ten."""
    y = np.eye(10, dtype=np.float32)[np.random.default_rng(4).integers(0, 10, 2048)]
    return _drawn_images(LENET, y), y


@cache
def _faces() -> tuple[Array, Array]:
    """Forty labels at once."""
    y = np.random.default_rng(5).integers(0, 2, (256, 40)).astype(np.float32)
    return _drawn_images(FACES, y), y


# Images as uint8, drawn by a seed, and their labels of 0 and 1. All batches divide their number.
IMAGES: dict[str, Callable[[], tuple[Array, Array]]] = {"pictures": _pictures, "faces": _faces}


def start(workload: Workload) -> Weights:
    """Where every peer but nnlab and scikit-learn starts: Glorot's uniform weights, biases of 0, in float32."""
    random = np.random.default_rng(1)
    lead = (workload.seeds,) if workload.seeds > 1 else ()
    found = []
    for inputs, units in workload.widths:
        limit = np.sqrt(6 / (inputs + units))
        weights = random.uniform(-limit, limit, (*lead, inputs, units)).astype(np.float32)
        found.append((weights, np.zeros((*lead, units), np.float32)))
    return found


def loss(workload: Workload, weights: Weights) -> float:
    """The mean loss of the first 2,000 training rows, in float64: that all have trained the same thing."""
    if workload.convolutions and weights[0][1].ndim == 2:  # a form may train one seed of several
        seeds = range(len(weights[0][1]))
        return float(np.mean([loss(workload, [(W[seed], b[seed]) for W, b in weights]) for seed in seeds]))
    x, y = (part[:2000].astype(np.float64) for part in rows(workload.source))
    if workload.convolutions:
        count = len(workload.convolutions.filters)
        x, weights = _convolved(workload.convolutions, x, weights[:count]), weights[count:]
    *hidden, (W_last, b_last) = weights
    for W, b in hidden:
        x = _HIDDEN[workload.hidden](x @ W + b[..., None, :])
    z = x @ W_last + b_last[..., None, :]
    if workload.head == "sigmoid":
        return float((np.logaddexp(0, z) - y * z).sum(axis=-1).mean())
    largest = z.max(axis=-1, keepdims=True)
    log_sum = largest + np.log(np.exp(z - largest).sum(axis=-1, keepdims=True))
    return float((log_sum - (y * z).sum(axis=-1, keepdims=True)).mean())


def _convolved(convolutions: Convolutions, x: Array, weights: Weights) -> Array:
    """What the dense layers are given, without dropout; a few images at a time, since windows take much memory."""
    parts = np.split(x, range(16, len(x), 16))
    return np.concatenate([_stages(convolutions, part.reshape(-1, *convolutions.image), weights) for part in parts])


def _stages(convolutions: Convolutions, x: Array, weights: Weights) -> Array:
    kernel = (convolutions.kernel,) * 2
    for W, b in weights:
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))  # (m, channels, rows, columns, k, k)
        y = np.tensordot(windows, W.reshape(x.shape[1], *kernel, -1), ((1, 4, 5), (0, 1, 2))) + b
        m, rows_, columns, filters = y.shape
        pooled = y[:, : rows_ // 2 * 2, : columns // 2 * 2].reshape(m, rows_ // 2, 2, columns // 2, 2, filters)
        x = np.maximum(pooled.max(axis=(2, 4)), 0).transpose(0, 3, 1, 2)
    return x.reshape(len(x), -1)


_HIDDEN = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
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
