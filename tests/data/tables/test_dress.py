"""Numbers in other dress: decimal commas, grouped thousands, currencies and percent signs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import table

from nnlab.data.tables.dress import Evidence, Marks, evidence_for, undressed

ENGLISH, GERMAN = Marks(".", ","), Marks(",", ".")


# --- one cell ---


@pytest.mark.parametrize(
    ("text", "marks", "value", "symbol"),
    [
        ("12", Marks(), 12, ""),
        ("$1,200.50", ENGLISH, 1200.5, "$"),
        ("-$3", Marks(), -3, "$"),
        ("$-3", Marks(), -3, "$"),
        ("€ 1.200,50", GERMAN, 1200.5, "€"),
        ("1.200,50 €", GERMAN, 1200.5, "€"),
        ("45%", Marks(), 45, "%"),
        ("-12.5 %", Marks(), -12.5, "%"),
        ("1 200", Marks(), 1200, ""),
        ("1\u202f200,5", Marks(","), 1200.5, ""),
        ("1'234'567.5", Marks(), 1234567.5, ""),
        ("1,5", Marks(","), 1.5, ""),
        ("1.5e3", Marks(), 1500, ""),
    ],
)
def test_a_number_in_its_dress(text, marks, value, symbol):
    found = undressed(text, marks)
    assert (found.value, found.symbol) == (value, symbol)


@pytest.mark.parametrize(
    "text",
    ["", "$", "%", "-", "x5", "5x", "$5%", "--5", "1 20", "1 2000", "12 34 567", "1,5", "1,2,3", "$007", "5 $ 6"],
)
def test_what_is_no_number_in_any_dress(text):
    assert undressed(text, Marks()) is None


@given(
    value=st.integers(0, 10**15), cents=st.integers(0, 99), symbol=st.sampled_from(["", "$", "€", "£", "¥", "₹", "%"])
)
def test_thousands_are_read_as_they_are_written(value, cents, symbol):
    text = f"{value:,}.{cents:02}"
    wanted = float(f"{value}.{cents:02}")
    assert undressed(symbol + text, ENGLISH).value == wanted
    assert undressed(text + symbol, ENGLISH).value == wanted
    assert undressed(text.translate(str.maketrans(",.", ".,")) + symbol, GERMAN).value == wanted


@pytest.mark.parametrize(
    ("text", "value", "symbol"),
    [("\u22125", -5, ""), ("\u22121.5", -1.5, ""), ("$\u22123", -3, "$"), ("\u22121 200", -1200, "")],
)
def test_the_minus_of_typesetters_is_a_minus(text, value, symbol):
    found = undressed(text, Marks())
    assert (found.value, found.symbol) == (value, symbol)


def test_a_column_with_such_a_minus_is_numbers(read):
    minus = "\u2212"
    data = read(table("a,y", lambda i: f"{minus if i % 3 else ''}{i}.5,{'pq'[i % 2]}"))
    assert data.columns.input_names == ("a",)
    np.testing.assert_array_equal(data.x[:4, 0], [0.5, -1.5, -2.5, 3.5])


# --- what proves a mark ---


@pytest.mark.parametrize(
    ("text", "of_point", "of_comma"),
    [
        ("12.5", "decimal", None),
        ("0.26", "decimal", None),
        ("0.123", "decimal", None),
        ("$12.50", "decimal", None),
        ("1,234", None, "either"),
        ("1.234", "either", None),
        ("$1,234", None, "either"),
        ("0,26", None, "decimal"),
        ("1234,567", None, "decimal"),
        ("1,234.5", "decimal", "grouping"),
        ("1.234,5", "grouping", "decimal"),
        ("1,234,567", None, "grouping"),
        ("1.2.3", None, None),
        ("name", None, None),
    ],
)
def test_what_a_cell_proves(text, of_point, of_comma):
    for mark, kind in ((".", of_point), (",", of_comma)):
        assert evidence_for(mark, [text]) == (Evidence(**{kind: text}) if kind else Evidence())


# --- a table: the decimal mark ---


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_a_decimal_comma_proves_itself(read, sign):
    content = table("id;x;y", lambda i: f"{i};{i},5;{'pq'[i % 2]}").replace(";", sign)
    np.testing.assert_array_equal(read(content).x[:, 0], np.arange(30) + 0.5)


def test_a_decimal_comma_in_quotes(read):
    np.testing.assert_array_equal(read('x,y\n"1,5",p\n"2,25",q\n"3",q\n').x, [[1.5], [2.25], [3]])


def test_the_last_line_may_prove_the_mark(read):
    rows = "".join(f"{1 + i % 9},{100 + i % 900};{i % 7};{'pq'[i % 2]}\n" for i in range(20_000))
    data = read("x;z;y\n" + rows + "0,26;1;p\n")
    assert data.x[0, 0] == 1.1
    assert data.x[-1, 0] == 0.26


def test_thousands_by_points_prove_the_comma(read):
    data = read("city;people;y\nA;3.645.000;p\nB;891.000;q\nC;12.000;p\nD;999;q\n", ignore=["city"])
    np.testing.assert_array_equal(data.x, [[3_645_000], [891_000], [12_000], [999]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('price,y\n"1,234",p\n"2,345",q\n', "'1,234' in column 'price', whose comma may be"),
        ("price;y\n1,234;p\n2,345;q\n", "'1,234' in column 'price', whose comma may be"),
        ('price,y\n"$1,234",p\n"$2,345",q\n', "'$1,234' in column 'price', whose comma may be"),
        ("price;y\n1.234;p\n2.345;q\n", "'1.234' in column 'price', whose point may be"),
    ],
)
def test_a_mark_that_nothing_proves_is_a_question(fault_of, content, words):
    fault = fault_of(content)
    mark = "," if "comma" in words else "."
    assert fault.key == ("data", "decimal")
    assert fault.message == (
        f'found numbers such as {words} a decimal mark or group thousands, expected decimal: "{mark}" or '
        f'thousands: "{mark}"'
    )


@pytest.mark.parametrize(
    ("content", "options", "value"),
    [
        ("price;y\n1,234;p\n2,345;q\n", {"decimal": ","}, 1.234),
        ("price;y\n1,234;p\n2,345;q\n", {"thousands": ","}, 1234),
        ("price;y\n1.234;p\n2.345;q\n", {"decimal": "."}, 1.234),
        ("price;y\n1.234;p\n2.345;q\n", {"thousands": "."}, 1234),
        ("price;y\n1.234;p\n2.345;q\n", {"decimal": ",", "thousands": "."}, 1234),
        ('price,y\n"1,234",p\n"2,345",q\n', {"decimal": ".", "thousands": ","}, 1234),
    ],
)
def test_the_answer_to_that_question(read, content, options, value):
    assert read(content, **options).x[0, 0] == value


@pytest.mark.parametrize("other", ["0.5", "12.75", "$1.50", "1,234.5", "9.9%"])
def test_another_column_proves_the_point(read, other):
    data = read(f'price,q,y\n"1,234","{other}",p\n"2,345","{other}",q\n')
    np.testing.assert_array_equal(data.x[:, 0], [1234, 2345])


def test_points_in_a_table_of_commas_are_decimal_marks_without_a_question(read):
    assert read("x,y\n1.234,p\n2.345,q\n").x[0, 0] == 1.234


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("x;z;y\n1,5;2.5;p\n2,5;3.5;q\n", "'1,5' in column 'x' and decimals with a point in column 'z'"),
        ("x;y\n1,5;p\n2.25;q\n", "'1,5' in column 'x' and decimals with a point in column 'x'"),
        ("x;z;y\n1,5;$2.50;p\n2,5;$3.50;q\n", "'1,5' in column 'x' and '$2.50' in column 'z'"),
        ("x;z;y\n3.645.000;2.5;p\n1.000;3.5;q\n", "'3.645.000' in column 'x' and decimals with a point in column 'z'"),
    ],
)
def test_two_decimal_marks_in_one_table_are_a_fault(fault_of, content, found):
    fault = fault_of(content)
    assert fault.message == f'found {found}, expected one decimal mark: decimal: "." or decimal: ","'


def test_marks_in_texts_prove_nothing(read):
    data = read("who;x;y\nDr. A, B;1,5;p\nC.D, E;2,5;q\n", ignore=["who"])
    np.testing.assert_array_equal(data.x, [[1.5], [2.5]])


# --- a table: money and percent ---


@pytest.mark.parametrize(
    ("cell", "value", "symbol"),
    [("${}.50", 3.5, "$"), ("{} %", 3, "%"), ("€{}", 3, "€"), ("{}\u00a0000", 3000, ""), ("£ {}", 3, "£")],
)
def test_one_symbol_at_every_number_is_told(read, cell, value, symbol):
    data = read(table("p,y", lambda i: f"{cell.format(i % 24 + 3)},{'no' if i % 2 else 'yes'}"))
    assert data.x[0, 0] == value
    assert data.columns.inputs[0].symbol == symbol
    assert data.notes == (f"column 'p' is read as numbers: {cell.format(3)!r} as {value}",)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["12%", "0.3", "14%"], "'12%' and '0.3'"),
        (["0.3", "12%", "14%"], "'12%' and '0.3'"),
        (["$5", "€6", "$7"], "'$5' and '€6'"),
    ],
)
def test_mixed_symbols_are_a_fault(fault_of, cells, found):
    fault = fault_of("a,share,y\n" + "".join(f"{i}.5,{cell},{'pq'[i % 2]}\n" for i, cell in enumerate(cells)))
    assert fault.column == 2
    assert fault.message.startswith(
        f"found {found} in column 'share', expected one symbol at every number or at none; "
        "columns: {share: number} reads the digits alone, or category, or ignore"
    )


def test_the_user_may_say_that_the_digits_are_meant(read):
    data = read("share,y\n12%,p\n0.3,q\n14%,p\n", columns={"share": ("number", "")})
    np.testing.assert_array_equal(data.x, [[12], [0.3], [14]])
