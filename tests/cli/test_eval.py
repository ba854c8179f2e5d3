"""`nnlab eval`: a finished run on its own parts and on files it never saw, held against scikit-learn."""

from __future__ import annotations

import csv
import itertools
import json
import re
import signal
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics
from support import HOUSES, LONG, begun, nnlab, nnlab_here, parse_json, read_json, read_rows, trained, write

from nnlab.data.catalogue import load_new
from nnlab.data.dataset import RowFacts
from nnlab.data.scaling import Scaling
from nnlab.experiments.evaluate import evaluate, open_run
from nnlab.experiments.predictions import Predicted, write_predictions
from nnlab.maths.activations import ACTIVATIONS
from nnlab.setup.rows import prepare_rows
from nnlab.setup.rows import read_rows as read_data
from nnlab.storage.folder import RunFolder
from nnlab.storage.outputs import NamedOutput

pytestmark = pytest.mark.usefixtures("quick_pictures")

ROWS = 90
RANDOM = np.random.default_rng(7)
WIDTH, HEIGHT = RANDOM.normal(5, 2, ROWS), RANDOM.normal(-1, 0.5, ROWS)
COLOUR = RANDOM.choice(["blue", "red"], ROWS)
NOISE = RANDOM.normal(0, 0.7, ROWS)
SUM = (WIDTH - 5) / 2 + 2 * (HEIGHT + 1) + (COLOUR == "red") + NOISE

# The targets of each task, column by column, as they stand in the file.
TARGETS = {
    "binary": {"kind": np.where(SUM > 0.5, "yes", "no")},
    "multiclass": {"kind": np.array(["a", "b", "c d"])[np.digitize(SUM, [-0.3, 1.2])]},
    "multilabel": {"large": (SUM > 0).astype(int), "dark": (COLOUR == "blue").astype(int)},
    "regression": {"price": SUM * 100 + 30, "age": WIDTH - HEIGHT},
}
INPUTS = {"width": WIDTH, "height": HEIGHT, "colour": COLOUR}

CONFIG = """\
name: {task}
task: {task}
seed: 2
precision: float64
data:
  source: rows.csv
  target: [{targets}]
  scale: standard
  scale_targets: {scaled}
  test: 0.25
  validation: 0.2
network:
  layers: [5]
  activation: tanh
optimizer: {{name: adam, learning_rate: 0.05}}
training:
  steps: 40
  batch_size: 16
  log_every: 10
"""


def table(columns):
    """A CSV file's text; numbers as they read back to the same bits."""
    names = list(columns)
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    return "\n".join([",".join(names), *(",".join(str(cell) for cell in row) for row in rows)]) + "\n"


class Trained:
    def __init__(self, folder, task):
        self.folder, self.task, self.targets = folder, task, TARGETS[task]
        self.data = write(folder, table(INPUTS | self.targets), "rows.csv")
        text = CONFIG.format(task=task, targets=", ".join(self.targets), scaled=str(task == "regression").lower())
        self.run = trained(folder, write(folder, text))
        self.summary = read_json(self.run / "summary.json")

    def evaluate(self, *words):
        """The document that `eval --json` prints."""
        result = nnlab_here("eval", self.run, *words, "--json", cwd=self.folder)
        assert result.exit_code == 0, result.stderr
        return parse_json(result.stdout)

    def refused(self, *words, code=2):
        """What stderr says where `eval` refuses."""
        result = nnlab_here("eval", self.run, *words, cwd=self.folder)
        assert (result.exit_code, result.stdout) == (code, "")
        return result.stderr


@pytest.fixture(scope="module", params=TARGETS)
def each(request, tmp_path_factory):
    """A run of each task."""
    return Trained(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def multiclass(tmp_path_factory):
    return Trained(tmp_path_factory.mktemp("multiclass"), "multiclass")


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    return Trained(tmp_path_factory.mktemp("regression"), "regression")


# --- its own parts ---------------------------------------------------------------------------------------------------


def test_by_default_the_figures_are_the_very_ones_that_train_printed(each):
    found = each.evaluate()
    assert found["figures"] == each.summary["final"]
    assert (found["checkpoint"], found["step"]) == ("last", 40)


def test_the_best_weights_give_the_figures_of_the_best_step(each):
    found, best = each.evaluate("--checkpoint", "best"), each.summary["best"]
    assert found["checkpoint"] == "best"
    assert found["step"] == best["step"]
    assert found["figures"]["val/loss"] == pytest.approx(best["val/loss"], rel=1e-12)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_one_part_gives_the_figures_of_that_part_alone(split, multiclass):
    alone, all_parts = multiclass.evaluate("--split", split), multiclass.evaluate()
    figures = {name: value for name, value in all_parts["figures"].items() if name.startswith(f"{split}/")}
    assert alone["figures"] == figures
    assert alone["rows"] == read_json(multiclass.run / "run.json")["data"]["rows"][split]


def test_an_early_stopped_run_gives_by_default_the_figures_that_train_printed(tmp_path):
    write(tmp_path, table(INPUTS | TARGETS["binary"]), "rows.csv")
    text = CONFIG.format(task="binary", targets="kind", scaled="false")
    run = trained(tmp_path, write(tmp_path, text), "--set", "training.early_stopping.patience=1")
    found = parse_json(nnlab_here("eval", "latest", "--json", cwd=tmp_path).stdout)
    assert found["checkpoint"] == "best"
    assert found["figures"] == read_json(run / "summary.json")["final"]


def test_the_document_has_the_keys_it_promises(multiclass):
    keys = ["run", "status", "checkpoint", "step", "rows", "figures", "baselines", "sentences", "gates", "warnings"]
    assert list(multiclass.evaluate()) == keys


def test_a_run_that_diverged_is_said_to_have(tmp_path):
    assert nnlab_here("train", write(tmp_path, HOUSES), "--set", RUNAWAY, cwd=tmp_path).exit_code == 4
    result = nnlab_here("eval", "latest", "--json", cwd=tmp_path)
    assert result.exit_code == 0
    assert parse_json(result.stdout)["status"] == "diverged"
    assert result.stderr.startswith("warning: the run diverged: ")


RUNAWAY = "optimizer={name: sgd, learning_rate: 1e30}"


# Whether the training had ended, by the status in run.json.
UNENDED = {"running": True, "interrupted": True, "killed": True, "failed": True, "completed": False, "stopped": False}


@pytest.mark.parametrize(("status", "warns"), UNENDED.items(), ids=UNENDED)
def test_a_run_whose_training_had_not_ended_is_said_to_be_such(status, warns, tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES))
    about = read_json(run / "run.json")
    del about["sha256"]
    write(run, json.dumps(about | {"status": status}), "run.json")
    result = nnlab_here("eval", "latest", "--quiet", cwd=tmp_path)
    said = "killed" if status == "running" else status  # no process holds its lock
    sentence = f"the training had not ended: status {said}, weights of step 10 of 10; nnlab train --resume goes on"
    assert result.exit_code == 0
    assert (sentence in result.stderr) is warns


def test_a_training_that_was_interrupted_is_said_to_have_been(tmp_path):
    process = begun(tmp_path, write(tmp_path, HOUSES), *LONG)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    result = nnlab("eval", "latest", "--json", cwd=tmp_path)
    (sentence,) = parse_json(result.stdout)["warnings"]
    assert result.returncode == 0
    assert sentence.startswith("the training had not ended: status interrupted, weights of step ")
    assert sentence.endswith(" of 100,000,000; nnlab train --resume goes on with it")
    assert f"warning: {sentence}" in result.stderr


def test_without_json_stdout_is_the_path_and_the_figures_are_a_table(multiclass):
    result = nnlab("eval", multiclass.run, cwd=multiclass.folder)
    assert (result.returncode, result.stdout) == (0, f"{multiclass.run}\n")
    assert "balanced_accuracy" in result.stderr
    assert "\x1b" not in result.stderr


def test_quiet_prints_the_path_alone(multiclass):
    result = nnlab_here("eval", multiclass.run, "--quiet", cwd=multiclass.folder)
    assert (result.stdout, result.stderr) == (f"{multiclass.run}\n", "")


def test_a_part_that_the_run_does_not_have_is_refused_with_those_it_has(tmp_path):
    write(tmp_path, table(INPUTS | TARGETS["binary"]), "rows.csv")
    text = CONFIG.format(task="binary", targets="kind", scaled="false").replace("  test: 0.25\n", "")
    trained(tmp_path, write(tmp_path, text))
    result = nnlab_here("eval", "latest", "--split", "test", cwd=tmp_path)
    assert result.exit_code == 2
    assert "no test part, expected one of train, val" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "tset"), "test"),
        (("--checkpoint", "first"), "best"),
        (("--split", "test", "--data", "rows.csv"), "--split and --data"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
        (("--data", ""), "found no file ''"),
        (("--threads", "0"), "at least 1"),
    ],
)
def test_words_that_mean_nothing_are_refused(words, message, multiclass):
    assert message in multiclass.refused(*words)


# --- rows that were trained on ---------------------------------------------------------------------------------------


def test_the_figures_of_parts_that_stand_apart_flatter_nobody(multiclass):
    for words in ((), ("--split", "train")):
        assert multiclass.evaluate(*words)["warnings"] == []
        shown = nnlab_here("eval", multiclass.run, *words, cwd=multiclass.folder).stderr
        assert ("flatter" in shown, "\ntrain part, by class\n" in shown) == (False, True)


@pytest.mark.parametrize("words", [("--data", "rows.csv"), ("--data", "shuffled.csv")])
def test_of_all_rows_those_that_were_trained_on_are_counted(words, multiclass):
    order = np.random.default_rng(0).permutation(ROWS)
    shuffled = {name: values[order] for name, values in (INPUTS | multiclass.targets).items()}
    write(multiclass.folder, table(shuffled), "shuffled.csv")
    sentence = "54 of 90 rows were in the training part: their figures flatter the network"
    assert multiclass.evaluate(*words)["warnings"] == [sentence]


def test_rows_that_were_not_trained_on_are_not_warned_of(multiclass):
    assert multiclass.evaluate("--split", "test")["warnings"] == []
    _, rows = predicted(multiclass, name="parts.csv")
    held_out = [int(row["row"]) - 1 for row in rows if row["split"] != "train"]
    new = {name: values[held_out] for name, values in (INPUTS | multiclass.targets).items()}
    path = write(multiclass.folder, table(new), "held_out.csv")
    assert multiclass.evaluate("--data", path)["warnings"] == []


def test_rows_without_targets_have_no_figures_that_flatter(multiclass):
    assert multiclass.evaluate("--data", write(multiclass.folder, table(INPUTS), "inputs.csv"))["warnings"] == []


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_where_the_training_rows_are_no_longer_known_nothing_is_said_of_them(change, tmp_path):
    text = table(INPUTS | TARGETS["binary"])
    path = write(tmp_path, text, "rows.csv")
    new = write(tmp_path, "\n".join(text.splitlines()[:40]), "new.csv")
    trained(tmp_path, write(tmp_path, CONFIG.format(task="binary", targets="kind", scaled="false")))
    words = ("eval", "latest", "--data", new, "--json")
    assert "in the training part" in parse_json(nnlab_here(*words, cwd=tmp_path).stdout)["warnings"][0]
    path.unlink() if change == "gone" else write(tmp_path, text.replace("red", "green"), "rows.csv")
    result = nnlab_here(*words, cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_very_set_is_known_though_its_rows_are_often_alike(tmp_path):
    write(tmp_path, "a,b,y\n" + "0,0,0\n0,1,1\n1,0,1\n1,1,0\n" * 10, "x.csv")
    write(tmp_path, "a,b,y\n" + "0,0,0\n0,1,1\n" * 10, "new.csv")
    text = "name: q\ntask: binary\ndata: {source: x.csv, test: 0.25}\ntraining: {steps: 3}\n"
    trained(tmp_path, write(tmp_path, text))

    def warnings(name):
        return parse_json(nnlab_here("eval", "latest", "--data", name, "--json", cwd=tmp_path).stdout)["warnings"]

    assert warnings("x.csv") == ["30 of 40 rows were in the training part: their figures flatter the network"]
    assert warnings("new.csv") == []


# --- only the wanted part --------------------------------------------------------------------------------------------

PREPARED = {
    "standard": "scale: standard, blanks: mean",
    "minmax": "scale: minmax, blanks: median",
    "raw": "scale: none, blanks: drop",
    "range": "scale: {name: range, from: [-5, 20]}, blanks: drop",
}


@pytest.mark.parametrize("data", PREPARED.values(), ids=PREPARED)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_part_alone_has_the_bits_of_the_part_that_training_prepared(task, precision, data, tmp_path):
    holes = WIDTH.astype(str)
    holes[::9] = ""
    write(tmp_path, table(INPUTS | {"width": holes} | TARGETS[task]), "rows.csv")
    scaled = ", scale_targets: true" if task == "regression" else ""
    names = ", ".join(TARGETS[task])
    text = (
        f"name: p\ntask: {task}\nprecision: {precision}\nnetwork: {{layers: [4]}}\ntraining: {{steps: 5}}\n"
        f"data: {{source: rows.csv, target: [{names}], test: 0.25, validation: 0.2, {data}{scaled}}}\n"
    )
    run = RunFolder(trained(tmp_path, write(tmp_path, text)))
    opened = open_run(run, None, ACTIVATIONS)
    seed = opened.experiment.seed
    prepared = prepare_rows(opened.experiment, read_data(opened.experiment, None, run.path), [seed]).of(0)
    for split in ("train", "val", "test"):
        part = getattr(prepared, split)
        found = evaluate(run, activations=ACTIVATIONS, split=split)
        expected = opened.model.outputs_of_scaled(part.x)
        assert found.predicted[split].outputs.tobytes() == expected.tobytes()
        assert found.figures[split] == opened.model.report(part.x, part.y, truth=part.truth)


def test_nothing_but_the_rows_of_the_wanted_part_is_scaled_and_nothing_is_fitted(multiclass, monkeypatch):
    scaled, fitted, apply, fit = [], [], Scaling.apply, Scaling.fit

    def counted(self, x, dtype=np.float64, rows=None):
        scaled.append(len(x) if rows is None else len(rows))
        return apply(self, x, dtype, rows)

    def named(x, name="standard", *args, **more):
        fitted.append(name)
        return fit(x, name, *args, **more)

    monkeypatch.setattr(Scaling, "apply", counted)
    monkeypatch.setattr(Scaling, "fit", named)
    found = multiclass.evaluate("--split", "test")
    assert set(scaled) == {found["rows"]}
    assert set(fitted) <= {"none"}


# --- which run -------------------------------------------------------------------------------------------------------


def test_a_run_is_named_by_latest_a_path_or_a_unique_beginning(multiclass):
    name = multiclass.run.name
    for word in ("latest", name, name[:12], "multi", f"runs/{name}", str(multiclass.run), "runs/latest"):
        result = nnlab_here("eval", word, "--json", cwd=multiclass.folder)
        assert result.exit_code == 0, word
        assert parse_json(result.stdout)["run"].endswith(name)


def test_a_word_that_means_several_runs_is_refused(tmp_path):
    for name in ("20261121-100000_a", "20261121-100001_b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        write(tmp_path / "runs" / name, "name: a\n", "config.yaml")
    result = nnlab_here("eval", "2026", cwd=tmp_path)
    assert result.exit_code == 2
    expected = "means 2 runs (20261121-100000_a, 20261121-100001_b), expected one of these names, or '2026@latest' for"
    assert expected in result.stderr


def test_of_many_runs_that_a_word_means_the_five_newest_are_named(tmp_path):
    for number in range(7):
        (tmp_path / "runs" / f"20261121-10000{number}_a").mkdir(parents=True)
        write(tmp_path / "runs" / f"20261121-10000{number}_a", "name: a\n", "config.yaml")
    result = nnlab_here("eval", "a", cwd=tmp_path)
    newest = ", ".join(f"20261121-10000{number}_a" for number in (2, 3, 4, 5, 6))
    assert f"means 7 runs ({newest} and 2 older), expected one of these names" in result.stderr


@pytest.mark.parametrize(
    ("command", "name", "setting", "arms"),
    [
        (("compare-activations", "-a", "tanh"), "comparison", "network.activation=NAME", "tanh"),
        (
            ("sweep", "--grid", "training.steps=1,2", "--metric", "train/loss"),
            *("sweep", "KEY=VALUE", "steps=1 or steps=2"),
        ),
    ],
)
def test_the_folder_of_many_networks_is_refused_with_the_way_to_one(command, name, setting, arms, tmp_path):
    write(tmp_path, HOUSES + "network: {layers: [2]}\n")
    made = nnlab_here(command[0], "experiment.yaml", *command[1:], "--seeds", "2", "--quiet", cwd=tmp_path)
    folder = made.stdout.strip()
    for other in ("eval", "gradcheck", "verify"):
        result = nnlab_here(other, folder, cwd=tmp_path)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            f"{folder}: found a {name} of many networks, expected a run of one; its figures are in summary.json, "
            f"results.csv and report.html; to look at one of them: nnlab eval '{folder}:ARM', where ARM is {arms}; "
            f"to train one of them alone: nnlab train {folder}/config.yaml --set {setting}\n"
        )


@pytest.mark.parametrize("word", ["latest", "nothing", "a\nb", ""])
def test_a_run_that_is_not_there_is_refused_in_one_line(word, tmp_path):
    result = nnlab_here("eval", word, cwd=tmp_path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_checkpoint_is_corrupt_is_refused(multiclass, tmp_path):
    write(tmp_path, (multiclass.run / "config.yaml").read_text(encoding="utf-8"), "config.yaml")
    (tmp_path / "checkpoints").mkdir()
    whole = (multiclass.run / "checkpoints" / "best.npz").read_bytes()
    (tmp_path / "checkpoints" / "best.npz").write_bytes(whole[: len(whole) // 2])
    result = nnlab_here("eval", tmp_path, "--checkpoint", "best", cwd=tmp_path)
    assert result.exit_code == 2
    assert "best.npz: the checkpoint is corrupt" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_checkpoint_of_another_network_is_refused(multiclass, regression, tmp_path):
    write(tmp_path, (multiclass.run / "config.yaml").read_text(encoding="utf-8"), "config.yaml")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.npz").write_bytes((regression.run / "checkpoints" / "last.npz").read_bytes())
    result = nnlab_here("eval", tmp_path, "--data", multiclass.data, cwd=tmp_path)
    assert result.exit_code == 2


def test_a_checkpoint_of_a_wider_network_is_refused(multiclass, tmp_path):
    text = (multiclass.run / "config.yaml").read_text(encoding="utf-8")
    write(tmp_path, text.replace("dense: 5", "dense: 6"), "config.yaml")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.npz").write_bytes((multiclass.run / "checkpoints" / "last.npz").read_bytes())
    result = nnlab_here("eval", tmp_path, cwd=tmp_path)
    assert result.exit_code == 2


@pytest.mark.parametrize("change", ["a value", "a row more", "the order"])
def test_data_that_changed_since_the_run_are_refused(change, tmp_path):
    columns = INPUTS | TARGETS["binary"]
    path = write(tmp_path, table(columns), "rows.csv")
    trained(tmp_path, write(tmp_path, CONFIG.format(task="binary", targets="kind", scaled="false")))
    lines = path.read_text(encoding="utf-8").splitlines()
    if change == "a value":
        lines[1] = "0.25" + lines[1][lines[1].index(",") :]
    elif change == "a row more":
        lines.append(lines[-1])
    else:
        lines[1], lines[2] = lines[2], lines[1]
    write(tmp_path, "\n".join(lines), "rows.csv")
    result = nnlab_here("eval", "latest", cwd=tmp_path)
    assert result.exit_code == 2
    assert "the data have changed since the run" in result.stderr


def test_gradients_at_a_runs_weights_are_not_checked_on_other_rows(tmp_path):
    path = write(tmp_path, table(INPUTS | TARGETS["binary"]), "rows.csv")
    trained(tmp_path, write(tmp_path, CONFIG.format(task="binary", targets="kind", scaled="false")))
    assert nnlab_here("gradcheck", "latest", cwd=tmp_path).exit_code == 0
    lines = path.read_text(encoding="utf-8").splitlines()
    write(tmp_path, "\n".join([*lines, lines[-1]]), "rows.csv")
    result = nnlab_here("gradcheck", "latest", cwd=tmp_path)
    assert result.exit_code == 2
    assert "the data have changed since the run" in result.stderr


OVERWRITES = re.compile(r"\S+: found \S+, which this command reads, expected another file to write to\n")


@pytest.mark.parametrize("option", ["--predictions", "--junit"])
@pytest.mark.parametrize("victim", ["rows.csv", "new.csv", "link.csv", "runs/latest/config.yaml", "plugin.py"])
def test_an_evaluation_overwrites_nothing_that_it_reads(option, victim, tmp_path):
    rows = table(INPUTS | TARGETS["binary"])
    for name in ("rows.csv", "new.csv"):
        write(tmp_path, rows, name)
    (tmp_path / "link.csv").symlink_to("rows.csv")
    write(tmp_path, "ACTIVATIONS = []\n", "plugin.py")
    trained(tmp_path, write(tmp_path, CONFIG.format(task="binary", targets="kind", scaled="false")))
    before = (tmp_path / victim).read_bytes()
    words = ("eval", "latest", "--data", "new.csv", "--plugin", "plugin.py")
    assert nnlab_here(*words, option, "other.csv", cwd=tmp_path).exit_code == 0
    result = nnlab_here(*words, option, victim, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(
        f"{victim}: found .*, which this command reads, expected another file to write to\n", result.stderr
    )
    assert (tmp_path / victim).read_bytes() == before


@pytest.mark.parametrize("command", ["train", "compare-activations", "sweep"])
@pytest.mark.parametrize("victim", ["rows.csv", "experiment.yaml"])
def test_the_report_on_gates_overwrites_nothing_that_is_read(command, victim, tmp_path):
    write(tmp_path, table(INPUTS | TARGETS["binary"]), "rows.csv")
    config = write(tmp_path, CONFIG.format(task="binary", targets="kind", scaled="false"), "experiment.yaml")
    before = (tmp_path / victim).read_bytes()
    words = ("--grid", "optimizer.learning_rate=0.1,0.2") if command == "sweep" else ()
    result = nnlab_here(command, config, *words, "--junit", victim, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(
        f"{victim}: found .*, which this command reads, expected another file to write to\n", result.stderr
    )
    assert (tmp_path / victim).read_bytes() == before
    assert not (tmp_path / "runs").exists()


def test_data_written_otherwise_with_the_same_values_are_the_same(tmp_path):
    path = write(tmp_path, table(INPUTS | TARGETS["binary"]), "rows.csv")
    trained(tmp_path, write(tmp_path, CONFIG.format(task="binary", targets="kind", scaled="false")))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert nnlab_here("eval", "latest", cwd=tmp_path).exit_code == 0


# --- a file it never saw ---------------------------------------------------------------------------------------------


def predicted(each, *words, name="predictions.csv"):
    """The figures on a file, and the rows of the predictions."""
    path = each.folder / name
    found = each.evaluate(*words, "--predictions", path)
    return found, read_rows(path)


def numbers(rows, names):
    return np.array([[float(row[name]) for name in names] for row in rows])


def of_classes(truth, decided, probabilities, classes):
    """Figures of a choice between classes as scikit-learn computes them."""
    options = {"labels": classes, "zero_division": 0}
    single = metrics.precision_recall_fscore_support(truth, decided, **options)
    mean = metrics.precision_recall_fscore_support(truth, decided, average="macro", **options)
    found = {
        "loss": metrics.log_loss(truth, probabilities, labels=classes),
        "accuracy": metrics.accuracy_score(truth, decided),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, decided),
    }
    found |= {f"macro_{name}": value for name, value in zip(("precision", "recall", "f1"), mean, strict=False)}
    for name, values in zip(("precision", "recall", "f1"), single, strict=False):
        found |= {f"{name}/{label}": value for label, value in zip(classes, values, strict=True)}
    return found


def expected_figures(each, rows):
    targets = each.targets
    if each.task == "binary":
        p = numbers(rows, ["probability/yes"])
        truth, decided = targets["kind"], [row["kind"] for row in rows]
        found = of_classes(truth, decided, np.hstack([1 - p, p]), ["no", "yes"])
        scores = numbers(rows, ["score/yes"])[:, 0]
        ranking = {"roc_auc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}
        return found | {name: score(truth == "yes", scores) for name, score in ranking.items()}
    if each.task == "multiclass":
        classes = ["a", "b", "c d"]
        probabilities = numbers(rows, [f"probability/{name}" for name in classes])
        return of_classes(targets["kind"], [row["kind"] for row in rows], probabilities, classes)
    if each.task == "multilabel":
        truth, decided = np.column_stack(list(targets.values())), numbers(rows, list(targets))
        p = numbers(rows, [f"probability/{name}" for name in targets])
        loss = sum(metrics.log_loss(truth[:, i], p[:, i]) for i in range(2))
        found = {"loss": loss, "subset_accuracy": metrics.accuracy_score(truth, decided)}
        found["hamming_loss"] = metrics.hamming_loss(truth, decided)
        for kind in ("micro", "macro"):
            values = metrics.precision_recall_fscore_support(truth, decided, average=kind, zero_division=0)
            found |= {
                f"{kind}_{name}": value for name, value in zip(("precision", "recall", "f1"), values, strict=False)
            }
        return found
    truth, values = np.column_stack(list(targets.values())), numbers(rows, list(targets))
    return {"mae": metrics.mean_absolute_error(truth, values), "r2": metrics.r2_score(truth, values)}


def test_figures_on_a_file_are_those_that_scikit_learn_computes_from_the_predictions(each):
    found, rows = predicted(each, "--data", each.data)
    expected = expected_figures(each, rows)
    assert found["rows"] == len(rows) == ROWS
    shared = {name: found["figures"][f"data/{name}"] for name in expected}
    assert shared == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_predictions_have_the_decision_and_then_what_is_behind_it_and_then_the_truth(each):
    _, rows = predicted(each, "--data", each.data)
    headers = {
        "binary": (["kind"], ["yes"]),
        "multiclass": (["kind"], ["a", "b", "c d"]),
        "multilabel": (["large", "dark"], ["large", "dark"]),
        "regression": (["price", "age"], []),
    }
    decided, behind = headers[each.task]
    numbers_behind = [f"{what}/{name}" for what in ("probability", "score") for name in behind]
    assert list(rows[0]) == ["row", "line", *decided, *numbers_behind, *(f"true/{name}" for name in each.targets)]


def test_predictions_number_the_rows_of_the_file_and_repeat_its_targets(each):
    _, rows = predicted(each, "--data", each.data)
    assert [int(row["row"]) for row in rows] == list(range(1, ROWS + 1))
    for name, values in each.targets.items():
        assert [row[f"true/{name}"] for row in rows] == [str(value) for value in values.tolist()]


def test_predictions_of_parts_number_the_rows_of_the_whole_set(each):
    _, everything = predicted(each, "--data", each.data)
    _, parts = predicted(each, name="parts.csv")
    assert sorted(int(row["row"]) for row in parts) == list(range(1, ROWS + 1))
    assert {row["split"] for row in parts} == {"train", "val", "test"}
    truth = [f"true/{name}" for name in each.targets]
    for row in parts:
        assert [row[name] for name in truth] == [everything[int(row["row"]) - 1][name] for name in truth]
    _, test = predicted(each, "--split", "test", name="test.csv")
    assert [{"split": "test"} | row for row in test] == [row for row in parts if row["split"] == "test"]


def test_the_decision_is_the_likeliest_class(multiclass):
    _, rows = predicted(multiclass, "--data", multiclass.data)
    names = ["a", "b", "c d"]
    probabilities = numbers(rows, [f"probability/{name}" for name in names])
    assert [row["kind"] for row in rows] == [names[i] for i in probabilities.argmax(axis=1)]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)


def test_columns_may_stand_in_any_order_beside_others(each):
    columns = INPUTS | each.targets
    mixed = {"note": np.array(["x"] * ROWS)} | {name: columns[name] for name in reversed(columns)}
    path = write(each.folder, table(mixed), "mixed.csv")
    plain, rows = predicted(each, "--data", each.data)
    other, same_rows = predicted(each, "--data", path, name="other.csv")
    assert other["figures"] == plain["figures"]
    assert same_rows == rows


def test_without_targets_there_are_predictions_and_no_figures(each):
    _, with_targets = predicted(each, "--data", each.data)
    path = write(each.folder, table(INPUTS), "inputs.csv")
    found, rows = predicted(each, "--data", path, name="other.csv")
    assert found["figures"] == {}
    assert rows == [{key: cell for key, cell in row.items() if not key.startswith("true/")} for row in with_targets]


def test_without_targets_and_without_predictions_the_way_to_them_is_shown(multiclass):
    path = write(multiclass.folder, table(INPUTS), "inputs.csv")
    result = nnlab_here("eval", multiclass.run, "--data", path, cwd=multiclass.folder)
    assert result.exit_code == 0
    assert "--predictions FILE.csv" in result.stderr


def changed(cells, **columns):
    """The table's text with some columns replaced; None takes one away."""
    kept = {name: values for name, values in (cells | columns).items() if values is not None}
    return table(kept)


def with_first(values, cell):
    return np.array([cell, *map(str, values[1:])])


BAD_FILES = {
    "a column missing": ({"height": None}, ["height"]),
    "text in a number": ({"height": with_first(HEIGHT, "tall")}, ["bad.csv:2:2", "height", "tall"]),
    "too large": ({"width": with_first(WIDTH, "1e400")}, ["bad.csv:2:1", "width", "1e400"]),
    "an unknown class": ({"kind": with_first(TARGETS["multiclass"]["kind"], "z")}, ["kind", "z"]),
}


@pytest.mark.parametrize(("columns", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_does_not_fit_is_refused_with_the_place(columns, words, multiclass):
    path = write(multiclass.folder, changed(INPUTS | TARGETS["multiclass"], **columns), "bad.csv")
    message = multiclass.refused("--data", path, "--predictions", multiclass.folder / "never.csv")
    assert [word for word in words if word not in message] == []
    assert not (multiclass.folder / "never.csv").exists()


# --- what stands in the predictions -----------------------------------------------------------------------------------

ABOUT = """\
name: t
task: multiclass
data: {source: d.csv, test: 0.2}
network: {layers: [3], init: recommended}
training: {steps: 3}
"""


def rows_named(target, classes, inputs=("a", "b")):
    """A table with numbers in two columns and classes in turn."""
    lines = [f"{i % 7},{i % 5},{classes[i % len(classes)]}" for i in range(30)]
    return "\n".join([f"{inputs[0]},{inputs[1]},{target}", *lines]) + "\n"


@pytest.mark.parametrize("target", ["row", "split", "true/row", "probability/c0", "score/c0"])
def test_no_two_columns_of_predictions_have_one_name(target, tmp_path):
    write(tmp_path, rows_named(target, ["c0", "c1", "c2"]), "d.csv")
    trained(tmp_path, write(tmp_path, ABOUT), "--name", "m")
    assert nnlab_here("eval", "m", "--predictions", "p.csv", "--quiet", cwd=tmp_path).exit_code == 0
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as stream:
        header = next(csv.reader(stream))
    own = ["split", "row", *(f"{what}/c{i}" for what in ("probability", "score") for i in range(3)), f"true/{target}"]
    own = [f"nnlab/{name}" if name == target else name for name in own]
    assert [name for name in header if name not in (target, "line")] == own
    assert header.count(target) == 1


def test_predictions_beside_their_inputs_are_a_table_that_can_be_read(tmp_path):
    text = rows_named("kind", ["+", "007", "x y"])
    write(tmp_path, text, "d.csv")
    run = trained(tmp_path, write(tmp_path, ABOUT))
    cells = list(csv.DictReader(text.splitlines()))
    facts = RowFacts(kept={name: tuple(row[name] for row in cells) for name in ("a", "b")})
    opened = open_run(RunFolder(run), None, ACTIVATIONS)
    new = load_new(str(tmp_path / "d.csv"), opened.model.columns, task="multiclass")
    outputs = opened.model.outputs(new.x)
    part = Predicted(outputs, np.arange(1, 31), None, facts=facts)
    write_predictions(opened.model, {"data": part}, NamedOutput(tmp_path / "p.csv"))
    result = nnlab_here("eval", "latest", "--data", "p.csv", "--predictions", "q.csv", "--json", cwd=tmp_path)
    assert parse_json(result.stdout)["figures"]["data/accuracy"] == 1  # the targets of the file are the predictions
    behind = [f"probability/{name}" for name in ("+", "007", "x y")]
    first, second = (numbers(read_rows(tmp_path / name), behind) for name in ("p.csv", "q.csv"))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("columns", [{"width": with_first(WIDTH, "")}, {"colour": with_first(COLOUR, "")}])
def test_a_row_of_a_file_with_a_blank_is_the_only_one_without_a_prediction(columns, multiclass):
    path = write(multiclass.folder, changed(INPUTS, **columns), "holes.csv")
    found, rows = predicted(multiclass, "--data", path)
    (warning,) = found["warnings"]
    assert warning.startswith("1 of 90 rows has a blank (line 2): no prediction for it; fill or delete such rows")
    assert found["rows"] == ROWS - 1
    assert {name for name, cell in rows[0].items() if cell} == {"row", "line"}
    whole = write(multiclass.folder, table(INPUTS), "inputs.csv")
    assert rows[1:] == predicted(multiclass, "--data", whole)[1][1:]


def test_a_category_of_a_file_that_training_never_saw_is_marked_and_counted(multiclass):
    path = write(multiclass.folder, changed(INPUTS, colour=with_first(COLOUR, "-green")), "unseen.csv")
    found, rows = predicted(multiclass, "--data", path)
    sentence = "column 'colour': 1 of 90 rows has a value that training never saw ('-green'), read as none of those"
    assert found["warnings"][0].startswith(sentence)
    assert [row["unseen"] for row in rows] == ["colour=-green", *[""] * (ROWS - 1)]
    assert all(row["kind"] for row in rows)


@pytest.mark.parametrize("words", [("--split", "test"), ("--data", "d.csv")])
def test_a_category_that_only_the_test_part_has_is_marked_and_counted_too(words, tmp_path):
    lines = [f"{i % 7},{'pq'[i % 2]},train,{'ab'[i % 2]}" for i in range(20)]
    lines += ["1,r,test,a", "2,p,test,b", "3,s,test,a", "4,r,test,b"]
    write(tmp_path, "\n".join(["x,city,part,kind", *lines]) + "\n", "d.csv")
    text = "name: k\ntask: binary\ndata: {source: d.csv, target: kind, split: part}\ntraining: {steps: 3}\n"
    trained(tmp_path, write(tmp_path, text))
    found = parse_json(nnlab_here("eval", "latest", *words, "--predictions", "p.csv", "--json", cwd=tmp_path).stdout)
    rows = read_rows(tmp_path / "p.csv")[-4:]
    assert [row["unseen"] for row in rows] == ["city=r", "", "city=s", "city=r"]
    of = 4 if words[0] == "--split" else 24
    sentence = f"column 'city': 3 of {of} rows have a value that training never saw ('r', 's'), read as none of"
    assert any(warning.startswith(sentence) for warning in found["warnings"])


def test_columns_that_are_kept_stand_in_the_predictions(tmp_path):
    lines = [f"{i % 7},{i % 3},=id{i},{'ab'[i % 2]}" for i in range(30)]
    write(tmp_path, "\n".join(["x,z,row,kind", *lines]) + "\n", "d.csv")
    text = "name: k\ntask: binary\ndata: {source: d.csv, target: kind, keep: [row], test: 0.2}\ntraining: {steps: 3}\n"
    trained(tmp_path, write(tmp_path, text))
    for words in (("--split", "test"), ("--data", "d.csv")):
        assert nnlab_here("eval", "latest", *words, "--predictions", "p.csv", cwd=tmp_path).exit_code == 0
        rows = read_rows(tmp_path / "p.csv")
        assert list(rows[0]) == ["nnlab/row", "line", "row", "kind", "probability/b", "score/b", "true/kind"]
        assert [row["row"] for row in rows] == [f"'=id{int(row['nnlab/row']) - 1}" for row in rows]


# The reader's part in what follows is built by hand: what `eval` makes of it is tested.


@pytest.fixture
def given_rows(multiclass, monkeypatch):
    """`eval --data` gets rows as a test has them, and returns its document, stderr and predictions."""

    def evaluated(rows):
        monkeypatch.setattr("nnlab.experiments.evaluate.load_new", lambda *_, **__: rows)
        words = ("--data", "new.csv", "--predictions", "p.csv", "--json")
        result = nnlab_here("eval", multiclass.run, *words, cwd=multiclass.folder)
        assert result.exit_code == 0, result.stderr
        return parse_json(result.stdout), result.stderr, read_rows(multiclass.folder / "p.csv")

    return evaluated


def new_rows(multiclass, **more):
    """Some rows of the set, a bit beside those trained on."""
    columns = open_run(RunFolder(multiclass.run), None, ACTIVATIONS).model.columns
    rows = load_new(str(multiclass.data), columns, task="multiclass")
    x = rows.x[:8].copy()
    x[:, :2] += 1e-3
    return replace(rows, x=x, y=rows.y[:8], fingerprint="of others", **more)


def test_a_row_with_a_blank_has_no_prediction_and_the_others_have_theirs(multiclass, given_rows):
    rows = new_rows(multiclass, rows=RowFacts(lines=np.arange(8) + 2))
    plain, _, whole = given_rows(rows)
    x = rows.x.copy()
    x[2, 0], x[5, 1] = np.nan, np.nan
    found, stderr, predictions = given_rows(replace(rows, x=x))
    (warning,) = found["warnings"]
    assert warning.startswith("2 of 8 rows have a blank (lines 4, 7): no prediction for them, and figures are of the ")
    assert f"warning: {warning}" in stderr
    assert (plain["rows"], found["rows"]) == (8, 6)
    others = [0, 1, 3, 4, 6, 7]
    assert [predictions[i] for i in others] == [whole[i] for i in others]
    for i in (2, 5):
        assert {name for name, cell in predictions[i].items() if cell} == {"row", "line", "true/kind"}
    apart, _, _ = given_rows(replace(rows, x=rows.x[others], y=rows.y[others], rows=RowFacts()))
    assert found["figures"] == apart["figures"]


def test_where_every_row_has_a_blank_there_are_no_figures(multiclass, given_rows):
    rows = new_rows(multiclass)
    found, _, predictions = given_rows(replace(rows, x=np.full_like(rows.x, np.nan)))
    assert (found["rows"], found["figures"], len(predictions)) == (0, {}, 8)


def test_rows_with_unseen_categories_are_marked_and_counted(multiclass, given_rows):
    marks = ("", "colour=green", "", "colour==1+1", "colour=green", "", "", "")
    found, stderr, predictions = given_rows(new_rows(multiclass, rows=RowFacts(unseen=marks)))
    assert [row["unseen"] for row in predictions] == list(marks)
    sentence = "column 'colour': 3 of 8 rows have a value that training never saw ('green', '=1+1'), read as none of"
    assert found["warnings"][0].startswith(sentence)
    assert f"warning: {sentence}" in stderr


def test_one_row_can_be_predicted(multiclass):
    path = write(multiclass.folder, "\n".join(table(INPUTS).splitlines()[:2]), "one.csv")
    _, rows = predicted(multiclass, "--data", path)
    assert len(rows) == 1


def test_predictions_of_a_part_have_a_row_for_each_of_its_rows(multiclass):
    found, rows = predicted(multiclass, "--split", "val")
    assert found["rows"] == len(rows) == read_json(multiclass.run / "run.json")["data"]["rows"]["val"]


def test_predictions_of_all_parts_have_a_row_for_each_row(multiclass):
    found, rows = predicted(multiclass)
    assert found["rows"] == len(rows) == ROWS


@pytest.mark.parametrize("place", ["nowhere/p.csv", "."])
def test_predictions_that_cannot_be_written_are_exit_code_5(place, multiclass):
    message = multiclass.refused("--data", multiclass.data, "--predictions", place, "--quiet", code=5)
    assert "cannot write" in message


def test_names_with_commas_and_quotes_are_quoted_in_predictions(tmp_path):
    kinds = itertools.cycle(['a,"b"', "c"])
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["x", "what, kind"], *([i % 7, next(kinds)] for i in range(40))])
    text = "name: q\ntask: binary\ndata: {source: rows.csv}\ntraining: {steps: 3}\n"
    trained(tmp_path, write(tmp_path, text))
    result = nnlab_here("eval", "latest", "--data", path, "--predictions", "p.csv", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    rows = read_rows(tmp_path / "p.csv")
    assert {row["what, kind"] for row in rows} <= {'a,"b"', "c"}


def test_a_run_made_with_a_plugin_needs_it_again(tmp_path):
    write(tmp_path, PLUGIN, "own.py")
    write(tmp_path, "name: q\ntask: binary\ndata: {source: xor}\nnetwork: {layers: [2], activation: cube}\n")
    trained(tmp_path, "experiment.yaml", "--plugin", "own.py")
    assert nnlab_here("eval", "latest", "--plugin", "own.py", cwd=tmp_path).exit_code == 0
    result = nnlab_here("eval", "latest", cwd=tmp_path)
    assert result.exit_code == 2
    assert "unknown activation 'cube'" in result.stderr


@pytest.mark.parametrize("words", [(), ("--predictions", "p.csv")])
def test_of_a_run_made_with_plugins_they_are_named_where_an_activation_is_unknown(words, tmp_path):
    write(tmp_path, PLUGIN, "my own.py")
    write(tmp_path, "name: q\ntask: binary\ndata: {source: xor}\nnetwork: {layers: [2], activation: cube}\n")
    run = trained(tmp_path, "experiment.yaml", "--plugin", "my own.py")
    result = nnlab_here("eval", "latest", *words, cwd=tmp_path)
    (line,) = result.stderr.splitlines()
    assert line.endswith("; the run was trained with --plugin 'my own.py'")
    assert "FILE.py" not in line
    (run / "run.json").unlink()
    assert "--plugin FILE.py" in nnlab_here("eval", "latest", *words, cwd=tmp_path).stderr


PLUGIN = """\
from nnlab.maths.activations import Activation

ACTIVATIONS = [Activation.from_functions("cube", lambda z: z**3, lambda z: 3 * z**2, formula="z³", slope_formula="3z²")]
"""


# --- saturated outputs ------------------------------------------------------------------------------------------------

SATURATED = """\
name: saturated
task: binary
precision: PRECISION
data: {source: known.csv, target: y, scale: standard}
optimizer: {name: adam, learning_rate: 0.5}
training: {epochs: 40, batch_size: 16}
"""


def counted_up(first, count, edge):
    return table(
        {"x": np.arange(first, first + count), "y": np.where(np.arange(first, first + count) < edge, "no", "yes")}
    )


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_rows_that_saturate_are_ranked_by_their_logits(precision, tmp_path):
    """Far from the training rows every probability is 1; every row of the class has the larger logits all the same."""
    write(tmp_path, counted_up(1, 100, 51), "known.csv")
    write(tmp_path, counted_up(300, 40, 320), "new.csv")
    trained(tmp_path, write(tmp_path, SATURATED.replace("PRECISION", precision)))
    words = ("--data", "new.csv", "--predictions", "p.csv", "--json", "--gate", "data/roc_auc >= 1")
    found = nnlab_here("eval", "latest", *words, cwd=tmp_path)
    assert found.exit_code == 0, found.stderr
    figures, rows = parse_json(found.stdout)["figures"], read_rows(tmp_path / "p.csv")
    assert {row["probability/yes"] for row in rows} == {"1.0"}
    assert len({row["score/yes"] for row in rows}) == 40
    assert (figures["data/roc_auc"], figures["data/average_precision"], figures["data/accuracy"]) == (1, 1, 0.5)
