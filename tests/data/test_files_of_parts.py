"""One table in several files: a data set whose parts are the files."""

import dataclasses

import numpy as np
import pytest

from nnlab.data.catalogue import load, load_new
from nnlab.data.dataset import RowFacts
from nnlab.data.splits import split
from nnlab.data.tables.files_of_parts import joined
from nnlab.errors import DataError


@pytest.fixture
def read(tmp_path):
    """Reads a table of so many rows, as a set or as new rows."""

    def reader(name, rows, columns=None, header="a,k"):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join([header, *(f"{i},{i % 2}"[: len(header)] for i in rows)]) + "\n")
        if columns is None:
            return load(str(path), task="binary")
        return load_new(str(path), columns, task="binary")

    return reader


def test_rows_follow_each_other_in_the_order_of_the_parts(read):
    train = read("train", range(6))
    others = {"test": read("test", range(8, 10), train.columns), "val": read("val", range(6, 8), train.columns)}
    both = joined(train, others)
    np.testing.assert_array_equal(both.x[:, 0], np.arange(10))
    np.testing.assert_array_equal(both.y[:, 0], np.arange(10) % 2)
    assert both.rows.parts.tolist() == [0] * 6 + [1] * 2 + [2] * 2
    assert both.rows.parts.dtype == np.int8
    assert (both.name, both.columns) == ("train", train.columns)
    parts = split(both, test=None, validation=None, seed=0)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [6, 2, 2]


def test_the_fingerprint_is_of_all_files_and_of_their_parts(read):
    train = read("train", range(6))
    one, other = read("one", range(6, 8), train.columns), read("other", range(8, 10), train.columns)
    ways = [{"val": one}, {"test": one}, {"val": other}, {"val": one, "test": other}, {"val": other, "test": one}]
    assert len({joined(train, way).fingerprint for way in ways} | {train.fingerprint}) == 6
    assert joined(train, {"test": other, "val": one}).fingerprint == joined(train, ways[3]).fingerprint


def test_a_file_without_targets_is_refused_at_its_key(read):
    train = read("train", range(6))
    with pytest.raises(DataError, match=r"found no targets in the file for test, expected the targets .*: k") as error:
        joined(train, {"test": read("test", range(9), train.columns, header="a")})
    assert error.value.faults[0].key == ("data", "files", "test")


def test_facts_of_rows_are_joined_and_filled(read):
    train = read("train", range(3))
    val, test = (read(name, range(2), train.columns) for name in ("val", "test"))
    of_train = RowFacts(
        lines=np.array([2, 3, 4]),
        groups=np.array([0, 0, 1]),
        times=np.array([1.0, 2, 3]),
        weights=np.array([1.0, 2, 1]),
        kept={"id": ("a", "b", "c")},
    )
    of_val = RowFacts(lines=np.array([2, 5]), weights=np.array([3.0, 4]), kept={"id": ("d", "e")}, unseen=("", "u=v"))
    test = dataclasses.replace(test, rows=RowFacts())
    train = dataclasses.replace(train, rows=of_train, warnings=("first",))
    val = dataclasses.replace(val, rows=of_val, warnings=("second",))
    both = joined(train, {"val": val, "test": test})
    facts = both.rows
    assert facts.lines.tolist() == [2, 3, 4, 2, 5, 0, 0]
    assert facts.groups.tolist() == [0, 0, 1, -1, -1, -1, -1]
    assert facts.weights.tolist() == [1, 2, 1, 3, 4, 1, 1]
    np.testing.assert_array_equal(facts.times, [1, 2, 3, *[np.nan] * 4])
    assert facts.kept == {"id": ("a", "b", "c", "d", "e", "", "")}
    assert facts.unseen == ("", "", "", "", "u=v", "", "")
    assert both.warnings[:2] == ("first", "second")
    assert "in that for train too: figures on them flatter" in both.warnings[2]


def test_facts_that_training_rows_do_not_have_are_dropped(read):
    train = read("train", range(3))
    test = dataclasses.replace(read("test", range(2), train.columns), rows=RowFacts(weights=np.ones(2)))
    facts = joined(train, {"test": test}).rows
    assert facts.weights is None
    assert (facts.kept, facts.unseen) == ({}, ())
