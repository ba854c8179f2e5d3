"""Signals and gradients of the first batch, beside those expected: in a dry run, in summary.json and in the report."""

import numpy as np
import pytest
from support import nnlab_here, parse_json, read_json, write

from nnlab import api
from nnlab.comparison.prepare import sweep_arms
from nnlab.comparison.start_warnings import warnings_of_starts
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.experiments.first_batch import first_batch
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up

pytestmark = pytest.mark.usefixtures("no_pictures")

TEXT = """\
name: moons
task: binary
seed: 4
precision: float64
data:
  source: {name: moons, samples: 60}
  scale: standard
network:
  layers: [5, 4]
  activation: sigmoid
optimizer: {name: adam, learning_rate: 0.05}
training:
  steps: 3
  batch_size: 16
"""
WARNING = "85 % of sigmoid's signal is the same for every input; gradients shrink × 0.39 a layer: try init:"
TOLD = f"{WARNING} {{name: fair, aim: centred}}"


def with_layers(count):
    return validate(read_text(TEXT.replace("[5, 4]", f"[{', '.join(['4'] * count)}]"), "e.yaml"))


def setup_of(text=TEXT):
    experiment = validate(read_text(text, "e.yaml"))
    return set_up(experiment, prepare_rows(experiment, read_rows(experiment, None, None), [experiment.seed]))


def test_what_is_measured_is_that_of_the_first_batch():
    setup = setup_of()
    first, second, last = first_batch(setup).layers
    views = {name: values[0] for name, values in setup.network.layout.views(setup.start().theta).items()}
    (x,), (y,) = setup.batches().at(0)
    z1 = x @ views["dense1/weights"]
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ views["dense2/weights"]
    a2 = 1 / (1 + np.exp(-z2))
    z3 = a2 @ views["dense3/weights"]
    d3 = (1 / (1 + np.exp(-z3)) - y) / len(x)
    d2 = d3 @ views["dense3/weights"].T * a2 * (1 - a2)
    d1 = d2 @ views["dense2/weights"].T * a1 * (1 - a1)
    norms = [np.linalg.norm(d) / np.linalg.norm(d3) for d in (d1, d2, d3)]
    signals = [np.sqrt(np.square(z).mean()) for z in (z1, z2, z3)]
    assert [one.signal for one in (first, second, last)] == pytest.approx(signals)
    assert [one.gradient for one in (first, second, last)] == pytest.approx(norms)
    assert [one.signal_expected for one in (first, second, last)] == pytest.approx([1, 1, 1])
    assert [one.gradient_expected for one in (first, second, last)] == pytest.approx([0.1528, 0.3909, 1], rel=1e-3)


def test_other_starts_are_only_measured():
    found = first_batch(setup_of(TEXT.replace("  activation", "  init: he_normal\n  activation")))
    assert [one.signal_expected for one in found.layers] == [None, None, None]
    assert all(one.gradient is not None for one in found.layers)
    assert found.sentence == ""


def test_the_table_says_where_what_is_expected_is_not_to_be_trusted():
    found = first_batch(setup_of(TEXT.replace("[5, 4]", "[4, 4, 4]").replace("sigmoid", "{formula: x**2}")))
    assert found.sentence.startswith("The variance of the signal scatters")
    assert "An error in the variance of the signal grows × 2 a layer of x ** 2, × 8 in all" in found.sentence


def test_images_go_through_a_few_at_a_time_and_what_is_pooled_is_not_foreseen():
    text = TEXT.replace("moons, samples: 60", "digits").replace("binary", "multiclass").replace("sigmoid", "relu")
    found = first_batch(setup_of(text.replace("[5, 4]", "[{conv2d: 3, kernel: 3}, {max_pool: 2}, 8]")))
    assert [one.layer for one in found.layers] == ["conv2d1", "dense1", "dense2"]
    assert [one.gradient_expected for one in found.layers] == [None, pytest.approx(1), 1]
    assert all(one.signal and one.gradient for one in found.layers)


def test_a_dry_run_shows_them(tmp_path):
    write(tmp_path, TEXT)
    shown = nnlab_here("train", "experiment.yaml", "--dry-run", cwd=tmp_path)
    assert f"warning: {WARNING}" in shown.stderr
    assert "layer   root mean square  expected  gradient  expected\ndense1" in shown.stderr
    assert "The variance of the signal scatters from seed to seed, most by ± 36 % with the 4 inputs" in shown.stderr
    told = parse_json(nnlab_here("train", "experiment.yaml", "--dry-run", "--json", cwd=tmp_path).stdout)
    assert [layer["layer"] for layer in told["start"]["layers"]] == ["dense1", "dense2", "dense3"]
    assert told["warnings"][0].startswith(WARNING)


def test_a_training_warns_first_and_keeps_what_it_measured(tmp_path):
    write(tmp_path, TEXT)
    trained = nnlab_here("train", "experiment.yaml", "--quiet", cwd=tmp_path)
    folder = tmp_path / trained.stdout.strip()
    assert f"warning: {WARNING}" in (folder / "train.log").read_text()
    page = (folder / "report.html").read_text()
    assert "85 % of sigmoid&#x27;s signal" in page
    assert "Before training, on the first batch" in page
    assert read_json(folder / "summary.json")["start"] == first_batch(setup_of()).document()


def test_arms_and_points_say_once_what_is_wrong_with_their_starts(tmp_path):
    write(tmp_path, TEXT)
    words = ("-a", "sigmoid", "-a", "relu", "--seeds", "1", "--quiet")
    compared = nnlab_here("compare-activations", "experiment.yaml", *words, cwd=tmp_path)
    summary = read_json(tmp_path / compared.stdout.strip() / "summary.json")
    assert [text for text in summary["verdict"]["warnings"] if text.startswith(WARNING)]
    assert sum("signal is the same" in text for text in summary["verdict"]["warnings"]) == 1
    file = api.resolve(tmp_path / "experiment.yaml")
    swept = sweep_arms(file, ["network.layers=[3],[3,3],[4,4]"], [], None, 1).checked(file.dataset())
    assert [text for text in swept.warnings if "signal" in text] == [f"with layers=[3,3]: {TOLD}"]
    depths = {f"{n} layers": with_layers(n) for n in range(4, 12)}
    told = warnings_of_starts(depths, file.dataset())
    assert len(told) == 6
    assert told[-1] == "so do 3 more starts, in other figures"


def test_an_activation_without_a_gain_is_refused_before_any_arm_is_trained(tmp_path):
    write(tmp_path, TEXT)
    refused = nnlab_here("compare-activations", "experiment.yaml", "-a", "exp(x*x)", "-a", "relu", cwd=tmp_path)
    assert refused.exit_code == 2
    assert "experiment.yaml:9:15: with f1: dense2: E[f²] of what goes into the layer is infinite" in refused.stderr
    assert "expected another activation, or another initialiser" in refused.stderr
    assert not (tmp_path / "runs").exists()
