"""NumPy's .npz: what is read to the bit, and what is refused before it is built."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.data import files
from nnlab.data.arrays import read_npz, read_npz_like
from nnlab.errors import DataError
from nnlab.maths import one_hot

X = np.array([[1.5, 2.0], [3.0, -4.0], [0.1, 1e-300]])
LABELS = np.array([0, 2, 1])


@pytest.fixture
def save(tmp_path):
    def saved(packed=None, **arrays):
        path = tmp_path / "set.npz"
        (np.savez_compressed if packed else np.savez)(path, **arrays)
        return path

    return saved


def header(descr="'<f8'", shape="(3, 2)", fortran="False", version=b"\x01\x00"):
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    text = text.ljust(117) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


@pytest.fixture
def zipped(tmp_path):
    def written(x, y=None):
        buffer = io.BytesIO()
        np.save(buffer, LABELS)
        path = tmp_path / "set.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", x)
            archive.writestr("y.npy", buffer.getvalue() if y is None else y)
        return path

    return written


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">f2", "<i4", ">u2", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_plain_type_and_order(save, packed, dtype, order):
    x = np.asarray(np.arange(6).reshape(3, 2) % 2, dtype=dtype, order=order)
    data = read_npz(save(packed, x=x, y=LABELS), task="multiclass")
    np.testing.assert_array_equal(data.x, x)
    assert data.x.dtype == (np.uint8 if dtype == "u1" else np.float64)
    assert data.x.flags.c_contiguous


def test_byte_order_and_layout_leave_the_same_bits(save):
    plain = read_npz(save(x=X, y=LABELS), task="multiclass")
    other = read_npz(save(x=np.asfortranarray(X.astype(">f8")), y=LABELS.astype(">i2")), task="multiclass")
    assert plain.x.tobytes() == other.x.tobytes() == X.tobytes()
    assert plain.fingerprint == other.fingerprint


def test_a_test_part_of_its_own(save):
    path = save(x_train=X, y_train=LABELS, x_test=X[:1], y_test=LABELS[:1])
    data = read_npz(path, task="multiclass")
    assert (len(data.x), data.own_test) == (4, 1)
    with pytest.raises(DataError, match="label 7 in row 4"):
        read_npz(save(x_train=X, y_train=LABELS, x_test=X[:1], y_test=np.array([7])), task="multiclass")


def test_images_are_flattened(save):
    data = read_npz(save(x=np.zeros((3, 4, 5), np.uint8), y=LABELS), task="multiclass")
    assert (data.x.shape, data.x.dtype, data.image_shape) == ((3, 20), np.uint8, (4, 5))
    assert data.sample_shape == (4, 5, 1)
    assert data.columns.input_names[-1] == "pixel_3_4"


@pytest.mark.parametrize(
    ("task", "y", "expected"),
    [
        ("regression", np.array([1.5, 2, -3]), [[1.5], [2], [-3]]),
        ("regression", np.ones((3, 2), np.int8), np.ones((3, 2))),
        ("multilabel", np.eye(3, 2, dtype=bool), np.eye(3, 2)),
        ("multiclass", np.eye(3), np.eye(3)),
        ("multiclass", np.array([5.0, 9.0, 5.0]), [[1, 0], [0, 1], [1, 0]]),
        ("binary", np.array([[True], [False], [True]]), [[1], [0], [1]]),
        ("binary", np.array([3, 7, 3], np.uint64), [[0], [1], [0]]),
    ],
)
def test_targets(save, task, y, expected):
    np.testing.assert_array_equal(read_npz(save(x=X, y=y), task=task).y, expected)


@pytest.mark.parametrize("y", [np.eye(3, dtype=np.uint8)[LABELS], LABELS], ids=["one-hot", "labels"])
def test_targets_of_very_many_classes_are_the_class_of_each_row(save, y, monkeypatch):
    monkeypatch.setattr(one_hot, "MOST_DENSE", 2)
    data = read_npz(save(x=X, y=y), task="multiclass")
    again = read_npz_like(save(x=X, y=y), data.columns, task="multiclass")
    assert isinstance(data.y, one_hot.OneHot)
    assert data.y.codes.tolist() == again.y.codes.tolist() == LABELS.tolist()
    assert data.fingerprint == again.fingerprint != read_npz(save(x=X, y=y[::-1]), task="multiclass").fingerprint


@pytest.mark.parametrize(
    ("task", "y", "words"),
    [
        ("multiclass", np.array([0, 1, -1]), "label -1 in row 3"),
        ("multiclass", np.array([0, 2.7, 1]), "label 2.7 in row 2"),
        ("multiclass", np.array([0, np.nan, 1]), "label nan in row 2"),
        ("multiclass", np.array([0, 1e300, 1]), "row 2"),
        ("multiclass", np.array([0, 2**63, 1], np.uint64), "row 2"),
        ("multiclass", np.array([4, 4, 4]), "1 class"),
        ("multiclass", np.array([[1, 0], [1, 1], [0, 1]]), "2 ones in row 2"),
        ("multiclass", np.array([[1, 0], [1, 0], [1, 0]]), "1 class"),
        ("multiclass", np.array([[1, 0], [2, 0], [0, 1]]), "found 2 in row 2, column 1"),
        ("binary", np.array([0, 1, 2]), "exactly 2"),
        ("binary", np.eye(3, 2), "2 columns in y"),
        ("regression", np.array([0, np.inf, 1]), "found inf in row 2, column 1 of y"),
        ("multilabel", np.array([[0, 1], [1, 0.5], [1, 1]]), "found 0.5 in row 2, column 2"),
        ("regression", np.zeros((3, 1, 1)), "shape"),
        ("regression", np.zeros(()), "shape ()"),
        ("regression", np.zeros(2), "as many rows"),
    ],
)
def test_targets_that_are_none(save, task, y, words):
    with pytest.raises(DataError) as error:
        read_npz(save(x=X, y=y), task=task)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.array([1.0, 2, 3]), "shape (3,)"),
        (np.zeros((3, 2, 2, 2, 2)), "shape"),
        (np.zeros((3, 0)), "at least one"),
        (np.zeros((0, 3)), "at least one"),
        (np.array([[1.0, 2], [3, np.nan], [5, 6]]), "found nan in row 2, column 2 of x"),
        (np.array([["a", "b"]] * 3), "type '<U1'"),
        (np.array([[1j, 2]] * 3), "type '<c16'"),
        (np.array([[None, 2]] * 3), "type '|O'"),
        (np.zeros((3,), [("a", "f8")]), "a structure"),
        (np.zeros((3, 2), "datetime64[s]"), "type"),
    ],
)
def test_inputs_that_are_none(save, x, words):
    with pytest.raises(DataError) as error:
        read_npz(save(x=x, y=LABELS), task="multiclass")
    assert words in str(error.value)


def test_names_that_are_not_expected(save):
    for arrays in ({"x": X}, {"a": X, "b": X}, {"x": X, "y": LABELS, "x_test": X}, {"x_train": X, "y_train": X}):
        with pytest.raises(DataError, match="expected x and y, or"):
            read_npz(save(**arrays), task="multiclass")


@pytest.mark.parametrize(
    "x",
    [
        header(shape="(1000000000000, 2)") + X.tobytes(),
        header(shape="(1000000000000000, 1000000000000000)") + X.tobytes(),
        header() + X.tobytes()[:-1],
        header() + X.tobytes() + b"\0",
        header(version=b"\x03\x00") + X.tobytes(),
        header(descr="'<f16'") + X.tobytes() * 2,
        header(descr="__import__('os')") + X.tobytes(),
        header(shape="(-3, 2)") + X.tobytes(),
        header(shape="(" + "9" * 90 + ",)") + X.tobytes(),
        header(shape="(0, 100000000000000000)"),
        header()[:50],
        b"",
        b"x" * 200,
        X.dumps(),
    ],
    ids=lambda content: str(len(content)),
)
def test_headers_that_lie(zipped, x):
    with pytest.raises(DataError):
        read_npz(zipped(x), task="multiclass")


def test_a_bomb_is_not_unpacked(zipped, monkeypatch):
    monkeypatch.setattr(files, "UNSUSPECTED", 2**20)
    with pytest.raises(DataError, match="expected fewer"):
        read_npz(zipped(header(shape="(1048576, 2)") + bytes(2**24)), task="multiclass")


@pytest.mark.parametrize("packed", [False, True])
def test_a_truncated_file_or_a_flipped_bit(save, packed):
    path = save(packed, x=X, y=LABELS)
    whole = path.read_bytes()
    place = whole.index(b"x.npy") + 5 + (150 if not packed else 40)
    for broken in (whole[:-1], whole[:100], b"", whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="corrupt"):
            read_npz(path, task="multiclass")


def test_an_array_that_is_there_twice(tmp_path):
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"")
        archive.writestr("x", b"")
    with pytest.raises(DataError, match="twice"):
        read_npz(path, task="multiclass")


def test_a_new_file_for_the_same_columns(save):
    columns = read_npz(save(x=X, y=np.array([5, 9, 7])), task="multiclass").columns
    rows = read_npz_like(save(x=X[:1], y=np.array([9])), columns, task="multiclass")
    np.testing.assert_array_equal(rows.y, [[0, 0, 1]])
    assert read_npz_like(save(x_test=X), columns, task="multiclass").y is None
    for arrays in ({"x": X, "y": np.array([5, 6, 7])}, {"x": X[:, :1]}, {"x": X, "y": LABELS[:2]}, {"y": LABELS}):
        with pytest.raises(DataError):
            read_npz_like(save(**arrays), columns, task="multiclass")


@settings(max_examples=200, deadline=None)
@given(data=st.data(), packed=st.booleans())
def test_nothing_but_a_data_error_comes_of_a_changed_file(tmp_path_factory, data, packed):
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, x=X, y=LABELS)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(content)
    try:
        read = read_npz(path, task="multiclass")
    except DataError:
        return
    assert read.x.tobytes() == X.tobytes()  # what is read at all is what was written


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(alphabet="{}'()[],:<>|f84 descrshapefortran_orderTrueFalse0123", max_size=90), size=st.integers(0, 40)
)
def test_nothing_but_a_data_error_comes_of_any_header(tmp_path_factory, text, size):
    path = tmp_path_factory.getbasetemp() / "header.npz"
    with zipfile.ZipFile(path, "w") as archive:
        content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(size)
        archive.writestr("x.npy", content)
        archive.writestr("y.npy", content)
    with pytest.raises(DataError):
        read_npz(path, task="regression")
