"""The pages of the documentation, README among them, and a reader who does what they say."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import yaml
from support import ROOT, nnlab_here

from nnlab.config.document import read_text
from nnlab.config.experiment import validate

README = ROOT / "README.md"
DOCS = ROOT / "docs"
REFERENCE = sorted(DOCS.glob("reference/*.md"))
PAGES = [README, *sorted(DOCS.glob("*.md"))]

_BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_SHELL = set("();<>|&")
_DRAWING = ("nnlab draw", "nnlab plot", "activations plot", "runs compare", "--figures", ".plot(")
_QUICK = ROOT / "tests" / "quick_pictures"


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, the name of the file that it is, if any, and its text."""

    language: str
    title: str
    text: str

    @property
    def sets_up(self):
        """Whether it installs: what else it says has a test of its own."""
        return "pip install" in self.text and self.language == "sh"

    @property
    def is_of_a_build_server(self):
        """Whether it is a file for GitHub Actions or GitLab CI."""
        return self.title.startswith(".")


def make_reference():
    """The script that makes the reference pages, as a module."""
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def text_of(name):
    """The text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks_of(page, language=None):
    """The blocks of a page, or those in a language."""
    found = [Block(*match) for match in _BLOCK.findall(page.read_text(encoding="utf-8"))]
    return [block for block in found if language in (None, block.language)]


def words_of(line):
    """The words of a line that is one command of nnlab and nothing else; None where only a shell can run it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words = list(lexer)
    plain = words[:1] == ["nnlab"] and "$" not in line and not any(set(word) <= _SHELL for word in words if word)
    return words[1:] if plain else None


def experiment_of(text):
    """The experiment of a block of YAML, which may be a part of a file: the rest is that of the smallest one."""
    missing = {"name": "part", "task": "binary", "data": "{source: xor}"}
    own = yaml.safe_load(text)
    given = "".join(f"{key}: {value}\n" for key, value in missing.items() if key not in own)
    return validate(read_text(given + text, "a block"))


def commands_of_a_build_server(text):
    """The commands of nnlab in a file for GitHub Actions or GitLab CI."""
    read = yaml.safe_load(text)
    jobs = read["jobs"].values() if "jobs" in read else [job for job in read.values() if "script" in job]
    lines = [step.get("run", "") for job in jobs for step in job.get("steps", [])]
    lines += [line for job in jobs for line in job.get("script", [])]
    return "".join(f"{line}\n" for line in lines if line.startswith("nnlab"))


@dataclass
class Reader:
    """Does what the blocks of a page say, one after the other, in a folder that looks like the checkout.

    Plain commands run in this process, which is quicker; what needs a shell gets one, with an `nnlab` on its PATH. A
    block that asks for no picture has those of its trainings not drawn.
    """

    folder: Path
    paints: bool = True
    names: dict[str, object] = field(default_factory=lambda: {"input": print})

    def __post_init__(self):
        self.folder.mkdir(exist_ok=True)
        for name in ("configs", "data"):
            (self.folder / name).symlink_to(ROOT / name)
        script = self.folder / "bin" / "nnlab"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m nnlab "$@"\n')
        script.chmod(0o755)

    def follow(self, block):
        """Do what a block says; AssertionError if that fails."""
        self.paints = any(words in block.text for words in _DRAWING)
        undrawn = patch("nnlab.experiments.pictures._attempt", lambda *_: None)
        with contextlib.nullcontext() if self.paints else undrawn:
            self._do(block)

    def _do(self, block):
        if block.is_of_a_build_server:
            Reader(self.folder / block.title.replace("/", "-"), self.paints).run(commands_of_a_build_server(block.text))
        elif block.language == "sh":
            self.run(block.text)
        elif block.language == "python":
            with contextlib.chdir(self.folder):
                exec(compile(block.text, "a block of Python", "exec"), self.names)
        elif block.language == "yaml":
            experiment_of(block.text)

    def run(self, text):
        """Run lines of a shell."""
        lines = [words_of(line) for line in text.splitlines()]
        if None in lines:
            self.in_a_shell(text)
            return
        for words in lines:
            done = nnlab_here(*words, cwd=self.folder)
            assert done.exit_code == 0, f"nnlab {shlex.join(words)}\n{done.stdout}{done.stderr}"

    def in_a_shell(self, text):
        """Run lines in bash, in which the first failure is the end."""
        places, undrawn = ([ROOT], "") if self.paints else ([ROOT, _QUICK], "1")
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(map(str, places)), "NO_PICTURES": undrawn},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done


def clusters():
    """Stand-ins for the libraries that start clusters: modules by name."""

    def cluster(**_):
        return SimpleNamespace(scheduler_address="tcp://127.0.0.1:8786", scale=lambda jobs: jobs)

    operator = SimpleNamespace(KubeCluster=cluster)
    return {
        "dask_jobqueue": SimpleNamespace(SLURMCluster=cluster),
        "dask_kubernetes": SimpleNamespace(operator=operator),
        "dask_kubernetes.operator": operator,
    }
