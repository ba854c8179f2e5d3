"""Every activation, formula and layer as ONNX, run by onnxruntime and by the reference evaluator of onnx."""

from dataclasses import replace

import numpy as np
import pytest
from exported import CONFIGS, WIDE, largest_difference, model_of, model_of_config, random_model, run_by_onnxruntime
from hypothesis import given, settings
from hypothesis import strategies as st
from support import write

from nnlab import api
from nnlab.errors import ConfigError
from nnlab.exports.onnx.activations import ELEMENTWISE, ROWWISE
from nnlab.exports.onnx.check import reference_outputs
from nnlab.exports.onnx.formulas import OPERATIONS
from nnlab.exports.onnx.layers import HEADS, LAYERS
from nnlab.exports.onnx.model import to_onnx
from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.expressions.tree import OPERATIONS as KNOWN
from nnlab.maths.literature import LITERATURE
from nnlab.maths.losses.heads import CLASSES, FUSED, TEXTBOOK
from nnlab.networks.layers.base import Layer
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.layer_norm import LayerNormalization

HEAD = {"dense": False, "activation": "identity", "loss": "mse"}
BOUNDS = {"float32": 1e-5, "float64": 1e-12}
ROUGH = {"gelu": 1e-6}  # in float64: onnxruntime has no erf of float64
OWN = {"maxout": {"pieces": 3}, "soft_exponential": {"alpha": -0.005, "learn": []}, "relu": {"max_value": 3.0}}
UNTRAINED = ("identity", "heaviside")  # no layer at all, and one that no experiment may have
LEARNED = [
    {"name": "prelu", "per_unit": True},
    {"name": "swish", "beta": 1.3, "learn": ["beta"], "per_unit": True},
    {"name": "softplus", "beta": 0.8, "learn": ["beta"]},
    {"name": "squareplus", "b": 2.0, "learn": ["b"]},
    {"name": "soft_shrink", "learn": ["threshold"], "per_unit": True},
    {"name": "relu", "negative_slope": 0.1, "max_value": 4.0, "threshold": 0.5, "learn": ["max_value", "threshold"]},
    {"name": "celu", "learn": ["alpha"]},
    {"name": "soft_exponential", "alpha": 0.2},
    {"formula": "x * sigmoid(beta * x) + c", "beta": 1.5, "c": 0.1, "learn": ["beta"], "per_unit": True},
]
FORMULAS = [
    "exp(-abs(x)) + expm1(x / 50) + sinh(x / 60) * cosh(x / 60)",
    "log(1 + x**2) - log1p(exp(-abs(x))) + sqrt(x**2 + pi)",
    "sin(x) * cos(2 * x) + tan(sin(x / 9)) - arctan(x) + erf(x)",
    "tanh(x) + tanh_slope(x) + sigmoid(x) * sigmoid_slope(x) + softplus(x) - log_sigmoid(-x)",
    "where(x > 1 or not x >= -1, relu(x), where(0 < x and x <= 1, x, 0)) + clip(x, -2, 2)",
    "max(x, 0.1 * x, -3) - min(x, 2) + abs(x) / (1 + abs(x)) + sign(x) * x**2 / 100 + abs(x)**1.5 / 9",
]


def inputs(columns=6):
    """Pre-activations far and near, in another order in each column."""
    return np.stack([np.roll(WIDE, 7 * column) for column in range(columns)], axis=1)


@pytest.fixture(scope="module", params=["float32", "float64"])
def differences(request, tmp_path_factory):
    """By activation, how far onnxruntime is from nnlab: one layer of it alone, for numbers from -90 to 90."""
    folder, found, x = tmp_path_factory.mktemp("activations"), {}, inputs()
    choices = {name: {"name": name, **OWN.get(name, {})} for name in ACTIVATIONS if name not in UNTRAINED}
    choices |= {f"learned {number}": choice for number, choice in enumerate(LEARNED)}
    for name, choice in choices.items():
        outputs = {"maxout": 2, "glu": 3}.get(name, 6)
        layers = [{"activation": choice}]
        model = model_of(folder, layers, x=x, precision=request.param, outputs=outputs, head=HEAD)
        with np.errstate(all="ignore"):
            expected = model.outputs(x)
        whole = np.isfinite(expected).all(axis=1)
        assert whole.mean() > 0.9, name
        ours = run_by_onnxruntime(model, x[whole])["output"]
        theirs = reference_outputs(to_onnx(model, "array", "x"), model, "array", x[whole])
        found[name] = max(largest_difference(one, expected[whole]) for one in (ours, theirs))
    return request.param, found


def test_every_activation_gives_what_nnlab_gives(differences):
    precision, found = differences
    bound = BOUNDS[precision]
    rough = ROUGH if precision == "float64" else {}
    assert {name: far for name, far in found.items() if not far <= rough.get(name, bound)} == {}


def test_heaviside_is_a_comparison(tmp_path):
    x = inputs(2)
    model = model_of(tmp_path, [{"activation": "tanh"}], x=x, head=HEAD)
    step = Elementwise("heaviside1", ACTIVATIONS["heaviside"], {})
    model = replace(model, network=replace(model.network, layers=(step,)))
    assert (run_by_onnxruntime(model, x)["output"] == (x > 0)).all()


def test_an_activation_without_an_entry_goes_over_by_its_formula(tmp_path, monkeypatch):
    x = inputs(2)
    for name in ("gelu", "snake", "leaky_relu"):
        monkeypatch.delitem(ELEMENTWISE, name)
        model = model_of(tmp_path, [{"activation": name}], x=x, head=HEAD)
        assert largest_difference(run_by_onnxruntime(model, x)["output"], model.outputs(x)) < 1e-5


def test_a_layer_without_an_entry_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.delitem(LAYERS, LayerNormalization)
    model = model_of(tmp_path, [{"layer_norm": True}], x=inputs(2))
    with pytest.raises(ConfigError, match="layer_norm1: found a layer that nnlab has no form of in ONNX"):
        to_onnx(model, "array", "x")


def test_tables_hold_every_entry():
    elementwise = {name for name, entry in ACTIVATIONS.items() if isinstance(entry, Activation)}
    assert (set(ELEMENTWISE), set(ROWWISE)) == (elementwise, ACTIVATIONS.keys() - elementwise)
    assert set(OPERATIONS) == set(KNOWN)
    assert {head.outputs for table in (FUSED, CLASSES, TEXTBOOK) for head in table.values()} <= set(HEADS)


def test_every_kind_of_layer_is_there():
    def kinds(of):
        return {kind for one in of.__subclasses__() for kind in ({one} | kinds(one))}

    concrete = {kind for kind in kinds(Layer) if "bind" in vars(kind) and kind.__module__.startswith("nnlab.networks")}
    assert set(LAYERS) == concrete


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_formulas_go_over_operator_by_operator(precision, tmp_path):
    x = inputs(2)
    for text in FORMULAS:
        model = model_of(tmp_path, [{"activation": {"formula": text}}], x=x, precision=precision, head=HEAD)
        found = run_by_onnxruntime(model, x)["output"]
        bound = 3e-6 if precision == "float64" else 1e-5  # of float64 some operators are computed in float32
        assert largest_difference(found, model.outputs(x)) < bound, text


def test_functions_of_the_literature_go_over_by_their_formulas(tmp_path):
    x = inputs(2)
    for name in ["hat", *list(LITERATURE)[::9]]:
        model = model_of(tmp_path, [{"activation": name}], x=x, head=HEAD)
        assert largest_difference(run_by_onnxruntime(model, x)["output"], model.outputs(x)) < 1e-5, name


SMALL = st.recursive(
    st.sampled_from(["x", "0.5", "2", "x"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["tanh", "sigmoid", "relu", "softplus", "sin"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    ),
    max_leaves=6,
).filter(lambda text: "x" in text.replace("max", ""))


@settings(max_examples=20, deadline=None)
@given(text=SMALL)
def test_any_formula_is_what_it_was(text, tmp_path_factory):
    x = np.linspace(-3, 3, 26).reshape(13, 2)
    folder = tmp_path_factory.mktemp("formula")
    model = model_of(folder, [{"activation": {"formula": text}}], x=x, precision="float64", head=HEAD)
    assert largest_difference(run_by_onnxruntime(model, x)["output"], model.outputs(x)) < 1e-12


IMAGE_LAYERS = [
    {"augment": {"flip": "horizontal", "shift": 1}},
    {"conv2d": 4, "kernel": [3, 2], "padding": "same", "activation": {"name": "prelu", "per_unit": True}},
    {"batch_norm": True},
    {"noise": 0.1},
    {"max_pool": 2, "stride": 1},
    {"conv2d": 6, "kernel": 3, "padding": [1, 2], "stride": [2, 1], "activation": {"name": "maxout", "pieces": 2}},
    {"layer_norm": True},
    {"activation": "sparsemax"},
    {"avg_pool": 2, "stride": 1},
    {"dropout": 0.2},
]
ENDS = {
    "flatten": ["flatten", {"dense": 5, "activation": "tanh"}],
    "global_avg_pool": ["global_avg_pool", {"layer_norm": True}, {"batch_norm": True}],
    "dense": [{"dense": 4, "activation": "log_softmax"}],
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_layers_of_images_give_what_nnlab_gives(precision, end, tmp_path):
    x = np.random.default_rng(3).normal(size=(9, 7, 8, 2))
    model = model_of(tmp_path, [*IMAGE_LAYERS, *ENDS[end]], x=x, precision=precision, outputs=2)
    flat = x.transpose(0, 3, 1, 2).reshape(9, -1)
    found = run_by_onnxruntime(model, flat)["output"]
    assert np.ptp(found) > 1e-3
    assert largest_difference(found, model.outputs(flat)) < 1e-5
    # onnxruntime has neither convolutions nor means over windows of float64
    expected = ("AveragePool", "Conv") if precision == "float64" else ()
    assert to_onnx(model, "array", "x").in_single == expected


@pytest.mark.parametrize("name", CONFIGS)
def test_tables_and_heads_give_what_nnlab_gives(name):
    model, x = model_of_config(name)
    form = "array" if model.columns.image else "columns"
    found, expected = run_by_onnxruntime(model, x, form), model.outputs(x)
    bound = 1e-5 if to_onnx(model, form, "x").in_single else 1e-12
    assert largest_difference(found["output"], expected) < bound
    if model.experiment.task == "multilabel":
        assert (found["label"] == (expected > 0.5)).all()
    elif model.experiment.task != "regression":
        places = expected.argmax(axis=1) if expected.shape[1] > 1 else expected[:, 0] > 0.5
        assert found["label"].tolist() == [model.columns.classes[int(place)] for place in places]


def test_a_column_with_the_name_of_an_output_is_refused(tmp_path):
    write(tmp_path, "output,b,y\n1,2,3\n2,1,4\n3,5,1\n4,4,4\n5,1,0\n", "t.csv")
    text = "name: t\ntask: regression\ndata: {source: t.csv, target: y}\ntraining: {steps: 1, batch_size: all}\n"
    model = random_model(api.resolve(write(tmp_path, text)).setup())
    with pytest.raises(ConfigError, match="--inputs: found a column named output"):
        to_onnx(model, "columns", "t")
    assert to_onnx(model, "array", "t").in_single == ()
