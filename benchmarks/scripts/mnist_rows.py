"""From MNIST's packed files to scaled training arrays, beside unpacking them alone; both timed in this process.

    python benchmarks/scripts/mnist_rows.py

Prints a line of JSON with the seconds of each, of five times by turns; whole files are read into memory before.
"""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

from nnlab.config.experiment import load
from nnlab.setup.rows import prepare_rows, read_rows

if __name__ == "__main__":
    experiment, document = load("configs/mnist.yaml")
    base, packed = Path("configs"), sorted(Path("data/mnist").glob("*.gz"))
    found: dict[str, list[float]] = {"rows": [], "unpack": []}
    for _ in range(5):
        begun = time.perf_counter()
        for path in packed:
            gzip.decompress(path.read_bytes())
        found["unpack"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        prepare_rows(experiment, read_rows(experiment, document, base), [experiment.seed])
        found["rows"].append(time.perf_counter() - begun)
    print(json.dumps(found))
