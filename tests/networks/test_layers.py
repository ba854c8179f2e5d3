"""Each kind of layer by itself, by hand or with plain NumPy: values, gradients, running statistics, noise."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.randomness import Purpose, stream
from nnlab.networks.layers.activation_layers import Elementwise, Rowwise
from nnlab.networks.layers.dense import Buffers, Dense, PassContext
from nnlab.networks.layers.noise_layers import Dropout, Identity, Noise
from nnlab.networks.layers.normalization import BatchNormalization, LayerNormalization
from nnlab.networks.layout import Layout

RNG = np.random.default_rng(5)
X = RNG.normal(3, 2, (1, 6, 4))
DY = RNG.normal(size=(1, 6, 4))
EPSILON = 0.5  # large enough to be seen


class Tied:
    """A layer of 4 inputs tied to arrays of its own: `parameters`, `gradients` and `running`, each by its last name."""

    def __init__(self, layer, context, *, rows=6, replicas=1, dtype=np.float64):
        self.layer = layer
        layout, statistics = Layout(layer.parameter_specs(4)), Layout(layer.running(4))
        theta, gradient = np.empty((replicas, layout.size), dtype), np.full((replicas, layout.size), np.nan, dtype)
        kept = statistics.fills(replicas, dtype)
        views, slopes, running = layout.views(theta), layout.views(gradient), statistics.views(kept)
        for name, values in layer.start(4, np.zeros).items():
            views[name][:] = values
        self.parameters, self.gradients, self.running = (
            {name.rpartition("/")[2]: view for name, view in named.items()} for named in (views, slopes, running)
        )
        buffer = np.empty((replicas, rows, layer.units(4)), dtype)
        self.bound = layer.bind(Buffers(views, slopes, running, buffer, context))

    def forward(self, x):
        return self.bound.forward(x).copy()

    def backward(self, dy, *, wants_dx=True):
        return self.bound.backward(dy, wants_dx=wants_dx)


def normalized(x, axis):
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + EPSILON)


def numeric(tied, x, dy):
    """dL/dx by central differences, L being the sum of y dy."""
    found = np.empty_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        found[place] = ((tied.forward(x + step) - tied.forward(x - step)) * dy).sum() / 2e-6
    return found


NORMALIZING = {"batch": (BatchNormalization("n", EPSILON, 0.1), -2), "layer": (LayerNormalization("n", EPSILON), -1)}
EACH = pytest.mark.parametrize(("layer", "axis"), NORMALIZING.values(), ids=NORMALIZING)

# --- Normalisation ----------------------------------------------------------------------------------------------------


@EACH
def test_normalisation_starts_without_a_scale_and_a_shift(layer, axis):
    tied = Tied(layer, PassContext([0], learns=False))
    assert (tied.parameters["gamma"] == 1).all()
    assert (tied.parameters["beta"] == 0).all()
    np.testing.assert_allclose(tied.forward(X), normalized(X, axis), rtol=1e-13)


@EACH
def test_normalised_values_are_scaled_and_shifted_unit_by_unit(layer, axis):
    tied = Tied(layer, PassContext([0], learns=False))
    tied.parameters["gamma"][:], tied.parameters["beta"][:] = [1, 2, -3, 0.5], [0, 1, 2, -4]
    expected = normalized(X, axis) * [1, 2, -3, 0.5] + [0, 1, 2, -4]
    np.testing.assert_allclose(tied.forward(X), expected, rtol=1e-12)
    dx = tied.backward(DY)
    np.testing.assert_allclose(tied.gradients["gamma"], (DY * normalized(X, axis)).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(tied.gradients["beta"], DY.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(dx, numeric(tied, X, DY), rtol=1e-6, atol=1e-8)


@EACH
def test_the_gradient_by_inputs_that_nobody_wants_is_not_worked_out(layer, axis):
    tied = Tied(layer, PassContext([0], learns=False))
    tied.forward(X)
    assert tied.backward(DY, wants_dx=False) is None
    np.testing.assert_allclose(tied.gradients["gamma"], (DY * normalized(X, axis)).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, 0.25])
def test_running_statistics_move_towards_the_batchs_mean_and_the_populations_variance(momentum):
    tied = Tied(BatchNormalization("n", EPSILON, momentum), PassContext([0]))
    mean, variance = np.zeros(4), np.ones(4)
    for x in (X, X * 2 + 1, X - 5):
        tied.forward(x)
        mean = (1 - momentum) * mean + momentum * x[0].mean(axis=0)
        variance = (1 - momentum) * variance + momentum * x[0].var(axis=0, ddof=1)
        np.testing.assert_allclose(tied.running["mean"][0], mean, rtol=1e-13)
        np.testing.assert_allclose(tied.running["variance"][0], variance, rtol=1e-13)


def test_running_statistics_are_each_replicas_own():
    tied = Tied(BatchNormalization("n", EPSILON, 0.25), PassContext([0, 1]), replicas=2)
    tied.forward(np.concatenate([X, X + 8]))
    np.testing.assert_allclose(tied.running["mean"], [0.25 * X[0].mean(axis=0), 0.25 * (X[0].mean(axis=0) + 8)])


def test_a_batch_of_one_row_has_no_variance():
    tied = Tied(BatchNormalization("n", EPSILON, 0.25), PassContext([0]), rows=1)
    assert (tied.forward(X[:, :1]) == 0).all()
    np.testing.assert_allclose(tied.running["mean"][0], 0.25 * X[0, 0], rtol=1e-13)
    assert (tied.running["variance"] == 0.75).all()


def test_two_rows_estimate_the_populations_variance_with_one_degree_of_freedom():
    tied = Tied(BatchNormalization("n", EPSILON, 0.25), PassContext([0]), rows=2)
    tied.forward(X[:, :2])
    expected = 0.75 + 0.25 * (X[0, 0] - X[0, 1]) ** 2 / 2
    np.testing.assert_allclose(tied.running["variance"][0], expected, rtol=1e-13)


def test_a_gradient_check_leaves_running_statistics_alone():
    tied = Tied(BatchNormalization("n", EPSILON, 0.1), PassContext([0], learns=False))
    tied.forward(X)
    assert (tied.running["mean"] == 0).all()
    assert (tied.running["variance"] == 1).all()


def test_an_evaluation_normalises_with_the_running_statistics():
    tied = Tied(BatchNormalization("n", EPSILON, 0.1), PassContext())
    tied.parameters["gamma"][:], tied.parameters["beta"][:] = [1, 2, -3, 0.5], [0, 1, 2, -4]
    tied.running["mean"][:], tied.running["variance"][:] = [1, 2, 3, 4], [0.5, 8.5, 3.5, 15.5]
    expected = (X - [1, 2, 3, 4]) / [1, 3, 2, 4] * [1, 2, -3, 0.5] + [0, 1, 2, -4]
    np.testing.assert_allclose(tied.forward(X), expected, rtol=1e-13)
    assert tied.running["mean"].tolist() == [[1, 2, 3, 4]]
    for ask in (lambda: tied.backward(DY), tied.bound.linear):
        with pytest.raises(NotImplementedError):
            ask()


def test_layer_normalisation_is_the_same_in_training_and_evaluation():
    layer = LayerNormalization("n", EPSILON)
    assert layer.running(4) == ()
    np.testing.assert_array_equal(Tied(layer, PassContext([0])).forward(X), Tied(layer, PassContext()).forward(X))


# --- Noise ------------------------------------------------------------------------------------------------------------


def generator(seed, step=0):
    return stream(seed, Purpose.NOISE, zlib.crc32(b"d"), step)


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_dropout_drops_a_share_and_enlarges_the_rest(rate):
    context = PassContext([3])
    tied = Tied(Dropout("d", rate), context)
    mask = np.where(generator(3).random((6, 4)) >= rate, 1 / (1 - rate), 0)
    np.testing.assert_allclose(tied.forward(X), X * mask, rtol=1e-15)
    np.testing.assert_allclose(tied.backward(DY), DY * mask, rtol=1e-15)
    assert tied.backward(DY, wants_dx=False) is None
    context.step = 1  # another step, another mask
    assert (tied.forward(X) != X * mask).any()
    np.testing.assert_array_equal(tied.forward(X)[0] != 0, generator(3, 1).random((6, 4)) >= rate)


def test_gaussian_noise_is_added_and_passes_the_gradient():
    tied = Tied(Noise("d", 0.5), PassContext([3]))
    np.testing.assert_allclose(tied.forward(X), X + 0.5 * generator(3).standard_normal((6, 4)), rtol=1e-14)
    assert tied.backward(DY) is DY
    assert tied.backward(DY, wants_dx=False) is None


@pytest.mark.parametrize("layer", [Dropout("d", 0.5), Noise("d", 0.5)], ids=["dropout", "noise"])
def test_each_replica_has_the_noise_of_its_seed(layer):
    both = Tied(layer, PassContext([3, 8]), replicas=2).forward(X)
    for replica, seed in enumerate((3, 8)):
        np.testing.assert_array_equal(both[replica], Tied(layer, PassContext([seed])).forward(X)[0])
    single = Tied(layer, PassContext([3]), dtype=np.float32).forward(X.astype(np.float32))
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
    tied = Tied(layer, context)
    assert isinstance(tied.bound, Identity)
    assert tied.bound.forward(X) is X
    assert tied.backward(DY) is DY
    assert tied.backward(DY, wants_dx=False) is None
    assert (layer.parameter_specs(4), layer.start(4, np.zeros), layer.running(4), layer.units(4)) == ((), {}, (), 4)


# --- Dense and row activations ----------------------------------------------------------------------------------------


def dense(width, dtype, replicas):
    zeros = INITIALIZERS["zeros"]
    tied = Tied(Dense("d", width, zeros, {}, zeros, {}), PassContext([0] * replicas), replicas=replicas, dtype=dtype)
    rng = np.random.default_rng(6)
    for view in tied.parameters.values():
        view[...] = rng.normal(size=view.shape)
    return tied


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_dense_layer_is_a_product_and_a_shift(width, dtype, replicas):
    tied, x = dense(width, dtype, replicas), X.astype(dtype)
    dy = np.random.default_rng(7).normal(size=(replicas, 6, width)).astype(dtype)
    W, b = tied.parameters["weights"], tied.parameters["bias"]
    near = {"rtol": 1e-13, "atol": 1e-13} if dtype is np.float64 else {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(tied.forward(x), np.einsum("osi,riu->rsu", x, W) + b[:, None, :], **near)
    np.testing.assert_allclose(tied.backward(dy), np.einsum("rsu,riu->rsi", dy, W), **near)
    np.testing.assert_allclose(tied.gradients["weights"], np.einsum("osi,rsu->riu", x, dy), **near)
    np.testing.assert_allclose(tied.gradients["bias"], dy.sum(axis=1), **near)
    assert tied.backward(dy, wants_dx=False) is None


def test_one_unit_in_float64_is_a_sum_of_rounded_products():
    """BLAS would add unrounded products, or in an order of its own, which shows in the last digit of some rows."""
    zeros = INITIALIZERS["zeros"]
    tied = Tied(Dense("d", 1, zeros, {}, zeros, {}), PassContext([0]), rows=500)
    W, x = np.array([0.3, -1.7, 0.9, 1.1]), np.random.default_rng(8).normal(size=(1, 500, 4))
    tied.parameters["weights"][0, :, 0] = W
    one, two, three, four = (x[0] * W).T  # each product rounded
    np.testing.assert_array_equal(tied.forward(x)[0, :, 0], ((one + two) + three) + four)


def test_a_bias_sees_one_input():
    layer = Dense("d", 3, INITIALIZERS["zeros"], {}, INITIALIZERS["lecun_uniform"], {})
    drawn = layer.start(4, lambda shape: lambda _kind: np.ones(shape))
    np.testing.assert_allclose(drawn["d/bias"], [3**0.5] * 3)  # uniform up to √(3 / inputs), where all draws are 1


def test_draws_differ_from_row_to_row():
    chosen = {"lower": 0.1, "upper": 0.3}
    tied = Tied(Elementwise("r", ACTIVATIONS["rrelu"], chosen), PassContext([0]))
    y = tied.forward(np.full((1, 6, 4), -1.0))
    assert np.unique(y).size == 6 * 4


def test_a_learned_parameter_is_one_number_unless_each_unit_has_its_own():
    layer = Elementwise("a", ACTIVATIONS["prelu"], {"alpha": 0.25}, ("alpha",))
    assert [s.shape for s in layer.parameter_specs(4)] == [(1,)]
    assert [s.shape for s in replace(layer, per_unit=True).parameter_specs(4)] == [(4,)]


def test_a_row_activation_gives_no_gradient_that_nobody_wants():
    tied = Tied(Rowwise("s", ACTIVATIONS["softmax"], {}), PassContext([0]))
    np.testing.assert_allclose(tied.forward(X), np.exp(X) / np.exp(X).sum(axis=-1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(tied.backward(DY), numeric(tied, X, DY), rtol=1e-5, atol=1e-8)
    assert tied.backward(DY, wants_dx=False) is None
    assert (tied.layer.parameter_specs(4), tied.layer.start(4, np.zeros), tied.layer.running(4)) == ((), {}, ())
