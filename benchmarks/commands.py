"""Whole commands, from process start to process end: W5 to W7, cold starts, reading MNIST, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
from turns import HERE, environment

SCRIPTS = HERE / "scripts"
MNIST_BYTES = 70000 * 784 * 4  # the data set in float32


@dataclass(frozen=True)
class Command:
    """A process to time. `{out}` becomes a fresh path and `{seeds}`, `{epochs}`, `{threads}` what they say."""

    group: str
    name: str
    peer: str  # whose interpreter runs it
    arguments: tuple[str, ...]


def _script(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(SCRIPTS / f"{name}.py"), *arguments)


_TRAIN = ("-m", "nnlab", "train")
COMMANDS: tuple[Command, ...] = (
    Command("W5", "nnlab train xor", "own", (*_TRAIN, "configs/xor.yaml", "--runs-dir", "{out}", "--quiet")),
    Command("W5", "script with PyTorch", "pytorch", _script("xor", "torch", "{out}")),
    Command("W5", "script with scikit-learn", "scikit_learn", _script("xor", "sklearn", "{out}")),
    Command("W5", "script with JAX", "jax_xla", _script("xor", "jax", "{out}")),
    Command("W5", "import torch", "pytorch", ("-c", "import torch")),
    Command(
        "W6", "nnlab compare-activations", "own",
        (
            "-m", "nnlab", "compare-activations", "configs/xor.yaml", "--seeds", "{seeds}", "--runs-dir", "{out}",
            "--quiet",
        ),
    ),
    Command(
        "W6", "nnlab compare-activations, ten times the seeds", "own",
        (
            "-m", "nnlab", "compare-activations", "configs/xor.yaml", "--seeds", "{seeds}0", "--runs-dir", "{out}",
            "--quiet",
        ),
    ),
    Command("W6", "bare training and imports", "own", _script("compare_bare", "{seeds}")),
    Command("W6", "script with JAX", "jax_xla", _script("compare_jax", "{out}", "{seeds}")),
    Command(
        "W7", "nnlab train mnist", "own",
        (
            *_TRAIN, "configs/mnist.yaml", "--runs-dir", "{out}", "--json", "--threads", "{threads}",
            "--set", "training.epochs={epochs}", "--set", "gates=[]", "--set", "training.early_stopping.patience=99",
        ),
    ),
    Command("W7", "script with PyTorch", "pytorch", _script("mnist_torch", "{out}", "{epochs}", "{threads}")),
    Command("start", "nnlab --help", "own", ("-m", "nnlab", "--help")),
    Command("start", "import typer, rich.console", "own", ("-c", "import typer, rich.console")),
    Command("start", "nnlab train --dry-run", "own", (*_TRAIN, "configs/xor.yaml", "--dry-run")),
    Command("start", "import numpy, pydantic, yaml", "own", ("-c", "import numpy, pydantic, yaml")),
    Command("rows", "MNIST to arrays", "own", _script("mnist_rows")),
)  # fmt: skip
GROUPS = tuple(dict.fromkeys(command.group for command in COMMANDS))


def measure(
    group: str, threads: int, pythons: Mapping[str, str], skipped: Mapping[str, str], rounds: int, *, quick: bool
) -> dict[str, Any]:
    """Every command of a group, by turns; the first round only warms the disk's cache and is not counted."""
    commands = [command for command in COMMANDS if command.group == group and command.peer in pythons]
    values = {"seeds": "200" if quick else "1000", "epochs": "1" if quick else "12", "threads": str(threads)}
    rounds, warm_up = (1, 0) if group == "rows" else (rounds, 1)
    times: dict[str, list[dict[str, Any]]] = {command.name: [] for command in commands}
    watch = machine.Watch()
    for number in range(rounds + warm_up):
        for command in commands:
            print(f"  {command.name}", file=sys.stderr)
            times[command.name].append(_once(command, pythons[command.peer], threads, values))
            times[command.name][-1]["warm_up"] = number < warm_up
    others = watch.others(sum(each["cpu"] for turns in times.values() for each in turns))
    peers = {command.peer for command in COMMANDS if command.group == group}
    counted = {name: [each for each in turns if not each.pop("warm_up")] for name, turns in times.items()}
    left_out = {peer: reason for peer, reason in skipped.items() if peer in peers}
    return {"threads": threads, "values": values, "others": others, "commands": counted, "skipped": left_out}


def _once(command: Command, python: str, threads: int, values: Mapping[str, str]) -> dict[str, Any]:
    """Run it: wall and processor seconds, the largest resident size in MB, what it printed if that is JSON."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [part.format(out=f"{folder}/out", **values) if "{" in part else part for part in command.arguments]
        printed = Path(folder) / "stdout"
        with printed.open("wb") as out, (Path(folder) / "stderr").open("wb") as errors:
            begun = time.perf_counter()
            process = subprocess.Popen(
                [python, *arguments], stdout=out, stderr=errors, cwd=HERE.parent, env=environment(threads)
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            last = (Path(folder) / "stderr").read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise SystemExit(f"{command.name} failed with exit code {process.returncode}: {last}")
        found = printed.read_text(encoding="utf-8").strip()
        return {
            "seconds": seconds,
            "cpu": used.ru_utime + used.ru_stime,
            "megabytes": used.ru_maxrss / 1024,
            "result": json.loads(found) if found.startswith("{") else None,
        }
