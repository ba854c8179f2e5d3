"""Run folders, their files and checkpoints: made exclusively, found by any unambiguous word, never half written."""

from __future__ import annotations

import io
import math
import os
from datetime import UTC, datetime

import numpy as np
import pytest
from support import read_json, read_rows

from nnlab.errors import CheckpointError, StorageError
from nnlab.records import checkpoints, files, runs
from nnlab.records.checkpoints import Checkpoint
from nnlab.records.runs import Metrics, RunFolder


class Still(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 21, 14, 30, 15, tzinfo=tz or UTC)

    def astimezone(self):
        return self


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(runs, "datetime", Still)


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
    assert runs.find(made(tmp_path, *NAMES), word).path == tmp_path / name


def test_a_run_is_found_by_its_whole_name_although_another_begins_with_it(tmp_path):
    made(tmp_path, "20261121-100000_xor", "20261121-100000_xor-2")
    assert runs.find(tmp_path, "20261121-100000_xor").path.name == "20261121-100000_xor"


def test_the_whole_name_without_its_time_is_found_although_another_begins_with_it(tmp_path):
    made(tmp_path, "20261121-100000_xor", "20261121-110000_xor-relu")
    assert runs.find(tmp_path, "xor").path.name == "20261121-100000_xor"


def test_a_run_is_found_by_its_path(tmp_path):
    made(tmp_path / "elsewhere", "run")
    assert runs.find(tmp_path, str(tmp_path / "elsewhere" / "run")).path == tmp_path / "elsewhere" / "run"


def test_latest_is_found_as_the_folder_it_points_to(tmp_path):
    made(tmp_path, *NAMES)
    (tmp_path / "latest").symlink_to(NAMES[1])
    assert runs.find(tmp_path, "latest").path.name == NAMES[1]


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
        runs.find(tmp_path, word)
    assert [piece for piece in words if piece not in str(caught.value)] == []


def test_a_latest_that_points_nowhere_is_refused(tmp_path):
    made(tmp_path, *NAMES)
    (tmp_path / "latest").symlink_to("gone")
    with pytest.raises(CheckpointError, match="no run 'latest'"):
        runs.find(tmp_path, "latest")


@pytest.mark.parametrize("exists", [True, False])
def test_without_any_run_that_is_said(exists, tmp_path):
    root = tmp_path if exists else tmp_path / "none"
    with pytest.raises(CheckpointError, match="found no run in"):
        runs.find(root, "latest")


# --- files -----------------------------------------------------------------------------------------------------------


def fail(_stream):
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
    metrics = Metrics(tmp_path / "metrics.csv", ["batch/loss"])
    metrics.add(1, 1.0, {"batch/loss": 0.5})
    assert (tmp_path / "metrics.csv").read_text(encoding="utf-8") == "step,epoch,batch/loss\n1,1.0,0.5\n"
    metrics.close()


# --- checkpoints -----------------------------------------------------------------------------------------------------

CHECKPOINT = Checkpoint(
    {"theta": np.arange(6.0).reshape(1, 6), "slots/mean": np.ones((1, 6), np.float32), "scaling/shift": np.zeros(2)},
    {"step": 3, "fingerprint": "f"},
)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "best.npz"
    checkpoints.save(path, CHECKPOINT)
    return path


def same(first, second):
    return first.arrays.keys() == second.arrays.keys() and all(
        a.dtype == second.arrays[name].dtype and np.array_equal(a, second.arrays[name])
        for name, a in first.arrays.items()
    )


def test_a_checkpoint_reads_back_to_the_same(saved):
    found = checkpoints.load(saved)
    assert same(found, CHECKPOINT)
    assert found.about == {"format": 1, "step": 3, "fingerprint": "f"}
    assert list(found.group("slots")) == ["mean"]


def test_a_checkpoint_replaces_the_one_before(saved):
    checkpoints.save(saved, Checkpoint({"theta": np.zeros((1, 1))}, {"step": 4}))
    assert checkpoints.load(saved).about["step"] == 4
    assert [path.name for path in saved.parent.iterdir()] == ["best.npz"]


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoints.load(tmp_path / "best.npz")


def test_a_checkpoint_cut_at_any_byte_is_refused(saved):
    whole = saved.read_bytes()
    for length in range(len(whole)):
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            checkpoints.load(saved)


@pytest.mark.parametrize("bit", range(8))
def test_a_checkpoint_with_any_bit_flipped_is_refused_or_reads_the_same(bit, saved):
    """Zip checks what it holds; some of its own fields, such as times, mean nothing to the arrays."""
    whole = bytearray(saved.read_bytes())
    wrong = []
    for index in range(len(whole)):
        whole[index] ^= 1 << bit
        saved.write_bytes(whole)
        whole[index] ^= 1 << bit
        try:
            found = checkpoints.load(saved)
        except CheckpointError:
            continue
        except Exception as error:  # noqa: BLE001 - any other exception would reach the user as a traceback
            wrong.append((index, repr(error)))
        else:
            if not same(found, CHECKPOINT) or found.about["step"] != 3:
                wrong.append((index, "read as something else"))
    assert wrong == []


def npz(**members):
    stream = io.BytesIO()
    np.savez(stream, **members)
    return stream.getvalue()


def about(text):
    return np.frombuffer(text, np.uint8)


STRANGE = {
    "empty": b"",
    "no zip": b"theta",
    "an array": npz(theta=np.zeros(1))[:0] + b"\x93NUMPY",
    "no description": npz(theta=np.zeros((1, 1))),
    "no JSON": npz(about=about(b"{"), theta=np.zeros((1, 1))),
    "no mapping": npz(about=about(b"[1]"), theta=np.zeros((1, 1))),
    "a newer format": npz(about=about(b'{"format": 2}'), theta=np.zeros((1, 1))),
    "no format": npz(about=about(b"{}"), theta=np.zeros((1, 1))),
    "pickled objects": npz(about=np.array([{}], dtype=object)),
    "a number": npz(about=np.array(5.0)),
}


@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
def test_a_strange_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "best.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        checkpoints.load(path)


def test_an_npy_file_in_place_of_a_checkpoint_is_refused(tmp_path):
    with (tmp_path / "best.npz").open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(CheckpointError):
        checkpoints.load(tmp_path / "best.npz")


def test_a_folder_in_place_of_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "best.npz").mkdir()
    with pytest.raises(CheckpointError):
        checkpoints.load(tmp_path / "best.npz")
