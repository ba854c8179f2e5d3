"""The names that go with arrays: those of inputs, targets and classes, which arrays of numbers cannot hold.

In an .npz file they are the member `names`, the bytes of a JSON object as an array of uint8:

    {"inputs": ["age", "height"], "targets": ["ill"], "classes": ["no", "yes"]}

Each may be left out. The label k of `y` is the class of that index.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import counted, refuse
from nnlab.errors import listed

_KINDS = ("inputs", "targets", "classes")
_EXPECTED = f"expected the bytes of a JSON object with lists of different texts under {', '.join(_KINDS)}"


@dataclass(frozen=True)
class ArrayNames:
    """The names of inputs, targets and classes of arrays in the file `path`; empty where they have none."""

    path: Path
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, member: Any, path: Path) -> ArrayNames:
        """The names in the member of an .npz file; none where there is no such member. DataError for anything else."""
        if member is None:
            return cls(path)
        found = _read(member)
        if not isinstance(found, dict) or set(found) - set(_KINDS) or not all(map(_are_texts, found.values())):
            refuse(path, f"found something else in names, {_EXPECTED}")
        return cls(path, **{kind: tuple(texts) for kind, texts in found.items()})

    def to_array(self) -> NDArray[np.uint8]:
        """The member of an .npz file."""
        said = {kind: texts for kind, texts in asdict(self).items() if kind in _KINDS and texts}
        return np.frombuffer(json.dumps(said).encode(), np.uint8)

    def inputs_of(self, count: int) -> tuple[str, ...]:
        """The names of `count` inputs; x0, x1 and so on where they have none."""
        return self._checked("inputs", count) or tuple(f"x{i}" for i in range(count))

    def targets_of(self, count: int, *, numbered: bool) -> tuple[str, ...]:
        """The names of `count` targets; where they have none y, or y0, y1 and so on if `numbered`."""
        return self._checked("targets", count) or (tuple(f"y{i}" for i in range(count)) if numbered else ("y",))

    def classes_of(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The names of the classes that have these labels, decimal numbers; the labels where they have none.

        DataError for named classes where the task has none, without labels.
        """
        if not self.classes:
            return tuple(labels)
        if not labels:
            found = (
                f"found names of classes ({listed(self.classes)}), expected numbers to predict, or 0 and 1 per label"
            )
            refuse(self.path, found, key=("task",))
        if int(labels[-1]) >= len(self.classes):
            refuse(
                self.path, f"found label {labels[-1]} in y, expected one of {len(self.classes)} named classes, from 0"
            )
        return tuple(self.classes[int(label)] for label in labels)

    def labels_of(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """The label (C,) in the file of each class of a model; -1 for one that the file does not name."""
        if self.classes:
            index = {name: label for label, name in enumerate(self.classes)}
            return np.array([index.get(name, -1) for name in classes], np.int64)
        if not all(name.isdecimal() for name in classes):
            refuse(self.path, f"found integer labels, expected the classes {', '.join(classes)} (in a .csv file)")
        return np.array([int(name) for name in classes], np.int64)

    def _checked(self, kind: str, count: int) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self, kind)
        if found and len(found) != count:
            refuse(self.path, f"found {counted(len(found), 'name')} of {kind}, expected {count}")
        return found


def _read(member: Any) -> Any:
    """What the bytes say; None if they are no JSON."""
    if not isinstance(member, np.ndarray) or member.dtype != np.uint8:
        return None
    try:
        return json.loads(member.tobytes())
    except (ValueError, RecursionError):
        return None


def _are_texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found) and len(set(found)) == len(found)
