"""What theory expects of a start: against closed forms, and against random networks."""

import math

import numpy as np
import pytest
from strategies import HEADS, network_of

from nnlab.networks.network import Pass
from nnlab.networks.propagation import expected, gradient_ratios, total_growth, total_scatter

BINARY = next(head for head in HEADS if head[:2] == ("binary", "sigmoid"))


def network(layers, activation="relu", aim="forward", gain=1.0, init=None, inputs=30):
    init = init or {"weights": {"name": "fair", "aim": aim}, "gain": gain}
    return network_of(BINARY, layers, inputs=inputs, activation=activation, init=init)


def theory(*args, **more):
    return expected(network(*args, **more))


def measured(built, seeds, width, rows=8):
    """Over random networks the mean squares of the pre-activations of hidden layers, and ‖δ_1‖² / ‖δ_L‖² (seeds,)."""
    squares, ratios = [], []
    places = [place for place, layer in enumerate(built.layers) if layer.name.startswith("dense")]
    for seed in seeds:
        theta = built.start([seed], np.float64)
        x = np.random.default_rng(seed).standard_normal((1, rows, width))
        x /= np.sqrt(np.square(x).mean(axis=-1, keepdims=True))
        examined = Pass(built, theta, np.zeros_like(theta), rows)
        outputs = [np.square(z).mean(axis=-1)[0, 0] for z in examined.forward_by_layer(x)]
        examined.forward(x)
        back = [np.square(dy).sum() for dy in examined.backward_by_layer(np.zeros((1, rows, 1))) if dy is not None]
        squares.append([outputs[place] for place in places[:-1]])
        ratios.append(back[::-1][places[0]] / back[::-1][places[-1]])
    return np.array(squares), np.array(ratios)


@pytest.mark.parametrize(
    ("activation", "hidden", "ratio"),
    [("tanh", 9, 2.09), ("elu", 9, 1.17), ("sin", 9, 3.41), ("sigmoid", 9, 2.13e-4), ("relu", 30, 1.0)],
)
def test_the_gradient_shrinks_or_grows_by_the_square_root_of_chi_a_layer(activation, hidden, ratio):
    assert gradient_ratios(theory([20] * hidden, activation))[0] == pytest.approx(ratio, rel=5e-3)


@pytest.mark.parametrize(
    ("activation", "aim", "gain"),
    [
        ("tanh", "forward", 1.0), ("tanh", "gradient", 1.0), ("tanh", "critical", 1.0), ("tanh", "forward", 2.0),
        ("sigmoid", "forward", 1.0), ("sigmoid", "centred", 1.0), ("silu", "forward", 1.0),
    ],
)  # fmt: skip
def test_random_networks_do_as_expected(activation, aim, gain):
    built = network([200] * 5, activation, aim, gain, inputs=200)
    layers = expected(built)
    squares, ratios = measured(built, range(8), 200)
    np.testing.assert_allclose(squares.mean(axis=0), [one.variance for one in layers[:-1]], rtol=0.2)
    assert math.sqrt(ratios.mean()) == pytest.approx(gradient_ratios(layers)[0], rel=0.15)


def test_narrow_layers_scatter_as_expected():
    built = network([60] * 5, "relu", inputs=60)
    squares, _ = measured(built, range(150), 60, rows=1)
    # What is measured is a mean over 60 units, whose own scatter, 2 / 60, is not that of q.
    variance = np.log(squares[:, -1]).var() - 2 / 60
    assert math.sqrt(variance) == pytest.approx(total_scatter(expected(built)[:-1]), rel=0.15)


def test_closed_forms_of_growth_and_scatter():
    cube = theory([50, 40, 30], {"formula": "x**3"})
    assert total_growth(cube) == pytest.approx(27)
    kurtosis = 10395 / 15**2
    of_layers = [math.log1p((kurtosis - 1) / n) for n in (50, 40, 30)]
    assert [one.scatter for one in cube[1:]] == pytest.approx(of_layers)
    assert total_scatter(cube) == pytest.approx(math.sqrt(81 * of_layers[0] + 9 * of_layers[1] + of_layers[2]))
    assert total_growth(theory([50] * 20, "relu")) == pytest.approx(1)


def test_dropout_and_noise_change_what_a_layer_gets():
    dropped = theory([50, {"dropout": 0.2}], "relu")[1]
    assert dropped.incoming.kurtosis == pytest.approx(6 / 0.8)
    assert (dropped.variance, dropped.chi, dropped.growth) == pytest.approx((1, 1, 1))
    noisy = theory([50, {"noise": 0.5}], "identity")[1]
    assert noisy.incoming.kurtosis == pytest.approx(3)  # a normal plus a normal
    assert (noisy.chi, noisy.growth) == pytest.approx((1 / 1.25, 1 / 1.25))


def test_a_normalisation_ends_what_has_grown_and_divides_the_gradient():
    built = network([50, {"batch_norm": {}}] * 4, {"formula": "x*x"})
    layers = expected(built)
    assert total_growth(layers) == 0
    assert layers[1].chi == pytest.approx(4 / 2)  # E[f'²] = 4, Var f = 2
    before = expected(network([50, {"batch_norm": {}}, {"activation": "tanh"}, 1], "identity", gain=3.0))
    assert before[1].variance == pytest.approx(9)  # as the next layer's gain makes it; the normalised has variance 1
    assert before[1].chi == pytest.approx(9 * 1.1778 / 9, rel=1e-3)


def test_what_theory_does_not_know_is_nan():
    for built in (network([9, 9], init="he_normal"), network([9, 9], init={"weights": "fair", "bias": "normal"})):
        layers = expected(built)
        assert all(math.isnan(one.variance) for one in layers)
        assert math.isnan(gradient_ratios(layers)[0])
    softmax = theory([9, 9], "softmax")
    assert [one.variance for one in softmax] == [1, 1, 1]  # its gain is measured
    assert math.isnan(gradient_ratios(softmax)[0])
    unbounded = theory([9, 9], {"formula": "exp(x*x/10)"}, gain=3.0)  # E[f²] is finite for q = 1, but not for 9
    assert unbounded[1].variance == math.inf
    assert math.isnan(unbounded[2].variance)
