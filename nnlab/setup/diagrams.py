"""The diagrams of an experiment's network, with the names of its data and of its head."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nnlab.config.schema import Experiment
from nnlab.data.dataset import Columns
from nnlab.maths.losses import LOSSES
from nnlab.networks.diagrams.architecture import architecture
from nnlab.networks.diagrams.diagram import Diagram, Names
from nnlab.networks.diagrams.operations import operations
from nnlab.networks.layers.base import is_image
from nnlab.networks.network import Network

Array = NDArray[Any]


def architecture_of(experiment: Experiment, network: Network, columns: Columns, theta: Array | None = None) -> Diagram:
    """The layers of a network, with its weights if theta (1, P) is given."""
    return architecture(network, _names(experiment, network, columns), theta)


def operations_of(experiment: Experiment, network: Network, columns: Columns, most: int) -> Diagram:
    """The operations of a forward pass, and the derivatives that flow back, of `most` layers."""
    return operations(network, _names(experiment, network, columns), most)


def _names(experiment: Experiment, network: Network, columns: Columns) -> Names:
    head = experiment.network.head
    assert head.activation is not None
    assert head.loss is not None
    return Names(
        title=experiment.name,
        task=experiment.task,
        activation="" if head.activation.name == "identity" else head.activation.label,
        loss=head.loss.name,
        loss_label=head.loss.label,
        loss_formula=LOSSES[head.loss.name].formula,
        inputs=() if is_image(network.shape) else columns.input_names,
        outputs=_outputs(network, columns),
        smooths=bool(head.loss.values.get("smoothing")),
    )


def _outputs(network: Network, columns: Columns) -> tuple[str, ...]:
    """What each number behind the last layer is: of a class, of a label or of a target."""
    if len(columns.classes) == 2 and network.outputs == 1:
        return (f"{columns.targets[0]} = {columns.classes[1]}",)
    names = columns.classes or columns.targets
    if network.head.per_output == 1:
        return names
    return (*(f"mean of {name}" for name in names), *(f"log variance of {name}" for name in names))
