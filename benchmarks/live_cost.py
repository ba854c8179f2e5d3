"""What `--live` costs a training of XOR: the time of a step without it and with it, in processor time of its thread.

    python benchmarks/live_cost.py [--rounds 8]

Without the option a record costs one call that does nothing. With it each record is kept, and the page's data are
written once a second at most and for a twentieth of the time at most.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from nnlab.experiments.pictures import load_drawing  # noqa: E402
from nnlab.experiments.train import Training  # noqa: E402
from nnlab.setup.experiment_file import ExperimentFile  # noqa: E402
from nnlab.storage.files import ignore  # noqa: E402
from nnlab.storage.folder import RunFolder  # noqa: E402

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "xor.yaml"
STEPS = 40_000


def seconds(*, live: bool) -> float:
    """The seconds of one training, without what comes after its last step."""
    overrides = [f"training.steps={STEPS}", "training.log_every=10", "training.evaluate_every=100"]
    setup = ExperimentFile.read(CONFIG, overrides).setup()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), "cost", config="")
        training = Training(setup, run, (), {}, ignore, None, live=ignore if live else None)
        saver = training._saver()  # noqa: SLF001 - what is measured is a part of a run
        training._go_live()  # noqa: SLF001 - as above
        begun = time.thread_time()
        training._train(saver)  # noqa: SLF001 - as above
        ended = time.thread_time()
        saver.close()
    return ended - begun


def main() -> None:
    """Measure both in turns and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    load_drawing()  # which every training does once it lasts for a second
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(parser.parse_args().rounds):
        for live, times in found.items():
            times.append(1e6 * seconds(live=live) / STEPS)
    for live, times in found.items():
        name = "with --live" if live else "without"
        print(f"{name:12} {min(times):.2f} µs a step at best, {statistics.median(times):.2f} as a rule")


if __name__ == "__main__":
    main()
