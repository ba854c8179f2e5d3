"""How long an activation takes, measured on this machine beside relu."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.activations import ACTIVATIONS, AnyActivation, RowActivation
from nnlab.maths.parameters import resolved

ROWS, UNITS = 512, 128
_TURNS = 9


@dataclass(frozen=True)
class Speed:
    """Nanoseconds for each pre-activation in float32: the value alone, and with the gradient; relu's beside them.

    The least of nine turns, in which both functions are measured, on 512 rows of 128 standard normals.
    """

    forward: float
    both: float
    relu_forward: float
    relu_both: float


def speed(entry: AnyActivation, chosen: Mapping[str, Any]) -> Speed:
    """Measure an activation with these values of its parameters."""
    relu = ACTIVATIONS["relu"]
    work = [*_work(entry, chosen), *_work(relu, resolved(relu, {}))]
    with np.errstate(all="ignore"):
        turns = np.array([[_seconds(one) for one in work] for _ in range(_TURNS)])
    return Speed(*(turns.min(axis=0) / (ROWS * UNITS) * 1e9).tolist())


def _seconds(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


def _work(entry: AnyActivation, chosen: Mapping[str, Any]) -> tuple[Callable[[], object], Callable[[], object]]:
    """The value, and the value with the gradient by z, on buffers of their own as in a network."""
    z = np.random.default_rng(1).standard_normal((ROWS, UNITS), np.float32)
    known = entry.forms(z.dtype)
    a: NDArray[Any] = np.empty(
        (ROWS, entry.units(UNITS, **chosen) if isinstance(entry, RowActivation) else UNITS), z.dtype
    )
    da, dz = np.ones_like(a), np.empty_like(z)

    def forward() -> None:
        known.value(z, a, **chosen)

    def both() -> None:
        known.value(z, a, **chosen)
        if isinstance(known, RowActivation):
            known.backward(z, a, da, dz, **chosen)
        else:
            known.slope(z, a, dz, **chosen)
            np.multiply(dz, da, out=dz)

    return forward, both
