"""A run that was paused, killed or made longer ends as if nothing had happened: the same bits in every file."""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from strategies import Acting, setup_of
from support import XOR, faults, nnlab, nnlab_here, parse_json, read_json, read_rows, write

from nnlab.errors import CheckpointError, GradientError, InterruptedRunError
from nnlab.experiments import saving
from nnlab.experiments import train as training
from nnlab.experiments.resume import resume
from nnlab.experiments.train import train
from nnlab.experiments.verify import verify
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.networks.layers.elementwise import BoundElementwise
from nnlab.storage import checkpoints
from nnlab.storage import lock as run_locks
from nnlab.storage.folder import RunFolder

# 48 steps of 4 an epoch, with every kind of thing that has a state.
MOONS = """\
name: moons
task: binary
seed: 4
data:
  source: {name: moons, samples: 120}
  scale: standard
  test: 0.25
  validation: 0.2
network:
  layers: [6, {batch_norm: true}, {dropout: 0.2}, {noise: 0.1}]
  activation: tanh
  init: recommended
optimizer: {name: OPTIMIZER, learning_rate: RATE}
training:
  epochs: 12
  batch_size: 18
  log_every: 5
  early_stopping: {monitor: val/loss, patience: 8}
  checkpoint_every: 7
  health: true
  show_parameters: 2
gates: ["val/loss@8 >= 0"]
"""
STEPS = 48
TABLES = ("config.yaml", "metrics.csv", "hashes.csv", "parameters.csv")
COSINE = "{name: cosine, base: 0.05, warmup: 5}"


def text_of(optimizer="adam", rate=COSINE):
    return MOONS.replace("OPTIMIZER", optimizer).replace("RATE", str(rate))


class Signalling(Acting):
    """An optimizer that, after its update in step `at`, sends this process a signal."""

    def __init__(self, rule, at, number=signal.SIGTERM):
        super().__init__(rule, at, lambda: signal.raise_signal(number))


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    """Whether the disk has what was written is for test_faults.py to ask; here it only takes time."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def without_pictures(monkeypatch):
    monkeypatch.setattr(training, "draw", lambda *_words: iter(()))


def whole(text, runs):
    return RunFolder(train(setup_of(text), runs=runs).folder)


def paused(text, at, runs):
    """The folder of a run that a signal paused after step `at`."""
    setup = setup_of(text)
    with pytest.raises(InterruptedRunError):
        train(replace(setup, optimizer=Signalling(setup.optimizer, at)), runs=runs)
    folder = RunFolder((runs / "latest").resolve())
    assert checkpoints.load(folder.checkpoint("last")).about["step"] == at
    return folder


def outcome(folder):
    """Every byte that a run leaves, but for its name, its times, and what it says of its sessions."""
    kept = {name: (folder.path / name).read_bytes() for name in TABLES if (folder.path / name).exists()}
    pictures = {path.name: path.read_bytes() for path in folder.plots.iterdir()}
    states = {name: folder.checkpoint(name).read_bytes() for name in ("last", "best")}
    summary = {
        key: value for key, value in folder.read_summary().document().items() if key not in {"run", "seconds", "sha256"}
    }
    return kept | pictures | states | {"summary": summary, "status": folder.read_run().status}


def assert_same(folder, expected):
    found, wanted = outcome(folder), outcome(expected)
    assert [name for name in wanted if found.get(name) != wanted[name]] == []
    assert sorted(found) == sorted(wanted)  # pictures of a pause may stand first in the folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The run that was never paused, with its pictures."""
    return whole(text_of(), tmp_path_factory.mktemp("finished"))


# --- pauses ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
def test_pausing_at_every_step_gives_the_same_bytes(tmp_path):
    expected = whole(text_of(), tmp_path / "expected")
    assert expected.read_summary().steps == STEPS
    for at in range(1, STEPS + 1):
        folder = paused(text_of(), at, tmp_path / str(at))
        resume(folder, setup_of(text_of()))
        assert_same(folder, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
def test_pausing_in_every_single_step_of_one_run_gives_the_same_bytes(tmp_path):
    expected = whole(text_of(), tmp_path / "expected")
    folder = paused(text_of(), 1, tmp_path / "often")
    for at in range(2, STEPS + 1):
        setup = setup_of(text_of())
        with pytest.raises(InterruptedRunError):
            resume(folder, replace(setup, optimizer=Signalling(setup.optimizer, at)))
    resume(folder, setup_of(text_of()))
    assert_same(folder, expected)
    assert [session.from_step for session in folder.read_run().sessions] == list(range(STEPS + 1))


COOLING = "{name: plateau, base: 0.05, patience: 1, min_delta: 0.02, relative: true, cooldown: 2}"
SCHEDULES = {
    "cosine": COSINE,
    "plateau": "{name: plateau, base: 0.05, patience: 2}",
    "plateau that cools down": COOLING,
    "none": 0.05,
}


@pytest.mark.slow
@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [(o, s) for o in OPTIMIZERS for s in SCHEDULES if s == "none" or o not in {"lbfgs", "rprop"}],
)
def test_every_optimizer_and_schedule_goes_on_with_the_same_bits(optimizer, schedule, tmp_path):
    text = text_of(optimizer, SCHEDULES[schedule])
    if optimizer == "lbfgs":  # it wants the same objective in every step
        text = text.replace(", {dropout: 0.2}, {noise: 0.1}", "")
    if OPTIMIZERS[optimizer].needs_all_rows:
        text = text.replace("batch_size: 18", "batch_size: all")
    expected = whole(text, tmp_path / "expected")
    steps = expected.read_summary().steps
    for at in (1, steps // 2, steps - 1):
        folder = paused(text, at, tmp_path / str(at))
        resume(folder, setup_of(text))
        assert_same(folder, expected)


def test_a_resumed_run_draws_the_same_pictures(finished, tmp_path):
    folder = paused(text_of(), 23, tmp_path)
    result = resume(folder, setup_of(text_of()))
    assert_same(folder, finished)
    assert len(outcome(folder)) > 8
    assert result.status == "completed"


@pytest.mark.usefixtures("without_pictures")
def test_early_stopping_stops_a_resumed_run_at_the_same_step(tmp_path):
    text = text_of("sgd", 3.0).replace("patience: 8", "patience: 3").replace("epochs: 12", "epochs: 200")
    expected = whole(text, tmp_path / "expected")
    assert expected.read_summary().status == "stopped"
    folder = paused(text, expected.read_summary().steps - 5, tmp_path / "paused")
    resume(folder, setup_of(text))
    assert_same(folder, expected)


CHECKED = """\
name: checked
task: regression
precision: float64
data: {source: houses}
network: {layers: [3], activation: tanh}
training:
  steps: 9
  batch_size: 5
  gradcheck: {steps: 5, on_failure: record}
gates: ["gradcheck/error@2 <= 1", "batch/loss@4 >= 0"]
"""


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("at", range(1, 9))
def test_the_gradient_check_of_the_first_steps_goes_on_and_its_gates_hold(at, tmp_path):
    expected, folder = whole(CHECKED, tmp_path / "expected"), paused(CHECKED, at, tmp_path / "paused")
    resume(folder, setup_of(CHECKED))
    assert_same(folder, expected)
    assert [gate.met for gate in folder.read_summary().gates] == [True, True]
    again = re.findall(r"gradient check before update (\d+): passed", (folder.path / "train.log").read_text("utf-8"))
    # Of the first steps after the resume, those that had not been checked before are noted as figures instead.
    assert [int(update) for update in again] == [step + 1 for step in range(max(at, 5), min(at + 5, 9))]


def test_a_gradient_that_is_wrong_after_a_resume_stops_the_run(tmp_path, monkeypatch):
    folder = paused(CHECKED.replace("record", "stop"), 7, tmp_path)
    monkeypatch.setattr(BoundElementwise, "backward", lambda _self, dy, *, wants_dx: dy * 1.001 if wants_dx else None)
    with pytest.raises(GradientError, match="the gradient check before update 8 failed"):
        resume(folder, setup_of(CHECKED.replace("record", "stop")))


# --- when to save ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("every", ["null", "1", "5", "1000", "{seconds: 1.0e-9}", "{seconds: 1000}"])
def test_how_often_a_run_is_saved_changes_nothing_but_that(every, monkeypatch, tmp_path):
    monkeypatch.setattr(saving, "_LARGEST_SHARE", 1e9)
    text = text_of().replace("checkpoint_every: 7", f"checkpoint_every: {every}")
    expected, folder = whole(text_of(), tmp_path / "expected"), whole(text, tmp_path / "other")
    for name in TABLES[1:]:
        assert (folder.path / name).read_bytes() == (expected.path / name).read_bytes()
    theta = [checkpoints.load(each.checkpoint("last")).arrays["theta"].tobytes() for each in (folder, expected)]
    assert theta[0] == theta[1]


@pytest.mark.parametrize("value", ["0", "true", "2.5", "-1", "text", "{}", "{second: 3}", "[5]", "1000000001"])
def test_anything_but_steps_or_seconds_between_saves_is_refused(value):
    (fault,) = faults(text_of().replace("checkpoint_every: 7", f"checkpoint_every: {value}"))
    assert fault.startswith("e.yaml:19:21: found ")
    assert fault.endswith(", expected a number of steps, at least 1, or {seconds: 30}")


@pytest.mark.parametrize("value", ["0", "-1", "true", "text", "null"])
def test_seconds_between_saves_are_a_number_above_0(value):
    (fault,) = faults(text_of().replace("checkpoint_every: 7", f"checkpoint_every: {{seconds: {value}}}"))
    assert fault == f"e.yaml:19:31: found {fault.split('found ')[1].split(',')[0]}, expected a number above 0"


class Counted(saving.Saver):
    """Notes at which steps it saved."""

    steps: list[int]
    times: list[int]
    clock = None

    def save(self):
        if (self.state.step, self.state.recorded) != self.saved_at:
            Counted.steps.append(self.state.step)
            if Counted.clock:
                Counted.times.append(Counted.clock.seconds)
        super().save()


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize(
    ("every", "steps"),
    [("7", [7, 14, 21, 28, 35, 42, 48]), ("{seconds: 1000}", [48]), ("null", [48])],
)
def test_a_run_is_saved_when_that_is_asked_for_and_at_its_end(every, steps, monkeypatch, tmp_path):
    Counted.steps, Counted.clock = [], None
    monkeypatch.setattr(training, "Saver", Counted)
    whole(text_of().replace("checkpoint_every: 7", f"checkpoint_every: {every}"), tmp_path)
    assert Counted.steps == steps


@pytest.mark.usefixtures("without_pictures")
def test_seconds_between_saves_are_counted_by_a_clock_that_nobody_sets(monkeypatch, tmp_path):
    ticks = Ticks()
    monkeypatch.setattr(time, "monotonic", ticks)
    monkeypatch.setattr(time, "time", lambda: -ticks())
    Counted.steps, Counted.times, Counted.clock = [], [], ticks
    monkeypatch.setattr(training, "Saver", Counted)
    folder = whole(text_of().replace("checkpoint_every: 7", "checkpoint_every: {seconds: 10}"), tmp_path)
    assert 0 < Counted.steps[0] <= 10
    assert folder.read_run().seconds >= 0
    assert folder.read_summary().seconds >= 0


@pytest.mark.usefixtures("without_pictures")
def test_saving_by_the_clock_takes_at_most_a_hundredth_of_the_time(monkeypatch, tmp_path):
    """A save looks at the clock twice, and so takes 1 s here: the next begins 100 s later at the earliest."""
    ticks = Ticks()
    monkeypatch.setattr(time, "monotonic", ticks)
    Counted.steps, Counted.times, Counted.clock = [], [], ticks
    monkeypatch.setattr(training, "Saver", Counted)
    text = text_of().replace("checkpoint_every: 7", "checkpoint_every: {seconds: 1}")
    whole(text.replace("epochs: 12", "epochs: 90").replace("patience: 8", "patience: 900"), tmp_path)
    gaps = np.diff(Counted.times[:-1])
    assert len(gaps) > 2
    assert 100 <= gaps.min() <= gaps.max() <= 110


class Ticks:
    """A clock on which each look lasts a second."""

    seconds = 0

    def __call__(self):
        self.seconds += 1
        return float(self.seconds)


# --- longer runs -----------------------------------------------------------------------------------------------------


LONGER = text_of(rate=0.05).replace("patience: 8", "patience: 500")


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_made_longer_is_the_longer_run(tmp_path):
    """With a rate, a log and evaluations that do not depend on how long it is."""
    folder, expected = (
        whole(LONGER, tmp_path / "short"),
        whole(LONGER.replace("epochs: 12", "epochs: 20"), tmp_path / "long"),
    )
    result = resume(folder, setup_of(LONGER.replace("epochs: 12", "epochs: 20")))
    assert result.summary.steps == 80
    found, wanted = (checkpoints.load(each.checkpoint("last")) for each in (folder, expected))
    assert all(found.arrays[name].tobytes() == wanted.arrays[name].tobytes() for name in wanted.arrays)
    assert (folder.path / "config.yaml").read_bytes() == (expected.path / "config.yaml").read_bytes()
    assert found.about["planned"] == [[0, 48], [48, 80]]
    rows, wanted_rows = (read_rows(each.path / "metrics.csv") for each in (folder, expected))
    # The only trace: the end of the shorter run was measured, and it wrote the loss of its last batch if that was due.
    assert [row for row in rows if row["step"] != "48"] == [row for row in wanted_rows if row["step"] != "48"]


OFF_SCHEDULE = {
    "early stopping": text_of("sgd", 3.0).replace("patience: 8", "patience: 4"),
    "plateau": text_of("adam", SCHEDULES["plateau"]).replace(
        "early_stopping: {monitor: val/loss, patience: 8}", "early_stopping: null"
    ),
    "both": text_of("sgd", "{name: plateau, base: 3, patience: 2}").replace("patience: 8", "patience: 6"),
}


def of_steps(text, steps):
    return text.replace("epochs: 12", f"steps: {steps}")


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("short", [9, 14, 18, 23])
@pytest.mark.parametrize("text", OFF_SCHEDULE.values(), ids=OFF_SCHEDULE)
def test_a_run_that_ended_in_the_middle_of_an_epoch_made_longer_is_the_longer_run(text, short, tmp_path):
    """Its end was measured, but neither patience nor a plateau nor the best weights know of it."""
    expected = whole(of_steps(text, 90), tmp_path / "expected")
    folder = whole(of_steps(text, short), tmp_path / "short")
    resume(folder, setup_of(of_steps(text, 90)))
    for name in ("last", "best"):
        found, wanted = (checkpoints.load(each.checkpoint(name)).arrays for each in (folder, expected))
        assert sorted(found) == sorted(wanted)
        assert [each for each in wanted if found[each].tobytes() != wanted[each].tobytes()] == []
    rows, wanted_rows = (read_rows(each.path / "metrics.csv") for each in (folder, expected))
    at_end = str(short)
    assert [row for row in rows if row["step"] != at_end] == [row for row in wanted_rows if row["step"] != at_end]
    assert [row["val/loss"] != "" for row in rows if row["step"] == at_end] == [True]
    summaries = [each.read_summary().document() for each in (folder, expected)]
    for key in ("final", "best", "steps", "status"):
        assert summaries[0][key] == summaries[1][key]
    assert verify(folder, setup_of(of_steps(text, 90))).differs is None


@pytest.mark.usefixtures("without_pictures")
def test_a_gate_in_the_middle_of_an_epoch_changes_neither_steps_nor_rates_nor_the_best(tmp_path):
    text = of_steps(OFF_SCHEDULE["both"], 90)
    gates = json.dumps([f"val/loss@{step} >= 0" for step in range(1, 91) if step % 4])
    expected = whole(text.replace('["val/loss@8 >= 0"]', "[]"), tmp_path / "expected")
    folder = whole(text.replace('["val/loss@8 >= 0"]', gates), tmp_path / "gates")
    found, wanted = (checkpoints.load(each.checkpoint("last")).arrays for each in (folder, expected))
    own = {"batch_loss", "ratios"}  # as of the last step at which they were measured
    assert [name for name in wanted if name not in own and found[name].tobytes() != wanted[name].tobytes()] == []
    rates = [
        {row["step"]: row["optimizer/learning_rate"] for row in read_rows(each.path / "metrics.csv")}
        for each in (folder, expected)
    ]
    assert len(rates[0]) > len(rates[1])
    assert rates[1].items() <= rates[0].items()


IMPROVING = text_of("sgd", 0.05).replace(", {dropout: 0.2}, {noise: 0.1}", "").replace("seed: 4", "seed: 5")


@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_ends_in_the_middle_of_an_epoch_reports_its_last_weights_if_they_are_the_best(tmp_path):
    text = of_steps(IMPROVING, 23).replace('["val/loss@8 >= 0"]', '["val/loss <= 9", "dense1/weights[0,0] <= 9"]')
    ended = train(setup_of(text), runs=tmp_path)
    folder = RunFolder(ended.folder)
    last, best = (checkpoints.load(folder.checkpoint(name)) for name in ("last", "best"))
    assert (ended.summary.best.step, best.about["step"], int(last.arrays["best/step"][0])) == (23, 23, 20)
    assert best.arrays["theta"].tobytes() == last.arrays["theta"].tobytes()
    assert ended.summary.best.value == float(read_rows(folder.path / "metrics.csv")[-1]["val/loss"])
    before = everything(folder)
    again = resume(folder, setup_of(text))
    assert (again.status, again.warnings) == ("finished", ["nothing to do: the run is completed, at step 23"])
    assert again.gates == ended.gates
    assert again.summary == ended.summary
    assert everything(folder) == before
    (folder.path / "summary.json").unlink()  # as if it had been killed while it was summed up
    assert resume(folder, setup_of(text)).summary.best == ended.summary.best


@pytest.mark.usefixtures("without_pictures")
def test_a_longer_run_killed_once_it_has_saved_its_best_weights_goes_on(tmp_path):
    """They are those of before the former end again, and the state beside them is still that of the former end."""
    expected = whole(of_steps(IMPROVING, 48), tmp_path / "expected")
    folder, longer = whole(of_steps(IMPROVING, 23), tmp_path / "short"), setup_of(of_steps(IMPROVING, 48))
    end = folder.checkpoint("last").read_bytes()
    with pytest.raises(InterruptedRunError):
        resume(folder, replace(longer, optimizer=Signalling(longer.optimizer, 24)))
    assert checkpoints.load(folder.checkpoint("best")).about["step"] == 20
    folder.checkpoint("last").write_bytes(end)
    resume(folder, longer)
    for name in ("last", "best"):
        found, wanted = (checkpoints.load(each.checkpoint(name)).arrays["theta"] for each in (folder, expected))
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_made_longer_says_how_long_it_was(tmp_path):
    folder = whole(LONGER, tmp_path)
    resume(folder, setup_of(LONGER.replace("epochs: 12", "epochs: 20")))
    found = checkpoints.load(folder.checkpoint("last"))
    assert found.about["planned"] == [[0, 48], [48, 80]]


@pytest.mark.usefixtures("without_pictures")
def test_steps_and_epochs_extend_a_run_from_the_command_line(tmp_path):
    path = write(tmp_path, LONGER.replace("epochs: 12", "epochs: 2"))
    assert nnlab_here("train", path, "-q", cwd=tmp_path).exit_code == 0
    for words, steps in ((("--epochs", "3"), 12), (("--steps", "14"), 14)):
        result = nnlab_here("train", "--resume", "latest", *words, "--json", cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
        assert read_json(tmp_path / "runs/latest/summary.json")["steps"] == steps
    assert len(read_rows(tmp_path / "runs/latest/metrics.csv")) == len(
        {row["step"] for row in read_rows(tmp_path / "runs/latest/metrics.csv")}
    )


def test_a_run_cannot_be_made_shorter_than_it_is(finished, tmp_path):
    copied = copy(finished, tmp_path)
    with pytest.raises(CheckpointError, match="found 2 epochs to train, but the run has already done 12 epochs;"):
        resume(copied, setup_of(text_of().replace("epochs: 12", "epochs: 2")))


def test_a_schedule_that_is_stretched_is_said(tmp_path, without_pictures):
    folder, said = whole(text_of().replace("patience: 8", "patience: 99"), tmp_path), []
    resume(
        folder,
        setup_of(text_of().replace("epochs: 12", "epochs: 14").replace("patience: 8", "patience: 99")),
        say=said.append,
    )
    assert said == ["the schedule cosine goes on as one of 56 steps; it began as one of 48"]


# --- nothing to do, and what is refused ------------------------------------------------------------------------------


def copy(folder, to):
    target = Path(to) / folder.path.name
    shutil.copytree(folder.path, target)
    return RunFolder(target)


def everything(folder):
    return {path: path.read_bytes() for path in sorted(folder.path.rglob("*")) if path.is_file()}


def test_a_finished_run_is_left_as_it_is(finished):
    before = everything(finished)
    result = resume(finished, setup_of(text_of()))
    assert (result.status, result.warnings) == ("finished", ["nothing to do: the run is completed, at step 48"])
    assert everything(finished) == before


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_is_exit_code_0_and_says_so(tmp_path):
    assert nnlab_here("train", XOR, "--steps", "5", "--set", "gates=[]", "-q", cwd=tmp_path).exit_code == 0
    before = everything(RunFolder(tmp_path / "runs/latest"))
    result = nnlab_here("train", "--resume", "latest", cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (0, "nothing to do: the run is completed, at step 5\n")
    assert everything(RunFolder(tmp_path / "runs/latest")) == before


KINDS = (
    *("val/loss <= 9", "val/loss@8 >= 0", "val/loss <= 1e-9 by step 24", "batch/loss <= 0", "train/loss <= 0.001"),
    *("health/dense1/update_ratio >= 0", "gradcheck/error@2 <= 0", "dense1/weights[0,0] >= 9", "val/loss < train/loss"),
)


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("stops", ["early_stopping: {monitor: val/loss, patience: 8}", "early_stopping: null"])
def test_gates_are_held_against_what_a_finished_run_measured_as_they_were(stops, tmp_path):
    text = text_of().replace("early_stopping: {monitor: val/loss, patience: 8}", f"gradcheck: {{steps: 3}}\n  {stops}")
    text = text.replace("seed: 4", "seed: 4\nprecision: float64")
    setup = setup_of(text.replace('gates: ["val/loss@8 >= 0"]', f"gates: {json.dumps(KINDS)}"))
    ended = train(setup, runs=tmp_path)
    found = resume(RunFolder(ended.folder), setup)
    assert (found.status, found.gates, found.summary) == ("finished", ended.gates, ended.summary)
    assert {gate.met for gate in found.gates} == {True, False}
    assert all(gate.value is not None for gate in found.gates)


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_resumed_holds_its_gates_and_writes_their_outcome(tmp_path):
    for bound in ("0", "9"):
        words = ("--steps", "5", "--set", f"gates=['train/loss <= {bound}']")
        nnlab_here("train", XOR, *words, "-q", cwd=tmp_path)
        result = nnlab_here("train", "--resume", "latest", "--junit", "out.xml", "--json", cwd=tmp_path)
        assert result.exit_code == (3 if bound == "0" else 0), result.stderr
        assert ("gate not met: train/loss <= 0" in result.stderr) == (bound == "0")
        assert ("<failure" in (tmp_path / "out.xml").read_text(encoding="utf-8")) == (bound == "0")
        assert [gate["met"] for gate in parse_json(result.stdout)["gates"]] == [bound == "9"]


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_resumed_is_held_against_the_baseline_given(tmp_path):
    gate = ("--gate", "train/loss <= 0.5*baseline")
    for steps in ("5", "400"):
        nnlab_here("train", XOR, "--steps", steps, "--set", "gates=[]", "--runs-dir", steps, "-q", cwd=tmp_path)
    with_baseline = nnlab_here(
        "train", XOR, "--steps", "300", "--set", "gates=[]", *gate, "--baseline", "5/latest", "-q", cwd=tmp_path
    )
    assert with_baseline.exit_code == 0, with_baseline.stderr
    for steps, code in (("5", 0), ("400", 3)):
        result = nnlab_here("train", "--resume", "latest", "--baseline", f"{steps}/latest", "-q", cwd=tmp_path)
        assert result.exit_code == code, result.stderr
    result = nnlab_here("train", "--resume", "latest", "-q", cwd=tmp_path)
    assert (result.exit_code, "expected --baseline RUN" in result.stderr) == (2, True)


@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_stopped_early_says_so_and_what_to_do_where_it_is_to_be_longer(tmp_path):
    text = text_of().replace("patience: 8", "patience: 2, min_delta: 5")
    assert nnlab_here("train", write(tmp_path, text), "-q", cwd=tmp_path).exit_code == 0
    before = everything(RunFolder(tmp_path / "runs/latest"))
    result = nnlab_here("train", "--resume", "latest", "--epochs", "99", cwd=tmp_path)
    config = f"runs/{(tmp_path / 'runs/latest').resolve().name}/config.yaml"
    steps = read_json(tmp_path / "runs/latest/summary.json")["steps"]
    said = (
        f"nothing to do: the run stopped early, at step {steps}, after 2 evaluations without a better val/loss "
        f"by more than 5; for a longer one: nnlab train {config} --set training.early_stopping.patience=N"
    )
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == said
    assert everything(RunFolder(tmp_path / "runs/latest")) == before


def test_a_run_killed_while_it_was_summed_up_is_summed_up(finished, tmp_path):
    copied = copy(finished, tmp_path)
    (copied.path / "summary.json").unlink()
    shutil.rmtree(copied.plots)
    copied.plots.mkdir()
    resume(copied, setup_of(text_of()))
    assert_same(copied, finished)


CHANGES = {
    "optimizer.learning_rate.base": ("base: 0.05", "base: 0.06"),
    "seed": ("seed: 4", "seed: 5"),
    "network.layers.0.dense": ("layers: [6", "layers: [7"),
    "training.checkpoint_every": ("checkpoint_every: 7", "checkpoint_every: 8"),
    "gates.0": ("val/loss@8 >= 0", "val/loss@8 >= 1"),
}


@pytest.mark.parametrize("key", CHANGES)
def test_any_other_change_is_refused_and_shown(key, finished):
    before = everything(finished)
    with pytest.raises(CheckpointError) as caught:
        resume(finished, setup_of(text_of().replace(*CHANGES[key])))
    first, *lines = str(caught.value).splitlines()
    assert "is of another experiment; only training.steps, training.epochs and training.max_seconds may change" in first
    assert [line.partition(":")[0] for line in lines] == [key]
    assert everything(finished) == before


@pytest.mark.usefixtures("without_pictures")
def test_a_config_beside_resume_must_be_the_runs_own(tmp_path):
    path = write(tmp_path, LONGER.replace("epochs: 12", "epochs: 2"))
    assert nnlab_here("train", path, "-q", cwd=tmp_path).exit_code == 0
    assert nnlab_here("train", path, "--resume", "latest", cwd=tmp_path).exit_code == 0
    result = nnlab_here("train", path, "--resume", "latest", "--seed", "9", cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1:] == ["seed: found 9, there it is 4"]


def test_a_checkpoint_of_another_experiment_is_refused_with_what_differs(finished, tmp_path, without_pictures):
    other = whole(text_of("sgd", 0.1), tmp_path / "other")
    copied = copy(finished, tmp_path / "copied")
    shutil.copy(other.checkpoint("last"), copied.checkpoint("last"))
    with pytest.raises(CheckpointError) as caught:
        resume(copied, setup_of(text_of()))
    assert "the checkpoint is of another experiment" in str(caught.value)
    assert "optimizer.name: found 'adam', there it is 'sgd'" in str(caught.value)


@pytest.mark.usefixtures("without_pictures")
def test_data_that_have_changed_are_refused(tmp_path):
    rows = "".join(f"{i},{i * i % 7}\n" for i in range(20))
    (tmp_path / "d.csv").write_text(f"a,b\n{rows}", encoding="utf-8")
    text = "name: d\ntask: regression\ndata: {source: d.csv, target: b}\ntraining: {steps: 4, batch_size: 5}\n"
    assert nnlab_here("train", write(tmp_path, text), "-q", cwd=tmp_path).exit_code == 0
    (tmp_path / "d.csv").write_text(f"a,b\n{rows}20,1\n", encoding="utf-8")
    result = nnlab_here("train", "--resume", "latest", "--steps", "6", cwd=tmp_path)
    assert result.exit_code == 2
    assert "the data have changed since the run" in result.stderr


def test_metrics_that_are_not_those_of_the_checkpoint_are_refused(tmp_path, without_pictures):
    folder = paused(text_of(), 20, tmp_path)
    path = folder.path / "metrics.csv"
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    before = everything(folder)
    with pytest.raises(CheckpointError, match=r"metrics\.csv: found other rows than those"):
        resume(folder, setup_of(text_of()))
    assert everything(folder) == before


def test_rows_after_the_checkpoint_are_cut_and_written_again(tmp_path, without_pictures):
    expected, folder = whole(text_of(), tmp_path / "expected"), paused(text_of(), 20, tmp_path / "paused")
    for name in TABLES[1:]:
        with (folder.path / name).open("ab") as stream:
            stream.write(b"99,9.9,half a ro")
    resume(folder, setup_of(text_of()))
    assert_same(folder, expected)


def test_a_comparison_is_no_run_to_go_on_with(tmp_path):
    words = ("--activation", "relu", "--activation", "tanh", "--seeds", "1", "--set", "gates=[]", "-q")
    assert nnlab_here("compare-activations", XOR, "--set", "training.steps=2", *words, cwd=tmp_path).exit_code == 0
    result = nnlab_here("train", "--resume", "latest", cwd=tmp_path)
    assert (result.exit_code, "found a comparison" in result.stderr) == (2, True)


def test_neither_a_config_nor_a_run_is_refused(tmp_path):
    result = nnlab_here("train", cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (2, "found no CONFIG, expected an experiment file, or --resume RUN\n")


def test_both_lengths_are_refused(tmp_path):
    result = nnlab_here("train", XOR, "--steps", "3", "--epochs", "3", cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (2, "found both --steps and --epochs, expected one of them\n")


# --- damage ----------------------------------------------------------------------------------------------------------


def broken(path, how):
    content = path.read_bytes()
    path.write_bytes(how(content))


DAMAGE = {
    "empty": lambda _content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:],
    "longer": lambda content: content + b"\0",
    "text": lambda _content: b"hello",
}


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("how", DAMAGE.values(), ids=DAMAGE)
def test_of_a_damaged_checkpoint_the_one_before_is_used_and_that_is_said(how, tmp_path):
    expected, folder = whole(text_of(), tmp_path / "expected"), paused(text_of(), 24, tmp_path / "paused")
    broken(folder.checkpoint("last"), how)
    said = []
    resume(folder, setup_of(text_of()), say=said.append)
    assert len(said) == 1
    assert said[0].startswith(str(folder.checkpoint("last")))
    assert said[0].endswith("used the one before, of step 21")
    assert folder.read_run().sessions[-1].warnings == tuple(said)
    assert_same(folder, expected)


@pytest.mark.usefixtures("without_pictures")
def test_a_damaged_checkpoint_never_takes_the_place_of_the_good_one(tmp_path):
    """Killed right after it was resumed, the run still has the good one."""
    folder = paused(text_of(), 24, tmp_path)
    broken(folder.checkpoint("last"), DAMAGE["cut"])
    good = folder.checkpoint("previous").read_bytes()
    setup = setup_of(text_of())
    with pytest.raises(InterruptedRunError):
        resume(folder, replace(setup, optimizer=Signalling(setup.optimizer, 22)))
    assert folder.checkpoint("last").read_bytes() != good
    assert checkpoints.load(folder.checkpoint("last")).about["step"] == 22
    assert folder.checkpoint("previous").read_bytes() == good


@pytest.mark.usefixtures("without_pictures")
def test_with_no_checkpoint_that_is_whole_the_run_is_refused(tmp_path):
    folder = paused(text_of(), 24, tmp_path)
    for name in ("last", "previous"):
        broken(folder.checkpoint(name), DAMAGE["cut"])
    before = everything(folder)
    with pytest.raises(CheckpointError, match="found no other checkpoint"):
        resume(folder, setup_of(text_of()))
    assert everything(folder) == before


@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_was_never_saved_begins_anew(tmp_path):
    expected, folder = whole(text_of(), tmp_path / "expected"), paused(text_of(), 3, tmp_path / "paused")
    for path in (folder.path / "checkpoints").iterdir():
        path.unlink()
    said = []
    resume(folder, setup_of(text_of()), say=said.append)
    assert said == ["found no checkpoint: the run begins anew"]
    assert_same(folder, expected)


@pytest.mark.usefixtures("without_pictures")
def test_a_newer_format_is_refused_although_there_is_one_before(tmp_path, monkeypatch):
    folder = paused(text_of(), 24, tmp_path)
    found = checkpoints.load(folder.checkpoint("last"))
    monkeypatch.setattr(checkpoints, "FORMAT", 3)
    checkpoints.save(folder.checkpoint("last"), replace(found, about={**found.about, "format": 3}))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="newer"):
        resume(folder, setup_of(text_of()))


# --- another machine -------------------------------------------------------------------------------------------------


def test_another_machine_is_said_and_recorded(tmp_path, monkeypatch, without_pictures):
    folder, said = paused(text_of(), 24, tmp_path), []
    own = training.environment
    other = {"numpy": "9.9", "cores": 512, "system": "Plan 9"}
    monkeypatch.setattr(training, "environment", lambda plugins=(): own(plugins) | other)
    monkeypatch.setattr("nnlab.experiments.resume.environment", lambda plugins=(): own(plugins) | other)
    resume(folder, setup_of(text_of()), say=said.append)
    assert said == [f"not bit-exact: numpy: {np.__version__}, now 9.9"]
    sessions = folder.read_run().sessions
    assert sessions[-1].warnings == tuple(said)
    assert [session.environment["numpy"] for session in sessions] == [np.__version__, "9.9"]
    assert sum(session.seconds for session in sessions) == pytest.approx(folder.read_run().seconds, abs=0.01)


# --- locks -----------------------------------------------------------------------------------------------------------


def test_of_two_that_resume_at_once_the_second_is_refused(tmp_path, without_pictures):
    folder = paused(text_of(), 24, tmp_path)
    with folder.locked():
        before = everything(folder)
        with pytest.raises(CheckpointError, match=f"locked by pid {os.getpid()}$"):
            resume(folder, setup_of(text_of()))
        assert everything(folder) == before
    resume(folder, setup_of(text_of()))


def test_the_lock_of_a_process_that_was_killed_locks_nothing(tmp_path, without_pictures):
    folder = paused(text_of(), 24, tmp_path)
    (folder.path / ".lock").write_text("1\n", encoding="utf-8")
    (folder.path / "checkpoints" / ".last.npz.1.part").write_bytes(b"half")
    resume(folder, setup_of(text_of()))
    assert [path.name for path in folder.path.rglob(".*")] == []


def test_a_lock_taken_on_a_file_that_is_gone_is_taken_again(tmp_path, monkeypatch):
    """Whoever had the lock removes its file; the lock must be on the file that stands there now."""
    folder, gone = RunFolder(tmp_path), []
    flock = fcntl.flock

    def racing(descriptor, how):
        flock(descriptor, how)
        if not gone:
            gone.append((tmp_path / ".lock").unlink())

    monkeypatch.setattr(fcntl, "flock", racing)
    with folder.locked(), pytest.raises(CheckpointError, match="locked by pid"), folder.locked():
        pass


@pytest.fixture
def lock_of_the_dead(finished, tmp_path):
    """A run whose lock is held, as by a child that a killed process had just forked; the descriptor that holds it."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = copy(finished, tmp_path)
    held = os.open(folder.path / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.write(held, f"{dead.pid}\n".encode())
    return folder, held


def test_a_lock_that_outlives_its_holder_for_a_moment_is_waited_for(lock_of_the_dead):
    folder, held = lock_of_the_dead
    threading.Timer(0.3, os.close, [held]).start()
    with folder.locked():
        assert (folder.path / ".lock").read_text(encoding="utf-8") == f"{os.getpid()}\n"


def test_a_lock_that_outlives_its_holder_for_long_is_no_longer_waited_for(lock_of_the_dead, monkeypatch):
    folder, held = lock_of_the_dead
    monkeypatch.setattr(run_locks, "_AFTERLIFE", 0.1)
    with pytest.raises(CheckpointError, match="locked by pid"), folder.locked():
        pass
    os.close(held)


@pytest.mark.parametrize("word", ["", "someone", "1", str(10**18)])
def test_a_lock_of_whoever_may_still_be_there_is_not_waited_for(word, finished, tmp_path, monkeypatch):
    """Number 1 is there, but may be another user's."""
    monkeypatch.setattr(run_locks, "_AFTERLIFE", math.inf)
    folder = copy(finished, tmp_path)
    held = os.open(folder.path / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.write(held, word.encode())
    with pytest.raises(CheckpointError, match=f"locked by pid {word or 'unknown'}$"), folder.locked():
        pass
    os.close(held)


# --- signals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_line_that_resumes_is_printed(number, tmp_path, without_pictures):
    setup = setup_of(text_of())
    with pytest.raises(InterruptedRunError) as caught:
        train(
            replace(setup, optimizer=Signalling(setup.optimizer, 9, number)),
            runs=tmp_path / "my runs",
            facts={"threads": 2, "plugins": ["p.py"]},
        )
    run = next((tmp_path / "my runs").glob("2*"))
    assert caught.value.exit_code == 128 + number
    assert str(caught.value) == (
        f"stopped by {number.name}: the weights of step 9 are in {run}; "
        f"to go on: nnlab train --resume '{run}' --threads 2 --plugin p.py"
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_run_is_summed_up_leaves_at_once_and_loses_nothing(number, finished, monkeypatch, tmp_path):
    own = training.draw

    def drawing(*words):
        signal.raise_signal(number)
        return own(*words)

    monkeypatch.setattr(training, "draw", drawing)
    with pytest.raises(InterruptedRunError) as caught:
        whole(text_of(), tmp_path)
    assert caught.value.exit_code == 128 + number
    assert "the training was over, at step " in str(caught.value)
    assert "; only its report is missing, which this writes: nnlab train --resume " in str(caught.value)
    monkeypatch.undo()
    folder = RunFolder((tmp_path / "latest").resolve())
    assert folder.read_run().status == "interrupted"
    folder.checkpoint("best").unlink()
    said = []
    resume(folder, setup_of(text_of()), say=said.append)
    assert len(said) == 1
    assert "best.npz: found no such checkpoint; it is written anew from the best weights in the newest" in said[0]
    assert_same(folder, finished)


def test_a_signal_while_data_are_read_has_its_exit_code_and_makes_no_folder(tmp_path):
    os.mkfifo(tmp_path / "d.csv")
    text = "name: d\ntask: regression\ndata: {source: d.csv, target: b}\ntraining: {steps: 4}\n"
    result = nnlab_here("train", write(tmp_path, text), cwd=tmp_path)
    assert result.exit_code == 2  # a pipe is no file to read from
    assert not (tmp_path / "runs").exists()


def test_a_second_interrupt_leaves_at_once(tmp_path, without_pictures):
    setup = setup_of(text_of())

    class Twice(Signalling):
        def update(self, *words, **more):
            super().update(*words, **more)
            if words[3] == self.at:
                time.sleep(0.6)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(replace(setup, optimizer=Twice(setup.optimizer, 9, signal.SIGINT)), runs=tmp_path)
    folder = RunFolder((tmp_path / "latest").resolve())
    assert checkpoints.load(folder.checkpoint("last")).about["step"] == 7
    assert folder.read_run().status == "interrupted"


def test_one_interrupt_that_arrives_twice_is_one(tmp_path, without_pictures):
    """`timeout --signal INT` sends it to the command, and again to its process group."""
    setup = setup_of(text_of())

    class AtOnce(Signalling):
        def update(self, *words, **more):
            super().update(*words, **more)
            if words[3] == self.at:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(InterruptedRunError, match="to go on: nnlab train --resume"):
        train(replace(setup, optimizer=AtOnce(setup.optimizer, 9, signal.SIGINT)), runs=tmp_path)
    assert RunFolder((tmp_path / "latest").resolve()).read_run().status == "interrupted"


def test_signals_are_listened_to_as_before_once_a_run_is_over(tmp_path, without_pictures):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    paused(text_of(), 5, tmp_path)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_terminal_that_has_gone_away_costs_no_run(tmp_path, finished, without_pictures):
    def gone(_progress):
        raise OSError(5, "Input/output error")

    setup = setup_of(text_of())
    folder = RunFolder(train(setup, runs=tmp_path, observe=gone).folder)
    assert (folder.path / "metrics.csv").read_bytes() == (finished.path / "metrics.csv").read_bytes()


@pytest.mark.slow
def test_a_paused_run_goes_on_in_another_process_from_another_folder(tmp_path):
    folder = paused(LONGER, 24, tmp_path / "runs")
    expected = whole(LONGER, tmp_path / "expected")
    result = nnlab(
        "train", "--resume", folder.path, "--json", cwd=tmp_path / "runs", TZ="Asia/Tokyo", PYTHONHASHSEED="3"
    )
    assert result.returncode == 0, result.stderr
    assert_same(folder, expected)
