"""The order in which an epoch visits the training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.randomness import Purpose, stream


def shuffled(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation (rows,) that depends on the seed and the epoch alone."""
    return stream(seed, Purpose.SHUFFLE, epoch).permutation(rows)
