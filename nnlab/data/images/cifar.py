"""CIFAR-10 and CIFAR-100 in the files in which their authors publish them: images of 32 × 32 pixels in colour.

There are two versions of each: pickles, in which Python 2 wrote dicts with an array and lists, and plain bytes, in
which each image is its label (of CIFAR-100 two: coarse, fine) and then 1024 bytes each of red, green and blue. Both
come as a folder or as the .tar.gz that is downloaded, which is read without unpacking anything to the disk. The test
batch is the test part. Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and the page
of the sets.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, NewRows, Task, fingerprint_of, image_column
from nnlab.data.files import CHUNK, Key, counted, quoted, reading, refuse, size_of, unpacked_limit
from nnlab.data.images.classes import check_class_names, targets_of
from nnlab.data.images.pickles import read_pickle
from nnlab.data.targets import require_class_task
from nnlab.errors import suggestion

ARCHIVES = (".tar.gz", ".tgz")
LARGEST_FILE = 2**28  # bytes; the largest published one, of CIFAR-100, has 155,249,918
LARGEST_ARCHIVE = 2**29  # bytes of everything in it, unpacked

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_TARGET_KEY: Key = ("data", "target")

# SHA-256 of the archives as published, to which the MD5 on the authors' page belong, and below of the batches in them.
PUBLISHED = {
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce": "cifar-10-python.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd": "cifar-10-binary.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7": "cifar-100-python.tar.gz",
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec": "cifar-100-binary.tar.gz",
}


@dataclass(frozen=True)
class Labels:
    """One set of labels: its key or its byte in the records, and where its names are.

    `names` is a file with a name on each line, or a key of the pickle in `_Version.names`.
    """

    at: str | int
    names: str
    count: int


@dataclass(frozen=True)
class Version:
    """The files of a published version.

    `digests` has the SHA-256 of each batch by its name, the test batch last. `labels` has what `data.target` may
    choose, the first by default. `pickled_names` is the pickle with the classes' names; the binary versions have a text
    file for each set of labels.
    """

    set: str
    digests: Mapping[str, str]
    labels: Mapping[str, Labels]
    pickled_names: str = ""

    @property
    def batches(self) -> tuple[str, ...]:
        """The files with images, the test batch last."""
        return tuple(self.digests)

    @property
    def files(self) -> tuple[str, ...]:
        """All files that are read."""
        names = [self.pickled_names] if self.pickled_names else [labels.names for labels in self.labels.values()]
        return (*self.batches, *names)


VERSIONS = (
    Version(
        "CIFAR-10",
        {
            "data_batch_1": "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
            "data_batch_2": "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
            "data_batch_3": "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
            "data_batch_4": "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
            "data_batch_5": "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
            "test_batch": "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
        },
        {"label": Labels("labels", "label_names", 10)},
        "batches.meta",
    ),
    Version(
        "CIFAR-10",
        {
            "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
        {"label": Labels(0, "batches.meta.txt", 10)},
    ),
    Version(
        "CIFAR-100",
        {
            "train": "735e79b04f092ca3d2e6d07f368c0a7d70d48c48d28865950cc24454cf45129b",
            "test": "4b67687d9933c4db8f0831104447f15b93774f4f464bd0516f0f0f2ac83b7864",
        },
        {
            "fine": Labels("fine_labels", "fine_label_names", 100),
            "coarse": Labels("coarse_labels", "coarse_label_names", 20),
        },
        "meta",
    ),
    Version(
        "CIFAR-100",
        {
            "train.bin": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
            "test.bin": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
        },
        {"fine": Labels(1, "fine_label_names.txt", 100), "coarse": Labels(0, "coarse_label_names.txt", 20)},
    ),
)
_WANTED = {name for version in VERSIONS for name in version.files}


def is_cifar_folder(folder: Path) -> bool:
    """Whether a folder has CIFAR's files, or so many of them that those that are missing can be named."""
    there = {name for name in _WANTED if (folder / name).is_file()}
    return bool(there - {"train", "test", "meta"}) or len(there) > 1


def read_cifar(path: Path | str, *, task: Task, target: Sequence[str] | None = None) -> Dataset:
    """The data set of a folder or a .tar.gz of any version.

    `x` is uint8 (N, 3072), red, green and blue one after the other, and the test batch is its last rows. `target` is
    "fine" (100 classes, the default) or "coarse" (20) for CIFAR-100. DataError for anything that is not as published,
    except that batches may have any number of images; whether the SHA-256 are the published ones is in `notes` or
    `warnings`.
    """
    path = Path(path)
    require_class_task(task, path)
    is_archive = path.name.lower().endswith(ARCHIVES)
    contents = _archived(path) if is_archive else _in_folder(path)
    version = _version_of(contents, path)
    note, warning = _published_archive(path) if is_archive else _published_batches(version, contents, path)
    name = _target(version, target)
    labels = version.labels[name]
    classes = _class_names(version, labels, contents, path)
    batches = [_batch(version, labels, contents.pop(batch), f"{path}/{batch}") for batch in version.batches]
    x = np.concatenate([pixels for pixels, _ in batches])
    codes = np.concatenate([codes for _, codes in batches])
    y = targets_of(codes, classes, task, path)
    columns = Columns(image_column(*_SHAPE, is_bytes=True), (name,), classes)
    return Dataset(
        version.set.lower(),
        task,
        x,
        y,
        columns,
        len(batches[-1][1]),
        _SHAPE[1:],
        fingerprint_of(x, y, columns),
        notes=(note,) if note else (),
        warnings=(warning,) if warning else (),
    )


def read_cifar_like(path: Path | str, columns: Columns, *, task: Task) -> NewRows:
    """The test batch, for a model with the pixels and the classes of `columns`."""
    expected = columns.image.shape if columns.image else None
    if expected != _SHAPE:
        refuse(path, f"found images of 32 × 32 pixels in colour, expected the model's {columns.width} inputs")
    target = list(columns.targets) if set(columns.targets) <= {"fine", "coarse"} else None
    dataset = read_cifar(path, task=task, target=target)
    if dataset.columns.classes != columns.classes:
        found, wanted = (", ".join(classes[:5]) + ", …" for classes in (dataset.columns.classes, columns.classes))
        refuse(path, f"found classes {found}, expected {wanted}")
    x, y = dataset.x[-dataset.own_test :], dataset.y[-dataset.own_test :]
    return NewRows(x, y, fingerprint_of(x, y, columns), warnings=dataset.warnings)


# --- the files ----------------------------------------------------------------------------------------------------


def _in_folder(folder: Path) -> dict[str, bytes]:
    """The contents of the files in a folder."""
    return {name: _whole_file(folder / name) for name in sorted(_WANTED) if os.path.lexists(folder / name)}


def _whole_file(path: Path) -> bytes:
    size = size_of(path)
    if size > LARGEST_FILE:
        refuse(path, f"found {size:,} bytes, expected at most {LARGEST_FILE:,}")
    with reading(path), path.open("rb") as stream:
        return stream.read(LARGEST_FILE)


def _archived(path: Path) -> dict[str, bytes]:
    """The contents of the wanted files in an archive, in whatever folder of it they are.

    Nothing is written to the disk, so that the names in the archive can do no harm; it is read to its end, where a
    checksum is.
    """
    size = size_of(path)
    contents: dict[str, bytes] = {}
    with reading(path), path.open("rb") as file:
        unpacked = _Limited(gzip.GzipFile(fileobj=file), min(LARGEST_ARCHIVE, unpacked_limit(size)), path)
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r|") as archive:
                for member in archive:
                    _take(archive, member, contents, path)
        except (tarfile.TarError, IndexError, KeyError, TypeError, AttributeError) as error:
            refuse(path, f"found a corrupt archive ({quoted(str(error))}), expected a sound one")
        while unpacked.read(CHUNK):
            pass
    return contents


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, contents: dict[str, bytes], path: Path) -> None:
    """Keep the content of a member if its name is a wanted one."""
    name = member.name.rpartition("/")[2]
    if name not in _WANTED or member.isdir():
        return
    if not member.isreg() or member.issparse():
        refuse(path, f"found {quoted(member.name)} that is a link, a device or the like, expected a plain file")
    if member.size > LARGEST_FILE:
        refuse(path, f"found {member.size:,} bytes in {quoted(member.name)}, expected at most {LARGEST_FILE:,}")
    if name in contents:
        refuse(path, f"found {name} twice, expected it once")
    stream = archive.extractfile(member)
    assert stream is not None
    # Grown as it is read: a header may promise more than there is.
    content = b"".join(iter(lambda: stream.read(CHUNK), b""))
    if len(content) != member.size:
        refuse(path, f"found only {len(content):,} bytes of {quoted(member.name)}, expected {member.size:,}")
    contents[name] = content


class _Limited:
    """A stream that is refused once more than `most` bytes of it were read."""

    def __init__(self, stream: Any, most: int, path: Path) -> None:
        self.stream, self.left, self.path = stream, most, path

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`."""
        chunk: bytes = self.stream.read(min(size, CHUNK))
        self.left -= len(chunk)
        if self.left < 0:
            refuse(self.path, "found an archive that unpacks to far more than CIFAR's files, expected these")
        return chunk


def _version_of(contents: Mapping[str, bytes], path: Path) -> Version:
    """The version to which the files belong. DataError if a file of it is missing."""
    version = max(VERSIONS, key=lambda version: sum(name in contents for name in version.files) / len(version.files))
    missing = [name for name in version.files if name not in contents]
    if len(missing) == len(version.files):
        refuse(path, "found none of CIFAR's files, expected those of a published version", key=("data", "source"))
    if missing:
        refuse(path, f"found no file {', '.join(missing)}, expected the files of {version.set} as published")
    return version


def _published_archive(path: Path) -> tuple[str, str]:
    """A note if an archive is a published one, or a warning that it is not."""
    with reading(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest in PUBLISHED:
        return f"as published: its SHA-256 is that of {PUBLISHED[digest]}", ""
    return "", f"{quoted(path.name)} is not as published: its SHA-256 is that of none of CIFAR's archives"


def _published_batches(version: Version, contents: Mapping[str, bytes], path: Path) -> tuple[str, str]:
    """The same of the batches in a folder."""
    changed = [name for name, digest in version.digests.items() if hashlib.sha256(contents[name]).hexdigest() != digest]
    if not changed:
        return f"as published: the SHA-256 of its batches are those of {version.set}", ""
    return "", f"{quoted(path.name)} is not as published: {changed[0]} has another SHA-256 than {version.set}'s"


# --- their contents -----------------------------------------------------------------------------------------------


def _target(version: Version, target: Sequence[str] | None) -> str:
    """Which labels to use."""
    known = list(version.labels)
    if target is None:
        return known[0]
    if len(target) != 1 or target[0] not in known:
        shown = ", ".join(quoted(name) for name in target[:5])
        near = suggestion(target[0], known)
        refuse(None, f"found target {shown} for {version.set}, expected {' or '.join(known)}{near}", key=_TARGET_KEY)
    return target[0]


def _class_names(version: Version, labels: Labels, contents: Mapping[str, bytes], path: Path) -> tuple[str, ...]:
    """The names of the classes, in the order of their labels."""
    if version.pickled_names:
        file = f"{path}/{version.pickled_names}"
        listed = read_pickle(contents[version.pickled_names], file).get(labels.names)
        if not isinstance(listed, list) or not all(isinstance(name, bytes | str) for name in listed):
            refuse(file, f"found no list {labels.names} of texts, expected one")
        raw = [name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape") for name in listed]
    else:
        file = f"{path}/{labels.names}"
        raw = contents[labels.names].split(b"\n")
        raw = [name.strip() for name in raw if name.strip()]
    names = [name.decode("utf-8", "surrogateescape") for name in raw]
    if len(names) != labels.count:
        refuse(file, f"found {counted(len(names), 'class name')}, expected {labels.count}")
    check_class_names(names, file)
    return tuple(names)


def _batch(version: Version, labels: Labels, content: bytes, file: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pixels (N, 3072) and the labels (N,) of a file."""
    pixels, codes = (_pickled if version.pickled_names else _recorded)(version, labels, content, file)
    if not len(codes):
        refuse(file, "found no images, expected at least one")
    wrong = np.flatnonzero((codes < 0) | (codes >= labels.count))
    if len(wrong):
        row = int(wrong[0])
        refuse(file, f"found label {codes[row]} of image {row + 1}, expected one from 0 to {labels.count - 1}")
    return pixels, codes


def _pickled(
    _version: Version, labels: Labels, content: bytes, file: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The batch of a pickle, which has `data` (N, 3072) and a list of labels."""
    found = read_pickle(content, file)
    pixels, codes = found.get("data"), found.get(str(labels.at))
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXELS:
        refuse(file, f"found no array data of bytes (N, {_PIXELS}), expected one")
    if not isinstance(codes, list) or not all(type(code) is int and abs(code) < 2**31 for code in codes):
        refuse(file, f"found no list {labels.at} of whole numbers, expected one")
    if len(codes) != len(pixels):
        refuse(file, f"found {counted(len(codes), 'label')}, expected {len(pixels)}, one per image")
    return pixels, np.array(codes, np.int64)


def _recorded(
    version: Version, labels: Labels, content: bytes, file: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The batch of a file of records: a byte for each set of labels, then the pixels."""
    before = len(version.labels)
    if len(content) % (before + _PIXELS):
        refuse(file, f"found {len(content):,} bytes, expected a multiple of {before + _PIXELS}, one record per image")
    records = np.frombuffer(content, np.uint8).reshape(-1, before + _PIXELS)
    return records[:, before:], records[:, int(labels.at)].astype(np.int64)
