"""What a network says of its start: a sentence where theory warns, and silence where training makes up for it."""

import pytest
from strategies import HEADS, network_of

from nnlab.networks.propagation import expected
from nnlab.setup.start_warnings import depth_sentence, start_warnings, width_sentence

BINARY = next(head for head in HEADS if head[:2] == ("binary", "sigmoid"))
CENTRED = {"name": "fair", "aim": "centred"}


def network(layers, activation="relu", init="fair"):
    return network_of(BINARY, layers, inputs=30, activation=activation, init=init)


def said(*args, **more):
    return [*start_warnings(network(*args, **more))]


def test_an_activation_that_is_mostly_the_same_for_every_input_is_named_once():
    told = "85 % of sigmoid's signal is the same for every input; gradients shrink × 0.39 a layer"
    assert said([32, 32], "sigmoid") == [f"{told}: try init: {{name: fair, aim: centred}}"]
    (deep,) = said([32] * 6, "sigmoid")
    assert deep.startswith(f"{told}, × 0.0036 from the last layer to the first: try init")
    assert said([32, {"activation": "softplus"}, 32, {"activation": "softplus"}], "identity")[0].startswith("71 % of")
    assert said([32], "sigmoid") == []
    assert said([32] * 6, "sigmoid", init=CENTRED) == []


@pytest.mark.parametrize(
    ("activation", "gradients"),
    [
        ("sigmoid", "gradients shrink × 0.7 a layer, × 0.00088 from the last layer to the first"),
        ("softplus", "gradients grow × 1.2 a layer, × 69 from the last layer to the first"),
    ],
)
def test_the_gradient_of_a_layer_is_the_root_of_the_whole(activation, gradients):
    (found,) = said([32] * 20, activation, init={"name": "fair", "aim": "gradient"})
    assert f"; {gradients}: try" in found


def test_where_errors_of_the_variance_grow_the_expected_figures_are_not_to_be_trusted():
    assert depth_sentence(expected(network([32] * 20, "silu"))).startswith(
        "An error in the variance of the signal grows × 1.17 a layer of silu, × 24 in all: what is measured"
    )
    assert " × 2 a layer of x * x, × 32 in all" in depth_sentence(expected(network([32] * 5, {"formula": "x*x"})))
    for quiet in (network([32] * 5, "silu"), network([32] * 50, "relu"), network([32] * 20, "tanh", init="he_normal")):
        assert depth_sentence(expected(quiet)) == ""


@pytest.mark.parametrize(
    ("activation", "depth", "init", "begins"),
    [
        ("tanh", 29, "fair", "gradients by dense1 start at 11 times those by dense30, through 29 layers of tanh"),
        ("threshold", 6, "fair", "gradients by dense1 start at 0.062 times"),
        ("relu", 5, {"weights": "fair", "gain": 2.0}, "gradients by dense1 start at 32 times"),
    ],
)
def test_gradients_that_vanish_or_explode(activation, depth, init, begins):
    (found,) = said([300] * depth, activation, init=init)
    assert found.startswith(begins)
    cure = {"tanh": "aim: critical}", "relu": "a gain of 1", "threshold": "aim: gradient}"}[activation]
    assert found.endswith(cure)
    assert said([300] * (depth // 2), activation, init=init) == []


def test_small_differences_that_grow_with_depth():
    found = said([600] * 4, {"formula": "x*x"})
    assert len(found) == 1
    assert found[0].startswith("a difference of 1 % in the mean square of two rows' signals grows to 16 % in dense5")
    assert "(× 2 a layer of x * x)" in found[0]
    for depth, is_told in ((2, False), (12, False), (15, True)):
        assert bool(said([600] * depth, "silu")) is is_told
    assert said([600] * 60, "relu") == []
    assert said([600, {"layer_norm": {}}] * 15, "silu") == []


def test_narrow_layers_that_make_the_start_depend_on_its_seed():
    (found,) = said([8] * 14)
    assert found.startswith("the variance of the last pre-activations scatters by a factor of 14 from seed to seed")
    assert "most by ± 79 % with the 8 inputs of dense2 behind relu (500 would give ± 10 %)" in found
    (endless,) = said([64, 64], {"formula": "exp(x*x/5)"})[1:]
    assert "scatters without limit from seed to seed, with the 64 inputs of dense2" in endless
    for layers in ([2], [3, 3], [2, 2], [16, 16], [64] * 20):
        assert said(layers) == []


def test_the_width_that_would_do_is_told_of_every_fair_start():
    told = (
        "The variance of the signal scatters from seed to seed, most by ± 40 % with the 32 inputs of dense2 behind relu"
    )
    assert width_sentence(expected(network([32]))) == f"{told} (500 would give ± 10 %)."
    assert width_sentence(expected(network([32], init="he_normal"))) == ""


@pytest.mark.parametrize("init", ["he_normal", "recommended", {"name": "uniform", "low": 0.0, "high": 1.0}])
def test_other_starts_are_left_alone(init):
    assert said([64] * 20, "sigmoid", init=init) == []


def test_the_formula_and_the_parameters_of_an_activation_are_named():
    assert "% of 1 + sigmoid(x)'s signal" in said([9, 9], {"formula": "1 + sigmoid(x)"})[0]
    assert "% of softplus (beta=0.5)'s signal" in said([9, 9], {"name": "softplus", "beta": 0.5})[0]
