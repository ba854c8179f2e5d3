"""Splits and the order of an epoch: functions of the seed, stratified, without a row lost or doubled."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.data.batches import shuffles
from nnlab.data.dataset import Columns, Dataset, InputColumn, RowFacts
from nnlab.data.splits import class_indices, missing_classes, split
from nnlab.errors import DataError


def targets(labels, classes=None):
    return np.eye(classes or max(labels) + 1)[np.array(labels)]


LABELS = [0] * 50 + [1] * 30 + [2] * 20
Y = targets(LABELS)


def cut(
    y=Y, task="multiclass", own_test=0, own_validation=0, *, test=None, validation=None, train=None, seed=1, **rows
):
    x, columns = np.zeros((len(y), 1)), Columns((InputColumn("x"),), ("y",))
    dataset = Dataset("made", task, x, y, columns, own_test, own_validation=own_validation, rows=RowFacts(**rows))
    return split(dataset, test=test, validation=validation, train=train, seed=seed)


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


def test_some_of_what_is_left_is_trained_on():
    whole, some = cut(test=0.2, validation=0.25), cut(test=0.2, validation=0.25, train=0.5)
    assert counts(some.train) == [15, 9, 6]
    assert {*some.train} < {*whole.train}
    np.testing.assert_array_equal(some.validation, whole.validation)
    assert counts(cut(own_test=20, train=10).train) == [6, 4, 0]
    for everything in (100, 1.0):
        np.testing.assert_array_equal(cut(train=everything).train, np.arange(100))
    with pytest.raises(DataError, match=r"data\.train: 101, expected at most the 100 there are$"):
        cut(train=101)


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


# --- parts that the table gives ---------------------------------------------------------------------------------------


def halves(*shares):
    """The parts of 100 rows, so many of each of train, val and test, mixed."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(3, dtype=np.int8), shares))


def test_parts_that_the_table_gives_are_taken_for_every_seed():
    given = halves(60, 25, 15)
    for seed in (1, 2):
        parts = cut(parts=given, seed=seed)
        for part, rows in enumerate((parts.train, parts.validation, parts.test)):
            np.testing.assert_array_equal(rows, np.flatnonzero(given == part))


@pytest.mark.parametrize("validation", [None, "own"])
def test_a_given_validation_part_is_its_own_and_a_test_part_may_be_drawn_beside_it(validation):
    given = halves(80, 20, 0)
    parts = cut(parts=given, test=0.25, validation=validation)
    np.testing.assert_array_equal(parts.validation, np.flatnonzero(given == 1))
    assert len(parts.test) == 20
    assert (given[parts.test] == 0).all()


def test_validation_is_drawn_from_the_rows_given_to_training():
    given = halves(80, 0, 20)
    parts = cut(parts=given, validation=0.25)
    np.testing.assert_array_equal(parts.test, np.flatnonzero(given == 2))
    assert (len(parts.train), len(parts.validation)) == (60, 20)
    assert (given[parts.validation] == 0).all()


def test_a_part_that_the_table_gives_is_not_drawn_a_second_time():
    with pytest.raises(DataError, match=r"found data.test: 0.2, expected none: the set comes with a test part of 20"):
        cut(parts=halves(80, 0, 20), test=0.2)
    with pytest.raises(
        DataError, match=r"data.validation: 9, expected own: the set comes with a validation part of 20"
    ):
        cut(parts=halves(80, 20, 0), validation=9)
    with pytest.raises(DataError, match=r"data\.validation: own, expected a share or a count"):
        cut(parts=halves(80, 0, 20), validation="own")


def test_a_table_without_rows_for_training_is_refused():
    with pytest.raises(DataError, match="found no row of the training part") as error:
        cut(parts=halves(0, 50, 50))
    assert error.value.faults[0].key == ("data", "split")


# --- whole groups -----------------------------------------------------------------------------------------------------


def of_groups(sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def test_groups_of_one_class_each_are_stratified_exactly():
    labels = np.repeat([0, 1], [150, 50])  # 30 groups well, 10 sick, each of five rows
    for seed in range(5):
        parts = cut(targets(labels), groups=of_groups([5] * 40), test=0.2, validation=0.25, seed=seed)
        assert np.bincount(labels[parts.test]).tolist() == [30, 10]
        assert np.bincount(labels[parts.validation]).tolist() == [30, 10]
        assert parts.warnings == ()


def test_a_large_group_does_not_keep_the_part_from_its_size():
    groups = of_groups([150, *[10] * 50])
    for seed in range(5):
        assert len(cut(np.zeros((650, 1)), "regression", groups=groups, test=100, seed=seed).test) == 100


def test_other_seeds_draw_other_groups():
    groups = of_groups([4] * 25)
    drawn = {tuple(cut(groups=groups, test=0.2, seed=seed).test.tolist()) for seed in range(10)}
    assert len(drawn) == 10


def test_a_size_that_whole_groups_do_not_permit_is_told():
    parts = cut(np.zeros((90, 1)), "regression", groups=of_groups([30, 30, 30]), test=0.2, validation=15)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [30, 30, 30]
    test, validation = parts.warnings
    why = "because rows of one group (data.group) stay together"
    assert test == f"the test part has 30 rows where data.test: 0.2 asks for 18, {why}"
    assert validation == f"the validation part has 30 rows where data.validation: 15 asks for 15, {why}"


@pytest.mark.parametrize(("groups", "validation"), [([100], None), ([50, 50], 0.2)])
def test_too_few_groups_are_refused(groups, validation):
    with pytest.raises(DataError, match=r"found 1 group in the .* rows that a part is to be drawn from") as error:
        cut(groups=of_groups(groups), test=0.5, validation=validation)
    assert error.value.faults[0].key == ("data", "group")


SIZES = st.one_of(st.floats(0.01, 0.6), st.integers(1, 10))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2)), min_size=4, max_size=60),
    test=SIZES,
    validation=st.one_of(st.none(), SIZES),
    seed=st.integers(0, 2**63 - 1),
)
def test_no_group_is_in_two_parts(rows, test, validation, seed):
    groups, labels = (np.array(column) for column in zip(*rows, strict=True))

    def parts():
        return cut(targets(labels, 3), groups=groups, test=test, validation=validation, seed=seed)

    try:
        found = parts()
    except DataError:
        return
    each = [found.train, found.test, *([found.validation] if validation else [])]
    np.testing.assert_array_equal(np.sort(np.concatenate(each)), np.arange(len(rows)))
    assert all(len(part) for part in each)
    of_parts = [set(groups[part].tolist()) for part in each]
    assert sum(map(len, of_parts)) == len(set(groups.tolist()))
    again = parts()
    np.testing.assert_array_equal(found.test, again.test)
    np.testing.assert_array_equal(found.validation, again.validation)


@settings(max_examples=150, deadline=None)
@given(sizes=st.lists(st.integers(1, 20), min_size=2, max_size=30), data=st.data())
def test_no_group_in_or_out_or_exchanged_brings_a_part_nearer_to_its_size(sizes, data):
    wanted = data.draw(st.integers(1, sum(sizes) - 1))
    parts = cut(np.zeros((sum(sizes), 1)), "regression", groups=of_groups(sizes), test=wanted)
    taken = set(of_groups(sizes)[parts.test].tolist())
    left = set(range(len(sizes))) - taken
    off = len(parts.test) - wanted
    changes = [-sizes[i] for i in taken if len(taken) > 1] + [sizes[i] for i in left if len(left) > 1]
    changes += [sizes[into] - sizes[out] for into in left for out in taken]
    assert all(abs(off + change) >= abs(off) for change in changes)


# --- the order of time ------------------------------------------------------------------------------------------------


def test_the_latest_rows_test_and_the_latest_of_the_rest_validate():
    times = np.random.default_rng(0).permutation(100).astype(np.float64)
    for seed in (1, 2):
        parts = cut(times=times, test=0.2, validation=0.25, seed=seed)
        np.testing.assert_array_equal(np.sort(times[parts.test]), np.arange(80, 100))
        np.testing.assert_array_equal(np.sort(times[parts.validation]), np.arange(60, 80))
        np.testing.assert_array_equal(np.sort(times[parts.train]), np.arange(60))
        assert parts.warnings == ()


def test_rows_of_one_time_stay_together_and_the_size_is_told():
    times = np.repeat([1.0, 2.0, 3.0], [70, 20, 10])
    parts = cut(times=times, test=0.2)
    (warning,) = parts.warnings
    why = "because rows of one time (data.time) stay together"
    assert warning == f"the test part has 30 rows where data.test: 0.2 asks for 20, {why}"
    assert len(cut(times=times, test=24).test) == 30
    assert len(cut(times=times, test=16).test) == 10


def test_times_that_order_nothing_are_refused():
    for times, words in ((np.ones(100), "found one time in all 100 rows"), (np.full(100, np.nan), "without a time")):
        with pytest.raises(DataError, match=words) as error:
            cut(times=times, test=0.2)
        assert error.value.faults[0].key == ("data", "time")


@settings(max_examples=150, deadline=None)
@given(
    times=st.lists(st.one_of(st.integers(0, 5), st.floats(-1e300, 1e300)), min_size=3, max_size=60),
    test=SIZES,
    validation=st.one_of(st.none(), SIZES),
)
def test_every_time_of_a_later_part_is_later(times, test, validation):
    times, y = np.array(times, np.float64), np.zeros((len(times), 1))
    try:
        one, other = (cut(y, "regression", times=times, test=test, validation=validation, seed=s) for s in (1, 2))
    except DataError:
        return
    order = [one.train, one.validation, one.test] if validation else [one.train, one.test]
    for earlier, later in itertools.pairwise(order):
        assert times[earlier].max() < times[later].min()
    np.testing.assert_array_equal(np.sort(np.concatenate(order)), np.arange(len(times)))
    np.testing.assert_array_equal(one.test, other.test)
    np.testing.assert_array_equal(one.validation, other.validation)


# --- batches ----------------------------------------------------------------------------------------------------------


def test_the_order_of_an_epoch():
    first = shuffles(10, [1], 0)[0]
    np.testing.assert_array_equal(np.sort(first), np.arange(10))
    np.testing.assert_array_equal(first, shuffles(10, [1], 0)[0])
    assert first.tolist() != shuffles(10, [1], 1)[0].tolist()
    assert first.tolist() != shuffles(10, [2], 0)[0].tolist()
