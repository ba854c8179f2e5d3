"""Names of the user with what terminals, browsers, TeX and XML act upon: they are shown, and do nothing."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console
from support import nnlab_here, read_json, trained, write

from nnlab.cli.progress import Bar, Lines, live_lines
from nnlab.experiments.train import Progress

pytestmark = pytest.mark.usefixtures("quick_pictures")

HOSTILE = (
    "[red]x[/red]", "[/]", "$\\frac", "<script>alert(1)</script>&\"'", "\u202eabc\u200b",
    "{x} %s {0}", "👩\u200d🔬", "\\input{x}_^~#", "a|b`c`*d*", "=cmd()", "-", "x" * 300,
)  # fmt: skip
# What a terminal acts upon, also the C1 form of ESC [, and marks that turn text round.
FORBIDDEN = ("\x1b", "\x9b", "\u202e", "\x08")


def experiment(folder, names=HOSTILE, file="d [b]$x.csv"):
    """An experiment on a file whose columns and classes have these names."""
    rows, text = np.random.default_rng(1), io.StringIO()
    out = csv.writer(text)
    shown = [name for name in names if name.isprintable() and name != "-"]
    out.writerow([*shown, "class"])
    for index in range(12 * len(names)):
        label = index % len(names)
        out.writerow([*(f"{value:.6f}" for value in rows.normal(label, 1, len(shown))), f"{names[label]}."])
    write(folder, text.getvalue(), file)
    data = {"source": file, "target": "class", "validation": 0.2, "test": 0.3}
    return write(folder, json.dumps({
        "name": "t", "task": "multiclass", "data": data, "network": {"layers": [4]},
        "training": {"steps": 3, "batch_size": 20, "health": True},
    }))  # fmt: skip


def seen(result):
    """What a terminal was sent, which must not act upon it."""
    said = result.stdout + result.stderr
    assert [one for one in FORBIDDEN if one in said] == []
    return said


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, *attributes))


def scripts(page):
    """How many programs there are on a page; curves stand there as data, which are none."""
    tags = _Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    return sum(tag == "script" and more != [("type", "application/json")] for tag, *more in tags.found)


@pytest.mark.slow
def test_hostile_names_of_columns_and_classes_go_through_every_command(tmp_path):
    path = experiment(tmp_path)
    gate = ("--gate", "test/accuracy >= 1.0", "--junit", "gates.xml")
    result = nnlab_here("train", path, *gate, cwd=tmp_path)
    assert result.exit_code == 3, result.stderr
    said = seen(result)
    assert "could not be drawn" not in said
    (run,) = (folder for folder in (tmp_path / "runs").iterdir() if not folder.is_symlink())
    assert scripts(run / "report.html") == 1
    ET.parse(tmp_path / "gates.xml")
    assert read_json(run / "summary.json")["status"] == "completed"
    words = ("latest", "--data", "d [b]$x.csv", "--predictions", "p.csv", "--junit", "new.xml")
    for command in (
        ("eval", *words),
        ("train", path, "--dry-run"),
        ("gradcheck", path, "--steps", "1"),
        ("data", "show", "d [b]$x.csv"),
    ):
        result = nnlab_here(*command, cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
        assert "[red]x[/red]" in seen(result) or command[0] == "gradcheck"
    result = nnlab_here("compare-activations", path, "-a", "tanh", "-a", "relu", "--seeds", "2", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "could not be drawn" not in seen(result)
    compared = min((tmp_path / "runs").glob("2*_compare"))
    assert scripts(compared / "report.html") == 1
    for name in ("table.md", "table.tex", "report.html"):
        assert "\x1b" not in (compared / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["column", "class", "file", "name", "set", "gate", "activation", "plugin"])
def test_an_escape_sequence_of_the_user_is_answered_in_printable_text(place, tmp_path):
    esc, path = "a\x1b[31mb", experiment(tmp_path, ("a", "b"), "plain.csv")
    if place in {"column", "class"}:
        text = (tmp_path / "plain.csv").read_text(encoding="utf-8")
        write(tmp_path, text.replace("a,", f"{esc},", 1) if place == "column" else text.replace("a.", esc), "plain.csv")
    words = {
        "file": ("train", f"{esc}.yaml"),
        "name": ("train", path, "--name", esc),
        "set": ("train", path, "--set", f"network.{esc}=1"),
        "gate": ("train", path, "--gate", f"test/{esc} >= 1"),
        "activation": ("compare-activations", path, "-a", esc),
        "plugin": ("train", path, "--plugin", esc),
    }.get(place, ("train", path))
    result = nnlab_here(*words, cwd=tmp_path)
    assert result.exit_code == 2
    assert r"a\x1b[31mb" in seen(result)


def test_a_name_in_bytes_that_are_no_text_is_answered_in_plain_words(tmp_path):
    path = experiment(tmp_path, ("a", "b"), "plain.csv")
    result = nnlab_here("train", path, "--name", "a\udcff", cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (2, "--name: found 'a\\udcff', expected text in UTF-8\n")


def test_a_file_whose_own_name_has_an_escape_sequence_trains_without_showing_it(tmp_path):
    path = experiment(tmp_path, ("a", "b"), "a\x1b[31mb.csv")
    seen(nnlab_here("train", path, cwd=tmp_path))
    seen(nnlab_here("data", "show", "a\x1b[31mb.csv", cwd=tmp_path))
    run = trained(tmp_path, path)
    assert "\x1b" not in (run / "report.html").read_text(encoding="utf-8")
    assert "\x1b" not in (run / "train.log").read_text(encoding="utf-8")


def test_progress_lines_and_bars_take_no_markup_and_no_escape_sequence():
    progress = Progress(1, 2, 0.5, {"[red]loss[/red]": 1.0, "a\x1b[31mb": 2.0}, 1.0)
    for live in (False, True):
        text = io.StringIO()
        shown_on = Console(file=text, width=200, markup=False, force_terminal=live, color_system=None)
        if live:
            with live_lines(shown_on) as drawn:
                Bar(drawn, "[/]\x1b[31m")(progress)
        else:
            lines = Lines(shown_on, "[/]\x1b[31m")
            lines(progress)
            lines.end()
        said = text.getvalue()
        assert "[red]loss[/red]" in said
        assert r"[/]\x1b[31m" in said
        assert "\x1b[31m" not in said
