"""Folders of IDX files, the format of MNIST: images and labels as bytes after a short header of sizes.

Source of the format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, NewRows, Task, fingerprint_of, image_column
from nnlab.data.files import SOURCE, counted, fill, is_packed, opened, refuse, size_of, stat_of, unpacked_limit
from nnlab.data.images.planes import ORDERS, check_order, described, flat, flat_stored, planes_of
from nnlab.data.stored import StoredArray, StoredRows, pick, unpacked
from nnlab.data.targets import labelled, require_class_task

Read = Callable[[Path, int], NDArray[np.uint8] | StoredArray]

_PARTS = ("train", "t10k")
_IMAGES = {3: "images-idx3-ubyte", 4: "images-idx4-ubyte"}
_LABELS = "labels-idx1-ubyte"


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder has a file with one of MNIST's names, or nearly so."""
    return any(path.name.removesuffix(".gz").endswith("-ubyte") for path in folder.iterdir())


def read_idx_folder(
    folder: Path | str, *, task: Task, in_blocks: int | None = None, channels: str | None = None
) -> Dataset:
    """The data set of a folder with MNIST's four file names, each with or without .gz; the t10k pair may be absent.

    Images in colour are in files named idx4, of (N, rows, columns, channels), or with `channels` "first" (N, channels,
    rows, columns). `x` is uint8 (N, channels × rows × columns), and the t10k images are its last rows, the test part.
    With `in_blocks`, the number of rows to hold in memory at once, the images stay in their files.
    """
    folder = Path(folder)
    if not stat.S_ISDIR(stat_of(folder).st_mode):
        refuse(folder, "found a file, expected a folder of IDX files")
    require_class_task(task, folder)
    read = read_idx if in_blocks is None else stored_idx
    parts = [_read_pair(folder, part, read) for part in _PARTS if part == "train" or _has_part(folder, part)]
    if len({images.shape[1:] for images, _ in parts}) > 1:
        refuse(folder, "found training and test images of different sizes, expected one size")
    labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    own_test = sum(len(labels) for _, labels in parts[1:])
    classes, y = labelled(labels, own_test, task, folder)
    shape = parts[0][0].shape
    check_order(channels, len(shape), folder)
    planes = planes_of(shape, channels, folder)
    assert planes is not None
    columns = Columns(image_column(*planes, is_bytes=True), ("label",), classes)
    x = _pixels([images for images, _ in parts], in_blocks, channels)
    print_of = fingerprint_of(x, y, columns)
    return Dataset(folder.resolve().name, task, x, y, columns, own_test, planes[1:], print_of)


def _pixels(
    parts: Sequence[NDArray[np.uint8] | StoredArray], in_blocks: int | None, channels: str | None
) -> NDArray[np.uint8] | StoredRows:
    """The images of all parts as rows (N, channels × rows × columns)."""
    if in_blocks is not None:
        return StoredRows([flat_stored(part, channels) for part in parts if isinstance(part, StoredArray)], in_blocks)
    return np.concatenate([flat(images, channels) for images in parts if isinstance(images, np.ndarray)])


def read_idx_folder_like(
    folder: Path | str, columns: Columns, *, task: Task, in_blocks: int | None = None, channels: str | None = None
) -> NewRows:
    """The t10k rows of a folder, or the train rows if it has no others, for the classes of `columns`."""
    order = channels if channels in ORDERS else None
    dataset = read_idx_folder(folder, task=task, in_blocks=in_blocks, channels=order)
    check_inputs(dataset, columns, folder)
    if dataset.columns.classes != columns.classes:
        found, expected = (", ".join(classes) for classes in (dataset.columns.classes, columns.classes))
        refuse(folder, f"found classes {found}, expected {expected}")
    start = len(dataset.x) - dataset.own_test if dataset.own_test else 0
    x = dataset.x[start:] if in_blocks is None else pick(dataset.x, np.arange(start, len(dataset.x)))
    y = dataset.y[start:]
    return NewRows(x, y, fingerprint_of(x, y, columns))


def check_inputs(dataset: Dataset, columns: Columns, path: Path | str) -> None:
    """Refuse images of another shape, or another number of pixels, than the inputs of a model."""
    found, expected = dataset.columns.image, columns.image
    if found and found.shape and expected and expected.shape and found.shape != expected.shape:
        refuse(path, f"found images of {described(found.shape)}, expected {described(expected.shape)}")
    if dataset.columns.width != columns.width:
        refuse(path, f"found {dataset.columns.width} pixels, expected {columns.width} inputs")


def read_idx(path: Path | str, rank: int) -> NDArray[np.uint8]:
    """The bytes of an IDX file as an array of `rank` dimensions.

    The sizes in the header are compared with the size of the file before anything is allocated, and at most one byte
    more than promised is unpacked.
    """
    path = Path(path)
    size = size_of(path)
    with opened(path) as stream:
        shape = _shape(stream, path, rank)
        _check_promise(path, size, 4 + 4 * rank, shape)
        values = np.empty(shape, np.uint8)
        found = fill(stream, values.reshape(-1).data) + len(stream.read(1))
    if found != values.size:
        _refuse_size(path, found, shape)
    return values


def stored_idx(path: Path | str, rank: int) -> StoredArray:
    """An IDX file as an array whose bytes stay in the file, or in a temporary file if it is packed."""
    path = Path(path)
    size, begin = size_of(path), 4 + 4 * rank
    with opened(path) as stream:
        shape = _shape(stream, path, rank)
        _check_promise(path, size, begin, shape)
        if is_packed(path):
            begin, (descriptor, found) = 0, unpacked(stream, path, math.prod(shape))
            if found != math.prod(shape):
                os.close(descriptor)
                _refuse_size(path, found, shape)
        else:
            descriptor = os.dup(stream.fileno())
        return StoredArray(path, descriptor, begin, np.dtype(np.uint8), shape, (stored_idx, (path, rank)))


def _refuse_size(path: Path, found: int, shape: tuple[int, ...]) -> NoReturn:
    promised = math.prod(shape)
    more = "more bytes" if found > promised else f"only {found} bytes"
    refuse(path, f"found {more} after the header, expected {promised} for {_times(shape)}")


def _shape(stream: IO[bytes], path: Path, rank: int) -> tuple[int, ...]:
    header = stream.read(4 + 4 * rank)
    magic = bytes((0, 0, 8, rank))
    if header[:4] != magic:
        refuse(path, f"found magic number {header[:4].hex() or 'none'}, expected {magic.hex()} (bytes, rank {rank})")
    if len(header) != 4 + 4 * rank:
        refuse(path, f"found {len(header)} bytes, expected a header of {4 + 4 * rank}")
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
    if 0 in shape:
        refuse(path, f"found dimensions {_times(shape)}, expected none to be 0")
    return shape


def _check_promise(path: Path, size: int, header: int, shape: tuple[int, ...]) -> None:
    promised = header + math.prod(shape)
    if is_packed(path):
        if promised > unpacked_limit(size):
            refuse(
                path, f"found dimensions {_times(shape)} in a packed file of {size} bytes, expected sizes it can hold"
            )
    elif promised != size:
        refuse(path, f"found {size} bytes, expected {promised} for dimensions {_times(shape)}")


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(str(length) for length in shape)


def _read_pair(folder: Path, part: str, read: Read) -> tuple[NDArray[np.uint8] | StoredArray, NDArray[np.uint8]]:
    """Images (N, rows, columns) or of four dimensions, read by the given function, and labels (N,) of one part."""
    rank = 4 if _candidates(folder, f"{part}-{_IMAGES[4]}") else 3
    if rank == 4 and _candidates(folder, f"{part}-{_IMAGES[3]}"):
        refuse(folder, f"found both {part}-{_IMAGES[3]} and {part}-{_IMAGES[4]}, expected one of them")
    images = read(_find(folder, f"{part}-{_IMAGES[rank]}"), rank)
    labels = read_idx(_find(folder, f"{part}-{_LABELS}"), 1)
    if len(images) != len(labels):
        refuse(folder, f"found {counted(len(labels), f'{part} label')}, expected {len(images)}, one per image")
    return images, labels


def _has_part(folder: Path, part: str) -> bool:
    return any(_candidates(folder, f"{part}-{name}") for name in (*_IMAGES.values(), _LABELS))


def _candidates(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / name, folder / f"{name}.gz") if path.is_symlink() or path.exists()]


def _find(folder: Path, name: str) -> Path:
    found = _candidates(folder, name)
    if not found:
        refuse(
            folder, f"found no file {name} or {name}.gz, expected MNIST's file names (or x.npy and y.npy)", key=SOURCE
        )
    return found[0]
