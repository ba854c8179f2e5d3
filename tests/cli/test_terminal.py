"""What people see on stderr: tables that break no number, sentences that break between words, whatever the width."""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import sys
import threading
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console
from screens import ConsoleOf, Terminal
from support import HOUSES, XOR, nnlab, write

from nnlab.cli.progress import Bar, Bars, Latest, Lines, Way, live_lines, sentence
from nnlab.cli.terminal import Screen
from nnlab.experiments.parameter_table import ParameterTable
from nnlab.experiments.train import Progress, Whole

pytestmark = pytest.mark.usefixtures("no_pictures")


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
    assert "\nB bounds what rounding alone may add up to, and an absolute error passes up to 4 B + " in result.stderr


@example(67, "a" * 16)  # one column less than a whole bar would take
@given(st.integers(40, 200), st.text("abcdefgh", min_size=1, max_size=60))
def test_a_live_line_fits_the_screen_and_keeps_step_and_time_left(width, name):
    window = Terminal(width)
    figures = {f"train/figure{index}": 0.123456 for index in range(5)}
    with live_lines(ConsoleOf(window)) as lines:
        Bar(lines, name)(Progress(1200, 2000, 3.0, figures, 6.0))
        (line,) = window.lines
    assert len(line) < width
    assert line.startswith(name[: (width - 1) // 4 - 1])
    begin = "step 1,200/2,000"
    if width >= len(line) + 1 and width >= width // 4 + 22 + len(f"{begin} · 4.0 s left"):
        assert begin in line
        assert line.endswith("4.0 s left")
    if width == 200:
        assert "train/figure4 0.1235" in line


@pytest.mark.parametrize("width", [100, None])
def test_the_learning_rate_stands_behind_the_first_figure_however_many_there_are(width):
    latest, rate = Latest(), {"optimizer/learning_rate": 0.05}
    many = {f"val/figure{index}": 0.123456 for index in range(9)}
    latest.add(Progress(1200, 2000, 3.0, {"batch/loss": 0.5} | rate, 6.0))
    latest.add(now := Progress(1205, 2000, 3.0, many, 6.0))
    begin = "step 1,205/2,000 · val/figure0 0.1235 · at step 1,200: learning rate 0.05 · "
    assert sentence(now, latest, width).startswith(begin)
    latest.add(both := Progress(1210, 2000, 3.0, many | rate, 6.0))
    begin = "step 1,210/2,000 · val/figure0 0.1235 · learning rate 0.05 · val/figure1 0.1235 · "
    assert sentence(both, latest, width).startswith(begin)


def test_help_shows_what_each_command_does_to_the_end(tmp_path):
    shown = nnlab("--help", cwd=tmp_path, COLUMNS="80").stdout
    assert "Compare activations over many seeds." in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_a_live_line_needs_no_thread_and_goes_when_the_training_is_done():
    window, threads = Terminal(100), threading.active_count()
    with live_lines(ConsoleOf(window)) as lines:
        show = Bar(lines, "xor")
        show(Progress(100, 2000, 3.0, {"batch/loss": 0.5}, 1.0))
        assert threading.active_count() == threads
        assert "xor" in window.lines[0]
        assert "step 100/2,000" in window.lines[0]
        show(Progress(2000, 2000, 60.0, {"batch/loss": 0.25}, 2.0))
        assert window.lines == [""]
    assert threading.active_count() == threads


STEPS_ON_A_SCREEN = st.lists(st.integers(20, 120) | st.sampled_from(["progress", "print", "end"]), max_size=20)


@given(st.integers(20, 120), st.integers(1, 4), STEPS_ON_A_SCREEN)
def test_nothing_is_left_of_live_lines_and_what_is_printed_is_whole_however_the_window_changes(width, arms, events):
    window, printed, step = Terminal(width), [], 0
    with live_lines(console := ConsoleOf(window)) as lines:
        above, show = sys.stderr, Bars(lines)
        for event in events:
            if isinstance(event, int):
                window.width = event
            elif event == "print":
                printed.append(f"warning {len(printed)} " + "x" * 50)
                lines.erase()
                console.file.write(printed[-1] + "\n")
            else:
                step, label = step + 1, f"arm {step % arms}"
                whole = Whole(1, arms, arms, 0.5, 9.0)
                lines.drawn_at = -math.inf
                ended = event == "end"
                show(label, Progress(step, 100, 1.0, {"val/loss": 1 / step}, 1.0, ended=ended, whole=whole))
        assert above is not sys.__stderr__
    assert window.lines == [*printed, ""]


def test_what_others_print_on_stderr_stands_above_live_lines(monkeypatch):
    window = Terminal(80)
    monkeypatch.setattr(sys, "stderr", window)
    with live_lines(ConsoleOf(window)) as lines:
        Bar(lines, "xor")(Progress(100, 2000, 3.0, {}, 1.0))
        sys.stderr.write("a warning\n")
        Bar(lines, "xor")
        lines.draw()
        assert window.lines[0] == "a warning"
        assert window.lines[1].startswith("xor ")
    assert window.lines == ["a warning", ""]


def test_tables_of_parameters_stand_above_the_bar(monkeypatch):
    window = Terminal(80)
    monkeypatch.setattr(sys, "stderr", window)
    monkeypatch.setattr("nnlab.cli.terminal.is_live", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    table = ParameterTable("dense1 at step 9, epoch 3", ["of unit", "0"], [["bias", "0.5000"]])
    with Screen(quiet=False).progress("xor") as show:
        show(Progress(0, 100, 0.0, {}, 1.0))
        show(Progress(9, 100, 3.0, {}, 1.0, parameters=[table]))
        show(Progress(10, 100, 3.0, {}, 1.0))
    lines = [line.split() for line in window.lines]
    assert lines == [[], ["dense1", "at", "step", "9,", "epoch", "3"], ["of", "unit", "0"], ["bias", "0.5000"], []]


def test_the_way_of_the_watched_figure_stands_beside_the_bar():
    window = Terminal(120)
    with live_lines(ConsoleOf(window)) as lines:
        show = Bar(lines, "xor")
        for step in range(9):
            lines.drawn_at = -math.inf
            figures = {"optimizer/learning_rate": 0.1, "val/loss": 0.9 - step / 10, "train/loss": 5.0}
            show(Progress(step, 100, 1.0, figures, 1.0))
        assert "▁▂▃▄▅▆▇█"[::-1][:4] in window.lines[0]
        window.width = 60
        lines.draw()
        assert "█" not in window.lines[0]


def test_a_way_is_thinned_evenly_and_ends_with_the_latest_value():
    way = Way()
    for value in range(1000):
        way.add(float(value))
    assert len(way.values) <= 64
    assert str(way) == "▁▂▂▃▄▄▅▅▆▇▇█"
    way.add(-1000.0)
    assert str(way).endswith("▁")
    way.add(math.nan)
    assert str(way).endswith("▁")


def test_the_way_of_a_loss_that_falls_far_is_drawn_by_logarithms():
    way = Way()
    for power in range(8):
        way.add(10.0**-power)
    assert str(way) == "█▇▆▅▄▃▂▁"


def test_a_whole_comparison_has_a_line_of_its_own():
    window = Terminal(100)
    with live_lines(ConsoleOf(window)) as lines:
        Bars(lines)("tanh", Progress(50, 100, 1.0, {}, 1.0, whole=Whole(2, 5, 3, 0.5, 75.0)))
        lines.draw()
        assert window.lines[0].endswith("2 of 5 arms done, 3 left · 1 min 15 s to go")
        assert window.lines[1].startswith("tanh ")


def dated(*reports, each=Lines):
    stream = io.StringIO()
    lines = each(Console(file=stream, width=200), "xor")
    for report in reports:
        lines(report)
    lines.end()
    return [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()]


def test_the_last_line_of_a_training_that_ended_early_says_so_and_has_no_time_left():
    early = Progress(165, 500, 3.0, {"val/loss": 0.5}, 5.0)
    assert dated(early) == ["xor ended at step 165/500 · val/loss 0.5 · 33 steps/s"]
    assert dated(replace(early, ended=True)) == ["xor ended at step 165/500 · val/loss 0.5 · 33 steps/s"]
    assert dated(replace(early, step=500)) == ["xor step 500/500 · val/loss 0.5 · 100 steps/s · 0.0 s left"]


def test_a_line_of_a_comparison_says_which_arm_it_is_and_how_long_all_take():
    (line,) = dated(Progress(500, 500, 3.0, {}, 5.0, whole=Whole(2, 5, 3, 0.5, 75.0)))
    assert line.endswith("arm 2 of 5, 1 min 15 s left of all")
