"""A replica among others is bit for bit the run that its seed makes alone, whatever the others do."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from strategies import TRAINABLE, experiment, setup_for

from nnlab.comparison.arms import arm_experiment, arms_from, default_target
from nnlab.comparison.compare import compare
from nnlab.comparison.tasks import RowSource, Task, chunks
from nnlab.comparison.tasks import run as train_together
from nnlab.comparison.variants import variants
from nnlab.config.document import read_text
from nnlab.config.experiment import to_yaml, validate
from nnlab.experiments.train import train
from nnlab.gradients.checks import check_step
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.optimizers import OPTIMIZERS as ALL_OPTIMIZERS
from nnlab.networks.layers.base import PassContext
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.storage.files import ignore
from nnlab.training.loop import fit

pytestmark = pytest.mark.usefixtures("no_pictures")

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
    records = list(fit(setup.network, setup.rows.parts(), setup.rows.seeds, setup.optimizer.update, setup.plan, state))
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
    if own.running[0] or own.diverged[0]:  # of one that stopped early only the best weights count
        assert bits(state.theta[replica]) == bits(own.theta[0])
        assert bits(state.statistics[replica]) == bits(own.statistics[0])
    if own.running[0]:
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


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("validation", [None, 0.25], ids=["one-split", "own-splits"])
def test_a_line_search_of_its_own_for_each_replica(precision, validation):
    assert_each_as_alone(
        SEEDS[:4],
        precision=precision,
        data=MOONS | {"validation": validation},
        network={"layers": [6], "activation": "tanh", "l2": 1e-3, "l1": 1e-4},
        optimizer={"name": "lbfgs", "memory": 3},
        training=training(batch_size="all"),
    )


def test_a_line_search_with_class_weights_of_each_replica():
    assert_each_as_alone(
        SEEDS[:3],
        data=MOONS | {"validation": 0.25},
        network={"layers": [4], "head": {"loss": {"name": "binary_cross_entropy", "class_weights": "balanced"}}},
        optimizer={"name": "lbfgs"},
        training=training(batch_size="all"),
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


def test_what_has_run_away_keeps_its_statistics_while_others_do_so_later():
    state = assert_each_as_alone(
        task="regression",
        data={"source": "energy", "scale": "standard"},
        network={"layers": [{"dense": 3}, {"batch_norm": True}], "activation": "relu"},
        optimizer={"name": "sgd", "learning_rate": 0.05},
        training={"steps": 60, "batch_size": 8, "log_every": 3},
    )
    assert len(set(state.bad_step[state.diverged])) > 1


@pytest.mark.parametrize("layers", [[3], [60]])
@pytest.mark.parametrize(
    "head",
    [
        {"loss": {"name": "cross_entropy", "class_weights": "balanced", "smoothing": 0.2}},
        {"activation": "sigmoid", "loss": {"name": "focal", "class_weights": "balanced"}},
        {"activation": "identity", "loss": {"name": "hinge", "class_weights": "balanced"}},
    ],
)
def test_class_weights_of_each_replica(head, layers):
    assert_each_as_alone(
        task="multiclass",
        data={"source": "iris", "validation": 0.37},
        network={"layers": layers, "activation": "tanh", "head": head},
        training={"steps": 12, "batch_size": 17, "log_every": 1},
    )


@pytest.mark.parametrize("layers", [[8], [40]])
def test_the_mean_of_learned_parameters(layers):
    assert_each_as_alone(
        SEEDS[:5],
        data=MOONS,
        precision="float64",
        network={"layers": layers, "activation": {"name": "prelu", "per_unit": True}},
        training=training(),
    )


@pytest.mark.parametrize("layers", [[4], [40]])
def test_figures_of_health_on_rows_of_each_replica_with_one_input(layers):
    chosen = experiment(
        task="regression",
        data={"source": "energy", "validation": 0.3},
        precision="float64",
        network={"layers": layers, "activation": "tanh"},
        optimizer="adam",
        training={"steps": 6, "batch_size": 4, "log_every": 1, "evaluate_every": 2, "health": True},
    )
    found = read_rows(chosen, None, Path())
    columns = replace(found.columns, inputs=found.columns.inputs[:1])
    narrow = replace(found, x=30 * found.x[:33, :1], y=found.y[:33], columns=columns)
    together, *alone = (
        list(setup.fit(setup.start()))
        for setup in (
            set_up(chosen, prepare_rows(chosen, narrow, own)) for own in (SEEDS[:5], *([s] for s in SEEDS[:5]))
        )
    )
    for replica, own in enumerate(alone):
        for record, other in zip(together, own, strict=True):
            assert {name: bits(v[replica]) for name, v in record.figures.items()} == {
                name: bits(v[0]) for name, v in other.figures.items()
            }


# --- Learning rates side by side --------------------------------------------------------------------------------------

RATES = ("0.003", "0.1", "0.02")


def tuned(**changes):
    """An experiment with three learning rates, in three variants."""
    chosen = experiment(**changes)
    chosen = validate(read_text(to_yaml(chosen), "e.yaml"))
    return variants(chosen, [chosen.network.activation], tune=[f"optimizer.learning_rate={','.join(RATES)}"])


def arms_of(all_variants, seeds):
    rows = read_rows(all_variants[0].experiment, None, Path())
    return train_together(Task(tuple(all_variants), tuple(seeds)), RowSource(rows), ignore, bool)


def assert_same_arm(together, alone):
    for name in ("theta", "statistics", "diverged", "bad_step"):
        assert bits(getattr(together, name)) == bits(getattr(alone, name))
    length = len(alone.steps)
    assert together.steps[:length].tolist() == alone.steps.tolist()
    for name, curve in alone.curves.items():
        assert bits(together.curves[name][:, :length]) == bits(curve)
    assert all(bits(together.finals[name]) == bits(values) for name, values in alone.finals.items())


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [*ALL_OPTIMIZERS, "momentum", "plateau", "cosine"])
def test_learning_rates_side_by_side_have_the_bits_of_each_alone(optimizer, precision):
    """Numbers that are made from a rate are rounded once: a column of float32 rates would give other bits."""
    schedules = {"plateau": {"name": "plateau", "patience": 1, "factor": 0.5}, "cosine": {"name": "cosine"}}
    chosen = {"name": optimizer}
    if optimizer == "momentum":
        chosen = {"name": "sgd", "momentum": 0.9}
    whole = bool(ALL_OPTIMIZERS[chosen["name"]].needs_all_rows) if chosen["name"] in ALL_OPTIMIZERS else False
    all_variants = tuned(
        precision=precision,
        data=MOONS | {"validation": 0.25, "test": 0.2},
        network={"layers": [5, {"dropout": 0.2}, 4] if not whole else [5], "activation": "tanh", "l2": 1e-3},
        optimizer={"name": "adam"} if optimizer in schedules else chosen,
        training=training(batch_size="all" if whole else 16, steps=25),
    )
    if optimizer in schedules:
        schedule = experiment(optimizer={"name": "adam", "learning_rate": schedules[optimizer]}).optimizer.schedule
        all_variants = [with_schedule(variant, schedule) for variant in all_variants]
    together = arms_of(all_variants, SEEDS[:3])
    for index, variant in enumerate(all_variants):
        assert together[index].label == variant.label
        assert_same_arm(together[index], arms_of([variant], SEEDS[:3])[0])
    assert len({bits(arm.theta) for arm in together}) == len(RATES)


def with_schedule(variant, schedule):
    """The variant with its rate as the base of a schedule."""
    optimizer = variant.experiment.optimizer.model_copy(update={"schedule": schedule})
    return replace(variant, experiment=variant.experiment.model_copy(update={"optimizer": optimizer}))


def test_a_rate_that_runs_away_leaves_the_others_as_they_are_alone():
    chosen = experiment(
        task="regression",
        data={"source": "houses", "scale": "standard", "scale_targets": True},
        network={"layers": [4], "activation": "bent_identity"},
        optimizer={"name": "sgd"},
        training={"steps": 60, "batch_size": "all", "log_every": 3, "evaluate_every": 6},
    )
    chosen = validate(read_text(to_yaml(chosen), "e.yaml"))
    rates = ["optimizer.learning_rate=0.01,1e4,0.02"]
    all_variants = variants(chosen, [chosen.network.activation], tune=rates)
    together = arms_of(all_variants, SEEDS[:3])
    assert [int(arm.diverged.sum()) for arm in together] == [0, 3, 0]
    for index, variant in enumerate(all_variants):
        assert_same_arm(together[index], arms_of([variant], SEEDS[:3])[0])


# --- How many at once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2, 7])
@pytest.mark.parametrize("count", [1, 5, 1000])
@pytest.mark.parametrize("width", [2, 4000])
def test_every_seed_is_in_one_chunk(width, count, jobs):
    chosen = experiment(network={"layers": [width]})
    rows, seeds = read_rows(chosen, None, Path()), range(3, 3 + count)
    found = [list(chunk) for chunk in chunks(chosen, rows, seeds, jobs)]
    assert [seed for chunk in found for seed in chunk] == list(seeds)
    lengths = {len(chunk) for chunk in found}
    assert max(lengths) - min(lengths) <= 1


def test_small_networks_go_together_and_large_ones_alone():
    rows = read_rows(experiment(), None, Path())

    def lengths(width, jobs):
        chosen = experiment(network={"layers": [width]})
        return [len(chunk) for chunk in chunks(chosen, rows, range(100), jobs)]

    assert lengths(2, 1) == [100]
    assert len(lengths(2, 2)) == 1  # cut in two, both would take about as long as the whole
    assert set(lengths(300_000, 1)) == {1}
    assert len(lengths(5000, 4)) >= 4


@pytest.mark.parametrize("drawn", [{}, {"validation": 0.25}])
def test_rows_are_prepared_again_only_where_they_are_others(drawn):
    chosen = experiment(data=MOONS | {"scale": "standard"} | drawn)
    source = RowSource(read_rows(chosen, None, Path()))
    for seeds, precision in [((1, 2), "float32"), ((1, 2), "float32"), ((3,), "float32"), ((3,), "float64")]:
        own = chosen.model_copy(update={"precision": precision})
        before, found = source.last, source.rows(own, seeds)
        expected = prepare_rows(own, source.dataset, seeds)
        assert (found.seeds, len(found.prepared)) == (expected.seeds, len(expected.prepared))
        for name, part in expected.parts().items():
            assert bits(found.parts()[name].x) == bits(part.x)
        again = (seeds, precision) == ((1, 2), "float32") or (precision == "float32" and not drawn)
        assert (source.last is before) == (again and before is not None)


# --- The experiments --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of two activations with three seeds, and its folder."""
    chosen = experiment(
        data=MOONS | {"validation": 0.25, "test": 0.2},
        training={"steps": 30, "batch_size": 16, "evaluate_every": 2, "early_stopping": {"patience": 4}},
        optimizer=OPTIMIZERS["adam"] | {"learning_rate": 0.3},
    )
    arms = arms_from(["tanh", "prelu:alpha=0.1"], ACTIVATIONS)
    rows, runs = read_rows(chosen, None, Path()), tmp_path_factory.mktemp("runs")
    both, target = variants(chosen, arms), default_target(chosen, rows.y)
    found = compare(chosen, rows, both, SEEDS[:3], runs=runs, target=target)
    return chosen, rows, arms, found.compared.folder, runs


@pytest.mark.parametrize("arm", [0, 1])
def test_the_weights_of_a_comparison_are_those_of_training_each_seed(arm, compared):
    chosen, rows, arms, folder, runs = compared
    weights = np.load(next((folder / "weights").glob(f"{arms[arm].name}*")))
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        results = {(row["activation"], int(row["seed"])): row for row in csv.DictReader(file)}
    assert weights["seeds"].tolist() == list(SEEDS[:3])
    for replica, seed in enumerate(SEEDS[:3]):
        own = arm_experiment(chosen, arms[arm]).model_copy(update={"seed": seed})
        result = train(set_up(own, prepare_rows(own, rows, [seed])), runs=runs)
        alone = np.load(result.folder / "checkpoints" / "best.npz")
        tensors = set_up(own, prepare_rows(own, rows, [seed])).network.layout.views(alone["theta"])
        assert {name: bits(weights[name][replica]) for name in tensors} == {n: bits(t[0]) for n, t in tensors.items()}
        found = results[arms[arm].label, seed]
        for figure in ("val/loss", "test/loss", "test/accuracy"):
            split, name = figure.split("/")
            assert float(found[figure]) == result.reports[split][name]


def test_arms_start_from_matched_draws_and_see_the_same_rows():
    chosen = experiment(data=MOONS | {"validation": 0.25}, network={"layers": [5], "init": "he_normal"})
    arms = [setup_for(arm_experiment(chosen, arm), SEEDS[:3]) for arm in arms_from(["tanh", "relu"], ACTIVATIONS)]
    first, second = (setup.start().theta for setup in arms)
    assert bits(first) == bits(second)
    parts = [setup.rows.parts() for setup in arms]
    assert all(bits(parts[0][name].x) == bits(parts[1][name].x) for name in parts[0])


def test_a_gradient_check_leaves_the_run_as_it_is():
    setup = setup_for(experiment(precision="float64", training=training()))
    expected, _ = run(setup)
    state = setup.start()
    parts = setup.rows.parts()
    for _ in fit(setup.network, parts, setup.rows.seeds, setup.optimizer.update, setup.plan, state):
        check_step(setup.network, state.theta, (parts["train"].x, parts["train"].y), PassContext(), 1e-6, 1e-6)
    assert bits(state.theta) == bits(expected.theta)


@pytest.mark.parametrize(
    "change", [{"log_every": 7}, {"evaluate_every": 1}, {"checkpoint_every": 3}, {"steps_to_measure": frozenset({5})}]
)
def test_when_to_measure_does_not_change_the_weights(change):
    setup = setup_for(experiment(training=training()))
    expected, _ = run(setup)
    state, _ = run(replace(setup, plan=replace(setup.plan, **change)))
    assert bits(state.theta) == bits(expected.theta)
