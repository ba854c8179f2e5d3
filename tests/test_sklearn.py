"""Networks as estimators of scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import nnlab
from nnlab.sklearn import NetworkClassifier, NetworkRegressor


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return x, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.mark.parametrize("estimator", [NetworkClassifier(), NetworkRegressor()])
def test_scikit_learns_own_checks_pass_without_exception(estimator):
    found = check_estimator(estimator, on_skip=None, on_fail="raise")
    # The check of the array API is for estimators that announce it, and is skipped by scikit-learn itself.
    assert {check["check_name"] for check in found if check["status"] != "passed"} <= {"check_array_api_input"}
    assert len(found) > 50


def test_in_a_pipeline_and_a_grid_search_the_words_of_the_experiment_file_are_searched(iris):
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), NetworkClassifier(layers=(8,), epochs=150))
    search = GridSearchCV(
        pipeline, {"networkclassifier__activation": ["tanh", {"formula": "x * sigmoid(x)"}]}, cv=3
    ).fit(x, y)
    assert search.best_score_ > 0.9
    assert set(search.predict(x)) == set(y)


def test_the_bits_are_those_of_a_run_on_the_same_arrays(iris, tmp_path):
    x, y = iris
    estimator = NetworkClassifier(layers=(8,), activation="gelu", epochs=3, batch_size=16, seed=4).fit(x, y)
    values = {
        "task": "multiclass",
        "precision": "float64",
        "network": {"layers": [8], "activation": "gelu"},
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "training": {"epochs": 3, "batch_size": 16},
    }
    run = nnlab.train(values, data=(x, y), seed=4, runs_dir=tmp_path)
    assert (estimator.predict_proba(x) == run.model().predict_proba(x)).all()
    assert (estimator.predict(x) == run.model().predict(x)).all()


def test_a_pickle_predicts_the_same(iris):
    x, y = iris
    estimator = NetworkClassifier(layers=({"dense": 6, "activation": {"name": "prelu"}},), epochs=5, scale="standard")
    again = pickle.loads(pickle.dumps(estimator.fit(x, y)))
    assert (again.predict_proba(x) == estimator.predict_proba(x)).all()


def test_weights_count_rows_as_repetition_does():
    x, y = load_diabetes(return_X_y=True)
    x, y = x[:40], (y[:40] - y.mean()) / y.std()
    weights = np.arange(40) % 3
    estimator = NetworkRegressor(layers=(4,), activation="tanh", epochs=30)
    weighted = clone(estimator).fit(x, y, sample_weight=weights)
    repeated = clone(estimator).fit(np.repeat(x, weights, axis=0), np.repeat(y, weights))
    assert weighted.predict(x) == pytest.approx(repeated.predict(x), rel=1e-9, abs=1e-12)


def test_several_targets_are_several_columns():
    x = np.random.default_rng(1).normal(size=(50, 3))
    found = NetworkRegressor(epochs=200, scale="standard").fit(x, x[:, :2] * 2).predict(x)
    assert found.shape == (50, 2)
    assert abs(found - x[:, :2] * 2).mean() < 0.2


def test_early_stopping_watches_a_part_of_the_rows(iris):
    stops = {"monitor": "val/loss", "patience": 2, "min_delta": 10.0}
    estimator = NetworkClassifier(validation=0.2, early_stopping=stops, epochs=50).fit(*iris)
    assert estimator.n_iter_ < 50


def test_faults_are_value_errors_with_the_words_of_nnlab(iris):
    with pytest.raises(ValueError, match="did you mean 'gelu'"):
        NetworkClassifier(activation="gelo").fit(*iris)
    with pytest.raises(ValueError, match=r"set optimizer\.momentm"):
        NetworkClassifier(optimizer="sgd", set={"optimizer.momentm": 0.9}).fit(*iris)
    with pytest.raises(ValueError, match="diverged at step"):
        NetworkRegressor(optimizer="sgd", learning_rate=1e6, activation="relu").fit(iris[0], iris[0][:, 0] * 1e9)
    with pytest.raises(ValueError, match="negative sample_weight"):
        NetworkClassifier().fit(*iris, sample_weight=-np.ones(150))
    with pytest.raises(ValueError, match="expected at least 1"):
        NetworkClassifier(epochs=0).fit(*iris)
    with pytest.raises(NotFittedError):
        NetworkClassifier().predict(iris[0])
