"""The tensors of a network in a safetensors file, as nnlab or as PyTorch names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from nnlab.config.experiment import to_yaml
from nnlab.exports.layer_numbers import named_tensors
from nnlab.exports.metadata import metadata
from nnlab.setup.model import Model

Array = NDArray[Any]


def nnlab_tensors(model: Model) -> dict[str, Array]:
    """Each tensor of theta, each running statistic, and the scaling of inputs and targets, by name."""
    found = named_tensors(model)
    for prefix, scaling in (("scaling", model.scaling), ("target_scaling", model.target_scaling)):
        if scaling is not None:
            found |= {f"{prefix}/shift": scaling.shift, f"{prefix}/divisor": scaling.divisor}
            found |= {} if scaling.fill is None else {f"{prefix}/fill": scaling.fill}
    return found


def content_of(model: Model, tensors: Mapping[str, Array], layout: str) -> bytes:
    """The file: tensors, and in its metadata the experiment and how its inputs are read."""
    about = {**metadata(model), "layout": layout, "config": to_yaml(model.experiment)}
    about |= {"format": "pt"} if layout == "torch" else {}
    found: bytes = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, about)
    return found
