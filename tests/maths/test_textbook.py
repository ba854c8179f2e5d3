"""Formulas in textbook form: what each means is what the code means, and none looks like code."""

import math
import re

import numpy as np
import pytest

from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.expressions import parse
from nnlab.maths.expressions.textbook import textbook

ELEMENTWISE = [entry for entry in ACTIVATIONS.values() if isinstance(entry, Activation)]
CODE = re.compile(r"\*|<=|>=|\b(where|sqrt|abs|sigmoid|clip|relu|softplus|expm1|log1p|pi|sigmoid_slope|tanh_slope)\b")


def symbols_of(names):
    return {"x": "x", **{name: name for name in names}}


def value_of(text, **values):
    """The number that a formula in textbook form means."""
    text, _, definition = text.partition(", s = ") if ", s = " in text else text.partition(", g = ")
    if definition:
        name = "s" if "s (1 − s)" in text else "g"
        return value_of(text, **values, **{name: value_of(definition, **values)})
    for sign, code in {"−": "-", "·": "*", "≤": "<=", "≥": ">=", "π": "pi", "[": "float(", "]": ")"}.items():
        text = text.replace(sign, code)
    text = re.sub(r"(\w+)²\(", r"square_of_\1(", text)
    text = re.sub("[²³⁴]", lambda found: f"**{'  ²³⁴'.index(found[0])}", text).replace("^", "**")
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", re.sub(r"√(\w+)", r"sqrt(\1)", text)).replace("√(", "sqrt(")
    text = re.sub(r"( if [^,()]*), (?!else)", r"\1 else ", text).replace(", else", " else")
    text = re.sub(r" (if|else|and|or) ", r"@\1@", text)
    text = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", text).replace("@", " ")
    known = {name: getattr(math, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf", "pi")}
    known |= {"abs": abs, "min": min, "max": max, "σ": lambda u: 1 / (1 + math.exp(-u)), "sign": np.sign}
    squares = {f"square_of_{name}": lambda u, f=f: f(u) ** 2 for name, f in known.items() if callable(f)}
    return eval(text, {"__builtins__": {"float": float}}, {**known, **squares, **values})


@pytest.mark.parametrize("entry", ELEMENTWISE, ids=lambda entry: entry.name)
def test_every_built_in_activation_is_written_as_in_a_textbook_and_means_the_same(entry):
    chosen = {parameter.name: float(parameter.default) for parameter in entry.parameters}
    points = np.array([-3.7, -0.9, -0.2, 0.3, 1.4, 6.5])
    value, slope = np.empty_like(points), np.empty_like(points)
    entry.value(points, value, **chosen)
    entry.slope(points, value, slope, **chosen)
    for formula, factor, expected in ((entry.formula, False, value), (entry.slope_formula, True, slope)):
        text = textbook(formula, symbols_of(chosen), factor=factor)
        assert text is not None
        assert not CODE.search(text)
        found = [value_of(text, x=x, **chosen) for x in points.tolist()]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("formula", "value", "slope"),
    [
        ("tanh(x)", "tanh(x)", "(1 − tanh²(x))"),
        ("sigmoid(x)", "σ(x)", "σ(x) (1 − σ(x))"),
        ("relu(x)", "max(x, 0)", "[x > 0]"),
        ("x * sigmoid(b * x)", "x σ(b x)", "(σ(b x) + x b σ(b x) (1 − σ(b x)))"),
        ("x * x * exp(-x**2 / 2)", "x² exp(−x²/2)", "(2 x exp(−x²/2) − x³ exp(−x²/2))"),
        ("log1p(abs(x)) * sign(x)", "log(1 + |x|) sign(x)", "((1 if x > 0, else −1) / (1 + |x|)) sign(x)"),
        ("where(x < 0, 0, x)", "x [x ≥ 0]", "[x ≥ 0]"),
        ("clip(x, -2, 2)", "min(max(x, −2), 2)", "(0 if x > 2, 1 if x > −2, else 0)"),
        ("where(x > 1 or x < -1, x, 2 * x)", "x if x > 1 or x < −1, else 2 x", "(1 if x > 1 or x < −1, else 2)"),
        ("long_name * x / (1 + sqrt(x**2 + 1))", "long_name · x / (1 + √(x² + 1))", None),
        ("2 ** x - (-x) ** 3", "2^x − (−x)³", None),
    ],
)
def test_a_formula_of_a_user_is_written_as_in_a_textbook(formula, value, slope):
    names = [name for name in ("b", "long_name") if re.search(rf"\b{name}\b", formula)]
    derivative = parse(formula, names).derivative("x").text()
    assert textbook(formula, symbols_of(names)) == value
    assert textbook(derivative, symbols_of(names), factor=True) == slope or slope is None
    for x in (-1.7, 0.4, 2.3):
        chosen = {"x": x, **dict.fromkeys(names, 1.5)}
        for code in (formula, derivative):
            found = value_of(textbook(code, symbols_of(names)), **chosen)
            assert found == pytest.approx(float(parse(code, names).evaluate(chosen)), rel=1e-5)


def test_what_is_no_formula_stays_in_its_own_words():
    assert textbook("user-defined", {"x": "x"}) is None
    assert textbook("x * nothing", {"x": "x"}) is None
