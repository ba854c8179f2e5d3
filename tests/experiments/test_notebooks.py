"""The notebooks' experiments: every figure that they print comes out of a shipped experiment file."""

from __future__ import annotations

import re

import pytest
from support import NOTEBOOKS, nnlab_here, parse_json, read_json, read_rows, trained

from nnlab.config.experiment import load
from nnlab.config.plugins import with_plugins
from nnlab.gates.parse import parse_gate

pytestmark = pytest.mark.usefixtures("no_pictures")

# Those that read 70,000 images take longer than a test should, and two sets of images do not ship: they are only read
# here. For the images see test_image_notebooks.py.
QUICK = sorted(path for path in NOTEBOOKS.glob("*.yaml") if not path.stem.startswith(("digits", "cifar10", "celeba")))
ALL = sorted(NOTEBOOKS.glob("*.yaml"))

# What the pages print.
XOR_FIRST = [
    0.692126, 0.685371, 0.631033, 0.500277, 0.235959, 0.089350, 0.050119, 0.034105, 0.025642, 0.020463,
    0.016986, 0.014499, 0.012634, 0.011187, 0.010032, 0.009090, 0.008307, 0.007646, 0.007082, 0.006593,
]  # fmt: skip
XOR_AT_999 = {"sigmoid": (0.014208, "0110"), "tanh": (0.003210, "0110"), "relu": (0.346731, "1110")}
HOUSES = {"dense1/weights[0,0]": -0.0408, "dense1/bias[0]": 8.1321, "train/loss": 0.1385}

# |numeric - analytic| of the wrong relu before updates 1 to 10: W[0,0], W[1,0], W[0,1], W[1,1], b[0], b[1], by [input,
# unit].
WRONG_RELU = [
    (0.009553759081618741, 0.015082221024459538, 0.01659580038025486, 0.0010707528303343465, 0.01508222105951484,
     0.0010707528293985307),
    (0.0021228524058327525, 0.0026382687570270266, 0.015320417037704002, 0.00037132454642140305, 0.0026382687624972767,
     0.00037132454654529266),
    (0.0058851002830049275, 0.007005748145243157, 0.015133210551501016, 1.88260719683145e-05, 0.00700574815850746,
     1.8826071102784683e-05),
    (0.01293757902515474, 0.016292994827989904, 0.015639831889483646, 0.000324012278140313, 0.016292994856640115,
     0.00032401227655756877),
    (0.01849203648738608, 0.02640848671947404, 0.016641694628161778, 0.000650605625844474, 0.026408486763041993,
     0.0006506056234130623),
    (0.022201880605323437, 0.038067287339886464, 0.018006657463752455, 0.0010812003128209662, 0.03806728739901776,
     0.0010812003092782307),
    (0.023860033645897144, 0.051567655013589155, 0.019613510119408116, 0.001704284680031057, 0.05156765564390421,
     0.0017042846749690818),
    (0.023601966952743317, 0.06658913871952417, 0.021322528390768772, 0.0026160734239820244, 0.06658913936497252,
     0.002616073416821218),
    (0.022169251314043792, 0.08197394713749821, 0.022967584995938, 0.003890065330336527, 0.08197394723941406,
     0.0038900653203105574),
    (0.05602457165528163, 0.018964818393037867, 0.02437353261069394, 0.005509518372803474, 0.17278436092667585,
     0.005509518358982193),
]  # fmt: skip
WRONG_NAMES = (
    "dense1/weights[0,0]", "dense1/weights[1,0]", "dense1/weights[0,1]", "dense1/weights[1,1]",
    "dense1/bias[0]", "dense1/bias[1]",
)  # fmt: skip


def plugins_for(path):
    """The plugin that a file's comment says to run it with."""
    named = re.findall(r"--plugin configs/notebooks/(\w+\.py)", path.read_text(encoding="utf-8"))
    return [NOTEBOOKS / name for name in named]


def words_for(path):
    return [path, *(word for plugin in plugins_for(path) for word in ("--plugin", plugin))]


def gates_of(name):
    """The gates of a file by their figure and step, as (operator, bound, tolerance)."""
    path = NOTEBOOKS / f"{name}.yaml"
    experiment, _ = load(path, (), with_plugins(plugins_for(path)))
    gates = map(parse_gate, experiment.gates)
    return {(gate.figure, gate.step): (gate.operator, gate.bound, gate.tolerance) for gate in gates}


@pytest.mark.parametrize("path", ALL, ids=[path.stem for path in ALL])
def test_every_file_is_valid_and_named_after_its_experiment(path, tmp_path):
    result = nnlab_here("train", *words_for(path), "--print-config", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert path.stem in (result.stdout.splitlines()[0].removeprefix("name: "), "moons")
    assert "gates:" in result.stdout


@pytest.mark.parametrize("path", ALL, ids=[path.stem for path in ALL])
def test_every_file_begins_by_saying_what_it_is(path):
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", QUICK, ids=[path.stem for path in QUICK])
def test_every_quick_experiment_meets_its_gates(path, tmp_path):
    result = nnlab_here("train", *words_for(path), "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    gates = parse_json(result.stdout)["gates"]
    assert gates != []
    assert all(gate["met"] for gate in gates)


def test_xor_first_holds_the_page_s_twenty_costs():
    expected = {("batch/loss", 100 * (i + 1)): ("==", cost, 5e-7) for i, cost in enumerate(XOR_FIRST)}
    assert gates_of("xor-first") == expected


def test_xor_first_prints_the_page_s_twenty_costs(tmp_path):
    """Held against the metrics themselves, not by way of the gates."""
    run = trained(tmp_path, NOTEBOOKS / "xor-first.yaml")
    found = {int(row["step"]): row["batch/loss"] for row in read_rows(run / "metrics.csv")}
    assert [f"{float(found[100 * (i + 1)]):.6f}" for i in range(20)] == [f"{cost:.6f}" for cost in XOR_FIRST]


@pytest.mark.parametrize("name", XOR_AT_999)
def test_xor_holds_the_cost_at_step_999(name):
    cost, predictions = XOR_AT_999[name]
    right = sum(a == b for a, b in zip(predictions, "0110", strict=True)) / 4
    gates = gates_of(f"xor-{name}")
    assert gates[("batch/loss", 999)] == ("==", cost, 5e-7)
    assert gates[("train/accuracy", None)] == ("==", right, 0.0)


@pytest.mark.parametrize("name", XOR_AT_999)
def test_xor_predicts_what_the_page_prints(name, tmp_path):
    run = trained(tmp_path, NOTEBOOKS / f"xor-{name}.yaml")
    words = ("--checkpoint", "last", "--split", "train", "--predictions", "p.csv", "--quiet")
    assert nnlab_here("eval", run, *words, cwd=tmp_path).exit_code == 0
    rows = read_rows(tmp_path / "p.csv")
    decided = list(rows[0])[1]
    assert [row["row"] for row in rows] == ["1", "2", "3", "4"]
    assert "".join(row[decided] for row in rows) == XOR_AT_999[name][1]


@pytest.mark.parametrize("name", ["houses-linear", "houses-relu"])
def test_houses_hold_the_line_and_the_loss_of_the_page(name):
    assert gates_of(name) == {(figure, None): ("==", value, 5e-5) for figure, value in HOUSES.items()}


@pytest.mark.parametrize("name", ["houses-linear", "houses-relu"])
def test_houses_give_the_line_and_the_loss_of_the_page(name, tmp_path):
    run = trained(tmp_path, NOTEBOOKS / f"{name}.yaml")
    found = {gate["gate"].split(" ")[0]: gate["value"] for gate in read_json(run / "summary.json")["gates"]}
    assert {figure: round(value, 4) for figure, value in found.items()} == HOUSES


def test_the_user_s_own_activation_holds_the_bound_of_the_page():
    operator, bound, _ = gates_of("houses-own-activation")[("train/loss", None)]
    assert (operator, bound) == ("<", 5.0)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_gradient_validation_holds_the_threshold_of_the_page_before_ten_updates(name):
    expected = {("gradcheck/error", step): ("<=", 1e-8, 0.0) for step in range(1, 11)}
    assert gates_of(f"gradcheck-{name}") == expected


def test_the_wrong_slope_holds_the_page_s_sixty_errors():
    expected = {
        (name, step): ("==", error, 1e-12)
        for step, errors in enumerate(WRONG_RELU, start=1)
        for name, error in zip((f"gradcheck/{name}" for name in WRONG_NAMES), errors, strict=True)
    }
    gates = gates_of("gradcheck-wrong-relu")
    assert {key: gate for key, gate in gates.items() if key[0].startswith("gradcheck/dense1")} == expected
    assert {gate for key, gate in gates.items() if key[0].startswith("gradcheck/dense2")} == {("<=", 1e-8, 0.0)}
    assert len(gates) == 90


@pytest.mark.parametrize(("name", "steps"), [("sigmoid", 200), ("tanh", 200), ("relu", 200), ("first", 20_000)])
def test_the_digits_are_set_up_as_on_the_page(name, steps):
    experiment, _ = load(NOTEBOOKS / f"digits-{name}.yaml")
    assert experiment.training.steps == steps
    assert (experiment.training.batch_size, experiment.training.shuffle) == (64, False)
    assert (experiment.precision, experiment.generator, experiment.seed) == ("float64", "legacy", 1)
    assert experiment.data.scale.epsilon == 1e-9
    assert gates_of(f"digits-{name}") != {}


def test_the_moons_stop_early_with_patience_15():
    experiment, _ = load(NOTEBOOKS / "moons.yaml")
    assert experiment.training.early_stopping.patience == 15
    assert (experiment.data.test, experiment.data.validation, experiment.training.epochs) == (0.2, 0.2, 1000)
    assert experiment.data.source.parameters == {"samples": 1000, "noise": 0.3}
