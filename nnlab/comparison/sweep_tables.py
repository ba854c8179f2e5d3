"""The tables of a sweep for people: the ranking, all figures of the best point, and the cost."""

from __future__ import annotations

from collections.abc import Sequence

from nnlab.comparison.tables import COST, SPREAD, TIME_PER_STEP, cost_cells, settings_keys, spread_cells
from nnlab.maths.statistics import seeds_of
from nnlab.report.page import Cell, HtmlTable
from nnlab.storage.summary import Behind, SweepSummary


def sweep_tables(summary: SweepSummary) -> list[HtmlTable]:
    """Three tables: the ranking with a column for each swept key, the best point, and the cost of each point."""
    return [_ranking(summary), _best(summary), _cost(summary)]


def setting_cells(settings: Sequence[str]) -> list[Cell]:
    """The values of a key as numbers if all are numbers, else as the original texts."""
    numbers = [_number(text) for text in settings]
    return list(settings) if None in numbers else list(numbers)


def _number(text: str) -> float | int | None:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None


def _names(summary: SweepSummary) -> list[list[Cell]]:
    """The settings of each point of the ranking, (points, keys)."""
    lines = summary.sweep.ranking
    columns = [setting_cells([line.settings[key] for line in lines]) for key in settings_keys(summary)]
    return [list(cells) for cells in zip(*columns, strict=True)]


def _ranking(summary: SweepSummary) -> HtmlTable:
    sweep, figure = summary.sweep, summary.figure
    rows: list[list[Cell]] = []
    for place, (line, settings) in enumerate(zip(sweep.ranking, _names(summary), strict=True), 1):
        rows.append([place, *settings, line.value, line.low, line.high, line.diverged, *_behind(line.behind)])
    columns = ["place", *settings_keys(summary), summary.shown(figure), "95 % from", "to", "diverged"]
    columns += ["behind the best", "95 % from", "to", "p by Holm", "told apart"]
    return HtmlTable(f"Points by {summary.shown(sweep.ranked_by)} over {seeds_of(len(summary.seeds))}", columns, rows)


def _behind(behind: Behind | None) -> list[Cell]:
    if behind is None:
        return [None, None, None, None, "–"]
    apart = "yes" if behind.told_apart else "no"
    return [behind.difference, behind.low, behind.high, behind.p_adjusted, apart]


def _best(summary: SweepSummary) -> HtmlTable:
    """All figures of the best point, including those of the test part, which were not used for ranking."""
    best = summary.sweep.best
    finals = summary.arms[best].final
    rows: list[list[Cell]] = [[summary.shown(figure), *spread_cells(final)] for figure, final in finals.items()]
    columns = ["figure", *SPREAD]
    return HtmlTable(f"The best point, {best}: final figures", columns, rows)


def _cost(summary: SweepSummary) -> HtmlTable:
    rows: list[list[Cell]] = []
    for place, (line, settings) in enumerate(zip(summary.sweep.ranking, _names(summary), strict=True), 1):
        arm = summary.arms[line.point]
        rows.append([place, *settings, *cost_cells(arm)])
    columns = ["place", *settings_keys(summary), *COST]
    return HtmlTable(f"What it took; {TIME_PER_STEP}", columns, rows)
