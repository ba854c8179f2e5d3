"""What each column is: numbers, categories or codes; words among numbers; what the user says of a column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import table

from nnlab.config.document import read_text
from nnlab.data.tables.dress import MISSING
from nnlab.data.tables.kinds import as_key


def column(cells, name="a"):
    """A table of one input column with these cells."""
    return f"{name},y\n" + "".join(f"{cell},{i % 2}\n" for i, cell in enumerate(cells))


def every(period, word, rest="{}.5", count=30):
    """The cells of a column: each so many a word, the others numbers."""
    return [word if i % period == 0 else rest.format(i) for i in range(count)]


# --- words for a blank ---


@pytest.mark.parametrize("word", sorted(MISSING))
def test_words_of_pandas_and_a_question_mark_are_blank_among_numbers(read, word):
    data = read(column(every(5, word)), blanks="median")
    assert np.isnan(data.x[::5]).all()
    np.testing.assert_array_equal(data.x[1:5, 0], [1.5, 2.5, 3.5, 4.5])
    assert data.notes == (f"column 'a': 6 cells '{word}' read as blank",)
    assert data.readings[0].missing == 6


def test_several_words_for_a_blank_are_counted_each(read):
    data = read(column(["NA", "?", "1.5", "NA", "2", "", "3"]), blanks="median")
    assert data.notes == ("column 'a': 2 cells 'NA' and 1 cell '?' read as blank",)
    assert data.readings[0].missing == 4


def test_numbers_that_are_mostly_question_marks_are_numbers(read):
    data = read(column(["?"] * 80 + ["0.5", "1.5"] * 5), blanks="mean")
    assert data.columns.input_names == ("a",)
    assert np.isnan(data.x[:80]).all()


@pytest.mark.parametrize("word", ["NA", "?", "None", "nan"])
def test_in_text_such_a_word_stays_a_category_and_is_warned_of(read, word):
    data = read(column([word, "ZA", "BW", "ZA"] * 5), blanks="median")
    assert f"a={word}" in data.columns.input_names
    shown = as_key(word)
    assert data.warnings == (
        f"column 'a' keeps '{word}' (5 rows) as a text like any other; if it stands for a blank: missing: [{shown}]",
    )


def test_several_such_words_in_text_are_one_warning(read):
    (warning,) = read(column(["NA", "x", "?", "z"] * 5)).warnings
    assert warning == (
        "column 'a' keeps 'NA' (5 rows) and '?' (5 rows) as texts like any other; "
        'if they stand for a blank: missing: [NA, "?"]'
    )


def test_the_user_says_which_words_are_blank_in_every_column(read, fault_of):
    content = "a,c,y\n1,NA,0\nmissing,x,1\n2,missing,0\n3,x,1\n4,z,0\n"
    data = read(content, missing=["missing"], blanks="mean")
    assert data.columns.input_names == ("a", "c=NA", "c=x", "c=z")
    assert np.isnan(data.x[1, 0])
    np.testing.assert_array_equal(data.x[2, 1:], [0, 0, 0])
    assert (data.warnings, data.notes) == ((), ())


def test_words_that_the_user_does_not_say_are_no_longer_blank(fault_of):
    message = fault_of(column(every(15, "NA")), missing=["?"]).message
    assert message.startswith("found 2 cells of 30 in column 'a' that are no numbers ('NA')")


@pytest.mark.parametrize("cell", ["-999", "-999.0", "-9.99e2"])
def test_a_number_may_stand_for_a_blank(read, cell):
    data = read(column(every(5, cell)), missing=["-999"], blanks="mean")
    assert np.isnan(data.x[::5]).all()
    assert data.warnings == ()


@pytest.mark.parametrize(("cell", "rest"), [("-999", "0.5 … 29.5"), ("9999", "1.5 … 29.5"), ("-9", "1.5 … 3.5")])
def test_a_number_alone_at_an_end_is_warned_of(read, cell, rest):
    cells = every(5, cell) if cell != "-9" else [cell, "1.5", "2.5", "3.5"] * 5
    rest = "1.5 … 29.5" if cell != "-9" else rest
    (warning,) = read(column(cells)).warnings
    found = f"column 'a' has {cell} in {cells.count(cell)} rows, far from the rest ({rest})"
    assert warning == f'{found}; if it stands for a blank: missing: ["{cell}"]'


@pytest.mark.parametrize(
    "cells", [["9999", "9000", "8000", "7000"], ["99", "98", "1"], ["-999", "-500", "0"], ["9", "1", "2"]]
)
def test_a_number_that_is_not_alone_is_none_to_warn_of(read, cells):
    assert read(column(cells * 5)).warnings == ()


# --- numbers with words among them ---


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (every(30, "bad"), "fault"),
        (every(10, "bad"), "fault"),  # 90 %
        (every(9, "bad"), "warned"),
        ([f"{i % 5}" if i % 10 == 0 else "bad" for i in range(30)], "warned"),  # 10 %
        ([f"{i % 5}" if i % 15 == 0 else "bad" for i in range(30)], "silent"),
        (["good" if i % 2 else "bad" for i in range(30)], "silent"),
    ],
)
def test_the_share_of_numbers_decides(read, faults_of, cells, kind):
    if kind == "fault":
        assert len(faults_of(column(cells))) == 1
        return
    data = read(column(cells))
    assert all(name.startswith("a=") for name in data.columns.input_names)
    assert len(data.warnings) == (kind == "warned")


def test_words_among_numbers_are_one_fault_with_lines_and_cures(fault_of):
    fault = fault_of(column([*every(40, "bad", count=80), "worse", "bad"]))
    assert (fault.line, fault.column) == (2, 1)
    assert fault.message == (
        "found 4 cells of 82 in column 'a' that are no numbers ('bad', 'worse'), expected numbers alone; "
        "missing: [bad, worse], or columns: {a: category} or {a: ignore} (lines 2, 42, 82, …)"
    )


def test_a_text_that_is_partly_numbers_is_warned_of(read):
    (warning,) = read(column(["1", "2", "bad", "worse"] * 5)).warnings
    assert warning == (
        "column 'a' is read as categories: 10 of 20 cells are numbers, others not, such as 'bad'; "
        "if these stand for a blank: missing: [bad, worse]; columns: {a: number} would refuse those"
    )


@pytest.mark.parametrize("cell", ["1e400", "1_000", "0x1F", "inf", "-Infinity"])
def test_numbers_that_no_table_has_are_a_fault_whatever_their_share(fault_of, cell):
    message = fault_of(column([cell] * 4)).message
    assert message.startswith(f"found 4 cells of 4 in column 'a' that are no numbers ('{cell}')")


@pytest.mark.parametrize("cell", ["1..2", "1 2", "١", "abc"])
def test_a_single_text_among_many_numbers_is_a_fault(fault_of, cell):
    fault = fault_of(column([*map(str, range(20)), cell]))
    assert (fault.line, fault.column) == (22, 1)


def test_each_column_has_its_own_fault_and_no_row_one(faults_of):
    content = table("a,b,y", lambda i: f"{'x' if i % 11 == 0 else i},{'z' if i % 12 == 0 else i * 0.5},{i % 2}", 120)
    faults = faults_of(content)
    assert [(fault.line, fault.column) for fault in faults] == [(2, 1), (2, 2)]


def test_faults_of_many_columns_are_counted(faults_of):
    names = [f"c{i}" for i in range(30)]
    rows = [",".join(["x" if i == 0 else str(i)] * 30) + f",{i % 2}" for i in range(20)]
    faults = faults_of("\n".join([",".join([*names, "y"]), *rows]))
    assert len(faults) == 21
    assert faults[20].message == "and 10 more"


def test_the_line_is_the_files_own_where_a_cell_spans_lines(fault_of):
    rows = "".join(f'{i},{i % 2},"no\n"\n' for i in range(12))
    fault = fault_of(f'a,y,note\n{rows}x,1,"no\n"\n', target=["y"], ignore=["note"])
    assert fault.line == 26


# --- codes ---


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["02134", "10001", "90210"], "codes such as '02134' have a leading zero"),
        (["10001", "90210", "02134"], "codes such as '02134' have a leading zero"),
        (["2.5", "007", "1"], "codes such as '007' have a leading zero"),
        (["9007199254740993", "9007199254740994", "1"], "integers such as '9007199254740993' are beyond 2^53, "),
        (["-9007199254740993", "2", "1"], "integers such as '-9007199254740993' are beyond 2^53, "),
    ],
)
def test_one_code_makes_a_column_of_categories_and_is_told(read, cells, why):
    data = read(column(cells * 5))
    assert data.columns.input_names == tuple(f"a={cell}" for cell in sorted(cells))
    (note,) = data.notes
    assert note.startswith(f"column 'a' is read as categories: {why}")
    assert note.endswith("(columns: {a: number} if they are numbers)")


def test_blank_codes_are_blank(read):
    data = read(column(["02134", "NA", "90210"] * 5), blanks="drop")
    assert data.columns.input_names == ("a=02134", "a=90210")
    assert len(data.x) == 10


@pytest.mark.parametrize("cells", [["0", "1"], ["0.5", "1"], ["-0", "1"], ["0e0", "1"], ["9007199254740992", "1"]])
def test_a_zero_that_leads_nothing_and_the_last_sure_integer_are_numbers(read, cells):
    assert read(column(cells * 5)).columns.input_names == ("a",)


# --- what the user says ---


def test_a_number_column_takes_codes(read):
    np.testing.assert_array_equal(read(column(["007", "010", "5"]), columns={"a": ("number", "")}).x[:, 0], [7, 10, 5])


def test_a_number_column_refuses_words_whatever_their_share(fault_of):
    message = fault_of(column(["1", "bad", "worse", "bad"]), columns={"a": ("number", "")}).message
    assert message.startswith("found 3 cells of 4 in column 'a' that are no numbers ('bad', 'worse')")


def test_a_category_column_keeps_numbers_as_they_are_spelled(read):
    data = read(column(["1", "1.0", "2", "+1", "1e0"]), columns={"a": ("category", "")})
    assert data.columns.input_names == ("a=+1", "a=1", "a=1.0", "a=1e0", "a=2")


def test_an_ignored_column_may_hold_anything(read):
    content = table("a,b,y", lambda i: f"{i * 0.5},{'x' if i == 3 else i},{i % 2}")
    assert read(content, columns={"b": ("ignore", "")}).columns.input_names == ("a",)


def test_a_kind_for_a_column_that_is_not_there(fault_of):
    fault = fault_of(column([1, 2, 3]), columns={"aa": ("number", "")})
    assert fault.key == ("data", "columns", "aa")
    assert fault.message == "found column 'aa', expected the name of one in the table; did you mean 'a'?"


def test_texts_are_stripped_but_not_changed_within(read):
    assert read(column([" two  words ", "é", '"x,y"'] * 3)).columns.input_names == ("a=two  words", "a=x,y", "a=é")


def test_a_control_character_in_a_used_text_is_a_fault(fault_of):
    fault = fault_of(column(["u", '"two\nlines"', "v"]))
    assert (fault.line, fault.column) == (3, 1)
    assert fault.message == (
        r"found a control character in 'two\nlines' in column 'a', expected none; "
        "columns: {a: ignore} leaves the column out"
    )


# --- keys in messages ---


@given(
    name=st.one_of(
        st.text(min_size=1, max_size=12),
        st.sampled_from(["y", "No", "true", "null", "on", "NaN", "inf", "-999", "a b"]),
    )
)
def test_a_name_in_a_message_can_be_copied_into_the_experiment(name):
    if name.isprintable():
        assert read_text(f"columns: {{{as_key(name)}: ignore}}", "e.yaml").values == {"columns": {name: "ignore"}}
