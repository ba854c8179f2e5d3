"""A trained network as an ONNX model: columns or an array in, outputs in the targets' units and labels out."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto, helper

import nnlab
from nnlab.errors import ConfigError
from nnlab.exports.metadata import metadata
from nnlab.exports.onnx.graph import TEXT, WHOLE, Graph, Tensor, joined, kind_of, where, whole
from nnlab.exports.onnx.inputs import ML, scaled_inputs
from nnlab.exports.onnx.layers import outputs_of
from nnlab.exports.ports import LABEL, InputsForm, Port, blurred, output_port
from nnlab.setup.model import Model

OPSET, ML_OPSET, IR_VERSION = 18, 3, 8  # IR 8 is the one that came with opset 18
_DOUBLE = kind_of(np.float64)
_MOST_BYTES = 2_000_000_000  # protobuf writes no message of 2 GiB


@dataclass(frozen=True)
class OnnxExport:
    """A model that `onnx.checker` has passed; `in_single` are its operators of float64 computed in float32."""

    proto: ModelProto
    outputs: tuple[Port, ...]
    in_single: tuple[str, ...]

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        found: bytes = self.proto.SerializeToString()
        return found


def to_onnx(model: Model, form: InputsForm, name: str) -> OnnxExport:
    """The model as ONNX. ConfigError for what an ONNX graph cannot express."""
    if model.theta.nbytes > _MOST_BYTES:
        raise ConfigError("found weights of more than 2 GB, which no .onnx file holds; expected .safetensors")
    graph = Graph(model.theta.dtype)
    inputs = scaled_inputs(graph, model, form)
    values = outputs_of(inputs.x, model)
    invalid = joined("Or", inputs.invalid) if inputs.invalid else None
    ports = [_output(graph, model, values, invalid)]
    ports += [_label(graph, model, values, invalid)] if model.experiment.task != "regression" else []
    opsets = [helper.make_opsetid("", OPSET)]
    opsets += [helper.make_opsetid(ML, ML_OPSET)] if any(node.domain == ML for node in graph.nodes) else []
    proto = helper.make_model(
        graph.build(name),
        opset_imports=opsets,
        ir_version=IR_VERSION,
        producer_name="nnlab",
        producer_version=nnlab.__version__,
    )
    helper.set_model_props(proto, {**metadata(model), "inputs_taken_as_float64": json.dumps(blurred(model))})
    onnx.checker.check_model(proto, full_check=True)
    proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    return OnnxExport(proto, tuple(ports), tuple(sorted(graph.in_single)))


def _output(graph: Graph, model: Model, values: Tensor, invalid: Tensor | None) -> Port:
    """Probabilities, or values in the targets' own units; nan for rows without a prediction."""
    scaling = model.target_scaling
    with graph.within("outputs"):
        if scaling is not None:
            factor = np.where(np.isinf(scaling.divisor), 0.0, scaling.divisor)
            exact = graph.cast(values, _DOUBLE) * graph.stored("target_scaling/divisor", factor)
            values = graph.cast(exact + graph.stored("target_scaling/shift", scaling.shift), graph.kind)
        if invalid is not None:
            values = where(invalid, float("nan"), values)
    port = output_port(model)
    graph.output(port.name, values, graph.kind, port.shape, port.about)
    return port


def _label(graph: Graph, model: Model, values: Tensor, invalid: Tensor | None) -> Port:
    """The name of the class, "" for rows without a prediction; of several labels which ones hold, 0 or 1."""
    with graph.within("label"):
        if model.experiment.task == "multilabel":
            about = f"1 for yes, 0 for no, in this order: {', '.join(model.columns.targets)}"
            port = Port(LABEL, "int64", ("N", model.network.outputs), about)
            graph.output(port.name, graph.cast(values > 0.5, WHOLE), WHOLE, port.shape, about)
            return port
        if model.experiment.task == "binary":
            number = graph.op("Squeeze", graph.cast(values > 0.5, WHOLE), whole(graph, 1))
        else:
            number = graph.op("ArgMax", values, axis=1, keepdims=0)
        label = graph.op("Gather", graph.constant(np.array(model.columns.classes)), number)
        if invalid is not None:
            label = where(graph.op("Squeeze", invalid, whole(graph, 1)), graph.constant(np.array("")), label)
    port = Port(LABEL, "string", ("N",), f"one of {', '.join(model.columns.classes)}")
    graph.output(port.name, label, TEXT, port.shape, port.about)
    return port
