"""The notebooks' image networks, end to end on stand-ins in the very formats of CIFAR-10 and CelebA; and answers."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import CIFAR_10, archived, celeba, cifar, cifar_10_binary, cifar_10_python, class_folders, image_file
from support import NOTEBOOKS, nnlab_here, parse_json, read_json, read_rows, trained

from nnlab import pictures
from nnlab.config.experiment import load
from nnlab.errors import StorageError

pytestmark = pytest.mark.usefixtures("quick_pictures")

LESS = ("--set", "training.epochs=2", "--set", "training.log_every=10", "--set", "gates=[]")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """CIFAR-10's archive of the Python version, with 40 images a batch."""
    made = cifar(batches=6, count=40)
    return archived(tmp_path_factory.mktemp("cifar") / "cifar-10-python.tar.gz", cifar_10_python(made)), made


@pytest.fixture(scope="module")
def run(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return trained(folder, NOTEBOOKS / "cifar10.yaml", *LESS, "--set", f"data.source={archive[0]}")


def test_the_network_of_cifar10_is_the_notebooks():
    experiment, _ = load(NOTEBOOKS / "cifar10.yaml")
    network, training = experiment.network, experiment.training
    assert [layer.width or layer.max_pool for layer in network.layers if layer.kind != "flatten"] == [
        6, (2, 2), 16, (2, 2), 120, 84,
    ]  # fmt: skip
    assert (training.batch_size, training.epochs, training.log_every, training.running_loss) == (4, 2, 2000, True)
    assert experiment.optimizer.values == {
        **experiment.optimizer.values, "learning_rate": 0.001, "momentum": 0.9, "nesterov": False,
    }  # fmt: skip


def test_cifar10_trains_from_its_archive_and_leaves_running_losses(archive, run):
    summary, rows = read_json(run / "summary.json"), read_rows(run / "metrics.csv")
    assert summary["parameters"] == 62_006
    means = [float(row["batch/running_loss"]) for row in rows if row["batch/running_loss"]]
    assert len(means) == 10
    assert means[0] == pytest.approx(np.log(10), abs=0.15)
    assert means[-1] < means[0]
    assert "test/accuracy" in summary["final"]


def test_the_binary_version_gives_the_same_weights(archive, run, tmp_path):
    binary = archived(tmp_path / "cifar-10-binary.tar.gz", cifar_10_binary(archive[1]), "cifar-10-batches-bin")
    other = trained(tmp_path, NOTEBOOKS / "cifar10.yaml", *LESS, "--set", f"data.source={binary}")
    assert read_rows(other / "hashes.csv") == read_rows(run / "hashes.csv")


def test_the_network_that_was_saved_says_what_new_images_are(archive, run, tmp_path):
    pixels, labels = archive[1][-1]
    folder = class_folders(tmp_path / "new", pixels[:8], labels[:8], (3, 32, 32), CIFAR_10)
    result = nnlab_here("eval", run, "--data", folder, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    said = parse_json(result.stdout)
    assert [one["truth"][0] for one in said["images"]] == [one["file"].partition("/")[0] for one in said["images"]]
    right = np.mean([one["says"] == one["truth"] for one in said["images"]])
    assert right == said["figures"]["data/accuracy"]
    assert all(0.1 <= one["confidence"] <= 1 for one in said["images"])
    assert (run / "plots" / "answers.png").stat().st_size > 0
    assert said["picture"] == str(run / "plots" / "answers.png")


def test_images_without_classes_are_answered_in_a_table(archive, run, tmp_path):
    pixels, _ = archive[1][-1]
    (tmp_path / "four").mkdir()
    for name, row in zip(("cat", "ship", "boat", "plane"), pixels, strict=False):
        image = image_file(row.reshape(3, 32, 32).transpose(1, 2, 0))
        (tmp_path / "four" / f"{name}.png").write_bytes(image)
    result = nnlab_here("eval", run, "--data", "four", "--predictions", "p.csv", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    lines = result.stderr.splitlines()
    assert lines[1] == "What each image is"
    assert lines[2].split() == ["file", "answer", "sure"]
    assert [line.split()[0] for line in lines[3:7]] == ["boat.png", "cat.png", "plane.png", "ship.png"]
    rows = read_rows(tmp_path / "p.csv")
    assert [row["file"] for row in rows] == ["boat.png", "cat.png", "plane.png", "ship.png"]
    assert [row["label"] for row in rows] == [line.split()[1] for line in lines[3:7]]
    assert "a picture of them: " in result.stderr


def test_a_run_folder_that_cannot_be_written_costs_the_picture_alone(archive, run, tmp_path, monkeypatch):
    def refuse(_figure, path, *_more):
        raise StorageError(f"{path}: Read-only file system")

    monkeypatch.setattr(pictures, "save", refuse)
    folder = class_folders(tmp_path / "new", archive[1][-1][0][:3], [0, 1, 2], (3, 32, 32), CIFAR_10)
    result = nnlab_here("eval", run, "--data", folder, "--json", cwd=tmp_path)
    assert result.exit_code == 0
    assert parse_json(result.stdout)["picture"] == ""
    assert "no picture of the images: " in result.stderr


def test_celeba_trains_on_its_own_parts_and_names_the_labels(tmp_path):
    random = np.random.default_rng(2)
    values = random.random((24, 40)) < 0.4
    faces = [60 + 120 * row[0] + random.integers(40, size=(24, 20, 3)) for row in values]
    images = {f"{number:06}.jpg": image_file(face, "JPEG") for number, face in enumerate(faces, start=1)}
    names = [f"Attribute_{number}" for number in range(40)]
    celeba(tmp_path / "celeba", images, names, values, [0] * 16 + [1] * 4 + [2] * 4)
    run = trained(tmp_path, NOTEBOOKS / "celeba.yaml", "--set", f"data.source={tmp_path / 'celeba'}")
    summary = read_json(run / "summary.json")
    widths = 3 * 9 * 64 + 64 * 9 * 128 + 128 * 9 * 256 + 256 * 9 * 512 + 2048 * 1024 + 1024 * 256 + 256 * 40
    assert summary["parameters"] == widths + 64 + 128 + 256 + 512 + 1024 + 256 + 40
    assert {"train/macro_f1", "val/macro_f1", "test/macro_f1"} <= summary["final"].keys()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "face.jpg").write_bytes(images["000001.jpg"])
    result = nnlab_here("eval", run, "--data", "one", "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    (answer,) = parse_json(result.stdout)["images"]
    assert answer["file"] == "face.jpg"
    assert set(answer["says"]) <= set(names)
    table = nnlab_here("eval", run, "--data", "one", cwd=tmp_path).stderr.splitlines()
    assert table[table.index("What each image is") + 1].split() == ["file", "answer"]  # of labels it is sure of none
