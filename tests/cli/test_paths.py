"""Paths as they are typed: seen from where they are written, with `~`, like a catalogue's name, or an open pipe."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support import ROOT, environment, nnlab_here, read_json, write

pytestmark = pytest.mark.usefixtures("no_pictures")

EXPERIMENT = """\
name: t
task: multiclass
seed: 1
data: {source: d.csv, test: 0.2, validation: 0.2, scale: standard}
network: {layers: [4], activation: tanh}
optimizer: {name: adam, learning_rate: 0.02}
training: {epochs: 2, batch_size: 8}
"""


def table(prefix="c", rows=60):
    """Rows of three classes, whose names tell the file."""
    lines = [f"{row % 7 / 4 + row % 3},{row % 11 / 5 - row % 3},{prefix}{row % 3}" for row in range(rows)]
    return "\n".join(["a,b,y", *lines]) + "\n"


def bash(command, cwd, **changes):
    """A shell's command, in which `nnlab` is this one."""
    return subprocess.run(
        ["bash", "-c", f'nnlab() {{ {sys.executable} -m nnlab "$@"; }}; {command}'],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=120,
    )


def here(command, cwd):
    """The words of an `nnlab` command that needs no shell, in this process."""
    return nnlab_here(*shlex.split(command), cwd=cwd)


@pytest.fixture
def folder(tmp_path):
    """An experiment with its table, and a folder `work` with a table of the same name."""
    write(tmp_path, EXPERIMENT, "e.yaml")
    write(tmp_path, table(), "d.csv")
    (tmp_path / "work").mkdir()
    write(tmp_path / "work", table("X"), "d.csv")
    return tmp_path


# --- where a path is seen from ----------------------------------------------------------------------------------------


def test_a_number_is_no_name_of_a_column_wherever_one_is_wanted(folder):
    keys = ["target=2020", "target=[2020]", "ignore=2020", "keep=[2020]", "weight=2020", "group=2020"]
    for key in keys:
        (line,) = here(f"train e.yaml --set data.{key} --dry-run", folder).stderr.splitlines()
        assert line.partition(": ")[2].startswith("found 2020, expected text; quote it ")


def test_a_path_of_an_option_is_seen_from_where_the_command_is_run(folder):
    for path in ("./d.csv", "d.csv", str(folder / "work" / "d.csv")):
        done = here(f"train ../e.yaml --set data.source={path} --dry-run", folder / "work")
        assert done.exit_code == 0
        assert "classes X0, X1, X2" in done.stderr
        assert "warning" not in done.stderr


def test_a_path_of_an_option_is_not_looked_for_beside_the_experiment(folder):
    (folder / "work" / "d.csv").unlink()
    done = here("train ../e.yaml --set data.source=./d.csv", folder / "work")
    assert done.exit_code == 2
    assert done.stderr.startswith("--set data.source=…:1:13: found no file 'd.csv', expected")


def test_a_path_in_the_file_is_seen_from_the_file_with_a_warning_of_another_one_here(folder):
    done = here("train ../e.yaml --dry-run", folder / "work")
    assert "classes c0, c1, c2" in done.stderr
    read, other = folder / "d.csv", folder / "work" / "d.csv"
    assert f"warning: data.source 'd.csv': read {read}, beside the experiment file, not {other}\n" in done.stderr
    assert "warning" not in here("train e.yaml --dry-run", folder).stderr


def test_a_path_in_the_file_that_is_only_here_is_read_and_told(folder):
    (folder / "d.csv").unlink()
    done = here("train ../e.yaml --dry-run", folder / "work")
    assert "classes X0, X1, X2" in done.stderr
    read = folder / "work" / "d.csv"
    assert f"note: data.source 'd.csv': read from the working directory, {read}" in done.stderr


def test_the_resolved_experiment_reads_the_same_file_from_anywhere(folder):
    done = here("train ../e.yaml --set data.source=d.csv --quiet", folder / "work")
    run = folder / "work" / done.stdout.strip()
    again = here(f"train {run}/config.yaml --dry-run", "/")
    assert "classes X0, X1, X2" in again.stderr
    assert read_json(run / "run.json")["data"]["read_from"] == str(folder / "work" / "d.csv")


# --- home folders -----------------------------------------------------------------------------------------------------


def test_a_home_folder_is_found_where_no_shell_expands_it(folder):
    home = folder / "home"
    home.mkdir()
    shutil.copy(folder / "d.csv", home)
    write(home, "from nnlab.maths.activations import ACTIVATIONS as A\nACTIVATIONS = []\n", "p.py")
    write(folder, EXPERIMENT.replace("d.csv", "~/d.csv"), "home.yaml")
    shutil.copy(folder / "home.yaml", home)
    commands = [
        "nnlab train '~/home.yaml' --runs-dir=~/runs --plugin=~/p.py --gate 'train/loss <= 9' --junit=~/j.xml --quiet",
        "nnlab train e.yaml --set 'data.source=~/d.csv' --runs-dir=~/runs --quiet",
        "nnlab eval latest --runs-dir=~/runs --data=~/d.csv --predictions=~/p.csv --quiet",
        "nnlab eval '~/runs/latest' --split test --quiet",
        "nnlab activations plot relu --out=~/a.png",
    ]
    done = bash(" && ".join(commands), folder, HOME=str(home))
    assert (done.returncode, done.stderr.replace("\n", "")) == (0, "")
    assert not (folder / "~").exists()
    assert {"j.xml", "p.csv", "a.png", "runs"} <= {path.name for path in home.iterdir()}


def test_a_folder_of_that_name_is_written_with_a_dot(folder):
    done = bash("nnlab train e.yaml --runs-dir=./~ --quiet", folder)
    assert done.stdout.startswith("~/")
    assert (folder / "~" / "latest").exists()


@pytest.mark.parametrize(
    "words", ["e.yaml --runs-dir=~nobody-here/x", "'~nobody-here/e.yaml'", "e.yaml --set 'data.source=~nobody-here/x'"]
)
def test_a_user_who_is_not_there_is_refused(words, folder):
    done = here(f"train {words}", folder)
    assert done.exit_code == 2
    assert "but there is no home folder ~nobody-here" in done.stderr
    assert not (folder / "~nobody-here").exists()


# --- names of the catalogue -------------------------------------------------------------------------------------------


@pytest.fixture
def shadowed(folder):
    """A folder with a data/iris.csv of its own."""
    lines = (ROOT / "data" / "iris.csv").read_text().splitlines()
    (folder / "data").mkdir()
    write(folder / "data", "\n".join([lines[0], *lines[1:31], *lines[51:81], *lines[101:131]]) + "\n", "iris.csv")
    return folder


def test_a_set_of_the_catalogue_from_another_file_is_warned_of_and_recorded(shadowed):
    file = str(shadowed / "data" / "iris.csv")
    done = here("train e.yaml --set data.source=iris --dry-run", shadowed)
    assert f"warning: iris was read from {file} (90 rows), which is not the set that ships with nnlab" in done.stderr
    done = here("train e.yaml --set data.source=iris --name m --quiet", shadowed)
    assert f"warning: iris was read from {file} (90 rows)" in done.stderr
    assert read_json(shadowed / done.stdout.strip() / "run.json")["data"]["read_from"] == file
    (shadowed / "data").rename(shadowed / "x")
    done = here("eval m --split test", shadowed)
    assert done.exit_code == 2
    assert f"read from {ROOT / 'data' / 'iris.csv'}, then from {file}" in done.stderr


def test_comparisons_warn_of_it_too(shadowed):
    done = here("compare-activations e.yaml --set data.source=iris --seeds 2 -a relu -a tanh --quiet", shadowed)
    assert "warning: iris was read from" in done.stderr
    file = str(shadowed / "data" / "iris.csv")
    assert read_json(shadowed / done.stdout.strip() / "run.json")["data"]["read_from"] == file


def test_a_data_folder_that_the_user_named_is_told(shadowed, monkeypatch):
    monkeypatch.setenv("NNLAB_DATA", "data")
    done = here("train e.yaml --set data.source=iris --dry-run", shadowed)
    assert "warning" not in done.stderr
    assert f"note: iris was read from {shadowed / 'data' / 'iris.csv'} (90 rows)" in done.stderr


def test_the_set_that_ships_is_told_wherever_it_lies(shadowed):
    shutil.copy(ROOT / "data" / "iris.csv", shadowed / "data")
    done = here("train e.yaml --set data.source=iris --dry-run", shadowed)
    assert "warning" not in done.stderr
    assert f"note: iris was read from {shadowed / 'data' / 'iris.csv'} (150 rows)" in done.stderr


def test_a_file_named_like_a_set_of_the_catalogue_is_told_from_it(folder):
    write(folder, EXPERIMENT.replace("d.csv", "iris"), "e.yaml")
    (folder / "iris").mkdir()
    done = here("train e.yaml --dry-run", folder)
    assert f"warning: data.source 'iris' is the set of the catalogue, not {folder / 'iris'}; ./iris" in done.stderr
    assert "classes setosa" in done.stderr
    done = here("train e.yaml --set data.source=./iris --dry-run", folder)
    assert "found a folder with none of the known files" in done.stderr


# --- experiments from a pipe ------------------------------------------------------------------------------------------

TRAIN = "train {} --dry-run"
SWEEP = "sweep {} --grid optimizer.learning_rate=0.01,0.1 --seeds 1 --quiet"
COMPARE = "compare-activations {} --seeds 2 -a relu -a tanh --quiet"


@pytest.mark.parametrize(
    "command",
    [
        *(f"cat e.yaml | nnlab {words.format('-')}" for words in (TRAIN, SWEEP, COMPARE, "gradcheck {}")),
        *(f"nnlab {words.format('<(cat e.yaml)')}" for words in (TRAIN, "gradcheck {}")),
        f"nnlab {TRAIN.format('/dev/stdin')} < work/e.yaml",
        f"nnlab {TRAIN.format('-')} < work/e.yaml",
    ],
)
def test_an_experiment_is_read_from_a_pipe_and_its_paths_from_here(command, folder):
    shutil.copy(folder / "e.yaml", folder / "work")
    (folder / "work" / "d.csv").unlink()
    done = bash(command, folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["-", "/dev/stdin"])
def test_messages_call_it_standard_input(path, folder):
    done = bash(f"sed s/tanh/tahn/ e.yaml | nnlab train {path}", folder)
    assert done.returncode == 2
    assert (
        done.stderr
        == "<stdin>:5:36: unknown activation 'tahn'; did you mean 'tanh'? (one of a plugin needs --plugin FILE.py)\n"
    )


def test_what_is_piped_in_is_recorded_and_can_be_resumed(folder):
    done = bash("nnlab train - --quiet < e.yaml && nnlab train --resume latest --quiet", folder)
    run = folder / done.stdout.splitlines()[0]
    assert (done.returncode, read_json(run / "run.json")["config"]) == (0, "<stdin>")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("nnlab train - < /dev/null", "<stdin>:1:1: found nothing, expected 'key: value' lines\n"),
        ("nnlab train - <&-", "<stdin>: found no standard input, expected an experiment"),
        ("head -c 1100000 /dev/zero | nnlab train -", "<stdin>: found more than 1,048,576 bytes"),
        ("mkfifo pipe; nnlab train pipe", "pipe: found a named pipe, expected an experiment file"),
        ("nnlab train ./-", "./-: found no file of this name"),
        ("nnlab gradcheck -", "<stdin>:1:1: found nothing"),
    ],
)
def test_what_is_no_experiment_on_standard_input(command, expected, folder):
    done = bash(command, folder)
    assert done.returncode == 2
    assert done.stderr.startswith(expected)


@pytest.mark.parametrize("words", [("train", "-"), ("train", "/dev/stdin"), ("gradcheck", "-")])
def test_a_terminal_is_not_waited_for(words, folder):
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "nnlab", *words],
            cwd=folder,
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert done.stderr == "<stdin>: found a terminal, expected an experiment, as in: nnlab train - < experiment.yaml\n"


# --- values that are too large ----------------------------------------------------------------------------------------


def test_a_value_that_is_too_large_is_named_by_file_row_and_column(folder):
    write(folder, "b,a,y\n1,2,c0\n1,1e300,c1\n", "far.csv")
    assert here("train e.yaml --name m --quiet", folder).exit_code == 0
    done = here("eval m --data far.csv", folder)
    assert done.exit_code == 2
    assert re.fullmatch(
        r"far\.csv:( row 2|3): found 1e\+300 in column 'a', expected one that is finite once scaled and in float32\n",
        done.stderr,
    )


def test_targets_that_are_too_large_are_named_in_training_and_in_new_rows(folder):
    rows = [f"{row % 5},{row % 7},{row}" for row in range(40)]
    write(folder, "\n".join(["a,b,y", *rows]) + "\n", "reg.csv")
    write(folder, "\n".join(["a,b,y", *(f"{row}e300" for row in rows)]) + "\n", "far.csv")
    regression = "train e.yaml --set task=regression --quiet --set data.source"
    done = here(f"{regression}=far.csv", folder)
    found = (
        r"far\.csv:( row \d+|\d+): found \d+(\.\d+)?e\+30[01] in column 'y', expected one that is finite once scaled"
    )
    assert re.search(found + r" and in float32; see data\.scale_targets\n$", done.stderr)
    assert here(f"{regression}=reg.csv --name m", folder).exit_code == 0
    done = here("eval m --data far.csv", folder)
    assert done.exit_code == 2
    assert re.match(found, done.stderr)


def test_a_value_in_an_array_is_named_by_its_row(tmp_path):
    x = np.ones((6, 3))
    x[4, 2] = 1e300
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(6) % 2)
    text = EXPERIMENT.replace("d.csv, test: 0.2, validation: 0.2, scale: standard", "a.npz")
    write(tmp_path, text.replace("multiclass", "binary"))
    done = nnlab_here("train", "experiment.yaml", cwd=tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{tmp_path / 'a.npz'}: row 5: found 1e+300 in column 'x2', expected one that is")
