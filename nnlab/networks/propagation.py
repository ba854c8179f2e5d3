"""What theory expects of a network at its start: how signals go forward, and gradients back, from layer to layer.

Before any data are seen, pre-activations of wide layers are taken for normal with mean 0 (Poole et al. 2016,
arXiv:1606.05340). A layer of n inputs f(z), weights of variance σw² / n and biases of variance σb² then gives

    q' = σw² E[f(z)²] + σb²        the variance of its pre-activations, for those below of variance q
    χ = σw² E[f'(z)²]              by which, going back, it multiplies the squared norm of the gradient by them

The widths drop out of χ: of δ = f'(z) ⊙ Wᵀ δ', each of n entries has the mean square E[f'²] σw² / n ‖δ'‖² (Schoenholz,
Gilmer, Ganguli, Sohl-Dickstein 2017, arXiv:1611.01232, equation 7).

Two more numbers say how far a network may be from that. If log q is off by a little, log q' is by d log q' / d log q
times as much. And since n is finite, the mean of n squares f(z)² has the relative variance (κ - 1) / n around E[f²],
with κ = E[f⁴] / E[f²]²; if it is log-normal, its logarithm has the variance log(1 + (κ - 1) / n). (With 30 inputs
behind relu, whose κ is 6, that is 0.15; drawn, it is 0.19.) These add up from layer to layer, for relu as the
reciprocals of widths do (Hanin, Rolnick 2018, arXiv:1803.01719).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnlab.maths.signal.normal import NOT_KNOWN, STANDARD, Moments, of_normal
from nnlab.networks.layers.base import InputSignal, Layer, Shape
from nnlab.networks.layers.normalization import Normalization
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.network import LayerStartError, Network


@dataclass(frozen=True)
class Expected:
    """What theory expects of a layer with weights, nan where it knows nothing; see above.

    `below` is the activation whose outputs it gets, None for the first layer, and `incoming` are their moments;
    `variance` is q', `growth` is d log q' / d log q, `scatter` the variance that its `fan_in` adds to log q'.
    """

    layer: Weighted
    below: Layer | None
    incoming: Moments
    fan_in: int
    is_centred: bool
    variance: float
    chi: float = math.nan
    growth: float = math.nan
    scatter: float = math.nan


def expected(network: Network) -> list[Expected]:
    """Of each layer with weights, from the first on; the inputs are taken for standard."""
    found: list[Expected] = []
    signal, activation = STANDARD, None
    for place, (layer, shape) in enumerate(zip(network.layers, network.shapes[:-1], strict=True)):
        if isinstance(layer, Weighted):
            found.append(_of(layer, shape, network, place, signal, activation))
            signal, activation = _normal(found[-1].variance), None
        else:
            activation = layer if layer.output_name == "activation" else activation
            signal = _through(layer, signal)
    return found


def _normal(q: float) -> Moments:
    """Those of N(0, q) to six digits, so that layers at a fixed point of q share one set of integrals."""
    return of_normal(float(f"{q:.6g}")) if 0 < q < math.inf else NOT_KNOWN


def _through(layer: Layer, signal: Moments) -> Moments:
    """What a layer without weights gives; a normalisation divides the gradient by the deviation of what it gets."""
    given = layer.signal(signal)
    if not isinstance(layer, Normalization):
        return given
    return replace(given, slope=signal.slope / signal.variance if signal.variance else math.nan)


def _of(
    layer: Weighted, shape: Shape, network: Network, place: int, signal: Moments, activation: Layer | None
) -> Expected:
    """The numbers of one layer with weights that gets `signal`."""
    assumed, is_first = network.signals[place], place == network.first
    start, fan_in = layer.variances(shape, InputSignal(assumed, is_first)), layer.fans(shape)[0]
    if start is None:
        return Expected(layer, activation, signal, fan_in, is_centred=False, variance=math.nan)
    if math.isnan(assumed.second):  # measured when it starts: the gain makes up for what it gets, whatever that is
        return Expected(layer, activation, signal, fan_in, start.centred, layer.gain**2)
    passed_on = start.weights * (signal.variance if start.centred else signal.second)
    q = passed_on + start.bias
    if is_first or not 0 < passed_on < math.inf:
        return Expected(layer, activation, signal, fan_in, start.centred, q)
    chi, share = start.weights * signal.slope, passed_on / q
    if start.centred:  # what varies is E[f²] - E[f]², of which these moments say too little
        return Expected(layer, activation, signal, fan_in, start.centred, q, chi)
    scatter = share**2 * math.log1p(max(signal.kurtosis - 1, 0.0) / fan_in)
    return Expected(layer, activation, signal, fan_in, start.centred, q, chi, share * signal.log_slope, scatter)


def gradient_ratios(layers: Sequence[Expected]) -> list[float]:
    """‖δ_l‖ / ‖δ_L‖ of each layer l: the norm of the gradient by its pre-activations beside that of the last layer."""
    ratios = [1.0]
    for layer in layers[:0:-1]:
        ratios.append(ratios[-1] * math.sqrt(layer.chi))
    return ratios[::-1]


def total_growth(layers: Sequence[Expected]) -> float:
    """By what a small relative error of the first layer's variance is multiplied on its way to the last."""
    return math.prod(layer.growth for layer in layers[1:])


def total_scatter(layers: Sequence[Expected]) -> float:
    """The standard deviation of log q of the last layer over random networks of these widths."""
    variance = 0.0
    for layer in layers[1:]:
        variance = variance * layer.growth**2 + layer.scatter
    return math.sqrt(variance)


def restarted(network: Network, **chosen: str) -> Network | None:
    """The network with a gain of 1 and other parameters of its fair starts; None where a layer cannot start so."""
    layers = tuple(
        replace(layer, chosen={**layer.chosen, **chosen}, gain=1.0)
        if isinstance(layer, Weighted) and layer.initializer.variances is not None
        else layer
        for layer in network.layers
    )
    changed = replace(network, layers=layers)
    try:
        changed.check_start()
    except LayerStartError:
        return None
    return changed
