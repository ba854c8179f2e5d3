"""Sentences on evaluated rows: how many were trained on, which are blank, what training never saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.data.dataset import Columns, InputColumn, RowFacts
from nnlab.experiments.predictions import Predicted
from nnlab.experiments.row_warnings import blank_warning, count_equal, flattery, unseen_warnings

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("trained", "rows", "sentence"),
    [
        (0, 9, ""),
        (1, 9, "1 of 9 rows was in the training part: its figures flatter the network"),
        (120, 150, "120 of 150 rows were in the training part: their figures flatter the network"),
        (4000, 4000, "all 4,000 rows were in the training part: their figures flatter the network"),
        (1, 1, "1 of 1 row was in the training part: its figures flatter the network"),
    ],
)
def test_the_count_of_rows_trained_on_is_told(trained, rows, sentence):
    assert flattery(trained, rows) == sentence


def test_rows_are_equal_by_their_numbers_in_whatever_order_and_type():
    training = RANDOM.normal(size=(50, 3))
    training[4] = [0.0, np.nan, 1.0]
    assert count_equal(np.vstack([training[::-2], [[-0.0, np.nan, 1.0]], RANDOM.normal(size=(9, 3))]), training) == 26
    assert count_equal(training + 1e-9, training) == 0
    pixels = RANDOM.integers(0, 256, (20, 5), dtype=np.uint8)
    assert count_equal(pixels[:7].astype(float), pixels) == 7


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_where_rows_are_often_alike_fresh_ones_are_no_evidence(seed, values):
    random = np.random.default_rng(seed)
    training, fresh = (random.integers(0, values, (n, 2)).astype(float) for n in (500, 60))
    assert count_equal(fresh, training) == 0


def test_where_some_rows_are_alike_more_of_them_than_chance_explains_are():
    often = np.repeat(RANDOM.normal(size=(50, 2)), 2, axis=0)  # half of the training rows have a twin
    training = np.vstack([often, RANDOM.normal(size=(100, 2))])
    fresh = RANDOM.normal(size=(40, 2))
    assert count_equal(np.vstack([often[:40], fresh]), training) == 0
    assert count_equal(training, training) == 200


def part(count, blank=(), targets=None, **facts):
    return Predicted(
        np.zeros((count, 1)),
        np.arange(1, count + 1),
        targets,
        facts=RowFacts(**facts),
        blank=np.array(blank, np.int64),
    )


OF_OTHERS = "and figures are of the other 5"
CURE = "fill or delete such rows, or train with data.blanks: mean or median"


@pytest.mark.parametrize(
    ("given_part", "sentences"),
    [
        (part(3), []),
        (part(3, [1]), [f"1 of 3 rows has a blank (row 2): no prediction for it; {CURE}"]),
        (
            part(9, [0, 2, 4, 6], np.zeros((9, 1)), lines=np.arange(9) * 10 + 2),
            [f"4 of 9 rows have a blank (lines 2, 22, 42, …): no prediction for them, {OF_OTHERS}; {CURE}"],
        ),
        (part(1, [0], np.zeros((1, 1))), [f"1 of 1 row has a blank (row 1): no prediction for it; {CURE}"]),
    ],
)
def test_rows_without_a_prediction_are_counted_with_their_lines(given_part, sentences):
    assert list(blank_warning(given_part)) == sentences


COLUMNS = Columns(
    (
        InputColumn("size"),
        InputColumn("cabin", ("A", "B", "other"), rare=("C",)),
        InputColumn("town", ("Rome", "other")),
        InputColumn("town=of", ("x",)),
    ),
    ("y",),
)


def test_unseen_categories_are_counted_by_column_the_most_frequent_first():
    marks = ("", "cabin=E", "cabin=D; town=Oslo", "cabin=D", "cabin=F", "cabin=G")
    assert list(unseen_warnings(COLUMNS, {"data": part(6, unseen=marks)})) == [
        "column 'cabin': 5 of 6 rows have a value that training never saw ('D', 'E', 'F', …), read as 'other'",
        "column 'town': 1 of 6 rows has a value that training never saw ('Oslo'), read as none of those it knows",
    ]


def test_a_value_may_have_the_signs_that_separate_values():
    (one, other) = unseen_warnings(COLUMNS, {"data": part(1, unseen=("town=a; b=c; town=of=d=e",))})
    assert "column 'town': 1 of 1 row has a value that training never saw ('a; b=c')" in one
    assert "column 'town=of': 1 of 1 row has a value that training never saw ('d=e')" in other


def test_only_rows_of_the_evaluated_parts_are_counted():
    marks = ("cabin=D", "cabin=E")
    first = Predicted(np.zeros((1, 1)), np.array([2]), None, facts=RowFacts(unseen=marks))
    (sentence,) = unseen_warnings(COLUMNS, {"test": first})
    assert "1 of 1 row has a value that training never saw ('E')" in sentence


def test_without_unseen_categories_nothing_is_said():
    assert list(unseen_warnings(COLUMNS, {"data": part(2)})) == []
    assert list(unseen_warnings(COLUMNS, {"data": part(2, unseen=("", ""))})) == []
