"""Experiments with very many of something, each command in a process of its own: seconds and peak memory.

    python benchmarks/extremes.py
    python benchmarks/extremes.py --share 0.1 --only layers,logged

`--share` makes all of them smaller, to see how time and memory grow. The processor's seconds are what to compare on a
machine that has other things to do. The memory is that of the largest of a command's processes.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Build = Callable[[Path, int], str]

TRAIN = ("train", "c.yaml", "--quiet")
DRY_RUN = ("train", "c.yaml", "--dry-run")
EVAL = ("eval", "latest", "--quiet")
PREDICT = (*EVAL, "--predictions", "p.csv")


def resumed(steps: int) -> tuple[str, ...]:
    """The command that goes on with the last run, to so many steps."""
    return ("train", "--resume", "latest", "--steps", str(steps), "--quiet")


def experiment(
    task: str, data: str, layers: str = "[2]", steps: int = 3, more: str = "", batch: int | str = "all"
) -> str:
    """The text of an experiment file."""
    return (
        f"name: extreme\ntask: {task}\ndata: {{{data}}}\nnetwork: {{layers: {layers}}}\n"
        f"training: {{steps: {steps}, batch_size: {batch}, log_every: 1}}\n{more}"
    )


CLASS_STEPS = 300


def table(folder: Path, names: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """A table t.csv."""
    (folder / "t.csv").write_text("".join(",".join(line) + "\n" for line in (names, *lines)), encoding="utf-8")


def columns(cell: Callable[[], str], rows: int) -> Build:
    """Columns of such cells, and one of the classes 0 and 1."""

    def build(folder: Path, n: int) -> str:
        names = [*(f"c{index}" for index in range(n)), "y"]
        table(folder, names, [[*(cell() for _ in range(n)), str(row % 2)] for row in range(rows)])
        return experiment("binary", "source: t.csv, target: y")

    return build


def classes(folder: Path, n: int) -> str:
    """Classes with three rows each."""
    rows = [[*(f"{random.gauss(0, 1):.3f}" for _ in range(4)), f"k{row % n}"] for row in range(3 * n)]
    table(folder, ["a", "b", "c", "d", "y"], rows)
    return experiment("multiclass", "source: t.csv, target: y, test: 0.34", "[16]", CLASS_STEPS, batch=64)


def layers(_folder: Path, n: int) -> str:
    """Layers of one unit."""
    return experiment("binary", "source: xor", f"[{','.join(['1'] * n)}]")


def logged(_folder: Path, n: int) -> str:
    """Steps on XOR, each of which is logged and evaluated."""
    return experiment("binary", "source: xor", steps=n)


def gates(_folder: Path, n: int) -> str:
    """Gates that are met."""
    asked = "".join(f"- train/loss>=-{index}\n" for index in range(1, n + 1))
    return experiment("binary", "source: xor", more=f"gates:\n{asked}")


@dataclass(frozen=True)
class Extreme:
    """So many of something, and the commands that are measured on it, from the number of them."""

    what: str
    count: int
    build: Build
    commands: Callable[[int], Sequence[Sequence[str]]]


SPARSE = ("--set", "training.log_every=1000000000", "--set", "training.evaluate_every=1000000000")

EXTREMES = {
    "ones": Extreme("constant columns", 50_000, columns(lambda: "1", 3), lambda _n: [DRY_RUN]),
    "columns": Extreme(
        "columns",
        50_000,
        columns(lambda: f"{random.gauss(0, 1):.3f}", 50),
        lambda _n: [("data", "show", "t.csv"), DRY_RUN, TRAIN, EVAL, resumed(4), ("gradcheck", "c.yaml", "--quiet")],
    ),
    "layers": Extreme("layers", 40_000, layers, lambda _n: [DRY_RUN, TRAIN, EVAL, resumed(4)]),
    "classes": Extreme(
        "classes", 10_000, classes, lambda _n: [DRY_RUN, TRAIN, EVAL, PREDICT, resumed(CLASS_STEPS + 1)]
    ),
    "too-many-classes": Extreme("classes, refused", 20_000, classes, lambda _n: [DRY_RUN]),
    "logged": Extreme("logged points", 1_000_000, logged, lambda n: [(*TRAIN, *SPARSE), TRAIN, EVAL, resumed(n + 1)]),
    "gates": Extreme("gates", 10_000, gates, lambda _n: [TRAIN, EVAL, ("train", "c.yaml", "--junit", "j.xml")]),
}


def measured(words: Sequence[str], folder: Path) -> tuple[int, float, float, float]:
    """A command's exit code, seconds, seconds of the processor, and peak memory in MB."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "nnlab", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Measure each command on each extreme, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(EXTREMES), help="names of extremes, with commas between them")
    parser.add_argument("--share", type=float, default=1.0, help="of the counts")
    options = parser.parse_args()
    print("| what | command | exit code | seconds | processor | MB |\n|---|---|---|---|---|---|")
    for name in options.only.split(","):
        extreme = EXTREMES[name]
        n = max(2, round(extreme.count * options.share))
        random.seed(1)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "c.yaml").write_text(extreme.build(folder, n), encoding="utf-8")
            for words in extreme.commands(n):
                code, seconds, processor, memory = measured(words, folder)
                shown = " ".join(word for word in words if word not in SPARSE and word != "--quiet")
                shown += " (nothing logged)" if SPARSE[1] in words else ""
                row = [f"{n:,} {extreme.what}", f"`{shown}`", code, f"{seconds:.1f}", f"{processor:.1f}"]
                print(f"| {' | '.join(map(str, row))} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
