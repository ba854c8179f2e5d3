"""Suite files: every fault with its place, in one pass."""

import pytest
from support import nnlab_here, write

from nnlab import api
from nnlab.config.suite import suite_of
from nnlab.errors import ConfigError

XOR = """\
name: xor
task: binary
data: {source: xor}
network: {layers: [2]}
training: {steps: 2, batch_size: all}
"""


BOTH = "found both 'epochs' and 'steps', expected one of them"


def faults(folder, text, **how):
    write(folder, XOR, "xor.yaml")
    path = write(folder, text, "suite.yaml")
    with pytest.raises(ConfigError) as error:
        api.resolve_suite([path], **how)
    return [str(fault).removeprefix(f"{folder}/") for fault in error.value.faults]


def test_every_fault_of_a_suite_has_its_place(tmp_path):
    text = """\
name: two words
experments: [xor.yaml]
experiments:
  - xor.yaml
  - {config: xor.yaml, famly: a}
arms: [relu, relu]
seeds: 0
budget: many
"""
    assert faults(tmp_path, text) == [
        "suite.yaml:1:7: found 'two words', expected letters, digits and . _ + - (first a letter or digit)",
        "suite.yaml:2:1: unknown key 'experments'; did you mean 'experiments'?",
        "suite.yaml:5:24: unknown key 'famly'; did you mean 'family'?",
        "suite.yaml:6:14: found 'relu' a second time, expected it once",
        "suite.yaml:7:8: found 0, expected a number of at least 1",
        "suite.yaml:8:9: found 'many', expected a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("arms: [relu, tahn]", "suite.yaml:2:14: unknown activation 'tahn'; did you mean 'tanh'?"),
        ("arms: [relu]", "suite.yaml:2:7: found 1 of them, expected at least two to compare"),
        ("arms: [relu, tanh]\nbaseline: rleu", "suite.yaml:3:11: found 'rleu'; did you mean 'relu'?"),
        ("arms: [relu, tanh]\ntune: {network.l2: 0.1}", "suite.yaml:3:20: found 0.1, expected a list of values, or a"),
        (
            "arms: [relu, tanh]\ntune: {network.activation: [elu]}",
            "suite.yaml:3:7: network.activation=elu: found",
        ),
        ("arms: [relu, tanh]\ntune: {network.l2: '0..1'}", "suite.yaml:3:7: found a range without --budget"),
        ("arms: [relu, tanh]\nbudget: 3", "suite.yaml:3:9: found budget without tune"),
        ("arms: [relu, tanh]\nmetric: acuracy", "suite.yaml:3:9: xor: metric: a binary task has no figure 'acuracy'"),
    ],
)
def test_what_a_suite_means_is_checked_as_well(tmp_path, text, told):
    assert faults(tmp_path, f"experiments: [xor.yaml]\n{text}\n")[0].startswith(told)


def test_faults_of_experiments_are_at_the_line_of_the_suite_that_causes_them(tmp_path):
    text = """\
experiments:
  - none.yaml
  - {config: xor.yaml, set: {training.stesp: 5}}
  - {config: xor.yaml, set: {training.epochs: 5}}
arms: [relu, tanh]
"""
    assert faults(tmp_path, text) == [
        "suite.yaml:2:5: none.yaml: found no file of this name, expected an experiment file",
        "suite.yaml:3:30: unknown key 'stesp'; did you mean 'steps'?",
        f"suite.yaml:4:24: with this set: {tmp_path}/xor.yaml:5:11: {BOTH}",
    ]
    twice = "experiments: [xor.yaml, xor.yaml]\narms: [relu, tanh]\n"
    assert faults(tmp_path, twice) == [
        "suite.yaml:1:25: found a second experiment of the name xor, expected another name, as in {…, name: xor-2}"
    ]


def test_what_is_wrong_with_arms_is_told_with_all_else_that_a_suite_means(tmp_path):
    text = "experiments: [xor.yaml]\narms: [relu, relu, tahn]\nbaseline: foo\nbudget: 3\n"
    places = [fault.partition(": ")[0] for fault in faults(tmp_path, text)]
    assert places == ["suite.yaml:2:14", "suite.yaml:2:20", "suite.yaml:3:11", "suite.yaml:4:9"]


def test_an_arm_that_fits_no_set_is_named_once_at_its_place(tmp_path):
    deep = XOR.replace("[2]", "[2, 2]")
    write(tmp_path, deep.replace("name: xor", "name: other"), "other.yaml")
    write(tmp_path, deep.replace("name: xor", "name: deep"), "deep.yaml")
    (told,) = faults(tmp_path, 'experiments: [deep.yaml, other.yaml]\narms: [relu, "exp(x*x)"]\n')
    assert told.startswith("suite.yaml:2:14: exp(x*x) does not fit: ")


def test_no_experiments_and_no_region_of_equivalence(tmp_path):
    assert faults(tmp_path, "experiments: []\narms: [relu, tanh]\n") == [
        "suite.yaml:1:14: found [], expected at least one experiment"
    ]
    for share, code in (("0", 0), ("-1", 2)):
        words = ["benchmark", "xor.yaml", f"--equivalence={share}", "--dry-run"]
        assert nnlab_here(*words, cwd=tmp_path).exit_code == code


def test_options_stand_in_place_of_the_keys_of_the_file(tmp_path):
    write(tmp_path, XOR, "xor.yaml")
    path = write(tmp_path, "experiments: [xor.yaml]\narms: [relu, tanh]\nseeds: 4\n", "suite.yaml")
    suite = api.resolve_suite([path], activations=["elu", "selu", "relu"], baseline="selu", tune=["network.l2=0,0.1"])
    assert ([*suite.arms], suite.baseline, suite.suite.seeds) == (["elu", "selu", "relu"], "selu", 4)
    assert suite.sets[0].points == [(("network.l2", "0"),), (("network.l2", "0.1"),)]
    assert faults(tmp_path, path.read_text(), seeds=0) == ["--seeds: found 0, expected a number of at least 1"]


def test_experiments_alone_are_a_suite_and_a_suite_stands_alone(tmp_path):
    write(tmp_path, XOR, "xor.yaml")
    write(tmp_path, XOR.replace("name: xor", "name: other"), "other.yaml")
    paths = [tmp_path / "xor.yaml", tmp_path / "other.yaml"]
    suite = api.resolve_suite(paths, seeds=2)
    assert ([one.label for one in suite.sets], [*suite.arms]) == (["xor", "other"], ["sigmoid", "tanh", "relu"])
    path = write(tmp_path, "experiments: [xor.yaml]\narms: [relu, tanh]\n", "suite.yaml")
    with pytest.raises(ConfigError, match="found a suite among 2 files, expected it alone"):
        suite_of([path, paths[0]], {})
