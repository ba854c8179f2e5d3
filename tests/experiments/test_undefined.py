"""Figures that a part does not have: refused before training where they are watched, and told of at the end."""

import json

import numpy as np
import pytest
from strategies import setup_of
from support import nnlab_here, read_json, write

from nnlab.experiments.resume import resume
from nnlab.experiments.train import train
from nnlab.storage.folder import RunFolder

pytestmark = pytest.mark.usefixtures("quick_pictures")

ROWS = [
    *((x, x % 2, "train") for x in range(40)),
    *((x, 1, "val") for x in range(6)),
    *((x, 0, "test") for x in (7, 9)),
]
TABLE = "x,y,part\n" + "".join(f"{x},{('no', 'yes')[y]},{part}\n" for x, y, part in ROWS)
GIVEN = """\
name: given
task: binary
data: {source: rows.csv, target: y, split: part, scale: standard}
network: {layers: [3]}
training:
  epochs: 6
  early_stopping: {monitor: MONITOR, patience: 2}
"""
HOUSES = """\
name: houses
task: regression
seed: 3
data: {source: houses, validation: 1, scale: standard}
network: {layers: [3]}
training: {epochs: 9, early_stopping: {monitor: val/r2, patience: 3}}
"""


def given(folder, monitor):
    (folder / "rows.csv").write_text(TABLE)
    return write(folder, GIVEN.replace("MONITOR", monitor))


@pytest.mark.parametrize(
    ("monitor", "why"),
    [
        ("val/roc_auc", "has rows of one class alone, 'yes'"),
        ("val/average_precision", "has rows of one class alone, 'yes'"),
        ("val/f1/no", "has no row of class 'no'"),
    ],
)
@pytest.mark.parametrize("command", [["train"], ["train", "--dry-run"], ["compare-activations"]])
def test_a_watched_figure_that_the_part_does_not_have_is_refused(tmp_path, monitor, why, command):
    path = given(tmp_path, monitor)
    more = ["--seeds", "2", "--activation", "relu", "--activation", "tanh"] if command[0] != "train" else []
    result = nnlab_here(command[0], path, *command[1:], *more, cwd=tmp_path)
    assert result.exit_code == 2
    assert f"e.yaml:7:29: found {monitor}, but the validation part {why}" in result.stderr.replace(str(path), "e.yaml")
    assert "expected val/loss" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_watched_figure_that_the_part_has_is_trained_with(tmp_path):
    result = nnlab_here("train", given(tmp_path, "train/roc_auc"), cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "was never a number" not in result.stderr


def test_r2_of_one_row_is_refused(tmp_path):
    result = nnlab_here("train", write(tmp_path, HOUSES), cwd=tmp_path)
    assert result.exit_code == 2
    assert "found val/r2, but the validation part has a single row, which has no r2" in result.stderr


def test_where_the_monitor_was_never_a_number_the_last_weights_are_reported(tmp_path):
    """Such runs may have begun before they were refused, or have a figure that happens to be undefined throughout."""
    result = train(setup_of(HOUSES), runs=tmp_path)
    warned = [one for one in result.warnings if "never a number" in one]
    assert len(warned) == 1
    assert warned[0].startswith("val/r2, which early stopping watches, was never a number: the weights kept are the")
    summary = read_json(result.folder / "summary.json")
    assert (summary["best"]["step"], summary["best"]["value"]) == (summary["steps"], None)
    assert not result.uses_best
    with (
        np.load(result.folder / "checkpoints" / "best.npz") as best,
        np.load(result.folder / "checkpoints" / "last.npz") as last,
    ):
        np.testing.assert_array_equal(best["theta"], last["theta"])
    shown = nnlab_here("eval", result.folder.name, "--split", "train", "--runs-dir", tmp_path, "--json", cwd=tmp_path)
    figures = json.loads(shown.stdout)["figures"]
    assert figures == {name: summary["final"][name] for name in figures}


def test_to_resume_it_a_larger_patience_is_not_advised(tmp_path):
    folder = train(setup_of(HOUSES), runs=tmp_path).folder
    again = resume(RunFolder(folder), setup_of(HOUSES))
    assert "for val/r2 was never a number" in again.warnings[0]
    assert "--set training.early_stopping.monitor=val/loss" in again.warnings[0]
    assert "patience" not in again.warnings[0]


def test_a_constant_target_of_a_part_is_told_of(tmp_path):
    values = [*((x, 2 * x, "train") for x in range(20)), (1, 5, "val"), (2, 5, "val"), (3, 7, "test"), (4, 8, "test")]
    (tmp_path / "rows.csv").write_text("x,y,part\n" + "".join(f"{x},{y},{part}\n" for x, y, part in values))
    text = "name: n\ntask: regression\ndata: {source: rows.csv, target: y, split: part}\nnetwork: {layers: [2]}\n"
    result = nnlab_here("train", write(tmp_path, text + "training: {epochs: 2}\n"), cwd=tmp_path)
    told = [line for line in result.stderr.splitlines() if "constant in the" in line]
    where = "target 'y' is constant in the validation part"
    assert told == [f"warning: {where}: its r2 there is 0 by convention, or 1 where every prediction is exact"]
