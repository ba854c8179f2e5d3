"""Figures of the whole report that are measured at every evaluation: watched, in metrics.csv, replica by replica."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import OUTPUTS, experiment, setup_for, weighted_setup
from strategies import targets as random_targets
from support import nnlab_here

from nnlab.maths.metrics import ReportedFigure, Scored, report, top_k_for
from nnlab.training.plan import Plan
from nnlab.training.stopping import Watch

MOONS = {"source": {"name": "moons", "samples": 90}, "validation": 0.3}
BLOBS = {"source": {"name": "blobs", "samples": 80}, "validation": 0.3}


def watching(monitor, data=MOONS, **more):
    stopping = {"monitor": monitor, "patience": 4}
    training = {"steps": 40, "batch_size": 16, "evaluate_every": 2, "early_stopping": stopping}
    return experiment(**{"data": data, "training": training, "optimizer": {"name": "sgd", "learning_rate": 1.0}} | more)


def run(setup):
    state = setup.start()
    return state, list(setup.fit(state))


def curve(records, name):
    """The figure of each replica at its evaluations, (R, T)."""
    return np.stack([record.figures[name] for record in records if name in record.figures], axis=1)


# --- the figure -------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(OUTPUTS)), st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**20), st.booleans())
def test_a_reported_figure_is_that_of_the_report_of_each_replica(task, replicas, rows, seed, weighted):
    rng = np.random.default_rng(seed)
    scored = Scored(*rng.integers(0, 5, (2, replicas, rows, OUTPUTS[task])) / 4)
    targets, weights = random_targets(task, rows, rng), rng.integers(0, 3, (1, rows)) + (np.arange(rows) == 0)
    weights = weights.astype(float) if weighted else None
    for name in report(task, scored.outputs[0], targets[0], top_k=top_k_for(task, OUTPUTS[task])):
        found = ReportedFigure(name, task)(scored, targets, weights)
        for replica in range(replicas):
            one, own = scored.outputs[replica], None if weights is None else weights[0]
            expected = report(task, one, targets[0], own, scores=scored.scores[replica])[name]
            np.testing.assert_array_equal(found[replica], math.nan if expected is None else expected)


# --- watching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("monitor", ["val/roc_auc", "val/average_precision", "val/macro_f1", "val/f1/1"])
def test_the_best_weights_are_those_of_the_watched_figure(monitor):
    setup = setup_for(watching(monitor), [0, 1, 2])
    state, records = run(setup)
    figures = curve(records, monitor)
    np.testing.assert_array_equal(state.best.value, np.nanmax(figures, axis=1))
    assert len(set(state.best.step.tolist())) > 1
    for replica, theta in enumerate(state.best.theta):
        own = setup_for(watching(monitor), [replica])
        model, part = own.model(theta[None], state.best.statistics[[replica]]), own.rows.of(0).val
        assert model.report(part.x, part.y)[monitor.removeprefix("val/")] == state.best.value[replica]


def test_a_figure_of_errors_is_watched_for_its_smallest_value():
    chosen = watching("val/mae", {"source": "houses", "validation": 0.3}, task="regression")
    state, records = run(setup_for(chosen, [0, 1]))
    np.testing.assert_array_equal(state.best.value, np.nanmin(curve(records, "val/mae"), axis=1))


@pytest.mark.parametrize(
    ("monitor", "data", "task"),
    [
        ("val/roc_auc", MOONS, "binary"),
        ("val/balanced_accuracy", BLOBS, "multiclass"),
        ("train/recall/1", BLOBS, "multiclass"),
    ],
)
def test_a_replica_in_a_batch_has_the_bits_that_it_has_alone(monitor, data, task):
    chosen = watching(monitor, data, task=task)
    state, records = run(setup_for(chosen, [3, 4, 5]))
    for replica, seed in enumerate([3, 4, 5]):
        own, alone = run(setup_for(chosen, [seed]))
        for mine, theirs in zip(alone, records, strict=False):
            assert [*mine.figures] == [*theirs.figures]
            for name, values in mine.figures.items():
                assert values.tobytes() == theirs.figures[name][[replica]].tobytes()
        for name, array in own.best.arrays().items():
            assert array.tobytes() == state.best.arrays()[name][[replica]].tobytes()


def test_rows_with_weights_are_ranked_by_them():
    weights = np.arange(90) % 3.0
    setup = weighted_setup(weights, training={"steps": 2, "batch_size": 16, "figures": ["roc_auc"]})
    state, records = run(setup)
    part = setup.rows.of(0).train
    expected = setup.model(state.theta, state.statistics).report(part.x, part.y, part.weights)["roc_auc"]
    assert records[-1].figures["train/roc_auc"].tolist() == [expected]
    assert expected != setup.model(state.theta, state.statistics).report(part.x, part.y)["roc_auc"]


def test_an_undefined_figure_is_no_improvement_and_costs_patience():
    """The validation part of a table with its own split has one class: its ROC curve has no area."""
    chosen = watching("val/roc_auc")
    setup = setup_for(chosen, [0])
    setup.parts["val"].y[...] = 0
    state, records = run(setup)
    assert np.isnan(curve(records, "val/roc_auc")).all()
    assert (state.best.step.tolist(), state.step) == ([6], 2 * 3)  # the fourth evaluation is that of step 6
    np.testing.assert_array_equal(state.best.theta, state.theta)  # nothing says which weights are the best
    assert np.isnan(state.best.value).all()


def test_a_plateau_follows_the_watched_figure():
    plateau = {"name": "plateau", "base": 0.5, "patience": 1, "factor": 0.5}
    chosen = watching("val/roc_auc", optimizer={"name": "sgd", "learning_rate": plateau})
    state, records = run(setup_for(chosen, [0]))
    best, scale = -math.inf, 1.0
    for value in curve(records, "val/roc_auc")[0]:
        best, scale = (value, scale) if value > best else (best, scale / 2)
    assert scale < 1
    assert state.slots["plateau/scale"].tolist() == [max(scale, 1e-4)]


# --- what is observed, and what is only measured ----------------------------------------------------------------------

PLATEAU = {"name": "plateau", "base": 0.5, "patience": 2, "factor": 0.5}
OBSERVING = {
    "patience": watching("val/loss"),
    "patience and a plateau": watching("val/loss", optimizer={"name": "sgd", "learning_rate": PLATEAU}),
    "a plateau": watching(
        "val/loss",
        optimizer={"name": "sgd", "learning_rate": PLATEAU},
        training={"steps": 40, "batch_size": 16, "evaluate_every": 2},
    ),
}


def whole_state(state):
    return {name: array.tobytes() for name, array in state.arrays().items()} | {"step": state.step}


@pytest.mark.parametrize("chosen", OBSERVING.values(), ids=OBSERVING)
def test_what_is_measured_for_gates_changes_nothing_else(chosen):
    setup = setup_for(chosen, [0, 1, 2])
    expected, records = run(setup)
    plan = replace(setup.plan, steps_to_measure=frozenset(range(1, 40, 2)))
    found, more = run(replace(setup, plan=plan))
    assert curve(more, "val/loss").shape[1] > curve(records, "val/loss").shape[1]
    assert whole_state(found) == whole_state(expected)


@pytest.mark.parametrize("short", [1, 7, 13])
@pytest.mark.parametrize("chosen", OBSERVING.values(), ids=OBSERVING)
def test_a_training_that_is_made_longer_off_the_schedule_is_the_one_that_was_never_stopped(chosen, short):
    setup = setup_for(chosen, [0, 1, 2, 3])
    expected, _ = run(setup)
    state = setup.start()
    shorter = [record.step for record in setup.fit(state, replace(setup.plan, steps=short))]
    assert shorter[-1] == short
    list(setup.fit(state))
    assert whole_state(state) == whole_state(expected)


@pytest.mark.parametrize("monitor", ["val/loss", "val/roc_auc"])
def test_the_last_weights_take_part_in_what_is_reported_replica_by_replica(monitor):
    seeds = list(range(6))
    plan = {"steps": 7, "evaluate_every": 5}
    setup = setup_for(watching(monitor, optimizer={"name": "sgd", "learning_rate": 0.3}), seeds)
    state, records = run(replace(setup, plan=replace(setup.plan, **plan)))
    values = curve(records, monitor) * (1 if setup.plan.watch.larger_is_better else -1)
    best = setup.chosen(state)
    assert best.step.tolist() == [[0, 5, 7][int(np.argmax(each))] for each in values]
    assert (best.step == 7).any()
    assert (state.best.step < 7).all()
    for replica, seed in enumerate(seeds):
        alone = setup_for(watching(monitor, optimizer={"name": "sgd", "learning_rate": 0.3}), [seed])
        own, _ = run(replace(alone, plan=replace(alone.plan, **plan)))
        for name, array in alone.chosen(own).arrays().items():
            assert array[0].tobytes() == best.arrays()[name][replica].tobytes(), name


def test_how_often_a_plateau_observes_does_not_depend_on_how_long_the_training_is():
    long = {"steps": 4000, "batch_size": "all"}
    plateau = {"name": "sgd", "learning_rate": PLATEAU}
    for training in (long, long | {"steps": 4}):
        assert setup_for(experiment(training=training, optimizer=plateau), [0]).plan.evaluate_every == 1
    assert setup_for(experiment(training=long), [0]).plan.evaluate_every == 40


def test_the_watched_figure_is_the_first_in_a_line_of_progress():
    plan = Plan("binary", 9, 2, False, 1, 1, Watch("val/roc_auc", larger_is_better=True, patience=3))  # noqa: FBT003
    figures = {"train/loss": 1.0, "val/loss": 2.0, "val/roc_auc": 0.5}
    assert [*plan.watched_first(figures)] == ["val/roc_auc", "train/loss", "val/loss"]
    assert [*plan.watched_first({"batch/loss": 3.0})] == ["batch/loss"]


# --- on the command line ----------------------------------------------------------------------------------------------


TEXT = """\
name: w
task: binary
data: {source: {name: moons, samples: 90}, validation: 0.3}
training: {steps: 6, evaluate_every: 2, figures: [average_precision], early_stopping: {monitor: val/f1/0, patience: 9}}
"""


@pytest.fixture
def experiment_file(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlab.experiments.pictures.PICTURES", {})
    (tmp_path / "w.yaml").write_text(TEXT)
    return tmp_path


def test_watched_figures_are_columns_of_the_metrics_and_can_be_held_to_gates(experiment_file):
    gates = ("--gate", "train/average_precision >= 0 by step 2", "--gate", "val/f1/0@4 >= 0")
    found = nnlab_here("train", "w.yaml", "-q", *gates, cwd=experiment_file)
    assert found.exit_code == 0, found.stderr
    with (experiment_file / "runs" / "latest" / "metrics.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["val/loss"]]
    assert [row["step"] for row in rows] == ["0", "2", "4", "6"]
    for name in ("train/average_precision", "val/average_precision", "train/f1/0", "val/f1/0"):
        assert all(0 <= float(row[name]) <= 1 for row in rows)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.early_stopping.monitor=val/rocauc", "unknown figure 'val/rocauc'; did you mean 'val/roc_auc'?"),
        ("training.early_stopping.monitor=val/mae", "unknown figure 'val/mae'"),
        ("training.early_stopping.monitor=test/roc_auc", "unknown figure 'test/roc_auc'; did you mean"),
        (
            "training.early_stopping.monitor=val/f1",
            "found val/f1, which there is for each class; expected val/f1/CLASS",
        ),
        (
            "training.early_stopping.monitor=val/f1/cat",
            "found 'f1/cat', which is no figure of these data; did you mean",
        ),
        ("training.figures=[roc_au]", "unknown figure 'roc_au'; did you mean 'roc_auc'?"),
        ("training.figures=[top_3_accuracy]", "unknown figure 'top_3_accuracy'"),
        ("training.figures=[f1/0,f1/0]", "found f1/0 a second time"),
        ("training.figures=[recall/moon]", "found 'recall/moon', which is no figure of these data"),
    ],
)
def test_a_figure_that_is_never_measured_is_refused_before_anything_is_written(setting, said, experiment_file):
    found = nnlab_here("train", "w.yaml", "--set", setting, cwd=experiment_file)
    assert (found.exit_code, said in found.stderr, len(found.stderr.splitlines())) == (2, True, 1), found.stderr
    assert not (experiment_file / "runs").exists()
