"""`--live` of comparisons and sweeps: arms, seeds, and how far the whole is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import HOUSES, nnlab_here, read_rows, write

from nnlab import api
from nnlab.comparison.arms import arms_from
from nnlab.comparison.live import LiveArms
from nnlab.comparison.tasks import Failure, Task
from nnlab.comparison.variants import Variant, variants
from nnlab.experiments.train import Progress
from nnlab.maths.activations import ACTIVATIONS

pytestmark = pytest.mark.usefixtures("without_pictures")

QUICK = """
network: {layers: [4]}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write(tmp_path_factory.mktemp("config"), HOUSES + QUICK)


def run(cwd, *words):
    """The folder of a command with --live, and what its page shows."""
    result = nnlab_here(*words, "--live", "--quiet", cwd=cwd)
    assert result.exit_code == 0, result.stderr
    folder = cwd / result.stdout.strip()
    text = (folder / "live.js").read_text(encoding="utf-8").removeprefix("nnlabLive(").removesuffix(");\n")
    return folder, json.loads(json.loads(text))


def test_each_arm_has_a_curve_with_its_seeds_that_are_those_of_the_results(config, tmp_path):
    folder, shown = run(tmp_path, "compare-activations", config, "-a", "relu", "-a", "tanh", "--seeds", "3")
    assert (shown["status"], shown["done"], shown["arms"]["done"]) == ("completed", pytest.approx(1), 2)
    assert shown["what"] == "arm 2 of 2, tanh"
    assert [row[:4] for row in shown["arms"]["rows"]] == [
        ["relu", "done", "10 of 10", "3"],
        ["tanh", "done", "10 of 10", "3"],
    ]
    (chart,) = (one for one in shown["charts"] if one["title"] == "Training loss, median of the seeds")
    results = read_rows(folder / "results.csv")
    for series, label in zip(chart["series"], ("relu", "tanh"), strict=True):
        finals = [float(row["train/loss"]) for row in results if row["activation"] == label]
        assert series["name"] == label
        assert [member[-1] for member in series["members"]] == pytest.approx(finals, rel=1e-5)
        assert series["y"][-1] == pytest.approx(np.median(finals), rel=1e-5)


def test_processes_send_all_figures_and_seeds(config, tmp_path):
    _, shown = run(tmp_path, "compare-activations", config, "-a", "relu", "-a", "tanh", "--seeds", "3", "--jobs", "2")
    titles = {chart["title"]: [one["name"] for one in chart["series"]] for chart in shown["charts"]}
    assert titles["Training loss, median of the seeds"] == ["relu", "tanh"]
    assert all(len(one["members"]) == 3 for chart in shown["charts"] for one in chart["series"])


def test_points_of_a_sweep_that_train_together_are_told_apart_and_the_last_seven_drawn(config, tmp_path):
    rates = [f"0.0{digit}" for digit in range(1, 10)]
    grid = f"optimizer.learning_rate={','.join(rates)}"
    folder, shown = run(tmp_path, "sweep", config, "--grid", grid, "--seeds", "2")
    assert len(shown["arms"]["rows"]) == 9
    assert "Drawn are the last 7 points of 9 that have begun." in shown["notes"]
    (chart,) = (one for one in shown["charts"] if one["title"] == "Training loss, median of the seeds")
    rows = [
        row for row in read_rows(folder / "points.csv") if (row["figure"], row["statistic"]) == ("train/loss", "mean")
    ]
    points = {row["point"]: float(row["value"]) for row in rows}
    drawn = {one["name"]: one["y"][-1] for one in chart["series"]}
    assert drawn == pytest.approx({name: points[name] for name in drawn}, rel=1e-5)
    (rate,) = (one for one in shown["charts"] if one["title"] == "Learning rate")
    assert [one["y"][-1] for one in rate["series"]] == [float(rate) for rate in rates[-7:]]


def test_arms_that_were_trained_before_say_so_and_nothing_is_written_without_the_option(config, tmp_path):
    words = ("compare-activations", config, "--seeds", "2", "-a", "relu")
    result = nnlab_here(*words, "--quiet", cwd=tmp_path)
    assert not list(Path(tmp_path / result.stdout.strip()).glob("live.*"))
    _, shown = run(tmp_path, *words, "-a", "tanh", "--needed")
    assert [row[1] for row in shown["arms"]["rows"]] == ["was trained before", "done"]


class Page:
    """Keeps what would be written."""

    def is_due(self):
        return True

    def write(self, status, content):
        self.shown = {"status": status, **content()}


@pytest.fixture
def arms(config):
    """Two arms under two and four seeds in three tasks: the first has one task, the second two."""
    experiment = api.resolve(config).experiment
    one, two = (Variant(label, experiment.network.activation, experiment) for label in ("one", "two"))
    arms = LiveArms(Page(), [one, two], "arm")
    arms.begin([Task((one,), (1, 2)), Task((two,), (1, 2)), Task((two,), (3, 4))], lambda: 0.25)
    return arms


def test_a_formula_is_told_in_table_and_legend_beside_its_short_label(config):
    experiment = api.resolve(config).experiment
    choices = arms_from(["tanh", "x * sigmoid(x)"], ACTIVATIONS)
    found = variants(experiment, choices, tune=["optimizer.learning_rate=0.1"])
    arms = LiveArms(Page(), found, "arm")
    arms.begin([Task((one,), (1,)) for one in found], lambda: 0.5)
    arms.note(1, progress(20, 1.0))
    wanted = "f1 = x * sigmoid(x), learning_rate=0.1"
    assert [row[0] for row in arms.page.shown["arms"]["rows"]] == ["tanh learning_rate=0.1", wanted]
    assert arms.page.shown["charts"][0]["series"][0]["name"] == wanted


def progress(step, *losses):
    """The progress of a task of a hundred steps."""
    return Progress(step, 100, step / 10, {}, 1.0, replicas={"train/loss": (step, np.array(losses))})


def test_arms_and_the_time_left_of_the_whole_are_told(arms):
    arms.note(0, progress(50, 1, 1))
    arms.end(0, [])  # it stopped early
    arms.note(2, progress(50, 1, 1))
    assert arms.page.shown["left"] == pytest.approx(3 * arms.page.shown["seconds"])
    assert [row[:4] for row in arms.page.shown["arms"]["rows"]] == [
        ["one", "done", "50 of 100", "2"],
        ["two", "training", "25 of 100", "4"],
    ]


def test_an_arm_in_several_tasks_has_one_curve_over_all_its_seeds(arms):
    for step in (0, 20, 40):
        arms.note(1, progress(step, 1.0, 3.0))
    for step in (0, 10, 20):  # at other steps, and not as far
        arms.note(2, progress(step, step + 5.0, step + 5.0))
    ((series,),) = (chart["series"] for chart in arms.page.shown["charts"])
    assert (series["name"], series["x"]) == ("two", [0, 20, 40])
    assert series["y"] == [4.0, 14.0, 2.0]
    assert series["members"] == [[1, 1, 1], [3, 3, 3], [5, 25, None], [5, 25, None]]
    arms.end(2, [])
    arms.note(1, progress(60, 1.0, 3.0))
    ((series,),) = (chart["series"] for chart in arms.page.shown["charts"])
    assert series["y"] == [4.0, 14.0, 14.0, 14.0]  # the seeds of a task that has ended keep their last values


def test_seeds_that_stopped_and_arms_that_failed_are_told(arms):
    arms.note(1, progress(20, 1.0, np.nan))
    arms.end(0, Failure("no memory", 2))
    arms.write("training")
    rows = arms.page.shown["arms"]["rows"]
    assert (rows[0][1], rows[1][3], rows[1][4]) == ("failed", "4, 1 stopped", "train/loss 1")
