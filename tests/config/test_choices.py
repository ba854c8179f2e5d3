"""A choice carries the entry that it names: through copies and overrides, and back from another process."""

from __future__ import annotations

import copy
import pickle

import pytest
from support import faults

from nnlab.config.choices import ActivationChoice, InitializerChoice, choose, choose_activation, restore_entries
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.config.schema import Experiment
from nnlab.errors import ConfigError
from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.schedules import SCHEDULES

NOISY = Activation(
    "noisy",
    value=lambda z, out: out.__setitem__(..., z),
    slope=lambda _z, _a, out: out.fill(1.0),
    formula="z",
    slope_formula="1",
    range="ℝ",
    source="",
    initializer="glorot_uniform",
    randomized=lambda draws: {"share": draws},
)
OWN = {**ACTIVATIONS, "noisy": NOISY}
TEXT = """\
name: chosen
task: binary
data: {source: xor}
network:
  layers: [{dense: 3, activation: noisy}, {activation: {formula: "x * sigmoid(b * x)", b: 2.0}}, 2]
  activation: {name: prelu, alpha: 0.1}
  init: {weights: glorot_normal, bias: {name: constant, value: 0.1}}
optimizer: {name: adam, learning_rate: {name: cosine, base: 0.1}}
training: {steps: 3}
"""


def read(text=TEXT, table=OWN):
    return validate(read_text(text, "e.yaml"), table)


def entries(experiment):
    """Every choice of an experiment with its entry."""
    network = experiment.network
    layers = [layer.activation for layer in network.layers if layer.activation]
    choices = [network.activation, *layers, network.init.weights, network.init.bias, network.head.activation]
    choices += [network.head.loss, experiment.optimizer, experiment.optimizer.schedule]
    return [choice.entry for choice in choices]


def test_every_choice_of_an_experiment_has_the_entry_of_its_table():
    own, formula, *others = entries(read())[1:]
    assert own is NOISY
    assert formula.name == "formula"
    assert formula.parameters[0].default == 2.0
    assert entries(read())[0] is ACTIVATIONS["prelu"]
    expected = [INITIALIZERS["glorot_normal"], INITIALIZERS["constant"], ACTIVATIONS["sigmoid"]]
    expected += [LOSSES["binary_cross_entropy"], OPTIMIZERS["adam"], SCHEDULES["cosine"]]
    assert all(found is wanted for found, wanted in zip(others, expected, strict=True))


def test_what_is_chosen_by_default_has_its_entry_in_every_experiment():
    for _ in range(2):  # pydantic copies a default that cannot be hashed
        chosen = Experiment.model_validate({"name": "nn", "task": "binary", "data": {"source": "xor"}})
        assert chosen.network.activation.entry is ACTIVATIONS["relu"]
        assert chosen.optimizer.entry is OPTIMIZERS["adam"]
        assert chosen.network.init.weights.entry is INITIALIZERS["fair"]


def test_the_entry_is_no_part_of_what_a_choice_says():
    chosen = choose_activation("noisy", OWN)
    bare = ActivationChoice(name="noisy", values={})
    assert chosen == bare
    assert repr(chosen) == repr(bare)
    assert chosen.model_dump() == bare.model_dump()
    assert chosen.plain() == "noisy"
    with pytest.raises(LookupError, match="activation noisy has no entry"):
        bare.entry  # noqa: B018 - asking is what is tested


def test_copies_have_the_entry_and_those_that_name_another_one_have_none():
    chosen = choose({"name": "normal", "std": 0.5}, INITIALIZERS, InitializerChoice)
    assert chosen.model_copy(update={"values": {"mean": 0.0, "std": 1.0}}).entry is INITIALIZERS["normal"]
    assert copy.deepcopy(chosen).entry is chosen.model_copy(deep=True).entry is INITIALIZERS["normal"]
    renamed = chosen.model_copy(update={"name": "uniform"})
    with pytest.raises(LookupError, match="initializer uniform has no entry"):
        renamed.entry  # noqa: B018 - asking is what is tested
    assert renamed.with_entry(INITIALIZERS["uniform"]).entry is INITIALIZERS["uniform"]


def test_an_experiment_is_pickled_without_its_entries_which_come_back_from_the_table_there():
    experiment = read()
    found = pickle.loads(pickle.dumps(experiment))
    assert found == experiment
    with pytest.raises(LookupError):
        found.network.activation.entry  # noqa: B018 - asking is what is tested
    there = {**ACTIVATIONS, "noisy": Activation(**{**vars(NOISY), "source": "there"})}
    restore_entries(found, there)
    assert [entry for entry in entries(found) if entry is not there["noisy"]] == [
        entry for entry in entries(experiment) if entry is not NOISY
    ]
    assert found.network.layers[0].activation.entry is there["noisy"]


def test_a_table_that_lacks_a_name_is_an_error():
    with pytest.raises(LookupError, match="noisy"):
        restore_entries(pickle.loads(pickle.dumps(read())), ACTIVATIONS)


def test_an_experiment_knows_the_activations_it_was_read_with():
    assert read().activations is OWN
    assert read().read_from(read_text("a: 1", "other.yaml")).activations is OWN
    assert copy.deepcopy(read()).activations is OWN
    assert read(TEXT.replace("noisy", "tanh"), ACTIVATIONS).activations is ACTIVATIONS
    assert pickle.loads(pickle.dumps(read())).activations is ALL_ACTIVATIONS


def test_a_choice_from_a_word_is_refused_with_all_its_faults_and_no_place():
    with pytest.raises(ConfigError) as error:
        choose_activation({"name": "prelu", "alpha": "x", "learned": True}, ACTIVATIONS)
    assert [fault.file for fault in error.value.faults] == [None, None]
    assert str(error.value).splitlines() == [
        "unknown key 'learned' of prelu; did you mean 'learn'?",
        "found 'x' for alpha of prelu, expected a number",
    ]


LINE_SEARCH = TEXT.replace("  activation: {name: prelu, alpha: 0.1}\n", "").replace(
    "optimizer: {name: adam, learning_rate: {name: cosine, base: 0.1}}", "optimizer: lbfgs"
)


@pytest.mark.parametrize("name", ["rrelu", "noisy"])
def test_an_activation_that_draws_is_refused_with_a_line_search_whether_built_in_or_of_a_plugin(name):
    text = LINE_SEARCH.replace("noisy", name)
    message = f"found {name} with lbfgs: it draws its slopes anew in every step"
    assert faults(text, OWN) == [f"e.yaml:5:35: {message}"]
    everywhere = text.replace(f"activation: {name}}}", "activation: tanh}")
    everywhere = everywhere.replace("network:\n", f"network:\n  activation: {name}\n")
    assert faults(everywhere, OWN) == [f"e.yaml:5:15: {message}"]
