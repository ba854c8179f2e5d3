"""All losses: PyTorch's recorded figures, 50 digits, scikit-learn's weights, extreme logits, replicas, and the file."""

import json
import re
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import hinge_loss, roc_auc_score
from sklearn.utils.class_weight import compute_class_weight
from strategies import HEADS, OUTPUTS, experiment, network_of, setup_for, targets
from support import ROOT, faults, nnlab_here, read_json, read_rows, trained, write

from nnlab.config.document import read_text
from nnlab.config.experiment import to_yaml, validate
from nnlab.experiments.catalogue import listed
from nnlab.experiments.evaluate import open_run
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.losses import (
    CLASSES,
    DEFAULT_HEADS,
    FUSED,
    LOSSES,
    balanced,
    bound,
    head_fault,
    implied_activation,
    unfused,
    worked_out,
)
from nnlab.maths.metrics import TRAINING_METRICS
from nnlab.maths.parameters import resolved
from nnlab.networks.evaluator import Evaluator
from nnlab.networks.network import Pass
from nnlab.pictures.style import loss_label
from nnlab.storage import checkpoints
from nnlab.storage.folder import RunFolder
from nnlab.training.epochs import Epoch
from nnlab.training.evaluation import Part
from nnlab.training.loop import fit
from nnlab.training.state import State

pytestmark = pytest.mark.usefixtures("quick_pictures")

RECORDED = json.loads((ROOT / "tests" / "references" / "losses.json").read_text(encoding="utf-8"))["cases"]
SERVED = [(task, name) for name, entry in LOSSES.items() for task in entry.tasks]
EACH = pytest.mark.parametrize(("task", "name"), SERVED)


def activation_for(task, name):
    """The last activation of a loss, where the one that its task implies would not do."""
    return "sigmoid" if (task, name) == ("multiclass", "mse") else implied_activation(task, name)


def head_of(task, name, weights=None, **given):
    head = worked_out(task, activation_for(task, name), name) or unfused(name)
    return bound(head, task, name, resolved(LOSSES[name], given), weights)


def run(head, z, y):
    """Losses and gradient of a head for logits z."""
    head = head.forms(z.dtype)
    a = np.empty((*z.shape[:-1], z.shape[-1] // head.per_output), z.dtype)
    if head.outputs:
        head.outputs(z, a)
    else:
        a = z
    gradient = np.full_like(z, np.nan)
    head.gradient(z, a, y, gradient)
    return head.losses(z, y), gradient


def targets_of(task, weights):
    """Weights (1, 2, K) as a head takes them, from those of each class or label."""
    each = np.array(weights)
    return np.stack([np.full(len(each), 0.0 if task == "multiclass" else 1.0), each])[None]


# --- PyTorch's figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", RECORDED, ids=[f"{case['name']}-{case['torch']}" for case in RECORDED])
def test_losses_and_gradients_are_pytorchs(case):
    weights = None if case["weights"] is None else targets_of(case["task"], case["weights"])
    head = head_of(case["task"], case["name"], weights, **case["parameters"])
    losses, gradient = run(head, np.array(case["z"])[None], np.array(case["y"])[None])
    np.testing.assert_allclose(losses[0], case["losses"], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(gradient[0], case["gradient"], rtol=1e-12, atol=1e-15)


def test_every_loss_is_recorded_or_held_against_another_reference():
    """log_cosh against 50 digits, the hinges against scikit-learn."""
    assert {case["name"] for case in RECORDED} | {"log_cosh", "hinge", "squared_hinge"} == set(LOSSES)


def test_defaults_are_pytorchs():
    chosen = {(name, p.name): p.default for name, entry in LOSSES.items() for p in entry.parameters}
    assert chosen["huber", "delta"] == 1.0
    assert chosen["cross_entropy", "smoothing"] == chosen["binary_cross_entropy", "smoothing"] == 0.0
    assert chosen["focal", "gamma"] == 2.0


# --- 50 digits --------------------------------------------------------------------------------------------------------

ERRORS = [0, 1e-300, 1e-12, 1e-5, 0.1, 0.5, 0.999, 1, 1.001, 1.5, 3, 20, 350, 711, 1e4]


def ulps(found, exact):
    return float(abs(mp.mpf(found) - exact) / mp.mpf(float(np.spacing(abs(float(exact))))))


@pytest.mark.parametrize("error", [*ERRORS, *(-error for error in ERRORS)])
def test_log_cosh_is_right_to_the_last_places(error):
    with np.errstate(all="raise", under="ignore"):
        (found,), gradient = run(head_of("regression", "log_cosh"), np.array([[error]], float), np.zeros((1, 1)))
    with mp.workdps(700):
        # log cosh r = log1p(2 sinh² (r / 2)) keeps every digit of a small r.
        assert ulps(float(found), mp.log1p(2 * mp.sinh(mp.mpf(error) / 2) ** 2)) <= 8
        assert ulps(float(gradient[0, 0]), mp.tanh(mp.mpf(error))) <= 4


def exact_focal(log_odds, gamma):
    """(1 - p)^gamma (-log p) of p = sigmoid(log_odds), and its derivative by the log-odds."""
    u = mp.mpf(float(log_odds))

    def value(u):
        return (1 / (1 + mp.exp(u))) ** gamma * mp.log1p(mp.exp(-u))

    p, q = 1 / (1 + mp.exp(-u)), 1 / (1 + mp.exp(u))
    return value(u), -(q**gamma) * (q + gamma * p * mp.log1p(mp.exp(-u)))


@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
def test_the_focal_loss_keeps_its_digits_on_logits_of_any_size(gamma):
    z = np.array([0, 1e-9, -0.3, 2, -5, 17, -36, 40, 100, -300, 745, -1e4])[:, None]
    with np.errstate(all="raise", under="ignore"):
        losses, gradient = run(head_of("binary", "focal", gamma=gamma), z, np.ones_like(z))
        mirrored = run(head_of("binary", "focal", gamma=gamma), -z, np.zeros_like(z))
        both = run(head_of("multiclass", "focal", gamma=gamma), np.hstack([z, 0 * z]), np.eye(2)[np.zeros(len(z), int)])
    with mp.workdps(50):
        exact = np.array([[float(figure) for figure in exact_focal(u, gamma)] for u in z[:, 0]])
    # exp(-gamma · softplus) magnifies the rounding of its argument, here at most 500.
    np.testing.assert_allclose(losses, exact[:, 0], rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(gradient[:, 0], exact[:, 1], rtol=1e-12, atol=1e-300)
    np.testing.assert_array_equal(mirrored[0], losses)
    np.testing.assert_array_equal(mirrored[1], -gradient)
    np.testing.assert_allclose(both[0], losses, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(both[1], np.hstack([gradient, -gradient]), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("task", "entropy"), [("binary", "binary_cross_entropy"), ("multiclass", "cross_entropy")])
def test_without_gamma_the_focal_loss_is_cross_entropy(task, entropy):
    z, y = np.random.default_rng(1).normal(0, 5, (1, 50, OUTPUTS[task])), targets(task, 50, np.random.default_rng(2))
    for found, expected in zip(run(head_of(task, "focal", gamma=0.0), z, y), run(head_of(task, entropy), z, y)):  # noqa: B905
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("log_variance", [-700.0, -50, -3, 0, 1e-9, 4, 60, 1e4])
@pytest.mark.parametrize("error", [0.0, 1e-150, -0.01, 3, 1e3])
def test_the_gaussian_likelihood_is_right_to_the_last_places(log_variance, error):
    z, y = np.array([[1.5, log_variance]]), np.array([[1.5 + error]])
    with np.errstate(all="raise", under="ignore"):
        losses, gradient = run(head_of("regression", "gaussian_nll"), z, y)
    with mp.workdps(50):
        difference = mp.mpf(float(y[0, 0])) - mp.mpf(1.5)
        precision = mp.exp(-mp.mpf(log_variance))
        square = difference**2 * precision
        expected = [(mp.mpf(log_variance) + square) / 2, -difference * precision, (1 - square) / 2]
    found = [losses[0], *gradient[0]]
    np.testing.assert_allclose(found, [float(figure) for figure in expected], rtol=1e-14, atol=2e-16)


def test_the_gaussian_likelihood_of_a_hit_is_finite_however_small_its_variance():
    losses, gradient = run(head_of("regression", "gaussian_nll"), np.array([[2.0, -1e4]]), np.array([[2.0]]))
    assert (losses.tolist(), gradient.tolist()) == ([-5e3], [[0.0, 0.5]])


RIGHT = {
    "binary": np.array([[1.0], [0.0]]),
    "multiclass": np.eye(3)[[2, 0]],
    "multilabel": np.array([[1.0, 0.0], [1.0, 1.0]]),
    "regression": np.array([[100.0, 2.0], [50.0, 7.0]]),
}


@EACH
def test_a_loss_comes_as_near_to_its_least_as_it_is_asked_and_no_nearer(task, name):
    y, least = RIGHT[task], LOSSES[name].least
    z = 40 * (2 * y - 1) if worked_out(task, activation_for(task, name), name) else y
    if name == "poisson":
        z = np.log(y)
    elif name == "gaussian_nll":
        z = np.concatenate([y, np.full_like(y, -60.0)], axis=-1)
    found, _ = run(head_of(task, name), z[None], y[None])
    assert (found >= least).all()
    assert (found < (-20 if least < 0 else 1e-12)).all()
    farther, _ = run(head_of(task, name), z[None] + 1, y[None])
    assert (farther >= least).all()


def test_the_least_poisson_loss_is_at_the_logarithm_of_the_count():
    counts = np.array([[1.0], [2.0], [30.0]])
    losses, gradient = run(head_of("regression", "poisson"), np.log(counts), counts)
    np.testing.assert_allclose(losses, counts[:, 0] - counts[:, 0] * np.log(counts[:, 0]), rtol=1e-14)
    np.testing.assert_allclose(gradient, 0, atol=2e-14)


# --- closed forms -----------------------------------------------------------------------------------------------------


def test_huber_and_mae_by_hand():
    a, y = np.array([[0.5, -3.0, 1.5]]), np.zeros((1, 3))
    losses, gradient = run(head_of("regression", "huber", delta=1.5), a, y)
    assert losses[0] == pytest.approx((0.125 + 1.5 * (3 - 0.75) + 1.125) / 3, rel=1e-15)
    np.testing.assert_allclose(gradient, [[0.5 / 3, -0.5, 0.5]], rtol=1e-15)
    losses, gradient = run(head_of("regression", "mae"), a, np.array([[0.5, 0, 0]]))
    assert losses[0] == 1.5
    np.testing.assert_allclose(gradient, [[0, -1 / 3, 1 / 3]], rtol=1e-15)


SCORES = np.array([[0.5, -2.0, 0.3], [3.0, 1.5, 2.5], [-1.0, -1.0, -4.0], [1e4, -1e4, 0.0], [0.0, 0.0, 0.0]])
TRUE = np.array([0, 0, 2, 1, 1])


def test_the_hinge_of_classes_is_scikit_learns():
    losses, gradient = run(head_of("multiclass", "hinge"), SCORES, np.eye(3)[TRUE])
    assert losses.mean() == pytest.approx(hinge_loss(TRUE, SCORES, labels=[0, 1, 2]), rel=1e-15)
    assert losses.tolist() == pytest.approx([0.8, 0.5, 4, 2e4 + 1, 1], rel=1e-15)
    assert gradient.tolist() == [[-1, 0, 1], [-1, 0, 1], [1, 0, -1], [1, -1, 0], [1, -1, 0]]
    squared, slope = run(head_of("multiclass", "squared_hinge"), SCORES, np.eye(3)[TRUE])
    np.testing.assert_allclose(squared, losses**2, rtol=1e-15)
    np.testing.assert_allclose(slope, 2 * losses[:, None] * gradient, rtol=1e-15)


def test_the_hinge_of_two_sides_is_scikit_learns():
    z = np.array([0.5, -2.0, 1.0, 1e4, -1e4, 0.0, 2.0])[:, None]
    y = np.array([1, 0, 1, 0, 1, 1, 0])
    losses, gradient = run(head_of("binary", "hinge"), z, y[:, None].astype(float))
    assert losses.mean() == pytest.approx(hinge_loss(y, z[:, 0]), rel=1e-15)
    assert gradient[:, 0].tolist() == [-1, 0, 0, 1, -1, -1, 1]
    squared, slope = run(head_of("binary", "squared_hinge"), z, y[:, None].astype(float))
    np.testing.assert_allclose(squared, losses**2, rtol=1e-15)
    np.testing.assert_allclose(slope[:, 0], 2 * losses * gradient[:, 0], rtol=1e-15)


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@settings(max_examples=40)  # of each
@given(data=st.data())
def test_a_hinges_outputs_decide_as_its_scores_do_and_lie_between_0_and_1(task, name, data):
    shape = (1, 7, OUTPUTS[task])
    z = data.draw(arrays(float, shape, elements=st.floats(-30, 30).filter(lambda x: x == 0 or abs(x) > 1e-9)))
    a = np.empty_like(z)
    head_of(task, name).outputs(z, a)
    assert ((a >= 0) & (a <= 1)).all()
    if task == "multiclass":
        winners = z.argmax(-1)[..., None]
        assert (np.take_along_axis(a, winners, -1) == a.max(-1, keepdims=True)).all()
    else:
        assert ((a > 0.5) == (z > 0)).all()


# --- extremes, shape, precision ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@EACH
def test_logits_of_any_size_raise_no_warning_and_give_no_nan(task, name, dtype):
    head = head_of(task, name)
    size = OUTPUTS[task] * head.per_output
    z = np.random.default_rng(3).choice([-1e4, -100, -1, 0, 1, 100, 1e4], (1, 60, size)).astype(dtype)
    y = np.abs(targets(task, 60, np.random.default_rng(4))).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        losses, gradient = run(head, z, y)
    assert not np.isnan(losses).any()
    assert not np.isnan(gradient).any()
    assert (losses.dtype, gradient.dtype, losses.shape) == (dtype, dtype, (1, 60))
    if name not in ("poisson", "gaussian_nll"):  # exp(1e4) is more than either precision holds
        assert np.isfinite(losses).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@EACH
def test_replicas_do_not_depend_on_each_other(task, name, dtype):
    weights = None
    if LOSSES[name].weighted:
        weights = np.random.default_rng(5).uniform(0.5, 2, (3, 2, OUTPUTS[task])).astype(dtype)
    given = {"smoothing": 0.1} if name.endswith("cross_entropy") else {}
    head = head_of(task, name, weights, **given)
    z = np.random.default_rng(6).uniform(0.1, 0.9, (3, 40, OUTPUTS[task] * head.per_output)).astype(dtype)
    y = targets(task, 40, np.random.default_rng(7)).astype(dtype)
    together = run(head, z, y)
    assert (together[0].dtype, together[1].dtype) == (dtype, dtype)
    for r in range(3):
        alone = run(head_of(task, name, None if weights is None else weights[[r]], **given), z[[r]], y)
        assert [part[r].tobytes() for part in together] == [part[0].tobytes() for part in alone]


def test_a_head_that_nothing_is_asked_of_is_the_one_of_the_table():
    """So that the step of the usual heads is one subtraction, as it was."""
    for task, (activation, loss) in DEFAULT_HEADS.items():
        if task != "regression":
            assert head_of(task, loss) is FUSED[activation, loss]


# --- gradients --------------------------------------------------------------------------------------------------------

ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if hasattr(entry, "slope") and not entry.untrainable]


def richardson(network, theta, x, y, direction):
    """The derivative of the mean loss along a direction, by central differences of two widths; off by about h⁴."""

    def difference(h):
        ends = np.concatenate([theta + h * direction, theta - h * direction])
        tied = Pass(network, ends, None, x.shape[1])
        tied.forward(x)
        above, below = tied.loss(y)
        return (above - below) / (2 * h)

    return (4 * difference(5e-5) - difference(1e-4)) / 3


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_every_activation_under_every_loss(activation):
    for task, name in SERVED:
        assert_that_the_gradient_is_the_measured_one(activation, task, name)


def assert_that_the_gradient_is_the_measured_one(activation, task, name):
    head = (task, activation_for(task, name), name, True)
    network = network_of(head, [3], inputs=2, activation=activation)
    for seed in range(10):  # a kink on the way, of the activation or the loss, is a case for another seed
        rng = np.random.default_rng(seed)
        theta = rng.normal(0, 0.6, (1, network.layout.size))
        for place, view in network.layout.views(theta).items():
            if place.split("/")[1] not in ("weights", "bias"):
                view[...] = rng.uniform(0.1, 1.0, view.shape)
        x, y, direction = rng.normal(size=(1, 5, 2)), np.abs(targets(task, 5, rng)), rng.normal(size=theta.shape)
        gradient = np.empty_like(theta)
        tied = Pass(network, theta, gradient, 5)
        tied.forward(x)
        tied.backward(y)
        analytic, numeric = float((gradient * direction).sum()), richardson(network, theta, x, y, direction)
        if abs(analytic - numeric) <= 1e-8 * max(1, np.abs(gradient).max()):
            return
    raise AssertionError(f"{task} with {name}: {analytic} but measured {numeric}")


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, name in SERVED if LOSSES[name].weighted])
def test_the_gradient_of_weighted_and_smoothed_losses_is_the_numeric_derivative(task, name):
    weights = np.random.default_rng(8).uniform(0.5, 2, (1, 2, OUTPUTS[task]))
    head = head_of(task, name, weights, **({"smoothing": 0.2} if name.endswith("entropy") else {}))
    z, y = np.random.default_rng(9).normal(size=(1, 6, OUTPUTS[task])), targets(task, 6, np.random.default_rng(10))
    _, gradient = run(head, z, y)
    numeric = np.empty_like(z)
    for i in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[i] = 1e-6
        numeric[i] = (head.losses(z + step, y).sum() - head.losses(z - step, y).sum()) / 2e-6
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)


LAST_HEADS = [
    ("regression", {"name": "maxout", "pieces": 3}, "huber", 6),
    ("regression", "glu", "mse", 4),
    ("multiclass", "glu", "mse", 6),
    ("multilabel", "maxout", "mse", 6),
    ("regression", "rrelu", "log_cosh", 2),
    ("multiclass", "sparsemax", "mse", 3),
    ("multiclass", "softmin", "cross_entropy", 3),
]


@pytest.mark.parametrize(("task", "activation", "loss", "width"), LAST_HEADS, ids=str)
def test_unusual_last_activations_get_the_width_they_need_and_are_right(task, activation, loss, width):
    network = network_of((task, activation, loss, True), [3], inputs=2, activation="tanh")
    assert network.widths[3] == width
    assert network.outputs == OUTPUTS[task]
    rng = np.random.default_rng(1)
    theta, x, y = rng.normal(size=(1, network.layout.size)), rng.normal(size=(1, 5, 2)), targets(task, 5, rng)
    gradient, direction = np.empty_like(theta), rng.normal(size=theta.shape)
    tied = Pass(network, theta, gradient, 5)
    tied.forward(x)
    tied.backward(y)
    assert float((gradient * direction).sum()) == pytest.approx(richardson(network, theta, x, y, direction), abs=1e-9)


# --- smoothing and weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "multilabel", "multiclass"])
def test_smoothing_is_the_loss_at_softer_targets(task):
    name = DEFAULT_HEADS[task][1]
    z, y = np.random.default_rng(1).normal(size=(1, 9, OUTPUTS[task])), targets(task, 9, np.random.default_rng(2))
    soft = y * 0.7 + 0.3 / (OUTPUTS[task] if task == "multiclass" else 2)
    for found, expected in zip(
        run(head_of(task, name, smoothing=0.3), z, y), run(head_of(task, name), z, soft), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@given(st.lists(st.integers(0, 4), min_size=5, max_size=60).filter(lambda labels: len({*labels}) == 5))
def test_balanced_weights_of_classes_are_scikit_learns(labels):
    weights = balanced(np.eye(5)[labels], "multiclass")
    np.testing.assert_allclose(weights[1], compute_class_weight("balanced", classes=np.arange(5), y=labels), rtol=1e-15)
    assert weights[0].tolist() == [0] * 5
    assert weights[1][labels].mean() == pytest.approx(1)


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60).filter(lambda labels: len({*labels}) == 2))
def test_balanced_weights_of_two_sides_are_scikit_learns(labels):
    weights = balanced(np.array(labels, float)[:, None], "binary")
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    np.testing.assert_allclose(weights[:, 0], expected, rtol=1e-15)
    both = np.array([labels, labels[::-1]], float).T
    np.testing.assert_array_equal(balanced(both, "multilabel"), np.stack([expected, expected], axis=1))


@pytest.mark.parametrize("name", [name for name, entry in LOSSES.items() if entry.weighted])
def test_weights_multiply_the_loss_of_each_row(name):
    """A batch is the plain mean of weighted losses: the same row counts the same in every batch."""
    z, labels = np.random.default_rng(1).normal(size=(1, 8, 3)), np.array([0, 1, 2, 1, 1, 0, 2, 2])
    weights, y = np.array([0.5, 2.0, 3.0]), np.eye(3)[labels][None]
    plain, slope = run(head_of("multiclass", name), z, y)
    losses, gradient = run(head_of("multiclass", name, targets_of("multiclass", weights)), z, y)
    np.testing.assert_allclose(losses, plain * weights[labels], rtol=1e-15)
    np.testing.assert_allclose(gradient, slope * weights[labels][:, None], rtol=1e-15)


BALANCED = {"name": "cross_entropy", "class_weights": "balanced"}


def test_each_replica_is_balanced_by_its_own_training_part_and_trains_as_alone():
    chosen = experiment(
        task="multiclass",
        data={"source": "penguins", "blanks": "median", "validation": 0.3, "scale": "standard"},
        network={"layers": [4], "head": {"activation": "softmax", "loss": BALANCED}},
    )
    seeds = (0, 5, 9)
    setup = setup_for(chosen, seeds)
    for r, seed in enumerate(seeds):
        own = setup_for(chosen, [seed])
        labels = own.rows.prepared[0].train.y.argmax(1)
        expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
        np.testing.assert_allclose(own.network.head.weights[0, 1], expected, rtol=1e-6)
        assert own.network.head.weights[0].tobytes() == setup.network.head.weights[r].tobytes()
    states = []
    for each in (setup, *(setup_for(chosen, [seed]) for seed in seeds)):
        state = each.start()
        list(fit(each.network, each.rows.parts(), each.rows.seeds, each.optimizer.update, each.plan, state))
        states.append(state.theta)
    assert [states[0][r].tobytes() for r in range(3)] == [theta[0].tobytes() for theta in states[1:]]


def test_a_rare_label_is_balanced_for_itself():
    setup = setup_for(
        experiment(
            task="multilabel",
            data={"source": "digit-traits"},
            network={"layers": [3], "head": {"loss": {"name": "focal", "class_weights": "balanced"}}},
        )
    )
    y, weights = setup.rows.prepared[0].train.y, setup.network.head.weights
    np.testing.assert_allclose(weights[0, 1], len(y) / (2 * y.sum(axis=0)), rtol=1e-6)
    np.testing.assert_allclose(weights[0, 0], len(y) / (2 * (1 - y).sum(axis=0)), rtol=1e-6)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"Gentoo": 3}, [1, 1, 3]),
        ([1, 2.5, 0], [1, 2.5, 0]),
        ({"Adelie": 0, "Chinstrap": 4}, [0, 4, 1]),
    ],
)
def test_weights_by_name_or_in_the_order_of_the_classes(asked, expected):
    setup = setup_for(
        experiment(
            task="multiclass",
            data={"source": "penguins", "blanks": "median"},
            network={"layers": [3], "head": {"loss": {"name": "cross_entropy", "class_weights": asked}}},
        )
    )
    assert setup.network.head.weights.tolist() == [[[0, 0, 0], expected]]


def test_weights_of_a_binary_task_are_those_of_its_two_classes():
    head = {"loss": {"name": "hinge", "class_weights": [1, 5]}}
    assert setup_for(experiment(network={"layers": [3], "head": head})).network.head.weights.tolist() == [[[1], [5]]]


# --- the experiment file ----------------------------------------------------------------------------------------------

FILE = """\
name: small
task: {task}
data:
  source: {source}
network:
  layers: [4]
  head: {{{head}}}
training:
  steps: 3
"""
SOURCES = {"binary": "moons", "multiclass": "iris", "multilabel": "digit-traits", "regression": "energy"}


def text(task, head, source=None):
    return FILE.format(task=task, head=head, source=source or SOURCES[task])


@pytest.mark.parametrize(("task", "name"), [pair for pair in SERVED if pair != ("multiclass", "mse")])
def test_a_loss_can_be_named_alone_and_implies_its_activation(task, name):
    head = validate(read_text(text(task, f"loss: {name}"), "e.yaml")).network.head
    assert (head.activation.name, head.loss.name) == (implied_activation(task, name), name)
    assert head.loss.values == resolved(LOSSES[name], {})
    assert head == validate(read_text(text(task, f"loss: {{name: {name}}}"), "e.yaml")).network.head


@pytest.mark.parametrize(
    ("task", "loss", "label"),
    [
        ("regression", "{name: huber, delta: 1.5}", "huber(delta=1.5)"),
        ("multiclass", "{name: focal, gamma: 2}", "focal"),
        (
            "multiclass", "{name: cross_entropy, smoothing: 0.1, class_weights: balanced}",
            "cross_entropy(smoothing=0.1, class_weights=balanced)",
        ),
        ("multiclass", "{name: hinge, class_weights: [1, 2.5, 1]}", "hinge(class_weights=[1, 2.5, 1])"),
        *(
            (task, f"{{name: {name}, class_weights: balanced}}", f"{name}(class_weights=balanced)")
            for task, name in (("binary", "binary_cross_entropy"), ("multiclass", "squared_hinge"))
        ),
        (
            "multiclass", "{name: focal, class_weights: {setosa: 2, virginica: 0.5}}",
            "focal(class_weights={setosa: 2, virginica: 0.5})",
        ),
        ("binary", '{name: hinge, class_weights: {"0": 2, "1": 0.5}}', "hinge(class_weights={0: 2, 1: 0.5})"),
    ],
)  # fmt: skip
def test_a_loss_with_its_parameters_reads_back_to_the_same(task, loss, label):
    made = validate(read_text(text(task, f"loss: {loss}"), "e.yaml"))
    assert str(made.network.head.loss) == label
    assert validate(read_text(to_yaml(made), "again.yaml")) == made


WRONG = [
    ("regression", "loss: hubert", "8", "unknown loss 'hubert'; did you mean 'huber'?"),
    ("regression", "loss: 3", "8", "found 3, expected the name of a loss"),
    ("regression", "loss: {name: huber, delta: 0}", "8:37", "found 0 for delta of huber, expected a number in (0, ∞)"),
    ("regression", "loss: {name: huber, delat: 1}", "8:30", "unknown key 'delat' of huber; did you mean 'delta'?"),
    ("multiclass", "loss: {name: cross_entropy, smoothing: 1}", "8:49", "expected a number in [0, 1)"),
    ("multiclass", "loss: {name: cross_entropy, smoothing: -0.1}", "8:49", "found -0.1 for smoothing"),
    ("multiclass", "loss: {name: focal, gamma: -1}", "8:37", "expected a number in [0, ∞)"),
    ("multiclass", "loss: {name: focal, class_weight: balanced}", "8:30", "did you mean 'class_weights'?"),
    (
        "multiclass",
        "loss: {name: focal, class_weights: balance}",
        "8:45",
        "found 'balance', expected balanced, a mapping",
    ),
    ("multiclass", "loss: {name: focal, class_weights: []}", "8:45", "found [], expected balanced"),
    ("multiclass", "loss: {name: focal, class_weights: [1, -2, 1]}", "8:49", "found -2 as the weight of a class"),
    ("multiclass", "loss: {name: focal, class_weights: [0, 0, 0]}", "8:45", "expected a weight above 0"),
    ("multiclass", "loss: {name: focal, class_weights: {setosa: much}}", "8:54", "found 'much' as the weight"),
    (
        "regression",
        "loss: {name: huber, class_weights: balanced}",
        "8:45",
        "found class_weights with huber, which knows",
    ),
    (
        "multiclass",
        "activation: softmax, loss: hinge",
        "8",
        "margin of 1, and softmax would bend them; expected identity",
    ),
    ("binary", "activation: sigmoid, loss: hinge", "8", "expected identity"),
    ("binary", "activation: tanh, loss: focal", "8", "tanh may leave (0, 1); expected sigmoid or softmax"),
    ("multilabel", "activation: softmax, loss: focal", "8", "softmax shares probability 1 among classes"),
    ("regression", "loss: hinge", "8", "not a regression task; expected mse or mae or huber"),
    ("binary", "loss: huber", "8", "huber is for regression tasks, not a binary task"),
    (
        "regression",
        "activation: relu, loss: poisson",
        "8",
        "relu is not what turns these into rates; expected exponential",
    ),
    ("regression", "activation: softplus, loss: gaussian_nll", "8", "softplus would bend both; expected identity"),
    ("multiclass", "activation: log_softmax", "8", "logarithms of probabilities, which cross_entropy takes itself"),
    ("multiclass", "activation: sparsemax", "8", "infinite where such a class is right; expected softmax"),
    ("multiclass", "activation: heaviside, loss: mse", "8", "heaviside cannot be trained"),
    ("multiclass", "activation: softmin, loss: mse", "8", "softmin shares probability 1"),
    ("binary", "activation: log_sigmoid, loss: mse", "8", "never comes near a target of 1"),
    ("regression", "activation: log_softmax", "8", "log_softmax gives logarithms of shares"),
    ("binary", "activation: maxout", "8", "maxout may leave (0, 1); expected sigmoid"),
    ("regression", "logits: false, loss: huber", "8", "logits: false with identity and huber"),
]


@pytest.mark.parametrize(("task", "head", "place", "words"), WRONG, ids=[f"{row[0]}-{row[1]}" for row in WRONG])
def test_a_wrong_loss_is_refused_at_its_place(task, head, place, words):
    found = faults(text(task, head).replace("  layers", "  l2: 0.0\n  layers"))
    assert len(found) == 1, found
    assert found[0].startswith(f"e.yaml:{place}")
    assert words in found[0]


def test_all_faults_of_a_loss_are_found_in_one_pass():
    loss = "{name: cross_entropy, smoothing: 2, gamma: 1, class_weights: {setosa: -1, virginica: x}}"
    found = faults(text("multiclass", f"loss: {loss}"))
    assert [re.search(r"found (\S+)|unknown key '(\w+)'", fault)[0] for fault in found] == [
        "found 2", "unknown key 'gamma'", "found -1", "found 'x'",
    ]  # fmt: skip


def test_scaled_targets_are_no_counts():
    found = faults(
        text("regression", "loss: poisson").replace("source: energy", "source: energy\n  scale_targets: true")
    )
    assert [fault.split(": ")[0] for fault in found] == ["e.yaml:5:18"]
    assert "poisson, which is for counts as they are; expected false" in found[0]


WITH_DATA = [
    (
        "multiclass", "loss: {name: focal, class_weights: {setsa: 2, rose: 1}}",
        ["7:46", "'setsa'", "did you mean 'setosa'", "7:56"],
    ),
    ("multiclass", "loss: {name: hinge, class_weights: [1, 2]}", ["7:45", "found 2 weights", "3 classes (setosa"]),
    ("multilabel", "loss: {name: focal, class_weights: {prime: 2, nothing: 1}}", ["7:56", "'nothing'"]),
    ("regression", "loss: gaussian_nll, dense: false", ["7:", "4 units", "gaussian_nll needs"]),
]  # fmt: skip


@pytest.mark.parametrize(("task", "head", "words"), WITH_DATA, ids=[row[1] for row in WITH_DATA])
def test_a_loss_that_does_not_fit_the_data_is_refused_before_anything_is_written(task, head, words, tmp_path):
    source = "houses" if "gaussian" in head else None
    path = write(tmp_path, text(task, head, source))
    result = nnlab_here("train", path.name, cwd=tmp_path)
    assert result.exit_code == 2
    assert [word for word in words if word not in result.stderr] == []
    assert list(tmp_path.iterdir()) == [path]


def test_counts_below_0_are_refused_once_the_data_are_read(tmp_path):
    write(tmp_path, "a,b\n" + "".join(f"{i},{3 - i}\n" for i in range(9)), "rows.csv")
    result = nnlab_here("train", write(tmp_path, text("regression", "loss: poisson", "rows.csv")), cwd=tmp_path)
    assert result.exit_code == 2
    assert ":7:16: found -1 in target 'b', but poisson is for counts; expected no target below 0" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_balancing_a_label_that_no_row_has_is_refused(tmp_path):
    write(tmp_path, "a,p,q\n" + "".join(f"{i},{i % 2},0\n" for i in range(9)), "rows.csv")
    loss = "loss: {name: focal, class_weights: balanced}"
    content = text("multilabel", loss, "{name: rows.csv}\n  target: [p, q]")
    result = nnlab_here("train", write(tmp_path, content), cwd=tmp_path)
    assert result.exit_code == 2
    assert "rows of one kind alone as to class 'q'" in result.stderr
    assert not (tmp_path / "runs").exists()


# --- runs -------------------------------------------------------------------------------------------------------------


USUAL = {loss for _, loss in DEFAULT_HEADS.values()}  # these are trained by many other tests


@pytest.mark.parametrize(("task", "name"), [pair for pair in SERVED if pair[1] not in USUAL])
def test_every_other_loss_trains_evaluates_and_gets_smaller(task, name, tmp_path):
    head = f"activation: {activation_for(task, name)}, loss: {name}"
    more = "\n  scale: standard\n  validation: 0.2" + ("\n  scale_targets: true" if task == "regression" else "")
    content = text(
        task, head, SOURCES[task] + (more if name != "poisson" else more.replace("\n  scale_targets: true", ""))
    )
    content = content.replace("steps: 3", "steps: 40") + "optimizer: {name: adam, learning_rate: 0.01}\n"
    run_folder = trained(tmp_path, write(tmp_path, content))
    summary = read_json(run_folder / "summary.json")
    rows = [float(row["train/loss"]) for row in read_rows(run_folder / "metrics.csv") if row["train/loss"]]
    assert summary["status"] == "completed"
    assert rows[-1] < rows[0]
    assert not (run_folder / "train.log").read_text().count("warning: the picture")
    result = nnlab_here("eval", run_folder, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)["figures"]
    assert {key: figures[key] for key in summary["final"]} == summary["final"]


@pytest.mark.parametrize("loss", ["hinge", "{name: squared_hinge, class_weights: balanced}", "{name: focal, gamma: 1}"])
def test_what_is_decided_is_the_same_in_figures_and_in_the_predictions_file(loss, tmp_path):
    content = text("binary", f"loss: {loss}").replace("steps: 3", "steps: 60")
    run_folder = trained(tmp_path, write(tmp_path, content))
    result = nnlab_here("eval", run_folder, "--json", "--predictions", "p.csv", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    figures, rows = json.loads(result.stdout)["figures"], read_rows(tmp_path / "p.csv")
    model = open_run(RunFolder(run_folder), None, ACTIVATIONS).model
    setup = setup_for(validate(read_text(content, "e.yaml")))
    part = setup.rows.prepared[0].train
    outputs = model.outputs_of_scaled(part.x)
    names = list(rows[0])
    decided, chance, score, _truth = names[names.index("row") + 1 :]
    assert [float(row[chance]) for row in rows] == pytest.approx(outputs[:, 0].tolist())
    assert np.argsort([float(row[score]) for row in rows]).tolist() == np.argsort(outputs[:, 0]).tolist()
    assert [row[decided] == setup.rows.dataset.columns.classes[1] for row in rows] == (outputs[:, 0] > 0.5).tolist()
    assert figures["train/roc_auc"] == pytest.approx(roc_auc_score(part.y[:, 0], outputs[:, 0]))
    assert figures["train/accuracy"] == ((outputs > 0.5) == part.y).mean()


def test_the_weights_of_the_classes_go_with_the_checkpoint(tmp_path):
    """On other rows the loss is still weighted by the training part's classes."""
    head = "loss: {name: cross_entropy, class_weights: balanced}"
    run_folder = trained(tmp_path, write(tmp_path, text("multiclass", head, "penguins\n  blanks: median\n  test: 0.3")))
    weights = open_run(RunFolder(run_folder), None, ACTIVATIONS).model.network.head.weights
    labels = setup_for(validate(read_text((run_folder / "config.yaml").read_text(), "e.yaml"))).rows.prepared[0].train.y
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.argmax(1))
    np.testing.assert_allclose(weights, [[[0, 0, 0], expected]], rtol=1e-6)


def test_a_checkpoint_without_the_weights_that_its_experiment_asks_for_is_refused(tmp_path):
    loss = "loss: {name: focal, class_weights: balanced}"
    run_folder = trained(tmp_path, write(tmp_path, text("multiclass", loss)))
    path = run_folder / "checkpoints" / "last.npz"
    found = checkpoints.load(path)
    arrays = {name: array for name, array in found.arrays.items() if name != "class_weights"}
    checkpoints.save(path, checkpoints.Checkpoint(arrays, found.about))
    result = nnlab_here("eval", run_folder, cwd=tmp_path)
    assert result.exit_code == 2
    assert "not one of this experiment" in result.stderr


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("huber(delta=1.5)", "loss (Huber, delta=1.5)"),
        ("cross_entropy(class_weights=balanced)", "loss (cross-entropy, class weights=balanced)"),
        ("poisson", "loss (Poisson)"),
    ],
)
def test_the_parameters_of_a_loss_are_told_in_pictures(loss, expected):
    assert loss_label("loss", loss, scaled=False) == expected


def test_a_gaussian_head_gives_the_mean_and_learns_how_far_it_is_off():
    """Noise of deviations 0.5 and 2 around two lines: the logits' second half becomes the logarithms of its squares."""
    chosen = experiment(
        task="regression",
        precision="float64",
        data={"source": "energy"},
        network={"layers": [3], "head": {"loss": "gaussian_nll"}},
        optimizer={"name": "adam", "learning_rate": 0.02},
        training={"steps": 800, "batch_size": "all"},
    )
    setup = setup_for(chosen)
    assert (setup.network.widths[-1], setup.network.outputs) == (4, 2)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 4000, 1))
    y = np.concatenate([2 * x + 0.5 * rng.normal(size=x.shape), -x + 2 * rng.normal(size=x.shape)], axis=-1)
    network = replace(setup.network, shape=(1,), layers=setup.network.layers[-1:])
    theta, part = np.zeros((1, network.layout.size)), Part(x, y)
    state = State.start(theta, setup.optimizer.start(theta))
    plan = replace(setup.plan, epoch=Epoch(4000, 4000))
    list(fit(network, {"train": part}, [0], setup.optimizer.update, plan, state))
    tied = Pass(network, theta, None, 4000)
    outputs, spread = tied.forward(x), np.exp(tied.z[..., 2:].mean(axis=1) / 2)
    np.testing.assert_allclose(outputs, np.concatenate([2 * x, -x], axis=-1), atol=0.5)
    np.testing.assert_allclose(spread, [[0.5, 2]], rtol=0.05)
    found, loss = Evaluator(network, theta).outputs_and_loss(x, y)
    assert found.shape == y.shape
    assert loss == pytest.approx(np.log([0.5, 2]).mean() + 0.5, abs=0.05)
    assert TRAINING_METRICS["regression"]["rmse"](found, y)[0] == pytest.approx((0.5 + 2) / 2, rel=0.05)


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_loss_says_what_it_is():
    found = {entry["name"]: entry for entry in listed("losses")}
    assert set(found) == set(LOSSES)
    for name, entry in found.items():
        assert entry["formula"]
        assert entry["source"]
        assert set(entry["tasks"]) <= set(OUTPUTS)
        weighted = "class_weights" in [parameter["name"] for parameter in entry["parameters"]]
        assert weighted == LOSSES[name].weighted


@EACH
def test_each_task_of_a_loss_has_a_head_that_makes_sense(task, name):
    assert head_fault(task, activation_for(task, name), name, OUTPUTS[task]) is None
    assert any(head[0] == task and head[2] == name for head in HEADS)


def test_what_classes_work_out_otherwise_is_worked_out_for_others_too():
    assert set(CLASSES) <= set(FUSED)
