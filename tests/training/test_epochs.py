"""How an epoch is cut into batches: rows left out, and single rows that a normalisation cannot use."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import experiment, setup_for
from support import nnlab_here, read_rows, trained, write

from nnlab.data.batches import shuffles
from nnlab.gradients.points import check_points
from nnlab.networks.layers.base import PassContext
from nnlab.networks.network import Pass
from nnlab.training.batches import Batches
from nnlab.training.epochs import Epoch

pytestmark = pytest.mark.usefixtures("no_pictures")

SEEDS = (3, 0, 2**40)
NORMALISED = {"layers": [{"dense": 4}, {"batch_norm": True}, {"activation": "tanh"}]}
MOONS = {"name": "moons", "samples": 33}


def setup_of(rows=33, seeds=(0,), network=NORMALISED, **training):
    data = {"source": {"name": "moons", "samples": rows}}
    return setup_for(experiment(data=data, network=network, training={"epochs": 3} | training), seeds)


def run(setup):
    state = setup.start()
    return state, list(setup.fit(state))


# --- arithmetic -------------------------------------------------------------------------------------------------------


@given(rows=st.integers(1, 200), size=st.integers(1, 200), drop_last=st.booleans(), fewest=st.integers(1, 2))
@example(rows=33, size=32, drop_last=False, fewest=2)
@example(rows=33, size=32, drop_last=True, fewest=2)
def test_an_epoch_is_cut_without_gaps(rows, size, drop_last, fewest):
    cut = Epoch(rows, min(size, rows), drop_last, fewest)
    parts = [cut.part(number) for number in range(cut.steps)]
    assert [part.start for part in parts] == [0, *[part.stop for part in parts[:-1]]]
    assert parts[-1].stop == rows - cut.dropped
    counts = [part.stop - part.start for part in parts]
    assert [cut.rows_of(number) for number in range(cut.steps)] == counts
    assert set(counts) == cut.sizes
    assert set(counts[:-1]) <= {cut.size}
    if drop_last:
        assert (set(counts), cut.dropped) == ({cut.size}, rows % cut.size)
    else:
        assert cut.dropped == 0
        assert counts[-1] == cut.size + 1 if cut.joins else counts[-1] <= cut.size
    if fewest == 2 and cut.size > 1:
        assert min(counts) > 1
    assert cut.is_one_batch == (counts == [rows])


# --- rows left out ----------------------------------------------------------------------------------------------------


def test_with_drop_last_each_epoch_leaves_out_other_rows():
    x = np.arange(10.0).reshape(1, 10, 1)
    batches = Batches(x, x, [5], Epoch(10, 4, drop_last=True), shuffle=True)
    epochs = [np.concatenate([batches.at(2 * epoch + k)[0][0, :, 0].copy() for k in range(2)]) for epoch in range(4)]
    for epoch, found in enumerate(epochs):
        np.testing.assert_array_equal(found, shuffles(10, [5], epoch)[0][:8])
    assert len({frozenset(found) for found in epochs}) > 1


@pytest.mark.parametrize("shuffle", [True, False])
def test_one_batch_of_some_rows_is_shuffled_as_any_other(shuffle):
    x = np.arange(10.0).reshape(1, 10, 1)
    batches = Batches(x, x, [5], Epoch(10, 6, drop_last=True), shuffle=shuffle)
    for epoch in range(3):
        order = shuffles(10, [5], epoch)[0] if shuffle else np.arange(10)
        np.testing.assert_array_equal(batches.at(epoch)[0][0, :, 0], order[:6])
        np.testing.assert_array_equal(batches.positions(epoch)[0], order[:6])


def test_what_is_never_taken_has_no_influence():
    """Without shuffling the last rows of every epoch are left out: their labels may be anything."""
    setup = setup_of(35, network={"layers": [4]}, batch_size=16, drop_last=True, shuffle=False, evaluate_every=100)
    assert (setup.epoch_steps, setup.plan.steps) == (2, 6)
    before, _ = run(setup)
    setup.parts["train"].y[:, 32:] = 1 - setup.parts["train"].y[:, 32:]
    after, _ = run(setup)
    assert before.theta.tobytes() == after.theta.tobytes()


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("changes", [{"rows": 35, "drop_last": True}, {"rows": 33}], ids=["left out", "joined"])
def test_a_replica_among_others_has_the_bits_of_one_alone(changes, shuffle):
    together, _ = run(setup_of(**changes, seeds=SEEDS, batch_size=16, shuffle=shuffle))
    for replica, seed in enumerate(SEEDS):
        alone, _ = run(setup_of(**changes, seeds=(seed,), batch_size=16, shuffle=shuffle))
        for name in ("theta", "statistics"):
            assert getattr(together, name)[replica].tobytes() == getattr(alone, name)[0].tobytes()


def test_drop_last_without_a_whole_batch_is_refused_before_anything_is_created(tmp_path):
    write(tmp_path, SMALL.replace("batch_size: 1", "batch_size: 50\n  drop_last: true"))
    for more in ((), ("--dry-run",)):
        result = nnlab_here("train", "experiment.yaml", *more, cwd=tmp_path)
        expected = "experiment.yaml:9:15: found batches of 50 of 33 training rows, all of which drop_last leaves out"
        assert result.exit_code == 2
        assert f"{expected}; expected at most 33, or all" in result.stderr
    assert not (tmp_path / "runs").exists()


# --- batches of one row, normalised -----------------------------------------------------------------------------------

SMALL = """\
name: small
task: binary
data: {source: {name: moons, samples: 33}}
network:
  layers: [{dense: 4}, {batch_norm: true}, {activation: relu}]
optimizer: {name: sgd, learning_rate: 0.1}
training:
  epochs: 3
  batch_size: 1
"""


@pytest.mark.parametrize("command", [("train",), ("train", "--dry-run"), ("gradcheck",), ("compare-activations",)])
def test_batches_of_one_row_with_batch_norm_are_refused_before_anything_is_created(tmp_path, command):
    """What the handed case `batchnorm-batch-of-one` asks for."""
    write(tmp_path, SMALL)
    result = nnlab_here(command[0], "experiment.yaml", *command[1:], cwd=tmp_path)
    assert result.exit_code == 2
    found = "found batches of one row with batch_norm1, which makes 0 of a single row, whatever it is"
    assert f"experiment.yaml:9:15: {found}; expected at least 2, or layer_norm" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_batches_that_cannot_be_trained_are_told_with_all_other_faults(tmp_path):
    write(tmp_path, SMALL + "gates: [test/accuracy >= 0.5]\n")
    result = nnlab_here("train", "experiment.yaml", cwd=tmp_path)
    assert result.exit_code == 2
    places = ["experiment.yaml:9:15: found batches of one row", "experiment.yaml:10:9: test/accuracy is never measured"]
    assert all(place in result.stderr for place in places), result.stderr


def test_a_single_training_row_with_batch_norm_is_refused_at_the_layer(tmp_path):
    write(
        tmp_path, SMALL.replace("samples: 33}", "samples: 4}, validation: 3").replace("batch_size: 1", "batch_size: 8")
    )
    result = nnlab_here("train", "experiment.yaml", cwd=tmp_path)
    assert result.exit_code == 2
    assert "experiment.yaml:5:24: found one training row with batch_norm1" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("layers", "refused"),
    [
        ([{"conv2d": 2, "kernel": 3}, {"batch_norm": True}, "flatten"], False),
        ([{"conv2d": 2, "kernel": 8}, {"batch_norm": True}, "flatten"], True),
        (["flatten", {"dense": 3}, {"batch_norm": True}], True),
        (["flatten", {"dense": 3}, {"layer_norm": True}], False),
    ],
    ids=["several pixels", "one pixel", "flat", "layer norm"],
)
def test_an_image_of_several_pixels_is_a_batch_by_itself(tmp_path, layers, refused):
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8), np.uint8)
    np.savez(tmp_path / "i.npz", x=images, y=np.arange(5) % 2)
    plain = json.dumps(layers)
    text = SMALL.replace("{name: moons, samples: 33}", "i.npz").replace("relu", "tanh")
    text = text.replace("[{dense: 4}, {batch_norm: true}, {activation: tanh}]", plain)
    result = nnlab_here("train", write(tmp_path, text), "--quiet", cwd=tmp_path)
    assert result.exit_code == (2 if refused else 0), result.stderr


def test_a_last_batch_of_one_row_is_joined_to_the_one_before_and_the_dry_run_tells(tmp_path):
    write(tmp_path, SMALL.replace("batch_size: 1", "batch_size: 16\n  log_every: 1"))
    dry = nnlab_here("train", "experiment.yaml", "--dry-run", "--json", cwd=tmp_path)
    assert json.loads(dry.stdout)["batches"] == {"per_epoch": 2, "last": 17, "left_out": 0}
    said = nnlab_here("train", "experiment.yaml", "--dry-run", cwd=tmp_path)
    assert "The row left over is joined to the last batch of an epoch, which has 17 rows." in " ".join(
        said.stderr.split()
    )
    run_folder = trained(tmp_path, "experiment.yaml")
    assert [row["epoch"] for row in read_rows(run_folder / "metrics.csv")][-1] == "3.0"
    assert [row["step"] for row in read_rows(run_folder / "metrics.csv")][-1] == "6"
    plain = nnlab_here("train", "experiment.yaml", "--dry-run", "--json", "--set", "network.layers=[4]", cwd=tmp_path)
    assert json.loads(plain.stdout)["batches"] == {"per_epoch": 3, "last": 1, "left_out": 0}
    dropped = nnlab_here(
        "train", "experiment.yaml", "--dry-run", "--json", "--set", "training.drop_last=true", cwd=tmp_path
    )
    assert json.loads(dropped.stdout)["batches"] == {"per_epoch": 2, "last": 16, "left_out": 1}
    said = nnlab_here("train", "experiment.yaml", "--dry-run", "--set", "training.drop_last=true", cwd=tmp_path)
    assert "Each epoch leaves out 1 of 33 rows (drop_last)." in " ".join(said.stderr.split())


def test_the_joined_batch_is_the_last_two_batches_in_their_order():
    """Every step against a pass written out with the rows of the shuffled order."""
    setup = setup_of(batch_size=16)
    state, records = run(setup)
    assert (setup.epoch_steps, state.step, records[-1].epoch) == (2, 6, 3.0)
    expected, gradient, part = setup.start(), None, setup.parts["train"]
    gradient = np.zeros_like(expected.theta)
    for step in range(6):
        order = shuffles(33, [0], step // 2)[0]
        rows = order[:16] if step % 2 == 0 else order[16:]
        context = PassContext((0,))
        context.step = step
        one = Pass(setup.network, expected.theta, gradient, len(rows), expected.statistics, context)
        one.differentiate(part.x[:, rows], part.y[:, rows])
        setup.optimizer.update(expected.theta, gradient, expected.slots, step + 1)
    assert state.theta.tobytes() == expected.theta.tobytes()
    assert state.statistics.tobytes() == expected.statistics.tobytes()


def test_a_batch_of_one_row_leaves_the_running_statistics_as_they_are():
    """Also where somebody trains with the library on batches that an experiment file is refused for."""
    setup = setup_of(batch_size=16)
    state = setup.start()
    before = state.statistics.copy()
    one = Pass(setup.network, state.theta, np.zeros_like(state.theta), 1, state.statistics, PassContext((0,)))
    one.differentiate(setup.parts["train"].x[:, :1], setup.parts["train"].y[:, :1])
    assert state.statistics.tobytes() == before.tobytes()
    two = Pass(setup.network, state.theta, np.zeros_like(state.theta), 2, state.statistics, PassContext((0,)))
    two.differentiate(setup.parts["train"].x[:, :2], setup.parts["train"].y[:, :2])
    assert state.statistics.tobytes() != before.tobytes()


def test_the_gradient_is_checked_for_batches_that_training_has():
    sizes = {report.batch for report in check_points(setup_of(batch_size=16))}
    assert sizes == {2, 8}
    assert {report.batch for report in check_points(setup_of(network={"layers": [3]}, batch_size=16))} == {1, 2, 8}


# --- optimizers that need all rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "why"),
    [
        ("rprop", "which takes a gradient's new sign for a step too far, and so needs the same rows"),
        ("lbfgs", "whose line search compares losses of the same rows"),
    ],
)
@pytest.mark.parametrize("command", [("train",), ("train", "--dry-run"), ("compare-activations", "--seeds", "2")])
def test_an_optimizer_that_needs_all_rows_is_refused_on_some_before_anything_is_created(
    tmp_path, optimizer, why, command
):
    text = SMALL.replace("{batch_norm: true}, ", "").replace("{name: sgd, learning_rate: 0.1}", optimizer)
    write(tmp_path, text.replace("batch_size: 1", "batch_size: 16"))
    result = nnlab_here(command[0], "experiment.yaml", *command[1:], cwd=tmp_path)
    assert result.exit_code == 2
    found = f"found batches of 16 of the 33 training rows with {optimizer}, {why}; expected all"
    assert "experiment.yaml:9:15: " in result.stderr
    assert found in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("size", [None, "all", 33, 1000])
def test_rprop_trains_on_all_rows_and_does_so_by_default(size):
    chosen = {} if size is None else {"batch_size": size}
    setup = setup_of(network={"layers": [4]}, **chosen)
    assert (
        setup_for(experiment(optimizer="rprop", data={"source": MOONS}, training={"epochs": 2} | chosen)).epoch_steps
        == 1
    )
    assert setup.epoch_steps == (2 if size is None else 1)


def test_rprop_is_refused_for_rows_in_blocks(tmp_path):
    np.savez(tmp_path / "i.npz", x=np.ones((40, 6)), y=np.arange(40) % 2)
    text = SMALL.replace("{source: {name: moons, samples: 33}}", "{source: i.npz, in_blocks: 16}")
    text = text.replace("{name: sgd, learning_rate: 0.1}", "rprop").replace("{batch_norm: true}, ", "")
    result = nnlab_here("train", write(tmp_path, text), cwd=tmp_path)
    assert (result.exit_code, "found in_blocks with rprop" in result.stderr) == (2, True)


def test_a_point_of_a_sweep_whose_batches_cannot_be_trained_is_refused_before_any_is(tmp_path):
    write(tmp_path, SMALL.replace("batch_size: 1", "batch_size: 16"))
    words = ("sweep", "experiment.yaml", "--grid", "training.batch_size=16,1", "--seeds", "2", "--metric", "train/loss")
    result = nnlab_here(*words, cwd=tmp_path)
    assert result.exit_code == 2, result.stderr
    assert "found batches of one row with batch_norm1" in result.stderr
    assert not (tmp_path / "runs").exists()
