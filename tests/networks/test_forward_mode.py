"""Layers' derivatives in forward mode: closed forms, both sides of kinks, and bounds of rounding worked out by hand.

With u = 2**-53 every operation is given 2 u of its result, so that the bounds below can be counted operation by
operation: a product of a plain number and the dual array z has the slope's rounding and its own, 2 u each, on either
side of a kink.
"""

import numpy as np
import pytest

from nnlab.gradients.planted_defects import act
from nnlab.maths.activations import ACTIVATIONS, Activation, RowActivation
from nnlab.maths.dual import DualArray, NotAnalyticError
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.parameters import Parameter
from nnlab.networks.layers.augment import Augment
from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import Buffers, PassContext, units_of
from nnlab.networks.layers.batch_norm import BatchNormalization
from nnlab.networks.layers.conv2d import Conv2D
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.dropout import DropoutForwardMode
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.forward_mode import (
    NO_KINKS,
    UNIT_ROUNDOFF,
    UNKNOWN,
    CopyForwardMode,
    ForwardMode,
    Sides,
    in_portions,
    known,
    of_sum,
    one_by_one,
    widened,
)
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.layer_norm import LayerNormalization
from nnlab.networks.layers.max_pool import MaxPooling
from nnlab.networks.layers.over_channels import bound_to
from nnlab.networks.layers.rowwise import Rowwise
from nnlab.networks.layers.windows import Windows

u = 2.0**-53
Z = np.array([[[0.5, -1.5], [2.0, 0.25], [-0.75, 3.0]]])  # three samples of two units
DY = np.array([[1.0, -2.0], [0.5, 4.0], [-3.0, 0.125]])
ERROR = 1e-16 * np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
ABOUT = {"formula": "", "slope_formula": "", "range": "", "initializer": "", "source": ""}
A = Parameter("a", 0.5, "scale", learnable=True)


def elementwise(value, slope, z=Z, *, learned=(), per_unit=False, theta=None, **more):
    """The derivative of a layer of an activation that writes into `out`, at z."""
    entry = Activation("own", value, slope, **ABOUT, **more)
    layer = Elementwise("own1", entry, dict.fromkeys(learned, 0.5), learned, per_unit)
    views = {f"own1/{p}": np.array(theta) for p in learned}
    bound = layer.bind(Buffers(views, None, {}, np.empty_like(z[0]), PassContext()))
    with np.errstate(all="ignore"):
        bound.forward(z[0])
        return bound.forward_mode()


def rowwise(value, backward, z=Z, units=lambda inputs: inputs):
    entry = RowActivation("own", value, backward, **ABOUT, units=units)
    bound = Rowwise("own1", entry, {}).bind(
        Buffers({}, None, {}, np.empty((z.shape[1], units(z.shape[-1]))), PassContext())
    )
    bound.forward(z[0])
    return bound.forward_mode()


def catalogued(name, z, **chosen):
    entry = ACTIVATIONS[name]
    y = np.empty((z.shape[1], entry.units(z.shape[-1], **chosen)))
    bound = Rowwise("own1", entry, chosen).bind(Buffers({}, None, {}, y, PassContext()))
    bound.forward(z[0])
    return bound.forward_mode()


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


# --- the pieces -------------------------------------------------------------------------------------------------------


def test_units():
    assert (UNIT_ROUNDOFF, UNKNOWN, of_sum(9)) == (u, 256 * u, 7 * u)
    assert 2 * u == np.finfo(np.float64).eps


def test_what_has_overflowed_is_so_many_roundings_of_the_value():
    errors, values = np.array([1e-3, np.inf, np.nan, np.inf]), np.array([5.0, -2.0, 4.0, 0.0])
    assert known(errors, values).tolist() == [1e-3, 512 * u, 1024 * u, 0]


def test_portions():
    columns = np.array([9, 8, 7, 6, 5, 4, 3])
    assert [p.tolist() for p in in_portions(columns, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [p.tolist() for p in in_portions(columns[:3], 3)] == [[0, 1, 2]]


def test_one_entry_for_each_unit():
    by_unit = np.arange(1.0, 13.0).reshape(4, 3)
    found = list(one_by_one(by_unit, np.array([2, 0]), 1))
    assert [(places.tolist(), at) for places, _, at in found] == [([0], slice(0, 3)), ([1], slice(0, 3))]
    for (_, dy, _), unit in zip(found, (2, 0), strict=True):
        np.testing.assert_array_equal(dy, np.where(np.arange(3) == unit, by_unit, 0)[None])


def dense(x, W):
    entry = INITIALIZERS["zeros"]
    y = np.empty((len(x), W.shape[1]))
    views = {"d/weights": W, "d/bias": np.zeros(W.shape[1])}
    bound = Dense("d", W.shape[1], entry, {}, entry, {}).bind(Buffers(views, None, {}, y, PassContext()))
    bound.forward(x)
    return bound.forward_mode()


def test_the_bounds_of_a_dense_layer():
    x, W = np.array([[1.0, -4.0], [0.5, 2.0], [-8.0, 0.25]]), np.array([[2.0, -3.0], [0.0, 5.0]])
    own, by_inputs = dense(x, W).errors(DY, ERROR)
    # A sum of n products is given (4 + √n) u of its terms' size: three samples, two units.
    samples, units = ERROR + (4 + np.sqrt(3)) * u * np.abs(DY), ERROR + (4 + np.sqrt(2)) * u * np.abs(DY)
    weights = [[sum(abs(x[s, i]) * samples[s, o] for s in range(3)) for o in range(2)] for i in range(2)]
    np.testing.assert_allclose(own["weights"], weights, rtol=1e-13)
    np.testing.assert_allclose(own["bias"], samples[0] + samples[1] + samples[2], rtol=1e-13)
    inputs = [[np.hypot(units[s, 0] * W[i, 0], units[s, 1] * W[i, 1]) for i in range(2)] for s in range(3)]
    np.testing.assert_allclose(by_inputs, inputs, rtol=1e-13)


def test_the_bounds_of_a_dense_layer_neither_overflow_nor_vanish():
    line = dense(np.ones((3, 2)), np.ones((2, 2)))
    ordinary = line.errors(DY, ERROR)[1]
    for size in (1e-200, 1e200):  # whose squares are 0 and infinite
        np.testing.assert_allclose(line.errors(size * DY, size * ERROR)[1] / size, ordinary, rtol=1e-13)
    assert not line.errors(0 * DY, 0 * ERROR)[1].any()


def normalized_along(axis, x, gamma):
    kind = BatchNormalization("n", 0.5, 0.1) if axis == 0 else LayerNormalization("n", 0.5)
    views = {"n/gamma": gamma, "n/beta": np.zeros(len(gamma))}
    bound = kind.bind(Buffers(views, None, {}, np.empty_like(x), PassContext([0], learns=False)))
    bound.forward(x)
    return bound.forward_mode(), (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + 0.5)


@pytest.mark.parametrize("off", [0.0, 0.5])
@pytest.mark.parametrize("axis", [0, 1], ids=["batch", "layer"])
def test_the_bounds_of_a_normalisation(axis, off):
    x, gamma = np.array([[1.0, -4.0], [0.5, 2.0], [-8.0, 0.25]]), np.array([2.0, -0.5])
    line, hat = normalized_along(axis, x, gamma)
    np.testing.assert_allclose(line.normalized, hat, rtol=1e-12)
    hat = line.normalized = line.normalized + off  # rounding leaves a mean of a few u; here it shows
    own, by_inputs = line.errors(DY, ERROR)
    samples = ERROR + (4 + np.sqrt(3)) * u * np.abs(DY)  # a sum over three samples
    np.testing.assert_allclose(own["gamma"], (np.abs(hat) * samples).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(own["beta"], samples.sum(axis=0), rtol=1e-12)
    # dL/dx = s (d - mean d - x̂ mean(d x̂)) with d = γ dy: four roundings for each term of a mean. And where the mean of
    # x̂ is not 0, tangents differ by that mean times mean(d x̂).
    n, s, d = x.shape[axis], 1 / np.sqrt(x.var(axis, keepdims=True) + 0.5), np.abs(gamma * DY)
    doubt = np.abs(gamma) * ERROR + (4 + np.sqrt(4 * n)) * u * d

    def mean(values):
        return values.mean(axis, keepdims=True)

    moved = mean(doubt) + np.abs(hat) * mean(doubt * np.abs(hat)) + np.abs(mean(hat)) * mean(d * np.abs(hat))
    np.testing.assert_allclose(by_inputs, s * (doubt + moved), rtol=1e-12)


def test_the_bound_of_a_dropout():
    line = DropoutForwardMode(np.array([[0.0, 2.0], [2.0, 0.0], [2.0, 2.0]]))
    own, by_inputs = line.errors(DY, ERROR)
    assert own == {}
    expected = [[0, 2 * (2e-16 + 4 * u)], [2 * (3e-16 + u), 0], [2 * (5e-16 + 6 * u), 2 * (6e-16 + u / 4)]]
    np.testing.assert_allclose(by_inputs, expected, rtol=1e-13)


def test_a_layer_is_the_identity_if_it_says_nothing_else():
    line, dx = ForwardMode(), np.ones((2, 3, 1))
    assert line.push(dx, slice(1, 2)) == (dx, slice(1, 2))
    assert (line.kinks, line.on_kink, line.noise) == (NO_KINKS, None, None)
    own, error = line.errors(DY, np.full(2, 3.0))
    assert (own, error.tolist()) == ({}, [[3, 3]] * 3)
    with pytest.raises(KeyError, match="weights: 2 entries, 1 at a time"):
        line.tangents("weights", np.arange(2), 1)


# --- both sides of a kink ---------------------------------------------------------------------------------------------

E = 2.0**-10


def settled(left, right, error, analytic, announced):
    sides = Sides(*(np.array([[float(value)]]) for value in (left, right, error)))
    taken, kinks = sides.settled(np.array([[float(analytic)]]), announced)
    return float(taken[0, 0]), kinks


def test_slopes_differ_by_more_than_their_errors():
    sides = Sides(np.zeros(4), np.array([4.0, 4.001, -4.0, -4.5]) * E, np.full(4, E))
    assert sides.differ.tolist() == [False, True, False, True]


def test_without_a_kink_the_slope_is_the_one_on_the_right():
    slope, kinks = settled(1, 1 + E, E, 5, "left")
    assert (slope, kinks) == (1 + E, NO_KINKS)
    assert [array.shape for array in (kinks.where, kinks.left, kinks.right, kinks.taken, kinks.agrees)] == [
        (0, 2), (0,), (0,), (0,), (0,)
    ]  # fmt: skip
    assert (kinks.where.dtype.kind, kinks.agrees.dtype) == ("i", bool)


@pytest.mark.parametrize(
    ("analytic", "inside"),
    [(0, True), (0.5, True), (1, True), (-4 * E, True), (-4.5 * E, False), (1 + 4 * E, True), (1 + 4.5 * E, False)],
)
@pytest.mark.parametrize(("left", "right"), [(0, 1), (1, 0)])
def test_any_slope_between_the_two_will_do_where_none_is_announced(left, right, analytic, inside):
    slope, kinks = settled(left, right, E, analytic, None)
    assert slope == (analytic if inside else right)
    assert kinks.agrees.tolist() == [inside]
    assert (kinks.left.tolist(), kinks.right.tolist(), kinks.taken.tolist()) == ([left], [right], [analytic])
    assert kinks.where.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("sides", "error", "analytic", "announced", "agrees"),
    [
        ((0, 1), E, 4 * E, "left", True),
        ((0, 1), E, 4.5 * E, "left", False),
        ((0, 1), E, 1 - 4 * E, "right", True),
        ((0, 1), E, 1 - 5 * E, "right", False),
        ((0, 1), E, 0, "right", False),
        ((2, 1), 0, 1 + UNKNOWN, "right", True),
        ((2, 1), 0, 1 + 1.5 * UNKNOWN, "right", False),
        ((1, 2), E, 0, "zero", True),  # 0, as announced, though it lies beside both
        ((1, 2), E, 1, "zero", False),
        ((1, 2), 2.0**-40, 1 - 4 * 2.0**-40 - 2.0**-50, "left", False),  # near what is announced, but outside
    ],
)
def test_the_slope_must_be_the_one_that_is_announced(sides, error, analytic, announced, agrees):
    slope, kinks = settled(*sides, error, analytic, announced)
    assert slope == {"left": sides[0], "right": sides[1], "zero": 0}[announced]
    assert kinks.agrees.tolist() == [agrees]


def test_beside_a_kink_other_units_keep_the_slope_on_the_right():
    left, right = np.array([[-0.0, 3.0], [1.0, 5.0]]), np.array([[1.0, 3.0], [-0.0, 5.0]])
    slopes, kinks = Sides(left, right, np.zeros((2, 2))).settled(np.full((2, 2), -0.0), "left")
    assert slopes.tolist() == [[0, 3], [1, 5]]
    assert kinks.where.tolist() == [[0, 0], [1, 0]]
    assert kinks.agrees.tolist() == [True, False]
    # A report says 0, not -0.
    assert not np.signbit([kinks.left, kinks.right, kinks.taken]).any()


# --- unit by unit -----------------------------------------------------------------------------------------------------


def square(z, out):
    np.square(z, out=out)


def twice(z, _a, out):
    np.multiply(2, z, out=out)


def test_the_square_of_a_unit():
    line = elementwise(square, twice)
    z = Z[0]
    np.testing.assert_array_equal(line.slope, 2 * z)
    assert (line.kinks, line.on_kink) == (NO_KINKS, None)
    close(line.noise, 2 * u * z**2)
    # 2z · 1 on either side 2 u of the slope and 2 u of the product; the analytic 2z has 2 u, and u as it is stored.
    doubt = (2 * 4 + 2 + 1) * u * np.abs(2 * z)
    close(line.doubt, doubt)
    own, error = line.errors(DY, ERROR)
    assert own == {}
    close(error, np.abs(2 * z) * ERROR + (doubt + 2 * u * np.abs(2 * z)) * np.abs(DY))
    dx, at = line.push(np.ones((4, 3, 1)), slice(1, 2))
    assert at == slice(1, 2)
    np.testing.assert_array_equal(dx, np.broadcast_to(2 * z[:, 1:], (4, 3, 1)))


def test_a_slope_worked_out_from_the_value_has_the_value_s_error():
    line = elementwise(lambda z, out: np.exp(z, out=out), lambda _z, a, out: np.copyto(out, a))
    np.testing.assert_array_equal(line.slope, np.exp(Z[0]))
    close(line.doubt, (2 * 4 + 2 + 1) * u * np.exp(Z[0]))


@pytest.mark.parametrize("rounds", [np.greater, np.less])
def test_a_slope_worked_out_from_the_value_goes_by_the_value_at_a_tie(rounds):
    """At max(z, 0) = 0 the branch without an error is taken, as `backward` takes it."""

    def value(z, out):
        np.maximum(z, 0, out=out)

    def slope(_z, a, out):
        np.copyto(out, np.where(rounds(a, 0), (a + 1) - a, 0))

    line = elementwise(value, slope, np.array([[[0.0, -1.0]]]), at_kink="the left slope")
    assert line.doubt.tolist() == [[0, 0]]


@pytest.mark.parametrize("failure", [TypeError, ValueError, AttributeError])
def test_a_slope_that_cannot_be_followed_is_given_many_roundings(failure):
    def slope(z, a, out):
        if isinstance(z, DualArray):
            raise failure
        twice(z, a, out)

    line = elementwise(square, slope)
    close(line.doubt, (2 * 4 + 256 + 1) * u * np.abs(2 * Z[0]))


def test_units_on_a_kink():
    def value(z, out):
        np.maximum(z, 0, out=out)

    def slope(z, _a, out):
        np.copyto(out, np.where(z > 0, 1, 0))

    z = np.array([[[0.0, 1.0], [-2.0, 3.0]]])
    line = elementwise(value, slope, z, at_kink="the left slope")
    assert line.slope.tolist() == [[0, 1], [0, 1]]
    assert line.on_kink.tolist() == [[True, False], [False, False]]
    assert line.kinks.where.tolist() == [[0, 0]]
    assert (line.kinks.left.tolist(), line.kinks.right.tolist()) == ([0], [1])


def test_a_function_with_a_value_but_no_slope_is_refused():
    def value(z, out):
        np.square(np.sqrt(z), out=out)

    def slope(_z, _a, out):
        out[...] = 1

    with pytest.raises(NotAnalyticError, match="own has no derivative at a point where it has a value"):
        elementwise(value, slope, np.array([[[1.0, 0.0]]]))
    line = elementwise(value, slope, np.array([[[1.0, -1.0]]]))  # where it has no value it needs no slope
    assert np.isnan(line.slope).tolist() == [[False, True]]


# --- by a learned parameter -------------------------------------------------------------------------------------------


def scaled(z, out, a):
    np.multiply(a, z, out=out)


def scaled_slope(_z, _y, out, a):
    np.copyto(out, a)


def scaled_by_a(z, _y, out, **_parameters):
    np.copyto(out, z)


def learning(value=scaled, slope=scaled_slope, by_a=scaled_by_a, *, per_unit=True, theta=(0.5, -2.0)):
    chosen = {"learned": ("a",), "per_unit": per_unit, "theta": theta, "parameters": (A,)}
    return elementwise(value, slope, parameter_slopes={"a": by_a}, **chosen)


def test_the_tangents_by_a_parameter_of_each_unit():
    line, z = learning(), Z[0]
    (first, second) = line.tangents("a", np.array([1, 0]), 1)
    assert (first[0].tolist(), first[2], second[0].tolist(), second[2]) == ([0], slice(0, 2), [1], slice(0, 2))
    np.testing.assert_array_equal(first[1][0], z * [0, 1])
    np.testing.assert_array_equal(second[1][0], z * [1, 0])


def test_the_tangents_by_a_parameter_of_the_whole_layer():
    ((places, dy, at),) = learning(per_unit=False, theta=(0.5,)).tangents("a", np.array([0]), 1)
    assert (places.tolist(), at) == ([0], slice(0, 2))
    np.testing.assert_array_equal(dy, Z)


@pytest.mark.parametrize("per_unit", [True, False])
def test_the_bound_of_the_gradient_by_a_parameter(per_unit):
    line = learning(per_unit=per_unit, theta=(0.5, -2.0) if per_unit else (0.5,))
    own, _ = line.errors(DY, ERROR)
    # z · 1 has 4 u on either side, the analytic z as it is stored u; then a sum over six products.
    z, sizes = np.abs(Z[0]), np.abs(DY)
    each = z * (ERROR + (4 + np.sqrt(6)) * u * sizes) + (8 + 1) * u * z * sizes
    assert set(own) == {"a"}
    assert own["a"].shape == ((2,) if per_unit else (1,))
    close(own["a"], each.sum(axis=0) if per_unit else [each.sum()])


@pytest.mark.parametrize(("analytic", "taken"), [(0.0, 0.0), (0.25, 0.25), (-1.5, 1.0)])
def test_a_kink_of_a_parameter_may_have_any_slope_between_its_sides(analytic, taken):
    """|a| at 0: the slope is -1 on the left and 1 on the right."""

    def value(z, out, a):
        np.multiply(np.abs(a), np.ones_like(z), out=out)

    def by_a(_z, _y, out, **_parameters):
        out[...] = analytic

    line = learning(value, by_a=by_a, theta=(0.0, 1.0))
    found = next(iter(line.tangents("a", np.array([0]), 1)))[1]
    np.testing.assert_array_equal(found[0], np.broadcast_to([taken, 0.0], (3, 2)))  # of one unit


def test_a_parameter_without_a_derivative_is_refused_and_has_no_bound():
    def value(z, out, a):
        np.multiply(np.square(np.sqrt(a)), z, out=out)

    line = learning(value, theta=(0.5, 0.0))
    with pytest.raises(NotAnalyticError, match="own has no derivative by a where it has a value"):
        next(iter(line.tangents("a", np.array([0]), 1)))
    own, error = line.errors(DY, ERROR)
    assert np.isnan(own["a"]).tolist() == [True, True]
    assert np.isfinite(error).all()


def test_a_wrong_slope_by_a_parameter_is_not_believed():
    line = learning(by_a=lambda z, _y, out, **_parameters: np.multiply(0.5, z, out=out))
    ((_, dy, _),) = line.tangents("a", np.array([0]), 1)
    np.testing.assert_array_equal(dy[0, :, 0], Z[0, :, 0])


def test_a_refused_parameter_leaves_the_next_one_its_bound():
    def value(z, out, a, b):
        np.multiply(np.square(np.sqrt(a)), b * z, out=out)

    def ones(_z, _y, out, **_parameters):
        out[...] = 1

    both = {"parameter_slopes": {"a": ones, "b": ones}, "parameters": (A, Parameter("b", 0.5, "", learnable=True))}
    own, _ = elementwise(value, ones, learned=("a", "b"), theta=(0.0,), **both).errors(DY, ERROR)
    assert np.isnan(own["a"]).all()
    assert set(own) == {"a", "b"}


def test_a_parameter_at_which_another_formula_holds_is_refused():
    """At a = 0 the value is z, but no complex step beside it can see that: sinh(a z) / a is 0 / 0 there."""

    def value(z, out, a):
        np.copyto(out, np.where(a == 0, z, np.sinh(a * z) / a))

    line = learning(value, theta=(0.5, 0.0))
    with pytest.raises(NotAnalyticError, match="own has no derivative by a where it has a value"):
        next(iter(line.tangents("a", np.array([1]), 1)))


def test_a_parameter_needs_no_derivative_where_there_is_no_value():
    def value(z, out, a):
        np.multiply(np.square(np.sqrt(a)), z, out=out)

    line = learning(value, theta=(0.5, -1.0))
    ((_, dy, _),) = line.tangents("a", np.array([0]), 1)
    close(dy[0, :, 0], Z[0, :, 0])


# --- whole rows -------------------------------------------------------------------------------------------------------


def crossed(factors=(2.0, 3.0)):
    """y_0 = 2 z_1 and y_1 = 3 z_0."""

    def value(z, out):
        out[..., 0] = factors[0] * z[..., 1]
        out[..., 1] = factors[1] * z[..., 0]

    def backward(_z, _a, da, out):
        out[..., 1] = factors[0] * da[..., 0]
        out[..., 0] = factors[1] * da[..., 1]

    return value, backward


def test_a_row_whose_units_change_places():
    line = rowwise(*crossed())
    J = np.array([[0.0, 3.0], [2.0, 0.0]])  # dy_u / dz_i
    np.testing.assert_array_equal(line.matrix, np.repeat(J[:, None], 3, axis=1))
    assert line.on_kink is None
    close(line.doubt, 8 * u * line.matrix)
    close(line.noise, 2 * u * np.abs(Z[0][:, ::-1] * [2, 3]))
    dx = np.arange(1.0, 13.0).reshape(4, 3, 1)
    dy, at = line.push(dx, slice(1, 2))  # the second input moves alone
    assert at == slice(0, 2)
    np.testing.assert_array_equal(dy, dx * [2.0, 0.0])
    dy, _ = line.push(np.ones((4, 3, 2)), slice(0, 2))
    np.testing.assert_array_equal(dy, np.broadcast_to([2.0, 3.0], (4, 3, 2)))


def test_the_bound_of_a_row_whose_units_change_places():
    own, error = rowwise(*crossed()).errors(DY, ERROR)
    factors = np.array([3.0, 2.0])
    # On the way forward 4 u on either side and a sum over two units, on the way back one product.
    expected = factors * (ERROR[:, ::-1] + (8 + 4 + np.sqrt(2) + 2) * u * np.abs(DY[:, ::-1]))
    assert own == {}
    close(error, expected)


def test_the_way_back_may_use_the_values_and_their_errors():
    """y = exp(z): dz = y dy has the error of y, 2 u, that of the product, 2 u, and those of the way forward."""
    line = rowwise(lambda z, out: np.exp(z, out=out), lambda _z, a, da, out: np.multiply(a, da, out=out))
    _, error = line.errors(DY, ERROR)
    y = np.exp(Z[0])
    close(error, y * ERROR + (8 + 4 + np.sqrt(2) + 2 + 2) * u * y * np.abs(DY))


@pytest.mark.parametrize("rounds", [np.greater, np.less])
def test_the_way_back_goes_by_the_values_at_a_tie(rounds):
    def backward(_z, a, da, out):
        np.multiply(np.where(rounds(a, 0), (a + 1) - a, 0), da, out=out)

    _, error = rowwise(lambda z, out: np.copyto(out, z), backward, np.zeros((1, 3, 2))).errors(DY, ERROR)
    close(error, ERROR + (4 + np.sqrt(2)) * u * np.abs(DY))


@pytest.mark.parametrize("failure", [TypeError, ValueError, AttributeError])
@pytest.mark.parametrize(("factors", "largest"), [((2.0, 3.0), 3.0), ((0.5, 0.25), 1.0)])
def test_a_way_back_that_cannot_be_followed_is_given_many_roundings(failure, factors, largest):
    value, backward = crossed(factors)

    def failing(z, a, da, out):
        if isinstance(z, DualArray):
            raise failure
        backward(z, a, da, out)

    _, error = rowwise(value, failing).errors(DY, ERROR)
    forward = np.array(factors[::-1]) * (ERROR[:, ::-1] + (8 + 4 + np.sqrt(2)) * u * np.abs(DY[:, ::-1]))
    close(error, forward + UNKNOWN * largest * np.abs(DY).sum(axis=1, keepdims=True))


def test_a_way_back_whose_error_overflows_is_given_many_roundings():
    value, _ = crossed()

    def backward(_z, _a, da, out):
        np.multiply(np.sin(1e300 * da), 1e300, out=out)

    with np.errstate(all="ignore"):
        _, error = rowwise(value, backward).errors(DY, ERROR)
    forward = np.array([3.0, 2.0]) * (ERROR[:, ::-1] + (8 + 4 + np.sqrt(2)) * u * np.abs(DY[:, ::-1]))
    close(error, forward + UNKNOWN * np.abs(DY.sum(axis=1, keepdims=True)))


def test_a_row_of_one_unit():
    line = rowwise(lambda z, out: np.exp(z, out=out), lambda _z, a, da, out: np.multiply(a, da, out=out), Z[..., :1])
    np.testing.assert_array_equal(line.matrix, np.exp(Z[..., :1]))
    close(line.noise, 2 * u * np.exp(Z[0, :, :1]))


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_softmax_and_its_relations_have_no_kink_where_inputs_are_equal(name):
    z = np.array([[[1.0, 1.0, 1.0, -2.0], [0.0, 0.0, 0.0, 0.0]]])
    sign = -1 if name == "softmin" else 1
    s = np.exp(sign * z[0]) / np.exp(sign * z[0]).sum(axis=-1, keepdims=True)
    line, same = catalogued(name, z), np.eye(4)[:, None, :]
    expected = same - s.T[:, :, None] if name == "log_softmax" else sign * (same - s.T[:, :, None]) * s
    assert line.on_kink is None
    np.testing.assert_allclose(line.matrix, expected, rtol=1e-14)
    np.testing.assert_allclose(line.push(np.eye(4)[:, None, :] + np.zeros((4, 2, 4)), slice(0, 4))[0], expected)


def test_of_equal_pieces_of_a_maxout_the_first_one_counts():
    z = np.array([[[1.0, 1.0, -2.0, 5.0], [0.0, 1.0, 3.0, 3.0], [2.0, 1.0, 0.0, 1.0]]])
    line = catalogued("maxout", z, pieces=2)
    first = [[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1]]  # (samples, inputs)
    expected = np.zeros((4, 3, 2))
    for sample, inputs in enumerate(first):
        for i in range(4):
            expected[i, sample, i // 2] = inputs[i]
    np.testing.assert_array_equal(line.matrix, expected)
    assert line.on_kink.tolist() == [[True, True, False, False], [False, False, True, True], [False] * 4]
    dy, at = line.push(np.ones((1, 3, 1)), slice(1, 2))
    assert (dy.tolist(), at) == ([[[0, 0], [1, 0], [0, 0]]], slice(0, 2))


def test_on_a_kink_the_way_back_is_asked_with_full_arrays():
    """A user's code need not broadcast: every array has a row for each sample."""

    def backward(z, a, da, out):
        assert z.shape == a.shape == da.shape == out.shape == (2, 3, 2)
        np.multiply(np.where(z < 0, -1, 1), da, out=out)

    line = rowwise(lambda z, out: np.abs(z, out=out), backward, np.array([[[0.0, -1.0], [2.0, -3.0], [0.5, 0.0]]]))
    assert line.matrix.diagonal(axis1=0, axis2=2).tolist() == [[1, -1], [1, -1], [1, 1]]
    assert line.on_kink.tolist() == [[True, False], [False, False], [False, True]]


def test_a_sparsemax_on_the_edge_of_its_support():
    """Of 1, 0 and -3 the first takes all, and the second stands on the edge: it takes its part only if it rises."""
    line = catalogued("sparsemax", np.array([[[1.0, 0.0, -3.0], [0.5, 0.25, -3.0]]]))
    assert line.on_kink.tolist() == [[True, True, False], [False, False, False]]
    np.testing.assert_allclose(line.matrix[:, 1], [[0.5, -0.5, 0], [-0.5, 0.5, 0], [0, 0, 0]], atol=1e-16)
    # At the edge: what `backward` takes, which is one of the two sides.
    np.testing.assert_array_equal(line.matrix[:, 0], np.zeros((3, 3)))


# --- images -----------------------------------------------------------------------------------------------------------
#
# Two samples of two planes of 2 × 3 pixels: unit (channel · 2 + row) · 3 + column.

SHAPE = (2, 3, 2)
IMAGES = np.random.default_rng(8).normal(size=(2, 12))


def bound_for(layer, x=IMAGES, shape=SHAPE, context=None, parameters=None, *, backwards=False):
    """A layer at work on images, that has gone forward."""
    views = parameters or {}
    outputs = np.empty((len(x), units_of(layer.output_shape(shape))))
    gradients = {name: np.empty_like(view) for name, view in views.items()} if backwards else None
    bound = bound_to(layer, Buffers(views, gradients, {}, outputs, context or PassContext(), shape=shape))
    bound.forward(x)
    return bound


def convolution(W, x=IMAGES, shape=SHAPE, stride=(1, 1), padding="valid"):
    entry = INITIALIZERS["zeros"]
    layer = Conv2D("c", W.shape[-1], entry, {}, entry, {}, windows=Windows(W.shape[:2], stride, padding))
    return bound_for(layer, x, shape, parameters={"c/weights": W, "c/bias": np.zeros(W.shape[-1])}).forward_mode()


def pool(kind, kernel, stride, x=IMAGES, *, backwards=False):
    return bound_for(kind("p", Windows(kernel, stride)), x, backwards=backwards)


def test_tangents_are_widened_to_whole_planes():
    dx = np.arange(1.0, 5.0).reshape(1, 1, 4)
    wide, at = widened(dx, slice(4, 8), 6)
    assert (wide.tolist(), at) == ([[[0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0]]], slice(0, 12))
    wide, at = widened(dx[..., :2], slice(7, 9), 6)
    assert (wide.tolist(), at) == ([[[0, 1, 2, 0, 0, 0]]], slice(6, 12))
    whole = np.ones((1, 1, 6))
    assert widened(whole, slice(6, 12), 6) == (whole, slice(6, 12))


def test_the_tangents_of_a_filter_move_its_plane_alone():
    line = convolution(np.ones((2, 2, 2, 3)))  # three filters, each with one row of two windows
    found = list(line.tangents("weights", np.arange(24), 5))
    assert [at for _, _, at in found] == [slice(2 * f, 2 * f + 2) for f in range(3) for _ in range(2)]
    assert sorted(np.concatenate([places for places, _, _ in found])) == list(range(24))
    pixels = IMAGES.reshape(2, 2, 2, 3)
    for places, dy, at in found:
        for place, tangent in zip(places, dy, strict=True):
            i, j, c, f = np.unravel_index(place, (2, 2, 2, 3))
            assert at.start == 2 * f
            np.testing.assert_array_equal(tangent, pixels[:, c, i, j : j + 2])  # of the windows at columns 0 and 1
    for place, (places, dy, at) in enumerate(line.tangents("bias", np.arange(3), 5)):
        assert (places.tolist(), dy.tolist(), at) == ([place], [[[1, 1]] * 2], slice(2 * place, 2 * place + 2))


def test_only_the_planes_that_move_are_convolved():
    W = np.random.default_rng(0).normal(size=(2, 2, 2, 3))
    line, dx = convolution(W), np.random.default_rng(1).normal(size=(4, 2, 2))
    dy, at = line.push(dx, slice(7, 9))  # two pixels of the second plane
    assert at == slice(0, 6)
    wide = np.zeros((4, 2, 12))
    wide[..., 7:9] = dx
    np.testing.assert_allclose(dy, line.push(wide, slice(0, 12))[0], rtol=1e-12, atol=1e-15)
    line.W = np.where(np.arange(2)[:, None] == 0, np.nan, W)  # the first plane's weights
    np.testing.assert_allclose(line.push(dx, slice(7, 9))[0], dy)


def test_the_bounds_of_a_convolution():
    """One plane of 2 × 3 pixels under two filters of 1 × 2 pixels: windows at columns 0 and 1 of both rows."""
    x, W = IMAGES[:, :6], np.array([[[[2.0, -3.0]], [[0.5, 4.0]]]])  # (1, 2, 1, 2)
    draws = np.random.default_rng(2)
    dy, error = draws.normal(size=(2, 8)), 1e-16 * draws.random((2, 8))
    own, by_inputs = convolution(W, x, (2, 3, 1)).errors(dy, error)
    samples = error + (4 + np.sqrt(8)) * u * np.abs(dy)  # a sum over two samples with four windows each
    filters = error + (4 + np.sqrt(4)) * u * np.abs(dy)  # over two filters of two pixels
    images, samples, filters = x.reshape(2, 2, 3), samples.reshape(2, 2, 2, 2), filters.reshape(2, 2, 2, 2)
    weights, expected = np.zeros((1, 2, 1, 2)), np.zeros((2, 2, 3))
    for s, row, column, j in np.ndindex(2, 2, 2, 2):
        for f in range(2):
            weights[0, j, 0, f] += abs(images[s, row, column + j]) * samples[s, f, row, column]
        expected[s, row, column + j] += np.hypot(*(W[0, j, 0] * filters[s, :, row, column]))
    np.testing.assert_allclose(own["weights"], weights, rtol=1e-12)
    np.testing.assert_allclose(own["bias"], samples.sum(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(by_inputs, expected.reshape(2, 6), rtol=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_the_bounds_of_a_convolution_neither_overflow_nor_vanish(size):
    line, dy, error = convolution(np.ones((2, 2, 2, 3))), np.ones((2, 6)), np.full((2, 6), 1e-16)
    ordinary = line.errors(dy, error)[1]
    np.testing.assert_allclose(line.errors(size * dy, size * error)[1] / size, ordinary, rtol=1e-13)
    assert not line.errors(0 * dy, 0 * error)[1].any()


def test_the_bounds_of_an_average_pool():
    line = pool(AveragePooling, (2, 2), (1, 1)).forward_mode()  # windows at columns 0 and 1: the middle one is in both
    dy = np.array([[1.0, -2.0, 0.5, 4.0], [3.0, 0.0, -8.0, 0.25]])
    error = 1e-16 * np.arange(1.0, 9.0).reshape(2, 4)
    each = (error + (4 + np.sqrt(4)) * u * np.abs(dy)).reshape(2, 2, 2) / 4
    row = np.stack([each[..., 0], each[..., 0] + each[..., 1], each[..., 1]], axis=-1)
    own, found = line.errors(dy, error)
    assert own == {}
    np.testing.assert_allclose(found, np.stack([row, row], axis=2).reshape(2, 12), rtol=1e-13)


def test_the_bounds_of_a_global_average():
    line = bound_for(GlobalAveragePooling("g")).forward_mode()
    dy, error = np.array([[1.0, -2.0], [0.5, 4.0]]), 1e-16 * np.arange(1.0, 5.0).reshape(2, 2)
    each = (error + (4 + np.sqrt(6)) * u * np.abs(dy)) / 6
    np.testing.assert_allclose(line.errors(dy, error)[1], np.repeat(each, 6, axis=1), rtol=1e-13)
    dy, at = line.push(np.ones((3, 2, 2)), slice(8, 10))
    assert at == slice(1, 2)
    np.testing.assert_allclose(dy, np.full((3, 2, 1), 2 / 6))


def test_copies_are_exact_and_their_sum_is_not():
    source = np.array([[2, 0, 2, 4, 3, 5]])  # of a plane of three pixels, and of another
    line = CopyForwardMode(source, 6, (3, 3))
    dy, at = line.push(np.array([[[7.0, 8.0]]]), slice(4, 6))
    assert (dy.tolist(), at) == ([[[7, 0, 8]]], slice(3, 6))
    own, error = line.errors(np.array([[1.0, 2.0, -4.0, 8.0, 16.0, 32.0]]), np.full((1, 6), 1e-16))
    assert own == {}
    close(error, [[1e-16, 0, 2e-16 + (4 + np.sqrt(2)) * u * 5, 1e-16, 1e-16, 1e-16]])


def test_a_pool_copies_the_first_of_the_largest():
    x = np.array([[5.0, 5, 1, 2, 5, 1, 0, 1, 1, 1, 1, 0]])
    line = pool(MaxPooling, (2, 2), (1, 1), x).forward_mode()
    assert line.source.tolist() == [[0, 1, 7, 7]]
    dy, at = line.push(np.arange(12.0).reshape(1, 1, 12), slice(0, 12))
    assert (dy.tolist(), at) == ([[[0, 1, 7, 7]]], slice(0, 4))
    dy, at = line.push(np.arange(6.0, 12.0).reshape(1, 1, 6), slice(6, 12))
    assert (dy.tolist(), at) == ([[[7, 7]]], slice(2, 4))


TIED = np.array(
    [[5.0, 5, 1, 2, 5, 1, 0, 1, 9, 0, 0, 0]]
)  # a tie in both windows of the first plane, none in the second


def test_equal_entries_of_a_window_are_a_kink_where_their_tangents_differ():
    line = pool(MaxPooling, (2, 2), (1, 1), TIED, backwards=True).forward_mode()
    same = np.zeros((1, 1, 12))
    same[..., [0, 1, 4]] = 3.0, 3.0 * (1 + 2 * u), 3.0  # but for rounding
    assert line.meets_kink(same, slice(0, 12)).tolist() == [False]
    assert line.kinks is NO_KINKS
    two = np.concatenate([same, same])
    two[1, 0, 0] = 2.0  # the first window alone: the second one does not have this pixel
    assert line.meets_kink(two, slice(0, 12)).tolist() == [False, True]
    assert line.kinks.where.tolist() == [[0, 0]]
    assert (line.kinks.left.tolist(), line.kinks.right.tolist(), line.kinks.taken.tolist()) == ([0], [1], [1])
    assert line.kinks.agrees.tolist() == [True]
    assert line.meets_kink(np.ones((1, 1, 6)), slice(6, 12)).tolist() == [False]  # the other plane has no tie


def test_what_no_tie_has_meets_no_kink():
    line = pool(MaxPooling, (2, 2), (1, 1)).forward_mode()
    assert line.meets_kink(np.ones((1, 2, 12)), slice(0, 12)) is None


@pytest.mark.parametrize(("shares", "taken"), [((1, 1), 1.0), ((0.5, 0.5), 0.5), ((0, 1), 0.0)])
def test_of_equal_entries_the_first_is_to_get_all(shares, taken):
    x = np.array([[5.0, 1, 5, 2, 1, 0, 0, 0, 0, 0, 0, 9]])
    bound = pool(MaxPooling, (2, 3), (2, 3), x, backwards=True)
    wrong = np.zeros((1, 12))
    wrong[0, [0, 2, 11]] = *shares, 1
    bound.backward = lambda _dy, **_wants_dx: wrong
    line = bound.forward_mode()
    assert line.meets_kink(np.arange(12.0).reshape(1, 1, 12), slice(0, 12)).tolist() == [True]
    assert line.kinks.taken.tolist() == [taken]
    assert line.kinks.agrees.tolist() == [False]


def test_sides_of_a_pool_are_the_places_that_win_but_for_rounding():
    bound = pool(MaxPooling, (2, 2), (1, 1), TIED)
    (home,) = bound.sides(bound.kinks())
    assert home.tolist() == [[0, 0, 1, 1]]
    for change, first in ((-4 * u, 0), (1e-9, 0), (-1e-9, 1)):  # place 1 of the first window is not the first
        moved = TIED.copy()
        moved[0, 0] *= 1 + change
        bound.forward(moved)
        assert bound.sides(bound.kinks())[0][0, 0] == first


def test_an_augmentation_copies_the_tangents_as_the_pixels():
    layer, draws = Augment("a", "both", 1), np.random.default_rng(0)
    bound = bound_for(layer, context=PassContext([5]))
    line, x = bound.forward_mode(), draws.normal(size=(2, 12))
    np.testing.assert_array_equal(line.push(x[None], slice(0, 12))[0][0], bound.forward(x))
    dy, at = line.push(x[None, :, 6:], slice(6, 12))
    assert at == slice(6, 12)
    np.testing.assert_array_equal(dy[0], bound.y[:, 6:])


def test_units_on_a_kink_over_channels_are_those_of_the_image():
    x = IMAGES.copy()
    x[1, 8] = 0  # row 0, column 2 of the second plane
    line = bound_for(act("relu"), x).forward_mode()
    assert line.kinks.where.tolist() == [[1, 8]]
    assert np.argwhere(line.on_kink).tolist() == [[1, 8]]
    assert line.meets_kink(np.ones((1, 2, 1)), slice(8, 9)).tolist() == [True]
    assert line.meets_kink(np.ones((1, 2, 2)), slice(9, 11)).tolist() == [False]


def test_what_goes_over_channels_keeps_units_in_their_places():
    x = np.abs(IMAGES)
    line = bound_for(act("tanh"), x).forward_mode()
    inner = line.inner.slope.reshape(6, 2, 2)  # (pixels, m, channels)
    slope = inner.transpose(1, 2, 0).reshape(2, 12)
    np.testing.assert_allclose(slope, 1 - np.tanh(x) ** 2, rtol=1e-13)
    dx = np.random.default_rng(4).normal(size=(3, 2, 12))
    np.testing.assert_array_equal(line.push(dx, slice(0, 12))[0], dx * slope)
    dy, at = line.push(dx[..., 6:], slice(6, 12))
    assert at == slice(6, 12)
    np.testing.assert_array_equal(dy, dx[..., 6:] * slope[:, 6:])
    error = 1e-16 * np.random.default_rng(5).random((2, 12))
    flat = elementwise(line.inner.bound.value, line.inner.bound.slope, x[None]).errors(dx[0], error)[1]
    np.testing.assert_allclose(line.errors(dx[0], error)[1], flat, rtol=1e-9)
    assert line.noise.shape == (2, 12)


def test_a_channel_s_parameter_moves_its_plane():
    layer = act("prelu", ("alpha",), per_unit=True)
    line = bound_for(layer, parameters={"prelu1/alpha": np.array([0.5, -2.0])}).forward_mode()
    ((places, dy, at),) = line.tangents("alpha", np.array([1]), 4)
    assert (places.tolist(), at) == ([0], slice(0, 12))
    np.testing.assert_array_equal(dy[0], np.minimum(IMAGES, 0) * (np.arange(12) >= 6))
