"""Folders of image files: a folder for each class, perhaps below `train`, `val` and `test`.

Rows are in the order of the parts, in each of the class names, and in each of the file names; names are sorted by their
characters, so that 10.png comes before 2.png.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, NewRows, Task, fingerprint_of, image_column
from nnlab.data.files import SOURCE, FaultList, counted, quoted, refuse
from nnlab.data.images.classes import check_class_names, targets_of
from nnlab.data.images.decode import Wanted
from nnlab.data.images.listing import list_folder
from nnlab.data.images.pixels import Cache, Decoded, read_pixels
from nnlab.data.images.planes import CHANNELS_KEY
from nnlab.data.targets import check_classes, class_targets, require_class_task
from nnlab.errors import listed, printable, suggestion

PARTS = ("train", "val", "test")
_PART_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


_AS_IT_IS = Wanted()


@dataclass(frozen=True)
class ImageOptions:
    """How image files are read: `wanted` size and channels, whether bad ones are skipped, and as for `read_pixels`."""

    wanted: Wanted = _AS_IT_IS
    skip: bool = False
    in_blocks: int | None = None
    cache: Cache | None = None

    def read(self, paths: Sequence[Path]) -> Decoded:
        """The pixels of image files."""
        return read_pixels(paths, self.wanted, skip=self.skip, in_blocks=self.in_blocks, cache=self.cache)


_DEFAULT = ImageOptions()


def image_options(
    resize: Sequence[int] | None, channels: str | None, bad_images: str, in_blocks: int | None, cache: Cache | None
) -> ImageOptions:
    """The options of an experiment. DataError for channels that are those of arrays."""
    if channels not in (None, "rgb", "gray"):
        found = f"found data.channels: {channels} for image files"
        refuse(None, f"{found}, expected rgb or gray ({channels} is for arrays)", key=CHANNELS_KEY)
    size = None if resize is None else (resize[0], resize[1])
    return ImageOptions(Wanted(size, channels), bad_images == "skip", in_blocks, cache)


# --- sets -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """The image files of a set in the order of its rows, with `sizes`: how many of them each of PARTS has."""

    folder: Path
    paths: list[Path]
    sizes: list[int]

    def dataset(
        self, task: Task, decoded: Decoded, y: NDArray[np.float64], targets: Sequence[str], classes: Sequence[str]
    ) -> Dataset:
        """The data set of the decoded pictures, for which `y` has a row each."""
        ends = np.searchsorted(decoded.about.kept, np.cumsum(self.sizes))
        _, validation, test = np.diff(ends, prepend=0).tolist()
        columns = Columns(image_column(*decoded.about.planes, is_bytes=True), tuple(targets), tuple(classes))
        x, shape = decoded.rows, decoded.about.planes[1:]
        return Dataset(
            self.folder.resolve().name,
            task,
            x,
            y,
            columns,
            test,
            shape,
            fingerprint_of(x, y, columns),
            validation,
            warnings=decoded.warnings,
        )


def read_image_folder(folder: Path | str, *, task: Task, options: ImageOptions = _DEFAULT) -> Dataset:
    """The data set of a folder with a folder of images for each class, or of such folders for train, val and test.

    `x` is uint8 (N, channels × rows × columns). The classes are the names of the folders of the training part, sorted;
    the rows of val and test are the set's own parts. DataError for what is no sound picture, as for `read_pixels`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        refuse(folder, "found one picture, expected a folder of pictures for each class", key=SOURCE)
    require_class_task(task, folder)
    faults = FaultList(folder)
    parts = {name: _labelled(place, faults) for name, place in _part_folders(folder).items()}
    faults.raise_if_any()
    classes = sorted({label for label, _ in parts["train"]})
    check_class_names(classes, folder)
    check_classes(classes, task, folder)
    for name in ("val", "test"):
        _check_known(parts.get(name, []), classes, folder / name)
    files = [file for part in parts.values() for file in part]
    pictures = Pictures(folder, [path for _, path in files], [len(parts.get(name, [])) for name in PARTS])
    decoded = options.read(pictures.paths)
    index = {name: code for code, name in enumerate(classes)}
    codes = np.array([index[label] for label, _ in files])[decoded.about.kept]
    return pictures.dataset(task, decoded, targets_of(codes, tuple(classes), task, folder), ["class"], classes)


def _part_folders(folder: Path) -> dict[str, Path]:
    """The folders of the parts; a folder without parts is the training part."""
    listing = list_folder(folder)
    found = {name: _PART_NAMES.get(name.lower(), "") for name in listing.folders}
    if "train" not in found.values() or "" in found.values() or not list_folder(folder / _first(found)).folders:
        return {"train": folder}
    if len(set(found.values())) < len(found):
        refuse(folder, f"found the folders {listed(sorted(found))}, expected one for each part: train, val, test")
    return {part: folder / name for part in PARTS for name in found if found[name] == part}


def _first(parts: Mapping[str, str]) -> str:
    return next(name for name, part in parts.items() if part == "train")


def _labelled(folder: Path, faults: FaultList) -> list[tuple[str, Path]]:
    """The class and the path of each image in the class folders of a folder."""
    listing = list_folder(folder)
    if not listing.folders:
        found = f"found {counted(len(listing.images), 'image')} and no folders"
        faults.add(f"{found} in {quoted(folder.name)}, expected a folder of images for each class", key=SOURCE)
    elif listing.images:
        found = f"found {counted(len(listing.images), 'image')} beside the folders of classes"
        faults.add(f"{found}, the first {quoted(listing.images[0])}; expected each in the folder of its class")
    labelled = []
    for name in listing.folders:
        within = list_folder(folder / name)
        if within.folders:
            where = quoted(f"{name}/{within.folders[0]}")
            faults.add(f"found a folder {where} in the folder of a class, expected images alone")
        elif not within.images:
            faults.add(f"found no images in the folder {quoted(name)}, expected those of a class")
        labelled += [(name, folder / name / image) for image in within.images]
    return labelled


def _check_known(part: Iterable[tuple[str, Path]], classes: Sequence[str], folder: Path) -> None:
    """Refuse folders whose names are no classes."""
    faults = FaultList(folder)
    for label in sorted({label for label, _ in part} - set(classes)):
        near = suggestion(label, classes) or f", expected one of {', '.join(map(quoted, classes[:5]))}"
        faults.add(f"found the folder {quoted(label)}, which is no class of the training part{near}")
    faults.raise_if_any()


# --- new images for a model -------------------------------------------------------------------------------------------


def read_image_folder_like(folder: Path | str, columns: Columns, *, task: Task, options: ImageOptions) -> NewRows:
    """The images of a folder, brought to the size and the channels of a model with the inputs of `columns`.

    They may be in the folder itself, without targets, or in folders of classes, some of `columns.classes`. Of a folder
    with parts the test part is read, else val, else train. In place of a folder, there may be one image file.
    """
    own = replace(options, wanted=wanted_by(columns, Path(folder)))
    place, files = _new_files(Path(folder), columns, task)
    decoded = own.read([path for _, path in files])
    kept = [files[number] for number in decoded.about.kept.tolist()]
    y = None
    if kept[0][0]:
        index = {name: code for code, name in enumerate(columns.classes)}
        codes = np.array([index[label] for label, _ in kept])
        y = class_targets(codes, len(columns.classes), task)
    names = tuple(printable(str(path.relative_to(place))) for _, path in kept)
    print_of = fingerprint_of(decoded.rows, np.zeros(0) if y is None else y, columns)
    return NewRows(decoded.rows, y, print_of, names, decoded.warnings)


def _new_files(path: Path, columns: Columns, task: Task) -> tuple[Path, list[tuple[str, Path]]]:
    """The folder of new image files, and each with its class, which is empty if it is unknown."""
    if not path.is_dir():
        return path.parent, [("", path)]
    parts = _part_folders(path)
    place = parts.get("test") or parts.get("val") or parts["train"]
    listing = list_folder(place)
    if listing.images and not listing.folders:
        return place, [("", place / name) for name in listing.images]
    require_class_task(task, place)
    faults = FaultList(place)
    files = _labelled(place, faults)
    faults.raise_if_any()
    _check_known(files, columns.classes, place)
    return place, files


def wanted_by(columns: Columns, folder: Path) -> Wanted:
    """The size and the channels that a model sees."""
    image = columns.image
    if image is None or image.shape is None or not image.is_bytes:
        expected = f"expected rows of the model's {counted(columns.width, 'input')}, which are no bytes of pixels"
        refuse(folder, f"found a folder of images, {expected}")
    channels, rows, width = image.shape
    if channels not in (1, 3):
        refuse(folder, f"found a folder of images, expected arrays of the model's {channels} channels")
    return Wanted((rows, width), "gray" if channels == 1 else "rgb")
