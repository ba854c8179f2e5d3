"""Checkpoints: one self-contained .npz file each, no pickle, that says what it holds."""

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, printable
from nnlab.records.files import write_atomically

Array = NDArray[Any]
FORMAT = 1

# What NumPy and zipfile raise on a file that is cut, changed, or of another kind.
_CORRUPT = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    AttributeError,
    TypeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    SyntaxError,
)


@dataclass(frozen=True)
class Checkpoint:
    """Named arrays (theta, `slots/…`, `scaling/…`, …) and a JSON document with everything that is not an array."""

    arrays: Mapping[str, Array]
    about: Mapping[str, Any]

    def group(self, prefix: str) -> dict[str, Array]:
        """The arrays whose names begin with `prefix/`, without it."""
        return {name.removeprefix(f"{prefix}/"): a for name, a in self.arrays.items() if name.startswith(f"{prefix}/")}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file appears whole or not at all."""
    about = {"format": FORMAT, **checkpoint.about}
    text = np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8)
    members: dict[str, Any] = {**checkpoint.arrays, "about": text}
    write_atomically(path, lambda stream: np.savez(stream, **members))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, or raise CheckpointError with the reason why it cannot be used."""
    arrays = _arrays(path)
    try:
        about = json.loads(arrays.pop("about").tobytes())
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{printable(str(path))}: found no description, expected an nnlab checkpoint") from error
    if not isinstance(about, dict):
        raise CheckpointError(f"{printable(str(path))}: found no description, expected an nnlab checkpoint")
    if about.get("format") != FORMAT:
        raise CheckpointError(f"{printable(str(path))}: found format {about.get('format')}, expected format {FORMAT}")
    return Checkpoint(arrays, about)


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as members:
            return {name: members[name] for name in members.files}
    except FileNotFoundError as error:
        raise CheckpointError(f"{printable(str(path))}: found no such checkpoint") from error
    except _CORRUPT as error:
        raise CheckpointError(f"{printable(str(path))}: the checkpoint is corrupt ({error})") from error


def theta_group(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays under names with a prefix, the inverse of `Checkpoint.group`."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
