"""Small networks compute with replicas first in memory: the same numbers, and the same bits whatever their number."""

import numpy as np
import pytest
from strategies import TRAINABLE, experiment, setup_for

from nnlab.maths import memory
from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.networks.network import Pass
from nnlab.networks.replicas_first import LARGEST, ReplicasFirstPass, is_small, laid_out, pass_of
from nnlab.training.loop import Trainer

HEADS = {
    "binary": {"task": "binary", "data": {"source": "xor"}},
    "multiclass": {"task": "multiclass", "data": {"source": {"name": "spirals", "samples": 60, "classes": 3}}},
    "regression": {"task": "regression", "data": {"source": "houses", "scale": "standard"}},
    "margins": {
        "task": "multiclass",
        "data": {"source": {"name": "spirals", "samples": 60, "classes": 3}},
        "head": {"activation": "identity", "loss": "hinge"},
    },
    "smoothed": {
        "task": "multiclass",
        "data": {"source": {"name": "spirals", "samples": 60, "classes": 3}},
        "head": {
            "activation": "softmax",
            "loss": {"name": "cross_entropy", "smoothing": 0.2, "class_weights": [0.3, 1.7, 0.9]},
        },
    },
    "focal": {
        "task": "multiclass",
        "data": {"source": {"name": "spirals", "samples": 60, "classes": 3}},
        "head": {"activation": "softmax", "loss": {"name": "focal", "gamma": 2}},
    },
}
COUNTS = (1, 2, 3, 7, 100)
SEEDS = tuple(range(100))


def problem(head="multiclass", precision="float64", activation="tanh", **network):
    """A setup of one seed, and the x and y of a batch of 12 rows for 100 replicas, each its own."""
    about = dict(HEADS[head])
    own = {"layers": [4, 4], "activation": activation} | network
    if not own["layers"]:
        own = {}
    if "head" in about:
        own["head"] = about.pop("head")
    setup = setup_for(experiment(network=own, precision=precision, **about))
    part = setup.rows.parts()["train"]
    rows = np.random.default_rng(0).integers(0, part.x.shape[1], (100, 12))
    return setup, part.x[0][rows], np.asarray(part.y)[0][rows]


def measured(setup, replicas, x, y):
    """Outputs, losses, scores, mean loss and gradient of some replicas, which take their own rows or share them."""
    theta = laid_out(setup.network.start(SEEDS[:replicas], x.dtype), setup.network, x.shape[1])
    theta += 0.1 * np.random.default_rng(0).standard_normal(theta.shape[1]).astype(x.dtype)  # biases are not 0
    gradient = np.zeros_like(theta)
    own = pass_of(setup.network, theta, gradient, x.shape[1])
    assert isinstance(own, ReplicasFirstPass)
    own_x, own_y = (values if len(values) == 1 else values[:replicas] for values in (x, y))
    with np.errstate(all="ignore"):
        outputs = own.forward(own_x).copy()
        found = [outputs, own.losses(own_y).copy(), own.scores.copy(), own.loss(own_y)]
        found.append(own.differentiate(own_x, own_y, measured=True))
    return [np.ascontiguousarray(values) for values in (*found, gradient)]


def assert_the_same_bits(setup, x, y):
    everything = measured(setup, 100, x, y)
    for replicas in COUNTS[:-1]:
        for few, many in zip(measured(setup, replicas, x, y), everything, strict=True):
            assert few.tobytes() == many[:replicas].tobytes(), replicas


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("shared", [True, False], ids=["shared rows", "own rows"])
def test_a_replica_has_the_same_bits_whatever_their_number(head, precision, shared):
    """That einsum adds rounded products one after the other: a NumPy that does not would fail here."""
    setup, x, y = problem(head, precision)
    assert_the_same_bits(setup, *((x[:1], y[:1]) if shared else (x, y)))


ELEMENTWISE = [name for name in TRAINABLE if isinstance(ACTIVATIONS[name], Activation)]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_so_it_does_under_every_activation(precision):
    for name in ELEMENTWISE:
        setup, x, y = problem(precision=precision, activation=name)
        assert_the_same_bits(setup, x, y)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 12])
@pytest.mark.parametrize("layers", [[1], [3, 1], [1, 5], []])
@pytest.mark.parametrize("head", ["multiclass", "regression"])
def test_so_it_does_where_an_axis_has_length_one(rows, layers, head, precision, shared):
    setup, x, y = problem(head, precision, layers=layers)
    x, y = (values.astype(precision)[: 1 if shared else None, :rows] for values in (x, y))
    assert_the_same_bits(setup, x, y)


@pytest.mark.parametrize("activation", ["tanh", {"name": "prelu", "alpha": 0.25}, {"name": "prelu", "per_unit": True}])
@pytest.mark.parametrize("head", HEADS)
def test_it_computes_what_a_pass_with_samples_first_computes(head, activation):
    setup, x, y = problem(head, activation=activation)
    network, theta = setup.network, setup.network.start(SEEDS[:5], np.float64)
    by_replica, at_once = (np.zeros_like(theta) for _ in range(2))
    expected = Pass(network, theta, by_replica, 12)
    found = pass_of(network, theta, at_once, 12)
    for one in (expected, found):
        one.forward(x[:5])
    np.testing.assert_allclose(found.loss(y[:5]), expected.loss(y[:5]), rtol=1e-13)
    for ours, theirs in zip(found.adjoints(y[:5]), expected.adjoints(y[:5]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(at_once, by_replica, rtol=1e-10, atol=1e-15)


def test_penalties_are_those_of_the_caller_s_replicas():
    setup, x, y = problem(l1=0.01, l2=0.1)
    for replicas in (1, 3):
        theta = setup.network.start(SEEDS[:replicas], np.float64)
        kinds = (Pass, ReplicasFirstPass)
        gradients = [np.zeros_like(theta) for _ in kinds]
        passes = [kind(setup.network, theta, own, 12) for kind, own in zip(kinds, gradients, strict=True)]
        for one in passes:
            one.differentiate(x[:replicas], y[:replicas])
        np.testing.assert_allclose(*gradients, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(*(one.penalty() for one in passes), rtol=1e-13)


def test_how_theta_lies_in_memory_changes_no_bit():
    setup, x, y = problem()
    network, theta = setup.network, setup.network.start(SEEDS[:6], np.float64)
    gradients = [np.zeros_like(theta, order=order) for order in "CF"]
    for gradient in gradients:
        lying = np.asarray(theta, order="C" if gradient.flags.c_contiguous else "F")
        pass_of(network, lying, gradient, 12).differentiate(x[:6], y[:6])
    assert gradients[0].tobytes() == np.ascontiguousarray(gradients[1]).tobytes()


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
@pytest.mark.parametrize("units", [3, 64])
def test_what_every_step_goes_through_begins_on_a_line_of_the_cache(units, seeds):
    network = {"layers": [units, units], "activation": "tanh"}
    optimizer = {"name": "adam", "learning_rate": 0.1}
    setup = setup_for(experiment(network=network, optimizer=optimizer, **HEADS["binary"]), seeds)
    state = setup.start()
    at_work = Trainer(setup.network, setup.parts, seeds, setup.optimizer.update, setup.plan, state)
    (own,) = at_work.passes.values()
    assert isinstance(own, ReplicasFirstPass) == (units == 3)
    arrays = [state.theta, *state.slots.values(), at_work.gradient, own.a, own.dz]
    for layer in own.layers:
        arrays += [getattr(layer, name) for name in ("y", "dz", "dx") if getattr(layer, name, None) is not None]
    assert [array.ctypes.data % memory.LINE for array in arrays] == [0] * len(arrays)


def test_a_pass_sees_what_changes_in_place():
    setup, x, y = problem()
    theta = setup.network.start(SEEDS[:1], np.float64)
    own, x, y = pass_of(setup.network, theta, np.zeros_like(theta), 12), x[:1].copy(), y[:1]
    first = own.forward(x).copy()
    x += 1
    assert not np.array_equal(own.forward(x), first)
    x -= 1
    np.testing.assert_allclose(own.forward(x), first, rtol=1e-12)
    theta *= 2
    assert not np.allclose(own.forward(x), first)


@pytest.mark.parametrize(
    ("network", "batch", "small"),
    [
        ({"layers": [4, 4]}, LARGEST // 16, True),
        ({"layers": [4, 4]}, LARGEST // 16 + 1, False),
        ({"layers": [4, {"dropout": 0.5}]}, 4, False),
        ({"layers": [4, "batch_norm", 4]}, 4, False),
        ({"layers": [4], "activation": "softmax"}, 4, False),
        ({"layers": [4], "activation": "rrelu"}, 4, True),
    ],
)
def test_which_networks_compute_so_follows_from_network_and_batch_alone(network, batch, small):
    setup, _, _ = problem(**network)
    assert is_small(setup.network, batch) is small


def test_a_head_that_reproduces_old_notebooks_leaves_products_to_blas():
    for logits in (True, False):
        network = {"layers": [4], "activation": "tanh", "head": {"logits": logits}}
        assert (
            is_small(setup_for(experiment(task="binary", data={"source": "xor"}, network=network)).network, 4) is logits
        )
