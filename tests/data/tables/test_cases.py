"""Tables that people brought and that were once read wrong, in silence or not at all; some cut to their first lines."""

from pathlib import Path

import numpy as np
import pytest

from nnlab.data.tables import read_csv, read_csv_like
from nnlab.errors import DataError

CASES = Path(__file__).with_name("cases")


def case(name, task="multiclass", **options):
    """A case, read."""
    return read_csv(CASES / name, task=task, **options)


def test_a_table_without_a_header_is_a_question():
    with pytest.raises(DataError) as error:
        case("adult.csv", "binary")
    (fault,) = error.value.faults
    assert fault.line == 1
    assert fault.message.startswith(
        "found a first line that may be names or a row, since its cells are like those below: "
        "'39', 'State-gov', '77516', 'Bachelors', '13', 'Never-married', …; expected header: true, or header: false"
    )
    assert len(case("adult.csv", "binary", header=False).x) == 40


@pytest.mark.parametrize(
    ("name", "inputs", "told"),
    [
        ("date", ["when/days", "when/year", "when/month", "when/weekday"], ""),
        ("mostq", ["a"], "column 'a': 95 cells '?' read as blank"),
        ("pct", ["share"], "column 'share' is read as numbers: '0%' as 0"),
        ("price", ["price"], "column 'price' is read as numbers: '$0.50' as 0.5"),
        ("space", ["pop"], "column 'pop' is read as numbers: '1 100' as 1100"),
        ("time", ["t"], "column 't' is read as hours of the day: '00:00' as 0"),
    ],
)
def test_what_looks_like_numbers_is_a_number_and_told(name, inputs, told):
    data = case(f"like-numbers-{name}.csv", blanks="median")
    assert data.columns.input_names == (*inputs, "b")
    assert data.notes == ((told,) if told else ())


@pytest.mark.parametrize(("name", "word"), [("na", "N/A"), ("nan", "NaN"), ("q", "?")])
def test_words_for_a_blank_among_numbers_are_blanks(name, word):
    data = case(f"blank-words-{name}.csv", blanks="median")
    assert data.columns.input_names == ("a", "b")
    assert np.isnan(data.x[:, 0]).sum() == 9
    assert data.notes == (f"column 'a': 9 cells '{word}' read as blank",)


def test_words_for_a_blank_among_texts_are_kept_with_a_warning_that_names_the_key():
    (warning,) = case("blank-words.csv", blanks="median").warnings
    assert warning == (
        "column 'city' keeps 'NaN' (9 rows), 'nan' (9 rows), 'N/A' (9 rows), 'NULL' (8 rows) and 'NA' (8 rows) as "
        'texts like any other; if they stand for a blank: missing: ["NaN", "nan", "N/A", "NULL", NA]'
    )
    words = ("NaN", "nan", "N/A", "NULL", "NA")
    data = case("blank-words.csv", blanks="median", missing=words, columns={"city": ("category", "")})
    assert data.columns.input_names == ("city=Oslo", "b")


def test_an_index_without_a_name_is_left_out_and_told():
    data = case("pandas-index.csv")
    assert data.columns.input_names == ("a", "b")
    assert data.notes == ("column 1, which has no name, is left out: it has no name and counts the rows",)
    assert case("pandas-index.csv", ignore=[""]).columns == data.columns


@pytest.mark.parametrize("name", ["pandas-index.csv", "two-notes.csv"])
def test_columns_that_a_model_does_not_use_need_neither_a_name_nor_a_single_one(name):
    data = case("pandas-index.csv")
    rows = read_csv_like(CASES / name, data.columns, task="multiclass", blanks_allowed=False)
    np.testing.assert_array_equal(rows.x, data.x)


def test_names_of_rows_as_r_writes_them_are_left_out_and_told():
    data = case("diamonds.csv", "regression", target=["price"])
    assert [column.name for column in data.columns.inputs] == [
        *("carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z")
    ]
    assert data.notes == ("column 1, which has no name, is left out: it has no name and counts the rows",)


@pytest.mark.parametrize(
    ("name", "classes", "warnings"),
    [
        ("codes-01", ("01", "1", "10"), ["'01' and '1'"]),
        ("codes-007", ("007", "070", "700"), []),
        ("codes-same", ("01", "1", "1.0"), ["'1', '01' and '1.0'"]),
        ("sentiment", ("-1", "0", "1"), []),
        ("minus-two", ("-2", "-1"), []),
    ],
)
def test_labels_keep_their_text(name, classes, warnings):
    data = case(f"{name}.csv")
    assert data.columns.classes == classes
    assert [warning.split("classes ")[1].split(", which")[0] for warning in data.warnings] == warnings


def test_numbers_that_are_mostly_question_marks_are_one_input_each():
    data = case("communities.csv", "regression", ignore=["communityname"], blanks="median")
    assert len(data.columns.input_names) == 19
    assert all(column.categories is None for column in data.columns.inputs)
    assert "column 'PolicCars': 93 cells '?' read as blank" in data.notes


def test_a_column_of_dates_is_four_inputs_and_no_fault():
    data = case("weather.csv")
    assert data.columns.input_names[:4] == ("date/days", "date/year", "date/month", "date/weekday")
    assert data.warnings == ()


def test_a_class_that_is_called_na_stays_unless_the_user_says_that_it_is_a_blank():
    data = case("countries.csv", blanks="drop")
    assert data.columns.classes == ("BW", "NA", "ZA")
    (warning,) = data.warnings
    assert warning == (
        "column 'country' keeps 'NA' (20 rows) as a text like any other; if it stands for a blank: missing: [NA]"
    )
    (warning,) = case("countries.csv", blanks="drop", missing=["NA"]).warnings
    assert warning == "60 rows read, 40 used; 20 dropped: target blank (lines 2, 5, 8, …)"


def test_rows_with_a_category_that_training_never_saw_are_read_and_marked():
    options = {"target": ["survived"], "ignore": ["ticket", "name"], "columns": {"cabin": ("category", "")}}
    data = case("passengers.csv", "binary", blanks="median", **options)
    rows = read_csv_like(CASES / "passengers-new.csv", data.columns, task="binary", blanks_allowed=True)
    assert len(rows.x) == 100
    unseen = [row for row, text in enumerate(rows.rows.unseen) if text]
    assert len(unseen) == 17
    assert all(rows.rows.unseen[row].startswith("cabin=") for row in unseen)
    assert (rows.x[unseen, data.columns.input_names.index("cabin=other")] == 1).all()
