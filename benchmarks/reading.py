"""Measure how long tables take to be read, beside Python's csv module, and how much memory that needs.

    python benchmarks/reading.py [--rounds 5]

Each table is written to a temporary folder and read in turns: by `csv.reader`, which makes texts of the cells and no
more, and by nnlab, which decides what each column is and gives the inputs and targets of a data set. A ratio is the
processor time of nnlab over that of `csv.reader` in the same round, and its median counts. Memory is the most that
Python has allocated while nnlab reads, over the size of the inputs and targets in float64.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from nnlab.data.dataset import Dataset, Task
from nnlab.data.tables import read_csv

Cell = Callable[[random.Random], str]


def _four_places(draw: random.Random) -> str:
    return f"{draw.gauss(0, 10):.4f}"


def _all_places(draw: random.Random) -> str:
    return repr(draw.gauss(0, 10))


def _count(draw: random.Random) -> str:
    return str(draw.randrange(1000))


def _colour(draw: random.Random) -> str:
    return draw.choice(["red", "green", "blue", "yellowish"])


def _often_blank(draw: random.Random) -> str:
    return _four_places(draw) if draw.random() < 0.9 else "?"


# Each table: how many rows, and what is in its columns.
TABLES: dict[str, tuple[int, list[Cell]]] = {
    "20 columns of 4 decimals": (50_000, [_four_places] * 20),
    "20 columns of all digits": (50_000, [_all_places] * 20),
    "20 columns, 5 of them with blanks": (50_000, [_four_places] * 15 + [_often_blank] * 5),
    "14 columns of numbers, 6 of text": (50_000, [_four_places] * 8 + [_count] * 6 + [_colour] * 6),
    "5,000 columns": (100, [_four_places] * 5000),
}


def write(path: Path, rows: int, cells: list[Cell]) -> None:
    """Write a table of random cells, with a target of numbers in front."""
    draw = random.Random(0)
    with path.open("w") as file:
        file.write(",".join(["y", *(f"c{number}" for number in range(1, len(cells)))]) + "\n")
        for _ in range(rows):
            file.write(",".join([_four_places(draw), *(cell(draw) for cell in cells[1:])]) + "\n")


def by_csv(path: Path) -> None:
    """Read all records and keep none."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        for _ in csv.reader(file):
            pass


def by_nnlab(path: Path) -> Dataset:
    """Read the data set."""
    task: Task = "regression"
    return read_csv(path, task=task, target=["y"], blanks="median")


def seconds(read: Callable[[Path], object], path: Path) -> float:
    """The processor time of one reading."""
    begun = time.process_time()
    read(path)
    return time.process_time() - begun


def memory(path: Path) -> float:
    """The most memory while reading, over that of inputs and targets."""
    tracemalloc.start()
    dataset = by_nnlab(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / (8 * (dataset.x.shape[0] * dataset.x.shape[1] + dataset.y.size))


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("| table | csv.reader, ms | nnlab, ms | × csv.reader | memory × float64 |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (count, cells) in TABLES.items():
            path = Path(folder, "table.csv")
            write(path, count, cells)
            pairs = [(seconds(by_csv, path), seconds(by_nnlab, path)) for _ in range(rounds)]
            theirs, ours = (1000 * min(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(own / other for other, own in pairs)
            print(
                f"| {count:,} rows, {name} | {theirs:,.0f} | {ours:,.0f} | {ratio:.2f} | {memory(path):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
