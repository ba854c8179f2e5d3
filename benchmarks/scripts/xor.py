"""What `nnlab train configs/xor.yaml` does, written as a script with a peer: train, measure, save, draw.

    python benchmarks/scripts/xor.py torch|sklearn|jax FOLDER

1,000 steps of gradient descent on XOR with 2-2-1 tanh units; a line of metrics every ten steps, config, summary and
weights (the last and the best), and pictures of cost, accuracy, boundary, predictions and confusion.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STEPS, EVERY, RATE = 1000, 10, 1.0
X = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)
Model = tuple[Callable[[int], None], Callable[[Any], Any], Callable[[], list[Any]]]  # train, logits, weights


def with_torch() -> Model:
    """nn.Sequential and a fused SGD."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, fused=True)
    loss, x, y = nn.BCEWithLogitsLoss(), torch.from_numpy(X), torch.from_numpy(Y)

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    def logits(points: Any) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(points)).numpy()

    return train, logits, lambda: [p.detach().numpy().copy() for p in model.parameters()]


def with_jax() -> Model:
    """A compiled scan of ten steps."""
    import jax
    import jax.numpy as jnp

    random = np.random.default_rng(1)
    weights = [(jnp.asarray(random.normal(size=s), jnp.float32), jnp.zeros(s[1])) for s in ((2, 2), (2, 1))]

    def forward(weights: Any, points: Any) -> Any:
        (W, b), (V, c) = weights
        return jnp.tanh(points @ W + b) @ V + c

    def loss(weights: Any) -> Any:
        z = forward(weights, X)
        return (jax.nn.softplus(z) - Y * z).mean()

    def step(weights: Any, _: Any) -> Any:
        return jax.tree.map(lambda p, g: p - RATE * g, weights, jax.grad(loss)(weights)), None

    ten = jax.jit(lambda weights: jax.lax.scan(step, weights, None, EVERY)[0])

    def train(steps: int) -> None:
        nonlocal weights
        for _ in range(steps // EVERY):
            weights = ten(weights)

    return (
        train,
        lambda points: np.asarray(forward(weights, points)),
        lambda: [np.asarray(p) for w in weights for p in w],
    )


def with_sklearn() -> Model:
    """MLPClassifier with a warm start."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    model = MLPClassifier(
        (2,), activation="tanh", solver="sgd", alpha=0, batch_size=4, learning_rate_init=RATE, shuffle=False,
        momentum=0, nesterovs_momentum=False, tol=0, n_iter_no_change=10**9, warm_start=True, random_state=1,
    )  # fmt: skip

    def train(steps: int) -> None:
        model.max_iter = steps
        model.fit(X, Y.ravel())

    def logits(points: Any) -> Any:
        p = np.clip(model.predict_proba(points)[:, 1:], 1e-7, 1 - 1e-7)
        return np.log(p / (1 - p))

    train(1)
    return train, logits, lambda: [*model.coefs_, *model.intercepts_]


def run(model: Model, folder: Path) -> None:
    """Train and write everything."""
    train, logits, weights = model
    for part in ("plots", "checkpoints"):
        (folder / part).mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"steps": STEPS, "rate": RATE, "layers": [2, 2, 1]}))
    history, best = [], (np.inf, 0, weights())
    with (folder / "metrics.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["step", "train/loss", "train/accuracy"])
        for step in range(0, STEPS + 1, EVERY):
            if step:
                train(EVERY)
            z = logits(X)
            loss, accuracy = float((np.logaddexp(0, z) - Y * z).mean()), float(((z > 0) == Y).mean())
            history.append((step, loss, accuracy))
            table.writerow(history[-1])
            if loss < best[0]:
                best = (loss, step, weights())
    np.savez(folder / "checkpoints" / "last.npz", *weights())
    np.savez(folder / "checkpoints" / "best.npz", *best[2])
    draw(logits, np.array(history), folder / "plots")
    summary = {"final": dict(zip(("train/loss", "train/accuracy"), history[-1][1:], strict=True)), "best": best[:2]}
    (folder / "summary.json").write_text(json.dumps(summary))


def draw(logits: Callable[[Any], Any], history: Any, folder: Path) -> None:
    """Five pictures, without pyplot, which would load more."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def picture(name: str, paint: Callable[[Any], Any]) -> None:
        figure = Figure(figsize=(6.4, 4.2), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure.add_subplot())
        figure.savefig(folder / f"{name}.png")

    grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 200, dtype=np.float32)] * 2), axis=-1)
    surface = 1 / (1 + np.exp(-logits(grid.reshape(-1, 2)).reshape(200, 200)))
    p = 1 / (1 + np.exp(-logits(X).ravel()))
    confusion = np.histogram2d(Y.ravel(), p > 0.5, bins=(2, 2))[0]

    def boundary(axes: Any) -> None:
        axes.contourf(grid[..., 0], grid[..., 1], surface, levels=20, cmap="coolwarm")
        axes.scatter(*X.T, c=Y.ravel(), edgecolors="black")

    picture("cost", lambda axes: axes.semilogy(history[:, 0], history[:, 1]))
    picture("accuracy", lambda axes: axes.plot(history[:, 0], history[:, 2]))
    picture("boundary", boundary)
    picture("predictions", lambda axes: axes.hist([p[Y.ravel() == 0], p[Y.ravel() == 1]], bins=20))
    picture("confusion", lambda axes: axes.imshow(confusion))


if __name__ == "__main__":
    run({"torch": with_torch, "jax": with_jax, "sklearn": with_sklearn}[sys.argv[1]](), Path(sys.argv[2]))
