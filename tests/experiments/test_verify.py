"""`nnlab verify`: a run replayed gives the hashes it left, or the first epoch and tensor that differ are named."""

from __future__ import annotations

import pytest
from support import HOUSES, nnlab_here, parse_json, read_rows, trained, write

from nnlab.experiments import resume, saving

pytestmark = pytest.mark.usefixtures("no_pictures")

MOONS = """\
name: moons
task: binary
data: {source: {name: moons, samples: 90}, validation: 0.2}
network: {layers: [4, {batch_norm: true}, {dropout: 0.1}]}
optimizer: {name: adam, learning_rate: {name: cosine, base: 0.05}}
training: {epochs: 6, batch_size: 18}
"""


@pytest.fixture
def run(tmp_path):
    return trained(tmp_path, write(tmp_path, MOONS))


def verified(cwd, *words):
    return nnlab_here("verify", "latest", *words, cwd=cwd)


def test_a_run_is_reproduced(run, tmp_path):
    result = verified(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(run.relative_to(tmp_path))
    assert result.stderr == "reproduced: the weights are the same bits at 7 steps, the last of them 24\n"


def test_hashes_are_left_at_the_start_and_at_the_end_of_each_epoch(run):
    rows = read_rows(run / "hashes.csv")
    assert [int(row["step"]) for row in rows] == [0, 4, 8, 12, 16, 20, 24]
    assert [float(row["epoch"]) for row in rows] == [0, 1, 2, 3, 4, 5, 6]
    tensors = ["dense1/weights", "dense1/bias", "batch_norm1/gamma", "dense2/weights", "batch_norm1/mean"]
    assert [name for name in tensors if name not in rows[0]] == []
    assert all(len(row["dense1/weights"]) == 64 for row in rows)
    assert len({row["dense1/weights"] for row in rows}) == 7


def test_only_the_first_epochs_are_replayed_if_that_is_asked_for(run, tmp_path):
    result = verified(tmp_path, "--epochs", "2", "--json")
    assert parse_json(result.stdout) == {
        "run": str(run.relative_to(tmp_path)),
        "same": True,
        "compared": 3,
        "to_step": 8,
        "first_difference": None,
        "environment": [],
    }
    assert result.stderr == ""


def change(run, step, tensor):
    """Let a run have had other bits in a tensor from a step on."""
    path = run / "hashes.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    column = header.split(",").index(tensor)
    rows = [line.split(",") for line in lines]
    for row in rows:
        if int(row[0]) >= step:
            row[column] = "0" * 64
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n", encoding="utf-8")


def test_the_first_epoch_and_tensor_that_differ_are_named(run, tmp_path):
    change(run, 16, "dense2/bias")
    change(run, 12, "dense1/bias")
    change(run, 12, "batch_norm1/mean")
    result = verified(tmp_path)
    assert result.exit_code == 3
    assert result.stderr == "not reproduced: dense1/bias first differs at epoch 3, step 12\n"
    assert verified(tmp_path, "--epochs", "2").exit_code == 0


def test_what_differs_is_in_the_json_as_well(run, tmp_path):
    change(run, 8, "dense1/weights")
    found = parse_json(verified(tmp_path, "--json").stdout)
    assert found["same"] is False
    assert found["first_difference"] == {"step": 8, "epoch": 2.0, "tensor": "dense1/weights"}


def test_what_has_changed_in_the_environment_is_named(run, tmp_path, monkeypatch):
    before = resume.environment
    monkeypatch.setattr(resume, "environment", lambda plugins=(): before(plugins) | {"numpy": "9.9"})
    change(run, 8, "dense1/weights")
    lines = verified(tmp_path).stderr.splitlines()
    assert lines[0].startswith("not reproduced: dense1/weights")
    assert [line.partition(", now")[2] for line in lines[1:]] == [" 9.9"]


def test_at_most_about_a_hundred_epochs_are_hashed(tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES), "--set", "training.steps=1050")
    steps = [int(row["step"]) for row in read_rows(run / "hashes.csv")]
    assert steps == [*range(0, 1050, 11), 1050]
    assert len(steps) <= saving._MOST_HASHES + 2


def test_a_run_that_was_made_longer_is_replayed_as_it_was_trained(tmp_path):
    """Its schedule was stretched in between, so that no single training of that length is the same."""
    trained(tmp_path, write(tmp_path, MOONS))
    assert nnlab_here("train", "--resume", "latest", "--epochs", "9", "-q", cwd=tmp_path).exit_code == 0
    result = verified(tmp_path)
    assert result.stderr == "reproduced: the weights are the same bits at 10 steps, the last of them 36\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--epochs", "0"), "expected a whole number of at least 1"), (("--epochs", "x"), "expected a whole number")],
)
def test_wrong_words_are_refused(words, said, run, tmp_path):
    result = verified(tmp_path, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_a_run_without_hashes_is_refused(run, tmp_path):
    (run / "hashes.csv").unlink()
    result = verified(tmp_path)
    assert (result.exit_code, "hashes.csv: found no such file" in result.stderr) == (2, True)


def test_a_run_whose_experiment_was_edited_is_refused_with_what_differs(run, tmp_path):
    path = run / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("base: 0.05", "base: 0.06"), encoding="utf-8")
    result = verified(tmp_path)
    assert result.exit_code == 2
    assert "optimizer.learning_rate.base: found 0.06, there it is 0.05" in result.stderr


def test_verifying_leaves_the_run_as_it_is(run, tmp_path):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    verified(tmp_path)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_so_few_epochs_that_none_has_hashes_are_replayed_to_the_next_that_has(tmp_path):
    trained(tmp_path, write(tmp_path, HOUSES), "--set", "training.steps=1000")
    result = nnlab_here("verify", "latest", "--epochs", "1", cwd=tmp_path)
    assert result.exit_code == 0
    assert "at 2 steps, the last of them 10" in result.stderr
