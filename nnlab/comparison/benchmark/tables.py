"""The tables of a benchmark, made from its summary: tidy rows for scripts, and tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from nnlab.comparison.tables import pair_columns, pair_texts, settings_text, text_of
from nnlab.comparison.variants import short
from nnlab.maths.statistics.across import is_least, least_sets_for, sets_of
from nnlab.report.page import Cell, HtmlTable, rounded
from nnlab.storage.metrics import cell
from nnlab.storage.summary import BenchmarkSummary, SetArm, SetSummary

# --- for scripts ------------------------------------------------------------------------------------------------------


def result_rows(summary: BenchmarkSummary) -> Iterator[list[str]]:
    """A row per set, arm and seed; `value` is empty and `error` that of chance where the seed diverged."""
    yield [
        *("set", "family", "arm", "seed", "metric", "value", "error", "initializer", "gain", "settings"),
        *("steps", "seconds"),
    ]
    for name, one in summary.sets.items():
        for label, arm in one.arms.items():
            about = [arm.initializer, cell(arm.gain), settings_text(arm.settings)]
            steps = sum(arm.steps)
            for seed, value, error, own in zip(one.seeds, arm.values, arm.errors, arm.steps, strict=True):
                seconds = arm.seconds * own / steps if steps else 0.0
                figures = [one.figure, cell(value), cell(error)]
                yield [name, one.family, label, str(seed), *figures, *about, str(own), cell(seconds)]


def set_rows(summary: BenchmarkSummary) -> Iterator[list[str]]:
    """A row per set: what it is, what chance is, and which arm has the smallest mean error."""
    yield [
        *("set", "family", "task", "metric", "rows", "parameters", "seeds", "chance", "floor", "best", "best_error"),
        *("told_apart", "pairs", "diverged", "failed"),
    ]
    for name, one in summary.sets.items():
        best = one.ranking[0] if one.ranking else ""
        figures = [cell(one.chance), cell(one.floor), best, cell(one.arms[best].mean if best else None)]
        counts = [
            sum(pair.told_apart for pair in one.pairs),
            len(one.pairs),
            sum(arm.diverged for arm in one.arms.values()),
            len(one.failed),
        ]
        about = [one.family, one.task, one.figure, str(one.rows), str(one.parameters), str(len(one.seeds))]
        yield [name, *about, *figures, *map(str, counts)]


def pair_rows(summary: BenchmarkSummary) -> Iterator[list[str]]:
    """A row per pair of arms over the sets, with log(error of better / error of worse) and its intervals."""
    yield [
        *("better", "worse", "families", "log_ratio", "low", "high", "next_low", "next_high", "between"),
        *("wins", "ties", "losses", "p_better", "p_same", "p_worse", "p", "p_adjusted", "told_apart", "at_least"),
    ]
    for pair in summary.across.pairs if summary.across else ():
        mean, following = pair.mean, pair.next_set
        ends = [mean.estimate, mean.low, mean.high, following.low, following.high, pair.between]
        record = [pair.wins, pair.ties, pair.losses, pair.p_better, pair.p_same, pair.p_worse]
        cells = [len(pair.differences), *ends, *record, pair.p, pair.p_adjusted, pair.told_apart, pair.at_least]
        yield [pair.better, pair.worse, *map(text_of, cells)]


def set_pair_rows(summary: BenchmarkSummary) -> Iterator[list[str]]:
    """A row per set and pair of arms on it: by how much the error of the better one is smaller."""
    yield ["set", *pair_columns()]
    for name, one in summary.sets.items():
        yield from ([name, *pair_texts(pair)] for pair in one.pairs)


def tuning_rows(summary: BenchmarkSummary) -> Iterator[list[str]]:
    """A row per set, arm and tried settings, with the mean error over the tuning seeds, and whether it was chosen."""
    yield ["set", "arm", "point", "settings", "metric", "error", "chosen"]
    for name, one in summary.sets.items():
        if one.tuning is None:
            continue
        for label, errors in one.tuning.errors.items():
            chosen = one.arms[label].settings if label in one.arms else None
            for number, (point, error) in enumerate(zip(one.tuning.points, errors, strict=True), 1):
                is_chosen = str(point == chosen).lower()
                yield [name, label, str(number), settings_text(point), one.tuning.figure, cell(error), is_chosen]


# --- for people -------------------------------------------------------------------------------------------------------


def tables_of(summary: BenchmarkSummary) -> list[HtmlTable]:
    """The mean error of each arm on each set; what each set is; the settings that were chosen."""
    tables = [errors_table(summary), *_across_tables(summary), sets_table(summary)]
    tables += [*_start_tables(summary), *_chosen_tables(summary)]
    return [table for table in tables if table.rows]


def errors_table(summary: BenchmarkSummary) -> HtmlTable:
    """A row per arm, best first, with its average rank over the sets and its mean error on each."""
    ranks = summary.across.average_ranks if summary.across else {}
    columns = ["arm", *(["average rank"] if ranks else []), *summary.sets]
    rows: list[list[Cell]] = [
        [label, *_rank(ranks, label), *(_mean(one.arms.get(label)) for one in summary.sets.values())]
        for label in summary.verdict.ranking
    ]
    rows.append(["chance", *([None] if ranks else []), *(rounded(one.chance) for one in summary.sets.values())])
    return HtmlTable("Mean error over the seeds, smaller is better", columns, rows if summary.sets else [])


def _rank(ranks: Mapping[str, float], label: str) -> list[Cell]:
    return [rounded(ranks.get(label), 3)] if ranks else []


def _mean(arm: SetArm | None) -> Cell:
    return None if arm is None else rounded(arm.mean)


def _across_tables(summary: BenchmarkSummary) -> Iterator[HtmlTable]:
    """Pairs of arms over the sets: how much smaller the error of the better one is, in percent of the other's.

    Of fewer sets than can tell a pair apart the probabilities are left out: they would say more than the data.
    """
    if summary.across is None or not summary.across.pairs:
        return
    families, pairs = len(summary.across.families), summary.across.pairs
    believable = families >= least_sets_for(len(pairs))
    columns = ["better", "worse", "error (%)", "95 % from", "to", "next set from", "to", "won", "same", "lost"]
    columns += ["P(better)", "P(same)", "P(worse)"] if believable else []
    columns += ["p by Holm", "told apart", "better on at least"]
    rows: list[list[Cell]] = []
    for pair in sorted(pairs, key=lambda pair: (pair.p_adjusted, pair.p, pair.mean.estimate)):
        mean, following = pair.mean, pair.next_set
        amounts = map(_change, (mean.estimate, mean.low, mean.high, following.low, following.high))
        beliefs = [rounded(share, 3) for share in (pair.p_better, pair.p_same, pair.p_worse) if believable]
        record: list[Cell] = [pair.wins, pair.ties, pair.losses, *beliefs, rounded(pair.p_adjusted, 3)]
        apart = "yes" if pair.told_apart else "no"
        rows.append([pair.better, pair.worse, *amounts, *record, apart, pair.at_least])
    over = sets_of(families, sum(one.family in summary.across.families for one in summary.sets.values()))
    yield HtmlTable(f"Pairs over {over}{'' if believable else ', too few for probabilities'}", columns, rows)


def _change(log_ratio: float | None) -> Cell:
    """The logarithm of a ratio of errors in percent: -50 is half the error."""
    return None if log_ratio is None else rounded(100 * math.expm1(log_ratio), 3)


def sets_table(summary: BenchmarkSummary) -> HtmlTable:
    """A row per set."""
    columns = ["set", "family", "error", "rows it is measured on", "parameters", "seeds", "chance", "best arm"]
    rows: list[list[Cell]] = [[name, *_about(one), _best(one)] for name, one in summary.sets.items()]
    return HtmlTable("The sets", columns, rows)


def _best(one: SetSummary) -> str:
    """The arms with the smallest mean error; several where they tie."""
    if not one.ranking:
        return ""
    ties = is_least([one.arms[label].mean for label in one.ranking])
    return ", ".join(label for label, is_best in zip(one.ranking, ties, strict=True) if is_best)


def _about(one: SetSummary) -> list[Cell]:
    error = f"1 - {one.figure}" if one.larger_is_better else one.figure
    return [one.family, error, one.rows, one.parameters, len(one.seeds), rounded(one.chance)]


def _start_tables(summary: BenchmarkSummary) -> Iterator[HtmlTable]:
    """How the weights of each arm start, as on the first set that has it."""
    found = {label: arm for one in reversed(summary.sets.values()) for label, arm in one.arms.items()}
    rows: list[list[Cell]] = [
        [label, found[label].initializer, found[label].gain] for label in summary.verdict.ranking if label in found
    ]
    yield HtmlTable("How the weights of each arm start", ["arm", "initializer", "gain"], rows)


def _chosen_tables(summary: BenchmarkSummary) -> Iterator[HtmlTable]:
    """The settings at which each arm was evaluated on each set, if settings were tuned."""
    if not any(one.tuning for one in summary.sets.values()):
        return
    rows: list[list[Cell]] = [
        [label, *(_settings(one.arms.get(label)) for one in summary.sets.values())] for label in summary.verdict.ranking
    ]
    yield HtmlTable("Settings that tuning chose, by validation rows of its own seeds", ["arm", *summary.sets], rows)


def _settings(arm: SetArm | None) -> str:
    return "" if arm is None else ", ".join(short(tuple(arm.settings.items())))
