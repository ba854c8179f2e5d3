"""CIFAR-10 and -100 in all published versions: the same rows, and what is refused."""

import dataclasses
import gzip
import hashlib
import io
import os
import re
import tarfile

import numpy as np
import pytest
from stand_ins import (
    CIFAR_10,
    COARSE,
    FINE,
    archived,
    cifar,
    cifar_10_binary,
    cifar_10_python,
    cifar_100_binary,
    cifar_100_python,
    python2,
    write_files,
)

from nnlab.data.catalogue import load, load_new
from nnlab.data.images import cifar as module
from nnlab.data.images.cifar import read_cifar
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

MADE = cifar()
HUNDRED = cifar(batches=2, count=200, classes=100)
TEN = {"py": cifar_10_python(MADE), "bin": cifar_10_binary(MADE)}


@pytest.fixture(params=["folder", "tar.gz"])
def placed(request, tmp_path):
    """Puts files where they are read: in a folder, or in an archive."""

    def put(files, name="set"):
        if request.param == "folder":
            return write_files(tmp_path / name, files)
        return archived(tmp_path / f"{name}.tar.gz", files)

    return put


def test_both_versions_of_cifar_10_in_a_folder_and_in_an_archive_are_the_same_rows(tmp_path):
    found = []
    for name, files in TEN.items():
        found.append(load(str(write_files(tmp_path / name, files)), task="multiclass"))
        found.append(load(str(archived(tmp_path / f"{name}.tar.gz", files)), task="multiclass"))
    assert len({data.fingerprint for data in found}) == 1
    data = found[0]
    np.testing.assert_array_equal(data.x, np.concatenate([pixels for pixels, _ in MADE]))
    np.testing.assert_array_equal(data.y.argmax(axis=1), np.concatenate([labels for _, labels in MADE]))
    assert (data.name, data.x.dtype, data.own_test, data.own_validation) == ("cifar-10", np.uint8, 20, 0)
    assert (data.image_shape, data.sample_shape) == ((32, 32), (32, 32, 3))
    assert (data.columns.classes, data.columns.targets) == (CIFAR_10, ("label",))
    assert data.columns.input_names[0::1024] == ("red_0_0", "green_0_0", "blue_0_0")


def test_the_planes_of_a_row_are_red_green_and_blue(tmp_path):
    pixels = np.zeros((20, 3, 32, 32), np.uint8)
    pixels[:, 1, 2, 3] = 200
    made = [(pixels.reshape(20, -1), labels) for _, labels in MADE]
    data = read_cifar(write_files(tmp_path / "a", cifar_10_python(made)), task="multiclass")
    assert data.columns.input_names[int(data.x[0].argmax())] == "green_2_3"


def of_target(path, name):
    """CIFAR-100 with one of its two kinds of labels."""
    return load(str(path), task="multiclass", table=TableOptions(target=(name,)))


@pytest.mark.parametrize("files", [cifar_100_python(HUNDRED), cifar_100_binary(HUNDRED)], ids=["python", "binary"])
def test_cifar_100_has_fine_and_coarse_labels(placed, files):
    path = placed(files)
    fine, coarse = load(str(path), task="multiclass"), of_target(path, "coarse")
    np.testing.assert_array_equal(fine.y.argmax(axis=1), np.concatenate([labels for _, labels in HUNDRED]))
    np.testing.assert_array_equal(coarse.y.argmax(axis=1), np.concatenate([labels // 5 for _, labels in HUNDRED]))
    assert (fine.columns.classes, fine.columns.targets) == (FINE, ("fine",))
    assert (coarse.columns.classes, coarse.columns.targets) == (COARSE, ("coarse",))
    assert (fine.own_test, coarse.own_test) == (200, 200)
    assert of_target(path, "fine").fingerprint == fine.fingerprint
    with pytest.raises(DataError, match=r"found target 'cours' for CIFAR-100, expected fine or coarse; did you mean"):
        of_target(path, "cours")
    new = load_new(str(path), coarse.columns, task="multiclass")
    np.testing.assert_array_equal(new.y, coarse.y[200:])


def test_an_archive_is_compared_with_the_published_ones(tmp_path, monkeypatch):
    path = archived(tmp_path / "cifar-10-python.tar.gz", TEN["py"])
    (warning,) = read_cifar(path, task="multiclass").warnings
    assert "'cifar-10-python.tar.gz' is not as published" in warning

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(module.PUBLISHED, digest, "cifar-10-python.tar.gz")
    data = read_cifar(path, task="multiclass")
    assert (data.notes, data.warnings) == (("as published: its SHA-256 is that of cifar-10-python.tar.gz",), ())


def test_the_batches_of_a_folder_are_compared_with_the_published_ones(tmp_path, monkeypatch):
    folder = write_files(tmp_path / "set", TEN["bin"])
    (warning,) = read_cifar(folder, task="multiclass").warnings
    assert warning == "'set' is not as published: data_batch_1.bin has another SHA-256 than CIFAR-10's"
    digests = {name: hashlib.sha256(TEN["bin"][name]).hexdigest() for name in module.VERSIONS[1].batches}
    mine = dataclasses.replace(module.VERSIONS[1], digests=digests)
    monkeypatch.setattr(module, "VERSIONS", (module.VERSIONS[0], mine, *module.VERSIONS[2:]))
    data = read_cifar(folder, task="multiclass")
    assert (data.notes, data.warnings) == (("as published: the SHA-256 of its batches are those of CIFAR-10",), ())


def test_every_digest_is_one():
    digests = [*module.PUBLISHED, *(digest for version in module.VERSIONS for digest in version.digests.values())]
    assert len(set(digests)) == len(digests) == 20
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


def test_new_rows_are_the_test_batch_of_the_same_classes(placed):
    path = placed(TEN["bin"])
    columns = load(str(path), task="multiclass").columns
    rows = load_new(str(path), columns, task="multiclass")
    np.testing.assert_array_equal(rows.x, MADE[-1][0])
    other = placed(TEN["bin"] | {"batches.meta.txt": "\n".join(sorted(CIFAR_10, reverse=True)).encode()}, "other")
    with pytest.raises(DataError, match=r"found classes truck, ship, horse, frog, dog, …, expected airplane"):
        load_new(str(other), columns, task="multiclass")
    with pytest.raises(DataError, match=r"expected the model's 784 inputs"):
        load_new(str(path), load("mnist", task="multiclass").columns, task="multiclass")


def batch(**changes):
    pixels, labels = MADE[0]
    return python2({"data": pixels, "labels": labels.tolist(), **changes})


@pytest.mark.parametrize(
    ("version", "changes", "words"),
    [
        ("py", {"data_batch_3": None}, "found no file data_batch_3, expected the files of CIFAR-10 as published"),
        ("py", {"batches.meta": None}, "found no file batches.meta"),
        ("py", {"data_batch_1": b""}, "data_batch_1: found a pickle that ends 1 bytes early"),
        ("py", {"data_batch_1": batch()[:-100]}, "bytes early"),
        ("py", {"data_batch_1": python2({"labels": [1]})}, "no array data of bytes (N, 3072)"),
        ("py", {"data_batch_1": batch(data=MADE[0][0][:, :-1])}, "no array data"),
        ("py", {"data_batch_1": batch(data=MADE[0][0].astype(np.int16))}, "no array data"),
        ("py", {"data_batch_1": batch(data=[1, 2])}, "no array data"),
        ("py", {"data_batch_1": batch(labels=[1] * 19)}, "found 19 labels, expected 20, one per image"),
        ("py", {"data_batch_1": batch(labels=["a"] * 20)}, "no list labels of whole numbers"),
        ("py", {"data_batch_1": batch(labels=[10] + [0] * 19)}, "found label 10 of image 1, expected one from 0 to 9"),
        ("py", {"data_batch_1": batch(labels=[0] * 19 + [-1])}, "found label -1 of image 20"),
        ("py", {"data_batch_1": batch(data=MADE[0][0][:0], labels=[])}, "found no images"),
        ("py", {"batches.meta": python2({"label_names": ["a"]})}, "found 1 class name, expected 10"),
        ("py", {"batches.meta": python2({"label_names": ["a"] * 10})}, "found class 'a' twice"),
        ("py", {"batches.meta": python2({"label_names": ["a\x1b[2J", *CIFAR_10[1:]]})}, "found class name 'a\\x1b[2J'"),
        ("py", {"batches.meta": python2({"label_names": [b"\xff", *CIFAR_10[1:]]})}, "found class name '\\udcff'"),
        ("py", {"batches.meta": python2({"label_names": 3})}, "no list label_names"),
        ("py", {"batches.meta": python2({})}, "no list label_names"),
        ("bin", {"test_batch.bin": None}, "found no file test_batch.bin"),
        ("bin", {"test_batch.bin": b"x" * 3072}, "found 3,072 bytes, expected a multiple of 3073"),
        ("bin", {"test_batch.bin": b""}, "found no images"),
        ("bin", {"test_batch.bin": b"\x0a" + bytes(3072)}, "found label 10 of image 1"),
        ("bin", {"batches.meta.txt": b"a\nb\n"}, "found 2 class names, expected 10"),
        ("bin", {"batches.meta.txt": b"\xff\xfe" + "\n".join(CIFAR_10).encode()}, "found class name"),
    ],
)
def test_files_that_are_not_as_published(placed, version, changes, words):
    files = {name: content for name, content in (TEN[version] | changes).items() if content is not None}
    with pytest.raises(DataError) as error:
        load(str(placed(files)), task="multiclass")
    assert words in str(error.value)
    assert all(str(fault).isprintable() for fault in error.value.faults)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "regression"}, "numbers to predict"),
        ({"task": "multilabel"}, "one column of 0 and 1"),
        ({"task": "binary"}, "10 classes"),
        ({"table": TableOptions(target=("fine",))}, "found target 'fine' for CIFAR-10, expected label"),
        ({"table": TableOptions(ignore=("a",))}, "data.ignore"),
        ({"in_blocks": 5}, "data.in_blocks for"),
        ({"resize": [4, 4]}, "data.resize"),
        ({"channels": "rgb"}, "data.channels"),
        ({"bad_images": "skip"}, "data.bad_images"),
        ({"parameters": {"noise": 1}}, "takes none"),
    ],
)
def test_what_cannot_be_asked_of_it(tmp_path, options, words):
    path = write_files(tmp_path / "a", TEN["py"])
    with pytest.raises(DataError) as error:
        load(str(path), **{"task": "multiclass", **options})
    assert words in str(error.value)


# --- archives ---------------------------------------------------------------------------------------------------------


def tarred(path, members):
    """An archive of members as they are."""
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return path


def member(name, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


PLAIN = [(member(f"d/{name}"), content) for name, content in TEN["bin"].items()]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_an_archive_are_refused(tmp_path, kind):
    path = tarred(tmp_path / "a.tar.gz", [*PLAIN[:-1], (member("d/batches.meta.txt", kind, "/etc/passwd"), b"")])
    with pytest.raises(DataError, match=r"'d/batches.meta.txt' that is a link, a device or the like"):
        read_cifar(path, task="multiclass")


def test_names_in_an_archive_lead_nowhere(tmp_path):
    """Absolute names and `..` are read where they are: nothing is unpacked."""
    outside = [(member(f"{'/tmp' if i % 2 else '../../..'}/{m.name}"), content) for i, (m, content) in enumerate(PLAIN)]
    extra = [(member("../evil.sh"), b"x"), (member("link", tarfile.SYMTYPE, "/"), b""), (member("d/dev"), b"")]
    before = sorted(tmp_path.parent.rglob("*"))
    path = tarred(tmp_path / "a.tar.gz", [*extra, *outside])
    assert read_cifar(path, task="multiclass").x.shape == (120, 3072)
    assert sorted(tmp_path.parent.rglob("*")) == sorted([*before, path])


def test_a_file_that_is_twice_in_an_archive(tmp_path):
    with pytest.raises(DataError, match=r"found data_batch_1.bin twice"):
        read_cifar(tarred(tmp_path / "a.tar.gz", [*PLAIN, PLAIN[0]]), task="multiclass")


def test_an_archive_of_other_files(tmp_path):
    with pytest.raises(DataError, match=r"found none of CIFAR's files"):
        read_cifar(tarred(tmp_path / "a.tar.gz", [(member("a.txt"), b"x")]), task="multiclass")


@pytest.mark.parametrize("cut", [0, 1, 10, 1000, -20, -9, -4, -1])
def test_an_archive_that_was_cut(tmp_path, cut):
    whole = archived(tmp_path / "a.tar.gz", TEN["bin"]).read_bytes()
    path = tmp_path / "b.tgz"
    path.write_bytes(whole[:cut])
    with pytest.raises(DataError, match=r"corrupt|none of CIFAR's files"):
        read_cifar(path, task="multiclass")


@pytest.mark.parametrize("content", [None, b"no tar" * 1000, b""], ids=["not packed", "no tar", "empty"])
def test_a_file_that_is_no_archive(tmp_path, content):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"no archive" if content is None else gzip.compress(content))
    with pytest.raises(DataError, match=r"corrupt|none of CIFAR's files"):
        read_cifar(path, task="multiclass")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_ARCHIVE", 2**20)
    path = tarred(tmp_path / "a.tar.gz", [(member("zeros"), bytes(2**22)), *PLAIN])
    with pytest.raises(DataError, match=r"unpacks to far more than CIFAR's files"):
        read_cifar(path, task="multiclass")
    monkeypatch.undo()
    monkeypatch.setattr(module, "LARGEST_FILE", 1000)
    for place in (archived(tmp_path / "b.tar.gz", TEN["bin"]), write_files(tmp_path / "c", TEN["bin"])):
        with pytest.raises(DataError, match=r"found 61,460 bytes.*expected at most 1,000"):
            read_cifar(place, task="multiclass")


def test_a_header_that_promises_more_than_there_is(tmp_path):
    huge = member("d/data_batch_1.bin")
    huge.size = 2**27
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(huge.tobuf() + b"x" * 5000))
    with pytest.raises(DataError, match=r"corrupt"):
        read_cifar(path, task="multiclass")
    huge.size = 2**40
    path.write_bytes(gzip.compress(huge.tobuf() + b"x" * 5000))
    with pytest.raises(DataError, match=r"found 1,099,511,627,776 bytes"):
        read_cifar(path, task="multiclass")


def test_what_is_no_file_in_a_folder(tmp_path):

    folder = write_files(tmp_path / "a", TEN["bin"])
    (folder / "data_batch_2.bin").unlink()
    os.mkfifo(folder / "data_batch_2.bin")
    with pytest.raises(DataError, match=r"data_batch_2.bin: found a FIFO, expected a file"):
        read_cifar(folder, task="multiclass")
