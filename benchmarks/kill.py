"""Kill trainings at random moments with SIGKILL, resume them, and compare every bit with a run that was never killed.

    python benchmarks/kill.py --kills 1000

Each training is a process of its own, forked from one that has loaded everything, so that a thousand take minutes;
every tenth is started from scratch, to be killed while it loads as well. It saves every third step, so that many kills
fall into the writing of a checkpoint. A killed run is resumed, killed again with a chance of a half, and so on.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

CONFIG = """\
name: killed
task: regression
precision: float64
seed: 3
data: {source: houses}
network: {layers: [5, {dropout: 0.2}], activation: tanh}
optimizer: {name: adam, learning_rate: {name: cosine, base: 0.05}}
training: {steps: 48, batch_size: 4, log_every: 5, evaluate_every: 3, checkpoint_every: 3, show_parameters: 1}
"""


def start(words: Sequence[str], folder: Path, *, fresh: bool) -> int:
    """`nnlab` with these words in a process of its own, in a folder; its number."""
    if fresh:
        command = [sys.executable, "-m", "nnlab", *words]
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        log = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["nnlab", *words]
        from nnlab.cli.app import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        os._exit(code)


def load_all(config: Path, runs: Path) -> None:
    """Train once in this process, so that no fork has anything left to load."""
    from nnlab.cli.app import main

    sys.argv = ["nnlab", "train", str(config), "--runs-dir", str(runs), "--quiet"]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main()


def ended(child: int, seconds: float | None) -> int | None:
    """How a process ended: its exit code, or None if it had to be killed after `seconds`."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG if deadline is not None else 0)
        if done:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        time.sleep(0.0005)


NOT_DECIDED = {"run", "seconds", "sha256"}  # of a summary: what the seconds change, and its seal with them


def bits(folder: Path) -> dict[str, str]:
    """The SHA-256 of theta and of every file whose bytes a run decides."""
    import numpy as np

    run = (folder / "runs" / "latest").resolve()
    tables = ("metrics.csv", "hashes.csv", "parameters.csv", "config.yaml")
    files = [*(run / name for name in tables), *sorted((run / "plots").iterdir())]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with np.load(run / "checkpoints" / "last.npz") as members:
        found["theta"] = hashlib.sha256(members["theta"].tobytes()).hexdigest()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    found["summary"] = json.dumps(
        {key: value for key, value in summary.items() if key not in {"run", "seconds", "sha256"}}
    )
    left = [path.name for path in (folder / "runs").rglob(".*")]
    return found | {"left behind": " ".join(left)}


def survive(folder: Path, chance: random.Random, longest: float, *, fresh: bool) -> tuple[int, list[str]]:
    """Train in a folder with kills until the run has ended; how many there were, and what went wrong."""
    kills, wrong = 0, []
    (folder / "e.yaml").write_text(CONFIG, encoding="utf-8")
    while True:
        exists = any((folder / "runs").glob("2*/config.yaml"))
        words = ("train", "--resume", "latest") if exists else ("train", "e.yaml")
        is_killed = kills == 0 or chance.random() < 0.5
        code = ended(start(words, folder, fresh=fresh), chance.uniform(0, longest) if is_killed else None)
        kills += code is None
        if code not in (None, 0):
            wrong.append(f"{' '.join(words)} ended with {code} after {kills} kills")
        if code is not None:
            return kills, wrong


def main() -> int:
    """Kill, compare and print what came of it; 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--without-pictures", action="store_true", help="draw none in forked processes: quicker")
    given = parser.parse_args()
    for variable in THREADS:
        os.environ[variable] = "1"
    import nnlab.experiments.train

    if given.without_pictures:
        nnlab.experiments.train.draw = lambda *_words: iter(())
    chance, root = random.Random(given.seed), given.folder or Path(tempfile.mkdtemp(prefix="nnlab-kill-"))
    whole = root / "whole"
    whole.mkdir(parents=True)
    (whole / "e.yaml").write_text(CONFIG, encoding="utf-8")
    load_all(whole / "e.yaml", root / "loaded")
    begun = time.monotonic()
    assert ended(start(("train", "e.yaml"), whole, fresh=False), None) == 0, (whole / "output.txt").read_text()
    longest, expected = time.monotonic() - begun, bits(whole)
    counted: Counter[str] = Counter()
    while counted["kills"] < given.kills:
        folder = root / str(counted["runs"])
        folder.mkdir()
        fresh = counted["runs"] % 10 == 9
        kills, wrong = survive(folder, chance, longest + 1.5 * fresh, fresh=fresh)
        found = bits(folder) if not wrong else {}
        wrong += [name for name in expected if found and found.get(name) != expected[name]]
        counted += {"runs": 1, "kills": kills, "wrong": bool(wrong)}
        if wrong:
            print(f"{folder}: {'; '.join(wrong)}")
    seconds = time.monotonic() - begun
    print(f"{counted['kills']} kills of {counted['runs']} runs in {seconds:.0f} s: {counted['wrong']} differ")
    return 1 if counted["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
