"""Tests of two arms over data sets: is the difference as likely to have either sign?"""

from __future__ import annotations

from numpy.typing import ArrayLike


def signed_rank_test(differences: ArrayLike) -> float:
    """The two-sided p-value of Wilcoxon's signed rank test of differences (N,), one per data set; exact for any N."""
    raise NotImplementedError


def sign_flip_test(differences: ArrayLike) -> float:
    """The p-value of the mean difference (N,) if every difference might as well have the other sign."""
    raise NotImplementedError
