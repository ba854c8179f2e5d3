"""The strong gradient check: no false alarm over the whole catalogue, no planted defect missed, and what it says."""

from dataclasses import replace

import numpy as np
import pytest
from strategies import ACTIVATIONS, HEADS, NARROWING, TRAINABLE, experiment, network_of, setup_for, targets
from support import NOTEBOOKS, ROOT

from nnlab.config.plugins import with_plugins
from nnlab.errors import CheckpointError
from nnlab.gradients.checks import check_exactly, check_step, failures
from nnlab.gradients.derivatives import CheckVerdict, ExactCheck
from nnlab.gradients.differences import confirmed, extrapolated
from nnlab.gradients.planted_defects import DEFECTS, act, dense
from nnlab.gradients.planted_image_defects import IMAGE_DEFECTS, conv
from nnlab.gradients.point import BOTH, DATA, REGULARISER, examine, nothing
from nnlab.gradients.points import check_points
from nnlab.gradients.report import PointReport, exact_document, rows_of, share_tested, summary, verdict_of
from nnlab.gradients.self_test import case, noticed, self_test
from nnlab.maths.activations import BY_COMPLEX_STEP, Activation
from nnlab.maths.dual import FLOOR, STEP
from nnlab.maths.losses import FUSED
from nnlab.maths.parameters import Parameter
from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.max_pool import MaxPooling
from nnlab.networks.layers.windows import Windows
from nnlab.networks.network import Network, Pass

CLASSES = next(head for head in HEADS if head[:3] == ("multiclass", "softmax", "cross_entropy"))


def drawn(seed):
    """A random network over the whole catalogue, theta, a batch and the moment of a step."""
    draws = np.random.default_rng(seed)
    layers = []
    for number in range(draws.integers(1, 4)):
        kind = draws.integers(10)
        if number and kind < 4:
            layers.append([{"dropout": 0.3}, {"batch_norm": {}}, {"layer_norm": {}}, {"noise": 0.1}][kind])
            continue
        name = TRAINABLE[draws.integers(len(TRAINABLE))]
        chosen = {"name": name}
        for p in ACTIVATIONS[name].parameters:
            chosen[p.name] = int(draws.integers(2, 4)) if p.whole else draws.choice([0.1, 0.25, 0.7, 1.5])
        for p in ACTIVATIONS[name].parameters:
            if p.at_most:
                chosen[p.name], chosen[p.at_most] = sorted((chosen[p.name], chosen[p.at_most]))
        learned = [p.name for p in ACTIVATIONS[name].parameters if p.learnable and draws.random() < 0.6]
        chosen |= {"learn": learned, "per_unit": bool(draws.integers(2))} if learned else {}
        width = int(draws.integers(1, 9)) * (chosen.get("pieces", 2) if name in NARROWING else 1)
        penalties = {"l1": float(draws.choice([0, 0.1])), "l2": float(draws.choice([0, 0.3]))}
        layers.append({"dense": width, "activation": chosen, **penalties})
    head = HEADS[draws.integers(len(HEADS))]
    network, rows = network_of(head, layers), int(draws.choice([1, 2, 8, 20]))
    theta = draws.normal(0, 0.7 * draws.choice([1e-3, 1, 6]), (1, network.layout.size))
    for name, view in network.layout.views(theta).items():
        if name.split("/")[1] not in ("weights", "bias"):
            view[...] = draws.uniform(0.1, 1.5, view.shape)
    batch = draws.normal(size=(1, rows, network.inputs)), targets(head[0], rows, draws)
    return network, theta, batch, PassContext((seed,), learns=False)


def small(activation="tanh", seed=0, rows=6, layers=(4, 3), **more):
    """A network of two layers of one activation under softmax, and the rest of a case."""
    network = network_of(CLASSES, list(layers), activation=activation, **more)
    draws = np.random.default_rng(seed)
    theta = draws.normal(0, 0.7, (1, network.layout.size))
    return network, theta, (draws.normal(size=(1, rows, 3)), targets("multiclass", rows, draws)), PassContext((0,))


# --- no false alarm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hundred", range(2))
def test_no_random_network_of_the_catalogue_gives_a_false_alarm(hundred):
    """benchmarks/gradient_study.py does the same with 10,000."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        found = examine(*drawn(seed))
        if all(np.isfinite(check.analytic).all() for check in found.checks.values()):
            assert found.passed, f"seed {seed}: {found.verdict.name}"
            assert not found.refused


def test_the_forward_pass_of_the_check_is_the_ordinary_one():
    network, theta, (x, y), context = small("gelu")
    ordinary = Pass(network, theta, np.zeros_like(theta), 6, context=context)
    plain = ordinary.forward(x).tobytes(), ordinary.loss(y).tobytes()
    seen = []

    def spy(tied):
        right = tied.forward
        tied.forward = lambda x: seen.append((right(x).tobytes(), tied.loss(y).tobytes()))

    examine(network, theta, (x, y), context, plant=spy)
    assert seen == [plain]


# --- no defect missed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_every_planted_defect_is_caught(seed):
    found = list(self_test(seed))
    assert [one.defect for one in found if not one.caught] == []
    assert len({one.defect for one in found}) == len(found) == len((*DEFECTS, *IMAGE_DEFECTS)) >= 70
    assert f"`--self-test` plants {len(found)} defects" in " ".join(
        (ROOT / "docs" / "gradients.md").read_text().split()
    )


def test_a_defect_that_does_nothing_is_missed():
    """The self-test tells a caught defect from a missed one."""
    harmless = replace(DEFECTS[0], plant=lambda _tied: None)
    network, theta, batch, context = case(harmless, 0)
    assert noticed(examine(network, theta, batch, context)) == ()


def test_one_entry_wrong_by_1e_9_is_caught_in_999_of_1000():
    caught = []
    # An exponential of an exponential saturates a softmax, whose gradient then keeps few digits itself.
    ordinary = [name for name in TRAINABLE if "exponential" not in name]
    for seed, name in enumerate(ordinary):
        network, theta, batch, context = small(name, seed, 8, layers=(6, 6))
        check = examine(network, theta, batch, context).checks[BOTH]
        with_error = check.analytic * (1 + 1e-9)
        wrong = ExactCheck(with_error, check.numeric, check.bound, check.second, check.second_error)
        caught.append((wrong.verdicts == CheckVerdict.FAIL)[check.analytic != 0])
    caught = np.concatenate(caught)
    assert len(caught) > 1000
    assert caught.mean() >= 0.999


def test_a_wrong_entry_is_named_with_both_derivatives():
    defect = next(defect for defect in DEFECTS if defect.name == "one entry wrong by 1e-9")
    network, theta, batch, context = case(defect, 0)
    found = examine(network, theta, batch, context, plant=defect.plant)
    assert [network.layout.label(i) for i in np.flatnonzero(found.checks[BOTH].verdicts == CheckVerdict.FAIL)] == [
        "dense1/weights[1,2]"
    ]
    assert "failed: dense1/weights[1,2] is " in str(failures(network, found, 0))


# --- verdicts ---------------------------------------------------------------------------------------------------------


def verdict(analytic, numeric, bound, second=np.nan, second_error=np.nan):
    arrays = (np.array([float(value)]) for value in (analytic, numeric, bound, second, second_error))
    return ExactCheck(*arrays).verdict.name


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 1, 1e-16, 1, 1e-12), "PASS"),
        ((1 + 3e-16, 1, 1e-16, 1, 1e-12), "PASS"),
        ((1 + 1e-15, 1, 1e-16, 1, 1e-12), "FAIL"),
        ((FLOOR, 0, 0, 0, 0), "PASS"),
        ((2 * FLOOR, 0, 0, 0, 0), "FAIL"),
        ((np.nan, 1, 1e-16, 1, 1e-12), "FAIL"),
        ((0, 0, 1e-16, 0, 1e-16), "UNTESTED"),
        ((0, 0, 1e-16, 0.5, 1e-12), "INCONCLUSIVE"),  # both say 0, and the differences do not
        ((1, 1, 1e-16, 2, 1e-12), "INCONCLUSIVE"),
        ((2, 1, 1e-16, 2, 1e-12), "INCONCLUSIVE"),  # two against one, but which two
        ((1, 1, 1e-16, 2, 5), "PASS"),  # differences that know nothing
        ((1, 1, np.inf, 1, 1e-12), "UNTESTED"),  # rounding may have done anything
        ((2, 1, np.nan, 3, 1e-12), "UNTESTED"),
        ((np.inf, np.inf, np.inf, np.nan, np.inf), "UNTESTED"),  # the loss itself has overflowed
        ((1, np.inf, 1, np.nan, np.inf), "UNTESTED"),
        ((np.inf, 1, np.inf, 1, 1e-12), "FAIL"),  # no number where there is one
        ((np.nan, 1, np.nan, 1, 1e-12), "FAIL"),
        ((1, np.nan, np.nan, 1, 1e-12), "PASS"),  # differences alone
        ((1.1, np.nan, np.nan, 1, 1e-12), "FAIL"),
        ((1.1, np.nan, np.nan, 1, 0.1), "INCONCLUSIVE"),
        ((1, np.nan, np.nan, np.nan, np.nan), "UNTESTED"),
    ],
)
def test_the_verdict_needs_no_tolerance(values, expected):
    assert verdict(*values) == expected


def test_the_step_is_so_small_that_its_square_vanishes():
    assert STEP > 0
    assert STEP * STEP < 5e-324 * 2
    assert 5e-324 / STEP < FLOOR


# --- parts of the objective -------------------------------------------------------------------------------------------


def test_loss_and_regulariser_are_checked_together_and_apart():
    network, theta, batch, context = small(l2=0.3, l1=0.1)
    found = examine(network, theta, batch, context)
    assert set(found.checks) == {BOTH, DATA, REGULARISER}
    both, data, regulariser = (found.checks[part].numeric for part in (BOTH, DATA, REGULARISER))
    np.testing.assert_allclose(data + regulariser, both, rtol=1e-15, atol=1e-16)
    weights = np.concatenate([np.full(s.size, s.penalties is not None) for s in network.layout.specs])
    expected = np.where(weights, 0.3 * theta[0] + 0.1 * np.sign(theta[0]), 0)
    np.testing.assert_allclose(regulariser, expected, rtol=1e-15)
    assert set(examine(*small()).checks) == {BOTH}


def test_a_weight_of_0_under_l1_stands_on_a_kink():
    network, theta, batch, context = small(l1=0.1)
    theta[0, 0] = 0
    found = examine(network, theta, batch, context)
    assert found.passed
    assert found.on_kink[0]
    assert np.isnan(found.checks[BOTH].second[0])


# --- kinks ------------------------------------------------------------------------------------------------------------


def on_kink(activation):
    """A network whose first sample puts all units of the first layer at 0."""
    network = Network(
        (3,), (dense("dense1", 4), act(activation), dense("dense2", 3)), FUSED["softmax", "cross_entropy"]
    )
    draws = np.random.default_rng(0)
    theta = network.start([0], np.float64)
    theta[:, network.layout.places["dense1/bias"]] = 0
    x = draws.normal(size=(1, 5, 3))
    x[0, 0] = 0
    return network, theta, (x, targets("multiclass", 5, draws)), PassContext((0,), learns=False)


@pytest.mark.parametrize(("activation", "left", "right"), [("relu", 0, 1), ("leaky_relu", 0.01, 1), ("prelu", 0.25, 1)])
def test_units_exactly_on_a_kink_are_counted_with_both_slopes(activation, left, right):
    found = examine(*on_kink(activation))
    (layer,) = found.kinks
    assert found.passed
    assert layer.layer == f"{activation}1"
    assert layer.kinks.where.tolist() == [[0, unit] for unit in range(4)]
    assert layer.kinks.left.tolist() == layer.kinks.taken.tolist() == [left] * 4
    assert layer.kinks.right.tolist() == [right] * 4


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu", "elu", "softsign", "silu", "mish"])
def test_smooth_activations_written_with_abs_have_no_kink_at_0(activation):
    found = examine(*on_kink(activation))
    assert found.passed
    assert found.kinks == ()


def test_differences_do_not_step_over_a_kink():
    """A pre-activation 1e-7 beside the kink: a first step of 1/256 would cross it."""
    network, theta, (x, y), context = on_kink("relu")
    theta[:, network.layout.places["dense1/bias"]] = 1e-7
    check = examine(network, theta, (x, y), context).checks[BOTH]
    assert check.verdict == CheckVerdict.PASS
    bias = network.layout.places["dense1/bias"]
    assert np.isfinite(check.second_error[bias]).all()
    np.testing.assert_allclose(check.second[bias], check.numeric[bias], rtol=1e-4)


def on_background(*layers, rows=4):
    """Images whose left half is empty, and the rest of a case; the first layer is a convolution without a bias."""
    network = Network((6, 6, 1), (*layers, dense("dense1", 3)), FUSED["softmax", "cross_entropy"])
    draws = np.random.default_rng(0)
    theta = network.start([0], np.float64)
    x = draws.normal(size=(1, rows, 6, 6))
    x[..., :3] = 0
    return network, theta, (x.reshape(1, rows, 36), targets("multiclass", rows, draws)), PassContext((0,), learns=False)


POOL = MaxPooling("pool1", Windows((2, 2), (2, 2)))


@pytest.mark.parametrize(
    "between", [(), (act("tanh"),), (conv("conv2d2", (1, 1)),), (act("relu"), conv("conv2d2", (1, 1)))]
)
def test_equal_pixels_of_a_background_are_no_kink_of_a_pool(between):
    """Whatever the weights are they stay equal: the differences see every entry, and nothing is reported."""
    network, theta, batch, context = on_background(conv("conv2d1"), *between, POOL)
    tied = Pass(network, theta, np.zeros_like(theta), 4, context=context)
    tied.forward(batch[0])
    mode = tied.layers[len(between) + 1].forward_mode()
    found = examine(network, theta, batch, context)
    assert len(mode.samples) >= 4 * 3  # ties there are
    assert found.passed
    assert found.kinks == ()
    assert np.isfinite(found.checks[BOTH].second).all()


def test_windows_whose_largest_entries_are_equal_by_chance_are_counted():
    network, theta, batch, context = on_background(conv("conv2d1"), POOL)
    theta[:, network.layout.places["conv2d1/weights"]] = 0
    found = examine(network, theta, batch, context)
    (layer,) = found.kinks
    assert found.passed
    assert (layer.layer, layer.kinks.agrees.all()) == ("pool1", True)
    assert len(layer.kinks.where) == 4 * 2 * 6  # of 3 × 3 windows a third sees the background alone
    weights = network.layout.places["conv2d1/weights"]
    assert found.on_kink[weights].all()
    assert not found.on_kink[network.layout.places["conv2d1/bias"]].any()  # it moves all entries alike
    report = exact_document(
        [PointReport("p", 4, found, tuple(rows_of(network.layout, found)))], seed=0, reproduce="", strict=False
    )
    assert report["points"][0]["kinks"] == [
        {"layer": "pool1", "units": 48, "sample": 0, "unit": 1, "left": 0, "right": 1, "analytic": 1, "agrees": True}
    ]


# --- extrapolated differences -----------------------------------------------------------------------------------------


def test_extrapolated_differences_know_their_error():
    def objective(thetas):
        return np.sin(3 * thetas).sum(axis=1) + thetas[:, 0] ** 3

    theta = np.linspace(-1, 1, 7)
    found, error = extrapolated(objective, theta, np.arange(7), 1000)
    exact = 3 * np.cos(3 * theta) + np.where(np.arange(7) == 0, 3 * theta**2, 0)
    assert np.all(np.abs(found - exact) <= error)
    assert np.all(error < 1e-7)


def test_a_step_that_leads_nowhere_is_shortened_until_it_does():
    def objective(thetas):
        return np.where(np.abs(thetas[:, 0] - 1) < 1e-5, thetas[:, 0] ** 2, np.nan)

    found, error = extrapolated(objective, np.ones(1), np.array([0]), 1000)
    assert abs(found[0] - 2) <= error[0] < 1e-6
    nowhere = extrapolated(lambda thetas: np.full(len(thetas), np.nan), np.ones(1), np.array([0]), 1000)
    assert np.isinf(nowhere[1]).all()


def test_other_steps_find_out_what_long_ones_did_not_see():
    """A bend narrower than the first steps: the slope is 1000 at 0, and 0 for whoever steps over it."""

    def objective(thetas):
        return np.clip(1000 * thetas[:, 0], -1e-3, 1e-3)

    found = np.array([0.0]), np.array([1e-12])
    _, error = confirmed(objective, np.zeros(1), np.array([0]), 1000, 0.0, found)
    assert error[0] >= 999


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("scale", [1e5, 1e6, 1e8, 1e9, 1e10, 1e11, 1e12])
def test_steps_that_skip_whole_turns_of_a_sine_are_found_out(scale, noise):
    """Steps of many turns all see the mean slope, and agree; only the shortest ones see the slope itself."""

    def objective(thetas):
        z = scale * thetas[:, 0]
        return z + np.sin(z) ** 2

    for theta in np.random.default_rng(0).uniform(0.3, 2, 40):
        at, column, most = np.array([theta]), np.array([0]), max(noise, 4 * 2.0**-53 * scale * theta)
        found = extrapolated(objective, at, column, 1000, most)
        (derivative,), (error,) = confirmed(objective, at, column, 1000, most, found)
        exact = scale * (1 + np.sin(2 * scale * theta))
        assert error > 1e-2 * abs(derivative) or abs(derivative - exact) <= 100 * error + 1e-7 * abs(exact)


# --- gradients beyond rounding ---------------------------------------------------------------------------------------


def huge(first, plant=nothing):
    """A snake at z = `first` · x, whose last digit is worth many turns of the sine."""
    head = next(head for head in HEADS if head[:3] == ("regression", "identity", "log_cosh"))
    network = network_of(head, [{"dense": 2, "activation": "identity"}, {"dense": 2, "activation": "snake"}])
    theta, draws = np.ones((1, network.layout.size)), np.random.default_rng(0)
    theta[:, network.layout.places["dense1/weights"]] = first
    batch = draws.uniform(1, 2, (1, 6, network.inputs)), targets("regression", 6, draws)
    return network, examine(network, theta, batch, PassContext((0,)), plant=plant)


def test_of_an_entry_whose_bound_overflows_nothing_is_said():
    """Neither that it is right, nor that it is in doubt: the bound of dL/dW2 is 1e200 times the sine's 1e184."""
    network, found = huge(1e200)
    check = found.checks[BOTH]
    lost = network.layout.places["dense2/weights"]
    assert np.isfinite(check.analytic).all()
    assert np.isfinite(check.numeric).all()
    assert check.overflowed[lost].all()
    assert (check.verdicts[check.overflowed] == CheckVerdict.UNTESTED).all()
    assert (check.verdicts[~check.overflowed] == CheckVerdict.PASS).all()
    assert found.passed
    (row,) = [row for row in rows_of(network.layout, found) if row.tensor == "dense2/weights"]
    assert (row.checked, row.untested, row.overflowed, row.bound, row.verdict) == (0, 4, 4, None, "UNTESTED")
    report = PointReport("here", 6, found, tuple(rows_of(network.layout, found)))
    said = summary([report], found.verdict)
    assert (
        f"{int(check.overflowed.sum())} of which nothing can be said at some point, as they or their B overflow there"
        in said
    )
    small = PointReport("here", 6, huge(1.0)[1], ())
    assert "overflow" not in summary([small], CheckVerdict.PASS)


def test_a_check_that_has_tested_nothing_has_decided_nothing():
    """A plugin whose value is no number has no gradient that could be wrong; none of it has been seen to be right."""
    found = examine(*case_of(with_activation(lambda z: np.log(-np.abs(z) - 1), lambda z: np.full_like(z, np.nan))))
    assert found.verdict == CheckVerdict.UNTESTED
    assert verdict_of([PointReport("here", 6, found, ())]) == CheckVerdict.INCONCLUSIVE


def test_a_gradient_that_is_no_number_fails_whatever_the_bound():
    def plant(tied):
        backward = tied.backward
        tied.backward = lambda y: (backward(y), tied.gradient.fill(np.inf))

    _, found = huge(1e200, plant)
    assert (found.checks[BOTH].verdicts == CheckVerdict.FAIL).all()


# --- functions that cannot be followed --------------------------------------------------------------------------------


def with_activation(value, slope=None, **more):
    """A network with an activation of a user."""
    entry = Activation.from_functions("own", value, slope, **more)
    table = {**ACTIVATIONS, "own": entry}
    return network_of(CLASSES, [4], activations=table, activation="own")


def case_of(network):
    draws = np.random.default_rng(0)
    theta = draws.normal(0, 0.7, (1, network.layout.size))
    return network, theta, (draws.normal(size=(1, 6, 3)), targets("multiclass", 6, draws)), PassContext((0,))


def rounded_up(z):
    """A cube by a loop over plain numbers, through which no derivative can be followed."""
    return np.array([float(v) ** 3 for v in z.ravel()]).reshape(z.shape)


UNFOLLOWED = {
    "a loop": (rounded_up, "a conversion to a plain number"),
    "asarray": (lambda z: np.asarray(z, np.float64) ** 3, "a conversion to a plain array, as by np.asarray"),
}


@pytest.mark.parametrize("name", UNFOLLOWED)
def test_what_cannot_be_followed_is_checked_by_differences_alone(name):
    value, reason = UNFOLLOWED[name]
    found = examine(*case_of(with_activation(value, lambda z: 3 * z * z)))
    assert found.passed
    assert reason in found.refused[""]
    assert np.all(found.checks[BOTH].verdicts == CheckVerdict.PASS)
    wrong = examine(*case_of(with_activation(value, lambda z: 3.001 * z * z)))
    assert wrong.verdict == CheckVerdict.FAIL


def test_an_activation_without_a_slope_gets_it_by_complex_step():
    parameter = Parameter("a", 0.5, "scale", learnable=True, learn_by_default=True)
    network = with_activation(lambda z, a: np.tanh(a * z) + np.abs(z), parameters=(parameter,))
    entry = network.layers[1].activation
    assert entry.slope_formula == BY_COMPLEX_STEP
    z, out = np.linspace(-2, 2, 9).reshape(1, 9, 1), np.empty((1, 9, 1))
    entry.slope(z, z, out, a=0.5)
    left = np.where(z <= 0, -1, 1)
    np.testing.assert_allclose(out, 0.5 / np.cosh(0.5 * z) ** 2 + left, rtol=1e-14)
    entry.parameter_slopes["a"](z, z, out, a=np.full((1, 1, 1), 0.5))
    np.testing.assert_allclose(out, z / np.cosh(0.5 * z) ** 2, rtol=1e-14)
    found = examine(*case_of(network))
    assert found.passed
    assert found.by_step == ("own1",)


def test_the_plugin_of_the_notebooks_is_followed_though_it_is_no_part_of_the_catalogue():
    table = with_plugins([NOTEBOOKS / "wrong_relu.py"])
    network = network_of(CLASSES, [4], activations=table, activation="wrong_relu")
    found = examine(*case_of(network))
    assert (found.verdict, found.refused) == (CheckVerdict.FAIL, {})


# --- of a training ----------------------------------------------------------------------------------------------------


def checked(**changes):
    return setup_for(experiment(**{"precision": "float64", "network": {"layers": [3], "activation": "tanh"}} | changes))


def test_the_points_are_those_that_are_promised():
    reports = list(check_points(checked(training={"steps": 30, "batch_size": 16})))
    names = ["initial weights", "initial weights times 0.001", "initial weights times 6", "after 20 steps"]
    assert [(r.point, r.batch) for r in reports] == [(name, size) for name in names for size in (1, 2, 8)]
    assert verdict_of(reports) == CheckVerdict.PASS
    assert share_tested(reports) == 1
    document = exact_document(reports, seed=0, reproduce="nnlab gradcheck x.yaml", strict=False)
    assert (document["passed"], document["tested"], len(document["points"])) == (True, 1.0, 12)


def test_each_of_the_first_steps_is_checked_before_its_update():
    reports = list(check_exactly(checked(), steps=3))
    assert [(r.point, r.batch, r.passed) for r in reports] == [(f"before update {n}", 16, True) for n in (1, 2, 3)]


def test_weights_of_another_network_are_refused():
    for check in (check_points, lambda s, t: check_exactly(s, steps=1, theta=t)):
        with pytest.raises(CheckpointError, match="found weights of 2 parameters"):
            list(check(checked(), np.zeros((1, 2))))


def test_without_step_and_threshold_a_step_is_checked_exactly():
    network, theta, batch, context = small()
    found = check_step(network, theta, batch, context, None, None)
    assert found.passed
    assert found.errors.max() <= 1e-14
    assert check_step(network, theta, batch, context, 1e-6, 1e-6).threshold == 1e-6


def test_a_large_network_is_checked_whole_and_sampled_by_differences():
    network, theta, batch, context = small(layers=(60, 40), seed=3)
    found = examine(network, theta, batch, context).checks[BOTH]
    assert np.isfinite(found.numeric).all()
    seen = {name: int(np.isfinite(found.second[place]).sum()) for name, place in network.layout.places.items()}
    sizes = {spec.name: spec.size for spec in network.layout.specs}
    assert network.layout.size > 2000
    assert seen == {name: min(64, size) for name, size in sizes.items()}
    assert found.verdict == CheckVerdict.PASS


@pytest.mark.parametrize(("rows", "seen"), [(8, 1800), (100, 200), (320, 64)])
def test_of_a_convolution_the_differences_see_more(rows, seen):
    layers = (conv("conv2d1", (1, 1), filters=20), conv("conv2d2", filters=10), GlobalAveragePooling("pool1"))
    network, theta, batch, context = on_background(*layers, dense("dense0", 20), rows=rows)
    check = examine(network, theta, batch, context).checks[BOTH]
    place = network.layout.places["conv2d2/weights"]
    assert network.layout.size > 2000
    assert np.isfinite(check.second[place]).sum() == seen
    assert np.isfinite(check.second[network.layout.places["dense0/weights"]]).sum() == 64
    assert check.verdict == CheckVerdict.PASS
