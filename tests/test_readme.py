"""What the README says holds: every command in it runs, every list in it is complete, every file in it is valid."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from nnlab import errors
from nnlab.cli.app import app_of
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.config.schema import Data, DateFormat, Experiment
from nnlab.data import targets
from nnlab.data.catalogue import CATALOGUE
from nnlab.errors import ConfigError, NnlabError
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import DEFAULT_HEADS
from nnlab.maths.one_hot import MOST_DENSE
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.schedules import SCHEDULES
from nnlab.pictures import classes, regions
from nnlab.setup.network import network_for

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = [block for language, block in BLOCKS if language == "sh"]
SETUP = [block for block in SHELL if "pip install" in block]
USED = [block for block in SHELL if block not in SETUP]


def leaves(group, before=""):
    """Every command that does something, by the words that start it."""
    for name, command in group.commands.items():
        words = f"{before} {name}".strip()
        yield from leaves(command, words) if hasattr(command, "commands") else [(words, command)]


COMMANDS = dict(leaves(typer.main.get_command(app_of())))
MAIN = [name for name in COMMANDS if " " not in name]  # the others are in the text: what they take is of these kinds


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like the checkout, with an `nnlab` on the PATH and runs of its own."""
    for name in ("configs", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = tmp_path / "bin" / "nnlab"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m nnlab "$@"\n')
    script.chmod(0o755)
    return tmp_path


QUICK = ROOT / "tests" / "quick_pictures"
DRAWING = ("nnlab draw", "nnlab plot", "activations plot", "runs compare", "--figures")


def shell(folder, script):
    """Run a script; one that asks for no picture has those of its trainings composed and saved, and not painted."""
    places = [ROOT] if any(words in script for words in DRAWING) else [ROOT, QUICK]
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, places)),
    }
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("block", USED, ids=lambda block: block.split("\n", 1)[0][:40])
def test_every_block_of_commands_runs(checkout, block):
    needs_a_run = "latest" in block and "nnlab train" not in block
    needed = "nnlab train configs/xor.yaml --quiet\n" if needs_a_run else ""
    done = shell(checkout, needed + block)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_first_command_compares_activations_on_digits(checkout):
    done = shell(checkout, SETUP[0].split("&& .venv/bin/")[-1])
    assert done.returncode == 0, done.stderr
    assert all(name in done.stderr for name in ("sigmoid", "tanh", "relu"))


def test_ci_runs_the_commands_of_the_development_section():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (section,) = (block for block in SETUP if "ruff" in block)
    for line in section.splitlines()[1:]:
        assert f"\n{line}" in ci


def test_the_experiment_file_is_valid():
    text, *_ = (block for language, block in BLOCKS if language == "yaml")
    assert isinstance(validate(read_text(text, "README")), Experiment)


def test_the_keys_of_a_table_are_valid():
    _, text, _ = (block for language, block in BLOCKS if language == "yaml")
    data = validate(read_text(f"name: t\ntask: binary\n{text}", "tables.yaml")).data
    assert data.columns["joined"] == DateFormat(date="%d/%m/%Y")
    asked = set(Data.model_fields) - {"scale", "scale_targets", "in_blocks", "resize", "channels", "bad_images"}
    assert asked <= set(re.findall(r"[a-z_]+", README))


def test_the_layers_for_images_are_valid_and_fit_each_other():
    *_, layers = (block for language, block in BLOCKS if language == "yaml")
    text = f"name: images\ntask: multilabel\ndata: {{source: portraits}}\n{layers}"
    network = network_for(validate(read_text(text, "images.yaml")), (32, 32, 3), 12)
    assert network.shapes[-2:] == ((120,), (12,))


def test_pytorchs_start_in_words_is_valid():
    (start,) = re.findall(r"\{name:\s+variance_scaling[^}]*\}", README)
    words = " ".join(start.split())
    text = "name: a\ntask: binary\ndata: {source: xor}\nnetwork: {layers: [2], init: {weights: W, bias: W}}\n"
    assert validate(read_text(text.replace("W", words), "a.yaml")).network.init.bias.name == "variance_scaling"


def test_the_numbers_of_classes_are_those_that_hold():
    text = " ".join(README.split())
    most, whole, confused, drawn = re.search(
        r"up to ([\d,]+) classes.*?more than (\d+), `confusion\.png` shows the (\d+) .*?of more than (\d+), no regions",
        text,
    ).groups()
    assert int(most.replace(",", "")) == targets.MOST_CLASSES
    assert {int(number.replace(",", "")) for number in re.findall(r"more than ([\d,]+) classes", text)} == {MOST_DENSE}
    assert f"Of more than {MOST_DENSE:,} the numbers for each row and class are in memory for some rows" in text
    assert (int(whole), int(confused), int(drawn)) == (classes.MOST_WHOLE, classes.MOST_CONFUSED, regions.MOST_CLASSES)


def test_the_faults_are_those_of_such_a_file():
    text = "name: a\ntask: binary\nseed: -1\ndata:\n  sorce: xor\ntraining: {steps: 1}\n"
    with pytest.raises(ConfigError) as raised:
        validate(read_text(text, "experiment.yaml"))
    (block,) = (block for language, block in BLOCKS if not language and "experiment.yaml:" in block)
    assert block.splitlines() == [str(fault) for fault in raised.value.faults]


def option_names(command):
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")} - {"--help"}


ROWS = [
    (re.findall(r"`(--?[a-z-]+)", options), of)
    for options, of in re.findall(r"^\| (`-.*?) \| (.*?) \| .* \|$", README, re.MULTILINE)
]


def commands_of(cell):
    """The commands that a cell of the table names: `train, eval`, `all`, or `all but init and data`."""
    if not cell.startswith("all"):
        return set(cell.split(", "))
    left_out = [] if cell == "all" else cell.removeprefix("all but ").split(" and ")
    return {name for name in COMMANDS if not any(f"{name} ".startswith(f"{other} ") for other in left_out)}


@pytest.mark.parametrize("name", MAIN)
def test_every_option_is_in_the_table_with_its_command(name):
    mine = {option for options, of in ROWS if name in commands_of(of) for option in options}
    assert option_names(COMMANDS[name]) - {"-q"} - mine == set()


@pytest.mark.parametrize(("options", "of"), ROWS, ids=lambda value: str(value)[:30])
def test_every_option_in_the_table_is_one_of_each_command_named_there(options, of):
    lacking = {name: set(options) - option_names(COMMANDS[name]) for name in commands_of(of)}
    assert {name: some for name, some in lacking.items() if some} == {}


def test_every_exit_code_is_in_the_table():
    rows = re.findall(r"^\| (\d[\d, ]*) \|", README, re.MULTILINE)
    table = {int(code) for row in rows for code in row.split(", ")}
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, NnlabError)]
    assert {c.exit_code for c in classes} | {129, 130, 143} <= table


@pytest.mark.parametrize(
    "table", [ACTIVATIONS, OPTIMIZERS, SCHEDULES, CATALOGUE, DEFAULT_HEADS], ids=lambda table: next(iter(table))
)
def test_every_entry_of_a_table_is_named(table):
    assert [name for name in table if not re.search(rf"\b{re.escape(name)}\b", README)] == []


def test_every_initializer_is_named():
    named = {"zeros", "constant", "uniform", "normal"}
    named |= {"identity", "truncated_normal", "orthogonal", "variance_scaling"}
    named |= {f"{kind}_{draw}" for kind in ("glorot", "he", "lecun") for draw in ("uniform", "normal")}
    assert named == set(INITIALIZERS)


def test_the_tables_of_speed_are_those_that_the_benchmark_wrote():
    for folder, count in (("", 2), ("images", 1)):
        results = (ROOT / "benchmarks" / "results" / folder / "results.md").read_text(encoding="utf-8")
        tables = [part.partition("\n\n")[2].partition("\n\n")[0] for part in results.split("## In short: ")[1:]]
        assert len(tables) == count
        assert all(f"\n\n{table}\n\n" in README for table in tables)
