"""A run whose rows have weights, from training to `eval` on its own parts and on new rows."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from strategies import experiment, weighted_setup
from support import faults, read_json

from nnlab.comparison.tasks import train_piece
from nnlab.data.dataset import NewRows, RowFacts
from nnlab.errors import DataError, InputError
from nnlab.experiments.evaluate import evaluate
from nnlab.experiments.train import train
from nnlab.maths.activations import ACTIVATIONS
from nnlab.runs.files import ignore
from nnlab.runs.folder import RunFolder
from nnlab.setup.rows import read_rows

pytestmark = pytest.mark.usefixtures("quick_pictures")

WEIGHTS = np.random.default_rng(7).uniform(0, 4, 90) * (np.arange(90) % 5 > 0)
CHANGES = {
    "data": {"source": {"name": "moons", "samples": 90, "noise": 0.4}, "validation": 0.2, "test": 0.3},
    "precision": "float64",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A setup with weights, and the folder of its run."""
    setup = weighted_setup(WEIGHTS, **CHANGES)
    return setup, train(setup, runs=tmp_path_factory.mktemp("weights")).folder


def expected(setup, name, weights):
    """Loss, accuracy and area under the ROC curve of the trained network by scikit-learn."""
    state = setup.start()
    list(setup.fit(state))
    part = getattr(setup.rows.of(0), name)
    outputs = setup.model(state.theta, state.statistics).outputs_of_scaled(part.x)[:, 0]
    truth, more = part.y[:, 0], {"sample_weight": weights}
    return {
        "loss": log_loss(truth, outputs, **more),
        "accuracy": accuracy_score(truth, outputs > 0.5, **more),
        "roc_auc": roc_auc_score(truth, outputs, **more),
    }


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_the_figures_of_a_run_are_weighted(name, run):
    setup, folder = run
    final = read_json(folder / "summary.json")["final"]
    for figure, value in expected(setup, name, getattr(setup.rows.of(0), name).weights).items():
        assert final[f"{name}/{figure}"] == pytest.approx(value, rel=1e-12)
        assert value != pytest.approx(expected(setup, name, None)[figure], rel=1e-6)


def test_a_comparison_has_the_figures_of_the_run_to_the_bit(run):
    final = read_json(run[1] / "summary.json")["final"]
    arm = train_piece(weighted_setup(WEIGHTS, (0, 4), **CHANGES), ignore, lambda: False)
    for name, values in arm.finals.items():
        assert values[0] == final[name]


def test_eval_measures_the_parts_with_their_weights(run, monkeypatch):
    setup, folder = run
    monkeypatch.setattr("nnlab.experiments.evaluate.read_rows", lambda *_: setup.rows.dataset)
    found = evaluate(RunFolder(folder), activations=ACTIVATIONS)
    final = read_json(folder / "summary.json")["final"]
    assert {f"{part}/{name}": value for part, own in found.figures.items() for name, value in own.items()} == final


def on_new_rows(run, monkeypatch, weights):
    """An evaluation on the test part, as a file with these weights."""
    setup, folder = run
    rows = setup.rows.of(0).split.test
    dataset = setup.rows.dataset
    new = NewRows(dataset.x[rows], dataset.y[rows], "", rows=RowFacts(weights=weights))
    monkeypatch.setattr("nnlab.experiments.evaluate.load_new", lambda *_words, **_options: new)
    return evaluate(RunFolder(folder), activations=ACTIVATIONS, data="new.csv")


def test_eval_on_a_file_with_the_column_weighs_its_rows(run, monkeypatch):
    setup, _ = run
    own = WEIGHTS[setup.rows.of(0).split.test]
    found = on_new_rows(run, monkeypatch, own)
    for figure, value in expected(setup, "test", own).items():
        assert found.figures["data"][figure] == pytest.approx(value, rel=1e-12)
    assert found.warnings == ()


def test_eval_on_a_file_without_the_column_counts_rows_alike_and_warns(run, monkeypatch):
    found = on_new_rows(run, monkeypatch, None)
    for figure, value in expected(run[0], "test", None).items():
        assert found.figures["data"][figure] == pytest.approx(value, rel=1e-12)
    assert found.warnings == ("found no column 'w' in 'new.csv': its rows count alike, whatever their weights",)


def test_eval_on_a_file_whose_rows_weigh_nothing_is_refused(run, monkeypatch):
    with pytest.raises(DataError, match=r"found a weight of 0 for each of the 27 rows of 'new\.csv', expected"):
        on_new_rows(run, monkeypatch, np.zeros(27))


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


# --- where there are no columns ---------------------------------------------------------------------------------------


def test_weights_for_data_without_columns_are_refused(tmp_path):
    chosen = experiment()
    chosen = chosen.model_copy(update={"data": chosen.data.model_copy(update={"weight": "w"})})
    with pytest.raises(InputError, match="found weight: 'w' for 'moons', which has no columns; expected it for tables"):
        read_rows(chosen, None, tmp_path)


def test_weights_and_in_blocks_exclude_each_other():
    text = "name: e\ntask: binary\ndata:\n  source: a.npz\n  in_blocks: 100\n  weight: w\ntraining: {steps: 1}\n"
    (found,) = faults(text)
    assert found.startswith("e.yaml:6:11: found weight: w with in_blocks, which is for arrays, without columns")
