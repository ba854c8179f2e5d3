"""A part of a data set in whole groups: about the size that is wanted, about the shares of the classes.

How far a part is from what is wanted is a distance between points: each group is a point whose coordinates are its rows
of each class, and the part is their sum. A class with t wanted rows is measured in units of √t, as in a chi-square
test, so that a rare class weighs as much as a frequent one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NOTHING = 1e-9  # a gain that is only rounding


def drawn_groups(counts: NDArray[np.int64], wanted: int, random: np.random.Generator) -> Flags:
    """Which groups (G,) make a part of about `wanted` rows; `counts` (G, classes) has the rows of each class.

    There are at least two groups; at least one is taken, and one left. In random order, a group is taken if it fits in
    and brings the classes nearer to their shares. Then, one by one, the group is added or removed that brings size and
    classes nearer most, as long as there is one.
    """
    target = counts.sum(axis=0) * (wanted / counts.sum())
    seen = target > 0
    points, goal = counts[:, seen] / np.sqrt(target[seen]), np.sqrt(target[seen])
    taken = _filled(counts.sum(axis=1), points, goal, wanted, random)
    # The size is one more coordinate, and weighs as much as all classes together.
    unit = np.sqrt(len(goal) / wanted)
    sized = np.column_stack([points, counts.sum(axis=1) * unit])
    return _improved(taken, sized, np.append(goal, wanted * unit))


def _filled(sizes: NDArray[np.int64], points: Floats, goal: Floats, wanted: int, random: np.random.Generator) -> Flags:
    """Groups taken in random order, never more than `wanted` rows of them."""
    taken, gap, room = np.zeros(len(sizes), bool), goal.copy(), wanted
    squares = np.square(points).sum(axis=1)
    for group in random.permutation(len(sizes)):
        # |gap|² - |gap - point|² = 2 gap · point - |point|² is above 0 where the point brings the part nearer.
        if sizes[group] <= room and 2 * (gap @ points[group]) > squares[group]:
            taken[group] = True
            gap -= points[group]
            room -= int(sizes[group])
    return taken


def _improved(taken: Flags, points: Floats, goal: Floats) -> Flags:
    """The groups after single ones were added and removed as long as that brings their sum nearer to the goal."""
    taken, squares = taken.copy(), np.square(points).sum(axis=1)
    while True:
        ahead = points @ (goal - points[taken].sum(axis=0))
        gains = np.where(taken, -2 * ahead, 2 * ahead) - squares
        for last in (taken, ~taken):
            if last.sum() == 1:  # the only one of the part, or of the rest
                gains[last] = -np.inf
        best = int(gains.argmax())
        if gains[best] <= _NOTHING and taken.any():
            return taken
        taken[best] = not taken[best]
