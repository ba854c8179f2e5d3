"""README is short, its first command does the main job, and CI runs the commands of its last section."""

import pytest
from documentation import README, Reader, blocks_of
from support import ROOT

SETUP = [block.text for block in blocks_of(README, "sh") if block.sets_up]


def test_it_has_at_most_150_lines():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.slow
def test_the_first_command_compares_activations_on_digits(tmp_path):
    done = Reader(tmp_path / "checkout", paints=False).in_a_shell(SETUP[0].split("&& .venv/bin/")[-1])
    assert all(name in done.stderr for name in ("sigmoid", "tanh", "relu"))


def test_ci_runs_the_commands_of_the_development_section():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (section,) = (block for block in SETUP if "ruff" in block)
    for line in section.splitlines()[1:]:
        assert f"\n{line}" in ci
