"""The gradient of every kind of network against central differences, and the checker against planted mistakes."""

from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from strategies import HEADS, NARROWING, TRAINABLE, experiment, layer_lists, network_of, setup_for, targets

from nnlab.errors import GradientError
from nnlab.gradients import checks as check_gradients_module
from nnlab.gradients import derivatives as gradcheck
from nnlab.gradients.checks import check_gradients, check_step, document, failures, report
from nnlab.gradients.derivatives import Check, central_differences
from nnlab.maths.activations import ACTIVATIONS, Activation, RowActivation
from nnlab.maths.parameters import resolved
from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.elementwise import BoundElementwise
from nnlab.networks.layers.rowwise import BoundRowwise
from nnlab.networks.network import Pass

# (f(θ + ε) - f(θ - ε)) / 2ε is off by ε²/6 |f'''|, below 1e-8 for the sizes used here, and by 1e-16 |f| / ε, 1e-11 |f|.
EPSILON, TOLERANCE = 1e-5, 1e-7
# Changing one parameter by ε moves no pre-activation by as much as this: none steps over a kink.
MARGIN = 1e-3
BINARY = next(head for head in HEADS if head[:3] == ("binary", "sigmoid", "binary_cross_entropy"))
REGRESSION = next(head for head in HEADS if head[:2] == ("regression", "identity"))


def case(network, task, rows, seed):
    """Random theta (1, P), inputs and targets."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 0.7, (1, network.layout.size))
    # Learned parameters stay positive, as elu needs its alpha.
    for name, view in network.layout.views(theta).items():
        if name.split("/")[1] not in ("weights", "bias"):
            view[...] = rng.uniform(0.1, 1.5, view.shape)
    return theta, rng.normal(size=(1, rows, network.inputs)), targets(task, rows, rng)


def backward(network, theta, x, y):
    gradient = np.full_like(theta, np.nan)
    tied = Pass(network, theta, gradient, x.shape[1])
    tied.forward(x)
    tied.backward(y)
    return gradient, tied


def numeric(network, theta, x, y, epsilon=EPSILON):
    """Central differences of loss and weight decay, written out here once more."""
    steps = epsilon * np.eye(theta.shape[1])
    copies = np.concatenate([theta + steps, theta - steps])
    tied = Pass(network, copies, None, x.shape[1])
    tied.forward(x)
    views = network.layout.views(copies)
    weights = [s for s in network.layout.specs if s.penalties]
    decay = [s.penalties.l2 / 2 * np.square(views[s.name]).sum(axis=(1, 2)) for s in weights]
    above, below = np.split(tied.loss(y) + sum(decay), 2)
    return (above - below) / (2 * epsilon)


def settled(network, theta, x, y):
    """Whether differences of half the step are the same.

    They are not beside a point where the slope has a corner, as that of softsign and elu has at 0: the difference over
    it is off by ε |f''| / 2, and no reference. A wrong gradient is as wrong for both.
    """
    found, halved = (numeric(network, theta, x, y, epsilon) for epsilon in (EPSILON, EPSILON / 2))
    return np.allclose(found, halved, rtol=0, atol=TOLERANCE / 2 * max(1, np.abs(found).max()))


def is_clear_of_kinks(tied):
    return all(distance_from_kinks(bound) > MARGIN for bound in tied.layers)


def distance_from_kinks(bound):
    """How far the pre-activations of one replica are from where the derivative jumps."""
    if isinstance(bound, BoundElementwise):
        return min((np.abs(bound.z - kink).min() for kink in kinks_by_unit(bound)), default=np.inf)
    if isinstance(bound, BoundRowwise) and bound.activation.name == "maxout":
        groups = np.sort(bound.z.reshape(*bound.y.shape, -1), axis=-1)
        return (groups[..., -1] - groups[..., -2]).min()
    if isinstance(bound, BoundRowwise) and bound.activation.name == "sparsemax":
        tau = np.where(bound.y > 0, bound.z - bound.y, -np.inf).max(axis=-1, keepdims=True)
        return np.abs(bound.z - tau).min()
    return np.inf


def kinks_by_unit(bound):
    """Arrays of a kink of each unit, (units,), under the unit's own parameters."""
    units, parameters = bound.z.shape[-1], resolved(bound.layer.activation, {}) | bound.parameters
    full = {name: np.broadcast_to(np.ravel(values), units) for name, values in parameters.items()}
    kinks = [
        bound.layer.activation.kinks(**{name: float(v[unit]) for name, v in full.items()}) for unit in range(units)
    ]
    return np.array(list(zip_longest(*kinks, fillvalue=np.inf)))


def assert_right(network, theta, x, y, about=""):
    gradient, tied = backward(network, theta, x, y)
    scale = max(1, np.abs(gradient).max())
    np.testing.assert_allclose(
        gradient[0], numeric(network, theta, x, y), rtol=0, atol=TOLERANCE * scale, err_msg=about
    )
    return tied


def clear_case(network, task, rows=4):
    for seed in range(100):
        chosen = case(network, task, rows, seed)
        with np.errstate(all="ignore"):
            tied = backward(network, *chosen)[1]
        # The textbook head loses its digits at large logits.
        if is_clear_of_kinks(tied) and np.abs(tied.z).max() < 6:
            return chosen
    raise AssertionError("no case of moderate size without a pre-activation near a kink")


def described(head):
    return "-".join(map(str, head))


COMMON = [head for head in HEADS if head[2] != "mse" and head[0] in ("binary", "multiclass")]


@pytest.mark.parametrize("activation", TRAINABLE)
def test_every_activation_under_common_heads(activation):
    for head in (*COMMON, REGRESSION):
        network = network_of(head, [6, 2], activation=activation)  # even widths, for maxout and glu
        assert_right(network, *clear_case(network, head[0]), described(head))


@pytest.mark.parametrize("head", HEADS, ids=described)
def test_every_head(head):
    network = network_of(head, [3, 2], activation="tanh")
    assert_right(network, *clear_case(network, head[0]))


@pytest.mark.parametrize("pieces", [2, 3, 6])
def test_every_number_of_pieces(pieces):
    network = network_of(REGRESSION, [6, 12], activation={"name": "maxout", "pieces": pieces})
    assert network.widths == (3, 6, 6 // pieces, 12, 12 // pieces, 2)
    assert_right(network, *clear_case(network, "regression"))


def test_slopes_that_are_drawn_are_held_still_for_the_check():
    network = network_of(BINARY, [6, 4], activation="rrelu")
    theta, x, y = clear_case(network, "binary")
    found = [
        check_step(network, theta, (x, y), context, 1e-5, TOLERANCE) for context in (PassContext(), PassContext([3]))
    ]
    assert [result.passed for result in found] == [True, True]
    assert np.abs(found[0].analytic - found[1].analytic).max() > 1e-3  # other slopes than their mean


@pytest.mark.parametrize("name", NARROWING)
def test_widths_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}.* needs .* inputs, found 3"):
        assert network_of(REGRESSION, [3], activation=name).widths


ELEMENTWISE = {name: entry for name, entry in ACTIVATIONS.items() if isinstance(entry, Activation)}
LEARNED = [(name, p) for name, entry in ELEMENTWISE.items() for p in entry.parameter_slopes]
# A relu that is 0 below its threshold has no slope by it.
BESIDE = {("relu", "max_value"): {"max_value": 1.0}, ("relu", "threshold"): {"negative_slope": 0.3}}


@pytest.mark.parametrize("per_unit", [False, True])
@pytest.mark.parametrize(("activation", "parameter"), LEARNED)
def test_learned_parameters(activation, parameter, per_unit):
    chosen = {"name": activation, "learn": [parameter], "per_unit": per_unit} | BESIDE.get((activation, parameter), {})
    network = network_of(REGRESSION, [4, 3], activation=chosen)
    sizes = [s.size for s in network.layout.specs if s.name.endswith(parameter)]
    assert sizes == ([4, 3] if per_unit else [1, 1])
    theta, x, y = clear_case(network, "regression")
    assert_right(network, theta, x, y)
    gradient = network.layout.views(backward(network, theta, x, y)[0])
    assert np.abs(gradient[f"{activation}1/{parameter}"]).max() > 1e-3


def test_a_learned_parameter_of_a_first_layer():
    network = network_of(REGRESSION, [{"activation": {"name": "prelu", "per_unit": True}}, 3])
    assert_right(network, *clear_case(network, "regression"))


@settings(max_examples=150)
@given(
    head=st.sampled_from(HEADS),
    layers=layer_lists(),
    l2=st.sampled_from([0.0, 0.2]),
    rows=st.integers(1, 5),
    seed=st.integers(0, 999),
)
@example(  # a logit of softsign 2.7e-6 from 0, where its slope has a corner
    head=("regression", "softsign", "mse", True),
    layers=[{"activation": {"name": "silu"}, "dense": 2}, {"activation": {"name": "hard_tanh"}, "dense": 3}],
    l2=0.0,
    rows=2,
    seed=402,
)
def test_random_networks(head, layers, l2, rows, seed):
    network = network_of(head, layers, inputs=2, l2=l2)
    theta, x, y = case(network, head[0], rows, seed)
    with np.errstate(all="ignore"):
        _, tied = backward(network, theta, x, y)
    # At moderate sizes only: the textbook head loses its digits at large logits, and exponentials grow beyond bounds.
    assume(max(np.abs(bound.y).max() for bound in tied.layers) < 6)
    assume(is_clear_of_kinks(tied))
    assume(settled(network, theta, x, y))
    assert_right(network, theta, x, y)


def test_replicas_have_gradients_of_their_own():
    network = network_of(BINARY, [4], activation="prelu")
    cases = [case(network, "binary", 5, seed) for seed in range(3)]
    theta, x, y = (np.concatenate(arrays) for arrays in zip(*cases, strict=True))
    gradient, _ = backward(network, theta, x, y)
    for replica, own in enumerate(cases):
        np.testing.assert_array_equal(gradient[replica], backward(network, *own)[0][0])


# --- Weight decay -----------------------------------------------------------------------------------------------------


def test_weight_decay_pulls_on_weights_and_never_on_biases_or_learned_parameters():
    layers = [{"dense": 4, "l2": 0.5}, {"dense": 3, "l2": 0.0}]
    with_decay = network_of(BINARY, layers, activation="prelu", l2=0.25)
    without = network_of(BINARY, [4, 3], activation="prelu")
    theta, x, y = case(without, "binary", 5, 1)
    pull = without.layout.views(backward(with_decay, theta, x, y)[0] - backward(without, theta, x, y)[0])
    weights = without.layout.views(theta)
    for name, l2 in (("dense1", 0.5), ("dense2", 0.0), ("dense3", 0.25)):
        np.testing.assert_allclose(pull[f"{name}/weights"], l2 * weights[f"{name}/weights"], atol=1e-15)
    others = [name for name in pull if not name.endswith("/weights")]
    assert others == ["dense1/bias", "prelu1/alpha", "dense2/bias", "prelu2/alpha", "dense3/bias"]
    assert all(not pull[name].any() for name in others)


def test_the_penalty_is_half_the_decay_times_the_squared_weights():
    network = network_of(REGRESSION, [2], inputs=1, l2=0.5)
    theta = np.full((2, network.layout.size), 2.0)
    theta[1] = 3
    # 2 + 4 weights of 2 and 3
    assert Pass(network, theta, None, 1).penalty().tolist() == [0.25 * 6 * 4, 0.25 * 6 * 9]


# --- The checker catches mistakes -------------------------------------------------------------------------------------


def wrong(entry, part, factor=1.001):
    """An activation whose slope or backward, or slope by a parameter, is off by a factor."""

    def spoil(function):
        def spoiled(z, a, out, **parameters):
            function(z, a, out, **parameters)
            out *= factor

        return spoiled

    def spoiled_backward(z, a, da, out, **parameters):
        entry.backward(z, a, da, out, **parameters)
        out *= factor

    if isinstance(entry, RowActivation):
        return replace(entry, backward=spoiled_backward)
    if part == "slope":
        return replace(entry, slope=spoil(entry.slope))
    return replace(entry, parameter_slopes={p: spoil(f) for p, f in entry.parameter_slopes.items()})


def check(network, theta, x, y):
    return check_step(network, theta, (x, y), PassContext(), 1e-5, TOLERANCE)


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_slope_that_is_wrong_by_a_thousandth_is_caught(name):
    layers = [6, 4]
    network = network_of(BINARY, layers, activation=name)
    spoiled = network_of(BINARY, layers, activation=name, activations=spoiled_table(name, "slope"))
    chosen = clear_case(network, "binary")
    assert check(network, *chosen).passed
    # The identity is no layer, so there is nothing to spoil.
    assert check(spoiled, *chosen).passed == (name == "identity")


def spoiled_table(name, part):
    return {**ACTIVATIONS, name: wrong(ACTIVATIONS[name], part)}


@pytest.mark.parametrize(("name", "parameter"), LEARNED)
def test_a_wrong_slope_by_a_parameter_is_caught_and_named(name, parameter):
    chosen = {"name": name, "learn": [parameter]} | BESIDE.get((name, parameter), {})
    network = network_of(BINARY, [3], activation=chosen, activations=spoiled_table(name, "parameter"))
    failed = check(network, *clear_case(network, "binary", rows=10))
    assert not failed.passed
    rows = {row.name: row.passed for row in report(network, failed, 0).rows}
    assert [row for row, passed in rows.items() if not passed] == [f"{name}1/{parameter}"]
    error = failures(network, failed, 4)
    assert isinstance(error, GradientError)
    assert f"before update 5 failed: {name}1/{parameter}[0]" in str(error)


def test_the_notebooks_wrong_relu_is_caught():
    relu = ACTIVATIONS["relu"]
    table = {
        **ACTIVATIONS,
        "relu": Activation.from_functions("relu", lambda z: np.maximum(z, 0), lambda z: z * (z > 0)),
    }
    network = network_of(BINARY, [3], activation="relu", activations=table)
    honest = replace(
        network,
        layers=tuple(
            replace(layer, activation=relu, chosen=resolved(relu, {})) if layer.name == "relu1" else layer
            for layer in network.layers
        ),
    )
    chosen = clear_case(honest, "binary")
    assert check(honest, *chosen).passed
    assert not check(network, *chosen).passed


def test_a_derivative_that_is_not_a_number_fails():
    numbers, with_nan = np.zeros(2), np.array([0.0, np.nan])
    assert Check(numbers, numbers, 0.0).passed
    assert not Check(with_nan, numbers, np.inf).passed
    assert not Check(numbers, with_nan, np.inf).passed
    network = network_of(BINARY, [2], inputs=1)
    theta, x, y = case(network, "binary", 3, 0)
    gradient = np.zeros(network.layout.size)
    gradient[3] = np.nan
    rows = report(network, Check(gradient, np.zeros_like(gradient), 1.0), 0).rows
    assert [row.worst for row in rows if not row.passed] == [network.layout.label(3)]
    theta[0, 0] = np.inf
    assert not check(network, theta, x, y).passed


def test_the_threshold_itself_passes():
    assert Check(np.array([1.0]), np.array([1.5]), 0.5).passed
    assert not Check(np.array([1.0]), np.array([1.5]), np.nextafter(0.5, 0)).passed


# --- Central differences ----------------------------------------------------------------------------------------------


def test_central_differences_are_exact_for_parabolas():
    slope = central_differences(lambda theta: (theta * theta * [1, 2, 4]).sum(axis=1), np.array([1.0, -2.0, 0.5]), 0.25)
    assert slope.tolist() == [2, -8, 4]


@pytest.mark.parametrize("numbers", [1, 20, 41, 10**6])
def test_central_differences_in_portions(numbers, monkeypatch):
    monkeypatch.setattr(gradcheck, "_NUMBERS_AT_ONCE", numbers)
    sizes = []

    def objective(theta):
        sizes.append(theta.size)
        return np.sin(theta).sum(axis=1)

    theta = np.linspace(-1, 1, 10)
    np.testing.assert_allclose(central_differences(objective, theta, EPSILON), np.cos(theta), atol=1e-9)
    assert max(sizes) <= max(numbers, 2 * 10)
    assert theta.tolist() == np.linspace(-1, 1, 10).tolist()


def test_large_batches_are_checked_in_smaller_portions(monkeypatch):
    monkeypatch.setattr(gradcheck, "_NUMBERS_AT_ONCE", 100_000)
    sizes = []

    class Spy(Pass):
        def __init__(self, network, theta, gradient, batch, **more):
            super().__init__(network, theta, gradient, batch, **more)
            sizes.append(len(theta) * batch * sum(network.widths[1:]))

    monkeypatch.setattr(check_gradients_module, "Pass", Spy)
    network = network_of(BINARY, [8], activation="tanh")
    assert check(network, *case(network, "binary", 500, 0)).passed
    assert max(sizes) <= 100_000  # numbers in the layers' buffers


# --- Of a training ----------------------------------------------------------------------------------------------------


def checked(**changes):
    return setup_for(experiment(**{"precision": "float64", "network": {"layers": [3], "activation": "tanh"}} | changes))


def test_each_of_the_first_steps_is_checked_before_its_update():
    setup = checked()
    reports = list(check_gradients(setup, steps=3, epsilon=1e-6, threshold=1e-8))
    assert [(r.step, r.passed) for r in reports] == [(0, True), (1, True), (2, True)]
    assert len({r.check.analytic.tobytes() for r in reports}) == 3
    found = document(reports, 1e-6, 1e-8)
    assert (found["passed"], [step["step"] for step in found["steps"]]) == (True, [1, 2, 3])
    assert len(found["steps"][0]["entries"]) == setup.network.layout.size
    first = found["steps"][0]["entries"][0]
    assert first["parameter"] == "dense1/weights[0,0]"
    assert first["error"] == abs(first["numeric"] - first["analytic"])


def test_a_given_theta_is_checked():
    setup = checked()
    theta = np.zeros((1, setup.network.layout.size))
    (only,) = check_gradients(setup, steps=1, epsilon=1e-6, threshold=1e-8, theta=theta)
    weights = setup.network.layout.places["dense1/weights"]
    assert only.passed
    assert not only.check.analytic[weights].any()  # nothing comes back through output weights of 0


def test_the_check_computes_in_float64_whatever_the_weights():
    network = network_of(BINARY, [3], activation="tanh")
    theta, x, y = (array.astype(np.float32) for array in case(network, "binary", 4, 2))
    found = check(network, theta, x, y)
    assert found.analytic.dtype == np.float64
    assert found.passed
