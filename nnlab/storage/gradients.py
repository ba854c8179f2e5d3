"""The outcome of a training's gradient check, in summary.json and, for what a resume checked again, in run.json."""

from __future__ import annotations

from pydantic import StrictBool, StrictStr

from nnlab.storage.documents import DocumentPart, Number, Whole

Text = StrictStr


class GradientSummary(DocumentPart):
    """The gradient check before so many `updates`, the first of them number `before_update`.

    `error` is the largest, None if it is no number, that of the entry `worst` of theta before the update
    `worst_before_update`. `faults` say what did not pass.
    """

    passed: StrictBool
    before_update: Whole
    updates: Whole
    error: Number | None
    worst: Text
    worst_before_update: Whole
    faults: tuple[Text, ...] = ()

    def sentence(self) -> str:
        """The outcome in one line."""
        return f"gradient check of the {self.steps()}: {'passed' if self.passed else 'FAILED'}, {self.largest()}"

    def steps(self) -> str:
        """The steps before which was checked: `first 3 steps`."""
        ordinal = "first " if self.before_update == 1 else ""
        since = "" if self.before_update == 1 else f" from step {self.before_update:,} on"
        return f"{ordinal}{self.updates:,} step{'s' * (self.updates > 1)}{since}"

    def largest(self) -> str:
        """The largest error and its place: `worst error 3e-11 at dense1/weights[3,1]`."""
        return f"worst error {'no number' if self.error is None else f'{self.error:.2g}'} at {self.worst}"
