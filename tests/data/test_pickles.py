"""Pickles of data alone: what Python 2 and 3 write is read, and nothing that a file asks for is run."""

import os
import pickle
import pickletools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import python2

from nnlab.data.images import pickles
from nnlab.data.images.pickles import read_pickle
from nnlab.errors import DataError

BATCH = {
    "data": np.arange(24, dtype=np.uint8).reshape(2, 12),
    "labels": [3, 300, 70000],
    "filenames": ["a.png", "b" * 300],
    "batch_label": "training batch 1 of 5",
}


def refused(content):
    with pytest.raises(DataError) as error:
        read_pickle(content, "batch")
    (line,) = str(error.value).splitlines()
    assert line.isprintable()
    return line


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def test_the_stand_ins_are_what_python_reads():
    """The writer of the tests against Python's own reader."""
    found = pickle.loads(python2(BATCH), encoding="bytes")
    np.testing.assert_array_equal(found[b"data"], BATCH["data"])
    assert found[b"labels"] == BATCH["labels"]
    names = {opcode.name for opcode, _, _ in pickletools.genops(python2(BATCH))}
    assert {"GLOBAL", "REDUCE", "BUILD", "SHORT_BINSTRING", "BINSTRING", "BINPUT", "SETITEMS"} <= names


def test_what_python_2_wrote():
    found = read_pickle(python2(BATCH), "batch")
    assert list(found) == list(BATCH)
    np.testing.assert_array_equal(found["data"], BATCH["data"])
    assert found["data"].dtype == np.uint8
    assert found["labels"] == BATCH["labels"]
    assert found["filenames"] == [b"a.png", b"b" * 300]


@pytest.mark.parametrize("protocol", range(6))
def test_what_python_3_writes(protocol):
    values = {
        **BATCH,
        b"bytes": b"\x00\xff'\n",
        "t": (1, (), (2, 3), (4, 5, 6), (7, 8, 9, 10)),
        "numbers": [0, -1, 255, 256, 2**31, -(2**62), 1.5, True, False, None],
        "nested": {"a": {1: [[]]}},
        "text": "é\n\\ \U0001f600 " + "x" * 300,
        "again": [BATCH["labels"]] * 2,
    }
    found = read_pickle(pickle.dumps(values, protocol), "batch")
    np.testing.assert_array_equal(found.pop("data"), BATCH["data"])
    assert found == {as_bytes(k).decode() if isinstance(k, bytes) else k: v for k, v in values.items() if k != "data"}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["u1", "<i8", ">i4", "<u2", "|i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_whole_numbers(protocol, kind, order):
    array = np.asarray(np.arange(12).reshape(3, 4), kind, order=order)
    found = read_pickle(pickle.dumps({"a": array}, protocol), "batch")["a"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


class Asking:
    """Asks to run a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_refused_with_the_name_it_asks_for(tmp_path, protocol):
    content = pickle.dumps({"data": Asking(tmp_path / "ran")}, protocol)
    assert "asks for 'posix.system', expected one of data alone, which is never run" in refused(content)
    assert list(tmp_path.iterdir()) == []
    pickle.loads(content)
    assert list(tmp_path.iterdir()) == [tmp_path / "ran"]  # it would have run


def test_no_name_is_imported(monkeypatch):
    """Every name that numpy.core has is one to refuse, but for those two; nothing is looked up."""
    monkeypatch.setattr("builtins.__import__", lambda *_: pytest.fail("imported"))
    assert read_pickle(python2(BATCH), "batch")["labels"] == BATCH["labels"]
    for module, name in [("builtins", "eval"), ("numpy", "load"), ("numpy.core.multiarray", "scalar"), ("a\x1b", "b")]:
        assert "asks for" in refused(b"\x80\x02c" + f"{module}\n{name}\n".encode() + b".")


CALL = b"cnumpy\ndtype\n"
NEW = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
U1 = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends 1 bytes early"),
        (b".", "several values"),
        (b"N.", "a pickled nonetype, expected a dict"),
        (b"}", "ends 1 bytes early"),
        (b"}.x", "extra bytes after the pickle"),
        (b"}N.", "several values"),
        (b"(}.", "several values"),
        (b"\x80\x06}.", "newer protocol"),
        (b"0}.", "takes what it lacks"),
        (b"(0}.", "takes what it lacks"),
        (b"t}.", "lacks a mark"),
        (b"q\x00}.", "keeps what it lacks"),
        (b"h\x05.", "recalls what it did not keep"),
        (b"}NNs.x", "a key that is neither text nor number"),
        (b"})Ns.", "a key that is neither"),
        (b"}(Nu.", "into no dict"),
        (b"NNNs.", "into no dict"),
        (b"NNa.", "appends to no list"),
        (b"}(Ne.", "appends to no list"),
        (b"Pid\n.", "a persistent id"),
        (b"NQ.", "a persistent id"),
        (b"(ios\nsystem\n.", "an instance of a class"),
        (b"(NNo.", "an instance of a class"),
        (b"NN\x81.", "an instance of a class"),
        (b"NNN\x92.", "an instance of a class"),
        (b"\x82\x01.", "an extension code"),
        (b"\x83\x01\x00.", "an extension code"),
        (b"\x84\x01\x00\x00\x00.", "an extension code"),
        (b"\x8b\xff\xff\xff\x7f.", "a huge number"),
        (b"\x8f.", "a set"),
        (b"\x97.", "a buffer from outside"),
        (b"\xff.", "the byte 0xff"),
        (b"T\xff\xff\xff\x7f.", "bytes early"),
        (b"\x8e" + b"\xff" * 8 + b".", "bytes early"),
        (b"\x8a\xff.", "bytes early"),
        (b"\x8a\x09" + b"\x01" * 9 + b".", "more than 8 bytes"),
        (b"\x95" + b"\xff" * 8 + b"}.", "frame beyond the end"),
        (b"I" + b"9" * 5000 + b"\n.", "number of another form"),
        (b"I1_0\n.", "number of another form"),
        (b"F" + b"1" * 5000 + b"\n.", "more than 40 characters"),
        (b"Fx\n.", "corrupt pickle"),
        (b"Sx\n.", "without quotes"),
        (b"S'", "line without an end"),
        (b"X\x01\x00\x00\x00\xff.", "corrupt pickle"),
        (b"V\\uZZZZ\n.", "corrupt pickle"),
        (b"NNR.", "no known name"),
        (CALL + b"NR.", "no known name"),
        (b"cnumpy\nndarray\n)R.", "no known name"),
        (CALL + b"((((((ttttttNNNNNtR.", "corrupt|mark|name|many"),
        (CALL + b"(NK\x00K\x01tR.", "no short text"),
        (CALL + b"(" + b"N" * 9 + b"tR.", "too many arguments"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(NNNtR.", "another class"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x04\x00\x00\x00rot1tR.", "another encoding"),
        (b"NNb.", "no tuple"),
        (b"N)b.", "sets the state of an object"),
        (U1 + b")b.", "without a byte order"),
        (NEW + b")b.", "another state"),
        (NEW + b"(K\x01(K\x02t" + U1 + b"\x89U\x01atb.", "1 bytes for an array of shape (2,), expected 2"),
        (NEW + b"(K\x01(J\xff\xff\xff\xfft" + U1 + b"\x89U\x01atb.", "no plain shape"),
        (NEW + b"(K\x01(K\x01K\x01K\x01K\x01K\x01t" + U1 + b"\x89U\x01atb.", "no plain shape"),
        (NEW + b"(K\x01(K\x01tN\x89U\x01atb.", "not of plain bytes"),
        (NEW + b"(K\x01(K\x00tcnumpy\ndtype\n(U\x01OK\x00K\x01tR\x89U\x00tb.", "type 'O'"),
        (NEW + b"(K\x01(K\x00tcnumpy\ndtype\n(U\x02f8K\x00K\x01tR\x89U\x00tb.", "type 'f8'"),
    ],
)
def test_what_is_no_pickle_of_data(content, words):
    line = refused(content)
    assert any(word in line for word in words.split("|")), line


def test_a_pickle_that_would_take_for_ever_costs_nothing(monkeypatch):
    deep = b"\x80\x02" + b"]" * 10_000 + b"a" * 9_999 + b"."
    assert "a pickled list" in refused(deep)
    doubling = b"\x80\x02}K\x00" + b"2\x86" * 60 + b"Ns."  # a tuple of two tuples of two …: its hash has 2^60 terms
    assert "neither text nor number" in refused(doubling)
    monkeypatch.setattr(pickles, "MOST_INSTRUCTIONS", 100)
    assert "more than 100 instructions" in refused(b"N0" * 60 + b"}.")


def test_a_memo_number_of_four_bytes_takes_no_room():
    assert read_pickle(b"}r\xff\xff\xff\xff0j\xff\xff\xff\xff.", "batch") == {}


@settings(max_examples=300)
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(data):
    content = bytearray(data.draw(st.sampled_from([python2(BATCH), *(pickle.dumps(BATCH, p) for p in range(6))])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        found = read_pickle(bytes(content), "batch")
    except DataError:
        return
    assert all(isinstance(key, str) for key in found)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50)
@given(value=st.dictionaries(st.text(), VALUES), protocol=st.integers(0, 5))
def test_all_plain_values_come_back(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol), "batch") == value


def test_strings_of_python_2_in_protocol_0():
    content = b"(dp1\nS'label_names'\np2\n(lp3\nS'it\\'s'\np4\naS\"a\\x00\\n\\\\\"\naS'\\101'\nas."
    assert read_pickle(content, "meta") == {"label_names": [b"it's", b"a\x00\n\\", b"A"]}
    assert pickle.loads(content, encoding="bytes") == {b"label_names": [b"it's", b"a\x00\n\\", b"A"]}
    assert read_pickle(b"}(S'x'\nI01\nS'y'\nI00\nS'z'\nL5L\nu.", "meta") == {"x": True, "y": False, "z": 5}


def test_a_big_float_is_big_endian():
    assert read_pickle(b"}U\x01xG" + struct.pack(">d", 2.5) + b"s.", "f") == {"x": 2.5}
