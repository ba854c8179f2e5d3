"""Learning rate and learned activation parameters as figures: when they are read, and that they are what was used."""

import numpy as np
import pytest
from strategies import experiment, setup_for

from nnlab.maths.schedules import SCHEDULES
from nnlab.networks.layout import Layout, ParameterSpec
from nnlab.networks.learned import learned_parameters, learned_words, parameter_figures
from nnlab.training.loop import fit

RATE = "optimizer/learning_rate"


def training(**more):
    return {"steps": 12, "batch_size": 16, "log_every": 1} | more


def run(setup):
    """The records of a training, and the rate that each update was given."""
    given, state = [], setup.start()
    update = setup.optimizer.update

    def listening(theta, gradient, slots, step, **more):
        before, steepest = theta.copy(), np.abs(gradient).max(axis=1)
        update(theta, gradient, slots, step, **more)
        given.append(np.abs(theta - before).max(axis=1) / steepest)

    records = list(fit(setup.network, setup.parts, setup.rows.seeds, listening, setup.plan, state))
    return records, np.array(given)


def rates(records):
    """The learning rates by step, (steps, R)."""
    return {record.step: record.figures[RATE] for record in records if RATE in record.figures}


# --- the learning rate ------------------------------------------------------------------------------------------------

SCHEDULED = {
    "a number": 0.1,
    "cosine": {"name": "cosine", "base": 0.1, "cycles": 3, "warmup": 2},
    "step": {"name": "step", "base": 0.1, "every": 4},
    "one_cycle": {"name": "one_cycle", "base": 0.1, "final": 0.01},
    "plateau": {"name": "plateau", "base": 0.1, "patience": 1, "min_delta": 10, "factor": 0.5},
}


@pytest.mark.parametrize("rate", SCHEDULED.values(), ids=SCHEDULED)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_learning_rate_of_a_step_is_the_one_that_its_update_was_made_with(rate, precision):
    """Gradient descent moves each parameter by the rate times its gradient, and so tells the rate."""
    setup = setup_for(
        experiment(optimizer={"name": "sgd", "learning_rate": rate}, training=training(), precision=precision), (3, 5)
    )
    records, given = run(setup)
    read = rates(records)
    assert list(read) == list(range(1, 13))  # none before the first update
    assert all(values.dtype == np.float64 and values.shape == (2,) for values in read.values())
    np.testing.assert_allclose([*read.values()], given, rtol=1e-3 if precision == "float32" else 1e-9)
    assert (len({*map(tuple, read.values())}) > 1) == (rate != 0.1)


def test_the_learning_rate_is_exactly_that_of_the_schedule():
    rate = {"name": "cosine", "base": 0.1, "cycles": 2}
    setup = setup_for(experiment(optimizer={"learning_rate": rate}, training=training()))
    values = setup.experiment.optimizer.schedule.values
    for step, (found,) in rates(run(setup)[0]).items():
        assert found == SCHEDULES["cosine"].rate(0.1, step, 12, **values)


def test_each_block_of_replicas_has_its_own_learning_rate():
    setup = setup_for(experiment(optimizer={"name": "sgd", "learning_rate": 0.5}, training=training()), (1, 2, 1, 2))
    records, given = run(setup.with_rates([0.25, 0.125]))
    np.testing.assert_array_equal([*rates(records).values()], np.tile([0.25, 0.25, 0.125, 0.125], (12, 1)))
    np.testing.assert_allclose([*rates(records).values()], given, rtol=1e-3)


def test_replicas_on_a_plateau_have_rates_of_their_own():
    rate = {"name": "plateau", "base": 0.5, "patience": 1, "factor": 0.5, "cooldown": 1}
    chosen = experiment(optimizer={"name": "sgd", "learning_rate": rate}, training=training(steps=60))
    together = rates(run(setup_for(chosen, (0, 1, 2, 3)))[0])
    assert len({*together[60]}) > 1
    for replica in range(4):
        alone = rates(run(setup_for(chosen, (replica,)))[0])
        assert {step: values[0] for step, values in alone.items()} == {s: v[replica] for s, v in together.items()}


def test_an_optimizer_that_looks_at_the_rate_once_has_no_such_figure():
    setup = setup_for(experiment(optimizer="rprop", training=training(batch_size="all")))
    assert RATE not in setup.plan.readings


def test_readings_are_taken_only_where_something_is_measured():
    setup = setup_for(experiment(training=training(log_every=5, evaluate_every=4)))
    assert list(rates(run(setup)[0])) == [4, 5, 8, 10, 12]


# --- learned activation parameters ------------------------------------------------------------------------------------


def test_learned_parameters_are_named_and_summed_up_over_the_units():
    specs = [
        ParameterSpec("dense1/weights", (2, 3)),
        ParameterSpec("prelu1/alpha", (3,), of_activation=True),
        ParameterSpec("batch_norm1/beta", (3,)),
        ParameterSpec("swish1/beta", (1,), of_activation=True),
    ]
    layout = Layout(specs)
    theta = np.zeros((2, layout.size), np.float32)
    views = layout.views(theta)
    views["prelu1/alpha"][:] = [[1, 2, 6], [-1, 0.5, 0.5]]
    views["swish1/beta"][:] = [[1.25], [-0.5]]
    found = {name: figure(theta).tolist() for name, figure in parameter_figures(layout).items()}
    assert found == {
        "parameters/prelu1.alpha/min": [1, -1],
        "parameters/prelu1.alpha/mean": [3, 0],
        "parameters/prelu1.alpha/max": [6, 0.5],
        "parameters/swish1.beta": [1.25, -0.5],
    }
    assert learned_parameters(layout, theta[:1]) == {name: values[0] for name, values in found.items()}
    assert learned_words(layout, theta[:1]) == {"prelu1": "alpha = 1 to 6 learned", "swish1": "beta = 1.25 learned"}


NETWORK = {
    "layers": [
        {"dense": 5, "activation": {"name": "prelu", "per_unit": True}},
        {"batch_norm": True},
        {"dense": 4, "activation": {"name": "swish", "learn": ["beta"]}},
        {"dense": 3, "activation": {"formula": "x * sigmoid(k * x)", "k": 1.5, "learn": ["k"]}},
        {"dense": 2, "activation": "elu"},
    ]
}


def test_the_parameters_of_activations_are_read_from_the_first_step_on():
    setup = setup_for(experiment(network=NETWORK, training=training()), (0, 7))
    records, _ = run(setup)
    names = [name for name in setup.plan.readings if name != RATE]
    alpha = [f"parameters/prelu1.alpha/{end}" for end in ("min", "mean", "max")]
    assert names == [*alpha, "parameters/swish1.beta", "parameters/formula1.k"]
    start, end = records[0].figures, records[-1].figures
    assert [start[name].tolist() for name in names] == [[0.25, 0.25]] * 3 + [[1, 1], [1.5, 1.5]]
    assert all((end[name] != start[name]).all() for name in names)
    assert (end[alpha[0]] < end[alpha[1]]).all()
    assert (end[alpha[1]] < end[alpha[2]]).all()


def test_a_replica_has_the_figures_that_it_has_alone():
    chosen = experiment(network=NETWORK, training=training(), optimizer={"learning_rate": {"name": "cosine"}})
    together, _ = run(setup_for(chosen, (0, 7, 3)))
    alone, _ = run(setup_for(chosen, (7,)))
    names = setup_for(chosen).plan.readings
    for here, there in zip(together, alone, strict=True):
        assert {n: here.figures[n][1] for n in names if n in here.figures} == {
            n: there.figures[n][0] for n in names if n in there.figures
        }
