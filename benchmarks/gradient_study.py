"""How good is the gradient check? False alarms, tiny errors, planted defects, time, and what other checkers notice.

    python benchmarks/gradient_study.py --networks 10000

Networks are drawn over the whole catalogue: activations with their parameters, fixed and learned, dropout, noise, both
normalisations, every head, penalties, batches of 1 to 20 rows, weights of three scales. It prints one line per study.
The checks of SciPy, PyTorch and JAX are shown the same networks where these are installed. Times are of the processor,
not of the clock.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from strategies import ACTIVATIONS, HEADS, NARROWING, TRAINABLE, network_of, targets

from nnlab.gradients.derivatives import CheckVerdict
from nnlab.gradients.planted_defects import DEFECTS, act, dense
from nnlab.gradients.point import BOTH, Plant, examine, nothing
from nnlab.gradients.self_test import case, self_test
from nnlab.maths.losses import FUSED
from nnlab.networks.layers.base import Layer, PassContext
from nnlab.networks.network import Network, Pass

FEW, MANY = (4, 16, 16, 3), (784, 128, 10)  # 403 and 101,770 parameters
OF_PEERS = 100  # how many right networks the other checkers are shown
Case = tuple[Network, Any, tuple[Any, Any], PassContext]
Objective, Gradient = Callable[[Any], float], Callable[[Any], Any]


def drawn_layer(draws: np.random.Generator, *, first: bool) -> dict[str, Any]:
    """A layer as an experiment file has it."""
    kind = draws.integers(10)
    if not first and kind < 4:
        return [{"dropout": 0.3}, {"batch_norm": {}}, {"layer_norm": {}}, {"noise": 0.1}][kind]
    name = TRAINABLE[draws.integers(len(TRAINABLE))]
    entry = ACTIVATIONS[name]
    chosen: dict[str, Any] = {"name": name}
    for parameter in entry.parameters:
        chosen[parameter.name] = int(draws.integers(2, 4)) if parameter.whole else draws.choice([0.1, 0.25, 0.7, 1.5])
    learned = [p.name for p in entry.parameters if p.learnable and draws.random() < 0.6]
    if learned:
        chosen |= {"learn": learned, "per_unit": bool(draws.integers(2))}
    width = int(draws.integers(1, 9)) * (chosen.get("pieces", 2) if name in NARROWING else 1)
    penalties = {"l2": float(draws.choice([0, 0.3])), "l1": float(draws.choice([0, 0.1]))}
    return {"dense": width, "activation": chosen, **penalties}


def drawn_case(seed: int, *, ordinary: bool = False) -> Case:
    """A network, theta, a batch and its moment; an ordinary one has weights of scale 1 and nothing normalised."""
    draws = np.random.default_rng(seed)
    head = HEADS[draws.integers(len(HEADS))]
    layers = [drawn_layer(draws, first=number == 0) for number in range(draws.integers(1, 4))]
    if ordinary:
        layers = [layer for layer in layers if "dense" in layer or "dropout" in layer]
    network = network_of(head, layers)
    rows = int(draws.choice([8, 20] if ordinary else [1, 2, 8, 20]))
    scale = 1.0 if ordinary else draws.choice([1e-3, 1, 1, 6])
    theta = draws.normal(0, 0.7 * scale, (1, network.layout.size))
    for name, view in network.layout.views(theta).items():
        if name.split("/")[1] not in ("weights", "bias"):
            view[...] = draws.uniform(0.1, 1.5, view.shape)
    batch = draws.normal(size=(1, rows, network.inputs)), targets(head[0], rows, draws)
    return network, theta, batch, PassContext((seed,), learns=False)


def false_alarms(count: int, first: int = 0) -> None:
    """Every network is right: whatever does not pass is a false alarm, but for gradients that are no numbers."""
    seen: Counter[str] = Counter()
    nearest = 0.0
    for seed in range(first, first + count):
        found = examine(*drawn_case(seed))
        if not all(np.isfinite(check.analytic).all() for check in found.checks.values()):
            seen["gradient no number"] += 1
            continue
        seen["refused"] += bool(found.refused)
        seen["false alarms"] += not found.passed
        if not found.passed:
            print(f"  seed {seed}: {found.verdict.name}")
        for check in found.checks.values():
            tested = check.verdicts != CheckVerdict.UNTESTED
            seen["entries"] += int(tested.sum())
            seen["entries whose bound overflows"] += int(check.overflowed.sum())
            shares = check.errors[tested] / check.allowed[tested]
            nearest = max(nearest, float(shares.max(initial=0.0)))
    print(f"{count} networks: {dict(seen)}; largest error {nearest:.3g} of what is allowed")


def tiny_errors(count: int, first: int = 0, size: float = 1e-9) -> None:
    """Of entries that have a gradient, how many are caught with an error of this relative size.

    Rounding leaves some gradients fewer digits than that, and no check in float64 can know more than they do: where the
    error that a pass excludes, as it is printed, is larger than the planted one, none is claimed to be excluded.
    """
    for kind in ("ordinary", "all"):
        seen: Counter[str] = Counter()
        for seed in range(first, first + count):
            check = examine(*drawn_case(seed, ordinary=kind == "ordinary")).checks[BOTH]
            a = check.analytic
            with np.errstate(all="ignore"):
                caught = replace(check, analytic=a * (1 + size)).verdicts == CheckVerdict.FAIL
                below = ~(size * np.abs(a) > check.allowed)
            counted = (a != 0) & np.isfinite(a)
            seen["caught"] += int(np.sum(counted & caught))
            seen["below bound"] += int(np.sum(counted & ~caught & below))
            seen["missed"] += int(np.sum(counted & ~caught & ~below))
        claimed = seen["caught"] / (seen["caught"] + seen["missed"])
        print(
            f"one entry wrong by {size:g}, {kind} networks: {seen['caught']} caught, {seen['missed']} missed "
            f"({claimed:.4%} caught), {seen['below bound']} below the printed bound "
            f"({seen['caught'] / seen.total():.4%} of all {seen.total()} caught)"
        )


def defects() -> None:
    """The self-test, over a few seeds."""
    for seed in range(3):
        found = list(self_test(seed))
        missed = [one.defect for one in found if not one.caught]
        print(f"planted defects, seed {seed}: {len(found) - len(missed)} of {len(found)} caught {missed or ''}")


def times() -> None:
    """Processor time of a check, with both oracles."""
    for sizes in (FEW, MANY):
        for activation in ("relu", "tanh", "gelu"):
            _time(sizes, activation, 8)
    _time(MANY, "relu", 32)


def _time(sizes: tuple[int, ...], activation: str, rows: int) -> None:
    network = Network((sizes[0],), tuple(_layers(sizes, activation)), FUSED["softmax", "cross_entropy"])
    draws = np.random.default_rng(0)
    theta = draws.normal(0, sizes[0] ** -0.5, (1, network.layout.size))
    batch = draws.normal(size=(1, rows, sizes[0])), np.eye(sizes[-1])[draws.integers(sizes[-1], size=(1, rows))]
    best = np.inf
    for _ in range(5 if sizes is FEW else 2):
        begun = time.process_time()
        found = examine(network, theta, batch, PassContext((0,), learns=False))
        best = min(best, time.process_time() - begun)
    size = network.layout.size
    print(f"{size} parameters, {activation}, batch of {rows}: {found.verdict.name} in {best * 1e3:.0f} ms")


def _layers(sizes: tuple[int, ...], activation: str) -> Iterator[Layer]:
    for depth, (_, width) in enumerate(pairwise(sizes), start=1):
        yield dense(f"dense{depth}", width)
        if depth < len(sizes) - 1:
            yield replace(act(activation), name=f"{activation}{depth}")  # type: ignore[type-var]


# --- other checkers on the same defects -------------------------------------------------------------------------------


def peers(count: int, first: int) -> None:
    """What others notice of the same defects and of right networks, each with the tolerances that it comes with."""
    checkers = {"scipy.optimize.check_grad, below 1e-6": by_scipy, "torch.autograd.gradcheck": by_torch}
    checkers["jax.test_util.check_grads"] = by_jax
    for name, checker in checkers.items():
        try:
            missed = [one.name for one in DEFECTS if not checker(*_function(case(one, 0), one.plant))]
            alarms = sum(checker(*_function(drawn_case(seed, ordinary=True))) for seed in range(first, first + count))
        except ImportError as error:
            print(f"{name}: not installed ({error.name})")
            continue
        print(
            f"{name}: {len(DEFECTS) - len(missed)} of {len(DEFECTS)} caught, missed: {'; '.join(missed) or 'none'}; "
            f"{alarms} false alarms in {count} ordinary networks"
        )


def _function(chosen: Case, plant: Plant = nothing) -> tuple[Objective, Gradient, Any]:
    """The objective of a network, its gradient with what is planted in it, and theta (P,)."""
    network, theta, (x, y), context = chosen
    passing = Pass(network, theta.copy(), np.zeros_like(theta), x.shape[1], context=context)
    plant(passing)

    def value(point: Any) -> float:
        smooth = Pass(network, point[None].copy(), None, x.shape[1], context=context)
        smooth.forward(x)
        return float((smooth.loss(y) + smooth.penalty())[0])

    def gradient(_point: Any) -> Any:
        passing.forward(x)
        passing.backward(y)
        return passing.gradient[0].copy()

    return value, gradient, theta[0]


def by_scipy(value: Objective, gradient: Gradient, theta: Any) -> bool:
    """Whether it notices."""
    from scipy.optimize import check_grad

    return not check_grad(value, gradient, theta) < 1e-6


def by_torch(value: Objective, gradient: Gradient, theta: Any) -> bool:
    """Whether it notices."""
    import torch

    class Objective(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, point: Any) -> Any:
            context.save_for_backward(point)
            return torch.tensor(value(point.detach().numpy()), dtype=torch.float64)

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            (point,) = context.saved_tensors
            return upstream * torch.tensor(gradient(point.detach().numpy()))

    point = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    return not torch.autograd.gradcheck(Objective.apply, (point,), raise_exception=False)


def by_jax(value: Objective, gradient: Gradient, theta: Any) -> bool:
    """Whether it notices."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", val=True)
    scalar = jax.ShapeDtypeStruct((), np.float64)
    vector = jax.ShapeDtypeStruct(theta.shape, np.float64)

    @jax.custom_vjp
    def objective(point: Any) -> Any:
        return jax.pure_callback(lambda p: np.float64(value(np.asarray(p))), scalar, point)

    def forward(point: Any) -> Any:
        return objective(point), point

    def backward(point: Any, upstream: Any) -> Any:
        return (upstream * jax.pure_callback(lambda p: gradient(np.asarray(p)), vector, point),)

    objective.defvjp(forward, backward)
    try:
        check_grads(objective, (theta,), order=1, modes=["rev"])
    except AssertionError:
        return True
    return False


def main() -> None:
    """Run the studies."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", type=int, default=2000, help="how many random networks (default 2000)")
    parser.add_argument("--peers", action="store_true", help="the other checkers alone")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    chosen = parser.parse_args()
    if chosen.peers:
        peers(OF_PEERS, chosen.first)
        return
    false_alarms(chosen.networks, chosen.first)
    tiny_errors(max(100, chosen.networks // 10), chosen.first)
    defects()
    times()
    peers(OF_PEERS, chosen.first)


if __name__ == "__main__":
    main()
