"""Formulas: read safely, derived against mpmath and the complex step, held against the built-in activations."""

import itertools
import math
import pickle
import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.expressions import FUNCTIONS, Formula, FormulaError, Kink, kinks, parse
from nnlab.maths.expressions.built_in import OTHER_WRITINGS
from nnlab.maths.expressions.functions import CONDITIONS
from nnlab.maths.expressions.parser import MAX_LENGTH
from nnlab.maths.expressions.tree import OPERATIONS, Call, Expression, Name, Number

GRID = np.linspace(-8, 8, 1601)
QUICK = settings(deadline=None, max_examples=150)


def value_of(text, x, **parameters):
    return parse(text, parameters).evaluate({"x": x, **parameters})


def slope_of(text, x, **parameters):
    return parse(text, parameters).derivative("x").evaluate({"x": x, **parameters})


def activation_of(text, **parameters):
    return Formula.parse(text, parameters).to_activation("mine", parameters)


def applied(function, z, *, slope=False, **parameters):
    out = np.full_like(z, 7)
    function(z, *([None] if slope else []), out, **parameters)
    return out


def complaint(text, parameters=()):
    with pytest.raises(FormulaError) as caught:
        parse(text, parameters)
    assert caught.value.formula == text
    return caught.value


# --- Random expressions -----------------------------------------------------------------------------------------------

SMOOTH = ["exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "arctan", "erf", "sigmoid", "softplus", "log_sigmoid"]
PARTIAL = ["log", "log1p", "sqrt", "tan", "sigmoid_slope", "tanh_slope"]
BENT = ["relu", "abs"]
FORKED = ["max", "min", "clip", "where"] * 2
OPERATORS = ["+", "-", "*", "/", "**", "negative"] * 3
NUMBERS = st.integers(-24, 24).map(lambda n: Number(n / 8)) | st.floats(-1e3, 1e3).map(Number)
LEAVES = st.sampled_from([Name("x"), Name("x"), Name("beta"), Name("pi"), Name("e")]) | NUMBERS


def negative(a):
    return -a if isinstance(a, Number) else Call("negative", (a,))


@st.composite
def calls(draw, inner):
    """An operator or a function with arguments from `inner`."""
    name = draw(st.sampled_from([*OPERATORS, *SMOOTH, *PARTIAL, *BENT, *FORKED]))
    if name == "where":
        return Call(name, (draw_condition(draw, inner, 2), draw(inner), draw(inner)))
    count = OPERATIONS[name].arity[0] + (name in {"max", "min"} and draw(st.integers(0, 1)))
    arguments = tuple(draw(inner) for _ in range(count))
    return negative(*arguments) if name == "negative" else Call(name, arguments)


def draw_condition(draw, inner, depth):
    name = draw(st.sampled_from(["<", "<=", ">", ">=", *(["and", "or", "not"] if depth else [])]))
    if name in {"and", "or"}:
        return Call(name, tuple(draw_condition(draw, inner, depth - 1) for _ in range(draw(st.integers(2, 3)))))
    return Call(name, (draw_condition(draw, inner, depth - 1),) if name == "not" else (draw(inner), draw(inner)))


EXPRESSIONS = st.recursive(LEAVES, calls, max_leaves=8)
POINTS = st.integers(-300, 300).map(lambda n: n / 64 + 0.0013)


def parts(node):
    yield node
    for argument in node.arguments:
        yield from parts(argument)


def largest_part(node, values):
    """The size of the largest intermediate result; infinite where one is no number or may have underflowed."""
    sizes = {part: abs(float(part.evaluate(values))) for part in parts(node)}
    fine = all(1e-30 < size < math.inf or (size == 0 and may_be_zero(part)) for part, size in sizes.items())
    return max(sizes.values()) if fine else math.inf


def may_be_zero(node):
    return not isinstance(node, Call) or node.function in {"+", "-", "negative", *BENT, *FORKED, *CONDITIONS}


# --- Text -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=400)
@given(EXPRESSIONS)
def test_the_text_of_an_expression_is_read_as_the_same_expression(expression):
    text = expression.text()
    assume(len(text) <= MAX_LENGTH)
    again = parse(text, ["beta"])
    assert again == expression
    assert hash(again) == hash(expression)
    assert again.text() == text


@QUICK
@given(EXPRESSIONS, st.sampled_from(["x", "beta"]))
def test_the_text_of_a_derivative_is_read_as_the_same_derivative(expression, name):
    derivative = expression.derivative(name)
    text = derivative.text()
    assume(len(text) <= 400)
    assert parse(text, ["beta"]) == derivative


@pytest.mark.parametrize(
    "text",
    [
        "x", "-x", "--x", "max(x, 1, pi, e)", "x - (1 - x)", "(x - 1) - x", "x * (x / 2)", "x / (2 * x)",
        "-x ** 2", "(-x) ** 2", "(-2) ** x", "2 ** -x", "x ** 2 ** x", "(x ** 2) ** x", "-(x * 2)", "-x * 2",
        "x + -x", "x - -2", "1e-07 * x", "1e+22 * x",
        "where(x > 0 and x < 1 or not x > 2, x, 0)", "where((x > 0 or x < 1) and x > 2, x, 0)",
        "where((x > 0 and x < 1) and x > 2, x, 0)", "where(not (x > 0 or x < 1), x, 0)",
    ],
)  # fmt: skip
def test_texts(text):
    spaced = parse(text).text()
    assert parse(spaced) == parse(text)
    assert len(spaced) <= len(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("((x))", "x"),
        ("x*(2*3)", "x * (2 * 3)"),
        ("(x+1)+2", "x + 1 + 2"),
        ("+x", "x"),
        ("-2", "-2"),
        ("-0", "0"),
        ("0x10 * x", "16 * x"),
        ("1_000*x", "1000 * x"),
        ("where(0<x<=1,x,0)", "where(0 < x and x <= 1, x, 0)"),
        ("atan(x)", "arctan(x)"),
        ("  x\n + 1\t", "x + 1"),
    ],
)
def test_what_is_written_is_short(text, written):
    assert parse(text).text() == written


X = Name("x")
NEGATED = -X


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (X + -2, "x - 2"),
        (X - -2, "x + 2"),
        (X + 0, "x"),
        (X - 0, "x"),
        (0 - X, "-x"),
        (2 - X, "2 - x"),
        (X + NEGATED, "x - x"),
        (X - NEGATED, "x + x"),
        (2 * (3 * X), "6 * x"),
        (0 * X, "0"),
        (-1 * X, "-x"),
        (-NEGATED, "x"),
        (0 / X, "0"),
        (X / 1, "x"),
        (1 / X, "1 / x"),
        (X * (1 / X), "x / x"),
        (NEGATED / 2, "-(x / 2)"),
        (X**0, "1"),
        (X**1, "x"),
        (Number(1e15) + 1e15, "1000000000000000.0 + 1000000000000000.0"),
    ],
)
def test_arithmetic_simplifies_what_needs_no_thought(expression, written):
    assert expression.text() == written


def test_a_kind_of_node_must_say_what_it_is():
    for ask in (Expression().written, lambda: Expression().derivative("x"), lambda: Expression().evaluate({})):
        with pytest.raises(NotImplementedError):
            ask()


def test_expressions_are_plain_data():
    expression = parse("where(x > 0, x, beta * expm1(x))", ["beta"])
    assert pickle.loads(pickle.dumps(expression)) == expression
    assert expression.names() == {"x", "beta"}
    assert parse("pi * e").names() == frozenset()


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("text", ["x * sigmoid(sqrt(2) * x)", "2", "pi", "max(x, 1e300)", "where(x > 0, 1, erf(x))"])
def test_the_precision_is_that_of_the_arrays(text, dtype):
    assert value_of(text, np.ones((2, 3), dtype), beta=0.5).dtype == dtype


def test_values_broadcast():
    beta = np.array([1.0, 2.0]).reshape(2, 1, 1)
    value = parse("beta * x", ["beta"]).evaluate({"x": np.ones((1, 3, 4)), "beta": beta})
    assert value.shape == (2, 3, 4)
    assert (value == beta).all()


def test_python_numbers_are_computed_in_float64():
    assert parse("x / 3").evaluate({"x": 1}) == 1 / 3
    assert parse("x / 3").evaluate({"x": 1}).dtype == np.float64


@pytest.mark.parametrize(
    "text",
    ["where(x > 0, x, expm1(x))", "where(x > 0, log(x), x)", "where(x < 0, x, sqrt(x))", "where(x > 700, x, exp(x))"],
)
def test_the_branch_not_taken_neither_warns_nor_shows(text):
    formula = Formula.parse(text)
    z = np.array([-1000.0, -1.0, 0.5, 1.0, 1000.0])
    with np.errstate(all="raise", under="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(applied(formula.value, z)).all()
        assert np.isfinite(applied(formula.slope, z, slope=True)).all()


@pytest.mark.parametrize(
    "text", ["x", "where(x > 0, 1, 0) * x", "max(x, 0)", "clip(x, -1, 1)", "where(x > 0, x, 0)", "2 * x"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_stays_nan(text, dtype):
    formula = Formula.parse(text)
    z = np.array([np.nan, 1.0], dtype)
    for out in (applied(formula.value, z), applied(formula.slope, z, slope=True)):
        assert np.isnan(out[0])
        assert np.isfinite(out[1])
        assert out.dtype == dtype


@pytest.mark.parametrize("x", [-800.0, -100.0, -1.0, 800.0])
def test_a_slope_whose_terms_overflow_is_still_a_number(x):
    formula = Formula.parse("1 / (1 + exp(-x))")
    for dtype in (np.float32, np.float64):
        slope = applied(formula.slope, np.array([x], dtype), slope=True)[0]
        exact = float(mpmath.mpf(1) / (2 + 2 * mpmath.cosh(x)))
        assert slope == pytest.approx(exact, rel=1e-3 if exact > 1e-38 else 1, abs=1e-44)


SAME = [
    ("x", "identity", {}), ("sigmoid(x)", "sigmoid", {}), ("tanh(x)", "tanh", {}), ("max(x, 0)", "relu", {}),
    ("relu(x)", "relu", {}), ("softplus(x)", "softplus", {}), ("log_sigmoid(x)", "log_sigmoid", {}),
    ("where(x > 0, x, negative_slope * x)", "leaky_relu", {"negative_slope": 0.01}),
    ("where(x > 0, x, alpha * expm1(x))", "elu", {"alpha": 1.5}),
    ("clip(x, -1, 1)", "hard_tanh", {}), ("min(max(x, 0), 6)", "relu6", {}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("text", "name", "parameters"), SAME, ids=[f"{name}: {text}" for text, name, _ in SAME])
def test_a_formula_that_says_the_same_gives_the_same_bits(text, name, parameters, dtype):
    formula, built_in = Formula.parse(text, parameters), ACTIVATIONS[name].forms(np.dtype(dtype))
    chosen = {p.name: p.default for p in built_in.parameters} | parameters
    normal = np.random.default_rng(1).standard_normal((3, 7, 5)) * 10
    z = np.append(normal, [0.0, 1e-40, -1e-40, 1.0, -1.0, 6.0, 80.0, -80.0, 1e4, -1e4]).astype(dtype)
    assert applied(formula.value, z, **parameters).tobytes() == applied(built_in.value, z, **chosen).tobytes()
    a = applied(built_in.value, z, **chosen)
    ours, theirs = np.empty_like(z), np.empty_like(z)
    formula.slope(z, a, ours, **parameters)
    built_in.slope(z, a, theirs, **chosen)
    np.testing.assert_array_equal(ours, theirs)


SPOKEN = [
    entry
    for name in (
        "hard_sigmoid",
        "tanh_shrink",
        "prelu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "swish",
        "softsign",
        "gaussian",
    )
    if isinstance(entry := ACTIVATIONS[name], Activation)
]


@pytest.mark.parametrize("entry", SPOKEN, ids=lambda entry: entry.name)
def test_the_formulas_in_the_table_of_activations_say_what_its_functions_compute(entry):
    chosen = {p.name: p.default for p in entry.parameters}
    ours = Formula.parse(entry.formula, chosen)  # not its activation, which may compute with the built-in functions
    a = applied(entry.value, GRID, **chosen)
    np.testing.assert_allclose(applied(ours.value, GRID, **chosen), a, rtol=1e-12, atol=1e-14)
    for mine, theirs in [
        (ours.slope, entry.slope),
        *((ours.parameter_slopes[p], entry.parameter_slopes[p]) for p in chosen),
    ]:
        expected = np.empty_like(GRID)
        theirs(GRID, a, expected, **chosen)
        np.testing.assert_allclose(applied(mine, GRID, slope=True, **chosen), expected, rtol=1e-9, atol=1e-12)
    assert ours.kinks(**chosen) == entry.kinks(**chosen)


PLAIN = [
    entry.name
    for entry in ACTIVATIONS.values()
    if isinstance(entry, Activation) and not entry.parameters and not entry.untrainable
]
WRITINGS = [
    *((ACTIVATIONS[name].formula, name) for name in PLAIN), *OTHER_WRITINGS.items(),
    ("sigmoid(x)*x", "silu"), ("(1 + erf(x / sqrt(2))) * x / 2", "gelu"), ("tanh(log(exp(x) + 1)) * x", "mish"),
    ("(sqrt(1 + x**2) - 1) / 2 + x", "bent_identity"), ("min(6, max(0, x))", "relu6"),
    ("x * (1 + erf(x / sqrt(2))) * 0.5", "gelu"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name"), WRITINGS, ids=[f"{name}: {text}" for text, name in WRITINGS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_formula_that_a_built_in_activation_has_computes_with_its_functions(text, name, dtype):
    ours, theirs = activation_of(text), ACTIVATIONS[name]
    assert (ours.name, ours.formula) == ("mine", parse(text).text())
    assert (ours.kinks(), ours.at_kink, ours.increasing) == (theirs.kinks(), theirs.at_kink, theirs.increasing)
    assert ours.initializer == theirs.initializer
    z = np.append(np.random.default_rng(2).normal(0, 5, 200), [0.0, 6.0, -3.0, 90.0, -90.0]).astype(dtype)
    results = []
    for entry in (ours.forms(z.dtype), theirs.forms(z.dtype)):
        a, slope = np.empty_like(z), np.empty_like(z)
        entry.value(z, a)
        entry.slope(z, a, slope)
        results.append((a.tobytes(), slope.tobytes()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("text", "parameters"), [("x * sigmoid(1.5 * x)", {}), ("x * sigmoid(b * x)", {"b": 1.0}), ("x - sigmoid(x)", {})]
)
def test_any_other_formula_computes_as_it_is_written(text, parameters):
    formula = Formula.parse(text, parameters)
    entry = formula.to_activation("mine", parameters)
    assert (entry.value, entry.slope) == (formula.value, formula.slope)


# --- Derivatives ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(EXPRESSIONS, POINTS, st.sampled_from(["x", "beta"]))
def test_derivatives_are_those_of_the_complex_step(expression, x, name):
    values = {"x": x, "beta": 0.7103}
    derivative = expression.derivative(name)
    scale = max(largest_part(expression, values), largest_part(derivative, values))
    assume(scale < 1e8)
    shifted = {**values, name: values[name] + 1e-40j}
    assert float(derivative.evaluate(values)) == pytest.approx(
        float(expression.evaluate(shifted).imag * 1e40), rel=1e-7, abs=1e-9 * (1 + scale**2)
    )


IN_MPMATH = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "**": lambda a, b: a**b, "negative": lambda a: -a, "expm1": mpmath.expm1, "log1p": lambda u: mpmath.log(1 + u),
    "arctan": mpmath.atan, "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)), "relu": lambda u: max(u, 0),
    "softplus": lambda u: mpmath.log(1 + mpmath.exp(u)), "log_sigmoid": lambda u: -mpmath.log(1 + mpmath.exp(-u)),
    "sigmoid_slope": lambda u: 1 / (2 + 2 * mpmath.cosh(u)), "tanh_slope": lambda u: mpmath.sech(u) ** 2,
    "abs": abs, "max": max, "min": min, "clip": lambda u, low, high: min(max(u, low), high), "sign": mpmath.sign,
    "where": lambda c, a, b: a if c else b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "not": lambda a: not a, "and": lambda *a: all(a), "or": lambda *a: any(a),
}  # fmt: skip


def in_mpmath(node, values):
    if isinstance(node, Number):
        return mpmath.mpf(node.value)
    if isinstance(node, Name):
        return {"pi": mpmath.pi, "e": mpmath.e}.get(node.name) or values[node.name]
    function = IN_MPMATH.get(node.function) or getattr(mpmath, node.function)
    return function(*(in_mpmath(argument, values) for argument in node.arguments))


def test_mpmath_knows_every_operation():
    assert all(name in IN_MPMATH or hasattr(mpmath, name) for name in OPERATIONS)


ONE_EACH = [f"{name}({'x + 2.03' if name in PARTIAL else 'x'})" for name, o in FUNCTIONS.items() if o.arity == (1, 1)]
FORMULAS = [
    *ONE_EACH, "x * sigmoid(1.3 * x)", "x * tanh(softplus(x))", "x ** 3 - 2 * x ** 2", "1 / (1 + exp(-x))",
    "0.5 * x * (1 + erf(x / sqrt(2)))", "x / (1 + abs(x))", "(sqrt(x ** 2 + 1) - 1) / 2 + x", "exp(-x ** 2)",
    "2 ** x", "(x ** 2 + 1) ** x", "softplus(x) ** 1.5", "min(max(x, 0.1 * x), 6)", "max(-x, sin(x), 0.2)",
    "clip(3 * x, -x, 2 + x)", "where(0 < x <= 1 or x > 2, x ** 2, -x)", "sigmoid(-40 - x)", "tanh(20 + x)",
    "softplus(x - 50)", "log_sigmoid(x + 50)", "log1p(exp(-abs(x)))",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_values_and_derivatives_are_mpmaths_to_the_last_digits(text):
    expression = parse(text)
    derivative = expression.derivative("x")
    second = derivative.derivative("x")
    with mpmath.workdps(60):
        for x in (-1.97, -0.61, 0.003, 0.77, 1.93):
            f = lambda t: in_mpmath(expression, {"x": t})  # noqa: E731 - a formula
            v, d, d2 = f(mpmath.mpf(x)), mpmath.diff(f, x), mpmath.diff(f, x, 2)
            assert float(expression.evaluate({"x": x})) == pytest.approx(float(v), rel=1e-13, abs=1e-300)
            assert float(derivative.evaluate({"x": x})) == pytest.approx(float(d), rel=1e-11, abs=1e-300)
            assert float(second.evaluate({"x": x})) == pytest.approx(float(d2), rel=1e-10, abs=1e-15)


@QUICK
@given(EXPRESSIONS, POINTS)
def test_values_are_mpmaths(expression, x):
    values = {"x": x, "beta": 0.7103}
    scale = largest_part(expression, values)
    assume(scale < 1e4)
    with mpmath.workdps(40):
        try:
            exact = in_mpmath(expression, {name: mpmath.mpf(value) for name, value in values.items()})
        except (ZeroDivisionError, TypeError):  # a complex number compared
            exact = mpmath.mpc()
    assume(not isinstance(exact, mpmath.mpc))
    near = [float(expression.evaluate({**values, "x": x + d})) for d in (-1e-9, 1e-9)]
    assume(abs(near[1] - near[0]) < 1e-3)  # neither a jump nor a steep place, where rounding decides
    assert float(expression.evaluate(values)) == pytest.approx(float(exact), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("3", "0"),
        ("x", "1"),
        ("2 * x + beta", "2"),
        ("-(-x)", "1"),
        ("x ** 2", "2 * x"),
        ("x ** 3", "3 * x ** 2"),
        ("x / 2", "1 / 2"),
        ("tanh(x)", "tanh_slope(x)"),
        ("sigmoid(2 * x)", "2 * sigmoid_slope(2 * x)"),
        ("softplus(x)", "sigmoid(x)"),
        ("log_sigmoid(x)", "sigmoid(-x)"),
        ("abs(x)", "where(x > 0, 1, -1)"),
        ("relu(x)", "where(x > 0, 1, 0)"),
        ("max(0, x)", "where(0 >= x, 0, 1)"),
        ("min(x, 6)", "where(x <= 6, 1, 0)"),
        ("relu(-x)", "where(-x >= 0, -1, 0)"),
        ("clip(x, -1, 1)", "where(x > 1, 0, where(x > -1, 1, 0))"),
        ("sign(x) * x", "sign(x)"),
        ("cos(x)", "-sin(x)"),
        ("log(x)", "1 / x"),
        ("where(x > 0, 2 * x, x + x)", "2"),
    ],
)
def test_derivatives_are_simple(text, derivative):
    assert parse(text, ["beta"]).derivative("x").text() == derivative


LEFT = [
    "abs(x)", "relu(x)", "relu(-x)", "max(0, x)", "max(x, -1, x - 1)", "min(max(x, 0), 6)", "min(6, max(0, x))",
    "clip(-x, -1, 1)", "clip(x / 6 + 0.5, 0, 1)", "relu(2 * x) - abs(x - 1)", "max(x, 0.01 * x)",
    "relu(sigmoid(x) - 0.2)",
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT)
def test_at_a_kink_the_slope_is_the_left_one(text):
    found = kinks(parse(text), {})
    assert found
    assert [kink.taken for kink in found] == pytest.approx([kink.left for kink in found])
    assert activation_of(text).at_kink == "the left slope"


@pytest.mark.parametrize(
    ("text", "at_kink"),
    [
        ("tanh(x)", ""),
        ("where(x >= 0, x, 0)", "the right slope"),
        ("abs(sin(x))", "the slope of the branch that is taken"),
        ("sqrt(x ** 2)", "the slope of the branch that is taken"),
    ],
)
def test_an_activation_says_which_slope_is_taken_at_a_kink(text, at_kink):
    assert activation_of(text).at_kink == at_kink


@pytest.mark.parametrize("x", [-3.0, -0.5, 0.5, 3.0])
def test_a_clip_whose_bounds_cross_is_the_upper_one(x):
    assert slope_of("clip(x, 2 * x, 1 - x)", x) == (1 if x < 0 else -1)
    assert slope_of("clip(x, 1, -1)", x) == 0


def test_a_learned_exponent_needs_a_base_that_is_not_negative():
    slope = Formula.parse("relu(x) ** alpha", ["alpha"]).parameter_slopes["alpha"]
    z = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(applied(slope, z, slope=True, alpha=2.0), [0, 0, 4 * np.log(2)])
    with pytest.raises(
        FormulaError, match=r"in the derivative with respect to alpha, log\(x\) is not a number at x = -0.01"
    ):
        activation_of("x ** alpha", alpha=2.0)


def test_derivatives_grow_politely():
    text = "x"
    for _ in range(40):
        text = f"max({text}, -1)"
    assert len(parse(text).derivative("x").text()) < 20_000


# --- Kinks, jumps and poles -------------------------------------------------------------------------------------------


def points_of(text, **parameters):
    return [kink.x for kink in kinks(parse(text, parameters), parameters)]


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("abs(x)", [0]),
        ("relu(x - 0.1)", [0.1]),
        ("clip(x, -1, 1)", [-1, 1]),
        ("x * clip(x / 6 + 1 / 2, 0, 1)", [-3, 3]),
        ("min(max(x / 6 + 1 / 2, 0), 1)", [-3, 3]),
        ("max(1 - abs(x), 0)", [-1, 0, 1]),
        ("where(x > 0, x, expm1(x))", []),
        ("where(x > 0, x, 1.5 * expm1(x))", [0]),
        ("where(x > 0 and x < 2, x, where(x >= 2, 2, 0))", [0, 2]),
        ("abs(x ** 2)", []),
        ("abs(x) * x", []),
        ("sign(x) * x", [0]),
        ("sqrt(x ** 2)", [0]),
        ("abs(x - 54321)", [54321]),
        ("x + min(x, 0) - min(x, 0)", []),
        ("relu(exp(x) - 2)", [math.log(2)]),
        ("abs(cos(x / 300))", [-150 * math.pi, 150 * math.pi]),
        ("x / (1 + abs(x))", []),
        ("where(x < 0.125 or x > 0.125, sin(x - 0.125) / (x - 0.125), 1) * x", []),
    ],
)
def test_kinks_are_found(text, points):
    assert points_of(text) == pytest.approx(points, rel=1e-14, abs=1e-15)


def test_a_kink_tells_its_slopes():
    assert kinks(parse("where(x >= beta, 3 * (x - beta), 0)", ["beta"]), {"beta": 0.5}) == (
        Kink(0.5, pytest.approx(0), pytest.approx(3), 3.0),
    )


def test_kinks_move_with_the_parameters():
    activation = activation_of("abs(x - beta)", beta=0.5)
    assert activation.kinks(beta=0.5) == (0.5,)
    assert activation.kinks(beta=-2.0) == (-2.0,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sign(x)", "the formula jumps by 2 at x = 0, from -1 to 1"),
        ("where(x > 0.3, x, 0)", r"jumps by 0.3 at x = 0.3, from 0 to 0.3"),
        ("where(x < -2, 1, x)", r"jumps by 3 at x = -2, from 1 to -2"),
        ("sign(x) * sign(x)", r"jumps by 1 at x = 0, from 1 to 1"),
        ("log(x)", r"^log\(x\) is infinite at x = 0,"),
        ("2 + log(x - 0.005)", r"^log\(x - 0.005\) is not a number at x = 0,"),
        ("1 / x", r"^1 / x is infinite at x = 0,"),
        ("x + 1 / (x - 0.1234)", r"runs away just left of x = 0.1234"),
        ("1 / (x - 0.1234) ** 2", r"runs away just left of x = 0.1234"),
        ("sin(x - 0.123) / (x - 0.123)", r"is not finite at x = 0.123"),
        ("tan(x)", r"runs away just left of x = -1.5708"),
        ("x ** 0.5", r"^x \*\* 0.5 is not a number at x = -0.01"),
        ("sqrt(abs(x))", r"runs away just left of x = 0, in value or in slope"),
        ("where(x > 0, log(x), 0)", r"runs away just right of x = 0"),
        ("where(x > 0, x, x / 0)", r"^x / 0 is"),
        ("9 ** 9 ** 9 * x", r"^9 \*\* 9 \*\* 9 is infinite"),
        ("exp(exp(x))", r"^exp\(exp\(x\)\) is infinite at x = 6.57"),
    ],
)
def test_what_jumps_or_is_no_number_is_refused(text, message):
    with pytest.raises(FormulaError, match=message) as caught:
        activation_of(text)
    assert caught.value.formula


def test_steep_is_no_jump():
    assert points_of("sigmoid(1000 * x) + tanh(200 * x)") == []
    assert points_of("1 / (1 + exp(-100 * x))") == []


# --- Formulas as activations ------------------------------------------------------------------------------------------


def test_an_activation_from_a_formula():
    activation = activation_of("x * sigmoid(beta * x)", beta=1.5)
    assert activation.name == "mine"
    assert activation.formula == "x * sigmoid(beta * x)"
    assert activation.slope_formula == "sigmoid(beta * x) + x * (beta * sigmoid_slope(beta * x))"
    assert activation.source == "a formula of the user"
    assert activation.initializer == "glorot_uniform"
    assert [(p.name, p.default, p.learnable, p.learn_by_default) for p in activation.parameters] == [
        ("beta", 1.5, True, False)
    ]
    assert activation.kinks(beta=1.5) == ()
    assert activation.at_kink == ""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 1, 4)])
def test_learned_parameters_are_arrays(shape, dtype):
    activation = activation_of("x * sigmoid(beta * x)", beta=1.0)
    z = np.random.default_rng(2).standard_normal((2, 3, 4)).astype(dtype)
    beta = np.full(shape, 1.25, dtype)
    for function, slope in [
        (activation.value, False),
        (activation.slope, True),
        (activation.parameter_slopes["beta"], True),
    ]:
        whole = applied(function, z, slope=slope, beta=beta)
        alone = applied(function, z[1:], slope=slope, beta=beta[1:])
        assert whole.dtype == dtype
        assert whole[1:].tobytes() == alone.tobytes()
        np.testing.assert_array_equal(whole, applied(function, z, slope=slope, beta=1.25))


def test_parameters_may_be_called_anything_that_is_free():
    formula = Formula.parse("self * x + 2 * z + out + a", ["self", "out", "z", "a"])
    out = np.empty(2)
    formula.value(np.ones(2), out, self=1.0, out=2.0, z=3.0, a=4.0)
    assert list(out) == [13, 13]


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        ("2", {}, "found no x in the formula"),
        ("x", {"beta": 1.0}, "found no beta in the formula"),
        ("x * beta", {"beta": None}, "found no value for parameter 'beta'"),
        ("x * beta", {"beta": math.nan}, "found nan for parameter 'beta', expected a finite number"),
        ("x * beta", {"beta": True}, "found True for parameter 'beta'"),
        ("x * beta", {"beta": "1"}, "found 1 for parameter 'beta'"),
        ("x * x1", {"x": 1.0}, "found parameter 'x', a word with another meaning"),
        ("x * lambda", {"lambda": 1.0}, "found parameter 'lambda', a word with another meaning"),
        ("x * exp", {"exp": 1.0}, "found parameter 'exp', a word with another meaning"),
        ("x", {"__class__": 1.0}, "found parameter '__class__', expected a name"),
        ("x", {"β\n": 1.0}, r"found parameter 'β\\n', expected a name"),
    ],
)
def test_formulas_that_do_not_serve_are_refused(text, parameters, message):
    with pytest.raises(FormulaError, match=message):
        activation_of(text, **parameters)


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 0, "found an empty formula"),
        (" \n", 0, "found an empty formula"),
        ("x ^ 2", 2, "found '^', expected ** for a power"),
        ("x²", 1, "found '²', expected **2"),
        ("2 × x", 2, "found '×', expected *"),
        ("x\x00", 1, r"found '\x00', expected letters"),
        ("x\x1b[31m", 1, r"found '\x1b', expected letters"),
        ("\uff58 + 1", 0, "found '\uff58', expected letters"),
        ("\udc80", 0, r"found '\udc80', expected letters"),
        ("x * sigmod(x)", 4, "found unknown function 'sigmod'"),
        ("x * bta", 4, "found unknown name 'bta', expected x, beta, pi or e; did you mean 'beta'?"),
        ("  sigmoid * x", 2, "found the function 'sigmoid' without arguments, expected sigmoid(…)"),
        ("x(2)", 0, "found 'x' called like a function, expected x * (…)"),
        ("3 + 2(x)", 4, "found ( behind a value, expected an operator first"),
        ("x.real", 0, "found a name behind a dot"),
        ("x.real(1)", 0, "found a name behind a dot"),
        ("max(x)", 0, "found 1 argument of max, expected 2 or more"),
        ("exp(x, 2)", 0, "found 2 arguments of exp, expected 1"),
        ("exp()", 0, "found 0 arguments of exp, expected 1"),
        ("clip(x, low=1)", 0, "found a named or starred argument of clip"),
        ("max(*x, 1)", 0, "found a named or starred argument of max"),
        ("x * (x > 0)", 5, "found a comparison in place of a number, expected where(condition, a, b)"),
        ("x and 1", 0, "found a condition in place of a number"),
        ("not x", 0, "found what is no part of a formula"),
        ("x if x > 0 else 0", 0, "found if … else, expected where(condition, a, b)"),
        ("where(x, 1, 0)", 6, "found no condition, expected a comparison such as x > 0"),
        ("where(x == 0, 1, x)", 6, "found another comparison, expected < <= > or >="),
        ("where(x is 0, 1, x)", 6, "found another comparison"),
        ("where((x > 0) > 1, 1, x)", 7, "found a comparison in place of a number"),
        ("x // 2", 0, "found what is no part of a formula"),
        ("0,5 * x", 0, "found a comma outside of a call, expected a decimal point"),
        ("(y for y in x)", 0, "found what is no part of a formula"),
        ("await x", 0, "found what is no part of a formula"),
        ("True * x", 0, "found what is no real number"),
        ("2j * x", 0, "found what is no real number"),
        ("...", 0, "found what is no real number"),
        ("1e999 * x", 0, "found a number beyond the range of floating point"),
        ("x * 9007199254740993", 4, "found a whole number beyond 2**53, expected a form such as 1e20"),
        ("x * (1 + 2", 4, "cannot be read as a formula"),
        ("x +", 3, "cannot be read as a formula"),
        ("x = 2", 2, "cannot be read as a formula"),
        ("x; x", 1, "found ';'"),
        ("__import__('os').system('true')", 11, "found '''"),
        ("__import__(x)", 0, "found unknown function '__import__'"),
        ("x.__class__.__mro__", 0, "found a name behind a dot"),
        ("x[0]", 1, "found '['"),
        ("lambda: x", 6, "found ':'"),
        ("(x := 2)", 3, "found ':'"),
        ("f'{x}'", 1, "found '''"),
        ("x # 2", 2, "found '#'"),
        ("open(x)", 0, "found unknown function 'open'"),
    ],
)
def test_a_refusal_says_what_and_where(text, column, message):
    error = complaint(text, ["beta"])
    assert error.message.startswith(message)
    assert error.column == column
    shown, pointer = error.pointed().split("\n")
    assert pointer.index("^") <= len(shown)
    assert shown.isprintable()


def test_the_caret_stands_under_the_place():
    assert complaint("x * sigmod(x)").pointed() == "x * sigmod(x)\n    ^~~~~~"
    assert complaint("x \x00 y").pointed() == "x \\x00 y\n  ^"
    assert str(complaint("x ^ 2")) == "found '^', expected ** for a power (at column 3 of the formula)"
    text = "x + " * 20 + "y" + " + x" * 20
    shown, pointer = complaint(text).pointed().split("\n")
    assert shown[pointer.index("^")] == "y"
    assert len(shown) < 110


def test_sizes_are_limited():
    assert "found 1001 characters" in str(complaint("x" * 1001))
    assert "more than 300" in str(complaint(f"max({', '.join('x' * 300)})"))
    assert "levels inside each other" in str(complaint("exp(" * 60 + "x" + ")" * 60))
    assert parse("exp(" * 49 + "x" + ")" * 49)
    assert parse("+".join("x" * 25))


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ValueError])
def test_what_pythons_own_parser_gives_up_on_is_refused(error, monkeypatch):
    def give_up(*_words, **_options):
        raise error

    monkeypatch.setattr("nnlab.maths.expressions.parser.ast.parse", give_up)
    assert complaint("- - x").message == "found too many levels of parentheses or signs, expected fewer"


HOSTILE = [
    "(" * 2000 + "x" + ")" * 2000, "(" * 499 + "x" + ")" * 499, "-" * 999 + "x", "not " * 249 + "x", "x" + "**x" * 333,
    "9**" * 300 + "9", "1" * 999, "0." + "0" * 900 + "1", "1e" + "9" * 900, "x" + "<x" * 400, "where(" * 166,
    "x," * 500, "0x" + "f" * 900, "x" + ".a" * 499, "x" + "()" * 499, "+" * 1000, "1.0" * 300, "x if " * 200,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_texts_end_quickly(text):
    only_formula_errors(text)


def test_powers_of_numbers_are_never_computed_exactly():
    assert parse("9**9**9").text() == "9 ** 9 ** 9"
    assert parse("9**9**9").evaluate({"x": 1.0}) == np.inf
    assert parse("(9**9**9) * x").derivative("x").text() == "9 ** 9 ** 9"


TOKENS = [
    *FUNCTIONS, "x", "beta", "pi", "1", "0.5", "1e5", "1e400", "(", ")", ",", "+", "-", "*", "/", "**", "<", ">=", "==",
    " and ", " or ", " not ", " if ", " else ", " for ", " in ", "lambda", ".", "__", "!", " ", "\n", "\x00", "[", "'",
    "=", "yield ", "await ", "1if", "_", "é", "🙂", "\ud800",
]  # fmt: skip


def only_formula_errors(text):
    error = failure_of(lambda: parse(text, ["beta"]).derivative("x").text())
    if error is None:
        assert parse(parse(text, ["beta"]).text(), ["beta"]) == parse(text, ["beta"])
    else:
        assert 0 <= error.column <= len(text)
        assert error.pointed().count("\n") == 1


def failure_of(action):
    try:
        action()
    except FormulaError as error:
        return error
    return None


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_fuzz_of_tokens(text):
    only_formula_errors(text)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=30) | st.text("x+-*/()<>=., 019e_", max_size=30))
def test_fuzz_of_characters(text):
    only_formula_errors(text)


@settings(deadline=None, max_examples=60)
@given(EXPRESSIONS)
def test_any_expression_is_an_activation_or_refused(expression):
    error = failure_of(lambda: Formula.parse(expression.text(), ["beta"]).to_activation("mine", {"beta": 0.5}))
    assert error is None or len(error.message) > 10


def test_a_slope_that_overflows_on_the_way_to_a_kink_is_refused_without_a_warning():
    error = failure_of(lambda: Formula.parse("max(beta, exp(x), exp(x))", ["beta"]).to_activation("m", {"beta": 0.5}))
    assert "runs away just left of x = 709" in error.message


def test_every_function_has_a_rule_for_each_of_its_arguments():
    numbers = itertools.cycle(["x", "2 * x", "x / 3"])
    for name, operation in FUNCTIONS.items():
        arguments = [next(numbers) for _ in range(operation.arity[0])]
        arguments[0] = "x > 0" if name == "where" else arguments[0]
        assert parse(f"{name}({', '.join(arguments)})").derivative("x").names() <= {"x"}
