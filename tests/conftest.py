"""One BLAS thread, as nnlab itself runs by default: set here, before any test loads NumPy."""

import os

from hypothesis import settings

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

# A check before a merge must say the same twice; elsewhere each run tries other examples.
settings.register_profile("nnlab", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nnlab")
