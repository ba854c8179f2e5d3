"""nnlab itself: an experiment file, `set_up`, `fit()`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from workloads import SkipError, Weights, Workload

from nnlab.config.experiment import load
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.training.loop import fit

PACKAGES = ("numpy", "scipy")

FILE = """
name: benchmark
task: {task}
data: {{source: {source}, scale: {scale}}}
network:
  layers: {layers}
  activation: {hidden}
  head: {{activation: {head}, loss: {loss}}}
optimizer: {{name: {rule}, learning_rate: {rate}}}
training: {{{duration}, batch_size: {batch}, shuffle: {shuffle}}}
"""


def experiment_file(workload: Workload) -> str:
    """The workload as a user would write it."""
    return FILE.format(
        task="binary" if workload.source == "xor" else "multiclass",
        source=workload.source,
        scale="standard" if workload.source == "xor" else "{name: minmax, together: true}",
        layers=list(workload.sizes[1:-1]),
        hidden=workload.hidden,
        head=workload.head,
        loss="binary_cross_entropy" if workload.head == "sigmoid" else "cross_entropy",
        rule=workload.rule,
        rate=workload.rate,
        duration=workload.duration,
        batch=workload.batch,
        shuffle=str(workload.shuffle).lower(),
    )


class Fit:
    """`fit()` with the batch's loss logged as often as the file's duration asks for by default.

    Whole splits are measured, as by default, only with `evaluates`: no peer does that while it trains.
    """

    def __init__(self, workload: Workload, *, evaluates: bool = False) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "benchmark.yaml"
            path.write_text(experiment_file(workload), encoding="utf-8")
            experiment, document = load(path)
        seeds = range(1, workload.seeds + 1)
        rows = prepare_rows(experiment, read_rows(experiment, document, Path()), seeds)
        setup = set_up(experiment, rows)
        # The file's duration has decided how often to log; the training itself must not end while turns are taken.
        plan = replace(setup.plan, steps=10**9, evaluate=setup.plan.evaluate if evaluates else ())
        self.setup, self.parts, self.state = setup, rows.parts(), setup.start()
        self.records = fit(setup.network, self.parts, rows.seeds, setup.optimizer.update, plan, self.state)

    def run(self, steps: int) -> None:
        """On to the record at the end of the turn: turns are multiples of what is logged, or whole epochs."""
        end = self.state.step + steps
        for record in self.records:
            if record.step >= end:
                break

    def weights(self) -> Weights:
        """Views of theta."""
        views = self.setup.network.layout.views(self.state.theta)
        if len(self.state.theta) == 1:
            views = {name: view[0] for name, view in views.items()}
        names = [name.removesuffix("/weights") for name in views if name.endswith("/weights")]
        return [(views[f"{name}/weights"], views[f"{name}/bias"]) for name in names]


def evaluating(workload: Workload) -> Fit:
    """With whole splits measured as by default."""
    if workload.name == "W4":
        raise SkipError("a turn is half an epoch, and splits are measured once an epoch")
    return Fit(workload, evaluates=True)


FORMS = {"fit": Fit, "fit and evaluate": evaluating}
