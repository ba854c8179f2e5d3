"""Images in arrays: each order of the axes is the same rows, in memory or not; and the columns that describe them."""

import gzip
import struct

import numpy as np
import pytest

from nnlab.data.catalogue import load, load_new
from nnlab.data.dataset import MOST_PIXELS, Columns, InputColumn, image_column
from nnlab.data.stored import StoredRows
from nnlab.errors import CheckpointError, DataError
from nnlab.storage.about import ModelAbout

IMAGES = np.random.default_rng(4).integers(0, 256, (9, 3, 5, 7)).astype(np.uint8)  # planes
LABELS = np.arange(9) % 3


@pytest.fixture(params=["npz", "packed npz", "npy", "idx", "packed idx"])
def save(request, tmp_path):
    """Saves images and labels in one of the formats; returns the path."""

    def saved(x, y=LABELS):
        if request.param.endswith("npz"):
            (np.savez_compressed if "packed" in request.param else np.savez)(tmp_path / "a.npz", x=x, y=y)
            return str(tmp_path / "a.npz")
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        if request.param == "npy":
            np.save(folder / "x.npy", x)
            np.save(folder / "y.npy", y)
            return str(folder)
        for name, values in ((f"images-idx{x.ndim}", x), ("labels-idx1", y.astype(np.uint8))):
            content = struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()
            packed = "packed" in request.param
            path = folder / f"train-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)
        return str(folder)

    return saved


@pytest.mark.parametrize("blocks", [None, 4])
@pytest.mark.parametrize("channels", [None, "last", "first"])
def test_both_orders_are_the_same_rows(save, channels, blocks):
    path = save(IMAGES if channels == "first" else np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1)))
    data = load(path, task="multiclass", channels=channels, in_blocks=blocks)
    assert isinstance(data.x, StoredRows) == bool(blocks)
    np.testing.assert_array_equal(data.x[:], IMAGES.reshape(9, -1))
    np.testing.assert_array_equal(data.x[np.array([7, 2, 2, 0])], IMAGES.reshape(9, -1)[[7, 2, 2, 0]])
    assert (data.x.dtype, data.image_shape, data.sample_shape) == (np.uint8, (5, 7), (5, 7, 3))
    assert data.columns.inputs == image_column(3, 5, 7, is_bytes=True)
    new = load_new(path, data.columns, task="multiclass", channels=channels, in_blocks=blocks)
    np.testing.assert_array_equal(new.x[:], IMAGES.reshape(9, -1))


def test_floats_are_images_too(tmp_path):
    x = IMAGES.transpose(0, 2, 3, 1) / 255
    np.savez(tmp_path / "a.npz", x=x, y=LABELS)
    data = load(str(tmp_path / "a.npz"), task="multiclass")
    np.testing.assert_array_equal(data.x, IMAGES.reshape(9, -1) / 255)
    assert data.columns.inputs == image_column(3, 5, 7, is_bytes=False)


def test_fortran_order_is_the_same(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.asfortranarray(IMAGES.transpose(0, 2, 3, 1)), y=LABELS)
    np.testing.assert_array_equal(load(str(tmp_path / "a.npz"), task="multiclass").x, IMAGES.reshape(9, -1))


def test_what_is_probably_first_is_asked(save):
    path = save(IMAGES)
    with pytest.raises(DataError, match="found images of shape") as error:
        load(path, task="multiclass")
    first, last = (
        "5 × 7 pixels of 3 channels (data.channels: first)",
        "3 × 5 pixels of 7 channels (data.channels: last)",
    )
    assert f"(9, 3, 5, 7), which may be {first} or {last}; expected data.channels" in str(error.value)
    assert error.value.faults[0].key == ("data", "channels")
    assert load(path, task="multiclass", channels="last").sample_shape == (3, 5, 7)
    two = save(IMAGES[:, :2])  # neither is usual: last, as is said
    if "set" not in two:
        assert load(two, task="multiclass").sample_shape == (2, 5, 7)


@pytest.mark.parametrize(
    ("x", "channels", "words"),
    [
        (IMAGES, "rgb", "found data.channels: rgb for an array, expected first or last"),
        (IMAGES[:, 0], "first", "found data.channels: first for an array of 3 dimensions, expected it for four"),
        (IMAGES[:, 0, :, 0], "last", "array of 2 dimensions"),
    ],
)
def test_channels_that_say_nothing(tmp_path, x, channels, words):
    np.savez(tmp_path / "a.npz", x=x, y=LABELS)
    with pytest.raises(DataError, match=words):
        load(str(tmp_path / "a.npz"), task="multiclass", channels=channels)


def test_images_with_too_many_pixels_to_name(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlab.data.images.planes.MOST_PIXELS", 3 * 5 * 7 - 1)
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    with pytest.raises(DataError, match="found images of 5 × 7 pixels of 3 channels, expected at most 104 pixels"):
        load(str(tmp_path / "a.npz"), task="multiclass", channels="first")


def test_parts_of_different_orders_are_refused(tmp_path):
    y = {"y_train": LABELS, "y_test": LABELS}
    np.savez(tmp_path / "a.npz", x_train=IMAGES.transpose(0, 2, 3, 1), x_test=IMAGES, **y)
    with pytest.raises(DataError, match="expected equal columns"):
        load(str(tmp_path / "a.npz"), task="multiclass")


def test_new_images_of_another_shape_are_refused(save):
    columns = load(save(IMAGES), task="multiclass", channels="first").columns
    with pytest.raises(DataError, match="found images of 7 × 5 pixels of 3 channels, expected 5 × 7 pixels of 3"):
        load_new(save(IMAGES.transpose(0, 1, 3, 2).copy()), columns, task="multiclass", channels="first")


def test_channels_of_image_files_say_nothing_of_new_arrays(save):
    path = save(IMAGES.transpose(0, 2, 3, 1).copy())
    columns = load(path, task="multiclass").columns
    new = load_new(path, columns, task="multiclass", channels="rgb")
    np.testing.assert_array_equal(new.x, IMAGES.reshape(9, -1))


def test_flat_rows_fit_a_model_of_images(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    columns = load(str(tmp_path / "a.npz"), task="multiclass", channels="first").columns
    np.savez(tmp_path / "b.npz", x=IMAGES.reshape(9, -1), y=LABELS)
    assert load_new(str(tmp_path / "b.npz"), columns, task="multiclass").x.shape == (9, 105)


def test_idx_files_of_both_ranks(tmp_path):
    for rank, values in ((3, IMAGES[:, 0]), (4, IMAGES)):
        header = struct.pack(f">I{rank}I", 0x800 + rank, *values.shape)
        (tmp_path / f"train-images-idx{rank}-ubyte").write_bytes(header + values.tobytes())
    with pytest.raises(DataError, match="found both train-images-idx3-ubyte and train-images-idx4-ubyte"):
        load(str(tmp_path), task="multiclass")


# --- columns ----------------------------------------------------------------------------------------------------------


def test_the_pixels_of_an_image_have_names_in_the_order_of_the_planes():
    assert InputColumn("pixel", shape=(1, 2, 2)).input_names == ("pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1")
    assert InputColumn("pixel", shape=(3, 1, 2)).input_names[1:5] == ("red_0_1", "green_0_0", "green_0_1", "blue_0_0")
    assert InputColumn("pixel", shape=(2, 1, 1)).input_names == ("channel1_0_0", "channel2_0_0")
    large = Columns(image_column(3, 256, 256, is_bytes=True), ("class",))
    assert large.width == len(large.input_names) == len(set(large.input_names)) == 196_608


def test_columns_come_back_from_their_document():
    image = Columns(image_column(3, 4, 5, is_bytes=True), ("label",), ("a", "b"))
    table = Columns((InputColumn("a"), InputColumn("b", ("x", "y"))), ("y",))
    for columns in (image, table):
        again = Columns.from_dict(columns.to_dict())
        assert again == columns
        assert again.inputs == columns.inputs
    assert table.to_dict()["inputs"][0] == {"name": "a", "categories": None}  # as before there were images


def test_an_image_equals_the_list_of_its_pixels_in_older_checkpoints():
    image = Columns(image_column(1, 2, 3, is_bytes=True), ("label",), ("a", "b"))
    pixels = tuple(InputColumn(f"pixel_{row}_{column}") for row in range(2) for column in range(3))
    older = Columns.from_dict({"inputs": [vars(p) for p in pixels], "targets": ["label"], "classes": ["a", "b"]})
    assert (image == older, hash(image) == hash(older)) == (True, True)
    assert image.listed() == pixels
    assert image != Columns(pixels[::-1], ("label",), ("a", "b"))
    assert image != Columns(pixels, ("other",), ("a", "b"))
    assert image != Columns(image_column(3, 2, 1, is_bytes=True), ("label",), ("a", "b"))
    assert image != "columns"


def test_a_checkpoint_that_promises_a_huge_image_is_refused():
    def about(shape):
        inputs = [{"name": "pixel", "categories": None, "shape": shape, "is_bytes": True}]
        return {"columns": {"inputs": inputs, "targets": ["a"], "classes": []}, "image_shape": None, "layout": []}

    assert ModelAbout.of(about([3, 4, 5]), "c").columns.inputs[0].shape == (3, 4, 5)
    for shape in ([2**30, 2**30, 2**30], [1, 1, MOST_PIXELS + 1], [0, 1, 1], [1, 1], "abc"):
        with pytest.raises(CheckpointError, match="shape"):
            ModelAbout.of(about(shape), "c")


def test_mnist_has_the_fingerprint_that_it_had_as_a_list_of_pixels():
    data = load("mnist", task="multiclass")
    assert data.columns.inputs == image_column(1, 28, 28, is_bytes=True)
    assert data.fingerprint == "48bf4ee3d3aaa34218ea7b6470226e5abb295e951d46a306e8ef4d5f63da10c2"
