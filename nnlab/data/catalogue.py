"""The catalogue of data sets by name, and `load`, the single entry point to every data set.

A new set is one entry in CATALOGUE.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nnlab.data.arrays import (
    is_npy_folder,
    read_npy_folder,
    read_npy_folder_like,
    read_npz,
    read_npz_like,
)
from nnlab.data.dataset import Columns, Dataset, NewRows, Task, fingerprint_of
from nnlab.data.drawn import drawn
from nnlab.data.files import SOURCE, counted, quoted, reading, refuse, size_of, stat_of
from nnlab.data.idx import is_idx_folder, read_idx_folder, read_idx_folder_like
from nnlab.data.images.cifar import ARCHIVES, is_cifar_folder, read_cifar, read_cifar_like
from nnlab.data.images.listing import SUFFIXES, is_celeba_folder, is_image_folder
from nnlab.data.shipped import is_shipped
from nnlab.data.synthetic import cloud, houses, xor
from nnlab.data.tables import read_csv, read_csv_like
from nnlab.data.tables.files_of_parts import read_parts
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.sheets import OPENERS
from nnlab.errors import DataError, Fault, printable, suggestion
from nnlab.paths import expanded

if TYPE_CHECKING:
    from nnlab.data.images.pixels import Cache

Parameters = Mapping[str, object]
Strings = Sequence[str]
_NONE: Parameters = MappingProxyType({})
_TEXTS = tuple(f".{kind}{packed}" for kind in ("csv", "tsv", "txt", "data") for packed in ("", ".gz", ".zip"))
_TABLES = (*_TEXTS, ".zip", *OPENERS)
_EXPECTED = (
    "a table (.csv, .tsv, .txt, .data, also as .gz or .zip, .xlsx, .parquet), .npz, CIFAR's .tar.gz "
    "or a folder of images, IDX or .npy files"
)


@dataclass(frozen=True)
class _Options:
    """How the experiment wants its data to be read; names and values are those of `load`."""

    table: TableOptions
    in_blocks: int | None
    resize: Sequence[int] | None
    channels: str | None
    bad_images: str

    @property
    def target(self) -> Strings | None:
        """The columns to predict, if they are named."""
        return self.table.target

    def given(self) -> dict[str, object]:
        """What the experiment says, by the keys of _KINDS_OF_KEYS; None for what it leaves open."""
        of_files = {**vars(self), "bad_images": None if self.bad_images == "error" else self.bad_images}
        default = TableOptions()
        of_tables = {key: value for key, value in vars(self.table).items() if value != vars(default)[key]}
        return {**of_files, **of_tables}


@dataclass(frozen=True)
class DataEntry:
    """A data set of the catalogue: made by a function, or read from a file or folder of the data folder.

    `task` is what the set is for; `target`, `ignore` and `image_shape` say how a table is read, and `derive` makes
    another set from what was read.
    """

    description: str
    source: str
    task: Task
    make: Callable[[Task, Parameters], Dataset] | None = None
    file: str = ""
    target: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    derive: Callable[[Dataset], Dataset] | None = None


def _fixed(make: Callable[[Task], Dataset]) -> Callable[[Task, Parameters], Dataset]:
    """The maker of a set without parameters."""

    def made(task: Task, parameters: Parameters) -> Dataset:
        _refuse_parameters(parameters)
        return make(task)

    return made


def _cloud(name: str) -> Callable[[Task, Parameters], Dataset]:
    return lambda task, parameters: cloud(name, task, parameters)


def _drawn(name: str) -> Callable[[Task, Parameters], Dataset]:
    return lambda task, parameters: drawn(name, task, parameters)


TRAITS = {
    "even": (0, 2, 4, 6, 8),
    "prime": (2, 3, 5, 7),
    "at_least_5": (5, 6, 7, 8, 9),
    "has_loop": (0, 4, 6, 8, 9),
}


def _digit_traits(digits: Dataset) -> Dataset:
    """The images of digits with one yes or no per trait."""
    labels = digits.y.argmax(axis=1)
    y = np.column_stack([np.isin(labels, having) for having in TRAITS.values()]).astype(np.float64)
    columns = Columns(digits.columns.inputs, tuple(TRAITS))
    print_of = fingerprint_of(digits.x, y, columns)
    return replace(digits, name="digit-traits", task="multilabel", y=y, columns=columns, fingerprint=print_of)


_MADE = "computed"
CATALOGUE: Mapping[str, DataEntry] = {
    "xor": DataEntry("the four points of the exclusive or", _MADE, "binary", _fixed(xor)),
    "moons": DataEntry("two half circles that reach into each other", _MADE, "binary", _cloud("moons")),
    "circles": DataEntry("a circle around a smaller one", _MADE, "binary", _cloud("circles")),
    "spirals": DataEntry("arms that turn around the origin", _MADE, "multiclass", _cloud("spirals")),
    "blobs": DataEntry("round clouds of points", _MADE, "multiclass", _cloud("blobs")),
    "houses": DataEntry("twelve house sizes and a number that falls with them", _MADE, "regression", _fixed(houses)),
    "portraits": DataEntry(
        "drawn faces in colour, each with twelve labels: glasses, hat, beard, smile and more",
        _MADE,
        "multilabel",
        _drawn("portraits"),
        image_shape=(32, 32),
    ),
    "shapes": DataEntry(
        "a circle, square, triangle, star, cross or ring in two colours",
        _MADE,
        "multiclass",
        _drawn("shapes"),
        image_shape=(32, 32),
    ),
    "digits": DataEntry(
        "1797 handwritten digits of 8×8 pixels",
        "UCI Optical Recognition of Handwritten Digits (Alpaydin, Kaynak), test part; CC BY 4.0",
        "multiclass",
        file="digits.csv.gz",
        target=("digit",),
        image_shape=(8, 8),
    ),
    "digit-traits": DataEntry(
        "the same images, each with four labels: even, prime, at least 5, has a loop",
        "UCI Optical Recognition of Handwritten Digits (Alpaydin, Kaynak), test part; CC BY 4.0",
        "multilabel",
        file="digits.csv.gz",
        target=("digit",),
        image_shape=(8, 8),
        derive=_digit_traits,
    ),
    "iris": DataEntry(
        "150 flowers of three species, four lengths and widths of each",
        "UCI Iris (Fisher); CC BY 4.0",
        "multiclass",
        file="iris.csv",
        target=("species",),
    ),
    "breast-cancer": DataEntry(
        "569 tumours, malignant or benign, 30 figures of each",
        "UCI Breast Cancer Wisconsin (Diagnostic); CC BY 4.0",
        "binary",
        file="breast-cancer.csv",
        target=("diagnosis",),
    ),
    "penguins": DataEntry(
        "344 penguins of three species, with text columns and blanks (set data.blanks)",
        "Palmer penguins (Gorman, Horst, Hill); CC0",
        "multiclass",
        file="penguins.csv",
        target=("species",),
        ignore=("year",),
    ),
    "auto-mpg": DataEntry(
        "392 cars and how far a gallon takes them",
        "UCI Auto MPG (Quinlan); CC BY 4.0",
        "regression",
        file="auto-mpg.csv",
        target=("mpg",),
        ignore=("name",),
    ),
    "concrete": DataEntry(
        "1030 mixtures of concrete and their strength",
        "UCI Concrete Compressive Strength (Yeh); CC BY 4.0",
        "regression",
        file="concrete.csv",
        target=("strength",),
    ),
    "energy": DataEntry(
        "768 building shapes with two targets: heating and cooling load",
        "UCI Energy Efficiency (Tsanas, Xifara); CC BY 4.0",
        "regression",
        file="energy.csv",
        target=("heating_load", "cooling_load"),
    ),
    "mnist": DataEntry(
        "60000 + 10000 handwritten digits of 28×28 pixels",
        "LeCun, Cortes, Burges; CC BY-SA 3.0",
        "multiclass",
        file="mnist",
        image_shape=(28, 28),
    ),
}


def load(
    source: str,
    *,
    task: Task,
    parameters: Parameters = _NONE,
    table: TableOptions | None = None,
    in_blocks: int | None = None,
    resize: Sequence[int] | None = None,
    channels: str | None = None,
    bad_images: str = "error",
    cache: Cache | None = None,
    base: Path | None = None,
) -> Dataset:
    """The data set that `source` names: one of CATALOGUE, or a path, relative to `base` or to the working directory.

    `parameters` are for synthetic sets; `table` says how tables are read, where its `target` replaces the catalogue's
    and its `ignore` is added to it; with `in_blocks`, inputs in arrays stay in their files. Of
    image files, `resize` is (rows, columns), `channels` "gray" or "rgb", and `bad_images` "error" or "skip"; pixels are
    kept in `cache`. Of arrays, `channels` is "first" or "last". DataError if the set cannot be found or read, or does
    not fit the task.
    """
    options = _Options(table or TableOptions(), in_blocks, resize, channels, bad_images)
    if source in CATALOGUE:
        return _load_entry(source, task, parameters, options)
    path = existing_path(source, base)
    _refuse_parameters(parameters)
    kind = _kind_of(path)
    _refuse_options(source, kind, options)
    if kind == "table":
        return (read_parts if options.table.files else read_csv)(path, task=task, options=options.table)
    if kind == "cifar":
        return read_cifar(path, task=task, target=options.target)
    if kind in _ARRAYS:
        return _ARRAYS[kind][0](path, task=task, in_blocks=in_blocks, channels=channels)
    from nnlab.data.images import celeba, folder

    images = folder.image_options(resize, channels, bad_images, in_blocks, cache)
    if kind == "celeba":
        return celeba.read_celeba(path, task=task, options=images, target=options.target)
    return folder.read_image_folder(path, task=task, options=images)


def load_new(
    source: str,
    columns: Columns,
    *,
    task: Task,
    blanks_allowed: bool = False,
    table: TableOptions | None = None,
    in_blocks: int | None = None,
    channels: str | None = None,
    bad_images: str = "error",
    cache: Cache | None = None,
    base: Path | None = None,
) -> NewRows:
    """New rows for a model, read from a file or folder in the way that `columns` of its own data set describe.

    `source` is a path as for `load`; of a file or folder with a test part, only that part is read. With `in_blocks`,
    inputs in arrays and pixels stay in files. Image files are brought to the size and the channels that the model sees.
    """
    path = existing_path(source, base)
    kind = _kind_of(path)
    if kind == "table":
        return read_csv_like(path, columns, task=task, blanks_allowed=blanks_allowed, options=table)
    if kind == "cifar":
        return read_cifar_like(path, columns, task=task)
    if kind in _ARRAYS:
        return _ARRAYS[kind][1](path, columns, task=task, in_blocks=in_blocks, channels=channels)
    from nnlab.data.images import celeba, folder

    images = folder.image_options(None, None, bad_images, in_blocks, cache)
    read = celeba.read_celeba_like if kind == "celeba" else folder.read_image_folder_like
    return read(path, columns, task=task, options=images)


# The readers of arrays: of a set, and of new rows for a model.
_ARRAYS: Mapping[str, tuple[Callable[..., Dataset], Callable[..., NewRows]]] = {
    "npz": (read_npz, read_npz_like),
    "npy": (read_npy_folder, read_npy_folder_like),
    "idx": (read_idx_folder, read_idx_folder_like),
}


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.name.lower().endswith(_TABLES)


def _kind_of(path: Path) -> str:
    """What a file is by its name, or a folder by the files in it: a key of _ARRAYS, or table, cifar, celeba, images."""
    name = path.name.lower()
    if is_table(path):
        return "table"
    if name.endswith(ARCHIVES):
        return "cifar"
    if name.endswith(SUFFIXES) and path.is_file():
        return "images"
    if not stat.S_ISDIR(stat_of(path).st_mode):
        return "npz" if _require_npz(path) else ""
    kinds = {"npy": is_npy_folder, "cifar": is_cifar_folder, "idx": is_idx_folder, "celeba": is_celeba_folder}
    with reading(path):
        found = next((kind for kind, is_one in kinds.items() if is_one(path)), "")
    if not found and not is_image_folder(path):
        refuse(path, f"found a folder with none of the known files, expected {_EXPECTED}", key=SOURCE)
    return found or "images"


def _load_entry(name: str, task: Task, parameters: Parameters, options: _Options) -> Dataset:
    entry = CATALOGUE[name]
    _refuse_options(name, _kind_of_entry(entry), options)
    if options.target is None:
        _check_task(name, entry, task)
    if entry.make:
        return entry.make(task, parameters)
    _refuse_parameters(parameters)
    dataset = replace(_read_entry(name, entry, task, options), name=name)
    return _with_origin(dataset, entry.file, data_path(name, entry.file))


def _with_origin(dataset: Dataset, file: str, path: Path) -> Dataset:
    """The set with the place that it was read from: a note, or a warning where it is neither nnlab's nor named."""
    where = os.path.abspath(path)  # noqa: PTH100 - a link keeps its own name
    told = f"{dataset.name} was read from {printable(where)} ({counted(len(dataset.y), 'row')})"
    dataset = replace(dataset, read_from=where)
    named = _named_folder()
    if (named is not None and named in path.parents) or is_shipped(path, file):
        return replace(dataset, notes=(*dataset.notes, told))
    found = "which is not the set that ships with nnlab; a table of your own is named by its path"
    return replace(dataset, warnings=(f"{told}, {found}", *dataset.warnings))


def _kind_of_entry(entry: DataEntry) -> str:
    if entry.make or entry.derive:
        return "made"
    return "table" if entry.target else "idx"


def _read_entry(name: str, entry: DataEntry, task: Task, options: _Options) -> Dataset:
    path = data_path(name, entry.file)
    if not entry.target:
        return read_idx_folder(path, task=task, in_blocks=options.in_blocks, channels=options.channels)
    targets = entry.target if options.target is None else tuple(options.target)
    ignored = (*options.table.ignore, *(column for column in entry.ignore if column not in targets))
    read_as: Task = "multiclass" if entry.derive else task
    missing = ("NA",) if options.table.missing is None else options.table.missing
    table = replace(options.table, target=targets, ignore=ignored, missing=missing, trusted=True)
    dataset = read_csv(path, task=read_as, options=table)
    if targets == entry.target and not options.table.ignore:  # else the inputs are no longer the pixels of an image
        dataset = replace(dataset, image_shape=entry.image_shape)
    return entry.derive(dataset) if entry.derive else dataset


def _check_task(name: str, entry: DataEntry, task: Task) -> None:
    """Refuse a task that the set is not for. A set with two classes may be used for binary or multiclass."""
    classes = ("binary", "multiclass")
    if task != entry.task and not (task in classes and entry.task in classes):
        refuse(None, f"found task {task} for {name}, expected {entry.task}: it is {entry.description}", key=("task",))


# --- places -----------------------------------------------------------------------------------------------------------


def data_path(name: str, file: str) -> Path:
    """Where the file or folder of the catalogue's set `name` is: $NNLAB_DATA, ./data, or data/ beside the package."""
    named = _named_folder()
    folders = [*([named] if named else []), Path("data"), Path(__file__).resolve().parents[2] / "data"]
    for folder in folders:
        if os.path.lexists(folder / file):
            return folder / file
    looked = ", ".join(str(folder / file) for folder in folders)
    expected = f"expected {looked} (the set ships in data/ of the repository; NNLAB_DATA may name another folder)"
    raise DataError(Fault(f"found no data for {name}, {expected}", key=SOURCE))


def entry_files(name: str) -> list[Path]:
    """The file or the folder that the catalogue's set `name` is read from; none if it is computed or missing."""
    entry = CATALOGUE[name]
    with contextlib.suppress(DataError):
        return [] if entry.make else [data_path(name, entry.file)]
    return []


def _named_folder() -> Path | None:
    """The data folder that the user named: $NNLAB_DATA."""
    named = os.environ.get("NNLAB_DATA")
    try:
        return Path(expanded(named)) if named else None
    except ValueError as error:
        raise DataError(f"NNLAB_DATA: {error}") from error


def existing_path(source: str, base: Path | None) -> Path:
    """The path that `source` names, below `base` or else here. DataError if there is none."""
    places = [Path(source)] if base is None else [base / source, Path(source)]
    for place in places if source else []:
        if os.path.lexists(place):
            return place
    if source and not (os.sep in source or source.lower().endswith((*_TABLES, ".npz"))):
        near = suggestion(source, CATALOGUE) or f"; known are {', '.join(CATALOGUE)}"
        refuse(None, f"found source {quoted(source)}, expected a name of the catalogue or a path{near}", key=SOURCE)
    looked = " or ".join(f"'{printable(str(place))}'" for place in dict.fromkeys(places))
    raise DataError(Fault(f"found no file {looked if source else quoted(source)}, expected {_EXPECTED}", key=SOURCE))


def _require_npz(path: Path) -> Path:
    if path.suffix.lower() != ".npz":
        size_of(path)  # refuses a FIFO or a device by its kind
        refuse(path, f"found file name {quoted(path.name)}, expected {_EXPECTED}", key=SOURCE)
    return path


def _refuse_parameters(parameters: Parameters) -> None:
    if parameters:
        found = f"found {counted(len(parameters), 'parameter')} for a set that takes none: {_listed(parameters)}"
        refuse(None, found, key=(*SOURCE, next(iter(parameters))))


_OF_TABLES = (
    *("ignore", "separator", "decimal", "thousands", "header", "names", "missing", "columns", "max_categories"),
    *("unseen", "bad_rows", "weight", "split", "group", "time", "keep", "files"),
)
# Which keys of `data:` say something of which kinds of files.
_KINDS_OF_KEYS = {
    "target": ({"table", "cifar", "celeba"}, "tables, CIFAR-100 and CelebA"),
    **{key: ({"table"}, "tables") for key in _OF_TABLES},
    "in_blocks": ({*_ARRAYS, "celeba", "images"}, ".npz, .npy, IDX and image files"),
    "resize": ({"celeba", "images"}, "image files"),
    "channels": ({*_ARRAYS, "celeba", "images"}, "image files and arrays of images"),
    "bad_images": ({"celeba", "images"}, "image files"),
}


def _refuse_options(source: str, kind: str, options: _Options) -> None:
    """Refuse what the experiment says of files of another kind."""
    given = options.given()
    for key, (kinds, words) in _KINDS_OF_KEYS.items():
        if given.get(key) not in (None, (), [], {}) and kind not in kinds:
            found = f"found data.{key} for {quoted(source)}{', which is read as a whole' if key == 'in_blocks' else ''}"
            refuse(None, f"{found}; expected it for {words} only", key=("data", key))


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(quoted(str(name)) for name in names)
