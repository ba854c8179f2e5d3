"""The weights of the arms of a comparison or a sweep: a file for each in weights/, with a row for each seed.

The files are plain .npz archives for anybody; summary.json holds a SHA-256 of the weights in each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, printable
from nnlab.experiments.unchanged import Trust
from nnlab.storage.checkpoints import digest, load_arrays
from nnlab.storage.files import write_atomically
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import SeveralSummary

Array = NDArray[Any]


def file_names(labels: Iterable[str]) -> dict[str, str]:
    """Labels by file name; a number is added where labels give the same name, as x+1 and x*1 do."""
    names: dict[str, str] = {}
    for label in labels:
        plain = "".join(c if c.isalnum() or c in "._-=" else "_" for c in label).strip("_")
        same = sum(name == plain or name.rpartition("~")[0] == plain for name in names)
        names[f"{plain}~{same + 1}" if same else plain] = label
    return names


def weights_digest(theta: Array, statistics: Array) -> str:
    """The SHA-256 of the weights of an arm: theta (R, P) and running statistics (R, Q)."""
    return hashlib.sha256(f"{digest(theta)} {digest(statistics)}".encode()).hexdigest()


def write_weights(path: Path, theta: Array, statistics: Array, seeds: Sequence[int]) -> None:
    """Write the weights of an arm."""
    arrays = {"theta": theta, "statistics": statistics, "seeds": np.array(seeds)}
    write_atomically(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def read_weights(
    folder: RunFolder, summary: SeveralSummary, label: str, seed: int, trust: Trust
) -> tuple[Array, Array]:
    """Theta (1, P) and statistics (1, Q) of a seed of an arm.

    CheckpointError if they are not those of the summary, unless they are trusted: then their sizes may be others, too.
    """
    name = next(name for name, other in file_names(summary.arms).items() if other == label)
    path, expected = folder.path / "weights" / f"{name}.npz", summary.arms[label].weights
    shown = printable(str(path))
    if expected is None:
        found = "found no SHA-256 of these weights in summary.json, expected a comparison of this version of nnlab"
        raise CheckpointError(f"{shown}: {found}; to make one: the same command again")
    arrays = load_arrays(path)
    theta, statistics = arrays.get("theta"), arrays.get("statistics")
    if theta is None or statistics is None or theta.ndim != 2 or statistics.ndim != 2:
        raise CheckpointError(f"{shown}: found no weights, expected theta and statistics with a row for each seed")
    if weights_digest(theta, statistics) != expected:
        what = f"{shown}: found other weights than those of the comparison, expected its own"
        trust.hold(what, ["theta: found another SHA-256 than in summary.json"])
    row = summary.seeds.index(seed)
    return theta[row : row + 1], statistics[row : row + 1]
