"""Finished pieces of comparisons, each in a file of its own, so that what is done need not be done again.

A file `pieces/<key>-<first seed>x<seeds>.npz` is written like a checkpoint, and read as strictly. Its key tells
everything that decides the figures but the seeds; those stand within.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, printable
from nnlab.runs.checkpoints import Checkpoint, load, save
from nnlab.runs.files import storage_errors

Array = NDArray[Any]

FOLDER = "pieces"
_KIND = "piece"
_OWN = ("theta", "statistics", "diverged", "bad_step")  # with a row per seed, as have `curves/…` and `finals/…`


@dataclass(frozen=True)
class Piece:
    """What some seeds came to: arrays with a row per seed (but `steps`), and how many seconds they took together."""

    seeds: tuple[int, ...]
    arrays: Mapping[str, Array]
    seconds: float


def key_of(document: Mapping[str, Any]) -> str:
    """The SHA-256, in hex, of all that decides the figures of a piece, its seeds aside."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def write_piece(run: Path, key: str, piece: Piece) -> None:
    """Write a piece into the folder of a comparison, whole or not at all."""
    path = run / FOLDER / f"{key}-{piece.seeds[0]}x{len(piece.seeds)}.npz"
    with storage_errors(path):
        path.parent.mkdir(exist_ok=True)
    about = {"kind": _KIND, "key": key, "seconds": piece.seconds}
    # Large seeds do not fit into the integers of JSON's readers, nor do some into int64: they are text.
    save(path, Checkpoint(piece.arrays, {**about, "seeds": [str(seed) for seed in piece.seeds]}))


def files_of(runs: Path) -> dict[str, list[Path]]:
    """The files of pieces in every folder under `runs`, by key, the newest folder last."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError):
        for path in sorted(runs.glob(f"[!.]*/{FOLDER}/*.npz")):
            if not path.parent.parent.is_symlink() and not path.name.startswith("."):
                found.setdefault(path.name.partition("-")[0], []).append(path)
    return found


def read_piece(path: Path, key: str) -> Piece:
    """The piece in a file; CheckpointError if it is damaged, or another one than its name says."""
    checkpoint = load(path)
    about, arrays = checkpoint.about, checkpoint.arrays
    faults = list(_faults(about, arrays, key))
    if faults:
        raise CheckpointError(f"{printable(str(path))}: {faults[0]}")
    return Piece(tuple(int(seed) for seed in about["seeds"]), dict(arrays), float(about["seconds"]))


def _faults(about: Mapping[str, Any], arrays: Mapping[str, Array], key: str) -> Iterator[str]:
    """What keeps a checkpoint from being the piece with a key."""
    if about.get("kind") != _KIND or about.get("key") != key:
        yield "found another key than in its name, expected the piece that it names"
        return
    seeds, seconds = about.get("seeds"), about.get("seconds")
    if not isinstance(seeds, list) or not seeds or not all(isinstance(s, str) and s.isdecimal() for s in seeds):
        yield "found no list of seeds"
        return
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        yield "found no seconds"
    missing = [name for name in (*_OWN, "steps") if name not in arrays]
    if missing:
        yield f"found no {missing[0]}"
        return
    yield from _shape_faults(arrays, len(seeds))


def _shape_faults(arrays: Mapping[str, Array], seeds: int) -> Iterator[str]:
    length = arrays["steps"].size
    for name, array in arrays.items():
        dimensions = {"theta": 2, "statistics": 2}.get(name, 1)
        is_curve = name.startswith("curves/")
        shape = (seeds, length) if is_curve else (length,) if name == "steps" else (seeds, *array.shape[1:])
        known = is_curve or name.startswith("finals/") or name in {*_OWN, "steps"}
        if not known or array.shape != shape or array.ndim != (2 if is_curve else dimensions):
            yield f"found {printable(name)} of shape {list(array.shape)}, expected one for each of {seeds} seeds"
    if arrays["diverged"].dtype != np.bool_ or arrays["steps"].dtype.kind != "i" or not length:
        yield "found steps or marks of another type"


def taken(pieces: Sequence[Piece], seeds: Sequence[int]) -> Iterator[tuple[Piece, list[int]]]:
    """Which rows of which piece are those of the seeds that are wanted; each seed once."""
    left = set(seeds)
    for piece in pieces:
        rows = [row for row, seed in enumerate(piece.seeds) if seed in left]
        left -= set(piece.seeds)
        if rows:
            yield piece, rows
