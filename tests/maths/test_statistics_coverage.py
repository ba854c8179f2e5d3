"""Whether the statistics hold what they promise, by a smaller form of the study in benchmarks/coverage.py."""

import csv
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from support import ROOT, environment

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("coverage_study", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def rates(rows):
    return {method: rate for _, _, _, method, rate, _ in rows}


SIMULATIONS = 1000
SLACK = 0.014  # two standard errors of a rate of 95 % in so many simulations

HOLDING = [
    *((name, n) for name in ("normal", "accuracy, beta(30, 2)", "log-normal, skewness 1.8") for n in (5, 10, 30)),
    *(("exponential, skewness 2", n) for n in (5, 10, 30)),
    ("two humps, 10 % stuck", 30),
    ("two humps, 20 % stuck", 30),
    ("two humps, 30 % stuck", 10),
    ("two humps, 30 % stuck", 30),
    ("two humps, 50 % stuck", 5),
    ("two humps, 50 % stuck", 10),
    ("two humps, 50 % stuck", 30),
]


@pytest.mark.parametrize(("name", "seeds"), HOLDING)
def test_the_interval_of_the_mean_holds(study, name, seeds):
    rate = next(row[4] for row in study.coverage(name, seeds, SIMULATIONS, ["nnlab"]))
    assert 0.93 - SLACK <= rate <= 0.97 + SLACK


@pytest.mark.parametrize("seeds", [5, 10, 30])
def test_where_figures_are_skewed_it_holds_what_others_do_not(study, seeds):
    found = rates(study.coverage("exponential, skewness 2", seeds, 500, ["nnlab", "percentile", "BCa", "Student t"]))
    assert found["nnlab"] > max(found["percentile"], found["BCa"], found["Student t"])
    if seeds < 30:
        assert found["percentile"] < 0.9
        assert found["Student t"] < 0.93


@pytest.mark.parametrize(("stuck", "seeds"), [(5, 5), (5, 10), (5, 30), (10, 5), (10, 10), (20, 5), (20, 10), (30, 5)])
def test_where_no_interval_can_hold_the_table_says_so(study, stuck, seeds):
    rows = [row for row in study.coverage(f"two humps, {stuck} % stuck", seeds, 300) if row[0] == "mean"]
    assert all(row[4] < 0.93 for row in rows)
    missed = (stuck / 100) ** seeds + (1 - stuck / 100) ** seeds
    assert rows[0][5] == f"no interval can: {100 * missed:.0f} % of samples meet one hump only"


@pytest.mark.parametrize("seeds", [5, 10])
def test_a_long_tail_is_named_as_the_reason(study, seeds):
    rows = [row for row in study.coverage("log-normal, skewness 6.2", seeds, SIMULATIONS) if row[0] == "mean"]
    assert all(row[4] < 0.93 for row in rows)
    assert rows[0][5] == "no candidate holds: most samples miss the long tail"


def test_samples_that_look_as_if_they_had_one_hump_are_the_reason(study):
    """Of the two-humped samples, those in which both humps show are marked as such, or hold the mean."""
    population = study.POPULATIONS["two humps, 20 % stuck"]
    samples = population.draw(np.random.default_rng(0), (500, 10))
    for sample in samples:
        interval = study.mean_over_seeds(sample)
        both = sample.min() < 0.85 < sample.max()
        assert bool(interval.note) == both
        assert both or not interval.low <= population.mean <= interval.high


@pytest.mark.parametrize("name", ["normal", "exponential, skewness 2", "two humps, 20 % stuck"])
def test_a_true_null_is_seldom_rejected(study, name):
    for seeds in (6, 10):
        found = rates(study.rejections(name, seeds, 2000))
        assert found["permutation"] <= 0.06
        assert found["interval without 0"] <= 0.07
    assert rates(study.rejections(name, 30, 400))["permutation"] <= 0.05 + 0.022  # two standard errors
    assert rates(study.family(name, 8, 1000))["Holm, 4 arms"] <= 0.06


@pytest.mark.parametrize("effect", [0.8, 1.2])
def test_enough_seeds_are_enough(study, effect):
    for _, _, seeds, _, rate, _ in study.powers(effect, SIMULATIONS):
        assert rate == pytest.approx(study.power(effect, seeds), abs=0.04)
        assert rate > 0.77


@pytest.mark.parametrize("seeds", [5, 10, 30])
def test_an_interval_that_is_cut_at_what_can_be_holds_as_often(study, seeds):
    found = rates(study.coverage("accuracy, beta(30, 2)", seeds, 300, ["nnlab"]))
    assert found["nnlab, cut at what can be"] == rates(
        row for row in study.coverage("accuracy, beta(30, 2)", seeds, 300, ["nnlab"]) if row[0] == "mean"
    )["nnlab"]  # fmt: skip


def test_the_best_of_many_points_is_seldom_ruled_out(study):
    rows = [*study.best_points("normal", 10, 150), *study.best_points("normal", 10, 100, ahead=0.5)]
    assert len(rows) == 3
    assert all(row[4] <= 0.05 for row in rows if row[3].startswith("the best left out"))


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (0.75, 0.25), (1.0, 0.9)])
def test_a_difference_of_shares_holds(study, first, second):
    found = rates(study.share_differences(first, second, 20, 1500))
    assert found["Bonett-Price"] >= 0.93 - SLACK
    if first == second:
        assert found["McNemar, p <= 5 %"] <= 0.05


@pytest.mark.parametrize("between", [0.0, 1.0, 10.0])
def test_intervals_over_data_sets_hold(study, between):
    found = rates(study.random_sets(12, 10, between, 700))
    assert found["mean"] >= 0.93 - SLACK
    assert 0.93 - SLACK <= found["next"] <= 0.97 + SLACK
    assert found["next, true"] >= found["next"] - SLACK


def test_equal_arms_are_seldom_told_apart_over_data_sets(study):
    found = rates([*study.set_families(12, 300, arms=4), *study.claimed_sets(12, 4, 200)])
    assert found["Holm, signed ranks"] <= 0.06
    assert found["Holm, sign flips"] <= 0.06
    assert found["at least u too large"] <= 0.05


def test_empirical_likelihood_is_what_it_is_defined_to_be(study):
    """At its ends the ratio is at its limit, and a mean of two values has one in closed form: 4 p (1 - p)."""
    samples = np.random.default_rng(0).exponential(size=(20, 6))
    limit = study.special.fdtri(1, 5, 0.95) * 6 / 5
    for end in study.empirical_likelihood(samples):
        np.testing.assert_allclose(study.likelihood_ratio(samples - end[:, None]), limit, rtol=1e-5)
    shares = np.array([0.5, 0.3, 0.01])
    ratio = study.likelihood_ratio(np.array([[0.0, 1.0]]) - shares[:, None])
    np.testing.assert_allclose(ratio, -2 * np.log(4 * shares * (1 - shares)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("method", "scipys"), [("percentile", "percentile"), ("BCa", "bca")])
def test_the_bootstraps_of_the_study_are_scipys(study, method, scipys):
    sample = np.random.default_rng(1).exponential(size=(1, 12))
    low, high = study.METHODS[method](sample)
    expected = study_bootstrap(sample[0], scipys)
    np.testing.assert_allclose([low[0], high[0]], expected, rtol=0.05)


def study_bootstrap(sample, method):
    from scipy import stats  # noqa: PLC0415 - for this one reference

    found = stats.bootstrap((sample,), np.mean, method=method, n_resamples=9999, rng=np.random.default_rng(2))
    return found.confidence_interval


def test_the_study_is_one_command(tmp_path):
    target = tmp_path / "rates.csv"
    command = [sys.executable, str(SCRIPT), "--simulations", "20", "--seeds", "5,31", "--csv", str(target)]
    runs = [subprocess.run(command, env=environment(), capture_output=True, text=True, check=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stderr == ""
    rows = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["study", "population", "seeds", "method", "rate", "remark"]
    assert {row["study"] for row in rows} == {"mean", "median", "null", "family", "power", "shares", "best", "sets"}
    assert all(0 <= float(row["rate"]) <= 1 for row in rows)
    assert "two humps, 5 % stuck" in runs[0].stdout
