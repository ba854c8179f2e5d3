"""Arms over data sets, without a test: wins, ties and losses, and performance profiles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nnlab.maths.statistics.across.sets import Array, SetErrors
from nnlab.maths.statistics.samples import finite_numbers


@dataclass(frozen=True)
class WinTieLoss:
    """On how many families an arm has the smaller error, the same within the region of equivalence, the larger one."""

    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Profiles:
    """For each arm the share of data sets on which its error is at most x of the chance level.

    `errors` (K, N): the arm's errors over chance in ascending order, where its profile steps; `shares` (K, N): the
    height that it has from there on, 1 at the last.
    """

    arms: tuple[str, ...]
    errors: Array
    shares: Array


def win_tie_loss(differences: ArrayLike, equivalence: float) -> WinTieLoss:
    """The record of an arm with these log ratios of errors (F,) to another: it wins where they are negative.

    Differences up to `equivalence`, in the same unit, are ties.
    """
    sample = np.array(finite_numbers(differences))
    wins, losses = int(np.sum(sample < -equivalence)), int(np.sum(sample > equivalence))
    return WinTieLoss(wins, len(sample) - wins - losses, losses)


def profiles(errors: SetErrors) -> Profiles:
    """The performance profiles of all arms over all sets, those at floor or chance included; a family counts once.

    Errors are divided by the chance level of their set, not by the error of its best arm as Dolan and Moré 2002 do:
    profiles of such ratios change their order with the arms that are in the pool (Gould and Scott 2016, ACM
    Transactions on Mathematical Software 43), and an arm's share of chance is its own.
    """
    sizes = Counter(errors.family_of)
    weights = np.array([1 / (len(sizes) * sizes[family]) for family in errors.family_of])
    of_chance = (errors.means / errors.chance[:, None]).T
    order = np.argsort(of_chance, axis=1, kind="stable")
    shares = np.cumsum(weights[order], axis=1)
    shares[:, -1] = 1.0
    return Profiles(errors.arms, np.take_along_axis(of_chance, order, axis=1), shares)
