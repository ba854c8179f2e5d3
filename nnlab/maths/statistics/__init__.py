"""Statistics over seeds: what a handful of runs says about all the runs that could have been made.

intervals.py  one arm: the mean, the median, a share of its seeds, each with its interval
pairs.py      two arms on the same seeds: the difference, its test, who wins, how many seeds it takes
targets.py    steps to a target with those that never reached it; the area under a curve
health.py     dead and saturated units
verdicts.py   all of it in plain sentences

Runs that diverged have no figure. They must be left out by whoever knows of them, and reported as a share of their
own: a nan that reaches these functions is refused, unless a docstring says what it means there.
"""

from nnlab.maths.statistics.health import DEAD_BELOW, SATURATED_BELOW, dead_share, saturated_share
from nnlab.maths.statistics.intervals import (
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
    seeds_needed,
    sign_test,
    smallest_p,
    win_matrix,
)
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
from nnlab.maths.statistics.verdicts import (
    SIGNIFICANCE,
    Arms,
    Figure,
    Pair,
    Scores,
    Verdict,
    compare_pairs,
    ranking,
    verdict,
)

__all__ = [
    "DEAD_BELOW",
    "MOST_SEEDS",
    "SATURATED_BELOW",
    "SIGNIFICANCE",
    "Arms",
    "Figure",
    "Interval",
    "Pair",
    "Race",
    "Scores",
    "Survival",
    "Verdict",
    "area_under_curve",
    "chance_to_beat",
    "compare_pairs",
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
    "race",
    "ranking",
    "saturated_share",
    "seeds_needed",
    "share_interval",
    "sign_test",
    "smallest_p",
    "steps_to_target",
    "survival",
    "two_groups",
    "unseen_share",
    "verdict",
    "win_matrix",
]
