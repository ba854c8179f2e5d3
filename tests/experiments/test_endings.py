"""How trainings end, and what they leave: at a signal, by a fault, after their seconds, with a wrong gradient."""

from __future__ import annotations

import json
import re
import signal
import time
from dataclasses import replace

import pytest
from strategies import Acting, setup_of
from support import HOUSES, begun, nnlab_here, parse_json, read_json, trained, write

from nnlab.cli import terminal
from nnlab.cli.progress import Latest, sentence
from nnlab.errors import CheckpointError, InterruptedRunError, StorageError
from nnlab.experiments import train as training
from nnlab.experiments.gradient_checks import check_first_steps
from nnlab.experiments.interrupts import briefly
from nnlab.experiments.pictures import FROM_METRICS, PICTURES
from nnlab.experiments.resume import resume
from nnlab.experiments.train import Progress, train
from nnlab.gates.hold import read_baseline
from nnlab.networks.layers.elementwise import BoundElementwise
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import TrainingSummary

pytestmark = pytest.mark.usefixtures("no_pictures")

MOONS = """\
name: moons
task: binary
seed: 4
data: {source: {name: moons, samples: 60}, validation: 0.2}
network: {layers: [3], activation: tanh}
training: {epochs: 4, batch_size: 12, log_every: 3}
gates: ["train/loss >= 0"]
"""
STEPS = 16

CHECKED = """\
name: checked
task: regression
precision: float64
data: {source: houses}
network: {layers: [3], activation: tanh}
training: {steps: 9, batch_size: 5, gradcheck: {steps: 3, on_failure: record}}
"""


def acting(text, at, act):
    setup = setup_of(text)
    return replace(setup, optimizer=Acting(setup.optimizer, at, act))


def interrupted(text, runs, at=7):
    with pytest.raises(InterruptedRunError):
        train(acting(text, at, lambda: signal.raise_signal(signal.SIGTERM)), runs=runs)
    return RunFolder((runs / "latest").resolve())


def page(run):
    """Title, tone and verdict of a report, and the whole."""
    text = (run / "report.html").read_text("utf-8")
    title = re.search(r"<title>(.*?) – nnlab</title>", text)[1]
    tone, verdict = re.search(r'<p class="verdict (\w+)">(.*?)</p>', text).groups()
    return title, tone, verdict, text


def breaks(monkeypatch):
    """Every slope of an activation is a thousandth too large from here on."""
    wrong = BoundElementwise.backward

    def backward(self, dy, *, wants_dx):
        dx = wrong(self, dy, wants_dx=wants_dx)
        return dx * 1.001 if wants_dx else None

    monkeypatch.setattr(BoundElementwise, "backward", backward)


# --- signals and faults -----------------------------------------------------------------------------------------------


def test_an_interrupted_training_leaves_summary_report_and_the_curves(tmp_path, with_pictures):
    folder = interrupted(MOONS, tmp_path)
    title, tone, verdict, text = page(folder.path)
    assert (title, tone) == ("moons (interrupted)", "plain")
    assert verdict.startswith("Interrupted after 7 steps and ")
    assert verdict.endswith(": the training had not ended and can be resumed.")
    assert "Last measured, at step 4" in text  # an epoch is four steps
    summary = folder.summary(TrainingSummary)
    assert (summary.status, summary.steps, summary.final, summary.gates) == ("interrupted", 7, {}, ())
    last = summary.last.document()
    assert last.pop("step") == 4
    assert set(last) == {"train/loss", "train/accuracy", "val/loss", "val/accuracy"}
    assert {path.stem for path in folder.plots.iterdir()} == {"cost", "accuracy", "architecture"}


def test_a_resume_overwrites_the_report_of_the_pause(tmp_path):
    folder = interrupted(MOONS, tmp_path)
    resume(folder, setup_of(MOONS))
    title, tone, verdict, _ = page(folder.path)
    assert (title, tone, verdict.partition(" in ")[0]) == ("moons", "good", "Completed 16 steps")
    assert folder.summary(TrainingSummary).last is None
    assert folder.summary(TrainingSummary).status == "completed"


def test_pictures_from_before_a_run_was_made_longer_are_not_in_the_report_of_its_pause(tmp_path, with_pictures):
    folder = RunFolder(train(setup_of(MOONS), runs=tmp_path).folder)
    assert "plots/boundary.png" in page(folder.path)[3]
    longer = acting(MOONS.replace("epochs: 4", "epochs: 8"), 20, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(InterruptedRunError):
        resume(folder, longer)
    shown = set(re.findall(r"plots/(\w+)\.png", page(folder.path)[3]))
    assert shown == {"cost", "accuracy", "architecture"}
    assert shown <= {*FROM_METRICS} <= {*PICTURES}


def test_a_training_that_fails_says_why_in_its_report(tmp_path):
    def fail():
        raise ValueError("nothing goes any more")

    with pytest.raises(ValueError, match="nothing goes any more"):
        train(acting(MOONS, 7, fail), runs=tmp_path)
    run = (tmp_path / "latest").resolve()
    title, tone, verdict, text = page(run)
    assert (title, tone) == ("moons (failed)", "bad")
    assert verdict.startswith("Failed after 6 steps and ")
    assert "failed at step 6: nothing goes any more" in text
    assert read_json(run / "summary.json")["status"] == read_json(run / "run.json")["status"] == "failed"


@pytest.mark.parametrize("name", ["write_training_report", "draw", "summary_of"])
def test_a_report_that_cannot_be_written_never_hides_why_the_training_failed(name, tmp_path, monkeypatch):
    def full(*_words, **_more):
        raise StorageError("disk full")

    def fail():
        monkeypatch.setattr(training, name, full)
        raise ValueError("the fault")

    with pytest.raises(ValueError, match="the fault"):
        train(acting(MOONS, 7, fail), runs=tmp_path)
    assert read_json((tmp_path / "latest").resolve() / "run.json")["status"] == "failed"


def test_pictures_that_take_long_are_left_out_after_a_signal(tmp_path, monkeypatch):
    """The state is saved first; then the command has two seconds in all."""
    monkeypatch.setattr(training, "draw", lambda *_words: time.sleep(30))
    begun_at = time.monotonic()
    folder = interrupted(MOONS, tmp_path)
    assert time.monotonic() - begun_at < 10
    assert page(folder.path)[0] == "moons (interrupted)"
    assert folder.checkpoint("last").exists()


def test_a_second_signal_ends_the_drawing_at_once_and_keeps_the_first_exit_code(tmp_path, monkeypatch):
    seen = []

    def draw(*_words):
        signal.raise_signal(signal.SIGINT)
        seen.append("went on")

    monkeypatch.setattr(training, "draw", draw)
    with pytest.raises(InterruptedRunError) as caught:
        train(acting(MOONS, 7, lambda: signal.raise_signal(signal.SIGTERM)), runs=tmp_path)
    assert (caught.value.exit_code, seen) == (143, [])


def test_a_brief_context_leaves_the_alarm_of_its_caller_as_it_was():
    rang = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    kept = signal.setitimer(signal.ITIMER_REAL, 60)
    with briefly(0.05):
        time.sleep(30)
    left, _ = signal.setitimer(signal.ITIMER_REAL, *kept)
    signal.signal(signal.SIGALRM, before)
    assert rang == []
    assert 50 < left < 60


def test_an_interrupted_run_is_no_baseline(tmp_path):
    with pytest.raises(CheckpointError, match="found a run with the status interrupted, expected a finished one"):
        read_baseline(interrupted(MOONS, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_interrupted_leaves_its_report(number, tmp_path):
    quick = ("--set", "training.steps=100000000", "--set", "training.log_every=2000")
    process = begun(tmp_path, write(tmp_path, HOUSES), *quick, "--json")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (128 + number, "")
    assert f"stopped by {signal.Signals(number).name}: " in stderr
    run = next((tmp_path / "runs").glob("2*"))
    assert page(run)[0] == "houses (interrupted)"
    assert read_json(run / "summary.json")["status"] == "interrupted"


@pytest.mark.usefixtures("quick_pictures")
def test_with_json_stdout_is_one_whole_document_or_empty_however_a_command_ends(tmp_path):
    write(tmp_path, HOUSES)
    write(tmp_path, "", "no folder")
    ends = {
        ("--gate", "train/loss < 0"): (3, True),
        ("--set", "optimizer={name: sgd, learning_rate: 1.0e+9}"): (4, True),
        ("--set", "optimizer.lr=1"): (2, False),
        ("--runs-dir", "no folder"): (5, False),
    }
    for words, (code, has_result) in ends.items():
        done = nnlab_here("train", "experiment.yaml", *words, "--json", cwd=tmp_path)
        assert (done.exit_code, done.stdout != "", done.stderr != "") == (code, has_result, True), words
        assert not has_result or parse_json(done.stdout)["run"]


# --- a limit of seconds -----------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Sessions last a second longer each time that somebody asks."""
    passed = {}

    def present(self):
        passed[self] = passed.get(self, 0) + 1
        return float(passed[self])

    monkeypatch.setattr(training.Sessions, "present", present)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("most", range(5, 40, 5))
def test_a_training_that_is_out_of_seconds_goes_on_with_the_same_bits(most, tmp_path, monkeypatch):
    """Each of up to thirty sessions would draw its pictures, at which nobody looks here."""
    monkeypatch.setattr(training, "draw", lambda *_words: iter(()))
    expected = RunFolder(train(setup_of(MOONS), runs=tmp_path / "expected").folder)
    first = train(setup_of(MOONS), runs=tmp_path / "runs", max_seconds=most)
    folder, sessions = RunFolder(first.folder), 1
    while folder.read_summary().status == "stopped":
        assert folder.read_summary().stopped_by == folder.read_run().stopped_by == "max_seconds"
        resume(folder, setup_of(MOONS), max_seconds=most)
        sessions += 1
        assert sessions < 30
    for name in ("metrics.csv", "hashes.csv", "checkpoints/last.npz"):
        assert (folder.path / name).read_bytes() == (expected.path / name).read_bytes(), name
    assert len(folder.read_run().sessions) == sessions
    assert folder.read_summary().stopped_by is None


@pytest.mark.usefixtures("clock")
def test_out_of_seconds_is_exit_code_0_a_full_report_and_the_line_that_resumes(tmp_path):
    words = ("--max-seconds", "12", "--name", "m")
    result = nnlab_here("train", write(tmp_path, MOONS), *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    run = (tmp_path / "runs/latest").resolve()
    summary = read_json(run / "summary.json")
    assert (summary["status"], summary["stopped_by"]) == ("stopped", "max_seconds")
    assert 0 < summary["steps"] < STEPS
    assert {"train/accuracy", "val/accuracy"} < set(summary["final"])
    assert summary["gates"][0]["met"]
    last = result.stderr.splitlines()[-1]
    assert last == (
        f"stopped by max_seconds: the weights of step {summary['steps']} are in runs/{run.name}; "
        f"to go on: nnlab train --resume runs/{run.name}"
    )
    assert "stopped early" not in result.stderr
    assert page(run)[2].startswith("Stopped at the most seconds it was given, after ")
    said = nnlab_here("eval", "latest", cwd=tmp_path).stderr
    assert f"the training had not ended: status stopped, weights of step {summary['steps']} of 16" in said
    again = parse_json(nnlab_here("train", "--resume", "latest", "--json", cwd=tmp_path).stdout)
    assert (again["status"], again["steps"], "stopped_by" in again) == ("completed", STEPS, False)


@pytest.mark.usefixtures("clock")
def test_the_limit_may_stand_in_the_file_and_change_at_a_resume(tmp_path):
    config = write(tmp_path, MOONS.replace("log_every: 3", "log_every: 3, max_seconds: 12"))
    run = trained(tmp_path, config)
    assert read_json(run / "summary.json")["stopped_by"] == "max_seconds"
    more = ("--set", "training.max_seconds=1e6")
    assert nnlab_here("train", "--resume", run, *more, cwd=tmp_path).exit_code == 0
    assert read_json(run / "summary.json")["status"] == "completed"


def test_a_run_that_stopped_early_is_told_apart_from_one_out_of_seconds(tmp_path):
    text = MOONS.replace("epochs: 4", "epochs: 400, early_stopping: {monitor: val/loss, patience: 1}")
    result = train(
        setup_of(text.replace("seed: 4", "seed: 4\noptimizer: {name: sgd, learning_rate: 20}")), runs=tmp_path
    )
    assert (result.status, result.summary.stopped_by, result.to_go_on) == ("stopped", "early_stopping", "")
    assert page(result.folder)[2].startswith("Stopped early, after ")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "x"])
def test_anything_but_a_number_above_0_is_no_limit(value, tmp_path):
    config = write(tmp_path, MOONS)
    for words in (("--max-seconds", value), ("--set", f"training.max_seconds={value}")):
        assert nnlab_here("train", config, *words, cwd=tmp_path).exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_a_comparison_says_that_the_limit_does_not_hold(tmp_path):
    config = write(tmp_path, MOONS.replace("log_every: 3", "log_every: 3, max_seconds: 1e-9").replace("gates", "#"))
    result = nnlab_here("compare-activations", config, "-a", "relu", "--seeds", "2", "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "warning: training.max_seconds does not hold here" in result.stderr
    assert parse_json(result.stdout)["arms"]["relu"]["steps"] == 2 * STEPS


# --- the gradient check of a training ---------------------------------------------------------------------------------


def test_best_weights_from_before_training_are_a_warning(tmp_path):
    text = MOONS.replace("epochs: 4", "epochs: 40, early_stopping: {monitor: val/loss, patience: 2}")
    result = train(setup_of(text + "optimizer: {name: sgd, learning_rate: 1000.0}\n"), runs=tmp_path)
    assert result.summary.best.step == 0
    assert result.warnings[-1] == (
        "the best weights are those before training, step 0: val/loss was never better after an update; "
        "a lower learning rate may help"
    )
    assert not train(setup_of(text), runs=tmp_path).warnings


def test_a_training_says_what_its_gradient_check_found(tmp_path):
    result = nnlab_here("train", write(tmp_path, CHECKED), "--name", "c", cwd=tmp_path)
    run = (tmp_path / "runs/latest").resolve()
    summary = RunFolder(run).summary(TrainingSummary)
    check = summary.gradcheck
    assert (check.passed, check.before_update, check.updates, check.faults) == (True, 1, 3, ())
    assert 0 <= check.error < 1e-9
    assert summary.final["gradcheck/error"] == check.error
    line = f"gradient check of the first 3 steps: passed, worst error {check.error:.2g} at {check.worst}"
    assert line in result.stderr.splitlines()
    assert f"{line}." in page(run)[3]
    assert re.fullmatch(r"dense\d/(weights|bias)\[[\d,]+\]", check.worst)
    assert "gradcheck" not in re.findall(r"<th[^>]*>([^<]*)</th>", page(run)[3])  # it is no part of the data


def test_a_wrong_gradient_is_red_comes_first_and_ends_with_exit_code_6(tmp_path, monkeypatch):
    breaks(monkeypatch)
    config = write(tmp_path, CHECKED + 'gates: ["train/loss >= 0"]\n')
    result = nnlab_here("train", config, cwd=tmp_path)
    run = (tmp_path / "runs/latest").resolve()
    summary = read_json(run / "summary.json")
    assert result.exit_code == 6
    assert summary["gradcheck"]["passed"] is False
    assert summary["gradcheck"]["error"] == summary["final"]["gradcheck/error"] > 1e-6
    lines = result.stderr.splitlines()
    first = next(line for line in lines if not line.startswith("20"))  # behind the dated lines of progress
    assert first.startswith("gradient check of the first 3 steps: FAILED, worst error ")
    assert lines[-1].startswith("the gradient check before update 1 failed: dense1/")
    assert lines[-1].endswith("; no figure of this run is to be trusted")
    _, tone, verdict, _ = page(run)
    assert tone == "bad"
    assert verdict.startswith("The gradient is wrong: the gradient check before update 1 failed: ")
    quiet = nnlab_here("train", config, "--quiet", cwd=tmp_path)
    assert quiet.exit_code == 6
    assert "FAILED" in quiet.stderr


def test_the_red_of_a_wrong_gradient_is_red(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    screen = terminal.Screen(quiet=True)
    with screen.console.capture() as caught:
        screen.alarm("wrong")
    assert caught.get() == "\x1b[1;31mwrong\x1b[0m\n"


def test_gates_on_the_gradient_s_errors_decide_in_place_of_the_exit_code(tmp_path, monkeypatch):
    """As the notebook's of a wrong slope, which holds the errors that it has."""
    breaks(monkeypatch)
    gates = [f'"gradcheck/error@{step} >= 0"' for step in (1, 2, 3)]
    for held, code in ((gates, 0), (gates[:1], 6)):
        config = write(tmp_path, f"{CHECKED}gates: [{', '.join(held)}]\n")
        result = nnlab_here("train", config, cwd=tmp_path)
        assert result.exit_code == code
        assert "FAILED" in result.stderr
        assert page((tmp_path / "runs/latest").resolve())[1] == "bad"


def test_a_wrong_gradient_is_told_wherever_the_run_is_used(tmp_path, monkeypatch):
    breaks(monkeypatch)
    config = write(tmp_path, CHECKED)
    nnlab_here("train", config, cwd=tmp_path)
    result = nnlab_here("eval", "latest", "--json", cwd=tmp_path)
    (warning,) = parse_json(result.stdout)["warnings"]
    wrong = "The gradient is wrong: the gradient check before update 1 failed: dense1/"
    assert warning.startswith(f"no figure of this run is to be trusted. {wrong}")
    assert f"warning: {warning}" in result.stderr
    compared = nnlab_here("eval", "latest", "--baseline", "latest", "--gate", "train/loss <= baseline", cwd=tmp_path)
    assert compared.exit_code == 2
    assert f"expected a run with right gradients; {wrong}" in compared.stderr


def test_a_wrong_gradient_is_told_in_every_table_of_a_comparison(tmp_path, monkeypatch):
    breaks(monkeypatch)
    config = write(tmp_path, CHECKED)
    nnlab_here("compare-activations", config, "-a", "relu", "--seeds", "2", cwd=tmp_path)
    run = (tmp_path / "runs/latest").resolve()
    wrong = "The gradient of relu is wrong: the gradient check before update 1 failed: dense1/"
    assert f"> warning: {wrong}" in (run / "table.md").read_text()
    assert wrong in (run / "table.tex").read_text()
    (row,) = [line for line in (run / "arms.csv").read_text().splitlines() if line.startswith("relu,gradcheck/error")]
    assert row.startswith("relu,gradcheck/error,largest,")
    assert "the gradient check before update 1 failed" in row


def test_what_a_resume_checks_again_is_said_by_its_session(tmp_path):
    folder = interrupted(CHECKED, tmp_path)
    result = resume(folder, setup_of(CHECKED))
    first, again = result.checks
    assert (first.before_update, first.updates) == (1, 3)
    assert (again.passed, again.before_update, again.updates) == (True, 8, 2)
    assert folder.read_run().sessions[-1].gradcheck == again
    assert again.sentence().startswith("gradient check of the 2 steps from step 8 on: passed, worst error ")
    assert f"{again.sentence()}." in page(folder.path)[3]


def test_a_gradient_that_was_wrong_stays_wrong_for_the_run(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        breaks(patch)
        folder = interrupted(CHECKED, tmp_path)
    assert page(folder.path)[1] == "bad"
    result = resume(folder, setup_of(CHECKED))
    assert [check.passed for check in result.checks] == [False, True]
    assert page(folder.path)[1] == "bad"


def test_a_gradient_that_is_wrong_after_a_resume_makes_the_run_wrong(tmp_path, monkeypatch):
    folder = interrupted(CHECKED, tmp_path)
    breaks(monkeypatch)
    result = resume(folder, setup_of(CHECKED))
    assert [check.passed for check in result.checks] == [False, False]
    assert result.summary.gradcheck.faults[0].startswith("the gradient check before update 8 failed: ")
    assert page(folder.path)[2].startswith("The gradient is wrong: ")


COMPARED = CHECKED.replace("steps: 9", "steps: 9, evaluate_every: 3")


@pytest.mark.parametrize(
    "words",
    [("compare-activations", "-a", "tanh", "-a", "relu"), ("sweep", "--grid", "optimizer.learning_rate=0.1,0.2")],
)
def test_comparisons_and_sweeps_check_the_gradient_of_each_arm(words, tmp_path, monkeypatch):
    """Before, training.gradcheck was ignored there without a word."""
    command, *arms = words
    config = write(tmp_path, COMPARED)
    result = nnlab_here(command, config, *arms, "--seeds", "2", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    run = (tmp_path / "runs/latest").resolve()
    checks = [arm["gradcheck"] for arm in read_json(run / "summary.json")["arms"].values()]
    assert [(check["passed"], check["updates"]) for check in checks] == [(True, 3)] * 2
    worst = max(checks, key=lambda check: check["error"])
    line = f"passed for all 2 arms, worst error {worst['error']:.2g} at {worst['worst']} of "
    assert f"Gradient check of the first 3 steps of seed 0: {line}" in result.stderr
    assert line in page(run)[3]
    breaks(monkeypatch)
    result = nnlab_here(command, config, *arms, "--seeds", "2", cwd=tmp_path)
    run = (tmp_path / "runs/latest").resolve()
    assert result.exit_code == 6
    assert result.stderr.splitlines()[-1].startswith("The gradient of ")
    assert page(run)[1] == "bad"
    assert page(run)[2].startswith("The gradient of ")


def test_a_wrong_gradient_stops_a_comparison_before_it_trains(tmp_path, monkeypatch):
    breaks(monkeypatch)
    config = write(tmp_path, COMPARED.replace(", on_failure: record", ""))
    result = nnlab_here("compare-activations", config, "-a", "tanh", "--seeds", "2", cwd=tmp_path)
    assert result.exit_code == 6
    assert result.stderr.splitlines()[-1].startswith("tanh: the gradient check before update 1 failed: ")
    assert read_json(tmp_path / "runs/latest/run.json")["status"] == "failed"


def test_the_check_of_an_arm_is_that_of_its_training_alone(tmp_path):
    alone = train(setup_of(CHECKED), runs=tmp_path).summary.gradcheck
    assert check_first_steps(setup_of(CHECKED)) == alone


# --- progress ---------------------------------------------------------------------------------------------------------


def line_of(*reports):
    latest = Latest()
    for report in reports:
        latest.add(report)
    return sentence(reports[-1], latest)


def test_a_progress_line_has_no_figures_of_the_untrained_network_at_a_later_step():
    first = Progress(0, 528, 0.0, {"train/loss": 3.016, "train/accuracy": 0.1162}, 1.0)
    assert line_of(first) == "step 0/528 · train/loss 3.016 · train/accuracy 0.1162"
    assert line_of(first, Progress(165, 528, 0.9, {}, 5.0)) == "step 165/528 · 33 steps/s · 11 s left"
    logged = Progress(165, 528, 0.9, {"batch/loss": 1.7}, 5.0)
    assert line_of(first, logged) == "step 165/528 · batch/loss 1.7 · 33 steps/s · 11 s left"


def test_a_figure_of_an_earlier_step_is_shown_with_its_step():
    measured = Progress(176, 528, 1.0, {"batch/loss": 1.7, "train/loss": 1.6, "val/loss": 1.8}, 5.0)
    later = Progress(200, 528, 1.1, {"batch/loss": 1.5}, 5.0)
    assert line_of(measured, later) == (
        "step 200/528 · batch/loss 1.5 · at step 176: train/loss 1.6, val/loss 1.8 · 40 steps/s · 8.2 s left"
    )


def test_figures_of_one_of_several_trainings_have_its_own_step():
    """A comparison shows the mean of the steps of an arm's tasks."""
    assert line_of(Progress(50, 100, 1.0, {"batch/loss": 2.0}, 0.0, measured_at=100)) == (
        "step 50/100 · at step 100: batch/loss 2"
    )


def test_a_long_epoch_without_a_measurement_is_seen_to_go_on(tmp_path, monkeypatch):
    """Before, a line came only where something was measured or saved."""
    monkeypatch.setattr(training, "_SECONDS_OF_A_BEAT", 0.0)
    text = MOONS.replace("log_every: 3", "log_every: 16, evaluate_every: 16")
    seen = []
    whole = train(setup_of(text), runs=tmp_path / "seen", observe=seen.append)
    assert [(one.step, sorted(one.figures)[:1]) for one in seen] == [
        (0, ["train/accuracy"]),
        *((step, []) for step in range(1, 16)),
        (16, ["batch/loss"]),
    ]
    monkeypatch.setattr(training, "_SECONDS_OF_A_BEAT", 60.0)
    alone = train(setup_of(text), runs=tmp_path / "alone")
    for name in ("metrics.csv", "hashes.csv", "checkpoints/last.npz"):
        assert (whole.folder / name).read_bytes() == (alone.folder / name).read_bytes()


# --- losses of scaled targets -----------------------------------------------------------------------------------------

SCALED = HOUSES.replace("source: houses", "source: houses\n  scale_targets: true")


def test_the_loss_of_scaled_targets_is_named_as_such(tmp_path):
    result = nnlab_here("train", write(tmp_path, SCALED), cwd=tmp_path)
    run = (tmp_path / "runs/latest").resolve()
    assert "\nloss (of scaled targets) " in result.stderr
    assert "train/loss (scaled) " in result.stderr
    assert "\nmae " in result.stderr
    assert read_json(run / "summary.json")["scaled_targets"] is True
    assert ">loss (of scaled targets)<" in page(run)[3]
    assert "The best train/loss (of scaled targets) was " in page(run)[3]
    assert "\nloss (of scaled targets) " in nnlab_here("eval", "latest", cwd=tmp_path).stderr
    assert "mse (of scaled targets)" in nnlab_here("train", "experiment.yaml", "--dry-run", cwd=tmp_path).stderr


GATES = ("--gate", "train/loss <= 1e-9", "--gate", "train/mae >= 1e-9")


def test_gates_on_the_loss_of_scaled_targets_and_eval_in_json_name_it_as_such(tmp_path):
    missed = "gate not met: train/loss <= 1e-9 (of scaled targets) (found "
    result = nnlab_here("train", write(tmp_path, SCALED), *GATES, cwd=tmp_path)
    assert missed in result.stderr
    assert " train/loss <= 1e-9 (of scaled targets) " in result.stderr
    assert " train/mae >= 1e-9 (of" not in result.stderr
    assert ">train/loss &lt;= 1e-9 (of scaled targets)<" in page((tmp_path / "runs/latest").resolve())[3]
    found = nnlab_here("eval", "latest", *GATES, "--json", cwd=tmp_path)
    assert json.loads(found.stdout)["scaled_targets"] is True
    assert json.loads(found.stdout)["gates"][0]["gate"] == "train/loss <= 1e-9"
    assert missed in found.stderr
    swept = ("--grid", "optimizer.learning_rate=0.1,0.2", "--seeds", "2", "--gate", "best.train/loss <= 1e-9")
    assert missed.replace("train", "best.train") in nnlab_here("sweep", "experiment.yaml", *swept, cwd=tmp_path).stderr
    write(tmp_path, SCALED + "network: {layers: [2]}\n")
    compared = ("-a", "relu", "--seeds", "2", "--gate", "relu.train/loss.max <= 1e-9")
    result = nnlab_here("compare-activations", "experiment.yaml", *compared, cwd=tmp_path)
    assert "gate not met: relu.train/loss.max <= 1e-9 (of scaled targets) (found " in result.stderr


def test_a_loss_in_the_targets_units_keeps_its_name(tmp_path):
    result = nnlab_here("train", write(tmp_path, HOUSES), cwd=tmp_path)
    assert "scaled" not in result.stderr
    found = nnlab_here("eval", "latest", "--gate", "train/loss <= 1e-9", "--json", cwd=tmp_path)
    assert "scaled" not in found.stdout + found.stderr
    assert "scaled_targets" not in read_json(tmp_path / "runs/latest/summary.json")


def test_comparisons_and_sweeps_name_the_loss_of_scaled_targets(tmp_path):
    config = write(tmp_path, SCALED + "network: {layers: [2]}\n")
    result = nnlab_here("compare-activations", config, "-a", "relu", "--seeds", "2", cwd=tmp_path)
    assert "train/loss (of scaled targets)" in result.stderr
    words = ("--grid", "optimizer.learning_rate=0.1,0.2", "--seeds", "2", "--metric", "train/loss")
    result = nnlab_here("sweep", config, *words, cwd=tmp_path)
    assert "Points by mean train/loss (of scaled targets)" in result.stderr
    assert "mean train loss (of scaled targets) " in result.stderr
