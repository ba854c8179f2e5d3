"""From a file to a data set, and another file in the same way: roles, blanks, rows that are dropped, new categories."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import table

from nnlab.data.dataset import Columns, InputColumn
from nnlab.data.tables import read_csv, read_csv_like
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

PLAIN = "a,b,y\n1,2,no\n3,4.5,yes\n-5e-1,.5,no\n"
HOLES = "a,s,y\n1,u,0\n,u,1\n3,,1\n4,v,0\n"


def test_numbers_and_a_text_target(read):
    data = read(PLAIN)
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4.5], [-0.5, 0.5]])
    np.testing.assert_array_equal(data.y, [[0], [1], [0]])
    assert (data.name, data.own_test) == ("t", 0)
    assert data.columns == Columns((InputColumn("a"), InputColumn("b")), ("y",), ("no", "yes"))
    assert (data.notes, data.warnings) == ((), ())


def test_text_is_one_hot_over_its_sorted_texts(read):
    data = read("a,island,y\n1,Dream,0\n2,Biscoe,1\n3,Dream,2\n", task="multiclass")
    assert data.columns.input_names == ("a", "island=Biscoe", "island=Dream")
    np.testing.assert_array_equal(data.x, [[1, 0, 1], [2, 1, 0], [3, 0, 1]])
    np.testing.assert_array_equal(data.y, np.eye(3))


@settings(max_examples=60)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=5, unique=True))
def test_every_float_is_read_back_to_the_bit(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    path.write_text("a,y\n" + "".join(f"{value!r},{value!r}\n" for value in values))
    options = TableOptions(columns={"a": ("number", "")}, header=True)
    data = read_csv(path, task="regression", options=options)
    assert data.x[:, 0].tobytes() == data.y[:, 0].tobytes() == np.array(values).tobytes()


# --- roles ---


def test_targets_and_columns_left_out(read):
    data = read("a,t,b,u\n1,2,x,3\n4,5,y,6\n", task="regression", target=["u", "t"], ignore=["b"])
    np.testing.assert_array_equal(data.x, [[1], [4]])
    np.testing.assert_array_equal(data.y, [[3, 2], [6, 5]])
    assert data.columns.targets == ("u", "t")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": ["speces"]}, "did you mean 'species'"),
        ({"ignore": ["widht"]}, "did you mean 'width'"),
        ({"keep": ["widht"]}, "did you mean 'width'"),
        ({"weight": "widht"}, "found weight 'widht', expected the name of a column; did you mean 'width'"),
        ({"split": "widht"}, "did you mean 'width'"),
        ({"group": "widht"}, "did you mean 'width'"),
        ({"time": "widht"}, "did you mean 'width'"),
        ({"target": []}, "0 target columns"),
        ({"target": ["species", "width"]}, "2 target columns"),
        ({"target": ["species"], "ignore": ["species"]}, "twice"),
        ({"ignore": ["width"]}, "no column left"),
        ({"blanks": "meen"}, "did you mean 'mean'"),
    ],
)
def test_roles_that_make_no_sense(faults_of, options, words):
    assert words in str(faults_of("width,species\n1,a\n2,b\n", **options)[0])


FACTS = table(
    "who,part,when,w,a,y",
    lambda i: (
        f"p{i % 4},{['train', 'Val', 'TEST'][i % 3]},2020-01-{i % 28 + 1:02},{i % 3},{i * 0.5}"
        f",{'no' if i % 2 else 'yes'}"
    ),
)


def test_columns_that_say_something_of_rows_are_no_inputs(read):
    data = read(FACTS, weight="w", split="part", group="who", time="when")
    assert data.columns.input_names == ("a",)
    np.testing.assert_array_equal(data.rows.lines, np.arange(30) + 2)
    np.testing.assert_array_equal(data.rows.weights, np.arange(30) % 3)
    np.testing.assert_array_equal(data.rows.parts, np.arange(30) % 3)
    np.testing.assert_array_equal(data.rows.times, np.arange(30) % 28)
    groups = data.rows.groups
    np.testing.assert_array_equal(groups[:, None] == groups, np.arange(30)[:, None] % 4 == np.arange(30) % 4)
    roles = {reading.name: reading.role for reading in data.readings}
    assert roles == {"who": "group", "part": "split", "when": "time", "w": "weight", "a": "input", "y": "target"}


def test_a_time_of_numbers(read):
    np.testing.assert_array_equal(read(FACTS, time="w", ignore=["who", "part", "when"]).rows.times, np.arange(30) % 3)


def test_kept_cells_are_those_of_the_file(read):
    content = table("k,a,y", lambda i: f"{i % 3:03},{i * 0.5},{'pq'[i % 2]}")
    data = read(content, keep=["k"])
    assert data.columns.input_names == ("a",)
    assert data.rows.kept == {"k": tuple(f"{i % 3:03}" for i in range(30))}


def test_a_kept_column_may_be_an_input_if_its_kind_is_said(read):
    content = table("k,a,y", lambda i: f"1.{i:02},{i * 0.5},{'pq'[i % 2]}")
    data = read(content, keep=["k"], columns={"k": ("number", "")})
    assert data.columns.input_names == ("k", "a")
    assert data.rows.kept["k"][:2] == ("1.00", "1.01")


@pytest.mark.parametrize(
    ("change", "options", "line", "message"),
    [
        ((",2,1.0,", ",-2,1.0,"), {"weight": "w"}, 4, "found the weight -2 in column 'w', expected 0 or more"),
        (("TEST", "tst"), {"split": "part"}, 4, "found 'tst' in the split column 'part' (and 9 more cells), expected"),
        ((",1,", ",x,"), {"weight": "w"}, 3, "found 10 cells of 30 in column 'w' that are no numbers ('x')"),
        (("a", "a"), {"time": "who"}, 1, "found text in the time column 'who', expected dates or numbers"),
    ],
)  # fmt: skip
def test_facts_that_make_no_sense(fault_of, change, options, line, message):
    roles = {"ignore": [name for name in ("who", "part", "when", "w") if name not in options.values()]}
    fault = fault_of(FACTS.replace(*change), **options, **roles)
    assert fault.line == line
    assert fault.message.startswith(message)


def test_weights_of_nothing_but_zero(fault_of):
    message = fault_of(table("w,a,y", lambda i: f"0,{i * 0.5},{'pq'[i % 2]}"), weight="w").message
    assert message == "found only weights of 0 in column 'w', expected some above"


# --- the table of columns ---


def test_every_column_is_described_in_the_order_of_the_file(read):
    content = table(
        "id,colour,size,price,sold,k,extra,y",
        lambda i: (
            f"{i},{['red', 'blue', 'red'][i % 3]},{i * 0.5 if i % 5 else '?'},${i}.50,2020-01-{i % 28 + 1:02}"
            f",7,x,{'pq'[i % 2]}"
        ),
    )
    data = read(content, blanks="median", keep=["extra"])
    found = [(r.name, r.role, r.read_as, r.different, r.missing, r.shown, r.inputs) for r in data.readings]
    assert found == [
        ("id", "left out", "number", None, 0, "0 … 29", 0),
        ("colour", "input", "category", 2, 0, "'red', 'blue'", 2),
        ("size", "input", "number", None, 6, "0.5 … 14.5", 1),
        ("price", "input", "number", None, 0, "0.5 … 29.5", 1),
        ("sold", "input", "date", 28, 0, "2020-01-01 … 2020-01-28", 4),
        ("k", "left out", "number", None, 0, "7 … 7", 0),
        ("extra", "kept", "text", None, 0, "", 0),
        ("y", "target", "class", 2, 0, "'p', 'q'", 0),
    ]
    assert data.readings[3].why == "'$0.50' is 0.5"


# --- blanks ---


def test_blanks_are_one_fault_for_each_column_with_count_lines_and_advice(faults_of):
    faults = faults_of("a,b,y\n1,u,0\n,u,1\n3,,1\n,v,0\n,v,0\n")
    assert [(fault.line, fault.column) for fault in faults] == [(3, 1), (4, 2)]
    advice = "expected a value (data.blanks: drop leaves such rows out, mean or median fill them)"
    assert [fault.message for fault in faults] == [
        f"found 3 blanks in column 'a' (lines 3, 5, 6), {advice}",
        f"found 1 blank in column 'b' (line 4), {advice}",
    ]


def test_blanks_of_many_columns_are_named_together(faults_of):
    names = [f"c{i}" for i in range(9)]
    content = ",".join([*names, "y"]) + "\n" + "1," * 9 + "0\n" + "2," * 9 + "1\n" + "," * 9 + "1\n"
    faults = faults_of(content)
    assert len(faults) == 4
    assert faults[0].message == (
        "found blanks in 6 more columns ('c3', 'c4', 'c5', 'c6', 'c7', …), expected a value "
        "(data.blanks: drop leaves such rows out, mean or median fill them)"
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_a_blank_target_is_refused_until_the_user_says_what_to_do(task, fault_of, read):
    content = "a,y\n1,0\n2,\n3,1\n4,1\n"
    fault = fault_of(content, task=task)
    assert (fault.line, fault.column) == (3, 2)
    assert fault.message == (
        "found 1 blank in column 'y' (line 3), expected a value "
        "(data.blanks: drop, mean and median leave such rows out)"
    )
    for blanks in ("drop", "mean", "median"):
        data = read(content, task=task, blanks=blanks)
        np.testing.assert_array_equal(data.x[:, 0], [1, 3, 4])
        assert np.isfinite(data.y).all()


def test_rows_with_blanks_are_dropped(read, fault_of):
    data = read(HOLES.replace("4,v,0", "4,v,1"), blanks="drop")
    np.testing.assert_array_equal(data.x, [[1, 1, 0], [4, 0, 1]])
    np.testing.assert_array_equal(data.rows.lines, [2, 5])
    message = fault_of("a,b,y\n,1,0\n1,,1\n,2,1\n2,,1\n", blanks="drop").message
    assert message.startswith(
        "found blanks that leave 0 of 4 rows: blank in 'a' (lines 2, 4), blank in 'b' (lines 3, 5)"
    )


@pytest.mark.parametrize("blanks", ["mean", "median"])
def test_blanks_to_be_filled(read, blanks):
    data = read(HOLES, blanks=blanks)
    np.testing.assert_array_equal(data.x, [[1, 1, 0], [np.nan, 1, 0], [3, 0, 0], [4, 0, 1]])
    data = read(HOLES.replace("4,v,0", "4,v,"), blanks=blanks)  # no target
    np.testing.assert_array_equal(data.rows.lines, [2, 3, 4])


def test_a_blank_in_a_column_left_out_does_not_matter(read):
    data = read(HOLES, ignore=["a"], blanks="drop")
    assert len(data.x) == 3


# --- what is told of rows ---


def dropping(blank, count=200):
    """A table of `count` rows in which the input `a` of those with `blank(i)` is blank."""
    return table("a,b,y", lambda i: f"{'' if blank(i) else i * 0.5},{i % 3},{'pqr'[i % 3]}", count)


def test_dropped_rows_are_counted_with_their_reasons_and_lines(read):
    content = table(
        "a,b,y", lambda i: f"{'' if i == 4 else i * 0.5},{i % 3},{'' if i in (3, 9) else 'pqr'[i % 3]}", 1000
    )
    data = read(content, task="multiclass", blanks="drop")
    assert data.notes == ("1,000 rows read, 997 used; 3 dropped: target blank (lines 5, 11), blank in 'a' (line 6)",)
    assert data.warnings == ()


@pytest.mark.parametrize(("period", "is_warned"), [(19, True), (20, False)])
def test_above_a_twentieth_it_is_a_warning(read, period, is_warned):
    data = read(dropping(lambda i: i % period == 0), task="multiclass", blanks="drop")
    told = data.warnings if is_warned else data.notes
    assert told[0].startswith("200 rows read, 189 used; 11 dropped" if is_warned else "200 rows read, 190 used")
    assert len(data.notes) + len(data.warnings) == 1


def test_above_half_it_is_a_fault(fault_of, read):
    fault = fault_of(dropping(lambda i: i % 200 > 98), task="multiclass", blanks="drop")
    assert fault.key == ("data", "blanks")
    assert fault.message == (
        "found blanks that leave 99 of 200 rows: blank in 'a' (lines 101, 102, 103, …); expected at most half to be "
        "dropped: blanks: median fills inputs, data.ignore leaves out columns with many blanks"
    )
    assert len(read(dropping(lambda i: i % 200 > 99), task="multiclass", blanks="drop").x) == 100


def test_a_class_that_vanishes_with_dropped_rows_is_named(read):
    content = table("a,b,y", lambda i: f"{'' if i % 3 == 1 else i * 0.5},{i % 5},{'pqr'[i % 3]}", 60)
    data = read(content, task="binary", blanks="drop")
    assert data.columns.classes == ("p", "r")
    assert data.warnings[-1] == "no row of the class 'q' (20 rows) is left"


def test_a_dropped_row_does_not_shift_the_lines(faults_of):
    (fault,) = faults_of("a,y\n,0\n" + "1,1\n2,0\n" * 9 + "x,1\n", blanks="drop")
    assert fault.line == 21


# --- another table in the same way ---


@pytest.fixture
def columns(read):
    return read("a,s,y\n1,u,no\n2,v,yes\n").columns


def test_columns_in_any_order_and_more_of_them(read_like, columns):
    rows = read_like("y,z,s,a\nyes,?,v,7\n", columns)
    np.testing.assert_array_equal(rows.x, [[7, 0, 1]])
    np.testing.assert_array_equal(rows.y, [[1]])
    np.testing.assert_array_equal(rows.rows.lines, [2])


def test_columns_that_are_not_used_may_hold_anything(read_like, columns):
    rows = read_like('note,a,note,s,,n\n"two\nlines",7,x,v,5,1\n,8,x,u,6,oops\n', columns)
    np.testing.assert_array_equal(rows.x, [[7, 0, 1], [8, 1, 0]])
    assert rows.warnings == ()


def test_the_targets_may_be_absent(read_like, columns):
    assert read_like("a,s\n7,u\n", columns).y is None


def test_new_rows_may_be_written_in_another_dialect(read_like, columns):
    rows = read_like("s;a\r\nv;7,5\r\nu;8\r\n", columns)
    np.testing.assert_array_equal(rows.x, [[7.5, 0, 1], [8, 1, 0]])


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("aa,s,y\n1,u,no\n", 1, "found no input column 'a', expected one; did you mean 'aa'?"),
        ("a,s,s,y\n1,u,u,no\n", 1, "found column name 's' twice, expected it once"),
        ("a,s,y\n1,u,maybe\n", 2, "found label 'maybe' in column 'y', expected one of 'no', 'yes'"),
        (
            "a,s,y\n1,u,No\n1,u,nn\n",
            2,
            (
                "found label 'No' in column 'y', expected one of 'no', 'yes'; did you mean 'no'? "
                "(and 1 more row with unknown labels)"
            ),
        ),
        (
            "a,s,y\n1,u,no\n1,u,\n",
            3,
            (
                "found 1 blank in column 'y' (line 3), expected a value in every row "
                "(or a file without targets, for predictions alone)"
            ),
        ),
        (
            "a,s\nx,u\n",
            2,
            (
                "found 1 cell of 1 in column 'a' that is no number ('x'), expected numbers alone; "
                "correct these cells, or leave them empty"
            ),
        ),
    ],
)
def test_what_the_first_table_did_not_have(read_like, columns, content, line, message):
    with pytest.raises(DataError) as error:
        read_like(content, columns)
    (fault,) = error.value.faults
    assert (fault.line, fault.message) == (line, message)


@pytest.mark.parametrize("cell", ["", "NA", "?"])
def test_blanks_of_new_rows_are_nan(read_like, columns, cell):
    rows = read_like(f"a,s\n{cell},u\n2,\n", columns, blanks_allowed=False)
    np.testing.assert_array_equal(rows.x, [[np.nan, 1, 0], [2, np.nan, np.nan]])
    allowed = read_like(f"a,s\n{cell},u\n2,\n", columns, blanks_allowed=True)
    np.testing.assert_array_equal(allowed.x, [[np.nan, 1, 0], [2, 0, 0]])


def test_new_categories_are_zeros_and_marked(read_like, columns):
    rows = read_like("a,s\n1,u\n2,w\n3,x\n", columns)
    np.testing.assert_array_equal(rows.x, [[1, 1, 0], [2, 0, 0], [3, 0, 0]])
    assert rows.rows.unseen == ("", "s=w", "s=x")


def test_new_categories_are_other_where_there_is_such_a_category(read, read_like):
    content = table("c,d,a,y", lambda i: f"c{i % 7},{'uv'[i % 2]},{i * 0.5},{'pq'[i % 2]}")
    columns = read(content, max_categories=3).columns
    rows = read_like("a,c,d\n1,c6,u\n2,new,v\n3,c0,w\n4,new,w\n", columns)
    np.testing.assert_array_equal(
        rows.x, [[0, 0, 1, 1, 0, 1], [0, 0, 1, 0, 1, 2], [1, 0, 0, 0, 0, 3], [0, 0, 1, 0, 0, 4]]
    )
    assert rows.rows.unseen == ("", "c=new", "d=w", "c=new; d=w")


def test_new_categories_are_an_error_if_the_user_says_so(read_like, columns):
    with pytest.raises(DataError) as error:
        read_like("a,s\n1,u\n2,w\n3,x\n", columns, options=TableOptions(unseen="error"))
    (fault,) = error.value.faults
    assert (fault.line, fault.column) == (3, 2)
    assert fault.message == ("found 'w' in column 's', expected one of 'u', 'v' (and 1 more row with unknown ones)")


def test_numbers_that_were_classes_are_found_by_value(read, read_like):
    columns = read("a,y\n1,0\n2,1\n3,2\n", task="multiclass").columns
    np.testing.assert_array_equal(read_like("a,y\n1,2.0\n", columns, "multiclass").y, [[0, 0, 1]])
    with pytest.raises(DataError, match="found label '3'"):
        read_like("a,y\n1,3\n", columns, "multiclass")


def test_codes_that_were_classes_are_found_by_their_text(read, read_like):
    columns = read("a,y\n1,01\n2,1\n3,10\n", task="multiclass").columns
    np.testing.assert_array_equal(read_like("a,y\n1,1\n1,01\n1,10\n", columns, "multiclass").y, np.eye(3)[[1, 0, 2]])
    with pytest.raises(DataError, match="found label '001'"):
        read_like("a,y\n1,001\n", columns, "multiclass")


def test_some_targets_without_the_others(read, read_like):
    columns = read("a,t,u\n1,2,3\n2,3,4\n", task="regression", target=["t", "u"]).columns
    with pytest.raises(DataError, match="no target column 'u'"):
        read_like("a,t\n1,2\n", columns, "regression")


@pytest.mark.parametrize(
    ("first", "new", "value"),
    [("$1.50", "$2", 2), ("12%", "7 %", 7), ("1.5", "2", 2), ("07:45", "08:30", 8.5), ("1 200", "1 300", 1300)],
)
def test_new_numbers_in_the_same_dress(read, read_like, first, new, value):
    columns = read(f"a,y\n{first},p\n{first.replace('1', '3').replace('7', '8')},q\n").columns
    np.testing.assert_array_equal(read_like(f"a\n{new}\n", columns).x, [[value]])


@pytest.mark.parametrize(("first", "new"), [("45%", "0.45"), ("0.45", "45%"), ("$5", "€5")])
def test_new_numbers_with_another_symbol_are_a_fault(read, read_like, first, new):
    columns = read(f"a,y\n{first},p\n{first.replace('5', '6')},q\n").columns
    with pytest.raises(DataError, match=r"in column 'a', expected numbers .*, as in training"):
        read_like(f"a\n{new}\n", columns)


def test_new_rows_without_a_header_need_names(read, read_like, columns):
    options = TableOptions(header=False, names=("s", "a"))
    np.testing.assert_array_equal(read_like("v,7\nu,8\n", columns, options=options).x, [[7, 0, 1], [8, 1, 0]])


def test_kept_cells_and_weights_of_new_rows(read, read_like):
    columns = read("a,b,y\n1,u,no\n2,v,yes\n").columns
    options = TableOptions(keep=("id",), weight="w", split="part", group="who", time="day")
    rows = read_like("id,w,a,b\n007,2,1,u\n008,0.5,2,v\n", columns, options=options)
    assert rows.rows.kept == {"id": ("007", "008")}
    np.testing.assert_array_equal(rows.rows.weights, [2, 0.5])


def test_columns_survive_a_round_trip_through_plain_values(read, read_like):
    content = table("c,d,t,p,y", lambda i: f"c{i % 9},{i % 28 + 1}/02/2020,{i % 24:02}:30,{i}%,{'pq'[i % 2]}")
    columns = read(content, max_categories=5).columns
    again = Columns.from_dict(columns.to_dict())
    assert again == columns
    new = "c,d,t,p\nc8,01/02/2020,07:45,5%\n"
    np.testing.assert_array_equal(read_like(new, columns).x, read_like(new, again).x)


# --- anything at all ---

PIECES = st.sampled_from(
    [
        *("a", "b", "1", "2.5", ",", "\n", "\r", '"', "-", "e", ".", " ", "é", "\0", "NA", "nan", "\t", ";", "$", "%"),
        *("2020-01-02", "03/04/05", "07:45", "007", "1,234", "?"),
    ]
)


@settings(max_examples=300)
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.lists(PIECES, max_size=40).map("".join).map(str.encode),
        st.lists(st.lists(PIECES, min_size=2, max_size=2).map(",".join), min_size=2, max_size=8).map(
            lambda lines: "\n".join(["p,q", *lines]).encode()
        ),
        st.tuples(st.integers(0, len(PLAIN)), st.binary(max_size=3), st.integers(0, 3)).map(
            lambda cut: PLAIN.encode()[: cut[0]] + cut[1] + PLAIN.encode()[cut[0] + cut[2] :]
        ),
    ),
    task=st.sampled_from(["binary", "multiclass", "multilabel", "regression"]),
    blanks=st.sampled_from(["refuse", "drop", "mean", "median"]),
    header=st.sampled_from(["auto", True, False]),
)
def test_nothing_but_a_data_error_comes_of_any_bytes(tmp_path_factory, content, task, blanks, header):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    try:
        data = read_csv(path, task=task, blanks=blanks, header=header)
    except DataError:
        return
    assert len(data.x) == len(data.y)
    assert np.isfinite(data.y).all()
    if len(data.rows.lines) == _rows_of(path, data.columns, header):  # else rows without a target were dropped
        again = read_csv_like(path, data.columns, task=task, blanks_allowed=True, options=TableOptions(header=header))
        np.testing.assert_array_equal(again.x, data.x)
        np.testing.assert_array_equal(again.y, data.y)


def _rows_of(path, columns, header):
    """The number of rows in a file, dropped ones among them."""
    without_targets = dataclasses.replace(columns, targets=("no such column",))
    rows = read_csv_like(
        path, without_targets, task="regression", blanks_allowed=True, options=TableOptions(header=header)
    )
    return len(rows.x)
