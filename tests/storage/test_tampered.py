"""Files of finished runs that somebody edited, cut or put in place of others: a fault with its place, or no harm."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import shutil
import signal
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import nnlab_here, read_json, unsealed, write

from nnlab import api
from nnlab.cli.terminal import Screen, show_comparison
from nnlab.comparison.pieces import files_of, read_piece
from nnlab.comparison.report import comparison_page
from nnlab.comparison.sweep_report import sweep_page
from nnlab.comparison.tables import arm_rows, pair_rows, share_rows
from nnlab.config.experiment import load
from nnlab.errors import CheckpointError, ConfigError, InputError
from nnlab.experiments import train as training
from nnlab.experiments.evaluate import open_run
from nnlab.experiments.report import training_page
from nnlab.experiments.resume import resume
from nnlab.experiments.verify import verify
from nnlab.gates.hold import read_baseline
from nnlab.library.results import ComparisonRun, Run
from nnlab.maths.activations import ACTIVATIONS
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.storage import checkpoints
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import ComparisonSummary, SweepSummary

pytestmark = pytest.mark.usefixtures("quick_pictures")

TEXT = """\
name: base
task: multiclass
data: {source: iris, scale: standard, test: 0.2, validation: 0.2}
network: {layers: [4], activation: tanh}
training: {epochs: 3, batch_size: 16, checkpoint_every: 5}
"""
LONGER = ("train", "--resume", "latest", "--steps", "25")
EVALUATE = ("eval", "latest")
VERIFY = ("verify", "latest")
CHECK = ("gradcheck", "latest")
BASELINE = ("train", "experiment.yaml", "--gate", "train/loss <= 9 * baseline", "--baseline", "latest")
DEEP = "[" * 100_000 + "]" * 100_000
SECONDS = 20


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A folder for each kind of run, with the experiment, one run in `runs`, and a file that is none of nnlab's."""
    kinds = {
        "train": ("train", "--set", "training.show_parameters=1"),
        "compare": ("compare-activations", "-a", "tanh", "-a", "relu", "--seeds", "3"),
        "sweep": ("sweep", "--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "2"),
    }
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in kinds}
    for kind, (command, *words) in kinds.items():
        write(folders[kind], "mine\n", "victim.txt")
        result = nnlab_here(command, write(folders[kind], TEXT), *words, "--quiet", cwd=folders[kind])
        assert result.exit_code == 0, result.stderr
    return folders


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


def copied(base, place):
    """A copy of a folder with its run, and that run's folder."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place, symlinks=True)
    return next(path for path in (place / "runs").iterdir() if not path.is_symlink())


def contents(folder):
    """Every file with its bytes, every link with where it leads."""
    paths = [path for path in sorted(folder.rglob("*")) if path.name != ".lock"]
    return {path: path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes() for path in paths}


class within:  # noqa: N801 - it reads as a word
    """Fail where it takes longer, as what waits for a pipe would."""

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.late)
        signal.alarm(SECONDS)

    def late(self, *_frame):
        raise AssertionError(f"no end after {SECONDS} s")

    def __exit__(self, *_error):
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self.before)


# --- edits ------------------------------------------------------------------------------------------------------------


def text(name, content):
    return lambda run: (run / name).write_bytes(content.encode() if isinstance(content, str) else content)


def value(name, key, new):
    def edit(run):
        (run / name).write_text(json.dumps({**unsealed(read_json(run / name)), key: new}))

    return edit


def replaced(name, before, after):
    def edit(run):
        content = (run / name).read_text()
        assert before in content
        (run / name).write_text(content.replace(before, after, 1))

    return edit


def link(name, target="../../victim.txt"):
    def edit(run):
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.symlink_to(target)

    return edit


def moved(name):
    """A file or a folder with the same content elsewhere, and a link to it."""

    def edit(run):
        place = run.parents[1] / "elsewhere"
        shutil.move(run / name, place)
        (run / name).symlink_to(place)

    return edit


def pipe(name):
    def edit(run):
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return edit


def folder(name):
    def edit(run):
        (run / name).unlink(missing_ok=True)
        (run / name).mkdir()

    return edit


def seal(path, arrays, about):
    """Write a checkpoint that is whole, whatever it says: `about` is its text."""
    stream = io.BytesIO()
    np.savez(stream, **arrays, about=np.frombuffer(about.encode(), np.uint8))
    content = stream.getvalue()[:-2] + (64).to_bytes(2, "little")
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())


def lying(pattern, about=None, arrays=None, ending=""):
    """Change what a checkpoint says of itself, or its arrays, and seal it again; `ending` is added to its text."""

    def edit(run):
        path = next(run.glob(pattern))
        found = checkpoints.load(path)
        facts, members = dict(found.about), dict(found.arrays)
        for change, what in ((about, facts), (arrays, members)):
            if change is not None:
                change(what)
        facts["members"] = {name: checkpoints.digest(array) for name, array in members.items()}
        seal(path, members, json.dumps(facts)[:-1] + ending + "}")

    return edit


def says(**facts):
    return lambda about: about.update(facts)


def without(name):
    return lambda about: about.pop(name)


LAST = "checkpoints/last.npz"

# Each edit, the command, and what its fault says; nothing is to be changed.
REFUSED = {
    "run.json nested deep": (text("run.json", DEEP), EVALUATE, "run.json: found no JSON"),
    "run.json nested deep, resumed": (text("run.json", DEEP), LONGER, "run.json: found no JSON"),
    "run.json not UTF-8": (text("run.json", b'{"status": "\xff"}'), EVALUATE, "run.json: found no JSON"),
    "run.json cut": (text("run.json", '{"status": "comp'), EVALUATE, "run.json: found no JSON"),
    "run.json empty": (text("run.json", ""), EVALUATE, "run.json: found no JSON"),
    "run.json a list": (text("run.json", "[1, 2]"), EVALUATE, "run.json: found a list of 2, expected a mapping"),
    "run.json of a later nnlab": (value("run.json", "schema", 99), EVALUATE, "schema: found 99, written by a newer"),
    "run.json with another schema": (value("run.json", "schema", "x"), EVALUATE, "schema: found 'x', expected a whole"),
    "kind a list": (value("run.json", "kind", ["x"]), EVALUATE, "run.json: kind: found a list of 1, expected 'train'"),
    "status unknown": (value("run.json", "status", "done"), EVALUATE, "run.json: status: found 'done', expected"),
    "sessions empty": (value("run.json", "sessions", [{}]), LONGER, "run.json: sessions.0.status: found nothing"),
    "sessions a number": (value("run.json", "sessions", 5), LONGER, "run.json: sessions: found 5, expected a list"),
    "command a number": (value("run.json", "command", 7), LONGER, "run.json: command: found 7, expected a list"),
    "seconds infinite": (text("run.json", '{"status": "completed", "seconds": 1e999}'), LONGER, "seconds: found inf"),
    "seconds not a number": (text("run.json", '{"status": "completed", "seconds": NaN}'), LONGER, "found no JSON"),
    "run.json a pipe": (pipe("run.json"), EVALUATE, "run.json: found a pipe, expected a file"),
    "run.json a link": (link("run.json"), EVALUATE, "run.json: found a link, expected a file"),
    "run.json a folder": (folder("run.json"), EVALUATE, "run.json: found a folder, expected a file"),
    "lock a link": (link(".lock"), LONGER, ".lock: found a link, expected a file"),
    "lock a pipe": (pipe(".lock"), LONGER, ".lock: found a pipe, expected a file"),
    "metrics a link": (link("metrics.csv"), LONGER, "metrics.csv: found a link, expected a file"),
    "metrics a pipe": (pipe("metrics.csv"), LONGER, "metrics.csv: found a pipe, expected a file"),
    "hashes a link": (link("hashes.csv"), LONGER, "hashes.csv: found a link, expected a file"),
    "hashes a pipe": (pipe("hashes.csv"), VERIFY, "hashes.csv: found a pipe, expected a file"),
    "log a link": (link("train.log"), LONGER, "train.log: found a link, expected a file"),
    "summary a link": (link("summary.json"), LONGER, "summary.json: found a link, expected a file"),
    "report a pipe": (pipe("report.html"), LONGER, "report.html: found a pipe, expected a file"),
    "a mark beyond the end": (lying(LAST, lambda about: about["marks"]["metrics.csv"].update(length=2**62)), LONGER,
                              "metrics.csv: found other rows"),
    "other classes": (lying(LAST, lambda about: about["columns"]["classes"].reverse()), EVALUATE, "found others than"),
    "an image": (lying(LAST, says(image_shape=[2, 3])), EVALUATE, "another network"),
    "years without end": (value("run.json", "seconds", 1e300), LONGER, "seconds: found 1e+300"),
    "summary a pipe": (pipe("summary.json"), LONGER, "summary.json: found a pipe, expected a file"),
    "log a pipe": (pipe("train.log"), LONGER, "train.log: found a pipe, expected a file"),
    "report a link": (link("report.html"), LONGER, "report.html: found a link, expected a file"),
    "best weights a pipe": (pipe("checkpoints/best.npz"), LONGER, "best.npz: found a pipe, expected a file"),
    "autopsy a link": (link("autopsy.json"), LONGER, "autopsy.json: found a link, expected a file"),
    "a picture a link": (link("plots/cost.png"), LONGER, "cost.png: found a link, expected a file"),
    "a picture of nobody a pipe": (pipe("plots/other.png"), LONGER, "other.png: found a pipe, expected a file"),
    "config a link": (moved("config.yaml"), EVALUATE, "config.yaml: found a link, expected a file"),
    "config a link to nothing": (link("config.yaml", "gone"), EVALUATE, "config.yaml: found a link, expected a file"),
    "config a pipe": (pipe("config.yaml"), EVALUATE, "config.yaml: found a pipe, expected a file"),
    "config a link, resumed": (moved("config.yaml"), LONGER, "config.yaml: found a link, expected a file"),
    "config a link, verified": (moved("config.yaml"), VERIFY, "config.yaml: found a link, expected a file"),
    "config a link, checked": (moved("config.yaml"), CHECK, "config.yaml: found a link, expected a file"),
    "config a link, compared with": (moved("config.yaml"), BASELINE, "config.yaml: found a link, expected a file"),
    "summary a link, compared with": (moved("summary.json"), BASELINE, "summary.json: found a link, expected a file"),
    "metrics a pipe, compared with": (pipe("metrics.csv"), BASELINE, "metrics.csv: found a pipe, expected a file"),
    "checkpoints moved, evaluated": (moved("checkpoints"), EVALUATE, "checkpoints: found a link, expected a folder"),
    "checkpoints moved, checked": (moved("checkpoints"), CHECK, "checkpoints: found a link, expected a folder"),
    "checkpoints moved, verified": (moved("checkpoints"), VERIFY, "checkpoints: found a link, expected a folder"),
    "pictures moved, evaluated": (moved("plots"), EVALUATE, "plots: found a link, expected a folder"),
    "weights a link, evaluated": (moved(LAST), EVALUATE, "last.npz: found a link, expected a file"),
    "weights a link, checked": (moved(LAST), CHECK, "last.npz: found a link, expected a file"),
    "weights a pipe, evaluated": (pipe(LAST), EVALUATE, "last.npz: found a pipe, expected a file"),
    "hashes a link, verified": (moved("hashes.csv"), VERIFY, "hashes.csv: found a link, expected a file"),
    "checkpoints a link": (link("checkpoints", "../.."), LONGER, "checkpoints: found a link, expected a folder"),
    "pictures a link": (link("plots", "../.."), LONGER, "plots: found a link, expected a folder"),
    "metrics edited": (replaced("metrics.csv", "0.", "1."), LONGER, "metrics.csv: found other rows"),
    "metrics gone": (lambda run: (run / "metrics.csv").unlink(), LONGER, "metrics.csv: found no such file"),
    "parameters a link": (link("parameters.csv"), LONGER, "parameters.csv: found a link, expected a file"),
    "parameters edited": (replaced("parameters.csv", "0.", "1."), LONGER, "parameters.csv: found other rows"),
    "parameters gone": (lambda run: (run / "parameters.csv").unlink(), LONGER, "parameters.csv: found no such file"),
    "no mark of the parameters": (lying(LAST, lambda about: about["marks"].pop("parameters.csv")), LONGER,
                                  "found no mark of parameters.csv in the checkpoint"),
    "hashes edited": (replaced("hashes.csv", "0.0,", "1.0,"), LONGER, "hashes.csv: found other rows"),
    "hashes without tensors": (text("hashes.csv", "step,epoch\n0,0.0\n"), VERIFY, "found other columns than those"),
    "hashes not UTF-8": (text("hashes.csv", b"step,epoch,\xff\n"), VERIFY, "found bytes that are not UTF-8"),
    "hashes with a text for a step": (replaced("hashes.csv", "\n0,", "\nx,"), VERIFY, "hashes.csv:2: step: found x"),
    "hashes cut within a row": (lambda run: os.truncate(run / "hashes.csv", 400), VERIFY, "cells, expected 6"),
    "seed edited": (replaced("config.yaml", "seed: 0", "seed: 77"), EVALUATE, "seed: found 77, there it is 0"),
    "batches edited": (replaced("config.yaml", "batch_size: 16", "batch_size: 8"), EVALUATE, "found 8, there it is 16"),
    "seed edited, checked": (replaced("config.yaml", "seed: 0", "seed: 7"), ("gradcheck", "latest"), "there it is 0"),
    "summary of another kind": (text("summary.json", '{"arms": {}}'), ("train", "--resume", "latest"), "summary.json"),
    "no step": (lying(LAST, without("step")), LONGER, "last.npz: step: found nothing"),
    "no step, evaluated": (lying(LAST, without("step")), EVALUATE, "last.npz: step: found nothing"),
    "a step in text": (lying(LAST, says(step="x")), LONGER, "step: found 'x', expected a whole number"),
    "a step beyond": (lying(LAST, says(step=10**6)), LONGER, "step: found 1000000, expected one of the steps planned"),
    "no environment": (lying(LAST, without("environment")), LONGER, "environment: found nothing"),
    "no marks": (lying(LAST, without("marks")), LONGER, "marks: found nothing"),
    "marks a number": (lying(LAST, says(marks=5)), LONGER, "marks: found 5, expected a mapping"),
    "marks of one file": (lying(LAST, lambda about: about["marks"].pop("hashes.csv")), LONGER, "marks: found not both"),
    "another seed": (lying(LAST, says(seed=3)), LONGER, "seed: found seed 3"),
    "another config": (lying(LAST, says(config="name: x\n")), LONGER, "config_sha256: found another one"),
    "planned nothing": (lying(LAST, says(planned=[])), LONGER, "planned: found a list of 0"),
    "nested deep": (lying(LAST, ending=', "deep": ' + DEEP), LONGER, "last.npz: found no description"),
    "no running": (lying(LAST, arrays=without("running")), LONGER, "running: found none"),
    "running of another type": (lying(LAST, arrays=says(running=np.array(["x"]))), LONGER, "running: found <U1"),
    "running, though diverged": (lying(LAST, arrays=says(diverged=np.array([True]))), LONGER, "running: found true"),
    "theta not finite": (lying(LAST, arrays=lambda a: a["theta"].fill(np.nan)), LONGER, "theta: found numbers"),
    "theta not finite, evaluated": (lying(LAST, arrays=lambda a: a["theta"].fill(np.inf)), EVALUATE, "not finite"),
    "theta wide": (lying(LAST, arrays=says(theta=np.ones((1, 99), np.float32))), EVALUATE, "theta: found 99 numbers"),
    "best step beyond": (lying(LAST, arrays=lambda a: a["best/step"].fill(99)), LONGER, "best/step: found 99"),
    "no best value": (lying(LAST, arrays=without("best/value")), LONGER, "best/value: found none"),
    "an older checkpoint": (lying(LAST, arrays=without("best/reference")), LONGER, "an older nnlab cannot be resumed"),
    "a wide reference": (lying(LAST, arrays=says(**{"best/reference": np.ones(2)})), LONGER, "expected a number of"),
    "a wide end": (lying(LAST, arrays=says(end_value=np.ones(2))), LONGER, "end_value: found float64 of shape [2]"),
    "an end before the end": (lying(LAST, says(planned=[[0, 19]]), says(end_value=np.ones(1))), LONGER,
                              "end_value: found one at step 18, expected none before step 19"),
    "no gradient errors": (lying(LAST, arrays=without("gradient_errors")), LONGER, "gradient_errors: found none"),
    "no columns": (lying(LAST, says(columns={})), EVALUATE, "columns.inputs: found nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_tampered_with_is_refused_with_its_place_and_nothing_is_changed(name, bases, tmp_path):
    edit, command, message = REFUSED[name]
    run = copied(bases["train"], tmp_path / "case")
    edit(run)
    before = contents(tmp_path)
    with within():
        result = nnlab_here(*command, cwd=tmp_path / "case")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert contents(tmp_path) == before


HARMLESS = {
    "a summary of something else": (text("summary.json", '{"x": 1}'), EVALUATE),
    "a picture cut short": (text("plots/cost.png", b"\x89"), LONGER),
    "no run.json": (lambda run: (run / "run.json").unlink(), LONGER),
    "a damaged checkpoint in place of a link": (link(LAST), LONGER),
    "a checkpoint that is a pipe": (pipe(LAST), LONGER),
    "no pictures": (lambda run: shutil.rmtree(run / "plots"), LONGER),
    "no checkpoints": (lambda run: shutil.rmtree(run / "checkpoints"), LONGER),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_matter_does_no_harm(name, bases, tmp_path, monkeypatch):
    if name not in {"a picture cut short", "no pictures"}:
        monkeypatch.setattr(training, "draw", lambda *_words: iter(()))
    edit, command = HARMLESS[name]
    edit(copied(bases["train"], tmp_path / "case"))
    with within():
        result = nnlab_here(*command, cwd=tmp_path / "case")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "case" / "victim.txt").read_text() == "mine\n"


PLACES = {
    "train": ("config.yaml", "run.json", "summary.json", "metrics.csv", "hashes.csv", "parameters.csv", "train.log",
              "report.html", "autopsy.json", ".lock", "checkpoints", "checkpoints/last.npz", "checkpoints/previous.npz",
              "checkpoints/best.npz", "plots", "plots/cost.png", "plots/other.png"),
    "compare": ("config.yaml", "run.json", "summary.json", "metrics.csv", "results.csv", "arms.csv", "table.md",
                "report.html", "plots", "weights", "pieces"),
    "sweep": ("config.yaml", "run.json", "summary.json", "points.csv", "plots", "weights", "pieces"),
}  # fmt: skip
LINKED = [(kind, name) for kind, names in PLACES.items() for name in names]


IN_TURN = (EVALUATE, LONGER, VERIFY, BASELINE, CHECK)
EDITS_OF_PLACES = (link, moved, pipe, folder)


@pytest.mark.parametrize("edit", EDITS_OF_PLACES)
@pytest.mark.parametrize(("kind", "name"), LINKED)
def test_a_link_or_a_pipe_in_any_place_is_a_fault_or_does_no_harm(kind, name, edit, bases, tmp_path, monkeypatch):
    """Each place meets every edit, and every command one of the edits or two; benchmarks/tamper.py tries them all."""
    monkeypatch.setattr(training, "draw", lambda *_words: iter(()))
    refused, first = False, EDITS_OF_PLACES.index(edit) + LINKED.index((kind, name))
    for command in (IN_TURN[first % 5], IN_TURN[(first + 2) % 5]):
        if not refused:
            run = copied(bases[kind], tmp_path / "case")
            put_in_place(edit, run, name)
        before = contents(tmp_path)
        with within():
            result = nnlab_here(*command, "--quiet", cwd=tmp_path / "case")
        assert result.exit_code in {0, 2, 3}, result.stderr
        assert "Traceback" not in result.stderr
        after, refused = contents(tmp_path), result.exit_code == 2
        changed = [path for path in before if after.get(path) != before[path]]
        if refused:
            assert after == before
        assert [path for path in changed if not path.is_relative_to(run) and path.name != "latest"] == []


def put_in_place(edit, run, name):
    """Make an edit where there was something."""
    if not os.path.lexists(run / name):
        (run / name).touch()
    if (run / name).is_dir() and edit in {pipe, folder}:
        shutil.rmtree(run / name)
    edit(name)(run)


def nothing_finite(arrays):
    return {name: array.fill(np.nan) for name, array in arrays.items() if name == "theta"}


def texts_for_finals(arrays):
    arrays |= {name: np.full(len(array), "x") for name, array in arrays.items() if name.startswith("finals/")}


def one_for_all(name, new):
    """An array with one value everywhere."""
    return lambda arrays: arrays.update({name: np.full_like(arrays[name], new)})


PIECE = "pieces/*.npz"
UNFIT = {
    "finals in text": lying(PIECE, arrays=texts_for_finals),
    "theta not finite": lying(PIECE, arrays=nothing_finite),
    "theta wide": lying(PIECE, arrays=says(theta=np.ones((3, 7), np.float32))),
    "theta in another precision": lying(PIECE, arrays=lambda a: a.update(theta=a["theta"].astype(np.float64))),
    "accuracies above 1": lying(PIECE, arrays=one_for_all("finals/test/accuracy", 7.5)),
    "a loss below 0": lying(PIECE, arrays=one_for_all("curves/val/loss", -1.0)),
    "no curve of the loss": lying(PIECE, arrays=without("curves/val/loss")),
    "another figure": lying(PIECE, arrays=lambda a: a.update({"finals/val/r2": a["finals/val/loss"]})),
    "steps all the same": lying(PIECE, arrays=one_for_all("steps", 3)),
    "steps beyond the end": lying(PIECE, arrays=lambda a: a.update(steps=a["steps"] + 10**9)),
    "diverged at no step": lying(PIECE, arrays=one_for_all("diverged", new=True)),
    "seconds beyond all numbers": lying(PIECE, says(seconds=10**400)),
    "seconds below 0": lying(PIECE, says(seconds=-1)),
    "a seed twice": lying(PIECE, says(seeds=["0", "0", "1"])),
    "nested deep": lying(PIECE, ending=', "deep": ' + DEEP),
    "a pipe": lambda run: [(path.unlink(), os.mkfifo(path)) for path in run.glob(PIECE)],
    "their folder a link": moved("pieces"),
    "a link": lambda run: [(path.unlink(), path.symlink_to("../../../victim.txt")) for path in run.glob(PIECE)],
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_piece_that_does_not_hold_is_trained_again_and_that_is_said(name, bases, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "nnlab.comparison.write.draw_all", lambda *words, **_more: [*filter(None, (row() for row in words[2]))]
    )
    monkeypatch.setattr("nnlab.comparison.conclusions.median_networks_of", lambda *_words: {})
    run = copied(bases["compare"], tmp_path / "case")
    expected = [row.split(",")[:4] for row in (run / "results.csv").read_text().splitlines()]
    UNFIT[name](run)
    words = ("-a", "tanh", "-a", "relu", "--seeds", "3", "--needed")
    with within():
        result = nnlab_here("compare-activations", "experiment.yaml", *words, cwd=tmp_path / "case")
    assert result.exit_code == 0, result.stderr
    assert "it is trained again" in result.stderr
    again = tmp_path / "case" / result.stdout.strip()
    assert [row.split(",")[:4] for row in (again / "results.csv").read_text().splitlines()] == expected
    assert (tmp_path / "case" / "victim.txt").read_text() == "mine\n"


# --- every key of every document with values of every kind ------------------------------------------------------------

ODD = (None, True, 5, -1, 2.5, 10**400, 2**70, "x", "", "\x00", [], [{}], [1, "x"], {}, {"x": 1}, {"x": {"y": []}})


def places(document, path=()):
    """The path of every value in a document, at most two of each list."""
    if path:
        yield path
    if isinstance(document, dict | list):
        for name, inner in document.items() if isinstance(document, dict) else enumerate(document[:2]):
            yield from places(inner, (*path, name))


def changed(document, path, new):
    """A copy of a document with another value at a path, or, where `new` is a mark, without that key."""
    result = copy.deepcopy(document)
    inner = result
    for name in path[:-1]:
        inner = inner[name]
    if new is places:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return result


def all_changes(document):
    """Every document that differs in one place."""
    return [(path, new) for path in places(document) for new in (*ODD, places)]


def without_images(base, place):
    """A copy of a run whose report is quick to make."""
    run = RunFolder(copied(base, place))
    shutil.rmtree(run.plots)
    return run


@pytest.mark.parametrize("kind", ["train", "compare", "sweep"])
def test_any_other_run_json_is_refused_or_can_be_shown(kind, bases, scratch):
    run = without_images(bases[kind], scratch / kind)
    page = {"train": training_page, "compare": comparison_page, "sweep": sweep_page}[kind]
    before = unsealed(read_json(run.path / "run.json"))
    refused = 0
    for path, new in all_changes(before):
        (run.path / "run.json").write_text(json.dumps(changed(before, path, new)))
        try:
            run.read_run()
            page(run, "x")
        except CheckpointError as error:
            assert str(error).startswith(str(run.path / "run.json"))  # noqa: PT017 - either may happen
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("kind", ["train", "compare", "sweep"])
def test_any_other_summary_is_refused_or_can_be_shown(kind, bases, scratch, capsys):
    run = without_images(bases[kind], scratch / kind)
    before = unsealed(read_json(run.path / "summary.json"))
    every = all_changes(before)
    refused = 0
    for path, new in every[:: max(1, len(every) // 500) | 1]:
        (run.path / "summary.json").write_text(json.dumps(changed(before, path, new)))
        try:
            read_baseline(run)
            shown(run, kind)
        except CheckpointError:
            refused += 1
    assert refused > 200
    assert "Traceback" not in capsys.readouterr().err


def shown(run, kind):
    """Do with a summary all that is done with one that was read or made."""
    if kind == "train":
        training_page(run, "x")
        return
    summary = run.summary(ComparisonSummary if kind == "compare" else SweepSummary)
    (comparison_page if kind == "compare" else sweep_page)(run, "x")
    rows = [*arm_rows(summary), *pair_rows(summary), *(share_rows(summary) if kind == "compare" else ())]
    assert rows
    if kind == "compare":
        show_comparison(Screen(quiet=False), summary)


OF_BASE = ["training.steps=25", "training.epochs=null", "training.show_parameters=1"]


def setup_in(case):
    experiment, document = load(case / "experiment.yaml", OF_BASE, ACTIVATIONS)
    dataset = read_rows(experiment, document, case)
    return set_up(experiment, prepare_rows(experiment, dataset, [experiment.seed]))


@pytest.fixture
def without_pictures(monkeypatch):
    monkeypatch.setattr(training, "draw", lambda *_words: iter(()))
    monkeypatch.setattr(training, "write_training_report", lambda *_words, **_more: None)
    monkeypatch.setattr("nnlab.storage.files.os.fsync", lambda _descriptor: None)


@pytest.mark.usefixtures("without_pictures")
def test_a_checkpoint_that_says_anything_else_is_refused_or_goes_on_to_the_same_weights(bases, scratch):
    """Whatever else it says: an environment is another machine's, columns that are told of differently are refused."""
    case = scratch / "about"
    run = RunFolder(copied(bases["train"], case))
    setup, found = setup_in(case), checkpoints.load(run.checkpoint("last"))
    resume(run, setup)
    expected = checkpoints.load(run.checkpoint("last")).arrays["theta"].tobytes()
    about = {name: fact for name, fact in found.about.items() if name not in {"members", "format"}}
    every = [(path, new) for path, new in all_changes(about) if path[0] != "environment" or len(path) == 1]
    for path, new in every[:: max(1, len(every) // 150) | 1]:
        run = RunFolder(copied(bases["train"], case))
        facts = {**changed(about, path, new), "format": 2, "members": found.about["members"]}
        seal(run.checkpoint("last"), found.arrays, json.dumps(facts))
        before = contents(case)
        try:
            open_run(run, "last", ACTIVATIONS)
            resume(run, setup)
        except InputError:
            assert contents(case) == before, (path, new)
        else:
            assert checkpoints.load(run.checkpoint("last")).arrays["theta"].tobytes() == expected, (path, new)


ODD_ARRAYS = {
    "none": None,
    "another shape": lambda a: a[..., None],
    "nothing": lambda a: a.ravel()[:0],
    "text": lambda a: np.full(a.shape, "x"),
    "another type": lambda a: a.astype(np.float16),
    "complex": lambda a: a.astype(complex) if a.dtype.kind != "U" else a[..., None],
    "not a number": lambda a: np.full(a.shape, np.nan),
    "one row": lambda a: a.ravel()[:1],
}


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("change", ODD_ARRAYS)
def test_a_checkpoint_with_any_other_array_is_refused(change, bases, scratch):
    case = scratch / "arrays"
    run = RunFolder(copied(bases["train"], case))
    setup, found = setup_in(case), checkpoints.load(run.checkpoint("last"))
    for name, array in found.arrays.items():
        arrays = dict(found.arrays)
        if ODD_ARRAYS[change] is None:
            del arrays[name]
        else:
            arrays[name] = ODD_ARRAYS[change](array)
            if array.size == 0 or arrays[name].tobytes() == array.tobytes():
                continue
        run = RunFolder(copied(bases["train"], case))
        checkpoints.save(run.checkpoint("last"), checkpoints.Checkpoint(arrays, found.about))
        before = contents(case)
        with suppress(InputError):
            resume(run, setup)
            continue
        assert contents(case) == before, name


TABLES = st.sampled_from(["metrics.csv", "hashes.csv", "parameters.csv"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TABLES, st.integers(0, 10**4), st.binary(max_size=4), st.integers(0, 40), st.booleans())
def test_tables_with_any_other_bytes_are_refused_even_with_a_mark_that_fits(bases, name, at, new, lost, marked):
    case = bases["train"].parent / "tables"
    run = RunFolder(copied(bases["train"], case))
    content = (run.path / name).read_bytes()
    at %= len(content)
    other = content[:at] + new + content[at + lost :]
    (run.path / name).write_bytes(other)
    if marked:
        marks = {name: {"length": len(other), "digest": hashlib.sha256(other).hexdigest()}}
        lying(LAST, lambda about: about["marks"].update(marks))(run.path)
    with suppress(InputError):
        verify(run, setup_in(case), epochs=1)
    with suppress(InputError):
        read_baseline(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "draw", lambda *_words: iter(()))
        before = contents(case)
        with suppress(InputError):
            resume(run, setup_in(case))
            return
    assert contents(case) == before


def run_in(base):
    return RunFolder(next(path for path in (base / "runs").iterdir() if not path.is_symlink()))


def test_a_piece_that_says_anything_else_is_refused_or_is_the_same(bases, scratch):
    run = copied(bases["compare"], scratch / "pieces")
    for key, (path,) in files_of(run.parent).items():
        found, expected = checkpoints.load(path), read_piece(path, key)
        about = {name: fact for name, fact in found.about.items() if name not in {"members", "format"}}
        for place, new in all_changes(about):
            facts = {**changed(about, place, new), "format": 2, "members": found.about["members"]}
            seal(path, found.arrays, json.dumps(facts))
            with suppress(CheckpointError):
                again = read_piece(path, key)
                assert len(again.seeds) == len(expected.seeds)
                assert np.isfinite(again.seconds)


# --- runs of before ---------------------------------------------------------------------------------------------------


def test_documents_without_a_schema_are_read_as_before(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    for name in ("run.json", "summary.json"):
        document = unsealed(read_json(run / name))
        assert document.pop("schema") == 1
        (run / name).write_text(json.dumps(document))
    for name in ("last", "previous", "best"):
        lying(f"checkpoints/{name}.npz", without("schema"))(run)
    for command in (EVALUATE, VERIFY, LONGER):
        assert nnlab_here(*command, cwd=tmp_path / "case").exit_code == 0
    assert (read_json(run / "run.json")["schema"], len(read_json(run / "run.json")["sessions"])) == (1, 2)


def test_what_a_later_nnlab_adds_is_left_aside(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    value("run.json", "more", [1])(run)
    value("summary.json", "more", {"x": 1})(run)
    lying(LAST, says(more="text"))(run)
    assert nnlab_here(*EVALUATE, cwd=tmp_path / "case").exit_code == 0


def test_a_change_that_leaves_a_document_valid_is_found_by_its_seal(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    summary = read_json(run / "summary.json")
    for change in ({"parameters": 5}, {"final": {**summary["final"], "val/loss": 0.001}}, {"status": "stopped"}):
        (run / "summary.json").write_text(json.dumps(summary | change))
        with pytest.raises(CheckpointError, match="found other content than when it was written"):
            RunFolder(run).read_summary()
    (run / "summary.json").write_text(json.dumps(dict(reversed(summary.items())), indent=7))
    assert RunFolder(run).read_summary().steps == summary["steps"]


@pytest.mark.parametrize("command", [EVALUATE, LONGER, VERIFY, ("gradcheck", "latest")])
@pytest.mark.parametrize("kind", ["compare", "sweep"])
def test_a_comparison_that_has_lost_its_run_json_is_no_training(kind, command, bases, tmp_path):
    (copied(bases[kind], tmp_path / "case") / "run.json").unlink()
    before = contents(tmp_path)
    result = nnlab_here(*command, cwd=tmp_path / "case")
    assert result.exit_code == 2
    assert "found a comparison or sweep of many networks, expected a run of one" in result.stderr
    assert contents(tmp_path) == before


def test_a_resume_leaves_the_other_names_of_a_runs_files_as_they_are(bases, tmp_path):
    """A copy made of hard links, as `cp -al` makes it, is a copy."""
    run = copied(bases["train"], tmp_path / "case")
    shutil.copytree(run, tmp_path / "copy", copy_function=os.link)
    before = contents(tmp_path / "copy")
    assert nnlab_here(*LONGER, cwd=tmp_path / "case").exit_code == 0
    assert contents(tmp_path / "copy") == before
    assert (run / "metrics.csv").read_bytes() != (tmp_path / "copy" / "metrics.csv").read_bytes()


def test_an_edited_experiment_is_refused_without_checkpoints_as_well(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    shutil.rmtree(run / "checkpoints")
    replaced("config.yaml", "seed: 0", "seed: 7")(run)
    before = contents(tmp_path)
    result = nnlab_here(*LONGER, cwd=tmp_path / "case")
    assert result.exit_code == 2
    assert "found another experiment in config.yaml than the run was begun with" in result.stderr
    assert contents(tmp_path) == before


def test_a_baseline_whose_metrics_were_edited_is_refused(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    replaced("metrics.csv", "0.", "1.")(run)
    with pytest.raises(CheckpointError, match=r"metrics\.csv: found other rows"):
        read_baseline(RunFolder(run))


def test_an_edited_summary_makes_a_run_broken_in_lists(bases, tmp_path):
    for kind in ("train", "compare"):
        run = copied(bases[kind], tmp_path / kind)
        (run / "summary.json").write_text((run / "summary.json").read_text().replace('"seconds": ', '"seconds": 1', 1))
        (listed,) = api.list_runs(runs_dir=run.parent).runs
        assert listed.entry.status == "broken"
        assert listed.entry.headline.startswith("summary.json: found other content than when it was written")
        for where in ("train/loss > 0", "best.train/loss > 0", "status=completed"):
            with suppress(ConfigError):  # no run has the figure
                assert not api.list_runs(runs_dir=run.parent, where=[where]).runs


def test_edited_rows_meet_no_condition_and_are_not_drawn(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    where = ["val/loss < 100 by epoch 3"]
    assert api.list_runs(runs_dir=run.parent, where=where).runs
    header = (run / "metrics.csv").read_text().partition("\n")[0]
    with (run / "metrics.csv").open("a") as stream:  # behind what the last checkpoint knows of
        stream.write("99,9.0" + "," * (header.count(",") - 1) + "\n")
    assert not api.list_runs(runs_dir=run.parent, where=where).runs
    for refused in (
        lambda: api.compare_runs([str(run)], out=tmp_path / "c.png"),
        lambda: api.plot(str(run), "cost", tmp_path / "c.png"),
        lambda: Run(run).metrics,
        lambda: read_baseline(RunFolder(run)),
    ):
        with pytest.raises(CheckpointError, match=r"metrics\.csv: found other rows than those the run ended with"):
            refused()
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("kind", ["compare", "sweep"])
def test_edited_tables_of_a_comparison_are_neither_drawn_nor_read(kind, bases, tmp_path):
    run = copied(bases[kind], tmp_path / "case")
    for name, picture in (("metrics.csv", "cost"), ("results.csv", "cost")):
        content = (run / name).read_text()
        (run / name).write_text(content.replace("0.", "1.", 1))
        with pytest.raises(CheckpointError, match=rf"{name}: found other rows than those the run ended with"):
            api.plot(str(run), picture, tmp_path / "c.png")
        (run / name).write_text(content)
    replaced("results.csv", "0.", "1.")(run)
    with pytest.raises(CheckpointError, match=r"results\.csv: found other rows"):
        ComparisonRun(run).results  # noqa: B018 - it reads them


def test_runs_without_the_digests_of_their_tables_are_read_as_before(bases, tmp_path):
    run = copied(bases["compare"], tmp_path / "case")
    content = unsealed(read_json(run / "run.json"))
    assert {"metrics.csv", "results.csv", "arms.csv", "pairs.csv", "shares.csv"} == content.pop("tables").keys()
    (run / "run.json").write_text(json.dumps(content))
    assert api.plot(str(run), "cost", tmp_path / "c.svg").path.exists()


def test_an_evaluation_is_that_of_the_run_where_its_file_is_only_written_otherwise(bases, tmp_path):
    run = copied(bases["train"], tmp_path / "case")
    (run / "config.yaml").write_text(
        "# a comment\n" + (run / "config.yaml").read_text().replace("seed: 0", "seed:   0")
    )
    assert nnlab_here(*EVALUATE, cwd=tmp_path / "case").exit_code == 0


def test_documents_are_written_with_the_keys_that_are_read(bases):
    for base in bases.values():
        run = run_in(base)
        for found, name in ((run.read_run(), "run.json"), (run.read_summary(), "summary.json")):
            assert json.loads(json.dumps(found.document())) == read_json(run.path / name)
            assert json.dumps(found.document(), indent=2, ensure_ascii=False) + "\n" == (run.path / name).read_text()


def test_documents_cannot_be_changed(bases):
    with pytest.raises(ValueError, match="frozen"):
        run_in(bases["train"]).read_run().status = "failed"
