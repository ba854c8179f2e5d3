"""What `nnlab train configs/mnist.yaml` does, written with PyTorch: its module, its SGD, its DataLoader.

    python benchmarks/scripts/mnist_torch.py FOLDER EPOCHS THREADS

784-512-10 relu, batches of 256, rate 0.2, momentum 0.9, 1e-4 of L2 on the weights; 2,000 images held out and measured
after every epoch, the best weights kept; then figures of all parts, weights and three pictures. Prints the accuracy.
"""

from __future__ import annotations

import copy
import csv
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

DATA = Path("data/mnist")


def idx(name: str, header: int) -> Any:
    """The bytes of an IDX file."""
    return np.frombuffer(gzip.decompress((DATA / name).read_bytes()), np.uint8, offset=header)


def rows(part: str) -> TensorDataset:
    """Scaled images and labels."""
    labels = torch.from_numpy(idx(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64))
    images = idx(f"{part}-images-idx3-ubyte.gz", 16).reshape(len(labels), 784)
    return TensorDataset(torch.from_numpy(images.astype(np.float32) / np.float32(255)), labels)


@torch.no_grad()
def measured(model: nn.Module, part: Any) -> tuple[float, float, Any]:
    """Loss, accuracy and predictions of a part."""
    outputs, labels = [], []
    for x, y in DataLoader(part, batch_size=1024):
        outputs.append(model(x))
        labels.append(y)
    z, y = torch.cat(outputs), torch.cat(labels)
    found = z.argmax(dim=1)
    return float(nn.functional.cross_entropy(z, y)), float((found == y).float().mean()), found


def main(folder: Path, epochs: int, threads: int) -> None:
    """Train and write."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    train, validation = random_split(rows("train"), (58000, 2000))
    test = rows("t10k")
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
    weights, biases = [[p for p in model.parameters() if p.dim() == d] for d in (2, 1)]
    groups = [{"params": weights, "weight_decay": 1e-4}, {"params": biases}]
    optimizer = torch.optim.SGD(groups, lr=0.2, momentum=0.9, fused=True)
    loss_of = nn.CrossEntropyLoss()
    loader = DataLoader(train, batch_size=256, shuffle=True)
    history, best = [], (-1.0, copy.deepcopy(model.state_dict()))
    for epoch in range(1, epochs + 1):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        val_loss, accuracy, _ = measured(model, validation)
        history.append((epoch, float(loss.detach()), val_loss, accuracy))
        if accuracy > best[0]:
            best = (accuracy, copy.deepcopy(model.state_dict()))
    torch.save(model.state_dict(), folder / "last.pt")
    torch.save(best[1], folder / "best.pt")
    model.load_state_dict(best[1])
    parts = {"train": train, "val": validation, "test": test}
    final = {name: measured(model, part) for name, part in parts.items()}
    with (folder / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("epoch", "batch/loss", "val/loss", "val/accuracy"), *history])
    summary = {f"{name}/accuracy": accuracy for name, (_, accuracy, _) in final.items()}
    (folder / "summary.json").write_text(json.dumps(summary))
    draw(np.array(history), test, final["test"][2].numpy(), folder)
    print(json.dumps({"test/accuracy": summary["test/accuracy"]}))


def draw(history: Any, test: TensorDataset, found: Any, folder: Path) -> None:
    """The curves, the confusion and some misclassified images."""
    images, labels = (part.numpy() for part in test.tensors)
    curves = Figure(figsize=(6.4, 4.2), dpi=120)
    FigureCanvasAgg(curves)
    axes = curves.subplots(1, 2)
    axes[0].plot(history[:, 0], history[:, 1:3])
    axes[1].plot(history[:, 0], history[:, 3])
    curves.savefig(folder / "curves.png")
    confusion = Figure(figsize=(6.4, 4.2), dpi=120)
    FigureCanvasAgg(confusion)
    table = np.histogram2d(labels, found, bins=(10, 10))[0].astype(int)
    cells = confusion.add_subplot()
    cells.imshow(table)
    for (row, column), count in np.ndenumerate(table):
        cells.text(column, row, str(count), ha="center", va="center")
    confusion.savefig(folder / "confusion.png")
    wrong = np.flatnonzero(found != labels)[:25]
    pictures = Figure(figsize=(6.4, 6.4), dpi=120)
    FigureCanvasAgg(pictures)
    for place, index in enumerate(wrong, 1):
        cell = pictures.add_subplot(5, 5, place)
        cell.imshow(images[index].reshape(28, 28), cmap="gray")
        cell.set_axis_off()
        cell.set_title(f"{labels[index]}, not {found[index]}", fontsize=7)
    pictures.savefig(folder / "misclassified.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
