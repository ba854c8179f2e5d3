"""Schedules: PyTorch's recorded rates, their shapes, and that no step is left without a rate."""

import inspect
import itertools
import json
import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from support import ROOT

from nnlab.maths import schedules
from nnlab.maths.parameters import resolved
from nnlab.maths.schedules import SCHEDULES, Plateau

RECORDED = json.loads((ROOT / "tests" / "references" / "schedules.json").read_text(encoding="utf-8"))
WARMED = [name for name, entry in SCHEDULES.items() if "warmup" in {p.name for p in entry.parameters}]
ENDS = {"constant": 1.0, "linear": 0.2, "exponential": 0.2, "cosine": 0.2, "one_cycle": 0.2}


def rates(name, steps, base=1.0, **given):
    chosen = resolved(SCHEDULES[name], given)
    return [SCHEDULES[name].rate(base, step, steps, **chosen) for step in range(1, steps + 1)]


def described(case):
    return f"{case['name']}-" + "-".join(f"{key}={value}" for key, value in case["parameters"].items())


def values_of(parameter):
    """Values that a parameter allows, those at its bounds among them."""
    low, high = max(parameter.low, 0), min(parameter.high, 1e6)
    return st.one_of(
        st.just(parameter.default),
        st.sampled_from([low, high, 1.0]),
        st.floats(low, high),
        st.floats(low, min(high, low + 1)),
    ).filter(parameter.allows)


@st.composite
def chosen_schedules(draw):
    entry = SCHEDULES[draw(st.sampled_from(list(SCHEDULES)))]
    return entry, {parameter.name: draw(values_of(parameter)) for parameter in entry.parameters}


# --- PyTorch's figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", RECORDED["schedules"], ids=described)
def test_rates_are_pytorchs(case):
    found = rates(case["name"], case["steps"], case["base"], **case["parameters"])
    np.testing.assert_allclose(found, case["rates"], rtol=1e-12, atol=1e-15)


def test_every_schedule_of_pytorchs_has_a_reference():
    assert set(SCHEDULES) - {case["name"] for case in RECORDED["schedules"]} == {"inverse_sqrt"}


# --- Whatever is chosen -----------------------------------------------------------------------------------------------


def fitting(chosen, steps):
    """The chosen schedule, where it fits a run of so many steps."""
    entry, parameters = chosen
    assume(not list(entry.misfits(steps, parameters)))
    return entry, parameters


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    chosen_schedules(),
    st.floats(1e-300, 1e300),
    st.integers(1, 10**6).flatmap(lambda steps: st.tuples(st.integers(1, steps), st.just(steps))),
)
@example((SCHEDULES["step"], {"warmup": 0, "factor": 0.1, "every": 1}), 0.1, (10**6, 10**6))
@example((SCHEDULES["exponential"], {"warmup": 0, "final": 5e-324}), 1e-300, (10**6, 10**6))
@example((SCHEDULES["one_cycle"], {"rise": 0.5, "start": 0.1, "final": 0.1}), 0.1, (1, 1))
def test_every_step_has_a_rate_above_zero_and_at_most_the_base(chosen, base, at):
    step, steps = at
    entry, parameters = fitting(chosen, steps)
    rate = entry.rate(base, step, steps, **parameters)
    assert type(rate) is float
    assert math.isfinite(rate)
    assert 0 < rate <= base * (1 + 1e-15)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(chosen_schedules(), st.integers(1, 60))
def test_the_base_only_scales(chosen, steps):
    entry, parameters = fitting(chosen, steps)
    for step in range(1, steps + 1):
        share = entry.share(step, steps, **parameters)
        if share > 1e-300:
            assert entry.rate(0.25, step, steps, **parameters) == 0.25 * share


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(WARMED), st.integers(1, 50), st.integers(51, 200))
def test_warmup_rises_in_a_straight_line_to_the_base_and_then_shifts_the_rest(name, warmup, steps):
    others = {"every": 7} if name == "step" else {}
    found = rates(name, steps, warmup=warmup, **others)
    assert found[:warmup] == pytest.approx([step / warmup for step in range(1, warmup + 1)], rel=1e-15)
    assert max(found) == found[warmup - 1] == 1
    if name != "inverse_sqrt":
        assert found[warmup - 1 :] == rates(name, steps - warmup + 1, **others)


@pytest.mark.parametrize("name", WARMED)
def test_a_warmup_below_one_is_a_share(name):
    assert rates(name, 40, warmup=0.25) == rates(name, 40, warmup=10)
    assert rates(name, 40, warmup=0) == rates(name, 40, warmup=1)


# --- Runs that are too short ------------------------------------------------------------------------------------------


def misfits(name, steps, **given):
    return dict(SCHEDULES[name].misfits(steps, resolved(SCHEDULES[name], given)))


@pytest.mark.parametrize("name", WARMED)
def test_a_warmup_must_end_within_the_run(name):
    most, shorter = (30 if name == "constant" else 29), {"every": 1} if name == "step" else {}
    found = misfits(name, 30, warmup=31, **shorter)
    expected = f"so that it never ends; expected at most {most}, or a share of the run such as 0.1"
    assert found == {"warmup": f"found warmup: 31 in a run of 30 steps, {expected}"}
    assert max(rates(name, 30, warmup=31)) < 1
    assert not misfits(name, 30, warmup=most, **shorter)
    assert rates(name, 30, warmup=most, **shorter)[most - 1] == 1


@pytest.mark.parametrize("name", sorted({*WARMED} - {"constant"}))
@pytest.mark.parametrize(("steps", "warmup"), [(60, 60), (60, 0.995), (2, 0.99), (2, 2)])
def test_a_warmup_must_leave_a_step_to_fall_in(name, steps, warmup):
    expected = f"so that the rate never falls after it; expected at most {steps - 1}, or a share of the run such as 0.1"
    found = misfits(name, steps, warmup=warmup)
    assert found == {"warmup": f"found warmup: {warmup:g} in a run of {steps} steps, {expected}"}
    assert rates(name, steps, warmup=warmup) == rates("constant", steps, warmup=warmup)
    assert not misfits("constant", steps, warmup=warmup)


def test_a_step_must_drop_within_the_run():
    expected = "so that the rate never drops; expected at most 29, or a share of the run such as 0.3"
    assert misfits("step", 30, every=30) == {"every": f"found every: 30 in a run of 30 steps, {expected}"}
    assert min(rates("step", 30, every=30)) == 1
    assert not misfits("step", 30, every=29)
    assert min(rates("step", 30, every=29)) < 1
    assert "after the warm-up; expected at most 20," in misfits("step", 30, warmup=10, every=21)["every"]
    assert min(rates("step", 30, warmup=10, every=21)[9:]) == 1
    assert not misfits("step", 30, warmup=10, every=20)
    assert min(rates("step", 30, warmup=10, every=20)[9:]) < 1


def test_shares_of_a_step_schedule_must_leave_room_for_a_drop():
    found = misfits("step", 60, every=0.5, warmup=0.6)
    expected = "so that the rate never drops after the warm-up; expected at most 24, or a share of the run such as 0.3"
    assert found == {"every": f"found every: 0.5 in a run of 60 steps, {expected}"}
    assert min(rates("step", 60, every=0.5, warmup=0.6)[35:]) == 1
    assert not misfits("step", 60, every=0.4, warmup=0.6)
    assert misfits("step", 60, warmup=0.9)["every"].endswith("at most 6, or a share of the run such as 0.1")
    assert misfits("step", 1000, warmup=999)["every"].endswith("; expected at most 1")
    assert misfits("step", 2, every=0.99)
    assert not misfits("step", 1, every=0.99)


@given(st.integers(1, 200), st.floats(0.001, 0.999), st.floats(0.01, 300))
def test_a_step_that_is_let_through_drops_in_every_run_of_two_steps_or_more(steps, warmup, every):
    assume(steps > 1 and not misfits("step", steps, warmup=warmup, every=every))
    found = rates("step", steps, warmup=warmup, every=every)
    assert found[-1] < max(found) == 1


def test_one_cycle_must_nearly_reach_its_base():
    expected = "so that no rate is above 81 % of the base; expected 5 steps or more"
    assert misfits("one_cycle", 4) == {"rise": f"found rise: 0.3 in a run of 4 steps, {expected}"}
    assert max(rates("one_cycle", 4)) == pytest.approx(0.8117, abs=1e-4)
    assert "no rate is above 4 % of the base; expected 3 steps" in misfits("one_cycle", 2, rise=0.7)["rise"]
    assert not misfits("one_cycle", 4, start=1)
    assert not misfits("one_cycle", 1, rise=0.99)


@given(st.floats(0.001, 0.999), st.integers(1, 30))
@example(0.625, 2)
def test_from_the_least_number_of_steps_on_one_cycle_reaches_its_base(rise, steps):
    found = misfits("one_cycle", steps, rise=rise).get("rise")
    assert (found is None) == (max(rates("one_cycle", steps, rise=rise)) >= 0.9)
    least = int(found.split("expected ")[1].split()[0]) if found else steps
    for more in range(least, least + 40) if found else ():
        assert max(rates("one_cycle", more, rise=rise)) >= 0.9


def test_the_cycles_of_a_cosine_must_have_two_steps():
    expected = "so that one has 0.6 steps; expected cycles of 2 steps or more: at most 15"
    assert misfits("cosine", 30, cycles=50) == {"cycles": f"found cycles: 50 in a run of 30 steps, {expected}"}
    assert not misfits("cosine", 30, cycles=15)
    assert rates("cosine", 30, cycles=15) == [1, pytest.approx(0.5)] * 15
    assert misfits("cosine", 30, cycles=16)
    assert "2 steps or more: at most 10" in misfits("cosine", 30, warmup=10, cycles=11)["cycles"]
    assert not misfits("cosine", 30, warmup=10, cycles=10)
    assert not misfits("cosine", 30, cycles=4, growth=2)  # 2, 4, 8, 16
    assert "expected cycles of 2 steps or more: fewer" in misfits("cosine", 29, cycles=4, growth=2)["cycles"]
    assert misfits("cosine", 10**6, cycles=1e6, growth=100)


def test_every_fault_of_a_schedule_is_found_at_once():
    assert set(misfits("step", 30, warmup=500, every=400)) == {"warmup", "every"}
    assert set(misfits("cosine", 30, warmup=500, cycles=40)) == {"warmup", "cycles"}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 6, 7, 10, 1000])
def test_defaults_and_the_usual_shares_fit_every_run(name, steps):
    shares = {"warmup": 0.1} if name in WARMED else {}
    assert not misfits(name, steps)
    assert not misfits(name, steps, **shares)


def test_every_schedule_fits_a_run_without_steps():
    assert not misfits("step", 0, warmup=500, every=500)
    assert not misfits("cosine", 0, warmup=500, cycles=500)


# --- Steps that tell a curve ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(chosen_schedules(), st.integers(41, 500), st.floats(0.1, 1))
@example((SCHEDULES["cosine"], {"warmup": 30, "cycles": 17, "growth": 1, "final": 0}), 500, 1.0)
@example((SCHEDULES["step"], {"warmup": 0.1, "factor": 0.5, "every": 37}), 500, 1.0)
def test_between_the_steps_that_tell_a_curve_it_rises_or_falls_alone(chosen, steps, done):
    entry, parameters = fitting(chosen, steps)
    last = max(1, int(done * steps))
    with mock.patch.object(schedules, "_ALL", 40):
        assume(len([*schedules._turns(steps, parameters)]) <= 40)
        told = entry.telling_steps(last, steps, parameters).tolist()
    assert (told[0], told[-1]) == (1, last)
    found = np.array([entry.share(step, steps, **parameters) for step in range(1, last + 1)])
    for begin, end in itertools.pairwise(told):
        change = np.diff(found[begin - 1 : end])
        assert (change >= -1e-15).all() or (change <= 1e-15).all()


def test_many_steps_and_many_turns_cost_no_more_than_some():
    for name, parameters in (("cosine", {"cycles": 10**5}), ("step", {"every": 2, "factor": 0.999}), ("one_cycle", {})):
        entry = SCHEDULES[name]
        told = entry.telling_steps(10**6, 10**6, resolved(entry, parameters))
        assert len(told) <= 40_000
        assert (told[0], told[-1]) == (1, 10**6)
    assert SCHEDULES["cosine"].telling_steps(5000, 10**6, resolved(SCHEDULES["cosine"], {})).tolist() == [
        *range(1, 5001)
    ]


# --- Shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["linear", "exponential", "step", "cosine"])
def test_what_falls_never_rises(name):
    found = np.array(rates(name, 100))
    assert found[0] == 1
    assert (np.diff(found) <= 0).all()


@pytest.mark.parametrize("name", ENDS)
def test_smooth_schedules_make_no_jumps_and_end_at_their_final_share(name):
    steps = 20_000
    final = {"final": ENDS[name]} if name != "constant" else {}
    warmed = {"warmup": 0.1} if name in WARMED else {}
    found = np.array(rates(name, steps, **final, **warmed))
    assert np.abs(np.diff(found)).max() < 11 / steps
    assert found[-1] == pytest.approx(ENDS[name], rel=1e-3)


def test_linear_by_hand():
    assert rates("linear", 4) == [1, 0.75, 0.5, 0.25]
    assert rates("linear", 4, final=0.5) == [1, 0.875, 0.75, 0.625]


def test_exponential_falls_by_the_same_factor_each_time():
    found = np.array(rates("exponential", 10, final=0.5))
    assert found[1:] / found[:-1] == pytest.approx([0.5**0.1] * 9, rel=1e-14)


def test_step_by_hand():
    assert rates("step", 5, factor=0.5, every=2) == [1, 1, 0.5, 0.5, 0.25]
    assert rates("step", 10, factor=0.5) == [1] * 3 + [0.5] * 3 + [0.25] * 3 + [0.125]
    assert rates("step", 2, factor=0.5, every=0.01) == [1, 0.5]
    assert rates("step", 100, every=0.29) == rates("step", 100, every=29)  # 0.29 · 100 is a little less than 29


def test_cosine_by_hand():
    assert rates("cosine", 4) == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2], rel=1e-14)


def test_a_cosine_restarts_at_the_base_rate_and_counts_whole_steps():
    found = rates("cosine", 30, cycles=4, final=0.1)  # of 7.5 steps each
    lengths = [8, 7, 8, 7]
    one_by_one = [rate for length in lengths for rate in rates("cosine", length, final=0.1)]
    assert found == one_by_one
    assert [step for step, rate in enumerate(found) if rate == 1] == [0, 8, 15, 23]


def test_cycles_grow():
    lengths = [2, 6, 18]
    found = rates("cosine", sum(lengths), cycles=3, growth=3, final=0.1)
    assert found == [rate for length in lengths for rate in rates("cosine", length, final=0.1)]
    almost = rates("cosine", 60, cycles=4, growth=1 + 1e-9)
    np.testing.assert_allclose(almost, rates("cosine", 60, cycles=4), atol=1e-6)


def test_a_fraction_of_a_cycle_breaks_off():
    assert rates("cosine", 25, cycles=2.5) == rates("cosine", 30, cycles=3)[:25]


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 300), st.floats(1, 30), st.sampled_from([1.0, 1.5, 2.0, 3.7]) | st.floats(1, 5))
@example(30, 30 / 7, 1.0)
def test_cycles_have_two_steps_or_more_and_fall(steps, cycles, growth):
    assume(not misfits("cosine", steps, cycles=cycles, growth=growth))
    found = np.array(rates("cosine", steps, cycles=cycles, growth=growth))
    restarts = np.flatnonzero(found == 1)
    assert restarts[0] == 0
    assert len(restarts) in (math.floor(cycles), math.ceil(cycles))
    assert (np.diff(restarts) >= 2).all()
    assert (np.delete(np.diff(found), restarts[1:] - 1) < 0).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 12))
def test_each_cycle_of_a_cosine_is_the_same(cycles, length):
    found = rates("cosine", cycles * length, cycles=cycles, final=0.1)
    np.testing.assert_allclose(np.reshape(found, (cycles, length)), [rates("cosine", length, final=0.1)] * cycles)


def test_inverse_sqrt_by_hand():
    assert rates("inverse_sqrt", 16, warmup=4)[::4] == [0.25, (4 / 5) ** 0.5, (4 / 9) ** 0.5, (4 / 13) ** 0.5]
    assert rates("inverse_sqrt", 100)[3] == 1


def test_one_cycle_rises_and_falls_once():
    found = np.array(rates("one_cycle", 101, rise=0.4, start=0.1, final=0.01))
    peak = found.argmax()
    assert (found[0], found[-1]) == (pytest.approx(0.1), pytest.approx(0.01))
    assert peak == 39
    assert found[peak] == pytest.approx(1, abs=1e-3)
    assert (np.diff(found[: peak + 1]) > 0).all()
    assert (np.diff(found[peak:]) < 0).all()


# --- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_entry_says_what_it_is_and_takes_its_parameters(name):
    entry = SCHEDULES[name]
    assert entry.name == name
    assert entry.formula
    assert entry.source
    assert list(inspect.signature(entry.share).parameters) == ["step", "steps", *(p.name for p in entry.parameters)]
    assert all(p.allows(p.default) and p.description for p in entry.parameters)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("linear", {"final": 1.5}),
        ("exponential", {"final": 0}),
        ("step", {"factor": 0}),
        ("step", {"every": 0}),
        ("cosine", {"cycles": 0}),
        ("cosine", {"warmup": -1}),
        ("one_cycle", {"rise": 1}),
        ("one_cycle", {"final": 0}),
    ],
)
def test_ranges(name, parameters):
    with pytest.raises(ValueError, match=f"of {name}, expected"):
        resolved(SCHEDULES[name], parameters)


# --- Plateau ----------------------------------------------------------------------------------------------------------


def observed(plateau, values):
    """The scales after each row of values, (steps, R)."""
    state = plateau.start(np.shape(values)[1])
    return np.array([plateau.observe(np.array(row, float), state) for row in values])


@pytest.mark.parametrize("case", RECORDED["plateaus"], ids=lambda case: str(case["parameters"]))
def test_plateaus_are_pytorchs(case):
    found = observed(Plateau(**case["parameters"]), np.array(case["values"])[:, None])
    np.testing.assert_allclose(found[:, 0], case["scales"], rtol=1e-12)


def test_a_plateau_by_hand():
    plateau = Plateau(factor=0.5, patience=2, min_delta=0.25, min_scale=0.2)
    losses = [[3.0], [2.9], [2.7], [2.7], [2.5], [2.5], [2.5], [2.5], [2.5]]
    #          best   1      best   1      2: half  1      2: half  1     2: as low as it gets
    assert observed(plateau, losses).ravel().tolist() == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2]


def test_the_cooldown_by_hand():
    plateau = Plateau(factor=0.5, patience=2, cooldown=2)
    losses = [[3.0], [3.0], [3.0], [3.0], [2.0], [2.0], [2.0], [2.0], [2.0], [2.0]]
    #          best   1      2: half cool  cool   1      2: half cool  cool   1
    assert observed(plateau, losses).ravel().tolist() == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]


def test_a_relative_min_delta_is_a_share_of_the_size_of_the_best():
    plateau = Plateau(factor=0.5, patience=1, min_delta=0.1, relative=True)
    assert observed(plateau, [[10.0], [9.5], [8.9], [8.1], [8.02]]).ravel().tolist() == [1, 0.5, 0.5, 0.25, 0.125]
    # Of a best below 0, such as a log-likelihood, a tenth of its size below it; PyTorch takes -0.95 as better than -1.
    assert observed(plateau, [[-1.0], [-0.95], [-1.05], [-1.2]]).ravel().tolist() == [1, 0.5, 0.25, 0.25]
    larger = Plateau(factor=0.5, patience=1, min_delta=0.1, relative=True, larger_is_better=True)
    assert observed(larger, [[-1.0], [-0.95], [-0.85]]).ravel().tolist() == [1, 0.5, 0.5]
    assert observed(larger, [[np.inf], [np.inf]]).ravel().tolist() == [1, 0.5]


@pytest.mark.parametrize("more", [{}, {"cooldown": 2}, {"relative": True, "min_delta": 0.3}], ids=str)
def test_replicas_wait_on_their_own(more):
    values = np.random.default_rng(2).normal(0, 1, (60, 5))
    values[10:20, 2] = np.nan
    plateau = Plateau(factor=0.7, patience=3, **more)
    together = observed(plateau, values)
    assert len(set(together[-1])) > 1
    for replica in range(5):
        np.testing.assert_array_equal(observed(plateau, values[:, [replica]])[:, 0], together[:, replica])


def test_nan_is_never_an_improvement():
    plateau = Plateau(factor=0.5, patience=2)
    assert observed(plateau, [[np.nan], [np.nan], [1.0], [np.nan], [1.0]]).ravel().tolist() == [1, 0.5, 0.5, 0.5, 0.25]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(), min_size=1, max_size=40), st.booleans())
@example([math.inf, -math.inf, math.inf, -math.inf], False)  # noqa: FBT003 - as `given` has them
def test_scales_stay_in_their_range_and_never_rise(values, larger):
    plateau = Plateau(factor=0.3, patience=1, larger_is_better=larger)
    found = observed(plateau, np.array(values)[:, None])[:, 0]
    assert ((found >= plateau.min_scale) & (found <= 1)).all()
    assert (np.diff(found) <= 0).all()


def test_a_copied_state_goes_on_as_if_there_had_been_no_pause():
    values = np.random.default_rng(4).normal(0, 1, (30, 3))
    plateau = Plateau(patience=2, factor=0.9, cooldown=3, relative=True, min_delta=0.01)
    whole = observed(plateau, values)
    state = plateau.start(3)
    for row in values[:13]:
        plateau.observe(row, state)
    assert sorted(state) == ["best", "cooldown", "scale", "waited"]
    assert all(isinstance(array, np.ndarray) and array.shape == (3,) for array in state.values())
    state = {name: array.copy() for name, array in state.items()}
    np.testing.assert_array_equal([plateau.observe(row, state) for row in values[13:]], whole[13:])


def test_a_plateau_is_an_entry_like_the_others():
    defaults = resolved(Plateau(), {})
    assert Plateau(**defaults) == Plateau()
    assert Plateau.name not in SCHEDULES
    with pytest.raises(ValueError, match="for factor of plateau"):
        resolved(Plateau(), {"factor": 1.0})
