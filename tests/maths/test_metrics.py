"""Figures of merit against scikit-learn, against cases worked by hand, and a batch of replicas against each alone."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from nnlab.maths.metrics import METRICS, TRAINING_METRICS, confusion_matrix, metric_of, predictions, report

NAN = float("nan")
COLUMNS = {"binary": 1, "multiclass": 4, "multilabel": 3, "regression": 2}
TIES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])  # few values, so that ties and the threshold itself are common
EVERY_QUICK_FIGURE = [(task, name) for task, figures in TRAINING_METRICS.items() for name in figures]


def close(value):
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def one_hot(truth, classes):
    return np.eye(classes)[truth]


def draw(task, rng, rows, replicas=()):
    """Outputs with ties and the targets of `task`."""
    columns = COLUMNS[task]
    outputs = rng.integers(0, 9, (*replicas, rows, columns)) / 8
    if task == "multiclass":
        return outputs, one_hot(rng.integers(0, columns, rows), columns)
    if task == "regression":
        return outputs + rng.normal(size=outputs.shape), rng.normal(size=(rows, columns))
    return outputs, rng.integers(0, 2, (rows, columns)).astype(float)


def figures_by_reference(truth, predicted, labels, average):
    """Precision, recall and F1 as scikit-learn has them, 0/0 counted as 0."""
    figures = reference.precision_recall_fscore_support(
        truth, predicted, labels=labels, average=average, zero_division=0
    )
    return dict(zip(("precision", "recall", "f1"), figures[:3], strict=True))


def check_class_figures(figures, truth, predicted, classes):
    assert figures["accuracy"] == close(reference.accuracy_score(truth, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes that are predicted but absent
        assert figures["balanced_accuracy"] == close(reference.balanced_accuracy_score(truth, predicted))
    for kind, value in figures_by_reference(truth, predicted, None, "macro").items():
        assert figures[f"macro_{kind}"] == close(value)
    seen = sorted({*truth, *predicted})
    for kind, values in figures_by_reference(truth, predicted, seen, None).items():
        each = [figures[f"{kind}/{index}"] for index in range(classes)]
        assert [each[index] for index in seen] == close(list(values))
        assert all(each[index] is None for index in range(classes) if index not in seen)


# --- Against scikit-learn ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TIES, st.integers(0, 1)), min_size=1, max_size=30))
def test_a_binary_report_is_scikit_learns(rows):
    scores, truth = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    figures = report("binary", scores[:, None], truth[:, None].astype(float))
    check_class_figures(figures, truth, (scores > 0.5).astype(int), 2)
    one_class = len(set(truth)) == 1
    assert figures["roc_auc"] == (None if one_class else close(reference.roc_auc_score(truth, scores)))
    precision = reference.average_precision_score(truth, scores) if truth.any() else None
    assert figures["average_precision"] == (None if precision is None else close(precision))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 20), st.integers(2, 5))
def test_a_multiclass_report_is_scikit_learns(data, rows, classes):
    outputs = data.draw(hnp.arrays(float, (rows, classes), elements=TIES))
    truth = data.draw(hnp.arrays(int, rows, elements=st.integers(0, classes - 1)))
    figures = report("multiclass", outputs, one_hot(truth, classes), top_k=(1, 2))
    check_class_figures(figures, truth, outputs.argmax(axis=1), classes)
    expected = reference.confusion_matrix(truth, outputs.argmax(axis=1), labels=range(classes))
    assert (confusion_matrix(outputs, one_hot(truth, classes)) == expected).all()
    for k in (1, 2) if classes > 2 else ():
        best = reference.top_k_accuracy_score(truth, outputs, k=k, labels=range(classes))
        assert figures[f"top_{k}_accuracy"] == close(best)


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 12), st.integers(2, 4))
def test_a_multilabel_report_is_scikit_learns(data, rows, labels):
    outputs = data.draw(hnp.arrays(float, (rows, labels), elements=TIES))
    truth = data.draw(hnp.arrays(int, (rows, labels), elements=st.integers(0, 1)))
    predicted = (outputs > 0.5).astype(int)
    figures = report("multilabel", outputs, truth.astype(float))
    assert figures["subset_accuracy"] == close(reference.accuracy_score(truth, predicted))
    assert figures["hamming_loss"] == close(reference.hamming_loss(truth, predicted))
    for average in ("micro", "macro"):
        for kind, value in figures_by_reference(truth, predicted, None, average).items():
            assert figures[f"{average}_{kind}"] == close(value)
    for kind, values in figures_by_reference(truth, predicted, None, None).items():
        assert [figures[f"{kind}/{index}"] for index in range(labels)] == close(list(values))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [2, 3, 50, 9000])
def test_a_regression_report_is_scikit_learns(rows, columns, dtype):
    rng = np.random.default_rng(rows)
    targets = rng.normal(3, 10, (rows, columns))
    outputs = (targets + rng.normal(size=targets.shape)).astype(dtype)
    figures = report("regression", outputs, targets)
    wide = outputs.astype(np.float64)
    functions = {
        "mae": reference.mean_absolute_error,
        "mse": reference.mean_squared_error,
        "rmse": reference.root_mean_squared_error,
        "r2": reference.r2_score,
    }
    for name, function in functions.items():
        assert figures[name] == close(function(targets, wide))
        if columns > 1:
            each = [figures[f"{name}/{index}"] for index in range(columns)]
            assert each == close(list(function(targets, wide, multioutput="raw_values")))


@pytest.mark.parametrize("classes", [5, 10])
def test_class_reports_of_many_rows_are_scikit_learns(classes):
    rng = np.random.default_rng(classes)
    truth, outputs = rng.integers(0, classes - 1, 3000), rng.random((3000, classes)).astype(np.float32)
    figures = report("multiclass", outputs, one_hot(truth, classes), top_k=(3,))
    check_class_figures(figures, truth, outputs.argmax(axis=1), classes)
    assert figures["top_3_accuracy"] == close(
        reference.top_k_accuracy_score(truth, outputs, k=3, labels=range(classes))
    )


def test_the_roc_area_of_many_tied_scores_is_scikit_learns():
    rng = np.random.default_rng(5)
    scores, truth = rng.integers(0, 40, 5000).astype(np.float32) / 40, rng.integers(0, 2, 5000)
    area = report("binary", scores[:, None], truth[:, None])["roc_auc"]
    assert area == close(reference.roc_auc_score(truth, scores))


def test_the_average_precision_of_many_tied_scores_is_scikit_learns():
    rng = np.random.default_rng(6)
    scores, truth = rng.integers(0, 40, 5000).astype(np.float32) / 40, (rng.random(5000) < 0.1).astype(int)
    found = report("binary", np.full((5000, 1), 0.5), truth[:, None], scores=scores[:, None])
    assert found["average_precision"] == close(reference.average_precision_score(truth, scores))


# --- Scores -----------------------------------------------------------------------------------------------------------


RANKED = st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=25).filter(
    lambda rows: any(weight for _, _, weight in rows)
)


def ranking(scores, truth, weights=None):
    outputs = np.full((len(truth), 1), 0.5)  # all tie: what is ranked are the scores
    weights = None if weights is None else np.array(weights, float)
    figures = report(
        "binary", outputs, np.array(truth, float)[:, None], weights, scores=np.array(scores, float)[:, None]
    )
    return {name: None if figures[name] is None else close(figures[name]) for name in ("roc_auc", "average_precision")}


@settings(deadline=None, max_examples=60)
@given(RANKED, st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, random):
    mixed = random.sample(rows, len(rows))
    assert ranking(*zip(*rows, strict=True)) == ranking(*zip(*mixed, strict=True))


@settings(deadline=None, max_examples=60)
@given(RANKED)
def test_scores_in_the_same_order_rank_alike(rows):
    scores, truth, weights = zip(*rows, strict=True)
    expected = ranking(scores, truth, weights)
    for change in (np.exp, np.arctan, lambda z: z**3 + 2 * z, lambda z: 1 + 1e-9 * z):
        assert ranking(change(np.array(scores, float)), truth, weights) == expected


@settings(deadline=None, max_examples=60)
@given(RANKED)
def test_a_row_of_weight_two_ranks_as_two_rows(rows):
    scores, truth, weights = zip(*rows, strict=True)
    again = [row for row in rows for _ in range(row[2])]
    assert ranking(scores, truth, weights) == ranking([s for s, _, _ in again], [y for _, y, _ in again])


def test_average_precision_in_closed_form():
    assert ranking([3, 2, 1], [1, 1, 0])["average_precision"] == 1.0
    assert ranking([1] * 8, [1, 0, 0, 0] * 2)["average_precision"] == 0.25  # one level: the share of class 1
    assert ranking([5, 4, 3, 2, 1], [0, 0, 0, 0, 1])["average_precision"] == 0.2  # the only one, in place 5
    assert ranking([2, 1], [1, 1]) == {"roc_auc": None, "average_precision": 1.0}
    assert ranking([2, 1], [0, 0]) == {"roc_auc": None, "average_precision": None}
    assert ranking([NAN, 1], [1, 0]) == {"roc_auc": None, "average_precision": None}
    assert ranking([np.inf, 1, -np.inf], [1, 0, 0]) == {"roc_auc": 1.0, "average_precision": 1.0}


def test_classes_are_ranked_by_scores_and_decided_by_outputs():
    outputs = np.array([[1.0, 0.0, 0.0, 0.0]])  # softmax of the scores, in float32
    scores = np.array([[300.0, 2.0, 1.0, 0.0]])
    for truth, k in ((0, 1), (1, 2), (2, 3), (3, 4)):
        figures = report("multiclass", outputs, one_hot([truth], 4), scores=scores, top_k=(1, 2, 3, 4))
        assert [figures[f"top_{n}_accuracy"] for n in (1, 2, 3, 4)] == [float(n >= k) for n in (1, 2, 3, 4)]
        assert figures["accuracy"] == float(truth == 0)


# --- Worked by hand ---------------------------------------------------------------------------------------------------


def test_a_binary_report_by_hand():
    outputs, targets = np.array([[0.9], [0.8], [0.5], [0.3], [0.2]]), np.array([[1.0], [0], [1], [0], [0]])
    assert report("binary", outputs, targets, classes=("no", "yes")) == {
        "accuracy": 0.6,
        "balanced_accuracy": close((2 / 3 + 1 / 2) / 2),
        "macro_precision": close((2 / 3 + 1 / 2) / 2),
        "macro_recall": close((2 / 3 + 1 / 2) / 2),
        "macro_f1": close((2 / 3 + 1 / 2) / 2),
        "precision/no": close(2 / 3),
        "precision/yes": 0.5,
        "recall/no": close(2 / 3),
        "recall/yes": 0.5,
        "f1/no": close(2 / 3),
        "f1/yes": 0.5,
        "roc_auc": close(5 / 6),  # of six pairs only (0.5, 0.8) is the wrong way round
        "average_precision": close(1 / 2 * 1 + 1 / 2 * 2 / 3),  # the first is right, and two of the first three
    }
    assert confusion_matrix(outputs, targets).tolist() == [[2, 1], [1, 1]]


def test_the_names_come_in_the_order_to_show_them():
    targets = one_hot([0, 1, 2], 3)
    names = list(report("multiclass", targets, targets, classes=("a", "b", "c"), top_k=(2, 3)))
    assert names[:5] == ["accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1"]
    assert names[5:8] == ["precision/a", "precision/b", "precision/c"]
    assert names[-2:] == ["top_2_accuracy", "top_3_accuracy"]
    values = np.array([[1.0, 2], [3, 5]])
    assert list(report("regression", values, values, target_names=("x", "y"))) == [
        *("mae", "mse", "rmse", "r2"),
        *("mae/x", "mae/y", "mse/x", "mse/y", "rmse/x", "rmse/y", "r2/x", "r2/y"),
    ]
    assert list(report("regression", values[:, :1], values[:, :1])) == ["mae", "mse", "rmse", "r2"]


def test_a_multilabel_report_by_hand():
    outputs = np.array([[0.9, 0.1], [0.9, 0.9], [0.1, 0.1], [0.5, 0.1]])
    targets = np.array([[1.0, 0], [0, 1], [0, 0], [1, 0]])
    figures = report("multilabel", outputs, targets, target_names=("cat", "dog"))
    assert (figures["subset_accuracy"], figures["hamming_loss"]) == (0.5, 0.25)
    assert (figures["precision/cat"], figures["recall/cat"], figures["f1/dog"]) == (0.5, 0.5, 1.0)
    assert (figures["micro_f1"], figures["macro_f1"]) == (close(2 / 3), 0.75)


def test_ties_go_to_the_first_class_but_in_top_k_to_the_last():
    outputs = np.full((1, 3), 1 / 3)
    first, last = one_hot([0], 3), one_hot([2], 3)
    assert predictions("multiclass", outputs).tolist() == [0]
    assert report("multiclass", outputs, first, top_k=(1,))["top_1_accuracy"] == 0
    assert report("multiclass", outputs, last, top_k=(1,))["top_1_accuracy"] == 1
    assert TRAINING_METRICS["multiclass"]["accuracy"](outputs, first) == 1
    assert predictions("binary", np.array([[0.5]])).tolist() == [0]


def test_a_k_of_every_class_is_always_right():
    outputs = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    figures = report("multiclass", outputs, one_hot([0, 2], 3), top_k=(3, 7))
    assert (figures["top_3_accuracy"], figures["top_7_accuracy"]) == (1.0, 1.0)


def test_predictions_of_each_task():
    outputs = np.array([[0.2, 0.7], [NAN, 0.1]])
    assert predictions("multiclass", outputs).tolist() == [1, -1]
    assert predictions("multilabel", outputs).tolist() == [[0, 1], [-1, 0]]
    assert predictions("binary", outputs[:, :1]).tolist() == [0, -1]
    assert predictions("regression", outputs) is outputs


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e6 + 0.1])
def test_the_r2_of_a_constant_target_is_one_or_nothing(value):
    targets = np.full((10, 1), value)
    assert report("regression", targets, targets)["r2"] == 1
    assert report("regression", targets + 1e-3, targets)["r2"] == 0


def test_targets_count_alike_in_the_mean_of_a_regression():
    targets = np.array([[0.0, 7], [2, 7], [4, 7]])
    figures = report("regression", targets + np.array([1.0, 2]), targets, target_names=("a", "b"))
    assert (figures["rmse"], figures["mae"], figures["mse"]) == (1.5, 1.5, (1 + 4) / 2)
    assert (figures["r2/a"], figures["r2/b"], figures["r2"]) == (close(1 - 3 / 8), 0.0, close((1 - 3 / 8) / 2))


# --- What cannot be measured, and nan ---------------------------------------------------------------------------------


def test_a_single_row_has_no_r2_and_no_roc_area():
    row = np.array([[0.9]])
    assert report("regression", row, row) == {"mae": 0.0, "mse": 0.0, "rmse": 0.0, "r2": None}
    figures = report("binary", row, np.ones((1, 1)))
    assert (figures["accuracy"], figures["roc_auc"]) == (1.0, None)
    assert (figures["f1/0"], figures["f1/1"], figures["macro_f1"]) == (None, 1.0, 1.0)
    assert np.isnan(TRAINING_METRICS["regression"]["r2"](row, row))


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("side", [0, 1])
def test_nan_is_never_right(task, side):
    targets = one_hot([side, side], 2)[:, : 1 if task == "binary" else 2]
    outputs = targets.copy()
    outputs[0] = NAN
    for name, figure in TRAINING_METRICS[task].items():
        assert figure(outputs, targets) == 0.5
        assert report(task, outputs, targets)[name] == 0.5
    outputs[0] = targets[0]
    outputs[0, side if task == "multiclass" else 0] = NAN
    assert report(task, outputs, targets, top_k=(1,)).get("accuracy", 0.5) == 0.5


def test_nan_rows_lower_recall_and_stand_in_no_column():
    targets, outputs = one_hot([0, 0, 1], 3), np.array([[1.0, 0, 0], [NAN, 0, 0], [0, 1, 0]])
    figures = report("multiclass", outputs, targets, top_k=(3,))
    assert confusion_matrix(outputs, targets).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert (figures["recall/0"], figures["precision/0"]) == (0.5, 1.0)
    assert (figures["accuracy"], figures["top_3_accuracy"]) == (close(2 / 3), close(2 / 3))
    assert report("binary", np.array([[NAN], [1.0]]), np.array([[0.0], [1.0]]))["roc_auc"] is None


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf, 1e200])
def test_wild_outputs_give_no_warning_and_leave_the_other_replicas_alone(value):
    outputs, targets = draw("regression", np.random.default_rng(1), 20, replicas=(2,))
    alone = {name: figure(outputs[0], targets) for name, figure in TRAINING_METRICS["regression"].items()}
    outputs[1, 3, 1] = value
    for name, figure in TRAINING_METRICS["regression"].items():
        calm, wild = figure(outputs, targets)
        assert calm == alone[name]
        assert not np.isfinite(wild)
        assert np.isnan(wild) == np.isnan(value)
    assert report("regression", outputs[1], targets)["r2"] is None
    assert report("regression", np.full((3, 1), value), np.ones((3, 1)))["rmse"] is None


# --- Replicas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "name"), EVERY_QUICK_FIGURE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 7, 33, 1000, 8193])
def test_a_replica_has_the_same_bits_in_a_batch_as_alone(task, name, dtype, rows):
    figure = TRAINING_METRICS[task][name]
    outputs, targets = draw(task, np.random.default_rng(rows), rows, replicas=(5,))
    outputs = outputs.astype(dtype)
    together = figure(outputs, targets)
    assert together.shape == (5,)
    assert together.dtype == np.float64
    np.testing.assert_array_equal(together, [figure(one, targets) for one in outputs])
    np.testing.assert_array_equal(together, figure(outputs, np.broadcast_to(targets, outputs.shape).copy()))
    roomy = np.empty((5, rows + 3, outputs.shape[-1]), dtype)  # a view into a larger buffer, and another memory order
    roomy[:, :rows] = outputs
    np.testing.assert_array_equal(together, figure(roomy[:, :rows], targets))
    np.testing.assert_array_equal(together, figure(np.asfortranarray(outputs), targets))


@pytest.mark.parametrize("columns", [1, 2, 9, 40])
@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_a_regressions_bits_hold_for_any_number_of_targets(columns, name):
    rng = np.random.default_rng(columns)
    outputs, targets = rng.normal(size=(3, 500, columns)), rng.normal(size=(3, 500, columns))
    figure = TRAINING_METRICS["regression"][name]
    alone = [figure(a, y) for a, y in zip(outputs, targets, strict=True)]
    np.testing.assert_array_equal(figure(outputs, targets), alone)
    np.testing.assert_array_equal(figure(np.asfortranarray(outputs), np.asfortranarray(targets)), alone)


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_a_regression_in_single_precision_is_summed_in_double(name):
    rng = np.random.default_rng(8)
    outputs, targets = rng.normal(size=(2, 5000, 2)).astype(np.float32)
    figure = TRAINING_METRICS["regression"][name]
    assert figure(outputs, targets) == figure(outputs.astype(np.float64), targets.astype(np.float64))


@pytest.mark.parametrize(("task", "name"), EVERY_QUICK_FIGURE)
def test_the_quick_figures_are_those_of_the_report(task, name):
    outputs, targets = draw(task, np.random.default_rng(3), 200)
    assert report(task, outputs, targets)[name] == close(TRAINING_METRICS[task][name](outputs, targets))


@pytest.mark.parametrize(("task", "name"), EVERY_QUICK_FIGURE)
def test_the_arguments_stay_as_they_were(task, name):
    outputs, targets = draw(task, np.random.default_rng(3), 20)
    before = outputs.copy(), targets.copy()
    TRAINING_METRICS[task][name](outputs, targets)
    report(task, outputs, targets)
    assert (outputs == before[0]).all()
    assert (targets == before[1]).all()


# --- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", list(TRAINING_METRICS))
def test_the_table_holds_every_figure_of_a_task_and_no_other(task):
    outputs, targets = draw(task, np.random.default_rng(0), 30)
    measured = {metric_of(name).description for name in [*report(task, outputs, targets, top_k=(2,)), "loss"]}
    assert measured == {metric.description for metric in METRICS.values() if task in metric.tasks}
    assert set(TRAINING_METRICS[task]) <= {name for name, metric in METRICS.items() if task in metric.tasks}


def test_better_is_what_a_perfect_network_has():
    for task in TRAINING_METRICS:
        _, targets = draw(task, np.random.default_rng(0), 30)
        for name, figure in report(task, targets, targets, top_k=(2,)).items():
            assert figure == (1.0 if metric_of(name).larger_is_better else 0.0), name
    assert not METRICS["loss"].larger_is_better


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    assert metric_of("top_12_accuracy") is METRICS["top_k_accuracy"]
    assert metric_of("f1/a cat/b") is METRICS["f1"]
    with pytest.raises(ValueError, match="no metric is called 'acuracy'; did you mean 'accuracy'"):
        metric_of("acuracy")
    with pytest.raises(ValueError, match="top_0_accuracy"):
        metric_of("top_0_accuracy")


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "outputs", "targets"),
    [
        ("binary", (3, 2), (3, 2)),
        ("multiclass", (3, 1), (3, 1)),
        ("regression", (3, 1), (3, 2)),
        ("regression", (0, 1), (0, 1)),
        ("multilabel", (2, 3, 4), (2, 3, 4)),
    ],
)
def test_a_report_refuses_shapes_that_do_not_fit(task, outputs, targets):
    with pytest.raises(ValueError, match=r"column|alike"):
        report(task, np.zeros(outputs), np.zeros(targets))


def test_a_report_refuses_names_and_k_that_do_not_fit():
    outputs = one_hot([0, 1, 2], 3)
    with pytest.raises(ValueError, match=r"scores \(3, 2\) must be of the shape of the outputs, \(3, 3\)"):
        report("multiclass", outputs, outputs, scores=outputs[:, :2])
    for classes in (("a", "b"), ("a", "b", "b")):
        with pytest.raises(ValueError, match="expected 3 different names"):
            report("multiclass", outputs, outputs, classes=classes)
    with pytest.raises(ValueError, match="top_k must be at least 1, got 0"):
        report("multiclass", outputs, outputs, top_k=(0,))
