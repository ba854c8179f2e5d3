"""What a gradient check found, tensor by tensor, and as the document that `--json` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.gradients.derivatives import CheckVerdict, ExactCheck
from nnlab.gradients.point import BOTH, Examined
from nnlab.maths.dual import FLOOR
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network
from nnlab.storage.metrics import finite

Array = NDArray[Any]

LEAST_TESTED = 0.95


@dataclass(frozen=True)
class TensorRow:
    """One tensor in one part of the objective, with its worst entry; numbers that were not measured are None.

    `overflowed` counts those of the untested of which nothing can be said because B has overflowed, or the derivative
    itself. `ratio` is the largest |analytic - numeric| / B; up to 4 passes. `excluded` is the largest error that could
    be there unseen, 4 B + 5e-162 of the worst entry.
    """

    part: str
    tensor: str
    checked: int
    untested: int
    overflowed: int
    ratio: float | None
    worst: str
    analytic: float | None
    numeric: float | None
    second: float | None
    error: float | None
    relative: float | None
    bound: float | None
    excluded: float | None
    verdict: str


@dataclass(frozen=True)
class PointReport:
    """The check at one point, summed up tensor by tensor for each part of the objective."""

    point: str
    batch: int
    examined: Examined
    rows: tuple[TensorRow, ...]

    @property
    def verdict(self) -> CheckVerdict:
        """The worst."""
        return self.examined.verdict

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong or in doubt."""
        return self.examined.passed

    @property
    def tested(self) -> Array:
        """Which entries of theta were tested, (P,)."""
        tested: Array = self.examined.checks[BOTH].verdicts != CheckVerdict.UNTESTED
        return tested


def rows_of(layout: Layout, examined: Examined) -> Iterator[TensorRow]:
    """A row for each tensor and part; tensors that no penalty touches have none for the regulariser alone."""
    for part, check in examined.checks.items():
        for name, place in layout.places.items():
            row = _row(layout, part, name, place, check)
            if row.checked or part == "both":
                yield row


def _row(layout: Layout, part: str, name: str, place: slice, check: ExactCheck) -> TensorRow:
    verdicts, errors = check.verdicts[place], check.errors[place]
    with np.errstate(all="ignore"):
        shares = np.where(errors == 0, 0.0, errors / check.allowed[place])
    # The worst verdict first, then the largest share of what is allowed; what is no number is worst of all.
    worst = place.start + int(np.lexsort((np.nan_to_num(shares, nan=np.inf), verdicts))[-1])
    untested = int((verdicts == CheckVerdict.UNTESTED).sum())
    largest = float(np.max(shares[verdicts != CheckVerdict.UNTESTED], initial=0.0)) * 4
    analytic, error = float(check.analytic[worst]), float(check.errors[worst])
    return TensorRow(
        part=part,
        tensor=name,
        checked=len(verdicts) - untested,
        untested=untested,
        overflowed=int(check.overflowed[place].sum()),
        ratio=finite(largest),
        worst=layout.label(worst),
        analytic=finite(analytic),
        numeric=finite(float(check.numeric[worst])),
        second=finite(float(check.second[worst])),
        error=finite(error),
        relative=finite(error / abs(analytic)) if analytic else (0.0 if error == 0 else None),
        bound=finite(float(check.bound[worst])),
        excluded=finite(float(check.allowed[worst])),
        verdict=CheckVerdict(int(verdicts.max(initial=CheckVerdict.UNTESTED))).name,
    )


def worst_rows(reports: Sequence[PointReport]) -> Iterator[TensorRow]:
    """For each tensor the row that is worst over all points and parts."""
    rows = [row for report in reports for row in report.rows]
    for tensor in dict.fromkeys(row.tensor for row in rows):
        yield max((row for row in rows if row.tensor == tensor), key=_badness)


def _badness(row: TensorRow) -> tuple[CheckVerdict, float]:
    """The worst verdict first, then the largest error; what is no number is worst of all."""
    return CheckVerdict[row.verdict], np.inf if row.ratio is None else row.ratio


def share_tested(reports: Sequence[PointReport]) -> float:
    """The share of entries that were tested at one point at least."""
    tested = np.any([report.tested for report in reports], axis=0)
    return float(tested.mean()) if tested.size else 1.0


def verdict_of(reports: Sequence[PointReport], *, strict: bool = False) -> CheckVerdict:
    """The worst of all. A check that has tested nothing has not decided anything, as where a loss is no number.

    With `strict` neither has one that leaves more than a twentieth untested.
    """
    worst = max((report.verdict for report in reports), default=CheckVerdict.UNTESTED)
    if worst == CheckVerdict.UNTESTED or (
        strict and worst == CheckVerdict.PASS and share_tested(reports) < LEAST_TESTED
    ):
        return CheckVerdict.INCONCLUSIVE
    return worst


def summary(reports: Sequence[PointReport], verdict: CheckVerdict) -> str:
    """The outcome in one line: what passed, and which error that excludes."""
    entries = len(reports[0].tested) if reports else 0
    words = {CheckVerdict.FAIL: "FAILED", CheckVerdict.INCONCLUSIVE: "INCONCLUSIVE"}
    outcome = f"{words.get(verdict, 'passed')}: {entries} parameters at {len(reports)} points"
    if verdict > CheckVerdict.PASS:
        return outcome
    excluded = [row.excluded for report in reports for row in report.rows if row.checked and row.excluded is not None]
    alone = f", {' and '.join(name or 'all' for name in reasons_of(reports))} by differences alone"
    alone = alone if reasons_of(reports) else ""
    lost = int(np.any([report.examined.checks[BOTH].overflowed for report in reports], axis=0).sum())
    loose = f", {lost} of which nothing can be said at some point, as they or their B overflow there" if lost else ""
    return (
        f"{outcome}, {share_tested(reports):.1%} tested, no error above {max(excluded, default=0.0):.2g}{alone}{loose}"
    )


def reasons_of(reports: Sequence[PointReport]) -> dict[str, str]:
    """Why the second oracle had to decide alone: by tensor, or by "" for all of them."""
    return {name: reason for report in reports for name, reason in report.examined.refused.items()}


def by_step_of(reports: Sequence[PointReport]) -> dict[str, None]:
    """The layers whose slope is measured by complex step, in order."""
    return dict.fromkeys(name for report in reports for name in report.examined.by_step)


def exact_document(reports: Sequence[PointReport], *, seed: int, reproduce: str, strict: bool) -> dict[str, Any]:
    """What `--json` prints."""
    verdict = verdict_of(reports, strict=strict)
    return {
        "passed": verdict <= CheckVerdict.PASS,
        "verdict": verdict.name,
        "method": "exact",
        "passes": f"|analytic - numeric| <= 4 bound + {FLOOR:g}",
        "tested": share_tested(reports),
        "differences_alone": reasons_of(reports),
        "slopes_by_complex_step": list(by_step_of(reports)),
        "seed": seed,
        "reproduce": reproduce,
        "points": [_point(report) for report in reports],
    }


def _point(report: PointReport) -> dict[str, Any]:
    return {
        "point": report.point,
        "batch_size": report.batch,
        "verdict": report.verdict.name,
        "tensors": [asdict(row) for row in report.rows],
        "kinks": list(kinks_of(report.examined)),
    }


def kinks_of(examined: Examined) -> Iterator[dict[str, Any]]:
    """The units of each layer that stand exactly on a kink: how many, both slopes, the one taken."""
    for layer in examined.kinks:
        kinks = layer.kinks
        first = int(np.argmin(kinks.agrees))
        sample, unit = (int(index) for index in kinks.where[first])
        yield {
            "layer": layer.layer,
            "units": len(kinks.where),
            "sample": sample,
            "unit": unit,
            "left": finite(float(kinks.left[first])),
            "right": finite(float(kinks.right[first])),
            "analytic": finite(float(kinks.taken[first])),
            "agrees": bool(kinks.agrees.all()),
        }


def exact_fault(network: Network, examined: Examined) -> str:
    """What is wrong with a gradient that has not passed, in words that follow `the gradient check`."""
    for kink in kinks_of(examined):
        if not kink["agrees"]:
            return (
                f"failed: unit {kink['unit']} of {kink['layer']} stands on a kink with slopes {kink['left']} and "
                f"{kink['right']}, and its slope is {kink['analytic']}"
            )
    rows = list(rows_of(network.layout, examined))
    worst = max(rows, key=_badness)
    other = worst.second if worst.numeric is None or worst.verdict == "INCONCLUSIVE" else worst.numeric
    how = "failed" if worst.verdict == "FAIL" else "could not decide"
    return (
        f"{how}: {worst.worst} is {shown(worst.analytic)}, measured {shown(other)}, "
        f"error {shown(worst.error)} where {shown(worst.excluded)} is allowed"
    )


def shown(value: float | None, digits: int = 6) -> str:
    """A number of a report in words: a dash where it was not measured."""
    return "–" if value is None else f"{value:.{digits}g}"
