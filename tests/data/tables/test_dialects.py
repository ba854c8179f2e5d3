"""The same rows come of a table in whatever dialect it is written."""

import csv
import io
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support import packed

from nnlab.data.tables import read_csv
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cf", "Nd", "Cn", "Co"))
TEXTS = st.one_of(
    st.text("abc,;|\t\" '", max_size=8),
    st.text(LETTERS, min_size=1, max_size=6),
    st.sampled_from(["two words", "a,b;c"]),
)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-1000, 1000, places=2).map(str),
)


@st.composite
def tables(draw):
    """A table of a number, a text, a date, cells of several lines that are only kept, and labels."""
    count = draw(st.integers(4, 12))
    of_each = {"min_size": count, "max_size": count}
    texts = draw(st.lists(TEXTS.map(str.strip), **of_each))
    return {
        "size": draw(st.lists(NUMBERS, **of_each)),
        "kind of it": [text.replace("\t", " ") or "-" for text in texts],
        "day": [day.isoformat() for day in draw(st.lists(st.dates(), **of_each))],
        "note": draw(st.lists(st.sampled_from(["", "x", "two\nlines", 'say "no"', "a,b", "1;2\n\n3"]), **of_each)),
        "label": ["no", "yes", *draw(st.lists(st.sampled_from(["no", "yes"]), min_size=count - 2, max_size=count - 2))],
    }


@st.composite
def dialects(draw):
    """How csv.writer writes a table. It leaves empty cells between blanks, and LF before a mere CR, without quotes."""
    delimiter, end = draw(st.sampled_from(",;\t| ")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    needs_all = delimiter == " " or end == "\r"
    return {"delimiter": delimiter, "quoting": csv.QUOTE_ALL if needs_all else quoting, "lineterminator": end}


def as_written(table, dialect, *, bom=False):
    """The bytes of a table in a dialect."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, **dialect)
    writer.writerow(table)
    kinds = [_Number if name == "size" else str for name in table]
    for cells in zip(*table.values(), strict=True):
        writer.writerow([kind(cell) for kind, cell in zip(kinds, cells, strict=True)])
    return ("\ufeff" * bom + stream.getvalue()).encode()


class _Number(float):
    """A number that csv.writer leaves unquoted, as it was spelled."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self):
        return self.text

    __repr__ = __str__


OPTIONS = TableOptions(
    target=("label",),
    keep=("note",),
    header=True,
    max_categories=100,
    columns={"size": ("number", ""), "kind of it": ("category", ""), "day": ("date", "")},
)


def check(data, table):
    """The set has the rows of the table."""
    rows = len(table["size"])
    np.testing.assert_array_equal(data.x[:, 0], [float(cell) for cell in table["size"]])
    size, kind, day = data.columns.inputs
    assert kind.categories == tuple(sorted(set(table["kind of it"])))
    chosen = data.x[:, 1 : 1 + kind.width].argmax(axis=1)
    assert [kind.categories[code] for code in chosen] == table["kind of it"]
    assert (data.x[:, 1 : 1 + kind.width].sum(axis=1) == 1).all()
    for row, text in enumerate(table["day"]):
        np.testing.assert_array_equal(data.x[row, 1 + kind.width :], day.date.numbers(text))
    assert [data.columns.classes[int(code)] for code in data.y[:, 0]] == table["label"]
    assert list(data.rows.kept["note"]) == table["note"]
    assert (len(data.y), size.width) == (rows, 1)


@settings(max_examples=100)
@given(table=tables(), dialect=dialects(), bom=st.booleans(), packing=st.sampled_from(["", ".gz", ".zip"]))
def test_a_table_in_any_dialect_that_is_said_gives_its_rows(tmp_path_factory, table, dialect, bom, packing):
    name = "dialect.csv" + packing
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(packed(as_written(table, dialect, bom=bom), name))
    options = replace(OPTIONS, separator=dialect["delimiter"], decimal=".")
    check(read_csv(path, task="binary", options=options), table)


@settings(max_examples=100)
@given(table=tables(), dialect=dialects(), bom=st.booleans())
def test_a_table_in_any_dialect_that_is_found_gives_its_rows_or_a_question(tmp_path_factory, table, dialect, bom):
    path = tmp_path_factory.getbasetemp() / "found.csv"
    path.write_bytes(as_written(table, dialect, bom=bom))
    try:
        data = read_csv(path, task="binary", options=OPTIONS)
    except DataError as error:
        asked = {fault.key for fault in error.faults}
        assert asked <= {("data", "separator"), ("data", "decimal")}
        assert asked or dialect["delimiter"] == " "
        return
    check(data, table)
