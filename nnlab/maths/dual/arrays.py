"""Continued arrays: NumPy code run at z + ih with h = 2**-538, so that its imaginary part is its derivative.

A function that is analytic at z satisfies f(z + ih) = f(z) + ih f'(z) - h² f''(z)/2 …, and for this h the term in h² is
below the smallest float64: nothing is subtracted, so nothing cancels, and there is no step to choose. (Squire, Trapp
1998, SIAM Review 40(1); Martins, Sturdza, Alonso 2003, ACM TOMS 29(3), who show that it is forward differentiation.)

`DualArray` carries both parts in float64, the imaginary one divided by h: `value` is bit for bit what the ordinary code
computes, `tangent` the derivative in the direction given at the start. Beside them run bounds of the rounding errors of
both. The code itself, of a built-in activation as of a plugin, is the ordinary one: it calls NumPy, and NumPy asks this
class (`continuation_rules` and `continuation_functions` hold the rules).

Where a function branches it goes by the value, and where that is a tie, as in abs(z) or max(z, 0) at z = 0, by the
tangent: z + ih stands just beside the tie. The direction +1 thus gives the slope on the right, -1 that on the left, and
a kink shows itself by their difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

STEP = 2.0**-538
# What the imaginary part may lose to underflow, in units of the derivative: the smallest float64 over the step.
FLOOR = 5e-162
# What one operation may do to its result, relative to it: half an ulp for arithmetic, one or two for library functions.
ROUNDING = 2 * 2.0**-53


class NotAnalyticError(TypeError):
    """A function did something that has no rule here, or that no derivative can follow."""


class DualArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with its tangent, and bounds of the rounding errors of both; all four of one shape, float64."""

    __slots__ = ("error", "splits", "tangent", "tangent_error", "value")
    dtype = np.dtype(np.float64)
    __array_priority__ = 1000.0

    def __init__(self, value: Any, tangent: Any = 0.0, error: Any = 0.0, tangent_error: Any = 0.0) -> None:
        self.value = np.array(value, np.float64)
        self.tangent, self.error, self.tangent_error = (np.empty(self.value.shape) for _ in range(3))
        self.tangent[...], self.error[...], self.tangent_error[...] = tangent, error, tangent_error
        self.splits = False  # whether this is z times Veltkamp's splitter; see the rules

    @classmethod
    def of(cls, planes: Any) -> DualArray:
        """From value, tangent and both errors, without copies."""
        made = cls.__new__(cls)
        made.value, made.tangent, made.error, made.tangent_error = planes
        made.splits = False
        return made

    @property
    def planes(self) -> tuple[Array, Array, Array, Array]:
        """Value, tangent, and the errors of both."""
        return self.value, self.tangent, self.error, self.tangent_error

    def mapped(self, function: Callable[[Array], Any]) -> DualArray:
        """Each plane changed in the same way: reshaped, indexed, repeated."""
        return DualArray.of([function(plane) for plane in self.planes])

    def write(self, source: Any, where: Any) -> None:
        """Copy `source` into this array where `where` holds, derivative and all."""
        sources = source.planes if isinstance(source, DualArray) else (source, 0.0, 0.0, 0.0)
        for plane, values in zip(self.planes, sources, strict=True):
            np.copyto(plane, values, where=where)

    # --- what NumPy asks ----------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        from nnlab.maths.dual.rules import applied  # noqa: PLC0415 - each needs the other

        return applied(ufunc, method, inputs, out, options)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        from nnlab.maths.dual.functions import called  # noqa: PLC0415 - each needs the other

        return called(function, arguments, options)

    def __array__(self, *_arguments: Any, **_options: Any) -> Array:
        raise NotAnalyticError("found a plain array where a continued one is written, which would lose its derivative")

    # --- what an array can do -----------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """As of the value."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """As of the value."""
        return self.value.size

    @property
    def real(self) -> DualArray:
        """Itself, as of any array of real numbers."""
        return self

    @property
    def T(self) -> DualArray:
        """Transposed."""
        return self.mapped(lambda plane: plane.T)

    @property
    def mT(self) -> DualArray:
        """With its last two axes exchanged."""
        return self.mapped(lambda plane: plane.mT)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[DualArray]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key: Any) -> DualArray:
        return self.mapped(lambda plane: plane[key])

    def __setitem__(self, key: Any, source: Any) -> None:
        sources = source.planes if isinstance(source, DualArray) else (source, 0.0, 0.0, 0.0)
        for plane, values in zip(self.planes, sources, strict=True):
            plane[key] = values

    def __bool__(self) -> bool:
        raise NotAnalyticError("found a branch on the truth of a continued number, which has no derivative")

    def __float__(self) -> float:
        raise NotAnalyticError("found a conversion to a plain number, which would lose its derivative")

    def astype(self, dtype: Any, **_options: Any) -> DualArray:
        """A copy: continued arrays are float64."""
        if np.dtype(dtype) != self.dtype:
            raise NotAnalyticError(f"found a conversion to {np.dtype(dtype)}, expected float64")
        return self.copy()

    def copy(self) -> DualArray:
        """A copy of all planes."""
        return self.mapped(np.copy)

    def reshape(self, *shape: Any) -> DualArray:
        """In another shape."""
        return self.mapped(lambda plane: plane.reshape(*shape))

    def ravel(self) -> DualArray:
        """In one dimension."""
        return self.mapped(np.ravel)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Methods such as `z.sum(axis=-1)`: NumPy's function of that name."""
        function = getattr(np, name, None)
        if name.startswith("_") or not callable(function):
            raise AttributeError(f"a continued array has no {name}")
        return lambda *arguments, **options: function(self, *arguments, **options)


class _Conversions:
    """NumPy's `asarray` and its like, replaced as long as somebody is inside, in whichever thread."""

    names = ("asarray", "asanyarray", "ascontiguousarray", "array")

    def __init__(self) -> None:
        self.lock, self.inside = Lock(), 0
        self.originals: dict[str, Any] = {}

    def enter(self) -> None:
        """Replace them, if nobody has."""
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.originals = {name: getattr(np, name) for name in self.names}
                for name, original in self.originals.items():
                    setattr(np, name, _handing_through(original))

    def leave(self) -> None:
        """Put them back, if nobody else is inside."""
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                for name, original in self.originals.items():
                    setattr(np, name, original)


def _handing_through(original: Any) -> Any:
    @wraps(original)
    def convert(*arguments: Any, **options: Any) -> Any:
        given = arguments and isinstance(arguments[0], DualArray)
        return arguments[0] if given else original(*arguments, **options)

    return convert


_CONVERSIONS = _Conversions()


@contextmanager
def continuing() -> Iterator[None]:
    """Let `np.asarray` and its like hand continued arrays through, as they do with arrays; no warnings inside.

    NumPy asks its argument in every other function that a rule here is for; these few ask nobody, and return a plain
    array for whatever is no array to them, so that they have to be replaced, and plugins use them. Whoever calls one
    with anything but a continued array, in this thread or another, gets what NumPy gives. They are put back when the
    last one leaves, also by an exception; it may be entered again from within, and from several threads at once.
    """
    _CONVERSIONS.enter()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _CONVERSIONS.leave()


def along(function: Callable[..., None], z: Array, shape: tuple[int, ...], direction: Any, **others: Any) -> DualArray:
    """f(z + ih · direction) of a function f(z, out, **others) that writes into `out`; NotAnalyticError if it cannot."""
    out = DualArray(np.empty(shape))
    try:
        with continuing():
            function(DualArray(z, direction), out, **others)
    except NotAnalyticError:
        raise
    except (TypeError, ValueError, AttributeError) as error:  # what a user's code makes of an array that is none
        raise NotAnalyticError(str(error)) from error
    return out
