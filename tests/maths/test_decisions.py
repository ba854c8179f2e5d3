"""What stands for targets and outputs of very many classes says what the arrays say that it stands for."""

import numpy as np
import pytest

from nnlab.maths.baselines import always, constant, scored_by
from nnlab.maths.decisions import ConfusionCounts, Decisions
from nnlab.maths.losses import balanced, with_row_weights
from nnlab.maths.metrics import confusion_counts, report
from nnlab.maths.one_hot import OneHot
from nnlab.maths.undefined import why_undefined

ROWS, CLASSES = 60, 8
CODES = np.random.default_rng(5).integers(0, CLASSES - 1, ROWS)  # the last class has no row
DENSE, SPARSE = np.eye(CLASSES)[CODES], OneHot(CODES, CLASSES)
WEIGHTS = np.arange(ROWS) % 4 / 2


@pytest.fixture
def rng():
    """The same draws for each test."""
    return np.random.default_rng(6)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_one_hot_rows_are_indexed_and_gathered_as_an_array(weights, rng):
    dense, sparse = (y if weights is None else with_row_weights(y, weights) for y in (DENSE, SPARSE))
    assert (sparse.shape, sparse.ndim, len(sparse)) == (dense.shape, 2, ROWS)
    for key in (slice(3, 9), np.array([5, 2, 2]), CODES > 3, 4, None):
        np.testing.assert_array_equal(np.asarray(sparse[key]), dense[key], strict=True)
    replicas = sparse.reshape(2, ROWS // 2, -1)
    np.testing.assert_array_equal(replicas[:, 4:6], dense.reshape(2, ROWS // 2, -1)[:, 4:6])
    rows, (taken, expected) = rng.integers(0, ROWS, (2, 5)), np.full((2, 2, 5, dense.shape[1]), 7, np.float32)
    sparse.take(rows, 0, taken, "clip")
    np.testing.assert_array_equal(taken, dense.astype(np.float32).take(rows, 0, expected, "clip"))
    assert np.asarray(sparse.astype(np.float32)).dtype == np.float32


def test_one_hot_rows_are_joined_as_arrays():
    parts = SPARSE[:20], SPARSE[20:40]
    np.testing.assert_array_equal(OneHot.stack(parts), DENSE[:40].reshape(2, 20, -1))
    np.testing.assert_array_equal(OneHot.concatenate(parts), DENSE[:40])


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_figures_of_decisions_are_those_of_outputs(weights, rng):
    outputs = rng.integers(0, 9, (ROWS, CLASSES)) / 8  # with ties
    scores = outputs + rng.integers(0, 2, outputs.shape) / 100
    outputs[3, 2] = scores[3, 2] = np.nan
    blocks = [Decisions.of(outputs[rows], scores[rows], CODES[rows]) for rows in (slice(0, 13), slice(13, ROWS))]
    decided = Decisions.joined(blocks)
    dense = report("multiclass", outputs, DENSE, weights, top_k=(1, 3, 5, 100), scores=scores)
    assert report("multiclass", decided, SPARSE, weights, top_k=(1, 3, 5, 100), scores=decided) == dense
    assert dense["top_100_accuracy"] != 1  # a row with a nan is never right


def test_rows_without_outputs_are_undecided_among_the_others():
    decided = Decisions.of(np.array([[0.2, 0.8]]), np.array([[1.0, 2.0]]), np.array([0])).spread(np.array([1]), 3)
    assert decided.winner.tolist() == [-1, 1, -1]
    assert np.isnan(decided.highest).tolist() == [True, False, True]
    assert (decided.ahead[1], len(decided)) == (1, 3)


def test_confused_pairs_are_the_cells_of_the_matrix(rng):
    outputs = rng.random((ROWS, CLASSES))
    matrix, counts = np.zeros((CLASSES, CLASSES)), confusion_counts(outputs, SPARSE, WEIGHTS)
    np.add.at(matrix, (CODES, outputs.argmax(axis=1)), WEIGHTS)
    np.testing.assert_array_equal(counts.matrix(), matrix)
    np.testing.assert_array_equal(counts.matrix([1, 4, 7]), matrix[np.ix_([1, 4, 7], [1, 4, 7])])
    sums = matrix.sum(axis=1), matrix.sum(axis=0), matrix.diagonal()
    for found, expected in zip((counts.of_truth(), counts.of_predicted(), counts.right()), sums, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(ConfusionCounts.of_matrix(matrix).matrix(), matrix)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_class_weights_and_the_largest_class_are_those_of_an_array(weights):
    np.testing.assert_array_equal(balanced(SPARSE, "multiclass", weights), balanced(DENSE, "multiclass", weights))
    shares = constant("majority", SPARSE, weights)
    np.testing.assert_allclose(shares, constant("majority", DENSE, weights), rtol=1e-15)
    found = scored_by(always(shares), np.zeros((ROWS, 2)), SPARSE)
    expected = np.broadcast_to(shares, (ROWS, CLASSES))
    about = {"top_k": (3,), "weights": weights}
    figures = report("multiclass", found.outputs, SPARSE, scores=found.scores, **about)
    assert figures == report("multiclass", expected, DENSE, **about)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("name", ["f1/0", "f1/7", "macro_f1"])
def test_an_absent_class_is_told_of(name, weights):
    names = [str(index) for index in range(CLASSES)]
    sparse, dense = (why_undefined(name, y, weights, classes=names) for y in (SPARSE, DENSE))
    assert sparse == dense
    assert (sparse is not None) == (name == "f1/7")
