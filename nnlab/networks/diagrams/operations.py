"""Each operation of a forward pass, and beside it the derivatives that it hands back, as the chain rule gives them.

x are the inputs, z what layers with weights give, a what activations give, h what all others give, L the loss. These
and the parameters are numbered, letter by letter. m is the number of rows in a batch.

What a network does without a layer of its own is a step, too: inputs are scaled, images flattened before a dense layer,
and outputs brought back to the units of targets that were scaled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.networks.diagrams.diagram import Diagram, Edge, Names, Node, Scaled, flattens, left_out, shown_layers
from nnlab.networks.layers.base import Layer, Shape
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.equations import GREEK, indexed, with_symbols
from nnlab.networks.layers.flatten import Flatten
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layers.windows import times
from nnlab.networks.layout import ParameterSpec
from nnlab.networks.network import Network

_LETTERS = {"pre-activation": "z", "activation": "a"}
_SYMBOLS = GREEK | {"weights": "W", "bias": "b"}

# The derivative of the loss of one row by an output a, and by a logit z where activation and loss are worked out
# together, with the target t; of a loss that is a mean over outputs without the division by their number.
SLOPES = {
    "mse": "2 ({a} − {t})",
    "mae": "sign({a} − {t})",
    "huber": "min(max({a} − {t}, −δ), δ)",
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
# The loss of a row by its logits, where activation and loss are computed together.
FROM_LOGITS = {
    ("sigmoid", "binary_cross_entropy"): "sum_k log(1 + exp(z_k)) - sum_k y_k z_k",
    ("softmax", "cross_entropy"): "log sum_k exp(z_k) - sum_k y_k z_k",
    ("softmin", "cross_entropy"): "log sum_k exp(-z_k) + sum_k y_k z_k",
}
MEANS = {"mse", "mae", "huber", "log_cosh", "poisson"}


def operations(network: Network, names: Names, most: int) -> Diagram:
    """The operations of a forward pass and the derivatives that flow back; of deep networks `most` layers."""
    steps = [*_Steps(network, names, most).nodes()]
    nodes = tuple(node for node, _ in steps)
    return Diagram(names, _about(nodes), nodes, tuple(_edges(steps)))


_CHAIN_RULE = "Each derivative is the one that comes from below, times that of the operation itself: the chain rule."
_MARKS = {  # signs, and what to say where they occur
    "m": "m: rows of a batch",
    "Σ d": "Σ: sum over them",
    "ₖ": "yₖ: of the k-th of K outputs",
    " · ": "·: product unit by unit",
    "ᵀ": "ᵀ: transposed",
    "σ(": "σ(x) = 1 / (1 + exp(−x))",
    "[": "[…]: 1 where this holds, else 0",
}


def _about(nodes: tuple[Node, ...]) -> str:
    """What the signs mean that occur, and how the derivatives are found."""
    text = " ".join(line for node in nodes for line in (*node.lines, *node.back))
    meanings = "; ".join(meaning for mark, meaning in _MARKS.items() if mark in text)
    return f"{meanings}. {_CHAIN_RULE}"


_Step = tuple[Node, str]  # a node, and the symbol of what it gives


def _edges(steps: list[_Step]) -> Iterator[Edge]:
    """What goes forward and what flows back between each pair of operations; outputs come of the last but the loss."""
    before_loss = next((node, symbol) for (node, symbol), (following, _) in pairwise(steps) if following.kind == "loss")
    for (node, symbol), (following, _) in pairwise(steps):
        if node.kind == "left out":
            yield Edge(node.key, following.key, "")
            yield Edge(following.key, node.key, "", is_back=True)
            continue
        if following.kind == "output":
            yield Edge(before_loss[0].key, following.key, before_loss[1])
            continue
        yield Edge(node.key, following.key, symbol)
        if node.back and following.back:
            yield Edge(following.key, node.key, f"dL/d{symbol}", is_back=True)


class _Steps:
    """Goes through the layers and gives each output its symbol."""

    def __init__(self, network: Network, names: Names, most: int) -> None:
        self.network, self.names, self.counts = network, names, Counter[str]()
        self.first, self.last = shown_layers(len(network.layers), most)
        self.symbol = "x"  # of what was given last

    def nodes(self) -> Iterator[_Step]:
        """The inputs, each layer, the last activation and the loss, each with the symbol of its output."""
        shape = self.network.shape
        yield Node("input", "input", "input", (f"x: {_of_batch(shape)}",), shape=shape), "x"
        if self.names.scaled:
            yield self._scaling(self.names.scaled), self.symbol
        for index, layer in enumerate(self.network.layers):
            shape, is_shown = self.network.shapes[index], index in self.first or index in self.last
            if flattens(layer, shape):
                step = self._step(f"flatten{index + 1}", Flatten("flatten"), shape, is_first=not index)
                yield from [(step, self.symbol)] if is_shown else []
                shape = step.shape
            step = self._step(f"layer{index + 1}", layer, shape, is_first=not index)
            if is_shown:
                yield step, self.symbol
            elif index == self.first.stop:
                yield left_out(self.last.start - self.first.stop), ""
        yield from self._end()

    def _next(self, letter: str) -> tuple[str, str]:
        """The symbol of what was given last, and of what a step gives."""
        before, self.symbol = self.symbol, self._numbered(letter)
        return before, self.symbol

    def _numbered(self, letter: str) -> str:
        self.counts[letter] += 1
        return f"{letter}{_subscript(self.counts[letter])}"

    def _scaling(self, scaled: Scaled) -> Node:
        x, y = self._next("h")
        size = f"{y}: {_of_batch(self.network.shape)}"
        lines = (f"{y} = {with_symbols(scaled.formula, {'x': x})}", f"{size}; {scaled.where}" if scaled.where else size)
        return Node("scaling", "scaling", f"inputs: {scaled.name}", lines, shape=self.network.shape)

    def _step(self, key: str, layer: Layer, shape: Shape, *, is_first: bool) -> Node:
        """What a layer computes of samples of `shape`, and the derivatives by its parameters and its inputs."""
        x, y = self._next(_LETTERS.get(layer.output_name, "h"))
        given, equations = layer.output_shape(shape), layer.equations(shape)
        specs = {spec.name.rpartition("/")[2]: spec for spec in layer.parameter_specs(shape)}
        own = {name: self._numbered(_SYMBOLS.get(name, name)) for name in specs}
        symbols = {"x": x, "y": y, "dy": f"dL/d{y}", **own}
        sizes = [f"{y}: {_of_batch(given)}", *(f"{own[name]}: {times(spec.shape)}" for name, spec in specs.items())]
        forward = [f"{y} = {equations.forward}", ", ".join(sizes), equations.where]
        back = [f"dL/d{own[p]} = {slope}{_penalty(specs[p], own[p])}" for p, slope in equations.parameters.items()]
        back += [] if is_first else [f"dL/d{x} = {equations.backward}"]
        lines, flowing = (tuple(with_symbols(line, symbols) for line in part if line) for part in (forward, back))
        return Node(key, "layer", layer.name, lines, flowing, given)

    def _end(self) -> Iterator[_Step]:
        """The last activation, where it is computed together with the loss, the loss, and the outputs."""
        names, z = self.names, self.symbol
        if self.network.head.outputs is not None and names.activation:
            activation = self._step("activation", _layer_of(names.activation), self.network.shapes[-1], is_first=False)
            together = self._by_logits(z)
            yield replace(activation, kind="activation", back=(*activation.back, together)), self.symbol
        yield self._loss(z), "L"
        if names.scales_targets:
            line = f"{self.symbol} · deviation + mean: the outputs in the units of the targets"
            where = f"deviation and mean of {'each target' if self.network.outputs > 1 else 'the target'}, as above"
            yield Node("output", "output", "outputs: scaling undone", (line, where), shape=(self.network.outputs,)), ""

    def _loss(self, z: str) -> Node:
        names, a, y = self.names, self.symbol, self._targets
        notes = [
            f"{y}: {_of_batch((self.network.outputs,))}",
            f"{y}: the targets y, smoothed" if names.smooths else "",
            f"{y} = (target − mean) / deviation of the training rows" if names.scales_targets else "",
            "w: weights of classes or rows" if _is_weighted(self.network) else "",
        ]
        lines = (
            f"L = mean over the m rows of {names.loss}({a}, {y})",
            "; ".join(filter(None, notes)),
            f"of a row: {self._of_row(names.loss_formula, z)}",
            *self._of_logits(z),
        )
        slope = SLOPES.get(names.loss)
        by_outputs = f"∂L/∂{a}, by the formula of a row" if slope is None else self._mean(slope)
        return Node("loss", "loss", f"loss: {names.loss_label}", lines, (f"dL/d{a} = {by_outputs}",))

    @property
    def _targets(self) -> str:
        return "y′" if self.names.smooths else "y"

    def _of_row(self, formula: str, z: str) -> str:
        """The loss of a row in the symbols of this network."""
        symbols = {"a": self.symbol, "z": z, "y": self._targets}
        return indexed(formula, symbols, is_single=self.network.outputs == 1)

    def _of_logits(self, z: str) -> Iterator[str]:
        """How the loss is computed where it is not by the outputs, so that nothing overflows."""
        if self.names.from_logits and z != self.symbol:
            formula = FROM_LOGITS.get((self.names.activation, self.names.loss), "")
            yield f"computed from the logits {z}{': ' * bool(formula)}{self._of_row(formula, z)}"

    def _by_logits(self, z: str) -> str:
        """What activation and loss give together, where there is a short formula for it."""
        slope = TOGETHER.get((self.names.activation, self.names.loss))
        return f"dL/d{z}{f' = {self._mean(slope)}' if slope else ''}: computed together with the loss"

    def _mean(self, slope: str) -> str:
        """The derivative of the mean over the rows from that of a row."""
        count = self.network.outputs if self.names.loss in MEANS else 1
        weights = "w · " if _is_weighted(self.network) else ""
        of_row = with_symbols(slope, {"a": self.symbol, "t": self._targets})
        return f"{weights}{of_row} / {f'({count} m)' if count > 1 else 'm'}"


def _layer_of(activation: str) -> Layer:
    """The last activation as a layer, for its formulas."""
    entry = ACTIVATIONS[activation]
    return Elementwise(activation, entry, {}) if isinstance(entry, Activation) else Rowwise(activation, entry, {})


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
