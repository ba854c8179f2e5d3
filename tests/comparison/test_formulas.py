"""A formula that says a built-in activation is that activation: the same weights for every seed."""

import json

import pytest
from support import HOUSES, nnlab_here, write

pytestmark = pytest.mark.usefixtures("quick_pictures")


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_formula_and_its_name_train_to_the_same_weights(precision, tmp_path):
    write(tmp_path, HOUSES.replace("float64", precision) + "network: {layers: [4, 3]}\n")
    texts = ["silu", "x * sigmoid(x)", "sigmoid(x)*x", "smish", "x * tanh(log1p(sigmoid(x)))"]
    arms = [word for text in texts for word in ("-a", text)]
    result = nnlab_here("compare-activations", "experiment.yaml", *arms, "--seeds", "2", "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    arms = json.loads((tmp_path / result.stdout.strip() / "summary.json").read_text())["arms"]
    weights = {text: arm["weights"] for text, arm in zip(texts, arms.values(), strict=True)}
    assert weights["silu"] == weights["x * sigmoid(x)"] == weights["sigmoid(x)*x"]
    assert weights["smish"] == weights["x * tanh(log1p(sigmoid(x)))"] != weights["silu"]
