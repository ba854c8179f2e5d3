"""What loggers are given of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Row = tuple[int, Mapping[str, float]]  # a step and the figures measured there


@dataclass(frozen=True)
class LoggedRun:
    """A run, or an arm of a comparison or a sweep.

    `config` holds the values of the experiment by dotted key, `rows` the figures along the way, `final` those of the
    end, which belong to step `steps`. `facts` are status, folder and version, `notes` the conclusions in sentences.
    `files` has the content of pictures and documents by their path in the run folder. `begun` and `ended` are seconds
    since 1970. `arms` are kept by names that a folder may have.
    """

    name: str
    experiment: str
    status: str
    begun: float
    ended: float
    config: Mapping[str, Any]
    facts: Mapping[str, str]
    steps: int = 0
    rows: Sequence[Row] = ()
    final: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    arms: Mapping[str, LoggedRun] = field(default_factory=dict)


class Logger(Protocol):
    """Something that shows runs."""

    name: str

    def write(self, folder: Path, run: LoggedRun) -> None:
        """Log a run and its arms, in place of what was logged of them before; `folder` is the run folder."""


def flattened(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings by dotted key: text, numbers and truth values; anything else as JSON text."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{above}{key}.")
        elif isinstance(value, str | int | float):
            yield f"{above}{key}", value
        else:
            yield f"{above}{key}", json.dumps(value, ensure_ascii=False)
