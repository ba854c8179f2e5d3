"""Make what the page of the atlas shows, from the tables in docs/atlas/ that benchmarks/atlas.py has left there.

    python docs/make_atlas.py

It writes docs/atlas/tables.md, the tables between the markers of docs/atlas.md, and the pictures docs/atlas/*.png.
The figures in the sentences of the page are `facts`, and the script fails where the page does not state one.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import itertools
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from make_reference import made_table
from numpy.typing import NDArray

from nnlab import pictures
from nnlab.errors import listed
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.literature import LITERATURE
from nnlab.maths.statistics.across import SetComparison, SetErrors, SetPair, compare_sets, set_errors, signed_rank_test
from nnlab.maths.statistics.across.ranks import midranks
from nnlab.maths.statistics.across.sets import log_errors
from nnlab.maths.statistics.pairs import holm

FOLDER = Path(__file__).resolve().parent
PAGE, TABLES, SUITES = FOLDER / "atlas.md", FOLDER / "atlas", FOLDER.parent / "configs" / "atlas"
DEPTHS = {2: "Two hidden layers", 8: "Eight hidden layers"}
WELL_KNOWN = ("relu", "tanh", "sigmoid", "gelu", "silu")
KINDS = {
    "points in the plane": ("moons", "circles", "spirals"),
    "tables, classes": ("iris", "penguins", "breast-cancer"),
    "tables, regression": ("auto-mpg", "concrete", "energy"),
    "images, classes": ("digits", "mnist", "shapes"),
    "images, several labels": ("digit-traits", "portraits"),
}
POOR = {
    "Linear, or flat where the data are": (
        *("identity", "hard_shrink", "soft_shrink", "tanh_shrink", "threshold", "hat", "tent"),
    ),
    "Growing too fast": ("exponential", "soft_exponential", "repu", "star_relu", "squared_relu", "xielu", "gcu"),
    "Of whole rows, whose units compete": ("sparsemax", "log_softmax"),
}
MADE = "<!-- Made by docs/make_atlas.py from the tables beside it: run it again rather than change this. -->"
_INCHES = 7.0
_MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Array = NDArray[np.float64]
Row = dict[str, str]


def main() -> None:
    """Write the tables and pictures; exit with the facts that the page does not state, if there are any."""
    (TABLES / "tables.md").write_text(tables_page(), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for depth, arm in ((2, "serf"), (8, "pserf")):
        _draw(depth, arm)
    stated = " ".join(PAGE.read_text(encoding="utf-8").split())
    missing = [fact for fact in facts() if fact not in stated]
    if missing:
        sys.exit("\n".join(["the page has to state:", *missing]))


# --- the tables that were recorded ------------------------------------------------------------------------------------


@functools.cache
def rows_of(name: str) -> tuple[Row, ...]:
    """The rows of a table of docs/atlas/, gzipped or not."""
    raw = (TABLES / name).read_bytes()
    text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode("utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


@functools.cache
def errors_of(suite: str, without: frozenset[str] = frozenset()) -> SetErrors:
    """The errors of a suite's arms on its sets, `without` some of these."""
    sets = [row for row in rows_of(f"{suite}/sets.csv") if row["set"] not in without]
    results = rows_of(f"{suite}/results.csv.gz")
    found = {(row["set"], row["arm"], row["seed"]): float((row["value"] and row["error"]) or "nan") for row in results}
    arms, seeds = (list(dict.fromkeys(row[key] for row in results)) for key in ("arm", "seed"))
    return set_errors(
        [[[found[one["set"], arm, seed] for arm in arms] for seed in seeds] for one in sets],
        sets=[one["set"] for one in sets],
        arms=arms,
        floors=[float(one["floor"]) for one in sets],
        chance=[float(one["chance"]) for one in sets],
        families=[one["family"] for one in sets],
    )


@functools.cache
def compared(depth: int, baseline: str = "relu", without: frozenset[str] = frozenset()) -> SetComparison:
    """The second round at a depth: against relu, or every pair with an empty `baseline`."""
    return compare_sets(errors_of(f"finals-{depth}", without), baseline=baseline)


def pair_of(depth: int, arm: str, other: str = "relu", without: frozenset[str] = frozenset()) -> SetPair:
    """Two arms of the second round, corrected for the comparisons of all arms with relu, or for all pairs."""
    found = compared(depth, "relu" if other == "relu" else "", without)
    return next(pair for pair in found.pairs if {pair.better, pair.worse} == {arm, other})


def alone(depth: int, arm: str, other: str, without: frozenset[str] = frozenset()) -> SetPair:
    """Two arms of the second round without any correction for others."""
    every = errors_of(f"finals-{depth}", without)
    places = [every.arms.index(arm), every.arms.index(other)]
    both = set_errors(
        every.errors[:, :, places],
        sets=every.sets,
        arms=(arm, other),
        floors=every.floors,
        chance=every.chance,
        families=every.family_of,
    )
    return compare_sets(both).pairs[0]


# --- the first round --------------------------------------------------------------------------------------------------


def screening_ranks(*, shared: bool = False) -> dict[str, tuple[float, float, float]]:
    """The average rank of each function in the first round over both depths, and at each; the best first.

    Ties have ranks by their place in the list, as benchmarks/atlas.py broke them, or share them.
    """
    names = errors_of("screening-2").arms
    logged = np.concatenate([_raw_means(f"screening-{depth}") for depth in DEPTHS])  # (2 · sets, functions)
    ranks = np.array([midranks(row) if shared else row.argsort().argsort() + 1 for row in logged])
    half = len(ranks) // 2
    columns = [part.mean(axis=0) for part in (ranks, ranks[:half], ranks[half:])]
    order = np.argsort(columns[0], kind="stable")
    return {names[k]: tuple(float(column[k]) for column in columns) for k in order}


def _raw_means(suite: str) -> Array:
    """The mean errors as they were recorded (sets, functions), those of diverged runs at chance, without a floor."""
    by_arm: dict[tuple[str, str], list[float]] = {}
    for row in rows_of(f"{suite}/results.csv.gz"):
        by_arm.setdefault((row["set"], row["arm"]), []).append(float(row["error"]))
    every = errors_of(suite)
    return np.array([[np.mean(by_arm[one, arm]) for arm in every.arms] for one in every.sets])


def finalists(*, shared: bool = False) -> list[str]:
    """The 15 functions with the best average ranks, doubles once and the well-known ones apart."""
    names = screening_ranks(shared=shared)
    chosen: list[str] = []
    for name in names:
        is_double = any(signature(name) == signature(other) for other in chosen)
        if name not in WELL_KNOWN and not is_double and len(chosen) < 15:
            chosen.append(name)
    return chosen


def signature(name: str) -> bytes:
    """All errors of a function in the first round: functions with the same ones are doubles."""
    return b"".join(np.ascontiguousarray(_of(errors_of(f"screening-{depth}"), name)).tobytes() for depth in DEPTHS)


def _of(every: SetErrors, name: str) -> Array:
    return every.errors[:, :, every.arms.index(name)]


def diverged(suite: str) -> Counter[str]:
    """How many runs of each function diverged."""
    return Counter(row["arm"] for row in rows_of(f"{suite}/results.csv.gz") if not row["value"])


# --- tuned rates ------------------------------------------------------------------------------------------------------


def tuned_rates(depth: int) -> tuple[list[str], list[str], Array]:
    """The sets, the arms and log10 of the chosen learning rates (sets, arms) of the second round."""
    chosen = [row for row in rows_of(f"finals-{depth}/tuning.csv.gz") if row["chosen"] == "true"]
    rates = {(row["set"], row["arm"]): float(row["settings"].split("=")[1]) for row in chosen}
    sets, arms = (list(dict.fromkeys(row[key] for row in chosen)) for key in ("set", "arm"))
    return sets, arms, np.log10([[rates[one, arm] for arm in arms] for one in sets])


def _share(rates: Array, axis: int) -> float:
    """The share of the variance of the rates that means over an axis explain."""
    return float(rates.mean(axis=axis).var() / rates.var())


# --- words ------------------------------------------------------------------------------------------------------------


def change(log_ratio: float, *, sign: str = "") -> str:
    """A log ratio of errors as "9 % smaller" or "3 % larger"; with a sign, as "−9" or "+3"."""
    percent = round(100 * float(np.expm1(log_ratio)))
    if sign:
        return f"{'−' if percent < 0 else '+' if percent else ''}{abs(percent)}"
    return f"{abs(percent)} % {'smaller' if percent <= 0 else 'larger'}"


def span(low: float, high: float) -> str:
    """An interval of log ratios in words: "2 to 10 % smaller", "26 % smaller to 18 % larger"."""
    first, last = change(low), change(high)
    if first.split()[-1] != last.split()[-1]:
        return f"{first} to {last}"
    near, far = sorted((first, last), key=lambda words: int(words.split()[0]))
    return f"{near.split()[0]} to {far}"


def _against_relu(pair: SetPair) -> tuple[str, float, Sequence[float], Sequence[float], Sequence[int], Sequence[float]]:
    """An arm with what is known of its error against relu's: mean, interval, interval of the next set, record, P's."""
    arm = pair.worse if pair.better == "relu" else pair.better
    side = -1 if pair.better == "relu" else 1
    mean, following = pair.effect.mean, pair.effect.next_set
    ends = [[side * end for end in (one.low or 0.0, one.high or 0.0)][::side] for one in (mean, following)]
    record = [pair.record.wins, pair.record.ties, pair.record.losses][::side]
    beliefs = [pair.beliefs.better, pair.beliefs.same, pair.beliefs.worse][::side]
    return arm, side * mean.estimate, ends[0], ends[1], record, beliefs


def _signed(low: float, high: float) -> str:
    return f"{change(low, sign='±')} to {change(high, sign='±')}"


def _figures(values: Iterable[float]) -> list[str]:
    return [f"{value:.3g}" for value in values]


# --- tables -----------------------------------------------------------------------------------------------------------


def with_tables(text: str) -> str:
    """The page with its tables made anew."""
    made = {"finals": _finals(), "kinds": _by_set(), "worst": _worst()}
    return _MARKED.sub(lambda match: f"{match[1]}\n{made[match[2]]}\n\n{match[3]}", text)


def _finals() -> str:
    """Each arm of the second round at both depths, by the mean of its two average ranks."""
    cells: dict[str, list[str]] = {}
    for depth in DEPTHS:
        found = compared(depth)
        by_arm = {arm: rest for arm, *rest in map(_against_relu, found.pairs)}
        for arm, rank in zip(found.ranking, found.average_ranks, strict=True):
            cells.setdefault(arm, []).append(f"{rank:.1f}")
            if arm == "relu":
                cells[arm] += ["–", "–"]
                continue
            mean, (low, high), _, _, beliefs = by_arm[arm]
            cells[arm].append(f"{change(mean, sign='±')} ({_signed(low, high)})")
            cells[arm].append(" / ".join(f"{belief:.2f}" for belief in beliefs))
    heads = ["rank", "error, %", "better / same / worse"]
    order = best_of_both_depths()
    return made_table(
        ["", *(f"{name}: {head}" for name in ("two layers", "eight") for head in heads)],
        ([a, *cells[a]] for a in order),
    )


def best_of_both_depths() -> list[str]:
    """The arms of the second round by the sum of their average ranks."""
    two, eight = (dict(zip(one.ranking, one.average_ranks, strict=True)) for one in map(compared, DEPTHS))
    return sorted(two, key=lambda arm: two[arm] + eight[arm])


def _by_set() -> str:
    """On each set, which arms its seeds tell apart from relu."""
    lines = []
    for kind, names in KINDS.items():
        for name in names:
            cells = [", ".join(told_apart(depth, name, wins=wins)) or "–" for depth in DEPTHS for wins in (True, False)]
            lines.append([kind, name, *cells])
    heads = [f"{depth}: {side}" for depth in ("two layers", "eight") for side in ("beat relu", "beaten by relu")]
    return made_table(["kind", "set", *heads], lines)


def told_apart(depth: int, name: str, *, wins: bool) -> list[str]:
    """The arms that beat relu on a set, or that relu beats there, by the test over its seeds with Holm's correction."""
    rows = (row for row in rows_of(f"finals-{depth}/set_pairs.csv") if row["told_apart"] == "true")
    mine, other = ("better", "worse") if wins else ("worse", "better")
    return [row[mine] for row in rows if row["set"] == name and row[other] == "relu"]


def _worst() -> str:
    """The last of the first round."""
    ranks = screening_ranks()
    lost = {depth: diverged(f"screening-{depth}") for depth in DEPTHS}
    lines = [
        [name, *(f"{rank:.0f}" for rank in ranks[name]), *(str(lost[depth][name]) for depth in DEPTHS)]
        for name in list(ranks)[-8:]
    ]
    heads = ["", "rank", "two layers", "eight", "diverged, two layers", "eight"]
    return made_table(heads, lines)


def tables_page() -> str:
    """The page with all tables."""
    parts = [
        MADE,
        "# The tables of the atlas",
        "What [the atlas](../atlas.md) rests on; the columns are [those of benchmarks](../benchmark.md).",
        *itertools.chain.from_iterable(_finals_parts(depth) for depth in DEPTHS),
        "## First round",
        "Average ranks over both depths, which chose the finalists, and at each; diverged runs of 24; mean errors.",
        _screening_table(),
        "## Tuned learning rates",
        "Geometric mean of the rates chosen in the second round over the sets.",
        _rates_table(),
    ]
    return "\n\n".join(parts) + "\n"


def _finals_parts(depth: int) -> Iterator[str]:
    found, every = compared(depth), errors_of(f"finals-{depth}")
    yield f"## Second round: {DEPTHS[depth].lower()}"
    yield (
        f"Errors against those of relu in percent, over {len(found.families)} families of data sets; the same are "
        f"errors of which neither is more than {100 * found.equivalence:.0f} % larger."
    )
    yield made_table(
        [
            *("", "average rank", "error", "95 %", "next set", "won", "same", "lost"),
            *("P(better)", "P(same)", "P(worse)", "p", "p by Holm", "better on at least"),
        ],
        _pair_lines(found),
    )
    yield "Mean errors over ten seeds: 1 − accuracy, of several labels 1 − subset accuracy, of a regression the RMSE."
    means = dict(zip(every.arms, every.means.T, strict=True))
    lines = [[arm, *_figures(means[arm])] for arm in found.ranking]
    yield made_table(["", *every.sets], [*lines, ["chance", *_figures(every.chance)]])
    sets = [[one[key] for key in ("set", "family", "task", "rows", "parameters", "best")] for one in _sets(depth)]
    counts = [[one[key] for key in ("told_apart", "diverged")] for one in _sets(depth)]
    heads = ["set", "family", "task", "test rows", "parameters", "best", "told apart from relu", "diverged"]
    yield made_table(heads, [[*a, *b] for a, b in zip(sets, counts, strict=True)])


def _sets(depth: int) -> tuple[Row, ...]:
    return rows_of(f"finals-{depth}/sets.csv")


def _pair_lines(found: SetComparison) -> Iterator[list[str]]:
    by_arm = {_against_relu(pair)[0]: pair for pair in found.pairs}
    for arm, rank in zip(found.ranking, found.average_ranks, strict=True):
        if arm not in by_arm:
            yield [arm, f"{rank:.2f}", *["–"] * 12]
            continue
        pair = by_arm[arm]
        _, mean, inner, outer, record, beliefs = _against_relu(pair)
        yield [
            *(arm, f"{rank:.2f}", change(mean, sign="±"), _signed(*inner), _signed(*outer), *map(str, record)),
            *(f"{belief:.3f}" for belief in beliefs),
            *_figures((pair.p, pair.adjusted)),
            str(pair.at_least if pair.better == arm else 0),
        ]


def _screening_table() -> str:
    ranks, chosen = screening_ranks(), finalists()
    suites = [errors_of(f"screening-{depth}") for depth in DEPTHS]
    lost = sum((diverged(f"screening-{depth}") for depth in DEPTHS), Counter())
    lines = [
        [
            f"{name} (finalist)" if name in chosen else name,
            *(f"{rank:.1f}" for rank in ranks[name]),
            str(lost[name]),
            *_figures(itertools.chain.from_iterable(every.means[:, every.arms.index(name)] for every in suites)),
        ]
        for name in ranks
    ]
    sets = [f"{name}, {depth}" for depth, every in zip(DEPTHS, suites, strict=True) for name in every.sets]
    return made_table(["", "average rank", "two layers", "eight", "diverged", *sets], lines)


def _rates_table() -> str:
    found = {depth: tuned_rates(depth) for depth in DEPTHS}
    mean = {depth: dict(zip(arms, 10 ** rates.mean(axis=0), strict=True)) for depth, (_, arms, rates) in found.items()}
    lines = [[arm, *(f"{mean[depth][arm]:.2g}" for depth in DEPTHS)] for arm in sorted(mean[2], key=mean[2].get)]
    return made_table(["", *(name.lower() for name in DEPTHS.values())], lines)


# --- the figures in the sentences of the page -------------------------------------------------------------------------


def facts() -> list[str]:
    """Parts of sentences with figures, as the page has to state them."""
    parts = (
        *(_of_the_whole, _of_both_depths, _of_two_layers, _of_eight_layers, _of_kinds),
        *(_of_the_first_round, _of_its_ranks, _of_rates, _of_limits),
    )
    return [fact for part in parts for fact in part()]


def _of_the_whole() -> Iterator[str]:
    names = errors_of("screening-2").arms
    built_in, published = (sum(name in table for name in names) for table in (ACTIVATIONS, LITERATURE))
    yield f"{len(names)} functions, {built_in} built in and {published} published ones"
    finals = errors_of("finals-2")
    yield f"{len(finals.arms)} of them on {len(finals.sets)} data sets of {len(finals.families)} families"
    summaries = {path.parent.name: json.loads(path.read_text("utf-8")) for path in TABLES.glob("*/summary.json")}
    minutes = {name: found["seconds"] / 60 for name, found in summaries.items()}
    trained = sum(_trainings(name, found) for name, found in summaries.items())
    yield f"{trained:,} trainings took {sum(minutes.values()):.0f} minutes on two cores"
    first, second = ([f"{minutes[f'{name}-{depth}']:.0f}" for depth in DEPTHS] for name in ("screening", "finals"))
    yield f"{' and '.join(first)} minutes the first round, {' and '.join(second)} the second"


def _trainings(name: str, summary: Mapping[str, Mapping[str, Mapping[str, Mapping[str, list[int]]]]]) -> int:
    seeds = len(next(iter(summary["sets"].values()))["tuning"]["seeds"])
    return len(rows_of(f"{name}/results.csv.gz")) + seeds * len(rows_of(f"{name}/tuning.csv.gz"))


def apart_of_all(depth: int) -> list[tuple[str, str, float]]:
    """The pairs of all that Wilcoxon's test over families with Holm's correction tells apart, with this p."""
    every = errors_of(f"finals-{depth}")
    pairs = [*itertools.combinations(range(len(every.arms)), 2)]
    logs = log_errors(every)
    adjusted = holm([signed_rank_test(logs[:, a] - logs[:, b]) for a, b in pairs])
    better = [(a, b) if logs[:, a].sum() < logs[:, b].sum() else (b, a) for a, b in pairs]
    found = zip(better, adjusted, strict=True)
    return [(every.arms[a], every.arms[b], p) for (a, b), p in found if p <= 0.05]


def _of_both_depths() -> Iterator[str]:
    two, eight = compared(2), compared(8)
    families, tests, arms = len(two.families), len(two.pairs), len(two.ranking)
    yield f"for all {tests} functions and both depths"
    yield f"neither is more than {100 * two.equivalence:.0f} % larger"
    yield f"over the {families} families, corrected for the {tests} comparisons with relu"
    yield f'u of {families} families" is 0 for every pair: corrected for {tests} comparisons'
    yield f"the average rank among the {arms}"
    yield f"correction for the {tests} on that set"
    for found in (two, eight):
        assert all(pair.effect.next_set.low < 0 < pair.effect.next_set.high for pair in found.pairs)
        assert all(pair.at_least == 0 for pair in found.pairs)
        same = [pair for pair in found.pairs if pair.beliefs.same > 0.5]
        yield f"P(same) is above one half for {len(same)} of {tests} functions"
    widths = {(depth, pair): pair.effect.next_set for depth in DEPTHS for pair in compared(depth).pairs}
    depth, pair = min(widths, key=lambda key: widths[key].high - widths[key].low)
    arm, _, _, outer, *_ = _against_relu(pair)
    yield f"The narrowest interval, of {arm} with {DEPTHS[depth].split()[0].lower()} layers, goes from {span(*outer)}"
    medians = {depth: np.median(errors_of(f"finals-{depth}").means, axis=1) for depth in DEPTHS}
    yield f"the median function errs more than with two on {sum(medians[8] > medians[2])} of {len(medians[2])} sets"


def _of_two_layers() -> Iterator[str]:
    two = compared(2)
    arms = len(two.ranking)
    assert apart_of_all(2) == []
    yield f"none of the {math.comb(arms, 2)} pairs of {arms} functions can be told apart"
    yield f"Friedman's test of all: p {two.friedman.f_p:.2f}"
    changes = [_against_relu(pair)[1] for pair in two.pairs]
    yield f"mean errors from {change(min(changes))} to {change(max(changes))} than those of relu"
    penguins = [alone(2, arm, "relu", frozenset({"penguins"})).effect.mean.estimate for arm in ("asilu", "tsilu")]
    assert change(pair_of(2, "asilu").effect.mean.estimate) == change(pair_of(2, "tsilu").effect.mean.estimate)
    yield f"their {change(pair_of(2, 'asilu').effect.mean.estimate).removesuffix(' smaller')} to one set"
    yield f"without penguins they are {' and '.join(str(abs(round(100 * np.expm1(one)))) for one in penguins)} %"


def _of_eight_layers() -> Iterator[str]:
    eight = compared(8)
    sigmoid = pair_of(8, "sigmoid")
    assert [pair.worse for pair in eight.pairs if pair.told_apart] == ["sigmoid"]
    mean, following = sigmoid.effect.mean, sigmoid.effect.next_set
    yield f"relu's errors are {change(mean.estimate)} than those of sigmoid"
    yield f"95 %: {span(mean.low, mean.high)}; p by Holm {sigmoid.adjusted:.3f}"
    yield f"smaller than those of sigmoid on {sigmoid.record.wins} of {len(eight.families)} families"
    yield f"on the next data set from {change(following.low)} to {change(following.high)}"
    least = alone(8, "relu", "sigmoid").at_least
    yield f"Tested alone, relu is better than sigmoid on at least {least} of {len(eight.families)}"
    yield f"p {eight.friedman.f_p:.1g} by Friedman's test"
    for arm in best_of_both_depths()[:3]:
        pair = pair_of(8, arm)
        outer = span(pair.effect.next_set.low, pair.effect.next_set.high)
        yield f"{arm} {change(pair.effect.mean.estimate)}, P(better) {pair.beliefs.better:.2f}, next data set {outer}"
    pserf = pair_of(8, "pserf")
    yield f"p {pserf.p:.3f} alone and {min(pserf.adjusted, 1):.0f} by Holm"
    apart = apart_of_all(8)
    first = " and ".join(f"{a} before {b}" for a, b, _ in apart)
    yield f"Of all {math.comb(len(eight.ranking), 2)} pairs two are told apart: {first} (p {apart[0][2]:.3f})"


def _error(depth: int, name: str, arm: str, suite: str = "finals") -> float:
    every = errors_of(f"{suite}-{depth}")
    return float(every.means[every.sets.index(name), every.arms.index(arm)])


def _range(depth: int, name: str, without: Sequence[str]) -> str:
    values = [_error(depth, name, arm) for arm in errors_of("finals-2").arms if arm not in without]
    return f"{min(values):.2f} to {max(values):.2f}"


def _less(depth: int, name: str, arms: Sequence[str]) -> str:
    """By how much the errors of some arms are smaller than relu's on a set, in percent."""
    ratios = [100 * (1 - _error(depth, name, arm) / _error(depth, name, "relu")) for arm in arms]
    return f"{min(ratios):.0f} to {max(ratios):.0f} %"


def _of_kinds() -> Iterator[str]:
    spirals = [f"{_error(8, 'spirals', arm):.3f}" for arm in ("pserf", "silu", "relu")]
    yield f"{spirals[0]} and {spirals[1]} against {spirals[2]}"
    yield f"its error is {_error(2, 'spirals', 'sigmoid'):.2f}, those of the others {_range(2, 'spirals', ['sigmoid'])}"
    assert not any(told_apart(d, s, wins=w) for d in DEPTHS for s in KINDS["tables, classes"] for w in (True, False))
    linear, relu = (_error(2, "breast-cancer", arm, "screening") for arm in ("identity", "relu"))
    yield f"identity, a linear network, has {linear:.3f} on breast-cancer, relu {relu:.3f}"
    cars, digits = told_apart(2, "auto-mpg", wins=True), told_apart(2, "mnist", wins=True)
    assert len(cars) == len(digits) == 6
    assert told_apart(8, "mnist", wins=True) == []
    yield f"six smooth ones beat relu on auto-mpg, by {_less(2, 'auto-mpg', cars)}"
    worse = _error(8, "concrete", "tanh") / _error(8, "concrete", "relu")
    yield f"tanh's error is {change(np.log(worse))} than relu's on concrete"
    yield f"six smooth ones beat relu on mnist, by {_less(2, 'mnist', digits)}"
    shapes = [f"{_error(2, 'shapes', arm):.2f}" for arm in ("tanh", "sigmoid")]
    others = _range(2, "shapes", ["tanh", "sigmoid"])
    yield f"tanh and sigmoid hardly learn shapes: {' and '.join(shapes)}, the others {others}"
    chance = errors_of("finals-2").chance[errors_of("finals-2").sets.index("shapes")]
    yield f"chance {chance:.2f}"
    traits, portraits = told_apart(8, "digit-traits", wins=True), told_apart(8, "portraits", wins=False)
    assert "silu" in traits
    assert "silu" in portraits
    yield f"{len(traits)} beat relu on digit-traits, by {_less(8, 'digit-traits', traits)}"
    yield f"relu beats {len(portraits)} on portraits"


def _of_the_first_round() -> Iterator[str]:
    ranks = screening_ranks()
    order = list(ranks)
    assert set(order[-20:]) >= {name for names in POOR.values() for name in names}
    yield from (f"{words}: {listed(names)}" for words, names in POOR.items())
    yield f"relu is only number {order.index('relu') + 1} of {len(order)}"
    chosen, shared = finalists(), finalists(shared=True)
    last = chosen[-1]
    after = next(name for name in order[order.index(last) + 1 :] if name not in WELL_KNOWN)
    yield f"{last}, the last that was chosen, has an average rank of {ranks[last][0]:.1f}"
    yield f"{after}, the first that was not, {ranks[after][0]:.1f}"
    yield f"The {len(chosen)} with the best average rank"
    gone, come = ([name for name in a if name not in b] for a, b in ((chosen, shared), (shared, chosen)))
    yield f"with shared ranks {' and '.join(come)} would stand in place of {' and '.join(gone)}"
    doubles = [", ".join(group) for group in _doubles()]
    yield f"{len(doubles)} groups have the same errors on every seed: {'; '.join(doubles)}"
    lost = {depth: diverged(f"screening-{depth}") for depth in DEPTHS}
    runs = len(rows_of("screening-2/results.csv.gz")) // len(order)
    words = [", ".join(f"{name} {count}" for name, count in lost[depth].most_common()) for depth in DEPTHS]
    assert not any(diverged(f"finals-{depth}") for depth in DEPTHS)
    yield f"diverged runs of {runs} at each depth"
    yield f"with two layers {words[0].replace(',', ' and')} of {runs} runs diverged; with eight {words[1]}."


def _of_its_ranks() -> Iterator[str]:
    ranks = screening_ranks()
    order = list(ranks)
    by_seed = {
        name: np.mean([_between_seeds(depth, name) for depth in DEPTHS]) for name in errors_of("screening-2").sets
    }
    low, high = min(by_seed, key=by_seed.get), max(by_seed, key=by_seed.get)
    yield f"with a correlation of {by_seed[high]:.2f} on {high}, but of {by_seed[low]:.2f} on {low}"
    same, other = _across_seeds()
    yield f"two seeds correlate by {same:.2f} at one depth, by {other:.2f} between the depths"
    two, eight = (np.array([ranks[name][k] for name in order]) for k in (1, 2))
    yield f"those at both depths correlate by {_correlation(two, eight):.2f} over the {len(order)} functions"
    finals = [dict(zip(one.ranking, one.average_ranks, strict=True)) for one in map(compared, DEPTHS)]
    both = [np.array([one[name] for name in finals[0]]) for one in finals]
    yield f"and by {_correlation(*both):.2f} over the {len(finals[0])} of the second round"
    moved = np.argsort(eight - two, kind="stable")
    for words, places in (("Most fall back with depth", moved[::-1][:5]), ("Most gain", moved[:5])):
        yield f"{words}: {', '.join(f'{order[k]} ({two[k]:.0f} to {eight[k]:.0f})' for k in places)}"


def _doubles() -> Iterator[list[str]]:
    groups: dict[bytes, list[str]] = {}
    for name in errors_of("screening-2").arms:
        groups.setdefault(signature(name), []).append(name)
    return (group for group in groups.values() if len(group) > 1)


def _between_seeds(depth: int, name: str) -> float:
    """The mean correlation of the ranks that two seeds give the functions on a set."""
    every = errors_of(f"screening-{depth}")
    seeds = every.errors[every.sets.index(name)]
    return float(np.mean([_correlation(a, b) for a, b in itertools.combinations(seeds, 2)]))


def _across_seeds() -> tuple[float, float]:
    """The mean correlation of the functions' average ranks by two seeds, at one depth and between both."""
    suites = [errors_of(f"screening-{depth}") for depth in DEPTHS]
    ranks = [[np.mean([midranks(row) for row in one.errors[:, k]], axis=0) for k in range(one.seeds)] for one in suites]
    same = [_correlation(a, b) for one in ranks for a, b in itertools.combinations(one, 2)]
    other = [_correlation(ranks[0][a], ranks[1][b]) for a, b in itertools.permutations(range(suites[0].seeds), 2)]
    return float(np.mean(same)), float(np.mean(other))


def _correlation(a: Array, b: Array) -> float:
    """Spearman's, of ranks."""
    return float(np.corrcoef(midranks(a), midranks(b))[0, 1])


def _of_rates() -> Iterator[str]:
    for depth, name in DEPTHS.items():
        _, arms, rates = tuned_rates(depth)
        by_set, by_arm = _share(rates, 1), _share(rates, 0)
        yield f"{name.lower()} the data set explains {by_set:.0%} and the function {by_arm:.0%}".replace("%", " %")
        found = dict(zip(arms, 10 ** rates.mean(axis=0), strict=True))
        order = sorted(found, key=found.get)
        low, high, next_high = (f"{found[order[k]]:.2g}" for k in (0, -1, -2))
        if depth == 2:
            yield f"{order[-1]} takes the largest rates, {high} on average, the others {low} to {next_high}"
        else:
            yield f"from {low} ({order[0]}) to {high} ({order[-1]})"
        least, most = (int(np.sum(np.isclose(rates, end))) for end in (rates.min(), rates.max()))
        ends = f" of {rates.size} choices are its ends, {10 ** rates.min():.4f} and {10 ** rates.max():.2f}"
        yield f"{name.lower()} {least} and {most}{ends if depth == 2 else ''}"


def _of_limits() -> Iterator[str]:
    configs = [yaml.safe_load((SUITES / f"{name}.yaml").read_text("utf-8")) for name in errors_of("finals-2").sets]
    (batch,) = {one["training"]["batch_size"] for one in configs}
    steps = sorted(one["training"]["steps"] for one in configs)
    yield f"{' or '.join(map(str, sorted({one['network']['layers'][0] for one in configs})))} units a layer"
    yield f"batches of {batch}, {steps[0]} to {steps[-1]} steps"
    used = frozenset({*errors_of("screening-2").sets, "digit-traits"})
    found = {arm: pair_of(8, arm, without=used) for arm in ("pserf", "serf")}
    families = len(compared(8, "relu", used).families)
    for arm, pair in found.items():
        inner = span(pair.effect.mean.low, pair.effect.mean.high)
        yield f"{arm} {change(pair.effect.mean.estimate)} (95 %: {inner}; p {pair.p:.3f} alone, {pair.adjusted:.2f} by"
    yield f"On the other {families} families alone"
    every = errors_of("finals-2")
    for name in ("iris", "penguins"):
        k = every.sets.index(name)
        row = 2 * every.floors[k]
        yield f"{name} has {round(1 / row)} test rows" if name == "iris" else f"{name} {round(1 / row)}"
    k = every.sets.index("penguins")
    yield f"{np.mean(every.errors[k] == every.floors[k]):.0%}".replace("%", " % of runs on penguins make no error")
    deep = errors_of("finals-8")
    k = deep.sets.index("portraits")
    best, chance = deep.means[k].min(), deep.chance[k]
    yield f"portraits with eight layers, on which the best error is {best:.2f} and chance {chance:.3f}"


# --- pictures ---------------------------------------------------------------------------------------------------------


def _draw(depth: int, arm: str) -> None:
    """The average ranks at a depth, and an arm against relu on each set."""
    title, pairs = DEPTHS[depth], compared(depth, "")
    with pictures.page_for(_INCHES):
        drawn = {
            f"ranks-{depth}": pictures.critical_difference(pairs, title=title),
            f"forest-{depth}": pictures.forest(
                pair_of(depth, arm), pairs.families, equivalence=pairs.equivalence, title=title, baseline="relu"
            ),
        }
        for name, figure in drawn.items():
            pictures.fit_to(figure, _INCHES)
            pictures.save(figure, TABLES / f"{name}.png")


if __name__ == "__main__":
    main()
