"""Statistics over data sets: what holds beyond the sets that were tried.

sets.py         errors (N sets, R seeds, K arms), and the log ratios of two arms on each set
signed_rank.py  Wilcoxon's test and sign flips
ranks.py        average ranks, Friedman's test, cliques
bayes.py        how likely an arm is better, the same, worse
effects.py      the mean difference, and the one to expect on the next set
conjunction.py  better on at least u of N sets
budget.py       the best of b drawn settings
profiles.py     wins, ties and losses; performance profiles
comparison.py   all of it for every pair of arms
sentences.py    what it says, and what it cannot
"""
