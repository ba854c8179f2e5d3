"""Decimal numbers of many cells at once are those of `float`, to the bit; other texts are none."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnlab.data.tables import decimals as module
from nnlab.data.tables.decimals import LARGEST_INTEGER, decimals, number_in
from nnlab.data.tables.records import cells_of

DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
DIGITS = st.text("0123456789", min_size=1, max_size=24)


def expected(text, point="."):
    """The number in a cell by Python's `float`, nan for texts, codes and integers that float64 cannot tell apart."""
    plain = text.translate({ord(point): ".", ord("," if point == "." else "."): "x"})
    if not DECIMAL.fullmatch(plain) or LEADING_ZERO.match(plain):
        return np.nan
    is_beyond = plain.lstrip("+-").isdigit() and abs(int(plain)) > LARGEST_INTEGER
    return np.nan if is_beyond or np.isinf(float(plain)) else float(plain)


def check(texts, point="."):
    """The values of cells are the expected ones, to the bit, and so are those of the slow way."""
    found = decimals(cells_of(texts), point)
    wanted = np.array([expected(text, point) for text in texts])
    np.testing.assert_array_equal(found.plain, ~np.isnan(wanted), err_msg=str(texts))
    np.testing.assert_array_equal(found.values[found.plain].view(np.int64), wanted[found.plain].view(np.int64))
    assert np.isnan(found.values[~found.plain]).all()
    np.testing.assert_array_equal([number_in(text, point) for text in texts], wanted)
    return found


@st.composite
def numbers(draw):
    """A decimal number as it may be written: any sign, zeros, digits on either side of the point, an exponent."""
    sign, whole = draw(st.sampled_from(["", "", "-", "+"])), draw(st.one_of(st.just(""), st.just("0"), DIGITS))
    point = draw(st.sampled_from(["", ".", "."]))
    behind = draw(DIGITS) if point else ""
    exponent = draw(st.sampled_from(["", "", "", "e", "E"]))
    power = draw(st.integers(-340, 320)) if exponent else ""
    return f"{sign}{whole}{point}{behind}{exponent}{power}"


@settings(max_examples=200)
@given(texts=st.lists(numbers(), min_size=1, max_size=8))
def test_numbers_are_those_of_float_to_the_bit(texts):
    check(texts)


@settings(max_examples=200)
@given(texts=st.lists(numbers(), min_size=1, max_size=8))
def test_numbers_with_a_decimal_comma(texts):
    check([text.replace(".", ",") for text in texts], ",")


@settings(max_examples=200)
@given(texts=st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr), min_size=1, max_size=8))
@example(["5e-324", "2.2250738585072014e-308", "1.7976931348623157e+308", "-0.0", "0.1"])
def test_every_float_comes_back_from_its_repr(texts):
    found = decimals(cells_of(texts))
    assert found.plain.all()
    assert found.values.tobytes() == np.array([float(text) for text in texts]).tobytes()


@settings(max_examples=200)
@given(
    digits=st.one_of(st.integers(10**16, 10**17 - 1), st.integers(10**18, 10**19 - 1), st.integers(2**53, 2**64)),
    places=st.integers(1, 20),
)
def test_numbers_of_17_and_19_digits(digits, places):
    text = str(digits).zfill(places + 1)
    text = f"{text[:-places]}.{text[-places:]}"
    check([text, f"-{text}"])


@settings(max_examples=200)
@given(whole=st.integers(2**42, 2**53 - 1), shift=st.integers(1, 10), step=st.integers(-1, 1))
def test_numbers_at_the_middle_between_two_floats(whole, shift, step):
    """(2 m + 1) / 2^k ends in so few decimals that the middle itself, and its neighbours, can be written."""
    scale = 5**shift * (2 * whole + 1)
    text = str(scale + step).zfill(shift + 1)
    check([f"{text[:-shift]}.{text[-shift:]}"])


@pytest.mark.parametrize(
    "text",
    [
        *("9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740993.0", "9007199254740993.5"),
        *(
            "18446744073709551615",
            "18446744073709551616",
            "1" * 19,
            "1" * 20,
            "9" * 400,
            "0." + "3" * 40,
            "1" * 18 + ".",
        ),
        *(
            "4503599627370496.5",
            "4503599627370497.5",
            "9007199254740993.00000000000001",
            "0.500000000000000166533453694",
        ),
        *("1e308", "1e309", "-1e400", "1e-400", "1e-323", "1E5", "1e+05", "1.e3", ".5e1", "2e0"),
    ],
)
def test_numbers_at_the_limits(text):
    check([text])


@pytest.mark.parametrize("text", ["007", "00", "-07", "+01", "00.5", "01e3", "000000000000000000001"])
def test_a_leading_zero_makes_a_code(text):
    found = check([text, "7"])
    assert found.plain.tolist() == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-",
            "+",
            ".",
            "-.",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "1.2.3",
            "1-2",
            "--1",
            "+-1",
            "1+",
            "1e5.5",
            "0x1F",
            "1_000",
        ),
        *("nan", "NaN", "inf", "-Infinity", "1 000", "1,5", "$1", "5%", "١", "½", "1\n", "x", "é1", '"1"', "1e400"),
    ],
)
def test_what_is_no_number(text):
    assert check([text, "1", text]).plain.tolist() == [False, True, False]


@settings(max_examples=200)
@given(texts=st.lists(st.text("0123456789+-.eE, x\né", max_size=12), min_size=1, max_size=10))
def test_anything_is_judged_as_float_does(texts):
    check([text.strip() for text in texts])


def test_without_extended_precision_the_numbers_are_the_same(monkeypatch):
    monkeypatch.setattr(module, "_HAS_EXTENDED", False)
    check(["1.23456789012345678", "12345678.90123456789", "0.1234567890123456789", "-9.007199254740993"])


def test_what_is_said_of_marks_and_spelling():
    texts = ["12.5", "1.234", "0.123", "1234.567", "7", "-7", "+7", "-0", "7.", "1e3", "1.2345"]
    found = decimals(cells_of(texts))
    assert [text for text, is_one in zip(texts, found.proven, strict=True) if is_one] == [
        *("12.5", "0.123", "1234.567", "7.", "1.2345")
    ]
    assert [text for text, is_one in zip(texts, found.grouped, strict=True) if is_one] == ["1.234"]
    assert [text for text, is_one in zip(texts, found.usual, strict=True) if is_one] == ["7", "-7"]


# --- the different texts of cells ---


@settings(max_examples=200)
@given(
    texts=st.lists(st.sampled_from(["a", "b", "ab", "", "\0", "a\0", "x" * 8, "x" * 9, "x" * 40, "é"]), max_size=30),
    data=st.data(),
)
def test_different_texts_are_found_in_the_order_of_the_cells(texts, data):
    cells = cells_of(["first", *texts])
    some = np.array(data.draw(st.lists(st.integers(0, len(texts)), unique=True).map(sorted)), np.int64)
    index, different = cells.different(some)
    wanted = [["first", *texts][i] for i in some]
    assert [different[code].decode() for code in index] == wanted
    assert [text.decode() for text in different] == list(dict.fromkeys(wanted))
