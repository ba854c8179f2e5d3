"""The rows on which an exported model is compared with nnlab, and how much the two may differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError
from nnlab.experiments.evaluate import Opened, own_rows
from nnlab.setup.model import Model
from nnlab.setup.rows import split_rows
from nnlab.storage.folder import RunFolder

Array = NDArray[Any]

MOST_ROWS = 256
MOST_IMAGES = 32  # the reference evaluator takes a second for some hundred images

# Of the largest output, or of 1, the largest probability. Other orders of the same additions, and other roundings of
# exp and tanh, move the outputs of a trained network by some 1e-6 in float32 and 1e-14 in float64; an operator that is
# wrong moves them by far more.
BOUNDS = {"float32": 1e-4, "float64": 1e-9}


@dataclass(frozen=True)
class HeldRows:
    """Raw inputs (N, inputs) of some rows of a `part`, and nnlab's outputs for them, (N, K)."""

    part: str
    x: Array
    outputs: Array

    @classmethod
    def of(cls, opened: Opened, run: RunFolder) -> HeldRows:
        """The first rows of the test part, else of the validation part, else of the training part."""
        model, dataset = opened.model, own_rows(opened, run)
        parts = split_rows(opened.experiment, dataset)
        named = (("test", parts.test), ("val", parts.validation), ("train", parts.train))
        part, rows = next((name, rows) for name, rows in named if len(rows))
        chosen = np.sort(rows[: MOST_IMAGES if model.network.has_images else MOST_ROWS])
        x = np.asarray(dataset.x[chosen])
        return cls(part, x, model.every_output(x))

    def compare(self, outputs: Array) -> float:
        """The largest difference of other outputs from nnlab's; infinite if only one of them is finite somewhere."""
        finite = np.isfinite(self.outputs)
        if not np.array_equal(finite, np.isfinite(outputs)):
            return float("inf")
        return float(np.abs(outputs[finite] - self.outputs[finite]).max(initial=0.0))

    def bound(self, model: Model, *, in_single: bool) -> float:
        """The largest difference that rounding explains; `in_single` where a part of float64 is computed in float32."""
        precision = "float32" if in_single else str(model.theta.dtype)
        finite = self.outputs[np.isfinite(self.outputs)]
        scale = np.abs(finite).max(initial=0.0)
        if model.target_scaling is not None:
            divisor = model.target_scaling.divisor
            scale = max(scale, divisor[np.isfinite(divisor)].max(initial=0.0))
        return BOUNDS[precision] * float((scale or 1.0) if model.experiment.task == "regression" else max(scale, 1.0))

    def refuse_difference(self, difference: float, bound: float) -> None:
        """ConfigError for an exported model that is not the network."""
        if not difference <= bound:
            found = f"found outputs that differ from nnlab's by {difference:.3g}, expected at most {bound:.3g}"
            rows = f"for {len(self.x)} rows of the {self.part} part"
            raise ConfigError(f"{found} {rows}; nothing was written")
