"""What a network sees of an image: its first kernels, and the maps behind each stage."""

import numpy as np
import pytest

from nnlab.config.experiment import with_defaults
from nnlab.config.schema import Experiment
from nnlab.networks.feature_maps import feature_maps, first_kernels
from nnlab.setup.network import network_for


def network(layers, shape=(6, 5, 2)):
    values = {"name": "n", "task": "regression", "precision": "float64", "data": {"source": "xor"},
              "network": {"layers": layers, "activation": "relu"}}  # fmt: skip
    return network_for(with_defaults(Experiment.model_validate(values)), shape, 1)


def started(one):
    theta = one.start([3], np.float64)
    return theta, one.statistics.fills(1, np.float64)


LAYERS = [
    {"dropout": 0.5},
    {"conv2d": 3, "kernel": 3},
    {"conv2d": 4, "kernel": 2, "activation": "tanh"},
    {"avg_pool": [1, 2]},
    {"batch_norm": True},
    7,
]


def test_a_stage_goes_from_a_convolution_to_the_next_and_ends_where_images_do():
    one = network(LAYERS)
    found = feature_maps(one, *started(one), np.ones((1, 60)))
    assert [stage.layers for stage in found] == [
        ("conv2d1", "relu1"),
        ("conv2d2", "tanh1", "avg_pool1", "batch_norm1"),
    ]
    assert [stage.maps.shape for stage in found] == [(3, 4, 3), (4, 3, 1)]


def test_a_map_is_the_sum_over_its_windows():
    one = network([{"conv2d": 3, "kernel": 3}])
    theta, statistics = started(one)
    theta[:, one.layout.places["conv2d1/bias"]] = [0.5, -9.0, 0.25]
    image = np.random.default_rng(1).normal(size=(2, 6, 5))
    (stage,) = feature_maps(one, theta, statistics, image.reshape(1, -1))
    weights, bias = (one.layout.views(theta)[f"conv2d1/{name}"][0] for name in ("weights", "bias"))
    for channel, row, column in np.ndindex(3, 4, 3):
        window = image[:, row : row + 3, column : column + 3].transpose(1, 2, 0)
        expected = (window * weights[..., channel]).sum() + bias[channel]
        assert stage.maps[channel, row, column] == pytest.approx(max(expected, 0), rel=1e-12)
    assert not stage.maps[1].any()


def test_the_kernels_are_those_of_the_first_convolution():
    one = network(LAYERS)
    theta, _ = started(one)
    found = first_kernels(one, theta)
    assert (found.layer, found.weights.shape) == ("conv2d1", (3, 3, 2, 3))
    np.testing.assert_array_equal(found.weights, one.layout.views(theta)["conv2d1/weights"][0])


@pytest.mark.parametrize("layers", [[4], [{"max_pool": 2}, 4]])
def test_without_a_convolution_there_is_nothing_to_see(layers):
    one = network(layers)
    theta, statistics = started(one)
    assert first_kernels(one, theta) is None
    assert feature_maps(one, theta, statistics, np.ones((1, 60))) == []
