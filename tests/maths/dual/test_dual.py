"""Dual arrays: every rule against mpmath's derivative, the bits of the value, and what happens at ties."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from strategies import HEADS, TRAINABLE, network_of, targets

from nnlab.maths.activations import ACTIVATIONS, Activation, RowActivation
from nnlab.maths.dual import DualArray, NotAnalyticError, along
from nnlab.maths.dual.rules import SMOOTH, smooth_special
from nnlab.maths.parameters import resolved
from nnlab.networks.network import Pass

mp.mp.dps = 40

# Each smooth rule with the same function of mpmath, and where it is defined.
UNARY = {
    np.negative: (lambda x: -x, (-3, 3)),
    np.positive: (lambda x: +x, (-3, 3)),
    np.reciprocal: (lambda x: 1 / x, (0.1, 3)),
    np.square: (lambda x: x * x, (-3, 3)),
    np.sqrt: (mp.sqrt, (0.01, 9)),
    np.cbrt: (mp.cbrt, (0.01, 9)),
    np.exp: (mp.exp, (-30, 30)),
    np.exp2: (lambda x: mp.power(2, x), (-30, 30)),
    np.expm1: (mp.expm1, (-30, 5)),
    np.log: (mp.log, (0.01, 50)),
    np.log2: (lambda x: mp.log(x, 2), (0.01, 50)),
    np.log10: (mp.log10, (0.01, 50)),
    np.log1p: (lambda x: mp.log(1 + x), (-0.9, 50)),
    np.sin: (mp.sin, (-9, 9)),
    np.cos: (mp.cos, (-9, 9)),
    np.tan: (mp.tan, (-1.4, 1.4)),
    np.sinh: (mp.sinh, (-9, 9)),
    np.cosh: (mp.cosh, (-9, 9)),
    np.tanh: (mp.tanh, (-30, 30)),
    np.arcsin: (mp.asin, (-0.99, 0.99)),
    np.arccos: (mp.acos, (-0.99, 0.99)),
    np.arctan: (mp.atan, (-30, 30)),
    np.arcsinh: (mp.asinh, (-30, 30)),
    np.arctanh: (mp.atanh, (-0.99, 0.99)),
    special.erf: (mp.erf, (-5, 5)),
    special.erfc: (mp.erfc, (-5, 9)),
    special.erfcx: (lambda x: mp.exp(x * x) * mp.erfc(x), (-2, 20)),
    special.expit: (lambda x: 1 / (1 + mp.exp(-x)), (-30, 30)),
    special.log_expit: (lambda x: -mp.log(1 + mp.exp(-x)), (-30, 30)),
    special.logit: (lambda x: mp.log(x / (1 - x)), (0.01, 0.99)),
    special.ndtr: (mp.ncdf, (-9, 5)),
    special.log_ndtr: (lambda x: mp.log(mp.ncdf(x)), (-9, 5)),
}
BINARY = {
    np.add: (lambda a, b: a + b, (-3, 3)),
    np.subtract: (lambda a, b: a - b, (-3, 3)),
    np.multiply: (lambda a, b: a * b, (-3, 3)),
    np.divide: (lambda a, b: a / b, (0.2, 3)),
    np.power: (mp.power, (0.2, 3)),
    np.float_power: (mp.power, (0.2, 3)),
    np.hypot: (mp.hypot, (0.2, 3)),
    np.logaddexp: (lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), (-20, 20)),
    np.arctan2: (mp.atan2, (0.2, 3)),
    special.xlogy: (lambda a, b: a * mp.log(b), (0.2, 3)),
    special.xlog1py: (lambda a, b: a * mp.log(1 + b), (0.2, 3)),
}


def at(points, tangent=1.0):
    return DualArray(np.array(points), tangent)


def test_every_smooth_rule_is_tested_here():
    assert set(UNARY) | set(BINARY) == set(SMOOTH | smooth_special())


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda ufunc: ufunc.__name__)
def test_the_slope_of_one_argument(ufunc):
    function, (low, high) = UNARY[ufunc]
    points = np.random.default_rng(1).uniform(low, high, 25)
    found = ufunc(at(points))
    np.testing.assert_array_equal(found.value, ufunc(points))
    # erfcx' = 2 x erfcx - 2/√π loses digits for large x, as its bound says.
    for point, slope, error in zip(points, found.tangent, found.tangent_error, strict=True):
        exact = mp.diff(function, mp.mpf(float(point)))
        assert abs(slope - exact) <= 8 * error + 1e-300
        assert error <= 1e-12 * max(1, abs(exact))


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda ufunc: ufunc.__name__)
def test_the_slopes_of_two_arguments(ufunc):
    function, (low, high) = BINARY[ufunc]
    a, b = np.random.default_rng(2).uniform(low, high, (2, 25))
    by_a, by_b, both = ufunc(at(a), b), ufunc(a, at(b)), ufunc(at(a, 2.0), at(b, -3.0))
    for i in range(25):
        x, y = mp.mpf(float(a[i])), mp.mpf(float(b[i]))
        first, second = mp.diff(function, (x, y), (1, 0)), mp.diff(function, (x, y), (0, 1))
        assert abs(by_a.tangent[i] - first) <= 8 * by_a.tangent_error[i]
        assert abs(by_b.tangent[i] - second) <= 8 * by_b.tangent_error[i]
        assert abs(both.tangent[i] - (2 * first - 3 * second)) <= 8 * both.tangent_error[i]
    np.testing.assert_array_equal(both.value, ufunc(a, b))


# --- ties: a kink shows itself ----------------------------------------------------------------------------------------

TIES = {
    "abs": (np.abs, -1, 1),
    "relu": (lambda z: np.maximum(z, 0), 0, 1),
    "min": (lambda z: np.minimum(0, z), 1, 0),
    "fmax": (lambda z: np.fmax(z, -z), -1, 1),
    "where": (lambda z: np.where(z > 0, 3 * z, 2 * z), 2, 3),
    "where or equal": (lambda z: np.where(z >= 0, 3 * z, 2 * z), 2, 3),
    "less": (lambda z: np.where(z < 0, 2 * z, 3 * z), 2, 3),
    "clip": (lambda z: np.clip(z, 0, 1), 0, 1),
    "clip above": (lambda z: np.clip(z, -1, 0), 1, 0),
    "sign": (lambda z: z * np.sign(z), -1, 1),
    "copysign": (lambda z: np.copysign(z, 1.0), -1, 1),
    "max of a row": (lambda z: np.max(np.stack([z, 0 * z]), axis=0), 0, 1),
    "smooth in spite of abs": (lambda z: np.exp(-np.abs(z)) + np.abs(z), 0, 0),
}


@pytest.mark.parametrize("name", TIES)
def test_left_and_right_slope(name):
    function, left, right = TIES[name]
    assert function(at([0.0], 1.0)).tangent.tolist() == [right]
    assert (-function(at([0.0], -1.0)).tangent).tolist() == [left]


def test_what_moves_equals_only_what_moves_with_it():
    z = at([0.0, 1.0])
    assert (z == 0).tolist() == [False, False]
    assert (z == z).tolist() == [True, True]  # noqa: PLR0124 - that is the question
    assert (DualArray([0.0]) == 0).tolist() == [True]


def test_an_argmax_between_equals_goes_by_the_tangent():
    assert np.argmax(DualArray([1.0, 1.0], [0.0, 1.0])) == 1
    assert np.argmax(DualArray([1.0, 1.0])) == 0


# --- functions ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_functions_that_move_entries_move_their_tangents(seed):
    draws = np.random.default_rng(seed)
    z = DualArray(draws.normal(size=(3, 4)), draws.normal(size=(3, 4)))
    order = z.value.argsort(axis=-1)
    for plane in ("value", "tangent"):
        p = getattr(z, plane)
        pairs = {
            "sort": (np.sort(z), np.take_along_axis(p, order, -1)),
            "cumsum": (np.cumsum(z, axis=-1), p.cumsum(axis=-1)),
            "sum": (z.sum(axis=-1, keepdims=True), p.sum(axis=-1, keepdims=True)),
            "mean": (z.mean(axis=0), p.mean(axis=0)),
            "reshape": (z.reshape(4, 3), p.reshape(4, 3)),
            "split": (np.split(z, 2, axis=-1)[1], np.split(p, 2, axis=-1)[1]),
            "concatenate": (np.concatenate([z, z]), np.concatenate([p, p])),
            "repeat": (np.repeat(z, 2, axis=-1), np.repeat(p, 2, axis=-1)),
            "index": (z[1:, ::2], p[1:, ::2]),
            "transposed": (z.T, p.T),
            "last axes exchanged": (z[None].mT, p[None].mT),
            "real": (z.real, p),
        }
        for name, (found, expected) in pairs.items():
            np.testing.assert_allclose(getattr(found, plane), expected, rtol=1e-15, atol=1e-15, err_msg=name)


def test_out_and_where_keep_what_they_do_not_touch():
    z, out = at([1.0, 2.0]), DualArray([5.0, 6.0], 7.0)
    np.multiply(z, 3, out=out, where=[True, False])
    assert (out.value.tolist(), out.tangent.tolist()) == ([3, 6], [3, 7])
    np.copyto(out, 0, where=[False, True])
    assert (out.value.tolist(), out.tangent.tolist()) == ([3, 0], [3, 0])
    out[0] = z[1] * 2
    assert (out.value.tolist(), out.tangent.tolist()) == ([4, 0], [2, 0])
    mask = np.array([False, True])
    np.greater(z, 5, out=mask, where=[True, False])
    assert mask.tolist() == [False, True]
    np.greater(z, 1.5, out=mask)
    assert mask.tolist() == [False, True]
    np.less(z, 1.5, out=mask)
    assert mask.tolist() == [True, False]


def test_reductions_called_as_numpy_calls_them():
    z = at([[3.0, 1.0, 2.0]], [[10.0, 20.0, 30.0]])
    assert (z.ndim, z.size, len(z)) == (2, 3, 1)
    for found, value, tangent in (
        (np.add.reduce(z, axis=1), 6.0, 60.0),
        (np.maximum.reduce(z, axis=1), 3.0, 10.0),
        (np.minimum.reduce(z, axis=1), 1.0, 20.0),
        (z.min(axis=1), 1.0, 20.0),
        (np.min(z, axis=1, keepdims=True), [1.0], [20.0]),
    ):
        np.testing.assert_array_equal(found.value[0], value)
        np.testing.assert_array_equal(found.tangent[0], tangent)


def test_a_clip_may_lack_either_end():
    z = at([-2.0, 0.5, 2.0])
    for found, values, tangents in (
        (np.clip(z, -1, None), [-1, 0.5, 2], [0, 1, 1]),
        (np.clip(z, None, 1), [-2, 0.5, 1], [1, 1, 0]),
        (np.clip(z, -1, 1), [-1, 0.5, 1], [0, 1, 0]),
    ):
        assert (found.value.tolist(), found.tangent.tolist()) == (values, tangents)


def test_what_a_user_s_code_makes_of_an_array_that_is_none_is_no_traceback():
    def broken(z, out):
        out[...] = z.there_is_no_such_method()

    with pytest.raises(NotAnalyticError, match="there_is_no_such_method"):
        along(broken, np.zeros(2), (2,), 1.0)


@pytest.mark.parametrize(
    "function",
    [
        np.floor,
        np.multiply.reduce,
        lambda z: np.add(np.ones(2), 1, out=z, where=np.array([True, False]), dtype=np.float64),
        np.fft.fft,
        lambda z: float(z[0]),
        lambda z: bool(z[0]),
        lambda z: np.add(z, 1, out=np.empty(2)),
        lambda z: np.empty(2).__setitem__(..., z),
        lambda z: z.astype(np.float32),
        np.add.accumulate,
    ],
    ids=["floor", "product", "an option", "fft", "float", "bool", "plain out", "plain target", "float32", "accumulate"],
)
def test_what_no_derivative_can_follow_is_refused(function):
    with pytest.raises(NotAnalyticError):
        function(at([1.5, 2.5]))


CONVERSIONS = [np.asarray, np.asanyarray, np.ascontiguousarray, np.array, lambda z: np.asarray(z, np.float64)]


@pytest.mark.parametrize("convert", CONVERSIONS, ids=["asarray", "asanyarray", "ascontiguous", "array", "with a dtype"])
def test_a_conversion_to_a_plain_array_is_refused(convert):
    with pytest.raises(NotAnalyticError, match=r"a conversion to a plain array, as by np\.asarray"):
        convert(at([1.0]))
    with pytest.raises(NotAnalyticError, match="a conversion to a plain array"):
        along(lambda z, out: np.copyto(out, np.tanh(convert(z))), np.ones(3), (3,), 1.0)


def test_numpy_is_as_it_was_while_a_value_is_followed():
    names = [name for name in dir(np) if callable(getattr(np, name))]
    before = {name: getattr(np, name) for name in names}

    def watched(z, out):
        assert [name for name in names if getattr(np, name) is not before[name]] == []
        np.copyto(out, np.tanh(z))

    assert np.all(along(watched, np.ones(3), (3,), 1.0).tangent > 0)


def test_veltkamp_s_split_is_no_error():
    """z² as a sum of two numbers: the bound stays a few roundings, though the split passes 2**27 z."""
    z = at([0.7, -1.3])
    scaled = z * (2.0**27 + 1)
    high = scaled - (scaled - z)
    low = z - high
    square = z * z
    error = ((high * high - square) + 2 * high * low) + low * low
    total = square + error
    np.testing.assert_allclose(total.tangent, 2 * z.value, rtol=1e-15)
    assert np.all(total.tangent_error < 1e-14)


# --- the catalogue, as it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_value_of_every_activation_has_the_ordinary_bits(name):
    entry = ACTIVATIONS[name]
    chosen, z = resolved(entry, {}), np.random.default_rng(3).normal(0, 3, (1, 50, 4))
    units = entry.units(4, **chosen) if isinstance(entry, RowActivation) else 4
    plain = np.empty((1, 50, units))
    entry.value(z, plain, **chosen)
    found = along(entry.value, z, plain.shape, 1.0, **chosen)
    assert found.value.tobytes() == plain.tobytes()
    assert np.isfinite(found.tangent).all()


@pytest.mark.parametrize("name", [n for n in TRAINABLE if isinstance(ACTIVATIONS[n], Activation)])
def test_the_slope_of_every_activation_agrees_within_the_bounds(name):
    entry = ACTIVATIONS[name]
    chosen, z = resolved(entry, {}), np.random.default_rng(4).normal(0, 4, (1, 500, 2))
    a, slope = np.empty_like(z), np.empty_like(z)
    entry.value(z, a, **chosen)
    entry.slope(z, a, slope, **chosen)
    found, followed = along(entry.value, z, z.shape, 1.0, **chosen), DualArray(np.empty_like(z))
    with np.errstate(all="ignore"):
        entry.slope(DualArray(z), found, followed, **chosen)
    assert np.all(np.abs(slope - found.tangent) <= found.tangent_error + followed.error)
    assert np.all(found.tangent_error <= 1e-11 * np.maximum(1, np.abs(slope)))


@pytest.mark.parametrize("name", [n for n, e in ACTIVATIONS.items() if isinstance(e, Activation) and e.announced])
def test_what_is_announced_at_a_kink_is_one_of_the_two_sides(name):
    entry = ACTIVATIONS[name]
    chosen = resolved(entry, {})
    for kink in entry.kinks(**chosen):
        z, a, slope = np.array([[[kink]]]), np.empty((1, 1, 1)), np.empty((1, 1, 1))
        entry.value(z, a, **chosen)
        entry.slope(z, a, slope, **chosen)
        right = along(entry.value, z, z.shape, 1.0, **chosen).tangent
        left = -along(entry.value, z, z.shape, -1.0, **chosen).tangent
        expected = {"left": left, "right": right, "zero": 0 * left}[entry.announced]
        np.testing.assert_allclose(slope, expected, rtol=1e-15)


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_every_loss_has_the_ordinary_bits(head):
    draws = np.random.default_rng(5)
    network = network_of(head, [3], activation="tanh")
    x, y = draws.normal(size=(1, 7, 3)), targets(head[0], 7, draws)
    tied = Pass(network, draws.normal(size=(1, network.layout.size)), None, 7)
    with np.errstate(all="ignore"):
        tied.forward(x)
        plain = network.head.losses(tied.z, y)
        found = network.head.losses(DualArray(tied.z, 1.0), y)
    assert found.value.tobytes() == plain.tobytes()
