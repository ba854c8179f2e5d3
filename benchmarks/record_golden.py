"""Record what each optimizer makes of a small network: tests/golden/OPTIMIZER.json.

    python benchmarks/record_golden.py [OPTIMIZER …]

A file holds theta after 20 steps, the SHA-256 of its bytes, and what decides bits besides the experiment: NumPy, its
SIMD instructions, BLAS and libc. tests/experiments/test_determinism.py asks for the same bits where these are the same,
else for agreement to 1e-6.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from nnlab.config.document import read_text  # noqa: E402
from nnlab.config.experiment import validate  # noqa: E402
from nnlab.maths.optimizers import OPTIMIZERS  # noqa: E402
from nnlab.setup.rows import prepare_rows, read_rows  # noqa: E402
from nnlab.setup.setup import set_up  # noqa: E402
from nnlab.storage.environment import environment  # noqa: E402
from nnlab.training.loop import fit  # noqa: E402
from nnlab.training.state import State  # noqa: E402

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden"

CONFIG = """\
name: golden
task: regression
precision: float64
seed: 1
data: {source: houses, scale: standard, scale_targets: true}
network: {layers: [3], activation: tanh, init: recommended}
optimizer: OPTIMIZER
training: {steps: 20, batch_size: BATCH}
"""


def trained(optimizer: str) -> State:
    """The state after 20 steps on twelve houses."""
    batch = "all" if OPTIMIZERS[optimizer].needs_all_rows else "5"
    experiment = validate(read_text(CONFIG.replace("OPTIMIZER", optimizer).replace("BATCH", batch), "golden"))
    setup = set_up(experiment, prepare_rows(experiment, read_rows(experiment, None, Path()), [experiment.seed]))
    state = setup.start()
    for _ in fit(setup.network, setup.rows.parts(), setup.rows.seeds, setup.optimizer.update, setup.plan, state):
        pass
    return state


def surroundings() -> dict[str, Any]:
    """What decides bits besides the experiment."""
    return {key: value for key, value in environment().items() if key in {"numpy", "simd", "blas", "libc", "machine"}}


def golden(optimizer: str) -> dict[str, Any]:
    """What the file of an optimizer holds."""
    theta = trained(optimizer).theta[0]
    digest = hashlib.sha256(theta.tobytes()).hexdigest()
    return {"optimizer": optimizer, "sha256": digest, "theta": theta.tolist(), "environment": surroundings()}


def main() -> None:
    """Write the files of the optimizers named, by default of all."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or OPTIMIZERS:
        (FOLDER / f"{name}.json").write_text(json.dumps(golden(name), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
