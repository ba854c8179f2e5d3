"""Values that differ in a file and fall together in float32: of 1.7e9 + x with x from 0 to 100 two values are left.

Scaling is computed in float64 and rounded once, so that `standard` keeps such values apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.data.files import counted, quoted
from nnlab.data.scaling import Inputs, Scaling
from nnlab.data.splits import Rows

Array = NDArray[Any]

_COARSE = 1e-3  # a rounding, in standard deviations, that loses what is to be learned
_NOISE = 2.0**-46  # a difference, as a share of the two values, that may be rounding in float64
_MOST, _FEWEST = 2**21, 200  # values that are looked at, and rows that are in any case


@dataclass(frozen=True)
class Rounded:
    """A column that float32 rounds too far: `rows` have so many different values `before` it, and so many `after`.

    `step` is the distance of neighbouring numbers there, `deviation` that of the column, both as scaled.
    """

    column: int
    step: float
    deviation: float
    rows: int
    before: int
    after: int

    @property
    def fall(self) -> str:
        """The values that fall together, in words."""
        return f"{self.before:,} different values in {self.rows:,} rows become {self.after:,}"


def rounded_columns(x: Inputs, rows: Rows, scaling: Scaling, dtype: DTypeLike) -> list[Rounded]:
    """The columns of x (N, columns) whose scaled values, in some or all of `rows`, fall together in float32.

    Half of the different values are lost, or the steps are coarse beside the column's deviation; differences that may
    be rounding errors themselves count for nothing. Bytes, and the precision float64, lose nothing.
    """
    if np.dtype(dtype) != np.float32 or x.dtype == np.uint8 or not len(rows) or not x.shape[1]:
        return []
    some = rows[:: -(-len(rows) // max(_FEWEST, _MOST // x.shape[1]))]
    values = np.sort(np.concatenate([block for _, block in scaling.blocks(x, some)]), axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        size, deviation = np.abs(values[[0, -1]]).max(axis=0), values.std(axis=0)
        step = np.spacing(size.astype(np.float32))
        differ = np.diff(values, axis=0) > _NOISE * np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
        remain = differ & (np.diff(values.astype(np.float32), axis=0) > 0)
        before, after = 1 + differ.sum(axis=0), 1 + remain.sum(axis=0)
        is_lost = (after < before) & ((2 * after <= before) | (step > _COARSE * deviation))
    return [
        Rounded(i, float(step[i]), float(deviation[i]), len(values), int(before[i]), int(after[i]))
        for i in np.flatnonzero(is_lost).tolist()
    ]


def rounded_inputs(found: Sequence[Rounded], names: Sequence[str], scaling: Scaling | None) -> Iterator[str]:
    """A sentence on all inputs that are rounded too far; `scaling` is that of the training, None for new rows."""
    if not found:
        return
    listed = ", ".join(quoted(names[one.column]) for one in found[:3]) + (", …" if len(found) > 3 else "")
    verb = "is" if len(found) == 1 else "are"
    what = f"{len(found)} of {counted(len(names), 'input')} ({listed}) {verb} rounded in float32"
    yield f"{what}: {found[0].fall} of {quoted(names[found[0].column])}: {_cure(scaling)}"


def _cure(scaling: Scaling | None) -> str:
    if scaling is None:
        return "a network trained with precision: float64 keeps them apart"
    if scaling.name in ("none", "range"):
        return "data.scale: standard, or precision: float64, keeps them apart"
    return "precision: float64 keeps them apart"


def rounded_target(one: Rounded, name: str, *, scaled: bool, may_be_scaled: bool) -> str:
    """A sentence on a target that is rounded too far; one that is `scaled` has a few values far from all others."""
    cure = ", and data.scale_targets: true, keep them" if may_be_scaled and not scaled else " keeps them"
    return f"{_rounded_target(one, name, scaled=scaled)}: precision: float64{cure}"


def rounded_new_target(one: Rounded, name: str, *, scaled: bool) -> str:
    """The same of a target of new rows, which a network is given as it was trained to be."""
    return f"{_rounded_target(one, name, scaled=scaled)}: a network trained with precision: float64 keeps them"


def _rounded_target(one: Rounded, name: str, *, scaled: bool) -> str:
    size = f"to steps of {one.step:g} in float32, but deviates by {one.deviation:.3g}"
    how = "is rounded" if not scaled else "is rounded, once scaled,"
    return f"target {quoted(name)} {how} {size}: {one.fall}, so that digits are lost"
