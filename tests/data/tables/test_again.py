"""A new file for a model: its own marks, its dates and symbols, the spellings of true, and the cures."""

import json

import numpy as np
import pytest
from support import table

from nnlab.data.dataset import Columns
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError


@pytest.fixture
def refused(read_like):
    """The only fault that is found in a new file."""

    def found(content, columns, task="binary", **options):
        with pytest.raises(DataError) as error:
            read_like(content, columns, task, **options)
        (fault,) = error.value.faults
        assert "\n" not in fault.message
        return fault

    return found


# --- marks of numbers and separators ---


@pytest.fixture
def columns(read):
    return read("a,b,y\n1.5,2,p\n2.5,3,q\n").columns


@pytest.mark.parametrize(
    ("said", "content", "value"),
    [
        (",", "a;b\n530.74;2\n", 530.74),  # the file proves another mark than the experiment says
        (".", "a;b\n530,74;2\n", 530.74),
        (",", "a,b\n530.74,2\n", 530.74),
        (".", 'a,b\n"530,74",2\n', 530.74),
        (",", "a;b\n1,234.5;2\n", 1234.5),
        (".", "a;b\n1.234,5;2\n", 1234.5),
        (",", "a;b\n530,74;2\n", 530.74),  # it proves the same one
        (".", "a;b\n530.74;2\n", 530.74),
        (",", "a;b\n1.234;2\n", 1234),  # it proves none: as the experiment says
        (".", "a;b\n1.234;2\n", 1.234),
        (",", "a;b\n1,234;2\n", 1.234),
        (".", "a;b\n1,234;2\n", 1234),
        (",", "a;b\n530;2\n", 530),
    ],
)
def test_a_new_file_is_read_by_its_own_decimal_mark_or_else_as_said(read_like, columns, said, content, value):
    rows = read_like(content, columns, options=TableOptions(decimal=said))
    np.testing.assert_array_equal(rows.x, [[value, 2]])


def test_cells_of_two_decimal_marks_are_not_all_numbers(refused, columns):
    fault = refused("a;b\n530.74;2\n530,74;2\n", columns, options=TableOptions(decimal=","))
    assert "530.74" in fault.message


@pytest.mark.parametrize("said", [";", ",", "\t", "|", "auto"])
@pytest.mark.parametrize("sign", [";", ",", "\t", "|"])
def test_a_new_file_is_read_by_its_own_separator(read_like, columns, said, sign):
    content = "a,b\n530.74,2\n1.5,3\n".replace(",", sign)
    rows = read_like(content, columns, options=TableOptions(separator=said))
    np.testing.assert_array_equal(rows.x, [[530.74, 2], [1.5, 3]])


def test_the_separator_that_is_said_holds_where_it_finds_the_columns(read_like, columns):
    """Another sign would give the lines one width too."""
    rows = read_like("a;b;n|m\n1;2;x|y\n3;4;z|w\n", columns, options=TableOptions(separator=";"))
    np.testing.assert_array_equal(rows.x, [[1, 2], [3, 4]])


def test_a_cell_that_is_no_number_has_a_cure_within_the_file(refused, columns):
    message = refused("a,b\nx,2\n", columns).message
    assert message.endswith("expected numbers alone; correct these cells, or leave them empty")
    assert "missing" not in message


# --- dates ---


def dated(*cells):
    """A table of a column of dates, and labels."""
    return table("d,y", lambda i: f"{cells[i % len(cells)]},{'pq'[i % 2]}", max(len(cells), 8))


def new(*cells):
    return "d\n" + "".join(f"{cell}\n" for cell in cells)


PLAIN_TIMES = dated("2020-01-01 10:00", "2020-01-02 11:00")
ZONED_TIMES = dated("2020-01-01 10:00+01:00", "2020-01-02 11:00Z")


def test_times_with_a_zone_where_training_had_none_are_a_fault(read, refused):
    fault = refused(new("2020-01-03 10:00+02:00"), read(PLAIN_TIMES).columns)
    assert fault.message == ("found times with a zone in column 'd', expected them without one, as in training")


def test_times_without_a_zone_where_training_had_them_are_a_fault(read, refused):
    fault = refused(new("2020-01-03 10:00"), read(ZONED_TIMES).columns)
    assert fault.message == ("found times without a zone in column 'd', expected them with one, as in training")


def test_times_with_a_zone_are_brought_to_utc_as_in_training(read, read_like):
    columns = read(ZONED_TIMES).columns
    x = read_like(new("2020-01-03 10:00+02:00", "2020-01-03T08:00Z", "2020-01-03 08:00 UTC"), columns).x
    np.testing.assert_array_equal(x, [x[0]] * 3)
    assert x[0, -1] == 8


def test_dates_without_a_time_where_training_had_times_are_warned_of(read, read_like):
    rows = read_like(new("2020-01-03", "2020-01-03", "2020-01-04"), read(PLAIN_TIMES).columns)
    np.testing.assert_array_equal(rows.x[:, -1], [0, 0, 0])
    (warning,) = rows.warnings
    assert warning.startswith("column 'd': 3 dates without a time")


def test_one_warning_tells_that_some_times_are_missing(read, read_like):
    rows = read_like(new("2020-01-03 07:00", "2020-01-03"), read(PLAIN_TIMES).columns)
    (warning,) = rows.warnings
    assert "1 date" in warning
    assert "without a time" in warning


def test_times_where_training_had_dates_alone_are_warned_of(read, read_like):
    rows = read_like(new("2020-01-03 12:00", "2020-01-03 00:00"), read(dated("2020-01-01", "2020-01-02")).columns)
    np.testing.assert_array_equal(rows.x[:, 0], [2.5, 2])
    (warning,) = rows.warnings
    assert warning == (
        "column 'd': 2 dates with a time, which those of training have not; it counts as a part of the day"
    )


DOTTED = dated("31.12.2020", "13.01.2021", "02.01.2021")


def test_another_sign_between_the_numbers_is_a_fault_where_another_part_may_come_first(read, refused):
    fault = refused(new("02/01/2021"), read(DOTTED).columns)
    assert fault.message == (
        "found dates such as '02/01/2021' in column 'd', where training had '.' between the numbers: another part may "
        "come first; write them as there, or as 2020-12-31"
    )


@pytest.mark.parametrize("cell", ["13/01/2021", "13-01-2021", "13.1.2021", "05/05/2021"])
def test_another_sign_is_no_matter_where_one_reading_is_possible(read, read_like, cell):
    columns = read(DOTTED).columns
    told = cell.replace("/", ".").replace("-", ".")
    np.testing.assert_array_equal(read_like(new(cell), columns).x, read_like(new(told), columns).x)


@pytest.mark.parametrize("first", [DOTTED, DOTTED.replace(".", "/"), dated("31 Dec 2020", "13 Jan 2021")])
def test_iso_dates_are_accepted_whatever_training_had(read, read_like, first):
    columns = read(first).columns
    rows = read_like(new("2020-12-31", "2021-01-02"), columns)
    np.testing.assert_array_equal(rows.x, [[0, 2020, 12, 4], [2, 2021, 1, 6]])


@pytest.mark.parametrize(
    ("cell", "found"), [("2020-01-03 10:00Z", "found times with a zone"), ("2020-01-03", "without a time")]
)
def test_iso_dates_are_held_to_the_zones_and_times_of_training_too(read, read_like, cell, found):
    columns = read(dated("31.12.2020 10:00", "13.01.2021 11:00")).columns
    try:
        told = read_like(new(cell), columns).warnings
    except DataError as error:
        told = [str(fault) for fault in error.faults]
    assert len(told) == 1
    assert found in told[0]


@pytest.mark.parametrize("first", [PLAIN_TIMES, ZONED_TIMES, DOTTED])
def test_the_code_of_dates_survives_json(read, first):
    columns = read(first).columns
    assert Columns.from_dict(json.loads(json.dumps(columns.to_dict()))) == columns


def test_the_code_says_zones_and_signs(read):
    codes = [read(content).columns.inputs[0].date for content in (PLAIN_TIMES, ZONED_TIMES, DOTTED)]
    assert [(code.zoned, code.sign) for code in codes] == [(False, "-"), (True, "-"), (False, ".")]


def test_numbers_with_and_without_the_symbol_of_training_are_a_fault(read, refused):
    """12 % and 0.3 side by side have two readings, also where training said that % belongs to the numbers."""
    columns = read(table("a,y", lambda i: f"{i}%,{'pq'[i % 2]}")).columns
    assert columns.inputs[0].symbol == "%"
    fault = refused("a\n12%\n0.3\n", columns)
    assert fault.message == "found numbers alone in column 'a', expected numbers with %, as in training"


# --- symbols of targets ---


def percents(read):
    return read(table("a,y", lambda i: f"{i * 0.5},{i + 1}%"), "regression").columns


def test_a_target_with_a_symbol_refuses_numbers_alone(read, refused):
    message = "found numbers alone in column 'y', expected numbers with %, as in training"
    columns = percents(read)
    assert columns.symbols == ("%",)
    assert refused("a,y\n1,0.62\n", columns, "regression").message == message
    again = Columns.from_dict(json.loads(json.dumps(columns.to_dict())))
    assert again == columns
    assert refused("a,y\n1,0.62\n", again, "regression").message == message


def test_a_target_with_the_symbol_is_read(read, read_like):
    np.testing.assert_array_equal(read_like("a,y\n1,67%\n2,3 %\n", percents(read), "regression").y, [[67], [3]])


def test_a_target_of_numbers_alone_refuses_a_symbol(read, refused):
    columns = read("a,y\n1,2\n2,5\n3,4\n", "regression").columns
    assert columns.symbols == ()
    assert "symbols" not in columns.to_dict()
    fault = refused("a,y\n1,67%\n", columns, "regression")
    assert fault.message == "found numbers with % in column 'y', expected numbers alone, as in training"


def test_each_target_has_its_own_symbol(read, refused, read_like):
    content = table("a,t,u", lambda i: f"{i * 0.5},{i + 1}%,{i * i}")
    columns = read(content, "regression", target=["t", "u"]).columns
    assert columns.symbols == ("%", "")
    np.testing.assert_array_equal(read_like("a,t,u\n1,2%,3\n", columns, "regression").y, [[2, 3]])
    assert "in column 'u'" in refused("a,t,u\n1,2%,3%\n", columns, "regression").message


# --- true and false ---

SPELLINGS = [("True", "False"), ("TRUE", "FALSE"), ("true", "false")]


@pytest.mark.parametrize("first", SPELLINGS)
@pytest.mark.parametrize("other", SPELLINGS)
def test_true_is_one_category_and_one_class_in_each_usual_spelling(read, read_like, first, other):
    columns = read(table("a,s,y", lambda i: f"{i * 0.5},{first[i % 2]},{first[i // 2 % 2]}")).columns
    rows = read_like(f"a,s,y\n1,{other[0]},{other[1]}\n1,{other[1]},{other[0]}\n", columns)
    np.testing.assert_array_equal(rows.x, [[1, 0, 1], [1, 1, 0]])  # categories in the order of their texts: false, true
    np.testing.assert_array_equal(rows.y, [[columns.classes.index(first[1])], [columns.classes.index(first[0])]])
    assert rows.rows.unseen in ((), ("", ""))


def test_other_words_keep_their_spelling(read, read_like, refused):
    columns = read(table("a,s,y", lambda i: f"{i * 0.5},{'uv'[i % 2]},{('yes', 'no')[i // 2 % 2]}")).columns
    assert read_like("a,s\n1,U\n", columns).rows.unseen == ("s=U",)
    assert "did you mean 'yes'" in refused("a,s,y\n1,u,Yes\n", columns).message


@pytest.mark.parametrize("words", [("true", "false", "maybe"), ("true", "TRUE", "false")])
def test_true_among_more_words_than_two_keeps_its_spelling(read, read_like, words):
    columns = read(table("a,s,y", lambda i: f"{i * 0.5},{words[i % 3]},{'pq'[i % 2]}")).columns
    assert read_like("a,s\n1,True\n", columns).rows.unseen == ("s=True",)


# --- repeated names ---


def test_names_again_in_a_new_file_are_left_out_with_bad_rows(read_like, refused, columns):
    content = "a,b\n1,2\na,b\n3,4\n"
    fault = refused(content, columns)
    assert fault.line == 3
    assert fault.message == (
        "found the names of the first line again in 1 line (line 3), expected rows; "
        "data.bad_rows: skip leaves such lines out"
    )
    rows = read_like(content, columns, options=TableOptions(bad_rows="skip"))
    np.testing.assert_array_equal(rows.x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(rows.rows.lines, [2, 4])
