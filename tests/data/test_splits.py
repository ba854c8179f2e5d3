"""Splits and the order of an epoch: functions of the seed, stratified, without a row lost or doubled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.data.batches import shuffled
from nnlab.data.dataset import Columns, Dataset, InputColumn, RowFacts
from nnlab.data.splits import class_indices, missing_classes, split
from nnlab.errors import DataError


def targets(labels, classes=None):
    return np.eye(classes or max(labels) + 1)[np.array(labels)]


LABELS = [0] * 50 + [1] * 30 + [2] * 20
Y = targets(LABELS)


def cut(y=Y, task="multiclass", own_test=0, own_validation=0, *, test=None, validation=None, seed=1, **rows):
    x, columns = np.zeros((len(y), 1)), Columns((InputColumn("x"),), ("y",))
    dataset = Dataset("made", task, x, y, columns, own_test, own_validation=own_validation, rows=RowFacts(**rows))
    return split(dataset, test=test, validation=validation, seed=seed)


def counts(rows):
    return np.bincount(class_indices(Y[rows]), minlength=3).tolist()


def test_parts_keep_the_shares_of_the_classes():
    parts = cut(test=0.2, validation=0.25)
    assert counts(parts.test) == [10, 6, 4]
    assert counts(parts.validation) == [10, 6, 4]
    assert counts(parts.train) == [30, 18, 12]


def test_the_largest_remainders_get_what_is_left():
    assert counts(cut(test=7).test) == [4, 2, 1]  # of 3.5, 2.1 and 1.4
    assert counts(cut(test=1).test) == [1, 0, 0]


def test_no_parts():
    parts = cut()
    np.testing.assert_array_equal(parts.train, np.arange(100))
    assert len(parts.test) == len(parts.validation) == 0


def test_the_seed_alone_decides():
    one, same, other = (cut(test=0.2, validation=10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.test, same.test)
    np.testing.assert_array_equal(one.validation, same.validation)
    assert set(one.test) != set(other.test)


def test_the_test_part_does_not_depend_on_the_validation_part():
    np.testing.assert_array_equal(cut(test=0.2).test, cut(test=0.2, validation=0.5).test)


def test_a_regression_is_split_at_random():
    y = np.arange(40.0)[:, np.newaxis]
    parts = cut(y, "regression", test=0.25, validation=10)
    assert (len(parts.test), len(parts.validation), len(parts.train)) == (10, 10, 20)
    assert np.ptp(parts.test) > 10


def test_a_test_part_of_its_own():
    parts = cut(own_test=20, validation=0.5)
    np.testing.assert_array_equal(parts.test, np.arange(80, 100))
    assert len(parts.train) == len(parts.validation) == 40
    with pytest.raises(DataError, match="comes with a test part of 20 rows"):
        cut(own_test=20, test=0.2)


@pytest.mark.parametrize("validation", [None, "own"])
def test_a_validation_part_of_its_own(validation):
    parts = cut(own_test=20, own_validation=15, validation=validation)
    np.testing.assert_array_equal(parts.train, np.arange(65))
    np.testing.assert_array_equal(parts.validation, np.arange(65, 80))
    np.testing.assert_array_equal(parts.test, np.arange(80, 100))
    parts = cut(own_validation=15, validation=validation, test=0.2)
    np.testing.assert_array_equal(parts.validation, np.arange(85, 100))
    assert (len(parts.train), len(parts.test)) == (68, 17)


def test_a_second_validation_part_is_refused():
    with pytest.raises(DataError, match="expected own: the set comes with a validation part of 15 rows"):
        cut(own_validation=15, validation=0.2)
    with pytest.raises(DataError, match=r"found data.validation: own, expected a share or a count"):
        cut(validation="own")


@pytest.mark.parametrize("size", [0, 1.0, 0.0, -1, -0.5, 1.5, True, float("nan"), 100, 1000, 0.999])
def test_sizes_that_make_no_part(size):
    for name in ("test", "validation"):
        with pytest.raises(DataError, match=f"data.{name}"):
            cut(**{name: size})


def test_no_row_left_to_train():
    with pytest.raises(DataError, match="left to train"):
        cut(test=50, validation=50)
    with pytest.raises(DataError, match="left to train"):
        cut(targets([0]), test=0.2)


def test_four_points():
    parts = cut(np.array([[0.0], [1], [1], [0]]), "binary", test=0.2)
    assert (len(parts.test), len(parts.train)) == (1, 3)


def test_missing_classes():
    assert missing_classes(Y, np.arange(60)) == (2,)
    assert missing_classes(Y, np.arange(100)) == ()
    assert missing_classes(np.array([[1.0], [1.0], [0.0]]), np.array([0, 1])) == (0,)


@settings(max_examples=150, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=3, max_size=60),
    test=st.one_of(st.none(), st.floats(0.01, 0.6), st.integers(1, 10)),
    validation=st.one_of(st.none(), st.floats(0.01, 0.6), st.integers(1, 10)),
    seed=st.integers(0, 2**63 - 1),
)
def test_every_row_is_in_one_part_and_every_class_near_its_share(labels, test, validation, seed):
    y = targets(labels, 4)
    try:
        parts = cut(y, test=test, validation=validation, seed=seed)
    except DataError:
        return
    everything = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(everything), np.arange(len(labels)))
    assert len(parts.train)
    for rows in (parts.train, parts.validation, parts.test):
        assert rows.dtype == np.int64
        np.testing.assert_array_equal(rows, np.sort(rows))
    share = y.sum(axis=0) * len(parts.test) / len(labels)
    assert (np.abs(y[parts.test].sum(axis=0) - share) < 1).all()


def test_the_order_of_an_epoch():
    first = shuffled(10, 1, 0)
    np.testing.assert_array_equal(np.sort(first), np.arange(10))
    np.testing.assert_array_equal(first, shuffled(10, 1, 0))
    assert first.tolist() != shuffled(10, 1, 1).tolist()
    assert first.tolist() != shuffled(10, 2, 0).tolist()
