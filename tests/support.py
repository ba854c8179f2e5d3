"""Shared by the tests: the command line as its users run it, in a process of its own or, where that adds nothing, here.

`nnlab` starts a process, as shell scripts do; `nnlab_here` runs the same command in this one, which is quicker.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from typer.testing import CliRunner

from nnlab.cli.app import app_of
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.errors import ConfigError
from nnlab.maths.activations import ACTIVATIONS
from nnlab.storage.documents import SEAL

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "configs" / "notebooks"
XOR = ROOT / "configs" / "xor.yaml"
COMMAND = (sys.executable, "-m", "nnlab")

# The quickest training there is: a straight line through twelve houses, in float64.
HOUSES = """\
name: houses
task: regression
precision: float64
data:
  source: houses
optimizer: {name: adam, learning_rate: 0.01}
training:
  steps: 10
  batch_size: all
"""


# What a command's environment has of this one; the last lets it tell what it covers, where that is measured.
KEPT = ("PATH", "HOME", "TMPDIR", "OPENBLAS_CORETYPE", "COVERAGE_PROCESS_CONFIG", "NNLAB_CACHE")

# What the environment of every command has besides: `quick_pictures` and `no_pictures` of conftest.py set it.
ADDED = {}

# With these words for `nnlab` its pictures are painted all the same.
PAINTED = {"PYTHONPATH": None}

# With these it trains until it is stopped.
LONG = (
    "--set",
    "training.steps=100000000",
    "--set",
    "training.log_every=2000",
    "--set",
    "training.evaluate_every=4000",
)


def environment(**changes):
    """A clean environment, in which any warning is an error; None takes a variable away.

    What chooses the BLAS kernels stays: other kernels round otherwise, and a run here is compared with a run there.
    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    wanted = kept | {"LANG": "C.UTF-8", "PYTHONWARNINGS": "error"} | ADDED | changes
    return {name: value for name, value in wanted.items() if value is not None}


def nnlab(*words, cwd, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **changes):
    """`nnlab` in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        check=False,
    )


def sh(command, cwd, **changes):
    """A shell's command; under its limits bytecode, and what is covered, could be written in part only."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=environment(PYTHONDONTWRITEBYTECODE="1", COVERAGE_PROCESS_CONFIG=None, **changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def begun(folder, *words, prefix=(), **changes):
    """A training in a process of its own that has begun to train."""
    command = [*prefix, *COMMAND, "train", *map(str, words)]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(**changes), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        metrics = list((folder / "runs").glob("2*/metrics.csv"))
        if metrics and metrics[0].read_text(encoding="utf-8").count("\n") > 3:
            return process
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"no training began: {process.communicate()}")


def nnlab_here(*words, cwd):
    """`nnlab` in this process: exit_code, stdout and stderr. An exception that the user would see is raised.

    Nobody says how wide the screen is, whatever started pytest.
    """
    with contextlib.chdir(cwd):
        words = [str(word) for word in words]
        return CliRunner(env={"COLUMNS": None}).invoke(app_of(words), words, catch_exceptions=False)


def write(folder, text, name="experiment.yaml"):
    """A file with that text, and its path."""
    path = Path(folder) / name
    path.write_text(text, encoding="utf-8")
    return path


def table(names, row, count=30):
    """The text of a table with commas: a line of names, and `row(i)` for each row."""
    return "".join(f"{line}\n" for line in [names, *map(row, range(count))])


def packed(data, name):
    """Bytes as a file of that name holds them."""
    if name.lower().endswith(".gz"):
        return gzip.compress(data)
    if not name.endswith(".zip"):
        return data
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr(name.removesuffix(".zip"), data)
    return archive.getvalue()


def faults(text, activations=ACTIVATIONS):
    """Every fault of an experiment's text, as lines; none where it is fine."""
    try:
        validate(read_text(text, "e.yaml"), activations)
    except ConfigError as error:
        return [str(fault) for fault in error.faults]
    return []


def read_json(path):
    """A JSON file, read strictly: no NaN."""
    return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)


def parse_json(text):
    """Exactly one JSON document."""
    return json.loads(text, parse_constant=_refuse)


def unsealed(document):
    """A document of a run without the SHA-256 of its content: it may be changed."""
    return {name: value for name, value in document.items() if name != SEAL}


def _refuse(word):
    raise ValueError(f"{word} is no JSON")


def read_rows(path):
    """The rows of a CSV file as dicts of text."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def trained(cwd, *words):
    """Train in this process, and the run folder."""
    result = nnlab_here("train", *words, "--quiet", cwd=cwd)
    assert result.exit_code == 0, result.stderr
    return Path(cwd) / result.stdout.strip()
