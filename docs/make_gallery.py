"""Draw the images of the pages: docs/images/comparison.png and docs/images/gallery/*.png.

    python docs/make_gallery.py

Each picture is that of a small training, comparison or sweep of an experiment in configs/, which this script runs in a
temporary folder. They are drawn at the width of a page and with few colours, so that all of them stay below 3 MB.
"""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import nnlab

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
_INCHES, _PIXELS, _COLOURS = 7.0, 1050, 96

# The pictures of a training, by the experiment that shows them and what is changed in it.
TRAININGS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "moons": (
        "moons",
        {
            "network.layers": [16, 16],
            "network.activation": {"name": "prelu", "learn": ["alpha"]},
            "optimizer.learning_rate": {"name": "cosine", "base": 0.02, "warmup": 0.1},
            "training": {"epochs": 60, "batch_size": 32, "health": True},
        },
        ("cost", "accuracy", "learning_rate", "learned_parameters", "boundary", "units", "health", "gradients"),
    ),
    "xor": ("xor", {"training.show_parameters": 20}, ("parameters", "architecture")),
    "digits": ("digits", {"training.epochs": 10}, ("confusion", "misclassified", "first_layer")),
    "digit-traits": ("digit-traits", {"training.epochs": 10}, ("labels",)),
    "digits-conv": ("digits-conv", {"training.epochs": 3}, ("samples", "filters", "feature_maps", "channels")),
    "spirals": ("spirals", {}, ("predictions",)),
    "auto-mpg": ("auto-mpg", {"training.epochs": 60}, ("fit",)),
}
ARMS = ("tanh", "relu", "elu", "softsign", "x * sigmoid(x)")


def main() -> None:
    """Draw all images."""
    gallery = IMAGES / "gallery"
    gallery.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, (config, changes, pictures) in TRAININGS.items():
            run = nnlab.train(_config(config), set=changes, name=name, runs_dir=folder)
            for picture in pictures:
                _draw(run, picture, gallery / f"training-{picture}.png")
        _comparison(Path(folder), gallery)
        swept = nnlab.sweep(
            _config("moons"),
            random=["optimizer.learning_rate=0.0003..0.3:log"],
            grid=["network.activation=tanh,prelu"],
            budget=10,
            seeds=3,
            runs_dir=folder,
        )
        for picture in ("keys", "final", "cost", "learned_parameters"):
            _draw(swept, picture, gallery / f"sweep-{picture}.png")
        _draw(swept, swept.summary["figure"].split("/")[1], gallery / "sweep-metric.png")
        _benchmark(folder, gallery)
        _by_commands(Path(folder), gallery)


def _benchmark(folder: str, gallery: Path) -> None:
    """The pictures of some activations over the tables that ship, with a tuned learning rate."""
    sets = (
        "moons",
        "circles",
        "spirals",
        "iris",
        "penguins",
        "breast-cancer",
        "auto-mpg",
        "concrete",
        "energy",
        "digits",
    )
    ran = nnlab.benchmark(
        [ROOT / "configs" / "atlas" / f"{name}.yaml" for name in sets],
        ("relu", "tanh", "sigmoid", "elu"),
        seeds=5,
        tune={"optimizer.learning_rate": "0.0003..0.03:log"},
        budget=6,
        name="tables",
        set={"training.steps": 200},
        runs_dir=folder,
    )
    for picture in ("pairs", "forest", "profiles", "ranks", "budget"):
        _draw(ran, picture, gallery / f"benchmark-{picture}.png")


def _comparison(folder: Path, gallery: Path) -> None:
    """The pictures of two comparisons: on XOR, and with what only a learned parameter and health show."""
    compared = nnlab.compare_activations(_config("xor"), ARMS, seeds=40, target="train/loss <= 0.05", runs_dir=folder)
    _draw(compared, "final", IMAGES / "comparison.png")
    for picture in ("ranking", "final", "cost", "survival"):
        _draw(compared, picture, gallery / f"comparison-{picture}.png")
    _draw(compared, compared.summary["figure"].split("/")[1], gallery / "comparison-metric.png")
    learned = nnlab.compare_activations(
        _config("moons"),
        ("tanh", "relu", "prelu", "x * sigmoid(x)"),
        set={"training": {"epochs": 30, "health": True}},
        seeds=5,
        name="moons",
        runs_dir=folder,
    )
    for picture in ("architecture", "boundaries", "film", "units", "learned_parameters", "health"):
        _shrink(learned.path / "plots" / f"{picture}.png", gallery / f"comparison-{picture}.png")


def _by_commands(folder: Path, gallery: Path) -> None:
    """The pictures that a command draws into a file of one's own, of runs that are there by now."""
    lines = {
        "activation": ["activations", "plot", "gelu"],
        "passport": ["activations", "show", "gelu"],
        "functions": ["activations", "plot", "relu", "elu", "gelu", "x * sigmoid(beta * x)", "--set", "beta=2"],
        "operations": ["draw", str(_config("xor")), "--operations"],
        "runs": ["runs", "compare", "moons@latest", "spirals", "--runs-dir", str(folder)],
    }
    for name, words in lines.items():
        out = gallery / f"command-{name}.png"
        _nnlab(*words, "--out", str(out))
        _shrink(out, out)
    _answers(folder / "images", folder, gallery)


def _answers(images: Path, folder: Path, gallery: Path) -> None:
    """What a network that was trained on image files says of new ones."""
    _write_digits(images / "old", slice(400))
    _write_digits(images / "new", slice(400, 420))
    changes = {"data.source": str(images / "old"), "training.epochs": 6}
    run = nnlab.train(_config("digits-conv"), set=changes, name="images", runs_dir=folder)
    _nnlab("eval", str(run.path), "--data", str(images / "new"), "--quiet")
    _shrink(run.path / "plots" / "answers.png", gallery / "command-answers.png")


def _nnlab(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "nnlab", *words], check=True, capture_output=True)


def _write_digits(folder: Path, which: slice) -> None:
    """Image files of some digits that ship, in a folder for each class."""
    with gzip.open(ROOT / "data" / "digits.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    for number, (*pixels, digit) in enumerate(rows[which]):
        (folder / digit).mkdir(parents=True, exist_ok=True)
        image = np.array(pixels, float).reshape(8, 8) * 15  # from 0 … 16 to bytes
        Image.fromarray(image.astype(np.uint8)).save(folder / digit / f"{number}.png")


def _config(name: str) -> Path:
    return ROOT / "configs" / f"{name}.yaml"


def _draw(result: nnlab.Run | nnlab.ComparisonRun, picture: str, out: Path) -> None:
    result.plot(picture, out, width=_INCHES)
    _shrink(out, out)


def _shrink(source: Path, out: Path) -> None:
    """Write a picture with no more pixels and colours than a page shows."""
    with Image.open(source) as opened:
        image = opened.convert("RGB")
    image.thumbnail((_PIXELS, 4 * _PIXELS), Image.Resampling.LANCZOS)
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
