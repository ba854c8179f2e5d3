"""PyTorch: an eager module with a fused optimizer, images channels last or not; tensors by hand without autograd."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn
from workloads import Convolutions, Order, SkipError, Weights, Workload, rows, start

PACKAGES = ("torch", "numpy")

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

ACTIVATIONS: dict[str, Any] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "identity": nn.Identity}


class _Batches:
    """Rows as tensors, gathered by index where they are shuffled."""

    def __init__(self, workload: Workload) -> None:
        self.x, self.y = (torch.from_numpy(part) for part in rows(workload.source))
        self.order, self.shuffle = Order(workload), workload.shuffle

    def __call__(self, steps: int) -> Any:
        for batch in self.order.batches(steps):
            if self.shuffle:
                index = torch.from_numpy(batch)
                yield self.x.index_select(0, index), self.y.index_select(0, index)
            else:
                yield self.x[batch], self.y[batch]


class Module:
    """nn.Sequential, autograd and an optimizer of torch.optim with fused=True."""

    def __init__(self, workload: Workload) -> None:
        if workload.seeds > 1:
            raise SkipError("a module holds one seed; see tensors by hand")
        self.model, self.batches = nn.Sequential(*_layers(workload)), _Batches(workload)
        with torch.no_grad():
            for layer, (W, b) in zip(self._with_weights(), start(workload), strict=True):
                layer.weight.copy_(torch.from_numpy(W.T.reshape(layer.weight.shape)))
                layer.bias.copy_(torch.from_numpy(b))
        self.loss: nn.Module = nn.CrossEntropyLoss()
        # BCEWithLogitsLoss averages over outputs as well; the workloads' loss adds them up.
        self.factor = workload.sizes[-1] if workload.head == "sigmoid" else 1
        if workload.head == "sigmoid":
            self.loss = nn.BCEWithLogitsLoss()
        rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[workload.rule]
        more = {"momentum": workload.momentum} if workload.momentum else {}
        self.optimizer = rule(self.model.parameters(), lr=workload.rate, fused=True, **more)

    def run(self, steps: int) -> None:
        """The loop of every tutorial."""
        for x, y in self.batches(steps):
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            (loss * self.factor if self.factor > 1 else loss).backward()
            self.optimizer.step()

    def weights(self) -> Weights:
        """Transposed to (inputs, units)."""
        layers = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in self._with_weights()]
        return [(W.reshape(len(W), -1).T, b) for W, b in layers]

    def _with_weights(self) -> list[Any]:
        return [layer for layer in self.model if isinstance(layer, nn.Linear | nn.Conv2d)]


def _layers(workload: Workload) -> list[nn.Module]:
    """The layers as tutorials list them."""
    found = _convolutions(workload.convolutions) if workload.convolutions else []
    for inputs, units in zip(workload.sizes, workload.sizes[1:], strict=False):
        found += [nn.Linear(inputs, units), ACTIVATIONS[workload.hidden]()]
    return found[:-1]


def _convolutions(of: Convolutions) -> list[nn.Module]:
    """From rows of numbers to rows of numbers."""
    channels = (of.image[0], *of.filters)
    found: list[nn.Module] = [nn.Unflatten(1, of.image)]
    for before, after in zip(channels, of.filters, strict=False):
        bent = [nn.ReLU(), nn.MaxPool2d(2)]
        found += [nn.Conv2d(before, after, of.kernel), *(reversed(bent) if of.pools_first else bent)]
    return [*found, *([nn.Dropout(of.dropout)] if of.dropout else []), nn.Flatten()]


class ChannelsLast(Module):
    """The same with weights and images channels last in memory: the rows are stored so."""

    def __init__(self, workload: Workload) -> None:
        assert workload.convolutions
        super().__init__(workload)
        image = workload.convolutions.image
        pixels = self.batches.x.view(-1, *image).permute(0, 2, 3, 1)  # (N, rows, columns, channels)
        self.batches.x = pixels.reshape(len(pixels), -1)
        self.model[0] = _Pixels(image)
        self.model.to(memory_format=torch.channels_last)


class _Pixels(nn.Module):
    """Rows of pixels as images (m, channels, rows, columns) that lie channels last."""

    def __init__(self, image: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = (-1, *image[1:], image[0])

    def forward(self, x: Any) -> Any:
        """A view."""
        return x.view(self.shape).permute(0, 3, 1, 2)


class ByHand:
    """Derivatives written out, updates in place, buffers reused for activations."""

    def __init__(self, workload: Workload) -> None:
        self.workload, self.batches, self.t = workload, _Batches(workload), 0
        self.W = [torch.from_numpy(W) for W, _ in start(workload)]
        self.b = [torch.from_numpy(b)[..., None, :] for _, b in start(workload)]
        self.parameters = [*self.W, *self.b]
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def run(self, steps: int) -> None:
        """Forward, backward, update."""
        for x, y in self.batches(steps):
            self._update(self._gradients(x, y))

    def _gradients(self, x: Any, y: Any) -> list[Any]:
        a, last = [x], len(self.W) - 1
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            z = torch.addmm(b, a[-1], W) if W.dim() == 2 else torch.matmul(a[-1], W).add_(b)
            a.append(self._hidden(z) if i < last else self._head(z))
        dz = a[-1].sub_(y).div_(len(x))
        dW, db = [], []
        for i in range(last, -1, -1):
            dW.append(torch.matmul(a[i].mT, dz))
            db.append(dz.sum(dim=-2, keepdim=True))
            if i:
                dz = self._times_slope(torch.matmul(dz, self.W[i].mT), a[i])
        return [*reversed(dW), *reversed(db)]

    def _hidden(self, z: Any) -> Any:
        return {"sigmoid": torch.sigmoid_, "tanh": torch.tanh_, "relu": torch.relu_}[self.workload.hidden](z)

    def _head(self, z: Any) -> Any:
        return torch.sigmoid_(z) if self.workload.head == "sigmoid" else torch.softmax(z, dim=-1)

    def _times_slope(self, da: Any, a: Any) -> Any:
        if self.workload.hidden == "relu":
            return da.mul_(a > 0)
        if self.workload.hidden == "tanh":
            return da.mul_(1 - a * a)
        return da.mul_(a * (1 - a))

    def _update(self, gradients: list[Any]) -> None:
        rate = self.workload.rate
        self.t += 1
        if self.workload.rule == "sgd":
            torch._foreach_add_(self.parameters, gradients, alpha=-rate)
            return
        correction = 1 - 0.999**self.t
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            root = v.sqrt().div_(correction**0.5).add_(1e-8)
            p.addcdiv_(m, root, value=-rate / (1 - 0.9**self.t))

    def weights(self) -> Weights:
        """As they are."""
        return [(W.numpy(), np.squeeze(b.numpy(), axis=-2)) for W, b in zip(self.W, self.b, strict=True)]


FORMS = {"module": Module, "channels last": ChannelsLast, "tensors by hand": ByHand}
