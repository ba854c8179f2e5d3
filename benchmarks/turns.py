"""Interleaved rounds: every peer's process stays alive, and they take turns, so that a busy moment hits all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
from workloads import Workload

HERE = Path(__file__).resolve().parent

# peer: its forms, and the package whose presence says that it is installed.
PEERS: dict[str, tuple[tuple[str, ...], str]] = {
    "limit": (("products", "streamed"), "numpy"),
    "own": (("fit", "fit and evaluate"), "nnlab"),
    "naive": (("naive NumPy",), "numpy"),
    "scikit_learn": (("MLPClassifier",), "sklearn"),
    "pytorch": (("module", "tensors by hand"), "torch"),
    "jax_xla": (("jitted step", "scan"), "jax"),
    "keras_fit": (("fit on tensorflow", "fit on jax", "fit on torch"), "keras"),
    "thinc_chain": (("chain",), "thinc"),
}
# The forms of those that train on images.
IMAGE_FORMS: dict[str, tuple[str, ...]] = {
    "limit": ("products",),
    "own": ("fit", "fit of one seed"),
    "pytorch": ("module", "channels last"),
    "jax_xla": ("jitted step",),
}
# The name of each peer's environment, as `--python NAME=PATH` and `--environments DIR` take it.
ENVIRONMENTS = {
    "scikit_learn": "sklearn",
    "pytorch": "torch",
    "jax_xla": "jax",
    "keras_fit": "keras",
    "thinc_chain": "thinc",
}


def missing(package: str, python: str) -> str | None:
    """Why an interpreter cannot be used for a package, or None if it can."""
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    try:
        found = subprocess.run([python, "-c", probe, package], capture_output=True, check=False)
    except OSError as error:
        return f"{python}: {error.strerror}"
    return f"{package} is not installed" if found.returncode else None


def environment(threads: int) -> dict[str, str]:
    """The environment of a measured process: how many threads each BLAS and OpenMP may use.

    Modules may keep their byte code: without it, one that was not compiled when it was installed starts slowly.
    """
    names = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB", "NUMEXPR")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    limits["VECLIB_MAXIMUM_THREADS"] = str(threads)
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**given, **limits, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


@dataclass
class Worker:
    """A process that trains one workload in one form, a turn at a time."""

    label: str
    process: subprocess.Popen[str]
    ready: dict[str, Any]

    @classmethod
    def begin(cls, peer: str, form: str, workload: Workload, threads: int, python: str) -> Worker:
        """Start the process and wait until it is ready or says why it does not take part."""
        command = [python, str(HERE / "worker.py"), peer, form, workload.name, str(threads)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(threads), cwd=HERE.parent,
        )  # fmt: skip
        worker = cls(f"{peer}: {form}", process, {})
        worker.ready = worker._answer()
        return worker

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line; what comes back."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        assert self.process.stderr is not None
        lines = [line for line in self.process.stderr.read().splitlines() if "Error" in line]
        return {"skipped": f"failed: {lines[-1] if lines else 'no message'}"}

    def end(self) -> None:
        """Let it go."""
        self.process.communicate()


def measure(
    workload: Workload,
    threads: int,
    pythons: Mapping[str, str],
    skipped: Mapping[str, str],
    rounds: int,
    *,
    quick: bool,
) -> dict[str, Any]:
    """All peers on one workload: µs per step in each round, what came before, and who was left out and why."""
    turn = workload.quick_turn if quick else workload.turn
    left_out, workers = dict(skipped), []
    for peer, (forms, _) in PEERS.items():
        for form in IMAGE_FORMS.get(peer, ()) if workload.convolutions else forms:
            if peer in pythons and not (form == "streamed" and workload.source != "mnist"):
                worker = Worker.begin(peer, form, workload, threads, pythons[peer])
                _keep(worker, workers, left_out, turn)
    watch = machine.Watch()
    times = _rounds(workers, rounds, turn)
    others = watch.others(sum(each["cpu"] for turns in times.values() for each in turns))
    found = {worker.label: _summary(worker, times[worker.label], turn) for worker in workers}
    for worker in workers:
        worker.end()
    return {"turn": turn, "threads": threads, "others": others, "peers": found, "skipped": left_out}


def _keep(worker: Worker, workers: list[Worker], left_out: dict[str, str], turn: int) -> None:
    """Warm a worker up with one turn; leave it out if it cannot."""
    first = worker.ready if "skipped" in worker.ready else worker.ask(str(turn))
    if "skipped" in first:
        left_out[worker.label] = first["skipped"]
        worker.end()
        return
    worker.ready["first turn"] = first["seconds"]
    workers.append(worker)
    print(f"  {worker.label} is ready", file=sys.stderr)


def _rounds(workers: Sequence[Worker], rounds: int, turn: int) -> dict[str, list[dict[str, float]]]:
    """Each round in another order, so that nobody always follows the same neighbour."""
    times: dict[str, list[dict[str, float]]] = {worker.label: [] for worker in workers}
    for number in range(rounds):
        shift = number % len(workers)
        for worker in [*workers[shift:], *workers[:shift]]:
            times[worker.label].append(worker.ask(str(turn)))
    return times


def _summary(worker: Worker, times: Sequence[Mapping[str, float]], turn: int) -> dict[str, Any]:
    per_step = [1e6 * each["seconds"] / turn for each in times]
    steady = sorted(each["seconds"] for each in times)[len(times) // 2]
    return {
        "microseconds": per_step,
        "processor_share": [each["cpu"] / each["seconds"] for each in times],
        "warm_up_seconds": worker.ready["seconds"] + max(0.0, worker.ready["first turn"] - steady),
        "loss": worker.ask("loss").get("loss"),
        "workspace": worker.ready.get("workspace"),
        "versions": worker.ready["versions"],
        "blas": worker.ready["blas"],
    }
