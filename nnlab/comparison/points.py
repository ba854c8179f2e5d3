"""The points of a sweep: every combination of a grid, random draws, or draws on the points of a grid.

A draw depends only on the experiment's seed, the key and the number of the point, so a larger budget or one more key
does not change the other draws.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from nnlab.comparison.variants import TUNE, Settings, compared_fault, fixed_fault, grid
from nnlab.errors import ConfigError, Fault, printable
from nnlab.maths.randomness import Purpose, stream

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")
_WHOLE = re.compile(r"[+-]?\d{1,15}")
_MOST_POINTS = 10_000


@dataclass(frozen=True)
class Range:
    """A range from `low` to `high` inclusive for uniform or log-uniform draws; of integers if both bounds are."""

    key: str
    low: float
    high: float
    is_log: bool
    is_whole: bool

    def value(self, seed: int, number: int) -> str:
        """The draw for point `number`, as text with six digits."""
        share = float(stream(seed, Purpose.SWEEP, zlib.crc32(self.key.encode()), number).random())
        if not self.is_whole:
            return f"{self._at(share, self.low, self.high):.6g}"
        # Rounding down gives each integer an interval of width 1.
        return str(min(int(self.high), math.floor(self._at(share, self.low, self.high + 1))))

    def _at(self, share: float, low: float, high: float) -> float:
        return low * (high / low) ** share if self.is_log else low + share * (high - low)


def ranges(texts: Sequence[str], option: str = "--random") -> list[Range]:
    """Parse ranges `KEY=low..high[:log]`; ConfigError with the faults of all of them."""
    found: dict[str, Range] = {}
    faults = []
    for text in texts:
        key, _, bounds = text.partition("=")
        match = _RANGE.fullmatch(bounds)
        fault = _range_fault(key, match, found)
        if fault or match is None:
            faults.append(Fault(fault or "", f"{option} {printable(text)}"))
            continue
        is_whole = all(_WHOLE.fullmatch(bound) for bound in match.groups()[:2])
        found[key] = Range(key, float(match[1]), float(match[2]), bool(match[3]), is_whole)
    if faults:
        raise ConfigError(faults)
    return list(found.values())


def _range_fault(key: str, match: re.Match[str] | None, before: Mapping[str, Range]) -> str | None:
    if match is None:
        return "expected KEY=low..high or KEY=low..high:log"
    low, high = float(match[1]), float(match[2])
    if not low < high < math.inf or low == -math.inf:
        return f"found {match[1]}..{match[2]}, expected finite bounds, the lower one first"
    if match[3] and low <= 0:
        return f"found {match[1]}, expected a bound above 0 with :log"
    return f"found {printable(key)} again, expected it once" if key in before else fixed_fault(key)


def points(grid_texts: Sequence[str], random_texts: Sequence[str], budget: int | None, seed: int) -> list[Settings]:
    """The settings of each point, at most `budget`; ConfigError with the faults of all texts.

    Without ranges, the points are the combinations of the grid, or a random selection if these exceed the budget. With
    ranges there are `budget` points, which cycle through the combinations of the grid.
    """
    values, drawn = grid(grid_texts, "--grid"), ranges(random_texts)
    _check(values, drawn, budget)
    return _points(values, drawn, budget, seed)


def tuning_points(texts: Sequence[str], budget: int | None, seed: int) -> list[Settings]:
    """The settings that every arm tries when `KEY=V1,V2` or `KEY=low..high[:log]` are tuned; none without texts."""
    if not texts:
        return []
    ranged = [text for text in texts if ".." in text.partition("=")[2]]
    values = grid([text for text in texts if text not in ranged], TUNE)
    drawn = ranges(ranged, TUNE)
    for one in drawn:
        if fault := compared_fault(one.key, TUNE):
            raise ConfigError(Fault(fault, f"{TUNE} {printable(one.key)}"))
    if drawn and budget is None:
        raise ConfigError(f"{TUNE}: found a range without --budget, expected the number of settings to draw")
    _check_count(values, budget)
    return _points(values, drawn, budget, seed)


def _points(
    values: Mapping[str, Sequence[str]], drawn: Sequence[Range], budget: int | None, seed: int
) -> list[Settings]:
    combinations = list(product(*([(key, text) for text in texts] for key, texts in values.items())))
    if drawn:
        assert budget is not None
        return [
            (*combinations[number % len(combinations)], *((one.key, one.value(seed, number)) for one in drawn))
            for number in range(budget)
        ]
    if budget is None or budget >= len(combinations):
        return combinations
    order = stream(seed, Purpose.SWEEP).permutation(len(combinations))
    return [combinations[index] for index in sorted(order[:budget])]


def _check(values: Mapping[str, Sequence[str]], drawn: Sequence[Range], budget: int | None) -> None:
    if not values and not drawn:
        raise ConfigError("found neither --grid nor --random, expected what is to be varied")
    both = [one.key for one in drawn if one.key in values]
    if both:
        raise ConfigError(f"--random {printable(both[0])}: found it in --grid as well, expected it in one of them")
    if drawn and budget is None:
        raise ConfigError("found --random without --budget, expected the number of points to draw")
    _check_count(values, budget)


def _check_count(values: Mapping[str, Sequence[str]], budget: int | None) -> None:
    count = math.prod(len(texts) for texts in values.values())
    if max(count if budget is None else 0, budget or 0) > _MOST_POINTS or count > 10**6:
        raise ConfigError(f"found {max(count, budget or 0)} points, expected at most {_MOST_POINTS}; see --budget")
