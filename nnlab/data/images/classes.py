"""Classes of images whose names come from files or folders, and the targets for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Task
from nnlab.data.files import FaultList, quoted, refuse
from nnlab.data.targets import check_classes, class_targets

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_class_names(names: Sequence[str], file: Path | str, what: str = "class", line: int | None = None) -> None:
    """Refuse names, all of a `line`, that are empty, come twice, have control characters or are no text in UTF-8."""
    faults = FaultList(file)
    for index, name in enumerate(names):
        if not name.strip() or _UNFIT.search(name):
            faults.add(f"found {what} name {quoted(name)}, expected text in UTF-8 without control characters", line)
        elif name in names[:index]:
            faults.add(f"found {what} {quoted(name)} twice, expected it once", line)
    faults.raise_if_any()


def targets_of(codes: NDArray[np.integer[Any]], classes: tuple[str, ...], task: Task, file: Path | str) -> Any:
    """Targets from class indices (N,): (N, 1) for a binary task, one-hot (N, classes) for a multiclass one."""
    check_classes(classes, task, file)
    if len(np.unique(codes)) < 2:
        refuse(file, f"found images of class {quoted(classes[int(codes[0])])} alone, expected at least two classes")
    return class_targets(codes, len(classes), task)
