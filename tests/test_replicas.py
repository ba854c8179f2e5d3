"""A replica among others is bit for bit the run that its seed makes alone, whatever the others do."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from strategies import TRAINABLE, experiment, setup_for

from nnlab.config.arms import default_target
from nnlab.config.choices import Choice
from nnlab.experiments.check_gradients import check_step
from nnlab.experiments.compare import arm_experiment, compare
from nnlab.experiments.setup import prepare_rows, read_rows, set_up
from nnlab.experiments.train import train
from nnlab.maths.activations import ACTIVATIONS
from nnlab.networks.layers import Moment
from nnlab.training.loop import fit

SEEDS = (3, 0, 7, 11, 2, 19, 5, 23, 1, 13, 17, 4, 29, 6, 31, 2**40)
OPTIMIZERS = {
    "sgd": {"name": "sgd", "learning_rate": 0.5},
    "momentum": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "nesterov": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "adam": {"name": "adam", "learning_rate": 0.02},
}
MOONS = {"source": {"name": "moons", "samples": 90}}


def run(setup, plant=lambda _state: None):
    """The state after training and the records on the way."""
    state = setup.start()
    plant(state)
    records = list(fit(setup.network, setup.rows.parts(), setup.rows.seeds, setup.rule.update, setup.plan, state))
    return state, records


def bits(array):
    return np.ascontiguousarray(array).tobytes()


def assert_same_run(together, alone, replica):
    """Weights, slots, best weights and every measured figure, bit for bit, as long as the run alone lasted."""
    (state, records), (own, own_records) = together, alone
    assert bits(state.best.theta[replica]) == bits(own.best.theta[0])
    assert bits(state.best.value[replica]) == bits(own.best.value[0])
    assert state.best.step[replica] == own.best.step[0]
    assert (state.running[replica], state.diverged[replica]) == (own.running[0], own.diverged[0])
    if own.running[0]:  # a replica that stopped early is carried along, and only its best weights count
        assert bits(state.theta[replica]) == bits(own.theta[0])
        assert all(bits(state.slots[name][replica]) == bits(slot[0]) for name, slot in own.slots.items())
    shown = [(r.step, name, bits(v[replica])) for r in records for name, v in r.figures.items() if r.step <= own.step]
    assert shown == [(r.step, name, bits(v[0])) for r in own_records for name, v in r.figures.items()]
    later = [v[replica] for r in records for v in r.figures.values() if r.step > own.step]
    assert np.isnan(later).all()


def assert_each_as_alone(seeds=SEEDS, **changes):
    """Train seeds together and one by one; what came of them together."""
    chosen = experiment(**changes)
    together = run(setup_for(chosen, seeds))
    for replica, seed in enumerate(seeds):
        assert_same_run(together, run(setup_for(chosen, [seed])), replica)
    return together[0]


def training(**more):
    return {"steps": 14, "batch_size": 16, "log_every": 1, "evaluate_every": 5} | more


@pytest.mark.parametrize("validation", [None, 0.25], ids=["one-split", "own-splits"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in-order"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_sixteen_seeds(optimizer, precision, shuffle, validation):
    state = assert_each_as_alone(
        precision=precision,
        data=MOONS | {"scale": "standard", "validation": validation},
        network={"layers": [7, 5], "activation": {"name": "prelu", "per_unit": True}, "l2": 1e-3},
        optimizer=OPTIMIZERS[optimizer],
        training=training(shuffle=shuffle),
    )
    assert len({bits(theta) for theta in state.theta}) == len(SEEDS)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("activation", TRAINABLE)
def test_every_activation(activation, precision):
    assert_each_as_alone(
        SEEDS[:5],
        precision=precision,
        data=MOONS | {"validation": 0.25},
        network={"layers": [10, 4], "activation": activation},
        training=training(),
    )


@pytest.mark.parametrize(
    ("task", "source", "head"),
    [
        ("multiclass", {"name": "blobs", "samples": 75}, {}),
        ("multiclass", {"name": "blobs", "samples": 75}, {"activation": "sigmoid", "loss": "binary_cross_entropy"}),
        ("multiclass", {"name": "blobs", "samples": 75}, {"activation": "tanh", "loss": "mse"}),
        ("binary", {"name": "moons", "samples": 75}, {"logits": False}),
        ("regression", "energy", {}),
        ("multilabel", "digit-traits", {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_task_and_head(task, source, head, precision):
    more = {"scale_targets": True} if task == "regression" else {}
    assert_each_as_alone(
        SEEDS[:4],
        task=task,
        precision=precision,
        data={"source": source, "scale": "standard", "validation": 0.2, "test": 0.1, **more},
        network={"layers": [6], "activation": "tanh", "head": head},
        training=training(),
    )


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_wide_layers_whose_products_are_cut_into_blocks(precision):
    assert_each_as_alone(
        SEEDS[:3],
        task="multiclass",
        precision=precision,
        data={"source": "digits", "scale": {"name": "standard", "epsilon": 1e-9}, "validation": 300},
        network={"layers": [130, 33], "activation": "relu"},
        optimizer=OPTIMIZERS["adam"],
        training=training(batch_size=129),
    )


def test_all_rows_in_one_batch():
    assert_each_as_alone(data=MOONS | {"validation": 0.2}, training=training(batch_size="all"))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_early_stopping(optimizer):
    state = assert_each_as_alone(
        data=MOONS | {"validation": 0.3},
        network={"layers": [8], "activation": "tanh"},
        optimizer=OPTIMIZERS[optimizer] | {"learning_rate": 1.0 if optimizer == "sgd" else 0.3},
        training=training(steps=80, evaluate_every=2, early_stopping={"patience": 3}),
    )
    assert not state.running.all()
    assert len(set(state.best.step.tolist())) > 3


# --- Divergence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("planted", [1e30, np.inf, np.nan])
def test_a_replica_that_diverges_leaves_the_others_untouched(optimizer, planted):
    def plant(state):
        state.theta[3] = planted

    chosen = experiment(
        data=MOONS | {"validation": 0.25},
        network={"layers": [6], "activation": "bent_identity", "l2": 1e-3},
        optimizer=OPTIMIZERS[optimizer],
        training=training(),
    )
    together = run(setup_for(chosen, SEEDS[:6]), plant)
    assert together[0].diverged.tolist() == [replica == 3 for replica in range(6)]
    for replica in (0, 1, 2, 4, 5):
        assert_same_run(together, run(setup_for(chosen, [SEEDS[replica]])), replica)
    shown = [(r.step, v[3]) for r in together[1] for v in r.figures.values()]
    assert np.isnan([value for _, value in shown]).all()


def test_replicas_that_run_away_do_so_as_they_would_alone():
    state = assert_each_as_alone(
        task="regression",
        data={"source": "houses", "scale": "standard", "scale_targets": True},
        network={"layers": [4], "activation": "bent_identity"},
        optimizer={"name": "sgd", "learning_rate": 0.45},
        training={"steps": 120, "batch_size": "all", "log_every": 3, "evaluate_every": 3},
    )
    assert 0 < state.diverged.sum() < len(SEEDS)


# --- The experiments --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of two activations with three seeds, and its folder."""
    chosen = experiment(
        data=MOONS | {"validation": 0.25, "test": 0.2},
        training={"steps": 30, "batch_size": 16, "evaluate_every": 2, "early_stopping": {"patience": 4}},
        optimizer=OPTIMIZERS["adam"] | {"learning_rate": 0.3},
    )
    arms = [Choice(name="tanh", values={}), Choice(name="prelu", values={"alpha": 0.1}, learn=("alpha",))]
    rows, runs = read_rows(chosen, None, Path()), tmp_path_factory.mktemp("runs")
    folder = compare(
        chosen, rows, arms, SEEDS[:3], runs=runs, activations=ACTIVATIONS, target=default_target(chosen)
    ).folder
    return chosen, rows, arms, folder, runs


@pytest.mark.parametrize("arm", [0, 1])
def test_the_weights_of_a_comparison_are_those_of_training_each_seed(arm, compared):
    chosen, rows, arms, folder, runs = compared
    weights = np.load(next((folder / "weights").glob(f"{arms[arm].name}*")))
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        results = {(row["activation"], int(row["seed"])): row for row in csv.DictReader(file)}
    assert weights["seeds"].tolist() == list(SEEDS[:3])
    for replica, seed in enumerate(SEEDS[:3]):
        own = arm_experiment(chosen, arms[arm]).model_copy(update={"seed": seed})
        result = train(set_up(own, prepare_rows(own, rows, [seed])), runs=runs, activations=ACTIVATIONS)
        alone = np.load(result.folder / "checkpoints" / "best.npz")
        assert bits(alone["theta"][0]) == bits(weights["theta"][replica])
        found = results[arms[arm].label, seed]
        for figure in ("val/loss", "test/loss", "test/accuracy"):
            split, name = figure.split("/")
            assert float(found[figure]) == result.reports[split][name]


def test_arms_start_from_matched_draws_and_see_the_same_rows():
    chosen = experiment(data=MOONS | {"validation": 0.25}, network={"layers": [5], "init": "he_normal"})
    arms = [setup_for(arm_experiment(chosen, Choice(name=name, values={})), SEEDS[:3]) for name in ("tanh", "relu")]
    first, second = (setup.start().theta for setup in arms)
    assert bits(first) == bits(second)
    parts = [setup.rows.parts() for setup in arms]
    assert all(bits(parts[0][name].x) == bits(parts[1][name].x) for name in parts[0])


def test_a_gradient_check_leaves_the_run_as_it_is():
    setup = setup_for(experiment(precision="float64", training=training()))
    expected, _ = run(setup)
    state = setup.start()
    parts = setup.rows.parts()
    for _ in fit(setup.network, parts, setup.rows.seeds, setup.rule.update, setup.plan, state):
        check_step(setup.network, state.theta, (parts["train"].x, parts["train"].y), Moment(), 1e-6, 1e-6)
    assert bits(state.theta) == bits(expected.theta)


@pytest.mark.parametrize(
    "change", [{"log_every": 7}, {"evaluate_every": 1}, {"checkpoint_every": 3}, {"steps_to_measure": frozenset({5})}]
)
def test_when_to_measure_does_not_change_the_weights(change):
    setup = setup_for(experiment(training=training()))
    expected, _ = run(setup)
    state, _ = run(replace(setup, plan=replace(setup.plan, **change)))
    assert bits(state.theta) == bits(expected.theta)
