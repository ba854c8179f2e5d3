"""Work grows linearly with what an experiment has many of. Calls are counted, not seconds.

Each subject is an experiment with n of something. A command runs on it with n, 2n and 4n, in this process, and every
call of a Python or built-in function is counted. What a command does whatever n is cancels in the differences: from 2n
to 4n there are twice as many new calls as from n to 2n where the number grows linearly, four times as many where it
grows with the square.

What happens inside one call is not seen, such as the comparisons of `list.index` or the numbers of an array. For those
there are `benchmarks/growth.py --extremes`, by the clock, and below the names of a layout, which count how often they
are compared.
"""

import cProfile
from pathlib import Path

import pytest
from support import nnlab_here, write

from nnlab.networks.layout import Layout, ParameterSpec

MOST = 2.5  # as many new calls from 2n to 4n as from n to 2n; 2 is linear, 4 a square

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
    "categories": (60, categories),
    "logged": (100, logged),
    "gates": (50, gates),
    "checked": (8, checked),
}


@pytest.fixture
def one_process(monkeypatch):
    """Without pictures, which other processes may draw and of which no more is drawn for more of anything."""
    monkeypatch.setattr("nnlab.experiments.train.draw", lambda _data, _folder: [])


def calls(words, cwd):
    """How many functions a command calls."""
    profile = cProfile.Profile()
    profile.enable()
    result = nnlab_here(*words, cwd=cwd)
    profile.disable()
    assert result.exit_code == 0, result.stderr
    return sum(entry.callcount for entry in profile.getstats()), result.stdout.strip()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_run_takes_calls_in_proportion_to_what_there_is_much_of(tmp_path, subject):
    least, build = SUBJECTS[subject]
    counted = {"train": [], "eval": [], "resume": [], "show": []}
    for n in (least, least, 2 * least, 4 * least):  # the first loads modules, and does not count
        folder = tmp_path / f"{len(counted['train'])}-{n}"
        folder.mkdir()
        write(folder, build(folder, n), "c.yaml")
        found, run = calls(["train", "c.yaml", "--quiet"], folder)
        counted["train"].append(found)
        counted["eval"].append(calls(["eval", run], folder)[0])
        more = ["--steps", str(n + 1 if subject == "logged" else 4)]
        counted["resume"].append(calls(["train", "--resume", run, *more, "--quiet"], folder)[0])
        if Path(folder, "t.csv").exists():
            counted["show"].append(calls(["data", "show", "t.csv"], folder)[0])
    growth = {command: (a[3] - a[2]) / (a[2] - a[1]) for command, a in counted.items() if a}
    assert all(ratio < MOST for ratio in growth.values()), f"{growth} of {counted}"


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
