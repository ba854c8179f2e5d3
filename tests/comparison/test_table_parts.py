"""Comparisons on a table that gives its rows to parts itself, with a validation part or without."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from strategies import experiment as made

from nnlab.comparison.prepare import activation_arms, sweep_arms
from nnlab.data.dataset import RowFacts
from nnlab.errors import ConfigError
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.setup.rows import read_rows

TEXT = """\
name: parts
task: binary
data: {source: {name: moons, samples: 90}, split: part}
network: {layers: [3]}
training: {steps: 2, batch_size: 16}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "e.yaml").write_text(TEXT)
    return ExperimentFile.read(tmp_path / "e.yaml")


def dataset(*sizes):
    parts = np.random.default_rng(0).permutation(np.repeat(np.arange(3, dtype=np.int8), sizes))
    return dataclasses.replace(read_rows(made(), None, None), rows=RowFacts(parts=parts))


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("sizes", "part"), [((60, 15, 15), "val"), ((70, 0, 20), "train")])
def test_the_default_target_is_on_a_part_that_the_table_has(file, tmp_path, sizes, part):
    arms, rows = activation_arms(file, ["relu", "tanh"], 2), dataset(*sizes)
    first, again = (arms.compare(arms.checked(rows), runs=tmp_path / "runs", needed=True) for _ in range(2))
    assert (first.reused, again.reused) == (0, 4)
    summary = first.compared.summary
    assert summary.target.startswith(f"{part}/accuracy >= 0.95")
    assert {name.partition("/")[0] for name in summary.arms["relu"].final} == {"train", "test", part}


def test_a_target_on_a_part_that_the_table_does_not_have_is_refused(file):
    arms = activation_arms(file, ["relu", "tanh"], 2, target="val/accuracy >= 0.9")
    assert arms.checked(dataset(60, 15, 15))
    with pytest.raises(ConfigError, match=r"val/accuracy is never measured: data.split gives no row to that part"):
        arms.checked(dataset(70, 0, 20))


@pytest.mark.parametrize("metric", [None, "val/accuracy"])
def test_nothing_is_chosen_on_a_part_that_the_table_does_not_have(file, metric):
    arms = sweep_arms(file, ["training.steps=1,2"], [], None, 2, metric=metric)
    assert arms.checked(dataset(60, 15, 15))
    with pytest.raises(ConfigError, match="found no validation part to choose the best settings on"):
        arms.checked(dataset(70, 0, 20))
