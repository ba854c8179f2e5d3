"""The keys that say which rows are in which part: which exclude each other, and what follows from each."""

from __future__ import annotations

import pytest
from support import faults

from nnlab.config.document import read_text
from nnlab.config.experiment import to_yaml, validate

TEXT = """\
name: parts
task: binary
data:
{data}
training: {{steps: 1{training}}}
"""


def text(*data, training=""):
    return TEXT.format(data="\n".join(f"  {line}" for line in data), training=training)


def experiment(*data, training=""):
    return validate(read_text(text(*data, training=training), "e.yaml"))


@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        (["split: a", "group: b"], "6:10", "found group with split: the table itself gives each row to a part"),
        (["split: a", "time: b"], "6:9", "found time with split: the table itself gives each row to a part"),
        (["test: 0.2", "group: a", "time: b"], "7:9", "found time with group: later rows are the test part"),
        (["split: a", "files: {train: t.csv}"], "6:10", "found files with split: files give each row to a part"),
        (["files: {train: a.csv, test: b.csv}"], "4:11", "found source 't.csv' with files, whose train is 'a.csv'"),
        (["group: a"], "5:10", "found group, which says how parts are drawn, but none is; expected data.test or"),
        (["validation: own", "time: a"], "6:9", "found time, which says how parts are drawn, but none is"),
        (["files: {train: t.csv, test: b.csv}", "group: a"], "6:10", "found group, which says how parts are drawn"),
    ],
)
def test_keys_that_make_no_sense_together_are_one_fault_with_the_reason(keys, place, words):
    (fault,) = faults(text("source: t.csv", *keys))
    assert fault.startswith(f"e.yaml:{place}: {words}")


@pytest.mark.parametrize(
    "keys",
    [
        ["source: t.csv", "split: a"],
        ["source: t.csv", "split: a", "validation: 0.2"],
        ["source: t.csv", "group: a", "test: 0.2"],
        ["source: t.csv", "time: a", "validation: 5"],
        ["files: {train: t.csv, test: b.csv}", "validation: 0.2", "group: a"],
    ],
)
def test_keys_that_make_sense_together_are_taken(keys):
    assert faults(text(*keys)) == []


def test_the_source_of_files_is_the_one_to_train_on_and_stays_it_in_the_resolved_file():
    first = experiment("files: {train: a.csv, test: b.csv}")
    assert first.data.source.name == "a.csv"
    again = validate(read_text(to_yaml(first), "config.yaml"))
    assert (again.data.source, again.data.files) == (first.data.source, first.data.files)


@pytest.mark.parametrize(
    ("keys", "drawn"),
    [
        (["test: 0.2"], True),
        (["test: 0.2", "group: g"], True),
        (["test: 0.2", "validation: 0.2", "time: t"], False),
        (["split: s"], False),
        (["split: s", "validation: own"], False),
        (["split: s", "validation: 0.2"], True),
    ],
)
def test_only_rows_that_are_drawn_differ_from_seed_to_seed(keys, drawn):
    assert experiment("source: t.csv", *keys).data.draws_a_part is drawn


STOPS = ", early_stopping: {monitor: val/loss}"


@pytest.mark.parametrize("keys", [["source: t.csv", "split: s"], ["files: {train: a.csv, val: b.csv}"]])
def test_a_validation_part_that_a_table_may_have_can_be_watched(keys):
    assert faults(text(*keys, training=STOPS)) == []


@pytest.mark.parametrize("keys", [["source: t.csv"], ["files: {train: a.csv, test: b.csv}"]])
def test_a_validation_part_that_no_table_has_cannot_be_watched(keys):
    (fault,) = faults(text(*keys, training=STOPS))
    assert "there is no validation part; expected data.validation" in fault
