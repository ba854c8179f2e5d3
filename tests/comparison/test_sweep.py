"""Sweeps: which points are tried, how they are ranked, and what is refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Reader
from scipy import stats
from support import nnlab, nnlab_here, parse_json, read_json, read_rows, trained, write

from nnlab.comparison.points import points, ranges
from nnlab.comparison.sweep import _placed
from nnlab.comparison.sweep_tables import sweep_tables
from nnlab.errors import ConfigError
from nnlab.storage.summary import SweepSummary

pytestmark = pytest.mark.usefixtures("quick_pictures", "without_pictures")

TEXT = """\
name: moons
task: binary
seed: 2
data:
  source: {name: moons, samples: 80}
  validation: 0.25
  test: 0.2
network:
  layers: [4]
  activation: tanh
  init: recommended
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 20, batch_size: 16}
"""


def swept(folder, *words, text=TEXT):
    """The document of a sweep, made in this process."""
    result = nnlab_here("sweep", write(folder, text), *words, "--json", cwd=folder)
    assert result.exit_code == 0, result.stderr
    return parse_json(result.stdout)


# --- points -----------------------------------------------------------------------------------------------------------


def test_a_grid_is_crossed():
    found = points(["network.l2=0,1", "training.steps=5,6,7"], [], None, 0)
    assert found == [(("network.l2", decay), ("training.steps", steps)) for decay in "01" for steps in "567"]


def test_a_budget_takes_some_points_of_a_grid_drawn_by_the_seed():
    texts = ["network.l2=" + ",".join(map(str, range(50)))]
    whole, some = points(texts, [], None, 1), points(texts, [], 10, 1)
    assert len(some) == 10
    assert [point for point in whole if point in some] == some
    assert some == points(texts, [], 10, 1)
    assert some != points(texts, [], 10, 2)
    assert points(texts, [], 50, 1) == whole


RATE = "optimizer.learning_rate=1e-4..1:log"


def test_draws_do_not_depend_on_the_budget_nor_on_other_keys():
    few, many = points([], [RATE], 5, 7), points([], [RATE], 20, 7)
    assert many[:5] == few
    both = points(["training.steps=5,6"], ["network.l2=0..1", RATE], 5, 7)
    assert [dict(point)["optimizer.learning_rate"] for point in both] == [value for ((_, value),) in few]
    assert [dict(point)["training.steps"] for point in both] == ["5", "6", "5", "6", "5"]
    assert points([], [RATE], 5, 8) != few


def drawn(text, count=4000):
    (one,) = ranges([text])
    return np.array([float(one.value(3, number)) for number in range(count)])


@pytest.mark.parametrize(
    ("text", "inverse"),
    [
        ("network.l2=-2..3", lambda x: (x + 2) / 6),
        ("network.l2=0.5..2.5", lambda x: (x - 0.5) / 2),
        ("network.l2=1e-5..10.0:log", lambda x: np.log(x / 1e-5) / math.log(1e6)),
    ],
)
def test_draws_are_even_in_their_range_or_its_logarithm(text, inverse):
    values = inverse(drawn(text))
    assert values.min() >= 0
    assert values.max() <= 1
    # Kolmogorov's bound at one in a million for 4,000 draws; whole numbers are coarser by a sixth.
    coarse = 1 / 6 if text.endswith("=-2..3") else 0
    ranks = np.arange(1, 4001) / 4000
    assert np.abs(np.sort(values) - ranks).max() < coarse + 2.7 / math.sqrt(4000)


def test_whole_bounds_give_whole_numbers_and_each_as_often():
    values, counts = np.unique(drawn("training.batch_size=3..6"), return_counts=True)
    assert values.tolist() == [3, 4, 5, 6]
    assert np.abs(counts - 1000).max() < 150
    assert set(np.unique(drawn("training.batch_size=1..8:log"))) == set(range(1, 9))


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e6), st.booleans(), st.integers(0, 2**63 - 1))
def test_a_draw_lies_in_its_range(low, width, is_log, seed):
    (one,) = ranges([f"network.l2={low:f}..{low + width:f}{':log' if is_log else ''}"])
    value = float(one.value(seed, 0))
    assert one.low * (1 - 1e-5) <= value <= one.high * (1 + 1e-5)


REFUSED = [
    ((), "found neither --grid nor --random"),
    (("--random", RATE), "expected the number of points to draw"),
    (("--random", "network.l2", "--budget", "2"), "expected KEY=low..high"),
    (("--random", "network.l2=1", "--budget", "2"), "expected KEY=low..high"),
    (("--random", "network.l2=2..1", "--budget", "2"), "the lower one first"),
    (("--random", "network.l2=0..1e999", "--budget", "2"), "finite bounds"),
    (("--random", "network.l2=0..1:log", "--budget", "2"), "expected a bound above 0 with :log"),
    (("--random", "network.l2=0..1:lg", "--budget", "2"), "expected KEY=low..high"),
    (("--random", "network.l2=0..1", "--random", "network.l2=0..2", "--budget", "2"), "expected it once"),
    (("--random", "network.l2=0..1", "--grid", "network.l2=0,1", "--budget", "2"), "expected it in one of them"),
    (("--random", "seed=0..9", "--budget", "2"), "found seed, which all arms share"),
    (("--grid", "network.activation=relu,thanh"), "did you mean 'tanh'?"),
    (("--grid", "optimizer.learning_rate=-1,1"), "optimizer.learning_rate=-1: found -1"),
    (("--grid", "network.l2=0,1", "--budget", "0"), "expected a whole number of at least 1"),
    (("--grid", "network.l2=0,1", "--metric", "test/accuracy"), "expected val/accuracy"),
    (("--grid", "network.l2=0,1", "--metric", "val/acuracy"), "did you mean 'val/accuracy'?"),
    (("--grid", "network.l2=0,1", "--metric", "test/roc_auc"), "expected val/roc_auc"),
    (("--grid", "network.l2=0,1", "--metric", "val/f1"), "expected val/f1/CLASS"),
    (("--grid", "network.l2=0,1", "--metric", "val/f1/sun"), "which is no figure of these data"),
    (("--grid", "network.l2=0,1", "--metric", "val/mae"), "unknown figure 'val/mae'"),
    (("--grid", "network.l2=0,1", "--set", "data.validation=null"), "expected data.validation"),
    (("--grid", "network.l2=0,1", "--gate", "tanh.val/loss <= 1"), "unknown figure 'tanh.val/loss'"),
    (("--grid", f"training.steps={','.join(map(str, range(1, 200)))}", "--grid",
      f"network.layers.0={','.join(map(str, range(1, 200)))}"), "expected at most 10000; see --budget"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[" ".join(row[0])[:60] for row in REFUSED])
def test_a_wrong_word_is_refused_before_anything_is_written(words, message, tmp_path):
    path = write(tmp_path, TEXT)
    result = nnlab_here("sweep", path, *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == [path]


def test_all_wrong_ranges_are_told_in_one_pass():
    with pytest.raises(ConfigError) as error:
        ranges(["network.l2=2..1", "nonsense", "network.l1=0..1"])
    assert [fault.file for fault in error.value.faults] == ["--random network.l2=2..1", "--random nonsense"]


# --- results ----------------------------------------------------------------------------------------------------------


def test_points_are_ranked_by_the_validation_figure_and_reported_with_all_others(tmp_path):
    found = swept(tmp_path, "--random", RATE, "--budget", "6", "--seeds", "2")
    assert found == read_json(tmp_path / found["run"] / "summary.json")
    sweep = found["sweep"]
    values = [line["value"] for line in sweep["ranking"]]
    assert values == sorted(values, reverse=True)
    assert sweep["ranked_by"] == "mean val/accuracy"
    assert sweep["best"] == sweep["ranking"][0]["point"]
    for line in sweep["ranking"]:
        arm = found["arms"][line["point"]]
        assert line["value"] == pytest.approx(arm["final"]["val/accuracy"]["mean"])
        assert line["means"]["val/loss"] == pytest.approx(arm["final"]["val/loss"]["mean"])
        assert not any(name.startswith("test/") for name in line["means"])
    best = found["arms"][sweep["best"]]["final"]
    assert {name: one["mean"] for name, one in sweep["test"].items()} == {
        name: best[name]["mean"] for name in ("test/loss", "test/accuracy")
    }
    facts = read_json(tmp_path / found["run"] / "run.json")
    assert (facts["kind"], facts["status"]) == ("sweep", "completed")
    assert found["run"].endswith("_moons_sweep")


def test_a_loss_ranks_the_other_way_round(tmp_path):
    words = ("--grid", "optimizer.learning_rate=0.0001,0.05", "--metric", "val/loss", "--seeds", "2")
    found = swept(tmp_path, *words)["sweep"]
    assert [line["value"] for line in found["ranking"]] == sorted(line["value"] for line in found["ranking"])
    assert found["best"] == "learning_rate=0.05"


def test_activations_are_swept_like_any_other_key(tmp_path):
    found = swept(tmp_path, "--grid", "network.activation=tanh,elu", "--seeds", "2")
    assert {arm["activation"] if isinstance(arm["activation"], str) else arm["activation"]["name"]
            for arm in found["arms"].values()} == {"tanh", "elu"}  # fmt: skip
    alone = trained(tmp_path, write(tmp_path, TEXT), "--set", "network.activation=elu", "--seed", "3")
    rows = read_rows(tmp_path / found["run"] / "results.csv")
    (row,) = (r for r in rows if r["network.activation"] == "elu" and r["seed"] == "3")
    assert row["point"] == "activation=elu"
    assert "activation" not in row
    assert float(row["val/loss"]) == pytest.approx(read_json(alone / "summary.json")["final"]["val/loss"], rel=1e-12)


def test_progress_names_the_activation_that_is_trained(tmp_path):
    grid = ("--grid", "network.activation=tanh,elu", "--grid", "optimizer.learning_rate=0.1,0.2")
    result = nnlab_here("sweep", write(tmp_path, TEXT), *grid, "--seeds", "2", cwd=tmp_path)
    assert result.exit_code == 0
    for name in ("tanh", "elu"):
        assert f" activation={name} at 2 learning rates step" in result.stderr
    assert "tanh activation=" not in result.stderr


def test_a_point_is_the_run_that_train_makes_with_its_settings(tmp_path):
    words = ("--grid", "optimizer.learning_rate=0.01,0.1", "--grid", "network.layers.0=3,5", "--seeds", "2")
    found = swept(tmp_path, *words)
    rows = read_rows(tmp_path / found["run"] / "results.csv")
    assert len(rows) == 8
    wanted = {"optimizer.learning_rate": "0.1", "network.layers.0": "5", "seed": "3"}
    (row,) = (r for r in rows if wanted.items() <= r.items())
    assert row["point"] == "learning_rate=0.1 layers.0=5"
    sets = ("--set", "optimizer.learning_rate=0.1", "--set", "network.layers.0=5", "--seed", "3")
    alone = read_json(trained(tmp_path, write(tmp_path, TEXT), *sets) / "summary.json")["final"]
    for name in ("val/loss", "test/loss"):
        assert float(row[name]) == pytest.approx(alone[name], rel=1e-12)


def test_results_do_not_depend_on_the_number_of_processes(tmp_path):
    write(tmp_path, TEXT)
    words = ("sweep", "experiment.yaml", "--random", "network.l2=0..0.1", "--budget", "4", "--seeds", "2", "--quiet")
    found = [nnlab(*words, "--jobs", jobs, cwd=tmp_path) for jobs in (1, 2)]
    assert [(one.returncode, one.stderr) for one in found] == [(0, ""), (0, "")]
    first, second = ((tmp_path / one.stdout.strip() / "metrics.csv").read_bytes() for one in found)
    assert first == second


def test_a_larger_budget_takes_over_what_is_done(tmp_path):
    words = ("--random", RATE, "--seeds", "2", "--needed")
    swept(tmp_path, *words, "--budget", "3")
    more = swept(tmp_path, *words, "--budget", "5")
    assert read_json(tmp_path / more["run"] / "run.json")["reused"] == 6
    assert len(more["arms"]) == 5


def test_gates_are_held_against_the_best_point(tmp_path):
    words = ("--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "2", "--json")
    gates = ("--gate", "best.val/accuracy >= 0.1", "--gate", "best.test/loss <= 0")
    result = nnlab_here("sweep", write(tmp_path, TEXT), *words, *gates, cwd=tmp_path)
    assert result.exit_code == 3
    summary = parse_json(result.stdout)
    assert [gate["met"] for gate in summary["gates"]] == [True, False]
    best = summary["arms"][summary["sweep"]["best"]]
    assert summary["gates"][1]["value"] == pytest.approx(best["final"]["test/loss"]["mean"])
    assert read_json(tmp_path / summary["run"] / "summary.json") == summary


def test_people_see_the_best_points(tmp_path):
    write(tmp_path, TEXT)
    words = ("--random", RATE, "--budget", "25", "--seeds", "1", "--set", "training.steps=2")
    result = nnlab_here("sweep", "experiment.yaml", *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "over 1 seed, with 95 % intervals; the best 20 of 25" in result.stderr
    assert result.stderr.count("learning_rate=") >= 20
    assert "optimizer.learning_rate: from 0.0001 to 1, even in the logarithm." in result.stderr
    assert "25 points: drawn by seed 2." in result.stderr


@pytest.mark.parametrize("metric", ["val/roc_auc", "val/average_precision", "val/f1/1"])
def test_points_are_ranked_by_any_figure_of_the_task(metric, tmp_path):
    found = swept(tmp_path, "--grid", "optimizer.learning_rate=0.0001,0.05", "--metric", metric, "--seeds", "2")
    assert (found["figure"], found["larger_is_better"]) == (metric, True)
    assert found["sweep"]["ranked_by"] == f"mean {metric}"
    means = {label: arm["final"][metric]["mean"] for label, arm in found["arms"].items()}
    assert found["verdict"]["ranking"] == sorted(means, key=means.get, reverse=True)
    assert f"test/{metric.removeprefix('val/')}" in found["sweep"]["test"]
    for label, arm in found["arms"].items():  # to the bit those of the seed that is trained alone
        setting = ("--set", f"optimizer.learning_rate={arm['settings']['optimizer.learning_rate']}")
        alone = nnlab_here("train", write(tmp_path, TEXT), *setting, "--json", "-q", cwd=tmp_path)
        assert parse_json(alone.stdout)["final"][metric] == found["arms"][label]["final"][metric]["values"][0]


def test_points_that_watch_different_figures_measure_the_same_ones(tmp_path):
    watched = "training.early_stopping.monitor=val/loss,val/roc_auc,val/macro_f1"
    found = swept(tmp_path, "--grid", watched, "--seeds", "2")
    names = [[*arm["final"]] for arm in found["arms"].values()]
    assert names == [names[0]] * 3
    assert {"val/roc_auc", "val/macro_f1"} <= {*names[0]}


def test_points_whose_gains_stay_below_min_delta_are_ranked_by_their_best_weights(tmp_path):
    """And not by the untrained networks, which are the same at every rate."""
    stopping = ("--set", "training.early_stopping={min_delta: 1.5, patience: 100}")
    rates = ("--grid", "optimizer.learning_rate=0.003,0.05", "--metric", "val/loss", "--seeds", "2")
    found = swept(tmp_path, *rates, *stopping)
    losses = [arm["final"]["val/loss"]["values"] for arm in found["arms"].values()]
    curves = read_rows(tmp_path / found["run"] / "metrics.csv")
    least = [
        [min(float(r["val/loss"]) for r in curves if (r["point"], r["seed"]) == (label, str(seed)) and r["val/loss"])
         for seed in found["seeds"]]
        for label in found["arms"]
    ]  # fmt: skip
    assert losses == least
    assert losses[0] != losses[1]


# --- what it says -----------------------------------------------------------------------------------------------------

GRID = ("--grid", "optimizer.learning_rate=0.0001,0.001,0.05", "--grid", "network.layers.0=3,5")


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """The folder and the summary of six points under ten seeds, two of them far better than the others."""
    folder = tmp_path_factory.mktemp("sweep")
    words = (*GRID, "--seeds", "10", "--set", "training.steps=60", "--json")
    result = nnlab_here("sweep", write(folder, TEXT), *words, cwd=folder)
    assert result.exit_code == 0, result.stderr
    summary = parse_json(result.stdout)
    return folder / summary["run"], summary


def numbers(rows, name, point):
    return np.array([float(row[name]) for row in rows if row["point"] == point])


def test_every_figure_of_the_ranking_can_be_computed_again(big):
    path, summary = big
    rows, ranking = read_rows(path / "results.csv"), summary["sweep"]["ranking"]
    best = numbers(rows, "val/accuracy", ranking[0]["point"])
    ps = {}
    for line in ranking:
        own = numbers(rows, "val/accuracy", line["point"])
        assert line["value"] == pytest.approx(own.mean())
        assert 0 <= line["low"] <= line["value"] <= line["high"] <= 1
        if line["behind"]:
            assert line["behind"]["difference"] == pytest.approx((best - own).mean())
            ps[line["point"]] = stats.permutation_test(
                (best, own), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
                n_resamples=np.inf, vectorized=True).pvalue  # fmt: skip
    order = sorted(ps, key=ps.get)
    adjusted = np.minimum(1, np.maximum.accumulate([(5 - i) * ps[point] for i, point in enumerate(order)]))
    behind = {line["point"]: line["behind"] for line in ranking}
    np.testing.assert_allclose([behind[point]["p_adjusted"] for point in order], adjusted)
    for point in order:
        assert behind[point]["told_apart"] == (behind[point]["p_adjusted"] <= 0.05 and behind[point]["low"] > 0)
    assert 0 < sum(behind[point]["told_apart"] for point in order) < 5
    pairs = {(row["better"], row["worse"]): float(row["p"]) for row in read_rows(path / "pairs.csv")}
    assert {worse: p for (_, worse), p in pairs.items()} == pytest.approx(ps)


def test_points_have_a_row_for_each_statistic_and_a_column_for_each_key(big):
    path, summary = big
    rows = read_rows(path / "points.csv")
    keys = ["optimizer.learning_rate", "network.layers.0"]
    assert list(rows[0])[:4] == ["point", *keys, "figure"]
    for name in ("results.csv", "metrics.csv", "points.csv"):
        assert {tuple(row[key] for key in keys) for row in read_rows(path / name)} == {
            (rate, width) for rate in ("0.0001", "0.001", "0.05") for width in "35"
        }
    for row in rows:
        final = summary["arms"][row["point"]]["final"]
        if row["figure"] in final and row["statistic"] == "mean":
            assert float(row["value"]) == final[row["figure"]]["mean"]
    assert not (path / "arms.csv").exists()
    assert not (path / "shares.csv").exists()


def test_the_sentences_say_which_points_are_ruled_out_and_which_are_not(big):
    _, summary = big
    best, tested, worse, others = summary["verdict"]["sentences"]
    ranking = summary["sweep"]["ranking"]
    first, second = ranking[0], ranking[1]
    assert first["value"] == second["value"]
    tie = f"{first['point']} and {second['point']} tie"
    assert best.startswith(f"No single best of 6 points can be told: {tie}: mean val accuracy ")
    assert tested.startswith(f"Of {first['point']}, the mean test accuracy ")
    assert tested.endswith("is an estimate for new rows: the test part had no say in the choice.")
    apart = [line["behind"]["told_apart"] for line in ranking[1:]]
    assert apart == sorted(apart)  # here the places that are ruled out are the last ones
    first = 2 + apart.index(True)
    assert worse.startswith("val accuracy: ruled out as the best by 10 seeds: place")
    assert {int(word) for word in re.findall(r"\d+", worse.rpartition(": ")[2])} == {first, 6}
    assert {int(word) for word in re.findall(r"\d+", others.rpartition(": ")[2])} <= set(range(2, first))
    assert others.startswith("val accuracy: not told apart from the best by 10 seeds: place")
    assert summary["verdict"]["warnings"] == []


@pytest.mark.parametrize(
    ("rates", "seeds", "headline"),
    [
        ("0.05,1e-5", 10, "The best of 2 points is learning_rate=0.05: mean val accuracy "),
        (
            "0.05,0.03,1e-5",
            10,
            "The best of 3 points by its mean, not told apart from 1 of them, is learning_rate=0.05: mean ",
        ),
        (
            "0.05,1e-5",
            3,
            "No best of 2 points can be told, but learning_rate=0.05 has the best mean: mean val accuracy ",
        ),
        ("1e-9,2e-9", 3, "No best of 2 points can be told: learning_rate=2e-9 and learning_rate=1e-9 tie: mean val "),
    ],
)
def test_no_best_is_named_where_points_cannot_be_told_from_it(rates, seeds, headline, tmp_path):
    words = ("--grid", f"optimizer.learning_rate={rates}", "--seeds", str(seeds))
    summary = swept(tmp_path, *words, "--set", "training.steps=60")
    assert summary["verdict"]["sentences"][0].startswith(headline)


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([2], "place 2 of the ranking"),
        ([2, 3], "places 2 and 3 of the ranking"),
        ([2, 3, 4, 6, 9, 10], "places 2 to 4, 6, 9 and 10 of the ranking"),
    ],
)
def test_places_are_told_in_few_words(places, words):
    assert _placed(places) == words


def test_the_report_is_that_of_a_sweep(big):
    path, summary = big
    text = (path / "report.html").read_text(encoding="utf-8")
    page = Reader(text)
    shown = page.text()
    assert "nnlab sweep, begun " in shown
    assert "6 points, 10 seeds each" in shown
    for phrase in ("compare-activations", "arms", "nothing to compare", "could be compared"):
        assert phrase not in shown.partition("Environment")[0].rpartition("}")[2]
    for section in ("Result", "Searched", "Figures", "Pictures", "Experiment", "Environment"):
        assert section in page.text("h2")
    for sentence in (*summary["verdict"]["sentences"], *summary["verdict"]["searched"]):
        assert sentence in shown
    assert "6 points: every combination of the grid." in shown
    assert "the test part is looked at for the best point alone" in shown
    assert "each point is this experiment with its own optimizer.learning_rate and network.layers.0." in shown
    pictures = sorted(picture.name for picture in (path / "plots").glob("*.png"))
    assert pictures == ["accuracy.png", "cost.png", "final.png", "keys.png"]
    assert text.count("<img") == 4


def test_tables_rank_by_validation_with_a_column_for_each_key_and_the_test_figure_of_the_best_alone(big):
    path, summary = big
    ranking, best, cost = sweep_tables(SweepSummary.of(summary, "summary"))
    assert list(ranking.columns)[:4] == ["place", "optimizer.learning_rate", "network.layers.0", "val/accuracy"]
    assert [row[3] for row in ranking.rows] == [line["value"] for line in summary["sweep"]["ranking"]]
    assert [row[0] for row in ranking.rows] == [1, 2, 3, 4, 5, 6]
    assert {type(row[1]) for row in ranking.rows} == {float}
    assert "test/accuracy" in {row[0] for row in best.rows}
    for table in (ranking, cost):
        assert not any("test/" in str(name) for name in (*table.columns, table.caption))
    text = (path / "table.md").read_text()
    assert (text.count("test/accuracy"), text.count("test accuracy")) == (1, 1)  # a row and a sentence
    assert "network.layers.0" in (path / "table.tex").read_text()


def test_with_too_few_seeds_there_is_a_warning_and_no_claim(tmp_path):
    found = swept(tmp_path, *GRID, "--seeds", "3")["verdict"]
    assert not any("ruled out" in sentence or "not told apart" in sentence for sentence in found["sentences"])
    assert "3 seeds cannot tell any difference in 5 pairs from chance: at least 8 are needed" in found["warnings"]


def test_a_part_of_a_grid_is_said_to_be_one(tmp_path):
    found = swept(tmp_path, *GRID, "--seeds", "2", "--budget", "4")
    assert "4 points: a part of the 6 combinations of the grid, drawn by seed 2." in found["verdict"]["searched"]
    assert found["sweep"]["searched"] == {
        "keys": {"optimizer.learning_rate": ["0.0001", "0.001", "0.05"], "network.layers.0": ["3", "5"]},
        "points": 4,
        "combinations": 6,
        "drawn_by_seed": 2,
    }


def test_draws_on_a_grid_are_described(tmp_path):
    words = ("--grid", "network.layers.0=3,5", "--random", "network.l2=0..0.1", "--seeds", "1", "--budget", "3")
    found = swept(tmp_path, *words)
    assert found["verdict"]["searched"] == [
        "network.layers.0: 3, 5.",
        "network.l2: from 0 to 0.1, even.",
        "3 points: drawn by seed 2, on the 2 combinations of the grid in turn.",
    ]
    assert found["sweep"]["searched"]["keys"]["network.l2"] == {"low": 0.0, "high": 0.1, "log": False}


def test_without_rows_held_out_the_choice_on_training_rows_is_warned_of(tmp_path):
    write(tmp_path, "name: x\ntask: binary\ndata: {source: xor}\nnetwork: {layers: [2]}\ntraining: {steps: 5}\n")
    words = ("--grid", "optimizer.learning_rate=0.1,1", "--seeds", "2")
    result = nnlab_here("sweep", "experiment.yaml", *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    warning = "settings are chosen by train/accuracy, on the very rows that were trained on"
    assert f"warning: {warning}" in result.stderr
    header = next(line for line in result.stderr.splitlines() if line.startswith("place"))
    assert header.count("train/accuracy") == 1
    path = tmp_path / result.stdout.strip()
    assert any(one.startswith(warning) for one in read_json(path / "summary.json")["verdict"]["warnings"])
    assert warning in Reader((path / "report.html").read_text(encoding="utf-8")).text()
    assert read_json(path / "summary.json")["sweep"]["test"] == {}


def test_without_a_test_part_the_best_figure_is_said_to_be_too_good(tmp_path):
    words = ("--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "1", "--set", "data.test=null")
    found = swept(tmp_path, *words)
    too_good, alone = found["verdict"]["warnings"]
    assert too_good.startswith("val/accuracy of the best settings looks better than it is")
    assert alone.startswith("1 seed a point: how much seeds differ is unknown")
    one = swept(tmp_path, "--grid", "optimizer.learning_rate=0.01", "--seeds", "1", "--set", "data.test=null")
    assert one["verdict"]["sentences"][0].startswith("The only point is learning_rate=0.01: mean val accuracy ")
    assert one["verdict"]["warnings"] == [alone]


def test_points_that_lost_seeds_rank_last_and_are_warned_of(tmp_path):
    text = "name: away\ntask: regression\ndata: {source: houses}\nnetwork: {layers: [3]}\ntraining: {steps: 60}\n"
    words = ("--grid", "optimizer.learning_rate=1e-9,1e30", "--seeds", "2", "--set", "optimizer.name=sgd")
    result = nnlab_here("sweep", write(tmp_path, text), *words, "--json", cwd=tmp_path)
    found = parse_json(result.stdout)
    assert found["sweep"]["best"] == "learning_rate=1e-9"
    assert found["sweep"]["ranking"][1]["diverged"] == 2
    assert found["sweep"]["ranking"][1]["value"] is None
    assert any(one.startswith("1 point lost seeds that diverged") for one in found["verdict"]["warnings"])
