"""Networks as PyTorch modules: names and code, and, where PyTorch is installed, what they compute."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from exported import CONFIGS, WIDE, largest_difference, model_of, model_of_config

from nnlab.errors import ConfigError
from nnlab.exports.onnx import layers
from nnlab.exports.tensors import content_of
from nnlab.exports.torch.code import code_of
from nnlab.exports.torch.modules import ELEMENTWISE, HEADS, MODULES, ROWWISE, modules_of, torch_tensors
from nnlab.maths.activations import ACTIVATIONS

HEAD = {"dense": False, "activation": "identity", "loss": "mse"}
LACKING = {
    "swish", "squareplus", "sparse_plus", "sparse_sigmoid", "exponential", "gaussian", "sin", "snake", "bent_identity",
    "soft_exponential", "sparsemax", "maxout", "heaviside", "identity",
}  # fmt: skip
CHOICES = {
    **{name: {"name": name} for name in ACTIVATIONS if name not in LACKING},
    "softplus": {"name": "softplus", "beta": 0.7},
    "elu": {"name": "elu", "alpha": 1.4},
    "relu up to 3": {"name": "relu", "max_value": 3.0},
    "relu with a slope": {"name": "relu", "negative_slope": 0.2},
    "prelu": {"name": "prelu", "per_unit": True},
    "prelu that does not learn": {"name": "prelu", "learn": []},
    "leaky_relu that learns": {"name": "leaky_relu", "learn": ["negative_slope"]},
    "swish": {"name": "swish", "beta": 1.0},
    "celu": {"name": "celu", "alpha": 0.6},
    "rrelu": {"name": "rrelu", "lower": 0.1, "upper": 0.4},
    "threshold": {"name": "threshold", "threshold": 0.3, "value": 0.1},
}
IMAGE_LAYERS = [
    {"augment": {"flip": "both"}},
    {"conv2d": 4, "kernel": [3, 2], "padding": "same", "activation": {"name": "prelu", "per_unit": True}},
    {"batch_norm": True},
    {"noise": 0.1},
    {"max_pool": 2, "stride": 1},
    {"conv2d": 6, "kernel": 3, "padding": [1, 2], "stride": [2, 1], "activation": "softmin"},
    {"layer_norm": True},
    {"avg_pool": 2, "stride": 1},
    {"dropout": 0.2},
]
ENDS = {
    "flatten": ["flatten", {"dense": 5, "activation": "tanh"}, {"batch_norm": True}],
    "global_avg_pool": ["global_avg_pool", {"layer_norm": True}],
    "dense": [{"dense": 4, "activation": "log_softmax"}],
}


def one_layer(folder, choice, precision="float32"):
    x = np.stack([np.roll(WIDE, 7 * column) for column in range(6)], axis=1)
    outputs = 3 if choice.get("name") == "glu" else 6
    return model_of(folder, [{"activation": choice}], x=x, precision=precision, outputs=outputs, head=HEAD), x


def image_model(folder, end, precision):
    x = np.random.default_rng(3).normal(size=(9, 7, 8, 2))
    model = model_of(folder, [*IMAGE_LAYERS, *ENDS[end]], x=x, precision=precision, outputs=2)
    return model, x.transpose(0, 3, 1, 2).reshape(9, -1)


def written(folder, model):
    """The files of a model: tensors, and the code beside them."""
    modules = modules_of(model)
    (folder / "one.safetensors").write_bytes(content_of(model, torch_tensors(modules), "torch"))
    code = folder / "one.py"
    code.write_text(code_of(model, modules, "one.safetensors", "in this order: y"), encoding="utf-8")
    return code


def test_names_shapes_and_code_are_those_of_a_sequential(tmp_path):
    model, _ = image_model(tmp_path, "flatten", "float32")
    tensors = torch_tensors(modules_of(model))
    shapes = {name: array.shape for name, array in tensors.items()}
    assert shapes["2.weight"] == (4, 2, 3, 2)  # behind augment and the margins
    assert shapes["3.weight"] == (4,)
    assert {name for name in shapes if name.startswith("4.")} == {
        f"4.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    }
    code = written(tmp_path, model).read_text(encoding="utf-8")
    compile(code, "one.py", "exec")
    for line in ("nn.Conv2d(2, 4, kernel_size=(3, 2), stride=(1, 1)),  # 2: conv2d1", "nn.PReLU(4),  # 3: prelu1"):
        assert line in code


def test_every_entry_has_a_module_or_is_refused(tmp_path):
    assert (ELEMENTWISE.keys() | ROWWISE.keys()) - {"swish"} == ACTIVATIONS.keys() - LACKING
    for name in sorted(LACKING - {"identity", "heaviside", "swish", "maxout"}):
        model, _ = one_layer(tmp_path, {"name": name})
        with pytest.raises(ConfigError, match=f"{name}1: found {name}.*of which PyTorch has no module"):
            modules_of(model)
    learned = [
        {"name": "swish", "learn": ["beta"]},
        {"name": "swish", "beta": 2.0},
        {"formula": "x + sin(x)"},
        {"name": "gcu"},
    ]
    words = ["swish with a learned beta", "swish beta=2", r"formula x \+ sin\(x\)", "gcu"]
    for choice, found in zip(learned, words, strict=True):
        with pytest.raises(ConfigError, match=f"found {found}, of which PyTorch has no module"):
            modules_of(one_layer(tmp_path, choice)[0])


def test_tables_are_those_of_onnx():
    assert (MODULES.keys(), HEADS.keys()) == (layers.LAYERS.keys(), layers.HEADS.keys())


# --- in PyTorch -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded():
    """A function that loads the written code and weights of a model in PyTorch."""
    pytest.importorskip("torch")

    def load(folder, model):
        spec = importlib.util.spec_from_file_location("one", written(folder, model))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module, module.load(str(Path(folder) / "one.safetensors"))

    return load


@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-6), ("float64", 1e-12)])
def test_every_activation_is_the_same_in_pytorch(precision, bound, loaded, tmp_path):
    found = {}
    for name, choice in CHOICES.items():
        model, x = one_layer(tmp_path, choice, precision)
        module, network = loaded(tmp_path, model)
        found[name] = largest_difference(module.predict(network, x).numpy(), model.outputs(x))
    assert {name: far for name, far in found.items() if not far < bound} == {}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-6), ("float64", 1e-12)])
def test_every_layer_is_the_same_in_pytorch(precision, bound, end, loaded, tmp_path):
    model, x = image_model(tmp_path, end, precision)
    module, network = loaded(tmp_path, model)
    assert largest_difference(module.predict(network, x).numpy(), model.outputs(x)) < bound


@pytest.mark.parametrize("name", CONFIGS)
def test_tables_and_heads_are_the_same_in_pytorch(name, loaded, tmp_path):
    model, x = model_of_config(name)
    module, network = loaded(tmp_path, model)
    assert largest_difference(module.predict(network, x).numpy(), model.outputs(x)) < 1e-12
