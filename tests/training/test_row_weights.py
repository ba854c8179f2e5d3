"""Weights of rows in loss and gradient: as repeated rows, in batches, pieces, replicas and line searches."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils.class_weight import compute_class_weight
from strategies import HEADS, network_of, targets, weighted_setup

from nnlab.gradients.planted_defects import dense
from nnlab.gradients.planted_image_defects import conv
from nnlab.maths.losses import balanced, row_weighted, unfused, with_row_weights
from nnlab.networks.evaluator import Evaluator
from nnlab.networks.network import Network, Pass
from nnlab.networks.pieces import training_pass
from nnlab.training.epochs import Epoch
from nnlab.training.loop import fit
from nnlab.training.objective import Objective

MOONS = {"name": "moons", "samples": 90}


def weighing(network):
    return replace(network, head=row_weighted(network.head))


def measured(network, theta, x, y):
    """Loss (R,) and gradient (R, P) of one batch."""
    gradient = np.zeros_like(theta)
    loss = Pass(network, theta, gradient, x.shape[1]).differentiate(x, y, measured=True)
    return loss, gradient


def case(head, seed=0, rows=7, replicas=1):
    """A small network, theta and a batch."""
    rng, network = np.random.default_rng(seed), network_of(head, [4])
    x, y = rng.normal(size=(1, rows, 3)), targets(head[0], rows, rng)
    return network, rng.normal(size=(replicas, network.layout.size)), x, y


# --- one batch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_whole_weights_are_repeated_rows_in_loss_and_gradient(head):
    network, theta, x, y = case(head)
    counts = np.array([1, 3, 0, 2, 1, 0, 5])
    weights = counts / counts.mean()
    loss, gradient = measured(weighing(network), theta, x, with_row_weights(y, weights[None]))
    expected, slopes = measured(network, theta, np.repeat(x, counts, axis=1), np.repeat(y, counts, axis=1))
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("head", HEADS[:: len(HEADS) // 40], ids=str)
def test_equal_weights_have_the_bits_of_none(head, dtype):
    network, theta, x, y = (value if isinstance(value, Network) else value.astype(dtype) for value in case(head))
    found = measured(weighing(network), theta, x, with_row_weights(y, np.ones((1, 7))))
    assert [each.tobytes() for each in found] == [each.tobytes() for each in measured(network, theta, x, y)]


def test_class_weights_and_smoothing_look_at_the_targets_alone_and_weights_multiply():
    loss = {"name": "cross_entropy", "smoothing": 0.2, "class_weights": [1, 2, 5]}
    plain = weighted_setup(None, task="multiclass", data={"source": {"name": "blobs", "samples": 30}}, **headed(loss))
    head, rng = plain.network.head, np.random.default_rng(1)
    z, y, weights = rng.normal(size=(1, 9, 3)), targets("multiclass", 9, rng), rng.uniform(0, 4, (1, 9))
    a, slope, weighted = (np.empty_like(z) for _ in range(3))
    head.outputs(z, a)
    head.gradient(z, a, y, slope)
    ours, behind = row_weighted(head), with_row_weights(y, weights)
    ours.gradient(z, a, behind, weighted)
    np.testing.assert_array_equal(ours.losses(z, behind), head.losses(z, y) * weights)
    np.testing.assert_array_equal(weighted, slope * weights[..., None])
    assert ours.of_replica(0).weighs_rows


# --- balanced classes -------------------------------------------------------------------------------------------------


@given(hnp.arrays(int, 40, elements=st.integers(0, 2)), st.integers(0, 2**20))
def test_balanced_classes_are_those_of_repeated_rows(labels, seed):
    labels[:3] = 0, 1, 2
    counts = np.random.default_rng(seed).integers(1, 5, 40)
    repeated = np.repeat(labels, counts)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=repeated)
    np.testing.assert_allclose(balanced(np.eye(3)[labels], "multiclass", counts / 7)[1], expected, rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_a_training_balances_its_classes_by_the_weights_of_its_rows(optimizer):
    """The column that data.weight names, in the head of the network that is trained: each side has half the weight."""
    counts = np.random.default_rng(2).integers(0, 5, 90).astype(float)
    loss = {"name": "binary_cross_entropy", "class_weights": "balanced"}
    more = {"optimizer": optimizer, "training": {"steps": 2, "batch_size": "all"}}
    setup = weighted_setup(counts, network={"layers": [3], "head": {"loss": loss}}, **more)
    train = setup.rows.of(0).train
    labels, relative = train.y[:, 0], train.weights
    repeated = np.repeat(labels, counts[setup.rows.of(0).split.train].astype(int))
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=repeated)
    np.testing.assert_allclose(setup.network.head.weights[0, :, 0], expected, rtol=1e-6)
    sides = [(relative * (labels == side)).sum() * expected[side] for side in (0, 1)]
    assert sides[0] == pytest.approx(sides[1], rel=1e-6)


def test_a_class_whose_rows_weigh_nothing_is_lacking():
    y, weights = np.array([[0.0], [1.0], [1.0]]), np.array([0.0, 0.3, 0.6])
    assert balanced(y, "binary", weights).tolist() == [[np.inf], [0.5]]


# --- pieces and replicas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replicas", [1, 3])
def test_images_in_pieces_have_the_gradient_of_repeated_images(replicas):
    layers = (conv("c", filters=2), dense("d", 3))
    network = Network((5, 5, 1), layers, unfused("mse"))
    rng, counts = np.random.default_rng(4), np.array([0, 1, 2, 1, 3] * 4 + [1, 2])
    theta = network.start(range(replicas), np.float64)
    x, y = rng.normal(size=(replicas, 22, 25)), rng.normal(size=(replicas, 22, 3))
    gradient = np.full_like(theta, np.nan)
    pieces = training_pass(weighing(network), theta, gradient, 22)  # two of 11 images
    weights = np.broadcast_to(counts / counts.mean(), (replicas, 22))
    loss = pieces.differentiate(x, with_row_weights(y, weights), measured=True)
    expected = measured(network, theta, np.repeat(x, counts, axis=1), np.repeat(y, counts, axis=1))
    np.testing.assert_allclose(loss, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-13)


def test_a_short_piece_is_filled_up_without_weight():
    network = Network((5, 5, 1), (conv("c", filters=2), dense("d", 3)), unfused("mse"))
    rng, theta = np.random.default_rng(5), network.start([0], np.float64)
    x, y = rng.normal(size=(1, 17, 25)), rng.normal(size=(1, 17, 3))
    behind, gradient = with_row_weights(y, rng.uniform(0, 2, (1, 17))), np.empty_like(theta)
    loss = training_pass(weighing(network), theta, gradient, 17).differentiate(x, behind, measured=True)
    expected = measured(weighing(network), theta, x, behind)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-13)


def test_batches_bring_each_row_with_its_weight():
    setup = weighted_setup(np.arange(90.0), seeds=(3, 8), **trained(batch_size=7))
    batches, train = setup.batches(), setup.parts["train"]
    for step in (0, 5, 13):
        _, y = batches.at(step)
        rows = batches.positions(step)
        np.testing.assert_array_equal(y[..., -1], train.weights[0][rows].astype(y.dtype))
        np.testing.assert_array_equal(y[..., :-1], train.y[0][rows])


# --- whole trainings --------------------------------------------------------------------------------------------------


def trained(**more):
    return {"training": {"steps": 12, "batch_size": 16, "log_every": 1, "evaluate_every": 4} | more}


def headed(loss):
    return {"network": {"layers": [5], "head": {"loss": loss}}}


def run(setup):
    """The state after training and the figures on the way."""
    state = setup.start()
    parts = setup.rows.parts()
    records = [*fit(setup.network, parts, setup.rows.seeds, setup.optimizer.update, setup.plan, state)]
    return state, [(record.step, name, values) for record in records for name, values in record.figures.items()]


def bits(found, replica=0):
    state, figures = found
    return state.theta[replica].tobytes(), [(step, name, v[replica].tobytes()) for step, name, v in figures]


RANDOM = np.random.default_rng(12).uniform(0, 3, 90) * (np.arange(90) % 7 > 0)
KINDS = {
    "shared rows": {},
    "own rows": {"data": {"source": MOONS, "validation": 0.25, "test": 0.2, "scale": "standard"}},
    "line search": {"optimizer": {"name": "lbfgs"}} | trained(batch_size="all", log_every=1),
    "balanced": headed({"name": "binary_cross_entropy", "class_weights": "balanced"})
    | {"data": {"source": MOONS, "validation": 0.25}},
    "balanced line search": headed({"name": "focal", "class_weights": "balanced"})
    | {"data": {"source": MOONS, "validation": 0.25}, "optimizer": {"name": "lbfgs"}}
    | trained(batch_size="all"),
    "classes": {"task": "multiclass", "data": {"source": {"name": "blobs", "samples": 90}, "validation": 0.2}},
    "health": trained(health=True),
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_is_bit_for_bit_the_run_alone(kind, precision):
    seeds = (3, 0, 7, 2**40)
    together = run(weighted_setup(RANDOM, seeds, precision=precision, **KINDS[kind]))
    for replica, seed in enumerate(seeds):
        assert bits(together, replica) == bits(run(weighted_setup(RANDOM, [seed], precision=precision, **KINDS[kind])))


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_with_equal_weights_has_the_bits_of_one_without(kind):
    assert bits(run(weighted_setup(np.full(90, 0.3), **KINDS[kind]))) == bits(run(weighted_setup(None, **KINDS[kind])))


@pytest.mark.parametrize("factor", [2.0**-20, 2.0**60])
def test_the_unit_of_weights_changes_nothing(factor):
    assert bits(run(weighted_setup(factor * RANDOM))) == bits(run(weighted_setup(RANDOM)))


def test_weights_change_what_is_learned():
    assert bits(run(weighted_setup(RANDOM)))[0] != bits(run(weighted_setup(None)))[0]


def test_rows_of_weight_0_teach_nothing():
    weights = np.ones(90)
    weights[60:] = 0
    every = trained(batch_size="all")
    weighted, setup = weighted_setup(weights, **every), weighted_setup(None, **every)
    found = run(weighted)[0]
    few = {name: replace(part, x=part.x[:, :60], y=part.y[:, :60]) for name, part in setup.parts.items()}
    state = weighted.start()  # which looks at the inputs of the rows that count
    plan = replace(setup.plan, epoch=Epoch(60, 60))
    [*fit(setup.network, few, setup.rows.seeds, setup.optimizer.update, plan, state)]
    np.testing.assert_allclose(found.theta, state.theta, rtol=1e-4, atol=1e-6)


def test_the_figures_of_a_part_are_those_of_its_rows_repeated():
    counts = np.random.default_rng(2).integers(0, 4, 90)
    setup = weighted_setup(counts.astype(float), precision="float64")
    _, figures = run(setup)
    theta, train = setup.start().theta, setup.parts["train"]
    network = weighted_setup(None, precision="float64").network
    x, y = (np.repeat(values, counts, axis=1) for values in (train.x, train.y))
    _, loss = Evaluator(network, theta).outputs_and_loss(x, y)
    first = {name: values for step, name, values in figures if step == 0}
    np.testing.assert_allclose(first["train/loss"], loss, rtol=1e-12)


def test_the_objective_of_a_line_search_weighs_rows():
    counts = np.random.default_rng(2).integers(0, 4, 90)
    weighted, plain = (
        weighted_setup(counts.astype(float), precision="float64"),
        weighted_setup(None, precision="float64"),
    )
    train, theta = weighted.parts["train"], plain.start().theta[0]
    value, slope = Objective(weighted.network, train.x, train.y_and_weights)(theta, 0)
    x, y = (np.repeat(values, counts, axis=1) for values in (train.x, train.y))
    expected, gradient = Objective(plain.network, x, y)(theta, 0)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-14)
