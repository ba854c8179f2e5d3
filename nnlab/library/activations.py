"""An activation as a function of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.errors import ConfigError, printable
from nnlab.experiments.catalogue import Description, describe, entry_and_values
from nnlab.experiments.passport import document, passport
from nnlab.library.html import activation_html
from nnlab.maths.activations import Activation, AnyActivation


@dataclass(frozen=True)
class ActivationFunction:
    """An activation of the catalogue, of a plugin or a formula in x, with values of its parameters.

    Calling it gives its values, `slope` its derivative; both take numbers or arrays of any shape, computed in float32
    for float32 and else in float64, with the bits that a network computes.
    """

    text: str
    parameters: Mapping[str, float]
    activations: Mapping[str, AnyActivation]

    def __call__(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """The values at `x`, of its shape; an activation of whole rows of units takes them along the last axis."""
        entry, chosen = self._entry
        z = _floats(x)
        if isinstance(entry, Activation):
            out = np.empty_like(z)
        else:
            _require_axis(z)
            out = np.empty((*z.shape[:-1], _units(entry.units, z.shape[-1], chosen)), z.dtype)
        with np.errstate(all="ignore"):
            entry.forms(z.dtype).value(z, out, **chosen)
        return out

    def slope(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """The derivative at `x`, of its shape. ConfigError for an activation of whole rows, whose slope is a matrix."""
        entry, chosen = self._entry
        if not isinstance(entry, Activation):
            raise ConfigError(f"{printable(self.text)} works on a whole row of units: its derivative is a matrix")
        z = _floats(x)
        value, slope, forms = np.empty_like(z), np.empty_like(z), entry.forms(z.dtype)
        with np.errstate(all="ignore"):
            forms.value(z, value, **chosen)
            forms.slope(z, value, slope, **chosen)
        return slope

    @property
    def kinks(self) -> tuple[float, ...]:
        """The points at which it has no derivative, in ascending order."""
        return self.description.kinks

    @cached_property
    def description(self) -> Description:
        """What the catalogue says of it: formula, slope, range, source."""
        return describe(self.text, self.activations, self.parameters)

    def passport(self) -> dict[str, Any]:
        """What `nnlab activations show --json` prints below `passport`: what it is, does to signals, and costs.

        Gradients of random networks and nanoseconds are measured, which takes most of a second.
        """
        return document(passport(self.text, self.activations, self.parameters))

    def check(self) -> None:
        """ConfigError for an unknown name or parameter, and for a formula that cannot be read."""
        _ = self._entry

    @cached_property
    def _entry(self) -> tuple[AnyActivation, Mapping[str, Any]]:
        return entry_and_values(self.text, self.activations, self.parameters)

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.parameters.items())
        return f"nnlab.activation({self.text!r}{given})"

    def _repr_html_(self) -> str:
        return activation_html(self.description)


def _floats(x: ArrayLike) -> NDArray[np.floating[Any]]:
    given = np.asarray(x)
    return np.array(given, np.float32 if given.dtype == np.float32 else np.float64, order="C")


def _require_axis(z: NDArray[Any]) -> None:
    if not z.ndim:
        raise ConfigError("found a number, expected an array: the activation works on a whole row of units")


def _units(units: Any, inputs: int, chosen: Mapping[str, Any]) -> int:
    try:
        return int(units(inputs, **chosen))
    except ValueError as error:
        raise ConfigError(f"found {inputs} units in the last axis, {error}") from error
