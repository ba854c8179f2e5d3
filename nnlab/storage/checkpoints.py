"""Checkpoints: self-contained files, each with a document about its content and checksums of every bit.

A file is an .npz archive, so that `numpy.load` reads it, without pickle. Its member `about` is a JSON document with the
format and the SHA-256 of every other member; the archive's comment, at its end, is a SHA-256 of all bytes before.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, StorageError, printable
from nnlab.storage.documents import parsed
from nnlab.storage.files import NotAFileError, open_plain, write_atomically

Array = NDArray[Any]
FORMAT = 2

_SEAL = 64  # hexadecimal digits of a SHA-256
_PICKLES = b"\x80"  # the first byte of a pickle; no zip archive begins with it

# What NumPy and zipfile raise for a file that is truncated, changed, or of another kind.
_CORRUPT = (
    OSError,
    ValueError,
    EOFError,
    OverflowError,
    KeyError,
    AttributeError,
    TypeError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    SyntaxError,
)


class DamagedCheckpointError(CheckpointError):
    """A checkpoint is empty, truncated or changed since it was written."""


class MissingCheckpointError(CheckpointError):
    """The checkpoint does not exist."""


@dataclass(frozen=True)
class Checkpoint:
    """Named arrays (theta, `slots/…`, `scaling/…`, …), and a JSON document with everything else."""

    arrays: Mapping[str, Array]
    about: Mapping[str, Any]

    def group(self, prefix: str) -> dict[str, Array]:
        """The arrays whose names begin with `prefix/`, by their names without it."""
        return {name.removeprefix(f"{prefix}/"): a for name, a in self.arrays.items() if name.startswith(f"{prefix}/")}


def save(path: Path, checkpoint: Checkpoint, *, keep: Path | None = None) -> None:
    """Write a checkpoint atomically. The previous one is kept as `keep`."""
    sealed = to_bytes(checkpoint)
    write_atomically(path, lambda stream: _write_all(stream, sealed), keep=keep)


def _write_all(stream: Any, content: bytes) -> None:
    stream.write(content)


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The bytes of a checkpoint file; the same content gives the same bytes."""
    members = {name: np.asanyarray(array) for name, array in checkpoint.arrays.items()}
    digests = {name: digest(array) for name, array in members.items()}
    about = {"format": FORMAT, **checkpoint.about, "members": digests}
    text = np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8)
    stream = io.BytesIO()
    assert not any(array.dtype.hasobject for array in members.values()), "NumPy would pickle objects"
    np.savez(stream, **members, about=text)  # type: ignore[arg-type]
    # A zip archive ends with the length of its comment, and the comment.
    content = stream.getvalue()[:-2] + _SEAL.to_bytes(2, "little")
    return content + hashlib.sha256(content).hexdigest().encode()


def digest(array: Array) -> str:
    """The SHA-256 of an array's type, shape and values."""
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def load(path: Path) -> Checkpoint:
    """Read a checkpoint. CheckpointError, with the reason, if it cannot be used.

    DamagedCheckpointError if it has changed since it was written, MissingCheckpointError if there is none.
    """
    shown = printable(str(path))
    content = _content(path)
    arrays = _arrays(content, shown)
    is_sealed = content[-_SEAL:] == hashlib.sha256(content[:-_SEAL]).hexdigest().encode()
    about = _about(arrays, shown, is_sealed=is_sealed)
    found = about.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise CheckpointError(f"{shown}: found format {found}, written by a newer nnlab, expected format {FORMAT}")
    if not is_sealed:
        raise DamagedCheckpointError(f"{shown}: the checkpoint is corrupt (its SHA-256 is not the one at its end)")
    if found != FORMAT:
        raise CheckpointError(f"{shown}: found format {printable(str(found)[:40])}, expected format {FORMAT}")
    if about.get("members") != {name: digest(array) for name, array in arrays.items()}:
        raise DamagedCheckpointError(f"{shown}: the checkpoint is corrupt (a member's SHA-256 is not the one it names)")
    return Checkpoint(arrays, about)


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a plain .npz archive; errors as for `load`, of which only a missing seal is none."""
    return _arrays(_content(path), printable(str(path)))


def _content(path: Path) -> bytes:
    """The bytes of a file; errors as for `load`."""
    shown = printable(str(path))
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingCheckpointError(f"{shown}: found no such checkpoint") from error
    except NotAFileError as error:
        raise DamagedCheckpointError(str(error)) from error
    except OSError as error:  # not damage: a permission is missing, or too many files are open
        raise StorageError(f"{shown}: cannot read: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise DamagedCheckpointError(f"{shown}: the checkpoint is corrupt ({error.strerror})") from error


def _arrays(content: bytes, shown: str) -> dict[str, Array]:
    """Every member of an archive; a pickle is refused without reading it."""
    if content.startswith(_PICKLES):
        raise CheckpointError(f"{shown}: found a pickle, which could run code, expected an nnlab checkpoint")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: _member(archive, info, len(content)) for info in archive.infolist()}
        return {name.removesuffix(".npy"): _array(member, shown) for name, member in members.items()}
    except _CORRUPT as error:
        raise DamagedCheckpointError(f"{shown}: the checkpoint is corrupt ({error})") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    """The bytes of one member of an archive of `size` bytes whose members are not compressed."""
    if info.file_size > size:
        raise ValueError(f"{info.filename} is said to have {info.file_size:,} bytes, in a file of {size:,}")
    return archive.read(info)


def _array(member: bytes, shown: str) -> Array:
    """One member, whose bytes match the archive's checksum; its header is checked before anything is allocated."""
    stream = io.BytesIO(member)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"found an array in NumPy's format {version[0]}.{version[1]}, expected 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise CheckpointError(f"{shown}: found pickled objects, which could run code, expected plain arrays")
    promised, held = math.prod(shape) * dtype.itemsize, len(member) - stream.tell()
    if promised != held:
        raise ValueError(f"an array of shape {list(shape)} has {promised:,} bytes, found {held:,}")
    stream.seek(0, os.SEEK_SET)
    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _about(arrays: dict[str, Array], shown: str, *, is_sealed: bool) -> dict[str, Any]:
    """The document of a checkpoint; an invalid one in an intact file was not written by nnlab."""
    kind = CheckpointError if is_sealed else DamagedCheckpointError
    reason = f"{shown}: found no description, expected an nnlab checkpoint"
    try:
        about = parsed(arrays.pop("about").tobytes(), shown)
    except (KeyError, CheckpointError) as error:
        raise kind(reason) from error
    if not isinstance(about, dict):
        raise kind(reason)
    return about


def theta_group(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays under names with a prefix: the inverse of `Checkpoint.group`."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
