"""The order in which an epoch visits the training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.randomness import Purpose, Streams, stream

RUNS = 32


def shuffles(rows: int, seeds: Sequence[int], epoch: int) -> NDArray[np.int64]:
    """A permutation for each seed, (R, rows), that depends on that seed and the epoch alone."""
    streams = Streams(seeds, Purpose.SHUFFLE, epoch)
    return np.stack([streams[replica].permutation(rows) for replica in range(len(seeds))])


def shuffled_in_blocks(rows: int, block: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation (rows,) for rows that are read `block` at a time: each block mixes 32 runs of neighbouring rows.

    The file is cut into runs of block / 32 neighbouring rows. The runs are put in a random order, and then the rows
    within each block are shuffled. A block is thus read in about 32 pieces.

    How well it mixes: two rows of a batch are of the same run with probability about 1/32, and else of two runs drawn
    at random. With r the correlation of a figure between the rows of a run, the mean of it over a batch of m rows has
    the variance of a full shuffle times 1 + (m - 1) r / 32, the design effect of cluster sampling (Kish, Survey
    Sampling, 1965, section 5.4), as long as 32 runs are few of all. A file in random order has r = 0, and nothing is
    lost. A file sorted by class has r near 1: the classes of a block vary as if only 32 rows had been drawn, and so do
    those of its batches together. Rows of a run always stay within one or two blocks of each other: each epoch combines
    runs anew, but never splits the file into other runs. Shuffle a sorted file once before storing it.
    """
    run = max(1, block // RUNS)
    random = stream(seed, Purpose.SHUFFLE, epoch)
    runs = random.permutation(-(-rows // run))
    order = (runs[:, np.newaxis] * run + np.arange(run)).ravel()
    order = order[order < rows]
    for start in range(0, rows, block):
        random.shuffle(order[start : start + block])
    return order
