"""Real processes, killed with SIGKILL at random moments: every run resumes and ends with the bits of one left alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import HOUSES, LONG, ROOT, begun, environment, nnlab, read_json, write

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_pictures")]

KILL, WITHOUT = ROOT / "benchmarks" / "kill.py", "--without-pictures"
PLACES = f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'quick_pictures'}"


def test_runs_killed_at_random_moments_end_with_the_same_bits(tmp_path):
    """Two processes do 28 kills, eight of them with unpainted pictures, which take most of the time of a run.

    benchmarks/kill.py does a thousand.
    """
    parts = {
        kills: subprocess.Popen(
            [sys.executable, KILL, "--kills", str(kills), "--seed", "1", "--folder", tmp_path / str(kills), *words],
            env=environment(PYTHONPATH=PLACES, PYTHONWARNINGS=None),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for kills, words in ((8, []), (20, [WITHOUT]))
    }
    for kills, part in parts.items():
        said, _ = part.communicate(timeout=300)
        assert part.returncode == 0, said
        done = re.fullmatch(r"(\d+) kills of \d+ runs in \d+ s: 0 differ\n", said)
        assert done
        assert int(done[1]) >= kills


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_prints_the_line_that_resumes_and_ends_within_two_seconds(number, code, tmp_path):
    """On a machine that does much else it may take longer now and then: one of three must not."""
    assert any(_seconds_to_leave(number, code, tmp_path / str(attempt)) < 2 for attempt in range(3))


def _seconds_to_leave(number, code, folder):
    folder.mkdir()
    process = begun(folder, write(folder, HOUSES), *LONG)
    process.send_signal(number)
    sent = time.monotonic()
    out, err = process.communicate(timeout=30)
    seconds = time.monotonic() - sent
    assert (process.returncode, out) == (code, "")
    line = err.splitlines()[-1].partition("; to go on: ")[2]
    run = next((folder / "runs").glob("2*"))
    assert line == f"nnlab train --resume runs/{run.name}"
    assert read_json(run / "run.json")["sessions"][0]["status"] == "interrupted"
    result = nnlab(*line.split()[1:], "--dry-run", cwd=folder)
    assert result.returncode == 0, result.stderr
    return seconds


def test_an_interrupt_that_the_parent_ignores_leaves_sigterm_to_pause(tmp_path):
    """As for `nnlab train … &` in a script without job control."""
    ignoring = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    process = begun(tmp_path, write(tmp_path, HOUSES), *LONG, prefix=ignoring)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[1].splitlines()[-1].startswith("stopped by SIGTERM: ")
    assert process.returncode == 143


def test_of_two_processes_that_resume_at_once_the_second_is_refused(tmp_path):
    process = begun(tmp_path, write(tmp_path, HOUSES), *LONG)
    result = nnlab("train", "--resume", "latest", cwd=tmp_path)
    process.kill()
    process.communicate()
    assert result.returncode == 2
    assert result.stderr.endswith(f": locked by pid {process.pid}\n")


def test_many_processes_started_at_once_make_a_run_each(tmp_path):
    """32 of them, of which as many run at a time as that takes; all share one folder of runs."""
    write(tmp_path, HOUSES)
    quick = ("--set", "training.steps=2", "--quiet")
    script = f"import os, sys\nsys.argv = ['nnlab', 'train', 'experiment.yaml', *{quick!r}]\n" + MANY
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(PYTHONWARNINGS=None), check=False, timeout=300
    )
    assert done.returncode == 0
    runs = [path for path in (tmp_path / "runs").iterdir() if not path.is_symlink()]
    assert len(runs) == 32
    wanted = {path.name for path in runs[0].iterdir()}
    assert all({path.name for path in run.iterdir()} == wanted for run in runs)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda run: read_json(run / "run.json")["status"], runs)) == {"completed"}
    assert (tmp_path / "runs" / "latest").resolve() in runs


# Forked from one process that has trained once and so loaded everything, so that they truly begin at once.
MANY = """
import contextlib
import nnlab.experiments.train
from nnlab.cli.app import main

nnlab.experiments.train.draw = lambda *_words: iter(())  # quicker, and no part of the question
words = sys.argv
sys.argv = [*words, "--runs-dir", "before"]
with contextlib.suppress(SystemExit):
    main()
sys.argv = words
children = []
for _ in range(32):
    child = os.fork()
    if child == 0:
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            os._exit(code)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(0 if set(codes) == {0} else 1)
"""
