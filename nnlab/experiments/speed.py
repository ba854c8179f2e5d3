"""How long an activation takes, measured on this machine beside relu."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from nnlab.maths.activations import ACTIVATIONS, AnyActivation, RowActivation
from nnlab.maths.parameters import resolved

ROWS, UNITS = 512, 128
_TURNS = 9


@dataclass(frozen=True)
class Speed:
    """Nanoseconds for each pre-activation in float32: the value alone, and with the gradient; relu's beside them.

    The least of nine turns, in which both functions are measured, on 512 rows of 128 standard normals, or of a few more
    where an activation of rows needs them.
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
        turns = np.array([[one() for one in work] for _ in range(_TURNS)])
    return Speed(*turns.min(axis=0).tolist())


def _work(entry: AnyActivation, chosen: Mapping[str, Any]) -> tuple[Callable[[], float], Callable[[], float]]:
    """Compute the value, and the value with the gradient by z, on buffers of their own: nanoseconds an element each."""
    width, outputs = _units(entry, chosen)
    z = np.random.default_rng(1).standard_normal((ROWS, width), np.float32)
    a, da, dz = np.empty((ROWS, outputs), z.dtype), np.ones((ROWS, outputs), z.dtype), np.empty_like(z)
    known = entry.forms(z.dtype)

    def forward() -> float:
        begin = perf_counter()
        known.value(z, a, **chosen)
        return (perf_counter() - begin) / z.size * 1e9

    def both() -> float:
        begin = perf_counter()
        known.value(z, a, **chosen)
        if isinstance(known, RowActivation):
            known.backward(z, a, da, dz, **chosen)
        else:
            known.slope(z, a, dz, **chosen)
            np.multiply(dz, da, out=dz)
        return (perf_counter() - begin) / z.size * 1e9

    return forward, both


def _units(entry: AnyActivation, chosen: Mapping[str, Any]) -> tuple[int, int]:
    """How many inputs a row has, and how many outputs the activation makes of them."""
    if not isinstance(entry, RowActivation):
        return UNITS, UNITS
    for width in itertools.count(UNITS):
        with contextlib.suppress(ValueError):  # such as maxout of 3 pieces of 128
            return width, entry.units(width, **chosen)
    raise AssertionError
