"""`nnlab gradcheck`: good networks pass, a wrong slope does not, and it says which entry is how wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support import HOUSES, NOTEBOOKS, XOR, nnlab, nnlab_here, parse_json, trained, write

from nnlab.maths.activations import ACTIVATIONS

WRONG = NOTEBOOKS / "wrong_relu.py"
WRONG_CONFIG = NOTEBOOKS / "gradcheck-wrong-relu.yaml"

# Everything that has a derivative: two layers and weight decay. The biases keep rows away from the kink of relu, where
# a layer whose inputs are all 0 would stand exactly.
IRIS = """\
name: iris
task: multiclass
data: {source: iris, scale: standard}
network:
  layers: [4, 3]
  activation: ACTIVATION
  l2: 0.01
  init: {bias: {name: constant, value: 0.1}}
training:
  steps: 5
  batch_size: 32
"""


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if not entry.untrainable])
def test_a_network_of_every_activation_passes(name, tmp_path):
    layers = "[4, 4]" if name in ("maxout", "glu") else "[4, 3]"  # these want pairs of inputs
    # At alpha = 0 its second derivative by alpha jumps, which central differences see as an error of order epsilon.
    word = "{name: soft_exponential, alpha: 0.3}" if name == "soft_exponential" else name
    path = write(tmp_path, IRIS.replace("ACTIVATION", word).replace("[4, 3]", layers))
    result = nnlab_here("gradcheck", path, "--steps", "2", "--epsilon", "1e-6", cwd=tmp_path)
    assert result.exit_code == 0, result.stdout + result.stderr
    assert re.fullmatch(r"passed: \d+ parameters, before 2 updates\n", result.stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("task=regression", "data.source=houses", "data.scale=standard", "network.head.activation=softplus"),
        ("task=multilabel", "data.source=digit-traits", "network.layers=[3]", "training.batch_size=8"),
        ("task=binary", "data.source=moons", "network.head={logits: false}"),
        ("task=binary", "data.source=moons", "network.head={activation: tanh, loss: mse}"),
        ("task=multiclass", "network.head={activation: sigmoid, loss: binary_cross_entropy}"),
    ],
    ids=" ".join,
)
def test_a_network_of_every_head_passes(words, tmp_path):
    path = write(tmp_path, IRIS.replace("ACTIVATION", "tanh"))
    sets = [part for word in words for part in ("--set", word)]
    result = nnlab_here("gradcheck", path, *sets, "--epsilon", "1e-6", cwd=tmp_path)
    assert result.exit_code == 0, result.stdout + result.stderr


def test_a_wrong_slope_is_exit_code_6_and_the_tensor_is_named(tmp_path):
    result = nnlab("gradcheck", WRONG_CONFIG, "--plugin", WRONG, cwd=tmp_path, COLUMNS="200")
    assert result.returncode == 6
    assert result.stdout == "FAILED: 9 parameters, before 1 update\n"
    assert result.stderr.splitlines()[-1] == "the gradient check failed"
    assert re.search(r"dense1/weights +4 +dense1/weights\[0,1\] .* 0\.0166 +FAILED", result.stderr)
    assert re.search(r"dense2/weights +2 .* ok", result.stderr)
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


# The notebook's errors before its first and last update, W[input, unit].
FIRST = [0.009553759081618741, 0.01659580038025486, 0.015082221024459538, 0.0010707528303343465]
LAST = [0.05602457165528163, 0.02437353261069394, 0.018964818393037867, 0.005509518372803474]
FIRST_BIAS, LAST_BIAS = [0.01508222105951484, 0.0010707528293985307], [0.17278436092667585, 0.005509518358982193]


def test_json_holds_every_parameter_before_every_update(tmp_path):
    result = nnlab_here("gradcheck", WRONG_CONFIG, "--plugin", WRONG, "--steps", "10", "--json", cwd=tmp_path)
    found = parse_json(result.stdout)
    assert result.exit_code == 6
    assert result.stderr == "the gradient check failed\n"
    assert (found["passed"], found["method"], found["epsilon"], found["threshold"]) == (False, "central", 1e-7, 1e-8)
    assert [(step["step"], step["passed"]) for step in found["steps"]] == [(n, False) for n in range(1, 11)]
    names = [f"dense1/weights[{i},{j}]" for i in range(2) for j in range(2)] + ["dense1/bias[0]", "dense1/bias[1]"]
    names += ["dense2/weights[0,0]", "dense2/weights[1,0]", "dense2/bias[0]"]
    assert all([entry["parameter"] for entry in step["entries"]] == names for step in found["steps"])
    for number, expected in ((0, FIRST + FIRST_BIAS), (9, LAST + LAST_BIAS)):
        errors = [entry["error"] for entry in found["steps"][number]["entries"]]
        np.testing.assert_allclose(errors[:6], expected, rtol=0, atol=1e-12)
        assert max(errors[6:]) <= 1e-8


def test_the_error_is_the_difference_of_the_two_derivatives(tmp_path):
    result = nnlab_here("gradcheck", XOR, "--json", cwd=tmp_path)
    found = parse_json(result.stdout)
    assert (result.exit_code, found["passed"]) == (0, True)
    for entry in found["steps"][0]["entries"]:
        assert entry["error"] == abs(entry["numeric"] - entry["analytic"])


def test_the_steps_are_those_of_the_training(tmp_path):
    """Before update 3 the weights are those that two updates give, so that a run of two steps has the same gradient."""
    path = write(tmp_path, HOUSES)
    run = trained(tmp_path, path, "--set", "training.steps=2")
    later = parse_json(nnlab_here("gradcheck", path, "--steps", "3", "--json", cwd=tmp_path).stdout)["steps"][2]
    first = parse_json(nnlab_here("gradcheck", run, "--json", cwd=tmp_path).stdout)["steps"][0]
    assert later["entries"] == first["entries"]


def test_no_more_steps_are_checked_than_the_training_has(tmp_path):
    path = write(tmp_path, HOUSES)
    words = ("--steps", "9", "--set", "training.steps=4", "--json")
    assert len(parse_json(nnlab_here("gradcheck", path, *words, cwd=tmp_path).stdout)["steps"]) == 4


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_run_is_checked_at_its_own_weights(precision, tmp_path):
    words = ("--set", f"precision={precision}", "--set", "training.steps=50", "--set", "gates=[]")
    run = trained(tmp_path, XOR, *words)
    for word in ("latest", str(run), run.name):
        result = nnlab_here("gradcheck", word, "--json", cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
    fresh = parse_json(nnlab_here("gradcheck", XOR, "--json", cwd=tmp_path).stdout)
    assert parse_json(result.stdout)["steps"][0]["entries"] != fresh["steps"][0]["entries"]


def test_a_run_in_float32_is_checked_in_float64(tmp_path):
    """In float32 no difference could come near the threshold."""
    result = nnlab_here("gradcheck", XOR, "--set", "precision=float32", "--json", cwd=tmp_path)
    assert max(entry["error"] for entry in parse_json(result.stdout)["steps"][0]["entries"]) < 1e-8


def test_a_threshold_that_no_difference_can_meet_fails(tmp_path):
    result = nnlab_here("gradcheck", XOR, "--threshold", "1e-20", cwd=tmp_path)
    assert result.exit_code == 6


def test_a_run_with_a_plugin_is_checked_with_it(tmp_path):
    trained(tmp_path, WRONG_CONFIG, "--plugin", WRONG)
    assert nnlab_here("gradcheck", "latest", "--plugin", WRONG, cwd=tmp_path).exit_code == 6
    assert nnlab_here("gradcheck", "latest", cwd=tmp_path).exit_code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--steps", "0"), "at least 1"),
        (("--steps", " 5 "), "found ' 5 ', expected a whole number"),
        (("--epsilon", "nan"), "found 'nan', expected a number above 0"),
        (("--epsilon", "0"), "found '0', expected a number above 0"),
        (("--epsilon", "-1"), "found '-1', expected a number above 0"),
        (("--epsilon", " 1 "), "found ' 1 ', expected a number above 0"),
        (("--epsilon", "1_0"), "found '1_0', expected a number above 0"),
        (("--threshold", "inf"), "found 'inf', expected a number above 0"),
        (("--threshold", "1e999"), "found '1e999', expected a number above 0"),
        (("--treshold", "1"), "--threshold"),
        (("--set", "task=binry"), "binary"),
    ],
)
def test_a_wrong_word_is_refused(words, message, tmp_path):
    result = nnlab_here("gradcheck", XOR, *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("target", ["nothing", "nothing.yaml", "", "latest", "a\nb"])
def test_a_target_that_is_neither_file_nor_run_is_refused_in_one_line(target, tmp_path):
    result = nnlab_here("gradcheck", target, cwd=tmp_path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_another_network_than_the_weights_is_refused(tmp_path):
    trained(tmp_path, XOR)
    result = nnlab_here("gradcheck", "latest", "--set", "network.layers=[3]", cwd=tmp_path)
    assert result.exit_code == 2


# --- a check while training ------------------------------------------------------------------------------------------


def test_a_failed_check_stops_a_training_with_exit_code_6_and_names_the_worst_entry(tmp_path):
    words = ("--plugin", WRONG, "--set", "training.gradcheck.on_failure=stop", "--set", "gates=[]")
    result = nnlab_here("train", WRONG_CONFIG, *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (6, "")
    assert "before update 1 failed: dense1/weights[0,1] is" in result.stderr
    assert "Traceback" not in result.stderr
