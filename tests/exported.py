"""Shared by the tests of exports: models with random weights, which nobody has to train."""

from __future__ import annotations

import numpy as np
import onnxruntime
import yaml
from support import ROOT, write

from nnlab import api
from nnlab.exports.onnx.check import feeds
from nnlab.exports.onnx.model import to_onnx

# Experiments of the checkout, with settings: tables with texts and blanks, images, and every head.
CONFIGS = {
    "penguins": ["data.blanks=mean", "data.max_categories=2"],
    "concrete": ["network.head={loss: gaussian_nll}"],
    "auto-mpg": ["network.head={loss: poisson}", "data.scale_targets=false"],
    "breast-cancer": ["network.head={loss: hinge}"],
    "xor": ["network.head={activation: sigmoid, loss: binary_cross_entropy, logits: false}"],
    "iris": ["network.head={activation: softmin, loss: cross_entropy}"],
    "digits-conv": [],
    "digit-traits": [],
    "energy": [],
}
WIDE = np.concatenate([np.linspace(-6, 6, 120), np.linspace(-90, 90, 36), [0, 1e-4, -1e-4, 0.5, -0.5]])


def model_of(folder, layers, *, x, precision="float32", name="model", **network):
    """A regression from the columns of x to as many outputs as the layers have, without a layer of the head."""
    outputs = network.pop("outputs", x.shape[-1] if x.ndim == 2 else 1)
    np.savez(folder / f"{name}.npz", x=x, y=np.zeros((len(x), outputs)))
    experiment = {
        "name": name,
        "task": "regression",
        "precision": precision,
        "data": {"source": f"{name}.npz", "scale": "none"},
        "network": {"layers": layers, **network},
        "training": {"steps": 1, "batch_size": "all"},
    }
    setup = api.resolve(write(folder, yaml.safe_dump(experiment, width=2000), f"{name}.yaml")).setup()
    return random_model(setup)


def model_of_config(name):
    """The model of an experiment of CONFIGS in float64, and raw inputs of some rows."""
    sets = [*CONFIGS[name], "precision=float64"]
    setup = api.resolve(ROOT / "configs" / f"{name}.yaml", set=sets).setup()
    return random_model(setup), np.asarray(setup.rows.dataset.x[:40], float)


def random_model(setup):
    """The model with learned numbers that are nothing special: each is its start, moved by up to a third."""
    state, draws = setup.start(), np.random.default_rng(7)
    theta = state.theta + draws.uniform(-0.3, 0.3, state.theta.shape).astype(state.theta.dtype)
    statistics = state.statistics + draws.uniform(0, 0.5, state.statistics.shape).astype(state.theta.dtype)
    return setup.model(theta, statistics)


def run_by_onnxruntime(model, x, form="array"):
    """The outputs of the exported model, by name."""
    session = onnxruntime.InferenceSession(to_onnx(model, form, "x").content, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds(model, form, x)), strict=True))


def largest_difference(found, expected):
    """Relative to the outputs above 1, absolute below."""
    return float(np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected))))
