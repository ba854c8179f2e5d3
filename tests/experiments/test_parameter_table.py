"""`training.show_parameters`: weights and biases on stderr, in train.log and in parameters.csv, which resumes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from strategies import setup_of
from support import faults, nnlab_here, read_json, read_rows, trained, write

from nnlab.experiments.parameter_table import parameter_tables, parameter_way
from nnlab.networks.layout import Layout, ParameterSpec
from nnlab.storage import checkpoints

pytestmark = pytest.mark.usefixtures("no_pictures")

# 3 steps an epoch, 8 epochs; 2 · 3 + 3 + 3 + 1 = 13 parameters.
SMALL = """\
name: small
task: binary
data: {source: {name: moons, samples: 48}, scale: standard}
network: {layers: [3], activation: tanh}
training: {epochs: 8, batch_size: 16, log_every: 1000}
"""
EVERY_3 = ("--set", "training.show_parameters=3")
LARGE = ("--set", "network.layers=[40]")
LABELS = [
    *(f"dense1/weights[{i},{j}]" for i in range(2) for j in range(3)),
    *(f"dense1/bias[{j}]" for j in range(3)),
    *(f"dense2/weights[{i},0]" for i in range(3)),
    "dense2/bias[0]",
]


def theta_of(run):
    return checkpoints.load(run / "checkpoints" / "last.npz").arrays["theta"]


def test_weights_and_biases_stand_on_stderr_in_the_log_and_in_a_table(tmp_path, with_pictures):
    result = nnlab_here("train", write(tmp_path, SMALL), *EVERY_3, cwd=tmp_path)
    run = tmp_path / result.stdout.strip()
    rows = read_rows(run / "parameters.csv")
    assert [(row["step"], row["epoch"]) for row in rows] == [("0", "0.0"), ("9", "3.0"), ("18", "6.0"), ("24", "8.0")]
    assert [*rows[0]][2:] == LABELS
    assert [float(rows[-1][label]) for label in LABELS] == theta_of(run)[0].astype(float).tolist()
    last = f"{float(rows[-1]['dense1/weights[1,2]']):.4f}"
    for text in (result.stderr, (run / "train.log").read_text(encoding="utf-8")):
        assert re.findall(r"dense1 at step (\d+), epoch (\d+)", text) == [
            ("0", "0"),
            ("9", "3"),
            ("18", "6"),
            ("24", "8"),
        ]
        assert re.search(rf"dense1 at step 24.*weights\[1\] [^\n]* {re.escape(last)}\n", text, re.DOTALL)
    assert (run / "plots" / "parameters.png").is_file()


def test_of_a_large_network_the_norms_are_shown(tmp_path, with_pictures):
    result = nnlab_here("train", write(tmp_path, SMALL), *EVERY_3, *LARGE, cwd=tmp_path)
    run = tmp_path / result.stdout.strip()
    rows, theta = read_rows(run / "parameters.csv"), theta_of(run)[0].astype(float)
    assert [*rows[0]][2:] == [f"dense{k}/{name}/norm" for k in (1, 2) for name in ("weights", "bias")]
    norms = [float(np.linalg.norm(part)) for part in np.split(theta, [80, 120, 160])]
    assert [float(cell) for cell in [*rows[-1].values()][2:]] == pytest.approx(norms)
    assert re.search(
        rf"norms of weights and biases at step 24, .*dense1/bias +40 +{norms[1]:.4f}\n", result.stderr, re.DOTALL
    )
    assert (run / "plots" / "parameters.png").is_file()


def test_a_quiet_run_prints_none_and_one_that_is_not_asked_leaves_none(tmp_path):
    file = write(tmp_path, SMALL)
    quiet = nnlab_here("train", file, *EVERY_3, "--quiet", cwd=tmp_path)
    assert quiet.stderr == ""
    assert (tmp_path / quiet.stdout.strip() / "parameters.csv").is_file()
    plain = trained(tmp_path, file)
    assert "parameters.csv" not in {path.name for path in plain.iterdir()}
    assert not (plain / "plots" / "parameters.png").exists()
    assert "dense1 at" not in (plain / "train.log").read_text(encoding="utf-8")


def test_showing_parameters_changes_no_weight_and_no_figure(tmp_path):
    file = write(tmp_path, SMALL)
    shown, plain = trained(tmp_path, file, *EVERY_3), trained(tmp_path, file)
    assert theta_of(shown).tobytes() == theta_of(plain).tobytes()
    for name in ("metrics.csv", "hashes.csv"):
        assert (shown / name).read_bytes() == (plain / name).read_bytes()


def test_a_training_that_stops_early_shows_its_last_parameters(tmp_path):
    run = trained(tmp_path, write(tmp_path, SMALL), "--set", "training.show_parameters=1000", "--set",
                  "training.early_stopping={monitor: train/loss, patience: 1, min_delta: 9}")  # fmt: skip
    stopped = read_json(run / "summary.json")["steps"]
    assert 0 < stopped < 24
    assert [int(row["step"]) for row in read_rows(run / "parameters.csv")] == [0, stopped]


def test_a_longer_training_goes_on_with_the_table(tmp_path):
    run = trained(tmp_path, write(tmp_path, SMALL), *EVERY_3)
    result = nnlab_here("train", "--resume", "latest", "--epochs", "10", "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert [int(row["step"]) for row in read_rows(run / "parameters.csv")] == [0, 9, 18, 24, 27, 30]
    other = nnlab_here("train", "--resume", "latest", "--set", "training.show_parameters=4", cwd=tmp_path)
    assert (other.exit_code, "training.show_parameters: found 4, there it is 3" in other.stderr) == (2, True)


def test_a_comparison_says_that_it_shows_none_and_uses_the_pieces_of_one_without(tmp_path):
    words = ("compare-activations", write(tmp_path, SMALL), "-a", "tanh", "-a", "relu", "--seeds", "2", "--quiet")
    first, result = nnlab_here(*words, cwd=tmp_path), nnlab_here(*words, *EVERY_3, "--needed", cwd=tmp_path)
    assert (first.exit_code, result.exit_code) == (0, 0)
    assert "training.show_parameters does not hold here" in result.stderr
    folders = [tmp_path / each.stdout.strip() for each in (first, result)]
    assert not (folders[1] / "parameters.csv").exists()
    pieces = [sorted(path.name for path in (folder / "pieces").iterdir()) for folder in folders]
    assert pieces[0] == pieces[1]


@pytest.mark.parametrize(
    ("value", "expected"), [("0", "expected a number of at least 1"), ("1.5", "expected a whole number")]
)
def test_anything_but_a_number_of_epochs_is_refused(value, expected):
    (fault,) = faults(SMALL.replace("log_every: 1000", f"show_parameters: {value}"))
    assert fault.startswith("e.yaml:5:")
    assert expected in fault


def test_a_table_has_a_row_for_each_number_that_comes_into_a_unit():
    layout = Layout([ParameterSpec("conv2d1/weights", (2, 1, 1, 2)), ParameterSpec("conv2d1/bias", (2,)),
                     ParameterSpec("prelu1/alpha", (1,))])  # fmt: skip
    first, second = parameter_tables(layout, np.array([[1, 2, 3, -4e-9, 0, 12345678, 0.25]]), 5, 2.5)
    assert [*first.lines()] == [
        "conv2d1 at step 5, epoch 2.5",
        "of unit              0           1",
        "weights[0,0,0]  1.0000      2.0000",
        "weights[1,0,0]  3.0000  -4.000e-09",
        "bias            0.0000   1.235e+07",
    ]
    assert [*second.lines()][1:] == ["of unit       0", "alpha    0.2500"]


def test_the_way_of_the_parameters_is_read_from_the_table(tmp_path):
    run = trained(tmp_path, write(tmp_path, SMALL), *EVERY_3)
    way = parameter_way(run, setup_of(SMALL.replace("log_every: 1000", "log_every: 1000, show_parameters: 3")))
    assert way.steps.tolist() == [0, 9, 18, 24]
    assert {name: values.shape for name, values in way.tensors.items()} == {
        "dense1/weights": (4, 2, 3), "dense1/bias": (4, 3), "dense2/weights": (4, 3, 1), "dense2/bias": (4, 1),
    }  # fmt: skip
    assert way.tensors["dense1/weights"][-1].ravel().tolist() == theta_of(run)[0, :6].astype(float).tolist()
    assert parameter_way(run, setup_of(SMALL)) is None
