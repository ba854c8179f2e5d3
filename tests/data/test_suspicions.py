"""What looks wrong in a table though a network can be trained on it, each a sentence with columns, figure and cure."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.data.catalogue import load
from nnlab.data.dataset import Columns, Dataset, InputColumn, RowFacts
from nnlab.data.suspicions import suspicions
from nnlab.data.tables.options import TableOptions
from nnlab.data.targets import class_targets

N = 240


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def table(x, y, task="regression", *, names="abcdefgh", categories=None, classes=(), targets=("y",), lines=True):
    """A data set as read from a table; `categories` is a column of texts behind the numbers."""
    texts = len(categories[1]) if categories else 0
    inputs = [InputColumn(name) for name, _ in zip(names, range(x.shape[1] - texts), strict=False)]
    inputs += [InputColumn(*categories)] if categories else []
    facts = RowFacts(lines=np.arange(2, len(y) + 2)) if lines else RowFacts()
    y = y if y.ndim == 2 else y[:, None]
    return Dataset("t", task, x, y, Columns(tuple(inputs), targets, classes), rows=facts)


def found(dataset, rows=None, *, scaled=True, targets_scaled=True, rounded=(), class_weights=False):
    rows = np.arange(len(dataset.y)) if rows is None else rows
    given = {"scaled": scaled, "targets_scaled": targets_scaled, "rounded": rounded, "class_weights": class_weights}
    return list(suspicions(dataset, rows, **given))


# --- targets that are inputs ------------------------------------------------------------------------------------------

X = normal(N, 5) * [1, 10, 0.1, 3, 2] + [0, 500, 7, 0, -3]
KNOWN_LATER = "(|r| = 1.000000 in 240 training rows): if that is known only once the target is, data.ignore: "


@pytest.mark.parametrize(
    ("y", "what"),
    [
        (X[:, 1], "column 'b' {}['b']"),
        (3 - 1000 * X[:, 2], "column 'c' {}['c']"),
        (X[:, 0] + X[:, 3], "the sum of columns 'a' and 'd' {}['a', 'd']"),
        (2 * (X[:, 4] - X[:, 3]) + 1, "the difference of columns 'd' and 'e' {}['d', 'e']"),
        (X.sum(axis=1), "the sum of all 5 numeric columns {}['a', 'b', 'c', …]"),
    ],
)
def test_a_target_that_is_a_copy_or_a_sum_of_inputs_is_named(y, what):
    assert found(table(X, y)) == [f"target 'y' follows {what.format(KNOWN_LATER)}"]


@pytest.mark.parametrize("y", [X[:, 1] + 0.5 * normal(N, seed=1), X[:, 0] * X[:, 3], 2 * X[:, 0] + X[:, 3], np.ones(N)])
def test_a_target_that_is_to_be_learned_is_none(y):
    assert found(table(X, y)) == []


def test_blanks_and_constant_columns_do_not_disturb():
    x = np.column_stack([X, np.full(N, 0.1), np.full(N, np.nan)])
    x[::3, 1] = np.nan
    (copy,) = found(table(x, X[:, 1]))
    assert copy.startswith("target 'y' follows column 'b' (|r| = 1.000000")
    x[:, 6] = 7
    (pair,) = found(table(x, X[:, 1] + X[:, 3]))
    assert pair.startswith("target 'y' follows the sum of columns 'b' and 'd'")


def test_a_column_known_in_few_rows_is_no_copy():
    x = X.copy()
    x[9:, 0] = np.nan
    assert found(table(x, np.where(np.arange(N) < 9, X[:, 0], normal(N, seed=1)))) == []


def test_only_the_training_rows_count():
    y = np.where(np.arange(N) < 100, X[:, 1], normal(N, seed=1))
    assert len(found(table(X, y), np.arange(100))) == 1
    assert found(table(X, y)) == []


def test_few_rows_and_computed_sets_are_not_looked_at():
    assert found(table(X[:9], X[:9, 1])) == []
    assert found(table(X, X[:, 1], lines=False)) == []
    assert len(found(table(X[:10], X[:10, 1]))) == 1


def test_sums_of_many_inputs_are_not_looked_for():
    x = normal(N, 41)
    assert found(table(x, x[:, 0] + x[:, 1], names=[f"c{i}" for i in range(41)])) == []
    assert len(found(table(x[:, :40], x[:, 0] + x[:, 1], names=[f"c{i}" for i in range(40)]))) == 1


LABELS = np.random.default_rng(3).integers(0, 3, N)


def test_a_binary_target_that_is_a_column_is_named():
    yes = (LABELS > 0).astype(np.float64)
    (told,) = found(table(np.column_stack([X, 2 - yes]), yes, "binary", classes=("no", "yes")))
    assert told == f"target 'y' follows column 'f' {KNOWN_LATER}['f']"


@pytest.mark.parametrize("kind", ["number", "texts"])
def test_a_column_that_is_the_class_is_named(kind):
    one_hot = class_targets(LABELS, 3, "multiclass")
    x = np.column_stack([X, LABELS + 5] if kind == "number" else [X, one_hot[:, ::-1]])
    categories = ("f", ("u", "v", "w")) if kind == "texts" else None
    (told,) = found(table(x, one_hot, "multiclass", classes=("p", "q", "r"), categories=categories))
    assert told == f"target 'y' follows column 'f' {KNOWN_LATER}['f']"


def test_an_input_that_tells_one_class_of_several_is_a_good_input():
    one_hot = class_targets(LABELS, 3, "multiclass")
    dataset = table(np.column_stack([X, LABELS == 0]), one_hot, "multiclass", classes=("p", "q", "r"))
    assert found(dataset) == []


def test_each_of_several_targets_is_looked_at():
    y = np.column_stack([normal(N, seed=1), X[:, 1], X[:, 2]])
    told = found(table(X, y, targets=("u", "v", "w")))
    assert [sentence.partition(" (")[0] for sentence in told] == [
        "target 'v' follows column 'b'",
        "target 'w' follows column 'c'",
    ]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_unscaled_inputs_that_spread_far_are_named():
    x = np.column_stack([np.linspace(0, 1000, N), np.linspace(0, 1001, N), np.linspace(-80000, 5000, N)])
    (one,) = found(table(x[:, :2], normal(N)), scaled=False)
    assert one == (
        "1 of 2 inputs ('b') is not scaled and spreads over up to 1,001, on which networks train badly: "
        "data.scale: standard"
    )
    x[5] = np.nan
    (two,) = found(table(x, normal(N)), scaled=False)
    assert two.startswith("2 of 3 inputs ('b', 'c') are not scaled and spread over up to 85,000, on which")
    assert found(table(x, normal(N))) == []


def test_an_unscaled_target_that_spreads_far_is_named():
    dataset = table(X, np.linspace(0, 5000, N) * np.sign(normal(N)))
    (told,) = found(dataset, targets_scaled=False)
    assert told.startswith("target 'y' is not scaled and spreads over ")
    assert told.endswith("on which networks train badly: data.scale_targets: true")
    assert found(dataset) == []


def test_a_target_that_is_told_to_be_rounded_is_told_once():
    dataset = table(X, 1.7e9 + 2000 * normal(N))
    assert found(dataset, targets_scaled=False, rounded=["y"]) == []
    (wide,) = found(dataset, targets_scaled=False)
    assert "spreads over" in wide


def test_a_target_at_zero_has_no_rounding_to_be_told():
    assert found(table(X, np.zeros(N)), targets_scaled=False) == []
    assert found(table(X, np.full(N, 3e9)), targets_scaled=False) == []


# --- classes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rare", "told"), [(0, 0), (11, 1), (12, 0)])
def test_a_class_of_nearly_all_rows_is_told(rare, told):
    y = (np.arange(N) < rare).astype(np.float64)
    dataset = table(X, y, "binary", classes=("negative", "positive"))
    sentences = found(dataset)
    assert len(sentences) == told
    if told:
        assert sentences[0] == (
            "class 'negative' has 229 of 240 training rows (95.4 %), so that accuracy says little: balanced_accuracy "
            "and class_weights: balanced (in network.head.loss) give each class the same weight"
        )
        assert found(dataset, class_weights=True) == []


# --- all of it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "iris", "breast-cancer", "penguins", "auto-mpg", "concrete", "energy"])
def test_nothing_is_suspected_of_sets_that_are_known_to_be_sound(name):
    task = {"breast-cancer": "binary", "auto-mpg": "regression", "concrete": "regression", "energy": "regression"}
    dataset = load(name, task=task.get(name, "multiclass"), table=TableOptions(blanks="mean"))
    lines = RowFacts(lines=np.arange(len(dataset.y)))
    assert found(dataclasses.replace(dataset, rows=lines), targets_scaled=False) == []


def test_blocks_of_rows_change_nothing(monkeypatch):
    y = X[:, 0] + X[:, 3]
    whole = found(table(1e4 * X, y), scaled=False)
    monkeypatch.setattr("nnlab.data.suspicions._BLOCK", 35)
    assert found(table(1e4 * X, y), scaled=False) == whole
    assert len(whole) == 2


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(-1e308, 1e308), st.just(float("nan")), st.sampled_from([0.0, 0.1])), min_size=36
    ),
    wide=st.booleans(),
)
def test_no_numbers_make_it_fail(values, wide):
    x = np.array(values[: len(values) // 3 * 3]).reshape(-1, 3)
    y = np.nan_to_num(x[:, 2]) if wide else np.arange(len(x), dtype=np.float64)
    for sentence in found(table(x, y), scaled=False, targets_scaled=False):
        assert "nan" not in sentence
