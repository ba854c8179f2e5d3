"""Whatever stands in a file or in an option, a reader gives a value or refuses it in words: never anything else.

The inputs are those of benchmarks/fuzz.py, which tries a million of them; here hypothesis draws a few hundred.
"""

import pytest
from fuzzing import fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REFUSALS = {"ConfigError", "DataError", "CheckpointError", "DamagedCheckpointError", "InputError"}


@pytest.mark.parametrize("name", fuzz.READERS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
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
