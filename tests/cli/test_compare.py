"""`nnlab compare-activations`: one experiment under several activations and seeds, with statistics that hold."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats
from support import NOTEBOOKS, PAINTED, nnlab, nnlab_here, parse_json, read_json, read_rows, trained, unsealed, write

from nnlab.cli.terminal import Screen, show_comparison
from nnlab.storage.summary import ComparisonSummary

pytestmark = pytest.mark.usefixtures("quick_pictures")

MOONS = """\
name: moons
task: binary
seed: 3
precision: float64
data:
  source: {name: moons, samples: 80}
  test: 0.25
  validation: 0.2
network:
  layers: [4]
optimizer: {name: adam, learning_rate: 0.05}
training:
  steps: 40
  batch_size: 16
  log_every: 5
  evaluate_every: 10
"""
ARMS, SEEDS = ("tanh", "relu", "prelu"), range(3, 9)
LABELS = ["tanh", "relu", "prelu"]
LEARNED = ["parameters/prelu1.alpha"]
TIMES = ["steps", "seconds", "steps_to_target", "seconds_to_target", "area"]
FIGURES = [f"{split}/{name}" for split in ("train", "val", "test") for name in ("loss", "accuracy")]


def compared(folder, text, *words, code=0):
    """The document of a comparison, made in this process."""
    result = nnlab_here("compare-activations", write(folder, text), *words, "--json", cwd=folder)
    assert result.exit_code == code, result.stderr
    return parse_json(result.stdout)


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    """A comparison of three activations under six seeds, and the process that made it."""
    folder = tmp_path_factory.mktemp("moons")
    write(folder, MOONS)
    arms = [word for name in ARMS for word in ("-a", name)]
    words = ("--seeds", len(SEEDS), "--target", "val/accuracy >= 0.8", "--json")
    result = nnlab("compare-activations", "experiment.yaml", *arms, *words, cwd=folder, **PAINTED)
    assert (result.returncode, result.stderr) == (0, "")
    return folder, parse_json(result.stdout)


@pytest.fixture
def summary(moons):
    return moons[1]


@pytest.fixture
def run(moons):
    return moons[0] / moons[1]["run"]


@pytest.fixture
def results(run):
    """The rows of arms; those of baselines follow."""
    return [row for row in read_rows(run / "results.csv") if row["activation"] in LABELS]


def column(results, label, name):
    return [row[name] for row in results if row["activation"] == label]


# --- the folder ------------------------------------------------------------------------------------------------------


def test_the_folder_holds_tables_weights_and_pictures(run):
    found = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    figures = ("accuracy", "cost", "final", "learned_parameters", "ranking", "survival")
    of_networks = ("architecture", "boundaries", "film", "units")
    plots = [f"plots/{name}.png" for name in (*figures, *of_networks)]
    weights = ["weights/prelu.npz", "weights/relu.npz", "weights/tanh.npz"]
    tables = ["results.csv", "metrics.csv", "arms.csv", "pairs.csv", "shares.csv", "table.md", "table.tex"]
    documents = ["config.yaml", "run.json", "summary.json", "report.html"]
    assert [name for name in found if not name.startswith("pieces/")] == sorted(tables + documents + plots + weights)
    assert re.fullmatch(r"\d{8}-\d{6}_moons_compare", run.name)
    assert (run.parent / "latest").resolve() == run.resolve()


def test_json_prints_exactly_the_summary(run, summary):
    assert summary == read_json(run / "summary.json")


def test_run_json_says_that_it_is_a_comparison(run):
    facts = read_json(run / "run.json")
    assert (facts["status"], facts["kind"]) == ("completed", "compare-activations")
    assert facts["command"][:2] == ["nnlab", "compare-activations"]
    assert facts["begun"] <= facts["ended"]
    assert "environment" in facts


def test_run_json_names_the_data_plugins_and_threads_as_that_of_a_training_does(run):
    assert {"data", "plugins", "threads", "config"} <= set(read_json(run / "run.json"))


def test_results_have_a_row_for_each_activation_and_seed(results):
    ends = ("diverged", "diverged_at", "initializer", "gain")
    assert list(results[0]) == ["activation", "seed", *FIGURES, *TIMES, *LEARNED, *ends]
    expected = [(label, str(seed)) for label in LABELS for seed in SEEDS]
    assert [(row["activation"], row["seed"]) for row in results] == expected
    assert {row["diverged"] for row in results} == {"false"}


def test_metrics_have_a_row_for_each_activation_seed_and_step(run):
    rows = read_rows(run / "metrics.csv")
    assert list(rows[0])[:3] == ["activation", "seed", "step"]
    evaluated = {"batch/loss", "train/loss", "train/accuracy", "val/loss", "val/accuracy"}
    assert set(list(rows[0])[3:]) == {*evaluated, "optimizer/learning_rate", *LEARNED}
    steps = [str(step) for step in range(0, 41, 5)]
    expected = [(label, str(seed), step) for label in LABELS for seed in SEEDS for step in steps]
    assert [(row["activation"], row["seed"], row["step"]) for row in rows] == expected
    assert {row["val/loss"] == "" for row in rows if int(row["step"]) % 10} == {True}
    assert {row["val/loss"] == "" for row in rows if int(row["step"]) % 10 == 0} == {False}


def test_the_last_metrics_are_the_results(run, results):
    rows = [row for row in read_rows(run / "metrics.csv") if row["step"] == "40"]
    for name in ("train/loss", "val/accuracy"):
        np.testing.assert_allclose(
            [float(row[name]) for row in rows], [float(row[name]) for row in results], rtol=1e-12
        )


@pytest.mark.parametrize(("name", "learned"), [("tanh", []), ("relu", []), ("prelu", ["prelu1/alpha"])])
def test_weights_hold_a_replica_for_each_seed(name, learned, run):
    shapes = {"dense1/weights": (2, 4), "dense1/bias": (4,), "dense2/weights": (4, 1), "dense2/bias": (1,)}
    shapes |= dict.fromkeys(learned, (1,))
    with np.load(run / "weights" / f"{name}.npz", allow_pickle=False) as members:
        assert sorted(members.files) == sorted(["seeds", "layout", *shapes])
        assert sorted(members["layout"].tolist()) == sorted(shapes)
        assert {one: members[one].shape for one in shapes} == {n: (len(SEEDS), *s) for n, s in shapes.items()}
        assert {members[one].dtype for one in shapes} == {np.dtype(np.float64)}
        assert members["seeds"].tolist() == list(SEEDS)


@pytest.mark.parametrize("seed", [3, 5])
def test_a_replica_is_bit_for_bit_the_run_that_train_makes_alone(seed, run, results, tmp_path):
    words = ("--seed", seed, "--set", "network.activation=tanh")
    alone = trained(tmp_path, write(tmp_path, MOONS), *words)
    with np.load(alone / "checkpoints" / "last.npz") as one, np.load(run / "weights" / "tanh.npz") as many:
        packed = np.concatenate([many[name][seed - 3].ravel() for name in many["layout"].tolist()])
        assert one["theta"][0].tobytes() == packed.tobytes()
    final = read_json(alone / "summary.json")["final"]
    row = next(row for row in results if row["activation"] == "tanh" and row["seed"] == str(seed))
    for name in FIGURES:
        assert float(row[name]) == pytest.approx(final[name], rel=1e-12)


# --- the summary -----------------------------------------------------------------------------------------------------


def test_the_summary_says_what_was_compared(summary):
    keys = [
        "schema",
        "run",
        "status",
        "seeds",
        "figure",
        "larger_is_better",
        "target",
        "arms",
        "baselines",
        "pairs",
        "shares",
        "wins",
    ]
    keys += ["verdict", "seconds", "gates", "sha256"]
    assert list(summary) == keys
    assert (summary["status"], summary["seeds"]) == ("completed", list(SEEDS))
    assert (summary["figure"], summary["larger_is_better"]) == ("test/accuracy", True)
    assert summary["target"] == "val/accuracy >= 0.8"
    assert list(summary["arms"]) == LABELS
    assert [arm["parameters"] for arm in summary["arms"].values()] == [17, 17, 18]


@pytest.mark.parametrize("label", LABELS)
def test_steps_to_the_target_are_those_that_the_metrics_show(label, run, summary, results):
    rows = [row for row in read_rows(run / "metrics.csv") if row["activation"] == label and row["val/accuracy"]]
    first = {}
    for row in rows:
        if float(row["val/accuracy"]) >= 0.8:
            first.setdefault(row["seed"], float(row["step"]))
    steps = [first.get(str(seed), math.inf) for seed in SEEDS]
    arm, hits, middle = summary["arms"][label], len(first), float(np.median(steps))
    shown = column(results, label, "steps_to_target")
    assert [math.inf if cell == "" else float(cell) for cell in shown] == steps
    assert arm["reached"] == hits
    assert arm["median_steps_to_target"] == (middle if math.isfinite(middle) else None)
    exact = stats.binomtest(hits, len(SEEDS)).proportion_ci(method="exact")
    share = arm["reached_share"]
    assert [share["estimate"], share["low"], share["high"]] == pytest.approx([hits / len(SEEDS), *exact], abs=1e-9)


def test_without_a_target_the_task_s_own_is_counted(tmp_path):
    found = compared(tmp_path, MOONS, "-a", "tanh", "--seeds", "2", "--set", "training.steps=2")
    assert found["target"] == "val/accuracy >= 0.95"


def test_a_target_may_be_a_loss_to_get_below(tmp_path):
    found = compared(tmp_path, MOONS, "-a", "tanh", "--seeds", "2", "--target", "batch/loss <= 100")
    assert found["target"] == "batch/loss <= 100"
    assert (found["arms"]["tanh"]["reached"], found["arms"]["tanh"]["median_steps_to_target"]) == (2, 5.0)


def test_one_seed_has_a_mean_and_no_interval(tmp_path):
    found = compared(tmp_path, MOONS, "-a", "tanh", "--seeds", "1")["arms"]["tanh"]["final"]["test/loss"]
    assert found["low"] is found["high"] is None
    assert found["mean"] == found["values"][0]


def test_by_default_three_activations_are_compared_under_ten_seeds(tmp_path):
    found = compared(tmp_path, MOONS, "--set", "training.steps=1")
    assert list(found["arms"]) == ["sigmoid", "tanh", "relu"]
    assert found["seeds"] == list(range(3, 13))


def test_seeds_begin_at_the_one_that_is_given(tmp_path):
    words = ("-a", "tanh", "--seeds", "2", "--seed", "40", "--set", "training.steps=1")
    assert compared(tmp_path, MOONS, *words)["seeds"] == [40, 41]


def test_seeds_that_diverge_have_empty_cells_and_are_counted(tmp_path):
    text = "name: away\ntask: regression\ndata: {source: houses}\nnetwork: {layers: [3]}\ntraining: {steps: 60}\n"
    words = ("-a", "relu", "-a", "sigmoid", "--seeds", "3", "--set", "optimizer={name: sgd, learning_rate: 1e30}")
    found = compared(tmp_path, text, *words, code=4)
    arm = found["arms"]["relu"]
    assert arm["diverged"] == 3
    assert arm["final"]["train/loss"]["values"].count(None) == arm["diverged"]
    rows = [row for row in read_rows(tmp_path / found["run"] / "results.csv") if row["activation"] in found["arms"]]
    assert [row["train/loss"] == "" for row in rows] == [row["diverged"] == "true" for row in rows]


def test_an_early_stopped_seed_counts_with_its_best_weights(tmp_path):
    words = ("-a", "tanh", "--seeds", "2", "--set", "training.early_stopping.patience=1", "--set", "training.steps=200")
    found = compared(tmp_path, MOONS, *words)
    rows = read_rows(tmp_path / found["run"] / "metrics.csv")
    for seed, value in zip(found["seeds"], found["arms"]["tanh"]["final"]["val/loss"]["values"], strict=True):
        watched = [float(row["val/loss"]) for row in rows if row["seed"] == str(seed) and row["val/loss"]]
        assert value == pytest.approx(min(watched), rel=1e-12)


@pytest.mark.parametrize("plugin", ["wrong_relu"])
def test_an_activation_of_a_plugin_can_be_compared(plugin, tmp_path):
    words = ("-a", plugin, "-a", "relu", "--plugin", NOTEBOOKS / f"{plugin}.py", "--seeds", "2")
    found = compared(tmp_path, MOONS, *words, "--set", "training.steps=1")
    assert list(found["arms"]) == [plugin, "relu"]


# --- what is printed -------------------------------------------------------------------------------------------------


def test_quiet_prints_the_path_and_nothing_else(tmp_path):
    words = ("--quiet", "--seeds", "2", "--set", "training.steps=1")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *words, cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"runs/\d{8}-\d{6}_moons_compare\n", result.stdout)


@pytest.mark.slow
def test_a_person_sees_a_table_with_a_line_per_activation(tmp_path):
    write(tmp_path, MOONS)
    result = nnlab("compare-activations", "experiment.yaml", "--seeds", "2", cwd=tmp_path, COLUMNS="200")
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"runs/\S+\n", result.stdout)
    for name in ("sigmoid", "tanh", "relu"):
        assert re.search(rf"^{name} .*\d", result.stderr, re.MULTILINE)
    assert "\x1b" not in result.stderr


def test_a_person_reads_the_verdict_below_the_tables_and_its_warnings(summary, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    show_comparison(Screen(quiet=False), ComparisonSummary.of(summary, "summary"))
    shown = capsys.readouterr().err
    verdict = summary["verdict"]
    assert len(verdict["warnings"]) > 0
    for line in (*verdict["sentences"], *(f"warning: {warning}" for warning in verdict["warnings"])):
        assert line in shown.splitlines()
    tanh = summary["arms"]["tanh"]["final"]["test/accuracy"]
    assert f"{tanh['mean']:.4g} [{tanh['low']:.4g}, {tanh['high']:.4g}]" in shown
    assert "time per step by the clock, over the updates of all seeds together" in shown
    assert "*" not in shown


def test_a_median_beyond_the_end_is_shown_in_words(summary, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    beyond = {"median": None, "low": None, "high": None, "note": "", "censored": 4}
    arms = {label: {**arm, "steps_to_target": beyond, "reached": 2} for label, arm in summary["arms"].items()}
    show_comparison(Screen(quiet=False), ComparisonSummary.of({**unsealed(summary), "arms": arms}, "summary"))
    assert "> half never" in capsys.readouterr().err


def test_quiet_shows_neither_verdict_nor_warnings(summary, capsys):
    show_comparison(Screen(quiet=True), ComparisonSummary.of(summary, "summary"))
    assert capsys.readouterr().err == ""


# --- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [
    (("-a", "relu", "-a", "relu"), "found it twice, expected different ones"),
    (("-a", "prelu", "-a", "tanh", "-a", "prelu"), "found it twice"),
    (("-a", "relo"), "unknown activation 'relo'; did you mean 'relu'?"),
    (("-a", "heaviside"), "heaviside cannot be trained"),
    (("-a", ""), "unknown activation ''"),
    (("-a", "a\nb"), r"a\nb"),
    (("-a", "__import__('os')"), "expected letters, digits and operators"),
    (("--target", "val/acuracy >= 0.9"), "did you mean 'val/accuracy'?"),
    (("--target", "val/accuracy == 0.9"), "expected FIGURE >= NUMBER or FIGURE <= NUMBER"),
    (("--target", "val/accuracy@5 >= 0.9"), "expected FIGURE >= NUMBER or FIGURE <= NUMBER"),
    (("--target", "good"), "found gate 'good'"),
    (("--target", "val/accuracy >= nan"), "val/accuracy >= nan"),
    (("--target", "test/accuracy >= 0.9"), "unknown figure 'test/accuracy'"),
    (("--sedes", "3"), "--seeds"),
]


@pytest.mark.parametrize(
    ("words", "message"), REFUSED, ids=[" ".join(row[0])[:40].replace("\n", "n") for row in REFUSED]
)
def test_a_wrong_word_is_refused_before_anything_is_written(words, message, tmp_path):
    path = write(tmp_path, MOONS)
    result = nnlab_here("compare-activations", path, *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_all_wrong_activations_are_named_in_one_pass(tmp_path):
    words = ("-a", "relo", "-a", "tahn", "-a", "elu", "-a", "elu")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *words, cwd=tmp_path)
    assert len(result.stderr.splitlines()) == 3


@pytest.mark.parametrize(
    "words",
    [("--set", "data.validation=null"), ("--set", "training.evaluate=[train]")],
    ids=["no validation part", "validation is not watched"],
)
def test_a_target_that_is_never_measured_is_refused(words, tmp_path):
    words = ("--target", "val/accuracy >= 0.5", *words)
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *words, "--seeds", "1", cwd=tmp_path)
    assert result.exit_code == 2


def test_the_task_s_own_target_is_one_that_is_measured(tmp_path):
    found = compared(tmp_path, MOONS, "-a", "tanh", "--seeds", "1", "--set", "training.evaluate=[train]")
    assert found["target"].startswith("train/accuracy")


@pytest.mark.parametrize("layers", ["null", "[{dense: 3, activation: tanh}]"])
def test_an_experiment_in_which_no_layer_takes_the_activation_is_refused(layers, tmp_path):
    """All arms would be one and the same network."""
    words = ("--set", f"network.layers={layers}", "--seeds", "1", "--set", "training.steps=1")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *words, cwd=tmp_path)
    assert result.exit_code == 2


def test_a_runs_folder_that_cannot_be_written_is_exit_code_5_before_training(tmp_path):
    (tmp_path / "file").touch()
    words = ("--runs-dir", "file", "--set", "training.steps=1000000000")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *words, cwd=tmp_path)
    assert result.exit_code == 5
    assert result.stderr == "file: cannot write: found a file, expected a folder for runs\n"
