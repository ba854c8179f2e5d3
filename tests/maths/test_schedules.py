"""Schedules: PyTorch's recorded rates, their shapes, and that no step is left without a rate."""

import inspect
import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import ROOT

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


@settings(deadline=None, max_examples=200)
@given(
    chosen_schedules(),
    st.floats(1e-300, 1e300),
    st.integers(1, 10**6).flatmap(lambda steps: st.tuples(st.integers(1, steps), st.just(steps))),
)
@example((SCHEDULES["step"], {"warmup": 0, "factor": 0.1, "every": 1}), 0.1, (10**6, 10**6))
@example((SCHEDULES["exponential"], {"warmup": 0, "final": 5e-324}), 1e-300, (10**6, 10**6))
@example((SCHEDULES["one_cycle"], {"rise": 0.5, "start": 0.1, "final": 0.1}), 0.1, (1, 1))
def test_every_step_has_a_rate_above_zero_and_at_most_the_base(chosen, base, at):
    entry, parameters = chosen
    step, steps = at
    rate = entry.rate(base, step, steps, **parameters)
    assert type(rate) is float
    assert math.isfinite(rate)
    assert 0 < rate <= base * (1 + 1e-15)


@settings(deadline=None, max_examples=100)
@given(chosen_schedules(), st.integers(1, 60))
def test_the_base_only_scales(chosen, steps):
    entry, parameters = chosen
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


def test_a_warmup_longer_than_the_training_only_rises():
    assert rates("cosine", 4, warmup=8) == [1 / 8, 2 / 8, 3 / 8, 4 / 8]


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


@pytest.mark.parametrize("case", RECORDED["plateaus"], ids=["loss", "accuracy"])
def test_plateaus_are_pytorchs(case):
    found = observed(Plateau(**case["parameters"]), np.array(case["values"])[:, None])
    np.testing.assert_allclose(found[:, 0], case["scales"], rtol=1e-12)


def test_a_plateau_by_hand():
    plateau = Plateau(factor=0.5, patience=2, min_delta=0.25, min_scale=0.2)
    losses = [[3.0], [2.9], [2.7], [2.7], [2.5], [2.5], [2.5], [2.5], [2.5]]
    #          best   1      best   1      2: half  1      2: half  1     2: as low as it gets
    assert observed(plateau, losses).ravel().tolist() == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2]


def test_replicas_wait_on_their_own():
    values = np.random.default_rng(2).normal(0, 1, (60, 5))
    values[10:20, 2] = np.nan
    plateau = Plateau(factor=0.7, patience=3)
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
    plateau, whole = Plateau(patience=2, factor=0.9), observed(Plateau(patience=2, factor=0.9), values)
    state = plateau.start(3)
    for row in values[:13]:
        plateau.observe(row, state)
    assert sorted(state) == ["best", "scale", "waited"]
    assert all(isinstance(array, np.ndarray) and array.shape == (3,) for array in state.values())
    state = {name: array.copy() for name, array in state.items()}
    np.testing.assert_array_equal([plateau.observe(row, state) for row in values[13:]], whole[13:])


def test_a_plateau_is_an_entry_like_the_others():
    defaults = resolved(Plateau(), {})
    assert Plateau(**defaults) == Plateau()
    assert Plateau.name not in SCHEDULES
    with pytest.raises(ValueError, match="for factor of plateau"):
        resolved(Plateau(), {"factor": 1.0})
