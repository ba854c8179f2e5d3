"""`nnlab trace`: one step on the terminal, exercises with blanks, and their marks."""

import csv
import io
import json

import pytest
from support import NOTEBOOKS, nnlab, nnlab_here, read_rows

from nnlab import api

XOR_TANH = NOTEBOOKS / "xor-tanh.yaml"
BLANKS = ("--blank", "tanh1.slope", "--blank", "dense1/weights.gradient")
LEFT_OUT = ("tanh1.slope", "dense1.delta", *(f"dense1/weights.{kind}" for kind in ("gradient", "update", "new")))


@pytest.fixture
def exercise(tmp_path):
    """A folder with the answers to an exercise."""
    done = nnlab_here("trace", XOR_TANH, *BLANKS, "--json", cwd=tmp_path)
    others = ", ".join(name for name in LEFT_OUT if name not in BLANKS)
    told = f"left out as well, since the blanks could be read back from it: {others}\n"
    assert (done.exit_code, done.stderr) == (0, f"{told}answers: answers.csv\n")
    return tmp_path


def test_a_step_of_xor_is_read_on_80_columns(tmp_path):
    done = nnlab("trace", XOR_TANH, "--step", "3", cwd=tmp_path, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "xor-tanh: step 3 of 1,000 by hand, seed 1, float64"
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)
    assert "  z₂ = a₁ W₂ + b₂   dense2.z" in lines
    assert "L = 0.693538" in lines
    (line,) = (line.split() for line in lines if line.startswith("dense1/weights[0,0]"))
    old, gradient, update, new = map(float, line[1:])
    assert (update, new) == (-gradient, pytest.approx(old + update, abs=2e-6))
    assert list(tmp_path.iterdir()) == []


def test_the_command_and_the_library_have_the_same_numbers(tmp_path):
    words = ("--step", "2", "--rows", "3,0", "--seed", "5", "--set", "optimizer.momentum=0.9", "--json")
    done = nnlab_here("trace", XOR_TANH, *words, cwd=tmp_path)
    found = api.trace(XOR_TANH, step=2, rows=[3, 0], seed=5, set=["optimizer.momentum=0.9"])
    assert json.loads(done.stdout) == json.loads(json.dumps(found.document()))
    assert found.rows == (3, 0)
    assert "dense1/weights.velocity" in found.quantities


def test_digits_are_as_many_as_asked_for(tmp_path):
    for form in ((), ("--markdown",), ("--latex",)):
        done = nnlab_here("trace", XOR_TANH, *form, "--digits", "3", cwd=tmp_path)
        assert "0.695" in done.stdout
        assert "0.6947" not in done.stdout


def test_the_answers_to_an_exercise_are_right(exercise):
    rows = read_rows(exercise / "answers.csv")
    found = api.trace(XOR_TANH)
    wanted = [cell for name in LEFT_OUT for cell in found.quantities[name].cells()]
    assert [(row["cell"], float(row["value"])) for row in rows] == wanted
    done = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", *BLANKS, cwd=exercise)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "28 of 28 cells are right"


def test_rounded_answers_are_right_and_wrong_ones_are_exit_code_3(exercise):
    rows = read_rows(exercise / "answers.csv")
    values = [f"{float(row['value']):.3g}" for row in rows]
    values[0], values[1], values[2] = "0.35", "", "a third"
    fill(exercise, [row["cell"] for row in rows], values)
    strict = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", "--digits", "3", cwd=exercise)
    assert (strict.exit_code, strict.stderr) == (3, "3 of 28 cells are wrong or empty\n")
    assert strict.stdout.count("WRONG") == 3
    assert "0.338" not in strict.stdout.replace(values[6], "", 1)
    shown = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", "--digits", "3", "--show", cwd=exercise)
    assert shown.stdout.splitlines()[1].split() == ["tanh1.slope[0,0]", "0.35", "WRONG", "0.338"]
    loose = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", "--tolerance", "0.1", "--json", cwd=exercise)
    marks = json.loads(loose.stdout)
    assert (loose.exit_code, marks["right"]) == (3, 26)
    assert marks["cells"][0] == {"cell": "tanh1.slope[0,0]", "given": "0.35", "right": True}


def test_a_cell_that_is_left_out_of_the_file_is_wrong_where_it_is_asked_for(exercise):
    fill(exercise, ["loss.mean", "dense2/bias.gradient[0]"], ["0.6948", "0"])  # the second is 0 up to rounding
    words = ("trace", XOR_TANH, "--check", "answers.csv")
    assert nnlab_here(*words, cwd=exercise).exit_code == 0
    asked = nnlab_here(*words, "--blank", "dense1.delta", "--show", cwd=exercise)
    assert asked.exit_code == 3
    assert asked.stdout.splitlines()[-1] == "2 of 10 cells are right"
    assert asked.stdout.splitlines()[2].split() == ["dense2/bias.gradient[0]", "0", "right", "0"]


def test_a_spreadsheet_may_have_saved_the_answers(exercise):
    (exercise / "answers.csv").write_text("\ufeffcell;value\r\nloss.mean;0,6948\r\ndense1.z[0,0];−1,13735\r\n;\r\n")
    done = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", cwd=exercise)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "2 of 2 cells are right")


def test_names_of_cells_need_no_quotes(tmp_path):
    (tmp_path / "answers.csv").write_text(
        "cell,value\ntanh1.slope[0,0],0.338\ndense1.z[0, 1],-0.302447\nloss.mean,0.6948"
    )
    done = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "3 of 3 cells are right"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell,value\nloss.mean,0,6948\n", "answers.csv:2: found 'loss.mean,0,6948', expected cell and value; what"),
        ("cell,value\ndense1.z[0,0,1\n", 'holds a comma stands in quotes: "dense1.z[0,1]","0,5"'),
        ("cell,value\ndense1.q,1\n", "answers.csv:2: found 'dense1.q', expected a cell such as dense1.z[0,1]"),
        ('cell,value\n"dense1.z[4,0]",1\n', "with one of the rows 0, 1, 2, 3\n"),
        ("cell,value\nloss.mean,1\nloss.mean,2\n", "answers.csv:3: found 'loss.mean' twice"),
        ("value,cell\n", "answers.csv:1: found 'value,cell', expected the columns cell,value"),
        ("cell,value\n", "answers.csv: found no cell"),
        ("", "answers.csv: found no cell"),
        (None, "found no file 'answers.csv'"),
    ],
)
def test_a_file_that_is_no_table_of_cells_is_refused(text, message, tmp_path):
    if text is not None:
        (tmp_path / "answers.csv").write_text(text)
    done = nnlab_here("trace", XOR_TANH, "--check", "answers.csv", cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--blank", "tanh1.slpoe"), "--blank: found 'tanh1.slpoe', expected the name of cells"),
        (("--blank", "tanh1.slpoe"), "did you mean 'tanh1.slope'?"),
        (("--answers", "a.csv"), "found --answers without --blank"),
        (("--show",), "found --show without --check"),
        (("--latex", "--markdown"), "found --latex and --markdown, expected one of them"),
        (("--check", "a.csv", "--latex"), "found --check and --latex, expected one of them"),
        (("--check", "a.csv", "--answers", "b.csv"), "found --check and --answers, expected one of them"),
        (("--blank", "loss.mean", "--answers", "-", "--json"), "found --json and an output on stdout"),
        (("--rows", "1-2"), "found '1-2', expected row numbers from 0, as in 0,1"),
        (("--digits", "18"), "found 18, expected at most 17 digits"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(words, message, tmp_path):
    done = nnlab_here("trace", XOR_TANH, *words, cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_answers_never_replace_what_is_read(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(XOR_TANH.read_text(encoding="utf-8"))
    done = nnlab_here("trace", own, "--blank", "loss.mean", "--answers", own, cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert own.read_text(encoding="utf-8") == XOR_TANH.read_text(encoding="utf-8")


def test_answers_on_stdout_are_alone_there(tmp_path):
    done = nnlab("trace", XOR_TANH, "--blank", "loss.mean", "--answers", "-", cwd=tmp_path)
    assert list(csv.reader(io.StringIO(done.stdout))) == [["cell", "value"], ["loss.mean", "0.6947959320287251"]]
    assert "L = ____" in done.stderr


def fill(folder, cells, values):
    with (folder / "answers.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("cell", "value"), *zip(cells, values, strict=True)])
