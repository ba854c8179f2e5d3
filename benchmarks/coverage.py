"""How often the 95 % intervals hold, how often the tests reject what is true, and whether enough seeds are enough.

    python benchmarks/coverage.py [--simulations 10000] [--seeds 5,10,30] [--csv FILE]

Seeds are drawn from populations whose mean is known: normal, skewed, and two-humped as runs are that get stuck. The
interval of `mean_over_seeds` stands beside other candidates. An interval holds if it contains the true mean in 93 to
97 % of the simulations; where it cannot, the table says why. The error of a rate is 0.2 % with 10,000 simulations, and
0.5 % with the 2,000 of them that the slow candidates get.

Data sets come from populations too: those of the `sets` rows differ in how far apart two arms are on them. The interval
of the mean difference and the one for the next set stand beside those of weighted means.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special

from nnlab.maths.statistics import (
    compare_with_best,
    holm,
    mean_interval,
    mean_over_seeds,
    median_interval,
    paired_difference,
    permutation_test,
    power,
    share_difference,
    sign_test,
)
from nnlab.maths.statistics.across import better_on_at_least, random_effects, sign_flip_test, signed_rank_test

Array = NDArray[np.float64]
Bounds = tuple[Array, Array]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

RESAMPLES = 999
MOST_RESAMPLED = 30  # seeds up to which the bootstraps are tried: beyond, they cost much and differ little
MOST_SLOW = 2000  # simulations for candidates that take long


@dataclass(frozen=True)
class Population:
    """All runs that could be made: how to draw of them, their true mean, median, and share of stuck ones."""

    draw: Draw
    mean: float
    median: float | None = None  # where it is known in closed form
    stuck: float = 0.0
    long_tail: bool = False
    within: tuple[float, float] | None = None  # what its values can be


def two_humped(stuck: float) -> Population:
    """Runs at 98 %, but for a share of them stuck near 75 %, as on XOR."""
    spread = 0.005

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.where(generator.random(shape) < stuck, 0.75, 0.98) + generator.normal(0, spread, shape)

    return Population(draw, 0.98 - 0.23 * stuck, stuck=stuck)


POPULATIONS = {
    "normal": Population(lambda g, shape: g.normal(0, 1, shape), 0.0, 0.0),
    "uniform": Population(lambda g, shape: g.random(shape), 0.5, 0.5),
    "t, 3 degrees": Population(lambda g, shape: g.standard_t(3, shape), 0.0, 0.0),
    "accuracy, beta(30, 2)": Population(
        *(lambda g, shape: g.beta(30, 2, shape), 30 / 32, float(special.betaincinv(30, 2, 0.5))),
        within=(0.0, 1.0),
    ),
    "exponential, skewness 2": Population(lambda g, shape: g.exponential(1, shape), 1.0, math.log(2)),
    "log-normal, skewness 1.8": Population(lambda g, shape: g.lognormal(0, 0.5, shape), math.exp(1 / 8), 1.0),
    "log-normal, skewness 6.2": Population(
        lambda g, shape: g.lognormal(0, 1, shape), math.exp(1 / 2), 1.0, long_tail=True
    ),
    **{f"two humps, {100 * stuck:.0f} % stuck": two_humped(stuck) for stuck in (0.05, 0.1, 0.2, 0.3, 0.5)},
}


# --- The candidates: samples (S, n) -> low, high, (S,) each -----------------------------------------------------------


def each(interval: Callable[[Array], object]) -> Callable[[Array], Bounds]:
    """An interval of one sample, applied to all."""

    def apply(samples: Array) -> Bounds:
        found = [interval(sample) for sample in samples]
        return np.array([i.low for i in found]), np.array([i.high for i in found])  # type: ignore[attr-defined]

    return apply


def moments(samples: Array) -> tuple[Array, Array, Array]:
    """Mean, standard error and third central moment (biased)."""
    mean, deviation = samples.mean(axis=1), samples.std(axis=1, ddof=1)
    return mean, deviation / math.sqrt(samples.shape[1]), ((samples - mean[:, None]) ** 3).mean(axis=1)


def johnson(samples: Array) -> Bounds:
    """Student's interval, moved by a sixth of the third moment over n s² (Johnson 1978)."""
    count = samples.shape[1]
    mean, error, cube = moments(samples)
    unbiased = cube * count**2 / ((count - 1) * (count - 2))
    middle, half = mean + unbiased / (6 * (error**2 * count) * count), special.stdtrit(count - 1, 0.975) * error
    return middle - half, middle + half


def resampled(samples: Array) -> Iterator[tuple[Array, Array]]:
    """For each sample the means and standard deviations of its resamples (B,); the same places for each sample."""
    count = samples.shape[1]
    places = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    for sample in samples:
        drawn = sample[places]
        yield drawn.mean(axis=1), drawn.std(axis=1, ddof=1)


def percentile(samples: Array) -> Bounds:
    """The percentile bootstrap (Efron 1979)."""
    low, high = np.array([np.quantile(means, [0.025, 0.975]) for means, _ in resampled(samples)]).T
    return low, high


def bca(samples: Array) -> Bounds:
    """The bias-corrected and accelerated bootstrap (Efron 1987)."""
    mean, error, cube = moments(samples)
    count = samples.shape[1]
    acceleration = cube * count / 6 / (error**2 * count * (count - 1)) ** 1.5
    normal, found = special.ndtri(np.array([0.025, 0.975])), []
    for (means, _), centre, a in zip(resampled(samples), mean, acceleration, strict=True):
        below = np.mean(means < centre) + np.mean(means == centre) / 2
        bias = special.ndtri(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES))
        found.append(np.quantile(means, special.ndtr(bias + (bias + normal) / (1 - a * (bias + normal)))))
    low, high = np.array(found).T
    return low, high


def bootstrap_t(samples: Array) -> Bounds:
    """The bootstrap of Student's t; resamples without a spread are left out (Efron 1982)."""
    mean, error, _ = moments(samples)
    root, found = math.sqrt(samples.shape[1]), []
    for (means, deviations), centre in zip(resampled(samples), mean, strict=True):
        spread = deviations > 1e-12 * (abs(centre) + 1)
        found.append(np.quantile((means[spread] - centre) / deviations[spread] * root, [0.975, 0.025]))
    upper, lower = np.array(found).T
    return mean - upper * error, mean - lower * error


def empirical_likelihood(samples: Array) -> Bounds:
    """All means whose empirical likelihood ratio is within the F quantile (Owen 1990), by bisection from the mean."""
    count = samples.shape[1]
    limit = special.fdtri(1, count - 1, 0.95) * count / (count - 1)
    mean = samples.mean(axis=1)
    return tuple(edge(samples, mean, end, limit) for end in (samples.min(axis=1), samples.max(axis=1)))  # type: ignore[return-value]


def edge(samples: Array, inside: Array, outside: Array, limit: float) -> Array:
    """The point between `inside` and `outside` at which the likelihood ratio reaches the limit."""
    for _ in range(30):
        middle = (inside + outside) / 2
        held = likelihood_ratio(samples - middle[:, None]) <= limit
        inside, outside = np.where(held, middle, inside), np.where(held, outside, middle)
    return inside


def likelihood_ratio(centred: Array) -> Array:
    """-2 log R of the mean 0: 2 Σ log(1 + λ x) at the λ for which Σ x / (1 + λ x) = 0."""
    low, high = -1 / centred.max(axis=1), -1 / centred.min(axis=1)
    for _ in range(40):
        middle = (low + high) / 2
        rising = np.sum(centred / (1 + middle[:, None] * centred), axis=1) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    ratio: Array = 2 * np.sum(np.log1p(middle[:, None] * centred), axis=1)
    return ratio


METHODS: dict[str, Callable[[Array], Bounds]] = {
    "nnlab": each(mean_over_seeds),
    "Student t": each(mean_interval),
    "Johnson t": johnson,
    "percentile": percentile,
    "BCa": bca,
    "bootstrap t": bootstrap_t,
    "emp. likelihood": empirical_likelihood,
}
RESAMPLING = {"percentile", "BCa", "bootstrap t"}
SLOW = {*RESAMPLING, "emp. likelihood"}


def stream(name: str, *index: int) -> np.random.Generator:
    """Random numbers of a population for a number of seeds, the same each time."""
    return np.random.default_rng([[*POPULATIONS].index(name), *index])


# --- The studies: each yields rows (study, population, seeds, method, rate, remark) -----------------------------------

Row = tuple[str, str, int, str, float, str]


def coverage(name: str, seeds: int, simulations: int, methods: Sequence[str] = tuple(METHODS)) -> Iterator[Row]:
    """How often each method's 95 % interval holds the true mean, and the order statistics' the true median."""
    population = POPULATIONS[name]
    samples = population.draw(stream(name, seeds), (simulations, seeds))
    for method in methods:
        if method in RESAMPLING and seeds > MOST_RESAMPLED:
            continue
        low, high = METHODS[method](samples[:MOST_SLOW] if method in SLOW else samples)
        rate = float(np.mean((low <= population.mean) & (population.mean <= high)))
        yield "mean", name, seeds, method, rate, remark(population, seeds, rate) if method == "nnlab" else ""
    if population.within is not None:
        low, high = each(lambda sample: mean_over_seeds(sample, within=population.within))(samples)
        rate = float(np.mean((low <= population.mean) & (population.mean <= high)))
        yield "mean", name, seeds, "nnlab, cut at what can be", rate, ""
    if population.median is not None and median_interval(samples[0]).low is not None:
        low, high = each(median_interval)(samples)
        rate = float(np.mean((low <= population.median) & (population.median <= high)))
        yield "median", name, seeds, "nnlab", rate, "at least 95 %"


def remark(population: Population, seeds: int, rate: float) -> str:
    """Whether our interval holds, and where it does not, why not."""
    if rate > 0.97:
        return "wider than it needs to be"
    if rate >= 0.93:
        return "holds"
    missed = population.stuck**seeds + (1 - population.stuck) ** seeds if population.stuck else 0.0
    if missed > 0.05:
        return f"no interval can: {100 * missed:.0f} % of samples meet one hump only"
    return "no candidate holds: most samples miss the long tail" if population.long_tail else "too short"


def rejections(name: str, seeds: int, simulations: int) -> Iterator[Row]:
    """How often two arms of one population, which share half of what a seed does, are told apart at 5 %."""
    generator, population = stream(name, seeds), POPULATIONS[name]
    shared = population.draw(generator, (simulations, 1, seeds))
    arms = shared + population.draw(generator, (simulations, 2, seeds))
    rate = float(np.mean([permutation_test(a, b) <= 0.05 for a, b in arms]))
    yield "null", name, seeds, "permutation", rate, "at most 6 %"
    outside = [not (i.low <= 0 <= i.high) for i in (paired_difference(a, b) for a, b in arms)]  # type: ignore[operator]
    yield "null", name, seeds, "interval without 0", float(np.mean(outside)), ""


def family(name: str, seeds: int, simulations: int, arms: int = 4) -> Iterator[Row]:
    """How often any pair of several arms of one population is told apart, with Holm's correction and without."""
    drawn = POPULATIONS[name].draw(stream(name, seeds, arms), (simulations, arms, seeds))
    found = [[permutation_test(a, b) for a, b in combinations(sample, 2)] for sample in drawn]
    plain, adjusted = np.mean([min(p) <= 0.05 for p in found]), np.mean([min(holm(p)) <= 0.05 for p in found])
    yield "family", name, seeds, f"Holm, {arms} arms", float(adjusted), "at most 6 %"
    yield "family", name, seeds, f"uncorrected, {arms} arms", float(plain), ""


def best_points(name: str, seeds: int, simulations: int, points: int = 12, ahead: float = 0.0) -> Iterator[Row]:
    """How often the truly best of many points is told apart from the one that came out best, and any such error.

    All points are of one population, but the first, which is `ahead` by so many standard deviations.
    """
    generator, population = stream(name, seeds, points), POPULATIONS[name]
    wrong, any_wrong = [], []
    for _ in range(simulations):
        drawn = population.draw(generator, (points, seeds))
        drawn[0] += ahead
        arms = {str(point): dict(enumerate(values)) for point, values in enumerate(drawn)}
        best = max(arms, key=lambda label: float(np.mean(list(arms[label].values()))))
        told = {
            label for label, pair in compare_with_best(arms, best, larger_is_better=True).items() if pair.told_apart
        }
        wrong.append("0" in told)
        any_wrong.append(bool(told))
    about = f"{points} points, the best {ahead:g} ahead" if ahead else f"{points} equal points"
    yield "best", name, seeds, f"the best left out, {about}", float(np.mean(wrong)), "at most 5 %"
    if not ahead:
        yield (
            "best",
            name,
            seeds,
            f"any left out, {about}",
            float(np.mean(any_wrong)),
            "not held at 5 %: all are the best",
        )


def share_differences(first: float, second: float, seeds: int, simulations: int) -> Iterator[Row]:
    """How often the interval of a difference of paired shares holds it; the arms succeed independently."""
    drawn = np.random.default_rng([seeds, 1]).random((simulations, 2, seeds)) < np.array([[first], [second]])
    only_a, only_b = (drawn[:, 0] & ~drawn[:, 1]).sum(axis=1), (drawn[:, 1] & ~drawn[:, 0]).sum(axis=1)
    found = [share_difference(int(a), int(b), seeds) for a, b in zip(only_a, only_b, strict=True)]
    rate = float(np.mean([i.low <= first - second <= i.high for i in found]))  # type: ignore[operator]
    yield "shares", f"{100 * first:g} % and {100 * second:g} %", seeds, "Bonett-Price", rate, "at least 93 %"
    rejected = float(np.mean([sign_test(int(a), int(b)) <= 0.05 for a, b in zip(only_a, only_b, strict=True)]))
    yield "shares", f"{100 * first:g} % and {100 * second:g} %", seeds, "McNemar, p <= 5 %", rejected, ""


def powers(effect: float, simulations: int) -> Iterator[Row]:
    """How often a difference of `effect` standard deviations is found with the seeds that should find it in 80 %."""
    seeds = next(n for n in range(6, 10_000) if power(effect, n) >= 0.8)
    differences = np.random.default_rng(seeds).normal(effect, 1, (simulations, seeds))
    about = f"{100 * power(effect, seeds):.0f} % expected"
    rate = float(np.mean([i.low > 0 for i in map(mean_interval, differences)]))  # type: ignore[operator]
    yield "power", f"effect {effect:g}", seeds, "Student t", rate, about
    rate = float(np.mean([permutation_test(d, np.zeros(seeds)) <= 0.05 for d in differences]))
    yield "power", f"effect {effect:g}", seeds, "permutation", rate, about


# --- Over data sets ---------------------------------------------------------------------------------------------------

Weighted = Callable[[Array, Array], Array]  # differences (S, N) and variances (S, N) of their noise -> τ² (S,)


def der_simonian_laird(differences: Array, variances: Array) -> Array:
    """τ² from the moments of Cochran's Q (DerSimonian and Laird 1986)."""
    weights = 1 / variances
    total = weights.sum(axis=1)
    excess = cochrans_q(differences, weights) - (differences.shape[1] - 1)
    return np.maximum(0, excess / (total - (weights**2).sum(axis=1) / total))


def paule_mandel(differences: Array, variances: Array) -> Array:
    """The τ² with which Q has its expectation N - 1, by bisection (Paule and Mandel 1982)."""
    low, high = np.zeros(len(differences)), 10 * differences.var(axis=1)
    for _ in range(40):
        middle = (low + high) / 2
        q = cochrans_q(differences, 1 / (variances + middle[:, None]))
        too_small = q > differences.shape[1] - 1
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    return low


def cochrans_q(differences: Array, weights: Array) -> Array:
    """Σ w (d - d̄)², d̄ the weighted mean."""
    mean = (weights * differences).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    q: Array = (weights * (differences - mean) ** 2).sum(axis=1)
    return q


def weighted_mean(differences: Array, variances: Array, between: Weighted) -> tuple[Array, Array, Array]:
    """The mean with weights 1/(v + τ²), its variance by Hartung and Knapp, and τ²."""
    tau_squared = between(differences, variances)
    weights = 1 / (variances + tau_squared[:, None])
    total = weights.sum(axis=1)
    variance = cochrans_q(differences, weights) / ((differences.shape[1] - 1) * total)
    return (weights * differences).sum(axis=1) / total, variance, tau_squared


def random_sets(sets: int, seeds: int, between: float, simulations: int) -> Iterator[Row]:
    """How often the intervals hold the mean difference, 0, and the difference on one set more, true and as measured.

    The noise of a set's seeds has a size of its own, log-normal with σ = 0.5 about 1 standard error; `between` is τ in
    this unit.
    """
    generator = np.random.default_rng([sets, seeds, round(10 * between)])
    noise = math.sqrt(seeds) * np.exp(generator.normal(0, 0.5, (simulations, sets + 1, 1)))
    true = between * generator.normal(size=(simulations, sets + 1))
    runs = true[..., None] + noise * generator.normal(size=(simulations, sets + 1, seeds))
    measured, variances = runs.mean(axis=-1), runs.var(axis=-1, ddof=1) / seeds
    name = f"{sets} sets, τ {between:g}"

    def rate(held: object) -> float:
        return float(np.mean(held))  # type: ignore[arg-type]

    found = [random_effects(d[:-1], np.sqrt(v[:-1])) for d, v in zip(measured, variances, strict=True)]
    low, high = np.array([(one.mean.low, one.mean.high) for one in found]).T
    yield "sets", name, seeds, "mean", rate((low <= 0) & (high >= 0)), "at least 93 %"
    low, high = np.array([(one.next_set.low, one.next_set.high) for one in found]).T
    yield "sets", name, seeds, "next", rate((low <= measured[:, -1]) & (measured[:, -1] <= high)), "93 to 97 %"
    yield "sets", name, seeds, "next, true", rate((low <= true[:, -1]) & (true[:, -1] <= high)), ""
    t_mean, t_next = special.stdtrit(np.array([sets - 1, sets - 2]), 0.975)
    for method, between_of in (("DerSimonian-Laird", der_simonian_laird), ("Paule-Mandel", paule_mandel)):
        mean, variance, tau_squared = weighted_mean(measured[:, :-1], variances[:, :-1], between_of)
        yield "sets", name, seeds, f"mean, {method}", rate(abs(mean) <= t_mean * np.sqrt(variance)), ""
        half = t_next * np.sqrt(tau_squared + variance)
        yield "sets", name, seeds, f"next, true, {method}", rate(abs(true[:, -1] - mean) <= half), ""


def set_families(sets: int, simulations: int, arms: int = 5) -> Iterator[Row]:
    """How often any pair of arms that do equally well over data sets is told apart, with Holm's correction.

    Sets differ in the size of their differences, and their tails are long: t with 3 degrees.
    """
    generator = np.random.default_rng([sets, arms])
    sizes = np.exp(generator.normal(size=(simulations, sets, 1)))
    logs = sizes * generator.standard_t(3, (simulations, sets, arms))
    pairs = [*combinations(range(arms), 2)]
    for name, test in (("signed ranks", signed_rank_test), ("sign flips", sign_flip_test)):
        found = [min(holm([test(drawn[:, a] - drawn[:, b]) for a, b in pairs])) <= 0.05 for drawn in logs]
        yield "sets", f"{arms} equal arms, {sets} sets", 1, f"Holm, {name}", float(np.mean(found)), "at most 6 %"


def claimed_sets(sets: int, better: int, simulations: int, seeds: int = 8) -> Iterator[Row]:
    """How often an arm is called better on more sets than those on which it is, by a standard deviation of a seed."""
    generator = np.random.default_rng([sets, better, seeds])
    differences = generator.normal(size=(simulations, sets, seeds)) - (np.arange(sets) < better)[:, None]
    zeros = np.zeros(seeds)
    claims = [
        better_on_at_least([permutation_test(d, zeros) if d.mean() < 0 else 1.0 for d in drawn])
        for drawn in differences
    ]
    rate = float(np.mean(np.array(claims) > better))
    yield "sets", f"better on {better} of {sets}", seeds, "at least u too large", rate, "at most 5 %"


def study(sizes: Sequence[int], simulations: int) -> Iterator[Row]:
    """All of it, row by row."""
    for name in POPULATIONS:
        for seeds in sizes:
            yield from coverage(name, seeds, simulations)
    for name in ("normal", "exponential, skewness 2", "two humps, 20 % stuck"):
        for seeds in sizes:
            yield from rejections(name, seeds, simulations)
        yield from family(name, 10, simulations)
    for effect in (0.5, 0.8, 1.2):
        yield from powers(effect, simulations)
    for seeds in sizes:
        for first, second in ((0.5, 0.5), (0.75, 0.25), (0.95, 0.7), (1.0, 0.9)):
            yield from share_differences(first, second, seeds, simulations)
        for ahead in (0.0, 0.5):
            yield from best_points("normal", seeds, simulations // 10, ahead=ahead)
    yield from study_of_sets(simulations)


def study_of_sets(simulations: int) -> Iterator[Row]:
    """What is simulated over data sets."""
    for sets, seeds, between in product((6, 12, 20), (3, 10), (0.0, 0.5, 1.0, 3.0, 10.0)):
        yield from random_sets(sets, seeds, between, simulations)
    for sets in (9, 12, 20):
        yield from set_families(sets, simulations // 5)
    for better in (0, 4, 8):
        yield from claimed_sets(12, better, simulations // 5)


def main() -> None:
    """Run the study; one line for each population and number of seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--seeds", default="5,10,30", help="numbers of seeds, with commas")
    parser.add_argument("--csv", type=Path, help="a file to write every rate to")
    arguments = parser.parse_args()
    rows = []
    line: tuple[str, str, int] | None = None
    for row in study([int(seeds) for seeds in arguments.seeds.split(",")], arguments.simulations):
        rows.append(row)
        if row[:3] != line:
            line = row[:3]
            print(f"\n{row[0]:7}{row[1]:26}{row[2]:5} seeds", end="", flush=True)
        print(f"  {row[3]} {100 * row[4]:.1f} %" + (f" ({row[5]})" if row[5] else ""), end="", flush=True)
    print()
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("study", "population", "seeds", "method", "rate", "remark"), *rows])


if __name__ == "__main__":
    main()
