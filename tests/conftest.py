"""What every test takes for granted, set before any of them loads NumPy, whatever started pytest."""

import gc
import os
import signal

import pytest
from hypothesis import settings
from pages import png

# One BLAS thread, as nnlab itself runs by default.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

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


def pytest_collection_finish():
    """Leave the collected tests out of all later collections of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def quick_pictures():
    """For tests that train and look at no picture: each is composed and saved, as the smallest PNG file there is.

    To lay pictures out and to paint them takes four fifths of a short training. tests/pictures checks what is painted.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnlab.pictures.style.to_png", lambda _figure: png())
        yield
