"""Dual arrays: NumPy code run at z + ih with h = 2**-538, so that its imaginary part is its derivative.

A function that is analytic at z satisfies f(z + ih) = f(z) + ih f'(z) - h² f''(z)/2 …, and for this h the term in h² is
below the smallest float64: nothing is subtracted, so nothing cancels, and there is no step to choose. (Squire, Trapp
1998, SIAM Review 40(1); Martins, Sturdza, Alonso 2003, ACM TOMS 29(3), who show that it is forward differentiation.)

`DualArray` carries both parts in float64, the imaginary one divided by h: `value` is bit for bit what the ordinary code
computes, `tangent` the derivative in the direction given at the start. Each has a bound of its rounding error. The
code of an activation or a loss, built in or a plugin's, runs unchanged: it calls NumPy, and NumPy hands the call to
this class. `rules.py` has the rules for ufuncs, `functions.py` those for the other functions of NumPy.

Where a function branches it goes by the value, and at a tie, as in abs(z) or max(z, 0) at z = 0, by the tangent: z + ih
lies just beside the tie. The direction +1 thus gives the slope on the right, -1 that on the left, and the two differ at
a kink.

NumPy asks its arguments in every function but those that make arrays, such as `asarray` and `array`. These would drop
the tangent; on a dual array they raise NotAnalyticError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import text_of

Array = NDArray[Any]

STEP = 2.0**-538
# What the imaginary part may lose to underflow, in units of the derivative: the smallest float64 over the step.
FLOOR = 5e-162
# What one operation may do to its result, relative to it: half an ulp for arithmetic, one or two for library functions.
ROUNDING = 2 * 2.0**-53

# What a call of NumPy does to dual arrays: for a ufunc by its method (`__call__`, `reduce`), else by the function. The
# package fills them from `rules` and `functions`, which need the class.
METHODS: dict[str, Callable[..., Any]] = {}
FUNCTIONS: dict[Any, Callable[..., Any]] = {}


class NotAnalyticError(TypeError):
    """A function did something that has no rule here, or through which no derivative can be followed."""


class DualArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with its tangent, and bounds of the rounding errors of both; all four of one shape, float64."""

    __slots__ = ("error", "splits", "tangent", "tangent_error", "value")
    dtype = np.dtype(np.float64)
    __array_priority__ = 1000.0

    def __init__(self, value: Any, tangent: Any = 0.0, error: Any = 0.0, tangent_error: Any = 0.0) -> None:
        self.value = np.array(value, np.float64)
        self.tangent, self.error, self.tangent_error = (np.empty(self.value.shape) for _ in range(3))
        self.tangent[...], self.error[...], self.tangent_error[...] = tangent, error, tangent_error
        self.splits = False  # whether this is z times Veltkamp's splitter; see `rules._split`

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

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method not in METHODS:
            raise NotAnalyticError(f"found numpy.{ufunc.__name__}.{method}, which has no rule")
        with np.errstate(all="ignore"):
            return METHODS[method](ufunc, *inputs, **options)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        if function not in FUNCTIONS:
            raise NotAnalyticError(f"found numpy.{function.__name__}, which has no rule")
        with np.errstate(all="ignore"):
            return FUNCTIONS[function](*arguments, **options)

    def __array__(self, *_arguments: Any, **_options: Any) -> Array:
        raise NotAnalyticError("found a conversion to a plain array, as by np.asarray, which would lose its derivative")

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
        raise NotAnalyticError("found a branch on the truth of a dual number, which has no derivative")

    def __float__(self) -> float:
        raise NotAnalyticError("found a conversion to a plain number, which would lose its derivative")

    def astype(self, dtype: Any, **_options: Any) -> DualArray:
        """A copy; NotAnalyticError for another dtype than float64."""
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
            raise AttributeError(f"a dual array has no {name}")
        return lambda *arguments, **options: function(self, *arguments, **options)


def plain(x: Any) -> Any:
    """The value of a dual array, anything else as it is."""
    return x.value if isinstance(x, DualArray) else x


def as_dual(x: Any) -> DualArray:
    """A dual array as it is, anything else as one with tangent 0."""
    return x if isinstance(x, DualArray) else DualArray(x)


def along(function: Callable[..., None], z: Array, shape: tuple[int, ...], direction: Any, **others: Any) -> DualArray:
    """f(z + ih · direction) of a function f(z, out, **others) that writes into `out`, of this shape.

    NotAnalyticError where the derivative cannot be followed through the function.
    """
    out = DualArray(np.empty(shape))
    try:
        with np.errstate(all="ignore"):
            function(DualArray(z, direction), out, **others)
    except NotAnalyticError:
        raise
    except (TypeError, ValueError, AttributeError) as error:  # from a user's code that needs an ndarray
        raise NotAnalyticError(text_of(error)) from error
    return out
