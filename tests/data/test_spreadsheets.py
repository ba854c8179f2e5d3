"""Texts that a spreadsheet would run as a formula: which they are, and that they come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.data.spreadsheets import escaped, unescaped

RUN = ["=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-x", "--", "-2+3", "\t=1", "\r=1", "+A1", "'=1", "=\n1"]
KEPT = ["", "a=b", "a-b", "-", "+", "=", "'", "'a", "-1.5", "+2", "-1e-5", "-1,234.5", "-3%", "-$5", "-5 €", "'-5"]


@pytest.mark.parametrize("text", RUN)
def test_a_text_that_would_run_gets_an_apostrophe_and_comes_back(text):
    assert escaped(text) == f"'{text}"
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("text", KEPT)
def test_numbers_lone_signs_and_other_texts_stay_as_they_are(text):
    assert (escaped(text), unescaped(text)) == (text, text)


TEXTS = st.text(st.sampled_from("'=+-@\t\r a1.%$"), max_size=6) | st.text(max_size=6)


@given(TEXTS)
def test_every_text_comes_back_and_none_that_is_written_would_run(text):
    written = escaped(text)
    assert unescaped(written) == text
    is_number = set(written) <= set("+-0123456789.,eE %$€£¥")
    assert len(written) < 2 or written[0] not in "=@+-\t\r" or (written[0] in "+-" and is_number)


@given(TEXTS, TEXTS)
def test_different_texts_are_written_differently(one, other):
    assert (escaped(one) == escaped(other)) == (one == other)
