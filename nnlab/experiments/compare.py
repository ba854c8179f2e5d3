"""Compare activations: the same experiment under each of them, all seeds of one trained at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.arms import Target, arm_experiment
from nnlab.config.choices import Choice
from nnlab.config.experiment import to_yaml
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import InterruptedRunError, StorageError
from nnlab.experiments.interrupts import Stop, stopping
from nnlab.experiments.setup import SPLITS, Setup, prepare_rows, set_up
from nnlab.experiments.train import Observer, Progress
from nnlab.maths.activations import AnyActivation
from nnlab.maths.metrics import TRAINING_METRICS, metric_of
from nnlab.maths.statistics import Interval, mean_interval, median, share_interval, steps_to_target
from nnlab.networks.network import Evaluator
from nnlab.records.comparison import Comparison, write_comparison
from nnlab.records.environment import environment
from nnlab.records.files import void
from nnlab.records.runs import RunFolder, finite, now
from nnlab.training.loop import Part, Record, State, fit
from nnlab.training.stopping import Best

Array = NDArray[Any]

# Seeds are trained together as long as their rows, theta, slots and buffers stay within about this many bytes.
_BYTES_AT_ONCE = 2**30


@dataclass
class Arm:
    """What one activation did: `curves` hold each figure as (R, T) over `steps`, `finals` each as (R,)."""

    label: str
    choice: Choice
    parameters: int
    theta: Array
    statistics: Array
    steps: Array
    curves: dict[str, Array]
    finals: dict[str, Array]
    diverged: Array
    seconds: float


@dataclass
class Compared:
    """The folder of a comparison and what its summary.json holds."""

    folder: Path
    summary: dict[str, Any]
    warnings: list[str]


def compare(
    experiment: Experiment,
    dataset: Dataset,
    choices: Sequence[Choice],
    seeds: Sequence[int],
    *,
    runs: Path,
    activations: Mapping[str, AnyActivation],
    target: Target,
    command: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    observe: Callable[[str], Observer] = lambda _label: void,
) -> Compared:
    """Train every activation with every seed and write one folder with figures, curves, pictures and weights.

    Each seed has its own split, data order and initial draws, and these are the same for every activation.
    """
    folder = RunFolder.create(runs, f"{experiment.name}_compare", ("plots", "weights"))
    folder.write_config(to_yaml(experiment))
    begun, clock, status = now(), time.perf_counter(), "failed"
    about = {"kind": "compare-activations", "begun": begun, "command": list(command), **(facts or {})}
    about |= {"data": {"name": dataset.name, "fingerprint": dataset.fingerprint}, "environment": environment()}
    folder.write_run({"status": "running", **about})
    try:
        with stopping() as stop:
            job = _Job(experiment, dataset, seeds, activations, stop, folder.path)
            arms = [job.arm(choice, observe(choice.label)) for choice in choices]
        result = _finish(experiment, folder, arms, seeds, target, time.perf_counter() - clock)
        status = "completed"
    except (KeyboardInterrupt, InterruptedRunError):
        status = "interrupted"
        raise
    else:
        return result
    finally:
        seconds = round(time.perf_counter() - clock, 3)
        with contextlib.suppress(StorageError):  # or it would hide what happened before
            folder.write_run({"status": status, "ended": now(), "seconds": seconds, **about})


@dataclass(frozen=True)
class _Job:
    """What all arms of a comparison share."""

    experiment: Experiment
    dataset: Dataset
    seeds: Sequence[int]
    activations: Mapping[str, AnyActivation]
    stop: Stop
    folder: Path

    def arm(self, choice: Choice, observe: Observer) -> Arm:
        """One activation under all seeds, as many at once as memory allows; the figures do not depend on how many."""
        own, clock, pieces = arm_experiment(self.experiment, choice), time.perf_counter(), []
        for chunk in _chunks(own, self.dataset, self.seeds):
            setup = set_up(own, prepare_rows(own, self.dataset, chunk), self.activations)
            pieces.append(_piece(setup, choice, observe, self.stop))
            if self.stop():
                raise self.stop.error(f"the comparison in {self.folder} is incomplete")
        return _joined(pieces, time.perf_counter() - clock)


def _chunks(experiment: Experiment, dataset: Dataset, seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    drawn = experiment.data.validation is not None or experiment.data.test is not None
    each = dataset.x.size * (4 if experiment.precision == "float32" else 8) if drawn else 1
    at_once = max(1, min(len(seeds), _BYTES_AT_ONCE // max(1, 2 * each)))
    return (seeds[i : i + at_once] for i in range(0, len(seeds), at_once))


def _piece(setup: Setup, choice: Choice, observe: Observer, stop: Stop) -> Arm:
    """Train one chunk of seeds."""
    state, parts, clock = setup.start(), setup.rows.parts(), time.perf_counter()
    records: list[Record] = []
    for record in fit(setup.network, parts, setup.rows.seeds, setup.rule.update, setup.plan, state, stop):
        records.append(record)
        figures = {name: _mean(values) for name, values in record.figures.items()}
        observe(Progress(record.step, setup.plan.steps, record.epoch, figures, time.perf_counter() - clock))
    stops_early = setup.experiment.training.early_stopping is not None
    chosen = state.best if stops_early else state
    finals = _finals(setup, parts, chosen, state.diverged)
    steps, curves = _curves(records)
    seconds = time.perf_counter() - clock
    return Arm(
        choice.label,
        choice,
        setup.network.layout.size,
        chosen.theta,
        chosen.statistics,
        steps,
        curves,
        finals,
        state.diverged,
        seconds,
    )


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _curves(records: Iterable[Record]) -> tuple[Array, dict[str, Array]]:
    """Every figure over the steps at which anything was measured, (R, T), nan where this one was not."""
    shown = [record for record in records if record.figures]
    names = list(dict.fromkeys(name for record in shown for name in record.figures))
    replicas = len(next(iter(shown[0].figures.values())))
    missing = np.full(replicas, np.nan)
    curves = {name: np.stack([record.figures.get(name, missing) for record in shown], axis=1) for name in names}
    return np.array([record.step for record in shown]), curves


def _finals(setup: Setup, parts: Mapping[str, Part], weights: Best | State, diverged: Array) -> dict[str, Array]:
    """Loss and quick figures of every split for each replica, (R,), nan where it diverged."""
    evaluator = Evaluator(setup.network, weights.theta, weights.statistics)
    finals: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for split in SPLITS:
            if split in parts:
                finals |= _final(setup.experiment.task, evaluator, split, parts[split])
    return {name: np.where(diverged, np.nan, values) for name, values in finals.items()}


def _final(task: Any, evaluator: Evaluator, split: str, part: Part) -> dict[str, Array]:
    outputs, loss = evaluator.outputs_and_loss(part.x, part.y)
    assert loss is not None
    outputs, y = part.in_own_units(outputs), part.in_own_units(part.y)
    return {f"{split}/loss": loss} | {f"{split}/{name}": f(outputs, y) for name, f in TRAINING_METRICS[task].items()}


def _joined(pieces: Sequence[Arm], seconds: float) -> Arm:
    """Chunks of seeds as one arm."""
    first = pieces[0]
    longest = max((piece.steps for piece in pieces), key=len)

    def stacked(values: Callable[[Arm], Array]) -> Array:
        return np.concatenate([values(piece) for piece in pieces])

    return Arm(
        first.label,
        first.choice,
        first.parameters,
        stacked(lambda piece: piece.theta),
        stacked(lambda piece: piece.statistics),
        longest,
        {name: stacked(lambda piece, name=name: _padded(piece.curves[name], len(longest))) for name in first.curves},  # type: ignore[misc]
        {name: stacked(lambda piece, name=name: piece.finals[name]) for name in first.finals},  # type: ignore[misc]
        stacked(lambda piece: piece.diverged),
        seconds,
    )


def _padded(curve: Array, length: int) -> Array:
    """A curve (R, T) of seeds that stopped earlier than others, filled up with nan."""
    return np.pad(curve, ((0, 0), (0, length - curve.shape[1])), constant_values=np.nan)


def _finish(
    experiment: Experiment, folder: RunFolder, arms: Sequence[Arm], seeds: Sequence[int], target: Target, seconds: float
) -> Compared:
    split = next(name for name in ("test", "val", "train") if f"{name}/loss" in arms[0].finals)
    metric = next(iter(TRAINING_METRICS[experiment.task]))
    headline = f"{split}/{metric}"
    summary = {
        "run": str(folder.path),
        "status": "completed",
        "seeds": list(seeds),
        "figure": headline,
        "larger_is_better": metric_of(metric).larger_is_better,
        "target": target.text,
        "arms": {arm.label: _arm_summary(arm, target) for arm in arms},
        "seconds": round(seconds, 3),
    }
    comparison = Comparison(
        experiment.name,
        headline,
        metric_of(metric).larger_is_better,
        list(seeds),
        {arm.label: arm for arm in arms},
        {arm.label: reached(arm, target) for arm in arms},
        _intervals(arms, headline),
        summary,
        loss=str(experiment.network.head.loss),
        scaled_targets=experiment.data.scale_targets,
    )
    warnings = write_comparison(folder, comparison)
    return Compared(folder.path, summary, warnings)


def _intervals(arms: Sequence[Arm], figure: str) -> dict[str, tuple[float, float, float]]:
    """Mean and 95 % interval of each arm where at least two seeds gave a figure."""
    found = {arm.label: _interval(arm.finals[figure]) for arm in arms}
    return {
        label: (i.estimate, i.low, i.high)
        for label, i in found.items()
        if i and i.low is not None and i.high is not None
    }


def _interval(values: Array) -> Interval | None:
    known = values[np.isfinite(values)]
    return mean_interval(known) if len(known) else None


def reached(arm: Arm, target: Target) -> Array:
    """The first step at which each seed reached the target, (R,), nan if it never did or it was not measured."""
    if target.figure not in arm.curves:
        return np.full(len(arm.diverged), np.nan)
    curve = arm.curves[target.figure]
    return steps_to_target(arm.steps, curve, target.level, larger_is_better=target.larger_is_better)


def _arm_summary(arm: Arm, target: Target) -> dict[str, Any]:
    steps = reached(arm, target)
    hits = int(np.isfinite(steps).sum())
    middle = median(np.nan_to_num(steps, nan=np.inf))
    return {
        "activation": arm.choice.plain(),
        "parameters": arm.parameters,
        "final": {name: _figure_summary(values) for name, values in arm.finals.items()},
        "reached": hits,
        "reached_share": asdict(share_interval(hits, len(steps))),
        "median_steps_to_target": finite(middle),
        "diverged": int(arm.diverged.sum()),
        "seconds": round(arm.seconds, 3),
    }


def _figure_summary(values: Array) -> dict[str, Any]:
    interval = _interval(values)
    return {
        "mean": finite(interval.estimate) if interval else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "values": [finite(float(value)) for value in values],
    }
