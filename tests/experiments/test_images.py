"""Networks with convolutions are experiments like any others: resumed, verified, compared, refused at their place."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from support import begun, faults, nnlab, nnlab_here, parse_json, read_json, read_rows, trained, write

from nnlab.config.experiment import load
from nnlab.setup.network import network_for
from nnlab.setup.rows import prepare_rows
from nnlab.setup.rows import read_rows as read_data
from nnlab.setup.setup import set_up
from nnlab.storage import checkpoints

pytestmark = pytest.mark.usefixtures("no_pictures")

# Every kind of layer that works on images, and batches of three pieces, the last of them short.
DIGITS = """\
name: digits-conv
task: multiclass
seed: 3
data: {source: digits, scale: {name: standard, together: true}, test: 0.5, validation: 0.2}
network:
  layers:
    - {augment: {flip: horizontal, shift: 1}}
    - {conv2d: 4, kernel: 3, padding: same, activation: {name: prelu, per_unit: true}}
    - {max_pool: 2}
    - {dropout: 0.1}
    - {conv2d: 6, kernel: [2, 3], stride: [1, 2], padding: 1, l2: 0.001, max_norm: 2.0}
    - {avg_pool: 2, stride: 1}
    - {activation: maxout}
    - flatten
    - 8
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 3, batch_size: 37, log_every: 4, checkpoint_every: 3, health: true}
"""
PER_CHANNEL = DIGITS.replace("- {dropout: 0.1}", "- batch_norm").replace("- flatten", "- global_avg_pool")


def weights(run, which="last"):
    checkpoint = checkpoints.load(run / "checkpoints" / f"{which}.npz")
    return checkpoint.arrays["theta"].tobytes() + checkpoint.arrays["statistics"].tobytes()


@pytest.fixture
def digits(tmp_path):
    return write(tmp_path, DIGITS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    return trained(folder, write(folder, DIGITS))


@pytest.mark.parametrize("text", [DIGITS, PER_CHANNEL], ids=["pieces", "whole batches"])
def test_a_run_verifies_and_evaluates_with_the_figures_it_reported(text, tmp_path):
    run = trained(tmp_path, write(tmp_path, text))
    result = nnlab_here("verify", "latest", cwd=tmp_path)
    assert (result.exit_code, "reproduced" in result.stderr) == (0, True), result.stderr
    figures = parse_json(nnlab_here("eval", "latest", "--json", cwd=tmp_path).stdout)["figures"]
    assert figures == read_json(run / "summary.json")["final"]


@pytest.mark.parametrize("step", [1, 5, 20, 41])
def test_a_run_stopped_at_any_step_ends_with_the_same_bits(step, whole, digits, tmp_path):
    first = trained(tmp_path, digits, "--steps", step)
    result = nnlab_here("train", "--resume", first, "--epochs", 3, "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert weights(first) == weights(whole)
    assert (first / "metrics.csv").read_text().splitlines()[-1] == (whole / "metrics.csv").read_text().splitlines()[-1]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(digits, tmp_path):
    """Killed three times in one life, wherever that happens to be."""
    steps, random = ("--set", "training.epochs=25"), np.random.default_rng(5)
    whole = trained(tmp_path, digits, *steps)
    (tmp_path / "killed").mkdir()
    process = begun(tmp_path / "killed", digits, *steps)
    for _ in range(3):
        time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = begun(tmp_path / "killed", "--resume", "latest")
    process.communicate(timeout=120)
    result = nnlab("train", "--resume", "latest", cwd=tmp_path / "killed")
    assert result.returncode == 0, result.stderr
    (run,) = (tmp_path / "killed" / "runs").glob("2*")
    assert weights(run) == weights(whole)


@pytest.mark.parametrize("text", [DIGITS, PER_CHANNEL], ids=["pieces", "whole batches"])
def test_seeds_at_once_have_the_bits_of_each_alone(text, tmp_path):
    def last_state(seeds):
        experiment, document = load(write(tmp_path, text))
        setup = set_up(experiment, prepare_rows(experiment, read_data(experiment, document, tmp_path), seeds))
        state = setup.start()
        figures = [record.figures for record in setup.fit(state)]
        return state, figures[-1]

    together, figures = last_state([3, 8, 11])
    for replica, seed in enumerate([3, 8, 11]):
        alone, own = last_state([seed])
        assert together.theta[replica].tobytes() == alone.theta[0].tobytes()
        assert together.statistics[replica].tobytes() == alone.statistics[0].tobytes()
        for name, values in own.items():
            np.testing.assert_array_equal(figures[name][replica], values[0], err_msg=name)


def test_a_comparison_trains_each_arm_and_seed_as_if_alone(tmp_path):
    text = DIGITS.replace(", health: true", "").replace("activation: {name: prelu, per_unit: true}}", "l1: 0.0001}")
    result = nnlab_here(
        "compare-activations", write(tmp_path, text), "--activation", "relu", "--activation", "tanh", "--seeds", "2",
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    folder = parse_json(result.stdout)["run"]
    rows = read_rows(tmp_path / folder / "results.csv")
    alone = trained(tmp_path, tmp_path / "experiment.yaml", "--seed", "4", "--set", "network.activation=tanh")
    final = read_json(alone / "summary.json")["final"]
    (own,) = [row for row in rows if row["activation"] == "tanh" and row["seed"] == "4"]
    assert float(own["test/accuracy"]) == final["test/accuracy"]
    assert float(own["test/loss"]) == final["test/loss"]


# --- what does not fit ------------------------------------------------------------------------------------------------


def refused(tmp_path, layers, **changes):
    """What is said of these layers behind the image of 8 × 8 × 1, and where."""
    text = f"name: e\ntask: multiclass\ndata: {{source: {changes.get('source', 'digits')}}}\n"
    lines = "".join(f"    - {layer}\n" for layer in layers)
    write(tmp_path, f"{text}network:\n  layers:\n{lines}training: {{epochs: 1}}\n")
    result = nnlab_here("train", "experiment.yaml", cwd=tmp_path)
    assert result.exit_code == 2
    assert not (tmp_path / "runs").exists()
    return result.stderr.strip()


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (
            ["{conv2d: 4, kernel: 9}"],
            "experiment.yaml:6:7: conv2d1 was given images of 8 × 8 × 1: its windows of 9 × 9 pixels do not fit",
        ),
        (
            ["{conv2d: 4, kernel: 3}", "{max_pool: 2}", "{max_pool: [1, 4]}"],
            "experiment.yaml:8:7: max_pool2 was given images of 3 × 3 × 4: its windows of 1 × 4 pixels do not fit",
        ),
        (
            ["flatten", "{conv2d: 4, kernel: 3}"],
            "experiment.yaml:7:7: conv2d1 was given 64 units, expected images of rows × columns × channels",
        ),
        (
            ["8", "{max_pool: 2}"],
            "experiment.yaml:7:7: max_pool1 was given 8 units, expected images of rows × columns × channels",
        ),
        (
            ["{conv2d: 3, kernel: 3, activation: glu}"],
            "experiment.yaml:6:7: glu1 was given images of 6 × 6 × 3: glu needs an even number of inputs, found 3",
        ),
    ],
)  # fmt: skip
def test_layers_that_do_not_fit_are_refused_at_their_place_with_both_shapes(layers, expected, tmp_path):
    assert refused(tmp_path, layers) == expected


def test_a_shift_that_leaves_nothing_of_an_image_is_refused(tmp_path):
    found = refused(tmp_path, ["{augment: {shift: 8}}", "{conv2d: 4, kernel: 1}"])
    assert found == (
        "experiment.yaml:6:7: augment1 was given images of 8 × 8 × 1: a shift of 8 pixels may leave nothing of them"
    )


def test_a_table_has_no_images(tmp_path):
    found = refused(tmp_path, ["{conv2d: 4, kernel: 1}"], source="iris")
    assert found == "experiment.yaml:6:7: conv2d1 was given 4 units, expected images of rows × columns × channels"


def test_a_missing_kernel_hides_no_other_fault():
    assert layer_faults("{conv2d: 4, padding: valdi}") == [
        "found conv2d without kernel, expected one, as in {conv2d: 6, kernel: 5}",
        "found 'valdi', expected valid, same, or a number of pixels; did you mean 'valid'?",
    ]


UNKNOWN = (
    "found 'flaten', expected a width, a mapping such as {dense: 30}, or one of flatten, global_avg_pool, batch_norm, "
    "layer_norm; did you mean 'flatten'?"
)


def layer_faults(layer):
    text = f"name: e\ntask: multiclass\ndata: {{source: digits}}\nnetwork:\n  layers:\n    - {layer}\n"
    return [line.partition(": ")[2] for line in faults(text)]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("{conv2d: 4}", "found conv2d without kernel, expected one, as in {conv2d: 6, kernel: 5}"),
        ("{conv2d: 0, kernel: 3}", "found 0, expected a number of at least 1"),
        ("{conv2d: 4, kernel: 0}", "found 0, expected a whole number from 1 to 100000"),
        ("{conv2d: 4, kernel: [3]}", "found [3], expected a whole number or [rows, columns]"),
        ("{conv2d: 4, kernel: [3, 3, 3]}", "found [3, 3, 3], expected a whole number or [rows, columns]"),
        ("{conv2d: 4, kernel: [3, 2.5]}", "found 2.5, expected a whole number from 1 to 100000"),
        ("{conv2d: 4, kernel: true}", "found true, expected a whole number from 1 to 100000"),
        ("{conv2d: 4, kernel: 3, stride: 0}", "found 0, expected a whole number from 1 to 100000"),
        ("{conv2d: 4, kernel: 3, padding: -1}", "found -1, expected a whole number from 0 to 100000"),
        (
            "{conv2d: 4, kernel: 3, padding: vaild}",
            "found 'vaild', expected valid, same, or a number of pixels; did you mean 'valid'?",
        ),
        ("{conv2d: 4, kernl: 3}", "unknown key 'kernl'; did you mean 'kernel'?"),
        ("{conv2d: 4, kernel: 3, stride: 1000000}", "found 1000000, expected a whole number from 1 to 100000"),
        ("{max_pool: 2, padding: 1}", "found padding without conv2d"),
        ("{dense: 4, kernel: 3}", "found kernel without conv2d"),
        ("{dropout: 0.2, stride: 3}", "found stride without conv2d, max_pool or avg_pool"),
        ("{flatten: false}", "found false, expected true"),
        ("{augment: {flip: sideways}}", "found 'sideways', expected none, horizontal, vertical or both"),
        ("{augment: {shift: -1}}", "found -1, expected a number of at least 0"),
        ("{max_pool: 2, avg_pool: 2}", "found max_pool and avg_pool in one layer, expected a layer for each"),
        ("flaten", UNKNOWN),
    ],
)  # fmt: skip
def test_settings_of_image_layers_are_refused_with_what_is_expected(layer, expected):
    assert layer_faults(layer) == [expected]


def test_a_relu_before_a_max_pool_is_built_after_it(tmp_path):
    """Relu never decreases, so that both orders give the same numbers; on a quarter of the entries."""
    names = [layer.name for layer in built(tmp_path, "[{conv2d: 2, kernel: 3}, {max_pool: 2}, 4]").layers]
    assert names == ["conv2d1", "max_pool1", "relu1", "dense1", "relu2", "dense2"]


@pytest.mark.parametrize("activation", ["tanh", "{name: relu, threshold: 0.5}", "{name: relu, max_value: 1.0}"])
def test_another_activation_stays_where_it_is(activation, tmp_path):
    network = built(tmp_path, f"[{{conv2d: 2, kernel: 3, activation: {activation}}}, {{max_pool: 2}}]")
    assert [layer.name for layer in network.layers][2] == "max_pool1"


def built(tmp_path, layers):
    text = f"name: e\ntask: multiclass\ndata: {{source: digits}}\nnetwork: {{layers: {layers}}}\n"
    experiment, _ = load(write(tmp_path, text))
    return network_for(experiment, (8, 8, 1), 10)


def test_pytorchs_default_start(tmp_path):
    """U(-1/√fan_in, 1/√fan_in) for weights and biases alike, fan-in the kernel's size times the channels."""
    start = "{name: variance_scaling, scale: 0.3333333333333333, mode: fan_in, distribution: uniform}"
    text = DIGITS.replace("network:\n", f"network:\n  init: {{weights: {start}, bias: {start}}}\n")
    experiment, _ = load(write(tmp_path, text))
    network = network_for(experiment, (8, 8, 1), 10)
    theta = network.start(range(400), np.float64)
    views = network.layout.views(theta)
    for layer, fan_in in (("conv2d1", 9), ("conv2d2", 24), ("dense1", 12), ("dense2", 8)):
        for tensor in ("weights", "bias"):
            values = views[f"{layer}/{tensor}"]
            limit = 1 / np.sqrt(fan_in)
            assert 0.98 * limit < np.abs(values).max() <= limit
            assert abs(values.var() / (limit**2 / 3) - 1) < 0.1


# --- the mean of the losses since the last log ------------------------------------------------------------------------


RUNNING = DIGITS.replace("log_every: 4", "log_every: 7, running_loss: true")


def logged(run, name):
    return {int(row["step"]): float(row[name]) for row in read_rows(run / "metrics.csv") if row[name]}


def test_the_running_loss_is_the_mean_of_the_batch_losses_since_the_last_log(tmp_path):
    each = trained(tmp_path, write(tmp_path, DIGITS), "--set", "training.log_every=1")
    mean = trained(tmp_path, write(tmp_path, RUNNING))
    losses, means = logged(each, "batch/loss"), logged(mean, "batch/running_loss")
    assert list(means) == [*range(7, 61, 7)]
    for step, value in means.items():
        assert value == pytest.approx(np.mean([losses[k] for k in range(step - 6, step + 1)]), rel=1e-12)
    assert weights(each) == weights(mean)


def test_a_pause_between_two_logs_changes_no_running_loss(tmp_path):
    file = write(tmp_path, RUNNING)
    whole, first = trained(tmp_path, file), trained(tmp_path, file, "--steps", 31)
    assert nnlab_here("train", "--resume", first, "--epochs", 3, "--quiet", cwd=tmp_path).exit_code == 0
    found, expected = logged(first, "batch/running_loss"), logged(whole, "batch/running_loss")
    assert {step: found[step] for step in expected} == expected


def test_a_gate_on_a_running_loss_that_nobody_measures_is_refused():
    (found,) = faults(DIGITS + 'gates: ["batch/running_loss <= 2"]\n')
    assert found.endswith("is never measured: nobody adds up the losses; expected training.running_loss: true")


def test_a_gate_holds_the_running_loss(tmp_path):
    file = write(tmp_path, RUNNING)
    result = nnlab_here("train", file, "--gate", "batch/running_loss <= 0.001", "--quiet", cwd=tmp_path)
    assert result.exit_code == 3


# --- a line search over all images ------------------------------------------------------------------------------------


def test_a_line_search_goes_through_all_images_in_pieces(tmp_path):
    """The loss of 899 rows, sixteen at a time, falls in each step."""
    text = (
        "name: e\ntask: multiclass\nprecision: float64\n"
        "data: {source: digits, test: 0.5, scale: {name: minmax, together: true}}\n"
        "network: {layers: [{conv2d: 3, kernel: 3}, {max_pool: 2}, 8]}\noptimizer: lbfgs\n"
        "training: {steps: 12, log_every: 1, evaluate_every: 1}\n"
    )
    run = trained(tmp_path, write(tmp_path, text))
    losses = list(logged(run, "train/loss").values())
    assert len(losses) == 13
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.6 * losses[0]


# --- pixels that nobody scaled ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "expected"), [("none", True), ("{name: range, low: 0, high: 1}", False)])
def test_bytes_that_are_not_scaled_are_warned_of(scale, expected, tmp_path):
    text = (
        f"name: e\ntask: multiclass\ndata: {{source: {{name: shapes, samples: 60}}, scale: {scale}}}\n"
        "network: {layers: [{conv2d: 2, kernel: 3}]}\ntraining: {steps: 1}\n"
    )
    result = nnlab_here("train", write(tmp_path, text), "--dry-run", cwd=tmp_path)
    assert result.exit_code == 0
    assert ("warning: pixels go into the network as they are, 0 to 255" in result.stderr) is expected
