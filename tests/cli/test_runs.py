"""`nnlab runs`: what a person and a script see of them, on wide and narrow terminals, with every kind of run."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys

import pytest
from made_up_runs import made_up
from support import COMMAND, HOUSES, LONG, XOR, begun, environment, nnlab, nnlab_here, parse_json, write

from nnlab.storage.folder import RunFolder
from nnlab.storage.run import TrainingRun

FIRST, SECOND = "20261121-100000_a", "20261121-110000_b"


@pytest.fixture
def cwd(tmp_path):
    made_up(tmp_path / "runs", FIRST, accuracy=0.5)
    made_up(tmp_path / "runs", SECOND, accuracy=0.9, activation="relu")
    (tmp_path / "runs" / "latest").symlink_to(SECOND)
    return tmp_path


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A comparison and a sweep, without pictures."""
    folder = tmp_path_factory.mktemp("many")
    short = ["--seeds", "2", "--set", "training.steps=3", "--set", "gates=[]", "-q"]
    compared = ["compare-activations", XOR, "-a", "tanh", "-a", "relu"]
    swept = ["sweep", XOR, "--grid", "optimizer.learning_rate=0.1,1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
        patch.setattr("nnlab.comparison.conclusions.median_networks_of", lambda *_: {})
        for words in (compared, swept):
            result = nnlab_here(*words, *short, cwd=folder)
            assert result.exit_code == 0, result.stderr
    return folder


def on_terminal(*words, cwd, columns=80, answer=b""):
    """The command on a terminal of that width; exit code and what is shown."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=cwd, env=environment(COLUMNS=str(columns)), stdin=side, stdout=side, stderr=side
    )
    os.close(side)
    os.write(main, answer)
    shown = b""
    try:
        while chunk := os.read(main, 65536):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(main)
    return process.wait(), shown.decode().replace("\r\n", "\n")


# --- list ------------------------------------------------------------------------------------------------------------


def test_every_format_shows_the_same_runs_and_columns(cwd):
    words = ["runs", "list", "--where", "val/accuracy >= 0.1", "--sort", "val/accuracy", "--reverse", "--last", "2"]
    text, document, table = (nnlab_here(*words, *how, cwd=cwd).stdout for how in ([], ["--json"], ["--csv"]))
    rows = [*csv.DictReader(io.StringIO(table))]
    names = ["run", "kind", "status", "started", "seconds", "steps", "headline", "network.activation"]
    assert text.splitlines()[0].split() == [*rows[0]] == [*parse_json(document)[0]] == names
    assert [line.split()[0] for line in text.splitlines()[1:]] == [SECOND, FIRST]
    assert [row["run"] for row in rows] == [row["run"] for row in parse_json(document)] == [SECOND, FIRST]
    assert [row["network.activation"] for row in rows] == ["relu", "tanh"]
    assert [row["headline"] for row in parse_json(document)] == ["val/accuracy 0.9", "val/accuracy 0.5"]


@pytest.mark.parametrize("how", [[], ["--json"], ["--csv"]])
def test_every_format_leaves_out_the_same_keys_and_says_so(how, cwd):
    for index, name in enumerate((FIRST, SECOND)):
        with (cwd / "runs" / name / "config.yaml").open("a", encoding="utf-8") as file:
            file.writelines(f"key{key}: {index}\n" for key in range(9))
    result = nnlab_here("runs", "list", *how, cwd=cwd)
    told = "the runs differ in 2 more keys: --all-keys shows every key, --columns those that you name\n"
    assert (result.exit_code, result.stderr) == (0, told)
    assert ("key6" in result.stdout, "key7" in result.stdout) == (True, False)
    assert nnlab_here("runs", "list", "--all-keys", *how, cwd=cwd).stderr == ""


def test_columns_are_named_with_commas_or_one_by_one(cwd):
    result = nnlab_here("runs", "list", "--columns", "run,seed", "--columns", "val/loss", "--csv", cwd=cwd)
    assert result.stdout.splitlines() == ["run,seed,val/loss", f"{FIRST},1,0.5", f"{SECOND},1,{1 - 0.9!r}"]


def test_comparisons_and_sweeps_are_listed_with_their_verdict_and_found_by_their_arms(many):
    compared, swept = parse_json(nnlab_here("runs", "list", "--json", cwd=many).stdout)
    assert (compared["kind"], swept["kind"]) == ("compare-activations", "sweep")
    assert "relu" in compared["headline"] or "tanh" in compared["headline"]
    assert swept["headline"].startswith("No best of 2 points can be told, but ")
    for where, found in (("relu.train/accuracy.high <= 2", [compared]), ("best.train/loss > 0", [compared, swept])):
        result = nnlab_here("runs", "list", "--json", "--where", where, cwd=many)
        assert [row["run"] for row in parse_json(result.stdout)] == [row["run"] for row in found]


def test_what_is_not_found_is_said_and_scripts_get_an_empty_list(cwd):
    none = ["runs", "list", "--where", "status=killed"]
    result = nnlab_here(*none, cwd=cwd)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "found no such run in runs, beside 2 others\n"
    assert parse_json(nnlab_here(*none, "--json", cwd=cwd).stdout) == []
    for where, meant in (("status=complete", "completed"), ("network.activation=TANH", "tanh")):
        result = nnlab_here("runs", "list", "--where", where, cwd=cwd)
        assert result.stderr == f"found no such run in runs, beside 2 others; did you mean '{meant}'?\n"
    assert nnlab_here("runs", "list", "--json", "--csv", cwd=cwd).exit_code == 2
    assert nnlab_here("runs", "list", "--runs-dir", "other", cwd=cwd).stderr.startswith("other: found no folder")


@pytest.mark.slow
def test_on_a_narrow_terminal_no_line_is_too_long_and_no_escape_is_sent(cwd):
    hostile = made_up(cwd / "runs", "20261122-100000_\x1b[31mred", activation="'\x1b]0;t\x07'")
    made_up(cwd / "runs", "20261122-110000_broken").joinpath("run.json").write_text("{")
    code, wide = on_terminal("runs", "list", "--last", "3", cwd=cwd, columns=300)
    assert (code, wide.count("\n")) == (0, 4)
    code, narrow = on_terminal("runs", "list", cwd=cwd)
    lines = narrow.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[:3]] == [
        [FIRST, "completed"],
        ["train,", "2026-11-21", lines[1].split()[2], "1.5", "s,", "20", "steps,", "val/accuracy", "0.5"],
        ["network.activation=tanh"],
    ]
    assert all(line.isprintable() for line in (*lines, *wide.splitlines()))
    assert hostile.name.encode("unicode_escape").decode() in narrow
    assert "20261122-110000_broken  broken\n    run.json: found no JSON" in narrow


# --- show, diff, compare ---------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_its_figures_gates_keys_and_environment(cwd):
    result = nnlab_here("runs", "show", "b", cwd=cwd)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == f"runs/{SECOND}"
    assert {"val/accuracy 0.9", "network.activation relu", "numpy 2.0.0"} <= {*lines}
    document = parse_json(nnlab_here("runs", "show", "latest", "--json", cwd=cwd).stdout)
    assert (document["run"].rpartition("/")[2], document["figures"]["val/accuracy"]) == (SECOND, 0.9)


def test_a_comparison_is_shown_with_its_sentences_and_means(many):
    document = parse_json(nnlab_here("runs", "show", "xor_compare", "--json", cwd=many).stdout)
    assert {*document["figures"]} == {"tanh.train/accuracy", "relu.train/accuracy"}
    assert document["sentences"]


def test_a_diff_shows_old_and_new_of_the_last_two_by_default(cwd):
    result = nnlab_here("runs", "diff", cwd=cwd)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        *(f"- {FIRST}", f"+ {SECOND}", "", "config", "- name: a", "+ name: b"),
        *("- network.activation: tanh", "+ network.activation: relu", "", "environment: the same", "", "figures"),
        *("- val/loss: 0.5", "+ val/loss: 0.1", "- val/accuracy: 0.5", "+ val/accuracy: 0.9"),
    ]
    document = parse_json(nnlab_here("runs", "diff", "b", "a", "--json", cwd=cwd).stdout)
    assert document["config"]["network.activation"] == {"old": "relu", "new": "tanh"}
    assert nnlab_here("runs", "diff", "a", cwd=cwd).stderr == "found 1 run, expected two, or none for the last two\n"


def test_a_diff_passes_over_broken_runs(cwd):
    made_up(cwd / "runs", "20261122-100000_c").joinpath("run.json").write_text("{")
    assert nnlab_here("runs", "diff", cwd=cwd).stdout.startswith(f"- {FIRST}\n+ {SECOND}\n")


def test_curves_are_drawn_over_each_other_into_the_named_file(cwd):
    result = nnlab_here("runs", "compare", "a", "b", "-o", "both.png", cwd=cwd)
    assert (result.exit_code, result.stdout) == (0, "both.png\n")
    assert (cwd / "both.png").read_bytes().startswith(b"\x89PNG")
    refused = nnlab_here("runs", "compare", "a", "--figure", "val/lss", cwd=cwd)
    assert (refused.exit_code, refused.stderr) == (
        2,
        "--figure val/lss: no run has measured it; did you mean 'val/loss'?\n",
    )


def test_a_comparison_has_no_curves_of_its_own_to_draw(many):
    result = nnlab_here("runs", "compare", "latest", cwd=many)
    assert result.exit_code == 2
    assert "expected a training" in result.stderr


def test_a_run_that_finished_early_is_told_from_one_that_was_stopped(tmp_path):
    ended = {"20261121-100000_early": "early_stopping", "20261121-100001_halted": "max_seconds"}
    for name, by in ended.items():
        RunFolder(made_up(tmp_path / "runs", name)).write_run(TrainingRun(status="stopped", stopped_by=by))
    for status, name in zip(("finished early", "stopped"), ended, strict=True):
        words = ("runs", "list", "--where", f"status={status}", "--columns", "run,status", "--csv")
        assert nnlab_here(*words, cwd=tmp_path).stdout == f"run,status\n{name},{status}\n"


def test_a_list_as_csv_holds_nothing_that_a_terminal_or_a_spreadsheet_acts_on(tmp_path):
    for name in ("=1+1_\x1b[31mred", "-2"):
        made_up(tmp_path / "runs", "a").rename(tmp_path / "runs" / name)
    shown = nnlab_here("runs", "list", "--columns", "run,seed", "--csv", cwd=tmp_path)
    assert shown.stdout == "run,seed\n-2,1\n'=1+1_\\x1b[31mred,1\n"


# --- rm, restore -----------------------------------------------------------------------------------------------------


def test_without_a_terminal_runs_are_removed_only_with_yes(cwd):
    result = nnlab("runs", "rm", "a", cwd=cwd)
    assert (result.returncode, result.stderr) == (
        2,
        "found no terminal to ask whether to remove 1 run, expected --yes\n",
    )
    result = nnlab("runs", "rm", "a", "latest", "--yes", "--json", cwd=cwd)
    assert [row["moved_to"].rpartition("runs/")[2] for row in parse_json(result.stdout)] == [
        f".trash/{FIRST}",
        f".trash/{SECOND}",
    ]
    result = nnlab("runs", "restore", "b", cwd=cwd)
    assert (result.returncode, result.stdout) == (0, f"runs/{SECOND}\n")
    listed = nnlab_here("runs", "list", "--runs-dir", "runs/.trash", "--columns", "run", "--csv", cwd=cwd)
    assert listed.stdout == f"run\n{FIRST}\n"
    made_up(cwd / "runs", FIRST)
    result = nnlab_here("runs", "restore", "a", cwd=cwd)
    assert result.stdout == f"runs/{FIRST}-2\n"
    assert result.stderr == f"note: {FIRST} is now {FIRST}-2, since another run there has its name\n"


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "left"), [(b"y\n", False), (b"n\n", True), (b"\n", True), (b"\x04", True)])
def test_on_a_terminal_it_is_asked(answer, left, cwd):
    code, shown = on_terminal("runs", "rm", "a", cwd=cwd, answer=answer)
    assert code == 0
    assert "Move 1 run to .trash? [y/N]" in shown
    assert ("nothing was moved" in shown) is left
    assert (cwd / "runs" / FIRST).exists() is left


@pytest.mark.slow
def test_a_training_that_runs_is_listed_as_such_and_is_not_removed(tmp_path):
    process = begun(tmp_path, write(tmp_path, HOUSES), *LONG)
    try:
        (row,) = parse_json(nnlab_here("runs", "list", "--json", cwd=tmp_path).stdout)
        refused = nnlab_here("runs", "rm", "latest", "--yes", cwd=tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert row["status"] == "running"
    assert row["headline"].startswith("train/")
    assert (refused.exit_code, refused.stderr.rpartition(": ")[2]) == (2, f"locked by pid {process.pid}\n")
    (row,) = parse_json(nnlab_here("runs", "list", "--json", cwd=tmp_path).stdout)
    assert row["status"] == "killed"


LOCKED = """
import sys
from nnlab.comparison.workers import SerialWorkers
from nnlab.cli.app import main
from nnlab import api
def looked(*_):
    print("listed as", next(api.list_runs().rows())["status"], file=sys.stderr)
    raise SystemExit(0)
SerialWorkers.run_all = looked
sys.argv = ["nnlab", "compare-activations", *sys.argv[1:]]
main()
"""


def test_a_comparison_that_runs_is_listed_as_such(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOCKED, XOR, "--seeds", "2", "-q"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "listed as running\n" in done.stderr, done.stderr
    assert not [*(tmp_path / "runs" / "latest").glob(".*")]
