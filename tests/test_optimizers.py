"""Optimizers: by hand, against PyTorch's definitions in plain Python numbers, and down two well-known valleys."""

import math

import numpy as np
import pytest

from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import resolved

VARIANTS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.5, "nesterov": True}),
    ("sgd", {"momentum": 0.99, "nesterov": True}),
    ("adam", {}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3}),
    ("adam", {"beta1": 0.0, "beta2": 0.0}),
]


def described(value):
    if isinstance(value, dict):
        return "-".join(f"{key}={number}" for key, number in value.items()) or "defaults"
    return str(value)


EACH = pytest.mark.parametrize(("name", "given"), VARIANTS, ids=described)


def run(name, given, theta, slope, rate, steps):
    """Descend `slope` from theta, in place; theta at every step."""
    entry = OPTIMIZERS[name]
    chosen = resolved(entry, given)
    slots = entry.start(theta, chosen)
    del chosen["learning_rate"]
    path = [theta.copy()]
    for step in range(1, steps + 1):
        entry.update(theta, slope(theta), slots, step, rate, **chosen)
        path.append(theta.copy())
    return np.array(path)


def by_hand(name, gradients, **given):
    left = iter(gradients)
    path = run(name, given, np.array([[1.0]]), lambda _theta: np.array([[next(left)]]), 0.5, len(gradients))
    return path[1:].ravel().tolist()


# --- By hand ----------------------------------------------------------------------------------------------------------


def test_gradient_descent_by_hand():
    assert by_hand("sgd", [1.0, -4.0, 0.0]) == [0.5, 2.5, 2.5]


def test_momentum_by_hand():
    # v = 1, 0.5 - 4 = -3.5, -1.75 and θ ← θ - v / 2
    assert by_hand("sgd", [1.0, -4.0, 0.0], momentum=0.5) == [0.5, 2.25, 3.125]


def test_nesterov_by_hand():
    # v as above; θ ← θ - (g + v / 2) / 2 with g + v / 2 = 1.5, -5.75, -0.875
    assert by_hand("sgd", [1.0, -4.0, 0.0], momentum=0.5, nesterov=True) == [0.25, 3.125, 3.5625]


def test_adams_first_step_is_the_rate_whatever_the_gradient():
    assert by_hand("adam", [3.0]) == [pytest.approx(0.5, rel=1e-8)]
    assert by_hand("adam", [-1e-3]) == [pytest.approx(1.5, rel=1e-5)]


def test_adam_by_hand():
    # m = 1/2, 1/4 over 1/2, 3/4 and v = 1/2, 1/4 over 1/2, 3/4: the steps are 1 and (1/3) / √(1/3), halved
    found = by_hand("adam", [1.0, 0.0], beta1=0.5, beta2=0.5, epsilon=1e-300)
    assert found == pytest.approx([0.5, 0.5 - 0.5 * (1 / 3) ** 0.5], rel=1e-14)


# --- Against PyTorch's definitions ------------------------------------------------------------------------------------


def torch_sgd(gradients, rate, momentum=0.0, *, nesterov=False):
    theta, buffer = 1.0, None
    for g in gradients:
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer  # noqa: PLW2901 - as the definition has it
        theta = theta - rate * g
        yield theta


def torch_adam(gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    theta, mean, square = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        mean = beta1 * mean + (1 - beta1) * g
        square = beta2 * square + (1 - beta2) * g * g
        denominator = math.sqrt(square) / math.sqrt(1 - beta2**t) + epsilon
        theta = theta - rate / (1 - beta1**t) * mean / denominator
        yield theta


REFERENCES = {"sgd": torch_sgd, "adam": torch_adam}


def test_sgd_and_adam_are_in_the_table_and_have_references():
    assert set(REFERENCES) == {name for name, _ in VARIANTS} <= set(OPTIMIZERS)


@EACH
def test_twenty_five_steps_of_the_definition(name, given):
    gradients = np.random.default_rng(1).normal(0, [[1e-3], [1], [50]], (3, 25)).T  # (steps, parameters)
    steps = iter(gradients)
    path = run(name, given, np.ones((1, 3)), lambda _: next(steps)[None].copy(), 0.03, 25)
    for column in range(3):
        expected = list(REFERENCES[name](gradients[:, column].tolist(), 0.03, **given))
        np.testing.assert_allclose(path[1:, 0, column], expected, rtol=1e-12, atol=1e-12)


# --- Whole arrays -----------------------------------------------------------------------------------------------------


@EACH
def test_theta_and_slots_change_in_place_in_their_precision(name, given):
    entry, theta = OPTIMIZERS[name], np.ones((3, 4), np.float32)
    chosen = resolved(entry, given)
    slots = entry.start(theta, chosen)
    held = dict(slots)
    rate = chosen.pop("learning_rate")
    result = entry.update(theta, np.full((3, 4), 0.5, np.float32), slots, 1, rate, **chosen)
    assert result is None
    assert (theta < 1).all()
    assert theta.dtype == np.float32
    assert all(slots[key] is array and array.dtype == np.float32 and array.any() for key, array in held.items())


@EACH
def test_each_replica_may_have_its_own_rate(name, given):
    rates = np.array([[0.1], [0.01]])
    together = run(name, given, np.ones((2, 3)), lambda theta: 2 * theta, rates, 5)
    for replica, rate in enumerate(rates[:, 0]):
        alone = run(name, given, np.ones((1, 3)), lambda theta: 2 * theta, float(rate), 5)
        np.testing.assert_array_equal(together[:, replica], alone[:, 0])


def test_slots_exist_only_where_they_are_used():
    theta = np.ones((2, 3))
    found = {
        described(given): sorted(OPTIMIZERS[name].start(theta, resolved(OPTIMIZERS[name], given)))
        for name, given in VARIANTS[:2]
    }
    assert found == {"defaults": [], "momentum=0.9": ["velocity"]}
    slots = OPTIMIZERS["adam"].start(theta, resolved(OPTIMIZERS["adam"], {}))
    assert sorted(slots) == ["mean", "square"]
    assert all(slot.shape == theta.shape and not slot.any() for slot in slots.values())


# --- Valleys ----------------------------------------------------------------------------------------------------------


def parabola(theta):
    return theta * np.array([1.0, 10.0])  # of (x² + 10 y²) / 2


def rosenbrock(theta):
    x, y = theta[:, 0], theta[:, 1]
    return np.stack([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], axis=1)


@pytest.mark.parametrize(
    ("name", "given", "rate", "steps"),
    [
        ("sgd", {}, 0.05, 400),
        ("sgd", {"momentum": 0.8}, 0.05, 400),
        ("sgd", {"momentum": 0.8, "nesterov": True}, 0.05, 400),
        ("adam", {}, 0.05, 1500),
    ],
    ids=described,
)
def test_the_parabola_is_descended(name, given, rate, steps):
    starts = np.array([[3.0, -2.0], [-1.0, 5.0]])
    assert np.abs(run(name, given, starts, parabola, rate, steps)[-1]).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "given", "rate", "steps"),
    [
        ("sgd", {}, 1e-3, 30000),
        ("sgd", {"momentum": 0.9}, 5e-4, 8000),
        ("sgd", {"momentum": 0.9, "nesterov": True}, 5e-4, 8000),
        ("adam", {}, 0.01, 6000),
    ],
    ids=described,
)
def test_rosenbrocks_valley_is_followed_to_its_end(name, given, rate, steps):
    starts = np.array([[-1.2, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(run(name, given, starts, rosenbrock, rate, steps)[-1], 1, atol=1e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_entry_says_what_it_is(name):
    entry = OPTIMIZERS[name]
    assert entry.name == name
    assert entry.formula
    assert entry.source
    assert all(p.description for p in entry.parameters)
    assert entry.parameters[0].name == "learning_rate"
