"""Fair starts: a layer's gain is that of the activation below it, whatever that is called and however it is scaled."""

import math
from pathlib import Path

import numpy as np
import pytest
from strategies import HEADS, network_of

from nnlab.config.document import of_values, read_text
from nnlab.config.experiment import validate
from nnlab.errors import ConfigError
from nnlab.networks.network import Inputs, Pass
from nnlab.setup.network import network_for
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up

BINARY = next(head for head in HEADS if head[:2] == ("binary", "sigmoid"))
WIDTH = 400


def network(layers=(WIDTH, WIDTH), init="fair", activation="relu", inputs=WIDTH):
    return network_of(BINARY, list(layers), inputs=inputs, activation=activation, init=init)


def tensors(built, seed=1, inputs=None):
    theta = built.start([seed], np.float64, inputs=inputs)
    return {name: values[0] for name, values in built.layout.views(theta).items()}


def gains(built, **more):
    """Of each layer's weights the standard deviation times the root of its fan-in."""
    found = {name: values for name, values in tensors(built, **more).items() if name.endswith("weights")}
    return [values.std() * math.sqrt(math.prod(values.shape[:-1])) for values in found.values()]


@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        ("relu", math.sqrt(2)), ("tanh", 1.5925), ("sigmoid", 1.8462), ("silu", 1.6765), ("gelu", 1.5335),
        ("mish", 1.4869), ("elu", 1.2452), ("selu", 1.0), ("identity", 1.0),
        ({"formula": "x * sigmoid(x)"}, 1.6765), ({"formula": "4 * tanh(x)"}, 1.5925 / 4),
    ],
    ids=str,
)  # fmt: skip
def test_a_layer_makes_up_for_the_activation_below_it(activation, gain):
    first, second, _ = gains(network(activation=activation))
    assert first == pytest.approx(1, rel=0.01)  # inputs of mean 0 and variance 1
    assert second == pytest.approx(gain, rel=0.01)
    (_, head) = gains(network([WIDTH], activation=activation))
    assert head == pytest.approx(gain, rel=0.1)  # one row of weights


def test_arms_start_from_the_same_normals():
    relu, sigmoid = (tensors(network(activation=name)) for name in ("relu", "sigmoid"))
    ratio = relu["dense2/weights"] / sigmoid["dense2/weights"]
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-12)
    np.testing.assert_array_equal(relu["dense1/weights"], sigmoid["dense1/weights"])
    assert not relu["dense2/bias"].any()


def test_a_scaled_activation_passes_on_the_same_signal():
    one, four = (tensors(network(activation={"formula": f})) for f in ("tanh(x)", "4 * tanh(x)"))
    np.testing.assert_allclose(one["dense2/weights"], 4 * four["dense2/weights"], rtol=1e-12)


def test_the_first_layer_makes_up_for_the_size_of_the_inputs():
    rows = Inputs(3 * np.random.default_rng(0).standard_normal((500, WIDTH)) + 4)
    first, second, _ = gains(network(), inputs=lambda _replica: rows)
    assert (first, second) == (pytest.approx(1 / 5, rel=0.01), pytest.approx(math.sqrt(2), rel=0.01))
    blank = Inputs(np.zeros((5, WIDTH)))
    assert gains(network(), inputs=lambda _replica: blank)[0] == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("aim", "activation", "gain", "bias"),
    [
        ("gradient", "tanh", 1.46741, 0.0),
        ("gradient", "sigmoid", 4.72265, 0.0),
        ("critical", "tanh", 1.46741, math.sqrt(1 - 0.394294 / 0.464403)),
        ("critical", "relu", math.sqrt(2), 0.0),
        ("centred", "sigmoid", 4.80131, 0.0),
        ("centred", "softplus", 1.91913, 0.0),
    ],
)
def test_aims(aim, activation, gain, bias):
    found = tensors(network(init={"name": "fair", "aim": aim}, activation=activation))
    first, second = found["dense1/weights"], found["dense2/weights"]
    assert first.std() * math.sqrt(WIDTH) == pytest.approx(1, rel=0.01)
    assert second.std() * math.sqrt(WIDTH) == pytest.approx(gain, rel=0.01)
    assert found["dense2/bias"].std() == pytest.approx(bias, rel=0.1)
    assert not found["dense1/bias"].any()
    is_centred = np.abs(second.mean(axis=0)).max() < 1e-12
    assert is_centred == (aim == "centred")


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu", "softplus"])
def test_variance_is_kept_from_layer_to_layer(activation):
    built = network([WIDTH] * 5, activation=activation)
    theta = built.start([3], np.float64)
    x = np.random.default_rng(1).standard_normal((1, 50, WIDTH))
    outputs = list(Pass(built, theta, None, 50).forward_by_layer(x))
    of_dense = [np.square(z).mean() for z in outputs[:9:2]]  # the hidden ones
    assert of_dense == pytest.approx([1.0] * len(of_dense), rel=0.5)


def test_what_theory_does_not_know_is_measured_on_a_batch():
    layers = [16, {"activation": "softmax"}, 8]
    built = network(layers, activation="identity", inputs=16)
    rows = Inputs(np.random.default_rng(5).standard_normal((2000, 16)))
    found = tensors(built, inputs=lambda _replica: rows)
    z = rows.few @ found["dense1/weights"] + found["dense1/bias"]
    a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    plain = tensors(network([16, 8], activation="identity", inputs=16))
    ratio = found["dense2/weights"] / plain["dense2/weights"]
    np.testing.assert_allclose(ratio, 1 / np.sqrt(np.square(a).mean()), rtol=1e-6)


@pytest.mark.parametrize(
    ("layers", "gain"),
    [
        ([WIDTH, {"activation": "glu"}, WIDTH], 1.84623),
        ([WIDTH, {"activation": "maxout"}, WIDTH], 1.0),
        ([WIDTH, {"activation": "relu"}, {"dropout": 0.5}, WIDTH], 1.0),
        ([WIDTH, {"activation": "relu"}, {"batch_norm": {}}, WIDTH], 1.0),
        ([WIDTH, {"batch_norm": {}}, {"activation": "tanh"}, WIDTH], 1.5925),
        ([WIDTH, {"activation": "relu"}, {"noise": 0.5}, WIDTH], 1 / math.sqrt(0.75)),
        ([WIDTH, {"activation": {"name": "maxout", "pieces": 4}}, WIDTH], 1 / math.sqrt(1.0294**2 + 0.4917)),
    ],
)
def test_layers_between_pass_the_signal_on(layers, gain):
    assert gains(network(layers, activation="identity"))[1] == pytest.approx(gain, rel=0.015)


def test_pooled_images_are_measured_and_dense_layers_behind_them_start_fairly():
    text = """
name: nn
task: binary
data: {source: xor}
network:
  layers: [{conv2d: 8, kernel: 3}, {max_pool: 2}, {conv2d: 8, kernel: 3}, {max_pool: 2}, flatten, 30]
"""
    built = network_for(validate(read_text(text, "nn.yaml")), (22, 22, 3), 1)
    rows = Inputs(np.random.default_rng(2).standard_normal((300, 22 * 22 * 3)))
    first, second, third, head = gains(built, inputs=lambda _replica: rows)
    assert first == pytest.approx(1, rel=0.15)  # 216 weights
    assert 0.4 < second < 1.1  # the largest of four is larger than each: less than relu's root of two
    assert 0.4 < third < 1.1
    assert head == pytest.approx(math.sqrt(2), rel=0.4)


def experiment(**network):
    values = {"name": "nn", "task": "binary", "data": {"source": "xor"}, "network": {"layers": [3, 3], **network}}
    return validate(of_values(values))


def setup_of(seeds=(1, 2, 3), **more):
    found = experiment(**more)
    return set_up(found, prepare_rows(found, read_rows(found, None, Path()), seeds))


def test_seeds_start_alone_as_among_others():
    for layers in ([3, 3], [4, {"activation": "softmax"}, 4]):
        together = setup_of(layers=layers).start().theta
        alone = [setup_of((seed,), layers=layers).start().theta[0] for seed in (1, 2, 3)]
        np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"activation": {"formula": "exp(x*x)"}}, "dense2: E[f²] of what goes into the layer is infinite"),
        ({"activation": {"formula": "0 * x"}}, "dense2: E[f²] of what goes into the layer is 0"),
        (
            {"init": {"name": "fair", "aim": "critical"}, "activation": "sigmoid"},
            "dense2: aim critical needs biases of",
        ),
        ({"init": {"name": "fair", "aim": "gradient"}, "activation": "glu", "layers": [4, 4]}, "which is not known"),
        ({"init": {"name": "fair", "aim": "forwards"}}, "expected one of forward, gradient, critical, centred"),
        ({"init": {"weights": "fair", "gain": 0}}, "gain"),
    ],
)
def test_a_start_that_does_not_exist_is_refused_before_training(more, said):
    with pytest.raises(ConfigError) as caught:
        setup_of(**more)
    assert said in str(caught.value)


def test_the_gain_multiplies_the_weights_of_every_layer():
    once, twice = (setup_of(init={"weights": "fair", "gain": gain}).start().theta for gain in (1.0, 2.0))
    np.testing.assert_array_equal(2 * once, twice)


def test_recommended_starts_stay_by_name():
    found = tensors(network_of(BINARY, [WIDTH], inputs=WIDTH, activation="relu", init="recommended"))
    assert found["dense1/weights"].std() == pytest.approx(math.sqrt(2 / WIDTH), rel=0.01)
