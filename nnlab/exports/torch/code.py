"""The Python file beside exported tensors: a network as an `nn.Sequential`, and what nnlab does before and after it."""

from __future__ import annotations

import pprint
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnlab
from nnlab.errors import OutputError, printable
from nnlab.exports.ports import listed_inputs, merged_inputs
from nnlab.exports.torch.modules import FINISHES, TorchModule
from nnlab.networks.layers.base import is_image
from nnlab.setup.model import Model
from nnlab.storage.files import storage_errors
from nnlab.storage.outputs import NamedOutput

_BEGIN = '"""A trained network as a PyTorch module, written by nnlab '

_FILE = '''{begin}{version}.

    network = load("{weights}")
    outputs = predict(network, x)

x holds rows as nnlab encodes them, (N, {inputs}): {each}.
"""

{imports}import torch
from safetensors.torch import load_file
from torch import nn

{constants}


def build() -> nn.Sequential:
    """The network before its weights are loaded; it takes scaled inputs."""
    return nn.Sequential(
{modules}
    ).to({dtype})


def load(path: str) -> nn.Sequential:
    """The trained network."""
    network = build()
    network.load_state_dict(load_file(path))
    return network.eval()


def scaled(x: torch.Tensor) -> torch.Tensor:
    """Rows (N, {inputs}) in float64 as the network takes them."""
{scaling}


def predict(network: nn.Sequential, x) -> torch.Tensor:
    """The outputs (N, {outputs}) for rows x: {about}."""
    with torch.no_grad():
        outputs = network(scaled(torch.as_tensor(x, dtype=torch.float64)))
{finishing}
'''


def code_of(model: Model, modules: Sequence[TorchModule], weights: str, about: str) -> str:
    """The file's text; `weights` is the name of the file of tensors, `about` says what the outputs are."""
    constants = "\n".join(_constants(model))
    return _FILE.format(
        begin=_BEGIN,
        version=nnlab.__version__,
        weights=_quoted(weights),
        inputs=model.columns.width,
        outputs=model.network.outputs,
        each=_each_input(model),
        imports="from math import inf\n\n" if "inf" in constants else "",
        constants=constants,
        modules="\n".join(
            f"        {module.code},  # {number}: {module.about}" for number, module in enumerate(modules)
        ),
        dtype=_dtype(model),
        scaling=_indented(_scaling(model)),
        about=_quoted(about),
        finishing=_indented(_finishing(model)),
    )


def refuse_other_code(output: NamedOutput) -> None:
    """OutputError if there is another Python file at this path than one that nnlab has written."""
    if output.is_file and output.found is not None:
        with storage_errors(output.path), output.path.open(encoding="utf-8", errors="replace") as file:
            is_own = file.readline().startswith(_BEGIN)
        if not is_own:
            found = "found another file, which is left alone; expected a free name"
            raise OutputError(f"{printable(str(output.path))}: {found}")


def _each_input(model: Model) -> str:
    if model.columns.image is not None:
        return listed_inputs(model.columns)
    has_texts = any(column.categories for column in model.columns.inputs)
    return f"a number for each name of INPUTS{', 1 or 0 for a category' if has_texts else ''}"


def _quoted(text: str) -> str:
    """A text of a user for a docstring, which it cannot end."""
    return ascii(text)[1:-1].replace('"', "'")


def _indented(lines: Iterator[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _dtype(model: Model) -> str:
    return f"torch.{model.theta.dtype}"


def _constants(model: Model) -> Iterator[str]:
    columns, scaling, targets = model.columns, model.scaling, model.target_scaling
    if columns.image is None:
        yield _named("INPUTS", [*columns.input_names])
    yield _named("TARGETS", [*columns.targets])
    if columns.classes:
        yield _named("CLASSES", [*columns.classes])
    if scaling.fill is not None:
        yield _numbers("FILL", scaling.fill)
    yield _numbers("SHIFT", scaling.shift)
    yield _numbers("DIVISOR", scaling.divisor)
    if targets is not None:
        yield _numbers("TARGET_SHIFT", targets.shift)
        yield _numbers("TARGET_DIVISOR", np.where(np.isinf(targets.divisor), 0.0, targets.divisor))


def _named(name: str, value: Any) -> str:
    return f"{name} = {pprint.pformat(value, width=110, compact=True)}"


def _numbers(name: str, values: NDArray[np.float64]) -> str:
    """A constant with a number for each column, or a single one if they are alike."""
    if (values == values[0]).all():
        return f"{name} = {float(values[0])!r}"
    listed = pprint.pformat(values.tolist(), width=100, compact=True)
    return f"{name} = torch.tensor({listed}, dtype=torch.float64)"


def _scaling(model: Model) -> Iterator[str]:
    if model.scaling.fill is not None:
        yield "x = torch.where(torch.isnan(x), FILL, x)  # blanks"
    for other, inputs in merged_inputs(model).items():
        names = f"x[:, [{other}]], x[:, {inputs}].amax(dim=1, keepdim=True)"
        yield "x = x.clone()"
        yield f"x[:, [{other}]] = torch.maximum({names})  # training never saw these: they count as other"
    yield f"x = ((x - SHIFT) / DIVISOR).to({_dtype(model)})"
    shape = model.network.shape
    yield f"return x.reshape(-1, {shape[2]}, {shape[0]}, {shape[1]})" if is_image(shape) else "return x"


def _finishing(model: Model) -> Iterator[str]:
    head = model.network.head.outputs
    if head in FINISHES:
        yield FINISHES[head].format(outputs=model.network.outputs)
    yield "return outputs" if model.target_scaling is None else "return outputs * TARGET_DIVISOR + TARGET_SHIFT"
