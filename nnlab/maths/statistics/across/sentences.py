"""What a comparison over data sets says in plain sentences, and what it cannot say."""

from __future__ import annotations

from nnlab.maths.statistics.across.comparison import SetComparison
from nnlab.maths.statistics.across.sets import SetErrors

FEWEST_SETS = 12  # data sets below which a comparison depends on their choice too much


def least_sets(arms: int, *, baseline: bool = False) -> int:
    """How many sets it takes until any pair of so many arms can be told apart at 5 % with Holm: 7 for 3 arms."""
    raise NotImplementedError


def limits(errors: SetErrors, *, baseline: bool = False) -> list[str]:
    """What these data sets cannot show, each in a sentence without its full stop."""
    raise NotImplementedError


def findings(comparison: SetComparison) -> list[str]:
    """Who beats whom over data sets, by how much and how surely, and who can't be told apart; with full stops."""
    raise NotImplementedError
