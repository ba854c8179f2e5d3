"""The claims of the literature in configs/claims, run again: what was published beside what is found.

    python benchmarks/claims.py                             all of them: about a quarter of an hour on one core
    python benchmarks/claims.py --only tanh-depth           one; may be repeated

The table is that of docs/claims.md. What was trained before under --runs-dir is taken from there, so that the command
goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nnlab
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.parameters import resolved
from nnlab.maths.signal.theory import correlation_under
from nnlab.storage.summary import SetsPair

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs" / "claims"

# Schoenholz, Gilmer, Ganguli, Sohl-Dickstein 2017 (arXiv:1611.01232): layers after which two inputs to tanh layers have
# come closer by e, by the variance σw² of the weights times their number, with biases of the variance 0.05.
DEPTH_SCALES = {1.0: 3.6, 1.25: 6.8, 1.5: 15.8, 1.7: 75.0, 2.0: 25.0, 4.0: 7.0}
BIAS_VARIANCE = 0.05
DEPTHS = (8, 12, 16, 20, 24, 32)  # around the boundary at σw² 1
BOUNDARY = (4.5, 6.0)  # the depth to which they train, in depth scales

Lines = Iterator[str]


@dataclass(frozen=True)
class Claim:
    """A claim: who says what, the figures published, and what finds them again, line by line, in a folder of runs."""

    source: str
    published: str
    rerun: Callable[[Path], Lines]


def depth_scales(_runs_dir: Path) -> Lines:
    """ξ of tanh for each σw², and the depths between which the boundary of what trains is to lie."""
    for weights, published in DEPTH_SCALES.items():
        xi = tanh_depth(weights)
        low, high = (share * xi for share in BOUNDARY)
        yield f"σw² {weights:g}: ξ {xi:.3g} (published {published:g}), boundary at {low:.0f} to {high:.0f} layers"


def tanh_depth(weights: float) -> float:
    """ξ of tanh in layers, with `weights` for σw²."""
    tanh = ACTIVATIONS["tanh"]
    return correlation_under(BoundActivation(tanh, resolved(tanh, {})), weights, BIAS_VARIANCE).depth()


def boundary(runs_dir: Path) -> Lines:
    """What tanh learns in the 200 steps of tanh-depth-40.yaml, σw² 1, with more and more layers."""
    xi = tanh_depth(1.0)
    for depth in DEPTHS:
        settings = {"network.layers": [300] * depth, "name": f"tanh-depth-{depth}"}
        run = nnlab.train(CONFIGS / "tanh-depth-40.yaml", set=settings, runs_dir=runs_dir)
        yield f"{depth} layers, {depth / xi:.1f} ξ: train accuracy {run.summary['final']['train/accuracy']:.2f}"


def gates(*names: str) -> Callable[[Path], Lines]:
    """Trains experiments and tells what their gates find."""

    def rerun(runs_dir: Path) -> Lines:
        for name in names:
            run = nnlab.train(CONFIGS / f"{name}.yaml", runs_dir=runs_dir)
            for gate in run.gates:
                value = "nothing" if gate.value is None else f"{gate.value:.4g}"
                yield f"{name}: {gate.gate}, found {value}: {'holds' if gate.met else 'fails'}"

    return rerun


def suite(name: str, *, by_set: bool = False, settings: Mapping[str, Any] | None = None) -> Callable[[Path], Lines]:
    """Trains a suite and tells how its baseline does against each arm over the sets, or with `by_set` on each set."""

    def rerun(runs_dir: Path) -> Lines:
        run = nnlab.benchmark(CONFIGS / f"{name}.yaml", set=settings, needed=True, runs_dir=runs_dir)
        return errors(run) if by_set else pairs(run)

    return rerun


def errors(run: nnlab.BenchmarkRun) -> Lines:
    """The mean errors on each set, and the differences that the test over its seeds tells apart."""
    for name, found in run.sets.items():
        means = ", ".join(f"{arm} {found.arms[arm].mean:.3f}" for arm in found.ranking)
        yield f"{name}: mean error {means}; {' '.join(found.sentences)}"


def pairs(run: nnlab.BenchmarkRun) -> Lines:
    """Average ranks, and each pair across the sets."""
    if run.across is None:
        return
    plain = run.summary["activations"].items()
    arms = {label: said.get("formula", label) if isinstance(said, Mapping) else label for label, said in plain}
    yield "average rank " + ", ".join(f"{arms[label]} {rank:.1f}" for label, rank in run.across.average_ranks.items())
    for pair in run.across.pairs:
        yield pair_line(pair, arms)


def pair_line(pair: SetsPair, arms: Mapping[str, str]) -> str:
    """A pair in one line: the mean difference of errors with its interval, sets won, P(better) and p.

    `arms` are the activations by label.
    """
    mean, low, high = (percent(value) for value in (pair.mean.estimate, pair.mean.low, pair.mean.high))
    return (
        f"errors of {arms[pair.better]} against {arms[pair.worse]} {mean} ({low} to {high}), "
        f"{pair.wins} won, {pair.ties} the same, {pair.losses} lost, P(better) {pair.p_better:.2f}, "
        f"p {pair.p_adjusted:.2g}: {'told apart' if pair.told_apart else 'not told apart'}"
    )


def percent(log_ratio: float | None) -> str:
    """A log ratio of errors as a percentage with its sign."""
    return "?" if log_ratio is None else f"{100 * math.expm1(log_ratio):+.0f} %"


CLAIMS = {
    "tanh-depth": Claim(
        "Schoenholz et al. 2017",
        "ξ 3.6, 6.8, 15.8, 75, 25, 7.0 layers for σw² 1, 1.25, 1.5, 1.7, 2, 4; tanh trains to 4.5 to 6 ξ",
        depth_scales,
    ),
    "tanh-trains": Claim(
        "Schoenholz et al. 2017",
        "8 layers train at σw² 1, 40 do not; at σw² 1.7 they do",
        gates("tanh-depth-8", "tanh-depth-40", "tanh-depth-40-critical"),
    ),
    "tanh-boundary": Claim(
        "Schoenholz et al. 2017",
        "at σw² 1 tanh trains to 4.5 to 6 ξ: 16 to 22 layers",
        boundary,
    ),
    "misra-gates": Claim(
        "Misra 2019",
        "accuracy falls between 12 and 22 dense layers",
        gates("misra-12", "misra-22"),
    ),
    "misra-depth": Claim(
        "Misra 2019",
        "test accuracy mish 0.984, swish 0.982 with 12 dense layers; 0.852 and 0.397 with 22; relu falls as well",
        suite("misra-depth", by_set=True),
    ),
    "misra-longer": Claim(
        "Misra 2019",
        "nothing: 22 dense layers, four times as many steps",
        suite("misra-longer", by_set=True),
    ),
    "selu-on-tables": Claim(
        "Klambauer et al. 2017",
        "average rank on 121 tables of selu 0.52 better than of relu, p 0.027",
        suite("selu-on-tables"),
    ),
    "selu-shallow": Claim(
        "Klambauer et al. 2017",
        "nothing: two hidden layers, where selu-on-tables.yaml has eight",
        suite("selu-on-tables", settings={"network.layers": [32, 32]}),
    ),
    "sigmoid-beats-all": Claim(
        "Shenouda 2006",
        "sigmoid substantially better than three others on ten sets",
        suite("sigmoid-beats-all"),
    ),
    "exp-swish-best": Claim(
        "Koçak, Üstündağ Şiray 2022",
        "exp-swish better than swish, mish and e-swish on four sets",
        suite("exp-swish-best"),
    ),
}


def main(words: Sequence[str]) -> int:
    """Print the table of the claims that are asked for."""
    parser = argparse.ArgumentParser(description="Run the claims of configs/claims again.")
    parser.add_argument("--only", action="append", choices=list(CLAIMS), help="a claim; repeatable")
    parser.add_argument("--runs-dir", type=Path, default=ROOT / "runs" / "claims")
    asked = parser.parse_args(words)
    print("| claim | published | found |\n|---|---|---|")
    for name in asked.only or CLAIMS:
        claim = CLAIMS[name]
        found = "<br>".join(claim.rerun(asked.runs_dir))
        print(f"| {name} ({claim.source}) | {claim.published} | {found} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
