"""Parts that a table gives: which seeds share rows, and what is said where a part that is asked for is not there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from strategies import experiment as made

from nnlab.config.document import read_text
from nnlab.config.experiment import load, to_yaml, validate
from nnlab.data.dataset import Columns, RowFacts
from nnlab.errors import ConfigError
from nnlab.setup.paths import with_absolute_paths
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up

SOURCE = {"name": "moons", "samples": 90}


def rows_for(experiment, seeds=(1, 2, 3), **facts):
    dataset = read_rows(made(), None, None)
    return prepare_rows(experiment, dataclasses.replace(dataset, rows=RowFacts(**facts)), seeds)


def given(*sizes):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(3, dtype=np.int8), sizes))


def test_seeds_share_rows_where_nothing_is_drawn():
    split, time = {"source": SOURCE, "split": "part"}, {"source": SOURCE, "time": "day", "test": 0.2}
    assert len(rows_for(made(data=split), parts=given(60, 15, 15)).prepared) == 1
    assert len(rows_for(made(data=time), times=np.arange(90.0)).prepared) == 1
    drawn = rows_for(made(data={"source": SOURCE, "group": "who", "test": 0.2}), groups=np.arange(90) // 5).prepared
    assert len(drawn) == 3
    assert drawn[0].split.test.tolist() != drawn[1].split.test.tolist()


def test_warnings_are_looked_for_once():
    wide = made(data={"source": SOURCE, "test": 0.2})
    dataset = read_rows(wide, None, None)
    prepared = prepare_rows(wide, dataclasses.replace(dataset, x=dataset.x * 1e4), (1, 2)).prepared
    assert [len(one.warnings) for one in prepared] == [1, 0]


def test_advice_that_is_taken_or_would_be_refused_is_not_given():
    rows = read_rows(made(), None, None)
    rare = dataclasses.replace(rows, y=(np.arange(90) < 2).astype(np.float64)[:, None])
    weighted = {"head": {"loss": {"name": "binary_cross_entropy", "class_weights": "balanced"}}}
    warned = [prepare_rows(made(network=net), rare, [1]).of(0).warnings for net in ({}, weighted)]
    assert [len(warnings) for warnings in warned] == [1, 0]
    counts = dataclasses.replace(
        rows, task="regression", y=np.arange(90.0)[:, None] * 100, columns=Columns(rows.columns.inputs, ("n",))
    )
    heads = ({"loss": "mse"}, {"loss": "poisson", "activation": "exponential"})
    regressions = (made(task="regression", network={"head": head}) for head in heads)
    assert [len(prepare_rows(one, counts, [1]).of(0).warnings) for one in regressions] == [1, 0]


TRAINING = {"steps": 2, "batch_size": 16}


@pytest.mark.parametrize(
    ("training", "words"),
    [
        (
            {"early_stopping": {"monitor": "val/loss"}},
            "early stopping watches val/loss, but data.split gives no row to",
        ),
        ({"evaluate": ["val"]}, "found val alone, but data.split gives no row to a validation part"),
    ],
)
def test_a_validation_part_that_a_table_turns_out_not_to_have_cannot_be_watched(training, words):
    experiment = made(data={"source": SOURCE, "split": "part"}, training=TRAINING | training)
    with pytest.raises(ConfigError, match=words):
        set_up(experiment, rows_for(experiment, parts=given(70, 0, 20)))
    plan = set_up(experiment, rows_for(experiment, parts=given(70, 10, 10))).plan
    assert "val" in plan.evaluate


TABLE = """\
name: t
task: binary
data: {{source: t.csv, scale: standard, ignore: [{ignored}], {keys}}}
training: {{steps: 1}}
"""


@pytest.fixture
def table(tmp_path):
    """200 rows of 40 patients, five of each, whose days are in no order; lines of validation and test are mixed in."""
    random = np.random.default_rng(0)
    patients, days = random.permutation(np.arange(200) % 40), random.permutation(200)
    parts = random.permutation(["train"] * 140 + ["val"] * 20 + ["test"] * 40)
    values, labels = random.normal(size=200), random.integers(0, 2, 200)
    lines = (
        f"p{patients[i]},{np.datetime64('2024-01-01') + days[i]},{parts[i]},{values[i]:.3f},{labels[i]}"
        for i in range(200)
    )
    (tmp_path / "t.csv").write_text("\n".join(["patient,day,part,value,sick", *lines]) + "\n")
    return tmp_path, patients, days, parts


def read(folder, ignored, keys):
    document = read_text(TABLE.format(ignored=ignored, keys=keys), "e.yaml")
    experiment = validate(document)
    return prepare_rows(experiment, read_rows(experiment, document, folder), [1, 2])


def test_a_column_of_the_table_gives_the_parts(table):
    folder, _, _, parts = table
    (prepared,) = read(folder, "patient, day", "split: part").prepared
    for name in ("train", "val", "test"):
        rows = getattr(prepared.split, {"val": "validation"}.get(name, name))
        np.testing.assert_array_equal(rows, np.flatnonzero(parts == name))
        assert len(getattr(prepared, name).x) == len(rows)
    assert prepared.train.x.shape[1] == 1


def test_a_column_of_the_table_keeps_groups_together(table):
    folder, patients, _, _ = table
    for prepared in read(folder, "day, part", "group: patient, test: 0.2, validation: 0.25").prepared:
        of_parts = (prepared.split.train, prepared.split.validation, prepared.split.test)
        assert [len(set(patients[rows])) for rows in of_parts] == [24, 8, 8]
        assert sum(map(len, of_parts)) == 200
        assert prepared.split.warnings == ()


def test_a_column_of_the_table_puts_the_latest_rows_last(table):
    folder, _, days, _ = table
    (prepared,) = read(folder, "patient, part", "time: day, test: 0.2, validation: 0.25").prepared
    np.testing.assert_array_equal(np.sort(days[prepared.split.test]), np.arange(160, 200))
    np.testing.assert_array_equal(np.sort(days[prepared.split.validation]), np.arange(120, 160))


def test_another_split_is_another_fingerprint(table):
    folder = table[0]
    rows = read(folder, "patient, day", "split: part")
    text = (folder / "t.csv").read_text()
    (folder / "t.csv").write_text(text.replace(",val,", ",test,"))
    assert read(folder, "patient, day", "split: part").dataset.fingerprint != rows.dataset.fingerprint


def test_the_paths_of_several_files_are_absolute_in_the_resolved_file(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,k\n1,0\n2,1\n")
    text = "name: f\ntask: binary\ndata: {files: {train: a.csv, test: b.csv}}\ntraining: {steps: 1}\n"
    (tmp_path / "e.yaml").write_text(text)
    experiment = with_absolute_paths(load(tmp_path / "e.yaml")[0], tmp_path).experiment
    (tmp_path / "resolved.yaml").write_text(to_yaml(experiment))
    data = load(tmp_path / "resolved.yaml")[0].data
    assert data.source.name == data.files.train == str(tmp_path / "a.csv")
    assert (data.files.val, data.files.test) == (None, str(tmp_path / "b.csv"))
