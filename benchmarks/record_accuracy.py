"""Record how many units in the last place activations and their slopes are off: nnlab/experiments/accuracy.json.

    python benchmarks/record_accuracy.py [NAME …]

Value and slope in float64 with the default parameters, against the mathematics in 50 digits and at the points of
tests/maths/test_activations.py, which bounds the same errors. Points near a root, where terms cancel and the test
bounds the error absolutely, count only if they break that bound. Takes a minute; the passport of an activation
(`nnlab activations show`) prints what is recorded.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "nnlab" / "experiments" / "accuracy.json"
sys.path.insert(0, str(ROOT / "tests"))


def measure(name: str, tests: dict[str, Any]) -> dict[str, float | None]:
    """The worst errors of value and slope; up to which |x| (null: any), and what difference near a root passes."""
    exact = tests["REFERENCES"][name]
    z = tests["points"](exact.within)
    with np.errstate(all="ignore"):
        found = {"value": tests["value"](name, z), "slope": tests["slope"](name, z)}
    worst = {
        key: max(map(tests["ulps"], *_counted(z, found[key], getattr(exact, key), about)), default=0.0)
        for key, about in zip(found, exact.about, strict=True)
    }
    within = None if exact.within == np.inf else float(exact.within)
    figures = {key: float(f"{error:.3g}") for key, error in worst.items()}
    return {**figures, "within": within, "about": float(f"{max(exact.about):.2g}")}


def _counted(z: Any, found: Any, reference: Any, about: float) -> tuple[list[float], list[Any]]:
    """The values found and the exact ones, where the difference exceeds the absolute bound."""
    pairs = [(value, reference(mp.mpf(x))) for x, value in zip(z.tolist(), found.tolist(), strict=True)]
    kept = [(value, exact) for value, exact in pairs if not about or not abs(mp.mpf(value) - exact) <= about]
    return [value for value, _ in kept], [exact for _, exact in kept]


def main() -> None:
    """Record all activations, or those named."""
    tests = runpy.run_path(str(ROOT / "tests" / "maths" / "test_activations.py"))
    recorded = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    recorded |= {name: measure(name, tests) for name in sys.argv[1:] or tests["NAMES"]}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(recorded[name])}" for name in tests["NAMES"])
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
