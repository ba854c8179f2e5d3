"""nnlab itself: an experiment file, `set_up`, `fit()`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from workloads import IMAGES, Array, Convolutions, SkipError, Weights, Workload

from nnlab.config.experiment import load
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.training.loop import fit

PACKAGES = ("numpy", "scipy")

FILE = """
name: benchmark
task: {task}
data: {data}
network:
  layers: {layers}
  activation: {hidden}
  head: {{activation: {head}, loss: {loss}}}
optimizer: {{name: {rule}, learning_rate: {rate}{momentum}}}
training: {{{duration}, batch_size: {batch}, shuffle: {shuffle}}}
"""
DATA = {
    "xor": "{source: xor, scale: standard}",
    "mnist": "{source: mnist, scale: {name: minmax, together: true}}",
}
# Images lie in a file beside the experiment, (N, channels, rows, columns) of uint8.
IMAGES_DATA = "{source: images.npz, channels: first, scale: {name: range, low: -1, high: 1, from: [0, 255]}}"
TASKS = {"xor": "binary", "faces": "multilabel"}


def experiment_file(workload: Workload) -> str:
    """The workload as a user would write it."""
    return FILE.format(
        task=TASKS.get(workload.source, "multiclass"),
        data=DATA.get(workload.source, IMAGES_DATA),
        layers=[*_convolutions(workload.convolutions), *workload.sizes[1:-1]],
        hidden=workload.hidden,
        head=workload.head,
        loss="binary_cross_entropy" if workload.head == "sigmoid" else "cross_entropy",
        rule=workload.rule,
        rate=workload.rate,
        momentum=f", momentum: {workload.momentum}" if workload.momentum else "",
        duration=workload.duration,
        batch=workload.batch,
        shuffle=str(workload.shuffle).lower(),
    )


def _convolutions(of: Convolutions | None) -> list[dict[str, Any]]:
    """The layers before the dense ones."""
    found: list[dict[str, Any]] = []
    for filters in of.filters if of else ():
        bent: list[dict[str, Any]] = [{"activation": "relu"}, {"max_pool": 2}]
        convolution = {"conv2d": filters, "kernel": of.kernel, "activation": "identity"}
        found += [convolution, *(reversed(bent) if of.pools_first else bent)]
    return [*found, {"dropout": of.dropout}] if of and of.dropout else found


def _write(workload: Workload, folder: Path) -> Path:
    """The experiment, and its images where it has some."""
    path = folder / "benchmark.yaml"
    path.write_text(experiment_file(workload), encoding="utf-8")
    if workload.convolutions:
        x, y = IMAGES[workload.source]()
        labels = y.argmax(axis=1) if workload.head == "softmax" else y.astype(np.uint8)
        np.savez(folder / "images.npz", x=x.reshape(-1, *workload.convolutions.image), y=labels)
    return path


class Fit:
    """`fit()` with the batch's loss logged as often as the file's duration asks for by default.

    Whole splits are measured, as by default, only with `evaluates`: no peer does that while it trains.
    """

    def __init__(self, workload: Workload, *, evaluates: bool = False) -> None:
        with tempfile.TemporaryDirectory() as folder:
            experiment, document = load(_write(workload, Path(folder)))
            found = read_rows(experiment, document, Path(folder))
        rows = prepare_rows(experiment, found, range(1, workload.seeds + 1))
        setup = set_up(experiment, rows)
        # The file's duration has decided how often to log; the training itself must not end while turns are taken.
        plan = replace(setup.plan, steps=10**9, evaluate=setup.plan.evaluate if evaluates else ())
        self.workspace = setup.network.workspace(workload.batch, np.dtype(experiment.precision).itemsize)
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
        return [(_matrix(name, views[f"{name}/weights"]), views[f"{name}/bias"]) for name in names]


def _matrix(layer: str, W: Array) -> Array:
    """A convolution's weights (…, kernel rows, kernel columns, channels, filters) as (…, inputs, units)."""
    if not layer.startswith("conv2d"):
        return W
    by_channel = np.moveaxis(W, -2, -4)
    return by_channel.reshape(*by_channel.shape[:-4], -1, by_channel.shape[-1])


def evaluating(workload: Workload) -> Fit:
    """With whole splits measured as by default."""
    if workload.name == "W4":
        raise SkipError("a turn is half an epoch, and splits are measured once an epoch")
    return Fit(workload, evaluates=True)


def of_one_seed(workload: Workload) -> Fit:
    """A training of several seeds' first one alone, in the same rounds."""
    if workload.seeds == 1:
        raise SkipError("there is but one seed")
    return Fit(replace(workload, seeds=1))


FORMS = {"fit": Fit, "fit and evaluate": evaluating, "fit of one seed": of_one_seed}
