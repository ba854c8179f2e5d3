"""How the layers of a network start, in a few words."""

from __future__ import annotations

import math

from nnlab.errors import listed
from nnlab.maths.initializers import Fans, fair_gain
from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.network import Network


def start_of(network: Network, gain: float) -> str:
    """The initialisers of the weights, in the order of the layers: `he_normal`, `fair γ = 1.677`.

    γ is the gain of `fair` behind an activation: that of the first layer follows from the data, and is near 1 where
    they are standardised. A head of another initialiser is left out, since it feeds no activation that is compared. A
    layer whose factor is not `gain`, that of the network, says its own: `he_normal × 0.5`.
    """
    layers = {place: layer for place, layer in enumerate(network.layers) if isinstance(layer, Weighted)}
    head = max(layers)
    found: dict[str, dict[str, None]] = {}
    for place, layer in layers.items():
        if place == head and len(layers) > 1 and not layer.looks_at_signal:
            continue
        gammas = found.setdefault(_name(layer, gain), {})
        if layer.initializer.name == "fair" and place != network.first:
            gammas[_gamma(network.signals[place], layer)] = None
    return ", ".join(f"{name} γ = {listed([*gammas])}" if gammas else name for name, gammas in found.items())


def _name(layer: Weighted, gain: float) -> str:
    """The initialiser with the parameters that are not the usual ones, and the factor of the layer."""
    usual = {parameter.name: parameter.default for parameter in layer.initializer.parameters}
    chosen = ", ".join(f"{name}={value}" for name, value in layer.chosen.items() if value != usual[name])
    name = f"{layer.initializer.name}({chosen})" if chosen else layer.initializer.name
    return name if layer.gain == gain else f"{name} × {layer.gain:g}"


def _gamma(signal: Moments, layer: Weighted) -> str:
    """The gain of a fair layer that gets this signal; it is measured where theory does not know the signal."""
    if math.isnan(signal.second):
        return "as measured"
    return f"{fair_gain(Fans(1, 1, signal), aim=str(layer.chosen['aim'])):.4g}"
