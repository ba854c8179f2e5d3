"""What every test takes for granted, set before any of them loads NumPy, whatever started pytest."""

import gc
import os
import signal
from pathlib import Path

import disks
import pytest
from hypothesis import HealthCheck, settings
from pages import png

# One BLAS thread, as nnlab itself runs by default.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

disks.believe()

# No test keeps decoded images in the user's own cache.
os.environ["NNLAB_CACHE"] = ""

# A shell that starts pytest in the background has it ignore Ctrl-C, and so would every command that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)

# Ten thousand collected tests are a million objects, which each collection of garbage would look through.
gc.set_threshold(50_000)

# A check before a merge must say the same twice; elsewhere each run tries other examples.
settings.register_profile("nnlab", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nnlab")

# benchmarks/fuzz.py --properties tries so many times as many examples of every property.
EXAMPLES_TIMES = int(os.environ.get("NNLAB_EXAMPLES_TIMES", "1"))


def pytest_collection_modifyitems(items):
    """Multiply the examples of each property, also where a test has settings of its own, and let it remember none."""
    if EXAMPLES_TIMES > 1:
        for function in {item.function for item in items if hasattr(item.function, "hypothesis")}:
            own = function._hypothesis_internal_use_settings
            function._hypothesis_internal_use_settings = settings(
                own,
                max_examples=own.max_examples * EXAMPLES_TIMES,
                derandomize=False,
                database=None,
                suppress_health_check=list(HealthCheck),  # a loaded machine is slow
            )


def pytest_collection_finish():
    """Leave the collected tests out of all later collections of garbage."""
    gc.collect()
    gc.freeze()


QUICKER = {"PYTHONPATH": str(Path(__file__).with_name("quick_pictures"))}


@pytest.fixture(scope="module")
def quick_pictures():
    """For tests that train and look at no picture: each is composed and saved, as the smallest PNG file there is.

    To lay pictures out and to paint them takes four fifths of a short training. tests/pictures checks what is painted.
    Commands that the tests start compose and save theirs in the same way, but for those that are started `PAINTED`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.ADDED", QUICKER)
        patch.setattr("nnlab.pictures.style.to_png", lambda _figure: png())
        yield


@pytest.fixture(scope="module")
def no_pictures():
    """For tests of which no picture is any part, with ordinary experiments: none is even composed.

    That takes two thirds of a short training that is left to `quick_pictures`, and half of a command that starts.
    """
    from nnlab.experiments.pictures import _attempt  # noqa: PLC0415 - what is set above is set before NumPy loads

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.ADDED", {**QUICKER, "NO_PICTURES": "1"})
        patch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
        yield _attempt


@pytest.fixture
def with_pictures(no_pictures, monkeypatch):
    """For a test among those of `no_pictures` that has to do with pictures: they are as with `quick_pictures`."""
    monkeypatch.setattr("support.ADDED", QUICKER)
    monkeypatch.setattr("nnlab.pictures.style.to_png", lambda _figure: png())
    monkeypatch.setattr("nnlab.experiments.pictures._attempt", no_pictures)
