"""The text of experiment files: what is read, what is refused and where, overrides, and writing back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.config.document import MOST_BYTES, MOST_DEPTH, MOST_FAULTS, BooleanWord, read_file, read_text, write
from nnlab.config.experiment import to_yaml, validate
from nnlab.config.overrides import Setting, override, override_all
from nnlab.errors import ConfigError, StorageError

EXAMPLE = """\
name: xor-tanh
seed: 1
data:
  source: xor
  scale: {name: standard, epsilon: 1.0e-9}
network:
  layers: [64, {dense: 30, l2: 1e-4}]
  activation: relu
compare:
  activations:
    - relu
    - name: prelu
      alpha: 0.25
gates: ["test/accuracy >= 0.95"]
"""

# --- What is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("9223372036854775808", 2**63),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.0", -0.0),
        ("1.0e-9", 1e-9),
        ("relu", "relu"),
        ("test/accuracy >= 0.95", "test/accuracy >= 0.95"),
        ("__import__('os')", "__import__('os')"),
        ("1e", "1e"),
        ("'yes'", "yes"),
        ('"017"', "017"),
        ("'1e-3'", "1e-3"),
        ("2026-11-21_xor", "2026-11-21_xor"),
        ('"\\x1b\\n"', "\x1b\n"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_are_what_the_table_says(scalar, value):
    assert repr(read_text(f"key: {scalar}", "f").values["key"]) == repr(value)


def test_the_example_is_read():
    values = read_text(EXAMPLE, "f").values
    assert values["data"] == {"source": "xor", "scale": {"name": "standard", "epsilon": 1e-9}}
    assert values["network"]["layers"] == [64, {"dense": 30, "l2": 1e-4}]
    assert values["compare"]["activations"] == ["relu", {"name": "prelu", "alpha": 0.25}]
    assert list(values) == ["name", "seed", "data", "network", "compare", "gates"]


@pytest.mark.parametrize("word", ["yes", "No", "ON", "off", "y", "N", "True", "TRUE", "False"])
def test_a_word_for_true_or_false_is_text_that_is_known_to_be_unquoted(word):
    plain = read_text(f"{word}: {word}", "f").values
    assert plain == {word: word}
    assert isinstance(plain[word], BooleanWord)
    assert type(read_text(f"a: '{word}'", "f").values["a"]) is str
    assert write(plain) == f'"{word}": "{word}"\n'  # other readers would take it for a boolean


def test_true_and_false_are_booleans_as_values_and_names_as_keys():
    assert read_text("true: false\nfalse: true", "f").values == {"true": False, "false": True}


def test_a_quoted_key_is_text_whatever_it_says():
    assert read_text('"on": 1\n"1": 2\n"<<": 3', "f").values == {"on": 1, "1": 2, "<<": 3}


@pytest.mark.parametrize("text", ["\ufeffa: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "\ufeffa: 1\r\nb: 2"])
def test_byte_order_mark_and_windows_line_ends_are_fine(text, tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_bytes(text.encode())
    document = read_file(path)
    assert document.values == {"a": 1, "b": 2}
    assert document.position(("b",)) == (str(path), 2, 4)


@pytest.mark.parametrize(
    ("path", "value_place", "key_place"),
    [
        ((), (1, 1), (1, 1)),
        (("seed",), (2, 7), (2, 1)),
        (("data", "scale", "epsilon"), (5, 36), (5, 27)),
        (("network", "layers"), (7, 11), (7, 3)),
        (("network", "layers", 1), (7, 16), (7, 16)),
        (("network", "layers", 1, "l2"), (7, 32), (7, 28)),
        (("compare", "activations", 1, "alpha"), (13, 14), (13, 7)),
        (("network", "layers", 5), (7, 11), (7, 3)),
        (("network", "init", "low"), (7, 3), (6, 1)),
        (("optimizer", "learning_rate"), (1, 1), (1, 1)),
    ],
)
def test_positions_and_those_of_missing_paths(path, value_place, key_place):
    document = read_text(EXAMPLE, "f.yaml")
    assert document.position(path) == ("f.yaml", *value_place)
    assert document.position(path, of_key=True) == ("f.yaml", *key_place)


# --- What is refused -------------------------------------------------------------------------------------------------


def faults_of(text):
    with pytest.raises(ConfigError) as caught:
        read_text(text, "f.yaml")
    return [str(fault) for fault in caught.value.faults]


AMBIGUOUS = {
    "NULL": "null in lower case",
    "017": "without leading zeros",
    "-08": "without leading zeros",
    "0o17": "in decimal digits",
    "0x1F": "in decimal digits",
    "0b101": "in decimal digits",
    "1:30": "not to base 60",
    "12:30:45.5": "not to base 60",
    "1_000": "1000 or 0.1",
    "1_000.5": "1000 or 0.1",
    "1,000": "1000 or 0.1",
    "0,1": "1000 or 0.1",
    "2026-11-21": "no dates here",
    "2026-11-21 10:00:00": "no dates here",
    "2026-11-21T10:00:00Z": "no dates here",
    ".nan": "a finite number",
    ".inf": "a finite number",
    "-.INF": "a finite number",
    "nan": "a finite number",
    "NaN": "a finite number",
    "+inf": "a finite number",
    "-Infinity": "a finite number",
    "1.0e+400": "a number below 1.8e308",
    "-1e999": "a number below 1.8e308",
    "1" * 5000: "an integer of at most 100 digits",
}


@pytest.mark.parametrize("scalar", AMBIGUOUS)
def test_ambiguous_scalars_are_refused_with_what_to_write(scalar):
    (fault,) = faults_of(f"seed: 1\ndata:\n  key: {scalar}\n")
    assert fault.startswith(f"f.yaml:3:8: found {scalar[:50]}")
    assert AMBIGUOUS[scalar] in fault
    assert len(fault) < 200


@pytest.mark.parametrize("key", ["1", "1.5", "null", "NULL", "017", "2026-11-21", ".nan", "~"])
def test_keys_that_are_no_text_are_refused(key):
    expected = f"f.yaml:2:3: found '{key}' as a key, expected a name; quote it if text is meant"
    assert faults_of(f"a:\n  {key}: x") == [expected]


REFUSED = [
    ("a: 1\nb: 2\na: 3", "3:1: found the key 'a' a second time, expected only the one on line 1"),
    ("x:\n  a: 1\n  a: 3", "3:3: found the key 'a' a second time, expected only the one on line 2"),
    ("x: {a: 1, a: 3}", "1:11: found the key 'a' a second time, expected only the one on line 1"),
    ("a:\n\tb: 1", "2:1: found a tab, expected spaces"),
    ("a: [1,\n\t2]", "2:1: found a tab, expected spaces"),
    ("a: 1\nb: x\x00y", r"2:5: found the character \x00, expected printable text"),
    ("a: \x1b[31m", r"1:4: found the character \x1b, expected printable text"),
    ("a: \udc80", r"1:4: found the character \udc80, expected printable text"),
    ("a: b\u2028c", r"1:5: found the character \u2028, expected printable text"),
    ("a: b\ufeff\nb: \ufeff", r"1:5: found the character \ufeff (2 times, here first), expected printable text"),
    ('a: "\\ud800"', r"1:4: found the escape \ud800, expected the whole character"),
    ('a: "\\UFFFFFFFF"', r"1:7: found a code beyond \U0010ffff, expected"),
    ('a: "\\q"', r"1:6: found the escape \q, expected one of YAML's"),
    ("", "1:1: found nothing, expected 'key: value' lines"),
    ("# only\n# comments\n", "3:1: found nothing, expected 'key: value' lines"),
    ("---\n", "2:1: found nothing, expected 'key: value' lines"),
    ("relu", "1:1: found the single value 'relu', expected 'key: value' lines"),
    ("seed:1", "1:1: found the single value 'seed:1', expected 'key: value' lines"),
    ("- a\n- b", "1:1: found a list, expected 'key: value' lines"),
    ("a: 1\n---\nb: 2", "2:1: found a second document, expected a single one"),
    ("a: 1\nb: &x [1]\nc: *x", "2:4: found the anchor '&x', expected a value"),
    ("a: *x", "1:4: found the alias '*x', expected a value"),
    ("a: {<<: {b: 1}}", "1:5: found the merge key <<, expected the keys themselves"),
    ("*x : 1", "1:1: found an alias as a key, expected a name"),
    ("a: !!python/object/apply:os.system [x]", "1:4: found the tag '!!python/object/apply:os.system', expected"),
    ("a: !!str 3", "1:4: found the tag '!!str', expected a plain value"),
    ("a: !foo x", "1:4: found the tag '!foo', expected a plain value"),
    ("a: ! x", "1:4: found the tag '!', expected a plain value"),
    ("!foo a: x", "1:1: found the tag '!foo', expected a plain value"),
    ("a: {{ name }}", "1:5: found a mapping as a key, expected a name"),
    ("? [a]\n: 1", "1:3: found a list as a key, expected a name"),
    ("a: {b:1}", "1:5: found 'b:1' as a key, expected a space after its ':'"),
    ("a: b\n  c", "1:4: found unquoted text over several lines, expected one line or quotes around it"),
    ("a: 1\nb: c: d", "2:5: found a ':' too many, expected one key to a line"),
    ("a: 1\nb\nc: 3", "2:1: found a line without ':', expected 'key: value'"),
    ("a: - b", "1:4: found '-' on the line of a key, expected"),
    ("a: 'b\nc: d\n", "1:4: found a quote that is never closed, expected its partner"),
    ("a: [1\n", "2:1: found the end of the text, expected ',' or ']' (of the bracket that opens on line 1)"),
    ("a: 'b' c", "1:8: found more text out of place, expected the next key or item"),
    ("a:\n    b: 1\n   c: 2", "3:4: found an indentation that fits no line above, expected"),
    ("a: `b`", "1:4: found '`' where a value starts, expected quotes around it"),
    ("a: ]", "1:4: found ']', expected a value"),
    ("%YAML " + "1" * 5000 + ".1\n---\na: 1", "1:7: found a code beyond"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED, ids=lambda text: repr(text[:20]))
def test_refused_texts_name_the_place_and_the_reason(text, expected):
    (fault,) = faults_of(text)
    assert fault.startswith(f"f.yaml:{expected}")
    assert fault.isprintable()


def test_all_faults_come_in_one_pass_in_the_order_of_the_text():
    faults = faults_of("a: 0x1\nb: [1, 017, .nan]\na: 2\nc: !x 3\n7: 1e400\nd: [\n")
    places = [fault.split(": ")[0] for fault in faults]
    lines = [(1, 4), (2, 8), (2, 13), (3, 1), (4, 4), (5, 1), (5, 4), (7, 1)]
    assert places == [f"f.yaml:{line}:{column}" for line, column in lines]


def test_faults_beyond_a_screenful_are_counted():
    faults = faults_of("".join(f"k{i}: 0x1\n" for i in range(1000)))
    assert len(faults) == MOST_FAULTS + 1
    assert faults[-1] == f"f.yaml: {1000 - MOST_FAULTS} more faults are not shown"


def test_an_alias_bomb_is_refused_at_its_first_anchor():
    bomb = "a: &a [x, x]\n" + "".join(f"k{i}: &k{i} [*a, *a, *a, *a]\n" for i in range(100))
    assert faults_of(bomb) == ["f.yaml:1:4: found the anchor '&a', expected a value; quote it if text is meant"]


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 2000, "a: " + "{b: " * 2000, "a:\n  " + "- " * 2000, "a: " + "[" * 2000 + "]" * 2000],
    ids=["open lists", "open mappings", "block lists", "closed lists"],
)
def test_two_thousand_levels_are_refused(text):
    (fault,) = faults_of(text)
    assert f"nested deeper than {MOST_DEPTH} levels" in fault


def test_some_levels_are_fine():
    text = "a: " + "[" * (MOST_DEPTH - 1) + "1" + "]" * (MOST_DEPTH - 1)
    assert read_text(write(read_text(text, "f").values), "f").values == read_text(text, "f").values


# --- Files -----------------------------------------------------------------------------------------------------------


def file_fault(path):
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"a: 1\nb: caf\xe9\n", (2, 7), "found the byte 0xe9 at offset 11, expected UTF-8 text"),
        ("a: 1\n".encode("utf-16"), (1, 1), "at offset 0, expected UTF-8 text (it looks like UTF-16)"),
        ("a: 1\n".encode("utf-16-le"), (1, 2), r"found the character \x00 (5 times, here first)"),
        (b"a: \xed\xa0\x80", (1, 4), "found the byte 0xed at offset 3, expected UTF-8 text"),
        ("é: 1\nü: ".encode() + b"\xff", (2, 4), "found the byte 0xff at offset 10"),
        (b"", (1, 1), "found nothing"),
    ],
)
def test_bytes_that_are_no_text_are_named(tmp_path, data, place, message):
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    fault = file_fault(path)
    assert (fault.file, fault.line, fault.column) == (str(path), *place)
    assert message in fault.message


def test_a_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    assert f"found more than {MOST_BYTES:,} bytes" in str(file_fault(path))
    with pytest.raises(ConfigError, match="found more than"):
        read_text("#" * (MOST_BYTES + 1), "f")


def test_an_experiment_whose_complete_file_could_not_be_read_again_is_refused(monkeypatch):
    monkeypatch.setattr("nnlab.config.experiment.MOST_BYTES_OF_TEXT", MOST_BYTES // 20)
    text = "name: many\ntask: binary\ndata: {source: xor}\nnetwork: {layers: [LAYERS]}\ntraining: {steps: 1}\n"
    fits = validate(read_text(text.replace("LAYERS", ", ".join(["1"] * 2_000)), "f"))
    assert len(to_yaml(fits).encode()) < MOST_BYTES // 20
    with pytest.raises(ConfigError, match="when all its keys are written out"):
        validate(read_text(text.replace("LAYERS", ", ".join(["1"] * 4_000)), "f"))


@pytest.mark.parametrize(("name", "shown"), [("rain.csv", "rain.csv"), ("a b.xlsx", "'a b.xlsx'"), ("x.txt", "x.txt")])
def test_for_a_table_the_command_is_named_that_makes_an_experiment(name, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "nnlab init" not in str(file_fault(name))  # there is no such file
    (tmp_path / name).write_bytes(b"PK\x03\x04\xff" if name.endswith("xlsx") else b"wind,rain\n1.5,2\n")
    assert str(file_fault(name)).endswith(f"; is it a table? first: nnlab init {shown}")
    (tmp_path / name).write_text("name: rain\n", encoding="utf-8")
    assert read_file(name).values == {"name": "rain"}


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert str(file_fault("")) == "found an empty path, expected an experiment file"
    assert "found a directory" in str(file_fault(tmp_path))
    assert "found a named pipe" in str(file_fault(tmp_path / "pipe"))
    assert "found a link that leads to no file" in str(file_fault(tmp_path / "link"))
    assert "found a link that leads to no file" in str(file_fault(tmp_path / "loop"))
    assert "found a device" in str(file_fault("/dev/zero"))
    for missing in (tmp_path / "missing.yaml", tmp_path / "pipe" / "x", "a\0b", "x" * 300):
        assert "found no file of this name" in str(file_fault(missing))


@pytest.mark.parametrize("where", ["builtins.open", "os.stat"])
def test_no_permission_is_a_fault_of_the_storage(tmp_path, monkeypatch, where):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "f.yaml"
    path.write_text("a: 1")
    with monkeypatch.context() as patch:
        patch.setattr(where, refuse)
        with pytest.raises(StorageError, match=r"cannot read .*: Permission denied"):
            read_file(path)


# --- Overrides -------------------------------------------------------------------------------------------------------

BASE = "optimizer: adam\nnetwork:\n  layers: [64, prelu]\ntraining: {epochs: 5, early_stopping:}\n"


@pytest.mark.parametrize(
    ("text", "path", "value", "column"),
    [
        ("seed=7", ("seed",), 7, 6),
        ("optimizer={name: sgd, learning_rate: 1e-3}", ("optimizer",), {"name": "sgd", "learning_rate": 0.001}, 11),
        ("optimizer.learning_rate=0.1", ("optimizer",), {"name": "adam", "learning_rate": 0.1}, None),
        ("network.layers=[64, 32]", ("network", "layers"), [64, 32], 16),
        ("network.layers.0=32", ("network", "layers", 0), 32, 18),
        ("network.layers.1.alpha=0.1", ("network", "layers", 1), {"name": "prelu", "alpha": 0.1}, None),
        ("training.early_stopping.patience=5", ("training", "early_stopping"), {"patience": 5}, 10),
        ("data.scale.name=minmax", ("data",), {"scale": {"name": "minmax"}}, 1),
        ("gates=[a==b]", ("gates", 0), "a==b", 8),
        ("name=''", ("name",), "", 6),
        ("training= null", ("training",), None, 11),
        ("data.decimal=,", ("data",), {"decimal": ","}, 1),
        ("name=,", ("name",), ",", 6),
        ("name=;", ("name",), ";", 6),
        ("name=|", ("name",), "|", 6),
        ("name=.", ("name",), ".", 6),
        ("name= ", ("name",), " ", 6),
        ("name='", ("name",), "'", 6),
        ("name=?", ("name",), "?", 6),
        ("name=\t", ("name",), "\t", 6),
        ("name=\\t", ("name",), "\t", 6),
        ('name=","', ("name",), ",", 6),
    ],
)
def test_overrides_put_a_value_into_the_document(text, path, value, column):
    document = read_text(BASE, "f.yaml")
    changed = override(document, text)
    found = changed.values
    for step in path:
        found = found[step]
    assert found == value
    if column:
        assert changed.position(path) == (f"--set {text.split('=')[0]}=…", 1, column)
    assert document.values == read_text(BASE, "f.yaml").values


def test_positions_after_an_override_are_those_of_what_stands_there():
    document = override(read_text(BASE, "f.yaml"), "optimizer.learning_rate=0.1")
    file = "--set optimizer.learning_rate=…"
    assert document.position(("optimizer", "learning_rate")) == (file, 1, 25)
    assert document.position(("optimizer", "learning_rate"), of_key=True) == (file, 1, 11)
    assert document.position(("optimizer", "name")) == ("f.yaml", 1, 12)
    assert document.position(("optimizer",)) == ("f.yaml", 1, 12)
    replaced = override(document, "optimizer=[sgd]")
    assert replaced.position(("optimizer", "learning_rate")) == ("--set optimizer=…", 1, 11)
    assert replaced.position(("optimizer", 0)) == ("--set optimizer=…", 1, 12)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("seed", "--set seed: found no '=', expected KEY=VALUE"),
        ("seed=", "--set seed=…:1:6: found nothing, expected a value"),
        ("seed= # 3", "--set seed=…:1:10: found nothing, expected a value"),
        ("=3", "--set =…:1:1: found the key '', expected names joined by dots"),
        ("a..b=3", "--set a..b=…:1:1: found the key 'a..b', expected names joined by dots"),
        ("seed =3", "--set seed =…:1:1: found the key 'seed ', expected names joined by dots"),
        ("seed=NULL", "--set seed=…:1:6: found NULL, expected null in lower case"),
        ("seed=[1,\n 017]", "--set seed=…:2:2: found 017, expected a number without leading zeros"),
        ("seed=\x1b", r"--set seed=…:1:6: found the character \x1b, expected printable text"),
        ("seed=&a 1", "--set seed=…:1:6: found the anchor '&a', expected a value"),
        ("seed=[1", "--set seed=…:1:8: found the end of the text, expected ',' or ']'"),
        ("training.epochs.x=1", "--set training.epochs.x=…:1:10: found 5 at 'training.epochs', expected a mapping"),
        ("network.layers.0.x=1", "--set network.layers.0.x=…:1:16: found 64 at 'network.layers.0', expected"),
        ("network.layers.x=1", "--set network.layers.x=…:1:16: found 'x', expected an index from 0 to 1"),
        ("network.layers.2=1", "--set network.layers.2=…:1:16: found '2', expected an index from 0 to 1"),
        ("network.layers.-1=1", "--set network.layers.-1=…:1:16: found '-1', expected an index from 0 to 1"),
        ("a" + ".a" * 5000 + "=1", "--set a.a."),
    ],
)
def test_overrides_that_cannot_be_put_in(text, fault):
    with pytest.raises(ConfigError) as caught:
        override(read_text(BASE, "f.yaml"), text)
    assert str(caught.value).startswith(fault)
    assert len(str(caught.value)) < 250


def test_a_setting_of_an_option_has_the_option_as_its_place():
    document = override_all(read_text(BASE, "f.yaml"), [Setting("training.epochs", None, "--steps")])
    assert document.values["training"]["epochs"] is None
    assert document.position(("training", "epochs")) == ("--steps", None, None)
    with pytest.raises(ConfigError) as caught:
        override_all(document, [Setting("network.layers.9", 1, "--layers"), "c=017"])
    assert [str(fault) for fault in caught.value.faults] == [
        "--layers: found '9', expected an index from 0 to 1",
        *(str(fault) for fault in caught.value.faults if fault.file == "--set c=…"),
    ]
    assert len(caught.value.faults) == 2


def test_faults_of_all_overrides_come_together_and_the_last_of_two_wins():
    document = read_text(BASE, "f.yaml")
    assert override_all(document, ["seed=1", "seed=2"]).values["seed"] == 2
    with pytest.raises(ConfigError) as caught:
        override_all(document, ["a=0x1", "seed=1", "b", "c=017"])
    assert [fault.file for fault in caught.value.faults] == ["--set a=…", "--set b", "--set c=…"]


# --- Writing ---------------------------------------------------------------------------------------------------------

TRICKY = [
    *("yes", "No", "y", "null", "Null", "~", "true", "True", "on", "None", ".nan", "nan", "inf", "-.inf"),
    *("017", "0x1F", "1_000", "1,000", "1:30", "1e3", "1e-3", "1.5", ".5", "5.", "-0", "+1", "2026-11-21"),
    *("<<", "=", "-", "---", "...", "?", ":", "#", "!", "&", "*", "@", "`", "%", "|", ">", "[a]", "{a}", ","),
    *("a:b", ":a", "a#b", "'a'", '"a"', "\\", "", " ", "a ", " a", "a: b", "a #b", "- a", "? a", "!a", "&a", "*a"),
    *("\n", "a\nb", "\r", "\t", "a\t", "\x00", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\uffff", "😀"),
]

texts = st.sampled_from(TRICKY) | st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
plain_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
)


@given(st.dictionaries(texts, plain_values, max_size=5))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back_by_every_reader(values):
    text = write(values)
    # repr tells -0.0 from 0.0, 1 from 1.0 and True, and shows the order of the keys
    assert repr(read_text(text, "f").values) == repr(values)
    assert repr(yaml.safe_load(text)) == repr(values)
    if yaml.__with_libyaml__:
        assert repr(yaml.load(text, Loader=yaml.CSafeLoader)) == repr(values)


@pytest.mark.parametrize("text", TRICKY)
def test_tricky_text_survives_as_key_item_and_value(text):
    values = {text: text, "items": [text, {text: [text]}]}
    assert read_text(write(values), "f").values == values
    assert yaml.safe_load(write(values)) == values


def test_what_is_written_is_pleasant_to_read():
    values = {
        "name": "xor-tanh",
        "network": {"layers": (64, 32), "init": None, "extra": {}},
        "compare": [{"name": "prelu", "alpha": 0.25}, [1.0, 1e-9, 1e16]],
        "gates": ["test/accuracy >= 0.95", "a: b", "yes"],
        "long": ["x" * 60, "y" * 60],
    }
    assert write(values) == (
        "name: xor-tanh\n"
        "network:\n"
        "  layers: [64, 32]\n"
        "  init: null\n"
        "  extra: {}\n"
        "compare:\n"
        "  - name: prelu\n"
        "    alpha: 0.25\n"
        "  - [1.0, 1.0e-09, 1.0e+16]\n"
        'gates: [test/accuracy >= 0.95, "a: b", "yes"]\n'
        "long:\n"
        f"  - {'x' * 60}\n"
        f"  - {'y' * 60}\n"
    )


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 10**100, "\ud800"])
def test_what_could_not_be_read_back_is_not_written(value):
    with pytest.raises(ValueError):
        write({"a": [value]})


def test_only_plain_values_are_written():
    with pytest.raises(TypeError, match="no plain value"):
        write({"a": object()})


# --- Anything at all -------------------------------------------------------------------------------------------------

fragments = st.sampled_from(
    [*"abn01 \n\t-[]{},:'\"#&*!|>%@`?~<.=\\\r\x00", "\n  ", ": ", "- ", "é", "\ud800", "yes", "1e9"]
)


@st.composite
def mutated_examples(draw):
    """The example with a few stretches of it replaced."""
    text = EXAMPLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 5))
        text = text[:start] + draw(fragments) + text[start + length :]
    return text


def read_or_faults(read, *arguments):
    """The values that `read` gives, or else its faults."""
    try:
        return read(*arguments).values, []
    except ConfigError as error:
        return None, error.faults


@given(mutated_examples() | st.text(max_size=60) | st.lists(fragments, max_size=30).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_with_places(text):
    values, faults = read_or_faults(read_text, text, "f")
    for fault in faults:
        assert fault.line is not None
        assert fault.message.startswith("found ")
        assert ", expected " in fault.message
        assert fault.message.isprintable()
    if not faults:
        assert repr(read_text(write(values), "f").values) == repr(values)


@given(st.lists(fragments | st.sampled_from(["seed", "network", ".layers", ".0", "="]), max_size=12).map("".join))
@settings(max_examples=150, deadline=None)
def test_any_override_is_put_in_or_refused(text):
    values, faults = read_or_faults(override, read_text(BASE, "f"), text)
    assert faults or "network" in values
    assert all(str(fault).isprintable() for fault in faults)


@given(data=st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    values, faults = read_or_faults(read_file, path)
    assert faults or isinstance(values, dict)
    assert all(fault.file == str(path) for fault in faults)


def test_reading_a_config_loads_no_numpy():
    code = "import sys, nnlab.config.overrides; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_setting_that_would_replace_one_before_it_is_refused_and_the_other_order_holds():
    document, words = read_text(BASE, "f.yaml"), ["optimizer.learning_rate=5", "optimizer=sgd"]
    with pytest.raises(ConfigError) as caught:
        override_all(document, words)
    assert str(caught.value) == (
        "--set optimizer: it would replace optimizer.learning_rate, which was set before; expected optimizer first"
    )
    assert override_all(document, words[::-1]).values["optimizer"] == {"name": "sgd", "learning_rate": 5}
