"""One network of a comparison or a sweep, looked at like a run."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import nnlab_here, parse_json, read_json, read_rows, write

from nnlab.comparison.arms import labels_of
from nnlab.config.choices import ActivationChoice, choose_activation
from nnlab.maths.activations import ACTIVATIONS

MOONS = """\
name: moons
task: binary
seed: 3
data: {source: moons.csv, test: 0.25, validation: 0.2, scale: standard}
network: {layers: [3, {batch_norm: true}, 3]}
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 20, batch_size: 16}
"""
FORMULAS = ("x * sigmoid(1.5 * x)", "x + sin(x)")
LEAKY = "leaky_relu:negative_slope=0.3"


def moons(folder, text=MOONS):
    """The experiment beside a table of its own."""
    angle, noise = np.linspace(0, 9, 60), np.random.default_rng(1).normal(size=(60, 2)) / 5
    rows = (np.c_[np.cos(angle), np.sin(angle)] + noise).tolist()
    lines = [f"{a:.4f},{b:.4f},{'no' if number % 3 else 'yes'}" for number, (a, b) in enumerate(rows)]
    write(folder, "\n".join(["a,b,kind", *lines, ""]), "moons.csv")
    return write(folder, text)


def made(folder, command, *words, text=MOONS):
    """The folder of what a command on the experiment makes."""
    with pytest.MonkeyPatch.context() as patch:  # pictures take most of the time, and have tests of their own
        patch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
        patch.setattr("nnlab.comparison.conclusions.median_networks_of", lambda *_: {})
        result = nnlab_here(command, moons(folder, text), *words, "--quiet", cwd=folder)
    assert result.exit_code == 0, result.stderr
    return folder / result.stdout.strip()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    arms = [word for arm in ("relu", LEAKY, *FORMULAS) for word in ("-a", arm)]
    return made(tmp_path_factory.mktemp("arms"), "compare-activations", *arms, "--seeds", 3)


@pytest.fixture
def copy(run, tmp_path):
    """The same comparison to tamper with, beside its data."""
    shutil.copytree(run.parents[1], tmp_path / "all", symlinks=True)
    return tmp_path / "all" / "runs" / run.name


def evaluated(run, name, *words):
    return nnlab_here("eval", f"{run}:{name}", *words, cwd=run.parents[1])


def assert_as_in_results(run, column="activation"):
    """Every network has exactly the figures that results.csv has for it."""
    rows = [row for row in read_rows(run / "results.csv") if not row[column].startswith("baseline/")]
    for row in rows:
        found = parse_json(evaluated(run, f"{row[column]}@seed{row['seed']}", "--json").stdout)
        assert (found["arm"], found["seed"]) == (row[column], int(row["seed"]))
        for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/loss", "test/accuracy"):
            assert found["figures"][name] == float(row[name]), (row[column], row["seed"], name)
    assert len(rows) > 3


def test_the_figures_of_each_arm_and_seed_are_those_of_results(run):
    assert_as_in_results(run)


def test_so_are_those_of_a_tuned_comparison_that_stops_early(tmp_path):
    text = MOONS.replace("16}", "16, log_every: 2, early_stopping: {monitor: val/loss, patience: 2}}")
    tuned = ("--tune", "optimizer.learning_rate=0.01,0.2", "--tune", "data.scale=none", "--starts", "own,same")
    found = made(tmp_path, "compare-activations", "-a", "tanh", "-a", "relu", *tuned, "--seeds", 2, text=text)
    assert_as_in_results(found)
    summary = read_json(found / "summary.json")
    best = parse_json(evaluated(found, "tanh", "--json").stdout)
    assert (best["arm"], best["checkpoint"], best["step"]) == (summary["best"]["tanh"], "best", None)


def test_so_are_those_of_one_layer_and_of_the_points_of_a_sweep(tmp_path):
    found = made(tmp_path, "compare-activations", "-a", "tanh", "-a", "elu", "--layer", 2, "--seeds", 2)
    assert_as_in_results(found)
    grid = ("--grid", "network.head.loss=hinge,binary_cross_entropy", "--grid", "data.validation=0.1,0.3")
    found = made(tmp_path, "sweep", *grid, "--seeds", 1)
    assert_as_in_results(found, "point")
    best = parse_json(evaluated(found, "best", "--json").stdout)["arm"]
    assert best == read_json(found / "summary.json")["sweep"]["best"]


def test_without_a_seed_it_is_the_median_one_and_says_so(run):
    values = read_json(run / "summary.json")["arms"]["relu"]["final"]["test/accuracy"]["values"]
    found = evaluated(run, "relu")
    seed = parse_json(evaluated(run, "relu", "--json").stdout)["seed"]
    assert values[seed - 3] == sorted(values)[1]
    why = "the median of 3 seeds by test/accuracy; @seedN takes another"
    assert f"note: the network is that of relu, seed {seed}: {why}\n" in found.stderr


@pytest.mark.parametrize("name", [LEAKY, "leaky_relu(negative_slope=0.3)"])
def test_an_arm_is_named_by_its_label_or_as_it_was_chosen(name, run):
    found = parse_json(evaluated(run, f"{name}@seed4", "--json").stdout)
    assert (found["arm"], found["seed"], found["step"]) == ("leaky_relu(negative_slope=0.3)", 4, 20)


def test_an_arm_predicts_new_rows_and_holds_gates(run, tmp_path):
    write(tmp_path, "b,a\n0.5,0.1\n-0.3,0.9\n", "new.csv")
    found = evaluated(run, "f1@seed4", "--data", tmp_path / "new.csv", "--predictions", tmp_path / "p.csv")
    assert found.exit_code == 0, found.stderr
    assert {row["kind"] for row in read_rows(tmp_path / "p.csv")} <= {"yes", "no"}
    missed = evaluated(run, "f1@seed4", "--gate", "test/loss >= 1e9")
    assert (missed.exit_code, "gate not met: test/loss >= 1e9" in missed.stderr) == (3, True)


def test_the_gradient_of_an_arm_is_checked_at_its_weights(run):
    found = [parse_json(nnlab_here("gradcheck", f"{run}:{arm}", "--json", cwd=run).stdout) for arm in ("f2", "relu")]
    assert [(one["passed"], one["points"][0]["point"]) for one in found] == [(True, "the run's weights")] * 2
    assert found[0]["points"] != found[1]["points"]


def test_an_arm_is_drawn_with_its_weights(run, tmp_path):
    for seed in (3, 4):
        found = nnlab_here("draw", f"{run}:f1@seed{seed}", "-o", tmp_path / f"{seed}.svg", cwd=run)
        assert found.exit_code == 0, found.stderr
    assert (tmp_path / "3.svg").read_bytes() != (tmp_path / "4.svg").read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swish", "found no arm 'swish', expected one of relu, leaky_relu(negative_slope=0.3), f1, f2\n"),
        ("relo", "found no arm 'relo'; did you mean 'relu'?\n"),
        ("relu@4", "found no arm 'relu@4'; did you mean 'relu@seed4'?\n"),
        ("relu@seed9", "found seed 9, expected one from 3 to 5\n"),
        ("", "found no arm after the ':', expected RUN:ARM\n"),
    ],
)
def test_an_arm_that_is_not_there_is_refused(name, expected, run):
    result = evaluated(run, name)
    assert (result.exit_code, result.stderr) == (2, f"{run}: {expected}")


def test_a_name_without_a_run_is_refused_as_without_an_arm(run):
    assert "found no run 'nothing' in runs" in nnlab_here("eval", "nothing:relu", cwd=run.parents[1]).stderr


@pytest.mark.parametrize("words", [("verify",), ("train", "--resume"), ("runs", "show")])
def test_what_wants_a_run_says_what_to_do_with_an_arm(words, run):
    result = nnlab_here(*words, f"{run}:relu@seed4", cwd=run.parents[1])
    expected = f"nnlab train {run}/config.yaml --seed 4 --set network.activation=relu"
    assert (result.exit_code, expected in result.stderr) == (2, True)


@pytest.mark.parametrize("arm", ["f1@seed4", "leaky_relu(negative_slope=0.3)"])
def test_the_line_that_trains_an_arm_as_a_run_does_so(arm, run, tmp_path):
    line = nnlab_here("verify", f"{run}:{arm}", cwd=run.parents[1]).stderr.rpartition("as a run: nnlab ")[2]
    words = [*shlex.split(line), "--runs-dir", tmp_path, "--quiet"]
    result = nnlab_here(*words, cwd=run.parents[1])
    assert result.exit_code == 0, result.stderr
    summary, label = read_json(run / "summary.json"), arm.partition("@")[0]
    seed, found = 1 if "@" in arm else 0, read_json(Path(result.stdout.strip()) / "summary.json")["final"]
    figure = summary["figure"]
    assert found[figure] == pytest.approx(summary["arms"][label]["final"][figure]["values"][seed], abs=1e-12)


def test_a_comparison_has_no_checkpoints(run):
    result = evaluated(run, "relu", "--checkpoint", "last")
    assert (result.exit_code, result.stderr.startswith("--checkpoint: found last, but a comparison keeps")) == (2, True)


# --- what was changed since -------------------------------------------------------------------------------------------


def test_other_weights_are_refused_unless_they_are_trusted(copy):
    shutil.copy(copy / "weights" / "f1.npz", copy / "weights" / "relu.npz")
    result = evaluated(copy, "relu")
    assert (result.exit_code, "relu.npz: found other weights than those of the" in result.stderr) == (2, True)
    assert "--trust goes on" in result.stderr
    found = parse_json(evaluated(copy, "relu@seed3", "--trust", "--json").stdout)
    assert found["trusted"] == ["theta: found another SHA-256 than in summary.json"]


@pytest.mark.parametrize("theta", [np.zeros((3, 2)), np.zeros((3, 2, 2)), np.zeros((1, 9)), np.array(0.0)])
def test_weights_of_another_network_are_never_trusted(theta, copy):
    np.savez(copy / "weights" / "relu.npz", theta=theta, statistics=np.zeros((3, 0)))
    result = evaluated(copy, "relu@seed5", "--trust")
    assert (result.exit_code, "found weights of" in result.stderr or "found no weights" in result.stderr) == (2, True)


def test_the_figures_of_a_network_come_from_its_weights_alone(run, copy):
    """Its tables are for the reader."""
    before = parse_json(evaluated(run, "relu", "--json").stdout)["figures"]
    write(copy, (copy / "results.csv").read_text(encoding="utf-8").replace("0.", "1."), "results.csv")
    assert parse_json(evaluated(copy, "relu", "--json").stdout)["figures"] == before


def test_another_experiment_is_refused(copy):
    text = (copy / "config.yaml").read_text(encoding="utf-8")
    write(copy, text.replace("test: 0.25", "test: 0.3"), "config.yaml")
    result = evaluated(copy, "relu")
    assert (result.exit_code, "found another experiment in config.yaml" in result.stderr) == (2, True)


def test_the_data_may_lie_elsewhere_but_are_the_same(copy, run):
    data = copy.parents[1] / "moons.csv"
    expected = parse_json(evaluated(run, "relu", "--json").stdout)["figures"]
    (run.parents[1] / "moons.csv").rename(run.parents[1] / "gone.csv")  # so that those beside the copy are found
    try:
        assert parse_json(evaluated(copy, "relu", "--json").stdout)["figures"] == expected
        elsewhere = data.rename(data.with_name("other.csv"))
        assert "found no file" in evaluated(copy, "relu").stderr
        moved = ("--set", f"data.source={elsewhere}")
        assert parse_json(evaluated(copy, "relu", "--json", *moved).stdout)["figures"] == expected
        elsewhere.write_text(elsewhere.read_text("utf-8").replace(",yes", ",no", 1), "utf-8")
        refused = evaluated(copy, "relu", *moved)
        assert (refused.exit_code, "the data have changed since the run" in refused.stderr) == (2, True)
    finally:
        (run.parents[1] / "gone.csv").rename(run.parents[1] / "moons.csv")


# --- short labels of formulas -----------------------------------------------------------------------------------------


def test_formulas_have_short_labels_and_every_table_says_which(run):
    labels = ["relu", "leaky_relu(negative_slope=0.3)", "f1", "f2"]
    summary = read_json(run / "summary.json")
    assert list(summary["arms"]) == labels
    assert [summary["arms"][name]["activation"] for name in ("f1", "f2")] == [{"formula": text} for text in FORMULAS]
    assert {path.stem for path in (run / "weights").iterdir()} >= {"f1", "f2"}
    for name, star in (("table.md", "\\*"), ("table.tex", "*"), ("report.html", "*")):
        text = (run / name).read_text(encoding="utf-8")
        assert f"f1 = {FORMULAS[0].replace('*', star)}" in text
        assert f"f2 = {FORMULAS[1]}" in text


@pytest.mark.usefixtures("without_pictures")
def test_the_terminal_says_which_formula_a_label_is(tmp_path):
    words = ("-a", FORMULAS[1], "-a", "tanh", "--seeds", 1, "--gate", f"{FORMULAS[1]}.test/loss >= 0")
    found = nnlab_here("compare-activations", moons(tmp_path), *words, cwd=tmp_path)
    assert (found.exit_code, f"\nf1 = {FORMULAS[1]}\n" in found.stderr) == (0, True)


def test_a_formula_takes_no_label_of_an_activation():
    first, second, named = (
        choose_activation(value, ACTIVATIONS) for value in ({"formula": "x"}, {"formula": "2 * x"}, "tanh")
    )
    named = ActivationChoice.model_copy(named, update={"name": "f1"})
    assert labels_of([first, named, second]) == ["f2", "f1", "f3"]


@pytest.mark.usefixtures("without_pictures")
def test_a_baseline_is_held_against_the_same_formula(tmp_path):
    """Which is f1 there and f2 here."""
    first = made(tmp_path, "compare-activations", "-a", FORMULAS[1], "--seeds", 2)
    words = ("-a", FORMULAS[0], "-a", FORMULAS[1], "--seeds", 2, "--baseline", first)
    gates = ("--gate", "f2.test/loss == baseline", "--gate", "f1.test/loss == baseline", "--json")
    found = parse_json(nnlab_here("compare-activations", moons(tmp_path), *words, *gates, cwd=tmp_path).stdout)["gates"]
    assert [gate["met"] for gate in found] == [True, False]
    assert found[1]["bound"] is None
