"""Decoded pixels in the user's cache: used again for the same content, made again if damaged, missed by nobody."""

import errno
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import class_folders, image_file, write_files

from nnlab.data.catalogue import load
from nnlab.data.images import pixels as module
from nnlab.data.stored import StoredRows
from nnlab.errors import DataError, StorageError
from nnlab.storage.cache import UserCache

PIXELS = np.random.default_rng(5).integers(0, 256, (20, 48)).astype(np.uint8)
LABELS = np.arange(20) // 10


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "set", PIXELS, LABELS, (3, 4, 4), ("a", "b"))


@pytest.fixture
def cache(tmp_path):
    return UserCache(tmp_path / "cache" / "nnlab")


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded."""
    seen = []
    decode = module.decode_from
    noting = lambda content, wanted: seen.append(len(content)) or decode(content, wanted)  # noqa: E731
    monkeypatch.setattr(module, "decode_from", noting)
    return seen


def read(folder, cache=None, **options):
    return load(str(folder), task="binary", cache=cache, **options)


def kept(cache):
    return sorted(cache.folder.iterdir())


@pytest.mark.parametrize("blocks", [None, 4])
def test_files_are_decoded_once(folder, cache, decoded, blocks):
    plain = read(folder)
    decoded.clear()
    first = read(folder, cache, in_blocks=blocks)
    assert len(decoded) == 20
    again = read(folder, cache, in_blocks=blocks)
    other = read(folder, cache, in_blocks=None if blocks else 4)
    assert len(decoded) == 20
    for data in (first, again, other):
        assert data.fingerprint == plain.fingerprint
        np.testing.assert_array_equal(data.x[:], PIXELS)
        assert (data.columns, data.warnings) == (plain.columns, ())
    assert isinstance(again.x, StoredRows) == bool(blocks)
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_the_name_is_that_of_the_content(folder, cache, decoded, tmp_path):
    read(folder, cache)
    folder.rename(tmp_path / "moved")
    for path in (tmp_path / "moved").rglob("*.png"):
        os.utime(path, (1, 1))
        path.rename(path.with_name(f"new_{path.name}"))
    read(tmp_path / "moved", cache)
    assert len(decoded) == 20
    path = next((tmp_path / "moved").rglob("*.png"))
    path.write_bytes(image_file(np.zeros((4, 4, 3))))
    assert (read(tmp_path / "moved", cache).x == 0).all(axis=1).any()
    read(tmp_path / "moved", cache, resize=[2, 2])
    read(tmp_path / "moved", cache, channels="gray")
    assert len(kept(cache)) == 4


def test_another_version_of_pillow_may_decode_otherwise(folder, cache, monkeypatch):
    read(folder, cache)
    monkeypatch.setattr("PIL.__version__", "99.0")
    read(folder, cache)
    assert len(kept(cache)) == 2


def damaged(content, damage, place):
    """The content of a cache file with one kind of damage at a place."""
    flipped = bytearray(content)
    flipped[place] ^= 1
    return {"cut": content[:-place], "flip": bytes(flipped), "longer": content + b"x", "text": b"x" * 100}.get(
        damage, b""
    )


@pytest.mark.parametrize("blocks", [None, 4])
@pytest.mark.parametrize("damage", ["cut", "flip", "longer", "empty", "text", "folder", "fifo", "link"])
def test_a_damaged_cache_file_is_made_again(folder, cache, decoded, damage, blocks):
    whole = read(folder, cache, in_blocks=blocks)
    (path,) = kept(cache)
    content = path.read_bytes()
    for place in {"cut": [1, 40, 500], "flip": [0, 500, len(content) - 100, len(content) - 1]}.get(damage, [0]):
        path.unlink(missing_ok=True)
        if damage == "folder":
            path.mkdir()
        elif damage == "fifo":
            os.mkfifo(path)
        elif damage == "link":
            path.symlink_to("absent")
        else:
            path.write_bytes(damaged(content, damage, place))
        decoded.clear()
        data = read(folder, cache, in_blocks=blocks)
        assert data.fingerprint == whole.fingerprint
        assert len(decoded) >= 20
        if damage in ("folder", "fifo"):
            (warning,) = data.warnings
            assert "the decoded pixels are not kept for the next time" in warning
            return
        assert path.read_bytes() == content


@settings(max_examples=200)
@given(data=st.data())
def test_no_changed_cache_file_is_taken_for_sound(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "kept"
    cache = UserCache(tmp_path_factory.getbasetemp() / "kept-cache")
    if not folder.exists():
        class_folders(folder, PIXELS, LABELS, (3, 4, 4), ("a", "b"))
    read(folder, cache)
    (path,) = kept(cache)
    whole = path.read_bytes()
    changed = bytearray(whole)
    place = data.draw(st.integers(0, len(whole) - 1) | st.integers(len(whole) - 150, len(whole) - 1))
    changed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path.write_bytes(changed)
    for blocks in (None, 4):
        found = module._kept(path, 20, blocks)
        assert (found is None) == (bytes(changed) != whole)
    path.write_bytes(whole)


def test_a_sound_cache_file_of_other_files_is_not_used(folder, cache):
    read(folder, cache)
    (path,) = kept(cache)
    assert module._kept(path, 20, None) is not None
    assert module._kept(path, 21, None) is None


def test_bad_files_are_remembered(folder, cache, decoded):
    write_files(folder / "a", {"bad.png": b"", "worse.png": b"x"})
    with pytest.raises(DataError, match="2 files of 22"):
        read(folder, cache)
    assert not cache.folder.exists() or kept(cache) == []
    first = read(folder, cache, bad_images="skip")
    decoded.clear()
    again = read(folder, cache, bad_images="skip")
    assert (again.fingerprint, again.warnings, decoded) == (first.fingerprint, first.warnings, [])
    with pytest.raises(DataError) as error:
        read(folder, cache)
    assert [fault.file for fault in error.value.faults[1:]] == [f"{folder}/a/bad.png", f"{folder}/a/worse.png"]


def test_rows_in_the_cache_are_read_by_other_processes(folder, cache):
    for rows in (read(folder, cache, in_blocks=4).x, read(folder, in_blocks=4).x):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows))[:], PIXELS)


def test_rows_in_the_cache_stay_when_it_is_emptied(folder, cache):
    rows = read(folder, cache, in_blocks=4).x
    for path in kept(cache):
        path.unlink()
    np.testing.assert_array_equal(rows[:], PIXELS)


def test_a_set_beyond_the_limit_names_the_key(folder, monkeypatch):
    monkeypatch.setattr(module, "ARRAY_LIMIT", 20 * 48 - 1)
    with pytest.raises(DataError, match=r"found 20 pictures of 48 bytes, expected at most .*data.in_blocks"):
        read(folder)
    assert read(folder, in_blocks=4).x.shape == (20, 48)


def test_a_file_that_changes_meanwhile_is_noticed(folder, cache, monkeypatch):
    digest = module._digest
    monkeypatch.setattr(module, "_digest", lambda path: digest(path)[::-1])
    with pytest.raises(DataError, match="found another content than a moment ago"):
        read(folder, cache)
    assert not cache.folder.exists()


# --- the folder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/home/a"}, "/home/a/.cache/nnlab"),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "/x"}, "/x/nnlab"),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": ""}, "/home/a/.cache/nnlab"),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "relative"}, "/home/a/.cache/nnlab"),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "/x", "NNLAB_CACHE": "/mine"}, "/mine"),
        ({"HOME": "/home/a", "NNLAB_CACHE": ""}, None),
        ({}, None),
        ({"HOME": ""}, None),
        ({"HOME": "relative"}, None),
        ({"XDG_CACHE_HOME": "/x"}, "/x/nnlab"),
    ],
)
def test_where_the_cache_is(environment, expected):
    found = UserCache.of(environment)
    assert (None if found is None else str(found.folder)) == expected


def full(*_, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("blocks", [None, 4])
@pytest.mark.parametrize("what", ["os.fsync", "pathlib.Path.mkdir"])
def test_a_full_disk_costs_the_cache_and_a_warning(folder, cache, monkeypatch, what, blocks):
    with monkeypatch.context() as patch:
        patch.setattr(what, full)
        data = read(folder, cache, in_blocks=blocks)
    np.testing.assert_array_equal(data.x[:], PIXELS)
    (warning,) = data.warnings
    assert "not kept for the next time" in warning
    assert "No space left on device" in warning
    assert not cache.folder.exists() or kept(cache) == []


def test_a_place_that_is_no_folder(folder, tmp_path):
    (tmp_path / "file").write_text("x")
    data = read(folder, UserCache(tmp_path / "file" / "nnlab"))
    assert "Not a directory" in data.warnings[0]
    assert "File exists" in read(folder, UserCache(tmp_path / "file")).warnings[0]


def test_a_disk_that_is_full_for_the_temporary_file_too(folder, cache, monkeypatch):
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: open("/dev/full", "wb", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(StorageError, match="No space left on device"):
        read(folder, cache, in_blocks=4)
