"""The passport of an activation, as the command line shows it and as a document."""

import json
import math
import runpy
from dataclasses import replace

import numpy as np
import pytest
from support import ROOT, nnlab_here

import nnlab
from nnlab.experiments.accuracy import accuracy
from nnlab.experiments.catalogue import entry_and_values
from nnlab.experiments.passport import document, passport
from nnlab.experiments.passport_text import end_in_words, passport_lines
from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.asymptotes import asymptote
from nnlab.maths.bound_activation import BoundActivation

ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if isinstance(entry, Activation)]


def bound(text, **values):
    return BoundActivation(*entry_and_values(text, ACTIVATIONS, values))


def lines_of(found):
    return " ".join("\n".join(passport_lines(found)).split())


@pytest.fixture(scope="module")
def silu():
    return passport("1.5 * x / (1 + exp(-x))")


def test_a_passport_says_what_there_is_to_say(silu):
    text = lines_of(silu)
    assert "what it is equals e_swish; is 1.5 × silu; is 1.5 × swish; is" in text
    assert "at -∞ f(x) → 0 at ∞ f(x) ~ 1.5 x range lowest -0.4177 at x = -1.278, no highest value" in text
    assert "shares mean 12.0 %, linear 70.3 %, rest 17.7 % of E[f(z)²] = 0.8005" in text
    assert "gains forward 1.118, gradient 1.082, centred 1.191" in text
    assert "variance 1 is unstable: 1 % too much becomes 1.173 % a layer later" in text
    assert "variances that the forward gain keeps: 0 (stable), 1 (unstable)" in text
    assert "χ₁ (of squared gradients) = 1.067 with the forward gain: gradients × 1.033 a layer" in text
    assert "(init: {name: fair, aim: critical})" in text
    assert "at variance q = 14.32: σw² = 0.883558, σb² = 0.55514" in text
    assert "correlation tends to 0.659 with depth (however alike they are) what is left to 0.659 shrinks by" in text
    assert "layers 2 5 10 20 50 predicted 1.03 1.14 1.34 1.85 4.86 measured 1.0" in text
    assert "In deep networks the measured ratio departs from the predicted one" in text
    assert "ns an element" in text
    assert "float64, measured now in longer floats" in text or "nothing more exact is there" in text


def test_a_passport_as_a_document_has_all_figures(silu):
    found = json.loads(json.dumps(document(silu), allow_nan=False))
    assert found["gains"]["forward"] == pytest.approx(1.676533 / 1.5, rel=1e-6)
    assert found["moments"]["second"] == pytest.approx(0.800495, rel=1e-5)
    assert found["critical"]["twice"][0]["weights"] == pytest.approx(0.883558, rel=1e-5)
    assert found["chi"] == pytest.approx(1.06663, rel=1e-5)
    assert [one["layers"] for one in found["gradients"]["ratios"]] == [2, 5, 10, 20, 50]
    assert found["gradients"]["ratios"][0]["ratio"] == pytest.approx(1.033, rel=0.05)
    assert {point["stable"] for point in found["variance_map"]["fixed_points"]} == {True, False}
    assert found["correlation"]["map"][-1] == {"before": 1.0, "after": pytest.approx(1.0)}
    assert found["highest"]["value"] is None
    assert all(seconds > 0 for seconds in found["nanoseconds"].values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glu", ["only its forward gain is known", "gains forward 1.846"]),
        ("maxout", ["gains forward 1, centred 1.21"]),
        ("softmax", ["init: fair measures it on the first batch"]),
        ("exp(x*x)", ["E[f(z)²] is infinite", "faster than any power of x"]),
        ("max(x - 60, 0)", ["E[f(z)²] is 0"]),
        ("relu", ["every variance q is kept", "is near no other known function", "gradients keep their size"]),
        ("sigmoid", ["no start keeps both gradients and variance 1", "all become alike"]),
        (
            "heaviside",
            [
                "gains forward 1.414, centred 2",
                "χ₁ (of squared gradients) = 0 ",
                "1 % too much becomes 0 % a layer later",
            ],
        ),
        ("sin(30 * x)", ["is sin(30 x)", "becomes 0 % a layer", "by a factor e in less than 0.02 layers"]),
        ("tanh", ["variance q → 0: σw² = 1, σb² = 0", "all become unrelated", "recorded against 50 digits"]),
        ("elu", ["equals celu"]),
        ("tanhexp", ["is near", " everywhere", "measured now in longer floats"]),
        ("x * tanh(exp(x))", ["equals tanhexp"]),
    ],
)
def test_what_a_function_has_of_its_own_is_said(name, expected, monkeypatch):
    monkeypatch.setattr("nnlab.experiments.passport.measured_ratios", lambda *_, **__: [])
    text = lines_of(passport(name))
    assert [words for words in expected if words not in text] == []


def test_relu_is_not_compared_with_its_own_time(monkeypatch):
    monkeypatch.setattr("nnlab.experiments.passport.measured_ratios", lambda *_, **__: [])
    monkeypatch.setattr("nnlab.experiments.passport.matches", lambda *_: [])
    assert "times relu's" not in lines_of(passport("relu"))
    cut = passport("max(x, -1)")
    slow = replace(cut, speed=replace(cut.speed, forward=57 * cut.speed.relu_forward, both=113 * cut.speed.relu_both))
    assert ": 57 and 110 times relu's" in lines_of(slow)


def test_a_row_is_as_long_as_an_activation_of_rows_needs():
    assert passport("maxout", values={"pieces": 3}).speed.forward > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bent_identity", "f(x) ~ 1.5 x - 0.5"),
        ("tanh_shrink", "f(x) ~ x - 1"),
        ("sin", "waves that stay bounded"),
        ("snake", "waves that stay bounded, about x"),
        ("x*cos(x)", "waves that grow"),
        ("x**3", "faster than a line, like |x|^3"),
        ("x * log(1 + abs(x))", "faster than a line"),
        ("exponential", "faster than any power of x"),
        ("x - x**2 / sqrt(1 + x**2)", "f(x) → 0"),  # whose terms cancel, so that rounding grows
        ("sqrt(1 + abs(x))", "without limit, slower than a line, like |x|^0.5"),
        ("x + log(1 + x*x)", "f(x) / x → 1, with what departs slowly from a line"),
    ],
)
def test_ends_are_put_in_words(text, expected):
    assert end_in_words(asymptote(bound(text), 1)) == expected


# --- accuracy ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def references():
    return runpy.run_path(str(ROOT / "tests" / "maths" / "test_activations.py"))


def test_recorded_errors_are_within_what_the_tests_of_activations_allow(references):
    """If this fails: python benchmarks/record_accuracy.py."""
    for name in ELEMENTWISE:
        found, bounds = accuracy(bound(name)), references["REFERENCES"][name].ulps
        assert found.recorded
        assert (found.value, found.slope) <= bounds, name


def test_recorded_errors_are_those_measured(references):
    measure = runpy.run_path(str(ROOT / "benchmarks" / "record_accuracy.py"))["measure"]
    found, recorded = measure("softsign", references), accuracy(bound("softsign"))
    assert (found["value"], found["slope"]) == pytest.approx((recorded.value, recorded.slope), abs=0.5)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="the processor has no longer floats")
def test_a_formula_that_loses_digits_is_found_out():
    """Where exp(x) is below 1e-16, log(1 + exp(x)) has none left; log1p keeps them."""
    bad, good = accuracy(bound("log(1 + exp(x))")), accuracy(bound("log1p(exp(x))"))
    assert bad.value > 1e6
    assert bad.value_at < -10
    assert good.value < 4
    assert not bad.recorded
    assert accuracy(bound("elu", alpha=0.5)) is None  # neither recorded nor a formula


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_pictures")
def test_the_command_draws_the_passport_too(tmp_path):
    result = nnlab_here("activations", "show", "x * tanh(x)", "--out", "p.png", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "p.png"
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_with_json_stdout_is_one_document(tmp_path):
    result = nnlab_here("activations", "show", "glu", "--json", cwd=tmp_path)
    found = json.loads(result.stdout)
    assert found["name"] == "glu"
    assert found["passport"]["gains"]["forward"] == pytest.approx(1.84623, rel=1e-5)
    assert "theory of single units" in found["passport"]["missing"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("softmax", "-o", "p.png"), "softmax works on a whole row of units, so that it has no picture"),
        (("relu", "-o", "-"), "--out: found stdout, which takes the passport in words, expected a file"),
        (("relu", "-o", "p.jpg"), "p.jpg"),
    ],
)
def test_a_picture_that_cannot_be_is_refused(words, expected, tmp_path):
    result = nnlab_here("activations", "show", *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_activation_of_the_library_has_a_passport(monkeypatch):
    monkeypatch.setattr("nnlab.experiments.passport.measured_ratios", lambda *_, **__: [])
    found = nnlab.activation("swish", beta=2.0).passport()
    assert found["gains"]["forward"] == pytest.approx(1 / math.sqrt(0.43953), rel=1e-4)
    exact = {match["name"]: (match["a"], match["b"]) for match in found["matches"] if match["exact"]}
    assert exact["silu"] == pytest.approx((0.5, 2))


def test_the_page_of_the_documentation_shows_what_is_printed():
    page = (ROOT / "docs" / "passport.md").read_text(encoding="utf-8")
    shown = page.partition("```text\n")[2].partition("```")[0].splitlines()
    printed = [line for line in passport_lines(passport("gelu")) if "measured  " not in line]
    assert [line for line in shown if "measured  " not in line and line not in printed] == []
