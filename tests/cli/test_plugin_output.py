"""What a plugin prints, or warns of: escaped lines on stderr with its name; stdout is nnlab's own."""

from __future__ import annotations

import pytest
from support import PAINTED, nnlab, parse_json, write

pytestmark = pytest.mark.usefixtures("no_pictures")

EXPERIMENT = """\
name: own
task: binary
precision: float64
data: {source: xor, scale: standard}
network: {layers: [3], activation: talker}
training: {steps: 10, batch_size: all}
"""
PLUGIN = """\
import os, subprocess, sys, warnings
from nnlab.maths.activations import Activation

STDOUT, calls = sys.stdout, 0

def talk(place):
    print(place, "\\x1b[31mprinted", end="")
    warnings.warn(f"{place} warned\\x1b")
    sys.stderr.write(f"{place} stderr\\x9b\\n")
    sys.__stdout__.write(f"{place} first\\n")
    sys.stdout.buffer.write(place.encode() + b" bytes \\xff\\n")
    STDOUT.write(f"{place} kept\\n")
    os.write(1, b"DIRECT")
    subprocess.run(["echo", "DIRECT"], check=True)

def value(z):
    global calls
    calls += 1
    if calls == 30:  # it has been tried out, and is at work
        talk("work")
    return z**3

def slope(z):
    return 3 * z**2

ACTIVATIONS = [Activation.from_functions("talker", value, slope)]
talk("load")
"""
SAID = [
    r"own.py: {} \x1b[31mprinted",
    r"own.py: UserWarning: {} warned\x1b",
    r"own.py: {} stderr\x9b",
    "own.py: {} first",
    "own.py: {} bytes \ufffd",
    "own.py: {} kept",
]
WORDS = {
    "train": ("train", "experiment.yaml"),
    "compare": ("compare-activations", "experiment.yaml", "-a", "talker", "--seeds", "2"),
    "in processes": ("compare-activations", "experiment.yaml", "-a", "talker", "--seeds", "2", "--jobs", "2"),
}


def with_own(*words, cwd, **changes):
    return nnlab(*words, "--plugin", "own.py", cwd=cwd, PYTHONWARNINGS="default", **changes)


@pytest.mark.slow
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_what_a_plugin_prints_is_shown_escaped_on_stderr_and_stdout_stays_nnlab_s_own(words, tmp_path):
    write(tmp_path, PLUGIN, "own.py")
    write(tmp_path, EXPERIMENT)
    result = with_own(*words, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert parse_json(result.stdout)["schema"]
    lines = result.stderr.splitlines()
    for line in (said.format(place) for place in ("load", "work") for said in SAID):
        assert line in lines
    assert "DIRECT" not in result.stdout + result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_of_many_lines_20_are_shown_and_the_others_counted(tmp_path):
    code = "print(*range(1000), sep='\\n')\nprint('a' * 10**6)\n"
    write(tmp_path, PLUGIN.replace('talk("load")', code), "own.py")
    result = with_own("activations", "list", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    shown = [f"own.py: {number}" for number in range(20)]
    assert result.stderr.splitlines() == [*shown, "own.py: 981 more lines not shown"]


def test_a_long_line_is_cut(tmp_path):
    write(tmp_path, PLUGIN.replace('talk("load")', "print('a' * 10**6)"), "own.py")
    result = with_own("activations", "list", cwd=tmp_path)
    assert result.stderr == f"own.py: {'a' * 500}…\n"


def test_a_result_that_goes_to_stdout_as_a_file_stays_whole(tmp_path):
    """Only while a plugin's code runs does file descriptor 1 lead to nothing."""
    write(tmp_path, PLUGIN, "own.py")
    result = with_own("activations", "plot", "talker", "--out", "/dev/stdout", cwd=tmp_path, **PAINTED)
    assert result.returncode == 0, result.stderr
    assert result.stdout.encode("utf-8", "surrogateescape").startswith(b"\x89PNG")


@pytest.mark.parametrize("raised", ["MemoryError('\\x1b')", "type('Own', (BaseException,), {})('\\x1b')"])
def test_whatever_a_plugin_raises_in_the_middle_of_a_training_is_one_line_and_exit_code_1(raised, tmp_path):
    write(tmp_path, PLUGIN.replace('talk("work")', f"raise {raised}").replace('talk("load")', ""), "own.py")
    result = with_own("train", write(tmp_path, EXPERIMENT), "--json", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("own.py: value of activation 'talker' raised ")
    assert line.endswith(r": \x1b")
