"""Layers of images against their definitions in plain NumPy, their derivatives against the exact ones, and their bits.

References go over pixels one by one, on images (m, channels, rows, columns): they share no code with the layers.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.gradients.planted_defects import act, dense
from nnlab.gradients.planted_image_defects import conv
from nnlab.gradients.point import examine
from nnlab.maths.losses import FUSED, unfused
from nnlab.networks.layers.augment import Augment, sources
from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.layers.flatten import Flatten
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.max_pool import MaxPooling
from nnlab.networks.layers.windows import Windows
from nnlab.networks.network import LayerShapeError, Network, Pass
from nnlab.networks.pieces import training_pass

SQUARES = unfused("mse")


def forward(layers, shape, x, seed=1, context=None):
    """The outputs of the layers for x (m, inputs), as (m, …), and the views of the theta that they have."""
    network = Network(shape, tuple(layers), SQUARES)
    theta = network.start([seed], np.float64)
    theta += np.random.default_rng(seed).normal(0, 0.3, theta.shape)
    (*_, last) = Pass(network, theta, None, len(x), context=context).forward_by_layer(x[None])
    views = {name: view[0] for name, view in network.layout.views(theta).items()}
    return last[0].copy(), views


def images(x, shape):
    """Flat rows as (m, channels, rows, columns)."""
    rows, columns, channels = shape
    return x.reshape(len(x), channels, rows, columns)


def windows_of(x, windows, shape):
    """The window at each place, as (row, column, pixels (m, channels, kernel rows, kernel columns))."""
    (high, wide), (step, stride) = windows.kernel, windows.stride
    (above, below), (left, right) = windows.margins(shape)
    padded = np.pad(images(x, shape), ((0, 0), (0, 0), (above, below), (left, right)))
    for row, top in enumerate(range(0, padded.shape[2] - high + 1, step)):
        for column, start in enumerate(range(0, padded.shape[3] - wide + 1, stride)):
            yield row, column, padded[:, :, top : top + high, start : start + wide]


@st.composite
def windowed(draw, *, padded=True):
    """Windows, the shape of an image that they fit into, and a number of samples."""
    kernel, stride = (draw(st.tuples(st.integers(1, 4), st.integers(1, 4))) for _ in range(2))
    margins = st.tuples(st.integers(0, 4), st.integers(0, 4))
    padding = draw(st.one_of(st.sampled_from(["valid", "same"]), margins)) if padded else "valid"
    margin = padding if isinstance(padding, tuple) else (0, 0)
    sizes = []
    for size, around in zip(kernel, margin, strict=True):
        least = 1 if padding == "same" else max(1, size - 2 * around)
        sizes.append(draw(st.integers(least, least + 5)))
    return Windows(kernel, stride, padding), (*sizes, draw(st.integers(1, 3))), draw(st.sampled_from([1, 2, 5]))


def rows_for(shape, m, seed=0):
    return np.random.default_rng(seed).normal(size=(m, math.prod(shape)))


# --- values -----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(windowed(), st.integers(1, 3))
def test_a_convolution_is_a_weighted_sum_over_each_window(case, filters):
    windows, shape, m = case
    x = rows_for(shape, m)
    layer = conv("c", windows.kernel, windows.stride, windows.padding, filters)
    y, views = forward([layer], shape, x)
    given = images(y, layer.output_shape(shape))
    W, b = views["c/weights"], views["c/bias"]
    places = 0
    for row, column, window in windows_of(x, windows, shape):
        for f in range(filters):
            expected = [sum((window[s] * W[..., f].transpose(2, 0, 1)).ravel()) + b[f] for s in range(m)]
            np.testing.assert_allclose(given[:, f, row, column], expected, rtol=1e-12, atol=1e-13)
        places += 1
    assert given.shape == (m, filters, given.shape[2], given.shape[3])
    assert places == given.shape[2] * given.shape[3]


@settings(deadline=None, max_examples=100)
@given(windowed(padded=False), st.sampled_from([(MaxPooling, np.max), (AveragePooling, np.mean)]))
def test_a_pool_is_the_largest_or_the_mean_of_each_window(case, kind):
    (layer, reduce), (windows, shape, m) = kind, case
    x, pool = rows_for(shape, m), layer("p", windows)
    given = images(forward([pool], shape, x)[0], pool.output_shape(shape))
    for row, column, window in windows_of(x, windows, shape):
        np.testing.assert_allclose(given[:, :, row, column], reduce(window, axis=(2, 3)), rtol=1e-13, atol=1e-15)


def test_padding_same_puts_the_odd_margin_below_and_at_the_right():
    windows = Windows((2, 4), (1, 3), "same")
    assert windows.margins((5, 7, 1)) == ((0, 1), (1, 2))
    assert windows.counts((5, 7, 1)) == (5, 3)


def test_a_global_average_is_the_mean_of_each_plane():
    x = rows_for((3, 5, 2), 4)
    y, _ = forward([GlobalAveragePooling("g")], (3, 5, 2), x)
    np.testing.assert_allclose(y, images(x, (3, 5, 2)).mean(axis=(2, 3)), rtol=1e-13)


def test_to_flatten_changes_no_number():
    x = rows_for((3, 5, 2), 4)
    np.testing.assert_array_equal(forward([Flatten("f")], (3, 5, 2), x)[0], x)


def test_a_batch_norm_of_an_image_is_over_samples_and_pixels():
    shape, x = (3, 5, 2), rows_for((3, 5, 2), 4)
    y, views = forward([BatchNormalization("n", 0.5, 0.1)], shape, x, context=PassContext([0]))
    values = images(x, shape)
    mean, variance = (values.mean(axis=(0, 2, 3)), values.var(axis=(0, 2, 3)))
    assert views["n/gamma"].shape == views["n/beta"].shape == (2,)
    for c in range(2):
        expected = (values[:, c] - mean[c]) / np.sqrt(variance[c] + 0.5) * views["n/gamma"][c] + views["n/beta"][c]
        np.testing.assert_allclose(images(y, shape)[:, c], expected, rtol=1e-12)


def test_a_learned_parameter_per_unit_is_one_of_each_channel():
    shape, x = (3, 5, 2), rows_for((3, 5, 2), 4)
    y, views = forward([act("prelu", ("alpha",), per_unit=True)], shape, x)
    alpha, values = views["prelu1/alpha"], images(x, shape)
    assert alpha.shape == (2,)
    np.testing.assert_allclose(images(y, shape), np.where(values > 0, values, alpha[:, None, None] * values))


def test_a_softmax_of_an_image_is_over_the_channels_of_a_pixel():
    shape, x = (3, 5, 4), rows_for((3, 5, 4), 2)
    exponentials = np.exp(images(x, shape))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(images(forward([act("softmax")], shape, x)[0], shape), expected, rtol=1e-13)


def test_a_maxout_of_an_image_halves_its_channels():
    shape, x = (3, 5, 4), rows_for((3, 5, 4), 2)
    values = images(x, shape)
    expected = np.maximum(values[:, ::2], values[:, 1::2])
    np.testing.assert_array_equal(images(forward([act("maxout")], shape, x)[0], (3, 5, 2)), expected)


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical", "both"])
def test_an_augmentation_mirrors_and_shifts_and_repeats_the_edge(flip):
    shape, m, most = (4, 6, 2), 40, 2
    x, layer, context = rows_for(shape, m), Augment("a", flip, most), PassContext([3])
    given, before = images(forward([layer], shape, x, context=context)[0], shape), images(x, shape)
    padded = np.pad(before, ((0, 0), (0, 0), (9, 9), (9, 9)), mode="edge")
    mirrored = {"none": [1], "horizontal": [1, -1], "vertical": [1, -1], "both": [1, -1]}[flip]
    seen = set()
    for sample in range(m):
        found = []
        for down in range(-most, most + 1):
            for right in range(-most, most + 1):
                for v in mirrored if flip in ("vertical", "both") else [1]:
                    for h in mirrored if flip in ("horizontal", "both") else [1]:
                        turned = padded[sample, :, ::v, ::h]
                        one = turned[:, 9 - down : 13 - down, 9 - right : 15 - right]
                        if np.array_equal(one, given[sample]):
                            found.append((down, right, v, h))
        assert len(found) == 1
        seen.update(found)
    assert {s[:1] for s in seen} == {s[1:2] for s in seen} == {(n,) for n in range(-most, most + 1)}
    assert {s[2] for s in seen} == ({1, -1} if flip in ("vertical", "both") else {1})
    assert {s[3] for s in seen} == ({1, -1} if flip in ("horizontal", "both") else {1})


def test_an_evaluation_does_not_augment():
    x = rows_for((4, 6, 2), 3)
    np.testing.assert_array_equal(forward([Augment("a", "both", 2)], (4, 6, 2), x)[0], x)


def test_replicas_that_share_a_seed_share_the_augmentation():
    """As the copies of theta do that a gradient check makes."""
    network = Network((4, 6, 2), (conv("c"), Augment("a", "both", 2)), SQUARES)
    theta, x = np.repeat(network.start([1], np.float64), 3, axis=0), rows_for((4, 6, 2), 5)[None]
    together = Pass(network, theta, None, 5, context=PassContext([7])).forward(x)
    alone = Pass(network, theta[:1], None, 5, context=PassContext([7])).forward(x)
    for replica in range(3):
        np.testing.assert_array_equal(together[replica], alone[0])


def test_shifts_and_mirrors_are_as_likely_as_they_should_be():
    draws = np.random.default_rng(0).random((20_000, 4))
    rows, columns = sources(draws, Augment("a", "both", 1), (5, 7, 1))
    # The middle row comes from itself, from above or from below; the first column from the first ones or the last ones.
    counts = np.bincount(rows[:, 2], minlength=5) / 20_000
    np.testing.assert_allclose(counts, [0, 1 / 3, 1 / 3, 1 / 3, 0], atol=0.02)
    np.testing.assert_allclose((columns[:, 3] < columns[:, 4]).mean(), 0.5, atol=0.02)


# --- derivatives ------------------------------------------------------------------------------------------------------


def checked(layers, shape, m, seed=0):
    """The strong check of the layers and a dense one of three classes on random images."""
    network = Network(shape, (*layers, dense("d", 3)), FUSED["softmax", "cross_entropy"])
    draws, theta = np.random.default_rng(seed), network.start([seed], np.float64)
    theta += draws.normal(0, 0.2, theta.shape)
    y = np.eye(3)[draws.integers(3, size=(1, m))]
    return examine(network, theta, (rows_for(shape, m, seed)[None], y), PassContext([seed], learns=False))


@settings(deadline=None, max_examples=80)
@given(windowed(), st.integers(1, 3), st.integers(0, 9))
def test_the_gradient_of_any_convolution_is_the_exact_one(case, filters, seed):
    windows, shape, m = case
    first = conv("c1", (2, 2), padding="same", filters=shape[2])
    second = conv("c2", windows.kernel, windows.stride, windows.padding, filters)
    assert checked([first, act("tanh"), second], shape, m, seed).passed


@settings(deadline=None, max_examples=80)
@given(windowed(padded=False), st.sampled_from([MaxPooling, AveragePooling]), st.integers(0, 9))
def test_the_gradient_through_any_pool_is_the_exact_one(case, kind, seed):
    windows, shape, m = case
    found = checked([conv("c", (2, 1), padding="same", filters=shape[2]), kind("p", windows)], shape, m, seed)
    assert found.passed
    assert found.kinks == ()


OVER_CHANNELS = {
    "batch norm": [BatchNormalization("n", 1e-5, 0.1), act("tanh")],
    "layer norm": [LayerNormalization("n", 1e-5), act("softplus")],
    "prelu": [act("prelu", ("alpha",))],
    "prelu of each channel": [act("prelu", ("alpha",), per_unit=True)],
    "softmax": [act("softmax")],
    "maxout": [act("maxout")],
    "glu": [act("glu")],
    "dropout": [Dropout("o", 0.3)],
    "augment": [Augment("a", "both", 2)],
    "global average": [act("tanh"), GlobalAveragePooling("g")],
    "two pools": [MaxPooling("p", Windows((2, 2), (1, 1))), act("relu"), AveragePooling("q", Windows((2, 2), (2, 2)))],
    "flat": [Flatten("f"), act("tanh")],
}


@pytest.mark.parametrize("m", [1, 6])
@pytest.mark.parametrize("name", OVER_CHANNELS)
def test_the_gradient_through_other_layers_behind_a_convolution_is_the_exact_one(name, m):
    found = checked([conv("c", filters=4), *OVER_CHANNELS[name]], (6, 5, 2), m)
    assert found.passed
    assert not found.refused


def drawn(seed):
    """Random layers of images, often on a plain background or on whole numbers, where entries are equal."""
    draws = np.random.default_rng(seed)

    def pair(most):
        return tuple(int(n) for n in draws.integers(1, most + 1, 2))

    layers = []
    for depth in range(draws.integers(1, 4)):
        padding = ["valid", "same", (1, 2)][draws.integers(3)]
        layers.append(conv(f"c{depth}", pair(3), pair(2), padding, int(draws.integers(1, 5))))
        name, windows = str(draws.choice(["relu", "tanh", "softmax", "leaky_relu"])), Windows(pair(3), pair(3))
        between = [
            replace(act(name), name=f"a{depth}"),
            MaxPooling(f"m{depth}", windows),
            AveragePooling(f"v{depth}", windows),
            Augment(f"g{depth}", "both", 2),
            BatchNormalization(f"b{depth}", 1e-5, 0.1),
        ]
        layers += [between[i] for i in draws.permutation(5)[: draws.integers(4)]]
    network = Network(
        (*pair(8), int(draws.integers(1, 4))), (*layers, dense("d", 3)), FUSED["softmax", "cross_entropy"]
    )
    rows, columns, channels = network.shape
    m = int(draws.choice([1, 2, 8]))
    x = draws.normal(size=(1, m, channels, rows, columns))
    x[..., : draws.integers(3)] = 0
    x = np.round(x) if draws.random() < 0.3 else x
    theta = network.start([seed], np.float64) * draws.choice([1e-3, 1, 6])
    batch = x.reshape(1, m, -1), np.eye(3)[draws.integers(3, size=(1, m))]
    return network, theta, batch, PassContext([seed], learns=False)


def test_no_random_network_of_images_gives_a_false_alarm():
    examined = 0
    for seed in range(160):
        try:
            case = drawn(seed)
        except LayerShapeError:  # a window that does not fit
            continue
        found = examine(*case)
        assert found.passed or not np.isfinite(found.analytic).all(), f"seed {seed}: {found.verdict.name}"
        assert not found.refused
        examined += 1
    assert examined >= 60


# --- bits -------------------------------------------------------------------------------------------------------------

NETWORKS = {
    "plain": (
        [conv("c1", filters=3), act("tanh"), conv("c2", (2, 3), (2, 1), (1, 0), 2), act("relu"), dense("d", 3)],
        (9, 8, 2),
    ),
    "one channel, one filter": ([conv("c1", (5, 4), (2, 2), "same", 1), dense("d", 1)], (7, 9, 1)),
    "pools": (
        [
            conv("c1", filters=4), act("prelu", ("alpha",), per_unit=True), MaxPooling("p1", Windows((2, 2), (2, 2))),
            conv("c2", (2, 2), filters=4), act("softmax"), AveragePooling("p2", Windows((2, 2), (1, 1))),
            Flatten("f"), dense("d", 3),
        ],
        (9, 9, 3),
    ),
    "over channels": (
        [
            conv("c1", filters=4), BatchNormalization("n", 1e-5, 0.1), act("maxout"),
            MaxPooling("p1", Windows((3, 2), (2, 1))), conv("c2", (2, 2), filters=4), LayerNormalization("l", 1e-5),
            act("glu"), GlobalAveragePooling("g"), dense("d", 3),
        ],
        (9, 9, 3),
    ),
    "random": (
        [conv("c0", filters=4), Augment("a", "both", 2), Dropout("o", 0.3), conv("c1", filters=4), dense("d", 3)],
        (9, 9, 3),
    ),
}  # fmt: skip


def trained(network, theta, x, y, seeds):
    """Outputs and gradient of a training pass."""
    gradient = np.full_like(theta, np.nan)
    tied = Pass(network, theta, gradient, x.shape[1], context=PassContext(seeds, learns=False))
    tied.forward(x)
    tied.backward(y)
    return tied.a, gradient


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize("shared", [True, False], ids=["shared inputs", "own inputs"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_replica_has_the_same_bits_among_others_as_alone(name, dtype, shared, m):
    layers, shape = NETWORKS[name]
    network, draws = Network(shape, tuple(layers), SQUARES), np.random.default_rng(2)
    for replicas in (2, 3, 7):
        seeds, sets = list(range(replicas)), 1 if shared else replicas
        theta = network.start(seeds, dtype)
        x = draws.normal(size=(sets, m, network.inputs)).astype(dtype)
        y = draws.normal(size=(sets, m, network.outputs)).astype(dtype)
        a, gradient = trained(network, theta, x, y, seeds)
        for r in seeds:
            own_x, own_y = (values[[0 if shared else r]].copy() for values in (x, y))
            alone, own_gradient = trained(network, theta[[r]], own_x, own_y, [r])
            assert alone.tobytes() == a[[r]].tobytes()
            assert own_gradient.tobytes() == gradient[[r]].tobytes()


@pytest.mark.parametrize("batch", [17, 32, 37])
@pytest.mark.parametrize("name", ["plain", "one channel, one filter", "pools"])
def test_pieces_of_a_batch_give_the_gradient_of_the_batch(name, batch):
    layers, shape = NETWORKS[name]
    network, draws = Network(shape, tuple(layers), SQUARES), np.random.default_rng(3)
    theta = network.start([1], np.float64)
    x, y = draws.normal(size=(1, batch, network.inputs)), draws.normal(size=(1, batch, network.outputs))
    _, expected = trained(network, theta, x, y, [1])
    gradient = np.full_like(theta, np.nan)
    in_pieces = training_pass(network, theta, gradient, batch, context=PassContext([1]))
    rows = network.rows_at_once(batch, trains=True)
    assert (in_pieces.piece.a.shape[1], -(-batch // rows)) == (rows, -(-batch // 16))
    loss = in_pieces.differentiate(x, y, measured=True)
    np.testing.assert_allclose(gradient, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())
    whole = Pass(network, theta, None, batch)
    whole.forward(x)
    np.testing.assert_allclose(loss, whole.loss(y), rtol=1e-13)


@pytest.mark.parametrize("batch", [17, 31, 100, 127, 128, 1000])
def test_the_buffers_of_a_batch_are_those_of_a_piece_of_up_to_sixteen(batch):
    """A LeNet on images of 32 × 32 × 3 in float32: at most 6 MB."""
    halves = Windows((2, 2), (2, 2))
    first, second = (conv(name, (5, 5), padding="valid", filters=filters) for name, filters in (("c1", 6), ("c2", 16)))
    images = [first, MaxPooling("p1", halves), second, MaxPooling("p2", halves)]
    layers = [*images, dense("d1", 120), dense("d2", 84), dense("d3", 10)]
    network = Network((32, 32, 3), tuple(layers), SQUARES)
    assert network.rows_at_once(batch, trains=True) <= 16
    assert network.workspace(batch, 4) <= 6e6
