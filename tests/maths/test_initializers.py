"""Initial weights: their distributions, the draws that schemes share, and the notebooks' generator."""

import re

import numpy as np
import pytest
from strategies import HEADS, network_of

from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.errors import ConfigError
from nnlab.maths.initializers import INITIALIZERS, Fans, draws_from, legacy_draws
from nnlab.maths.randomness import Purpose, stream
from nnlab.networks.network import Inputs

BINARY = next(head for head in HEADS if head[:2] == ("binary", "sigmoid"))
FAN_IN, FAN_OUT = 300, 700
# (mean, variance, half-width of the interval that holds every draw or None)
DISTRIBUTIONS = {
    "uniform": (0, 0.1**2 / 12, 0.05),
    "normal": (0, 0.05**2, None),
    "glorot_uniform": (0, 2 / 1000, (6 / 1000) ** 0.5),
    "glorot_normal": (0, 2 / 1000, None),
    "he_uniform": (0, 2 / 300, (6 / 300) ** 0.5),
    "he_normal": (0, 2 / 300, None),
    "lecun_uniform": (0, 1 / 300, (3 / 300) ** 0.5),
    "lecun_normal": (0, 1 / 300, None),
}


def drawn(name, fans=(FAN_IN, FAN_OUT), seed=0, **chosen):
    entry = INITIALIZERS[name]
    parameters = {p.name: p.default for p in entry.parameters} | chosen
    return entry.weights(draws_from(np.random.default_rng(seed), fans), fans, Fans(*fans), **parameters)


def test_every_scheme_is_in_the_table():
    assert {*DISTRIBUTIONS, "zeros", "constant"} <= set(INITIALIZERS)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_mean_variance_and_bounds(name):
    mean, variance, bound = DISTRIBUTIONS[name]
    weights = drawn(name)
    assert weights.shape == (FAN_IN, FAN_OUT)
    # 210 000 draws: five standard errors of a mean and of a variance (twice as wide for a normal's kurtosis).
    assert weights.mean() == pytest.approx(mean, abs=5 * (variance / weights.size) ** 0.5)
    assert weights.var() == pytest.approx(variance, rel=5 * (2 / weights.size) ** 0.5)
    if bound is None:
        assert np.abs(weights).max() > 3.5 * variance**0.5
    else:
        assert bound * 0.999 < np.abs(weights).max() <= bound


def test_fixed_values():
    assert not drawn("zeros").any()
    assert (drawn("constant", (2, 3), value=-1.5) == np.full((2, 3), -1.5)).all()


def test_chosen_bounds_and_moments():
    uniform = drawn("uniform", low=2.0, high=5.0)
    assert uniform.min() >= 2
    assert uniform.max() < 5
    assert uniform.mean() == pytest.approx(3.5, abs=0.01)
    normal = drawn("normal", mean=7.0, std=2.0)
    assert (normal.mean(), normal.std()) == (pytest.approx(7, abs=0.03), pytest.approx(2, rel=0.01))
    assert (drawn("normal", mean=7.0, std=0.0) == 7).all()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_entry_says_what_it_is(name):
    entry = INITIALIZERS[name]
    assert entry.name == name
    assert entry.formula
    assert entry.source
    assert all(p.description for p in entry.parameters)


# --- Matched draws ----------------------------------------------------------------------------------------------------


def first_weights(init, activation="tanh", layers=(4, 3), seed=7, layer="dense2", **start):
    layers = [{"dense": width} for width in layers]
    network = network_of(BINARY, layers, activation=activation, init=init)
    return network.layout.views(network.start([seed], np.float64, **start))[f"{layer}/weights"][0]


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_schemes_of_a_kind_differ_only_by_scale(kind):
    glorot, he, lecun = (first_weights(f"{name}_{kind}") for name in ("glorot", "he", "lecun"))
    np.testing.assert_allclose(he / glorot, ((2 / 4) / (2 / 7)) ** 0.5, rtol=1e-13)
    np.testing.assert_allclose(he / lecun, 2**0.5, rtol=1e-13)


@pytest.mark.parametrize(
    "activation", ["relu", "identity", "sigmoid", {"name": "prelu", "per_unit": True}, {"name": "elu", "alpha": 2.0}]
)
@pytest.mark.parametrize("layer", ["dense1", "dense2", "dense3"])
def test_a_layers_draws_do_not_depend_on_the_activations(activation, layer):
    expected = first_weights("he_normal", layer=layer)
    np.testing.assert_array_equal(first_weights("he_normal", activation, layer=layer), expected)


def test_a_layers_draws_do_not_depend_on_the_layers_after_it_or_the_biases():
    expected = first_weights("he_normal")
    np.testing.assert_array_equal(first_weights("he_normal", layers=(4, 3, 9)), expected)
    both = {"weights": "he_normal", "bias": {"name": "normal", "std": 1.0}}
    np.testing.assert_array_equal(first_weights(both), expected)


def test_layers_and_seeds_draw_differently():
    square = {"layers": (3, 3, 3)}
    weights = [first_weights("he_normal", **square, layer=f"dense{n}") for n in (1, 2, 3)]
    weights.append(first_weights("he_normal", **square, seed=8))
    assert len({w.tobytes() for w in weights}) == 4


def test_an_activations_recommended_scheme_is_used_where_none_is_named():
    np.testing.assert_array_equal(first_weights("recommended", "relu"), first_weights("he_normal"))
    np.testing.assert_array_equal(first_weights("recommended", "tanh"), first_weights("glorot_uniform"))


def test_a_seed_starts_alike_alone_and_among_others():
    network = network_of(BINARY, [4, {"activation": "prelu"}, 2])
    together = network.start([3, 1, 2], np.float32)
    for replica, seed in enumerate([3, 1, 2]):
        np.testing.assert_array_equal(together[replica], network.start([seed], np.float32)[0])
    assert together.dtype == np.float32


def test_streams_are_functions_of_seed_purpose_and_index():
    def numbers(*key):
        return stream(*key).random(4).tobytes()

    keys = [(0, Purpose.WEIGHTS), (1, Purpose.WEIGHTS), (0, Purpose.SHUFFLE), (0, Purpose.WEIGHTS, 0)]
    keys += [(0, Purpose.WEIGHTS, 1), (2**63 - 1, Purpose.WEIGHTS)]
    assert len({numbers(*key) for key in keys}) == len(keys)
    assert numbers(0, Purpose.WEIGHTS) == numbers(0, Purpose.WEIGHTS)


# --- The notebooks' generator -----------------------------------------------------------------------------------------


def test_the_legacy_generator_draws_layer_by_layer_as_the_notebooks_do():
    state = np.random.RandomState(1)
    expected = [state.rand(4, 3).T, state.rand(2, 4).T, state.rand(1, 2).T]  # (out, in), transposed
    network = network_of(BINARY, [4, 2], activation="prelu", init={"name": "uniform", "low": 0.0, "high": 1.0})
    views = network.layout.views(network.start([1], np.float64, "legacy"))
    for n, weights in enumerate(expected, start=1):
        np.testing.assert_array_equal(views[f"dense{n}/weights"][0], weights)
        assert not views[f"dense{n}/bias"].any()


def test_the_legacy_generator_scales_its_draws():
    drawn_alike = np.random.RandomState(5).rand(4, 3).T
    found = first_weights({"name": "uniform", "low": -1.0, "high": 3.0}, seed=5, layer="dense1", generator="legacy")
    np.testing.assert_array_equal(found, -1 + 4 * drawn_alike)


def test_the_legacy_generator_knows_normals():
    draws = legacy_draws(np.random.RandomState(2), (3, 5))
    np.testing.assert_array_equal(draws("normal"), np.random.RandomState(2).randn(5, 3).T)


def test_a_seed_beyond_the_legacy_generators_range_is_a_fault_of_the_experiment_file():
    text = "{name: small, task: binary, generator: legacy, seed: 4294967296, data: {source: xor}}"
    assert validate(read_text(text.replace("4294967296", "4294967295"), "small.yaml")).generator == "legacy"
    with pytest.raises(ConfigError, match="seed"):
        validate(read_text(text, "small.yaml"))


@pytest.mark.parametrize(("text", "name"), [("he", "he_normal"), ("glorot", "glorot_uniform")])
def test_sources_name_the_paper(text, name):
    assert re.search(text, INITIALIZERS[name].source, re.IGNORECASE)


@pytest.mark.parametrize("generator", ["pcg64", "legacy"])
@pytest.mark.parametrize(
    "init",
    [
        "orthogonal", "identity", "uniform", {"name": "fair", "aim": "critical"}, {"name": "fair", "aim": "centred"},
        {"weights": "he_normal", "bias": {"name": "normal", "std": 1.0}},
    ],
    ids=str,
)  # fmt: skip
def test_every_scheme_starts_a_seed_alike_alone_and_among_others(init, generator):
    network = network_of(BINARY, [4, 7, 1], activation="tanh", init=init)
    together = network.start([3, 1, 2], np.float64, generator)
    alone = [network.start([seed], np.float64, generator)[0] for seed in (3, 1, 2)]
    np.testing.assert_array_equal(together, alone)
    assert init == "identity" or len(np.unique(together, axis=0)) == 3


def test_seeds_start_by_the_inputs_that_each_of_them_sees():
    network = network_of(BINARY, [4], activation="tanh", init="fair")
    seen = [Inputs(np.full((2, 3), size)) for size in (1.0, 2.0, 1.0)]
    first, second, third = network.layout.views(network.start([7, 7, 7], np.float64, inputs=seen.__getitem__))[
        "dense1/weights"
    ]
    np.testing.assert_allclose(first, 2 * second, rtol=1e-15)  # the gain is 1 / √E[x²]
    np.testing.assert_array_equal(first, third)
