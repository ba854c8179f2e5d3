"""thinc: a chain of layers, its callbacks for the backward pass, its optimizers."""

from __future__ import annotations

from typing import Any

from thinc.api import SGD, Adam, Relu, Sigmoid, Softmax, chain
from workloads import Order, SkipError, Weights, Workload, rows, start

PACKAGES = ("thinc", "numpy")


class Chain:
    """begin_update, backprop, finish_update."""

    def __init__(self, workload: Workload) -> None:
        if workload.seeds > 1:
            raise SkipError("a thinc model holds one seed")
        if workload.hidden == "tanh":
            raise SkipError("thinc has no tanh layer")
        hidden: Any = {"sigmoid": Sigmoid, "relu": Relu}[workload.hidden]
        last: Any = {"sigmoid": Sigmoid, "softmax": Softmax}[workload.head]
        widths = list(zip(workload.sizes, workload.sizes[1:], strict=False))
        layers = [hidden(units, inputs) for inputs, units in widths[:-1]]
        self.layers = [*layers, last(widths[-1][1], widths[-1][0])]
        self.model = chain(*self.layers)
        self.head, self.order = workload.head, Order(workload)
        self.x, self.y = rows(workload.source)
        self.model.initialize(X=self.x[:1], Y=self.y[:1])
        for layer, (W, b) in zip(self._affine(), start(workload), strict=True):
            layer.set_param("W", W.T.copy())
            layer.set_param("b", b)
        rule: Any = {"sgd": SGD, "adam": Adam}[workload.rule]
        self.optimizer = rule(workload.rate, grad_clip=0.0, use_averages=False)

    def _affine(self) -> list[Any]:
        return [layer for layer in self.model.walk() if layer.has_param("W")]

    def run(self, steps: int) -> None:
        """Its layers want the loss's derivative by their outputs; Softmax takes a - y as it is."""
        for batch in self.order.batches(steps):
            x, y = self.x[batch], self.y[batch]
            a, backprop = self.model.begin_update(x)
            d = (a - y) / len(x)
            if self.head == "sigmoid":
                d /= (a * (1 - a)).clip(1e-7)
            backprop(d)
            self.model.finish_update(self.optimizer)

    def weights(self) -> Weights:
        """Transposed to (inputs, units)."""
        return [(layer.get_param("W").T, layer.get_param("b")) for layer in self._affine()]


FORMS = {"chain": Chain}
