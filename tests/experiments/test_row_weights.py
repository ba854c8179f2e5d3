"""A table whose rows have weights, from training to `eval` on its own parts and on new files."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from strategies import weighted_setup
from support import nnlab_here, parse_json, read_json, read_rows, trained, write

from nnlab.comparison.tasks import train_piece
from nnlab.experiments.train import train
from nnlab.maths.metrics import TRAINING_METRICS
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.setup.rows import prepare_rows
from nnlab.setup.rows import read_rows as read_data
from nnlab.setup.setup import set_up
from nnlab.storage.files import ignore

pytestmark = pytest.mark.usefixtures("no_pictures")

FILE = """\
name: survey
task: binary
precision: float64
data:
  source: people.csv
  target: answer
  weight: counts_for
  validation: 0.2
  test: 0.3
network:
  layers: [4]
training:
  steps: 30
  batch_size: 16
"""


def table(rows=90, seed=7):
    """A table of two inputs and an answer that they say little of, with weights of which a fifth are 0."""
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=(rows, 2)), rng.uniform(0, 4, rows) * (np.arange(rows) % 5 > 0)
    answers = np.where(x.sum(axis=1) + rng.normal(size=rows) > 0, "yes", "no")
    return x, answers, weights


def text(x, answers, weights=None):
    """The table in CSV, without the column of weights where there are none."""
    head = "age,income,answer" + (",counts_for" if weights is not None else "")
    rows = [f"{a!r},{b!r},{answer}" for (a, b), answer in zip(x.tolist(), answers, strict=True)]
    each = [""] * len(x) if weights is None else [f",{weight!r}" for weight in weights.tolist()]
    return "\n".join([head, *(row + weight for row, weight in zip(rows, each, strict=True))]) + "\n"


def test_the_pictures_of_a_run_have_the_accuracy_of_its_summary(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("nnlab.experiments.train.draw", lambda data, *_more: drawn.append(data) or [])
    write(tmp_path, text(*table()), "people.csv")
    found = read_json(trained(tmp_path, write(tmp_path, FILE)) / "summary.json")["final"]["test/accuracy"]
    (data,) = drawn
    assert accuracy_of(data) == pytest.approx(found, abs=1e-15)
    assert len(data.weights) == len(data.y)


def accuracy_of(data):
    """The accuracy that the title of confusion.png has."""
    return float(TRAINING_METRICS[data.task]["accuracy"](data.outputs, data.y, data.weights))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, beside its table."""
    folder = tmp_path_factory.mktemp("weights")
    write(folder, text(*table()), "people.csv")
    return trained(folder, write(folder, FILE))


def evaluated(run, *words):
    """What `nnlab eval --json` prints, its predictions, and what it says to a person."""
    file = run.parents[1] / "predictions.csv"
    result = nnlab_here("eval", run, "--json", "--predictions", file, *words, cwd=run.parents[1])
    assert result.exit_code == 0, result.stderr
    return parse_json(result.stdout)["figures"], read_rows(file), " ".join(result.stderr.split())


def expected(predictions, weights):
    """Loss, accuracy and area under the ROC curve by scikit-learn."""
    truth = np.array([row["true/answer"] == "yes" for row in predictions])
    outputs = np.array([float(row["probability/yes"]) for row in predictions])
    more = {"sample_weight": weights}
    return {
        "loss": log_loss(truth, outputs, **more),
        "accuracy": accuracy_score(truth, outputs > 0.5, **more),
        "roc_auc": roc_auc_score(truth, outputs, **more),
    }


def assert_figures(found, part, predictions, weights):
    for name, value in expected(predictions, weights).items():
        assert found[f"{part}/{name}"] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_the_figures_of_a_run_and_of_eval_are_weighted(part, run):
    found, predictions, _ = evaluated(run, "--split", part)
    own = table()[2][[int(row["row"]) - 1 for row in predictions]]
    assert_figures(found, part, predictions, own)
    assert found[f"{part}/loss"] != pytest.approx(expected(predictions, None)["loss"], rel=1e-6)
    final = read_json(run / "summary.json")["final"]
    assert found == {name: value for name, value in final.items() if name in found}


def test_eval_on_a_file_with_the_column_weighs_its_rows(run):
    x, answers, weights = table(40, seed=8)
    found, predictions, said = evaluated(run, "--data", write(run, text(x, answers, weights), "new.csv"))
    assert_figures(found, "data", predictions, weights)
    assert "counts_for" not in said


def test_eval_on_a_file_without_the_column_counts_rows_alike_and_warns(run):
    x, answers, _ = table(40, seed=8)
    found, predictions, said = evaluated(run, "--data", write(run, text(x, answers), "bare.csv"))
    assert_figures(found, "data", predictions, None)
    assert "found no column 'counts_for' in " in said
    assert "its rows count alike, whatever their weights" in said


@pytest.mark.parametrize("blank", [[3], range(40)], ids=["one", "all"])
def test_rows_without_a_prediction_have_no_part_in_the_weights(blank, run):
    x, answers, weights = table(40, seed=8)
    x[list(blank), 1] = np.nan
    file = write(run, text(x, answers, weights).replace("nan", ""), "blank.csv")
    found, predictions, _ = evaluated(run, "--data", file)
    known = [number for number in range(40) if number not in blank]
    assert bool(found) == bool(known)
    if known:
        assert_figures(found, "data", [predictions[number] for number in known], weights[known])


def test_eval_on_a_file_whose_rows_weigh_nothing_is_refused(run):
    x, answers, weights = table(40, seed=8)
    file = write(run, text(x, answers, 0 * weights), "nothing.csv")
    result = nnlab_here("eval", run, "--data", file, cwd=run.parents[1])
    assert result.exit_code == 2
    assert "found only weights of 0" in " ".join(result.stderr.split())


def test_a_comparison_has_the_figures_of_the_run_to_the_bit(run):
    file = ExperimentFile.read(run / "config.yaml")
    dataset = read_data(file.experiment, None, run)
    setup = set_up(file.experiment, prepare_rows(file.experiment, dataset, (0, 4)))
    final = read_json(run / "summary.json")["final"]
    finals = train_piece(setup, ignore, lambda: False).finals
    assert {name: values[0] for name, values in finals.items()} == {name: final[name] for name in finals}


def test_a_part_whose_rows_all_weigh_0_is_a_fault_at_the_key(tmp_path):
    x, answers, weights = table()
    write(tmp_path, text(x, answers, np.where(np.arange(90) == 0, weights + 1, 0)), "people.csv")
    result = nnlab_here("train", write(tmp_path, FILE), cwd=tmp_path)
    assert result.exit_code == 2
    assert "experiment.yaml:7:11: found a weight of 0 for each of the " in " ".join(result.stderr.split())


@pytest.mark.parametrize("in_blocks", ["", "  in_blocks: 16\n"])
def test_weights_for_data_without_columns_are_refused(in_blocks, tmp_path):
    np.savez(tmp_path / "people.npz", x=np.ones((90, 2)), y=np.arange(90) % 2)
    changed = FILE.replace("people.csv", "people.npz").replace("  target: answer\n", in_blocks)
    result = nnlab_here("train", write(tmp_path, changed), cwd=tmp_path)
    assert result.exit_code == 2
    assert "found data.weight for " in result.stderr
    assert "expected it for tables only" in " ".join(result.stderr.split())


def test_the_autopsy_looks_at_the_weighted_loss(tmp_path):
    weights = np.arange(12.0) ** 6
    setup = weighted_setup(
        weights,
        task="regression",
        precision="float64",
        data={"source": "houses"},
        network={"layers": [1], "activation": "identity"},
        optimizer={"name": "sgd", "learning_rate": 0.05},
        training={"steps": 30, "batch_size": "all"},
    )
    autopsy = train(setup, runs=tmp_path).autopsy
    largest = {seen["quantity"]: seen["largest"] for seen in autopsy.document["quantities"] if seen["layer"] == "head"}
    # The last house has the largest output, next to which its price is nothing, and the largest weight.
    assert largest["loss"] == pytest.approx(weights[-1] / weights.mean() * largest["output"] ** 2, rel=1e-4)
