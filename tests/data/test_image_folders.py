"""Folders of image files and CelebA's layout: rows, parts, questions, and every file that is named and refused."""

import os
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stand_ins import celeba, class_folders, image_file, write_files

from nnlab.data.catalogue import load, load_new
from nnlab.data.images.decode import LARGEST_FILE
from nnlab.data.stored import StoredRows
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError, StorageError
from nnlab.storage.cache import UserCache

RANDOM = np.random.default_rng(3)
COLOUR = RANDOM.integers(0, 256, (12, 3 * 4 * 5)).astype(np.uint8)
GRAY = RANDOM.integers(0, 256, (12, 20)).astype(np.uint8)
CLASSES = ("cats", "dogs", "rats")
LABELS = np.repeat([0, 1, 2], 4)


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "set", COLOUR, LABELS, (3, 4, 5), CLASSES)


@pytest.fixture
def parts(tmp_path):
    """A set with train, val and test."""
    for name, rows in (("train", slice(0, 12)), ("val", slice(0, 12, 2)), ("test", slice(1, 12, 4))):
        class_folders(tmp_path / "set" / name, COLOUR[rows], LABELS[rows], (3, 4, 5), CLASSES)
    return tmp_path / "set"


def refused(path, task="multiclass", **options):
    with pytest.raises(DataError) as error:
        load(str(path), task=task, **options)
    lines = [str(fault) for fault in error.value.faults]
    assert all(line.isprintable() for line in lines)
    return "\n".join(lines)


# --- what is read -----------------------------------------------------------------------------------------------------


def test_a_folder_for_each_class(folder):
    data = load(str(folder), task="multiclass")
    np.testing.assert_array_equal(data.x, COLOUR)
    np.testing.assert_array_equal(data.y.argmax(axis=1), LABELS)
    assert (data.name, data.x.dtype, data.own_test, data.own_validation) == ("set", np.uint8, 0, 0)
    assert (data.image_shape, data.sample_shape) == ((4, 5), (4, 5, 3))
    assert (data.columns.classes, data.columns.targets) == (CLASSES, ("class",))
    assert data.columns.input_names[0::20] == ("red_0_0", "green_0_0", "blue_0_0")
    assert (data.notes, data.warnings) == ((), ())


def test_two_classes_for_a_binary_task(folder):
    shutil.rmtree(folder / "rats")
    assert load(str(folder), task="binary").y[:, 0].tolist() == [0] * 4 + [1] * 4
    assert "exactly 2" not in refused(folder, "regression")


def test_parts_are_the_sets_own(parts):
    data = load(str(parts), task="multiclass")
    assert (len(data.x), data.own_validation, data.own_test) == (21, 6, 3)
    np.testing.assert_array_equal(data.x[12:18], COLOUR[::2])
    np.testing.assert_array_equal(data.x[18:], COLOUR[1::4])
    (parts / "val").rename(parts / "Validation")
    assert load(str(parts), task="multiclass").fingerprint == data.fingerprint
    shutil.rmtree(parts / "test")
    assert load(str(parts), task="multiclass").own_test == 0


def test_classes_may_be_called_train_and_test(tmp_path):
    folder = class_folders(tmp_path / "set", COLOUR[:8], LABELS[:8], (3, 4, 5), ("train", "test"))
    assert load(str(folder), task="binary").columns.classes == ("test", "train")


def test_rows_are_sorted_by_the_characters_of_names(tmp_path):
    for number, name in enumerate(["10.png", "2.png", "A.png", "a.png"]):
        write_files(tmp_path / "set" / "x", {name: image_file(np.full((1, 1), number))})
        write_files(tmp_path / "set" / "Y", {name: image_file(np.full((1, 1), 10 + number))})
    data = load(str(tmp_path / "set"), task="binary")
    assert data.columns.classes == ("Y", "x")
    assert data.x[:, 0].tolist() == [10, 11, 12, 13, 0, 1, 2, 3]


def test_other_files_are_passed_over(folder):
    for place in (folder, folder / "cats"):
        write_files(
            place, {".DS_Store": b"x", "Thumbs.db": b"x", "notes.txt": b"x", "._a.png": b"x", "desktop.ini": b""}
        )
    (folder / "__MACOSX").mkdir()
    (folder / ".hidden").mkdir()
    np.testing.assert_array_equal(load(str(folder), task="multiclass").x, COLOUR)


EXPECTED = "expected .png, .jpg, .jpeg, .gif, .bmp or .webp"


def test_other_files_among_images_are_counted(folder, tmp_path):
    hidden = {".DS_Store": b"x", "Thumbs.db": b"x", "desktop.ini": b"", "._a.png": b"x"}
    columns = load(str(folder), task="multiclass").columns
    write_files(folder / "cats", {**hidden, "1": b"x"})
    (line,) = load(str(folder), task="multiclass").warnings
    assert line == f"1 file of another kind was passed over, such as 'cats/1' ({EXPECTED})"
    write_files(folder / "dogs", {"2.tiff": b"x", "3.TIFF": b"x"})
    line = f"3 files of other kinds were passed over, such as 'cats/1' ({EXPECTED})"
    assert load(str(folder), task="multiclass").warnings == (line,)
    assert load_new(str(folder), columns, task="multiclass").warnings == (line,)
    new = write_files(tmp_path / "new", {**hidden, "a.png": image_file(np.zeros((4, 5, 3))), "b\n.tif": b"x"})
    (line,) = load_new(str(new), columns, task="multiclass").warnings
    assert "1 file of another kind was passed over, such as 'b\\n.tif'" in line


def test_a_class_of_other_files_alone(folder):
    write_files(folder / "mice", {"a.tiff": b"x", "b.tiff": b"x"})
    assert "those of a class (2 files of other kinds were passed over, such as 'a.tiff'" in refused(folder)


def test_links_are_followed(folder, tmp_path):
    before = load(str(folder), task="multiclass").fingerprint
    (folder / "cats").rename(tmp_path / "elsewhere")
    (folder / "cats").symlink_to(tmp_path / "elsewhere")
    (path, *_) = sorted((folder / "dogs").iterdir())
    path.rename(tmp_path / "x.png")
    path.symlink_to(tmp_path / "x.png")
    assert load(str(folder), task="multiclass").fingerprint == before
    (folder / "mice").symlink_to(folder)
    assert "found a folder 'mice/cats' in the folder of a class" in refused(folder)


def test_resized_to_gray(folder):
    data = load(str(folder), task="multiclass", resize=[2, 3], channels="gray")
    assert (data.x.shape, data.image_shape, data.sample_shape) == ((12, 6), (2, 3), (2, 3, 1))
    assert data.columns.input_names[:2] == ("pixel_0_0", "pixel_0_1")


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "gif", "bmp", "webp", "PNG"])
def test_every_suffix_counts_whatever_the_content(folder, suffix):
    before = load(str(folder), task="multiclass").fingerprint
    for path in list(folder.rglob("*.png")):
        path.rename(path.with_suffix(f".{suffix}"))
    assert load(str(folder), task="multiclass").fingerprint == before


def test_names_that_are_no_utf_8(folder):
    (folder / "cats" / "000000.png").rename(folder / "cats" / os.fsdecode(b"\xff.png"))
    data = load(str(folder), task="multiclass")
    assert len(data.x) == 12
    rows = load_new(str(folder), data.columns, task="multiclass")
    assert rows.names[3] == os.fsdecode(b"cats/\xff.png")
    (folder / "cats").rename(folder / os.fsdecode(b"c\xe4ts"))
    assert "found class name 'c\\udce4ts', expected text in UTF-8" in refused(folder)


@settings(max_examples=20)
@given(pixels=arrays(np.uint8, (4, 3, 2, 3)), first=st.booleans())
def test_a_set_has_the_same_fingerprint_in_every_format(tmp_path_factory, pixels, first):
    place = tmp_path_factory.mktemp("formats")
    labels = np.array([0, 0, 1, 1])
    folder = load(str(class_folders(place / "a", pixels.reshape(4, -1), labels, (3, 2, 3), "01")), task="binary")
    x = pixels if first else pixels.transpose(0, 2, 3, 1)
    np.savez(place / "b.npz", x=x, y=labels)
    array = load(str(place / "b.npz"), task="binary", channels="first" if first else "last")
    np.testing.assert_array_equal(folder.x, array.x)
    np.testing.assert_array_equal(folder.y, array.y)
    assert folder.columns.inputs == array.columns.inputs


# --- questions --------------------------------------------------------------------------------------------------------


def test_pictures_of_two_sizes_are_asked_about(folder):
    write_files(folder / "dogs", {"z.png": image_file(np.zeros((7, 8, 3)))})
    line = refused(folder)
    assert f"found 7 × 8 pixels in {folder}/dogs/z.png and 4 × 5 pixels in {folder}/cats/000000.png" in line
    assert "expected data.resize: [4, 5]" in line
    assert load(str(folder), task="multiclass", resize=[4, 5]).x.shape == (13, 60)


def test_gray_among_colour_is_asked_about(folder):
    write_files(folder / "dogs", {"z.png": image_file(np.zeros((4, 5)))})
    line = refused(folder)
    assert f"found a gray picture in {folder}/dogs/z.png and a picture in colour in" in line
    assert "expected data.channels: rgb or gray" in line
    assert load(str(folder), task="multiclass", channels="rgb").x.shape == (13, 60)
    assert load(str(folder), task="multiclass", channels="gray").x.shape == (13, 20)


def test_all_questions_and_bad_files_are_found_in_one_pass(folder):
    write_files(folder / "dogs", {"y.png": image_file(np.zeros((7, 8))), "z.png": b""})
    lines = refused(folder).splitlines()
    assert len(lines) == 4
    assert ["data.channels" in lines[0], "data.resize" in lines[1]] == [True, True]
    assert "found 1 file of 14 that is no sound picture, expected none" in lines[2]
    assert lines[3] == f"{folder}/dogs/z.png: found an empty file, expected a picture"


# --- bad files --------------------------------------------------------------------------------------------------------


def worsen(folder):
    """One bad file of each kind; returns their names."""
    cats = folder / "cats"
    (cats / "a_directory.png").mkdir()
    os.mkfifo(cats / "b_fifo.png")
    (cats / "c_nowhere.png").symlink_to("absent.png")
    (cats / "d_loop.png").symlink_to("d_loop.png")
    write_files(cats, {"e_empty.jpg": b"", "f_text.png": b"hello", "g_cut.png": image_file(np.zeros((9, 9)))[:40]})
    with (cats / "h_huge.png").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    return [path.name for path in sorted(cats.iterdir()) if path.name[1] == "_"]


def test_every_bad_file_is_named(folder):
    names = worsen(folder)
    lines = refused(folder).splitlines()
    assert "found 8 files of 20 that are no sound pictures, expected none (data.bad_images: skip" in lines[0]
    for name, line, words in zip(
        names,
        lines[1:],
        [
            "found a directory, expected a file",
            "found a FIFO, expected a file",
            "found a link that leads nowhere",
            "found a link that leads nowhere",
            "found an empty file",
            "begins with 68656c6c",
            "broken or truncated",
            "more than 256 MiB",
        ],
        strict=True,
    ):
        assert line.startswith(f"{folder}/cats/{name}: ")
        assert words in line


def test_bad_files_are_skipped_and_counted(folder):
    before = load(str(folder), task="multiclass")
    worsen(folder)
    data = load(str(folder), task="multiclass", bad_images="skip")
    assert data.fingerprint == before.fingerprint
    (warning,) = data.warnings
    assert (
        warning
        == f"8 files of 20 left out, the first: {folder}/cats/a_directory.png: found a directory, expected a file"
    )


def test_bad_files_in_parts_leave_the_parts_where_they_are(parts):
    for name in ("train", "val", "test"):
        write_files(parts / name / "cats", {"0.png": b"", "z.png": b""})
    data = load(str(parts), task="multiclass", bad_images="skip")
    assert (len(data.x), data.own_validation, data.own_test) == (21, 6, 3)
    np.testing.assert_array_equal(data.x[12:18], COLOUR[::2])


def test_only_twenty_bad_files_are_listed(folder):
    write_files(folder / "cats", {f"bad{number:02}.png": b"" for number in range(30)})
    lines = refused(folder).splitlines()
    assert len(lines) == 1 + 20 + 1
    assert lines[-1].endswith("and 10 more")


def test_nothing_sound_is_left(tmp_path):
    for name in ("a", "b"):
        write_files(tmp_path / "set" / name, {"x.png": b""})
    assert "found no sound picture, expected at least one" in refused(tmp_path / "set", "binary", bad_images="skip")


def test_a_class_of_which_nothing_sound_is_left(tmp_path):
    write_files(tmp_path / "set" / "a", {"x.png": b""})
    write_files(tmp_path / "set" / "b", {"x.png": image_file(np.zeros((2, 2)))})
    assert "found images of class 'b' alone" in refused(tmp_path / "set", "binary", bad_images="skip")


def test_what_cannot_be_read_is_no_fault_of_the_picture(folder, monkeypatch):
    monkeypatch.setattr("pathlib.Path.open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(StorageError, match=r"000000.png: Permission denied"):
        load(str(folder), task="multiclass", bad_images="skip")


# --- bad folders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "empty").mkdir(), "found no images in the folder 'empty', expected those of a class"),
        (lambda f: (f / "cats" / "kittens").mkdir(), "found a folder 'cats/kittens' in the folder of a class"),
        (lambda f: write_files(f, {"x.png": b""}), "found 1 image beside the folders of classes, the first 'x.png'"),
        (lambda f: (f / "cats").rename(f / "a\x1bb"), "found class name 'a\\x1bb'"),
        (
            lambda f: [shutil.rmtree(f / name) for name in ("cats", "rats")],
            "found 1 class ('dogs'), expected at least",
        ),
    ],
)
def test_folders_that_are_no_set(folder, change, words):
    change(folder)
    assert words in refused(folder)


def test_images_without_classes_are_no_set(tmp_path):
    write_files(tmp_path / "set", {"a.png": b"", "b.png": b""})
    assert "found 2 images and no folders in 'set', expected a folder of images for each class" in refused(
        tmp_path / "set"
    )


def test_an_unknown_class_in_the_test_part(parts):
    (parts / "test" / "cats").rename(parts / "test" / "cat")
    assert "found the folder 'cat', which is no class of the training part; did you mean 'cats'?" in refused(parts)


def test_two_folders_for_one_part(parts):
    (parts / "valid").mkdir()
    assert "found the folders test, train, val and valid, expected one for each part" in refused(parts)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "binary"}, "found 3 classes"),
        ({"task": "multilabel"}, "found class labels"),
        ({"table": TableOptions(target=("a",))}, "data.target"),
        ({"table": TableOptions(ignore=("a",))}, "data.ignore"),
        ({"channels": "first"}, "found data.channels: first for image files, expected rgb or gray"),
        ({"parameters": {"seed": 1}}, "takes none"),
    ],
)
def test_what_cannot_be_asked_of_a_folder(folder, options, words):
    assert words in refused(folder, **options)


@pytest.mark.parametrize("options", [{"resize": [2, 2]}, {"bad_images": "skip"}, {"channels": "rgb"}])
@pytest.mark.parametrize("source", ["iris", "xor", "mnist", "digits", "a.npz", "a.csv"])
def test_what_is_said_of_image_files_is_refused_for_others(tmp_path, source, options):
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 2, 2, 1)), y=np.arange(4) % 2)
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n")
    task = "binary" if source in ("xor", "a.npz", "a.csv") else "multiclass"
    with pytest.raises(DataError, match=rf"found data.{next(iter(options))}"):
        load(source, task=task, base=tmp_path, **options)


# --- new images -------------------------------------------------------------------------------------------------------


def test_new_images_are_brought_to_what_the_model_sees(folder, tmp_path):
    columns = load(str(folder), task="multiclass", channels="gray").columns
    new = write_files(
        tmp_path / "new", {"b.png": image_file(np.zeros((40, 50, 3))), "a.jpg": image_file(np.ones((4, 5)))}
    )
    rows = load_new(str(new), columns, task="multiclass")
    assert (rows.x.shape, rows.y, rows.names) == ((2, 20), None, ("a.jpg", "b.png"))
    assert rows.x[0].tolist() == [1] * 20
    assert rows.fingerprint != load_new(str(folder), columns, task="multiclass").fingerprint


@pytest.mark.parametrize("blocks", [None, 2])
def test_new_images_of_other_sizes_and_channels_are_counted(folder, tmp_path, blocks):
    columns = load(str(folder), task="multiclass").columns
    pictures = {
        "a.png": image_file(np.zeros((4, 5, 3))),
        "b.png": image_file(np.zeros((56, 60, 3))),
        "c.png": image_file(np.zeros((4, 5))),
        "d.png": b"",
        "e.png": image_file(np.zeros((5, 4))),
    }
    new = write_files(tmp_path / "new", pictures)
    cache = UserCache(tmp_path / "cache")
    for _ in range(2):  # decoded now, and from the cache
        rows = load_new(str(new), columns, task="multiclass", bad_images="skip", cache=cache, in_blocks=blocks)
        assert rows.warnings[1:] == (
            "2 of 4 images were brought from other sizes to 4 × 5 pixels, such as 'b.png' (56 × 60)",
            "2 of 4 images were brought from gray to colour, such as 'c.png'",
        )
    (line,) = load_new(str(new / "b.png"), columns, task="multiclass").warnings
    assert line == "1 of 1 image was brought from another size to 4 × 5 pixels, such as 'b.png' (56 × 60)"
    assert load(str(folder), task="multiclass", resize=[2, 2]).warnings == ()


def test_new_images_in_folders_of_classes_have_targets(parts, tmp_path):
    columns = load(str(parts), task="multiclass").columns
    rows = load_new(str(parts), columns, task="multiclass")  # the test part alone
    np.testing.assert_array_equal(rows.x, COLOUR[1::4])
    np.testing.assert_array_equal(rows.y.argmax(axis=1), LABELS[1::4])
    assert rows.names[0] == "test/cats/000000.png"
    assert rows.warnings == ("only the test part of 'set' is read: 3 of its 21 images",)
    some = class_folders(tmp_path / "new", COLOUR[8:], LABELS[8:], (3, 4, 5), CLASSES)
    assert load_new(str(some), columns, task="multiclass").y.argmax(axis=1).tolist() == [2] * 4
    (some / "rats").rename(some / "rat")
    with pytest.raises(DataError, match="'rat', which is no class of the training part; did you mean 'rats'"):
        load_new(str(some), columns, task="multiclass")


def test_new_images_that_are_bad(folder, tmp_path):
    columns = load(str(folder), task="multiclass").columns
    new = write_files(tmp_path / "new", {"a.png": b"", "b.png": image_file(np.zeros((4, 5, 3)))})
    with pytest.raises(DataError) as error:
        load_new(str(new), columns, task="multiclass")
    assert [str(fault) for fault in error.value.faults] == [
        f"{new}: found 1 file of 2 that is no sound picture, expected none",
        f"{new}/a.png: found an empty file, expected a picture",
    ]
    with pytest.raises(DataError) as error:
        load_new(str(new / "a.png"), columns, task="multiclass")
    assert [str(fault) for fault in error.value.faults] == [f"{new}/a.png: found an empty file, expected a picture"]
    rows = load_new(str(new), columns, task="multiclass", bad_images="skip")
    assert (rows.names, len(rows.warnings)) == (("b.png",), 1)


def test_images_for_a_model_of_other_inputs(folder, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 4, 5)), y=np.arange(4) % 2)
    np.savez(tmp_path / "b.npz", x=np.zeros((4, 4, 5, 4), np.uint8), y=np.arange(4) % 2)
    for source, words in (("iris", "model's 4 inputs"), (tmp_path / "a.npz", "no bytes of pixels")):
        columns = load(str(source), task="multiclass").columns
        with pytest.raises(DataError, match=words):
            load_new(str(folder), columns, task="multiclass")
    with pytest.raises(DataError, match="expected arrays of the model's 4 channels"):
        load_new(str(folder), load(str(tmp_path / "b.npz"), task="multiclass").columns, task="multiclass")


def test_one_new_image(folder, tmp_path):
    columns = load(str(folder), task="multiclass").columns
    rows = load_new(str(folder / "cats" / "000000.png"), columns, task="multiclass")
    np.testing.assert_array_equal(rows.x, COLOUR[:1])
    assert (rows.y, rows.names) == (None, ("000000.png",))
    assert "found one picture, expected a folder" in refused(folder / "cats" / "000000.png")
    for name in ("absent.png", "fifo.png"):
        if name == "fifo.png":
            os.mkfifo(tmp_path / name)
        with pytest.raises(DataError, match=r"found no file|found a FIFO"):
            load_new(str(tmp_path / name), columns, task="multiclass")


def test_new_images_in_blocks(folder):
    data = load(str(folder), task="multiclass")
    rows = load_new(str(folder), data.columns, task="multiclass", in_blocks=4)
    assert isinstance(rows.x, StoredRows)
    np.testing.assert_array_equal(rows.x[:], COLOUR)


# --- CelebA -----------------------------------------------------------------------------------------------------------

ATTRIBUTES = ("Bald", "Eyeglasses", "Smiling")
VALUES = RANDOM.integers(0, 2, (12, 3)).astype(bool)
PARTS = [0, 2, 0, 1, 0, 0, 1, 2, 0, 0, 0, 0]


@pytest.fixture
def faces(tmp_path):
    pictures = {f"{i + 1:06}.jpg": image_file(row.reshape(3, 4, 5).transpose(1, 2, 0)) for i, row in enumerate(COLOUR)}
    return celeba(tmp_path / "faces", pictures, ATTRIBUTES, VALUES, PARTS)


def test_celebas_layout(faces):
    data = load(str(faces), task="multilabel")
    order = np.argsort(PARTS, kind="stable")
    np.testing.assert_array_equal(data.x, COLOUR[order])
    np.testing.assert_array_equal(data.y, VALUES[order])
    assert (data.own_validation, data.own_test) == (2, 2)
    assert (data.columns.targets, data.columns.classes) == (ATTRIBUTES, ())
    assert load(str(faces), task="multilabel", resize=[2, 2], channels="gray").x.shape == (12, 4)


def test_some_of_the_attributes(faces):
    every = load(str(faces), task="multilabel")
    some = load(str(faces), task="multilabel", table=TableOptions(target=("Smiling", "Bald")))
    np.testing.assert_array_equal(some.y, every.y[:, [2, 0]])
    assert some.columns.targets == ("Smiling", "Bald")
    one = load(str(faces), task="binary", table=TableOptions(target=("Eyeglasses",)))
    np.testing.assert_array_equal(one.y, every.y[:, [1]])
    assert one.columns.classes == ("no", "yes")
    assert "found no attribute 'Smile', expected one; did you mean 'Smiling'?" in refused(
        faces, "multilabel", table=TableOptions(target=("Smile",))
    )
    assert "'Bald' twice" in refused(faces, "multilabel", table=TableOptions(target=("Bald", "Bald")))
    assert "expected data.target" in refused(faces, "binary")
    assert "expected multilabel" in refused(faces, "multiclass")


def test_new_faces_are_the_test_part(faces, tmp_path):
    data = load(str(faces), task="multilabel", resize=[2, 2])
    rows = load_new(str(faces), data.columns, task="multilabel")
    np.testing.assert_array_equal(rows.x, data.x[-2:])
    np.testing.assert_array_equal(rows.y, data.y[-2:])
    assert rows.warnings[0] == "only the test part of 'faces' is read: 2 of its 12 images"
    new = load_new(str(faces / "img_align_celeba"), data.columns, task="multilabel")
    assert (len(new.x), new.y, new.names[0]) == (12, None, "000001.jpg")


def test_bad_faces_are_skipped_with_their_rows(faces):
    before = load(str(faces), task="multilabel")
    (faces / "img_align_celeba" / "000001.jpg").write_bytes(b"")
    assert "000001.jpg: found an empty file" in refused(faces, "multilabel")
    data = load(str(faces), task="multilabel", bad_images="skip")
    np.testing.assert_array_equal(data.y, before.y[1:])
    assert (data.own_validation, data.own_test) == (2, 2)


def edited(name, old, new):
    def edit(faces):
        path = faces / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


LIST, PARTITION, PICTURES = "list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda f: (f / PICTURES / "000003.jpg").unlink(), "found no picture '000003.jpg', expected it: it has a row"),
        (lambda f: write_files(f / PICTURES, {"x.jpg": b""}), "found picture 'x.jpg', which has no row"),
        (lambda f: shutil.rmtree(f / PICTURES), "found no folder img_align_celeba"),
        (lambda f: (f / PARTITION).unlink(), "found no list_eval_partition.txt in the folder 'faces'"),
        (lambda f: (f / LIST).unlink(), "found no list_attr_celeba.txt in the folder 'faces'"),
        (edited(LIST, "12\n", "13\n"), "txt:1: found 12 rows, expected 13 as the first line says"),
        (edited(LIST, "12\n", "many\n"), "txt:1: found no number of pictures in the first line"),
        (edited(LIST, "12\n", "9" * 5000 + "\n"), "found no number of pictures in the first line"),
        (edited(LIST, "Bald Eyeglasses", "Bald Bald"), "txt:2: found attribute 'Bald' twice"),
        (edited(LIST, "Bald ", "Bald More "), "txt:3: found 3 values for '000001.jpg', expected 4"),
        (edited(LIST, "000002.jpg", "000001.jpg"), "txt:4: found '000001.jpg' a second time"),
        (edited(LIST, "000002.jpg", "../2.jpg"), "txt:4: found '../2.jpg', expected the plain name of a picture"),
        (edited(LIST, "000002.jpg", "0000é2.jpg"), "expected plain ASCII"),
        (edited(PARTITION, "000002.jpg 2", "000002.jpg 3"), "txt:2: found '3' for '000002.jpg', expected 0, 1 or 2"),
        (edited(PARTITION, "000002.jpg 2", "000002.jpg"), "txt:2: found '' for '000002.jpg'"),
        (edited(PARTITION, "000002.jpg 2\n", ""), "found no part for '000002.jpg'"),
        (edited(PARTITION, "000002.jpg", "000099.jpg"), "found '000099.jpg', which has no attributes"),
        (lambda f: (f / PARTITION).write_text((f / PARTITION).read_text().replace(" 0", " 1")), "no picture of part 0"),
        (lambda f: (f / LIST).write_bytes(b""), "found no number of pictures"),
    ],
)
def test_tables_that_do_not_fit(faces, edit, words):
    edit(faces)
    assert words in refused(faces, "multilabel")


def test_a_value_that_is_neither_yes_nor_no(faces):
    path = faces / LIST
    lines = path.read_text().splitlines()
    lines[4] = "000003.jpg 1 0 -1"
    path.write_text("\n".join(lines))
    assert "txt:5: found '0' for '000003.jpg', expected 1 or -1" in refused(faces, "multilabel")
