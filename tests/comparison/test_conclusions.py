"""What a comparison concludes: every figure of its tables again, from results.csv and metrics.csv with scipy."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pages import Reader
from scipy import optimize, stats
from support import XOR, nnlab_here, parse_json, read_json, read_rows, write

from nnlab.comparison.arms import Target, arm_experiment, arms_from
from nnlab.comparison.conclusions import Trained, finish, possible
from nnlab.comparison.median_networks import film_steps, median_networks_of, median_replica
from nnlab.comparison.tasks import Arm, train_piece
from nnlab.config.choices import LossChoice, choose
from nnlab.config.document import read_text
from nnlab.config.experiment import to_yaml, validate
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.losses import LOSSES
from nnlab.setup.rows import prepare_rows
from nnlab.setup.rows import read_rows as read_data
from nnlab.setup.setup import set_up
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import ArmsRun
from nnlab.training.plan import never

pytestmark = pytest.mark.usefixtures("no_pictures")

NAN = math.nan
MOONS = """\
name: moons
task: binary
seed: 3
data:
  source: {name: moons, samples: 80}
  test: 0.25
  validation: 0.2
network: {layers: [4, 3]}
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 40, batch_size: 16, log_every: 5, evaluate_every: 10, health: true}
"""
SEEDS = 12


def parsed(text):
    document = read_text(text, "e.yaml")
    return validate(document, ACTIVATIONS), document


def made_arm(label, seed, *, lost=(), never=()):
    """An arm of seeds with accuracies that get better, of which some diverge and some never get to 0.9."""
    generator = np.random.default_rng(seed)
    steps = np.arange(0, 60, 10)
    accuracy = np.minimum(0.5 + np.cumsum(generator.uniform(0, 0.2, (SEEDS, 6)), axis=1), 1.0)
    accuracy[list(never)] = np.minimum(accuracy[list(never)], 0.85)
    diverged = np.isin(np.arange(SEEDS), lost)
    accuracy[diverged, 3:] = np.nan
    finals = {name: np.where(diverged, NAN, values) for name, values in
              (("train/loss", generator.exponential(1, SEEDS)), ("train/accuracy", accuracy[:, -1]))}  # fmt: skip
    curves = {"train/loss": generator.exponential(1, (SEEDS, 6)), "train/accuracy": accuracy}
    curves["train/loss"][diverged, 3:] = np.nan
    bad = np.where(diverged, 25, -1)
    [choice] = arms_from([label], ACTIVATIONS)
    return Arm(label, choice, 9, np.zeros((SEEDS, 9)), np.zeros((SEEDS, 0)), steps, curves, finals, diverged, bad, 0.3)


def finished(tmp_path, arms, **more):
    """The folder and the summary of a comparison of arms that were made up."""
    experiment, _ = parsed(XOR.read_text())
    folder = RunFolder.create(tmp_path, "made", ("plots", "weights"))
    folder.write_config(to_yaml(experiment))
    folder.write_run(ArmsRun(status="running", kind="compare-activations"))
    target = Target("train/accuracy", 0.9, larger_is_better=True)
    found = finish(Trained(experiment, folder, arms, range(1, SEEDS + 1), target, 1.0, **more))
    assert found.warnings == []
    return folder.path, found.summary.document()


@pytest.fixture(scope="module", params=["trained", "with losses"])
def comparison(request, tmp_path_factory):
    """The folder of a comparison and its target: one that was really trained, and one with diverged seeds."""
    folder = tmp_path_factory.mktemp("comparison")
    if request.param == "trained":
        words = (
            "-a",
            "tanh",
            "-a",
            "relu",
            "-a",
            "elu",
            "--seeds",
            SEEDS,
            "--target",
            "val/accuracy >= 0.85",
            "--json",
        )
        result = nnlab_here("compare-activations", write(folder, MOONS), *words, cwd=folder)
        assert (result.exit_code, result.stderr) == (0, "")
        return folder / parse_json(result.stdout)["run"], "val/accuracy", 0.85
    arms = [made_arm("tanh", 1), made_arm("relu", 2, lost=(3, 7), never=(1, 4)), made_arm("elu", 3, never=range(9))]
    path, _ = finished(folder, arms)
    return path, "train/accuracy", 0.9


@pytest.fixture(scope="module")
def path(comparison):
    return comparison[0]


@pytest.fixture(scope="module")
def results(path):
    """The rows of arms; those of baselines follow."""
    return [row for row in read_rows(path / "results.csv") if not row["activation"].startswith("baseline/")]


@pytest.fixture(scope="module")
def metrics(path):
    return read_rows(path / "metrics.csv")


def numbers(rows, name, label=None):
    """A column as an array, nan for empty cells."""
    return np.array([float(row[name] or "nan") for row in rows if label in (None, row["activation"])])


def curve(metrics, label, seed, name):
    """Steps and values of one seed's figure where it was measured."""
    rows = [row for row in metrics if (row["activation"], row["seed"]) == (label, seed) and row.get(name)]
    return numbers(rows, "step"), numbers(rows, name)


# --- One arm, a line or two of scipy for each figure ------------------------------------------------------------------


RANGES = {"loss": (0, np.inf), "accuracy": (0, 1), "dead": (0, 1), "saturated": (0, 1), "difference": (-1, 1)}


def mean_again(x, note, figure):
    """The wider of Student's interval and of Hall's, within what can be; two groups of seeds have Student's alone."""
    mean, low, high = unbounded_again(x, note)
    least, most = RANGES[figure.rpartition("/")[2]]
    return mean, max(low, least), min(high, most)


def unbounded_again(x, note):
    n, mean = len(x), np.mean(x)
    if np.ptp(x) == 0:
        return mean, mean, mean
    s, q, r = stats.sem(x), stats.t.ppf(0.975, n - 1), stats.skew(x, bias=False) / math.sqrt(n)
    low, high = (
        optimize.brentq(lambda t, y=y: t + r * t**2 / 3 + r**2 * t**3 / 27 + r / 6 - y, -99, 99) for y in (q, -q)
    )
    if "groups" in note or "seeds stand" in note:
        low, high = q, -q
    return mean, mean - s * max(q, low), mean - s * min(-q, high)


def median_again(x):
    """The exact interval between order statistics."""
    x, n = np.sort(x), len(x)
    k = int(stats.binom.ppf(0.025, n, 0.5))  # fewer than k heads have a chance of at most 2.5 %
    return np.median(x), x[k - 1], x[n - k]


def share_again(hits, n):
    return hits / n, *stats.binomtest(hits, n).proportion_ci(method="exact")


def reached_again(metrics, label, seeds, figure, level):
    """The first step of each seed at which the figure is at its level, inf for never."""
    curves = [curve(metrics, label, seed, figure) for seed in seeds]
    return np.array([min(steps[values >= level], default=np.inf) for steps, values in curves])


def again(comparison, results, metrics, label, figure, statistic, note):
    """A figure of arms.csv once more."""
    _, target, level = comparison
    rows = [row for row in results if row["activation"] == label]
    seeds = [row["seed"] for row in rows]
    if figure == "diverged":
        return share_again([row["diverged"] for row in rows].count("true"), len(rows))
    if figure == "time_per_step":
        return numbers(rows, "seconds").sum() / numbers(rows, "steps").sum(), NAN, NAN
    reached = reached_again(metrics, label, seeds, target, level)
    if figure == "reached":
        return share_again(int(np.isfinite(reached).sum()), len(rows))
    if figure in ("steps_to_target", "seconds_to_target"):
        per_step = numbers(rows, "seconds").sum() / numbers(rows, "steps").sum() if "seconds" in figure else 1
        return tuple(per_step * np.where(np.isinf(x), NAN, x) for x in median_again(reached))
    alive = [row["seed"] for row in rows if row["diverged"] == "false"]
    if figure == "area":
        curves = [curve(metrics, label, seed, target) for seed in alive]
        x = np.array([np.trapezoid(values, steps) / np.ptp(steps) for steps, values in curves])
    elif figure in ("dead", "saturated"):
        layers = [name for name in metrics[0] if name.endswith(f"/{figure}")]
        x = np.array([np.mean([curve(metrics, label, seed, name)[1][-1] for name in layers]) for seed in alive])
    else:
        x = numbers([row for row in rows if row["seed"] in alive], figure)
    within = target if figure == "area" else figure
    return mean_again(x, note, within) if statistic == "mean" else median_again(x)


def test_every_figure_of_the_arms_can_be_computed_again(comparison, path, results, metrics):
    rows = read_rows(path / "arms.csv")
    names = {row["figure"] for row in rows}
    assert {"area", "reached", "diverged", "steps_to_target", "seconds_to_target", "time_per_step"} < names
    assert ({"dead", "saturated"} < names) == ("health/activation1/dead" in metrics[0])
    for row in rows:
        asked = row["activation"], row["figure"], row["statistic"]
        found = [float(row[name] or "nan") for name in ("value", "low", "high")]
        expected = again(comparison, results, metrics, *asked, row["note"])
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12, err_msg=str(asked))


def test_the_columns_of_the_results_are_those_that_the_metrics_show(comparison, results, metrics):
    _, target, level = comparison
    for row in results:
        steps, values = curve(metrics, row["activation"], row["seed"], target)
        first = min(steps[values >= level], default=NAN)
        np.testing.assert_array_equal(float(row["steps_to_target"] or "nan"), first)
        assert float(row["steps"]) == (float(row["diverged_at"]) if row["diverged_at"] else steps[-1])
        if row["diverged"] == "false":
            assert float(row["area"]) == pytest.approx(np.trapezoid(values, steps) / np.ptp(steps), rel=1e-12)
        if row["steps_to_target"]:
            assert float(row["seconds_to_target"]) / float(row["seconds"]) == pytest.approx(first / float(row["steps"]))


# --- Pairs ------------------------------------------------------------------------------------------------------------


def both(results, headline, a, b):
    """The figures of two arms on the seeds that both have."""
    one, other = (numbers(results, headline, label) for label in (a, b))
    kept = ~np.isnan(one) & ~np.isnan(other)
    return one[kept], other[kept]


def needed_again(difference, significance):
    """The smallest number of seeds whose paired t test finds the difference four times in five."""
    effect = abs(difference.mean()) / difference.std(ddof=1)
    for n in range(1 + math.ceil(-math.log2(significance)), 10_001):
        q, shift = stats.t.ppf(1 - significance / 2, n - 1), effect * math.sqrt(n)
        if stats.nct.sf(q, n - 1, shift) + stats.nct.cdf(-q, n - 1, shift) >= 0.8:
            return n
    return None


def test_every_figure_of_the_pairs_can_be_computed_again(path, results):
    rows, headline = read_rows(path / "pairs.csv"), read_json(path / "summary.json")["figure"]
    assert len(rows) == 3
    for row in rows:
        a, b = both(results, headline, row["better"], row["worse"])
        wins = np.sum(a > b) + np.sum(a == b) / 2
        p = stats.permutation_test((a, b), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
                                   n_resamples=np.inf, vectorized=True).pvalue  # fmt: skip
        chance = (
            wins / len(a),
            stats.beta.ppf(0.025, wins, len(a) - wins + 1),
            stats.beta.ppf(0.975, wins + 1, len(a) - wins),
        )
        expected = [len(a), *mean_again(a - b, row["note"], "difference"), *chance, p]
        names = ("seeds", "difference", "low", "high", "chance", "chance_low", "chance_high", "p")
        np.testing.assert_allclose([float(row[name]) for name in names], expected, rtol=1e-7, atol=1e-12)
        assert row["seeds_needed"] == str(needed_again(a - b, 0.05 / 3) or "")


def test_every_figure_of_the_shares_can_be_computed_again(path, results):
    rows = read_rows(path / "shares.csv")
    assert len(rows) == 3
    for row in rows:
        a, b = (np.isfinite(numbers(results, "steps_to_target", row[name])) for name in ("better", "worse"))
        n, more, less = len(a), np.sum(a & ~b), np.sum(b & ~a)
        p, q = (more + 1) / (n + 2), (less + 1) / (n + 2)
        half = stats.norm.ppf(0.975) * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
        test = stats.binomtest(more, more + less).pvalue if more + less else 1
        expected = [n, a.mean(), b.mean(), a.mean() - b.mean(), p - q - half, p - q + half, more, less, test]
        names = ("seeds", "better_share", "worse_share", "difference", "low", "high", "only_better", "only_worse", "p")
        np.testing.assert_allclose([float(row[name]) for name in names], expected, rtol=1e-7, atol=1e-12)
        assert more >= less


@pytest.mark.parametrize("file", ["pairs.csv", "shares.csv"])
def test_adjusted_p_values_are_those_of_holm(file, path):
    rows = read_rows(path / file)
    order = sorted(rows, key=lambda row: float(row["p"]))
    expected = np.minimum(1, np.maximum.accumulate([(3 - i) * float(row["p"]) for i, row in enumerate(order)]))
    np.testing.assert_allclose([float(row["p_adjusted"]) for row in order], expected)
    for row in rows:
        assert (row["told_apart"] == "true") == (float(row["p_adjusted"]) <= 0.05 and float(row["low"]) > 0)


def test_the_win_matrix_can_be_computed_again(path, results):
    summary = read_json(path / "summary.json")
    for row, line in summary["wins"].items():
        for column, share in line.items():
            a, b = both(results, summary["figure"], row, column)
            assert share == pytest.approx(np.mean((a > b) + (a == b) / 2))


def test_summary_and_tables_say_the_same(path):
    summary = read_json(path / "summary.json")
    for row in read_rows(path / "arms.csv"):
        arm, value = summary["arms"][row["activation"]], float(row["value"] or "nan")
        if row["figure"] in arm["final"]:
            assert arm["final"][row["figure"]][row["statistic"]] == value
        elif row["figure"] in ("reached", "diverged"):
            assert arm[f"{row['figure']}_share"]["estimate"] == value
    for row, pair in zip(read_rows(path / "pairs.csv"), summary["pairs"], strict=True):
        assert (row["better"], row["worse"], float(row["p"])) == (pair["better"], pair["worse"], pair["p"])


# --- The verdict ------------------------------------------------------------------------------------------------------


def test_which_share_of_seeds_an_arm_fails_is_said_with_its_interval(tmp_path):
    _, summary = finished(tmp_path, [made_arm("relu", 2, lost=(3, 7), never=(1, 4))])
    missed = SEEDS - summary["arms"]["relu"]["reached"]
    low, high = stats.binomtest(missed, SEEDS).proportion_ci(method="exact")
    [sentence] = [one for one in summary["verdict"]["sentences"] if "fails" in one]
    assert sentence == (
        f"relu fails train/accuracy >= 0.9 on {100 * missed / SEEDS:.1f} % of seeds, "
        f"95 % {100 * low:.1f} % to {100 * high:.1f} % ({missed} of {SEEDS}); "
        "its seeds end with a train accuracy near 86.1 % or near 100.0 %."
    )


def test_where_some_seeds_get_stuck_the_verdict_leads_with_the_shares(tmp_path):
    arms = [made_arm("tanh", 1), made_arm("relu", 2, never=range(10))]
    for arm, stuck in zip(arms, (0, 10), strict=True):
        accuracy = np.where(np.arange(SEEDS) < stuck, 0.75, 1.0)
        arm.finals["train/accuracy"], arm.curves["train/accuracy"][:, -1] = accuracy, accuracy
    path, summary = finished(tmp_path, arms, remarks=["And this."])
    first, *_, last = summary["verdict"]["sentences"]
    assert first.startswith(
        "tanh reaches train/accuracy >= 0.9 on more seeds than relu: 100 % against 16.7 %, 83.3 points"
    )
    assert last == "And this."
    assert summary["shares"][0]["only_better"] == 10
    [row] = read_rows(path / "shares.csv")
    assert row["told_apart"] == "true"
    assert first in (path / "table.md").read_text().replace("\\", "")


def test_pairs_without_figures_in_a_sentence_are_counted(tmp_path):
    arms = [made_arm(label, seed) for seed, label in enumerate(("tanh", "relu", "elu", "selu", "sigmoid"))]
    _, summary = finished(tmp_path, arms)
    sentences = summary["verdict"]["sentences"]
    assert len(summary["pairs"]) == 10
    assert any("tanh" in sentence and f" can't be told apart with {SEEDS} seeds" in sentence for sentence in sentences)
    assert [one for one in sentences if ".csv" in one] == [
        "The figures of 6 more pairs are in pairs.csv.",
        "The figures of 4 more pairs are in shares.csv.",
    ]


def test_no_interval_reaches_beyond_what_a_figure_can_be(path):
    summary = read_json(path / "summary.json")
    for arm in summary["arms"].values():
        for name, final in arm["final"].items():
            least, most = RANGES[name.rpartition("/")[2]]
            assert least <= final["low"] <= final["mean"] <= final["high"] <= most


@pytest.mark.parametrize(
    ("figure", "loss", "expected"),
    [
        ("val/accuracy", None, (0, 1)),
        ("test/loss", None, (0, np.inf)),
        ("batch/loss", {"name": "poisson"}, (-np.inf, np.inf)),
        ("train/r2", None, (-np.inf, 1)),
        ("test/rmse", None, (0, np.inf)),
    ],
)
def test_what_a_figure_can_be_is_known(figure, loss, expected):
    experiment, _ = parsed(XOR.read_text())
    if loss:
        head = experiment.network.head.model_copy(update={"loss": choose(loss, LOSSES, LossChoice)})
        network = experiment.network.model_copy(update={"head": head})
        experiment = experiment.model_copy(update={"network": network})
    assert possible(experiment, figure) == expected


def test_an_arm_that_never_fails_is_not_said_to(tmp_path):
    arm = made_arm("tanh", 1)
    arm.curves["train/accuracy"][:, -1] = 1
    _, summary = finished(tmp_path, [arm])
    assert not any("fails" in sentence for sentence in summary["verdict"]["sentences"])
    assert summary["arms"]["tanh"]["steps_to_target"]["censored"] == 0


def test_the_notebooks_question_of_a_thousand_seeds_has_its_answer(tmp_path):
    """Relu with two units fails exclusive or on about three seeds of four."""
    words = ("--seeds", 200, "-a", "relu", "--json")
    result = nnlab_here("compare-activations", XOR, *words, cwd=tmp_path)
    sentences = parse_json(result.stdout)["verdict"]["sentences"]
    [answer] = [one for one in sentences if one.startswith("relu fails train/accuracy >= 0.95 on 7")]
    assert "of seeds, 95 % " in answer


def test_seeds_that_diverged_and_arms_that_failed_are_warned_of(tmp_path):
    arms = [made_arm("tanh", 1), made_arm("relu", 2, lost=(3, 7))]
    _, summary = finished(tmp_path, arms, failed={"elu": "found too little memory"})
    warnings = " ".join(summary["verdict"]["warnings"])
    assert "2 of 12 seeds of relu diverged" in warnings
    assert "elu is missing: found too little memory" in warnings
    assert summary["failed"] == {"elu": "found too little memory"}
    assert summary["arms"]["relu"]["diverged_share"]["estimate"] == pytest.approx(2 / 12)


def test_where_settings_were_tuned_only_the_best_arms_are_set_against_each_other(tmp_path):
    path, summary = finished(tmp_path, tuned_arms())
    assert {*summary["verdict"]["ranking"]} == {"relu", "elu"} == {*summary["wins"]}
    assert len(summary["pairs"]) == 1
    assert list(summary["arms"]) == ["tanh", "relu", "elu", "selu"]
    assert summary["best"] == {"tanh": "relu", "relu": "elu"}
    assert summary == read_json(path / "summary.json")


def tuned_arms():
    """Two families at two rates each, of which relu and elu are the best."""
    arms = [made_arm(label, seed) for seed, label in enumerate(("tanh", "relu", "elu", "selu"))]
    ways = zip(("tanh", "tanh", "relu", "relu"), ("0.1", "0.2", "0.1", "0.2"), (0.1, 0, 0, 0.1), strict=True)
    for arm, (family, rate, worse) in zip(arms, ways, strict=True):
        arm.family, arm.settings = family, (("optimizer.learning_rate", rate),)
        arm.finals["train/accuracy"] = np.linspace(0.7, 0.9, SEEDS) - worse
    return arms


def test_the_report_of_tuned_arms_shows_both_in_one_table_and_on_what_they_were_chosen(tmp_path):
    path, summary = finished(tmp_path, tuned_arms())
    [warning] = [one for one in summary["verdict"]["warnings"] if "on the very rows that were trained on" in one]
    page = Reader((path / "report.html").read_text(encoding="utf-8")).text()
    assert warning in page
    assert "all at the same settings (" in page
    assert "and each at its best" in page
    assert "each arm is this experiment with its own activation, optimizer.learning_rate." in page
    rows = read_rows(path / "results.csv")
    assert {(row["activation"], row["optimizer.learning_rate"]) for row in rows} == {
        ("tanh", "0.1"), ("relu", "0.2"), ("elu", "0.1"), ("selu", "0.2")
    }  # fmt: skip
    text = (path / "table.md").read_text()
    first = next(line for line in text.splitlines() if line.startswith("| relu |"))
    assert first.endswith("| optimizer.learning\\_rate=0.1 |")


def test_one_seed_has_no_interval_and_no_pair(tmp_path):
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), "--seeds", 1, "--json", cwd=tmp_path)
    summary = parse_json(result.stdout)
    assert summary["pairs"] == []
    assert all(arm["area"]["low"] is None for arm in summary["arms"].values())


def test_no_sentence_bears_a_star(path):
    text = (path / "table.md").read_text() + (path / "table.tex").read_text()
    assert "*" not in text


# --- The networks that are drawn --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    experiment, document = parsed(MOONS.replace(", health: true", ""))
    dataset = read_data(experiment, document, tmp_path_factory.mktemp("data"))
    arms = []
    for choice in arms_from(["tanh", "relu"], ACTIVATIONS):
        own = arm_experiment(experiment, choice)
        setup = set_up(own, prepare_rows(own, dataset, (3, 4, 5)))
        arms.append(replace(train_piece(setup, lambda _: None, never), label=choice.label, choice=choice))
    return experiment, dataset, arms


def test_a_film_ends_with_the_bits_of_the_network_that_was_compared(trained):
    experiment, dataset, arms = trained
    found = median_networks_of(experiment, arms, (3, 4, 5), "test/accuracy", dataset, {})
    assert list(found) == ["tanh", "relu"]
    for median_network in found.values():
        assert [frame.step for frame in median_network.frames] == [0, 1, 3, 10, 20, 40]
        first, last = median_network.frames[0], median_network.frames[-1]
        assert last.predict(dataset.x).tobytes() == median_network.predict(dataset.x).tobytes()
        assert first.predict(dataset.x).tobytes() != median_network.predict(dataset.x).tobytes()


def test_portraits_of_all_arms_reach_equally_far(trained):
    experiment, dataset, arms = trained
    found = median_networks_of(experiment, arms, (3, 4, 5), "test/accuracy", dataset, {})
    grids = [portrait.grid for median_network in found.values() for portrait in median_network.portraits]
    assert len(grids) == 4
    assert {(grid[0], grid[-1]) for grid in grids} == {(grids[0][0], grids[0][-1])}


def test_the_median_seed_is_in_the_middle_and_has_not_diverged():
    arm = made_arm("tanh", 1, lost=(0,))
    arm.finals["train/accuracy"][1:] = [0.5] * 3 + [0.75] * 5 + [1.0] * 3
    arm.finals["train/loss"][1:] = np.arange(11)
    assert median_replica(arm.finals, "train/accuracy") == 6
    assert median_replica(made_arm("tanh", 1, lost=range(SEEDS)).finals, "train/accuracy") is None


def test_the_steps_of_a_film_are_in_order_and_not_repeated():
    assert film_steps(1000) == [0, 20, 80, 250, 500, 1000]
    assert film_steps(1) == [0, 1]
