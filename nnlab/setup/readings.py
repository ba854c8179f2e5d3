"""Figures that cost nothing to know, read from the state of a training: the learning rate and learned parameters."""

from __future__ import annotations

from collections.abc import Iterator

from nnlab.networks.learned import OfTheta, parameter_figures
from nnlab.networks.network import Network
from nnlab.setup.optimizer import BoundOptimizer
from nnlab.training.plan import Reading

RATE = "optimizer/learning_rate"


def readings_of(optimizer: BoundOptimizer, network: Network) -> dict[str, Reading]:
    """What is read wherever something is measured, by the names of the figures.

    An optimizer that looks at the learning rate in its first step alone has none to show.
    """
    return dict(_readings(optimizer, network))


def _readings(optimizer: BoundOptimizer, network: Network) -> Iterator[tuple[str, Reading]]:
    if optimizer.entry.follows_rate:
        yield RATE, optimizer.rates_at
    for name, figure in parameter_figures(network.layout).items():
        yield name, _of_theta(figure)


def _of_theta(figure: OfTheta) -> Reading:
    return lambda state: figure(state.theta)
