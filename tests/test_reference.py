"""The committed reference pages are those that docs/make_reference.py makes of the tables of the code."""

import pytest
from documentation import REFERENCE, make_reference

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


def test_a_cell_holds_what_would_end_it():
    assert SCRIPT.made_table(["a"], [["`x|y` or |z|"]]).splitlines()[-1] == (
        "| <code>x&#124;y</code> or &#124;z&#124; |"
    )
