"""Export a trained network to a file: in ONNX, or its tensors in safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nnlab.errors import ConfigError, printable
from nnlab.experiments.evaluate import ArmNetwork, Opened, warnings_on
from nnlab.exports.held import HeldRows
from nnlab.exports.packages import require
from nnlab.exports.ports import InputsForm, Port, blurred, input_ports, output_port
from nnlab.exports.torch.code import code_of, refuse_other_code
from nnlab.exports.torch.modules import modules_of, torch_tensors
from nnlab.storage.folder import RunFolder
from nnlab.storage.outputs import NamedOutput, is_stream

FileFormat = Literal["onnx", "safetensors"]
TensorLayout = Literal["nnlab", "torch"]


@dataclass(frozen=True)
class Exported:
    """A network that was written to `path`, and to `code` if there is a Python file beside it.

    `difference` is the largest one from nnlab's outputs on `rows` rows of a `part`, and `bound` what was allowed; None
    in a safetensors file, which holds the weights themselves. `tensors` are the names and shapes in such a file.
    """

    path: Path
    format: FileFormat
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...] = ()
    tensors: tuple[tuple[str, tuple[int, ...]], ...] = ()
    layout: TensorLayout | None = None
    code: Path | None = None
    difference: float | None = None
    bound: float | None = None
    rows: int = 0
    part: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    arm: ArmNetwork | None = None

    def document(self) -> dict[str, Any]:
        """The export as a document for `--json`."""
        checked = {"difference": self.difference, "bound": self.bound, "rows": self.rows, "part": self.part}
        tensors = {"layout": self.layout, "tensors": {name: [*shape] for name, shape in self.tensors}}
        return {
            "path": str(self.path),
            "format": self.format,
            **({"arm": self.arm.label, "seed": self.arm.seed} if self.arm else {}),
            **({"code": str(self.code)} if self.code else {}),
            **(checked if self.format == "onnx" else tensors),
            "inputs": [port.document() for port in self.inputs],
            "outputs": [port.document() for port in self.outputs],
            "warnings": [*self.warnings],
            "notes": [*self.notes],
            **({"trusted": [*self.trusted]} if self.trusted else {}),
        }


def format_of(out: Path, layout: str, inputs: str) -> FileFormat:
    """The format that a file's name asks for; ONNX for a device or a pipe.

    ConfigError for another name, for words that are none, and for what is not for this format.
    """
    _refuse_other("layout", layout, ("nnlab", "torch"))
    _refuse_other("inputs", inputs, ("array", "columns"))
    kind = out.suffix.lower().removeprefix(".")
    if kind not in ("onnx", "safetensors") and not is_stream(out):
        raise ConfigError(f"found '{printable(str(out))}', expected a name that ends in .onnx or .safetensors")
    if kind == "safetensors" and inputs == "columns":
        raise ConfigError("--inputs: found columns for a file of tensors, expected it for an .onnx file")
    if kind != "safetensors" and layout == "torch":
        raise ConfigError("--layout: found torch for an ONNX model, expected it for a .safetensors file")
    return "safetensors" if kind == "safetensors" else "onnx"


def _refuse_other(option: str, word: str, known: tuple[str, str]) -> None:
    if word not in known:
        raise ConfigError(f"--{option}: found '{printable(str(word))}', expected {known[0]} or {known[1]}")


def code_beside(out: Path, layout: str) -> Path | None:
    """The path of the Python file that is written beside tensors in the layout of PyTorch."""
    return out.with_suffix(".py") if layout == "torch" else None


def export_onnx(opened: Opened, run: RunFolder, out: NamedOutput, inputs: InputsForm) -> Exported:
    """Write the network as an ONNX model that was compared with nnlab on held rows.

    ConfigError, and nothing is written, for what ONNX cannot express and for a model whose outputs differ.
    """
    require("onnx", out.path)
    from nnlab.exports.onnx.check import reference_outputs
    from nnlab.exports.onnx.model import to_onnx

    model = opened.model
    exported = to_onnx(model, inputs, model.experiment.name)
    held = HeldRows.of(opened, run)
    difference = held.compare(reference_outputs(exported, model, inputs, held.x))
    bound = held.bound(model, in_single=bool(exported.in_single))
    held.refuse_difference(difference, bound)
    out.write(exported.content)
    notes = [*_on_inputs(blurred(model)), *_on_single(exported.in_single)]
    checked: dict[str, Any] = {"difference": difference, "bound": bound, "rows": len(held.x), "part": held.part}
    about = {"notes": tuple(notes), **_of_run(opened)}
    return Exported(out.path, "onnx", input_ports(model, inputs), exported.outputs, **checked, **about)


def _of_run(opened: Opened) -> dict[str, Any]:
    """What a user should know of the run."""
    differences = tuple(opened.trust.differences)
    return {"warnings": tuple(warnings_on(opened)), "trusted": differences, "arm": opened.arm}


_MOST_NAMED = 3


def _on_inputs(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    some = ", ".join(map(printable, names[:_MOST_NAMED])) + (", …" if len(names) > _MOST_NAMED else "")
    return [f"inputs are float64 where float32 would blur them: {some} lies far from 0 and varies little"]


def _on_single(operators: Sequence[str]) -> list[str]:
    if not operators:
        return []
    return [f"{', '.join(operators)} computed in float32, between casts: onnxruntime has no form for float64"]


def export_tensors(opened: Opened, out: NamedOutput, code: NamedOutput | None) -> Exported:
    """Write the tensors of the network; with `code` as PyTorch names them, and its module as a Python file.

    ConfigError, and nothing is written, for what PyTorch has not; OutputError if the Python file is somebody else's.
    """
    require("safetensors", out.path)
    from nnlab.exports.tensors import content_of, nnlab_tensors

    if code is not None:
        refuse_other_code(code)
    model = opened.model
    layout: TensorLayout = "nnlab" if code is None else "torch"
    modules = [] if code is None else modules_of(model)
    tensors = nnlab_tensors(model) if code is None else torch_tensors(modules)
    text = "" if code is None else code_of(model, modules, out.path.name, output_port(model).about)
    out.write(content_of(model, tensors, layout))
    if code is not None:
        code.write(text.encode())
    named = tuple((name, array.shape) for name, array in tensors.items())
    about: dict[str, Any] = {"layout": layout, "tensors": named, "code": None if code is None else code.path}
    return Exported(
        out.path, "safetensors", input_ports(model, "array"), (output_port(model),), **about, **_of_run(opened)
    )
