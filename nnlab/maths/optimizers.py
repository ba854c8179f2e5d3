"""Optimizers: each is a few in-place lines on whole arrays, and one table, `OPTIMIZERS`, holds them all.

`update(theta, gradient, slots, step, rate, **parameters)` changes theta, (R, P), and its slots in place; `gradient`
may be overwritten. `step` counts updates from 1. `rate` is the learning rate, a Python number or an array (R, 1) of
theta's dtype. Where an entry `decays`, its update also takes `decay_mask`, (P,) of theta's dtype: decoupled weight
decay acts where it is 1 and leaves theta alone where it is 0; None decays everything. Where an entry `needs_objective`,
its update also takes `objective(theta, replica)`, which gives the value and the gradient (P,), in float64, at any theta
(P,) of a replica.

Definitions and defaults are PyTorch's where PyTorch has the optimizer; only the order of rounding differs. A running
mean m ← β m + (1 - β) g is kept as m / (1 - β), the sum s ← β s + g with a fading memory: it needs a pass less over
the arrays, and its constant goes into the numbers around it. After t steps the weights in that sum add up to
(1 - β^t) / (1 - β), so that s over this `_weight` is the mean corrected for its start at zero.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.parameters import Parameter, Value, by_name

Array = NDArray[Any]
Slots = Mapping[str, Array]


@dataclass(frozen=True)
class Optimizer:
    """An update rule, its parameters, and the names of its slots: arrays shaped like theta that start at zero.

    `decays` where the update takes a `decay_mask`; `follows_rate` unless it looks at the learning rate in step 1 only;
    `needs_objective` where it takes an `objective`, so that all steps must see the same rows.
    """

    name: str
    update: Callable[..., None]
    formula: str
    source: str
    parameters: tuple[Parameter, ...]
    slots: Callable[[Mapping[str, Value]], tuple[str, ...]]
    decays: bool = False
    follows_rate: bool = True
    needs_objective: bool = False

    def start(self, theta: Array, chosen: Mapping[str, Value]) -> dict[str, Array]:
        """Fresh slots for theta."""
        return {name: np.zeros_like(theta) for name in self.slots(chosen)}


def sgd(theta: Array, gradient: Array, slots: Slots, _step: int, rate: Any, *, momentum: float, nesterov: bool) -> None:
    """Gradient descent, with momentum if it is not 0.

    v ← momentum · v + g; θ ← θ - rate · v, or with Nesterov's look-ahead θ ← θ - rate · (g + momentum · v).
    """
    if momentum:
        velocity = slots["velocity"]
        _fade(velocity, gradient, momentum)
        if nesterov:
            gradient += momentum * velocity
        else:
            gradient[...] = velocity
    np.multiply(gradient, rate, gradient)
    np.subtract(theta, gradient, theta)


def adagrad(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *,
    rate_decay: float, initial: float, epsilon: float,
) -> None:  # fmt: skip
    """AdaGrad: the gradient over the root of the sum of all its squares.

    v ← v + g², from v = initial; θ ← θ - rate / (1 + (t - 1) · rate_decay) · g / (√v + ε).
    """
    square = slots["square"]
    if step == 1:
        square += initial
    scratch = gradient * gradient
    square += scratch
    root = np.sqrt(square, out=scratch)
    root += epsilon
    gradient /= root
    gradient *= rate / (1 + (step - 1) * rate_decay)
    theta -= gradient


def rmsprop(
    theta: Array, gradient: Array, slots: Slots, _step: int, rate: Any, *,
    beta: float, epsilon: float, momentum: float, centered: bool,
) -> None:  # fmt: skip
    """RMSProp: the gradient over the root of the running mean of its squares, or of its variance if centered.

    v ← β v + (1 - β) g²; n = g / (√v + ε), centered with v - m² for v, where m ← β m + (1 - β) g.
    θ ← θ - rate · n, or with momentum u ← momentum · u + n; θ ← θ - rate · u.
    """
    square, share = slots["square"], 1 - beta
    scratch = gradient * gradient
    _fade(square, scratch, beta)
    if centered:
        _fade(slots["mean"], gradient, beta)
        root = _root_of_variance(slots["mean"], square, share, out=scratch)
    else:
        root = np.sqrt(square, out=scratch)
    # What the slots hold is v / share: √v + ε = √share · (root + ε / √share).
    root += epsilon / math.sqrt(share)
    gradient /= root
    if momentum:
        _fade(slots["velocity"], gradient, momentum)
        gradient[...] = slots["velocity"]
    gradient *= rate / math.sqrt(share)
    theta -= gradient


def _root_of_variance(mean: Array, square: Array, share: float, out: Array) -> Array:
    """√(v - m²) / √share from the sums v / share and m / share.

    Written as √((√v - m)(√v + m)): no square of m may overflow, and rounding must not make the variance negative.
    """
    np.sqrt(square, out=out)
    mean = mean * math.sqrt(share)
    total = out + mean
    out -= mean
    out *= total
    np.maximum(out, 0, out=out)
    return np.sqrt(out, out=out)


def adadelta(
    theta: Array, gradient: Array, slots: Slots, _step: int, rate: Any, *, beta: float, epsilon: float
) -> None:
    """AdaDelta: the gradient in units of past steps, so that a rate of 1 suits any scale.

    v ← β v + (1 - β) g²; d = √(u + ε) / √(v + ε) · g; u ← β u + (1 - β) d²; θ ← θ - rate · d.
    """
    square, moved, spare = slots["square"], slots["moved"], epsilon / (1 - beta)
    scratch = gradient * gradient
    _fade(square, scratch, beta)
    ratio = np.add(moved, spare, out=scratch)
    ratio /= square + spare
    gradient *= np.sqrt(ratio, out=ratio)
    _fade(moved, np.multiply(gradient, gradient, out=scratch), beta)
    gradient *= rate
    theta -= gradient


def adam(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *, beta1: float, beta2: float, epsilon: float
) -> None:
    """Adam: the running mean of g over the root of the running mean of g², both corrected for their start at zero.

    m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; θ ← θ - rate · (m / (1 - β1^t)) / (√(v / (1 - β2^t)) + ε).
    """
    _moments(gradient, slots, beta1, beta2)
    root = np.sqrt(slots["square"], out=gradient)
    _adam_step(theta, slots["mean"], root, rate / _weight(beta1, step), _weight(beta2, step), epsilon)


def amsgrad(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *, beta1: float, beta2: float, epsilon: float
) -> None:
    """AMSGrad: Adam with the largest running mean of g² so far, so that no step grows back.

    v' ← max(v', v); θ ← θ - rate · (m / (1 - β1^t)) / (√(v' / (1 - β2^t)) + ε), with Adam's m and v.
    """
    _moments(gradient, slots, beta1, beta2)
    largest = np.maximum(slots["largest"], slots["square"], out=slots["largest"])
    root = np.sqrt(largest, out=gradient)
    _adam_step(theta, slots["mean"], root, rate / _weight(beta1, step), _weight(beta2, step), epsilon)


def adamw(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *,
    beta1: float, beta2: float, epsilon: float, weight_decay: float, decay_mask: Array | None = None,
) -> None:  # fmt: skip
    """AdamW: Adam after a weight decay of its own, which the division by the root does not weaken.

    θ ← (1 - rate · weight_decay) θ; then Adam's step.
    """
    _decay(theta, rate, weight_decay, decay_mask)
    adam(theta, gradient, slots, step, rate, beta1=beta1, beta2=beta2, epsilon=epsilon)


def nadam(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *,
    beta1: float, beta2: float, epsilon: float, momentum_decay: float,
) -> None:  # fmt: skip
    """NAdam: Adam with Nesterov's look-ahead and a momentum μ that warms up to β1.

    μ_t = β1 (1 - 0.96^(t · momentum_decay) / 2), Π = μ_1 · … · μ_t; with Adam's m and v
    θ ← θ - rate · ((1 - μ_t) / (1 - Π) · g + μ_(t+1) / (1 - Π μ_(t+1)) · m) / (√(v / (1 - β2^t)) + ε).
    """
    now, after = (_nadam_momentum(t, beta1, momentum_decay) for t in (step, step + 1))
    product = _nadam_product(step, beta1, momentum_decay)
    mean, square, scratch = slots["mean"], slots["square"], gradient * gradient
    _fade(mean, gradient, beta1)
    _fade(square, scratch, beta2)
    gradient *= (1 - now) / (1 - product)
    gradient += np.multiply(mean, (1 - beta1) * after / (1 - product * after), out=scratch)
    _adam_step(theta, gradient, np.sqrt(square, out=scratch), rate, _weight(beta2, step), epsilon)


def _nadam_momentum(step: Any, beta1: float, momentum_decay: float) -> Any:
    """μ of a step, or of an array of steps."""
    return beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))


def _nadam_product(step: int, beta1: float, momentum_decay: float) -> float:
    """μ_1 · … · μ_step: a function of the step, so that no slot has to hold it."""
    if beta1**step < 1e-17:  # the product is smaller still, and 1 - product is 1
        return 0.0
    return float(np.prod(_nadam_momentum(np.arange(1, step + 1), beta1, momentum_decay)))


def radam(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *, beta1: float, beta2: float, epsilon: float
) -> None:
    """RAdam: Adam that divides by the root only once enough squares make it trustworthy, and the more, the longer.

    ρ∞ = 2 / (1 - β2) - 1; ρ = ρ∞ - 2 t β2^t / (1 - β2^t); with Adam's m and v, and m̂ = m / (1 - β1^t),
    θ ← θ - rate · m̂ while ρ <= 5, then θ ← θ - rate · r · m̂ · √(1 - β2^t) / (√v + ε),
    r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)).
    """
    _moments(gradient, slots, beta1, beta2)
    step_size = rate / _weight(beta1, step)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5:
        theta -= np.multiply(slots["mean"], step_size, out=gradient)
        return
    trust = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    # ε is not corrected for the start at zero: √v + ε is Adam's denominator with ε / √(1 - β2^t) for ε.
    epsilon /= math.sqrt(1 - beta2**step)
    root = np.sqrt(slots["square"], out=gradient)
    _adam_step(theta, slots["mean"], root, step_size * trust, _weight(beta2, step), epsilon)


def lion(
    theta: Array, gradient: Array, slots: Slots, _step: int, rate: Any, *,
    beta1: float, beta2: float, weight_decay: float, decay_mask: Array | None = None,
) -> None:  # fmt: skip
    """Lion: steps of one size, in the direction of the sign of a mean of the mean and the gradient.

    c = β1 m + (1 - β1) g; θ ← θ - rate · (sign(c) + weight_decay · θ); m ← β2 m + (1 - β2) g.
    """
    mean = slots["mean"]
    direction = mean * (beta1 * (1 - beta2) / (1 - beta1))
    direction += gradient
    np.sign(direction, out=direction)
    _fade(mean, gradient, beta2)
    _decay(theta, rate, weight_decay, decay_mask)
    direction *= rate
    theta -= direction


def rprop(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *,
    shrink: float, grow: float, smallest: float, largest: float,
) -> None:  # fmt: skip
    """Rprop: every parameter has a step size of its own, and only the signs of gradients count. For full batches.

    The sizes start at the learning rate. Where g keeps its sign, size ← grow · size; where it turns,
    size ← shrink · size and g ← 0, which also makes the next step neither grow nor shrink; sizes stay in
    [smallest, largest]. θ ← θ - size · sign(g). The rate of later steps is not looked at.
    """
    size, sign = slots["size"], slots["sign"]
    if step == 1:
        size[...] = rate
    np.sign(gradient, out=gradient)
    sign *= gradient
    turned = sign < 0
    np.multiply(size, grow, out=size, where=sign > 0)
    np.multiply(size, shrink, out=size, where=turned)
    np.clip(size, smallest, largest, out=size)
    np.copyto(gradient, 0, where=turned)
    sign[...] = gradient
    gradient *= size
    theta -= gradient


Objective = Callable[[Array, int], tuple[float, Array]]


def lbfgs(
    theta: Array, _gradient: Array, slots: Slots, step: int, rate: Any, *, memory: float, objective: Objective
) -> None:
    """L-BFGS: Newton's step with what the last `memory` steps have told of the curvature; its length is searched for.

    d = -H g, where H is built from pairs of a step s and the change y of the gradient over it; θ ← θ + α · rate · d,
    with α by a line search for the strong Wolfe conditions, which tries α = 1 first. The pair of step t lies in the
    slots number (t - 1) % memory + 1. Only pairs with s · y > 0 count; zeros stand where there is none. Each replica
    is handled by itself, in float64, and no step raises its objective.
    """
    rates = np.broadcast_to(np.ravel(np.asarray(rate, np.float64)), len(theta))
    count = int(memory)
    own, *order = [(t - 1) % count + 1 for t in range(step, step - 1 - count, -1)]  # then from the newest to the oldest
    for replica, row in enumerate(theta):
        pairs = [(slots[f"step{i}"][replica], slots[f"change{i}"][replica]) for i in order]
        at = _Along(objective, replica, row.dtype)
        start = row.astype(np.float64)
        direction = _two_loops(at.gradient(start), [(s.astype(np.float64), y.astype(np.float64)) for s, y in pairs])
        end = _searched(at, start, rates[replica] * direction)
        slots[f"step{own}"][replica] = end - start
        slots[f"change{own}"][replica] = at.gradient(end) - at.gradient(start)
        theta[replica] = end


def _two_loops(gradient: Array, pairs: list[tuple[Array, Array]]) -> Array:
    """The direction -H g from pairs (s, y), the newest first (Nocedal, Wright 2006, algorithm 7.4).

    The H that the pairs change is s · y / y · y of the newest; without pairs it makes the direction at most 1 long.
    """
    number = np.finfo(np.float64)
    used = [(s, y, 1 / s.dot(y)) for s, y in pairs if s.dot(y) > max(number.eps * y.dot(y), number.tiny)]
    direction, shares = -gradient, []
    for s, y, weight in used:
        shares.append(weight * s.dot(direction))
        direction = direction - shares[-1] * y
    if used:
        s, y, weight = used[0]
        direction = direction / (weight * y.dot(y))
    else:
        direction = direction / max(1.0, float(np.linalg.norm(gradient)))
    for (s, y, weight), share in zip(reversed(used), reversed(shares), strict=True):
        direction = direction + (share - weight * y.dot(direction)) * s
    return direction


class _Along:
    """The objective of one replica as a line search asks for it, value and slope apart, remembered.

    Points are rounded to the precision of theta first: where the search ends is then exactly where theta goes.
    """

    def __init__(self, objective: Objective, replica: int, dtype: Any) -> None:
        self.objective, self.replica, self.dtype = objective, replica, dtype
        self.seen: dict[bytes, tuple[float, Array]] = {}

    def rounded(self, theta: Array) -> Array:
        """A point that theta can hold."""
        return theta.astype(self.dtype).astype(np.float64)

    def value(self, theta: Array) -> float:
        """The objective there; infinite where it is not a number, so that a search turns back."""
        value = self._at(theta)[0]
        return value if math.isfinite(value) else math.inf

    def gradient(self, theta: Array) -> Array:
        """Its gradient there."""
        return self._at(theta)[1]

    def _at(self, theta: Array) -> tuple[float, Array]:
        point = self.rounded(theta)
        key = point.tobytes()
        if key not in self.seen:
            self.seen[key] = self.objective(point, self.replica)
        return self.seen[key]


def _searched(at: _Along, start: Array, direction: Array) -> Array:
    """Where a line search from `start` ends: along `direction`, or else down the gradient, or else at `start`."""
    from scipy.optimize import line_search  # noqa: PLC0415 - takes a tenth of a second to load, and few need it

    value, gradient = at.value(start), at.gradient(start)
    slope = float(gradient.dot(direction))
    if not direction.any() or not math.isfinite(slope) or not math.isfinite(value):
        return start
    if slope < 0:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of a search that fails; that is seen by its result
            share = line_search(at.value, at.gradient, start, direction, gradient, value)[0]
        if share is not None:
            end = at.rounded(start + share * direction)
            if at.value(end) <= value:
                return end
    return _backtracked(at, start, -gradient / max(1.0, float(np.linalg.norm(gradient))))


def _backtracked(at: _Along, start: Array, direction: Array) -> Array:
    """The first of start + direction, start + direction / 2, … that is lower by a share of what the slope promises."""
    value, slope = at.value(start), float(at.gradient(start).dot(direction))
    for share in 0.5 ** np.arange(50):
        end = at.rounded(start + share * direction)
        if at.value(end) < value + 1e-4 * share * slope:
            return end
    return start


def _fade(total: Array, value: Array, memory: float) -> None:
    """The sum with a fading memory: total ← memory · total + value."""
    total *= memory
    total += value


def _weight(memory: float, step: int) -> float:
    """What the weights in a fading sum of `step` values add up to: 1 + memory + … + memory^(step - 1)."""
    return (1 - memory**step) / (1 - memory)


def _moments(gradient: Array, slots: Slots, beta1: float, beta2: float) -> None:
    """Take the gradient into Adam's two sums; it is squared on the way."""
    _fade(slots["mean"], gradient, beta1)
    gradient *= gradient
    _fade(slots["square"], gradient, beta2)


def _adam_step(theta: Array, direction: Array, root: Array, rate: Any, weight: float, epsilon: float) -> None:
    """θ ← θ - rate · direction / (root / √weight + ε); `root` is overwritten."""
    scale = math.sqrt(weight)
    root += epsilon * scale
    np.divide(direction, root, out=root)
    root *= rate * scale
    theta -= root


def _decay(theta: Array, rate: Any, weight_decay: float, mask: Array | None) -> None:
    """Decoupled weight decay: θ ← (1 - rate · weight_decay) θ, where the mask allows it."""
    if weight_decay:
        share = rate * weight_decay
        theta *= 1 - (share if mask is None else share * mask)


def _rate(default: float) -> Parameter:
    return Parameter("learning_rate", default, "size of a step", low=0, open_=(0,))


def _memory(name: str, default: float, of: str) -> Parameter:
    return Parameter(name, default, f"memory of the {of}", low=0, high=1, open_=(1,))


def _epsilon(default: float, description: str = "added to the root") -> Parameter:
    return Parameter("epsilon", default, description, low=0, open_=(0,))


def _momentum() -> Parameter:
    return Parameter("momentum", 0.0, "share of the last velocity that is kept", low=0, high=1, open_=(1,))


def _weight_decay(default: float) -> Parameter:
    return Parameter("weight_decay", default, "decoupled decay, in shares of the rate; spares biases", low=0)


def _named(*names: str) -> Callable[[Mapping[str, Value]], tuple[str, ...]]:
    return lambda _chosen: names


_BETAS = (_memory("beta1", 0.9, "mean"), _memory("beta2", 0.999, "square"))

OPTIMIZERS: dict[str, Optimizer] = by_name(
    Optimizer(
        "sgd", sgd, "θ ← θ - rate · v, v ← momentum · v + g", "Robbins, Monro 1951; Nesterov 1983",
        (
            _rate(0.1),
            _momentum(),
            Parameter("nesterov", default=False, description="look ahead along the velocity"),
        ),
        slots=lambda chosen: ("velocity",) if chosen["momentum"] else (),
    ),
    Optimizer(
        "adagrad", adagrad, "θ ← θ - rate · g / (√v + ε), v ← v + g²", "Duchi, Hazan, Singer 2011, JMLR 12",
        (
            _rate(0.01),
            Parameter("rate_decay", 0.0, "the rate falls as 1 / (1 + (t - 1) · rate_decay)", low=0),
            Parameter("initial", 0.0, "where the sum of squares starts", low=0),
            _epsilon(1e-10),
        ),
        slots=_named("square"),
    ),
    Optimizer(
        "rmsprop", rmsprop, "θ ← θ - rate · g / (√v + ε), v ← β v + (1 - β) g²",
        "Tieleman, Hinton 2012, lecture 6.5; centered: Graves 2013, arXiv:1308.0850",
        (
            _rate(0.01),
            _memory("beta", 0.99, "square"),
            _epsilon(1e-8),
            _momentum(),
            Parameter("centered", default=False, description="divide by the root of the variance"),
        ),
        slots=lambda chosen: (
            "square", *(("mean",) if chosen["centered"] else ()), *(("velocity",) if chosen["momentum"] else ()),
        ),
    ),
    Optimizer(
        "adadelta", adadelta, "θ ← θ - rate · d, d = √(u + ε) / √(v + ε) · g", "Zeiler 2012, arXiv:1212.5701",
        (_rate(1.0), _memory("beta", 0.9, "squares"), _epsilon(1e-6, "added under both roots")),
        slots=_named("square", "moved"),
    ),
    Optimizer(
        "adam", adam, "θ ← θ - rate · m̂ / (√v̂ + ε)", "Kingma, Ba 2015, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8)),
        slots=_named("mean", "square"),
    ),
    Optimizer(
        "amsgrad", amsgrad, "θ ← θ - rate · m̂ / (√max v̂ + ε)", "Reddi, Kale, Kumar 2018, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8)),
        slots=_named("mean", "square", "largest"),
    ),
    Optimizer(
        "adamw", adamw, "θ ← (1 - rate · weight_decay) θ - rate · m̂ / (√v̂ + ε)", "Loshchilov, Hutter 2019, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8), _weight_decay(0.01)),
        slots=_named("mean", "square"),
        decays=True,
    ),
    Optimizer(
        "nadam", nadam, "θ ← θ - rate · (Nesterov's m̂) / (√v̂ + ε)", "Dozat 2016, ICLR workshop",
        (
            _rate(0.002), *_BETAS, _epsilon(1e-8),
            Parameter("momentum_decay", 0.004, "how fast the momentum warms up to beta1", low=0),
        ),
        slots=_named("mean", "square"),
    ),
    Optimizer(
        "radam", radam, "θ ← θ - rate · r · m̂ / (√v̂ + ε), without the division while r is unknown",
        "Liu et al. 2020, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8)),
        slots=_named("mean", "square"),
    ),
    Optimizer(
        "lion", lion, "θ ← θ - rate · (sign(β1 m + (1 - β1) g) + weight_decay · θ)", "Chen et al. 2023, NeurIPS",
        (
            _rate(1e-4),
            Parameter("beta1", 0.9, "share of the mean in the direction", low=0, high=1, open_=(1,)),
            _memory("beta2", 0.99, "mean"),
            _weight_decay(0.0),
        ),
        slots=_named("mean"),
        decays=True,
    ),
    Optimizer(
        "rprop", rprop, "θ ← θ - size · sign(g), a size per parameter", "Riedmiller, Braun 1993, ICNN",
        (
            Parameter("learning_rate", 0.01, "size of the first step", low=0, open_=(0,)),
            Parameter("shrink", 0.5, "factor of a size where the sign turns", low=0, high=1, open_=(0, 1)),
            Parameter("grow", 1.2, "factor of a size where the sign stays", low=1, open_=(1,)),
            Parameter("smallest", 1e-6, "smallest size", low=0, open_=(0,)),
            Parameter("largest", 50.0, "largest size", low=0, open_=(0,)),
        ),
        slots=_named("size", "sign"),
        follows_rate=False,
    ),
    Optimizer(
        "lbfgs", lbfgs, "θ ← θ + α · rate · d, d = -H g from the last steps, α by a line search",
        "Liu, Nocedal 1989, Mathematical Programming 45",
        (
            Parameter("learning_rate", 1.0, "share of the whole step that is tried first", low=0, open_=(0,)),
            Parameter("memory", 10, "how many steps the curvature is learned from", low=1, high=100, whole=True),
        ),
        slots=lambda chosen: tuple(
            f"{kind}{i}" for i in range(1, int(chosen["memory"]) + 1) for kind in ("step", "change")
        ),
        needs_objective=True,
    ),
)  # fmt: skip
