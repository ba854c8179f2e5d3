"""Runs as files for other programs: what is written, what it takes, what is refused."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from support import nnlab, nnlab_here, parse_json, read_rows, table, write

from nnlab import api
from nnlab.errors import ConfigError, OutputError
from nnlab.exports.onnx.activations import ELEMENTWISE

KINDS = ("oak", "ash", "elm", "fir", "yew")

TREES = """\
name: trees
task: multiclass
seed: 2
data: {source: trees.csv, target: age, test: 0.2, blanks: mean, max_categories: 4, scale: standard, ignore: [cost]}
network: {layers: [6], activation: gelu}
optimizer: {name: adam, learning_rate: 0.02}
training: {steps: 20, batch_size: all}
"""
COSTS = """\
name: costs
task: regression
seed: 2
data:
  source: trees.csv
  target: cost
  ignore: [size, age]
  test: 0.2
  scale: standard
  scale_targets: true
  unseen: error
network: {layers: [6, {layer_norm: true}], activation: {formula: x * sigmoid(1.5 * x)}}
optimizer: {name: adam, learning_rate: 0.02}
training: {steps: 20, batch_size: all}
"""
MOONS = """\
name: moons
task: binary
data: {source: moons}
network: {layers: [2]}
training: {steps: 3, batch_size: all}
"""
PLUGIN = """\
from nnlab.maths.activations import Activation

ACTIVATIONS = [Activation.from_functions("cube", lambda z: z**3, lambda z: 3 * z**2)]
"""
NEW = """\
size,kind,seen,year
1.5,oak,2024-03-05,2002
,ash,2024-03-06,2003
2.5,larch,2024-02-07,2001
2,,2024-02-08,2001
"""


def row(i):
    """Kinds that are rarer and rarer, sizes with blanks, days of a spring, years that are far from 0."""
    kind = KINDS[0 if i % 2 else 1 if i % 3 else 2 if i % 5 else 3 + i % 4 // 2]
    size = "" if i % 17 == 3 else f"{1 + i * 7 % 23 / 10}"
    age = ("young", "old", "very old")[(i % 7 + i % 3) % 3]
    return f"{size},{kind},2024-0{1 + i % 4}-{10 + i % 15},{2000 + i % 4},{1e6 + 1000 * (i % 7):.0f},{age}"


def made(folder, text, name, **about):
    write(folder, table("size,kind,seen,year,cost,age", row, 90), "trees.csv")
    file = api.resolve(write(folder, text, f"{name}.yaml"), **about)
    with pytest.MonkeyPatch.context() as patch:  # pictures take most of the time
        patch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
        return api.train(file, runs_dir=folder / "runs", baselines=False).folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def trees(folder):
    return made(folder, TREES, "trees")


@pytest.fixture(scope="module")
def costs(folder):
    return made(folder, COSTS, "costs")


def session_of(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def cells(path, run, session):
    """The cells of a CSV file as an exported model takes them, which knows a date by its parts."""
    columns = {column.name: column for column in api.evaluate(str(run)).model.columns.inputs}
    rows, found = read_rows(path), {}
    for name, column in columns.items():
        texts = [row[name] for row in rows]
        if column.date:
            parts = np.array([column.date.numbers(text) for text in texts])
            found |= {one: parts[:, i] for i, one in enumerate(column.input_names)}
        elif column.categories:
            found[name] = np.array(texts, object)
        else:
            found[name] = np.array([float(text or "nan") for text in texts])
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}
    return {one.name: found[one.name].astype(types[one.type]) for one in session.get_inputs()}


def predicted(run, path):
    return api.evaluate(str(run), data=str(path)).predicted["data"].outputs


# --- ONNX -------------------------------------------------------------------------------------------------------------


def test_columns_of_a_table_give_what_nnlab_predicts(trees, tmp_path):
    """Texts that training never saw, rare ones and blanks among them."""
    found = api.export(str(trees), tmp_path / "trees.onnx", inputs="columns")
    assert (found.path, found.format, found.part, found.rows) == (tmp_path / "trees.onnx", "onnx", "test", 18)
    assert found.difference < 1e-6 < found.bound
    assert [(port.name, port.type) for port in found.inputs] == [
        ("size", "float32"),
        ("kind", "string"),
        *((f"seen/{part}", "float32") for part in ("days", "year", "month", "weekday")),
        ("year", "float64"),
    ]
    session, rows = session_of(found.path), write(tmp_path, NEW, "new.csv")
    outputs, labels = session.run(None, cells(rows, trees, session))
    expected = predicted(trees, rows)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert labels.tolist() == [classes[i] for i in expected.argmax(axis=1)]


def test_one_array_gives_the_same(trees, tmp_path):
    api.export(str(trees), tmp_path / "a.onnx")
    model, session = api.evaluate(str(trees)).model, session_of(tmp_path / "a.onnx")
    x = np.random.default_rng(1).integers(0, 2, (8, model.columns.width)).astype(float)
    x[:, model.columns.input_names.index("kind=elm") :][:, 1:] = 0  # a row has one kind at most
    x[2, 0] = np.nan
    ((given),) = session.get_inputs()
    assert (given.name, given.shape, given.type) == ("input", ["N", model.columns.width], "tensor(double)")
    np.testing.assert_allclose(session.run(["output"], {"input": x})[0], model.outputs(x), atol=1e-6)


def test_targets_have_their_own_units_and_what_nnlab_refuses_is_nan(costs, tmp_path):
    found = api.export(str(costs), tmp_path / "costs.onnx", inputs="columns")
    session = session_of(found.path)
    assert [one.name for one in session.get_outputs()] == ["output"]
    known = write(tmp_path, "kind,seen,year\noak,2024-03-05,2002\nash,2024-01-19,2000\n", "known.csv")
    (outputs,) = session.run(None, cells(known, costs, session))
    np.testing.assert_allclose(outputs, predicted(costs, known), rtol=1e-6)
    assert (outputs > 9e5).all()
    fed = cells(known, costs, session)
    (outputs,) = session.run(None, fed | {"kind": np.array(["larch", "oak"], object)})
    assert np.isnan(outputs[:, 0]).tolist() == [True, False]  # data.unseen: error
    (outputs,) = session.run(None, fed | {"year": np.array([2001, np.nan])})
    assert np.isnan(outputs[:, 0]).tolist() == [False, True]  # no blank is filled


def test_a_label_of_a_row_without_a_prediction_is_empty(tmp_path):
    api.export(str(made(tmp_path, MOONS, "moons")), tmp_path / "moons.onnx")
    x = np.array([[1, 0], [np.nan, 0], [-1, 1]], np.float32)
    outputs, labels = session_of(tmp_path / "moons.onnx").run(None, {"input": x})
    assert (outputs.shape, np.isnan(outputs[:, 0]).tolist()) == ((3, 1), [False, True, False])
    assert labels.tolist() == [str(int(outputs[0, 0] > 0.5)), "", str(int(outputs[2, 0] > 0.5))]


def test_the_file_says_what_it_is(trees, tmp_path):
    api.export(str(trees), tmp_path / "trees.onnx", inputs="columns")
    proto = onnx.load(tmp_path / "trees.onnx")
    about = {one.key: one.value for one in proto.metadata_props}
    assert (about["task"], json.loads(about["classes"])) == ("multiclass", ["old", "very old", "young"])
    assert json.loads(about["targets"]) == ["age"]
    assert (proto.ir_version, {one.domain: one.version for one in proto.opset_import}) == (8, {"": 18, "ai.onnx.ml": 3})
    assert {one.name for one in proto.graph.initializer} >= {"dense1/weights", "dense1/bias", "dense2/weights"}
    assert "days since 2024-01-" in next(one.doc_string for one in proto.graph.input if one.name == "seen/days")


def test_a_network_of_a_comparison_goes_over_like_a_run(folder, trees, tmp_path):
    file = api.resolve(folder / "trees.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
        patch.setattr("nnlab.comparison.conclusions.median_networks_of", lambda *_: {})
        done = api.compare(file, ["gelu", "tanh"], seeds=2, runs_dir=tmp_path, baselines=False).compared.folder
    found = api.export(f"{done}:gelu@seed2", tmp_path / "one.onnx")
    assert (found.arm.label, found.arm.seed) == ("gelu", 2)
    assert found.difference < 1e-6
    alone = api.export(str(trees), tmp_path / "alone.safetensors")
    api.export(f"{done}:gelu@seed2", tmp_path / "one.safetensors")
    ours, theirs = (load_file(path) for path in (tmp_path / "one.safetensors", alone.path))
    assert {name: array.tobytes() for name, array in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}


# --- tensors ----------------------------------------------------------------------------------------------------------


def test_tensors_have_nnlabs_names_and_bits(trees, tmp_path):
    found = api.export(str(trees), tmp_path / "trees.safetensors")
    with np.load(trees / "checkpoints" / "last.npz") as members:
        theta, shift = members["theta"][0], members["scaling/shift"]
    tensors = load_file(found.path)
    assert dict(found.tensors) == {name: array.shape for name, array in tensors.items()}
    order = ["dense1/weights", "dense1/bias", "dense2/weights", "dense2/bias"]
    assert np.concatenate([tensors[name].ravel() for name in order]).tobytes() == theta.tobytes()
    assert tensors["scaling/shift"].tobytes() == shift.tobytes()
    with safe_open(found.path, "numpy") as file:
        about = file.metadata()
    assert (about["layout"], about["task"]) == ("nnlab", "multiclass")
    assert "activation: gelu" in about["config"]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_model_that_gives_something_else_is_not_written(trees, tmp_path, monkeypatch):
    monkeypatch.setitem(ELEMENTWISE, "gelu", ELEMENTWISE["relu6"])
    with pytest.raises(ConfigError, match=r"found outputs that differ from nnlab's by .*; nothing was written"):
        api.export(str(trees), tmp_path / "trees.onnx")
    assert not (tmp_path / "trees.onnx").exists()


@pytest.mark.parametrize(
    ("name", "about", "expected"),
    [
        ("a.txt", {}, "expected a name that ends in .onnx or .safetensors"),
        ("a.onnx", {"layout": "torch"}, "--layout: found torch for an ONNX model"),
        ("a.safetensors", {"inputs": "columns"}, "--inputs: found columns for a file of tensors"),
        ("a.onnx", {"inputs": "rows"}, "--inputs: found 'rows', expected array or columns"),
    ],
)
def test_what_does_not_fit_the_file_is_refused(name, about, expected, trees, tmp_path):
    with pytest.raises(ConfigError, match=expected):
        api.export(str(trees), tmp_path / name, **about)
    assert [*tmp_path.iterdir()] == []


def test_files_that_are_read_and_code_of_others_stay_as_they_are(trees, tmp_path):
    data = trees.parents[1] / "trees.csv"
    (tmp_path / "link.onnx").symlink_to(data)
    with pytest.raises(OutputError, match="which this command reads"):
        api.export(str(trees), tmp_path / "link.onnx")
    own = write(tmp_path, "print('mine')\n", "trees.py")
    with pytest.raises(OutputError, match=r"trees.py: found another file, which is left alone"):
        api.export(str(trees), tmp_path / "trees.safetensors", layout="torch")
    assert own.read_text(encoding="utf-8") == "print('mine')\n"
    assert not (tmp_path / "trees.safetensors").exists()


@pytest.mark.parametrize("about", [{}, {"layout": "torch"}])
def test_an_activation_of_a_plugin_is_refused_by_name(about, tmp_path):
    plugin = write(tmp_path, PLUGIN, "cube.py")
    run = made(tmp_path, MOONS.replace("[2]", "[2], activation: cube"), "moons", plugins=[plugin])
    out = tmp_path / ("a.safetensors" if about else "a.onnx")
    with pytest.raises(
        ConfigError, match="cube1: found the activation cube of a plugin, whose code cannot be exported"
    ):
        api.export(str(run), out, plugins=[plugin], **about)
    assert not out.exists()


@pytest.mark.parametrize(("package", "name"), [("onnx", "a.onnx"), ("safetensors", "a.safetensors")])
def test_a_package_that_is_not_installed_is_named(package, name, trees, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ConfigError, match=rf"found no package {package}.*: pip install 'nnlab\[export\]'"):
        api.export(str(trees), tmp_path / name)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_the_difference_and_the_path(trees, tmp_path):
    result = nnlab_here("export", trees, "-o", tmp_path / "a.onnx", "--inputs", "columns", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'a.onnx'}\n")
    assert "largest difference from nnlab's outputs: " in result.stderr
    assert "kind (string)" in result.stderr


def test_json_is_one_document(trees, tmp_path):
    result = nnlab_here("export", trees, "-o", tmp_path / "a.safetensors", "--layout", "torch", "--json", cwd=tmp_path)
    document = parse_json(result.stdout)
    assert (document["path"], document["code"]) == tuple(str(tmp_path / name) for name in ("a.safetensors", "a.py"))
    assert document["tensors"]["0.weight"] == [6, document["inputs"][0]["shape"][1]]


def test_a_pipe_gets_onnx_and_nothing_else(trees, tmp_path):
    with (tmp_path / "a.onnx").open("wb") as stream:
        done = nnlab("export", trees, "-o", "-", cwd=tmp_path, stdout=stream)
    assert done.returncode == 0, done.stderr
    onnx.checker.check_model(str(tmp_path / "a.onnx"))
