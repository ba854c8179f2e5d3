"""One BLAS thread, as nnlab itself runs by default: set here, before any test loads NumPy."""

import os

from hypothesis import settings

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

settings.register_profile("nnlab", deadline=None)
settings.load_profile("nnlab")
