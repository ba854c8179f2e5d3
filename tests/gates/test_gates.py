"""Gates: what may be said in one, when it is met, what is refused before a run, and what a build server gets to see."""

import contextlib
import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import HOUSES, nnlab, nnlab_here, parse_json, read_json, trained, write

from nnlab.errors import CheckpointError, ConfigError
from nnlab.gates.hold import Measured, arm_figures, figures_of_arms, hold, name_arms, read_baseline
from nnlab.gates.junit import JUnitCase, write_junit
from nnlab.gates.parse import (
    BASELINE,
    BASELINES,
    OPERATORS,
    Gate,
    GateFigure,
    WhenMeasured,
    gates_from,
    names_a_parameter,
    never_met,
    option,
    parse_gate,
    unknown_figure,
)
from nnlab.maths.baselines import LINEAR, SIMPLE
from nnlab.storage.folder import RunFolder
from nnlab.storage.outputs import NamedOutput, outputs_at
from nnlab.storage.summary import ArmSummary, OverSeeds, ShareOfSeeds

pytestmark = pytest.mark.usefixtures("quick_pictures")

MOONS = """\
name: moons
task: binary
data:
  source: {name: moons, samples: 90}
  validation: 0.3
network: {layers: [4]}
training:
  epochs: 3
"""
LEAKY = "leaky_relu:negative_slope=0.1"
NAN = math.nan

# --- What may be said -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bound", "of"),
    [
        ("val/loss <= baseline", 1.0, BASELINE),
        ("val/loss <= baseline * 1.05", 1.05, BASELINE),
        ("val/loss<=1.05*baseline", 1.05, BASELINE),
        ("val/loss <= 2 * baseline * 0.5", 1.0, BASELINE),
        ("val/loss == baseline+-1e-3", 1.0, BASELINE),
        ("val/loss <= train/loss * 1.5", 1.5, GateFigure("train/loss")),
        ("val/loss <= val/loss@0 * 0.5 by epoch 3", 0.5, GateFigure("val/loss", 0)),
        ("val/loss <= tanh.diverged", 1.0, GateFigure("tanh.diverged")),
        ("val/loss <= 0.5 * 4", 2.0, None),
        ('val/loss <= "leaky_relu:negative_slope=0.1".val/loss@5', 1.0, GateFigure(f"{LEAKY}.val/loss", 5)),
        ('val/loss <= "x * sigmoid(x)".val/loss.high', 1.0, GateFigure("x * sigmoid(x).val/loss.high")),
    ],
)
def test_a_gate_may_compare_with_a_multiple_of_another_figure(text, bound, of):
    gate = parse_gate(text)
    assert (gate.figure, gate.bound, gate.of) == ("val/loss", bound, of)


@pytest.mark.parametrize(
    ("text", "bound", "of", "offset"),
    [
        ("test/accuracy >= majority + 0.05", 1.0, "baseline/majority/test/accuracy", 0.05),
        ("test/accuracy >= majority - 0.01", 1.0, "baseline/majority/test/accuracy", -0.01),
        ("test/accuracy>=majority+0.05", 1.0, "baseline/majority/test/accuracy", 0.05),
        ("test/accuracy >= majority +.05", 1.0, "baseline/majority/test/accuracy", 0.05),
        ("test/accuracy >= majority + -0.01", 1.0, "baseline/majority/test/accuracy", -0.01),
        ("test/rmse <= 0.5 * mean", 0.5, "baseline/mean/test/rmse", 0.0),
        ("test/mae <= median * 0.5 - 1", 0.5, "baseline/median/test/mae", -1.0),
        ("val/accuracy >= linear by epoch 3", 1.0, "baseline/linear/val/accuracy", 0.0),
        ("val/accuracy == linear - 1 +- 0.2", 1.0, "baseline/linear/val/accuracy", -1.0),
        ("data/accuracy > majority", 1.0, "baseline/majority/data/accuracy", 0.0),
        ("relu.test/accuracy >= majority + 0.05", 1.0, "baseline/majority/test/accuracy", 0.05),
        ("relu.test/accuracy.low >= majority", 1.0, "baseline/majority/test/accuracy", 0.0),
        (f'"{LEAKY}".test/accuracy.median >= linear', 1.0, "baseline/linear/test/accuracy", 0.0),
        ("batch/loss <= mean", 1.0, "baseline/mean/batch/loss", 0.0),
        ("val/loss <= baseline * 1.05 + 0.1", 1.05, "baseline", 0.1),
        ("val/loss <= train/loss - 0.1", 1.0, "train/loss", -0.1),
    ],
)
def test_a_gate_may_add_to_what_a_baseline_reaches(text, bound, of, offset):
    gate = parse_gate(text)
    assert (gate.bound, gate.of.name, gate.of.step, gate.offset) == (bound, of, None, offset)


def test_a_sum_of_numbers_is_a_number():
    assert parse_gate("val/loss <= 0.5 + 0.25") == Gate("val/loss <= 0.5 + 0.25", "val/loss", "<=", 0.75)


def test_arms_and_figures_may_have_names_like_those_of_baselines():
    assert parse_gate("linear.val/loss <= 1").figure == "linear.val/loss"
    assert parse_gate("val/f1/mean >= majority.val/loss").of == GateFigure("majority.val/loss")


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        (f'"{LEAKY}".val/accuracy.low >= 1', f"{LEAKY}.val/accuracy.low"),
        ('val/f1/"two words" >= 1', "val/f1/two words"),
        ('"val/f1/a@b*c<d" >= 1', "val/f1/a@b*c<d"),
        ('"val/f1/say ""no"" @ once" >= 1', 'val/f1/say "no" @ once'),
        ('val/f1/"""" >= 1', 'val/f1/"'),
        ("relu.val/accuracy.low >= 1", "relu.val/accuracy.low"),
    ],
)
def test_quotes_hold_a_name_together(text, figure):
    assert parse_gate(text) == Gate(text, figure, ">=", 1.0)


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("relu [own × 2].val/loss.low >= 1", "relu [own × 2].val/loss.low"),
        (f"{LEAKY}.val/loss>=1", f"{LEAKY}.val/loss"),
        ('1 / (1 + x * x).val/f1/"two words" >= 1', "1 / (1 + x * x).val/f1/two words"),
        ('say "a".diverged >= 1', 'say "a".diverged'),
        ("relu.val/loss >= 1", "relu.val/loss"),
    ],
)
def test_the_label_of_an_arm_needs_no_quotes(text, figure):
    arms = ["relu", "relu [own × 2]", LEAKY, "1 / (1 + x * x)", 'say "a"']
    assert parse_gate(text, arms) == Gate(text, figure, ">=", 1.0)
    other = "val/loss <= 2 * " + text.replace(">= 1", "+ 1").replace(">=1", " + 1")
    assert parse_gate(other, arms).of == GateFigure(figure)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("val/loss <= high", "at character 13 found 'high' instead of a number, baseline or a figure"),
        ("val/loss <= nan", "at character 13 found 'nan'"),
        ("val/loss <= 1.5x", "at character 13 found '1.5x'"),
        ("val/loss <= a/b * c/d", "at character 19 found 'c/d' instead of a number"),
        ("val/loss <= baseline * baseline", "at character 24 found 'baseline' instead of a number"),
        ("val/loss <=", "at character 12 found the end"),
        ("val/loss => 1", "at character 10 found '=>' instead of one of >= <= == > <"),
        ("val/loss != 1", "at character 10 found '!='"),
        ("0.5 <= val/loss", "at character 1 found '0.5' instead of the name of a figure"),
        ('"val/loss <= 1', "at character 1 found a quote that is never closed"),
        ('"" <= 1', "at character 1"),
        ("val/loss <= 1 by week 3", "at character 18 found 'week' instead of epoch N or step N"),
        ("val/loss <= 1 by epoch x", "at character 24 found 'x' instead of the number of the epoch"),
        ("val/loss@x <= 1", "at character 10 found 'x' instead of a step"),
        ("val/loss == 1 +- x", "at character 18 found 'x' instead of a tolerance"),
        ("val/loss <= 1 2", "at character 15 found '2' instead of the end"),
        ("val/loss <= 1e308 * 1e308", "expected finite numbers"),
        ("val/loss <= baseline +- 1", "expected it after =="),
        ("mean <= 1", "at character 1 found 'mean' instead of the name of a figure"),
        ("val/loss <= majority * mean", "at character 24 found 'mean' instead of a number"),
        ("val/loss <= majority + mean", "at character 24 found 'mean' instead of a number"),
        ("val/loss <= majority@3", "at character 21 found '@' instead of the end"),
        ("val/loss <= majority + 1 + 1", "at character 26 found '+' instead of the end"),
        ("val/loss <= majorty", "or one of majority, mean, median, linear"),
        ("val/loss <= majority + 1e999", "expected finite numbers"),
        ("val/loss\n<= \x1b", r"found '\x1b'"),
    ],
)
def test_what_is_no_gate_is_refused_with_its_place(text, place):
    with pytest.raises(ValueError, match="found") as error:
        parse_gate(text)
    assert place in str(error.value)
    assert str(error.value).isprintable()


PIECES = st.sampled_from(
    ["val/loss", "baseline", "relu.val/loss.low", '"a b"', '"', ">=", "<=", "==", "=", "!", "@", "*", "+-", "+", "-",
     "1", "1e400", ".5", "1_000", "by", "epoch", "step", "9" * 5000, "\n", "\x00", "٣", "\u00a0"]
)  # fmt: skip


def outcome_of(text):
    """The gate that a text states, or the line that refuses it."""
    try:
        return parse_gate(text), ""
    except ValueError as refusal:
        return None, str(refusal)


@given(st.text() | st.lists(PIECES).map("".join) | st.lists(PIECES).map(" ".join))
@example("a" * 100_000)
@example('"' * 10_001 + " >= 1")
@example("val/loss >= " + "1*" * 10_000 + "1")
def test_any_text_is_a_gate_or_one_line_of_refusal(text):
    gate, refusal = outcome_of(text)
    if gate is None:
        assert refusal.isprintable()
        assert len(refusal) < 500
        return
    assert math.isfinite(gate.bound)
    assert gate.tolerance >= 0
    assert parse_gate(gate.text) == gate
    assert not gate.met(NAN, NAN)
    assert all(asked.figure for asked in gate.asks)


def test_all_faulty_gates_of_a_command_line_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        gates_from(["a >= 1", "b", "c ="])
    assert [fault.file for fault in error.value.faults] == ["--gate b", "--gate c ="]


@pytest.mark.parametrize(("length", "shown"), [(80, "g" * 80), (81, "g" * 79 + "…")])
def test_a_long_gate_is_shown_in_80_characters(length, shown):
    assert option("g" * length) == f"--gate {shown}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("val/acuracy >= 1", "unknown figure 'val/acuracy' in gate 'val/acuracy >= 1'; did you mean 'val/accuracy'?"),
        ("r2 >= 1", "unknown figure 'r2' in gate 'r2 >= 1'; expected val/r2 or test/r2"),
        ("zzz >= 1", "unknown figure 'zzz' in gate 'zzz >= 1'"),
        ("val/accuracy >= 1", None),
        (
            "val/acuracy >= majority",
            "unknown figure 'val/acuracy' in gate 'val/acuracy >= majority'; did you mean 'val/accuracy'?",
        ),
    ],
)
def test_what_is_said_of_a_figure_that_nothing_measures(text, sentence):
    assert unknown_figure(parse_gate(text), iter(["val/accuracy", "val/r2", "test/r2"])) == sentence


@pytest.mark.parametrize(
    ("figure", "parameter"),
    [
        ("dense1/weights[0,0]", True),
        ("dense1/bias[12]", True),
        ("dense1/bias[1234567890]", True),
        ("dense1/bias[12345678901]", False),
        ("dense1/bias[]", False),
        ("dense1/bias[0,]", False),
        ("dense1/bias", False),
        ("bias[0]", False),
        ("/bias[0]", False),
    ],
)
def test_which_figures_name_a_parameter(figure, parameter):
    assert names_a_parameter(figure) == parameter


ON_THE_WAY = WhenMeasured(final=False, steps=range(1, 11), first=(4, 0.5))
AT_THE_END = WhenMeasured(final=True)


@pytest.mark.parametrize(
    ("text", "moments", "sentence"),
    [
        ("a/b >= 1", AT_THE_END, None),
        ("a/b >= 1", ON_THE_WAY, "a/b is measured step by step alone; expected a/b@STEP with a step from 1 to 10"),
        (
            "a/b >= 1", WhenMeasured(final=False),
            "a/b is measured step by step alone; expected a training of at least one step",
        ),
        ("a/b@1 >= 1", AT_THE_END, "a/b is measured at the end alone; expected no @STEP and no 'by'"),
        ("a/b >= 1 by step 5", AT_THE_END, "a/b is measured at the end alone; expected no @STEP and no 'by'"),
        ("a/b >= 1 by epoch 5", AT_THE_END, "a/b is measured at the end alone; expected no @STEP and no 'by'"),
        ("a/b@0 >= 1", ON_THE_WAY, "found step 0 for a/b, expected one from 1 to 10"),
        ("a/b@11 >= 1", ON_THE_WAY, "found step 11 for a/b, expected one from 1 to 10"),
        ("a/b@1 >= 1", ON_THE_WAY, None),
        ("a/b@10 >= 1", ON_THE_WAY, None),
        ("a/b >= 1 by step 3", ON_THE_WAY, "a/b is first measured at step 4; found by step 3"),
        ("a/b >= 1 by step 4", ON_THE_WAY, None),
        ("a/b >= 1 by epoch 0", ON_THE_WAY, "a/b is first measured at epoch 0.5; found by epoch 0"),
        ("a/b >= 1 by epoch 1", ON_THE_WAY, None),
        ("a/b >= 1 by epoch 2", WhenMeasured(final=True, steps=range(5), first=(4, 2.0)), None),
        ("a/b >= 1 by step 0", WhenMeasured(final=True, steps=range(5)), None),
        ("a/b >= 1 by epoch 0", WhenMeasured(final=True, steps=range(5)), None),
    ],
)  # fmt: skip
def test_a_gate_may_ask_only_for_moments_at_which_its_figure_is_measured(text, moments, sentence):
    assert never_met(parse_gate(text), moments) == sentence


def test_steps_and_epochs_are_whole_numbers_of_up_to_ten_digits():
    assert parse_gate("a/b@1234567890 >= 1").step == 1234567890
    for text in ("a/b@12345678901 >= 1", "a/b@1.0 >= 1", "a/b@-1 >= 1", "a/b >= 1 by epoch 1e3"):
        with pytest.raises(ValueError, match="instead of"):
            parse_gate(text)


@pytest.mark.parametrize("text", ["a/b@1 >= 1 by epoch 2", "a/b@1 >= 1 by step 2"])
def test_a_gate_asks_for_one_moment(text):
    with pytest.raises(ValueError, match="found both @STEP and 'by'"):
        parse_gate(text)


@pytest.mark.parametrize(
    ("text", "best"),
    [("a/b >= 1", 3.0), ("a/b > 1", 3.0), ("a/b <= 1", -2.0), ("a/b < 1", -2.0), ("a/b == 0.9", 0.5)],
)
def test_the_best_of_several_values_is_the_one_nearest_to_meeting_the_gate(text, best):
    assert parse_gate(text).best([0.5, NAN, 3.0, -2.0]) == best
    assert parse_gate(text).best([NAN]) is None
    assert parse_gate("a/b == 0.9").best([0.5, 3.0, -2.0], bound=2.9) == 3.0


def test_a_gate_on_another_figure_asks_for_both():
    gate = parse_gate("a/b <= c/d@5 by epoch 3")
    ours, theirs = gate.asks
    assert ours == gate
    assert (theirs.figure, theirs.step, theirs.by_epoch, theirs.by_step, theirs.of) == ("c/d", 5, None, None, None)
    assert parse_gate("a/b <= c/d by step 3").asks[1].by_step is None
    assert len(parse_gate("a/b <= baseline").asks) == len(parse_gate("a/b <= 1").asks) == 1


KNOWN = ("val/r2", "val/loss", "baseline/mean/val/r2", "baseline/linear/val/r2")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("val/r2 >= mean", None),
        ("val/r2 >= majority", "which is no baseline of val/r2; expected mean or linear"),
        ("val/loss <= mean", "no baseline of val/loss; expected a figure that baselines have, with this command"),
        ("val/r3 >= mean", None),  # said of val/r3 itself
    ],
)
def test_what_is_said_of_a_baseline_that_nothing_has(text, sentence):
    _, asked = parse_gate(text).asks
    found = unknown_figure(asked, KNOWN)
    assert found is None if sentence is None else found.endswith(sentence)


def test_baselines_are_suggested_for_no_other_figure():
    assert unknown_figure(parse_gate("r2 >= 1"), KNOWN) == "unknown figure 'r2' in gate 'r2 >= 1'; expected val/r2"


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        ("test/accuracy >= majority + 0.05", 0.85, True),
        ("test/accuracy > majority + 0.05", 0.85, False),
        ("test/accuracy <= majority + 0.05", 0.85, True),
        ("test/accuracy == majority + 0.05", 0.85, True),
        ("test/accuracy >= majority + 0.05", 0.8499999999, False),
        ("test/accuracy >= majority - 0.01", 0.79, True),
        ("test/accuracy >= majority * 1.1 - 0.1", 0.775, False),
        ("test/accuracy >= linear", 0.99, False),  # not measured
    ],
)
def test_a_gate_holds_a_figure_against_a_baseline(text, value, met):
    measured = Measured({"test/accuracy": value, "baseline/majority/test/accuracy": 0.8})
    (found,) = hold([parse_gate(text)], measured)
    assert found.met == met
    assert found.line().bound == (None if "linear" in text else pytest.approx(found.bound))


# --- When it is met ---------------------------------------------------------------------------------------------------


def measured(**final):
    found = Measured(final={"val/loss": 0.2, "train/loss": 0.1, "test/loss": None, "odd/loss": math.inf, **final})
    for step, loss in enumerate([1.0, 0.5, 0.2]):
        found.add(step, float(step), {"val/loss": loss})
    return found


@pytest.mark.parametrize(
    ("text", "value", "bound", "met"),
    [
        ("val/loss <= baseline * 1.05", 0.2, 0.21, True),
        ("val/loss <= baseline * 0.9", 0.2, 0.18, False),
        ("val/loss@1 <= baseline", 0.5, 0.7, True),  # the baseline at that step
        ("val/loss@2 <= baseline", 0.2, None, False),  # which the baseline does not have
        ("val/loss <= baseline by epoch 1", 0.5, 0.2, False),  # the baseline's end
        ("val/loss == baseline * 2.5 by epoch 2", 0.5, 0.5, True),  # the value nearest to the computed bound
        ("train/loss >= baseline", 0.1, None, False),
        ("test/loss <= baseline", None, 0.3, False),
        ("val/loss <= train/loss * 2", 0.2, 0.2, True),
        ("val/loss <= val/loss@1", 0.2, 0.5, True),
        ("val/loss <= val/loss@9", 0.2, None, False),
        ("val/loss <= test/loss", 0.2, None, False),
        ("val/loss <= odd/loss", 0.2, None, False),  # infinity is no bound
        ("odd/loss >= train/loss", None, 0.1, False),  # nor a figure
    ],
)
def test_gates_on_other_figures(text, value, bound, met):
    baseline = Measured(final={"val/loss": 0.2, "test/loss": 0.3})
    baseline.add(1, 1.0, {"val/loss": 0.7})
    (outcome,) = hold([parse_gate(text)], measured(), baseline)
    assert (outcome.value, outcome.bound, outcome.met) == (value, pytest.approx(bound), met)
    assert outcome.document().keys() == {"gate", "value", "met", "bound"}


def test_a_gate_on_a_number_has_no_bound_in_its_outcome():
    (outcome,) = hold([parse_gate("val/loss <= 1")], measured())
    assert outcome.document() == {"gate": "val/loss <= 1", "value": 0.2, "met": True}


@pytest.mark.parametrize("comparison", OPERATORS)
@pytest.mark.parametrize("value", [NAN, math.inf, -math.inf, None])
def test_what_is_no_finite_number_meets_nothing(comparison, value):
    assert not Gate("", "f", comparison, 0.0, tolerance=1e308).met(value)
    assert not Gate("", "f", comparison, 1.0, of=BASELINE).met(0.0, value)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(-1e3, 1e3), st.sampled_from(sorted(OPERATORS)))
def test_a_multiple_of_a_figure_is_the_number_it_is(value, reference, factor, comparison):
    found = Measured(final={"a/b": value, "c/d": reference})
    (outcome,) = hold([parse_gate(f"a/b {comparison} c/d * {factor!r}")], found)
    assert outcome.met == OPERATORS[comparison](value, reference * factor)


# --- Training ---------------------------------------------------------------------------------------------------------


def the_gates(folder):
    return read_json(Path(folder) / "summary.json")["gates"]


def test_gates_of_the_command_line_are_added_to_those_of_the_config(tmp_path):
    path = write(tmp_path, HOUSES + "gates: [train/loss <= 1e9]\n")
    run = trained(tmp_path, path, "--gate", "train/loss <= train/loss@0", "--gate", "batch/loss@5 <= 1e9")
    found = the_gates(run)
    assert [gate["gate"] for gate in found] == [
        "train/loss <= 1e9",
        "train/loss <= train/loss@0",
        "batch/loss@5 <= 1e9",
    ]
    assert all(gate["met"] for gate in found)
    assert "bound" in found[1]
    again = trained(tmp_path, run / "config.yaml")  # the run's own file holds them all
    assert the_gates(again) == found


def test_a_baseline_is_the_same_figure_of_another_run(tmp_path):
    path = write(tmp_path, HOUSES)
    first = trained(tmp_path, path)
    loss = read_json(first / "summary.json")["final"]["train/loss"]
    words = ("--gate", "train/loss <= baseline * 1.05", "--gate", "batch/loss@5 == baseline", "--baseline", first.name)
    second = trained(tmp_path, path, *words)
    found = the_gates(second)
    assert found[0] == {"gate": words[1], "value": loss, "met": True, "bound": loss * 1.05}
    assert found[1]["met"]


@pytest.mark.parametrize(
    ("gate", "lines"),
    [
        ("train/loss <= 0.001", ["gate not met: train/loss <= 0.001 (found "]),
        ("train/loss <= baseline * 0.5", ["gate not met: train/loss <= baseline * 0.5 (found "]),
        ("batch/loss@5 == 0.014208 +- 5e-7", ["gate not met: batch/loss@5 == 0.014208 +- 5e-7 (found "]),
        ("train/r2 >= 0.95 by epoch 3", ["gate not met: train/r2 >= 0.95 by epoch 3 (found "]),
        ("dense1/bias[0] >= baseline", ["gate not met: dense1/bias[0] >= baseline (found "]),  # no summary has it
    ],
)
def test_each_missed_gate_is_a_line_and_exit_code_3(gate, lines, tmp_path):
    path = write(tmp_path, HOUSES)
    first = trained(tmp_path, path)
    more = ("--baseline", first.name) if "baseline" in gate else ()
    words = ("--gate", gate, "--gate", "train/mae <= 0", "--gate", "train/mae >= 0", *more, "--json")
    result = nnlab_here("train", path, *words, cwd=tmp_path)
    assert result.exit_code == 3
    said = [line for line in result.stderr.splitlines() if line.startswith("gate not met")]
    assert len(said) == 2
    assert said[0].startswith(lines[0])
    assert [gate["met"] for gate in parse_json(result.stdout)["gates"]] == [False, False, True]


def test_a_baseline_that_lacks_the_figure_is_a_missed_gate(tmp_path):
    path = write(tmp_path, MOONS)
    first = trained(tmp_path, write(tmp_path, HOUSES, "houses.yaml"))
    words = ("--gate", "val/accuracy >= baseline", "--baseline", first)
    result = nnlab_here("train", path, *words, cwd=tmp_path)
    assert result.exit_code == 3
    assert "bound not measured" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gate", "val/acuracy >= 1"), "did you mean 'val/accuracy'?"),
        (("--gate", "val/loss <= val/los"), "unknown figure 'val/los'"),
        (("--gate", "val/loss <= val/loss@999"), "found step 999 for val/loss, expected one from 0 to 6"),
        (("--gate", "val/loss <= test/loss"), "there is no test part"),
        (("--gate", "val/loss@7 <= 1"), "found step 7"),
        (("--gate", "val/loss = 1"), "at character 10 found '='"),
        (("--gate", "val/loss <= baseline"), "expected --baseline RUN"),
        (("--gate", "val/loss <= 1", "--baseline", "latest"), "--baseline: found no gate that uses it"),
        (("--gate", "val/loss <= baseline", "--baseline", "nothing"), "found no run"),
        (("--gate", ""), "expected FIGURE OP NUMBER"),
    ],
)
def test_gates_that_can_never_be_met_are_refused_before_training(words, message, tmp_path):
    path = write(tmp_path, MOONS)
    if "latest" in words:
        trained(tmp_path, path)
    before = sorted(tmp_path.rglob("*"))
    result = nnlab_here("train", path, *words, cwd=tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_gate_in_the_file_that_needs_a_baseline_is_refused_at_its_place(tmp_path):
    path = write(tmp_path, HOUSES + "gates:\n  - train/loss <= 1\n  - train/loss <= baseline\n")
    result = nnlab_here("train", path.name, cwd=tmp_path)
    place = "experiment.yaml:12:5: the gate compares with a baseline; expected --baseline RUN\n"
    assert (result.exit_code, result.stderr) == (2, place)


def test_gates_are_held_though_the_training_diverges(tmp_path):
    words = ("--set", "optimizer.name=sgd", "--set", "optimizer.learning_rate=1e30")
    more = ("--gate", "train/loss >= 0", "--junit", "gates.xml")
    result = nnlab_here("train", write(tmp_path, HOUSES), *words, *more, cwd=tmp_path)
    assert result.exit_code == 4
    assert ET.parse(tmp_path / "gates.xml").getroot().get("failures") == "1"


# --- Evaluating -------------------------------------------------------------------------------------------------------


def test_eval_holds_gates_against_its_own_figures(tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES + "gates: [train/loss <= 1e9]\n"))
    gates = ["train/loss <= baseline", "train/mae >= 0", "dense1/bias[0] <= 1e9"]
    words = [word for gate in gates for word in ("--gate", gate)]
    result = nnlab_here("eval", run, *words, "--baseline", run.name, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    found = parse_json(result.stdout)["gates"]
    assert [gate["gate"] for gate in found] == gates  # the config's own are not held again
    assert all(gate["met"] for gate in found)


def test_eval_with_a_missed_gate_is_exit_code_3(tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES))
    result = nnlab_here("eval", run, "--gate", "train/r2 >= 0.97", "--junit", "e.xml", cwd=tmp_path)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1].startswith("gate not met: train/r2 >= 0.97 (found ")
    assert names_of(tmp_path / "e.xml") == [("houses", "houses", "train/r2 >= 0.97")]


def test_eval_on_rows_without_targets_measures_nothing_and_fails_the_gate(tmp_path):
    rows = "size,price\n" + "".join(f"{n},{2 * n}\n" for n in range(1, 9))
    write(tmp_path, rows, "rows.csv")
    run = trained(tmp_path, write(tmp_path, HOUSES.replace("source: houses", "source: rows.csv")))
    new = write(tmp_path, "size\n5\n", "new.csv")
    result = nnlab_here("eval", run, "--data", new, "--gate", "data/loss <= 1e9", cwd=tmp_path)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1] == "gate not met: data/loss <= 1e9 (not measured)"


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("train/los <= 1", "did you mean 'train/loss'?"),
        ("val/loss <= 1", "unknown figure 'val/loss'"),
        ("train/loss@3 <= 1", "measured at the end alone"),
        ("train/loss <= 1 by epoch 1", "measured at the end alone"),
        ("train/loss <= baseline", "expected --baseline RUN"),
        ("train/loss <= dense1/bias[7]", "unknown figure 'dense1/bias[7]'"),
    ],
)
def test_eval_refuses_gates_that_can_never_be_met(gate, message, tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES))
    result = nnlab_here("eval", run, "--gate", gate, cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.startswith(f"--gate {gate}: ")


# --- Comparing --------------------------------------------------------------------------------------------------------


def compared(folder, *words):
    return nnlab_here("compare-activations", write(folder, MOONS), "--seeds", "3", "--json", *words, cwd=folder)


def test_comparisons_hold_gates_against_their_arms(tmp_path):
    gates = {
        "relu.val/accuracy.low >= tanh.val/accuracy.high": None,
        "relu.val/accuracy >= relu.val/accuracy.mean": True,
        "relu.val/loss.max >= relu.val/loss.median": True,
        "relu.diverged == 0": True,
        "relu.reached.share <= relu.reached.high": True,
        f'"{LEAKY}".val/loss.high >= "leaky_relu(negative_slope=0.1)".val/loss.low': True,
        '"x * sigmoid(1.5 * x)".val/loss.low >= 1e9': False,
    }
    words = [word for gate in gates for word in ("--gate", gate)]
    arms = ("-a", "relu", "-a", "tanh", "-a", LEAKY, "-a", "x * sigmoid(1.5 * x)")
    result = compared(tmp_path, *arms, *words, "--junit", "c.xml")
    assert result.exit_code == 3, result.stderr
    summary = parse_json(result.stdout)
    relu, tanh = (summary["arms"][name]["final"]["val/accuracy"] for name in ("relu", "tanh"))
    first, *others = summary["gates"]
    assert (first["value"], first["bound"], first["met"]) == (relu["low"], tanh["high"], relu["low"] >= tanh["high"])
    assert [gate["met"] for gate in others] == list(gates.values())[1:]
    assert the_gates(tmp_path / summary["run"]) == summary["gates"]
    missed = sum(not gate["met"] for gate in summary["gates"])
    assert result.stderr.count("gate not met: ") == missed
    assert ET.parse(tmp_path / "c.xml").getroot().get("failures") == str(missed)
    assert names_of(tmp_path / "c.xml") == [("moons", "moons", gate) for gate in gates]


def test_comparisons_compare_with_another_comparison(tmp_path):
    first = parse_json(compared(tmp_path, "-a", "relu", "-a", "tanh").stdout)["run"]
    words = ("--gate", "relu.val/loss.mean == baseline", "--gate", "elu.val/loss >= baseline", "--baseline", first)
    result = compared(tmp_path, "-a", "relu", "-a", "elu", *words)
    assert result.exit_code == 3
    assert [gate["met"] for gate in parse_json(result.stdout)["gates"]] == [True, False]
    assert "bound not measured" in result.stderr


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("val/accuracy.low >= 0", "did you mean "),
        ("rleu.val/accuracy.low >= 0", "did you mean 'relu.val/accuracy.low'?"),
        ("relu.val/accuracy.lo >= 0", "did you mean 'relu.val/accuracy.low'?"),
        ("relu.val/acuracy >= 0", "did you mean 'relu.val/accuracy'?"),
        ("elu.val/accuracy >= 0", "unknown figure 'elu.val/accuracy'"),
        ("relu.test/accuracy >= 0", "unknown figure 'relu.test/accuracy'"),
        ("relu.val/accuracy@5 >= 0", "measured at the end alone"),
        ("relu.val/loss <= tanh.val/los", "did you mean 'tanh.val/loss'?"),
        ("relu.val/loss <= baseline", "expected --baseline RUN"),
        ("relu.val/loss <", "at character 16 found the end"),
    ],
)
def test_comparisons_refuse_gates_that_can_never_be_met(gate, message, tmp_path):
    result = compared(tmp_path, "-a", "relu", "-a", "tanh", "--gate", gate)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.startswith(f"--gate {gate}: ")
    assert not (tmp_path / "runs").exists()


def test_one_seed_has_no_bounds_to_compare(tmp_path):
    words = ("-a", "relu", "-a", "tanh", "--seeds", "1", "--gate", "relu.val/loss <= tanh.val/loss.high")
    result = compared(tmp_path, *words)
    assert result.exit_code == 2
    assert "expected --seeds of at least 2" in result.stderr


def test_a_target_is_a_number(tmp_path):
    result = compared(tmp_path, "-a", "relu", "-a", "tanh", "--target", "val/accuracy >= train/accuracy")
    assert result.exit_code == 2
    assert "expected FIGURE >= NUMBER or FIGURE <= NUMBER" in result.stderr


def test_the_names_of_an_arms_figures_are_known_before_it_is_trained():
    final = OverSeeds.model_construct(mean=2.0, low=1.0, high=3.0, values=(1.0, None, 2.0, 3.0))
    share = ShareOfSeeds(estimate=0.5, low=0.1, high=0.9, note="")
    arm = ArmSummary.model_construct(
        final={"val/loss": final}, reached=2, reached_share=share, diverged=1, median_steps_to_target=None
    )
    found = figures_of_arms({"relu": arm}, 4)
    assert list(found) == arm_figures("relu", ["val/loss"])
    assert found["relu.val/loss.median"] == 2.0
    assert (found["relu.val/loss.min"], found["relu.val/loss.max"]) == (1.0, 3.0)
    assert (found["relu.diverged.share"], found["relu.steps_to_target"]) == (0.25, None)


def test_an_arm_is_found_by_the_longest_name_that_fits():
    labels = {"x": "x", "x.y": "other", LEAKY: "leaky"}
    gate = parse_gate(f'x.y.val/loss <= "{LEAKY}".val/loss')
    (named,) = name_arms([gate], labels)
    assert (named.figure, named.of.name, named.text) == ("other.val/loss", "leaky.val/loss", gate.text)


# --- Baselines that cannot be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"x"', "{}", '{"final": 3}', '{"final": []}', '{"arms": 3}', '{"arms": {"relu": {}}}',
     "[" * 100_000, '{"final": {"a": ' + "9" * 5000 + "}}"],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_summary_that_cannot_be_read_is_refused_or_holds_nothing(text, tmp_path):
    write(tmp_path, text, "summary.json")
    write(tmp_path, "step,epoch\n", "metrics.csv")
    with contextlib.suppress(CheckpointError):
        assert all(value is None for value in read_baseline(RunFolder(tmp_path)).final.values())


def test_a_run_that_did_not_finish_is_no_baseline(tmp_path):
    with pytest.raises(CheckpointError, match=r"found no summary\.json, expected a finished run"):
        read_baseline(RunFolder(tmp_path))


def summary_with(**final):
    best = {"step": 1, "monitor": "val/loss", "value": None}
    facts = {"run": "r", "status": "completed", "steps": 2, "parameters": 3, "seconds": 0.5, "gates": []}
    return json.dumps({**facts, "best": best, "final": {f"test/{name}": value for name, value in final.items()}})


def test_a_baseline_has_the_figures_of_the_summary_and_the_rows_of_the_metrics(tmp_path):
    write(tmp_path, summary_with(c=2, d=None), "summary.json")
    write(tmp_path, "step,epoch,a\n1,0.5,\n2,1.0,0.25\n", "metrics.csv")
    found = read_baseline(RunFolder(tmp_path))
    assert found.final == {"test/c": 2.0, "test/d": None}
    assert {name: [*series] for name, series in found.history.items()} == {"a": [(2, 1.0, 0.25)]}


@pytest.mark.parametrize(("value", "shown"), [(True, "true"), ("1", "'1'"), ([1], "a list of 1")])
def test_words_and_flags_in_a_summary_are_not_figures(value, shown, tmp_path):
    write(tmp_path, summary_with(a=value), "summary.json")
    write(tmp_path, "step,epoch\n", "metrics.csv")
    with pytest.raises(CheckpointError, match=rf"final\.test/a: found {re.escape(shown)}, expected a finite number"):
        read_baseline(RunFolder(tmp_path))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,0.5\n", r"metrics\.csv:2: found 2 cells, expected 3"),
        ("x,0.5,\n", r"metrics\.csv:2: step: found x, expected a whole number"),
        ("1,0.5,\n2,inf,\n", r"metrics\.csv:3: epoch: found inf, expected a number"),
        ("1,0.5,nan\n", r"metrics\.csv:2: a: found nan, expected a number"),
        ('1,0.5,"', r"metrics\.csv: found no table"),
    ],
)
def test_metrics_that_are_no_table_are_refused_with_the_line(rows, message, tmp_path):
    write(tmp_path, summary_with(), "summary.json")
    write(tmp_path, f"step,epoch,a\n{rows}", "metrics.csv")
    with pytest.raises(CheckpointError, match=message):
        read_baseline(RunFolder(tmp_path))


# --- JUnit ------------------------------------------------------------------------------------------------------------


def test_a_build_server_gets_one_case_for_each_gate(tmp_path):
    words = ("--gate", "train/mae >= 0", "--gate", "train/r2 >= 0.97", "--junit", "out.xml")
    result = nnlab_here("train", write(tmp_path, HOUSES), *words, "--json", cwd=tmp_path)
    summary = parse_json(result.stdout)
    root = ET.parse(tmp_path / "out.xml").getroot()
    suite = root.find("testsuite")
    assert (root.tag, suite.get("name")) == ("testsuites", "houses")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert float(suite.get("time")) == summary["seconds"]
    passed, failed = suite.findall("testcase")
    assert (passed.get("name"), failed.get("name")) == ("train/mae >= 0", "train/r2 >= 0.97")
    assert passed.find("failure") is None
    found = f"found {summary['gates'][1]['value']:.9g}"
    assert failed.find("failure").get("message") == f"gate not met: train/r2 >= 0.97 ({found})"


def names_of(path):
    """Suite, class and case of every test case of a report: by them a build server knows a test again."""
    suite = ET.parse(path).find("testsuite")
    return [(suite.get("name"), case.get("classname"), case.get("name")) for case in suite.findall("testcase")]


def test_a_second_run_reports_the_same_names_and_its_own_folder(tmp_path):
    """The folder's name has the time in it: as a suite's name it would make every build's tests new ones."""
    write(tmp_path, HOUSES)
    seen = []
    for report in ("first.xml", "second.xml"):
        run = trained(tmp_path, "experiment.yaml", "--gate", "train/mae >= 0", "--junit", report)
        (told,) = ET.parse(tmp_path / report).findall("testsuite/properties/property")
        assert (told.get("name"), Path(told.get("value")).name) == ("run", run.name)
        seen.append((run, names_of(tmp_path / report)))
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] == seen[1][1] == [("houses", "houses", "train/mae >= 0")]


@given(suite=st.text(max_size=20), names=st.lists(st.text(max_size=20), max_size=3), failure=st.text(max_size=20))
def test_whatever_a_gate_is_called_the_report_is_xml(suite, names, failure, tmp_path_factory):
    path = tmp_path_factory.mktemp("junit") / "r.xml"
    write_junit(NamedOutput(path), suite, [JUnitCase(name, failure) for name in names], 0.5)
    root = ET.parse(path).getroot()
    assert len(root.findall("testsuite/testcase")) == len(names)
    assert len(root.findall("testsuite/testcase/failure")) == (len(names) if failure else 0)


def test_gates_know_every_baseline_by_its_name():
    assert set(BASELINES) == {LINEAR, *(name for names in SIMPLE.values() for name in names)}


def test_a_report_that_cannot_be_written_stops_the_command_before_it_trains(tmp_path):
    path = write(tmp_path, HOUSES)
    for junit in ("no/such/r.xml", ".", "", "experiment.yaml/r.xml"):
        result = nnlab_here("train", path, "--junit", junit, cwd=tmp_path)
        assert result.exit_code == 5, junit
        assert len(result.stderr.splitlines()) == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["experiment.yaml"]


def test_a_place_that_is_checked_is_left_as_it_was(tmp_path):
    path = write(tmp_path, "old", "report.xml")
    outputs_at([path, tmp_path / "new.xml"])
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("report.xml", "old")]


@pytest.mark.slow
def test_gates_by_the_real_command_line(tmp_path):
    """Every example of the specification, in processes of their own."""
    path = write(tmp_path, MOONS)
    first = nnlab("train", path, "--quiet", cwd=tmp_path).stdout.strip()
    final = ("--gate", "val/accuracy >= 0", "--gate", "val/loss <= baseline * 1.05", "--baseline", first)
    on_the_way = ("--gate", "batch/loss@3 == 0.5 +- 10", "--gate", "val/accuracy >= 0 by epoch 3")
    for command in (("train", path, *on_the_way), ("eval", first)):
        result = nnlab(*command, *final, "--quiet", "--junit", "g.xml", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert (tmp_path / "g.xml").exists()
    words = ("-a", "relu", "-a", "tanh", "--seeds", "2", "--quiet")
    gate = "relu.val/accuracy.low >= tanh.val/accuracy.high"
    result = nnlab("compare-activations", path, *words, "--gate", gate, cwd=tmp_path)
    assert (result.returncode, "gate not met" in result.stderr) in [(0, False), (3, True)]
