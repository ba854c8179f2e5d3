"""`nnlab gradcheck`: good networks pass, a wrong slope does not, and it says which entry is how wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support import HOUSES, NOTEBOOKS, XOR, nnlab, nnlab_here, parse_json, trained, write

from nnlab.maths.activations import ACTIVATIONS

pytestmark = pytest.mark.usefixtures("no_pictures")

WRONG = NOTEBOOKS / "wrong_relu.py"
WRONG_CONFIG = NOTEBOOKS / "gradcheck-wrong-relu.yaml"

CENTRAL_JSON = ("--method", "central", "--json")

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
    path = write(tmp_path, IRIS.replace("ACTIVATION", name).replace("[4, 3]", layers))
    result = nnlab_here("gradcheck", path, "--steps", "2", cwd=tmp_path)
    assert result.exit_code == 0, result.stdout + result.stderr
    words = r"passed: \d+ parameters at 2 points, [\d.]+% tested, no error above (\S+?)(, .*)?\n"
    found = re.fullmatch(words, result.stdout)
    assert found, result.stdout
    # At alpha = 0 the value of soft_exponential is another formula, whose limit no complex step can see.
    alone = ", soft_exponential1/alpha and soft_exponential2/alpha by differences alone"
    assert found[2] == (alone if name == "soft_exponential" else None)
    assert float(found[1]) < (1e-4 if found[2] else 1e-10)


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
    result = nnlab_here("gradcheck", path, *sets, "--steps", "1", cwd=tmp_path)
    assert result.exit_code == 0, result.stdout + result.stderr
    words = ("--method", "central", "--epsilon", "1e-6")
    assert nnlab_here("gradcheck", path, *sets, *words, cwd=tmp_path).exit_code == 0


def test_a_wrong_slope_is_exit_code_6_and_the_tensor_is_named(tmp_path):
    words = ("--method", "central", "--plugin", WRONG)
    result = nnlab("gradcheck", WRONG_CONFIG, *words, cwd=tmp_path, COLUMNS="200")
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
    words = ("--method", "central", "--steps", "10", "--json")
    result = nnlab_here("gradcheck", WRONG_CONFIG, "--plugin", WRONG, *words, cwd=tmp_path)
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
    result = nnlab_here("gradcheck", XOR, *CENTRAL_JSON, cwd=tmp_path)
    found = parse_json(result.stdout)
    assert (result.exit_code, found["passed"]) == (0, True)
    for entry in found["steps"][0]["entries"]:
        assert entry["error"] == abs(entry["numeric"] - entry["analytic"])


def test_the_steps_are_those_of_the_training(tmp_path):
    """Before update 3 the weights are those that two updates give, so that a run of two steps has the same gradient."""
    path = write(tmp_path, HOUSES)
    run = trained(tmp_path, path, "--set", "training.steps=2")
    later = parse_json(nnlab_here("gradcheck", path, "--steps", "3", *CENTRAL_JSON, cwd=tmp_path).stdout)["steps"][2]
    first = parse_json(nnlab_here("gradcheck", run, *CENTRAL_JSON, cwd=tmp_path).stdout)["steps"][0]
    assert later["entries"] == first["entries"]


def test_no_more_steps_are_checked_than_the_training_has(tmp_path):
    path = write(tmp_path, HOUSES)
    words = ("--steps", "9", "--set", "training.steps=4", "--json")
    assert len(parse_json(nnlab_here("gradcheck", path, *words, cwd=tmp_path).stdout)["points"]) == 4
    words = (*words, "--method", "central")
    assert len(parse_json(nnlab_here("gradcheck", path, *words, cwd=tmp_path).stdout)["steps"]) == 4


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_run_is_checked_at_its_own_weights(precision, tmp_path):
    words = ("--set", f"precision={precision}", "--set", "training.steps=50", "--set", "gates=[]")
    run = trained(tmp_path, XOR, *words)
    for word in ("latest", str(run), run.name):
        result = nnlab_here("gradcheck", word, "--json", cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
        assert {point["point"] for point in parse_json(result.stdout)["points"]} == {
            "the run's weights", "the run's weights times 0.001", "the run's weights times 6",
        }  # fmt: skip
        result = nnlab_here("gradcheck", word, *CENTRAL_JSON, cwd=tmp_path)
    fresh = parse_json(nnlab_here("gradcheck", XOR, *CENTRAL_JSON, cwd=tmp_path).stdout)
    assert parse_json(result.stdout)["steps"][0]["entries"] != fresh["steps"][0]["entries"]


def test_a_run_in_float32_is_checked_in_float64(tmp_path):
    """In float32 no difference could come near the threshold."""
    result = nnlab_here("gradcheck", XOR, "--set", "precision=float32", *CENTRAL_JSON, cwd=tmp_path)
    assert max(entry["error"] for entry in parse_json(result.stdout)["steps"][0]["entries"]) < 1e-8


def test_a_threshold_that_no_difference_can_meet_fails(tmp_path):
    result = nnlab_here("gradcheck", XOR, "--method", "central", "--threshold", "1e-20", cwd=tmp_path)
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
        (("--epsilon", "1e-6"), "found --epsilon, but the exact check has no step and needs no tolerance; expected it"),
        (("--threshold", "1e-6"), "expected it with --method central"),
        (("--method", "central", "--strict"), "found --strict with --method central"),
        (("--self-test",), "found --self-test and CONFIG|RUN"),
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


def checked_training(tmp_path, keys, *words):
    config = XOR.read_text(encoding="utf-8") + "\n"
    path = write(tmp_path, config)
    sets = (f"training.gradcheck={keys}", "precision=float64", "training.steps=6", "gates=[]")
    return nnlab_here("train", path, *(part for word in sets for part in ("--set", word)), *words, cwd=tmp_path)


def test_a_training_is_checked_exactly_unless_the_config_says_otherwise(tmp_path):
    assert checked_training(tmp_path, "{steps: 3}").exit_code == 0
    assert checked_training(tmp_path, "{steps: 3, method: central, threshold: 1e-20}").exit_code == 6


def test_a_step_or_a_threshold_of_an_exact_check_is_refused(tmp_path):
    result = checked_training(tmp_path, "{steps: 3, epsilon: 1e-7}")
    assert result.exit_code == 2
    assert "found epsilon, which the exact method does without; expected it with method: central" in result.stderr


def test_a_wrong_slope_stops_a_training_that_is_checked_exactly(tmp_path):
    words = ("--plugin", WRONG, "--set", "training.gradcheck={steps: 2}", "--set", "gates=[]")
    result = nnlab_here("train", WRONG_CONFIG, *words, cwd=tmp_path)
    assert result.exit_code == 6
    assert re.search(
        r"before update 1 failed: dense1/\S+ is \S+, measured \S+, error \S+ where \S+ is allowed", result.stderr
    )


# --- the strong check ------------------------------------------------------------------------------------------------


def test_the_default_checks_several_points_and_says_which_error_it_excludes(tmp_path):
    result = nnlab("gradcheck", write(tmp_path, IRIS.replace("ACTIVATION", "gelu")), "--json", cwd=tmp_path)
    found = parse_json(result.stdout)
    assert (result.returncode, found["passed"], found["verdict"], found["method"]) == (0, True, "PASS", "exact")
    names = ["initial weights", "initial weights times 0.001", "initial weights times 6", "after 5 steps"]
    expected = [(name, size) for name in names for size in (1, 2, 8)]
    assert [(point["point"], point["batch_size"]) for point in found["points"]] == expected
    rows = found["points"][2]["tensors"]
    assert {row["part"] for row in rows} == {"both", "data loss alone", "regulariser alone"}
    for row in rows:
        assert row["verdict"] == "PASS"
        assert row["error"] <= row["excluded"] == pytest.approx(4 * row["bound"] + 5e-162)
        assert row["ratio"] <= 4
    both = [row for row in rows if row["part"] == "both"]
    assert [row["tensor"] for row in both] == [f"dense{i}/{kind}" for i in (1, 2, 3) for kind in ("weights", "bias")]
    assert all(abs(row["second"] - row["numeric"]) <= 1e-6 * abs(row["numeric"]) + 1e-12 for row in both)
    assert found["seed"] == 0
    assert found["reproduce"].startswith("nnlab gradcheck ")


def test_the_strong_check_names_the_wrong_tensor(tmp_path):
    result = nnlab("gradcheck", WRONG_CONFIG, "--plugin", WRONG, cwd=tmp_path, COLUMNS="240")
    assert (result.returncode, result.stdout) == (6, "FAILED: 9 parameters at 12 points\n")
    assert re.search(r"dense1/weights\[.* FAIL", result.stderr)
    assert re.search(r"dense2/weights\[.* PASS", result.stderr)
    assert result.stderr.splitlines()[-1] == "the gradient check failed"


def test_units_on_a_kink_are_counted_and_shown(tmp_path):
    """With biases of 0 a row of zeros puts every unit of the first layer on the kink of relu."""
    rows = "a,b,c\n0,0,1\n1,-1,0\n0.5,2,1\n-1,0.3,0\n"
    (tmp_path / "rows.csv").write_text(rows, encoding="utf-8")
    config = """\
name: zeros
task: binary
data: {source: rows.csv, target: c}
network: {layers: [3], activation: relu}
training: {steps: 2, batch_size: all}
"""
    path = write(tmp_path, config)
    result = nnlab_here("gradcheck", path, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    (kink,) = parse_json(result.stdout)["points"][0]["kinks"]
    assert kink == {
        "layer": "relu1", "units": 3, "sample": 0, "unit": 0, "left": 0, "right": 1, "analytic": 0, "agrees": True,
    }  # fmt: skip
    shown = nnlab_here("gradcheck", path, cwd=tmp_path).stderr
    assert "3 units of relu1 stand on a kink, with slopes 0 and 1; taken is 0" in " ".join(shown.split())


def test_less_than_95_percent_tested_is_a_warning_and_with_strict_a_failure(tmp_path):
    """Hidden units that are never open have no gradient: nothing is tested by 0 against 0."""
    config = XOR.read_text(encoding="utf-8")
    path = write(tmp_path, config)
    words = (
        "--set",
        "network.init={weights: zeros, bias: {name: constant, value: -5}}",
        "--set",
        "network.activation=relu",
    )
    words += ("--set", "training.steps=1", "--set", "gates=[]", "--steps", "1")
    result = nnlab_here("gradcheck", path, *words, cwd=tmp_path)
    assert result.exit_code == 0
    assert re.search(r"warning: [\d.]+% of the entries could be tested", result.stderr)
    result = nnlab_here("gradcheck", path, *words, "--strict", cwd=tmp_path)
    assert result.exit_code == 6
    assert result.stdout.startswith("INCONCLUSIVE")


def test_the_self_test_catches_every_planted_defect(tmp_path):
    result = nnlab_here("gradcheck", "--self-test", "--json", cwd=tmp_path)
    found = parse_json(result.stdout)
    assert (result.exit_code, found["passed"]) == (0, True)
    assert len(found["defects"]) >= 24
    assert all(defect["caught"] for defect in found["defects"])


def test_no_target_and_no_self_test_is_refused(tmp_path):
    result = nnlab_here("gradcheck", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "found no CONFIG|RUN" in result.stderr
