"""Run folders and their files: made whole and exclusively, found by any clear word, locked, never half written."""

from __future__ import annotations

import math
import os
import subprocess
import time
from datetime import UTC, datetime

import pytest
from support import read_json, read_rows

from nnlab.errors import CheckpointError, ConfigError, StorageError
from nnlab.storage import files, folder
from nnlab.storage.folder import RunFolder
from nnlab.storage.lookup import find
from nnlab.storage.metrics import Metrics


class Still(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 21, 14, 30, 15, tzinfo=tz or UTC)

    def astimezone(self):
        return self


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(folder, "datetime", Still)


def made(root, *names):
    """Run folders that hold an experiment file."""
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "config.yaml").write_text("name: x\n", encoding="utf-8")
    return root


# --- making them -----------------------------------------------------------------------------------------------------


def test_a_clash_of_names_gets_a_number(still, tmp_path):
    names = [RunFolder.create(tmp_path / "runs", "xor").path.name for _ in range(3)]
    assert names == ["20261121-143015_xor", "20261121-143015_xor-2", "20261121-143015_xor-3"]


def test_latest_always_points_to_the_newest(still, tmp_path):
    for _ in range(3):
        newest = RunFolder.create(tmp_path, "xor").path
        assert (tmp_path / "latest").resolve() == newest.resolve()


def test_a_folder_called_latest_costs_no_run(tmp_path):
    (tmp_path / "latest").mkdir()
    made_one = RunFolder.create(tmp_path, "xor")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([made_one.path.name, "latest"])


def test_a_new_folder_has_places_for_checkpoints_and_plots(tmp_path):
    folder = RunFolder.create(tmp_path / "a" / "b", "xor")
    assert sorted(path.name for path in folder.path.iterdir()) == ["checkpoints", "plots"]


def test_a_root_that_is_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(StorageError, match="cannot write"):
        RunFolder.create(tmp_path / "runs", "xor")


def test_a_folder_appears_with_its_experiment_file_or_not_at_all(tmp_path, monkeypatch):
    """A process killed or failing before that leaves no run that nobody could resume."""
    monkeypatch.setattr(folder, "write_text", fail)
    with pytest.raises(StorageError):
        RunFolder.create(tmp_path, "xor", config="name: xor\n")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    found = RunFolder.create(tmp_path, "xor", config="name: xor\n")
    assert (found.path / "config.yaml").read_text(encoding="utf-8") == "name: xor\n"


def test_what_killed_processes_left_is_swept_and_what_others_are_writing_is_not(tmp_path):
    dead, alive = subprocess.Popen(["true"]), os.getpid()
    dead.wait()
    stale = [tmp_path / f".20261121-143015_xor.{dead.pid}.part", tmp_path / f".latest.{dead.pid}.part"]
    stale[0].mkdir()
    stale[1].symlink_to("gone")
    kept = [tmp_path / f".other.{alive}.part", tmp_path / ".somebody.part", tmp_path / "notes.1.part"]
    for path in kept:
        path.touch()
    RunFolder.create(tmp_path, "xor")
    assert [path.exists() or path.is_symlink() for path in (*stale, *kept)] == [False, False, True, True, True]


def test_in_a_locked_run_every_temporary_file_is_stale(tmp_path):
    folder = RunFolder.create(tmp_path, "xor")
    left = folder.path / "checkpoints" / f".last.npz.{os.getpid()}.part"
    left.touch()
    with folder.locked():
        assert left.exists()  # a command that is refused changes nothing
        folder.sweep()
        assert not left.exists()
        assert (folder.path / ".lock").read_text(encoding="utf-8") == f"{os.getpid()}\n"
    assert not (folder.path / ".lock").exists()


# --- finding them ----------------------------------------------------------------------------------------------------

NAMES = ("20261121-100000_xor", "20261121-110000_xor-relu", "20261122-100000_moons")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("20261121-110000_xor-relu", NAMES[1]),
        ("20261121-11", NAMES[1]),
        ("20261122", NAMES[2]),
        ("moons", NAMES[2]),
        ("mo", NAMES[2]),
        ("xor-", NAMES[1]),
        ("20261121-100000_xor", NAMES[0]),
    ],
)
def test_a_run_is_found_by_its_name_or_a_unique_beginning(word, name, tmp_path):
    assert find(made(tmp_path, *NAMES), word).path == tmp_path / name


def test_a_run_is_found_by_its_whole_name_although_another_begins_with_it(tmp_path):
    made(tmp_path, "20261121-100000_xor", "20261121-100000_xor-2")
    assert find(tmp_path, "20261121-100000_xor").path.name == "20261121-100000_xor"


def test_the_whole_name_without_its_time_is_found_although_another_begins_with_it(tmp_path):
    made(tmp_path, "20261121-100000_xor", "20261121-110000_xor-relu")
    assert find(tmp_path, "xor").path.name == "20261121-100000_xor"


def test_a_run_is_found_by_its_path(tmp_path):
    made(tmp_path / "elsewhere", "run")
    assert find(tmp_path, str(tmp_path / "elsewhere" / "run")).path == tmp_path / "elsewhere" / "run"


def test_no_run_is_called_latest(tmp_path):
    with pytest.raises(ConfigError, match="name: found latest, which means the newest run"):
        RunFolder.create(tmp_path / "runs", "latest")
    assert not (tmp_path / "runs").exists()


def test_latest_is_found_as_the_folder_it_points_to(tmp_path):
    made(tmp_path, *NAMES)
    (tmp_path / "latest").symlink_to(NAMES[1])
    assert find(tmp_path, "latest").path == find(tmp_path, str(tmp_path / "latest")).path == tmp_path / NAMES[1]


def test_of_several_runs_the_newest_is_found_by_name_at_latest(tmp_path):
    made(tmp_path, *NAMES, "20261123-100000_xor", "20261124-100000_xor-relu")
    found = {word: find(tmp_path, f"{word}@latest").path.name for word in ("xor", "xor-", "mo", "20261121")}
    assert list(found.values()) == ["20261123-100000_xor", "20261124-100000_xor-relu", NAMES[2], NAMES[1]]
    with pytest.raises(CheckpointError, match="found no run 'nothing'"):
        find(tmp_path, "nothing@latest")


def test_a_name_that_two_runs_have_lists_these_alone_with_their_times(tmp_path):
    made(tmp_path, *NAMES, "20261123-100000_xor")
    with pytest.raises(CheckpointError) as caught:
        find(tmp_path, "xor")
    names = f"{NAMES[0]}, 20261123-100000_xor"
    assert str(caught.value).startswith(f"'xor' means 2 runs ({names}), expected one of these names, or 'xor@latest'")


REFUSED = [
    ("2026", ["means 3 runs", *NAMES]),
    ("20261121", ["means 2 runs", NAMES[0], NAMES[1]]),
    ("20261122-100000_moon5", ["no run", NAMES[2]]),
    ("nothing", ["no run 'nothing'", "expected one such as"]),
    ("", ["expected"]),
    ("a\nb\x1b", [r"'a\nb\x1b'"]),
    ("latest", ["no run 'latest'"]),
    ("x" * 300, ["no run"]),
    ("../..", ["no run"]),
]


@pytest.mark.parametrize(
    ("word", "words"), REFUSED, ids=[row[0][:12].encode("unicode_escape").decode() for row in REFUSED]
)
def test_a_word_that_means_no_run_or_several_is_refused(word, words, tmp_path):
    made(tmp_path, *NAMES)
    with pytest.raises(CheckpointError) as caught:
        find(tmp_path, word)
    assert [piece for piece in words if piece not in str(caught.value)] == []


def test_a_latest_that_points_nowhere_is_refused(tmp_path):
    made(tmp_path, *NAMES)
    (tmp_path / "latest").symlink_to("gone")
    with pytest.raises(CheckpointError, match="no run 'latest'"):
        find(tmp_path, "latest")


def test_a_run_without_its_experiment_file_is_told_so(tmp_path, monkeypatch):
    made(tmp_path, *NAMES)
    lost = tmp_path / NAMES[0]
    (lost / "config.yaml").unlink()
    (lost / "run.json").write_text("{}")
    (tmp_path / "latest").symlink_to(NAMES[0])
    monkeypatch.chdir(tmp_path)
    for word in (NAMES[0], str(lost), "latest"):
        with pytest.raises(CheckpointError, match=r"/config.yaml: found no such file, expected a run's$"):
            find(tmp_path, word)


@pytest.mark.parametrize("exists", [True, False])
def test_without_any_run_that_is_said(exists, tmp_path):
    root = tmp_path if exists else tmp_path / "none"
    with pytest.raises(CheckpointError, match="found no run in"):
        find(root, "latest")


# --- files -----------------------------------------------------------------------------------------------------------


def fail(*_words):
    raise OSError(28, "No space left on device")


def stop(stream):
    stream.write(b"half")
    raise KeyboardInterrupt


@pytest.mark.parametrize(("write", "error"), [(fail, StorageError), (stop, KeyboardInterrupt)])
def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_else(write, error, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(error):
        files.write_atomically(path, write)
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_at_the_flush_leaves_the_file_as_it_was(monkeypatch, tmp_path):
    path = tmp_path / "a.json"
    files.write_text(path, "before")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"a\.json: cannot write: No space left"):
        files.write_text(path, "after")
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"loss": math.nan})
    files.write_json(tmp_path / "a.json", {"größe": [1, None, 0.1]})
    assert read_json(tmp_path / "a.json") == {"größe": [1, None, 0.1]}


def test_metrics_read_back_to_the_same_bits_and_have_empty_cells_where_nothing_was_measured(tmp_path):
    metrics = Metrics(tmp_path / "metrics.csv", ["batch/loss", "val/loss"])
    metrics.add(1, 0.1, {"batch/loss": 1 / 3, "val/loss": math.nan})
    metrics.add(2, 0.2, {"val/loss": 5e-324})
    metrics.add(3, 0.3, {"batch/loss": math.inf})
    metrics.close()
    rows = read_rows(tmp_path / "metrics.csv")
    assert [(row["batch/loss"], row["val/loss"]) for row in rows] == [
        ("0.3333333333333333", ""),
        ("", "5e-324"),
        ("", ""),
    ]
    assert float(rows[0]["batch/loss"]) == 1 / 3


def test_metrics_can_be_read_while_they_are_written(tmp_path):
    """Rows that come slowly are there at once; of rows that come fast the last ones may still be in the buffer."""
    path = tmp_path / "metrics.csv"
    metrics = Metrics(path, ["batch/loss"])
    time.sleep(0.3)
    metrics.add(1, 1.0, {"batch/loss": 0.5})
    assert path.read_text(encoding="utf-8") == "step,epoch,batch/loss\n1,1.0,0.5\n"
    metrics.add(2, 2.0, {"batch/loss": 0.25})
    assert path.read_text(encoding="utf-8").startswith("step,epoch,batch/loss\n1,1.0,0.5\n")
    metrics.flush()
    assert path.read_text(encoding="utf-8") == "step,epoch,batch/loss\n1,1.0,0.5\n2,2.0,0.25\n"
    metrics.close()
