"""Learned activation parameters as figures: PReLU's alpha, swish's beta, the parameters of a formula.

parameters/swish1.beta                       of one number for the layer, itself
parameters/prelu1.alpha/min, /mean, /max     of one for each unit, or each channel of an image
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layout import Layout

Array = NDArray[Any]
OfTheta = Callable[[Array], Array]  # theta (R, P) -> (R,)

FAMILY = "parameters"


def parameter_figures(layout: Layout) -> dict[str, OfTheta]:
    """How each figure is computed from theta, by its name."""
    return dict(_figures(layout))


def _figures(layout: Layout) -> Iterator[tuple[str, OfTheta]]:
    for spec in layout.specs:
        if spec.of_activation:
            name = f"{FAMILY}/{spec.name.replace('/', '.')}"
            for end, statistic in _ALONE if spec.size == 1 else _OVER_UNITS:
                yield f"{name}{end}", _over_units(statistic, layout.places[spec.name])


Statistic = Callable[..., Any]
_ALONE: tuple[tuple[str, Statistic], ...] = (("", np.mean),)
_OVER_UNITS: tuple[tuple[str, Statistic], ...] = (("/min", np.min), ("/mean", np.mean), ("/max", np.max))


def _over_units(statistic: Statistic, place: slice) -> OfTheta:
    # In C order for any number of replicas: NumPy adds in another order elsewhere.
    return lambda theta: np.asarray(statistic(theta[:, place].astype(np.float64, order="C"), axis=-1))


def learned_parameters(layout: Layout, theta: Array) -> dict[str, float]:
    """The figures of one network, theta (1, P)."""
    return {name: float(figure(theta)[0]) for name, figure in parameter_figures(layout).items()}


def learned_words(layout: Layout, theta: Array) -> dict[str, str]:
    """The learned parameters of each layer of one network, theta (1, P), in words: `beta = 1.23 learned`."""
    words: dict[str, list[str]] = {}
    for spec in layout.specs:
        if spec.of_activation:
            layer, _, parameter = spec.name.rpartition("/")
            words.setdefault(layer, []).append(f"{parameter} = {_range(theta[0, layout.places[spec.name]])} learned")
    return {layer: ", ".join(each) for layer, each in words.items()}


def _range(values: Array) -> str:
    return f"{values[0]:.3g}" if values.size == 1 else f"{values.min():.3g} to {values.max():.3g}"
