"""Each operation of a forward pass, and beside it the derivatives that it hands back, as the chain rule gives them.

x are the inputs, z what layers with weights give, a what activations give, h what all others give, L the loss. Each is
numbered; a parameter has the number of what its layer gives. m is the number of rows in a batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from nnlab.networks.diagrams.diagram import Diagram, Edge, Names, Node, left_out, shown_layers
from nnlab.networks.layers.base import Layer, Shape
from nnlab.networks.layers.equations import with_symbols
from nnlab.networks.layers.windows import times
from nnlab.networks.layout import ParameterSpec
from nnlab.networks.network import Network

_LETTERS = {"pre-activation": "z", "activation": "a"}
_GREEK = {"weights": "W", "bias": "b", "alpha": "α", "beta": "β", "gamma": "γ"}

# The derivative of the loss of one row by an output a, and by a logit z where activation and loss are worked out
# together, with the target t; of a loss that is a mean over outputs without the division by their number.
SLOPES = {
    "mse": "2 ({a} − {t})",
    "mae": "sign({a} − {t})",
    "huber": "min(max({a} − {t}, −delta), delta)",
    "log_cosh": "tanh({a} − {t})",
    "poisson": "(1 − {t} / {a})",
    "binary_cross_entropy": "({a} − {t}) / ({a} (1 − {a}))",
    "cross_entropy": "(−{t} / {a})",
}
TOGETHER = {
    ("sigmoid", "binary_cross_entropy"): "({a} − {t})",
    ("softmax", "cross_entropy"): "({a} − {t})",
    ("softmin", "cross_entropy"): "({t} − {a})",
    ("exponential", "poisson"): "({a} − {t})",
}
_OF_ROWS = {"softmax", "softmin"}  # last activations whose derivative is a matrix
MEANS = {"mse", "mae", "huber", "log_cosh", "poisson"}


def operations(network: Network, names: Names, most: int) -> Diagram:
    """The operations of a forward pass and the derivatives that flow back; of deep networks `most` layers."""
    steps = [*_Steps(network, most).nodes(names)]
    return Diagram(names, _ABOUT, tuple(node for node, _ in steps), tuple(_edges(steps)))


_ABOUT = (
    "m: rows of a batch; Σ: sum over them; ·: product unit by unit; ᵀ: transposed. Each derivative is the one that "
    "comes from below, times that of the operation itself: the chain rule."
)

_Step = tuple[Node, str]  # a node, and the symbol of what it gives


def _edges(steps: list[_Step]) -> Iterator[Edge]:
    """What goes forward and what flows back between each pair of operations."""
    for (node, symbol), (following, _) in pairwise(steps):
        if node.kind == "left out":
            yield Edge(node.key, following.key, "")
            yield Edge(following.key, node.key, "", is_back=True)
            continue
        yield Edge(node.key, following.key, symbol)
        if node.back and following.back:
            yield Edge(following.key, node.key, f"dL/d{symbol}", is_back=True)


class _Steps:
    """Goes through the layers and gives each output its symbol."""

    def __init__(self, network: Network, most: int) -> None:
        self.network, self.counts = network, Counter[str]()
        self.first, self.last = shown_layers(len(network.layers), most)
        self.symbol = "x"  # of what was given last

    def nodes(self, names: Names) -> Iterator[_Step]:
        """The inputs, each layer, the last activation and the loss, each with the symbol of its output."""
        shape = self.network.shape
        yield Node("input", "input", "input", (f"x: {_of_batch(shape)}",), shape=shape), "x"
        for index, layer in enumerate(self.network.layers):
            x, self.symbol = self.symbol, self._numbered(_LETTERS.get(layer.output_name, "h"))
            if index in self.first or index in self.last:
                yield self._layer(index, layer, x), self.symbol
            elif index == self.first.stop:
                yield left_out(self.last.start - self.first.stop), ""
        yield from self._end(names)

    def _numbered(self, letter: str) -> str:
        self.counts[letter] += 1
        return f"{letter}{_subscript(self.counts[letter])}"

    def _layer(self, index: int, layer: Layer, x: str) -> Node:
        shape, given, y = self.network.shapes[index], self.network.shapes[index + 1], self.symbol
        specs, equations = {s.name.rpartition("/")[2]: s for s in layer.parameter_specs(shape)}, layer.equations(shape)
        own = {name: f"{_GREEK.get(name, name)}{y[1:]}" for name in specs}
        symbols = {"x": x, "y": y, "dy": f"dL/d{y}", **own}
        sizes = [f"{y}: {_of_batch(given)}", *(f"{own[name]}: {times(spec.shape)}" for name, spec in specs.items())]
        forward = [f"{y} = {equations.forward}", ", ".join(sizes), equations.where]
        back = [f"dL/d{own[p]} = {slope}{_penalty(specs[p], own[p])}" for p, slope in equations.parameters.items()]
        back += [f"dL/d{x} = {equations.backward}"] if index else []
        lines, flowing = (tuple(with_symbols(line, symbols) for line in part if line) for part in (forward, back))
        return Node(f"layer{index + 1}", "layer", layer.name, lines, flowing, given)

    def _end(self, names: Names) -> Iterator[_Step]:
        """The last activation, where it is worked out together with the loss, and the loss."""
        shape, z, a = self.network.shapes[-1], self.symbol, self.symbol
        truth = "y′" if names.smooths else "y"
        if self.network.head.outputs is not None and names.activation:
            a = self._numbered("a")
            forward = (f"{a} = {names.activation}({z})", f"{a}: {_of_batch(shape)}")
            times_slope = f"J, J = ∂{a}/∂{z} of a row" if names.activation in _OF_ROWS else f"· ∂{a}/∂{z}"
            back = (f"dL/d{z} = dL/d{a} {times_slope}", *self._by_logits(names, z, {"a": a, "t": truth}))
            yield Node("activation", "activation", names.activation, forward, back, shape), a
        smoothed = f"; {truth}: the targets y, smoothed" if names.smooths else ""
        weighted = "; w: weights of classes or rows" if _is_weighted(self.network) else ""
        loss = (
            f"L = mean over the m rows of {names.loss}({a}, {truth})",
            f"{truth}: {_of_batch((self.network.outputs,))}{smoothed}{weighted}",
            f"of a row: {names.loss_formula}",
        )
        slope = SLOPES.get(names.loss)
        by_outputs = (
            f"∂L/∂{a}, by the formula of a row" if slope is None else self._mean(names, slope, {"a": a, "t": truth})
        )
        yield Node("loss", "loss", f"loss: {names.loss_label}", loss, (f"dL/d{a} = {by_outputs}",)), "L"

    def _by_logits(self, names: Names, z: str, symbols: Mapping[str, str]) -> list[str]:
        """What activation and loss give together, in which nothing overflows, where there is a short formula for it."""
        slope = TOGETHER.get((names.activation, names.loss))
        found = f"dL/d{z} = {self._mean(names, slope, symbols)}, " if slope else ""
        return [f"{found}worked out together with the loss"]

    def _mean(self, names: Names, slope: str, symbols: Mapping[str, str]) -> str:
        """The derivative of the mean over the rows from that of a row."""
        count = self.network.outputs if names.loss in MEANS else 1
        weights = "w · " if _is_weighted(self.network) else ""
        return f"{weights}{with_symbols(slope, symbols)} / {f'({count} m)' if count > 1 else 'm'}"


def _is_weighted(network: Network) -> bool:
    return network.head.weights is not None or network.head.weighs_rows


def _penalty(spec: ParameterSpec, symbol: str) -> str:
    """What penalties of weights add to their derivative."""
    if spec.penalties is None:
        return ""
    l1 = f" + {spec.penalties.l1:g} sign({symbol})" if spec.penalties.l1 else ""
    return l1 + (f" + {spec.penalties.l2:g} {symbol}" if spec.penalties.l2 else "")


def _of_batch(shape: Shape) -> str:
    return f"m × {times(shape)}"


def _subscript(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
