"""The bare training of W6: imports, set up, `fit()` without logging or evaluating; nothing is written or drawn.

python benchmarks/scripts/compare_bare.py SEEDS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from nnlab.config.experiment import load
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.training.loop import fit

if __name__ == "__main__":
    for activation in ("sigmoid", "tanh", "relu"):
        experiment, document = load("configs/xor.yaml", [f"network.activation={activation}"])
        rows = prepare_rows(experiment, read_rows(experiment, document, Path("configs")), range(int(sys.argv[1])))
        setup = set_up(experiment, rows)
        plan = replace(setup.plan, evaluate=(), log_every=setup.plan.steps, evaluate_every=setup.plan.steps)
        for _record in fit(setup.network, rows.parts(), rows.seeds, setup.optimizer.update, plan, setup.start()):
            pass
