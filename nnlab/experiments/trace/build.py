"""From the numbers of a step to a `Trace`: each with a name, a symbol and its formula in the diagram of operations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError
from nnlab.experiments.trace.cancellation import with_cancellations
from nnlab.experiments.trace.giveaways import Giveaways, giveaways_of
from nnlab.experiments.trace.quantities import Trace, TracedQuantity, TraceSection
from nnlab.experiments.trace.step import TracedStep, traced_step
from nnlab.maths.parameters import changed, in_words
from nnlab.networks.diagrams.diagram import Node
from nnlab.networks.layers.base import Shape, image_view, is_image, units_of
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layout import Layout
from nnlab.setup.diagrams import operations_of
from nnlab.setup.setup import Setup

Array = NDArray[Any]

MOST_NUMBERS = 2000  # parameters, and numbers of the rows that are shown
ALL_ROWS = 8  # of a batch of more rows the first ones are shown
FIRST_ROWS = 4

_OF_A_ROW = "of a row: "  # before the formula in the diagram
_TOGETHER = "computed together with the loss"  # behind one
_LETTERS = {"pre-activation": "z", "activation": "a"}  # of what a layer gives, in the names of quantities; else h
_INTERMEDIATES = {"slope": "f′({x})", "normalized": "n", "noise": "n"}


def trace_of(setup: Setup, step: int, rows: Sequence[int] | None = None) -> Trace:
    """Work out a step of the training, counted from 1; `rows` are those of its batch that are shown, from 0.

    ConfigError for a step or rows that are not there, and for a network that is too large or that cannot be followed.
    """
    epoch = setup.plan.epoch
    batch = epoch.rows_of((step - 1) % epoch.steps)
    shown = _rows(setup, step, batch, rows)
    _refuse(setup, batch, shown)
    builder = _TraceBuilder(setup, traced_step(setup, step), shown)
    experiment, forward = setup.experiment, builder.step.forward
    sections = (*with_cancellations([*builder.sections(step)], setup.network, builder.step, step),)
    return Trace(
        name=experiment.name,
        step=step,
        steps=setup.plan.steps,
        seed=experiment.seed,
        precision=experiment.precision,
        batch=len(forward.x),
        rows=shown,
        learning_rate=builder.step.learning_rate,
        loss=forward.loss,
        sections=sections,
        giveaways=builder.giveaways({one.name for section in sections for one in section.quantities}),
    )


def _rows(setup: Setup, step: int, batch: int, rows: Sequence[int] | None) -> tuple[int, ...]:
    """The rows of the batch that are shown; ConfigError for a step or a row that is not there."""
    if not 1 <= step <= setup.plan.steps:
        raise ConfigError(
            f"--step: found {step}, expected a step from 1 to {setup.plan.steps}, the last of the training"
        )
    if rows is None:
        return tuple(range(batch if batch <= ALL_ROWS else FIRST_ROWS))
    for row in rows:
        if not 0 <= row < batch:
            raise ConfigError(f"--rows: found {row}, but the batch of step {step} has the rows 0 to {batch - 1}")
    return tuple(dict.fromkeys(rows))


def _refuse(setup: Setup, batch: int, rows: tuple[int, ...]) -> None:
    """ConfigError for what is no calculation by hand: too many numbers, pieces of batches, searches along a line."""
    network, optimizer = setup.network, setup.optimizer.entry
    each = sum(network.widths) + network.outputs
    if network.layout.size + each * len(rows) > MOST_NUMBERS:
        found = f"{network.layout.size:,} parameters, and {each:,} numbers in each of {len(rows)} rows"
        advice = "a smaller network, such as --set network.layers=[4], or fewer --rows"
        raise ConfigError(f"found {found}, expected at most {MOST_NUMBERS:,} of both together: {advice}")
    if network.rows_at_once(batch, trains=True) < batch:
        reason = "which goes through the network in pieces whose gradients are added"
        raise ConfigError(f"found a batch of {batch} images, {reason}; expected --set training.batch_size=16 or less")
    if optimizer.needs_objective:
        reason = "searches along a line, and evaluates the loss of all rows many times in a step"
        raise ConfigError(f"found the optimizer {optimizer.name}, which {reason}; expected another one, such as sgd")


class _TraceBuilder:
    """Gives the numbers of a step their names, in the order of a calculation by hand."""

    def __init__(self, setup: Setup, step: TracedStep, rows: tuple[int, ...]) -> None:
        self.setup, self.step, self.rows, self.network = setup, step, rows, setup.network
        columns = setup.rows.dataset.columns
        self.diagram = operations_of(setup.experiment, setup.network, columns, len(setup.network.layers))
        self.by_key = {node.key: node for node in self.diagram.nodes}
        self.symbols = {edge.source: edge.label for edge in self.diagram.edges if not edge.is_back}

    def sections(self, step: int) -> Iterator[TraceSection]:
        """The batch, each layer forward, the loss, each layer backward, and the update."""
        yield self._batch()
        for index in range(len(self.network.layers)):
            yield self._forward(index)
        yield self._loss()
        for index in reversed(range(len(self.network.layers))):
            yield self._backward(index)
        yield self._update(step)
        if self.network.statistics.size:
            yield self._statistics()

    def giveaways(self, known: Collection[str]) -> Giveaways:
        """Which of the quantities known give another one away."""
        given = [self._given(index) for index in range(len(self.network.layers))]
        choice, batch = self.setup.optimizer.choice, len(self.step.forward.x)
        return giveaways_of(self.network, given, choice.entry.slots(choice.values), known, batch)

    def _given(self, index: int) -> str:
        """The name of what a layer gives, such as dense1.z."""
        layer = self.network.layers[index]
        return f"{layer.name}.{_LETTERS.get(layer.output_name, 'h')}"

    def _node(self, index: int) -> Node:
        """What the diagram says of a layer, before the first of the inputs, and behind the last one of the head."""
        keys = [node.key for node in self.diagram.nodes]
        return self.diagram.nodes[keys.index("layer1") + index]

    # --- Quantities ---------------------------------------------------------------------------------------------------

    def _of_rows(
        self, name: str, symbol: str, values: Array, shape: Shape, formula: str = "", units: Sequence[str] = ()
    ) -> TracedQuantity:
        """Numbers of the rows of the batch, (m, units), as those of the rows that are shown; images as images."""
        if is_image(shape) and values.shape[-1] == units_of(shape):
            values = image_view(values, shape).transpose(3, 1, 2, 0)
        own = np.ascontiguousarray(values[list(self.rows)])
        labels = [tuple(f"row {row}" for row in self.rows), *map(_numbered, own.shape[1:])]
        if units and own.ndim == 2:
            labels[1] = tuple(units)
        return TracedQuantity(name, symbol, own, tuple(labels), formula, rows=self.rows)

    def _of_parameters(
        self, kind: str, theta: Array, heading: str = "", layout: Layout | None = None
    ) -> dict[str, TracedQuantity]:
        """An array of theta's shape as a quantity for each tensor, by the tensor's name."""
        layout, found = layout or self.network.layout, {}
        for name, (values,) in layout.views(theta[None]).items():
            labels, symbol = self._labels(name, values.shape), self._letter(name)
            found[name] = TracedQuantity(f"{name}.{kind}", symbol, values, labels, heading=heading or kind)
        return found

    def _labels(self, name: str, shape: Shape) -> tuple[tuple[str, ...], ...]:
        """Words for what comes into a unit, and for the units."""
        labels = [*map(_numbered, shape)]
        if len(shape) == 2 and name.startswith(f"{self.network.layers[0].name}/"):
            labels[0] = self.diagram.names.inputs or labels[0]
        return tuple(labels)

    @cached_property
    def _gradients(self) -> dict[str, TracedQuantity]:
        """The gradient of each tensor, with its formula from the diagram."""
        found = {}
        for index in range(len(self.network.layers)):
            for spec, line in zip(self._specs(index), self._node(index).back, strict=False):
                found[spec] = line.partition(" = ")[::2]
        plain = self._of_parameters("gradient", self.step.gradient)
        return {n: replace(plain[n], symbol=symbol, formula=formula) for n, (symbol, formula) in found.items()}

    def _specs(self, index: int) -> list[str]:
        layer, shape = self.network.layers[index], self.network.shapes[index]
        return [spec.name for spec in layer.parameter_specs(shape)]

    def _letter(self, name: str) -> str:
        """The symbol of a tensor, such as W₁, as its derivative has it in the diagram."""
        layer, _, own = name.partition("/")
        index = next(i for i, one in enumerate(self.network.layers) if one.name == layer)
        names = self._specs(index)
        if name not in names:
            return own
        return self._node(index).back[names.index(name)].partition(" = ")[0].removeprefix("dL/d")

    # --- Sections -----------------------------------------------------------------------------------------------------

    def _batch(self) -> TraceSection:
        forward, names, weighs = self.step.forward, self.diagram.names, self.network.head.weighs_rows
        y = forward.y[:, :-1] if weighs else forward.y
        before = self._node(-1)  # the input, or its scaling
        formula = before.lines[0].partition(" = ")[2]
        x = self.symbols[before.key]
        found = [self._of_rows("batch.x", x, forward.x, self.network.shape, formula, units=names.inputs)]
        found.append(self._of_rows("batch.y", "y", y, y.shape[1:], units=["y"] if y.shape[1] == 1 else self._targets))
        if weighs:
            found.append(self._of_rows("batch.weight", "w", forward.y[:, -1:], (1,), units=["weight"]))
        return TraceSection("The batch", tuple(found), (*self._batch_notes(),))

    def _batch_notes(self) -> Iterator[str]:
        m, train = len(self.step.forward.x), self.setup.rows.of(0).split.train
        places = ", ".join(str(train[self.step.forward.positions[row]] + 1) for row in self.rows)
        others = "" if m == len(self.rows) else f", {len(self.rows)} of them shown; sums and means are over all m"
        scale = self.setup.experiment.data.scale.name
        scaled = "" if scale == "none" else f", scaled ({scale})"
        yield f"m = {m:,} rows{others}; inputs as the network gets them{scaled}"
        yield f"their places in the data, counted from 1: {places}"
        yield f"cells have names such as {self._example()}: row by row, counted from 0"
        yield self.diagram.about

    def _example(self) -> str:
        """The names of two cells, one of a layer and one of the update."""
        place = ",".join("0" * len(self.network.shapes[1]))
        tensor, sizes = next((spec.name, spec.shape) for spec in self.network.layout.specs)
        return f"{self._given(0)}[{self.rows[-1]},{place}] and {tensor}.new[{','.join('0' * len(sizes))}]"

    def _forward(self, index: int) -> TraceSection:
        layer, node, shape = self.network.layers[index], self._node(index), self.network.shapes[index + 1]
        symbol, x = self.symbols[node.key], self.symbols[self._node(index - 1).key]
        old = self._of_parameters("old", self.step.old)
        parameters = [old[name] for name in self._specs(index)]
        inner = [*self._intermediates(index, x)]
        formula = node.lines[0].partition(" = ")[2]
        given = self._of_rows(self._given(index), symbol, self.step.forward.outputs[index], shape, formula)
        before = [one for one in inner if not one.name.endswith("slope")]
        after = [one for one in inner if one.name.endswith("slope")]
        return TraceSection(f"Forward: {layer.name}", (*parameters, *before, given, *after), node.lines[1:])

    def _intermediates(self, index: int, x: str) -> Iterator[TracedQuantity]:
        """What a layer computes on the way, of each row or once for all."""
        layer, shape, m = self.network.layers[index], self.network.shapes[index + 1], len(self.step.forward.x)
        for name, values in self.step.forward.intermediates[index].items():
            symbol, own = _INTERMEDIATES.get(name, name).format(x=x), f"{layer.name}.{name}"
            if name.endswith("_slope"):
                parameter = self._letter(f"{layer.name}/{name.removesuffix('_slope')}")
                symbol = f"∂{self.symbols[self._node(index).key]}/∂{parameter}"
            formula = self._slope_formula(index) if name == "slope" else ""
            if values.shape[0] == m:
                yield self._of_rows(own, symbol, values, shape, formula)
            else:
                yield TracedQuantity(own, symbol, values[0], (_numbered(values.shape[1]),))

    def _slope_formula(self, index: int) -> str:
        """The factor f′(z) of dL/dz = dL/da · f′(z); the diagram has none for a first layer, and none for 1."""
        back = self._node(index).back if index else ()
        slope = back[-1].partition(" = ")[2].partition(" · ")[2] if back else ""
        bracketed = re.fullmatch(r"\(((?:[^()]|\([^()]*\))*)\)", slope)  # as a whole, with one level inside
        return bracketed[1] if bracketed else slope

    def _loss(self) -> TraceSection:
        """The outputs behind the head, the loss of each row, and the mean."""
        forward, head, (found, notes) = self.step.forward, self.network.head, self._behind_the_head()
        lines = self.by_key["loss"].lines[1:]
        (row,) = (line.removeprefix(_OF_A_ROW) for line in lines if line.startswith(_OF_A_ROW))
        weighted = f"w · ({row})" if head.weighs_rows or head.weights is not None else row
        found.append(self._of_rows("loss.rows", "loss", forward.losses[:, None], (1,), weighted, units=["loss"]))
        found.append(TracedQuantity("loss.mean", "L", np.asarray(forward.loss), (), f"Σ loss / {len(forward.x)}"))
        if forward.penalty:
            found.append(TracedQuantity("loss.penalty", "penalties", np.asarray(forward.penalty), (), "added to L"))
        notes += [line for line in lines if not line.startswith(_OF_A_ROW)]
        return TraceSection("Loss", tuple(found), (*notes, *self._loss_notes()))

    def _behind_the_head(self) -> tuple[list[TracedQuantity], list[str]]:
        """The outputs where the last activation is worked out together with the loss, and what the diagram notes."""
        if "activation" not in self.by_key:
            return [], []
        line, *notes = self.by_key["activation"].lines
        symbol, _, formula = line.partition(" = ")
        units = [f"{symbol} {name}" for name in self._targets] if self.network.outputs > 1 else [symbol]
        shape = (self.network.outputs,)
        return [self._of_rows("loss.a", symbol, self.step.forward.a, shape, formula, units=units)], notes

    def _loss_notes(self) -> Iterator[str]:
        """The loss's own parameters, and the weights of classes."""
        chosen, weights = self.setup.experiment.network.head.loss, self.network.head.weights
        assert chosen is not None
        if given := changed(chosen.entry.parameters, chosen.values):
            yield in_words(given)
        if weights is not None:
            yield f"weights of classes: {_listed(weights[0], self._targets)}"

    @property
    def _targets(self) -> tuple[str, ...]:
        """The names of the targets, as many as there are outputs: of classes, or of columns."""
        columns = self.setup.rows.dataset.columns
        return columns.classes if len(columns.classes) == self.network.outputs else columns.targets

    def _backward(self, index: int) -> TraceSection:
        """dL/d of what the layer gives, and of its parameters."""
        layer, following = self.network.layers[index], self._node(index + 1)
        symbol, _, formula = following.back[-1].partition(" = ")
        notes: tuple[str, ...] = ()
        if following.key == "activation":  # dL/dz in general, then for this loss, and dL/da
            formula, symbol = formula.removesuffix(f": {_TOGETHER}"), following.back[0].partition(" = ")[0]
            notes = (*self.by_key["loss"].back, *following.back[:-1], _TOGETHER)
        delta = self._of_rows(
            f"{layer.name}.delta", symbol, self.step.deltas[index], self.network.shapes[index + 1], formula
        )
        gradients = (self._gradients[name] for name in self._specs(index))
        return TraceSection(f"Backward: {layer.name}", (delta, *gradients), notes)

    def _update(self, step: int) -> TraceSection:
        """Old value, gradient, what the optimizer keeps, the change and the new value of each parameter."""
        taken = self.step
        columns = [self._of_parameters("old", taken.old), self._gradients]
        if self._clips:
            columns.append(self._of_parameters("clipped", taken.clipped))
        change = self._of_parameters("update", taken.new.astype(np.float64) - taken.old)
        rounding = float(np.finfo(taken.new.dtype).eps) * float(np.abs(taken.old).max())
        columns += [*self._slots(), {name: replace(one, rounding=rounding) for name, one in change.items()}]
        if self.network.bounded:
            columns.append(self._of_parameters("unbounded", taken.updated, "before max-norm"))
        columns.append(self._of_parameters("new", taken.new))
        found = tuple(column[name] for name in self._gradients for column in columns)
        return TraceSection(f"Update {step}", found, (*self._update_notes(step),), in_a_list=True)

    def _slots(self) -> Iterator[dict[str, TracedQuantity]]:
        """What the optimizer keeps of each parameter, before and after, as the numbers of its formula."""
        choice = self.setup.optimizer.choice
        terms: Mapping[str, tuple[str, float]] = choice.entry.terms(choice.values)
        for slot in choice.entry.slots(choice.values):
            letter, factor = terms[slot]
            named = letter if letter == slot else f"{slot} {letter}"
            yield self._of_parameters(f"{slot}_before", self.step.slots_before[slot] * factor, f"{letter} before")
            yield self._of_parameters(slot, self.step.slots[slot] * factor, named)

    def _update_notes(self, step: int) -> Iterator[str]:
        optimizer, plan = self.setup.optimizer, self.setup.plan
        lines = optimizer.entry.written(optimizer.choice.values)
        yield from lines
        values = {**optimizer.choice.values, "rate": self.step.learning_rate, "t": step}
        needed = {name: value for name, value in values.items() if re.search(rf"\b{name}\b", " ".join(lines))}
        g = "its clipped gradient" if self._clips else "its gradient"
        yield f"{optimizer.entry.name}: θ is each parameter, g {g}, {in_words(needed)}"
        yield "update = new − old"
        if plan.clip_value is not None:
            yield f"each entry of the gradient is clipped to ± {plan.clip_value:g}"
        if plan.clip_norm is not None:
            norm = float(np.linalg.norm(self.step.gradient.astype(np.float64)))
            yield f"the gradient of all parameters is clipped to the norm {plan.clip_norm:g}; its norm is {norm:.6g}"
        if self.network.bounded:
            yield "behind the update the weights into a unit are scaled down to the largest norm that they may have"

    @property
    def _clips(self) -> bool:
        return self.setup.plan.clip_norm is not None or self.setup.plan.clip_value is not None

    def _statistics(self) -> TraceSection:
        """Running means and variances, which no gradient moves."""
        layout, taken = self.network.statistics, self.step
        before = self._of_parameters("old", taken.statistics_before, layout=layout)
        after = self._of_parameters("new", taken.statistics, layout=layout)
        found = tuple(one for name in before for one in (before[name], after[name]))
        momenta = {layer.momentum: None for layer in self.network.layers if isinstance(layer, BatchNormalization)}
        note = f"new = (1 − k) old + k s, s of the batch, k = {' or '.join(f'{one:g}' for one in momenta)}; "
        note += "the variance of the batch times m / (m − 1), where m also counts pixels"
        return TraceSection("Running statistics", found, (note,), in_a_list=True)


def _numbered(size: int) -> tuple[str, ...]:
    """Words for the units of an axis."""
    return tuple(f"unit {index}" for index in range(size))


def _listed(weights: Array, names: Sequence[str]) -> str:
    """Weights of classes, (2, K): of a target 0 and of a target 1 for each output; of multiclass targets the latter."""
    zero, one = weights.tolist()
    if not weights[0].any():
        return ", ".join(f"{name} {value:g}" for name, value in zip(names, one, strict=True))
    return ", ".join(f"{name} {b:g}, else {a:g}" for name, a, b in zip(names, zero, one, strict=True))
