"""Losses and heads: against 50 digits on logits of any size, and their gradients against numeric derivatives."""

from itertools import product

import mpmath as mp
import numpy as np
import pytest
from strategies import HEADS, LAST, NARROWING, OUTPUTS, targets

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.losses import (
    CLASSES,
    DEFAULT_HEADS,
    FUSED,
    LOSSES,
    TEXTBOOK,
    bound,
    head_fault,
    implied_activation,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    unfused,
    worked_out,
)
from nnlab.maths.parameters import resolved

SIGMOID, SOFTMAX = ("sigmoid", "binary_cross_entropy"), ("softmax", "cross_entropy")
# Losses that are worked out on outputs as well as, or instead of, on logits.
ON_OUTPUTS = [name for name, entry in LOSSES.items() if entry.value is not None]


def with_defaults(head, loss, task="binary"):
    return bound(head, task, loss, resolved(LOSSES[loss], {}))


WORKED_OUT = {
    (kind, *pair): with_defaults(head, pair[1])
    for kind, table in (("fused", FUSED), ("classes", CLASSES), ("textbook", TEXTBOOK))
    for pair, head in table.items()
}
PAIRS = pytest.mark.parametrize("head", WORKED_OUT.values(), ids=map("-".join, WORKED_OUT))


def outputs_of(head, z):
    a = np.empty((*z.shape[:-1], z.shape[-1] // head.per_output), z.dtype)
    head.forms(z.dtype).outputs(z, a)
    return a


def gradient_of(head, z, a, y):
    out = np.empty_like(z)
    head.forms(z.dtype).gradient(z, a, y, out)
    return out


# --- Values on logits -------------------------------------------------------------------------------------------------

LOGITS = [0, 1e-300, 1e-9, 0.3, 1, 5, 17, 36, 37, 50, 300, 700, 745, 800, 1e4]
SIGNED = [*LOGITS, *(-z for z in LOGITS)]


def exact_sigmoid_loss(z, y):
    z, y = mp.mpf(z), mp.mpf(y)
    return y * mp.log1p(mp.exp(-z)) + (1 - y) * mp.log1p(mp.exp(z))


@pytest.mark.parametrize("z", SIGNED)
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_sigmoid_loss_is_right_to_the_last_places(z, y):
    with mp.workdps(50), np.errstate(all="raise", under="ignore"):
        found = sigmoid_cross_entropy(np.array([z], float), np.array([y]))
        exact = exact_sigmoid_loss(z, y)
        assert abs(mp.mpf(float(found)) - exact) <= 4 * mp.mpf(float(np.spacing(float(exact))))


@pytest.mark.parametrize("z", SIGNED)
@pytest.mark.parametrize("y", [1e-9, 0.3, 0.999999])
def test_the_sigmoid_loss_takes_soft_targets(z, y):
    found = sigmoid_cross_entropy(np.array([z], float), np.array([y]))
    with mp.workdps(50):
        assert ulps(float(found), exact_sigmoid_loss(z, y)) <= 8


def exact_softmax_loss(z, y):
    """Written with the largest logit apart, whose own loss may be far below 50 digits of the others'."""
    z = [mp.mpf(float(v)) for v in z]
    first = z.index(max(z))
    log_sum = mp.log1p(mp.fsum(mp.exp(v - z[first]) for k, v in enumerate(z) if k != first))
    return mp.fsum(mp.mpf(float(share)) * (log_sum + (z[first] - v)) for share, v in zip(y, z, strict=True))


def ulps(found, exact):
    return float(abs(mp.mpf(found) - exact) / mp.mpf(float(np.spacing(abs(float(exact))))))


def random_logits(scale, outputs):
    """120 rows of logits up to ±scale."""
    rng = np.random.default_rng(1)
    return scale * rng.uniform(-1, 1, (120, outputs)), rng


@pytest.mark.parametrize("outputs", [2, 4, 10])
@pytest.mark.parametrize("scale", [1e-9, 1, 5, 50, 700, 1e4])
def test_the_softmax_loss_of_random_logits_is_right_to_the_last_places(scale, outputs):
    z, rng = random_logits(scale, outputs)
    y = np.eye(outputs)[rng.integers(outputs, size=len(z))]
    y[::3] = rng.dirichlet(np.ones(outputs), size=len(z[::3]))  # soft targets
    y[::4] = np.eye(outputs)[z[::4].argmax(axis=-1)]  # right ones, whose loss is that of the others' small shares
    with np.errstate(all="raise", under="ignore"):
        found = softmax_cross_entropy(z, y)
    with mp.workdps(50):
        assert max(ulps(*pair) for pair in zip(found, map(exact_softmax_loss, z, y), strict=True)) <= 8


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("scale", [1e-9, 1, 5, 50, 700, 1e4])
def test_the_sigmoid_loss_of_random_logits_is_right_to_the_last_places(scale, outputs):
    z, rng = random_logits(scale, outputs)
    y = rng.integers(2, size=z.shape).astype(float)
    y[::3] = rng.uniform(size=y[::3].shape)  # soft targets
    y[::4] = 1 - 10 ** rng.uniform(-9, -1, y[::4].shape)  # smoothed ones
    with np.errstate(all="raise", under="ignore"):
        found = sigmoid_cross_entropy(z, y)
    with mp.workdps(50):
        exact = [mp.fsum(map(exact_sigmoid_loss, *rows)) for rows in zip(z.tolist(), y.tolist(), strict=True)]
        assert max(ulps(*pair) for pair in zip(found, exact, strict=True)) <= 8


def test_tied_logits_cost_the_logarithm_of_their_number():
    y = np.eye(4)[[0, 3]]
    np.testing.assert_allclose(softmax_cross_entropy(np.full((2, 4), 1e4), y), np.log(4), rtol=1e-15)


def test_a_class_that_is_ruled_out_costs_nothing_unless_it_is_right():
    z = np.array([[0.0, -np.inf, 0.0]])
    for k, loss in enumerate((np.log(2), np.inf, np.log(2))):
        with np.errstate(invalid="ignore"):  # 0 · ∞, which is left out
            assert softmax_cross_entropy(z, np.eye(3)[[k]])[0] == pytest.approx(loss, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_cost_exactly_their_size(dtype):
    z = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype)
    y = np.array([[1], [0], [0], [1]], dtype)
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid_cross_entropy(z, y).tolist() == [0, 0, 1e4, 1e4]
        both = np.concatenate([z, -z], axis=1)
        assert softmax_cross_entropy(both, np.concatenate([y, 1 - y], axis=1)).tolist() == [0, 0, 2e4, 2e4]
        for pair, logits, labels in ((SIGMOID, z, y), (SOFTMAX, both, np.concatenate([y, 1 - y], axis=1))):
            gradient = gradient_of(FUSED[pair], logits, outputs_of(FUSED[pair], logits), labels)
            assert np.abs(gradient[:, 0]).tolist() == [0, 0, 1, 1]


def test_the_losses_of_a_sample_sum_over_outputs_or_average_over_targets():
    a, y = np.array([[0.5, 0.25]]), np.array([[1.0, 0.0]])
    assert LOSSES["binary_cross_entropy"].value(a, y) == pytest.approx(np.log(2) + np.log(4 / 3), rel=1e-15)
    assert LOSSES["cross_entropy"].value(a, y) == pytest.approx(np.log(2), rel=1e-15)
    assert LOSSES["mse"].value(a, y) == (0.25 + 0.0625) / 2


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy"])
def test_certainty_that_is_right_costs_nothing(name):
    y = np.array([[0.0, 1.0]])
    assert LOSSES[name].value(y.copy(), y).tolist() == [0]


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy"])
def test_certainty_that_is_wrong_costs_infinitely_much(name):
    assert LOSSES[name].value(np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])).tolist() == [np.inf]


@pytest.mark.parametrize("name", ON_OUTPUTS)
def test_losses_keep_shape_and_precision(name):
    a = np.random.default_rng(2).uniform(0.1, 0.9, (3, 5, 2)).astype(np.float32)
    y = np.zeros((1, 5, 2), np.float32)
    out = np.full_like(a, 77)
    head = with_defaults(unfused(name), name)
    head.gradient(a, a, y, out)
    values = head.losses(a, y)
    assert (values.shape, values.dtype) == ((3, 5), np.float32)
    assert (out != 77).all()


# --- Gradients --------------------------------------------------------------------------------------------------------


def numeric_slope(function, at):
    """The derivative of the sum of `function` by each entry of `at`; off by about 1e-10."""
    slope = np.empty_like(at)
    for i in np.ndindex(at.shape):
        above, below = at.copy(), at.copy()
        above[i] += 1e-5
        below[i] -= 1e-5
        slope[i] = (function(above).sum() - function(below).sum()) / 2e-5
    return slope


def labels(loss, shape, rng):
    if loss == "cross_entropy":
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    return rng.integers(2, size=shape).astype(float)


@PAIRS
def test_a_heads_gradient_is_the_numeric_derivative(head):
    rng = np.random.default_rng(3)
    z = rng.normal(0, 2, (2, 4, 3 * head.per_output))
    y = labels("cross_entropy", (2, 4, 3), rng)  # one-hot rows are labels, counts and values as well
    numeric = numeric_slope(lambda logits: head.losses(logits, y), z)
    # The textbook loss loses digits in 1 - a, which the difference divides by ε.
    np.testing.assert_allclose(gradient_of(head, z, outputs_of(head, z), y), numeric, rtol=1e-8, atol=2e-8)


@pytest.mark.parametrize("loss", ON_OUTPUTS)
def test_an_unfused_heads_gradient_is_the_numeric_derivative(loss):
    rng = np.random.default_rng(4)
    a = rng.uniform(0.1, 0.9, (2, 4, 3))
    y = labels(loss, a.shape, rng)
    head = with_defaults(unfused(loss), loss)
    assert head.outputs is None
    numeric = numeric_slope(lambda outputs: head.losses(outputs, y), a)
    np.testing.assert_allclose(gradient_of(head, a, a, y), numeric, rtol=0, atol=2e-8)


@pytest.mark.parametrize("pair", [pair for pair in FUSED if pair[1] in ON_OUTPUTS], ids="-".join)
def test_a_fused_head_is_the_composition_at_moderate_logits(pair):
    rng = np.random.default_rng(5)
    z = rng.normal(0, 2, (1, 50, 4))
    y = labels(pair[1], z.shape, rng)
    a, loss, fused = outputs_of(FUSED[pair], z), LOSSES[pair[1]], FUSED[pair]
    np.testing.assert_allclose(fused.losses(z, y), loss.value(a, y), rtol=1e-13)
    by_a = gradient_of(unfused(pair[1]), a, a, y)
    np.testing.assert_allclose(gradient_of(fused, z, a, y), chained(pair[0], z, a, by_a), rtol=1e-12, atol=1e-15)


def chained(activation, z, a, by_a):
    """dL/dz by the chain rule through the last activation."""
    if activation == "softmin":
        return -chained("softmax", -z, a, by_a)
    if activation == "softmax":
        return a * (by_a - (by_a * a).sum(axis=-1, keepdims=True))  # the Jacobian is a_j (δ_jk - a_k)
    slope = np.empty_like(z)
    ACTIVATIONS[activation].slope(z, a, slope)
    return by_a * slope


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ON_OUTPUTS])
def test_a_loss_of_logits_alone_has_no_head_on_outputs(loss):
    with pytest.raises(ValueError, match=f"^{loss} is worked out on logits alone$"):
        unfused(loss)


# --- The textbook head ------------------------------------------------------------------------------------------------


def test_the_textbook_head_agrees_with_the_fused_one_at_moderate_logits():
    rng = np.random.default_rng(6)
    z, y = rng.normal(0, 2, (1, 60, 2)), rng.integers(2, size=(1, 60, 2)).astype(float)
    textbook, fused = TEXTBOOK[SIGMOID], FUSED[SIGMOID]
    np.testing.assert_allclose(outputs_of(textbook, z), outputs_of(fused, z), rtol=1e-15)
    np.testing.assert_allclose(textbook.losses(z, y), fused.losses(z, y), rtol=1e-12)
    a = outputs_of(textbook, z)
    np.testing.assert_allclose(gradient_of(textbook, z, a, y), gradient_of(fused, z, a, y), rtol=1e-12)


def test_the_textbook_head_is_infinite_where_the_fused_one_is_exact():
    z, y = np.array([[800.0], [30.0]]), np.array([[0.0], [0.0]])
    with np.errstate(all="ignore"):
        textbook = TEXTBOOK[SIGMOID].losses(z, y)
    assert textbook[0] == np.inf
    assert abs(textbook[1] - 30) > 1e-4  # 1 - a has lost most of its digits
    assert FUSED[SIGMOID].losses(z, y).tolist() == [800, pytest.approx(30, rel=1e-14)]


# --- Which heads make sense -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (("multiclass", "softmax", "cross_entropy", 1), "softmax over one output is always 1"),
        (("binary", "softmax", "cross_entropy", 1), "not a binary task; expected mse or binary_cross_entropy"),
        (("binary", "tanh", "binary_cross_entropy", 1), "tanh may leave (0, 1); expected sigmoid"),
        (("binary", "identity", "binary_cross_entropy", 1), "identity may leave (0, 1); expected sigmoid"),
        (("multilabel", "softmax", "binary_cross_entropy", 3), "softmax shares probability 1 among classes"),
        (("multiclass", "softmax", "mse", 3), "softmax shares probability 1 among classes"),
        (("multiclass", "sigmoid", "cross_entropy", 3), "sum to 1, which sigmoid does not give; expected softmax"),
        (("regression", "softmax", "cross_entropy", 2), "not a regression task; expected mse"),
        (("regression", "sigmoid", "binary_cross_entropy", 2), "not a regression task; expected mse"),
        (("multilabel", "softmax", "cross_entropy", 3), "not a multilabel task"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_heads_that_make_no_sense_are_refused_with_the_reason(head, reason):
    assert reason in head_fault(*head)


SHARED = "shares probability 1 among classes; expected it with"
RATES = "works on logarithms of rates, and softmax is not what turns these into rates"
DECIDING = "mse or binary_cross_entropy or focal or hinge or squared_hinge"
OF_NUMBERS = "mse or mae or huber or log_cosh or poisson or gaussian_nll"
ONE_OUTPUT = "over one output is always 1 and learns nothing; expected sigmoid, or at least 2 classes"


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (("multiclass", "softmax", "mse", 3), f"softmax {SHARED} cross_entropy, found mse"),
        (
            ("multilabel", "softmin", "binary_cross_entropy", 3),
            f"softmin {SHARED} cross_entropy, found binary_cross_entropy",
        ),
        (("binary", "sparsemax", "mse", 1), f"sparsemax {SHARED} mse in a multiclass task, found mse"),
        (("binary", "softmax", "focal", 1), f"softmax {SHARED} cross_entropy, found focal"),
        (("multiclass", "softmin", "cross_entropy", 1), f"softmin {ONE_OUTPUT}"),
        (("multiclass", "sparsemax", "mse", 1), f"sparsemax {ONE_OUTPUT}"),
        (("multiclass", "softmax", "focal", 1), f"softmax {ONE_OUTPUT}"),
        (
            ("multiclass", "tanh", "focal", 3),
            "focal needs probabilities, and tanh may leave (0, 1); expected sigmoid or softmax",
        ),
        (
            ("multiclass", "softmax", "hinge", 3),
            "hinge holds scores of any size against a margin of 1, and softmax would bend them; expected identity",
        ),
        (
            ("regression", "softmax", "poisson", 1),
            f"poisson {RATES}; expected exponential",
        ),
        (
            ("multiclass", "log_softmax", "mse", 2),
            "log_softmax stays below 0 and never comes near a target of 1; expected softmax",
        ),
        (
            ("regression", "log_softmax", "mse", 2),
            "log_softmax gives logarithms of shares, not numbers of their own; expected identity",
        ),
        (
            ("multilabel", "sigmoid", "cross_entropy", 2),
            f"cross_entropy is for multiclass tasks, not a multilabel task; expected {DECIDING}",
        ),
        (
            ("regression", "identity", "focal", 2),
            f"focal is for binary, multiclass and multilabel tasks, not a regression task; expected {OF_NUMBERS}",
        ),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_is_said_of_a_head_that_makes_no_sense(head, sentence):
    assert head_fault(*head) == sentence


@pytest.mark.parametrize(
    ("task", "loss", "activation"),
    [
        ("binary", "focal", "sigmoid"),
        ("multiclass", "focal", "softmax"),
        ("multiclass", "hinge", "identity"),
        ("multiclass", "binary_cross_entropy", "sigmoid"),
        ("regression", "poisson", "exponential"),
        ("regression", "huber", "identity"),
    ],
)
def test_a_loss_alone_implies_the_tasks_usual_activation_where_it_goes_with_it(task, loss, activation):
    assert implied_activation(task, loss) == activation


@pytest.mark.parametrize("task", OUTPUTS)
@pytest.mark.parametrize("outputs", [None, 2])
def test_each_tasks_own_head_makes_sense(task, outputs):
    assert head_fault(task, *DEFAULT_HEADS[task], outputs) is None


# What shares 1 among classes is for classes; a logarithm of a probability never reaches 1.
NOT_FOR_SQUARES = {
    *product(OUTPUTS, ("softmax", "softmin", "log_softmax")),
    *product(("binary", "multilabel", "regression"), ("sparsemax",)),
    *product(("binary", "multiclass", "multilabel"), ("log_sigmoid",)),
}


@pytest.mark.parametrize("activation", [*LAST, *NARROWING])
@pytest.mark.parametrize("task", OUTPUTS)
def test_squared_error_goes_with_every_activation_that_can_be_trained_towards_the_tasks_targets(task, activation):
    assert (head_fault(task, activation, "mse", 2) is None) == ((task, activation) not in NOT_FOR_SQUARES)


def test_every_pair_that_was_worked_out_can_be_chosen():
    assert {*FUSED, *TEXTBOOK, *CLASSES} <= {(activation, loss) for _, activation, loss, _ in HEADS}
    assert set(CLASSES) <= {(activation, loss) for task, activation, loss, _ in HEADS if task == "multiclass"}


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_no_accepted_head_gives_a_nan_on_moderate_logits(head):
    task, activation, loss, logits = head
    fused = worked_out(task, activation, loss, logits=logits)
    ended = with_defaults(fused or unfused(loss), loss, task)
    z = np.random.default_rng(7).normal(0, 3, (1, 6, OUTPUTS[task] * ended.per_output))
    y = targets(task, 6, np.random.default_rng(8))
    if fused:
        a = outputs_of(ended, z)
    else:
        entry, a = ACTIVATIONS[activation], np.empty_like(z)
        entry.value(z, a, **{p.name: p.default for p in entry.parameters})
        z = a
    assert np.isfinite(ended.losses(z, y)).all()
    assert np.isfinite(gradient_of(ended, z, a, y)).all()


def test_the_outputs_of_fused_heads_are_the_activations():
    z = np.random.default_rng(9).normal(size=(2, 3, 4))
    for pair in (SIGMOID, SOFTMAX):
        expected = np.empty_like(z)
        ACTIVATIONS[pair[0]].value(z, expected)
        np.testing.assert_array_equal(outputs_of(FUSED[pair], z), expected)
