"""The diagrams of an experiment's network, with the names of its data and of its head."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from nnlab.config.choices import ActivationChoice, LossChoice
from nnlab.config.schema import Experiment, Scale
from nnlab.data.dataset import Columns, Dataset
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.losses import worked_out
from nnlab.maths.parameters import in_words
from nnlab.networks.diagrams.architecture import architecture
from nnlab.networks.diagrams.diagram import Diagram, Names, Scaled
from nnlab.networks.diagrams.operations import operations
from nnlab.networks.layers.base import is_image
from nnlab.networks.network import Network
from nnlab.setup.network import network_for

Array = NDArray[Any]


def architecture_of(experiment: Experiment, network: Network, columns: Columns, theta: Array | None = None) -> Diagram:
    """The layers of a network, with its weights if theta (1, P) is given."""
    return architecture(network, _names(experiment, network, columns), theta)


def architecture_of_arms(experiments: Mapping[str, Experiment], dataset: Dataset) -> Diagram | None:
    """The layers that experiments share, by the label of each; None if they differ by more than their activation."""
    first, *others = experiments.values()
    own = first.network.activation
    is_shared = all(experiment.network.activation == own for experiment in others)
    shared = first if is_shared else _with_activation(first, _STAND_IN)
    network = _network(shared, dataset)
    about = [(e.data, e.task, _with_activation(e, _STAND_IN).network) for e in (first, *others)]
    if any(one != about[0] for one in about):
        return None
    if any(_weights(_network(one, dataset)) != _weights(network) for one in experiments.values()):
        return None  # such as of glu, which halves the units
    diagram = architecture_of(shared, network, dataset.columns)
    return diagram if is_shared else _each_arms(diagram, list(experiments))


_NAME = "activation"
_STAND_IN = ActivationChoice(name=_NAME, values={}).with_entry(replace(ACTIVATIONS["identity"], name=_NAME))
_MOST_ARMS = 6  # that are named


def _with_activation(experiment: Experiment, choice: ActivationChoice) -> Experiment:
    network = experiment.network.model_copy(update={"activation": choice})
    return experiment.model_copy(update={"network": network})


def _network(experiment: Experiment, dataset: Dataset) -> Network:
    return network_for(experiment, dataset.sample_shape, dataset.y.shape[1])


def _weights(network: Network) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all parameters but those of activations."""
    return [(spec.name, spec.shape) for spec in network.layout.specs if not spec.of_activation]


def _each_arms(diagram: Diagram, labels: Sequence[str]) -> Diagram:
    """The diagram with the layers of the stand-in as each arm's activation."""
    own = ("each arm's",)
    nodes = tuple(
        replace(node, name=_NAME, lines=own, notes=own) if re.fullmatch(rf"{_NAME}\d+", node.name) else node
        for node in diagram.nodes
    )
    shown = ", ".join(labels[:_MOST_ARMS]) + ", …" * (len(labels) > _MOST_ARMS)
    about = f"{diagram.about} beside those of activations; activation: each arm's, {shown}"
    return replace(diagram, nodes=nodes, about=about)


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
        loss_formula=_loss_formula(head.loss, experiment.task),
        inputs=() if is_image(network.shape) else columns.input_names,
        outputs=_outputs(network, columns),
        smooths=bool(head.loss.values.get("smoothing")),
        from_logits=head.logits and worked_out(experiment.task, head.activation.name, head.loss.name) is not None,
        scaled=_scaled(experiment.data.scale),
        scales_targets=experiment.data.scale_targets and experiment.task == "regression",
    )


def _loss_formula(loss: LossChoice, task: str) -> str:
    """The formula of a loss for this task, with the values of its parameters."""
    formula, _, of_classes = loss.entry.formula.partition("; of classes ")
    values = in_words({name: value for name, value in loss.values.items() if name != "smoothing"})
    chosen = of_classes if of_classes and task == "multiclass" else formula
    return ", ".join(filter(None, [chosen, values.replace("=", " = ")]))


def _scaled(scale: Scale) -> Scaled | None:
    """How inputs are scaled, in words; None where they are not."""
    if scale.name == "none":
        return None
    if scale.name == "range":
        low, high = scale.target_range
        start, end = scale.from_range or (0, 255)
        ranges = f"{start:g} … {end:g} to {low:g} … {high:g}".replace("-", "−")
        return Scaled("rescaled", f"{{x}} brought from {ranges}", "")
    of = "all columns together" if scale.together else "each channel" if scale.per_channel else "each column"
    if scale.name == "minmax":
        return Scaled("min-max scaled", "({x} − min) / (max − min)", f"min and max of {of} of the training rows")
    divisor = f"(deviation + {scale.epsilon:g})".replace("-", "−") if scale.epsilon else "deviation"
    return Scaled("standardised", f"({{x}} − mean) / {divisor}", f"mean and deviation of {of} of the training rows")


def _outputs(network: Network, columns: Columns) -> tuple[str, ...]:
    """What each number behind the last layer is: of a class, of a label or of a target."""
    if len(columns.classes) == 2 and network.outputs == 1:
        return (f"{columns.targets[0]} = {columns.classes[1]}",)
    names = columns.classes or columns.targets
    if network.head.per_output == 1:
        return names
    return (*(f"mean of {name}" for name in names), *(f"log variance of {name}" for name in names))
