"""The JSON Schema of the experiment file: it accepts all that nnlab accepts, and refuses what is mistyped."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from strategies import HEADS, activations, layer_lists
from support import NOTEBOOKS, ROOT, faults, nnlab_here, parse_json

from nnlab.config.document import read_file, read_text
from nnlab.config.json_schema import experiment_schema
from nnlab.config.plugins import with_plugins
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.schedules import SCHEDULES

PLUGINS = {
    "houses-own-activation.yaml": "own_activation.py",
    "gradcheck-wrong-relu.yaml": "wrong_relu.py",
}
SCHEMA = experiment_schema()
CHECKER = Draft7Validator(SCHEMA)

SMALL = {"name": "small", "task": "binary", "data": {"source": "xor"}, "training": {"steps": 1}}


def refusals(text):
    """What the schema refuses in an experiment's text: the places."""
    return [error.json_path for error in CHECKER.iter_errors(read_text(text, "e.yaml").values)]


def small(**changes):
    """The text of a small experiment."""
    return json.dumps(SMALL | changes)


def test_it_is_a_schema_of_draft_07():
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


EXPERIMENTS = [
    path for path in sorted((ROOT / "configs").rglob("*.yaml")) if "experiments" not in read_file(path).values
]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_file_that_ships_is_valid(path):
    checker = CHECKER
    if path.name in PLUGINS:
        checker = Draft7Validator(experiment_schema(with_plugins([NOTEBOOKS / PLUGINS[path.name]])))
    assert [error.message for error in checker.iter_errors(read_file(path).values)] == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"sede": 1}, "$"),
        ({"seed": "one"}, "$.seed"),
        ({"seed": -1}, "$.seed"),
        ({"task": "binry"}, "$.task"),
        ({"data": {"sorce": "xor"}}, "$.data"),
        ({"data": {"source": "xor", "scale": "standart"}}, "$.data.scale"),
        ({"data": {"source": "xor", "test": 1.5}}, "$.data.test"),
        ({"network": {"activation": "rellu"}}, "$.network.activation"),
        ({"network": {"activation": "heaviside"}}, "$.network.activation"),
        ({"network": {"activation": {"name": "elu", "beta": 1.0}}}, "$.network.activation"),
        ({"network": {"activation": {"name": "elu", "alpha": 0}}}, "$.network.activation"),
        ({"network": {"activation": {"name": "elu", "learn": ["beta"]}}}, "$.network.activation"),
        ({"network": {"layers": [{"dens": 4}]}}, "$.network.layers"),
        ({"network": {"layers": ["flaten"]}}, "$.network.layers"),
        ({"network": {"layers": [{"conv2d": 4, "kernel": [3, 3, 3]}]}}, "$.network.layers"),
        ({"network": {"init": "he_norml"}}, "$.network.init"),
        ({"network": {"init": "constant"}}, "$.network.init"),
        ({"network": {"head": {"loss": {"name": "mse", "class_weights": "balanced"}}}}, "$.network.head.loss"),
        ({"optimizer": "adm"}, "$.optimizer"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0}}, "$.optimizer"),
        ({"optimizer": {"learning_rate": {"name": "cosin"}}}, "$.optimizer"),
        ({"optimizer": {"name": "rprop", "learning_rate": "cosine"}}, "$.optimizer"),
        ({"training": {"steps": 1, "batch_size": "al"}}, "$.training.batch_size"),
        ({"training": {"steps": 1, "checkpoint_every": {"second": 3}}}, "$.training.checkpoint_every"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_what_is_mistyped_is_refused_at_its_place(changes, place):
    assert faults(small(**changes)) != []
    assert set(refusals(small(**changes))) == {place}


def tables():
    """Each entry as a mapping in its place in the file, with every parameter at its default."""
    for entry in ACTIVATIONS.values():
        yield {"network": {"activation": chosen(entry)}}
    for entry in INITIALIZERS.values():
        yield {"network": {"init": chosen(entry)}}
    for entry in LOSSES.values():
        yield {"network": {"head": {"loss": chosen(entry)}}}
    for entry in OPTIMIZERS.values():
        yield {"optimizer": chosen(entry)}
    for entry in SCHEDULES.values():
        yield {"optimizer": {"learning_rate": chosen(entry) | {"base": 0.1}}}


def chosen(entry):
    given = {parameter.name: parameter.default for parameter in entry.parameters if parameter.default != math.inf}
    return {"name": entry.name} | {name: 1.0 if value is None else value for name, value in given.items()}


def test_every_entry_of_a_table_is_valid_where_it_is_chosen():
    assert {json.dumps(changes) for changes in tables() if refusals(small(**changes))} == {
        json.dumps({"network": {"activation": {"name": "heaviside"}}})
    }


VALUES = [None, True, False, 0, 1, 3, -1, 0.5, 2.0, 1e12, "", "x", "all", "own", "none", "auto", "same", "relu", "adam"]
VALUES += ["minmax", "yes", "cosine", "flatten", "mse", "zeros", "recommended", "iris", [], [1], [1, 2], ["a"], {}]
VALUES += [{"name": "elu"}, {"name": "standard", "epsilon": 1}, {"seconds": 5}, {"weights": "zeros"}, {"date": "%d"}]
VALUES += [{"formula": "x * a", "a": 2}, {"dense": 3, "l2": 0.1}, {"train": "t.csv"}, {"patience": 3}, ["train"]]


def keys_of(schema, before=()):
    """The path of each key of the models, lists left out."""
    for key, value in schema.get("properties", {}).items():
        yield (*before, key)
        parts = [value, *value.get("anyOf", ()), *value.get("allOf", ())]
        names = [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]
        for name in (one for one in names if one[0].isupper()):
            yield from keys_of(SCHEMA["definitions"][name], (*before, key))


KEYS = [*keys_of(SCHEMA), *(("network", "layers", 0, *path) for path in keys_of(SCHEMA["definitions"]["LayerSpec"]))]


def put(values, path, value):
    """A copy with a value under a path; what is no mapping on the way becomes one."""
    if not path:
        return value
    if path[0] == 0:
        return [put({"dense": 2}, path[1:], value)]
    inner = values if isinstance(values, dict) else {"name": values} if values else {}
    return {**inner, path[0]: put(inner.get(path[0]), path[1:], value)}


@given(st.sampled_from(KEYS), st.sampled_from(VALUES), st.sampled_from(KEYS), st.sampled_from(VALUES))
def test_all_that_nnlab_accepts_the_schema_accepts(key, value, other, another):
    text = json.dumps(put(put(SMALL, key, value), other, another))
    assert faults(text) or set(refusals(text)) <= {"$.data.header"}  # 1 is accepted for true there, and for flatten


@given(layer_lists(), activations(), st.sampled_from(HEADS))
def test_networks_that_nnlab_accepts_the_schema_accepts(layers, activation, head):
    task, last, loss, logits = head
    chosen = {"activation": last, "loss": loss, "logits": logits}
    text = small(task=task, network={"layers": layers, "activation": activation, "head": chosen})
    assert faults(text) or refusals(text) == []


def described(schema):
    """By place whether each key says what it is."""
    parts = {"Experiment": schema, **schema["definitions"]}
    return {f"{name}.{key}": "description" in p for name, part in parts.items() for key, p in properties(part)}


def properties(part):
    return [
        item
        for one in (part, *part.get("anyOf", ()))
        for item in one.get("properties", {}).items()
        if item[0] != "name"
    ]


def test_every_key_says_what_it_is():
    assert [key for key, is_described in described(SCHEMA).items() if not is_described] == []


def test_it_is_printed_and_written_and_knows_plugins(tmp_path):
    assert parse_json(nnlab_here("config", "schema", cwd=tmp_path).stdout) == SCHEMA
    plugin = NOTEBOOKS / "own_activation.py"
    done = nnlab_here("config", "schema", "-o", "s.json", "--plugin", plugin, cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (0, "s.json\n")
    text = (tmp_path / "s.json").read_text(encoding="utf-8")
    assert "shifted_soft_exponential" in text
    assert "shifted_soft_exponential" not in json.dumps(SCHEMA)


def test_it_takes_no_place_of_another_file(tmp_path):
    (tmp_path / "lab.yaml").write_text("mine", encoding="utf-8")
    done = nnlab_here("config", "schema", "-o", "lab.yaml", cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "lab.yaml: found another file, which is left alone; expected a free name\n"
    assert (tmp_path / "lab.yaml").read_text(encoding="utf-8") == "mine"
    for _ in range(2):  # one of its own is replaced
        assert nnlab_here("config", "schema", "-o", "s.json", cwd=tmp_path).exit_code == 0
