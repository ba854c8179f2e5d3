"""What saving costs: the time of a save, and its share of a run that saves as often as nnlab does by default.

    python benchmarks/checkpoint_cost.py

By default a run is saved every 30 seconds, and never so often that saving takes more than a hundredth of the time.
Asked for in steps, it is saved as often as that; the last column says how far apart saves must be to stay below 1 %.
The price of asking after each update whether it is time is part of every step, and shown beside it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from nnlab.config.document import read_text  # noqa: E402
from nnlab.config.experiment import to_yaml, validate  # noqa: E402
from nnlab.experiments.interrupts import Stop  # noqa: E402
from nnlab.experiments.saving import SECONDS_BETWEEN_SAVES, Saver  # noqa: E402
from nnlab.setup.rows import prepare_rows, read_rows  # noqa: E402
from nnlab.setup.setup import Setup, set_up  # noqa: E402
from nnlab.storage.environment import environment  # noqa: E402
from nnlab.storage.folder import RunFolder  # noqa: E402
from nnlab.training.loop import fit  # noqa: E402

CONFIG = """\
name: cost
task: binary
data: {source: {name: moons, samples: 2000}, validation: 0.2}
network: {layers: LAYERS}
training: {steps: 100000000, batch_size: 64, log_every: 100000000, evaluate_every: 100000000}
"""
NETWORKS = ("[4]", "[64, 32]", "[256, 256]", "[1000, 1000]", "[3000, 3000]")
SECONDS = 2.0


def setup_of(layers: str) -> Setup:
    """A network on two thousand rows."""
    experiment = validate(read_text(CONFIG.replace("LAYERS", layers), "cost"))
    return set_up(experiment, prepare_rows(experiment, read_rows(experiment, None, Path()), [experiment.seed]))


def costs(layers: str, folder: Path) -> tuple[int, float, float, float]:
    """Parameters, and seconds for a step, for asking whether to save, and for a save (each the median or mean)."""
    setup = setup_of(layers)
    state, run = setup.start(), RunFolder.create(folder, "cost", config=to_yaml(setup.experiment))
    saver, stop = Saver(setup, run, state, environment()), Stop()
    begun = time.perf_counter()
    for _ in fit(
        setup.network,
        setup.rows.parts(),
        setup.rows.seeds,
        setup.optimizer.update,
        setup.plan,
        state,
        lambda: time.perf_counter() - begun > SECONDS,
        saver.is_due,
    ):
        pass
    step = (time.perf_counter() - begun) / state.step
    begun = time.perf_counter()
    for _ in range(100_000):
        stop() or saver.is_due()
    asking = (time.perf_counter() - begun) / 100_000
    saves = []
    for _ in range(7):
        state.step += 1
        state.best.step += 1
        begun = time.perf_counter()
        saver.save()
        saves.append(time.perf_counter() - begun)
    saver.close()
    return setup.network.layout.size, step, asking, sorted(saves)[3]


def main() -> None:
    """Measure and print a table."""
    print("parameters    step µs  asking %    save ms  by default %  steps between saves for 1 %")
    with tempfile.TemporaryDirectory(prefix="nnlab-cost-") as folder:
        for layers in NETWORKS:
            size, step, asking, save = costs(layers, Path(folder))
            share = 100 * save / max(SECONDS_BETWEEN_SAVES, 100 * save)
            print(
                f"{size:10,d} {step * 1e6:10.1f} {100 * asking / step:9.2f} {save * 1e3:10.1f} {share:13.3f} "
                f"{round(100 * save / step):12,d}"
            )


if __name__ == "__main__":
    main()
