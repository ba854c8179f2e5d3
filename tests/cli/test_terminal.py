"""What people see on stderr: tables that break no number, sentences that break between words, whatever the width."""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support import HOUSES, XOR, nnlab, write

from nnlab.cli import terminal
from nnlab.cli.terminal import Screen
from nnlab.experiments.train import Progress


def shown(width, show):
    """The lines that `show` puts on a screen of that width; None for a file, where nobody said how wide it is."""
    stream = io.StringIO()
    changes = {} if width is None else {"COLUMNS": str(width)}
    with mock.patch.dict(os.environ, changes), contextlib.redirect_stderr(stream):
        if width is None:
            os.environ.pop("COLUMNS", None)
        show(Screen(quiet=False))
    return stream.getvalue().splitlines()


NUMBERS = st.floats(allow_nan=False).map(lambda value: f"{value:.7g}")


@given(
    st.integers(40, 160),
    st.integers(1, 9).flatmap(
        lambda count: st.lists(st.lists(NUMBERS, min_size=count, max_size=count), min_size=1, max_size=4)
    ),
    st.text("abc /[]", min_size=1, max_size=120),
)
def test_a_table_breaks_no_number_and_is_no_wider_than_the_screen(width, rows, label):
    columns = ["worst entry", *(f"column {index}" for index in range(len(rows[0])))]
    lines = shown(width, lambda screen: screen.table("Title", columns, [[label, *row] for row in rows]))
    assert all(len(line) <= width for line in lines)
    words = [word for line in lines for word in line.split()]
    for number in (number for row in rows for number in row):
        assert number in words
    heads = [line for line in lines if re.search(r"column \d", line)]
    assert re.findall(r"column \d", " ".join(heads)) == columns[1:]
    for line in heads:
        assert line.startswith("worst")


def test_a_table_that_fits_is_one_block():
    lines = shown(30 + 10, lambda screen: screen.table("T", ["a", "b", "c"], [["x" * 10, "1" * 13, "2" * 13]]))
    assert [line.split() for line in lines] == [[], ["T"], ["a", "b", "c"], ["x" * 10, "1" * 13, "2" * 13]]


def test_a_table_that_is_one_column_too_wide_is_two_blocks():
    lines = shown(40, lambda screen: screen.table("T", ["a", "b", "c"], [["x" * 10, "1" * 13, "2" * 14]]))
    assert [line.split() for line in lines[2:]] == [
        ["a", "b"], ["x" * 10, "1" * 13], [], ["a", "c"], ["x" * 10, "2" * 14],
    ]  # fmt: skip


def test_columns_without_names_get_no_line_for_them():
    lines = shown(80, lambda screen: screen.table("Data", ["", ""], [["set", "xor"]], numbers_from=9))
    assert [line.split() for line in lines] == [[], ["Data"], ["set", "xor"]]


SENTENCE = "tanh and relu can't be told apart with 20 seeds, about 1,500 would be needed for a verdict that holds."


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("way", [Screen.say, Screen.warn])
def test_a_sentence_breaks_between_words(way, width):
    lines = shown(width, lambda screen: way(screen, SENTENCE))
    assert len(lines) > 1
    assert all(len(line) <= width for line in lines)
    assert " ".join(" ".join(lines).split()).endswith(SENTENCE)


def test_a_sentence_in_a_file_is_one_line():
    assert shown(None, lambda screen: screen.say(SENTENCE)) == [SENTENCE]


def test_what_is_to_be_typed_again_stays_in_one_piece():
    command = "nnlab gradcheck " + " ".join(["--set training.steps=1"] * 9)
    assert shown(40, lambda screen: screen.say(command, to_type=True)) == [command]


@pytest.mark.slow
@pytest.mark.parametrize("width", ["80", "140"])
def test_the_reports_of_real_commands_fit_the_screen_with_every_number_whole(width, tmp_path):
    write(tmp_path, XOR.read_text(encoding="utf-8"))
    steps = ("--set", "training.steps=5", "--set", "gates=[]")
    for words in (("gradcheck", "experiment.yaml"), ("compare-activations", "experiment.yaml", *steps, "--seeds", "7")):
        result = nnlab(*words, cwd=tmp_path, COLUMNS=width)
        assert result.returncode == 0, result.stderr
        lines = [line for line in result.stderr.splitlines() if not line.startswith(("20", "  nnlab"))]
        assert max(map(len, lines)) <= int(width)
        broken = [line for line in lines if re.fullmatch(r"\s*[\d.,e+-]*\d\]?(\s+[\d.,e+-]*\d\]?)*\s*", line)]
        assert broken == []


def test_the_width_of_a_file_leaves_the_report_in_one_block(tmp_path):
    write(tmp_path, HOUSES)
    result = nnlab("gradcheck", "experiment.yaml", cwd=tmp_path)
    assert result.stderr.count("worst entry") == 1


@given(st.integers(40, 200), st.text("abcdefgh", min_size=1, max_size=60))
def test_a_live_line_fits_the_screen_and_keeps_step_and_time_left(width, name):
    stream = io.StringIO()
    figures = {f"train/figure{index}": 0.123456 for index in range(5)}
    bars = terminal._bars(Console(file=stream, force_terminal=True, width=width, color_system=None))
    terminal._bar(bars, name)(Progress(1200, 2000, 3.0, figures, 6.0))
    (task,) = bars.tasks
    shortest = len("step 1,200/2,000 · 4.0 s left")
    assert len(task.description) + 22 + len(task.fields["text"]) <= max(width, len(task.description) + 22 + shortest)
    assert task.fields["text"].startswith("step 1,200/2,000")
    assert task.fields["text"].endswith("4.0 s left")
    if width == 200:
        assert "train/figure4 0.1235" in task.fields["text"]


@pytest.mark.parametrize("width", [100, None])
def test_the_learning_rate_stands_behind_the_first_figure_however_many_there_are(width):
    latest, rate = terminal._Latest(), {"optimizer/learning_rate": 0.05}
    many = {f"val/figure{index}": 0.123456 for index in range(9)}
    latest.add(Progress(1200, 2000, 3.0, {"batch/loss": 0.5} | rate, 6.0))
    latest.add(now := Progress(1205, 2000, 3.0, many, 6.0))
    begin = "step 1,205/2,000 · val/figure0 0.1235 · at step 1,200: learning rate 0.05 · "
    assert terminal._sentence(now, latest, width).startswith(begin)
    latest.add(both := Progress(1210, 2000, 3.0, many | rate, 6.0))
    begin = "step 1,210/2,000 · val/figure0 0.1235 · learning rate 0.05 · val/figure1 0.1235 · "
    assert terminal._sentence(both, latest, width).startswith(begin)


def test_help_shows_what_each_command_does_to_the_end(tmp_path):
    shown = nnlab("--help", cwd=tmp_path, COLUMNS="80").stdout
    assert "Compare activations over many seeds." in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_a_live_line_needs_no_thread_and_goes_when_the_training_is_done():
    stream = io.StringIO()
    threads = threading.active_count()
    with terminal._live(Console(file=stream, force_terminal=True, width=100, color_system=None), "xor") as show:
        show(Progress(100, 2000, 3.0, {"batch/loss": 0.5}, 1.0))
        assert threading.active_count() == threads
        assert "xor" in stream.getvalue()
        assert "step 100/2,000" in stream.getvalue()
        show(Progress(2000, 2000, 60.0, {"batch/loss": 0.25}, 2.0))
        assert "0.25" not in stream.getvalue()
    assert threading.active_count() == threads
