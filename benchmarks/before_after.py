"""Measure two checkouts of nnlab side by side: their trainings take turns in one run, and ratios are printed.

    python benchmarks/before_after.py OTHER [--workloads W1,W2] [--rounds 20] [--python PATH]

OTHER is the folder of another checkout, such as one of an earlier commit; --python is the interpreter of an environment
in which that checkout is installed (by default OTHER/.venv/bin/python). A ratio is the time of this checkout over that
of the other in the same round; the median over the rounds counts, and the quartiles say how much rounds differ.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from workloads import WORKLOADS

HERE = Path(__file__).resolve().parent
FORM = "fit"


class Training:
    """A process that trains a workload, as many steps as it is asked for at a time."""

    def __init__(self, python: str, folder: Path, workload: str) -> None:
        words = [python, "worker.py", "own", FORM, workload, "1"]
        surroundings = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            words, cwd=folder, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def seconds(self, steps: int) -> float:
        """How much processor time so many more steps take."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self._answer()["cpu"]


def ratios(workload: str, python: str, other: Path, rounds: int) -> list[float]:
    """The time of this checkout over that of the other, round by round; they take turns to begin."""
    steps = WORKLOADS[workload].turn
    pair = (Training(sys.executable, HERE, workload), Training(python, other / "benchmarks", workload))
    for training in pair:
        training.seconds(steps)  # the first turn loads and allocates
    found = []
    for number in range(rounds):
        order = pair if number % 2 else pair[::-1]
        taken = {id(training): training.seconds(steps) for training in order}
        found.append(taken[id(pair[0])] / taken[id(pair[1])])
    for training in pair:
        training.process.kill()
        training.process.communicate()
    return found


def main() -> None:
    """Print a line for each workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="folder of another checkout")
    parser.add_argument("--workloads", default="W1,W2,W3,W4", help=f"some of {', '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=int, default=20, help="turns of each")
    parser.add_argument("--python", help="interpreter in which the other checkout is installed")
    options = parser.parse_args()
    python = options.python or str(options.other / ".venv" / "bin" / "python")
    wanted = options.workloads.split(",")
    for name in (name for name in WORKLOADS if name in wanted or WORKLOADS[name].group in wanted):
        found = ratios(name, python, options.other, options.rounds)
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"{name:8} {middle:.3f}  [{low:.3f}, {high:.3f}]  {WORKLOADS[name].title}", flush=True)


if __name__ == "__main__":
    main()
