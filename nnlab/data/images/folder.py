"""Folders of image files: a folder for each class, perhaps below `train`, `val` and `test`.

Rows are in the order of the parts, in each of the class names, and in each of the file names; names are sorted by their
characters, so that 10.png comes before 2.png.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, NewRows, Task, fingerprint_of, image_column
from nnlab.data.files import SOURCE, FaultList, counted, quoted, refuse
from nnlab.data.images.classes import check_class_names, targets_of
from nnlab.data.images.decode import Wanted
from nnlab.data.images.listing import list_folder, passed_over
from nnlab.data.images.pixels import About, Cache, Changed, Decoded, read_pixels
from nnlab.data.images.planes import CHANNELS_KEY
from nnlab.data.targets import check_classes, class_targets, require_class_task
from nnlab.errors import listed, suggestion

PARTS = ("train", "val", "test")
_PART_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


_AS_IT_IS = Wanted()


@dataclass(frozen=True)
class ImageOptions:
    """How image files are read: `wanted` size and channels, whether bad ones are skipped, and as for `read_pixels`.

    `new_in` is set for new images of a model, which alone are told when they are brought to other sizes and channels.
    """

    wanted: Wanted = _AS_IT_IS
    skip: bool = False
    in_blocks: int | None = None
    cache: Cache | None = None
    new_in: Path | None = None

    def read(self, paths: Sequence[Path]) -> Decoded:
        """The pixels of image files."""
        how: dict[str, Any] = {"in_blocks": self.in_blocks, "cache": self.cache, "new_in": self.new_in}
        found = read_pixels(paths, self.wanted, skip=self.skip, **how)
        if self.new_in is None:
            return found
        return replace(found, warnings=(*found.warnings, *_brought(found.about, paths, self.new_in)))


_DEFAULT = ImageOptions()
_COLOURS = {1: "gray", 3: "colour"}


def _brought(about: About, paths: Sequence[Path], place: Path) -> Iterator[str]:
    """How many new images had another size or other channels than the model's, and the first of them."""
    channels, rows, columns = about.planes
    if changed := about.resized:
        were, first = _were(changed, about), _inside(paths[changed.first], place)
        sizes = "another size" if changed.count == 1 else "other sizes"
        was = f"{changed.planes[1]} × {changed.planes[2]}"
        yield f"{were} from {sizes} to {rows} × {columns} pixels, such as {first} ({was})"
    if changed := about.recoloured:
        were, first = _were(changed, about), _inside(paths[changed.first], place)
        yield f"{were} from {_COLOURS[changed.planes[0]]} to {_COLOURS[channels]}, such as {first}"


def _were(changed: Changed, about: About) -> str:
    were = "was" if changed.count == 1 else "were"
    return f"{changed.count} of {counted(about.count, 'image')} {were} brought"


def _inside(path: Path, place: Path) -> str:
    return quoted(str(path.relative_to(place)))


def only_part(part: str, place: Path, count: int, total: int) -> tuple[str, ...]:
    """A warning that only a part of a set is read, where there is more."""
    found = f"only the {part} part of {quoted(place.resolve().name)} is read: {count} of its {counted(total, 'image')}"
    return (found,) if count < total else ()


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
    others: list[Path] = []
    parts = {name: _labelled(place, faults, others) for name, place in _part_folders(folder).items()}
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
    y = targets_of(codes, tuple(classes), task, folder)
    dataset = pictures.dataset(task, decoded, y, ["class"], classes)
    return replace(dataset, warnings=(*passed_over(_within(others, folder)), *dataset.warnings))


def _within(paths: Iterable[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


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


def _labelled(folder: Path, faults: FaultList, others: list[Path]) -> list[tuple[str, Path]]:
    """The class and the path of each image in the class folders of a folder; `others` gets what is passed over."""
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
            which = "".join(f" ({message})" for message in passed_over(within.others))
            faults.add(f"found no images in the folder {quoted(name)}, expected those of a class{which}")
        labelled += [(name, folder / name / image) for image in within.images]
        others += [folder / name / other for other in within.others]
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
    with parts the test part is read, else val, else train. In place of a folder, there may be one image file. `names`
    are the files' own, within the folder; bytes that are no UTF-8 are in them as surrogates, as in `os.fsdecode`.
    """
    path = Path(folder)
    place = path if path.is_dir() else path.parent
    own = replace(options, wanted=wanted_by(columns, path), new_in=place)
    files, warnings = _new_files(path, columns, task)
    decoded = own.read([path for _, path in files])
    kept = [files[number] for number in decoded.about.kept.tolist()]
    y = None
    if kept[0][0]:
        index = {name: code for code, name in enumerate(columns.classes)}
        codes = np.array([index[label] for label, _ in kept])
        y = class_targets(codes, len(columns.classes), task)
    names = tuple(_within((file for _, file in kept), place))
    print_of = fingerprint_of(decoded.rows, np.zeros(0) if y is None else y, columns)
    return NewRows(decoded.rows, y, print_of, names, (*warnings, *decoded.warnings))


def _new_files(path: Path, columns: Columns, task: Task) -> tuple[list[tuple[str, Path]], tuple[str, ...]]:
    """New image files, each with its class, which is empty if it is unknown, and warnings of what is not read."""
    if not path.is_dir():
        return [("", path)], ()
    parts = _part_folders(path)
    part = next(name for name in reversed(PARTS) if name in parts)
    place = parts[part]
    listing = list_folder(place)
    others = [place / name for name in listing.others]
    if listing.images and not listing.folders:
        files = [("", place / name) for name in listing.images]
    else:
        files, others = _new_labelled(place, columns, task)
    left = sum(_count(folder) for name, folder in parts.items() if name != part)
    return files, (*only_part(part, path, len(files), len(files) + left), *passed_over(_within(others, path)))


def _new_labelled(place: Path, columns: Columns, task: Task) -> tuple[list[tuple[str, Path]], list[Path]]:
    """New image files in folders of a model's classes, each with its class, and the files that are passed over."""
    require_class_task(task, place)
    faults, others = FaultList(place), list[Path]()
    files = _labelled(place, faults, others)
    faults.raise_if_any()
    _check_known(files, columns.classes, place)
    return files, others


def _count(folder: Path) -> int:
    """The number of images in the class folders of a folder."""
    return sum(len(list_folder(folder / name).images) for name in list_folder(folder).folders)


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
