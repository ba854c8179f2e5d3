"""Scaling: the reference formulas to the bit, blanks, constant columns, and numbers at the ends of the range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlab.data import scaling
from nnlab.data.scaling import Scaling
from nnlab.errors import DataError

X = np.array([[1.0, 10.0, 5.0], [2.0, 30.0, 5.0], [4.0, 80.0, 5.0]])
BYTES = np.random.default_rng(1).integers(0, 256, (200, 7)).astype(np.uint8)


def test_standard_is_the_formula_to_the_bit():
    x = np.random.default_rng(2).normal(3, 5, (50, 4))
    np.testing.assert_array_equal(
        Scaling.fit(x, "standard", 1e-9).apply(x), (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    )


def test_minmax_is_the_formula_to_the_bit():
    x = X[:, :2]
    np.testing.assert_array_equal(
        Scaling.fit(x, "minmax").apply(x), (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
    )


def test_none_changes_nothing():
    x = np.array([[-0.0, 1e308], [0.1, 5e-324]])
    fitted = Scaling.fit(x, "none")
    assert fitted.apply(x).tobytes() == x.tobytes()
    assert fitted.constant == ()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("name", ["none", "minmax", "standard"])
@pytest.mark.parametrize("rows", [None, np.array([5, 3, 3, 199])])
@pytest.mark.parametrize("step", [1, 7 * 64, 10**6])
def test_bytes_are_scaled_to_the_bits_of_float64_rounded_once(name, together, dtype, rows, step, monkeypatch):
    monkeypatch.setattr(scaling, "_BLOCK", step)
    fitted = Scaling.fit(BYTES, name, 0.25 if name == "standard" else 0.0, together=together)
    wide = BYTES.astype(np.float64)
    low, high = (f() if together else f(axis=0) for f in (wide.min, wide.max))
    if name == "minmax":
        np.testing.assert_array_equal(fitted.shift, np.broadcast_to(low, 7))
        np.testing.assert_array_equal(fitted.divisor, np.broadcast_to(high - low, 7))
    picked = wide if rows is None else wide[rows]
    expected = ((picked - fitted.shift) / fitted.divisor).astype(dtype)
    found = fitted.apply(BYTES, dtype, rows)
    assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_range_brings_bytes_to_another_range(dtype):
    """The notebook's (v / 255 - 0.5) / 0.5, whose ends are exact here."""
    every = np.arange(256, dtype=np.uint8)[:, None]
    scaled = Scaling.fit(every, "range", target_range=(-1, 1)).apply(every, dtype)
    wide = every.astype(np.float64)
    np.testing.assert_allclose(scaled, (wide / 255 - 0.5) / 0.5, rtol=0, atol=2 * np.finfo(dtype).eps)
    assert (scaled[0], scaled[255]) == (-1, 1)
    np.testing.assert_array_equal(Scaling.fit(every, "range").apply(every, dtype), (wide / 255).astype(dtype))
    shifted = Scaling.fit(every, "range", source_range=(100, 200), target_range=(5, 15)).apply(every)
    np.testing.assert_allclose(shifted, (wide - 100) / 10 + 5)


def test_a_range_does_not_depend_on_the_rows():
    fitted = Scaling.fit(BYTES, "range", rows=np.array([0]))
    assert (fitted.shift.tolist(), fitted.divisor.tolist(), fitted.constant) == ([0] * 7, [255] * 7, ())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_range_of_other_numbers_is_asked_for(dtype):
    x = X.astype(dtype)
    with pytest.raises(DataError, match=r"numbers that are no bytes, expected from: \[a, b\]") as error:
        Scaling.fit(x, "range")
    assert error.value.faults[0].key == ("data", "scale")
    np.testing.assert_array_equal(Scaling.fit(x, "range", source_range=(0, 10)).apply(x), X / 10)
    with pytest.raises(DataError, match="ranges beyond float64"):
        Scaling.fit(x, "range", source_range=(-1e308, 1.7e308), target_range=(0, 1e-300))


@pytest.mark.parametrize("name", ["standard", "minmax"])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
@pytest.mark.parametrize("rows", [None, np.arange(0, 200, 3)])
@pytest.mark.parametrize("step", [1, 10**6])
def test_channels_have_a_shift_and_a_divisor_each(name, kind, rows, step, monkeypatch):
    monkeypatch.setattr(scaling, "_BLOCK", step)
    x = np.random.default_rng(3).integers(0, 256, (200, 3, 5)) // [[1], [2], [5]]
    flat = x.reshape(200, 15).astype(kind)
    fitted = Scaling.fit(flat, name, channels=3, rows=rows)
    planes = (x if rows is None else x[rows]).swapaxes(0, 1).reshape(3, -1).astype(np.float64)
    if name == "standard":
        shift, divisor = planes.mean(axis=1), planes.std(axis=1)
    else:
        shift, divisor = planes.min(axis=1), np.ptp(planes, axis=1)
    np.testing.assert_allclose(fitted.shift, np.repeat(shift, 5), rtol=1e-12)
    np.testing.assert_allclose(fitted.divisor, np.repeat(divisor, 5), rtol=1e-12)
    for dtype in (np.float32, np.float64):
        expected = ((flat.astype(np.float64) - fitted.shift) / fitted.divisor).astype(dtype)
        assert fitted.apply(flat, dtype).tobytes() == expected.tobytes()
    again = Scaling.from_arrays(fitted.to_arrays())
    assert (again.channels, again.shift.tobytes()) == (3, fitted.shift.tobytes())


def test_bytes_together_and_by_channel_are_counted_exactly():
    x = np.random.default_rng(3).integers(0, 256, (500, 12)).astype(np.uint8)
    for options in ({"together": True}, {"channels": 4}):
        for name in ("standard", "minmax"):
            one, other = (Scaling.fit(values, name, **options) for values in (x, x.astype(np.float64)))
            np.testing.assert_allclose(one.shift, other.shift, rtol=1e-13)
            np.testing.assert_allclose(one.divisor, other.divisor, rtol=1e-13)


def test_a_constant_channel_becomes_0():
    x = np.array([[7, 7, 1, 2], [7, 7, 3, 4]], np.uint8)
    fitted = Scaling.fit(x, "standard", channels=2)
    assert fitted.constant == (0, 1)
    np.testing.assert_array_equal(fitted.apply(x)[:, :2], 0)


@given(
    shift=st.floats(-1e6, 1e6),
    divisor=st.floats(1e-3, 1e6) | st.just(np.inf) | st.integers(1, 300).map(float),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_whatever_one_scaling_of_all_bytes_is_its_bits_are_the_same(shift, divisor, dtype):
    fitted = Scaling("minmax", 0.0, together=True, shift=np.full(7, shift), divisor=np.full(7, divisor))
    expected = ((BYTES.astype(np.float64) - shift) / divisor).astype(dtype)
    assert fitted.apply(BYTES, dtype).tobytes() == expected.tobytes()


def test_bytes_that_leave_the_range_once_scaled_are_refused_as_numbers_are():
    fitted = Scaling("minmax", 0.0, together=True, shift=np.zeros(7), divisor=np.full(7, 1e-38))
    with pytest.raises(DataError, match="expected one that is finite once scaled and in float32"):
        fitted.apply(BYTES, np.float32)


def test_bytes_have_exact_statistics():
    fitted = Scaling.fit(BYTES, "standard")
    exact = BYTES.astype(np.longdouble)
    np.testing.assert_array_equal(fitted.shift, BYTES.mean(axis=0))
    np.testing.assert_array_max_ulp(fitted.divisor, exact.std(axis=0).astype(np.float64), 1)


@pytest.mark.parametrize("name", ["none", "standard", "minmax"])
@pytest.mark.parametrize("x", [BYTES, BYTES.astype(np.float64)])
@pytest.mark.parametrize("together", [False, True])
def test_blocks_make_no_difference(monkeypatch, name, x, together):
    whole = Scaling.fit(x, name, 0.1, together=together)
    expected = whole.apply(x, np.float32)
    monkeypatch.setattr(scaling, "_BLOCK", 20)
    parts = Scaling.fit(x, name, 0.1, together=together)
    np.testing.assert_allclose(parts.divisor, whole.divisor, rtol=1e-14)
    np.testing.assert_array_equal(whole.apply(x, np.float32), expected)  # row by row, whatever the blocks


def test_together_has_one_shift_and_one_divisor():
    fitted = Scaling.fit(BYTES, "standard", together=True)
    np.testing.assert_allclose(fitted.shift, np.full(7, BYTES.mean()))
    np.testing.assert_allclose(fitted.divisor, np.full(7, BYTES.std()))
    assert Scaling.fit(np.full((3, 2), 4.0), together=True).constant == (0, 1)
    assert Scaling.fit(X, together=True).constant == ()


def test_only_the_rows_that_are_picked_are_learned_from():
    rows = np.array([0, 2])
    fitted = Scaling.fit(X, "minmax", rows=rows)
    np.testing.assert_array_equal(fitted.divisor[:2], [3, 70])
    np.testing.assert_array_equal(fitted.apply(X, rows=rows), fitted.apply(X)[rows])


@pytest.mark.parametrize("name", ["standard", "minmax"])
@pytest.mark.parametrize("value", [5.0, 0.1, 1e308, -1.7976931348623157e308, 0.0])
def test_a_constant_column_becomes_zero_everywhere(name, value):
    fitted = Scaling.fit(np.full((7, 1), value), name)
    assert fitted.constant == (0,)
    np.testing.assert_array_equal(fitted.apply(np.array([[value], [7.0]])), 0)


def test_a_constant_column_with_an_epsilon_is_the_formula():
    fitted = Scaling.fit(X, "standard", 1e-9)
    assert fitted.constant == (2,)
    np.testing.assert_array_equal(fitted.apply(X)[:, 2], 0)
    assert fitted.apply(X + 1)[0, 2] == 1 / 1e-9


def test_one_row():
    fitted = Scaling.fit(X[:1])
    assert fitted.constant == (0, 1, 2)
    np.testing.assert_array_equal(fitted.apply(X), 0)


def test_no_row():
    with pytest.raises(DataError, match="no row"):
        Scaling.fit(X[:0])


def test_numbers_near_the_ends_of_the_range():
    x = np.array([[1e308, 5e-300], [-1e308, 0.0], [1.5e308, 1e-299]])
    scaled = Scaling.fit(x, "standard").apply(x)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-12)
    with pytest.raises(DataError, match="range beyond float64 in column 1"):
        Scaling.fit(x, "minmax")


def test_what_a_narrower_type_cannot_hold_is_refused():
    with pytest.raises(DataError, match=r"too large in column 2 .row 3 of its part.*float32"):
        Scaling.fit(X, "none").apply(np.array([[1, 2, 3], [1, 2, 3], [1, 1e39, 3]]), np.float32)


def test_the_number_of_columns_is_held():
    with pytest.raises(DataError, match="found 2 input columns, expected 3"):
        Scaling.fit(X).apply(X[:, :2])


@pytest.mark.parametrize(("fill", "expected"), [("mean", 3.0), ("median", 2.0)])
def test_blanks_are_filled_from_the_training_part(fill, expected):
    x = np.array([[1.0], [np.nan], [2.0], [6.0], [100.0], [np.nan]])
    fitted = Scaling.fit(x, "none", fill=fill, rows=np.arange(4))
    np.testing.assert_array_equal(fitted.fill, [expected])
    np.testing.assert_array_equal(fitted.apply(x)[:, 0], [1, expected, 2, 6, 100, expected])


def test_statistics_are_of_the_filled_columns():
    x = np.array([[1.0], [np.nan], [5.0]])
    np.testing.assert_allclose(Scaling.fit(x, "standard", fill="mean").divisor, np.std([1, 3, 5]))


@pytest.mark.parametrize("fill", ["mean", "median"])
def test_filling_near_the_end_of_the_range(fill):
    x = np.array([[1.6e308], [1.7e308], [np.nan]])
    np.testing.assert_allclose(Scaling.fit(x, "none", fill=fill).fill, 1.65e308)


def test_blanks_that_cannot_be_filled():
    blank = np.array([[1.0, np.nan], [2.0, np.nan]])
    with pytest.raises(DataError, match="only blanks in column 2"):
        Scaling.fit(blank, fill="mean")
    with pytest.raises(DataError, match=r"a blank in column 2 .row 1"):
        Scaling.fit(blank)
    with pytest.raises(DataError, match="a blank in column 2"):
        Scaling.fit(X[:, :2]).apply(blank)


@pytest.mark.parametrize(("options", "words"), [({"name": "standart"}, "'standard'"), ({"fill": "maen"}, "'mean'")])
def test_unknown_names(options, words):
    with pytest.raises(DataError, match=f"did you mean {words}"):
        Scaling.fit(X, **options)


@pytest.mark.parametrize("fill", [None, "median"])
def test_stored_and_read_back(tmp_path, fill):
    fitted = Scaling.fit(X, "standard", 1e-9, together=True, fill=fill)
    np.savez(tmp_path / "s.npz", **fitted.to_arrays())
    with np.load(tmp_path / "s.npz", allow_pickle=False) as stored:
        again = Scaling.from_arrays(dict(stored))
    assert (again.name, again.epsilon, again.together, again.constant) == ("standard", 1e-9, True, fitted.constant)
    assert (again.fill is None) == (fill is None)
    assert again.apply(X).tobytes() == fitted.apply(X).tobytes()


def test_the_inverse_of_a_constant_target_is_its_value():
    np.testing.assert_array_equal(Scaling.fit(X).invert(np.ones((1, 3)))[0, 2], 5.0)


def test_the_inverse_of_a_diverged_prediction_is_infinite():
    assert Scaling.fit(X * 1e10).invert(np.full((1, 3), 1e308))[0, 0] == np.inf


NUMBERS = st.floats(-1e300, 1e300, allow_subnormal=True)


@settings(max_examples=150, deadline=None)
@given(x=arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=NUMBERS))
def test_any_finite_columns_become_finite_and_standard(x):
    fitted = Scaling.fit(x, "standard")
    scaled = fitted.apply(x)
    assert np.abs(scaled).max() <= np.sqrt(len(x)) * (1 + 1e-6)
    assert set(fitted.constant) == set(np.flatnonzero((x == x[0]).all(axis=0)))
    np.testing.assert_array_equal(scaled[:, list(fitted.constant)], 0)


@settings(max_examples=150, deadline=None)
@given(x=arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6)))
def test_the_inverse_gives_back_what_was_scaled(x):
    for name in scaling.NAMES:
        fitted = Scaling.fit(x, name, source_range=(-3, 5))
        np.testing.assert_allclose(fitted.invert(fitted.apply(x)), x, rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(x=arrays(np.float64, (3, 2), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_columns_of_any_size_are_finite_or_refused(x):
    for name in scaling.NAMES:
        try:
            scaled = Scaling.fit(x, name, source_range=(-3, 5)).apply(x, np.float32)
        except DataError:
            continue
        assert np.isfinite(scaled).all()
