"""The data from which the files and pictures of a benchmark are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.statistics import mean_interval
from nnlab.maths.statistics.across import SetComparison, SetErrors, compare_sets, set_errors
from nnlab.storage.summary import BenchmarkSummary


@dataclass(frozen=True)
class BenchmarkContents:
    """All data of a benchmark; `errors` and `comparison` are None where fewer than two arms can be compared."""

    name: str
    summary: BenchmarkSummary
    errors: SetErrors | None
    comparison: SetComparison | None

    @classmethod
    def of(cls, name: str, summary: BenchmarkSummary) -> BenchmarkContents:
        """The same made again from the summary alone; only the numbers of seeds that diverged are not in its errors."""
        across = summary.across
        if across is None:
            return cls(name, summary, None, None)
        arms = [label for label in summary.activations if label in across.average_ranks]
        sets = {label: one for label, one in summary.sets.items() if 0 < (one.floor or 0) < (one.chance or 0)}
        raw = [[one.arms[label].errors for label in arms] for one in sets.values()]
        errors = set_errors(
            np.array(raw).transpose(0, 2, 1),
            sets=[*sets],
            arms=arms,
            floors=[one.floor or 0 for one in sets.values()],
            chance=[one.chance or 0 for one in sets.values()],
            families=[one.family for one in sets.values()],
        )
        baseline = summary.baseline if summary.baseline in arms else ""
        comparison = compare_sets(errors, baseline=baseline, equivalence=float(summary.equivalence))
        return cls(name, summary, errors, comparison)

    def budget_curves(self) -> dict[str, NDArray[np.float64]]:
        """By arm the error to expect of the best of 1 … B settings, as a share of chance's, (3, B).

        The rows are its mean over the sets and the ends of the 95 % interval; empty if nothing was tuned.
        """
        tuned = [one.tuning for one in self.summary.sets.values() if one.tuning is not None]
        arms = [label for label in self.summary.activations if all(label in one.best_of for one in tuned)]
        shares = {label: np.array([np.array(one.best_of[label]) / one.chance for one in tuned]) for label in arms}
        return {label: _with_interval(found) for label, found in shares.items()} if tuned else {}


def _with_interval(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of errors (S, B) over the sets, with the ends of its interval, (3, B); nan where it has none.

    Student's interval of few sets may reach below 0, where no error is: it is cut there.
    """
    found = [mean_interval(column) for column in values.T]
    ends = [(one.estimate, *(np.nan if end is None else end for end in (one.low, one.high))) for one in found]
    whole: NDArray[np.float64] = np.maximum(np.array(ends).T, 0)
    return whole
