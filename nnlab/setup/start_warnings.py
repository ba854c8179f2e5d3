"""What a network says of its fair start before it is trained: a sentence for each thing that theory warns of.

One limit holds for all: a factor of 10 between the first layer and the last, for the norm of the gradient, for small
differences between rows and for the scatter of the variance. Below it, training makes up for what the start has not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nnlab.networks.layers.base import Layer
from nnlab.networks.network import Network
from nnlab.networks.propagation import (
    Expected,
    expected,
    gradient_ratios,
    restarted,
    total_growth,
    total_scatter,
)

LIMIT = 10.0  # a factor between the first layer and the last, either way
_MOSTLY_CONSTANT = 0.5  # of E[f²] the share E[f]²
_CURES = ("critical", "centred", "gradient")  # aims, the one with the best theory first
_MOST_TOLD = 100.0  # the logarithm of a factor that a reader has no use for
_DEPARTS = 3.0  # growth of an error of the variance, from which on expected gradients are not those measured
_WELL_KNOWN = 0.1  # the relative deviation of the variance that a wide layer may have


def start_warnings(network: Network) -> Iterator[str]:
    """Each with a figure, its consequence and what to do; none for starts that theory does not know."""
    layers = expected(network)
    of_shares = [*_mostly_constant(network, layers)]
    yield from of_shares or _vanishing_or_exploding(network, layers)
    yield from [*_growing(layers)] or _scattering(layers)


def _mostly_constant(network: Network, layers: Sequence[Expected]) -> Iterator[str]:
    """A sentence for each activation whose outputs are mostly the same for every input."""
    for name, one in _constant(layers).items():
        share = f"{100 * one.incoming.mean_share:.0f} % of {name}'s signal is the same for every input"
        yield f"{share}{_gradients_a_layer(layers)}: {_cure(network)}"


def _gradients_a_layer(layers: Sequence[Expected]) -> str:
    """How gradients change in a layer, as the geometric mean over all; empty where theory does not know all."""
    ratio = gradient_ratios(layers)[0]
    if math.isnan(ratio):
        return ""
    factor = f"{ratio ** (1 / (len(layers) - 1)):.2g}"
    whole = f", × {ratio:.2g} from the last layer to the first" if _is_far(ratio) else ""
    if factor == "1":
        return f"; gradients keep about their size from layer to layer{whole}"
    return f"; gradients {'shrink' if ratio < 1 else 'grow'} × {factor} a layer{whole}"


def _constant(layers: Sequence[Expected]) -> dict[str, Expected]:
    """The first layer behind each activation with E[f]² above half of E[f²], by the activation's name.

    None where there is one hidden layer alone: from it, nothing grows more alike from layer to layer.
    """
    hidden = layers[:0:-1] if len(layers) > 2 else []
    return {_name(one): one for one in hidden if not one.is_centred and one.incoming.mean_share > _MOSTLY_CONSTANT}


def _vanishing_or_exploding(network: Network, layers: Sequence[Expected]) -> Iterator[str]:
    """A gradient by the first pre-activations that is 10 times that by the last, or a tenth."""
    ratio = gradient_ratios(layers)[0]
    if not _is_far(ratio):
        return
    first, last, behind = layers[0].layer.name, layers[-1].layer.name, f"through {len(layers) - 1} layers{_of(layers)}"
    found = f"gradients by {first} start at {ratio:.2g} times those by {last}, {behind}"
    harm = "the first layers hardly learn" if ratio < 1 else "the first layers may run away"
    yield f"{found}: {harm}; {_cure(network)}"


def _growing(layers: Sequence[Expected]) -> Iterator[str]:
    """Small differences in the mean square of signals that grow by a factor of 10: d log V / d log q to the L - 1.

    For relu the exponent's base is 1, for silu 1.17, which takes 15 layers to make 10; for x² it is 2, which takes 4.
    """
    growth = total_growth(layers)
    if growth >= LIMIT:
        each = growth ** (1 / (len(layers) - 1))
        found = f"a difference of 1 % in the mean square of two rows' signals grows to {growth:.2g} %"
        harm = (
            f"in {layers[-1].layer.name} (× {each:.3g} a layer{_of(layers)}): signals of some rows die out or explode"
        )
        yield f"{found} {harm}; try layer_norm or batch_norm, or fewer layers"


def _scattering(layers: Sequence[Expected]) -> Iterator[str]:
    """A variance of the last pre-activations that scatters by a factor of 10 from seed to seed; see `Expected`."""
    scatter = total_scatter(layers)
    if scatter >= math.log(LIMIT):
        factor = f"by a factor of {math.exp(scatter):.2g}" if scatter < _MOST_TOLD else "without limit"
        found = f"the variance of the last pre-activations scatters {factor} from seed to seed"
        narrow = max(layers[1:], key=lambda one: one.scatter)
        yield f"{found}, {_width(narrow)}: try more units, fewer layers, or batch_norm"


def width_sentence(layers: Sequence[Expected]) -> str:
    """How far the variance of the signal may be from what theory expects of wide layers; empty if it does not know."""
    known = [one for one in layers[1:] if one.scatter > 0]
    if not known:
        return ""
    return f"The variance of the signal scatters from seed to seed, {_width(max(known, key=lambda one: one.scatter))}."


def depth_sentence(layers: Sequence[Expected]) -> str:
    """That what is expected cannot be trusted in the depth, where errors of the variance grow; empty if they do not.

    Expected gradients take the variance of each layer for the expected one, which a narrow layer misses by chance.
    """
    growth = total_growth(layers)
    if not growth >= _DEPARTS:
        return ""
    each = growth ** (1 / (len(layers) - 1))
    found = f"An error in the variance of the signal grows × {each:.3g} a layer{_of(layers)}, × {growth:.2g} in all"
    return f"{found}: what is measured, gradients above all, may be far from what is expected."


def _width(one: Expected) -> str:
    """By how much the variance scatters in a layer, and from which width on that is ± 10 %, 100 (κ - 1) units."""
    excess, inputs = one.incoming.kurtosis - 1, f"with the {one.fan_in:,} inputs of {one.layer.name}{_behind(one)}"
    if excess == math.inf:
        return f"{inputs} as with any number"
    scatter, enough = math.sqrt(math.expm1(one.scatter)), math.ceil(round(excess / _WELL_KNOWN**2, 6))
    return f"most by ± {100 * scatter:.0f} % {inputs} ({enough:,} would give ± 10 %)"


def _is_far(ratio: float) -> bool:
    return ratio < 1 / LIMIT or ratio > LIMIT


def _cure(network: Network) -> str:
    """The first start under which theory expects a gradient within the limit; else another network."""
    starts = {f"init: {{name: fair, aim: {aim}}}": restarted(network, aim=aim) for aim in _CURES}
    for start, changed in {"a gain of 1": restarted(network), **starts}.items():
        layers = [] if changed is None else expected(changed)
        if layers and 1 / LIMIT <= gradient_ratios(layers)[0] <= LIMIT and not _constant(layers):
            return f"try {start}"
    return "try another activation, batch_norm, or fewer layers"


def _name(one: Expected) -> str:
    return "" if one.below is None else activation_name(one.below)


def activation_name(layer: Layer) -> str:
    """The name of an activation, with parameters that are not at their defaults, or its formula."""
    name = layer.activation.name  # type: ignore[attr-defined]
    if name == "formula":
        return layer.details
    return f"{name} ({layer.details})" if layer.details else str(name)


def _behind(one: Expected) -> str:
    return f" behind {_name(one)}" if one.below is not None else ""


def _of(layers: Sequence[Expected]) -> str:
    """The activations between the layers, each once."""
    names = dict.fromkeys(filter(None, map(_name, layers[1:])))
    return f" of {', '.join(names)}" if names else ""
