"""Arms under several starts: whether the sign of a difference that was found under one of them holds under all.

Nothing is tested under the other starts, so that they cost the tests under the first one no power.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnlab.errors import few, listed
from nnlab.maths.statistics.arms import Arms, Difference, common_seeds
from nnlab.maths.statistics.pairs import same_but_for_rounding
from nnlab.maths.statistics.shares import SharePair

_MOST_NAMED = 3  # starts under which a sign does not hold


@dataclass(frozen=True)
class Starts:
    """The figures of the same arms under each start, by its name, and as 0 or 1 which seeds `reached` the target.

    Arms have the labels that they have under the start in which they are tested; one that failed is not there.
    """

    scores: Mapping[str, Arms]
    larger_is_better: bool
    reached: Mapping[str, Arms] = field(default_factory=dict)

    def differences(self, pair: Difference) -> dict[str, float]:
        """The mean difference under each start in favour of the better arm, on the seeds of both; nan without any."""
        is_share = isinstance(pair, SharePair)
        sign = 1 if is_share or self.larger_is_better else -1
        arms = self.reached if is_share else self.scores
        return {start: sign * _difference(own, pair.better, pair.worse) for start, own in arms.items()}

    def is_robust(self, pair: Difference) -> bool:
        """Whether the arm that is better under one start is better under all."""
        return all(difference > 0 for difference in self.differences(pair).values())

    def words(self, pairs: Sequence[Difference]) -> str:
        """The end of a sentence on pairs that were told apart: whether their signs hold under all starts."""
        under = f"under all {len(self.scores)} starts"
        if all(map(self.is_robust, pairs)):
            return f"; {'the sign holds' if len(pairs) == 1 else 'the signs hold'} {under}: start-robust"
        if len(pairs) == 1:
            return f", but not start-robust: {self._broken(pairs[0])}"
        robust = [pair.better for pair in pairs if self.is_robust(pair)]
        parts = [f"start-robust, its sign the same {under}, {'is' if len(robust) == 1 else 'are'} {listed(robust)}"]
        parts = parts if robust else []
        parts += [f"not start-robust is {p.better}: {self._broken(p)}" for p in pairs if not self.is_robust(p)]
        return "".join(f"; {part}" for part in parts)

    def _broken(self, pair: Difference) -> str:
        """Under which starts the sign does not hold, and why."""
        found: dict[str, list[str]] = {}
        for start, difference in self.differences(pair).items():
            if not difference > 0:
                kind = "it is not known" if math.isnan(difference) else "the sign turns" if difference else "both tie"
                found.setdefault(kind, []).append(start)
        return ", ".join(f"with {listed(few(starts, _MOST_NAMED))} {kind}" for kind, starts in found.items())


def _difference(arms: Arms, a: str, b: str) -> float:
    """The mean of a - b over the seeds of both; nan where an arm is missing or there are no such seeds."""
    seeds = common_seeds(arms[a], arms[b]) if a in arms and b in arms else []
    if not seeds:
        return math.nan
    first, second = ([arms[label][seed] for seed in seeds] for label in (a, b))
    mean = math.fsum(x - y for x, y in zip(first, second, strict=True)) / len(seeds)
    return 0.0 if same_but_for_rounding(mean, 0, first + second) else mean
