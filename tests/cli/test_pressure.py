"""A system that gives too little: processes, open files, temporary folders. One line, and no training lost."""

from __future__ import annotations

import os

import pytest
from support import PAINTED, nnlab, nnlab_here, read_json, sh, trained, write

REFUSING = """\
import errno, os
def refuse():
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
os.fork = refuse
"""
TINY = """\
name: t
task: binary
data: {source: xor}
network: {layers: [2]}
training: {steps: 3, batch_size: all}
"""
CURED = "Too many open files; to allow more: ulimit -n 1024"
NNLAB = f'"{os.sys.executable}" -m nnlab'


pytestmark = pytest.mark.usefixtures("quick_pictures")


def the_run(folder):
    (run,) = (path for path in (folder / "runs").iterdir() if not path.is_symlink())
    return run


def test_pictures_are_drawn_in_this_process_where_no_other_is_allowed(tmp_path):
    write(tmp_path, REFUSING, "sitecustomize.py")
    result = nnlab("train", write(tmp_path, TINY), "--quiet", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert (the_run(tmp_path) / "plots" / "cost.png").is_file()


@pytest.mark.parametrize("files", [5, 6, 7, 8, 9, 12, pytest.param(16, marks=pytest.mark.slow)])
def test_a_training_with_few_open_files_ends_with_warnings_or_one_line_and_can_go_on(files, tmp_path):
    """Below five Python itself cannot start. Pictures are painted: fonts are files, too."""
    write(tmp_path, TINY)
    done = sh(f"ulimit -n {files}; exec {NNLAB} train experiment.yaml --quiet", tmp_path, **PAINTED)
    assert done.returncode in {0, 5}
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert [line.endswith(f": {CURED}") for line in said] == [True] * (done.returncode == 5)
    assert done.stderr.count("Too many open files") == done.stderr.count("; to allow more: ulimit -n 1024\n")
    if done.returncode == 0:
        assert read_json(the_run(tmp_path) / "summary.json")["status"] == "completed"
    elif (the_run(tmp_path) / "checkpoints" / "last.npz").exists():
        assert nnlab_here("train", "--resume", the_run(tmp_path), "--quiet", cwd=tmp_path).exit_code == 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory, quick_pictures):
    """A folder with an experiment and a run of it, and the name of the run."""
    folder = tmp_path_factory.mktemp("finished")
    trained(folder, write(folder, TINY))
    return folder, the_run(folder).name


@pytest.mark.slow
@pytest.mark.parametrize("files", [5, 7, 10])
@pytest.mark.parametrize(
    "words", ["eval RUN", "gradcheck experiment.yaml", "compare-activations experiment.yaml -a tanh --seeds 2"]
)
def test_other_commands_with_few_open_files_end_without_a_traceback(words, files, finished):
    folder, run = finished  # not the latest, which may be a comparison that this test has made
    done = sh(f"ulimit -n {files}; exec {NNLAB} {words.replace('RUN', run)}", folder)
    assert done.returncode in {0, 5}, done.stderr
    assert "Traceback" not in done.stderr


def test_modules_that_cannot_be_loaded_for_want_of_files_are_one_line(tmp_path):
    write(tmp_path, TINY)
    taken = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))"  # once Python has started
    write(tmp_path, taken, "sitecustomize.py")
    result = nnlab("train", "experiment.yaml", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert result.returncode in {1, 5}  # 1 where not even nnlab's first module could be read
    if result.returncode == 5:
        assert result.stderr == f"nnlab: the system gives no more to this process: {CURED}\n"


def test_without_a_folder_for_temporary_files_pictures_cost_one_warning(tmp_path):
    write(tmp_path, "import tempfile; tempfile.tempdir = '/nonexistent/folder'", "sitecustomize.py")
    experiment = write(tmp_path, TINY)
    without = {"MPLCONFIGDIR": str(experiment / "nowhere"), "PYTHONPATH": str(tmp_path)}
    result = nnlab("train", experiment, "--quiet", cwd=tmp_path, **without)
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("warning: no picture could be drawn: FileNotFoundError: ")
    assert read_json(the_run(tmp_path) / "summary.json")["status"] == "completed"
    assert (the_run(tmp_path) / "report.html").is_file()


@pytest.mark.parametrize("content", [b"", b"\x89", b"\x89PNG\r\n\x1a\n" + bytes(40)], ids=["empty", "a byte", "no end"])
def test_a_picture_that_was_cut_short_costs_a_sentence_in_the_report(content, tmp_path, monkeypatch):
    run = trained(tmp_path, write(tmp_path, TINY))
    (run / "plots" / "cost.png").write_bytes(content)
    monkeypatch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)  # none is drawn anew
    result = nnlab_here("train", "--resume", run, "--steps", "5", "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "plots/cost.png: found no whole PNG file" in (run / "report.html").read_text(encoding="utf-8")


def test_debug_shows_the_traceback_escaped_and_the_line(tmp_path):
    write(tmp_path, TINY)
    write(tmp_path, "raise ValueError('a\\x1b[31mb')\n", "own.py")
    result = nnlab_here("train", "experiment.yaml", "--plugin", "own.py", "--debug", cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert result.stderr.splitlines()[-1] == r"own.py: the plugin raised ValueError: a\x1b[31mb"
    assert "\x1b" not in result.stderr
