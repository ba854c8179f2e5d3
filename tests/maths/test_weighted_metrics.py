"""Figures of merit of rows with weights: against scikit-learn's sample_weight, and against rows that are repeated."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from strategies import OUTPUTS
from strategies import targets as random_targets

from nnlab.maths.metrics import TRAINING_METRICS, confusion_matrix, predictions, report

TASKS = st.sampled_from(sorted(OUTPUTS))
TOP = {"multiclass": {"top_k": (1, 2)}}
EVERY_QUICK_FIGURE = [(task, name) for task, figures in TRAINING_METRICS.items() for name in figures]


def draw(task, rng, rows):
    """Outputs, with ties where decisions are made, and targets (rows, K)."""
    outputs = rng.integers(0, 9, (rows, OUTPUTS[task])) / 8
    outputs = outputs + rng.normal(size=outputs.shape) if task == "regression" else outputs
    return outputs, random_targets(task, rows, rng)[0]


@st.composite
def weighted(draw_one, weights):
    """A task, outputs and targets (N, K), and weights (N,) of which at least one is above 0."""
    task, seed = draw_one(TASKS), draw_one(st.integers(0, 2**20))
    chosen = draw_one(st.lists(weights, min_size=1, max_size=25).filter(any))
    outputs, targets = draw(task, np.random.default_rng(seed), len(chosen))
    return task, outputs, targets, np.array(chosen, float)


ANY = st.one_of(st.just(0.0), st.floats(1e-3, 1e3))


def figures_of(task, outputs, targets, weights):
    return report(task, outputs, targets, weights, **TOP.get(task, {}))


def assert_close(found, expected, rel=1e-9):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=rel, abs=1e-12)), name


# --- against scikit-learn ---------------------------------------------------------------------------------------------


def rates(truth, predicted, weights, **more):
    kinds = ("precision", "recall", "f1")
    found = reference.precision_recall_fscore_support(truth, predicted, sample_weight=weights, zero_division=0, **more)
    return dict(zip(kinds, found[:3], strict=True))


def class_figures(task, outputs, targets, weights):
    """What scikit-learn says of the rows that count."""
    rows = weights > 0
    outputs, targets, w = outputs[rows], targets[rows], weights[rows]
    truth, predicted = predictions(task, targets), predictions(task, outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes that are predicted but absent
        found = {
            "accuracy": reference.accuracy_score(truth, predicted, sample_weight=w),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, predicted, sample_weight=w),
        }
    found |= {f"macro_{kind}": value for kind, value in rates(truth, predicted, w, average="macro").items()}
    seen = sorted({*truth, *predicted})
    for kind, values in rates(truth, predicted, w, labels=seen, average=None).items():
        each = dict(zip(seen, values, strict=True))
        found |= {f"{kind}/{index}": each.get(index) for index in range(max(2, OUTPUTS[task]))}
    if task == "binary":
        has_both = len(set(truth)) == 2
        found["roc_auc"] = reference.roc_auc_score(truth, outputs[:, 0], sample_weight=w) if has_both else None
        precision = reference.average_precision_score(truth, outputs[:, 0], sample_weight=w) if any(truth) else None
        found["average_precision"] = precision
    else:
        labels = range(OUTPUTS[task])
        for k in (1, 2):
            score = reference.top_k_accuracy_score(truth, outputs, k=k, labels=labels, sample_weight=w)
            found[f"top_{k}_accuracy"] = score
    return found


def label_figures(outputs, targets, weights):
    truth, predicted, w = targets.astype(int), (outputs > 0.5).astype(int), weights
    found = {
        "subset_accuracy": reference.accuracy_score(truth, predicted, sample_weight=w),
        "hamming_loss": reference.hamming_loss(truth, predicted, sample_weight=w),
    }
    for average in ("micro", "macro"):
        found |= {f"{average}_{kind}": value for kind, value in rates(truth, predicted, w, average=average).items()}
    for kind, values in rates(truth, predicted, w, average=None).items():
        found |= {f"{kind}/{index}": value for index, value in enumerate(values)}
    return found


def value_figures(outputs, targets, weights):
    more = {"sample_weight": weights, "multioutput": "raw_values"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # r2 of one row
        each = {
            "mae": reference.mean_absolute_error(targets, outputs, **more),
            "mse": reference.mean_squared_error(targets, outputs, **more),
            "rmse": reference.root_mean_squared_error(targets, outputs, **more),
            "r2": np.broadcast_to(reference.r2_score(targets, outputs, **more), targets.shape[1]),
        }
    known = {kind: [None if np.isnan(value) else value for value in values] for kind, values in each.items()}
    means = {kind: None if None in values else np.mean(values) for kind, values in known.items()}
    return means | {f"{kind}/{i}": value for kind, values in known.items() for i, value in enumerate(values)}


REFERENCES = {
    "binary": lambda *values: class_figures("binary", *values),
    "multiclass": lambda *values: class_figures("multiclass", *values),
    "multilabel": label_figures,
    "regression": value_figures,
}


@settings(deadline=None, max_examples=100)
@given(weighted(ANY))
def test_a_weighted_report_is_scikit_learns(rows):
    task, outputs, targets, weights = rows
    assume(task != "regression" or np.count_nonzero(weights) > 1)  # scikit-learn may not see that the variance is 0
    assert_close(figures_of(*rows), REFERENCES[task](outputs, targets, weights))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_weighted_confusion_matrix_is_scikit_learns(task):
    rng = np.random.default_rng(5)
    outputs, targets = draw(task, rng, 60)
    weights = rng.uniform(0, 3, 60)
    expected = reference.confusion_matrix(predictions(task, targets), predictions(task, outputs), sample_weight=weights)
    np.testing.assert_allclose(confusion_matrix(outputs, targets, weights), expected, rtol=1e-12)


# --- properties -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(weighted(st.integers(0, 4).map(float)))
def test_whole_weights_count_as_repeated_rows(rows):
    task, outputs, targets, weights = rows
    counts = weights.astype(int)
    assume(task != "regression" or np.count_nonzero(counts) > 1)  # r2 of one row is not known, that of two alike is
    repeated = figures_of(task, np.repeat(outputs, counts, 0), np.repeat(targets, counts, 0), None)
    assert_close(figures_of(*rows), repeated)


@settings(deadline=None, max_examples=100)
@given(weighted(ANY), st.floats(1e-6, 1e6))
def test_only_the_ratios_of_weights_matter(rows, factor):
    task, outputs, targets, weights = rows
    assert_close(figures_of(task, outputs, targets, factor * weights), figures_of(*rows), rel=1e-12)


@settings(deadline=None, max_examples=100)
@given(weighted(ANY))
def test_equal_weights_give_the_same_bits_as_none(rows):
    task, outputs, targets, weights = rows
    equal = np.ones_like(weights)
    assert figures_of(task, outputs, targets, equal) == figures_of(task, outputs, targets, None)


@settings(deadline=None, max_examples=100)
@given(weighted(ANY), st.integers(1, 5))
def test_rows_of_weight_0_do_not_matter(rows, more):
    task, outputs, targets, weights = rows
    others, their_targets = draw(task, np.random.default_rng(more), more)
    assume(task != "regression" or len(weights) > 1)
    longer = figures_of(
        task,
        np.concatenate([others, outputs]),
        np.concatenate([their_targets, targets]),
        np.concatenate([np.zeros(more), weights]),
    )
    assert_close(longer, figures_of(*rows), rel=1e-12)


def test_a_target_that_is_constant_where_rows_count_has_an_r2_of_1_or_0():
    targets, weights = np.array([[7.7], [0.1], [0.1], [0.1]]), np.array([0, 0.3, 1.7, 0.9])
    assert report("regression", np.full((4, 1), 0.1), targets, weights)["r2"] == 1
    assert report("regression", np.full((4, 1), 0.2), targets, weights)["r2"] == 0


@settings(deadline=None, max_examples=100)
@given(weighted(st.floats(1e-3, 1e3)))
def test_shares_stay_between_0_and_1_and_are_1_where_all_is_right(rows):
    task, _, targets, weights = rows
    assume(task != "regression")
    assert all(value is None or 0 <= value <= 1 for value in figures_of(*rows).values())
    right = figures_of(task, targets, targets, weights)
    shares = {right.get(name) for name in ("accuracy", "balanced_accuracy", "subset_accuracy", "roc_auc")}
    assert shares <= {1.0, None}


@pytest.mark.parametrize(("task", "name"), EVERY_QUICK_FIGURE)
@pytest.mark.parametrize("shared", [True, False], ids=["one-part", "own-parts"])
def test_a_replica_has_the_bits_of_itself_alone(task, name, shared):
    rng, figure = np.random.default_rng(3), TRAINING_METRICS[task][name]
    outputs = np.stack([draw(task, rng, 41)[0] for _ in range(7)])
    parts = 1 if shared else 7
    truth = np.stack([draw(task, rng, 41)[1] for _ in range(parts)])
    weights = rng.uniform(0, 2, (parts, 41))
    together = figure(outputs, truth, weights)
    for replica in range(7):
        part = 0 if shared else replica
        one = slice(replica, replica + 1), slice(part, part + 1)
        alone = figure(outputs[one[0]], truth[one[1]], weights[one[1]])
        assert alone.tobytes() == together[one[0]].tobytes()
        own = report(task, outputs[replica], truth[part], weights[part])
        assert own[name] == together[replica]


def test_weights_must_be_one_for_each_row():
    with pytest.raises(ValueError, match=r"weights \(3,\) must be \(2,\), one for each row"):
        report("binary", np.zeros((2, 1)), np.zeros((2, 1)), np.ones(3))
