"""The training loop: what is measured when, stopping, batches as a function of the step, pauses; and gates."""

import math
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import experiment, setup_for

from nnlab.config.experiment import bytes_kept
from nnlab.data.batches import shuffles
from nnlab.gates.hold import Measured, hold
from nnlab.gates.parse import OPERATORS, Gate, parse_gate, unknown_figure
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import unfused
from nnlab.networks.evaluator import Evaluator
from nnlab.networks.layers.dense import Dense
from nnlab.networks.network import Network, Pass
from nnlab.networks.replicas_first import pass_of
from nnlab.training.batches import Batches
from nnlab.training.epochs import Epoch
from nnlab.training.evaluation import Part
from nnlab.training.loop import fit
from nnlab.training.plan import Plan
from nnlab.training.state import State
from nnlab.training.stopping import Best, Watch

NAN = float("nan")


def loop(setup, state, **changes):
    plan = replace(setup.plan, **changes)
    return fit(setup.network, setup.rows.parts(), setup.rows.seeds, setup.optimizer.update, plan, state)


def run(setup, **changes):
    state = setup.start()
    return state, list(loop(setup, state, **changes))


def training(**more):
    return {"steps": 12, "batch_size": 16, "log_every": 1} | more


# --- Memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer", ["sgd", {"name": "sgd", "momentum": 0.9}, "adam", "amsgrad", {"name": "lbfgs", "memory": 3}], ids=str
)
def test_a_training_keeps_as_many_bytes_for_each_parameter_as_it_is_refused_for(optimizer, precision):
    """Between two steps, in a network that is large beside its data."""
    wide = {
        "network": {"layers": [400, 400]},
        "data": {"source": {"name": "xor"}},
        "training": training(batch_size="all"),
    }
    setup = setup_for(experiment(**wide, optimizer=optimizer, precision=precision))
    run(setup)  # what is loaded at its first use is no part of the question
    tracemalloc.start()
    try:
        state = setup.start()
        for record in loop(setup, state):
            if record.step == 6:
                kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / state.theta.size == pytest.approx(bytes_kept(setup.experiment), rel=0.1)


# --- Losses and epochs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_loss_of_a_step_is_that_of_its_batch_before_its_update(shuffle):
    setup = setup_for(experiment(training=training(shuffle=shuffle)))
    _, records = run(setup)
    part, state = setup.rows.parts()["train"], setup.start()
    batches = Batches(part.x, part.y, setup.rows.seeds, Epoch(part.x.shape[1], 16), shuffle=shuffle)
    gradient, expected = np.empty_like(state.theta), {}
    for step in range(1, 13):
        x, y = batches.at(step - 1)
        tied = pass_of(setup.network, state.theta, gradient, x.shape[1])
        tied.forward(x)
        expected[step] = float(tied.loss(y)[0])
        tied.backward(y)
        setup.optimizer.update(state.theta, gradient, state.slots, step)
    assert {r.step: r.figures["batch/loss"][0] for r in records if r.step} == expected
    assert "batch/loss" not in records[0].figures


RATES = ((0.3,), (2.0,), (0.3, 2.0, 1e-9))


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_plain_gradient_descent_makes_the_steps_of_the_textbook_at_the_rate_of_each_block(rates, precision):
    """θ ← θ - rate · g with the whole gradient g, for the rate of each block of two replicas."""
    chosen = experiment(precision=precision, training=training(batch_size="all"))
    setup = setup_for(chosen, range(2 * len(rates))).with_rates(rates)
    found, _ = run(setup)
    part, expected = setup.rows.parts()["train"], setup.start().theta.astype(np.float64)
    gradient = np.empty_like(expected)
    tied = Pass(setup.network, expected, gradient, part.x.shape[1])
    for _ in range(12):
        tied.forward(part.x.astype(np.float64))
        tied.backward(part.y.astype(np.float64))
        expected -= np.repeat(rates, 2)[:, None] * gradient
    np.testing.assert_allclose(found.theta, expected, rtol=0, atol=20 * np.finfo(precision).eps)


@pytest.mark.parametrize("rate", [0.3, 2.0, 1e-12])
def test_the_norms_that_are_kept_are_those_of_the_gradient_whatever_the_rate(rate):
    setup = setup_for(experiment(optimizer={"name": "sgd", "learning_rate": rate}))
    state, _ = run(setup, steps=1)
    part, start = setup.rows.parts()["train"], setup.start()
    gradient = np.empty_like(start.theta)
    x, y = Batches(part.x, part.y, setup.rows.seeds, setup.plan.epoch, shuffle=setup.plan.shuffle).at(0)
    tied = Pass(setup.network, start.theta, gradient, 16)
    tied.forward(x)
    tied.backward(y)
    assert state.gradient_norms() == [(1, pytest.approx(np.linalg.norm(gradient), rel=1e-5))]


def test_whole_splits_are_measured_after_the_update():
    setup = setup_for(experiment(data={"source": {"name": "moons", "samples": 90}, "validation": 0.2, "test": 0.1}))
    state = setup.start()
    evaluated = 0
    for record in loop(setup, state):
        if "val/loss" in record.figures:
            evaluated += 1
            for name, part in setup.rows.parts().items():
                if name == "test":  # is for the end
                    assert "test/loss" not in record.figures
                    continue
                _, loss = Evaluator(setup.network, state.theta).outputs_and_loss(part.x, part.y)
                np.testing.assert_array_equal(record.figures[f"{name}/loss"], loss)
    assert evaluated > 2


def test_epochs_count_the_short_last_batch():
    # 90 rows in batches of 16 are five whole ones and one of 10.
    _, records = run(setup_for(experiment(training={"epochs": 2, "batch_size": 16, "log_every": 1})))
    assert [r.step for r in records] == list(range(13))
    assert [r.epoch for r in records] == [step / 6 for step in range(13)]
    assert [r.step for r in records if "train/loss" in r.figures] == [0, 6, 12]


@pytest.mark.parametrize(
    ("changes", "logged", "evaluated"),
    [
        ({"log_every": 5, "evaluate_every": 4}, [5, 10], [0, 4, 8, 12]),
        ({"log_every": 100, "evaluate_every": 100}, [], [0, 12]),
        ({"log_every": 100, "evaluate_every": 100, "steps_to_measure": frozenset({3, 7})}, [3, 7], [0, 3, 7, 12]),
        ({"log_every": 6, "evaluate_every": 5}, [6, 12], [0, 5, 10, 12]),
    ],
)
def test_when_things_are_measured(changes, logged, evaluated):
    _, records = run(setup_for(experiment()), **changes)
    assert [r.step for r in records if "batch/loss" in r.figures] == logged
    assert [r.step for r in records if "train/loss" in r.figures] == evaluated
    assert [r.step for r in records] == sorted({*logged, *evaluated})


def test_a_mere_checkpoint_is_a_record_without_figures():
    _, records = run(setup_for(experiment()), log_every=100, evaluate_every=100, checkpoint_every=5)
    assert [(r.step, bool(r.figures)) for r in records] == [(0, True), (5, False), (10, False), (12, True)]


def test_figures_at_a_gates_step_are_measured():
    gates, beyond = ["batch/loss@7 >= 0", "val/loss@3 >= 0"], "train/loss@999 >= 0"
    data = {"source": {"name": "moons", "samples": 90}, "validation": 0.2}
    _, records = run(setup_for(experiment(data=data, gates=gates, training=training(log_every=50))))
    measured = Measured()
    for r in records:
        measured.add(r.step, r.epoch, {name: float(v[0]) for name, v in r.figures.items()})
    outcomes = hold([parse_gate(text) for text in [*gates, beyond]], measured)
    assert [outcome.met for outcome in outcomes] == [True, True, False]


@pytest.mark.parametrize("given", [{"epochs": 0}, {"steps": 0}], ids=str)
def test_no_training_measures_the_network_as_it_starts(given):
    setup = setup_for(experiment(training={"batch_size": 16, **given}))
    state, records = run(setup)
    assert [r.step for r in records] == [0]
    assert {"train/loss", "train/accuracy"} <= set(records[0].figures)
    np.testing.assert_array_equal(state.theta, setup.start().theta)


def test_only_the_parts_asked_for_are_measured():
    data = {"source": {"name": "moons", "samples": 90}, "validation": 0.2}
    _, records = run(setup_for(experiment(data=data, training=training(evaluate=["val"]))))
    assert {name.split("/")[0] for r in records for name in r.figures} == {"batch", "val", "optimizer"}


def test_scaled_targets_are_measured_in_their_own_units():
    chosen = experiment(
        task="regression",
        data={"source": "houses", "scale": "standard", "scale_targets": True},
        training={"steps": 1, "batch_size": "all"},
    )
    setup = setup_for(chosen)
    state, records = run(setup)
    y = setup.rows.dataset.y[setup.rows.of(0).split.train]
    part = setup.rows.parts()["train"]
    outputs, loss = Evaluator(setup.network, state.theta).outputs_and_loss(part.x, part.y)
    last = records[-1].figures
    assert last["train/loss"] == loss
    found = outputs[0] * y.std(axis=0) + y.mean(axis=0)
    assert last["train/rmse"][0] == pytest.approx(np.sqrt(np.mean((found - y) ** 2)), rel=1e-5)


def test_figures_belong_to_the_record():
    setup = setup_for(experiment())
    state = setup.start()
    records, copies = [], []
    for record in loop(setup, state):
        records.append(record)
        copies.append({name: values.copy() for name, values in record.figures.items()})
    for record, copy in zip(records, copies, strict=True):
        assert all(np.array_equal(record.figures[name], values) for name, values in copy.items())


# --- Floating-point errors --------------------------------------------------------------------------------------------


def test_the_callers_error_state_is_its_own():
    setup = setup_for(experiment(training=training(steps=3)))
    with np.errstate(all="raise"):
        before = np.geterr()
        for _ in loop(setup, setup.start()):
            assert np.geterr() == before
            with pytest.raises(FloatingPointError):
                np.float64(1) / np.zeros(1)
    np.testing.assert_equal(np.geterr()["over"], "warn")


def test_divergence_is_reported_and_not_warned_about():
    chosen = experiment(
        task="regression",
        data={"source": "houses"},
        network={"layers": [3], "activation": "identity"},
        optimizer={"name": "sgd", "learning_rate": 1e6},
        training={"steps": 50, "batch_size": "all", "log_every": 1},
    )
    state, records = run(setup_for(chosen))
    assert state.diverged.tolist() == [True]
    assert state.running.tolist() == [False]
    assert records[-1].step == state.step < 50
    assert all(np.isnan(values).all() for values in records[-1].figures.values())
    assert np.isfinite(state.best.theta).all()


# --- Scripted runs: the update writes the weight that the script wants ------------------------------------------------


def scripted(losses, replicas=1, monitor="val/loss", every=1, **watching):
    """Train y = w x + 0 with w² as its loss, where step k sets w² to losses[k - 1]; the state and the records."""
    zeros = INITIALIZERS["zeros"]
    network = Network((1,), (Dense("dense1", 1, zeros, {}, zeros, {}),), unfused("mse"))
    losses = np.reshape(np.array(losses, float), (len(losses), -1))
    part = Part(np.ones((1, 2, 1)), np.zeros((1, 2, 1)))
    theta = np.zeros((replicas, 2))
    theta[:, 0] = 10

    def update(theta, _gradient, _slots, step):
        theta[:, 0] = np.sqrt(losses[step - 1])

    watch = Watch(monitor, **{"larger_is_better": False, **watching})
    plan = Plan("regression", len(losses), Epoch(2, 2), shuffle=False, log_every=1, evaluate_every=every, watch=watch)
    state = State.start(theta, {})
    return state, list(fit(network, {"train": part, "val": part}, [0] * replicas, update, plan, state))


def test_patience_counts_evaluations_in_a_row_without_improvement():
    state, records = scripted([50, 40, 45, 30, 31, 32, 33, 1], patience=3)
    assert records[-1].step == 7
    assert (state.best.value.tolist(), state.best.step.tolist()) == ([pytest.approx(30)], [4])
    assert state.best.theta[0, 0] ** 2 == pytest.approx(30)
    assert state.running.tolist() == [False]
    assert not state.diverged.any()


def test_a_last_step_off_the_schedule_may_be_the_best_and_costs_no_patience():
    state, _ = scripted([[50, 50], [90, 40], [20, 60]], replicas=2, every=2, patience=1)
    assert (state.best.step.tolist(), state.best.waited.tolist()) == ([2, 2], [0, 0])
    best = state.best_to_report()
    assert (best.step.tolist(), best.value.tolist()) == ([3, 2], [pytest.approx(20), pytest.approx(40)])
    assert (best.theta[:, 0] ** 2).tolist() == [pytest.approx(20), pytest.approx(40)]
    worse, _ = scripted([50, 40, 60], every=2, patience=1)
    assert worse.running.tolist() == [True]
    assert worse.best_to_report() is worse.best


def test_without_patience_the_best_weights_are_kept_to_the_end():
    state, records = scripted([50, 30, 60, 70, 80])
    assert records[-1].step == 5
    assert state.best.step.tolist() == [2]
    assert state.running.tolist() == [True]
    assert state.theta[0, 0] ** 2 == pytest.approx(80)


def test_the_network_as_it_starts_may_be_the_best():
    state, _ = scripted([200, 300, 400], patience=2)
    assert (state.best.step.tolist(), state.best.value.tolist()) == ([0], [100])


def test_an_improvement_must_exceed_the_least_one_and_the_best_weights_need_not():
    state, records = scripted([50, 49.5, 49.2, 48, 40], patience=2, min_delta=1)
    assert records[-1].step == 3
    assert (state.best.step.tolist(), state.best.value.tolist()) == ([3], [pytest.approx(49.2)])
    assert state.best.theta[0, 0] ** 2 == pytest.approx(49.2)
    assert state.best.reference.tolist() == [pytest.approx(50)]


def test_small_gains_add_up_to_an_improvement():
    state, records = scripted([99.6, 99.2, 98.8, 98.4, 98.0, 97.6, 97.2], patience=4, min_delta=1)
    assert records[-1].step == 7
    assert (state.best.step.tolist(), state.best.waited.tolist()) == ([7], [1])  # 100, 98.8, 97.6 improve
    assert state.best.reference.tolist() == [pytest.approx(97.6)]


def test_the_untrained_network_is_not_the_best_where_no_gain_reaches_min_delta():
    state, records = scripted([[90, 120], [80, 70], [85, 130]], replicas=2, patience=3, min_delta=50)
    assert records[-1].step == 3
    assert (state.best.step.tolist(), state.best.value.tolist()) == ([2, 2], [pytest.approx(80), pytest.approx(70)])
    assert state.running.tolist() == [False, False]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.lists(st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0, NAN]), min_size=2, max_size=2), min_size=1),
    st.sampled_from([0.0, 0.25, 0.3, 1.0]),
    st.integers(1, 4),
    st.booleans(),
)
def test_best_reference_and_patience_are_those_of_the_plain_rule(figures, min_delta, patience, larger):
    """Each replica against the rule written out for one figure after the other."""
    watch = Watch("val/r2", larger, patience, min_delta)
    best = Best.start(np.zeros((2, 1)), np.zeros((2, 0)))
    running, sign = np.ones(2, bool), 1 if larger else -1
    ended = []
    for step, values in enumerate(np.array(figures)):
        theta = np.full((2, 1), float(step))
        running = running & ~best.observe(watch, values, theta, np.zeros((2, 0)), step, running)
        ended.append(running.copy())
    for replica in (0, 1):
        reference, top, at, waited = NAN, NAN, 0, 0
        for step, row in enumerate(figures):
            value = row[replica]
            known = not math.isnan(value)
            waited += 1
            if known and (math.isnan(reference) or sign * (value - reference) > min_delta):
                reference, waited = value, 0
            if known and (math.isnan(top) or sign * value > sign * top):
                top, at = value, step
            at = step if math.isnan(top) else at  # while it was never a number, the last weights are kept
            assert ended[step][replica] == (waited < patience)
            if waited >= patience:
                break
        found = [best.reference[replica], best.value[replica], best.step[replica], best.theta[replica, 0]]
        np.testing.assert_array_equal(found, [reference, top, at, at])


def test_a_figure_that_should_be_large():
    state, records = scripted([50, 200, 150, 120], patience=2, larger_is_better=True)
    assert (state.best.step.tolist(), records[-1].step) == ([2], 4)


def test_replicas_stop_one_by_one():
    losses = np.array([[50, 50], [40, 60], [30, 70], [20, 5], [10, 4], [9, 3]])
    state, records = scripted(losses, replicas=2, patience=2)
    assert records[-1].step == 6
    assert state.running.tolist() == [True, False]
    assert state.best.step.tolist() == [6, 1]
    np.testing.assert_allclose(state.best.value, [9, 50])
    shown = {r.step: r.figures["val/loss"] for r in records}
    assert not np.isnan(shown[3]).any()
    assert np.isnan(shown[4]).tolist() == [False, True]


def test_a_run_stops_when_every_replica_has():
    _, records = scripted(np.tile([[200, 300]], (9, 1)), replicas=2, patience=4)
    assert records[-1].step == 4


def test_the_monitored_figure_may_be_any_that_is_measured():
    state, _ = scripted([50, 40, 60], monitor="train/rmse")
    np.testing.assert_allclose(state.best.value, [40**0.5])


def test_a_diverged_replica_is_never_the_best():
    state, records = scripted([[50, 50], [np.inf, 40], [1, 30]], replicas=2)
    assert state.diverged.tolist() == [True, False]
    assert state.best.step.tolist() == [1, 3]
    assert np.isnan(records[-1].figures["val/loss"]).tolist() == [True, False]


# --- Stopping rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "best", "improved"),
    [(1, 2, True), (2, 2, False), (3, 2, False), (1, NAN, True), (NAN, 2, False), (NAN, NAN, False), (1.5, 2, False)],
)
def test_what_better_by_more_than_half_is(value, best, improved):
    value, best = np.array([value]), np.array([best])
    assert Watch("val/loss", larger_is_better=False).is_better(value, best, 0.5).tolist() == [improved]
    assert Watch("val/r2", larger_is_better=True).is_better(-value, -best, 0.5).tolist() == [improved]


def test_the_best_weights_are_a_copy():
    theta = np.ones((2, 3))
    statistics = np.zeros((2, 1))
    best = Best.start(theta, statistics)
    theta[...] = 5
    assert (best.theta == 1).all()
    running = np.array([True, False])
    best.observe(Watch("val/loss", larger_is_better=False), np.array([1.0, 1.0]), theta, statistics, 4, running)
    theta[...] = 6
    assert best.theta.tolist() == [[5] * 3, [1] * 3]
    assert best.step.tolist() == [4, 0]


# --- Batches ----------------------------------------------------------------------------------------------------------


def numbered(rows, replicas=1):
    """Rows that carry their own number: x[r, i] = 100 r + i and y = -x."""
    x = 100.0 * np.arange(replicas)[:, None, None] + np.arange(rows, dtype=float)[:, None]
    return x, -x


def flat(batch):
    x, y = batch
    np.testing.assert_array_equal(x, -y)
    return x[..., 0].tolist()


def test_batches_in_file_order_with_a_short_last_one():
    batches = Batches(*numbered(7), [0], Epoch(7, 3), shuffle=False)
    assert [flat(batches.at(step))[0] for step in range(4)] == [[0, 1, 2], [3, 4, 5], [6], [0, 1, 2]]
    assert (batches.cut.steps, batches.cut.sizes) == (3, {3, 1})


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 2), st.integers(1, 3), st.booleans(), st.booleans())
@example(rows=33, size=32, fewest=2, replicas=2, own_rows=True, shuffle=True)  # one batch with the row left over
def test_an_epoch_visits_each_row_once(rows, size, fewest, replicas, own_rows, shuffle):
    cut = Epoch(rows, min(size, rows), fewest=fewest)
    batches = Batches(*numbered(rows, replicas if own_rows else 1), range(replicas), cut, shuffle=shuffle)
    for epoch in range(2):
        steps = range(epoch * cut.steps, (epoch + 1) * cut.steps)
        parts = [np.array(flat(batches.at(step))) for step in steps]
        assert {part.shape[1] for part in parts} == cut.sizes
        assert [part.shape[1] for part in parts] == [cut.rows_of(number) for number in range(cut.steps)]
        assert rows == 1 or cut.size == 1 or min(cut.sizes) >= fewest
        for replica, visited in enumerate(np.concatenate(parts, axis=1)):
            offset = 100 * replica if own_rows else 0
            assert sorted(visited - offset) == list(range(rows))


def test_shuffled_batches_follow_the_order_of_seed_and_epoch():
    batches = Batches(*numbered(10, 2), [5, 6], Epoch(10, 4), shuffle=True)
    steps = np.arange(6).reshape(2, 3)
    epochs = [np.concatenate([batches.at(step)[0].copy() for step in epoch], axis=1)[..., 0] for epoch in steps]
    for epoch, found in enumerate(epochs):
        np.testing.assert_array_equal(found[0], shuffles(10, [5], epoch)[0])
        np.testing.assert_array_equal(found[1], 100 + shuffles(10, [6], epoch)[0])
    assert len({row.tobytes() for found in epochs for row in found % 100}) == 4


@given(st.permutations(range(12)), st.booleans())
def test_a_batch_depends_on_the_step_alone(order, shuffle):
    def fresh():
        return Batches(*numbered(10), [3], Epoch(10, 4), shuffle=shuffle)

    batches = fresh()
    found = {step: flat(batches.at(step)) for step in order}
    assert found == {step: flat(fresh().at(step)) for step in range(12)}


@pytest.mark.parametrize("cut", [Epoch(10, 10), Epoch(10, 10, drop_last=True), Epoch(10, 9, fewest=2)], ids=str)
def test_a_batch_of_all_rows_is_never_shuffled(cut):
    x, y = numbered(10)
    batches = Batches(x, y, [3], cut, shuffle=True)
    assert cut.sizes == {10}
    assert all(np.array_equal(batches.at(step)[0], x) for step in range(3))


# --- Pauses -----------------------------------------------------------------------------------------------------------


PAUSED = {
    "plain": {"optimizer": {"name": "sgd", "learning_rate": 0.3}, "training": training(log_every=5)},
    "logged-every-step": {"optimizer": {"name": "adam", "learning_rate": 0.01}, "training": training()},
    "stopping-early": {
        "data": {"source": {"name": "moons", "samples": 90}, "validation": 0.3},
        "optimizer": {"name": "sgd", "learning_rate": 3.0, "momentum": 0.9},
        "training": training(steps=40, evaluate_every=2, early_stopping={"patience": 3}),
    },
    "losing-patience": {
        "data": {"source": {"name": "moons", "samples": 90}, "validation": 0.3},
        "optimizer": {"name": "sgd", "learning_rate": 1e-30},
        "training": training(log_every=50, evaluate_every=1, early_stopping={"patience": 6}),
    },
    "best-between-improvements": {
        "data": {"source": {"name": "moons", "samples": 90}, "validation": 0.3},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "training": training(steps=20, evaluate_every=1, early_stopping={"patience": 15, "min_delta": 0.2}),
    },
}


def everything(state):
    """All that a state holds, array by array as a checksum of its bits."""
    best = {"best": state.best.theta, "value": state.best.value, "at": state.best.step, "waited": state.best.waited}
    best["reference"] = state.best.reference
    arrays = {"theta": state.theta, **state.slots, "running": state.running, "diverged": state.diverged, **best}
    return {"step": state.step} | {name: zlib.crc32(array.tobytes()) for name, array in arrays.items()}


@pytest.mark.parametrize("at", [0, 1, 2, 4])
@pytest.mark.parametrize("kind", PAUSED)
def test_a_pause_at_any_record_changes_nothing(kind, at):
    setup = setup_for(experiment(**PAUSED[kind]), [0, 1])
    expected, records = run(setup)
    assert len(records) >= 4
    state = setup.start()
    for number, _ in enumerate(loop(setup, state)):
        if number == at:
            break
    later = list(loop(setup, state))
    assert everything(state) == everything(expected)
    shown = {r.step: {name: v.tobytes() for name, v in r.figures.items()} for r in later if r.step > records[at].step}
    assert shown == {r.step: {n: v.tobytes() for n, v in r.figures.items()} for r in records[at + 1 :]}


def test_a_run_that_is_interrupted_between_updates_knows_how_many_it_has_done():
    setup = setup_for(experiment(training=training(log_every=5)))
    expected, _ = run(setup)
    state = setup.start()

    def interrupted(theta, gradient, slots, step):
        if step == 8:
            raise KeyboardInterrupt
        setup.optimizer.update(theta, gradient, slots, step)

    with pytest.raises(KeyboardInterrupt):
        list(fit(setup.network, setup.rows.parts(), [0], interrupted, setup.plan, state))
    assert state.step == 7
    list(loop(setup, state))
    assert everything(state) == everything(expected)


def test_a_finished_training_stays_finished():
    setup = setup_for(experiment(training=training(log_every=5)))
    state, _ = run(setup)
    before = everything(state)
    assert [r.step for r in loop(setup, state)] in ([], [12])
    assert everything(state) == before


# --- Gates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("test/accuracy >= 0.95", {"figure": "test/accuracy", "operator": ">=", "bound": 0.95}),
        ("  train/loss<2e-2 ", {"figure": "train/loss", "operator": "<", "bound": 0.02}),
        ("val/r2 > -.5", {"figure": "val/r2", "operator": ">", "bound": -0.5}),
        ("batch/loss@999 == 0.0142 +- 5e-7", {"operator": "==", "bound": 0.0142, "tolerance": 5e-7, "step": 999}),
        ("batch/loss@0 <= 3.", {"operator": "<=", "bound": 3.0, "step": 0}),
        ("val/accuracy >= 0.9 by epoch 20", {"operator": ">=", "bound": 0.9, "by_epoch": 20}),
        ("val/accuracy >= +1 by step 7", {"operator": ">=", "bound": 1.0, "by_step": 7}),
        ("val/loss == 0 +- 1 by step 7", {"operator": "==", "bound": 0.0, "tolerance": 1.0, "by_step": 7}),
        ("dense1/weights[3,1] == 0.5", {"figure": "dense1/weights[3,1]", "operator": "==", "bound": 0.5}),
    ],
)
def test_gates_as_they_are_written(text, parsed):
    figure = parsed.get("figure", text.split("@")[0].split(" ")[0])
    assert parse_gate(text) == Gate(text=text.strip(), **{"figure": figure, **parsed})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected FIGURE OP NUMBER"),
        ("test/accuracy", "expected FIGURE OP NUMBER"),
        ("test/accuracy = 0.9", "expected FIGURE OP NUMBER"),
        ("test/accuracy != 0.9", "expected FIGURE OP NUMBER"),
        ("test/accuracy >= high", "expected FIGURE OP NUMBER"),
        ("test/accuracy >= nan", "expected FIGURE OP NUMBER"),
        ("test/accuracy >= 1e999", "expected finite numbers"),
        (">= 0.9", "expected FIGURE OP NUMBER"),
        ("@5 >= 0.9", "expected FIGURE OP NUMBER"),
        ("a@ >= 0.9", "expected FIGURE OP NUMBER"),
        ("a@-1 >= 0.9", "expected FIGURE OP NUMBER"),
        ("a@1.5 >= 0.9", "expected FIGURE OP NUMBER"),
        ("a b >= 0.9", "expected FIGURE OP NUMBER"),
        ("a >= 0.9 by", "expected FIGURE OP NUMBER"),
        ("a >= 0.9 by epoch", "expected FIGURE OP NUMBER"),
        ("a >= 0.9 by week 3", "expected FIGURE OP NUMBER"),
        ("a >= 0.9 by epoch 1.5", "expected FIGURE OP NUMBER"),
        ("a >= 0.9by epoch 2", "expected FIGURE OP NUMBER"),
        ("a >= 0.9 +- 0.1", "expected it after =="),
        ("a == 0.9 +- -0.1", "a tolerance of at least 0"),
        ("a == 0.9 +- 1e999", "expected finite numbers"),
        ("a@5 >= 0.9 by epoch 2", "both @STEP and 'by'"),
        ("a >= 0.9 > 0.8", "expected FIGURE OP NUMBER"),
        ("a@99999999999 >= 0.9", "expected FIGURE OP NUMBER"),
    ],
)
def test_what_is_no_gate_is_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError, match="found") as error:
        parse_gate(text)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text() | st.text("@<>=+-.0123456789eE byepochstep/\n\t", max_size=40))
def test_any_text_is_a_gate_or_a_value_error(text):
    try:
        gate = parse_gate(text)
    except ValueError:
        return
    assert math.isfinite(gate.bound)
    assert gate.tolerance >= 0
    assert parse_gate(gate.text) == gate
    assert not gate.met(NAN)


FIGURES = st.from_regex(r"[a-z]{1,5}/[a-z0-9_]{1,6}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(FIGURES, st.sampled_from(sorted(OPERATORS)), NUMBERS, st.none() | st.integers(0, 10**9))
def test_a_gate_that_is_written_out_is_read_again(figure, operator, bound, step):
    text = f"{figure}{'' if step is None else f'@{step}'} {operator} {bound!r}"
    assert parse_gate(text) == Gate(text, figure, operator, bound, step=step)


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [(">=", False, True, True), ("<=", True, True, False), (">", False, False, True), ("<", True, False, False),
     ("==", False, True, False)],
)  # fmt: skip
def test_when_a_gate_is_met(operator, below, at, above):
    gate = Gate("", "f", operator, 0.5)
    assert [gate.met(value) for value in (0.25, 0.5, 0.75)] == [below, at, above]


def test_a_tolerance_includes_its_ends():
    gate = parse_gate("f == 0.5 +- 0.25")
    assert [gate.met(value) for value in (0.2, 0.25, 0.5, 0.75, 0.8, math.inf)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("operator", OPERATORS)
def test_what_was_not_measured_is_not_met(operator):
    gate = Gate("", "f", operator, 0.0, tolerance=1e300)
    assert not gate.met(None)
    assert not gate.met(NAN)


def measured():
    found = Measured(final={"val/loss": 0.4, "test/r2": None, "val/accuracy": 0.85})
    for step, epoch, loss, accuracy in [(5, 0.5, 0.9, 0.5), (10, 1.0, 0.2, 0.95), (20, 2.0, 0.4, 0.85)]:
        found.add(step, epoch, {"val/loss": loss, "val/accuracy": accuracy})
    return found


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        ("val/loss <= 0.3", 0.4, False),  # the final figure
        ("val/loss@10 <= 0.3", 0.2, True),
        ("val/loss@11 <= 0.3", None, False),
        ("val/accuracy >= 0.9 by epoch 1", 0.95, True),
        ("val/accuracy >= 0.9 by epoch 0", None, False),
        ("val/accuracy >= 0.9 by step 9", 0.5, False),
        ("val/loss < 0.3 by step 20", 0.2, True),
        ("val/loss == 0.45 +- 0.1 by epoch 2", 0.4, True),
        ("val/loss == 0.45 +- 0.01 by epoch 2", 0.4, False),
        ("test/r2 >= 0", None, False),
        ("test/loss >= 0", None, False),
        ("test/loss@10 >= 0", None, False),
        ("test/loss >= 0 by epoch 2", None, False),
    ],
)
def test_gates_held_against_what_was_measured(text, value, met):
    (outcome,) = hold([parse_gate(text)], measured())
    assert (outcome.gate, outcome.value, outcome.met) == (text, value, met)


@pytest.mark.parametrize("values", [[NAN, 0.95, 0.5], [0.95, NAN, 0.5], [0.5, 0.95, NAN]], ids=str)
@pytest.mark.parametrize("text", ["f >= 0.9 by epoch 9", "f < 0.6 by step 9", "f == 0.95 by epoch 9"])
def test_the_best_value_does_not_depend_on_where_one_is_missing(text, values):
    found = Measured()
    for step, value in enumerate(values):
        found.add(step, float(step), {"f": value})
    assert hold([parse_gate(text)], found)[0].met


def test_a_value_that_is_not_finite_is_no_number_of_a_summary():
    (outcome,) = hold([parse_gate("f >= 0")], Measured(final={"f": math.inf}))
    assert outcome.value is None


def test_an_unknown_figure_is_named_with_a_near_one():
    known = ["val/loss", "val/accuracy"]
    assert unknown_figure(parse_gate("val/loss > 0"), known) is None
    assert "val/accuracy" in unknown_figure(parse_gate("val/acuracy > 0"), known)
