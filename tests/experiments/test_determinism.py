"""The same experiment on the same machine gives the same bits, whatever surrounds it; on others nearly the same."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from support import HOUSES, ROOT, environment, nnlab, nnlab_here, read_json, read_rows, trained, write

from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.storage import checkpoints
from nnlab.storage.environment import differences
from nnlab.storage.environment import environment as present

sys.path.insert(0, str(ROOT / "benchmarks"))

import record_golden

# --- golden files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_gives_the_recorded_bits_or_where_libraries_differ_nearly_so(optimizer):
    recorded = read_json(record_golden.FOLDER / f"{optimizer}.json")
    theta = record_golden.trained(optimizer).theta[0]
    np.testing.assert_allclose(theta, recorded["theta"], rtol=1e-6, atol=1e-9)
    if recorded["environment"] == record_golden.surroundings():
        assert hashlib.sha256(theta.tobytes()).hexdigest() == recorded["sha256"]


def test_the_hash_of_a_golden_file_is_that_of_its_numbers():
    for path in record_golden.FOLDER.iterdir():
        recorded = read_json(path)
        assert hashlib.sha256(np.array(recorded["theta"]).tobytes()).hexdigest() == recorded["sha256"]


def test_there_is_a_golden_file_for_each_optimizer_and_no_other():
    assert {path.stem for path in record_golden.FOLDER.iterdir()} == set(OPTIMIZERS)


# --- surroundings ----------------------------------------------------------------------------------------------------

STEPS = ("--set", "training.steps=24", "--set", "training.batch_size=5")
# What does not exclude each other at once, always in another folder: to paint the pictures takes seconds.
SURROUNDINGS = {
    "time zone and language": {"TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8", "LC_ALL": "C.UTF-8"},
    "hash seed and no assertions": {"PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "1"},
}


def left(run):
    """Every byte that a run leaves, but for times and names."""
    files = [run / name for name in ("metrics.csv", "hashes.csv", "config.yaml")]
    files += [*sorted((run / "plots").iterdir()), *sorted((run / "checkpoints").iterdir())]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    result = nnlab("train", write(folder, HOUSES), *STEPS, "--quiet", cwd=folder)
    assert result.returncode == 0, result.stderr
    return left(folder / result.stdout.strip())


@pytest.mark.slow
@pytest.mark.parametrize("changes", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_weights_metrics_pictures_and_checkpoints_are_the_same_bytes(changes, expected, tmp_path):
    folder = tmp_path / "a folder of its own"
    folder.mkdir()
    result = nnlab("train", write(tmp_path, HOUSES), *STEPS, "--quiet", cwd=folder, **changes)
    assert result.returncode == 0, result.stderr
    found = left(folder / result.stdout.strip())
    assert [name for name in expected if found.get(name) != expected[name]] == []


@pytest.mark.parametrize("words", [("log_every=1",), ("evaluate_every=1",), ("log_every=7", "evaluate_every=5")])
def test_how_often_something_is_measured_changes_no_weight(words, tmp_path):
    often = [word for pair in words for word in ("--set", f"training.{pair}")]
    runs = [trained(tmp_path, write(tmp_path, HOUSES), *STEPS, *more) for more in ((), often)]
    theta = [checkpoints.load(run / "checkpoints/last.npz").arrays["theta"].tobytes() for run in runs]
    assert theta[0] == theta[1]
    ends = [read_rows(run / "hashes.csv")[-1] for run in runs]
    assert ends[0] == ends[1]


# --- BLAS threads ----------------------------------------------------------------------------------------------------

QUICKER = str(ROOT / "tests" / "quick_pictures")
WATCHED = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("THREADS", os.environ.get("OPENBLAS_NUM_THREADS"), file=sys.stderr)

sys.meta_path.insert(0, Watch())
sys.argv = ["nnlab", *sys.argv[1:]]
from nnlab.cli.app import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set_before_numpy_loads_and_recorded(threads, tmp_path):
    words = ("train", write(tmp_path, HOUSES), "--threads", str(threads), "--quiet")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words],
        cwd=tmp_path,
        env=environment(OPENBLAS_NUM_THREADS=None, NO_PICTURES="1", PYTHONPATH=QUICKER),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"THREADS {threads}"
    facts = read_json(tmp_path / "runs/latest/run.json")
    assert facts["threads"] == threads
    assert {library["num_threads"] for library in facts["environment"]["blas"]} <= {1, threads}


# --- the fingerprint of an environment -------------------------------------------------------------------------------


def test_an_environment_does_not_differ_from_itself():
    assert list(differences(present(), present())) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"numpy": "0.1"}, "numpy: 0.1, now "),
        ({"processor": "Z80"}, "processor: Z80, now "),
        ({"blas": [{"internal_api": "mkl", "num_threads": 8}]}, "blas: internal_api mkl num_threads 8, now "),
        ({"git_commit": None}, "git_commit: unknown, now "),
    ],
)
def test_what_may_change_bits_is_named(change, said):
    found = list(differences({**present(), "git_commit": "abc"} | change, {**present(), "git_commit": "def"}))
    assert any(text.startswith(said) for text in found)


def test_what_changes_no_bit_is_not_named():
    assert list(differences(present() | {"system": "Plan 9", "cores": 512}, present())) == []


def test_the_code_of_plugins_is_part_of_it(tmp_path):
    path = tmp_path / "p.py"
    path.write_text("a = 1\n", encoding="utf-8")
    before = present([path])
    path.write_text("a = 2\n", encoding="utf-8")
    assert [text.partition(":")[0] for text in differences(before, present([path]))] == ["plugins"]


def test_the_quiet_and_the_talkative_train_alike(expected, tmp_path):
    result = nnlab_here("train", write(tmp_path, HOUSES), *STEPS, "--json", cwd=tmp_path)
    assert result.exit_code == 0
    assert left((tmp_path / "runs/latest").resolve())["metrics.csv"] == expected["metrics.csv"]
