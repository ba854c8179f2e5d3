"""From a text file to records of cells: separators, line ends, quotes, packed files, and records of another width."""

import gzip
import io
import os
import zipfile

import numpy as np
import pytest
from support import table

from nnlab.data import files
from nnlab.data.tables import read_csv, records
from nnlab.data.tables.records import first_record, pieces_of, records_of, separator_of
from nnlab.errors import DataError

PLAIN = "a,b,y\n1,2,no\n3,4.5,yes\n-5e-1,.5,no\n"
SIGNS = {"commas": ",", "semicolons": ";", "tabs": "\t", "bars": "|", "blanks": " "}


def cells_of_file(path, sign=",", width=None):
    """The rows of a file as lists of text, the first included, with the line of each."""
    width = width or separator_of(path, sign)[1]
    found = []
    for piece in records_of(path, sign, width):
        texts = [piece.cells.text(i) for i in range(len(piece.cells.start))]
        rows = [texts[at : at + width] for at in range(0, len(texts), width)]
        found += zip(piece.lines.tolist(), rows, strict=True)
    return found


# --- one table, however it is written ---


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN + "\n\n",
        PLAIN.rstrip(),
        PLAIN.replace(",", ", "),
        PLAIN.replace(",", " , "),
        PLAIN.replace("3,4.5,yes", '"3","4.5","yes"'),
        PLAIN.replace("3,4.5,yes", '3,4.5,"yes"'),
        PLAIN.replace("a,b,y", '"a","b","y"'),
    ],
    ids=[
        *("crlf", "bom", "cr", "empty lines at the end", "no newline", "blanks behind"),
        *("blanks on both sides", "quotes", "one quoted cell", "a quoted header"),
    ],
)
def test_the_same_table_however_it_is_written(read, content):
    assert read(content).fingerprint == read(PLAIN).fingerprint


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blanks_at_a_lines_end_are_no_cell_where_blanks_separate(write, end):
    text = PLAIN.replace(",", " ")
    spaced = read_csv(write(text.replace("\n", f"  {end}")), task="binary")
    assert spaced.fingerprint == read_csv(write(text), task="binary").fingerprint
    assert first_record(write(f"a b  {end}"), " ") == ["a", "b"]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zip", "t.tsv", "t.txt", "t.data", "T.CSV.GZ"])
def test_packed_and_other_names(write, name):
    data = read_csv(write(PLAIN, name), task="binary")
    assert data.name.lower() == "t"
    assert data.fingerprint == read_csv(write(PLAIN), task="binary").fingerprint


def test_quoted_cells_hold_separators_quotes_and_line_ends(write):
    text = 'a,b\n"x, y","say ""hi"""\n"two\nlines",3\n'
    assert cells_of_file(write(text)) == [
        (1, ["a", "b"]),
        (2, ["x, y", 'say "hi"']),
        (3, ["two\nlines", "3"]),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_those_of_the_file_below_a_cell_of_several_lines(write, end):
    path = write(f'a,b{end}"x{end}y{end}z",1{end}u,2{end}')
    assert [line for line, _ in cells_of_file(path)] == [1, 2, 5]


@pytest.mark.parametrize("size", [16, 64, 257])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_pieces_end_where_a_record_does_even_within_quotes(write, monkeypatch, size, end):
    monkeypatch.setattr(records, "_LINES", 1)
    monkeypatch.setattr(records, "_PIECE", size)
    rows = [[f"{i}", f'say "{i}",' * (i % 4), f"last{end}of {i}"] for i in range(60)]
    lines = ["k,text,more", *(f'{a},"{b.replace(chr(34), chr(34) * 2)}","{c}"' for a, b, c in rows)]
    path = write(end.join(lines) + end)
    found = cells_of_file(path)
    assert len(list(pieces_of(path))) > 1
    assert [cells for _, cells in found[1:]] == [[cell.strip() for cell in row] for row in rows]
    assert [line for line, _ in found[1:]] == list(range(2, 122, 2))


def test_a_cell_longer_than_a_piece(write, monkeypatch):
    monkeypatch.setattr(records, "_PIECE", 8)
    path = write('a,b\n"' + "x\n" * 50 + '",1\nz,2\n')
    assert [len(cells[0]) for _, cells in cells_of_file(path)] == [1, 99, 1]


# --- separators ---


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
@pytest.mark.parametrize("said", [False, True])
def test_each_separator_is_found_or_said(read, sign, said):
    content = table("a,b,y", lambda i: f"{i * 0.5},{i % 7},{'no' if i % 2 else 'yes'}")
    options = {"separator": sign} if said else {}
    assert read(content.replace(",", sign), **options).fingerprint == read(content).fingerprint


def test_columns_that_are_filled_up_with_blanks(read):
    data = read(" a   b   y\n 1   2  no\n10  2.5 yes\n 3  20  no\n")
    np.testing.assert_array_equal(data.x, [[1, 2], [10, 2.5], [3, 20]])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_separator_within_cells_is_none(read, quote):
    rows = [f"{quote}red, round{quote};{i};{i % 2}" for i in range(9)] + ["green;9;1"]
    assert read("kind;size;y\n" + "\n".join(rows)).columns.input_names[0] == "kind=green"


def test_two_separators_are_a_question_with_both_widths(fault_of, read):
    content = "a,b;c,d\n1,2;3,4\n5,6;7,8\n"
    assert fault_of(content, task="regression").message == (
        "found 3 columns by commas and 2 columns by semicolons in every line, expected one reading: "
        'separator: "," or separator: ";"'
    )
    data = read(content, task="regression", separator=",", columns={"b;c": ("category", "")})
    assert data.columns.targets == ("d",)


def test_the_whole_file_decides_between_separators(read):
    """The first pieces have a comma in every line; the last line has none."""
    rows = "".join(f"a{i},b;{i % 7};{i % 2}\n" for i in range(30_000))
    data = read("name,first;size;y\n" + rows + "plain;3;1\n", ignore=["name,first"])
    assert data.x.shape == (30_001, 1)


@pytest.mark.parametrize("sign", [",", ";"])
def test_no_separator_fits_every_line_so_the_first_bad_one_is_named(fault_of, sign):
    content = "a,b,y\n1,2,0\n1,2\n3,4,1\n1\n7\n8,9\n".replace(",", sign)
    fault = fault_of(content)
    assert fault.line == 3
    assert fault.message == (
        f"found 2 cells, expected 3, as in the first line, separated by {'commas' if sign == ',' else 'semicolons'} "
        "(and 3 more such lines: 5, 6); data.bad_rows: skip leaves such lines out"
    )


def test_bad_rows_are_skipped_if_the_user_says_so(read):
    data = read("a,b,y\n1,2,0\n1,2\n3,4,1\n9\n5,6,0\n1,2,3,4\n", bad_rows="skip")
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4], [5, 6]])
    assert data.warnings[0] == "3 lines left out, which have another number of cells than the first (lines 3, 5, 7)"
    np.testing.assert_array_equal(data.rows.lines, [2, 4, 6])


def test_one_column_is_no_table(fault_of):
    message = fault_of("a:b:y\n1:2:0\n3:4:1\n5:6:1\n").message
    assert message == (
        "found one column, 'a:b:y', expected inputs and a target; data.separator may name another separator"
    )


# --- what is no table ---


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "empty file"),
        ("\n\n", 1, "empty file"),
        ("a,b,y\n", None, "no rows"),
        ("a,b,y\n1,2,0\n1,2\n", 3, "found 2 cells, expected 3"),
        ("a,b,y\n1,2,0,\n1,2,1\n", 2, "found 4 cells (the line ends in a separator), expected 3"),
        ("a,b,y\n1,2,0\n\n1,2,1\n", 3, "found an empty line, expected 3"),
        ('a,b,y\n1,2,0\n1,"2,1\n3,4,5\n', 3, "a quote that is never closed"),
        ('a,b,y\n1,"2"x,1\n', 2, "misplaced quote"),
        ("a,a,y\n1,2,0\n", 1, "column name 'a' twice"),
        ("a,b\x1b,y\n1,2,0\n3,4,1\n", 1, "control character"),
        (b"a,b,y\n1,\xe9,0\n", 2, "byte 0xe9 at position 8, expected text in UTF-8"),
        ("a,y\n1,0".encode("utf-16"), 1, "expected text in UTF-8; it looks like UTF-16"),
        ('a,b,y\n1,"' + "x" * 200_000 + '",1\n', 2, "more than 131072 characters"),
    ],
)
def test_what_is_no_table(faults_of, content, line, words):
    fault = faults_of(content)[0]
    assert fault.line == line
    assert words in fault.message


def test_an_archive_holds_one_table(tmp_path):
    for names in ([], ["a.csv", "b.csv"]):
        path = tmp_path / "t.zip"
        with zipfile.ZipFile(path, "w") as members:
            for name in names:
                members.writestr(name, PLAIN)
        with pytest.raises(DataError, match=f"found an archive of {len(names)} files, expected one of a single table"):
            read_csv(path, task="binary")


def test_what_a_mac_adds_to_an_archive_does_not_count(tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("t.csv", PLAIN)
        members.writestr("__MACOSX/._t.csv", b"\0\5")
    (tmp_path / "t.csv.zip").write_bytes(archive.getvalue())
    assert len(read_csv(tmp_path / "t.csv.zip", task="binary").y) == 3


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


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zip"])
def test_a_bomb_is_not_unpacked(write, monkeypatch, name):
    monkeypatch.setattr(files, "UNSUSPECTED_TEXT", 2**20)
    with pytest.raises(DataError, match=r"more than [0-9]+ MiB"):
        read_csv(write(b"0" * 2**24, name), task="binary")


def test_a_long_cell_of_digits_is_judged_at_once(faults_of):
    faults_of("a,y\n" + "1" * 131_000 + "x\n")
    faults_of("a,y\n" + "1" * 131_000 + "x,0\n" + "1,0\n2,1\n" * 9)


OTHER_KINDS = {
    "latin-1": ("a,b,y\n1,caf\u00e9,0\n".encode("latin-1"), 2, "it may be Latin-1 or Windows-1252: save it as UTF-8"),
    "utf-16": (PLAIN.encode("utf-16"), 1, "it looks like UTF-16: save it as UTF-8"),
    "utf-16-be": (b"\xfe\xff" + PLAIN.encode("utf-16-be"), 1, "it looks like UTF-16: save it as UTF-8"),
    "utf-16 without a mark": (PLAIN.encode("utf-16-le"), 1, "found NUL bytes, expected text in UTF-8"),
    "gzip": (gzip.compress(PLAIN.encode()), 1, "it is packed: its name should end in .gz"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), 1, "it is an old workbook: save it as"),
    "parquet": (b"PAR1\x15\xff\xfe" + bytes(50), 1, "it is a Parquet file: its name should end in .parquet"),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_named_with_the_cure(fault_of, kind):
    content, line, words = OTHER_KINDS[kind]
    fault = fault_of(content)
    assert fault.line == line
    assert "expected text in UTF-8" in fault.message
    assert words in fault.message


@pytest.mark.parametrize("letters", ["x", "\u00e9"])
def test_a_workbook_or_an_archive_under_another_name_is_named(fault_of, letters):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("xl/workbook.xml", letters * 500)
    fault = fault_of(archive.getvalue())
    assert "it is a .zip or a workbook: its name should end in .zip or .xlsx" in fault.message


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"PAR1"])
def test_a_workbook_whose_first_bytes_are_text_is_named_too(fault_of, begin):
    assert "its name should end in" in fault_of(begin + bytes(40)).message


AUTO_MPG = (
    '18.0   8   307.0      130.0      3504.      12.0   70  1\t"chevrolet chevelle malibu"\n'
    '15.0   8   350.0      165.0      3693.      11.5   70  1\t"buick skylark 320"\n'
    '24.0   4   113.0      95.00      2372.      15.0   70  3\t"toyota corona mark ii"\n'
    '26.0   4   97.00      46.00      1835.      20.5   70  2\t"vw"\n'
)


def test_tabs_among_blanks_separate_too(read, fault_of):
    """As in a file that many people learn from: numbers between blanks, and a name in quotes behind a tab."""
    assert "found 2 columns by tabs and 9 columns by blanks" in fault_of(AUTO_MPG, header=False).message
    data = read(AUTO_MPG, "regression", header=False, target=["column1"], separator=" ", keep=["column9"])
    np.testing.assert_array_equal(data.y[:, 0], [18, 15, 24, 26])
    np.testing.assert_array_equal(data.x[:, 2], [130, 165, 95, 46])
    assert data.rows.kept["column9"][2:] == ("toyota corona mark ii", "vw")


def test_a_tab_within_quotes_stays_where_blanks_separate(read):
    data = read('a k y\n1 "u\tv" p\n2 "w ""x"" z" q\n3\t"o"\tq\n', separator=" ", keep=["k"])
    assert data.rows.kept["k"] == ("u\tv", 'w "x" z', "o")
