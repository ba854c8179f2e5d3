"""Diagrams: every layer with its names and shapes, formulas that are right, and text that no name can break."""

import re
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import HEADS, layer_lists, network_of

from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.maths.activations import ACTIVATIONS, RowActivation
from nnlab.maths.losses import FUSED, LOSSES
from nnlab.networks.diagrams.architecture import architecture
from nnlab.networks.diagrams.diagram import MOST_LAYERS, Names, Scaled
from nnlab.networks.diagrams.operations import FROM_LOGITS, MEANS, SLOPES, TOGETHER, operations
from nnlab.networks.diagrams.text import dot, mermaid
from nnlab.networks.layers.base import Layer
from nnlab.networks.layers.equations import indexed
from nnlab.networks.layers.windows import Windows
from nnlab.networks.layout import ParameterSpec
from nnlab.setup.network import network_for

SIGMOID = next(head for head in HEADS if head[:3] == ("binary", "sigmoid", "binary_cross_entropy"))
NAMES = Names(
    "small",
    "binary",
    "sigmoid",
    "binary_cross_entropy",
    "binary_cross_entropy",
    LOSSES["binary_cross_entropy"].formula,
    ("a", "b", "c"),
    ("yes",),
    from_logits=True,
)

IMAGES = """\
name: images
task: binary
data: {source: portraits}
network:
  layers:
    - {augment: {flip: horizontal, shift: 2}}
    - {conv2d: 6, kernel: 5, activation: {name: prelu, per_unit: true}}
    - {max_pool: 2}
    - {avg_pool: [2, 1]}
    - {conv2d: 4, kernel: 3, padding: same}
    - batch_norm
    - global_avg_pool
    - {noise: 0.1}
    - {dense: 6, activation: {name: swish, learn: [beta]}}
    - layer_norm
    - {dropout: 0.25}
    - {dense: 6, activation: maxout}
"""


def images():
    return network_for(validate(read_text(IMAGES, "images.yaml")), (32, 32, 3), 1)


def lines_of(diagram):
    return {node.name: [*node.lines, *node.back] for node in diagram.nodes}


def test_the_operations_of_a_small_network_are_those_of_the_textbook():
    diagram = operations(network_of(SIGMOID, [2], activation="tanh"), NAMES, MOST_LAYERS)
    assert lines_of(diagram) == {
        "input": ["x: m × 3"],
        "dense1": [
            "z₁ = x W₁ + b₁",
            "z₁: m × 2, W₁: 3 × 2, b₁: 2",
            "dL/dW₁ = xᵀ dL/dz₁",
            "dL/db₁ = Σ dL/dz₁",
        ],
        "tanh1": ["a₁ = tanh(z₁)", "a₁: m × 2", "dL/dz₁ = dL/da₁ · (1 − tanh²(z₁))"],
        "dense2": [
            "z₂ = a₁ W₂ + b₂",
            "z₂: m × 1, W₂: 2 × 1, b₂: 1",
            "dL/dW₂ = a₁ᵀ dL/dz₂",
            "dL/db₂ = Σ dL/dz₂",
            "dL/da₁ = dL/dz₂ W₂ᵀ",
        ],
        "sigmoid": [
            "a₂ = σ(z₂) = 1 / (1 + exp(−z₂))",
            "a₂: m × 1",
            "dL/dz₂ = dL/da₂ · σ(z₂) (1 − σ(z₂))",
            "dL/dz₂ = (a₂ − y) / m: computed together with the loss",
        ],
        "loss: binary_cross_entropy": [
            "L = mean over the m rows of binary_cross_entropy(a₂, y)",
            "y: m × 1",
            "of a row: −(y log a₂ + (1 − y) log(1 − a₂))",
            "computed from the logits z₂: log(1 + exp(z₂)) − y z₂",
            "dL/da₂ = (a₂ − y) / (a₂ (1 − a₂)) / m",
        ],
    }
    back = [(edge.source, edge.target, edge.label) for edge in diagram.edges if edge.is_back]
    assert back == [
        ("layer2", "layer1", "dL/dz₁"),
        ("layer3", "layer2", "dL/da₁"),
        ("activation", "layer3", "dL/dz₂"),
        ("loss", "activation", "dL/da₂"),
    ]


def test_penalties_smoothing_and_weights_are_in_the_derivatives():
    network = network_of(SIGMOID, [{"dense": 2, "l2": 0.5, "l1": 0.25}])
    weighted = replace(network, head=replace(network.head, weighs_rows=True))
    lines = lines_of(operations(weighted, replace(NAMES, smooths=True), MOST_LAYERS))
    assert "dL/dW₁ = xᵀ dL/dz₁ + 0.25 sign(W₁) + 0.5 W₁" in lines["dense1"]
    assert "dL/dz₂ = w · (a₂ − y′) / m: computed together with the loss" in lines["sigmoid"]


@pytest.mark.parametrize("network", [images(), network_of(SIGMOID, [4, 3], activation="prelu")], ids=["images", "flat"])
def test_every_layer_and_every_parameter_is_there_with_its_shape(network):
    given, drawn = lines_of(operations(network, NAMES, MOST_LAYERS)), lines_of(architecture(network, NAMES))
    for layer, shape, behind in zip(network.layers, network.shapes[:-1], network.shapes[1:], strict=True):
        specs = layer.parameter_specs(shape)
        size = f"m × {' × '.join(map(str, behind))}"
        assert any(f": {size}" in line for line in given[layer.name])
        slopes = [line for line in given[layer.name] if line.startswith("dL/d")]
        assert len(slopes) == len(specs) + (layer is not network.layers[0])
        for spec in specs:
            named = f"{spec.name.partition('/')[2]} ({' × '.join(map(str, spec.shape))})"
            assert any(named in line for line in drawn[layer.name])
    assert "{" not in "".join(line for lines in given.values() for line in lines)
    assert {"output", "loss"} <= drawn.keys()


def test_windows_are_told_with_what_decides_the_size_of_the_image_behind_them():
    network = images()
    drawn, given = lines_of(architecture(network, NAMES)), lines_of(operations(network, NAMES, MOST_LAYERS))
    wanted = {
        "conv2d1": ("kernel 5 × 5, stride 1 × 1, no padding", ""),
        "max_pool1": ("kernel 2 × 2, stride 2 × 2, no padding", ""),
        "avg_pool1": ("kernel 2 × 1, stride 2 × 1, no padding", ""),
        "conv2d2": ("kernel 3 × 3, stride 1 × 1, padding same", " (1 + 1 rows and 1 + 1 columns of zeros)"),
    }
    for name, (words, zeros) in wanted.items():
        assert drawn[name][0] == words
        assert any(line.endswith(words + zeros) for line in given[name])
    assert Windows((3, 2), (2, 1), (1, 0)).details == "kernel 3 × 2, stride 2 × 1, padding 1 × 0"


def test_values_that_are_not_learned_are_told():
    leaky = {"dense": 2, "activation": {"name": "leaky_relu", "negative_slope": 0.2}}
    formula = {"dense": 2, "activation": {"formula": "x * sigmoid(beta * x)", "beta": 1.5}}
    network = network_of(SIGMOID, [leaky, formula, {"dense": 2, "activation": "elu"}])
    drawn, given = lines_of(architecture(network, NAMES)), lines_of(operations(network, NAMES, MOST_LAYERS))
    assert drawn["leaky_relu1"] == ["negative_slope=0.2"]
    assert drawn["formula1"] == ["x * sigmoid(beta * x), beta=1.5"]
    assert drawn["elu1"] == []
    assert given["leaky_relu1"][:3] == [
        "a₁ = leaky_relu(z₁) = z₁ if z₁ > 0, else negative_slope · z₁",
        "a₁: m × 2",
        "negative_slope = 0.2",
    ]
    assert given["formula1"][0] == "a₂ = z₂ σ(β z₂)"
    assert given["formula1"][2] == "in the experiment: x * sigmoid(beta * x); β = 1.5"
    assert given["elu1"][2] == "α = 1"


@dataclass(frozen=True)
class Scale(Layer):
    """A layer without formulas of its own."""

    def parameter_specs(self, shape):
        return (ParameterSpec(f"{self.name}/factors", shape),)


def test_a_layer_without_formulas_is_a_function_of_its_name():
    network = network_of(SIGMOID, [2], activation="tanh")
    lines = lines_of(operations(replace(network, layers=(Scale("scale1"), *network.layers)), NAMES, MOST_LAYERS))
    assert lines["scale1"] == ["h₁ = scale(x)", "h₁: m × 3, factors₁: 3", "dL/dfactors₁ = Σ dL/dh₁ · ∂h₁/∂factors₁"]


@given(layer_lists())
@settings(max_examples=20)
def test_any_activation_has_its_formulas(layers):
    network = network_of(SIGMOID, layers)
    text = mermaid(operations(network, NAMES, MOST_LAYERS))
    assert all(f'["{layer.name}<br/>' in text for layer in network.layers)


def value_of(formula, **symbols):
    """What a formula of a derivative is for arrays a, t and z."""
    text = formula.replace("−", "-").replace("{", "").replace("}", "").replace("2 (", "2 * (").replace("a (", "a * (")
    known = {"sign": np.sign, "tanh": np.tanh, "min": np.minimum, "max": np.maximum, "δ": 1.0}
    return eval(text, {}, {**known, **symbols})


@pytest.mark.parametrize("pair", TOGETHER, ids=str)
def test_the_derivative_by_logits_is_that_of_the_head(pair):
    rng = np.random.default_rng(4)
    head, z, t = FUSED[pair], rng.normal(size=(5, 3)), np.eye(3)[rng.integers(3, size=5)]
    a, found = np.empty_like(z), np.empty_like(z)
    head.outputs(z, a)
    head.gradient(z, a, t, found)
    expected = value_of(TOGETHER[pair], a=a, t=t) / (3 if pair[1] in MEANS else 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("pair", FROM_LOGITS, ids=str)
def test_the_loss_of_the_logits_is_that_of_the_head(pair):
    rng = np.random.default_rng(6)
    z, y = rng.normal(size=(5, 3)), np.eye(3)[rng.integers(3, size=5)]
    text = re.sub(r"sum_k (y_k z_k|(?:log\()?[\w +]*exp\(-?z_k\)\)?)", r"total(\1)", FROM_LOGITS[pair]).replace(
        "_k", ""
    )
    text = re.sub(r"log (total\(exp\(-?z\)\))", r"log(\1)", text).replace("y z", "y * z")
    found = eval(text, {}, {"log": np.log, "exp": np.exp, "total": lambda each: each.sum(axis=1), "y": y, "z": z})
    np.testing.assert_allclose(found, FUSED[pair].losses(z, y), rtol=1e-12)


SCALED = Scaled("standardised", "({x} − mean) / deviation", "mean and deviation of the rows")


def test_scaling_is_a_step_before_the_layers_and_that_of_targets_is_undone_behind_them():
    linear = next(head for head in HEADS if head[:3] == ("regression", "identity", "mse"))
    mse = LOSSES["mse"].formula
    names = Names("small", "regression", "", "mse", "mse", mse, scaled=SCALED, scales_targets=True)
    network = network_of(linear, [2], activation="tanh")
    given, drawn = operations(network, names, MOST_LAYERS), architecture(network, names)
    lines = lines_of(given)
    assert [*lines] == [
        "input", "inputs: standardised", "dense1", "tanh1", "dense2", "loss: mse", "outputs: scaling undone",
    ]  # fmt: skip
    assert lines["inputs: standardised"][0] == "h₁ = (x − mean) / deviation"
    assert lines["dense1"][0] == "z₁ = h₁ W₁ + b₁"
    assert any("y = (target − mean) / deviation" in line for line in lines["loss: mse"])
    assert lines["outputs: scaling undone"][0].startswith("z₂ · deviation + mean")
    for diagram, end in ((given, "output"), (drawn, "unscaling")):
        edges = [(edge.source, edge.target) for edge in diagram.edges if not edge.is_back]
        assert {("layer3", "loss"), ("layer3", end), ("input", "scaling"), ("scaling", "layer1")} <= {*edges}
        assert len(edges) == len(diagram.nodes) - 1
    assert lines_of(drawn)["loss"] == ["mse", "of standardised targets"]
    assert not {"scaling undone", "standardised"} & lines_of(architecture(network, NAMES)).keys()


def test_images_become_rows_before_a_dense_layer_without_a_flatten_layer():
    experiment = validate(read_text(IMAGES.replace("    - global_avg_pool\n", ""), "images.yaml"))
    network = network_for(experiment, (32, 32, 3), 1)
    given, drawn = operations(network, NAMES, MOST_LAYERS), architecture(network, NAMES)
    assert lines_of(given)["flatten"] == ["h₆ = h₅ as one row", "h₆: m × 392", "dL/dh₅ = dL/dh₆ as an image"]
    assert lines_of(given)["dense1"][0] == "z₃ = h₆ W₃ + b₃"
    assert lines_of(drawn)["flatten"] == ["392 units"]
    for diagram in (given, drawn):
        keys = [node.key for node in diagram.nodes]
        assert keys[keys.index("flatten10") - 1 :][:3] == ["layer9", "flatten10", "layer10"]
    explicit = validate(read_text(IMAGES.replace("- global_avg_pool", "- flatten"), "images.yaml"))
    assert "flatten" not in lines_of(operations(network_for(explicit, (32, 32, 3), 1), NAMES, MOST_LAYERS))


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if isinstance(entry, RowActivation)])
def test_activations_of_rows_are_written_with_indices(name):
    network = network_of(SIGMOID, [{"dense": 4, "activation": name}])
    value, size, where, *back = lines_of(operations(network, NAMES, MOST_LAYERS))[f"{name}1"]
    assert (value, back) == (f"a₁ = {name}(z₁)", ["dL/dz₁ = dL/da₁ J"])
    assert size in ("a₁: m × 4", "a₁: m × 2")
    assert "J = ∂a₁/∂z₁ of a row: " in where
    assert not re.search(r"_[jk]|sum_|sigmoid|[*]|-", where)


@pytest.mark.parametrize(
    ("formula", "single", "several"),
    [
        ("-sum_k y_k log a_k", "−t log a₂", "−Σₖ tₖ log a₂ₖ"),
        ("mean_k (a_k - y_k)²", "(a₂ − t)²", "1/K Σₖ (a₂ₖ − tₖ)²"),
        ("exp(x_k) / sum_j exp(x_j)", "exp(x) / Σⱼ exp(xⱼ)", "exp(xₖ) / Σⱼ exp(xⱼ)"),
        ("h(r) = 1 if |r| <= delta", "h(r) = 1 if |r| ≤ δ", "h(r) = 1 if |r| ≤ δ"),
    ],
)
def test_formulas_with_indices_take_the_symbols_of_a_network(formula, single, several):
    symbols = {"a": "a₂", "y": "t"}
    assert indexed(formula, symbols, is_single=True) == single
    assert indexed(formula, symbols) == several


def test_texts_explain_the_signs_that_occur_and_no_others():
    diagram = operations(network_of(SIGMOID, [2], activation="relu"), NAMES, MOST_LAYERS)
    for text in (mermaid(diagram).replace("<br/>", " "), dot(diagram).replace("\\n", " ")):
        for words in ("m: rows of a batch", "1 where this holds, else 0", "σ(x) = 1 / (1 + exp(−x))", "the chain rule"):
            assert words in text
        assert "k-th" not in text


@pytest.mark.parametrize("loss", [name for name in SLOPES if LOSSES[name].slope])
def test_the_derivative_by_outputs_is_that_of_the_loss(loss):
    rng = np.random.default_rng(5)
    a, t = rng.uniform(0.1, 0.9, size=(5, 3)), np.eye(3)[rng.integers(3, size=5)]
    chosen = {p.name: p.default for p in LOSSES[loss].parameters if p.name != "smoothing"}
    found = np.empty_like(a)
    LOSSES[loss].slope(a, t, found, **chosen)
    expected = value_of(SLOPES[loss], a=a, t=t) / (3 if loss in MEANS else 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_deep_network_is_cut_in_the_middle():
    network = network_of(SIGMOID, [2] * 100, activation="tanh")
    for diagram, most in ((architecture(network, NAMES), MOST_LAYERS), (operations(network, NAMES, 12), 12)):
        layers = [node for node in diagram.nodes if node.kind == "layer"]
        (gap,) = (node for node in diagram.nodes if node.kind == "left out")
        assert len(layers) == most
        assert gap.left_out == len(network.layers) - most
        assert (layers[0].name, layers[-1].name) == ("dense1", "dense101")
        keys = [node.key for node in diagram.nodes]
        assert [(e.source, e.target) for e in diagram.edges if not e.is_back] == [*pairwise(keys)]
    assert "z₁₀₁ = a₁₀₀ W₁₀₁ + b₁₀₁" in lines_of(diagram)["dense101"]


HOSTILE = 'a "b"] --> c; %%{init: {}}%% <script> & `x` #quot; $$y$$ | {} \\ \n end \x1b[31m'
LABEL = r'"(?:[^"&<>`\[\]{}|\\$%\n]|<br/>)*"'
NODE = rf"  \w+(?:\[{LABEL}\]|\(\[{LABEL}\]\)|\{{\{{{LABEL}\}}\}})"
EDGE = rf"  \w+ (?:-->|-\.->)(?:\|{LABEL}\|)? \w+"


@pytest.mark.parametrize("draw", [architecture, lambda *about: operations(*about, MOST_LAYERS)])
def test_no_name_breaks_mermaid(draw):
    hostile = replace(NAMES, title=HOSTILE, inputs=(HOSTILE,) * 3, outputs=(HOSTILE,), loss_label=HOSTILE)
    first, kind, *lines = mermaid(draw(network_of(SIGMOID, [2], activation="tanh"), hostile)).splitlines()
    assert first.startswith("%%{init: ")
    assert re.fullmatch("flowchart (LR|TB)", kind)
    assert [line for line in lines if not re.fullmatch(f"{NODE}|{EDGE}", line)] == []
    assert "#34;b#34;#93; --#62; c; #37;#37;#123;init" in "".join(lines)
    assert "#35;quot;" in "".join(lines)


def test_no_name_breaks_dot():
    hostile = replace(NAMES, title=HOSTILE, inputs=(HOSTILE,) * 3)
    first, *lines, last = dot(architecture(network_of(SIGMOID, [2]), hostile)).splitlines()
    text = r'"(?:[^"\\\n]|\\[\\"n])*"'
    assert re.fullmatch(rf"digraph {text} {{", first)
    statement = rf"  (rankdir=LR|(node|edge) \[.*\]|\w+ \[label={text}\]|\w+ -> \w+ \[label={text}\])"
    assert [line for line in lines if not re.fullmatch(statement, line)] == []
    assert last == "}"
    assert "&amp; `x`" in first
