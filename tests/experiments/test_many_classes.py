"""Very many classes: their targets are held as numbers of classes, and of outputs what each row decides.

The same small experiment runs both ways, as few and as very many classes: only MOST_DENSE differs.
"""

import re

import numpy as np
import pytest
from support import nnlab_here, parse_json, read_json, read_rows, trained, write

import nnlab
from nnlab import api
from nnlab.data.targets import MOST_CLASSES
from nnlab.errors import ConfigError
from nnlab.maths import one_hot
from nnlab.maths.metrics import report
from nnlab.networks.evaluator import Evaluator
from nnlab.sklearn import NetworkClassifier
from nnlab.storage import checkpoints

pytestmark = pytest.mark.usefixtures("no_pictures")

CLASSES = 7
FILE = """\
name: kinds
task: multiclass
data: {source: t.csv, target: kind, validation: 0.2, test: 0.3, weight: counts_for}
network: {layers: [4], head: {loss: {name: cross_entropy, smoothing: 0.1, class_weights: balanced}}}
training:
  steps: 12
  batch_size: 16
  figures: [macro_f1, top_3_accuracy]
  early_stopping: {monitor: val/macro_f1, patience: 9}
"""
PLAIN = FILE.replace("weight: counts_for", "ignore: [counts_for]").replace(
    "batch_size: 16", "batch_size: 16\n  shuffle: false"
)
OF_FILES = re.sub(r"source:.*?}", "files: {train: t.csv, val: u.csv}, target: kind, ignore: [counts_for]}", PLAIN)
OF_FILES = OF_FILES.replace("batch_size: 16", "batch_size: all")


def table(rows=140):
    """A table of two inputs, a class that follows them, and weights of rows."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, 2))
    kinds = np.clip(np.round(x[:, 0] + rng.normal(size=rows) / 4 + 3), 0, CLASSES - 1).astype(int)
    cells = zip(x.tolist(), kinds.tolist(), strict=True)
    lines = [f"{a!r},{b!r},k{kind},{index % 4}" for index, ((a, b), kind) in enumerate(cells)]
    return "\n".join(["a,b,kind,counts_for", *lines, ""])


def run_with(folder, monkeypatch, most_dense, text):
    """A run of this experiment with so many classes held densely: its folder and what `eval` says of it."""
    monkeypatch.setattr(one_hot, "MOST_DENSE", most_dense)
    if most_dense >= CLASSES:  # whose pictures other tests look at
        monkeypatch.setattr("nnlab.experiments.train.draw", lambda *_words: [])
    folder.mkdir()
    write(folder, table(), "t.csv")
    write(folder, table(40), "u.csv")
    run = trained(folder, write(folder, text), "--no-baselines")
    return run, nnlab_here("eval", run, "--json", "--predictions", "p.csv", cwd=folder)


@pytest.mark.usefixtures("with_pictures")
@pytest.mark.parametrize("text", [FILE, PLAIN, OF_FILES], ids=["weights", "in order", "all, of files"])
def test_a_run_has_the_bits_that_it_has_with_a_number_for_each_row_and_class(tmp_path, monkeypatch, text):
    (sparse, of_sparse), (dense, of_dense) = (
        run_with(tmp_path / name, monkeypatch, most, text) for name, most in (("sparse", 2), ("dense", 1000))
    )
    assert {"confusion.png", "predictions.png"} <= {path.name for path in (sparse / "plots").iterdir()}
    assert (sparse / "metrics.csv").read_bytes() == (dense / "metrics.csv").read_bytes()
    arrays = [checkpoints.load(run / "checkpoints" / "last.npz").arrays for run in (dense, sparse)]
    np.testing.assert_array_equal(arrays[0]["theta"], arrays[1]["theta"])
    finals = [read_json(run / "summary.json") for run in (dense, sparse)]
    for name in ("final", "baselines", "sentences"):
        assert finals[1][name] == finals[0][name]
    evaluations = [parse_json(result.stdout) for result in (of_dense, of_sparse)]
    for name in ("figures", "baselines", "sentences", "rows"):
        assert evaluations[1][name] == evaluations[0][name]
    decided = [[row["kind"] for row in read_rows(tmp_path / name / "p.csv")] for name in ("dense", "sparse")]
    assert decided[0] == decided[1]


def test_the_figures_can_be_made_from_predictions_of_very_many_classes(tmp_path, monkeypatch):
    run, result = run_with(tmp_path / "run", monkeypatch, 2, PLAIN)
    rows = [row for row in read_rows(tmp_path / "run" / "p.csv") if row["split"] == "test"]
    assert [*rows[0]] == ["split", "row", "line", "kind", "probability", "rank", "true/kind"]
    figures = parse_json(result.stdout)["figures"]
    assert figures["test/top_3_accuracy"] == np.mean([int(row["rank"]) <= 3 for row in rows])
    assert figures["test/accuracy"] == np.mean([row["kind"] == row["true/kind"] for row in rows])
    assert all((row["rank"] == "1") == (row["kind"] == row["true/kind"]) for row in rows)
    assert all(1 / CLASSES <= float(row["probability"]) <= 1 for row in rows)
    told = nnlab_here("eval", run, "--split", "test", "--predictions", "q.csv", cwd=tmp_path).stderr
    assert "they have the probability of the predicted one, and the rank of the true one" in " ".join(told.split())


def test_a_network_of_very_many_classes_gives_classes_and_no_table_of_probabilities(tmp_path, monkeypatch):
    run, _ = run_with(tmp_path / "run", monkeypatch, 2, PLAIN)
    network = nnlab.load(run).model()
    x = np.loadtxt(tmp_path / "run" / "t.csv", delimiter=",", skiprows=1, usecols=(0, 1))
    decided = {row["line"]: row["kind"] for row in read_rows(tmp_path / "run" / "p.csv")}
    assert network.predict(x).tolist() == [decided[str(line)] for line in range(2, len(x) + 2)]
    with pytest.raises(ConfigError, match="found 6 classes, expected at most"):
        network.predict_proba(x)


def test_scikit_learns_form_has_all_probabilities_of_very_many_classes(monkeypatch):
    x = np.random.default_rng(3).normal(size=(60, 2))
    kinds, estimator = np.arange(60) % CLASSES, NetworkClassifier(layers=(3,), epochs=2)
    few = estimator.fit(x, kinds).predict_proba(x)
    monkeypatch.setattr(one_hot, "MOST_DENSE", 2)
    many = estimator.fit(x, kinds)
    np.testing.assert_array_equal(many.predict_proba(x), few)
    np.testing.assert_array_equal(many.predict(x), few.argmax(axis=1))


def test_a_linear_baseline_of_very_many_classes_is_refused_or_told_to_be_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(one_hot, "MOST_DENSE", 2)
    write(tmp_path, table(), "t.csv")
    config = write(tmp_path, PLAIN)
    gate = ("--set", "gates=[test/accuracy >= baseline/linear/test/accuracy]")
    refused = nnlab_here("train", config, *gate, cwd=tmp_path)
    assert (refused.exit_code, "baseline/linear" in refused.stderr) == (2, True)
    asked = nnlab_here("train", config, "--baselines", cwd=tmp_path)
    assert asked.exit_code == 0
    assert "there is no linear baseline" in " ".join(asked.stderr.split())


def test_ten_thousand_classes_are_evaluated_block_by_block(tmp_path, monkeypatch, with_pictures):
    classes = [f"k{index}" for index in range(MOST_CLASSES)]
    lines = [f"{index % 89 / 10},{index % 97 / 10},{name}" for index, name in enumerate(classes)]
    write(tmp_path, "\n".join(["a,b,kind", *lines, ""]), "t.csv")
    text = "name: many\ntask: multiclass\ndata: {source: t.csv, target: kind}\nnetwork: {layers: [3]}\n"
    setup = api.resolve(write(tmp_path, text + "training: {steps: 1, batch_size: 8}\n")).setup()
    x, y, state = setup.parts["train"].x[:, :100], setup.parts["train"].y[:, :100], setup.start()
    evaluator, largest = Evaluator(setup.network, state.theta, state.statistics), []
    room = Evaluator.room_for_outputs
    monkeypatch.setattr(Evaluator, "room_for_outputs", lambda own, rows: largest.append(room(own, rows)) or largest[-1])
    scored, loss = evaluator.scored_and_loss("multiclass", x, y)
    assert max(one.size for one in largest) <= 2**18
    outputs, scores = evaluator.room_for_outputs(x), evaluator.room_for_outputs(x)
    outputs, expected = evaluator.outputs_and_loss(x, y, scores)
    figures = report("multiclass", scored.outputs[0], y[0], top_k=(3, 5), scores=scored.scores[0])
    assert figures == report("multiclass", outputs[0], np.asarray(y[0]), top_k=(3, 5), scores=scores[0])
    assert loss == expected
