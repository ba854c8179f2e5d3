"""The tables of a comparison, made from its summary: tidy rows for scripts, and tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnlab.maths.statistics import seeds_of
from nnlab.report.page import Amount, Cell, HtmlTable
from nnlab.storage.metrics import cell
from nnlab.storage.summary import (
    ArmSummary,
    ComparisonSummary,
    OverSeeds,
    PairSummary,
    SeveralSummary,
    SharePairSummary,
    SweepSummary,
    TunedSummary,
    UnderStarts,
)

TIME_PER_STEP = "time per step: the clock over the updates of all seeds that ran together, with whatever else ran there"

_PAIR = (
    *("better", "worse", "seeds", "difference", "low", "high", "chance", "chance_low", "chance_high"),
    *("p", "p_adjusted", "told_apart", "seeds_needed", "note"),
)
_SHARES = (
    *("better", "worse", "seeds", "better_share", "worse_share", "difference", "low", "high", "only_better"),
    *("only_worse", "p", "p_adjusted", "told_apart", "seeds_needed"),
)

SPREAD = ("mean", "95 % from", "to", "median", "95 % from", "to")
COST = ("parameters", "µs per step and seed", "seconds in all")

# --- names of arms --------------------------------------------------------------------------------------------


def name_columns(summary: SeveralSummary) -> list[str]:
    """The columns that identify an arm: its label, then each tuned or swept key."""
    return ["point" if isinstance(summary, SweepSummary) else "activation", *settings_keys(summary)]


def name_cells(summary: SeveralSummary, label: str) -> list[str]:
    """The cells of an arm under `name_columns`."""
    settings = summary.arms[label].settings
    return [label, *(settings.get(key, "") for key in settings_keys(summary))]


def settings_keys(summary: SeveralSummary) -> list[str]:
    """The tuned or swept keys."""
    return list(dict.fromkeys(key for arm in summary.arms.values() for key in arm.settings))


def start_columns(summary: SeveralSummary) -> list[str]:
    """The column with the initialiser and the gain of each arm, which older summaries do not have."""
    return ["initialiser"] if any(arm.start for arm in summary.arms.values()) else []


def start_cells(arm: ArmSummary, columns: Sequence[str]) -> list[str]:
    """The cells of an arm under `start_columns`."""
    return [arm.start for _ in columns]


# --- for scripts ------------------------------------------------------------------------------------------------------


def arm_rows(summary: SeveralSummary) -> Iterator[list[str]]:
    """A row per arm, figure and statistic: `relu, test/accuracy, mean, value, low, high, seeds, note`."""
    yield [*name_columns(summary), "figure", "statistic", "value", "low", "high", "seeds", "note"]
    for label, arm in summary.arms.items():
        name = name_cells(summary, label)
        for figure, statistic, value, low, high, seeds, note in _statistics(arm):
            yield [*name, figure, statistic, cell(value), cell(low), cell(high), str(seeds), note]


def baseline_rows(summary: SeveralSummary) -> dict[str, dict[str, OverSeeds]]:
    """The figures of each baseline by its label, `baseline/majority`, and by their own names, `test/accuracy`."""
    found: dict[str, dict[str, OverSeeds]] = {}
    for name, final in summary.baselines.items():
        kind, label, figure = name.split("/", 2)
        found.setdefault(f"{kind}/{label}", {})[figure] = final
    return found


def baseline_cells(summary: SeveralSummary, label: str) -> list[str]:
    """The cells of a baseline under `name_columns`: it has no settings."""
    return [label, *("" for _ in settings_keys(summary))]


def _statistics(arm: ArmSummary) -> Iterator[tuple[Any, ...]]:
    """Figure, statistic, value, low, high, seeds and note of every statistic of an arm."""
    for figure, found in {**arm.final, "area": arm.area, **arm.health}.items():
        seeds = sum(value is not None for value in found.values)
        yield figure, "mean", found.mean, found.low, found.high, seeds, found.note
        yield figure, "median", found.median, found.median_low, found.median_high, seeds, ""
    seeds = len(arm.area.values)
    for figure, share in (("reached", arm.reached_share), ("diverged", arm.diverged_share)):
        yield figure, "share", share.estimate, share.low, share.high, seeds, share.note
    for figure, way in (("steps_to_target", arm.steps_to_target), ("seconds_to_target", arm.seconds_to_target)):
        yield figure, "median", way.median, way.low, way.high, seeds, way.note
    yield "time_per_step", "mean", arm.time_per_step, None, None, seeds, ""
    if check := arm.gradcheck:
        yield "gradcheck/error", "largest", check.error, None, None, 1, "" if check.passed else check.faults[0]


def pair_rows(summary: SeveralSummary) -> Iterator[list[str]]:
    """A row per pair of arms, from the best pair down."""
    return _rows(_PAIR, summary.pairs)


def share_rows(summary: ComparisonSummary) -> Iterator[list[str]]:
    """A row per pair of arms, by the share of seeds that reached the target."""
    return _rows(_SHARES, summary.shares)


def pair_columns() -> list[str]:
    """The columns of a pair of arms."""
    return [*_PAIR]


def pair_texts(pair: PairSummary) -> list[str]:
    """The cells of a pair under these columns."""
    return [text_of(getattr(pair, key)) for key in _PAIR]


def _rows(keys: Sequence[str], pairs: Sequence[PairSummary | SharePairSummary]) -> Iterator[list[str]]:
    yield [*keys]
    for pair in pairs:
        yield [text_of(getattr(pair, key)) for key in keys]


def text_of(value: Any) -> str:
    """A value as a cell of a CSV file."""
    if isinstance(value, bool):
        return str(value).lower()
    return cell(value) if isinstance(value, float) or value is None else str(value)


# --- for people -------------------------------------------------------------------------------------------------------


def tables_of(summary: ComparisonSummary) -> list[HtmlTable]:
    """Final figures, the way to the target, the cost, and arms against each other."""
    split = summary.figure.split("/")[0]
    figures = [name for name in next(iter(summary.arms.values())).final if name.startswith(f"{split}/")]
    figures.sort(key=lambda name: name != summary.figure)
    tables = _tuned_tables(summary, summary.tuned) if summary.tuned else []
    tables += [_final_table(summary, figure) for figure in figures]
    tables += [*_target_tables(summary), _cost_table(summary)]
    if summary.pairs:
        tables += [*_pair_tables(summary), _win_table(summary)]
    if summary.shares:
        tables.append(_share_table(summary))
    return [table for table in tables if table.rows]


def _ranked(summary: ComparisonSummary) -> list[tuple[str, ArmSummary]]:
    """The arms by mean, best first and those without one last; if tuned, only the arms that the verdict mentions."""
    figure, sign = summary.figure, -1 if summary.larger_is_better else 1

    def place(arm: ArmSummary) -> float:
        mean = arm.final[figure].mean
        return math.inf if mean is None else sign * mean

    shown = summary.arms
    if summary.tuned:
        mentioned = [label for arm in summary.tuned.arms.values() for label in (arm.best, arm.same)]
        shown = {label: arm for label, arm in shown.items() if label in mentioned}
    return sorted(shown.items(), key=lambda item: place(item[1]))


def starts_tables(summary: ComparisonSummary) -> list[HtmlTable]:
    """The tables of several starts: the difference of each pair under each, below 0 where the other arm is better."""
    starts, shown = summary.starts, f"{summary.shown(summary.figure)} is better"
    if starts is None:
        return []
    columns = ["better", "worse", *starts.names, "start-robust"]
    return [
        HtmlTable(f"By how much {what} under each start; tested under {starts.tested}", columns, rows)
        for what, pairs, scale in (
            (shown, starts.pairs, 1),
            (f"the share of seeds at {summary.target} is larger (points)", starts.shares, 100),
        )
        if (rows := [_start_row(pair, starts.names, scale) for pair in pairs])
    ]


def _start_row(pair: UnderStarts, starts: Sequence[str], scale: int) -> list[Cell]:
    found = [pair.differences.get(start) for start in starts]
    cells = [None if one is None else Amount(scale * one, f"{scale * one:+.3g}" if one else "0") for one in found]
    return [pair.better, pair.worse, *cells, _robust(pair.is_robust)]


def _robust(is_robust: bool | None) -> str:  # noqa: FBT001 - it is the value that is worded
    return "not told apart" if is_robust is None else "yes" if is_robust else "no"


def _tuned_tables(summary: ComparisonSummary, tuned: TunedSummary) -> list[HtmlTable]:
    """Two tables: each family at the same and at its best settings; the figure by which settings were chosen."""
    figure, arms = summary.figure, summary.arms
    order = list(dict.fromkeys([*(arms[label].family for label in summary.verdict.ranking), *tuned.arms]))
    both: list[list[Cell]] = []
    for family in order:
        arm = tuned.arms[family]
        cells = [_interval(arms[label] if label else None, figure) for label in (arm.same, arm.best)]
        both.append([family, *cells[0], *cells[1], settings_text(arm.settings)])
    chosen = tuned.figure
    points = dict.fromkeys(settings_text(arm.settings) for arm in arms.values())
    means = {(arm.family, settings_text(arm.settings)): arm.final[chosen].mean for arm in arms.values()}
    tried: list[list[Cell]] = [[point, *(means.get((family, point)) for family in order)] for point in points]
    same = tuned.same_settings
    common = f"{settings_text(same.settings)}, {same.why}" if same.settings else same.why
    at = ("mean", "95 % from", "to")
    columns = ["activation", *(f"same: {word}" for word in at), *(f"best: {word}" for word in at), "its best settings"]
    return [
        HtmlTable(
            f"Final {summary.shown(figure)}, all at the same settings ({common}) and each at its best", columns, both
        ),
        HtmlTable(
            f"What the best settings are chosen by: mean {summary.shown(chosen)} of all that was tried",
            ["settings", *order],
            tried,
        ),
    ]


def _interval(arm: ArmSummary | None, figure: str) -> list[Cell]:
    """Mean of a figure and its interval; three empty cells without an arm."""
    return [None, None, None] if arm is None else spread_cells(arm.final[figure])[:3]


def settings_text(settings: Mapping[str, str]) -> str:
    """Settings as `key=value, key=value`."""
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def spread_cells(final: OverSeeds) -> list[Cell]:
    """Mean and median, each with its interval: the columns `SPREAD`."""
    return [final.mean, final.low, final.high, final.median, final.median_low, final.median_high]


def _final_table(summary: ComparisonSummary, figure: str) -> HtmlTable:
    """Means and medians of arms and baselines, with a column for notes on the arms' intervals if there are any."""
    arms, starts = _ranked(summary), start_columns(summary)
    columns = ["activation", *starts, *SPREAD, "diverged"]
    notes = [arm.final[figure].note for _, arm in arms]
    noted = ["note on the mean"] if any(notes) else []
    rows: list[list[Cell]] = []
    for label, arm in arms:
        spread = spread_cells(arm.final[figure])
        rows.append([label, *start_cells(arm, starts), *spread, arm.diverged, *(arm.final[figure].note for _ in noted)])
    blank = ["" for _ in starts]
    for label, finals in baseline_rows(summary).items():
        if figure in finals:
            rows.append([label, *blank, *spread_cells(finals[figure]), None, *("" for _ in noted)])
    columns += noted
    return HtmlTable(f"Final {summary.shown(figure)} over {seeds_of(len(summary.seeds))}", columns, rows)


def _target_tables(summary: ComparisonSummary) -> list[HtmlTable]:
    """Two tables: the share of seeds that reached the target, and after how many steps."""
    arms, target = _ranked(summary), summary.target
    reached: list[list[Cell]] = []
    for label, arm in arms:
        share = arm.reached_share
        shares = [_percent(share.estimate), _percent(share.low), _percent(share.high)]
        reached.append([label, *shares, arm.steps_to_target.censored, arm.area.mean])
    steps: list[list[Cell]] = [
        [
            label,
            *(end for way in (arm.steps_to_target, arm.seconds_to_target) for end in (way.median, way.low, way.high)),
        ]
        for label, arm in arms
    ]
    figure = target.split(" ")[0]
    return [
        HtmlTable(
            f"Seeds that reached {target}",
            ["activation", "share (%)", "95 % from", "to", "never did", f"mean of {figure} on the way"],
            reached,
        ),
        HtmlTable(
            f"How soon they reached {target}; no median where more than half never did",
            ["activation", "median steps", "95 % from", "to", "median seconds", "95 % from", "to"],
            steps,
        ),
    ]


def _cost_table(summary: ComparisonSummary) -> HtmlTable:
    rows: list[list[Cell]] = []
    health = [name for name in ("dead", "saturated") if any(name in arm.health for _, arm in _ranked(summary))]
    for label, arm in _ranked(summary):
        shares = [_percent(arm.mean_health(name)) for name in health]
        rows.append([label, *cost_cells(arm), *shares])
    columns = ["activation", *COST, *(f"{name} (%)" for name in health)]
    return HtmlTable(f"What it took; {TIME_PER_STEP}", columns, rows)


def cost_cells(arm: ArmSummary) -> list[Cell]:
    """Parameters, microseconds per step and seed, and seconds: the columns `COST`."""
    microseconds = None if arm.time_per_step is None else 1e6 * arm.time_per_step
    return [arm.parameters, microseconds, arm.seconds]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _pair_tables(summary: ComparisonSummary) -> list[HtmlTable]:
    """Two tables of pairs: the difference between the arms, and the chance that one is better on a seed."""
    pairs, figure = summary.pairs, summary.shown(summary.figure)
    differences: list[list[Cell]] = []
    for pair in pairs:
        apart = "yes" if pair.told_apart else "no"
        amounts = [pair.better, pair.worse, pair.difference, pair.low, pair.high, pair.p, pair.p_adjusted]
        differences.append([*amounts, apart, pair.seeds, pair.seeds_needed])
    return [
        HtmlTable(
            f"Pairs on the same seeds: how much better {figure} is",
            ["better", "worse", "by", "95 % from", "to", "p", "p by Holm", "told apart", "seeds", "needed"],
            differences,
        ),
        HtmlTable(
            f"Pairs on the same seeds: chance that {figure} is better on a seed",
            ["better", "worse", "chance", "95 % from", "to"],
            [[pair.better, pair.worse, pair.chance, pair.chance_low, pair.chance_high] for pair in pairs],
        ),
    ]


def _share_table(summary: ComparisonSummary) -> HtmlTable:
    """Pairs of arms by the share of seeds that reached the target."""
    columns = ["more often", "less often", "share (%)", "against (%)", "points more", "95 % from", "to"]
    columns += ["p (McNemar)", "p by Holm", "told apart", "seeds"]
    rows: list[list[Cell]] = []
    for pair in summary.shares:
        amounts = (pair.better_share, pair.worse_share, pair.difference, pair.low, pair.high)
        apart = "yes" if pair.told_apart else "no"
        rows.append([pair.better, pair.worse, *map(_percent, amounts), pair.p, pair.p_adjusted, apart, pair.seeds])
    return HtmlTable(f"Pairs on the same seeds: who reaches {summary.target} more often", columns, rows)


def _win_table(summary: ComparisonSummary) -> HtmlTable:
    labels = summary.verdict.ranking
    rows = [[row, *(_percent(summary.wins[row][column]) for column in labels)] for row in labels]
    return HtmlTable("Seeds on which the arm of the row beats that of the column (%)", ["", *labels], rows)
