"""Lists of runs: what is read of each, which are listed, in which order, and that broken ones never end a list."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from made_up_runs import made_up
from support import environment, parse_json

from nnlab import api
from nnlab.config import keys
from nnlab.config.keys import is_value, keys_of
from nnlab.errors import CheckpointError, ConfigError
from nnlab.storage import listing
from nnlab.storage.folder import RunFolder
from nnlab.storage.listing import entry_of

FIRST, SECOND, THIRD = "20261121-100000_a", "20261121-110000_b", "20261122-100000_c"


@pytest.fixture
def runs(tmp_path):
    made_up(tmp_path, FIRST, accuracy=0.5, seconds=30.0)
    made_up(tmp_path, SECOND, accuracy=0.9, seconds=4.0, activation="relu")
    made_up(tmp_path, THIRD, accuracy=0.7, seconds=200.0, rate=0.001, status="stopped")
    return tmp_path


def listed(root, **how):
    return [run.entry.run for run in api.list_runs(runs_dir=root, **how).runs]


def test_a_run_is_listed_with_its_facts_and_the_keys_that_differ(runs):
    table = api.list_runs(runs_dir=runs)
    standard = ("run", "kind", "status", "started", "seconds", "steps", "headline")
    assert table.columns == (*standard, "network.activation", "optimizer.learning_rate")
    *_, last = table.rows()
    facts = (THIRD, "train", "stopped", "2026-11-21T10:00:00Z", 200.0, 20, "val/accuracy 0.7")
    assert tuple(last.values()) == (*facts, "tanh", 0.001)


def test_columns_are_chosen_and_all_keys_are_shown_when_asked_for(runs):
    table = api.list_runs(runs_dir=runs, columns=["val/loss", "run", "optimizer.name"])
    assert next(table.rows()) == {"val/loss": 0.5, "run": FIRST, "optimizer": "sgd"}
    table = api.list_runs(runs_dir=runs, all_keys=True)
    assert {"task", "seed", "network.layers", "data.source"} <= set(table.columns)
    assert next(table.rows())["network.layers"] == [2]


def test_of_many_keys_those_in_which_most_runs_differ_are_shown_and_the_others_counted(tmp_path):
    for index, name in enumerate("abcd"):
        path = made_up(tmp_path, name, rate=0.1 * (1 + index))
        own = [f"often{key}: {index}\n" for key in range(7)] + [f"once{key}: {index == 2}\n" for key in range(3)]
        with (path / "config.yaml").open("a", encoding="utf-8") as file:
            file.writelines(own)
    table = api.list_runs(runs_dir=tmp_path)
    assert table.columns[7:] == ("optimizer.learning_rate", *(f"often{key}" for key in range(7)))
    assert table.keys_left_out == 3
    for how in ({"all_keys": True}, {"columns": ["run", "once2"]}):
        assert "once2" in api.list_runs(runs_dir=tmp_path, **how).columns
        assert api.list_runs(runs_dir=tmp_path, **how).keys_left_out == 0


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["val/accuracy >= 0.7"], [SECOND, THIRD]),
        (["val/accuracy >= 0.7", "network.activation=relu"], [SECOND]),
        (["network.activation = tanh"], [FIRST, THIRD]),
        (["optimizer.name=sgd", "optimizer.learning_rate=1e-3"], [THIRD]),
        (["optimizer.learning_rate < 0.1"], [THIRD]),
        (["status=stopped"], [THIRD]),
        (["seconds <= 30"], [FIRST, SECOND]),
        (["network.layers=[2]"], [FIRST, SECOND, THIRD]),
        (["val/accuracy@10 == 0.1"], [FIRST, SECOND, THIRD]),
        (["val/accuracy >= 0.7 by step 10"], []),
        (["val/loss <= val/accuracy * 0.5"], [SECOND, THIRD]),
    ],
)
def test_runs_are_listed_by_figures_as_in_gates_and_by_keys(where, found, runs):
    assert listed(runs, where=where) == found


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"where": ["val/acuracy >= 1"]}, "val/acuracy; did you mean 'val/accuracy'"),
        ({"where": ["network.activatoin=relu"]}, "did you mean 'network.activation'"),
        ({"where": ["val/accuracy >= baseline"]}, "found baseline"),
        ({"where": ["val/accuracy"]}, "KEY=VALUE"),
        ({"sort": "secs"}, "--sort secs: found no run with secs"),
        ({"columns": ["runs"]}, "did you mean 'run'"),
    ],
)
def test_what_no_run_has_is_an_error(how, words, runs):
    with pytest.raises(ConfigError) as caught:
        listed(runs, **how)
    assert words in str(caught.value)


def test_every_fault_of_the_conditions_is_told_at_once(runs):
    with pytest.raises(ConfigError) as caught:
        listed(runs, where=["nothing >= 1", "x = 3", "val/loss >="])
    assert len(caught.value.faults) == 3


def test_runs_are_sorted_those_without_a_value_last(runs):
    (made_up(runs, "20261123-100000_d") / "summary.json").unlink()
    (runs / "20261123-100000_d" / "metrics.csv").unlink()
    rest = [SECOND, THIRD, FIRST]
    assert listed(runs, sort="val/loss") == [*rest, "20261123-100000_d"]
    assert listed(runs, sort="val/loss", reverse=True) == [*rest[::-1], "20261123-100000_d"]
    assert listed(runs, sort="seconds")[-1] == THIRD  # by size, not as text
    assert listed(runs, reverse=True)[-1] == FIRST


def test_the_last_are_the_newest_of_those_that_are_found(runs):
    assert listed(runs, last=2) == [SECOND, THIRD]
    assert listed(runs, last=1, where=["seconds <= 30"]) == [SECOND]
    assert listed(runs, last=2, sort="run", reverse=True) == [THIRD, SECOND]


# --- runs that have not ended, and broken ones -----------------------------------------------------------------------


def test_a_run_that_has_not_ended_has_the_figures_last_measured(tmp_path):
    path = made_up(tmp_path, FIRST, status="running", accuracy=0.8)
    (path / "summary.json").unlink()
    with (path / "metrics.csv").open("a", encoding="utf-8") as stream:
        stream.write("30,3.0,0.1,\n40,4.")  # a row that is being written
    with RunFolder(path).locked():
        found = entry_of(path)
    assert (found.status, found.steps, found.seconds, found.headline) == ("running", 30, None, "val/accuracy 0.8")
    assert found.figures["val/loss"] == 0.1
    assert entry_of(path).status == "killed"  # nobody has its lock any more
    assert not (path / ".lock").exists()


def unreadable(path):
    path.unlink()
    os.mkfifo(path)


BREAK = {
    "no documents": ("run.json", lambda path: path.unlink()),
    "cut": ("run.json", lambda path: path.write_text('{"status"')),
    "another kind of value": ("run.json", lambda path: path.write_text('{"status": 5}')),
    "a pipe": ("summary.json", unreadable),
    "a list": ("summary.json", lambda path: path.write_text("[]")),
    "no experiment": ("config.yaml", lambda path: path.unlink()),
    "bytes": ("config.yaml", lambda path: path.write_bytes(b"\xff")),
    "no mapping": ("config.yaml", lambda path: path.write_text("- a\n- b\n")),
    "anchors": ("config.yaml", lambda path: path.write_text("a: &a [1]\nb: [*a, *a]\n")),
    "deeply nested": ("config.yaml", lambda path: path.write_text("a: " + "[" * 300)),
    "nested and closed": ("config.yaml", lambda path: path.write_text(f"a: {'[' * 3000}{']' * 3000}\n")),
    "no finite number": ("config.yaml", lambda path: path.write_text("a: .inf\n")),
    "a date": ("config.yaml", lambda path: path.write_text("a: 2026-11-21\n")),
    "escapes": ("config.yaml", lambda path: path.write_text("a: \x1b[31m\n")),
}


@pytest.mark.parametrize(("name", "spoil"), BREAK.values(), ids=BREAK)
def test_a_broken_run_is_listed_in_one_line_and_the_others_as_ever(name, spoil, runs):
    spoil(runs / SECOND / name)
    table = api.list_runs(runs_dir=runs)
    assert [run.entry.run for run in table.runs] == [FIRST, SECOND, THIRD]
    broken = [*table.rows()][1]
    assert (broken["status"], broken["kind"], broken["headline"].partition(":")[0]) == ("broken", "", name)
    assert broken["headline"].isprintable()
    assert "optimizer.learning_rate" in table.columns
    assert listed(runs, where=["status=broken"]) == [SECOND]
    assert listed(runs, where=["val/accuracy > 0"]) == [FIRST, THIRD]


def test_of_a_folder_that_is_not_there_that_is_said(tmp_path):
    with pytest.raises(CheckpointError, match="found no folder"):
        listed(tmp_path / "none")
    assert listed(tmp_path) == []


# --- keys ------------------------------------------------------------------------------------------------------------


def test_the_keys_of_a_config_are_those_that_the_strict_reader_finds():
    text = """\
name: a
network:
  layers: [{dense: 3}, {dropout: 0.5}, flatten]
  activation: {name: prelu, alpha: 0.25}
training: {steps: 10, evaluate: []}
data:
  columns: {}
"""
    found = keys_of(text, "config.yaml")
    assert found == {
        "name": "a",
        "network.layers": [3, {"dropout": 0.5}, "flatten"],
        "network.activation": "prelu",
        "network.activation.alpha": 0.25,
        "training.steps": 10,
        "training.evaluate": [],
        "data.columns": {},
    }
    assert keys_of(f"{text}# {'long ' * 3000}\n", "config.yaml") == found


def test_what_is_cut_in_the_middle_of_a_value_is_read_as_a_whole():
    assert keys_of('a: "x\n\n  b: c"\nd: {e: 1,\n  f: 2}\n', "config.yaml") == {"a": "x\nb: c", "d.e": 1, "d.f": 2}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("0.10", 0.1, True),
        ("1", True, False),
        ("true", True, True),
        ("[3, 4]", [3, 4], True),
        ("relu", "relu", True),
        ("10", "10", True),
        ("relu", None, False),
        ("[", "x", False),
    ],
)
def test_a_text_means_a_value(text, value, expected):
    assert is_value(text, value) is expected


# --- a thousand runs -------------------------------------------------------------------------------------------------


def test_a_list_reads_each_document_once_and_parses_only_what_differs(tmp_path, monkeypatch):
    for number in range(50):
        made_up(tmp_path, f"20261121-1000{number:02}_x", seed=number)
    opened, parsed = [], []
    for module in (listing, sys.modules["nnlab.storage.documents"]):
        monkeypatch.setattr(module, "read_plain", counted(module.read_plain, opened))
    monkeypatch.setattr(keys.yaml, "load", counted(keys.yaml.load, parsed))
    keys._keys_of_part.cache_clear()
    table = api.list_runs(runs_dir=tmp_path, where=["val/accuracy >= 0.1"])
    assert len(table.runs) == 50
    assert len(opened) == 3 * 50  # config.yaml, run.json and summary.json
    assert len(parsed) == 50 + 6  # each seed, and once each other part: the empty text before the first, and five keys


def counted(function, calls):
    def call(*args):
        calls.append(args[0])
        return function(*args)

    return call


def test_runs_are_listed_filtered_and_found_without_numpy(runs):
    code = f"""
import sys
sys.argv = ["nnlab", "runs", "list", "--json", "--where", "val/accuracy >= 0.6", "--runs-dir", {str(runs)!r}]
import atexit
atexit.register(lambda: print(*{{"numpy", "scipy", "matplotlib"}} & sys.modules.keys(), file=sys.stderr))
from nnlab.cli.app import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert [run["run"] for run in parse_json(done.stdout)] == [SECOND, THIRD]
