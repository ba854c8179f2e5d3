"""An ONNX model against nnlab: the reference evaluator of `onnx` on held rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from nnlab.data.dataset import InputColumn
from nnlab.exports.onnx.inputs import text_codes
from nnlab.exports.onnx.model import OnnxExport
from nnlab.exports.ports import ARRAY, InputsForm, input_ports, placed
from nnlab.setup.model import Model

Array = NDArray[Any]


def reference_outputs(exported: OnnxExport, model: Model, form: InputsForm, x: Array) -> Array:
    """What the reference evaluator makes of raw inputs (N, inputs): `output` (N, K)."""
    evaluator = ReferenceEvaluator(exported.proto)
    with np.errstate(all="ignore"):  # both branches of a Where are computed
        found = evaluator.run([exported.outputs[0].name], feeds(model, form, x))
    outputs: Array = np.asarray(found[0])
    return outputs


def feeds(model: Model, form: InputsForm, x: Array) -> dict[str, Array]:
    """The inputs of an exported model for raw inputs (N, inputs) as nnlab encodes them."""
    types = {port.name: port.type for port in input_ports(model, form)}
    if form == "array":
        return {ARRAY: np.asarray(x, types[ARRAY])}
    found: dict[str, Array] = {}
    for start, column in placed(model.columns):
        own = x[:, start : start + column.width]
        if column.categories is not None:
            found[column.name] = _texts(own, column, model)
        else:
            numbers = zip(column.input_names, own.T, strict=True)
            found |= {name: np.asarray(values, types[name]) for name, values in numbers}
    return found


def _texts(one_hot: Array, column: InputColumn, model: Model) -> Array:
    """The text of each row's category; where all inputs are 0 one that has none: blank, or never seen."""
    assert column.categories is not None
    codes = text_codes(column, model)
    without = "" if model.scaling.fill is not None else "?"
    while codes.get(without, -1) >= 0 or (without == "" and model.scaling.fill is None):
        without += "?"
    texts = np.array([*column.categories, without], object)
    places = np.where((one_hot > 0).any(axis=1), one_hot.argmax(axis=1), len(column.categories))
    found: Array = texts[places]
    return found
