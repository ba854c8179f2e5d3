"""Record PyTorch's image layers for the tests: `python benchmarks/record_image_references.py`, where torch is.

Writes into tests/references/: images.json, which lists the cases and the version of torch, and images.npz with their
arrays, as `CASE/x`. Images are (N, channels, rows, columns), weights in PyTorch's order: (out, in, rows, columns) of a
convolution and (out, in) of a dense layer. All is float64, but for the networks that are trained in float32 as well.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

REFERENCES = Path(__file__).resolve().parents[1] / "tests" / "references"

F = torch.nn.functional
Arrays = dict[str, np.ndarray[Any, Any]]
Shape = tuple[int, int, int, int]  # of a batch: N, channels, rows, columns


class Calling(nn.Module):
    """A function as a module."""

    def __init__(self, words: str, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.words, self.forward = words, function

    def extra_repr(self) -> str:
        """What it calls."""
        return self.words


def largest_of_pairs(x: torch.Tensor) -> torch.Tensor:
    """The larger of each two neighbouring channels."""
    return x.unflatten(1, (-1, 2)).max(dim=2).values


def conv(kernel: Any, filters: int = 3, *, channels: int = 2, **more: Any) -> tuple[Any, nn.Module]:
    """A convolution in nnlab's words and in PyTorch's."""
    return {"conv2d": filters, "kernel": kernel, **more}, nn.Conv2d(channels, filters, kernel, **more)


# (what is told apart, the shape of x, (nnlab's layer, PyTorch's)). With `ties` x holds few different numbers.
LAYERS: list[tuple[str, Shape, tuple[Any, nn.Module]]] = [
    ("conv 1x1", (2, 3, 4, 5), conv(1, 2, channels=3)),
    ("conv 3x3", (3, 2, 6, 7), conv(3)),
    ("conv 5x5", (2, 2, 8, 7), conv(5)),
    ("conv 2x3", (2, 2, 5, 6), conv([2, 3])),
    ("conv of the whole image", (2, 2, 4, 3), conv([4, 3])),
    ("conv of one channel", (4, 1, 6, 6), conv(3, 1, channels=1)),
    ("conv of one image", (1, 3, 5, 5), conv(3, 4, channels=3)),
    ("conv of many images", (37, 2, 5, 4), conv(3)),
    ("conv stride 2", (2, 2, 7, 7), conv(3, stride=2)),
    ("conv stride 2, last row and column not reached", (2, 2, 8, 6), conv(3, stride=2)),
    ("conv stride 3, last rows and columns not reached", (2, 2, 9, 10), conv(2, stride=3)),
    ("conv stride beyond the kernel", (2, 2, 7, 8), conv(1, stride=3)),
    ("conv strides 2 and 1", (2, 2, 7, 6), conv(3, stride=[2, 1])),
    ("conv padding 1", (2, 2, 5, 6), conv(3, padding=1)),
    ("conv padding 2 and 0", (2, 2, 4, 6), conv(3, padding=[2, 0])),
    ("conv padding 1, stride 2", (2, 2, 6, 7), conv(3, padding=1, stride=2)),
    ("conv padding 2, strides 3 and 2", (2, 3, 7, 8), conv([5, 4], channels=3, padding=2, stride=[3, 2])),
    ("conv same 3x3", (2, 2, 5, 6), conv(3, padding="same")),
    ("conv same 5x3", (2, 2, 5, 6), conv([5, 3], padding="same")),
    ("conv same 2x4", (2, 2, 5, 6), conv([2, 4], padding="same")),
    ("max pool 2", (2, 3, 6, 4), ({"max_pool": 2}, nn.MaxPool2d(2))),
    ("max pool 2, rows left over", (2, 2, 7, 5), ({"max_pool": 2}, nn.MaxPool2d(2))),
    ("max pool 3 stride 2", (2, 2, 7, 8), ({"max_pool": 3, "stride": 2}, nn.MaxPool2d(3, 2))),
    ("max pool 2 stride 1", (2, 2, 5, 4), ({"max_pool": 2, "stride": 1}, nn.MaxPool2d(2, 1))),
    ("max pool 2x3", (2, 2, 6, 7), ({"max_pool": [2, 3]}, nn.MaxPool2d((2, 3)))),
    ("max pool 1 stride 2", (2, 2, 5, 4), ({"max_pool": 1, "stride": 2}, nn.MaxPool2d(1, 2))),
    ("max pool 2 with ties", (4, 2, 6, 6), ({"max_pool": 2}, nn.MaxPool2d(2))),
    ("max pool 3 stride 2 with ties", (4, 2, 7, 7), ({"max_pool": 3, "stride": 2}, nn.MaxPool2d(3, 2))),
    ("max pool 2 stride 1 with ties", (4, 2, 5, 5), ({"max_pool": 2, "stride": 1}, nn.MaxPool2d(2, 1))),
    ("average pool 2", (2, 3, 6, 4), ({"avg_pool": 2}, nn.AvgPool2d(2))),
    ("average pool 2, rows left over", (2, 2, 7, 5), ({"avg_pool": 2}, nn.AvgPool2d(2))),
    ("average pool 3 stride 2", (2, 2, 7, 8), ({"avg_pool": 3, "stride": 2}, nn.AvgPool2d(3, 2))),
    ("average pool 2 stride 1", (2, 2, 5, 4), ({"avg_pool": 2, "stride": 1}, nn.AvgPool2d(2, 1))),
    ("average pool 2x3", (2, 2, 6, 7), ({"avg_pool": [2, 3]}, nn.AvgPool2d((2, 3)))),
    ("global average pool", (3, 4, 5, 3), ("global_avg_pool", nn.AdaptiveAvgPool2d(1))),
    ("prelu per channel", (3, 4, 3, 5), (
        {"activation": {"name": "prelu", "per_unit": True}}, nn.PReLU(num_parameters=4),
    )),
    ("softmax over channels", (2, 4, 3, 5), ({"activation": "softmax"}, nn.Softmax(dim=1))),
    ("glu over channels", (2, 6, 3, 2), ({"activation": "glu"}, nn.GLU(dim=1))),
    ("maxout over channels", (2, 6, 3, 2), (
        {"activation": {"name": "maxout", "pieces": 2}}, Calling("max of pairs of channels", largest_of_pairs),
    )),
]  # fmt: skip


def random_for(name: str) -> np.random.Generator:
    """Each case draws its own numbers, whatever stands before it."""
    return np.random.default_rng(zlib.crc32(name.encode()))


# What nnlab calls a module's parameters, and the layers that have them.
KINDS: dict[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.Conv2d: ("conv2d", ("weights", "bias")),
    nn.Linear: ("dense", ("weights", "bias")),
    nn.BatchNorm2d: ("batch_norm", ("gamma", "beta")),
    nn.PReLU: ("prelu", ("alpha",)),
}


def named(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters under nnlab's names."""
    counts: Counter[str] = Counter()
    for module in model.modules():
        if type(module) in KINDS:
            kind, names = KINDS[type(module)]
            counts[kind] += 1
            for name, values in zip(names, module.parameters(), strict=True):
                yield f"{kind}{counts[kind]}/{name}", values


def drawn(model: nn.Module, random: np.random.Generator) -> None:
    """Parameters that are nowhere special."""
    with torch.no_grad():
        for values in model.parameters():
            values.copy_(torch.from_numpy(random.normal(0, 0.5, tuple(values.shape))))


def parameters(model: nn.Module, prefix: str) -> Arrays:
    """Copies of the parameters."""
    return {f"{prefix}/{name}": values.detach().numpy().copy() for name, values in named(model)}


def gradients(model: nn.Module) -> Arrays:
    """Their gradients."""
    return {f"gradients/{name}": values.grad.numpy().copy() for name, values in named(model) if values.grad is not None}


def passed(model: nn.Module, x: torch.Tensor, random: np.random.Generator) -> Arrays:
    """Outputs y for x, and the derivatives by x and the parameters of sum(y dy)."""
    x.requires_grad_()
    y = model(x)
    dy = torch.from_numpy(random.normal(size=tuple(y.shape)))
    y.backward(dy)
    assert x.grad is not None
    figures = {"x": x.detach(), "y": y.detach(), "dy": dy, "dx": x.grad}
    return {name: values.numpy() for name, values in figures.items()} | gradients(model)


def layer_arrays(name: str, shape: Shape, model: nn.Module) -> Arrays:
    """A layer's pass over a batch."""
    random = random_for(name)
    drawn(model, random)
    x = random.integers(0, 3, shape).astype(np.float64) if "ties" in name else random.normal(size=shape)
    return parameters(model, "parameters") | passed(model, torch.from_numpy(x), random)


EPSILON = 1e-3
# (name, the shape of a batch, momentum).
NORMS: list[tuple[str, Shape, float]] = [
    ("batch norm", (4, 3, 3, 5), 0.1),
    ("batch norm of one channel", (3, 1, 4, 2), 0.25),
    ("batch norm of one image", (1, 2, 3, 2), 0.1),
]


def norm_arrays(name: str, shape: Shape, momentum: float) -> Arrays:
    """Three batches in training, the last of them back again, then an evaluation of the first."""
    random = random_for(name)
    model = nn.BatchNorm2d(shape[1], eps=EPSILON, momentum=momentum)
    drawn(model, random)
    batches = torch.from_numpy(random.normal(1, 2, (3, *shape)))
    for batch in batches[:2]:
        model(batch)
    arrays = parameters(model, "parameters") | passed(model, batches[2].clone(), random)
    assert model.running_mean is not None
    assert model.running_var is not None
    running = {"mean": model.running_mean.numpy(), "variance": model.running_var.numpy()}
    model.eval()
    return arrays | running | {"batches": batches.numpy(), "evaluated": model(batches[0]).detach().numpy()}


IMAGES, STEPS = (40, 3, 12, 12), 100


@dataclass(frozen=True)
class Network:
    """A network in nnlab's words and in PyTorch's; `groups` below gives the optimizer its parameters."""

    name: str
    task: str
    outputs: int
    batch: int
    layers: list[Any]
    optimizer: dict[str, Any]
    modules: Callable[[], list[nn.Module]]
    updates: Callable[[list[dict[str, Any]]], torch.optim.Optimizer]
    l2: float = 0.0


NETWORKS: list[Network] = [
    Network(
        "lenet", "multiclass", 5, 8,
        [
            {"conv2d": 4, "kernel": 5, "activation": "relu"}, {"max_pool": 2},
            {"conv2d": 6, "kernel": 3, "activation": "relu"}, {"max_pool": 2}, {"dense": 10, "activation": "relu"},
        ],
        {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9},
        lambda: [
            nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 5),
        ],
        lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9),
    ),
    Network(
        "normalized", "multiclass", 5, 8,
        [
            {"conv2d": 4, "kernel": 3, "padding": 1, "activation": "identity"},
            {"batch_norm": {"epsilon": EPSILON, "momentum": 0.1}}, {"activation": "relu"}, {"avg_pool": 2},
            {"conv2d": 6, "kernel": 3, "stride": 2, "activation": "relu"}, "global_avg_pool",
        ],
        {"name": "adam", "learning_rate": 0.003, "epsilon": 1e-3},
        lambda: [
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4, eps=EPSILON), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5),
        ],
        lambda groups: torch.optim.Adam(groups, lr=0.003, eps=1e-3),
    ),
    Network(
        "labels", "multilabel", 4, 20,
        [
            {"conv2d": 4, "kernel": 3, "activation": "relu"}, {"max_pool": 3, "stride": 2},
            {"conv2d": 5, "kernel": 3, "padding": "same", "activation": "relu"}, {"max_pool": 2},
        ],
        {"name": "sgd", "learning_rate": 0.02},
        lambda: [
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 5, 3, padding="same"), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 4),
        ],
        lambda groups: torch.optim.SGD(groups, lr=0.02), 0.01,
    ),
]  # fmt: skip


def data(task: str, outputs: int, random: np.random.Generator) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images of multiples of 1/128 from -1 on, which both precisions hold, and labels of 0 and 1."""
    x = random.integers(0, 256, IMAGES) / 128 - 1
    if task == "multilabel":
        return x, random.integers(0, 2, (len(x), outputs)).astype(np.float64)
    return x, np.eye(outputs)[random.integers(0, outputs, len(x))]


def trained(network: Network, dtype: torch.dtype) -> Arrays:
    """The loss of each step before its update, and where the parameters start and end."""
    random, model = random_for(network.name), nn.Sequential(*network.modules())
    drawn(model, random)
    start = parameters(model, "start")
    x, y = data(network.task, network.outputs, random)
    model.to(dtype)
    optimizer = network.updates(groups(model, network.l2))
    loss = F.cross_entropy if network.task == "multiclass" else summed_over_labels
    losses = [step(model, optimizer, loss, *rows) for rows in batches(x, y, network.batch, dtype)]
    end = parameters(model, "end") | running(model)
    if dtype is torch.float64:
        return start | {"x": x, "y": y, "losses": np.array(losses)} | end
    return {f"float32/{key}": values for key, values in ({"losses": np.array(losses)} | end).items()}


def groups(model: nn.Module, l2: float) -> list[dict[str, Any]]:
    """Weight decay, which PyTorch adds to the gradient, for weights alone."""
    weights = [values for name, values in named(model) if name.endswith("weights")]
    others = [values for name, values in named(model) if not name.endswith("weights")]
    return [{"params": weights, "weight_decay": l2}, {"params": others}]


def batches(x: Any, y: Any, batch: int, dtype: torch.dtype) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The images in order, again and again."""
    for number in range(STEPS):
        begin = number * batch % len(x)
        rows = slice(begin, begin + batch)
        yield torch.from_numpy(x[rows]).to(dtype), torch.from_numpy(y[rows]).to(dtype)


Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def summed_over_labels(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The loss of several labels, which nnlab adds up and PyTorch averages."""
    return F.binary_cross_entropy_with_logits(z, y) * y.shape[1]


def step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Loss, x: torch.Tensor, y: torch.Tensor) -> float:
    """One update; the loss before it."""
    optimizer.zero_grad()
    lost = loss(model(x), y)
    lost.backward()
    optimizer.step()
    return lost.item()


def running(model: nn.Module) -> Arrays:
    """The running statistics of the one normalisation, if there is one."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    figures = {"mean": "running_mean", "variance": "running_var"}
    return {key: getattr(norm, name).numpy().copy() for norm in norms for key, name in figures.items()}


def main() -> None:
    """Record everything."""
    torch.set_default_dtype(torch.float64)
    arrays: Arrays = {}
    cases: dict[str, list[dict[str, Any]]] = {"layers": [], "norms": [], "networks": []}

    def keep(kind: str, name: str, about: dict[str, Any], found: Arrays) -> None:
        cases[kind].append({"name": name, **about})
        arrays.update({f"{name}/{key}": values for key, values in found.items()})

    for name, shape, (layer, model) in LAYERS:
        about = {"layer": layer, "torch": str(model.double())}
        keep("layers", name, about, layer_arrays(name, shape, model))
    for name, shape, momentum in NORMS:
        layer = {"batch_norm": {"epsilon": EPSILON, "momentum": momentum}}
        keep("norms", name, {"layer": layer, "torch": "BatchNorm2d"}, norm_arrays(name, shape, momentum))
    for network in NETWORKS:
        about = {key: getattr(network, key) for key in ("task", "layers", "l2", "optimizer", "batch")}
        about["torch"] = [str(module) for module in network.modules()]
        keep("networks", network.name, about, trained(network, torch.float64) | trained(network, torch.float32))
    write(cases, arrays)


def write(cases: dict[str, list[dict[str, Any]]], arrays: Arrays) -> None:
    """The table with a line per case, and the arrays."""
    lines = [f'"torch": "{torch.__version__}"']
    for key, found in cases.items():
        rows = ",\n".join(json.dumps(case) for case in found)
        lines.append(f'"{key}": [\n{rows}\n]')
    (REFERENCES / "images.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    np.savez_compressed(REFERENCES / "images.npz", **arrays)
    for file in (REFERENCES / "images.json", REFERENCES / "images.npz"):
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
