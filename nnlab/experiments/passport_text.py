"""The passport of an activation in lines of text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from nnlab.experiments.accuracy import Accuracy
from nnlab.experiments.likeness import what_it_is
from nnlab.experiments.passport import FunctionFacts, Passport
from nnlab.experiments.speed import Speed
from nnlab.maths.asymptotes import Asymptote, Extreme
from nnlab.maths.signal.correlation import SHORTEST
from nnlab.maths.signal.criticality import CriticalPoint, is_twice_critical_everywhere
from nnlab.maths.signal.gradients import NETWORKS, WIDTH
from nnlab.maths.signal.theory import Gains, SignalTheory
from nnlab.maths.signal.variance import SAME


def passport_lines(passport: Passport) -> Iterator[str]:
    """The lines below those that describe the function: a heading for each, then what there is to say."""
    yield ""
    if passport.facts is not None:
        yield from _of_facts(passport.facts)
    if passport.missing:
        yield from _titled("signal", passport.missing)
    if passport.theory is not None:
        yield from _of_theory(passport.theory)
        yield from _of_gradients(passport)
    elif passport.gains is not None and passport.facts is None:
        yield from _titled("gains", _gains(passport.gains))
    yield from _titled("time", _time(passport.speed, is_relu=passport.description.about["name"] == "relu"))
    if passport.facts is not None:
        yield from _titled("accuracy", _accuracy(passport.facts.accuracy))


def _titled(title: str, *sentences: str) -> Iterator[str]:
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, _WIDTH)]
    for index, line in enumerate(lines):
        yield f"  {title if index == 0 else '':13}{line}"


_WIDTH = 105


def _figure(value: float, digits: int = 4) -> str:
    """A value in so many significant digits, at most 6; below a million without an exponent: 110, not 1.1e+02."""
    return "∞" if value == math.inf else "-∞" if value == -math.inf else f"{float(f'{value + 0.0:.{digits}g}'):g}"


# --- the curve --------------------------------------------------------------------------------------------------------


def _of_facts(facts: FunctionFacts) -> Iterator[str]:
    yield from _titled("what it is", what_it_is(facts.matches))
    yield from _titled("at -∞", end_in_words(facts.left))
    yield from _titled("at ∞", end_in_words(facts.right))
    yield from _titled("range", f"{_extreme('lowest', facts.lowest)}, {_extreme('highest', facts.highest)}")


def end_in_words(end: Asymptote) -> str:
    """What it tends to: `→ 0`, `~ x - 1`, `grows like |x|^3`."""
    line = _line(end.slope, end.offset)
    if end.growth == "line":
        return f"f(x) ~ {line}" if end.slope else f"f(x) → {line}"
    if end.growth == "oscillates":
        waves = "waves that grow" if math.isnan(end.slope) else "waves that stay bounded"
        return f"{waves}, about {_line(end.slope, 0.0)}" if end.slope and not math.isnan(end.slope) else waves
    if end.slope and not math.isnan(end.slope):
        return f"f(x) / x → {_figure(end.slope)}, with what departs slowly from a line"
    power = "" if math.isnan(end.power) else f", like |x|^{_figure(end.power)}"
    if end.growth == "faster":
        return "faster than any power of x" if end.power == math.inf else f"faster than a line{power}"
    return f"without limit, slower than a line{power}"


def _line(slope: float, offset: float) -> str:
    if slope == 0 or math.isnan(slope):
        return _figure(offset)
    x = "x" if abs(slope - 1) < 1e-9 else "-x" if abs(slope + 1) < 1e-9 else f"{_figure(slope)} x"
    return x if offset == 0 else f"{x} {'+' if offset > 0 else '-'} {_figure(abs(offset))}"


def _extreme(word: str, extreme: Extreme) -> str:
    if math.isinf(extreme.value):
        return f"no {word} value"
    at = "" if extreme.at is None else f" at x = {_figure(extreme.at)}"
    return f"{word} {_figure(extreme.value)}{at}"


# --- the signal -------------------------------------------------------------------------------------------------------


def _of_theory(theory: SignalTheory) -> Iterator[str]:
    shares = theory.shares
    parts = f"mean {_percent(shares.mean)}, linear {_percent(shares.linear)}, rest {_percent(shares.rest)}"
    yield from _titled("shares", f"{parts} of E[f(z)²] = {_figure(theory.moments.second)}, z standard normal")
    yield from _titled("gains", _gains(theory.gains))
    yield from _titled("scale", *scale_in_words(theory))
    yield from _titled("critical", *critical_in_words(theory))
    yield from _titled("two inputs", *two_inputs_in_words(theory))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _gains(gains: Gains) -> str:
    known = {"forward": gains.forward, "gradient": gains.gradient, "centred": gains.centred}
    found = [f"{aim} {_figure(gain)}" for aim, gain in known.items() if gain is not None]
    return f"{', '.join(found)} (init: fair draws weights from N(0, gain² / fan-in))"


def scale_in_words(theory: SignalTheory) -> list[str]:
    """Whether the variance of pre-activations keeps its value, in sentences."""
    if theory.variance.ignores_scale:
        return ["every variance q is kept by the forward gain: the scale of a signal does not matter"]
    slope = theory.log_slope if abs(theory.log_slope) >= SAME else 0.0
    word = "stable" if slope < 1 - SAME else "unstable" if slope > 1 + SAME else "neither stable nor unstable"
    first = f"variance 1 is {word}: 1 % too much becomes {_figure(slope)} % a layer later"
    points = [f"{_figure(p.q)} ({'stable' if p.stable else 'unstable'})" for p in theory.fixed_points]
    return [first, f"variances that the forward gain keeps: {', '.join(points)}"]


def critical_in_words(theory: SignalTheory) -> list[str]:
    """χ₁ of the fair start, and the critical ones, in sentences."""
    chi, at = theory.moments.chi, theory.critical
    moves = "keep their size" if abs(chi - 1) < SAME else f"× {_figure(math.sqrt(chi))} a layer on their way back"
    lines = [f"χ₁ (of squared gradients) = {_figure(chi)} with the forward gain: gradients {moves}"]
    lines.append(
        "no start keeps both gradients and variance 1: E[f'²] is below E[f²]" if at is None
        else f"χ₁ = 1 at variance 1 for {_start(at)} (init: {{name: fair, aim: critical}})"
    )  # fmt: skip
    if is_twice_critical_everywhere(theory.variance):
        lines.append("all critical starts also keep errors of the variance as they are")
    lines += [f"twice critical (errors of the variance stay, too) at {_point(p)}" for p in theory.twice_critical]
    return lines


def _start(point: CriticalPoint) -> str:
    return f"σw² = {_figure(point.weights)}, σb² = {_figure(point.bias)}"


def _point(point: CriticalPoint) -> str:
    where = f"variance q = {_figure(point.q, 5)}" if point.q else "variance q → 0"
    return f"{where}: σw² = {_figure(point.weights, 6)}, σb² = {_figure(point.bias, 5)}"


def two_inputs_in_words(theory: SignalTheory) -> list[str]:
    """What becomes of the correlation of two inputs from layer to layer, in sentences."""
    end, depth = theory.correlation.fixed_point(), theory.correlation.depth()
    every = f"every {_figure(depth, 3)}" if depth else f"in less than {_figure(SHORTEST, 1)}"
    pace = "more slowly than exponentially" if math.isinf(depth) else f"by a factor e {every} layers"
    meaning = "all become alike" if end == 1 else "all become unrelated" if end == 0 else "however alike they are"
    goal = _figure(end, 3)
    return [
        f"their correlation tends to {goal} with depth ({meaning})",
        f"what is left to {goal} shrinks {pace}",
    ]


def _of_gradients(passport: Passport) -> Iterator[str]:
    rows = {
        "layers": [str(one.layers) for one in passport.measured],
        "predicted": [_figure(ratio, 3) for ratio in passport.predicted.values()],
        "measured": [_ratio(one.ratio) for one in passport.measured],
    }
    about = f"‖gradient at layer 1‖ / ‖at layer L‖, forward gain, measured in {NETWORKS} networks of width {WIDTH}"
    table = (f"{name:10}{''.join(f'{ratio:>10}' for ratio in row)}" for name, row in rows.items())
    yield from _titled("gradients", about, *table, *filter(None, [passport.departs]))


def _ratio(value: float) -> str:
    return "overflow" if not math.isfinite(value) else _figure(value, 3)


# --- cost -------------------------------------------------------------------------------------------------------------


def _time(speed: Speed, *, is_relu: bool) -> str:
    times = f"{_figure(speed.forward, 3)} ns an element, with its gradient {_figure(speed.both, 3)} ns"
    if is_relu:
        return f"{times} (float32, measured now)"
    forward, both = speed.forward / speed.relu_forward, speed.both / speed.relu_both
    return f"{times}: {_figure(forward, 2)} and {_figure(both, 2)} times relu's (float32, measured now)"


def _accuracy(found: Accuracy | None) -> str:
    if found is None:
        return "not measured: nothing more exact is there to compare with"
    worst = [_worst("value", found.value, found.value_at), _worst("slope", found.slope, found.slope_at)]
    where = "for all x" if found.within is None or found.within > 1e100 else f"for |x| <= {_figure(found.within)}"
    near = f", not counting differences below {found.about:.1g}" if found.about else ""
    by = "recorded against 50 digits" if found.recorded else "measured now in longer floats"
    return f"worst error {' and '.join(worst)} {where}{near} (float64, {by})"


def _worst(what: str, ulps: float, at: float | None) -> str:
    size = f"{_figure(ulps, 3)} ULP" if ulps < 1000 else "over 1000 ULP"
    return f"{size} of the {what}" + ("" if at is None or ulps < 10 else f" at x = {_figure(at)}")
