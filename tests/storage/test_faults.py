"""Disks that fail: every call to the file system in turn, and a few real ones. Nothing is lost, and nothing is left."""

from __future__ import annotations

import errno
import io
import os
import shlex
import shutil
from itertools import count

import pytest
from strategies import setup_of
from support import COMMAND, HOUSES, nnlab, nnlab_here, read_json, sh, write

from nnlab.errors import CheckpointError, StorageError
from nnlab.experiments import train as training
from nnlab.experiments.resume import newest, resume
from nnlab.experiments.train import train
from nnlab.storage import checkpoints
from nnlab.storage.folder import RunFolder

ERRORS = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EMFILE, errno.EROFS)
TEXT = HOUSES.replace("steps: 10", "steps: 4\n  checkpoint_every: 2")


class Faults:
    """Counts the calls that change anything below a folder, and makes one of them, or all from it on, fail."""

    CALLS = ("open", "replace", "rename", "link", "mkdir", "ftruncate", "write", "fsync")

    def __init__(self, folder, at, number, *, lasting=False):
        self.folder, self.at, self.number, self.lasting, self.calls = str(folder), at, number, lasting, 0
        self.failed = ""

    def look(self, what):
        """Count a call; fail if it is its turn."""
        self.calls += 1
        if self.calls == self.at or (self.lasting and self.calls > self.at):
            self.failed = what
            raise OSError(self.number, os.strerror(self.number))

    def install(self, monkeypatch):
        # A process that can open nothing any more cannot even remove a folder; the next run does that.
        for name in self.CALLS[self.lasting :]:
            monkeypatch.setattr(os, name, self.watched(name, getattr(os, name)))
        opened = io.open

        def opening(file, mode="r", *words, **more):
            if not self.is_ours(file) or not set(mode) & set("wax+"):
                return opened(file, mode, *words, **more)
            self.look("open")
            return Stream(opened(file, mode, *words, **more), self)

        monkeypatch.setattr(io, "open", opening)

    def is_ours(self, place):
        return isinstance(place, int) or str(place).startswith(self.folder)

    def watched(self, name, function):
        def call(place, *words, **more):
            if self.is_ours(place):
                self.look(name)
            return function(place, *words, **more)

        return call


class Stream:
    """A file whose writing may fail."""

    def __init__(self, stream, faults):
        self.stream, self.faults = stream, faults

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.stream.close()

    def write(self, content):
        self.faults.look("stream.write")
        return self.stream.write(content)

    def flush(self):
        self.faults.look("stream.flush")
        self.stream.flush()

    def truncate(self):
        self.faults.look("stream.truncate")
        self.stream.truncate()


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    monkeypatch.setattr(training, "draw", lambda *_words: iter(()))


def outcome(folder):
    kept = {name: (folder.path / name).read_bytes() for name in ("config.yaml", "metrics.csv", "hashes.csv")}
    return kept | {"last": folder.checkpoint("last").read_bytes(), "status": folder.read_run().status}


def run_of(root):
    """The run in a folder of runs; None if there is none, and then there is nothing else."""
    found = [path for path in root.iterdir() if not path.is_symlink()] if root.exists() else []
    assert len(found) <= 1
    return RunFolder(found[0]) if found else None


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_whichever_call_fails_the_run_ends_as_a_storage_error_and_can_be_resumed(lasting, tmp_path):
    setup = setup_of(TEXT)
    expected = outcome(RunFolder(train(setup, runs=tmp_path / "expected").folder))
    passed = []
    for at in count(1):
        root = tmp_path / str(at)
        faults = Faults(root, at, ERRORS[at % len(ERRORS)], lasting=lasting)
        with pytest.MonkeyPatch.context() as patch:
            faults.install(patch)
            try:
                train(setup, runs=root)
                passed.append(faults.failed)
            except StorageError:
                pass
        if not faults.failed:
            break
        folder = run_of(root)
        if folder is None:
            continue
        assert [path.name for path in root.rglob("*.part")] == [], faults.failed
        newest(folder)  # raises if one is damaged
        resume(folder, setup)
        assert outcome(folder) == expected
        shutil.rmtree(root)
    assert at > 60
    # What may fail without a fault of the run: `latest`, and making the disk keep the name of a lock.
    assert set(passed) <= {"", "replace"}


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_a_resume_that_fails_can_be_resumed(number, tmp_path):
    setup = setup_of(TEXT)
    expected = outcome(RunFolder(train(setup, runs=tmp_path / "expected").folder))
    with pytest.MonkeyPatch.context() as patch:
        Faults(tmp_path / "runs", 75, number).install(patch)
        with pytest.raises(StorageError):
            train(setup, runs=tmp_path / "runs")
    folder = run_of(tmp_path / "runs")
    for at in count(1, 3):
        faults = Faults(tmp_path / "runs", at, number)
        with pytest.MonkeyPatch.context() as patch:
            faults.install(patch)
            try:
                resume(folder, setup)
            except StorageError:
                continue
        break
    assert outcome(folder) == expected


# --- real ones -------------------------------------------------------------------------------------------------------

WIDE = HOUSES.replace("optimizer:", "network: {layers: [2000]}\noptimizer:").replace("steps: 10", "steps: 30")
EACH = ("--set", "training.checkpoint_every=1")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of half a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if sh(f"mount -t tmpfs -o size=512k none {shlex.quote(str(place))}", tmp_path).returncode != 0:
        pytest.skip("mounting a file system is not allowed here")
    yield place
    sh(f"umount {shlex.quote(str(place))}", tmp_path)


def test_a_full_disk_is_exit_code_5_and_the_checkpoint_before_loads(small_disk, tmp_path):
    result = nnlab("train", write(tmp_path, WIDE), *EACH, "--runs-dir", small_disk, cwd=tmp_path)
    assert result.returncode == 5, result.stderr
    assert "cannot write: No space left on device" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    folder = run_of(small_disk)
    assert [path.name for path in small_disk.rglob("*.part")] == []
    assert checkpoints.load(folder.checkpoint("last")).about["step"] >= 1


def test_a_file_size_limit_is_exit_code_5_and_leaves_no_half_file(tmp_path):
    write(tmp_path, WIDE)
    done = sh(f"ulimit -f 40; exec {shlex.join(COMMAND)} train experiment.yaml", tmp_path)
    assert done.returncode == 5, done.stderr
    assert "cannot write: File too large" in done.stderr
    assert [path.name for path in (tmp_path / "runs").rglob("*.part")] == []
    assert read_json(tmp_path / "runs/latest/run.json")["status"] == "failed"


def test_a_run_folder_deleted_while_training_is_exit_code_5_at_the_next_save(tmp_path, monkeypatch):
    saver = training.Saver

    class Deleting(saver):
        def save(self):
            shutil.rmtree(self.folder.path)
            super().save()

    monkeypatch.setattr(training, "Saver", Deleting)
    result = nnlab_here("train", write(tmp_path, HOUSES), *EACH, cwd=tmp_path)
    assert result.exit_code == 5
    assert "cannot write: No such file or directory" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_locked_is_refused_before_anything_is_touched(tmp_path):
    setup = setup_of(TEXT)
    folder = RunFolder(train(setup, runs=tmp_path).folder)
    (folder.path / ".lock").mkdir()
    with pytest.raises((StorageError, CheckpointError)):
        resume(folder, setup)
