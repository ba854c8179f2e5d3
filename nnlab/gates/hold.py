"""Gates evaluated on the figures that a run measured, and on those of a baseline run where needed.

Runs are listed by the same gates, without NumPy: what needs it is loaded where it is used.
"""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from nnlab.errors import CheckpointError, ConfigError, Fault, printable
from nnlab.gates.parse import BASELINE, Gate, WhenMeasured, never_met, option, unknown_figure
from nnlab.storage.folder import RunFolder
from nnlab.storage.metrics import check_mark, finite, read_figures
from nnlab.storage.run import UNFINISHED
from nnlab.storage.summary import ArmSummary, BenchmarkSummary, GateLine, OverSeeds, TrainingSummary

if TYPE_CHECKING:
    from nnlab.networks.layout import Layout


@dataclass
class Series:
    """One figure during training: where it was measured, in the order of the steps, in 24 bytes for each value."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, epoch: float, value: float) -> None:
        """Append a value."""
        self.steps.append(step)
        self.epochs.append(epoch)
        self.values.append(value)

    def at(self, step: int) -> float | None:
        """The value at a step, or None if it was not measured there."""
        index = bisect_left(self.steps, step)
        return self.values[index] if index < len(self.steps) and self.steps[index] == step else None

    def __iter__(self) -> Iterator[tuple[int, float, float]]:
        """Step, epoch and value of each."""
        return zip(self.steps, self.epochs, self.values, strict=True)


@dataclass
class Measured:
    """All figures of a run: the final ones, and those during training; the losses may be those of scaled targets."""

    final: dict[str, float | None] = field(default_factory=dict)
    history: dict[str, Series] = field(default_factory=dict)
    scaled_targets: bool = False

    def add(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Record figures measured at a step."""
        for name, value in figures.items():
            self.series(name).add(step, epoch, value)

    def series(self, name: str) -> Series:
        """A figure during training, empty at first."""
        if name not in self.history:
            self.history[name] = Series()
        return self.history[name]

    def add_parameters(self, gates: Iterable[Gate], layout: Layout, theta: Any) -> None:
        """Record the entries of theta (P,) that gates ask for, such as `dense1/weights[0,0]`."""
        for asked in _asks(gates):
            column = layout.column(asked.figure)
            if column is not None:
                self.final[asked.figure] = float(theta[column])


@dataclass(frozen=True)
class Outcome:
    """A gate, the measured value, the bound, and whether the value meets it; None stands for not measured."""

    gate: str
    value: float | None
    met: bool
    bound: float | None = None
    compares: bool = False
    scaled_targets: bool = False

    @property
    def shown(self) -> str:
        """The gate in words, which name a loss of scaled targets as such."""
        from nnlab.maths.metrics import shown_gate  # noqa: PLC0415 - NumPy

        return shown_gate(self.gate, scaled_targets=self.scaled_targets)

    def line(self) -> GateLine:
        """The outcome for summary.json, with the bound if it is not a plain number of the gate."""
        bound = {"bound": self.bound} if self.compares else {}
        return GateLine(gate=self.gate, value=self.value, met=self.met, **bound)

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        return self.line().document()

    @property
    def found(self) -> str:
        """The measured value, in words."""
        value = "not measured" if self.value is None else f"{self.value:.9g}"
        if not self.compares:
            return value
        return f"{value}, bound {'not measured' if self.bound is None else format(self.bound, '.9g')}"


def hold(gates: Sequence[Gate], measured: Measured, baseline: Measured | None = None) -> list[Outcome]:
    """The outcome of each gate; `baseline` holds the figures of the run that some gates compare with."""
    return [_outcome(gate, measured, baseline or Measured()) for gate in gates]


def _outcome(gate: Gate, measured: Measured, baseline: Measured) -> Outcome:
    bound = _bound(gate, measured, baseline)
    value = _value(gate, measured, bound)
    compares, scaled = gate.of is not None, measured.scaled_targets
    return Outcome(gate.text, finite(value), gate.met(value, bound), bound, compares=compares, scaled_targets=scaled)


def _bound(gate: Gate, measured: Measured, baseline: Measured) -> float | None:
    """The bound of a gate, or None if it depends on a figure that was not measured."""
    if gate.of is None:
        return gate.bound
    name, where = (gate.figure, baseline) if gate.of == BASELINE else (gate.of.name, measured)
    step = gate.step if gate.of == BASELINE else gate.of.step
    reference = finite(where.final.get(name) if step is None else _at(step, where, name))
    return None if reference is None else finite(gate.bound * reference + gate.offset)


def _value(gate: Gate, measured: Measured, bound: float | None) -> float | None:
    """The value that a gate asks for, or None if it was not measured."""
    history = measured.history.get(gate.figure, Series())
    if gate.step is not None:
        return _at(gate.step, measured, gate.figure)
    if gate.by_epoch is not None:
        return gate.best(history.values[: bisect_right(history.epochs, gate.by_epoch)], bound)
    if gate.by_step is not None:
        return gate.best(history.values[: bisect_right(history.steps, gate.by_step)], bound)
    return measured.final.get(gate.figure)


def _at(step: int, measured: Measured, name: str) -> float | None:
    return measured.history[name].at(step) if name in measured.history else None


def _asks(gates: Iterable[Gate]) -> Iterator[Gate]:
    return (asked for gate in gates for asked in gate.asks)


# --- another run to compare with --------------------------------------------------------------------------------------


def needs_baseline(gates: Iterable[Gate]) -> list[int]:
    """The gates that compare with a baseline."""
    return [index for index, gate in enumerate(gates) if gate.of == BASELINE]


def check_metrics(run: RunFolder) -> None:
    """CheckpointError if metrics.csv is not as run.json says, or else the last checkpoint; both may be missing."""
    from nnlab.storage import checkpoints  # noqa: PLC0415 - NumPy
    from nnlab.storage.about import StateAbout  # noqa: PLC0415 - NumPy

    run.check_table("metrics.csv")
    try:
        last = checkpoints.load(run.checkpoint("last"))
    except CheckpointError:
        return
    about = StateAbout.of(last.about, printable(str(run.checkpoint("last"))))
    with contextlib.suppress(FileNotFoundError):  # which is told where its rows are read
        check_mark(run.path / "metrics.csv", about.marks["metrics.csv"].mark())


def read_baseline(run: RunFolder) -> Measured:
    """The figures of a finished run or comparison. CheckpointError if its files cannot be used."""
    summary = run.read_summary()
    if summary is None:
        raise CheckpointError(f"{printable(str(run.path))}: found no summary.json, expected a finished run")
    if summary.status in UNFINISHED:
        found = f"found a run with the status {summary.status}, expected a finished one"
        raise CheckpointError(f"{printable(str(run.path))}: {found}")
    if isinstance(summary, BenchmarkSummary):
        found = "found a benchmark, of which gates compare nothing"
        raise CheckpointError(f"{printable(str(run.path))}: {found}; expected a training or a comparison")
    if wrong := [*summary.wrong_gradients()]:
        raise CheckpointError(f"{printable(str(run.path))}: expected a run with right gradients; {wrong[0]}")
    if isinstance(summary, TrainingSummary):
        measured = Measured({name: finite(value) for name, value in (summary.final | summary.baselines).items()})
        check_metrics(run)
        # metrics.csv of a comparison has rows of single seeds, which are not figures of the comparison.
        for step, epoch, figures in read_figures(run.path / "metrics.csv"):
            measured.add(step, epoch, figures)
        return measured
    arms = {summary.full_label(label): arm for label, arm in summary.arms.items()}
    return Measured(figures_of_arms(arms, len(summary.seeds)))


def with_short_labels(baseline: Measured, formulas: Mapping[str, str]) -> Measured:
    """A baseline whose arms by formulas are also named as in the comparison with these short labels."""
    final = dict(baseline.final)
    for short, formula in formulas.items():
        own = [name for name in baseline.final if name.startswith((f"{formula}.", f"{formula} "))]
        final |= {short + name.removeprefix(formula): baseline.final[name] for name in own}
    return replace(baseline, final=final)


def asks_for(gates: Iterable[Gate], baseline: str = "") -> bool:
    """Whether a gate compares with a figure of this baseline, such as linear; by default of any."""
    return any(asked.figure.startswith(f"baseline/{baseline}") for asked in _asks(gates))


# --- figures of comparisons -------------------------------------------------------------------------------------------

_COUNTS = ("reached", "reached.share", "reached.low", "reached.high", "diverged", "diverged.share", "steps_to_target")
_STATISTICS = ("mean", "low", "high", "median", "min", "max")


def arm_figures(label: str, figures: Iterable[str]) -> list[str]:
    """The names of the figures of an arm in gates: `relu.val/loss` is the mean over the seeds."""
    spread = [f"{figure}{end}" for figure in figures for end in ("", *(f".{name}" for name in _STATISTICS))]
    return [f"{label}.{name}" for name in (*spread, *_COUNTS)]


def figures_of_arms(arms: Mapping[str, ArmSummary], seeds: int) -> dict[str, float | None]:
    """All figures of a comparison's arms, by these names; None if no seed has a value."""
    found: dict[str, float | None] = {}
    for label, arm in arms.items():
        values = [value for final in arm.final.values() for value in _spread(final)]
        share = arm.reached_share
        values += [arm.reached, share.estimate, share.low, share.high]
        values += [arm.diverged, arm.diverged / seeds, arm.median_steps_to_target]
        found |= zip(arm_figures(label, arm.final), values, strict=True)
    return found


def _spread(final: OverSeeds) -> list[float | None]:
    known = [value for value in final.values if value is not None]
    middle = [median(known), min(known), max(known)] if known else [None, None, None]
    return [final.mean, final.mean, final.low, final.high, *middle]


def name_arms(gates: Iterable[Gate], labels: Mapping[str, str]) -> list[Gate]:
    """The gates with arms named as on the command line renamed to their labels; `labels` maps word to label."""
    return [_relabelled(gate, labels) for gate in gates]


def _relabelled(gate: Gate, labels: Mapping[str, str]) -> Gate:
    of = replace(gate.of, name=_label(gate.of.name, labels)) if gate.of and gate.of != BASELINE else gate.of
    return replace(gate, figure=_label(gate.figure, labels), of=of)


def _label(name: str, labels: Mapping[str, str]) -> str:
    word = max((word for word in labels if name.startswith(f"{word}.")), key=len, default=None)
    return name if word is None else labels[word] + name[len(word) :]


# --- gates of the command line that can never be met ------------------------------------------------------------------


def check_arm_gates(
    gates: Sequence[Gate],
    labels: Sequence[str],
    figures: Sequence[str],
    seeds: int,
    *,
    baseline: bool,
    baselines: Iterable[str] = (),
) -> None:
    """ConfigError for gates on figures that a comparison of these arms and `baselines` does not measure."""
    known = {*baselines} | {name for label in labels for name in arm_figures(label, figures)}
    bounds = {f"{label}.{figure}.{end}" for label in labels for figure in figures for end in ("low", "high")}
    faults = []
    for asked in _asks(gates):
        if seeds == 1 and asked.figure in bounds:
            text = f"{printable(asked.figure)} is a bound of an interval over seeds; expected --seeds of at least 2"
            faults.append(Fault(text, option(asked.text)))
    check_gates(gates, known, baseline=baseline, faults=faults)


def check_gates(gates: Sequence[Gate], known: Iterable[str], *, baseline: bool, faults: Sequence[Fault] = ()) -> None:
    """ConfigError for gates on figures that are not `known`, or at steps, and on a baseline if there is none."""
    known = sorted(known)
    found = [*faults]
    for asked in _asks(gates):
        fault = unknown_figure(asked, known) or never_met(asked, WhenMeasured(final=True))
        found += [Fault(fault, option(asked.text))] if fault else []
    if not baseline:
        found += [Fault(NO_BASELINE, option(gates[index].text)) for index in needs_baseline(gates)]
    if found:
        raise ConfigError(found)


NO_BASELINE = "the gate compares with a baseline; expected --baseline RUN"
