"""Arms over data sets, without a test: wins, ties and losses, and performance profiles."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from nnlab.maths.statistics.across.sets import Array, SetErrors


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
    height that it has from there on, 1 at the last. Each family counts once.
    """

    arms: tuple[str, ...]
    errors: Array
    shares: Array


def win_tie_loss(differences: ArrayLike, equivalence: float) -> WinTieLoss:
    """The record of an arm with these log ratios of errors (F,) to another: negative where it wins."""
    raise NotImplementedError


def profiles(errors: SetErrors) -> Profiles:
    """The performance profiles of all arms over all sets, those at floor or chance included."""
    raise NotImplementedError
