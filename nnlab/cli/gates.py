"""What the commands that hold gates share: the baseline, the report for build servers, the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nnlab.errors import ConfigError, GateError, printable

if TYPE_CHECKING:
    from nnlab.config.schema import Experiment
    from nnlab.gates.hold import Measured, Outcome
    from nnlab.gates.parse import Gate


class Gates:
    """The options `--baseline` and `--junit`, checked before anything runs and used after."""

    def __init__(self, runs: Path, baseline: str | None, junit: Path | None) -> None:
        self.runs, self.baseline_name, self.junit = runs, baseline, junit
        if junit is not None:
            from nnlab.runs.files import check_place

            check_place(junit)

    @cached_property
    def baseline(self) -> Measured | None:
        """What the run of `--baseline` measured; None without one."""
        if self.baseline_name is None:
            return None
        from nnlab.gates.hold import read_baseline
        from nnlab.runs.lookup import find

        return read_baseline(find(self.runs, self.baseline_name))

    def check(self, experiment: Experiment) -> None:
        """Refuse gates on a baseline without one, at their places, and a baseline without such gates: ConfigError."""
        from nnlab.config.experiment import refusal
        from nnlab.gates.hold import NO_BASELINE, needs_baseline

        self.check_used(experiment.parsed_gates)
        if self.baseline is None and (needing := needs_baseline(experiment.parsed_gates)):
            raise refusal(experiment, [(("gates", index), NO_BASELINE) for index in needing])

    def check_used(self, gates: Sequence[Gate]) -> None:
        """Refuse a baseline with which no gate compares: nothing would be held against it."""
        from nnlab.gates.hold import needs_baseline

        if self.baseline is not None and not needs_baseline(gates):
            raise ConfigError("--baseline: found no gate that uses it, expected one such as 'val/loss <= baseline'")

    def write(self, run: Path, gates: Sequence[Outcome], seconds: float) -> None:
        """Write the outcomes where `--junit` wants them, as a suite named after the run."""
        if self.junit is not None:
            from nnlab.gates.junit import JUnitCase, write_junit

            cases = [JUnitCase(gate.gate, "" if gate.met else _missed(gate)) for gate in gates]
            write_junit(self.junit, run.name, cases, seconds)


def require(gates: Sequence[Outcome]) -> None:
    """GateError with a line for each gate that was not met."""
    missed = [_missed(gate) for gate in gates if not gate.met]
    if missed:
        raise GateError("\n".join(missed))


def _missed(gate: Outcome) -> str:
    found = gate.found if gate.value is None else f"found {gate.found}"
    return f"gate not met: {printable(gate.gate)} ({found})"
