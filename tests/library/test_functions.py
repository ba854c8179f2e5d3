"""`import nnlab`: the commands as functions, with the bits and the words of the command line."""

import inspect
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import typer
import yaml
from support import ROOT

import nnlab
from nnlab.cli.app import COMMANDS
from nnlab.cli.groups import command_of
from nnlab.errors import CheckpointError, ConfigError, DataError
from nnlab.experiments.train import Progress, Whole
from nnlab.library import html, progress

pytestmark = pytest.mark.usefixtures("no_pictures")

IRIS, XOR = ROOT / "configs" / "iris.yaml", ROOT / "configs" / "xor.yaml"
VALUES = {
    "task": "binary",
    "network": {"layers": [4], "activation": "tanh"},
    "training": {"epochs": 2, "batch_size": 8},
}


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="module")
def iris(runs_dir):
    return nnlab.train(IRIS, set={"network.activation": "gelu"}, seed=3, epochs=2, runs_dir=runs_dir)


@pytest.fixture(scope="module")
def compared(runs_dir):
    return nnlab.compare_activations(XOR, ["relu", "tanh", "x * sigmoid(x)"], seeds=3, runs_dir=runs_dir)


@pytest.fixture(scope="module")
def points():
    x = np.random.default_rng(5).normal(size=(60, 2))
    return x, np.where(x[:, 0] * x[:, 1] > 0, "same", "other")


@pytest.fixture(scope="module")
def of_arrays(runs_dir, points):
    return nnlab.train({**VALUES, "data": {"test": 0.25}}, data=points, name="arrays", runs_dir=runs_dir)


# --- the package ------------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_neither_numpy_nor_matplotlib_nor_the_command_line():
    loaded = (
        "import sys, nnlab; print([name for name in ('numpy', 'matplotlib', 'typer', 'rich') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_name_of_the_package_is_there_and_says_what_it_is():
    for name in nnlab.__all__:
        found = getattr(nnlab, name)
        assert name == "__version__" or (inspect.getdoc(found) and found.__module__.startswith("nnlab."))
    assert sorted(nnlab.__all__) == dir(nnlab)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        nnlab.trian  # noqa: B018 - the access is what is tested


def test_names_stay_functions_whatever_is_imported_after_them(iris):
    assert iris.figures
    assert callable(nnlab.runs)
    assert callable(nnlab.gradcheck)


# What is for a terminal alone: how a result is shown, and exercises for a person.
_SHOWS = {"quiet", "json", "debug", "dry_run", "print_config", "self_test", "latex", "markdown", "digits"}
_SHOWS |= {"blank", "answers", "check", "tolerance", "show"}


@pytest.mark.parametrize(
    "command", ["train", "compare-activations", "benchmark", "sweep", "gradcheck", "trace", "export"]
)
def test_arguments_are_called_as_the_options_are(command):
    click_command = typer.main.get_command(_app_of(command))
    options = {
        max(parameter.opts, key=len).removeprefix("--").replace("-", "_")
        for parameter in click_command.params
        if parameter.param_type_name == "option"
    }
    arguments = set(inspect.signature(getattr(nnlab, command.replace("-", "_"))).parameters)
    assert options - _SHOWS - {"help"} == arguments - {"config", "data", "run"}


def _app_of(command):
    """The command with its single options."""
    app = typer.Typer(add_completion=False)
    app.command()(command_of(COMMANDS[command][0]))
    return app


# --- the command line and the library ---------------------------------------------------------------------------------


def test_a_run_has_the_bits_of_the_command(tmp_path, iris):
    words = ["train", str(IRIS), "--set", "network.activation=gelu", "--seed", "3", "--epochs", "2", "--json"]
    words += ["--runs-dir", str(tmp_path)]
    found = subprocess.run([sys.executable, "-m", "nnlab", *words], capture_output=True, text=True, check=False)
    printed = json.loads(found.stdout)
    assert found.returncode == 3  # for two epochs do not reach its gate, which the library leaves to its caller
    assert not iris.gates[0].met
    assert printed["final"] == iris.figures
    [folder] = (path for path in tmp_path.iterdir() if not path.is_symlink())
    assert (folder / "hashes.csv").read_bytes() == (iris.path / "hashes.csv").read_bytes()


def test_errors_have_the_words_of_the_command(tmp_path):
    with pytest.raises(ConfigError) as error:
        nnlab.train(XOR, set=["optimizer.lerning_rate=3"], runs_dir=tmp_path)
    words = ["train", str(XOR), "--set", "optimizer.lerning_rate=3", "--runs-dir", str(tmp_path)]
    found = subprocess.run([sys.executable, "-m", "nnlab", *words], capture_output=True, text=True, check=False)
    assert str(error.value) in found.stderr
    assert "did you mean 'learning_rate'?" in str(error.value)


def test_nothing_is_printed(capfd, tmp_path):
    nnlab.train(XOR, steps=3, runs_dir=tmp_path)
    nnlab.compare_activations(XOR, ["relu", "tanh"], seeds=2, set={"training.steps": 3}, runs_dir=tmp_path)
    assert capfd.readouterr() == ("", "")


# --- a training -------------------------------------------------------------------------------------------------------


def test_metrics_are_columns_of_the_whole_training(iris):
    loss = iris.metrics["train/loss"]
    assert loss.shape == iris.metrics["step"].shape
    assert loss[-1] == iris.figures["train/loss"]
    assert np.isnan(iris.metrics["batch/loss"][0])
    assert {"step", "epoch", "train/loss"} <= set(iris.metrics)
    with pytest.raises(KeyError, match="no column 'train/los'; did you mean 'train/loss'"):
        iris.metrics["train/los"]


def test_a_summary_is_what_the_command_prints(iris):
    assert iris.summary == json.loads((iris.path / "summary.json").read_text())
    assert (iris.status, iris.gates[0].met) == ("completed", iris.summary["gates"][0]["met"])


def test_a_network_predicts_what_eval_predicts(iris, tmp_path):
    model, file = iris.model("last"), ROOT / "data" / "iris.csv"
    table = np.genfromtxt(file, delimiter=",", skip_header=1, usecols=(0, 1, 2, 3))
    found = iris.evaluate(data=file, checkpoint="last")
    assert (model.predict_proba(table) == found.predicted["data"].outputs).all()
    assert (model.predict(table) == model.predict(file)).all()
    assert set(model.predict(table)) <= set(model.classes) == {"setosa", "versicolor", "virginica"}
    assert model.parameters["dense1/weights"].shape == (4, model.parameters["dense1/bias"].size)
    with pytest.raises(ValueError, match="read-only"):
        model.parameters["dense1/weights"][:] = 0


def test_a_network_by_hand_is_its_parameters(runs_dir):
    model = nnlab.train(XOR, steps=20, set={"network.activation": "tanh"}, runs_dir=runs_dir).model()
    x, tensors = np.array([[0.0, 1.0], [1.0, 1.0]]), model.parameters
    hidden = np.tanh((2 * x - 1) @ tensors["dense1/weights"] + tensors["dense1/bias"])
    z = hidden @ tensors["dense2/weights"] + tensors["dense2/bias"]
    assert model.predict_proba(x)[:, 1] == pytest.approx(1 / (1 + np.exp(-z[:, 0])), rel=1e-6)


def test_rows_of_another_width_are_refused(iris):
    with pytest.raises(DataError, match=r"X: found shape \(2, 3\), expected \(rows, 4\)"):
        iris.model().predict(np.zeros((2, 3)))


def test_a_run_is_loaded_by_its_name(iris, compared, runs_dir):
    assert nnlab.load(iris.name, runs_dir=runs_dir).figures == iris.figures
    assert nnlab.load(compared.path).ranking == compared.ranking
    with pytest.raises(CheckpointError, match=r"\.model\('f1', seed=2\)"):
        nnlab.load(f"{compared.name}:f1@seed2", runs_dir=runs_dir)
    with pytest.raises(CheckpointError, match="nothing"):
        nnlab.load("nothing", runs_dir=runs_dir)


def test_runs_are_a_table_whose_items_are_runs(iris, compared, runs_dir):
    listed = nnlab.runs(runs_dir, where="network.activation=gelu")
    assert [run.path for run in listed] == [iris.path]
    assert listed.rows[0]["run"] == iris.name
    assert {type(run) for run in nnlab.runs(runs_dir)} == {nnlab.Run, nnlab.ComparisonRun}


def test_tables_are_data_frames_where_pandas_is_there(iris, runs_dir, monkeypatch):
    frame = iris.to_frame()
    assert frame["train/loss"].iloc[-1] == iris.figures["train/loss"]
    assert list(nnlab.runs(runs_dir).to_frame()["run"]) == [run.name for run in nnlab.runs(runs_dir)]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        iris.to_frame()


# --- many networks ----------------------------------------------------------------------------------------------------


def test_a_comparison_has_arms_results_and_a_verdict(compared):
    assert set(compared.arms) == {"relu", "tanh", "f1"}
    assert compared.arms["f1"].formula == "x * sigmoid(x)"
    assert sum(compared.results["activation"] == "tanh") == len(compared.seeds) == 3
    assert set(compared.results["activation"]) == {"relu", "tanh", "f1", "baseline/majority", "baseline/linear"}
    assert compared.verdict.splitlines()[0] == compared.summary["verdict"]["sentences"][0]
    one = compared.results["train/loss"][(compared.results["activation"] == "tanh") & (compared.results["seed"] == 2)]
    network = compared.model("tanh", 2)
    truth = np.array([0, 1, 1, 0])
    probability = network.predict_proba(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))[np.arange(4), truth]
    assert -np.log(probability).mean() == pytest.approx(one[0], rel=1e-5)


def test_a_failed_arm_is_an_error(tmp_path):
    with pytest.raises(nnlab.NnlabError, match="softplus2"):
        nnlab.compare_activations(XOR, ["tanh", "softplus2"], seeds=2, runs_dir=tmp_path)


def test_a_sweep_ranks_points(runs_dir):
    found = nnlab.sweep(
        XOR, grid="optimizer.learning_rate=0.1,0.5", seeds=2, set={"training.steps": 5}, runs_dir=runs_dir
    )
    assert len(found.ranking) == 2
    assert found.ranking[0] in found.arms


def test_a_gradient_is_checked_for_values_and_for_runs(iris):
    assert nnlab.gradcheck(XOR).fault is None
    assert nnlab.gradcheck(iris, strict=True).fault is None


def test_a_step_is_worked_out_with_the_numbers_of_the_training(runs_dir):
    step = nnlab.trace(XOR, step=2, set={"precision": "float64"})
    run = nnlab.train(XOR, steps=2, set={"precision": "float64", "training.log_every": 1}, runs_dir=runs_dir)
    assert step.loss == run.metrics["batch/loss"][-1]
    assert (step["dense1/weights.new"] == run.model("last").parameters["dense1/weights"]).all()
    assert "dense1/weights" in step._repr_markdown_()


def test_a_run_is_exported_with_what_it_differs_by(iris, tmp_path):
    found = nnlab.export(iris, tmp_path / "iris.onnx")
    assert found.difference <= found.bound
    assert found.path.stat().st_size > 0
    with pytest.raises(nnlab.NnlabError, match=r"\.onnx or \.safetensors"):
        nnlab.export(iris, tmp_path / "iris.txt")


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_arrays_are_kept_in_the_run_folder(of_arrays, points):
    assert (np.load(of_arrays.path / "data.npz")["x"] == points[0]).all()
    assert yaml.safe_load((of_arrays.path / "config.yaml").read_text())["data"]["source"]["name"] == "data.npz"
    assert of_arrays.model().classes == ("other", "same")
    assert of_arrays.evaluate(split="test").figures["test"]["loss"] == of_arrays.figures["test/loss"]


def test_a_run_of_arrays_is_resumed_and_verified_also_where_it_was_moved(of_arrays, points, tmp_path):
    moved = tmp_path / "moved"
    of_arrays.path.copy(moved) if hasattr(of_arrays.path, "copy") else __import__("shutil").copytree(
        of_arrays.path, moved
    )
    assert nnlab.load(moved).verify().differs is None
    longer = nnlab.train(resume=moved, epochs=3)
    at_once = nnlab.train({**VALUES, "data": {"test": 0.25}}, data=points, name="arrays", epochs=3, runs_dir=tmp_path)
    assert longer.figures == at_once.figures


def test_a_comparison_of_arrays_reuses_what_is_trained(points, tmp_path):
    how = {"data": points, "seeds": 2, "needed": True, "runs_dir": tmp_path}
    nnlab.compare_activations(VALUES, ["tanh"], **how)
    found = nnlab.compare_activations(VALUES, ["tanh", "relu"], **how)
    assert json.loads((found.path / "run.json").read_text())["reused"] == 2
    assert set(found.model("relu").predict(points[0])) <= {"same", "other"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((np.zeros((3, 2)), np.zeros(2)), r"data: found 3 rows in x and shape \(2,\) in y"),
        ((np.full((3, 2), np.nan), np.zeros(3)), "row 1, column 1 of x, expected a finite number"),
        ((np.array([["a"], ["b"]]), np.zeros(2)), "texts in inputs are read from a file"),
        (np.zeros((3, 2)), r"expected a pair of arrays, data=\(X, y\)"),
        ((np.zeros((2, 1)), np.array([["a", "b"], ["c", "d"]])), "expected numbers, or the names of classes"),
    ],
)
def test_arrays_at_fault_are_named(data, words, tmp_path):
    with pytest.raises(DataError, match=words):
        nnlab.train(VALUES, data=data, runs_dir=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_names_of_classes_are_no_numbers_to_predict(points, tmp_path):
    values = {**VALUES, "task": "regression"}
    with pytest.raises(DataError, match="found names of classes"):
        nnlab.train(values, data=points, runs_dir=tmp_path)


def test_values_are_named_by_their_keys_in_errors(points):
    with pytest.raises(ConfigError, match=r"^network\.layers\[0\]: "):
        nnlab.train({**VALUES, "network": {"layers": [-1]}}, data=points)
    with pytest.raises(ConfigError, match="a run has data of its own"):
        nnlab.train(resume="latest", data=points)
    with pytest.raises(ConfigError, match="as well, expected one of them"):
        nnlab.train({**VALUES, "data": {"source": "xor"}}, data=points)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seeds": 0}, "seeds: found 0, expected a whole number of at least 1"),
        ({"seeds": "x"}, "seeds: found 'x', expected a whole number"),
        ({"jobs": 0}, "jobs: found 0"),
        ({"threads": 0}, "threads: found 0"),
        ({"activation": []}, "activation: found none, expected at least one"),
        ({"activation": [1]}, "activation: found 1, expected a text"),
        ({"set": {1: 2}}, "set: found 1, expected keys that are text"),
        ({"runs_dir": ""}, "runs_dir: found '', expected the path of a folder"),
    ],
)
def test_arguments_are_checked_before_anything_is_made(given, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        nnlab.compare_activations(XOR, **{"runs_dir": tmp_path, **given})
    assert not [*tmp_path.iterdir()]


def test_lengths_and_places_are_checked_too(iris):
    with pytest.raises(ConfigError, match="max_seconds: found -1, expected a number above 0"):
        nnlab.train(XOR, max_seconds=-1)
    with pytest.raises(ConfigError, match=r"found \[1\], expected the path of an experiment file"):
        nnlab.train([1])
    with pytest.raises(ConfigError, match="step: found 'a'"):
        nnlab.trace(XOR, step="a")
    with pytest.raises(ConfigError, match="epochs: found -1"):
        iris.verify(epochs=-1)


def test_numbers_of_numpy_are_numbers(tmp_path):
    how = {"seed": np.int64(3), "steps": np.int64(2), "set": {"optimizer.learning_rate": np.float32(0.5)}}
    assert nnlab.train(XOR, runs_dir=tmp_path, **how).status == "completed"


def test_a_sweep_takes_mappings(tmp_path):
    few = {"training.steps": 2}
    found = nnlab.sweep(XOR, grid={"optimizer.learning_rate": [0.1, 0.5]}, seeds=2, set=few, runs_dir=tmp_path)
    assert len(found.arms) == 2


def test_a_run_keeps_its_place_and_its_words_where_it_has_no_summary(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = nnlab.train(XOR, steps=3, runs_dir="runs")
    monkeypatch.chdir(run.path)
    assert run.figures == nnlab.load(run.path).figures
    document = json.loads((run.path / "run.json").read_text())
    (run.path / "summary.json").unlink()
    assert run.status == document["status"] == nnlab.runs(tmp_path / "runs").rows[0]["status"]
    assert [one.status for one in nnlab.runs(tmp_path / "runs")] == [run.status]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["a", "b", "c", "d"]], "X: found <U1, expected numbers"),
        ([[1.0, 2.0], [1.0]], "X: found rows of different lengths"),
        (np.zeros((2, 4, 1)), r"X: found shape \(2, 4, 1\), expected \(rows, 4\)"),
        (np.zeros((2, 4), complex), "X: found complex128, expected numbers"),
        (np.ma.masked_less(np.arange(8.0).reshape(2, 4), 2), "X: found masked cells"),
    ],
)
def test_rows_that_are_no_numbers_are_refused(rows, words, iris):
    with pytest.raises(DataError, match=words):
        iris.model().predict(rows)


def test_rows_of_objects_that_are_numbers_are_read(iris):
    assert iris.model().predict(np.array([[5, 3, 1, True]], object)).shape == (1,)


def test_a_text_that_training_never_saw_is_a_warning(tmp_path):
    rows = "".join(f"{i},{'red' if i % 3 else 'blue'},{'yes' if i % 2 else 'no'}\n" for i in range(24))
    (tmp_path / "t.csv").write_text("size,colour,answer\n" + rows)
    (tmp_path / "new.csv").write_text("size,colour\n3,violet\n")
    values = {**VALUES, "data": {"source": tmp_path / "t.csv", "target": ["answer"]}}
    model = nnlab.train(values, runs_dir=tmp_path).model()
    with pytest.warns(UserWarning, match="violet"):
        assert model.predict(tmp_path / "new.csv")[0] in {"yes", "no"}


def test_one_class_is_called_by_its_name(tmp_path):
    with pytest.raises(DataError, match=r"found 1 class \('a'\)"):
        nnlab.train(VALUES, data=(np.zeros((3, 2)), ["a"] * 3), runs_dir=tmp_path)


class Table:
    """What a DataFrame has of a table."""

    columns = ("left", "right")

    def __array__(self, dtype=None, copy=None):
        return np.arange(12.0).reshape(6, 2)

    def to_csv(self, path, index):
        assert not index
        path.write_text("left,right\n0,1\n2,3\n")


def test_columns_of_a_table_name_the_inputs_by_which_it_is_read(tmp_path):
    model = nnlab.train(VALUES, data=(Table(), [0, 1, 0, 1, 0, 1]), runs_dir=tmp_path).model()
    assert model.inputs == Table.columns
    assert (model.predict(Table()) == model.predict(np.array([[0.0, 1.0], [2.0, 3.0]]))).all()
    assert model.predict(Table()).dtype.kind == "i"


# --- activations ------------------------------------------------------------------------------------------------------


def test_an_activation_is_a_function_of_arrays():
    gelu, x = nnlab.activation("gelu"), np.linspace(-3, 3, 7).reshape(7, 1)
    erf = np.vectorize(math.erf)
    assert gelu(x) == pytest.approx(x * (1 + erf(x / np.sqrt(2))) / 2, rel=1e-14)
    assert gelu.slope(0.0) == 0.5
    assert gelu(np.float32([1, 2])).dtype == np.float32
    assert nnlab.activation("x * sigmoid(beta * x)", beta=2.0)(1.5) == pytest.approx(
        1.5 / (1 + np.exp(-3.0)), rel=1e-15
    )
    assert nnlab.activation("elu", alpha=0.5)(-1.0) == pytest.approx(0.5 * np.expm1(-1), rel=1e-15)
    assert nnlab.activation("elu:alpha=0.5")(-1.0) == nnlab.activation("elu", alpha=0.5)(-1.0)
    assert nnlab.activation("relu").kinks == (0.0,)
    assert nnlab.activation("atlu")(1.0) == nnlab.activation("calu")(1.0) == pytest.approx(0.75, rel=1e-15)
    assert nnlab.activation("tent", a=2.0).slope([-1.0, 1.0]).tolist() == [1, -1]
    assert nnlab.activation("maxout", pieces=2)(np.array([[1.0, 5.0, 2.0, 0.0]])).tolist() == [[5.0, 2.0]]


def test_an_activation_that_is_none_is_an_error():
    with pytest.raises(ConfigError, match="did you mean 'gelu'"):
        nnlab.activation("gelo")
    with pytest.raises(ConfigError, match="alhpa"):
        nnlab.activation("elu", alhpa=1.0)
    with pytest.raises(ConfigError, match="is a matrix"):
        nnlab.activation("softmax").slope([1.0, 2.0])


# --- notebooks --------------------------------------------------------------------------------------------------------


def test_results_draw_themselves(iris, runs_dir, tmp_path, with_pictures):
    run = nnlab.train(XOR, steps=3, runs_dir=tmp_path)
    compared = nnlab.compare_activations(XOR, ["relu", "tanh"], set={"training.steps": 3}, seeds=2, runs_dir=tmp_path)
    for shown in (run, compared, iris.model(), nnlab.activation("gelu"), iris.plot("cost")):
        text = shown._repr_html_()
        assert "data:image/svg+xml;base64," in text
        assert "<script" not in text
    assert "completed" in repr(iris)
    assert iris.name in nnlab.runs(runs_dir)._repr_html_()


def test_a_picture_is_as_wide_as_for_the_command(iris, tmp_path):
    widths = [iris.plot("cost", tmp_path / f"{n}.png", width=w).content for n, w in enumerate(["85mm", 8.5, "8.5cm"])]
    assert widths[0] == widths[1] == widths[2]
    for wrong in (-3, float("nan"), 0, "8.5pt"):
        with pytest.raises(ConfigError, match="width: found"):
            iris.plot("cost", width=wrong)


def test_text_in_a_notebook_is_escaped():
    assert html.table(["<a>"], [["<b>&\x1b"]]).count("<b>") == 0


def test_progress_in_a_notebook_is_one_line_replaced_at_most_twice_a_second(monkeypatch):
    put, now = [], iter(np.arange(0, 10, 0.1))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(progress.NotebookLine, "_put", lambda _line, text: put.append(text))
    with progress.NotebookWatcher().progress("xor") as show:
        for step in range(20):
            show(Progress(step, 20, 0.0, {"train/loss": 0.5}, 1.0))
    assert put == [f"xor: step {step} of 20, train/loss 0.5" for step in (0, 5, 10, 15)]
    with progress.NotebookWatcher().arms() as show_arm:
        show_arm("tanh", Progress(1, 2, 0.0, {}, 1.0, whole=Whole(2, 3, 1, 0.5, 4.0)))
    assert put[-1] == "tanh: step 1 of 2; arm 2 of 3, 50% of all"
