"""Categories that only validation and test rows have: told, and without effect in any row that a model sees."""

import csv
import dataclasses

import numpy as np
import pytest
from strategies import experiment as made

from nnlab.data.catalogue import load
from nnlab.data.dataset import Columns, InputColumn, RowFacts
from nnlab.data.prepare import prepare
from nnlab.data.scaling import Scaling
from nnlab.data.unseen import never_seen, taken_out
from nnlab.errors import DataError
from nnlab.setup.rows import Rows, prepare_rows
from nnlab.setup.setup import set_up

CITIES = ["Bern"] * 6 + ["Rome"] * 6 + ["Oslo", "Oslo", "Lima", "Bern"]
PARTS = np.array([0] * 12 + [1, 2, 2, 2], np.int8)


@pytest.fixture
def dataset(tmp_path):
    """Sixteen rows; Oslo and Lima are in validation and test alone."""
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows = ([i * 7 % 16, city, i % 2 * 5] for i, city in enumerate(CITIES))
        csv.writer(file).writerows([["size", "city", "value"], *rows])
    read = load(str(tmp_path / "t.csv"), task="regression")
    return dataclasses.replace(read, rows=RowFacts(parts=PARTS))


def prepared(dataset, **changes):
    usual = {"seed": 1, "test": None, "validation": None, "scale_name": "none", "epsilon": 0.0, "together": False}
    return prepare(dataset, **usual | {"blanks": "refuse", "scale_targets": False, "dtype": np.float64} | changes)


def test_their_inputs_are_found(dataset):
    assert dataset.columns.input_names == ("size", "city=Bern", "city=Lima", "city=Oslo", "city=Rome")
    assert never_seen(dataset, np.arange(12)).tolist() == [2, 3]
    assert never_seen(dataset, np.arange(16)).tolist() == []


@pytest.mark.parametrize(
    ("scale", "epsilon", "together"),
    [("none", 0, False), ("standard", 0, False), ("standard", 1e-9, False), ("minmax", 0, False), ("minmax", 0, True)],
)
def test_their_inputs_are_0_in_every_part_and_in_new_rows(dataset, scale, epsilon, together):
    data = prepared(dataset, scale_name=scale, epsilon=epsilon, together=together)
    for part in (data.train, data.val, data.test):
        np.testing.assert_array_equal(part.x[:, 2:4], 0)
    assert np.ptp(data.train.x[:, [0, 1, 4]], axis=0).min() > 0  # the others are as they were
    stored = Scaling.from_arrays(data.scaling.to_arrays())  # as a model has it
    np.testing.assert_array_equal(stored.apply(np.ones((1, 5)))[:, 2:4], 0)


def test_they_are_refused_where_the_user_wants_that(dataset):
    with pytest.raises(DataError) as error:
        prepared(dataset, refuse_unseen=True)
    (fault,) = error.value.faults
    assert fault.key == ("data", "unseen")
    assert fault.message == (
        "column 'city' has 2 categories that training never saw ('Lima', 'Oslo') in 3 rows of the validation and test "
        "parts, expected categories of the training part alone (data.unseen: warn reads them all the same)"
    )


def test_the_key_unseen_reaches_them(dataset):
    experiment = made(data={"source": "t.csv", "split": "part", "unseen": "error"}, task="regression")
    with pytest.raises(DataError, match="has 2 categories that training never saw"):
        prepare_rows(experiment, dataset, [1])


def test_they_are_told_with_column_count_and_parts(dataset):
    told = (
        "column 'city' has 2 categories that training never saw ('Lima', 'Oslo') in 3 rows of the validation and test "
        "parts: their inputs count as 0 there"
    )
    for scale in ("none", "standard"):
        assert prepared(dataset, scale_name=scale).warnings == (told,)


def test_one_category_in_one_part_is_told(dataset):
    parts = np.where(np.array(CITIES) == "Lima", 2, 0).astype(np.int8)
    (told,) = prepared(dataclasses.replace(dataset, rows=RowFacts(parts=parts))).warnings
    assert told == (
        "column 'city' has 1 category that training never saw ('Lima') in 1 row of the test part: its input counts as "
        "0 there"
    )


def rare(dataset, *, seen=True):
    """The same rows with Rome in the place of other, as if the rarest cities had gone together."""
    size, city = dataset.columns.inputs
    order = [0, 1, 2, 3, 4] if seen else [0, 1, 4, 3, 2]
    city = InputColumn(city.name, ("Bern", "Lima", "Oslo", "other"), rare=("Kiel",))
    return dataclasses.replace(dataset, x=dataset.x[:, order], columns=Columns((size, city), dataset.columns.targets))


@pytest.mark.parametrize("scale", ["none", "standard", "minmax"])
def test_a_column_that_has_other_reads_them_as_that(dataset, scale):
    dataset = rare(dataset)
    data = prepared(dataset, scale_name=scale)
    expected = data.scaling.apply(np.array([[0.0, 0, 0, 0, 1]]))[0, 1:]
    np.testing.assert_array_equal(data.val.x[:, 1:], [expected])
    np.testing.assert_array_equal(data.test.x[:2, 1:], [expected] * 2)
    np.testing.assert_array_equal(taken_out(dataset.columns, data.scaling), [2, 3])
    assert data.warnings[0].endswith("in 3 rows of the validation and test parts: they count as 'other' there")
    assert dataset.x[12:, 4].tolist() == [0, 0, 0, 0]  # the set is as it was


def test_other_that_training_never_saw_is_no_place_for_them(dataset):
    data = prepared(rare(dataset, seen=False))
    np.testing.assert_array_equal(data.test.x[:2, 1:], 0)
    assert data.warnings[0].endswith("count as 0 there")


def test_a_model_takes_new_rows_as_those_of_its_test_part(dataset):
    experiment = made(task="regression", network={"layers": [2]}, data={"source": "t.csv"})
    rows = Rows(rare(dataset), (1,), (prepared(rare(dataset), scale_name="standard"),))
    setup = set_up(experiment, rows)
    state = setup.start()
    model = setup.model(state.theta, state.statistics)
    np.testing.assert_array_equal(model.scaled(rows.dataset.x[13:]), rows.prepared[0].test.x.astype(np.float32))


def test_categories_of_another_file_that_have_no_input_are_told_with_the_others(dataset):
    marks = ("",) * 12 + ("", "city=Kiel", "size=x; city=Kiel", "")
    dataset = dataclasses.replace(dataset, rows=RowFacts(parts=PARTS, unseen=marks))
    (told,) = prepared(dataset).warnings
    assert told == (
        "column 'city' has 3 categories that training never saw ('Lima', 'Oslo', 'Kiel') in 5 rows of the validation "
        "and test parts: their inputs count as 0 there"
    )


def test_where_training_saw_every_category_nothing_changes(dataset):
    dataset = dataclasses.replace(dataset, rows=RowFacts())
    data = prepared(dataset)
    assert data.warnings == ()
    np.testing.assert_array_equal(data.train.x, dataset.x)
    np.testing.assert_array_equal(data.scaling.divisor, 1)
