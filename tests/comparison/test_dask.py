"""A comparison on a Dask cluster of real processes: the same bits as here, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import os
import signal
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

distributed = pytest.importorskip("distributed")
from nnlab.comparison import cluster as cluster_module  # noqa: E402 - only where there is Dask
from nnlab.comparison.cluster import Dask, dask_workers  # noqa: E402 - the same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("without_pictures"),
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
    words = ("compare-activations", "experiment.yaml", "--dask", "local", *long)
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


def test_a_scheduler_that_does_not_answer_is_told_within_ten_seconds(monkeypatch):
    """Here it has one, for a test that waits costs as much as one that works."""
    assert cluster_module._SECONDS_TO_ANSWER == 10
    monkeypatch.setattr(cluster_module, "_SECONDS_TO_ANSWER", 1)
    begun = time.monotonic()
    with pytest.raises(StorageError, match="answers within 1 s"), dask_workers("tcp://127.0.0.1:1"):
        pass
    assert time.monotonic() - begun < 10
