"""Rows that do not have a figure, against the report of networks on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.maths.metrics import report
from nnlab.maths.undefined import may_be_undefined, why_undefined

COLUMNS = {"binary": 1, "multiclass": 3, "multilabel": 3, "regression": 2}


def targets_of(task, rows, rng):
    if task == "regression":
        return rng.integers(0, 2, (rows, 2)).astype(float)
    if task == "multiclass":
        return np.eye(3)[rng.integers(0, 3, rows)]
    return rng.integers(0, 2, (rows, COLUMNS[task])).astype(float)


@given(st.sampled_from(sorted(COLUMNS)), st.integers(1, 5), st.integers(0, 2**20), st.booleans())
def test_no_two_networks_are_told_apart_by_a_figure_that_rows_do_not_have(task, rows, seed, weighted):
    """Undefined figures are none, or one value for every wrong network; others are numbers for some network."""
    rng = np.random.default_rng(seed)
    targets = targets_of(task, rows, rng)
    weights = np.append(1.0, rng.integers(0, 3, rows - 1)) if weighted else None
    names = [str(i) for i in range(max(2, targets.shape[1]))] if task in ("binary", "multiclass") else []
    others = [] if names else [str(i) for i in range(targets.shape[1])]
    found = [report(task, rng.random(targets.shape), targets, weights) for _ in range(3)]
    found.append(report(task, targets, targets, weights))  # a network that is right everywhere
    for name in found[0]:
        why = why_undefined(name, targets, weights, classes=names, names=others)
        values = [one[name] for one in found]
        if why is None:
            assert values[-1] is not None
        elif name.startswith(("r2", "roc_auc")):
            assert all(value in (None, 0.0) for value in values[:-1])
        elif not name.startswith("average_precision"):
            assert all(value in (None, 0.0) for value in values)


@pytest.mark.parametrize(
    ("name", "targets", "expected"),
    [
        ("r2", [[3.0]], "has a single row, which has no r2"),
        ("r2", [[3.0], [3.0]], "has a constant target, whose r2 is 0 by convention"),
        ("r2/b", [[3.0, 1.0], [4.0, 1.0]], "has a constant target, whose r2 is 0 by convention"),
        ("r2/a", [[3.0, 1.0], [4.0, 1.0]], None),
        ("r2", [[3.0, 1.0], [4.0, 1.0]], None),
        ("rmse", [[3.0]], None),
    ],
)
def test_what_is_said_of_values(name, targets, expected):
    assert why_undefined(name, np.array(targets), names=["a", "b"][: len(targets[0])]) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("roc_auc", "has rows of one class alone, 'yes'"),
        ("average_precision", "has rows of one class alone, 'yes'"),
        ("recall/no", "has no row of class 'no'"),
        ("recall/yes", None),
        ("accuracy", None),
        ("macro_f1", None),
    ],
)
def test_what_is_said_of_one_class(name, expected):
    targets, weights = np.array([[1.0], [1.0], [0.0]]), np.array([1.0, 1.0, 0.0])
    assert why_undefined(name, targets, weights, classes=["no", "yes"]) == expected
    assert why_undefined(name, targets, classes=["no", "yes"]) is None


def test_most_figures_are_defined_everywhere():
    names = ("loss", "accuracy", "balanced_accuracy", "macro_f1", "rmse", "mae", "top_3_accuracy", "micro_f1")
    assert not any(map(may_be_undefined, names))
