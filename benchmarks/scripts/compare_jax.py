"""What `nnlab compare-activations configs/xor.yaml --seeds N` does, written as a script with JAX and matplotlib.

    python benchmarks/scripts/compare_jax.py FOLDER SEEDS

Three activations, all seeds of one at once by vmap, 1,000 steps by scan with the loss and the accuracy kept every ten;
then figures of each activation with intervals, all curves and weights, and pictures of the curves and the finals.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

STEPS, EVERY, RATE = 1000, 10, 1.0
X = jnp.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], jnp.float32)
Y = jnp.array([[0], [1], [1], [0]], jnp.float32)
ACTIVATIONS: dict[str, Any] = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "relu": jax.nn.relu}


def start(key: Any) -> Any:
    """Glorot's normal weights, biases of 0."""
    a, b = jax.random.split(key)
    draw = jax.nn.initializers.glorot_normal()
    return (draw(a, (2, 2)), jnp.zeros(2)), (draw(b, (2, 1)), jnp.zeros(1))


def train(activation: Any, seeds: int) -> tuple[Any, Any, Any]:
    """Weights, losses and accuracies, (seeds, …)."""

    def logits(weights: Any) -> Any:
        (W, b), (V, c) = weights
        return activation(X @ W + b) @ V + c

    def loss(weights: Any) -> Any:
        z = logits(weights)
        return (jax.nn.softplus(z) - Y * z).mean()

    def step(weights: Any, _: Any) -> Any:
        return jax.tree.map(lambda p, g: p - RATE * g, weights, jax.grad(loss)(weights)), None

    def ten(weights: Any, _: Any) -> Any:
        weights = jax.lax.scan(step, weights, None, EVERY)[0]
        return weights, (loss(weights), ((logits(weights) > 0) == Y).mean())

    def one(key: Any) -> Any:
        weights, curves = jax.lax.scan(ten, start(key), None, STEPS // EVERY)
        return weights, *curves

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), seeds))


def main(folder: Path, seeds: int) -> None:
    """Train all and write."""
    folder.mkdir(parents=True)
    found, summary = {}, {}
    for name, activation in ACTIVATIONS.items():
        weights, losses, accuracies = (jax.tree.map(np.asarray, part) for part in train(activation, seeds))
        found[name] = (losses, accuracies)
        final, half = accuracies[:, -1], 1.96 * accuracies[:, -1].std() / np.sqrt(seeds)
        summary[name] = {"mean": float(final.mean()), "half": float(half), "values": final.tolist()}
        np.savez(folder / f"{name}.npz", losses, accuracies, *[p for pair in weights for p in pair])
    (folder / "summary.json").write_text(json.dumps(summary))
    steps = np.arange(EVERY, STEPS + 1, EVERY)
    for which, label in enumerate(("loss", "accuracy")):
        figure = Figure(figsize=(6.4, 4.2), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for name, curves in found.items():
            low, middle, high = np.percentile(curves[which], (10, 50, 90), axis=0)
            axes.plot(steps, middle, label=name)
            axes.fill_between(steps, low, high, alpha=0.2)
        axes.legend()
        axes.set_ylabel(label)
        figure.savefig(folder / f"{label}.png")
    figure = Figure(figsize=(6.4, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.add_subplot().boxplot([curves[1][:, -1] for curves in found.values()], tick_labels=list(found))
    figure.savefig(folder / "finals.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
