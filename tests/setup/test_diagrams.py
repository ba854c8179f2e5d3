"""Diagrams of experiments: how inputs are scaled in words, losses with their values, and what arms share."""

import pytest

from nnlab.comparison.arms import arm_experiment, arms_from
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.data.catalogue import load
from nnlab.maths.activations import ACTIVATIONS
from nnlab.networks.diagrams.diagram import MOST_LAYERS
from nnlab.setup.diagrams import architecture_of, architecture_of_arms, operations_of
from nnlab.setup.network import network_for

XOR = """\
name: xor
task: binary
data: {source: xor}
network: {layers: [4, {dense: 4, activation: sin}, 4]}
"""


@pytest.fixture(scope="module")
def dataset():
    return load("xor", task="binary")


def experiment(text=XOR, **replaced):
    for old, new in replaced.items():
        text = text.replace(f"{old}: {{", f"{old}: {{{new}, ")
    return validate(read_text(text, "experiment.yaml"))


def described(dataset, one):
    network = network_for(one, dataset.sample_shape, dataset.y.shape[1])
    diagrams = architecture_of(one, network, dataset.columns), operations_of(one, network, dataset.columns, MOST_LAYERS)
    return [{node.key: (node.name, *node.lines) for node in diagram.nodes} for diagram in diagrams]


@pytest.mark.parametrize(
    ("scale", "name", "formula", "where"),
    [
        (
            "standard",
            "standardised",
            "(x − mean) / deviation",
            "mean and deviation of each column of the training rows",
        ),
        (
            "{name: standard, epsilon: 1.0e-9, together: true}",
            "standardised",
            "(x − mean) / (deviation + 1e−09)",
            "mean and deviation of all columns together of the training rows",
        ),
        ("minmax", "min-max scaled", "(x − min) / (max − min)", "min and max of each column of the training rows"),
        ("{name: range, from: [0, 1], low: -1}", "rescaled", "x brought from 0 … 1 to −1 … 1", None),
    ],
)
def test_the_scaling_of_inputs_is_told_in_words(scale, name, formula, where, dataset):
    drawn, given = described(dataset, experiment(data=f"scale: {scale}"))
    assert drawn["scaling"] == tuple(filter(None, (name, formula, where)))
    named, value, size = given["scaling"]
    assert (named, value) == (f"inputs: {name}", f"h₁ = {formula}")
    assert size == "; ".join(filter(None, ("h₁: m × 2", where)))


def test_inputs_that_are_not_scaled_have_no_step_for_it(dataset):
    assert [diagram.keys() & {"scaling", "unscaling"} for diagram in described(dataset, experiment())] == [set(), set()]


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        ("{loss: focal}", {"of a row: −sum (1 − p)^γ log p, p the probability of what is true, γ = 2"}),
        ("{loss: hinge}", {"of a row: max(0, 1 − t z₄), t = 2y − 1"}),
        (
            "{loss: {name: binary_cross_entropy, smoothing: 0.1}}",
            {"computed from the logits z₄: log(1 + exp(z₄)) − y′ z₄"},
        ),
    ],
)  # fmt: skip
def test_losses_are_written_in_the_symbols_of_the_network(head, lines, dataset):
    _, given = described(dataset, experiment(network=f"head: {head}"))
    assert lines <= {*given["loss"]}


def test_a_loss_of_probabilities_is_not_said_to_be_computed_from_logits(dataset):
    drawn, given = described(dataset, experiment(network="head: {logits: false}"))
    assert not [line for line in (*drawn["loss"], *given["loss"]) if "logits" in line]


def of_arms(dataset, *words, base=XOR):
    arms = arms_from(words, ACTIVATIONS)
    return architecture_of_arms({arm.label: arm_experiment(experiment(base), arm) for arm in arms}, dataset)


def test_arms_that_differ_by_their_activation_share_a_diagram(dataset):
    diagram = of_arms(dataset, "relu", "tanh", "identity", "prelu")
    names = [(node.name, node.lines) for node in diagram.nodes if node.kind == "layer"]
    own = ("activation", ("each arm's",))
    assert [name for name, _ in names] == ["dense1", own[0], "dense2", "sin1", "dense3", own[0], "dense4"]
    assert [one for one in names if one[0] == "activation"] == [own, own]
    assert "57 parameters beside those of activations" in diagram.about
    assert "each arm's, relu, tanh, identity, prelu" in diagram.about


def test_arms_of_one_activation_share_it_and_those_with_other_weights_share_nothing(dataset):
    assert "relu1" in [node.name for node in of_arms(dataset, "relu").nodes]
    assert of_arms(dataset, "relu", "glu") is None
    deep = {"relu": experiment(), "deep": experiment(XOR.replace("[4,", "[4, 4,"))}
    assert architecture_of_arms(deep, dataset) is None
