"""Optimizers: each is a few in-place operations on whole arrays; one table, `OPTIMIZERS`, holds them all.

`update(theta, gradient, slots, step, rate, **parameters)` changes theta and its slots in place:

    theta      the parameters of all replicas, (R, P)
    gradient   the gradient of the loss, (R, P); most overwrite it with what they compute on the way
    slots      the optimizer's state: arrays (R, P) by name, zero before the first step
    step       the number of this update, from 1
    rate       the learning rate: a Python number, or an array (R, 1) of theta's dtype

If an entry `decays`, its update also takes `decay_mask`, (P,) of theta's dtype: decoupled weight decay applies where it
is 1 and not where it is 0; None applies it everywhere. If an entry `needs_objective`, its update also takes
`objective(theta, replica)`, which returns the loss and its gradient (P,), in float64, at any theta (P,) of a replica.

Definitions and defaults are PyTorch's where PyTorch has the optimizer; only the order of rounding differs. Instead of a
running mean m ← β m + (1 - β) g, the sum s = m / (1 - β) is stored, with s ← β s + g: this saves one pass over the
arrays, and the factor 1 - β is merged into scalars. After t steps the weights in that sum add up to
(1 - β^t) / (1 - β), so that s divided by this `_weight` is the bias-corrected mean.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.maths.parameters import Parameter, Value, by_name

Array = NDArray[Any]
Slots = Mapping[str, Array]


@dataclass(frozen=True)
class Optimizer:
    """An update rule, its parameters, and the names of its slots: arrays shaped like theta that start at zero.

    `decays`: the update takes a `decay_mask`. `follows_rate`: it uses the learning rate in every step, not only in the
    first. `needs_objective`: it takes an `objective`. `needs_all_rows`: why all steps must use the same rows, if so.

    For people, `written` is the update under these parameters with every letter defined, and `terms` gives of each slot
    its letter there and the factor that makes that number of the stored one.
    """

    name: str
    update: Callable[..., None]
    formula: str
    source: str
    parameters: tuple[Parameter, ...]
    slots: Callable[[Mapping[str, Value]], tuple[str, ...]]
    terms: Callable[[Mapping[str, Any]], Mapping[str, tuple[str, float]]]
    written: Callable[[Mapping[str, Any]], tuple[str, ...]]
    decays: bool = False
    follows_rate: bool = True
    needs_objective: bool = False
    needs_all_rows: str = ""

    def start(self, theta: Array, chosen: Mapping[str, Value]) -> dict[str, Array]:
        """New slots for theta, all zero."""
        return {name: memory.zeros_like(theta) for name in self.slots(chosen)}


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
    """AdaGrad: divides the gradient by the root of the sum of all its squares.

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
    """RMSProp: divides the gradient by the root of the running mean of its squares, or of its variance if centered.

    v ← β v + (1 - β) g²; n = g / (√v + ε), or if centered with v - m² in place of v, where m ← β m + (1 - β) g.
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
    # The slot stores v / share, and root is its root: √v + ε = √share · (root + ε / √share).
    root += epsilon / math.sqrt(share)
    gradient /= root
    if momentum:
        _fade(slots["velocity"], gradient, momentum)
        gradient[...] = slots["velocity"]
    gradient *= rate / math.sqrt(share)
    theta -= gradient


def _root_of_variance(mean: Array, square: Array, share: float, out: Array) -> Array:
    """√(v - m²) / √share from the sums v / share and m / share.

    Computed as √((√v - m)(√v + m)), so that no m² overflows, and clipped at 0, since rounding may make it negative.
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
    """AdaDelta: scales the gradient by the size of past steps, so that a rate of 1 suits every scale of the loss.

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
    """Adam: divides the running mean of g by the root of the running mean of g², both bias-corrected.

    m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; θ ← θ - rate · (m / (1 - β1^t)) / (√(v / (1 - β2^t)) + ε).
    The slots hold m / (1 - β1) and v / (1 - β2), as said at the top.
    """
    _moments(gradient, slots, beta1, beta2)
    root = np.sqrt(slots["square"], out=gradient)
    _adam_step(theta, slots["mean"], root, rate / _weight(beta1, step), _weight(beta2, step), epsilon)


def amsgrad(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *, beta1: float, beta2: float, epsilon: float
) -> None:
    """AMSGrad: Adam with the largest running mean of g² so far, so that the step size of a parameter never grows.

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
    """AdamW: Adam with decoupled weight decay, which is not divided by the root.

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
    """The momentum μ of a step, or of an array of steps."""
    return beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))


def _nadam_product(step: int, beta1: float, momentum_decay: float) -> float:
    """μ_1 · … · μ_step, computed from the step, so that no slot is needed."""
    if beta1**step < 1e-17:  # the product is even smaller, so 1 - product rounds to 1
        return 0.0
    return float(np.prod(_nadam_momentum(np.arange(1, step + 1), beta1, momentum_decay)))


def radam(
    theta: Array, gradient: Array, slots: Slots, step: int, rate: Any, *, beta1: float, beta2: float, epsilon: float
) -> None:
    """RAdam: Adam without the division by the root in the first steps, and then with a variance correction r.

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
    # Here ε is added to the uncorrected √v: that is Adam's denominator with ε / √(1 - β2^t) in place of ε.
    epsilon /= math.sqrt(1 - beta2**step)
    root = np.sqrt(slots["square"], out=gradient)
    _adam_step(theta, slots["mean"], root, step_size * trust, _weight(beta2, step), epsilon)


def lion(
    theta: Array, gradient: Array, slots: Slots, _step: int, rate: Any, *,
    beta1: float, beta2: float, weight_decay: float, decay_mask: Array | None = None,
) -> None:  # fmt: skip
    """Lion: the sign of a mix of the running mean and the gradient, so that every entry moves by the learning rate.

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
    """Rprop: each parameter has its own step size, and only the sign of the gradient is used. For full batches.

    Step sizes start at the learning rate. If the sign of g stays, size ← grow · size; if it changes, size ← shrink ·
    size and g ← 0, so that the next step neither grows nor shrinks; sizes stay in [smallest, largest]. θ ← θ - size ·
    sign(g). The learning rate of later steps is ignored.
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
    """L-BFGS: an approximate Newton step, from the curvature seen in the last `memory` steps, with a line search.

    d = -H g, where the inverse Hessian H is approximated from pairs of a step s and the change y of the gradient over
    it; θ ← θ + α · rate · d, with α from a line search for the strong Wolfe conditions, which tries α = 1 first. The
    pair of step t is stored in the slots with number (t - 1) % memory + 1. Only pairs with s · y > 0 are used; unused
    slots are zero. Each replica is updated separately, in float64, and no step raises its objective.
    """
    rates = np.broadcast_to(np.ravel(np.asarray(rate, np.float64)), len(theta))
    count = int(memory)
    own, *order = [(t - 1) % count + 1 for t in range(step, step - 1 - count, -1)]  # order: newest first
    for replica, row in enumerate(theta):
        pairs = [(slots[f"step{i}"][replica], slots[f"change{i}"][replica]) for i in order]
        at = _CachedObjective(objective, replica, row.dtype)
        start = row.astype(np.float64)
        direction = _two_loops(at.gradient(start), [(s.astype(np.float64), y.astype(np.float64)) for s, y in pairs])
        end = _searched(at, start, rates[replica] * direction)
        slots[f"step{own}"][replica] = end - start
        slots[f"change{own}"][replica] = at.gradient(end) - at.gradient(start)
        theta[replica] = end


def _two_loops(gradient: Array, pairs: list[tuple[Array, Array]]) -> Array:
    """The direction -H g from pairs (s, y), the newest first (Nocedal, Wright 2006, algorithm 7.4).

    The initial H is s · y / y · y of the newest pair; without pairs it limits the length of the direction to 1.
    """
    number = np.finfo(np.float64)
    used = [(s, y, 1 / s.dot(y)) for s, y in pairs if s.dot(y) > max(number.eps * y.dot(y), number.tiny)]
    direction, alphas = -gradient, []
    for s, y, weight in used:
        alphas.append(weight * s.dot(direction))
        direction = direction - alphas[-1] * y
    if used:
        s, y, weight = used[0]
        direction = direction / (weight * y.dot(y))
    else:
        direction = direction / max(1.0, float(np.linalg.norm(gradient)))
    for (s, y, weight), alpha in zip(reversed(used), reversed(alphas), strict=True):
        direction = direction + (alpha - weight * y.dot(direction)) * s
    return direction


class _CachedObjective:
    """The objective of one replica for a line search, which asks for value and gradient separately; caches both.

    Points are first rounded to the precision of theta, so that the end of the search is exactly the new theta.
    """

    def __init__(self, objective: Objective, replica: int, dtype: Any) -> None:
        self.objective, self.replica, self.dtype = objective, replica, dtype
        self.seen: dict[bytes, tuple[float, Array]] = {}

    def rounded(self, theta: Array) -> Array:
        """A point rounded to the precision of theta."""
        return theta.astype(self.dtype).astype(np.float64)

    def value(self, theta: Array) -> float:
        """The objective at a point; inf if it is nan, so that the search turns back."""
        value = self._at(theta)[0]
        return value if math.isfinite(value) else math.inf

    def gradient(self, theta: Array) -> Array:
        """The gradient at a point."""
        return self._at(theta)[1]

    def _at(self, theta: Array) -> tuple[float, Array]:
        point = self.rounded(theta)
        key = point.tobytes()
        if key not in self.seen:
            self.seen[key] = self.objective(point, self.replica)
        return self.seen[key]


def _searched(at: _CachedObjective, start: Array, direction: Array) -> Array:
    """The end of a line search from `start` along `direction`; if it fails, down the gradient; else `start`."""
    from scipy.optimize import line_search  # noqa: PLC0415 - takes a tenth of a second to load, rarely needed

    value, gradient = at.value(start), at.gradient(start)
    slope = float(gradient.dot(direction))
    if not direction.any() or not math.isfinite(slope) or not math.isfinite(value):
        return start
    if slope < 0:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a failed search is noticed by its result
            alpha = line_search(at.value, at.gradient, start, direction, gradient, value)[0]
        if alpha is not None:
            end = at.rounded(start + alpha * direction)
            if at.value(end) <= value:
                return end
    return _backtracked(at, start, -gradient / max(1.0, float(np.linalg.norm(gradient))))


def _backtracked(at: _CachedObjective, start: Array, direction: Array) -> Array:
    """The first of start + direction, start + direction / 2, … with a sufficient decrease (Armijo); else `start`."""
    value, slope = at.value(start), float(at.gradient(start).dot(direction))
    for alpha in 0.5 ** np.arange(50):
        end = at.rounded(start + alpha * direction)
        if at.value(end) < value + 1e-4 * alpha * slope:
            return end
    return start


def _fade(total: Array, value: Array, beta: float) -> None:
    """Exponentially weighted sum: total ← beta · total + value."""
    total *= beta
    total += value


def _weight(beta: float, step: int) -> float:
    """The sum of the weights in such a sum of `step` values: 1 + beta + … + beta^(step - 1)."""
    return (1 - beta**step) / (1 - beta)


def _moments(gradient: Array, slots: Slots, beta1: float, beta2: float) -> None:
    """Add the gradient to Adam's two sums; squares it in place."""
    _fade(slots["mean"], gradient, beta1)
    gradient *= gradient
    _fade(slots["square"], gradient, beta2)


def _adam_step(theta: Array, direction: Array, root: Array, rate: Any, weight: float, epsilon: float) -> None:
    """θ ← θ - rate · direction / (root / √weight + ε); overwrites `root`."""
    scale = math.sqrt(weight)
    root += epsilon * scale
    np.divide(direction, root, out=root)
    root *= rate * scale
    theta -= root


def _decay(theta: Array, rate: Any, weight_decay: float, mask: Array | None) -> None:
    """Decoupled weight decay: θ ← (1 - rate · weight_decay) θ, where the mask is 1."""
    if weight_decay:
        decay = rate * weight_decay
        theta *= 1 - (decay if mask is None else decay * mask)


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


def _moment_terms(chosen: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    """Of the two sums of Adam and its relations: they are stored without the factor 1 - beta."""
    return {"mean": ("m", 1 - chosen["beta1"]), "square": ("v", 1 - chosen["beta2"])}


_MOMENTS = ("m ← beta1 · m + (1 - beta1) g", "v ← beta2 · v + (1 - beta2) g²")
_CORRECTED = (*_MOMENTS, "m̂ = m / (1 - beta1^t), v̂ = v / (1 - beta2^t)")
_ADAM = "θ ← θ - rate · m̂ / (√v̂ + ε), ε = epsilon"


def _always(*lines: str) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    return lambda _chosen: lines


def _sgd_written(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    if not chosen["momentum"]:
        return ("θ ← θ - rate · g",)
    step = "θ ← θ - rate · (g + momentum · v)" if chosen["nesterov"] else "θ ← θ - rate · v"
    return "v ← momentum · v + g", step


def _rmsprop_written(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    lines = ["v ← beta · v + (1 - beta) g²"] + ["m ← beta · m + (1 - beta) g"] * bool(chosen["centered"])
    scaled = f"g / (√{'(v - m²)' if chosen['centered'] else 'v'} + ε)"
    if chosen["momentum"]:
        return *lines, f"u ← momentum · u + {scaled}, ε = epsilon", "θ ← θ - rate · u"
    return *lines, f"θ ← θ - rate · {scaled}, ε = epsilon"


OPTIMIZERS: dict[str, Optimizer] = by_name(
    Optimizer(
        "sgd", sgd, "θ ← θ - rate · v, v ← momentum · v + g", "Robbins, Monro 1951; Nesterov 1983",
        (
            _rate(0.1),
            _momentum(),
            Parameter("nesterov", default=False, description="look ahead along the velocity"),
        ),
        slots=lambda chosen: ("velocity",) if chosen["momentum"] else (),
        terms=lambda _chosen: {"velocity": ("v", 1.0)},
        written=_sgd_written,
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
        terms=lambda _chosen: {"square": ("v", 1.0)},
        written=_always(
            "v ← v + g², from v = initial", "θ ← θ - rate / (1 + (t - 1) · rate_decay) · g / (√v + ε), ε = epsilon"
        ),
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
        terms=lambda chosen: {
            "square": ("v", 1 - chosen["beta"]),
            "mean": ("m", 1 - chosen["beta"]),
            "velocity": ("u", 1 / math.sqrt(1 - chosen["beta"])),
        },
        written=_rmsprop_written,
    ),
    Optimizer(
        "adadelta", adadelta, "θ ← θ - rate · d, d = √(u + ε) / √(v + ε) · g", "Zeiler 2012, arXiv:1212.5701",
        (_rate(1.0), _memory("beta", 0.9, "squares"), _epsilon(1e-6, "added under both roots")),
        slots=_named("square", "moved"),
        terms=lambda chosen: {"square": ("v", 1 - chosen["beta"]), "moved": ("u", 1 - chosen["beta"])},
        written=_always(
            "v ← beta · v + (1 - beta) g²", "d = √(u + ε) / √(v + ε) · g, ε = epsilon", "u ← beta · u + (1 - beta) d²",
            "θ ← θ - rate · d",
        ),
    ),
    Optimizer(
        "adam", adam, "θ ← θ - rate · m̂ / (√v̂ + ε)", "Kingma, Ba 2015, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8)),
        slots=_named("mean", "square"),
        terms=_moment_terms,
        written=_always(*_CORRECTED, _ADAM),
    ),
    Optimizer(
        "amsgrad", amsgrad, "θ ← θ - rate · m̂ / (√max v̂ + ε)", "Reddi, Kale, Kumar 2018, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8)),
        slots=_named("mean", "square", "largest"),
        terms=lambda chosen: _moment_terms(chosen) | {"largest": ("w", 1 - chosen["beta2"])},
        written=_always(
            *_MOMENTS, "w ← max(w, v)", "m̂ = m / (1 - beta1^t), ŵ = w / (1 - beta2^t)",
            "θ ← θ - rate · m̂ / (√ŵ + ε), ε = epsilon",
        ),
    ),
    Optimizer(
        "adamw", adamw, "θ ← (1 - rate · weight_decay) θ - rate · m̂ / (√v̂ + ε)", "Loshchilov, Hutter 2019, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8), _weight_decay(0.01)),
        slots=_named("mean", "square"),
        terms=_moment_terms,
        written=_always(*_CORRECTED, "θ ← (1 - rate · weight_decay) θ, of weights alone", _ADAM),
        decays=True,
    ),
    Optimizer(
        "nadam", nadam, "θ ← θ - rate · (Nesterov's m̂) / (√v̂ + ε)", "Dozat 2016, ICLR workshop",
        (
            _rate(0.002), *_BETAS, _epsilon(1e-8),
            Parameter("momentum_decay", 0.004, "how fast the momentum warms up to beta1", low=0),
        ),
        slots=_named("mean", "square"),
        terms=_moment_terms,
        written=_always(
            *_MOMENTS, "v̂ = v / (1 - beta2^t)",
            "μ(t) = beta1 (1 - 0.96^(t · momentum_decay) / 2), p = μ(1) · … · μ(t), q = p · μ(t + 1)",
            "d = (1 - μ(t)) / (1 - p) · g + μ(t + 1) / (1 - q) · m", "θ ← θ - rate · d / (√v̂ + ε), ε = epsilon",
        ),
    ),
    Optimizer(
        "radam", radam, "θ ← θ - rate · r · m̂ / (√v̂ + ε), without the division while r is unknown",
        "Liu et al. 2020, ICLR",
        (_rate(0.001), *_BETAS, _epsilon(1e-8)),
        slots=_named("mean", "square"),
        terms=_moment_terms,
        written=_always(
            *_MOMENTS, "m̂ = m / (1 - beta1^t)",
            "ρ∞ = 2 / (1 - beta2) - 1, ρ = ρ∞ - 2 t · beta2^t / (1 - beta2^t)", "θ ← θ - rate · m̂ while ρ <= 5, then",
            "r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))",
            "θ ← θ - rate · r · m̂ · √(1 - beta2^t) / (√v + ε), ε = epsilon",
        ),
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
        terms=lambda chosen: {"mean": ("m", 1 - chosen["beta2"])},
        written=_always(
            "c = beta1 · m + (1 - beta1) g", "θ ← θ - rate · (sign(c) + weight_decay · θ), the decay of weights alone",
            "m ← beta2 · m + (1 - beta2) g",
        ),
        decays=True,
    ),
    Optimizer(
        "rprop", rprop, "θ ← θ - size · sign(g), a size per parameter", "Riedmiller, Braun 1993, ICNN",
        (
            Parameter("learning_rate", 0.01, "size of the first step", low=0, open_=(0,)),
            Parameter("shrink", 0.5, "factor of a size where the sign turns", low=0, high=1, open_=(0, 1)),
            Parameter("grow", 1.2, "factor of a size where the sign stays", low=1, open_=(1,)),
            Parameter("smallest", 1e-6, "smallest size", low=0, open_=(0,), at_most="largest"),
            Parameter("largest", 50.0, "largest size", low=0, open_=(0,)),
        ),
        slots=_named("size", "sign"),
        terms=lambda _chosen: {"size": ("size", 1.0), "sign": ("sign", 1.0)},
        written=_always(
            "size ← grow · size where the sign of g stays; it starts at rate",
            "size ← shrink · size and g ← 0 where the sign of g turns", "smallest <= size <= largest",
            "sign ← sign(g), θ ← θ - size · sign",
        ),
        follows_rate=False,
        needs_all_rows="which takes a gradient's new sign for a step too far, and so needs the same rows",
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
        terms=lambda _chosen: {},
        written=_always("d = -H g, with the inverse Hessian H from the last steps", "θ ← θ + α · rate · d"),
        needs_objective=True,
        needs_all_rows="whose line search compares losses of the same rows",
    ),
)  # fmt: skip
