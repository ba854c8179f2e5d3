"""CelebA's layout: a folder of pictures, a table of yes and no for each, and a table of the parts they belong to.

`img_align_celeba/` has the pictures. `list_attr_celeba.txt` has their number, a line with the names of the attributes,
and then a line for each picture: its file name, and 1 (yes) or -1 (no) for each attribute. `list_eval_partition.txt`
says 0 (training), 1 (validation) or 2 (test) behind each file name. Source: Liu, Luo, Wang, Tang, "Deep Learning Face
Attributes in the Wild", 2015, ICCV.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, NewRows, Task, fingerprint_of
from nnlab.data.files import SOURCE, FaultList, Key, counted, quoted, read_all, refuse
from nnlab.data.images.classes import check_class_names
from nnlab.data.images.folder import PARTS, ImageOptions, Pictures, only_part, wanted_by
from nnlab.data.images.listing import ATTRIBUTES, PARTITION, list_folder
from nnlab.data.stored import pick
from nnlab.errors import suggestion

IMAGES = "img_align_celeba"

_TARGET_KEY: Key = ("data", "target")
_YES_OR_NO = {"-1": 0, "1": 1}
_COUNT = re.compile(r"\s*[0-9]{1,12}\s*")


def read_celeba(
    folder: Path | str, *, task: Task, options: ImageOptions, target: Sequence[str] | None = None
) -> Dataset:
    """The data set of a folder with CelebA's layout, for several labels at once, or for one yes or no.

    `target` names some of the attributes, in their new order; without it there are all. `x` is uint8 (N, channels ×
    rows × columns), rows are in the order of the parts and then of the file names, and validation and test are the
    set's own parts. DataError for a picture without a row, a row without a picture, and as for `read_pixels`.
    """
    folder = Path(folder)
    _check_task(task, target, folder)
    _check_there(folder)
    names, values = _attributes(folder / ATTRIBUTES)
    parts = _partition(folder / PARTITION, values)
    _check_pictures(folder, values)
    targets = _targets(names, target, folder)
    files = [(part, name) for name, part in parts.items()]
    files.sort()
    paths = [folder / IMAGES / name for _, name in files]
    pictures = Pictures(folder, paths, [sum(part == number for part, _ in files) for number in range(len(PARTS))])
    decoded = options.read(paths)
    chosen = [names.index(name) for name in targets]
    y = np.array([values[name] for _, name in files])[decoded.about.kept][:, chosen].astype(np.float64)
    return pictures.dataset(task, decoded, y, targets, ("no", "yes") if task == "binary" else ())


def read_celeba_like(folder: Path | str, columns: Columns, *, task: Task, options: ImageOptions) -> NewRows:
    """The test part of such a folder, or all of it if there is none, for a model with the attributes of `columns`."""
    folder = Path(folder)
    own = replace(options, wanted=wanted_by(columns, folder), new_in=folder)
    dataset = read_celeba(folder, task=task, options=own, target=columns.targets)
    count = len(dataset.y)
    rows = np.arange(count - dataset.own_test if dataset.own_test else 0, count)
    x, y = pick(dataset.x, rows), dataset.y[rows]
    part = only_part("test", folder, len(rows), count)
    return NewRows(x, y, fingerprint_of(x, y, columns), warnings=(*part, *dataset.warnings))


def _check_task(task: Task, target: Sequence[str] | None, folder: Path) -> None:
    """Refuse a task that the attributes are not for."""
    if task not in ("multilabel", "binary"):
        refuse(folder, f"found task {task} for attributes of yes and no, expected multilabel", key=("task",))
    if task == "binary" and (target is None or len(target) != 1):
        refuse(folder, "found task binary, expected data.target: the one attribute to predict", key=_TARGET_KEY)


def _check_there(folder: Path) -> None:
    """Refuse a folder without one of the tables or the pictures."""
    faults, place = FaultList(folder), quoted(folder.resolve().name)
    for table in (ATTRIBUTES, PARTITION):
        if not os.path.lexists(folder / table):
            faults.add(f"found no {table} in the folder {place}, expected CelebA's table", key=SOURCE)
    if not (folder / IMAGES).is_dir():
        faults.add(f"found no folder {IMAGES} in {place}, expected the pictures there", key=SOURCE)
    faults.raise_if_any()


def _targets(names: Sequence[str], target: Sequence[str] | None, folder: Path) -> list[str]:
    """The attributes to predict."""
    if target is None:
        return list(names)
    faults = FaultList(folder)
    for index, name in enumerate(target):
        key = (*_TARGET_KEY, index)
        if name not in names:
            faults.add(f"found no attribute {quoted(name)}, expected one{suggestion(name, names)}", key=key)
        elif name in target[:index]:
            faults.add(f"found attribute {quoted(name)} twice, expected it once", key=key)
    faults.raise_if_any()
    return list(target)


def _lines(path: Path) -> list[str]:
    try:
        return read_all(path).decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        refuse(path, f"found byte 0x{error.object[error.start]:02x} at position {error.start}, expected plain ASCII")


def _attributes(path: Path) -> tuple[list[str], dict[str, NDArray[np.uint8]]]:
    """The names of the attributes, and 0 or 1 for each of them by the name of a picture."""
    lines = _lines(path)
    if len(lines) < 3 or not _COUNT.fullmatch(lines[0]):
        refuse(path, "found no number of pictures in the first line, expected it, then names, then rows", 1)
    names = lines[1].split()
    check_class_names(names, path, "attribute", 2)
    faults = FaultList(path)
    values: dict[str, NDArray[np.uint8]] = {}
    for line, name, cells in _rows(lines[2:], 3, values, faults):
        wrong = next((cell for cell in cells if cell not in _YES_OR_NO), None)
        if len(cells) != len(names):
            faults.add(f"found {counted(len(cells), 'value')} for {quoted(name)}, expected {len(names)}", line)
        elif wrong is not None:
            faults.add(f"found {quoted(wrong)} for {quoted(name)}, expected 1 or -1", line)
        else:
            values[name] = np.array([_YES_OR_NO[cell] for cell in cells], np.uint8)
    faults.raise_if_any()
    if len(values) != int(lines[0]):
        refuse(path, f"found {counted(len(values), 'row')}, expected {int(lines[0])} as the first line says", 1)
    return names, values


def _partition(path: Path, known: Mapping[str, object]) -> dict[str, int]:
    """The part of each picture: 0, 1 or 2."""
    faults = FaultList(path)
    parts: dict[str, int] = {}
    for line, name, cells in _rows(_lines(path), 1, parts, faults):
        if cells not in (["0"], ["1"], ["2"]):
            faults.add(f"found {quoted(' '.join(cells))} for {quoted(name)}, expected 0, 1 or 2", line)
        elif name not in known:
            faults.add(f"found {quoted(name)}, which has no attributes, expected names of {ATTRIBUTES}", line)
        else:
            parts[name] = int(cells[0])
    for name in faults.take([name for name in known if name not in parts] if not len(faults) else []):
        faults.add(f"found no part for {quoted(name)}, expected 0, 1 or 2")
    faults.raise_if_any()
    if 0 not in parts.values():
        refuse(path, "found no picture of part 0, expected some to train on")
    return parts


def _rows(
    lines: Sequence[str], first: int, seen: Mapping[str, object], faults: FaultList
) -> Iterator[tuple[int, str, list[str]]]:
    """The number, the file name and the other cells of each line that is not empty."""
    for line, text in enumerate(lines, start=first):
        cells = text.split()
        if not cells:
            continue
        if "/" in cells[0] or "\0" in cells[0] or cells[0] in (".", ".."):
            faults.add(f"found {quoted(cells[0])}, expected the plain name of a picture", line)
        elif cells[0] in seen:
            faults.add(f"found {quoted(cells[0])} a second time, expected it once", line)
        else:
            yield line, cells[0], cells[1:]


def _check_pictures(folder: Path, values: Mapping[str, object]) -> None:
    """Refuse pictures without a row and rows without a picture, each by its name."""
    place = folder / IMAGES
    there = set(list_folder(place).images)
    faults = FaultList(place)
    for name in faults.take(sorted(values.keys() - there)):
        faults.add(f"found no picture {quoted(name)}, expected it: it has a row in {ATTRIBUTES}")
    for name in faults.take(sorted(there - values.keys())):
        faults.add(f"found picture {quoted(name)}, which has no row in {ATTRIBUTES}, expected one")
    faults.raise_if_any()
