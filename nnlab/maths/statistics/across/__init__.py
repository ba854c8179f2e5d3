"""Statistics over data sets: what holds beyond the sets that were tried.

sets.py         errors (N sets, R seeds, K arms), and their logarithms on each family of sets
ranks.py        average ranks, Friedman's test, cliques
signed_rank.py  Wilcoxon's test and sign flips
bayes.py        how likely better, the same or worse is the most common outcome
effects.py      the mean difference, and the one to expect on the next set
conjunction.py  better on at least u of N sets
profiles.py     wins, ties and losses; performance profiles
budget.py       the best of b drawn settings
pairs.py        all of it for two arms
sentences.py    what it says, and what it cannot
comparison.py   every pair of arms, or a baseline against the others
"""

from nnlab.maths.statistics.across.bayes import Beliefs, bayesian_signed_rank
from nnlab.maths.statistics.across.budget import best_of
from nnlab.maths.statistics.across.comparison import EQUIVALENCE, SetComparison, compare_sets
from nnlab.maths.statistics.across.conjunction import better_on_at_least, conjunction_p
from nnlab.maths.statistics.across.effects import RandomEffects, random_effects
from nnlab.maths.statistics.across.pairs import SetPair, SetTest, compare_set_pairs
from nnlab.maths.statistics.across.profiles import Profiles, WinTieLoss, profiles, win_tie_loss
from nnlab.maths.statistics.across.ranks import Friedman, average_ranks, cliques, friedman, is_least
from nnlab.maths.statistics.across.sentences import (
    FEWEST_SETS,
    findings,
    least_sets,
    least_sets_for,
    limits,
    sets_of,
    too_few_sets,
)
from nnlab.maths.statistics.across.sets import SetErrors, log_errors, seed_noise, set_errors
from nnlab.maths.statistics.across.signed_rank import sign_flip_test, signed_rank_test

__all__ = [
    "EQUIVALENCE",
    "FEWEST_SETS",
    "Beliefs",
    "Friedman",
    "Profiles",
    "RandomEffects",
    "SetComparison",
    "SetErrors",
    "SetPair",
    "SetTest",
    "WinTieLoss",
    "average_ranks",
    "bayesian_signed_rank",
    "best_of",
    "better_on_at_least",
    "cliques",
    "compare_set_pairs",
    "compare_sets",
    "conjunction_p",
    "findings",
    "friedman",
    "is_least",
    "least_sets",
    "least_sets_for",
    "limits",
    "log_errors",
    "profiles",
    "random_effects",
    "seed_noise",
    "set_errors",
    "sets_of",
    "sign_flip_test",
    "signed_rank_test",
    "too_few_sets",
    "win_tie_loss",
]
