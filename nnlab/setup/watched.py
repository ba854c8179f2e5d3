"""Figures of the whole report that a training measures at every evaluation, and those that its data do not have."""

from __future__ import annotations

from collections.abc import Iterator

from nnlab.config.document import KeyPath
from nnlab.config.experiment import Finding, quick_figures, watchable
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import printable, suggestion
from nnlab.maths.metrics import ReportedFigure
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
