"""Work grows linearly with what an experiment has many of. Calls are counted, not seconds.

Each subject is an experiment with n of something. A command runs on it with n, 2n and 4n, in this process, and every
call of a Python or built-in function is counted. What a command does whatever n is cancels in the differences: from 2n
to 4n there are twice as many new calls as from n to 2n where the number grows linearly, four times as many where it
grows with the square.

The work of a whole command is so much for each of n that it hides a short loop over all n within it. For that, the
parts that once had such loops run alone, and the lines that they run are counted.

What happens inside one call of a built-in function is not seen, such as the comparisons of `list.index` or the numbers
of an array. For those there are `benchmarks/extremes.py`, by the clock, and below the names of a layout, which count
how often they are compared.
"""

import cProfile
import sys
import tempfile

import numpy as np
import pytest
from support import nnlab_here, write

from nnlab import api
from nnlab.cli.show import require
from nnlab.cli.terminal import Screen
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.data.dataset import Columns, Dataset
from nnlab.data.splits import split
from nnlab.data.tables import read_csv
from nnlab.errors import GateError
from nnlab.gates.hold import Measured, Outcome, hold
from nnlab.gates.parse import parse_gate
from nnlab.maths import one_hot
from nnlab.maths.decisions import Decisions
from nnlab.maths.metrics import report
from nnlab.maths.one_hot import OneHot
from nnlab.networks.layout import Layout, ParameterSpec
from nnlab.setup.network import network_for
from nnlab.training import health
from nnlab.training.plan import Plan
from nnlab.training.stopping import Watch

MOST = 2.5  # as many new calls from 2n to 4n as from n to 2n; 2 is linear, 4 a square
STRAY = 0.05  # share of the calls that differs from run to run: progress by the clock, what is freed when

HEAD = "name: many\ntask: {task}\ndata: {data}\nnetwork: {{layers: [2]}}\ntraining: {{steps: 3, batch_size: all}}\n"


def of_cells(cell, task="binary", data="{source: t.csv, target: y, test: 0.2, validation: 0.2}"):
    """An experiment on a table of 20 rows with n columns of `cell(row, column)`, and a column y of 0 and 1."""

    def build(folder, n):
        lines = [",".join([*(cell(row, column) for column in range(n)), str(row % 2)]) for row in range(20)]
        names = ",".join([*(f"c{column}" for column in range(n)), "y"])
        write(folder, "\n".join([names, *lines, ""]), "t.csv")
        return HEAD.format(task=task, data=data.replace("NAMES", ", ".join(f"c{column}" for column in range(n))))

    return build


def number(row, column):
    """A number that differs from cell to cell."""
    return f"{(row * 7919 + column * 104729) % 1000 / 100}"


def classes(folder, n):
    """A class for every three rows."""
    lines = [f"{number(row, 0)},{number(row, 1)},{number(row, 2)},k{row % n}" for row in range(3 * n)]
    write(folder, "\n".join(["a,b,c,y", *lines, ""]), "t.csv")
    return HEAD.format(task="multiclass", data="{source: t.csv, target: y, test: 0.34}")


def categories(folder, n):
    """A column of text with a category for every two rows."""
    write(folder, "\n".join(["a,y", *(f"k{row % n},{row % 2}" for row in range(2 * n)), ""]), "t.csv")
    return HEAD.format(task="binary", data="{source: t.csv, target: y, columns: {a: category}}")


def layers(folder, n):
    """A narrow network of n layers."""
    return HEAD.format(task="binary", data="{source: xor}").replace("[2]", f"[{', '.join(['1'] * n)}]")


def logged(folder, n):
    """A line of metrics.csv for every step."""
    return HEAD.format(task="binary", data="{source: xor}").replace("steps: 3", f"log_every: 1, steps: {n}")


def gates(folder, n):
    """A gate that is met, n times."""
    gates = ", ".join(f'"train/loss >= -{index}"' for index in range(1, n + 1))
    return HEAD.format(task="binary", data="{source: xor}") + f"gates: [{gates}]\n"


def checked(folder, n):
    """A network with 5 n + 1 parameters, whose gradient is checked before its first update."""
    text = HEAD.format(task="binary", data="{source: xor}").replace("[2]", f"[{n}]")
    return text.replace("steps: 3", "gradcheck: {steps: 1}, steps: 3") + "precision: float64\n"


SUBJECTS = {
    "columns": (40, of_cells(number)),
    "columns-of-ones": (40, of_cells(lambda row, column: "1" if column else str(row))),
    "columns-of-text": (30, of_cells(lambda row, column: "abc"[(row * 7 + column * 3) % 3])),
    "columns-with-blanks": (
        40,
        of_cells(
            lambda row, column: "" if row == column % 20 else number(row, column),
            data="{source: t.csv, target: y, blanks: mean, test: 0.2, validation: 0.2}",
        ),
    ),
    "targets": (30, of_cells(number, "regression", "{source: t.csv, target: [NAMES], test: 0.2}")),
    "layers": (40, layers),
    "classes": (60, classes),
    "very-many-classes": (60, classes),
    "categories": (60, categories),
    "logged": (100, logged),
    "gates": (50, gates),
    "checked": (100, checked),
}


@pytest.fixture
def one_process(monkeypatch, tmp_path_factory):
    """Without pictures, which other processes may draw and of which no more is drawn for more of anything.

    All modules are loaded, so that no call loads one.
    """
    monkeypatch.setattr("nnlab.experiments.train.draw", lambda *_words: [])
    if not WARM:
        WARM.append(all_calls(tmp_path_factory.mktemp("warm"), *SUBJECTS["columns"]))


WARM = []


def calls(words, cwd):
    """How many functions a command calls, and what it prints."""
    profile = cProfile.Profile()
    profile.enable()
    result = nnlab_here(*words, cwd=cwd)
    profile.disable()
    assert result.exit_code == 0, result.stderr
    return sum(entry.callcount for entry in profile.getstats()), result.stdout.strip()


def all_calls(folder, n, build):
    """The calls of each command on an experiment with n of its subject."""
    text = build(folder, n)
    write(folder, text, "c.yaml")
    trained, run = calls(["train", "c.yaml", "--quiet"], folder)
    more = n + 1 if "log_every" in text else 4  # a step more than there were
    return {
        "train": trained,
        "eval": calls(["eval", run, "--quiet"], folder)[0],
        "resume": calls(["train", "--resume", run, "--steps", str(more), "--quiet"], folder)[0],
    }


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_run_takes_calls_in_proportion_to_what_there_is_much_of(tmp_path, monkeypatch, subject):
    least, build = SUBJECTS[subject]
    if subject == "very-many-classes":  # none of these numbers is; they are held as such
        monkeypatch.setattr(one_hot, "MOST_DENSE", 2)
    found = []
    for n in (least, 2 * least, 4 * least):
        folder = tmp_path / str(n)
        folder.mkdir()
        found.append(all_calls(folder, n, build))
    once, twice, four_times = found
    for name, least_calls in once.items():
        allowed = MOST * (twice[name] - least_calls) + STRAY * least_calls
        assert four_times[name] - twice[name] < allowed, f"{name}: {found}"


# --- Parts of a command, whose own work is small enough to see what is done for each pair of n ------------------------


def lines(operation):
    """How many lines of Python an operation runs, each turn of a loop within a line among them."""
    count = 0

    def traced(_frame, event, _argument):
        nonlocal count
        count += event == "line"
        return traced

    before = sys.gettrace()  # that of a measurement of coverage, if there is one
    sys.settrace(traced)
    try:
        operation()
    finally:
        sys.settrace(before)
    return count


def built(n):
    """The network of n layers, from its experiment."""
    experiment = validate(read_text(layers(None, n), "c.yaml"))
    return lambda: network_for(experiment, (2,), 1).layout


def labelled(n):
    """A name for each of n columns of theta."""
    layout = Layout([ParameterSpec(f"dense{index}/weights", (1,)) for index in range(n)])
    return lambda: [layout.label(column) for column in range(n)]


def due(n):
    """The next record of every step, where n steps are marked."""
    plan = Plan("binary", n, 1, False, n, n, Watch("train/loss", False), steps_to_mark=frozenset(range(n)))  # noqa: FBT003
    return lambda: [plan.next_due(step) for step in range(n)]


def held(n):
    """n gates, each at a step of its own, on n values of a figure."""
    asked, found = [parse_gate(f"train/loss@{step} >= 0") for step in range(n)], Measured()
    for step in range(n):
        found.add(step, step / 2, {"train/loss": 1.0})
    return lambda: hold(asked, found)


def read_classes(n):
    """A table with a row for each of n classes, from its file."""
    text = "a,y\n" + "".join(f"{row % 7},k{row}\n" for row in range(n))

    def read():
        with tempfile.TemporaryDirectory() as folder:
            read_csv(write(folder, text, "t.csv"), task="multiclass")

    return read


def split_classes(n):
    """The parts of a set with three rows for each of n classes."""
    codes = np.arange(3 * n) % n
    dataset = Dataset("many", "multiclass", np.zeros((3 * n, 1)), OneHot(codes, n), Columns((), ("y",), names_of(n)))
    return lambda: split(dataset, test=0.34, validation=None, seed=1)


def reported(n):
    """The figures of n classes, from what rows decide, and the pairs that are confused."""
    truth = np.arange(n)
    decided = Decisions(n, truth[::-1].copy(), np.zeros(n), np.ones(n), truth)
    return lambda: report("multiclass", decided, OneHot(truth, n), classes=names_of(n), top_k=(3, 5), scores=decided)


def names_of(n):
    """The names of n classes."""
    return tuple(f"k{index}" for index in range(n))


def text_of(n):
    """The YAML of n layers."""
    text = layers(None, n)
    return lambda: read_text(text, "c.yaml")


OPERATIONS = {
    "read": (100, text_of),
    "built": (200, built),
    "labelled": (200, labelled),
    "due": (200, due),
    "held": (200, held),
    "read classes": (2500, read_classes),
    "split classes": (2500, split_classes),
    "reported": (2500, reported),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_part_runs_lines_in_proportion_to_what_there_is_much_of(name):
    n, prepared = OPERATIONS[name]
    prepared(n)()
    once, twice, four_times = (lines(prepared(size)) for size in (n, 2 * n, 4 * n))
    assert four_times - twice < 2.2 * (twice - once), (once, twice, four_times)


class Name(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    __hash__ = str.__hash__

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)


def looked_up(n):
    """How many comparisons it takes to look every tensor of a layout of n up by its names and its columns."""
    names = [f"dense{index}/weights" for index in range(n)]
    layout = Layout([ParameterSpec(Name(name), (2,)) for name in names])
    Name.compared = 0
    for index, name in enumerate(names):
        assert layout.label(2 * index) == f"{name}[0]"
        assert layout.column(f"{name}[1]") == 2 * index + 1
        assert layout.place_of(f"dense{index}") == slice(2 * index, 2 * index + 2)
    return Name.compared


def test_the_tensors_of_a_layout_are_looked_up_not_searched_for():
    assert looked_up(400) <= 2.2 * looked_up(200)


# --- What is shown of very many ---------------------------------------------------------------------------------------


def test_a_long_table_on_the_terminal_leaves_out_its_middle(capsys):
    Screen(quiet=False).table("Layers", ["layer", "units"], [[f"dense{index}", "1"] for index in range(1, 5001)])
    shown = capsys.readouterr().err
    assert "… and 4,900 more" in shown
    assert [f"dense{index} " in shown for index in (1, 80, 81, 4980, 4981, 5000)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert len(shown.splitlines()) == 104  # a blank line, the title, the head, and 101 rows


def test_of_very_many_gates_that_are_not_met_fifty_have_a_line():
    missed = [Outcome(f"train/loss <= -{index}", 1.0, met=False) for index in range(60)]
    with pytest.raises(GateError) as caught:
        require(missed)
    lines = str(caught.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "10 more gates not met are not shown; summary.json has all"


def test_only_the_layers_that_pictures_show_have_a_portrait(tmp_path):
    write(tmp_path, layers(tmp_path, 30), "c.yaml")
    setup = api.resolve(tmp_path / "c.yaml").setup()
    assert list(health.activation_layers(setup.network)) == [f"relu{index}" for index in range(1, 31)]
    assert health.at_the_ends(setup.network) == {f"relu{index}" for index in (1, 2, 3, 28, 29, 30)}
    state = setup.start()
    only = health.at_the_ends(setup.network)
    found = health.portraits(setup.network, state.theta, state.statistics, np.ones((2, 2), np.float32), only=only)
    assert [portrait.name for portrait in found] == [f"relu{index}" for index in (1, 2, 3, 28, 29, 30)]
