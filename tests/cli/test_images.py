"""Images through the commands: trained on folders and archives, saved, reloaded, and asked what new pictures are."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from stand_ins import archived, celeba, cifar, cifar_10_python, class_folders, image_file, write_files
from support import nnlab_here, parse_json, read_json, read_rows, trained, write

pytestmark = pytest.mark.usefixtures("no_pictures")

RANDOM = np.random.default_rng(8)
CLASSES = ("bright", "dark")
LABELS = np.arange(40) % 2
PIXELS = np.clip(RANDOM.normal(np.where(LABELS, 60, 190)[:, None], 30, (40, 3 * 6 * 8)), 0, 255).astype(np.uint8)

PHOTOS = """\
name: photos
task: binary
data:
  source: photos
  resize: [4, 5]
  channels: rgb
  scale: {name: standard, per_channel: true}
  validation: own
network: {layers: [4]}
training: {epochs: 30, batch_size: 8, early_stopping: {monitor: val/loss, patience: 5}}
gates: [test/accuracy >= 0.9, val/accuracy >= 0.9]
"""

CIFAR = """\
name: cifar
task: multiclass
data: {source: cifar.tar.gz, scale: {name: range, low: -1, high: 1}}
network: {layers: [{conv2d: 4, kernel: 5, activation: relu}, {max_pool: 4}, 10]}
training: {epochs: 15, batch_size: 4}
gates: [test/accuracy >= 0.5]
"""

FACES = """\
name: faces
task: multilabel
data: {source: faces, resize: [3, 4], scale: {name: range}, validation: own}
network: {layers: [8]}
training: {epochs: 40, batch_size: 4}
gates: [test/subset_accuracy >= 0.8]
"""


@pytest.fixture
def photos(tmp_path):
    for name, rows in (("train", slice(0, 24)), ("val", slice(24, 32)), ("test", slice(32, 40))):
        class_folders(tmp_path / "photos" / name, PIXELS[rows], LABELS[rows], (3, 6, 8), CLASSES)
    return write(tmp_path, PHOTOS)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NNLAB_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_a_folder_of_photographs_from_training_to_new_pictures(tmp_path, photos, cache, with_pictures):
    run = trained(tmp_path, photos)
    assert len(list(cache.iterdir())) == 1
    final = read_json(run / "summary.json")["final"]
    assert final["test/accuracy"] == 1
    result = nnlab_here("eval", run, "--json", cwd=tmp_path)
    assert parse_json(result.stdout)["figures"]["test/loss"] == final["test/loss"]
    new = write_files(
        tmp_path / "new",
        {"night.png": image_file(np.full((50, 60), 20)), "noon.jpg": image_file(np.full((9, 9, 3), 240))},
    )
    table = tmp_path / "predictions.csv"
    result = nnlab_here("eval", run, "--data", new, "--predictions", table, "--figures", "svg", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert (run / "plots" / "answers.svg").is_file()
    assert [(row["file"], row["class"]) for row in read_rows(table)] == [("night.png", "dark"), ("noon.jpg", "bright")]
    result = nnlab_here("eval", run, "--data", tmp_path / "photos", "--json", cwd=tmp_path)
    document = parse_json(result.stdout)
    assert (document["rows"], document["figures"]["data/accuracy"]) == (8, 1)


def test_a_part_that_the_file_does_not_mention_is_measured_at_the_end(tmp_path, photos):
    text = PHOTOS.replace("  validation: own\n", "").replace(", early_stopping: {monitor: val/loss, patience: 5}", "")
    run = trained(tmp_path, write(tmp_path, text.replace(", val/accuracy >= 0.9", "")))
    assert read_json(run / "summary.json")["final"]["val/accuracy"] == 1


def test_real_names_of_files_are_in_predictions_and_json(tmp_path, photos):
    run = trained(tmp_path, photos)
    names = ["a\nb.png", "a\\nb.png", "c\rd.png", os.fsdecode(b"\xff.png"), "\\xff.png", "%FF.png", 'é,"\x1b.png']
    new = write_files(tmp_path / "new", dict.fromkeys(names, image_file(np.full((4, 5, 3), 20))))
    table = tmp_path / "predictions.csv"
    result = nnlab_here("eval", run, "--data", new, "--predictions", table, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    expected = {*names} - {os.fsdecode(b"\xff.png")} | {"./%FF.png"}
    with table.open(newline="", encoding="utf-8") as stream:
        assert {row["file"] for row in csv.DictReader(stream)} == expected
    assert {image["file"] for image in parse_json(result.stdout)["images"]} == expected
    assert os.path.exists(os.path.join(os.fsencode(new), unquote_to_bytes("./%FF.png")))  # noqa: PTH110, PTH118 - bytes
    shown = nnlab_here("eval", run, "--data", new, cwd=tmp_path).stderr
    assert shown.replace("\n", "").isprintable()
    assert r"a\nb.png" in shown
    assert r"\udcff.png" in shown


def test_new_pictures_are_told_of_what_becomes_of_them(tmp_path, photos):
    run = trained(tmp_path, photos)
    write_files(tmp_path / "photos" / "test" / "dark", {"more.tiff": b"x"})
    result = nnlab_here("eval", run, "--data", "photos", "--json", cwd=tmp_path)
    said = result.stderr.replace("\n", " ")
    assert "only the test part of 'photos' is read: 8 of its 40 images" in said
    assert "8 of 8 images were brought from other sizes to 4 × 5 pixels, such as 'test/bright/" in said
    assert "1 file of another kind was passed over, such as 'test/dark/more.tiff'" in said
    assert parse_json(result.stdout)["images"][0]["file"].startswith("test/bright/")


def test_advice_on_new_pictures_can_be_followed(tmp_path, photos):
    run = trained(tmp_path, photos)
    new = write_files(tmp_path / "new", {"a.png": b"", "b.png": image_file(np.full((4, 5, 3), 20))})
    result = nnlab_here("eval", run, "--data", new, cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{new}: found 1 file of 2 that is no sound picture, expected none",
        f"{new}/a.png: found an empty file, expected a picture",
    ]


def test_new_pictures_that_are_skipped_are_counted(tmp_path, photos):
    run = trained(tmp_path, photos, "--set", "data.bad_images=skip")
    new = write_files(tmp_path / "new", {"a.png": b"", "b.png": image_file(np.full((5, 6), 20))})
    result = nnlab_here("eval", run, "--data", new, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "1 file of 2 left out, the first:" in result.stderr.replace("\n", " ")


def test_the_config_of_a_run_gives_the_same_run(tmp_path, photos):
    run = trained(tmp_path, photos)
    again = trained(tmp_path, run / "config.yaml")
    assert (run / "metrics.csv").read_bytes() == (again / "metrics.csv").read_bytes()


def test_in_blocks_the_files_are_decoded_into_the_cache(tmp_path, photos, cache):
    whole = read_json(trained(tmp_path, photos) / "summary.json")
    run = trained(tmp_path, photos, "--set", "data.in_blocks=8")
    assert len(list(cache.iterdir())) == 1
    assert whole["gates"] == read_json(run / "summary.json")["gates"]


def test_the_published_archive_of_cifar(tmp_path):
    archived(tmp_path / "cifar.tar.gz", cifar_10_python(cifar()))
    config = write(tmp_path, CIFAR)
    result = nnlab_here("train", config, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "warning: 'cifar.tar.gz' is not as published" in result.stderr.replace("\n", " ")
    dry = nnlab_here("train", config, "--dry-run", cwd=tmp_path)
    assert "3,072 numbers (32 × 32 pixels in 3 channels)" in dry.stderr
    assert "airplane" in dry.stderr


def test_what_is_as_published_is_said_in_the_dry_run(tmp_path, monkeypatch):
    path = archived(tmp_path / "cifar.tar.gz", cifar_10_python(cifar()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr("nnlab.data.images.cifar.PUBLISHED", {digest: "cifar-10-python.tar.gz"})
    result = nnlab_here("train", write(tmp_path, CIFAR), "--dry-run", cwd=tmp_path)
    assert "as published" in result.stderr
    assert "warning" not in result.stderr


def test_faces_with_several_labels(tmp_path):
    values = RANDOM.integers(0, 2, (40, 2)).astype(bool)
    pixels = np.zeros((40, 6, 8, 3), np.uint8)
    pixels[:, :, :4] = np.where(values[:, 0], 220, 30)[:, None, None, None]
    pixels[:, :, 4:] = np.where(values[:, 1], 220, 30)[:, None, None, None]
    pictures = {f"{number:06}.jpg": image_file(face, "JPEG") for number, face in enumerate(pixels, start=1)}
    celeba(tmp_path / "faces", pictures, ("Left", "Right"), values, [0] * 28 + [1] * 6 + [2] * 6)
    run = trained(tmp_path, write(tmp_path, FACES))
    rows = read_json(run / "summary.json")
    assert rows["final"]["val/loss"] is not None


def test_seeds_share_the_parts_of_a_set_that_comes_with_them(tmp_path, photos):
    result = nnlab_here(
        "compare-activations", photos, "-a", "tanh", "-a", "relu", "--seeds", "2", "--json", cwd=tmp_path
    )
    assert result.exit_code == 0, result.stderr
    assert "val/loss" in result.stdout
    assert json.loads(result.stdout)


# --- refusals, each at its key ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"resize: [4, 5]": "ignore: []"}, "", "expected data.resize"),
        ({"channels: rgb": "channels: last"}, "6:13: ", "found data.channels: last for image files"),
        ({"validation: own": "validation: 0.2"}, "8:15: ", "the set comes with a validation part of 8 rows"),
        ({"validation: own": "test: 0.2\n  validation: own"}, "8:9: ", "the set comes with a test part of 8 rows"),
        ({"per_channel": "together"}, "", ""),
        ({"task: binary": "task: multilabel", "gates": "# gates"}, "2:7: ", "found class labels"),
        (
            {"channels: rgb": "bad_images: error"},
            "6:15: ",
            "found 1 file of 40 that is no sound picture, expected none (data.bad_images: skip",
        ),
    ],
)
def test_a_fault_of_the_data_has_the_place_of_its_key(tmp_path, photos, changes, place, words):
    text = PHOTOS
    for old, new in changes.items():
        text = text.replace(old, new)
    if "bad_images" in text:
        next((tmp_path / "photos" / "train" / "dark").iterdir()).write_bytes(b"")
    if "ignore" in text:
        write_files(tmp_path / "photos" / "train" / "dark", {"z.png": image_file(np.zeros((9, 9, 3)))})
    result = nnlab_here("train", write(tmp_path, text), cwd=tmp_path)
    if not words:
        assert result.exit_code == 0, result.stderr
        return
    assert result.exit_code == 2
    assert words in result.stderr
    assert f"experiment.yaml:{place}" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_bad_pictures_that_are_skipped_are_counted_in_a_warning(tmp_path, photos):
    next((tmp_path / "photos" / "train" / "dark").iterdir()).write_bytes(b"")
    result = nnlab_here("train", photos, "--set", "data.bad_images=skip", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "1 file of 40 left out, the first:" in result.stderr.replace("\n", " ")


def test_a_cache_that_cannot_be_written_is_said_once(tmp_path, photos, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("NNLAB_CACHE", str(tmp_path / "file"))
    result = nnlab_here("train", photos, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("not kept for the next time") == 1
