"""The command line's own words: a fault names the option that was typed, and what was nearly right is told."""

from __future__ import annotations

import re

import pytest
from support import HOUSES, XOR, nnlab_here, write

from nnlab.maths.expressions import Formula

pytestmark = pytest.mark.usefixtures("no_pictures")


def refused(folder, *words):
    """What stderr says where a command refuses its input."""
    result = nnlab_here(*words, cwd=folder)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


@pytest.mark.parametrize("command", ["train", "compare-activations", "sweep"])
def test_a_fault_of_a_name_names_the_option(command, tmp_path):
    write(tmp_path, HOUSES)
    expected = "--name: found 'a b', expected letters, digits and . _ + - (first a letter or digit)\n"
    assert refused(tmp_path, command, "experiment.yaml", "--name", "a b") == expected


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            ("--seed", "4294967296", "--set", "generator=legacy"),
            "--seed: found seed 4294967296 with generator: legacy, expected at most 4294967295",
        ),
        (("--steps", "3", "--set", "training=5"), "--steps: found 5 at 'training', expected a mapping"),
        (("--epochs", "3", "--set", "training=5"), "--epochs: found 5 at 'training', expected a mapping"),
        (("--gate", "val/loss <= 1"), "--gate val/loss <= 1: val/loss is never measured"),
    ],
)
def test_a_fault_of_an_option_names_it(words, fault, tmp_path):
    write(tmp_path, HOUSES)
    assert fault in refused(tmp_path, "train", "experiment.yaml", *words)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (
            ("eval", "latest", "--split", "tests"),
            "'--split': found 'tests', expected one of train, val, test; did you mean 'test'?",
        ),
        (
            ("eval", "latest", "--checkpoint", "Best"),
            "'--checkpoint': found 'Best', expected one of best, last, previous; did you mean 'best'?",
        ),
        (
            ("activations", "plot", "relu", "--out", "relu.jpg"),
            "'--out' / '-o': found 'relu.jpg', expected a name that ends in .png or .svg or .pdf",
        ),
        (
            ("gradcheck", "experiment.yaml", "--method", "centrl"),
            "'--method': found 'centrl', expected one of exact, central; did you mean 'central'?",
        ),
    ],
)
def test_a_word_that_is_none_of_a_few_is_told_in_our_words(words, found, tmp_path):
    said = refused(tmp_path, *words)
    assert found in said
    assert "Value error" not in said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("compare", "'compare-activations'"),
        ("grad", "'gradcheck'"),
        ("activation", "'activations'"),
        ("s", "'sweep' or 'schedules'"),
        ("trian", "'train', 'trace'"),
        ("evaluate", "'eval'"),
    ],
)
def test_a_command_that_is_none_is_answered_with_the_near_one(typed, meant, tmp_path):
    assert f"No such command '{typed}'. Did you mean {meant}?" in refused(tmp_path, typed)


@pytest.mark.parametrize("words", [(), ("train",), ("losses",), ("config", "schema")])
def test_h_is_short_for_help(words, tmp_path):
    short, long = (nnlab_here(*words, option, cwd=tmp_path) for option in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.stdout == long.stdout
    assert "-h, --help" in short.stdout


def test_a_command_near_none_is_refused(tmp_path):
    assert "No such command 'dance'." in refused(tmp_path, "dance")


def test_the_start_of_a_formula_is_the_one_that_it_says(tmp_path):
    shown = nnlab_here("activations", "show", "x * sigmoid(x)", cwd=tmp_path).stdout
    start = Formula.parse("x * sigmoid(x)", ()).to_activation("formula", {}).initializer
    assert f"init: recommended is {start}" in shown
    relu = nnlab_here("activations", "show", "relu", cwd=tmp_path).stdout.splitlines()
    assert "  init: recommended is he_normal" in relu
    assert any(line.startswith("  source: ") for line in relu)  # of the function, not of its initialiser


def test_the_gates_of_a_sweep_are_told_by_its_help(tmp_path):
    shown = nnlab_here("sweep", "--help", cwd=tmp_path).stdout
    assert "'best.test/accuracy >= 0.9'" in re.sub(r"\s+", " ", shown)
    write(tmp_path, XOR.read_text(encoding="utf-8"))
    words = ("--grid", "training.steps=1,2", "--metric", "train/loss", "--seeds", "2", "--set", "gates=[]")
    result = nnlab_here("sweep", "experiment.yaml", *words, "--gate", "best.train/accuracy >= 0", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr


def test_a_column_that_names_rows_is_left_out_and_told(tmp_path):
    rows = [f"name{i},{i % 5},{'ab'[i % 2]}" for i in range(30)]
    write(tmp_path, "\n".join(["id,size,kind", *rows]), "own.csv")
    write(tmp_path, "name: own\ntask: binary\ndata: {source: own.csv}\ntraining: {steps: 2}\n")
    result = nnlab_here("train", "experiment.yaml", cwd=tmp_path)
    why = "it is named like an identifier and has another text in every row"
    assert f"note: column 'id' is left out: {why}\n" in result.stderr
    result = nnlab_here("train", "experiment.yaml", "--quiet", "--set", "data.ignore=['id']", cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
