"""The JSON documents in checkpoints and finished pieces, and whether their arrays agree with them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from nnlab.data.dataset import MOST_PIXELS
from nnlab.errors import CheckpointError, Fault, printable
from nnlab.storage.documents import Digest, DocumentPart, Plain, RunDocument, Seconds, Whole
from nnlab.storage.metrics import Mark

Array = NDArray[Any]
Text = StrictStr
Positive = Annotated[StrictInt, Field(ge=1, le=2**31)]
Step = Annotated[StrictInt, Field(ge=0, le=10**9)]
Seed = Annotated[StrictInt, Field(ge=0, lt=2**63)]


class DateFacts(DocumentPart):
    """How a column of dates becomes numbers; the JSON form of `DateCode`."""

    format: Text
    origin: Annotated[Text, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    timed: StrictBool
    zoned: StrictBool = False
    sign: Text = ""


class ColumnFacts(DocumentPart):
    """An input column; a text column has its categories, an image its channels, rows and columns."""

    name: Text
    categories: tuple[Text, ...] | None
    shape: tuple[Positive, Positive, Positive] | None = None
    is_bytes: StrictBool = False
    symbol: Text = ""
    is_time: StrictBool = False
    rare: tuple[Text, ...] = ()
    date: DateFacts | None = None

    @model_validator(mode="after")
    def _is_no_larger_than_what_is_read(self) -> Self:
        if self.shape and math.prod(self.shape) > MOST_PIXELS:
            raise ValueError(f"shape: found {list(self.shape)}, expected at most {MOST_PIXELS:,} pixels")
        return self


class ColumnsFacts(DocumentPart):
    """How the columns of a table became inputs and targets; the JSON form of `Columns`."""

    inputs: Annotated[tuple[ColumnFacts, ...], Field(min_length=1)]
    targets: Annotated[tuple[Text, ...], Field(min_length=1)]
    classes: tuple[Text, ...]
    symbols: tuple[Text, ...] = ()


class ScheduleFacts(DocumentPart):
    """The learning-rate schedule and its number of steps."""

    name: Text
    of: Whole


class StreamFacts(DocumentPart):
    """How random streams are derived from a seed and a purpose."""

    generator: Text
    spawn_key: tuple[Text, ...]
    purposes: dict[Text, StrictInt]


class MarkFacts(DocumentPart):
    """How far a file was written: its length in bytes and their SHA-256."""

    length: Annotated[StrictInt, Field(ge=0, lt=2**63)]
    digest: Digest

    def mark(self) -> Mark:
        """The same as a `Mark`."""
        return Mark(self.length, self.digest)


class ModelAbout(RunDocument):
    """The model in a checkpoint: its columns, the shape of an image, and the layout of theta."""

    columns: ColumnsFacts
    image_shape: tuple[Positive, Positive] | None
    layout: tuple[tuple[Text, tuple[Positive, ...]], ...]

    @property
    def parameters(self) -> int:
        """The number of parameters in theta."""
        return sum(math.prod(shape) for _, shape in self.layout)


class WeightsAbout(ModelAbout):
    """A checkpoint of a training: its position, and everything that determined its course."""

    step: Step
    epoch: Step
    position: Step
    planned: Annotated[tuple[tuple[Step, Step], ...], Field(min_length=1)]
    seed: Seed
    streams: StreamFacts
    schedule: ScheduleFacts
    config: Text
    config_sha256: Digest
    fingerprint: Text
    environment: dict[Text, Plain]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if hashlib.sha256(self.config.encode()).hexdigest() != self.config_sha256:
            raise ValueError("config_sha256: found another one than that of config")
        if self.planned[0][0] != 0 or any(later[0] < earlier[0] for earlier, later in pairwise(self.planned)):
            raise ValueError("planned: found stretches that do not follow each other from step 0 on")
        if any(begun > planned for begun, planned in self.planned):
            raise ValueError("planned: found a stretch that is to end before it begins")
        return self


class StateAbout(WeightsAbout):
    """A checkpoint to resume from: how far the run's files were written, and the last step measured.

    `gradient_faults` are sentences on gradients that were checked and found wrong.
    """

    marks: dict[Literal["metrics.csv", "hashes.csv", "parameters.csv"], MarkFacts]
    recorded: Annotated[StrictInt, Field(ge=-1, lt=2**63)]
    gradient_faults: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _is_where_it_says(self) -> Self:
        if not {"metrics.csv", "hashes.csv"} <= self.marks.keys():
            raise ValueError("marks: found not both, expected those of metrics.csv and hashes.csv")
        if self.recorded > self.step:
            raise ValueError(f"recorded: found {self.recorded}, expected at most the step {self.step}")
        if not self.planned[-1][0] <= self.step <= self.planned[-1][1]:
            raise ValueError(f"step: found {self.step}, expected one of the steps planned")
        return self


class PieceAbout(RunDocument):
    """A finished piece: its key, its seeds as text, and the seconds they took together."""

    kind: Literal["piece"]
    key: Digest
    seconds: Seconds
    # Seeds are text: large ones exceed the exact integers of JSON readers, some even int64.
    seeds: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9]{1,20}\z", strict=True)], ...], Field(min_length=1, max_length=10**6)
    ]

    @model_validator(mode="after")
    def _has_each_seed_once(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: found one twice, expected each once")
        return self


@dataclass(frozen=True)
class SavedState:
    """A checkpoint that a training can resume from: its arrays and its document."""

    arrays: Mapping[str, Array]
    about: StateAbout

    @classmethod
    def of(cls, arrays: Mapping[str, Array], about: Mapping[str, Any], shown: str) -> Self:
        """The state from an intact file. CheckpointError if its document is invalid or its arrays disagree with it."""
        state = cls(arrays, StateAbout.of(about, shown))
        faults = list(_state_faults(arrays, state.about))
        if faults:
            raise CheckpointError([Fault(f"{shown}: {printable(fault)}") for fault in faults])
        return state


# An older checkpoint lacks the best weights since the last improvement by min_delta: nothing can make up for them.
_OLDER = "; a run of an older nnlab cannot be resumed, only evaluated"


def _state_faults(arrays: Mapping[str, Array], about: StateAbout) -> Iterator[str]:
    """Arrays that disagree with the document; those of the optimizer are checked later, by the optimizer."""
    yield from weights_faults(arrays, about.parameters)
    running, diverged, step = arrays.get("running"), arrays.get("diverged"), arrays.get("best/step")
    errors = arrays.get("gradient_errors")
    if running is None or (running.shape, running.dtype) != ((1,), np.dtype(bool)):
        yield f"running: found {shape_of(running)}, expected bool of shape [1]"
    elif diverged is None or (diverged.shape, diverged.dtype) != ((1,), np.dtype(bool)):
        yield f"diverged: found {shape_of(diverged)}, expected bool of shape [1]"
    elif (running & diverged).any():
        yield "running: found true, expected false for what has diverged"
    if step is None or (step.shape, step.dtype.kind) != ((1,), "i"):
        yield f"best/step: found {shape_of(step)}, expected whole numbers of shape [1]"
    elif not 0 <= int(step[0]) <= about.step:
        yield f"best/step: found {int(step[0])}, expected at most the step {about.step}"
    for name in ("best/value", "best/reference"):
        if (found := arrays.get(name)) is None or (found.shape, found.dtype.kind) != ((1,), "f"):
            yield f"{name}: found {shape_of(found)}, expected a number of shape [1]{_OLDER if found is None else ''}"
    yield from _end_faults(arrays.get("end_value"), about)
    if errors is None or errors.dtype.kind != "f" or errors.ndim != 2 or errors.shape[1] != about.parameters:
        yield f"gradient_errors: found {shape_of(errors)}, expected a row of {about.parameters} for each check"


def _end_faults(end: Array | None, about: StateAbout) -> Iterator[str]:
    """What is wrong with the watched figure after the last step, which most checkpoints are without."""
    last = about.planned[-1][1]
    if end is not None and (end.shape, end.dtype) != ((1,), np.dtype(np.float64)):
        yield f"end_value: found {shape_of(end)}, expected a number of shape [1]"
    elif end is not None and about.step != last:
        yield f"end_value: found one at step {about.step}, expected none before step {last}"


def weights_faults(arrays: Mapping[str, Array], parameters: int) -> Iterator[str]:
    """What is wrong with theta (1, `parameters`) and the running statistics (1, Q) of a checkpoint."""
    for name in ("theta", "statistics"):
        found = arrays.get(name)
        size = parameters if name == "theta" else -1
        if found is None or found.dtype.kind != "f" or found.ndim != 2 or len(found) != 1:
            yield f"{name}: found {shape_of(found)}, expected numbers of shape [1, {parameters}]"
        elif found.shape[1] != size >= 0:
            yield f"{name}: found {found.shape[1]} numbers, expected {parameters}"
        elif not np.isfinite(found).all():
            yield f"{name}: found numbers that are not finite"


def shape_of(array: Array | None) -> str:
    """The type and shape of an array, in words."""
    return "none" if array is None else f"{array.dtype} of shape {list(array.shape)}"
