"""SciPy's special functions, loaded when the first one is asked for: that takes longer than all of NumPy.

from nnlab.maths import special

special.erfc(x)
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from scipy import special  # noqa: PLC0415 - see above

    found = getattr(special, name)
    globals()[name] = found  # from now on it is found without coming here
    return found
