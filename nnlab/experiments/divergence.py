"""Diagnose a training that diverged: repeat the bad step at the last finite weights and examine it.

The quantities of the pass are examined in the order of computation; the first with a value that is not finite is the
culprit. If there is none, it is the update or the size of the loss. Steps and rows are numbered from 1, units, channels
and pixels from 0, as the columns of a data set are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.gradients.points import frozen
from nnlab.networks.evaluator import rows_evaluated_at_once
from nnlab.networks.layers.base import PassContext, Shape, features_of, is_image
from nnlab.networks.network import Pass
from nnlab.setup.setup import Setup
from nnlab.training.guard import LARGEST_GROWTH
from nnlab.training.loop import Trainer
from nnlab.training.state import State

Array = NDArray[Any]

_MOST_ROWS = 100  # of a batch that are listed
_SHOWN_ROWS = 5  # whose largest inputs are listed
_GREW = 100.0  # growth of weights or gradients that counts as running away
_LARGE_INPUT = 100.0  # inputs beyond it count as not scaled
_MODERATE = 1e6  # inputs for which an activation should not overflow


@dataclass(frozen=True)
class Quantity:
    """One array of a pass of one network; if `by_row`, its first axis is rows of the batch, from number `begin` on.

    `shape` is that of a sample, if the other axis is its units.
    """

    layer: str
    name: str
    values: Array
    by_row: bool = True
    shape: Shape = ()
    begin: int = 0

    @property
    def bad(self) -> Array:
        """Mask of the entries that are not finite."""
        return np.logical_not(np.isfinite(self.values))

    @property
    def first_bad(self) -> tuple[int, ...] | None:
        """The index of the first entry that is not finite, from 0, in arrays by row from the batch's first row."""
        bad = np.argwhere(self.bad)
        if not len(bad):
            return None
        row, *others = (int(i) for i in bad[0])
        return (row + self.begin, *others) if self.by_row else (row, *others)

    def document(self) -> dict[str, Any]:
        """Largest finite entry and number of entries that are not finite, for JSON."""
        known = np.abs(self.values[np.isfinite(self.values)])
        largest = float(known.max()) if known.size else None
        return {"layer": self.layer, "quantity": self.name, "largest": largest, "not_finite": int(self.bad.sum())}


@dataclass(frozen=True)
class Cause:
    """A possible cause of the divergence, the evidence for it, and settings to try."""

    cause: str
    evidence: str
    tries: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The cause, for JSON."""
        return {"cause": self.cause, "evidence": self.evidence, "try": dict(self.tries)}


@dataclass(frozen=True)
class Finding:
    """The bad quantity, the quantities computed before it, and the examined rows: indices (m,) into the data set."""

    part: str
    rows: Array
    x: Array
    seen: list[Quantity]
    culprit: Quantity
    what: str

    @property
    def bad_rows(self) -> Array:
        """Mask (m,) of the rows with entries that are not finite; all false if the culprit has no row axis."""
        if not self.culprit.by_row:
            return np.zeros(len(self.rows), bool)
        bad, examined = np.zeros(len(self.rows), bool), self.culprit.bad
        own = slice(self.culprit.begin, self.culprit.begin + len(examined))
        bad[own] = examined.reshape(len(examined), -1).any(axis=1)
        return bad

    @property
    def place(self) -> str | None:
        """Where the first entry is that is not finite, in words."""
        index = self.culprit.first_bad
        if index is None:
            return None
        if not self.culprit.by_row:
            return f"entry [{', '.join(map(str, index))}]"
        return ", ".join([f"row {int(self.rows[index[0]]) + 1}", *_unit(index[1:], self.culprit.shape)])


def _unit(index: tuple[int, ...], shape: Shape) -> list[str]:
    """Which unit of a sample of this shape, in words."""
    if not index:
        return []
    if not is_image(shape):
        return [f"unit {index[0]}"]
    rows, columns, _ = shape
    channel, row, column = np.unravel_index(index[0], (features_of(shape), rows, columns))
    return [f"channel {channel}", f"pixel ({row}, {column})"]


@dataclass(frozen=True)
class Autopsy:
    """The content of autopsy.json, and the same in sentences."""

    document: dict[str, Any]
    lines: list[str]

    @property
    def headline(self) -> str:
        """The first line: step and quantity."""
        return self.lines[0]


def examine(setup: Setup, state: State) -> Autopsy:
    """Diagnose a diverged training of one seed; `state` is not changed."""
    with np.errstate(all="ignore"):
        case = _after_update(setup, state) if state.update_done[0] else _in_step(setup, state)
        causes = list(_causes(setup, state, case))
    document = _document(setup, state, case, causes)
    lines = list(_account(document, case.what, causes))
    return Autopsy({**document, "account": lines}, lines)


# --- the culprit ------------------------------------------------------------------------------------------------------


def _in_step(setup: Setup, state: State) -> Finding:
    """The first bad quantity in the pass over the batch, or else in the update."""
    step, batches = int(state.bad_step[0]) - 1, setup.batches()
    x, y = batches.at(step)
    rows = setup.rows.of(0).split.train[batches.positions(step)[0]]
    seen, culprit, losses = _first_bad_of_batch(setup, state, x, y, step)
    if culprit is not None:
        return Finding("batch", rows, x[0], seen, culprit, _counted(culprit))
    loss = Quantity("head", "loss", losses)
    mean, limit = float(loss.values.mean(dtype=np.float64)), LARGEST_GROWTH * abs(float(state.initial_loss[0]))
    if mean > limit > 0 or not math.isfinite(float(loss.values.mean())):
        return Finding("batch", rows, x[0], seen, loss, _grown(mean, state))
    before = state.copy_moving()
    before.step = step
    after = _one_step_later(setup, before)
    updated = [*_tensors(setup, after)]
    more, culprit = _first_bad(iter(updated))
    culprit = culprit or max(updated, key=lambda quantity: float(np.abs(quantity.values).max(initial=0)))
    return Finding("update", rows, x[0], seen + more, culprit, _counted(culprit))


def _first_bad_of_batch(
    setup: Setup, state: State, x: Array, y: Array, step: int
) -> tuple[list[Quantity], Quantity | None, Array]:
    """As `_first_bad`, and the losses (m,), for a batch in the pieces in which it trains: of the last one examined."""
    batch, losses = x.shape[1], []
    rows, context = setup.network.rows_at_once(batch, trains=True), frozen(setup, step)
    for number, begin in enumerate(range(0, batch, rows)):
        context.piece, piece = number, slice(begin, begin + rows)
        seen, culprit = _first_bad(_quantities(setup, state, x[:, piece], y[:, piece], context, begin, batch))
        losses += [quantity.values for quantity in seen if quantity.name == "loss"]
        if culprit is not None:
            break
    return seen, culprit, np.concatenate(losses) if losses else np.empty(0)


def _one_step_later(setup: Setup, state: State) -> State:
    """A copy of `state` advanced by one step, without checks for divergence."""
    after = state.copy_moving()
    after.step = state.step
    trainer = Trainer(setup.network, setup.parts, setup.rows.seeds, setup.optimizer.update, setup.plan, after)
    with np.errstate(all="ignore"):
        trainer.differentiate(after.step)
        trainer.apply(after.step)
    after.step += 1
    return after


def _after_update(setup: Setup, state: State) -> Finding:
    """The first bad quantity on the split whose loss was bad, else the block of rows with the largest loss."""
    parts, prepared = setup.parts, setup.rows.of(0)
    split = {"train": prepared.split.train, "val": prepared.split.validation}
    worst, largest = None, -math.inf
    at_once = rows_evaluated_at_once(setup.network)
    for name in setup.plan.evaluate:
        for begin in range(0, parts[name].x.shape[1], at_once):
            block = slice(begin, begin + at_once)
            x, y = parts[name].x[:, block], np.asarray(parts[name].y_and_weights[:, block])
            rows = split[name][block]
            seen, culprit = _first_bad(_quantities(setup, state, x, y, PassContext()))
            if culprit is not None:
                return Finding(name, rows, x[0], seen, culprit, _counted(culprit))
            mean = float(seen[-1].values.mean(dtype=np.float64))
            if worst is None or mean > largest:
                worst, largest = Finding(name, rows, x[0], seen, seen[-1], _grown(mean, state)), mean
    assert worst is not None, "a split whose loss was bad has rows"
    return worst


def _first_bad(quantities: Iterator[Quantity]) -> tuple[list[Quantity], Quantity | None]:
    """Copies of all quantities up to the first that is not finite, and that one, or None."""
    seen: list[Quantity] = []
    for quantity in quantities:
        seen.append(replace(quantity, values=quantity.values.copy()))
        if quantity.bad.any():
            return seen, seen[-1]
    return seen, None


def _quantities(
    setup: Setup, state: State, x: Array, y: Array, context: PassContext, begin: int = 0, part_of: int | None = None
) -> Iterator[Quantity]:
    """Every quantity of a pass over rows, in the order of computation; for training also the backward pass.

    The rows are those from number `begin` on of a batch of `part_of` rows.
    """
    network, theta = setup.network, state.theta
    gradient = np.zeros_like(theta) if context.trains else None
    examined = Pass(network, theta, gradient, x.shape[1], state.statistics.copy(), context, part_of)
    by_row = partial(Quantity, begin=begin)
    yield by_row("input", "input", x[0], shape=network.shape)
    for layer, shape, outputs in zip(network.layers, network.shapes[1:], examined.forward_by_layer(x), strict=True):
        yield by_row(layer.name, layer.output_name, outputs[0], shape=shape)
    examined.forward(x)
    yield by_row("head", "output", examined.a[0])
    yield by_row("head", "loss", examined.head.losses(examined.z, y)[0])
    if gradient is not None:
        yield from _backward(setup, examined, y, gradient, by_row)


def _backward(
    setup: Setup, examined: Pass, y: Array, gradient: Array, by_row: Callable[..., Quantity]
) -> Iterator[Quantity]:
    """The gradients, from the head to the first layer, and finally that of the objective with penalties."""
    network, views = setup.network, setup.network.layout.views(gradient)
    derivatives = examined.backward_by_layer(y)
    next(derivatives)
    yield by_row("head", "gradient by the logits", examined.dz[0])
    for depth, dx in zip(range(len(network.layers) - 1, -1, -1), derivatives, strict=True):
        layer = network.layers[depth]
        for spec in layer.parameter_specs(network.shapes[depth]):
            yield Quantity(layer.name, f"gradient of {spec.name}", views[spec.name][0], by_row=False)
        if dx is not None:
            yield by_row(layer.name, "gradient by its input", dx[0], shape=network.shapes[depth])
    examined.backward(y)
    yield Quantity("penalties", "gradient of the penalties", gradient[0], by_row=False)


def _tensors(setup: Setup, state: State) -> Iterator[Quantity]:
    """The tensors of theta, then the running statistics."""
    for layout, values in ((setup.network.layout, state.theta), (setup.network.statistics, state.statistics)):
        for name, view in layout.views(values).items():
            yield Quantity(name.split("/")[0], f"{name} after the update", view[0], by_row=False)


def _counted(quantity: Quantity) -> str:
    """How many entries are not finite, in words."""
    bad = quantity.bad
    first = str(float(quantity.values[bad].ravel()[0])) if bad.any() else "none"
    return f"{int(bad.sum()):,} of {bad.size:,} values not finite, the first {first}"


def _grown(mean: float, state: State) -> str:
    return f"mean {mean:.6g}, where the initial loss was {float(state.initial_loss[0]):.6g}"


# --- causes -----------------------------------------------------------------------------------------------------------


def _causes(setup: Setup, state: State, case: Finding) -> Iterator[Cause]:
    """Possible causes, the likeliest first."""
    checks = (_ran_away, _bad_slope, _no_value, _unscaled, _overflowing_activation, _rounded_probabilities)
    found = [cause for check in checks for cause in check(setup, state, case)]
    yield from found or [_range_left(setup)]


def _ran_away(setup: Setup, state: State, case: Finding) -> Iterator[Cause]:
    """Growing weights or gradients: the learning rate is too large."""
    choice = setup.experiment.optimizer
    rate, default = float(choice.values["learning_rate"]), float(choice.entry.parameters[0].default or 1)
    before, now = (float(np.abs(theta).max(initial=0)) for theta in (setup.start().theta, state.theta))
    norms = [norm for _, norm in state.gradient_norms() if math.isfinite(norm) and norm > 0]
    grew = now > _GREW * before or (len(norms) > 1 and max(norms) > _GREW * norms[0])
    if not grew and case.part != "update":
        return
    evidence = f"the largest weight went from {before:.3g} to {now:.3g}"
    if len(norms) > 1:
        evidence += f", the norm of the gradient from {norms[0]:.3g} to {max(norms):.3g}"
    tries: dict[str, Any] = {"optimizer.learning_rate": min(rate / 10, default)}
    if not choice.entry.needs_objective and setup.plan.clip_norm is None:
        tries["training.clip_norm"] = 1.0
    yield Cause(f"the learning rate of {rate:g} is too large", evidence, tries)


def _bad_slope(setup: Setup, _state: State, case: Finding) -> Iterator[Cause]:
    """A slope of an activation that is not finite although the input is."""
    layer = _layer(setup, case.culprit.layer)
    if case.culprit.name != "gradient by its input" or layer.output_name != "activation":
        return
    where, name = _input_at(setup, case), _activation_name(setup, layer)
    yield Cause(
        f"the slope of the activation '{name}' is {case.culprit.values[case.culprit.bad].flat[0]:g}",
        f"at x = {where:.6g}, where its value is finite; see `nnlab gradcheck`",
        {"network.activation": "relu"},
    )


def _no_value(setup: Setup, _state: State, case: Finding) -> Iterator[Cause]:
    """An activation that is nan for a finite input, like the logarithm of a negative number."""
    layer = _layer(setup, case.culprit.layer)
    if case.culprit.name == "activation" and np.isnan(case.culprit.values).any():
        yield Cause(
            f"the activation '{_activation_name(setup, layer)}' has no value there",
            f"at x = {_input_at(setup, case):.6g}; logarithms and roots of negative numbers have none",
            {"network.activation": "relu"},
        )


def _unscaled(setup: Setup, _state: State, case: Finding) -> Iterator[Cause]:
    """Input columns with large values."""
    largest = np.abs(case.x).max(axis=0, initial=0)
    columns = np.argsort(-largest, kind="stable")[:3]
    names = setup.rows.dataset.columns.input_names
    shown = ", ".join(f"'{names[i]}' reaches {largest[i]:.6g}" for i in columns if largest[i] > _LARGE_INPUT)
    if shown:
        yield Cause("the inputs are not scaled", f"as the network sees it, {shown}", {"data.scale": "standard"})


def _overflowing_activation(setup: Setup, _state: State, case: Finding) -> Iterator[Cause]:
    """An activation that maps moderate inputs to values whose squares overflow, like the exponential."""
    precision = setup.experiment.precision
    for before, after in pairwise(case.seen):
        sizes = np.nan_to_num(np.abs(after.values), nan=0.0, posinf=np.inf)
        if after.name != "activation" or sizes.shape != before.values.shape:
            continue
        largest, x = sizes.max(), before.values.flat[sizes.argmax()]
        if largest > np.sqrt(np.finfo(precision).max) and abs(x) < _MODERATE:
            name = _activation_name(setup, _layer(setup, after.layer))
            tries: dict[str, Any] = {"network.activation": "tanh"}
            if precision == "float32":
                tries["precision"] = "float64"
            yield Cause(f"the activation '{name}' overflows {precision}", f"{largest:.3g} at x = {x:.6g}", tries)
            return


def _rounded_probabilities(setup: Setup, _state: State, case: Finding) -> Iterator[Cause]:
    """A loss computed from probabilities that were rounded to 0 or 1."""
    if case.culprit.layer == "head" and not setup.experiment.network.head.logits:
        evidence = "the loss is worked out from probabilities, and the logarithm of 0 is infinite"
        yield Cause("a probability has rounded to 0 or 1", evidence, {"network.head.logits": True})


def _range_left(setup: Setup) -> Cause:
    precision = setup.experiment.precision
    tries: dict[str, Any] = {"optimizer.learning_rate": float(setup.experiment.optimizer.values["learning_rate"]) / 10}
    if precision == "float32":
        tries["precision"] = "float64"
    evidence = f"all that went into it is finite, but {precision} ends at {np.finfo(precision).max:.3g}"
    return Cause(f"numbers leave the range of {precision}", evidence, tries)


def _layer(setup: Setup, name: str) -> Any:
    return next((layer for layer in setup.network.layers if layer.name == name), None)


def _activation_name(setup: Setup, layer: Any) -> str:
    """The name of a layer's activation in the experiment file, or its formula."""
    choices = [layer.activation for layer in setup.experiment.network.layers or [] if layer.activation]
    choices.append(setup.experiment.network.activation)
    formulas = [choice.formula for choice in choices if choice.formula is not None]
    name = layer.activation.name
    return formulas[0] if name == "formula" and formulas else str(name)


def _input_at(setup: Setup, case: Finding) -> float:
    """The input of the culprit's layer at the first bad entry; nan if input and output differ in shape."""
    names = [layer.name for layer in setup.network.layers]
    depth = names.index(case.culprit.layer)
    before = "input" if depth == 0 else names[depth - 1]
    values = next(q.values for q in case.seen if q.layer == before and q.by_row)
    if values.shape != case.culprit.values.shape:
        return math.nan
    return float(values[case.culprit.bad].flat[0])


# --- the report -------------------------------------------------------------------------------------------------------


def _document(setup: Setup, state: State, case: Finding, causes: Sequence[Cause]) -> dict[str, Any]:
    step = int(state.bad_step[0])
    culprit, per_epoch = case.culprit, setup.epoch_steps
    rate = np.ravel(setup.optimizer.rate(state.theta, state.slots, max(step, 1)))[0]
    document = {
        "step": step,
        "epoch": step / per_epoch,
        "found_in": case.part,
        "layer": culprit.layer,
        "quantity": culprit.name,
        "what": case.what,
        "entry": None if culprit.first_bad is None else [*culprit.first_bad],
        "place": case.place,
        "batch": {"number": (step - 1) % per_epoch + 1, "of": per_epoch} if case.part in {"batch", "update"} else None,
        "rows": _row_document(setup, case),
        "loss": {"initial": float(state.initial_loss[0]), "limit": LARGEST_GROWTH * abs(float(state.initial_loss[0]))},
        "learning_rate": float(rate),
        "gradient_norms": [{"step": at, "norm": norm} for at, norm in state.gradient_norms()],
        "causes": [cause.document() for cause in causes],
        "quantities": [quantity.document() for quantity in case.seen],
        "updates_done": step if state.update_done[0] else step - 1,
    }
    strict: dict[str, Any] = _strict(document)
    return strict


def _row_document(setup: Setup, case: Finding) -> dict[str, Any]:
    """Numbers of the examined rows in the data set, and the rows with the largest inputs, bad rows first."""
    bad, dataset = case.bad_rows, setup.rows.dataset
    order = np.lexsort((-np.abs(case.x).max(axis=1), ~bad))[:_SHOWN_ROWS]
    names = dataset.columns.input_names
    columns = np.abs(case.x[order]).argmax(axis=1)
    return {
        "count": len(case.rows),
        "numbers": [int(row) + 1 for row in case.rows[:_MOST_ROWS]],
        "bad_count": int(bad.sum()),
        "bad_numbers": [int(row) + 1 for row in case.rows[bad][:_MOST_ROWS]],
        "largest_inputs": [
            {
                "row": int(case.rows[i]) + 1,
                "column": names[column],
                "value": float(dataset.x[case.rows[i]][column]),
                "scaled": float(case.x[i, column]),
            }
            for i, column in zip(order, columns, strict=True)
        ],
    }


def _strict(value: Any) -> Any:
    """The value with numbers that JSON lacks as text: "inf", "-inf", "nan"."""
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _account(document: Mapping[str, Any], what: str, causes: Sequence[Cause]) -> Iterator[str]:
    """The document in sentences."""
    rows, place = document["rows"], document["found_in"]
    where = "" if place == "batch" else " (in the update)" if place == "update" else f" (on the {place} part)"
    at = f" at {document['place']}" if document["place"] else ""
    yield f"diverged at step {document['step']}: {document['layer']}, {document['quantity']}{where}: {what}{at}"
    kind = f"batch {document['batch']['number']} of {document['batch']['of']}" if document["batch"] else f"{place} part"
    yield f"{kind}, {rows['count']:,} rows: {_listed(rows['numbers'], rows['count'])}"
    if rows["bad_count"]:
        yield f"rows that are not finite: {_listed(rows['bad_numbers'], rows['bad_count'])}"
    largest = (f"{i['column']} = {i['value']:.6g} in row {i['row']}" for i in rows["largest_inputs"])
    yield f"largest inputs: {', '.join(largest)}"
    norms = [_short(entry["norm"]) for entry in document["gradient_norms"]]
    if norms:
        yield f"norms of the last gradients ({len(norms)}): {', '.join(norms)}"
    for title, cause in zip(["likely cause", *["also possible"] * len(causes)], causes, strict=False):
        yield f"{title}: {cause.cause}: {cause.evidence}"
        yield f"try: {' '.join(f'--set {key}={_plain(value)}' for key, value in cause.tries.items())}"


def _listed(numbers: Sequence[int], count: int) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown}, …" if count > min(10, len(numbers)) else shown


def _plain(value: Any) -> str:
    """A value in the syntax of an experiment file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
