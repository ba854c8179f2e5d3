"""run.json: how, where and when a run took place, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictStr

from nnlab.storage.documents import Digest, DocumentPart, Plain, SealedDocument, Seconds, Whole, read_values
from nnlab.storage.gradients import GradientSummary

Status = Literal["running", "completed", "stopped", "interrupted", "diverged", "failed", "killed"]
UNFINISHED = ("interrupted", "failed")  # has a summary and a report, but neither final figures nor gates
StoppedBy = Literal["early_stopping", "max_seconds"]
Text = StrictStr


class ReadColumn(DocumentPart):
    """How a column of a table was read; the JSON form of `ColumnReading`."""

    name: Text
    role: Text
    read_as: Text
    different: Whole | None
    missing: Whole
    shown: Text
    inputs: Whole
    why: Text


class DataFacts(DocumentPart):
    """The data of a run: name, SHA-256 of the values, file (empty if computed), and number of rows of each part.

    Of a table, `columns` say how each was read; `notes` are sentences on how the data were read.
    """

    name: Text
    fingerprint: Text
    read_from: Text = ""
    rows: dict[Text, Whole] = Field(default_factory=dict)
    columns: tuple[ReadColumn, ...] = ()
    notes: tuple[Text, ...] = ()


class Session(DocumentPart):
    """A session of work on a run, from its start or a resume to a pause or its end.

    `gradcheck` is what a resume checked again.
    """

    begun: Text | None = None
    ended: Text | None = None
    status: Status
    seconds: Seconds = 0
    from_step: Whole = 0
    command: tuple[Text, ...] = ()
    warnings: tuple[Text, ...] = ()
    environment: dict[Text, Plain] = Field(default_factory=dict)
    gradcheck: GradientSummary | None = None


class RunRecord(SealedDocument):
    """What every run.json has; `folder` is where the run lay when it was last worked on.

    `data` is None where several data sets are trained on; `tables` are the SHA-256 of the CSV files once it has ended.
    """

    status: Status
    folder: Text = ""
    begun: Text | None = None
    ended: Text | None = None
    seconds: Seconds = 0
    command: tuple[Text, ...] = ()
    config: Text = ""
    plugins: tuple[Text, ...] = ()
    threads: Annotated[Whole, Field(ge=1)] = 1
    environment: dict[Text, Plain] = Field(default_factory=dict)
    data: DataFacts | None = None
    tables: dict[Text, Digest] = Field(default_factory=dict)


class TrainingRun(RunRecord):
    """run.json of `nnlab train`.

    `stopped_by` says what ended a run with the status stopped, `experiment` is the SHA-256 of what may not change.
    """

    kind: Literal["train"] = "train"
    stopped_by: StoppedBy | None = None
    sessions: tuple[Session, ...] = ()
    experiment: Text = ""


class ArmsRun(RunRecord):
    """run.json of a comparison or a sweep; `experiment` is as that of `TrainingRun`, `reused` counts trainings."""

    kind: Literal["compare-activations", "sweep"]
    experiment: Text = ""
    reused: Whole = 0


class SuiteRun(RunRecord):
    """run.json of a benchmark: `suite` is the SHA-256 of the suite and its experiments.

    It may be worked on in several sessions; `seconds` are those of all, `reused` those of the last one.
    """

    kind: Literal["benchmark"] = "benchmark"
    suite: Text = ""
    reused: Whole = 0


class MlflowRuns(SealedDocument):
    """mlflow.json: the ids of the runs on an MLflow server, of the run itself as "" and of each arm by its name."""

    server: Text
    runs: dict[Text, Text]


AnyRun = TrainingRun | ArmsRun | SuiteRun
_KINDS: dict[object, type[TrainingRun | ArmsRun | SuiteRun]] = {
    "compare-activations": ArmsRun,
    "sweep": ArmsRun,
    "benchmark": SuiteRun,
}


def read_run(path: Path) -> AnyRun | None:
    """The run.json at a path; None if there is none. CheckpointError if it is invalid."""
    values = read_values(path)
    if values is None:
        return None
    kind = values.get("kind", "train")
    return _KINDS.get(kind if isinstance(kind, str) else "", TrainingRun).of(values, str(path))
