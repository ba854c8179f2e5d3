"""A comparison on a Dask cluster of real processes: the same bits as here, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from support import COMMAND, ROOT, environment, nnlab_here, parse_json, read_rows, write

from nnlab.comparison.arms import arms_from, default_target
from nnlab.comparison.compare import compare
from nnlab.comparison.variants import variants
from nnlab.comparison.workers import SerialWorkers
from nnlab.config.experiment import load
from nnlab.errors import ConfigError, InterruptedRunError, StorageError
from nnlab.maths.activations import ACTIVATIONS
from nnlab.setup.rows import read_rows as read_data

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
from nnlab.comparison import scheduler as scheduler_module  # noqa: E402 - only where there is Dask
from nnlab.comparison.cluster import Dask, dask_workers  # noqa: E402 - the same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("no_pictures", "without_pictures"),
    # What Dask itself does is not ours: it leaves sockets to the garbage collector, for one.
    pytest.mark.filterwarnings("default"),
]

TEXT = """\
name: moons
task: binary
data:
  source: {name: moons, samples: 400}
  validation: 0.2
  test: 0.2
network:
  layers: [32, 32]
optimizer: {name: adam, learning_rate: 0.01}
training: {steps: 600, batch_size: 32}
"""
EXECUTING = lambda dask_worker: dask_worker.state.executing_count  # noqa: E731 - a lambda travels as it is


def started(*words):
    command = [sys.executable, "-m", "dask", *map(str, words)]
    changes = {"PYTHONWARNINGS": "default", "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment(**changes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def running_cluster(folder):
    """The address of a scheduler with two workers, each a process of one thread."""
    file = folder / "scheduler.json"
    # Its web server is there without a dashboard too: on Dask's own port it would be in the way of other clusters.
    quiet = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    scheduler = started("scheduler", "--port", 0, *quiet, "--scheduler-file", file)
    own = ("--scheduler-file", file, "--nthreads", 1, "--no-nanny", "--no-dashboard", "--local-directory", folder)
    workers = [started("worker", *own, "--name", f"worker{i}") for i in range(2)]
    try:
        with distributed.Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster for all tests that leave its processes alone."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.fixture
def own_cluster(tmp_path):
    """A cluster of which a test may kill workers."""
    with running_cluster(tmp_path) as address:
        yield address


IMAGES = """\
name: digits
task: multiclass
data: {source: digits, test: 0.5, validation: 0.5, scale: {name: minmax, together: true}}
network:
  layers: [{augment: {shift: 1}}, {conv2d: 4, kernel: 3}, {max_pool: 2}, {dropout: 0.1}, 8]
training: {steps: 600, batch_size: 20}
"""


def comparison(folder, words=("tanh", "relu", "elu", "sigmoid"), steps=600, text=TEXT):
    """What `compare` needs, apart from where the work is done."""
    experiment, document = load(write(folder, text), [f"training.steps={steps}"])
    dataset = read_data(experiment, document, folder)
    arms = variants(experiment, arms_from(words, ACTIVATIONS))
    about = {"runs": folder / "runs", "target": default_target(experiment, dataset.y)}
    return (experiment, dataset, arms, range(4)), about


def bits(result):
    """The tables and the weights of a comparison, without how long it took."""
    folder = result.compared.folder
    rows = read_rows(folder / "results.csv")
    timeless = [{key: cell for key, cell in row.items() if not key.startswith("seconds")} for row in rows]
    weights = {path.name: path.read_bytes() for path in sorted((folder / "weights").iterdir())}
    return timeless, (folder / "metrics.csv").read_bytes(), weights


def test_networks_of_images_have_the_bits_of_those_trained_here(cluster, tmp_path):
    what, about = comparison(tmp_path, ("relu", "tanh"), steps=60, text=IMAGES)
    expected = compare(*what, **about, workers=SerialWorkers())
    with dask_workers(cluster) as workers:
        found = compare(*what, **about, workers=workers)
    assert bits(found) == bits(expected)


def test_a_worker_that_is_killed_in_the_middle_costs_no_bit(own_cluster, tmp_path):
    what, about = comparison(tmp_path)
    expected = compare(*what, **about, workers=SerialWorkers())
    killed, seen = [], []
    with dask_workers(own_cluster) as workers:
        assert isinstance(workers, Dask)
        assert workers.jobs == 2
        pids = workers.client.run(os.getpid)

        def report(label, progress):
            seen.append((label, progress.step))
            busy = [address for address, keys in workers.client.processing().items() if keys]
            if progress.step < progress.steps and busy and not killed:
                killed.append(pids[busy[0]])
                os.kill(killed[0], signal.SIGKILL)

        found = compare(*what, **about, workers=workers, report=report)
    assert len(killed) == 1
    assert not found.failures
    assert bits(found) == bits(expected)
    assert {label for label, _ in seen} == {"tanh", "relu", "elu", "sigmoid"}


def test_ctrl_c_cancels_what_is_under_way(cluster, tmp_path):
    what, about = comparison(tmp_path, steps=10**8)
    begun = threading.Event()

    def interrupt():
        begun.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with dask_workers(cluster) as workers:
        with pytest.raises(InterruptedRunError) as error:
            compare(*what, **about, workers=workers, report=lambda *_: begun.set())
        assert error.value.exit_code == 130
        deadline = time.monotonic() + 20
        while any(workers.client.run(EXECUTING).values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(workers.client.run(EXECUTING).values())


def test_a_plugin_travels_with_its_text(cluster, tmp_path):
    plugin = tmp_path / "moody.py"
    text = (ROOT / "configs" / "notebooks" / "wrong_relu.py").read_text()
    plugin.write_text(text)
    words = ("-a", "wrong_relu", "-a", "relu", "--plugin", plugin, "--seeds", "2", "--set", "training.steps=5")
    write(tmp_path, TEXT)
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--dask", cluster, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert list(parse_json(result.stdout)["arms"]) == ["wrong_relu", "relu"]


def test_a_cluster_on_this_machine(tmp_path):
    what, about = comparison(tmp_path, words=("tanh", "relu"), steps=20)
    expected = compare(*what, **about)
    with dask_workers("local") as workers:
        assert workers.jobs == os.cpu_count()
        assert bits(compare(*what, **about, workers=workers)) == bits(expected)


def test_ctrl_c_on_a_terminal_reaches_the_workers_of_this_machine_too_and_is_told_in_one_line(tmp_path):
    write(tmp_path, TEXT)
    long = ("--set", "training.steps=10000000", "--set", "training.log_every=500")
    words = ("compare-activations", "experiment.yaml", "-a", "tanh", "-a", "relu", "--dask", "local", *long)
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, env=environment(PYTHONWARNINGS="default"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert "step" in process.stderr.readline()  # of progress: the workers are at work
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process that the command has begun
        out, said = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    (line,) = [line for line in said.splitlines() if " step " not in line]
    assert line.startswith("stopped by SIGINT: the comparison in runs/")
    assert (process.returncode, out) == (130, "")


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "tcp://host", "tcp://a b:1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="found no address of a scheduler"), dask_workers(address):
        pass


UNREACHABLE = {
    "abc://127.0.0.1:1": "found scheme 'abc', expected one of tcp, tls, ws, wss",
    "TCP://127.0.0.1:1": "did you mean 'tcp'",
    "tcp://..:1": "found no name of a host in '..'",
    f"tcp://{'a' * 64}:1": "found no name of a host",
    "tcp://127.0.0.1:0": "found port 0, expected one from 1 to 65535",
    "tcp://127.0.0.1:65536": "found port 65536",
    "inproc://x:1": "found 'inproc', which reaches a scheduler in the same process only",
    "tls://127.0.0.1:1": "found no certificates for tls, expected tls.ca-file",
    "wss://127.0.0.1:1": "found no certificates for wss",
    "ucx://127.0.0.1:1": "found 'ucx' without the library that it needs",
    "locl": "did you mean 'local'",
    "tcp://a\x1b[31m:1": r"a\\x1b\[31m",
}


@pytest.mark.parametrize(("address", "message"), UNREACHABLE.items(), ids=range(len(UNREACHABLE)))
def test_an_address_by_which_nothing_can_be_reached_is_a_mistake_of_the_user(address, message):
    with pytest.raises(ConfigError, match=message) as error, dask_workers(address):
        pass
    assert "\n" not in str(error.value)


def test_certificates_of_dask_s_configuration_that_are_missing_are_told(tmp_path):
    names = ("ca-file", "client.cert", "client.key")
    own = {f"distributed.comm.tls.{name}": str(tmp_path / f"{name}.pem") for name in names}
    with (
        dask.config.set(own),
        pytest.raises(ConfigError, match="cannot use the certificates of Dask's configuration: FileNotFoundError"),
        dask_workers("tls://127.0.0.1:1"),
    ):
        pass


@contextlib.contextmanager
def mute():
    """The address of a scheduler that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def compared(folder, *words):
    """A comparison in a process of its own, which is killed at the end."""
    write(folder, TEXT)
    process = subprocess.Popen(
        [*COMMAND, "compare-activations", "experiment.yaml", "-a", "tanh", "--seeds", "2", *map(str, words)],
        cwd=folder, env=environment(PYTHONWARNINGS="default"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_mute_scheduler_ends_the_command_with_one_line_and_no_folder(tmp_path):
    with mute() as address, compared(tmp_path, "--dask", address, "--dask-timeout", "1") as process:
        out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (5, "")
    (line,) = told.splitlines()
    assert line.startswith(f"--dask {address}: no answer from the scheduler within 1 s: ")
    assert not (tmp_path / "runs").exists()


def test_a_mute_scheduler_is_told_while_it_is_waited_for_and_ctrl_c_leaves(tmp_path):
    with mute() as address, compared(tmp_path, "--dask", address, "--dask-timeout", "600") as process:
        line = process.stderr.readline()
        assert line.startswith(f"warning: --dask {address}: no answer from the scheduler within 5 s: ")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    assert process.returncode == 130


def test_a_scheduler_without_workers_and_one_that_loses_its_last_are_told_with_what_to_do(tmp_path):
    file = tmp_path / "scheduler.json"
    quiet = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1")
    own = ("--scheduler-file", file, "--nthreads", 1, "--no-nanny", "--no-dashboard", "--local-directory", tmp_path)
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(
            killed_at_end(started("scheduler", "--port", 0, *quiet, "--scheduler-file", file))
        )
        with distributed.Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            address = client.scheduler.address
        long = ("--set", "training.steps=100000000", "--set", "training.log_every=1000")
        process = stack.enter_context(compared(tmp_path, "--dask", address, "--dask-timeout", "60", *long))
        line = process.stderr.readline()
        assert line.startswith(f"warning: --dask {address}: no worker that answers within ")
        assert f"start one with: dask worker {address}; waiting up to 60 s" in line
        worker = stack.enter_context(killed_at_end(started("worker", *own)))
        while " step " not in (line := process.stderr.readline()):
            assert line
        worker.kill()
        while "no worker that answers" not in (line := process.stderr.readline()):
            assert " step " in line
        assert "within 5 s (wait 2)" in line
        os.kill(scheduler.pid, signal.SIGSTOP)  # now nothing answers any more
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.6)  # two signals at nearly the same time are one
        process.wait(timeout=20)
    assert process.returncode in {130, -signal.SIGINT}  # the second may come when the first has ended the command
    (run,) = (path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert '"interrupted"' in (run / "run.json").read_text(encoding="utf-8")


@contextlib.contextmanager
def killed_at_end(process):
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_timeout_without_a_cluster_is_a_mistake(tmp_path):
    write(tmp_path, TEXT)
    result = nnlab_here("compare-activations", "experiment.yaml", "--dask-timeout", "5", cwd=tmp_path)
    assert result.exit_code == 2
    assert "found --dask-timeout without --dask" in result.stderr


def test_what_is_missing_is_said_at_first_and_every_half_minute_and_ends_at_the_limit(monkeypatch):
    clock, told = [0.0], []
    monkeypatch.setattr(scheduler_module.time, "monotonic", lambda: clock[0])
    patience = scheduler_module.Patience("tcp://a:1", lambda text: told.append((clock[0], text)), 100)
    missing = (scheduler_module.IDLE, 0.0)
    for clock[0] in range(100):
        patience.look(missing)
    assert [at for at, _ in told] == [5, 35, 65]
    clock[0] = 100
    with pytest.raises(
        StorageError, match="no worker that answers within 100 s: start one with: dask worker tcp://a:1"
    ):
        patience.look(missing)
    patience.look(None)
    clock[0] = 106
    patience.look((scheduler_module.IDLE, 101.0))  # another time that the last worker goes: said anew
    assert told[-1][0] == 106
    assert told[-1][1] not in [text for _, text in told[:-1]]  # or a command would not print it


def test_a_scheduler_that_does_not_answer_is_told_within_ten_seconds(monkeypatch):
    """Here it has one, for a test that waits costs as much as one that works."""
    assert scheduler_module._SECONDS_TO_ANSWER == 10
    monkeypatch.setattr(scheduler_module, "_SECONDS_TO_ANSWER", 1)
    begun = time.monotonic()
    with (
        pytest.raises(StorageError, match="no answer from the scheduler within 1 s"),
        dask_workers("tcp://127.0.0.1:1"),
    ):
        pass
    assert time.monotonic() - begun < 10
