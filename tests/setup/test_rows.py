"""Faults of the data are placed at the key of the experiment file that causes them, whatever their messages say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import write

from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.data.dataset import RowFacts
from nnlab.errors import ConfigError, DataError
from nnlab.setup.rows import prepare_rows, read_rows

TEXT = """\
name: placed
task: {task}
data:
  source: {source}
  target: [{target}]
  ignore: [{ignore}]
  blanks: {blanks}
  scale: {scale}
  test: {test}
optimizer: adam
training: {{steps: 1}}
"""
USUAL = {"task": "binary", "source": "t.csv", "target": "k", "ignore": "", "blanks": "refuse", "scale": "none"}
TABLE = "a,b,k\n1,2,no\n2,,yes\n3,1,no\n4,5,yes\n"


def placed(folder, table=TABLE, **changes):
    """The faults of reading and preparing the rows of an experiment."""
    write(folder, table, "t.csv")
    document = read_text(TEXT.format(**USUAL | {"test": 1} | changes), "e.yaml")
    experiment = validate(document)
    with pytest.raises(DataError) as error:
        prepare_rows(experiment, read_rows(experiment, document, folder), [0])
    return [str(fault).replace(str(folder), "") for fault in error.value.faults]


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"target": "c"}, "e.yaml:5:12: found target 'c', expected the name"),
        ({"target": "k, c", "task": "multilabel"}, "e.yaml:5:15: found target 'c', expected the name"),
        ({"ignore": "a, c"}, "e.yaml:6:15: found ignore 'c', expected the name"),
        ({"ignore": "a, b"}, "e.yaml:5:11: found no column left for the inputs"),
        ({"ignore": "k"}, "e.yaml:5:11: found column 'k' twice in target and ignore"),
        ({"target": "k, a"}, "e.yaml:5:11: found 2 target columns, expected one"),
        ({"source": "u.csv"}, "e.yaml:4:11: found no file"),
        ({"source": "moon"}, "e.yaml:4:11: found source 'moon', expected a name of the catalogue"),
        ({"source": "{name: t.csv, noise: 1.0, samples: 3}"}, "e.yaml:4:46: found 2 parameters for a set that takes"),
        ({"source": "{name: moons, classes: 3}", "target": "k"}, "e.yaml:5:11: found data.target for 'moons'"),
        ({"table": "1,no\n2,yes\n"}, "/t.csv:1: found a first line that may be names or a row"),
        (
            {"table": "1,no\n2,yes\n", "source": "t.csv\n  header: auto"},
            "e.yaml:5:11: found a first line that may be names or a row",
        ),
        ({"blanks": "drop", "test": 9}, "e.yaml:9:9: found 9 rows for data.test: 9, expected fewer"),
        (
            {"table": "a,b,k\n,1,no\n,2,yes\n1,,no\n2,,yes\n", "blanks": "drop"},
            "e.yaml:7:11: found blanks that leave 0",
        ),
        ({"table": "a,k\n1,no\n2,yes\n3,maybe\n"}, "e.yaml:2:7: found 3 classes ('maybe', 'no', 'yes')"),
        (
            {"table": "a,k\n1e308,no\n-1e308,yes\n0,no\n", "scale": "minmax"},
            "e.yaml:8:10: found a range beyond float64",
        ),
    ],
)
def test_a_fault_of_the_data_stands_at_the_key_that_causes_it(changes, start, tmp_path):
    found = placed(tmp_path, **changes)
    assert len(found) == 1
    assert found[0].startswith(start)


@pytest.mark.parametrize(
    ("table", "changes", "message"),
    [
        ("a,b,k\n1,2,no\n1,1e39,yes\n0,0,no\n", {}, "found 1e+39 in column 'b', expected one that is finite"),
        ("a,b,k\n1,2,1\n5,0,1e300\n1,1,0\n", {"task": "regression"}, "found 1e+300 in column 'k', expected one"),
    ],
)
def test_a_value_that_is_too_large_stands_at_its_row_in_the_file(table, changes, message, tmp_path):
    write(tmp_path, table, "t.csv")
    document = read_text(TEXT.format(**USUAL | {"test": 1} | changes), "e.yaml")
    experiment = validate(document)
    dataset = read_rows(experiment, document, tmp_path)
    for lines, place in ((None, "t.csv: row 2: "), (np.array([2, 7, 9]), "t.csv:7: ")):
        placed = replace(dataset, rows=RowFacts(lines=lines))
        with pytest.raises(DataError) as error:
            prepare_rows(experiment, placed, [0])
        assert str(error.value).startswith(f"{tmp_path}/{place}{message}")


def test_ranges_and_blanks_of_a_whole_column_name_it(tmp_path):
    [fault] = placed(tmp_path, "a,b,k\n0,1e308,no\n1,-1e308,yes\n0,0,no\n", scale="minmax")
    assert fault.startswith("e.yaml:8:10: found a range beyond float64 in column 'b', expected smaller values")
    [fault] = placed(tmp_path, "a,b,k\n0,1e308,no\n1,-1e308,yes\n0,0,no\n", scale="{name: minmax, together: true}")
    assert fault.startswith("e.yaml:8:10: found a range beyond float64 in the inputs, expected smaller values")


def test_a_key_that_is_not_written_is_placed_where_it_would_stand(tmp_path):
    document = read_text("name: nn\ntask: regression\ndata: {source: moons}\ntraining: {steps: 1}\n", "e.yaml")
    with pytest.raises(DataError) as error:
        read_rows(validate(document), document, tmp_path)
    assert str(error.value).startswith("e.yaml:2:7: found task regression for moons")


@pytest.mark.parametrize("word", ["task", "blanks", "data.ignore", "found no file", "finite once scaled"])
def test_a_word_of_the_data_that_stands_in_our_messages_too_misplaces_nothing(word, tmp_path):
    [fault] = placed(tmp_path, f"a,k\n1,{word}\n2,{word}\n")
    assert re.fullmatch(rf"/t\.csv: found 1 class \('{re.escape(word)}'\), expected at least two .*", fault)


def test_without_a_file_the_key_itself_is_named(tmp_path):
    write(tmp_path, TABLE, "t.csv")
    text = TEXT.format(**USUAL | {"test": 1, "target": "c"})
    experiment = validate(read_text(text, "e.yaml"))
    bare = type(experiment)(**dict(experiment))
    with pytest.raises(DataError, match=r"^data\.target\.0: found target 'c', expected the name of a column"):
        read_rows(bare, None, Path(tmp_path))


def test_layers_whose_buffers_do_not_fit_into_memory_are_refused_before_any_row_is_prepared():
    text = """\
name: wide
task: binary
data: {source: {name: moons, samples: 200000}}
network:
  layers: [3000, 3000]
training: {steps: 1, batch_size: all}
"""
    document = read_text(text, "e.yaml")
    with pytest.raises(ConfigError, match=r"e.yaml:5:11: found batches of all rows, for which layers need \d+\.\d GiB"):
        read_rows(validate(document), document, Path())
    small = read_text(text.replace("all", "32"), "e.yaml")
    assert read_rows(validate(small), small, Path()).x.shape == (200000, 2)
