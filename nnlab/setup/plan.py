"""From an experiment and its number of rows to a plan: how long to train, and when to measure and to save."""

from __future__ import annotations

from collections.abc import Iterator

from nnlab.config.experiment import line_search_findings, refusal
from nnlab.config.schema import Experiment
from nnlab.maths.metrics import metric_of
from nnlab.training.loop import Plan
from nnlab.training.stopping import Watch


def plan_for(experiment: Experiment, rows: int, evaluate: tuple[str, ...]) -> Plan:
    """When to update, measure, evaluate and save, for a training part of `rows` rows; `evaluate` names the parts.

    ConfigError where the optimizer searches along lines and something is in its way, as are batches of some rows.
    """
    training, optimizer = experiment.training, experiment.optimizer
    batch = rows if training.batch_size == "all" else min(training.batch_size, rows)
    findings = list(line_search_findings(experiment))
    if optimizer.entry.needs_objective and batch < rows:
        found = (
            f"found batches of {batch} of the {rows} training rows with {optimizer.name}, whose line search compares"
        )
        findings.append((("training", "batch_size"), f"{found} losses of the same rows; expected all"))
    if findings:
        raise refusal(experiment, findings)
    per_epoch = -(-rows // batch)
    steps = training.steps if training.steps is not None else (training.epochs or 0) * per_epoch
    # About a hundred points make a curve; more cost time and show nothing new.
    log_every = training.log_every or max(1, steps // 100)
    return Plan(
        task=experiment.task,
        steps=steps,
        batch_size=batch,
        shuffle=training.shuffle,
        log_every=log_every,
        evaluate_every=training.evaluate_every or _evaluate_every(experiment, per_epoch, log_every),
        watch=_watch(experiment, evaluate),
        evaluate=tuple(part for part in training.evaluate if part in evaluate),
        checkpoint_every=training.checkpoint_every if isinstance(training.checkpoint_every, int) else None,
        clip_norm=training.clip_norm,
        clip_value=training.clip_value,
        steps_to_measure=frozenset(_gate_steps(experiment, steps)),
        needs_objective=optimizer.entry.needs_objective,
    )


def _evaluate_every(experiment: Experiment, per_epoch: int, log_every: int) -> int:
    """Once an epoch; where epochs are short and nobody waits for an early stop, only as often as the log."""
    return per_epoch if experiment.training.early_stopping else max(per_epoch, log_every)


def _gate_steps(experiment: Experiment, steps: int) -> Iterator[int]:
    asked = (asked for gate in experiment.parsed_gates for asked in gate.asks)
    return (gate.step for gate in asked if gate.step is not None and gate.step <= steps)


def _watch(experiment: Experiment, parts: tuple[str, ...]) -> Watch:
    """Early stopping as the experiment says; without it the best weights by loss are still kept."""
    stopping = experiment.training.early_stopping
    if stopping is None:
        evaluated = [part for part in experiment.training.evaluate if part in parts]
        return Watch("val/loss" if "val" in evaluated else "train/loss", larger_is_better=False)
    better = metric_of(stopping.monitor.split("/", 1)[1]).larger_is_better
    return Watch(stopping.monitor, better, stopping.patience, stopping.min_delta)
