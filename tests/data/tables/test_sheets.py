"""Tables in Excel workbooks and Parquet files: the same data as from the same table in text, and what is refused."""

import contextlib
import csv
import datetime as dt
import decimal
import gzip
import io
import json
import math
import re
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import nnlab_here
from workbooks import Xml, error, formula, parts, sheet, workbook, zipped

from nnlab.data.catalogue import load, load_new
from nnlab.data.files import FaultList
from nnlab.data.tables import infer_task, parquet, read_csv, read_csv_like, sheets
from nnlab.data.tables.kinds import Findings
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

ROWS = [[i, (i * 7 % 11) / 4, "rgb"[i % 3], i * i / 2] for i in range(1, 21)]
TABLE = [["a", "b", "colour", "y"], *ROWS]
at = dt.datetime.fromisoformat  # a moment without a zone
FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path):
    return lambda rows, **options: workbook(tmp_path / "t.xlsx", rows, **options)


@pytest.fixture
def write_parquet(tmp_path):
    def written(columns, **options):
        path = tmp_path / "t.parquet"
        pq.write_table(pa.table(columns), path, **options)
        return path

    return written


def faults_of(path, task="regression", **options):
    with pytest.raises(DataError) as caught:
        read_csv(path, task=task, **options)
    assert all(fault.file == str(path) for fault in caught.value.faults)
    return caught.value.faults


def column(rows, name="a"):
    """A column of cells above which its name stands, with a column of numbers beside it."""
    return [[name, "y"], *([cell, i] for i, cell in enumerate(rows))]


# --- the same table in text -------------------------------------------------------------------------------------------


def in_text(cell):
    """A cell as a text file has it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) <= 2**53 else repr(cell)
    return str(cell)


def outcome(path, task):
    """What a table is read as, or what is wrong with it."""
    try:
        data = read_csv(path, task=task, blanks="mean")
    except DataError as refused:
        return [(fault.line, fault.message) for fault in refused.faults]
    facts = (data.columns, data.notes, data.warnings, data.readings, data.rows.lines.tolist())
    return (np.nan_to_num(data.x, nan=-77.0).tolist(), np.nan_to_num(data.y, nan=-77.0).tolist(), *facts)


numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e12, 1e12).map(lambda x: x + 0.0))
dates = st.dates(dt.date(1900, 3, 1), dt.date(2199, 1, 1))
times = st.builds(dt.time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
words = st.sampled_from(["a", "b", "Namibia", "NA", "?", "007", "12%", "$3", "x y", "true", "é", '"q"', "a,b", "#N/A"])
moments = st.datetimes(at("1990-01-01"), at("2100-01-01")).map(lambda moment: moment.replace(second=1, microsecond=0))
KINDS = {
    "numbers": numbers,
    "dates": dates,
    "times": times,
    "words": words,
    "booleans": st.booleans(),
    "moments": moments,
}


@st.composite
def tables(draw, *, mixed):
    """The columns of a table: of one kind each, or of several kinds at once, with blanks."""
    count = draw(st.integers(3, 12))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    of_kinds = [st.one_of(KINDS[kind], st.none(), *([numbers] if mixed else [])) for kind in kinds]
    columns = [draw(st.lists(cells, min_size=count, max_size=count)) for cells in of_kinds]
    return [*columns, list(range(count))]


def write_text(path, columns):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL)
        writer.writerow([f"c{j}" for j in range(len(columns))])
        writer.writerows([[in_text(cell) for cell in row] for row in zip(*columns, strict=True)])
    return path


@FAST
@given(columns=tables(mixed=True), task=st.sampled_from(["regression", "multiclass"]))
def test_a_workbook_is_read_as_the_same_table_in_text(tmp_path, columns, task):
    header = [f"c{j}" for j in range(len(columns))]
    book = workbook(tmp_path / "t.xlsx", [header, *map(list, zip(*columns, strict=True))])
    assert outcome(book, task) == outcome(write_text(tmp_path / "t.csv", columns), task)


@FAST
@given(columns=tables(mixed=False), task=st.sampled_from(["regression", "multiclass"]), groups=st.integers(1, 20))
def test_a_parquet_file_is_read_as_the_same_table_in_text(tmp_path, columns, task, groups):
    typed = {f"c{j}": pa.array([_as_float(cell) for cell in cells]) for j, cells in enumerate(columns)}
    pq.write_table(pa.table(typed), tmp_path / "t.parquet", row_group_size=groups)
    of_text = outcome(write_text(tmp_path / "t.csv", columns), task)
    of_parquet = outcome(tmp_path / "t.parquet", task)
    if isinstance(of_text, tuple):
        lines = [line - 1 for line in of_text[-1]]  # rows are counted, there is no line of names
        assert of_parquet == (*of_text[:-1], lines)
    elif not any("may be names or a row" in message for _, message in of_text):
        assert [without_lines(message) for _, message in of_parquet] == [
            without_lines(message) for _, message in of_text
        ]


def without_lines(message):
    return re.sub(r"\(lines? [^)]*\)", "", message)


def _as_float(cell):
    return float(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell


# --- cells of a workbook ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        ([1, 2.0, -3.5, 1e300], ["1", "2", "-3.5", "1e+300"]),
        (["007", "1", " x "], ["007", "1", "x"]),
        ([True, False], ["true", "false"]),
        ([dt.date(2020, 1, 31), at("2020-01-02 03:04:05")], ["2020-01-31", "2020-01-02 03:04:05"]),
        ([dt.time(7, 45), dt.time(23, 59, 59)], ["07:45:00", "23:59:59"]),
        ([error("#N/A"), error("#DIV/0!"), 1], ["#N/A", "#DIV/0!", "1"]),
        ([formula("2*3", 6), Xml('<c r="REF" t="str"><f>A1</f><v>abc</v></c>')], ["6", "abc"]),
        ([None, "", "  ", "x"], ["", "", "", "x"]),
        ([Xml('<c r="REF"><v>1152921504606846977</v></c>'), 5], ["1152921504606846977", "5"]),
        ([Xml('<c r="REF" s="0" t="n"><v>12345678901234567</v></c>'), 5], ["1.2345678901234568e+16", "5"]),
        ([Xml('<c r="REF"><v>9007199254740992</v></c>'), 5], ["9007199254740992", "5"]),
        ([Xml('<c r="REF" t="d"><v>2020-01-02</v></c>'), "x"], ["2020-01-02", "x"]),
        ([Xml('<c r="REF"><v>NaN</v></c>'), Xml('<c r="REF"><v>inf</v></c>')], ["", "inf"]),
    ],
)
def test_cells_by_their_texts(write, cells, texts):
    grid = sheets.open_workbook(write(column(cells)), TableOptions(), _findings(), ())(".")
    assert grid.columns[0].spelled() == texts
    assert len(set(grid.columns[0].as_texts()[1])) == len(set(texts))


def _findings():
    return Findings(FaultList("t"))


def test_long_integers_keep_their_digits(write):
    ids = [2**60 + i for i in range(20)]
    data = read_csv(
        write(column([Xml(f'<c r="REF"><v>{one}</v></c>') for one in ids])),
        task="regression",
        columns={"a": ("category", "")},
    )
    assert data.columns.inputs[0].categories == tuple(map(str, sorted(ids)))


def test_durations_are_hours(write):
    data = read_csv(write(column([dt.timedelta(hours=i, minutes=30) for i in range(20, 30)])), task="regression")
    np.testing.assert_allclose(data.x[:, 0], np.arange(20, 30) + 0.5, rtol=1e-9)
    assert "durations are read as hours" in data.notes


def test_days_are_counted_from_1904_where_the_workbook_says_so(tmp_path):
    xml = sheet(column([Xml(f'<c r="REF" s="1"><v>{i}</v></c>') for i in range(1, 11)]))
    path = zipped(tmp_path / "t.xlsx", parts({"S": xml}, '<workbookPr date1904="1"/>'))
    assert read_csv(path, task="regression").columns.inputs[0].date.origin == "1904-01-02"


def test_failed_formulas_are_missing_or_named(write):
    cells = [float(i) for i in range(40)]
    cells[3] = error("#N/A")
    data = read_csv(write(column(cells)), task="regression", blanks="mean")
    assert np.isnan(data.x[3, 0])
    assert "column 'a': 1 cell '#N/A' read as blank" in data.notes
    cells[5] = error("#DIV/0!")
    (fault,) = faults_of(write(column(cells)), blanks="mean")
    assert (fault.line, fault.column) == (7, 1)
    assert "'#DIV/0!'" in fault.message


def test_decimal_commas_among_texts_prove_nothing_of_numbers(write):
    rows = [["a", "b", "y"], *([i / 4, f"{i},25", i] for i in range(9))]
    np.testing.assert_array_equal(read_csv(write(rows), task="regression").x, [[i / 4, i + 0.25] for i in range(9)])
    rows = [["a", "y"], *([f"{i},250", i + 0.5] for i in range(1, 9))]
    assert 'decimal: "," or thousands: ","' in faults_of(write(rows))[0].message
    for said, values in (({"decimal": ","}, [1.25, 2.25]), ({"thousands": ","}, [1250, 2250])):
        assert read_csv(write(rows), task="regression", **said).x[:2, 0].tolist() == values


PRICES = [f"{i},{25 + 10 * (i % 3)}" for i in range(40)]
HALVES = [(i * 7 % 40) / 8 for i in range(40)]


@pytest.mark.parametrize("said", [{}, {"decimal": ","}])
@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_numbers_are_numbers_whatever_the_decimal_mark_of_texts_is(write, write_parquet, kind, said):
    if kind == "xlsx":
        path = write([["preis", "z", "y"], *zip(PRICES, HALVES[::-1], HALVES, strict=True)])
    else:
        path = write_parquet({"preis": PRICES, "z": HALVES[::-1], "y": HALVES})
    data = read_csv(path, task="regression", **said)
    np.testing.assert_array_equal(data.x[:, 0], [float(price.replace(",", ".")) for price in PRICES])
    np.testing.assert_array_equal(data.x[:, 1], HALVES[::-1])
    np.testing.assert_array_equal(data.y[:, 0], HALVES)
    assert infer_task(path, TableOptions(**said))[0] == "regression"
    several = TableOptions(target=("z", "y"), **said)
    assert infer_task(path, several)[0] == "regression"
    texts = read_csv(path, task="regression", columns={"z": ("category", "")}, **said).columns.inputs[1].categories
    assert texts[:3] == ("0", "0.125", "0.25")


def test_texts_and_numbers_of_one_column_are_read_each_in_their_way(write):
    cells = [f"{i},5" if i % 2 else i + 0.5 for i in range(20)]
    data = read_csv(write(column(cells)), task="regression", decimal=",")
    assert data.x[:, 0].tolist() == [i + 0.5 for i in range(20)]


@pytest.mark.parametrize("header", ["auto", False])
def test_formulas_without_a_stored_result_are_told(write, header):
    cells = [float(i) for i in range(40)]
    cells[3:5] = Xml('<c r="REF" s="0"><f>A1*2</f><v></v></c>'), Xml('<c r="REF"><f t="shared" si="0"/><v/></c>')
    cells[7] = Xml(
        '<x:c r="REF" xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:f>1</x:f></x:c>'
    )
    rows = column(cells, "b")[1 if header is False else 0 :]
    data = read_csv(write(rows), task="regression", blanks="mean", header=header)
    assert np.flatnonzero(np.isnan(data.x[:, 0])).tolist() == [3, 4, 7]
    (warning,) = data.warnings
    name = "b" if header == "auto" else "column1"
    assert warning == (
        f"column '{name}': 3 formulas without a stored result are read as blank; "
        "open and save the workbook in a spreadsheet program first"
    )


def test_a_column_of_formulas_without_results_is_refused_unless_it_is_ignored(write):
    unsolved = Xml('<c r="REF"><f>SUM(1,1)</f><v></v></c>')
    rows = [["a", "b", "y"], *([i, unsolved if i % 2 else None, i / 2] for i in range(9))]
    (fault,) = faults_of(write(rows))
    assert (fault.line, fault.column) == (3, 2)
    assert fault.message == (
        "found 4 formulas without a stored result and nothing else in column 'b', expected results; "
        "open and save the workbook in a spreadsheet program first"
    )
    for said in ({"ignore": ("b",)}, {"columns": {"b": ("ignore", "")}}):
        data = read_csv(write(rows), task="regression", **said)
        assert (data.columns.input_names, data.warnings) == (("a",), ())
    rows = read_csv_like(write(rows), data.columns, task="regression", blanks_allowed=False)
    assert (rows.x[:, 0].tolist(), rows.warnings) == ([*range(9)], ())


def test_a_formula_whose_result_is_an_empty_text_has_a_result(write):
    cells = [Xml('<c r="REF" t="str"><f>""</f><v></v></c>'), *map(float, range(9))]
    data = read_csv(write(column(cells)), task="regression", blanks="mean")
    assert (np.isnan(data.x[0, 0]), data.warnings) == (True, ())
    cells[0] = Xml('<c r="REF" t="str"><f>A1&amp;"x"</f></c>')
    assert (
        "1 formula without a stored result is read as blank"
        in (read_csv(write(column(cells)), task="regression", blanks="mean").warnings[0])
    )


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_nan_is_blank_also_where_the_words_for_a_blank_are_named(write, write_parquet, kind):
    numbers = [i / 4 for i in range(20)]
    cells = [math.nan if i == 3 else number for i, number in enumerate(numbers)]
    if kind == "xlsx":
        path = write(column([Xml('<c r="REF"><v>NaN</v></c>') if math.isnan(cell) else cell for cell in cells]))
    else:
        path = write_parquet({"a": cells, "y": numbers})
    data = read_csv(path, task="regression", missing=("-1",), blanks="mean")
    assert np.flatnonzero(np.isnan(data.x[:, 0])).tolist() == [3]
    assert data.columns.inputs[0].categories is None


def test_an_infinity_is_a_faulty_number(write_parquet):
    path = write_parquet({"a": [*(i / 4 for i in range(20)), math.inf], "y": [*range(21)]})
    assert "'inf'" in faults_of(path)[0].message


# --- rows and names of a workbook -------------------------------------------------------------------------------------


def test_rows_have_the_numbers_of_the_sheet_wherever_the_table_stands(write):
    data = read_csv(write(TABLE, first=(5, 3)), task="regression")
    assert data.rows.lines.tolist() == list(range(6, 26))
    assert data.fingerprint == read_csv(write(TABLE), task="regression").fingerprint
    (fault,) = faults_of(write([*TABLE[:3], [1, None, "r", 2], *ROWS], first=(5, 3)))
    assert (fault.line, fault.column) == (8, 4)


def test_the_first_row_may_be_names_or_a_row(write):
    (fault,) = faults_of(write(ROWS, first=(4, 1)))
    assert fault.line == 4
    assert "a first line that may be names or a row" in fault.message
    data = read_csv(write(ROWS, first=(4, 1)), task="regression", header=False)
    assert (len(data.x), data.rows.lines[0]) == (20, 4)
    assert data.columns.targets == ("column4",)
    named = read_csv(write(ROWS), task="regression", names=("a", "b", "c", "d"), header=False)
    assert named.columns.targets == ("d",)
    numbers = write([[2019, 2020], [1, 2], [3, 4]])
    assert "all of its cells are numbers: '2019', '2020'" in faults_of(numbers)[0].message
    assert read_csv(numbers, task="regression", header=True).columns.targets == ("2020",)
    assert read_csv(numbers, task="regression", header=False).x[:, 0].tolist() == [2019, 1, 3]


def test_an_index_of_pandas_is_left_out(write):
    data = read_csv(write([[None, "a", "y"], *([i, i % 3, i / 2] for i in range(12))]), task="regression")
    assert data.columns.input_names == ("a",)


def test_a_title_above_the_table_is_refused(write):
    for title in (["Sales of 2020"], [None, None, "Sales of 2020"]):
        (fault,) = faults_of(write([title, *TABLE]))
        assert fault.line == 1
        assert "'Sales of 2020' alone in the first row, above a table of 4 columns" in fault.message


def test_blank_rows_between_are_refused_or_skipped(write):
    rows = [*TABLE[:4], [None], ["  "], *TABLE[4:], [None, ""], [" "]]
    (fault,) = faults_of(write(rows))
    assert fault.line == 5
    assert "2 blank rows (rows 5, 6)" in fault.message
    data = read_csv(write(rows), task="regression", bad_rows="skip")
    assert "2 blank rows (rows 5, 6) left out" in data.warnings
    assert data.rows.lines.tolist() == [2, 3, 4, *range(7, 24)]
    np.testing.assert_array_equal(data.x, read_csv(write(TABLE), task="regression").x)


@pytest.mark.parametrize("rows", [[], [[None, ""], [" "]]])
def test_a_workbook_without_cells(write, rows):
    assert "no cells" in faults_of(write(rows))[0].message


def test_a_header_alone(write):
    assert "no rows" in faults_of(write(TABLE[:1]), header=True)[0].message


# --- sheets of a workbook ---------------------------------------------------------------------------------------------


def test_several_sheets_with_cells_are_a_question(write):
    (fault,) = faults_of(write(TABLE, People=TABLE))
    assert "2 sheets with cells ('Sheet1', 'People')" in fault.message
    assert "save the sheet that is wanted as a file of its own" in fault.message


def test_the_one_sheet_with_cells_is_read(tmp_path):
    xml = {"Empty": sheet([]), "Blank": sheet([[" "]]), "Data": sheet(TABLE)}
    assert len(read_csv(zipped(tmp_path / "t.xlsx", parts(xml)), task="regression").x) == 20


def test_hidden_sheets_are_told(tmp_path):
    files = parts({"Data": sheet(TABLE), "Lists": sheet(TABLE)})
    hidden = files["xl/workbook.xml"].replace('name="Lists"', 'name="Lists" state="hidden"')
    data = read_csv(zipped(tmp_path / "t.xlsx", {**files, "xl/workbook.xml": hidden}), task="regression")
    assert "hidden and not read: 1 sheet of the workbook ('Lists')" in data.notes


# --- types of a Parquet file ------------------------------------------------------------------------------------------


MOMENTS = [at("2020-01-02 03:04:05"), None, at("2021-01-01")]
DAYS = [at("2020-01-02"), None, at("2021-01-01")]


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([1, None, 2**53, -(2**53)]), ["1", "", str(2**53), str(-(2**53))]),
        (pa.array([2**53 + 1, 2**60 + 1, -(2**60) - 1]), [str(2**53 + 1), str(2**60 + 1), str(-(2**60) - 1)]),
        (pa.array([2**64 - 1, 0], pa.uint64()), [str(2**64 - 1), "0"]),
        (pa.array([-128, None], pa.int8()), ["-128", ""]),
        (pa.array([1.5, None, 2.0, float("nan"), float("inf")]), ["1.5", "", "2", "", "inf"]),
        (pa.array([1.5, -0.25], pa.float32()), ["1.5", "-0.25"]),
        (pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")]), ["1.5", "", "-2.25"]),
        (pa.array([decimal.Decimal(2**60 + 1), None]), [str(2**60 + 1), ""]),
        (pa.array(["007", None, " x ", "", "1,5"]), ["007", "", "x", "", "1,5"]),
        (pa.array(["a", None, "é"], pa.large_string()), ["a", "", "é"]),
        (pa.array([b"a", None, b"b"]), ["a", "", "b"]),
        (pa.array(["x", None, "y", "x"]).dictionary_encode(), ["x", "", "y", "x"]),
        (pa.array([True, None, False]), ["true", "", "false"]),
        (pa.array([dt.date(2020, 1, 31), None]), ["2020-01-31", ""]),
        (pa.array(MOMENTS, pa.timestamp("ns")), ["2020-01-02 03:04:05", "", "2021-01-01 00:00:00"]),
        (pa.array(MOMENTS, pa.timestamp("us", "Europe/Berlin")), ["2020-01-02 03:04:05Z", "", "2021-01-01 00:00:00Z"]),
        (pa.array([at("2020-01-02 03:04:05.250000")]), ["2020-01-02 03:04:05.250"]),
        (pa.array(DAYS, pa.timestamp("ns")), ["2020-01-02", "", "2021-01-01"]),
        (pa.array([dt.time(7, 45), None], pa.time32("s")), ["07:45:00", ""]),
        (pa.array([dt.timedelta(hours=36), None], pa.duration("ms")), ["36", ""]),
        (pa.nulls(2), ["", ""]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_types_by_the_texts_of_their_cells(write_parquet, array, texts):
    path = write_parquet({"a": array, "y": pa.array(range(len(array)))})
    grid = sheets.open_parquet(path, TableOptions(), _findings(), ())(".")
    assert grid.columns[0].spelled() == texts
    assert grid.first == ["a", "y"]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([[1], [2]]), "list"),
        (pa.array([{"q": 1}, {"q": 2}]), "struct"),
        (pa.array([b"\xff", b"a"]), "binary"),
        (pa.array([b"ab", b"cd"], pa.binary(2)), "fixed_size_binary"),
    ],
)
def test_what_is_no_column_is_named_or_ignored(write_parquet, array, kind):
    path = write_parquet({"x.q": array, "a": pa.array([1.0, 2.0]), "y": pa.array([3.0, 4.0])})
    (fault,) = faults_of(path)
    assert f"column 'x.q' of type {kind}" in fault.message
    assert "columns: {x.q: ignore}" in fault.message
    for said in ({"columns": {"x.q": ("ignore", "")}}, {"ignore": ("x.q",)}):
        assert read_csv(path, task="regression", **said).x.tolist() == [[1], [2]]
    known = read_csv(write_parquet({"a": pa.array([1.0, 2.0]), "y": pa.array([3.0, 4.0])}), task="regression").columns
    path = write_parquet({"x.q": array, "a": pa.array([1.0, 2.0])})
    assert read_csv_like(path, known, task="regression", blanks_allowed=False).x.tolist() == [[1], [2]]


def test_names_of_a_parquet_file_are_no_question(write_parquet):
    data = read_csv(write_parquet({"1": ["a", "b", "a"], "2": ["x", "y", "z"]}), task="multiclass")
    assert data.columns.targets == ("2",)
    assert data.rows.lines.tolist() == [1, 2, 3]


def test_an_index_of_pandas_in_a_parquet_file_is_left_out(write_parquet):
    columns = {
        "a": [float(i % 5) for i in range(12)],
        "y": [float(i) for i in range(12)],
        "__index_level_0__": [*range(5, 17)],
    }
    data = read_csv(write_parquet(columns), task="regression", target=("y",))
    assert data.columns.input_names == ("a",)


def of_pandas(columns, index):
    """A table with the note that pandas leaves of its index: `index` has its columns in the file, and their names."""
    every = [{"name": index.get(name, name), "field_name": name} for name in columns]
    note = {"index_columns": [*index], "columns": every}
    return pa.table(columns).replace_schema_metadata({"pandas": json.dumps(note)})


@pytest.mark.parametrize("cells", [[*range(12)], [i * 7 % 12 for i in range(12)], [*"abcdefghijkl"]])
def test_an_index_of_pandas_without_a_name_is_no_target(tmp_path, cells):
    columns = {"a": [i % 5 / 4 for i in range(12)], "y": [i / 2 for i in range(12)], "__index_level_0__": cells}
    pq.write_table(of_pandas(columns, {"__index_level_0__": None}), tmp_path / "t.parquet")
    data = read_csv(tmp_path / "t.parquet", task="regression")
    assert (data.columns.input_names, data.columns.targets) == (("a",), ("y",))
    assert any("column 3, which has no name, is left out" in note for note in data.notes)


def test_an_index_of_pandas_with_a_name_is_a_column_before_the_others(tmp_path):
    columns = {"a": [i % 5 / 4 for i in range(12)], "y": [i / 2 for i in range(12)], "day": [i % 7 for i in range(12)]}
    pq.write_table(of_pandas(columns, {"day": "day"}), tmp_path / "t.parquet")
    data = read_csv(tmp_path / "t.parquet", task="regression")
    assert (data.columns.input_names, data.columns.targets) == (("day", "a"), ("y",))
    assert data.x[:3].tolist() == [[0, 0], [1, 0.25], [2, 0.5]]


@pytest.mark.parametrize(
    "note",
    [
        '{"index_columns": [{"kind": "range", "name": null, "start": 0, "stop": 9, "step": 1}], "columns": []}',
        '{"index_columns": ["b"], "columns": []}',
        '{"index_columns": 5, "columns": [1]}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_other_notes_of_pandas_say_nothing(tmp_path, note):
    table = pa.table({"a": [1.0, 2.0, 4.0], "y": [3.0, 4.0, 6.0]}).replace_schema_metadata({"pandas": note})
    pq.write_table(table, tmp_path / "t.parquet")
    data = read_csv(tmp_path / "t.parquet", task="regression")
    assert (data.columns.input_names, data.columns.targets) == (("a",), ("y",))


@pytest.mark.parametrize("columns", [{"a": pa.array([], pa.int64())}, {}])
def test_a_parquet_file_without_rows(write_parquet, columns):
    assert "no rows" in faults_of(write_parquet(columns))[0].message


# --- keys and packages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("t.xlsx", "separator", ";"),
        ("t.parquet", "separator", ";"),
        ("t.parquet", "header", True),
        ("t.parquet", "names", ("p", "q")),
    ],
)
def test_keys_of_text_files(write, write_parquet, name, key, value):
    path = write(TABLE) if name == "t.xlsx" else write_parquet({"a": [1.0, 2.0], "y": [1.0, 3.0]})
    (fault,) = faults_of(path, **{key: value})
    assert fault.key == ("data", key)
    assert fault.message == f"found data.{key} for '{name}'; expected it for text files only"


def test_new_rows_need_not_be_of_the_kind_of_the_first_table(tmp_path, write, write_parquet):
    text = tmp_path / "t.csv"
    text.write_text("a;b;y\n1;2,5;3\n4;5,5;6\n")
    said = TableOptions(separator=";", decimal=",")
    known = read_csv(text, task="regression", options=said).columns
    book = write([["b", "a"], [2.5, 1], [5.5, 4]])
    stored = write_parquet({"b": [2.5, 5.5], "a": [1, 4]})
    for path in (text, book, stored):
        rows = load_new(str(path), known, task="regression", table=said)
        assert rows.x.tolist() == [[1, 2.5], [4, 5.5]]


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("t.xlsx", "python_calamine", "a .xlsx file, expected the package python-calamine: pip install 'nnlab[excel]'"),
        ("t.parquet", "pyarrow", "a .parquet file, expected the package pyarrow: pip install 'nnlab[parquet]'"),
    ],
)
def test_a_package_that_is_missing(write, write_parquet, monkeypatch, name, module, words):
    path = write(TABLE) if name == "t.xlsx" else write_parquet({"a": [1.0, 2.0], "y": [1.0, 3.0]})
    monkeypatch.setitem(sys.modules, module, None)
    (fault,) = faults_of(path)
    assert fault.message == f"found {words}"


def test_the_catalogue_reads_both_and_names_them(write, write_parquet, tmp_path):
    stored = write_parquet({name: [row[j] for row in ROWS] for j, name in enumerate(TABLE[0])})
    of_book, of_stored = (load(str(path), task="regression") for path in (write(TABLE), stored))
    assert of_book.fingerprint == of_stored.fingerprint
    assert (of_book.name, of_stored.name) == ("t", "t")
    assert infer_task(stored, TableOptions())[0] == infer_task(tmp_path / "t.xlsx", TableOptions())[0] == "regression"
    (tmp_path / "t.ods").write_bytes(b"")
    with pytest.raises(DataError, match=r"\.xlsx, \.parquet"):
        load(str(tmp_path / "t.ods"), task="regression")


# --- hostile files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["XFD1048576", "xfd1048576", "AAAAAAAAAAAA1", "A99999999999999999999"])
def test_a_cell_far_away_takes_no_memory(tmp_path, reference):
    far = f'<row r="7"><c r="{reference}"><v>1</v></c></row></sheetData>'
    path = zipped(tmp_path / "t.xlsx", parts({"S": sheet(TABLE).replace("</sheetData>", far)}))
    assert "a sheet whose last cell is in row" in faults_of(path)[0].message


def test_a_date_beyond_all_time_is_refused(write):
    (fault,) = faults_of(write(column([Xml('<c r="REF" s="1"><v>-1e15</v></c>'), 1, 2])))
    assert "a damaged workbook (TimeDelta::milliseconds out of bounds)" in fault.message


def test_cells_without_places_are_counted(tmp_path, monkeypatch):
    xml = re.sub(r' r="[A-Z]*[0-9]+"', "", sheet(TABLE))
    path = zipped(tmp_path / "t.xlsx", parts({"S": xml}))
    assert len(read_csv(path, task="regression").x) == 20
    monkeypatch.setattr(sheets, "_MOST_CELLS", 21 * 4 - 1)
    assert "row 21 and column 4" in faults_of(path)[0].message


def test_a_bomb_is_not_unpacked(tmp_path):
    files = parts({"S": sheet(TABLE)})
    path = zipped(tmp_path / "t.xlsx", {**files, "xl/sharedStrings.xml": " " * 2**25})
    assert "more than 16 MiB of text" in faults_of(path)[0].message


def test_a_bomb_that_lies_of_its_size_is_not_unpacked(tmp_path):
    path = zipped(tmp_path / "t.xlsx", {**parts({"S": sheet(TABLE)}), "xl/sharedStrings.xml": " " * 2**25})
    data = path.read_bytes()
    path.write_bytes(data.replace((2**25).to_bytes(4, "little"), (2**10).to_bytes(4, "little")))
    assert "corrupt" in faults_of(path)[0].message


def test_pictures_and_macros_are_not_looked_at(tmp_path):
    path = zipped(tmp_path / "t.xlsx", {**parts({"S": sheet(TABLE)}), "xl/media/a.png": bytes(2**25)})
    assert len(read_csv(path, task="regression").x) == 20


def test_a_workbook_with_a_password(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000))
    assert "with a password, or an old .xls file" in faults_of(path)[0].message


def test_unusual_packing_is_refused(tmp_path):
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in parts({"S": sheet(TABLE)}).items():
            archive.writestr(name, content)
    assert "packed by method 12" in faults_of(path)[0].message


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", b"PAR1" + bytes(50) + b"PAR1"])
@pytest.mark.parametrize("name", ["t.xlsx", "t.parquet"])
def test_files_of_another_kind(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert re.search("corrupt|damaged|no sound", faults_of(path)[0].message)


def test_a_parquet_file_that_promises_too_much(write_parquet, monkeypatch):
    zeros = pa.array(np.zeros(2**23))
    path = write_parquet({"a": zeros, "y": zeros}, use_dictionary=False, compression="zstd")
    assert "more than 64 MiB, unpacked" in faults_of(path)[0].message
    monkeypatch.setattr(parquet, "_MOST_CELLS", 2**24 - 1)
    assert "16,777,216 cells, expected at most 16,777,215" in faults_of(path)[0].message


def test_long_texts_that_are_stored_once_are_kept_once(write_parquet):
    long = pa.array(["x" * 2**20, "y" * 2**20]).take(pa.array([i % 2 for i in range(100_000)]).cast(pa.int32())[:10])
    encoded = pa.DictionaryArray.from_arrays(pa.array(np.arange(100_000, dtype=np.int32) % 2), long.slice(0, 2))
    data = read_csv(write_parquet({"a": encoded, "y": pa.array(np.arange(100_000) % 7 / 2)}), task="regression")
    assert data.x.sum() == 100_000  # 100 GB, one by one


HOSTILE = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _book(folder):
    return workbook(folder / "whole.xlsx", [[*TABLE[0], "d"], *([*row, dt.date(2020, 1, 1)] for row in ROWS)])


def _stored(folder):
    columns = {name: [row[j] for row in ROWS] for j, name in enumerate(TABLE[0])}
    pq.write_table(
        pa.table({**columns, "d": DAYS[:1] * 20, "l": [[1]] * 20}), folder / "whole.parquet", row_group_size=7
    )
    return folder / "whole.parquet"


@pytest.mark.parametrize("make", [_book, _stored])
@HOSTILE
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path, make, data):
    whole = make(tmp_path).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = whole[:at]
    else:
        damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    _read_or_refuse(tmp_path / f"damaged{make(tmp_path).suffix}", damaged)


@HOSTILE
@given(data=st.data())
def test_a_workbook_of_strange_xml_is_read_or_refused(tmp_path, data):
    files = parts({"S": sheet(TABLE)})
    name = data.draw(st.sampled_from(sorted(files)))
    found = data.draw(st.sampled_from(list(re.finditer(r'\d+|"[^"]*"|<[^>]*>', files[name]))))
    strange = [
        "",
        "-1",
        "4294967296",
        "1e999",
        '"s"',
        '"e"',
        '"zz"',
        "A0",
        "<c/>",
        '<c t="s"><v>5</v></c>',
        found[0] * 2,
    ]
    strange += ['<c t="d"><v>x</v></c>', '<c s="1"><v>-1e300</v></c>', '<c s="4"><v>1e15</v></c>']
    text = files[name][: found.start()] + data.draw(st.sampled_from(strange)) + files[name][found.end() :]
    content = io.BytesIO()
    zipped(content, {**files, name: text})
    _read_or_refuse(tmp_path / "strange.xlsx", content.getvalue())


@pytest.mark.parametrize("days", ["-1e300", "1e15", "1e300"])
def test_an_absurd_date_is_a_damaged_workbook_or_no_date(tmp_path, days):
    files = parts({"S": sheet(TABLE)})
    name = next(name for name in files if "sheet1" in name)
    for style in range(6):
        text = re.sub(r"<c [^>]*><v>[^<]*</v></c>", f'<c s="{style}"><v>{days}</v></c>', files[name], count=4)
        content = io.BytesIO()
        zipped(content, {**files, name: text})
        _read_or_refuse(tmp_path / "absurd.xlsx", content.getvalue())


def _read_or_refuse(path, content):
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        read_csv(path, task="regression", target=("y",), ignore=("l",) if path.suffix == ".parquet" else ())


# --- packed text files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "data"])
@pytest.mark.parametrize("packing", ["gz", "zip"])
def test_text_files_are_unpacked(tmp_path, kind, packing):
    text = "a\tb\ty\n" + "".join(f"{i}\t{i % 3}\t{i / 2}\n" for i in range(9))
    path = tmp_path / f"t.{kind}.{packing}"
    if packing == "gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        zipped(path, {f"folder/t.{kind}": text, "__MACOSX/folder/._t": "x"})
    data = load(str(path), task="regression")
    assert (data.name, data.x.shape) == ("t", (9, 2))


def test_an_archive_may_be_named_anything(tmp_path):
    data = load(str(zipped(tmp_path / "people.zip", {"t.csv": "a,y\n1,2\n3,4\n"})), task="regression")
    assert (data.name, data.x.tolist()) == ("people", [[1], [3]])


@pytest.mark.parametrize("files", [{}, {"a.csv": "a,y\n1,2\n", "b.csv": "a,y\n1,2\n"}])
def test_an_archive_of_none_or_several(tmp_path, files):
    path = zipped(tmp_path / "t.csv.zip", files)
    (fault,) = faults_of(path)
    assert f"an archive of {len(files)} files" in fault.message
    assert "single table: 'a.csv', 'b.csv'" in fault.message or not files


def test_an_archive_with_a_password(tmp_path):
    path = zipped(tmp_path / "t.csv.zip", {"t.csv": "a,y\n1,2\n"})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    assert "'t.csv' with a password in the archive" in faults_of(path)[0].message


@pytest.mark.parametrize("packing", ["gz", "zip"])
def test_a_packed_text_that_is_a_bomb(tmp_path, packing):
    text = "a,y\n" + "1,2\n" * 2**23
    path = tmp_path / f"t.csv.{packing}"
    if packing == "gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        zipped(path, {"t.csv": text})
    assert "more than 16 MiB of text" in faults_of(path)[0].message


def test_a_member_packed_in_an_unusual_way(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("t.csv", "a,y\n1,2\n" * 2**20)
    assert "packed by method 12" in faults_of(tmp_path / "t.csv.zip")[0].message


# --- a whole training -------------------------------------------------------------------------------------------------


EXPERIMENT = """\
name: t
task: multiclass
data: {source: t.xlsx, target: colour}
network: {layers: [4]}
optimizer: {name: adam, learning_rate: 0.05}
training: {epochs: 3, batch_size: 8}
"""


@pytest.mark.usefixtures("quick_pictures")
@pytest.mark.slow
def test_train_on_a_workbook_and_evaluate_on_new_files(tmp_path, write, write_parquet):
    rows = [[i % 7 + i % 3, i % 5 / 4, "rgb"[i % 3]] for i in range(60)]
    write([["a", "b", "colour"], *rows])
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    trained = nnlab_here("train", "e.yaml", "--quiet", cwd=tmp_path)
    assert trained.exit_code == 0, trained.stderr
    run = trained.stdout.strip()
    workbook(tmp_path / "new.xlsx", [["b", "a"], *([row[1], row[0]] for row in rows[:9])])
    write_parquet({"a": [row[0] for row in rows], "b": [row[1] for row in rows], "colour": [row[2] for row in rows]})
    predicted = nnlab_here("eval", run, "--data", "new.xlsx", "--predictions", "p.csv", cwd=tmp_path)
    assert predicted.exit_code == 0, predicted.stderr
    with (tmp_path / "p.csv").open() as file:
        assert len(list(csv.reader(file))) == 10
    scored = nnlab_here("eval", run, "--data", "t.parquet", "--json", cwd=tmp_path)
    assert scored.exit_code == 0, scored.stderr
    (tmp_path / "new.xlsx").write_bytes((tmp_path / "new.xlsx").read_bytes()[:-100])
    refused = nnlab_here("eval", run, "--data", "new.xlsx", cwd=tmp_path)
    assert refused.exit_code == 2
    assert re.fullmatch(r"[^\n]*new\.xlsx: found a corrupt[^\n]*\n", refused.stderr)
