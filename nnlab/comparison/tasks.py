"""The work of a comparison in tasks: one arm, or arms that differ only in their learning rate, under some seeds.

A task trains all its replicas at once. How seeds and rates are grouped changes no bit of any figure, so tasks may run
anywhere and in any order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.variants import LEARNING_RATE, Settings, Variant, rates_of, same_but_rate
from nnlab.config.choices import ActivationChoice
from nnlab.config.plugins import once_written
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import NnlabError, told
from nnlab.experiments.train import Beat, Observer, Progress, shown
from nnlab.networks.evaluator import Evaluator
from nnlab.setup.network import dtype_of, network_for
from nnlab.setup.rows import Rows, prepare_rows
from nnlab.setup.setup import Setup, set_up
from nnlab.training.evaluation import figures_of
from nnlab.training.plan import Record
from nnlab.training.state import State
from nnlab.training.stopping import Best

Array = NDArray[Any]
Stopping = Callable[[], bool]


@dataclass
class Arm:
    """The training results of an arm: `curves` holds each figure over `steps` as (R, T), `finals` each as (R,).

    `bad_step`, (R,), is the first bad step of each replica that `diverged`, -1 for the others. `settings`, `family`,
    `name` and `starts` are those of its variant.
    """

    label: str
    choice: ActivationChoice
    parameters: int
    theta: Array
    statistics: Array
    steps: Array
    curves: dict[str, Array]
    finals: dict[str, Array]
    diverged: Array
    bad_step: Array
    seconds: float
    settings: Settings = ()
    family: str = ""
    name: str = ""
    starts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """Some seeds of one variant, or of several variants that differ only in their learning rate."""

    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Failure:
    """The reason why a task failed, with its exit code."""

    reason: str
    exit_code: int


Outcome = list[Arm] | Failure | None


class RowSource:
    """A data set, with a cache of the rows prepared last: the next task often needs the same ones."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.last: tuple[object, Rows] | None = None

    def rows(self, experiment: Experiment, seeds: tuple[int, ...]) -> Rows:
        """The rows as the experiment prepares them, for each seed; shared by all seeds if nothing is drawn."""
        data = experiment.data
        drawn = data.draws_a_part
        key = (repr(data), experiment.precision, seeds if drawn else ())
        last = self.last
        if last is None or last[0] != key:
            last = self.last = None  # two sets of rows may not fit into memory
            last = self.last = (key, prepare_rows(experiment, self.dataset, seeds))
        return replace(last[1], seeds=seeds)


def attempt(task: Task, source: RowSource, observe: Observer, stop: Stopping) -> Outcome:
    """Run a task: an arm for each variant, a Failure, or None if a stop was requested."""
    try:
        with once_written():
            arms = run(task, source, observe, stop)
    except NnlabError as error:
        return Failure(str(error), error.exit_code)
    except MemoryError:
        return Failure("found too little memory, expected a smaller network, batch or data set", 2)
    except Exception as error:  # noqa: BLE001 - the other arms must go on
        return Failure(told(error), 1)
    return None if stop() else arms


def run(task: Task, source: RowSource, observe: Observer, stop: Stopping) -> list[Arm]:
    """Train all seeds and rates of a task at once; an arm for each variant."""
    first, count = task.variants[0], len(task.variants)
    rows = source.rows(first.experiment, task.seeds)
    if count == 1:
        arm = train_piece(set_up(first.experiment, rows), observe, stop)
        return [named(arm, first)]
    prepared = rows.prepared if len(rows.prepared) == 1 else rows.prepared * count
    setup = set_up(first.experiment, Rows(rows.dataset, rows.seeds * count, prepared))
    together = train_piece(setup.with_rates(rates_of(task.variants)), observe, stop)
    length = len(task.seeds)
    return [
        named(some(together, range(index * length, (index + 1) * length), 1 / count), variant)
        for index, variant in enumerate(task.variants)
    ]


def named(arm: Arm, variant: Variant) -> Arm:
    """The arm with what a variant is called, its settings and its starts."""
    arm = replace(arm, label=variant.label, choice=variant.choice, settings=variant.settings)
    return replace(arm, family=variant.family, name=variant.name, starts=variant.starts)


# --- which seeds at once ----------------------------------------------------------------------------------------------

# Bytes for rows that are drawn anew for each seed, roughly.
_BYTES_OF_ROWS = 2**30
# The memory that a step touches should stay near the cache: on 784-50-10 with batches of 64, five seeds at once take
# as long per seed as one alone, ten or twenty take 50 % longer per seed.
_BYTES_OF_A_STEP = 2**22
# Smaller pieces for several processes would gain nothing: measured on 2-2-1, where a
# thousand seeds at once take 0.24 µs each, two hundred 0.4 and twenty 1.4.
_BYTES_WORTH_SHARING = 2**17


def tasks_for(
    wanted: Sequence[tuple[Variant, tuple[int, ...]]],
    dataset: Dataset,
    jobs: int = 1,
) -> list[Task]:
    """The tasks for variants and seeds; variants that differ only in their learning rate share tasks."""
    groups: dict[tuple[str, tuple[int, ...]], list[Variant]] = {}
    for variant, seeds in wanted:
        has_rate = LEARNING_RATE in dict(variant.settings)
        alike = repr((variant.family, same_but_rate(variant.experiment))) if has_rate else variant.label
        groups.setdefault((alike, seeds), []).append(variant)
    return [
        Task(tuple(group), tuple(chunk))
        for (_, seeds), group in groups.items()
        for chunk in chunks(group[0].experiment, dataset, seeds, jobs, len(group))
    ]


def chunks(
    experiment: Experiment,
    dataset: Dataset,
    seeds: Sequence[int],
    jobs: int = 1,
    rates: int = 1,
) -> Iterator[Sequence[int]]:
    """Split seeds evenly into pieces: small enough for the cache, and enough of them for all processes."""
    rows, step = _bytes_of_rows(experiment, dataset), rates * _bytes_of_a_step(experiment, dataset)
    shared = max(-(-len(seeds) // jobs), _BYTES_WORTH_SHARING // step)
    most = max(1, min(shared, _BYTES_OF_A_STEP // step, _BYTES_OF_ROWS // max(1, rates * rows)))
    count = max(1, -(-len(seeds) // most))
    bounds = [len(seeds) * index // count for index in range(count + 1)]
    return (seeds[low:high] for low, high in pairwise(bounds))


def _bytes_of_rows(experiment: Experiment, dataset: Dataset) -> int:
    """Bytes of the drawn and stacked rows of one seed; 0 if all seeds share them."""
    drawn = experiment.data.draws_a_part
    return 2 * dataset.x.size * dtype_of(experiment).itemsize if drawn else 0


def _bytes_of_a_step(experiment: Experiment, dataset: Dataset) -> int:
    """Bytes that a step of one seed touches: theta, gradient and slots, a batch, and the buffers of the layers."""
    network = network_for(experiment, dataset.sample_shape, dataset.y.shape[1])
    optimizer, batch = experiment.optimizer, experiment.training.batch_size
    slots = optimizer.entry.slots(optimizer.values)
    rows = len(dataset.x) if batch == "all" else min(batch, len(dataset.x))
    itemsize = dtype_of(experiment).itemsize
    inputs = rows * network.inputs * itemsize
    return int(network.layout.size * (2 + len(slots)) * itemsize + inputs + network.workspace(rows, itemsize))


# --- training ---------------------------------------------------------------------------------------------------------


def train_piece(setup: Setup, observe: Observer, stop: Stopping) -> Arm:
    """Train an arm, not yet named, under the seeds of a setup."""
    state, clock = setup.start(), time.perf_counter()
    records: list[Record] = []
    scaled = setup.experiment.data.scale_targets
    for record in setup.fit(state, stop=stop, pause=Beat()):
        records.append(record)
        figures = shown(setup, {name: _mean(values) for name, values in record.figures.items()})
        seconds = time.perf_counter() - clock
        replicas = {name: (record.step, values) for name, values in record.figures.items()}
        about: dict[str, Any] = {"scaled_targets": scaled, "replicas": replicas}
        observe(Progress(record.step, setup.plan.steps, record.epoch, figures, seconds, **about))
    chosen = setup.chosen(state)
    steps, curves = _curves(records, logged=setup.plan.log_every <= setup.plan.steps)
    return Arm(
        "",
        setup.experiment.network.activation,
        setup.network.layout.size,
        np.ascontiguousarray(chosen.theta),
        chosen.statistics,
        steps,
        curves,
        _finals(setup, chosen, state.diverged),
        state.diverged,
        np.where(state.diverged, state.bad_step, -1),
        time.perf_counter() - clock,
    )


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _curves(records: Iterable[Record], *, logged: bool) -> tuple[Array, dict[str, Array]]:
    """Each figure over the steps at which anything was measured, (R, T), nan where it was not.

    A loss in `logged` always has a curve, even if all replicas diverged before it was measured.
    """
    shown = [record for record in records if record.figures]
    names = list(dict.fromkeys(name for record in shown for name in record.figures))
    names += ["batch/loss"] if logged and "batch/loss" not in names else []
    missing = np.full(len(next(iter(shown[0].figures.values()))), np.nan)
    curves = {name: np.stack([record.figures.get(name, missing) for record in shown], axis=1) for name in names}
    return np.array([record.step for record in shown]), curves


def _finals(setup: Setup, weights: Best | State, diverged: Array) -> dict[str, Array]:
    """Every figure that is measured in training, of every split for each replica, (R,), nan where it diverged."""
    evaluator = Evaluator(setup.network, weights.theta, weights.statistics)
    with np.errstate(all="ignore"):
        finals = figures_of(evaluator, setup.experiment.task, setup.parts, setup.plan.reported)
    return {name: np.where(diverged, np.nan, values) for name, values in finals.items()}


# --- taking apart and putting together --------------------------------------------------------------------------------


def some(arm: Arm, replicas: Sequence[int], share: float) -> Arm:
    """An arm of the replicas in `rows` only, with a `share` of the time."""
    rows = list(replicas)
    return replace(
        arm,
        theta=arm.theta[rows],
        statistics=arm.statistics[rows],
        curves={name: curve[rows] for name, curve in arm.curves.items()},
        finals={name: values[rows] for name, values in arm.finals.items()},
        diverged=arm.diverged[rows],
        bad_step=arm.bad_step[rows],
        seconds=arm.seconds * share,
    )


def joined(pieces: Sequence[Arm]) -> Arm:
    """Join pieces of the same arm. Its steps end at the last figure of any of its seeds."""
    longest = max((piece.steps for piece in pieces), key=len)
    names = list(dict.fromkeys(name for piece in pieces for name in piece.curves))
    curves = {name: np.concatenate([_curve(piece, name, len(longest)) for piece in pieces]) for name in names}
    known = np.any([np.isfinite(curve).any(axis=0) for curve in curves.values()], axis=0)
    length = 1 + int(np.flatnonzero(known).max(initial=0))
    return replace(
        pieces[0],
        theta=np.concatenate([piece.theta for piece in pieces]),
        statistics=np.concatenate([piece.statistics for piece in pieces]),
        steps=longest[:length],
        curves={name: curve[:, :length] for name, curve in curves.items()},
        finals={name: np.concatenate([piece.finals[name] for piece in pieces]) for name in pieces[0].finals},
        diverged=np.concatenate([piece.diverged for piece in pieces]),
        bad_step=np.concatenate([piece.bad_step for piece in pieces]),
        seconds=sum(piece.seconds for piece in pieces),
    )


def _curve(piece: Arm, name: str, length: int) -> Array:
    """A curve (R, length), nan where the seeds of this piece stopped earlier, or without this figure."""
    filled = np.full((len(piece.theta), length), np.nan)
    if name in piece.curves:
        filled[:, : len(piece.steps)] = piece.curves[name]
    return filled
