"""Optimizers: by hand, against PyTorch's definitions in plain Python numbers, and down two well-known valleys."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize
from strategies import experiment, setup_for
from support import faults, nnlab_here, write

from nnlab.errors import ConfigError
from nnlab.maths.optimizers import OPTIMIZERS, _searched, _two_loops
from nnlab.maths.parameters import resolved
from nnlab.training.loop import fit
from nnlab.training.objective import Objective

pytestmark = pytest.mark.usefixtures("no_pictures")

VARIANTS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.5, "nesterov": True}),
    ("sgd", {"momentum": 0.99, "nesterov": True}),
    ("adam", {}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3}),
    ("adam", {"beta1": 0.0, "beta2": 0.0}),
]


def described(value):
    if isinstance(value, dict):
        return "-".join(f"{key}={number}" for key, number in value.items()) or "defaults"
    return str(value)


EACH = pytest.mark.parametrize(("name", "given"), VARIANTS, ids=described)


def run(name, given, theta, slope, rate, steps):
    """Descend `slope` from theta, in place; theta at every step."""
    entry = OPTIMIZERS[name]
    chosen = resolved(entry, given)
    slots = entry.start(theta, chosen)
    del chosen["learning_rate"]
    path = [theta.copy()]
    for step in range(1, steps + 1):
        entry.update(theta, slope(theta), slots, step, rate, **chosen)
        path.append(theta.copy())
    return np.array(path)


def by_hand(name, gradients, **given):
    left = iter(gradients)
    path = run(name, given, np.array([[1.0]]), lambda _theta: np.array([[next(left)]]), 0.5, len(gradients))
    return path[1:].ravel().tolist()


# --- By hand ----------------------------------------------------------------------------------------------------------


def test_gradient_descent_by_hand():
    assert by_hand("sgd", [1.0, -4.0, 0.0]) == [0.5, 2.5, 2.5]


def test_momentum_by_hand():
    # v = 1, 0.5 - 4 = -3.5, -1.75 and θ ← θ - v / 2
    assert by_hand("sgd", [1.0, -4.0, 0.0], momentum=0.5) == [0.5, 2.25, 3.125]


def test_nesterov_by_hand():
    # v as above; θ ← θ - (g + v / 2) / 2 with g + v / 2 = 1.5, -5.75, -0.875
    assert by_hand("sgd", [1.0, -4.0, 0.0], momentum=0.5, nesterov=True) == [0.25, 3.125, 3.5625]


def test_adams_first_step_is_the_rate_whatever_the_gradient():
    assert by_hand("adam", [3.0]) == [pytest.approx(0.5, rel=1e-8)]
    assert by_hand("adam", [-1e-3]) == [pytest.approx(1.5, rel=1e-5)]


def test_adam_by_hand():
    # m = 1/2, 1/4 over 1/2, 3/4 and v = 1/2, 1/4 over 1/2, 3/4: the steps are 1 and (1/3) / √(1/3), halved
    found = by_hand("adam", [1.0, 0.0], beta1=0.5, beta2=0.5, epsilon=1e-300)
    assert found == pytest.approx([0.5, 0.5 - 0.5 * (1 / 3) ** 0.5], rel=1e-14)


# --- Against PyTorch's definitions ------------------------------------------------------------------------------------


def torch_sgd(gradients, rate, momentum=0.0, *, nesterov=False):
    theta, buffer = 1.0, None
    for g in gradients:
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer  # noqa: PLW2901 - as the definition has it
        theta = theta - rate * g
        yield theta


def torch_adam(gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    theta, mean, square = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        mean = beta1 * mean + (1 - beta1) * g
        square = beta2 * square + (1 - beta2) * g * g
        denominator = math.sqrt(square) / math.sqrt(1 - beta2**t) + epsilon
        theta = theta - rate / (1 - beta1**t) * mean / denominator
        yield theta


REFERENCES = {"sgd": torch_sgd, "adam": torch_adam}


def test_sgd_and_adam_are_in_the_table_and_have_references():
    assert set(REFERENCES) == {name for name, _ in VARIANTS} <= set(OPTIMIZERS)


@EACH
def test_twenty_five_steps_of_the_definition(name, given):
    gradients = np.random.default_rng(1).normal(0, [[1e-3], [1], [50]], (3, 25)).T  # (steps, parameters)
    steps = iter(gradients)
    path = run(name, given, np.ones((1, 3)), lambda _: next(steps)[None].copy(), 0.03, 25)
    for column in range(3):
        expected = list(REFERENCES[name](gradients[:, column].tolist(), 0.03, **given))
        np.testing.assert_allclose(path[1:, 0, column], expected, rtol=1e-12, atol=1e-12)


# --- Whole arrays -----------------------------------------------------------------------------------------------------


@EACH
def test_theta_and_slots_change_in_place_in_their_precision(name, given):
    entry, theta = OPTIMIZERS[name], np.ones((3, 4), np.float32)
    chosen = resolved(entry, given)
    slots = entry.start(theta, chosen)
    held = dict(slots)
    rate = chosen.pop("learning_rate")
    result = entry.update(theta, np.full((3, 4), 0.5, np.float32), slots, 1, rate, **chosen)
    assert result is None
    assert (theta < 1).all()
    assert theta.dtype == np.float32
    assert all(slots[key] is array and array.dtype == np.float32 and array.any() for key, array in held.items())


@EACH
def test_each_replica_may_have_its_own_rate(name, given):
    rates = np.array([[0.1], [0.01]])
    together = run(name, given, np.ones((2, 3)), lambda theta: 2 * theta, rates, 5)
    for replica, rate in enumerate(rates[:, 0]):
        alone = run(name, given, np.ones((1, 3)), lambda theta: 2 * theta, float(rate), 5)
        np.testing.assert_array_equal(together[:, replica], alone[:, 0])


def test_slots_exist_only_where_they_are_used():
    theta = np.ones((2, 3))
    found = {
        described(given): sorted(OPTIMIZERS[name].start(theta, resolved(OPTIMIZERS[name], given)))
        for name, given in VARIANTS[:2]
    }
    assert found == {"defaults": [], "momentum=0.9": ["velocity"]}
    slots = OPTIMIZERS["adam"].start(theta, resolved(OPTIMIZERS["adam"], {}))
    assert sorted(slots) == ["mean", "square"]
    assert all(slot.shape == theta.shape and not slot.any() for slot in slots.values())
    remembered = OPTIMIZERS["lbfgs"].start(theta, resolved(OPTIMIZERS["lbfgs"], {"memory": 2}))
    assert sorted(remembered) == ["change1", "change2", "step1", "step2"]


# --- Valleys ----------------------------------------------------------------------------------------------------------


def parabola(theta):
    return theta * np.array([1.0, 10.0])  # of (x² + 10 y²) / 2


def rosenbrock(theta):
    x, y = theta[:, 0], theta[:, 1]
    return np.stack([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], axis=1)


@pytest.mark.parametrize(
    ("name", "given", "rate", "steps"),
    [
        ("sgd", {}, 0.05, 400),
        ("sgd", {"momentum": 0.8}, 0.05, 400),
        ("sgd", {"momentum": 0.8, "nesterov": True}, 0.05, 400),
        ("adam", {}, 0.05, 1500),
    ],
    ids=described,
)
def test_the_parabola_is_descended(name, given, rate, steps):
    starts = np.array([[3.0, -2.0], [-1.0, 5.0]])
    assert np.abs(run(name, given, starts, parabola, rate, steps)[-1]).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "given", "rate", "steps"),
    [
        ("sgd", {}, 1e-3, 30000),
        ("sgd", {"momentum": 0.9}, 5e-4, 8000),
        ("sgd", {"momentum": 0.9, "nesterov": True}, 5e-4, 8000),
        ("adam", {}, 0.01, 6000),
    ],
    ids=described,
)
def test_rosenbrocks_valley_is_followed_to_its_end(name, given, rate, steps):
    starts = np.array([[-1.2, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(run(name, given, starts, rosenbrock, rate, steps)[-1], 1, atol=1e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_entry_says_what_it_is(name):
    entry = OPTIMIZERS[name]
    assert entry.name == name
    assert entry.formula
    assert entry.source
    assert all(p.description for p in entry.parameters)
    assert entry.parameters[0].name == "learning_rate"


# --- L-BFGS -----------------------------------------------------------------------------------------------------------


class Search:
    """L-BFGS at work; `value(x)` and `slope(x)` of one point. Every value at the end of a step is kept."""

    def __init__(self, theta, value, slope, **given):
        entry = OPTIMIZERS["lbfgs"]
        chosen = resolved(entry, given)
        self.theta, self.slots, self.taken = theta, entry.start(theta, chosen), 0
        self.rate = chosen.pop("learning_rate")
        self.chosen, self.value, self.asked = chosen, value, 0
        self.objective = lambda x, _replica: (self._count() or float(value(x)), np.array(slope(x), float))
        self.values = [value(theta[0].astype(float))]

    def _count(self):
        self.asked += 1

    def step(self, steps=1):
        for _ in range(steps):
            self.taken += 1
            with np.errstate(all="ignore"):
                OPTIMIZERS["lbfgs"].update(
                    self.theta, None, self.slots, self.taken, self.rate, **self.chosen, objective=self.objective
                )
                self.values.append(float(self.value(self.theta[0].astype(float))))
        return self


def never_rises(search):
    return all(later <= earlier for earlier, later in pairwise(search.values))


def rosenbrock_value(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_slope(x):
    return rosenbrock(x[None])[0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_parabola_of_n_dimensions_takes_a_few_times_n_steps(dtype):
    n = 6
    random = np.random.default_rng(4)
    root = random.normal(size=(n, n))
    matrix, middle = root @ root.T + np.eye(n), random.normal(size=n)
    start = np.zeros((1, n), dtype)
    search = Search(
        start, lambda x: (x - middle) @ matrix @ (x - middle) / 2, lambda x: matrix @ (x - middle), memory=n
    )
    search.step(4 * n)
    np.testing.assert_allclose(search.theta[0], middle, atol=1e-4 if dtype is np.float32 else 1e-6)
    assert never_rises(search)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("memory", [1, 5, 10])
def test_rosenbrocks_valley_is_followed_to_its_end_by_searching(memory, dtype):
    search = Search(np.array([[-1.2, 1.0]], dtype), rosenbrock_value, rosenbrock_slope, memory=memory).step(60)
    np.testing.assert_allclose(search.theta[0], 1, atol=1e-3)
    assert never_rises(search)
    assert search.asked < 5 * 60


def test_two_loops_give_what_the_matrix_of_bfgs_gives():
    random = np.random.default_rng(7)
    gradient, pairs = random.normal(size=5), []
    for _ in range(4):
        s = random.normal(size=5)
        pairs.append((s, s * random.uniform(0.5, 2, 5)))  # s · y > 0
    (s, y), identity = pairs[0], np.eye(5)  # the newest stands first
    inverse = identity * (s @ y) / (y @ y)
    for s, y in reversed(pairs):
        rho = 1 / (s @ y)
        side = identity - rho * np.outer(s, y)
        inverse = side @ inverse @ side.T + rho * np.outer(s, s)  # Nocedal, Wright 2006, 6.17
    nothing, wrong = (np.zeros(5), np.zeros(5)), (np.ones(5), -np.ones(5))
    found = _two_loops(gradient, [pairs[0], nothing, pairs[1], wrong, *pairs[2:]])
    np.testing.assert_allclose(found, -inverse @ gradient, rtol=1e-12)


def test_a_step_goes_where_the_pairs_of_as_many_steps_before_it_point():
    search, trail = Search(np.array([[-1.2, 1.0]]), rosenbrock_value, rosenbrock_slope, memory=2), []
    for _ in range(6):
        trail.append(search.theta[0].copy())
        search.step()
        moves = [(b - a, rosenbrock_slope(b) - rosenbrock_slope(a)) for a, b in pairwise(trail)]
        direction = _two_loops(rosenbrock_slope(trail[-1]), moves[:-3:-1])  # the last two, the newest first
        step = search.theta[0] - trail[-1]
        np.testing.assert_allclose(step / np.linalg.norm(step), direction / np.linalg.norm(direction), rtol=1e-9)


def test_the_first_direction_is_down_the_gradient_and_at_most_one_long():
    np.testing.assert_allclose(_two_loops(np.array([3.0, 4.0]), []), [-0.6, -0.8])
    np.testing.assert_allclose(_two_loops(np.array([0.3, 0.4]), []), [-0.3, -0.4])


def test_pairs_lie_in_turn_in_slots_that_theta_and_its_gradient_explain():
    search = Search(np.array([[-1.2, 1.0]]), rosenbrock_value, rosenbrock_slope, memory=3)
    for taken in range(1, 9):
        before = search.theta[0].copy()
        search.step()
        turn = (taken - 1) % 3 + 1
        np.testing.assert_array_equal(search.slots[f"step{turn}"][0], search.theta[0] - before)
        change = rosenbrock_slope(search.theta[0]) - rosenbrock_slope(before)
        np.testing.assert_array_equal(search.slots[f"change{turn}"][0], change)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_slots_are_all_there_is_to_go_on_from(dtype):
    through = Search(np.array([[-1.2, 1.0]], dtype), rosenbrock_value, rosenbrock_slope, memory=4).step(12)
    first = Search(np.array([[-1.2, 1.0]], dtype), rosenbrock_value, rosenbrock_slope, memory=4).step(7)
    second = Search(first.theta.copy(), rosenbrock_value, rosenbrock_slope, memory=4)
    second.slots, second.taken = {name: slot.copy() for name, slot in first.slots.items()}, 7
    np.testing.assert_array_equal(second.step(5).theta, through.theta)


def test_without_a_slope_it_stays():
    search = Search(np.ones((1, 3)), lambda _x: 1.0, lambda _x: np.zeros(3)).step(3)
    assert (search.theta == 1).all()
    assert not any(slot.any() for slot in search.slots.values())


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (lambda x: abs(x[0]) + 2 * abs(x[1]), lambda x: [np.sign(x[0]), 2 * np.sign(x[1])]),
        (lambda x: -x[0], lambda _x: [-1.0, 0.0]),  # falls for ever: there is no point of strong Wolfe
        (lambda x: np.log(x[0]) ** 2, lambda x: [2 * np.log(x[0]) / x[0], 0.0]),  # not a number on the left
        (lambda x: np.exp(x[0] ** 2), lambda x: [2 * x[0] * np.exp(x[0] ** 2), 0.0]),
        (lambda x: x[0] ** 2, lambda x: [-2 * x[0], 0.0]),  # a slope that lies
        (lambda x: x[0] ** 2, lambda _x: [np.nan, 0.0]),
    ],
    ids=["kinks", "no floor", "undefined", "overflows", "lies", "nan"],
)
def test_no_step_raises_the_value_whatever_the_function(value, slope):
    search = Search(np.array([[5.0, 1.7]]), value, slope).step(20)
    assert np.isfinite(search.theta).all()
    assert never_rises(search)


class Downhill:
    """A straight slope, down to the right, on which all points beyond a cliff at 0.7 are higher."""

    def value(self, x):
        return float(-x[0] if x[0] < 0.7 else 1.0)

    def gradient(self, _x):
        return np.array([-1.0])

    def rounded(self, x):
        return x


def test_an_end_that_lies_higher_is_not_taken(monkeypatch):
    monkeypatch.setattr("scipy.optimize.line_search", lambda *_words: (1.0, None))
    assert _searched(Downhill(), np.zeros(1), np.ones(1)) == 0.5  # half of the gradient's own step


def test_however_short_the_fall_it_is_found(monkeypatch):
    monkeypatch.setattr("scipy.optimize.line_search", lambda *_words: (None, None))

    class Near(Downhill):
        def value(self, x):
            return float(-x[0] if x[0] < 0.001 else 1.0)

    assert _searched(Near(), np.zeros(1), np.ones(1)) == 2.0**-10


@pytest.mark.parametrize(("slope", "value"), [(math.inf, 0.0), (math.nan, 0.0), (1.0, math.inf)])
def test_where_there_is_no_number_it_stays(slope, value):
    class Broken(Downhill):
        def value(self, x):
            return value if x[0] == 0 else -1.0

        def gradient(self, _x):
            return np.array([slope])

    assert _searched(Broken(), np.zeros(1), np.ones(1)) == 0


def test_where_rounding_swallows_every_fall_it_stays():
    class Level(Downhill):
        def value(self, _x):
            return 1.0

    assert _searched(Level(), np.zeros(1), -np.ones(1)) == 0


def test_uphill_and_level_directions_are_left_for_the_gradients(monkeypatch):
    searches = []
    monkeypatch.setattr("scipy.optimize.line_search", lambda *words: searches.append(words) or (None, None))

    class Bowl(Downhill):
        def value(self, x):
            return float(x @ x) / 2

        def gradient(self, x):
            return x

    start = np.array([3.0, 4.0])
    for direction in ([3.0, 4.0], [-4.0, 3.0], [0.1, 0.1]):  # a slope of 25, of 0 and of 0.7
        np.testing.assert_allclose(_searched(Bowl(), start, np.array(direction)), start - start / 5)
    assert searches == []
    np.testing.assert_allclose(_searched(Bowl(), start, np.array([-0.1, 0.0])), start - start / 5)
    assert len(searches) == 1
    assert not _searched(Bowl(), start / 5, start).any()  # a gradient of length 1 is gone down whole


def searching(**more):
    """An experiment with L-BFGS on two moons, in float64."""
    training = {"steps": 80, "batch_size": "all", "log_every": 1}
    return setup_for(experiment(**{"precision": "float64", "optimizer": "lbfgs", "training": training, **more}))


def trained(setup):
    """The last theta and the objective at every step."""
    state, train = setup.start(), setup.rows.parts()["train"]
    objective, values = Objective(setup.network, train.x, train.y), []
    values += [
        objective(state.theta[0], 0)[0]
        for _ in fit(setup.network, setup.rows.parts(), [0], setup.optimizer.update, setup.plan, state)
    ]
    return state.theta[0], values


@pytest.mark.parametrize(
    "network", [{"l2": 0.01}, {"layers": [4], "activation": "tanh", "l2": 0.05}], ids=["logistic", "tanh"]
)
def test_it_reaches_the_minimum_that_scipy_reaches(network):
    setup = searching(network=network)
    train = setup.rows.parts()["train"]
    objective, options = Objective(setup.network, train.x, train.y), {"ftol": 0, "gtol": 1e-10, "maxiter": 200}
    start = setup.start().theta[0]
    theirs = minimize(lambda x: objective(x, 0), start, jac=True, method="L-BFGS-B", options=options)
    theta, values = trained(setup)
    assert values[-1] == pytest.approx(theirs.fun, rel=1e-9)
    np.testing.assert_allclose(theta, theirs.x, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_normalised_layers_descend_as_well(precision):
    network = {"layers": [{"dense": 4}, {"batch_norm": True}], "activation": "tanh"}
    _, values = trained(searching(network=network, precision=precision))
    assert all(later <= earlier for earlier, later in pairwise(values))
    assert values[-1] < values[0] / 3


def test_the_objective_is_loss_and_penalties_with_their_gradient():
    setup = searching(network={"layers": [3], "activation": "tanh", "l2": 0.1, "l1": 0.01})
    train, theta = setup.rows.parts()["train"], setup.start().theta[0]
    objective = Objective(setup.network, train.x.astype(np.float32), train.y.astype(np.float32))
    value, gradient = objective(theta, 0)
    assert gradient.dtype == np.float64
    for column in range(len(theta)):
        step = 1e-6 * (np.arange(len(theta)) == column)
        slope = (objective(theta + step, 0)[0] - objective(theta - step, 0)[0]) / 2e-6
        assert gradient[column] == pytest.approx(slope, abs=1e-8)
    weights = np.concatenate(
        [view[0].ravel() for n, view in setup.network.layout.views(theta[None]).items() if "weights" in n]
    )
    bare = Objective(searching(network={"layers": [3], "activation": "tanh"}).network, train.x, train.y)
    penalty = 0.05 * (weights @ weights) + 0.01 * np.abs(weights).sum()
    assert value == pytest.approx(bare(theta, 0)[0] + penalty, rel=1e-6)


# --- L-BFGS in an experiment file -------------------------------------------------------------------------------------

SEARCHED = """\
name: searched
task: binary
data: {source: {name: moons, samples: 90}, validation: 0.2}
network:
  layers: [4, {dropout: 0.1}]
optimizer: {name: lbfgs, memory: 5}
training: {steps: 3}
"""


def test_batches_are_of_all_rows_unless_the_file_says_otherwise():
    setup = setup_for(experiment(optimizer="lbfgs", training={"steps": 3}))
    assert (setup.experiment.training.batch_size, setup.plan.batch_size) == ("all", 90)
    assert setup_for(experiment(optimizer="lbfgs", training={"steps": 3, "batch_size": 90})).plan.batch_size == 90
    with pytest.raises(ConfigError, match="found batches of 89 of the 90 training rows with lbfgs"):
        setup_for(experiment(optimizer="lbfgs", training={"steps": 3, "batch_size": 89}))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", "e.yaml:5:15: found dropout with lbfgs: it makes every step's objective another one"),
        ("{dropout: 0.1}", "{noise: 0.1}", "e.yaml:5:15: found noise with lbfgs"),
        ("{dropout: 0.1}", "{augment: {shift: 1}}", "e.yaml:5:15: found augment with lbfgs"),
        (
            ", {dropout: 0.1}",
            "]\n  max_norm: 1.0\n  init: {weights: zeros}\n  #",
            "e.yaml:6:13: found max_norm with lbfgs",
        ),
        ("{dropout: 0.1}", "{dense: 3, max_norm: 2.0}", "e.yaml:5:36: found max_norm with lbfgs"),
        ("{dropout: 0.1}", "{dense: 3, activation: rrelu}", "e.yaml:5:38: found rrelu with lbfgs: it draws"),
        ("steps: 3", "steps: 3, clip_norm: 1.0", "e.yaml:7:33: found clip_norm with lbfgs, whose line search chooses"),
        ("steps: 3", "steps: 3, clip_value: 1.0", "e.yaml:7:34: found clip_value with lbfgs"),
    ],
)
def test_what_a_line_search_cannot_go_with_is_refused_with_its_place(old, new, fault):
    text = SEARCHED.replace(old, new) if old else SEARCHED
    assert any(line.startswith(fault) for line in faults(text)), faults(text)
    sgd = text.replace("{name: lbfgs, memory: 5}", "sgd")
    assert faults(sgd) == []


def test_normalisation_goes_with_a_line_search():
    text = SEARCHED.replace("{dropout: 0.1}", "{batch_norm: true}, {layer_norm: true}, 3")
    assert faults(text) == []


def test_a_look_before_the_run_knows_of_the_line_search(tmp_path):
    text = SEARCHED.replace(", {dropout: 0.1}", "")
    result = nnlab_here("train", write(tmp_path, text), "--dry-run", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "A step on 72 rows" in result.stderr
