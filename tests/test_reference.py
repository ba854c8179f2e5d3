"""The committed reference pages are those that docs/make_reference.py makes of the tables of the code."""

import pytest
from documentation import REFERENCE, make_reference, text_of

SCRIPT = make_reference()


@pytest.fixture(scope="module")
def made():
    return SCRIPT.pages()


def test_there_are_no_other_pages(made):
    assert {page.name for page in REFERENCE} == set(made)


@pytest.mark.parametrize("page", REFERENCE, ids=lambda page: page.name)
def test_a_page_is_what_the_tables_say(page, made):
    again = "run `python docs/make_reference.py` and commit what it writes"
    assert page.read_text(encoding="utf-8") == made[page.name], again


def test_the_gains_on_the_page_of_fair_starts_are_those_of_the_table(made):
    rows = {cells[0].strip("`"): cells for cells in cells_of(made["gains.md"])}
    page = [cells for cells in cells_of(text_of("starts.md")) if cells[0] in rows]
    assert len(page) > 8
    for name, gain, *rest in page:
        assert (gain, *rest) == (rows[name][1], *rows[name][5:])


def cells_of(page):
    """The cells of all rows of tables, without headings."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row, after in zip(cells, [*cells[1:], [""]], strict=True) if not {"---"} & {row[0], after[0]}]


def test_a_cell_holds_what_would_end_it():
    assert SCRIPT.made_table(["a"], [["`x|y` or |z|"]]).splitlines()[-1] == (
        "| <code>x&#124;y</code> or &#124;z&#124; |"
    )
