"""Record what autorank, baycomp and SciPy say of five arms on twelve data sets, for the tests.

    pip install autorank==1.3.0 baycomp==1.0.3
    python benchmarks/record_across.py

Writes tests/references/across.json, with the versions. Only this script needs the two packages.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from autorank import autorank
from baycomp import SignedRankTest
from scipy import stats

TARGET = Path(__file__).resolve().parents[1] / "tests" / "references" / "across.json"
ARMS = ["relu", "gelu", "tanh", "silu", "sigmoid"]
EQUIVALENCE = 0.05
DRAWS = 200_000
# Errors in per cent, one row for each set: made up, with one arm that is worse nearly everywhere.
ERRORS = [
    [12.1, 11.4, 13.9, 12.6, 19.8], [3.2, 3.5, 3.1, 3.3, 4.4], [24.0, 22.8, 25.1, 23.9, 31.2],
    [7.7, 7.1, 7.9, 8.0, 9.6], [1.9, 2.2, 2.4, 1.7, 2.9], [15.5, 14.9, 15.8, 16.1, 15.2],
    [8.8, 8.4, 9.7, 9.1, 14.0], [30.6, 29.9, 31.4, 30.2, 33.3], [5.1, 5.0, 5.6, 4.9, 7.2],
    [19.3, 19.9, 20.4, 18.8, 24.7], [11.0, 10.2, 10.9, 11.6, 12.5], [2.6, 2.7, 3.0, 2.8, 3.9],
]  # fmt: skip


def main() -> None:
    """Write the figures of all three."""
    errors = np.array(ERRORS)
    table, logs = pd.DataFrame(errors, columns=ARMS), np.log(errors)
    ranked = autorank(table, alpha=0.05, order="ascending", force_mode="nonparametric")
    two = autorank(table[["relu", "sigmoid"]], alpha=0.05, order="ascending", force_mode="nonparametric")
    chi_squared, p = stats.friedmanchisquare(*errors.T)
    region = float(np.log1p(EQUIVALENCE))
    beliefs = {
        f"{ARMS[a]}/{ARMS[b]}": SignedRankTest(
            logs[:, b], logs[:, a], rope=region, nsamples=DRAWS, random_state=1
        ).probs()
        for a, b in combinations(range(len(ARMS)), 2)
    }
    found = {
        "versions": {name: version(name) for name in ("autorank", "baycomp", "scipy", "numpy")},
        "arms": ARMS,
        "errors": ERRORS,
        "autorank": {
            "omnibus": ranked.omnibus,
            "p": float(ranked.pvalue),
            "mean_ranks": {arm: float(rank) for arm, rank in ranked.rankdf["meanrank"].items()},
            "relu/sigmoid": {"test": two.omnibus, "one-sided p of errors": float(two.pvalue)},
        },
        "scipy": {
            "friedman": [float(chi_squared), float(p)],
            "wilcoxon of logarithms": {
                f"{ARMS[a]}/{ARMS[b]}": float(stats.wilcoxon(logs[:, a], logs[:, b], method="exact").pvalue)
                for a, b in combinations(range(len(ARMS)), 2)
            },
        },
        "baycomp": {
            "equivalence": EQUIVALENCE,
            "draws": DRAWS,
            "better, same, worse": {pair: [float(x) for x in three] for pair, three in beliefs.items()},
        },
    }
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
