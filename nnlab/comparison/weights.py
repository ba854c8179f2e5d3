"""The weights of the arms of a comparison or a sweep: a file for each in weights/, with a row for each seed.

The files are plain .npz archives for anybody: an array (R, *shape) for each tensor of theta and each running statistic,
such as `dense1/weights`, the `seeds` (R,), and in `layout` the names of the tensors in the order in which theta has
them. summary.json holds a SHA-256 of the weights in each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, printable
from nnlab.experiments.unchanged import Trust
from nnlab.networks.layout import Layout
from nnlab.storage.checkpoints import digest, load_arrays
from nnlab.storage.files import write_atomically
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import SeveralSummary

Array = NDArray[Any]
Layouts = tuple[Layout, Layout]  # of theta, and of the running statistics


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


def write_weights(path: Path, theta: Array, statistics: Array, seeds: Sequence[int], layouts: Layouts | None) -> None:
    """Write the weights of an arm: theta (R, P) and running statistics (R, Q), tensor by tensor if it is known how."""
    arrays: dict[str, Array] = {"seeds": np.array(seeds)}
    if layouts is None:
        arrays |= {"theta": theta, "statistics": statistics}
    else:
        arrays["layout"] = np.array([spec.name for spec in layouts[0].specs])
        arrays |= layouts[0].views(theta) | layouts[1].views(statistics)
    write_atomically(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def read_weights(
    folder: RunFolder, summary: SeveralSummary, label: str, seed: int, layouts: Layouts, trust: Trust
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
    theta, statistics = (arrays.get(name) for name in ("theta", "statistics"))  # as nnlab 0.1 wrote them
    if theta is None:
        theta, statistics = (_packed(arrays, layout, len(summary.seeds)) for layout in layouts)
    if theta is not None and statistics is None and not layouts[1].specs:
        statistics = np.empty((len(theta), 0), theta.dtype)
    if theta is None or statistics is None or theta.ndim != 2 or statistics.ndim != 2:
        raise CheckpointError(f"{shown}: found no weights of this network, expected its tensors, a row for each seed")
    if weights_digest(theta, statistics) != expected:
        what = f"{shown}: found other weights than those of the comparison, expected its own"
        trust.hold(what, ["theta: found another SHA-256 than in summary.json"])
    row = summary.seeds.index(seed)
    return theta[row : row + 1], statistics[row : row + 1]


def _packed(arrays: Mapping[str, Array], layout: Layout, replicas: int) -> Array | None:
    """The tensors of a layout in one array (R, P) again; None if they are not there or have other shapes."""
    found = [arrays[spec.name] for spec in layout.specs if spec.name in arrays]
    if [one.shape for one in found] != [(replicas, *spec.shape) for spec in layout.specs] or not found:
        return None
    return np.concatenate([one.reshape(replicas, -1) for one in found], axis=1)
