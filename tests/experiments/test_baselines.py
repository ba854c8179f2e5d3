"""Baselines beside a network's figures: in files, on the terminal and in gates, as a user meets them."""

import json
import re
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
from support import HOUSES, nnlab_here, parse_json, read_json, trained, write

from nnlab.comparison.baselines import _ArmsInWords, _is_behind
from nnlab.data.dataset import Columns, Dataset, InputColumn
from nnlab.data.prepare import Examples
from nnlab.experiments.baselines import Baselines, is_better
from nnlab.maths.metrics import Scored, report

pytestmark = pytest.mark.usefixtures("quick_pictures")


def table(folder, *, positive=0.21, rows=1000, says_something=True):
    """A table of two classes, of which `yes` has this share; the first column tells them apart if it says anything."""
    random = np.random.default_rng(0)
    yes = np.arange(rows) < positive * rows
    a = random.normal(size=rows) + 3 * yes * says_something
    lines = [
        f"{x:.4f},{z:.4f},{'yes' if y else 'no'}" for x, z, y in zip(a, random.normal(size=rows), yes, strict=True)
    ]
    (folder / "d.csv").write_text("\n".join(["a,b,target", *lines]) + "\n")
    return write(folder, TEXT)


TEXT = """\
name: churn
task: binary
data: {source: d.csv, target: target, test: 0.24, scale: standard}
network: {layers: [4], init: recommended}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 20, batch_size: 32}
"""
NO_TEST = ("--set", "data.test=null")
STUCK = ("--set", "optimizer={name: sgd, learning_rate: 1e-30}", "--set", "network.init=zeros")
CONSTANT = (*STUCK, "--set", "training.steps=1", "--set", "training.epochs=null")


def summary_of(folder, path, *words):
    return read_json(trained(folder, path, *words) / "summary.json")


# --- figures and sentences --------------------------------------------------------------------------------------------


def test_a_network_that_learned_is_set_beside_always_the_largest_class(tmp_path):
    found = summary_of(tmp_path, table(tmp_path))
    accuracy, majority = found["final"]["test/accuracy"], found["baselines"]["baseline/majority/test/accuracy"]
    assert majority == 190 / 240
    more, points = round(240 * (accuracy - majority)), 100 * (accuracy - majority)
    assert found["sentences"][0] == (
        f"Accuracy {100 * accuracy:.4g} %; always 'no' scores 79.17 % ({points:+.4g} points, {more} more of 240 right)."
    )
    assert found["baselines"]["baseline/majority/test/balanced_accuracy"] == 0.5


def test_every_whole_figure_but_the_loss_has_baselines_on_every_part(tmp_path):
    found = summary_of(tmp_path, table(tmp_path), "--set", "data.validation=0.2")
    names = [name for name in found["final"] if name.count("/") == 1 and not name.endswith("/loss")]
    expected = {f"baseline/{baseline}/{name}" for baseline in ("majority", "linear") for name in names}
    assert {*found["baselines"]} == {name for name in expected if name.split("/")[2] not in ("batch", "health")}


def test_the_terminal_and_the_report_show_the_columns_and_say_the_sentence(tmp_path):
    result = nnlab_here("train", table(tmp_path), cwd=tmp_path)
    assert result.exit_code == 0
    assert re.search(r"train +test +majority, test +linear, test\n", result.stderr)
    sentences = read_json(tmp_path / result.stdout.strip() / "summary.json")["sentences"]
    assert " ".join(sentences) in result.stderr
    page = (tmp_path / result.stdout.strip() / "report.html").read_text(encoding="utf-8")
    assert "majority, test" in page
    assert sentences[0].partition("'")[0] in page
    assert sentences[0] in (tmp_path / result.stdout.strip() / "train.log").read_text(encoding="utf-8")


def test_a_network_that_learned_nothing_is_told_so_with_what_may_help(tmp_path):
    path = table(tmp_path, positive=0.05, says_something=False)
    found = summary_of(tmp_path, path, *CONSTANT)
    assert found["sentences"][:3] == [
        "Accuracy 95 %; always 'no' scores 95 % (the same of 240 rows right).",
        "No better than always 'no': nothing learned.",
        "It predicts 'no' for all 240 rows; judge by balanced_accuracy, or train with class_weights: balanced.",
    ]


def test_rare_classes_that_are_found_are_no_nothing(tmp_path):
    path = table(tmp_path, positive=0.05)
    loss = "network.head={loss: {name: binary_cross_entropy, class_weights: balanced}}"
    found = summary_of(tmp_path, path, "--set", loss, "--set", "training.epochs=5")
    assert found["final"]["test/accuracy"] < 0.95
    first, second, *_ = found["sentences"]
    assert "fewer of 240 right" in first
    assert "Judge by balanced_accuracy." in found["sentences"]
    assert "class_weights" not in " ".join(found["sentences"])
    assert second.startswith("No better than always 'no' by accuracy, but balanced_accuracy is ")
    assert "nothing learned" not in " ".join(found["sentences"])


def test_a_few_rows_more_are_within_chance(tmp_path):
    baselines = Baselines.fit(*two_classes(0.5))
    y = np.repeat([[0.0], [1.0]], 50, axis=0)
    part, outputs = Examples(np.zeros((100, 1)), y, y), np.where(np.arange(100)[:, None] >= 98, 0.9, 0.1)
    scored = Scored(outputs, outputs)
    found = baselines.beside({"test": part}, {"test": report("binary", outputs, part.y)}, lambda _: scored)
    assert found.sentences == (
        "Accuracy 52 %; always 'a' scores 50 % (+2 points, 2 more of 100 right): this lead may be chance.",
    )


def test_one_row_is_named_in_the_singular():
    assert words_on_one_class(0.6, rows=1)[0].endswith(": this lead may be chance.")


def test_a_part_of_one_class_is_said_to_be_one_instead_of_what_cannot_help_there():
    found = words_on_one_class(0.1, rows=5)
    assert found[1:3] == [
        "No better than always 'a': nothing learned.",
        "It predicts 'a' for all 5 rows; no row of the test part is of 'b', so that no figure there says more.",
    ]


def words_on_one_class(share, rows):
    """The sentences on a network that is right on `rows` test rows of class a, of which a `share` are b in training."""
    baselines, y = Baselines.fit(*two_classes(share)), np.zeros((rows, 1))
    part, scored = Examples(y, y, y), Scored(y + 0.1, y + 0.1)
    reports = {"test": report("binary", scored.outputs, y)}
    return [*baselines.beside({"test": part}, reports, lambda _: scored).sentences]


def two_classes(share):
    """A data set of two classes, and its training rows."""
    y = (np.arange(100) < 100 * share).astype(float)[:, None]
    columns = Columns((InputColumn("x"),), ("y",), ("a", "b"))
    return Dataset("made", "binary", np.arange(100.0)[:, None], y, columns), np.arange(100)


def test_a_linear_model_that_is_better_is_told(tmp_path):
    found = summary_of(tmp_path, table(tmp_path), *CONSTANT)
    linear = found["baselines"]["baseline/linear/test/accuracy"]
    assert found["sentences"][-1] == f"A linear model is better: {100 * linear:.4g} %."


def test_a_regression_is_set_beside_the_mean_and_the_median(tmp_path):
    found = summary_of(
        tmp_path, write(tmp_path, HOUSES), "--set", "training.steps=3000", "--set", "optimizer.learning_rate=0.1"
    )
    assert {name.split("/")[1] for name in found["baselines"]} == {"mean", "median", "linear"}
    rmse, mean = found["final"]["train/rmse"], found["baselines"]["baseline/mean/train/rmse"]
    less = f"{100 * (1 - rmse / mean):.3g} % less"
    first = f"RMSE {rmse:.4g} on the training part; always the training mean scores {mean:.4g} ({less})."
    assert found["sentences"][0] == first
    assert found["baselines"]["baseline/mean/train/r2"] == 0


def test_a_regression_that_is_worse_than_the_mean_learned_nothing(tmp_path):
    found = summary_of(tmp_path, write(tmp_path, HOUSES), "--set", "training.steps=1")
    assert "more)." in found["sentences"][0]
    assert found["sentences"][1] == "No better than always the training mean: nothing learned."


def test_labels_are_set_beside_the_more_common_value_of_each(tmp_path):
    text = "name: t\ntask: multilabel\ndata: {source: digit-traits, test: 0.1}\nnetwork: {layers: [4]}\n"
    found = summary_of(tmp_path, write(tmp_path, text + "training: {epochs: 1}\n"))
    assert found["sentences"][0].startswith("Subset accuracy ")
    assert "always the more common value of each label scores " in found["sentences"][0]
    assert found["baselines"]["baseline/majority/test/hamming_loss"] > 0


@pytest.mark.parametrize(("extra", "where"), [((), "training"), (("--set", "data.validation=0.2"), "validation")])
def test_without_a_test_part_the_sentence_is_about_the_next_one(extra, where, tmp_path):
    found = summary_of(tmp_path, table(tmp_path), *NO_TEST, *extra)
    assert f" on the {where} part; always 'no' scores " in found["sentences"][0]


def test_a_run_that_diverged_says_nothing(tmp_path):
    words = ("--set", "optimizer={name: sgd, learning_rate: 1e30}")
    result = nnlab_here("train", write(tmp_path, HOUSES), *words, "--json", cwd=tmp_path)
    assert result.exit_code == 4
    found = parse_json(result.stdout)
    assert (found["baselines"], found["sentences"]) == ({}, [])


BALANCED = ("--set", "network.head={loss: {name: binary_cross_entropy, class_weights: balanced}}")


def test_the_linear_model_has_the_class_weights_of_the_network(tmp_path):
    path = table(tmp_path, positive=0.05)
    plain, weighted = (summary_of(tmp_path, path, *words)["baselines"] for words in ((), BALANCED))
    name = "baseline/linear/test/balanced_accuracy"
    assert weighted[name] > plain[name]
    words = ("--split", "test", "--gate", "test/accuracy >= linear - 1", "--json")
    run = trained(tmp_path, path, *BALANCED)
    again = parse_json(nnlab_here("eval", run, *words, cwd=tmp_path).stdout)["baselines"]
    assert again[name] == pytest.approx(weighted[name])


def test_class_weights_are_not_advised_where_they_are(tmp_path):
    path = table(tmp_path, positive=0.05, says_something=False)
    run = trained(tmp_path, path, *CONSTANT, *BALANCED)
    expected = "It predicts 'no' for all 240 rows; judge by balanced_accuracy."
    assert expected in read_json(run / "summary.json")["sentences"]
    result = nnlab_here("eval", run, cwd=tmp_path)
    assert expected in " ".join(result.stderr.split())
    assert "class_weights" not in result.stderr


def test_weights_of_rows_count_in_baselines_as_in_figures(tmp_path):
    rows = [f"{i % 7},{'yes' if i % 4 == 0 else 'no'},{9 if i % 4 == 0 else 1}" for i in range(80)]
    (tmp_path / "d.csv").write_text("\n".join(["a,target,w", *rows]) + "\n")
    path = write(tmp_path, TEXT.replace("test: 0.24", "weight: w, columns: {a: number}"))
    found = summary_of(tmp_path, path)
    assert found["baselines"]["baseline/majority/train/accuracy"] == pytest.approx(0.75)
    assert "always 'yes' scores 75 % (" in found["sentences"][0]
    assert "by weight" in found["sentences"][0]


@pytest.mark.parametrize(
    ("figure", "value", "baseline", "better"),
    [
        ("accuracy", 0.8, 0.79, True),
        ("accuracy", 0.8, 0.8, False),
        ("accuracy", 0.1 + 0.7, 0.8 - 1e-16, False),  # a mean of the same shares, added in another order
        ("rmse", 0.9, 1.0, True),
        ("rmse", 0.9999, 1.0, False),  # not a thousandth less
        ("rmse", 1.1, 1.0, False),
    ],
)
def test_better_is_in_the_direction_of_the_figure(figure, value, baseline, better):
    assert is_better(figure, value, baseline) == better


# --- the option -------------------------------------------------------------------------------------------------------


def test_the_linear_model_is_left_out_on_demand(tmp_path):
    found = summary_of(tmp_path, table(tmp_path), "--no-baselines")
    assert {name.split("/")[1] for name in found["baselines"]} == {"majority"}


def test_the_linear_model_is_fitted_unasked_for_tables_that_are_not_too_large(tmp_path, monkeypatch):
    path = table(tmp_path)
    monkeypatch.setattr("nnlab.experiments.baselines.MOST_ROWS", 100)
    for words, linear in (((), False), (("--baselines",), True), (("--gate", "test/accuracy >= linear - 1"), True)):
        found = summary_of(tmp_path, path, *words)
        assert any(name.startswith("baseline/linear/") for name in found["baselines"]) == linear


def test_a_gate_on_what_is_left_out_is_refused_before_training(tmp_path):
    words = ("--no-baselines", "--gate", "test/accuracy >= linear")
    result = nnlab_here("train", table(tmp_path), *words, cwd=tmp_path)
    assert result.exit_code == 2
    expected = "expected --baselines for a gate on linear"
    assert result.stderr == f"--no-baselines: found --gate test/accuracy >= linear, {expected}\n"
    assert not (tmp_path / "runs").exists()


# --- gates ------------------------------------------------------------------------------------------------------------


def test_gates_of_a_file_hold_a_run_against_baselines(tmp_path):
    path = table(tmp_path)
    gates = ("majority + 0.05", "linear - 0.2", "majority + 0.9")
    path.write_text(f"{path.read_text()}gates: {json.dumps([f'test/accuracy > {bound}' for bound in gates])}\n")
    result = nnlab_here("train", path, "--junit", "gates.xml", cwd=tmp_path)
    assert result.exit_code == 3
    assert "gate not met: test/accuracy > majority + 0.9 (found 0." in result.stderr
    assert (tmp_path / "gates.xml").read_text().count("<failure") == 1
    run = tmp_path / result.stdout.strip()
    held = read_json(run / "summary.json")["gates"]
    assert [gate["met"] for gate in held] == [True, True, False]
    assert held[0]["bound"] == pytest.approx(190 / 240 + 0.05)
    again = nnlab_here("train", "--resume", run, cwd=tmp_path)  # a finished run's gates are held once more
    assert again.exit_code == 3


def test_a_baseline_of_another_task_is_refused_with_those_that_there_are(tmp_path):
    result = nnlab_here("train", table(tmp_path), "--gate", "test/accuracy >= mean", cwd=tmp_path)
    assert result.exit_code == 2
    assert "which is no baseline of test/accuracy; expected majority or linear" in result.stderr


def test_a_gate_on_a_part_that_is_not_there_is_one_fault(tmp_path):
    result = nnlab_here("train", table(tmp_path), *NO_TEST, "--gate", "test/accuracy >= majority", cwd=tmp_path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "there is no test part" in result.stderr


def test_eval_sets_the_baselines_of_its_parts_beside_and_holds_gates(tmp_path):
    run = trained(tmp_path, table(tmp_path))
    summary = read_json(run / "summary.json")
    words = ("--gate", "test/accuracy >= majority + 0.05", "--gate", "test/accuracy >= linear - 0.2", "--json")
    result = nnlab_here("eval", run.name, *words, cwd=tmp_path)
    assert result.exit_code == 0
    found = parse_json(result.stdout)
    assert found["baselines"] == pytest.approx(summary["baselines"])
    assert found["sentences"] == summary["sentences"]
    assert [gate["met"] for gate in found["gates"]] == [True, True]


def test_eval_of_one_part_has_the_figures_of_the_same_baselines(tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES), "--set", "data.test=4", "--set", "data.scale_targets=true")
    found = parse_json(nnlab_here("eval", run, "--split", "test", "--json", cwd=tmp_path).stdout)
    summary = read_json(run / "summary.json")["baselines"]
    own = {name: value for name, value in summary.items() if "/test/" in name and "/linear/" not in name}
    assert found["baselines"] == pytest.approx(own)


def test_eval_of_new_rows_holds_gates_against_baselines_of_the_training_rows(tmp_path):
    run = trained(tmp_path, table(tmp_path))
    (tmp_path / "new.csv").write_text("a,b,target\n0,0,no\n3,0,yes\n3,1,yes\n4,0,yes\n")
    gates = ("--gate", "data/accuracy >= majority + 0.5", "--gate", "data/accuracy >= linear")
    result = nnlab_here("eval", run.name, "--data", "new.csv", *gates, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    found = parse_json(result.stdout)
    assert found["baselines"]["baseline/majority/data/accuracy"] == 0.25  # always 'no', though most new rows are 'yes'
    (tmp_path / "d.csv").write_text("a,b,target\n0,0,no\n3,0,yes\n")
    result = nnlab_here("eval", run.name, "--data", "new.csv", *gates, cwd=tmp_path)
    changed, *differences = result.stderr.splitlines()
    assert result.exit_code == 2
    assert "the data have changed since the run" in changed
    assert differences


# --- comparisons ------------------------------------------------------------------------------------------------------


def compared(folder, path, *words, code=0):
    result = nnlab_here(
        "compare-activations", path, "-a", "tanh", "-a", "relu", "--seeds", 3, *words, "--json", cwd=folder
    )
    assert result.exit_code == code, result.stderr
    return parse_json(result.stdout)


def test_a_comparison_has_the_baselines_of_each_seed(tmp_path):
    found = compared(tmp_path, table(tmp_path), "--gate", "relu.test/accuracy.low >= majority + 0.05")
    majority = found["baselines"]["baseline/majority/test/accuracy"]
    assert majority["values"] == [190 / 240] * 3
    assert None not in found["baselines"]["baseline/linear/train/accuracy"]["values"]
    (gate,) = found["gates"]
    assert (gate["met"], gate["bound"]) == (True, pytest.approx(190 / 240 + 0.05))
    run = tmp_path / found["run"]
    assert "baseline/majority" in (run / "table.md").read_text()
    assert "baseline/majority" in (run / "report.html").read_text()
    rows = [line.split(",") for line in (run / "results.csv").read_text().splitlines()]
    place = rows[0].index("test/accuracy")
    own = [float(row[place]) for row in rows if row[0] == "baseline/majority"]
    assert own == majority["values"]


def test_arms_of_which_none_beats_the_largest_class_are_told_so_first(tmp_path):
    found = compared(tmp_path, table(tmp_path, positive=0.05, says_something=False), *CONSTANT)
    sentences = found["verdict"]["sentences"]
    assert sentences[0] == (
        "No better than always 'no': nothing learned, for every arm predicts 'no' for all test rows (majority share "
        "95 %); judge by balanced_accuracy, or train with class_weights: balanced."
    )
    assert not [sentence for sentence in sentences if "gave the same" in sentence]
    assert found["target"] == "train/accuracy >= 0.975"


def test_class_weights_are_not_advised_to_arms_that_have_them(tmp_path):
    path = table(tmp_path, positive=0.05, says_something=False)
    found = compared(tmp_path, path, *CONSTANT, *BALANCED)
    assert found["verdict"]["sentences"][0].endswith("(majority share 95 %); judge by balanced_accuracy.")


NOISE = ("--set", "optimizer.learning_rate=0.05", "--set", "network.layers=[32]", "--set", "training.epochs=40")


def test_arms_whose_means_are_no_better_are_told_first_with_their_figures(tmp_path):
    path = table(tmp_path, positive=0.1, rows=300, says_something=False)
    result = nnlab_here("compare-activations", path, "-a", "tanh", "-a", "relu", "--seeds", 3, *NOISE, cwd=tmp_path)
    run = tmp_path / result.stdout.strip()
    summary = read_json(run / "summary.json")
    level = summary["baselines"]["baseline/majority/test/accuracy"]["mean"]
    means = {label: arm["final"]["test/accuracy"]["mean"] for label, arm in summary["arms"].items()}
    assert min(means.values()) < max(means.values()) <= level
    figures = [f"{value:.4g} for {label}" for label, value in sorted(means.items(), key=lambda pair: -pair[1])]
    first = (
        f"No better than always 'no' ({level:.4g}): mean test accuracy is {figures[0]} and {figures[1]}; "
        "judge by balanced_accuracy, or train with class_weights: balanced."
    )
    assert summary["verdict"]["sentences"][0] == first
    assert first in " ".join(result.stderr.split())
    assert first in (run / "table.md").read_text().replace("\\_", "_")
    assert first in unescape((run / "report.html").read_text(encoding="utf-8"))


def arms_with(**accuracies):
    """Arms of an experiment with these test accuracies over the seeds."""
    return {
        label: SimpleNamespace(label=label, finals={"test/accuracy": np.array(values)}, diverged=np.isnan(values))
        for label, values in accuracies.items()
    }


def words_of(arms, level, advice=""):
    behind = [arm for arm in arms.values() if _is_behind(arm, "test/accuracy", level)]
    fitted = SimpleNamespace(always={"always 'no'"}, advice=advice)
    return _ArmsInWords(fitted, [*arms.values()], behind, [], "test/accuracy", level)


def test_one_seed_that_is_better_does_not_hide_a_mean_that_is_not():
    arms = arms_with(tanh=[0.9556, 0.8664, np.nan], relu=[0.892] * 3, elu=[0.9333] * 3)
    words = words_of(arms, np.array([0.9333] * 3))
    assert [*words.first()] == [
        "No better than always 'no' (0.9333): mean test accuracy is 0.9333 for elu, 0.911 for tanh and 0.892 for relu."
    ]
    assert [*words.last()] == []


def test_arms_that_are_no_better_where_others_are_stand_in_a_later_sentence():
    arms, level = arms_with(tanh=[0.97, 0.92], relu=[0.892] * 2, elu=[0.9] * 2), np.array([0.9333] * 2)
    words = words_of(arms, level, "; judge by balanced_accuracy")
    assert [*words.first()] == []
    named = "elu (0.9) and relu (0.892) are no better than always 'no' (0.9333) by mean test accuracy"
    assert [*words.last()] == [f"{named}; judge by balanced_accuracy."]
    del arms["elu"]
    assert next(words_of(arms, level).last()).startswith("relu (0.892) is no better than always 'no' (0.9333) by ")


def test_arms_that_learned_say_nothing_of_it(tmp_path):
    found = compared(tmp_path, table(tmp_path))
    assert not [sentence for sentence in found["verdict"]["sentences"] if "nothing learned" in sentence]
    assert found["target"] == "train/accuracy >= 0.95"


def test_an_arm_that_answers_all_rows_alike_is_named_last(tmp_path):
    (tmp_path / "zero.py").write_text(
        "import numpy as np\nfrom nnlab.maths.activations import Activation\n"
        "no = np.zeros_like\n"
        "zero = Activation.from_functions('zero', value=no, slope=no, formula='0', slope_formula='0')\n"
        "ACTIVATIONS = [zero]\n"
    )
    words = ("-a", "zero", "--plugin", "zero.py")
    sentences = compared(tmp_path, table(tmp_path), *words)["verdict"]["sentences"]
    *_, no_better, alike, _ = sentences  # the last one says where the other pairs are
    assert no_better.startswith("zero (0.7917) is no better than always 'no' (0.7917) by mean test accuracy")
    assert alike.startswith("zero gives all test rows the same answer on every seed: nothing learned")


def test_a_regression_that_no_arm_learns_is_told_first(tmp_path):
    found = compared(tmp_path, write(tmp_path, HOUSES), "--set", "network.layers=[2]", *CONSTANT)
    level = found["baselines"]["baseline/mean/train/rmse"]["mean"]
    first = found["verdict"]["sentences"][0]
    assert first.startswith(f"No better than always the training mean ({level:.4g}): mean training RMSE is ")


def test_many_seeds_cost_ten_linear_models(tmp_path):
    words = ("--seeds", 12, "--set", "training.epochs=1")
    result = nnlab_here("compare-activations", table(tmp_path), "-a", "tanh", *words, "--json", cwd=tmp_path)
    values = parse_json(result.stdout)["baselines"]["baseline/linear/test/accuracy"]["values"]
    assert [value is None for value in values] == [False] * 10 + [True] * 2


def test_a_sweep_has_no_baselines_to_hold_a_point_against(tmp_path):
    words = ("--grid", "training.epochs=1,2", "--gate", "best.test/accuracy >= majority")
    result = nnlab_here("sweep", table(tmp_path), *words, "--set", "data.validation=0.2", cwd=tmp_path)
    assert result.exit_code == 2
    assert "found majority in gate 'best.test/accuracy >= majority'" in result.stderr
