"""Checkpoints: self-contained, the same bytes for the same content, and any change to them is found."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile

import numpy as np
import pytest

from nnlab.errors import CheckpointError
from nnlab.storage import checkpoints
from nnlab.storage.checkpoints import Checkpoint, DamagedCheckpointError, MissingCheckpointError

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
    members = {name: checkpoints.digest(array) for name, array in CHECKPOINT.arrays.items()}
    assert found.about == {"format": 2, "step": 3, "fingerprint": "f", "members": members}
    assert list(found.group("slots")) == ["mean"]


def test_a_checkpoint_replaces_the_one_before(saved):
    checkpoints.save(saved, Checkpoint({"theta": np.zeros((1, 1))}, {"step": 4}))
    assert checkpoints.load(saved).about["step"] == 4
    assert [path.name for path in saved.parent.iterdir()] == ["best.npz"]


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(MissingCheckpointError, match="no such checkpoint"):
        checkpoints.load(tmp_path / "best.npz")


def test_a_checkpoint_cut_at_any_byte_is_refused(saved):
    whole = saved.read_bytes()
    for length in range(len(whole)):
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            checkpoints.load(saved)


@pytest.mark.parametrize("bit", range(8))
def test_a_checkpoint_with_any_bit_flipped_is_found_damaged(bit, saved):
    """Or refused for what it then says it is, but never read; zip's own fields that mean nothing are no exception."""
    whole = bytearray(saved.read_bytes())
    wrong = []
    for index in range(len(whole)):
        whole[index] ^= 1 << bit
        saved.write_bytes(whole)
        whole[index] ^= 1 << bit
        try:
            checkpoints.load(saved)
        except DamagedCheckpointError:
            continue
        except Exception as error:  # noqa: BLE001 - any other exception would reach the user as a traceback
            wrong.append((index, repr(error)))
        else:
            wrong.append((index, "read"))
    assert wrong == []


@pytest.mark.parametrize("length", [0, 1, 21, 22, 100, -1, -64, -65])
def test_a_checkpoint_that_is_cut_is_damaged_and_not_foreign(length, saved):
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(DamagedCheckpointError, match=r"corrupt|no description"):
        checkpoints.load(saved)


def test_bytes_behind_the_end_are_found(saved):
    saved.write_bytes(saved.read_bytes() + b"x")
    with pytest.raises(DamagedCheckpointError):
        checkpoints.load(saved)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_description_is_strict_json_which_has_no_such_numbers(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        checkpoints.to_bytes(Checkpoint({"theta": np.zeros((1, 1))}, {"loss": number}))


def test_the_same_content_gives_the_same_bytes():
    assert checkpoints.to_bytes(CHECKPOINT) == checkpoints.to_bytes(CHECKPOINT)


def test_numpy_reads_a_checkpoint_and_zip_finds_the_seal(saved):
    with np.load(saved, allow_pickle=False) as members:
        assert set(members.files) == {*CHECKPOINT.arrays, "about"}
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert archive.comment == hashlib.sha256(saved.read_bytes()[:-64]).hexdigest().encode()


def test_the_one_before_is_kept(saved):
    before, kept = saved.read_bytes(), saved.with_name("previous.npz")
    checkpoints.save(saved, Checkpoint({"theta": np.zeros((1, 1))}, {"step": 4}), keep=kept)
    assert kept.read_bytes() == before
    assert checkpoints.load(saved).about["step"] == 4
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best.npz", "previous.npz"]


def test_the_one_before_is_kept_where_files_have_one_name_only(saved, monkeypatch):
    before, kept = saved.read_bytes(), saved.with_name("previous.npz")

    def no_links(_self, _target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(type(saved), "hardlink_to", no_links)
    checkpoints.save(saved, Checkpoint({"theta": np.zeros((1, 1))}, {"step": 4}), keep=kept)
    assert kept.read_bytes() == before
    assert checkpoints.load(saved).about["step"] == 4


def test_a_member_that_is_not_the_one_described_is_found(saved):
    """Even where somebody has sealed the file anew."""
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    other = io.BytesIO()
    np.save(other, np.ones((1, 6)))
    saved.write_bytes(sealed(members | {"theta.npy": other.getvalue()}))
    with pytest.raises(DamagedCheckpointError, match="member"):
        checkpoints.load(saved)


def test_a_newer_format_is_refused_and_not_passed_over(saved, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", 3)
    checkpoints.save(saved, CHECKPOINT)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="found format 3, written by a newer nnlab, expected format 2") as caught:
        checkpoints.load(saved)
    assert not isinstance(caught.value, DamagedCheckpointError)


class Bomb:
    """What must never be unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle has run')",)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_without_a_look_inside(protocol, saved):
    saved.write_bytes(pickle.dumps(Bomb(), protocol))
    with pytest.raises(CheckpointError, match="found a pickle") as caught:
        checkpoints.load(saved)
    assert not isinstance(caught.value, DamagedCheckpointError)


def test_pickled_objects_inside_are_refused_without_a_look_inside(saved):
    saved.write_bytes(npz(theta=np.array([Bomb()], dtype=object)))
    with pytest.raises(CheckpointError, match="found pickled objects") as caught:
        checkpoints.load(saved)
    assert not isinstance(caught.value, DamagedCheckpointError)


@pytest.mark.parametrize("version", [(2, 0), (3, 0)])
def test_pickled_objects_are_not_looked_into_in_numpys_other_formats_either(version, saved):
    member = io.BytesIO()
    np.lib.format.write_array(member, np.array([Bomb()], dtype=object), version)
    saved.write_bytes(sealed({"theta.npy": member.getvalue()}))
    with pytest.raises(DamagedCheckpointError, match=f"in NumPy's format {version[0]}.0, expected 1.0"):
        checkpoints.load(saved)


@pytest.mark.parametrize("shape", [(1, 10**12), (10**40, 1), (2, 2), (1, 3), (0, 10**40), (-1, -4)])
def test_an_array_whose_header_promises_other_bytes_than_there_are_is_refused_unallocated(shape, saved):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": shape})
    member.write(bytes(32 if shape == (-1, -4) else 16))
    saved.write_bytes(sealed({"theta.npy": member.getvalue()}))
    with pytest.raises(DamagedCheckpointError, match=r"best\.npz: the checkpoint is corrupt"):
        checkpoints.load(saved)


def test_an_archive_that_unpacks_to_more_than_its_size_is_refused_before_it_is_unpacked(saved, monkeypatch):
    def never(*_words):
        raise AssertionError

    packed = sealed({"theta.npy": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    saved.write_bytes(packed)
    monkeypatch.setattr(zipfile.ZipFile, "read", never)
    reason = f"theta.npy is said to have 1,000,000 bytes, in a file of {len(packed):,}"
    with pytest.raises(DamagedCheckpointError, match=reason):
        checkpoints.load(saved)


def sealed(members, compression=zipfile.ZIP_STORED):
    """An archive of these members with a seal at its end, as checkpoints have it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    content = stream.getvalue()[:-2] + (64).to_bytes(2, "little")
    return content + hashlib.sha256(content).hexdigest().encode()


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
    "a newer format": npz(about=about(b'{"format": 3}'), theta=np.zeros((1, 1))),
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
