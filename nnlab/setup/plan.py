"""From an experiment and its number of rows to a plan: how long to train, when to measure and when to save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from nnlab.config.experiment import Finding, line_search_findings
from nnlab.config.schema import Experiment
from nnlab.maths.metrics import metric_of
from nnlab.networks.network import Network
from nnlab.setup.network import place_of_layer
from nnlab.training.epochs import Epoch
from nnlab.training.plan import Observe, Plan, Reading
from nnlab.training.stopping import Watch


def plan_for(
    experiment: Experiment,
    epoch: Epoch,
    parts: tuple[str, ...],
    observe: Observe | None = None,
    readings: Mapping[str, Reading] = MappingProxyType({}),
) -> Plan:
    """When to update, measure, evaluate and save, for training rows cut into batches; `parts` names the splits.

    `observe` receives the monitored figure, for a plateau schedule; `readings` are figures read from the state.
    """
    training, optimizer = experiment.training, experiment.optimizer
    steps = steps_for(experiment, epoch)
    # About a hundred points make a curve; more cost time and show no more.
    log_every = training.log_every or max(1, steps // 100)
    return Plan(
        task=experiment.task,
        steps=steps,
        epoch=epoch,
        shuffle=training.shuffle,
        log_every=log_every,
        evaluate_every=training.evaluate_every or _evaluate_every(experiment, epoch.steps, log_every),
        watch=watch_for(experiment, parts),
        evaluate=tuple(part for part in training.evaluate if part in parts),
        checkpoint_every=training.checkpoint_every if isinstance(training.checkpoint_every, int) else None,
        clip_norm=training.clip_norm,
        clip_value=training.clip_value,
        steps_to_measure=frozenset(_gate_steps(experiment, steps)),
        observe=observe,
        needs_objective=optimizer.entry.needs_objective,
        health=training.health,
        running_loss=training.running_loss,
        readings=readings,
    )


def epoch_for(experiment: Experiment, network: Network, rows: int) -> Epoch:
    """How a training part of `rows` rows is cut into batches."""
    fewest = 1 if network.needs_two_rows is None else 2
    return Epoch(rows, batch_size_for(experiment, rows), experiment.training.drop_last, fewest)


def batch_findings(experiment: Experiment, network: Network, rows: int) -> Iterator[Finding]:
    """Batches of a training part of `rows` rows that optimizer or layers cannot use, and what a line search excludes.

    These are batches of some rows where an optimizer needs all, batches of one row that a layer normalises over, and
    an epoch without a whole batch where short ones are left out.
    """
    optimizer, size, place = experiment.optimizer, experiment.training.batch_size, ("training", "batch_size")
    epoch = epoch_for(experiment, network, rows)
    yield from line_search_findings(experiment)
    if optimizer.entry.needs_all_rows and not epoch.is_one_batch:
        found = f"found batches of {epoch.size} of the {rows} training rows with {optimizer.name}"
        yield place, f"{found}, {optimizer.entry.needs_all_rows}; expected all"
    elif epoch.drop_last and size != "all" and rows < size:
        found = f"found batches of {size} of {rows} training rows, all of which drop_last leaves out"
        yield place, f"{found}; expected at most {rows}, or all"
    if epoch.size < epoch.fewest:
        why = f"with {network.needs_two_rows}, which makes 0 of a single row, whatever it is"
        if rows > 1:
            yield place, f"found batches of one row {why}; expected at least 2, or layer_norm"
        else:
            layer = place_of_layer(experiment, str(network.needs_two_rows))
            yield layer, f"found one training row {why}; expected at least 2"


def batch_size_for(experiment: Experiment, rows: int) -> int:
    """The number of rows of a batch; the last one of an epoch may have others."""
    size = experiment.training.batch_size
    return rows if size == "all" else min(size, rows)


def steps_for(experiment: Experiment, epoch: Epoch) -> int:
    """The number of updates of the training."""
    training = experiment.training
    return (training.epochs or 0) * epoch.steps if training.steps is None else training.steps


def schedule_findings(experiment: Experiment, steps: int) -> Iterator[Finding]:
    """The parameters of the learning-rate schedule that do not fit a training of so many steps."""
    schedule = experiment.optimizer.schedule
    for parameter, text in schedule.entry.misfits(steps, schedule.values) if schedule else ():
        path = ("optimizer", "learning_rate", parameter)
        yield path, f"{text} (for one run: --set {'.'.join(path)}=…)"


def _evaluate_every(experiment: Experiment, per_epoch: int, log_every: int) -> int:
    """Once per epoch; as often as the log if epochs are short and nothing depends on the evaluations.

    Patience and a plateau's rates do, and must not depend on how long the training is to be: it may be made longer.
    """
    schedule = experiment.optimizer.schedule
    is_observed = experiment.training.early_stopping or (schedule and schedule.name == "plateau")
    return per_epoch if is_observed else max(per_epoch, log_every)


def _gate_steps(experiment: Experiment, steps: int) -> Iterator[int]:
    asked = (asked for gate in experiment.parsed_gates for asked in gate.asks)
    return (gate.step for gate in asked if gate.step is not None and gate.step <= steps)


def part_findings(experiment: Experiment, parts: tuple[str, ...]) -> Iterator[Finding]:
    """Figures that are to be watched on parts which the table, by its column `split`, does not have."""
    training = experiment.training
    if not any(part in parts for part in training.evaluate):
        found = "found val alone, but data.split gives no row to a validation part"
        yield ("training", "evaluate"), f"{found}; expected data.validation, or train beside it"
    elif training.early_stopping and training.early_stopping.monitor.split("/")[0] not in parts:
        found = f"early stopping watches {training.early_stopping.monitor}, but data.split gives no row to that part"
        yield ("training", "early_stopping"), f"{found}; expected data.validation, or a figure of train/"


def watch_for(experiment: Experiment, parts: tuple[str, ...]) -> Watch:
    """Early stopping as in the experiment; without it the best weights by loss are still kept."""
    stopping = experiment.training.early_stopping
    if stopping is None:
        evaluated = [part for part in experiment.training.evaluate if part in parts]
        return Watch("val/loss" if "val" in evaluated else "train/loss", larger_is_better=False)
    better = metric_of(stopping.monitor.split("/", 1)[1]).larger_is_better
    return Watch(stopping.monitor, better, stopping.patience, stopping.min_delta)
