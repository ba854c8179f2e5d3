"""Which columns are no inputs: names and numbers of rows, constants, far too many texts; and rare texts."""

import pytest
from support import table

from nnlab.data.tables.leaving import is_id_like

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def with_column(name, cell, count=30):
    """A table of the column `a`, of numbers, and of one more."""
    return table(f"{name},a,y", lambda i: f"{cell(i)},{i % 7 * 0.5},{'pq'[i % 2]}", count)


def left_out(data):
    """The names of the columns that are left out, with the reason."""
    return {reading.name: reading.why for reading in data.readings if reading.role == "left out"}


# --- names and numbers of rows ---


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "ID",
        "cust_id",
        "Customer Id",
        "customerId",
        "uuid",
        "index",
        "row",
        "row_number",
        "Nr",
        "no",
        "key",
        "name",
    ],
)
def test_names_of_identifiers(name):
    assert is_id_like(name)


@pytest.mark.parametrize(
    "name", ["width", "paid", "humid", "video", "valid", "monkey", "renown", "piano", "id_of_plan_b", "surname2"]
)
def test_names_that_only_end_like_one(name):
    assert not is_id_like(name)


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        (lambda i: f"C{i}", "text"),
        (lambda i: i, "number"),
        (lambda i: i * i + 5, "number"),
        (lambda i: f"{i:05}", "text"),
    ],
)
def test_an_identifier_is_left_out_and_told(read, cell, what):
    data = read(with_column("cust_id", cell))
    why = f"it is named like an identifier and has another {what} in every row"
    assert left_out(data) == {"cust_id": why}
    assert f"column 'cust_id' is left out: {why}" in data.notes
    assert data.warnings == ()


@pytest.mark.parametrize("cell", [lambda i: i % 29, lambda i: f"C{i % 29}", lambda i: i + 0.5])
def test_what_is_named_like_an_identifier_and_is_none_is_used(read, cell):
    assert left_out(read(with_column("cust_id", cell))) == {}


def test_the_user_may_want_an_identifier(read):
    data = read(with_column("cust_id", lambda i: i), columns={"cust_id": ("number", "")})
    assert data.columns.input_names == ("cust_id", "a")


@pytest.mark.parametrize("step", [1, 2])
def test_a_column_that_only_counts_up_is_used_and_warned_of(read, step):
    data = read(with_column("num", lambda i: 100 + step * i))
    assert left_out(data) == {}
    warning = "column 'num' counts up by 1 from row to row; if it only numbers the rows: data.ignore: [num]"
    assert data.warnings == ((warning,) if step == 1 else ())


def test_few_rows_may_count_up_by_chance(read):
    assert read(with_column("num", lambda i: i, count=9)).warnings == ()


# --- constants and blanks ---


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (5, "it is 5 in every row"),
        ("5.0", "it is 5 in every row"),
        ("red", "it is 'red' in every row"),
        ("", "it is blank in every row"),
        ("NA", "it is blank in every row"),
        ("2020-01-01", "it is '2020-01-01' in every row"),
    ],
)
def test_a_constant_column_is_left_out_and_told(read, cell, why):
    data = read(with_column("k", lambda _: cell))
    assert left_out(data) == {"k": why}
    assert data.notes == (f"column 'k' is left out: {why}",)
    assert data.warnings == ()


def test_blanks_in_a_column_that_is_left_out_do_not_matter(read):
    data = read(with_column("k", lambda i: "" if i % 2 else "5"))
    assert left_out(data) == {"k": "it is 5 in every row"}
    assert len(data.x) == 30


def test_a_constant_that_the_user_wants_is_used(read):
    assert read(with_column("k", lambda _: 5), columns={"k": ("number", "")}).columns.input_names == ("k", "a")


def test_no_column_left_is_told_with_the_reasons(fault_of):
    fault = fault_of(table("id,k,y", lambda i: f"{i},5,{'pq'[i % 2]}"))
    assert fault.message == (
        "found no column left for the inputs ('id': it is named like an identifier and has another number in every row "
        "and 'k': it is 5 in every row), expected at least one; columns: {id: category} would use it"
    )


# --- many texts ---


def test_forty_texts_are_forty_inputs_without_a_word(read):
    data = read(with_column("c", lambda i: f"c{i % 40}", count=400))
    assert data.columns.inputs[0].width == 40
    assert data.warnings == ()


def test_above_the_rarest_go_together(read):
    """c0 to c38 stand in 10 rows each, rare ones in 1 or 2."""
    data = read(with_column("c", lambda i: f"c{i % 39}" if i < 390 else f"rare{i % 6}", count=400))
    assert data.columns.inputs[0].categories == tuple(sorted([*(f"c{i}" for i in range(39)), "other"]))
    assert data.columns.inputs[0].rare == tuple(f"rare{i}" for i in range(6))
    (warning,) = data.warnings
    assert warning == (
        "column 'c' has 45 different texts: the 6 rarest, in 2.5 % of the rows, go together as 'other' "
        "(data.max_categories: 40)"
    )
    assert data.x[399, data.columns.input_names.index("c=other")] == 1
    assert (data.x[:, :40].sum(axis=1) == 1).all()


def test_a_text_that_is_called_other_is_one_of_the_others(read):
    data = read(with_column("c", lambda i: "other" if i == 0 else f"c{i % 9}", count=50), max_categories=5)
    assert len(data.columns.inputs[0].categories) == 5
    assert data.x[0, data.columns.input_names.index("c=other")] == 1


def test_the_user_says_how_many_texts(read):
    content = with_column("c", lambda i: f"c{i % 50}", count=400)
    assert read(content, max_categories=50).columns.inputs[0].width == 50
    assert read(content, max_categories=3).columns.inputs[0].width == 3


@pytest.mark.parametrize(("different", "is_left"), [(100, True), (99, False)])
def test_texts_of_which_half_differ_are_left_out_and_warned_of(read, different, is_left):
    data = read(with_column("c", lambda i: f"c{i % different}", count=200))
    assert left_out(data) == ({"c": f"it has {different} different texts in 200 rows"} if is_left else {})
    if is_left:
        assert data.warnings == (
            "column 'c' is left out: it has 100 different texts in 200 rows; columns: {c: category} would use it",
        )


def test_few_texts_that_all_differ_are_used(read):
    assert read(with_column("c", lambda i: LETTERS[i], count=26)).columns.inputs[0].width == 26


def test_the_user_may_want_many_texts(read):
    data = read(with_column("c", lambda i: f"c{i}", count=100), columns={"c": ("category", "")})
    assert data.columns.inputs[0].width == 40


# --- more columns than are told one by one ---


@pytest.mark.parametrize(("count", "more"), [(3, None), (4, "1 more column is"), (9, "6 more columns are")])
def test_more_than_three_columns_of_one_reason_are_told_in_one_line(read, count, more):
    names = ",".join(f"k{i}" for i in range(count))
    data = read(table(f"{names},a,y", lambda i: f"{'5,' * count}{i % 7 * 0.5},{'pq'[i % 2]}"))
    told = [f"column 'k{i}' is left out: it is 5 in every row" for i in range(min(count, 3))]
    assert list(data.notes) == told + ([f"{more} left out: it is 5 in every row"] if more else [])
    assert len(left_out(data)) == count


def test_each_reason_is_told_for_itself(read):
    data = read(table("k,l,m,n,o,a,y", lambda i: f"5,5,5,6,6,{i % 7 * 0.5},{'pq'[i % 2]}"))
    assert len(data.notes) == 5


def test_more_columns_of_many_texts_are_told_in_one_line_too(read):
    data = read(table("k,l,m,n,o,a,y", lambda i: f"{f'c{i},' * 5}{i % 7 * 0.5},{'pq'[i % 2]}", 100))
    assert len(data.warnings) + len(data.notes) == 4
    assert "2 more columns are left out: it has 100 different texts in 100 rows" in (*data.warnings, *data.notes)


# --- a column that may say which part rows belong to ---


@pytest.mark.parametrize("words", [("train", "test"), ("Train", "Val", "Test"), ("training", "dev", "testing")])
def test_a_column_of_parts_is_warned_of(read, words):
    data = read(with_column("part", lambda i: words[i % len(words)]))
    assert data.warnings == (
        "column 'part' is read as an input; if it says which rows train and which test: data.split: part",
    )


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("train", "bus"), {}),
        (("train", "test", "other"), {}),
        (("train", "test"), {"split": "part"}),
        (("train", "test"), {"columns": {"part": ("category", "")}}),
        (("train", "test"), {"ignore": ["part"]}),
    ],
)
def test_other_columns_and_those_that_the_user_speaks_of_are_not(read, words, options):
    assert read(with_column("part", lambda i: words[i % len(words)]), **options).warnings == ()
