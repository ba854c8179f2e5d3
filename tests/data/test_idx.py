"""Folders of IDX files: what is read, and what is refused before it is unpacked."""

import gzip
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.data import files
from nnlab.data.idx import read_idx, read_idx_folder, read_idx_folder_like
from nnlab.errors import DataError

IMAGES = np.arange(36, dtype=np.uint8).reshape(4, 3, 3)
LABELS = np.array([3, 1, 3, 1], np.uint8)


def idx(values):
    return struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()


@pytest.fixture(params=["", ".gz"])
def folder(tmp_path, request):
    for part, count in (("train", 4), ("t10k", 2)):
        for name, values in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
            data = idx(values[:count])
            path = tmp_path / f"{part}-{name}-ubyte{request.param}"
            path.write_bytes(gzip.compress(data) if request.param else data)
    return tmp_path


def rewrite(folder, stem, data):
    """Put `data` in the place of the file, packed as it was; bytes are taken as they are if it was not."""
    (path,) = folder.glob(f"{stem}*")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_a_folder(folder):
    data = read_idx_folder(folder, task="binary")
    assert (data.x.dtype, data.x.shape, data.image_shape, data.own_test) == (np.uint8, (6, 9), (3, 3), 2)
    np.testing.assert_array_equal(data.x[:4], IMAGES.reshape(4, 9))
    np.testing.assert_array_equal(data.y[:, 0], [1, 0, 1, 0, 1, 0])
    assert data.columns.classes == ("1", "3")


def test_without_a_test_part(folder):
    for path in folder.glob("t10k*"):
        path.unlink()
    assert read_idx_folder(folder, task="multiclass").own_test == 0


def test_new_rows_are_the_test_part(folder):
    columns = read_idx_folder(folder, task="binary").columns
    rows = read_idx_folder_like(folder, columns, task="binary")
    np.testing.assert_array_equal(rows.x, IMAGES[:2].reshape(2, 9))
    rewrite(folder, "train-labels", idx(LABELS + 1))
    rewrite(folder, "t10k-labels", idx(LABELS[:2] + 1))
    with pytest.raises(DataError, match="found classes 2, 4"):
        read_idx_folder_like(folder, columns, task="binary")


@pytest.mark.parametrize(
    ("stem", "data", "words"),
    [
        ("train-images", idx(LABELS), "magic number 00000801, expected 00000803"),
        ("train-images", b"", "magic number none"),
        ("train-images", idx(IMAGES)[:10], "found 10 bytes, expected"),
        ("train-images", struct.pack(">IIII", 0x803, 2**31, 2**31, 2**31) + b"x", "2147483648"),
        ("train-images", struct.pack(">IIII", 0x803, 0, 3, 3), "none to be 0"),
        ("train-images", idx(IMAGES) + b"x", "expected"),
        ("train-images", idx(IMAGES)[:-1], "expected"),
        ("train-labels", idx(LABELS[:3]), "3 train labels, expected 4"),
        ("t10k-labels", idx(np.array([3, 9], np.uint8)), "label 9 in row 6"),
        ("t10k-images", idx(IMAGES[:2, :2]), "different sizes"),
        ("train-labels", idx(LABELS * 0), "1 class"),
    ],
)
def test_what_is_no_idx(folder, stem, data, words):
    rewrite(folder, stem, data)
    with pytest.raises(DataError) as error:
        read_idx_folder(folder, task="multiclass")
    assert words in str(error.value)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_tasks_without_classes(folder, task):
    with pytest.raises(DataError, match="found class labels"):
        read_idx_folder(folder, task=task)


def test_missing_files(folder, tmp_path):
    (path,) = folder.glob("t10k-labels*")
    path.unlink()
    with pytest.raises(DataError, match="no file t10k-labels-idx1-ubyte"):
        read_idx_folder(folder, task="binary")
    path.symlink_to("nowhere")
    with pytest.raises(DataError, match="a link that leads nowhere"):
        read_idx_folder(folder, task="binary")
    for place in (folder / "absent", next(folder.glob("train-images*"))):
        with pytest.raises(DataError):
            read_idx_folder(place, task="binary")


def test_a_packed_file_that_is_corrupt(tmp_path):
    whole = gzip.compress(idx(IMAGES))
    path = tmp_path / "images.gz"
    for broken in (
        whole[:-9],
        whole[:-4],
        whole[:-8] + b"\0" * 8,
        whole[:40] + b"\xff" + whole[41:],
        b"\x1f\x8b",
        b"no",
    ):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"corrupt|magic"):
            read_idx(path, 3)


def test_a_bomb_is_unpacked_no_further_than_promised(tmp_path, monkeypatch):
    packer = zlib.compressobj(wbits=31)
    path = tmp_path / "images.gz"
    path.write_bytes(packer.compress(idx(IMAGES) + bytes(2**26)) + packer.flush())
    read = []
    whole_fill = files._chunks
    monkeypatch.setattr(files, "_chunks", lambda stream, limit: read.append(limit) or whole_fill(stream, limit))
    with pytest.raises(DataError, match="more bytes"):
        read_idx(path, 3)
    assert read == [36]
    path.write_bytes(gzip.compress(struct.pack(">IIII", 0x803, 2**20, 2**10, 2**10) + bytes(2**16)))
    with pytest.raises(DataError, match="expected sizes it can hold"):
        read_idx(path, 3)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), packed=st.booleans())
def test_nothing_but_a_data_error_comes_of_a_changed_file(tmp_path_factory, data, packed):
    content = bytearray(gzip.compress(idx(IMAGES)) if packed else idx(IMAGES))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=5))
    path = tmp_path_factory.getbasetemp() / ("fuzz.gz" if packed else "fuzz")
    path.write_bytes(content)
    try:
        values = read_idx(path, 3)
    except DataError:
        return
    assert values.size == 36
