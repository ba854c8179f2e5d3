"""The atlas of activations: two rounds of benchmarks, whose tables are what docs/atlas.md tells.

    python benchmarks/atlas.py                      both rounds, then the tables: 75 minutes on two busy cores
    python benchmarks/atlas.py --max-minutes 20     a piece of it; the next call goes on where this one ended

The first round trains every activation on four data sets, in networks of two and of eight hidden layers, three seeds
each after a search for the learning rate. The best 15 of it by average rank, functions that give the same errors
counted once, go into the second round beside five well-known ones: they are written into configs/atlas/finals-*.yaml.
That round trains them on all data sets with ten seeds. Tables go to docs/atlas/, gzipped where they have a row a seed.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import nnlab

ROOT = Path(__file__).parents[1]
SUITES, TABLES = ROOT / "configs" / "atlas", ROOT / "docs" / "atlas"
DEPTHS = (2, 8)
WELL_KNOWN = ("relu", "tanh", "sigmoid", "gelu", "silu")
FINALISTS = 15
_COPIED = ("sets.csv", "pairs.csv", "set_pairs.csv", "summary.json")
_GZIPPED = ("results.csv", "tuning.csv")


class _TimeIsUpError(Exception):
    """A round that is not complete yet."""


def main(words: Sequence[str]) -> int:
    """Run what is left of the atlas; 0 when it is complete, 1 when time was up before."""
    parser = argparse.ArgumentParser(description="Train the atlas of activations and write its tables.")
    parser.add_argument("--max-minutes", type=float, default=None, help="begin no training after so many minutes")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--runs-dir", type=Path, default=ROOT / "runs" / "atlas")
    asked = parser.parse_args(words)
    ends = None if asked.max_minutes is None else time.monotonic() + 60 * asked.max_minutes

    def benchmark(name: str) -> nnlab.BenchmarkRun:
        left = None if ends is None else max(ends - time.monotonic(), 1.0)
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        how = {"jobs": asked.jobs, "needed": True, "max_seconds": left, "runs_dir": asked.runs_dir}
        run = nnlab.benchmark(SUITES / f"{name}.yaml", **how)
        _keep(run, name)
        if run.status != "completed":
            raise _TimeIsUpError
        return run

    try:
        screened = [benchmark(f"screening-{depth}") for depth in DEPTHS]
        choose_finalists(screened)
        for depth in DEPTHS:
            benchmark(f"finals-{depth}")
    except _TimeIsUpError:
        print("time is up; the same command goes on", file=sys.stderr)
        return 1
    return 0


def choose_finalists(screened: Sequence[nnlab.BenchmarkRun]) -> None:
    """Write the arms of the second round into its suites."""
    errors = np.concatenate([_errors(run) for run in screened], axis=1)  # arms × (sets of each depth · seeds)
    names = _arms(screened[0])
    means = errors.reshape(len(names), -1, _seeds(screened[0])).mean(axis=2)
    ranks = means.argsort(axis=0).argsort(axis=0).mean(axis=1)
    chosen: list[int] = []
    for arm in np.argsort(ranks, kind="stable"):
        is_double = any(np.array_equal(errors[arm], errors[other]) for other in chosen)
        if names[arm] not in WELL_KNOWN and not is_double and len(chosen) < FINALISTS:
            chosen.append(int(arm))
    listed = ", ".join([*(names[arm] for arm in chosen), *WELL_KNOWN])
    for depth in DEPTHS:
        path = SUITES / f"finals-{depth}.yaml"
        text = re.sub(r"arms:\n  \[[^]]*\]", lambda _: f"arms:\n  [{listed}]", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")


def _arms(run: nnlab.BenchmarkRun) -> list[str]:
    return list(dict.fromkeys(run.results["arm"]))


def _seeds(run: nnlab.BenchmarkRun) -> int:
    return len(dict.fromkeys(run.results["seed"]))


def _errors(run: nnlab.BenchmarkRun) -> np.ndarray:
    """The errors of each arm, (arms, sets · seeds); a run without one counts as infinite."""
    found: dict[str, list[float]] = {arm: [] for arm in _arms(run)}
    for arm, error in zip(run.results["arm"], run.results["error"], strict=True):
        found[arm].append(float(error))
    return np.nan_to_num(np.array(list(found.values())), nan=np.inf)


def _keep(run: nnlab.BenchmarkRun, name: str) -> None:
    """Copy the tables that the page is made of."""
    folder = TABLES / name
    folder.mkdir(parents=True, exist_ok=True)
    for table in _COPIED:
        if (run.path / table).exists():
            (folder / table).write_bytes((run.path / table).read_bytes())
    for table in _GZIPPED:
        if (run.path / table).exists():
            packed = gzip.compress((run.path / table).read_bytes(), mtime=0)
            (folder / f"{table}.gz").write_bytes(packed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
