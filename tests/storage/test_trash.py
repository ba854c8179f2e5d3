"""Removed runs: whole in the trash, seen by no command, back in their place; `latest` always points to a run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from made_up_runs import made_up
from support import ROOT, environment

from nnlab import api
from nnlab.errors import CheckpointError, StorageError
from nnlab.storage.folder import RunFolder
from nnlab.storage.lookup import find

NAMES = ("20261121-100000_a", "20261121-110000_b", "20261122-100000_c")


@pytest.fixture
def runs(tmp_path):
    for name in NAMES:
        made_up(tmp_path, name)
    (tmp_path / "latest").symlink_to(NAMES[-1])
    return tmp_path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] == "2")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_removed_run_is_whole_in_the_trash_and_comes_back_as_it_was(runs):
    before = contents(runs / NAMES[0])
    assert api.remove_runs(["a"], runs_dir=runs) == [(runs / NAMES[0], runs / ".trash" / NAMES[0])]
    assert names_in(runs) == [*NAMES[1:]]
    assert contents(runs / ".trash" / NAMES[0]) == before
    assert api.restore_runs(["a"], runs_dir=runs) == [(runs / ".trash" / NAMES[0], runs / NAMES[0])]
    assert contents(runs / NAMES[0]) == before
    assert names_in(runs / ".trash") == []


def test_no_command_sees_a_removed_run(runs):
    api.remove_runs(["a"], runs_dir=runs)
    with pytest.raises(CheckpointError, match="found no run 'a'"):
        find(runs, "a")
    assert [run.entry.run for run in api.list_runs(runs_dir=runs).runs] == [*NAMES[1:]]
    RunFolder.create(runs, "new")  # which sweeps what killed processes left
    assert names_in(runs / ".trash") == [NAMES[0]]


def test_latest_points_to_the_newest_run_that_is_left(runs):
    api.remove_runs(["latest"], runs_dir=runs)
    assert find(runs, "latest").path.name == NAMES[1]
    api.remove_runs(["a"], runs_dir=runs)
    assert find(runs, "latest").path.name == NAMES[1]
    api.remove_runs(["b"], runs_dir=runs)
    assert not (runs / "latest").is_symlink()
    api.restore_runs(["b"], runs_dir=runs)
    assert find(runs, "latest").path.name == NAMES[1]
    api.restore_runs(["a", "c"], runs_dir=runs)
    assert find(runs, "latest").path.name == NAMES[2]


def test_latest_points_to_a_run_before_its_own_goes(runs, monkeypatch):
    """A process that is killed between the two leaves a `latest` that can be used."""
    monkeypatch.setattr("nnlab.storage.trash.take_free_name", fail)
    with pytest.raises(StorageError):
        api.remove_runs(["c"], runs_dir=runs)
    assert find(runs, "latest").path.name == NAMES[1]
    assert names_in(runs) == [*NAMES]
    assert not (runs / NAMES[2] / ".lock").exists()


def fail(*_):
    raise OSError(28, "No space left on device")


def test_of_runs_that_cannot_all_be_removed_none_is(runs):
    with RunFolder(runs / NAMES[1]).locked(), pytest.raises(CheckpointError, match="locked by pid"):
        api.remove_runs(["a", "b"], runs_dir=runs)
    with pytest.raises(CheckpointError, match="found no run 'x'"):
        api.remove_runs(["a", "x"], runs_dir=runs)
    assert api.remove_runs(["a"], runs_dir=runs, agreed=lambda paths: paths != [runs / NAMES[0]]) == []
    assert names_in(runs) == [*NAMES]


def test_a_broken_run_is_removed_by_its_whole_name_and_restored(runs):
    (runs / NAMES[0] / "config.yaml").unlink()
    api.remove_runs([NAMES[0]], runs_dir=runs)
    api.restore_runs(["a"], runs_dir=runs)
    assert names_in(runs) == [*NAMES]


def test_links_and_what_is_in_the_trash_already_are_not_removed(runs, tmp_path_factory):
    (runs / "link").symlink_to(made_up(tmp_path_factory.mktemp("else"), "run"))
    with pytest.raises(CheckpointError, match="found a link"):
        api.remove_runs(["link"], runs_dir=runs)
    ((_, removed),) = api.remove_runs(["a"], runs_dir=runs)
    with pytest.raises(CheckpointError, match="removed already"):
        api.remove_runs([str(removed)], runs_dir=runs)
    with pytest.raises(CheckpointError, match="found no removed run"):
        api.restore_runs(["a"], runs_dir=runs / ".trash")


def test_a_name_that_is_taken_gets_a_number(runs):
    api.remove_runs(["a"], runs_dir=runs)
    made_up(runs, NAMES[0], accuracy=0.75)
    assert api.restore_runs(["a"], runs_dir=runs) == [(runs / ".trash" / NAMES[0], runs / f"{NAMES[0]}-2")]
    assert api.remove_runs([NAMES[0]], runs_dir=runs)[0][1] == runs / ".trash" / NAMES[0]


def test_a_trash_that_is_a_link_is_refused(runs, tmp_path_factory):
    (runs / ".trash").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(CheckpointError, match="found a link, expected a folder"):
        api.remove_runs(["a"], runs_dir=runs)
    assert names_in(runs) == [*NAMES]


def test_runs_are_lost_by_no_kill():
    """Each child lists, compares, removes and restores until it is killed; without options, a thousand of them."""
    script = ROOT / "benchmarks" / "kill_runs.py"
    changes = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": None}
    done = subprocess.run(
        [sys.executable, script, "--runs", "100", "--kills", "40"],
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"40 kills among 100 runs: \d+ in the trash, 0 faults\n", done.stdout)
