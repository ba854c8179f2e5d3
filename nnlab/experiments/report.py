"""The report of a training, made from the files in its run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.experiment import SPLITS
from nnlab.config.schema import Experiment
from nnlab.experiments.first_batch import start_table
from nnlab.experiments.pictures import FROM_METRICS, PICTURES, RunPlotData
from nnlab.maths.metrics import SCALED, TRAINING_METRICS, figure_words, predictions, shown_name
from nnlab.report.page import FILE, Cell, Chart, HtmlTable, Page, Picture, Section, Tone, counted, shown, write_page
from nnlab.report.parts import (
    Drawing,
    amount,
    begun_in,
    data_section,
    environment_section,
    experiment_section,
    filled,
    gates_tables,
    missed_gates,
    pictures_in,
)
from nnlab.setup.readings import RATE
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import UNFINISHED, AnyRun, TrainingRun
from nnlab.storage.summary import OVER_UNITS, StartSummary, TrainingSummary, baseline_columns, learned_rows

_ENDS = {
    "completed": "Completed {steps} in {seconds}",
    "early_stopping": "Stopped early, after {steps} and {seconds}",
    "max_seconds": "Stopped at the most seconds it was given, after {steps} and {seconds}; it can be resumed",
    "stopped": "Stopped early, after {steps} and {seconds}",
    "interrupted": "Interrupted after {steps} and {seconds}: the training had not ended and can be resumed",
    "failed": "Failed after {steps} and {seconds}: the training had not ended",
    "diverged": "Diverged: the training ran away after {steps} and {seconds}",
}
_SPLITS = ("test", "val", "train")
_LEADING = ("boundary", "fit", "labels", "confusion")  # the picture that carries a result: the first that there is
_CHARTS_ABOVE, MOST_POINTS = 2, 500

Array = NDArray[Any]


def write_training_report(
    folder: RunFolder,
    name: str,
    warnings: Sequence[str] = (),
    *,
    data: RunPlotData | None = None,
    experiment: Experiment | None = None,
) -> None:
    """Write report.html into the folder of a training that has its summary and its pictures.

    `data` gives it curves and counts of each class, `experiment` the table of what was trained.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    page = training_page(folder, name, warnings, data=data, experiment=experiment)
    write_page(folder.path / FILE, page)


def training_page(
    folder: RunFolder,
    name: str,
    warnings: Sequence[str] = (),
    *,
    data: RunPlotData | None = None,
    experiment: Experiment | None = None,
) -> Page:
    """The page of the training `name`; empty sections are left out."""
    summary, run = folder.summary(TrainingSummary), folder.read_run()
    verdict, tone = _verdict(summary)
    pictures = [*pictures_in(folder.plots, _drawn(summary))]
    leading, charts = _leading(pictures), _charts(data)
    weights = _weights(summary, experiment)
    sections = [
        *([_autopsy(folder.read_autopsy())] if summary.status == "diverged" else []),
        Section(
            "Result",
            [*summary.sentences, *_best(summary)],
            [*_figures(summary, weights), *_last(summary)],
            leading,
            charts=charts[:_CHARTS_ABOVE],
        ),
        Section("Warnings", warnings),
        Section("Gates", tables=[*gates_tables(summary, "What the run had to reach")], folded=True),
        Section("By class or target", tables=[*_classes(data), *_one_by_one(summary, weights)], folded=True),
        Section("Network and optimizer", tables=[*_trained(experiment, summary), *_learned(summary)], folded=True),
        _start(summary.start),
        Section("Gradient check", [*_checks(summary, run)], folded=not [*summary.wrong_gradients()]),
        Section("More curves", charts=charts[_CHARTS_ABOVE:], folded=True),
        Section("Pictures", pictures=[picture for picture in pictures if picture not in leading], folded=True),
        data_section(run),
        experiment_section(folder.path, "config.yaml: with it, nnlab train makes the same run."),
        environment_section(run),
    ]
    about = f"nnlab train, begun {begun_in(run)}, {summary.parameters:,} parameters"
    title = f"{name} ({summary.status})" if summary.status in UNFINISHED else name
    return Page(title, about, verdict, tone, filled(sections))


def _drawn(summary: TrainingSummary) -> dict[str, Drawing[RunPlotData]]:
    """The pictures that belong to the training; others in its folder may be from before it was made longer."""
    names = FROM_METRICS if summary.status in UNFINISHED else PICTURES
    return {name: PICTURES[name] for name in names}


def _leading(pictures: Sequence[Picture]) -> list[Picture]:
    """The picture that carries the result; none if there is only such as the curves show."""
    by_name = {picture.name: picture for picture in pictures}
    return [by_name[path] for name in _LEADING if (path := f"plots/{name}.png") in by_name][:1]


@dataclass(frozen=True)
class _MeasuredCurve:
    """A figure where it was measured: steps and values, both (T,)."""

    steps: Array
    values: Array

    def points(self) -> tuple[Array, Array]:
        """Steps (t,) and rows (t, 1) of at most 500 points, evenly spread."""
        known = np.flatnonzero(np.isfinite(self.values))
        at = known[thinned(len(known), MOST_POINTS)]
        return self.steps[at], self.values[at, None]


def thinned(count: int, most: int) -> Array:
    """At most `most` of the numbers below `count`, evenly spread, first and last among them."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(np.intp))


def _charts(data: RunPlotData | None) -> list[Chart]:
    """The curves of the training, as the live page shows them."""
    if data is None:
        return []
    try:
        from nnlab.experiments.live_charts import charts_of  # noqa: PLC0415 - it loads matplotlib
    except Exception:  # noqa: BLE001 - what is wrong with matplotlib is said where pictures are drawn
        return []
    rates = np.unique(data.curves.get(RATE, np.empty(0)))
    is_constant = np.isfinite(rates).sum() <= 1
    curves = {
        name: _MeasuredCurve(data.steps, curve)
        for name, curve in data.curves.items()
        if np.isfinite(curve).any() and not (name == RATE and is_constant) and not name.startswith("gradcheck/")
    }
    marks = {"perEpoch": data.epoch_steps, "best": data.used_step}
    charts: list[Chart] = [chart | marks | {"afterStart": chart["percent"]} for chart in charts_of(curves)]
    if data.scaled_targets:
        return [{**chart, "title": chart["title"].replace("Loss", f"Loss{SCALED}")} for chart in charts]
    return charts


# --- what was trained -------------------------------------------------------------------------------------------------


def initialisers(experiment: Experiment) -> str:
    """How the weights of the hidden layers start: `he_normal`; several are told in the order of the layers."""
    spec = experiment.network
    names = []
    for layer in spec.layers or []:
        if layer.width is not None:
            weights = (layer.init or spec.init).weights
            own = (layer.activation or spec.activation).entry.initializer
            names.append(own if isinstance(weights, str) else weights.label)
    return ", ".join(dict.fromkeys(names))


def optimizer_words(experiment: Experiment) -> str:
    """The optimizer with all its parameters and its schedule: `adam, learning_rate 0.01, …`."""
    chosen = experiment.optimizer
    schedule = [f"schedule {chosen.schedule.label}"] if chosen.schedule else []
    return ", ".join([chosen.name, *(f"{key} {value}" for key, value in chosen.values.items()), *schedule])


def _trained(experiment: Experiment | None, summary: TrainingSummary) -> Iterator[HtmlTable]:
    """What was trained, and how."""
    if experiment is not None:
        facts = {
            "activation of hidden layers": experiment.network.activation.label,
            "initialiser of hidden layers": initialisers(experiment),
            "loss": experiment.network.head.loss.label if experiment.network.head.loss else "",
            "optimizer": optimizer_words(experiment),
            "batch size": str(experiment.training.batch_size),
            "parameters": f"{summary.parameters:,}",
        }
        yield HtmlTable(
            "What was trained", ["what", "value"], [[what, value] for what, value in facts.items() if value]
        )


def _classes(data: RunPlotData | None) -> Iterator[HtmlTable]:
    """How many rows each class has: in all, among those trained on, in the part that is shown, and right there."""
    if data is None or not data.classes or not len(data.y):
        return
    everything, own = (_class_numbers(data, y) for y in (data.all_y, data.y))
    right = own[_class_numbers(data, data.outputs) == own]
    most = len(data.classes)
    columns = [np.bincount(rows, minlength=most) for rows in (everything, everything[data.trained], own, right)]
    rows: list[list[Cell]] = [[name, *map(int, counts)] for name, *counts in zip(data.classes, *columns, strict=True)]
    heads = ["class", "rows", "trained on", f"in the {data.split} part", "right there"]
    yield HtmlTable("Rows of each class", heads, rows)


def _class_numbers(data: RunPlotData, outputs: Array) -> Array:
    """The class of each row, (N,)."""
    return np.asarray(predictions(data.task, outputs)).reshape(len(outputs)).astype(np.intp)


# --- outcome --------------------------------------------------------------------------------------------------


def _verdict(summary: TrainingSummary) -> tuple[str, Tone]:
    """The outcome in a few sentences, what is wrong first, and its tone."""
    steps, status, gates = summary.steps, summary.status, summary.gates
    ended = _ENDS.get(summary.stopped_by or status, "Ended after {steps} and {seconds}")
    outcome = ended.format(steps=counted(steps, "step"), seconds=f"{summary.seconds:,.3g} s")
    main = _main_figure(summary.final, scaled_targets=summary.scaled_targets)
    missed = [gate for gate in gates if not gate.met]
    wrong = [*summary.wrong_gradients()]
    gates_words = missed_gates(summary) or _gates_sentence(len(gates))
    words = [*wrong, f"{outcome}: {main}." if main else f"{outcome}.", gates_words]
    is_bad = missed or wrong or status in ("diverged", "failed")
    tone: Tone = "bad" if is_bad else "good" if gates else "plain"
    return " ".join(filter(None, words)), tone


def _main_figure(final: Mapping[str, float | None], *, scaled_targets: bool) -> str:
    """The headline figure, on the test part if there is one: `test accuracy 97.2 %`."""
    metrics = dict.fromkeys([*(next(iter(metrics)) for metrics in TRAINING_METRICS.values()), "loss"])
    for split in _SPLITS:
        for metric in metrics:
            value = final.get(f"{split}/{metric}")
            if value is not None:
                words = figure_words(f"{split}/{metric}", scaled_targets=scaled_targets)
                return f"{words} {shown(amount(metric, value))}"
    return ""


def _gates_sentence(count: int) -> str:
    if not count:
        return ""
    return "Its gate is met." if count == 1 else f"All {count} gates are met."


def _best(summary: TrainingSummary) -> list[str]:
    best = summary.best
    if best.value is None:
        return []
    monitor = shown_name(best.monitor, scaled_targets=summary.scaled_targets)
    return [f"The best {monitor} was {best.value:.4g}, at step {best.step:,}."]


def _last(summary: TrainingSummary) -> Iterator[HtmlTable]:
    """The figures last measured of a training that has no final ones."""
    if summary.last is not None:
        figures = summary.last.__pydantic_extra__
        rows = [[shown_name(n, scaled_targets=summary.scaled_targets), value] for n, value in figures.items()]
        yield HtmlTable(f"Last measured, at step {summary.last.step:,}", ["figure", "value"], rows)


def _checks(summary: TrainingSummary, run: AnyRun | None) -> Iterator[str]:
    """What the gradient checks of the first updates and of those after the last resume have found."""
    sessions = run.sessions if isinstance(run, TrainingRun) else ()
    resumed = sessions[-1].gradcheck if sessions else None
    for check in (summary.gradcheck, resumed):
        if check is not None:
            yield f"{check.sentence()}."
            yield from (f"{fault}." for fault in check.faults)


def _start(start: StartSummary | None) -> Section:
    """The network before training."""
    if start is None:
        return Section("Start")
    return Section("Start", [*filter(None, [start.sentence])], [start_table(start)], folded=True)


def _autopsy(document: Mapping[str, Any]) -> Section:
    """Why the training diverged: sentences, and a table of the quantities of the pass up to the bad one."""
    quantities = document.get("quantities", [])
    rows = [[q["layer"], q["quantity"], q["largest"], q["not_finite"]] for q in quantities]
    columns = ["layer", "quantity", "largest finite entry", "entries not finite"]
    tables = [HtmlTable("What was computed, in its order, up to the first that was not sound", columns, rows)]
    return Section("Autopsy", document.get("account", []), tables if rows else [])


def _weights(summary: TrainingSummary, experiment: Experiment | None) -> str:
    """Which weights the final figures belong to, in words; empty if that is not known."""
    if experiment is None:
        return ""
    if experiment.training.early_stopping is None or summary.best.step is None:
        return f", at the last weights (step {summary.steps:,})"
    return f", at the best weights (step {summary.best.step:,})"


def _figures(summary: TrainingSummary, weights: str) -> Iterator[HtmlTable]:
    """The main figures, a column for each split, and for each baseline on the part that counts most."""
    splits, names, others = _splits(summary), _names(summary, by_one=False), baseline_columns(summary.baselines)
    if names:
        rows = [
            [*row, *(amount(name, column.get(name)) for column in others.values())]
            for name, row in zip(names, _rows(summary, names, splits), strict=True)
        ]
        yield HtmlTable(f"Figures of whole splits{weights}", ["figure", *splits, *others], rows)


def _learned(summary: TrainingSummary) -> Iterator[HtmlTable]:
    """The learned activation parameters: a row for each, with the smallest, the mean and the largest over units."""
    if summary.learned:
        rows: list[list[Cell]] = [[name, *cells] for name, cells in learned_rows(summary.learned).items()]
        yield HtmlTable("Learned activation parameters, over the units", ["parameter", *OVER_UNITS], rows)


def _splits(summary: TrainingSummary) -> list[str]:
    there = {name.split("/")[0]: None for name in summary.final}
    return [split for split in there if split in SPLITS]


def _names(summary: TrainingSummary, *, by_one: bool) -> list[str]:
    """The names of figures without their split; `by_one` selects those of single classes or targets, with a slash."""
    others = (*summary.learned, "gradcheck/error")
    names = dict.fromkeys(name.split("/", 1)[1] for name in summary.final if name not in others)
    return [name for name in names if ("/" in name) == by_one]


def _rows(summary: TrainingSummary, names: Sequence[str], splits: Sequence[str]) -> Iterator[list[Cell]]:
    for name in names:
        words = figure_words(name, scaled_targets=summary.scaled_targets)
        yield [words, *(amount(name, summary.final.get(f"{split}/{name}")) for split in splits)]


def _one_by_one(summary: TrainingSummary, weights: str) -> Iterator[HtmlTable]:
    """A table for each split, with a row for each class or target."""
    pairs = [name.split("/", 1) for name in _names(summary, by_one=True)]
    metrics, ones = (list(dict.fromkeys(parts)) for parts in zip(*pairs, strict=True)) if pairs else ([], [])
    for split in _splits(summary) if pairs else []:
        rows = [[one, *(summary.final.get(f"{split}/{metric}/{one}") for metric in metrics)] for one in ones]
        yield HtmlTable(f"{split} part{weights}", ["name", *(metric.replace("_", " ") for metric in metrics)], rows)
