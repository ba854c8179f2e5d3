"""What an experiment file means: every fault in one pass, each at its place, with what was found and expected."""

from __future__ import annotations

import re

import pytest
from support import HOUSES, NOTEBOOKS, ROOT, faults, nnlab, nnlab_here, trained, write

from nnlab.config.document import read_text
from nnlab.config.experiment import load, to_yaml, validate
from nnlab.config.plugins import with_plugins
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.losses import DEFAULT_HEADS

pytestmark = pytest.mark.usefixtures("no_pictures")

IRIS = """\
name: iris
task: multiclass
data:
  source: iris
  validation: 0.2
network:
  layers: [8]
training:
  epochs: 1
"""


def changed(old, new):
    assert IRIS.count(old) == 1
    return IRIS.replace(old, new)


def the_fault(text):
    """The one fault of a text: (line, column), message."""
    found = faults(text)
    assert len(found) == 1, found
    place, message = re.fullmatch(r"e\.yaml:(\d+:\d+): (.*)", found[0]).groups()
    return place, message


def test_the_experiment_that_the_faults_are_put_into_is_fine():
    assert faults(IRIS) == []


BOOLEAN_WORDS = """\
name: "off"
task: multiclass
data:
  source: t.csv
  target: y
  ignore: [n, true]
  names: [y, n, No, true, false]
  missing: [no, off]
  columns: {on: category, False: ignore}
  weight: yes
  split: No
  keep: Y
network: {head: {loss: {name: cross_entropy, class_weights: {yes: 2, no: 1, true: 3}}}}
training: {epochs: 1}
"""


def test_words_for_true_and_false_are_names_where_a_name_is_wanted():
    data = validate(read_text(BOOLEAN_WORDS, "e.yaml")).data
    assert (data.target, data.ignore, data.keep) == (["y"], ["n", "true"], ["Y"])
    assert (data.names, data.missing) == (["y", "n", "No", "true", "false"], ["no", "off"])
    assert (data.weight, data.split) == ("yes", "No")
    for key, word in (("group", "on"), ("time", "false")):
        other = BOOLEAN_WORDS.replace("split: No", f"{key}: {word}\n  test: 0.2")
        assert getattr(validate(read_text(other, "e.yaml")).data, key) == word
    assert data.columns == {"on": "category", "False": "ignore"}


def test_names_that_are_words_for_true_and_false_survive_the_resolved_file():
    experiment = validate(read_text(BOOLEAN_WORDS, "e.yaml"))
    assert experiment.network.head.loss.class_weights == {"yes": 2, "no": 1, "true": 3}
    assert validate(read_text(to_yaml(experiment), "config.yaml")) == experiment


def test_a_number_given_by_set_says_that_the_shell_takes_its_quotes(tmp_path):
    write(tmp_path, IRIS)
    result = nnlab_here("train", "experiment.yaml", "--set", "data.target=2020", "--dry-run", cwd=tmp_path)
    found = "--set data.target=…:1:13: found 2020, expected text; quote it twice, since the shell takes one pair away"
    assert found in result.stderr


# --- single fields ---------------------------------------------------------------------------------------------------

VALUES = [
    # network
    ("layers: [8]", "layers: []", "7:11", "at least one"),
    ("layers: [8]", "layers: 8", "7:11", "found 8, expected a list"),
    ("layers: [8]", "layers: [0]", "7:12", "found 0, expected a number of at least 1"),
    ("layers: [8]", "layers: [4, -1]", "7:15", "found -1, expected a number of at least 1"),
    ("layers: [8]", "layers: [1000000000]", "7:11", "67 GiB while adam trains them; expected at most 8 GiB"),
    ("layers: [8]", "layers: [4, 100000, 100000]", "7:11", "GiB"),
    ("layers: [8]", "layers: [2000, 20000]\noptimizer: {name: lbfgs, memory: 20}", "7:11", "13 GiB while lbfgs trains"),
    ("layers: [8]", "layers: [0.5]", "7:12", "found 0.5, expected a width"),
    ("layers: [8]", "layers: [1e3]", "7:12", "found 1000.0, expected a width"),
    ("layers: [8]", "layers: [true]", "7:12", "found true, expected a width"),
    ("layers: [8]", "layers: ['8']", "7:12", "found '8', expected a width"),
    ("layers: [8]", "layers: [null]", "7:12", "found nothing, expected a width"),
    ("layers: [8]", "layers: [{l2: 0.1}]", "7:12", "expected a layer"),
    ("layers: [8]", "layers: [{dense: 0}]", "7:20", "found 0, expected a number of at least 1"),
    ("layers: [8]", "layers: [{dense: 2, l2: -1}]", "7:27", "found -1"),
    ("layers: [8]", "inputs: 0", "7:11", "found 0, expected a number of at least 1"),
    ("source: iris", "source: iris\n  columns: null", "5:12", "found nothing, expected a mapping"),
    ("layers: [8]", "activation: relo", "7:15", "unknown activation 'relo'; did you mean 'relu'?"),
    ("layers: [8]", "activation: __import__('os')", "7:15", "unknown activation"),
    ("layers: [8]", "activation: 3", "7:15", "found 3, expected the name"),
    ("layers: [8]", "activation: {name: prelu, alpha: high}", "7:36", "found 'high' for alpha of prelu"),
    ("layers: [8]", "activation: {name: prelu, alpha: true}", "7:36", "found true for alpha of prelu"),
    ("layers: [8]", "activation: {name: prelu, learn: [beta]}", "7:36", "out of alpha"),
    ("layers: [8]", "activation: {name: relu, learn: [max_value]}", "7:35", "expected a finite max_value"),
    ("layers: [8]", "activation: {name: prelu, learn: alpha}", "7:36", "expected a list"),
    ("layers: [8]", "activation: {name: prelu, per_unit: 1}", "7:39", "expected true or false"),
    ("layers: [8]", "init: he_norma", "7:9", "did you mean 'he_normal'?"),
    ("layers: [8]", "init: {name: normal, std: -1}", "7:29", "found -1 for std of normal"),
    ("layers: [8]", "init: constant", "7:9", "constant needs 'value'"),
    ("layers: [8]", "l2: -0.1", "7:7", "found -0.1, expected a number of at least 0"),
    # training
    ("epochs: 1", "epochs: -1", "9:11", "found -1, expected a number of at least 0"),
    ("epochs: 1", "epochs: 1000000000000000000", "9:11", "expected a number of at most 1000000000"),
    ("epochs: 1", "epochs: 1e3", "9:11", "found 1000.0, expected a whole number"),
    ("epochs: 1", "epochs: 1.5", "9:11", "found 1.5, expected a whole number"),
    ("epochs: 1", "epochs: true", "9:11", "found true, expected a whole number"),
    ("epochs: 1", "epochs: '1'", "9:11", "found '1', expected a whole number"),
    ("epochs: 1", "steps: -1", "9:10", "found -1, expected a number of at least 0"),
    ("epochs: 1", "epochs: 1\n  batch_size: 0", "10:15", "found 0, expected a number of at least 1"),
    ("epochs: 1", "epochs: 1\n  batch_size: -32", "10:15", "found -32, expected a number of at least 1"),
    ("epochs: 1", "epochs: 1\n  batch_size: half", "10:15", "found 'half', expected"),
    ("epochs: 1", "epochs: 1\n  log_every: 0", "10:14", "found 0, expected a number of at least 1"),
    ("epochs: 1", "epochs: 1\n  shuffle: 1", "10:12", "found 1, expected true or false"),
    ("epochs: 1", "epochs: 1\n  evaluate: [tran]", "10:14", "found 'tran', expected train or val"),
    ("epochs: 1", "epochs: 1\n  evaluate: []", "10:13", "at least one"),
    ("epochs: 1", "epochs: 1\n  evaluate: [train, train]", "10:21", "found train a second time"),
    ("epochs: 1", "epochs: 1\n  early_stopping: {patience: 0}", "10:30", "found 0, expected a number of at least 1"),
    ("epochs: 1", "epochs: 1\n  early_stopping: {min_delta: -1}", "10:31", "found -1"),
    # the optimizer
    ("epochs: 1", "epochs: 1\noptimizer: {name: sgd, lr: 0.1}", "10:24", "'lr' of sgd; did you mean 'learning_rate'?"),
    ("epochs: 1", "epochs: 1\noptimizer: adan", "10:12", "unknown optimizer 'adan'; did you mean 'adam'?"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: sgd, learning_rate: 0}", "10:39", "found 0 for learning_rate of sgd"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: sgd, learning_rate: -0.1}", "10:39", "found -0.1 for learning_rate"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: sgd, learning_rate: -0.0}", "10:39", "found -0.0 for learning_rate"),
    (
        "epochs: 1",
        "epochs: 1\noptimizer: {name: sgd, learning_rate: fast}",
        "10:39",
        "unknown schedule 'fast', expected a number or one of constant",
    ),
    ("epochs: 1", "epochs: 1\noptimizer: {learning_rate: {name: cosin}}", "10:35", "did you mean 'cosine'?"),
    (
        "epochs: 1",
        "epochs: 1\noptimizer: {learning_rate: {name: cosine, base: -1}}",
        "10:49",
        "found -1 for learning_rate",
    ),
    ("epochs: 1", "epochs: 1\noptimizer: {learning_rate: {base: 0.1}}", "10:28", "expected the name of a schedule"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: rprop, smallest: 1.0, largest: 0.5}", "10:36", "above largest: 0.5"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: rprop, smallest: 51.0}", "10:36", "above largest: 50 of rprop"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: rprop, largest: 1.0e-7}", "10:35", "found smallest: 1e-06 above"),
    (
        "layers: [8]",
        "layers: [{dense: 8, activation: {name: rrelu, lower: 0.4}}]",
        "7:56",
        "found lower: 0.4 above upper: 0.333333 of rrelu, expected at most as much",
    ),
    ("layers: [8]", "layers: [8]\n  activation: {name: rrelu, lower: 0.3, upper: 0.2}", "8:36", "lower: 0.3 above"),
    ("layers: [8]", "layers: [8]\n  activation: {name: rrelu, upper: 0.1}", "8:36", "lower: 0.125 above upper: 0.1"),
    (
        "layers: [8]",
        "layers: [8]\n  init: {name: uniform, low: 1.0, high: 0.5}",
        "8:30",
        "found low: 1 above high: 0.5",
    ),
    ("epochs: 1", "epochs: 1\noptimizer: {name: sgd, momentum: 1.0}", "10:34", "found 1.0 for momentum of sgd"),
    ("epochs: 1", "epochs: 1\noptimizer: 3", "10:12", "expected the name of an optimizer"),
    # data
    ("validation: 0.2", "validation: 0", "5:15", "found 0, expected a share in (0, 1) or a count"),
    ("validation: 0.2", "validation: 1.0", "5:15", "found 1.0, expected a share in (0, 1)"),
    ("validation: 0.2", "validation: -0.5", "5:15", "found -0.5, expected a share"),
    ("validation: 0.2", "test: 0.0", "5:9", "found 0.0, expected a share"),
    ("validation: 0.2", "test: 1.5", "5:9", "found 1.5, expected a share"),
    ("validation: 0.2", "test: true", "5:9", "found true, expected a share"),
    ("validation: 0.2", "test: some", "5:9", "found 'some', expected a share"),
    ("validation: 0.2", "scale: standart", "5:10", "did you mean 'standard'?"),
    ("validation: 0.2", "scale: {name: standard, epsilon: -1}", "5:36", "found -1"),
    ("validation: 0.2", "blanks: fill", "5:11", "expected refuse, drop, mean or median"),
    ("validation: 0.2", "target: []", "5:11", "at least one"),
    # numbers where a name is wanted, alone and in a list
    ("validation: 0.2", "target: 2020", "5:11", "found 2020, expected text; quote it"),
    ("validation: 0.2", "target: [2020]", "5:12", "found 2020, expected text; quote it"),
    ("validation: 0.2", "ignore: 2020", "5:11", "found 2020, expected text; quote it"),
    ("validation: 0.2", "ignore: [a, 20.5]", "5:15", "found 20.5, expected text; quote it"),
    ("validation: 0.2", "keep: 7", "5:9", "found 7, expected text; quote it"),
    ("validation: 0.2", "weight: 7", "5:11", "found 7, expected text; quote it"),
    ("validation: 0.2", "split: 7", "5:10", "found 7, expected text; quote it"),
    ("validation: 0.2", "missing: [-999]", "5:13", "found -999, expected text; quote it"),
    ("validation: 0.2", "target: {a: b}", "5:11", "found {'a': 'b'}, expected a list"),
    # YAML's words for true and false where a boolean, a number or one of a few words is wanted
    ("validation: 0.2", "scale_targets: yes", "5:18", "found yes, expected a boolean: write true/false"),
    ("validation: 0.2", "header: No", "5:11", "found No, expected auto, true or false"),
    ("validation: 0.2", "test: on", "5:9", "found on, expected a share"),
    ("validation: 0.2", "blanks: no", "5:11", "found no, expected refuse, drop, mean or median"),
    ("validation: 0.2", "missing: no", "5:12", "found no, expected a list: [no] for this word, [] for none"),
    ("validation: 0.2", "missing: false", "5:12", "found false, expected a list: [false] for this word, [] for none"),
    ("validation: 0.2", "on: 0.2", "5:3", "unknown key 'on'"),
    ("epochs: 1", "epochs: off", "9:11", "found off, expected a whole number"),
    ("epochs: 1", "epochs: 1\n  shuffle: n", "10:12", "found n, expected a boolean: write true/false"),
    ("epochs: 1", "epochs: 1\n  shuffle: True", "10:12", "found True, expected a boolean: write true/false"),
    ("layers: [8]", "layers: [{batch_norm: }]", "7:24", "found nothing, expected what says how, as in batch_norm: t"),
    ("layers: [8]", "layers: [{dropout: null}]", "7:22", "found nothing, expected what says how, as in dropout: 0.1"),
    ("layers: [8]", "layers: [{batch_norm: yes}]", "7:25", "found yes, expected a boolean: write true/false"),
    ("layers: [8]", "layers: [{flatten: on}]", "7:22", "found on, expected true"),
    ("validation: 0.2", "scale: {name: range, low: 1}", "5:29", "found 1 … 1, expected low below high"),
    ("validation: 0.2", "scale: {name: range, low: -1, high: -2}", "5:39", "found -1 … -2, expected low below high"),
    ("validation: 0.2", "scale: {name: range, low: 1, high: -1}", "5:38", "found 1 … -1, expected low below high"),
    ("validation: 0.2", "scale: {name: range, low: nan}", "5:29", "number"),
    ("validation: 0.2", "scale: {name: range, from: [1, 0]}", "5:30", "expected the lower end first"),
    ("validation: 0.2", "scale: {name: range, from: [1]}", "5:30", "found a list of 1, expected two numbers"),
    ("validation: 0.2", "scale: {name: range, from: 1}", "5:30", "expected a list"),
    ("validation: 0.2", "scale: {name: standard, low: 1}", "5:32", "found low with standard, expected it with range"),
    ("validation: 0.2", "scale: {name: minmax, from: [0, 1]}", "5:31", "found from with minmax"),
    ("validation: 0.2", "scale: {name: range, per_channel: true}", "5:37", "expected it with standard or minmax"),
    ("validation: 0.2", "scale: {name: minmax, together: true, per_channel: true}", "5:54", "expected one of them"),
    ("validation: 0.2", "resize: [0, 4]", "5:12", "at least 1"),
    ("validation: 0.2", "resize: [4, 5000]", "5:15", "at most 4096"),
    ("validation: 0.2", "resize: [4]", "5:11", "found a list of 1, expected two numbers"),
    ("validation: 0.2", "resize: [4, 4, 3]", "5:11", "found a list of 3"),
    ("validation: 0.2", "resize: 64", "5:11", "expected a list"),
    ("validation: 0.2", "channels: grey", "5:13", "did you mean 'gray'?"),
    ("validation: 0.2", "bad_images: ignore", "5:15", "found 'ignore'"),
    ("validation: 0.2", "validation: mine", "5:15", "found 'mine'"),
    ("validation: 0.2", "scale_targets: 0", "5:18", "expected true or false"),
    ("source: iris", "source: 5", "4:11", "found 5, expected"),
    ("source: iris", "source: ''", "4:11", "found ''"),
    ("source: iris", "source: {name: moons, noise: -1}", "4:32", "found -1"),
    ("source: iris", "source: {name: moons, samples: 0}", "4:34", "found 0, expected a number of at least 1"),
    # the top
    ("name: iris", "name: ''", "1:7", "expected some text"),
    ("name: iris", "name: a/b", "1:7", "found 'a/b', expected letters, digits and . _ + -"),
    ("name: iris", "name: ..", "1:7", "found '..', expected letters"),
    ("name: iris", "name: -rf", "1:7", "found '-rf', expected letters"),
    ("name: iris", 'name: "a\\nb"', "1:7", r"found 'a\nb', expected letters"),
    ("name: iris", 'name: "\\x1b[31m"', "1:7", r"found '\x1b[31m', expected letters"),
    ("name: iris", f"name: {'a' * 300}", "1:7", "expected at most 100 characters"),
    ("name: iris", "name: 5", "1:7", "found 5, expected text"),
    ("name: iris", "name: true", "1:7", "found true, expected text"),
    ("task: multiclass", "task: multiclas", "2:7", "did you mean 'multiclass'?"),
    ("task: multiclass", "task: multiclass\nseed: -1", "3:7", "found -1, expected a number of at least 0"),
    ("task: multiclass", "task: multiclass\nseed: 9223372036854775808", "3:7", "at most 9223372036854775807"),
    ("task: multiclass", "task: multiclass\nseed: 1e3", "3:7", "found 1000.0, expected a whole number"),
    ("task: multiclass", "task: multiclass\nprecision: float16", "3:12", "expected float32 or float64"),
    ("task: multiclass", "task: multiclass\ngenerator: legacy\nseed: 4294967296", "4:7", "4294967295"),
    ("task: multiclass", "task: multiclass\ngates: test/accuracy >= 1", "3:8", "expected a list"),
    ("task: multiclass", "task: multiclass\ngates: [5]", "3:9", "found 5, expected text"),
    ("task: multiclass", "task: multiclass\ngates: [val/accuracy => 1]", "3:9", "found gate 'val/accuracy => 1'"),
    ("task: multiclass", "task: multiclass\ngates: [val/loss <= 1e400]", "3:9", "expected finite numbers"),
    ("task: multiclass", "task: multiclass\ngates: [val/loss <= 1 +- 1]", "3:9", "expected it after =="),
    ("task: multiclass", "task: multiclass\ngates: [val/loss@1 <= 1 by epoch 1]", "3:9", "one of them"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), VALUES, ids=[row[1].split("\n")[-1][:50] for row in VALUES])
def test_a_wrong_value_is_refused_at_its_place(old, new, place, words):
    found = faults(changed(old, new))
    assert [fault for fault in found if fault.startswith(f"e.yaml:{place}: ") and words in fault] != [], found


@pytest.mark.parametrize(("old", "new", "place", "words"), VALUES, ids=[row[1].split("\n")[-1][:50] for row in VALUES])
def test_one_wrong_value_is_one_fault(old, new, place, words):
    """No second fault that only says what the first left behind, such as a missing key."""
    assert [fault.split(": ")[0] for fault in faults(changed(old, new))] == [f"e.yaml:{place}"]


UNKNOWN_KEYS = [
    ("name: iris", "name: iris\nprecison: float64", "2:1", "precison", "precision"),
    ("source: iris", "source: iris\n  validaton: 0.2", "5:3", "validaton", "validation"),
    ("source: iris", "source: {name: moons, sampels: 100}", "4:25", "sampels", "samples"),
    ("validation: 0.2", "scale: {name: standard, epsilom: 0.1}", "5:27", "epsilom", "epsilon"),
    ("validation: 0.2", "scale: {name: range, fom: [0, 1]}", "5:24", "fom", "from"),
    ("validation: 0.2", "resise: [4, 4]", "5:3", "resise", "resize"),
    ("layers: [8]", "layres: [8]", "7:3", "layres", "layers"),
    ("layers: [8]", "layers: [{dense: 8, activaton: relu}]", "7:23", "activaton", "activation"),
    ("layers: [8]", "activation: {name: prelu, alpah: 0.1}", "7:29", "alpah", "alpha"),
    ("layers: [8]", "activation: {name: prelu, lern: [alpha]}", "7:29", "lern", "learn"),
    ("layers: [8]", "head: {los: cross_entropy}", "7:10", "los", "loss"),
    ("layers: [8]", "init: {weigts: zeros}", "7:10", "weigts", "weights"),
    ("layers: [8]", "init: {name: normal, sdt: 1.0}", "7:24", "sdt", "std"),
    ("epochs: 1", "epochs: 1\n  bach_size: 4", "10:3", "bach_size", "batch_size"),
    ("epochs: 1", "epochs: 1\n  early_stopping: {patince: 4}", "10:20", "patince", "patience"),
    ("epochs: 1", "epochs: 1\n  gradcheck: {step: 4}\nprecision: float64", "10:15", "step", "steps"),
    ("epochs: 1", "epochs: 1\noptimizer: {name: sgd, momentun: 0.9}", "10:24", "momentun", "momentum"),
]


@pytest.mark.parametrize(("old", "new", "place", "key", "near"), UNKNOWN_KEYS, ids=[row[3] for row in UNKNOWN_KEYS])
def test_an_unknown_key_is_refused_at_every_level_with_the_near_one(old, new, place, key, near):
    found, message = the_fault(changed(old, new))
    assert message.startswith(f"unknown key '{key}'")
    assert message.endswith(f"did you mean '{near}'?")
    assert found == place


@pytest.mark.parametrize(
    ("key", "expected"), [("name", "a name for the run's folder, as in name: xor-tanh"), ("task", "binary, multiclass")]
)
def test_a_missing_key_is_named_with_what_is_expected(key, expected):
    _, message = the_fault(re.sub(f"^{key}: .*\n", "", IRIS, flags=re.MULTILINE))
    assert message.startswith(f"missing key '{key}', expected {expected}")


def test_missing_data_and_a_source_without_a_name_are_told_with_what_is_expected():
    assert faults("name: a\ntask: binary\n") == [
        "e.yaml:1:1: missing key 'data', expected a mapping with a source, as in data: {source: xor}"
    ]
    assert faults("name: a\ntask: binary\ndata: {source: {samples: 5}}\n") == [
        "e.yaml:3:16: missing key 'name', expected a data set's name or path"
    ]


@pytest.mark.parametrize(
    ("old", "new", "place", "key", "near"),
    [
        ("name: iris", "nmae: iris", "1:1", "nmae", "name"),
        ("task: multiclass", "tsk: multiclass", "2:1", "tsk", "task"),
        ("source: iris", "sorce: iris", "4:3", "sorce", "source"),
        ("data:", "dat:", "3:1", "dat", "data"),
        ("source: iris", "source: {nmae: moons}", "4:12", "nmae", "name"),
        ("epochs: 1", "epoch: 1", "9:3", "epoch", "epochs"),
        ("epochs: 1", "setps: 1", "9:3", "setps", "steps"),
        (
            "validation: 0.2",
            "validaton: 0.2\ngates: ['val/loss <= 1']",
            "5:3",
            "validaton",
            "validation",
        ),
    ],
)
def test_a_mistyped_key_that_must_be_there_is_one_fault(old, new, place, key, near):
    assert the_fault(changed(old, new)) == (place, f"unknown key '{key}'; did you mean '{near}'?")


def test_a_formula_where_a_name_stands_is_told_how_formulas_are_written():
    assert the_fault(changed("layers: [8]", 'activation: "x * sigmoid(x)"')) == (
        "7:15",
        "unknown activation 'x * sigmoid(x)'; expected a name, or a formula written as {formula: '…'}",
    )
    _, message = the_fault(changed("layers: [8]", "activation: leaky-relu"))
    assert message.startswith("unknown activation 'leaky-relu'; did you mean 'leaky_relu'?")


def test_a_missing_key_beside_an_unknown_one_that_is_not_near_is_told_too():
    found = faults(changed("name: iris", "colour: iris"))
    assert [fault.split("'")[:2] for fault in found] == [
        ["e.yaml:1:1: missing key ", "name"],
        ["e.yaml:1:1: unknown key ", "colour"],
    ]


@pytest.mark.parametrize(("key", "home"), [("epochs", "training"), ("activation", "network"), ("source", "data")])
def test_a_key_at_the_top_that_belongs_one_level_below_is_told_where(key, home):
    assert the_fault(f"{key}: 3\n{IRIS}") == ("1:1", f"unknown key '{key}'; expected it in '{home}'")


def test_a_missing_source_is_named_at_its_mapping():
    place, message = the_fault(changed("  source: iris\n", ""))
    assert place == "4:3"
    assert "missing key 'source'" in message


# --- meaning between fields ------------------------------------------------------------------------------------------


def head(task, words):
    return IRIS.replace("multiclass", task).replace("layers: [8]", f"head: {{{words}}}")


HEADS = [
    ("binary", "activation: softmax", "softmax"),
    ("binary", "loss: cross_entropy", "not a binary task"),
    ("binary", "activation: tanh, loss: binary_cross_entropy", "expected sigmoid"),
    ("multiclass", "loss: binary_cross_entropy, activation: softmax", "softmax"),
    ("multiclass", "activation: sigmoid, loss: cross_entropy", "expected softmax"),
    ("multiclass", "activation: relu", "expected softmax"),
    ("multiclass", "activation: softmax, loss: mse", "cross_entropy"),
    ("multilabel", "activation: softmax", "softmax"),
    ("multilabel", "loss: cross_entropy", "not a multilabel task"),
    ("regression", "loss: cross_entropy", "not a regression task"),
    ("regression", "loss: binary_cross_entropy", "not a regression task"),
    ("regression", "activation: softmax", "softmax"),
    ("regression", "logits: false", "logits: false"),
    ("multiclass", "logits: false", "logits: false"),
]


@pytest.mark.parametrize(("task", "words", "reason"), HEADS)
def test_a_head_that_makes_no_sense_is_refused_with_the_reason(task, words, reason):
    place, message = the_fault(head(task, words))
    assert reason in message
    assert place.split(":")[0] == "7"


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_the_head_follows_the_task(task):
    made = validate(read_text(IRIS.replace("multiclass", task), "e.yaml")).network.head
    assert (made.activation.name, made.loss.name) == DEFAULT_HEADS[task]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("multiclass", "activation: sigmoid, loss: binary_cross_entropy"),
        ("binary", "activation: tanh, loss: mse"),
        ("regression", "activation: softplus"),
        ("binary", "logits: false"),
    ],
)
def test_a_head_that_makes_sense_is_taken(task, words):
    assert faults(head(task, words)) == []


@pytest.mark.parametrize(
    ("monitor", "words"),
    [
        ("val/acuracy", "did you mean 'val/accuracy'?"),
        ("vall/loss", "did you mean 'val/loss'?"),
        ("val/r2", "unknown figure 'val/r2'"),
        ("test/loss", "unknown figure 'test/loss'"),
        ("''", "unknown figure ''"),
        ("loss", "unknown figure 'loss'"),
    ],
)
def test_a_monitor_that_is_never_measured_is_refused(monitor, words):
    place, message = the_fault(changed("epochs: 1", f"epochs: 1\n  early_stopping: {{monitor: {monitor}}}"))
    assert words in message
    assert place == "10:29"


def test_early_stopping_without_a_validation_part_is_refused():
    text = changed("  validation: 0.2\n", "").replace("epochs: 1", "epochs: 1\n  early_stopping: {monitor: val/loss}")
    assert "no validation part; expected data.validation" in the_fault(text)[1]


def test_watching_the_validation_part_alone_without_having_one_is_refused():
    text = changed("  validation: 0.2\n", "").replace("epochs: 1", "epochs: 1\n  evaluate: [val]")
    assert "data.validation" in the_fault(text)[1]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("epochs: 1\n  steps: 1", "both 'epochs' and 'steps'"),
        ("epochs: null", "neither 'epochs' nor 'steps'"),
        ("shuffle: true", "neither 'epochs' nor 'steps'"),
    ],
)
def test_the_length_of_a_training_is_either_epochs_or_steps(keys, words):
    assert words in the_fault(changed("epochs: 1", keys))[1]


def test_a_gradient_check_in_float32_is_refused():
    assert "precision: float64" in the_fault(changed("epochs: 1", "epochs: 1\n  gradcheck: {steps: 1}"))[1]


UNMEASURABLE = [
    ("val/acuracy >= 0.5", "did you mean 'val/accuracy'?"),
    ("vall/accuracy >= 0.5", "did you mean 'val/accuracy'?"),
    ("val/r2 >= 0.5", "unknown figure 'val/r2'"),
    ("batch/accuracy >= 0.5", "unknown figure 'batch/accuracy'"),
    ("accuracy >= 0.5", "unknown figure 'accuracy'"),
    ("dense1/weigts[0,0] == 1", "dense1/weigts[0,0]"),
    ("dense1/weigts[3,7] == 1", "did you mean 'dense1/weights[3,7]'?"),
    ("dense1/weights[4,0] == 1", "an index into dense1/weights of shape [4, 8]"),
    ("dense1/weights[0,0]@1 == 1", "measured at the end alone"),
    ("gradcheck/dense1/bias[0]@1 == 1", "expected training.gradcheck"),
    ("val/precision >= 0.5", "expected val/precision/CLASS"),
    ("val/precision/rose >= 0.5", "unknown figure 'val/precision/rose'"),
    ("val/top_k_accuracy >= 0.5", "unknown figure 'val/top_k_accuracy'"),
    ("val/top_3_accuracy >= 0.5", "unknown figure 'val/top_3_accuracy'"),
    ("val/macro_f1@1 >= 0.5", "measured at the end alone"),
    ("batch/loss@0 <= 1", "expected one from 1 to 4"),
    ("val/loss@5 <= 1", "expected one from 0 to 4"),
    ("test/accuracy >= 0.5", "test"),
    ("gradcheck/error@1 <= 1e-8", "gradcheck"),
]


@pytest.mark.parametrize(("gate", "words"), UNMEASURABLE, ids=[row[0] for row in UNMEASURABLE])
def test_a_gate_on_a_figure_that_is_never_measured_is_refused_before_training(gate, words, tmp_path):
    path = write(tmp_path, changed("epochs: 1", f"epochs: 1\ngates:\n  - {gate}"))
    result = nnlab_here("train", path, "--quiet", cwd=tmp_path)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "11:5" in result.stderr
    assert not (tmp_path / "runs").exists()


MEASURED = [
    "val/precision/setosa >= 0", "val/macro_f1 >= 0", "val/accuracy@0 >= 0", "val/accuracy@4 >= 0",
    "val/loss <= 100 by epoch 0", "batch/loss <= 100 by epoch 1", "dense2/bias[2] <= 100",
]  # fmt: skip


@pytest.mark.parametrize("gate", MEASURED)
def test_a_gate_on_a_figure_that_is_measured_is_taken(gate, tmp_path):
    path = write(tmp_path, changed("epochs: 1", f"epochs: 1\ngates:\n  - {gate}"))
    result = nnlab_here("train", path, "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr


GRADCHECKED = "steps: 5\n  gradcheck: {{steps: 2, on_failure: record}}\nprecision: float64\ngates: [{gate}]"


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("gradcheck/error@2 <= 1", ""),
        ("gradcheck/dense1/bias[0] <= 1 by step 1", ""),
        ("gradcheck/error@3 <= 1", "expected one from 1 to 2"),
        ("gradcheck/error <= 1", "expected gradcheck/error@STEP with a step from 1 to 2"),
        ("gradcheck/dense1/bia[0]@1 <= 1", "did you mean 'dense1/bias[0]'?"),
    ],
)
def test_gates_on_a_gradient_check_are_for_the_steps_it_checks(gate, message, tmp_path):
    path = write(tmp_path, changed("epochs: 1", GRADCHECKED.format(gate=f"'{gate}'")))
    result = nnlab_here("train", path, "--quiet", cwd=tmp_path)
    assert result.exit_code == (2 if message else 0), result.stderr
    assert message in result.stderr


def test_a_gate_on_the_way_of_a_part_that_is_not_evaluated_is_refused(tmp_path):
    text = changed("epochs: 1", "epochs: 1\n  evaluate: [val]\ngates:\n  - train/loss <= 1 by epoch 1")
    result = nnlab_here("train", write(tmp_path, text), "--quiet", cwd=tmp_path)
    assert (result.exit_code, "12:5" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("layers: [7, {activation: glu}]", "7:15"),
        ("layers: [7, {activation: {name: maxout, pieces: 3}}]", "7:15"),
        ("layers: [4, {activation: glu}]\n  head: {dense: false}", "8:17"),
        ("layers: [7]\n  head: {activation: glu, loss: mse, dense: false}", "8:9"),
    ],
)
def test_layers_that_do_not_fit_each_other_are_refused_at_their_place(words, place, tmp_path):
    result = nnlab_here("train", write(tmp_path, changed("layers: [8]", words)).name, cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"experiment.yaml:{place}")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("optimizer", ["", "optimizer: {}\n"])
def test_an_optimizer_without_a_name_is_adam(optimizer):
    assert validate(read_text(IRIS + optimizer, "e.yaml")).optimizer.name == "adam"


def test_the_rate_of_the_default_optimizer_can_be_set_on_the_command_line(tmp_path):
    words = ("--set", "optimizer.learning_rate=0.5", "--print-config")
    result = nnlab_here("train", write(tmp_path, IRIS), *words, cwd=tmp_path)
    assert "name: adam\n  learning_rate: 0.5" in result.stdout


def test_after_a_wrong_item_the_others_of_its_list_keep_their_places():
    text = changed("layers: [8]", "layers: [0.5, 8, {dense: 0}, {dense: 3, l2: -1}]")
    assert [fault.split(": ")[0] for fault in faults(text)] == ["e.yaml:7:12", "e.yaml:7:28", "e.yaml:7:47"]


@pytest.mark.parametrize("gate", ["batch/loss <= 100", "batch/loss@2 <= 100", "batch/loss <= 100 by step 5"])
def test_the_batch_loss_can_be_held_against_a_gate(gate, tmp_path):
    path = write(tmp_path, changed("epochs: 1", f"steps: 5\ngates:\n  - {gate}"))
    assert nnlab_here("train", path, "--quiet", cwd=tmp_path).exit_code == 0


def test_a_gate_at_a_step_that_is_never_reached_is_refused(tmp_path):
    text = changed("epochs: 1", "steps: 5\ngates:\n  - batch/loss@6 <= 100")
    result = nnlab_here("train", write(tmp_path, text), "--quiet", cwd=tmp_path)
    assert result.exit_code == 2


# --- all of them in one pass -----------------------------------------------------------------------------------------

MANY = """\
name: a/b
task: multiclas
sed: 1
data:
  source: iris
  validation: 0
network:
  layers: [8, 0, {dense: 4, activation: relo}]
  head: {los: mse}
optimizer: {name: sgd, learning_rate: 0, momentun: 0.9}
training:
  epochs: 1e3
  batch_size: 0
gates: ["val/accuracy => 1", "val/loss <= 1"]
"""

MANY_PLACES = [
    "1:7", "2:7", "3:1", "6:15", "8:15", "8:41", "9:10", "10:39", "10:42", "12:11", "13:15", "14:9",
]  # fmt: skip


def test_faults_of_many_kinds_are_all_reported_in_one_pass_sorted_by_place():
    found = [re.match(r"e\.yaml:(\d+:\d+): ", fault)[1] for fault in faults(MANY)]
    assert found == MANY_PLACES


def test_faults_between_fields_are_reported_beside_those_of_single_fields():
    text = changed("epochs: 1", "epochs: 1\n  steps: 1").replace("layers: [8]", "activation: relo")
    assert [fault.split(": ")[0] for fault in faults(text)] == ["e.yaml:7:15", "e.yaml:9:3"]


def test_faults_between_fields_are_reported_although_a_needed_key_is_wrong():
    """The name has nothing to do with the length of the training."""
    text = changed("epochs: 1", "epochs: 1\n  steps: 1").replace("name: iris", "name: a/b")
    assert [fault.split(": ")[0] for fault in faults(text)] == ["e.yaml:1:7", "e.yaml:9:3"]


def test_many_faults_reach_the_terminal_as_lines_with_exit_code_2_and_nothing_is_written(tmp_path):
    path = write(tmp_path, MANY)
    result = nnlab("train", path.name, cwd=tmp_path)
    lines = result.stderr.splitlines()
    assert result.returncode == 2
    assert result.stdout == ""
    assert [re.match(r"experiment\.yaml:(\d+:\d+): ", line)[1] for line in lines] == MANY_PLACES
    assert list(tmp_path.iterdir()) == [path]


def test_between_file_and_overrides_each_fault_has_its_own_place(tmp_path):
    path = write(tmp_path, changed("layers: [8]", "layers: [8, 0]") + "optimizer: adam\n")
    result = nnlab_here("train", path.name, "--set", "optimizer.learning_rate=-1", "--set", "sed=3", cwd=tmp_path)
    assert result.exit_code == 2
    assert {line.split(": ")[0] for line in result.stderr.splitlines()} == {
        "experiment.yaml:7:15",
        "--set optimizer.learning_rate=…:1:25",
        "--set sed=…:1:1",
    }


# --- between the experiment and its data -----------------------------------------------------------------------------

WITH_DATA = [
    (("layers: [8]", "inputs: 3"), ["7:11", "inputs: 3", "4 input columns"]),
    (("layers: [8]", "head: {dense: false}"), ["7:17", "4 units", "3"]),
    (("source: iris", "source: iriss"), ["4:11", "found source 'iriss'", "did you mean 'iris'?"]),
    (("source: iris", "source: none.csv"), ["4:11", "none.csv"]),
    (("source: iris", "source: {name: iris, samples: 5}"), ["4:33", "samples"]),
    (("source: iris", "source: {name: moons, samples: 1}"), ["4:34", "samples"]),
    (("task: multiclass", "task: regression"), ["2:7", "task regression", "expected multiclass"]),
    (("task: multiclass", "task: binary"), ["2:7", "3 classes"]),
    (("validation: 0.2", "test: 150"), ["5:9", "150"]),
    (("validation: 0.2", "validation: 150"), ["5:15", "150"]),
    (("validation: 0.2", "target: speces"), ["5:11", "speces", "species"]),
    (("validation: 0.2", "ignore: [petal]"), ["5:12", "petal"]),
]


@pytest.mark.parametrize(("change", "words"), WITH_DATA, ids=[row[0][1] for row in WITH_DATA])
def test_an_experiment_that_does_not_fit_its_data_is_refused_before_anything_is_written(change, words, tmp_path):
    path = write(tmp_path, changed(*change))
    result = nnlab_here("train", path.name, cwd=tmp_path)
    assert result.exit_code == 2
    assert [word for word in words if word not in result.stderr] == []
    assert list(tmp_path.iterdir()) == [path]


# --- written out and read back ---------------------------------------------------------------------------------------

RICH = """\
name: rich_1.0+x
task: regression
seed: 9223372036854775807
precision: float64
data:
  source: auto-mpg
  target: [mpg]
  ignore: [origin]
  blanks: median
  scale: {name: minmax, together: true}
  scale_targets: true
  test: 20
  validation: 0.1
network:
  inputs: 6
  layers: [4, {dense: 3, activation: {name: prelu, alpha: 0.1, per_unit: true}, l2: 1e-4, init: he_uniform}]
  activation: {name: leaky_relu, negative_slope: 0.2}
  init: {weights: {name: uniform, low: -1.0, high: 1.0}, bias: {name: constant, value: 0.1}}
  l2: 1e-3
  head: {activation: softplus, loss: mse}
optimizer: {name: sgd, learning_rate: 1e-3, momentum: 0.9, nesterov: true}
training:
  steps: 7
  batch_size: 16
  shuffle: false
  log_every: 2
  evaluate_every: 3
  evaluate: [train, val]
  early_stopping: {monitor: val/r2, patience: 3, min_delta: 1e-6}
  checkpoint_every: 2
  gradcheck: {steps: 1, method: central, epsilon: 1e-6, threshold: 1e-3, on_failure: record}
gates: ["test/r2 >= -1e3", "dense1/weights[0,0] == 0 +- 10"]
"""

READ_BACK = {
    "rich": RICH,
    "iris": IRIS,
    "parameters that are not learned": changed("layers: [8]", "activation: {name: prelu, learn: []}"),
    "text that looks like numbers": changed("name: iris", "name: '1e-3'"),
    "no training at all": changed("training:\n  epochs: 1\n", ""),
    "a schedule": IRIS + "optimizer: {name: sgd, learning_rate: {name: cosine, base: 1, cycles: 2}}\n",
    "a schedule by its name": IRIS + "optimizer: {learning_rate: plateau}\n",
    "whole numbers and an infinite default": changed(
        "layers: [8]", "layers: [{dense: 8, activation: {name: relu, threshold: 1}}]"
    ),
}


@pytest.mark.parametrize("text", READ_BACK.values(), ids=READ_BACK)
def test_an_experiment_written_out_reads_back_to_the_same(text):
    experiment = validate(read_text(text, "e.yaml"))
    again = validate(read_text(to_yaml(experiment), "again.yaml"))
    assert again == experiment


CONFIGS = sorted([*NOTEBOOKS.glob("*.yaml"), *(ROOT / "configs").glob("*.yaml")])


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_every_shipped_experiment_is_valid_and_reads_back_to_the_same(path):
    table = with_plugins(sorted(NOTEBOOKS.glob("*.py")))
    experiment, _ = load(path, (), table)
    assert validate(read_text(to_yaml(experiment), "again.yaml"), table) == experiment


def test_print_config_prints_a_file_that_prints_the_same_and_writes_nothing(tmp_path):
    write(tmp_path, RICH)
    first = nnlab_here("train", "experiment.yaml", "--print-config", "--set", "seed=3", cwd=tmp_path)
    again = tmp_path / "sub"
    again.mkdir()
    write(again, first.stdout)
    second = nnlab_here("train", "experiment.yaml", "--print-config", cwd=again)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == second.stdout
    assert "seed: 3" in first.stdout
    assert not (tmp_path / "runs").exists()


def test_the_config_of_a_run_gives_the_same_run_from_anywhere(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    write(folder, "a,b,c\n" + "".join(f"{i % 5},{i % 3},{i % 2}\n" for i in range(30)), "rows.csv")
    text = IRIS.replace("multiclass", "binary").replace("source: iris", "source: rows.csv")
    path = write(folder, text)
    first = trained(tmp_path, path)
    again = trained(folder, first / "config.yaml")
    assert (first / "metrics.csv").read_bytes() == (again / "metrics.csv").read_bytes()
    assert (first / "config.yaml").read_bytes() == (again / "config.yaml").read_bytes()


def test_data_found_from_the_working_directory_are_found_again_from_elsewhere(tmp_path):
    configs, elsewhere = tmp_path / "configs", tmp_path / "elsewhere"
    configs.mkdir()
    elsewhere.mkdir()
    write(tmp_path, "a,b\n" + "".join(f"{i % 5},{i}.5\n" for i in range(30)), "rows.csv")
    run = trained(tmp_path, write(configs, HOUSES.replace("source: houses", "source: rows.csv")))
    result = nnlab_here("eval", run, cwd=elsewhere)
    assert result.exit_code == 0, result.stderr


# --- the words of the command line -----------------------------------------------------------------------------------

WORDS = [
    (("--seed", "-1"), "0 to 9223372036854775807"),
    (("--seed", "9223372036854775808"), "0 to 9223372036854775807"),
    (("--seed", "1" + 20 * "0"), "expected"),
    (("--seed", " 5 "), "found ' 5 ', expected a whole number"),
    (("--seed", "1e3"), "found '1e3', expected a whole number"),
    (("--seed", "1_000"), "found '1_000', expected a whole number"),
    (("--seed", "٣"), "expected a whole number"),
    (("--seed", ""), "expected a whole number"),
    (("--threads", "0"), "at least 1"),
    (("--threads", " 5 "), "found ' 5 ', expected a whole number"),
    (("--set", "optimizer.learning_rate=nan"), "found nan, expected a finite number"),
    (("--set", "optimizer.learning_rate=.inf"), "found .inf, expected a finite number"),
    (("--set", "optimizer.learning_rate=1e999"), "found 1e999, expected"),
    (("--set", "optimizer.learning_rate=-1"), "found -1 for learning_rate of adam"),
    (("--set", "optimizer.lerning_rate=1"), "did you mean 'learning_rate'?"),
    (("--set", "optimiser.learning_rate=1"), "did you mean 'optimizer'?"),
    (("--set", "training.steps"), "expected KEY=VALUE"),
    (("--set", "=3"), "expected names"),
    (("--set", "network.layers.9=3"), "expected a list"),
    (("--name", "a\nb"), r"found 'a\nb', expected letters"),
    (("--name", "\x1b[31mred"), r"found '\x1b[31mred', expected letters"),
    (("--name", "a/b"), "found 'a/b', expected letters"),
    (("--name", ".."), "found '..', expected letters"),
    (("--name", ""), "expected some text"),
    (("--name", "a" * 300), "expected at most 100 characters"),
    (("--name", "'; seed: 5"), "expected letters"),
    (("--name", "\udc80"), "udc80"),
    (("--sed", "5"), "--seed"),
    (("--runs-dri", "5"), "--runs-dir"),
    (("extra",), "extra"),
]


@pytest.mark.parametrize("command", ["train", "compare-activations"])
@pytest.mark.parametrize(
    ("words", "message"), WORDS, ids=[" ".join(row[0])[:40].encode("unicode_escape").decode() for row in WORDS]
)
def test_a_wrong_word_on_the_command_line_is_refused(command, words, message, tmp_path):
    path = write(tmp_path, HOUSES)
    result = nnlab_here(command, path.name, *words, cwd=tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("words", [("--name", "a/b"), ("--name", "a" * 300), ("--name", "a\nb")])
def test_a_wrong_name_is_one_line(words, tmp_path):
    result = nnlab_here("train", write(tmp_path, HOUSES), *words, cwd=tmp_path)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("word", "near"), [("trian", "train"), ("evla", "eval"), ("compare-activation", "compare-activations")]
)
def test_a_typo_in_a_command_is_refused_with_the_near_one(word, near, tmp_path):
    result = nnlab_here(word, cwd=tmp_path)
    assert result.exit_code == 2
    assert f"'{near}'" in result.stderr


@pytest.mark.parametrize("seeds", ["0", "-1", " 5 ", "1e3", "99999999999"])
def test_a_wrong_number_of_seeds_is_refused(seeds, tmp_path):
    result = nnlab_here("compare-activations", write(tmp_path, HOUSES), "--seeds", seeds, cwd=tmp_path)
    assert result.exit_code == 2
    assert "--seeds" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", "LONG"),
        ("train", "experiment.yaml", "--plugin", "LONG"),
        ("train", "experiment.yaml", "--set", "data.source=LONG"),
        ("eval", "LONG"),
        ("eval", "latest", "--runs-dir", "LONG"),
        ("gradcheck", "LONG"),
        ("gradcheck", "LONG.yaml"),
    ],
    ids=" ".join,
)
def test_a_path_too_long_for_the_disk_is_refused(words, tmp_path):
    write(tmp_path, HOUSES)
    result = nnlab_here(*(word.replace("LONG", "a" * 300) for word in words), cwd=tmp_path)
    assert result.exit_code == 2


def test_seeds_beyond_the_largest_are_refused(tmp_path):
    """Each seed of a comparison can be trained alone."""
    words = ("--seed", 2**63 - 1, "--seeds", 2)
    result = nnlab_here("compare-activations", write(tmp_path, HOUSES), *words, cwd=tmp_path)
    assert result.exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_every_activation_of_the_catalogue_can_be_named_with_and_without_its_defaults():
    for name in (name for name, entry in ACTIVATIONS.items() if not entry.untrainable):
        assert faults(changed("layers: [8]", f"activation: {name}")) == []
        assert faults(changed("layers: [8]", f"activation: {{name: {name}}}")) == []
