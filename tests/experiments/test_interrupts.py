"""Signals that come where no training listens: while a command loads, reads, writes, or is no training at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import weakref

import pytest
from support import HOUSES, environment, nnlab, trained, write

from nnlab.errors import InterruptedRunError
from nnlab.experiments.interrupts import leaving

pytestmark = pytest.mark.usefixtures("no_pictures")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Sends itself a signal the first time that a module is looked for, and is `python -m nnlab` otherwise.
EARLY = """
import runpy, signal, sys

_, module, number, *words = sys.argv

class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            signal.raise_signal(int(number))

sys.meta_path.insert(0, Signalling())
sys.argv = ["nnlab", *words]
runpy.run_module("nnlab", run_name="__main__", alter_sys=True)
"""

# Swallows what is raised while it looks for a module, as Python does with whatever it cannot write byte code for.
SWALLOWING = """
import contextlib, signal, sys

class Swallowing:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            with contextlib.suppress(BaseException):
                signal.raise_signal(signal.SIGTERM)

sys.meta_path.insert(0, Swallowing())
"""

# A plugin is read, as data are, once the command has begun; this one sends a signal to the process that reads it.
PLUGIN = "import signal\nsignal.raise_signal({number})\n"


def interrupted_at(module, number, *words, cwd, prefix=()):
    return subprocess.run(
        [*prefix, sys.executable, "-c", EARLY, module, str(int(number)), *map(str, words)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", ["typer", "numpy", "pydantic"])
def test_a_signal_during_the_imports_is_a_line_and_its_exit_code(module, number, tmp_path):
    result = interrupted_at(module, number, "train", write(tmp_path, HOUSES), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (128 + number, "")
    assert result.stderr == f"stopped by {number.name}\n"
    assert not (tmp_path / "runs").exists()


def test_a_signal_that_is_swallowed_while_a_module_is_loaded_ends_the_command_nevertheless(tmp_path):
    write(tmp_path, SWALLOWING, "sitecustomize.py")
    result = nnlab("train", write(tmp_path, HOUSES), cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "stopped by SIGTERM\n")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("command", "number"),
    [*zip(["train", "eval", "gradcheck", "compare-activations", "sweep", "activations"], SIGNALS * 2, strict=True)],
)
def test_a_signal_while_files_are_read_is_a_line_and_its_exit_code(command, number, tmp_path):
    config = write(tmp_path, HOUSES)
    if command == "eval":
        config = trained(tmp_path, config)
    plugin = write(tmp_path, PLUGIN.format(number=int(number)), "p.py")
    grid = ("--grid", "optimizer.learning_rate=0.1,0.2")
    what = {"sweep": (config, *grid), "activations": ("list",)}.get(command, (config,))
    result = nnlab(command, *what, "--plugin", plugin, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (128 + number, ""), result.stderr
    assert result.stderr == f"stopped by {number.name}\n"


def test_a_signal_that_the_parent_ignores_stays_ignored(tmp_path):
    """As SIGHUP is under `nohup`."""
    ignoring = ("sh", "-c", 'trap "" HUP INT; exec "$@"', "sh")
    for number in (signal.SIGHUP, signal.SIGINT):
        result = interrupted_at("numpy", number, "train", write(tmp_path, HOUSES), cwd=tmp_path, prefix=ignoring)
        assert result.returncode == 0, result.stderr


def test_a_signal_leaves_even_where_python_goes_on_after_exceptions(tmp_path):
    """Python says of one raised in `__del__`, or in the callbacks of its imports, that it was ignored."""
    text = "import signal\nclass A:\n    def __del__(self):\n        signal.raise_signal(signal.SIGTERM)\nA()\n"
    plugin = write(tmp_path, text, "p.py")
    result = nnlab("gradcheck", write(tmp_path, HOUSES), "--plugin", plugin, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "stopped by SIGTERM\n")


def test_other_exceptions_that_python_ignores_are_reported_as_ever(tmp_path):
    text = "class A:\n    def __del__(self):\n        raise ValueError('odd')\nA()\nACTIVATIONS = []\n"
    plugin = write(tmp_path, text, "p.py")
    result = nnlab("gradcheck", write(tmp_path, HOUSES), "--plugin", plugin, cwd=tmp_path, PYTHONWARNINGS=None)
    assert result.returncode == 0
    assert "Exception ignored in" in result.stderr
    assert "ValueError: odd" in result.stderr


def test_a_signal_whose_exception_is_lost_still_ends_and_leaves_no_traceback(capsys):
    """What is raised in a callback of a weak reference reaches nobody."""

    class Thing:
        pass

    things = [Thing()]
    reference = weakref.ref(things[0], lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(InterruptedRunError, match="stopped by SIGINT: here"), leaving(lambda: "here"):
        things.clear()
    assert reference() is None
    assert capsys.readouterr().err == ""
