"""`nnlab train`: the folder it leaves, what it prints where, how it ends, and that a run repeats to the bit."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import (
    COMMAND,
    HOUSES,
    LONG,
    PAINTED,
    XOR,
    begun,
    environment,
    nnlab,
    nnlab_here,
    parse_json,
    read_json,
    read_rows,
    sh,
    trained,
    write,
)

import nnlab as package

pytestmark = pytest.mark.usefixtures("no_pictures")

SAVED = [
    *("checkpoints/best.npz", "checkpoints/last.npz", "config.yaml", "hashes.csv", "metrics.csv", "run.json"),
    "summary.json",
]

MOONS = """\
name: moons
task: binary
seed: 4
precision: float64
data:
  source: {name: moons, samples: 120}
  scale: standard
  test: 0.25
  validation: 0.2
network:
  layers: [6]
  activation: tanh
optimizer: {name: adam, learning_rate: 0.05}
training:
  epochs: 6
  batch_size: 16
  log_every: 5
gates: ["test/accuracy >= 0.5", "val/loss <= 5 by epoch 3"]
"""


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    """A run of a binary task with all three parts, and the process that made it."""
    folder = tmp_path_factory.mktemp("moons")
    write(folder, MOONS)
    result = nnlab("train", "experiment.yaml", "--json", cwd=folder, **PAINTED)
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture
def run(moons):
    folder, result = moons
    return folder / parse_json(result.stdout)["run"]


# --- the run folder --------------------------------------------------------------------------------------------------


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_run_leaves_exactly_the_files_of_the_design(run):
    names = ("accuracy", "architecture", "boundary", "confusion", "cost", "first_layer", "predictions", "units")
    pictures = [f"plots/{name}.png" for name in names]
    assert files_in(run) == sorted([*SAVED, *pictures, "train.log", "report.html"])


def test_a_run_folder_is_named_after_time_and_experiment_and_latest_points_to_it(run):
    assert re.fullmatch(r"\d{8}-\d{6}_moons", run.name)
    latest = run.parent / "latest"
    assert latest.is_symlink()
    assert latest.readlink() == Path(run.name)


def test_every_picture_is_a_png(run):
    for path in (run / "plots").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_run_json_says_how_where_and_when(run):
    facts = read_json(run / "run.json")
    assert facts["status"] == "completed"
    assert facts["kind"] == "train"
    assert facts["command"] == ["nnlab", "train", "experiment.yaml", "--json"]
    assert facts["config"] == "experiment.yaml"
    assert facts["threads"] == 1
    assert facts["data"]["rows"] == {"train": 72, "val": 18, "test": 30}
    assert re.fullmatch(r"[0-9a-f]{64}", facts["data"]["fingerprint"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", facts["begun"])
    assert facts["begun"] <= facts["ended"]
    assert facts["seconds"] >= 0


def test_run_json_names_versions_machine_and_libraries(run):
    found = read_json(run / "run.json")["environment"]
    assert found["nnlab"] == package.__version__
    assert found["numpy"] == np.__version__
    assert found["cores"] == os.cpu_count()
    assert {"python", "scipy", "git_commit", "machine", "processor", "system", "blas"} <= set(found)
    assert [library["num_threads"] for library in found["blas"]] == [1] * len(found["blas"])


def test_metrics_csv_has_a_row_where_something_was_measured_and_empty_cells_where_not(run):
    rows = read_rows(run / "metrics.csv")
    columns = ["batch/loss", "train/loss", "train/accuracy", "val/loss", "val/accuracy", "optimizer/learning_rate"]
    assert list(rows[0]) == ["step", "epoch", *columns]
    # 72 rows in batches of 16 are 5 steps an epoch: batch losses and whole parts fall together from step 5 on.
    assert [row["step"] for row in rows] == ["0", "5", "10", "15", "20", "25", "30"]
    assert [row["epoch"] for row in rows] == ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0"]
    assert rows[0]["batch/loss"] == ""
    assert "" not in [row[name] for row in rows[1:] for name in columns]


def test_metrics_csv_leaves_whole_parts_empty_between_evaluations(tmp_path):
    run = trained(
        tmp_path, write(tmp_path, HOUSES), "--set", "training.log_every=2", "--set", "training.evaluate_every=5"
    )
    found = {row["step"]: (row["batch/loss"] != "", row["train/loss"] != "") for row in read_rows(run / "metrics.csv")}
    both, batch, whole = (True, True), (True, False), (False, True)
    assert found == {"0": whole, "2": batch, "4": batch, "5": whole, "6": batch, "8": batch, "10": both}


def test_metrics_csv_is_plain_text_with_one_line_feed_per_row(run):
    text = (run / "metrics.csv").read_bytes()
    assert b"\r" not in text
    assert b"nan" not in text
    assert text.endswith(b"\n")
    assert len({len(row) for row in csv.reader(text.decode().splitlines())}) == 1


def test_summary_json_has_the_keys_of_the_design(run):
    summary = read_json(run / "summary.json")
    assert set(summary) == {
        *("schema", "run", "status", "final", "best", "baselines", "sentences", "gates", "steps", "parameters"),
        *("start", "seconds", "sha256"),
    }
    assert summary["status"] == "completed"
    assert summary["steps"] == 30
    assert summary["parameters"] == 2 * 6 + 6 + 6 + 1
    assert {name.split("/")[0] for name in summary["final"]} == {"train", "val", "test"}
    assert {"train/loss", "val/loss", "test/loss", "test/accuracy", "test/roc_auc"} <= set(summary["final"])


def test_summary_json_holds_each_gate_against_its_value(run):
    summary, rows = read_json(run / "summary.json"), read_rows(run / "metrics.csv")
    early = min(float(row["val/loss"]) for row in rows if row["val/loss"] and float(row["epoch"]) <= 3)
    assert summary["gates"] == [
        {"gate": "test/accuracy >= 0.5", "value": summary["final"]["test/accuracy"], "met": True},
        {"gate": "val/loss <= 5 by epoch 3", "value": early, "met": True},
    ]


def test_the_best_of_the_summary_is_the_best_row_of_the_metrics(run):
    best, rows = read_json(run / "summary.json")["best"], read_rows(run / "metrics.csv")
    row = min((row for row in rows if row["val/loss"]), key=lambda row: float(row["val/loss"]))
    assert best["monitor"] == "val/loss"
    assert best["step"] == int(row["step"])
    assert best["value"] == best["val/loss"] == float(row["val/loss"])


def test_the_final_figures_are_those_of_the_last_row(run):
    final, last = read_json(run / "summary.json")["final"], read_rows(run / "metrics.csv")[-1]
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert final[name] == pytest.approx(float(last[name]), rel=1e-12)


def test_checkpoints_load_without_pickle_and_say_what_they_hold(run):
    for name, step in (("best", read_json(run / "summary.json")["best"]["step"]), ("last", 30)):
        with np.load(run / "checkpoints" / f"{name}.npz", allow_pickle=False) as members:
            about = json.loads(members["about"].tobytes())
            assert members["theta"].shape == (1, 25)
            assert members["theta"].dtype == np.float64
        assert (about["format"], about["step"], about["seed"]) == (2, step, 4)
        assert about["fingerprint"] == read_json(run / "run.json")["data"]["fingerprint"]


def test_the_last_checkpoint_holds_what_the_optimizer_remembers(run):
    with np.load(run / "checkpoints" / "last.npz") as members:
        assert {"slots/mean", "slots/square", "scaling/shift"} <= set(members.files)


# --- what is printed -------------------------------------------------------------------------------------------------


def test_json_prints_exactly_the_summary(moons, run):
    assert parse_json(moons[1].stdout) == read_json(run / "summary.json")


def test_json_is_quiet_on_stderr(moons):
    assert moons[1].stderr == ""


def test_quiet_prints_the_path_and_nothing_else(tmp_path):
    result = nnlab("train", write(tmp_path, HOUSES), "--quiet", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"runs/\d{8}-\d{6}_houses\n", result.stdout)
    assert (tmp_path / result.stdout.strip() / "summary.json").is_file()


def test_without_a_terminal_progress_is_dated_lines_and_stdout_the_path(tmp_path):
    result = nnlab("train", XOR, cwd=tmp_path)
    lines = result.stderr.splitlines()
    assert result.returncode == 0
    assert re.fullmatch(r"runs/\S+_xor\n", result.stdout)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d xor step 1,000/1,000 · .*train/loss 0\.\d+", lines[0])
    assert "\x1b" not in result.stderr
    assert "\r" not in result.stderr
    assert any(line.startswith("met ") and "train/accuracy == 1" in line for line in lines)


def test_a_dry_run_shows_network_and_data_and_writes_nothing(tmp_path):
    path = write(tmp_path, MOONS)
    result = nnlab_here("train", path, "--dry-run", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    for words in (r"dense1 +weights 2×6, bias 6 +6 +18", r"dense2 +weights 6×1, bias 1 +1 +7", r"total +25"):
        assert re.search(words, result.stderr)
    for words in (r"rows train +72", r"rows val +18", r"rows test +30", r"30 steps"):
        assert re.search(words, result.stderr)
    assert list(tmp_path.iterdir()) == [path]


def test_a_dry_run_in_json_counts_what_the_table_shows(tmp_path):
    result = nnlab_here("train", write(tmp_path, MOONS), "--dry-run", "--json", cwd=tmp_path)
    found = parse_json(result.stdout)
    assert (found["parameters"], found["steps"], found["batch_size"]) == (25, 30, 16)
    assert found["rows"] == {"train": 72, "val": 18, "test": 30}
    assert [layer["units"] for layer in found["layers"]] == [6, 6, 1]
    assert found["flops_per_step"] > 0
    assert found["seconds_per_step"] > 0


OF_IMAGES = """\
name: images
task: multiclass
data: {source: {name: shapes, samples: 60}, test: 0.2}
network: {layers: [{conv2d: 6, kernel: 5}, {max_pool: 2}, 7]}
training: {steps: 3, batch_size: 20}
"""


def test_a_dry_run_of_images_shows_their_shapes_and_the_memory_of_a_step(tmp_path):
    result = nnlab_here("train", write(tmp_path, OF_IMAGES), "--dry-run", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    for words in (
        r"input +32 × 32 × 3",
        r"conv2d1 +weights 5×5×3×6, bias 6 +28 × 28 × 6 +456",
        r"relu1 +14 × 14 × 6",
        r"dense1 +weights 1176×7, bias 7 +7 +8,239",
        r"inputs +3,072 numbers \(32 × 32 pixels in 3 channels\)",
        r"million bytes for parameters and buffers, [\d.]+ million of them for\s+the buffers of a step",
    ):
        assert re.search(words, result.stderr), words
    found = parse_json(nnlab_here("train", tmp_path / "experiment.yaml", "--dry-run", "--json", cwd=tmp_path).stdout)
    assert [layer["shape"] for layer in found["layers"]] == [[28, 28, 6], [14, 14, 6], [14, 14, 6], [7], [7], [6]]
    assert 0 < found["workspace_bytes"] < found["bytes"]


def test_an_image_of_one_channel_has_pixels(tmp_path):
    text = OF_IMAGES.replace("{name: shapes, samples: 60}", "digits")
    assert re.search(r"inputs +64 pixels \(8 × 8\)", nnlab_here(
        "train", write(tmp_path, text), "--dry-run", cwd=tmp_path).stderr)  # fmt: skip


def test_no_updates_at_all_give_the_initial_figures(tmp_path):
    run = trained(tmp_path, write(tmp_path, MOONS), "--set", "training.epochs=0", "--set", "gates=[]")
    summary, rows = read_json(run / "summary.json"), read_rows(run / "metrics.csv")
    assert (summary["status"], summary["steps"], len(rows)) == ("completed", 0, 1)
    assert summary["final"]["train/loss"] == pytest.approx(float(rows[0]["train/loss"]), rel=1e-12)


# --- how it ends -----------------------------------------------------------------------------------------------------


def test_a_missed_gate_is_exit_code_3_after_the_run_is_written(tmp_path):
    result = nnlab_here("train", write(tmp_path, HOUSES), "--set", "gates=['train/loss <= 0.001']", cwd=tmp_path)
    run = tmp_path / result.stdout.strip()
    summary = read_json(run / "summary.json")
    assert result.exit_code == 3
    assert summary["gates"] == [{"gate": "train/loss <= 0.001", "value": summary["final"]["train/loss"], "met": False}]
    assert summary["status"] == read_json(run / "run.json")["status"] == "completed"
    assert "gate not met: train/loss <= 0.001" in result.stderr.splitlines()[-1]


def test_a_training_that_runs_away_is_exit_code_4_and_says_at_which_step(tmp_path):
    words = ("--set", "optimizer.name=sgd", "--set", "optimizer.learning_rate=1e30", "--set", "gates=['train/r2 >= 0']")
    result = nnlab_here("train", write(tmp_path, HOUSES), *words, "--json", cwd=tmp_path)
    summary = parse_json(result.stdout)
    assert result.exit_code == 4
    assert re.fullmatch(r"the training diverged at step \d+: \w+, .*; see runs/.*/autopsy.json\n", result.stderr)
    assert summary["status"] == read_json(tmp_path / summary["run"] / "run.json")["status"] == "diverged"
    assert summary["final"] == {}
    assert summary["gates"] == [{"gate": "train/r2 >= 0", "value": None, "met": False}]
    with np.load(tmp_path / summary["run"] / "checkpoints" / "best.npz") as members:
        assert np.isfinite(members["theta"]).all()


def test_a_training_that_runs_away_shows_no_empty_table(tmp_path):
    words = ("--set", "optimizer={name: sgd, learning_rate: 1e30}")
    result = nnlab("train", write(tmp_path, HOUSES), *words, cwd=tmp_path)
    assert result.returncode == 4
    assert [line for line in result.stderr.splitlines() if len(line) == 1] == []


def test_early_stopping_ends_a_run_as_stopped_with_the_best_weights(tmp_path):
    words = ("--set", "training.early_stopping.patience=2", "--set", "training.epochs=500")
    run = trained(tmp_path, write(tmp_path, MOONS), *words, "--set", "optimizer.learning_rate=1.0")
    summary, rows = read_json(run / "summary.json"), read_rows(run / "metrics.csv")
    assert summary["status"] == "stopped"
    assert summary["steps"] == int(rows[-1]["step"]) < 2500
    assert summary["final"]["val/loss"] == pytest.approx(summary["best"]["val/loss"], rel=1e-12)


@pytest.mark.parametrize("root", ["a-file", "a-file/below", "/proc/nnlab"])
def test_a_runs_folder_that_cannot_be_written_is_exit_code_5_before_training(root, tmp_path):
    (tmp_path / "a-file").touch()
    endless = ("--set", "training.steps=1000000000")
    result = nnlab_here("train", write(tmp_path, HOUSES), *endless, "--runs-dir", root, cwd=tmp_path)
    assert result.exit_code == 5
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"{root}: cannot write: ")


def test_a_file_size_limit_is_exit_code_5_and_leaves_no_half_file(tmp_path):
    write(tmp_path, HOUSES.replace("optimizer:", "network: {layers: [4000]}\noptimizer:"))
    done = sh(f"ulimit -f 16; exec {shlex.join(COMMAND)} train experiment.yaml", tmp_path)
    assert done.returncode == 5, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    run = next(path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert [name for name in files_in(run) if name.endswith(".part")] == []
    assert read_json(run / "run.json")["status"] == "failed"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run that was interrupted while it trained."""
    folder = tmp_path_factory.mktemp("interrupted")
    process = begun(folder, write(folder, HOUSES), *LONG)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return folder, process.returncode, out, err


def test_an_interrupt_is_exit_code_130_and_one_line(interrupted):
    _, code, out, err = interrupted
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("stopped by SIGINT: the weights of step ")
    assert "Traceback" not in err


def test_an_interrupted_run_says_so_and_can_be_evaluated(interrupted):
    folder = interrupted[0]
    assert read_json(folder / "runs/latest/run.json")["status"] == "interrupted"
    result = nnlab_here("eval", "latest", "--checkpoint", "last", "--json", cwd=folder)
    assert result.exit_code == 0, result.stderr
    assert parse_json(result.stdout)["figures"]["train/loss"] < 20


def test_an_interrupted_run_without_a_name_for_the_weights_can_be_evaluated(interrupted):
    assert nnlab_here("eval", "latest", cwd=interrupted[0]).exit_code == 0


def test_an_interrupted_run_can_be_evaluated_at_its_best_too(interrupted):
    result = nnlab_here("eval", "latest", "--checkpoint", "best", cwd=interrupted[0])
    assert result.exit_code == 0, result.stderr


def test_the_weights_saved_at_an_interrupt_are_those_of_the_step_they_name(interrupted, tmp_path):
    with np.load(interrupted[0] / "runs/latest/checkpoints/last.npz") as members:
        saved, step = members["theta"], json.loads(members["about"].tobytes())["step"]
    run = trained(tmp_path, write(tmp_path, HOUSES), "--set", f"training.steps={step}")
    with np.load(run / "checkpoints/last.npz") as members:
        np.testing.assert_array_equal(saved, members["theta"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_save_the_state_too(number, code, tmp_path):
    process = begun(tmp_path, write(tmp_path, HOUSES), *LONG)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert read_json(tmp_path / "runs/latest/run.json")["status"] == "interrupted"
    assert (tmp_path / "runs/latest/checkpoints/last.npz").is_file()


# --- names of folders ------------------------------------------------------------------------------------------------


def test_runs_at_the_same_second_get_folders_of_their_own(tmp_path):
    path = write(tmp_path, HOUSES)
    command = [*COMMAND, "train", path, "--quiet"]
    both = [subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) for _ in "ab"]
    found = [process.communicate(timeout=60)[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert found[0] != found[1]
    assert all((tmp_path / name / "summary.json").is_file() for name in found)


# --- odd surroundings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["train", str(XOR), "--quiet"], ["train", str(XOR), "--print-config"], ["--help"]])
def test_a_closed_pipe_is_quiet(words, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    result = nnlab(*words, cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [["train", str(XOR), "--print-config"], ["--version"], ["--help"], ["train", "--help"], ["losses", "--help"]],
)
def test_a_full_disk_behind_stdout_is_exit_code_5(words, tmp_path):
    with Path("/dev/full").open("w") as full:
        result = nnlab(*words, cwd=tmp_path, stdout=full)
    assert (result.returncode, result.stderr) == (5, "stdout: cannot write: No space left on device\n")


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_is_closed_from_the_start_costs_no_run(closed, tmp_path):
    write(tmp_path, HOUSES)
    command = f"exec {shlex.join(COMMAND)} train experiment.yaml {closed}>&-"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert read_json(tmp_path / "runs/latest/run.json")["status"] == "completed"


ODD = {
    "ascii": {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "no home": {"HOME": None, "MPLCONFIGDIR": None},
    "a home that is not there": {"HOME": "/nonexistent"},
    "one column": {"COLUMNS": "1", "LINES": "1"},
    "dumb": {"TERM": "dumb", "NO_COLOR": "1"},
    "forced colours": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "another time": {"TZ": "Pacific/Kiritimati"},
    "other hashes": {"PYTHONHASHSEED": "12345", "LANG": "de_DE.UTF-8"},
}
# What does not exclude each other at once: to paint the pictures takes seconds.
TOGETHER = (
    ("ascii", "one column", "another time"),
    ("no home", "forced colours"),
    ("a home that is not there", "dumb", "other hashes"),
)


def arrays(path):
    with np.load(path) as members:
        return {name: (members[name].dtype.str, members[name].shape, members[name].tobytes()) for name in members.files}


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("names", TOGETHER, ids=", ".join)
def test_odd_surroundings_give_plain_text_and_the_same_bytes(names, run, tmp_path):
    changes = {key: value for name in names for key, value in ODD[name].items()}
    write(tmp_path, MOONS)
    result = nnlab("train", "experiment.yaml", cwd=tmp_path, **changes, **PAINTED)
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "arning" not in result.stderr
    again = tmp_path / result.stdout.strip()
    assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()
    assert (again / "config.yaml").read_bytes() == (run / "config.yaml").read_bytes()
    for name in ("best", "last"):
        assert arrays(again / "checkpoints" / f"{name}.npz") == arrays(run / "checkpoints" / f"{name}.npz")
    assert digests(again / "plots") == digests(run / "plots")


def test_an_ascii_terminal_gets_ascii(tmp_path):
    result = nnlab("train", XOR, "--dry-run", cwd=tmp_path, **ODD["ascii"])
    assert result.returncode == 0, result.stderr
    assert result.stderr.isascii()


def test_an_ascii_terminal_gets_a_message_about_any_name(tmp_path):
    result = nnlab("train", "größe\udcff\n.yaml", cwd=tmp_path, **ODD["ascii"])
    assert result.returncode == 2
    assert result.stderr.isascii()
    assert len(result.stderr.splitlines()) == 1


# --- the same again --------------------------------------------------------------------------------------------------


def test_another_seed_gives_another_run(run, tmp_path):
    again = trained(tmp_path, write(tmp_path, MOONS), "--seed", "5")
    assert (again / "metrics.csv").read_bytes() != (run / "metrics.csv").read_bytes()


def test_the_override_of_the_seed_is_the_seed_of_the_file(tmp_path):
    """So that a shell loop over seeds and a file per seed are one and the same."""
    by_option = trained(tmp_path, write(tmp_path, HOUSES), "--seed", "5", "--name", "five")
    by_file = trained(tmp_path, write(tmp_path, HOUSES.replace("name: houses", "name: five\nseed: 5")))
    for name in ("metrics.csv", "config.yaml"):
        assert (by_option / name).read_bytes() == (by_file / name).read_bytes()


def test_the_figures_say_which_weights_they_are_of_and_that_the_training_stopped_early(tmp_path):
    text = HOUSES.replace("task: regression", "task: regression")
    early = ("--set", "training.early_stopping={monitor: train/loss, patience: 1, min_delta: 1e9}")
    whole = nnlab_here("train", write(tmp_path, text), "--set", "training.steps=5", cwd=tmp_path)
    stopped = nnlab_here("train", write(tmp_path, text), "--set", "training.steps=500", *early, cwd=tmp_path)
    assert "Figures of the last weights, step 5\n" in whole.stderr
    assert re.search(r"Figures of the best weights, step (\d+); stopped early, at step \1\n", stopped.stderr)
