"""From the rows of a table to scaled inputs: one-hot encoding, blanks, scaling, as `nnlab.setup.model.Model.scaled`.

All of it is in float64, as in nnlab. What nnlab gives no prediction for, a row with a blank that the model does not
fill, or with a text that `data.unseen: error` refuses, is marked, and gets nan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import InputColumn
from nnlab.data.tables.encode import OTHER
from nnlab.data.tables.words import with_spellings
from nnlab.exports.onnx.graph import BOOL, TEXT, Graph, Tensor, equal, kind_of, over, unary, where, whole
from nnlab.exports.ports import ARRAY, InputsForm, Port, input_ports, merged_inputs, placed
from nnlab.setup.model import Model

_DOUBLE = kind_of(np.float64)
_NOTHING, _REFUSED = -1, -2  # codes of texts: one without an input, and one that gets no prediction
ML = "ai.onnx.ml"


@dataclass(frozen=True)
class ScaledInputs:
    """Scaled inputs (N, inputs) in the graph's precision; (N, 1) conditions under which a row has no prediction."""

    x: Tensor
    invalid: Sequence[Tensor]


def scaled_inputs(graph: Graph, model: Model, form: InputsForm) -> ScaledInputs:
    """Add the inputs of a model to a graph, and what nnlab does to them before the first layer."""
    ports = input_ports(model, form)
    given = {port.name: graph.input(port.name, _kind(port), port.shape, port.about) for port in ports}
    invalid: list[Tensor] = []
    with graph.within("inputs"):
        raw = graph.cast(given[ARRAY], _DOUBLE) if form == "array" else _joined(graph, model, given, invalid)
        return ScaledInputs(graph.cast(_scaled(raw, model, invalid), graph.kind), invalid)


def _kind(port: Port) -> int:
    return TEXT if port.type == "string" else kind_of(port.type)


def _joined(graph: Graph, model: Model, given: Mapping[str, Tensor], invalid: list[Tensor]) -> Tensor:
    """The columns side by side, (N, inputs)."""
    pieces: list[Tensor] = []
    for _, column in placed(model.columns):
        if column.categories is None:
            pieces += [_standing(graph.cast(given[name], _DOUBLE)) for name in column.input_names]
        else:
            pieces.append(_one_hot(given[column.name], column, model, invalid))
    return graph.op("Concat", *pieces, axis=1)


def _standing(x: Tensor) -> Tensor:
    """(N,) as (N, 1)."""
    return x.graph.op("Unsqueeze", x, whole(x.graph, 1))


def _one_hot(texts: Tensor, column: InputColumn, model: Model, invalid: list[Tensor]) -> Tensor:
    """1 in the column of each text's category, (N, categories)."""
    graph, codes = texts.graph, text_codes(column, model)
    unknown = codes.pop(None)
    code = graph.op(
        "LabelEncoder",
        texts,
        domain=ML,
        keys_strings=[text for text in codes if text is not None],
        values_int64s=[*codes.values()],
        default_int64=unknown,
    )
    standing = _standing(code)
    if _REFUSED in (unknown, *codes.values()):
        invalid.append(equal(standing, whole(graph, _REFUSED)))
    return graph.cast(equal(standing, whole(graph, *range(column.width))), _DOUBLE)


def text_codes(column: InputColumn, model: Model) -> dict[str | None, int]:
    """The place of each text's category, or a code below 0; None stands for every other text."""
    assert column.categories is not None
    data, fills = model.experiment.data, model.scaling.fill is not None
    places: dict[str | None, int] = {}
    places.update(with_spellings({text: place for place, text in enumerate(column.categories)}))
    other = places[OTHER] if column.rare else None
    places |= dict.fromkeys(column.rare, other if other is not None else _NOTHING)
    blank = _NOTHING if fills else _REFUSED
    places |= dict.fromkeys(("", *(data.missing or ())), blank)
    if other is None:
        other = _REFUSED if data.unseen == "error" else _NOTHING
    return {**places, None: other}


def _scaled(raw: Tensor, model: Model, invalid: list[Tensor]) -> Tensor:
    graph, scaling = raw.graph, model.scaling
    if model.columns.image is None:
        blank = unary("IsNaN")(raw)
        if scaling.fill is None:
            invalid.append(_any(blank))
        else:
            raw = where(blank, graph.constant(scaling.fill), raw)
    if merged := merged_inputs(model):
        raw = graph.op("MatMul", raw, graph.constant(_merging(model.columns.width, merged)))
    if not scaling.shift.any() and (scaling.divisor == 1).all():
        return raw
    return (raw - graph.stored("scaling/shift", scaling.shift)) / graph.stored("scaling/divisor", scaling.divisor)


def _any(condition: Tensor) -> Tensor:
    """Whether a condition (N, inputs) holds anywhere in a row, (N, 1)."""
    graph = condition.graph
    return graph.cast(over("ReduceMax", graph.cast(condition, kind_of(np.float32)), 1), BOOL)


def _merging(width: int, merged: Mapping[int, Sequence[int]]) -> NDArray[np.float64]:
    """The matrix (inputs, inputs) that adds inputs to the one that they count as; of a column one is 1."""
    matrix = np.eye(width)
    for other, inputs in merged.items():
        matrix[inputs, other] = 1.0
    return matrix
