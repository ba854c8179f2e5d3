"""Kill `nnlab runs list`, `diff`, `rm` and `restore` at random moments with SIGKILL: no run may be lost, or be cut.

    python benchmarks/kill_runs.py --runs 1000 --kills 1000

Each child is forked from a process that has loaded everything, and lists, compares, removes and restores runs until it
is killed. Then every run must lie in the runs folder or in its trash, once and whole, and `latest` must point to a run.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nnlab import api
from nnlab.errors import NnlabError

WEIGHTS = os.urandom(1000)


def make(root: Path, count: int) -> list[str]:
    """So many run folders, and their names."""
    names = [f"20261121-{n // 3600:02}{n // 60 % 60:02}{n % 60:02}_x{n}" for n in range(count)]
    for number, name in enumerate(names):
        (root / name / "checkpoints").mkdir(parents=True)
        (root / name / "config.yaml").write_text(f"name: x{number}\nseed: {number}\n", encoding="utf-8")
        (root / name / "run.json").write_text('{"status": "completed"}', encoding="utf-8")
        (root / name / "checkpoints" / "best.npz").write_bytes(WEIGHTS)
    (root / "latest").symlink_to(names[-1])
    return names


def work(root: Path, names: list[str], chance: random.Random) -> None:
    """List, compare, remove and restore for ever; a run that lies in the other folder is no error here."""
    while True:
        some = names[-3:] if chance.random() < 0.5 else chance.sample(names, 3)  # at times what `latest` points to
        for act in (api.remove_runs, api.restore_runs):
            try:
                act(some, runs_dir=root)
            except NnlabError:
                continue
        if chance.random() < 0.1:
            api.list_runs(runs_dir=root, where=["seed <= 5"])
            api.diff_runs(runs_dir=root)


def killed(root: Path, names: list[str], chance: random.Random) -> None:
    """Let a child work for a moment, and kill it."""
    child = os.fork()
    if child == 0:
        try:
            work(root, names, chance)
        finally:
            os._exit(1)
    time.sleep(chance.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        raise SystemExit("a child ended by itself")


def wrong(root: Path, names: list[str]) -> Iterator[str]:
    """What is not as it must be."""
    present, removed = ({p.name for p in place.glob("2*")} for place in (root, root / ".trash"))
    if present | removed != {*names} or present & removed:
        yield f"lost {sorted({*names} - present - removed)}, twice {sorted(present & removed)}"
    for place, found in ((root, present), (root / ".trash", removed)):
        cut = (name for name in found if (place / name / "checkpoints" / "best.npz").read_bytes() != WEIGHTS)
        yield from (f"{name} is cut" for name in cut)
    if present and not (root / "latest" / "config.yaml").exists():
        yield "latest points to no run"


def main() -> int:
    """Kill, look and print what came of it; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, faults = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory(prefix="nnlab-kill-runs-") as folder:
        root = Path(folder)
        names = make(root, given.runs)
        api.diff_runs(runs_dir=root)  # all is loaded before the forks
        for _ in range(given.kills):
            killed(root, names, random.Random(chance.random()))
            for fault in wrong(root, names):
                print(fault)
                faults += 1
        in_trash = sum(1 for _ in (root / ".trash").glob("2*"))
    print(f"{given.kills} kills among {given.runs} runs: {in_trash} in the trash, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
