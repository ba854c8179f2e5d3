"""Image layers, and small networks of them in training, against PyTorch.

benchmarks/record_image_references.py recorded its figures: images.json lists the cases, images.npz has their arrays.
"""

import json

import numpy as np
import pytest
from support import ROOT

from nnlab.config.experiment import with_defaults
from nnlab.config.schema import Experiment
from nnlab.maths.losses import Head
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import resolved
from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.dropout import Dropout
from nnlab.networks.network import Network, Pass
from nnlab.networks.pieces import training_pass
from nnlab.setup.network import network_for

REFERENCES = ROOT / "tests" / "references"
RECORDED = json.loads((REFERENCES / "images.json").read_text(encoding="utf-8"))
NEAR = {"float64": 1e-12, "float32": 1e-5}  # of the largest figure of an array


def arrays_of(name):
    with np.load(REFERENCES / "images.npz") as stored:
        return {key.removeprefix(f"{name}/"): stored[key] for key in stored.files if key.startswith(f"{name}/")}


def below(arrays, folder):
    return {key.removeprefix(f"{folder}/"): values for key, values in arrays.items() if key.startswith(f"{folder}/")}


def each(kind):
    return pytest.mark.parametrize("case", RECORDED[kind], ids=lambda case: case["name"])


IN_BOTH_PRECISIONS = pytest.mark.parametrize("precision", NEAR)


def rows(images, precision):
    """(N, channels, rows, columns) as rows of one replica, (1, N, units)."""
    return images.reshape(1, len(images), -1).astype(precision)


def ordered(values):
    """PyTorch's (filters, channels, rows, columns) or (units, inputs) as nnlab has them, the units last."""
    return values.transpose(2, 3, 1, 0) if values.ndim == 4 else values.T


def assert_near(found, expected, precision):
    assert found.dtype == precision
    np.testing.assert_allclose(found, expected, rtol=0, atol=NEAR[precision] * np.abs(expected).max())


def shape_of(images):
    """A sample of images (N, channels, rows, columns)."""
    _, channels, height, width = images.shape
    return height, width, channels


def network_of(images, layers, *, task="regression", outputs=1, l2=0.0, head=None):
    """The network of an experiment file for these images."""
    spec = {"layers": layers, "activation": "identity", "l2": l2, **({"head": head} if head else {})}
    values = {"name": "n", "task": task, "data": {"source": "xor"}, "network": spec}
    return network_for(with_defaults(Experiment.model_validate(values)), shape_of(images), outputs)


def started(network, parameters, precision, replicas=1):
    """Theta with PyTorch's parameters in every replica."""
    theta = network.start(range(replicas), precision)
    views = network.layout.views(theta)
    assert set(views) == set(parameters)
    for name, values in parameters.items():
        views[name][:] = ordered(values)
    return theta


# --- Layers -----------------------------------------------------------------------------------------------------------

# A head whose targets are dL/dy of each sample, times the mean over the batch that `Pass` takes.
GIVEN = Head(None, lambda z, dy: (z * dy).sum(axis=-1), lambda _z, _a, dy, out: np.multiply(dy, dy.shape[-2], out))


class Layer:
    """A recorded layer as a network of its own, in training."""

    def __init__(self, case, precision, replicas=1):
        self.recorded = arrays_of(case["name"])
        x = self.recorded["x"]
        network = network_of(x, [case["layer"]], head={"activation": "identity", "loss": "mse", "dense": False})
        # Behind a layer that does nothing, since nobody wants dL/dx of a first layer.
        self.network = Network(shape_of(x), (Dropout("nothing", 0.0), *network.layers), GIVEN)
        self.theta = started(self.network, below(self.recorded, "parameters"), precision, replicas)
        self.gradient = np.full_like(self.theta, np.nan)
        self.statistics = self.network.statistics.fills(replicas, precision)
        self.tied = Pass(
            self.network, self.theta, self.gradient, len(x), self.statistics, PassContext(list(range(replicas)))
        )
        self.precision, self.replicas = precision, replicas

    def assert_passes(self):
        """Outputs, dL/dx and the gradient of x that goes forward and back."""
        recorded, precision = self.recorded, self.precision
        y = self.tied.forward(rows(recorded["x"], precision))
        dx, *_ = self.tied.adjoints(rows(recorded["dy"], precision))
        gradients = self.network.layout.views(self.gradient)
        for replica in range(self.replicas):
            assert_near(y[replica], rows(recorded["y"], precision)[0], precision)
            assert_near(dx[replica], rows(recorded["dx"], precision)[0], precision)
            for name, expected in below(recorded, "gradients").items():
                assert_near(gradients[name][replica], ordered(expected), precision)


@pytest.mark.parametrize("replicas", [1, 3])
@IN_BOTH_PRECISIONS
@each("layers")
def test_a_layer_is_pytorchs(case, precision, replicas):
    Layer(case, precision, replicas).assert_passes()


@IN_BOTH_PRECISIONS
@each("norms")
def test_normalisation_per_channel_is_pytorchs_with_its_running_statistics(case, precision):
    layer = Layer(case, precision)
    first, second, _ = (rows(batch, precision) for batch in layer.recorded["batches"])
    layer.tied.forward(first)
    layer.tied.forward(second)
    layer.assert_passes()
    running = layer.network.statistics.views(layer.statistics)
    for name in ("mean", "variance"):
        assert_near(running[f"batch_norm1/{name}"][0], layer.recorded[name], precision)
    evaluating = Pass(layer.network, layer.theta, None, first.shape[1], layer.statistics)
    assert_near(evaluating.forward(first), rows(layer.recorded["evaluated"], precision), precision)


def test_what_is_recorded_tells_apart_whose_tie_it_is():
    """In the recorded maximum pools some largest numbers stand more than once."""
    for case in (case for case in RECORDED["layers"] if "ties" in case["name"]):
        recorded, size = arrays_of(case["name"]), case["layer"]["max_pool"]
        windows = np.lib.stride_tricks.sliding_window_view(recorded["x"], (size, size), (2, 3))
        largest = windows.max(axis=(-1, -2), keepdims=True)
        assert ((windows == largest).sum(axis=(-1, -2)) > 1).mean() > 0.2


# --- Training ---------------------------------------------------------------------------------------------------------


@IN_BOTH_PRECISIONS
@each("networks")
def test_a_hundred_steps_of_training_are_pytorchs(case, precision):
    recorded = arrays_of(case["name"])
    x, y = rows(recorded["x"], precision), recorded["y"][None].astype(precision)
    network = network_of(recorded["x"], case["layers"], task=case["task"], outputs=y.shape[-1], l2=case["l2"])
    theta = started(network, below(recorded, "start"), precision)
    gradient, statistics = np.empty_like(theta), network.statistics.fills(1, precision)
    tied = training_pass(network, theta, gradient, case["batch"], statistics, PassContext([0]))
    expected = recorded if precision == "float64" else below(recorded, "float32")

    update, losses = updater(case["optimizer"], theta), []
    for step in range(len(expected["losses"])):
        batch = np.arange(step * case["batch"], (step + 1) * case["batch"]) % x.shape[1]
        losses.append(tied.differentiate(x[:, batch], y[:, batch], measured=True)[0])
        update(gradient, step + 1)

    np.testing.assert_allclose(losses, expected["losses"], rtol=NEAR[precision])
    views = network.layout.views(theta)
    for name, values in below(expected, "end").items():
        assert_near(views[name][0], ordered(values), precision)
    for name, values in network.statistics.views(statistics).items():
        assert_near(values[0], expected[name.partition("/")[2]], precision)


def updater(given, theta):
    """The update of an optimizer in place, by gradient and step."""
    entry = OPTIMIZERS[given["name"]]
    chosen = resolved(entry, {key: value for key, value in given.items() if key != "name"})
    slots, rate = entry.start(theta, chosen), chosen.pop("learning_rate")
    return lambda gradient, step: entry.update(theta, gradient, slots, step, rate, **chosen)
