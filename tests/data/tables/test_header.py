"""The first line: names or a row; lines with one cell more than names; names that the user gives."""

import numpy as np
import pytest
from support import table

SEEN = "expected header: true, or header: false (and names: [a, b, …], if the columns should have some)"
NUMBERS = "5.1,3.5,setosa\n4.9,3.0,setosa\n7.0,3.2,versicolor\n6.4,3.2,versicolor\n"
TEXTS = "red,round,apple\ngreen,long,pear\nred,round,apple\ngreen,round,pear\n"


# --- names or a row ---


def test_a_first_line_like_those_below_is_a_question_that_quotes_it(fault_of):
    fault = fault_of(NUMBERS)
    assert fault.line == 1
    assert fault.key == ("data", "header")
    assert fault.message == (
        "found a first line that may be names or a row, since its cells are like those below: "
        f"'5.1', '3.5', 'setosa'; {SEEN}"
    )


def test_the_user_says_that_there_is_no_header(read):
    data = read(NUMBERS, header=False)
    np.testing.assert_array_equal(data.x, [[5.1, 3.5], [4.9, 3.0], [7.0, 3.2], [6.4, 3.2]])
    assert data.columns.input_names == ("column1", "column2")
    assert data.columns.targets == ("column3",)
    np.testing.assert_array_equal(data.rows.lines, [1, 2, 3, 4])


def test_the_user_says_that_there_is_one(read):
    data = read(NUMBERS, header=True, task="binary")
    assert data.columns.input_names == ("5.1", "3.5")
    assert len(data.x) == 3


@pytest.mark.parametrize("options", [{}, {"header": False}])
def test_names_for_a_file_without_a_header(read, options):
    data = read(NUMBERS, names=["length", "width", "species"], **options)
    assert data.columns.input_names == ("length", "width")
    assert len(data.x) == 4


def test_names_in_place_of_those_in_the_file(read):
    data = read("l,w,s\n" + NUMBERS, names=["length", "width", "species"], header=True)
    assert data.columns.input_names == ("length", "width")
    assert len(data.x) == 4


def test_names_that_are_those_in_the_file(read):
    assert len(read("l,w,s\n" + NUMBERS, names=["l", "w", "s"]).x) == 4


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c", "d"]])
def test_a_name_for_each_column(fault_of, names):
    fault = fault_of(NUMBERS, names=names, header=False)
    assert fault.key == ("data", "names")
    assert fault.message.endswith("for 3 columns, expected one for each")


@pytest.mark.parametrize(
    ("first", "below", "why"),
    [
        ("name,2019,2020", "ab,1,2\ncd,3,4\nef,5,6\n", "its cells are like those below: 'name', '2019', '2020'"),
        ("2018,2019,2020", "1,1,2\n3,3,4\n5,5,6\n", "all of its cells are numbers: '2018', '2019', '2020'"),
        ("2020-01-01,a", "2020-01-02,b\n2020-01-03,b\n", "its cells are like those below: '2020-01-01', 'a'"),
        ("07:45,a", "08:00,b\n09:30,b\n", "its cells are like those below: '07:45', 'a'"),
        ("$5,a", "$6,b\n$7,b\n", "its cells are like those below: '$5', 'a'"),
        ("NA,a", "6,b\n7,b\n", "its cells are like those below: 'NA', 'a'"),
        ("color,shape,kind", TEXTS, "it holds text, as the lines below do: 'color', 'shape', 'kind'"),
    ],
)
def test_first_lines_that_may_be_either(fault_of, first, below, why):
    message = fault_of(f"{first}\n{below}").message
    assert message == f"found a first line that may be names or a row, since {why}; {SEEN}"


def test_a_long_first_line_is_cut(fault_of):
    message = fault_of(",".join(map(str, range(20))) + "\n" + "1," * 19 + "1\n").message
    assert ": '0', '1', '2', '3', '4', '5', …; expected" in message


@pytest.mark.parametrize(
    "options",
    [{"target": ["kind"]}, {"columns": {"color": ("category", "")}}, {"ignore": ["shape"]}, {"keep": ["kind"]}],
)
def test_names_that_the_user_says_make_the_first_line_a_header(read, options):
    assert read("color,shape,kind\n" + TEXTS, **{"target": ["kind"], **options}).columns.classes == ("apple", "pear")


def test_a_name_that_is_not_there_is_told_and_no_question_is_asked(fault_of):
    assert "did you mean 'kind'" in fault_of("color,shape,kind\n" + TEXTS, target=["kin"]).message


def test_the_target_of_a_table_of_years_makes_its_first_line_a_header(read):
    data = read("name,2019,2020\nab,1,2\ncd,3,4\nef,5,7\n", task="regression", target=["2020"])
    assert data.columns.targets == ("2020",)
    assert len(data.x) == 3


def test_all_number_names_are_asked_for_though_one_of_them_is_the_target(fault_of):
    message = fault_of("2018,2019,2020\n1,1,2\n3,3,4\n", task="regression", target=["2020"]).message
    assert "all of its cells are numbers" in message


@pytest.mark.parametrize("sign", [",", ";"])
def test_names_above_numbers_are_names_without_a_question(read, sign):
    assert read("a,b,y\n1.5,2,no\n2.5,4,yes\n".replace(",", sign)).columns.input_names == ("a", "b")


def test_the_whole_column_decides_whether_it_is_typed(fault_of):
    """A text in the last line alone makes a column of text, above which a name is nothing strange."""
    content = "3,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20_000))
    assert "since its cells are like those below" in fault_of(content).message
    assert "since it holds text, as the lines below do" in fault_of(content + "many,a\n").message


# --- one name short ---


def test_a_comma_at_the_end_of_every_row(read):
    data = read(table("a,b,y", lambda i: f"{i * 0.5},{i % 7},{'pq'[i % 2]},"))
    assert data.columns.input_names == ("a", "b")
    assert data.warnings == ("every line but the first ends in a separator: the empty last column is dropped",)


def test_a_comma_at_the_end_of_every_line(read):
    data = read(table("a,b,y,", lambda i: f"{i * 0.5},{i % 7},{'pq'[i % 2]},"))
    assert (data.columns.input_names, data.columns.targets) == (("a", "b"), ("y",))
    assert data.notes == ("column 4, which has no name, is left out: it is blank in every row",)


@pytest.mark.parametrize("name", ["Mazda {}", "{}"])
def test_names_of_rows_as_r_writes_them(read, name):
    data = read(table('"a","b","y"', lambda i: f'"{name.format(i + 1)}",{i * 0.5},{i % 7},"{"pq"[i % 2]}"'))
    assert data.columns.input_names == ("a", "b")
    assert data.readings[0].role == "left out"
    (note,) = data.notes
    assert note.startswith("column 1, which has no name, is left out: it has no name")


def test_names_of_rows_that_are_not_all_different(fault_of):
    fault = fault_of(table("a,b,y", lambda i: f"r{i % 9},{i * 0.5},{i % 7},{'pq'[i % 2]}"))
    assert fault.line == 1
    assert fault.message == (
        "found 3 names above 4 columns, expected a name for each, or names of rows that all differ in the first"
    )


def test_a_header_two_names_short(fault_of):
    fault = fault_of("a,b\n1,2,3,4\n5,6,7,8\n")
    assert (fault.line, fault.message[:28]) == (2, "found 4 cells, expected 2, a")


# --- columns without a name ---


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("name", ["", '""', "Unnamed: 0"])
def test_an_index_as_pandas_writes_it(read, name, first):
    data = read(table(f"{name},a,b,y", lambda i: f"{i + first},{i * 0.5},{i % 7},{'pq'[i % 2]}"))
    assert data.columns.input_names == ("a", "b")
    (note,) = data.notes
    what = "'Unnamed: 0'" if name.startswith("Un") else "1, which has no name,"
    assert note == f"column {what} is left out: it has no name and counts the rows"


def test_an_unnamed_column_of_values_is_no_input(fault_of):
    fault = fault_of(",b,y\n1,2,p\n1,4,q\n5,4,q\n")
    assert (fault.line, fault.column) == (1, 1)
    assert fault.message.startswith("found no name for column 1, expected one")


def test_a_target_has_a_name(fault_of):
    fault = fault_of("a,b,\n1,2,p\n1,4,q\n5,4,q\n")
    assert fault.message == (
        "found no name for column 3, the target unless another is named, expected one (data.target names a target)"
    )


def test_columns_that_are_not_used_need_not_be_clean(read):
    row = '{},{},"two\nlines",same,{},'
    content = "a,b,note,note,y,\n" + "".join(row.format(i * 0.5, i % 7, "pq"[i % 2]) + "\n" for i in range(9))
    assert read(content, ignore=["note"]).columns.input_names == ("a", "b")


def test_two_columns_of_one_name_are_told_with_the_cure(fault_of):
    fault = fault_of("a,note,note,y\n1,u,v,p\n2,v,u,q\n3,v,u,q\n")
    assert (fault.line, fault.column) == (1, 3)
    assert fault.message == (
        "found column name 'note' twice, expected different names; data.ignore: [note] leaves all of them out"
    )


# --- names in place of others, and names that come again ---


def test_names_that_replace_those_in_the_file_are_warned_of(read):
    data = read("l,w,s\n" + NUMBERS, names=["length", "width", "species"], header=True)
    assert data.warnings == ("data.names take the place of the names in line 1 ('l', 'w', 's')",)


@pytest.mark.parametrize("options", [{"header": True, "names": ["l", "w", "s"]}, {"header": True}])
def test_names_that_replace_none_are_not(read, options):
    assert read("l,w,s\n" + NUMBERS, **options).warnings == ()


AGAIN = "a,b,y\n1,2,p\n3,4,q\na,b,y\n5,7,p\n6,8,q\na,b,y\n7,1,p\n"


def test_a_repeated_first_line_is_one_fault_with_the_cure(fault_of):
    fault = fault_of(AGAIN)
    assert fault.line == 4
    assert fault.message == (
        "found the names of the first line again in 2 lines (lines 4, 7), expected rows; "
        "data.bad_rows: skip leaves such lines out"
    )


def test_a_row_that_comes_again_is_no_proof_of_names(fault_of):
    assert "found a first line that may be names or a row" in fault_of(NUMBERS + NUMBERS).message
    assert "found a first line that may be names or a row" in fault_of(TEXTS + TEXTS).message


def test_repeated_first_lines_are_left_out_with_bad_rows_and_told(read):
    data = read(AGAIN, bad_rows="skip")
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4], [5, 7], [6, 8], [7, 1]])
    np.testing.assert_array_equal(data.rows.lines, [2, 3, 5, 6, 8])
    assert data.warnings == ("found the names of the first line again in 2 lines (lines 4, 7): left out",)
    assert data.columns.classes == ("p", "q")


def test_a_line_that_only_begins_like_the_first_is_a_row(read):
    data = read("a,b,y\n" + "a,1,p\nu,2,q\n" * 9)
    assert data.columns.input_names == ("a=a", "a=u", "b")
    assert len(data.x) == 18


# --- a title, and numbers that are cut ---


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_title_above_the_names_is_named_as_such(fault_of, sign):
    fault = fault_of("Sales\n" + table("a,b,y", lambda i: f"{i * 0.5},{i % 7},{'pq'[i % 2]}").replace(",", sign))
    assert fault.line == 2
    assert fault.message == (
        "found 1 cell in the first line, and 3 in 31 others, expected the same; "
        "if a title or comments stand above the names: delete them"
    )


def test_few_lines_of_another_width_are_no_title(faults_of):
    assert "expected 2, as in the first line" in faults_of("a,y\n" + "1,p\n2,q\n" * 9 + "1,2,p\n")[0].message


def test_numbers_that_are_cut_at_their_thousands_need_quotes(fault_of):
    fault = fault_of(table("name,price", lambda i: f"shop{i},{5 + i},{234 + i}"), task="regression")
    assert fault.line == 2
    assert fault.message == (
        "found one name less than cells, and cells such as '5' and '234' at the end, "
        "expected a name for each cell: numbers such as 5,234 need quotes around them"
    )


@pytest.mark.parametrize("last", [lambda i: f"{i}.5", lambda i: f"{i + 90}", lambda i: "pq"[i % 2]])
def test_other_numbers_below_the_short_header_of_r_are_read(read, last):
    task = "regression" if last(0) != "p" else "binary"
    data = read(table("a,y", lambda i: f"shop{i},{5 + i * i},{last(i)}"), task=task)
    assert data.columns.input_names == ("a",)
    assert len(data.x) == 30
