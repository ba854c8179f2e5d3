"""What a function is among the known ones, in words."""

from __future__ import annotations

from collections.abc import Sequence

from nnlab.maths.matching import Match

_NEAR = 0.05  # how far off a known function may be to be named beside an exact one; alone, twice as far


def what_it_is(matches: Sequence[Match]) -> str:
    """The known functions that it equals or resembles: `equals silu`, `is 1.5 × silu`, `is near gelu_tanh, …`."""
    exact = [match for match in matches if match.exact]
    near = [match for match in matches if not match.exact and match.error <= (_NEAR if exact else 2 * _NEAR)][:1]
    words = [("equals " if match.name == match_words(match) else "is ") + match_words(match) for match in exact]
    words += [f"is near {match_words(match)}, within {match.error:.2g} everywhere" for match in near]
    return "; ".join(words) or "is near no other known function, whatever its scales"


def match_words(match: Match) -> str:
    """The formula a g(b x) + c: `gelu`, `1.5 × silu`, `2 × sigmoid(2 x) - 1`."""
    inner = "" if match.b == 1 else f"({'-' if match.b == -1 else _short(match.b) + ' '}x)"
    factor = "" if match.a == 1 else "-" if match.a == -1 else f"{_short(match.a)} × "
    offset = "" if match.c == 0 else f" {'+' if match.c > 0 else '-'} {_short(abs(match.c))}"
    return f"{factor}{match.name}{inner}{offset}"


def _short(value: float) -> str:
    return f"{value:.4g}"
