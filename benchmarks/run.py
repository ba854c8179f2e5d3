"""Measure nnlab beside its peers and the physical limit, print tables and store them.

    python benchmarks/run.py [--workloads W1,W3] [--rounds 10] [--threads 1,2] [--quick] [--out benchmarks/results]
        [--environments DIR] [--python torch=PATH …]

Without --workloads everything is measured: W1 to W9, start (cold starts), rows (reading MNIST), growth. README.md in
this folder says how to make the peers' environments; what is not installed is left out with a word.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import commands
import growth
import machine
import tables
import turns
from workloads import WORKLOADS

# W3 stands for its four sizes, W8 for its batches and seeds.
CHOICES = list(dict.fromkeys([*(workload.group for workload in WORKLOADS.values()), *commands.GROUPS, "growth"]))


def main() -> None:
    """Measure what is asked for."""
    options = _options()
    pythons, skipped = _pythons(options.python, options.environments)
    results: dict[str, Any] = {
        "machine": machine.facts(), "rounds": options.rounds, "quick": options.quick, "threads": {},
    }  # fmt: skip
    for threads in options.threads:
        results["threads"][str(threads)] = _measured(options, threads, pythons, skipped)
        _store(results, options.out)
    print(_store(results, options.out))


def _measured(options: Any, threads: int, pythons: dict[str, str], skipped: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"workloads": {}, "commands": {}, "growth": {}}
    given = {"quick": options.quick}
    for name, workload in WORKLOADS.items():
        if workload.group in options.workloads:
            print(f"{name}, threads: {threads}", file=sys.stderr)
            found["workloads"][name] = turns.measure(workload, threads, pythons, skipped, options.rounds, **given)
    for group in commands.GROUPS:
        if group in options.workloads:
            print(f"{group}, threads: {threads}", file=sys.stderr)
            rounds = max(1, options.rounds // 2)  # whole processes vary less
            found["commands"][group] = commands.measure(group, threads, pythons, skipped, rounds, **given)
    if "growth" in options.workloads:
        found["growth"] = growth.measure(threads, sys.executable, **given)
        options.out.mkdir(parents=True, exist_ok=True)
        growth.plot(found["growth"], options.out / f"growth-{threads}.png")
    return found


def _store(results: dict[str, Any], out: Path) -> str:
    """Write JSON and Markdown; the Markdown."""
    results["load_after"] = machine.load()
    out.mkdir(parents=True, exist_ok=True)
    text = tables.report(results)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "results.md").write_text(text, encoding="utf-8")
    return text


def _pythons(given: list[str], environments: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    """The interpreter of each peer that can take part, and why the others cannot."""
    named = dict(pair.split("=", 1) for pair in given)
    pythons, skipped = {}, {}
    for peer, (_, package) in turns.PEERS.items():
        name = turns.ENVIRONMENTS.get(peer, "")
        own = environments / name / "bin" / "python" if environments and name else None
        python = named.get(name) or (str(own) if own and own.exists() else sys.executable)
        reason = turns.missing(package, python)
        if reason:
            skipped[peer] = reason
        else:
            pythons[peer] = python
    return pythons, skipped


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", type=_workloads, default=CHOICES, help=f"any of {','.join(CHOICES)}")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of turns; whole commands take half as many")
    parser.add_argument("--threads", type=_counts, default=[1, 2], help="numbers of threads, one after the other")
    parser.add_argument("--quick", action="store_true", help="short turns, 1 epoch, 200 seeds: to see that all runs")
    parser.add_argument("--out", type=Path, default=turns.HERE / "results", help="folder for tables, JSON and plots")
    parser.add_argument("--environments", type=Path, help="folder with the peers' virtual environments by name")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="a peer's interpreter")
    return parser.parse_args()


def _workloads(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in CHOICES]
    if unknown:
        raise argparse.ArgumentTypeError(f"found {unknown[0]}, expected some of {','.join(CHOICES)}")
    return names


def _counts(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
