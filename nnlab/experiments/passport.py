"""The passport of an activation: what it is, what it does to signals and gradients, what it costs, how exact it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnlab.errors import ConfigError
from nnlab.experiments.accuracy import Accuracy, accuracy
from nnlab.experiments.catalogue import Description, describe, entry_and_values
from nnlab.experiments.likeness import what_it_is
from nnlab.experiments.speed import Speed, speed
from nnlab.maths.activations import Activation, AnyActivation, RowActivation
from nnlab.maths.asymptotes import Asymptote, Extreme, asymptote, extremes
from nnlab.maths.bound_activation import BoundActivation
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.maths.matching import Match, matches, with_defaults
from nnlab.maths.signal.criticality import critical_curve, is_twice_critical_everywhere
from nnlab.maths.signal.gradients import NETWORKS, WIDTH, MeasuredRatio, measured_ratios, predicted_ratio
from nnlab.maths.signal.moments import moments
from nnlab.maths.signal.theory import Gains, SignalTheory, gains, theory_of
from nnlab.maths.signal.variance import GRID, SAME
from nnlab.storage.outputs import NamedOutput, format_of


@dataclass(frozen=True)
class FunctionFacts:
    """What values tell of a function: which known one it is or resembles, its ends at -∞ and ∞, range and rounding."""

    matches: tuple[Match, ...]
    left: Asymptote
    right: Asymptote
    lowest: Extreme
    highest: Extreme
    accuracy: Accuracy | None


@dataclass(frozen=True)
class Passport:
    """All that can be said of one activation without data.

    `facts` is None for an activation of whole rows of units. `theory`, and with it `measured`, is None where `missing`
    says why. `gains` has what is known of them.
    """

    description: Description
    speed: Speed
    gains: Gains | None
    facts: FunctionFacts | None = None
    theory: SignalTheory | None = None
    measured: tuple[MeasuredRatio, ...] = ()
    missing: str = ""

    @property
    def departs(self) -> str:
        """Why gradients of deep networks are not those predicted, if so; else empty."""
        if self.theory is None or self.theory.log_slope <= 1 + SAME or self.theory.variance.ignores_scale:
            return ""
        return (
            "In deep networks the measured ratio departs from the predicted one, which supposes that every layer keeps "
            "variance 1: here that is unstable"
        )

    @property
    def predicted(self) -> dict[int, float]:
        """‖δ_1‖ / ‖δ_L‖ for the depths L that were measured, as the theory predicts it."""
        chi = math.nan if self.theory is None else self.theory.moments.chi
        return {one.layers: predicted_ratio(chi, one.layers) for one in self.measured}


def passport(
    text: str,
    activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS,
    values: Mapping[str, float] | None = None,
) -> Passport:
    """The passport of an activation, given by name or formula, with these values; ConfigError as `describe`."""
    description = describe(text, activations, values)
    entry, chosen = entry_and_values(text, activations, values or {})
    if isinstance(entry, RowActivation):
        found = None if entry.moments is None else gains(entry.moments(**chosen))
        return Passport(description, speed(entry, chosen), found, missing=_of_rows(entry))
    f = BoundActivation(entry, chosen)
    theory, gain = theory_of(f), gains(moments(entry, chosen))
    about: dict[str, Any] = {"facts": _facts(f, activations), "missing": "" if theory else _no_theory(entry, chosen)}
    if theory and gain.forward:
        about |= {"theory": theory, "measured": tuple(measured_ratios(f, gain.forward))}
    return Passport(description, speed(entry, chosen), gain, **about)


def _facts(f: BoundActivation, activations: Mapping[str, AnyActivation]) -> FunctionFacts:
    left, right = asymptote(f, -1), asymptote(f, 1)
    return FunctionFacts(
        tuple(matches(f, with_defaults(activations))), left, right, *extremes(f, left, right), accuracy(f)
    )


def _of_rows(entry: RowActivation) -> str:
    first = (
        f"{entry.name} works on whole rows of units and makes them depend on each other: the theory of single units, "
        "with its variance map and its critical starts, does not hold for it"
    )
    if entry.moments is not None:
        return f"{first}; only its forward gain is known"
    return f"{first}, and its gain depends on the width: init: fair measures it on the first batch"


def _no_theory(entry: Activation, chosen: Mapping[str, Any]) -> str:
    second = moments(entry, chosen).second
    size = "0" if second == 0 else "infinite" if second > 0 else "not a number"
    return (
        f"E[f(z)²] is {size} for normal pre-activations z: no gain keeps the signal's variance, init: fair refuses it, "
        "and there are neither shares nor a variance map"
    )


# --- as a picture -----------------------------------------------------------------------------------------------------


def picture(passport: Passport, output: NamedOutput) -> None:
    """Draw a passport into an output, whose name says in which format. ConfigError for one of whole rows."""
    from nnlab import pictures as plots  # noqa: PLC0415 - matplotlib is loaded when the first picture is drawn

    one, facts = passport.description, passport.facts
    if facts is None:
        raise ConfigError(f"{one.about['name']} works on a whole row of units, so that it has no picture")
    ends = [(-1, facts.left), (1, facts.right)]
    lines = [(side, end.slope, end.offset) for side, end in ends if end.growth == "line"]
    figure = plots.passport(
        plots.PassportCurve(one.x, one.value, one.slope, one.kinks, lines),
        plots.PassportTimes(*asdict(passport.speed).values()),
        theory=passport.theory,
        gradients=plots.PassportGradients([*passport.predicted.values()], passport.measured, WIDTH),
        title=one.label if one.label == one.about["formula"] else f"{one.label}: {one.about['formula']}",
        note=". ".join(filter(None, [f"It {what_it_is(facts.matches)}", passport.missing, passport.departs])),
    )
    output.write(plots.to_format(figure, format_of(output.path)))


# --- as a plain document ----------------------------------------------------------------------------------------------


def document(passport: Passport) -> dict[str, Any]:
    """What `--json` prints below `passport`; None for what is infinite, not a number or not known."""
    facts, theory = passport.facts, passport.theory
    found: dict[str, Any] = {"missing": passport.missing or None, "gains": _fields(passport.gains)}
    found["nanoseconds"] = asdict(passport.speed)
    if facts is not None:
        found |= {key: _fields(getattr(facts, key)) for key in ("left", "right", "lowest", "highest", "accuracy")}
        found["matches"] = [{**asdict(match), "exact": match.exact} for match in facts.matches]
    if theory is not None:
        found |= _of_theory(theory)
        pairs = zip(passport.measured, passport.predicted.values(), strict=True)
        ratios = [{**asdict(one), "predicted": predicted} for one, predicted in pairs]
        found["gradients"] = {"width": WIDTH, "networks": NETWORKS, "ratios": ratios}
    plain: dict[str, Any] = _plain(found)
    return plain


def _of_theory(theory: SignalTheory) -> dict[str, Any]:
    known, variance = theory.moments, theory.variance
    curve = [{"q": float(q), "ratio": float(value / q)} for q, value in zip(GRID, variance.values, strict=True)]
    between = np.linspace(0, 1, 21)
    alike = [
        {"before": c, "after": float(after)}
        for c, after in zip(between.tolist(), theory.correlation(between), strict=True)
    ]
    return {
        "moments": {**asdict(known), "kurtosis": known.kurtosis},
        "shares": asdict(theory.shares),
        "chi": known.chi,
        "variance_map": {
            "log_slope": theory.log_slope,
            "ignores_scale": variance.ignores_scale,
            "fixed_points": [{**asdict(point), "stable": point.stable} for point in theory.fixed_points],
            "curve": curve,
        },
        "critical": {
            "at_variance_1": _fields(theory.critical),
            "twice": [asdict(point) for point in theory.twice_critical],
            "twice_everywhere": is_twice_critical_everywhere(variance),
            "curve": [asdict(point) for point in critical_curve(variance)],
        },
        "correlation": {
            "fixed_point": theory.correlation.fixed_point(),
            "depth": theory.correlation.depth(),
            "map": alike,
        },
    }


def _fields(part: Any) -> dict[str, Any] | None:
    return None if part is None else asdict(part)


def _plain(value: Any) -> Any:
    """JSON has neither infinity nor nan."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
