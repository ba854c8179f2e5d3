"""`--log-to`: what TensorBoard and MLflow hold of a run afterwards, read back with their own readers."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from support import HOUSES, ROOT, environment, nnlab_here, read_json, read_rows, trained, write

import nnlab
from nnlab import api
from nnlab.errors import InterruptedRunError
from nnlab.experiments.log_to import log_to
from nnlab.loggers.logged import flattened
from nnlab.loggers.table import loggers_for
from nnlab.storage.folder import RunFolder

BOTH = ("--log-to", "tensorboard", "--log-to", "mlflow")
IRIS = str(ROOT / "configs" / "iris.yaml")
CURVED = f"{HOUSES}network: {{layers: [2], activation: tanh}}\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The client of an MLflow store in a folder, to which this process is set. MLflow takes seconds to load."""
    place = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", place.as_uri())
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
            patch.delenv(name, raising=False)
        mlflow = pytest.importorskip("mlflow")
        yield mlflow.MlflowClient()


@pytest.fixture
def without_pictures(monkeypatch):
    """Pictures take most of the time of a small training."""
    monkeypatch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)


def events(folder):
    """What TensorBoard reads in a folder."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    everything = dict.fromkeys((module.SCALARS, module.TENSORS, module.IMAGES), 0)
    return module.EventAccumulator(str(folder), size_guidance=everything).Reload()


def texts(found, tag):
    return found.Tensors(tag)[0].tensor_proto.string_val[0].decode()


def runs_of(client, experiment):
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id])


def measured(folder, figure):
    """Step and value of a column of metrics.csv."""
    return [(int(row["step"]), float(row[figure])) for row in read_rows(folder / "metrics.csv") if row[figure]]


def in_float32(points):
    return [(step, float(np.float32(value))) for step, value in points]


def figures_of(folder):
    return list(read_rows(folder / "metrics.csv")[0])[2:]


# --- a training -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def iris(store, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("iris"), IRIS, "--steps", "60", *BOTH)


def test_tensorboard_has_figures_configuration_and_pictures(iris):
    found, summary = events(iris / "tensorboard"), read_json(iris / "summary.json")
    for figure in figures_of(iris):
        assert [(one.step, one.value) for one in found.Scalars(figure)] == in_float32(measured(iris, figure))
    (final,) = found.Scalars("final/test/accuracy")
    assert (final.step, final.value) == (60, float(np.float32(summary["final"]["test/accuracy"])))
    pictures = {path.stem: path.read_bytes() for path in (iris / "plots").iterdir()}
    images = {tag.removeprefix("plots/"): found.Images(tag)[0] for tag in found.Tags()["images"]}
    assert {name: image.encoded_image_string for name, image in images.items()} == pictures
    assert images["cost"].width > images["cost"].height > 0
    assert "optimizer.name: adam" in texts(found, "config")
    assert summary["sentences"][0] in texts(found, "conclusions")
    about = texts(found, "about")
    assert all(part in about for part in ("status: completed", str(iris), nnlab.__version__))


def test_tensorboard_has_the_hyperparameters(iris):
    metadata = pytest.importorskip("tensorboard.plugins.hparams.metadata")
    found = events(iris / "tensorboard")
    content = found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    begun = metadata.parse_session_start_info_plugin_data(content)
    assert begun.hparams["optimizer.name"].string_value == "adam"
    assert begun.hparams["training.steps"].number_value == 60
    content = found.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(content).status == 1  # success


def test_mlflow_has_figures_configuration_and_pictures(iris, store, tmp_path):
    (run,) = runs_of(store, "iris")
    summary = read_json(iris / "summary.json")
    for figure in figures_of(iris):
        history = store.get_metric_history(run.info.run_id, figure)
        assert [(one.step, one.value) for one in history] == measured(iris, figure)
    assert run.data.metrics["final/test/accuracy"] == summary["final"]["test/accuracy"]
    assert (run.info.run_name, run.info.status) == (iris.name, "FINISHED")
    assert (run.data.params["optimizer.name"], run.data.params["training.shuffle"]) == ("adam", "true")
    assert run.data.tags["nnlab.status"] == "completed"
    assert run.data.tags["nnlab.folder"] == str(iris)
    assert run.data.tags["nnlab.version"] == nnlab.__version__
    assert summary["sentences"][0] in run.data.tags["mlflow.note.content"]
    kept = Path(store.download_artifacts(run.info.run_id, "", str(tmp_path)))
    files = [iris / "config.yaml", *(iris / "plots").iterdir()]
    assert {path: path.read_bytes() for path in kept.rglob("*.*")} == {
        kept / path.relative_to(iris): path.read_bytes() for path in files
    }


@pytest.fixture(scope="module")
def longer(store, tmp_path_factory):
    """A logged training that was made longer."""
    folder = tmp_path_factory.mktemp("longer")
    run = trained(folder, write(folder, HOUSES), "--name", "longer", *BOTH)
    (run / "tensorboard" / "note.txt").write_text("mine")
    assert [one.step for one in events(run / "tensorboard").Scalars("train/loss")] == [*range(11)]
    trained(folder, "--resume", str(run), "--steps", "20", *BOTH)
    return run


def test_a_resumed_run_does_not_double_its_curves(longer, store):
    found, expected = events(longer / "tensorboard"), measured(longer, "train/loss")
    assert [step for step, _ in expected] == [*range(21)]
    assert [(one.step, one.value) for one in found.Scalars("train/loss")] == in_float32(expected)
    assert [one.step for one in found.Scalars("final/train/loss")] == [20]
    (logged,) = runs_of(store, "longer")
    history = store.get_metric_history(logged.info.run_id, "train/loss")
    assert [(one.step, one.value) for one in history] == expected
    assert logged.info.run_id == read_json(longer / "mlflow.json")["runs"][""]
    assert (logged.data.params["training.steps"], logged.data.tags["changed.training.steps"]) == ("10", "20")


def test_event_files_are_replaced_and_the_files_of_others_stay(longer):
    names = sorted(path.name for path in (longer / "tensorboard").iterdir())
    assert (len(names), names[1]) == (2, "note.txt")


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_is_logged_as_it_is(tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    result = nnlab_here("train", "--resume", str(run), "--log-to", "tensorboard", cwd=tmp_path)
    assert (result.exit_code, "nothing to do" in result.stderr) == (0, True)
    found = events(run / "tensorboard").Scalars("train/loss")
    assert [(one.step, one.value) for one in found] == in_float32(measured(run, "train/loss"))
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_mlflow_has_lost_is_logged_anew(store, tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES), "--name", "lost", "--log-to", "mlflow")
    before = read_json(run / "mlflow.json")["runs"][""]
    store.delete_run(before)
    trained(tmp_path, "--resume", str(run), "--log-to", "mlflow")
    (logged,) = runs_of(store, "lost")
    assert logged.info.run_id == read_json(run / "mlflow.json")["runs"][""] != before


# --- comparisons and sweeps -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    words = ["compare-activations", write(folder, CURVED), "--name", "arms", "-a", "relu", "-a", "x * sigmoid(x)"]
    result = nnlab_here(*words, "--seeds", "3", "--no-baselines", *BOTH, "--quiet", cwd=folder)
    assert result.exit_code == 0, result.stderr
    return folder / result.stdout.strip()


def medians(folder, arm, figure):
    """The median over the seeds at each step, by metrics.csv."""
    rows = [row for row in read_rows(folder / "metrics.csv") if row["activation"] == arm and row[figure]]
    steps = dict.fromkeys(int(row["step"]) for row in rows)
    return [(step, np.median([float(row[figure]) for row in rows if int(row["step"]) == step])) for step in steps]


def test_an_arm_is_a_run_of_tensorboard_with_the_medians_over_its_seeds(compared):
    summary = read_json(compared / "summary.json")
    assert sorted(path.name for path in (compared / "tensorboard").iterdir() if path.is_dir()) == ["f1", "relu"]
    for arm in ("relu", "f1"):
        found = events(compared / "tensorboard" / arm)
        curve = found.Scalars("median_over_seeds/train/loss")
        assert [(one.step, one.value) for one in curve] == in_float32(medians(compared, arm, "train/loss"))
        for statistic in ("mean", "median"):
            (final,) = found.Scalars(f"final_{statistic}/train/loss")
            assert final.value == np.float32(summary["arms"][arm]["final"]["train/loss"][statistic])
    whole = events(compared / "tensorboard")
    assert summary["verdict"]["sentences"][0] in texts(whole, "conclusions")
    assert texts(whole, "table.md") == (compared / "table.md").read_text(encoding="utf-8")
    assert {f"plots/{path.stem}" for path in (compared / "plots").iterdir()} == set(whole.Tags()["images"])
    assert whole.Tags()["scalars"] == []


def test_an_arm_is_a_nested_run_of_mlflow(compared, store):
    runs = {run.info.run_name: run for run in runs_of(store, "arms")}
    parent = runs[compared.name]
    assert runs.keys() == {compared.name, "relu", "x * sigmoid(x)"}
    for name, arm in (("relu", "relu"), ("x * sigmoid(x)", "f1")):
        assert runs[name].data.tags["mlflow.parentRunId"] == parent.info.run_id
        history = store.get_metric_history(runs[name].info.run_id, "median_over_seeds/train/loss")
        assert [(one.step, one.value) for one in history] == medians(compared, arm, "train/loss")
        assert runs[name].data.metrics["number_of_seeds/seeds"] == 3
    assert runs["x * sigmoid(x)"].data.params["network.activation.formula"] == "x * sigmoid(x)"
    assert read_json(compared / "summary.json")["verdict"]["sentences"][0] in parent.data.tags["mlflow.note.content"]
    artifacts = {one.path for one in store.list_artifacts(parent.info.run_id)}
    assert artifacts >= {"config.yaml", "plots", "table.md", "arms.csv", "results.csv"}


@pytest.mark.usefixtures("without_pictures")
def test_a_point_of_a_sweep_is_a_run_of_its_own(tmp_path):
    swept = nnlab.sweep(
        write(tmp_path, HOUSES),
        grid="optimizer.learning_rate=0.1,0.5",
        seeds=2,
        log_to="tensorboard",
        runs_dir=tmp_path / "runs",
    )
    points = sorted((swept.path / "tensorboard").glob("*/"))
    rates = [texts(events(path), "config").partition("optimizer.learning_rate: ")[2][:3] for path in points]
    assert rates == ["0.1", "0.5"]


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_missing_package_is_said_before_anything_is_trained(tmp_path, name):
    words = ["nnlab", "train", IRIS, "--log-to", name]
    code = f"import sys; sys.modules[{name!r}] = None; sys.argv = {words}; from nnlab.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    (line,) = done.stderr.splitlines()[-1:]
    assert (done.returncode, line) == (
        2,
        f"--log-to {name}: found no package {name}, expected an installation of it: pip install 'nnlab[{name}]'",
    )
    assert [*tmp_path.iterdir()] == []


def test_an_unknown_logger_is_refused(tmp_path):
    result = nnlab_here("train", IRIS, "--log-to", "mflow", cwd=tmp_path)
    expected = "--log-to: found 'mflow', expected tensorboard or mlflow; did you mean 'mlflow'?"
    assert (result.exit_code, expected in result.stderr, [*tmp_path.iterdir()]) == (2, True, [])


def test_a_place_where_mlflow_keeps_no_runs_is_refused_before_anything_is_trained(store, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://me:secret@host")
    result = nnlab_here("train", IRIS, "--log-to", "mlflow", cwd=tmp_path)
    assert (result.exit_code, [*tmp_path.iterdir()]) == (2, [])
    assert "found nowhere://host, where MLflow cannot keep runs" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.usefixtures("without_pictures")
def test_a_server_that_does_not_answer_is_a_warning(store, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = nnlab_here("train", write(tmp_path, HOUSES), "--log-to", "mlflow", "--json", cwd=tmp_path)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "completed"
    ended = nnlab.load("latest", runs_dir=tmp_path / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        again = nnlab.train(resume=ended.path, log_to="mlflow", runs_dir=tmp_path / "runs")
    (warning,) = [text for text in again.warnings if text.startswith("--log-to mlflow: ")]
    assert "127.0.0.1:9" in warning
    assert warning.endswith(f"to log it again: nnlab train --resume {ended.path} --log-to mlflow")
    assert "secret" not in warning


def broken():
    raise RuntimeError("broken in the middle")


class BreakingOff(api.Nobody):
    """A watcher that breaks a training off at step 8."""

    def __init__(self, how):
        self.how = how

    def progress(self, _what):
        return nullcontext(lambda progress: self.how() if progress.step == 8 else None)


ENDS = {"failed": broken, "interrupted": lambda: os.kill(os.getpid(), signal.SIGTERM)}


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("status", ENDS)
def test_a_training_that_is_broken_off_is_logged_as_far_as_it_came(tmp_path, status):
    watcher = BreakingOff(ENDS[status])
    with pytest.raises((RuntimeError, InterruptedRunError)):
        api.train(api.resolve(IRIS), log_to=["tensorboard"], runs_dir=tmp_path, watcher=watcher)
    found = events((tmp_path / "latest").resolve() / "tensorboard")
    assert f"status: {status}" in texts(found, "about")
    assert [one.step for one in found.Scalars("train/loss")] == [0, 8]


class Hanging:
    """A logger that prints and then waits for ever."""

    name = "hanging"

    def write(self, _folder, _run):
        sys.stdout.write("at http://localhost/1\n")
        time.sleep(60)


def test_a_logger_is_broken_off_when_time_is_short_and_prints_to_stderr(tmp_path, capsys):
    begun = time.monotonic()
    (warning,) = log_to([Hanging()], RunFolder(tmp_path), lambda: None, lambda: 0.1, "again: --log-to")
    assert warning == "--log-to hanging: broken off; the run itself is unharmed; again: --log-to hanging"
    assert time.monotonic() - begun < 30
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "at http://localhost/1\n")


@pytest.mark.usefixtures("without_pictures")
def test_nothing_is_written_through_links_in_the_run_folder(tmp_path):
    run, elsewhere = trained(tmp_path, write(tmp_path, HOUSES)), tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, expected in (("tensorboard", "a folder"), ("mlflow.json", "a file")):
        (run / name).symlink_to(elsewhere)
        result = nnlab_here("train", "--resume", str(run), "--log-to", "tensorboard", cwd=tmp_path)
        assert (result.exit_code, [*elsewhere.iterdir()]) == (2, [])
        assert f"{name}: found a link, expected {expected}" in result.stderr
        (run / name).unlink()


def test_telemetry_is_off_unless_a_user_has_set_it(store, monkeypatch):
    for before, after in (("false", "false"), (None, "true")):
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", before or "")
        if before is None:
            monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
        loggers_for(["mlflow"])
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == after


def test_a_configuration_is_flattened_to_plain_values_by_dotted_key():
    nested = {"a": {"b": 1, "c": {"d": [1, {"e": 2}], "f": None}}, "g": "text", "h": True, "i": {}}
    flat = {"a.b": 1, "a.c.d": '[1, {"e": 2}]', "a.c.f": "null", "g": "text", "h": True, "i": "{}"}
    assert dict(flattened(nested)) == flat
