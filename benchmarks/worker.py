"""One peer's process: it prepares a workload, says so, then takes as many steps as each line on stdin asks for.

    python worker.py PEER FORM WORKLOAD CORES

Runs under the interpreter of the peer's own environment, with the standard library, NumPy and the peer. Answers are
lines of JSON on the stdout it was started with; whatever a library prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from importlib import metadata
from typing import IO, Any


def main() -> None:
    """Prepare, then serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer, form, workload, cores = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # all threads of all libraries share this many processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    _serve(peer, form, workload, answers)


def _serve(peer: str, form: str, name: str, answers: IO[str]) -> None:
    from workloads import WORKLOADS, SkipError, loss

    begun, workload = time.perf_counter(), WORKLOADS[name]
    try:
        module = importlib.import_module(f"peers.{peer}")
        runner = module.FORMS[form](workload)
    except (ImportError, SkipError) as error:
        _answer(answers, skipped=str(error))
        return
    seconds, told = time.perf_counter() - begun, {"versions": _versions(module.PACKAGES), "blas": _blas()}
    _answer(answers, seconds=seconds, workspace=getattr(runner, "workspace", None), **told)
    for line in sys.stdin:
        if line.startswith("loss"):
            weights = runner.weights()
            _answer(answers, loss=None if weights is None else loss(workload, weights))
        else:
            _answer(answers, **_timed(runner, int(line)))


def _timed(runner: Any, steps: int) -> dict[str, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    runner.run(steps)
    return {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}


def _answer(answers: IO[str], **fields: Any) -> None:
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    return {package: metadata.version(package) for package in packages}


def _blas() -> list[dict[str, Any]]:
    """The BLAS libraries that are loaded, with kernels and threads, where threadpoolctl is there to ask."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return [{key: info.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
            for info in threadpool_info()]  # fmt: skip


if __name__ == "__main__":
    sys.path.append(sys.path.pop(0))  # the names of the files beside this one must not hide a peer's modules
    main()
