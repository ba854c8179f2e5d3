"""The built wheel, used outside the checkout: help, a user's own experiment, and every set that is made by code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnlab.data.catalogue import CATALOGUE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MADE = [name for name, entry in CATALOGUE.items() if entry.make]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("nnlab-*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel)], check=True
    )
    return folder / "site"


def run(installed, folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "nnlab", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_what_runs(installed, tmp_path):
    code = "import nnlab; print(nnlab.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(installed))
    assert "compare-activations" in run(installed, tmp_path, "--help")
    assert (installed / "nnlab" / "cli" / "words.json").is_file()


@pytest.mark.parametrize("name", MADE)
def test_sets_made_by_code_train_outside_the_checkout(installed, tmp_path, name):
    task = CATALOGUE[name].task
    config = f"name: {name}\ntask: {task}\ndata: {{source: {name}}}\nnetwork: {{layers: [4]}}\ntraining: {{steps: 3}}\n"
    (tmp_path / "mine.yaml").write_text(config)
    folder = Path(run(installed, tmp_path, "train", "mine.yaml", "--quiet").strip())
    assert (tmp_path / folder / "summary.json").is_file()
    assert (tmp_path / folder / "plots" / "cost.png").is_file()


def test_a_users_own_table(installed, tmp_path):
    rows = "".join(f"{i},{i % 7},{'high' if i % 7 > 3 else 'low'}\n" for i in range(40))
    (tmp_path / "mine.csv").write_text("a,b,level\n" + rows)
    config = "name: mine\ntask: binary\ndata: {source: mine.csv, test: 0.2}\ntraining: {epochs: 2}\n"
    (tmp_path / "mine.yaml").write_text(config)
    folder = run(installed, tmp_path, "train", "mine.yaml", "--quiet").strip()
    assert (
        run(installed, tmp_path, "eval", "latest", "--data", "mine.csv", "--quiet").strip().endswith(Path(folder).name)
    )
