"""Layouts, a network worked out by hand, and the evaluation of whole splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import HEADS, experiment, layer_lists, network_of, setup_for, targets

from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import FUSED, unfused
from nnlab.networks import evaluator as evaluator_module
from nnlab.networks.evaluator import Evaluator
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layout import Layout, ParameterSpec, Penalties
from nnlab.networks.network import Network, Pass

BINARY = next(head for head in HEADS if head[:3] == ("binary", "sigmoid", "binary_cross_entropy"))
REGRESSION = next(head for head in HEADS if head[:2] == ("regression", "identity"))


def plain_dense(name, width):
    zeros = INITIALIZERS["zeros"]
    return Dense(name, width, zeros, {}, zeros, {})


# --- Layout -----------------------------------------------------------------------------------------------------------


def test_layers_are_numbered_kind_by_kind_and_lie_one_after_the_other():
    prelu = {"name": "prelu", "per_unit": True}
    layers = [4, {"activation": "tanh"}, {"dense": 2, "activation": prelu}, {"dense": 5, "activation": "identity"}]
    network = network_of(BINARY, layers, activation="prelu")
    assert [(s.name, s.shape) for s in network.layout.specs] == [
        ("dense1/weights", (3, 4)),
        ("dense1/bias", (4,)),
        ("prelu1/alpha", (1,)),
        ("dense2/weights", (4, 2)),
        ("dense2/bias", (2,)),
        ("prelu2/alpha", (2,)),
        ("dense3/weights", (2, 5)),
        ("dense3/bias", (5,)),
        ("dense4/weights", (5, 1)),
        ("dense4/bias", (1,)),
    ]
    assert [layer.name for layer in network.layers] == [
        "dense1",
        "prelu1",
        "tanh1",
        "dense2",
        "prelu2",
        "dense3",
        "dense4",
    ]
    assert network.widths == (3, 4, 4, 4, 2, 2, 5, 1)
    places = list(network.layout.places.values())
    assert [place.start for place in places] == [0, *(place.stop for place in places[:-1])]
    assert places[-1].stop == network.layout.size


def test_a_last_activation_that_is_not_fused_is_a_layer():
    tanh_head = next(head for head in HEADS if head[:3] == ("regression", "tanh", "mse"))
    network = network_of(tanh_head, [4], activation="tanh")
    assert [layer.name for layer in network.layers] == ["dense1", "tanh1", "dense2", "tanh2"]
    assert network.widths[-1] == 2


def test_views_share_thetas_memory():
    layout = Layout([ParameterSpec("a/weights", (2, 3)), ParameterSpec("a/bias", (3,)), ParameterSpec("p/alpha", (1,))])
    theta = np.zeros((4, layout.size))
    views = layout.views(theta)
    assert {name: view.shape for name, view in views.items()} == {
        "a/weights": (4, 2, 3),
        "a/bias": (4, 3),
        "p/alpha": (4, 1),
    }
    assert all(np.shares_memory(view, theta) for view in views.values())
    views["a/weights"][2, 1, 0] = 7
    views["a/bias"][1] = 8
    assert np.argwhere(theta == 7).tolist() == [[2, 3]]
    assert np.argwhere(theta == 8).tolist() == [[1, 6], [1, 7], [1, 8]]
    theta[3, -1] = 9
    assert views["p/alpha"][3, 0] == 9


@given(layer_lists())
def test_labels_and_columns_are_inverse(layers):
    layout = network_of(BINARY, layers).layout
    theta = np.arange(layout.size, dtype=float)[None]
    labels = [layout.label(column) for column in range(layout.size)]
    assert [layout.column(label) for label in labels] == list(range(layout.size))
    assert len(set(labels)) == layout.size
    for name, view in layout.views(theta).items():
        for index in np.ndindex(view.shape[1:]):
            assert layout.column(f"{name}[{','.join(map(str, index))}]") == view[0][index]


@pytest.mark.parametrize(
    "label",
    [
        "", "a/weights", "a/weights[2,0]", "a/weights[0,3]", "a/weights[0]", "a/weights[0,0,0]", "a/weights[-1,0]",
        "b/weights[0,0]", "a/weights[0, 0]", "a/weights[]", "a/weights[0,0] ", "val/loss",
    ],
)  # fmt: skip
def test_labels_that_name_nothing(label):
    assert Layout([ParameterSpec("a/weights", (2, 3))]).column(label) is None


@pytest.mark.parametrize("column", [-1, 6, 100])
def test_columns_that_do_not_exist(column):
    with pytest.raises(IndexError, match=f"theta has 6 columns, not {column}"):
        Layout([ParameterSpec("a/weights", (2, 3))]).label(column)


def test_a_layout_of_nothing():
    layout = Layout([])
    assert (layout.size, layout.views(np.empty((2, 0))), layout.coefficients("l2", np.float64)) == (0, {}, None)


def test_penalties_lie_where_their_stretch_lies():
    first, second = Penalties(l2=0.5), Penalties(l1=0.125, l2=0.25)
    layout = Layout(
        [
            ParameterSpec("a/weights", (2, 1), first),
            ParameterSpec("a/bias", (1,)),
            ParameterSpec("b/weights", (1, 1), second),
        ]
    )
    for penalty, expected in (("l2", [0.5, 0.5, 0, 0.25]), ("l1", [0, 0, 0, 0.125])):
        found = layout.coefficients(penalty, np.float32)
        assert (found.tolist(), found.dtype) == (expected, np.float32)
    assert layout.decayed(np.float32).tolist() == [1, 1, 0, 1]


# --- By hand ----------------------------------------------------------------------------------------------------------

# A 2-2-1 network, relu between. For x = (1, 2):
#   z1 = (1·1 + 2·0.5 + 0, 1·(-1) + 2·0.25 + 1) = (2, 0.5), so a1 = z1 and z2 = 2·0.5 + 0.5·(-2) + 1 = 1.
# For x = (-1, 0): z1 = (-1, 2), a1 = (0, 2) and z2 = 0 - 4 + 1 = -3.
W1, B1, W2, B2 = [[1, -1], [0.5, 0.25]], [0, 1], [[0.5], [-2]], [1]
X = np.array([[[1.0, 2.0], [-1.0, 0.0]]])


def worked(dtype=np.float64):
    """The network under squared error, its theta, gradient and pass over both samples."""
    relu = network_of(BINARY, [2], inputs=2, activation="relu").layers[1]
    network = Network((2,), (plain_dense("dense1", 2), relu, plain_dense("dense2", 1)), unfused("mse"))
    theta = network.start([0], dtype)
    for name, values in (("dense1/weights", W1), ("dense1/bias", B1), ("dense2/weights", W2), ("dense2/bias", B2)):
        network.layout.views(theta)[name][0] = values
    gradient = np.full_like(theta, np.nan)
    return network, theta, gradient, Pass(network, theta, gradient, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_error_by_hand(dtype):
    network, theta, gradient, tied = worked(dtype)
    x, y = X.astype(dtype), np.array([[[3.0], [1.0]]], dtype)
    assert tied.forward(x).tolist() == [[[1], [-3]]]
    assert tied.loss(y).tolist() == [(4 + 16) / 2]
    tied.backward(y)
    # dz2 = 2 (a - y) / 2 = (-2, -4); dW2 = a1ᵀ dz2; dz1 = dz2 W2ᵀ where z1 > 0: (-1, 4) and (0, 8); dW1 = xᵀ dz1.
    views = network.layout.views(gradient)
    assert views["dense2/weights"].tolist() == [[[-4], [-9]]]
    assert views["dense2/bias"].tolist() == [[-6]]
    assert views["dense1/weights"].tolist() == [[[-1, 4 - 8], [-2, 8]]]
    assert views["dense1/bias"].tolist() == [[-1, 12]]
    assert gradient.dtype == theta.dtype == dtype


def test_a_sigmoid_head_by_hand():
    network, theta, gradient, _ = worked()
    network = Network((2,), network.layers, FUSED["sigmoid", "binary_cross_entropy"])
    tied = Pass(network, theta, gradient, 2)
    y = np.array([[[1.0], [0.0]]])
    likely, unlikely = 1 / (1 + np.exp(-1)), np.exp(-3) / (1 + np.exp(-3))
    np.testing.assert_allclose(tied.forward(X).ravel(), [likely, unlikely], rtol=1e-15)
    assert tied.loss(y)[0] == pytest.approx(-(np.log(likely) + np.log(1 - unlikely)) / 2, rel=1e-14)
    tied.backward(y)
    # dz2 = (a - y) / 2; the rest as above.
    first, second = (likely - 1) / 2, unlikely / 2
    views = network.layout.views(gradient)
    np.testing.assert_allclose(views["dense2/weights"].ravel(), [2 * first, 0.5 * first + 2 * second], rtol=1e-14)
    np.testing.assert_allclose(views["dense2/bias"].ravel(), [first + second], rtol=1e-14)
    np.testing.assert_allclose(views["dense1/bias"].ravel(), [0.5 * first, -2 * first - 2 * second], rtol=1e-14)
    by_hand = [[0.5 * first, -2 * first + 2 * second], [first, -4 * first]]
    np.testing.assert_allclose(views["dense1/weights"][0], by_hand, rtol=1e-14)


def test_an_activation_alone_is_a_network():
    network = Network((2,), (network_of(BINARY, [2], activation="prelu").layers[1],), unfused("mse"))
    theta = network.start([0, 1], np.float64)
    assert theta.tolist() == [[0.25], [0.25]]
    gradient = np.empty_like(theta)
    tied = Pass(network, theta, gradient, 1)
    x, y = np.array([[[-4.0, 2.0]]]), np.array([[[0.0, 0.0]]])
    assert tied.forward(x).tolist() == [[[-1, 2]]] * 2
    tied.backward(y)
    assert gradient.tolist() == [[4], [4]]  # 2 (a - y) / 2 · min(z, 0) = -1 · -4


def test_a_pass_follows_theta_as_it_changes_in_place():
    _, theta, _, tied = worked()
    before = tied.forward(X).copy()
    theta[:, -1] += 10  # the last bias
    np.testing.assert_array_equal(tied.forward(X), before + 10)


def test_gradients_are_written_anew_and_not_added_up():
    _, _, gradient, tied = worked()
    y = np.zeros((1, 2, 1))
    found = []
    for _ in range(2):
        tied.forward(X)
        tied.backward(y)
        found.append(gradient.tolist())
    assert found[0] == found[1]


def test_inputs_and_targets_stay_as_they_were():
    _, _, _, tied = worked()
    x, y = X.copy(), np.ones((1, 2, 1))
    tied.forward(x)
    tied.loss(y)
    tied.backward(y)
    np.testing.assert_array_equal(x, X)
    assert (y == 1).all()


def test_operations_of_a_step_by_hand():
    # 3-4-1: forward, dW and dx of 2 · 10 · (12 + 4) each, without dx of the first layer
    assert network_of(BINARY, [4]).operations(10) == 3 * 2 * 10 * 16 - 2 * 10 * 12


def test_the_first_layer_hands_no_derivative_down_whatever_stands_before_the_first_weights():
    """Noise before it makes the first dense layer the second layer, and its dL/dx is worked out."""
    noisy = network_of(BINARY, [{"noise": 0.1}, {"dense": 4}])
    assert noisy.operations(10) == 3 * 2 * 10 * 16


def test_the_workspace_of_a_step_by_hand():
    # 3-4-1: of 10 rows the first dense layer has outputs and the bias written out, 4 each; relu outputs and slopes, 4
    # each; the last one 1 each and dL/dx for its 4 inputs; the head outputs and dL/dz.
    assert network_of(BINARY, [4], activation="relu").workspace(10, 4) == 10 * 4 * (8 + 8 + 2 + 4 + 2)


def test_a_layer_is_given_a_shape_and_gives_one():
    zeros = INITIALIZERS["zeros"]
    network = Network((2, 3, 1), (Dropout("dropout1", 0.5), Dense("dense1", 4, zeros, {}, zeros, {})), unfused("mse"))
    assert network.shapes == ((2, 3, 1), (2, 3, 1), (4,))
    assert (network.inputs, network.widths, network.layout.specs[0].shape) == (6, (6, 6, 4), (6, 4))


# --- Whole splits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [BINARY, REGRESSION], ids=["binary", "regression"])
@pytest.mark.parametrize("block", [1, 7, 23, 40])
@pytest.mark.parametrize("shared", [True, False])
def test_evaluation_in_blocks_is_that_of_the_whole(head, block, shared, monkeypatch):
    monkeypatch.setattr(evaluator_module, "EVALUATION_ROWS", block)
    network, rows, rng = network_of(head, [4], activation="tanh"), 23, np.random.default_rng(3)
    theta = network.start([1, 2, 3], np.float64)
    x = rng.normal(size=(1 if shared else 3, rows, 3))
    y = np.concatenate([targets(head[0], rows, rng) for _ in x])
    outputs, loss = Evaluator(network, theta).outputs_and_loss(x, y)
    whole = Pass(network, theta, None, rows)
    np.testing.assert_allclose(outputs, whole.forward(x), rtol=1e-13, atol=1e-14)  # sums of terms of about 1
    np.testing.assert_allclose(loss, whole.loss(y), rtol=1e-13)


def test_evaluation_beyond_one_block_and_without_targets():
    network, rows = network_of(BINARY, [4]), evaluator_module.EVALUATION_ROWS + 1
    theta = network.start([1], np.float32)
    x = np.random.default_rng(4).normal(size=(1, rows, 3)).astype(np.float32)
    evaluator = Evaluator(network, theta)
    outputs, loss = evaluator.outputs_and_loss(x, None)
    assert loss is None
    assert (outputs.shape, outputs.dtype) == ((1, rows, 1), np.float32)
    last, _ = evaluator.outputs_and_loss(x[:, -1:], None)
    np.testing.assert_array_equal(outputs[:, -1:], last)
    theta[...] = 0
    assert (evaluator.outputs_and_loss(x, None)[0] == 0.5).all()
    assert (outputs != 0.5).any()  # earlier outputs are not overwritten


# --- What ranks the outputs -------------------------------------------------------------------------------------------

RANKED = [head for head in HEADS if head[0] != "regression"]


def evaluated(network, theta, x):
    scores = np.empty((len(theta), x.shape[1], network.outputs), theta.dtype)
    outputs, _ = Evaluator(network, theta).outputs_and_loss(x, None, scores)
    return outputs, scores


def in_order(outputs, scores):
    """Whether of each two along the last axis the one with the larger output has the larger score."""
    larger = outputs[..., :, None] > outputs[..., None, :]
    return bool((scores[..., :, None] > scores[..., None, :])[larger].all())


@pytest.mark.parametrize("head", RANKED, ids=str)
def test_scores_are_in_the_order_of_the_outputs(head):
    network, x = network_of(head, [4]), np.random.default_rng(1).normal(size=(1, 30, 3))
    theta = network.start([1, 2], np.float64)
    outputs, scores = evaluated(network, theta, x)
    if not network.has_scores:
        np.testing.assert_array_equal(scores, outputs)
    elif head[1] in ("softmax", "softmin") or (head[0] == "multiclass" and network.head.outputs is not None):
        assert in_order(outputs, scores)  # the classes of a row
    else:
        assert in_order(outputs.mT, scores.mT)  # the rows of each output
        assert not in_order(outputs.mT, -scores.mT)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("activation", "loss", "logits"),
    [
        ("sigmoid", "binary_cross_entropy", True),
        ("sigmoid", "binary_cross_entropy", False),
        ("sigmoid", "focal", True),
        ("identity", "hinge", True),
        ("sigmoid", "mse", True),
        ("tanh", "mse", True),
    ],
)
def test_saturated_outputs_have_scores_that_differ(activation, loss, logits, dtype):
    """As the logits do: 40 of them from 150 on, where every sigmoid is exactly 1."""
    network = network_of(("binary", activation, loss, logits), None, inputs=1)
    theta = np.array([[1, 150]], dtype)
    x = np.random.default_rng(2).permutation(40).astype(dtype)[None, :, None]
    outputs, scores = evaluated(network, theta, x)
    assert (outputs == 1).all()
    np.testing.assert_array_equal(scores, x + 150)


def test_heads_without_a_monotone_last_activation_are_ranked_by_their_outputs():
    by_outputs = {head[1] for head in RANKED if not network_of(head, [4]).has_scores}
    assert {"sin", "gaussian", "silu", "relu", "hard_sigmoid", "sparsemax"} <= by_outputs
    assert not by_outputs & {"sigmoid", "tanh", "softmax", "softmin", "softplus"}


def test_a_last_layer_that_learns_is_ranked_by_its_outputs():
    """Its parameters may turn the order round, and unit by unit."""
    learned = {"activation": {"name": "elu", "alpha": 1.0, "learn": ["alpha"]}}
    fixed = {"activation": {"name": "elu", "alpha": 1.0}}
    head = {"activation": "identity", "loss": "mse", "dense": False}
    found = [
        setup_for(experiment(network={"layers": [{"dense": 1, "activation": "identity"}, last], "head": head})).network
        for last in (learned, fixed)
    ]
    assert [network.has_scores for network in found] == [False, True]


# --- Losses of whole splits -------------------------------------------------------------------------------------------


def test_losses_of_whole_splits_are_float64():
    network = network_of(BINARY, [4])
    x, y = np.ones((1, 5, 3), np.float32), np.ones((1, 5, 1), np.float32)
    _, loss = Evaluator(network, network.start([1, 2], np.float32)).outputs_and_loss(x, y)
    assert (loss.shape, loss.dtype) == ((2,), np.float64)


@given(st.integers(1, 3), st.integers(1, 6), layer_lists())
def test_outputs_have_a_row_for_each_sample_and_replica(replicas, rows, layers):
    network = network_of(BINARY, layers)
    theta = network.start(range(replicas), np.float32)
    with np.errstate(all="ignore"):  # exponentials of exponentials
        outputs = Pass(network, theta, None, rows).forward(np.ones((1, rows, 3), np.float32))
    assert (outputs.shape, outputs.dtype) == ((replicas, rows, 1), np.float32)
