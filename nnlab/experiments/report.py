"""The report of a training, made from the files in its run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnlab.config.experiment import SPLITS
from nnlab.experiments.pictures import FROM_METRICS, PICTURES, RunPlotData
from nnlab.maths.metrics import TRAINING_METRICS, figure_words, shown_name
from nnlab.report.page import FILE, Cell, HtmlTable, Page, Section, Tone, counted, write_page
from nnlab.report.parts import (
    Drawing,
    begun_in,
    config_text,
    data_section,
    environment_tables,
    filled,
    gates_tables,
    pictures_in,
)
from nnlab.runs.folder import RunFolder
from nnlab.runs.run import UNFINISHED, AnyRun, TrainingRun
from nnlab.runs.summary import OVER_UNITS, TrainingSummary, baseline_columns, learned_rows

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


def write_training_report(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> None:
    """Write report.html into the folder of a training that has its summary and its pictures.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    write_page(folder.path / FILE, training_page(folder, name, warnings))


def training_page(folder: RunFolder, name: str, warnings: Sequence[str] = ()) -> Page:
    """The page of the training `name`; empty sections are left out."""
    summary, run = folder.summary(TrainingSummary), folder.read_run()
    verdict, tone = _verdict(summary)
    sections = [
        *([_autopsy(folder.read_autopsy())] if summary.status == "diverged" else []),
        Section(
            "Figures",
            [*summary.sentences, *_best(summary)],
            [*_figures(summary), *_last(summary), *_learned(summary)],
        ),
        Section("Gradient check", [*_checks(summary, run)]),
        Section("Gates", tables=[*gates_tables(summary, "What the run had to reach")]),
        Section("Warnings", warnings),
        data_section(run),
        Section("Pictures", pictures=[*pictures_in(folder.plots, _drawn(summary))]),
        Section("By class or target", tables=[*_one_by_one(summary)]),
        Section("Experiment", ["config.yaml: with it, nnlab train makes the same run."], text=config_text(folder.path)),
        Section("Environment", tables=[*environment_tables(run)]),
    ]
    about = f"nnlab train, begun {begun_in(run)}, {summary.parameters:,} parameters"
    title = f"{name} ({summary.status})" if summary.status in UNFINISHED else name
    return Page(title, about, verdict, tone, filled(sections))


def _drawn(summary: TrainingSummary) -> dict[str, Drawing[RunPlotData]]:
    """The pictures that belong to the training; others in its folder may be from before it was made longer."""
    names = FROM_METRICS if summary.status in UNFINISHED else PICTURES
    return {name: PICTURES[name] for name in names}


# --- outcome --------------------------------------------------------------------------------------------------


def _verdict(summary: TrainingSummary) -> tuple[str, Tone]:
    """The outcome in a few sentences, what is wrong first, and its tone."""
    steps, status, gates = summary.steps, summary.status, summary.gates
    ended = _ENDS.get(summary.stopped_by or status, "Ended after {steps} and {seconds}")
    outcome = ended.format(steps=counted(steps, "step"), seconds=f"{summary.seconds:,.3g} s")
    main = _main_figure(summary.final, scaled_targets=summary.scaled_targets)
    missed = [gate for gate in gates if not gate.met]
    wrong = [*summary.wrong_gradients()]
    words = [*wrong, f"{outcome}: {main}." if main else f"{outcome}.", _gates_sentence(len(gates), len(missed))]
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
                return f"{words} {f'{100 * value:.4g} %' if metric.endswith('accuracy') else f'{value:.4g}'}"
    return ""


def _gates_sentence(count: int, missed: int) -> str:
    if not count:
        return ""
    if missed:
        return f"{missed} of {count} gates not met."
    return "Its gate is met." if count == 1 else f"All {count} gates are met."


def _best(summary: TrainingSummary) -> list[str]:
    best = summary.best
    if best.value is None:
        return []
    monitor = shown_name(best.monitor, scaled_targets=summary.scaled_targets)
    return [f"The best {monitor} was {best.value:.6g}, at step {best.step:,}."]


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


def _autopsy(document: Mapping[str, Any]) -> Section:
    """Why the training diverged: sentences, and a table of the quantities of the pass up to the bad one."""
    quantities = document.get("quantities", [])
    rows = [[q["layer"], q["quantity"], q["largest"], q["not_finite"]] for q in quantities]
    columns = ["layer", "quantity", "largest finite entry", "entries not finite"]
    tables = [HtmlTable("What was computed, in its order, up to the first that was not sound", columns, rows)]
    return Section("Autopsy", document.get("account", []), tables if rows else [])


def _figures(summary: TrainingSummary) -> Iterator[HtmlTable]:
    """The main figures, a column for each split, and for each baseline on the part that counts most."""
    splits, names, others = _splits(summary), _names(summary, by_one=False), baseline_columns(summary.baselines)
    if names:
        rows = [
            [*row, *(column.get(name) for column in others.values())]
            for name, row in zip(names, _rows(summary, names, splits), strict=True)
        ]
        yield HtmlTable("Figures of whole splits", ["figure", *splits, *others], rows)


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
        shown = figure_words(name, scaled_targets=summary.scaled_targets)
        yield [shown, *(summary.final.get(f"{split}/{name}") for split in splits)]


def _one_by_one(summary: TrainingSummary) -> Iterator[HtmlTable]:
    """A table for each split, with a row for each class or target."""
    pairs = [name.split("/", 1) for name in _names(summary, by_one=True)]
    metrics, ones = (list(dict.fromkeys(parts)) for parts in zip(*pairs, strict=True)) if pairs else ([], [])
    for split in _splits(summary) if pairs else []:
        rows = [[one, *(summary.final.get(f"{split}/{metric}/{one}") for metric in metrics)] for one in ones]
        yield HtmlTable(f"{split} part", ["name", *(metric.replace("_", " ") for metric in metrics)], rows)
