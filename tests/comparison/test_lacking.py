"""Figures by which arms are stopped or ranked, and which the parts of some seeds or of all do not have."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from support import nnlab_here, parse_json, write

from nnlab.comparison import lacking
from nnlab.comparison.sweep import _undefined, _why_none

pytestmark = pytest.mark.usefixtures("no_pictures")

HOUSES = """\
name: houses
task: regression
data: {source: houses, validation: 1, test: 0.2, scale: standard}
network: {layers: [3]}
training: {epochs: 2}
"""
COINS = """\
name: coins
task: regression
data: {source: rows.csv, target: y, validation: 2}
network: {layers: [3]}
training: {epochs: 2}
"""


def coins(folder):
    """A table of which two rows have the same target or not, so that some seeds have a validation part without r2."""
    (folder / "rows.csv").write_text("x,y\n" + "".join(f"{x},{x % 2}\n" for x in range(12)))
    return write(folder, COINS)


def test_a_sweep_by_a_figure_that_no_seed_has_is_refused(tmp_path):
    words = ["--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "3", "--metric", "val/r2"]
    result = nnlab_here("sweep", write(tmp_path, HOUSES), *words, cwd=tmp_path)
    assert result.exit_code == 2
    why = "the validation part has a single row, which has no r2, for each of 3 seeds"
    assert f"--metric: found val/r2, but {why}; expected val/loss" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_sweep_over_the_size_of_the_part_looks_at_the_parts_of_every_point(tmp_path):
    words = ["--grid", "data.validation=1,3", "--seeds", "2", "--metric", "val/r2"]
    result = nnlab_here("sweep", write(tmp_path, HOUSES), *words, cwd=tmp_path)
    assert result.exit_code == 2
    assert "has a single row" in result.stderr


FOUND = re.compile(r"val/r2: for ([0-9]+) of 12 seeds the validation part has a constant target")


def test_a_sweep_by_a_figure_that_some_seeds_lack_says_how_many(tmp_path):
    words = ["--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "12", "--metric", "val/r2"]
    result = nnlab_here("sweep", coins(tmp_path), *words, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    document = parse_json(result.stdout)
    values = next(iter(document["arms"].values()))["final"]["val/r2"]["values"]
    told = [found[1] for one in document["verdict"]["warnings"] if (found := FOUND.match(one))]
    assert told == [str(values.count(0.0))]
    assert 0 < values.count(0.0) < 12
    assert FOUND.search(result.stderr)


def test_arms_that_are_stopped_by_such_a_figure_say_so_too(tmp_path):
    stopped = ["--set", "training.early_stopping={monitor: val/r2, patience: 2}", "--seeds", "12"]
    words = [*stopped, "--activation", "relu", "--activation", "tanh", "--json"]
    result = nnlab_here("compare-activations", coins(tmp_path), *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert sum(bool(FOUND.match(one)) for one in parse_json(result.stdout)["verdict"]["warnings"]) == 1


def arm(values, diverged):
    return SimpleNamespace(diverged=np.array(diverged), finals={"val/r2": np.array(values)})


def test_means_over_some_of_the_seeds_say_so():
    points = [arm([1, np.nan, np.nan], [False, False, True]), arm([1, np.nan, 3], [False, False, False])]
    found = [*_undefined(points, "val/r2", "val r2")]
    assert found == ["val r2 is undefined in the parts of 1 of 3 seeds: means are over the others"]


@pytest.mark.parametrize(
    ("diverged", "why"),
    [
        ([True, True], "every seed of each diverged"),
        ([False, True], "it is undefined in the parts of 1 seed, and all other seeds diverged"),
        ([False, False], "it is undefined in the parts of 2 seeds"),
    ],
)
def test_why_no_point_has_the_figure(diverged, why):
    assert _why_none([arm([np.nan, np.nan], diverged), arm([np.nan, np.nan], [True, True])]) == why


def test_points_without_the_figure_did_not_diverge_and_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(lacking, "may_be_undefined", lambda _name: False)
    words = ["--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "3", "--metric", "val/r2", "--json"]
    result = nnlab_here("sweep", write(tmp_path, HOUSES), *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "could not be drawn" not in result.stderr
    sentences = parse_json(result.stdout)["verdict"]["sentences"]
    assert sentences[0] == "No point has a val r2: it is undefined in the parts of 3 seeds."
