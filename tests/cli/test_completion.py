"""What TAB completes: in the form that each shell asks for, from the tables, and without loading what is slow."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, environment, write

from nnlab.cli import completion
from nnlab.cli.app import app_of
from nnlab.maths.activations import ACTIVATIONS

NNLAB = Path(sys.executable).with_name("nnlab")
WORDS = ROOT / "nnlab" / "cli" / "words.json"


def test_the_recorded_words_are_those_of_the_tables():
    """If this fails: python benchmarks/record_completion.py."""
    found = runpy.run_path(str(ROOT / "benchmarks" / "record_completion.py"))["words"]()
    assert json.loads(WORDS.read_bytes()) == found


@pytest.fixture
def folder(tmp_path):
    """A folder with two experiments and four runs, two of which have one name."""
    (tmp_path / "configs").mkdir()
    for name in ("iris.yaml", "configs/xor.yaml", "configs/notes.txt", ".hidden.yaml"):
        write(tmp_path, "", name)
    for name in ("20260101-000000_iris", "20260102-000000_xor-tanh", "20260103-000000_xor", "20260104-000000_xor"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        write(tmp_path / "runs" / name, "", "config.yaml")
    (tmp_path / "runs" / "latest").symlink_to("20260104-000000_xor")
    (tmp_path / "runs" / "no-run").mkdir()
    (tmp_path / "other" / "20260105-000000_moons").mkdir(parents=True)
    write(tmp_path / "other" / "20260105-000000_moons", "", "config.yaml")
    return tmp_path


@pytest.fixture
def completed(folder, monkeypatch, capsys):
    """What follows words in a shell, as its lines; without a shell's name as bash gives them, one for each word."""
    monkeypatch.chdir(folder)
    for name in ("pydantic", "rich"):  # put back at the end
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name))
    monkeypatch.setattr(sys, "argv", ["nnlab"])

    def lines(*words, shell="bash", **more):
        asked = {"COMP_WORDS": "\n".join(["nnlab", *words]), "COMP_CWORD": str(len(words))}
        if shell != "bash":
            asked = {"_TYPER_COMPLETE_ARGS": " ".join(["nnlab", *words])}
        for name, value in {**asked, completion.VARIABLE: f"complete_{shell}", **more}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            completion.answer(app_of)
        assert ended.value.code == 0
        return capsys.readouterr().out.strip("\n").splitlines()

    return lines


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tr"], ["train", "trace"]),
        (["losses", "s"], ["show"]),
        (["train", "--res"], ["--resume"]),
        (["eval", ""], ["latest", "iris", "xor-tanh", "20260103-000000_xor", "20260104-000000_xor"]),
        (["eval", "xor"], ["xor-tanh"]),
        (["eval", "202601010"], []),
        (["eval", "20260101"], ["20260101-000000_iris"]),
        (["verify", "--runs-dir", "other", "mo"], ["moons"]),
        (["plot", "ir"], ["iris"]),
        (["plot", "iris", "feat"], ["feature_maps"]),
        (["train", "--figures", "svg,"], ["svg,pdf"]),
        (["train", "--resume", "lat"], ["latest"]),
        (["train", "--baseline", "iri"], ["iris"]),
        (["train", "i"], ["iris.yaml"]),
        (["train", "con"], ["configs/", "configs/xor.yaml"]),
        (["gradcheck", "ir"], ["iris.yaml", "iris"]),
        (["draw", "ir"], ["iris.yaml", "iris"]),
        (["compare-activations", "-a", "hard_t"], ["hard_tanh"]),
        (["compare-activations", "--activation", "squ"], ["squareplus", "squish", "squared_relu"]),
        (["activations", "show", "ge"], ["gelu", "gelu_tanh"]),
        (["activations", "plot", "relu", "mis"], ["mish"]),
        (["losses", "show", "hu"], ["huber"]),
        (["init", "pen"], ["penguins"]),
        (["train", "--set", "se"], ["seed=", "seed=0"]),
        (["train", "--set", "optimizer.learning_rate.ba"], ["optimizer.learning_rate.base="]),
        (["sweep", "--grid", "network.activation.pi"], ["network.activation.pieces=", "network.activation.pieces=2"]),
        (["train", "--set", "optimizer.grow"], ["optimizer.grow=", "optimizer.grow=1.2"]),
        (["train", "--set", "task", "=", "multi"], ["multiclass", "multilabel"]),
        (["train", "--set", "precision", "="], ["float32", "float64"]),
        (["train", "--set", "seed", "=", "1", "--set", "generator", "="], ["pcg64", "legacy"]),
        (["train", "--set", "seed", "=", "1", "ir"], ["iris.yaml"]),
        (["data", "show", "--set", "data.max"], ["data.max_categories=", "data.max_categories=40"]),
        (["train", "--gate", "'val/micro_f"], ["val/micro_f1 >= ", "val/micro_f1 <= "]),
        (["sweep", "--gate", "best.test/mic"], [f"best.test/micro_{name}" for name in ("precision", "recall", "f1")]),
        (["sweep", "--metric", "val/macro_f"], ["val/macro_f1"]),
        (["eval", "--split", ""], ["train", "val", "test"]),
        (["--version", "tr"], ["train", "trace"]),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_follows(completed, words, expected):
    assert completed(*words) == expected


def test_the_keys_of_one_level_are_shown_and_then_the_next(completed):
    first = completed("train", "--set", "")
    assert {"optimizer=", "task=", "data.", "network.", "training."} <= set(first)
    assert {"optimizer=", "optimizer.learning_rate=", "optimizer.beta1="} <= set(completed("train", "--set", "opt"))
    assert "training.early_stopping.patience=" not in completed("train", "--set", "training.e")
    values = completed("train", "--set", "network.activation", "=")
    assert {*ACTIVATIONS} - {*values} == {"heaviside"}


def test_behind_a_command_that_is_none_the_commands_are_shown(completed):
    assert "activations" in completed("activation", "")


@pytest.fixture
def arms(folder):
    """A comparison and a sweep among the runs of `folder`."""
    labels = ["relu", "elu(alpha=0.5, learn=1)", "relu [own × 2]", "f1"]
    for name, more in {"20260106-000000_c": {}, "20260107-000000_s": {"sweep": {}}}.items():
        (folder / "runs" / name).mkdir()
        write(folder / "runs" / name, "", "config.yaml")
        write(
            folder / "runs" / name, json.dumps({"arms": dict.fromkeys(labels), "seeds": [3, 4], **more}), "summary.json"
        )


@pytest.mark.usefixtures("arms")
def test_behind_a_comparison_its_arms_are_shown_and_behind_an_arm_its_seeds(completed):
    known = ["relu", "elu:alpha=0.5,learn=1", "f1"]
    assert completed("eval", "c", ":", "") == known
    assert completed("draw", "c", ":", "el") == known[1:2]
    assert completed("eval", "c") == [f"c:{arm}" for arm in known]
    assert completed("gradcheck", "s", ":", "b") == ["best"]
    assert completed("eval", "c", ":", "relu", "@", "") == ["seed3", "seed4"]
    assert completed("eval", "c", "@", "latest", ":", "r") == ["relu"]
    assert completed("eval", "iris", ":", "") == completed("eval", "latest", ":", "") == []


def test_zsh_and_fish_get_their_own_forms(completed):
    assert completed("eval", "iri", shell="zsh") == ["_arguments '*: :((\"iris\"))'"]
    assert completed("eval", "nothing", shell="zsh") == ["_files"]
    fish = completed("train", "--set", "task=b", shell="fish", _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert fish == ["task=binary"]
    (train,) = completed("trai", shell="fish", _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert train == "train\tTrain one network and leave a run folder."


LOADED = """
import atexit, sys
atexit.register(lambda: print(*sorted(name for name, module in sys.modules.items() if module), file=sys.stderr))
sys.argv = ["nnlab"]
from nnlab.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "words",
    [
        ["tra"],
        ["train", "--re"],
        ["eval", "xo"],
        ["eval", "c", ":"],
        ["train", "--set", "opt"],
        ["compare-activations", "-a", ""],
    ],
)
@pytest.mark.usefixtures("arms")
def test_nothing_slow_is_loaded(words, folder):
    asked = {"_NNLAB_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(["nnlab", *words])}
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=folder,
        env=environment(**asked, COMP_CWORD=str(len(words)), COVERAGE_PROCESS_CONFIG=None),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "typer" in loaded
    assert loaded & {"numpy", "scipy", "matplotlib", "pydantic", "pydantic_core", "yaml", "rich"} == set()


def bash(script, folder):
    path = environment()["PATH"]
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(HOME=str(folder), PATH=f"{NNLAB.parent}:{path}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not NNLAB.exists(), reason="nnlab is not installed")
def test_the_function_for_bash_completes_what_it_installs(folder):
    """COMP_WORDS is what bash makes of `nnlab train iris.yaml --set task=multi`."""
    bash("nnlab --install-completion; true", folder)  # `true`: else bash gives way to nnlab, which looks for its shell
    assert ".bash_completions/nnlab.sh" in (folder / ".bashrc").read_text(encoding="utf-8")
    asked = "COMP_WORDS=(nnlab train iris.yaml --set task = multi); COMP_CWORD=6; _nnlab_completion nnlab"
    assert bash(f"source .bashrc; {asked}; echo ${{COMPREPLY[@]}}", folder) == ["multiclass multilabel"]
    shown = bash("nnlab --show-completion; true", folder)
    assert shown == (folder / ".bash_completions" / "nnlab.sh").read_text(encoding="utf-8").splitlines()
