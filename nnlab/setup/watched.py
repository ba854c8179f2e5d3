"""Figures of the whole report that a training measures at every evaluation, and those that its data do not have."""

from __future__ import annotations

from collections.abc import Iterator

from nnlab.config.document import KeyPath
from nnlab.config.experiment import Finding, quick_figures, watchable
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.data.splits import Split
from nnlab.errors import printable, suggestion
from nnlab.maths.metrics import ReportedFigure
from nnlab.maths.undefined import why_undefined
from nnlab.setup.gates import report_names


def reported_figures(experiment: Experiment, dataset: Dataset) -> tuple[ReportedFigure, ...]:
    """The figures beside the quick ones that are asked for or watched."""
    quick, columns = quick_figures(experiment.task), dataset.columns
    return tuple(
        ReportedFigure(name, experiment.task, columns.classes, columns.targets)
        for name in watchable(experiment)
        if name not in quick
    )


def reported_findings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    """Figures that are asked for or watched and that no report of these data has, such as `f1/cat` without cats."""
    training, known = experiment.training, report_names(dataset.task, dataset.columns, dataset.y.shape[1])
    named: dict[KeyPath, str] = {("training", "figures", index): name for index, name in enumerate(training.figures)}
    if training.early_stopping:
        named[("training", "early_stopping", "monitor")] = training.early_stopping.monitor.partition("/")[2]
    for place, name in named.items():
        if name not in known:
            hint = suggestion(name, known) or f"; expected one of {', '.join(map(printable, known))}"
            yield place, f"found '{printable(name)}', which is no figure of these data{hint}"


MONITOR = ("training", "early_stopping", "monitor")


def monitor_findings(experiment: Experiment, dataset: Dataset, parts: Split) -> Iterator[Finding]:
    """That the part which early stopping watches does not have the figure, whatever the network."""
    stopping = experiment.training.early_stopping
    why = undefined_in(parts, dataset, stopping.monitor) if stopping else None
    if stopping and why:
        yield MONITOR, f"found {printable(stopping.monitor)}, but {why}; {instead_of(stopping.monitor)}"


def undefined_in(parts: Split, dataset: Dataset, figure: str) -> str | None:
    """Why the rows of a part do not have a figure such as `val/r2`: `the validation part has …`; None if they do."""
    part, _, name = figure.partition("/")
    called, rows = {
        "train": ("training", parts.train),
        "val": ("validation", parts.validation),
        "test": ("test", parts.test),
    }[part]
    if not len(rows):
        return None  # a part that is not there is a finding of its own
    weights, columns = dataset.rows.weights, dataset.columns
    why = why_undefined(
        name,
        dataset.y[rows],
        None if weights is None else weights[rows],
        classes=columns.classes,
        names=columns.targets,
    )
    return why and f"the {called} part {why}"


def instead_of(figure: str) -> str:
    """What to do about a figure that a part does not have."""
    part = figure.partition("/")[0]
    other = {"val": "another part by data.validation", "test": "another part by data.test"}.get(part, "other rows")
    return f"expected {part}/loss, or {other}"
