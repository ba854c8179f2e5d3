"""`nnlab draw`: every kind of file from an experiment and from a run, and nothing overwritten that is read."""

import json
import os
import shlex
import shutil

import pytest
from support import HOUSES, XOR, nnlab, nnlab_here, write

BEGINS = {"svg": b"<?xml", "pdf": b"%PDF-", "png": b"\x89PNG", "mmd": b"%%{init", "dot": b'digraph "'}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an experiment and a run of it."""
    path = tmp_path_factory.mktemp("draw")
    write(path, HOUSES + "network: {layers: [3], activation: tanh}\n")
    assert nnlab_here("train", "experiment.yaml", "--quiet", cwd=path).exit_code == 0
    return path


def test_without_a_file_mermaid_goes_to_stdout(folder):
    done = nnlab("draw", XOR, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    scaled = "standardised<br/>(x − mean) / deviation<br/>mean and deviation of each column of the training rows"
    assert done.stdout.splitlines()[1:6] == [
        "flowchart LR",
        '  input(["input<br/>2 inputs<br/>x1, x2"])',
        f'  scaling["{scaled}"]',
        '  layer1["dense1<br/>2 units<br/>weights (2 × 2), bias (2)"]',
        '  layer2["tanh1"]',
    ]
    same = nnlab("draw", XOR, "-o", "-", cwd=folder)
    assert (same.stdout, same.stderr) == (done.stdout, "/dev/stdout\n")


@pytest.mark.parametrize("kind", BEGINS)
def test_the_name_says_what_is_made(kind, folder):
    for words in (["experiment.yaml"], ["latest"], ["latest", "--operations"]):
        made = []
        for name in (f"one.{kind}", f"two.{kind}"):
            result = nnlab_here("draw", *words, "-o", name, cwd=folder)
            assert (result.exit_code, result.stdout) == (0, f"{name}\n")
            made.append((folder / name).read_bytes())
        assert made[0].startswith(BEGINS[kind])
        assert made[0] == made[1]


def test_a_run_is_drawn_with_its_weights_and_without_its_data(folder, tmp_path):
    assert nnlab_here("draw", "experiment.yaml", "-o", "one.png", cwd=folder).exit_code == 0
    bare = (folder / "one.png").read_bytes()
    (run,) = (folder / "runs").glob("2*")
    assert (run / "plots" / "architecture.png").read_bytes() != bare
    moved = tmp_path / "runs" / run.name
    shutil.copytree(run, moved)
    assert nnlab_here("draw", moved, "-o", "two.png", cwd=tmp_path).exit_code == 0
    assert (tmp_path / "two.png").read_bytes() == (run / "plots" / "architecture.png").read_bytes()


def test_an_override_changes_the_network_of_an_experiment_and_is_refused_for_a_run(folder):
    assert "gelu1" in nnlab_here("draw", "experiment.yaml", "--set", "network.activation=gelu", cwd=folder).stdout
    refused = nnlab_here("draw", "latest", "--set", "network.activation=gelu", cwd=folder)
    assert refused.exit_code == 2
    assert "a run stays as it is" in refused.stderr


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["experiment.yaml", "-o", "a.gif"], "expected a name that ends in one of .svg, .pdf, .png, .mmd, .dot"),
        (["experiment.yaml", "-o", "linked.mmd"], "which this command reads"),
        (["latest", "-o", "runs/latest/plots/cost.png"], "which this command reads"),
        (["nothing"], "found no run 'nothing'"),
    ],
)
def test_what_cannot_be_drawn_or_written_is_said(words, fault, folder):
    if not (folder / "linked.mmd").exists():
        os.link(folder / "experiment.yaml", folder / "linked.mmd")
    before = (folder / "experiment.yaml").read_bytes()
    result = nnlab_here("draw", *words, cwd=folder)
    assert result.exit_code == 2
    assert fault in result.stderr
    assert (folder / "experiment.yaml").read_bytes() == before


def test_a_dry_run_has_the_diagram_and_says_how_to_draw_it(folder):
    document = json.loads(nnlab_here("train", "experiment.yaml", "--dry-run", "--json", cwd=folder).stdout)
    assert document["diagram"] == nnlab_here("draw", "experiment.yaml", cwd=folder).stdout
    sets = "--set", 'network.layers=[{dense: 3, activation: {formula: "x*sigmoid(x)"}}]'
    shown = nnlab_here("train", "experiment.yaml", "--dry-run", *sets, cwd=folder).stderr.splitlines()
    command = shlex.split(shown[shown.index("to draw this network:") + 1])
    assert command == ["nnlab", "draw", "experiment.yaml", *sets, "-o", "architecture.png"]
    assert nnlab_here(*command[1:], cwd=folder).stdout == "architecture.png\n"
