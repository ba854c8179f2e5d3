"""The tables of a comparison, made of its summary: tidy rows for scripts, and tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nnlab.records.report import Cell, Table
from nnlab.records.runs import cell

Summary = Mapping[str, Any]

_PAIR = (
    *("better", "worse", "seeds", "difference", "low", "high", "chance", "chance_low", "chance_high"),
    *("p", "p_adjusted", "told_apart", "seeds_needed", "note"),
)

# --- for scripts ------------------------------------------------------------------------------------------------------


def arm_rows(summary: Summary) -> Iterator[list[str]]:
    """A row per arm, figure and statistic: `relu, test/accuracy, mean, value, low, high, seeds, note`."""
    yield ["activation", "figure", "statistic", "value", "low", "high", "seeds", "note"]
    for label, arm in summary["arms"].items():
        for figure, statistic, value, low, high, seeds, note in _statistics(arm):
            yield [label, figure, statistic, cell(value), cell(low), cell(high), str(seeds), note]


def _statistics(arm: Summary) -> Iterator[tuple[Any, ...]]:
    spread = {**arm["final"], "area": arm["area"], **arm.get("health", {})}
    for figure, found in spread.items():
        seeds = sum(value is not None for value in found["values"])
        yield figure, "mean", found["mean"], found["low"], found["high"], seeds, found["note"]
        yield figure, "median", found["median"], found["median_low"], found["median_high"], seeds, ""
    seeds = len(arm["area"]["values"])
    for figure in ("reached", "diverged"):
        share = arm[f"{figure}_share"]
        yield figure, "share", share["estimate"], share["low"], share["high"], seeds, share["note"]
    for figure in ("steps_to_target", "seconds_to_target"):
        found = arm[figure]
        yield figure, "median", found["median"], found["low"], found["high"], seeds, found["note"]
    yield "time_per_step", "mean", arm["time_per_step"], None, None, seeds, ""


def pair_rows(summary: Summary) -> Iterator[list[str]]:
    """A row per pair of arms, from the best pair down."""
    yield [*_PAIR]
    for pair in summary["pairs"]:
        yield [_text(pair[key]) for key in _PAIR]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return cell(value) if isinstance(value, float) or value is None else str(value)


# --- for people -------------------------------------------------------------------------------------------------------


def tables_of(summary: Summary) -> list[Table]:
    """Final figures, the way to the target, the cost, and arms against each other."""
    split = summary["figure"].split("/")[0]
    figures = [name for name in next(iter(summary["arms"].values()))["final"] if name.startswith(f"{split}/")]
    figures.sort(key=lambda name: name != summary["figure"])
    tables = _tuned_tables(summary) if "best" in summary else []
    tables += [_final_table(summary, figure) for figure in figures]
    tables += [*_target_tables(summary), _cost_table(summary)]
    if summary["pairs"]:
        tables += [*_pair_tables(summary), _win_table(summary)]
    return [table for table in tables if table.rows]


def _ranked(summary: Summary) -> list[tuple[str, Summary]]:
    """All arms from the best mean to the worst, those without one at the end."""
    figure, sign = summary["figure"], -1 if summary["larger_is_better"] else 1

    def place(arm: Summary) -> float:
        mean = arm["final"][figure]["mean"]
        return math.inf if mean is None else sign * mean

    return sorted(summary["arms"].items(), key=lambda item: place(item[1]))


def _tuned_tables(summary: Summary) -> list[Table]:
    """The families each at its best, and side by side under the same settings."""
    figure, arms, best = summary["figure"], summary["arms"], summary["best"]
    at_best: list[list[Cell]] = [
        [
            arms[label]["family"],
            _settings(arms[label]),
            *(arms[label]["final"][figure][k] for k in ("mean", "low", "high")),
        ]
        for label in summary["verdict"]["ranking"]
    ]
    points = dict.fromkeys(_settings(arm) for arm in arms.values())
    means = {(arm["family"], _settings(arm)): arm["final"][figure]["mean"] for arm in arms.values()}
    same: list[list[Cell]] = [[point, *(means.get((family, point)) for family in best)] for point in points]
    return [
        Table(f"Each at its best: final {figure}", ["activation", "settings", "mean", "95 % from", "to"], at_best),
        Table(f"Same settings: mean final {figure}", ["settings", *best], same),
    ]


def _settings(arm: Summary) -> str:
    return ", ".join(f"{key}={value}" for key, value in arm["settings"].items())


def _final_table(summary: Summary, figure: str) -> Table:
    keys = ("mean", "low", "high", "median", "median_low", "median_high")
    rows = [[label, *(arm["final"][figure][key] for key in keys), arm["diverged"]] for label, arm in _ranked(summary)]
    columns = ["activation", "mean", "95 % from", "to", "median", "95 % from", "to", "diverged"]
    return Table(f"Final {figure} over {len(summary['seeds']):,} seeds", columns, rows)


def _target_tables(summary: Summary) -> list[Table]:
    """Who reached the target, and how soon."""
    arms, target = _ranked(summary), summary["target"]
    reached: list[list[Cell]] = []
    for label, arm in arms:
        shares = [100 * arm["reached_share"][key] for key in ("estimate", "low", "high")]
        reached.append([label, *shares, arm["steps_to_target"]["censored"], arm["area"]["mean"]])
    steps: list[list[Cell]] = [
        [
            label,
            *(arm[way][key] for way in ("steps_to_target", "seconds_to_target") for key in ("median", "low", "high")),
        ]
        for label, arm in arms
    ]
    figure = target.split(" ")[0]
    return [
        Table(
            f"Seeds that reached {target}",
            ["activation", "share (%)", "95 % from", "to", "never did", f"mean of {figure} on the way"],
            reached,
        ),
        Table(
            f"How soon they reached {target}; no median where more than half never did",
            ["activation", "median steps", "95 % from", "to", "median seconds", "95 % from", "to"],
            steps,
        ),
    ]


def _cost_table(summary: Summary) -> Table:
    rows: list[list[Cell]] = []
    health = [
        name for name in ("dead", "saturated") if any(name in arm.get("health", {}) for _, arm in _ranked(summary))
    ]
    for label, arm in _ranked(summary):
        microseconds = None if arm["time_per_step"] is None else 1e6 * arm["time_per_step"]
        shares = [_percent(arm.get("health", {}).get(name, {}).get("mean")) for name in health]
        rows.append([label, arm["parameters"], microseconds, arm["seconds"], *shares])
    columns = [
        "activation",
        "parameters",
        "µs per step and seed",
        "seconds in all",
        *(f"{name} (%)" for name in health),
    ]
    return Table("What it took", columns, rows)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _pair_tables(summary: Summary) -> list[Table]:
    """By how much one is better, and how often."""
    pairs, figure = summary["pairs"], summary["figure"]
    amounts = ("better", "worse", "difference", "low", "high", "p", "p_adjusted")
    differences: list[list[Cell]] = []
    for pair in pairs:
        apart = "yes" if pair["told_apart"] else "no"
        differences.append([*(pair[key] for key in amounts), apart, pair["seeds"], pair["seeds_needed"]])
    chances = ("better", "worse", "chance", "chance_low", "chance_high")
    return [
        Table(
            f"Pairs on the same seeds: how much better {figure} is",
            ["better", "worse", "by", "95 % from", "to", "p", "p by Holm", "told apart", "seeds", "needed"],
            differences,
        ),
        Table(
            f"Pairs on the same seeds: chance that {figure} is better on a seed",
            ["better", "worse", "chance", "95 % from", "to"],
            [[pair[key] for key in chances] for pair in pairs],
        ),
    ]


def _win_table(summary: Summary) -> Table:
    labels = summary["verdict"]["ranking"]
    rows = [[row, *(_percent(summary["wins"][row][column]) for column in labels)] for row in labels]
    return Table("Seeds on which the arm of the row beats that of the column (%)", ["", *labels], rows)
