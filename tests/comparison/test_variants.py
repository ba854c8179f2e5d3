"""Variants of an experiment: activations, one layer alone, initialisers, tuned values; what is refused, and where."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import nnlab_here, parse_json, read_json, write

from nnlab.comparison.arms import arms_from
from nnlab.comparison.starts import starts_from
from nnlab.comparison.tasks import Arm
from nnlab.comparison.tune import ranked, tuned_from
from nnlab.comparison.variants import split_values, variants, without_twins
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.errors import ConfigError
from nnlab.maths.activations import ACTIVATIONS
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up

pytestmark = pytest.mark.usefixtures("without_pictures")

TEXT = """\
name: moons
task: binary
data:
  source: {name: moons, samples: 60}
  validation: 0.25
  test: 0.2
network:
  layers: [4, {dropout: 0.1}, {dense: 3, activation: elu}, 2]
  activation: relu
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 10, batch_size: 16}
gates: ["val/loss <= 1"]
"""


def made(words=("tanh", "sigmoid"), text=TEXT, **more):
    chosen = validate(read_text(text, "e.yaml"))
    return variants(chosen, arms_from(words, ACTIVATIONS), **more)


def layers_of(variant):
    rows = read_rows(variant.experiment, None, None)
    return [
        layer.name for layer in set_up(variant.experiment, prepare_rows(variant.experiment, rows, [0])).network.layers
    ]


def test_without_more_each_activation_takes_the_layers_that_name_none():
    tanh, sigmoid = made()
    assert (tanh.label, sigmoid.label) == ("tanh", "sigmoid")
    assert layers_of(tanh) == ["dense1", "tanh1", "dropout1", "dense2", "elu1", "dense3", "tanh2", "dense4"]
    assert tanh.experiment.gates == []


@pytest.mark.parametrize(("layer", "place"), [("1", 1), ("dense1", 1), ("2", 4), ("dense2", 4), ("3", 6)])
def test_one_layer_alone(layer, place):
    plain = ["dense1", "relu1", "dropout1", "dense2", "elu1", "dense3", "relu2", "dense4"]
    found = layers_of(made(("tanh",), layer=layer)[0])
    expected = [*plain]
    expected[place] = "tanh1"
    if place == 1:
        expected[6] = "relu1"  # each kind is numbered by itself
    assert found == expected


@pytest.mark.parametrize("layer", ["0", "4", "dense4", "relu1", "", "-1", "1.0"])
def test_a_layer_that_there_is_not_is_refused(layer):
    with pytest.raises(ConfigError, match="expected one of 1 to 3, or dense1, dense2, dense3"):
        made(layer=layer)


def initializers(variant):
    rows = read_rows(variant.experiment, None, None)
    layers = set_up(variant.experiment, prepare_rows(variant.experiment, rows, [0])).network.layers
    return [layer.initializer.name for layer in layers if layer.name.startswith("dense")]


PLAIN = TEXT.replace("{dense: 3, activation: elu}", "3")


def under(*words, gains=(), text=PLAIN, activations=("tanh", "selu"), **more):
    """The arms under these starts."""
    return made(activations, text, starts=starts_from(words, gains, validate(read_text(text, "e.yaml"))), **more)


def test_arms_start_fairly_from_one_initializer_or_each_from_its_own():
    found = {variant.label: variant for variant in under("fair", "same", "own")}
    names = [f"{name}{start}" for start in ("", " [same]", " [own]") for name in ("tanh", "selu")]
    assert list(found) == names
    for name in ("tanh", "selu"):
        own, recommended = ACTIVATIONS[name].initializer, ACTIVATIONS["relu"].initializer
        assert initializers(found[name]) == ["fair"] * 4
        # The head's last layer feeds a sigmoid, whatever the hidden layers are.
        assert initializers(found[f"{name} [same]"]) == [recommended] * 3 + ["glorot_uniform"]
        assert initializers(found[f"{name} [own]"]) == [own, own, own, "glorot_uniform"]
    assert [variant.starts for variant in found.values()] == [("fair",)] * 2 + [("same",)] * 2 + [("own",)] * 2
    assert {variant.name for variant in found.values()} == {"tanh", "selu"}


@pytest.mark.parametrize(
    ("words", "gains", "names"),
    [
        (("own", "fair"), (2, 1), ["fair", "own × 2", "own", "fair × 2"]),
        (("own", "same"), (0.5, 1), ["own", "own × 0.5", "same × 0.5", "same"]),
        (("same",), (0.5, 2), ["same × 0.5", "same × 2"]),
        ((), (1, 0.25), ["fair", "fair × 0.25"]),
        ((), (), []),
    ],
)
def test_arms_are_compared_under_the_fair_start_or_the_first(words, gains, names):
    assert [start.name for start in starts_from(words, gains, validate(read_text(PLAIN, "e.yaml")))] == names


def test_a_start_as_in_the_file_has_its_name():
    text = PLAIN.replace("activation: relu\n", "activation: relu\n  init: {name: normal, std: 0.1}\n")
    found = under(gains=(1, 2), text=text, activations=("tanh",))
    assert [arm.label for arm in found] == ["tanh", "tanh [normal(std=0.1) × 2]"]
    assert initializers(found[1]) == ["normal"] * 4


def test_arms_that_start_alike_under_two_starts_are_one_arm():
    found = under("fair", "same", "own", activations=("tanh", "selu", "relu"), tune=["network.l2=0,0.1"])
    kept, sentences = without_twins(found)
    families = ["tanh", "selu", "relu", "tanh [same]", "selu [same]", "relu [same]", "tanh [own]", "selu [own]"]
    assert [arm.family for arm in kept[::2]] == families
    assert sentences == ["relu starts alike under same and own, so that it was trained once for both."]
    assert {arm.starts for arm in kept if arm.family == "relu [same]"} == {("same", "own")}
    fixed = PLAIN.replace("[4,", "[{dense: 4, init: zeros},").replace(", 3, 2]", "]")
    kept, sentences = without_twins(under("same", "own", text=fixed))
    assert [arm.label for arm in kept] == ["tanh", "selu"]
    assert len(sentences) == 2
    assert without_twins(made(text=PLAIN)) == (made(text=PLAIN), [])


def test_an_initializer_of_the_file_is_the_one_for_all():
    text = PLAIN.replace("activation: relu\n", "activation: relu\n  init: lecun_uniform\n")
    same, own, fair = under("same", "own", "fair", text=text, activations=("tanh",))[1:] + under(
        "fair", text=text, activations=("tanh",)
    )
    assert initializers(same) == ["lecun_uniform"] * 4
    assert initializers(own) == [ACTIVATIONS["tanh"].initializer] * 3 + ["glorot_uniform"]
    assert initializers(fair) == ["fair"] * 4


def test_a_layer_that_names_its_initializer_keeps_it():
    text = PLAIN.replace("layers: [4,", "layers: [{dense: 4, init: zeros}, {dense: 4, init: {bias: {name: normal}}},")
    arms = under("fair", "same", "own", text=text, activations=("tanh",))
    assert [initializers(arm)[1] for arm in arms] == ["fair", "he_normal", "glorot_uniform"]
    assert {initializers(arm)[0] for arm in arms} == {"zeros"}


def start_of(variant, seeds=(0, 1)):
    rows = prepare_rows(variant.experiment, read_rows(variant.experiment, None, None), seeds)
    return set_up(variant.experiment, rows).start().theta


def test_a_gain_multiplies_all_weights_of_every_start():
    text = PLAIN.replace("layers: [4,", "layers: [{dense: 4, init: {weights: normal, gain: 3}},")
    for word in ("fair", "same", "own"):
        once, twice = map(start_of, under(word, gains=(1, 2), text=text, activations=("tanh",)))
        np.testing.assert_array_equal(2 * once, twice)


def test_matched_draws_under_one_initializer_are_the_same_weights():
    tanh, selu = map(start_of, under("same"))
    assert tanh.tobytes() == selu.tobytes()


def test_every_combination_of_tuned_values():
    tune = ["optimizer.learning_rate=0.1, 1e-2", "network.l2=0,0.5"]
    found = made(("tanh",), tune=tune)
    assert [variant.label for variant in found] == [
        f"tanh learning_rate={rate} l2={decay}" for rate in ("0.1", "1e-2") for decay in ("0", "0.5")
    ]
    rates = [variant.experiment.optimizer.values["learning_rate"] for variant in found]
    assert rates == [0.1, 0.1, 0.01, 0.01]
    assert [variant.experiment.network.l2 for variant in found] == [0, 0.5, 0, 0.5]
    assert {variant.family for variant in found} == {"tanh"}


def test_keys_with_the_same_end_are_written_out_in_labels():
    found = made(
        ("tanh",), tune=["network.l2=0.5", "network.layers.0.l2=0.1"], text=TEXT.replace("[4,", "[{dense: 4},")
    )
    assert found[0].label == "tanh network.l2=0.5 network.layers.0.l2=0.1"


def test_a_range_of_initial_weights_can_be_tuned():
    values = "{name: uniform, low: -0.1, high: 0.1},{name: uniform, low: -1, high: 1},he_normal"
    found = made(("tanh",), tune=[f"network.init={values}"])
    assert len(found) == 3
    assert [variant.experiment.network.init.weights.values.get("high") for variant in found] == [0.1, 1, None]


REFUSED = [
    (["optimizer.learning_rate"], "expected KEY=VALUE,VALUE,…"),
    (["optimizer.learning_rate="], "expected KEY=VALUE,VALUE,…"),
    (["optimizer.learning_rate=1,,2"], "expected KEY=VALUE,VALUE,…"),
    (["network.l2=1,1"], "found 1 twice"),
    (["network.activation=relu,tanh"], "found network.activation, which is what is compared; expected it as -a"),
    (["network.l2=0", "network.l2=1"], "found network.l2 again"),
    (["optimzer.learning_rate=1"], "did you mean 'optimizer'?"),
    (["optimizer.learning_rte=1,2"], "unknown key 'learning_rte'"),
    (["optimizer.learning_rate=1,-1"], "--tune optimizer.learning_rate=-1: found -1"),
    *(
        ([f"{key}=1,2"], f"found {key}, which all arms share")
        for key in ("seed", "name", "task", "data.source", "data.source.samples", "gates")
    ),
]


@pytest.mark.parametrize(("tune", "message"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_what_cannot_be_tuned_is_refused_with_its_place(tune, message):
    with pytest.raises(ConfigError) as error:
        made(tune=tune)
    assert message in str(error.value)
    assert str(error.value).startswith("--tune ")


def test_all_faults_of_tuned_values_are_told_in_one_pass():
    with pytest.raises(ConfigError) as error:
        made(tune=["optimizer.learning_rate=-1,0.1,x", "network.l2=-2,0"])
    places = [fault.file for fault in error.value.faults]
    assert places == [
        "--tune optimizer.learning_rate=-1", "--tune optimizer.learning_rate=x", "--tune network.l2=-2",
    ]  # fmt: skip


def test_a_fault_that_all_values_of_a_key_share_stands_once():
    with pytest.raises(ConfigError) as error:
        made(tune=["optimizer.lr=0.1,0.2", "network.l2=-2,0"])
    assert str(error.value).splitlines() == [
        "--tune optimizer.lr: unknown key 'lr' of adam; did you mean 'learning_rate'?",
        "--tune network.l2=-2: found -2, expected a number of at least 0",
    ]


@given(st.lists(st.from_regex(r"[a-z0-9.]+|\[[a-z, ]*\]|\{a: 1, b: \[2, 3\]\}|'[,\[]*'", fullmatch=True), min_size=1))
def test_values_are_cut_at_the_commas_between_them(values):
    assert split_values(",".join(values)) == values


# --- which settings are best ------------------------------------------------------------------------------------------


def arm(family, settings, values, diverged=0, loss=0.5):
    """An arm with these accuracies on the validation part."""
    seeds = len(values)
    finals = {"val/accuracy": np.array(values), "val/loss": np.full(seeds, loss), "test/accuracy": np.zeros(seeds)}
    lost = np.arange(seeds) < diverged
    label = " ".join([family, *(f"{key}={value}" for key, value in settings)])
    return Arm(label, None, 1, None, None, None, {}, finals, lost, lost, 0.0, settings, family)


SLOW, FAST = (("network.l2", "0.1"),), (("network.l2", "0.2"),)


def tuned(arms):
    return tuned_from(arms, validate(read_text(TEXT, "e.yaml")))


def test_nothing_is_tuned_where_there_are_no_settings():
    assert tuned([arm("tanh", (), [0.5])]) is None


def test_each_has_its_best_settings_and_all_share_those_that_are_best_on_average():
    found = tuned([
        arm("tanh", SLOW, [0.9, 0.8]), arm("tanh", FAST, [0.5, 0.5]),
        arm("relu", SLOW, [0.6, 0.6]), arm("relu", FAST, [0.7, 0.7]),
    ])  # fmt: skip
    assert found.best == {"tanh": "tanh network.l2=0.1", "relu": "relu network.l2=0.2"}
    assert found.common == SLOW
    assert found.same == {"tanh": "tanh network.l2=0.1", "relu": "relu network.l2=0.1"}
    assert found.summary().document()["arms"]["relu"] == {
        "same": "relu network.l2=0.1", "best": "relu network.l2=0.2", "settings": {"network.l2": "0.2"},
    }  # fmt: skip


def test_the_settings_of_the_file_are_those_that_all_share_where_they_were_tried():
    own, other = (("optimizer.learning_rate", "5e-2"),), (("optimizer.learning_rate", "1"),)
    found = tuned([arm("tanh", other, [0.9]), arm("tanh", own, [0.1])])
    assert (found.common, found.why) == (own, "those of the experiment file")


def test_settings_that_lose_seeds_are_worse_than_those_that_do_not():
    lucky, steady = arm("tanh", FAST, [np.nan, 1.0], diverged=1), arm("tanh", SLOW, [0.6, 0.7])
    assert ranked([lucky, steady], "val/accuracy") == [steady, lucky]


def test_among_equals_the_loss_decides():
    first, second = arm("tanh", FAST, [0.5], loss=0.7), arm("tanh", SLOW, [0.5], loss=0.6)
    assert ranked([first, second], "val/accuracy") == [second, first]
    assert ranked([first, second], "val/loss") == [second, first]


def test_settings_that_an_arm_failed_with_are_not_shared():
    found = tuned([arm("tanh", SLOW, [0.9]), arm("tanh", FAST, [0.5]), arm("relu", FAST, [0.7])])
    assert found.common == FAST


# --- the command line -------------------------------------------------------------------------------------------------


def test_a_tuned_comparison_says_which_settings_are_best_on_validation_data(tmp_path):
    write(tmp_path, TEXT)
    words = ("-a", "tanh", "-a", "relu", "--seeds", "3", "--tune", "optimizer.learning_rate=0.0001,0.05", "--json")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--starts", "own,same", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    summary = parse_json(result.stdout)
    assert summary == read_json(tmp_path / summary["run"] / "summary.json")
    assert list(summary["tuned"]["arms"]) == ["tanh", "relu", "tanh [same]"]
    assert summary["verdict"]["sentences"][-1].startswith("relu starts alike under own and same")
    assert {summary["arms"][label]["family"] for label in summary["verdict"]["ranking"]} == {"tanh", "relu"}
    assert summary["tuned"]["same_settings"]["settings"] == {"optimizer.learning_rate": "0.05"}
    assert summary["tuned"]["chosen_by"] == "mean val/accuracy"
    for family, labels in summary["tuned"]["arms"].items():
        means = {
            label: one["final"]["val/accuracy"]["mean"]
            for label, one in summary["arms"].items()
            if label.startswith(f"{family} learning_rate")
        }
        assert means[labels["best"]] == max(means.values())
        assert labels["same"] == f"{family} learning_rate=0.05"


def test_people_see_both_in_one_table(tmp_path):
    write(tmp_path, TEXT)
    words = ("-a", "tanh", "--seeds", "2", "--tune", "network.l2=0,0.1")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "at the same settings" in result.stderr
    assert "its best settings" in result.stderr
    # What was tried and not chosen has no figures of the test part among those of the best.
    assert len(re.findall(r"^tanh l2=\S+ .*\[", result.stderr, re.MULTILINE)) == 2  # a row in each of two tables


def test_settings_chosen_on_the_part_that_they_are_reported_on_are_warned_of(tmp_path):
    write(tmp_path, TEXT)
    words = ("-a", "tanh", "--seeds", "2", "--tune", "network.l2=0,0.1", "--set", "data.test=null", "--json")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    warnings = parse_json(result.stdout)["verdict"]["warnings"]
    assert any(one.startswith("val/accuracy of the best settings looks better than it is") for one in warnings)


def test_where_no_rows_are_held_out_the_best_are_chosen_on_the_training_part(tmp_path):
    write(tmp_path, TEXT)
    words = ("-a", "tanh", "--seeds", "2", "--tune", "network.l2=0,0.1", "--json", "--set", "data.source=xor")
    words += ("--set", "data.validation=null", "--set", "data.test=null")
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--set", "gates=[]", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    summary = parse_json(result.stdout)
    assert summary["tuned"]["chosen_by"] == "mean train/accuracy"
    assert any("on the very rows that were trained on" in warning for warning in summary["verdict"]["warnings"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--init", "both"), "No such option: --init. In its place is --starts"),
        (("--starts", "sme"), "--starts: found 'sme', expected some of fair, same, own; did you mean 'same'?"),
        (("--starts", "own,fair,own"), "--starts: found 'own' twice, expected different ones"),
        (("--gains", "1,0"), "--gains: found 0, expected numbers above 0 and at most 1e+06"),
        (("--gains", "1,1.0"), "--gains: found '1' twice, expected different ones"),
        (("--gains", "1,"), "--gains: found '', expected numbers above 0"),
        (("--layer", "9"), "--layer: found no hidden layer with weights '9'"),
        (("--tune", "network.l2=0,1", "--set", "data.validation=null"), "expected data.validation"),
        (("--jobs", "2", "--dask", "local"), "found both --jobs and --dask"),
        (("--jobs", "0"), "expected a whole number of at least 1"),
        (("--tune", "network.layers.0=7,0"), "--tune network.layers.0=0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_word_is_refused_before_anything_is_written(words, message, tmp_path):
    path = write(tmp_path, TEXT)
    result = nnlab_here("compare-activations", path, *words, "--seeds", "2", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == [path]


def test_a_layer_of_an_experiment_in_which_each_names_its_own_can_be_varied(tmp_path):
    write(tmp_path, TEXT)
    words = (
        "-a",
        "tanh",
        "--layer",
        "2",
        "--set",
        "network.layers=[{dense: 4, activation: elu}, {dense: 3, activation: elu}]",
    )
    result = nnlab_here("compare-activations", "experiment.yaml", *words, "--seeds", "2", "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
