"""The functions of the literature: each against its source's definition, its gradient, its gain, its other names."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, expit
from strategies import HEADS, network_of, targets

from nnlab.config.choices import choose_activation
from nnlab.config.json_schema import experiment_schema
from nnlab.errors import ConfigError
from nnlab.gradients.point import examine
from nnlab.maths.activations import ACTIVATIONS, ALIASES
from nnlab.maths.expressions import Formula
from nnlab.maths.literature import (
    ALL_ACTIVATIONS,
    ALL_ALIASES,
    CERTAINTIES,
    LITERATURE,
    Published,
    ambiguity,
    listed_entries,
)
from nnlab.maths.signal.moments import moments
from nnlab.networks.network import PassContext


def softplus(x):
    return np.logaddexp(0, x)


def left(x, positive, negative):
    """`positive` where x > 0, else `negative` of x, whose powers overflow for large x."""
    return np.where(x > 0, positive, negative(np.minimum(x, 0)))


# By name its definition, as the source has it.
DEFINITIONS = {
    "tanhexp": lambda x: x * np.tanh(np.exp(x)),
    "serf": lambda x: x * erf(softplus(x)),
    "erfact": lambda x, a, b: x * erf(a * np.exp(b * x)),
    "pserf": lambda x, g, d: x * erf(g * softplus(d * x)),
    "logish": lambda x: x * np.log1p(expit(x)),
    "smish": lambda x: x * np.tanh(np.log1p(expit(x))),
    "gish": lambda x: x * np.log1p(-np.expm1(-np.exp(x))),  # 2 - exp(-exp(x)) would lose its digits
    "phish": lambda x: x * np.tanh(x * (1 + erf(x / np.sqrt(2))) / 2),
    "log_logish": lambda x: x * -np.expm1(-np.exp(x)),
    "exp_expish": lambda x: x * np.exp(-np.exp(-x)),
    "lisht": lambda x: x * np.tanh(x),
    "gcu": lambda x: x * np.cos(x),
    "calu": lambda x: x * (np.arctan(x) / np.pi + 0.5),
    "lalu": lambda x: x * np.where(x >= 0, 1 - np.exp(-np.abs(x)) / 2, np.exp(-np.abs(x)) / 2),
    "colu": lambda x: x / (1 - x * np.exp(-(x + np.exp(x)))),
    "sinlu": lambda x, a, b: (x + a * np.sin(b * x)) * expit(x),
    "sgelu": lambda x, a: a * x * erf(x / np.sqrt(2)),
    "e_swish": lambda x, b: b * x / (1 + np.exp(-x)),
    "tsrelu": lambda x: x * np.tanh(expit(x)),
    "psgu": lambda x, a: x * np.tanh(a * expit(x)),
    "tbsrelu": lambda x: x * np.tanh(-np.expm1(-x) / (1 + np.exp(-x))),
    "dsilu": lambda x: expit(x) + x * expit(x) * expit(-x),
    "double_silu": lambda x: x / (1 + np.exp(-x * expit(x))),
    "tsilu": lambda x: np.tanh(x / (1 + np.exp(-x))),
    "asilu": lambda x: np.arctan(x / (1 + np.exp(-x))),
    "sinsig": lambda x: x * np.sin(np.pi / 2 * expit(x)),
    "eanaf": lambda x: x / (1 + 2 * np.exp(-x)),
    "reu": lambda x: np.maximum(x, x * np.exp(-np.abs(x))),
    "preu": lambda x, a, b: left(x, a * x, lambda x: a * x * np.exp(b * x)),
    "serlu": lambda x, l, a: l * left(x, x, lambda x: a * x * np.exp(x)),
    "polu": lambda x, a: left(x, x, lambda x: (1 - x) ** -a - 1),
    "polylu": lambda x: left(x, x, lambda x: x / (1 + np.abs(x))),
    "pflu": lambda x: x * (1 + x / np.sqrt(1 + x**2)) / 2,
    "fpflu": lambda x: left(x, x, lambda x: x + x**2 / np.sqrt(1 + x**2)),
    "swim": lambda x, a: x / 2 * (1 + a * x / np.sqrt(1 + x**2)),
    "isrlu": lambda x, a: left(x, x, lambda x: x / np.sqrt(1 + a * x**2)),
    "isru": lambda x, a: x / np.sqrt(1 + a * x**2),
    "sqnl": lambda x: np.select([x > 2, x > 0, x >= -2], [1, x - x**2 / 4, x + x**2 / 4], -1),
    "sqlu": lambda x: np.select([x > 0, x >= -2], [x, x + x**2 / 4], -1),
    "sqreu": lambda x: np.select([x > 0, x >= -2], [x, x + x**2 / 2], 0),
    "squish": lambda x: np.select([x > 0, x >= -2], [x + x**2 / 32, x + x**2 / 2], 0),
    "sq_softplus": lambda x: np.select([x > 0.5, x >= -0.5], [x, (x + 0.5) ** 2 / 2], 0),
    "squared_relu": lambda x: np.maximum(x, 0) ** 2,
    "star_relu": lambda x, a, b: a * np.maximum(x, 0) ** 2 + b,
    "repu": lambda x: np.maximum(x, 0) ** 3,
    "pelu": lambda x, a, b: left(x, a / b * x, lambda x: a * np.expm1(x / b)),
    "mpelu": lambda x, a, b: left(x, x, lambda x: a * np.expm1(b * x)),
    "ptelu": lambda x, a, b: left(x, x, lambda x: a * np.tanh(b * x)),
    "erf_relu": lambda x, a: left(x, x, lambda x: a * erf(x)),
    "tanhlu": lambda x, a, b, c: a * np.tanh(b * x) + c * x,
    "elu_gate": lambda x, a: x * np.tanh(left(x, a * x, lambda x: np.expm1(a * x))),
    "blu": lambda x, a: a * (np.sqrt(x**2 + 1) - 1) + x,
    "acon_c": lambda x, p, q, b: (p - q) * x * expit(b * (p - q) * x) + q * x,
    "smu": lambda x, a, m: ((1 + a) * x + (1 - a) * x * erf(m * (1 - a) * x)) / 2,
    "soft_clipping": lambda x, a: (softplus(a * x) - softplus(a * (x - 1))) / a,
    "srs": lambda x, a, b: x / (x / a + np.exp(-x / b)),
    "hexpo": lambda x, a, b, c, d: np.where(
        x >= 0, -a * np.expm1(-np.maximum(x, 0) / b), c * np.expm1(np.minimum(x, 0) / d)
    ),
    "elish": lambda x: left(x, x / (1 + np.exp(-x)), lambda x: np.expm1(x) / (1 + np.exp(-x))),
    "hard_elish": lambda x: left(x, x, np.expm1) * np.maximum(0, np.minimum(1, (x + 1) / 2)),
    "soft_plus_plus": lambda x, k, c: softplus(k * x) + x / c - np.log(2),
    "rand_softplus": lambda x, a: (1 - a) * np.maximum(x, 0) + a * softplus(x),
    "nlrelu": lambda x, b: np.log(b * np.maximum(x, 0) + 1),
    "vlu": lambda x, a, b: np.maximum(x, 0) + a * np.sin(b * x),
    "tent": lambda x, a: np.maximum(0, a - np.abs(x)),
    "hat": lambda x, a: np.select([x < 0, x <= a / 2, x <= a], [0, x, a - x], 0),
    "penalized_tanh": lambda x, a: np.where(x > 0, np.tanh(x), a * np.tanh(x)),
    "maxsig": lambda x: np.maximum(x, expit(x)),
    "minsin": lambda x: np.minimum(x, np.sin(x)),
    "cosid": lambda x: np.cos(x) - x,
    "arctid": lambda x: np.arctan(x) ** 2 - x,
    "maxtanh": lambda x: np.maximum(x, np.tanh(x)),
    "lecun_tanh": lambda x: 1.7159 * np.tanh(2 / 3 * x),
    "arctan": np.arctan,
    "elliott": lambda x: 0.5 * x / (1 + np.abs(x)) + 0.5,
    "rootsig": lambda x, a: a * x / (1 + np.sqrt(1 + (a * x) ** 2)),
    "loglog": lambda x: np.exp(-np.exp(-x)),
    "sig_lin": lambda x, a: expit(x) + a * x,
    "soft_modulus_q": lambda x: np.where(np.abs(x) <= 1, x**2 * (2 - np.abs(x)), np.abs(x)),
    "smooth_step": lambda x, g: np.select([x <= -g / 2, x < g / 2], [0, -2 / g**3 * x**3 + 3 / (2 * g) * x + 0.5], 1),
    "tanhsoft1": lambda x, a: np.tanh(a * x) * softplus(x),
    "tanhsoft2": lambda x, b, c: x * np.tanh(b * np.exp(c * x)),
    "eis1": lambda x: x * softplus(x) / (x + 1.16 * np.exp(-x)),
    "eis2": lambda x: x * softplus(x) / np.sqrt(1 + x**2),
    "flatten_t_swish": lambda x, t: left(x, x / (1 + np.exp(-x)), lambda _: 0) + t,
    "dual_line": lambda x, a, b, m: np.where(x > 0, a * x, b * x) + m,
    "pilu": lambda x, a, b, c: np.where(x > c, a * x + c * (1 - a), b * x + c * (1 - b)),
    "arelu": lambda x, a, b: np.where(x > 0, (1 + expit(b)) * x, np.clip(a, 0.01, 0.99) * x),
    "aqulu": lambda x, a, b: np.select([x >= (1 - b) / a, x >= -b / a], [x, a * x**2 + b * x], 0),
    "xsilu": lambda x, a: x * (expit(x) * (1 + 2 * a) - a),
    "xatlu": lambda x, a: x * ((np.arctan(x) + np.pi / 2) / np.pi * (1 + 2 * a) - a),
    "xielu": lambda x, p, n, b: np.where(x > 0, p * x**2 + b * x, n * (np.expm1(np.minimum(x, 0)) - x) + b * x),
}
GRID = np.linspace(-30, 30, 481)
SOFTMAX = next(head for head in HEADS if head[:3] == ("multiclass", "softmax", "cross_entropy"))
# 1/√E[f²], E[f'²] / E[f²] and the kinks under N(0, 1) by quadrature recorded apart from this code.
TABLE = (Path(__file__).parent / "literature_gains.csv").read_text()
RECORDED = {row["name"]: row for row in csv.DictReader(TABLE.splitlines())}
# Recorded with other defaults than the entry has now.
RECORDED_WITH = {"tanhlu": {"c": 1.0}}


def values(entry, z, **chosen):
    out = np.empty_like(z)
    entry.value(z, out, **chosen)
    return out


@pytest.mark.parametrize("name", LITERATURE)
def test_every_function_is_that_of_its_definition(name):
    entry, chosen = ALL_ACTIVATIONS[name], LITERATURE[name].defaults
    kinks = np.array(entry.kinks(**chosen))
    x = np.concatenate([GRID, kinks, np.nextafter(kinks, -np.inf), np.nextafter(kinks, np.inf)])
    np.testing.assert_allclose(values(entry, x, **chosen), DEFINITIONS[name](x, **chosen), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("name", LITERATURE)
def test_gains_and_kinks_are_the_recorded_ones(name):
    entry, row = ALL_ACTIVATIONS[name], RECORDED[name]
    chosen = {**LITERATURE[name].defaults, **RECORDED_WITH.get(name, {})}
    found = moments(entry, chosen)
    assert found.second**-0.5 == pytest.approx(float(row["gain"]), rel=0.01)
    assert found.chi == pytest.approx(float(row["chi"]), rel=0.01)
    np.testing.assert_allclose(entry.kinks(**chosen), [float(x) for x in row["kinks"].split()], rtol=1e-5)


@pytest.mark.parametrize("name", LITERATURE)
def test_no_function_gives_a_false_alarm(name):
    entry = LITERATURE[name]
    learned = {"learn": [p.name for p in entry.parameters]} if entry.learnable else {}
    activation = {"name": name, **learned}
    network = network_of(SOFTMAX, [3], activations=ALL_ACTIVATIONS, activation=activation)
    draws = np.random.default_rng(7)
    theta = draws.normal(0, 0.7, (1, network.layout.size))
    for tensor, view in network.layout.views(theta).items():
        if (parameter := tensor.partition("/")[2]) in entry.defaults:
            view[...] = entry.defaults[parameter]
    batch = draws.normal(size=(1, 4, 3)), targets("multiclass", 4, draws)
    found = examine(network, theta, batch, PassContext((0,)))
    assert found.passed, found.verdict.name
    assert not found.refused
    assert np.isfinite(found.analytic).all()


# --- the table --------------------------------------------------------------------------------------------------------


def test_names_are_those_of_no_other_entry():
    seconds = [second for entry in LITERATURE.values() for second in entry.also]
    assert not {*LITERATURE, *seconds} & {*ACTIVATIONS, *ALIASES}
    assert not {*LITERATURE} & {*seconds}
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in [*LITERATURE, *seconds])
    assert list(DEFINITIONS) == list(RECORDED) == list(LITERATURE)


def test_every_entry_says_where_it_comes_from_and_how_certain_it_is():
    for entry in LITERATURE.values():
        assert entry.certainty in CERTAINTIES
        for text in (entry.source, entry.seen_again):
            assert text == text.strip() != ""
        assert entry.certainty == "A" or entry.note


def test_the_table_has_the_formulas_as_they_are_shown_and_what_their_activations_have():
    for name, entry in LITERATURE.items():
        found = ALL_ACTIVATIONS[name]
        assert (found.name, found.formula, found.source) == (name, entry.formula, entry.source)
        assert found.parameters == entry.parameters
        assert found is ALL_ACTIVATIONS.get(name)


SAME = [
    ("reu", {}, "preu", {"a": 1.0, "b": 1.0}), ("tsrelu", {}, "psgu", {"a": 1.0}), ("polylu", {}, "polu", {"a": 1.0}),
    ("pflu", {}, "swim", {"a": 1.0}), ("bent_identity", {}, "blu", {"a": 0.5}), ("silu", {}, "xsilu", {"a": 0.0}),
    ("silu", {}, "acon_c", {}), ("calu", {}, "xatlu", {"a": 0.0}), ("maxtanh", {}, "ptelu", {"a": 1.0, "b": 1.0}),
    ("tanhexp", {}, "tanhsoft2", {"b": 1.0, "c": 1.0}), ("tanh", {}, "tanhlu", {}), ("silu", {}, "e_swish", {"b": 1.0}),
    ("elu", {}, "mpelu", {}), ("leaky_relu", {"negative_slope": 0.25}, "smu", {"m": 1e9}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "own", "other", "its"), SAME, ids=[f"{one}-{other}" for one, _, other, _ in SAME])
def test_functions_that_the_notes_call_the_same_are(one, own, other, its):
    x = np.linspace(-9, 9, 145)
    first, second = ALL_ACTIVATIONS[one], ALL_ACTIVATIONS[other]
    ours = values(first, x, **{p.name: p.default for p in first.parameters} | own)
    theirs = values(second, x, **{p.name: p.default for p in second.parameters} | its)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_an_entry_is_parsed_when_it_is_looked_up_and_not_before(monkeypatch):
    read = []
    parse = Formula.parse

    def spy(text, names=()):
        read.append(text)
        return parse(text, names)

    monkeypatch.setattr(Formula, "parse", spy)
    entry = Published("twice", "x + x", "nobody", "A", "nowhere")
    table = ALL_ACTIVATIONS.with_more({"twice": entry})
    assert "twice" in table
    assert len(list(table)) == len(table) == len(listed_entries(table)) == len(ALL_ACTIVATIONS) + 1
    assert read == []
    assert values(table["twice"], np.array([3.0])) == [6.0]
    assert table["twice"] is table["twice"]
    assert read == ["x + x"]


def test_the_schema_of_the_experiment_file_knows_every_name():
    names = experiment_schema()["definitions"]["activation"]["anyOf"][0]["enum"]
    assert {*LITERATURE, *ALL_ALIASES, *ACTIVATIONS} - {*names} == {"heaviside"}
    assert "telu" not in names


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_second_name_is_understood_where_it_means_one_function():
    for second, name in ALL_ALIASES.items():
        assert choose_activation(second, ALL_ACTIVATIONS).name == name
    assert choose_activation({"name": "fplus"}, ALL_ACTIVATIONS).entry is ALL_ACTIVATIONS["polylu"]


def test_a_name_of_two_functions_is_refused_with_both():
    assert "telu" not in ALL_ALIASES
    with pytest.raises(ConfigError) as refused:
        choose_activation("telu", ALL_ACTIVATIONS)
    assert str(refused.value) == ambiguity("telu")
    assert "tanhexp, x * tanh(exp(x)) and elu_gate, x * tanh(where(" in ambiguity("telu")
    assert ambiguity("tanhexp") == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("gelus", "did you mean 'gelu'?"),
        ("tanhexpo", "did you mean 'tanhexp'?"),
        ("quadratic", "expected one of identity, "),
        ("quadratic", "glu, or of `nnlab activations list --all`"),
        ({"name": "srs", "a": 0}, "srs(a=0): x / a is not a number at x = 0"),
        ({"name": "hat", "a": "2"}, "found '2' for a of hat, expected a number"),
        ({"name": "gcu", "a": 1}, "unknown key 'a' of gcu"),
    ],
)
def test_what_is_wrong_with_a_name_or_a_value_is_told(value, expected):
    with pytest.raises(ConfigError) as refused:
        choose_activation(value, ALL_ACTIVATIONS)
    assert expected in str(refused.value)
