"""Every activation against its mathematics at 50 digits, against its own formula, and at the edges of what floats hold.

Activations of whole rows have a part of their own, below the elementwise ones.
"""

import ast
import operator
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from strategies import network_of

from nnlab.maths.activations import ACTIVATIONS, Activation, RowActivation
from nnlab.maths.functions import float32
from nnlab.maths.functions.exact import product, square, total
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.parameters import Parameter, resolved
from nnlab.networks.network import Pass

INF, NAN = float("inf"), float("nan")
NAMES = [name for name, entry in ACTIVATIONS.items() if isinstance(entry, Activation)]
ROWS = [name for name, entry in ACTIVATIONS.items() if isinstance(entry, RowActivation)]
ENTRY, ROW = pytest.mark.parametrize("name", NAMES), pytest.mark.parametrize("name", ROWS)
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Parameters other than the defaults; with all kinks on the grid of the test that looks for them.
CHOSEN = {
    "relu": [
        {"negative_slope": 0.2, "max_value": 1.5, "threshold": 0.5},
        {"max_value": 6.0},
        {"threshold": 1.0},
        {"negative_slope": -0.3},
        {"negative_slope": -1.0},
        {"negative_slope": 0.3, "max_value": 1.0, "threshold": 2.0},
    ],
    "leaky_relu": [{"negative_slope": -0.5}, {"negative_slope": 0.0}, {"negative_slope": 1.5}],
    "prelu": [{"alpha": -0.5}, {"alpha": 0.0}],
    "rrelu": [{"lower": 0.2, "upper": 0.2}, {"lower": 0.0, "upper": 0.0}],
    "threshold": [{"threshold": -0.5, "value": 3.0}, {"threshold": 2.0, "value": -1.0}],
    "elu": [{"alpha": 0.3}, {"alpha": 2.0}],
    "celu": [{"alpha": 0.3}, {"alpha": 2.5}],
    "swish": [{"beta": 2.0}, {"beta": -0.7}, {"beta": 0.0}],
    "softplus": [{"beta": 0.3}, {"beta": 2.0}, {"beta": 5.0}],
    "squareplus": [{"b": 0.25}, {"b": 1e-3}],
    "soft_shrink": [{"threshold": 1.5}, {"threshold": 0.0}],
    "hard_shrink": [{"threshold": 1.5}, {"threshold": 0.0}],
    "snake": [{"frequency": 0.3}, {"frequency": 4.0}],
    "soft_exponential": [{"alpha": a} for a in (-1.0, -0.5, -1e-9, 1e-9, 0.7)],
}
CASES = [(name, chosen) for name in NAMES for chosen in [{}, *CHOSEN.get(name, [])]]
CASE = pytest.mark.parametrize(
    ("name", "chosen"), CASES, ids=[name + "".join(f"-{k}={v:g}" for k, v in chosen.items()) for name, chosen in CASES]
)


# --- Order ------------------------------------------------------------------------------------------------------------


@CASE
def test_an_increasing_activation_increases(name, chosen):
    """For all parameters; where it says so, equal outputs of different inputs can only be rounding."""
    entry = ACTIVATIONS[name]
    z = np.linspace(-5, 5, 2001)
    a = np.empty_like(z)
    entry.value(z, a, **resolved(entry, chosen))
    if entry.increasing:
        assert (np.diff(a) > 0).all()


def test_the_others_fall_or_are_flat_or_may_be_made_so_by_their_parameters():
    others = {name for name in NAMES if not ACTIVATIONS[name].increasing}
    flat = {"relu", "relu6", "heaviside", "hard_sigmoid", "hard_tanh", "threshold", "sparse_plus", "sparse_sigmoid"}
    falling = {"gelu", "gelu_tanh", "silu", "swish", "hard_silu", "mish", "gaussian", "sin"}
    by_parameters = {"leaky_relu", "prelu", "rrelu", "soft_exponential"}
    assert others == flat | falling | by_parameters | {"soft_shrink", "hard_shrink"}


# --- arithmetic with an error term -----------------------------------------------------------------------------------


@FLOATS
def test_a_rounded_result_and_its_error_make_the_exact_one(dtype):
    random = np.random.default_rng(3)
    x, y = (random.normal(size=20_000) * 2.0 ** random.integers(-20, 20, 20_000) for _ in range(2))
    x, y = x.astype(dtype), y.astype(dtype)
    for found, exact in (
        (square(x), lambda x, _y: x * x),
        (product(x, y), operator.mul),
        (total(x, y), operator.add),
    ):
        assert {part.dtype for part in found} == {np.dtype(dtype)}
        for rounded, error, *given in zip(*(part.tolist() for part in (*found, x, y)), strict=True):
            assert Fraction(rounded) + Fraction(error) == exact(*map(Fraction, given))


def value(name, z, **parameters):
    entry = ACTIVATIONS[name].forms(z.dtype)
    out = np.full_like(z, 77)
    entry.value(z, out, **resolved(entry, {}) | parameters)
    return out


def slope(name, z, **parameters):
    entry = ACTIVATIONS[name].forms(z.dtype)
    out = np.full_like(z, 77)
    entry.slope(z, value(name, z, **parameters), out, **resolved(entry, {}) | parameters)
    return out


def parameter_slope(name, parameter, z, **parameters):
    entry = ACTIVATIONS[name]
    out = np.full_like(z, 77)
    entry.parameter_slopes[parameter](z, value(name, z, **parameters), out, **resolved(entry, {}) | parameters)
    return out


# --- Against 50 digits ------------------------------------------------------------------------------------------------

mp.mp.dps = 50
SELU_SCALE, SELU_ALPHA = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")
TAU = 2 * mp.sqrt(2 / mp.pi)


@dataclass(frozen=True)
class Exact:
    """The mathematics of an activation with its default parameters, and how far float64 may be off.

    `ulps` bounds value and slope in units of the last place for |z| <= within. `about` bounds them absolutely where
    terms cancel near a root, whose digits no arithmetic in float64 keeps; an error may satisfy either.
    """

    value: object
    slope: object
    ulps: tuple[float, float]
    within: float = INF
    about: tuple[float, float] = (0, 0)
    single: dict = field(default_factory=dict)


def logistic(x):
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def bump(x):
    return logistic(x) * logistic(-x)


def softplus(x):
    return max(x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x)))


def phi(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def cubic(x):
    return TAU * (x + mp.mpf("0.044715") * x**3)


def cubic_slope(x):
    return TAU * (1 + 3 * mp.mpf("0.044715") * x * x)


def mish_gate(x):
    e = mp.exp(-abs(x))
    return (1 + 2 * e) / (1 + 2 * e + 2 * e * e) if x > 0 else e * (e + 2) / (e * (e + 2) + 2)


def mish_shut(x):
    e = mp.exp(-abs(x))
    return 2 * e * e / (1 + 2 * e + 2 * e * e) if x > 0 else 2 / (e * (e + 2) + 2)


def clip(x, low, high):
    return min(max(x, mp.mpf(low)), mp.mpf(high))


def between(low, high, inside):
    return lambda x: mp.mpf(inside) if low < x <= high else mp.mpf(0)


def below_zero(below, inside):
    """Value and slope of a function that is the identity above 0."""
    return lambda x: x if x > 0 else below(x), lambda x: mp.mpf(1) if x > 0 else inside(x)


def leaky(share):
    return below_zero(lambda x: share * x, lambda _: share)


ELU = below_zero(mp.expm1, mp.exp)
SILU = lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * logistic(-x))
IDENTITY = lambda x: x, lambda _: mp.mpf(1)
EPS = 2.0**-52

# An elementary function of NumPy is off by at most 1, an operation by 1/2, and a square doubles. Gates and their slopes
# are promised to 8 within ±5, where their slope's root is; further out the cubic of gelu_tanh alone loses digits.
REFERENCES = {
    "identity": Exact(*IDENTITY, (0, 0)),
    "heaviside": Exact(lambda x: mp.mpf(x > 0), lambda _: mp.mpf(0), (0, 0)),
    "sigmoid": Exact(logistic, bump, (2, 4)),
    "hard_sigmoid": Exact(
        lambda x: clip(x / 6 + 0.5, 0, 1), between(-3, 3, mp.mpf(1) / 6), (1, 0.5), about=(EPS / 4, 0)
    ),
    "log_sigmoid": Exact(lambda x: -softplus(-x), lambda x: logistic(-x), (2, 4)),
    "tanh": Exact(mp.tanh, lambda x: 4 * bump(2 * x), (2, 4)),
    "hard_tanh": Exact(lambda x: clip(x, -1, 1), between(-1, 1, 1), (0, 0)),
    "tanh_shrink": Exact(lambda x: x - mp.tanh(x), lambda x: mp.tanh(x) ** 2, (2, 3), about=(EPS, 0)),
    "relu": Exact(lambda x: max(x, mp.mpf(0)), lambda x: mp.mpf(x > 0), (0, 0)),
    "relu6": Exact(lambda x: clip(x, 0, 6), between(0, 6, 1), (0, 0)),
    "leaky_relu": Exact(*leaky(mp.mpf(0.01)), (0.5, 0)),
    "prelu": Exact(*leaky(mp.mpf(0.25)), (0.5, 0)),
    "rrelu": Exact(*leaky((mp.mpf(1) / 8 + mp.mpf(1) / 3) / 2), (1.5, 1)),
    "threshold": Exact(lambda x: x if x > 1 else mp.mpf(0), lambda x: mp.mpf(x > 1), (0, 0)),
    "elu": Exact(*ELU, (2, 2)),
    "selu": Exact(*(lambda x, f=f, c=c: SELU_SCALE * (c(x) if x > 0 else SELU_ALPHA * f(x)) for f, c in
                    ((mp.expm1, lambda x: x), (mp.exp, lambda _: 1))), (2, 2)),
    "celu": Exact(*ELU, (2, 2)),
    "gelu": Exact(lambda x: x * phi(x), lambda x: phi(x) + x * mp.npdf(x), (8, 8), 5),
    "gelu_tanh": Exact(
        lambda x: x * logistic(cubic(x)),
        lambda x: logistic(cubic(x)) * (1 + x * logistic(-cubic(x)) * cubic_slope(x)),
        (8, 8), 5,
    ),
    "silu": Exact(*SILU, (8, 8), 5),
    "swish": Exact(*SILU, (8, 8), 5),
    "hard_silu": Exact(
        lambda x: x * clip(x / 6 + 0.5, 0, 1),
        lambda x: mp.mpf(0) if x <= -3 else mp.mpf(1) if x > 3 else x / 3 + 0.5,
        (2, 1), about=(EPS, EPS / 2),
    ),
    "mish": Exact(
        lambda x: x * mish_gate(x),
        lambda x: mish_gate(x) + x * logistic(x) * mish_shut(x) * (1 + mish_gate(x)),
        (8, 8), 5,
    ),
    "softplus": Exact(softplus, logistic, (2, 4)),
    "softsign": Exact(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, (1.5, 4)),
    "squareplus": Exact(
        lambda x: (x + mp.sqrt(x * x + 4)) / 2 if x > 0 else 2 / (mp.sqrt(x * x + 4) - x),
        lambda x: (1 + x / mp.sqrt(x * x + 4)) / 2 if x > 0 else 2 / mp.sqrt(x * x + 4) / (mp.sqrt(x * x + 4) - x),
        (3, 4),
    ),
    "sparse_plus": Exact(lambda x: x if x >= 1 else max(x + 1, mp.mpf(0)) ** 2 / 4, lambda x: clip((x + 1) / 2, 0, 1),
                         (2, 0.5)),
    "sparse_sigmoid": Exact(lambda x: clip((x + 1) / 2, 0, 1), between(-1, 1, 0.5), (0.5, 0)),
    "soft_shrink": Exact(lambda x: x - clip(x, -0.5, 0.5), lambda x: mp.mpf(x <= -0.5 or x > 0.5), (0.5, 0)),
    "hard_shrink": Exact(lambda x: x if abs(x) > 0.5 else mp.mpf(0), lambda x: mp.mpf(abs(x) > 0.5), (0, 0)),
    "exponential": Exact(mp.exp, mp.exp, (1, 1)),
    "gaussian": Exact(lambda x: mp.exp(-x * x), lambda x: -2 * x * mp.exp(-x * x), (4, 5), about=(0, 3e-322)),
    "sin": Exact(mp.sin, mp.cos, (2, 2)),
    "snake": Exact(lambda x: x + mp.sin(x) ** 2, lambda x: 1 + mp.sin(2 * x), (4, 2), 1e300, about=(0, EPS)),
    "bent_identity": Exact(
        lambda x: x * x / (mp.sqrt(x * x + 1) + 1) / 2 + x, lambda x: x / (2 * mp.sqrt(x * x + 1)) + 1, (2.5, 2)
    ),
    "soft_exponential": Exact(*IDENTITY, (0, 0)),
}  # fmt: skip


HARDEST = (-3.0165621381126826, -2.5225993780305767, -1.2586359491594203, -1.2248925841027214, -1.9209586575516346)


@cache
def points(within):
    """2,600 points and more: of every exponent, around the underflow of exp(z) and exp(2z), dense in the middle."""
    rng = np.random.default_rng(5)
    corners = np.array([0, 5e-324, 2.3e-308, 1e-16, 1, 18.5, 36.7, 372.5, 709.8, 745.1, 745.2, 1e4, 1e308])
    # The hardest of 10 million points for tanh and sigmoid, and those of 60,000 for the gates.
    worst = np.array([4.851098620890227, 4.84477783379446, 2.063678103204733, *HARDEST])
    below = rng.uniform(705, 746, 100)
    sizes = np.concatenate([10 ** rng.uniform(-323, 308, 300), corners, worst, below, below / 2])
    z = np.concatenate([sizes, -sizes, rng.uniform(-40, 40, 1000), rng.uniform(-3, 3, 600)])
    return z if within == INF else np.concatenate([z[np.abs(z) <= within], rng.uniform(-within, within, 2000)])


LARGEST = mp.mpf(np.finfo(float).max)


def ulps(found, exact):
    """The error in units of the last place of the exact value; an infinity is right where the exact one overflows."""
    if abs(exact) > LARGEST:
        return 0.0 if np.isinf(found) and (found > 0) == (exact > 0) else INF
    if not np.isfinite(found):
        return INF
    return float(abs(mp.mpf(float(found)) - exact) / mp.mpf(float(np.spacing(abs(float(exact))))))


def assert_near(z, found, reference, bound, about):
    """Every value is within `bound` ULP of the exact one, or within `about` of it."""
    wrong = {}
    for x, number in zip(z.tolist(), found.tolist(), strict=True):
        exact = reference(mp.mpf(x))
        error = ulps(number, exact)
        if error > bound and not abs(mp.mpf(number) - exact) <= about:
            wrong[x] = error
    assert not wrong, f"{len(wrong)} of {len(z)}, worst {max(wrong.values()):.3g} ULP at {max(wrong, key=wrong.get)}"


def test_every_activation_has_a_reference():
    assert set(REFERENCES) == set(NAMES)


@ENTRY
def test_values_are_right_to_the_last_places(name):
    exact = REFERENCES[name]
    z = points(exact.within)
    assert len(z) >= 2000
    with np.errstate(under="ignore"):
        assert_near(z, value(name, z), exact.value, exact.ulps[0], exact.about[0])


@ENTRY
def test_slopes_are_right_to_the_last_places_also_in_the_tails(name):
    exact = REFERENCES[name]
    z = points(exact.within)
    with np.errstate(under="ignore"):
        assert_near(z, slope(name, z), exact.slope, exact.ulps[1], exact.about[1])


@pytest.mark.parametrize(("name", "bounds"), [("gelu", (8, 8)), ("silu", (4, 5)), ("mish", (5, 7))])
def test_gates_keep_their_digits_while_they_close(name, bounds):
    z = np.random.default_rng(7).uniform(-37, -5, 500)
    exact = REFERENCES[name]
    assert_near(z, value(name, z), exact.value, bounds[0], 0)
    assert_near(z, slope(name, z), exact.slope, bounds[1], 0)


# float32 is off from float64 by at most 4 ULP in value and 6 in slope, NumPy's exp by up to 2.5 of them; or by this,
# where terms cancel.
SINGLE_ABOUT = {
    "hard_sigmoid": 1e-7, "tanh_shrink": 2e-7, "hard_silu": 3e-7, "gelu": 5e-7, "gelu_tanh": 1e-6, "silu": 5e-7,
    "swish": 5e-7, "mish": 5e-7, "snake": 4e-7,
    "gaussian": 4e-44,  # a denormal value times z
}  # fmt: skip


@ENTRY
def test_single_precision_is_right_to_its_last_places(name):
    z = np.concatenate([points(INF), np.random.default_rng(6).uniform(-105, 105, 5000)])
    z = z[np.abs(z) < 1e38].astype(np.float32)
    with np.errstate(under="ignore", over="ignore"):
        for function, bound in ((value, 4), (slope, 6)):
            exact = function(name, z.astype(np.float64))
            held = exact.astype(np.float32)
            near = np.isfinite(held)
            error = np.abs(function(name, z)[near] - exact[near])
            allowed = np.maximum(bound * np.spacing(np.abs(held[near])), SINGLE_ABOUT.get(name, 0))
            at = np.argmax(error / allowed)
            assert (error <= allowed).all(), (function.__name__, z[near][at], error[at] / allowed[at] * bound)
            np.testing.assert_array_equal(function(name, z)[~near], held[~near])


# --- Against their formulas -------------------------------------------------------------------------------------------

ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
ARITHMETIC |= {ast.Pow: operator.pow}
COMPARISONS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
FUNCTIONS = {"sigmoid": logistic, "erf": mp.erf, "exp": mp.exp, "log": mp.log, "tanh": mp.tanh, "cosh": mp.cosh}
FUNCTIONS |= {"sqrt": mp.sqrt, "sin": mp.sin, "cos": mp.cos, "abs": abs, "min": min, "max": max}


def calculate(node, names):  # noqa: PLR0911 - a table of cases
    """The number, or the truth, that a formula's tree says; `where` looks at the branch that it takes only."""
    match node:
        case ast.Constant(value=number):
            return mp.mpf(str(number))
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -calculate(inner, names)
        case ast.BinOp(left=left, op=op, right=right):
            return ARITHMETIC[type(op)](calculate(left, names), calculate(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return COMPARISONS[type(op)](calculate(left, names), calculate(right, names))
        case ast.BoolOp(op=op, values=parts):
            return (all if isinstance(op, ast.And) else any)(calculate(part, names) for part in parts)
        case ast.Call(func=ast.Name(id="where"), args=[condition, this, that]):
            return calculate(this if calculate(condition, names) else that, names)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(calculate(argument, names) for argument in arguments))
    raise AssertionError(ast.dump(node))


def in_domain(name, z, margin=0.0, **chosen):
    """The points where the function is a number: a logarithm ends where 1 - alpha (z + alpha) does."""
    alpha = chosen.get("alpha", 0)
    return z[1 - alpha * (z + alpha) > margin] if name == "soft_exponential" and alpha < 0 else z


def assert_formula(text, name, function, chosen):
    z = in_domain(name, np.concatenate([np.arange(-48, 49) / 8, [-20.3, -11.1, 7.7, 13.9]]), **chosen)
    tree = ast.parse(text, mode="eval").body
    parameters = resolved(ACTIVATIONS[name], chosen)
    names = {key: mp.mpf(number) for key, number in parameters.items()} | {"pi": mp.pi}
    found = function(name, z, **chosen)
    for x, number in zip(z.tolist(), found.tolist(), strict=True):
        exact = calculate(tree, names | {"x": mp.mpf(x)})
        assert abs(number - exact) <= 1e-14 * abs(exact) + 4 * EPS, f"{text} at {x} is {mp.nstr(exact)}, found {number}"


@CASE
def test_values_are_what_the_formula_says(name, chosen):
    assert_formula(ACTIVATIONS[name].formula, name, value, chosen)


EXPLAINED = {"gelu_tanh", "mish"}  # whose slope formulas name a part of themselves
TANH_PART = "sqrt(2 / pi) * (x + 0.044715 * x**3)"  # what the dots of gelu_tanh's stand for


@CASE
def test_slopes_are_what_the_formula_says(name, chosen):
    text = ACTIVATIONS[name].slope_formula
    if name in EXPLAINED:
        part, inner = re.fullmatch(r"(.+), [sg] = (.+)", text).groups()
        text = re.sub(r"\b[sg]\b", f"({inner.replace('…', TANH_PART)})", part)
    assert_formula(text, name, slope, chosen)


# --- Edges ------------------------------------------------------------------------------------------------------------

GATE, UNIT, LINE = (0, INF, 0, 1), (0, 1, 0, 0), (-INF, INF, 1, 1)
LIMITS = {  # f(-∞), f(∞), f'(-∞), f'(∞)
    "identity": LINE, "heaviside": UNIT, "sigmoid": UNIT, "hard_sigmoid": UNIT, "log_sigmoid": (-INF, 0, 1, 0),
    "tanh": (-1, 1, 0, 0), "hard_tanh": (-1, 1, 0, 0), "tanh_shrink": LINE, "relu": GATE, "relu6": (0, 6, 0, 0),
    "leaky_relu": (-INF, INF, 0.01, 1), "prelu": (-INF, INF, 0.25, 1), "rrelu": (-INF, INF, (1 / 8 + 1 / 3) / 2, 1),
    "threshold": GATE, "elu": (-1, INF, 0, 1), "selu": (-1.7580993408473768, INF, 0, 1.0507009873554805),
    "celu": (-1, INF, 0, 1), "gelu": GATE, "gelu_tanh": GATE, "silu": GATE, "swish": GATE, "hard_silu": GATE,
    "mish": GATE, "softplus": GATE, "softsign": (-1, 1, 0, 0), "squareplus": GATE, "sparse_plus": GATE,
    "sparse_sigmoid": UNIT, "soft_shrink": LINE, "hard_shrink": LINE, "exponential": (0, INF, 0, INF),
    "gaussian": (0, 0, 0, 0), "sin": (NAN, NAN, NAN, NAN), "snake": (-INF, INF, NAN, NAN),
    "bent_identity": (-INF, INF, 0.5, 1.5), "soft_exponential": LINE,
}  # fmt: skip


@FLOATS
@ENTRY
def test_limits_at_infinity(name, dtype):
    ends = np.array([-INF, INF], dtype)
    limits = np.array(LIMITS[name], dtype)
    np.testing.assert_array_equal(value(name, ends), limits[:2])
    np.testing.assert_array_equal(slope(name, ends), limits[2:])


@FLOATS
@CASE
def test_nan_gives_nan(name, chosen, dtype):
    z = np.array([NAN, 1.0], dtype)
    for function in (value, slope):
        assert np.isnan(function(name, z, **chosen)).tolist() == [True, False], function.__name__


def layouts(z):
    """The same numbers (R, m, units) as they may lie in memory: in C order, replicas innermost, with gaps."""
    wider = np.full((*z.shape[:2], z.shape[2] + 1), NAN, z.dtype)  # the last unit is none of theirs
    wider[..., :-1] = z
    return z, np.asfortranarray(z), wider[..., :-1]


@FLOATS
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_a_rare_number_is_found_wherever_it_lies(name, dtype):
    """These first look for a nan, or for a number of which exp overflows."""
    for rare in (NAN, -100.0, 100.0):
        expected = [function(name, np.array([rare], dtype))[0] for function in (value, slope)]
        for place in ((0, 0, 0), (3, 1, 2), (4, 3, 2)):
            z = np.linspace(-2, 2, 60, dtype=dtype).reshape(5, 4, 3)
            z[place] = rare
            found = [[function(name, lying)[place] for function in (value, slope)] for lying in layouts(z)]
            np.testing.assert_allclose(found, [expected] * 3, rtol=1e-6, err_msg=f"{rare} at {place}")


@FLOATS
@CASE
def test_nothing_warns_where_the_result_can_be_held(name, chosen, dtype):
    largest = np.finfo(dtype).max
    tiny = np.finfo(dtype).smallest_subnormal
    z = np.array([-largest, -1e4, -750, -100, -tiny, 0, tiny, 100, 750, 1e4, largest / 2, NAN, -INF, INF], dtype)
    with np.errstate(all="raise", under="ignore"):
        value(name, z, **chosen)
        slope(name, z, **chosen)
        for parameter in ACTIVATIONS[name].parameter_slopes:  # which may grow with the square of z
            parameter_slope(name, parameter, z[(np.abs(z) < 1e5) | ~np.isfinite(z)], **chosen)


@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3, 5)])
@FLOATS
@ENTRY
def test_shape_and_precision_are_kept(name, dtype, shape):
    z = np.linspace(-3, 3, int(np.prod(shape))).reshape(shape).astype(dtype)
    for function in (value, slope):
        result = function(name, z)
        assert (result.shape, result.dtype) == (shape, dtype)
        assert not (result == 77).any()


@ENTRY
def test_z_is_left_as_it_was(name):
    z = np.linspace(-3, 3, 13)
    value(name, z)
    slope(name, z)
    for parameter in ACTIVATIONS[name].parameter_slopes:
        parameter_slope(name, parameter, z)
    np.testing.assert_array_equal(z, np.linspace(-3, 3, 13))


# relu's range is that of its defaults, swish's that of a gate that opens upwards.
RANGED = [(name, chosen) for name, chosen in CASES if not (name == "relu" and chosen) and chosen.get("beta", 1) > 0]


@pytest.mark.parametrize(("name", "chosen"), RANGED, ids=str)
def test_values_lie_in_the_stated_range(name, chosen):
    parameters = resolved(ACTIVATIONS[name], chosen)
    brackets, inner = ACTIVATIONS[name].range[0] + ACTIVATIONS[name].range[-1], ACTIVATIONS[name].range[1:-1]
    ends = [part.replace("∞", "inf") for part in inner.split(", ")]
    names = {key: mp.mpf(number) for key, number in parameters.items()} | {"inf": mp.inf}
    low, high = (float(calculate(ast.parse(end, mode="eval").body, names)) for end in ends)
    z = in_domain(name, points(INF), **chosen)
    with np.errstate(under="ignore"):
        values = value(name, z, **chosen)
    assert values.min() >= low
    assert values.max() <= high
    if brackets == "{}":
        assert set(values.tolist()) == {low, high}
    # An end that is not reached is stated in three places.
    assert values.min() <= low + 1e-3 / parameters.get("beta", 1) or low == -INF
    assert values.max() >= high - 1e-3 or high == INF


# --- Slopes -----------------------------------------------------------------------------------------------------------

# A central difference with ε = 1e-5 is off by ε²/6 |f'''| + 1e-16 |f| / ε, here below 1e-9 (1 + |f|) unless |f'''| is
# beyond 60, as near the end of a logarithm.
EPSILON, TOLERANCE = 1e-5, 1e-9


@CASE
def test_the_slope_is_the_numeric_derivative(name, chosen):
    z = in_domain(name, np.linspace(-6, 6, 1201) + 0.005, margin=0.5, **chosen)  # no point lies within ε of a kink
    numeric = (value(name, z + EPSILON, **chosen) - value(name, z - EPSILON, **chosen)) / (2 * EPSILON)
    # Near -1e-3 squareplus with b = 1e-3 has |f'''| of 1e3.
    tolerance = 1e-7 if chosen == {"b": 1e-3} else 3 * TOLERANCE
    np.testing.assert_allclose(slope(name, z, **chosen), numeric, rtol=tolerance, atol=tolerance)


def kinks_of(name, chosen):
    entry = ACTIVATIONS[name]
    return sorted({float(kink) for kink in entry.kinks(**resolved(entry, chosen))})


def jumps_of(name, chosen):
    """The points of a grid of 1/64 where the slope or the value jumps."""
    at, h = np.arange(-7 * 64, 7 * 64 + 1) / 64, 1e-11
    at = in_domain(name, at, margin=0.1, **chosen)
    with np.errstate(under="ignore"):
        jumps = [np.abs(f(name, at - h, **chosen) - f(name, at + h, **chosen)) > 1e-6 for f in (value, slope)]
    return at[jumps[0] | jumps[1]].tolist()


@CASE
def test_kinks_are_where_the_value_or_slope_jumps(name, chosen):
    jumps, stated = jumps_of(name, chosen), kinks_of(name, chosen)
    if chosen in ({"threshold": 0.0}, {"negative_slope": 0.3, "max_value": 1.0, "threshold": 2.0}):
        assert set(jumps) <= set(stated)  # of two kinks that lie together or hide each other, one may be no kink
    else:
        assert jumps == stated


@CASE
def test_the_slope_at_a_kink_is_the_one_stated(name, chosen):
    entry, kinks = ACTIVATIONS[name], np.array(kinks_of(name, chosen))
    if not kinks.size:
        return
    assert entry.at_kink in ("the left slope", "0")
    at_kink = slope(name, kinks, **chosen)
    if entry.at_kink == "0":
        assert not at_kink.any()
    else:
        np.testing.assert_allclose(at_kink, slope(name, kinks - 1e-12, **chosen), rtol=1e-10)
        np.testing.assert_allclose(value(name, kinks, **chosen), value(name, kinks - 1e-12, **chosen), atol=1e-10)


@ENTRY
def test_what_is_taken_at_a_kink_is_said_where_there_are_kinks(name):
    chosen = [given for other, given in CASES if other == name]
    assert bool(ACTIVATIONS[name].at_kink) == any(kinks_of(name, given) for given in chosen)


def test_the_left_slope_at_zero():
    zero = np.zeros(1)
    found = {name: slope(name, zero)[0] for name in ("relu", "leaky_relu", "prelu")}
    assert found == {"relu": 0, "leaky_relu": 0.01, "prelu": 0.25}
    assert slope("elu", zero, alpha=0.3)[0] == 0.3


def test_a_relu_whose_negative_slope_is_1_is_the_identity():
    z = np.array([-INF, -2.5, -0.0, 3.0])
    np.testing.assert_array_equal(value("relu", z, negative_slope=1.0), z)
    np.testing.assert_array_equal(slope("relu", z, negative_slope=1.0), np.ones(4))


def test_on_a_kink_a_parameters_slope_is_that_on_the_left():
    at = np.array([1.5])
    assert parameter_slope("relu", "max_value", at, max_value=1.5) == 0
    assert parameter_slope("relu", "threshold", at, threshold=1.5, negative_slope=0.25) == -0.25
    assert parameter_slope("relu", "max_value", at, max_value=1.0, threshold=1.5) == 0
    assert parameter_slope("soft_shrink", "threshold", at, threshold=1.5) == 0


def test_far_away_a_softplus_does_not_depend_on_beta():
    z = np.array([-1e300, -1000.0, 1000.0, 1e300])
    np.testing.assert_array_equal(parameter_slope("softplus", "beta", z), np.zeros(4))


@FLOATS
def test_a_swish_with_beta_0_is_half_of_z_even_at_infinity(dtype):
    z = np.array([-INF, -2.0, 4.0, INF], dtype)
    np.testing.assert_array_equal(value("swish", z, beta=0.0), z / 2)
    np.testing.assert_array_equal(slope("swish", z, beta=0.0), np.full(4, 0.5))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("leaky_relu", {"negative_slope": 0.0}),
        ("prelu", {"alpha": 0.0}),
        ("prelu", {"alpha": np.array([0.0, 0.0])}),
        ("relu", {"negative_slope": 0.0, "max_value": 6.0}),
    ],
)
def test_a_slope_of_zero_gives_zero_even_at_minus_infinity(name, given):
    assert value(name, np.array([-np.inf, -1.0]), **given).tolist() == [0, 0]


@pytest.mark.parametrize("name", ["heaviside", "threshold", "hard_shrink"])
def test_these_jump_in_value(name):
    kinks = np.array(kinks_of(name, {}))
    np.testing.assert_array_equal(value(name, kinks), 0)
    beyond = value(name, np.nextafter(kinks, kinks * INF if name != "heaviside" else INF))
    np.testing.assert_allclose(np.abs(beyond), {"heaviside": 1, "threshold": 1, "hard_shrink": 0.5}[name], rtol=1e-15)


def test_only_a_function_without_any_slope_is_untrainable():
    assert [name for name in NAMES if ACTIVATIONS[name].untrainable] == ["heaviside"]
    assert "its slope is 0 everywhere" in ACTIVATIONS["heaviside"].untrainable
    z = points(INF)
    assert [name for name in NAMES if not slope(name, np.array([-1.5, 0.3, 1.1])).any()] == ["heaviside"]
    assert not slope("heaviside", z).any()


# --- Parameters -------------------------------------------------------------------------------------------------------

BY = {
    ("relu", "negative_slope"): [{"negative_slope": s, "threshold": t} for s in (-0.5, 0.0, 0.4) for t in (0.0, 1.0)],
    ("relu", "max_value"): [
        {"max_value": 0.5},
        {"max_value": 2.0, "negative_slope": 0.2, "threshold": 1.0},
        {"max_value": 1.0, "threshold": 2.0, "negative_slope": 0.2},
    ],
    ("relu", "threshold"): [
        {"negative_slope": s, "max_value": 3.0, "threshold": t}
        for s in (0, 0.3) for t in (0.25, 2)],
    ("leaky_relu", "negative_slope"): [{"negative_slope": s} for s in (-0.5, 0.0, 0.4)],
    ("prelu", "alpha"): [{"alpha": a} for a in (-0.5, 0.0, 0.4)],
    ("elu", "alpha"): [{"alpha": a} for a in (0.3, 1.0, 2.0)],
    ("celu", "alpha"): [{"alpha": a} for a in (0.3, 1.0, 2.0)],
    ("swish", "beta"): [{"beta": b} for b in (-0.7, 0.0, 1.0, 3.0)],
    ("softplus", "beta"): [{"beta": b} for b in (0.3, 1.0, 4.0)],
    ("squareplus", "b"): [{"b": b} for b in (0.25, 4.0, 9.0)],
    ("soft_shrink", "threshold"): [{"threshold": t} for t in (0.25, 0.5, 2.0)],
    ("snake", "frequency"): [{"frequency": f} for f in (0.5, 1.0, 3.0)],
    ("soft_exponential", "alpha"): [{"alpha": a} for a in (-0.4, 0.0, 0.2, 0.7)],
}  # fmt: skip
BY_PARAMETER = pytest.mark.parametrize(("name", "parameter"), BY, ids=str)


@ENTRY
def test_learnable_parameters_have_slopes(name):
    entry = ACTIVATIONS[name]
    assert {p.name for p in entry.parameters if p.learnable} == set(entry.parameter_slopes)
    assert {p for other, p in BY if other == name} == set(entry.parameter_slopes)


@BY_PARAMETER
def test_the_slope_by_a_parameter_is_the_numeric_derivative(name, parameter):
    for chosen in BY[name, parameter]:
        z = in_domain(name, np.linspace(-6, 6, 1201) + 0.005, margin=0.5, **chosen)
        above, below = (value(name, z, **chosen | {parameter: chosen[parameter] + e}) for e in (EPSILON, -EPSILON))
        found = parameter_slope(name, parameter, z, **chosen)
        # The third derivative by alpha of a soft exponential and by the frequency of a snake grows with z; at alpha = 0
        # the second one jumps.
        tolerance = (
            1e-3
            if chosen == {"alpha": 0.0} and name == "soft_exponential"
            else {"soft_exponential": 2e-7, "snake": 2e-8}.get(name, 3 * TOLERANCE)
        )
        np.testing.assert_allclose(
            found, (above - below) / (2 * EPSILON), rtol=tolerance, atol=tolerance, err_msg=chosen
        )


@BY_PARAMETER
@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 4)])
@FLOATS
def test_parameters_broadcast_over_replicas_and_units(name, parameter, shape, dtype):
    z = np.random.default_rng(1).normal(size=(3, 5, 4)).astype(dtype)
    others = {key: number for key, number in BY[name, parameter][-1].items() if key != parameter}
    values = np.random.default_rng(2).uniform(0.1, 2, shape).astype(dtype)
    values[0] *= -1 if parameter in ("negative_slope", "beta") and name != "softplus" else 1
    full = np.broadcast_to(values, z.shape)
    functions = (value, slope, lambda n, x, **p: parameter_slope(n, parameter, x, **p))
    for function in functions:
        found = function(name, z, **others, **{parameter: values})
        assert found.dtype == dtype
        for replica, unit in np.ndindex(3, 4):
            own = {parameter: full[replica, 0, unit].item()}
            alone = function(name, z[replica, :, unit].copy(), **others, **own)
            np.testing.assert_allclose(found[replica, :, unit], alone, rtol=8 * np.finfo(dtype).eps, atol=1e-30)
        one_by_one = [function(name, z[[r]], **others, **{parameter: values[[r]]}) for r in range(3)]
        np.testing.assert_array_equal(found, np.concatenate(one_by_one))


@BY_PARAMETER
def test_replicas_with_parameters_of_their_own_may_share_their_inputs(name, parameter):
    """As in a first layer, whose z is (1, m, units) for all replicas."""
    entry, chosen = ACTIVATIONS[name], dict(BY[name, parameter][-1])
    z = np.random.default_rng(1).normal(size=(1, 5, 4))
    chosen = resolved(entry, chosen) | {parameter: np.array([0.3, 0.7, 1.5])[:, None, None]}
    each = np.repeat(z, 3, axis=0)
    a, expected = np.full((2, 3, 5, 4), 77.0)
    entry.value(z, a, **chosen)
    entry.value(each, expected, **chosen)
    np.testing.assert_array_equal(a, expected)
    for function in (entry.slope, entry.parameter_slopes[parameter]):
        found, expected = np.full((2, 3, 5, 4), 77.0)
        function(z, a, found, **chosen)
        function(each, a, expected, **chosen)
        np.testing.assert_array_equal(found, expected)


@BY_PARAMETER
def test_nan_gives_nan_by_parameter(name, parameter):
    for chosen in BY[name, parameter]:
        found = parameter_slope(name, parameter, np.array([NAN, 0.6]), **chosen)
        assert np.isnan(found).tolist() == [True, False]


@pytest.mark.parametrize(
    ("chosen", "values", "slopes"),
    [
        ({}, [0, 0, 0, 0.5, 1, 2, 9], [0, 0, 0, 1, 1, 1, 1]),
        ({"negative_slope": 0.5}, [-2, -0.5, 0, 0.5, 1, 2, 9], [0.5, 0.5, 0.5, 1, 1, 1, 1]),
        ({"max_value": 1.0}, [0, 0, 0, 0.5, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0]),
        ({"threshold": 1.0}, [0, 0, 0, 0, 0, 2, 9], [0, 0, 0, 0, 0, 1, 1]),
        ({"negative_slope": 0.5, "threshold": 1.0}, [-2.5, -1, -0.5, -0.25, 0, 2, 9], [0.5, 0.5, 0.5, 0.5, 0.5, 1, 1]),
        ({"negative_slope": 0.5, "max_value": 2.0, "threshold": 1.0}, [-2.5, -1, -0.5, -0.25, 0, 2, 2],
         [0.5, 0.5, 0.5, 0.5, 0.5, 1, 0]),
    ],
    ids=str,
)  # fmt: skip
def test_relus_parameters_by_hand(chosen, values, slopes):
    z = np.array([-4, -1, 0, 0.5, 1, 2, 9])
    assert value("relu", z, **chosen).tolist() == values
    assert slope("relu", z, **chosen).tolist() == slopes


@FLOATS
def test_soft_exponential_passes_smoothly_through_the_identity(dtype):
    """Alpha starts at 0 and is learned: a first small step must change little."""
    z = np.linspace(-3, 3, 25, dtype=dtype)
    exact_by_alpha = z.astype(float) ** 2 / 2 + 1
    tolerance = 20 * np.finfo(dtype).eps
    for size in (1e-200, 1e-30, 1e-17, 1e-12, 1e-8, 1e-6):
        for alpha in (-size, size):
            chosen = {"alpha": alpha}
            expected = z + alpha * exact_by_alpha
            np.testing.assert_allclose(value("soft_exponential", z, **chosen), expected, atol=tolerance, err_msg=chosen)
            np.testing.assert_allclose(
                slope("soft_exponential", z, **chosen), 1 + alpha * z, rtol=tolerance + 20 * size**2
            )
            found = parameter_slope("soft_exponential", "alpha", z, **chosen)
            np.testing.assert_allclose(found, exact_by_alpha, rtol=tolerance + 20 * size, err_msg=chosen)


@pytest.mark.parametrize("alpha", [-1.0, -0.5, -0.1, 0.1, 0.5, 1.0])
def test_soft_exponential_is_its_own_inverse_with_the_other_sign(alpha):
    z = in_domain("soft_exponential", np.linspace(-0.9, 3, 40), margin=0.1, alpha=alpha)
    z = in_domain("soft_exponential", z, margin=0.1, alpha=-alpha)
    there = value("soft_exponential", z, alpha=alpha)
    np.testing.assert_allclose(value("soft_exponential", there, alpha=-alpha), z, atol=1e-13)


def test_beyond_its_logarithm_soft_exponential_is_no_number_and_has_no_slope():
    z = np.array([-1.6, -1.5, -1.4])  # 1 + (z - 0.5) / 2 is negative, 0, positive
    assert np.isnan(value("soft_exponential", z, alpha=-0.5)).tolist() == [True, False, False]
    assert value("soft_exponential", z, alpha=-0.5)[1] == -INF
    assert np.isnan(slope("soft_exponential", z, alpha=-0.5)).tolist() == [True, False, False]


def test_rrelu_draws_its_slopes_in_training_and_takes_their_mean_otherwise():
    entry = ACTIVATIONS["rrelu"]
    assert [name for name in NAMES if ACTIVATIONS[name].randomized] == ["rrelu"]
    z, draws = np.linspace(-2, 2, 9).reshape(1, 3, 3), np.random.default_rng(0).random((1, 3, 3))
    drawn = entry.randomized(draws, lower=0.2, upper=0.6)
    expected = np.where(z > 0, 1, 0.2 + 0.4 * draws)
    np.testing.assert_allclose(slope("rrelu", z, **drawn), expected, rtol=1e-15)
    np.testing.assert_allclose(value("rrelu", z, **drawn), expected * z, rtol=1e-15)
    np.testing.assert_allclose(value("rrelu", np.array([-1.0]), lower=0.2, upper=0.6), -0.4, rtol=1e-15)
    assert set(drawn) == set(resolved(entry, {}))


@FLOATS
def test_rrelus_draws_stay_within_their_bounds(dtype):
    draws = np.array([0, 0.25, 1 - np.finfo(dtype).epsneg], dtype)
    drawn = ACTIVATIONS["rrelu"].randomized(draws, **resolved(ACTIVATIONS["rrelu"], {}))
    slopes = slope("rrelu", np.full(3, -1, dtype), **drawn)
    assert slopes.dtype == dtype
    assert (slopes[0], slopes.min(), slopes.max() <= dtype(1 / 3)) == (0.125, 0.125, True)


# --- Forms for float32 ------------------------------------------------------------------------------------------------

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
QUICKER = [name for name, entry in ACTIVATIONS.items() if entry.value_float32]


def test_an_entry_gives_the_forms_of_a_precision_and_its_own_where_it_has_no_others():
    sigmoid, tanh, relu, softmax = (ACTIVATIONS[name] for name in ("sigmoid", "tanh", "relu", "softmax"))
    assert all(entry.forms(DOUBLE) is entry for entry in ACTIVATIONS.values())
    assert sigmoid.forms(SINGLE).value is float32.sigmoid
    assert sigmoid.forms(SINGLE).slope is float32.sigmoid_slope
    assert (tanh.forms(SINGLE).value, tanh.forms(SINGLE).slope) == (tanh.value, float32.tanh_slope)
    assert (relu.forms(SINGLE).value, relu.forms(SINGLE).slope) == (relu.value, relu.slope)
    assert softmax.forms(SINGLE).value is float32.softmax
    assert softmax.forms(SINGLE).backward is softmax.backward


@pytest.mark.parametrize("name", QUICKER)
def test_the_form_for_float32_is_the_general_one_within_its_rounding(name):
    entry, z = ACTIVATIONS[name], logits(np.float32, (3, 200, 6), scale=20)
    exact = row_value(name, z.astype(float)) if isinstance(entry, RowActivation) else value(name, z.astype(float))
    found = row_value(name, z) if isinstance(entry, RowActivation) else value(name, z)
    np.testing.assert_allclose(found, exact, rtol=4e-6, atol=1e-37)


@FLOATS
@ROW
@pytest.mark.parametrize("shape", [(6,), (1, 1, 6), (3, 1, 6), (1, 6, 1)], ids=str)
def test_inputs_stay_as_they_are_also_of_a_single_sample(name, shape, dtype):
    """Logits are read once more by the loss."""
    z = logits(dtype, shape)
    if name in WIDTHS and shape[-1] == 1:
        return
    before = z.copy()
    row_value(name, z)
    np.testing.assert_array_equal(z, before)


@FLOATS
@pytest.mark.parametrize("name", ["sigmoid", "silu", "glu"])
def test_a_network_calls_the_forms_of_its_precision(name, dtype):
    """Their bits, which in float32 are others than those of the general form."""
    network = network_of(("regression", "identity", "mse", True), [6], activation=name)
    tied = Pass(network, network.start([0], dtype), None, 40)
    tied.forward(np.random.default_rng(1).normal(0, 3, (1, 40, 3)).astype(dtype))
    layer, entry = tied.layers[1], ACTIVATIONS[name]
    chosen, general = resolved(entry, {}), np.empty_like(layer.y)
    entry.value(layer.z, general, **chosen)
    entry.forms(np.dtype(dtype)).value(layer.z, found := np.empty_like(layer.y), **chosen)
    assert layer.y.tobytes() == found.tobytes()
    assert (layer.y.tobytes() == general.tobytes()) == (dtype is np.float64)


# --- Rows -------------------------------------------------------------------------------------------------------------

WIDTHS = {"maxout": 6, "glu": 6}


def row_value(name, z, **chosen):
    entry = ACTIVATIONS[name].forms(z.dtype)
    chosen = resolved(entry, chosen)
    out = np.full((*z.shape[:-1], entry.units(z.shape[-1], **chosen)), 77, z.dtype)
    entry.value(z, out, **chosen)
    return out


def row_backward(name, z, da, **chosen):
    entry, out = ACTIVATIONS[name].forms(z.dtype), np.full_like(z, 77)
    entry.backward(z, row_value(name, z, **chosen), da, out, **resolved(entry, chosen))
    return out


def logits(dtype=float, shape=(2, 5, 6), scale=2.0):
    return np.random.default_rng(3).normal(0, scale, shape).astype(dtype)


def exact_softmax(row):
    largest = max(row)
    terms = [mp.exp(x - largest) for x in row]
    return [term / mp.fsum(terms) for term in terms]


def exact_log_softmax(row):
    """Written so that 50 digits suffice: -log1p of the others' share for the largest, whose own is next to 1."""
    largest = max(row)
    first = row.index(largest)
    rest = mp.log1p(mp.fsum(mp.exp(x - largest) for k, x in enumerate(row) if k != first))
    return [x - largest - rest for x in row]


def spread_logits():
    """Rows of 2 to 5 logits: ordinary, up to ±50 and ±1e4, and nearly equal ones."""
    rng = np.random.default_rng(4)
    scales = [1e-9, 1, 10, 50, 700, 1e4]
    return [scale * rng.uniform(-1, 1, (40, width)) for scale in scales for width in (2, 3, 5)]


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("softmax", exact_softmax),
        ("softmin", lambda row: exact_softmax([-x for x in row])),
        ("log_softmax", exact_log_softmax),
    ],
)
def test_softmax_and_its_relations_are_right_to_the_last_places(name, exact):
    worst = 0.0
    for z in spread_logits():
        with np.errstate(under="ignore"):
            found = row_value(name, z)
        for row, numbers in zip(z.tolist(), found.tolist(), strict=True):
            worst = max(worst, *map(ulps, numbers, exact([mp.mpf(x) for x in row])))
    assert worst <= 8


@FLOATS
def test_softmax_of_huge_logits_is_exact(dtype):
    z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4]], dtype)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(row_value("softmax", z), [[1, 0, 0], [0, 0.5, 0.5]])
        np.testing.assert_array_equal(row_value("softmin", z), [[0, 1, 0], [1, 0, 0]])
        np.testing.assert_array_equal(row_value("sparsemax", z), [[1, 0, 0], [0, 0.5, 0.5]])
        log_half = dtype(-np.log(dtype(2)))
        expected = np.array([[0, -2e4, -1e4], [-2e4 + log_half, log_half, log_half]], dtype)
        np.testing.assert_allclose(row_value("log_softmax", z), expected, rtol=np.finfo(dtype).eps)
        np.testing.assert_array_equal(row_value("log_softmax", z)[0], expected[0])


def test_a_function_in_pieces_tells_which_piece_it_is_in():
    sparsemax, maxout = ACTIVATIONS["sparsemax"].piece, ACTIVATIONS["maxout"].piece
    assert sparsemax(np.array([[1.0, 0.5, -2.0]]), np.array([[0.75, 0.25, 0.0]])).tolist() == [[True, True, False]]
    z = np.array([[1.0, 3.0, 0.0, 2.0], [4.0, 4.0, 7.0, 6.0]])
    assert maxout(z, np.array([[3.0, 2.0], [4.0, 7.0]]), pieces=2).tolist() == [[1, 1], [0, 0]]


@FLOATS
def test_softmax_leaves_out_what_is_masked_by_minus_infinity(dtype):
    z = np.array([[-INF, 0, 0], [3, -INF, -INF]], dtype)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(row_value("softmax", z), [[0, 0.5, 0.5], [1, 0, 0]])
        np.testing.assert_array_equal(row_value("softmin", -z), [[0, 0.5, 0.5], [1, 0, 0]])
        found = row_value("log_softmax", z)
    np.testing.assert_allclose(found, np.array([[-INF, -np.log(2), -np.log(2)], [0, -INF, -INF]], dtype), rtol=1e-6)


def test_softmax_of_the_largest_logits():
    z = np.array([[-1e308, 1e308, 1e308]])
    with np.errstate(all="raise", under="ignore", over="ignore"):
        np.testing.assert_array_equal(row_value("softmax", z), [[0, 0.5, 0.5]])


@FLOATS
def test_softmax_sums_to_one_and_knows_no_shift(dtype):
    z = logits(dtype, scale=5)
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(row_value("softmax", z).sum(axis=-1), 1, rtol=tolerance)
    np.testing.assert_allclose(row_value("softmax", z + dtype(1024)), row_value("softmax", z), rtol=4096 * tolerance)
    np.testing.assert_allclose(np.exp(row_value("log_softmax", z)), row_value("softmax", z), rtol=4 * tolerance)
    np.testing.assert_array_equal(row_value("softmin", z), row_value("softmax", -z))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.0, 0.0], [0.5, 0.5]),
        ([1.0, 0.5, -1.0], [0.75, 0.25, 0]),
        ([3.0, 1.0, 0.0], [1, 0, 0]),
        ([2.0, 1.0], [1, 0]),  # just at the edge of the support
        ([0.25, 0.0, 0.125, -2.0], [11 / 24, 5 / 24, 1 / 3, 0]),
        ([7.0], [1]),
    ],
)
def test_sparsemax_by_hand(row, expected):
    np.testing.assert_allclose(row_value("sparsemax", np.array([row]))[0], expected, atol=1e-15)


@FLOATS
def test_sparsemax_is_the_nearest_point_of_the_simplex(dtype):
    z = logits(dtype, (200, 6))
    a = row_value("sparsemax", z)
    tolerance = 8 * np.finfo(dtype).eps
    assert a.min() == 0
    np.testing.assert_allclose(a.sum(axis=-1), 1, atol=tolerance)
    # Optimality: z - a is the same number τ on the support, and at most τ off it.
    tau = np.where(a > 0, z - a, -INF).max(axis=-1, keepdims=True)
    np.testing.assert_allclose(np.where(a > 0, z - a, tau), np.broadcast_to(tau, z.shape), atol=4 * tolerance)
    assert (z <= tau + 4 * tolerance).all(where=a == 0)


@pytest.mark.parametrize("pieces", [2, 3, 6])
def test_maxout_takes_the_largest_of_neighbours(pieces):
    z = logits()
    expected = [z[..., k * pieces : (k + 1) * pieces].max(axis=-1) for k in range(6 // pieces)]
    np.testing.assert_array_equal(row_value("maxout", z, pieces=pieces), np.stack(expected, axis=-1))


def test_glu_opens_the_first_half_by_the_second():
    z = logits()
    np.testing.assert_array_equal(row_value("glu", z), z[..., :3] * value("sigmoid", z[..., 3:].copy()))


ROW_CASES = [(name, {}) for name in ROWS] + [("maxout", {"pieces": 3})]
ROW_CASE = pytest.mark.parametrize(("name", "chosen"), ROW_CASES, ids=str)


@ROW_CASE
def test_backward_is_the_numeric_jacobian_times_da(name, chosen):
    z = logits(shape=(1, 3, 6), scale=0.7)
    da = np.random.default_rng(8).normal(size=row_value(name, z, **chosen).shape)
    numeric = np.empty_like(z)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = EPSILON
        numeric[index] = ((row_value(name, z + step, **chosen) - row_value(name, z - step, **chosen)) * da).sum()
    np.testing.assert_allclose(row_backward(name, z, da, **chosen), numeric / (2 * EPSILON), rtol=0, atol=TOLERANCE)


def test_at_a_tie_the_first_piece_takes_it_all():
    z, da = np.array([[1.0, 1.0, -2.0, 3.0]]), np.array([[5.0, 7.0]])
    assert row_backward("maxout", z, da).tolist() == [[5, 0, 0, 7]]
    assert row_backward("maxout", np.ones((1, 3)), np.array([[4.0]]), pieces=3).tolist() == [[4, 0, 0]]


def test_ties_of_the_others_are_shared_alike():
    z, da = np.zeros((1, 4)), np.array([[1.0, 2.0, 3.0, 6.0]])
    np.testing.assert_allclose(row_value("sparsemax", z), 0.25)
    np.testing.assert_allclose(row_backward("sparsemax", z, da), da - 3)
    np.testing.assert_allclose(row_value("softmax", z), 0.25)
    np.testing.assert_allclose(row_backward("softmax", z, da), (da - 3) / 4)
    np.testing.assert_allclose(row_value("log_softmax", z), -np.log(4), rtol=1e-15)
    np.testing.assert_allclose(row_backward("log_softmax", z, da), da - 3)


@pytest.mark.parametrize(
    ("name", "inputs", "chosen", "fault"),
    [
        ("glu", 5, {}, "glu needs an even number of inputs, found 5"),
        ("maxout", 5, {}, "maxout of 2 pieces needs a multiple of 2 inputs, found 5"),
        ("maxout", 4, {"pieces": 3}, "maxout of 3 pieces needs a multiple of 3 inputs, found 4"),
    ],
)
def test_widths_that_do_not_fit_are_refused(name, inputs, chosen, fault):
    with pytest.raises(ValueError, match=re.escape(fault)):
        ACTIVATIONS[name].units(inputs, **resolved(ACTIVATIONS[name], chosen))


@pytest.mark.parametrize(("name", "units"), [*((name, 6) for name in ROWS[:4]), ("maxout", 3), ("glu", 3)])
def test_how_many_units_rows_have(name, units):
    assert ACTIVATIONS[name].units(6, **resolved(ACTIVATIONS[name], {})) == units


@pytest.mark.parametrize("pieces", [1, 2.5, 1001, -2])
def test_pieces_that_make_no_sense_are_refused(pieces):
    with pytest.raises(ValueError, match="expected a whole number in"):
        resolved(ACTIVATIONS["maxout"], {"pieces": pieces})


@ROW
@FLOATS
def test_a_row_does_not_depend_on_the_others(name, dtype):
    z = logits(dtype, (3, 7, 6))
    z[1] *= 1e4 if name != "sparsemax" else 10
    da = np.random.default_rng(9).normal(size=row_value(name, z).shape).astype(dtype)
    together = row_value(name, z), row_backward(name, z, da)
    for replica in range(3):
        own = z[[replica]]
        np.testing.assert_array_equal(row_value(name, own), together[0][[replica]])
        np.testing.assert_array_equal(row_backward(name, own, da[[replica]]), together[1][[replica]])


@ROW
def test_replicas_may_share_their_rows(name):
    """As in a first layer, whose z is (1, m, inputs) for all replicas."""
    entry, z, chosen = ACTIVATIONS[name], logits(shape=(1, 5, 6)), resolved(ACTIVATIONS[name], {})
    out = np.full((3, 5, entry.units(6, **chosen)), 77.0)
    entry.value(z, out, **chosen)
    np.testing.assert_array_equal(out, np.repeat(row_value(name, z), 3, axis=0))


@ROW
@FLOATS
def test_a_row_with_nan_is_nan_and_leaves_the_others_alone(name, dtype):
    z = logits(dtype, (4, 6))
    planted = z.copy()
    planted[2, 1] = NAN
    da = np.ones_like(row_value(name, z))
    with np.errstate(all="raise", under="ignore"):
        found, back = row_value(name, planted), row_backward(name, planted, da)
    assert np.isnan(found[2]).all() if name not in WIDTHS else np.isnan(found[2]).any()
    if name != "maxout":  # whose slope is that of picking one of the pieces, whatever their size
        assert np.isnan(back[2]).any()
    others = [0, 1, 3]
    np.testing.assert_array_equal(found[others], row_value(name, z)[others])
    np.testing.assert_array_equal(back[others], row_backward(name, z, da)[others])


@ROW
@FLOATS
def test_rows_keep_shape_and_precision_and_z(name, dtype):
    for shape in ((6,), (0, 6), (2, 3, 6)):
        z = logits(dtype, shape)
        before = z.copy()
        found = row_value(name, z)
        back = row_backward(name, z, np.ones_like(found))
        assert (found.dtype, back.dtype, back.shape) == (dtype, dtype, shape)
        assert not (found == 77).any()
        assert not (back == 77).any()
        np.testing.assert_array_equal(z, before)


@ROW
def test_rows_in_single_precision(name):
    z = logits(np.float32, (500, 6), scale=8)
    da = np.random.default_rng(10).normal(size=row_value(name, z).shape).astype(np.float32)
    wide = row_value(name, z.astype(float)), row_backward(name, z.astype(float), da.astype(float))
    np.testing.assert_allclose(row_value(name, z), wide[0], rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(row_backward(name, z, da), wide[1], rtol=1e-5, atol=1e-5)


# --- The table and plugins --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_entry_says_what_it_is(name):
    entry = ACTIVATIONS[name]
    assert entry.name == name
    assert entry.initializer in INITIALIZERS
    for text in (entry.formula, entry.slope_formula, entry.range, entry.source):
        assert text == text.strip() != ""
    assert all(p.description for p in entry.parameters)


def test_the_catalogue_is_complete():
    assert (len(NAMES), len(ROWS)) == (36, 6)
    assert len(ACTIVATIONS) == 42


def test_an_activation_from_plain_functions():
    entry = Activation.from_functions(
        "scaled_sine",
        lambda z, rate: np.sin(rate * z),
        lambda z, rate: rate * np.cos(rate * z),
        parameters=(Parameter("rate", 2.0, "frequency", learnable=True),),
        parameter_slopes={"rate": lambda z, rate: z * np.cos(rate * z)},
        formula="sin(rate z)",
        range="[-1, 1]",
    )
    z, a, d, by_rate = np.linspace(-2, 2, 9, dtype=np.float32), *np.empty((3, 9), np.float32)
    entry.value(z, a, rate=2.0)
    entry.slope(z, a, d, rate=2.0)
    entry.parameter_slopes["rate"](z, a, by_rate, rate=2.0)
    np.testing.assert_array_equal(a, np.sin(2 * z))
    np.testing.assert_array_equal(d, 2 * np.cos(2 * z))
    np.testing.assert_array_equal(by_rate, z * np.cos(2 * z))
    assert (entry.formula, entry.slope_formula, entry.range) == ("sin(rate z)", "user-defined", "[-1, 1]")


def test_an_activation_from_plain_functions_needs_no_more_than_those():
    entry = Activation.from_functions("cube", lambda z: z**3, lambda z: 3 * z**2)
    assert entry.initializer in INITIALIZERS
    assert (entry.parameters, entry.parameter_slopes, entry.kinks()) == ((), {}, ())
    assert all((entry.formula, entry.slope_formula, entry.range, entry.source))


@pytest.mark.parametrize(
    ("name", "given", "fault"),
    [
        ("relu", {"alpha": 0.1}, "relu has no parameter 'alpha'"),
        ("relu", {"max_value": 0}, "found 0 for max_value of relu, expected a number in (0, ∞)"),
        ("relu", {"threshold": -1}, "found -1 for threshold of relu, expected a number in [0, ∞)"),
        ("elu", {"alpha": 0}, "found 0 for alpha of elu, expected a number in (0, ∞)"),
        ("elu", {"alpha": True}, "expected a number"),
        ("prelu", {"alpha": INF}, "expected a number"),
        ("softplus", {"beta": 0.0}, "expected a number in (0, ∞)"),
        ("squareplus", {"b": -1}, "expected a number in (0, ∞)"),
        ("snake", {"frequency": 0}, "expected a number in (0, ∞)"),
    ],
)
def test_parameters_out_of_range_are_refused(name, given, fault):
    with pytest.raises(ValueError, match=re.escape(fault)):
        resolved(ACTIVATIONS[name], given)


@pytest.mark.parametrize("far", [-200.0, 200.0, np.nan])
def test_sigmoid_finds_far_entries_wherever_an_axis_lies_in_memory(far):
    z = np.random.default_rng(0).standard_normal((5, 4, 3)).astype(np.float32)
    z[3, 1, 2] = far
    found = []
    for order in ("C", "F"):
        own, a, slope = np.array(z, order=order), np.empty_like(z, order=order), np.empty_like(z, order=order)
        with np.errstate(all="raise", under="ignore"):
            float32.sigmoid(own, a)
            float32.sigmoid_slope(own, a, slope)
        found.append((a, slope))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert np.isnan(far) or np.isfinite(found[1]).all()
