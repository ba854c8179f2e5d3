"""The report of a comparison, made from the files in its run folder, and what it shares with that of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.contents import MOST_DRAWN, ArmLike, Comparison, which_are_drawn
from nnlab.comparison.pictures import carried_on, pictures_of
from nnlab.comparison.tables import baseline_rows, start_cells, start_columns, starts_tables, tables_of
from nnlab.experiments.live_charts import chart_of, series_of
from nnlab.experiments.report import MOST_POINTS, optimizer_words, thinned
from nnlab.maths.metrics import figure_words
from nnlab.maths.statistics import seeds_of
from nnlab.networks.learned import FAMILY
from nnlab.pictures.arms import BAND, FEW_SEEDS, MOST_SPREADS
from nnlab.report.page import FILE, Amount, Cell, Chart, HtmlTable, Page, Picture, Section, Tone, counted, write_page
from nnlab.report.parts import (
    amount,
    begun_in,
    data_section,
    environment_section,
    experiment_section,
    filled,
    gates_tables,
    is_share,
    missed_gates,
    pictures_in,
    tone_of,
)
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import UNFINISHED, Status
from nnlab.storage.summary import ArmSummary, ComparisonSummary, OverSeeds, SeveralSummary, SweepSummary

Array = NDArray[Any]

_SENTENCES_ABOVE = 3  # of the verdict, the headline among them
_LEADING = ("ranking", "final")  # the picture that carries a comparison: the first that there is
_BEST = "the best weights of each seed"
_POINTS_WITH_SEEDS = 200  # of each line, where seeds are drawn


def write_comparison_report(
    folder: RunFolder, name: str, warnings: Sequence[str] = (), comparison: Comparison | None = None
) -> None:
    """Write report.html into the folder of a comparison that has its summary and its pictures.

    `comparison` gives it curves and the table of how each arm was made.

    Raises:
        StorageError: a file of the folder cannot be read, or the report cannot be written.

    """
    write_page(folder.path / FILE, comparison_page(folder, name, warnings, comparison))


def comparison_page(
    folder: RunFolder, name: str, warnings: Sequence[str] = (), comparison: Comparison | None = None
) -> Page:
    """The page of the comparison `name`; empty sections are left out."""
    summary, run = folder.summary(ComparisonSummary), folder.read_run()
    formulas = [*summary.legend()]
    sentences = [*summary.verdict.sentences, *formulas]
    arms, seeds = len(summary.arms), len(summary.seeds)
    leading, others = parted(pictures_in(folder.plots, pictures_of(summary.figure)), _LEADING)
    sections = [
        Section(
            "Result",
            [*summary.verdict.sentences[1:_SENTENCES_ABOVE], *formulas],
            [result_table(summary, comparison)],
            leading,
            charts=charts_of(comparison),
        ),
        Section("Starts", tables=starts_tables(summary)),
        Section("Warnings", [*summary.verdict.warnings, *warnings]),
        Section("Gates", tables=[*gates_tables(summary, "What the comparison had to reach")], folded=True),
        Section("Verdict", sentences, folded=True),
        figures_section(tables_of(summary), comparison),
        Section("Arms", tables=[*arms_tables(comparison)], folded=True),
        checks_section(summary),
        Section("Pictures", pictures=others, folded=True),
        data_section(run),
        experiment_section(folder.path, f"config.yaml: each arm is this experiment with its own {_varied(summary)}."),
        environment_section(run),
    ]
    about = f"nnlab compare-activations, begun {begun_in(run)}, {arms} arms, {seeds_of(seeds)}"
    return Page(titled(name, summary.status), about, *outcome(summary, _headline(summary)), filled(sections))


def titled(name: str, status: Status) -> str:
    """The title of the page of a comparison or a sweep."""
    return f"{name} ({status})" if status in UNFINISHED else name


def outcome(summary: SeveralSummary, headline: str) -> tuple[str, Tone]:
    """The headline with what is wrong before it and the missed gates after it, and its tone."""
    wrong, has_failed = [*summary.wrong_gradients()], summary.status == "failed"
    if wrong:
        return wrong[0], "bad"
    if summary.status in UNFINISHED:
        arms = counted(len(summary.arms), "point" if isinstance(summary, SweepSummary) else "arm")
        headline = f"{summary.status.capitalize()}, with {arms} trained. Of these alone: {headline}"
    return " ".join(filter(None, [headline, missed_gates(summary)])), tone_of(summary.gates, is_wrong=has_failed)


def parted(pictures: Iterator[Picture], leading: Sequence[str]) -> tuple[list[Picture], list[Picture]]:
    """The picture that carries the result, the first of `leading` that there is, and all others."""
    found = {picture.name: picture for picture in pictures}
    first = [path for name in leading if (path := f"plots/{name}.png") in found][:1]
    return [found.pop(path) for path in first], [*found.values()]


def checks_section(summary: SeveralSummary) -> Section:
    """What the gradient checks of the arms have found, folded if nothing is wrong."""
    return Section("Gradient check", [*summary.gradient_sentences()], folded=not [*summary.wrong_gradients()])


# --- the table of the result ------------------------------------------------------------------------------------------


def result_table(summary: SeveralSummary, comparison: Comparison | None = None) -> HtmlTable:
    """A row for each arm, best first, then for each baseline: mean, share at the target, median steps, diverged."""
    figure = summary.figure
    noun = "point" if isinstance(summary, SweepSummary) else "activation"
    words = figure_words(figure, scaled_targets=summary.scaled_targets)
    starts = start_columns(summary)
    columns = [noun, *starts, words, "reached target", "median steps", "diverged"]
    arms = [(label, summary.arms[label]) for label in _in_order(summary)]
    rows = [[label, *start_cells(arm, starts), *_result_cells(arm, figure)] for label, arm in arms]
    blank = ["" for _ in starts]
    rows += [
        [f"{label.removeprefix('baseline/')} baseline", *blank, _with_interval(figure, finals[figure]), *(None,) * 3]
        for label, finals in baseline_rows(summary).items()
        if figure in finals
    ]
    weights = f", at {which}" if (which := weights_of(comparison)) else ""
    mean = f"Mean over {seeds_of(len(summary.seeds))} with its 95 % interval{weights}"
    return HtmlTable(f"{mean}; the target is {summary.target}", columns, rows)


def weights_of(comparison: Comparison | None) -> str:
    """Which weights the final figures belong to, in words; empty if that is not known, or differs between the arms."""
    experiments = comparison.experiments.values() if comparison else ()
    stops_early = {experiment.training.early_stopping is not None for experiment in experiments}
    if len(stops_early) != 1:
        return ""
    return _BEST if stops_early == {True} else "the last weights"


def figures_section(tables: Sequence[HtmlTable], comparison: Comparison | None) -> Section:
    """All tables of figures, below a sentence on which weights they belong to."""
    which = weights_of(comparison)
    return Section("Figures", [f"Final figures are at {which}."] if which else [], tables, folded=True)


def _in_order(summary: SeveralSummary) -> list[str]:
    """The arms by rank, and behind them those that have none; if tuned, only the ranked ones."""
    ranking = summary.verdict.ranking
    is_tuned = isinstance(summary, ComparisonSummary) and summary.tuned is not None
    return list(dict.fromkeys([*ranking, *(() if is_tuned and ranking else summary.arms)]))


def _result_cells(arm: ArmSummary, figure: str) -> list[Cell]:
    reached = arm.reached_share.estimate
    share = Amount(reached, f"{100 * reached:.4g} %")
    return [_with_interval(figure, arm.final[figure]), share, amount("", arm.steps_to_target.median), arm.diverged]


def _with_interval(figure: str, final: OverSeeds) -> Cell:
    """The mean with its interval: `97.12 % ± 0.31`, or from where to where if that is lopsided."""
    mean, low, high = final.mean, final.low, final.high
    if mean is None or low is None or high is None:
        return amount(figure, mean)
    scale, unit = (100, " %") if is_share(figure) else (1, "")
    half = (high - low) / 2
    if abs((high + low) / 2 - mean) <= 0.01 * half:
        return Amount(mean, f"{scale * mean:.4g}{unit} ± {scale * half:.2g}")
    return Amount(mean, f"{scale * mean:.4g}{unit} ({scale * low:.4g} to {scale * high:.4g})")


# --- curves -----------------------------------------------------------------------------------------------------------


def charts_of(comparison: Comparison | None) -> list[Chart]:
    """What the arms are compared by and their loss, over the steps, of the arms that are drawn in pictures."""
    if comparison is None:
        return []
    ranking = comparison.summary.verdict.ranking or [*comparison.arms]
    best = set(ranking[:MOST_DRAWN])
    arms = {label: arm for label, arm in comparison.arms.items() if label in best}
    metric = comparison.figure.split("/", 1)[1]
    wanted = [(f"val/{metric}", f"train/{metric}"), ("val/loss", "train/loss", "batch/loss")]
    found = [next((name for name in names if _is_measured(arms, name)), None) for names in wanted]
    return [_chart(arms, figure, comparison) for figure in dict.fromkeys(filter(None, found))]


def _is_measured(arms: Mapping[str, ArmLike], figure: str) -> bool:
    return any(figure in arm.curves and np.isfinite(arm.curves[figure]).any() for arm in arms.values())


def _chart(arms: Mapping[str, ArmLike], figure: str, comparison: Comparison) -> Chart:
    """A curve for each arm, as in the pictures: the median of the seeds and, where few arms are drawn, their spread."""
    has_spread = len(arms) <= MOST_SPREADS
    series = [
        series_of(label, *_median_and_spread(arm, figure, has_spread=has_spread), look=look)
        for look, (label, arm) in enumerate(arms.items())
        if _is_measured({label: arm}, figure)
    ]
    whole = figure.replace("val/", "validation/").replace("train/", "training/")
    words = figure_words(whole, scaled_targets=comparison.scaled_targets)
    drawn = which_are_drawn(comparison.summary, len(arms))
    shown = f", {drawn}" if drawn else ""
    chart = chart_of(f"{words[0].upper()}{words[1:]}, median of the seeds{shown}", figure, series)
    return chart | {"afterStart": True, "notes": [*_how_drawn(comparison, has_spread=has_spread)]}


def _how_drawn(comparison: Comparison, *, has_spread: bool) -> Iterator[str]:
    """Sentences on what the curves are."""
    if has_spread and len(comparison.seeds) > 1:
        seeds = f"{BAND[0]}th and {BAND[1]}th percentile of the seeds"
        yield f"Thin lines: {'single seeds' if len(comparison.seeds) <= FEW_SEEDS else seeds}."
    if weights_of(comparison) == _BEST:
        yield f"Latest values are at the last weights, the tables at {_BEST}."
    yield from (f"{formula}." for formula in comparison.summary.legend())


def _median_and_spread(arm: ArmLike, figure: str, *, has_spread: bool) -> tuple[Array, Array]:
    """Steps (t,), and at each a row of the median and, of several seeds, all if they are few, else two percentiles.

    Seeds that have stopped keep their value.
    """
    curve = carried_on(arm.curves[figure], arm.diverged)
    known = np.flatnonzero(np.isfinite(curve).any(axis=0))
    at = known[thinned(len(known), _POINTS_WITH_SEEDS if has_spread else MOST_POINTS)]
    values = np.where(np.isfinite(curve[:, at]), curve[:, at], np.nan)
    if not has_spread or len(values) == 1:
        spread = values[:0]
    elif len(values) <= FEW_SEEDS:
        spread = arm.curves[figure][:, at]
    else:
        spread = np.nanpercentile(values, BAND, axis=0)
    return arm.steps[at], np.vstack([np.nanmedian(values, axis=0), spread]).T


# --- how each arm was made --------------------------------------------------------------------------------------------


def arms_tables(comparison: Comparison | None) -> Iterator[HtmlTable]:
    """Initialiser, optimizer and parameters of each arm; then what it has learned of its activation."""
    if comparison is None or not comparison.experiments:
        return
    arms = comparison.summary.arms
    made: list[list[Cell]] = [
        [label, arms[label].start, optimizer_words(experiment), arms[label].parameters]
        for label, experiment in comparison.experiments.items()
        if label in arms
    ]
    columns = ["arm", "initialiser", "optimizer", "parameters"]
    yield HtmlTable("How each arm was made", columns, made)
    learned = [[*cells] for label in arms for cells in _learned(label, comparison.columns.get(label, {}))]
    if learned:
        columns = ["arm", "parameter", "mean over the seeds", "smallest", "largest"]
        yield HtmlTable("Learned activation parameters", columns, learned)


def _learned(label: str, columns: Mapping[str, Array]) -> Iterator[list[Cell]]:
    for name, values in columns.items():
        known = np.asarray(values, float)[np.isfinite(np.asarray(values, float))]
        if name.startswith(f"{FAMILY}/") and len(known):
            yield [label, name.partition("/")[2], float(known.mean()), float(known.min()), float(known.max())]


# --- words ------------------------------------------------------------------------------------------------------------


def _varied(summary: ComparisonSummary) -> str:
    """What differs between the arms, in words."""
    keys = list(dict.fromkeys(key for arm in summary.arms.values() for key in arm.settings))
    start = "start" if any(arm.starts for arm in summary.arms.values()) else ""
    return ", ".join(filter(None, ["activation", start, " and ".join(keys)]))


def _headline(summary: ComparisonSummary) -> str:
    """The first sentence of the verdict, or why there is none."""
    sentences = summary.verdict.sentences
    if sentences:
        return sentences[0]
    return "One arm alone: nothing to compare it with." if len(summary.arms) == 1 else "Nothing could be compared."
