"""Statistics over seeds: what a handful of runs says about all the runs that could have been made.

intervals.py  one arm: the mean, the median, a share of its seeds, each with its interval
pairs.py      two arms on the same seeds: the difference, its test, who wins, how many seeds it takes
targets.py    steps to a target with those that never reached it; the area under a curve
health.py     dead and saturated units
arms.py       arms against each other, or the best against the others, by the mean
shares.py     arms against each other by the share of seeds that reach a target
starts.py     whether a difference keeps its sign under other starts of the networks
verdicts.py   all of it in plain sentences, which sentences.py words
across/       arms over many data sets, of which each counts once

Runs that diverged have no figure. They must be left out by whoever knows of them, and reported as a share of their
own: a nan that reaches these functions is refused, unless a docstring says what it means there.
"""

from nnlab.maths.statistics.arms import (
    SIGNIFICANCE,
    Arms,
    Figure,
    Pair,
    Scores,
    compare_pairs,
    compare_with_best,
    ranking,
)
from nnlab.maths.statistics.health import DEAD_BELOW, SATURATED_BELOW, dead_share, saturated_share
from nnlab.maths.statistics.intervals import (
    UNBOUNDED,
    Interval,
    mean_interval,
    mean_over_seeds,
    median,
    median_interval,
    share_interval,
    two_groups,
    unseen_share,
)
from nnlab.maths.statistics.pairs import (
    MOST_SEEDS,
    chance_to_beat,
    holm,
    paired_difference,
    permutation_test,
    power,
    same_but_for_rounding,
    seeds_needed,
    seeds_needed_for_shares,
    share_difference,
    sign_test,
    smallest_p,
    win_matrix,
)
from nnlab.maths.statistics.samples import FEWEST
from nnlab.maths.statistics.sentences import seeds_of, with_bounds
from nnlab.maths.statistics.shares import Reached, SharePair, compare_shares
from nnlab.maths.statistics.starts import Starts
from nnlab.maths.statistics.targets import (
    Race,
    Survival,
    area_under_curve,
    logrank_test,
    median_steps,
    race,
    steps_to_target,
    survival,
)
from nnlab.maths.statistics.verdicts import Verdict, power_warnings, verdict

__all__ = [
    "DEAD_BELOW",
    "FEWEST",
    "MOST_SEEDS",
    "SATURATED_BELOW",
    "SIGNIFICANCE",
    "UNBOUNDED",
    "Arms",
    "Figure",
    "Interval",
    "Pair",
    "Race",
    "Reached",
    "Scores",
    "SharePair",
    "Starts",
    "Survival",
    "Verdict",
    "area_under_curve",
    "chance_to_beat",
    "compare_pairs",
    "compare_shares",
    "compare_with_best",
    "dead_share",
    "holm",
    "logrank_test",
    "mean_interval",
    "mean_over_seeds",
    "median",
    "median_interval",
    "median_steps",
    "paired_difference",
    "permutation_test",
    "power",
    "power_warnings",
    "race",
    "ranking",
    "same_but_for_rounding",
    "saturated_share",
    "seeds_needed",
    "seeds_needed_for_shares",
    "seeds_of",
    "share_difference",
    "share_interval",
    "sign_test",
    "smallest_p",
    "steps_to_target",
    "survival",
    "two_groups",
    "unseen_share",
    "verdict",
    "win_matrix",
    "with_bounds",
]
