"""Each kind of layer by itself, by hand or with plain NumPy: values, gradients, running statistics, noise."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.randomness import Purpose, stream
from nnlab.networks.layers.base import Buffers, Identity, PassContext
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.noise import Noise
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layout import Layout

RNG = np.random.default_rng(5)
X = RNG.normal(3, 2, (1, 6, 4))
DY = RNG.normal(size=(1, 6, 4))
EPSILON = 0.5  # large enough to be seen


class Bound:
    """A layer of 4 inputs bound to arrays of its own: `parameters`, `gradients` and `running`, each by its last name.

    What goes in and comes out has an axis of replicas; within, one replica goes without, as in a pass.
    """

    def __init__(self, layer, context, *, rows=6, replicas=1, dtype=np.float64):
        self.layer, self.has_one_replica = layer, replicas == 1
        layout, statistics = Layout(layer.parameter_specs((4,))), Layout(layer.statistic_specs((4,)))
        theta, gradient = np.empty((replicas, layout.size), dtype), np.full((replicas, layout.size), np.nan, dtype)
        kept = statistics.fills(replicas, dtype)
        named = [layout.views(theta), layout.views(gradient), statistics.views(kept)]
        for name, values in layer.start((4,), np.zeros).items():
            named[0][name][:] = values
        self.parameters, self.gradients, self.running = (
            {name.rpartition("/")[2]: view for name, view in views.items()} for views in named
        )
        inner = [{name: self.inner(view) for name, view in views.items()} for views in named]
        outputs = self.inner(np.empty((replicas, rows, *layer.output_shape((4,))), dtype))
        self.bound = layer.bind(Buffers(*inner, outputs, context))

    def inner(self, values):
        return values[0] if self.has_one_replica else values

    def outer(self, values):
        return values[None] if self.has_one_replica else values

    def forward(self, x):
        return self.outer(self.bound.forward(self.inner(x)).copy())

    def backward(self, dy, *, wants_dx=True):
        dx = self.bound.backward(self.inner(dy), wants_dx=wants_dx)
        return None if dx is None else self.outer(dx)


def normalized(x, axis):
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + EPSILON)


def numeric(bound, x, dy):
    """dL/dx by central differences, L being the sum of y dy."""
    found = np.empty_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        found[place] = ((bound.forward(x + step) - bound.forward(x - step)) * dy).sum() / 2e-6
    return found


NORMALIZING = {"batch": (BatchNormalization("n", EPSILON, 0.1), -2), "layer": (LayerNormalization("n", EPSILON), -1)}
EACH = pytest.mark.parametrize(("layer", "axis"), NORMALIZING.values(), ids=NORMALIZING)

# --- Normalisation ----------------------------------------------------------------------------------------------------


@EACH
def test_normalisation_starts_without_a_scale_and_a_shift(layer, axis):
    bound = Bound(layer, PassContext([0], learns=False))
    assert (bound.parameters["gamma"] == 1).all()
    assert (bound.parameters["beta"] == 0).all()
    np.testing.assert_allclose(bound.forward(X), normalized(X, axis), rtol=1e-13)


@EACH
def test_normalised_values_are_scaled_and_shifted_unit_by_unit(layer, axis):
    bound = Bound(layer, PassContext([0], learns=False))
    bound.parameters["gamma"][:], bound.parameters["beta"][:] = [1, 2, -3, 0.5], [0, 1, 2, -4]
    expected = normalized(X, axis) * [1, 2, -3, 0.5] + [0, 1, 2, -4]
    np.testing.assert_allclose(bound.forward(X), expected, rtol=1e-12)
    dx = bound.backward(DY)
    np.testing.assert_allclose(bound.gradients["gamma"], (DY * normalized(X, axis)).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(bound.gradients["beta"], DY.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(dx, numeric(bound, X, DY), rtol=1e-6, atol=1e-8)


@EACH
def test_the_gradient_by_inputs_that_nobody_wants_is_not_worked_out(layer, axis):
    bound = Bound(layer, PassContext([0], learns=False))
    bound.forward(X)
    assert bound.backward(DY, wants_dx=False) is None
    np.testing.assert_allclose(bound.gradients["gamma"], (DY * normalized(X, axis)).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, 0.25])
def test_running_statistics_move_towards_the_batchs_mean_and_the_populations_variance(momentum):
    bound = Bound(BatchNormalization("n", EPSILON, momentum), PassContext([0]))
    mean, variance = np.zeros(4), np.ones(4)
    for x in (X, X * 2 + 1, X - 5):
        bound.forward(x)
        mean = (1 - momentum) * mean + momentum * x[0].mean(axis=0)
        variance = (1 - momentum) * variance + momentum * x[0].var(axis=0, ddof=1)
        np.testing.assert_allclose(bound.running["mean"][0], mean, rtol=1e-13)
        np.testing.assert_allclose(bound.running["variance"][0], variance, rtol=1e-13)


def test_running_statistics_are_each_replicas_own():
    bound = Bound(BatchNormalization("n", EPSILON, 0.25), PassContext([0, 1]), replicas=2)
    bound.forward(np.concatenate([X, X + 8]))
    np.testing.assert_allclose(bound.running["mean"], [0.25 * X[0].mean(axis=0), 0.25 * (X[0].mean(axis=0) + 8)])


def test_a_batch_of_one_row_has_no_variance_and_moves_no_running_statistics():
    bound = Bound(BatchNormalization("n", EPSILON, 0.25), PassContext([0]), rows=1)
    assert (bound.forward(X[:, :1]) == 0).all()
    assert (bound.running["mean"] == 0).all()
    assert (bound.running["variance"] == 1).all()


def test_two_rows_estimate_the_populations_variance_with_one_degree_of_freedom():
    bound = Bound(BatchNormalization("n", EPSILON, 0.25), PassContext([0]), rows=2)
    bound.forward(X[:, :2])
    expected = 0.75 + 0.25 * (X[0, 0] - X[0, 1]) ** 2 / 2
    np.testing.assert_allclose(bound.running["variance"][0], expected, rtol=1e-13)


def test_a_gradient_check_leaves_running_statistics_alone():
    bound = Bound(BatchNormalization("n", EPSILON, 0.1), PassContext([0], learns=False))
    bound.forward(X)
    assert (bound.running["mean"] == 0).all()
    assert (bound.running["variance"] == 1).all()


def test_an_evaluation_normalises_with_the_running_statistics():
    bound = Bound(BatchNormalization("n", EPSILON, 0.1), PassContext())
    bound.parameters["gamma"][:], bound.parameters["beta"][:] = [1, 2, -3, 0.5], [0, 1, 2, -4]
    bound.running["mean"][:], bound.running["variance"][:] = [1, 2, 3, 4], [0.5, 8.5, 3.5, 15.5]
    expected = (X - [1, 2, 3, 4]) / [1, 3, 2, 4] * [1, 2, -3, 0.5] + [0, 1, 2, -4]
    np.testing.assert_allclose(bound.forward(X), expected, rtol=1e-13)
    assert bound.running["mean"].tolist() == [[1, 2, 3, 4]]
    for ask in (lambda: bound.backward(DY), bound.bound.forward_mode):
        with pytest.raises(NotImplementedError):
            ask()


def test_layer_normalisation_is_the_same_in_training_and_evaluation():
    layer = LayerNormalization("n", EPSILON)
    assert layer.statistic_specs((4,)) == ()
    np.testing.assert_array_equal(Bound(layer, PassContext([0])).forward(X), Bound(layer, PassContext()).forward(X))


# --- Noise ------------------------------------------------------------------------------------------------------------


def generator(seed, step=0):
    return stream(seed, Purpose.NOISE, zlib.crc32(b"d"), step)


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_dropout_drops_a_share_and_enlarges_the_rest(rate):
    context = PassContext([3])
    bound = Bound(Dropout("d", rate), context)
    mask = np.where(generator(3).random((6, 4)) >= rate, 1 / (1 - rate), 0)
    np.testing.assert_allclose(bound.forward(X), X * mask, rtol=1e-15)
    np.testing.assert_allclose(bound.backward(DY), DY * mask, rtol=1e-15)
    assert bound.backward(DY, wants_dx=False) is None
    context.step = 1  # another step, another mask
    assert (bound.forward(X) != X * mask).any()
    np.testing.assert_array_equal(bound.forward(X)[0] != 0, generator(3, 1).random((6, 4)) >= rate)


def test_gaussian_noise_is_added_and_passes_the_gradient():
    bound = Bound(Noise("d", 0.5), PassContext([3]))
    np.testing.assert_allclose(bound.forward(X), X + 0.5 * generator(3).standard_normal((6, 4)), rtol=1e-14)
    assert bound.bound.backward(DY[0], wants_dx=True).base is DY
    assert bound.backward(DY, wants_dx=False) is None


@pytest.mark.parametrize("layer", [Dropout("d", 0.5), Noise("d", 0.5)], ids=["dropout", "noise"])
def test_each_replica_has_the_noise_of_its_seed(layer):
    both = Bound(layer, PassContext([3, 8]), replicas=2).forward(X)
    for replica, seed in enumerate((3, 8)):
        np.testing.assert_array_equal(both[replica], Bound(layer, PassContext([seed])).forward(X)[0])
    single = Bound(layer, PassContext([3]), dtype=np.float32).forward(X.astype(np.float32))
    assert single.dtype == np.float32


@pytest.mark.parametrize(
    ("layer", "context"),
    [
        (Dropout("d", 0.5), PassContext()),
        (Noise("d", 0.5), PassContext()),
        (Dropout("d", 0.0), PassContext([0])),
        (Noise("d", 0.0), PassContext([0])),
    ],
    ids=["dropout evaluates", "noise evaluates", "dropout of nothing", "noise of nothing"],
)
def test_without_noise_a_layer_is_not_there(layer, context):
    bound = Bound(layer, context)
    assert isinstance(bound.bound, Identity)
    assert bound.bound.forward(X) is X
    assert bound.bound.backward(DY, wants_dx=True) is DY
    assert bound.backward(DY, wants_dx=False) is None
    assert (
        layer.parameter_specs((4,)),
        layer.start((4,), np.zeros),
        layer.statistic_specs((4,)),
        layer.output_shape((4,)),
    ) == ((), {}, (), (4,))


# --- Dense and row activations ----------------------------------------------------------------------------------------


def dense(width, dtype, replicas):
    zeros = INITIALIZERS["zeros"]
    bound = Bound(Dense("d", width, zeros, {}, zeros, {}), PassContext([0] * replicas), replicas=replicas, dtype=dtype)
    rng = np.random.default_rng(6)
    for view in bound.parameters.values():
        view[...] = rng.normal(size=view.shape)
    return bound


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_dense_layer_is_a_product_and_a_shift(width, dtype, replicas):
    bound, x = dense(width, dtype, replicas), X.astype(dtype)
    dy = np.random.default_rng(7).normal(size=(replicas, 6, width)).astype(dtype)
    W, b = bound.parameters["weights"], bound.parameters["bias"]
    near = {"rtol": 1e-13, "atol": 1e-13} if dtype is np.float64 else {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(bound.forward(x), np.einsum("osi,riu->rsu", x, W) + b[:, None, :], **near)
    np.testing.assert_allclose(bound.backward(dy), np.einsum("rsu,riu->rsi", dy, W), **near)
    np.testing.assert_allclose(bound.gradients["weights"], np.einsum("osi,rsu->riu", x, dy), **near)
    np.testing.assert_allclose(bound.gradients["bias"], dy.sum(axis=1), **near)
    assert bound.backward(dy, wants_dx=False) is None


def test_one_unit_in_float64_is_a_sum_of_rounded_products():
    """BLAS would add unrounded products, or in an order of its own, which shows in the last digit of some rows."""
    zeros = INITIALIZERS["zeros"]
    bound = Bound(Dense("d", 1, zeros, {}, zeros, {}), PassContext([0]), rows=500)
    W, x = np.array([0.3, -1.7, 0.9, 1.1]), np.random.default_rng(8).normal(size=(1, 500, 4))
    bound.parameters["weights"][0, :, 0] = W
    one, two, three, four = (x[0] * W).T  # each product rounded
    np.testing.assert_array_equal(bound.forward(x)[0, :, 0], ((one + two) + three) + four)


def test_a_bias_sees_one_input():
    layer = Dense("d", 3, INITIALIZERS["zeros"], {}, INITIALIZERS["lecun_uniform"], {})
    drawn = layer.start((4,), lambda shape: lambda _kind: np.ones(shape))
    np.testing.assert_allclose(drawn["d/bias"], [3**0.5] * 3)  # uniform up to √(3 / inputs), where all draws are 1


def test_draws_differ_from_row_to_row():
    chosen = {"lower": 0.1, "upper": 0.3}
    bound = Bound(Elementwise("r", ACTIVATIONS["rrelu"], chosen), PassContext([0]))
    y = bound.forward(np.full((1, 6, 4), -1.0))
    assert np.unique(y).size == 6 * 4


def test_a_learned_parameter_is_one_number_unless_each_unit_has_its_own():
    layer = Elementwise("a", ACTIVATIONS["prelu"], {"alpha": 0.25}, ("alpha",))
    assert [s.shape for s in layer.parameter_specs((4,))] == [(1,)]
    assert [s.shape for s in replace(layer, per_unit=True).parameter_specs((4,))] == [(4,)]


def test_a_row_activation_gives_no_gradient_that_nobody_wants():
    bound = Bound(Rowwise("s", ACTIVATIONS["softmax"], {}), PassContext([0]))
    np.testing.assert_allclose(bound.forward(X), np.exp(X) / np.exp(X).sum(axis=-1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(bound.backward(DY), numeric(bound, X, DY), rtol=1e-5, atol=1e-8)
    assert bound.backward(DY, wants_dx=False) is None
    assert (
        bound.layer.parameter_specs((4,)),
        bound.layer.start((4,), np.zeros),
        bound.layer.statistic_specs((4,)),
    ) == ((), {}, ())
