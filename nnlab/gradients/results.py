"""The gradient check of an experiment as one result: reports, verdict, the line that sums it up, the JSON document."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from nnlab.errors import ConfigError
from nnlab.gradients.checks import StepReport, check_exactly, check_gradients
from nnlab.gradients.checks import document as central_document
from nnlab.gradients.derivatives import CheckVerdict
from nnlab.gradients.points import check_points
from nnlab.gradients.report import LEAST_TESTED, PointReport, exact_document, share_tested, summary, verdict_of
from nnlab.setup.setup import Setup

Theta = NDArray[Any]

EPSILON, THRESHOLD = 1e-7, 1e-8


@dataclass(frozen=True)
class CheckResult:
    """What a gradient check found; `central` or `exact` holds a report for each step or point.

    `trusted` are the differences of a run from what its checkpoint recorded.
    """

    verdict: CheckVerdict
    line: str
    document: dict[str, Any]
    seed: int
    reproduce: str
    central: tuple[StepReport, ...] = ()
    exact: tuple[PointReport, ...] = ()
    trusted: tuple[str, ...] = ()

    def trusting(self, differences: Sequence[str]) -> CheckResult:
        """The result for a run that differs in this from what its checkpoint recorded."""
        if not differences:
            return self
        return replace(self, trusted=tuple(differences), document={**self.document, "trusted": [*differences]})

    @property
    def warnings(self) -> Iterator[str]:
        """What limits the verdict."""
        if self.exact and share_tested(self.exact) < LEAST_TESTED:
            yield f"{share_tested(self.exact):.1%} of the entries could be tested: of the others nothing can be said"

    @property
    def fault(self) -> str | None:
        """Why the check has not passed; None if it has."""
        return {
            CheckVerdict.FAIL: "the gradient check failed",
            CheckVerdict.INCONCLUSIVE: "the gradient check could not decide",
        }.get(self.verdict)


def refuse_unfitting(method: str, epsilon: float | None, threshold: float | None, *, strict: bool) -> None:
    """ConfigError for options of the other method."""
    given = [name for name, value in (("--epsilon", epsilon), ("--threshold", threshold)) if value is not None]
    if method == "exact" and given:
        raise ConfigError(
            f"found {given[0]}, but the exact check has no step and needs no tolerance; "
            f"expected it with --method central"
        )
    if method == "central" and strict:
        raise ConfigError("found --strict with --method central, which tests every entry; expected it with exact")


def check(
    setup: Setup,
    method: str,
    theta: Theta | None,
    *,
    steps: int | None,
    epsilon: float | None,
    threshold: float | None,
    strict: bool,
    command: Sequence[str],
) -> CheckResult:
    """Check by one of the methods, from `theta` (1, P) or the start; `command` is what makes the check again."""
    if method == "central":
        return _central(setup, theta, steps or 1, epsilon or EPSILON, threshold or THRESHOLD, shlex.join(command))
    return _exact(setup, theta, steps, shlex.join(command), strict=strict)


def _central(
    setup: Setup, theta: Theta | None, steps: int, epsilon: float, threshold: float, reproduce: str
) -> CheckResult:
    """Plain central differences, as they are taught."""
    reports = tuple(check_gradients(setup, steps=steps, epsilon=epsilon, threshold=threshold, theta=theta))
    passed, checked = all(report.passed for report in reports), sum(row.checked for row in reports[0].rows)
    outcome = "passed" if passed else "FAILED"
    line = f"{outcome}: {checked} parameters, before {len(reports)} update{'s' if len(reports) > 1 else ''}"
    verdict = CheckVerdict.PASS if passed else CheckVerdict.FAIL
    found = central_document(reports, epsilon, threshold)
    return CheckResult(verdict, line, found, setup.rows.seeds[0], reproduce, central=reports)


def _exact(setup: Setup, theta: Theta | None, steps: int | None, reproduce: str, *, strict: bool) -> CheckResult:
    """The strong check, at several points or before the first updates."""
    found = check_points(setup, theta) if steps is None else check_exactly(setup, steps=steps, theta=theta)
    reports = tuple(found)
    verdict, seed = verdict_of(reports, strict=strict), setup.rows.seeds[0]
    document = exact_document(reports, seed=seed, reproduce=reproduce, strict=strict)
    return CheckResult(verdict, summary(reports, verdict), document, seed, reproduce, exact=reports)
