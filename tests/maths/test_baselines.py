"""Baselines: constants and linear models against closed forms and scikit-learn, margins against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nnlab.gates.parse import BASELINES
from nnlab.maths.baselines import (
    LINEAR,
    SIMPLE,
    always,
    answers_alike,
    baseline_figures,
    beyond_chance,
    constant,
    fit_linear,
    margin_over,
    right_rows,
)
from nnlab.maths.losses import balanced
from nnlab.maths.metrics import TRAINING_METRICS, predictions, report
from nnlab.maths.statistics import paired_difference, share_difference


def drawn(task, rows=120, inputs=4, outputs=3, seed=0):
    """Inputs of very different units, and targets that depend on them, with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, inputs)) * [1, 1e3, 1e-3, 50][:inputs] + [0, 5e3, 1, -9][:inputs]
    outputs = 1 if task == "binary" else outputs
    z = (x - x.mean(axis=0)) / x.std(axis=0) @ random.normal(size=(inputs, outputs)) + random.normal(
        size=(rows, outputs)
    )
    if task == "regression":
        return x, 7 * z + 100
    return x, np.eye(outputs)[z.argmax(axis=1)] if task == "multiclass" else (z > 0.3).astype(float)


# --- constants --------------------------------------------------------------------------------------------------------


def test_every_task_has_a_constant_and_all_names_are_known():
    assert {name for names in SIMPLE.values() for name in names} | {LINEAR} == {*BASELINES}


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30))
def test_the_majority_is_that_of_scikit_learn(labels):
    y = np.eye(3)[labels]
    row = constant("majority", y)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), labels)
    assert predictions("multiclass", row[None])[0] == dummy.predict(np.zeros((1, 1)))[0]
    np.testing.assert_allclose(row[dummy.classes_], dummy.class_prior_, rtol=1e-12)


@pytest.mark.parametrize(("labels", "decided"), [([0, 0, 1], 0), ([0, 1, 1], 1), ([0, 1], 0), ([1], 1)])
def test_the_majority_of_two_classes_is_the_first_of_equals(labels, decided):
    row = constant("majority", np.array(labels, float)[:, None])
    assert predictions("binary", row[None]).tolist() == [decided]


def test_the_majority_of_labels_is_the_more_common_value_of_each():
    y = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1]], float)
    assert predictions("multilabel", constant("majority", y)[None]).tolist() == [[1, 0, 1]]


def test_mean_and_median_are_the_best_constants_for_squared_and_absolute_errors():
    y = np.array([[1.0], [2.0], [30.0]])
    outputs = {name: always(constant(name, y))(y) for name in SIMPLE["regression"]}
    assert outputs["mean"].tolist() == [[11.0]] * 3
    assert outputs["median"].tolist() == [[2.0]] * 3
    assert report("regression", outputs["mean"], y)["r2"] == 0
    figures = {name: report("regression", value, y) for name, value in outputs.items()}
    assert figures["mean"]["rmse"] < figures["median"]["rmse"]
    assert figures["median"]["mae"] < figures["mean"]["mae"]


def test_a_constant_has_the_areas_and_ranks_of_chance():
    y = np.array([[0.0], [1.0], [0.0], [0.0]])
    figures = report("binary", always(constant("majority", y))(y), y)
    assert (figures["accuracy"], figures["balanced_accuracy"], figures["roc_auc"]) == (0.75, 0.5, 0.5)


# --- the linear model -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "inputs"), [(60, 4), (3, 4), (2, 3)])
def test_least_squares_is_scikit_learns_ridge(rows, inputs):
    x, y = drawn("regression", rows, inputs)
    expected = make_pipeline(StandardScaler(), Ridge(alpha=1)).fit(x, y).predict(x)
    np.testing.assert_allclose(fit_linear("regression", x, y)(x), expected.reshape(y.shape), rtol=1e-9)


def test_least_squares_on_one_standardised_input_is_its_closed_form():
    x, y = np.array([[-1.0], [1.0]]), np.array([[0.0], [6.0]])
    assert fit_linear("regression", x, y)(x).tolist() == [[1.0], [5.0]]  # w = Σxy/(Σx² + 1) = 6/3, b = 3


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_logistic_regression_is_scikit_learns(task):
    x, y = drawn(task)
    labels = y[:, 0] if task == "binary" else y.argmax(axis=1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1, tol=1e-9, max_iter=10_000)).fit(x, labels)
    expected = model.predict_proba(x)[:, -y.shape[1] :]
    np.testing.assert_allclose(fit_linear(task, x, y)(x), expected, atol=2e-4)


def test_each_label_is_a_logistic_regression_of_its_own():
    x, y = drawn("multilabel")
    single = [fit_linear("binary", x, y[:, k : k + 1])(x) for k in range(y.shape[1])]
    np.testing.assert_allclose(fit_linear("multilabel", x, y)(x), np.hstack(single), atol=2e-4)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_units_of_the_inputs_and_columns_that_say_nothing_change_nothing(task):
    x, y = drawn(task)
    model, more = fit_linear(task, x, y), np.hstack([x * [2, -7, 1e6, 1e-6] + 3, np.full((len(x), 1), 4.2)])
    np.testing.assert_allclose(fit_linear(task, more, y)(more), model(x), atol=1e-4 * np.abs(y).max())


def test_classes_that_a_plane_separates_and_inputs_that_repeat_have_a_finite_solution():
    x = np.arange(10.0)[:, None] @ np.ones((1, 3))
    y = (x[:, :1] > 4.5).astype(float)
    model = fit_linear("binary", x, y)
    assert right_rows("binary", model(x), y).all()
    assert np.abs(model.weights).max() < 10
    np.testing.assert_allclose(model.weights[0], model.weights[1])


def test_float32_inputs_give_the_same_model():
    x, y = drawn("multiclass")
    narrow = x.astype(np.float32)
    np.testing.assert_allclose(
        fit_linear("multiclass", narrow, y)(narrow), fit_linear("multiclass", x, y)(x), atol=1e-3
    )


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_numbers_near_the_largest_lead_to_no_warning(task):
    x, y = drawn(task)
    x = np.hstack([x, np.where(x[:, :1] > 0, 1.7e308, -1.7e308)])
    assert fit_linear(task, x, y)(x).shape == y.shape


def counted(rows, seed=5):
    """Whole weights, some of them 0, and the index of each row as often as it counts."""
    weights = np.random.default_rng(seed).integers(0, 4, rows).astype(float)
    return weights, np.repeat(np.arange(rows), weights.astype(int))


@pytest.mark.parametrize("name", ["majority", "mean", "median"])
def test_a_row_of_weight_two_counts_as_two_in_constants(name):
    y = np.random.default_rng(2).normal(size=(41, 2))
    weights, rows = counted(41)
    np.testing.assert_allclose(constant(name, y, weights), constant(name, y[rows]), rtol=1e-12)


def test_weights_of_a_least_squares_fit_are_those_of_scikit_learn():
    x, y = drawn("regression")
    weights, _ = counted(len(x))
    z = StandardScaler().fit_transform(x)
    expected = Ridge(alpha=1).fit(z, y, sample_weight=weights / weights.mean()).predict(z)
    np.testing.assert_allclose(fit_linear("regression", x, y, weights)(x), expected, rtol=1e-9)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_weights_of_a_logistic_regression_are_those_of_scikit_learn(task):
    x, y = drawn(task)
    weights, _ = counted(len(x))
    labels, z = y[:, 0] if task == "binary" else y.argmax(axis=1), StandardScaler().fit_transform(x)
    model = LogisticRegression(C=1, tol=1e-9, max_iter=10_000)
    model.fit(z, labels, sample_weight=weights / weights.mean())
    expected = model.predict_proba(z)[:, -y.shape[1] :]
    np.testing.assert_allclose(fit_linear(task, x, y, weights)(x), expected, atol=2e-4)


@pytest.mark.parametrize(("task", "given"), [("binary", [1, 5]), ("multiclass", [2, 1, 7]), ("multiclass", None)])
def test_class_weights_of_a_logistic_regression_are_those_of_scikit_learn(task, given):
    x, y = drawn(task)
    labels, z = y[:, 0] if task == "binary" else y.argmax(axis=1), StandardScaler().fit_transform(x)
    each = "balanced" if given is None else dict(enumerate(given))
    model = LogisticRegression(C=1, tol=1e-9, max_iter=10_000, class_weight=each).fit(z, labels)
    if given is None:
        weights = balanced(y, task)
    else:
        weights = np.array(given)[:, None] if task == "binary" else np.stack([np.zeros(3), given])
    found = fit_linear(task, x, y, class_weights=weights[None])(x)
    np.testing.assert_allclose(found, model.predict_proba(z)[:, -y.shape[1] :], atol=2e-4)


def test_class_weights_of_labels_are_those_of_each_label():
    x, y = drawn("multilabel")
    weights = np.array([[1.0, 2.0, 1.0], [3.0, 1.0, 6.0]])[None]
    single = [
        fit_linear("binary", x, y[:, k : k + 1], class_weights=weights[..., k : k + 1])(x) for k in range(y.shape[1])
    ]
    np.testing.assert_allclose(fit_linear("multilabel", x, y, class_weights=weights)(x), np.hstack(single), atol=2e-4)


# --- margins ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_margin_of_classes_counts_rows_that_one_alone_has_right(rows):
    network, baseline, truth = (np.array(column, float)[:, None] for column in zip(*rows, strict=True))
    found = margin_over("binary", network, baseline, truth)
    only_network = sum(n == t != b for n, b, t in rows)
    only_baseline = sum(b == t != n for n, b, t in rows)
    assert found.more == only_network - only_baseline
    assert found.margin == share_difference(only_network, only_baseline, len(rows))
    low, high = found.margin.low, found.margin.high
    assert found.within_chance == (low <= 0 <= high)


def test_the_margin_of_a_regression_is_the_paired_difference_of_squared_errors():
    random = np.random.default_rng(1)
    y = random.normal(size=(50, 1))
    network, baseline = y + 0.5 * random.normal(size=y.shape), np.zeros_like(y)
    unit = np.mean(y**2)
    expected = paired_difference((y**2 / unit)[:, 0], ((network - y) ** 2 / unit)[:, 0])
    found = margin_over("regression", network, baseline, y)
    assert (found.more, found.rows) == (None, 50)
    np.testing.assert_allclose(
        (found.margin.estimate, found.margin.low, found.margin.high),
        (expected.estimate, expected.low, expected.high),
        rtol=1e-12,
    )
    assert not found.within_chance


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_margin_of_weighted_rows_is_the_difference_of_weighted_figures(task):
    x, y = drawn(task)
    weights, _ = counted(len(x))
    network, other = fit_linear(task, x, y)(x), always(constant(SIMPLE[task][0], y))(x)
    found = margin_over(task, network, other, y, weights)
    assert found.more is None
    figure = TRAINING_METRICS[task]["accuracy" if task == "binary" else "r2"]
    if task == "binary":
        assert found.margin.estimate == pytest.approx(figure(network, y, weights) - figure(other, y, weights))
    equal = margin_over(task, network, other, y, np.ones(len(y))).margin.estimate
    assert equal == pytest.approx(margin_over(task, network, other, y).margin.estimate)


def test_a_margin_does_not_depend_on_the_units_of_the_targets():
    x, y = drawn("regression")
    model, mean = fit_linear("regression", x, y)(x), always(constant("mean", y))(x)
    units = np.array([1e-3, 1.0, 1e5])
    one, other = (
        margin_over("regression", model, mean, y),
        margin_over("regression", model * units, mean * units, y * units),
    )
    assert one.margin.estimate == pytest.approx(other.margin.estimate, rel=1e-9)


def test_one_row_of_a_regression_is_within_chance_and_a_perfect_baseline_no_fault():
    y = np.array([[3.0]])
    assert margin_over("regression", y, y + 1, y).within_chance
    assert margin_over("regression", y + 1, y, y).margin.estimate == -1


def errors_apart(own, others):
    """The margin of a network with these errors over a baseline with those."""
    y = np.zeros((len(own), 1))
    return margin_over("regression", np.array(own)[:, None], np.array(others)[:, None], y)


def test_closer_on_every_row_is_beyond_chance_though_a_large_error_widens_the_t_interval():
    ahead = errors_apart([1.0] * 19 + [30.0], [1.1] * 19 + [40.0])
    assert ahead.margin.low < 0 < ahead.margin.high
    assert ahead.sign_p == 2 * 0.5**20
    assert not ahead.within_chance
    assert not errors_apart([1.1] * 19 + [40.0], [1.0] * 19 + [30.0]).within_chance


@pytest.mark.parametrize(("closer", "chance"), [(14, True), (15, False)])  # p = 0.115 and 0.041
def test_the_sign_test_of_rows_is_held_at_5_percent(closer, chance):
    own = [30.0] + [1.0] * (closer - 1) + [1.1] * (20 - closer)
    others = [40.0] + [1.1] * (closer - 1) + [1.0] * (20 - closer)
    assert errors_apart(own, others).within_chance == chance


def test_signs_that_speak_against_the_mean_do_not_make_it_certain():
    found = errors_apart([1.0] * 19 + [40.0], [1.1] * 19 + [30.0])
    assert found.margin.estimate < 0
    assert found.within_chance


def test_rows_that_count_nothing_have_no_sign():
    y, weights = np.zeros((20, 1)), np.array([0.0] * 16 + [1.0] * 4)
    own, others = np.linspace(1, 5, 20)[:, None], np.linspace(1, 5, 20)[:, None] ** 2 + 1
    assert margin_over("regression", own, others, y, weights).sign_p == 2 * 0.5**4


def test_rows_of_labels_are_right_as_a_whole_and_nan_never_is():
    outputs, targets = np.array([[0.9, 0.1], [0.9, 0.9], [np.nan, 0.1]]), np.array([[1.0, 0.0]] * 3)
    assert right_rows("multilabel", outputs, targets).tolist() == [True, False, False]


def test_answers_are_alike_where_one_class_is_decided_for():
    assert answers_alike("binary", np.array([[0.1], [0.4]]))
    assert not answers_alike("binary", np.array([[0.1], [0.6]]))
    assert answers_alike("multilabel", np.array([[0.1, 0.7], [0.4, 0.8]]))


# --- what accuracy does not show --------------------------------------------------------------------------------------


def rare(rows, positive):
    y = np.zeros((rows, 1))
    y[:positive] = 1
    return y


def test_a_ranking_that_no_decision_shows_is_beyond_chance():
    y = rare(200, 10)
    outputs = 0.01 + 0.3 * y
    assert beyond_chance("binary", outputs, y) == {"roc_auc": (1.0, 0.5)}
    assert beyond_chance("binary", np.full_like(y, 0.1), y) == {}


def test_rare_classes_that_are_found_are_beyond_chance_at_the_cost_of_accuracy():
    y = rare(200, 10)
    outputs = np.where(np.arange(200)[:, None] < 30, 0.9, 0.1)
    found = beyond_chance("binary", outputs, y)
    assert found["balanced_accuracy"] == (pytest.approx((1 + 170 / 190) / 2), pytest.approx(0.5))


def test_guesses_are_rarely_beyond_chance():
    random = np.random.default_rng(3)
    found = 0
    for _ in range(400):
        y = np.eye(3)[random.choice(3, 150, p=[0.8, 0.15, 0.05])]
        found += bool(beyond_chance("multiclass", random.random((150, 3)) ** [1, 2, 3], y))
    assert found / 400 < 0.06  # 2.5 % expected


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_other_tasks_have_no_rare_classes(task):
    assert beyond_chance(task, *drawn(task)[1:] * 2) == {}


# --- names ------------------------------------------------------------------------------------------------------------


def test_baselines_have_the_figures_of_whole_parts_but_no_loss():
    found = baseline_figures("regression", ["test/loss", "test/rmse", "test/rmse/price", "batch/running_loss"])
    assert found == [f"baseline/{name}/test/rmse" for name in ("mean", "median", "linear")]
