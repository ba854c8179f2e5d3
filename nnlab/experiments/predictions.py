"""predictions.csv: a line for each row, with what is known of the row, what the network predicts, and the truth.

The columns, in this order; those in brackets are there only where something is known of them:

    [split]  row  [line]  [file]  [kept columns]  [unseen]  TARGET …  [probability/CLASS …]  [score/CLASS …]
    [true/TARGET …]  [weight]

The figures of merit of the rows are made from these numbers, which read back to the same bits: decisions from TARGET,
errors from TARGET and true/TARGET, and ranking figures from the scores, such as the logits, that tell outputs apart
where rounding makes them equal (see `nnlab.maths.metrics`). There are scores where they are not the outputs. `weight`
is there where rows count differently.

Of more than 1,000 classes there is no column for each: `probability` is that of the predicted class, and `rank` says
where the true class stands by its score, 1 being the first, so that top-k accuracies can be made from it.

No two have the same name. The prediction keeps the name of its target, a kept column its own, and nnlab's own columns
give way: where another has the name already, `row` becomes `nnlab/row`. A kept column that is named like a target
becomes `kept/NAME`. Texts that a spreadsheet would run as a formula are `escaped`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import RowFacts
from nnlab.data.splits import class_indices
from nnlab.data.spreadsheets import escaped, unescaped
from nnlab.errors import OutputError, printable
from nnlab.experiments.answers import written_name
from nnlab.maths.decisions import Decisions
from nnlab.maths.metrics import Scored, predictions
from nnlab.setup.model import Model
from nnlab.storage.files import to_csv
from nnlab.storage.metrics import cell
from nnlab.storage.outputs import NamedOutput

Array = NDArray[Any]
Owner = Literal["target", "kept", "nnlab"]
_OWNERS: tuple[Owner, ...] = ("target", "kept", "nnlab")  # of columns; the first keeps a name that several have


def refuse_other_format(output: NamedOutput) -> None:
    """OutputError for a file whose name is not that of a table of text: it may be something else of the user's."""
    for path in (output.path, output.place) if output.is_file else ():  # a link's name, and that of where it leads
        if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
            expected = "expected a name that ends in .csv, .tsv or .txt: predictions are a table of text"
            raise OutputError(f"{printable(str(output.path))}: found {printable(path.name)}, {expected}")


@dataclass(frozen=True)
class Predicted:
    """Outputs (N, K) for the rows of a part, their row numbers (N,) in the data set, from 1, and known targets.

    `scores` (N, K) rank the outputs, where others than these do (see `nnlab.maths.metrics`). `names` are the names of
    image files, (N,), or empty; `facts` are those of all rows of the data set. `blank` are the indices of rows with an
    input that is blank and not filled, whose outputs are nan.
    """

    outputs: Any
    numbers: NDArray[np.int64]
    targets: Array | None
    names: tuple[str, ...] = ()
    facts: RowFacts = field(default_factory=RowFacts)
    blank: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Array | None = None

    @property
    def scored(self) -> Scored:
        """Outputs and scores."""
        return Scored(self.outputs, self.outputs if self.scores is None else self.scores)

    @property
    def rows(self) -> int:
        """The number of rows with a prediction."""
        return len(self.outputs) - len(self.blank)

    def of_rows(self, values: Sequence[Any]) -> list[Any]:
        """Those of `values`, one for each row of the data set, that belong to the rows of the part."""
        return [values[number - 1] for number in self.numbers.tolist()]


@dataclass(frozen=True)
class PredictionColumn:
    """A column of predictions: its name, whose it is, and its cells."""

    name: str
    owner: Owner
    cells: Sequence[str]


def write_predictions(model: Model, predicted: Mapping[str, Predicted], output: NamedOutput) -> tuple[str, ...]:
    """Write the predictions of each part as CSV; with several parts, `split` names them.

    Returns the names of the columns with a text that was escaped.
    """
    several = len(predicted) > 1
    content, names, with_escaped = io.BytesIO(), [""], set[int]()
    for name, part in predicted.items():
        for block in _blocks(part):
            columns = [*_of_part(name, block, several=several), *_of_model(model, block)]
            if not content.tell():
                names = unique_names(columns)
                content.write(to_csv([names]).encode())
            content.write(to_csv(zip(*(column.cells for column in columns), strict=True)).encode())
            with_escaped.update(i for i, column in enumerate(columns) if any(map(_is_escaped, column.cells)))
    output.write(content.getvalue())
    return tuple(name for i, name in enumerate(names) if i in with_escaped or _is_escaped(name))


_CELLS_OF_A_BLOCK = 2**15  # of outputs


def _blocks(part: Predicted) -> Iterator[Predicted]:
    """The rows of a part, some at a time: as texts, all of them may take ten times the memory of the numbers."""
    columns = 1 if isinstance(part.outputs, Decisions) else part.outputs.shape[1]
    rows = max(1, _CELLS_OF_A_BLOCK // columns)
    for first in range(0, max(1, len(part.outputs)), rows):
        own = slice(first, first + rows)
        yield replace(
            part,
            outputs=part.outputs[own],
            numbers=part.numbers[own],
            targets=None if part.targets is None else part.targets[own],
            names=part.names[own],
            scores=None if part.scores is None else part.scores[own],
        )


def _is_escaped(text: str) -> bool:
    return text.startswith("'") and unescaped(text) != text  # most texts begin with something else


def unique_names(columns: Sequence[PredictionColumn]) -> list[str]:
    """The names of columns for the first line of a CSV file, in their order, none twice.

    Of several columns with one name the first keeps it: targets come before kept columns, and these before nnlab's own.
    The others get `OWNER/` before theirs, as often as needed.
    """
    names, taken = [""] * len(columns), {""}
    for i in sorted(range(len(columns)), key=lambda i: _OWNERS.index(columns[i].owner)):
        name = columns[i].name
        while (read := escaped(name).strip()) in taken:  # readers strip blanks
            name = f"{columns[i].owner}/{name}"
        taken.add(read)
        names[i] = escaped(name)
    return names


def _of_part(name: str, part: Predicted, *, several: bool) -> Iterator[PredictionColumn]:
    """What is known of the rows beside inputs and targets."""
    facts = part.facts
    if several:
        yield PredictionColumn("split", "nnlab", [name] * len(part.numbers))
    yield PredictionColumn("row", "nnlab", [str(number) for number in part.numbers.tolist()])
    if facts.lines is not None:
        yield PredictionColumn("line", "nnlab", [str(line) for line in facts.lines[part.numbers - 1].tolist()])
    if part.names:
        yield PredictionColumn("file", "nnlab", [escaped(written_name(file)) for file in part.names])
    for kept, cells in facts.kept.items():
        yield PredictionColumn(kept, "kept", [escaped(text) for text in part.of_rows(cells)])
    if any(facts.unseen):
        yield PredictionColumn("unseen", "nnlab", [escaped(text) for text in part.of_rows(facts.unseen)])


def _of_model(model: Model, part: Predicted) -> Iterator[PredictionColumn]:
    """The predictions, the outputs behind them, and the targets where they are known."""
    task, targets, outputs = model.experiment.task, model.columns.targets, part.outputs
    decided = predictions(task, outputs).reshape(len(outputs), -1)
    for name, values in zip(targets, decided.T, strict=True):
        yield PredictionColumn(name, "target", _cells(model, values))
    if isinstance(outputs, Decisions):
        yield from _of_decisions(outputs)
    elif task != "regression":
        yield from _behind(model, "probability", outputs)
        if part.scores is not None:
            yield from _behind(model, "score", part.scores)
    if part.targets is not None:
        truth = class_indices(part.targets)[:, np.newaxis] if model.columns.classes else part.targets
        for name, values in zip(targets, truth.T, strict=True):
            yield PredictionColumn(f"true/{name}", "nnlab", _cells(model, values))
        if part.facts.weights is not None:
            yield PredictionColumn("weight", "nnlab", _numbers(part.facts.weights[part.numbers - 1]))


def _of_decisions(decided: Decisions) -> Iterator[PredictionColumn]:
    """How sure the network is of the class it predicts, and where the true one stands, if it is known."""
    known = decided.winner >= 0
    yield PredictionColumn("probability", "nnlab", _numbers(np.where(known, decided.highest, np.nan)))
    if decided.ahead is not None:
        ranks = zip((decided.ahead + 1).tolist(), known.tolist(), strict=True)
        yield PredictionColumn("rank", "nnlab", [str(rank) if is_known else "" for rank, is_known in ranks])


def _behind(model: Model, what: str, values: Array) -> Iterator[PredictionColumn]:
    """Numbers (N, K) behind the decisions, with the class or the label that each of them is the probability of."""
    names = model.columns.classes or model.columns.targets
    for name, column in zip(names[-values.shape[1] :], values.T, strict=True):  # a binary task has that of class 1
        yield PredictionColumn(f"{what}/{name}", "nnlab", _numbers(column))


def _cells(model: Model, values: Array) -> list[str]:
    """Predictions or targets (N,) of one column: names of classes, 0 and 1, or numbers; empty where there is none."""
    classes = model.columns.classes
    if classes:
        return [escaped(classes[int(index)]) if index >= 0 else "" for index in values.tolist()]
    if model.experiment.task == "multilabel":
        return [str(int(value)) if value >= 0 else "" for value in values.tolist()]
    return _numbers(values)


def _numbers(values: Array) -> list[str]:
    """Numbers (N,) as cells, empty where they are not finite."""
    if np.isfinite(values).all():
        return [*map(repr, values.astype(float).tolist())]  # as `cell`, in a third of the time
    return [cell(value) for value in values.tolist()]
