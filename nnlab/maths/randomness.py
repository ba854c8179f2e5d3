"""Random numbers as a function of (seed, purpose, index), never of how often a stream was read.

Each purpose has streams of its own, so that drawing more of one thing moves nothing else: a new layer does not change
the shuffling, a resumed run does not need to replay what was drawn.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are for. The numbers are part of every result: never reuse or reorder them."""

    DATA = 0
    SPLIT = 1
    SHUFFLE = 2
    WEIGHTS = 3
    NOISE = 4
    SWEEP = 5


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """The PCG64 stream of a seed for a purpose and an index, such as the epoch or the layer."""
    sequence = np.random.SeedSequence(seed, spawn_key=(int(purpose), *index))
    return np.random.Generator(np.random.PCG64(sequence))
