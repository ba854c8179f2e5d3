"""Which weights a picture of the first layer shows."""

import numpy as np
import pytest
from strategies import setup_of

from nnlab.networks.first_layer import incoming_weights

TEXT = """\
name: first
task: multiclass
data: {source: digits}
network: {layers: LAYERS}
training: {steps: 1}
"""


@pytest.mark.parametrize("layers", ["[5]", "[{dropout: 0.2}, flatten, 5]"])
def test_of_a_dense_network_it_is_the_first_layer_with_weights(layers):
    setup = setup_of(TEXT.replace("LAYERS", layers))
    theta = setup.start().theta
    found = incoming_weights(setup.network, theta)
    assert (found.layer, found.weights.shape) == ("dense1", (64, 5))
    assert np.array_equal(found.weights.ravel(), theta[0, :320])


def test_of_a_convolution_there_are_none():
    setup = setup_of(TEXT.replace("LAYERS", "[{conv2d: 2, kernel: 3}, flatten, 5]"))
    assert incoming_weights(setup.network, setup.start().theta) is None
