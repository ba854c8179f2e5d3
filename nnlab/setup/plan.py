"""From an experiment and its number of rows to a plan: how long to train, when to measure and when to save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from nnlab.config.experiment import Finding, line_search_findings, refusal
from nnlab.config.schema import Experiment
from nnlab.maths.metrics import metric_of
from nnlab.training.plan import Observe, Plan, Reading
from nnlab.training.stopping import Watch


def plan_for(
    experiment: Experiment,
    rows: int,
    parts: tuple[str, ...],
    observe: Observe | None = None,
    readings: Mapping[str, Reading] = MappingProxyType({}),
) -> Plan:
    """When to update, measure, evaluate and save, for a training part of `rows` rows; `parts` names the splits.

    `observe` receives the monitored figure, for a plateau schedule; `readings` are figures read from the state.
    ConfigError for settings that a line search excludes, such as batches of some rows.
    """
    training, optimizer = experiment.training, experiment.optimizer
    batch, steps = batch_size_for(experiment, rows), steps_for(experiment, rows)
    findings = list(line_search_findings(experiment))
    if optimizer.entry.needs_objective and batch < rows:
        found = (
            f"found batches of {batch} of the {rows} training rows with {optimizer.name}, whose line search compares"
        )
        findings.append((("training", "batch_size"), f"{found} losses of the same rows; expected all"))
    if findings:
        raise refusal(experiment, findings)
    # About a hundred points make a curve; more cost time and show no more.
    log_every = training.log_every or max(1, steps // 100)
    return Plan(
        task=experiment.task,
        steps=steps,
        batch_size=batch,
        shuffle=training.shuffle,
        log_every=log_every,
        evaluate_every=training.evaluate_every or _evaluate_every(experiment, -(-rows // batch), log_every),
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


def batch_size_for(experiment: Experiment, rows: int) -> int:
    """The number of rows of a batch; the last one of an epoch may have fewer."""
    size = experiment.training.batch_size
    return rows if size == "all" else min(size, rows)


def steps_for(experiment: Experiment, rows: int) -> int:
    """The number of updates of the training, for a training part of `rows` rows."""
    training = experiment.training
    if training.steps is not None:
        return training.steps
    return (training.epochs or 0) * -(-rows // batch_size_for(experiment, rows))


def schedule_findings(experiment: Experiment, steps: int) -> Iterator[Finding]:
    """The parameters of the learning-rate schedule that do not fit a training of so many steps."""
    schedule = experiment.optimizer.schedule
    for parameter, text in schedule.entry.misfits(steps, schedule.values) if schedule else ():
        path = ("optimizer", "learning_rate", parameter)
        yield path, f"{text} (for one run: --set {'.'.join(path)}=…)"


def _evaluate_every(experiment: Experiment, per_epoch: int, log_every: int) -> int:
    """Once per epoch; as often as the log if epochs are short and there is no early stopping."""
    return per_epoch if experiment.training.early_stopping else max(per_epoch, log_every)


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
