"""Plugins: Python files, named only on the command line, that add activations to the table of a run.

Each function of a plugin is tried on small arrays when it is loaded, so that a faulty one is reported at once, in one
line, and not in the middle of a training.
"""

from __future__ import annotations

import os
import runpy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.exceptions import ComplexWarning
from numpy.typing import NDArray

from nnlab.config.plugin_checks import (
    WrongError,
    checked,
    drawn_values,
    piece_numbers,
    points,
    whole_units,
)
from nnlab.config.plugin_output import PluginOutput
from nnlab.errors import ConfigError, NnlabError, printable, told
from nnlab.maths.activations import ACTIVATIONS, Activation, AnyActivation, RowActivation
from nnlab.maths.dual import DualArray
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.maths.parameters import Parameter, Value
from nnlab.signals import is_signal

Array = NDArray[Any]


class PluginError(ConfigError):
    """The code of a plugin raised an exception, or gave something that cannot be used."""


@contextmanager
def once_written() -> Iterator[None]:
    """Context of a training, whose folder is there: a PluginError has exit code 1 in it, for 2 says that nothing is."""
    try:
        yield
    except PluginError as error:
        error.exit_code = NnlabError.exit_code
        raise


def with_plugins(files: Sequence[Path]) -> Mapping[str, AnyActivation]:
    """The activations of nnlab and those of the plugin files; ConfigError if a file cannot be used.

    A plugin may give its own function a name of the literature.
    """
    found: dict[str, AnyActivation] = {}
    for file in files:
        for activation in _activations_of(file):
            if activation.name in ACTIVATIONS or activation.name in found:
                raise ConfigError(
                    f"{printable(str(file))}: activation '{activation.name}' exists already, expected a new name"
                )
            found[activation.name] = activation
    return ALL_ACTIVATIONS.with_more(found) if found else ALL_ACTIVATIONS


def _activations_of(file: Path) -> list[AnyActivation]:
    """The activations of a plugin; a ConfigError of one line, whatever its code raises."""
    if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        raise ConfigError(f"{printable(str(file))}: found no file, expected a plugin written in Python")
    output = PluginOutput(file.name)  # in a worker its folder is a temporary one
    with output:
        try:
            return _run(file, output)
        except PluginError:
            raise
        except WrongError as wrong:
            raise PluginError(f"{printable(str(file))}: {wrong}") from wrong
        except BaseException as error:
            if is_signal(error):
                raise
            raise PluginError(f"{printable(str(file))}: the plugin raised {told(error)}") from error


def _run(file: Path, output: PluginOutput) -> list[AnyActivation]:
    """Run a plugin and try out its activations; WrongError for what nnlab finds."""
    found = runpy.run_path(str(file), run_name="nnlab_plugin").get("ACTIVATIONS")
    if not isinstance(found, list | tuple) or not all(type(item) in (Activation, RowActivation) for item in found):
        kind = printable(type(found).__name__)
        raise WrongError(f"found {kind} as ACTIVATIONS, expected a list of nnlab.maths.activations.Activation")
    activations = [_guarded(checked(activation), output) for activation in found]
    for activation in activations:
        _try_out(activation)
    return activations


# --- guarding ---------------------------------------------------------------------------------------------------------

# The functions that write to their last argument.
_WRITING = ("value", "slope", "backward", "value_float32", "slope_float32", "backward_float32")
# Those that give something, each with its check.
_GIVING: dict[str, Callable[[Any], Any]] = {
    "kinks": points,
    "randomized": drawn_values,
    "piece": piece_numbers,
    "units": whole_units,
}

# What `along` and `_analytic` take for a function whose derivative cannot be followed.
_NOT_FOLLOWED = (TypeError, ValueError, AttributeError)


def _guarded(activation: AnyActivation, output: PluginOutput) -> AnyActivation:
    """The activation with functions that raise a PluginError of one line, and cannot change their inputs or print."""
    what = f"activation '{activation.name}'"
    changes: dict[str, Any] = {
        name: _guard(function, name, what, output)
        for name in (*_WRITING, *_GIVING)
        if (function := getattr(activation, name, None)) is not None
    }
    if isinstance(activation, Activation):
        changes["parameter_slopes"] = {
            name: _guard(function, f"the slope by '{printable(name)}'", what, output)
            for name, function in activation.parameter_slopes.items()
        }
    return replace(activation, **changes)


def _guard(function: Callable[..., Any], name: str, what: str, output: PluginOutput) -> Callable[..., Any]:
    """A function of a plugin that raises PluginError for whatever its code raises, or if it gives what nobody can use.

    Its arrays are read-only, but for the last one if it writes. `units` says by ValueError which inputs it takes.
    """
    check = _GIVING.get(name)

    def guarded(*arrays: Any, **chosen: Any) -> Any:
        inputs, out = (arrays, ()) if check else (arrays[:-1], arrays[-1:])
        parameters = {key: _read_only(value) for key, value in chosen.items()}
        with output:
            try:
                given = function(*map(_read_only, inputs), *out, **parameters)
                return check(given) if check else None
            except WrongError as wrong:
                raise PluginError(f"{output.name}: {name} of {what} gave {wrong}") from wrong
            except BaseException as error:
                is_followed = DualArray in map(type, (*arrays, *chosen.values()))
                allowed = _NOT_FOLLOWED if is_followed else (ValueError,) if name == "units" else ()
                if is_signal(error) or isinstance(error, allowed):
                    raise
                raise PluginError(f"{output.name}: {name} of {what} raised {told(error)}") from error

    return guarded


def _read_only(value: Any) -> Any:
    """A view of an array to which nothing can be written; anything else as it is."""
    if type(value) is not np.ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view


# --- trying out -------------------------------------------------------------------------------------------------------


def _try_out(activation: AnyActivation) -> None:
    """Call every function of an activation; WrongError or PluginError says what is wrong with it."""
    what = f"activation '{activation.name}'"
    trials = _row_trials(activation) if isinstance(activation, RowActivation) else _trials(activation)
    for function, trial in trials:
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error", ComplexWarning)
                trial()
        except WrongError as wrong:
            raise WrongError(f"{function} of {what} gave {wrong}") from wrong
        except Exception as error:  # of nnlab itself, for what a function gave
            if isinstance(error, PluginError | MemoryError):
                raise
            raise WrongError(f"{function} of {what} raised {told(error)}") from error


Trial = tuple[str, Callable[[], object]]


def _trials(activation: Activation) -> Iterator[Trial]:
    """Each function on one replica and on two, and with an array of parameter values as in a gradient check."""
    fixed = {parameter.name: _usual(parameter) for parameter in activation.parameters}
    learnable = [parameter.name for parameter in activation.parameters if parameter.learnable]
    missing = [name for name in learnable if name not in activation.parameter_slopes]
    if missing:
        yield f"the slope by '{missing[0]}'", _is_missing
    yield "kinks", lambda: activation.kinks(**fixed)
    if activation.randomized is not None:
        yield "randomized", lambda: _try_randomized(activation, fixed)
    learned = {name: np.full((2, 1, 1), fixed[name]) for name in learnable}
    for z, parameters in ((_sample(1), fixed), (_sample(2), fixed | learned), (_sample(1), fixed | learned)):
        for function, call in _functions(activation, z, parameters):
            yield function, lambda call=call, z=z: _try(call, z)  # type: ignore[misc]


def _try_randomized(activation: Activation, fixed: Mapping[str, Value]) -> None:
    """Compute the value with parameters that were drawn."""
    assert activation.randomized is not None, "the caller has seen that it is there"
    z = _sample(1)
    activation.value(z, np.empty_like(z), **activation.randomized(np.full_like(z, 0.5), **fixed))


def _is_missing() -> None:
    raise WrongError("nothing, expected it among parameter_slopes, since the parameter can be learned")


def _functions(activation: Activation, z: Array, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and call(z, out) of each function."""
    replicas = max([len(z), *(len(value) for value in parameters.values() if isinstance(value, np.ndarray))])

    def activations(z: Array) -> Array:
        a = np.empty((replicas, *z.shape[1:]))
        activation.value(z, a, **parameters)
        return a

    def call(function: Any) -> Callable[[Array], Array]:
        def called(z: Array) -> Array:
            a, out = activations(z), np.empty((replicas, *z.shape[1:]))
            function(z, a, out, **parameters)
            return out

        return called

    yield "value", activations
    yield "slope", call(activation.slope)
    for name, function in activation.parameter_slopes.items():
        yield f"the slope by '{name}'", call(function)


def _try(call: Callable[[Array], Array], z: Array) -> None:
    """Compare what a function gives for all of z with what it gives for each column alone."""
    values = call(z)
    if not np.isfinite(values).any():
        raise WrongError(f"no finite number for x from {z.min():g} to {z.max():g}, expected an array shaped like x")
    alone = np.concatenate([call(np.ascontiguousarray(z[..., [unit]])) for unit in range(z.shape[-1])], axis=-1)
    if not np.allclose(values, alone, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise WrongError("another number for an x among others than alone, expected an array shaped like x, x by x")


def _sample(replicas: int) -> Array:
    """Inputs (R, 4, 3) of both signs."""
    return np.linspace(-2.05, 1.95, 12 * replicas).reshape(replicas, 4, 3)


def _usual(parameter: Parameter) -> Value:
    """The default of a parameter, or a value in its range if it has none."""
    if parameter.default is not None:
        return parameter.default
    if parameter.choices:
        return parameter.choices[0]
    low, high = parameter.low, parameter.high
    if np.isfinite(low) and np.isfinite(high):
        return (low + high) / 2
    return low + 1 if np.isfinite(low) else min(high - 1, 1.0)


def _row_trials(activation: RowActivation) -> Iterator[Trial]:
    """Both functions on one replica and on two."""
    fixed = {parameter.name: _usual(parameter) for parameter in activation.parameters}
    yield "units", lambda: _row(activation, 0, fixed)
    for replicas in (1, 2):
        yield "value or backward", lambda replicas=replicas: _row(activation, replicas, fixed)  # type: ignore[misc]


def _row(activation: RowActivation, replicas: int, fixed: Mapping[str, Value]) -> None:
    """Forward and backward on `replicas` replicas."""
    units = activation.units(12, **fixed)
    z = np.linspace(-2.05, 1.95, 48 * replicas).reshape(replicas, 4, 12)
    a, dz = np.empty((replicas, 4, units)), np.empty_like(z)
    activation.value(z, a, **fixed)
    activation.backward(z, a, np.ones_like(a), dz, **fixed)
    if activation.piece is not None:
        activation.piece(z, a, **fixed)
    if replicas and not (np.isfinite(a).any() and np.isfinite(dz).any()):
        raise WrongError("no finite number, expected the units of each row and the derivatives by its inputs")
