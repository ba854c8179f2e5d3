"""What there is to choose from, as the command line shows it."""

import json

import numpy as np
import pytest
import yaml
from matplotlib import image
from support import HOUSES, faults, nnlab_here, trained, write

from nnlab.comparison.arms import arms_from
from nnlab.experiments.catalogue import describe, describe_all
from nnlab.experiments.speed import Speed
from nnlab.maths.activations import ACTIVATIONS, ALIASES
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.literature import ALL_ACTIVATIONS, CERTAINTIES, LITERATURE
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.schedules import SCHEDULES


@pytest.fixture(autouse=True)
def quick_passports(monkeypatch):
    """Passports without what is measured and searched for, which test_passport.py looks at."""
    monkeypatch.setattr("nnlab.experiments.passport.measured_ratios", lambda *_, **__: [])
    monkeypatch.setattr("nnlab.experiments.passport.speed", lambda *_: Speed(2.0, 3.0, 1.0, 1.0))
    monkeypatch.setattr("nnlab.experiments.passport.matches", lambda *_: [])


TABLES = {"activations": ACTIVATIONS, "losses": LOSSES, "initializers": INITIALIZERS, "optimizers": OPTIMIZERS}


def said(*words, cwd):
    result = nnlab_here(*words, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("kind", TABLES)
def test_a_list_names_every_entry_with_its_formula_and_parameters(kind, tmp_path):
    shown = said(kind, "list", cwd=tmp_path)
    for entry in TABLES[kind].values():
        assert any(line.split() and line.split()[0] == entry.name for line in shown.splitlines()), entry.name
        assert entry.formula in shown
        assert all(parameter.description in shown for parameter in entry.parameters)


@pytest.mark.parametrize("kind", [*TABLES, "schedules"])
def test_a_list_in_json_has_the_same_entries_with_their_sources(kind, tmp_path):
    found = json.loads(said(kind, "list", "--json", cwd=tmp_path))
    names = [entry["name"] for entry in found]
    expected = list(TABLES.get(kind, {**SCHEDULES, "plateau": None}))
    assert names == expected
    assert all({"name", "formula", "parameters", "source"} <= entry.keys() for entry in found)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_can_be_shown(name, tmp_path):
    about = json.loads(said("activations", "show", name, "--json", cwd=tmp_path))
    entry = ACTIVATIONS[name]
    assert (about["name"], about["formula"], about["source"]) == (name, entry.formula, entry.source)
    assert about["slope_formula"]
    assert about["initializer"] in INITIALIZERS


def test_a_kink_is_shown_with_both_slopes_and_the_one_that_is_taken(tmp_path):
    shown = said("activations", "show", "relu6", cwd=tmp_path)
    assert "kink at x = 0: slope 0 on the left, 1 on the right, 0 is taken" in shown
    assert "kink at x = 6: slope 1 on the left, 0 on the right, 1 is taken" in shown


def test_the_slope_of_a_formula_is_derived(tmp_path):
    shown = said("activations", "show", "x**3 + abs(x)", cwd=tmp_path)
    assert "f'(x) = 3 * x ** 2 + where(x > 0, 1, -1)" in shown
    assert "kink at x = 0: slope -1 on the left, 1 on the right, -1 is taken" in shown


def test_a_formula_with_a_parameter_is_shown_for_its_value(tmp_path):
    about = json.loads(said("activations", "show", "max(x, a * x)", "--set", "a=0.25", "--json", cwd=tmp_path))
    assert [(p["name"], p["default"]) for p in about["parameters"]] == [("a", 0.25)]
    assert about["kinks"] == [{"x": 0.0, "left": 0.25, "right": 1.0, "taken": 0.25}]


def test_a_name_may_have_its_values_itself_as_in_a_comparison():
    low, high = describe_all(["elu:alpha=0.5", "elu:alpha=2"])
    assert (low.value[0], high.value[0]) == pytest.approx((-0.5, -2), rel=0.01)
    assert (low.label, high.label) == ("elu:alpha=0.5", "elu:alpha=2")
    assert describe("elu:alpha=0.5", values={"alpha": 3}).value[0] == pytest.approx(-3, rel=0.01)


def test_short_waves_are_described_where_they_can_be_told_apart():
    assert [describe(text).x[-1] for text in ("sin(x)", "sin(30 * x)", "sin(200 * x)", "tanh(x)")] == [6, 1, 1 / 6, 6]
    assert describe_all(["sin(30 * x)", "tanh"])[0].x[-1] == 6


def test_the_range_is_told_once(tmp_path):
    assert said("activations", "show", "sigmoid", cwd=tmp_path).count("range ") == 1
    assert "range (0, 1), sums to 1" in said("activations", "show", "softmax", cwd=tmp_path)


def test_the_value_of_a_parameter_moves_the_kinks(tmp_path):
    about = json.loads(said("activations", "show", "soft_shrink", "--set", "threshold=2", "--json", cwd=tmp_path))
    assert [kink["x"] for kink in about["kinks"]] == [-2.0, 2.0]


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_the_names_of_other_frameworks_are_understood(alias, name, tmp_path):
    assert said("activations", "show", alias, cwd=tmp_path) == said("activations", "show", name, cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "gelus"), "unknown activation 'gelus'; did you mean 'gelu'?"),
        (("show", "x * sigmoid(beta * x)"), "a parameter gets its value by --set"),
        (("show", "x * (y"), "'(' was never closed"),
        (("show", "where(x > 0, 1, 0)"), "the formula jumps by 1 at x = 0"),
        (("show", "relu", "--set", "beta=1"), "--set: relu has no parameter 'beta'"),
        (("show", "elu", "--set", "alpha=-1"), "found -1 for alpha of elu, expected a number in (0, ∞)"),
        (("show", "elu:alpha=-1"), "elu:alpha=-1: found -1 for alpha of elu, expected a number in (0, ∞)"),
        (("show", "elux:alpha=1"), "unknown activation 'elux'; did you mean"),
        (("plot", "elu:alpha"), "found 'alpha', expected KEY=VALUE after the ':'"),
        (("show", "elu", "--set", "alpha"), "--set: found 'alpha', expected NAME=NUMBER such as beta=1.5"),
        (("show", "elu", "--set", "alpha=1e999"), "--set: found 'alpha=1e999', expected NAME=NUMBER such as beta=1.5"),
        (("show", "elu", "--set", "alpha=1", "--set", "alpha=2"), "--set: found alpha twice, expected it once"),
        (("plot", "softmax"), "softmax works on a whole row of units, so that it has no picture"),
        (("plot", "relu", "softmax"), "softmax works on a whole row of units, so that it has no picture"),
        (("plot", "relu", "gelus"), "unknown activation 'gelus'; did you mean 'gelu'?"),
        (("plot", "relu", "gelu", "--set", "beta=2"), "--set: none of relu, gelu has a parameter 'beta'"),
        (("plot", *["relu"] * 9), "found 9 functions, expected at most 8 in one picture"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(words, expected, tmp_path):
    result = nnlab_here("activations", *words, cwd=tmp_path)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


EVERY = [(kind, name) for kind, table in TABLES.items() for name in table]
EVERY += [("schedules", name) for name in [*SCHEDULES, "plateau"]]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_entry_is_shown_with_lines_that_an_experiment_may_have(kind, name, tmp_path):
    shown = said(kind, "show", name, cwd=tmp_path)
    about = json.loads(said(kind, "show", name, "--json", cwd=tmp_path))
    assert about["formula"] in shown
    assert about["source"] in shown
    assert all(parameter["description"] in shown for parameter in about["parameters"])
    if (example := about.get("example")) is None:
        assert name == "heaviside"  # cannot be trained
        return
    assert "".join(f"    {line}\n" for line in example.splitlines()) in shown
    task = about.get("tasks", ["regression"])[0]
    text = f"name: e\ntask: {task}\ndata: {{source: houses}}\ntraining: {{steps: 100, batch_size: all}}\n{example}"
    assert faults(text) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("losses", "show", "hubr"), "unknown loss 'hubr'; did you mean 'huber'?"),
        (("optimizers", "show", "adm"), "unknown optimizer 'adm'; did you mean 'adam'?"),
        (("initializers", "show", "he_norml"), "unknown initialiser 'he_norml'; did you mean 'he_normal'?"),
        (("schedules", "show", "xyz"), "unknown schedule 'xyz'; expected one of constant, linear,"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_near_one(words, expected, tmp_path):
    result = nnlab_here(*words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("relu", "gelu", "exponential"),
        ("elu", "relu6", "x * sigmoid(beta * x)", "--set", "beta=2", "--set", "alpha=0.5"),
    ],
)
def test_several_functions_are_drawn_over_each_other(words, tmp_path):
    assert said("activations", "plot", *words, "--out", "f.png", cwd=tmp_path) == "f.png\n"
    assert min(image.imread(tmp_path / "f.png").shape[:2]) > 800


def test_functions_in_one_picture_have_one_range_and_the_values_that_are_theirs():
    relu, elu, formula = describe_all(["relu6", "elu", "x * sigmoid(beta * x)"], values={"beta": 2.0, "alpha": 0.5})
    assert relu.x[-1] == elu.x[-1] == formula.x[-1] == 9.0
    np.testing.assert_allclose(elu.value[0], 0.5 * np.expm1(-9.0))
    np.testing.assert_allclose(formula.value, formula.x / (1 + np.exp(-2 * formula.x)))
    assert [one.label for one in (relu, elu, formula)] == ["relu6", "elu", "x * sigmoid(beta * x)"]


@pytest.mark.parametrize("words", [("gelu",), ("hard_tanh",), ("snake", "--set", "frequency=2"), ("x * tanh(exp(x))",)])
def test_a_picture_is_drawn(words, tmp_path):
    assert said("activations", "plot", *words, "--out", "f.png", cwd=tmp_path) == "f.png\n"
    pixels = image.imread(tmp_path / "f.png")
    assert min(pixels.shape[:2]) > 300
    assert np.ptp(pixels[..., :3]) > 0.5


# --- the literature ---------------------------------------------------------------------------------------------------


def test_the_list_says_how_many_more_there_are_and_all_of_them_are_listed_with_their_certainty(tmp_path):
    short, long = (said("activations", "list", *more, cwd=tmp_path) for more in ((), ("--all",)))
    own, last = short.rsplit("\n\n", 1)
    assert last == f"{len(LITERATURE)} more, of the literature: nnlab activations list --all\n"
    lines = long.splitlines()
    assert len(own.splitlines()) == len(lines) - 4 - sum(1 + len(entry.parameters) for entry in LITERATURE.values())
    for entry in LITERATURE.values():
        assert any(line.split() == [entry.name, *entry.formula.split(), f"[{entry.certainty}]"] for line in lines)
    assert lines[-3:] == [f"[{letter}] {words}" for letter, words in CERTAINTIES.items()]


def test_the_list_in_json_grows_by_the_literature(tmp_path):
    found = json.loads(said("activations", "list", "--all", "--json", cwd=tmp_path))
    assert [entry["name"] for entry in found] == list(ALL_ACTIVATIONS)
    about = {entry["name"]: entry for entry in found}["reu"]
    assert (about["certainty"], about["also"]) == ("A", ["suish"])
    assert about["note"].startswith("ADA of Non-Linear is this one")


@pytest.mark.parametrize("name", LITERATURE)
def test_every_function_of_the_literature_can_be_shown_and_chosen(name):
    about, entry = describe(name).about, LITERATURE[name]
    assert (about["name"], about["formula"], about["certainty"]) == (name, entry.formula, entry.certainty)
    assert [kink["x"] for kink in about["kinks"]] == list(ALL_ACTIVATIONS[name].kinks(**entry.defaults))
    text = "name: e\ntask: regression\ndata: {source: houses}\ntraining: {steps: 100, batch_size: all}\n"
    assert faults(text + about["example"], ALL_ACTIVATIONS) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dlu", ["polylu", "  also called dlu, fplus", "certainty A: the text of the source was seen, or two codes"]),
        (
            "tanhexp",
            [
                "  also called telu (a name of tanhexp and elu_gate)",
                "note: TeLU of Fernandez",
                "Kunc, Kléma 2024, 3.3.31",
            ],
        ),
        ("psgu", ["note: a = 3 is from memory", "certainty C: partly from memory", "its default not confirmed"]),
        ("hat", ["looked up again: a PyTorch code", "init: recommended is", "Hong, Siegel, Tan, Xu 2022"]),
    ],
)
def test_what_is_known_of_a_published_function_is_shown(name, expected, tmp_path):
    shown = said("activations", "show", name, cwd=tmp_path)
    assert [words for words in expected if words not in shown] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("telu",), "found 'telu', a name of different functions: tanhexp, x * tanh(exp(x)) and elu_gate,"),
        (("smisch",), "unknown activation 'smisch'; did you mean 'smish'?"),
        (("srs", "--set", "a=0"), "--set: x / a is not a number at x = 0"),
    ],
)
def test_a_published_function_that_cannot_be_shown_is_refused_in_words(words, expected, tmp_path):
    result = nnlab_here("activations", "show", *words, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr


def test_names_of_the_literature_serve_from_the_experiment_to_the_finished_run(tmp_path, quick_pictures):
    write(tmp_path, HOUSES + "network: {layers: [3, {dense: 2, activation: {name: pserf, learn: [g]}}]}\n")
    run = trained(tmp_path, "experiment.yaml", "--set", "network.activation=suish")
    plain = yaml.safe_load((run / "config.yaml").read_text())["network"]
    assert plain["activation"] == "reu"
    assert plain["layers"][1]["activation"]["learn"] == ["g"]
    for command in ("eval", "gradcheck"):
        assert nnlab_here(command, run, cwd=tmp_path).exit_code == 0


def test_names_of_the_literature_serve_as_arms():
    arms = arms_from(["atlu", "psgu:a=2", "x * tanh(exp(x))"], ALL_ACTIVATIONS)
    assert [arm.label for arm in arms] == ["calu", "psgu(a=2)", "x * tanh(exp(x))"]
    assert arms[0].entry is ALL_ACTIVATIONS["calu"]
