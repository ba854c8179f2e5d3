"""The layout of theta: which part of its last axis is which tensor of which layer.

    theta : (R, P)     R replicas, P parameters

A layout names each tensor, gives its shape, and says how strongly weight decay pulls on it. `views` cuts theta into
named arrays without copying; a view is good only as long as its theta is updated in place.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Penalties:
    """What holds weights back: L1 and L2 in the objective, decay in the update, a bound on each unit's norm."""

    l1: float = 0.0
    l2: float = 0.0
    max_norm: float = math.inf


NO_PENALTIES = Penalties()


@dataclass(frozen=True)
class ParameterSpec:
    """One named tensor of a network, such as `dense1/weights`.

    Only weights have `penalties` and are `decayed`; biases and learned activation parameters never are. The last axis
    of weights counts units, all others what comes into a unit. `fill` is where running statistics start, and
    `of_activation` marks the learned parameters of an activation.
    """

    name: str
    shape: tuple[int, ...]
    penalties: Penalties | None = None
    fill: float = 0.0
    of_activation: bool = False

    @property
    def size(self) -> int:
        """How many parameters it holds."""
        return math.prod(self.shape)


class Layout:
    """The tensors of a network, one after the other."""

    def __init__(self, specs: Sequence[ParameterSpec]) -> None:
        self.specs = tuple(specs)
        self._specs = {spec.name: spec for spec in specs}
        self._ends: list[int] = np.cumsum([spec.size for spec in specs], dtype=int).tolist()
        self.places = {spec.name: slice(end - spec.size, end) for spec, end in zip(specs, self._ends, strict=True)}
        self.size: int = self._ends[-1] if specs else 0

    def views(self, theta: Array) -> dict[str, Array]:
        """Each tensor of theta, (R, P), as an array (R, *shape) that shares theta's memory."""
        return {spec.name: theta[:, self.places[spec.name]].reshape(len(theta), *spec.shape) for spec in self.specs}

    def coefficients(self, penalty: str, dtype: Any) -> Array | None:
        """The coefficient of `l1` or `l2` of each parameter, (P,), or None where all are 0."""
        values = self._penalties(penalty)
        if not any(values):
            return None
        return np.repeat(np.array(values, dtype), [spec.size for spec in self.specs])

    def _penalties(self, penalty: str) -> list[float]:
        """One penalty's coefficient for each tensor."""
        return [getattr(spec.penalties or NO_PENALTIES, penalty) for spec in self.specs]

    def decayed(self, dtype: Any) -> Array:
        """1 for weights, which an optimizer's own decay may shrink, 0 for all else, (P,)."""
        values = [spec.penalties is not None for spec in self.specs]
        return np.repeat(np.array(values, dtype), [spec.size for spec in self.specs])

    def place_of(self, layer: str) -> slice:
        """The columns of all tensors of a layer, which follow each other."""
        return self._layers[layer]

    @cached_property
    def _layers(self) -> dict[str, slice]:
        """The columns of each layer by its name."""
        found: dict[str, slice] = {}
        for name, place in self.places.items():
            layer = name.partition("/")[0]
            found[layer] = slice(found.get(layer, place).start, place.stop)
        return found

    def fills(self, replicas: int, dtype: Any) -> Array:
        """The array that starts every tensor at its `fill`, (R, P)."""
        values = np.array([spec.fill for spec in self.specs], dtype)
        row = np.repeat(values, [spec.size for spec in self.specs])
        return np.repeat(row[None], replicas, axis=0)

    def label(self, column: int) -> str:
        """The name and index of a column of theta: `dense1/weights[3,1]`."""
        if not 0 <= column < self.size:
            raise IndexError(f"theta has {self.size} columns, not {column}")
        spec = self.specs[bisect_right(self._ends, column)]
        index = np.unravel_index(column - self.places[spec.name].start, spec.shape)
        return f"{spec.name}[{','.join(str(int(i)) for i in index)}]"

    def column(self, label: str) -> int | None:
        """The column of theta that a label such as `dense1/weights[3,1]` names, or None if there is none."""
        match = re.fullmatch(r"(.+)\[(\d+(?:,\d+)*)\]", label)
        spec = match and self._specs.get(match[1])
        if not match or not spec:
            return None
        index = tuple(int(part) for part in match[2].split(","))
        if len(index) != len(spec.shape) or any(i >= n for i, n in zip(index, spec.shape, strict=True)):
            return None
        return int(self.places[spec.name].start + np.ravel_multi_index(index, spec.shape))
