"""The strong gradient check of networks whose rows have weights."""

from dataclasses import replace

import numpy as np
import pytest
from strategies import HEADS, network_of, targets, weighted_setup

from nnlab.gradients.checks import check_exactly, check_step
from nnlab.gradients.derivatives import CheckVerdict
from nnlab.gradients.point import BOTH, examine
from nnlab.gradients.points import check_points
from nnlab.maths.losses import row_weighted, with_row_weights
from nnlab.networks.layers.base import PassContext

# Each loss with each task, under one activation.
LOSSES = {(task, loss, logits): (task, activation, loss, logits) for task, activation, loss, logits in reversed(HEADS)}


def case(head, seed=0):
    network, rng = network_of(head, [4], activation="tanh"), np.random.default_rng(seed)
    weights = rng.uniform(0, 3, (1, 8)) * (np.arange(8) != 2)
    batch = rng.normal(size=(1, 8, 3)), with_row_weights(targets(head[0], 8, rng), weights)
    return network, rng.normal(0, 0.7, (1, network.layout.size)), batch, PassContext((seed,), learns=False)


@pytest.mark.parametrize("head", LOSSES.values(), ids=str)
def test_the_gradient_of_every_weighted_loss_is_exact(head):
    network, theta, batch, context = case(head)
    examined = examine(replace(network, head=row_weighted(network.head)), theta, batch, context)
    assert examined.verdict == CheckVerdict.PASS, examined.refused


def test_a_gradient_that_forgets_the_weights_is_caught():
    network, theta, batch, context = case(HEADS[0])
    weighted, plain = row_weighted(network.head), network.head.gradient
    forgetful = replace(weighted, gradient=lambda z, a, y, out: plain(z, a, y[..., :-1], out))
    assert examine(replace(network, head=forgetful), theta, batch, context).verdict == CheckVerdict.FAIL


def test_central_differences_see_the_weights_too():
    network, theta, batch, context = case(HEADS[0])
    weighted = replace(network, head=row_weighted(network.head))
    assert check_step(weighted, theta, batch, context, 1e-6, 1e-6).passed


@pytest.mark.parametrize("check", [check_points, lambda setup: check_exactly(setup, steps=3)], ids=["points", "steps"])
def test_the_batches_that_are_checked_have_their_weights(check):
    weights = np.random.default_rng(3).uniform(0, 3, 90)
    weighted, plain = (weighted_setup(w, precision="float64") for w in (weights, None))
    reports, others = list(check(weighted)), list(check(plain))
    assert all(report.examined.passed for report in reports)
    for report, other in zip(reports, others, strict=True):
        assert np.abs(report.examined.checks[BOTH].analytic - other.examined.checks[BOTH].analytic).max() > 0
