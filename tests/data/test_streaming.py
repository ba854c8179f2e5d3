"""Rows that stay in their file: the values and bits of rows in memory, in blocks that bound it, or a refusal."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import PAINTED, environment, faults, nnlab, nnlab_here, parse_json, read_json, trained, write

from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.data import stored
from nnlab.data.batches import RUNS, shuffled_in_blocks
from nnlab.data.catalogue import load, load_new
from nnlab.data.idx import stored_idx
from nnlab.data.npy import stored_file
from nnlab.data.scaling import NAMES, Scaling
from nnlab.data.stored import Stacked, StoredRows, pick, stack
from nnlab.errors import DataError, StorageError
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.training import batches as batches_module
from nnlab.training.batches import batches_of
from nnlab.training.epochs import Epoch
from nnlab.training.loop import fit

pytestmark = pytest.mark.usefixtures("no_pictures")

RANDOM = np.random.default_rng(7)
DESCRIPTORS = Path("/proc/self/fd")
IMAGES = RANDOM.integers(0, 256, (90, 3, 4), np.uint8)
LABELS = RANDOM.integers(0, 3, 90).astype(np.uint8)


# --- the order --------------------------------------------------------------------------------------------------------


@given(rows=st.integers(1, 3000), block=st.integers(1, 500), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_every_row_is_visited_once_and_a_block_is_of_few_stretches_of_the_file(rows, block, seed, epoch):
    order = shuffled_in_blocks(rows, block, seed, epoch)
    np.testing.assert_array_equal(np.sort(order), np.arange(rows))
    run = max(1, block // RUNS)
    for start in range(0, rows, block):
        # The runs that fill a block, one cut at either end, and the short one at the end of the file.
        assert len(np.unique(order[start : start + block] // run)) <= -(-block // run) + 2
    np.testing.assert_array_equal(order, shuffled_in_blocks(rows, block, seed, epoch))


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {shuffled_in_blocks(500, 64, seed, epoch).tobytes() for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_what_is_one_block_is_mixed_as_well_as_can_be():
    """Each row is as likely in each place: 8 rows in 4000 orders, within 5 deviations of a chi-square of 7 x 7."""
    counts = np.zeros((8, 8))
    for seed in range(4000):
        counts[np.arange(8), shuffled_in_blocks(8, 8, seed, 0)] += 1
    chi_square = 7 / 8 * ((counts - 500) ** 2 / 500).sum()  # each row and each column adds up to 4000
    assert abs(chi_square - 49) < 5 * np.sqrt(2 * 49)


def test_a_sorted_file_has_the_variance_between_batches_that_the_docstring_derives():
    """A file whose first half is 0 and second half 1: the variance of a batch's mean is 1 + (m - 1) / 32 times m's."""
    rows, block, size = 64 * 1024, 1024, 32
    means = [
        (shuffled_in_blocks(rows, block, seed, 0) >= rows // 2).reshape(-1, size).mean(axis=1) for seed in range(40)
    ]
    found = np.mean(np.square(np.concatenate(means) - 0.5)) / (0.25 / size)
    run = block // RUNS
    expected = 1 + (size - 1) * (run - 1) / (block - 1)  # the share of pairs of one block that are of one run
    assert found == pytest.approx(expected, rel=0.05)
    assert 1.9 < expected < 2


# --- reading ----------------------------------------------------------------------------------------------------------


def npy(path, values):
    np.save(path, values)
    return stored_file(path)


@pytest.fixture(params=[(2**23, 2**16), (50, 8), (1, 0)], ids=["usual", "small", "single"])
def reads(request, monkeypatch):
    """How much is read at once."""
    monkeypatch.setattr(stored, "_MOST_BYTES", request.param[0])
    monkeypatch.setattr(stored, "_SMALLEST_GAP", request.param[1])


KEYS = st.one_of(
    st.slices(37),
    st.lists(st.integers(-37, 36), max_size=30).map(lambda rows: np.array(rows, np.int64)),
    st.lists(st.booleans(), min_size=37, max_size=37).map(np.array),
    st.integers(-37, 36),
)


@pytest.mark.usefixtures("reads")
@pytest.mark.parametrize("dtype", ["u1", "?", ">i2", "<u8", ">f4", "<f8", "<f2"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, picked=st.lists(st.integers(-37, 36), min_size=1, max_size=20))
@example(key=0, picked=[8, 8, 10])  # as many as there are rows from the first to the last
@example(key=np.array([25, 25, 27]), picked=[25, 25, 27])
@example(key=np.array([27, 25, 25]), picked=[29, 31, 29])  # and of two files
@example(key=-1, picked=[-1, -37, 0])
def test_rows_are_those_of_the_array(tmp_path, dtype, key, picked):
    whole = (
        RANDOM.integers(0, 2, (37, 5)).astype(dtype) if dtype == "?" else RANDOM.integers(0, 99, (37, 5)).astype(dtype)
    )
    rows = StoredRows([npy(tmp_path / "a.npy", whole[:30]), npy(tmp_path / "b.npy", whole[30:])], 8)
    expected = whole if dtype == "u1" else whole.astype(np.float64)
    assert (rows.shape, len(rows), rows.size, rows.dtype) == ((37, 5), 37, 185, expected.dtype)
    found = rows[key]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected[key])
    some = rows.pick(np.array(picked))
    np.testing.assert_array_equal(some[:], expected[picked])
    np.testing.assert_array_equal(some.pick(np.array([0, len(picked) - 1]))[:], expected[picked][[0, -1]])
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), expected)
    np.testing.assert_array_equal(np.asarray(rows, np.float32), expected.astype(np.float32))


RUNS_OF_ROWS = st.lists(
    st.builds(lambda first, step, count: [(first + step * n) % 37 for n in range(count)],
              st.integers(0, 36), st.integers(0, 3), st.integers(1, 9)),
    max_size=5,
).map(lambda runs: [row for run in runs for row in run])  # fmt: skip


@pytest.mark.usefixtures("reads")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=RUNS_OF_ROWS, again=RUNS_OF_ROWS)
@example(rows=[25, 25, 27], again=[1, 1, 0])
@example(rows=[30, 30, 32, 32, 34], again=[0, 0, 2])
def test_rows_asked_for_twice_with_gaps_behind_them_are_those_of_numpy(tmp_path, rows, again):
    """As they are, picked, picked out of picked ones, scaled, and of replicas at once."""
    whole = np.arange(37 * 3, dtype=np.uint8).reshape(37, 3)
    stored_rows = StoredRows([npy(tmp_path / "a.npy", whole[:30]), npy(tmp_path / "b.npy", whole[30:])], 8)
    scaled = Scaling.fit(stored_rows, "none").apply(stored_rows, np.float64, np.array(rows, np.int64))
    taken = whole.take(np.array(rows, np.int64), axis=0)
    np.testing.assert_array_equal(stored_rows[rows], taken)
    np.testing.assert_array_equal(stored_rows.pick(np.array(rows, np.int64))[:], taken)
    np.testing.assert_array_equal(scaled[:], taken)
    both = Stacked([stored_rows, stored_rows.pick(np.arange(37)[::-1])])
    np.testing.assert_array_equal(both.take([rows, rows]), [taken, whole[::-1][rows]])
    inside = [place % len(rows) for place in again] if rows else []
    np.testing.assert_array_equal(stored_rows.pick(np.array(rows, np.int64)).pick(np.array(inside, np.int64))[:],
                                  taken[np.array(inside, np.int64)])  # fmt: skip
    np.testing.assert_array_equal(scaled[inside], taken[np.array(inside, np.int64)])


@pytest.mark.parametrize("key", [37, -38, np.array([0, 37]), np.array([True, False])])
def test_a_row_that_is_not_there_is_an_error_and_no_other_row(tmp_path, key):
    rows = StoredRows([npy(tmp_path / "a.npy", np.ones((37, 3)))], 8)
    with pytest.raises(IndexError):
        rows[key]
    with pytest.raises(IndexError):
        rows.pick(np.atleast_1d(key))


def test_what_is_drawn_is_in_memory_only_if_it_is_narrow(tmp_path):
    narrow, wide = (StoredRows([npy(tmp_path / f"{n}.npy", np.ones((4, n)))], 2) for n in (2, 3))
    assert isinstance(pick(narrow), np.ndarray)
    assert isinstance(pick(narrow, np.array([1])), np.ndarray)
    assert isinstance(pick(wide), StoredRows)
    assert len(pick(wide, np.array([1]))) == 1


def idx(values):
    return struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()


def saved(folder, kind, x=IMAGES, y=LABELS, test=20):
    """A data set in one of the formats, its last `test` rows as its test part; and the path to load it by."""
    parts = {"x_train": x[:-test], "y_train": y[:-test], "x_test": x[-test:], "y_test": y[-test:]}
    if kind == "npz":
        np.savez(folder / "set.npz", **parts)
    elif kind == "packed npz":
        np.savez_compressed(folder / "set.npz", **parts)
    elif kind == "npy":
        for name, values in parts.items():
            np.save(folder / f"{name}.npy", values)
    else:
        for part, end in (("train", "train"), ("t10k", "test")):
            for name, values in (("images-idx3", parts[f"x_{end}"]), ("labels-idx1", parts[f"y_{end}"])):
                data = idx(values)
                path = folder / f"{part}-{name}-ubyte{'.gz' if kind == 'idx.gz' else ''}"
                path.write_bytes(gzip.compress(data) if kind == "idx.gz" else data)
    return str(folder / "set.npz" if "npz" in kind else folder)


KINDS = ["npz", "packed npz", "npy", "idx", "idx.gz"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_data_set_that_it_gives_in_memory(tmp_path, kind):
    path = saved(tmp_path, kind)
    memory, lazy = load(path, task="multiclass"), load(path, task="multiclass", in_blocks=16)
    assert isinstance(lazy.x, StoredRows)
    assert (lazy.x.shape, lazy.x.dtype) == (memory.x.shape, memory.x.dtype)
    np.testing.assert_array_equal(lazy.x[:], memory.x)
    assert replace(lazy, x=None, y=None) == replace(memory, x=None, y=None)
    np.testing.assert_array_equal(lazy.y, memory.y)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_for_a_model_are_the_test_part(tmp_path, kind):
    path = saved(tmp_path, kind, y=(np.arange(90) % 3).astype(np.uint8))
    columns = load(path, task="multiclass").columns
    memory = load_new(path, columns, task="multiclass")
    lazy = load_new(path, columns, task="multiclass", in_blocks=16)
    assert len(lazy.x) == 20
    np.testing.assert_array_equal(lazy.x[:], memory.x)
    np.testing.assert_array_equal(lazy.y, memory.y)
    assert lazy.fingerprint == memory.fingerprint


@pytest.mark.parametrize("in_blocks", [None, 7])
def test_a_folder_with_one_part(tmp_path, in_blocks):
    np.save(tmp_path / "x.npy", IMAGES.reshape(90, 12) / 7)
    np.save(tmp_path / "y.npy", LABELS)
    np.save(tmp_path / "notes.npy", LABELS)  # of no concern
    data = load(str(tmp_path), task="multiclass", in_blocks=in_blocks)
    assert (data.name, data.own_test, data.image_shape) == (tmp_path.name, 0, None)
    assert data.sample_shape == data.x.shape[1:]
    np.testing.assert_array_equal(data.x[:], IMAGES.reshape(90, 12) / 7)


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_opens_the_same_rows_unless_they_have_changed(tmp_path, kind):
    data = load(saved(tmp_path, kind), task="multiclass", in_blocks=16)
    packed = pickle.dumps(data)
    np.testing.assert_array_equal(pickle.loads(packed).x[:], data.x[:])
    for path in tmp_path.iterdir():
        os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="has changed since it was opened"):
        pickle.loads(packed)


# --- what is refused --------------------------------------------------------------------------------------------------


def header(descr="'<f8'", shape="(3, 2)", fortran="False"):
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


VALUES = np.arange(6.0).tobytes()
BAD_ARRAYS = [
    (b"", "does not begin as a plain .npy array"),
    (b"\x93NUMPY\x03\x00" + VALUES, "does not begin as a plain .npy array"),
    (header()[:50], "corrupt header"),
    (header(shape="(3, 2") + VALUES, "corrupt header"),
    (header(shape="(-3, 2)") + VALUES, "corrupt header"),
    (header() + VALUES[:-1], "fewer bytes than"),
    (header() + VALUES + b"\0", "more bytes than"),
    (header(shape="(999999999999999999, 999999999999999999)") + VALUES, "fewer bytes than"),
    (header(descr="'|O'") + VALUES, "elements of type '|O'"),
    (header(descr="[('a', '<f8')]") + VALUES, "elements of type a structure"),
    (header(descr="'<c16'") + VALUES, "elements of type '<c16'"),
    (header(shape="(6,)") + VALUES, "expected (rows, inputs)"),
    (header(shape="(6, 0)"), "at least one row and one column"),
    (header(shape="(2, 3)") + VALUES, "found 2 rows in x and shape (3,) in y"),
    (header() + VALUES[:-8] + np.array(np.nan).tobytes(), "found nan in row 3, column 2 of x"),
]


@pytest.mark.parametrize("in_blocks", [None, 2])
@pytest.mark.parametrize(("content", "words"), BAD_ARRAYS, ids=range(len(BAD_ARRAYS)))
@pytest.mark.parametrize("kind", ["npy", "npz", "packed npz"])
def test_arrays_that_lie(tmp_path, kind, content, words, in_blocks):
    if kind == "npy":
        (tmp_path / "x.npy").write_bytes(content)
        np.save(tmp_path / "y.npy", np.array([0, 1, 0]))
    else:
        labels = io.BytesIO()
        np.save(labels, np.array([0, 1, 0]))
        packing = zipfile.ZIP_STORED if kind == "npz" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(tmp_path / "set.npz", "w", packing) as archive:
            archive.writestr("x.npy", content)
            archive.writestr("y.npy", labels.getvalue())
    with pytest.raises(DataError) as error:
        load(str(tmp_path if kind == "npy" else tmp_path / "set.npz"), task="binary", in_blocks=in_blocks)
    assert words in str(error.value)
    assert len(error.value.faults) == 1


def test_a_checksum_that_is_wrong_is_found_before_rows_are_used(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=np.arange(600.0).reshape(200, 3), y=np.arange(200) % 2)
    content = bytearray(path.read_bytes())
    place = content.index(np.array(77.0).tobytes())
    content[place : place + 8] = np.array(78.0).tobytes()
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        load(str(path), task="binary", in_blocks=2)


@pytest.mark.parametrize("kind", ["npy", "npz", "packed npz"])
def test_columns_cannot_be_read_as_rows(tmp_path, kind):
    path = saved(tmp_path, kind)
    arrays = {"x": np.asfortranarray(IMAGES.reshape(90, 12)), "y": LABELS}
    if kind == "npy":
        path = str(tmp_path / "whole")
        (tmp_path / "whole").mkdir()
        for name, values in arrays.items():
            np.save(tmp_path / "whole" / f"{name}.npy", values)
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(path, **arrays)
    np.testing.assert_array_equal(load(path, task="multiclass").x, arrays["x"])
    with pytest.raises(DataError, match=r"Fortran's order, with data.in_blocks; expected rows in C's order"):
        load(path, task="multiclass", in_blocks=2)


def test_an_idx_file_that_unpacks_to_less_or_more_than_it_says(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for content, words in ((idx(IMAGES)[:-1], "only 1079 bytes"), (idx(IMAGES) + b"\0", "more bytes")):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(DataError, match=f"found {words} after the header, expected 1080"):
            stored_idx(path, 3)
    path.write_bytes(gzip.compress(idx(IMAGES))[:-4])
    with pytest.raises(DataError, match="corrupt or truncated"):
        stored_idx(path, 3)


@pytest.mark.parametrize("change", ["cut", "written", "longer"])
def test_a_file_that_changes_while_it_is_open(tmp_path, change):
    path = tmp_path / "x.npy"
    rows = StoredRows([npy(path, np.ones((100, 3)))], 8)
    os.utime(path, ns=(5, 5))
    rows = StoredRows([stored_file(path)], 8)
    assert rows[:].sum() == 300
    with path.open("r+b") as file:
        if change == "cut":
            file.truncate(1000)
        elif change == "longer":
            file.seek(0, os.SEEK_END)
            file.write(b"more")
        else:
            file.seek(1000)
            file.write(b"other")
    with pytest.raises(DataError, match=r"x\.npy: the file has changed since it was opened"):
        rows[:]


def test_a_file_that_another_takes_the_place_of_is_read_on(tmp_path):
    path = tmp_path / "x.npy"
    rows = StoredRows([npy(path, np.ones((100, 3)))], 8)
    np.save(tmp_path / "other.npy", np.zeros((1, 1)))
    (tmp_path / "other.npy").replace(path)
    assert rows[:].sum() == 300


def test_no_descriptor_is_left_open(tmp_path):
    before = len([*DESCRIPTORS.iterdir()])
    for kind in KINDS:
        folder = tmp_path / kind
        folder.mkdir()
        path = saved(folder, kind)
        for _ in range(3):
            load(path, task="multiclass", in_blocks=16)
            with pytest.raises(DataError):
                load(path, task="regression" if "idx" in kind else "binary", in_blocks=16)
    assert len([*DESCRIPTORS.iterdir()]) <= before


def test_no_room_to_unpack(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(Path("/dev/full").open, "wb"))
    with pytest.raises(StorageError, match=r"cannot unpack .*set.npz there: No space left .*; TMPDIR may name another"):
        load(saved(tmp_path, "packed npz"), task="multiclass", in_blocks=16)


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    data = load(saved(tmp_path / "set", "idx.gz"), task="multiclass", in_blocks=16)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert data.x[:].size == IMAGES.size


def said(path, task, in_blocks):
    """What a reader makes of a path: all there is to a data set, or its refusal."""
    try:
        data = load(str(path), task=task, in_blocks=in_blocks)
        scaled = Scaling.fit(data.x, "standard").apply(data.x, np.float32)
    except DataError as error:
        return str(error)
    return replace(data, x=None, y=None), data.y.tobytes(), data.x[:].tobytes(), scaled[:].tobytes()


@pytest.mark.parametrize("name", ["npz", "npy", "idx"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), task=st.sampled_from(["binary", "multiclass", "regression"]))
def test_whatever_stands_in_a_file_is_read_or_refused_as_in_memory(tmp_path, name, chance, task):
    path = tmp_path / f"{chance.getrandbits(60)}"
    path.mkdir(exist_ok=True)
    if name == "idx":
        for file, made in json.loads(fuzz.idx_folder(chance)):
            (path / file).write_bytes(bytes.fromhex(made))
    elif name == "npz":
        (path / "a.npz").write_bytes(fuzz.archive(chance))
        path /= "a.npz"
    else:
        np.save(path / "y.npy", np.array([0, 1, 0]))
        np.save(path / "x.npy", chance.choice([np.ones((3, 2)), np.ones((3, 2, 2), np.uint8), np.eye(3, dtype=">i2")]))
        (path / "x.npy").write_bytes(fuzz.changed(chance, (path / "x.npy").read_bytes(), fuzz.HEADERS))
    found = said(path, task, 5)
    if "in Fortran's order" not in str(found):
        assert found == said(path, task, None)


@pytest.mark.parametrize("source", ["iris", "xor", "penguins", "t.csv"])
def test_other_sets_are_read_as_a_whole(tmp_path, source):
    write(tmp_path, "a,b\n1,2\n", "t.csv")
    with pytest.raises(DataError, match=rf"found data.in_blocks for '{source}', which is read as a whole"):
        load(source, task="multiclass" if source != "xor" else "binary", in_blocks=16, base=tmp_path)


def large_file(path, rows, columns, dtype="|u1"):
    """An .npy file of zeros that takes no room on the disk."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": (rows, columns)})
        file.truncate(file.tell() + rows * columns * np.dtype(dtype).itemsize)


def test_an_array_beyond_the_limit_of_what_is_read_at_once_names_the_key(tmp_path):
    large_file(tmp_path / "x.npy", 5 * 2**20, 1024)
    with pytest.raises(DataError, match=r"x.npy: found \d+ bytes, expected at most 4 GiB .*data.in_blocks"):
        load(str(tmp_path), task="regression")


# --- scaling and batches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("raw", ["u1", "<f4", ">i4"])
def test_rows_scaled_when_they_are_read_have_the_bits_of_rows_scaled_before(tmp_path, raw, name, together, dtype):
    values = (RANDOM.normal(0, 40, (300, 6)) + 100).astype(raw)
    rows = StoredRows([npy(tmp_path / "x.npy", values)], 8)
    memory = values if raw == "u1" else values.astype(np.float64)
    train = np.sort(RANDOM.permutation(300)[:200])
    options = {"together": together, "rows": train, "source_range": (-50, 205.5)}
    scaling = Scaling.fit(rows, name, 1e-9, **options)
    expected = Scaling.fit(memory, name, 1e-9, **options)
    assert scaling.shift.tobytes() == expected.shift.tobytes()
    assert scaling.divisor.tobytes() == expected.divisor.tobytes()
    lazy, whole = scaling.apply(rows, dtype, train), expected.apply(memory, dtype, train)
    assert lazy.shape == whole.shape
    for key in (slice(None), slice(3, 150, 2), np.array([7, 3, 3, 199])):
        assert lazy[key].dtype == dtype
        assert lazy[key].tobytes() == whole[key].tobytes()


def test_a_value_that_is_not_finite_once_scaled_is_found_before_training(tmp_path):
    values = np.zeros((5000, 300))
    values[4321, 7] = 1e300
    rows = StoredRows([npy(tmp_path / "x.npy", values)], 8)
    scaling = Scaling.fit(rows, "none")
    with pytest.raises(DataError) as lazy:
        scaling.apply(rows, np.float32)
    with pytest.raises(DataError, match="row 4322 of its part") as memory:
        scaling.apply(values, np.float32)
    assert str(lazy.value) == str(memory.value)


@pytest.mark.parametrize("replicas", ["one", "shared", "own"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    in_blocks=st.integers(1, 130),
    size=st.integers(1, 120),
    shuffle=st.booleans(),
    steps=st.lists(st.integers(0, 400)),
    drop_last=st.booleans(),
    fewest=st.integers(1, 2),
)
@example(in_blocks=33, size=33, shuffle=True, steps=[0, 2, 1, 5], drop_last=False, fewest=2)  # a block, and a row more
@example(in_blocks=99, size=33, shuffle=True, steps=[2, 0, 5], drop_last=False, fewest=2)
@example(in_blocks=99, size=99, shuffle=True, steps=[0, 1], drop_last=False, fewest=2)
@example(in_blocks=60, size=60, shuffle=True, steps=[0, 1, 2], drop_last=True, fewest=1)
def test_the_batch_of_any_step_is_that_of_the_same_rows_in_memory(
    tmp_path, replicas, in_blocks, size, shuffle, steps, drop_last, fewest
):
    size = min(size, in_blocks)
    values = RANDOM.integers(0, 256, (3, 100, 4)).astype(np.uint8)
    targets, seeds = RANDOM.normal(size=(3, 100, 2)), (5,) if replicas == "one" else (5, 6, 7)
    parts = 3 if replicas == "own" else 1
    lazy = []
    for number in range(parts):
        rows = StoredRows([npy(tmp_path / f"{number}.npy", values[number])], in_blocks)
        lazy.append(Scaling.fit(rows, "standard").apply(rows, np.float32))
    x, y = np.stack([part[:] for part in lazy]), targets[:parts]
    cut = Epoch(100, min(size, 100), drop_last, fewest)
    found = batches_of(stack(lazy), y, seeds, cut, shuffle=shuffle)
    for step in steps:
        positions, (inputs, outputs) = found.positions(step), found.at(step)
        own = np.arange(len(seeds))[:, None] if parts > 1 else 0
        np.testing.assert_array_equal(np.broadcast_to(inputs, (*positions.shape, 4)), x[own, positions])
        np.testing.assert_array_equal(np.broadcast_to(outputs, (*positions.shape, 2)), y[own, positions])
        if cut.steps > 1 and found.shuffle:
            assert found._flat_x.shape[0] <= len(seeds) * (in_blocks + cut.joins)


TEXT = """\
name: blocks
task: multiclass
seed: 3
precision: PRECISION
data: {source: SOURCE, scale: {name: standard, together: true}, validation: 0.2, in_blocks: 40}
network: {layers: [6, {batch_norm: true}, {dropout: 0.2}]}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 7, batch_size: 12, checkpoint_every: 5, health: true}
"""


def setup_of(text, seeds, **changes):
    experiment = validate(read_text(text, "e.yaml"))
    experiment = experiment.model_copy(update={"data": experiment.data.model_copy(update=changes)})
    return set_up(experiment, prepare_rows(experiment, read_rows(experiment, None, Path()), seeds))


@pytest.mark.parametrize("validation", [0.2, None])
@pytest.mark.parametrize("seeds", [(3,), (3, 4, 5)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_training_has_the_bits_of_rows_in_memory_in_the_same_order(tmp_path, monkeypatch, seeds, precision, validation):
    text = TEXT.replace("SOURCE", saved(tmp_path, "packed npz")).replace("PRECISION", precision)
    orders = []

    def in_the_same_order(rows, seeds, epoch):
        orders.append(epoch)
        return np.stack([shuffled_in_blocks(rows, 36, seed, epoch) for seed in seeds])  # 36: batches of 12 within 40

    results = []
    for in_blocks in (40, None):
        setup = setup_of(text, seeds, in_blocks=in_blocks, validation=validation)
        state = setup.start()
        state.keep_ratios(setup.network)
        plan = replace(setup.plan, health=True)
        monkeypatch.setattr(batches_module, "shuffles", in_the_same_order if in_blocks is None else None)
        records = list(fit(setup.network, setup.rows.parts(), seeds, setup.optimizer.update, plan, state))
        figures = [(record.step, name, f.tobytes()) for record in records for name, f in record.figures.items()]
        results.append((state.theta.tobytes(), state.statistics.tobytes(), figures))
    assert set(orders) == set(range(7))
    assert results[0] == results[1]


def test_a_file_that_changes_while_a_network_trains_ends_the_training(tmp_path):
    setup = setup_of(TEXT.replace("SOURCE", saved(tmp_path, "npy")).replace("PRECISION", "float32"), (3,))
    state = setup.start()
    loop = fit(setup.network, setup.rows.parts(), (3,), setup.optimizer.update, setup.plan, state)
    next(loop)
    os.utime(tmp_path / "x_train.npy", ns=(1, 1))
    with pytest.raises(DataError, match=r"x_train\.npy: the file has changed"):
        list(loop)


def test_a_folder_without_a_set_names_all_formats(tmp_path):
    with pytest.raises(DataError, match=r"none of the known files, expected .*a folder of images, IDX or .npy files"):
        load(str(tmp_path), task="multiclass")


# --- the commands -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an experiment on rows that stay in their file, named relative to it, and a run of it."""
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "images").mkdir()
    saved(folder / "images", "npy")
    config = write(folder, TEXT.replace("SOURCE", "images").replace("PRECISION", "float32"))
    run = trained(folder, config, "--seed", "3")
    return folder, config, run


def theta_of(run):
    with np.load(run / "checkpoints" / "last.npz") as arrays:
        return {name: arrays[name].tobytes() for name in arrays.files if name.startswith(("theta", "state", "slot"))}


def test_the_working_directory_changes_no_bit(place, tmp_path):
    _, config, run = place
    again = trained(tmp_path, config)
    assert theta_of(again) == theta_of(run) != {}
    assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()


def test_a_shorter_run_that_is_made_longer_ends_with_the_same_bits(place, tmp_path):
    _, config, run = place
    steps = read_json(run / "summary.json")["steps"]
    begun = trained(tmp_path, config, "--set", "training.epochs=null", "--set", f"training.steps={steps // 2}")
    result = nnlab_here("train", "--resume", begun, "--steps", steps, "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert theta_of(begun) == theta_of(run)


def test_a_run_is_verified(place):
    folder, _, run = place
    result = nnlab_here("verify", run, cwd=folder)
    assert result.exit_code == 0, result.stderr


def test_a_run_is_evaluated_on_its_parts_and_on_another_file_as_if_in_memory(place, tmp_path):
    folder, _, run = place
    result = nnlab_here("eval", run, "--json", cwd=folder)
    assert result.exit_code == 0, result.stderr
    figures, summary = parse_json(result.stdout)["figures"], read_json(run / "summary.json")["final"]
    assert figures == {name: summary[name] for name in figures}
    assert figures["test/accuracy"] is not None
    x = IMAGES[:33].reshape(33, 12)
    np.savez(tmp_path / "new.npz", x=x, y=LABELS[:33])
    write(tmp_path, "", "new.csv")
    np.savetxt(
        tmp_path / "new.csv",
        np.column_stack([x, LABELS[:33]]),
        "%d",
        ",",
        header=",".join([f"pixel_{i}_{j}" for i in range(3) for j in range(4)] + ["y"]),
        comments="",
    )
    found = [
        parse_json(nnlab_here("eval", run, "--data", tmp_path / f"new.{ending}", "--json", cwd=folder).stdout)
        for ending in ("npz", "csv")
    ]
    assert found[0]["figures"] == found[1]["figures"]
    assert found[0]["rows"] == 33


@pytest.mark.slow
def test_activations_are_compared_in_processes_with_the_figures_of_a_run_alone(place, tmp_path):
    _, config, _ = place
    words = ["-a", "relu", "-a", "tanh", "--seeds", "2", "-j", "2", "--json", "--set", "training.epochs=2"]
    result = nnlab("compare-activations", config, *words, cwd=tmp_path, NO_PICTURES="1")
    assert result.returncode == 0, result.stderr
    arms = parse_json(result.stdout)["arms"]
    alone = trained(tmp_path, config, "--seed", "4", "--set", "network.activation=tanh", "--set", "training.epochs=2")
    assert arms["tanh"]["final"]["test/loss"]["values"][1] == read_json(alone / "summary.json")["final"]["test/loss"]


def test_the_gradient_is_checked_and_a_dry_run_says_what_a_step_costs(place, tmp_path):
    _, config, _ = place
    for words in (["gradcheck", config], ["train", config, "--dry-run"]):
        result = nnlab_here(*words, cwd=tmp_path)
        assert result.exit_code == 0, result.stderr


def test_a_run_that_diverges_is_examined(place, tmp_path):
    _, config, _ = place
    words = ["--set", "optimizer={name: sgd, learning_rate: 1.0e+30}", "--set", "network.layers=[6]"]
    result = nnlab_here("train", config, *words, cwd=tmp_path)
    assert result.exit_code == 4
    assert read_json(tmp_path / "runs" / "latest" / "autopsy.json")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("in_blocks: 40", "in_blocks: 0", "found 0, expected a number of at least 1"),
        ("in_blocks: 40", "in_blocks: all", "found 'all', expected a whole number"),
        (
            "batch_size: 12",
            "batch_size: 41",
            "found batch_size: 41 with data.in_blocks: 40, expected a number of at most 40",
        ),
        ("batch_size: 12", "batch_size: all", "found batch_size: all with data.in_blocks: 40"),
        ("in_blocks: 40", "in_blocks: 40, blanks: mean", "found blanks: mean with in_blocks"),
        ("{name: adam, learning_rate: 0.01}", "lbfgs", "found in_blocks with lbfgs, whose steps each need all rows"),
    ],
)
def test_keys_that_do_not_go_with_blocks(old, new, expected):
    text = TEXT.replace("SOURCE", "mnist").replace("PRECISION", "float32").replace(", {dropout: 0.2}", "")
    found = faults(text.replace(old, new))
    assert len(found) == 1
    assert expected in found[0]


def test_a_set_that_cannot_be_left_in_its_file_is_refused_at_the_key_before_anything_is_written(tmp_path):
    config = write(tmp_path, TEXT.replace("SOURCE", "iris").replace("PRECISION", "float32"))
    result = nnlab_here("train", config, cwd=tmp_path)
    assert result.exit_code == 2
    assert "experiment.yaml:5:" in result.stderr
    assert "found data.in_blocks for 'iris', which is read as a whole; expected it for .npz" in result.stderr
    assert not (tmp_path / "runs").exists()


LARGE = """\
name: large
task: regression
data: {source: set, validation: 0.1, IN_BLOCKS}
network: {layers: [2]}
optimizer: {name: sgd, learning_rate: 0.01}
training: {steps: 20, batch_size: 256}
"""
PEAK = """
import atexit, pathlib, sys
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: print([line for line in status.read_text().splitlines() if "VmHWM" in line][0].split()[1]))
from nnlab.cli.app import main
sys.argv = ["nnlab", *sys.argv[1:]]
main()
"""


def large_set(folder, megabytes):
    """A set of so many MB of bytes, of 2000 columns."""
    (folder / "set").mkdir()
    rows = megabytes * 10**6 // 2000
    large_file(folder / "set" / "x.npy", rows, 2000)
    np.save(folder / "set" / "y.npy", np.arange(rows) % 7)


@pytest.mark.slow
@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="there is no /proc")
def test_memory_stays_below_a_bound_that_the_file_exceeds(tmp_path):
    large_set(tmp_path, 260)
    config = write(tmp_path, LARGE.replace("IN_BLOCKS", "in_blocks: 2048"))
    command = [sys.executable, "-c", PEAK, "train", str(config), "--quiet"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(**PAINTED), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.split()[-1]) / 1000
    assert peak < 220  # MB, of which about 110 are Python, its libraries and the pictures


def test_too_little_memory_names_the_key(tmp_path):
    large_set(tmp_path, 1200)
    config = write(tmp_path, LARGE.replace(", IN_BLOCKS", ""))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))"
    command = [sys.executable, "-c", f"{limit}{PEAK}", "train", str(config), "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "found a data set that does not fit into memory" in done.stderr
    assert "data.in_blocks: 16384" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
