"""Gates of a command: the baseline run with which they compare, and the JUnit report for build servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nnlab.config.experiment import refusal
from nnlab.config.schema import Experiment
from nnlab.errors import ConfigError, printable
from nnlab.experiments.baselines import check_chosen
from nnlab.gates.hold import NO_BASELINE, Measured, Outcome, needs_baseline, read_baseline
from nnlab.gates.junit import JUnitCase, write_junit
from nnlab.gates.parse import Gate
from nnlab.storage.lookup import find
from nnlab.storage.outputs import NamedOutput


@dataclass(frozen=True)
class Gating:
    """A baseline run in `runs` and the output for a JUnit report; both are used after the training.

    `baselines` is whether a linear model was asked for, or refused, to compare with.
    """

    runs: Path
    baseline_name: str | None = None
    junit: NamedOutput | None = None
    baselines: bool | None = None

    @cached_property
    def baseline(self) -> Measured | None:
        """The measurements of the baseline; None without a baseline."""
        return None if self.baseline_name is None else read_baseline(find(self.runs, self.baseline_name))

    def check(self, experiment: Experiment) -> None:
        """ConfigError for gates on a baseline if there is none, and for a baseline that no gate uses."""
        self.check_used(experiment.parsed_gates)
        if self.baseline is None and (needing := needs_baseline(experiment.parsed_gates)):
            raise refusal(experiment, [(("gates", index), NO_BASELINE) for index in needing])

    def check_used(self, gates: Sequence[Gate]) -> None:
        """ConfigError for a baseline that no gate uses, and for a gate that needs what --no-baselines leaves out."""
        check_chosen(gates, chosen=self.baselines)
        if self.baseline is not None and not needs_baseline(gates):
            raise ConfigError("--baseline: found no gate that uses it, expected one such as 'val/loss <= baseline'")

    def write(
        self, experiment: str, run: Path, gates: Sequence[Outcome], seconds: float, trusted: Sequence[str] = ()
    ) -> None:
        """Write the JUnit report, if requested, as a test suite named after the experiment.

        Its properties are the `run` and what was `trusted` of it.
        """
        if self.junit is not None:
            cases = [JUnitCase(gate.gate, "" if gate.met else missed(gate)) for gate in gates]
            properties = [("run", str(run)), *(("trusted", difference) for difference in trusted)]
            write_junit(self.junit, experiment, cases, seconds, properties)


def missed(gate: Outcome) -> str:
    """A sentence on a gate that was not met."""
    found = gate.found if gate.value is None else f"found {gate.found}"
    return f"gate not met: {printable(gate.shown)} ({found})"
