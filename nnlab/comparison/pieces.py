"""Finished pieces of comparisons, a file for each, so that an interrupted or extended comparison can reuse them.

A file `pieces/<key>-<first seed>x<seeds>.npz` is written like a checkpoint and validated like one. The key is a hash
of everything on which the figures depend except the seeds, which the file itself contains.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, printable
from nnlab.storage.about import PieceAbout
from nnlab.storage.checkpoints import Checkpoint, load, save
from nnlab.storage.files import refuse_other_than_folder, storage_errors

Array = NDArray[Any]

FOLDER = "pieces"
_OWN = ("theta", "statistics", "diverged", "bad_step")  # with a row per seed, like `curves/…` and `finals/…`
_KINDS = {"steps": "i", "bad_step": "i", "diverged": "b"}  # kinds of NumPy types; all other arrays are floats
_KIND_NAMES = {"i": "whole numbers", "b": "true or false", "f": "numbers"}


@dataclass(frozen=True)
class Piece:
    """The training results of some seeds: arrays with a row per seed (except `steps`), and their seconds in total."""

    seeds: tuple[int, ...]
    arrays: Mapping[str, Array]
    seconds: float

    def group(self, prefix: str) -> dict[str, Array]:
        """The arrays under a prefix such as `curves/`, by their names without the prefix."""
        return _group(self.arrays, prefix)


@dataclass(frozen=True)
class PieceForm:
    """The form of the pieces of an experiment.

    `parameters` and `statistics` are the sizes of theta and of the running statistics, both of `dtype`; `last_step` is
    the last possible step. Curves named in `always` must be there; others may, if they have an entry in `bounds`, which
    holds the smallest and the largest possible value of curves and `finals`.
    """

    dtype: np.dtype[Any]
    parameters: int
    statistics: int
    last_step: int
    finals: frozenset[str]
    always: frozenset[str]
    bounds: Mapping[str, tuple[float, float]]

    def faults(self, arrays: Mapping[str, Array]) -> Iterator[str]:
        """Faults of a piece: whatever no training of this experiment could have written."""
        for name, size in (("theta", self.parameters), ("statistics", self.statistics)):
            found = arrays[name]
            if (found.shape[1], found.dtype) != (size, self.dtype):
                yield f"{name}: found {found.dtype} of {found.shape[1]} columns, expected {self.dtype} of {size}"
        if max(arrays["steps"].max(), arrays["bad_step"].max()) > self.last_step:
            yield f"steps: found some beyond the last one, {self.last_step}"
        finals, curves = ({*_group(arrays, prefix)} for prefix in ("finals/", "curves/"))
        if finals != self.finals or not self.always <= curves <= self.bounds.keys():
            yield "found other figures than those of the experiment"
        else:
            yield from self._values(arrays)

    def _values(self, arrays: Mapping[str, Array]) -> Iterator[str]:
        for prefix in ("finals/", "curves/"):
            for name, values in _group(arrays, prefix).items():
                low, high = self.bounds[name]
                if (values < low).any() or (values > high).any():
                    yield f"{prefix}{printable(name)}: found values that are not from {low:g} to {high:g}"


def _group(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def key_of(document: Mapping[str, Any]) -> str:
    """The SHA-256, in hex, of everything on which the figures of a piece depend, except its seeds."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def write_piece(run: Path, key: str, piece: Piece) -> None:
    """Write a piece into the folder of a comparison, atomically."""
    path = run / FOLDER / f"{key}-{piece.seeds[0]}x{len(piece.seeds)}.npz"
    with storage_errors(path):
        path.parent.mkdir(exist_ok=True)
    about = PieceAbout(kind="piece", key=key, seconds=piece.seconds, seeds=tuple(map(str, piece.seeds)))
    save(path, Checkpoint(piece.arrays, about.document()))


def files_of(runs: Path) -> dict[str, list[Path]]:
    """The files of pieces in every folder under `runs`, by key, the newest folder last."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError):
        for path in sorted(runs.glob(f"[!.]*/{FOLDER}/*.npz")):
            if not path.parent.parent.is_symlink() and not path.name.startswith("."):
                found.setdefault(path.name.partition("-")[0], []).append(path)
    return found


def first_seed(path: Path) -> int:
    """The smallest seed of a piece, by its name; 0 for a name that does not say."""
    found = re.fullmatch(r"[0-9a-f]+-([0-9]+)x[0-9]+\.npz", path.name)
    return int(found[1]) if found else 0


def read_piece(path: Path, key: str) -> Piece:
    """Read a piece; CheckpointError if it is damaged, does not match its file name, or holds impossible values."""
    refuse_other_than_folder(path.parent)
    checkpoint, shown = load(path), printable(str(path))
    about, arrays = PieceAbout.of(checkpoint.about, shown), checkpoint.arrays
    if about.key != key:
        raise CheckpointError(f"{shown}: found another key than in its name, expected the piece that it names")
    _raise_first(_shape_faults(arrays, len(about.seeds)), shown)
    return Piece(tuple(map(int, about.seeds)), dict(arrays), float(about.seconds))


def refuse_unfit(piece: Piece, form: PieceForm, path: Path) -> None:
    """CheckpointError for a piece that does not have the form of its experiment's pieces."""
    _raise_first(form.faults(piece.arrays), printable(str(path)))


def _raise_first(faults: Iterator[str], shown: str) -> None:
    for fault in faults:
        raise CheckpointError(f"{shown}: {fault}")


def _shape_faults(arrays: Mapping[str, Array], seeds: int) -> Iterator[str]:
    """Faults in names, types and shapes of the arrays of so many seeds."""
    missing = [name for name in (*_OWN, "steps") if name not in arrays]
    if missing:
        yield f"found no {missing[0]}"
        return
    length = arrays["steps"].size
    for name, array in arrays.items():
        shape = _shape(name, array, seeds, length)
        kind = _KINDS.get(name, "f")
        if shape is None or array.shape != shape or array.dtype.kind != kind:
            found = f"found {array.dtype} of shape {list(array.shape)}"
            yield f"{printable(name)}: {found}, expected {_KIND_NAMES[kind]} for each of {seeds} seeds"
    yield from _value_faults(arrays)


def _shape(name: str, array: Array, seeds: int, length: int) -> tuple[int, ...] | None:
    """The shape required of the array `name`; None if a piece has no such array."""
    if name == "steps":
        return (length,)
    if name.startswith("curves/"):
        return (seeds, length)
    if name in {"theta", "statistics"}:
        return (seeds, array.shape[1] if array.ndim == 2 else 0)
    return (seeds,) if name in _OWN or name.startswith("finals/") else None


def _value_faults(arrays: Mapping[str, Array]) -> Iterator[str]:
    """Faults in values: those that no training can produce."""
    steps, diverged, bad = arrays["steps"], arrays["diverged"], arrays["bad_step"]
    if not len(steps) or steps[0] < 0 or (np.diff(steps.astype(np.int64)) <= 0).any():
        yield "steps: found some that do not follow each other"
    if ((bad >= 0) != diverged).any() or (bad < -1).any():
        yield "bad_step: found others than those of the seeds that diverged"
    for name in ("theta", "statistics"):
        if not np.isfinite(arrays[name]).all():
            yield f"{name}: found numbers that are not finite"


def taken(pieces: Sequence[Piece], seeds: Sequence[int]) -> Iterator[tuple[Piece, list[int]]]:
    """The rows to use of each piece for the wanted seeds, each seed once."""
    left = set(seeds)
    for piece in pieces:
        rows = [row for row, seed in enumerate(piece.seeds) if seed in left]
        left -= set(piece.seeds)
        if rows:
            yield piece, rows
