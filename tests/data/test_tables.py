"""Tables in CSV: what is read, and what is refused with its place."""

import gzip
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.data import files
from nnlab.data.dataset import Columns, InputColumn
from nnlab.data.tables import identifiers, read_csv, read_csv_like, read_table
from nnlab.errors import DataError

PLAIN = "a,b,y\n1,2,no\n3,4.5,yes\n-5e-1,.5,no\n"


@pytest.fixture
def write(tmp_path):
    def written(content, name="t.csv"):
        path = tmp_path / name
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return written


@pytest.fixture
def faults_of(write):
    def found(content, task="binary", **options):
        path = write(content)
        with pytest.raises(DataError) as error:
            read_csv(path, task=task, **options)
        assert all(fault.file == str(path) for fault in error.value.faults)
        return error.value.faults

    return found


def test_numbers_and_a_text_target(write):
    data = read_csv(write(PLAIN), task="binary")
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4.5], [-0.5, 0.5]])
    np.testing.assert_array_equal(data.y, [[0], [1], [0]])
    assert (data.name, data.own_test) == ("t", 0)
    assert data.columns == Columns((InputColumn("a"), InputColumn("b")), ("y",), ("no", "yes"))


def test_text_is_one_hot_over_its_sorted_texts(write):
    data = read_csv(write("a,island,y\n1,Dream,0\n2,Biscoe,1\n3,Dream,2\n"), task="multiclass")
    assert data.columns.input_names == ("a", "island=Biscoe", "island=Dream")
    np.testing.assert_array_equal(data.x, [[1, 0, 1], [2, 1, 0], [3, 0, 1]])
    np.testing.assert_array_equal(data.y, np.eye(3))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN + "\n\n",
        PLAIN.rstrip(),
        PLAIN.replace(",", ", "),
        PLAIN.replace("3,4.5,yes", '"3","4.5","yes"'),
    ],
    ids=["crlf", "bom", "cr", "empty lines at the end", "no newline", "spaces", "quotes"],
)
def test_the_same_table_however_it_is_written(write, content):
    assert read_csv(write(content), task="binary").fingerprint == read_csv(write(PLAIN), task="binary").fingerprint


def test_packed(write):
    data = read_csv(write(PLAIN, "t.csv.gz"), task="binary")
    assert data.name == "t"
    assert data.fingerprint == read_csv(write(PLAIN), task="binary").fingerprint


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "empty file"),
        ("\n\n", 1, "empty file"),
        ("a,b,y\n", None, "no rows"),
        ("a,b,y\n1,2,0\n1,2\n", 3, "row 2: found 2 cells, expected 3"),
        ("a,b,y\n1,2,0,\n1,2,1\n", 2, "row 1: found 4 cells (the row ends in a comma), expected 3"),
        ("a,b,y,\n1,2,0,\n", 1, "no name for column 4"),
        ("a,b,y\n1,2,0\n\n1,2,1\n", 3, "found an empty line"),
        ('a,b,y\n1,2,0\n1,"2,1\n3,4,5\n', 3, "a quote that is never closed"),
        ('a,b,y\n1,"2"x,1\n', 2, "misplaced quote"),
        ("a,a,y\n1,2,0\n", 1, "column name 'a' twice"),
        ("1,2,0\n3,4,1\n", 1, "numbers in the first line"),
        ("a;b;y\n1;2;0\n", 1, "separated by commas"),
        ("a,b\x1b,y\n1,2,0\n", 1, "control character"),
        (b"a,b,y\n1,\xe9,0\n", 2, "byte 0xe9 at position 8"),
        ("a,y\n1,0".encode("utf-16"), 1, "UTF-8"),
        ('a,b,y\n1,"' + "x" * 200_000 + '",1\n', 2, "more than 131072 characters"),
    ],
)
def test_what_is_no_table(faults_of, content, line, words):
    fault = faults_of(content)[0]
    assert fault.line == line
    assert words in fault.message


@pytest.mark.parametrize(
    "cell", ["abc", "nan", "NaN", "inf", "-Infinity", "1e400", "1_000", "0x1F", "1..2", "١", "1 2"]
)
def test_a_cell_that_is_no_finite_number_is_named(faults_of, cell):
    (fault,) = faults_of(f'a,b,y\n1,2,0\n3,"{cell}",1\n5,6,0\n')
    assert (fault.line, fault.column) == (3, 2)
    assert f"row 2: found '{cell}' in" in fault.message
    assert "column 'b', expected a" in fault.message


@pytest.mark.parametrize("cell", ["1_000", "0x1F", "nan", "1e999", '"1,5"'])
def test_a_column_of_faulty_numbers_is_not_taken_for_text(faults_of, cell):
    assert len(faults_of(f"a,y\n{cell},0\n{cell},1\n")) == 2


def test_dates_are_text(write):
    assert read_csv(write("d,y\n2024-01-01,0\n2024-01-02,1\n"), task="binary").x.shape == (2, 2)


def test_faults_are_collected_up_to_twenty_and_counted(faults_of):
    faults = faults_of("a,b,y\n" + "1,x,0\n" * 30 + "1,2,1\n" * 40)
    assert [fault.line for fault in faults[:20]] == list(range(2, 22))
    assert faults[20].message == "and 10 more"
    assert len(faults) == 21


def test_the_line_is_the_files_own_where_a_cell_spans_lines(faults_of):
    (fault,) = faults_of('a,y\n1,"no\n"\n2,yes\nx,yes\n3,"no\n"\n')
    assert fault.line == 5


# --- roles ---


def test_targets_and_columns_left_out(write):
    data = read_csv(write("a,t,b,u\n1,2,x,3\n4,5,y,6\n"), task="regression", target=["u", "t"], ignore=["b"])
    np.testing.assert_array_equal(data.x, [[1], [4]])
    np.testing.assert_array_equal(data.y, [[3, 2], [6, 5]])
    assert data.columns.targets == ("u", "t")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": ["speces"]}, "did you mean 'species'"),
        ({"ignore": ["widht"]}, "did you mean 'width'"),
        ({"target": []}, "0 target columns"),
        ({"target": ["species", "width"]}, "2 target columns"),
        ({"target": ["species"], "ignore": ["species"]}, "twice"),
        ({"ignore": ["width"]}, "no column left"),
        ({"blanks": "meen"}, "did you mean 'mean'"),
    ],
)
def test_roles_that_make_no_sense(faults_of, options, words):
    assert words in str(faults_of("width,species\n1,a\n2,b\n", **options)[0])


# --- classes ---


def test_integer_classes_are_sorted_as_numbers(write):
    data = read_csv(write("a,y\n1,10\n2,9\n3,2\n4,02\n5,9.0\n"), task="multiclass")
    assert data.columns.classes == ("2", "9", "10")
    np.testing.assert_array_equal(data.y.argmax(axis=1), [2, 1, 0, 0, 1])


def test_two_classes_may_be_minus_one_and_one(write):
    data = read_csv(write("a,y\n1,1\n2,-1\n"), task="binary")
    assert data.columns.classes == ("-1", "1")
    np.testing.assert_array_equal(data.y, [[1], [0]])


@pytest.mark.parametrize("label", ["-1", "2.7", "nan", "inf", "1e30", "x", "NA", ""])
def test_labels_that_are_none(faults_of, label):
    (fault,) = faults_of(f"a,y\n1,0\n2,1\n3,{label}\n4,2\n", task="multiclass")
    assert (fault.line, fault.column) == (4, 2)


@pytest.mark.parametrize("label", ["nan", ""])
def test_text_labels_that_are_none(faults_of, label):
    (fault,) = faults_of(f"a,y\n1,cat\n2,dog\n3,{label}\n")
    assert fault.line == 4


@pytest.mark.parametrize(("task", "labels"), [("binary", "00"), ("binary", "012"), ("multiclass", "11")])
def test_too_few_or_too_many_classes(faults_of, task, labels):
    faults = faults_of("a,y\n" + "".join(f"1,{label}\n" for label in labels), task=task)
    assert "class" in faults[0].message


def test_numbers_to_predict_are_not_taken_for_classes(faults_of):
    faults = faults_of("a,y\n" + "".join(f"1,{i}\n" for i in range(1001)), task="multiclass")
    assert "task: regression" in faults[0].message


def test_labels_of_a_multilabel_task(write, faults_of):
    table = "a,p,q,r\n1,0,no,True\n2,1,yes,FALSE\n"
    data = read_csv(write(table), task="multilabel", target=["p", "q", "r"])
    np.testing.assert_array_equal(data.y, [[0, 0, 1], [1, 1, 0]])
    (fault,) = faults_of(table.replace("yes", "2"), task="multilabel", target=["p", "q", "r"])
    assert (fault.line, fault.column) == (3, 3)


def test_too_many_different_texts(faults_of):
    faults = faults_of("a,y\n" + "".join(f"text{i},{i % 2}\n" for i in range(1001)))
    assert "1001 different texts" in faults[0].message


# --- targets that are for another task ---

WHOLE = {
    "text for numbers": ("x,y\n1,oak\n2,elm\n3,ash\n", "regression", "found 'oak'", "(for classes: task: multiclass)"),
    "two texts for numbers": ("x,y\n1,oak\n2,elm\n3,oak\n", "regression", "found 'oak'", "(for classes: task: binary)"),
    "text for labels": ("x,y\n1,oak\n2,elm\n3,\n", "multilabel", "found 'oak'", "(for one class among several: "),
    "numbers for classes": (
        "x,y\n1,0.5\n2,1.25\n3,2\n",
        "multiclass",
        "found '0.5'",
        "(for numbers to predict: task: ",
    ),
}


@pytest.mark.parametrize(("content", "task", "found", "advice"), WHOLE.values(), ids=WHOLE)
def test_a_target_for_another_task_is_one_fault_that_names_the_column_and_the_task(
    content, task, found, advice, faults_of
):
    (fault,) = faults_of(content, task=task)
    assert (fault.line, fault.column) == (1, 2)
    assert fault.message.startswith(f"{found} in target column 'y', expected ")
    assert f" for task: {task} {advice}" in fault.message


def test_single_cells_that_do_not_fit_are_told_one_by_one(faults_of):
    faults = faults_of("x,y\n1,1.5\n2,oak\n3,2.5\n4,elm\n5,3\n", task="regression")
    assert [fault.line for fault in faults] == [3, 5]


def test_a_column_of_names_is_an_identifier_and_one_of_kinds_is_not(write):
    rows = [f"name{i},{'red' if i % 2 else 'blue'},{i},{i % 2}" for i in range(12)]
    data = read_csv(write("\n".join(["name,colour,size,y", *rows])), task="binary")
    assert [column.name for column in identifiers(data)] == ["name"]
    few = read_csv(write("\n".join(["name,colour,size,y", *rows[:10]])), task="binary")
    assert identifiers(few) == []
    twice = read_csv(write("\n".join(["name,colour,size,y", *rows, *rows])), task="binary")
    assert identifiers(twice) == []


# --- other separators ---


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a;b\n1,5;2\n", "found one column named 'a;b', expected columns separated by commas"),
        ("a;b\n1,5;2\n", "looks separated by semicolons: save it with commas, and a point in decimals"),
        ('"a";"b"\n1;2\n', "found a misplaced quote"),
        ('"a";"b"\n1;2\n', "looks separated by semicolons"),
        ("a\tb\n1\t2\n", "looks separated by tabs"),
        ("a|b\n1|2\n", "looks separated by bars"),
    ],
)
def test_another_separator_gets_a_hint(content, words, faults_of):
    (fault,) = faults_of(content)
    assert words in fault.message
    assert fault.line == 1


# --- blanks ---

HOLES = "a,s,y\n1,u,0\n,u,1\n3,NA,1\n4,v,0\n"


def test_blanks_are_refused_with_advice(faults_of):
    faults = faults_of(HOLES)
    assert [(fault.line, fault.column) for fault in faults] == [(3, 1), (4, 2)]
    assert "row 2: found a blank in column 'a'" in faults[0].message
    assert "drop, mean or median" in faults[0].message


def test_the_blanks_of_a_column_are_one_fault_with_their_count(faults_of):
    faults = faults_of("a,b,y\n1,u,0\n,u,1\n3,NA,1\n,v,0\n,v,0\n")
    assert [(fault.line, fault.column) for fault in faults] == [(3, 1), (4, 2)]
    assert faults[0].message.startswith("row 2 and in 2 further rows: found a blank in column 'a', expected a value")
    assert faults[1].message.startswith("row 3: found a blank in column 'b', expected a value")


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("blanks", ["refuse", "mean"])
def test_a_blank_target_can_only_be_dropped(task, blanks, faults_of):
    (fault,) = faults_of("a,y\n1,0\n2,\n3,1\n4,1\n", task=task, blanks=blanks)
    assert fault.message == (
        "row 2: found a blank in column 'y', expected a value "
        "(data.blanks: drop leaves such rows out; a target is never filled)"
    )


def test_rows_with_blanks_are_dropped(write, faults_of):
    data = read_csv(write(HOLES.replace("4,v,0", "4,v,1")), task="binary", blanks="drop")
    np.testing.assert_array_equal(data.x, [[1, 1, 0], [4, 0, 1]])
    assert "blank in every row" in faults_of("a,y\n,0\n1,\n", blanks="drop")[0].message


def test_a_dropped_row_does_not_shift_the_places(faults_of):
    (fault,) = faults_of("a,y\n,0\n1,1\n2,0\nx,1\n3,0\n", blanks="drop")
    assert fault.line == 5
    assert "row 4" in fault.message


@pytest.mark.parametrize("blanks", ["mean", "median"])
def test_blanks_to_be_filled(write, faults_of, blanks):
    data = read_csv(write(HOLES), task="binary", blanks=blanks)
    np.testing.assert_array_equal(data.x, [[1, 1, 0], [np.nan, 1, 0], [3, 0, 0], [4, 0, 1]])
    assert faults_of(HOLES.replace("4,v,0", "4,v,"), blanks=blanks)[0].line == 5
    assert "only blanks" in faults_of("a,b,y\n,1,0\n,2,1\n", blanks=blanks)[0].message


def test_a_blank_in_a_column_left_out_does_not_matter(write):
    assert len(read_csv(write(HOLES), task="binary", ignore=["a"], blanks="drop").x) == 3


# --- another table in the same way ---


@pytest.fixture
def columns(write):
    return read_csv(write("a,s,y\n1,u,no\n2,v,yes\n"), task="binary").columns


def test_columns_in_any_order_and_more_of_them(write, columns):
    rows = read_csv_like(write("y,z,s,a\nyes,?,v,7\n"), columns, task="binary", blanks_allowed=False)
    np.testing.assert_array_equal(rows.x, [[7, 0, 1]])
    np.testing.assert_array_equal(rows.y, [[1]])


def test_the_targets_may_be_absent(write, columns):
    assert read_csv_like(write("a,s\n7,u\n"), columns, task="binary", blanks_allowed=False).y is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("aa,s,y\n1,u,no\n", "no input column 'a', expected one; did you mean 'aa'"),
        ("a,s,y\n1,u,maybe\n", "row 1: found label 'maybe' in column 'y', expected one of 'no', 'yes'"),
        ("a,s,y\n1,w,no\n", "row 1: found 'w' in column 's', expected one of 'u', 'v'"),
        ("a,s,y\n,u,no\n", "found a blank"),
        ("a,s,y\n1,u,\n", "found a blank in column 'y', expected a value in every row (or a file without targets"),
    ],
)
def test_what_the_first_table_did_not_have(write, columns, content, words):
    with pytest.raises(DataError) as error:
        read_csv_like(write(content), columns, task="binary", blanks_allowed=False)
    assert words in str(error.value)


def test_allowed_blanks_of_a_new_table(write, columns):
    rows = read_csv_like(write("a,s\n,\n"), columns, task="binary", blanks_allowed=True)
    np.testing.assert_array_equal(rows.x, [[np.nan, 0, 0]])


def test_integer_classes_of_a_new_table(write):
    columns = read_csv(write("a,y\n1,0\n2,1\n3,2\n"), task="multiclass").columns
    rows = read_csv_like(write("a,y\n1,2.0\n"), columns, task="multiclass", blanks_allowed=False)
    np.testing.assert_array_equal(rows.y, [[0, 0, 1]])
    with pytest.raises(DataError, match="found label '3'"):
        read_csv_like(write("a,y\n1,3\n"), columns, task="multiclass", blanks_allowed=False)


def test_some_targets_without_the_others(write):
    columns = read_csv(write("a,t,u\n1,2,3\n"), task="regression", target=["t", "u"]).columns
    with pytest.raises(DataError, match="no target column 'u'"):
        read_csv_like(write("a,t\n1,2\n"), columns, task="regression", blanks_allowed=False)


# --- files that are none ---


def test_paths_that_are_no_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    places = [tmp_path, "", tmp_path / "fifo.csv", "/dev/zero", tmp_path / "dangling.csv", tmp_path / "loop.csv"]
    for path in [*places, tmp_path / "absent.csv", "a\0b.csv", "\udc80.csv", "x" * 5000]:
        with pytest.raises(DataError, match="found"):
            read_csv(path, task="binary")


def test_a_corrupt_packed_table(write):
    whole = gzip.compress(PLAIN.encode())
    for broken in (whole[:-5], whole[:12], whole[:-8] + b"\0" * 8, b"plain,y\n1,0\n", whole + b"more"):
        path = write(b"", "t.csv.gz")
        path.write_bytes(broken)
        with pytest.raises(DataError, match="corrupt"):
            read_csv(path, task="binary")


def test_a_gzip_bomb_is_not_unpacked(write, monkeypatch):
    monkeypatch.setattr(files, "UNSUSPECTED_TEXT", 2**20)
    with pytest.raises(DataError, match=r"more than [0-9]+ MiB"):
        read_csv(write(b"0" * 2**24, "t.csv.gz"), task="binary")


# --- anything at all ---

PIECES = st.sampled_from(["a", "b", "1", "2.5", ",", "\n", "\r", '"', "-", "e", ".", " ", "é", "\0", "NA", "nan", "\t"])


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.lists(PIECES, max_size=40).map("".join).map(str.encode),
        st.tuples(st.integers(0, len(PLAIN)), st.binary(max_size=3), st.integers(0, 3)).map(
            lambda cut: PLAIN.encode()[: cut[0]] + cut[1] + PLAIN.encode()[cut[0] + cut[2] :]
        ),
    ),
    task=st.sampled_from(["binary", "multiclass", "multilabel", "regression"]),
    blanks=st.sampled_from(["refuse", "drop", "mean", "median"]),
)
def test_nothing_but_a_data_error_comes_of_any_bytes(tmp_path_factory, content, task, blanks):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    try:
        data = read_csv(path, task=task, blanks=blanks)
    except DataError:
        return
    assert len(data.x) == len(data.y)
    assert np.isfinite(data.y).all()
    if blanks != "drop":  # else a row that was dropped may have no target, which a new file is not allowed
        again = read_csv_like(path, data.columns, task=task, blanks_allowed=True)
        np.testing.assert_array_equal(again.x, data.x)
        np.testing.assert_array_equal(again.y, data.y)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_every_float_is_read_back_to_the_bit(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    path.write_text("a,y\n" + "".join(f"{value!r},{value!r}\n" for value in values))
    data = read_csv(path, task="regression")
    assert data.x[:, 0].tobytes() == data.y[:, 0].tobytes() == np.array(values).tobytes()


def test_a_long_cell_of_digits_is_judged_at_once(write):
    with pytest.raises(DataError):
        read_table(write("a,y\n" + "1" * 131_000 + "x\n"))
    with pytest.raises(DataError):
        read_csv(write("a,y\n" + "1" * 131_000 + "x,0\n1,0\n2,1\n"), task="binary")
