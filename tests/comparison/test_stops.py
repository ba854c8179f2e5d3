"""Comparisons and sweeps that are stopped or fail: what they leave, what they say, and how they go on."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import weakref
from multiprocessing.context import SpawnProcess

import pytest
from support import nnlab_here, read_json, write

from nnlab import api
from nnlab.comparison import compare as comparing
from nnlab.comparison import conclusions, pieces
from nnlab.comparison import write as writing
from nnlab.errors import InterruptedRunError, StorageError
from nnlab.experiments import interrupts
from nnlab.storage.folder import RunFolder

pytestmark = pytest.mark.usefixtures("quick_pictures", "time_to_draw")

TEXT = """\
name: moons
task: binary
data:
  source: {name: moons, samples: 80}
  validation: 0.2
  test: 0.2
network: {layers: [4]}
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 20, batch_size: 16, log_every: 5, evaluate_every: 10}
"""
WRONG = """\
import numpy as np
from nnlab.maths.activations import Activation

ACTIVATIONS = [
    Activation.from_functions(
        "wrong", value=lambda z: z, slope=lambda z: np.full_like(z, 1.01), formula="z", slope_formula="1"
    )
]
"""
CHECKED = TEXT.replace("evaluate_every: 10", "evaluate_every: 10, gradcheck: {steps: 1}") + "precision: float64\n"
TO_GO_ON = "to go on: the same with --needed"

# Each trains three arms.
COMMANDS = {
    "compare-activations": ("-a", "tanh", "-a", "relu", "-a", "elu"),
    "sweep": ("--grid", "network.l2=0,0.1,0.2"),
}


@pytest.fixture
def time_to_draw(monkeypatch):
    """After a signal pictures have as long as they take, however busy the machine is."""
    monkeypatch.setattr(interrupts, "_SECONDS_TO_DRAW", 60)


class StoppedAfter(api.Nobody):
    """A watcher that sends a signal once so many arms are trained."""

    def __init__(self, arms, number=signal.SIGTERM):
        self.left, self.number = arms, number

    @contextlib.contextmanager
    def arms(self):
        def report(_label, progress):
            if self.left == 0:
                signal.raise_signal(self.number)
            self.left -= progress.step == progress.steps

        yield report


def compared(folder, *, watcher=api.NOBODY, needed=False, **more):
    file = api.resolve(write(folder, TEXT))
    about = {"seeds": 2, "runs_dir": folder / "runs", "watcher": watcher, "needed": needed}
    return api.compare(file, ("tanh", "relu", "elu"), **about, **more)


def swept(folder, *, watcher=api.NOBODY, needed=False):
    file = api.resolve(write(folder, TEXT))
    return api.sweep(
        file, grid=["network.l2=0,0.1,0.2"], seeds=2, runs_dir=folder / "runs", watcher=watcher, needed=needed
    )


def tuned(folder, **more):
    return compared(folder, tune=["network.l2=0,0.1"], **more)


def latest(folder):
    return (folder / "runs/latest").resolve()


def page(run):
    """Title, tone and verdict of a report, and the whole."""
    text = (run / "report.html").read_text("utf-8")
    title = re.search(r"<title>(.*?) – nnlab</title>", text)[1]
    return title, *re.search(r'<p class="verdict (\w+)">(.*?)</p>', text).groups(), text


def statuses(run):
    return {read_json(run / name)["status"] for name in ("run.json", "summary.json")}


def tables(run):
    """The tables of a comparison without times, which differ."""
    return (run / "metrics.csv").read_bytes(), [path.read_bytes() for path in sorted((run / "weights").iterdir())]


# --- while arms are trained -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [compared, swept, tuned])
def test_what_is_stopped_leaves_the_arms_that_are_trained(command, tmp_path):
    with pytest.raises(
        InterruptedRunError, match=r"is incomplete, with 1 of \d (arms|points) trained; to go on"
    ) as caught:
        command(tmp_path, watcher=StoppedAfter(1))
    assert caught.value.exit_code == 143
    run = latest(tmp_path)
    summary = read_json(run / "summary.json")
    assert statuses(run) == {"interrupted"}
    assert (len(summary["arms"]), summary["gates"]) == (1, [])
    assert summary["verdict"]["warnings"][0].startswith("not trained to the end, and missing: ")
    title, tone, verdict, text = page(run)
    assert (title, tone) == ("moons (interrupted)", "plain")
    assert verdict.startswith("Interrupted, with 1 ")
    assert "interrupted: stopped by SIGTERM: the " in text
    assert (run / "table.md").exists()
    assert (run / "plots/cost.png").exists()
    again = command(tmp_path, needed=True)
    assert again.reused == 2
    assert statuses(again.compared.folder) == {"completed"}


def test_where_no_arm_is_trained_that_is_said(tmp_path):
    with pytest.raises(InterruptedRunError, match="with 0 of 3 arms trained") as caught:
        compared(tmp_path, watcher=StoppedAfter(0, signal.SIGHUP))
    assert caught.value.exit_code == 129
    run = latest(tmp_path)
    assert not (run / "summary.json").exists()
    assert page(run)[:3] == ("moons (interrupted)", "plain", "Interrupted before there was a result.")


# --- in the last part -------------------------------------------------------------------------------------------------


def in_a_callback(number):
    """Raise a signal where Python drops the exception of its handler."""

    class Thing:
        pass

    thing = Thing()
    found = weakref.ref(thing, lambda _: signal.raise_signal(number))
    del thing
    assert found() is None


LAST = {
    "statistics": (conclusions, "_verdict", signal.raise_signal),
    "tables": (writing, "_write_tables", signal.raise_signal),
    "pictures": (writing, "draw_all", signal.raise_signal),
    "in a callback": (writing, "draw_all", in_a_callback),
    "report": (RunFolder, "summary", signal.raise_signal),  # which it reads
}


@pytest.mark.parametrize(("where", "name", "send"), LAST.values(), ids=LAST)
def test_a_signal_in_the_last_part_ends_like_one_before(where, name, send, tmp_path, monkeypatch):
    once, wrapped = [signal.SIGHUP], getattr(where, name)

    def stopped(*words, **more):
        if once:
            send(once.pop())
        return wrapped(*words, **more)

    monkeypatch.setattr(where, name, stopped)
    with pytest.raises(InterruptedRunError, match=f"with 3 of 3 arms trained; {TO_GO_ON}") as caught:
        compared(tmp_path)
    assert caught.value.exit_code == 129
    run = latest(tmp_path)
    assert statuses(run) == {"interrupted"}
    assert page(run)[0] == "moons (interrupted)"
    assert (run / "plots/cost.png").exists()
    again = compared(tmp_path, needed=True)
    assert again.reused == 6
    assert tables(again.compared.folder) == tables(run)


def test_the_first_of_two_signals_decides_and_the_status_is_written(tmp_path, monkeypatch):
    """`timeout` sends its signal twice at nearly the same time."""
    write_run = RunFolder.write_run

    def again(folder, document):
        if document.status == "interrupted":
            signal.raise_signal(signal.SIGHUP)
        write_run(folder, document)

    monkeypatch.setattr(RunFolder, "write_run", again)
    with pytest.raises(InterruptedRunError):
        compared(tmp_path, watcher=StoppedAfter(1, signal.SIGHUP))
    assert read_json(latest(tmp_path) / "run.json")["status"] == "interrupted"


def test_a_signal_after_the_last_picture_finds_a_complete_comparison(tmp_path, monkeypatch):
    write_run = RunFolder.write_run

    def too_late(folder, document):
        if document.status == "completed":
            signal.raise_signal(signal.SIGINT)
        write_run(folder, document)

    monkeypatch.setattr(RunFolder, "write_run", too_late)
    with pytest.raises(InterruptedRunError, match=r"stopped by SIGINT: .* is complete$") as caught:
        compared(tmp_path)
    assert caught.value.exit_code == 130
    assert statuses(latest(tmp_path)) == {"completed"}


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_ends_with_the_line_that_goes_on_and_a_report_of_the_arms_before(command, tmp_path, monkeypatch):
    saved, save = [], pieces.save

    def full(path, checkpoint):
        if saved:
            raise StorageError(f"{path}: cannot write: {os.strerror(errno.ENOSPC)}")
        saved.append(path)
        save(path, checkpoint)

    monkeypatch.setattr(pieces, "save", full)
    words = (*COMMANDS[command], "--seeds", "2", "--quiet")
    result = nnlab_here(command, write(tmp_path, TEXT), *words, cwd=tmp_path)
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 5
    assert "No space left on device; the " in line
    assert line.endswith(f"trained; {TO_GO_ON}")
    run = latest(tmp_path)
    assert statuses(run) == {"failed"}
    assert len(read_json(run / "summary.json")["arms"]) == 1
    assert page(run)[:2] == ("moons (failed)", "bad")
    assert 'class="chart"' in (run / "report.html").read_text(encoding="utf-8")  # curves of what was trained


def test_a_disk_that_is_full_in_the_last_part_leaves_the_report(tmp_path, monkeypatch):
    def full(*_words):
        raise StorageError(f"table.md: cannot write: {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(writing, "_write_tables", full)
    with pytest.raises(StorageError, match=f"with 3 of 3 arms trained; {TO_GO_ON}"):
        compared(tmp_path)
    run = latest(tmp_path)
    assert statuses(run) == {"failed"}
    assert "No space left on device" in page(run)[3]


def test_a_report_that_cannot_be_written_never_hides_why_a_comparison_failed(tmp_path, monkeypatch):
    def fail(*_words, **_more):
        raise ValueError("the fault")

    monkeypatch.setattr(comparing, "tasks_for", fail)
    monkeypatch.setattr("nnlab.comparison.unfinished.write_page", fail)
    with pytest.raises(ValueError, match="the fault"):
        compared(tmp_path)
    assert read_json(latest(tmp_path) / "run.json")["status"] == "failed"


def test_processes_that_cannot_be_started_are_told_with_the_cure(tmp_path, monkeypatch):
    def refused(_process):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(SpawnProcess, "start", refused)
    words = ("-a", "tanh", "--seeds", "2", "--jobs", "2", "--quiet")
    result = nnlab_here("compare-activations", write(tmp_path, TEXT), *words, cwd=tmp_path)
    assert result.exit_code == 5
    cannot = "--jobs: cannot start a process: Resource temporarily unavailable; expected --jobs 1, which starts none; "
    assert result.stderr.startswith(cannot)
    assert result.stderr.endswith(f"{TO_GO_ON}\n")


def test_an_arm_whose_gradient_is_wrong_is_not_trained_and_the_others_are(tmp_path):
    write(tmp_path, WRONG, "wrong.py")
    words = ("-a", "tanh", "-a", "wrong", "-a", "relu", "--plugin", "wrong.py", "--seeds", "2", "--quiet")
    result = nnlab_here("compare-activations", write(tmp_path, CHECKED), *words, cwd=tmp_path)
    assert result.exit_code == 6
    (line,) = result.stderr.splitlines()
    assert line.startswith("1 of 3 arms failed: wrong: the gradient check before update 1 failed: ")
    assert line.endswith(f"what is trained is saved; {TO_GO_ON}")
    run = latest(tmp_path)
    assert statuses(run) == {"failed"}
    summary = read_json(run / "summary.json")
    assert (list(summary["arms"]), list(summary["failed"])) == (["tanh", "relu"], ["wrong"])
    title, tone, verdict, _ = page(run)
    assert (title, tone) == ("moons (failed)", "bad")
    assert verdict.startswith("Failed, with 2 arms trained. Of these alone: ")


def test_a_wrong_gradient_that_stops_all_arms_leaves_a_report(tmp_path):
    write(tmp_path, WRONG, "wrong.py")
    words = ("-a", "wrong", "--plugin", "wrong.py", "--seeds", "2", "--quiet")
    assert nnlab_here("compare-activations", write(tmp_path, CHECKED), *words, cwd=tmp_path).exit_code == 6
    title, tone, verdict, text = page(latest(tmp_path))
    assert (title, tone, verdict) == ("moons (failed)", "bad", "Failed before there was a result.")
    assert "failed: wrong: the gradient check before update 1 failed: " in text


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_a_wrong_gradient_is_told_once_where_nothing_else_is(option, tmp_path):
    write(tmp_path, WRONG, "wrong.py")
    words = ("-a", "tanh", "-a", "wrong", "--plugin", "wrong.py", "--seeds", "2", option)
    recorded = CHECKED.replace("{steps: 1}", "{steps: 1, on_failure: record}")
    result = nnlab_here("compare-activations", write(tmp_path, recorded), *words, cwd=tmp_path)
    assert result.exit_code == 6
    (line,) = result.stderr.splitlines()
    assert line.startswith("The gradient of wrong is wrong: ")
