"""What several tests of the mathematics build: experiments, networks, targets, and hypothesis strategies for them."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from nnlab.config.document import read_text
from nnlab.config.experiment import validate, with_defaults
from nnlab.config.schema import Experiment
from nnlab.data.dataset import RowFacts
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.losses import LOSSES, TEXTBOOK, head_fault
from nnlab.setup.network import network_for
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up

OUTPUTS = {"binary": 1, "multiclass": 3, "multilabel": 3, "regression": 2}
# maxout and glu have fewer outputs than inputs: each is put behind a dense layer whose width it can divide.
NARROWING = ("maxout", "glu")
TRAINABLE = [name for name, entry in ACTIVATIONS.items() if not entry.untrainable]
LAST = [name for name in TRAINABLE if name not in NARROWING]
# Every pairing of a task, a last activation and a loss that makes sense; `logits` is False for the textbook heads.
HEADS = [
    (task, activation, loss, logits)
    for task, activation, loss, logits in product(OUTPUTS, LAST, LOSSES, [True, False])
    if head_fault(task, activation, loss, OUTPUTS[task]) is None and (logits or (activation, loss) in TEXTBOOK)
]


def experiment(**changes):
    """A small validated experiment: two moons, one hidden layer; any top-level key can be replaced."""
    values = {
        "name": "small",
        "task": "binary",
        "data": {"source": {"name": "moons", "samples": 90}},
        "network": {"layers": [5]},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "training": {"steps": 12, "batch_size": 16, "log_every": 1},
    }
    return with_defaults(Experiment.model_validate(values | changes))


def setup_for(chosen, seeds=(0,)):
    """The setup of an experiment for some seeds, its data read from the catalogue."""
    return set_up(chosen, prepare_rows(chosen, read_rows(chosen, None, Path()), seeds))


def setup_of(text):
    """The setup of an experiment file's text, for its own seed."""
    chosen = validate(read_text(text, "e.yaml"))
    return setup_for(chosen, [chosen.seed])


class Acting:
    """An optimizer that does something after its update in step `at`."""

    def __init__(self, rule, at, act):
        self.optimizer, self.at, self.act = rule, at, act

    def __getattr__(self, name):
        return getattr(self.optimizer, name)

    def update(self, theta, gradient, slots, step, **more):
        self.optimizer.update(theta, gradient, slots, step, **more)
        if step == self.at:
            self.act()


def weighted_setup(weights, seeds=(0,), **changes):
    """The setup of an `experiment` whose rows have weights (N,), or none where they are None."""
    chosen = experiment(**changes)
    dataset = read_rows(chosen, None, Path())
    if weights is not None:
        chosen = chosen.model_copy(update={"data": chosen.data.model_copy(update={"weight": "w"})})
        dataset = replace(dataset, rows=RowFacts(weights=weights))
    return set_up(chosen, prepare_rows(chosen, dataset, seeds))


def network_of(head, layers, inputs=3, activations=ACTIVATIONS, **more):
    """A network under one of HEADS; `layers` and `more` as in the experiment file."""
    task, activation, loss, logits = head
    spec = {"layers": layers, "head": {"activation": activation, "loss": loss, "logits": logits}, **more}
    values = {"name": "n", "task": task, "precision": "float64", "data": {"source": "xor"}, "network": spec}
    chosen = with_defaults(Experiment.model_validate(values, context={"activations": activations}))
    return network_for(chosen, (inputs,), OUTPUTS[task])


def targets(task, rows, rng):
    """Random targets (1, rows, outputs) of a task."""
    outputs = OUTPUTS[task]
    if task == "regression":
        return rng.normal(size=(1, rows, outputs))
    if task == "multiclass":
        return np.eye(outputs)[rng.integers(outputs, size=(1, rows))]
    return rng.integers(2, size=(1, rows, outputs)).astype(float)


def parameter_values(parameter):
    """Some of the values that a parameter allows."""
    return st.sampled_from([2, 3] if parameter.whole else [0.1, 0.25, 0.7, 1.5])


@st.composite
def activations(draw):
    """An activation of the table as an experiment file may choose it, with its parameters and what is learned."""
    entry = ACTIVATIONS[draw(st.sampled_from(sorted(TRAINABLE)))]
    chosen = {p.name: draw(parameter_values(p)) for p in entry.parameters}
    for low, high in ((p.name, p.at_most) for p in entry.parameters if p.at_most):
        chosen[low], chosen[high] = sorted((chosen[low], chosen[high]))
    if any(p.learnable for p in entry.parameters):
        names = [p.name for p in entry.parameters if p.learnable]
        chosen |= {"learn": draw(st.lists(st.sampled_from(names), unique=True)), "per_unit": draw(st.booleans())}
    return {"name": entry.name, **chosen}


@st.composite
def layer_lists(draw):
    """One to three layers, dense or an activation alone, some with weight decay."""

    def layer():
        chosen = {"activation": draw(activations())}
        narrows = chosen["activation"]["name"] in NARROWING
        if narrows or draw(st.booleans()):
            share = chosen["activation"].get("pieces", 2) if narrows else 1
            chosen |= {"dense": share * draw(st.integers(1, 4)), "l2": draw(st.sampled_from([0.0, 0.3]))}
        return chosen

    return [layer() for _ in range(draw(st.integers(1, 3)))]
