"""What checkpoints and finished pieces say of themselves beside their arrays, and whether the arrays agree with it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictInt, StrictStr, model_validator

from nnlab.errors import CheckpointError, Fault, printable
from nnlab.runs.documents import Digest, DocumentPart, Plain, RunDocument, Seconds, Whole
from nnlab.runs.metrics import Mark

Array = NDArray[Any]
Text = StrictStr
Positive = Annotated[StrictInt, Field(ge=1, le=2**31)]
Step = Annotated[StrictInt, Field(ge=0, le=10**9)]
Seed = Annotated[StrictInt, Field(ge=0, lt=2**63)]


class ColumnFacts(DocumentPart):
    """A column that feeds the network; text has its categories."""

    name: Text
    categories: tuple[Text, ...] | None


class ColumnsFacts(DocumentPart):
    """How the columns of a table became inputs and targets, as `Columns` has it."""

    inputs: Annotated[tuple[ColumnFacts, ...], Field(min_length=1)]
    targets: Annotated[tuple[Text, ...], Field(min_length=1)]
    classes: tuple[Text, ...]


class ScheduleFacts(DocumentPart):
    """The schedule of the learning rate, and of how many steps it is one."""

    name: Text
    of: Whole


class StreamFacts(DocumentPart):
    """How random numbers follow from a seed and a purpose."""

    generator: Text
    spawn_key: tuple[Text, ...]
    purposes: dict[Text, StrictInt]


class MarkFacts(DocumentPart):
    """How far a file had been written: its length in bytes and the SHA-256 of them."""

    length: Annotated[StrictInt, Field(ge=0, lt=2**63)]
    digest: Digest

    def mark(self) -> Mark:
        """The same as the file's own."""
        return Mark(self.length, self.digest)


class ModelAbout(RunDocument):
    """What the model of a checkpoint is: its columns, the shape of an image, and the layout of theta."""

    columns: ColumnsFacts
    image_shape: tuple[Positive, Positive] | None
    layout: tuple[tuple[Text, tuple[Positive, ...]], ...]

    @property
    def parameters(self) -> int:
        """How many numbers theta has."""
        return sum(math.prod(shape) for _, shape in self.layout)


class WeightsAbout(ModelAbout):
    """A checkpoint of a training: where it stands, and all that decides how it went there."""

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
    """A checkpoint to go on from: with how far the run's files had been written, and the last step measured."""

    marks: dict[Literal["metrics.csv", "hashes.csv"], MarkFacts]
    recorded: Annotated[StrictInt, Field(ge=-1, lt=2**63)]

    @model_validator(mode="after")
    def _is_where_it_says(self) -> Self:
        if len(self.marks) < 2:
            raise ValueError("marks: found not both, expected those of metrics.csv and hashes.csv")
        if self.recorded > self.step:
            raise ValueError(f"recorded: found {self.recorded}, expected at most the step {self.step}")
        if not self.planned[-1][0] <= self.step <= self.planned[-1][1]:
            raise ValueError(f"step: found {self.step}, expected one of the steps planned")
        return self


class PieceAbout(RunDocument):
    """A finished piece: its key, its seeds as text, and the seconds that they took together."""

    kind: Literal["piece"]
    key: Digest
    seconds: Seconds
    # Large seeds do not fit into the integers of JSON's readers, nor do some into int64: they are text.
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
    """A checkpoint that a training can go on from: its arrays, and what it says of itself."""

    arrays: Mapping[str, Array]
    about: StateAbout

    @classmethod
    def of(cls, arrays: Mapping[str, Array], about: Mapping[str, Any], shown: str) -> Self:
        """The state in a file that is whole. CheckpointError where it says what cannot be, or its arrays disagree."""
        state = cls(arrays, StateAbout.of(about, shown))
        faults = list(_state_faults(arrays, state.about))
        if faults:
            raise CheckpointError([Fault(f"{shown}: {printable(fault)}") for fault in faults])
        return state


def _state_faults(arrays: Mapping[str, Array], about: StateAbout) -> Iterator[str]:
    """Which arrays disagree with what is said of them; those of the optimizer are held against its own later."""
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
    if errors is None or errors.dtype.kind != "f" or errors.ndim != 2 or errors.shape[1] != about.parameters:
        yield f"gradient_errors: found {shape_of(errors)}, expected a row of {about.parameters} for each check"


def weights_faults(arrays: Mapping[str, Array], parameters: int) -> Iterator[str]:
    """Whether theta (1, `parameters`) and the running statistics (1, Q) are what a checkpoint of weights has."""
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
