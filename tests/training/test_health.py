"""The health of units: each figure against its definition, and that looking changes nothing."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import experiment, setup_for
from support import HOUSES, XOR, nnlab, nnlab_here, read_json, read_rows, trained, write

from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.losses import unfused
from nnlab.maths.parameters import resolved
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.network import Network, Pass
from nnlab.training import health
from nnlab.training.loop import fit

pytestmark = pytest.mark.usefixtures("no_pictures")

WATCHED = {"steps": 12, "batch_size": 16, "log_every": 1, "evaluate_every": 4}


def alone(name, *, learned=(), per_unit=False, inputs=1, **chosen):
    """A network that is one activation layer, `layer`, under a mean squared error."""
    entry = ACTIVATIONS[name]
    values = resolved(entry, chosen)
    if isinstance(entry, Activation):
        layer = Elementwise("layer", entry, values, learned, per_unit)
    else:
        layer = Rowwise("layer", entry, values)
    return Network((inputs,), (layer,), unfused("mse"))


def looked_at(network, z, theta=None):
    """The figures of one network on rows z (N, inputs)."""
    theta = np.empty((1, network.layout.size)) if theta is None else theta
    x = np.asarray(z, float).reshape(1, -1, network.inputs)
    y = np.zeros((1, x.shape[1], network.widths[-1]))
    found = health.Health(network, theta, np.empty((1, 0)), x, y, [0], np.empty((1, 0))).figures(0)
    return {figure: float(values[0]) for figure, values in found.items()}


def fitted(setup, *, stop_at=None, state=None, **changes):
    """The state and the records of a training, from `state` on, up to the end or to a step."""
    if state is None:
        state = setup.start()
    plan = replace(setup.plan, **changes)
    stop = (lambda: False) if stop_at is None else (lambda: state.step >= stop_at)
    records = [*fit(setup.network, setup.rows.parts(), setup.rows.seeds, setup.optimizer.update, plan, state, stop)]
    return state, records


# --- Dead and saturated -----------------------------------------------------------------------------------------------


def test_a_relu_is_dead_that_is_open_on_no_row_and_saturated_where_it_is_closed():
    z = np.array([[1.0, -1.0, -1.0, 2.0], [2.0, -2.0, 1.0, 3.0], [-1.0, -3.0, 2.0, 4.0]])
    found = looked_at(alone("relu", inputs=4), z)
    values = np.maximum(z, 0)
    assert found == {
        "health/layer/dead": 1 / 4,
        "health/layer/saturated": 5 / 12,
        "health/layer/mean": pytest.approx(values.mean(), rel=1e-15),
        "health/layer/deviation": pytest.approx(values.std(), rel=1e-15),
    }


# 1 / cosh² z = 1/20 at z = arcosh √20; for the sigmoid s (1 - s) = 1/80 there is s = (1 + √(1 - 1/20)) / 2.
EDGES = {
    "tanh": math.acosh(math.sqrt(20)),
    "sigmoid": 2 * math.atanh(math.sqrt(1 - 1 / 20)),
    "softsign": math.sqrt(20) - 1,
}


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("name", EDGES)
def test_a_unit_is_saturated_from_where_its_slope_is_a_twentieth_of_the_steepest(name, sign):
    beyond, within = sign * EDGES[name] * 1.001, sign * EDGES[name] * 0.999
    assert looked_at(alone(name), [beyond])["health/layer/saturated"] == 1
    assert looked_at(alone(name), [within])["health/layer/saturated"] == 0
    assert looked_at(alone(name), [beyond, within])["health/layer/saturated"] == 1 / 2


def test_a_sigmoid_is_dead_where_a_millionth_of_the_slope_is_left():
    # 4 σ(z) σ(-z) is about 4 exp(-|z|): 1e-6 at |z| = ln 4e6 = 15.2.
    edge = math.log(4e6)
    assert looked_at(alone("sigmoid"), [-edge - 0.01, edge + 0.01])["health/layer/dead"] == 1
    assert looked_at(alone("sigmoid"), [-edge - 0.01, edge - 0.01])["health/layer/dead"] == 0


def test_a_falling_slope_is_a_slope_too():
    # The steepest slopes of exp(-x²) are ±√(2/e), at ±1/√2: there the unit is as alive as can be.
    found = looked_at(alone("gaussian"), [1 / math.sqrt(2)])
    assert (found["health/layer/dead"], found["health/layer/saturated"]) == (0, 0)


def test_an_activation_without_any_slope_is_all_dead():
    found = looked_at(alone("heaviside"), [-1.0, 0.0, 5.0])
    assert (found["health/layer/dead"], found["health/layer/saturated"]) == (1, 1)


ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if isinstance(entry, Activation)]
STEEPEST = {
    "tanh": 1,
    "sigmoid": 1 / 4,
    "relu": 1,
    "identity": 1,
    "sin": 1,
    "selu": 1.0507009873554805 * 1.6732632423543772,  # just below 0
    "gaussian": math.sqrt(2 / math.e),
    "hard_sigmoid": 1 / 6,
    "snake": 2,
    "hard_silu": 1.5,
}


def steepest(network):
    tied = Pass(network, np.empty((1, 0)), None, 1)
    return float(health._steepest(tied.layers[0]).item())


@pytest.mark.parametrize("name", STEEPEST)
def test_the_steepest_slope_is_the_known_one(name):
    assert steepest(alone(name)) == pytest.approx(STEEPEST[name], rel=1e-4)


def test_the_steepest_slope_of_gelu():
    # (1 + erf(x/√2)) / 2 + x exp(-x²/2) / √(2π) has its largest value at x = √2.
    x = mpmath.sqrt(2)
    largest = (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2 + x * mpmath.exp(-(x**2) / 2) / mpmath.sqrt(2 * mpmath.pi)
    assert steepest(alone("gelu")) == pytest.approx(float(largest), rel=1e-4)


def test_a_kink_far_away_is_looked_beyond():
    assert steepest(alone("threshold", threshold=40.0)) == 1
    assert steepest(alone("relu", threshold=40.0)) == 1


@pytest.mark.parametrize("name", ELEMENTWISE)
@settings(max_examples=30)  # of each activation
@given(z=st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_shares_are_shares_and_whoever_is_dead_is_saturated(name, z):
    found = looked_at(alone(name), z)
    assert 0 <= found["health/layer/dead"] <= found["health/layer/saturated"] <= 1


def test_each_unit_is_held_against_its_own_learned_slope():
    network = alone("prelu", learned=("alpha",), per_unit=True, inputs=2)
    theta = np.array([[0.04, 100.0]])  # the steepest slopes are 1 and 100
    found = looked_at(network, [[-1.0, -1.0]], theta)
    assert found["health/layer/saturated"] == 1 / 2  # 0.04 of 1; 100 of 100
    assert looked_at(network, [[1.0, 1.0]], theta)["health/layer/saturated"] == 1 / 2  # 1 of 1; 1 of 100


@pytest.mark.parametrize(("per_unit", "theta"), [(True, [[0.1, 0.5]]), (False, [[0.3]])])
def test_a_portrait_of_units_with_their_own_parameters_is_known_to_be_their_mean(per_unit, theta):
    network = alone("prelu", learned=("alpha",), per_unit=per_unit, inputs=2)
    (one,) = health.portraits(network, np.array(theta), np.zeros((1, 0)), np.array([[-1.0, -1.0], [1.0, 1.0]]))
    assert one.are_means == per_unit
    assert one.slope[0] == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["softmax", "maxout", "glu"])
def test_a_row_activation_has_values_but_no_slope_of_its_own(name):
    z = np.random.default_rng(4).normal(size=(9, 4))
    found = looked_at(alone(name, inputs=4), z)
    assert set(found) == {"health/layer/mean", "health/layer/deviation"}
    assert found["health/layer/deviation"] > 0


# --- Gradients and updates --------------------------------------------------------------------------------------------


def plain(**more):
    return experiment(precision="float64", network={"layers": [5, 4], "activation": "tanh"}, **more)


def test_the_gradient_is_that_of_the_loss_of_the_sampled_rows():
    setup = setup_for(plain(training=WATCHED))
    state, records = fitted(setup, health=True)
    part, network, theta = setup.rows.parts()["train"], setup.network, state.theta
    rows = part.x.shape[1]
    assert rows <= health.MOST_ROWS

    def loss(column, step):
        moved = theta.copy()
        moved[:, column] += step
        tied = Pass(network, moved, None, rows)
        tied.forward(part.x)
        return float(tied.loss(part.y)[0])

    numeric = np.array([(loss(k, 1e-6) - loss(k, -1e-6)) / 2e-6 for k in range(network.layout.size)])
    for name in ("dense1", "dense2", "dense3"):
        places = [network.layout.places[f"{name}/{tensor}"] for tensor in ("weights", "bias")]
        expected = np.sqrt(sum((numeric[place] ** 2).sum() for place in places))
        assert records[-1].figures[f"health/{name}/gradient_norm"][0] == pytest.approx(expected, rel=1e-6)


def test_an_update_of_plain_descent_is_its_rate_times_the_gradient():
    # One batch of all rows: the gradient measured before an update is that of the update.
    setup = setup_for(
        plain(
            optimizer={"name": "sgd", "learning_rate": 0.25},
            training=WATCHED | {"batch_size": "all", "evaluate_every": 1},
        )
    )
    _, records = fitted(setup, health=True)
    layout, theta = setup.network.layout, setup.start().theta
    for name in ("dense1", "dense2", "dense3"):
        weights = theta[:, layout.places[f"{name}/weights"]]
        state, _ = fitted(setup, stop_at=1)
        moved = state.theta[:, layout.places[f"{name}/weights"]] - weights
        expected = np.linalg.norm(moved) / np.linalg.norm(weights)
        assert np.isnan(records[0].figures[f"health/{name}/update_ratio"][0])
        assert records[1].figures[f"health/{name}/update_ratio"][0] == pytest.approx(expected, rel=1e-12)
        gradient = records[0].figures[f"health/{name}/gradient_norm"][0]
        assert expected * np.linalg.norm(weights) <= 0.25 * gradient * (1 + 1e-12)  # the bias has its part of it


# --- When and on what -------------------------------------------------------------------------------------------------


def test_units_are_looked_at_wherever_whole_splits_are():
    _, records = fitted(setup_for(plain(training=WATCHED)), health=True)
    names = {name for name in records[0].figures if name.startswith("health/")}
    assert names == set(health.figure_names(setup_for(plain()).network))
    assert [r.step for r in records if names & set(r.figures)] == [0, 4, 8, 12]
    assert [r.step for r in records if "train/loss" in r.figures] == [0, 4, 8, 12]


@given(rows=st.integers(1, 100_000))
def test_the_sample_is_even_and_never_large(rows):
    found = health.sampled(alone("relu"), rows)
    assert len(found) == min(rows, 256)
    assert found[0] == 0
    assert found[-1] < rows
    gaps = np.diff(found)
    assert len(gaps) == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


@pytest.mark.parametrize(("width", "expected"), [(100, 256), (2**15, 256), (2**15 + 1, 255), (10**5, 83), (10**6, 16)])
def test_of_large_samples_fewer_rows_are_looked_at(width, expected):
    assert len(health.sampled(alone("relu", inputs=width), 10**6)) == expected  # inputs and outputs have this width
    assert len(health.sampled(alone("relu", inputs=width), 11)) == 11


NOISY = {
    "layers": [
        6,
        {"batch_norm": True},
        {"dropout": 0.3},
        {"dense": 5, "activation": "rrelu"},
        {"noise": 0.1},
        {"dense": 4, "activation": "softmax"},
    ],
    "activation": {"name": "prelu", "per_unit": True},
    "max_norm": 2.0,
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_looking_changes_no_bit_of_a_training(precision):
    chosen = experiment(precision=precision, network=NOISY, training=WATCHED | {"clip_norm": 1.0})
    setup = setup_for(chosen, [3, 1, 4])
    (state, records), (watched, more) = fitted(setup), fitted(setup, health=True)
    arrays = watched.arrays()
    for name, array in state.arrays().items():
        assert array.tobytes() == arrays[name].tobytes(), name
    for record, other in zip(records, more, strict=True):
        assert record.step == other.step
        for name, values in record.figures.items():
            assert values.tobytes() == other.figures[name].tobytes()


def test_a_replica_is_as_healthy_in_company_as_alone():
    chosen = experiment(network=NOISY, training=WATCHED)
    _, together = fitted(setup_for(chosen, [3, 1, 4]), health=True)
    for replica, seed in enumerate([3, 1, 4]):
        _, own = fitted(setup_for(chosen, [seed]), health=True)
        for record, other in zip(together, own, strict=True):
            for name, values in other.figures.items():
                np.testing.assert_array_equal(record.figures[name][replica], values[0], err_msg=name)


@pytest.mark.parametrize("step", [3, 4])
def test_a_training_that_goes_on_finds_what_it_would_have_found(step):
    setup = setup_for(plain(training=WATCHED))
    _, whole = fitted(setup, health=True)
    first, before = fitted(setup, health=True, stop_at=step)
    second = setup.start()
    second.keep_ratios(setup.network)
    second.restore(first.arrays(), first.step, first.recorded)
    _, after = fitted(setup, health=True, state=second)
    pieces = [(r.step, n, v.tobytes()) for r in [*before, *after] for n, v in r.figures.items()]
    assert pieces == [(r.step, n, v.tobytes()) for r in whole for n, v in r.figures.items()]


def test_a_replica_that_has_stopped_is_no_longer_measured():
    chosen = plain(
        training=WATCHED | {"steps": 40, "early_stopping": {"monitor": "train/loss", "patience": 1, "min_delta": 10.0}}
    )
    setup = setup_for(chosen, [0])
    state, records = fitted(setup, health=True)
    assert not state.running[0]
    assert np.isfinite(records[-1].figures["health/tanh1/mean"][0])


# --- Portraits --------------------------------------------------------------------------------------------------------


def test_a_portrait_shows_the_function_where_its_units_are():
    network = alone("relu", inputs=2)
    x = np.linspace(-2, 6, 40).reshape(20, 2)
    (portrait,) = health.portraits(network, np.empty((1, 0)), np.empty((1, 0)), x)
    assert portrait.name == "layer"
    assert portrait.grid[0] < -2 < 6 < portrait.grid[-1]
    np.testing.assert_array_equal(portrait.value, np.maximum(portrait.grid, 0))
    np.testing.assert_array_equal(portrait.slope, portrait.grid > 0)
    np.testing.assert_array_equal(portrait.saturated, portrait.grid <= 0)
    np.testing.assert_array_equal(np.sort(portrait.z), x.ravel())
    assert portrait.kinks == (0.0,)
    assert (portrait.dead_share, portrait.saturated_share) == (0, (x <= 0).mean())


def test_a_portrait_holds_the_kink_that_no_pre_activation_is_near_and_tells_the_parameters():
    network = alone("leaky_relu", negative_slope=0.25)
    (portrait,) = health.portraits(network, np.empty((1, 0)), np.empty((1, 0)), np.full((3, 1), 90.0))
    assert portrait.kinks == (0.0,)
    assert portrait.value.min() < 0
    assert portrait.parameters == "negative_slope = 0.25"
    (plain_relu,) = health.portraits(alone("relu"), np.empty((1, 0)), np.empty((1, 0)), np.zeros((3, 1)))
    assert not plain_relu.parameters
    learned = alone("prelu", learned=("alpha",))
    (portrait,) = health.portraits(learned, np.full((1, 1), 0.5), np.empty((1, 0)), np.zeros((3, 1)))
    assert portrait.parameters == "alpha = 0.5 learned"


def test_pre_activations_that_are_not_finite_are_left_out_of_a_portrait():
    network, nothing = alone("tanh"), np.empty((1, 0))
    (portrait,) = health.portraits(network, nothing, nothing, np.array([[1.0], [np.nan], [np.inf]]))
    assert portrait.z.tolist() == [1.0]
    assert health.portraits(network, nothing, nothing, np.array([[np.nan]])) == []


def test_of_many_pre_activations_every_unit_keeps_its_part():
    z = np.random.default_rng(2).normal(size=(400, 2048))
    thinned = health._thinned(np.tile(np.arange(2048.0), 400), 2048)
    assert thinned.size < 2**18
    assert np.ptp(np.bincount(thinned.astype(int), minlength=2048)) <= 1
    assert health._thinned(z, 2048).size < 2**18
    np.testing.assert_array_equal(health._thinned(z[:3].ravel(), 2048), z[:3].ravel())


def test_depths_are_those_of_the_layers_with_weights():
    network = setup_for(experiment(network={"layers": [3, {"dropout": 0.1}, {"activation": "sin"}, 2]})).network
    assert health.depths(network) == {"dense1": 1, "relu1": 1, "sin1": 1, "dense2": 2, "relu2": 2, "dense3": 3}


# --- Images -----------------------------------------------------------------------------------------------------------

DIGITS = {"source": "digits", "scale": "minmax"}
CONVOLUTIONS = {
    "layers": [
        {"conv2d": 4, "kernel": 3, "activation": {"name": "prelu", "per_unit": True}},
        {"max_pool": 2},
        {"conv2d": 6, "kernel": 2},
        {"batch_norm": True},
        {"dropout": 0.2},
        5,
    ],
    "activation": "relu",
}


def of_images(**more):
    more = {"network": CONVOLUTIONS, "training": WATCHED, **more}
    return experiment(task="multiclass", data=DIGITS, **more)


def test_the_units_of_images_are_channels():
    chosen = of_images(network={"layers": [{"conv2d": 3, "kernel": 3}], "activation": "relu"}, precision="float64")
    setup = setup_for(chosen)
    network, state, part = setup.network, setup.start(), setup.rows.parts()["train"]
    state.theta[:, network.layout.places["conv2d1/bias"]] = [0.1, -100.0, 100.0]
    look = health.Health(network, state.theta, state.statistics, part.x, part.y, [0], np.empty((1, 2)))
    found = {name: values[0] for name, values in look.figures(0).items()}
    rows = health.sampled(network, part.x.shape[1])
    tied = Pass(network, state.theta, None, len(rows))
    z, *_ = (outputs[0].copy() for outputs in tied.forward_by_layer(part.x[:, rows]))
    channels = z.reshape(len(rows), 3, 36)
    assert found["health/relu1/dead"] == 1 / 3
    assert found["health/relu1/saturated"] == pytest.approx((channels <= 0).mean(), rel=1e-12)
    assert found["health/relu1/mean"] == pytest.approx(np.maximum(channels, 0).mean(), rel=1e-12)
    (portrait,) = health.portraits(network, state.theta, state.statistics, part.x[0])
    np.testing.assert_allclose(portrait.saturated_by_channel, (channels <= 0).mean(axis=(0, 2)), rtol=1e-12)
    assert portrait.dead_channels.tolist() == [False, True, False]
    assert portrait.images == len(rows)
    assert (portrait.dead_share, portrait.saturated_share) == (1 / 3, pytest.approx((channels <= 0).mean(), rel=1e-12))


def test_units_that_are_no_channels_have_no_share_by_channel():
    (portrait,) = health.portraits(alone("relu", inputs=2), np.empty((1, 0)), np.empty((1, 0)), np.ones((3, 2)))
    assert portrait.saturated_by_channel.size == portrait.dead_channels.size == 0


def test_convolutions_count_as_depth():
    assert health.depths(setup_for(of_images()).network) == {
        "conv2d1": 1, "prelu1": 1, "conv2d2": 2, "relu1": 2, "dense1": 3, "relu2": 3, "dense2": 4,
    }  # fmt: skip


def test_replicas_of_images_are_looked_at_as_alone_and_trained_as_unwatched():
    setup = setup_for(of_images(), [3, 1])
    (state, _), (watched, together) = fitted(setup), fitted(setup, health=True)
    assert state.theta.tobytes() == watched.theta.tobytes()
    assert state.statistics.tobytes() == watched.statistics.tobytes()
    for replica, seed in enumerate([3, 1]):
        _, own = fitted(setup_for(of_images(), [seed]), health=True)
        for record, other in zip(together, own, strict=True):
            for name, values in other.figures.items():
                np.testing.assert_array_equal(record.figures[name][replica], values[0], err_msg=name)


# --- At the command line ----------------------------------------------------------------------------------------------

HEALTHY = ("--set", "training.health=true", "--set", "training.steps=20")


def test_train_writes_health_into_metrics_summary_log_and_pictures(tmp_path, with_pictures):
    done = nnlab("train", XOR, *HEALTHY, "--set", "gates=[]", cwd=tmp_path)
    assert done.returncode == 0
    assert "% of the time" in done.stderr
    folder = tmp_path / done.stdout.strip()
    assert "health: " in (folder / "train.log").read_text()
    rows = read_rows(folder / "metrics.csv")
    own = [name for name in rows[0] if name.startswith("health/")]
    assert own == [
        *("health/dense1/gradient_norm", "health/dense1/update_ratio"),
        *(f"health/tanh1/{quantity}" for quantity in ("dead", "saturated", "mean", "deviation")),
        *("health/dense2/gradient_norm", "health/dense2/update_ratio"),
    ]
    assert rows[0]["health/dense1/update_ratio"] == ""
    assert all(rows[-1][name] for name in own)
    assert {"health.png", "units.png", "gradients.png"} <= {path.name for path in (folder / "plots").iterdir()}
    assert "health/tanh1/dead" in read_json(folder / "summary.json")["best"]


def test_without_the_key_nothing_is_looked_at(tmp_path, with_pictures):
    folder = trained(tmp_path, XOR, "--set", "training.steps=20", "--set", "gates=[]")
    assert [name for name in read_rows(folder / "metrics.csv")[0] if name.startswith("health/")] == []
    assert "health" not in (folder / "train.log").read_text()
    plots = {path.name for path in (folder / "plots").iterdir()}
    assert "units.png" in plots
    assert not plots & {"health.png", "gradients.png"}


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ("health/tanh1/dead == 0", 0),
        ("health/tanh1/dead > 0.5", 3),
        ("health/dense1/gradient_norm@7 > 0", 0),
        ("health/dense2/update_ratio@1 < 1", 0),
        ("health/dense2/update_ratio@0 < 1", 2),
        ("health/tanh2/dead == 0", 2),
    ],
)
def test_gates_may_ask_for_health(gate, code, tmp_path):
    done = nnlab_here("train", XOR, *HEALTHY, "--set", f"gates=['{gate}']", cwd=tmp_path)
    assert done.exit_code == code, done.stderr


def test_a_gate_on_health_needs_the_key(tmp_path):
    done = nnlab_here("train", XOR, "--set", "gates=['health/tanh1/dead == 0']", cwd=tmp_path)
    assert done.exit_code == 2
    assert "health/tanh1/dead is never measured" in done.stderr
    assert "training.health: true" in done.stderr


def test_a_network_without_activations_has_gradients_alone(tmp_path, with_pictures):
    folder = trained(
        tmp_path, write(tmp_path, HOUSES), "--set", "training.health=true", "--set", "network.activation=identity"
    )
    plots = {path.name for path in (folder / "plots").iterdir()}
    assert {"health.png", "gradients.png"} <= plots
    assert "units.png" not in plots
