"""Divergence: it is seen before the update, the last sound weights stay, and the autopsy tells where and why."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import experiment, setup_for
from support import HOUSES, nnlab_here, parse_json, read_json, read_rows, write

from nnlab.experiments.divergence import _first_bad, _quantities, examine
from nnlab.gradients.points import frozen
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import unfused
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.dense import Dense
from nnlab.networks.network import Network
from nnlab.networks.pieces import training_pass
from nnlab.training.epochs import Epoch
from nnlab.training.evaluation import Part
from nnlab.training.guard import LARGEST_GROWTH
from nnlab.training.loop import fit
from nnlab.training.plan import Plan
from nnlab.training.state import NORMS_KEPT, State, sound
from nnlab.training.stopping import Watch

pytestmark = pytest.mark.usefixtures("quick_pictures")

SEEDS = tuple(range(16))
ONE = 5  # the replica that diverges
NORMALISED = {"layers": [{"dense": 6}, {"batch_norm": True}, {"dense": 4}], "activation": "tanh"}


def setup_of(optimizer, seeds=SEEDS, precision="float32", **more):
    training = {"steps": 9, "batch_size": "all", "log_every": 3, **more.pop("training", {})}
    chosen = experiment(precision=precision, optimizer=optimizer, training=training, **more)
    return setup_for(chosen, seeds)


def train(setup, update=None, plant=lambda _state: None):
    state = setup.start()
    plant(state)
    parts = setup.rows.parts()
    records = list(fit(setup.network, parts, setup.rows.seeds, update or setup.optimizer.update, setup.plan, state))
    return state, records


def moving(state, replica):
    """The bits of all that an update changes, for one replica."""
    return [array[replica].tobytes() for array in state.moving()]


def spoiling(setup, replica, step, value=np.nan):
    """The setup's update, which in one step leaves a weight of a replica that is not finite."""

    def update(theta, gradient, slots, at, **more):
        setup.optimizer.update(theta, gradient, slots, at, **more)
        if at == step:
            theta[replica, 1] = value

    return update


# --- Replicas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_of_sixteen_diverges_and_the_others_keep_their_bits(name):
    setup = setup_of(name, network={"layers": [6], "activation": "bent_identity"})
    planted = np.full(setup.network.layout.size, 1e30, np.float32)

    def plant(state):
        state.theta[ONE] = planted

    state, records = train(setup, plant=plant)
    assert state.diverged.tolist() == [replica == ONE for replica in SEEDS]
    np.testing.assert_array_equal(state.theta[ONE], planted)
    assert all(not slot[ONE].any() for slot in state.slots.values())
    assert {r.step for r in records if r.figures} == {0, 3, 6, 9}
    for replica in SEEDS[:ONE] + SEEDS[ONE + 1 :]:
        alone, _ = train(setup_of(name, [replica], network={"layers": [6], "activation": "bent_identity"}))
        assert moving(state, replica) == moving(alone, 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_that_fails_is_undone_for_the_one_and_kept_for_the_others(name):
    setup = setup_of(name)
    sane, _ = train(setup)
    before, _ = train(replace(setup, plan=replace(setup.plan, steps=4)))
    state, records = train(setup, spoiling(setup, ONE, 5))
    assert state.bad_step.tolist() == [5 if replica == ONE else -1 for replica in SEEDS]
    assert state.diverged.tolist() == [replica == ONE for replica in SEEDS]
    assert moving(state, ONE) == moving(before, ONE)
    for replica in SEEDS[:ONE] + SEEDS[ONE + 1 :]:
        assert moving(state, replica) == moving(sane, replica)
    for record in records:
        known = np.isfinite(record.figures.get("train/loss", np.ones(len(SEEDS))))
        assert known.tolist() == [replica != ONE or record.step < 5 for replica in SEEDS] or not record.figures


@settings(max_examples=25, deadline=None)
@given(
    step=st.integers(1, 300),
    log_every=st.integers(1, 400),
    replicas=st.integers(1, 3),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_the_weights_before_the_bad_step_come_back_wherever_it_is(step, log_every, replicas, value):
    optimizer = {"name": "adam", "learning_rate": 0.03}
    training = {"steps": 300, "batch_size": 40, "log_every": log_every, "evaluate_every": 1000}
    setup = setup_of(optimizer, range(replicas), network=NORMALISED, training=training)
    before, _ = train(replace(setup, plan=replace(setup.plan, steps=step - 1)))
    state, _ = train(setup, spoiling(setup, 0, step, value))
    assert (state.bad_step[0], bool(state.diverged[0])) == (step, True)
    assert moving(state, 0) == moving(before, 0)
    assert sound(state.theta, state.statistics).all()


def test_a_plateau_that_changes_slots_between_updates_is_no_trouble():
    optimizer = {"name": "adam", "learning_rate": {"name": "plateau", "base": 0.1, "patience": 1, "factor": 0.5}}
    training = {"steps": 40, "log_every": 2, "evaluate_every": 2}
    setup = setup_of(optimizer, [0, 1], training=training)
    before, _ = train(replace(setup, plan=replace(setup.plan, steps=30)))
    state, _ = train(setup, spoiling(setup, 1, 31))
    assert state.bad_step.tolist() == [-1, 31]
    assert state.theta[1].tobytes() == before.theta[1].tobytes()


def test_a_seed_that_has_stopped_early_and_then_runs_away_has_not_diverged():
    training = {"steps": 30, "log_every": 1, "evaluate_every": 1, "early_stopping": {"patience": 2}}
    data = {"source": {"name": "moons", "samples": 90}, "validation": 0.3}
    setup = setup_of({"name": "sgd", "learning_rate": 1e-30}, range(3), data=data, training=training)
    watched = replace(setup.plan, watch=replace(setup.plan.watch, min_delta=1e-3))

    def update(theta, gradient, slots, at):
        setup.optimizer.update(theta, gradient, slots, at)
        theta[0] += 0.01  # the only one whose loss changes
        if at == 6:
            theta[2] = np.inf

    state, _ = train(replace(setup, plan=watched), update)
    assert not state.diverged.any()
    assert sound(state.theta, state.statistics).all()


# --- What is a divergence, and what is none ---------------------------------------------------------------------------


def line(theta, x, y, loss="mse", steps=5, precision=np.float32, update=None, **plan):
    """Train y = w x + b from theta (w, b) on rows x with targets y by gradient descent at a rate of 1e-30."""
    zeros = INITIALIZERS["zeros"]
    network = Network((1,), (Dense("dense1", 1, zeros, {}, zeros, {}),), unfused(loss))
    part = Part(*(np.array(values, precision).reshape(1, -1, 1) for values in (x, y)))
    state = State.start(np.array([theta], precision), {})

    def descend(theta, gradient, _slots, _step):
        theta -= precision(1e-30) * gradient

    watch = Watch("train/loss", larger_is_better=False)
    chosen = {"shuffle": False, "log_every": 1, "evaluate_every": 100, "watch": watch, **plan}
    with np.errstate(over="ignore"):
        list(
            fit(
                network,
                {"train": part},
                [0],
                update or descend,
                Plan("regression", steps, Epoch(len(x), min(2, len(x))), **chosen),
                state,
            )
        )
    return state


def test_gradients_whose_squares_overflow_are_finite_all_the_same():
    state = line([0.5, 0.0], [1e25, -3e25], [0, 0], "mae")
    assert not state.diverged.any()
    assert state.step == 5
    assert [norm for _, norm in state.gradient_norms()] == pytest.approx([2e25] * 5, rel=1e-3)
    assert state.theta[0, 0] < 0.5


def test_clipping_scales_a_gradient_whose_square_overflows_instead_of_losing_it():
    state = line([0.5, 0.0], [1e25, -3e25], [0, 0], "mae", steps=1, clip_norm=3e24)
    assert state.theta[0, 0] == np.float32(0.5) - np.float32(1e-30) * np.float32(3e24)


def test_a_loss_that_overflows_is_a_divergence_although_its_gradient_is_finite():
    state = line([1.0, 0.0], [1e20, 1e20], [0, 0])
    assert state.diverged.tolist() == [True]
    assert (state.bad_step.tolist(), state.theta.tolist()) == ([0], [[1.0, 0.0]])


@pytest.mark.parametrize(("share", "diverges"), [(0.99, False), (1.01, True)])
@pytest.mark.parametrize("logged", [True, False])
def test_a_loss_may_grow_by_a_million(logged, share, diverges):
    def update(theta, _gradient, _slots, step):
        if step == 3:
            theta[0, 0] = (LARGEST_GROWTH * share) ** 0.5  # the loss is the square of the weight

    plan = {"log_every": 1} if logged else {"log_every": 100, "evaluate_every": 3}
    state = line([1.0, 0.0], [1, 1], [0, 0], precision=np.float64, update=update, **plan)
    assert state.diverged.tolist() == [diverges]
    assert state.bad_step.tolist() == [-1 if not diverges else 4 if logged else 3]
    assert state.update_done.tolist() == [diverges and not logged]
    assert state.theta[0, 0] ** 2 == pytest.approx(LARGEST_GROWTH * share)


def test_a_loss_that_starts_at_zero_may_grow():
    def update(theta, _gradient, _slots, step):
        theta[0, 0] = step

    assert not line([0.0, 0.0], [1, 1], [0, 0], update=update).diverged.any()


def test_the_norms_of_the_last_gradients_are_kept():
    state = line([3.0, 0.0], [1, 1], [0, 0], precision=np.float64, steps=33)
    # The slope of (w + b)² by w and b is 2 (w + b) each, and the rate is next to nothing.
    assert state.gradient_norms() == [(step, pytest.approx(6 * 2**0.5)) for step in range(34 - NORMS_KEPT, 34)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_sound_if_all_of_them_are_finite(dtype, bad):
    largest = np.finfo(dtype).max
    theta, statistics = np.full((3, 4), largest, dtype), np.zeros((3, 2), dtype)
    assert sound(theta, statistics).tolist() == [True] * 3
    theta[1, 2] = bad
    statistics[2, 0] = bad
    assert sound(theta, statistics).tolist() == [True, False, False]
    assert sound(theta[:1], np.empty((1, 0))).tolist() == [True]


# --- The autopsy ------------------------------------------------------------------------------------------------------

AWAY = ("--set", "precision=float32", "--set", "network.layers=[4]")


def diverged(folder, *words, text=HOUSES):
    """A training that diverges: its folder, autopsy and the lines on stderr."""
    result = nnlab_here("train", write(folder, text), *words, cwd=folder)
    assert result.exit_code == 4, result.stderr
    run = folder / result.stdout.strip()
    return run, read_json(run / "autopsy.json"), result.stderr.splitlines()


def arrays(path):
    with np.load(path) as members:
        return {name: members[name] for name in members.files}


@pytest.mark.parametrize("rate", ["10.0", "1e10", "1e25", "1e30", "1e38"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_rate_that_is_too_large_is_the_likely_cause(rate, precision, tmp_path):
    words = (*AWAY, "--set", f"precision={precision}", "--set", f"optimizer={{name: sgd, learning_rate: {rate}}}")
    run, found, lines = diverged(tmp_path, *words)
    assert found["causes"][0]["cause"] == f"the learning rate of {float(rate):g} is too large"
    assert found["causes"][0]["try"]["optimizer.learning_rate"] <= 0.1 * float(rate)
    assert found["causes"][0]["try"]["training.clip_norm"] == 1.0
    assert found["learning_rate"] == float(rate)
    assert lines[-1].startswith(f"the training diverged at step {found['step']}: {found['layer']}, {found['quantity']}")
    assert lines[-1].endswith(f"; see {run.relative_to(tmp_path)}/autopsy.json")
    last = arrays(run / "checkpoints" / "last.npz")
    assert np.isfinite(last["theta"]).all()
    summary = read_json(run / "summary.json")
    assert (summary["status"], summary["steps"], summary["final"]) == ("diverged", found["step"], {})
    assert read_json(run / "run.json")["status"] == "diverged"


def test_a_diverged_run_can_be_evaluated_and_resumed(tmp_path):
    words = (*AWAY, "--set", "optimizer={name: sgd, learning_rate: 1e30}")
    run, found, _ = diverged(tmp_path, *words)
    assert nnlab_here("eval", run, "--checkpoint", "last", cwd=tmp_path).exit_code in {0, 2}
    again = nnlab_here("train", "--resume", run, cwd=tmp_path)
    assert again.exit_code == 4, again.stderr
    assert read_json(run / "autopsy.json") == found


def test_the_account_is_on_stderr_and_in_the_log(tmp_path):
    words = (*AWAY, "--set", "network.init=recommended", "--set", "optimizer={name: sgd, learning_rate: 1e10}")
    run, found, lines = diverged(tmp_path, *words)
    logged = [text.split(" ", 1)[1] for text in (run / "train.log").read_text(encoding="utf-8").splitlines()]
    norms = [f"{entry['norm']:.3g}" for entry in found["gradient_norms"]]
    account = [
        "train part, 12 rows: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …",
        "largest inputs: size = 140 in row 12, size = 130 in row 11, size = 120 in row 10, size = 110 in row 9, size =",
        f"norms of the last gradients (1): {norms[0]}",
        "likely cause: the learning rate of 1e+10 is too large: the largest weight went from",
        "try: --set optimizer.learning_rate=0.1 --set training.clip_norm=1.0",
        "also possible: the inputs are not scaled: as the network sees it, 'size' reaches 140",
        "try: --set data.scale=standard",
    ]
    headline = lines[-1].removeprefix("the training ").split("; see")[0]
    assert logged[-9:-1] == [headline, *lines[-8:-1]]
    assert all(line.startswith(start) for line, start in zip(lines[-8:-1], account, strict=True))


def test_what_it_says_to_try_helps(tmp_path):
    words = (*AWAY, "--set", "optimizer={name: sgd, learning_rate: 10.0}", "--set", "training.steps=50")
    run, found, _ = diverged(tmp_path, *words)
    tries = [word for c in found["causes"] for key, v in c["try"].items() for word in ("--set", f"{key}={v}")]
    assert nnlab_here("train", run / "config.yaml", *tries, cwd=tmp_path).exit_code == 0


def test_json_and_quiet_leave_one_line_on_stderr(tmp_path):
    words = ("--set", "optimizer={name: sgd, learning_rate: 1e30}")
    found = nnlab_here("train", write(tmp_path, HOUSES), *words, "--json", cwd=tmp_path)
    assert (found.exit_code, len(found.stderr.splitlines())) == (4, 1)
    assert parse_json(found.stdout)["status"] == "diverged"
    quiet = nnlab_here("train", write(tmp_path, HOUSES), *words, "--quiet", cwd=tmp_path)
    assert (quiet.exit_code, len(quiet.stderr.splitlines())) == (4, 1)


def test_the_rows_are_those_of_the_batch_in_the_data_set(tmp_path):
    rows = [f"{0.1 * i:.1f},{i % 2}" for i in range(40)]
    rows[17] = "3e30,1"
    write(tmp_path, "\n".join(["size,label", *rows]) + "\n", "own.csv")
    text = """\
name: own
task: regression
data: {source: own.csv, target: label, test: 0.2}
network: {layers: [3]}
training: {epochs: 2, batch_size: 4, evaluate: [val, train]}
"""
    # The split is drawn so that row 18 trains; its prediction squared is beyond float32.
    for seed in range(9):
        result = nnlab_here("train", write(tmp_path, text), "--set", f"seed={seed}", cwd=tmp_path)
        assert result.exit_code == 4
        found = read_json(tmp_path / result.stdout.strip() / "autopsy.json")
        if 18 in found["rows"]["numbers"]:
            break
    assert found["rows"]["bad_numbers"] == [18]
    assert found["rows"]["largest_inputs"][0] == {
        "row": 18, "column": "size", "value": 3e30, "scaled": float(np.float32(3e30)),
    }  # fmt: skip
    assert found["causes"][0]["cause"] == "the inputs are not scaled"
    assert found["causes"][0]["try"] == {"data.scale": "standard"}


def test_an_activation_that_overflows_is_named_with_what_went_into_it(tmp_path):
    words = (*AWAY, "--set", "network.activation=exponential", "--set", "network.init={name: constant, value: 1.0}")
    run, found, _ = diverged(tmp_path, *words)
    assert (found["layer"], found["quantity"]) == ("exponential1", "activation")
    overflow = next(cause for cause in found["causes"] if "overflows" in cause["cause"])
    assert overflow["cause"] == "the activation 'exponential' overflows float32"
    assert overflow["try"]["precision"] == "float64"
    assert float(re.search(r"x = ([\d.]+)", overflow["evidence"])[1]) > 88.7  # where exp leaves float32
    assert any(cause["cause"] == "the inputs are not scaled" for cause in found["causes"])
    assert [q["quantity"] for q in found["quantities"]] == ["input", "pre-activation", "activation"]
    assert found["quantities"][-1]["not_finite"] > 0
    assert found["quantities"][0]["largest"] == 140
    assert (found["step"], found["updates_done"], found["found_in"]) == (0, 0, "train")
    assert (arrays(run / "checkpoints" / "last.npz")["theta"][0, :4] == 1).all()


SLOPELESS = """\
import numpy as np
from nnlab.maths.activations import Activation

ACTIVATIONS = [
    Activation.from_functions(
        "root_hinge",
        lambda z: np.where(z > 0.75, 0.75 + np.sqrt(np.abs(z - 0.75)), z),
        lambda z: np.where(z > 0.75, np.sqrt(0.75 - z), 1.0),
        formula="z, and a root above 3/4",
        slope_formula="a wrong one",
    )
]
"""


def test_a_slope_of_a_plugin_that_is_not_a_number_is_named_with_the_point(tmp_path):
    write(tmp_path, SLOPELESS, "own.py")
    words = ("--set", "network={layers: [5], activation: root_hinge}", "--set", "data.scale=standard")
    run, found, _ = diverged(tmp_path, *words, "--plugin", "own.py", "--set", "training.steps=200")
    assert (found["layer"], found["quantity"]) == ("root_hinge1", "gradient by its input")
    assert found["causes"][0]["cause"] == "the slope of the activation 'root_hinge' is nan"
    assert float(re.search(r"x = ([\d.]+)", found["causes"][0]["evidence"])[1]) > 0.75
    assert all(entry["not_finite"] == 0 for entry in found["quantities"][:-1])
    assert np.isfinite(arrays(run / "checkpoints" / "last.npz")["theta"]).all()


def test_an_update_that_overflows_is_found_in_the_update(tmp_path):
    words = (*AWAY, "--set", "optimizer={name: sgd, learning_rate: 1e38}")
    _, found, lines = diverged(tmp_path, *words)
    assert (found["step"], found["found_in"], found["updates_done"]) == (1, "update", 0)
    assert found["quantity"].endswith(" after the update")
    assert found["quantities"][-1]["not_finite"] > 0
    assert "(in the update)" in lines[-1]


def test_the_norms_are_the_last_twenty_and_grow(tmp_path):
    words = (
        "--set",
        "optimizer={name: sgd, learning_rate: 0.00012}",
        "--set",
        "training={steps: 4000, batch_size: all}",
    )
    _, found, _ = diverged(tmp_path, *words)
    norms = [entry["norm"] for entry in found["gradient_norms"]]
    assert len(norms) == NORMS_KEPT
    assert [entry["step"] for entry in found["gradient_norms"]][-1] == found["step"]
    assert all(later > earlier for earlier, later in pairwise(norms))


# --- A comparison -----------------------------------------------------------------------------------------------------


def test_a_comparison_says_at_which_step_each_seed_diverged(tmp_path):
    text = HOUSES.replace("adam, learning_rate: 0.01", "sgd, learning_rate: 10.0").replace("precision: float64\n", "")
    words = ("-a", "relu", "-a", "sigmoid", "--seeds", "4", "--set", "network.layers=[3]")
    result = nnlab_here("compare-activations", write(tmp_path, text), *words, "--json", cwd=tmp_path)
    assert result.exit_code == 4, result.stderr
    found = parse_json(result.stdout)
    rows = read_rows(tmp_path / found["run"] / "results.csv")
    assert sum(arm["diverged"] for arm in found["arms"].values()) > 0
    for row in rows:
        arm = found["arms"][row["activation"]]
        at = arm["diverged_at"][found["seeds"].index(int(row["seed"]))]
        assert row["diverged"] == ("false" if at is None else "true")
        assert row["diverged_at"] == ("" if at is None else str(at))
        words = ("--set", f"network.activation={row['activation']}", "--set", "network.layers=[3]")
        alone = nnlab_here("train", "experiment.yaml", *words, "--seed", row["seed"], cwd=tmp_path)
        assert (alone.exit_code == 4) == (at is not None)
        if at is not None:
            assert read_json(tmp_path / alone.stdout.strip() / "autopsy.json")["step"] == at


RUNAWAY = "optimizer.learning_rate=1e300"
HIDDEN = ("--set", "network.layers=[3]", "--set", "network.activation=elu", "--seeds", "2", "-q")


@pytest.mark.parametrize(
    "words",
    [
        ("compare-activations", "-a", "relu", "-a", "elu", "--set", RUNAWAY),
        ("sweep", "--grid", f"{RUNAWAY},1e299", "--metric", "train/loss"),
    ],
)
def test_where_every_seed_of_every_arm_diverges_the_exit_code_says_so(words, tmp_path):
    result = nnlab_here(words[0], write(tmp_path, HOUSES), *words[1:], *HIDDEN, cwd=tmp_path)
    assert result.exit_code == 4, result.stderr
    assert result.stderr.splitlines()[-1].startswith("every seed of every arm diverged; `nnlab train --seed ")


# --- The autopsy of images --------------------------------------------------------------------------------------------

OF_IMAGES = """\
name: images
task: multiclass
data: {source: {name: shapes, samples: 200}, scale: minmax, test: 0.2}
network:
  layers:
    - {conv2d: 4, kernel: 5}
    - {max_pool: 2}
    - {conv2d: 6, kernel: 3, stride: 2, padding: same}
    - {dropout: 0.3}
    - 9
  init: recommended
optimizer: {name: sgd, learning_rate: 1.0e6}
training: {steps: 6, batch_size: 40, log_every: 1}
"""


@pytest.mark.parametrize("rate", ["1e6", "1e20", "1e38"])
def test_a_convolution_whose_rate_is_too_large_is_told_so(rate, tmp_path):
    run, found, lines = diverged(tmp_path, "--set", f"optimizer.learning_rate={rate}", text=OF_IMAGES)
    assert found["causes"][0]["cause"] == f"the learning rate of {float(rate):g} is too large"
    assert found["rows"]["count"] == (40 if found["batch"] else 16)
    assert re.match(r"(red|green|blue)_\d+_\d+$", found["rows"]["largest_inputs"][0]["column"])
    assert lines[-1].startswith(f"the training diverged at step {found['step']}: {found['layer']}, {found['quantity']}")
    assert np.isfinite(arrays(run / "checkpoints" / "last.npz")["theta"]).all()
    assert "Autopsy" in (run / "report.html").read_text(encoding="utf-8")


def test_a_bad_unit_of_an_image_is_told_as_its_channel_and_pixel(tmp_path):
    _, found, _ = diverged(tmp_path, "--set", "optimizer.learning_rate=1e28", text=OF_IMAGES)
    assert found["layer"] == "conv2d2"
    row, unit = found["entry"]
    channel, (at, column) = unit // 49, divmod(unit % 49, 7)  # 6 channels of 7 × 7 pixels
    expected = f"row {found['rows']['numbers'][row]}, channel {channel}, pixel ({at}, {column})"
    assert found["place"] == expected
    assert found["account"][0].endswith(f" at {expected}")
    assert found["rows"]["bad_numbers"][0] == found["rows"]["numbers"][row]


def test_a_bad_unit_of_a_table_and_a_bad_weight_are_told_by_their_numbers(tmp_path):
    words = (*AWAY, "--set", "network.activation=exponential", "--set", "network.init={name: constant, value: 1.0}")
    _, found, _ = diverged(tmp_path, *words)
    row, unit = found["entry"]
    assert found["place"] == f"row {found['rows']['numbers'][row]}, unit {unit}"
    _, found, _ = diverged(tmp_path, *AWAY, "--set", "optimizer={name: sgd, learning_rate: 1e38}")
    assert found["place"] == f"entry [{', '.join(map(str, found['entry']))}]"


def of_images(**more):
    """A small training of images in batches of 40, which go through the network in pieces of 14, 14 and 12."""
    layers = [{"conv2d": 2, "kernel": 3}, {"dropout": 0.5}, {"max_pool": 2}, 5]
    data = {"source": {"name": "shapes", "samples": 100}, "scale": "minmax"}
    training = {"steps": 4, "batch_size": 40, "log_every": 1}
    return setup_for(experiment(task="multiclass", data=data, network={"layers": layers}, training=training, **more))


@pytest.mark.parametrize("at", [3, 17, 39])
def test_the_row_of_a_batch_is_found_in_whichever_piece_it_is(at):
    setup = of_images()
    state = setup.start()
    state.bad_step[0] = 2
    row = setup.batches().positions(1)[0, at]
    setup.parts["train"].x[0, row, 1030] = np.inf
    document = examine(setup, state).document
    number = int(setup.rows.of(0).split.train[row]) + 1
    assert (document["layer"], document["quantity"]) == ("input", "input")
    assert document["entry"] == [at, 1030]
    assert document["place"] == f"row {number}, channel 1, pixel (0, 6)"  # 1024 pixels in a plane, 32 in a row
    assert document["rows"]["bad_numbers"] == [number]
    assert document["rows"]["count"] == 40


def test_the_quantities_are_those_with_which_the_batch_trained():
    """Dropout and all: the gradients of the pieces add up to that of the step."""
    setup = of_images(precision="float64")
    state, step = setup.start(), 1
    gradient = np.zeros_like(state.theta)
    context = PassContext(setup.rows.seeds)
    context.step = step
    tied = training_pass(setup.network, state.theta, gradient, 40, state.statistics, context)
    x, y = setup.batches().at(step)
    loss = tied.differentiate(x, y, measured=True)
    found, own = np.zeros_like(gradient), frozen(setup, step)
    losses = []
    for number, begin in enumerate((0, 14, 28)):
        own.piece, piece = number, slice(begin, begin + 14)
        seen, culprit = _first_bad(_quantities(setup, state, x[:, piece], y[:, piece], own, begin, 40))
        assert culprit is None
        found += next(q.values for q in seen if q.name == "gradient of the penalties")
        losses += [*next(q.values for q in seen if q.name == "loss")]
    np.testing.assert_allclose(found, gradient, rtol=1e-12)
    assert np.mean(losses) == pytest.approx(float(loss[0]), rel=1e-12)


def test_rows_that_are_evaluated_are_examined_a_few_at_a_time():
    setup = of_images()
    state = setup.start()
    state.bad_step[0], state.update_done[0], state.initial_loss[0] = 1, True, 1e-9
    document = examine(setup, state).document
    assert (document["found_in"], document["quantity"]) == ("train", "loss")
    assert document["rows"]["count"] <= 16
