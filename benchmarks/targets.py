"""What is to be reached: one table, each line a ratio or a time and its bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from commands import MNIST_BYTES

Found = dict[str, Any]  # what `run.py` stores for one number of threads

OWN, EVALUATING = "own: fit", "own: fit and evaluate"
TORCH = ("pytorch: module", "pytorch: tensors by hand")
TORCH_IMAGES = ("pytorch: module", "pytorch: channels last")
ONE_SEED = "own: fit of one seed"
SKLEARN, SCAN, LIMIT = "scikit_learn: MLPClassifier", "jax_xla: scan", "limit: products"


@dataclass(frozen=True)
class Target:
    """`found(results)` against a bound: at most, or at least. KeyError where something was not measured."""

    group: str
    text: str
    found: Callable[[Found], float]
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "×"

    def met(self, value: float) -> bool:
        """Whether the value keeps within the bound."""
        return value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0.0)

    def bound(self) -> str:
        """The bound as text."""
        sign, value = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        return f"{sign} {value:g} {self.unit}"


def times(found: Found, workload: str, label: str) -> list[float]:
    """Microseconds a step of each round."""
    values: list[float] = found["workloads"][workload]["peers"][label]["microseconds"]
    return values


def ratio(found: Found, workload: str, above: str, below: str) -> float:
    """The median over the rounds of the ratio within each round."""
    pairs = zip(times(found, workload, above), times(found, workload, below), strict=True)
    return median(a / b for a, b in pairs)


def over_limit(workload: str) -> Callable[[Found], float]:
    """How many times the matrix products alone."""
    return lambda found: ratio(found, workload, OWN, LIMIT)


def faster_than(workload: str, *labels: str) -> Callable[[Found], float]:
    """How many times faster than the best of these that took part."""

    def least(found: Found) -> float:
        peers = found["workloads"][workload]["peers"]
        present = [label for label in labels if label in peers]
        if not present:
            raise KeyError(labels[0])
        return min(ratio(found, workload, label, OWN) for label in present)

    return least


def over_best(workload: str, *labels: str) -> Callable[[Found], float]:
    """How many times the time of the best of these that took part."""
    return lambda found: 1 / faster_than(workload, *labels)(found)


def buffers(workload: str) -> Callable[[Found], float]:
    """Megabytes of nnlab's buffers in a training step."""

    def megabytes(found: Found) -> float:
        workspace: int = found["workloads"][workload]["peers"][OWN]["workspace"]
        return workspace / 2**20

    return megabytes


def microseconds(workload: str, label: str = OWN) -> Callable[[Found], float]:
    """The median of a step."""
    return lambda found: median(times(found, workload, label))


def seconds(found: Found, group: str, name: str) -> float:
    """The median of a whole command."""
    return median(each["seconds"] for each in found["commands"][group]["commands"][name])


def commands(group: str, above: str, below: str) -> Callable[[Found], float]:
    """The ratio of two whole commands."""
    return lambda found: seconds(found, group, above) / seconds(found, group, below)


def _accuracy_gap(found: Found) -> float:
    """Points of accuracy that nnlab is behind PyTorch on MNIST's test images."""
    runs = found["commands"]["W7"]["commands"]
    own = median(each["result"]["final"]["test/accuracy"] for each in runs["nnlab train mnist"])
    return 100 * (median(each["result"]["test/accuracy"] for each in runs["script with PyTorch"]) - own)


def _reading(found: Found) -> float:
    result = found["commands"]["rows"]["commands"]["MNIST to arrays"][0]["result"]
    return median(a / b for a, b in zip(result["rows"], result["unpack"], strict=True))


def _memory(found: Found) -> float:
    return max(each["megabytes"] for each in found["commands"]["W7"]["commands"]["nnlab train mnist"])


def _exponent(study: str) -> Callable[[Found], float]:
    return lambda found: found["growth"][study]["exponent"]


MOST_MEGABYTES = round(1.5 * MNIST_BYTES / 2**20 + 150)
TARGETS: tuple[Target, ...] = (
    Target("W1", "over the matrix products alone", over_limit("W1"), at_most=1.20),
    Target("W1", "faster than PyTorch's eager module", faster_than("W1", TORCH[0]), at_least=3),
    Target("W1", "faster than scikit-learn", faster_than("W1", SKLEARN), at_least=2),
    Target("W1", "faster than JAX's compiled scan", faster_than("W1", SCAN), at_least=1),
    Target("W2", "over the matrix products alone", over_limit("W2"), at_most=1.35),
    Target("W2", "faster than the best PyTorch form", faster_than("W2", *TORCH), at_least=1.5),
    Target("W2", "faster than scikit-learn", faster_than("W2", SKLEARN), at_least=1.7),
    Target("W2", "over JAX's scan without compiling", lambda f: ratio(f, "W2", OWN, SCAN), at_most=1.10),
    Target("W3", "a step of one seed", microseconds("W3"), at_most=14, unit="µs"),
    Target("W3", "faster than the best PyTorch form", faster_than("W3", *TORCH), at_least=20),
    Target("W3", "faster than PyTorch's eager module", faster_than("W3", TORCH[0]), at_least=20),
    Target("W3", "faster than scikit-learn", faster_than("W3", SKLEARN), at_least=8),
    Target("W3", "a step of one seed, evaluating too", microseconds("W3", EVALUATING), at_most=14, unit="µs"),
    Target("W3", "a step of 100 seeds", microseconds("W3x100"), at_most=60, unit="µs"),
    Target("W3", "a step of 1,000 seeds", microseconds("W3x1000"), at_most=400, unit="µs"),
    Target("W3", "1,000 seeds over JAX's compiled scan", over_best("W3x1000", SCAN), at_most=1),
    Target("W3", "10,000 seeds over JAX's compiled scan", over_best("W3x10000", SCAN), at_most=0.6),
    Target("W4", "over the matrix products alone", over_limit("W4"), at_most=1.12),
    Target("W4", "over the best PyTorch form", over_best("W4", *TORCH), at_most=1.05),
    Target("W5", "whole command over import torch", commands("W5", "nnlab train xor", "import torch"), at_most=1),
    Target(
        "W6", "whole command over bare training and imports",
        commands("W6", "nnlab compare-activations", "bare training and imports"), at_most=1.5,
    ),
    Target(
        "W6", "whole command over JAX's", commands("W6", "nnlab compare-activations", "script with JAX"), at_most=0.6
    ),
    Target(
        "W6", "whole command with ten times the seeds",
        commands("W6", "nnlab compare-activations, ten times the seeds", "nnlab compare-activations"), at_most=3,
    ),
    Target(
        "W7", "faster than PyTorch, whole command", commands("W7", "script with PyTorch", "nnlab train mnist"),
        at_least=2,
    ),
    Target("W7", "accuracy behind PyTorch", _accuracy_gap, at_most=0.3, unit="points"),
    Target("W7", "peak memory", _memory, at_most=MOST_MEGABYTES, unit="MB"),
    Target("W8", "batch 4, over the best PyTorch form", over_best("W8b4", *TORCH_IMAGES), at_most=0.6),
    Target("W8", "batch 32, over the best PyTorch form", over_best("W8b32", *TORCH_IMAGES), at_most=0.7),
    Target("W8", "batch 128, over the best PyTorch form", over_best("W8b128", *TORCH_IMAGES), at_most=0.8),
    Target("W8", "4 seeds over one seed", lambda f: ratio(f, "W8x4", OWN, ONE_SEED), at_most=4.4),
    Target("W8", "buffers at batch 128", buffers("W8b128"), at_most=6, unit="MB"),
    Target("W9", "over PyTorch's eager module", over_best("W9", TORCH[0]), at_most=1.2),
    Target("W9", "buffers", buffers("W9"), at_most=180, unit="MB"),
    Target(
        "start", "nnlab --help over import typer, rich.console",
        commands("start", "nnlab --help", "import typer, rich.console"), at_most=1.5,
    ),
    Target(
        "start", "nnlab train --dry-run over import numpy, pydantic, yaml",
        commands("start", "nnlab train --dry-run", "import numpy, pydantic, yaml"), at_most=2,
    ),
    Target("rows", "MNIST to scaled arrays over unpacking alone", _reading, at_most=2),
    Target("growth", "time a step ∝ parametersⁿ, n", _exponent("parameters"), at_most=1.1, unit=""),
    Target("growth", "time a step ∝ batchⁿ, n", _exponent("batch"), at_most=1.1, unit=""),
    Target("growth", "time an epoch ∝ rowsⁿ, n", _exponent("rows"), at_most=1.1, unit=""),
    Target("growth", "time a step ∝ seedsⁿ, n", _exponent("seeds"), at_most=1.1, unit=""),
)  # fmt: skip
