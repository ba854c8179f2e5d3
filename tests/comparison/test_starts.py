"""A comparison under several starts: what is trained, what is tested, which signs hold, and where each start stands."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pages import Reader
from support import nnlab_here, parse_json, read_json, read_rows, write

from nnlab import api
from nnlab.comparison.contents import which_are_drawn
from nnlab.comparison.prepare import activation_arms
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.errors import CheckpointError
from nnlab.setup.network import network_for
from nnlab.setup.rows import prepare_rows
from nnlab.setup.rows import read_rows as rows_of
from nnlab.setup.setup import set_up
from nnlab.setup.starts import start_of
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import ComparisonSummary

TEXT = """\
name: nor
task: binary
data: {source: xor}
network: {layers: [4]}
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 20, batch_size: all, log_every: 10}
"""
ARMS = ("-a", "tanh", "-a", "relu", "--starts", "own,fair,same", "--gains", "2,1")
NAMES = ["fair", "own × 2", "own", "fair × 2", "same × 2", "same"]
DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two arms under three starts with two gains and three seeds print, and their folder."""
    folder = tmp_path_factory.mktemp("starts")
    write(folder, TEXT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
        patch.setattr("nnlab.comparison.conclusions.median_networks_of", lambda *_: {})
        result = nnlab_here("compare-activations", "experiment.yaml", *ARMS, "--seeds", "3", cwd=folder)
    assert result.exit_code == 0, result.stderr
    return result, folder / result.stdout.strip()


@pytest.fixture(scope="module")
def summary(found):
    return RunFolder(found[1]).summary(ComparisonSummary)


def test_every_activation_is_trained_once_under_every_start_that_is_its_own(summary):
    of_tanh = ["tanh", *(f"tanh [{name}]" for name in NAMES[1:])]
    of_relu = ["relu", "relu [own × 2]", "relu [own]", "relu [fair × 2]"]  # the file's activation: own is same
    assert {*summary.arms} == {*of_tanh, *of_relu}
    assert summary.arms["relu [own]"].starts == ("own", "same")
    assert summary.verdict.sentences[-1] == (
        "relu starts alike under own × 2 and same × 2, under own and same, so that it was trained once for both."
    )


def test_pairs_are_tested_under_the_first_start_alone(summary):
    assert {*summary.verdict.ranking} == {"tanh", "relu"}
    assert [{pair.better, pair.worse} for pair in (*summary.pairs, *summary.shares)] == [{"tanh", "relu"}] * 2
    assert (summary.starts.tested, [*summary.starts.names]) == ("fair", NAMES)


def test_the_differences_under_each_start_are_those_of_its_arms(summary):
    [pair] = summary.starts.pairs
    assert [*pair.differences] == NAMES
    for start, difference in pair.differences.items():
        arms = {arm.name: arm for arm in summary.arms.values() if start in arm.starts}
        better, worse = (arms[name].final[summary.figure].mean for name in (pair.better, pair.worse))
        assert difference == pytest.approx(better - worse, abs=1e-12)
    assert pair.is_robust is None  # three seeds tell nothing apart


def test_initialiser_and_gain_stand_in_every_table(found, summary):
    result, path = found
    arms = {label: (arm.initializer, arm.gain) for label, arm in summary.arms.items()}
    assert arms["tanh"] == ("fair γ = 1.593", 1)
    assert arms["relu [fair × 2]"] == ("fair γ = 1.414", 2)
    assert arms["tanh [own × 2]"] == ("glorot_uniform", 2)
    assert arms["tanh [same]"] == ("he_normal", 1)
    rows = [row for row in read_rows(path / "results.csv") if not row["activation"].startswith("baseline/")]
    assert {row["activation"]: (row["initializer"], float(row["gain"])) for row in rows} == arms
    page = Reader((path / "report.html").read_text(encoding="utf-8")).text()
    table = (path / "table.md").read_text(encoding="utf-8").replace("\\", "")
    for text in (result.stderr, page, table):
        assert all(summary.arms[label].start in text for label in arms)
    assert "glorot_uniform × 2" in page
    assert "By how much train/accuracy is better under each start; tested under fair" in page
    assert "By how much the share of seeds at train/accuracy >= 0.95 is larger (points) under each start" in page
    tex = (path / "table.tex").read_text(encoding="utf-8")
    assert r"fair $\gamma$ = 1.593 $\times$ 2" in tex
    assert not {*tex} & {"γ", "×"}


@pytest.mark.usefixtures("without_pictures")
def test_what_is_trained_is_reused_and_so_is_that_of_a_plain_comparison(found):
    folder = found[1].parents[1]
    for words in (ARMS, ("-a", "tanh", "-a", "relu")):
        result = nnlab_here(
            "compare-activations", "experiment.yaml", *words, "--seeds", "3", "--needed", "--json", cwd=folder
        )
        run = read_json(folder / parse_json(result.stdout)["run"] / "run.json")
        assert run["reused"] == 3 * (10 if words == ARMS else 2)


def test_an_arm_under_a_start_is_opened_listed_and_trained_by_its_name(found, summary):
    folder = found[1].parents[1]
    value = summary.arms["tanh [own × 2]"].final["train/loss"].values[1]
    for label in ("tanh [own × 2]", "tanh [own x 2]"):
        result = nnlab_here("eval", f"{found[1]}:{label}@seed1", "--json", cwd=folder)
        assert parse_json(result.stdout)["figures"]["train/loss"] == value
    listed = nnlab_here("runs", "show", found[1], cwd=folder)
    assert "tanh [own × 2].train/accuracy" in listed.stdout + listed.stderr
    with pytest.raises(CheckpointError) as error:
        api.verify(f"{found[1]}:tanh [same]@seed1")
    words = str(error.value).partition("to train it as a run: ")[2]
    assert '"weights": "he_normal"' in words


def test_an_older_table_without_starts_is_still_read(found, tmp_path):
    path = found[1]
    lines = (path / "results.csv").read_text(encoding="utf-8").splitlines()
    folder = RunFolder.create(tmp_path, "older", ("plots",), (path / "config.yaml").read_text(encoding="utf-8"))
    for name in ("metrics.csv", "summary.json"):
        (folder.path / name).write_bytes((path / name).read_bytes())
    folder.write_run(RunFolder(path).read_run().model_copy(update={"tables": {}}))
    (folder.path / "results.csv").write_text("".join(f"{line.rsplit(',', 2)[0]}\n" for line in lines), encoding="utf-8")
    result = nnlab_here("plot", folder.path, "ranking", "--out", tmp_path / "a.svg", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr


def test_titles_say_which_arms_are_drawn(summary):
    assert which_are_drawn(summary, 2) == "start fair"
    assert which_are_drawn(summary, 10) == ""
    assert which_are_drawn(summary.model_copy(update={"starts": None}), 2) == "the best 2 of 10 arms"


# --- how a network starts, in words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("{layers: [4, 4], activation: silu}", "fair γ = 1.677"),
        ("{layers: [4, {dense: 4, activation: relu}], activation: silu}", "fair γ = 1.677 and 1.414"),
        ("{layers: [4, {activation: softmax}]}", "fair γ = as measured"),
        ("{layers: [4], init: {name: fair, aim: gradient}, activation: tanh}", "fair(aim=gradient) γ = 1.467"),
        ("{layers: [4, {dense: 4, init: {weights: zeros, gain: 2}}], init: he_normal}", "he_normal, zeros × 2"),
        ("{layers: [{dense: 4, init: zeros}, 4], activation: tanh}", "zeros, fair γ = 1.593"),
        ("{layers: [4], init: recommended, activation: tanh}", "glorot_uniform"),
    ],
)
def test_how_a_network_starts_in_words(network, words):
    text = TEXT.replace("{layers: [4]}", network)
    assert start_of(network_for(validate(read_text(text, "e.yaml")), (2,), 1), 1.0) == words


# --- a formula and its built-in name ----------------------------------------------------------------------------------


def test_silu_and_its_formula_start_alike_on_every_seed():
    arms = activation_arms(api.resolve(str(DIGITS)), ["silu", "x * sigmoid(x)"], 20)
    dataset = rows_of(arms.file.experiment, None, DIGITS.parent)
    silu, formula = (
        set_up(arm.experiment, prepare_rows(arm.experiment, dataset, [*arms.seeds])).start().theta
        for arm in arms.variants
    )
    assert len(silu) == 20
    np.testing.assert_array_equal(silu, formula)
    assert math.isfinite(float(silu.sum()))
