"""Whatever stands in a file or in an option, a reader gives a value or refuses it in words: never anything else.

The inputs are those of benchmarks/fuzz.py, which tries a million of them; here hypothesis draws a few hundred.
"""

import subprocess
import sys

import pytest
from fuzzing import fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import ROOT, environment, write

REFUSALS = {"ConfigError", "DataError", "CheckpointError", "DamagedCheckpointError", "InputError"}


@pytest.mark.parametrize("name", fuzz.READERS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(chance=st.randoms(use_true_random=False))
def test_a_reader_reads_or_refuses(tmp_path_factory, name, chance):
    folder = tmp_path_factory.getbasetemp() / f"fuzz-{name}"
    folder.mkdir(exist_ok=True)
    reader = fuzz.READERS[name]
    assert fuzz.outcome(reader, reader.make(chance), folder) in REFUSALS | {"read"}


@pytest.mark.parametrize("name", fuzz.READERS)
def test_the_inputs_are_neither_all_read_nor_all_refused(tmp_path, name):
    outcomes = {fuzz.outcome(fuzz.READERS[name], fuzz.input_of(name, seed), tmp_path) for seed in range(100)}
    assert "read" in outcomes
    assert outcomes & REFUSALS


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (KeyError("a"), "a"),
        (fuzz.InputError("two\nlines"), "two"),
        (fuzz.InputError("\x1b[2J"), "x1b"),
        (UserWarning("careful"), "careful"),
    ],
    ids=str,
)
def test_what_is_neither_a_value_nor_a_refusal_is_a_finding(tmp_path, fault, message):
    def read(_content, _folder):
        raise fault

    with pytest.raises((KeyError, AssertionError, UserWarning), match=message):
        fuzz.outcome(fuzz.Reader(None, read), b"", tmp_path)


def test_an_input_that_takes_for_ever_is_a_finding(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "SLOW", 0.05)

    def read(_content, _folder):
        while True:
            pass

    with pytest.raises(fuzz.TooSlowError):
        fuzz.outcome(fuzz.Reader(None, read), b"", tmp_path)


PROPERTIES = """\
from hypothesis import given, settings, strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

tried = {"own": 0, "usual": 0}

@settings(max_examples=7)
@given(st.integers())
def test_own(_x):
    tried["own"] += 1

@given(st.floats())
def test_usual(_x):
    tried["usual"] += 1

@given(st.none())
def test_how_many_there_were(_x):
    assert tried == {"own": 21, "usual": 300}

@settings(max_examples=400)
@given(number=st.integers(0, 500))
def test_rare(number):
    assert number != 321

def test_no_property():
    raise AssertionError
"""


def test_every_property_is_tried_on_more_examples_and_a_finding_comes_with_its_seed(tmp_path):
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    write(tmp_path, PROPERTIES, "test_a.py")
    options = ["--properties", "--times", "3", "--seed", "4", "--room"]
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz.py"), *options]
    environment_ = environment(PYTHONPATH=str(ROOT / "tests"), CI="1")

    def tried(room):
        return subprocess.run([*command, room], env=environment_, capture_output=True, text=True, check=False)

    done = tried(str(tmp_path / "test_a.py"))
    assert done.returncode == 1, done.stdout + done.stderr
    found = [line for line in done.stdout.splitlines() if line.startswith("finding")]
    assert len(found) == 2, done.stdout + done.stderr
    assert found[0].startswith("finding: python benchmarks/fuzz.py --properties --times 3 --seed 4 --room '")
    assert found[0].endswith("test_a.py::test_rare'")
    assert found[1] == "findings: 1"
    assert "number=321" in done.stdout
    assert tried(f"{tmp_path / 'test_a.py'}::test_own").returncode == 0
