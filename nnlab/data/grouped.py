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
_MOST_TRIED = 1000  # groups on either side that are tried for a better part


def drawn_groups(counts: NDArray[np.int64], wanted: int, random: np.random.Generator) -> Flags:
    """Which groups (G,) make a part of about `wanted` rows; `counts` (G, classes) has the rows of each class.

    There are at least two groups; at least one is taken, and one left. In random order, a group is taken if it fits in
    and brings the classes nearer to their shares. Then the group goes in or out, or two change places, that bring size
    and classes nearer most, as long as there are some.
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
    """The groups after others went in, out or changed places as long as that brings their sum nearer to the goal."""
    taken, nobody = taken.copy(), len(points)
    points = np.vstack([points, np.zeros(points.shape[1])])  # nobody goes out, or in
    squares = np.square(points).sum(axis=1)
    while True:
        leaving, entering = (np.append(np.flatnonzero(side)[:_MOST_TRIED], nobody) for side in (taken, ~taken))
        ahead = 2 * (points @ (goal - points[:-1][taken].sum(axis=0)))
        # |gap|² - |gap + out - in|², with the gap from the part to its goal.
        gains = (ahead - squares)[entering] - (ahead + squares)[leaving][:, np.newaxis]
        gains += 2 * points[leaving] @ points[entering].T
        if taken.sum() <= 1:  # a part keeps a group, or gets one
            gains[:, -1] = -np.inf
        if (~taken).sum() == 1:  # and so does the rest
            gains[-1] = -np.inf
        out, into = np.unravel_index(gains.argmax(), gains.shape)
        if gains[out, into] <= _NOTHING and taken.any():
            return taken
        changed = [group for group in (leaving[out], entering[into]) if group != nobody]
        taken[changed] = ~taken[changed]
