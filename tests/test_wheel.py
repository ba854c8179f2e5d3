"""What is built, used outside the checkout: help, a user's own experiment, and every set that is made by code.

The wheel, and the one that is made of the source distribution, are put into environments of each Python that is found
here. Those of another version than this one get the libraries of this one, of which only the ones without machine code
work there: enough for `nnlab --version`. With NNLAB_INSTALL=1 they get their own from the package index, and train.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from nnlab import __version__
from nnlab.data.catalogue import CATALOGUE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MADE = [name for name, entry in CATALOGUE.items() if entry.make]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
THIS = sys.version_info[:2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="module")
def wheel(folder):
    return wheel_of(ROOT, folder / "wheel")


@pytest.fixture(scope="module")
def sdist(folder):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder / "sdist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = (folder / "sdist").glob("nnlab-*.tar.gz")
    return built


def wheel_of(source, folder):
    """The wheel that is built of a folder or a source distribution."""
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(source)]
    subprocess.run([*PIP, *build], check=True)
    (built,) = folder.glob("nnlab-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(folder, wheel):
    site = folder / "site"
    subprocess.run(
        [*PIP, "install", "--no-compile", "--no-deps", "--no-index", "--target", str(site), str(wheel)], check=True
    )
    return site


def contents(wheel):
    """The files of a wheel, without the list of their hashes."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("RECORD")}


def test_the_source_distribution_makes_the_same_wheel(folder, wheel, sdist):
    again = contents(wheel_of(sdist, folder / "again"))
    assert again == contents(wheel)
    assert f"nnlab-{__version__}.dist-info/METADATA" in again


def python_of(version):
    """The path of a Python of this version on this machine, or None."""
    name = "python" + ".".join(map(str, version))
    places = [shutil.which(name), *Path.home().glob(f".pyenv/versions/{name.removeprefix('python')}.*/bin/python")]
    asked = "import sys; print(sys.version_info[:2])"
    for place in filter(None, places):
        answer = subprocess.run([place, "-c", asked], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == str(version):
            return place
    return None


@pytest.fixture(scope="module")
def environments(folder, wheel, sdist):
    """By the version of Python, a function that puts a distribution into an environment, and gives its folder."""

    def made(version, built):
        python = sys.executable if version == THIS else python_of(version)
        if python is None:
            pytest.skip(f"there is no Python {version[0]}.{version[1]} here")
        environment = folder / f"python{version[1]}-{built.suffix}"
        subprocess.run([python, "-m", "venv", "--without-pip", str(environment)], check=True)
        into = [*PIP, "--python", str(environment / "bin" / "python"), "install", "--no-compile"]
        if is_whole(version) and version != THIS:
            subprocess.run([*into, "-c", str(ROOT / "constraints.txt"), str(built)], check=True)
            return environment
        (site,) = environment.glob("lib/python*/site-packages")
        (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        subprocess.run([*into, "--no-deps", "--no-index", "--no-build-isolation", str(built)], check=True)
        return environment

    return lambda version, kind: made(version, wheel if kind == "wheel" else sdist)


def is_whole(version):
    """Whether an environment of this version has libraries that work."""
    return version == THIS or os.environ.get("NNLAB_INSTALL") == "1"


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)], ids=str)
def test_the_command_works_where_it_is_installed(environments, tmp_path, version, kind):
    environment = environments(version, kind)

    def nnlab(*words):
        command = [environment / "bin" / "nnlab", *words]
        done = subprocess.run(command, cwd=tmp_path, env=clean(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert nnlab("--version") == f"nnlab {__version__}\n"
    if is_whole(version):
        (tmp_path / "mine.yaml").write_text("name: mine\ntask: binary\ndata: {source: moons}\n")
        assert '"parameters"' in nnlab("train", "mine.yaml", "--dry-run", "--json")


def clean(**changes):
    """An environment without what the tests' own checkout needs, in which nothing is compiled twice."""
    dropped = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | changes


def python(installed, folder, *words, **changes):
    environment = clean(PYTHONPATH=str(installed), PYTHONWARNINGS="error") | changes
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(installed, folder, *words):
    return python(installed, folder, "-m", "nnlab", *words)


def test_the_wheel_is_what_runs(installed, tmp_path):
    found = python(installed, tmp_path, "-c", "import nnlab; print(nnlab.__file__)")
    assert found.startswith(str(installed))
    assert "compare-activations" in run(installed, tmp_path, "--help")
    assert (installed / "nnlab" / "cli" / "words.json").is_file()


TRAIN_EACH = """
import sys
from nnlab.cli.app import main

for config in sys.argv[1:]:
    sys.argv = ["nnlab", "train", config, "--quiet"]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


@pytest.fixture(scope="module")
def runs_of_sets(installed, folder):
    """Run folders by set, all trained in one process, which loads everything once, with unpainted pictures."""
    place = folder / "sets"
    place.mkdir()
    for name in MADE:
        text = f"task: {CATALOGUE[name].task}\ndata: {{source: {name}}}\nnetwork: {{layers: [4]}}\n"
        (place / f"{name}.yaml").write_text(f"name: {name}\n{text}training: {{steps: 3}}\n")
    quick = f"{installed}{os.pathsep}{ROOT / 'tests' / 'quick_pictures'}"
    configs = [f"{name}.yaml" for name in MADE]
    runs = python(installed, place, "-c", TRAIN_EACH, *configs, PYTHONPATH=quick).splitlines()
    return {name: place / run for name, run in zip(MADE, runs, strict=True)}


@pytest.mark.parametrize("name", MADE)
def test_sets_made_by_code_train_outside_the_checkout(runs_of_sets, name):
    folder = runs_of_sets[name]
    assert folder.name.endswith(f"_{name}")
    assert (folder / "summary.json").is_file()
    assert (folder / "plots" / "cost.png").is_file()


def test_a_users_own_table(installed, tmp_path):
    rows = "".join(f"{i},{i % 7},{'high' if i % 7 > 3 else 'low'}\n" for i in range(40))
    (tmp_path / "mine.csv").write_text("a,b,level\n" + rows)
    config = "name: mine\ntask: binary\ndata: {source: mine.csv, test: 0.2}\ntraining: {epochs: 2}\n"
    (tmp_path / "mine.yaml").write_text(config)
    folder = run(installed, tmp_path, "train", "mine.yaml", "--quiet").strip()
    assert (tmp_path / folder / "plots" / "cost.png").stat().st_size > 5000  # painted
    assert (
        run(installed, tmp_path, "eval", "latest", "--data", "mine.csv", "--quiet").strip().endswith(Path(folder).name)
    )
