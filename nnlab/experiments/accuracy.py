"""How many units in the last place an activation is off in float64: recorded figures, or measured for a formula.

What is built in was measured against the mathematics in 50 digits (`benchmarks/record_accuracy.py`). A formula is
computed once more in the wider floats of the processor, where it has such.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.bound_activation import Array, BoundActivation
from nnlab.maths.expressions import Formula
from nnlab.maths.parameters import resolved

_FILE = Path(__file__).with_name("accuracy.json")
_REACH, _POINTS = 20.0, 2000


@dataclass(frozen=True)
class Accuracy:
    """The worst errors of value and slope in units of the last place, and where they were looked for.

    `within` is the largest |x|, None for any. `about` is the absolute error that counts as none near a root.
    `recorded` tells figures of the table from those measured now, for which `value_at` and `slope_at` say where.
    """

    value: float
    slope: float
    within: float | None
    about: float = 0.0
    recorded: bool = True
    value_at: float | None = None
    slope_at: float | None = None


def accuracy(f: BoundActivation) -> Accuracy | None:
    """The accuracy of an activation; None where nothing exact is there to compare with."""
    if ACTIVATIONS.get(f.entry.name) is f.entry and f.chosen == resolved(f.entry, {}):
        recorded = _recorded().get(f.entry.name)
        return None if recorded is None else Accuracy(**recorded)
    return _measured(f) if isinstance(getattr(f.entry.value, "__self__", None), Formula) else None


@cache
def _recorded() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def _measured(f: BoundActivation) -> Accuracy | None:
    """Against the same formula in 64 digits instead of 53, which is exact unless it loses over a thousand ULP."""
    if np.finfo(np.longdouble).nmant < np.finfo(np.float64).nmant + 8:
        return None
    x = np.random.default_rng(20261129).uniform(-_REACH, _REACH, _POINTS)
    try:
        exact = f.both(x.astype(np.longdouble))
    except TypeError:  # a function that has no wider form, such as erf
        return None
    (value, value_at), (slope, slope_at) = (
        _worst(x, found, known) for found, known in zip(f.both(x), exact, strict=True)
    )
    return Accuracy(value, slope, _REACH, recorded=False, value_at=value_at, slope_at=slope_at)


def _worst(x: Array, found: Array, exact: Array) -> tuple[float, float]:
    """The largest error in units of the last place, and where."""
    with np.errstate(all="ignore"):
        errors = np.abs(found - exact) / np.spacing(np.abs(exact.astype(np.float64)))
    errors = np.where(np.isfinite(errors), errors, 0.0)
    worst = int(np.argmax(errors))
    return float(errors[worst]), float(x[worst])
