"""All optimizers: PyTorch's recorded figures, Lion's definition in plain numbers, and what every entry must keep to."""

import inspect
import json
import math

import numpy as np
import pytest
from references.problem import EXTREMES, STARTS, STEPS, gradient, value
from support import ROOT

from nnlab.maths.optimizers import OPTIMIZERS, _nadam_momentum, _nadam_product
from nnlab.maths.parameters import resolved

RECORDED = json.loads((ROOT / "tests" / "references" / "optimizers.json").read_text(encoding="utf-8"))["cases"]
LIONS = [{}, {"learning_rate": 0.03, "beta1": 0.6, "beta2": 0.8, "weight_decay": 0.5}, {"beta1": 0.0, "beta2": 0.0}]
VARIANTS = [(case["name"], case["parameters"]) for case in RECORDED] + [("lion", given) for given in LIONS]
DTYPES = [np.float64, np.float32]
SEARCHING = [name for name, entry in OPTIMIZERS.items() if entry.needs_objective]
DECAYING = [name for name, entry in OPTIMIZERS.items() if entry.decays]
# Rates for the two valleys, where it is not 0.02: most defaults are made for larger networks.
RATES = {"sgd": 1e-3, "adagrad": 0.5, "rmsprop": 0.005, "adadelta": 0.1, "amsgrad": 0.05, "radam": 0.005, "lion": 0.01}
RATES |= {"lbfgs": 1.0}


def described(given):
    return "-".join(f"{key}={number}" for key, number in given.items()) or "defaults"


EACH = pytest.mark.parametrize(
    ("name", "given"), VARIANTS, ids=[f"{name}-{described(given)}" for name, given in VARIANTS]
)
# Those that search along a line see more than one gradient: they are in the tests that give them an objective.
WITH_SEARCHING = VARIANTS + [(name, {}) for name in SEARCHING] + [("lbfgs", {"memory": 2, "learning_rate": 0.5})]
EACH_AND_SEARCHING = pytest.mark.parametrize(
    ("name", "given"), WITH_SEARCHING, ids=[f"{name}-{described(given)}" for name, given in WITH_SEARCHING]
)


class Run:
    """An optimizer at work on theta, which it changes in place. `l2` adds a penalty's slope to the gradient.

    One that searches along a line is told the height of the slope that it descends.
    """

    def __init__(self, name, given, theta, rate=None, **more):
        entry = OPTIMIZERS[name]
        given = dict(given)
        self.l2 = given.pop("l2", 0.0)
        chosen = resolved(entry, given)
        self.theta, self.entry, self.slots, self.taken = theta, entry, entry.start(theta, chosen), 0
        chosen_rate = chosen.pop("learning_rate")
        self.rate = chosen_rate if rate is None else rate
        self.chosen = chosen | more

    def step(self, slope, **more):
        self.taken += 1
        slope = slope + self.l2 * self.theta if self.l2 else slope
        self.entry.update(self.theta, slope, self.slots, self.taken, self.rate, **self.chosen, **more)
        return self.theta

    def descend(self, slope, steps):
        more = {"objective": objective_of(slope)} if self.entry.needs_objective else {}
        for _ in range(steps):
            self.step(slope(self.theta), **more)
        return self.theta


def objective_of(slope):
    """Value and gradient of a row, (6,) or (2,), where `slope` gives those of many."""
    heights = {gradient: value, parabola: bowl, valley: height}
    return lambda row, _replica: (float(heights[slope](row[None])[0]), slope(row[None])[0])


def several(replicas, dtype):
    """Starting points, (replicas, 6)."""
    return np.random.default_rng(3).uniform(-0.5, 0.5, (replicas, 6)).astype(dtype)


# --- PyTorch's figures ------------------------------------------------------------------------------------------------


def test_every_optimizer_has_a_reference():
    assert SEARCHING == ["lbfgs"]  # scipy's, in test_optimizers.py
    assert {name for name, _ in VARIANTS} | set(SEARCHING) == set(OPTIMIZERS)


@pytest.mark.parametrize("case", RECORDED, ids=[f"{case['name']}-{case['torch']}" for case in RECORDED])
def test_theta_follows_pytorch(case):
    run = Run(case["name"], case["parameters"], np.array(STARTS))
    for step in range(1, STEPS + 1):
        run.descend(gradient, 1)
        if str(step) in case["theta"]:
            np.testing.assert_allclose(run.theta, case["theta"][str(step)], rtol=1e-12, atol=0, err_msg=f"step {step}")


@pytest.mark.parametrize("case", RECORDED, ids=[f"{case['name']}-{case['torch']}" for case in RECORDED])
def test_defaults_are_pytorchs(case):
    entry, theirs = OPTIMIZERS[case["name"]], case["defaults"]
    named = {
        "learning_rate": theirs["lr"],
        "epsilon": theirs.get("eps"),
        "beta": theirs.get("alpha", theirs.get("rho")),
        "momentum_decay": theirs.get("momentum_decay"),
        "weight_decay": theirs.get("weight_decay"),
    }
    named |= dict(zip(("beta1", "beta2"), theirs.get("betas", ()), strict=False))
    named |= dict(zip(("shrink", "grow"), theirs.get("etas", ()), strict=False))
    named |= dict(zip(("smallest", "largest"), theirs.get("step_sizes", ()), strict=False))
    ours = {parameter.name: parameter.default for parameter in entry.parameters}
    if case["name"] == "sgd":  # PyTorch's 0.001 is made for momentum and large networks
        del ours["learning_rate"]
    zero = {"momentum", "nesterov", "centered", "rate_decay", "initial"}
    assert ours == {name: named.get(name, 0) for name in ours if name not in zero} | {
        name: 0 for name in ours if name in zero
    }


@pytest.mark.parametrize("case", RECORDED, ids=[f"{case['name']}-{case['torch']}" for case in RECORDED])
def test_extreme_gradients_in_float32_are_survived_where_pytorch_survives_them(case):
    run = Run(case["name"], case["parameters"], np.ones((1, len(EXTREMES[0])), np.float32))
    with np.errstate(all="ignore"):
        for row in np.array(EXTREMES, np.float32):
            run.step(row[None].copy())
    assert set(np.flatnonzero(~np.isfinite(run.theta))) <= set(case["not_finite"])


# --- Lion -------------------------------------------------------------------------------------------------------------


def lion_in_numbers(theta, gradients, rate, beta1, beta2, weight_decay):
    """Algorithm 2 of Chen et al. 2023 for one parameter."""
    mean = 0.0
    for g in gradients:
        c = beta1 * mean + (1 - beta1) * g
        update = math.copysign(1.0, c) if c else 0.0
        theta = theta - rate * (update + weight_decay * theta)
        mean = beta2 * mean + (1 - beta2) * g
        yield theta


@pytest.mark.parametrize("given", LIONS, ids=described)
def test_lion_follows_its_definition(given):
    gradients = np.random.default_rng(5).normal(0, [[1e-3], [1], [50]], (3, STEPS))
    gradients[1, 4:8] = 0
    run = Run("lion", given, np.full((1, 3), 1.5))
    path = np.array([run.step(row[None].copy())[0].copy() for row in gradients.T])
    for column in range(3):
        expected = list(lion_in_numbers(1.5, gradients[column].tolist(), run.rate, **run.chosen))
        np.testing.assert_allclose(path[:, column], expected, rtol=1e-12)


# --- Descent ----------------------------------------------------------------------------------------------------------


def parabola(theta):
    return theta * np.array([1.0, 10.0])  # the slope of (x² + 10 y²) / 2


def bowl(theta):
    return (theta * theta) @ np.array([0.5, 5.0])


def valley(theta):
    x, y = theta[:, 0], theta[:, 1]  # the slope of Rosenbrock's (1 - x)² + 100 (y - x²)²
    return np.stack([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], axis=1)


def height(theta):
    x, y = theta[:, 0], theta[:, 1]
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


@EACH_AND_SEARCHING
def test_the_test_problem_is_descended(name, given):
    run = Run(name, given, np.array(STARTS))
    before = value(run.theta)
    assert (value(run.descend(gradient, 20)) < before).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_parabola_is_descended(name):
    run = Run(name, {}, np.array([[1.0, -1.0], [-0.5, 2.0]]), RATES.get(name, 0.02))
    assert np.abs(run.descend(parabola, 300 if name == "lbfgs" else 3000)).max() < 0.06  # each of its steps is a search


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rosenbrocks_valley_is_descended(name):
    run = Run(name, {}, np.array([[-1.2, 1.0], [0.0, 0.0]]), RATES.get(name, 0.02))
    assert height(run.theta) == pytest.approx([24.2, 1.0])
    assert (height(run.descend(valley, 3000)) < 0.25).all()


# --- Whole arrays -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@EACH_AND_SEARCHING
def test_a_replica_alone_is_the_same_bits_as_in_company(name, given, dtype):
    starts = several(16, dtype)
    together = Run(name, given, starts.copy()).descend(gradient, STEPS)
    for replica in (0, 7, 15):
        alone = Run(name, given, starts[replica : replica + 1].copy()).descend(gradient, STEPS)
        np.testing.assert_array_equal(alone[0], together[replica])


@pytest.mark.parametrize("dtype", DTYPES)
@EACH_AND_SEARCHING
def test_replicas_may_have_rates_of_their_own(name, given, dtype):
    starts, rates = several(3, dtype), np.array([[0.01], [0.003], [0.001]], dtype)
    together = Run(name, given, starts.copy(), rates).descend(gradient, 9)
    for replica in range(3):
        part = slice(replica, replica + 1)
        alone = Run(name, given, starts[part].copy(), rates[part]).descend(gradient, 9)
        np.testing.assert_array_equal(alone[0], together[replica])
        number = Run(name, given, starts[part].copy(), float(rates[replica, 0])).descend(gradient, 9)
        np.testing.assert_allclose(number, alone, rtol=1e-3 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@EACH_AND_SEARCHING
def test_everything_happens_in_place_and_in_one_precision(name, given, dtype):
    theta = several(2, dtype)
    run = Run(name, given, theta)
    held = dict(run.slots)
    assert all(slot.shape == theta.shape and slot.dtype == dtype and not slot.any() for slot in held.values())
    before = theta.copy()
    run.descend(gradient, 2)
    assert run.theta is theta
    assert theta.dtype == dtype
    assert (theta != before).all()
    assert all(run.slots[key] is slot and slot.dtype == dtype for key, slot in held.items())


@EACH
def test_no_array_of_another_precision_is_made(name, given):
    seen = set()

    class Watched(np.ndarray):
        """Notes the type of every array of numbers that an operation makes."""

        def __array_finalize__(self, parent):
            seen.add(self.dtype)

    run = Run(name, given, several(2, np.float32).view(Watched))
    for step in range(8):
        run.step(np.full((2, 6), 0.5 - step % 3, np.float32).view(Watched))
    assert seen <= {np.dtype(np.float32), np.dtype(bool)}


@pytest.mark.parametrize("dtype", DTYPES)
@EACH
def test_without_a_gradient_nothing_moves_and_nothing_breaks(name, given, dtype):
    run = Run(name, given, np.ones((2, 3), dtype))
    for _ in range(3):
        run.step(np.zeros((2, 3), dtype))
    assert np.isfinite(run.theta).all()
    if not run.l2 and not run.chosen.get("weight_decay"):
        assert (run.theta == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
@EACH
def test_a_replica_that_runs_away_leaves_the_others_alone(name, given, dtype):
    starts = several(3, dtype)
    sound = Run(name, given, starts.copy()).descend(gradient, 5)

    def slope(theta):
        slopes = gradient(theta)
        slopes[1] = [np.nan, np.inf, -np.inf, 0, np.nan, 1]
        return slopes

    with np.errstate(all="ignore"):
        ill = Run(name, given, starts.copy()).descend(slope, 5)
    np.testing.assert_array_equal(ill[[0, 2]], sound[[0, 2]])
    assert np.isnan(ill[1, 0])


# --- Weight decay -----------------------------------------------------------------------------------------------------


def test_who_decays_says_so():
    for name, entry in OPTIMIZERS.items():
        has_parameter = "weight_decay" in {parameter.name for parameter in entry.parameters}
        takes_mask = "decay_mask" in inspect.signature(entry.update).parameters
        assert (has_parameter, takes_mask) == (entry.decays, entry.decays), name
    assert DECAYING == ["adamw", "lion"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DECAYING)
@pytest.mark.parametrize("rate", [0.1, np.array([[0.1], [0.2]])], ids=["one", "several"])
def test_decay_spares_what_the_mask_spares(name, dtype, rate):
    rate = rate if isinstance(rate, float) else rate.astype(dtype)
    mask = np.array([1, 1, 0, 1, 0, 0], dtype)
    slope = np.random.default_rng(8).normal(0, 1, (5, 2, 6)).astype(dtype)

    def after(weight_decay, **more):
        run = Run(name, {"weight_decay": weight_decay}, several(2, dtype), rate, **more)
        for step in range(5):
            run.step(slope[step].copy())
        return run.theta

    masked, everywhere, nowhere = after(0.5, decay_mask=mask), after(0.5), after(0.0)
    np.testing.assert_array_equal(masked[:, mask == 1], everywhere[:, mask == 1])
    np.testing.assert_array_equal(masked[:, mask == 0], nowhere[:, mask == 0])
    assert (everywhere != nowhere).all()
    np.testing.assert_array_equal(after(0.5, decay_mask=np.ones(6, dtype)), everywhere)


@pytest.mark.parametrize("name", DECAYING)
def test_decay_alone_shrinks_by_the_rate_times_the_decay(name):
    run = Run(name, {"weight_decay": 0.5}, np.full((1, 2), 8.0), 0.5)
    assert run.step(np.zeros((1, 2))).tolist() == [[6.0, 6.0]]


# --- Rates and ranges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_who_follows_the_rate_says_so(name):
    run = Run(name, {}, several(2, np.float64))
    run.descend(gradient, 3)
    run.rate = 0.0
    before = run.theta.copy()
    assert (run.descend(gradient, 1) == before).all() == run.entry.follows_rate


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_fill_the_signature(name):
    entry = OPTIMIZERS[name]
    keywords = {
        key
        for key, argument in inspect.signature(entry.update).parameters.items()
        if argument.kind.name == "KEYWORD_ONLY"
    }
    assert ("objective" in keywords) == entry.needs_objective
    assert keywords - {"decay_mask", "objective"} == {parameter.name for parameter in entry.parameters[1:]}
    assert entry.parameters[0].name == "learning_rate"
    assert entry.formula
    assert entry.source
    assert all(parameter.allows(parameter.default) for parameter in entry.parameters)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("adam", {"beta1": 1.0}),
        ("adam", {"beta2": -0.1}),
        ("adam", {"epsilon": 0.0}),
        ("adamw", {"weight_decay": -1.0}),
        ("rmsprop", {"beta": 1}),
        ("rmsprop", {"centered": 1}),
        ("rprop", {"shrink": 1.0}),
        ("rprop", {"grow": 1.0}),
        ("rprop", {"smallest": 0}),
        ("adagrad", {"initial": -1}),
        ("nadam", {"momentum_decay": -1}),
        ("lion", {"learning_rate": 0}),
        ("lbfgs", {"memory": 0}),
        ("lbfgs", {"memory": 2.5}),
    ],
)
def test_ranges(name, given):
    with pytest.raises(ValueError, match=f"of {name}, expected"):
        resolved(OPTIMIZERS[name], given)


# --- Particular entries -----------------------------------------------------------------------------------------------


def test_amsgrad_never_lets_its_divisor_shrink():
    slopes = [np.array([[8.0]]), *(np.array([[1.0]]) for _ in range(40))]
    adam, amsgrad = (Run(name, {"beta2": 0.5}, np.zeros((1, 1))) for name in ("adam", "amsgrad"))
    for slope in slopes:
        adam.step(slope.copy())
        amsgrad.step(slope.copy())
    assert abs(amsgrad.theta[0, 0]) < abs(adam.theta[0, 0])
    assert amsgrad.slots["largest"] > 10 * amsgrad.slots["square"]


def test_rprop_by_hand():
    run = Run("rprop", {"shrink": 0.5, "grow": 1.5, "largest": 2.0}, np.zeros((1, 1)), 1.0)
    path = [run.step(np.array([[slope]])).item() for slope in (3.0, 1e-9, 1e9, -1.0, -1.0, -1.0)]
    # sizes 1, 1.5, 2 (2.25 is too large), 1 (turned: no step), 1 (after a turn), 1.5
    assert path == [-1.0, -2.5, -4.5, -4.5, -3.5, -2.0]


def test_rprop_compares_signs_where_a_product_of_gradients_would_underflow():
    run = Run("rprop", {}, np.zeros((1, 1), np.float32), 1.0)
    for _ in range(2):
        run.step(np.full((1, 1), 1e-30, np.float32))
    assert run.theta.item() == pytest.approx(-2.2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_centered_rmsprop_survives_constant_gradients(dtype):
    # Their variance is 0 in the end, and rounding puts some below.
    slope = np.random.default_rng(6).normal(0, 1, (1, 500)).astype(dtype)
    run = Run("rmsprop", {"centered": True, "beta": 0.5}, np.zeros((1, 500), dtype), 1e-9)
    for _ in range(100):
        run.step(slope.copy())
    assert np.isfinite(run.theta).all()


def test_radam_steps_like_momentum_until_its_squares_can_be_trusted():
    run = Run("radam", {}, np.zeros((1, 1)), 0.1)
    path = [run.step(np.full((1, 1), 7.0)).item() for _ in range(6)]
    assert np.diff([0, *path])[:5] == pytest.approx([-0.7] * 5)  # rate · g, whatever the scale of g
    assert abs(path[5] - path[4]) < 0.1  # r · rate


def test_nadams_product_of_momenta_is_one_product():
    product = 1.0
    for step in range(1, 600):
        product *= _nadam_momentum(step, 0.9, 0.004)
        assert 1 - _nadam_product(step, 0.9, 0.004) == pytest.approx(1 - product, rel=1e-14)
    assert _nadam_product(10**9, 0.9, 0.004) == _nadam_product(1, 0.0, 0.004) == 0
