"""Benchmarks: what is trained on each set, how settings are chosen, what comes of a kill, and what is concluded."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from support import COMMAND, environment, nnlab_here, parse_json, read_json, read_rows, write

from nnlab import api
from nnlab.comparison import tasks
from nnlab.comparison.benchmark.contents import BenchmarkContents
from nnlab.comparison.benchmark.errors import measure_of
from nnlab.comparison.benchmark.pictures import BENCHMARK_PICTURES
from nnlab.comparison.benchmark.tables import sets_table
from nnlab.comparison.benchmark.train import _tuned
from nnlab.comparison.compare import Work
from nnlab.comparison.workers import Shared
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.errors import ConfigError, StorageError
from nnlab.maths.statistics.across import best_of
from nnlab.storage.run import SuiteRun
from nnlab.storage.summary import BenchmarkSummary

pytestmark = pytest.mark.usefixtures("without_pictures")

BLOBS = """\
name: blobs
task: multiclass
seed: 3
data: {source: {name: blobs, samples: 60, classes: 3, noise: 2.5}, test: 0.25, validation: 0.25}
network: {layers: [4]}
optimizer: {name: adam, learning_rate: 0.02}
training: {steps: 15, batch_size: 20, log_every: 15, evaluate_every: 15}
"""
MOONS = BLOBS.replace("blobs, samples: 60, classes: 3, noise: 2.5", "moons, samples: 60").replace(": blobs", ": moons")
MOONS = MOONS.replace("task: multiclass", "task: binary").replace("seed: 3", "seed: 0")
LINE = """\
name: line
task: regression
data: {source: line.csv, target: y, test: 0.25, validation: 0.25}
network: {layers: [4]}
optimizer: {name: adam, learning_rate: 0.02}
training: {steps: 15, batch_size: 20, log_every: 15, evaluate_every: 15}
"""
SUITE = """\
name: three
experiments:
  - blobs.yaml
  - {config: moons.yaml, family: planes, set: {training.steps: 12}}
  - line.yaml
arms: [relu, tanh, "x * sigmoid(x)"]
seeds: 3
tune: {optimizer.learning_rate: 0.001..0.1:log}
budget: 4
tuning_seeds: 2
"""
SETS, ARMS = ("blobs", "moons", "line"), ("relu", "tanh", "f1")


def files_in(folder, suite=SUITE):
    """A suite with its three experiments."""
    for name, text in (("blobs", BLOBS), ("moons", MOONS), ("line", LINE)):
        write(folder, text, f"{name}.yaml")
    rows = "\n".join(f"{i},{0.1 * i * i:.3f}" for i in range(40))
    write(folder, f"x,y\n{rows}\n", "line.csv")
    return write(folder, suite, "suite.yaml")


def benchmarked(folder, *words):
    """The document of a benchmark of this folder's suite, made in this process, and its run folder."""
    result = nnlab_here("benchmark", "suite.yaml", *words, "--json", cwd=folder)
    assert result.exit_code == 0, result.stderr
    document = parse_json(result.stdout)
    return document, folder / document["run"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, quick_pictures):
    """A folder with the suite, the document of its benchmark, and the run folder."""
    folder = tmp_path_factory.mktemp("benchmark")
    files_in(folder)
    return folder, *benchmarked(folder)


def suite_in(folder, **how):
    return api.resolve_suite([folder / "suite.yaml"], **how)


# --- what is trained --------------------------------------------------------------------------------------------------


def test_every_arm_tries_the_same_settings_on_seeds_apart_from_those_of_the_evaluation(made):
    suite = suite_in(made[0])
    for one in suite.sets:
        assert not {*one.seeds} & {*one.tuning_seeds}
        tried = {label: [v.settings for v in one.tuning_variants() if v.family == label] for label in ARMS}
        assert tried["relu"] == tried["tanh"] == tried["f1"] == list(one.points)
        assert len({*one.points}) == 4
        rates = [variant.experiment.optimizer.values["learning_rate"] for variant in one.tuning_variants()]
        assert rates[:4] == rates[4:8] == [float(dict(point)["optimizer.learning_rate"]) for point in one.points]


def test_draws_do_not_change_with_the_budget_nor_tuning_with_the_number_of_seeds(made):
    few, many = suite_in(made[0]), suite_in(made[0], budget=9, seeds=7)
    for one, other in zip(few.sets, many.sets, strict=True):
        assert other.points[:4] == one.points
        assert other.tuning_seeds == one.tuning_seeds


def test_rows_are_those_of_a_set_arm_and_seed_and_the_settings_those_that_tuning_chose(made):
    _, document, run = made
    rows = read_rows(run / "results.csv")
    assert [(row["set"], row["arm"]) for row in rows] == [(s, a) for s in SETS for a in ARMS for _ in range(3)]
    assert [row["seed"] for row in rows[:3]] == ["3", "4", "5"]
    assert {row["initializer"] for row in rows if row["arm"] == "relu"} == {"fair γ = 1.414"}
    assert {row["gain"] for row in rows} == {"1.0"}
    tuning = read_rows(run / "tuning.csv")
    for name in SETS:
        for arm in ARMS:
            tried = [row for row in tuning if (row["set"], row["arm"]) == (name, arm)]
            best = min(tried, key=lambda row: float(row["error"]))
            assert [row["point"] for row in tried if row["chosen"] == "true"] == [best["point"]]
            settings = {row["settings"] for row in rows if (row["set"], row["arm"]) == (name, arm)}
            assert settings == {best["settings"]}
    found = document["sets"]["blobs"]["tuning"]
    assert found["best_of"]["tanh"] == pytest.approx(best_of(found["errors"]["tanh"]))


def test_a_set_has_the_figures_of_a_comparison_at_the_chosen_settings(made):
    """And the comparison finds every network of it in the pieces of the benchmark."""
    folder, document, run = made
    arm = document["sets"]["moons"]["arms"]["tanh"]
    rate = f"optimizer.learning_rate={arm['settings']['optimizer.learning_rate']}"
    words = [run / "experiments" / "moons.yaml", "-a", "tanh", "--set", rate, "--seeds", "3", "--needed", "--json"]
    result = nnlab_here("compare-activations", *words, cwd=folder)
    compared = parse_json(result.stdout)
    assert compared["arms"]["tanh"]["final"]["test/accuracy"]["values"] == arm["values"]
    chance = document["sets"]["moons"]["chance"]
    assert arm["errors"] == pytest.approx([min(1 - value, chance) for value in arm["values"]])
    assert read_json(folder / compared["run"] / "run.json")["reused"] == 3


def test_the_folder_holds_a_suite_that_makes_the_same_benchmark(made):
    folder, document, run = made
    again = nnlab_here("benchmark", run / "config.yaml", "--needed", "--json", cwd=folder)
    assert again.exit_code == 0, again.stderr
    assert read_rows(folder / parse_json(again.stdout)["run"] / "results.csv") == read_rows(run / "results.csv")
    assert parse_json(again.stdout)["verdict"] == document["verdict"]


# --- errors and conclusions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "task", "words"),
    [
        ("error", "binary", "1 - accuracy"),
        ("error", "regression", "rmse"),
        ("balanced_accuracy", "multiclass", "1 - balanced_accuracy"),
        ("val/mae", "regression", "mae"),
    ],
)
def test_the_metric_is_an_error_for_every_task(metric, task, words):
    experiment = validate(read_text(BLOBS.replace("multiclass", task), "e.yaml"))
    assert measure_of(metric, experiment).words == words


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("accurcy", "did you mean 'accuracy'?"),
        ("loss", "of which chance has none"),
        ("tets/accuracy", "found the part 'tets', expected test, val, train"),
        ("rmse", "a multiclass task has no figure 'rmse'"),
    ],
)
def test_a_metric_that_a_task_has_not_is_refused(metric, told):
    with pytest.raises(ConfigError, match=r"metric: ") as error:
        measure_of(metric, validate(read_text(BLOBS, "e.yaml")))
    assert told in str(error.value)


CHOSE_AND_JUDGE = "the validation rows of moons both chose the settings and judge the arms, which look better than "
CHOSE_AND_JUDGE += "they are"


@pytest.mark.parametrize(
    ("metric", "tune", "told"),
    [
        ("val/accuracy", (), ["as the metric asks, arms are compared on validation rows: moons"]),
        (
            "val/accuracy",
            ("optimizer.learning_rate=0.01,0.02",),
            ["as the metric asks, arms are compared on validation rows: moons", CHOSE_AND_JUDGE],
        ),
        ("accuracy", ("optimizer.learning_rate=0.01,0.02",), []),
    ],
)
def test_rows_that_judge_are_named_with_the_reason(tmp_path, metric, tune, told, quick_pictures):
    path = write(tmp_path, MOONS, "moons.yaml")
    how = {"activations": ["relu", "tanh"], "seeds": 1, "tuning_seeds": 1, "metric": metric, "tune": tune}
    summary = api.benchmark(api.resolve_suite([path], **how), runs_dir=tmp_path / "runs").summary
    assert [text for text in summary.verdict.warnings if " rows" in text] == told


def test_chance_is_the_simple_baseline_on_the_same_rows(made):
    _, document, _ = made
    blobs, line = document["sets"]["blobs"], document["sets"]["line"]
    assert blobs["chance"] == pytest.approx(2 / 3, abs=0.05)  # three classes of the same size
    assert blobs["floor"] == 1 / 30  # half of one of fifteen rows
    assert line["figure"] == "test/rmse"
    raw = line["arms"]["relu"]["values"]
    assert line["arms"]["relu"]["errors"] == [min(value, line["chance"]) for value in raw]
    assert max(raw) > line["chance"]  # a seed may be worse, which counts as chance


def test_a_seed_that_diverges_counts_as_chance(tmp_path, quick_pictures):
    suite = SUITE.replace("0.001..0.1:log}\nbudget: 4", "[0.01, 1.0e+30]}").replace("  - blobs.yaml\n", "")
    files_in(tmp_path, suite.replace("moons.yaml, family: planes, set: {training.steps: 12}", "moons.yaml"))
    for name in ("moons", "line"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(path.read_text().replace("name: adam", "name: sgd"))
    document, _ = benchmarked(tmp_path, "-a", "relu", "-a", "identity", "--seeds", "2", "--tuning-seeds", "1")
    found = document["sets"]["line"]["tuning"]
    assert found["errors"]["identity"][1] == found["chance"]
    assert document["sets"]["line"]["arms"]["identity"]["settings"] == {"optimizer.learning_rate": "0.01"}
    words = ["-a", "relu", "-a", "identity", "--seeds", "2", "--set", "optimizer.learning_rate=1.0e+30", "--json"]
    result = nnlab_here("benchmark", "moons.yaml", "line.yaml", *words, cwd=tmp_path)
    lost = parse_json(result.stdout)["sets"]["line"]
    assert result.exit_code == 4
    assert lost["arms"]["identity"]["values"] == [None, None]
    assert lost["arms"]["identity"]["errors"] == [lost["chance"]] * 2


def test_the_verdict_is_about_all_sets_and_says_what_it_cannot(made):
    _, document, run = made
    verdict, across = document["verdict"], document["across"]
    assert sorted(across["families"]) == ["blobs", "line", "planes"]
    assert any("cannot tell any of 3 pairs apart: at least 7 are needed" in text for text in verdict["warnings"])
    assert {(pair["better"], pair["worse"]) for pair in across["pairs"]} == {
        (row["better"], row["worse"]) for row in read_rows(run / "pairs.csv")
    }
    assert len(read_rows(run / "set_pairs.csv")) == 9
    assert read_rows(run / "pairs.csv")[0]["p_same"]
    for file in ("table.md", "report.html"):
        text = (run / file).read_text()
        assert "Pairs over 3 data sets, too few for probabilities" in text
        assert "P(" not in text
    assert verdict["sentences"][0] in (run / "table.md").read_text()
    page = (run / "report.html").read_text()
    assert verdict["sentences"][0].replace("'", "&#x27;") in page
    assert page.count("data:image/png") == len([*run.glob("plots/*.png")]) > 2


def test_with_a_baseline_each_arm_is_compared_with_it_alone(made):
    folder, _, _ = made
    document, run = benchmarked(folder, "--baseline", "x * sigmoid(x)", "--needed")
    assert document["baseline"] == "f1"
    assert len(document["across"]["pairs"]) == 2
    assert all("f1" in (row["better"], row["worse"]) for row in read_rows(run / "set_pairs.csv"))
    contents = BenchmarkContents.of("three", BenchmarkSummary.at(run / "summary.json"))
    assert BENCHMARK_PICTURES["pairs"].draw(contents) is None  # not every pair was compared
    assert BENCHMARK_PICTURES["forest"].draw(contents) is not None


def test_contents_made_again_from_the_summary_say_the_same(made):
    summary = BenchmarkSummary.at(made[2] / "summary.json")
    again = BenchmarkContents.of("three", summary)
    assert again.comparison.sentences == summary.verdict.sentences
    assert {label: curve.shape for label, curve in again.budget_curves().items()} == dict.fromkeys(ARMS, (3, 4))
    assert min(np.nanmin(curve) for curve in again.budget_curves().values()) >= 0
    result = nnlab_here("plot", "latest", "profiles", "-o", "profiles.svg", cwd=made[0])
    assert result.exit_code == 0, result.stderr


# --- stopped, killed, continued ---------------------------------------------------------------------------------------


def without_seconds(path):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_rows(path)]


def test_one_that_is_killed_is_continued_in_its_folder_with_the_same_tables(made, tmp_path):
    _, _, whole = made
    files_in(tmp_path)
    command = [*COMMAND, "benchmark", "suite.yaml", "--needed", "--quiet"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len([*tmp_path.glob("runs/2*/pieces/*.npz")]) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder,) = tmp_path.glob("runs/2*")
    listed = nnlab_here("runs", "list", "--json", cwd=tmp_path)
    assert [(one["kind"], one["status"]) for one in parse_json(listed.stdout)] == [("benchmark", "killed")]
    pieces = {path: path.stat().st_mtime_ns for path in (folder / "pieces").iterdir() if path.suffix == ".npz"}
    document, run = benchmarked(tmp_path, "--needed")
    assert run == folder
    assert {path: path.stat().st_mtime_ns for path in pieces} == pieces  # what was trained is not trained again
    for name in ("results.csv", "pairs.csv", "set_pairs.csv", "sets.csv", "tuning.csv"):
        assert without_seconds(run / name) == without_seconds(whole / name)
    assert document["status"] == "completed"


def test_after_max_seconds_it_has_the_sets_that_are_complete_and_says_how_to_go_on(tmp_path, quick_pictures):
    files_in(tmp_path, SUITE.replace("tune:", "# tune:").replace("budget", "# budget"))
    result = nnlab_here("benchmark", "suite.yaml", "--max-seconds", "1e-9", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "with 0 of 3 sets done; to go on: the same with --needed" in result.stderr
    (run,) = tmp_path.glob("runs/2*")
    assert read_json(run / "summary.json")["unfinished"] == [*SETS]
    document, again = benchmarked(tmp_path, "--needed")
    assert (again, document["status"], document["unfinished"]) == (run, "completed", [])
    assert isinstance(SuiteRun.at(run / "run.json"), SuiteRun)


def test_one_that_breaks_off_has_a_report_of_the_sets_that_are_complete(tmp_path, monkeypatch, quick_pictures):
    files_in(tmp_path, SUITE.replace("tune:", "# tune:").replace("budget", "# budget"))
    whole = Work.do

    def do(work, *about):
        whole(work, *about)
        if "line" in work.variants[0].experiment.data.source.name:
            raise StorageError("found no room on the disk")

    monkeypatch.setattr(Work, "do", do)
    result = nnlab_here("benchmark", "suite.yaml", cwd=tmp_path)
    assert result.exit_code == 5
    assert "is incomplete, with 2 of 3 sets done; to go on: the same with --needed" in result.stderr
    (run,) = tmp_path.glob("runs/2*")
    summary = read_json(run / "summary.json")
    assert (summary["status"], [*summary["sets"]], summary["unfinished"]) == ("failed", ["blobs", "moons"], ["line"])
    page = (run / "report.html").read_text()
    assert "Failed; not complete: line." in page
    assert "found no room on the disk" in page


def test_an_arm_that_fails_on_a_set_is_left_out_over_the_sets(made, monkeypatch, tmp_path):
    files_in(tmp_path, SUITE.replace("tune:", "# tune:").replace("budget", "# budget"))
    whole = tasks.run

    def run(task, *about):
        if task.variants[0].family == "tanh" and "line" in str(task.variants[0].experiment.data.source.name):
            raise MemoryError
        return whole(task, *about)

    monkeypatch.setattr(tasks, "run", run)
    result = nnlab_here("benchmark", "suite.yaml", "--json", cwd=tmp_path)
    document = parse_json(result.stdout)
    assert result.exit_code == 2
    assert "1 arm failed: line: tanh: found too little memory" in result.stderr
    assert document["status"] == "failed"
    assert set(document["across"]["average_ranks"]) == {"relu", "f1"}
    assert "not compared over the sets: tanh, missing on some of them" in document["verdict"]["warnings"]


def test_an_activation_of_a_plugin_is_an_arm_and_the_plugin_is_run_once(tmp_path, capfd):
    files_in(tmp_path)
    text = "import sys\nprint('run', file=sys.stderr)\nimport numpy as np\n"
    text += "from nnlab.maths.activations import Activation\n"
    text += "ACTIVATIONS = [Activation.from_functions('wave', np.sin, lambda z: np.cos(z))]\n"
    plugin = write(tmp_path, text, "wave.py")
    suite = suite_in(tmp_path, activations=["wave", "relu"], plugins=[plugin])
    assert [*suite.arms] == ["wave", "relu"]
    assert capfd.readouterr().err.count("run") == 1


# --- at the terminal --------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_the_trainings_and_writes_nothing(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "copy", ignore=shutil.ignore_patterns("runs"))
    result = nnlab_here("benchmark", "suite.yaml", "--dry-run", "--json", cwd=tmp_path / "copy")
    plan = parse_json(result.stdout)
    assert [one["tuning"] for one in plan["sets"]] == [3 * 4 * 2] * 3
    assert [one["trainings"] for one in plan["sets"]] == [3 * 3] * 3
    assert [one["steps"] for one in plan["sets"]] == [15, 12, 15]
    assert plan["trainings"] == 99
    assert plan["seconds"] > 0
    assert not (tmp_path / "copy" / "runs").exists()
    shown = nnlab_here("benchmark", "suite.yaml", "--dry-run", cwd=tmp_path / "copy")
    assert "3 arms on 3 sets, 3 seeds each: 99 trainings." in shown.stderr
    assert "the steps of training alone take about" in shown.stderr


def test_all_arms_of_a_tie_are_the_best(made):
    summary = BenchmarkSummary.at(made[2] / "summary.json")
    line = summary.sets["line"]
    means = dict(zip(line.ranking, (0.1 + 0.2, 0.3, 0.4), strict=True))
    arms = {label: arm.model_copy(update={"mean": means[label]}) for label, arm in line.arms.items()}
    tied = summary.model_copy(update={"sets": {"line": line.model_copy(update={"arms": arms})}})
    assert sets_table(tied).rows[0][-1] == ", ".join(line.ranking[:2])


DEEP = [*("--set", f"network.layers=[{', '.join(['16'] * 18)}]"), *("-a", "sigmoid", "-a", "relu")]
LOST = "of sigmoid's signal is the same for every input"


def test_what_theory_says_of_the_starts_is_said_once_over_all_sets(tmp_path, quick_pictures):
    names = [str(write(tmp_path, text, f"{name}.yaml")) for name, text in (("moons", MOONS), ("blobs", BLOBS))]
    words = [*DEEP, "--set", "training.steps=1", "--seeds", "1"]
    planned = nnlab_here("benchmark", *names, *words, "--dry-run", cwd=tmp_path)
    assert planned.stderr.count(LOST) == 1
    assert "moons and blobs: " in planned.stderr
    assert "2 data sets cannot tell the pair apart: at least 6 are needed" in planned.stderr
    trained = nnlab_here("benchmark", *names, *words, cwd=tmp_path)
    assert trained.exit_code == 0, trained.stderr
    assert trained.stderr.count(LOST) == 1
    (summary,) = tmp_path.glob("runs/2*/summary.json")
    assert re.fullmatch(r"[0-9]{8}-[0-9]{6}_benchmark", summary.parent.name)  # of a benchmark without a name
    assert any(LOST in text for text in read_json(summary)["verdict"]["warnings"])
    compared = nnlab_here("compare-activations", names[0], *words, cwd=tmp_path)
    assert compared.stderr.count(LOST) == 1


def test_progress_says_which_set_of_how_many(made):
    result = nnlab_here("benchmark", "suite.yaml", "--seeds", "4", cwd=made[0])
    assert "2 of 3 moons: tuning relu at 4 learning rates" in result.stderr
    assert "3 of 3 line: f1 learning_rate=" in result.stderr


def progress_of(suite, runs, **how):
    """The label and the progress of the whole in each report of a benchmark."""
    seen = []

    class Seen(api.Nobody):
        @contextlib.contextmanager
        def arms(self):
            yield lambda label, progress: seen.append((label, progress.whole))

    api.benchmark(suite, runs_dir=runs, watcher=Seen(), **how)
    return seen


def test_progress_knows_how_far_the_whole_benchmark_is(made, tmp_path):
    wholes = [whole for _, whole in progress_of(suite_in(made[0], tune=(), seeds=2), tmp_path / "runs")]
    shares = [whole.share for whole in wholes]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert {whole.arms for whole in wholes} == {9}
    assert [whole.left for whole in wholes][:: len(shares) - 1] == [9, 1]  # the last arm has not ended yet


EARLY = ["training.early_stopping={monitor: val/loss, patience: 1, min_delta: 100}", "training.evaluate_every=1"]


def test_an_arm_keeps_its_number_to_its_early_end(made, tmp_path):
    """Also one that tunes, and one that is trained in a later session, when those before it are reused."""
    few = {"seeds": 1, "budget": 2, "tuning_seeds": 1, "set": EARLY}
    runs = tmp_path / "runs"
    numbers = {label: set() for label in ARMS}
    for label, whole in progress_of(suite_in(made[0], activations=("relu", "tanh"), **few), runs):
        numbers[label.split(": ")[1].removeprefix("tuning ").split()[0]].add(whole.arm)
    assert numbers == {"relu": {1, 3, 5}, "tanh": {2, 4, 6}, "f1": set()}
    later = progress_of(suite_in(made[0], activations=("relu", "tanh", "x * sigmoid(x)"), **few), runs, needed=True)
    trained = [(label, whole) for label, whole in later if "tuning" not in label]
    assert {label.split(": ")[1].split()[0] for label, _ in trained} == {"f1"}
    assert {whole.arm for _, whole in trained} == {3, 6, 9}
    assert [whole.left for _, whole in trained][-1] == 0


def test_runs_show_and_other_commands_know_a_benchmark(made):
    folder, document, run = made
    shown = parse_json(nnlab_here("runs", "show", run, "--json", cwd=folder).stdout)
    assert shown["kind"] == "benchmark"
    assert shown["figures"]["blobs.relu.error"] == document["sets"]["blobs"]["arms"]["relu"]["mean"]
    for word, name, told in (
        ("eval", run, "found a benchmark of many networks"),
        ("eval", f"{run}:relu", "found a benchmark, expected a comparison or a sweep"),
        ("verify", run, "found a suite of experiments, expected one; nnlab benchmark takes a suite"),
    ):
        result = nnlab_here(word, name, cwd=folder)
        assert (result.exit_code, told in result.stderr) == (2, True)


def test_points_whose_training_failed_count_as_chance(made):
    """`_tuned` takes what is there of an arm, and an arm without any point is a failed one."""

    class Work:
        def __init__(self, shared):
            self.shared, self.failures = shared, {}

        def arms(self):
            return []

    one = suite_in(made[0]).sets[0]
    tuning, failed = _tuned(one, Work(Shared(one.dataset())), "val/accuracy")
    assert failed == {}
    assert all(np.all(errors == tuning.scale.chance) for errors in tuning.errors.values())
