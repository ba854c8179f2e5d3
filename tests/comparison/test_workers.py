"""The pieces of a comparison: the same bits wherever they are trained, and none lost that is done."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.context import SpawnProcess

import numpy as np
import pytest
from support import COMMAND, ROOT, environment, nnlab, nnlab_here, parse_json, read_json, read_rows, write

from nnlab.comparison import workers as workers_module
from nnlab.comparison.arms import arms_from, default_target
from nnlab.comparison.compare import compare
from nnlab.comparison.pieces import files_of, read_piece
from nnlab.comparison.tasks import Task
from nnlab.comparison.variants import variants
from nnlab.comparison.workers import Processes, SerialWorkers, Shared
from nnlab.config.experiment import load
from nnlab.config.plugins import with_plugins
from nnlab.errors import CheckpointError, InterruptedRunError
from nnlab.maths.activations import ACTIVATIONS
from nnlab.setup.rows import read_rows as read_data
from nnlab.storage.checkpoints import Checkpoint
from nnlab.storage.checkpoints import load as load_checkpoint
from nnlab.storage.checkpoints import save as save_checkpoint

pytestmark = pytest.mark.usefixtures("no_pictures", "without_pictures")

TEXT = """\
name: moons
task: binary
data:
  source: {name: moons, samples: 80}
  validation: 0.2
  test: 0.2
network:
  layers: [4]
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 30, batch_size: 16, log_every: 5, evaluate_every: 10}
"""
MOODY = """\
import numpy as np
from nnlab.maths.activations import Activation

def value(z):
    if z.shape[-2] == 16:
        raise ArithmeticError("not in batches of sixteen")
    return z

ACTIVATIONS = [Activation.from_functions("moody", value=value, slope=np.ones_like, formula="z", slope_formula="1")]
"""
# Leaves a file for each process that trains with it.
TELLING = """\
import os
from pathlib import Path
import numpy as np
from nnlab.maths.activations import Activation

def value(z):
    if z.shape[-2] == 16:
        Path(f"training{os.getpid()}").touch()
    return z

ACTIVATIONS = [
    Activation.from_functions(name, value=value, slope=np.ones_like, formula="z", slope_formula="1")
    for name in ("one", "two")
]
"""


def comparison(folder, words=("tanh", "relu", "elu"), count=4, **changes):
    """What `compare` needs, apart from where the work is done."""
    sets = [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]
    experiment, document = load(write(folder, TEXT), sets)
    dataset = read_data(experiment, document, folder)
    arms = variants(experiment, arms_from(words, ACTIVATIONS))
    about = {"runs": folder / "runs", "target": default_target(experiment, dataset.y)}
    return (experiment, dataset, arms, range(count)), about


def bits(folder):
    """The tables and the weights of a comparison, without how long it took."""
    rows = read_rows(folder / "results.csv")
    timeless = [{key: cell for key, cell in row.items() if not key.startswith("seconds")} for row in rows]
    weights = {path.name: path.read_bytes() for path in sorted((folder / "weights").iterdir())}
    return timeless, (folder / "metrics.csv").read_bytes(), weights


def compared(folder, *words):
    """The folder of a comparison made by the command line, in this process."""
    write(folder, TEXT)
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--quiet", cwd=folder)
    assert result.exit_code == 0, result.stderr
    return folder / result.stdout.strip()


# --- processes --------------------------------------------------------------------------------------------------------


def test_results_do_not_depend_on_the_number_of_processes(tmp_path):
    what, about = comparison(tmp_path)
    expected = compare(*what, **about, workers=SerialWorkers()).compared.folder
    found = compare(*what, **about, workers=Processes(3)).compared.folder
    assert bits(found) == bits(expected)


def test_results_do_not_depend_on_how_seeds_are_cut(tmp_path, monkeypatch):
    what, about = comparison(tmp_path, count=7)
    expected = compare(*what, **about).compared.folder
    monkeypatch.setattr("nnlab.comparison.tasks._BYTES_OF_A_STEP", 5000)
    found = compare(*what, **about).compared.folder
    assert len(list((found / "pieces").iterdir())) > 3
    assert bits(found) == bits(expected)


def test_seeds_that_stop_at_different_steps_are_joined_however_they_are_cut(tmp_path, monkeypatch):
    early = {"training__early_stopping__patience": 1, "training__steps": 300, "training__evaluate_every": 3}
    what, about = comparison(tmp_path, count=7, **early)
    expected = compare(*what, **about).compared.folder
    monkeypatch.setattr("nnlab.comparison.tasks._BYTES_OF_A_STEP", 1)
    assert bits(compare(*what, **about).compared.folder) == bits(expected)


def test_arms_that_diverge_at_once_are_joined_however_they_are_cut(tmp_path, monkeypatch):
    away = {"optimizer": "{name: sgd, learning_rate: 1e30}", "training__log_every": 7}
    what, about = comparison(tmp_path, count=5, words=("relu", "tanh"), **away)
    expected = compare(*what, **about).compared.folder
    monkeypatch.setattr("nnlab.comparison.tasks._BYTES_OF_A_STEP", 1)
    assert bits(compare(*what, **about).compared.folder) == bits(expected)


@pytest.mark.slow
def test_the_command_line_trains_in_processes(tmp_path):
    write(tmp_path, TEXT)
    words = ("compare-activations", "experiment.yaml", "--seeds", "3", "--quiet")
    folders = [nnlab(*words, "--jobs", jobs, cwd=tmp_path) for jobs in (1, 2)]
    assert [(found.returncode, found.stderr) for found in folders] == [(0, ""), (0, "")]
    first, second = (bits(tmp_path / found.stdout.strip()) for found in folders)
    assert first == second


class Killing(Processes):
    """Processes of which some are killed as soon as they have told of progress: `times` in all."""

    def __init__(self, jobs, times):
        super().__init__(jobs)
        self.times, self.killed = times, 0

    def run_all(self, tasks, shared, report, stop):
        def kill(number, progress):
            report(number, progress)
            if self.killed < self.times and progress.step < progress.steps:
                self.killed += 1
                os.kill(next(w.process.pid for w in self.crew().workers if w.number == number), signal.SIGKILL)

        yield from super().run_all(tasks, shared, kill, stop)

    @staticmethod
    def crew():
        return CREWS[-1]


CREWS = []


@pytest.fixture
def crews(monkeypatch):
    class Known(workers_module._Pool):
        def __init__(self, *words):
            super().__init__(*words)
            CREWS.append(self)

    monkeypatch.setattr(workers_module, "_Pool", Known)


@pytest.mark.slow
@pytest.mark.usefixtures("crews")
def test_a_task_whose_process_is_killed_is_done_again(tmp_path):
    what, about = comparison(tmp_path, training__steps=3000)
    expected = compare(*what, **about).compared.folder
    killing = Killing(2, times=1)
    found = compare(*what, **about, workers=killing)
    assert killing.killed == 1
    assert not found.failures
    assert bits(found.compared.folder) == bits(expected)


@pytest.mark.slow
@pytest.mark.usefixtures("crews")
def test_a_task_whose_processes_are_killed_twice_has_failed_and_the_others_are_done(tmp_path):
    what, about = comparison(tmp_path, words=("tanh", "relu"), training__steps=3000)
    found = compare(*what, **about, workers=Killing(1, times=2))
    assert list(found.failures) == ["tanh"]
    assert found.failures["tanh"].exit_code == 1
    assert found.failures["tanh"].reason.startswith("its process ended by SIGKILL")
    assert list(found.compared.summary.arms) == ["relu"]


def test_processes_leave_soon_where_a_stop_is_asked_for(tmp_path):
    what, about = comparison(tmp_path, training__steps=10**8)
    told = []

    def report(_label, _progress):
        if not told:
            told.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError, match="to go on: the same with --needed"):
        compare(*what, **about, workers=Processes(2), report=report)
    assert time.monotonic() - told[0] < 10
    assert not workers_module.get_context("spawn").active_children()
    assert read_json(next((tmp_path / "runs").glob("2*/run.json")))["status"] == "interrupted"


def in_two_processes(folder, **streams):
    """A comparison that trains in two processes of its own, and would for hours."""
    write(folder, TEXT)
    write(folder, TELLING, "telling.py")
    words = ("-a", "one", "-a", "two", "--plugin", "telling.py", "--jobs", "2", "--json")
    process = subprocess.Popen(
        [*COMMAND, "compare-activations", "experiment.yaml", *words, "--set", "training.steps=100000000"],
        cwd=folder, env=environment(), text=True, start_new_session=True, **streams,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(folder.glob("training*"))) == 2:
            return process
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"no two processes train: {process.communicate()}")


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_all_processes_and_ends_them_quietly(tmp_path):
    process = in_two_processes(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.startswith("stopped by SIGINT: the comparison in runs/")
    assert len(stderr.splitlines()) == 1
    _assert_ended(process.pid)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.8, 1.2, 1.6, 2.0])
def test_ctrl_c_while_processes_start_is_one_line_too(seconds, tmp_path):
    """Whenever that is: before there are any, while they load, or later."""
    write(tmp_path, TEXT)
    words = ("compare-activations", "experiment.yaml", "--jobs", "2", "--set", "training.steps=100000000", "--quiet")
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.startswith("stopped by SIGINT")
    assert len(stderr.splitlines()) == 1
    _assert_ended(process.pid)


def test_a_ctrl_c_that_reaches_a_process_while_it_starts_is_not_for_it_either(tmp_path, monkeypatch, capfd):
    start = SpawnProcess.start

    def interrupted(process):
        start(process)
        for number in (signal.SIGINT, signal.SIGHUP):
            os.kill(process.pid, number)

    monkeypatch.setattr(SpawnProcess, "start", interrupted)
    monkeypatch.setattr(workers_module, "_TRIES", 1)
    what, about = comparison(tmp_path)
    assert not compare(*what, **about, workers=Processes(2)).failures
    assert capfd.readouterr().err == ""
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGHUP}


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(tmp_path):
    process = in_two_processes(tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.kill()
    process.wait()
    _assert_ended(process.pid)


def _assert_ended(group):
    """No process of the group runs on for long."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _is_alive(group):
        time.sleep(0.1)
    assert not _is_alive(group)


def _is_alive(group):
    """Whether a group of processes has one that runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_another_process_makes_the_same_of_what_tasks_share(tmp_path):
    plugin = tmp_path / "moody.py"
    plugin.write_text(MOODY)
    (_, dataset, *_), _ = comparison(tmp_path)
    found = Shared.unpacked(
        Shared(dataset, (("moody.py", MOODY.encode()), ("moody2.py", b"ACTIVATIONS = []")), 2).packed()
    )
    assert {"moody", "relu"} <= set(found.activations)
    assert found.threads == 2
    np.testing.assert_array_equal(found.dataset.x, dataset.x)


OWN = """\
import numpy as np
from nnlab.maths.activations import Activation

ACTIVATIONS = [
    Activation.from_functions("bent", lambda z: z + z**3, lambda z: 1 + 3 * z**2, formula="x + x³")
]
"""


def test_a_plugin_and_a_formula_train_to_the_same_bits_in_other_processes(tmp_path):
    write(tmp_path, OWN, "bent.py")
    words = ("-a", "bent", "-a", "x * sigmoid(x)", "--plugin", "bent.py", "--seeds", "2", "--tune")
    words = (*words, "optimizer.learning_rate={name: cosine, base: 0.1},0.05")
    assert bits(compared(tmp_path, *words)) == bits(compared(tmp_path, *words, "--jobs", "2"))


def test_a_task_from_another_process_has_the_entries_of_the_table_there(tmp_path):
    write(tmp_path, OWN, "bent.py")
    table = with_plugins([tmp_path / "bent.py"])
    experiment, document = load(write(tmp_path, TEXT), (), table)
    arms = variants(experiment, arms_from(["bent", "relu"], table))
    task = pickle.loads(pickle.dumps(Task(tuple(arms), (0, 1))))
    shared = Shared.unpacked(Shared(read_data(experiment, document, tmp_path), (("bent.py", OWN.encode()),)).packed())
    bent, relu = shared.received(task).variants
    assert bent.choice.entry is bent.experiment.network.activation.entry is shared.activations["bent"]
    assert relu.choice.entry is ACTIVATIONS["relu"]
    assert relu.experiment.optimizer.entry.name == "adam"


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_arm_that_fails_is_told_and_the_others_are_complete(jobs, tmp_path):
    write(tmp_path, MOODY, "moody.py")
    alone = compared(tmp_path, "-a", "tanh", "-a", "relu", "--seeds", "3")
    words = ("-a", "tanh", "-a", "moody", "-a", "relu", "--plugin", "moody.py", "--seeds", "3", "--jobs", jobs)
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--json", cwd=tmp_path)
    assert result.exit_code == 1  # 2 would say that nothing was written
    reason = "moody.py: value of activation 'moody' raised ArithmeticError: not in batches of sixteen"
    assert f"1 of 3 arms failed: moody: {reason}" in result.stderr
    summary = parse_json(result.stdout)
    assert summary["failed"] == {"moody": reason}
    assert list(summary["arms"]) == ["tanh", "relu"]
    assert bits(tmp_path / summary["run"]) == bits(alone)
    assert read_json(tmp_path / summary["run"] / "run.json")["status"] == "failed"


def test_where_all_arms_fail_there_is_no_result(tmp_path):
    write(tmp_path, MOODY, "moody.py")
    write(tmp_path, TEXT)
    words = ("-a", "moody", "--plugin", "moody.py", "--seeds", "2", "--json")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1 of 1 arms failed" in result.stderr


def test_the_exit_code_is_that_of_the_failure(tmp_path):
    """Batches of some rows are what a line search cannot do with."""
    write(tmp_path, TEXT)
    words = ("-a", "tanh", "--seeds", "2", "--json", "--tune", "optimizer.name=adam,lbfgs", "--quiet")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--set", "optimizer=adam", cwd=tmp_path)
    assert result.exit_code == 2
    assert "whose line search" in result.stderr


# --- what is done already ---------------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again_and_gives_the_same_bytes(tmp_path):
    first = compared(tmp_path, "--seeds", "4")
    again = compared(tmp_path, "--seeds", "4", "--needed", "--name", "other")
    assert read_json(again / "run.json")["reused"] == 12
    for name in ("results.csv", "metrics.csv"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert bits(first) == bits(again)


def test_more_seeds_and_arms_take_over_those_that_are_done(tmp_path):
    compared(tmp_path, "-a", "tanh", "--seeds", "2", "--seed", "1")
    partly = compared(tmp_path, "-a", "relu", "-a", "tanh", "--seeds", "5", "--needed")
    assert read_json(partly / "run.json")["reused"] == 2
    assert bits(partly) == bits(compared(tmp_path, "-a", "relu", "-a", "tanh", "--seeds", "5"))


def test_without_needed_everything_is_trained(tmp_path):
    compared(tmp_path, "-a", "tanh", "--seeds", "2")
    assert read_json(compared(tmp_path, "-a", "tanh", "--seeds", "2") / "run.json")["reused"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--set", "optimizer.learning_rate=0.06"),
        ("--set", "training.steps=31"),
        ("--set", "data.source.seed=5"),
        ("--set", "precision=float64"),
        ("--layer", "1", "--set", "network.layers=[4, 3]"),
    ],
    ids=lambda words: words[1],
)
def test_another_experiment_takes_nothing_over(words, tmp_path):
    compared(tmp_path, "-a", "tanh", "--seeds", "2")
    assert read_json(compared(tmp_path, "-a", "tanh", "--seeds", "2", "--needed", *words) / "run.json")["reused"] == 0


def test_the_progress_of_an_arm_tells_how_far_all_are_and_that_it_ended_early(tmp_path):
    early = {"training__early_stopping__patience": 1, "training__steps": 3000}
    what, about = comparison(tmp_path, words=("tanh", "relu"), **early)
    told = []
    compare(*what, **about, report=lambda label, progress: told.append((label, progress)))
    wholes = [progress.whole for _, progress in told]
    assert [whole.share for whole in wholes] == sorted(whole.share for whole in wholes)
    assert {(label, progress.whole.arm, progress.whole.arms) for label, progress in told} == {
        ("tanh", 1, 2),
        ("relu", 2, 2),
    }
    assert [(label, progress.whole.left) for label, progress in told if progress.ended] == [("tanh", 1), ("relu", 0)]
    assert all(progress.step < 3000 for _, progress in told)
    assert (wholes[-1].share, wholes[-1].seconds_left) == (1.0, 0.0)


def test_an_interrupted_comparison_is_gone_on_with(tmp_path):
    what, about = comparison(tmp_path)
    finished = []

    def report(label, progress):
        if progress.step == progress.steps:
            finished.append(label)
        if len(finished) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedRunError) as error:
        compare(*what, **about, report=report)
    assert error.value.exit_code == 143
    again = compare(*what, **about, needed=True)
    assert again.reused == 4  # of the first arm; the second was interrupted in its last step
    assert bits(again.compared.folder) == bits(compare(*what, **about).compared.folder)


def test_early_stopped_seeds_taken_from_a_longer_piece_give_the_same_bytes(tmp_path):
    words = ("-a", "tanh", "--set", "training.early_stopping.patience=1", "--set", "training.steps=300")
    compared(tmp_path, *words, "--seeds", "8")
    few = compared(tmp_path, *words, "--seeds", "3", "--needed")
    assert read_json(few / "run.json")["reused"] == 3
    assert bits(few) == bits(compared(tmp_path, *words, "--seeds", "3"))


@pytest.fixture
def piece(tmp_path):
    """A piece on the disk, and its key."""
    run = compared(tmp_path, "-a", "tanh", "--seeds", "2")
    (key, (path,)), *_ = files_of(tmp_path / "runs").items()
    assert path.parent == run / "pieces"
    return path, key


def test_a_piece_reads_back(piece):
    found = read_piece(*piece)
    assert found.seeds == (0, 1)
    assert {"theta", "steps", "curves/val/loss", "finals/test/accuracy"} <= set(found.arrays)


def test_a_damaged_piece_is_told_and_trained_again(piece, tmp_path):
    path, _ = piece
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    words = ("-a", "tanh", "--seeds", "2", "--needed", "--json")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, cwd=tmp_path)
    assert result.exit_code == 0
    assert "is corrupt" in result.stderr
    assert "it is trained again" in result.stderr
    assert bits(tmp_path / parse_json(result.stdout)["run"]) == bits(path.parent.parent)


CHANGES = {
    "another key": lambda arrays, about: (arrays, about | {"key": "0"}),
    "no piece": lambda arrays, about: (arrays, about | {"kind": "run"}),
    "no seeds": lambda arrays, about: (arrays, about | {"seeds": []}),
    "seeds that are no numbers": lambda arrays, about: (arrays, about | {"seeds": ["x", "y"]}),
    "a seed too many": lambda arrays, about: (arrays, about | {"seeds": ["0", "1", "2"]}),
    "no seconds": lambda arrays, about: (arrays, about | {"seconds": None}),
    "no steps": lambda arrays, about: ({name: a for name, a in arrays.items() if name != "steps"}, about),
    "a short curve": lambda arrays, about: (arrays | {"curves/val/loss": arrays["curves/val/loss"][:, 1:]}, about),
    "a stranger": lambda arrays, about: (arrays | {"more": arrays["theta"]}, about),
    "flat weights": lambda arrays, about: (arrays | {"theta": arrays["theta"][:, 0]}, about),
    "marks of another type": lambda arrays, about: (arrays | {"diverged": arrays["bad_step"]}, about),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_piece_that_is_not_what_it_seems_is_refused(change, piece):
    path, key = piece
    whole = load_checkpoint(path)
    about = {name: value for name, value in whole.about.items() if name not in {"format", "members"}}
    save_checkpoint(path, Checkpoint(*CHANGES[change](dict(whole.arrays), about)))
    with pytest.raises(CheckpointError, match="pieces"):
        read_piece(path, key)


def test_pieces_are_not_looked_for_in_what_latest_points_to(piece, tmp_path):
    assert len(files_of(tmp_path / "runs")[piece[1]]) == 1
    shutil.rmtree(tmp_path / "runs")
    assert files_of(tmp_path / "runs") == {}


def test_two_arms_that_are_the_same_are_trained_once(tmp_path):
    run = compared(tmp_path, "-a", "tanh", "--seeds", "2", "--tune", "optimizer.learning_rate=0.05,5e-2,0.1")
    assert len(list((run / "pieces").iterdir())) == 2
    labels = [f"tanh learning_rate={rate}" for rate in ("0.05", "5e-2", "0.1")]
    found = list(dict.fromkeys(row["activation"] for row in read_rows(run / "results.csv")))
    assert [name for name in found if not name.startswith("baseline/")] == labels


def test_without_dask_a_cluster_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    path = write(tmp_path, TEXT)
    result = nnlab_here("compare-activations", path, "--dask", "local", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "--dask: found no package distributed, expected an installation of nnlab[dask]\n"
    assert list(tmp_path.iterdir()) == [path]


def test_dask_is_loaded_only_where_it_is_asked_for():
    code = "import sys, nnlab.comparison.compare; sys.exit('distributed' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
