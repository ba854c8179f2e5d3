"""How many units in the last place each activation and its slope are off, at worst, against 50 digits.

    python benchmarks/accuracy.py [--points 10000] [--json]

Points cover the whole range of float64: normal numbers of every size, denormals, and a dense stretch around 0. Beside
our figures stand those of PyTorch and JAX where they are installed; a dash where the peer has no such function.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.parameters import resolved

mp.mp.dps = 50
Reference = Callable[[Any], Any]


def sigma(x: Any) -> Any:
    """The logistic function; exact in the tails, where 1 + exp would round it away."""
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def phi(x: Any) -> Any:
    """Φ of the standard normal distribution."""
    return mp.erfc(-x / mp.sqrt(2)) / 2


def cubic(x: Any) -> Any:
    """The argument of gelu's sigmoid form."""
    return 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)


def mish_gate(x: Any) -> Any:
    """tanh(softplus(x)) without cancellation."""
    e = mp.exp(-abs(x))
    return (1 + 2 * e) / (1 + 2 * e + 2 * e * e) if x > 0 else e * (e + 2) / (e * (e + 2) + 2)


def mish_shut(x: Any) -> Any:
    """1 - tanh(softplus(x)) without cancellation."""
    e = mp.exp(-abs(x))
    return 2 * e * e / (1 + 2 * e + 2 * e * e) if x > 0 else 2 / (e * (e + 2) + 2)


def bump(x: Any) -> Any:
    """σ(x) σ(-x)."""
    return sigma(x) * sigma(-x)


SELU_SCALE, SELU_ALPHA = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")

# name: value and slope in mpmath, and the range of x within which the bound is promised.
REFERENCES: dict[str, tuple[Reference, Reference, float]] = {
    "sigmoid": (sigma, bump, mp.inf),
    "tanh": (mp.tanh, lambda x: 4 * bump(2 * x), mp.inf),
    "softplus": (lambda x: max(x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x))), sigma, mp.inf),
    "log_sigmoid": (lambda x: min(x, mp.mpf(0)) - mp.log1p(mp.exp(-abs(x))), lambda x: sigma(-x), mp.inf),
    "elu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: mp.mpf(1) if x > 0 else mp.exp(x), mp.inf),
    "celu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: mp.mpf(1) if x > 0 else mp.exp(x), mp.inf),
    "selu": (
        lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
        lambda x: SELU_SCALE * (1 if x > 0 else SELU_ALPHA * mp.exp(x)),
        mp.inf,
    ),
    "gelu": (lambda x: x * phi(x), lambda x: phi(x) + x * mp.npdf(x), 5),
    "gelu_tanh": (
        lambda x: x * sigma(cubic(x)),
        lambda x: sigma(cubic(x)) * (
            1 + x * sigma(-cubic(x)) * 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * x * x)
        ),
        5,
    ),
    "silu": (lambda x: x * sigma(x), lambda x: sigma(x) * (1 + x * sigma(-x)), 5),
    "mish": (
        lambda x: x * mish_gate(x),
        lambda x: mish_gate(x) + x * sigma(x) * mish_shut(x) * (1 + mish_gate(x)),
        5,
    ),
}  # fmt: skip


def points(count: int, limit: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers of every size up to `limit`, of both signs, most of them where something happens."""
    random = np.random.default_rng(20261121)
    wide = 10 ** random.uniform(-323, 308, count // 4) * random.choice([-1, 1], count // 4)
    dense = random.uniform(-45, 45, count // 2)
    tails = random.uniform(-760, 760, count - len(wide) - len(dense))
    inside = np.concatenate([wide, dense, tails, [5e-324, -5e-324, 2.2250738585072014e-308, 0.0]])
    return (
        inside
        if limit == mp.inf
        else np.concatenate([inside[np.abs(inside) <= limit], random.uniform(-limit, limit, count)])
    )


def ulps(found: Any, exact: Any) -> float:
    """|found - exact| in units of the last place of the exact value; the least denormal below the normal numbers."""
    rounded = abs(float(exact)) if abs(exact) < mp.mpf(1.7976931348623157e308) else 1.7976931348623157e308
    if not np.isfinite(found):
        return 0.0 if abs(exact) >= mp.mpf(1.7976931348623157e308) else float("inf")
    return float(abs(mp.mpf(float(found)) - exact) / mp.mpf(float(np.spacing(rounded))))


def worst(found: np.ndarray[Any, Any], reference: Reference, x: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The largest error and where it is."""
    errors = [ulps(value, reference(mp.mpf(float(at)))) for value, at in zip(found, x, strict=True)]
    index = int(np.argmax(errors))
    return errors[index], float(x[index])


def ours(name: str, x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Our value and slope."""
    entry = ACTIVATIONS[name]
    assert isinstance(entry, Activation)
    value, slope = np.empty_like(x), np.empty_like(x)
    chosen = resolved(entry, {})
    entry.value(x, value, **chosen)
    entry.slope(x, value, slope, **chosen)
    return value, slope


def torchs(name: str, x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """PyTorch's value and slope, or None."""
    try:
        import torch
        from torch.nn import functional
    except ImportError:
        return None
    functions = {
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": functional.softplus,
        "log_sigmoid": functional.logsigmoid, "elu": functional.elu, "celu": functional.celu, "selu": functional.selu,
        "gelu": functional.gelu, "gelu_tanh": lambda t: functional.gelu(t, approximate="tanh"),
        "silu": functional.silu, "mish": functional.mish,
    }  # fmt: skip
    at = torch.tensor(x, requires_grad=True)
    value = functions[name](at)
    value.sum().backward()
    return value.detach().numpy(), at.grad.numpy()


def jaxs(name: str, x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """JAX's value and slope, or None."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", val=True)
    functions = {
        "sigmoid": jax.nn.sigmoid, "tanh": jax.numpy.tanh, "softplus": jax.nn.softplus,
        "log_sigmoid": jax.nn.log_sigmoid, "elu": jax.nn.elu, "celu": jax.nn.celu, "selu": jax.nn.selu,
        "gelu": lambda t: jax.nn.gelu(t, approximate=False), "gelu_tanh": jax.nn.gelu, "silu": jax.nn.silu,
        "mish": jax.nn.mish,
    }  # fmt: skip
    f = functions[name]
    return np.asarray(f(x)), np.asarray(jax.vmap(jax.grad(f))(x))


def measure(count: int) -> list[dict[str, Any]]:
    """A row per function: the worst error of value and slope, ours and the peers'."""
    rows = []
    for name, (value, slope, limit) in REFERENCES.items():
        x = points(count, limit)
        row: dict[str, Any] = {"function": name, "points": len(x), "within": float(limit)}
        for who, peer in (("nnlab", ours), ("torch", torchs), ("jax", jaxs)):
            with np.errstate(all="ignore"):
                found = peer(name, x)
            row[f"{who} value"] = None if found is None else worst(found[0], value, x)[0]
            row[f"{who} slope"] = None if found is None else worst(found[1], slope, x)[0]
        rows.append(row)
    return rows


def shown(error: float | None) -> str:
    """A figure of the table."""
    return "-" if error is None else f"{error:.3g}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000, help="points per function")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rows = measure(options.points)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    columns = [f"{who} {what}" for who in ("nnlab", "torch", "jax") for what in ("value", "slope")]
    print("worst error in units of the last place")
    print(f"{'function':12}" + "".join(f"{column:>13}" for column in columns))
    for row in rows:
        print(f"{row['function']:12}" + "".join(f"{shown(row[column]):>13}" for column in columns))


if __name__ == "__main__":
    main()
